"""The reader of Ego3DHands: left before right, rows before columns, and a camera that follows from the joints."""

import numpy as np
import pytest

from renderih_lib.data.ego3dhands import Ego3DHands
from tests.data.trees import LAYOUTS, save_ego3dhands, write_ego3dhands

LABELS = LAYOUTS["ego3dhands"].labels


@pytest.fixture
def written(tmp_path, hands, mano_hands):
    scenes = write_ego3dhands(tmp_path, mano_hands, 1)
    return tmp_path, scenes[0], lambda: Ego3DHands(tmp_path, hands)[0]


def fractions(scene, points):
    return (points @ scene.K.T)[..., :2] / points[..., 2:] / [480, 270]


def test_the_focal_length_follows_from_the_joints(written):
    root, scene, read = written
    for focal in (120.0, 375.9):
        pixels = scene.K.copy()
        pixels[[0, 1], [0, 1]] = focal
        save_ego3dhands(root / "00000", fractions(scene._replace(K=pixels), scene.keypoints), scene.keypoints)
        np.testing.assert_allclose(read().K, pixels, rtol=1e-5)


def test_the_first_hand_of_the_file_is_the_left_one(written):
    root, scene, read = written
    for path in (root / "00000").glob("*.npy"):
        labels = np.load(path)
        labels[1] = 0  # the second one is not in the image
        np.save(path, labels)
    sample = read()
    assert sample.valid.tolist() == [False, True]
    np.testing.assert_allclose(sample.keypoints[1], scene.keypoints[1], atol=1e-6)


def test_labels_that_do_not_belong_together_are_refused(written):
    root, scene, read = written
    swapped = fractions(scene, scene.keypoints)[:, ::-1]
    save_ego3dhands(root / "00000", swapped, scene.keypoints)
    with pytest.raises(ValueError, match="joints project .* pixels from location_2d.npy"):
        read()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 21, 3)), r"expected finite numbers of shape \(2, 22, 3\), got shape \(2, 21, 3\)"),
        (np.full((2, 22, 3), np.nan), r"expected finite numbers"),
        (np.zeros((2, 22, 3)), "expected a hand, got zeros alone"),
        (np.array([None]), "not readable as npy"),
    ],
)
def test_wrong_arrays_are_named(written, array, message):
    root, _, read = written
    np.save(root / LABELS, array, allow_pickle=True)
    with pytest.raises(ValueError, match=f"{LABELS}: .*{message}"):
        read()
