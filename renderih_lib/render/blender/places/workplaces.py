"""Rooms where people work, learn, buy or eat. Each fills the scene and returns where the camera stands, (3,) metres."""

import numpy as np

from renderih_lib.render.blender import surfaces
from renderih_lib.render.blender.places import clutter, decor, devices, fittings, furniture
from renderih_lib.render.blender.places.decor import CRAFT, DESK, MEAL, SUPPER, around, seat, top_of
from renderih_lib.render.blender.places.forms import Thing
from renderih_lib.render.blender.places.palettes import BRIGHT, DEEP, PALE, WALLS, WOODS, pick


def office(scene, rng):
    """An office with several desks, seen from one of them."""
    room = decor.empty_room(scene, rng, (5.0, 5.0, 2.6), (8.0, 7.0, 3.0), 0.2)
    f, wall = room.f, int(rng.integers(4))
    room.open_window((wall + 3) % 4, 0.9, 0.0, 2.05, True)
    room.windows(3, "band", [(wall + 1) % 4, wall, (wall + 1) % 4])
    desk, place, size = decor.desk_at(room, wall, rng.uniform(0.35, 0.65) * room.length(wall))
    decor.equip(room, desk, place, size, DESK)
    for _ in range(6):
        mate, at = (
            furniture.table(rng, f, size),
            (*decor.middle(room, 1.0), place[2] + rng.integers(2) * np.pi),
        )
        at = (rng.uniform(1, room.size[0] - 1), rng.uniform(1, room.size[1] - 1), at[2])
        decor.equip(room, mate, at, size, DESK)
    for width in rng.uniform(0.8, 1.6, 3):
        room.back(
            furniture.bookcase(
                rng, f, width, rng.uniform(1.2, 2.0), 0.36, ("books", "mixed")[rng.integers(2)]
            )
        )
    room.back(fittings.board(rng, f, 1.8, False), None, 0.95)
    room.back(fittings.notices(rng, f), None, 1.2)
    room.back(furniture.cabinet(rng, f, 0.9, 1.2, 0.42, 3, 2))
    room.back(furniture.tree_plant(rng, f))
    room.back(furniture.tall_plant(rng, f))
    room.back(Thing().include(clutter.basket(rng, f), 0, 0.2))
    decor.hang_pictures(room, 2)
    room.ceiling_grid("panel", 3, 3, 18, 4200)
    return decor.finished(room, ("carpet", "carpet", "stone"), 0.5, 0.0, (4, 8), 0.5, "blinds")


def workshop(scene, rng):
    """A workshop, seen from the bench."""
    room = decor.empty_room(scene, rng, (4.0, 4.0, 2.6), (6.5, 6.0, 3.6))
    f, wall = room.f, int(rng.integers(4))
    room.open_window((wall + 2) % 4, 1.6, 0.0, 2.1, True)
    room.windows(int(rng.integers(1, 3)), "window", [(wall + 1) % 4, (wall + 3) % 4])
    u = rng.uniform(0.4, 0.6) * room.length(wall)
    x, y = room.spot(wall, u, 0.01)
    angle = wall * np.pi / 2
    room.look_from(
        *room.spot(wall, u + rng.uniform(-0.4, 0.4), rng.uniform(0.5, 0.65)), rng.uniform(1.25, 1.4)
    )
    room.stand(furniture.workbench(rng, f), x, y, angle)
    room.dress((x, y, angle), CRAFT + (clutter.tool,) * 3, ((-0.9, 0.05), (0.9, 0.62)), 0.9, 16)
    room.stand(fittings.pegboard(rng, f), x, y, angle, 1.35)
    for width in rng.uniform(0.9, 1.7, 3):
        room.back(furniture.rack(rng, f, width, rng.uniform(1.6, 2.1)))
    size = rng.uniform((1.2, 0.7), (1.8, 0.9))
    table = (*decor.middle(room, 1.2), angle)
    if room.stand(furniture.table(rng, f, size, 0.85), *table):
        room.dress(table, CRAFT, top_of(size), 0.85, 14)
        around(room, table, 0.0, size[1] / 2 + 0.55, np.pi, lambda: furniture.stool(rng, f))
    room.back(furniture.cabinet(rng, f, 0.7, 1.0, 0.5, 5, 1))
    room.back(furniture.workbench(rng, f, 1.5))
    room.back(fittings.pegboard(rng, f, 1.2), None, 1.2)
    for _ in range(4):
        room.back(Thing().include(clutter.carton(rng, f), 0, 0.2).include(clutter.basket(rng, f), 0.4, 0.25))
    room.ceiling_grid("tube", 2, 2, 60, 4500)
    plain = surfaces.plaster(rng, pick(rng, PALE))
    walls = [(plain, surfaces.concrete(rng), surfaces.brick(rng, pick(rng, WOODS[2:4])))[rng.integers(3)]] * 4
    room.enclose(
        walls,
        decor.floor_material(room, ("concrete",)),
        decor.ceiling_material(room, 0.5),
        rng.uniform(4, 9),
        rng.random() < 0.6,
        "",
    )
    return room.camera


