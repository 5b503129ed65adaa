"""The reader of DexYCB: either hand, cameras that do not see it, calibrations."""

import numpy as np
import pytest
import yaml

from renderih_lib.data.dexycb import DexYCB
from renderih_lib.hand.mano import as_released
from renderih_lib.hand.pair import HandPair
from tests.data.trees import LAYOUTS, SERIALS, write_dexycb

LABELS = LAYOUTS["dexycb"].labels
META = "20200709-subject-01/20200709_141500/meta.yml"


@pytest.fixture
def root(tmp_path, mano_hands):
    write_dexycb(tmp_path, mano_hands)
    return tmp_path


def test_frames_of_all_cameras_with_the_hand_of_their_sequence(tmp_path, mano_hands):
    scenes = write_dexycb(tmp_path, mano_hands)
    reader = DexYCB(tmp_path, mano_hands)
    assert len(reader) == 2 * 2 * 2
    assert [s.valid.tolist() for s in reader] == 2 * [[True, False], 2 * [False]] + 2 * [
        [False, True],
        2 * [False],
    ]
    np.testing.assert_allclose(reader[4].vertices[1], scenes[4].vertices[1], atol=1e-4)
    assert [s.pose_id for s in reader] == [0, 1, 0, 1, 2, 3, 2, 3]


def test_a_frame_without_its_hand_is_left_out_by_choice(root, mano_hands):
    reader = DexYCB(root, mano_hands)
    assert reader.seen(range(len(reader))) == [0, 2, 4, 6]
    hidden = reader[1]
    assert not hidden.valid.any() and hidden.vertices is None and not hidden.keypoints.any()


def test_the_left_mesh_follows_the_released_basis_whichever_was_loaded(root, mano_hands):
    unrepaired = HandPair(mano_hands.right, as_released(mano_hands.left))
    same = DexYCB(root, unrepaired)[4].vertices
    np.testing.assert_allclose(same, DexYCB(root, mano_hands)[4].vertices, atol=1e-6)


def test_some_subjects_or_sequences_can_be_chosen(root, mano_hands):
    assert len(DexYCB(root, mano_hands, "*-subject-01/*_141501")) == 4
    with pytest.raises(FileNotFoundError, match="subject-07/.*expected <date>-subject-<nn>/<sequence>"):
        DexYCB(root, mano_hands, "*-subject-07/*")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (META, {"mano_sides": ["both"]}, r"mano_sides: expected \[right\] or \[left\], got \['both'\]"),
        (META, {"mano_calib": []}, "mano_calib: expected one name"),
        (META, {"serials": "836212060125"}, "serials: expected a list, got str"),
        (META, {"num_frames": None}, "num_frames: expected 1 finite numbers"),
        (
            f"calibration/intrinsics/{SERIALS[1]}_640x480.yml",
            {"color": 5},
            "color: expected named entries, got int",
        ),
        (
            f"calibration/intrinsics/{SERIALS[1]}_640x480.yml",
            {"color": {"fx": 1}},
            "fx fy ppx ppy: expected 4",
        ),
        ("calibration/mano_20200709_140042_subject-01_left/mano.yml", {"betas": [0.1]}, "betas: expected 10"),
    ],
)
def test_wrong_entries_of_yaml_files_are_named(root, mano_hands, name, change, message):
    content = yaml.safe_load((root / name).read_text())
    (root / name).write_text(yaml.safe_dump(content | change))
    with pytest.raises(ValueError, match=f"dexycb: {name}: {message}"):
        DexYCB(root, mano_hands)


def test_missing_calibrations_are_named(root, mano_hands):
    (root / f"calibration/intrinsics/{SERIALS[0]}_640x480.yml").rename(root / "elsewhere.yml")
    with pytest.raises(
        FileNotFoundError, match=f"calibration/intrinsics/{SERIALS[0]}_640x480.yml: No such file"
    ):
        DexYCB(root, mano_hands)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"joint_3d": np.zeros((21, 3))}, r"joint_3d: expected finite numbers of shape \(1, 21, 3\)"),
        ({"pose_m": np.zeros((1, 51))}, r"joint_3d: expected finite numbers of shape \(1, 21, 3\), got"),
        ({"joint_3d": np.array([None])}, "not readable as npz"),
    ],
)
def test_wrong_labels_are_named(root, mano_hands, arrays, message):
    np.savez(root / LABELS, **arrays)
    with pytest.raises(ValueError, match=f"{LABELS}: {message}"):
        DexYCB(root, mano_hands)[0]


def test_a_missing_pose_is_named(root, mano_hands):
    joints = np.load(root / LABELS)["joint_3d"]
    np.savez(root / LABELS, joint_3d=joints)
    with pytest.raises(ValueError, match=r"pose_m: expected finite numbers of shape \(1, 51\)"):
        DexYCB(root, mano_hands)[0]
