"""How long the plan of a million images takes, and how much memory."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from renderih_lib.bench.timing import peak_gigabytes
from renderih_lib.pose.library import load_pose_library
from renderih_lib.pose.store import read_poses, write_poses
from renderih_lib.render.choice import choice_for
from renderih_lib.render.environments import shipped_environments
from renderih_lib.render.plan import plan_tables, write_plan
from renderih_lib.render.recipes import recipe_for
from renderih_lib.scales import scale_by_name

PAIRS, VIEWS = 100_000, 10


def plan_speed(pairs: int = PAIRS) -> dict[str, float]:
    """Seconds and peak memory of a process of its own that plans `pairs` natural pairs in ten views each."""
    with tempfile.TemporaryDirectory() as folder:
        poses = Path(folder, "poses.parquet")
        write_poses(poses, load_pose_library().natural_pairs(0, pairs), raw_id=np.arange(pairs))
        command = [
            sys.executable,
            "-m",
            "renderih_lib.bench.plan",
            str(poses),
            str(Path(folder, "plan.parquet")),
        ]
        return json.loads(subprocess.check_output(command, text=True))


def _measured(poses: Path, out: Path) -> dict[str, float]:
    """One thread, from the poses on disk to the plan on disk, with the paper's skins and places by name."""
    torch.set_num_threads(1)
    sizes, dataset, begin = scale_by_name("paper"), "renderih-train", time.perf_counter()
    pairs, ids = read_poses(poses)
    skins = {f"skin-{k:02d}": str(k) for k in range(sizes.textures)}
    places = {name: name for name in (*shipped_environments(), *sizes.panoramas)}
    recipe = recipe_for(dataset, sizes)
    choice = choice_for(pairs, ids, dataset=dataset, recipe=recipe, skins=skins, environments=places, seed=0)
    tables = plan_tables(choice, draws=len(pairs), views=VIEWS, shard_images=sizes.shard_images)
    write_plan(out, tables, choice.info())
    return {"plan_1m_s": time.perf_counter() - begin, "plan_1m_mb": 1024 * peak_gigabytes()}


if __name__ == "__main__":
    print(json.dumps(_measured(*map(Path, sys.argv[1:]))))
