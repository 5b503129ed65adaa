import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from renderih_lib.hand.pair import open_hand_pair
from renderih_lib.provenance import git_state
from renderih_lib.scales import STAND_INS, scale_by_name
from renderih_lib.train import run as runs
from renderih_lib.train import site as sites
from renderih_lib.train.evaluate import Predictions, predict
from renderih_lib.train.experiments import EXPERIMENTS, TESTS
from renderih_lib.train.run import main, run_all, run_experiment
from renderih_lib.train.weights import FILE, load_model

SIZES = dataclasses.replace(scale_by_name("tiny"), image_size=32, experiment_steps=6, experiment_batch=2)
HOME = TESTS[0]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory, write_noise_shard):
    """A few noise images for each rendered dataset that experiments use."""
    folder = tmp_path_factory.mktemp("datasets")
    for number, name in enumerate(sorted(set(STAND_INS.values()))):
        (folder / name).mkdir()
        write_noise_shard(folder / name, 3 + number % 2, number)
    return folder


@pytest.fixture
def site(datasets, tmp_path):
    return sites.Site(SIZES, datasets, tmp_path / "experiments")


@pytest.fixture(scope="module")
def done(datasets, tmp_path_factory):
    """A site where "real" and "pretraining" have run."""
    site = sites.Site(SIZES, datasets, tmp_path_factory.mktemp("done"))
    assert run_all([(EXPERIMENTS[name], 0) for name in ("real", "pretraining")], site, jobs=1) == 0
    return site


def record(site, name):
    return json.loads((site.out / name / "metrics.json").read_text())


def errors(site, name, role=HOME):
    with np.load(site.out / name / f"errors-{role}.npz") as archive:
        return {key: archive[key] for key in archive.files}


def test_a_run_leaves_what_tables_and_notebooks_read(done):
    folder = done.out / "real-0"
    told = {path.name for path in folder.iterdir()}
    per_test = {f"{kind}-{role}.npz" for kind in ("errors", "predictions") for role in TESTS}
    assert told == {"metrics.json", "curve.jsonl", FILE} | per_test
    found = record(done, "real-0")
    assert (found["experiment"], found["seed"], found["steps"]) == ("real", 0, 6)
    assert found["settings"]["image_size"] == SIZES.image_size and found["torch"] == torch.__version__
    assert (found["hands"], found["commit"]) == (open_hand_pair().right.name, git_state()["commit"])
    assert found["train"] == [
        {
            "role": "interhand26m-train",
            "data": "studio (stand-in for InterHand2.6M)",
            "real": False,
            "images": 4,
        }
    ]
    for role in TESTS:
        test = found["tests"][role]
        assert test["n"] == len(errors(done, "real-0", role)["ids"]) and not test["real"]
        for answer in ("metrics", "mean_pose", "constant_hand"):
            names = {"mpjpe_mm", "wrist_mpjpe_mm", "mesh_mpjpe_mm", "pa_mpjpe_mm", "mrrpe_mm", "cdev_mm"}
            assert names <= set(test[answer])


def test_means_are_those_of_the_errors_of_all_images(done):
    test, found = record(done, "real-0")["tests"][HOME], errors(done, "real-0")
    for name in ("mpjpe_mm", "wrist_smpjpe_mm", "mrrpe_mm"):
        assert np.mean(found[name]) == pytest.approx(test["metrics"][name], rel=1e-5)
        assert np.mean(found[f"mean_pose_{name}"]) == pytest.approx(test["mean_pose"][name], rel=1e-5)


def test_what_was_measured_is_the_network_that_is_kept(done):
    hands = open_hand_pair()
    model = load_model(done.out / "real-0", hands)
    images, source = sites.test_set(HOME, SIZES, done.datasets, "", hands)
    again = predict(model, images, SIZES.image_size, bone=None, precision="float32")
    kept = Predictions.load(done.out / "real-0" / f"predictions-{HOME}.npz")
    assert list(again.ids) == list(kept.ids) and source.name.startswith("studio")
    tolerance = 1e-3 if runs.best_precision("cpu") == "float32" else 1e-2
    np.testing.assert_allclose(again.predicted, kept.predicted, atol=tolerance)


