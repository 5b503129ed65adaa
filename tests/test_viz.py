"""Pictures show the right thing in the right colour."""

import matplotlib.colors
import numpy as np
import pytest
import trimesh

from renderih_lib import viz


def sphere(x: float, color: str) -> viz.Surface:
    mesh = trimesh.creation.icosphere(2, 0.02)
    return viz.Surface(np.asarray(mesh.vertices) + [x, 0, 0], np.asarray(mesh.faces), color)


def hue_mask(image: np.ndarray, color: str) -> np.ndarray:
    target = np.array(matplotlib.colors.to_rgb(color))
    direction = image / np.maximum(np.linalg.norm(image, axis=-1, keepdims=True), 1e-6)
    return (direction @ (target / np.linalg.norm(target)) > 0.995) & (image.min(-1) < 0.9)


def test_fingers_point_up_when_a_right_hand_is_seen_from_its_back():
    fingertip, wrist = sphere(-0.08, viz.RIGHT_COLOR), sphere(0.08, viz.LEFT_COLOR)
    image = viz.picture([fingertip, wrist], view="back", size=(64, 64))
    assert np.nonzero(hue_mask(image, viz.RIGHT_COLOR))[0].mean() < 24
    assert np.nonzero(hue_mask(image, viz.LEFT_COLOR))[0].mean() > 40


def test_the_nearer_surface_hides_the_other():
    near, far = sphere(0, viz.RIGHT_COLOR), sphere(0, viz.LEFT_COLOR)
    near = near._replace(vertices=near.vertices + [0, 0.05, 0])
    image = viz.picture([far, near], view="back", size=(64, 64))
    assert hue_mask(image, viz.RIGHT_COLOR).sum() > 200
    assert hue_mask(image, viz.LEFT_COLOR).sum() == 0


def test_dots_behind_a_surface_are_not_drawn():
    surface = sphere(0, "#AAAAAA")
    front = viz.picture([surface], view="back", size=(64, 64), points=[[0, 0.02, 0]])
    behind = viz.picture([surface], view="back", size=(64, 64), points=[[0, -0.02, 0]])
    bare = viz.picture([surface], view="back", size=(64, 64))
    assert np.abs(front - bare).sum() > 1
    np.testing.assert_array_equal(behind, bare)


def test_the_two_hand_colours_differ_in_lightness():
    right, left = (matplotlib.colors.to_rgb(c) for c in viz.HAND_COLORS)
    luminance = [0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2] for c in (right, left)]
    assert luminance[1] - luminance[0] > 0.15


@pytest.mark.parametrize("view", viz.VIEWS)
def test_a_mirrored_view_of_a_mirrored_mesh_is_the_mirrored_picture(view):
    box = trimesh.creation.box((0.1, 0.02, 0.05))
    vertices = np.asarray(box.vertices) + [0.01, 0, 0.02] * (
        box.vertices[:, :1] > 0
    )  # not its own mirror image
    surface = viz.Surface(vertices, np.asarray(box.faces), "#888888")
    twin = viz.Surface(vertices * [-1, 1, 1], surface.faces[:, ::-1], "#888888")
    a = viz.picture([surface], view=view, size=(48, 48))
    b = viz.picture([twin], view=viz.mirrored_view(viz.VIEWS[view]), size=(48, 48))
    assert ((a < 0.99).any(-1) == (b < 0.99).any(-1)[:, ::-1]).mean() > 0.97
