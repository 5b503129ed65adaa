"""Labels drawn over what a reader reads, to be looked at: READER_OVERLAYS=FOLDER keeps the sheets."""

import os
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from renderih_lib import viz
from renderih_lib.data.crops import cropped
from renderih_lib.data.reader import Reader

SHOWN = 4  # poses


def draw_labels(reader: Reader, asset: str, folder: Path) -> None:
    """Keypoints over grey crops, one picture a pose, FOLDER/asset.png: hands that count have their colour, no other has."""
    poses = {sample.pose_id: sample for sample in reader if sample.valid.any()}
    crops = [cropped(sample) for sample in list(poses.values())[:SHOWN]]
    greys = [np.repeat(crop.image.mean(-1, keepdims=True).astype(np.uint8), 3, -1) for crop in crops]
    titles = [crop.sample_id.removeprefix(f"{asset}/") for crop in crops]
    figure = viz.sheet(greys, columns=len(greys), titles=titles, title_size=5)
    for axis, crop in zip(figure.axes, crops, strict=False):
        viz.draw_keypoints(axis, np.where(crop.known[..., None], crop.pixels, np.nan))
    path = Path(os.environ.get("READER_OVERLAYS", folder)) / f"{asset}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    drawn = np.asarray(Image.open(path).convert("RGB"))
    shown = [(drawn == np.round(255 * np.array(to_rgb(c)))).all(-1).any() for c in viz.HAND_COLORS]
    assert shown == np.any([crop.valid for crop in crops], axis=0).tolist()
