"""Makes the panoramas of generated places, each in a Blender process of its own.

`python -m renderih_lib.render.panoramas --name room-0003 --seed 0 --width 1024 --out DIR`

A place depends on the seed, its kind and its number alone, and is the same place at any width. A finished panorama
is checked and left alone, one of another seed or width is made again; a killed run leaves nothing that looks finished.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from renderih_lib.render import exr
from renderih_lib.render.environments import PLACES, kind_of
from renderih_lib.repro import replacing

MADE_AS = "renderih"  # the header line that says which place a file shows
NARROWEST = 64  # pixels: with less the denoiser has nothing to work with


def make_panorama(name: str, seed: int, width: int, out: Path, *, threads: int = 1) -> Path:
    """The file `out`/`name`.exr, rendered if it is not there, not whole, or of another seed or width.

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
    made_as = f"{name} seed {seed} width {width}"
    if path.exists() and exr.is_whole(data := path.read_bytes()) and exr.text(data, MADE_AS) == made_as:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="renderih-") as folder:
        raw = Path(folder) / "panorama.exr"
        _render(name, seed, width, threads, raw)
        data = exr.with_text(raw.read_bytes(), MADE_AS, made_as)
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return path


def _render(name: str, seed: int, width: int, threads: int, path: Path) -> None:
    kind, number = name.split("-")
    command = [sys.executable, "-m", "renderih_lib.render.blender.places.panorama", "--kind", kind]
    command += ["--number", str(int(number)), "--seed", str(seed), "--width", str(width)]
    command += ["--threads", str(threads), "--path", str(path)]
    child = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    if child.returncode or not path.exists() or not exr.is_whole(path.read_bytes()):
        last = " | ".join(child.stdout.strip().split("\n")[-2:])
        raise RuntimeError(f"{name}: Blender ended with status {child.returncode}: {last}")


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
