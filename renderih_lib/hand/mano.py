"""MANO by path: the registered `MANO_RIGHT.pkl` / `MANO_LEFT.pkl` as a `HandModel`, read without running their code.

A pickle is a program. This reader allows the dozen names that MANO's files need, replaces chumpy and scipy
objects by stubs that only keep their state, checks every array, and keeps the result as a plain `.npz`.
"""

import codecs
import copy
import hashlib
import io
import os
import pickle
import tempfile
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csc_matrix
from scipy.spatial.transform import Rotation
from torch import Tensor

from renderih_lib.hand.model import HandModel
from renderih_lib.hand.pair import HandPair
from renderih_lib.hand.skeleton import JOINT_COUNT, PARENTS, SIDES

#: Skin vertices used as finger tips (thumb, index, middle, ring, pinky) on both sides, the choice of IntagHand and
#: InterShape. Other code bases use neighbours of these; that moves tip errors by up to a few millimetres.
MANO_TIPS = (745, 317, 444, 556, 673)

VERTEX_COUNT, FACE_COUNT, SHAPE_COUNT = 778, 1538, 10
_NAME = "MANO"
_POSE_COUNT = 3 * (JOINT_COUNT - 1)

# What a MANO file must hold: shape and kind ("f" real, "i" integer).
_CONTENTS = {
    "v_template": ((VERTEX_COUNT, 3), "f"),
    "f": ((FACE_COUNT, 3), "i"),
    "shapedirs": ((VERTEX_COUNT, 3, SHAPE_COUNT), "f"),
    "posedirs": ((VERTEX_COUNT, 3, 3 * _POSE_COUNT), "f"),
    "J_regressor": ((JOINT_COUNT, VERTEX_COUNT), "f"),
    "weights": ((VERTEX_COUNT, JOINT_COUNT), "f"),
    "kintree_table": ((2, JOINT_COUNT), "i"),
    "hands_mean": ((_POSE_COUNT,), "f"),
    "hands_components": ((_POSE_COUNT, _POSE_COUNT), "f"),
}
_REMEDY = "download MANO again from https://mano.is.tue.mpg.de and pass the unchanged MANO_RIGHT.pkl or MANO_LEFT.pkl"


def load_mano(
    path: str | Path, side: str, *, left_shapedirs: str = "fixed", cache_dir: str | Path | None = None
) -> HandModel:
    """MANO as a `HandModel` with zero = flat hand (`mano_pose_space` has the mean pose of non-flat data).

    Rest joints are MANO's own: `J_regressor` times the shaped template, which also serves as the joint regressor.

    Args:
        path: `MANO_RIGHT.pkl` or `MANO_LEFT.pkl` as distributed.
        side: "right" or "left"; must agree with the file.
        left_shapedirs: "fixed" repairs the x sign of the left file's shape basis, so that a shape means the same
            on both hands; "as_released" keeps the file's values. Record the choice with your data.
        cache_dir: where the checked `.npz` is kept; None = beside the file. A folder that cannot be written is
            no error, the pickle is then read each time.

    Raises:
        ValueError: if an argument is unknown, or the file is not a sound MANO file of this side.
        FileNotFoundError: if there is no such file.
    """
    if left_shapedirs not in ("fixed", "as_released"):
        raise ValueError(f"left_shapedirs must be 'fixed' or 'as_released', got {left_shapedirs!r}")
    arrays = mano_arrays(path, side, cache_dir)
    template, shape_dirs, regressor = arrays["v_template"], arrays["shapedirs"], arrays["J_regressor"]
    if side == "left" and left_shapedirs == "fixed":
        shape_dirs = repaired_shapedirs(template, shape_dirs)
    return HandModel(
        template=template,
        faces=arrays["f"],
        shape_dirs=shape_dirs,
        joints=regressor @ template,
        joint_dirs=np.einsum("jv,vcs->jcs", regressor, shape_dirs),
        skin_weights=arrays["weights"],
        tip_vertices=MANO_TIPS,
        pose_dirs=arrays["posedirs"],
        joint_regressor=regressor,
        mean_pose=arrays["hands_mean"],
        pose_components=arrays["hands_components"],
        side=side,
        name=_NAME,
    )


def load_mano_pair(folder: str | Path, left_shapedirs: str = "fixed") -> HandPair:
    """MANO's right and left hand from the folder that holds both files; arguments and errors as in `load_mano`."""
    hands = (
        load_mano(Path(folder) / f"MANO_{side.upper()}.pkl", side, left_shapedirs=left_shapedirs)
        for side in SIDES
    )
    return HandPair(*hands)


def is_mano(hand: HandModel) -> bool:
    """Whether a hand is MANO, so that meshes and poses of MANO are meshes and poses of it."""
    return hand.name == _NAME