def test_a_finished_run_is_left_alone_and_other_data_begin_it_anew(done, datasets, tmp_path, monkeypatch):
    def trained(*_, **__):
        raise AssertionError("it trains again")

    monkeypatch.setattr(runs, "train", trained)
    assert run_experiment(EXPERIMENTS["real"], 0, done)
    other = tmp_path / "datasets"
    other.mkdir()
    for folder in datasets.iterdir():
        (other / folder.name).symlink_to(
            datasets / ("studio-test" if folder.name == "studio-train" else folder.name)
        )
    with pytest.raises(AssertionError, match="trains again"):
        run_experiment(EXPERIMENTS["real"], 0, dataclasses.replace(done, datasets=other))


def test_a_run_that_was_stopped_goes_on_to_the_same_result(done, site):
    assert not run_experiment(EXPERIMENTS["real"], 0, site, deadline=time.time())
    assert not (site.out / "real-0" / "metrics.json").exists()
    (unfinished,) = (site.out / "real-0").glob("unfinished-*")
    assert (unfinished / "checkpoint.pt").exists()
    assert run_experiment(EXPERIMENTS["real"], 0, site)
    assert not unfinished.exists()
    whole, halves = errors(done, "real-0"), errors(site, "real-0")
    for name, values in whole.items():
        np.testing.assert_array_equal(values, halves[name])


def test_the_command_says_whether_networks_are_compiled_and_that_is_another_run(
    datasets, tmp_path, monkeypatch
):
    began = {}

    def train(model, data, settings, folder, **_):
        began[settings.compile] = folder.name
        return []

    monkeypatch.setattr(runs, "train", train)
    command = ["--experiment", "real", "--scale", "tiny", "--device", "cpu", "--out", str(tmp_path)]
    for more in ([], ["--compile"]):
        assert main([*command, "--datasets", str(datasets), *more]) == 0
    assert set(began) == {False, True} and began[False] != began[True]


def test_seeds_differ(done, site):
    assert run_experiment(EXPERIMENTS["real"], 1, site)
    assert not np.array_equal(errors(site, "real-1")["mpjpe_mm"], errors(done, "real-0")["mpjpe_mm"])


def test_finetuning_begins_with_the_pretrained_weights(done, monkeypatch):
    began = {}

    def train(model, *_, **__):
        began.update({name: value.clone() for name, value in model.state_dict().items()})
        return []

    monkeypatch.setattr(runs, "train", train)
    assert not run_experiment(EXPERIMENTS["finetuned"], 0, done)
    pretrained = load_model(done.out / "pretraining-0", open_hand_pair())
    for name, value in pretrained.named_parameters():
        assert torch.equal(began[name], value), name


def test_finetuning_needs_pretraining(site):
    with pytest.raises(ValueError, match=r"pretraining-0.*run its experiment"):
        run_experiment(EXPERIMENTS["finetuned"], 0, site)


def test_the_baseline_of_table_4_lacks_the_lateral_connection(site, monkeypatch):
    seen = []
    monkeypatch.setattr(runs, "train", lambda model, *_, **__: seen.append(model.sizes.lateral) or [])
    for name in ("real-no-lateral", "real"):
        run_experiment(EXPERIMENTS[name], 0, site)
    assert seen == [False, True]


def test_without_smoothness_all_but_one_weight_is_the_same(site):
    plain, without = (runs.settings_of(EXPERIMENTS[name], 0, site) for name in ("real", "real-no-smooth"))
    assert plain.weights.smooth > 0
    weights = dataclasses.replace(plain.weights, smooth=0.0)
    assert without == dataclasses.replace(plain, weights=weights)
    assert EXPERIMENTS["real-no-smooth"].changes == EXPERIMENTS["real"].changes == {}


def test_a_mixture_holds_what_the_experiment_says(site, monkeypatch):
    seen = []
    monkeypatch.setattr(runs, "train", lambda model, data, *_, **__: seen.append(data.counts) or [])
    for name in ("mixed", "with-renderih", "only-h2o3d", "mixed-synthetic-30"):
        run_experiment(EXPERIMENTS[name], 0, site)
    sizes = {
        role: len(sites.test_set(role, SIZES, site.datasets, "", open_hand_pair())[0]) for role in STAND_INS
    }
    equal = min(sizes[role] for role in ("h2o3d-train", "ego3dhands-train", "renderih-train"))
    real, synthetic = sizes["interhand26m-train"], sizes["renderih-train"]
    assert seen == [(real, synthetic), (real, equal), (equal,), (real, 1)]


