"""How long something takes, and how much memory."""

import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path


def seconds_of(action: Callable[[], object], repeats: int) -> float:
    """Median seconds of `action` over `repeats` calls, after one that is not counted."""
    action()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def peak_gigabytes() -> float:
    """Largest resident memory of this process so far.

    `getrusage` would do, but on Linux a process starts with the peak of the one that spawned it.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