def mano_rotations(
    hand: HandModel, pose: np.ndarray, *, flat: bool = False, coefficients: bool = False
) -> Tensor:
    """Local rotations (N, 16, 3, 3) of poses (N, 48) radians as datasets store them, in the precision of `hand`.

    Args:
        hand: MANO of the pose's side.
        pose: axis-angle of the wrist, then 45 numbers of the fingers.
        flat: the 45 numbers hold MANO's mean pose already (`flat_hand_mean=True`).
        coefficients: the 45 numbers are coefficients of MANO's principal components.

    Raises:
        ValueError: if `hand` is not MANO.
    """
    if not is_mano(hand):
        raise ValueError(f"hand must be MANO, got {hand.name}")
    wrist, fingers = np.split(np.asarray(pose, np.float64), [3], axis=-1)
    if coefficients:
        fingers = fingers @ hand.pose_components.double().numpy()
    if not flat:
        fingers = fingers + hand.mean_pose.double().numpy()
    axis_angles = np.concatenate([wrist, fingers], -1).reshape(-1, 3)
    rotations = torch.from_numpy(Rotation.from_rotvec(axis_angles).as_matrix()).to(hand.template)
    return rotations.view(-1, JOINT_COUNT, 3, 3)


def as_released(left: HandModel) -> HandModel:
    """MANO's left hand with the x sign of the distributed shape basis, for data that were fitted with the defect."""
    dirs = repaired_shapedirs(left.template.numpy(), left.shape_dirs.numpy())
    twin = copy.deepcopy(left)
    twin.shape_dirs = torch.as_tensor(dirs).to(left.shape_dirs) * torch.tensor([[-1.0], [1.0], [1.0]])
    twin.joint_dirs = torch.einsum("jv,vcs->jcs", left.joint_regressor, twin.shape_dirs)
    return twin


def mano_pose_space(
    path: str | Path, side: str, cache_dir: str | Path | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean pose (45,) radians and principal components (45, 45), one per row, of a MANO file.

    Axis-angle of joints 1 to 15. Data made with `flat_hand_mean=False` (InterHand2.6M, FreiHAND, DexYCB) need
    `pose + mean`; data given as coefficients need `coefficients @ components + mean`.
    """
    arrays = mano_arrays(path, side, cache_dir)
    return arrays["hands_mean"], arrays["hands_components"]


def mano_arrays(path: str | Path, side: str, cache_dir: str | Path | None = None) -> dict[str, np.ndarray]:
    """The arrays of a MANO file under their own names, checked; errors as in `load_mano`."""
    if side not in SIDES:
        raise ValueError(f"side must be one of {SIDES}, got {side!r}")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; {_REMEDY}")
    source = path.read_bytes()
    digest = hashlib.sha256(source).hexdigest()
    cache = Path(cache_dir or path.parent) / f"{path.stem}.checked.npz"
    arrays = _read_cache(cache, digest)
    if arrays is None:
        arrays = _read_pickle(path, source)
        _check_arrays(path, arrays)
        _write_cache(cache, digest, arrays)
    _check_side(path, arrays, side)
    return arrays


def repaired_shapedirs(template: np.ndarray, shape_dirs: np.ndarray) -> np.ndarray:
    """Left-hand shape basis (V, 3, S) with x of the right sign for its template (V, 3).

    The distributed left file has the x components negated: hands that grow broader grow *shorter*. In any
    population length and breadth vary together, so a negative covariance shows the defect; a file that someone
    repaired before stays as it is.
    """
    centred = template - template.mean(0)
    growth = np.einsum("vc,vcs->cs", centred, shape_dirs)  # how each component stretches x, y and z
    return shape_dirs * [[-1], [1], [1]] if growth[0] @ growth[2] < 0 else shape_dirs


class _Stub:
    """Stands in for an object whose class must not be imported; keeps the state, does nothing."""

    def __init__(self, *_arguments):
        self.state = {}

    def __setstate__(self, state):
        self.state = state


class _Array(_Stub):
    """chumpy.ch.Ch: an array `x`."""


class _Selection(_Stub):
    """chumpy.reordering.Select: entries `idxs` of the flattened `a`, in shape `preferred_shape`."""


class _SparseColumns(_Stub):
    """scipy.sparse.csc_matrix."""


_RECONSTRUCT = np.empty(0).__reduce__()[0]
_SCALAR = np.float64(0).__reduce__()[0]
# Every name that MANO's and the datasets' pickles need; all immutable, so that nothing in this process can be changed.
_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy.core.multiarray", "scalar"): _SCALAR,
    ("numpy._core.multiarray", "scalar"): _SCALAR,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("scipy.sparse.csc", "csc_matrix"): _SparseColumns,
    ("scipy.sparse._csc", "csc_matrix"): _SparseColumns,
    ("chumpy.ch", "Ch"): _Array,
    ("chumpy.reordering", "Select"): _Selection,
    ("__builtin__", "set"): set,
    ("builtins", "set"): set,
    ("_codecs", "encode"): codecs.encode,
}


class _ForbiddenName(Exception):
    """A pickle asks for a name that is not in `_NAMES`."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        try:
            return _NAMES[module, name]
        except KeyError:
            raise _ForbiddenName(f"{module}.{name}") from None


def restricted_load(source: bytes):
    """What a pickle of plain values and NumPy arrays holds; text of Python 2 is read as latin1.

    chumpy's and scipy's objects become stubs, which `plain_array` turns into arrays.

    Raises:
        ValueError: why it is not read, in one line: the bytes are damaged, or ask for a name that could run code.
    """
    try:
        return _Unpickler(io.BytesIO(source), encoding="latin1").load()
    except _ForbiddenName as error:
        raise ValueError(
            f"refused, the file asks for {error}, which such data do not need and which could run code; "
            "do not open it with other tools"
        ) from None
    except Exception as error:  # damaged bytes can raise nearly anything
        raise ValueError(f"not a readable pickle ({_one_line(error)})") from None


def _read_pickle(path: Path, source: bytes) -> dict[str, np.ndarray]:
    try:
        content = restricted_load(source)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; {_REMEDY}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path}: holds a {type(content).__name__} instead of MANO's dictionary; {_REMEDY}")
    missing = [key for key in _CONTENTS if key not in content]
    if missing:
        raise ValueError(f"{path}: {', '.join(missing)} missing; {_REMEDY}")
    return {key: _array(path, key, content[key]) for key in _CONTENTS}


