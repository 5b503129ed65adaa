"""The z-buffer against a ray caster and exact geometry."""

import igl
import numpy as np
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.render.raster import rasterize

K = np.array([[60.0, 0, 30.0], [0, 60.0, 20.0], [0, 0, 1]])


def test_depth_of_a_plane_is_exact_at_every_pixel():
    corners = np.array([[-1, -1, 1.0], [1, -1, 1.0], [1, 1, 2.0], [-1, 1, 2.0]])
    raster = rasterize(corners, np.array([[0, 1, 2], [0, 2, 3]]), K, 60, 40)
    v = (np.arange(40) + 0.5 - 20) / 60
    expected = 1.5 / (1 - 0.5 * v)  # the plane z = 1.5 + y / 2 met by the ray through each row
    assert (raster.face >= 0).all()
    np.testing.assert_allclose(raster.depth, np.repeat(expected[:, None], 60, 1), rtol=1e-12)


def test_agrees_with_ray_casting_on_overlapping_meshes():
    near = trimesh.creation.icosphere(2, 0.2).apply_translation((0.05, 0, 1.0))
    far = trimesh.creation.box((0.9, 0.4, 0.1)).apply_translation((0, 0, 1.3))
    mesh = near + far
    raster = rasterize(mesh.vertices, mesh.faces, K, 60, 40)
    u, v = np.meshgrid(np.arange(60) + 0.5, np.arange(40) + 0.5)
    rays = np.stack([(u - 30) / 60, (v - 20) / 60, np.ones_like(u)], -1).reshape(-1, 3)
    hits = [igl.ray_mesh_intersect(np.zeros(3), ray, mesh.vertices, mesh.faces) for ray in rays]
    exact = np.array([min((h[1] for h in hit), default=np.inf) for hit in hits]).reshape(40, 60)
    same = np.isfinite(exact) == np.isfinite(raster.depth)
    assert same.mean() > 0.998  # rays through an edge may fall either way
    both = np.isfinite(exact) & np.isfinite(raster.depth)
    np.testing.assert_allclose(raster.depth[both], exact[both], rtol=1e-5)


def test_weights_give_back_the_point_seen():
    mesh = trimesh.creation.icosphere(3, 0.3).apply_translation((0, 0, 1.0))
    raster = rasterize(mesh.vertices, mesh.faces, K, 60, 40)
    row, column = np.nonzero(raster.face >= 0)
    corners = mesh.vertices[mesh.faces[raster.face[row, column]]]
    points = (corners * raster.weights[row, column][..., None]).sum(1)
    pixels = points[:, :2] / points[:, 2:] * 60 + [30, 20]
    np.testing.assert_allclose(pixels, np.stack([column, row], 1) + 0.5, atol=1e-6)


def test_nothing_is_drawn_behind_the_camera():
    triangle = np.array([[-1, -1, -1.0], [1, -1, -1.0], [0, 1, -1.0]])
    raster = rasterize(triangle, np.array([[0, 1, 2]]), K, 60, 40)
    assert (raster.face == -1).all() and np.isinf(raster.depth).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_order_of_faces_does_not_change_the_depth(seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform([-0.5, -0.5, 0.8], [0.5, 0.5, 1.6], (24, 3))
    faces = rng.integers(0, 24, (20, 3))
    shuffled = faces[rng.permutation(20)]
    a, b = (rasterize(points, f, K, 60, 40).depth for f in (faces, shuffled))
    np.testing.assert_allclose(a, b, rtol=1e-9)


def test_a_face_that_reaches_behind_the_camera_is_drawn_up_to_it():
    """A floor from behind the eye to the horizon, against the plane equation."""
    corners = np.array([[-50, 1, -2.0], [50, 1, -2.0], [50, 1, 20.0], [-50, 1, 20.0]])
    raster = rasterize(corners, np.array([[0, 1, 2], [0, 2, 3]]), K, 60, 40)
    v = (np.arange(40) + 0.5 - 20) / 60
    depth = 1 / v[25:]
    assert (raster.face[25:] >= 0).all() and (raster.face[:20] == -1).all()
    np.testing.assert_allclose(raster.depth[25:], np.repeat(depth[:, None], 60, 1), rtol=1e-9)
    points = np.einsum(
        "hwk,hwkc->hwc", raster.weights[25:], corners[np.array([[0, 1, 2], [0, 2, 3]])[raster.face[25:]]]
    )
    np.testing.assert_allclose(points[..., 1], 1, rtol=1e-9)


def test_no_pixel_falls_between_faces_that_share_an_edge():
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.linspace(-0.6, 0.6, 30), np.linspace(-0.5, 0.5, 30)), -1).reshape(-1, 2)
    points = np.column_stack(
        [grid + 0.008 * rng.standard_normal(grid.shape), 0.9 + 0.1 * rng.random(len(grid))]
    )
    i = np.add.outer(30 * np.arange(29), np.arange(29)).ravel()[:, None]
    faces = (i + np.array([0, 1, 31, 0, 31, 30])).reshape(-1, 3)
    assert (rasterize(points, faces, K, 60, 40).face >= 0).all()


def test_faces_are_drawn_the_same_in_small_portions(monkeypatch):
    mesh = trimesh.creation.icosphere(3, 0.3).apply_translation((0, 0, 1.0))
    whole = rasterize(mesh.vertices, mesh.faces, K, 60, 40)
    monkeypatch.setattr("renderih_lib.render.raster._CHUNK", 300)
    parts = rasterize(mesh.vertices, mesh.faces, K, 60, 40)
    np.testing.assert_array_equal(parts.face, whole.face)
    np.testing.assert_array_equal(parts.depth, whole.depth)
