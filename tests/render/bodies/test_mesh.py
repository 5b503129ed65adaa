import igl
import numpy as np
import pytest
import torch

from renderih_lib.hand.open_hand import load_arrays
from renderih_lib.render.bodies.mesh import (
    EXTENSION,
    FOREARM,
    Body,
    QuadMesh,
    boundary_edges,
    joined,
    load_arm,
    smoothed,
    subdivision,
)
from tests.conftest import random_pose

CUBE = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)


def flat(quads: np.ndarray, count: int) -> QuadMesh:
    return QuadMesh(quads, np.zeros((len(quads), 4, 2)), count)


def test_catmull_clark_of_a_cube_is_the_textbook_one():
    matrix, finer = subdivision(flat(CUBE, 8), 1)
    points = matrix @ CORNERS
    assert len(points) == 8 + 12 + 6 and len(finer.quads) == 24
    np.testing.assert_allclose(points[:8], CORNERS * 5 / 9)
    np.testing.assert_allclose(np.sort(np.abs(points[8:20]), 1), np.tile([0, 0.75, 0.75], (12, 1)))
    np.testing.assert_allclose(np.sort(np.abs(points[20:]), 1), np.tile([0, 0, 1], (6, 1)))


def test_an_open_edge_stays_where_it_is():
    matrix, _ = subdivision(flat(np.array([[0, 1, 2, 3]]), 4), 1)
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
    points = matrix @ square
    np.testing.assert_allclose(points[0], [0.125, 0.125, 0])  # 3/4 of itself, 1/8 of each neighbour
    assert [0.5, 0, 0] in points.tolist() and [0.5, 0.5, 0] in points.tolist()


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_subdivision_keeps_the_surface_whole(levels):
    arm = load_arm()
    matrix, finer = subdivision(arm.mesh, levels)
    np.testing.assert_allclose(np.asarray(matrix.sum(1)), 1)
    assert matrix.shape == (finer.vertex_count, arm.mesh.vertex_count)
    assert len(finer.quads) == len(arm.mesh.quads) * 4**levels
    assert len(boundary_edges(finer.quads)) == len(arm.cut) * 2**levels
    assert np.bincount(finer.quads.ravel(), minlength=finer.vertex_count).min() >= 1
    assert finer.uv.min() >= 0 and finer.uv.max() <= 1


def mean_offset(levels: int, share: float, cages: np.ndarray) -> float:
    """Mean signed distance in metres, over the hand's area, of subdivided right hands from their control meshes."""
    arm = load_arm()
    matrix, fine = subdivision(arm.mesh, levels)
    kept = np.unique(arm.mesh.triangles[arm.parts != FOREARM])
    rows = np.flatnonzero(np.asarray(matrix[:, kept].sum(1)).ravel() > 0.999)  # made of the hand alone
    rows = rows[:: 4 ** (levels - 1)]
    offsets = []
    for cage in cages:
        surface = smoothed(matrix, cage, share)
        a, b, c, d = (surface[fine.quads[:, k]] for k in range(4))
        area = np.linalg.norm(np.cross(c - a, d - b), axis=1)
        weight = np.bincount(fine.quads.ravel(), np.repeat(area, 4))[rows]
        away = igl.signed_distance(surface[rows], cage, arm.mesh.triangles.astype(np.int64))[0]
        offsets.append((weight * away).sum() / weight.sum())
    return float(np.mean(offsets))


def test_the_surface_agrees_with_the_mesh_of_the_labels():
    rest = load_arm().model.template.numpy()[None].astype(float)
    assert mean_offset(2, 0.0, rest) < -1e-4 and mean_offset(2, 1.0, rest) > 1e-4  # shrunk, and swollen
    assert abs(mean_offset(2, 0.5, rest)) < 5e-5


@pytest.mark.slow
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_the_surface_agrees_with_the_labels_in_twenty_poses(smooth_arms, levels):
    poses = random_pose(np.random.default_rng(levels), 20, 10)
    cages = smooth_arms.hands(poses).vertices[:, 0].double().numpy()
    assert abs(mean_offset(levels, 0.5, cages)) < 5e-5


def test_the_arm_is_the_asset_with_a_longer_forearm():
    arm, arrays = load_arm(), load_arrays()
    count = len(arrays["render_template"])
    np.testing.assert_array_equal(arm.model.template[:count], arrays["render_template"])
    np.testing.assert_array_equal(arm.mesh.quads[: len(arrays["render_quads"])], arrays["render_quads"])
    own = boundary_edges(arrays["render_quads"].astype(int))[:, 0]
    moved = arm.model.template.numpy()[arm.cut].mean(0) - arrays["render_template"][np.unique(own)].mean(0)
    np.testing.assert_allclose(np.linalg.norm(moved), EXTENSION, rtol=1e-4)
    assert torch.allclose(arm.model.skin_weights[count:, 0], torch.ones(len(arm.model.template) - count))


def test_parts_are_sixteen_and_the_forearm_starts_at_the_label_meshs_edge():
    arm, arrays = load_arm(), load_arrays()
    assert set(arm.parts) == set(range(FOREARM + 1))
    forearm = set(arm.mesh.triangles[arm.parts == FOREARM].ravel().tolist())
    hand = set(arm.mesh.triangles[arm.parts != FOREARM].ravel().tolist())
    labels = set(arrays["label_vertices"].tolist())
    assert labels <= hand
    edges = set(map(tuple, arrays["faces"][:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).tolist()))
    rim = {a for a, b in edges if (b, a) not in edges}
    assert {int(arrays["label_vertices"][i]) for i in rim} <= forearm & hand


def test_both_arms_are_one_mesh_facing_outwards(smooth_arms, poses):
    cage = smooth_arms.cage_vertices(poses[:1])[0]
    surface = smooth_arms.surface(cage)
    assert len(surface) == smooth_arms.mesh.vertex_count and np.isfinite(surface).all()
    assert len(smooth_arms.quad_labels) == len(smooth_arms.mesh.quads)
    half = len(smooth_arms.mesh.quads) // 2
    for side in (slice(0, half), slice(half, None)):  # an outward-facing surface encloses a positive volume
        corners = surface[smooth_arms.mesh.quads[side]]
        corners = corners - corners.mean((0, 1))
        triangles = np.concatenate([corners[:, :3], corners[:, [0, 2, 3]]])
        assert np.linalg.det(triangles).sum() > 0


def test_joined_bodies_keep_their_triangles_and_labels():
    first = Body(CORNERS, np.array([[0, 1, 2]]), np.array([3]))
    second = Body(CORNERS[:4] + 5, np.array([[1, 2, 3], [0, 1, 3]]), np.array([4, 5]))
    both = joined([first, second])
    np.testing.assert_array_equal(both.vertices[both.triangles[1:]], second.vertices[second.triangles])
    assert both.labels.tolist() == [3, 4, 5] and len(both.vertices) == 12


def test_what_labels_are_drawn_of_is_both_hands_and_then_both_forearms(smooth_arms, poses):
    cage = smooth_arms.cage_vertices(poses[:1])[0]
    bodies = smooth_arms.label_bodies(cage)
    assert [set(body.labels) for body in bodies] == [set(range(1, 17)), set(range(17, 33)), {33}, {34}]
    assert sum(len(body.triangles) for body in bodies) == len(smooth_arms.cage.triangles)