def library(scene, rng):
    """A library, seen from a reading table among shelves."""
    room = decor.empty_room(scene, rng, (5.5, 5.5, 3.0), (8.0, 8.0, 4.2), 0.35)
    f = room.f
    room.windows(int(rng.integers(1, 3)), ("tall", "window")[rng.integers(2)], [int(rng.integers(4))] * 2)
    place, size = (*decor.middle(room, 2.2), decor.quarter(rng)), rng.uniform((1.6, 0.9), (2.2, 1.1))
    decor.over(room, place, size, 1.12, 1.3)
    room.stand(furniture.table(rng, f, size), *place)
    glow = room.lamp(80, 2900)
    room.stand(Thing().include(clutter.desk_lamp(rng, f, glow), 0, 0), *place[:2], place[2], 0.745)
    reading = (
        clutter.books,
        clutter.open_book,
        clutter.book,
        clutter.papers,
        clutter.pen,
        clutter.pen_pot,
        clutter.cup,
    )
    room.dress(place, reading, ((-size[0] / 2, -size[1] / 2), (-0.2, size[1] / 2)), 0.74, 8)
    room.dress(place, reading, ((0.2, -size[1] / 2), (size[0] / 2, size[1] / 2)), 0.74, 8)
    style = int(rng.integers(2))
    seat(room, *place[:2], size, place[2], lambda: furniture.chair(rng, f, style))
    tall = min(room.size[2] - 0.3, rng.uniform(2.2, 2.8))
    for wall in (0, 1, 2, 3) * 3:
        room.back(furniture.bookcase(rng, f, rng.uniform(1.0, 1.8), tall, 0.32), wall)
    for side in (-1, 1):
        around(
            room,
            place,
            side * (size[0] / 2 + 1.3),
            0.0,
            side * np.pi / 2,
            lambda: furniture.bookcase(rng, f, 1.4, 1.5, 0.32),
        )
    room.back(furniture.sofa(rng, f, 1))
    room.back(fittings.floor_lamp(rng, f, room.lamp(60)))
    room.hang_lamp(*place[:2], 2.2, 60)
    furniture.rug(rng, (3.0, 2.2)).put(scene, *place[:2], 0, place[2])
    return decor.finished(room, ("parquet", "boards", "carpet"), 0.3, 0.5, (4, 8), 0.6, "")


