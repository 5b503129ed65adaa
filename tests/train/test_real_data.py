"""Experiments on small trees in the layouts of the real datasets: with MANO and everything else, and with a part of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from renderih_lib.data.export import export
from renderih_lib.hand.mano import is_mano
from renderih_lib.runner import run_notebook
from renderih_lib.scales import STAND_INS, scale_by_name
from renderih_lib.train.experiments import EXPERIMENTS, REAL, SYNTHETIC, TESTS
from renderih_lib.train.run import run_all
from renderih_lib.train.site import Site
from renderih_lib.train.tables import beside_published, results
from tests.data import conftest

hand, mano_contents, mano_folder = conftest.hand, conftest.mano_contents, conftest.mano_folder
labelled_shards = conftest.labelled_shards
SIZES, HOME = scale_by_name("tiny"), TESTS[0]
NOTEBOOKS = Path(__file__).parents[2] / "notebooks" / "src"


@pytest.fixture(scope="module")
def data_root(labelled_shards, mano_folder, tmp_path_factory):
    """A function `(*assets) -> folder` of these gated datasets; MANO's fits are in InterHand2.6M in any case."""
    made = tmp_path_factory.mktemp("assets")
    both = [labelled_shards("studio-train"), labelled_shards("studio-test")]
    export("interhand", both, made / "interhand26m", mano_folder)
    export("renderih", [labelled_shards("renderih-train")], made / "renderih", mano_folder)
    (made / "mano").symlink_to(mano_folder)

    def folder(*assets):
        root = tmp_path_factory.mktemp("root")
        for asset in assets:
            (root / asset).symlink_to(made / asset)
        return str(root)

    return folder


@pytest.fixture(scope="module")
def datasets(tmp_path_factory, write_noise_shard):
    """Noise images for each rendered dataset, in the folder of results."""
    folder = tmp_path_factory.mktemp("runs") / "tiny" / "datasets"
    for number, name in enumerate(sorted(set(STAND_INS.values()))):
        (folder / name).mkdir(parents=True)
        write_noise_shard(folder / name, 4, number)
    return folder


@pytest.fixture
def site(datasets, data_root, tmp_path):
    """A function `(*assets) -> Site`."""
    return lambda *assets: Site(SIZES, datasets, tmp_path / "experiments", data_root(*assets))


def numbers(site, name):
    return json.loads((site.out / f"{name}-0" / "metrics.json").read_text())["tests"][HOME]


@pytest.mark.parametrize("assets", [["interhand26m"], ["interhand26m", "mano"], ["renderih", "mano"]])
def test_compared_runs_have_the_open_hands_where_manos_do_not_fit_all_of_them(site, assets):
    some = site(*assets)
    pairs = {id(some.hands(run)) for run in EXPERIMENTS.values()}
    assert len(pairs) == 1 and not is_mano(some.hands(EXPERIMENTS["real"]).right)
    assert some.source(REAL, some.hands(EXPERIMENTS["real"])).real == ("interhand26m" in assets)


def test_with_all_that_is_compared_and_mano_there_are_meshes(site):
    whole = site("interhand26m", "renderih", "mano")
    assert is_mano(whole.hands(EXPERIMENTS["real"]).right) and is_mano(
        whole.hands(EXPERIMENTS["mixed"]).right
    )
    assert not is_mano(whole.hands(EXPERIMENTS["only-renderih"]).right)  # beside sets that are not there
    sources = {
        role: whole.source(role, whole.hands(EXPERIMENTS["mixed"])) for role in (REAL, SYNTHETIC, HOME)
    }
    assert all(source.real for source in sources.values())
    assert all(sources[role].dataset[0].meshed.all() for role in (REAL, HOME))


def test_joints_alone_are_learned_from_and_measured(site):
    part = site("interhand26m")
    assert run_all([(EXPERIMENTS[name], 0) for name in ("real", "mixed")], part, jobs=1) == 0
    for name in ("real", "mixed"):
        found = numbers(part, name)
        assert found["real"] and found["n"] == 4
        for answer in ("metrics", "mean_pose", "constant_hand"):
            for joints in ("mpjpe_mm", "wrist_mpjpe_mm", "pa_mpjpe_mm", "mrrpe_mm"):
                assert found[answer][joints] is not None
            for mesh in ("mpvpe_mm", "cdev_mm", "mesh_mpjpe_mm"):
                assert found[answer].get(mesh) is None
    table = beside_published("Table 5", results(part.out))
    assert table.loc["TransHand", "mixed with RenderIH, here"] != "not run"
    assert not [column for column in table if "mesh" in column]


def test_real_meshes_are_scored_by_both_kinds_of_keypoints(site):
    whole = site("interhand26m", "renderih", "mano")
    assert run_all([(EXPERIMENTS["real"], 0)], whole, jobs=1) == 0
    found = numbers(whole, "real")["metrics"]
    assert all(found[name] is not None for name in ("mpvpe_mm", "mesh_mpjpe_mm", "mesh_wrist_mrrpe_mm"))
    assert found["mesh_pa_mpjpe_mm"] != pytest.approx(
        found["pa_mpjpe_mm"], abs=1e-3
    )  # MANO's tips are others
    table = beside_published("Table 6", results(whole.out))
    shown = table.loc["TransHand"]
    assert shown["MPJPE, here"] == f"{found['mpjpe_mm']:.2f}"
    assert shown["MPJPE, here, keypoints of the mesh"] == f"{found['mesh_mpjpe_mm']:.2f}"
    assert "CDev, here, keypoints of the mesh" not in table  # the same for both


@pytest.mark.slow
def test_notebooks_read_runs_on_joints_alone(datasets, data_root):
    root, folder = data_root("interhand26m"), datasets.parent
    site = Site(SIZES, datasets, folder / "experiments", root)
    needed = (
        "pretraining",
        "synthetic",
        "real",
        "real-no-lateral",
        "real-no-local",
        "real-no-smooth",
        "mixed",
        "finetuned",
    )
    assert run_all([(EXPERIMENTS[name], 0) for name in needed], site, jobs=1) == 0
    for path in (*NOTEBOOKS.glob("14_*.py"), *NOTEBOOKS.glob("17_*.py"), *NOTEBOOKS.glob("19_*.py")):
        parameters = {"scale": "tiny", "out_dir": str(folder.parent), "data_root": root}
        run_notebook(path, parameters, threads=1)
        assert (folder / path.stem / "metrics.json").is_file()
    drawn = {path.stem for path in (folder / "19_qualitative" / "figures").glob("*.png")}
    assert {"figure_10", "other_sides"} <= drawn
    assert np.isfinite(numbers(site, "real")["metrics"]["mpjpe_mm"])
