"""The open pose library: valid, varied, reproducible, and clear about mistakes in a file."""

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.hand.anatomy import BEND, SPLAY, TWIST, angle_excess
from renderih_lib.hand.model import mirrored_rotations
from renderih_lib.hand.skeleton import FINGER_JOINT_NAMES, JOINT_NAMES
from renderih_lib.pose.augment import uniforms
from renderih_lib.pose.library import POSES_PATH, _swapped, finger_noise, load_pose_library

LIBRARY = load_pose_library()
CONTENT = yaml.safe_load(POSES_PATH.read_text())
JOINT = {name: i for i, name in enumerate(FINGER_JOINT_NAMES)}


def library_of(tmp_path, singles: list[dict], interactions: list[dict]):
    """A library of the shipped flat hand, fist and prayer, and whatever else is given."""
    kept = [entry for entry in CONTENT["singles"] if entry["name"] in ("flat", "fist")]
    pairs = [
        entry | {"right": "flat", "left": "flat"}
        for entry in CONTENT["interactions"]
        if entry["name"] == "prayer"
    ]
    content = {"sources": CONTENT["sources"], "singles": kept + singles, "interactions": pairs + interactions}
    path = tmp_path / "poses.yaml"
    path.write_text(yaml.safe_dump(content))
    return load_pose_library(path, LIBRARY.hands)


@pytest.mark.parametrize("name", LIBRARY.names)
def test_single_poses_lie_inside_table_2(name):
    assert angle_excess(LIBRARY.single(name)).abs().max() == 0


@pytest.mark.parametrize("name", LIBRARY.interactions)
def test_interactions_lie_inside_table_2_and_have_proper_rotations(name):
    interaction = LIBRARY.interactions[name]
    assert angle_excess(interaction.angles).abs().max() == 0
    torch.testing.assert_close(torch.linalg.det(interaction.rotation), torch.tensor(1.0))
    assert interaction.translation.norm() < 0.4  # two hand lengths


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_variations_lie_inside_table_2_and_differ(seed):
    poses = LIBRARY.natural_singles(seed, 60)
    assert angle_excess(poses).abs().max() == 0
    assert len({tuple(p.flatten().tolist()) for p in poses}) == 60


def test_variation_does_not_depend_on_how_many_are_asked_for():
    torch.testing.assert_close(
        LIBRARY.natural_singles(3, 5), LIBRARY.natural_singles(3, 70)[:5], atol=0, rtol=0
    )
    few, many = LIBRARY.natural_pairs(3, 4), LIBRARY.natural_pairs(3, 30)
    torch.testing.assert_close(few.angles, many.angles[:4], atol=0, rtol=0)
    torch.testing.assert_close(few.translation, many.translation[:4])
    assert (LIBRARY.natural_pairs(4, 4).angles - few.angles).abs().max() > 0.01


def test_variations_stay_nearer_to_their_own_pose_than_to_most_others():
    names = LIBRARY.names
    poses = LIBRARY.natural_singles(0, len(names))
    library = torch.stack([LIBRARY.single(n) for n in names])
    distance = torch.cdist(poses.flatten(1), library.flatten(1))
    rank = (distance < distance.diagonal()[:, None]).sum(1)
    assert (rank <= 3).float().mean() > 0.8


