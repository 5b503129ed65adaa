"""The reader of H2O-3D: OpenGL's axes, flags per joint, and the wrists of the evaluation split."""

import pickle

import numpy as np
import pytest

from renderih_lib.data.h2o3d import H2O3D
from renderih_lib.hand.mano import as_released
from renderih_lib.hand.pair import HandPair
from tests.data.trees import LAYOUTS, mano_order, write_h2o3d

META = LAYOUTS["h2o3d"].labels


@pytest.fixture
def change(tmp_path, mano_hands):
    """Writes a tree; gives a function that changes the first meta file and reads it."""
    scenes = write_h2o3d(tmp_path, mano_hands)
    meta = pickle.loads((tmp_path / META).read_bytes())

    def read(without=(), hands=mano_hands, **values):
        kept = {key: value for key, value in meta.items() if key not in without}
        (tmp_path / META).write_bytes(pickle.dumps(kept | values, protocol=2))
        return H2O3D(tmp_path, hands)[0]

    read.scene, read.root = scenes[0], tmp_path
    return read


def test_order_is_that_of_the_list(change, mano_hands):
    (change.root / "train.txt").write_text("SB10/0001\nSB10/0000\n")
    assert [s.sample_id for s in H2O3D(change.root, mano_hands)] == [
        "h2o3d/train/SB10/0001",
        "h2o3d/train/SB10/0000",
    ]


def test_left_shapes_are_posed_with_the_released_basis_whichever_was_loaded(change, mano_hands):
    """The repaired and the unrepaired left hand of the user give the same mesh."""
    unrepaired = HandPair(mano_hands.right, as_released(mano_hands.left))
    np.testing.assert_allclose(change(hands=unrepaired).vertices, change().vertices, atol=1e-6)


def test_flags_choose_keypoints_and_meshes(change):
    flags = np.ones(21)
    flags[3] = 0  # of MANO's joints: end of the index finger
    sample = change(jointValidLeft=flags, poseValidRight=np.arange(48) > 5)
    missing = np.flatnonzero(mano_order(sample.known[1].astype(int)) == 0)
    assert missing.tolist() == [3] and sample.known[0].all()
    assert not sample.keypoints[~sample.known].any()
    assert sample.meshed.tolist() == [False, True] and not sample.vertices[0].any()


def test_a_version_without_flags_counts_as_valid(change):
    flags = [f"{kind}Valid{side}" for kind in ("joint", "pose") for side in ("Right", "Left")]
    sample = change(without=flags)
    assert sample.known.all() and sample.meshed.all()


def test_a_hand_without_labels_is_not_valid(change):
    for values in ({"leftHandJoints3D": None}, {"jointValidLeft": np.zeros(21)}):
        sample = change(**values)
        assert sample.valid.tolist() == [True, False] and not sample.vertices[1].any()


def test_the_evaluation_split_has_wrists_alone(tmp_path, mano_hands):
    scenes = write_h2o3d(tmp_path, mano_hands, split="evaluation")
    sample = H2O3D(tmp_path, mano_hands, "evaluation")[0]
    assert sample.vertices is None and sample.valid.all()
    assert sample.known[:, 0].all() and not sample.known[:, 1:].any()
    np.testing.assert_allclose(sample.keypoints[:, 0], scenes[0].keypoints[:, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"camMat": np.eye(4)}, r"camMat: expected finite numbers of shape \(3, 3\), got shape \(4, 4\)"),
        (
            {"rightHandJoints3D": np.zeros((22, 3))},
            r"rightHandJoints3D: expected .* \(21, 3\), got shape \(22, 3\)",
        ),
        ({"leftHandPose": np.zeros(45)}, "leftHandPose: expected 48 finite numbers, got 45"),
        ({"handBeta": None}, "handBeta: expected 10 finite numbers, got 0"),
        ({"rightHandTrans": np.full(3, np.nan)}, "rightHandTrans: expected 3 finite numbers"),
        ({"jointValidRight": np.ones(16)}, "jointValidRight: expected 21 finite numbers, got 16"),
        ({"rightHandTrans": np.zeros(3)}, "right hand lie .* mm from those of its mesh"),
    ],
)
def test_wrong_entries_are_named(change, values, message):
    with pytest.raises(ValueError, match=f"h2o3d: train/SB10/meta/0000.pkl: .*{message}"):
        change(**values)


def test_wrong_lists_and_splits_are_named(change, mano_hands):
    with pytest.raises(ValueError, match="split must be one of"):
        H2O3D(change.root, mano_hands, "test")
    with pytest.raises(FileNotFoundError, match="h2o3d: evaluation.txt: No such file"):
        H2O3D(change.root, mano_hands, "evaluation")
    (change.root / "train.txt").write_text("SB10/0000\n0001\n")
    with pytest.raises(ValueError, match="train.txt: line 2: expected <sequence>/<frame>, got '0001'"):
        H2O3D(change.root, mano_hands)
