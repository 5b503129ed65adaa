"""What rooms share: finishes of walls, floors and ceilings, seats around tables, pictures, kinds of clutter."""

import numpy as np

from renderih_lib.render.blender import surfaces
from renderih_lib.render.blender.places import clutter, devices, fittings, furniture
from renderih_lib.render.blender.places.forms import Thing, turn
from renderih_lib.render.blender.places.palettes import CLOTHS, DARK, DEEP, PALE, WALLS, WOODS, pick
from renderih_lib.render.blender.places.shell import Room
from renderih_lib.render.blender.surfaces import shade

DESK = (
    clutter.cup,
    clutter.papers,
    clutter.book,
    clutter.books,
    clutter.pen,
    clutter.pen_pot,
    devices.phone,
    clutter.open_book,
)
MEAL = (
    clutter.plate,
    clutter.cup,
    clutter.tumbler,
    clutter.bottle,
    clutter.jar,
    clutter.bowl,
    clutter.vase,
    clutter.candle,
)
LOUNGE = (
    clutter.books,
    clutter.cup,
    clutter.bowl,
    clutter.vase,
    clutter.candle,
    devices.phone,
    clutter.pot_plant,
    clutter.book,
)
CRAFT = (
    clutter.tool,
    clutter.jar,
    clutter.carton,
    clutter.pen_pot,
    clutter.papers,
    clutter.cup,
    clutter.bottle,
    clutter.tool,
)
BATH = (clutter.bottle, clutter.jar, clutter.tumbler, clutter.towel_pile, clutter.candle, clutter.pen_pot)
SUPPER = (
    clutter.jar,
    clutter.bottle,
    clutter.bowl,
    clutter.carton,
    clutter.pot_plant,
    clutter.plate,
    clutter.pen_pot,
    clutter.cup,
)


def empty_room(scene, rng, low, high, night: float = 0.3) -> Room:
    """A room between two sizes (width, depth, height), with a chance that it is night."""
    return Room(scene, rng, rng.uniform(low, high), bool(rng.random() < night))


def wall_materials(room: Room, accent: float = 0.5) -> list:
    """Four wall materials: one paint, often another one, brick, boards or paper on one wall."""
    rng = room.rng
    plain = surfaces.plaster(rng, pick(rng, WALLS))
    walls = [plain] * 4
    if rng.random() < accent:
        kind = rng.integers(5)
        if kind == 0:
            other = surfaces.brick(rng, pick(rng, [WOODS[2], (0.32, 0.12, 0.07), (0.5, 0.45, 0.4)]))
        elif kind == 1:
            other = surfaces.wallpaper(rng, pick(rng, WALLS), pick(rng, WALLS + DEEP))
        elif kind == 2:
            other = surfaces.boards(rng, pick(rng, WOODS), 0.1, 2.4, float(rng.choice([0.0, np.pi / 2])))
        else:
            other = surfaces.plaster(rng, pick(rng, DEEP))
        walls[rng.integers(4)] = other
    return walls


def finished(room: Room, floors, walls, beams: float, day, sunny: float, dressing: str) -> np.ndarray:
    """Closes a furnished room; where the camera stands in it, (3,) metres.

    Args:
        floors: kinds of `floor_material`. walls: four materials, or how often one wall differs from the others.
        beams: how often the ceiling is of wood. day: range of the sky's radiance. sunny: how often the sun shines in.
    """
    rng, floor = room.rng, floor_material(room, floors)
    walls = wall_materials(room, walls) if isinstance(walls, float) else walls
    ceiling = ceiling_material(room, beams)
    room.enclose(walls, floor, ceiling, rng.uniform(*day), rng.random() < sunny, dressing)
    return room.camera


def floor_material(room: Room, kinds):
    """A floor of one of some kinds."""
    rng, kind = room.rng, kinds[room.rng.integers(len(kinds))]
    angle = float(rng.choice([0.0, np.pi / 2]))
    if kind == "boards":
        return surfaces.boards(
            rng, pick(rng, WOODS), rng.uniform(0.08, 0.2), rng.uniform(0.9, 2.2), angle, rng.uniform(0.3, 0.5)
        )
    if kind == "parquet":
        return surfaces.boards(rng, pick(rng, WOODS), 0.07, 0.35, np.pi / 4, 0.28)
    if kind == "tiles":
        side = rng.choice([0.15, 0.3, 0.6])
        return surfaces.tiles(rng, pick(rng, PALE + WALLS + DARK), None, (side, side))
    if kind == "checker":
        return surfaces.checker(rng, pick(rng, PALE), pick(rng, DARK + DEEP), rng.choice([0.2, 0.3, 0.4]))
    if kind == "carpet":
        return surfaces.carpet(rng, pick(rng, CLOTHS))
    if kind == "stone":
        return surfaces.speckled(rng, pick(rng, PALE + WALLS + DARK), 0.35)
    return surfaces.concrete(rng, shade(pick(rng, [PALE[4]]), rng.uniform(0.4, 0.9)), rng.uniform(0.35, 0.8))


def ceiling_material(room: Room, beams: float = 0.2):
    rng = room.rng
    if rng.random() < beams:
        return surfaces.boards(rng, pick(rng, WOODS), 0.12, 3.0)
    return surfaces.plaster(rng, pick(rng, PALE))


def hang_pictures(room: Room, count: int) -> None:
    for _ in range(count):
        size = room.rng.uniform((0.3, 0.3), (1.0, 0.8))
        room.back(fittings.framed(room.rng, room.f, *size), None, room.rng.uniform(1.2, 1.5), 0.0, 12)


