"""How exact, how fast and how good the pose optimisation is: the numbers of notebook 07, and their targets."""

import subprocess
import sys
import time

import numpy as np
import pandas as pd
import torch

from renderih_lib.bench.timing import seconds_of
from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.pose.accuracy import field_error
from renderih_lib.pose.distinct import draw_distinct_pairs
from renderih_lib.pose.fields import ArticulatedField
from renderih_lib.pose.judge import clustered_rates, held_out_judges, order_probabilities
from renderih_lib.pose.library import PoseLibrary, load_pose_library
from renderih_lib.pose.naturalness import Discriminator, split_names, train_discriminator
from renderih_lib.pose.optimize import ITERATIONS, PairTerms, optimize_pairs
from renderih_lib.pose.plan import make_plan
from renderih_lib.pose.validity import check_pairs, contact_anchors
from renderih_lib.pose.voxels import PartVoxels, literal_penetration_loss

SEED = 0
#: Number -> (comparison, target, unit): what this project asks of itself.
TARGETS = {
    "field_mae_mm": ("<=", 0.5, "mm"),
    "field_p95_mm": ("<=", 2.0, "mm"),
    "pairs_per_s": (">=", 2.0, "pairs/s"),
    "speedup_vs_literal": (">=", 100.0, "times"),
    "batch_diff_rad": ("<=", 1e-4, "rad"),
    "batch_64_gb": ("<=", 2.0, "GB"),
    "kept": (">=", 0.93, ""),
    "d_auc": (">=", 0.95, ""),
    "contact_gain": (">=", 2.0, "times"),
    "natural_order_least_probability": (">=", 0.95, ""),
    "pairs_per_s_gpu": (">=", 300.0, "pairs/s"),
}
_GPU_PAIRS = 4_096


def bench_pose(
    raw_poses: int = 64, copies: int = 6, few: int = 128, poses: int = 100, steps: int = 1_200
) -> dict:
    """Every number of `TARGETS` in one run, and the independent judge's natural rates; some minutes.

    Args:
        raw_poses, copies: natural interactions, and augmented pairs of each, that are optimised.
        few: the first pairs, for the comparisons without attraction and without D.
        poses: hands over Table 2 whose field is compared with exact distance. steps: of the discriminator.
    """
    library = load_pose_library()
    hands = library.hands
    raw, sources = draw_distinct_pairs(library, SEED, raw_poses)
    augmented, plan = make_plan(raw, sources, copies, raw_poses * copies, SEED)
    discriminator, d_auc = trained_discriminator(library, 10 * steps, steps)
    terms = PairTerms(hands, discriminator)
    begin = time.perf_counter()
    optimized = PairPose.cat([optimize_pairs(part, terms).pose for part in _batches(augmented, 32)])
    seconds = time.perf_counter() - begin
    without_d = optimize_pairs(augmented[:few], terms, without=["naturalness"]).pose
    figures = {
        "threads": torch.get_num_threads(),
        "pairs": len(augmented),
        **field_accuracy(hands, poses),
        "pairs_per_s": len(augmented) / seconds,
        **speed_against_literal(hands, augmented[:2], seconds / len(augmented) / ITERATIONS),
        "batch_diff_rad": batch_difference(terms, augmented[:32]),
        "batch_64_gb": batch_memory(),
        "kept": float(check_pairs(optimized, hands).valid.mean()),
        "kept_before": float(check_pairs(augmented, hands).valid.mean()),
        "d_auc": d_auc,
        "contact_gain": contact_gain(terms, augmented[:few], optimized[:few]),
        **natural_rates(library, raw, augmented[:few], optimized[:few], without_d, plan[:few]),
    }
    if torch.cuda.is_available():
        figures |= gpu_speed(library, discriminator)
    return figures


def trained_discriminator(library: PoseLibrary, poses: int, steps: int) -> tuple[Discriminator, float]:
    """D as notebook 06 trains it, and how well it tells natural hands it never saw from augmented ones (AUC)."""
    seen, unseen = split_names(library)
    model, history = train_discriminator(
        library.natural_hands(SEED, poses, names=seen),
        steps,
        SEED,
        held_out=library.natural_hands(SEED + 1, 400, names=unseen),
    )
    best = min(history, key=lambda row: row["held_out_loss"])  # the row of the weights that are kept
    return model, best["auc"]


def field_accuracy(hands: HandPair, poses: int, seed: int = SEED) -> dict:
    """Error of the articulated field inside hands drawn from Table 2, against exact distance."""
    error = field_error(ArticulatedField(hands.right).double(), hands.right, seed, poses)
    return {name: error[name] for name in ("field_mae_mm", "field_p95_mm")}


