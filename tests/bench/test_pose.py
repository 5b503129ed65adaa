import pytest

from renderih_lib.bench.pose import TARGETS, against_targets, batch_memory, bench_pose


def test_margins_are_above_one_where_a_target_is_reached():
    rows = against_targets({"field_mae_mm": 0.25, "kept": 0.465, "threads": 2})
    assert rows.margin.to_dict() == pytest.approx({"field_mae_mm": 2, "kept": 0.5})
    assert rows.reached.to_dict() == {"field_mae_mm": True, "kept": False}
    assert rows.text["field_mae_mm"] == "0.25 mm (at most 0.5)"


@pytest.mark.slow
def test_one_run_measures_every_number_that_has_a_target():
    figures = bench_pose(raw_poses=6, copies=1, few=6, poses=5, steps=30)
    assert set(TARGETS) - set(figures) <= {"pairs_per_s_gpu"}
    assert figures["pairs"] == 6 and figures["batch_diff_rad"] <= 1e-4
    assert figures["field_mae_mm"] <= 0.5 and figures["field_p95_mm"] <= 2
    assert figures["kept"] > figures["kept_before"] and figures["contact_gain"] > 1


@pytest.mark.slow
def test_a_batch_of_64_fits_into_two_gigabytes():
    assert 0.1 < batch_memory(64) <= 2
