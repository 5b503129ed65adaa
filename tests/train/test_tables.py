import json

import numpy as np
import pandas as pd
import pytest

from renderih_lib.claims import published, published_tables
from renderih_lib.train.experiments import EXPERIMENTS, TESTS
from renderih_lib.train.tables import (
    METRICS,
    NEVER_LOOKS,
    TABLES,
    beside_published,
    mean_and_spread,
    results,
)


def record(experiment, seed, offset, *, after=""):
    """What a run writes: each error is `offset` plus a number of its own."""
    errors = {name: offset + place for place, name in enumerate(METRICS.values())}
    errors |= {f"wrist_{name}": 100 + value for name, value in errors.items()} | {"swapped": 0.5}
    tests = {
        role: {
            "data": f"data of {role}",
            "real": False,
            "metrics": errors | ({"cdev_mm": None} if role == TESTS[0] else {}),
            "mean_pose": {name: 50.0 for name in errors},
            "constant_hand": {name: 60.0 for name in errors},
        }
        for role in TESTS
    }
    train = [{"role": "r", "data": "studio", "real": False, "images": 1200}]
    told = {
        "experiment": experiment,
        "seed": seed,
        "after": after,
        "scale": "gpu",
        "train": train,
        "tests": tests,
    }
    return told


@pytest.fixture
def folder(tmp_path):
    """Two seeds of the two experiments of Tables 5 and 9, and an unfinished one."""
    for experiment, offset in (("real", 10.0), ("mixed", 8.0)):
        for seed in range(2):
            (tmp_path / f"{experiment}-{seed}").mkdir()
            told = json.dumps(record(experiment, seed, offset + seed))
            (tmp_path / f"{experiment}-{seed}" / "metrics.json").write_text(told)
    (tmp_path / "synthetic-0").mkdir()
    return tmp_path


@pytest.mark.parametrize("table", TABLES)
def test_tables_join_printed_rows_and_known_experiments(table):
    content = published_tables()[table]
    assert set(TABLES[table].rows) <= set(content["rows"])
    for row in TABLES[table].rows.values():
        assert isinstance(row, str) or set(row) == set(content["columns"])
        named = {row} if isinstance(row, str) else set(row.values())
        assert named <= set(EXPERIMENTS)


def test_results_have_every_number_and_where_it_is_from(folder):
    found = results(folder)
    chosen = found[(found["experiment"] == "mixed") & (found["seed"] == 1) & (found["test"] == TESTS[1])]
    assert chosen.set_index("metric")["value"]["mpjpe_mm"] == 9.0 + list(METRICS).index("MPJPE")
    assert set(chosen["data"]) == {f"data of {TESTS[1]}"} and set(chosen["trained_on"]) == {"1,200 of studio"}
    assert set(found["experiment"]) == {"real", "mixed", *NEVER_LOOKS.values()}
    assert (
        found[(found["metric"] == "cdev_mm") & (found["test"] == TESTS[0])]
        .query("experiment == 'real'")["value"]
        .isna()
        .all()
    )


def test_ours_stand_beside_the_published_numbers(folder):
    table = beside_published("Table 9", results(folder))
    row = table.loc["InterHand2.6M + RenderIH"]
    assert row["MRRPE, paper"] == published("Table 9", "InterHand2.6M + RenderIH", "MRRPE")
    assert row["MPJPE, here"] == "9.50 ± 0.71" and row["seeds"] == 2
    assert row["tested on"] == f"data of {TESTS[1]}" and row["trained on"] == "1,200 of studio"


def test_each_table_shows_answers_that_never_look(folder):
    for name in TABLES:
        table = beside_published(name, results(folder))
        first = f"{published_tables()[name]['columns'][0]}, "
        assert table.loc["mean pose, never looks", first + "here"].startswith("50.00")
        assert np.isnan(table.loc["constant hand, never looks", first + "paper"])


def test_networks_and_experiments_without_a_run_say_so(folder):
    table = beside_published("Table 5", results(folder))
    assert set(table.loc["IntagHand", ["trained on InterHand2.6M, here", "mixed with RenderIH, here"]]) == {
        "not run"
    }
    assert table.loc["TransHand", "mixed with RenderIH, here"] == "9.50 ± 0.71"
    assert beside_published("Table 4", results(folder)).loc["Baseline", "MPJPE, here"] == "not run"


def test_real_meshes_add_the_papers_way_to_score_and_those_of_stand_ins_do_not(folder):
    found = results(folder)
    more = found[found["metric"].isin(["mpjpe_mm", "wrist_mpjpe_mm"])]
    more = more.assign(metric="mesh_" + more["metric"], value=more["value"] + 1)
    stand_in = pd.concat([found, more])
    assert not [column for column in beside_published("Table 9", stand_in) if "mesh" in column]
    for table, added in (("Table 9", "MPJPE"), ("Table S1", "MPJPE")):
        shown = beside_published(table, stand_in.assign(real=True))
        assert [c for c in shown if "mesh" in c] == [f"{added}, here, keypoints of the mesh"]
        plain = float(shown.loc["InterHand2.6M", "MPJPE, here"].split(" ")[0])
        by_mesh = shown.loc["InterHand2.6M", "MPJPE, here, keypoints of the mesh"]
        assert by_mesh.startswith(f"{plain + 1:.2f} ± ")
        assert shown.loc["mean pose, never looks", "MPJPE, here, keypoints of the mesh"].startswith("51.00")


def test_an_error_that_could_not_be_measured_says_so(folder):
    assert beside_published("Table 6", results(folder)).loc["TransHand", "CDev, here"] == "not measured"


def test_the_supplements_table_is_measured_from_the_wrist(folder):
    table = beside_published("Table S1", results(folder))
    ours = table.loc["InterHand2.6M"]
    assert ours["MPJPE, here"].startswith("111.50") and ours["PA-MPJPE, here"].startswith("10.50")


def test_a_run_was_also_trained_on_what_the_run_before_it_saw(tmp_path):
    for told in (record("pretraining", 0, 1.0), record("finetuned", 0, 1.0, after="pretraining")):
        (tmp_path / f"{told['experiment']}-0").mkdir()
        (tmp_path / f"{told['experiment']}-0" / "metrics.json").write_text(json.dumps(told))
    found = results(tmp_path).groupby("experiment")["trained_on"].unique()
    assert list(found["pretraining"]) == ["1,200 of studio"]
    assert list(found["finetuned"]) == ["1,200 of studio, then 1,200 of studio"]


def test_no_finished_run_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="make reproduce"):
        results(tmp_path)


def test_one_value_has_no_spread():
    assert (
        mean_and_spread(pd.Series([1.234])) == "1.23"
        and mean_and_spread(pd.Series([], dtype=float)) == "not run"
    )
