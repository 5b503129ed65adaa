"""Procedural materials: what walls, floors, furniture and grounds are made of.

Colours are linear Rec.709. Two-dimensional patterns lie in the UV map "metres" of `forms.Thing`, three-dimensional
ones in the object's own frame, metres too.
"""

import numpy as np

from renderih_lib.render.blender.images import float_image
from renderih_lib.render.blender.shaders import Shader


def linear(red: float, green: float, blue: float) -> tuple[float, float, float]:
    """Linear Rec.709 of an sRGB colour given in 0..255."""
    c = np.array([red, green, blue]) / 255
    return tuple(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).tolist())


def kelvin(temperature: float) -> tuple[float, float, float]:
    """Linear colour of luminance 1 of a black body, 1,700 to 12,000 K (Krystek's fit of the Planckian locus)."""
    t = temperature
    u = (0.860117757 + 1.54118254e-4 * t + 1.28641212e-7 * t**2) / (
        1 + 8.42420235e-4 * t + 7.08145163e-7 * t**2
    )
    v = (0.317398726 + 4.22806245e-5 * t + 4.20481691e-8 * t**2) / (
        1 - 2.89741816e-5 * t + 1.61456053e-7 * t**2
    )
    x, y = 3 * u / (2 * u - 8 * v + 4), 2 * v / (2 * u - 8 * v + 4)
    to_rgb = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
    return tuple(np.maximum(to_rgb @ (x / y, 1.0, (1 - x - y) / y), 0.01).tolist())


def shade(colour, factor: float) -> tuple:
    """A colour made darker or lighter, kept below white."""
    return tuple(np.clip(np.asarray(colour) * factor, 0.004, 0.92).tolist())


def _shift(rng) -> tuple:
    return tuple(rng.uniform(-50, 50, 3).tolist())


def plaster(rng, colour):
    """A painted wall, faintly uneven."""
    s = Shader("plaster")
    broad = s.noise(s.inside(shift=_shift(rng)), 1.3, 4)
    grain = s.noise(s.inside(), float(rng.uniform(120, 300)), 2)
    tone = s.ramp(broad, (0.3, shade(colour, 0.92)), (0.7, shade(colour, 1.05)))
    return s.finish(tone, float(rng.uniform(0.6, 0.9)), grain, float(rng.uniform(0.2, 0.9)))


def painted(roughness: float = 0.5, metallic: float = 0.0, coat: float = 0.0):
    """Takes the colour from the thing's tint: plastic, paint, paper, glaze, metal."""
    s = Shader("painted")
    tint = s.node("Attribute", "Color", {"attribute_name": "tint"})
    worn = s.noise(s.inside(), 9.0, 3)
    tone = s.mix(0.12, tint, s.ramp(worn, (0.3, 0.6), (0.7, 1.0)), "MULTIPLY")
    return s.finish(tone, roughness, Metallic=metallic, Coat_Weight=coat)


def wood(rng, colour, roughness: float = 0.45, scale: float = 1.0):
    """Sawn wood, its grain along x."""
    s = Shader("wood")
    where = s.inside((0.6 * scale, 7.0 * scale, 7.0 * scale), _shift(rng))
    grain = s.noise(where, 2.2, 6, 0.8, 0.62)
    fine = s.noise(s.inside((2.0, 90.0, 90.0)), 2.0, 2)
    tone = s.ramp(grain, (0.32, shade(colour, 0.5)), (0.5, colour), (0.68, shade(colour, 1.35)))
    tone = s.mix(0.35, tone, s.ramp(fine, (0.35, 0.45), (0.6, 1.0)), "MULTIPLY")
    return s.finish(tone, roughness, fine, 0.15)


