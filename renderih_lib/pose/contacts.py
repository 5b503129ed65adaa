"""Where the interactions of the pose library touch, and the 108 anchors of Eq. 5 chosen there (paper Figure 2)."""

import copy
import hashlib

import torch
from torch import Tensor

from renderih_lib.hand.anchors import contact_frequency, select_anchors
from renderih_lib.hand.pair import HandPair
from renderih_lib.pose.library import load_pose_library

#: Variations of every interaction that contacts are counted over; even, so that both hands play both parts.
VARIATIONS = 4

_counted: dict[str, Tensor] = {}  # content of the hand models -> contact frequency


def library_frequency(hands: HandPair) -> Tensor:
    """Contact frequency (V,) float64 in [0, 1] over natural variations of the open library's interactions.

    The paper counts over InterHand2.6M (section 3.1). Both hands are counted together, see `contact_frequency`.
    Counted once per process for hand models of the same content, on any device and in any precision.
    """
    hands = copy.deepcopy(hands).cpu().float()
    content = hashlib.sha256()
    for buffer in hands.buffers():
        content.update(buffer.numpy().tobytes())
    key = content.hexdigest()
    if key not in _counted:
        library = load_pose_library(hands=hands)
        pairs = library.natural_pairs(0, VARIATIONS * len(library.interactions), oriented=False)
        _counted[key] = contact_frequency(hands(pairs).vertices, [hand.faces for hand in hands.hands])
    return _counted[key].clone()


def library_anchors(hands: HandPair) -> Tensor:
    """The 108 anchors (108,) int64 of a pair of hand models, one vertex list for both, most touched first."""
    return torch.from_numpy(select_anchors(library_frequency(hands).numpy(), hands.right.faces.cpu().numpy()))