def seat(room: Room, x: float, y: float, size, angle: float, make) -> None:
    """Chairs around a table: up to two on each long side, one on each short side."""
    wide, deep = size
    seats = [(u, deep / 2, np.pi) for u in ((-wide / 4, wide / 4) if wide > 1.2 else (0.0,))]
    seats += [(-u, -v, 0.0) for u, v, _ in seats] + [(wide / 2, 0.0, np.pi / 2), (-wide / 2, 0.0, -np.pi / 2)]
    turned = turn(angle)[:2, :2]
    for u, v, facing in seats:
        if room.rng.random() < 0.85:
            back = (u, v) + np.array([np.sin(facing), -np.cos(facing)]) * room.rng.uniform(0.25, 0.5)
            x_back, y_back = (x, y) + turned @ back
            room.stand(make(), x_back, y_back, angle + facing + room.rng.normal(0, 0.12))


def sideboard(
    room: Room, kinds, width: float | None = None, height: float = 0.8, wall: int | None = None
) -> None:
    """A sideboard with small things and perhaps a lamp on it."""
    rng = room.rng
    width = width or rng.uniform(0.9, 1.6)
    place = room.back(
        furniture.cabinet(rng, room.f, width, height, 0.45, int(rng.integers(1, 4)), int(rng.integers(2, 4))),
        wall,
    )
    if place and rng.random() < 0.5:
        x, y, angle = place
        lamp = Thing().include(clutter.desk_lamp(rng, room.f, room.lamp(60)), 0.3 * width, 0.22)
        lamp.put(room.scene, x, y, height, angle)
        width *= 0.6
    room.dress(place, kinds, ((-width / 2, 0.03), (0.3 * width, 0.42)), height, 5)


def around(room: Room, place: tuple, across: float, along: float, facing: float, make) -> bool:
    """Put what `make()` gives near a thing at `place` (x, y, angle): `across` and `along` in its frame, turned by `facing`.

    Tries again further off and nearer.
    """
    x, y, angle = place
    for stretch in (1.0, 1.12, 1.25, 0.85):
        dx, dy = turn(angle)[:2, :2] @ (across * stretch, along * stretch)
        if room.stand(make(), x + dx, y + dy, angle + facing):
            return True
    return False


def over(room: Room, place: tuple, size, low: float, high: float) -> None:
    """Put the camera above the front edge of a table top of a size, between two heights."""
    x, y, angle = place
    dx, dy = turn(angle)[:2, :2] @ (
        room.rng.uniform(-0.25, 0.25) * size[0],
        room.rng.uniform(0.1, 0.5) * size[1],
    )
    room.look_from(x + dx, y + dy, room.rng.uniform(low, high))


def middle(room: Room, margin: float) -> tuple[float, float]:
    """A place near the middle of the floor, `margin` metres from the walls at least."""
    low, high = np.minimum(margin, room.size[:2] / 2), np.maximum(room.size[:2] - margin, room.size[:2] / 2)
    return tuple(np.clip(room.size[:2] * room.rng.uniform(0.35, 0.65, 2), low, high).tolist())


def top_of(size, edge: float = 0.03) -> tuple:
    """The top of a table of a size, centred."""
    return (-size[0] / 2 + edge, -size[1] / 2 + edge), (size[0] / 2 - edge, size[1] / 2 - edge)


def quarter(rng) -> float:
    """Some number of quarter turns."""
    return float(rng.integers(4) * np.pi / 2)


def desk_at(room: Room, wall: int, u: float) -> tuple[Thing, tuple, tuple]:
    """A desk with its back on a wall and the camera where somebody sits: the desk, its place and its size."""
    rng = room.rng
    size = (float(rng.uniform(1.2, 1.6)), float(rng.uniform(0.65, 0.8)))
    u = float(np.clip(u, size[0] / 2 + 0.05, room.length(wall) - size[0] / 2 - 0.05))
    place = (*room.spot(wall, u, size[1] / 2 + 0.03), wall * np.pi / 2)
    room.look_from(
        *room.spot(wall, u + rng.uniform(-0.15, 0.15), size[1] + rng.uniform(-0.15, 0.15)),
        rng.uniform(1.08, 1.25),
    )
    return furniture.table(rng, room.f, size), place, size


def equip(room: Room, desk: Thing, place: tuple, size: tuple, kinds) -> None:
    """Stand a desk at its place with a computer, a lamp, small things and a chair."""
    rng, f = room.rng, room.f
    if not room.stand(desk, *place):
        return
    x, y, angle = place
    fixed = Thing()
    if rng.random() < 0.5:
        fixed.include(devices.laptop(rng, f), rng.uniform(-0.1, 0.1), 0.02, 0.74, rng.normal(0, 0.1))
    else:
        fixed.include(devices.monitor(rng, f), 0.0, -size[1] / 2 + 0.15, 0.74, rng.normal(0, 0.1))
        fixed.include(devices.keyboard(rng, f), 0.05, 0.15, 0.74)
    if rng.random() < 0.6:
        fixed.include(
            clutter.desk_lamp(rng, f, room.lamp(60)), -size[0] / 2 + 0.18, -size[1] / 2 + 0.18, 0.74
        )
    fixed.put(room.scene, x, y, 0.0, angle)
    room.taken.append(room.boxes(fixed, x, y, 0.0, angle))
    for side in (-1, 1):
        inner, outer = side * 0.36, side * (size[0] / 2 - 0.02)
        low = -size[1] / 2 + (0.36 if side < 0 else 0.03)
        room.dress(place, kinds, ((min(inner, outer), low), (max(inner, outer), size[1] / 2 - 0.02)), 0.74, 4)
    around(room, place, 0.0, size[1] / 2 + 0.75, np.pi, lambda: furniture.office_chair(rng, f))
