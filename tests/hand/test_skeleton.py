"""Orders of joints and keypoints, which data of other projects depend on."""

from renderih_lib.hand.skeleton import (
    FINGER_JOINT_NAMES,
    JOINT_NAMES,
    KEYPOINT_BONES,
    KEYPOINT_NAMES,
    KEYPOINT_SOURCE,
    MIDDLE_MCP,
    PARENTS,
    ROOT_JOINTS,
)


def test_joints_follow_mano():
    assert JOINT_NAMES[0] == "wrist" and len(JOINT_NAMES) == 16
    assert [name.split("_")[0] for name in JOINT_NAMES[1::3]] == ["index", "middle", "pinky", "ring", "thumb"]
    assert all(
        PARENTS[j] == (0 if name.endswith("root") else j - 1) for j, name in enumerate(JOINT_NAMES) if j
    )


def test_keypoints_follow_the_common_21_order():
    assert len(KEYPOINT_NAMES) == 21
    assert [KEYPOINT_NAMES[i] for i in (0, 4, 5, 9, 20)] == [
        "wrist", "thumb_tip", "index_root", "middle_root", "pinky_tip",
    ]  # fmt: skip
    assert MIDDLE_MCP == 9
    assert sorted(KEYPOINT_SOURCE) == list(range(21))


def test_each_keypoint_takes_the_joint_of_its_name():
    for name, source in zip(KEYPOINT_NAMES, KEYPOINT_SOURCE, strict=True):
        assert name.endswith("tip") if source >= 16 else JOINT_NAMES[source] == name


def test_bones_connect_neighbours_along_each_finger():
    assert len(KEYPOINT_BONES) == 20
    assert KEYPOINT_BONES[:4] == ((0, 1), (1, 2), (2, 3), (3, 4))
    assert all(parent == 0 or parent == child - 1 for parent, child in KEYPOINT_BONES)


def test_root_joints_are_the_five_that_splay():
    assert [FINGER_JOINT_NAMES[i] for i in ROOT_JOINTS] == [
        "index_root", "middle_root", "pinky_root", "ring_root", "thumb_root",
    ]  # fmt: skip
