"""Natural poses recorded from people: InterHand2.6M, FreiHAND and DexYCB, by path, as anatomical angles.

All three hold MANO poses without MANO's mean pose (`flat_hand_mean=False`), so the user's MANO files are needed.
Angles stay as recorded: fits of real hands twist their joints and leave Table 2 at times (`outside_table_2` says how
often); `augment` moves them inside.
"""

import copy
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from renderih_lib.hand.anatomy import angle_excess, rest_frames, rotations_to_angles
from renderih_lib.hand.mano import load_mano_pair, mano_rotations
from renderih_lib.hand.model import HandModel
from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.hand.skeleton import FINGER_JOINT_COUNT, SIDES
from renderih_lib.pose.distinct import APART_MM, first_distinct, pair_keypoints
from renderih_lib.pose.retarget import retargeted
from renderih_lib.tree import Tree

_FINGERS = 3 * FINGER_JOINT_COUNT  # numbers of the finger joints: axis-angles or coefficients
_POSE, _SHAPE = 3 + _FINGERS, 10
_MANO_FILES = ("MANO_RIGHT.pkl", "MANO_LEFT.pkl")
_MANO_REMEDY = (
    "put MANO_RIGHT.pkl and MANO_LEFT.pkl from https://mano.is.tue.mpg.de into a folder and name it in RENDERIH_MANO, "
    "or into mano/ below DATA_ROOT"
)


@dataclass(frozen=True)
class RecordedPoses:
    """Poses of real hands, and where each was recorded."""

    pairs: PairPose  # P interacting pairs for `hands`, in the world of their recording
    pair_names: list[str]
    singles: Tensor  # (N, 15, 3) radians: every recorded hand, also those of the pairs
    single_names: list[str]
    hands: HandPair  # the MANO hands that `pairs` and their shapes are for

    def __add__(self, other: "RecordedPoses") -> "RecordedPoses":
        return RecordedPoses(
            PairPose.cat([self.pairs, other.pairs]),
            self.pair_names + other.pair_names,
            torch.cat([self.singles, other.singles]),
            self.single_names + other.single_names,
            self.hands,
        )


def recorded_poses(data_root: str | Path = "", split: str = "train") -> RecordedPoses | None:
    """All poses of the datasets that are there; None if none is.

    A dataset's folder is what `RENDERIH_INTERHAND`, `RENDERIH_FREIHAND` or `RENDERIH_DEXYCB` names, else
    `interhand26m`, `freihand` or `dexycb` below `data_root`; MANO's likewise (`RENDERIH_MANO`, `mano`).

    Args:
        split: of InterHand2.6M; by default the training one, so that test poses stay unseen.

    Raises:
        ValueError: if a dataset is there but MANO is not, or a file is missing or damaged.
    """
    readers = (
        ("RENDERIH_INTERHAND", "interhand26m", lambda *folders: read_interhand(*folders, split)),
        ("RENDERIH_FREIHAND", "freihand", read_freihand),
        ("RENDERIH_DEXYCB", "dexycb", read_dexycb),
    )
    mano = _folder("RENDERIH_MANO", "mano", data_root)
    everything = None
    for variable, name, read in readers:
        folder = _folder(variable, name, data_root)
        if folder is None:
            continue
        if mano is None:
            raise ValueError(f"the poses in {folder} need MANO: {_MANO_REMEDY}")
        found = read(folder, mano)
        everything = found if everything is None else everything + found
    return everything


def draw_recorded_pairs(
    recorded: RecordedPoses, hands: HandPair, seed: int, count: int, apart_mm: float = APART_MM
) -> tuple[PairPose, list[str]]:
    """`count` distinct recorded pairs in random order, on other hands, and the recording behind each.

    The twin of `distinct.draw_distinct_pairs`: pairs are `retargeted` to the mean shape of `hands`, with the right
    wrist joint at the origin and the orientation of the recording. The first k of a longer draw are a draw of k.

    Raises:
        ValueError: if fewer recorded pairs lie `apart_mm` apart.
    """
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(recorded.pairs)))
    pose = retargeted(recorded.pairs[order], recorded.hands, hands)
    wrist = hands.right.rest_joints[0] + pose.translation[:, :1]
    pose = pose.replace(translation=pose.translation - wrist)
    kept = first_distinct(
        lambda start, stop: pair_keypoints(pose[start:stop], hands), len(pose), count, apart_mm
    )
    if len(kept) < count:
        raise ValueError(
            f"{len(pose)} recorded pairs hold only {len(kept)} that lie {apart_mm:g} mm apart, {count} were asked for: "
            "read more of them, or leave their folder out to use the open library"
        )
    return pose[kept], [recorded.pair_names[i] for i in order[kept].tolist()]


