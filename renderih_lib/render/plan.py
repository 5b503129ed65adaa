"""The plan: one row per image with everything random already decided; workers only execute rows.

`python -m renderih_lib.render.plan --poses poses.parquet --skins DIR --environments DIR --dataset renderih-train
--scale demo --out plan.parquet`
"""

import argparse
import base64
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from scipy.spatial.transform import Rotation
from scipy.special import ndtri

from renderih_lib.hand.pair import PairPose
from renderih_lib.pose.store import read_poses
from renderih_lib.render.bodies.mesh import ArmPair
from renderih_lib.render.bodies.props import TABLE, random_size, touching_pose
from renderih_lib.render.cameras import recorded_cameras, recorded_rig
from renderih_lib.render.choice import PER_IMAGE, PER_PAIR, POSE_COLUMNS, PROP, Choice, choice_for
from renderih_lib.render.environments import catalogue
from renderih_lib.render.recipes import VIEW_TRANSFORMS, Recipe, changed, recipe_for
from renderih_lib.render.shards import flat_column
from renderih_lib.render.splits import domain_and_split
from renderih_lib.render.views import (
    Wishes,
    centred_scenes,
    choose_views,
    person_frames,
    placed_pairs,
    view_order,
)
from renderih_lib.repro import exit_code, replacing, sha256
from renderih_lib.scales import DATASETS, NAMES, scale_by_name

_CHUNK = 256  # pairs that are placed at once
_ROW_GROUP = 65_536  # images
_STRIDE = 64  # numbers set aside for an image, so that a new one does not move the others

#: Numbers in [0, 1) of one image, by their place in its row of random numbers.
_DRAWS = {
    name: place
    for place, name in enumerate(
        "skin hue saturation value contrast environment yaw background background_yaw exposure f_stop cycles_seed "
        "sleeved sleeve sleeve_seed transform psf vignette noise red blue jpeg noise_seed radius fill roll "
        "shift_x shift_y shift_z aim_x aim_y aim_z".split()
    )
}
#: Parts of a plan's description that change images.
HASHED = ("dataset", "seed", "recipe", "skins", "environments")


def make_plan(choice: Choice, *, draws: int, views: int, shard_images: int) -> pa.Table:
    """Decide `draws * views` images, in memory; `write_plan` of the same `plan_tables` gives the same rows and hash.

    Poses are taken in turn, again with another rotation of the pair when they run out. Image i depends on the
    choice, views and i alone.
    """
    table = pa.concat_tables(plan_tables(choice, draws=draws, views=views, shard_images=shard_images))
    info = choice.info()
    return table.replace_schema_metadata({"plan": json.dumps(info | {"hash": plan_hash(table, info)})})


def plan_tables(choice: Choice, *, draws: int, views: int, shard_images: int) -> Iterator[pa.Table]:
    """The rows of a plan, some pairs of hands at a time."""
    for start in range(0, draws, _CHUNK):
        count = min(_CHUNK, draws - start) * views
        columns, placed = _chunk(choice, start, views, draws)
        ids = np.arange(start * views, start * views + count)
        columns["shard"] = ids // shard_images
        columns |= {name: np.repeat(getattr(placed, name).numpy(), views, axis=0) for name in POSE_COLUMNS}
        yield pa.table(
            {"image_id": ids, "key": _keys(ids)} | {n: _column(c, count) for n, c in columns.items()}
        )


def plan_info(plan: pa.Table) -> dict:
    """What the plan says about itself: dataset, seed, recipe, skins, environments, hash."""
    return json.loads(plan.schema.metadata[b"plan"])


class PlanHash:
    """SHA-256 over every row and everything in `info` that changes images; it names the dataset.

    Rows may come in pieces of any size.
    """

    def __init__(self):
        self._columns = {}

    def add(self, rows: pa.Table) -> None:
        for name in rows.column_names:
            column = rows[name].combine_chunks()
            values = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
            parts = (
                _texts(values) if pa.types.is_string(values.type) else [values.to_numpy(zero_copy_only=False)]
            )
            for k, part in enumerate(parts):
                start = hashlib.sha256(f"{name}:{values.type}:{k}:".encode())
                self._columns.setdefault((name, k), start).update(np.ascontiguousarray(part))

    def hexdigest(self, info: dict) -> str:
        digest = hashlib.sha256(json.dumps({k: info[k] for k in HASHED}, sort_keys=True).encode())
        for column in self._columns.values():
            digest.update(column.digest())
        return digest.hexdigest()


