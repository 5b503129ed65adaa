import numpy as np
import pytest
import torch

from renderih_lib.hand.pair import PairPose
from renderih_lib.pose.accuracy import detection, exact_depths, field_error, table_2_hands
from renderih_lib.pose.distance import ExactSkin
from renderih_lib.pose.fields import ArticulatedField


class Biased:
    """Exact depth plus a constant everywhere inside."""

    def __init__(self, hand, bias):
        self.skin, self.bias = ExactSkin(hand.faces.numpy()), bias

    def depth(self, points, vertices):
        depth = -self.skin.signed_distance(points[0].numpy(), vertices[0].numpy())
        return torch.from_numpy(np.where(depth > 0, depth + self.bias, 0))[None]


def test_the_error_of_a_field_is_its_distance_from_the_exact_depth(hands):
    exact, off = (field_error(Biased(hands.right, b), hands.right, poses=2, points=300) for b in (0, 0.001))
    assert set(exact.values()) == {0.0}
    assert off["field_mae_mm"] == pytest.approx(1) and off["field_p95_mm"] == pytest.approx(1)


def test_the_articulated_field_keeps_its_promise(hands):
    """The bench measures 100 poses; a tenth of them here."""
    error = field_error(ArticulatedField(hands.right).double(), hands.right, seed=1, poses=10)
    assert error["field_mae_mm"] <= 0.5 and error["field_p95_mm"] <= 2.0 and error["field_false_percent"] < 1


def test_a_hand_depends_on_the_seed_and_its_own_number_alone(hands):
    three, two = (table_2_hands(hands.right, 3, count) for count in (3, 2))
    assert torch.equal(three[:2], two) and not torch.equal(three[0], three[1])
    assert not torch.equal(two, table_2_hands(hands.right, 4, 2))


def test_exact_depths_are_those_of_the_other_hand(hands):
    pose = PairPose(
        torch.zeros(2, 2, 15, 3),
        torch.eye(3).repeat(2, 2, 1, 1),
        torch.tensor([[[0.0, 0, 0], [0, 0, 0]], [[0.0, 0, 0], [1, 0, 0]]]),
        torch.zeros(2, 2, 10),
    )
    vertices = hands(pose).vertices
    depths = exact_depths(vertices, tuple(hand.faces for hand in hands.hands))
    fields = [ArticulatedField(hand) for hand in hands.hands]
    ours = torch.stack([fields[1 - s].depth(vertices[:, s], vertices[:, 1 - s]) for s in (0, 1)], 1)
    assert depths.shape == ours.shape and (depths[1] == 0).all() and depths[0].max() > 0.002
    assert np.abs(depths - ours.numpy())[depths > 0].mean() < 0.0005


def test_detection_counts_hits_misses_and_false_alarms():
    exact = np.array([0.003, 0.002, 0.0005, 0, 0, 0])
    depth = np.array([0.004, 0, 0.001, 0.001, 0, 0])
    found = detection(depth, exact)
    assert found["recall"] == pytest.approx(2 / 3) and found["precision"] == pytest.approx(2 / 3)
    assert found["f1"] == pytest.approx(2 / 3) and found["mae_mm"] == pytest.approx((1 + 2 + 0.5) / 3)
    assert detection(depth, exact, 0.001)["recall"] == 0.5
    assert np.isnan(detection(depth, 0 * exact)["recall"])
    with pytest.raises(ValueError, match="one shape"):
        detection(depth, exact[:3])
