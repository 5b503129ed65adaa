"""The reader of FreiHAND: four versions of each image, and label files that fit together."""

import json

import numpy as np
import pytest

from renderih_lib.data.freihand import FreiHAND
from tests.data.trees import write_freihand


@pytest.fixture
def root(tmp_path, mano_hands):
    write_freihand(tmp_path, mano_hands, 2)
    return tmp_path


def test_versions_share_labels_and_pose(root, mano_hands):
    reader = FreiHAND(root, mano_hands)
    assert len(reader) == 8
    assert [s.sample_id for s in reader][::3] == [f"freihand/training/{i:08d}" for i in (0, 3, 6)]
    assert [s.pose_id for s in reader] == [0, 1] * 4
    np.testing.assert_array_equal(reader[1].keypoints, reader[7].keypoints)


def test_one_version_can_be_chosen(root, mano_hands):
    ids = [s.sample_id for s in FreiHAND(root, mano_hands, versions=["sample"])]
    assert ids == ["freihand/training/00000004", "freihand/training/00000005"]
    with pytest.raises(ValueError, match="versions of training must be among .*got 'green'"):
        FreiHAND(root, mano_hands, versions=["green"])


def test_the_evaluation_split_has_one_version(tmp_path, mano_hands):
    write_freihand(tmp_path, mano_hands, 3, "evaluation")
    reader = FreiHAND(tmp_path, mano_hands, "evaluation")
    assert len(reader) == 3 and reader[2].sample_id == "freihand/evaluation/00000002"
    with pytest.raises(ValueError, match="split must be one of"):
        FreiHAND(tmp_path, mano_hands, "test")


def test_vertices_are_not_read_without_mano(root, hands):
    (root / "training_verts.json").unlink()
    assert FreiHAND(root, hands)[0].vertices is None


def test_label_files_of_different_lengths_are_named(root, mano_hands):
    path = root / "training_verts.json"
    path.write_text(json.dumps(json.loads(path.read_text())[:1]))
    with pytest.raises(
        ValueError, match="training_verts.json: expected 2 entries as in training_K.json, got 1"
    ):
        FreiHAND(root, mano_hands)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"0": 1}', "the file: expected a list|entry 0: expected"),
        ("5", "the file: expected a list, got int"),
        ("[[[1, 2, 3]]]", r"entry 0: expected finite numbers of shape \(21, 3\), got shape \(1, 3\)"),
        ("[[[1, 2], [3]]]", r"entry 0: expected finite numbers of shape \(21, 3\)"),
        ("[[[1, 2, 3", "not readable as JSON"),
    ],
)
def test_wrong_labels_are_named(root, mano_hands, text, message):
    (root / "training_xyz.json").write_text(text)
    with pytest.raises(ValueError, match=f"training_xyz.json: ({message})"):
        FreiHAND(root, mano_hands)
