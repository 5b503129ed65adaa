"""What a dataset's images are chosen from, and the random numbers that choose."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
import torch

from renderih_lib.hand.pair import PairPose
from renderih_lib.render.cameras import Rig, rig_named
from renderih_lib.render.environments import kind_of
from renderih_lib.render.recipes import Recipe
from renderih_lib.render.splits import domain_and_split, split_environments, split_raw, split_skins
from renderih_lib.scales import DATASETS

POSE_COLUMNS = ("angles", "wrist", "translation", "shape")
PER_IMAGE, PER_PAIR, PROP = 0, 1, 2  # streams of random numbers


@dataclass(frozen=True)
class Choice:
    """What the images of one dataset are put together from, all of it in the dataset's split."""

    dataset: str
    recipe: Recipe
    rig: Rig
    seed: int
    poses: PairPose
    pose_ids: np.ndarray  # (B,) int
    raw_ids: np.ndarray  # (B,) int
    skins: dict[str, str]  # name -> SHA-256 of the file
    environments: dict[str, str]

    def info(self) -> dict:
        """What a plan says about itself, without its hash."""
        info = {"dataset": self.dataset, "seed": self.seed, "recipe": asdict(self.recipe)}
        return json.loads(json.dumps(info | {"skins": self.skins, "environments": self.environments}))

    def uniforms(self, stream: int, first: int, count: int, stride: int) -> np.ndarray:
        """Numbers in [0, 1), (count, stride): row k depends on (seed, dataset, stream, first + k) alone.

        Philox is a function of a key and a counter, which gives four numbers: row i begins at its own count.
        """
        key = self._seeds(stream)
        blocks = -(-stride // 4)
        bits = np.random.Philox(key=key.generate_state(2, np.uint64), counter=first * blocks)
        return np.random.Generator(bits).random((count, 4 * blocks))[:, :stride]

    def rng(self, stream: int, number: int) -> np.random.Generator:
        """A generator that depends on (seed, dataset, stream, number) alone."""
        return np.random.default_rng(self._seeds(stream, number))

    def _seeds(self, *words: int) -> np.random.SeedSequence:
        return np.random.SeedSequence(self.seed, spawn_key=(DATASETS.index(self.dataset), *words))


def choice_for(
    poses: PairPose,
    ids: pd.DataFrame,
    *,
    dataset: str,
    recipe: Recipe,
    skins: Mapping[str, str],
    environments: Mapping[str, str],
    seed: int,
    tones: Mapping[str, str] | None = None,
    raw_count: int | None = None,
    rig: Rig | None = None,
) -> Choice:
    """Takes what the dataset's split may use.

    Args:
        poses: B pairs; both hands of a pair belong to one person. ids: B rows with `pose_id`, and with `raw_id` if
            several pairs were made from one natural one.
        skins, environments: name -> SHA-256 of the file, of both splits. tones: name of a skin -> tone group.
        raw_count: number of natural pairs that all domains' poses come from; the largest raw_id + 1 if None.
        rig: cameras instead of the recipe's.

    Raises:
        ValueError: if dataset is unknown, a pose is not finite, or there is no pose, skin or environment to use.
    """
    if rig is not None:
        recipe = replace(recipe, radius=(1.0, 1.0))  # such cameras stay where they are
    if dataset not in DATASETS:
        raise ValueError(f"dataset must be one of {DATASETS}, got {dataset!r}")
    for name, things in (("poses", ids), ("skins", skins), ("environments", environments)):
        if len(things) == 0:
            raise ValueError(f"{name} is empty; the plan needs at least one")
    if "pose_id" not in ids:
        raise ValueError("poses has no column 'pose_id'; make it with python -m renderih_lib.pose.accept")
    sound = torch.stack([getattr(poses, name).flatten(1).isfinite().all(1) for name in POSE_COLUMNS]).all(0)
    if not sound.all():
        raise ValueError(
            f"pose {ids['pose_id'].iloc[int((~sound).nonzero()[0])]} has numbers that are not finite"
        )
    split = domain_and_split(dataset)[1]
    raw_ids = ids["raw_id" if "raw_id" in ids else "pose_id"].to_numpy(np.int64)
    allowed = split_raw(max(raw_count or 0, raw_ids.max() + 1), split, seed)
    rows = np.flatnonzero(np.isin(raw_ids, allowed))
    if len(rows) == 0:
        raise ValueError(f"poses has no pair for {split!r}: make more of them, or take another seed")
    rows = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,))).permutation(rows)
    names = split_skins(tones or dict.fromkeys(skins, ""), split, seed)
    if recipe.one_skin:
        names = names[:1]
    kinds = {name: kind_of(name) for name in sorted(environments)}
    places = split_environments(kinds, split, seed)
    places = [name for name in places if kinds[name] in recipe.places] or places
    return Choice(
        dataset, recipe, rig or rig_named(recipe.rig, recipe.views_per_track), seed, poses[torch.as_tensor(rows)],
        ids["pose_id"].to_numpy(np.int64)[rows], raw_ids[rows], {name: skins[name] for name in names},
        {name: environments[name] for name in places},
    )  # fmt: skip