def test_losses_are_logged_where_asked(site, tmp_path, monkeypatch):
    rows = {}
    monkeypatch.setattr(runs, "tensorboard", lambda folder: rows.setdefault(folder, []).append)
    assert run_experiment(EXPERIMENTS["real"], 0, dataclasses.replace(site, logs=tmp_path / "logs"))
    ((folder, told),) = rows.items()
    assert folder == tmp_path / "logs" / "real-0" and told[-1]["step"] == 6


def test_nothing_begins_after_the_deadline(site):
    tasks = [(EXPERIMENTS[name], 0) for name in ("real", "finetuned")]
    assert run_all(tasks, site, jobs=1, deadline=time.time() - 1) == 2
    assert not site.out.exists()


def test_a_missing_dataset_is_one_line(tmp_path, capsys):
    arguments = [
        "--experiment",
        "real",
        "--scale",
        "tiny",
        "--datasets",
        str(tmp_path),
        "--out",
        str(tmp_path / "o"),
    ]
    assert main(arguments) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "no finished shard" in lines[0] and "studio" in lines[0]


@pytest.mark.slow
def test_a_machine_that_only_trains_needs_no_renderer_and_no_notebooks():
    """A GPU machine has torch, numpy, pandas, pyarrow, scipy, PIL, yaml and transformers, and often nothing more."""
    absent = "bpy igl trimesh roma pydantic pooch snakemake papermill jupytext IPython".split()
    blocked = f"import sys; sys.modules.update(dict.fromkeys({absent!r}))"
    code = f"{blocked}; import renderih_lib.train.run, renderih_lib.train.pack, renderih_lib.train.tables"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.slow
def test_the_command_does_several_runs_at_once_and_goes_on(datasets, tmp_path):
    command = [sys.executable, "-m", "renderih_lib.train.run", "--scale", "tiny", "--datasets", str(datasets)]
    command += ["--out", str(tmp_path), "--experiment", "pretraining,finetuned", "--jobs", "2"]
    late = subprocess.run([*command, "--budget-minutes", "0"], capture_output=True, text=True)
    assert late.returncode == 0 and "0 of 2 runs" in late.stdout and "goes on" in late.stdout, late.stderr
    whole = subprocess.run(command, capture_output=True, text=True)
    assert whole.returncode == 0 and "2 of 2 runs" in whole.stdout, whole.stderr
    for name in ("pretraining-0", "finetuned-0"):
        assert (tmp_path / name / "metrics.json").exists()


@pytest.mark.slow
def test_two_processes_train_one_run(datasets, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += [
        "-m",
        "renderih_lib.train.run",
        "--scale",
        "tiny",
        "--datasets",
        str(datasets),
        "--device",
        "cpu",
    ]
    command += ["--out", str(tmp_path), "--experiment", "pretraining,finetuned"]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr[-3000:]
    assert json.loads((tmp_path / "finetuned-0" / "metrics.json").read_text())["after"] == "pretraining"


WORKER = """
import multiprocessing, os, sys, time
from renderih_lib.train.run import _begin

def wait(path):
    _begin(1)
    with open(path + "~", "w") as file:
        file.write(str(os.getpid()))
    os.replace(path + "~", path)
    time.sleep(600)

if __name__ == "__main__":
    worker = multiprocessing.get_context("spawn").Process(target=wait, args=(sys.argv[1],))
    worker.start()
    worker.join()
"""


@pytest.mark.slow
def test_workers_do_not_outlive_a_command_that_was_killed(tmp_path):
    (tmp_path / "command.py").write_text(WORKER)
    told, root = tmp_path / "pid", str(Path(__file__).parents[2])
    command = subprocess.Popen(
        [sys.executable, "command.py", str(told)], cwd=tmp_path, env=os.environ | {"PYTHONPATH": root}
    )
    soon(told.exists)
    command.kill()
    command.wait()
    status = Path(f"/proc/{told.read_text()}/stat")
    soon(lambda: not status.exists() or ") Z " in status.read_text())  # ended, perhaps not yet reaped


def soon(happened, seconds=60):
    end = time.time() + seconds
    while not happened():
        assert time.time() < end
        time.sleep(0.05)
