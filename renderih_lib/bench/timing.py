"""How long something takes, and how much memory."""

import statistics
import time
from collections.abc import Callable


def seconds_of(action: Callable[[], object], repeats: int) -> float:
    """Median seconds of `action` over `repeats` calls, after one that is not counted."""
    action()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)
