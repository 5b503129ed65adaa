"""Rooms of a home. Each fills the scene and returns where the camera stands, (3,) metres."""

import numpy as np

from renderih_lib.render.blender import surfaces
from renderih_lib.render.blender.places import clutter, decor, fittings, furniture
from renderih_lib.render.blender.places.decor import (
    BATH,
    CRAFT,
    DESK,
    LOUNGE,
    MEAL,
    SUPPER,
    around,
    seat,
    top_of,
)
from renderih_lib.render.blender.places.forms import Thing, box
from renderih_lib.render.blender.places.palettes import DARK, DEEP, PALE, WALLS, pick


def living(scene, rng):
    """A living room, seen from over the coffee table."""
    room = decor.empty_room(scene, rng, (4.2, 4.2, 2.4), (6.5, 6.0, 3.0))
    f = room.f
    room.open_window(int(rng.integers(4)), 0.9, 0.0, 2.05, True)
    room.windows(int(rng.integers(1, 4)), ("window", "tall", "band")[rng.integers(3)])
    place, size = (*decor.middle(room, 1.9), decor.quarter(rng)), rng.uniform((0.9, 0.55), (1.2, 0.7))
    decor.over(room, place, size, 0.9, 1.1)
    furniture.rug(rng, (2.6, 1.9), rng.random() < 0.3).put(scene, *place[:2], 0, place[2])
    room.stand(furniture.table(rng, f, size, 0.42), *place)
    room.dress(place, LOUNGE, top_of(size), 0.42, 10)
    around(room, place, 0.0, -1.55, 0.0, lambda: furniture.sofa(rng, f, int(rng.integers(2, 4))))
    around(room, place, 0.0, 2.1, np.pi, lambda: furniture.television(rng, f))
    around(room, place, 1.75, 0.0, np.pi / 2, lambda: furniture.sofa(rng, f, 1))
    if rng.random() < 0.6:
        around(room, place, -1.6, 0.1, -np.pi / 2, lambda: furniture.sofa(rng, f, 1))
    room.back(furniture.bookcase(rng, f, rng.uniform(0.8, 1.8), rng.uniform(1.2, 2.2), 0.3, "mixed"))
    room.back(fittings.floor_lamp(rng, f, room.lamp(60)))
    room.back(furniture.tree_plant(rng, f))
    decor.sideboard(room, LOUNGE)
    room.back(furniture.tall_plant(rng, f))
    room.back(fittings.floor_lamp(rng, f, room.lamp(60)))
    if rng.random() < 0.6:
        room.hang_lamp(*place[:2], 2.0)
    decor.hang_pictures(room, int(rng.integers(2, 6)))
    return decor.finished(room, ("boards", "parquet", "carpet", "boards"), 0.7, 0.2, (4, 9), 0.6, "curtains")


