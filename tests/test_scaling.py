"""docs/scaling.md: its counts are those of scale paper, its hours follow from its seconds."""

import re
from pathlib import Path

import pytest
import yaml

from renderih_lib.scales import DATASETS, scale_by_name

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "scaling.md").read_text()
PAPER = scale_by_name("paper")


def row(name):
    """Numbers of the table row that begins with `name`."""
    line = next(line for line in TEXT.splitlines() if line.startswith(f"| {name}"))
    return [
        float(number.replace(",", ""))
        for number in re.findall(r"[\d,]*\.?\d+", line.removeprefix(f"| {name}"))
    ]


@pytest.mark.parametrize("dataset", DATASETS)
def test_counts_are_those_of_scale_paper(dataset):
    assert row(f"{dataset} |") == [PAPER.poses(dataset), PAPER.images(dataset), PAPER.shards(dataset)]


@pytest.mark.parametrize(
    ("hours", "unit", "count"),
    [
        ("1,020,000 images of `renderih` |", "image of `renderih-train` at scale `paper` |", 1_020_000),
        ("the same at", "image of the gallery's recipe, 512 × 334, 16 samples,", 1_020_000),
        ("526,000 images of the other domains", "image of `renderih-train` at scale `paper` |", 526_000),
        ("110,400 pairs of hands |", "pair of hands, optimised and checked exactly |", PAPER.pairs),
    ],
)
def test_core_hours_follow_from_the_seconds_of_a_unit(hours, unit, count):
    numbers = row(hours)
    core_hours = numbers[2] if hours == "the same at" else numbers[0]
    assert core_hours == pytest.approx(count * row(unit)[0] / 3600, rel=0.02)


def test_a_shard_fits_into_the_time_that_the_slurm_profile_asks_for():
    profile = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())
    minutes = profile["set-resources"]["shard"]["runtime"]
    dearest = row("image of the gallery's recipe, 512 × 334, 16 samples,")[0]
    assert PAPER.shard_images * dearest / 60 < minutes