def outside_table_2(angles: Tensor, tolerance_deg: float = 1.0) -> dict[str, float]:
    """Share of hands (..., 15, 3) radians with a joint that leaves Table 2 by more than the tolerance.

    Keys: "twist", "splay", "bend", and "any" of the three.
    """
    left = torch.rad2deg(angle_excess(angles)).abs().flatten(0, -3) > tolerance_deg
    shares = left.any(1).double().mean(0).tolist()
    return dict(zip(("twist", "splay", "bend"), shares, strict=True)) | {
        "any": left.flatten(1).any(1).double().mean().item()
    }


def read_interhand(folder: str | Path, mano_folder: str | Path, split: str = "train") -> RecordedPoses:
    """InterHand2.6M's MANO fits: a pair for each frame with both hands, and every single hand.

    Reads `annotations/<split>/InterHand2.6M_<split>_MANO_NeuralAnnot.json`: [capture][frame]["right" or "left"] is
    null or holds `pose` (48 axis-angles, wrist first), `shape` (10) and `trans` (3, metres, world frame). The fits
    assume the repaired left shape basis. The whole file is read at once, which takes several gigabytes for "train".

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: naming the file, the entry and what was expected there.
    """
    tree = Tree(Path(folder), "interhand26m")
    path = f"annotations/{split}/InterHand2.6M_{split}_MANO_NeuralAnnot.json"
    hands = _mano_hands(mano_folder)
    rows: dict[str, dict[str, np.ndarray]] = {side: {} for side in SIDES}
    for frame, side, hand in _interhand_hands(tree, path):
        parameters = (("pose", _POSE), ("shape", _SHAPE), ("trans", 3))
        rows[side][f"interhand26m/{split}/{frame}"] = np.concatenate(
            [tree.numbers(path, f"{frame}/{side}/{key}", hand.get(key), count) for key, count in parameters]
        )
    tables = [np.array(list(rows[side].values())).reshape(-1, _POSE + _SHAPE + 3) for side in SIDES]
    angles = [
        _finger_angles(hand, table[:, 3:_POSE]) for hand, table in zip(hands.hands, tables, strict=True)
    ]
    together = [name for name in rows["right"] if name in rows["left"]]
    order = [{name: i for i, name in enumerate(rows[side])} for side in SIDES]
    picked = [[places[name] for name in together] for places in order]
    both = np.stack([table[pick] for table, pick in zip(tables, picked, strict=True)], 1)
    pairs = PairPose(
        torch.stack([angles[side][picked[side]] for side in range(2)], 1),
        _rotations(both[..., :3]).float(),
        torch.from_numpy(both[..., _POSE + _SHAPE :]).float(),
        torch.from_numpy(both[..., _POSE : _POSE + _SHAPE]).float(),
    )
    names = [f"{name}/{side}" for side in SIDES for name in rows[side]]
    return RecordedPoses(pairs, together, torch.cat(angles), names, hands)


def read_freihand(folder: str | Path, mano_folder: str | Path) -> RecordedPoses:
    """FreiHAND's training hands, all right; no pairs.

    Reads `training_mano.json`: a list of [[61 numbers]], namely 48 axis-angles (wrist first), 10 of shape, and 3 of
    the camera, which are not used. That the 45 finger numbers lack the mean pose and are no coefficients is how the
    dataset's own viewer poses them (github.com/lmb-freiburg/freihand, `view_samples.py`).

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: naming the file, the entry and what was expected there.
    """
    tree, path, hands = Tree(Path(folder), "freihand"), "training_mano.json", _mano_hands(mano_folder)
    entries = tree.json(path, list)
    poses = [tree.numbers(path, f"entry {i}", entry, 61)[3:_POSE] for i, entry in enumerate(entries)]
    angles = _finger_angles(hands.right, np.array(poses).reshape(-1, _FINGERS))
    return _only_singles(angles, [f"freihand/{i:08d}" for i in range(len(poses))], hands)