def kitchen(scene, rng):
    """A kitchen, seen from the worktop or the table."""
    room = decor.empty_room(scene, rng, (2.8, 3.0, 2.4), (4.6, 4.4, 2.8))
    f, wall = room.f, int(rng.integers(4))
    room.open_window((wall + 1) % 4, 0.9, 0.0, 2.05, True)
    room.windows(int(rng.integers(1, 3)), "window", [(wall + 2) % 4, (wall + 1) % 4])
    length = min(room.length(wall) - 0.85, rng.uniform(2.2, 3.6))
    run = fittings.kitchen(rng, f, length)
    x, y = room.spot(wall, length / 2 + 0.03, 0.01)
    angle = wall * np.pi / 2
    at_table = rng.random() < 0.5
    table = (*room.spot((wall + 2) % 4, room.length(wall) / 2, rng.uniform(0.55, 0.9)), angle)
    size = (rng.uniform(0.9, min(1.5, room.length(wall) - 1.4)), 0.75)
    if at_table:
        decor.over(room, table, size, 1.15, 1.35)
    else:
        room.look_from(*room.spot(wall, length / 2 + rng.uniform(-0.2, 0.2), 0.55), rng.uniform(1.25, 1.4))
    room.stand(run, x, y, angle)
    room.dress((x, y, angle), SUPPER, ((-0.05 * length, 0.06), (0.13 * length, 0.58)), 0.9, 4)
    room.dress((x, y, angle), SUPPER, ((0.36 * length, 0.06), (0.5 * length, 0.5)), 0.9, 4)
    room.dress((x, y, angle), SUPPER, ((-0.5 * length, 0.04), (-0.4 * length, 0.5)), 0.9, 3)
    room.stand(fittings.fridge(rng, f), *room.spot(wall, length + 0.4, 0.01), angle)
    room.stand(furniture.table(rng, f, size), *table)
    room.dress(table, MEAL, top_of(size), 0.74, 10)
    style = int(rng.integers(3))
    seat(room, *table[:2], size, angle, lambda: furniture.chair(rng, f, style))
    if rng.random() < 0.5:
        unit = furniture.cabinet(rng, f, 0.6, 0.7, 0.34, 1, 1)
        for u in np.arange(0.35, length, 0.62):
            room.stand(unit, *room.spot(wall, u, 0.005), angle, 1.5)
    else:
        room.back(fittings.wall_shelf(rng, f, rng.uniform(0.9, 1.6)), wall, 1.45)
        room.back(fittings.wall_shelf(rng, f, rng.uniform(0.7, 1.2)), wall, 1.85)
    room.back(furniture.bookcase(rng, f, 0.7, 1.9, 0.3, "goods"))
    decor.sideboard(room, SUPPER, 0.9)
    room.back(furniture.tall_plant(rng, f))
    room.hang_lamp(*table[:2], 1.75)
    decor.hang_pictures(room, 3)
    room.ceiling_grid("spot", 2, 2, 300, 3200)
    walls = decor.wall_materials(room, 0.2)
    if rng.random() < 0.7:
        walls[wall] = surfaces.tiles(
            rng,
            pick(rng, PALE + DEEP + WALLS),
            None,
            ((0.15, 0.075), (0.1, 0.1), (0.2, 0.1))[rng.integers(3)],
        )
    return decor.finished(
        room,
        ("tiles", "checker", "boards", "stone"),
        walls,
        0.1,
        (4, 9),
        0.6,
        ("", "blinds", "curtains")[rng.integers(3)],
    )


def dining(scene, rng):
    """A dining room, seen from a seat at the laid table."""
    room = decor.empty_room(scene, rng, (3.6, 3.8, 2.4), (5.2, 5.6, 3.2), 0.4)
    f = room.f
    room.open_window(int(rng.integers(4)), 0.9, 0.0, 2.05, True)
    room.windows(int(rng.integers(1, 3)), ("window", "tall")[rng.integers(2)])
    place, size = (*decor.middle(room, 1.6), decor.quarter(rng)), rng.uniform((1.5, 0.85), (2.1, 1.0))
    decor.over(room, place, size, 1.1, 1.3)
    if rng.random() < 0.5:
        furniture.rug(rng, (size[0] + 1.0, size[1] + 1.2)).put(scene, *place[:2], 0, place[2])
    room.stand(furniture.table(rng, f, size), *place)
    room.dress(place, MEAL + (clutter.plate, clutter.plate, clutter.tumbler), top_of(size), 0.74, 18)
    style, tint = int(rng.integers(3)), pick(rng, DEEP)
    seat(room, *place[:2], size, place[2], lambda: furniture.chair(rng, f, style, tint))
    room.hang_lamp(*place[:2], 1.6, 80)
    decor.sideboard(room, LOUNGE, rng.uniform(1.3, 1.8))
    room.back(furniture.bookcase(rng, f, 1.0, 2.0, 0.35, ("goods", "mixed")[rng.integers(2)]))
    room.back(furniture.tree_plant(rng, f))
    room.back(fittings.floor_lamp(rng, f, room.lamp(60)))
    room.back(fittings.mirror(f, 0.6, 0.9), None, 1.15)
    decor.hang_pictures(room, 5)
    return decor.finished(room, ("parquet", "boards", "stone"), 0.9, 0.3, (4, 8), 0.5, "curtains")


