"""Skin textures for the render hand: seven tone groups, any number of people (paper section 3.2, Figure 5).

python -m renderih_lib.render.skin.baking --count 7 --size 1024 --seed 0 --out skins
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from renderih_lib.render.shards import write_atomic
from renderih_lib.render.skin import fields
from renderih_lib.render.skin.files import SkinMaps, made_from, skin_maps, write_skin
from renderih_lib.render.skin.hair import hair
from renderih_lib.render.skin.noise import noise
from renderih_lib.render.skin.texels import SkinTexels, skin_texels

#: Grows when the same seed begins to give another skin, so that old files are baked again.
RECIPE = 3


class Tone(NamedTuple):
    """One of the paper's colour groups: CIELAB (D65) of the back of the hand and of the palm."""

    label: str
    back: tuple[float, float, float]
    palm: tuple[float, float, float]


#: The paper names the seven groups; the values are ours, chosen to fall into the classes of the individual
#: typology angle (Chardon 1991) from very light to dark.
TONES = {
    "white": Tone("white", (70, 9.5, 14.5), (66, 14, 15)),
    "light_european": Tone("light-skinned European", (65, 11.5, 16.5), (62, 15.5, 16)),
    "dark_european": Tone("dark-skinned European", (59, 12.5, 19), (59, 15.5, 17.5)),
    "olive": Tone("Mediterranean or olive", (55.5, 11, 21.5), (58, 14, 19)),
    "yellow": Tone("yellow", (62, 9.5, 20.5), (62, 13, 19)),
    "dark_brown": Tone("dark brown", (42, 12, 18), (54, 14, 19)),
    "black": Tone("black", (31, 8, 10.5), (48, 13.5, 17)),
}


class Layer(NamedTuple):
    """What one field adds where it is 1: CIELAB on light skin and on dark skin, and height in mm."""

    light: tuple[float, float, float] = (0, 0, 0)
    dark: tuple[float, float, float] = (0, 0, 0)
    height: float = 0.0


LAYERS = {
    "melanin": Layer((-0.9, 0.55, 0.45), (-0.9, 0.4, 0.3)),
    "haemoglobin": Layer((-0.6, 0.9, 0.0), (-0.5, 0.4, 0.0)),
    "speckle": Layer((1.1, -1.2, 0.0), (0.9, -0.8, 0.0)),
    "knuckles": Layer((-3.0, 4.5, 0.3), (-6.0, 1.0, 0.0)),
    "wrinkles": Layer((-5.0, 3.0, 0.5), (-7.0, 0.5, 0.0), -0.24),
    "finger_creases": Layer((-5.0, 3.5, 0.0), (-8.0, 2.5, 1.0), -0.34),
    "pads": Layer(height=0.12),
    "palm_lines": Layer((-4.5, 3.0, 0.3), (-6.5, 2.5, 1.0), -0.24),
    "palm_net": Layer((-1.2, 1.0, 0.0), (-2.5, 0.8, 0.4), -0.06),
    "wrist_creases": Layer((-3.0, 2.4, 0.0), (-6.0, 1.5, 0.5), -0.20),
    "fingertips": Layer((-0.8, 3.5, -0.3), (-0.5, 2.0, 0.0)),
    "veins": Layer((-1.6, -2.4, -2.8), (-0.6, -0.6, -0.6), 0.42),
    "tendons": Layer((0.4, 0.0, 0.0), (0.4, 0.0, 0.0), 0.50),
    "spots": Layer((-10.0, 1.0, 2.0), (-6.0, 0.0, 0.0)),
    "lines": Layer((-1.3, 0.5, 0.0), (-1.6, 0.2, 0.0), -0.06),
    "pores": Layer((-2.0, 1.0, 0.5), (-2.0, 0.0, 0.0), -0.03),
    "ridges": Layer((0.5, -0.4, 0.0), (0.7, -0.3, 0.0), 0.012),
    "relief": Layer(height=0.015),
}

