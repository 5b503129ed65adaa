"""How much two hands hide each other: the IoU of their masks, each hand drawn as if it were alone (paper Figure 11)."""

import math
from dataclasses import replace

import numpy as np

from renderih_lib.data.samples import Sample
from renderih_lib.hand.pair import HandPair
from renderih_lib.render import annotate
from renderih_lib.render.raster import rasterize


def hand_masks(sample: Sample, hands: HandPair) -> np.ndarray:
    """Pixels (2, H, W) bool whose centre each hand's mesh covers, as if nothing were in front of it.

    Args:
        hands: the hand models that the sample's vertices belong to; they give the faces.

    Raises:
        ValueError: if the sample has no meshes, or of another hand model.
    """
    if sample.vertices is None:
        raise ValueError(f"sample {sample.sample_id} has no meshes to draw masks of")
    counts = [hand.vertex_count for hand in hands.hands]
    if set(counts) != {sample.vertices.shape[1]}:
        raise ValueError(
            f"sample {sample.sample_id} has meshes of {sample.vertices.shape[1]} vertices, the hand model {counts}; "
            "give the hands that the dataset was read with"
        )
    height, width = sample.image.shape[:2]
    drawn = [
        rasterize(mesh, hand.faces.numpy(), sample.K, width, height).face >= 0
        for mesh, hand in zip(sample.vertices, hands.hands, strict=True)
    ]
    return np.stack(drawn)


def mask_iou(sample: Sample, hands: HandPair) -> float:
    """Intersection over union of the `hand_masks`, 0 if both are outside; NaN unless both hands have a mesh."""
    if not sample.meshed.all():
        return float("nan")
    return annotate.mask_iou(*hand_masks(sample, hands))


def with_mask_iou(sample: Sample, hands: HandPair) -> Sample:
    """The sample with its `mask_iou`, measured from its meshes if the dataset does not say it."""
    return replace(sample, mask_iou=mask_iou(sample, hands)) if math.isnan(sample.mask_iou) else sample
