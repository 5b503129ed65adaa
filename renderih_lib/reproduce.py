"""`make reproduce`: the whole graph of notebooks through Snakemake, with progress a person can follow.

Calling it again does only what is missing or out of date, also after a kill.
"""

import argparse
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from contextlib import contextmanager
from pathlib import Path

import yaml

from renderih_lib.repro import project_root, write_json
from renderih_lib.scales import Scale, scale_by_name

#: Measured seconds of every stage per scale, on 2 cores; written by `make notebooks`.
DURATIONS = Path(__file__).with_name("durations.yaml")

#: Snakemake's configuration besides the scale.
CONFIG = ("seed", "out_dir", "data_root", "sources", "device")

_RUN_VARIABLE = (
    "RENDERIH_RUN"  # marks the processes of one call, so that a later call can end what a kill left
)
_SNAKEMAKE_WORDS = ("RuleException", "CalledProcessError", "Command ", "Removing output", "Trying to restart")
_STATUS_SECONDS = 30.0  # between two lines about what is running, where there is no terminal


def reproduce(scale: Scale, cores: int, config: dict, more: list[str]) -> int:
    """Run everything that is not done yet and print where the report is; the exit code, 0 when all is there.

    config: a value for each of `CONFIG`. more: further arguments of Snakemake, for example a profile or targets.
    """
    os.chdir(project_root())
    results = Path(config["out_dir"]) / scale.name
    results.mkdir(parents=True, exist_ok=True)
    check_disk(results, scale.disk_gb)
    assignments = [f"scale={scale.name}", *(f"{name}={value}" for name, value in config.items())]
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--nolock", "--rerun-incomplete"]
    command += ["--max-jobs-per-timespan", "1000/1m"]  # its default looks at all inputs every second
    with _this_run_only(results / ".reproduce") as run_id:
        board = Board(
            f"scale {scale.name}, seed {config['seed']}, {cores} cores", results, expected_seconds(scale)
        )
        code = _run([*command, *more, "--config", *assignments], run_id, results / "reproduce.log", board)
    board.finish(code)
    return code


def expected_seconds(scale: Scale) -> dict[str, float]:
    """Measured seconds of the stages of a scale, and `total`; empty when it was not measured yet."""
    return (yaml.safe_load(DURATIONS.read_text()) or {}).get(scale.name, {})


