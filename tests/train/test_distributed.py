"""Two processes on the CPU against one with the joined batch."""

import dataclasses
import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist

from renderih_lib.train.distributed import JointBatchNorm2d, Team, current_team, mean_over, processes
from renderih_lib.train.learner import Learner
from renderih_lib.train.loop import train
from renderih_lib.train.settings import TrainSettings


@pytest.fixture(scope="module")
def data(noise_batch):
    """Four images in which the two processes' shares are annotated very differently."""
    batch = noise_batch(4)
    known, meshes = batch.keypoint_valid.clone(), batch.mesh_valid.clone()
    known[0], known[1, 0, :9], meshes[:2, 1] = False, False, False
    return batch.replace(keypoint_valid=known, mesh_valid=meshes)


@pytest.fixture
def on_two(tmp_path):
    """A function that calls `action(team)` in two forked processes and returns what the two gave."""

    def run(action):
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        context = multiprocessing.get_context("fork")
        workers = [context.Process(target=_work, args=(action, rank, port, tmp_path)) for rank in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(120)
        assert [worker.exitcode for worker in workers] == [0, 0]
        return [torch.load(tmp_path / f"gave-{rank}.pt", weights_only=True) for rank in range(2)]

    return run


def _work(action, rank: int, port: int, folder: Path) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    with processes("cpu") as team:
        torch.save(action(team), folder / f"gave-{rank}.pt")


def gradients(model, data, settings) -> dict[str, torch.Tensor]:
    """Of this process's share of the first step, as the optimiser would see them; clipping is off."""
    learner = Learner(model, settings)
    learner.optimizer.step = lambda *_, **__: None
    learner.step(data[np.arange(len(data))[learner.team.share(len(data))]], 0)
    state = {name: p.grad for name, p in model.named_parameters()}
    return state | {name: b for name, b in model.named_buffers() if name.endswith(("_mean", "_var"))}


@pytest.mark.parametrize("preset", ["demo", "paper", "official"])
def test_two_processes_have_the_gradients_and_norms_of_the_joined_batch(make, data, on_two, preset):
    """Also where the shares are annotated differently: losses divide by joint counts, norms see all images."""
    plan = TrainSettings.preset(preset, steps=4, batch=4, image_size=32, clip=None)
    whole = gradients(make(), data, plan)
    first, second = on_two(
        lambda team: gradients(make(seed=team.rank), data, plan)
    )  # the first's weights count
    # Some gradients are zero by their nature (a bias before a softmax): what is left of them is rounding of larger ones.
    rounding = 1e-6 * max(value.abs().max().item() for value in whole.values())
    for name, value in whole.items():
        assert torch.equal(first[name], second[name]), name
        tolerance = 2e-4 * value.abs().max().item() + rounding
        torch.testing.assert_close(first[name], value, rtol=2e-3, atol=tolerance, msg=name)


def test_without_joint_norms_the_gradients_differ(make, data, on_two, monkeypatch):
    """The test above can fail: ordinary batch norms in each process are another training."""
    plan = TrainSettings.preset("demo", steps=4, batch=4, image_size=32, clip=None)
    whole = gradients(make(), data, plan)
    monkeypatch.setattr("renderih_lib.train.distributed._join_norms", lambda model: None)
    first, _ = on_two(lambda team: gradients(make(), data, plan))
    name = next(name for name in whole if name.endswith("convolution.weight"))
    assert (first[name] - whole[name]).norm() > 0.05 * whole[name].norm()


def test_two_processes_train_save_once_and_resume(make, data, short, on_two, tmp_path):
    plan = dataclasses.replace(short, batch=4, steps=4)
    folder = tmp_path / "run"

    def whole(team):
        model = make()
        curve = train(model, data, plan, tmp_path / "whole")
        return {"loss": [row["loss"] for row in curve], "model": model.state_dict()}

    def halves(team):
        train(make(), data, plan, folder, until=2)
        model = make(seed=3)
        curve = train(model, data, plan, folder, evaluate=lambda m: {"mm": 1.0})
        told = "mm" in curve[-1]
        return {"loss": [row["loss"] for row in curve], "model": model.state_dict(), "told": told}

    one, two = on_two(whole), on_two(halves)
    assert one[0]["loss"] == one[1]["loss"] == two[0]["loss"] == two[1]["loss"]
    assert (two[0]["told"], two[1]["told"]) == (True, False)
    for name, value in one[0]["model"].items():
        for other in (one[1], two[0], two[1]):
            assert torch.equal(value, other["model"][name]), name
    alone = make()
    curve = train(alone, data, plan, tmp_path / "alone")
    assert [row["loss"] for row in curve][:2] == pytest.approx(one[0]["loss"][:2], rel=1e-3)


def test_one_process_that_wants_to_stop_stops_both(make, data, short, on_two, tmp_path):
    plan = dataclasses.replace(short, batch=4)

    def action(team):
        asked = iter(range(100))
        curve = train(make(), data, plan, tmp_path / "run", stop=lambda: team.rank == 1 and next(asked) >= 2)
        return {"step": curve[-1]["step"]}

    assert on_two(action) == [{"step": 4}, {"step": 4}]


def test_a_loss_that_is_not_finite_stops_both_and_the_guilty_names_its_images(
    make, data, short, on_two, tmp_path
):
    broken = data.replace(keypoints=data.keypoints.clone())
    broken.keypoints[2] = float("nan")

    def action(team):
        with pytest.raises(FloatingPointError) as error:
            train(make(), broken, dataclasses.replace(short, batch=4), tmp_path / "run")
        return {"said": str(error.value)}

    said = [gave["said"] for gave in on_two(action)]
    guilty = ["noise/2" in text for text in said]
    assert sorted(guilty) == [False, True] and "in another process" in said[guilty.index(False)]
    assert not (tmp_path / "run/checkpoint.pt").exists()


def test_a_batch_that_cannot_be_shared_is_refused(make, data, short, on_two, tmp_path):
    def action(team):
        with pytest.raises(ValueError, match="batch of 3 cannot be shared by 2 processes"):
            train(make(), data, dataclasses.replace(short, batch=3), tmp_path / "run")
        return {}

    on_two(action)


def test_the_joint_norm_is_torchs_own_on_the_joined_batch(on_two):
    maps = torch.randn(6, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 2
    weights = torch.randn(6, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def output(norm, part=slice(None)):
        x = maps[part].clone().requires_grad_()
        y = norm(x)
        (y * weights[part]).sum().backward()
        return {
            "y": y.detach(),
            "gradient": x.grad,
            "var": norm.running_var,
            "seen": norm.num_batches_tracked,
        }

    whole = output(torch.nn.BatchNorm2d(3).double())
    gave = on_two(lambda team: output(JointBatchNorm2d(3).double(), team.share(6)))
    for name in ("y", "gradient"):
        torch.testing.assert_close(torch.cat([one[name] for one in gave]), whole[name])
    torch.testing.assert_close(gave[1]["var"], whole["var"])
    assert gave[0]["seen"] == whole["seen"] == 1


def test_a_joint_norm_alone_or_at_rest_is_an_ordinary_one():
    maps = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    joint, plain = JointBatchNorm2d(3), torch.nn.BatchNorm2d(3)
    assert torch.equal(joint(maps), plain(maps))
    assert torch.equal(joint.eval()(maps), plain.eval()(maps))


def test_without_torchrun_there_is_a_team_of_one():
    with processes("cpu") as team:
        assert team == Team() == current_team(torch.device("cpu")) and team.leads
        assert mean_over(team, torch.ones(2)).tolist() == [1, 1] and team.share(3) == slice(0, 3)
    assert not dist.is_initialized()


SCRIPT = """
import sys
import torch
from renderih_lib.train.distributed import mean_over, processes
with processes("cpu") as team:
    value = mean_over(team, torch.tensor([float(team.rank)]))
    open(f"{sys.argv[1]}/{team.rank}", "w").write(f"{team.size} {float(value)}")
"""


@pytest.mark.slow
def test_torchrun_starts_a_team(tmp_path):
    (tmp_path / "job.py").write_text(SCRIPT)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        "job.py",
        ".",
    ]
    root = str(Path(__file__).parents[2])
    subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": root}, check=True, timeout=120)
    assert [(tmp_path / name).read_text() for name in "01"] == ["2 0.5", "2 0.5"]
