"""Cloth of sleeves: knitted, woven and napped, procedural, in the sleeve's UV metres (around, along from the edge)."""

import numpy as np

from renderih_lib.render.blender.shaders import Shader
from renderih_lib.render.blender.surfaces import linear, shade
from renderih_lib.render.bodies.garments import Garment

_WOOL = ((196, 186, 168), (120, 118, 114), (46, 52, 68), (98, 40, 44), (58, 74, 58), (160, 122, 84), (38, 36, 38),
         (206, 172, 96), (168, 106, 112), (92, 122, 140))  # fmt: skip
_SHIRT = ((232, 234, 236), (214, 224, 236), (236, 224, 216), (206, 216, 206), (230, 222, 196))
_STRIPE = ((70, 92, 140), (150, 60, 62), (60, 62, 70), (70, 112, 98), (132, 104, 150))
_PLAIN = ((38, 40, 46), (222, 220, 214), (128, 132, 138), (110, 30, 38), (40, 62, 52), (46, 58, 92), (190, 164, 122),
          (150, 84, 60), (108, 124, 98), (206, 186, 190))  # fmt: skip
_DENIM = ((52, 70, 104), (78, 100, 136), (34, 42, 64), (120, 142, 170), (44, 46, 52))


def cloth(worn: Garment):
    """The material of a garment."""
    return _KINDS[worn.fabric](worn)


def _knit(worn: Garment):
    s, colour = Shader("knit"), _pick(_WOOL, worn.look[0])
    around, along = _metres(s)
    width = 0.0042 + 0.0035 * worn.look[1]
    leg, tilt = _legs(s, around, along, width)
    rib = s.math("POWER", s.math("ABSOLUTE", s.math("SINE", s.math("MULTIPLY", around, np.pi / 0.0068))), 0.7)
    fine, _ = _legs(s, around, along, 0.0034)
    ribbed = s.math("ADD", s.math("MULTIPLY", rib, 0.8), s.math("MULTIPLY", fine, 0.2))
    height = _choice(s, _beyond(s, along, worn.cuff), ribbed, leg)
    fuzz = s.noise(s.inside(), 900.0, 2)
    height = s.math("ADD", s.math("MULTIPLY", height, 0.85), s.math("MULTIPLY", fuzz, 0.15))
    tone = _melange(s, colour, 0.12 + 0.3 * worn.look[2])
    if worn.look[3] < 0.3:  # bands around the arm
        other = _pick(_WOOL, worn.look[4])
        band = s.math("FRACT", s.math("MULTIPLY", along, 1 / (0.03 + 0.05 * worn.look[5])))
        band = s.math("MULTIPLY", s.math("GREATER_THAN", band, 0.6), _beyond(s, along, worn.cuff))
        tone = s.mix(band, tone, _melange(s, other, 0.15))
    tone = s.mix(1.0, tone, s.ramp(height, (0.1, 0.42), (0.75, 1.05)), "MULTIPLY")
    return s.finish(tone, 0.95, height, 1.6, Sheen_Weight=0.35, Sheen_Roughness=0.6)


def _denim(worn: Garment):
    s, colour = Shader("denim"), _pick(_DENIM, worn.look[0])
    around, along = _metres(s)
    twill = s.math("SINE", s.math("MULTIPLY", s.math("ADD", around, along), 2 * np.pi / 0.0013))
    twill = s.math("MULTIPLY_ADD", twill, 0.5)
    twill.node.inputs[2].default_value = 0.5
    slub = s.noise(s.node("Mapping", Vector=s.metres(), Scale=(900.0, 60.0, 1.0)), 1.0, 3)
    faded = s.noise(s.inside(), 22.0 + 20 * worn.look[1], 5, 0.6)
    tone = s.ramp(slub, (0.25, shade(colour, 0.55)), (0.55, colour), (0.8, shade(colour, 1.7)))
    tone = s.mix(0.3 + 0.3 * worn.look[2], tone, s.ramp(faded, (0.4, colour), (0.75, shade(colour, 2.3))))
    tone = s.mix(0.35, tone, s.ramp(twill, (0.0, 0.5), (1.0, 1.15)), "MULTIPLY")
    edge = s.math("ADD", _line(s, along, 0.0, 0.003), _line(s, along, worn.cuff + 0.001, 0.003))
    tone = s.mix(s.math("MULTIPLY", edge, s.math("MULTIPLY", faded, 0.9)), tone, shade(colour, 2.4))
    thread = s.math("ADD", _stitches(s, around, along, 0.006), _stitches(s, around, along, worn.cuff - 0.005))
    tone = s.mix(thread, tone, linear(196, 140, 66) if worn.look[3] < 0.7 else shade(colour, 2.0))
    height = s.math("ADD", s.math("MULTIPLY", slub, 0.35), s.math("MULTIPLY", faded, 0.6))
    height = s.math("ADD", height, s.math("MULTIPLY", thread, 0.3))
    return s.finish(tone, 0.9, height, 1.6, Sheen_Weight=0.1)