#: Colours of hair, linear Rec. 709, and the tone groups that have them.
HAIR_COLORS = {"blond": (0.32, 0.22, 0.11), "brown": (0.07, 0.04, 0.022), "black": (0.014, 0.011, 0.009)}
FAIR, HAIRLESS_SHARE = ("white", "light_european"), 0.4
HAIR_HEIGHT = 0.05  # mm


def bake_skin(seed, tone: str, size: int) -> SkinMaps:
    """Bakes the skin of one person.

    Args:
        seed: whatever `np.random.default_rng` takes; decides everything but the tone group.
        tone: one of `TONES`.
        size: texels along each side.

    Raises:
        ValueError: if the tone is unknown or the size too small.
    """
    if tone not in TONES:
        raise ValueError(f"tone must be one of {tuple(TONES)}, got {tone!r}")
    rng = np.random.default_rng(seed)
    texels = skin_texels(size)
    back, palm = person_tone(tone, rng)
    hair_color, hair_amount = person_hair(tone, rng)
    parts = skin_fields(texels, rng)
    darkness = np.clip((60 - back[0]) / 30, 0, 1)
    lab = back + parts["palm"][:, None] * (palm - back)
    height = np.zeros(len(lab), np.float32)
    for name, layer in LAYERS.items():
        color = (1 - darkness) * np.array(layer.light) + darkness * np.array(layer.dark)
        if color.any():
            lab += parts[name][:, None] * color
        height += layer.height * parts[name]
    height += parts["nail"] * (0.05 - height) - 0.10 * parts["nail_rim"]
    albedo = lab_to_linear(with_nails(lab, parts, darkness))
    cover = hair(texels, hair_amount, rng)
    albedo += cover[:, None] * (np.array(HAIR_COLORS[hair_color]) - albedo)
    height += HAIR_HEIGHT * cover
    rough = _roughness(parts, rng)
    return skin_maps(texels, albedo, height, rough, (1 - parts["nail"]) * fields.folds(parts))


def person_hair(tone: str, rng: np.random.Generator) -> tuple[str, float]:
    """Colour of one person's hair, one of `HAIR_COLORS`, and how much of it: 0 for two people in five."""
    colors, chances = (("blond", "brown", "black"), (0.4, 0.45, 0.15)) if tone in FAIR else (
        ("brown", "black"), (0.35, 0.65))  # fmt: skip
    amount = 0.0 if rng.random() < HAIRLESS_SHARE else rng.uniform(0.2, 1.0)
    return str(rng.choice(colors, p=chances)), amount


