"""Distinct poses: kept ones are apart, dropped ones are near a kept one, and only the pose counts."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.hand.anatomy import BEND
from renderih_lib.hand.pair import PairPose
from renderih_lib.hand.skeleton import FINGER_JOINT_NAMES, KEYPOINT_NAMES
from renderih_lib.pose.distinct import (
    APART_MM,
    distinct,
    distinct_hands,
    distinct_pairs,
    draw_distinct_pairs,
    hand_keypoints,
    pair_keypoints,
    pose_distances,
)
from renderih_lib.pose.library import load_pose_library

LIBRARY = load_pose_library()


def leaders(keypoints: np.ndarray, apart_mm: float) -> list[int]:
    """The filter as one says it, pose by pose."""
    kept: list[int] = []
    for i, pose in enumerate(keypoints):
        if all(np.linalg.norm(pose - keypoints[k], axis=-1).max() >= apart_mm for k in kept):
            kept.append(i)
    return kept


@given(seed=st.integers(0, 1000), count=st.integers(0, 700), apart_mm=st.floats(0.5, 40))
@settings(max_examples=8, deadline=None)
def test_keeps_what_the_filter_in_words_keeps(seed, count, apart_mm):
    keypoints = 10 * torch.randn(count, 5, 3, generator=torch.Generator().manual_seed(seed))
    assert distinct(keypoints, apart_mm).tolist() == leaders(keypoints.numpy(), apart_mm)


def test_kept_pairs_are_apart_and_dropped_ones_near_a_kept_one():
    pose = LIBRARY.natural_pairs(0, 1500)
    kept = distinct_pairs(pose, LIBRARY.hands, 15)
    keypoints = pair_keypoints(pose, LIBRARY.hands)
    between = pose_distances(keypoints[kept], keypoints)
    assert 10 < len(kept) < 1400
    assert (between[:, kept].fill_diagonal_(torch.inf) >= 15).all()
    dropped = torch.ones(len(pose), dtype=torch.bool).index_fill(0, kept, False)
    assert (between[:, dropped].amin(0) < 15).all()


def test_an_equal_pose_is_dropped_and_a_radius_is_exclusive():
    keypoints = torch.zeros(3, 2, 3)
    keypoints[2, 1, 0] = 8.0
    assert distinct(keypoints, 8.0).tolist() == [0, 2]
    assert distinct(keypoints, 8.001).tolist() == [0]


def test_distance_is_that_of_the_keypoint_that_moved_most():
    angles = torch.zeros(2, 15, 3)
    angles[1, FINGER_JOINT_NAMES.index("index_end"), BEND] = 1.0
    keypoints = hand_keypoints(angles, LIBRARY.hands.right)
    moved = (keypoints[1] - keypoints[0]).norm(dim=-1)
    assert (moved > 0.01).nonzero().flatten().tolist() == [KEYPOINT_NAMES.index("index_tip")]
    assert pose_distances(keypoints, keypoints)[0, 1] == moved.max() > 10
    assert distinct_hands(angles, LIBRARY.hands.right).tolist() == [0, 1]
    assert distinct_hands(angles, LIBRARY.hands.right, 40).tolist() == [0]


def test_place_orientation_and_size_of_the_pair_do_not_count():
    one = LIBRARY.natural_pairs(3, 7, oriented=False)
    other = LIBRARY.natural_pairs(3, 7, oriented=True)
    other = other.replace(translation=other.translation + torch.tensor([0.3, -1.0, 2.0]))
    keypoints = [pair_keypoints(pose, LIBRARY.hands) for pose in (one, other)]
    assert (keypoints[0] - keypoints[1]).abs().max() < 0.01
    name = next(iter(LIBRARY.interactions))
    shape = torch.tensor([2.0, -1, 1, 0.5, -2, 1, 0, 1, -1, 2])
    sizes = PairPose.cat([LIBRARY.pair(name), LIBRARY.pair(name, shape)])
    assert pose_distances(*pair_keypoints(sizes, LIBRARY.hands)[:, None])[0, 0] < 0.01


def test_keypoints_start_at_the_right_wrist_and_are_those_of_the_posed_hands():
    pose = LIBRARY.pair(next(iter(LIBRARY.interactions)))
    keypoints = LIBRARY.hands(pose).keypoints[0]
    expected = 1000 * (keypoints - keypoints[0, 0]).flatten(0, 1)
    assert (pair_keypoints(pose, LIBRARY.hands)[0] - expected).abs().max() < 1e-3


def test_a_shorter_draw_is_the_beginning_of_a_longer_one():
    long, names = draw_distinct_pairs(LIBRARY, 5, 300)
    short, first = draw_distinct_pairs(LIBRARY, 5, 40)
    for field in vars(short):
        assert torch.equal(getattr(short, field), getattr(long, field)[:40]), field
    assert first == names[:40] and len(long) == len(names) == 300


def test_drawn_pairs_are_distinct_and_named_after_the_interaction_they_vary():
    pose, names = draw_distinct_pairs(LIBRARY, 1, 200)
    keypoints = pair_keypoints(pose, LIBRARY.hands)
    assert pose_distances(keypoints, keypoints).fill_diagonal_(torch.inf).min() >= APART_MM
    drawn = LIBRARY.natural_pairs(1, 2000)
    rows = (pose.angles[:, None] == drawn.angles).flatten(2).all(-1).double().argmax(1)
    assert torch.equal(drawn.angles[rows], pose.angles) and (rows.diff() > 0).all()
    assert names == [LIBRARY.pair_sources(2000)[i] for i in rows.tolist()]


def test_another_seed_draws_other_pairs():
    a, b = (draw_distinct_pairs(LIBRARY, seed, 3)[0] for seed in (0, 1))
    assert (a.angles - b.angles).abs().max() > 0.01


def test_too_much_to_ask_and_bad_input_are_named():
    with pytest.raises(ValueError, match="lower apart_mm, or add interactions"):
        draw_distinct_pairs(LIBRARY, 0, 60, apart_mm=300)
    with pytest.raises(ValueError, match="count must be at least 1"):
        draw_distinct_pairs(LIBRARY, 0, 0)
    with pytest.raises(ValueError, match="apart_mm must be positive"):
        distinct(torch.zeros(2, 3, 3), 0.0)
    keypoints = torch.zeros(4, 3, 3)
    keypoints[2, 1, 1] = torch.nan
    with pytest.raises(ValueError, match="pose 2 are not finite"):
        distinct(keypoints, 1.0)


@pytest.mark.slow
def test_the_library_gives_the_papers_3680_distinct_pairs():
    pose, _ = draw_distinct_pairs(LIBRARY, 0, 3680)
    assert len(distinct_pairs(pose, LIBRARY.hands)) == len(pose) == 3680
