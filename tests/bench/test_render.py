import pytest

from renderih_lib.bench.render import TARGETS, bench_render


@pytest.mark.slow
def test_one_run_measures_every_number_that_has_a_target():
    size = {"width": 64, "height": 42}
    figures = bench_render(images=2, alone=1, steady=4, reference=8, texture=128, pairs=200, **size)
    assert set(TARGETS) <= set(figures)
    assert figures["identical_bytes"] and figures["reproj_px_max"] <= 0.1
    assert figures["overhead_ratio"] > 1 and figures["speedup_vs_process_per_image"] > 1
    assert 10 < figures["psnr_db"] < 80 and 0.8 < figures["mask_iou_min"] <= 1
