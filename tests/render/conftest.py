"""What the render tests share: a few poses, flat skins, a tiny plan and one Blender process."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from renderih_lib.render.bodies.mesh import ArmPair
from renderih_lib.render.choice import choice_for
from renderih_lib.render.cycles import CyclesProcess
from renderih_lib.render.environments import shipped_environments
from renderih_lib.render.plan import make_plan, plan_info
from renderih_lib.render.recipes import recipe_for
from renderih_lib.repro import sha256
from renderih_lib.scales import scale_by_name
from tests.conftest import random_pose

torch.set_num_threads(1)
POSES = 5
TINY = replace(recipe_for("renderih-train", scale_by_name("tiny")), width=40, height=32, samples=1, bounces=1)


@pytest.fixture(scope="session")
def poses():
    return random_pose(np.random.default_rng(3), POSES, 10)


@pytest.fixture(scope="session")
def skins(tmp_path_factory):
    """A folder with two one-coloured skins in the format of `skin.write_skin`."""
    folder = tmp_path_factory.mktemp("skins")
    for name, tone in (("dark", 0.15), ("light", 0.5)):
        albedo = np.full((8, 8, 3), tone, np.float16)
        flat = np.zeros((8, 8), np.float16)
        np.savez(
            folder / f"{name}.npz",
            albedo=albedo,
            height_mm=flat,
            folds_mm=flat,
            roughness=flat + np.float16(0.5),
        )
    return folder


@pytest.fixture(scope="session")
def tiny_choice(poses, skins):
    """A function `(dataset="renderih-train", recipe=TINY, seed=0, ...) -> choice` from the few poses and skins."""

    def choice(dataset="renderih-train", recipe=TINY, seed=0, **changes):
        settings = {
            "poses": poses,
            "environments": {n: sha256(path) for n, path in shipped_environments().items()},
        } | changes
        settings.setdefault("skins", {path.stem: sha256(path) for path in sorted(skins.glob("*.npz"))})
        numbers = np.arange(len(settings["poses"]))
        settings.setdefault("ids", pd.DataFrame({"pose_id": 100 + numbers, "raw_id": numbers}))
        return choice_for(dataset=dataset, recipe=recipe, seed=seed, **settings)

    return choice


@pytest.fixture(scope="session")
def tiny_plan(tiny_choice):
    """A function `(dataset="renderih-train", draws=2, recipe=TINY, seed=0, ...) -> plan` with two views per draw."""

    def plan(dataset="renderih-train", draws=2, recipe=TINY, seed=0, views=2, shard_images=4, **changes):
        choice = tiny_choice(dataset, recipe, seed, **changes)
        return make_plan(choice, draws=draws, views=views, shard_images=shard_images)

    return plan


@pytest.fixture(scope="session")
def smooth_arms():
    return ArmPair(2)


@pytest.fixture(scope="session")
def cycles(tiny_plan, smooth_arms):
    """A running Blender with the smooth arms."""
    recipe = plan_info(tiny_plan())["recipe"]
    with CyclesProcess(smooth_arms, recipe) as process:
        yield process
