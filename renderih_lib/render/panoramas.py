"""Makes the panoramas of generated places, each in a Blender process of its own.

`python -m renderih_lib.render.panoramas --name room-0003 --seed 0 --width 1024 --out DIR`

A place depends on the seed, its kind and its number alone, and is the same place at any width. A finished panorama
is checked and left alone; a killed run leaves nothing that looks finished.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from renderih_lib.render.environments import PLACES, check_panorama, kind_of
from renderih_lib.repro import replacing

NARROWEST = 64  # pixels: with less the denoiser has nothing to work with


def make_panorama(name: str, seed: int, width: int, out: Path, *, threads: int = 1) -> Path:
    """The file `out`/`name`.exr, rendered if it is not there whole.

    Args:
        name: a kind of `environments.PLACES` and a number, as "room-0003". width: pixels; the height is half of it.

    Raises:
        ValueError: if no place has this name, or the width is odd or below 64.
        RuntimeError: if Blender failed, with its last words.
    """
    if kind_of(name) not in PLACES:
        raise ValueError(
            f"no place is called {name!r}; use one of {', '.join(PLACES)} and four digits: room-0003"
        )
    if width < NARROWEST or width % 2:
        raise ValueError(f"width is {width}; give an even number of pixels from {NARROWEST}")
    path = Path(out) / f"{name}.exr"
    if _is_whole(path):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    kind, number = name.split("-")
    with replacing(path) as temporary:
        command = [sys.executable, "-m", "renderih_lib.render.blender.panorama", "--kind", kind]
        command += ["--number", str(int(number)), "--seed", str(seed), "--width", str(width)]
        command += ["--threads", str(threads), "--path", str(temporary)]
        child = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        if child.returncode or not temporary.exists():
            last = " | ".join(child.stdout.strip().split("\n")[-2:])
            raise RuntimeError(f"{name}: Blender ended with status {child.returncode}: {last}")
        check_panorama(temporary)
    return path


def _is_whole(path: Path) -> bool:
    try:
        check_panorama(path)
    except (FileNotFoundError, ValueError):
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--name",
        nargs="+",
        required=True,
        help="as room-0003, sky-0012, dome-0001; several are made one by one",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=2048, help="pixels; the height is half of it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    for name in args.name:
        try:
            path = make_panorama(name, args.seed, args.width, args.out, threads=args.threads)
        except (ValueError, RuntimeError, OSError) as error:
            sys.exit(f"panoramas: {error}")
        print(path, flush=True)


if __name__ == "__main__":
    main()