def cafe(scene, rng):
    """A cafe, seen from one of its tables."""
    room = decor.empty_room(scene, rng, (5.0, 5.0, 2.8), (8.0, 7.0, 3.8), 0.4)
    f, wall = room.f, int(rng.integers(4))
    room.open_window((wall + 1) % 4, 0.9, 0.0, 2.05, True)
    room.windows(3, ("tall", "band")[rng.integers(2)], [(wall + 2) % 4, (wall + 2) % 4, (wall + 3) % 4])
    around_tables, style, tint = [], int(rng.integers(3)), pick(rng, DEEP + BRIGHT)
    first = (*decor.middle(room, 1.8), decor.quarter(rng))
    spots = [first] + [(*rng.uniform(1.0, room.size[:2] - 1.0), decor.quarter(rng)) for _ in range(14)]
    decor.over(room, first, (0.7, 0.7), 1.1, 1.3)
    counter = furniture.cabinet(rng, f, min(3.2, room.length(wall) - 1.5), 1.08, 0.6, 1, 4, f.wood2)
    x, y = room.spot(wall, room.length(wall) / 2, 1.0)
    if room.stand(counter, x, y, wall * np.pi / 2):
        room.dress((x, y, wall * np.pi / 2), SUPPER + MEAL, ((-1.2, 0.05), (1.2, 0.55)), 1.08, 14)
        for u in np.arange(-1.2, 1.3, 0.6):
            room.stand(
                furniture.stool(rng, f, 0.75),
                *room.spot(wall, room.length(wall) / 2 + u, 1.85),
                wall * np.pi / 2,
            )
    for z in (1.25, 1.65, 2.05):
        room.back(
            fittings.wall_shelf(
                rng, f, min(2.6, room.length(wall) - 0.5), (clutter.bottle, clutter.jar, clutter.tumbler)
            ),
            wall,
            z,
        )
    room.back(fittings.board(rng, f, 1.4, True), None, 1.3)
    square = rng.random() < 0.5
    for spot in spots:
        table = furniture.table(rng, f, (0.7, 0.7)) if square else furniture.round_table(rng, f, 0.36)
        if len(around_tables) < 6 and room.stand(table, *spot):
            around_tables.append(spot)
            seat(room, *spot[:2], (0.7, 0.7), spot[2], lambda: furniture.chair(rng, f, style, tint))
            room.dress(spot, MEAL, top_of((0.58, 0.58), 0.0), 0.74, 9)
            room.hang_lamp(*spot[:2], 1.85, 80)
    room.back(furniture.sofa(rng, f, 2))
    room.back(furniture.tree_plant(rng, f))
    room.back(furniture.tree_plant(rng, f))
    decor.hang_pictures(room, 6)
    return decor.finished(room, ("boards", "checker", "concrete", "tiles"), 1.0, 0.3, (4, 8), 0.5, "")


def atelier(scene, rng):
    """A painter's studio, seen from the work table."""
    room = decor.empty_room(scene, rng, (4.5, 4.5, 3.0), (7.0, 7.0, 4.5), 0.15)
    f, wall = room.f, int(rng.integers(4))
    room.open_window((wall + 2) % 4, 0.9, 0.0, 2.05, True)
    room.windows(4, ("tall", "band")[rng.integers(2)], [wall, wall, (wall + 1) % 4, wall])
    place, size = (*decor.middle(room, 1.7), decor.quarter(rng)), rng.uniform((1.4, 0.8), (2.0, 1.0))
    decor.over(room, place, size, 1.2, 1.4)
    room.stand(furniture.table(rng, f, size, 0.82), *place)
    brushes = lambda rng, f: clutter.pen_pot(rng, f, True)  # noqa: E731
    paints = (
        clutter.jar,
        brushes,
        brushes,
        clutter.papers,
        clutter.bottle,
        clutter.cup,
        clutter.carton,
        clutter.open_book,
    )
    room.dress(place, paints, top_of(size), 0.82, 18)
    for _ in range(3):
        at = rng.uniform(1.0, room.size[:2] - 1.0)
        room.stand(furniture.easel(rng, f), *at, rng.uniform(0, 6.3))
    around(room, place, size[0] / 2 + 0.6, 0.0, np.pi / 2, lambda: furniture.stool(rng, f))
    around(room, place, -size[0] / 2 - 0.9, 0.3, 0.4, lambda: furniture.easel(rng, f))
    room.back(furniture.rack(rng, f, 1.4, 1.9))
    room.back(furniture.bookcase(rng, f, 1.2, 1.8, 0.36, "goods"))
    for _ in range(4):
        wide, tall = rng.uniform(0.5, 1.2, 2)
        leaning = fittings.framed(rng, f, wide, tall)
        room.back(leaning, None, 0.01, 0.06)
    decor.sideboard(room, CRAFT)
    room.back(furniture.tree_plant(rng, f))
    decor.hang_pictures(room, 8)
    room.ceiling_grid("spot", 3, 2, 350, 3500)
    plain = surfaces.plaster(rng, pick(rng, PALE))
    walls = [
        plain,
        plain,
        surfaces.brick(rng, pick(rng, [(0.5, 0.47, 0.44), WOODS[2]])) if rng.random() < 0.5 else plain,
        plain,
    ]
    return decor.finished(room, ("concrete", "boards"), walls, 0.4, (4, 9), 0.6, "")