def boards(rng, colour, width: float = 0.14, length: float = 1.6, angle: float = 0.0, roughness: float = 0.4):
    """Floor boards or panelling in the plane of the surface, each board of its own tone."""
    s = Shader("boards")
    where = s.metres(angle)
    settings = {"offset": float(rng.uniform(0.3, 0.5))}
    brick = dict(Vector=where, Scale=1.0, Mortar_Size=0.0015, Brick_Width=length, Row_Height=width, Bias=0.0)
    plank = s.node(
        "TexBrick", 0, settings, **brick, Color1=(0.0, 0.0, 0.0), Color2=(1.0, 1.0, 1.0), Mortar=(0.5,) * 3
    )
    gap = s.node("TexBrick", 1, settings, **brick)
    offset = s.node("VectorMath", 0, {"operation": "MULTIPLY_ADD"}, _0=plank, _1=(37.0, 17.0, 5.0), _2=where)
    grain = s.noise(s.node("Mapping", Vector=offset, Scale=(1.2, 14.0, 1.0)), 2.5, 6, 0.9, 0.62)
    tone = s.ramp(grain, (0.3, shade(colour, 0.55)), (0.5, colour), (0.72, shade(colour, 1.3)))
    tone = s.mix(0.55, tone, s.ramp(plank, (0.0, 0.5), (1.0, 1.15)), "MULTIPLY")
    tone = s.mix(gap, tone, shade(colour, 0.12))
    return s.finish(tone, roughness, s.math("SUBTRACT", 1.0, gap), 1.5)


def tiles(
    rng,
    colour,
    second=None,
    size=(0.3, 0.3),
    grout=(0.45, 0.43, 0.4),
    roughness: float = 0.25,
    offset: float = 0.0,
):
    """Glazed or stone tiles with grout; `second` is the other colour of a mix."""
    s = Shader("tiles")
    where = s.metres()
    common = dict(Vector=where, Scale=1.0, Mortar_Size=0.003, Brick_Width=size[0], Row_Height=size[1])
    settings = {"offset": offset}
    tone = s.node(
        "TexBrick", 0, settings, **common, Color1=colour, Color2=second or shade(colour, 0.86), Mortar=grout
    )
    gap = s.node("TexBrick", 1, settings, **common)
    cloud = s.noise(s.inside(shift=_shift(rng)), 5.0, 5, 0.6)
    tone = s.mix(0.3, tone, s.ramp(cloud, (0.3, 0.65), (0.7, 1.0)), "MULTIPLY")
    rough = s.math("MULTIPLY_ADD", gap, 0.5)
    rough.node.inputs[2].default_value = roughness
    return s.finish(tone, rough, s.math("SUBTRACT", 1.0, gap), 1.2)


def checker(rng, first, second, size: float = 0.35, roughness: float = 0.3):
    """Two colours in turn."""
    s = Shader("checker")
    tone = s.node("TexChecker", 0, Vector=s.metres(), Scale=1 / size, Color1=first, Color2=second)
    cloud = s.noise(s.inside(shift=_shift(rng)), 4.0, 5, 0.8)
    return s.finish(s.mix(0.35, tone, s.ramp(cloud, (0.3, 0.5), (0.7, 1.0)), "MULTIPLY"), roughness)


def brick(rng, colour, mortar=(0.4, 0.38, 0.35)):
    """A brick wall, no two bricks alike."""
    s = Shader("brick")
    where = s.metres()
    rough = s.noise(s.inside(shift=_shift(rng)), 30.0, 4)
    bent = s.node(
        "VectorMath",
        0,
        {"operation": "MULTIPLY_ADD"},
        _0=s.node("TexNoise", 1, Vector=where, Scale=12.0),
        _1=(0.006,) * 3,
        _2=where,
    )
    common = dict(
        Vector=bent, Scale=1.0, Mortar_Size=0.006, Mortar_Smooth=0.4, Brick_Width=0.24, Row_Height=0.075
    )
    tone = s.node(
        "TexBrick", 0, **common, Color1=shade(colour, 0.6), Color2=shade(colour, 1.3), Mortar=mortar
    )
    gap = s.node("TexBrick", 1, **common)
    tone = s.mix(0.6, tone, s.ramp(rough, (0.3, 0.55), (0.7, 1.05)), "MULTIPLY")
    height = s.math("SUBTRACT", s.math("MULTIPLY", rough, 0.4), gap)
    return s.finish(tone, 0.9, height, 5.0)


def concrete(rng, colour=(0.35, 0.34, 0.32), roughness: float = 0.75):
    """Concrete or screed: clouds, pores and stains."""
    s = Shader("concrete")
    broad = s.noise(s.inside(shift=_shift(rng)), 1.5, 7, 0.4, 0.6)
    pores = s.noise(s.inside(), 60.0, 4)
    tone = s.ramp(broad, (0.25, shade(colour, 0.6)), (0.5, colour), (0.75, shade(colour, 1.35)))
    tone = s.mix(0.5, tone, s.ramp(pores, (0.35, 0.5), (0.5, 1.0)), "MULTIPLY")
    return s.finish(tone, roughness, pores, 0.8)


