"""The plan: one row per image with everything random already decided; workers only execute rows.

`python -m renderih_lib.render.plan --poses poses.parquet --skins DIR --dataset train --scale demo --out plan.parquet`
"""

import argparse
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from scipy.spatial.transform import Rotation

from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.pose.store import read_poses
from renderih_lib.render.cameras import (
    Camera,
    framing,
    hidden_by_forearm,
    inside,
    look_at,
    to_camera,
    track_directions,
)
from renderih_lib.render.environments import environments_in, shipped_environments
from renderih_lib.render.mesh import FOREARM, load_arm
from renderih_lib.render.shards import flat_column, sha256_of, write_atomic
from renderih_lib.scales import DATASETS, NAMES, Scale, scale_by_name

VIEWS_PER_TRACK = 10  # the paper's sparse sampling
TEST_SHARE = 0.12  # of the poses, never rendered for training
HIDDEN_LIMIT = 0.15  # of the keypoints behind a forearm, above which a view is rejected

_CHUNK = 32  # poses whose meshes are in memory at once
_POSE_STREAM = 1  # marks the seeds drawn per pose, apart from those per image


@dataclass(frozen=True)
class Recipe:
    """How images of one dataset are made; what it leaves open is drawn per image."""

    width: int
    height: int
    samples: int
    image_format: str  # "png" or "jpg" (quality 95)
    levels: int  # of Catmull-Clark subdivision
    texture_size: int  # pixels; larger skins are shrunk to it
    subsurface: bool
    bump: bool
    bounces: int
    importance_map: int  # pixels of the light's importance map; 0 lets Cycles choose
    fast_denoiser: bool
    radius: tuple[float, float] = (0.5, 0.9)  # metres from the centre of the hands to the camera
    fill: tuple[float, float] = (0.65, 0.85)  # share of the picture that the hands span
    centred: bool = False  # crop about the hands instead of only looking at their centre
    roll: float = 0.0  # degrees, standard deviation
    turn: float = 0.0  # degrees per axis, standard deviation of a rotation of the whole pair
    f_stop: tuple[float, float] = (0.0, 0.0)  # 0 is a pinhole


def recipe_for(dataset: str, sizes: Scale) -> Recipe:
    """The paper's pictures for "gallery"; cheap square crops to learn from for "train" and "test"."""
    if dataset == "gallery":
        return Recipe(
            width=sizes.gallery_width,
            height=sizes.gallery_height,
            samples=sizes.gallery_samples,
            image_format="png",
            levels=2,
            texture_size=sizes.texture_size,
            subsurface=True,
            bump=True,
            bounces=6,
            importance_map=0 if sizes.gallery_samples >= 8 else 64,
            fast_denoiser=False,
            roll=4.0,
            f_stop=(5.6, 16.0),
        )
    return Recipe(
        width=sizes.crop,
        height=sizes.crop,
        samples=sizes.crop_samples,
        image_format="jpg",
        levels=0 if sizes.crop < 160 else 1,
        texture_size=min(sizes.texture_size, 256 if sizes.crop < 160 else 512),
        subsurface=False,
        bump=False,
        bounces=3,
        importance_map=64,
        fast_denoiser=True,
        fill=(0.72, 0.9),
        centred=True,
        roll=8.0,
        turn=18.0,
    )


