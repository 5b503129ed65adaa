"""Places outdoors and capture domes, built and rendered small in processes of their own."""

import json
import os
import subprocess
import sys
from math import gcd

import numpy as np
import pytest
from scipy import ndimage

from renderih_lib.render.environments import dynamic_range
from renderih_lib.render.panoramas import make_panorama

PROBE = """
import hashlib, json, sys
import bpy, numpy as np
from renderih_lib.render.blender.places import domes, skies

def seen(build, number, seed):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    eye = np.asarray(build(scene, np.random.default_rng((seed, number)), number), float)
    bpy.context.view_layer.update()
    digest, near = hashlib.sha256(eye.tobytes()), []
    for item in scene.collection.objects:
        if item.hide_render:
            continue
        points = np.empty(3 * len(item.data.vertices), np.float32)
        item.data.vertices.foreach_get("co", points)
        turn = np.array(item.matrix_world)
        points = points.reshape(-1, 3) @ turn[:3, :3].T + turn[:3, 3] - eye
        digest.update(points.astype(np.float32).tobytes())
        far = np.linalg.norm(points, axis=1)
        standing = (far < 3.2) & (points[:, 2] > 0.25 - eye[2]) if eye[2] > 0.5 else far < 2.6
        near.append([float(far.min()), np.unique((np.arctan2(*points[standing, :2].T) // (np.pi / 4))).tolist()])
    return {"eye": eye.tolist(), "digest": digest.hexdigest(), "nearest": min(n for n, _ in near),
            "around": sorted({k for _, sides in near for k in sides}), "objects": len(near)}

kinds = len(skies.PLACES)
print(json.dumps({
    "kinds": [kinds, len(skies.WEATHERS)],
    "skies": [seen(skies.build, n, 0) for n in range(kinds)],
    "again": seen(skies.build, 1, 0), "other": seen(skies.build, 1, 1),
    "domes": [seen(domes.build, n, 0) for n in range(3)],
}))
"""


@pytest.fixture(scope="module")
def built():
    ended = subprocess.run(
        [sys.executable, "-c", PROBE],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.strip().split("\n")[-1])


@pytest.fixture(scope="module")
def light(tmp_path_factory, cycles):
    """A function of the name of a place: its light (128, 256, 3)."""
    folder = tmp_path_factory.mktemp("outdoors")
    return lambda name: cycles.panorama(make_panorama(name, 0, 256, folder))


@pytest.mark.slow
def test_all_kinds_of_place_can_be_built_and_meet_every_weather(built):
    kinds, weathers = built["kinds"]
    assert kinds >= 8 and gcd(kinds, weathers) == 1
    assert len({place["digest"] for place in built["skies"]}) == kinds


@pytest.mark.slow
def test_things_stand_around_the_hands_and_not_in_them(built):
    for number, place in enumerate(built["skies"]):
        assert len(place["around"]) >= 4, f"place {number} has things only in directions {place['around']}"
        assert place["nearest"] > 0.15, f"place {number} has a thing {place['nearest']:.2f} m from the hands"
    for dome in built["domes"]:
        assert len(dome["around"]) == 8 and dome["nearest"] > 0.2 and dome["objects"] > 100


@pytest.mark.slow
def test_one_seed_is_one_place(built):
    assert built["again"] == built["skies"][1]
    assert built["other"]["digest"] != built["again"]["digest"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sky-0002", "sky-0003"])  # a clear day, an overcast one
def test_the_light_of_a_place_comes_from_above(light, name):
    place = light(name)
    assert np.isfinite(place).all() and dynamic_range(place) > 1_000
    rise = np.pi * (0.5 - (np.arange(128) + 0.5) / 128)
    onto_level_ground = place.sum((1, 2)) * np.cos(rise) * np.sin(rise)
    assert onto_level_ground[:64].sum() > -2 * onto_level_ground[64:].sum()


@pytest.mark.slow
def test_a_dome_is_many_small_lamps_in_the_dark(light):
    dome = light("dome-0001")
    assert dynamic_range(dome) > 1_000
    bright = dome.mean(-1) > 20 * np.median(dome)
    assert np.median(dome) < 0.01 * dome.max() and bright.mean() < 0.25
    assert ndimage.label(bright)[1] > 30
