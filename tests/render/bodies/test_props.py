import igl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.render.bodies.mesh import FOREARM
from renderih_lib.render.bodies.props import (
    KINDS,
    PROP_LABEL,
    TABLE,
    TABLE_LABEL,
    placed,
    prop_distance,
    prop_mesh,
    random_size,
    touching_pose,
)

ALL = (*KINDS, TABLE)


@pytest.fixture(scope="module")
def cages(smooth_arms, poses):
    return smooth_arms.cage_vertices(poses)


@pytest.mark.parametrize("kind", ALL)
def test_the_mesh_faces_outwards_and_fills_its_bounding_box(kind):
    size = random_size(np.random.default_rng(0), kind)
    vertices, triangles = prop_mesh(kind, size)
    corners = vertices[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.linalg.norm(normals, axis=1) > 1e-9).all()  # no face without area, which has no normal
    assert (corners[:, 0] * normals).sum() / 6 > 0
    room = np.array([0.03, 0.012, 0]) if kind in ("mug", "banana") else 0  # the handle; the bow
    assert (np.ptp(vertices, axis=0) <= size + room + 1e-9).all()
    assert (np.ptp(vertices, axis=0) >= 0.9 * size).all()


@pytest.mark.parametrize("kind", ALL)
def test_distance_agrees_with_the_mesh(kind):
    rng = np.random.default_rng(1)
    size = random_size(rng, kind)
    vertices, triangles = prop_mesh(kind, size)
    points = rng.uniform(-0.7, 0.7, (1500, 3)) * size
    method = igl.SIGNED_DISTANCE_TYPE_FAST_WINDING_NUMBER
    exact = igl.signed_distance(points, vertices, triangles.astype(np.int64), sign_type=method)[0]
    found = prop_distance(kind, points, size)
    near = (exact > -1e-4) & (exact < 0.005)  # inside, the mesh of a mug's handle goes on into the wall
    assert near.sum() > 20
    assert np.abs(found - exact)[near].max() < 7e-4  # facets; the taper of a banana
    assert (np.sign(found) == np.sign(exact))[np.abs(exact) > 5e-4].all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(KINDS))
def test_a_prop_touches_the_hands_and_is_at_most_two_millimetres_inside_the_arms(cages, seed, kind):
    rng = np.random.default_rng(seed)
    size, cage = random_size(rng, kind), cages[seed % len(cages)]
    R, t = touching_pose(rng, kind, size, cage)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(R) == pytest.approx(1)
    nearest = prop_distance(kind, (cage.reshape(-1, 3) - t) @ R, size).min()
    assert -0.002 <= nearest <= 0.001


def test_a_table_is_level_and_under_everything_that_is_over_it(smooth_arms, cages):
    hand = np.unique(smooth_arms.arm.mesh.triangles[smooth_arms.arm.parts != FOREARM])
    for k, cage in enumerate(cages):
        rng = np.random.default_rng(k)
        size = random_size(rng, TABLE)
        R, t = touching_pose(rng, TABLE, size, cage)
        np.testing.assert_allclose(R[:, 1], [0, 1, 0], atol=1e-12)
        assert prop_distance(TABLE, (cage.reshape(-1, 3) - t) @ R, size).min() > -1e-9
        local = (cage[:, hand].reshape(-1, 3) - t) @ R
        assert (np.abs(local[:, [0, 2]]) < size[[0, 2]] / 2).all()  # no hand hangs over its edge


def test_poses_depend_on_the_seed_alone(cages):
    def pose(seed):
        return np.append(
            *touching_pose(np.random.default_rng(seed), "mug", np.array([0.08, 0.09, 0.08]), cages[0])
        )

    assert pose(0).tobytes() == pose(0).tobytes() != pose(1).tobytes()


def test_a_placed_prop_is_the_mesh_moved_with_its_label():
    rng = np.random.default_rng(0)
    for kind, label in (("can", PROP_LABEL), (TABLE, TABLE_LABEL)):
        size, t = random_size(rng, kind), rng.standard_normal(3)
        body = placed(kind, size, np.diag([-1.0, 1.0, -1.0]), t)
        np.testing.assert_allclose(body.vertices - t, prop_mesh(kind, size)[0] * [-1, 1, -1], atol=1e-12)
        assert set(body.labels) == {label} and len(body.labels) == len(body.triangles)


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="kind must be one of .* got 'sword'"):
        prop_mesh("sword", np.ones(3))
