"""Finished shards with true labels, and MANO-format files, for the tests of the exporters."""

import functools
import importlib.util
import io
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

from renderih_lib.hand.mano import MANO_TIPS, VERTEX_COUNT, load_mano_pair
from renderih_lib.hand.pair import HandPair
from renderih_lib.pose.library import load_pose_library
from renderih_lib.render.cameras import framing, look_at, project, to_camera
from renderih_lib.render.raster import rasterize
from renderih_lib.render.shards import flat_column, write_shard
from tests.data.trees import COLORS

_spec = importlib.util.spec_from_file_location(
    "pose_fixtures", Path(__file__).parents[1] / "pose" / "conftest.py"
)
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)
hand, mano_contents, mano_folder = _fixtures.hand, _fixtures.mano_contents, _fixtures.mano_folder


@pytest.fixture(scope="session")
def mano_hands(tmp_path_factory, hand, mano_contents) -> HandPair:
    """The open hand in MANO's format, its joints regressed from vertices close by and its tips numbered, as MANO's are."""
    folder = tmp_path_factory.mktemp("mano-of-readers")
    order = _with_manos_tips(hand.tip_vertices.tolist())
    for side in ("right", "left"):
        contents = mano_contents(side, 1e-5)
        contents |= {
            name: contents[name][order] for name in ("v_template", "shapedirs", "posedirs", "weights")
        }
        contents["f"] = np.argsort(order)[contents["f"]].astype(np.uint32)
        joints = hand.rest_joints.numpy() * [1 if side == "right" else -1, 1, 1]
        apart = np.linalg.norm(joints[:, None] - contents["v_template"], axis=-1)
        regressor = np.zeros((len(joints), len(contents["v_template"])))
        np.put_along_axis(regressor, np.argsort(apart, 1)[:, :30], 1 / 30, 1)
        (folder / f"MANO_{side.upper()}.pkl").write_bytes(
            pickle.dumps(contents | {"J_regressor": regressor}, protocol=2)
        )
    return load_mano_pair(folder)


def _with_manos_tips(tips: list[int]) -> np.ndarray:
    """(778,) order of the vertices that puts `tips` where MANO has its own."""
    others = iter(sorted(set(range(VERTEX_COUNT)) - set(tips)))
    places = dict(zip(MANO_TIPS, tips, strict=True))
    return np.array([places[i] if i in places else next(others) for i in range(VERTEX_COUNT)])


WIDTH, HEIGHT = 64, 48
POSES, VIEWS = 2, 2


@pytest.fixture(scope="session")
def labelled_shards(tmp_path_factory, hands):
    """A function `dataset -> folder` with two finished shards: two natural pairs, seen from two sides each."""

    @functools.cache
    def make(dataset: str) -> Path:
        folder = tmp_path_factory.mktemp("shards") / dataset
        folder.mkdir()
        for shard in range(POSES):
            _write(folder, shard, hands, dataset)
        return folder

    return make


def _write(folder: Path, shard: int, hands, dataset: str) -> None:
    rng = np.random.default_rng([shard, dataset.endswith("test")])
    library = load_pose_library()
    pose = library.pair(list(library.interactions)[shard], torch.from_numpy(rng.normal(size=10)).float())
    pose = pose.replace(translation=pose.translation + 0.3)
    mesh = hands(pose)
    images = [_image(rng, hands, mesh, VIEWS * shard + view) for view in range(VIEWS)]
    columns = {name: flat_column(np.stack([image[name] for image in images])) for name in _LISTS}
    same = {
        "dataset": dataset,
        "draw": shard,
        "pose_id": 7 + shard,
        "image_format": "png",
        "skin": f"skin-{shard}",
    }
    columns |= {name: pa.array([value] * VIEWS) for name, value in same.items()}
    columns["key"] = pa.array([f"{VIEWS * shard + view:08d}" for view in range(VIEWS)])
    for name in vars(pose):
        columns[name] = flat_column(np.repeat(getattr(pose, name).numpy(), VIEWS, axis=0))
    table = pa.table(columns)
    write_shard(folder, shard, [image["members"] for image in images], table, {"plan_hash": "0" * 64})


_LISTS = ("K", "R", "t", "keypoints_3d", "keypoints_2d", "keypoint_visible")


def _image(rng, hands, mesh, number: int) -> dict:
    points = mesh.vertices[0].numpy().astype(np.float64)
    middle = points.reshape(-1, 3).mean(0)
    R, t = look_at(middle + [0.5 * np.sin(number), 0.2, 0.5 * np.cos(number)], middle, 0.1)
    seen = to_camera(points, R, t)
    K = framing(seen.reshape(-1, 3), WIDTH, HEIGHT, 0.8, False)
    drawn = [
        rasterize(points, hand.faces.numpy(), K, WIDTH, HEIGHT)
        for points, hand in zip(seen, hands.hands, strict=True)
    ]
    alone = [(layer.face >= 0).astype(np.uint8) for layer in drawn]
    nearest = np.argmin([layer.depth for layer in drawn], 0)
    parts = np.where(nearest == 0, alone[0], 17 * alone[1]).astype(np.uint8)
    parts[:2] = 35  # a prop: belongs to no hand
    keypoints = to_camera(mesh.keypoints[0].numpy(), R, t)
    pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for side, layer in enumerate(drawn):
        pixels[(nearest == side) & (layer.face >= 0)] = COLORS[side]
    members = {"image": pixels, "parts": parts, "right": alone[0], "left": alone[1], "depth": parts}
    return {
        "members": {name: _png(array) for name, array in members.items()},
        "K": K,
        "R": R,
        "t": t,
        "keypoints_3d": keypoints.astype(np.float32),
        "keypoints_2d": project(keypoints, K).astype(np.float32),
        "keypoint_visible": rng.random((2, 21)) < 0.7,
    }


def _png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()
