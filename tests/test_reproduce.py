"""The driver of `make reproduce`: what it tells from Snakemake's log, and what it checks first."""

import fcntl
import json
import os
import subprocess
import sys

import pytest

from renderih_lib import reproduce

LOG = """Job stats:
job                             count
----------------------------  -------
notebook_02_pose_augmentation       1
shard                               1
total                               2

[Sat Nov 21 01:37:08 2026]
localrule notebook_02_pose_augmentation:
    output: a/executed.ipynb
    jobid: 1
    resources: tmpdir=/tmp
02_pose_augmentation: cell 3/40, 0:35
[Sat Nov 21 01:37:08 2026]
rule shard:
    jobid: 7
    wildcards: dataset=studio-train, shard=00003
shard studio-train 00003: 12/40 images, 0:35
"""


@pytest.fixture
def board(tmp_path):
    return reproduce.Board(
        "scale tiny", tmp_path, {"02_pose_augmentation": 95, "shard studio-train": 60, "total": 400}
    )


def read(board, text):
    for line in text.splitlines():
        board.read(line)


def test_running_stages_are_named_with_their_cell_and_expected_time(board, capsys):
    read(board, LOG)
    board.next_status = 0
    board.tick()
    printed = capsys.readouterr().out
    assert "2 stages to do of about 6:40" in printed
    assert (
        "[0/2] 0:00  02_pose_augmentation cell 3/40 0:00 of about 1:35, "
        "shard studio-train 00003 12/40 images 0:00 of about 1:00" in printed
    )


def test_an_experiment_shows_its_steps_and_counts_apart_from_others(board, capsys):
    read(board, "rule experiment:\n    jobid: 3\n    wildcards: name=mixed-synthetic-30, seed=0\n")
    read(board, "experiment mixed-synthetic-30 0: 120/450 steps, 0:20\n")
    board.next_status = 0
    board.tick()
    assert "experiment mixed-synthetic-30 0 120/450 steps 0:00" in capsys.readouterr().out
    assert reproduce.stage_kind("experiment mixed-synthetic-30 0") == "experiment mixed-synthetic-30"


def test_finished_stages_are_counted_and_timed(board, capsys, tmp_path):
    (tmp_path / "99_report").mkdir()
    (tmp_path / "99_report" / "report.html").touch()
    read(
        board,
        LOG + "Finished jobid: 7 (Rule: shard)\nFinished jobid: 1 (Rule: notebook_02_pose_augmentation)\n",
    )
    board.finish(0)
    printed = capsys.readouterr().out
    assert "[1/2] shard studio-train 00003" in printed and "[2/2] 02_pose_augmentation" in printed
    assert printed.strip().endswith(f"the report is {tmp_path / '99_report' / 'report.html'}")
    stages = json.loads((tmp_path / "stages.json").read_text())
    assert list(stages) == ["shard studio-train 00003", "02_pose_augmentation", "total"]


def test_a_second_call_keeps_the_seconds_of_the_first_and_expects_no_total(tmp_path, capsys):
    (tmp_path / "stages.json").write_text('{"01_hand_model": 5.0, "total": 9.0}')
    board = reproduce.Board("scale tiny", tmp_path, {"total": 400})
    read(board, LOG + "Finished jobid: 1 (Rule: notebook_02_pose_augmentation)\n")
    board.finish(0)
    assert "about" not in capsys.readouterr().out
    stages = json.loads((tmp_path / "stages.json").read_text())
    assert list(stages) == ["01_hand_model", "total", "02_pose_augmentation"] and stages["total"] == 9.0


def test_nothing_to_do_is_said(board, capsys):
    read(board, "Nothing to be done (all requested files are present and up to date).")
    board.finish(0)
    assert capsys.readouterr().out.startswith("nothing to do")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("error: 02_x: cell 3 (1/0) failed", "error: 02_x: cell 3 (1/0) failed"),
        (
            "shard 3: a texture is missing\nRuleException:\nCalledProcessError in file",
            "error: shard 3: a texture is missing",
        ),
    ],
)
def test_a_failure_is_told_in_the_stages_own_words(board, capsys, words, told):
    read(board, f"{LOG}{words}\nError in rule shard:\n    message: None\n")
    board.finish(1)
    assert told in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(("seconds", "text"), [(7.4, "0:07"), (187, "3:07"), (3600, "1:00:00")])
def test_times_are_written_as_on_a_clock(seconds, text):
    assert reproduce.clock(seconds) == text


def test_a_full_disk_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(reproduce, "check_disk", lambda folder, needed: real_check(folder, 1e9))
    assert reproduce.main(["--scale", "tiny", "--out-dir", str(tmp_path)]) == 1
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1 and "GB of disk are needed" in errors[0]


real_check = reproduce.check_disk


def test_an_unknown_scale_is_one_line(capsys):
    assert reproduce.main(["--scale", "huge"]) == 1
    assert capsys.readouterr().err == "error: scale is 'huge'; choose one of tiny, demo, gpu, paper\n"


def test_a_data_root_that_is_not_there_is_one_line(tmp_path, capsys):
    absent = tmp_path / "data"
    assert reproduce.main(["--scale", "tiny", "--data-root", str(absent)]) == 1
    assert capsys.readouterr().err == f"error: DATA_ROOT {absent} is no folder; correct it, or leave it out\n"


def test_two_calls_do_not_share_a_folder(tmp_path):
    with open(tmp_path / ".reproduce", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with (
            pytest.raises(ValueError, match="another call"),
            reproduce._this_run_only(tmp_path / ".reproduce"),
        ):
            raise AssertionError("both hold the folder")


def test_processes_of_a_killed_call_are_ended_and_no_others():
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    ours, other = (
        subprocess.Popen(sleep, env=os.environ | {"RENDERIH_RUN": run}) for run in ("one-run", "another")
    )
    try:
        while any(not _has_environment(process) for process in (ours, other)):
            pass
        reproduce.end_processes("one-run")
        assert ours.wait(timeout=10) != 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def _has_environment(process):
    with open(f"/proc/{process.pid}/environ", "rb") as file:
        return b"RENDERIH_RUN" in file.read()


@pytest.mark.parametrize(
    "stage, kind",
    [
        ("pose_shard 00003", "pose_shard"),
        ("shard renderih-train 00012", "shard renderih-train"),
        ("panorama room-0001", "panorama room"),
        ("06_natural_discriminator", "06_natural_discriminator"),
    ],
)
def test_stages_that_differ_in_their_number_are_of_one_kind(stage, kind):
    assert reproduce.stage_kind(stage) == kind
