"""Metrics against loops, hand-checked numbers and the invariances they promise."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from renderih_lib import metrics
from renderih_lib.hand.skeleton import MIDDLE_MCP
from renderih_lib.metrics import means

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


def known_keypoints(seed: int, count: int = 5) -> np.ndarray:
    """(count, 2, 21) bool: some hands whole, some with gaps, some with nothing but the root, some not at all."""
    rng = np.random.default_rng(seed)
    known = rng.random((count, 2, 21)) < rng.choice([0.1, 0.7, 1.0], (count, 2, 1))
    known[0] = True
    known[1, 0] = np.arange(21) == MIDDLE_MCP
    return known


def looped_errors(predicted, target, known, root, scale) -> np.ndarray:
    at = {"wrist": 0, "middle_mcp": 9}[root]
    out = np.full(known.shape, np.nan)
    for n in range(len(target)):
        for hand in range(2):
            p, t, k = predicted[n, hand], target[n, hand], known[n, hand]
            if not k[at] or k.sum() < 2 or (scale == "bone" and not (k[0] and k[9])):
                continue
            ratio = 1.0
            if scale == "bone":
                ratio = np.sqrt(((t[9] - t[0]) ** 2).sum()) / np.sqrt(((p[9] - p[0]) ** 2).sum())
            for j in range(21):
                if k[j]:
                    difference = ratio * (p[j] - p[at]) - (t[j] - t[at])
                    out[n, hand, j] = 1000 * np.sqrt((difference**2).sum())
    return out


def looped_mpjpe(predicted, target, known, root, scale, joints) -> np.ndarray:
    errors = looped_errors(predicted, target, known, root, scale)
    out = np.full(known.shape[:2], np.nan)
    for n in range(len(errors)):
        for hand in range(2):
            kept = [
                errors[n, hand, j]
                for j in range(21)
                if np.isfinite(errors[n, hand, j])
                and not (joints == "without_root" and j == metrics.ROOTS[root])
            ]
            if kept:
                out[n, hand] = sum(kept) / len(kept)
    return out


@pytest.mark.parametrize("root", metrics.ROOTS)
@pytest.mark.parametrize("scale", metrics.SCALES)
@pytest.mark.parametrize("joints", metrics.JOINTS)
def test_mpjpe_equals_a_loop(root, scale, joints):
    predicted, target, _ = hands(1, 20)
    known = known_keypoints(1, 20)
    got = metrics.mpjpe(predicted, target, known, root=root, scale=scale, joints=joints)
    np.testing.assert_allclose(got, looped_mpjpe(predicted, target, known, root, scale, joints), rtol=1e-12)


@pytest.mark.parametrize("scale", metrics.SCALES)
@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_keypoint_errors_equal_a_loop_whatever_is_known(scale, seed):
    predicted, target, _ = hands(seed)
    known = known_keypoints(seed)
    got = metrics.keypoint_errors(predicted, target, known, root="middle_mcp", scale=scale)
    np.testing.assert_allclose(
        got, looped_errors(predicted, target, known, "middle_mcp", scale), rtol=1e-12, atol=1e-12
    )


def test_a_hand_whose_root_is_unknown_does_not_count_but_can_be_aligned():
    predicted, target, _ = hands(2, 1)
    known = np.ones((1, 2, 21), dtype=bool)
    known[0, 1, MIDDLE_MCP] = False
    assert np.isnan(metrics.mpjpe(predicted, target, known, **MCP)[0]).tolist() == [False, True]
    assert np.isfinite(metrics.mpjpe(predicted, target, known, **WRIST)).all()
    assert np.isnan(metrics.smpjpe(predicted, target, known, root="wrist", joints="all")[0, 1])
    assert np.isnan(metrics.mrrpe(predicted, target, known, root="middle_mcp")[0])
    assert np.isfinite(metrics.mrrpe(predicted, target, known, root="wrist")[0])
    assert np.isfinite(metrics.pa_mpjpe(predicted, target, known)).all()


def test_a_root_alone_is_no_hand_without_error():
    predicted, target, _ = hands(3, 1)
    known = np.broadcast_to(np.arange(21) == MIDDLE_MCP, (1, 2, 21))
    assert np.isnan(metrics.mpjpe(predicted, target, known, **MCP)).all()


def test_unknown_keypoints_may_hold_anything():
    predicted, target, _ = hands(4, 20)
    known = known_keypoints(4, 20)
    spoiled = np.where(known[..., None], target, np.nan)
    for measure in (metrics.pa_mpjpe, lambda *a: metrics.mpjpe(*a, **MCP)):
        np.testing.assert_array_equal(measure(predicted, spoiled, known), measure(predicted, target, known))


def test_pa_mpjpe_aligns_by_the_known_keypoints_alone():
    predicted, target, _ = hands(5, 20)
    known = known_keypoints(5, 20)
    got = metrics.pa_mpjpe(predicted, target, known)
    for n in range(20):
        for hand in range(2):
            k = known[n, hand]
            if k.sum() < 3:  # two points can always be aligned
                assert np.isnan(got[n, hand])
                continue
            moved = metrics.procrustes(predicted[n, hand, k], target[n, hand, k])
            expected = 1000 * np.linalg.norm(moved - target[n, hand, k], axis=-1).mean()
            assert got[n, hand] == pytest.approx(expected, abs=1e-9)


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
    with pytest.raises(ValueError, match="predicted holds 4 images, target 5"):
        metrics.pa_mpjpe(predicted[:4], target)
    with pytest.raises(ValueError, match="truth must be"):
        metrics.Protocol("wrist", truth="guessed")
    with pytest.raises(ValueError, match="no valid keypoint"):
        metrics.pck(np.full((2, 2, 21), np.nan), [10])


def test_one_keypoint_5_mm_off_is_correct_from_5_mm_on():
    target = np.random.default_rng(0).normal(0, 0.05, (1, 2, 21, 3))
    predicted = target.copy()
    predicted[0, 0, 20] += [0.003, 0.004, 0]
    errors = metrics.keypoint_errors(predicted, target, root="wrist")
    assert errors[0, 0, 20] == pytest.approx(5)
    np.testing.assert_allclose(metrics.pck(errors, [1, 4.99, 5.01, 50]), [41 / 42, 41 / 42, 1, 1])
    np.testing.assert_allclose(metrics.auc(errors), [[1 - 5 / 50 / 21, 1]])


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_pck_is_the_mean_share_of_each_keypoint(seed):
    errors = np.random.default_rng(seed).gamma(2, 10, (7, 2, 21))
    errors[~known_keypoints(seed, 7)] = np.nan
    for threshold, share in zip([0, 12.5, 50], metrics.pck(errors, [0, 12.5, 50]), strict=True):
        shares = []
        for hand in range(2):
            for k in range(21):
                column = [e for e in errors[:, hand, k] if np.isfinite(e)]
                if column:
                    shares.append(sum(e <= threshold for e in column) / len(column))
        assert share == pytest.approx(np.mean(shares))


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_auc_is_the_area_under_the_sampled_pck_curve(seed):
    """InterShape: 200 thresholds from 0 to 50 mm, trapezoids, over 50 mm."""
    errors = np.random.default_rng(seed).gamma(2, 15, (20, 2, 21))
    thresholds = np.linspace(0, 50, 200)
    curve = metrics.pck(errors, thresholds)
    area = ((curve[1:] + curve[:-1]) / 2 * np.diff(thresholds)).sum() / 50
    assert metrics.mean_error(metrics.auc(errors)) == pytest.approx(area, abs=0.0026)


def test_both_means_agree_where_everything_counts_and_differ_where_not():
    predicted, target, _ = hands(16, 30)
    errors = metrics.keypoint_errors(predicted, target, root="wrist")
    assert metrics.mean_of_keypoints(errors) == pytest.approx(
        metrics.mean_error(metrics.mpjpe(predicted, target, **WRIST))
    )
    known = known_keypoints(16, 30)
    errors = metrics.keypoint_errors(predicted, target, known, root="wrist")
    columns = [errors[:, h, k][np.isfinite(errors[:, h, k])] for h in range(2) for k in range(21)]
    assert metrics.mean_of_keypoints(errors) == pytest.approx(np.mean([c.mean() for c in columns if len(c)]))
    assert metrics.mean_of_keypoints(errors) != pytest.approx(
        metrics.mean_error(metrics.mean_of_hands(errors))
    )


def test_a_hand_is_found_when_both_answers_are_right():
    present = np.array([[True, False], [True, True], [False, True], [True, True]])
    said = np.array([[0.5, 0.4], [0.9, 0.49], [0.2, 0.8], [0.7, 0.6]])
    assert metrics.hands_found(said, present).tolist() == [1, 0, 1, 1]
    with pytest.raises(ValueError, match=r"must be \(N, 2\)"):
        metrics.hands_found(said[:, 0], present)


def test_hands_are_swapped_when_they_fit_the_other_truth_better():
    target = np.random.default_rng(17).normal(size=(4, 2, 21, 2))
    predicted = target.copy()
    predicted[1] = target[1, ::-1]
    known = np.ones((4, 2, 21), dtype=bool)
    known[2, 0] = False
    predicted[3] = np.nan
    np.testing.assert_array_equal(metrics.hands_swapped(predicted, target, known), [0, 1, np.nan, np.nan])


def test_swaps_are_judged_by_keypoints_that_both_hands_have():
    target = np.random.default_rng(18).normal(size=(1, 2, 21, 2))
    predicted = target.copy()
    predicted[0, :, :4] = target[0, ::-1, :4]
    known = np.ones((1, 2, 21), dtype=bool)
    assert metrics.hands_swapped(predicted, target, known) == [0]
    known[0, 1, 4:] = False  # what is left of the left hand says: swapped
    assert metrics.hands_swapped(predicted, target, known) == [1]


def test_each_iou_is_in_the_bin_of_its_lower_end():
    assert metrics.iou_bins([0, 1e-6, 0.19, 0.2, 0.39, 0.4, 1, np.nan], "tzionas").tolist() == [
        0, 1, 1, 2, 2, 3, 3, -1,
    ]  # fmt: skip
    assert metrics.iou_bins([0, 0.32, 0.33, 0.66, 0.67, 1], "interhand26m").tolist() == [0, 0, 1, 1, 2, 2]
    with pytest.raises(ValueError, match="bins must be one of"):
        metrics.iou_bins([0.1], "thirds")
    with pytest.raises(ValueError, match="between 0 and 1"):
        metrics.iou_bins([1.1], "tzionas")


def test_errors_by_bin_split_the_images():
    rng = np.random.default_rng(19)
    errors, iou = rng.gamma(2, 10, (50, 2, 21)), rng.random(50).astype(np.float32)
    iou[:3] = np.nan
    errors[4:8, 1] = np.nan
    rows = metrics.errors_by_bin(errors, iou, "interhand26m")
    assert [row["mask_iou"] for row in rows] == list(metrics.IOU_BINS["interhand26m"])
    assert sum(row["images"] for row in rows) == 47
    middle = [e for image, i in zip(errors, iou, strict=True) if 0.33 <= i < 0.67 for e in image.ravel()]
    middle = [e for e in middle if np.isfinite(e)]
    assert rows[1]["mean_mm"] == pytest.approx(np.mean(middle))
    assert rows[1]["sd_mm"] == pytest.approx(np.std(middle))
    assert np.isnan(metrics.errors_by_bin(errors[:3], iou[:3], "tzionas")[0]["mean_mm"])


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


def test_an_interval_does_not_depend_on_how_many_draws_fit_in_memory(monkeypatch):
    errors, clusters = np.random.default_rng(20).normal(10, 2, 90), np.arange(90) % 31
    whole = metrics.cluster_interval(errors, clusters, np.random.default_rng(1))
    monkeypatch.setattr(means, "_DRAWN", 100)
    assert metrics.cluster_interval(errors, clusters, np.random.default_rng(1)) == whole


def test_per_image_is_the_mean_of_the_hands_that_count():
    np.testing.assert_array_equal(
        metrics.per_image(np.array([[1.0, 3.0], [np.nan, 5.0], [np.nan, np.nan]])), [2, 5, np.nan]
    )
    np.testing.assert_array_equal(metrics.per_image(np.array([1.0, np.nan])), [1, np.nan])