def plan_hash(plan: pa.Table, info: dict) -> str:
    """The `PlanHash` of a whole plan."""
    digest = PlanHash()
    digest.add(plan)
    return digest.hexdigest(info)


def write_plan(path: Path, tables: Iterable[pa.Table], info: dict) -> dict:
    """Save the rows of a plan as Parquet as they come; the file appears in one step. Returns info and hash."""
    path, digest, waiting, writer = Path(path), PlanHash(), [], None
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        for table in tables:
            digest.add(table)
            schema = table.schema.remove_metadata()
            if writer is None:
                texts = [field.name for field in schema if pa.types.is_string(field.type)]
                settings = {"compression": "zstd", "use_dictionary": texts, "store_schema": False}
                writer = pq.ParquetWriter(temporary, schema, **settings)
            waiting.append(table)
            if sum(map(len, waiting)) >= _ROW_GROUP:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
        info = info | {"hash": digest.hexdigest(info)}
        # The schema and what the plan says about itself, where pyarrow looks for them; the hash is known only now.
        schema = schema.with_metadata({"plan": json.dumps(info)}).serialize().to_pybytes()
        writer.add_key_value_metadata({"ARROW:schema": base64.b64encode(schema).decode()})
        writer.close()
    return info


def _texts(values: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
    """The lengths of texts, and their bytes one after the other."""
    _, offsets, text = values.buffers()
    offsets = np.frombuffer(offsets, np.int32)[values.offset : values.offset + len(values) + 1]
    return np.diff(offsets), np.frombuffer(text or b"", np.uint8)[offsets[0] : offsets[-1]]


def _chunk(choice: Choice, start: int, views: int, draws: int) -> tuple[dict, PairPose]:
    """Columns, per image, of `_CHUNK` pairs from `start` on, and their poses in the world.

    Always of full size, so that rounding does not depend on how many are left.
    """
    recipe, rig = choice.recipe, choice.rig
    rows = np.arange(start, start + _CHUNK) % len(choice.pose_ids)
    poses = choice.poses[torch.as_tensor(rows)]
    keys = len(rig.eyes) + rig.track.max() + 1
    per_pair = choice.uniforms(PER_PAIR, start, _CHUNK, 3 + keys)
    u = choice.uniforms(PER_IMAGE, start * views, _CHUNK * views, _STRIDE)
    u = {name: u[:, place] for name, place in _DRAWS.items()}

    scenes, middle = centred_scenes(poses)
    turn = Rotation.from_rotvec(np.deg2rad(recipe.turn) * ndtri(per_pair[:, :3])).as_matrix()
    if recipe.upright:
        lift = Rotation.from_euler("x", -recipe.lift, degrees=True).as_matrix()
        turn = turn @ lift @ person_frames(scenes)
    scenes, placed = scenes.moved(turn, np.zeros((1, 3))), placed_pairs(poses, middle, turn)
    shift, aim = (np.stack([u[f"{name}_{axis}"] for axis in "xyz"], -1) for name in ("shift", "aim"))
    wishes = Wishes(
        _between(u["radius"], recipe.radius),
        _between(u["fill"], recipe.fill),
        np.deg2rad(recipe.roll) * ndtri(u["roll"]),
        recipe.jitter[0] * ndtri(shift),
        recipe.jitter[1] * ndtri(aim),
    )
    props = _props(choice, placed, start, draws)
    held = props["prop_t"] if recipe.props and TABLE not in recipe.props else None
    shots = choose_views(rig, scenes, view_order(rig, per_pair[:, 3:], held), wishes, recipe)

    columns = {"dataset": choice.dataset, "split": domain_and_split(choice.dataset)[1]}
    columns |= {
        "pose_id": np.repeat(choice.pose_ids[rows], views),
        "raw_id": np.repeat(choice.raw_ids[rows], views),
    }
    columns |= {
        "draw": np.repeat(np.arange(start, start + _CHUNK), views),
        "image_format": recipe.image_format,
    }
    columns |= _looks(u, choice) | _lens(u, recipe)
    columns |= {name: _repeated(values, views) for name, values in props.items()}
    columns |= {"track": rig.track[shots.camera], "view": rig.view[shots.camera], "radius": shots.radius}
    columns |= {
        "roll": wishes.roll,
        "view_fault": shots.fault,
        "width": recipe.width,
        "height": recipe.height,
    }
    return columns | {"K": shots.K, "R": shots.R, "t": shots.t}, placed


def _looks(u: dict[str, np.ndarray], choice: Choice) -> dict:
    """Skin, clothes, light and background of each image."""
    recipe, places = choice.recipe, list(choice.environments)
    light = _index(u["environment"], len(places))
    behind = (light + 1 + _index(u["background"], max(1, len(places) - 1))) % len(
        places
    )  # not the light's own
    garments = recipe.wardrobe or 2**31
    return {
        "skin": _named(list(choice.skins), _index(u["skin"], len(choice.skins))),
        "tone_hue": _between(u["hue"], (-0.008, 0.008)),
        "tone_saturation": _between(u["saturation"], (0.9, 1.08)),
        "tone_value": _between(u["value"], (0.9, 1.1)),
        "tone_contrast": _between(u["contrast"], (-0.05, 0.05)),
        "sleeve": np.where(u["sleeved"] < recipe.sleeve_share, _between(u["sleeve"], recipe.bare), 0.0),
        "sleeve_seed": _index(u["sleeve_seed"], garments),
        "environment": _named(places, light),
        "environment_yaw": 2 * np.pi * u["yaw"],
        "background": _named(places, behind) if recipe.pasted else "",
        "background_yaw": 2 * np.pi * u["background_yaw"] if recipe.pasted else 0.0,
        "exposure_jitter": np.clip(0.3 * ndtri(u["exposure"]), -0.6, 0.6),
        "cycles_seed": _index(u["cycles_seed"], 2**31),
    }


def _lens(u: dict[str, np.ndarray], recipe: Recipe) -> dict:
    """Lens, sensor and file of each image."""
    gain = 1 + recipe.white_balance * (2 * np.stack([u["red"], 0.5 + 0 * u["red"], u["blue"]], -1) - 1)
    low, high = recipe.jpeg_quality
    transform = np.searchsorted(np.cumsum(recipe.view_transforms), u["transform"], side="right")
    widest, narrowest = recipe.f_stop
    return {
        "samples": recipe.samples,
        "f_stop": widest * (narrowest / widest) ** u["f_stop"] if widest else 0.0,
        "psf_px": _between(u["psf"], recipe.psf_px),
        "vignette": _between(u["vignette"], recipe.vignette),
        "noise_iso": _between(u["noise"], recipe.noise_iso),
        "noise_seed": _index(u["noise_seed"], 2**31),
        "white_balance": gain,
        "view_transform": _named(VIEW_TRANSFORMS, np.minimum(transform, len(VIEW_TRANSFORMS) - 1)),
        "jpeg_quality": low + _index(u["jpeg"], high - low + 1),
    }


def _props(choice: Choice, placed: PairPose, start: int, draws: int) -> dict:
    """The object that each pair holds or touches, if any; it stays where it is in all views of the pair."""
    kinds = [""] * _CHUNK
    size, R, t = np.zeros((_CHUNK, 3)), np.tile(np.eye(3), (_CHUNK, 1, 1)), np.zeros((_CHUNK, 3))
    seeds = np.zeros(_CHUNK, np.int64)
    if choice.recipe.props:
        cages = ArmPair(0).cage_vertices(placed)
        for k in range(min(_CHUNK, draws - start)):
            rng = choice.rng(PROP, start + k)
            kinds[k] = choice.recipe.props[rng.integers(len(choice.recipe.props))]
            size[k], seeds[k] = random_size(rng, kinds[k]), rng.integers(2**31)
            R[k], t[k] = touching_pose(rng, kinds[k], size[k], cages[k].reshape(-1, 3))
    return {"prop": pa.array(kinds), "prop_size": size, "prop_R": R, "prop_t": t, "prop_seed": seeds}


def _between(u: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    return span[0] + (span[1] - span[0]) * u


def _index(u: np.ndarray, count: int) -> np.ndarray:
    return np.minimum((u * count).astype(np.int64), count - 1)


def _named(names, index: np.ndarray) -> pa.Array:
    return pa.array(names).take(pa.array(index))


def _repeated(values, times: int):
    rows = np.repeat(np.arange(len(values)), times)
    return values.take(pa.array(rows)) if isinstance(values, pa.Array) else values[rows]


def _keys(ids: np.ndarray) -> pa.Array:
    return pc.utf8_lpad(pc.cast(pa.array(ids), pa.string()), 8, "0")


def _column(values, count: int) -> pa.Array:
    """The first `count` rows; one value for all rows is repeated, and (N, ...) becomes lists of fixed length."""
    if isinstance(values, pa.Array):
        return values[:count]
    if np.ndim(values) == 0:
        return pa.repeat(values, count)
    return flat_column(values[:count]) if np.ndim(values) > 1 else pa.array(values[:count])


def _read_inputs(poses: Path, skins: Path, environments: dict[str, Path]):
    """Poses, their other columns, and the hashes and tones of what is there."""
    try:
        pairs, ids = read_poses(poses)
    except (OSError, pa.ArrowException) as error:
        raise ValueError(
            f"{poses} cannot be read ({error}): make it with python -m renderih_lib.pose.accept"
        ) from None
    files = sorted(skins.glob("*.npz"))
    index = skins / "skins.json"
    known = {Path(e["file"]).stem: e["tone"] for e in json.loads(index.read_text())} if index.exists() else {}
    return {
        "poses": pairs,
        "ids": ids,
        "skins": {path.stem: sha256(path) for path in files},
        "tones": {path.stem: known.get(path.stem, "") for path in files},
        "environments": {name: sha256(path) for name, path in environments.items()},
    }


def _plan(args: argparse.Namespace) -> None:
    sizes = scale_by_name(args.scale)
    if args.seed < 0:
        raise ValueError(f"seed is {args.seed}; give a non-negative integer")
    choice = choice_for(
        **_read_inputs(args.poses, args.skins, catalogue(args.environments, args.own_environments)),
        dataset=args.dataset,
        recipe=changed(recipe_for(args.dataset, sizes), args.set),
        seed=args.seed,
        raw_count=sizes.raw_poses,
        rig=recorded_rig(recorded_cameras(args.cameras)) if args.cameras else None,
    )
    views = min(sizes.images(args.dataset) // sizes.poses(args.dataset), len(choice.rig.eyes))
    images = sizes.images(args.dataset) if args.images is None else args.images
    if images < 1:
        raise ValueError(f"images is {images}; a plan has at least one")
    draws = -(-images // views)
    folders = {
        "skins_folder": args.skins,
        "environments_folder": args.environments,
        "own_environments_folder": args.own_environments,
    }
    where = {name: os.path.relpath(path, args.out.parent) for name, path in folders.items() if path}
    tables = plan_tables(choice, draws=draws, views=views, shard_images=sizes.shard_images)
    info = write_plan(args.out, tables, choice.info() | where)
    poses = min(draws, len(choice.pose_ids))
    print(f"{args.out}: {draws * views} images of {poses} poses, {info['hash']}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "python -m renderih_lib.render.plan", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--poses", type=Path, required=True, help="pairs of hands, of the pose optimisation")
    parser.add_argument("--skins", type=Path, required=True, help="folder of skin textures")
    parser.add_argument(
        "--environments", type=Path, help="folder of generated panoramas, beside the eight in bpy"
    )
    parser.add_argument("--own-environments", type=Path, help="folder of your own panoramas")
    parser.add_argument(
        "--cameras", type=Path, help="InterHand2.6M_*_camera.json, instead of the recipe's cameras"
    )
    parser.add_argument("--dataset", choices=DATASETS, required=True)
    parser.add_argument("--scale", choices=NAMES, required=True)
    parser.add_argument(
        "--images", type=int, help="how many at least, instead of the scale's; pairs have all their views"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a field of the recipe (recipes.py)",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    return exit_code(lambda: _plan(args), args.out)


if __name__ == "__main__":
    sys.exit(main())
