"""Anatomical frames, angles and limits (paper section 3.1, Table 2; A-MANO's twist-splay-bend frame).

A finger joint's pose is three angles (twist, splay, bend) about the axes of its own frame in the rest pose:
`R = A Rz(bend) Ry(splay) Rx(twist) A^T`, A's columns being the axes. Zero is the flat hand, positive bend closes
the finger and positive splay moves it towards the thumb, on both hands.
"""

import math

import torch
from torch import Tensor

from renderih_lib.hand.model import HandModel
from renderih_lib.hand.skeleton import FINGER_JOINT_COUNT, FINGERS, KEYPOINT_FINGERS, LEVELS

TWIST, SPLAY, BEND = 0, 1, 2

#: Paper Table 2, degrees: finger -> joint -> axis -> (lowest, highest). Twist, and splay of the joints that
#: have none, are zero.
TABLE_2 = {
    "thumb": {
        "root": {"bend": (-20, 40), "splay": (-30, 30)},
        "middle": {"bend": (-8, 50)},
        "end": {"bend": (-10, 100)},
    },
    "index": {
        "root": {"bend": (-25, 70), "splay": (-25, 15)},
        "middle": {"bend": (-4, 110)},
        "end": {"bend": (-8, 90)},
    },
    "middle": {
        "root": {"bend": (-25, 80), "splay": (-15, 15)},
        "middle": {"bend": (-7, 100)},
        "end": {"bend": (-8, 90)},
    },
    "ring": {
        "root": {"bend": (-25, 70), "splay": (-25, 15)},
        "middle": {"bend": (-10, 100)},
        "end": {"bend": (-8, 90)},
    },
    "pinky": {
        "root": {"bend": (-22, 70), "splay": (-20, 30)},
        "middle": {"bend": (-8, 90)},
        "end": {"bend": (-8, 90)},
    },
}

#: Rough direction of the back of each finger in a right hand's rest frame; the thumb lies turned.
BACK = {finger: (0.0, 1.0, 0.0) for finger in FINGERS} | {"thumb": (1.0, 1.0, 1.0)}


def angle_limits(dtype: torch.dtype = torch.float32) -> Tensor:
    """Table 2 as (15, 3, 2) radians: joint, (twist, splay, bend), (lowest, highest)."""
    limits = torch.zeros(FINGER_JOINT_COUNT, 3, 2, dtype=torch.float64)
    for f, finger in enumerate(FINGERS):
        for level, name in enumerate(LEVELS):
            ranges = TABLE_2[finger][name]
            for axis, key in ((SPLAY, "splay"), (BEND, "bend")):
                limits[3 * f + level, axis] = torch.tensor(ranges.get(key, (0, 0)), dtype=torch.float64)
    return torch.deg2rad(limits).to(dtype)


def rest_frames(model: HandModel) -> Tensor:
    """Twist, splay and bend axes of the 15 finger joints as the columns of (15, 3, 3), in the rest frame.

    Built on the mean shape and kept for every shape, so that angles mean the same for all subjects.
    """
    keypoints = _rest_chain(model)
    right = model.side == "right"
    frames = []
    for finger, chain in zip(FINGERS, keypoints, strict=True):
        for level in range(3):
            twist = chain[level] - chain[level + 1]
            up = torch.tensor(BACK[finger]).to(twist)
            if not right:  # minus the mirror image, so that equal angles give mirrored hands
                twist, up = -twist, up * up.new_tensor([1.0, -1.0, -1.0])
            frames.append(_frame(twist, up))
    return torch.stack(frames)


def angles_to_rotations(angles: Tensor, frames: Tensor) -> Tensor:
    """Local rotations (..., 15, 3, 3) of angles (..., 15, 3) radians in `rest_frames`."""
    twist, splay, bend = angles.unbind(-1)
    ct, st, cs, ss, cb, sb = (f(a) for a in (twist, splay, bend) for f in (torch.cos, torch.sin))
    local = torch.stack(
        [
            torch.stack([cb * cs, cb * ss * st - sb * ct, cb * ss * ct + sb * st], -1),
            torch.stack([sb * cs, sb * ss * st + cb * ct, sb * ss * ct - cb * st], -1),
            torch.stack([-ss, cs * st, cs * ct], -1),
        ],
        -2,
    )
    return frames @ local @ frames.transpose(-1, -2)


def rotations_to_angles(rotations: Tensor, frames: Tensor) -> Tensor:
    """Angles (..., 15, 3) radians of local rotations (..., 15, 3, 3): the inverse of `angles_to_rotations`.

    Splay is measured out of the bending plane, hence independent of bend; exact while |splay| < 90 degrees.
    """
    local = frames.transpose(-1, -2) @ rotations @ frames
    splay = torch.atan2(-local[..., 2, 0], torch.hypot(local[..., 0, 0], local[..., 1, 0]))
    bend = torch.atan2(local[..., 1, 0], local[..., 0, 0])
    twist = torch.atan2(local[..., 2, 1], local[..., 2, 2])
    return torch.stack([twist, splay, bend], -1)


def joint_rotations(angles: Tensor, frames: Tensor, wrist: Tensor | None = None) -> Tensor:
    """All 16 rotations (B, 16, 3, 3) for `HandModel.forward` from angles (B, 15, 3) and wrist (B, 3, 3)."""
    fingers = angles_to_rotations(angles, frames)
    if wrist is None:
        wrist = torch.eye(3).to(fingers).expand(len(fingers), 3, 3)
    return torch.cat([wrist[:, None], fingers], 1)


def angle_excess(angles: Tensor) -> Tensor:
    """Signed radians (..., 15, 3) by which angles leave Table 2; zero inside (beta of Eq. 6)."""
    lowest, highest = angle_limits(angles.dtype).to(angles.device).unbind(-1)
    return (angles - highest).clamp(min=0) + (angles - lowest).clamp(max=0)


def angles_from_degrees(pose: dict[str, list[float]]) -> Tensor:
    """Angles (15, 3) from degrees per finger, `{"index": [splay, root bend, middle bend, end bend], ...}`.

    Fingers left out stay flat.

    Raises:
        ValueError: if a finger is unknown or does not have four numbers.
    """
    angles = torch.zeros(FINGER_JOINT_COUNT, 3, dtype=torch.float64)
    for finger, values in pose.items():
        if finger not in FINGERS:
            raise ValueError(f"finger must be one of {FINGERS}, got {finger!r}")
        if len(values) != 4:
            raise ValueError(f"{finger} needs [splay, root bend, middle bend, end bend], got {values}")
        root = 3 * FINGERS.index(finger)
        angles[root, SPLAY] = math.radians(values[0])
        angles[root : root + 3, BEND] = torch.deg2rad(torch.tensor(values[1:], dtype=torch.float64))
    return angles.float()


def _rest_chain(model: HandModel) -> list[Tensor]:
    """Per finger of `FINGERS`: its three rest joints and its tip, (4, 3) metres."""
    tips = model.template[model.tip_vertices]
    return [
        torch.cat([model.rest_joints[1 + 3 * f : 4 + 3 * f], tips[KEYPOINT_FINGERS.index(finger)][None]])
        for f, finger in enumerate(FINGERS)
    ]


def _frame(twist: Tensor, up: Tensor) -> Tensor:
    x = torch.nn.functional.normalize(twist, dim=-1)
    z = torch.nn.functional.normalize(torch.linalg.cross(x, up), dim=-1)
    return torch.stack([x, torch.linalg.cross(z, x), z], -1)
