"""Benchmarks print figures and nothing else."""

import json

import pytest

from renderih_lib import bench


@pytest.mark.parametrize("name", bench.BENCHMARKS)
def test_json_is_one_object_of_figures_and_nothing_else(name, capsys):
    assert bench.main([name, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures and all(isinstance(value, (int, float, bool)) for value in figures.values())


def test_without_json_there_is_a_line_for_each_figure(capsys):
    assert bench.main(["import"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["import_seconds", "imports_bpy", "imports_torch"]


def test_the_median_of_the_calls_is_taken_after_a_first_one():
    calls = []
    assert bench.seconds_of(lambda: calls.append(1), 3) >= 0
    assert len(calls) == 4


def test_the_open_hand_loads_in_a_fifth_of_a_second():
    assert bench.bench_hand()["load_seconds"] < 0.2
