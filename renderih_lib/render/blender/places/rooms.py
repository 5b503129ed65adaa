"""Interiors, each furnished by chance around the place where hands would be."""

from renderih_lib.render.blender.places.homes import (
    bathroom,
    bedroom,
    dining,
    hall,
    hobby_room,
    kitchen,
    living,
    study,
)
from renderih_lib.render.blender.places.workplaces import (
    atelier,
    cafe,
    classroom,
    laboratory,
    library,
    office,
    shop,
    workshop,
)

KINDS = (
    living, kitchen, office, workshop, bathroom, cafe, library, bedroom, laboratory, dining, atelier, hall, shop, study, classroom,
    hobby_room,
)  # fmt: skip


def build(scene, rng, number: int):
    """Fill the scene with the room `number`; returns where the camera stands, (3,) metres.

    The kind of room is one after the other of `KINDS`, the rest is drawn.
    """
    return KINDS[number % len(KINDS)](scene, rng)
