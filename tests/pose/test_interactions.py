"""The authored two-hand interactions: valid, named, distinct, and touching where their names say."""

from collections import Counter
from itertools import pairwise

import pytest
import torch
import yaml

from renderih_lib.hand.pair import PairPose
from renderih_lib.hand.skeleton import KEYPOINT_FINGERS, KEYPOINT_NAMES
from renderih_lib.pose.library import POSES_PATH, load_pose_library
from renderih_lib.pose.validity import check_pairs

LIBRARY = load_pose_library()
NAMES = tuple(LIBRARY.interactions)
PAIRS = PairPose.cat([LIBRARY.pair(name) for name in NAMES])
MESH = LIBRARY.hands(PAIRS)
PALM_POINTS = ("wrist", "index_root", "middle_root", "ring_root", "pinky_root")

#: Fingers of the right and the left hand whose ends touch, for interactions whose name says so.
TOUCHING_TIPS = {
    "steeple": [(finger, finger) for finger in KEYPOINT_FINGERS],
    "fingertips_cage": [(finger, finger) for finger in KEYPOINT_FINGERS],
    "index_tips_touching": [("index", "index")],
    "thumbs_touching": [("thumb", "thumb")],
    "goal_posts": [("thumb", "thumb")],
    "triangle": [("thumb", "thumb"), ("index", "index")],
    "meditation": [("thumb", "thumb")],
    "camera_frame": [("index", "thumb"), ("thumb", "index")],
    "spider": [("index", "thumb"), ("thumb", "index")],
    "ladder": [("pinky", "thumb"), ("thumb", "pinky")],
    "count_thumb": [("index", "thumb")],
    "count_pinky": [("index", "pinky")],
}
#: Fingers of the right hand whose tips rest on the palm or back of the left one.
TIPS_ON_HAND = {
    "point_into_palm": ("index",),
    "wrist_tap": ("index",),
    "two_fingers_stand": ("index", "middle"),
    "tips_in_palm": ("index", "middle", "ring"),
    "scratch_back": ("index", "middle", "ring"),
    "pulse": ("index", "middle"),
}


def end_of_finger(name: str, hand: int, finger: str) -> torch.Tensor:
    """Vertices (N, 3) within 15 mm of a finger's tip."""
    vertices = MESH.vertices[NAMES.index(name), hand]
    tip = vertices[LIBRARY.hands.hands[hand].tip_vertices[KEYPOINT_FINGERS.index(finger)]]
    return vertices[(vertices - tip).norm(dim=1) < 0.015]


def gap_mm(points: torch.Tensor, others: torch.Tensor) -> float:
    return 1000 * torch.cdist(points, others).min().item()


def in_right_wrist(pairs: PairPose) -> torch.Tensor:
    """Keypoints (B, 42, 3) metres of both hands, right wrist at the origin and in its rest orientation."""
    keypoints = LIBRARY.hands(pairs).keypoints
    return ((keypoints - keypoints[:, :1, :1]) @ pairs.wrist[:, None, 0]).flatten(1, 2)