def person_tone(tone: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """CIELAB of one person's back of the hand and palm, varied within the tone's typology class."""
    back, palm = np.array(TONES[tone].back, float), np.array(TONES[tone].palm, float)
    while True:
        shift = rng.normal(0, (2.5, 1.3, 1.3))
        if typology(back + shift) == typology(back):
            return back + shift, palm + 0.6 * shift


def typology(lab: np.ndarray) -> str:
    """Class of skin colour by its individual typology angle, atan((L* - 50) / b*) in degrees (Chardon 1991)."""
    angle = np.degrees(np.arctan2(lab[0] - 50, lab[2]))
    classes = ((55, "very light"), (41, "light"), (28, "intermediate"), (10, "tan"), (-30, "brown"))
    return next((name for above, name in classes if angle > above), "dark")


def skin_fields(texels: SkinTexels, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Every field (T,) of one person by name: those of `LAYERS`, the palm and the nails."""
    age, veined = rng.uniform(0.6, 1.1), rng.uniform(0.25, 1.0)
    points = texels.points
    palm = fields.palm_amount(texels, rng)
    knuckles, wrinkles = fields.knuckles(texels, rng)
    creases, pads = fields.finger_creases(texels, palm, rng)
    lines, pores = fields.dorsal_relief(texels, palm, rng)
    net, ridges = fields.palmar_relief(texels, palm, rng)
    return {
        "palm": palm,
        "melanin": noise(points, 18.0, rng, 4),
        "haemoglobin": noise(points, 5.0, rng, 3),
        "speckle": noise(points, 1.8, rng, 2) * palm,
        "knuckles": knuckles,
        "wrinkles": age * wrinkles,
        "finger_creases": creases,
        "pads": pads,
        "palm_lines": fields.palm_lines(texels, palm, rng),
        "palm_net": net,
        "wrist_creases": age * fields.wrist_creases(texels, palm, rng),
        "fingertips": fields.fingertips(texels, palm),
        "veins": veined * fields.veins(texels, rng),
        "tendons": veined * fields.tendons(texels),
        "spots": fields.spots(texels, rng.integers(4, 26), rng),
        "lines": lines,
        "pores": pores,
        "ridges": ridges,
        "relief": noise(points, 1.6, rng),
        **fields.nails(texels),
    }


def with_nails(lab: np.ndarray, parts: dict[str, np.ndarray], darkness: float) -> np.ndarray:
    """Skin colour (T, 3) with the nails laid over it."""
    bed = lab * [0.4, 0, 0] + [0.6 * (68 - 16 * darkness) + 2, 15 - 4 * darkness, 12.5 + 2 * darkness]
    bed += parts["lunula"][:, None] * [7, -3, 0] + parts["nail_edge"][:, None] * [8, -9, 1]
    out = lab + parts["nail"][:, None] * (bed - lab)
    return out + parts["nail_rim"][:, None] * [-5, 3, 0]


def _roughness(parts: dict[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
    base = rng.uniform(0.44, 0.51) - (0.1 if rng.random() < 0.1 else 0.0)  # one person in ten has oily skin
    skin = base + 0.09 * parts["palm"] + 0.02 * parts["relief"] + 0.05 * parts["lines"]
    return skin + parts["nail"] * (0.27 - skin)


def lab_to_linear(lab: np.ndarray) -> np.ndarray:
    """CIELAB (..., 3) under D65 to linear Rec. 709 (..., 3), kept above 0.005."""
    f = np.stack([lab[..., 1] / 500, np.zeros_like(lab[..., 0]), -lab[..., 2] / 200], -1)
    f += (lab[..., :1] + 16) / 116
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.95047, 1.0, 1.08883]
    return np.maximum(xyz @ np.array(XYZ_TO_LINEAR).T, 0.005)


XYZ_TO_LINEAR = (
    (3.2404542, -1.5371385, -0.4985314),
    (-0.9692660, 1.8760108, 0.0415560),
    (0.0556434, -0.2040259, 1.0572252),
)


def write_skins(folder: Path, count: int, size: int, seed: int) -> Iterator[dict]:
    """Bakes `count` people into a folder, the tone groups in turn, and lists them in `skins.json`.

    Person k depends on (seed, k) alone. A finished file made from the same seed at the same size is left alone.

    Yields:
        After each skin: file, tone, label, seed and size, as in `skins.json`.

    Raises:
        ValueError: if count is not positive.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    index = []
    for k in range(count):
        tone = list(TONES)[k % len(TONES)]
        entry = {
            "file": f"skin-{k:02d}.npz",
            "tone": tone,
            "label": TONES[tone].label,
            "seed": [seed, k],
            "size": size,
        }
        made = {"recipe": RECIPE, "tone": tone, "seed": entry["seed"], "size": size}
        if made_from(folder / entry["file"]) != made:
            write_skin(folder / entry["file"], bake_skin(entry["seed"], tone, size), made)
        index.append(entry)
        yield entry
    write_atomic(folder / "skins.json", json.dumps(index, indent=1).encode())


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, required=True, help="how many people")
    parser.add_argument("--size", type=int, default=1024, help="texels along each side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder for the skins and skins.json")
    args = parser.parse_args(argv)
    for entry in write_skins(args.out, args.count, args.size, args.seed):
        print(f"{entry['file']}  {entry['label']}")


if __name__ == "__main__":
    main()
