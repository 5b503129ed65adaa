"""Where the interactions of the pose library touch, and the 108 anchors of Eq. 5 chosen there (paper Figure 2)."""

import copy
import hashlib

import torch
from torch import Tensor

from renderih_lib.hand.anchors import contact_frequency, select_anchors
from renderih_lib.hand.pair import HandPair
from renderih_lib.pose.library import PoseLibrary, load_pose_library

#: Variations of every interaction that contacts are counted over; even, so that both hands play both parts.
VARIATIONS = 6

_anchors: dict[str, Tensor] = {}  # by content of the hand models


def library_frequency(library: PoseLibrary) -> Tensor:
    """Contact frequency (V,) float64 in [0, 1] over natural variations of the library's interactions.

    The paper counts over InterHand2.6M (section 3.1); both hands are counted together. See `contact_frequency`.
    """
    hands, count = library.hands, VARIATIONS * len(library.interactions)
    vertices = hands(library.natural_pairs(0, count, oriented=False)).vertices
    return contact_frequency(vertices, [hand.faces for hand in hands.hands])


def library_anchors(hands: HandPair) -> Tensor:
    """The 108 anchors (108,) int64 of a pair of hand models, one vertex list for both, most touched first.

    Counted once per process for models of the same content: the same hands give the same anchors on any device and
    in any precision.
    """
    hands = copy.deepcopy(hands).cpu().float()
    content = hashlib.sha256()
    for buffer in hands.buffers():
        content.update(buffer.numpy().tobytes())
    key = content.hexdigest()
    if key not in _anchors:
        frequency = library_frequency(load_pose_library(hands=hands))
        _anchors[key] = torch.from_numpy(select_anchors(frequency.numpy(), hands.right.faces.numpy()))
    return _anchors[key].clone()
