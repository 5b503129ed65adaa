"""The 16-part split of the open hand."""

import igl
import numpy as np
import pytest
import torch
import trimesh

from renderih_lib.hand.model import HandModel
from renderih_lib.hand.parts import border_loops, hand_parts, part_of_face, part_of_vertex
from renderih_lib.hand.skeleton import JOINT_NAMES


@pytest.fixture(scope="module", params=["right", "left"])
def model(request, hand, left_hand):
    return hand if request.param == "right" else left_hand


@pytest.fixture(scope="module")
def parts(model):
    return hand_parts(model)


def closed(part, model) -> trimesh.Trimesh:
    return trimesh.Trimesh(part.closed_vertices(model.template.numpy()), part.closed_faces, process=False)


def test_there_is_one_part_per_joint(parts):
    assert [part.joint for part in parts] == list(range(16))


def test_every_vertex_is_owned_once_and_every_face_is_covered(parts, model):
    owners = np.zeros(model.vertex_count, dtype=int)
    for part in parts:
        owners[part.vertices[part.own]] += 1
    assert (owners == 1).all()
    faces = {tuple(sorted(face)) for part in parts for face in part.vertices[part.faces].tolist()}
    assert faces == {tuple(sorted(face)) for face in model.faces.tolist()}


def test_parts_overlap_by_one_ring(parts, model):
    labels = part_of_vertex(model)
    for part in parts:
        assert (part.own == (labels[part.vertices] == part.joint)).all()
        assert part.own[part.faces].any(1).all()  # each face touches the part itself
        assert (~part.own).any()


def test_each_part_is_one_piece(parts, model):
    for part in parts:
        skin = trimesh.Trimesh(model.template.numpy()[part.vertices], part.faces, process=False)
        assert skin.body_count == 1


@pytest.mark.parametrize("joint", range(16), ids=JOINT_NAMES)
def test_closed_part_is_watertight_and_outward(joint, parts, model):
    mesh = closed(parts[joint], model)
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert mesh.volume > 1e-6  # a cubic centimetre


def test_parts_are_nearly_convex(parts, model):
    for part in parts:
        mesh = closed(part, model)
        finger, level = (JOINT_NAMES[part.joint] + "_root").split("_")[:2]
        share = 0.4 if level == "root" or finger == "thumb" else 0.7  # webs hollow the roots and the thumb
        assert mesh.volume > share * mesh.convex_hull.volume, JOINT_NAMES[part.joint]


def test_closed_parts_together_are_the_hand(parts, model):
    vertices, faces = model.template.numpy(), model.faces.numpy()
    (rim,) = border_loops(faces)
    lid = np.stack([np.roll(rim, -1), rim, np.full_like(rim, len(vertices))], 1)
    whole = np.concatenate([vertices, vertices[rim].mean(0, keepdims=True)]), np.concatenate([faces, lid])
    points = np.random.default_rng(0).uniform(vertices.min(0), vertices.max(0), (20000, 3))

    def inside(surface) -> np.ndarray:
        return igl.fast_winding_number(*surface, points) > 0.5

    covered = np.any([inside((part.closed_vertices(vertices), part.closed_faces)) for part in parts], 0)
    assert not (covered & ~inside(whole)).any()
    assert (covered & inside(whole)).sum() > 0.98 * inside(whole).sum()


def test_finger_ends_have_one_border_and_the_phalanges_before_them_two(parts):
    for part in parts[1:]:
        finger, level = JOINT_NAMES[part.joint].split("_")
        if (finger, level) != ("thumb", "root"):  # the ball of the thumb is a patch, not a tube
            assert len(part.loops) == (1 if level == "end" else 2), JOINT_NAMES[part.joint]


def test_every_joint_lies_in_its_part_and_every_tip_in_a_finger_end(parts, model):
    labels = part_of_vertex(model)
    assert [JOINT_NAMES[labels[tip]] for tip in model.tip_vertices] == [
        f"{finger}_end" for finger in ("thumb", "index", "middle", "ring", "pinky")
    ]
    for part in parts[1:]:
        points = model.template[torch.from_numpy(part.vertices)]
        low, high = points.amin(0) - 0.01, points.amax(0) + 0.01
        joint = model.rest_joints[part.joint]
        assert ((low < joint) & (joint < high)).all(), JOINT_NAMES[part.joint]


def test_faces_belong_to_the_part_of_most_of_their_corners(model):
    labels, faces = part_of_vertex(model), model.faces.numpy()
    for face, part in zip(faces, part_of_face(model), strict=True):
        counts = np.bincount(labels[face], minlength=16)
        assert counts[part] == counts.max()


def test_both_hands_split_alike(hand, left_hand):
    assert (part_of_vertex(hand) == part_of_vertex(left_hand)).all()


def test_borders_are_found_in_the_direction_of_the_faces():
    square = np.array([[0, 1, 2], [0, 2, 3]])
    (loop,) = border_loops(square)
    assert loop.tolist() == [0, 1, 2, 3]
    assert border_loops(np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]])) == ()


def test_a_border_that_touches_itself_is_cut_into_simple_loops():
    bow_tie = np.array([[0, 1, 2], [0, 3, 4]])
    loops = border_loops(bow_tie)
    assert sorted(sorted(loop.tolist()) for loop in loops) == [[0, 1, 2], [0, 3, 4]]
    ring = np.array([[0, 1, 2], [2, 3, 4], [4, 5, 0]])  # three triangles corner to corner
    assert sorted(v for loop in border_loops(ring) for v in loop.tolist()) == [0, 0, 1, 2, 2, 3, 4, 4, 5]


def test_islands_of_skin_weights_are_given_to_their_surroundings(hand):
    weights = hand.skin_weights.clone()
    tip = int(hand.tip_vertices[1])
    weights[tip] = torch.eye(16)[9].double()  # the index tip claims to be pinky
    strange = HandModel(
        template=hand.template, faces=hand.faces, shape_dirs=hand.shape_dirs, joints=hand.rest_joints,
        joint_dirs=hand.joint_dirs, skin_weights=weights, tip_vertices=hand.tip_vertices,
    )  # fmt: skip
    assert (part_of_vertex(strange) == part_of_vertex(hand)).all()


def test_joint_without_skin_is_named(hand):
    weights = hand.skin_weights.clone()
    weights[:, 0] += weights[:, 5]
    weights[:, 5] = 0
    strange = HandModel(
        template=hand.template, faces=hand.faces, shape_dirs=hand.shape_dirs, joints=hand.rest_joints,
        joint_dirs=hand.joint_dirs, skin_weights=weights, tip_vertices=hand.tip_vertices,
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"parts \[5\] without a vertex"):
        part_of_vertex(strange)
