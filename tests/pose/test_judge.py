"""The judge knows natural pairs from odd or penetrating ones, and its rates and intervals are right."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from renderih_lib.hand.anatomy import BEND
from renderih_lib.hand.skeleton import FINGER_JOINT_NAMES
from renderih_lib.pose import judge as judging
from renderih_lib.pose.augment import augment, augment_pairs
from renderih_lib.pose.judge import (
    DEFINITIONS,
    PANEL,
    Judge,
    calibrated_judges,
    clustered_rates,
    held_out_judges,
    order_probabilities,
)
from renderih_lib.pose.library import load_pose_library
from renderih_lib.pose.naturalness import split_names
from renderih_lib.pose.validity import DEPTH_MM


@pytest.fixture(scope="module")
def library():
    return load_pose_library()


@pytest.fixture(scope="module")
def bank(library):
    return library.natural_hands(50, 600)


@pytest.fixture(scope="module")
def natural(library):
    return library.natural_pairs(60, 20)


@pytest.fixture(scope="module")
def judges(library, bank, natural):
    return calibrated_judges(bank, natural, library.hands)


@pytest.fixture(scope="module")
def calibrated(judges):
    return judges["neighbours"]


def natural_to_most(judge, pose):
    return judge.approval(judge.scores(pose)) >= 0.5


@pytest.mark.parametrize("name", ["neighbours", "whole hand"])
def test_a_hand_of_the_bank_is_not_odd(judges, bank, name):
    assert judges[name].oddness(bank[:5]).max() < 0.01


@pytest.mark.parametrize("name", DEFINITIONS)
def test_augmented_hands_are_odder_than_natural_ones(judges, library, name):
    hands = library.natural_singles(61, 60)
    odd, natural = judges[name].oddness(augment(hands, 1, 0)), judges[name].oddness(hands)
    assert odd.median() > 1.5 * natural.median()


def test_oddness_is_the_nearest_mean_distance_over_the_worst_couple_of_fingers(judges, library):
    judge = judges["neighbours"]
    angles = augment(library.natural_singles(62, 3), 1, 1)
    keypoints = judging._keypoints(angles, library.hands).numpy()
    fingers = [[1 + 4 * f + k for k in (1, 2, 3)] for f in range(5)]
    for hand, expected in zip(keypoints, judge.oddness(angles), strict=True):
        couples = [fingers[i] + fingers[i + 1] for i in range(4)]
        slow = max(
            min(np.linalg.norm(hand[c] - other[c], axis=-1).mean() for other in judge.bank.numpy())
            for c in couples
        )
        assert expected.item() == pytest.approx(slow, rel=1e-4)


def test_a_gesture_made_of_known_couples_is_odd_only_to_the_judge_of_whole_hands(judges, library):
    hands = library.natural_singles(64, 2, names=["flat", "fist"])
    flat, fist = hands
    mixed = flat.clone()
    index = [i for i, name in enumerate(FINGER_JOINT_NAMES) if name.startswith(("thumb", "index", "middle"))]
    mixed[index] = fist[index]  # the seam, middle and ring, is known from a third hand
    seam = flat.clone()
    middle = [i for i, name in enumerate(FINGER_JOINT_NAMES) if name.startswith("middle")]
    seam[middle] = fist[middle]
    bank = torch.stack([flat, fist, seam])
    assert Judge.of(bank, library.hands, "neighbours").oddness(mixed) < 0.01
    assert Judge.of(bank, library.hands, "whole hand").oddness(mixed) > 5


def test_coupling_is_the_departure_of_the_end_joint_in_degrees(judges):
    flat = torch.zeros(2, 15, 3)
    middle, end = FINGER_JOINT_NAMES.index("ring_middle"), FINGER_JOINT_NAMES.index("ring_end")
    flat[:, middle, BEND] = torch.deg2rad(torch.tensor([60.0, 60.0]))
    flat[:, end, BEND] = torch.deg2rad(torch.tensor([40.0, 0.0]))
    torch.testing.assert_close(judges["coupling"].oddness(flat), torch.tensor([0.0, 40.0]), atol=1e-3, rtol=0)


def test_both_hands_are_judged_and_the_odder_one_counts(judges, natural):
    angles = natural.angles[:4].clone()
    angles[:, 1] = augment(angles[:, 1], 1, 0)
    pose = natural[:4].replace(angles=angles)
    judge = judges["neighbours"]
    expected = torch.stack([judge.oddness(angles[:, 0]), judge.oddness(angles[:, 1])], 1).amax(1)
    np.testing.assert_allclose(judge.scores(pose).oddness, expected)
    swapped = pose.replace(angles=angles.flip(1))
    np.testing.assert_allclose(judge.oddness(swapped.angles).amax(1), expected)


def test_the_held_out_bank_holds_poses_that_d_never_saw_and_what_is_given(library, natural):
    _, unseen = split_names(library)
    judge = held_out_judges(library, 3, 4)["neighbours"]
    assert judge.oddness(library.natural_hands(7, 60, unseen)).max() < 0.01
    hands = augment(library.natural_singles(62, 3), 1, 1)
    more = held_out_judges(library, 3, 4, hands=hands, natural=natural)["neighbours"]
    assert more.oddness(hands).max() < 0.01 < judge.oddness(hands).min()
    assert len(more.bank) == len(judge.bank) + 3 and (more.most_odd != judge.most_odd).any()


def made_scores(count=1000):
    rng = np.random.default_rng(0)
    return pd.DataFrame({"oddness": rng.gamma(2, 3, count), "depth_mm": rng.gamma(3, 2, count)})


@pytest.mark.parametrize("accept", [0.5, 0.8, 0.9])
def test_a_rater_accepts_the_share_of_natural_pairs_that_it_was_calibrated_to(judges, accept):
    scores = made_scores()
    judge = judges["neighbours"].calibrated(scores, [accept])
    assert judge.approval(scores).mean() == pytest.approx(accept, abs=0.01)
    odd, deep = (scores.oddness > judge.most_odd[0]).mean(), (scores.depth_mm > judge.deepest[0]).mean()
    assert odd == pytest.approx(deep, abs=0.01)  # equally strict


def test_the_panel_approves_nine_of_ten_natural_pairs_and_a_stricter_rater_never_more(judges):
    scores = made_scores()
    panel = judges["neighbours"].calibrated(scores)
    assert panel.approval(scores).mean() == pytest.approx(0.9, abs=0.01)
    assert len(panel.most_odd) == len(PANEL) == 20
    assert (np.diff(panel.most_odd) >= 0).all() and (np.diff(panel.deepest) >= 0).all()
    one = [judges["neighbours"].calibrated(scores, [share]).approval(scores) for share in PANEL]
    np.testing.assert_allclose(panel.approval(scores), np.mean(one, axis=0))


def test_invisible_depths_are_never_held_against_a_pair(judges):
    scores = pd.DataFrame({"oddness": np.linspace(1, 2, 50), "depth_mm": np.zeros(50)})
    assert (judges["neighbours"].calibrated(scores).deepest == DEPTH_MM).all()


def test_natural_pairs_pass_and_augmented_ones_mostly_do_not(calibrated, library, natural):
    other = library.natural_pairs(63, 12)
    assert natural_to_most(calibrated, other).mean() > 0.6
    assert natural_to_most(calibrated, augment_pairs(natural[:12], 1, 0)).mean() < 0.4


def test_hands_that_visibly_run_through_each_other_are_not_natural(calibrated, library):
    pose = library.pair("prayer")
    apart = pose.replace(translation=pose.translation + torch.tensor([[[0, 0.0, 0], [0, -0.03, 0]]]))
    through = pose.replace(translation=pose.translation + torch.tensor([[[0, 0.0, 0], [0, 0.03, 0]]]))
    lenient = dataclasses.replace(calibrated, most_odd=np.array([1e9]), deepest=np.array([5.0]))
    assert natural_to_most(lenient, apart)[0] and not natural_to_most(lenient, through)[0]


def test_a_pose_that_is_not_finite_is_not_natural(calibrated, natural):
    broken = natural[:2].replace(angles=natural.angles[:2].clone())
    broken.angles[1, 0, 0, 2] = float("nan")
    assert not natural_to_most(calibrated, broken)[1]


def test_wrong_uses_are_named(judges, library, bank):
    with pytest.raises(ValueError, match="definition must be one of neighbours"):
        Judge.of(bank, library.hands, "taste")
    with pytest.raises(ValueError, match="at least one hand"):
        Judge.of(bank[:0], library.hands)
    scores = pd.DataFrame({"oddness": [1.0], "depth_mm": [0.0]})
    with pytest.raises(ValueError, match="call calibrated first"):
        Judge.of(bank, library.hands).approval(scores)
    with pytest.raises(ValueError, match="accept must hold shares between 0 and 1"):
        judges["neighbours"].calibrated(scores, [0.9, 1.0])
    with pytest.raises(ValueError, match="scores is empty"):
        judges["neighbours"].calibrated(scores[:0])


def made(rates, raws=40, copies=5, seed=0):
    """Verdicts with known rates, whole raw poses natural or not: the copies of one agree fully."""
    rng = np.random.default_rng(seed)
    ids = np.repeat(np.arange(raws), copies)
    return (
        {kind: np.repeat(rng.permutation(raws) < round(rate * raws), copies) for kind, rate in rates.items()},
        {kind: ids for kind in rates},
    )


def test_rates_are_shares_and_intervals_hold_them():
    verdicts, ids = made({"raw": 0.9, "augmented": 0.3})
    rates = clustered_rates(verdicts, ids)
    assert rates.rate.to_dict() == {"raw": 0.9, "augmented": 0.3}
    assert ((rates.low < rates.rate) & (rates.rate < rates.high)).all()


def test_copies_of_one_raw_pose_do_not_shrink_the_interval():
    (many, many_ids), (once, once_ids) = made({"raw": 0.5}, copies=20), made({"raw": 0.5}, copies=1)
    widths = [
        (rates.high - rates.low)["raw"]
        for rates in (clustered_rates(many, many_ids), clustered_rates(once, once_ids))
    ]
    assert widths[0] == pytest.approx(widths[1], rel=0.1)
    assert widths[1] == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 40), rel=0.1)


def test_order_is_sure_when_rates_are_far_apart_and_even_when_they_are_the_same():
    verdicts, ids = made({"raw": 0.95, "augmented": 0.2})
    assert order_probabilities(verdicts, ids).to_dict() == {"raw > augmented": 1.0}
    rng = np.random.default_rng(1)
    half = {kind: rng.permutation(400) < 200 for kind in ("a", "b")}
    ids = {kind: np.arange(400) for kind in half}
    assert order_probabilities(half, ids).item() == pytest.approx(0.5, abs=0.06)


def test_pairing_by_raw_pose_makes_the_order_surer():
    worse = np.arange(60) < 30  # b fails wherever a fails, and on three more
    verdicts = {"a": worse, "b": worse & (np.arange(60) >= 3)}
    paired = order_probabilities(verdicts, dict.fromkeys(verdicts, np.arange(60))).item()
    apart = order_probabilities(verdicts, {"a": np.arange(60), "b": 60 + np.arange(60)}).item()
    assert paired > 0.94 > apart


def test_rates_repeat_and_lengths_are_checked():
    verdicts, ids = made({"raw": 0.7})
    pd.testing.assert_frame_equal(clustered_rates(verdicts, ids), clustered_rates(verdicts, ids))
    with pytest.raises(ValueError, match="'raw' has 200 verdicts and 3 raw_ids"):
        clustered_rates(verdicts, {"raw": np.arange(3)})
