"""A room: its walls with openings, the view from its windows, its light, and where things may still stand.

Its floor is 0..width along x and 0..depth along y. Wall k = 0..3 is seen from inside as a plane with u to the right of
somebody who leans with the back on it; things with their back at y = 0 are turned by k quarter turns to stand there.
"""

from dataclasses import dataclass

import bpy
import numpy as np

from renderih_lib.render.blender import surfaces
from renderih_lib.render.blender.images import float_image
from renderih_lib.render.blender.places import fittings
from renderih_lib.render.blender.places.clutter import scatter
from renderih_lib.render.blender.places.forms import Thing, block, box, turn
from renderih_lib.render.blender.places.palettes import DARK, PALE, WOODS, Finishes, outside, pick
from renderih_lib.render.blender.surfaces import Shader, kelvin

THICK = 0.2  # metres of wall
MANY = 250  # pieces of a thing, from which on one box stands for all
TOUCH = 0.004  # by which things may overlap on paper before they count as colliding


@dataclass(frozen=True)
class Opening:
    """A window or a door: from u0 to u1 along a wall, from z0 to z1."""

    wall: int
    u0: float
    u1: float
    z0: float
    z1: float
    door: bool = False


class Room:
    """A room under construction. `camera` is where the panorama is taken from: nothing comes near it.

    Args:
        size: width, depth, height, metres. night: no daylight.
    """

    def __init__(self, scene, rng, size, night: bool):
        self.scene, self.rng, self.night = scene, rng, night
        self.size = np.asarray(size, float)
        self.f = Finishes(rng, night)
        self.openings: list[Opening] = []
        self.taken: list[np.ndarray] = []
        self.camera = np.array([self.size[0] / 2, self.size[1] / 2, 1.2])
        self.warmth = float(rng.choice([2700, 3000, 3500, 4000]))  # of its lamps, kelvin

    # Openings

    def length(self, wall: int) -> float:
        """Of a wall, metres."""
        return float(self.size[wall % 2])

    def open_window(
        self, wall: int, width: float, sill: float, height: float, door: bool = False
    ) -> Opening | None:
        """An opening at a random place of a wall, if there is room for it."""
        for _ in range(8):
            low, high = 0.25, self.length(wall) - 0.25 - width
            if high <= low:
                return None
            u = self.rng.uniform(low, high)
            new = Opening(wall, u, u + width, sill, min(sill + height, self.size[2] - 0.15), door)
            if not any(o.wall == wall and o.u0 - 0.2 < new.u1 and new.u0 - 0.2 < o.u1 for o in self.openings):
                self.openings.append(new)
                return new
        return None

    def windows(self, count: int, kind: str = "window", walls=None) -> None:
        """Windows of one kind: "window", "tall" (to the floor), "band" (wide), "small" (high up)."""
        width, sill, height = {
            "window": (self.rng.uniform(0.9, 1.6), self.rng.uniform(0.8, 1.0), self.rng.uniform(1.1, 1.4)),
            "tall": (self.rng.uniform(1.2, 2.2), 0.1, self.rng.uniform(2.0, 2.5)),
            "band": (self.rng.uniform(2.2, 3.2), self.rng.uniform(0.8, 1.0), self.rng.uniform(1.2, 1.6)),
            "small": (self.rng.uniform(0.5, 0.8), self.rng.uniform(1.4, 1.6), self.rng.uniform(0.5, 0.7)),
        }[kind]
        walls = (
            list(walls)
            if walls is not None
            else [int(self.rng.integers(4))] * 2 + [int(self.rng.integers(4))]
        )
        for i in range(count):
            self.open_window(walls[i % len(walls)], width, sill, height)

    # Places

    def spot(self, wall: int, u: float, out: float = 0.0) -> tuple[float, float]:
        """Floor coordinates of the point at u of a wall, `out` metres from it."""
        corner = np.array([[0, 0], [1, 0], [1, 1], [0, 1]][wall]) * self.size[:2]
        matrix = turn(wall * np.pi / 2)[:2, :2]
        return tuple((corner + matrix @ (u, out)).tolist())

    def boxes(self, thing: Thing, x: float, y: float, z: float, angle: float) -> np.ndarray:
        """Boxes (M, 2, 3) of the pieces of a thing once it stands there; one box for all if they are many."""
        vertices = np.concatenate([form.vertices for form, *_ in thing.pieces]) @ turn(angle).T + (x, y, z)
        first = np.cumsum([0] + [len(form.vertices) for form, *_ in thing.pieces[:-1]])
        first = first if len(first) <= MANY else [0]
        return np.stack([np.minimum.reduceat(vertices, first), np.maximum.reduceat(vertices, first)], 1)

    def free(self, boxes: np.ndarray) -> bool:
        """Whether boxes (M, 2, 3) lie in the room and meet nothing."""
        if (boxes[:, 0] < (-0.005, -0.005, -0.03)).any() or (boxes[:, 1] > self.size + 0.005).any():
            return False
        taken = np.concatenate([np.zeros((1, 2, 3)), *self.taken])
        low, high = boxes[:, None, 0] + TOUCH, boxes[:, None, 1] - TOUCH
        return not ((low < taken[:, 1]) & (taken[:, 0] < high)).all(-1).any()

    def look_from(self, x: float, y: float, z: float) -> None:
        """Put the camera there and keep the air around it clear; doors and windows are kept free as well."""
        self.camera = np.array([x, y, z])
        self.taken.append(self.camera + np.array([[[-0.28, -0.28, -0.2], [0.28, 0.28, 0.35]]]))
        for o in self.openings:
            deep, low = (0.8, 0.0) if o.door else (0.16, o.z0)
            corners = np.array([self.spot(o.wall, o.u0), self.spot(o.wall, o.u1, deep)])
            self.taken.append(np.array([[[*corners.min(0), low], [*corners.max(0), o.z1 + 0.1]]]))

    def stand(self, thing: Thing, x: float, y: float, angle: float = 0.0, z: float = 0.0) -> bool:
        """Put a thing there if nothing is in the way."""
        boxes = self.boxes(thing, x, y, z, angle)
        if not self.free(boxes):
            return False
        self.taken.append(boxes)
        thing.put(self.scene, x, y, z, angle)
        return True

    def back(
        self, thing: Thing, wall: int | None = None, z: float = 0.0, gap: float = 0.01, tries: int = 24
    ) -> tuple | None:
        """Put a thing with its back on a wall, any wall if None; returns (x, y, angle) or None if nowhere is room."""
        low, high = thing.bounds()
        for _ in range(tries):
            k = int(self.rng.integers(4)) if wall is None else wall
            if self.length(k) - high[0] + low[0] < 0.04:
                continue
            u = self.rng.uniform(0.02 - low[0], self.length(k) - 0.02 - high[0])
            x, y = self.spot(k, u, gap)
            if high[1] - low[1] > 0.1 and self._crowds(thing, x, y, z, k * np.pi / 2):
                continue
            if self.stand(thing, x, y, k * np.pi / 2, z):
                return x, y, k * np.pi / 2
        return None

    def _crowds(self, thing: Thing, x: float, y: float, z: float, angle: float) -> bool:
        """Whether a thing would stand as a wall before the camera's eye."""
        boxes = self.boxes(thing, x, y, z, angle) - self.camera
        return bool(((boxes[:, 0] < (0.5, 0.5, 0.3)) & (boxes[:, 1] > (-0.5, -0.5, -0.05))).all(-1).any())

    def dress(self, place: tuple | None, kinds, area, z: float, count: int) -> None:
        """Scatter small things at height z on what stands at `place`, if something does; `area` is in its own frame."""
        if place is None or not self._bears(*place[:2], z):
            return
        x, y, angle = place
        clutter = scatter(self.rng, self.f, kinds, area, z, count)
        if clutter.pieces and clutter.bounds()[1, 2] > self.camera[2] - 0.2:
            self._lower(clutter, place)
        if clutter.pieces:
            boxes = self.boxes(clutter, x, y, 0.0, angle)
            self.taken.append(np.stack([boxes[:, 0].min(0), boxes[:, 1].max(0)])[None])
            clutter.put(self.scene, x, y, 0.0, angle)

    def _bears(self, x: float, y: float, z: float) -> bool:
        """Whether something stands there that reaches up to z."""
        low, high = np.concatenate([np.zeros((1, 2, 3)), *self.taken]).transpose(1, 0, 2)
        over = (low <= (x + 0.05, y + 0.05, z - 0.01)) & (high >= (x - 0.05, y - 0.05, z - 0.03))
        return bool(over.all(-1).any())

    def _lower(self, clutter: Thing, place: tuple) -> None:
        """Take away what would stand in front of the lens."""
        x, y, angle = place
        eye = turn(-angle) @ (self.camera - (x, y, 0.0))
        near = [
            (np.abs((form.vertices - eye)[:, :2]).min(0) < 0.2).all()
            and form.vertices[:, 2].max() > eye[2] - 0.2
            for form, *_ in clutter.pieces
        ]
        clutter.pieces = [piece for piece, close in zip(clutter.pieces, near, strict=True) if not close]

    # Light

    def lamp(self, strength: float, temperature: float | None = None):
        """The glowing material of a lamp of a radiance; its room's temperature (kelvin) if none is given."""
        colour = kelvin((temperature or self.warmth) * self.rng.uniform(0.95, 1.05))
        return surfaces.glowing(colour, strength)

    def ceiling_grid(self, kind: str, columns: int, rows: int, strength: float, temperature: float) -> None:
        """Lamps under the ceiling in rows and columns."""
        glow = self.lamp(strength, temperature)
        lamps = Thing()
        for x in (np.arange(columns) + 0.5) / columns * self.size[0]:
            for y in (np.arange(rows) + 0.5) / rows * self.size[1]:
                lamps.include(fittings.ceiling_lamp(self.rng, self.f, glow, kind), x, y, self.size[2])
        lamps.put(self.scene)

    def hang_lamp(self, x: float, y: float, above: float, strength: float = 60.0) -> None:
        """A pendant whose shade ends at a height `above` the floor; left out where it would be in the way."""
        drop = max(0.1, self.size[2] - above - 0.3)
        self.stand(fittings.pendant(self.rng, self.f, self.lamp, strength, drop), x, y, 0.0, self.size[2])

    def sun(self, strength: float, window: Opening) -> None:
        """Sunlight that falls through a window."""
        light = bpy.data.lights.new("sun", "SUN")
        light.energy, light.angle = strength, np.radians(self.rng.uniform(0.5, 2.0))
        light.color = np.asarray(kelvin(self.rng.uniform(3800, 5600))) / 1.6
        rise, aside = np.radians(self.rng.uniform(18, 48)), self.rng.uniform(-0.8, 0.8)
        item = bpy.data.objects.new("sun", light)
        # A sun lamp shines along its -z; without a turn that is down.
        item.rotation_euler = (np.pi / 2 - rise, 0.0, window.wall * np.pi / 2 + aside)
        self.scene.collection.objects.link(item)

    # The shell

    def enclose(
        self, walls, floor, ceiling, day: float = 6.0, sunny: bool = False, dressing: str = ""
    ) -> None:
        """Build walls, floor and ceiling, windows with the view outside, and doors.

        Args:
            walls: four materials. day: radiance of a bright sky outside. dressing: "curtains", "blinds" or "" at windows.
        """
        width, depth, height = self.size
        t = THICK
        Thing().add(block((-t, -t, -t), (width + t, depth + t, 0)), floor).put(self.scene)
        Thing().add(block((-t, -t, height), (width + t, depth + t, height + t)), ceiling).put(self.scene)
        trim = pick(self.rng, PALE + WOODS + DARK)
        for k in range(4):
            self._wall(k, walls[k], trim)
        view = self._view(0.03 if self.night else day)
        for o in self.openings:
            if o.door:
                x, y = self.spot(o.wall, (o.u0 + o.u1) / 2, -0.05)
                fittings.door(self.rng, self.f, o.u1 - o.u0 - 0.04).put(
                    self.scene, x, y, 0, o.wall * np.pi / 2
                )
            else:
                self._window(o, view, trim, dressing)
        if sunny and not self.night and (glazed := [o for o in self.openings if not o.door]):
            self.sun(day * self.rng.uniform(4, 9), glazed[self.rng.integers(len(glazed))])

    def _wall(self, k: int, material, trim) -> None:
        mine = sorted((o for o in self.openings if o.wall == k), key=lambda o: o.u0)
        wall, u, (length, top) = Thing(), -THICK, (self.length(k), self.size[2])
        for o in mine:
            wall.add(block((u, -THICK, 0), (o.u0, 0, top)), material)
            wall.add(block((o.u0, -THICK, o.z1), (o.u1, 0, top)), material)
            if o.z0 > 0:
                wall.add(block((o.u0, -THICK, 0), (o.u1, 0, o.z0)), material)
            u = o.u1
        wall.add(block((u, -THICK, 0), (length + THICK, 0, top)), material)
        start = 0.0
        for o in [*(o for o in mine if o.z0 < 0.09), None]:
            end = o.u0 - 0.06 if o else length
            if end > start:
                wall.add(block((start, 0, 0), (end, 0.012, 0.08), 0.003), self.f.satin, trim)
            start = o.u1 + 0.06 if o else length
        wall.put(self.scene, *self.spot(k, 0.0), 0.0, k * np.pi / 2)

    def _window(self, o: Opening, view, trim, dressing: str) -> None:
        wide, tall, middle = o.u1 - o.u0, o.z1 - o.z0, (o.u0 + o.u1) / 2
        place = (*self.spot(o.wall, middle), 0.0, o.wall * np.pi / 2)
        window = Thing()
        for x in np.linspace(-wide / 2 + 0.025, wide / 2 - 0.025, 2 + max(0, round(wide / 0.8) - 1)):
            window.add(box((0.05, 0.06, tall), (x, -0.12, o.z0)), self.f.satin, trim)
        for z in np.linspace(o.z0, o.z1 - 0.05, 2 + (tall > 1.3)):
            window.add(box((wide, 0.055, 0.05), (0, -0.12, z)), self.f.satin, trim)
        if o.z0 > 0.3:
            window.add(box((wide + 0.08, 0.3, 0.03), (0, -0.03, o.z0 - 0.03)), self.f.satin, PALE[0])
            if o.z0 > 0.75 and wide > 0.8 and self.rng.random() < 0.6:
                radiator = fittings.radiator(self.f, 0.8 * wide)
                self.stand(radiator, place[0], place[1], place[3])
        window.put(self.scene, *place)
        pane = (
            Thing()
            .add(box((wide + 0.1, 0.01, tall + 0.1), (0, -THICK + 0.01, o.z0 - 0.05), 0), view)
            .put(self.scene, *place)
        )
        pane.visible_shadow = False  # the sun shines through the view
        if dressing == "curtains":
            cloth, drop = self.curtains, o.z1 + 0.08
            for side in (-1, 1):
                share = self.rng.uniform(0.18, 0.42)
                hung = fittings.curtain(self.rng, share * wide, drop - 0.03, cloth)
                hung = Thing().include(hung, side * (wide / 2 * (1 - share) + 0.1), 0.0, 0.03)
                hung.put(self.scene, *place)
            Thing().add(box((1.25 * wide, 0.03, 0.03), (0, 0.07, drop)), self.f.iron, DARK[0]).put(
                self.scene, *place
            )
        elif dressing == "blinds":
            share = self.rng.uniform(0.3, 0.9)
            fittings.blind(self.rng, self.f, wide - 0.03, share * tall).put(
                self.scene, *place[:2], o.z1 - share * tall - 0.05, place[3]
            )

    @property
    def curtains(self):
        """The cloth of all curtains of this room."""
        if not hasattr(self, "_curtains"):
            self._curtains = (self.f.linen, self.f.any_fabric(), self.f.cloth)[self.rng.integers(3)]
        return self._curtains

    def _view(self, strength: float):
        """The picture outside, as far away as the horizon: looked up by the direction from the camera."""
        s = Shader("outside")
        away = s.node(
            "VectorMath",
            0,
            {"operation": "SUBTRACT"},
            _0=s.node("NewGeometry", "Position"),
            _1=self.camera.tolist(),
        )
        image = float_image("outside", outside(self.rng, self.night)[::-1])
        light = s.node(
            "Emission", Color=s.node("TexEnvironment", 0, {"image": image}, Vector=away), Strength=strength
        )
        s.tree.links.new(light, s.tree.nodes["Material Output"].inputs["Surface"])
        return s.material
