import numpy as np
import pytest

from renderih_lib.bench.samples import sample_speed, write_drawn_shard
from renderih_lib.data.rendered import RenderedDataset


def test_each_step_of_a_sample_is_timed():
    figures = sample_speed(count=2, batches=1, batch=8)
    assert all(value > 0 for value in figures.values())
    assert figures["samples_per_s_core"] == pytest.approx(1000 / figures["sample_ms"])
    parts = figures["decode_image_ms"] + figures["decode_parts_ms"] + figures["augment_ms"]
    assert parts < 1.5 * figures["sample_ms"]


def test_drawn_hands_are_labelled_as_rendered_ones(tmp_path, hands):
    """Each keypoint that lies on its own hand's pixels is drawn in skin colour, and the part masks say which hand."""
    write_drawn_shard(tmp_path, hands, 3, 128)
    for sample in RenderedDataset(tmp_path, hands):
        columns, rows = np.floor(sample.pixels).astype(int).transpose(2, 0, 1)
        assert 0 <= min(columns.min(), rows.min()) and max(columns.max(), rows.max()) < 128
        seen = sample.parts[rows, columns]
        assert (seen > 0).mean() > 0.8
        own = (seen > [[0], [16]]) & (seen <= [[16], [32]])
        assert own.mean() > 0.4  # the other hand hides the rest