def split_poses(pose_ids: np.ndarray, dataset: str, seed: int) -> np.ndarray:
    """Row numbers of the poses that a dataset may use: train and test share none; the gallery takes any.

    Raises:
        ValueError: if fewer than two poses have to be divided.
    """
    order = np.random.default_rng(np.random.SeedSequence([seed, len(DATASETS)])).permutation(len(pose_ids))
    if dataset == "gallery":
        return order
    if len(order) < 2:
        raise ValueError(f"poses has {len(order)} pose; train and test need at least one each")
    held_out = min(max(2, round(TEST_SHARE * len(order))), len(order) // 2)
    return order[:held_out] if dataset == "test" else order[held_out:]


def make_plan(
    poses: PairPose,
    pose_ids: np.ndarray,
    *,
    dataset: str,
    recipe: Recipe,
    draws: int,
    views: int,
    shard_images: int,
    skins: dict[str, str],
    environments: list[str],
    seed: int,
) -> pa.Table:
    """Decide `draws * views` images.

    Poses are taken in turn from the dataset's split, again with another rotation of the pair when they run out.
    Image i draws from SeedSequence([seed, dataset, i]); the order of a pose's views from [seed, dataset, draw, 1].

    Args:
        poses: B pairs; both hands of a pair belong to one person. pose_ids: (B,) int.
        skins: name -> SHA-256 of the texture file. environments: names.

    Returns:
        the plan, with its recipe and hash in the schema's metadata under "plan".

    Raises:
        ValueError: if dataset is unknown, or there is no pose, skin or environment.
    """
    if dataset not in DATASETS:
        raise ValueError(f"dataset must be one of {DATASETS}, got {dataset!r}")
    for name, things in (("poses", pose_ids), ("skins", skins), ("environments", environments)):
        if len(things) == 0:
            raise ValueError(f"{name} is empty; the plan needs at least one")
    rows = split_poses(pose_ids, dataset, seed)
    rows = rows[np.arange(-(-draws // _CHUNK) * _CHUNK) % len(rows)]
    code, hands = DATASETS.index(dataset), _arm_hands()
    columns: dict[str, list] = {}
    placed = []
    for start in range(0, draws, _CHUNK):
        chunk = range(
            start, start + _CHUNK
        )  # always full, so that rounding does not depend on the last one's size
        turns = _turns(recipe, chunk, seed, code)
        placed.append(centred_pairs(poses[torch.as_tensor(rows[chunk])], hands, turns))
        for draw, scene in zip(range(start, draws), _scenes(placed[-1], hands), strict=False):
            candidates = _view_order(
                np.random.default_rng(np.random.SeedSequence([seed, code, draw, _POSE_STREAM]))
            )
            for i in range(draw * views, (draw + 1) * views):
                rng = np.random.default_rng(np.random.SeedSequence([seed, code, i]))
                row = {
                    "image_id": i,
                    "key": f"{i:08d}",
                    "dataset": dataset,
                    "pose_id": int(pose_ids[rows[draw]]),
                }
                row |= {"draw": draw, "shard": i // shard_images, "image_format": recipe.image_format}
                row |= _look(rng, recipe, sorted(skins), environments)
                row |= _camera(rng, recipe, scene, candidates)
                for name, value in row.items():
                    columns.setdefault(name, []).append(value)
    return _table(columns, PairPose.cat(placed)[:draws], views, recipe, skins, environments, seed)


def centred_pairs(poses: PairPose, hands: HandPair, turns: np.ndarray) -> PairPose:
    """The pairs turned by rotations (B, 3, 3) about the middle of their bounding box, which moves to the origin.

    The paper puts the centre of the two hands at the centre of the world (section 3.2).
    """
    vertices = hands(poses).vertices[:, :, _hand_vertices()].flatten(1, 2)
    middle = (vertices.amin(1) + vertices.amax(1)) / 2
    turns = torch.as_tensor(turns, dtype=poses.wrist.dtype)
    rest = [hand.rest(poses.shape[:, side])[1][:, 0] for side, hand in enumerate(hands.hands)]
    rest = torch.stack(rest, 1)  # the wrist joints, about which each hand turns: (B, 2, 3)
    wrists = rest + poses.translation - middle[:, None]
    moved = torch.einsum("brc,bsc->bsr", turns, wrists) - rest
    return poses.replace(wrist=turns[:, None] @ poses.wrist, translation=moved)


def write_plan(path: Path, plan: pa.Table) -> None:
    """Save a plan as Parquet, in one step."""
    sink = pa.BufferOutputStream()
    pq.write_table(plan, sink, compression="zstd")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_atomic(Path(path), sink.getvalue().to_pybytes())


def plan_info(plan: pa.Table) -> dict:
    """What the plan says about itself: dataset, seed, recipe, skins, environments, hash."""
    return json.loads(plan.schema.metadata[b"plan"])


def plan_hash(plan: pa.Table, info: dict) -> str:
    """SHA-256 over every row and everything in `info` that changes images; it names the dataset."""
    digest = hashlib.sha256()
    for name in plan.column_names:
        column = plan[name].combine_chunks()
        values = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
        digest.update(f"{name}:{values.type}:".encode())
        array = values.to_numpy(zero_copy_only=False)
        digest.update("\n".join(array).encode() if array.dtype == object else np.ascontiguousarray(array))
    digest.update(json.dumps({k: info[k] for k in HASHED}, sort_keys=True).encode())
    return digest.hexdigest()


#: Parts of a plan's description that change images.
HASHED = ("dataset", "seed", "recipe", "skins", "environments")


@dataclass(frozen=True)
class _Scene:
    """What choosing a view needs to know of one posed pair, in the world."""

    hands: np.ndarray  # (P, 3) vertices of both hands without forearms
    keypoints: np.ndarray  # (42, 3)
    forearms: list[tuple[np.ndarray, np.ndarray]]  # start and end of each
    cuts: np.ndarray  # (C, 3) the open ends

    def fault(self, eye: np.ndarray, camera: Camera) -> float:
        """0 for a good view; more when a forearm hides the hands or a cut end shows."""
        hidden = np.zeros(len(self.keypoints), bool)
        for start, end in self.forearms:
            hidden |= hidden_by_forearm(eye, self.keypoints, start, end)
        return max(0.0, hidden.mean() - HIDDEN_LIMIT) + inside(self.cuts, camera).mean()


def _scenes(poses: PairPose, hands: HandPair) -> list[_Scene]:
    arm, mesh = load_arm(), hands(poses)
    vertices, keypoints = mesh.vertices.numpy(), mesh.keypoints.numpy()
    wrists, cuts, inner = (
        mesh.joints[:, :, 0].numpy(),
        vertices[:, :, arm.cut],
        vertices[:, :, _hand_vertices()],
    )
    ends = cuts.mean(2)
    starts = wrists + 0.06 * (ends - wrists) / np.linalg.norm(ends - wrists, axis=-1, keepdims=True)
    return [
        _Scene(
            inner[b].reshape(-1, 3),
            keypoints[b].reshape(-1, 3),
            list(zip(starts[b], ends[b], strict=True)),
            cuts[b].reshape(-1, 3),
        )
        for b in range(len(poses))
    ]


def _camera(
    rng: np.random.Generator, recipe: Recipe, scene: _Scene, candidates: list[tuple[int, int]]
) -> dict:
    """Takes the first good view out of `candidates`, or the least bad one."""
    radius, fill = rng.uniform(*recipe.radius), rng.uniform(*recipe.fill)
    roll = np.deg2rad(recipe.roll * rng.standard_normal())
    tried = []
    for track, view in candidates:
        eye = radius * track_directions(VIEWS_PER_TRACK)[track, view]
        R, t = look_at(eye, np.zeros(3), roll)
        K = framing(to_camera(scene.hands, R, t), recipe.width, recipe.height, fill, recipe.centred)
        fault = scene.fault(eye, Camera(K, R, t, recipe.width, recipe.height))
        tried.append((fault, len(tried), track, view, K, R, t))
        if fault == 0:
            break
    fault, _, track, view, K, R, t = min(tried, key=lambda item: item[:2])
    candidates.remove((track, view))
    chosen = {"track": track, "view": view, "radius": radius, "roll": roll, "view_fault": fault}
    return chosen | {"width": recipe.width, "height": recipe.height, "K": K, "R": R, "t": t}


def _look(rng: np.random.Generator, recipe: Recipe, skins: list[str], environments: list[str]) -> dict:
    """Skin, light and lens of one image."""
    return {
        "skin": skins[rng.integers(len(skins))],
        "tone_hue": rng.uniform(-0.008, 0.008),
        "tone_saturation": rng.uniform(0.9, 1.08),
        "tone_value": rng.uniform(0.9, 1.1),
        "tone_contrast": rng.uniform(-0.05, 0.05),
        "environment": environments[rng.integers(len(environments))],
        "environment_yaw": rng.uniform(0, 2 * np.pi),
        "exposure_jitter": float(np.clip(0.3 * rng.standard_normal(), -0.6, 0.6)),
        "f_stop": rng.uniform(*recipe.f_stop),
        "samples": recipe.samples,
        "cycles_seed": int(rng.integers(2**31)),
    }


def _view_order(rng: np.random.Generator) -> list[tuple[int, int]]:
    """All (track, view) in random order, the tracks taking turns."""
    orders = [rng.permutation(VIEWS_PER_TRACK) for _ in range(4)]
    tracks = rng.permutation(4)
    return [(int(track), int(orders[track][k])) for k in range(VIEWS_PER_TRACK) for track in tracks]


def _turns(recipe: Recipe, draws: range, seed: int, code: int) -> np.ndarray:
    streams = [np.random.SeedSequence([seed, code, draw, _POSE_STREAM, 0]) for draw in draws]
    vectors = np.stack([np.random.default_rng(stream).standard_normal(3) for stream in streams])
    return Rotation.from_rotvec(np.deg2rad(recipe.turn) * vectors).as_matrix()


def _arm_hands() -> HandPair:
    right = load_arm().model
    return HandPair(right, right.mirrored())


def _hand_vertices() -> np.ndarray:
    """Vertices of the arm that belong to the hand."""
    arm = load_arm()
    return np.unique(arm.mesh.triangles[arm.parts != FOREARM])


def _table(columns, placed: PairPose, views: int, recipe, skins, environments, seed) -> pa.Table:
    arrays = {
        name: flat_column(np.stack(values)) if isinstance(values[0], np.ndarray) else pa.array(values)
        for name, values in columns.items()
    }
    for name in ("angles", "wrist", "translation", "shape"):
        per_draw = getattr(placed, name).numpy().astype(np.float32)
        arrays[name] = flat_column(np.repeat(per_draw, views, axis=0))
    table = pa.table(arrays)
    info = {"dataset": columns["dataset"][0], "seed": seed, "recipe": asdict(recipe), "skins": skins}
    info = json.loads(json.dumps(info | {"environments": environments}))
    return table.replace_schema_metadata({"plan": json.dumps(info | {"hash": plan_hash(table, info)})})


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--poses", type=Path, required=True, help="poses.parquet of the pose optimisation")
    parser.add_argument("--skins", type=Path, required=True, help="folder of skin textures")
    parser.add_argument("--dataset", choices=DATASETS, required=True)
    parser.add_argument("--scale", choices=NAMES, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--environments", type=Path, help="folder of panoramas instead of the eight in bpy")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    sizes = scale_by_name(args.scale)
    poses, table = read_poses(args.poses)
    files = sorted(args.skins.glob("*.npz"))
    panoramas = environments_in(args.environments) if args.environments else shipped_environments()
    gallery = args.dataset == "gallery"
    plan = make_plan(
        poses,
        table["pose_id"].to_numpy(),
        dataset=args.dataset,
        recipe=recipe_for(args.dataset, sizes),
        draws=sizes.gallery_images if gallery else getattr(sizes, f"{args.dataset}_poses"),
        views=1 if gallery else sizes.views,
        shard_images=sizes.shard_images,
        skins={path.stem: sha256_of(path) for path in files},
        environments=list(panoramas),
        seed=args.seed,
    )
    folders = {"skins_folder": args.skins, "environments_folder": args.environments}
    where = {name: os.path.relpath(path, args.out.parent) for name, path in folders.items() if path}
    write_plan(args.out, plan.replace_schema_metadata({"plan": json.dumps(plan_info(plan) | where)}))
    print(
        f"{args.out}: {len(plan)} images of {len(set(plan['pose_id'].to_pylist()))} poses, {plan_info(plan)['hash']}"
    )


if __name__ == "__main__":
    main()