def marble(rng, colour, vein, roughness: float = 0.2):
    """Polished stone with veins."""
    s = Shader("marble")
    where = s.inside(shift=_shift(rng))
    fold = s.noise(where, 3.0, 8, 1.6, 0.6)
    line = s.math("ABSOLUTE", s.math("SUBTRACT", fold, 0.5))
    tone = s.ramp(
        line, (0.0, vein), (0.035, s_mix(colour, vein, 0.4)), (0.12, colour), (0.3, shade(colour, 1.1))
    )
    return s.finish(tone, roughness)


def speckled(rng, colour, roughness: float = 0.3):
    """Granite, terrazzo, linoleum: chips of other tones."""
    s = Shader("speckled")
    chips = s.node("TexVoronoi", 1, Vector=s.inside(shift=_shift(rng)), Scale=float(rng.uniform(60, 140)))
    pick = s.node("SeparateColor", 0, Color=chips)
    tone = s.ramp(
        pick, (0.0, shade(colour, 0.35)), (0.2, shade(colour, 0.9)), (0.75, colour), (1.0, shade(colour, 1.6))
    )
    return s.finish(tone, roughness)


def s_mix(first, second, share: float) -> tuple:
    """A colour between two."""
    return tuple((np.asarray(first) * (1 - share) + np.asarray(second) * share).tolist())


def fabric(rng, colour, second=None, pattern: str = "plain"):
    """Woven cloth: "plain", "stripes", "squares" or "melange"."""
    s = Shader("fabric")
    where = s.metres(float(rng.choice([0.0, np.pi / 2])))
    second = second or shade(colour, 1.6)
    weave = s.node("TexChecker", 1, Vector=s.metres(0.3), Scale=420.0)
    if pattern in ("stripes", "squares"):
        scale = float(rng.uniform(3, 14))
        tone = s.ramp(s.node("TexWave", 1, Vector=where, Scale=scale), (0.42, colour), (0.58, second))
        if pattern == "squares":
            other = s.node("TexWave", 1, {"bands_direction": "Y"}, Vector=where, Scale=scale)
            tone = s.mix(0.5, tone, s.ramp(other, (0.42, colour), (0.58, second)))
    else:
        speckle = s.noise(s.inside(shift=_shift(rng)), 4.0 if pattern == "plain" else 160.0, 4)
        tone = s.ramp(speckle, (0.35, shade(colour, 0.8)), (0.65, colour if pattern == "plain" else second))
    tone = s.mix(0.3, tone, s.ramp(weave, (0.0, 0.6), (1.0, 1.1)), "MULTIPLY")
    fold = s.noise(s.inside(), 14.0, 4, 0.5)
    return s.finish(tone, 0.95, s.math("ADD", s.math("MULTIPLY", weave, 0.04), fold), 5.0, Sheen_Weight=0.3)


def carpet(rng, colour, second=None):
    """Pile, with a large pattern of a second colour if there is one."""
    s = Shader("carpet")
    pile = s.noise(s.inside(), 260.0, 3)
    tone = s.ramp(pile, (0.25, shade(colour, 0.5)), (0.7, shade(colour, 1.25)))
    if second:
        kind = int(rng.integers(3))
        if kind == 0:
            fig = s.node(
                "TexVoronoi",
                0,
                {"feature": "F1", "distance": "MANHATTAN"},
                Vector=s.metres(),
                Scale=5.0,
                Randomness=0.0,
            )
        elif kind == 1:
            fig = s.node(
                "TexWave",
                1,
                {"wave_type": "RINGS", "rings_direction": "SPHERICAL"},
                Vector=s.metres(),
                Scale=3.0,
                Distortion=3.0,
            )
        else:
            fig = s.node("TexWave", 1, Vector=s.metres(0.7), Scale=4.0, Distortion=float(rng.uniform(0, 6)))
        other = s.ramp(pile, (0.25, shade(second, 0.5)), (0.7, shade(second, 1.25)))
        tone = s.mix(s.ramp(fig, (0.42, 0.0), (0.5, 1.0)), tone, other)
    return s.finish(tone, 1.0, pile, 4.0, Sheen_Weight=0.2)


