"""The choices behind a score, by name, and the protocols that papers made of them."""

from dataclasses import dataclass

from renderih_lib.hand.skeleton import MIDDLE_MCP

#: Keypoint subtracted from each hand: 24 % of a published score can be this choice alone.
ROOTS = {"wrist": 0, "middle_mcp": MIDDLE_MCP}
#: "none" trusts the predicted size; "bone" gives each predicted hand the true length of the bone below (SMPJPE).
SCALES = ("none", "bone")
BONE = (0, MIDDLE_MCP)
#: Which keypoints enter the mean. The root's error is zero by construction; most papers count it all the same.
JOINTS = ("all", "without_root")
#: What is true: the data's own keypoints, or those that the network's own map takes from the true mesh.
TRUTHS = ("annotated", "regressed")
#: "hands": every hand weighs the same. "keypoints": each of the 42 has its mean over images first (InterNet).
MEANS = ("hands", "keypoints")
#: "euclidean" is the definition (Moon et al. 2020); "released" is what the RenderIH scripts print.
NORMS = ("euclidean", "released")


def checked_choice(name: str, value: str, allowed) -> str:
    """`value`, or a ValueError that lists what `name` may be."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {tuple(allowed)}, got {value!r}")
    return value


@dataclass(frozen=True)
class Protocol:
    """Everything that decides an MPJPE besides the predictions.

    Raises:
        ValueError: if a choice is unknown.
    """

    root: str
    scale: str = "none"
    joints: str = "all"
    truth: str = "annotated"
    mean: str = "hands"

    def __post_init__(self):
        choices = {"root": ROOTS, "scale": SCALES, "joints": JOINTS, "truth": TRUTHS, "mean": MEANS}
        for name, allowed in choices.items():
            checked_choice(name, getattr(self, name), allowed)


#: Protocol of a paper's MPJPE. "Supplement": of RenderIH, Table 1. InterShape's is RenderIH's SMPJPE as well.
PROTOCOLS = {
    "InterNet": Protocol("wrist", mean="keypoints"),
    "InterShape, IntagHand": Protocol("middle_mcp", "bone", truth="regressed"),
    "DIR": Protocol("wrist", "bone", truth="regressed"),
    "RenderIH": Protocol("middle_mcp", truth="regressed"),
    "RenderIH supplement": Protocol("wrist", truth="regressed"),
}