def bedroom(scene, rng):
    """A bedroom, seen from the edge of the bed."""
    room = decor.empty_room(scene, rng, (3.2, 3.5, 2.4), (4.6, 4.8, 2.8), 0.4)
    f, wall = room.f, int(rng.integers(4))
    room.open_window((wall + 2) % 4, 0.9, 0.0, 2.05, True)
    room.windows(
        int(rng.integers(1, 3)), ("window", "tall")[rng.integers(2)], [(wall + 1) % 4, (wall + 3) % 4]
    )
    angle, width = wall * np.pi / 2, rng.uniform(1.3, 1.7)
    u = room.length(wall) * rng.uniform(0.42, 0.58)
    room.look_from(
        *room.spot(wall, u + rng.uniform(-0.4, 0.4), rng.uniform(1.2, 1.9)), rng.uniform(0.95, 1.2)
    )
    furniture.rug(rng, (width + 1.0, 1.5)).put(scene, *room.spot(wall, u, 1.9), 0, angle)
    room.stand(furniture.bed(rng, f, width), *room.spot(wall, u, 0.02), angle)
    glow = room.lamp(60)
    for side in (-1, 1):
        x, y = room.spot(wall, u + side * (width / 2 + 0.32), 0.02)
        if room.stand(furniture.cabinet(rng, f, 0.45, 0.5, 0.4, 2, 1), x, y, angle):
            room.stand(Thing().include(clutter.desk_lamp(rng, f, glow), 0, 0.2), x, y, angle, 0.505)
            room.dress(
                (x, y, angle),
                (clutter.book, clutter.tumbler, clutter.cup),
                ((-0.2, 0.26), (0.2, 0.39)),
                0.5,
                2,
            )
    tray = (*room.spot(wall, u, 1.45), angle)
    Thing().add(box((0.5, 0.34, 0.02)), f.wood).put(scene, *tray[:2], 0.605, angle)
    room.dress(
        tray, (clutter.cup, clutter.open_book, clutter.plate, clutter.books), top_of((0.5, 0.34)), 0.625, 4
    )
    room.back(furniture.cabinet(rng, f, rng.uniform(1.2, 1.8), 2.1, 0.58, 1, int(rng.integers(2, 4))))
    decor.sideboard(room, LOUNGE + (clutter.towel_pile,), 1.1)
    room.back(furniture.sofa(rng, f, 1))
    room.back(fittings.mirror(f, 0.5, 1.5), None, 0.3)
    room.back(furniture.tall_plant(rng, f))
    room.back(furniture.bookcase(rng, f, 0.8, 1.2, 0.28, "mixed"))
    decor.hang_pictures(room, 4)
    if rng.random() < 0.6:
        room.ceiling_grid("dish", 1, 1, 20, 3000)
    return decor.finished(room, ("boards", "carpet", "parquet"), 0.8, 0.15, (3, 7), 0.6, "curtains")