def nearest(poses, names) -> set[str]:
    """The names of the library hands that poses (N, 15, 3) lie nearest to."""
    hands = [
        (n, LIBRARY.single(n)) if n in LIBRARY.singles else (n, LIBRARY.interactions[n].angles) for n in names
    ]
    labels = [n for n, angles in hands for _ in range(angles.numel() // 45)]
    distance = torch.cdist(poses.flatten(1), torch.cat([a.reshape(-1, 45) for _, a in hands]))
    return {labels[k] for k in distance.argmin(1)}


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_natural_hands_lie_inside_table_2_and_differ(seed):
    hands = LIBRARY.natural_hands(seed, 90)
    assert angle_excess(hands).abs().max() == 0
    assert len({tuple(h.flatten().tolist()) for h in hands}) == 90


def test_natural_hands_depend_on_the_seed_and_their_number_alone():
    many = LIBRARY.natural_hands(3, 70)
    torch.testing.assert_close(LIBRARY.natural_hands(3, 5), many[:5], atol=0, rtol=0)
    assert (LIBRARY.natural_hands(4, 70) - many).abs().max() > 0.01


def test_natural_hands_are_alone_and_interacting_in_turn():
    names = ["splay", "clasp"]
    hands = LIBRARY.natural_hands(0, 200, names)
    assert nearest(hands[0::2], names) == {"splay"}
    assert nearest(hands[1::2], names) == {"clasp"}
    clasp = LIBRARY.interactions["clasp"].angles
    for hand in (0, 1):  # rounds alternate between the right and the left hand
        torch.testing.assert_close(hands[1::2][hand::2].mean(0), clasp[hand], atol=0.06, rtol=0)


def test_natural_hands_of_one_kind_are_all_of_that_kind():
    torch.testing.assert_close(
        LIBRARY.natural_hands(5, 40, LIBRARY.names), LIBRARY.natural_singles(5, 40), atol=0, rtol=0
    )
    assert nearest(LIBRARY.natural_hands(5, 40, ["clasp"]), ["flat", "fist", "clasp"]) == {"clasp"}


def test_held_out_names_of_both_kinds_leave_the_natural_hands_unchanged(tmp_path):
    entry = {"name": "mine", "kind": "test", "source": "asl: test"}
    pair = entry | {"right": "mine", "left": "mine", "rotation": [0, 0, 0], "translation": [0, 0, 0]}
    larger = library_of(tmp_path, [entry | {"index": [0, 30, 0, 0]}], [pair | {"name": "ours"}])
    kept = ["flat", "fist", "prayer"]
    torch.testing.assert_close(
        larger.natural_hands(0, 60, kept), library_of(tmp_path, [], []).natural_hands(0, 60), atol=0, rtol=0
    )
    assert (larger.natural_hands(0, 60) - larger.natural_hands(0, 60, kept)).abs().max() > 0.1


def test_noise_couples_end_to_middle_joints_and_neighbouring_fingers():
    noise = finger_noise(uniforms(0, [(i,) for i in range(4000)], 30))

    def correlation(a, b):
        return torch.corrcoef(torch.stack([noise[:, JOINT[a], BEND], noise[:, JOINT[b], BEND]]))[0, 1]

    assert correlation("ring_middle", "ring_end") > 0.8
    assert correlation("ring_middle", "middle_middle") > 0.4
    assert correlation("index_middle", "pinky_middle") < correlation("index_middle", "middle_middle")
    spread = torch.stack([noise[:, JOINT["index_root"], SPLAY], noise[:, JOINT["pinky_root"], SPLAY]])
    assert torch.corrcoef(spread)[0, 1] < -0.4
    assert (noise[..., TWIST] == 0).all()


@pytest.mark.parametrize("name", LIBRARY.interactions)
def test_right_wrist_is_at_the_origin_and_the_left_one_where_the_file_says(name):
    pose = LIBRARY.pair(name)
    joints = LIBRARY.hands(pose).joints
    torch.testing.assert_close(joints[0, 0, 0], torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(joints[0, 1, 0], LIBRARY.interactions[name].translation, atol=1e-6, rtol=0)


def test_zero_placement_is_the_mirror_image_across_the_palm(tmp_path):
    entry = {"name": "mirror", "kind": "test", "source": "asl", "right": "fist", "left": "fist"}
    library = library_of(tmp_path, [], [entry | {"rotation": [0, 0, 0], "translation": [0, 0, 0]}])
    mesh = library.hands(library.pair("mirror"))
    mirrored = mesh.vertices[0, 0] * torch.tensor([1.0, -1.0, 1.0])
    torch.testing.assert_close(mesh.vertices[0, 1], mirrored, atol=1e-6, rtol=0)


def test_the_second_round_swaps_the_roles_of_the_hands():
    names = ["point_into_palm"]
    first, second = (LIBRARY.natural_pairs(0, 2, oriented=False, names=names)[i : i + 1] for i in (0, 1))
    curled = JOINT["ring_middle"]
    assert first.angles[0, 0, curled, BEND] > 1 > first.angles[0, 1, curled, BEND]
    assert second.angles[0, 1, curled, BEND] > 1 > second.angles[0, 0, curled, BEND]


def test_swapping_gives_the_mirror_image():
    interaction = LIBRARY.interactions["point_into_palm"]
    parts = (interaction.angles[None], interaction.rotation[None], interaction.translation[None])
    angles, rotation, translation = _swapped(*parts, torch.tensor([True]))
    shape = torch.zeros(1, LIBRARY.hands.right.shape_count)
    before = LIBRARY.hands(LIBRARY._placed(*parts, shape)).joints[0]
    after = LIBRARY.hands(LIBRARY._placed(angles, rotation, translation, shape)).joints[0]
    torch.testing.assert_close(
        torch.cdist(before[0], before[1]), torch.cdist(after[1], after[0]), atol=1e-5, rtol=0
    )
    again = _swapped(angles, rotation, translation, torch.tensor([True]))
    torch.testing.assert_close(again[1], parts[1])
    torch.testing.assert_close(again[2], parts[2])


def test_turning_a_pair_keeps_its_inside():
    still, turned = (LIBRARY.natural_pairs(5, 6, oriented=o) for o in (False, True))
    a, b = (LIBRARY.hands(p).joints.flatten(1, 2).double() for p in (still, turned))
    torch.testing.assert_close(torch.cdist(a, a), torch.cdist(b, b), atol=1e-4, rtol=0)
    assert (still.wrist[:, 0] - torch.eye(3)).abs().max() == 0
    assert (turned.wrist[:, 0] - torch.eye(3)).abs().max() > 0.5


def test_one_person_has_two_hands_and_larger_hands_lie_further_apart():
    pose = LIBRARY.natural_pairs(0, 20)
    torch.testing.assert_close(pose.shape[:, 0], pose.shape[:, 1])
    assert pose.shape.abs().max() <= 2 and pose.shape.std() > 0.5
    name = max(LIBRARY.interactions, key=lambda n: LIBRARY.interactions[n].translation.norm())
    directions = torch.eye(LIBRARY.hands.right.shape_count) * 2
    knuckle = JOINT_NAMES.index("middle_root")
    apart, reach = [], []
    for shape in torch.cat([directions, -directions]):
        joints = LIBRARY.hands(LIBRARY.pair(name, shape)).joints[0]
        apart.append((joints[1, 0] - joints[0, 0]).norm())
        reach.append((joints[0, knuckle] - joints[0, 0]).norm())
    assert torch.corrcoef(torch.stack([torch.stack(apart), torch.stack(reach)]))[0, 1] > 0.999


def test_sources_name_every_interaction_in_turn():
    count = 2 * len(LIBRARY.interactions)
    assert LIBRARY.pair_sources(count) == list(LIBRARY.interactions) * 2
    assert LIBRARY.pair_sources(3, ["prayer"]) == ["prayer"] * 3


def test_mirroring_wrists_twice_changes_nothing():
    rotation = LIBRARY.interactions["prayer"].rotation
    torch.testing.assert_close(mirrored_rotations(mirrored_rotations(rotation)), rotation)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"toe": [0, 0, 0, 0]}, "'mine' has unknown fields: toe"),
        ({"index": [0, 95, 0, 0]}, r"'mine': index_root bend leaves Table 2 by \+25.0 degrees"),
        ({"index": [0, 10, 0]}, "'mine': index needs"),
        ({"name": "fist"}, "'fist' appears twice"),
        ({"source": "somewhere"}, "'mine': source 'somewhere' must start with one of"),
        ({"kind": None}, "'mine' lacks kind"),
    ],
)
def test_mistakes_in_a_single_pose_are_named(change, message, tmp_path):
    entry = {"name": "mine", "kind": "test", "source": "asl: test"} | change
    with pytest.raises(ValueError, match=message):
        library_of(tmp_path, [{k: v for k, v in entry.items() if v is not None}], [])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"right": "fisst"}, r"'mine \(right\)': there is no single-hand pose 'fisst'"),
        (
            {"left": {"thumb": [40, 0, 0, 0]}},
            r"'mine \(left\)': thumb_root splay leaves Table 2 by \+10.0 degrees",
        ),
        ({"rotation": [1, 2]}, "'mine': rotation must be three numbers"),
        ({"translation": None}, "'mine' lacks translation"),
        ({"name": "prayer"}, "'prayer' appears twice"),
    ],
)
def test_mistakes_in_an_interaction_are_named(change, message, tmp_path):
    entry = {"name": "mine", "kind": "test", "source": "asl: test", "right": "fist", "left": "fist"}
    entry |= {"rotation": [0, 0, 0], "translation": [0, 0, 0]} | change
    with pytest.raises(ValueError, match=message):
        library_of(tmp_path, [], [{k: v for k, v in entry.items() if v is not None}])


def test_a_file_with_other_sections_is_refused(tmp_path):
    (tmp_path / "poses.yaml").write_text("poses: []")
    with pytest.raises(ValueError, match="must hold exactly"):
        load_pose_library(tmp_path / "poses.yaml")


def test_unknown_names_list_the_known_ones():
    with pytest.raises(ValueError, match="single-hand pose must be one of flat"):
        LIBRARY.single("nothing")
    with pytest.raises(ValueError, match="interaction must be one of"):
        LIBRARY.pair("nothing")
    with pytest.raises(ValueError, match="natural hand must be one of flat.*prayer.*got 'nothing'"):
        LIBRARY.natural_hands(0, 3, ["flat", "nothing"])
