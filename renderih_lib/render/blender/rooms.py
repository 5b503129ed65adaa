"""Interiors."""

from renderih_lib.render.blender.forms import Thing, block, box
from renderih_lib.render.blender.surfaces import boards, brick, glowing, kelvin, plaster, wood


def build(scene, rng):
    """Fill the scene with a room; returns where the camera stands, (3,) metres."""
    floor = boards(rng, (0.3, 0.18, 0.1))
    wall = plaster(rng, (0.7, 0.65, 0.6))
    Thing().add(block((-3, -3, -0.1), (3, 3, 0)), floor).add(block((-3, -3, 2.6), (3, 3, 2.7)), wall).put(
        scene
    )
    Thing().add(block((-3, -3.2, 0), (3, -3, 2.6)), brick(rng, (0.4, 0.15, 0.1))).add(
        block((-3, 3, 0), (3, 3.2, 2.6)), wall
    ).put(scene)
    Thing().add(block((-3.2, -3, 0), (-3, 3, 2.6)), wall).add(block((3, -3, 0), (3.2, 3, 2.6)), wall).put(
        scene
    )
    Thing().add(box((0.6, 0.6, 0.02)), glowing(kelvin(3000), 30)).put(scene, 1, 1, 2.55)
    Thing().add(box((1.2, 0.7, 0.03), (0, 0, 0.72)), wood(rng, (0.4, 0.25, 0.12))).put(scene, 0.5, 0, 0)
    return 0.0, 0.0, 1.2
