"""A right and a left open hand, and files in MANO's format written from them."""

import pickle
import struct
import sys
import types

import numpy as np
import pytest
import torch
from hypothesis import settings
from scipy.sparse import csc_matrix

from renderih_lib.hand.model import HandModel
from renderih_lib.hand.open_hand import load_open_hand
from renderih_lib.hand.skeleton import JOINT_COUNT, PARENTS

torch.set_num_threads(1)
settings.register_profile("hand", deadline=None)  # shared machines are slow at times
settings.load_profile("hand")


@pytest.fixture(scope="session")
def hand() -> HandModel:
    return load_open_hand("right").double()


@pytest.fixture(scope="session")
def left_hand(hand) -> HandModel:
    return hand.mirrored()


@pytest.fixture(params=["right", "left"])
def either_hand(request, hand, left_hand) -> HandModel:
    return hand if request.param == "right" else left_hand


@pytest.fixture
def small_hand(hand) -> HandModel:
    """Twelve vertices, one per part at least where there is room: small enough for exact gradient checks."""
    ids = hand.skin_weights.argmax(0)[:12]
    return HandModel(
        template=hand.template[ids],
        faces=np.array([[0, 1, 2], [3, 4, 5]]),
        shape_dirs=hand.shape_dirs[ids][..., :2],
        joints=hand.rest_joints,
        joint_dirs=hand.joint_dirs[..., :2],
        skin_weights=hand.skin_weights[ids],
        tip_vertices=[7, 8, 9, 10, 11],
        pose_dirs=1e-3 * np.random.default_rng(0).normal(size=(12, 3, 135)),
        name="small hand",
    ).double()


@pytest.fixture(scope="session")
def mano_contents(hand):
    """A function `(side, pose_dirs_size) -> dict`: the open hand under MANO's names, left as MANO distributes it."""

    def contents(side: str = "right", pose_dirs_size: float = 0.0) -> dict:
        rng = np.random.default_rng(0)
        pose_dirs = pose_dirs_size * rng.normal(size=(778, 3, 135))
        model = hand if side == "right" else hand.mirrored()
        shape_dirs = model.shape_dirs.numpy().copy()
        regressor = _signed_regressor(model)
        if side == "left":
            shape_dirs[:, 0] *= -1  # the defect of the distributed file
        tree = np.array([PARENTS, range(JOINT_COUNT)])
        return {
            "v_template": model.template.numpy(),
            "f": model.faces.numpy().astype(np.uint32),
            "shapedirs": shape_dirs,
            "posedirs": pose_dirs,
            "J_regressor": csc_matrix(regressor),
            "weights": model.skin_weights.numpy(),
            "kintree_table": np.where(tree < 0, 2**32 - 1, tree),
            "hands_mean": 0.2 * rng.normal(size=45),
            "hands_components": np.linalg.qr(rng.normal(size=(45, 45)))[0],
            "bs_style": "lbs",
            "bs_type": "lrotmin",
        }

    return contents


def _signed_regressor(model: HandModel) -> np.ndarray:
    """Smallest (16, V) weights that give rest joints and all their shape directions exactly, rows summing to 1."""
    basis = np.concatenate([model.template[..., None], model.shape_dirs], -1).reshape(778, -1)
    target = np.concatenate([model.rest_joints[..., None], model.joint_dirs], -1).reshape(JOINT_COUNT, -1)
    basis = np.concatenate([basis, np.ones((778, 1))], 1)
    target = np.concatenate([target, np.ones((JOINT_COUNT, 1))], 1)
    return np.linalg.lstsq(basis.T, target.T, rcond=None)[0].T


class Ch:
    """As much of chumpy.ch.Ch as a pickle and `smplx` need."""

    def __init__(self, **state):
        self.__dict__.update(state, _dirty_vars=set(), _itr=None)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.x, dtype)

    @property
    def shape(self):
        return np.asarray(self).shape

    def __getitem__(self, key):
        return np.asarray(self)[key]


class Select(Ch):
    """chumpy.reordering.Select: MANO keeps 10 of 20 shape components in this way."""

    def __array__(self, dtype=None, copy=None):
        return np.asarray(np.asarray(self.a).ravel()[self.idxs].reshape(self.preferred_shape), dtype)


@pytest.fixture
def chumpy(monkeypatch):
    """Importable modules `chumpy.ch` and `chumpy.reordering`; gives the function that wraps shapedirs like MANO."""
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    for name, cls in (("chumpy.ch", Ch), ("chumpy.reordering", Select)):
        module = types.ModuleType(name)
        setattr(module, cls.__name__, cls)
        monkeypatch.setattr(cls, "__module__", name)
        monkeypatch.setitem(sys.modules, name, module)

    def first_ten_of_twenty(array):
        twenty = np.concatenate([array, np.full_like(array, 9.0)], -1)
        chosen = np.arange(twenty.size).reshape(twenty.shape)[..., :10]
        return Select(a=Ch(x=twenty), idxs=chosen.ravel(), preferred_shape=array.shape)

    return first_ten_of_twenty


class Python2Pickler(pickle._Pickler):
    """Writes bytes and scipy's class as Python 2 did, which made the distributed files."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_bytes(self, value):
        self.write(b"T" + struct.pack("<i", len(value)) + value)
        self.memoize(value)

    def save_global(self, obj, name=None):
        if obj is csc_matrix:
            self.write(b"cscipy.sparse.csc\ncsc_matrix\n")
            self.memoize(obj)
        else:
            super().save_global(obj, name)

    dispatch[bytes] = save_bytes


@pytest.fixture
def write_mano(tmp_path):
    """A function `(contents, side, python) -> path` that writes MANO_RIGHT.pkl or MANO_LEFT.pkl as Python 2 or 3 would."""

    def write(contents, side: str = "right", python: int = 3):
        path = tmp_path / f"MANO_{side.upper()}.pkl"
        pickler = Python2Pickler if python == 2 else pickle.Pickler
        with open(path, "wb") as file:
            pickler(file, protocol=2).dump(contents)
        return path

    return write