def laboratory(scene, rng):
    """A laboratory or a doctor's room: white benches, glass and tiles."""
    room = decor.empty_room(scene, rng, (3.6, 4.0, 2.6), (6.0, 6.0, 3.0), 0.3)
    f, wall = room.f, int(rng.integers(4))
    room.open_window((wall + 2) % 4, 0.9, 0.0, 2.05, True)
    room.windows(2, "band", [(wall + 1) % 4])
    u = room.length(wall) / 2
    x, y = room.spot(wall, u, 0.01)
    angle, width = wall * np.pi / 2, room.length(wall) - 0.8
    room.look_from(
        *room.spot(wall, u + rng.uniform(-0.5, 0.5), rng.uniform(0.5, 0.65)), rng.uniform(1.25, 1.4)
    )
    glassware = (
        clutter.tumbler,
        clutter.bottle,
        clutter.jar,
        clutter.tumbler,
        clutter.papers,
        clutter.carton,
        clutter.pen_pot,
    )
    room.stand(
        furniture.cabinet(rng, f, width, 0.9, 0.65, 2, max(3, round(width / 0.6)), f.gloss), x, y, angle
    )
    equipment = Thing().include(devices.monitor(rng, f), -0.35 * width, 0.25, 0.9)
    equipment.put(scene, x, y, 0, angle)
    room.dress((x, y, angle), glassware, ((-0.2 * width, 0.05), (0.48 * width, 0.6)), 0.9, 26)
    for z in (1.5, 1.85):
        room.back(
            fittings.wall_shelf(rng, f, 0.6 * width, (clutter.bottle, clutter.jar, clutter.tumbler)), wall, z
        )
    island = (*decor.middle(room, 1.3), angle)
    size = (rng.uniform(1.4, 2.0), 0.8)
    if room.stand(furniture.table(rng, f, size, 0.9, f.gloss), *island):
        room.dress(island, glassware, top_of(size), 0.9, 16)
        around(room, island, 0.3, size[1] / 2 + 0.5, np.pi, lambda: furniture.stool(rng, f))
        around(room, island, -0.4, size[1] / 2 + 0.5, np.pi, lambda: furniture.stool(rng, f))
    for width in rng.uniform(0.8, 1.3, 3):
        room.back(furniture.bookcase(rng, f, width, 2.0, 0.4, ("goods", "mixed")[rng.integers(2)]))
    room.back(fittings.fridge(rng, f))
    room.back(fittings.board(rng, f, 1.5, False), None, 1.0)
    room.back(fittings.notices(rng, f), None, 1.2)
    room.back(Thing().include(clutter.basket(rng, f), 0, 0.2))
    room.ceiling_grid("panel", 2, 3, 25, 5000)
    tiled = surfaces.tiles(rng, pick(rng, PALE), None, (0.15, 0.15))
    walls = [surfaces.plaster(rng, pick(rng, PALE + WALLS))] * 4
    walls[wall] = tiled
    return decor.finished(room, ("stone", "tiles"), walls, 0.0, (4, 7), 0.3, "blinds")


