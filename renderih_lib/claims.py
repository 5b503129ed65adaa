"""The claims ledger: what the papers say, what we measured, and whether it held."""

import json
import operator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

_PUBLISHED = Path(__file__).with_name("published.yaml")
_COMPARISONS = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True)
class Claim:
    """One claim and how it is judged.

    criterion: (metric of the notebook, comparison, another metric or a number); dots lead into nested metrics.
    data: "none" when it is about the method alone, "real" when real images or poses are needed, else "stand-in".
    """

    id: str
    text: str
    source: str  # where the paper says it
    notebook: str
    criterion: tuple[str, str, str | float]
    data: Literal["none", "real", "stand-in"]


@dataclass(frozen=True)
class Verdict:
    """A claim with what was measured; `verdict` is "held", "did not hold" or "not run", `measured` says it in words."""

    claim: Claim
    verdict: Literal["held", "did not hold", "not run"]
    measured: str


@cache
def published_tables() -> dict:
    """published.yaml: table -> {source, unit, columns, rows}."""
    return yaml.safe_load(_PUBLISHED.read_text())


def published(table: str, row: str, column: str | None = None) -> float | None:
    """A printed number, None where the paper prints none; ValueError for a cell that is not in published.yaml.

    column: may be left out in a table of one column.
    """
    content = published_tables().get(table)
    if content is None or row not in content["rows"]:
        raise ValueError(f"{table!r}, row {row!r}, is not in published.yaml")
    columns = content["columns"]
    column = columns[0] if column is None and len(columns) == 1 else column
    if column not in columns:
        raise ValueError(f"{table!r} has no column {column!r}; it has {', '.join(columns)}")
    return content["rows"][row][columns.index(column)]


