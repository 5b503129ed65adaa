"""What props are made of: one material per thing, decided by a seed, in the thing's own frame (metres)."""

import numpy as np

from renderih_lib.render.blender import surfaces
from renderih_lib.render.blender.shaders import Shader
from renderih_lib.render.blender.surfaces import linear, shade

_BRIGHT = ((186, 38, 42), (222, 142, 34), (236, 196, 60), (60, 128, 66), (34, 92, 148), (240, 238, 232), (44, 46, 52),
           (120, 64, 128), (30, 130, 138), (204, 96, 110))  # fmt: skip
_GLAZE = ((236, 232, 222), (60, 84, 104), (160, 76, 52), (92, 110, 84), (40, 42, 46), (206, 178, 128))
_WOOD = (linear(150, 104, 62), linear(186, 142, 92), linear(94, 60, 38), linear(206, 170, 124))


def stuff(kind: str, size: np.ndarray, seed: int):
    """The material of a prop."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
    return _KINDS[kind](rng, size)


def _carton(rng, size):
    """A printed box: a field of colour, a panel with a mark, lines of small print."""
    s = Shader("carton")
    ground, second, third = _colours(rng, 3)
    x, y, z = _axes(s)
    tone = s.mix(s.math("GREATER_THAN", y, float(rng.uniform(-0.2, 0.3) * size[1])), ground, second)
    across = s.math("ADD", x, z)
    middle = float(rng.uniform(0.1, 0.3) * size[1])
    round_mark = s.math(
        "SQRT", s.math("ADD", _squared(s, across), _squared(s, s.math("SUBTRACT", y, middle)))
    )
    tone = s.mix(_below(s, round_mark, 0.3 * size[0], 0.001), tone, third)
    print_ = _print(s, across, y, -0.42 * size[1], -0.12 * size[1], 0.36 * size[0])
    tone = s.mix(s.math("MULTIPLY", print_, 0.85), tone, _ink(rng, ground))
    worn = s.noise(s.inside(), 40.0, 4)
    return s.finish(
        s.mix(0.1, tone, s.ramp(worn, (0.3, 0.4), (0.6, 1.0)), "MULTIPLY"), float(rng.uniform(0.3, 0.6))
    )


def _book(rng, size):
    """Covers of one colour around a block of pages."""
    s = Shader("book")
    cover, second, third = _colours(rng, 3)
    x, y, z = _axes(s)
    inside = s.math("LESS_THAN", s.math("ABSOLUTE", y), 0.5 * size[1] - 0.0028)
    spine = s.math("LESS_THAN", x, -0.5 * size[0] + 0.004)
    pages = s.math("MULTIPLY", inside, s.math("SUBTRACT", 1.0, spine))
    field = s.math(
        "LESS_THAN",
        s.math("ABSOLUTE", s.math("ADD", z, float(rng.uniform(-0.1, 0.2) * size[2]))),
        0.16 * size[2],
    )
    tone = s.mix(field, cover, second)
    lines = _print(s, z, x, -0.2 * size[0], 0.2 * size[0], 0.12 * size[2], pitch=0.016)
    tone = s.mix(s.math("MULTIPLY", lines, field), tone, third)
    leaf = s.noise(s.node("Mapping", Vector=s.node("TexCoord", "Object"), Scale=(1.0, 2500.0, 1.0)), 1.0, 1)
    tone = s.mix(pages, tone, s.ramp(leaf, (0.3, linear(196, 186, 164)), (0.7, linear(240, 234, 220))))
    return s.finish(tone, s.ramp(pages, (0.0, float(rng.uniform(0.25, 0.6))), (1.0, 0.9)))


def _phone(rng, size):
    """Glass in front, coloured metal behind and around."""
    s = Shader("phone")
    x, y, z = _axes(s)
    front = s.math("GREATER_THAN", y, 0.5 * size[1] - 0.0012)
    back = shade(_colours(rng, 1)[0], 0.6)
    edge = s.math("MAXIMUM", s.math("SUBTRACT", s.math("ABSOLUTE", x), 0.5 * size[0] - 0.004),
                  s.math("SUBTRACT", s.math("ABSOLUTE", z), 0.5 * size[2] - 0.005))  # fmt: skip
    screen = s.mix(s.math("GREATER_THAN", edge, 0.0), (0.012, 0.013, 0.016), (0.004, 0.004, 0.004))
    lens = s.math("SQRT", s.math("ADD", _squared(s, s.math("SUBTRACT", x, -0.28 * size[0])),
                                 _squared(s, s.math("SUBTRACT", z, -0.38 * size[2]))))  # fmt: skip
    behind = s.mix(_below(s, lens, 0.008, 0.0005), back, (0.01, 0.01, 0.012))
    return s.finish(
        s.mix(front, behind, screen), s.ramp(front, (0.0, 0.35), (1.0, 0.06)), Specular_IOR_Level=0.6
    )


def _ceramic(rng, size):
    """Glaze, often with a band of another one or an unglazed foot."""
    s = Shader("ceramic")
    glaze, second = (linear(*_GLAZE[i]) for i in rng.choice(len(_GLAZE), 2, replace=False))
    _, y, _ = _axes(s)
    flow = s.noise(s.inside(), 60.0, 3)
    level = s.math("ADD", y, s.math("MULTIPLY", flow, 0.006))
    speck = s.noise(s.inside(), 700.0, 2)
    tone = s.mix(s.ramp(level, (0.0, 0.0), (0.001, 1.0)) if rng.random() < 0.4 else 0.0, glaze, second)
    if rng.random() < 0.4:
        tone = s.mix(s.math("LESS_THAN", level, float(-0.4 * size[1])), tone, linear(176, 134, 98))
    if rng.random() < 0.4:
        tone = s.mix(s.math("GREATER_THAN", speck, 0.66), tone, shade(glaze, 0.3))
    return s.finish(tone, float(rng.uniform(0.1, 0.35)), flow, 0.25, Coat_Weight=0.3)


def _bottle(rng, size):
    """An opaque bottle with a printed label and a cap."""
    s = Shader("bottle")
    body, cap, label = _colours(rng, 3)
    _, y, _ = _axes(s)
    height = s.math("MULTIPLY_ADD", y, 1 / size[1])
    height.node.inputs[2].default_value = 0.5
    around = _around(s, size)
    tone = s.mix(s.math("GREATER_THAN", height, 0.905), body, cap)
    paper = s.math("MULTIPLY", s.math("GREATER_THAN", height, 0.31), s.math("LESS_THAN", height, 0.57))
    mark = _print(s, around, y, -0.16 * size[1], 0.04 * size[1], 0.4 * size[0], pitch=0.011)
    printed = s.mix(mark, label, _ink(rng, label))
    tone = s.mix(paper, tone, printed)
    ribs = s.math("SINE", s.math("MULTIPLY", around, 2 * np.pi / 0.0022))
    height_map = s.math("MULTIPLY", ribs, s.math("GREATER_THAN", height, 0.905))
    return s.finish(tone, s.ramp(paper, (0.0, float(rng.uniform(0.18, 0.4))), (1.0, 0.5)), height_map, 0.3)


def _can(rng, size):
    """A tin: printed around, bare metal above and below."""
    s = Shader("can")
    ground, second, third = _colours(rng, 3)
    _, y, _ = _axes(s)
    bare = s.math("GREATER_THAN", s.math("ABSOLUTE", y), 0.425 * size[1])
    around = _around(s, size)
    swing = s.math(
        "MULTIPLY", s.math("SINE", s.math("MULTIPLY", around, 2 * np.pi / (np.pi * size[0]))), 0.12 * size[1]
    )
    tone = s.mix(s.math("GREATER_THAN", y, swing), ground, second)
    mark = _print(s, around, y, 0.05 * size[1], 0.3 * size[1], 0.45 * size[0], pitch=0.02)
    tone = s.mix(mark, tone, third)
    tone = s.mix(bare, tone, (0.62, 0.62, 0.61))
    return s.finish(tone, 0.28, Metallic=s.ramp(bare, (0.0, 0.35), (1.0, 1.0)))


def _ball(rng, size):
    """Rubber, felt, wood or painted plastic."""
    choice = int(rng.integers(4))
    if choice == 0:
        return surfaces.wood(rng, _WOOD[rng.integers(len(_WOOD))], 0.35, 3.0)
    s = Shader("ball")
    first, second = _colours(rng, 2)
    x, y, z = _axes(s)
    if choice == 1:  # felt with a curved seam
        seam = s.math("SUBTRACT", s.math("MULTIPLY", x, y), s.math("MULTIPLY", z, 0.42 * size[0] / 2))
        line = _below(s, s.math("ABSOLUTE", seam), 0.0013 * size[0], 0.0003 * size[0])
        fuzz = s.noise(s.inside(), 500.0, 4)
        tone = s.mix(
            line, s.ramp(fuzz, (0.35, linear(150, 160, 40)), (0.7, linear(214, 224, 90))), (0.8, 0.8, 0.78)
        )
        return s.finish(tone, 1.0, s.math("SUBTRACT", fuzz, line), 1.5, Sheen_Weight=0.7)
    around = s.math("MULTIPLY", s.math("ARCTAN2", x, z), 3 / np.pi)
    split = s.math("GREATER_THAN", s.math("SINE", s.math("MULTIPLY", around, np.pi)), 0.0)
    tone = s.mix(split, first, second) if choice == 2 else first
    return s.finish(tone, float(rng.uniform(0.25, 0.6)), s.noise(s.inside(), 300.0, 2), 0.2)


def _banana(rng, size):
    s = Shader("banana")
    x, _, _ = _axes(s)
    ripe = float(rng.uniform(0.35, 0.75))
    spots = s.noise(s.inside((0.6, 1.0, 1.0)), 160.0, 4, 0.5)
    tone = s.mix(s.noise(s.inside(), 12.0, 3), linear(226, 186, 52), linear(196, 176, 60))
    tone = s.mix(s.ramp(spots, (0.62 - 0.08 * ripe, 0.0), (0.68, 0.8)), tone, linear(92, 58, 26))
    tip = s.ramp(s.math("ABSOLUTE", x), (0.455 * size[0], 0.0), (0.478 * size[0], 1.0))
    tone = s.mix(tip, tone, linear(70, 52, 30))
    return s.finish(tone, 0.5, spots, 0.3)


def _tool(rng, size):
    """A screwdriver: a steel shaft in a handle of two plastics."""
    s = Shader("tool")
    grip, second = _colours(rng, 2)
    x, y, z = _axes(s)
    steel = s.math("LESS_THAN", y, -0.008 * size[1])
    angle = s.math("MULTIPLY", s.math("ARCTAN2", x, z), 8.0)
    groove = s.math("SINE", angle)
    held = s.math(
        "MULTIPLY", s.math("GREATER_THAN", y, 0.13 * size[1]), s.math("LESS_THAN", y, 0.42 * size[1])
    )
    tone = s.mix(s.math("MULTIPLY", held, s.math("GREATER_THAN", groove, -0.2)), grip, second)
    tone = s.mix(steel, tone, (0.5, 0.5, 0.5))
    rough = s.ramp(steel, (0.0, 0.4), (1.0, 0.22))
    return s.finish(tone, rough, s.math("MULTIPLY", groove, held), 1.2, Metallic=steel)


def _pen(rng, size):
    s = Shader("pen")
    barrel, second = _colours(rng, 2)
    _, y, _ = _axes(s)
    tone = s.mix(s.math("GREATER_THAN", y, -0.1 * size[1]), barrel, second)
    tone = s.mix(s.math("LESS_THAN", y, -0.41 * size[1]), tone, (0.03, 0.03, 0.032))
    return s.finish(tone, float(rng.uniform(0.15, 0.4)))


def _bowl(rng, size):
    if rng.random() < 0.35:
        return surfaces.wood(rng, _WOOD[rng.integers(len(_WOOD))], 0.4, 2.0)
    return _ceramic(rng, size)


def _table(rng, size):
    """Wood, boards, stone, laminate or a tablecloth."""
    wood = _WOOD[rng.integers(len(_WOOD))]
    choice = int(rng.integers(6))
    if choice == 0:
        return surfaces.wood(rng, wood, float(rng.uniform(0.25, 0.5)))
    if choice == 1:
        return surfaces.boards(rng, wood, float(rng.uniform(0.08, 0.2)), 2.0)
    if choice == 2:
        return surfaces.marble(rng, linear(226, 222, 214), linear(120, 116, 110), 0.2)
    if choice == 3:
        return surfaces.speckled(rng, linear(*rng.uniform(60, 190, 3)), 0.35)
    if choice == 4:
        pattern = ("plain", "stripes", "squares", "melange")[rng.integers(4)]
        return surfaces.fabric(rng, _colours(rng, 1)[0], linear(226, 222, 210), pattern)
    return surfaces.plaster(rng, linear(*rng.uniform(120, 235) * np.array([1, 0.98, 0.95])))


_KINDS = {
    "ball": _ball,
    "banana": _banana,
    "book": _book,
    "bottle": _bottle,
    "bowl": _bowl,
    "box": _carton,
    "can": _can,
    "mug": _ceramic,
    "pen": _pen,
    "phone": _phone,
    "table": _table,
    "tool": _tool,
}


def _colours(rng, count: int) -> list[tuple]:
    """Different linear colours."""
    picked = rng.choice(len(_BRIGHT), count, replace=False)
    return [shade(linear(*_BRIGHT[i]), float(rng.uniform(0.7, 1.1))) for i in picked]


def _ink(rng, paper) -> tuple:
    """A colour that can be read on paper of a colour."""
    return (0.02, 0.02, 0.025) if np.mean(paper) > 0.18 else (0.75, 0.74, 0.7)


def _axes(s: Shader):
    """x, y and z in the thing's own frame, metres."""
    where = s.node("SeparateXYZ", 0, Vector=s.node("TexCoord", "Object"))
    return where, where.node.outputs[1], where.node.outputs[2]


