"""Materials of sleeves and props, built inside Blender in a process of its own."""

import subprocess
import sys

import numpy as np
import pytest

from renderih_lib.render.bodies.props import KINDS, TABLE, prop_mesh, random_size
from renderih_lib.render.bodies.sleeves import Sleeve

CHILD = """
import sys
import bpy
import numpy as np
from renderih_lib.render.blender.bodies import Bodies

bpy.ops.wm.read_factory_settings(use_empty=True)
jobs = np.load(sys.argv[1], allow_pickle=False)
bodies = Bodies(bpy.context.scene, jobs)
sizes = []
for i, kind in enumerate(jobs["kinds"]):
    geometry = {"sleeve": jobs["sleeve"][: len(jobs["sleeve"]) * (i % 2)]}
    geometry |= {"prop_vertices": jobs[f"vertices_{i}"], "prop_triangles": jobs[f"triangles_{i}"]}
    job = {"prop": str(kind), "prop_size": jobs[f"size_{i}"], "prop_seed": i, "sleeve_seed": i, "prop_label": 35}
    bodies.pose(job | {"prop_matrix": np.eye(4)}, geometry)
    bodies.dress(job)
    assert len(bodies.prop.data.polygons) == len(geometry["prop_triangles"])
    assert {a.value for a in bodies.prop.data.attributes["label"].data} == {35.0}
    assert bodies.sleeve.hide_render == (i % 2 == 0)
    normals = np.array([n.vector for n in bodies.prop.data.corner_normals])
    assert np.isfinite(normals).all() and np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-3)
    sizes.append((len(bpy.data.materials), len(bpy.data.meshes), len(bpy.data.images), len(bpy.data.objects)))
assert sizes[-1] == sizes[2] == (2, 2, 0, 2), sizes
print("all dressed")
"""


@pytest.mark.slow
def test_every_prop_and_garment_gets_a_material_and_leaves_nothing_behind(smooth_arms, poses, tmp_path):
    rng, sleeve = np.random.default_rng(0), Sleeve()
    kinds = [kind for kind in (*KINDS, TABLE) for _ in range(4)]
    arrays = {
        "kinds": np.array(kinds),
        "sleeve": sleeve.surface(smooth_arms.cage_vertices(poses[:1])[0], 0.08, 0),
    }
    arrays |= {"sleeve_quads": sleeve.quads, "sleeve_label": sleeve.quad_labels}
    arrays |= {"sleeve_ring": sleeve.ring, "sleeve_column": sleeve.column}
    for i, kind in enumerate(kinds):
        arrays[f"size_{i}"] = random_size(rng, kind)
        arrays[f"vertices_{i}"], arrays[f"triangles_{i}"] = prop_mesh(kind, arrays[f"size_{i}"])
    np.savez(tmp_path / "jobs.npz", **arrays)
    command = [sys.executable, "-c", CHILD, str(tmp_path / "jobs.npz")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "all dressed" in done.stdout, done.stderr[-2000:]