def bathroom(scene, rng):
    """A bathroom, seen from the basin."""
    room = decor.empty_room(scene, rng, (2.3, 2.4, 2.3), (3.4, 3.6, 2.7), 0.4)
    f, wall = room.f, int(rng.integers(4))
    room.open_window((wall + 2) % 4, 0.9, 0.0, 2.05, True)
    room.windows(1, "small", [(wall + 1) % 4])
    angle, u, width = wall * np.pi / 2, room.length(wall) * rng.uniform(0.4, 0.6), rng.uniform(0.9, 1.2)
    room.look_from(*room.spot(wall, u, rng.uniform(0.5, 0.6)), rng.uniform(1.2, 1.35))
    x, y = room.spot(wall, u, 0.01)
    room.stand(fittings.basin(rng, f, width), x, y, angle)
    room.dress((x, y, angle), BATH[:4], ((-width / 2 + 0.02, 0.03), (-0.21, 0.44)), 0.82, 5)
    room.dress((x, y, angle), BATH, ((0.21, 0.03), (width / 2 - 0.02, 0.44)), 0.82, 5)
    room.stand(fittings.mirror(f, rng.uniform(0.5, width), 0.7), x, y, angle, 1.2)
    if not room.back(fittings.bath(f, 1.6), (wall + 3) % 4):
        room.back(fittings.bath(f, 1.5))
    room.back(fittings.toilet(f))
    room.back(fittings.towel_rail(rng, f), None, 0.5)
    room.back(furniture.cabinet(rng, f, 0.4, 1.7, 0.32, 2, 1))
    room.back(fittings.wall_shelf(rng, f, 0.6, (clutter.bottle, clutter.jar)), None, 1.5)
    room.back(furniture.bookcase(rng, f, 0.5, 1.1, 0.28, "goods"))
    room.back(Thing().include(clutter.basket(rng, f), 0, 0.2))
    room.back(furniture.tall_plant(rng, f))
    furniture.rug(rng, (0.9, 0.6)).put(scene, *room.spot(wall, u, 1.0), 0, angle)
    room.ceiling_grid("spot", 2, 2, 350, rng.choice([3000, 4000]))
    if rng.random() < 0.5:
        room.ceiling_grid("dish", 1, 1, 15, 3500)
    side = ((0.2, 0.2), (0.15, 0.075), (0.3, 0.6), (0.1, 0.1))[rng.integers(4)]
    tiled = surfaces.tiles(
        rng, pick(rng, PALE + WALLS + DEEP), None, side, offset=float(rng.choice([0.0, 0.5]))
    )
    walls = [tiled] * 4
    if rng.random() < 0.6:
        walls[rng.integers(4)] = surfaces.tiles(
            rng, pick(rng, DEEP + DARK), pick(rng, DEEP + PALE), (0.05, 0.05)
        )
    return decor.finished(room, ("tiles", "checker", "stone", "tiles"), walls, 0.0, (4, 8), 0.4, "")


def hall(scene, rng):
    """A hall with stairs, seen from the chest of drawers."""
    room = decor.empty_room(scene, rng, (3.4, 4.4, 3.2), (4.6, 6.0, 4.2))
    f, wall = room.f, int(rng.integers(4))
    for k in range(4):
        if k not in (wall, (wall + 1) % 4) and rng.random() < 0.75:
            room.open_window(k, 0.9, 0.0, 2.05, True)
    room.windows(2, ("window", "tall")[rng.integers(2)], [(wall + 2) % 4, (wall + 3) % 4])
    other = (wall + 1) % 4
    u = room.length(other) * rng.uniform(0.4, 0.6)
    x, y = room.spot(other, u, 0.01)
    angle = other * np.pi / 2
    room.look_from(
        *room.spot(other, u + rng.uniform(-0.3, 0.3), rng.uniform(0.45, 0.6)), rng.uniform(1.2, 1.4)
    )
    steps = min(13, int((room.length(wall) - 0.4) / 0.26), int((room.size[2] - 1.1) / 0.175))
    room.stand(fittings.stairs(rng, f, steps), *room.spot(wall, 0.35, 0.01), wall * np.pi / 2)
    width = rng.uniform(0.9, 1.4)
    room.stand(furniture.cabinet(rng, f, width, 0.85, 0.42, 3, 2), x, y, angle)
    room.dress(
        (x, y, angle),
        LOUNGE + (clutter.papers, clutter.basket),
        ((-width / 2, 0.02), (width / 2, 0.4)),
        0.85,
        7,
    )
    room.stand(fittings.mirror(f, 0.6, 0.9), x, y, angle, 1.35)
    room.back(fittings.coats(rng, f), None, 0.55)
    room.back(furniture.tree_plant(rng, f))
    room.back(furniture.chair(rng, f))
    room.back(furniture.bookcase(rng, f, 0.8, 1.1, 0.32, "goods"))
    room.back(fittings.floor_lamp(rng, f, room.lamp(60)))
    room.back(Thing().include(clutter.basket(rng, f), 0, 0.2))
    decor.hang_pictures(room, 6)
    furniture.rug(rng, (2.2, 0.9)).put(scene, *(room.size[:2] / 2), 0, angle)
    room.hang_lamp(*(room.size[:2] / 2), 2.3, 90)
    return decor.finished(room, ("checker", "tiles", "parquet", "stone"), 0.7, 0.2, (4, 9), 0.6, "")