def check_disk(folder: Path, needed_gb: float) -> None:
    """ValueError when the disk of `folder` has less than `needed_gb` free."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < needed_gb:
        raise ValueError(
            f"{needed_gb:g} GB of disk are needed in {folder} and {free:.1f} GB are free: make room first"
        )


class Board:
    """What is known of the running stages, told from the lines that Snakemake and the runner print."""

    def __init__(self, title: str, results: Path, expected: dict[str, float]):
        self.title, self.results, self.expected = f"{title}, results in {results}", results, expected
        self.begin, self.lock = time.monotonic(), threading.Lock()
        self.jobs: dict[str, str] = {}  # Snakemake's job id -> stage
        self.started: dict[str, float] = {}
        self.state: dict[str, str] = {}
        self.stages = (
            results / "stages.json"
        )  # seconds of every stage, kept for the next call and for `publish`
        self.fresh = not self.stages.is_file()
        self.seconds: dict[str, float] = {} if self.fresh else json.loads(self.stages.read_text())
        self.total = self.done = 0
        self.rule, self.job = "", ""
        self.errors: list[str] = []
        self.recent: deque[str] = deque(maxlen=20)  # of what the stages print
        self.next_status = self.begin + _STATUS_SECONDS
        self.terminal = sys.stdout.isatty()

    def read(self, line: str) -> None:
        """Take in one line of the log."""
        with self.lock:
            if match := re.match(r"total +(\d+)$", line):
                self.total = int(match[1])
                self._say(f"{self.title}: {self.total} stages to do{self._about(self._total())}")
            elif match := re.match(r"(?:local)?rule (\w+):$", line):
                self.rule, self.job = match[1].removeprefix("notebook_"), ""
            elif match := re.match(r"    jobid: (\d+)$", line):
                self.job = match[1]
                self._start(self.rule)
            elif (match := re.match(r"    wildcards: (.*)$", line)) and self.job:
                self.started.pop(self.jobs[self.job])
                self._start(" ".join([self.rule, *re.findall(r"=([\w-]+)", match[1])]))
            elif match := re.match(r"Finished jobid: (\d+)", line):
                self._finish(self.jobs.get(match[1], "?"))
            elif match := re.match(
                r"(\w+(?: [\w-]+)*): (cell \d+/\d+|\d+/\d+ (?:images|steps|pairs \w+))", line
            ):
                self.state[match[1]] = match[2]
            elif line.startswith("error: "):
                self.errors.append(line.removeprefix("error: "))
            elif line.startswith("Error in rule") and not self.errors:
                self.errors += [text for text in self.recent if not text.startswith(_SNAKEMAKE_WORDS)][-1:]
            elif line.strip() and not line.startswith((" ", "[")):
                self.recent.append(line.strip())

    def tick(self) -> None:
        """Show what is running: always the same line on a terminal, a new line now and then elsewhere."""
        with self.lock:
            if not self.started:
                return
            now = time.monotonic()
            running = ", ".join(self._running(stage, now) for stage in self.started)
            line = f"[{self.done}/{self.total}] {clock(now - self.begin)}  {running}"
            if self.terminal:
                width = shutil.get_terminal_size().columns - 1
                print(f"\r{line[:width]:<{width}}", end="", flush=True)
            elif now >= self.next_status:
                print(line, flush=True)
                self.next_status = now + _STATUS_SECONDS

    def finish(self, code: int) -> None:
        """Say how it ended and where the report or the log is."""
        report = self.results / "99_report" / "report.html"
        where = f"the report is {report}" if report.is_file() else f"results are in {self.results}"
        if code:
            for error in self.errors or ["a stage failed"]:
                self._say(f"error: {error}")
            self._say(
                f"stopped after {clock(time.monotonic() - self.begin)}; the log is {self.results / 'reproduce.log'}"
            )
        elif self.total:
            if self.fresh:
                write_json(self.stages, self.seconds | {"total": round(time.monotonic() - self.begin, 1)})
            self._say(f"done in {clock(time.monotonic() - self.begin)}; {where}")
        else:
            self._say(f"nothing to do, everything is up to date; {where}")

    def _total(self) -> float | None:
        """Expected seconds of everything; unknown when a part is done already."""
        return self.expected.get("total") if self.fresh else None

    def _start(self, stage: str) -> None:
        if stage != "all":
            self.jobs[self.job] = stage
            self.started[stage] = time.monotonic()

    def _finish(self, stage: str) -> None:
        begin = self.started.pop(stage, None)
        self.state.pop(stage, None)
        if begin is None:
            return
        self.done += 1
        self.seconds[stage] = round(time.monotonic() - begin, 1)
        write_json(self.stages, self.seconds)
        total = clock(time.monotonic() - self.begin) + self._about(self._total())
        self._say(f"[{self.done}/{self.total}] {stage:<28} {clock(self.seconds[stage]):>7}   total {total}")

    def _running(self, stage: str, now: float) -> str:
        expected = self.expected.get(stage_kind(stage))
        words = [stage, self.state.get(stage, ""), clock(now - self.started[stage]) + self._about(expected)]
        return " ".join(word for word in words if word)

    def _say(self, line: str) -> None:
        clear = "\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r" if self.terminal else ""
        print(clear + line, flush=True)

    @staticmethod
    def _about(seconds: float | None) -> str:
        return f" of about {clock(seconds)}" if seconds else ""


def stage_kind(stage: str) -> str:
    """A stage without its number: "pose_shard 00003" is a "pose_shard", "panorama room-0001" a "panorama room"."""
    return re.sub(r"[ -]\d+$", "", stage)


def clock(seconds: float) -> str:
    """Minutes and seconds, "3:07", with hours from one on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _run(command: list[str], run_id: str, log: Path, board: Board) -> int:
    """Snakemake's exit code; every line of it goes to `log` and to `board`."""
    environment = os.environ | {_RUN_VARIABLE: run_id}
    snakemake = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    over = threading.Event()

    def keep_showing() -> None:
        while not over.wait(1.0):
            board.tick()

    threading.Thread(target=keep_showing, daemon=True).start()
    try:
        with open(log, "w") as file:
            for line in snakemake.stdout:
                file.write(line)
                file.flush()
                board.read(line.rstrip("\n"))
        return snakemake.wait()
    finally:
        over.set()
        end_processes(run_id)


@contextmanager
def _this_run_only(path: Path):
    """Hold the results folder, after ending what a killed call left running; yields this call's id."""
    with open(path, "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"another call is already working in {path.parent}: wait for it, or end it first"
            ) from None
        lock.seek(0)
        if previous := lock.read().strip():
            end_processes(previous)
        run_id = uuid.uuid4().hex
        lock.truncate(0)
        lock.write(run_id)
        lock.flush()
        yield run_id


def end_processes(run_id: str) -> None:
    """End the processes that a call started and that still run (Linux; elsewhere there is no way to find them)."""
    mark = f"{_RUN_VARIABLE}={run_id}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in entry.read_bytes().split(b"\0"):
                os.kill(int(entry.parent.name), signal.SIGKILL)
        except OSError:  # it is gone, or somebody else's
            continue


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m renderih_lib.reproduce", description=__doc__.splitlines()[0])
    parser.add_argument("--scale", default="demo")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out-dir", default="runs")
    parser.add_argument("--data-root", default="")
    parser.add_argument("--device", default="cpu", help="of Cycles: cpu, cuda, optix, hip or metal")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--sources", default="notebooks/src", help="folder of the notebooks' sources")
    options, more = parser.parse_known_args(arguments)
    try:
        if options.data_root and not Path(options.data_root).is_dir():
            raise ValueError(f"DATA_ROOT {options.data_root} is no folder; correct it, or leave it out")
        return reproduce(
            scale_by_name(options.scale),
            options.cores,
            config={k: getattr(options, k) for k in CONFIG},
            more=more,
        )
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