CLAIMS = (
    Claim(
        "limits",
        "Augmented poses stay inside the joint limits of Table 2.",
        "section 3.1, Initial pose generation",
        "02_pose_augmentation",
        ("augmented_outside_table_2_fraction", "=", 0),
        "stand-in",
    ),
    Claim(
        "serious_penetration",
        "Most augmented poses suffer from serious mesh penetration (here: deeper than 5 mm; the paper gives no threshold).",
        "section 3.1, Initial pose generation",
        "07_pose_optimization",
        ("deeper_than_5_mm_percent_before", ">", 50),
        "stand-in",
    ),
    Claim(
        "parts",
        "A hand divides into 16 parts.",
        "section 3.1, Anti-penetration, Figure 2",
        "01_hand_model",
        ("watertight_parts", "=", published("Poses", "parts of a hand")),
        "none",
    ),
    Claim(
        "part_detection",
        "Dividing the hand into 16 parts finds penetrated places more accurately than the field of the whole hand, as released (F1 of penetrated vertices).",
        "supplement, section B, Figure 1",
        "03_loss_anti_penetration",
        ("f1.parts", ">", "f1.released"),
        "stand-in",
    ),
    Claim(
        "part_depth",
        "A field of the whole hand is not accurate enough: with 16 parts depths are more accurate (both with 32 cells a side, read where they are).",
        "section 3.1, Anti-penetration",
        "03_loss_anti_penetration",
        ("mae_mm.parts", "<", "mae_mm.whole"),
        "stand-in",
    ),
    Claim(
        "penetration",
        "The optimisation resolves the penetration of augmented poses.",
        "section 3.1, Anti-penetration, Figure 3",
        "07_pose_optimization",
        ("penetration_mm_after", "<", "penetration_mm_before"),
        "stand-in",
    ),
    Claim(
        "anchors",
        "Sampling by contact frequency and skipping neighbours gives 108 anchors.",
        "section 3.1, Interhand attraction, Figure 2",
        "01_hand_model",
        ("anchors.total", "=", published("Poses", "anchors of a hand")),
        "stand-in",
    ),
    Claim(
        "attraction",
        "The attraction enhances contact: with it more anchors lie within 5 mm of the other hand.",
        "section 3.1, Interhand attraction; supplement, section C.1, Figure 3 e",
        "07_pose_optimization",
        ("ablation.all_terms.anchors in contact", ">", "ablation.without_attraction.anchors in contact"),
        "stand-in",
    ),
    Claim(
        "contact_gain",
        "Attraction, without the discriminator, at least doubles the anchors in contact (our threshold).",
        "supplement, section C.1, Figure 3 e",
        "04_loss_attraction",
        ("contact_gain", ">=", 2),
        "stand-in",
    ),
    Claim(
        "anchors_or_vertices",
        "Anchors instead of all vertices make no significant difference: the 95 % intervals of the differences in kept share, depth, vertices and anchors in contact all hold zero.",
        "supplement, section C.1, Figure 3 c",
        "04_loss_attraction",
        ("vertices_intervals_that_hold_zero", "=", 4),
        "stand-in",
    ),
    Claim(
        "anchors_cost",
        "Anchors instead of all vertices reduce the time: pairs are found faster.",
        "section 3.1, Interhand attraction; supplement, section C.1",
        "04_loss_attraction",
        ("rebuild_ms.anchors", "<", "rebuild_ms.vertices"),
        "none",
    ),
    Claim(
        "overlap_conflicts",
        "In serious overlap anchor pairs conflict; after separation fewer springs pull the hands apart.",
        "supplement, section B, Figure 2 c",
        "04_loss_attraction",
        ("apart_percent_at_rebuild.40", "<", "apart_percent_at_rebuild.0"),
        "stand-in",
    ),
    Claim(
        "separate_first",
        "Separating the hands at first and attracting them later leaves less penetration than all weights at once.",
        "supplement, section B",
        "04_loss_attraction",
        ("paper.depth_mm", "<", "at_once.depth_mm"),
        "stand-in",
    ),
    Claim(
        "anatomy",
        "After anatomic optimisation poses are valid: no pair is more than 0.1 degrees outside Table 2, before any clamp.",
        "section 3.1, Anatomic Optimization",
        "05_loss_anatomy",
        ("with_anatomy.outside_percent", "=", 0),
        "stand-in",
    ),
    Claim(
        "anatomy_needed",
        "The other terms alone cannot keep poses valid.",
        "section 3.1, before Anatomic Optimization",
        "05_loss_anatomy",
        ("without_anatomy.outside_percent", ">", "with_anatomy.outside_percent"),
        "stand-in",
    ),
    Claim(
        "natural",
        "Natural poses that D never saw are told from augmented ones: D finds them natural more often.",
        "section 3.1, Natural discriminator, Eq. 7",
        "06_natural_discriminator",
        ("held_out_natural_rate", ">", "held_out_augmented_rate"),
        "stand-in",
    ),
    Claim(
        "raw_natural",
        "Raw poses look natural more often than optimised ones (Table 3; here an automatic judge, not people, which accepts 90 % of raw pairs by construction).",
        "Table 3",
        "06_natural_discriminator",
        ("judge_natural_percent.raw", ">", "judge_natural_percent.with_d"),
        "stand-in",
    ),
    Claim(
        "discriminator",
        "The discriminator makes optimised poses look natural more often (Table 3; by the automatic judge, which is not D).",
        "section 3.1, Natural discriminator; Table 3; supplement, section C.1, Figure 3 d",
        "06_natural_discriminator",
        ("judge_natural_percent.with_d", ">", "judge_natural_percent.without_d"),
        "stand-in",
    ),
    Claim(
        "optimised_natural",
        "Even without D, optimised poses look natural more often than augmented ones (Table 3; by the automatic judge).",
        "Table 3",
        "06_natural_discriminator",
        ("judge_natural_percent.without_d", ">", "judge_natural_percent.augmented"),
        "stand-in",
    ),
    Claim(
        "natural_order",
        "The order raw > with D > without D > augmented is no accident: each step holds in 95 % of bootstrap draws (by the automatic judge).",
        "Table 3",
        "06_natural_discriminator",
        ("judge_least_order_probability", ">=", 0.95),
        "stand-in",
    ),
    Claim(
        "valid_without_d",
        "Poses optimised without the discriminator are valid, only not natural: as many as the paper keeps.",
        "supplement, section C.1, Figure 3 d",
        "07_pose_optimization",
        ("ablation.without_D.valid %", ">=", published("Poses", "kept after optimisation (%)")),
        "stand-in",
    ),
    Claim(
        "kept",
        "93 % of the augmented poses are kept after optimisation and filtering.",
        "supplement, section A",
        "07_pose_optimization",
        ("kept_percent", ">=", published("Poses", "kept after optimisation (%)")),
        "stand-in",
    ),
    Claim(
        "tones",
        "Skin textures cover seven tones.",
        "section 3.2, Texture, Figure 5",
        "08_textures_light_cameras",
        ("tones", "=", published("Rendering", "skin tones")),
        "none",
    ),
    Claim(
        "tracks",
        "Cameras lie on four circular tracks around the centre of the two hands.",
        "section 3.2, Camera Settings, Figure 7",
        "08_textures_light_cameras",
        ("tracks", "=", published("Rendering", "camera tracks")),
        "none",
    ),
    Claim(
        "size",
        "Images are 512 pixels wide (and 334 high).",
        "section 3.2, Render quality",
        "09_cycles_rendering",
        ("image_width", "=", published("Rendering", "image width (pixels)")),
        "none",
    ),
    Claim(
        "annotations",
        "The annotations of rendered images are free of noise: masks computed from them equal the rendered ones.",
        "supplement, section A",
        "09_cycles_rendering",
        ("mask_iou_mean", ">=", 0.98),
        "none",
    ),
    Claim(
        "vertices",
        "A hand mesh, and so TransHand's output, has 778 vertices.",
        "section 4",
        "01_hand_model",
        ("vertices", "=", published("Network", "vertices of a hand")),
        "none",
    ),
    Claim(
        "learns",
        "TransHand, trained on rendered images, estimates hands: it beats the mean training pose on held-out images.",
        "sections 4 and 5",
        "12_training",
        ("mpjpe_vs_meanpose", "<", 1),
        "stand-in",
    ),
)


def judge(claim: Claim, results: Path) -> Verdict:
    """The verdict on a claim from `results/<notebook>/metrics.json`, where a missing number means "not run"."""
    path = results / claim.notebook / "metrics.json"
    if not path.is_file():
        return Verdict(claim, "not run", f"{claim.notebook} has not run")
    metrics = json.loads(path.read_text())
    left, comparison, right = claim.criterion
    values = {name: _nested(metrics, name) for name in (left, right) if isinstance(name, str)}
    if missing := [name for name, value in values.items() if value is None]:
        return Verdict(claim, "not run", f"{claim.notebook} measured no {' and no '.join(missing)}")
    held = _COMPARISONS[comparison](values[left], values.get(right, right))
    measured = ", ".join(f"{name} = {value:.4g}" for name, value in values.items())
    return Verdict(claim, "held" if held else "did not hold", measured)


def _nested(metrics: dict, name: str):
    for part in name.split("."):
        metrics = metrics.get(part) if isinstance(metrics, dict) else None
    return metrics


def ledger(results: Path) -> list[Verdict]:
    """The verdict on every claim, in the order of `CLAIMS`."""
    return [judge(claim, results) for claim in CLAIMS]