def study(scene, rng):
    """A room to work in at home, seen from the desk."""
    room = decor.empty_room(scene, rng, (2.6, 2.8, 2.3), (4.0, 4.0, 2.8), 0.4)
    f, wall = room.f, int(rng.integers(4))
    room.open_window((wall + 2) % 4, 0.9, 0.0, 2.05, True)
    room.windows(1, "window", [wall if rng.random() < 0.4 else (wall + 1) % 4])
    desk, place, size = decor.desk_at(room, wall, rng.uniform(0.35, 0.65) * room.length(wall))
    decor.equip(room, desk, place, size, DESK)
    room.back(furniture.bookcase(rng, f, rng.uniform(0.9, 1.6), 2.1, 0.3))
    room.back(furniture.bookcase(rng, f, rng.uniform(0.7, 1.2), 1.8, 0.3, "mixed"))
    room.back(furniture.sofa(rng, f, 1))
    room.back(furniture.tall_plant(rng, f))
    room.back(fittings.floor_lamp(rng, f, room.lamp(60)))
    room.back(fittings.notices(rng, f), wall, 1.25)
    room.back(fittings.wall_shelf(rng, f, 0.9, (clutter.books, clutter.jar, clutter.carton)), wall, 1.6)
    decor.hang_pictures(room, 4)
    if rng.random() < 0.6:
        furniture.rug(rng, (1.8, 1.2)).put(scene, *(room.size[:2] / 2), 0, place[2])
    room.ceiling_grid("dish", 1, 1, 15, 3000)
    return decor.finished(
        room, ("boards", "parquet", "carpet"), 0.7, 0.2, (4, 8), 0.5, ("blinds", "curtains")[rng.integers(2)]
    )


def hobby_room(scene, rng):
    """A hobby room: sewing, tools and paper on a table under a strong lamp."""
    room = decor.empty_room(scene, rng, (3.0, 3.2, 2.3), (4.6, 4.6, 2.8), 0.5)
    f = room.f
    room.open_window(int(rng.integers(4)), 0.9, 0.0, 2.05, True)
    room.windows(1, "window")
    place, size = (*decor.middle(room, 1.4), decor.quarter(rng)), rng.uniform((1.3, 0.8), (1.8, 1.0))
    decor.over(room, place, size, 1.1, 1.3)
    room.stand(furniture.table(rng, f, size), *place)
    mixed = CRAFT + DESK + (clutter.towel_pile,)
    room.dress(place, mixed, top_of(size), 0.74, 20)
    room.hang_lamp(*place[:2], 1.65, 120)
    seat(room, *place[:2], size, place[2], lambda: furniture.chair(rng, f))
    room.back(furniture.rack(rng, f, 1.2, 1.8))
    for fill in ("mixed", "goods", "books"):
        room.back(furniture.bookcase(rng, f, rng.uniform(0.7, 1.3), rng.uniform(1.2, 2.0), 0.32, fill))
    room.back(furniture.cabinet(rng, f, 1.0, 0.9, 0.45, 4, 2))
    room.back(fittings.pegboard(rng, f, 1.2), None, 1.2)
    room.back(furniture.tall_plant(rng, f))
    decor.hang_pictures(room, 5)
    return decor.finished(room, ("boards", "carpet", "stone"), 0.8, 0.3, (4, 8), 0.5, "curtains")
