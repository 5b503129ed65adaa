"""The authored single hands: complete lists, distinct, sound, and touching where their names say."""

import re
from collections import Counter

import igl
import numpy as np
import pytest
import torch
import yaml

from renderih_lib.hand.anatomy import BEND, joint_rotations
from renderih_lib.hand.anchors import vertex_normals
from renderih_lib.hand.parts import hand_parts, part_of_vertex
from renderih_lib.hand.skeleton import FINGER_JOINT_NAMES, JOINT_NAMES, PARENTS
from renderih_lib.pose.library import POSES_PATH, load_pose_library

LIBRARY = load_pose_library()
NAMES, HAND = LIBRARY.names, LIBRARY.hands.right
ANGLES = torch.stack([LIBRARY.single(name) for name in NAMES])
MESH = HAND(joint_rotations(ANGLES, LIBRARY.hands.frames[0]))
PART, PARTS = part_of_vertex(HAND), hand_parts(HAND)
FOUR = ("index", "middle", "ring", "pinky")

#: Fingers whose pad meets that of the thumb, or holds something small with it: pose -> fingers, largest gap (mm).
PINCHES = {
    "ok_sign": (("index",), 3),
    "thumb_to_middle": (("middle",), 3),
    "thumb_to_ring": (("ring",), 3),
    "thumb_to_pinky": (("pinky",), 3),
    "seven": (("ring",), 3),
    "letter_o": (("index", "middle"), 4),
    "letter_d": (("middle",), 3),
    "shadow_fox": (("middle", "ring"), 3),
    "bunched_tips": (FOUR, 9),
    "palmar_pinch": (("index",), 3),
    "tip_pinch": (("index",), 3),
    "inferior_pincer": (("index",), 3),
    "writing_tripod": (("index", "middle"), 8),
    "tripod_variation": (("index", "middle"), 10),
    "prismatic_2_finger": (("index", "middle"), 8),
    "prismatic_3_finger": (("index", "middle", "ring"), 12),
    "prismatic_4_finger": (("index", "middle", "ring"), 12),
    "quadpod": (("index", "middle", "ring"), 25),
}
#: Where the end of the thumb touches the hand, by Kapandji's score. A crease lies between two parts.
KAPANDJI = {
    0: ("index_root",),
    1: ("index_middle",),
    2: ("index_end",),
    3: ("index_end",),
    4: ("middle_end",),
    5: ("ring_end",),
    6: ("pinky_end",),
    7: ("pinky_middle", "pinky_end"),
    8: ("pinky_root", "pinky_middle"),
    9: ("wrist", "pinky_root"),
    10: ("wrist",),
}


def numbers(key: str) -> dict[int, str]:
    """Pose of each number that sources of the form "key: number" give; fails on a number given twice."""
    found = [
        (int(n), pose.name)
        for pose in LIBRARY.singles.values()
        for n in re.findall(rf"\b{key}: (\d+)", pose.source)
    ]
    assert len(dict(found)) == len(found), found
    return dict(found)


def pad(finger: str) -> np.ndarray:
    """Vertices of the end of a finger that face its palm side when it is straight."""
    joint = FINGER_JOINT_NAMES.index(f"{finger}_end")
    back = LIBRARY.hands.frames[0, joint, :, 1]
    facing = vertex_normals(HAND.template, HAND.faces) @ back < -0.5
    return np.flatnonzero((PART == joint + 1) & facing.numpy())


def gaps_mm(name: str, some: np.ndarray, others: np.ndarray) -> torch.Tensor:
    vertices = MESH.vertices[NAMES.index(name)]
    return 1000 * torch.cdist(vertices[some], vertices[others])


def test_there_are_at_least_80_single_poses_of_several_kinds():
    assert len(NAMES) >= 80
    assert len(Counter(pose.kind for pose in LIBRARY.singles.values())) >= 8


def test_every_source_says_what_it_is_after_its_key():
    sources = yaml.safe_load(POSES_PATH.read_text())["sources"]
    for pose in LIBRARY.singles.values():
        for part in pose.source.split("; "):
            key, _, detail = part.partition(": ")
            assert key in sources and detail.strip(), pose.name


def test_every_source_is_used():
    poses = [*LIBRARY.singles.values(), *LIBRARY.interactions.values()]
    used = {part.partition(":")[0] for pose in poses for part in pose.source.split("; ")}
    assert used >= set(yaml.safe_load(POSES_PATH.read_text())["sources"])


def test_the_33_grasps_of_the_taxonomy_are_there_once_each():
    assert sorted(numbers("grasp")) == list(range(1, 34))


def test_thumb_opposition_covers_every_score_from_0_to_10():
    assert sorted(numbers("kapandji")) == list(range(11))


@pytest.mark.parametrize("score", KAPANDJI)
def test_the_thumb_touches_what_its_kapandji_score_says(score):
    name = numbers("kapandji")[score]
    thumb = np.flatnonzero(PART == JOINT_NAMES.index("thumb_end"))
    fingers = np.flatnonzero(
        ~np.isin(PART, [JOINT_NAMES.index(f"thumb_{x}") for x in ("root", "middle", "end")])
    )
    gaps = gaps_mm(name, thumb, fingers).min(0).values
    assert gaps.min() < 4
    assert JOINT_NAMES[PART[fingers[gaps.argmin()]]] in KAPANDJI[score]


@pytest.mark.parametrize("name", PINCHES)
def test_pads_meet_where_the_name_says(name):
    fingers, largest = PINCHES[name]
    for finger in fingers:
        assert gaps_mm(name, pad("thumb"), pad(finger)).min() < largest, finger


def test_no_two_poses_are_nearly_the_same():
    farthest = 1000 * (MESH.keypoints[:, None] - MESH.keypoints[None]).norm(dim=-1).amax(-1)
    farthest.fill_diagonal_(torch.inf)
    a, b = divmod(int(farthest.argmin()), len(NAMES))
    assert farthest.min() > 14, (NAMES[a], NAMES[b])  # mm, of the keypoint that differs most


def test_end_joints_follow_middle_joints():
    rows = torch.tensor([FINGER_JOINT_NAMES.index(f"{finger}_middle") for finger in FOUR])
    middle, end = ANGLES[:, rows, BEND], ANGLES[:, rows + 1, BEND]
    assert torch.corrcoef(torch.stack([middle.flatten(), end.flatten()]))[0, 1] > 0.85


@pytest.mark.parametrize("name", NAMES)
def test_poses_hardly_penetrate_themselves(name):
    vertices = MESH.vertices[NAMES.index(name)].double().numpy()
    for part in PARTS:
        joint, closed = part.joint, part.closed_vertices(vertices)
        near = (vertices > closed.min(0)).all(1) & (vertices < closed.max(0)).all(1)
        neighbours = [j for j in range(16) if j == joint or PARENTS[j] == joint or PARENTS[joint] == j]
        points = vertices[near & ~np.isin(PART, neighbours)]
        if len(points):
            winding = igl.SIGNED_DISTANCE_TYPE_FAST_WINDING_NUMBER
            depth = -igl.signed_distance(points, closed, part.closed_faces, sign_type=winding)[0].min()
            assert depth < 0.004, JOINT_NAMES[joint]
