"""`python -m renderih_lib.bench NAME [--json]` prints one benchmark's figures and nothing else."""

import argparse
import contextlib
import json
import sys

from renderih_lib.bench.hand import bench_hand, bench_import
from renderih_lib.bench.learn import bench_learn
from renderih_lib.bench.pose import bench_pose
from renderih_lib.bench.render import bench_render

BENCHMARKS = {
    "import": bench_import,
    "hand": bench_hand,
    "pose": bench_pose,
    "render": bench_render,
    "learn": bench_learn,
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m renderih_lib.bench", description=__doc__)
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args(arguments)
    with contextlib.redirect_stdout(sys.stderr):  # workers report their progress
        figures = BENCHMARKS[options.name]()
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:<30} {value:.4g}" if isinstance(value, float) else f"{name:<30} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