def wallpaper(rng, colour, second):
    """Printed paper: stripes, rings or leaves."""
    s = Shader("wallpaper")
    where, kind = s.metres(), int(rng.integers(3))
    if kind == 0:
        figure = s.node("TexWave", 1, Vector=where, Scale=float(rng.uniform(2, 5)))
    elif kind == 1:
        figure = s.node("TexVoronoi", 0, Vector=where, Scale=float(rng.uniform(5, 9)), Randomness=0.0)
    else:
        figure = s.noise(where, float(rng.uniform(7, 14)), 1, 2.5)
    tone = s.ramp(figure, (0.4, colour), (0.46, second), (0.54, second), (0.6, colour))
    return s.finish(tone, 0.8)


def metal(colour=(0.56, 0.56, 0.55), roughness: float = 0.3):
    """Bare metal, brushed a little."""
    s = Shader("metal")
    lines = s.noise(s.inside((2.0, 2.0, 300.0)), 1.0, 2)
    rough = s.ramp(lines, (0.3, 0.75 * roughness), (0.7, 1.3 * roughness))
    return s.finish(colour, rough, Metallic=1.0)


def glass(tint=(0.95, 0.97, 0.96)):
    """Thin glass without refraction, which would cost samples and cast a dark shadow."""
    s = Shader("glass")
    clear, shine = s.node("BsdfTransparent", Color=tint), s.node("BsdfGlossy", Roughness=0.03)
    edge = s.node("LayerWeight", 1, Blend=0.25)
    share = s.ramp(edge, (0.0, 0.06), (1.0, 0.9))
    s.tree.links.new(
        s.node("MixShader", Fac=share, _1=clear, _2=shine), s.tree.nodes["Material Output"].inputs["Surface"]
    )
    return s.material


def leather(rng, colour):
    """Smooth leather with wrinkles."""
    s = Shader("leather")
    cells = s.node("TexVoronoi", 0, Vector=s.inside(shift=_shift(rng)), Scale=160.0)
    broad = s.noise(s.inside(), 6.0, 5, 1.0)
    tone = s.ramp(broad, (0.3, shade(colour, 0.6)), (0.7, shade(colour, 1.2)))
    return s.finish(tone, 0.38, s.math("ADD", s.math("MULTIPLY", cells, 0.15), broad), 2.5)


def foliage(rng, colour=(0.05, 0.13, 0.03)):
    """Leaves: waxy, some light comes through."""
    s = Shader("foliage")
    patch = s.noise(s.inside(shift=_shift(rng)), 12.0, 3)
    tone = s.ramp(patch, (0.3, shade(colour, 0.6)), (0.7, shade(colour, 1.7)))
    s.finish(tone, 0.4)
    through = s.node("BsdfTranslucent", Color=s.mix(0.5, tone, shade(colour, 3.0)))
    out = s.tree.nodes["Material Output"].inputs["Surface"]
    s.tree.links.new(s.node("MixShader", Fac=0.3, _1=s.surface.outputs[0], _2=through), out)
    return s.material


def lampshade(colour):
    """Thin cloth or paper: half of the light goes through."""
    s = Shader("lampshade")
    s.finish(colour, 0.9)
    through = s.node("BsdfTranslucent", Color=shade(colour, 1.3))
    out = s.tree.nodes["Material Output"].inputs["Surface"]
    s.tree.links.new(s.node("MixShader", Fac=0.5, _1=s.surface.outputs[0], _2=through), out)
    return s.material


def glowing(colour, strength: float):
    """A lamp's surface of a radiance."""
    s = Shader("glowing")
    light = s.node("Emission", Color=colour, Strength=strength)
    s.tree.links.new(light, s.tree.nodes["Material Output"].inputs["Surface"])
    return s.material


def pixels(image: np.ndarray, strength: float = 0.0, roughness: float = 0.5):
    """An image (H, W, 3), linear, top row first, once over the UV of a `forms.panel`: printed, or glowing."""
    s = Shader("pixels")
    colour = s.node(
        "TexImage",
        0,
        {"image": float_image("pixels", image[::-1]), "extension": "EXTEND"},
        Vector=s.node("TexCoord", "UV"),
    )
    return s.finish(colour, roughness, Emission_Color=colour, Emission_Strength=strength)