def _array(path: Path, key: str, value) -> np.ndarray:
    try:
        array = np.array(plain_array(value))
    except Exception as error:
        raise ValueError(f"{path}: {key} cannot be read ({_one_line(error)}); {_REMEDY}") from None
    expected, kind = _CONTENTS[key]
    kinds = {"f": "f", "i": "iu"}[kind]
    if array.shape != expected or array.dtype.kind not in kinds:
        raise ValueError(
            f"{path}: {key} must be {'real' if kind == 'f' else 'integer'} of shape {expected}, "
            f"got {array.dtype} of shape {array.shape}; {_REMEDY}"
        )
    return array.astype(np.float64 if kind == "f" else np.int64)


def plain_array(thing) -> np.ndarray:
    """The array that `restricted_load` read, also out of a stub; TypeError if it is none."""
    if isinstance(thing, np.ndarray):
        return thing
    if isinstance(thing, _Array):
        return plain_array(thing.state["x"])
    if isinstance(thing, _Selection):
        return (
            plain_array(thing.state["a"]).ravel()[thing.state["idxs"]].reshape(thing.state["preferred_shape"])
        )
    if isinstance(thing, _SparseColumns):
        state = thing.state
        matrix = csc_matrix(
            (state["data"], state["indices"], state["indptr"]), state.get("_shape", state.get("shape"))
        )
        matrix.check_format(full_check=True)  # indices out of range would read foreign memory
        return matrix.toarray()
    raise TypeError(f"unexpected {type(thing).__name__}")


def _check_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    def require(holds: bool, key: str, rule: str) -> None:
        if not holds:
            raise ValueError(f"{path}: {key} {rule}; {_REMEDY}")

    for key, array in arrays.items():
        require(bool(np.isfinite(array).all()), key, "has values that are not finite")
    template, faces, weights = arrays["v_template"], arrays["f"], arrays["weights"]
    length = np.ptp(template, axis=0).max()
    require(0.1 < length < 0.4, "v_template", f"must be a hand in metres, its longest side is {length:.3g}")
    require(bool(np.abs(arrays["shapedirs"]).max() < 0.1), "shapedirs", "moves a vertex by more than 0.1 m")
    require(bool(np.abs(arrays["posedirs"]).max() < 0.5), "posedirs", "moves a vertex by more than 0.5 m")
    require(0 <= faces.min() and faces.max() < VERTEX_COUNT, "f", "points to a vertex that does not exist")
    require(bool((weights > -1e-6).all()), "weights", "must not be negative")
    require(bool(np.allclose(weights.sum(1), 1, atol=1e-3)), "weights", "must sum to 1 for each vertex")
    sums = arrays["J_regressor"].sum(1)
    require(bool(np.allclose(sums, 1, atol=1e-3)), "J_regressor", "must sum to 1 for each joint")
    tree, ids = arrays["kintree_table"]
    same = ids.tolist() == list(range(JOINT_COUNT)) and tree[1:].tolist() == list(PARENTS[1:])
    require(same, "kintree_table", "is not the tree of MANO's 16 joints")


def _check_side(path: Path, arrays: dict[str, np.ndarray], side: str) -> None:
    # In MANO's rest frame a right hand's fingers point to -x, a left hand's to +x.
    wrist = arrays["J_regressor"][0] @ arrays["v_template"]
    found = SIDES[int(arrays["v_template"][MANO_TIPS[2], 0] > wrist[0])]
    if found != side:
        raise ValueError(f"{path}: this is a {found} hand; pass side={found!r} or the {side} hand's file")


def _read_cache(cache: Path, digest: str) -> dict[str, np.ndarray] | None:
    # Any fault of the cache only means that the pickle is read again.
    try:
        with np.load(cache, allow_pickle=False) as archive:
            if str(archive["source_sha256"]) != digest:
                return None
            return {key: archive[key] for key in _CONTENTS}
    except Exception:
        return None


def _write_cache(cache: Path, digest: str, arrays: dict[str, np.ndarray]) -> None:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=cache.parent, suffix=".tmp")
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, source_sha256=digest, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, cache)
    except OSError:
        Path(temporary).unlink(missing_ok=True)


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
