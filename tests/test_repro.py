"""What a notebook starts with: folder, random numbers, figures, metrics."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from renderih_lib import repro


@pytest.fixture
def run(tmp_path):
    return repro.start("01_topic", scale="tiny", seed=0, out_dir=str(tmp_path))


@pytest.fixture
def displayed(monkeypatch):
    """What would be shown in the notebook: (data, metadata) of each display."""
    shown = []
    monkeypatch.setattr(repro, "_display", lambda bundle, metadata=None: shown.append((bundle, metadata)))
    return shown


def test_results_lie_below_scale_and_notebook(run, tmp_path):
    assert run.folder == tmp_path / "tiny" / "01_topic"
    assert run.output("figures/deep/a.png").parent.is_dir()


def test_a_relative_folder_is_the_projects_also_from_the_notebooks_folder(tmp_path, monkeypatch):
    (tmp_path / "Snakefile").touch()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert repro.start("01_topic", scale="tiny").folder == tmp_path / "runs" / "tiny" / "01_topic"


@pytest.mark.parametrize("seed", [-1, 1.0, "0", True, None])
def test_a_seed_that_is_no_natural_number_is_refused(seed, tmp_path):
    with pytest.raises(ValueError, match="seed"):
        repro.start("01_topic", scale="tiny", seed=seed, out_dir=str(tmp_path))


def test_sample_i_draws_from_the_root_seed_and_i(run):
    expected = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(7,))).random(4)
    assert np.array_equal(run.rng(7).random(4), expected)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 2**32 - 1), st.text(min_size=1, max_size=8)), max_size=3))
def test_generators_depend_on_nothing_but_seed_and_keys(keys):
    runs = [repro.Run("a", None, 3, None), repro.Run("b", None, 3, None), repro.Run("a", None, 4, None)]
    first, second, other = (run.rng(*keys).random(3).tolist() for run in runs)
    assert first == second != other


def test_one_key_more_gives_another_stream_also_when_it_is_zero(run):
    streams = [run.rng(*keys).random() for keys in ((), (0,), (0, 0), (7,), (7, 0))]
    assert len(set(streams)) == 5


def test_missing_input_says_which_notebook_to_run_first(run):
    with pytest.raises(
        FileNotFoundError, match="02_pose_augmentation/pairs.npz.*run notebook 02_pose_augmentation first"
    ):
        run.input("02_pose_augmentation", "pairs.npz")
    with pytest.raises(FileNotFoundError, match="make reproduce SCALE=tiny"):
        run.input("datasets", "gallery/plan.parquet")


def test_opened_inputs_are_noted_for_the_runner(run, tmp_path, monkeypatch):
    monkeypatch.setenv(repro.INPUTS_VARIABLE, str(tmp_path / "log"))
    made = run.results / "02_other" / "a.txt"
    made.parent.mkdir()
    made.touch()
    assert run.input("02_other", "a.txt") == made
    assert (tmp_path / "log").read_text() == f"{made}\n"


def test_metrics_are_merged_and_plain(run):
    run.write_metrics({"a": np.float32(0.5), "b": {"c": np.arange(2)}})
    run.write_metrics({"d": float("nan"), "e": True})
    written = json.loads((run.folder / "metrics.json").read_text())
    assert written == {"a": 0.5, "b": {"c": [0, 1]}, "d": None, "e": True}


def test_figures_are_saved_and_shown_with_alt_text_and_caption(run, displayed):
    figure, axis = plt.subplots()
    axis.plot([0, 1])
    run.show(figure, "line", caption="A line.", alt="A rising line.")
    assert Image.open(run.folder / "figures" / "line.png").width > 100
    (picture, metadata), (caption, _) = displayed
    assert metadata == {"image/png": {"alt": "A rising line."}} and "image/png" in picture
    assert caption["text/markdown"] == "*A line.*"
    assert not plt.fignum_exists(figure.number)  # else it would be shown again without alt text


def test_the_same_figure_gives_the_same_bytes(run, displayed):
    image = np.random.default_rng(0).random((20, 30, 3))
    for name in ("a", "b"):
        run.show(image, name, caption="Noise.", alt="Noise.")
    files = [(run.folder / "figures" / f"{name}.png").read_bytes() for name in ("a", "b")]
    assert files[0] == files[1]


def test_big_pictures_are_embedded_small_and_kept_whole(run, displayed):
    noise = np.random.default_rng(0).integers(0, 256, (500, 1600, 3), dtype=np.uint8)
    run.show(noise, "noise", caption="Noise.", alt="Noise.")
    assert Image.open(run.folder / "figures" / "noise.png").size == (1600, 500)
    (picture, metadata), _ = displayed
    assert "image/jpeg" in picture and metadata == {"image/jpeg": {"alt": "Noise."}}
    assert len(picture["image/jpeg"]) < 800_000


@pytest.mark.parametrize("words", [{"caption": " ", "alt": "x"}, {"caption": "x", "alt": ""}])
def test_a_figure_without_words_is_refused(run, words):
    with pytest.raises(ValueError, match="is empty"):
        run.show(np.zeros((2, 2)), "black", **words)


def test_tables_are_saved_and_shown_with_header_scope(run, displayed):
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="row"))
    run.table(frame, "numbers", caption="Two numbers.")
    assert (run.folder / "figures" / "numbers.csv").read_text() == "row,a\nx,1\ny,2\n"
    html = displayed[0][0]["text/html"]
    assert "<caption>Two numbers.</caption>" in html and '<th scope="col">' in html


def test_progress_yields_everything_and_logs_in_batch(run, monkeypatch, capsys):
    monkeypatch.setenv(repro.BATCH_VARIABLE, "1")
    assert list(run.progress(range(4), desc="steps")) == [0, 1, 2, 3]
    assert capsys.readouterr().out.startswith("steps: 4/4, ")


def test_a_meter_shows_the_numbers_of_its_last_step(run, monkeypatch, capsys):
    monkeypatch.setenv(repro.BATCH_VARIABLE, "1")
    meter = run.meter(2, "optimise")
    meter.step(penetration=12.3456)
    meter.step(penetration=0.5)
    meter.close()
    assert capsys.readouterr().out == "optimise: 2/2, 0 s, penetration 0.5\n"


def test_a_meter_is_silent_between_its_lines_and_says_the_end_once(monkeypatch, capsys):
    clock = iter([0.0, 1.0, 6.0, 7.0, 8.0, 9.0])
    monkeypatch.setattr(repro.time, "monotonic", lambda: next(clock))
    meter = repro.Meter("shard gallery 00003", 40, "images")
    for done in (5, 10, 15, 40, 40):
        meter.reach(done)
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["shard gallery 00003: 10/40 images, 6 s", "shard gallery 00003: 40/40 images, 8 s"]


def test_the_lines_of_a_meter_become_rarer_but_never_stop(monkeypatch, capsys):
    clock = iter(range(10_000))
    monkeypatch.setattr(repro.time, "monotonic", lambda: next(clock))
    meter = repro.Meter("training", None)
    for _ in range(9_000):
        meter.step()
    seconds = [int(line.split(", ")[1].removesuffix(" s")) for line in capsys.readouterr().out.splitlines()]
    gaps = np.diff([0, *seconds])
    assert gaps[0] == 5 and all(np.diff(gaps) >= 0) and gaps[-1] == 300 and len(gaps) < 50


def test_a_live_meter_closes_its_bar(run, monkeypatch):
    monkeypatch.delenv(repro.BATCH_VARIABLE, raising=False)
    meter = run.meter(1)
    meter.step(loss=1.0)
    meter.close()
    assert meter.bar.disable and meter.bar.n == 1


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), repro.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
