"""The parent's side of Blender, as far as it needs no Blender."""

import numpy as np
import pytest

from renderih_lib.render.bodies.mesh import ArmPair
from renderih_lib.render.cycles import CyclesProcess, write_geometry


def test_a_device_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="device must be one of cpu, cuda, .*'gpu'"):
        CyclesProcess(ArmPair(0), {}, device="gpu")


@pytest.mark.parametrize("where", ["surface", "sleeve", "prop"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_vertices_that_are_no_numbers_never_reach_blender(tmp_path, where, value):
    """Cycles would hang or crash on them."""
    points = {name: np.zeros((4, 3)) for name in ("surface", "sleeve", "prop")}
    points[where][2, 1] = value
    path, prop = tmp_path / "geometry.npz", (points["prop"], np.zeros((1, 3), int))
    with pytest.raises(ValueError, match="not finite"):
        write_geometry(path, points["surface"], sleeve=points["sleeve"], prop=prop)
    assert not path.exists()


def test_what_is_not_in_the_picture_is_empty(tmp_path):
    write_geometry(tmp_path / "geometry.npz", np.ones((4, 3)))
    with np.load(tmp_path / "geometry.npz") as arrays:
        sizes = {name: len(arrays[name]) for name in arrays.files}
        np.testing.assert_array_equal(arrays["vertices"], [[1, -1, 1]] * 4)  # Blender's world has +z up
    empty = dict.fromkeys(("sleeve", "prop_vertices", "prop_triangles", "meter"), 0)
    assert sizes == {"vertices": 4, "flexion": 4} | empty
