"""How fast the library and the hand load, and how fast hands are posed."""

import statistics
import subprocess
import sys

import torch

from renderih_lib.bench.timing import seconds_of
from renderih_lib.hand.open_hand import load_arrays, load_open_hand


def bench_import() -> dict:
    """Seconds that `import renderih_lib` takes in a fresh interpreter, and whether it pulls in bpy or torch."""
    program = (
        "import sys, time; begin = time.perf_counter(); import renderih_lib; "
        "print(time.perf_counter() - begin, 'bpy' in sys.modules, 'torch' in sys.modules)"
    )
    answers = [subprocess.check_output([sys.executable, "-c", program], text=True).split() for _ in range(5)]
    return {
        "import_seconds": statistics.median(float(seconds) for seconds, _, _ in answers),
        "imports_bpy": any(bpy == "True" for _, bpy, _ in answers),
        "imports_torch": any(torch_ == "True" for _, _, torch_ in answers),
    }


def bench_hand() -> dict:
    """Seconds to load the open hand, and poses per second of its forward pass at several batch sizes."""

    def load_from_disk():
        load_arrays.cache_clear()
        load_open_hand("right")

    figures = {"threads": torch.get_num_threads(), "load_seconds": seconds_of(load_from_disk, 5)}
    hand = load_open_hand("right")
    for batch in (1, 32, 256):
        rotations = torch.eye(3).expand(batch, 16, 3, 3).contiguous()
        shape = torch.zeros(batch, hand.shape_count)
        with torch.no_grad():
            seconds = seconds_of(lambda r=rotations, s=shape: hand.forward(r, s), 10)
        figures[f"poses_per_second_batch_{batch}"] = batch / seconds
    return figures
