"""MPVPE and CDev against loops over all pairs of vertices, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib import metrics
from renderih_lib.metrics import meshes

SEEDS = st.integers(0, 2**32 - 1)


def touching(seed: int, count: int = 4, vertices: int = 30):
    """Meshes (predicted, true) and keypoints (predicted, true) of hands that lie in one another, in metres."""
    rng = np.random.default_rng(seed)
    true, keypoints = rng.normal(0, 0.005, (count, 2, vertices, 3)), rng.normal(0, 0.05, (count, 2, 21, 3))
    return tuple(x + rng.normal(0, 0.01, x.shape) for x in (true, keypoints)), (true, keypoints)


def looped_cdev(predicted, true, within=0.003) -> np.ndarray:
    out = np.full((len(true), 2), np.nan)
    for n in range(len(true)):
        for hand in range(2):
            found = []
            for v, point in enumerate(true[n, hand]):
                distances = [np.linalg.norm(point - other) for other in true[n, 1 - hand]]
                nearest = int(np.argmin(distances))
                if distances[nearest] < within:
                    found.append(np.linalg.norm(predicted[n, hand, v] - predicted[n, 1 - hand, nearest]))
            if found:
                out[n, hand] = 1000 * np.mean(found)
    return out


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_contact_deviation_equals_a_loop_over_all_pairs(seed):
    (predicted, _), (true, _) = touching(seed)
    got = metrics.contact_deviation(predicted, true)
    assert np.isfinite(got).any()
    np.testing.assert_allclose(got, looped_cdev(predicted, true), rtol=1e-9)


def looped_bends(vertices, faces) -> dict:
    """Edge -> signed angle in degrees between the two faces that share it."""
    found, bends = {}, {}
    for face in faces:
        a, b, c = vertices[face]
        normal = np.cross(b - a, c - a)
        for pair in ((0, 1), (1, 2), (2, 0)):
            one = (normal / np.linalg.norm(normal), (a + b + c) / 3)
            found.setdefault(frozenset(int(face[i]) for i in pair), []).append(one)
    for edge, sides in found.items():
        if len(sides) == 2:
            (n, c), (m, d) = sides
            bends[edge] = np.degrees(np.arccos(np.clip(n @ m, -1, 1))) * np.sign((m - n) @ (d - c))
    return bends


#: A tetrahedron with a hole: three faces, three inner edges; on the other hand turned inside out.
FACES = np.array([[[0, 1, 2], [0, 2, 3], [0, 3, 1]], [[0, 2, 1], [0, 3, 2], [0, 1, 3]]])


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_bend_errors_equal_a_loop_over_edges_and_do_not_know_where_the_hand_is(seed):
    rng = np.random.default_rng(seed)
    said, true = rng.normal(0, 0.01, (2, 3, 2, 4, 3))
    wanted = np.empty((3, 2))
    for n, hand in np.ndindex(3, 2):
        ours, theirs = (looped_bends(mesh[n, hand], FACES[hand]) for mesh in (said, true))
        apart = [abs(ours[edge] - theirs[edge]) for edge in theirs]
        wanted[n, hand] = np.mean([min(x, 360 - x) for x in apart])
    np.testing.assert_allclose(metrics.bend_errors(said, true, FACES), wanted, rtol=1e-5, atol=1e-4)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    moved = 2 * said @ turn + rng.normal(size=3)
    np.testing.assert_allclose(metrics.bend_errors(moved, true, FACES), wanted, rtol=1e-5, atol=1e-4)


def test_only_meshes_that_are_valid_have_bends():
    meshes = np.random.default_rng(0).normal(0, 0.01, (2, 2, 4, 3))
    damaged = meshes.copy()
    damaged[0, 1] = np.nan
    valid = [[True, False], [True, True]]
    np.testing.assert_array_equal(metrics.bend_errors(damaged, meshes, FACES, valid), [[0, np.nan], [0, 0]])
    with pytest.raises(ValueError, match="predicted_vertices"):
        metrics.bend_errors(damaged, meshes, FACES)


@given(SEEDS, st.floats(0.001, 0.02))
@settings(max_examples=15, deadline=None)
def test_contact_pairs_are_the_nearest_within_reach(seed, within):
    rng = np.random.default_rng(seed)
    points, others = rng.normal(0, 0.02, (25, 3)), rng.normal(0.01, 0.02, (35, 3))
    distance = np.linalg.norm(points[:, None] - others[None], axis=-1)
    expected = [(i, distance[i].argmin()) for i in range(25) if distance[i].min() < within]
    assert [tuple(pair) for pair in metrics.contact_pairs(points, others, within)] == expected


def test_a_left_hand_5_mm_away_deviates_by_5_mm():
    true = np.zeros((1, 2, 2, 3))
    true[0, 0] = [[0, 0, 0], [0.1, 0, 0]]
    true[0, 1] = [[0.002, 0, 0], [0.2, 0, 0]]  # its first vertex touches the right hand's first
    predicted = true - [0.002, 0, 0] * np.array([0, 1])[:, None, None]
    predicted[0, 1] += [0, 0.003, 0.004]
    np.testing.assert_allclose(metrics.contact_deviation(predicted, true), [[5, 5]])


def test_each_hand_looks_for_its_own_partners():
    true = np.zeros((1, 2, 2, 3))
    true[0, 0] = [[0, 0, 0], [0.004, 0, 0]]  # both near the left hand's first
    true[0, 1] = [[0.002, 0, 0], [0.2, 0, 0]]
    predicted = true.copy()
    predicted[0, 1, 0] = [0.012, 0, 0]
    # right: both of its vertices, 12 and 8 mm; left: its first, with one of the two, which are equally near
    right, left = metrics.contact_deviation(predicted, true)[0]
    assert right == pytest.approx(10) and left in (pytest.approx(12), pytest.approx(8))


def test_without_contact_or_without_a_mesh_there_is_no_deviation():
    (predicted, _), (true, _) = touching(1)
    valid = np.array([[True, True], [True, False], [False, False], [True, True]])
    true[3, 1] += 1.0
    got = metrics.contact_deviation(predicted, true, valid)
    assert np.isfinite(got).tolist() == [[True, True], [False, False], [False, False], [False, False]]


def test_contact_deviation_ignores_where_both_hands_are_and_minds_their_size():
    (predicted, _), (true, _) = touching(2)
    expected = metrics.contact_deviation(predicted, true)
    np.testing.assert_allclose(metrics.contact_deviation(predicted + [0.3, -1, 2], true), expected)
    np.testing.assert_allclose(metrics.contact_deviation(2 * predicted, true), 2 * expected)


def looped_mpvpe(predicted, true, said, keypoints, root, scale) -> np.ndarray:
    at, out = metrics.ROOTS[root], np.zeros((len(true), 2))
    for n in range(len(true)):
        for hand in range(2):
            p, t = said[n, hand], keypoints[n, hand]
            ratio = np.linalg.norm(t[9] - t[0]) / np.linalg.norm(p[9] - p[0]) if scale == "bone" else 1.0
            for v in range(true.shape[2]):
                wrong = ratio * (predicted[n, hand, v] - p[at]) - (true[n, hand, v] - t[at])
                out[n, hand] += 1000 * np.sqrt((wrong**2).sum()) / true.shape[2]
    return out


@pytest.mark.parametrize("root", metrics.ROOTS)
@pytest.mark.parametrize("scale", metrics.SCALES)
def test_mpvpe_equals_a_loop(root, scale, monkeypatch):
    monkeypatch.setattr(meshes, "_CHUNK", 3)
    (predicted, said), (true, keypoints) = touching(3, count=7)
    got = metrics.mpvpe(predicted, true, said, keypoints, root=root, scale=scale)
    np.testing.assert_allclose(got, looped_mpvpe(predicted, true, said, keypoints, root, scale), rtol=1e-9)


def test_mpvpe_of_keypoints_as_vertices_is_mpjpe():
    (_, said), (_, keypoints) = touching(4)
    for root in metrics.ROOTS:
        for scale in metrics.SCALES:
            got = metrics.mpvpe(said, keypoints, said, keypoints, root=root, scale=scale)
            np.testing.assert_allclose(got, metrics.mpjpe(said, keypoints, root=root, scale=scale))


def test_mpvpe_needs_the_mesh_and_the_root():
    (predicted, said), (true, keypoints) = touching(5)
    known = np.ones((4, 2, 21), dtype=bool)
    known[0, 0, 9] = False
    meshed = np.ones((4, 2), dtype=bool)
    meshed[1, 1] = False
    true[1, 1] = np.nan  # nobody looks
    got = metrics.mpvpe(
        predicted, true, said, keypoints, known, root="middle_mcp", scale="none", mesh_valid=meshed
    )
    assert np.argwhere(np.isnan(got)).tolist() == [[0, 0], [1, 1]]
    by_wrist = metrics.mpvpe(predicted, true, said, keypoints, known, root="wrist", mesh_valid=meshed)
    assert np.argwhere(np.isnan(by_wrist)).tolist() == [[1, 1]]


def test_wrong_meshes_are_named():
    (predicted, said), (true, keypoints) = touching(6)
    with pytest.raises(ValueError, match="predicted_vertices have shape"):
        metrics.mpvpe(predicted[:, :, 1:], true, said, keypoints, root="wrist")
    with pytest.raises(ValueError, match="target_vertices must have shape"):
        metrics.contact_deviation(predicted[:, 0], true[:, 0])
    with pytest.raises(ValueError, match=r"mesh_valid must have shape \(4, 2\)"):
        metrics.mpvpe(predicted, true, said, keypoints, root="wrist", mesh_valid=np.ones((4, 1)))
    true[2, 1, 7] = np.inf
    with pytest.raises(ValueError, match="target_vertices is not finite at sample 2, left hand, point 7"):
        metrics.contact_deviation(predicted, true)