def keypoint_distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Mean distance (A, B) in mm of keypoints (A, 42, 3) and (B, 42, 3)."""
    return 1000 * (a[:, None] - b[None]).norm(dim=-1).mean(-1)


def test_there_are_at_least_40_interactions_of_several_kinds():
    assert len(NAMES) >= 40
    kinds = Counter(interaction.kind for interaction in LIBRARY.interactions.values())
    assert len(kinds) >= 8


def test_every_source_says_what_it_is_after_its_key():
    sources = yaml.safe_load(POSES_PATH.read_text())["sources"]
    for interaction in LIBRARY.interactions.values():
        key, _, detail = interaction.source.partition(": ")
        assert key in sources and detail.strip(), interaction.name


def test_every_interaction_is_valid_on_the_mean_shape():
    checked = check_pairs(PAIRS, LIBRARY.hands)
    wrong = {n: r for n, r in zip(NAMES, checked.reason, strict=True) if r != "valid"}
    assert not wrong


def test_swapped_roles_are_valid_too():
    sample = NAMES[::12]
    angles, wrist, translation = [], [], []
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
    for pair in (LIBRARY.pair(name) for name in sample):
        rest = torch.stack([hand.rest_joints[0] for hand in LIBRARY.hands.hands])
        place = (pair.translation[0] + rest) @ mirror
        angles.append(pair.angles[0].flip(0))
        wrist.append((mirror @ pair.wrist[0] @ mirror).flip(0))
        translation.append(place.flip(0) - rest)
    swapped = PairPose(
        torch.stack(angles), torch.stack(wrist), torch.stack(translation), torch.zeros(len(sample), 2, 10)
    )
    before = check_pairs(PairPose.cat([LIBRARY.pair(name) for name in sample]), LIBRARY.hands)
    after = check_pairs(swapped, LIBRARY.hands)
    assert after.valid.all()
    assert (after.depth_mm - before.depth_mm).abs().max() < 0.01


def test_no_two_interactions_are_nearly_the_same_even_with_their_roles_swapped():
    points = in_right_wrist(PAIRS)
    same = keypoint_distances(points, points).fill_diagonal_(torch.inf)
    other_side = points.unflatten(1, (2, 21)).flip(1) * torch.tensor([-1.0, 1.0, 1.0])
    frames = (
        torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
        @ PAIRS.wrist[:, 1]
        @ torch.diag(torch.tensor([-1.0, 1, 1]))
    )
    swapped = ((other_side - other_side[:, :1, :1]) @ frames[:, None]).flatten(1, 2)
    crossed = keypoint_distances(swapped, points).fill_diagonal_(torch.inf)
    assert same.min() > 8, nearest_names(same)
    assert crossed.min() > 8, nearest_names(crossed)


def nearest_names(distances: torch.Tensor) -> tuple[str, str]:
    a, b = divmod(int(distances.argmin()), len(NAMES))
    return NAMES[a], NAMES[b]


def test_variations_stay_near_the_hands_they_vary():
    pairs = LIBRARY.natural_pairs(0, len(NAMES), oriented=False)
    distance = keypoint_distances(in_right_wrist(pairs), in_right_wrist(PAIRS))
    nearest = [NAMES[i] for i in distance.argmin(1)]
    assert sum(a == b for a, b in zip(nearest, NAMES, strict=True)) > 0.9 * len(NAMES)


def test_variations_hardly_penetrate_before_any_optimisation():
    pairs = LIBRARY.natural_pairs(0, 21, names=NAMES[::3])
    assert check_pairs(pairs, LIBRARY.hands).depth_mm.mean() < 4


@pytest.mark.parametrize("name", TOUCHING_TIPS)
def test_finger_ends_meet_where_the_name_says(name):
    for right, left in TOUCHING_TIPS[name]:
        assert gap_mm(end_of_finger(name, 0, right), end_of_finger(name, 1, left)) < 5, (right, left)


@pytest.mark.parametrize("name", TIPS_ON_HAND)
def test_finger_tips_rest_on_the_other_hand(name):
    for finger in TIPS_ON_HAND[name]:
        assert gap_mm(end_of_finger(name, 0, finger), MESH.vertices[NAMES.index(name), 1]) < 6, finger


def bones(name: str, hand: int, finger: str) -> torch.Tensor:
    """Root, middle, end and tip (4, 3) of a finger."""
    rows = [KEYPOINT_NAMES.index(f"{finger}_{level}") for level in ("root", "middle", "end", "tip")]
    return MESH.keypoints[NAMES.index(name), hand, rows]


def passes_through(start, end, triangle) -> bool:
    """Whether the segment between two points crosses a triangle (3, 3)."""

    def side(a, b, c, d):
        return torch.linalg.det(torch.stack([b - a, c - a, d - a])).sign()

    a, b, c = triangle
    around = {side(start, end, a, b), side(start, end, b, c), side(start, end, c, a)}
    return len({x.item() for x in around}) == 1 and side(start, a, b, c) != side(end, a, b, c)


@pytest.mark.parametrize(("name", "gaps"), [("clasp", 3), ("interlaced_straight", 3), ("prayer", 0)])
def test_a_finger_passes_through_each_gap_of_interlaced_hands(name, gaps):
    row = ("index", "middle", "ring", "pinky")
    passed = 0
    for a, b in pairwise(bones(name, 0, finger) for finger in row):
        web = [t for i in range(3) for t in ((a[i], a[i + 1], b[i]), (b[i], b[i + 1], a[i + 1]))]
        segments = [s for finger in row for s in pairwise(bones(name, 1, finger))]
        passed += any(passes_through(*segment, triangle) for segment in segments for triangle in web)
    assert passed == gaps


def test_forearms_stay_out_of_the_other_hand():
    reach = torch.linspace(0.03, 0.2, 18)
    for hand in (0, 1):
        outward = PAIRS.wrist[:, hand, :, 0] * (1 if hand == 0 else -1)  # away from the fingers
        forearm = MESH.joints[:, hand, 0, None] + reach[:, None] * outward[:, None]
        nearest = torch.cdist(forearm, MESH.vertices[:, 1 - hand]).flatten(1).min(1)
        wrong = [NAMES[i] for i in torch.nonzero(nearest.values < 0.02)[:, 0].tolist()]
        assert not wrong
