"""Everything that runs inside Blender: the only package that imports bpy, always in a child process."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def few_threads(count: int) -> Iterator[None]:
    """Inside, this process may use `count` processors only: import bpy there.

    Blender's pools get as many threads as there are processors when they start. While one thread denoises, the
    others would spin: as much time of the system as the denoising itself takes.
    """
    if not hasattr(os, "sched_setaffinity"):  # not Linux
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
