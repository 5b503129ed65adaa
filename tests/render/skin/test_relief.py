"""Normal maps: the gradient of the height in the tangent frame, and back again."""

import numpy as np
import pytest

from renderih_lib.hand.open_hand import load_arrays
from renderih_lib.render.skin import baking
from renderih_lib.render.skin.noise import noise
from renderih_lib.render.skin.relief import height_from_normals, normals_from_height
from renderih_lib.render.skin.texels import MM, skin_texels

SIZE = 256


@pytest.fixture(scope="module")
def texels():
    return skin_texels(SIZE)


def inner(texels, margin=3):
    """Texels whose neighbours are skin as well."""
    inside = np.zeros(texels.size**2, bool)
    inside[texels.index] = True
    inside = inside.reshape(texels.size, texels.size)
    for axis in (0, 1):
        inside = np.logical_and.reduce([np.roll(inside, step, axis) for step in range(-margin, margin + 1)])
    return inside.reshape(-1)[texels.index]


def test_flat_skin_has_straight_normals(texels):
    normals = normals_from_height(texels, np.full(len(texels.index), 0.7, np.float32))
    np.testing.assert_array_equal(normals, np.tile([0, 0, 1], (len(normals), 1)))


def test_normals_are_the_gradient_of_the_height_on_the_surface(texels):
    """Slow twin: per triangle of the mesh, the surface gradient of a linear height from edges alone."""
    direction = np.array([0.03, -0.05, 0.04])  # mm per mm
    normals = normals_from_height(texels, texels.points @ direction.astype(np.float32))
    arrays = load_arrays()
    quads, uv = arrays["render_quads"].astype(int), arrays["render_uv"].astype(float) * SIZE
    place = np.stack([texels.index % SIZE, texels.index // SIZE], 1) + 0.5
    checked = 0
    for quad in range(0, len(quads), 23):
        corners, flat = arrays["render_template"][quads[quad, :3]] * MM, uv[quad, :3]
        shares = np.linalg.solve(np.vstack([flat.T, np.ones(3)]), np.vstack([place.T, np.ones(len(place))]))
        here = np.flatnonzero((shares > 0.25).all(0) & inner(texels))
        if len(here) == 0:
            continue
        out = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        out /= np.linalg.norm(out)
        steps, edges = flat[1:] - flat[0], corners[1:] - corners[0]
        u, v = np.linalg.solve(steps, edges)  # mm per texel along u and v
        u /= np.linalg.norm(u)
        v = np.cross(out, u) * np.sign(np.cross(out, u) @ v)
        slope = direction - out * (out @ direction)  # the gradient of a linear function on the triangle
        expected = np.array([-(slope @ u), -(slope @ v), 1])
        np.testing.assert_allclose(
            normals[here], np.tile(expected / np.linalg.norm(expected), (len(here), 1)), atol=0.012
        )
        checked += len(here)
    assert checked > 30


def test_atlas_is_not_mirrored_on_the_right_hand():
    arrays = load_arrays()
    uv = arrays["render_uv"].astype(float)
    a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    assert (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0).mean() > 0.99


def test_heights_come_back_from_their_normals(texels):
    height = 0.2 * noise(texels.points, 12.0, np.random.default_rng(0))
    normals = normals_from_height(texels, height)
    back = height_from_normals(texels, normals)
    again = normals_from_height(texels, back)
    assert np.corrcoef(height, back)[0, 1] > 0.9  # islands may float apart
    assert np.abs(again - normals)[inner(texels)].mean() < 0.1 * np.abs(normals[:, :2]).mean()


def test_the_normal_map_of_a_person_fits_the_height(texels):
    maps = baking.bake_skin(0, "olive", SIZE)
    height, normal = (m.reshape(SIZE**2, -1)[texels.index] for m in (maps.height_mm, maps.normal))
    np.testing.assert_array_equal(normals_from_height(texels, height[:, 0]), normal)