def read_dexycb(folder: str | Path, mano_folder: str | Path) -> RecordedPoses:
    """DexYCB's hands, one per sequence and frame; no pairs.

    Reads `<date>-subject-<nn>/<sequence>/meta.yml`, whose `mano_sides` is [right] or [left], and `pose_m` (1, 51)
    of `<sequence>/<camera>/labels_<frame>.npz`: 3 of the wrist, 45 coefficients of MANO's principal components, 3
    of translation; all zero where the camera does not see the hand. Cameras differ in the wrist alone, so the first
    one that sees the hand is taken. Shapes, in `calibration/`, do not change angles and are not read. Layout and
    meaning are from the authors' toolkit (github.com/NVlabs/dex-ycb-toolkit, README and issues 23 and 32; the mean
    pose from github.com/namepllet/HandOccNet, issue 10); this reader was never run on the dataset itself.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: naming the file, the entry and what was expected there.
    """
    tree, hands = Tree(Path(folder), "dexycb"), _mano_hands(mano_folder)
    poses: dict[str, dict[str, np.ndarray]] = {side: {} for side in SIDES}
    for meta in tree.names("*-subject-*/*/meta.yml", "<date>-subject-<nn>/<sequence>"):
        side, sequence = dexycb_side(meta, tree), Path(meta).parent
        for labels in sorted(tree.path(str(sequence)).glob("*/labels_*.npz")):
            name = f"dexycb/{sequence}/{labels.stem.removeprefix('labels_')}"
            if name in poses[side]:
                continue
            path = str(sequence / labels.parent.name / labels.name)
            pose = tree.numbers(path, "pose_m", tree.npz(path, ("pose_m",))["pose_m"], _POSE + 3)
            if pose.any():
                poses[side][name] = pose[3:_POSE]
    angles = [
        _finger_angles(hand, np.array(list(poses[side].values())).reshape(-1, _FINGERS), coefficients=True)
        for hand, side in zip(hands.hands, SIDES, strict=True)
    ]
    return _only_singles(torch.cat(angles), [n for side in SIDES for n in poses[side]], hands)


def dexycb_side(meta: str, tree: Tree) -> str:
    """ "right" or "left", of the one hand that a DexYCB sequence's meta.yml names."""
    sides = tree.yaml(meta).get("mano_sides")
    if not isinstance(sides, list) or len(sides) != 1 or sides[0] not in SIDES:
        raise tree.error(meta, f"mano_sides: expected [right] or [left], got {sides!r}")
    return sides[0]


def _interhand_hands(tree: Tree, path: str) -> Iterator[tuple[str, str, dict]]:
    """`Capture<id>/<frame>`, side and parameters of every annotated hand."""
    for capture, frames in tree.json(path, dict).items():
        for frame, sides in tree.checked(path, f"Capture{capture}", frames, dict).items():
            name = f"Capture{capture}/{frame}"
            for side, hand in tree.checked(path, name, sides, dict).items():
                if side not in SIDES:
                    raise tree.error(path, f"{name}: expected {' and '.join(SIDES)}, got {side!r}")
                if hand is not None:
                    yield name, side, tree.checked(path, f"{name}/{side}", hand, dict)


def _only_singles(angles: Tensor, names: list[str], hands: HandPair) -> RecordedPoses:
    empty = PairPose(
        torch.empty(0, 2, *angles.shape[1:]),
        torch.empty(0, 2, 3, 3),
        torch.empty(0, 2, 3),
        torch.empty(0, 2, _SHAPE),
    )
    return RecordedPoses(empty, [], angles, names, hands)


def _finger_angles(hand: HandModel, fingers: np.ndarray, coefficients: bool = False) -> Tensor:
    """Angles (N, 15, 3) radians of MANO's finger numbers (N, 45), to which the mean pose is added."""
    pose = np.concatenate([np.zeros((len(fingers), 3)), fingers], 1)
    hand = copy.deepcopy(hand).double()
    rotations = mano_rotations(hand, pose, coefficients=coefficients)[:, 1:]
    return rotations_to_angles(rotations, rest_frames(hand)).float()


def _mano_hands(folder: str | Path) -> HandPair:
    for name in _MANO_FILES:
        if not (Path(folder) / name).is_file():
            raise ValueError(f"{Path(folder) / name} is missing: {_MANO_REMEDY}")
    return load_mano_pair(folder)


def _rotations(axis_angle: np.ndarray) -> Tensor:
    """(..., 3, 3) float64 of axis-angles (..., 3)."""
    turned = Rotation.from_rotvec(axis_angle.reshape(-1, 3)).as_matrix()
    return torch.from_numpy(turned).view(*axis_angle.shape, 3)


def _folder(variable: str, name: str, data_root: str | Path) -> Path | None:
    """As `data_manifest.yaml` says: what the variable names, else the folder below the data root."""
    if named := os.environ.get(variable):
        return Path(named)
    below = Path(data_root) / name
    return below if data_root and below.exists() else None
