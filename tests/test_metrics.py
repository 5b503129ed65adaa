"""Metrics against loops, hand-checked numbers and the invariances they promise."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from renderih_lib import metrics
from renderih_lib.hand.skeleton import MIDDLE_MCP

WRIST = {"root": "wrist", "scale": "none", "joints": "all"}
MCP = WRIST | {"root": "middle_mcp"}
SEEDS = st.integers(0, 2**32 - 1)


def hands(seed: int, count: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.normal(0, 0.05, (count, 2, 21, 3))
    predicted = target + rng.normal(0, 0.01, target.shape)
    valid = rng.random((count, 2)) < 0.8
    valid[0] = True
    return predicted, target, valid


def looped_mpjpe(predicted, target, valid, root, scale, joints) -> np.ndarray:
    at = {"wrist": 0, "middle_mcp": 9}[root]
    out = np.full(valid.shape, np.nan)
    for n in range(len(target)):
        for hand in range(2):
            if not valid[n, hand]:
                continue
            p, t = predicted[n, hand], target[n, hand]
            ratio = 1.0
            if scale == "bone":
                ratio = np.sqrt(((t[9] - t[0]) ** 2).sum()) / np.sqrt(((p[9] - p[0]) ** 2).sum())
            distances = []
            for k in range(21):
                if joints == "without_root" and k == at:
                    continue
                difference = ratio * (p[k] - p[at]) - (t[k] - t[at])
                distances.append(1000 * np.sqrt((difference**2).sum()))
            out[n, hand] = sum(distances) / len(distances)
    return out


@pytest.mark.parametrize("root", metrics.ROOTS)
@pytest.mark.parametrize("scale", metrics.SCALES)
@pytest.mark.parametrize("joints", metrics.JOINTS)
def test_mpjpe_equals_a_loop(root, scale, joints):
    predicted, target, valid = hands(1)
    got = metrics.mpjpe(predicted, target, valid, root=root, scale=scale, joints=joints)
    np.testing.assert_allclose(got, looped_mpjpe(predicted, target, valid, root, scale, joints), rtol=1e-12)


def test_moving_one_fingertip_by_21_mm_costs_1_mm():
    target = np.random.default_rng(0).normal(0, 0.05, (1, 2, 21, 3))
    predicted = target.copy()
    predicted[0, 1, 20, 2] += 0.021
    np.testing.assert_allclose(metrics.mpjpe(predicted, target, **WRIST), [[0, 1]], atol=1e-9)
    without = metrics.mpjpe(predicted, target, **WRIST | {"joints": "without_root"})
    np.testing.assert_allclose(without, [[0, 21 / 20]], atol=1e-9)


def test_a_wrong_root_moves_the_other_twenty_joints():
    target = np.random.default_rng(0).normal(0, 0.05, (1, 2, 21, 3))
    predicted = target.copy()
    predicted[0, 0, MIDDLE_MCP] += [0.003, 0, 0.004]
    assert metrics.mpjpe(predicted, target, **MCP)[0, 0] == pytest.approx(5 * 20 / 21)
    assert metrics.mpjpe(predicted, target, **WRIST)[0, 0] == pytest.approx(5 / 21)


@given(SEEDS, st.floats(0.2, 5))
@settings(max_examples=30, deadline=None)
def test_smpjpe_forgives_size_and_mpjpe_does_not(seed, factor):
    _, target, valid = hands(seed)
    scaled = factor * target
    np.testing.assert_allclose(
        metrics.smpjpe(scaled, target, valid, root="wrist", joints="all")[valid], 0, atol=1e-9
    )
    expected = abs(factor - 1) * metrics.mpjpe(0 * target, target, valid, **WRIST)
    np.testing.assert_allclose(metrics.mpjpe(scaled, target, valid, **WRIST), expected, atol=1e-9)


@given(SEEDS, st.floats(0.2, 5))
@settings(max_examples=30, deadline=None)
def test_pa_mpjpe_is_blind_to_similarities(seed, factor):
    predicted, target, valid = hands(seed)
    rng = np.random.default_rng(seed)
    turn = Rotation.random(random_state=seed).as_matrix()
    moved = factor * predicted @ turn.T + rng.normal(size=3)
    expected = metrics.pa_mpjpe(predicted, target, valid)
    np.testing.assert_allclose(metrics.pa_mpjpe(moved, target, valid), expected, atol=1e-8)


def test_procrustes_recovers_a_known_similarity():
    points = np.random.default_rng(3).normal(size=(4, 21, 3))
    turn = Rotation.from_euler("xyz", [20, -50, 130], degrees=True).as_matrix()
    np.testing.assert_allclose(metrics.procrustes(points, 1.7 * points @ turn.T + [1, 2, 3]),
                               1.7 * points @ turn.T + [1, 2, 3], atol=1e-12)  # fmt: skip


def test_procrustes_does_not_mirror():
    points = np.random.default_rng(3).normal(size=(21, 3))
    mirrored = points * [-1, 1, 1]
    assert np.abs(metrics.procrustes(points, mirrored) - mirrored).max() > 0.1


def test_procrustes_is_the_best_similarity():
    rng = np.random.default_rng(4)
    source, target = rng.normal(size=(2, 21, 3))
    best = metrics.procrustes(source, target)
    least = ((best - target) ** 2).sum()
    for _ in range(200):
        nudge = Rotation.from_rotvec(rng.normal(0, 0.05, 3)).as_matrix()
        other = (1 + rng.normal(0, 0.02)) * best @ nudge.T + rng.normal(0, 0.02, 3)
        assert ((other - target) ** 2).sum() >= least


@pytest.mark.parametrize("source", [np.zeros((21, 3)), np.arange(21.0)[:, None] * [1, 2, 3]])
def test_procrustes_survives_points_and_lines(source):
    target = np.random.default_rng(5).normal(size=(21, 3))
    moved = metrics.procrustes(source, target)
    assert np.isfinite(moved).all()
    np.testing.assert_allclose(moved.mean(0), target.mean(0), atol=1e-12)
    assert ((moved - target) ** 2).sum() <= ((target - target.mean(0)) ** 2).sum() + 1e-9


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_pa_is_at_most_the_error_a_similarity_was_chosen_for(seed):
    """In root mean square PA can never lose to no alignment at all."""
    predicted, target, _ = hands(seed)
    aligned = ((metrics.procrustes(predicted, target) - target) ** 2).sum((-1, -2))
    assert (aligned <= ((predicted - target) ** 2).sum((-1, -2)) + 1e-15).all()


def test_mrrpe_is_euclidean_and_the_released_variant_is_not():
    target = np.random.default_rng(6).normal(0, 0.05, (1, 2, 21, 3))
    predicted = target.copy()
    predicted[0, 1] += [0.003, 0, 0.004]
    predicted += [0.5, -0.2, 1.0]  # moving both hands together costs nothing
    assert metrics.mrrpe(predicted, target, root="wrist") == pytest.approx(5.0)
    assert metrics.mrrpe(predicted, target, root="wrist", norm="released") == pytest.approx(7 / 3)


def test_the_released_mrrpe_is_half_for_errors_of_random_direction():
    rng = np.random.default_rng(7)
    target = np.zeros((20000, 2, 21, 3))
    predicted = target.copy()
    predicted[:, 1] += rng.normal(0, 0.01, (20000, 1, 3))
    euclidean = metrics.mean_error(metrics.mrrpe(predicted, target, root="wrist"))
    released = metrics.mean_error(metrics.mrrpe(predicted, target, root="wrist", norm="released"))
    assert released / euclidean == pytest.approx(0.5, abs=0.01)


def test_mrrpe_counts_only_images_with_both_hands():
    predicted, target, _ = hands(8, 3)
    valid = np.array([[True, True], [True, False], [False, True]])
    assert np.isfinite(metrics.mrrpe(predicted, target, valid, root="wrist")).tolist() == [True, False, False]


def test_mpvpe_of_keypoints_as_vertices_is_mpjpe():
    predicted, target, valid = hands(9)
    for root in metrics.ROOTS:
        for scale in metrics.SCALES:
            got = metrics.mpvpe(predicted, target, predicted, target, valid, root=root, scale=scale)
            expected = metrics.mpjpe(predicted, target, valid, root=root, scale=scale)
            np.testing.assert_allclose(got, expected, atol=1e-9)


def test_torch_and_numpy_agree_and_gradients_are_no_obstacle():
    predicted, target, valid = hands(10)
    tensors = torch.tensor(predicted, requires_grad=True), torch.tensor(target), torch.tensor(valid)
    for measure in (metrics.pa_mpjpe, lambda *a: metrics.smpjpe(*a, root="wrist", joints="all")):
        np.testing.assert_array_equal(measure(*tensors), measure(predicted, target, valid))


def test_hands_that_do_not_count_may_hold_anything():
    predicted, target, valid = hands(11)
    spoiled = np.where(valid[..., None, None], target, np.nan)
    np.testing.assert_array_equal(
        metrics.pa_mpjpe(predicted, spoiled, valid), metrics.pa_mpjpe(predicted, target, valid)
    )


@pytest.mark.parametrize("which", ["predicted", "target"])
def test_nan_is_an_error_that_names_the_hand(which):
    arrays = dict(zip(("predicted", "target"), hands(12)[:2], strict=True))
    arrays[which][2, 1, 7, 0] = np.nan
    with pytest.raises(ValueError, match=f"{which} is not finite at sample 2, left hand, point 7"):
        metrics.mpjpe(**arrays, **WRIST)


def test_wrong_arguments_are_named():
    predicted, target, valid = hands(13)
    with pytest.raises(ValueError, match="root must be"):
        metrics.mpjpe(predicted, target, **WRIST | {"root": "elbow"})
    with pytest.raises(ValueError, match="scale must be"):
        metrics.mpjpe(predicted, target, **WRIST | {"scale": "auto"})
    with pytest.raises(ValueError, match="joints must be"):
        metrics.mpjpe(predicted, target, **WRIST | {"joints": "tips"})
    with pytest.raises(ValueError, match="norm must be"):
        metrics.mrrpe(predicted, target, root="wrist", norm="l1")
    with pytest.raises(ValueError, match="predicted must have shape"):
        metrics.pa_mpjpe(predicted[:, :, :20], target)
    with pytest.raises(ValueError, match="valid must have shape"):
        metrics.pa_mpjpe(predicted, target, valid[:, :1])
    with pytest.raises(ValueError, match="no wrist - middle MCP bone .* sample 0, right hand"):
        metrics.smpjpe(0 * predicted, target, root="wrist", joints="all")
    with pytest.raises(ValueError, match="no valid hand"):
        metrics.mean_error(metrics.pa_mpjpe(predicted, target, np.zeros_like(valid)))


def test_interval_of_independent_images_matches_the_standard_error():
    errors = np.random.default_rng(14).normal(10, 2, 400)
    low, high = metrics.cluster_interval(errors, np.arange(400), np.random.default_rng(0))
    assert high - low == pytest.approx(2 * 1.96 * 2 / 20, rel=0.15)
    assert low < errors.mean() < high


def test_interval_grows_when_images_repeat_a_pose():
    per_pose = np.random.default_rng(15).normal(10, 2, 40)
    errors, poses = np.repeat(per_pose, 10), np.repeat(np.arange(40), 10)
    low, high = metrics.cluster_interval(errors, poses, np.random.default_rng(0))
    naive = metrics.cluster_interval(errors, np.arange(400), np.random.default_rng(0))
    assert high - low > 2.5 * (naive[1] - naive[0])


def test_interval_repeats_with_its_rng_and_skips_hands_that_do_not_count():
    errors = np.array([[1.0, np.nan], [3.0, 3.0], [np.nan, np.nan], [2.0, 8.0]])
    runs = [metrics.cluster_interval(errors, list("abca"), np.random.default_rng(0)) for _ in range(2)]
    assert runs[0] == runs[1]
    assert runs[0] == pytest.approx((3, 11 / 3))  # the means of b and of a; c has none
    with pytest.raises(ValueError, match="two clusters"):
        metrics.cluster_interval(errors, list("aaca"), np.random.default_rng(0))
    with pytest.raises(ValueError, match="clusters must have length 4"):
        metrics.cluster_interval(errors, [0, 1], np.random.default_rng(0))