def speed_against_literal(hands: HandPair, pose: PairPose, iteration_seconds: float) -> dict:
    """How many of our iterations, with all terms, fit into one evaluation of Eq. 4 to the letter with its gradient.

    Args:
        pose: one or two pairs; each costs seconds. iteration_seconds: of ours, per pair.
    """
    vertices = hands(pose).vertices.double().requires_grad_()
    voxels = [PartVoxels(hand) for hand in hands.hands]

    def literal():
        return torch.autograd.grad(literal_penetration_loss(voxels, vertices).sum(), vertices)

    seconds = seconds_of(literal, 2) / len(pose)
    return {
        "literal_s": seconds,
        "iteration_s": iteration_seconds,
        "speedup_vs_literal": seconds / iteration_seconds,
    }


def batch_difference(terms: PairTerms, pose: PairPose, alone: int = 4) -> float:
    """Largest change of a final angle, radians, between a batch of one and a batch of all, over the first pairs."""
    together = optimize_pairs(pose, terms).pose.angles[:alone]
    single = [optimize_pairs(pose[i : i + 1], terms).pose.angles for i in range(min(alone, len(pose)))]
    return (torch.cat(single) - together).abs().max().item()


def contact_gain(terms: PairTerms, pose: PairPose, optimized: PairPose) -> float:
    """Anchors within reach of contact after the optimisation, with attraction over without."""
    without = optimize_pairs(pose, terms, without=["attraction"]).pose
    counts = [contact_anchors(p, terms.hands, terms.anchors).sum() for p in (optimized, without)]
    return float(counts[0] / max(counts[1], 1))


def natural_rates(
    library: PoseLibrary,
    raw: PairPose,
    augmented: PairPose,
    with_d: PairPose,
    without_d: PairPose,
    plan: pd.DataFrame,
) -> dict:
    """Natural rates of Table 3 by the judge, with 95 % intervals, and how surely each exceeds the next (bootstrap over
    raw poses). Pairs of interactions that are in the judge's own bank are left out.

    Args:
        raw: all raw pairs. augmented, with_d, without_d: B pairs each. plan: their B rows.
    """
    judge, (_, unseen) = held_out_judges(library, SEED)["neighbours"], split_names(library)
    rows = (~plan.source.isin(unseen)).to_numpy().nonzero()[0]
    raw_ids = plan.raw_id.to_numpy()[rows]
    known = np.unique(raw_ids)
    kinds = {
        "raw": raw[known],
        "with_d": with_d[rows],
        "without_d": without_d[rows],
        "augmented": augmented[rows],
    }
    shares = {kind: judge.approval(judge.scores(pose)) for kind, pose in kinds.items()}
    ids = {kind: known if kind == "raw" else raw_ids for kind in kinds}
    rates = clustered_rates(shares, ids, seed=SEED)
    orders = order_probabilities(shares, ids, seed=SEED)
    figures = {}
    for kind, row in rates.iterrows():
        figures |= {
            f"natural_{kind}": row.rate,
            f"natural_{kind}_low": row.low,
            f"natural_{kind}_high": row.high,
        }
    return figures | {"natural_order_least_probability": float(orders.min())}


def batch_memory(pairs: int = 64) -> float:
    """Largest resident memory, GB, of a fresh process that optimises a batch of pairs for a few iterations."""
    program = (
        "from renderih_lib.bench.timing import peak_gigabytes; from renderih_lib.pose.optimize import *; from renderih_lib.pose.augment import augment_pairs; "
        "from renderih_lib.pose.library import load_pose_library; library = load_pose_library(); "
        f"pose = augment_pairs(library.natural_pairs(0, {pairs}), 1, 0); "
        "optimize_pairs(pose, PairTerms(library.hands, Discriminator()), iterations=5); "
        "print(peak_gigabytes())"
    )
    return float(subprocess.check_output([sys.executable, "-c", program], text=True))


def gpu_speed(library: PoseLibrary, discriminator: Discriminator, pairs: int = _GPU_PAIRS) -> dict:
    """Pairs per second on the first CUDA device, all terms, all iterations, and its name."""
    raw = library.natural_pairs(SEED, max(1, pairs // 30))
    pose, _ = make_plan(raw, ["natural"] * len(raw), -(-pairs // len(raw)), pairs, SEED)
    terms = PairTerms(library.hands, discriminator).cuda()
    optimize_pairs(pose[:pairs], terms, iterations=5)
    torch.cuda.synchronize()
    begin = time.perf_counter()
    optimize_pairs(pose[:pairs], terms, iterations=ITERATIONS)
    torch.cuda.synchronize()
    return {"pairs_per_s_gpu": pairs / (time.perf_counter() - begin), "gpu": torch.cuda.get_device_name()}


def against_targets(figures: dict) -> pd.DataFrame:
    """One row per measured number that has a target: text, margin (a factor, above 1 when reached) and reached."""
    rows = {}
    for name, (comparison, target, unit) in TARGETS.items():
        if name in figures:
            value = figures[name]
            small = comparison == "<="
            margin = target / max(value, 1e-12) if small else value / target
            text = f"{value:.3g} {unit} ({'at most' if small else 'at least'} {target:g})"
            rows[name] = (text, margin, margin >= 1)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["text", "margin", "reached"])


def _batches(pose: PairPose, size: int) -> list[PairPose]:
    return [pose[start : start + size] for start in range(0, len(pose), size)]
