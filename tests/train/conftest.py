"""What the tests of training share: a small network, a short plan, and child processes that may be killed."""

import multiprocessing
import os
import signal
import sys

import matplotlib.pyplot as plt
import pytest
import torch

from renderih_lib.nets.transhand import TransHand
from renderih_lib.train.settings import TrainSettings

#: Twenty steps of two small images.
SHORT = TrainSettings(steps=20, batch=2, image_size=32, warmup=2, log_every=1, save_every=100)


@pytest.fixture(autouse=True)
def figures_closed():
    """No figure of one test is open in the next."""
    yield
    plt.close("all")


@pytest.fixture
def short() -> TrainSettings:
    return SHORT


@pytest.fixture
def make(hands):
    """A function `(seed, **changes) -> TransHand`: the smallest network."""
    return lambda seed=0, **changes: TransHand(hands, "tiny", seed=seed, **changes)


@pytest.fixture
def in_child():
    """A function that runs `action()` in a forked child and returns (exit code or minus signal, what it printed)."""

    def run(action, tmp_path) -> tuple[int, str]:
        printed = tmp_path / f"printed-{len(list(tmp_path.iterdir()))}"
        child = multiprocessing.get_context("fork").Process(target=_quietly, args=(action, printed))
        child.start()
        child.join(120)
        assert child.exitcode is not None, "the child hangs"
        return child.exitcode, printed.read_text()

    return run


def _quietly(action, printed) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)
    sys.stderr = open(printed, "w", buffering=1)  # noqa: SIM115, an error of `action` is told after it
    os.dup2(sys.stderr.fileno(), 2)
    action()
