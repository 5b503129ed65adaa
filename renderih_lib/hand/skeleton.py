"""Names and order of joints and keypoints (docs/conventions.md, "Hands").

Joints follow MANO: the wrist, then index, middle, pinky, ring and thumb, each proximal to distal.
Keypoints add the five tips and go wrist, thumb, index, middle, ring, pinky.
"""

SIDES = ("right", "left")
FINGERS = ("index", "middle", "pinky", "ring", "thumb")
LEVELS = ("root", "middle", "end")

JOINT_NAMES = ("wrist",) + tuple(f"{finger}_{level}" for finger in FINGERS for level in LEVELS)
PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)
JOINT_COUNT = len(JOINT_NAMES)

#: Finger joints of one hand, i.e. `JOINT_NAMES[1:]`: the order of every (..., 15, 3) angle array.
FINGER_JOINT_NAMES = JOINT_NAMES[1:]
FINGER_JOINT_COUNT = len(FINGER_JOINT_NAMES)
ROOT_JOINTS = tuple(i for i, name in enumerate(FINGER_JOINT_NAMES) if name.endswith("root"))

#: Order of `tip_vertices` and of the fingers among the keypoints.
KEYPOINT_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
KEYPOINT_NAMES = ("wrist",) + tuple(
    f"{finger}_{level}" for finger in KEYPOINT_FINGERS for level in (*LEVELS, "tip")
)
KEYPOINT_COUNT = len(KEYPOINT_NAMES)

#: For each keypoint its row in `concatenate([joints (16), tips (5)])`.
KEYPOINT_SOURCE = (0,) + tuple(
    source
    for order, finger in enumerate(KEYPOINT_FINGERS)
    for source in (*(1 + 3 * FINGERS.index(finger) + level for level in range(3)), JOINT_COUNT + order)
)

#: Bones drawn between keypoints, as pairs of keypoint indices.
KEYPOINT_BONES = tuple(
    (0 if level == 0 else 1 + 4 * finger + level - 1, 1 + 4 * finger + level)
    for finger in range(5)
    for level in range(4)
)
MIDDLE_MCP = KEYPOINT_NAMES.index("middle_root")