def _stripes(worn: Garment):
    s = Shader("stripes")
    around, along = _metres(s)
    ground, line = _pick(_SHIRT, worn.look[0]), _pick(_STRIPE, worn.look[1])
    if worn.look[2] < 0.25:  # a dark shirt with pale lines
        ground, line = line, ground
    share = s.math("FRACT", s.math("MULTIPLY", around, 1 / (0.004 + 0.012 * worn.look[3])))
    tone = s.mix(_soft(s, share, 0.15 + 0.4 * worn.look[4]), ground, line)
    return _poplin(s, tone, around, along, worn)


def _checks(worn: Garment):
    s = Shader("checks")
    around, along = _metres(s)
    ground, line = _pick(_SHIRT, worn.look[0]), _pick(_STRIPE, worn.look[1])
    if worn.look[2] < 0.3:  # flannel
        ground = shade(_pick(_STRIPE, worn.look[5]), 0.7)
    scale = 1 / (0.009 + 0.03 * worn.look[3])
    tone = ground
    for where in (around, along):
        share = s.math("FRACT", s.math("MULTIPLY", where, scale))
        tone = s.mix(s.math("MULTIPLY", _soft(s, share, 0.5), 0.5), tone, line)
        thin = s.math("FRACT", s.math("MULTIPLY_ADD", where, scale))
        thin.node.inputs[0].links[0].from_node.inputs[2].default_value = 0.25
        tone = s.mix(
            s.math("MULTIPLY", _soft(s, thin, 0.08), 0.6 * (worn.look[4] > 0.5)), tone, shade(line, 0.4)
        )
    return _poplin(s, tone, around, along, worn)


def _poplin(s: Shader, tone, around, along, worn: Garment):
    """Shirting: a tight weave, creased, with the seams of the cuff."""
    weave = s.noise(s.node("Mapping", Vector=s.metres(), Scale=(1500.0, 500.0, 1.0)), 1.0, 2)
    tone = s.mix(0.25, tone, s.ramp(weave, (0.3, 0.75), (0.7, 1.0)), "MULTIPLY")
    seam = s.math("ADD", _stitches(s, around, along, 0.004), _stitches(s, around, along, worn.cuff - 0.003))
    tone = s.mix(s.math("MULTIPLY", seam, 0.35), tone, (0.1, 0.1, 0.11))
    crease = s.noise(s.node("Mapping", Vector=s.metres(), Scale=(90.0, 30.0, 1.0)), 1.0, 4, 1.2)
    height = s.math(
        "SUBTRACT", s.math("ADD", crease, s.math("MULTIPLY", weave, 0.06)), s.math("MULTIPLY", seam, 0.15)
    )
    return s.finish(tone, 0.8, height, 2.2, Sheen_Weight=0.08)


def _cotton(worn: Garment):
    s, colour = Shader("cotton"), _pick(_PLAIN, worn.look[0])
    around, along = _metres(s)
    fine = s.noise(s.node("Mapping", Vector=s.metres(), Scale=(1400.0, 420.0, 1.0)), 1.0, 2)
    tone = _melange(s, colour, 0.05 + 0.25 * worn.look[1] ** 2)
    tone = s.mix(0.3, tone, s.ramp(fine, (0.3, 0.7), (0.7, 1.0)), "MULTIPLY")
    seam = s.math(
        "ADD", _stitches(s, around, along, worn.cuff - 0.002), _stitches(s, around, along, worn.cuff - 0.006)
    )
    tone = s.mix(s.math("MULTIPLY", seam, 0.5), tone, shade(colour, 0.45))
    crease = s.noise(s.node("Mapping", Vector=s.metres(), Scale=(60.0, 24.0, 1.0)), 1.0, 4, 0.8)
    height = s.math(
        "SUBTRACT", s.math("ADD", crease, s.math("MULTIPLY", fine, 0.1)), s.math("MULTIPLY", seam, 0.3)
    )
    return s.finish(tone, 0.92, height, 1.2, Sheen_Weight=0.15)


