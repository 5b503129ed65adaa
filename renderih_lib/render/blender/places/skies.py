"""The sky over a place: a physical sky (Nishita 1993, as in Cycles) with clouds, from noon to night.

`build` makes the place of a number; the hands' camera stands where it says.
"""

from dataclasses import dataclass

import bpy
import numpy as np

from renderih_lib.render.blender.places import country, gardens, shores, town
from renderih_lib.render.blender.shaders import Shader

#: Kinds of place, one after the other; with a number of weathers that has no common divisor, all pairs come.
PLACES = (
    gardens.park, town.street, shores.beach, gardens.garden, country.clearing, town.plaza, country.snow, gardens.terrace, country.desert,
    town.parking, shores.lakeside, gardens.courtyard, country.meadow, town.market,
)  # fmt: skip
UNLIT = (shores.beach, shores.lakeside, country.clearing, country.meadow, country.desert)  # no lamp there
WEATHERS = (
    "fair",
    "golden",
    "clear",
    "overcast",
    "fair",
    "cloudy",
    "dusk",
    "fair",
    "overcast",
    "night",
    "golden",
    "clear",
    "cloudy",
)
STRENGTH = 0.08  # of Nishita's sky, so that the sun's disc fits into half floats


@dataclass(frozen=True)
class Weather:
    """Of the sky: angles in degrees, `cloud` the covered share, `lamps` how lit the place's own lamps are, 0 to 1."""

    name: str
    elevation: float
    azimuth: float
    cloud: float
    sun: float  # intensity
    size: float  # of the sun's disc; larger is softer
    haze: float  # dust density
    lamps: float = 0.0


def build(scene, rng, number: int) -> np.ndarray:
    """Fill the scene with the place `number` under its sky; returns where the camera stands, (3,) metres."""
    place = PLACES[number % len(PLACES)]
    name = WEATHERS[number % len(WEATHERS)]
    if name == "night" and place in UNLIT:
        name = "dusk"
    return under(scene, rng, place, weather(rng, name))


def under(scene, rng, place, today: Weather) -> np.ndarray:
    """Fill the scene with a place in a weather; returns where the camera stands, (3,) metres."""
    hang(scene, rng, today)
    scene.cycles.max_bounces, scene.cycles.diffuse_bounces, scene.cycles.glossy_bounces = (
        4,
        3,
        2,
    )  # enough outdoors
    # Guides filtered by themselves smear blades, leaves and tiles, and take as long as the rendering.
    scene.cycles.denoising_prefilter, scene.cycles.denoising_quality = "FAST", "BALANCED"
    return place(scene, rng, today)


def weather(rng, name: str) -> Weather:
    """A weather of a kind: clear, fair (white clouds), cloudy, overcast, golden, dusk or night."""
    elevation = {"golden": (4, 11), "dusk": (0.5, 2.5), "night": (-1, -1)}.get(name, (18, 62))
    cloud = {
        "clear": (0.0, 0.15),
        "fair": (0.3, 0.55),
        "cloudy": (0.6, 0.8),
        "overcast": (1.0, 1.0),
        "golden": (0.1, 0.5),
    }
    return Weather(
        name,
        elevation=float(rng.uniform(*elevation)),
        azimuth=float(rng.uniform(0, 360)),
        cloud=float(rng.uniform(*cloud.get(name, (0.2, 0.7)))),
        sun=float(rng.uniform(0.25, 0.5)),
        size=float(rng.uniform(1.2, 2.2)),
        haze=float(rng.uniform(0.3, 1.3)),
        lamps={"dusk": 1.0, "night": 1.0, "overcast": 0.15, "cloudy": 0.15}.get(name, 0.0),
    )


def hang(scene, rng, today: Weather) -> None:
    """Make the world of the scene that sky."""
    scene.world = bpy.data.worlds.new("sky")
    # Cycles finds the sun by itself; the rest of a sky is smooth, and a finer map takes seconds.
    scene.world.cycles.sampling_method, scene.world.cycles.sample_map_resolution = "MANUAL", 256
    s = _WorldShader(scene.world)
    if today.name == "night":
        s.fill(s.surface, Color=_night(s, rng), Strength=1.0)
        return
    strength = STRENGTH * (6.0 if today.name == "dusk" else 1.0)
    seen, felt = (s.node("Background", Color=colour, Strength=strength) for colour in _day(s, rng, today))
    lens = s.node("LightPath", "Is Camera Ray")
    s.tree.links.new(s.node("MixShader", Fac=lens, _1=felt, _2=seen), s.output)


class _WorldShader(Shader):
    """A world under construction."""

    def __init__(self, world):
        world.use_nodes = True
        self.material, self.tree = world, world.node_tree
        self.surface, self.output = (
            self.tree.nodes["Background"],
            self.tree.nodes["World Output"].inputs["Surface"],
        )


