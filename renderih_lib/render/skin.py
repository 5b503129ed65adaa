"""Skin textures for the render hand: seven tone groups, any number of people (paper section 3.2, Figure 5).

python -m renderih_lib.render.skin --count 7 --size 1024 --seed 0 --out skins
"""

import argparse
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from renderih_lib.render import skin_fields as fields
from renderih_lib.render.shards import write_atomic
from renderih_lib.render.skin_texels import SkinTexels, skin_texels


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
    "wrinkles": Layer((-8.0, 3.0, 0.5), (-8.0, 0.5, 0.0), -0.26),
    "finger_creases": Layer((-5.0, 4.0, 0.0), (-8.0, 2.5, 1.0), -0.30),
    "palm_lines": Layer((-5.0, 4.0, 0.0), (-8.0, 2.5, 1.0), -0.30),
    "wrist_creases": Layer((-3.0, 2.4, 0.0), (-6.0, 1.5, 0.5), -0.20),
    "fingertips": Layer((-0.8, 3.5, -0.3), (-0.5, 2.0, 0.0)),
    "veins": Layer((-2.4, -3.4, -3.6), (-0.8, -0.9, -0.9), 0.12),
    "tendons": Layer((0.4, 0.0, 0.0), (0.4, 0.0, 0.0), 0.16),
    "spots": Layer((-10.0, 1.0, 2.0), (-6.0, 0.0, 0.0)),
    "relief": Layer(height=0.02),
    "pores": Layer(height=0.012),
}


class SkinMaps(NamedTuple):
    """Textures of one person; row 0 is v = 0, as in Blender's image buffers. Empty texels are 0."""

    albedo: np.ndarray  # (H, W, 3) float32, linear Rec. 709 reflectance
    height_mm: np.ndarray  # (H, W) float32, millimetres above the mesh
    roughness: np.ndarray  # (H, W) float32, of the Principled BSDF


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
    parts = skin_fields(texels, rng)
    darkness = np.clip((60 - back[0]) / 30, 0, 1)
    lab = back + parts["palm"][:, None] * (palm - back)
    height = np.zeros(len(lab), np.float32)
    for name, layer in LAYERS.items():
        color = (1 - darkness) * np.array(layer.light) + darkness * np.array(layer.dark)
        lab += parts[name][:, None] * color
        height += layer.height * parts[name]
    lab = with_nails(lab, parts, darkness)
    maps = (lab_to_linear(lab), height * (1 - parts["nail"]) + 0.05 * parts["nail"], _roughness(parts, rng))
    return SkinMaps(*(texels.image(values.astype(np.float32)) for values in maps))


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
    return {
        "palm": palm,
        "melanin": fields.noise(points, 18.0, rng, 4),
        "haemoglobin": fields.noise(points, 5.0, rng, 3),
        "speckle": fields.noise(points, 1.8, rng, 2) * palm,
        "knuckles": knuckles,
        "wrinkles": age * wrinkles,
        "finger_creases": fields.finger_creases(texels, palm, rng),
        "palm_lines": fields.palm_lines(texels, palm, rng),
        "wrist_creases": age * fields.wrist_creases(texels, palm, rng),
        "fingertips": fields.fingertips(texels, palm),
        "veins": veined * fields.veins(texels, rng),
        "tendons": veined * fields.tendons(texels),
        "spots": fields.spots(texels, rng.integers(4, 26), rng),
        "relief": fields.noise(points, 1.6, rng),
        "pores": fields.noise(points, 0.55, rng),
        **fields.nails(texels),
    }


def with_nails(lab: np.ndarray, parts: dict[str, np.ndarray], darkness: float) -> np.ndarray:
    """Skin colour (T, 3) with the nails laid over it."""
    bed = lab * [0.45, 0, 0] + [0.55 * (67 - 17 * darkness) + 2, 14 - 4 * darkness, 12 + 2 * darkness]
    bed += parts["lunula"][:, None] * [6, -2, 0] + parts["nail_edge"][:, None] * [10, -9, 0]
    out = lab + parts["nail"][:, None] * (bed - lab)
    return out + parts["nail_rim"][:, None] * [-5, 3, 0]


def _roughness(parts: dict[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
    base = rng.uniform(0.44, 0.51) - (0.1 if rng.random() < 0.1 else 0.0)  # one person in ten has oily skin
    skin = base + 0.07 * parts["palm"] + 0.02 * parts["relief"] + 0.015 * parts["pores"]
    return skin + parts["nail"] * (0.25 - skin)


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


def write_skin(path: Path, maps: SkinMaps) -> None:
    """Writes the maps as half floats into one .npz; the file appears complete or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, **{name: values.astype(np.float16) for name, values in maps._asdict().items()}
    )
    write_atomic(path, buffer.getvalue())


def read_skin(path: Path) -> SkinMaps:
    """The maps in a file of `write_skin`, float32."""
    with np.load(path, allow_pickle=False) as archive:
        return SkinMaps(*(archive[name].astype(np.float32) for name in SkinMaps._fields))


def write_skins(folder: Path, count: int, size: int, seed: int) -> Iterator[dict]:
    """Bakes skin-00.npz ..., the tone groups in turn, and yields each one's entry of the index skins.json."""
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
        write_skin(folder / entry["file"], bake_skin(entry["seed"], tone, size))
        index.append(entry)
        yield entry
    write_atomic(folder / "skins.json", json.dumps(index, indent=1).encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, required=True, help="how many people")
    parser.add_argument("--size", type=int, default=1024, help="texels along each side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder for the skins and skins.json")
    args = parser.parse_args()
    for entry in write_skins(args.out, args.count, args.size, args.seed):
        print(f"{entry['file']}  {entry['label']}")


if __name__ == "__main__":
    main()