def _fleece(worn: Garment):
    s, colour = Shader("fleece"), _pick(_PLAIN, worn.look[0])
    around, along = _metres(s)
    pile = s.noise(s.inside(), 420.0, 4, 0.8, 0.65)
    tufts = s.noise(s.inside(), 130.0 + 60 * worn.look[1], 3, 0.6)
    height = s.math("ADD", s.math("MULTIPLY", pile, 0.4), s.math("MULTIPLY", tufts, 0.8))
    tone = s.ramp(height, (0.4, shade(colour, 0.6)), (0.8, shade(colour, 1.15)))
    seam = _line(s, along, worn.cuff - 0.002, 0.0012)
    tone = s.mix(s.math("MULTIPLY", seam, 0.5), tone, shade(colour, 0.4))
    return s.finish(tone, 1.0, s.math("SUBTRACT", height, seam), 1.8, Sheen_Weight=0.8, Sheen_Roughness=0.5)


_KINDS = {
    "knit": _knit,
    "denim": _denim,
    "stripes": _stripes,
    "checks": _checks,
    "cotton": _cotton,
    "fleece": _fleece,
}


def _metres(s: Shader):
    """Metres around the arm and along it, as two numbers."""
    where = s.node("SeparateXYZ", 0, Vector=s.node("TexCoord", "UV"))
    return where, where.node.outputs[1]


def _legs(s: Shader, around, along, width: float):
    """Stocking stitch: columns of V, each of two slanting legs of yarn. Height 0..1, and the slant."""
    column = s.math(
        "ABSOLUTE", s.math("SUBTRACT", s.math("FRACT", s.math("MULTIPLY", around, 1 / width)), 0.5)
    )
    row = s.math("ADD", s.math("MULTIPLY", along, 1 / (0.8 * width)), s.math("MULTIPLY", column, 1.3))
    across = s.math("SINE", s.math("MULTIPLY", column, 2 * np.pi))
    length = s.math("ABSOLUTE", s.math("SINE", s.math("MULTIPLY", row, np.pi)))
    return s.math("MULTIPLY", s.math("POWER", across, 0.6), s.math("POWER", length, 0.6)), column


def _melange(s: Shader, colour, contrast: float):
    """Yarn spun of lighter and darker fibres."""
    fibre = s.noise(s.node("Mapping", Vector=s.metres(), Scale=(500.0, 160.0, 1.0)), 1.0, 3)
    return s.ramp(fibre, (0.35, shade(colour, 1 - contrast)), (0.65, shade(colour, 1 + contrast)))


def _beyond(s: Shader, along, place: float):
    """1 behind a place along the sleeve, 0 before it."""
    return s.math("GREATER_THAN", along, place)


def _line(s: Shader, along, place: float, width: float):
    """1 on a line around the sleeve, fading to 0 within `width`."""
    away = s.math("MULTIPLY", s.math("ABSOLUTE", s.math("SUBTRACT", along, place)), 1 / width)
    return s.math("MAXIMUM", s.math("SUBTRACT", 1.0, away), 0.0)


def _stitches(s: Shader, around, along, place: float):
    """1 on the threads of a seam around the sleeve."""
    on = s.math("LESS_THAN", s.math("FRACT", s.math("MULTIPLY", around, 1 / 0.0032)), 0.72)
    near = s.math("LESS_THAN", s.math("ABSOLUTE", s.math("SUBTRACT", along, place)), 0.00045)
    return s.math("MULTIPLY", on, near)


def _choice(s: Shader, which, first, second):
    """`second` where `which` is 1, `first` where it is 0."""
    kept = s.math("MULTIPLY", first, s.math("SUBTRACT", 1.0, which))
    return s.math("ADD", kept, s.math("MULTIPLY", second, which))


def _soft(s: Shader, share, width: float):
    """1 within `width` of the middle of a period, with soft edges."""
    away = s.math("ABSOLUTE", s.math("SUBTRACT", share, 0.5))
    return s.ramp(away, (width / 2, 1.0), (min(width / 2 + 0.04, 1.0), 0.0))


def _pick(palette, number: float) -> tuple:
    """A linear colour of a palette for a number of 0..1, its brightness varied a little."""
    position = number * len(palette)
    return shade(linear(*palette[int(position)]), 0.85 + 0.3 * (position % 1))
