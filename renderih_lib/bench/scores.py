"""How long the metrics take."""

import time

import numpy as np
import torch

from renderih_lib.pose.library import load_pose_library
from renderih_lib.train import evaluate
from renderih_lib.train.evaluate import Predictions

SEED = 0
POSES = 250  # distinct interactions, each predicted again and again


def evaluation_seconds(count: int = 10_000) -> float:
    """CPU seconds, those of all threads added up, of every metric of `count` predictions and its interval by pose.

    The hands touch as the library's interactions do. Predictions are wrong by about 1 cm in place and 5 mm a point.
    """
    parts, seconds = [], 0.0
    for first in range(0, count, POSES):
        answers, said, true = noisy_answers(min(POSES, count - first), first)
        begin = time.process_time()
        parts.append(evaluate.with_mesh_errors(answers, said, true).without_vertices())
        seconds += time.process_time() - begin
    scored = Predictions.cat(parts)
    begin = time.process_time()
    evaluate.summary(scored)
    evaluate.intervals(scored, np.random.default_rng(SEED))
    return seconds + time.process_time() - begin


@torch.no_grad()
def noisy_answers(count: int, first: int = 0) -> tuple[Predictions, np.ndarray, np.ndarray]:
    """Predictions without errors yet for `count` natural interactions, and both meshes (count, 2, V, 3) metres.

    Args:
        first: number of the first image, which decides the noise.
    """
    library, rng = (
        load_pose_library(),
        np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=(first,))),
    )
    mesh = library.hands(library.natural_pairs(SEED, count))
    true, keypoints = mesh.vertices.numpy(), mesh.keypoints.numpy()
    place = rng.normal(0, 0.01, (count, 2, 1, 3)).astype(np.float32)
    said, told = (
        points + place + rng.normal(0, 0.005, points.shape).astype(np.float32) for points in (true, keypoints)
    )
    answers = Predictions(
        predicted=told,
        target=keypoints,
        predicted_2d=told[..., :2],
        target_2d=keypoints[..., :2],
        valid=np.ones(keypoints.shape[:3], dtype=bool),
        mesh_valid=np.ones((count, 2), dtype=bool),
        mask_iou=np.full(count, np.nan, dtype=np.float32),
        pose_ids=np.arange(count),
        ids=np.arange(first, first + count).astype(str),
        sources=np.full(count, "noise"),
    )
    return answers, said, true