def _around(s: Shader, size):
    """Metres around a thing of revolution, 0 in front."""
    x, _, z = _axes(s)
    return s.math("MULTIPLY", s.math("ARCTAN2", x, z), float(size[0] / 2))


def _squared(s: Shader, x):
    return s.math("MULTIPLY", x, x)


def _below(s: Shader, x, limit: float, soft: float):
    """1 where x is below a limit, 0 above it."""
    share = s.math("MULTIPLY", s.math("SUBTRACT", float(limit), x), 1 / soft)
    return s.math("MINIMUM", s.math("MAXIMUM", share, 0.0), 1.0)


def _print(s: Shader, across, down, low: float, high: float, half: float, pitch: float = 0.006):
    """1 on words in lines between two heights and within `half` of the middle."""
    line = s.math("LESS_THAN", s.math("FRACT", s.math("MULTIPLY", down, 1 / pitch)), 0.5)
    row = s.math("FLOOR", s.math("MULTIPLY", down, 1 / pitch))
    where = s.node("CombineXYZ", X=s.math("MULTIPLY", across, 1.1 / pitch), Y=s.math("MULTIPLY", row, 7.3))
    word = s.math("GREATER_THAN", s.node("TexNoise", 0, Vector=where, Scale=1.0, Detail=1.0), 0.46)
    field = s.math(
        "MULTIPLY", s.math("GREATER_THAN", down, float(low)), s.math("LESS_THAN", down, float(high))
    )
    field = s.math("MULTIPLY", field, s.math("LESS_THAN", s.math("ABSOLUTE", across), float(half)))
    return s.math("MULTIPLY", field, s.math("MULTIPLY", line, word))
