"""Benchmarks print figures and nothing else."""

import json

import pytest

from renderih_lib.bench.__main__ import BENCHMARKS, main
from renderih_lib.bench.hand import bench_hand
from renderih_lib.bench.timing import seconds_of


@pytest.mark.parametrize("name", ["import", "hand"])
def test_json_is_one_object_of_figures_and_nothing_else(name, capsys):
    assert main([name, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures and all(isinstance(value, (int, float, bool)) for value in figures.values())


def test_without_json_there_is_a_line_for_each_figure(capsys):
    assert main(["import"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["import_seconds", "imports_bpy", "imports_torch"]


def test_an_unknown_benchmark_names_the_known_ones(capsys):
    with pytest.raises(SystemExit):
        main(["poses"])
    message = capsys.readouterr().err
    assert all(name in message for name in BENCHMARKS)


def test_the_median_of_the_calls_is_taken_after_a_first_one():
    calls = []
    assert seconds_of(lambda: calls.append(1), 3) >= 0
    assert len(calls) == 4


def test_the_open_hand_loads_in_a_fifth_of_a_second():
    assert bench_hand()["load_seconds"] < 0.2
