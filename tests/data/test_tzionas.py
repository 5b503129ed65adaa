"""The reader of Tzionas' sequences: which frames, and joints in an order that nobody documents."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.data.tzionas import Tzionas, joint_order
from renderih_lib.hand.skeleton import KEYPOINT_NAMES
from tests.data.trees import LAYOUTS, mano_order, save_image, write_tzionas

FITS = LAYOUTS["tzionas"].labels.rsplit("/", 1)[0]


def tips_as_joints(keypoints):
    """16 joints, then the tips of index, middle, little, ring finger and thumb."""
    stored = mano_order(keypoints)
    stored[16:] = [
        keypoints[KEYPOINT_NAMES.index(f"{f}_tip")] for f in ("index", "middle", "pinky", "ring", "thumb")
    ]
    return stored


@pytest.mark.parametrize("order", [mano_order, lambda points: points, tips_as_joints])
def test_joints_in_any_order_in_use_become_ours(order, tmp_path, mano_hands):
    scenes = write_tzionas(tmp_path, mano_hands, 1, order)
    sample = Tzionas(tmp_path, mano_hands, ["01"])[0]
    np.testing.assert_allclose(sample.keypoints, scenes[0].keypoints, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_the_order_is_found_for_any_pose(hands, noise_samples, seed):
    for points in noise_samples(1, 8, seed)[0].keypoints:
        for order in (mano_order, tips_as_joints, lambda points: points):
            stored = order(points)
            np.testing.assert_array_equal(stored[joint_order(stored)], points)


def test_frames_are_those_with_an_image_and_both_fits(tmp_path, mano_hands):
    scenes = write_tzionas(tmp_path, mano_hands, 3)
    (tmp_path / FITS / "006.pkl").unlink()
    save_image(tmp_path / "01/1/rgb/099.png", scenes[0].image)
    reader = Tzionas(tmp_path, mano_hands, ["01"])
    assert [sample.sample_id for sample in reader] == ["tzionas/01/005", "tzionas/01/007"]
    assert [sample.pose_id for sample in reader] == [1_000_005, 1_000_007]


def test_numbers_are_matched_whatever_their_padding(tmp_path, mano_hands):
    write_tzionas(tmp_path, mano_hands, 1)
    (tmp_path / FITS / "005.pkl").rename(tmp_path / FITS / "00005.pkl")
    assert len(Tzionas(tmp_path, mano_hands, ["01"])) == 1


def test_a_sequence_that_is_not_there_is_named(tmp_path, mano_hands):
    write_tzionas(tmp_path, mano_hands, 1)
    with pytest.raises(FileNotFoundError, match=r"tzionas: 02/1/rgb/\*.png: nothing matches, .* sequence 02"):
        Tzionas(tmp_path, mano_hands)


def test_images_and_fits_that_share_no_number_are_named(tmp_path, mano_hands):
    write_tzionas(tmp_path, mano_hands, 1)
    (tmp_path / "01/1/rgb/005.png").rename(tmp_path / "01/1/rgb/006.png")
    with pytest.raises(ValueError, match="no image has the number of a fit"):
        Tzionas(tmp_path, mano_hands, ["01"])
    (tmp_path / "01/1/rgb/006.png").rename(tmp_path / "01/1/rgb/first.png")
    with pytest.raises(ValueError, match="first.png: expected a frame's number"):
        Tzionas(tmp_path, mano_hands, ["01"])


def test_pictures_of_another_size_are_refused(tmp_path, mano_hands):
    scene = write_tzionas(tmp_path, mano_hands, 1)[0]
    save_image(tmp_path / "01/1/rgb/005.png", scene.image[:240, :320])
    with pytest.raises(ValueError, match="01/1/rgb/005.png: expected 640 x 480 pixels, got 320 x 240"):
        Tzionas(tmp_path, mano_hands, ["01"])[0]


@pytest.mark.parametrize("key", ["v", "J_transformed___j21"])
def test_a_fit_with_a_wrong_or_missing_array_is_named(key, tmp_path, mano_hands):
    write_tzionas(tmp_path, mano_hands, 1)
    path = tmp_path / LAYOUTS["tzionas"].labels
    fit = pickle.loads(path.read_bytes())
    for value in (np.zeros((15, 3)), np.full_like(fit[key], np.nan), "text", None):
        path.write_bytes(pickle.dumps(fit | {key: value}))
        with pytest.raises(ValueError, match=rf"005.pkl: {key}: expected finite numbers of shape"):
            Tzionas(tmp_path, mano_hands, ["01"])[0]


class Bomb:
    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return open, (str(self.victim), "w")


def test_a_fit_that_would_run_code_is_refused_before_it_does(tmp_path, mano_hands):
    write_tzionas(tmp_path, mano_hands, 1)
    path, victim = tmp_path / LAYOUTS["tzionas"].labels, tmp_path / "victim"
    path.write_bytes(pickle.dumps({"v": Bomb(victim)}))
    with pytest.raises(ValueError, match="005.pkl: refused, the file asks for .*open.*docs/data/tzionas.md"):
        Tzionas(tmp_path, mano_hands, ["01"])[0]
    assert not victim.exists()
