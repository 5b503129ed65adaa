import igl
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.hand.pair import PairPose
from renderih_lib.render.bodies.forearms import BEND, LIMIT, bent, forearm_bends
from renderih_lib.render.bodies.mesh import FOREARM, ArmPair

WRISTS = np.array([[0.0, 0.0, 0.0], [0.08, 0.0, 0.0]])


@pytest.fixture(scope="module")
def arms():
    return ArmPair(0)


def crossing(gap: float = 0.05) -> np.ndarray:
    """Ends of two forearms that pass each other `gap` metres apart, half way."""
    return np.array([[0.08, 0.5, gap], [0.0, 0.5, 0.0]])


def axis_distance(wrists, ends, bends) -> float:
    """Smallest distance of two bent axes, from 10 cm behind the wrists on."""
    along = np.linspace(0.1, 0.5, 60)
    lines = []
    for wrist, end, bend in zip(wrists, ends, bends, strict=True):
        axis = (end - wrist) / np.linalg.norm(end - wrist)
        lines.append(bent(wrist + along[:, None] * axis, wrist, end, bend))
    return np.linalg.norm(lines[0][:, None] - lines[1], axis=-1).min()


def test_forearms_that_cross_are_bent_apart():
    straight = axis_distance(WRISTS, crossing(), np.zeros((2, 3)))
    bends = forearm_bends(WRISTS[None], crossing()[None])[0]
    assert straight < 0.06 and axis_distance(WRISTS, crossing(), bends) > 0.085
    assert (np.linalg.norm(bends, axis=1) <= LIMIT + 1e-9).all() and (
        np.linalg.norm(bends, axis=1) > 0.02
    ).all()


def test_forearms_that_are_apart_stay_straight():
    assert not forearm_bends(
        np.array([[0.0, 0, 0], [0.2, 0, 0]]), np.array([[-0.3, 0.4, 0], [0.5, 0.4, 0]])
    ).any()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_bends_turn_with_the_pair_and_never_exceed_the_limit(seed):
    rng = np.random.default_rng(seed)
    wrists, ends = 0.08 * rng.standard_normal((2, 3, 2, 3))
    ends = wrists + 0.5 * ends / np.linalg.norm(ends, axis=-1, keepdims=True)
    bends = forearm_bends(wrists, ends)
    assert (np.linalg.norm(bends, axis=-1) <= LIMIT + 1e-9).all()
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    turn *= np.linalg.det(turn)
    np.testing.assert_allclose(
        forearm_bends(wrists @ turn.T + 1, ends @ turn.T + 1), bends @ turn.T, atol=1e-6
    )
    alone = np.concatenate([forearm_bends(wrists[k : k + 1], ends[k : k + 1]) for k in range(3)])
    np.testing.assert_array_equal(alone, bends)  # no pair depends on those beside it


def test_a_bent_line_keeps_its_length_and_its_beginning():
    wrist, end = np.zeros(3), np.array([0.5, 0, 0])
    line = np.linspace(0, 0.5, 400)[:, None] * [1.0, 0, 0]
    curved = bent(line, wrist, end, np.array([0, 0, LIMIT]))
    steps = np.linalg.norm(np.diff(curved, axis=0), axis=1)
    np.testing.assert_allclose(steps, 0.5 / 399, rtol=0.01)
    before = line[:, 0] <= BEND[0]
    np.testing.assert_allclose(curved[before], line[before], atol=1e-7)
    last = curved[-1] - curved[-2]
    assert np.arctan2(last[1], last[0]) == pytest.approx(LIMIT, abs=1e-3)


def test_arms_that_lie_in_each_other_are_parted_and_hands_do_not_move(arms):
    turn = torch.stack([torch.eye(3), torch.diag(torch.tensor([-1.0, 1.0, -1.0]))])  # both point the same way
    shift = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.02, 0.05]])
    pose = PairPose(torch.zeros(1, 2, 15, 3), turn[None], shift[None], torch.zeros(1, 2, 10))
    mesh = arms.hands(pose)
    parted, straight = arms.parted(mesh)[0], mesh.vertices[0].double().numpy()
    hand = np.unique(arms.arm.mesh.triangles[arms.arm.parts != FOREARM])
    np.testing.assert_array_equal(parted[:, hand], straight[:, hand])
    forearm = np.setdiff1d(np.arange(arms.arm.mesh.vertex_count), hand)
    triangles = arms.arm.mesh.triangles.astype(np.int64)

    def deepest(cage: np.ndarray) -> float:
        return igl.signed_distance(cage[1, forearm], cage[0], triangles)[0].min()

    assert deepest(straight) < -0.02 and deepest(parted) > -0.003
    np.testing.assert_array_equal(arms.cage_vertices(pose)[0], parted)