def _day(s: Shader, rng, today: Weather) -> tuple:
    """Colour of the sky as the camera sees it, and a smoother one for the light, as noise costs time at every bounce."""
    turn, rise = np.radians(today.azimuth), np.radians(today.elevation)
    sun = np.array([np.cos(turn) * np.cos(rise), np.sin(turn) * np.cos(rise), np.sin(rise)])
    overcast = today.name == "overcast"
    settings = dict(sky_type="NISHITA", sun_disc=not overcast, sun_size=np.radians(today.size), sun_intensity=today.sun, sun_elevation=rise,
                    sun_rotation=np.pi / 2 - turn, dust_density=today.haze, air_density=1.0, ozone_density=1.5)  # fmt: skip
    sky, where = s.node("TexSky", 0, settings), s.node("TexCoord", "Generated")
    x, y, z = (s.node("SeparateXYZ", axis, Vector=where) for axis in range(3))
    up = s.math("MAXIMUM", z, 0.0)
    over = s.math("ADD", up, 0.12)
    flat = s.node(
        "CombineXYZ",
        0,
        _0=s.math("DIVIDE", x, over),
        _1=s.math("DIVIDE", y, over),
        _2=float(rng.uniform(0, 99)),
    )
    towards = s.node("VectorMath", 0, {"operation": "ADD"}, _0=flat, _1=(*(0.10 * sun[:2]), 0.0))
    scale, sunlit = float(rng.uniform(0.5, 1.6)), _sunlit(today.elevation)
    wide = float(rng.uniform(0.5, 2.0))
    dark = 0.3 * sunlit + sunlit.mean() * np.array((0.1, 0.14, 0.2))

    def clouded(detail: int, relief):
        here = s.noise(flat, scale, detail, 0.25, 0.56)
        if overcast:
            near = s.node(
                "VectorMath", "Value", {"operation": "DOT_PRODUCT"}, _0=where, _1=tuple(sun.tolist())
            )
            near = s.math("MAXIMUM", near, 0.0)
            # The sun shows through as a pale disc in a wide glow.
            veil = s.math(
                "ADD",
                s.math("MULTIPLY", s.math("POWER", near, 25.0), wide),
                s.math("MULTIPLY", s.math("POWER", near, 9000.0), 60.0),
            )
            grey = s.mix(
                1.0,
                s.ramp(up, (0.0, 0.55), (1.0, 1.15)),
                s.ramp(here, (0.3, (0.6, 0.62, 0.66)), (0.7, (1.1, 1.1, 1.09))),
                "MULTIPLY",
            )
            glow = s.node("CombineXYZ", 0, _0=veil, _1=veil, _2=veil)
            return s.mix(
                1.0,
                s.node("VectorMath", 0, {"operation": "ADD"}, _0=grey, _1=glow),
                tuple((0.4 * sunlit.mean() + 0.1 * sunlit).tolist()),
                "MULTIPLY",
            )
        cloud = s.mix(relief or 0.6, tuple(dark.tolist()), tuple(sunlit.tolist()))
        edge = 0.68 - 0.36 * today.cloud
        cover = s.ramp(here, (edge, 0.0), (edge + 0.13, 0.97))
        return s.mix(s.math("MULTIPLY", cover, s.ramp(z, (0.0, 0.15), (0.16, 1.0))), sky, cloud)

    # The lit side of a cloud faces the sun: there the noise falls off towards it.
    fall = s.math("SUBTRACT", s.noise(flat, scale, 9, 0.25, 0.56), s.noise(towards, scale, 9, 0.25, 0.56))
    relief = s.math("MULTIPLY_ADD", fall, 3.5)
    relief.node.inputs[2].default_value = 0.55
    return clouded(9, s.ramp(relief, (0.1, 0.0), (0.9, 1.0))), clouded(2, None)


def _sunlit(elevation: float) -> np.ndarray:
    """Radiance of a white cloud in the sun, in the units of Nishita's sky; redder through more air, grey near sunset."""
    path = 1 / (np.sin(np.radians(elevation)) + 0.15 * (elevation + 3.9) ** -1.25)  # Kasten's air mass
    light = 10.0 * np.exp(-np.array((0.06, 0.105, 0.19)) * min(path, 9.0)) * min(1.0, 0.1 + elevation / 12)
    return light if path < 9 else 0.6 * light + 0.4 * light.mean()


def _night(s: Shader, rng):
    z = s.node("SeparateXYZ", 2, Vector=s.node("TexCoord", "Generated"))
    glow = ((0.05, 0.022, 0.012), (0.02, 0.018, 0.03), (0.012, 0.02, 0.045))[rng.integers(3)]
    base = s.ramp(z, (0.0, glow), (0.12, tuple(0.45 * c for c in glow)), (0.6, (0.003, 0.005, 0.012)))
    where = s.node(
        "Mapping",
        Vector=s.node("TexCoord", "Generated"),
        Scale=(1.0, 1.0, 3.0),
        Location=tuple(rng.uniform(-9, 9, 3).tolist()),
    )
    return s.mix(0.5, base, s.ramp(s.noise(where, 2.0, 6, 0.4), (0.35, 0.3), (0.7, 1.6)), "MULTIPLY")