def classroom(scene, rng):
    """A classroom, seen from a pupil's or the teacher's desk."""
    room = decor.empty_room(scene, rng, (5.5, 6.0, 2.8), (7.5, 8.0, 3.4), 0.15)
    f, wall = room.f, int(rng.integers(4))
    room.open_window((wall + 3) % 4, 0.9, 0.0, 2.05, True)
    room.windows(4, "band", [(wall + 1) % 4])
    angle, size, style = wall * np.pi / 2, (1.2, 0.55), int(rng.integers(3))
    rows = [
        (*room.spot(wall, u, out), angle)
        for out in np.arange(2.4, room.length(wall + 1) - 1.0, 1.25)
        for u in np.arange(1.1, room.length(wall) - 1.0, 1.75)
    ]
    mine = rows[rng.integers(len(rows))]
    decor.over(room, mine, size, 1.05, 1.25)
    top, tint = (f.wood, f.wood2, f.gloss)[rng.integers(3)], pick(rng, BRIGHT)
    for row in rows:
        if room.stand(furniture.table(rng, f, size, 0.72, top), *row):
            room.dress(row, DESK, top_of(size), 0.72, 6 if row == mine else int(rng.integers(1, 4)))
            for u in (-0.3, 0.3):
                around(room, row, u, 0.72, np.pi, lambda: furniture.chair(rng, f, style, tint))
    room.stand(
        fittings.board(rng, f, 3.2, rng.random() < 0.6),
        *room.spot(wall, room.length(wall) / 2, 0.005),
        angle,
        0.9,
    )
    for width in rng.uniform(0.9, 1.5, 3):
        room.back(furniture.bookcase(rng, f, width, 1.4, 0.36, "mixed"))
    for _ in range(3):
        room.back(fittings.notices(rng, f), None, 1.2)
    room.back(furniture.tree_plant(rng, f))
    decor.hang_pictures(room, 5)
    room.ceiling_grid("tube", 3, 3, 50, 4000)
    return decor.finished(room, ("stone", "parquet", "boards"), 0.4, 0.0, (4, 9), 0.6, "")


def shop(scene, rng):
    """A shop, seen from the counter among shelves of goods."""
    room = decor.empty_room(scene, rng, (4.5, 5.0, 2.8), (7.5, 8.0, 3.6), 0.35)
    f, wall = room.f, int(rng.integers(4))
    room.open_window((wall + 2) % 4, 0.9, 0.0, 2.05, True)
    room.windows(2, "tall", [(wall + 2) % 4])
    u = room.length(wall) / 2
    x, y = room.spot(wall, u, 1.0)
    angle = wall * np.pi / 2
    room.look_from(
        *room.spot(wall, u + rng.uniform(-0.4, 0.4), rng.uniform(0.95, 1.6)), rng.uniform(1.3, 1.45)
    )
    room.stand(furniture.cabinet(rng, f, 1.9, 0.95, 0.6, 1, 3), x, y, angle)
    goods = (
        clutter.carton,
        clutter.jar,
        clutter.bottle,
        clutter.basket,
        clutter.papers,
        clutter.bowl,
        clutter.books,
    )
    room.dress((x, y, angle), goods, ((-0.9, 0.05), (0.9, 0.55)), 0.95, 16)
    for k in (0, 1, 2, 3) * 3:
        make = furniture.rack if rng.random() < 0.4 else furniture.bookcase
        filled = {} if make is furniture.rack else {"fill": "goods"}
        room.back(make(rng, f, rng.uniform(1.0, 1.7), rng.uniform(1.7, 2.2), 0.42, **filled), k)
    for _ in range(10):
        at, size = rng.uniform(1.0, room.size[:2] - 1.0), rng.uniform((0.9, 0.6), (1.3, 0.9))
        if room.stand(furniture.table(rng, f, size, 0.7), *at, angle):
            room.dress((*at, angle), goods, top_of(size), 0.7, 14)
    room.back(fittings.board(rng, f, 1.2, True), None, 1.6)
    decor.hang_pictures(room, 3)
    room.ceiling_grid(("tube", "panel", "spot")[rng.integers(3)], 3, 3, 70, rng.choice([3200, 4200, 5000]))
    walls = decor.wall_materials(room, 0.7)
    return decor.finished(room, ("tiles", "stone", "boards", "concrete"), walls, 0.2, (4, 8), 0.4, "")
