"""Contact counted over the library, and the anchors chosen from it."""

import copy

import numpy as np
import pytest
import torch
from scipy.sparse.csgraph import dijkstra

from renderih_lib.hand.anchors import contact_frequency, neighbours, vertex_normals
from renderih_lib.hand.model import HandModel
from renderih_lib.hand.pair import HandPair, open_hand_pair
from renderih_lib.hand.skeleton import KEYPOINT_FINGERS
from renderih_lib.pose import contacts
from renderih_lib.pose.contacts import library_anchors, library_frequency
from renderih_lib.pose.library import load_pose_library


@pytest.fixture(scope="module")
def hands() -> HandPair:
    return open_hand_pair()


@pytest.fixture(scope="module")
def frequency(hands) -> torch.Tensor:
    return library_frequency(hands)


def test_108_anchors_two_or_three_hops_apart_reach_every_vertex_within_two(hands):
    anchors, faces = library_anchors(hands).numpy(), hands.right.faces.numpy()
    hops = dijkstra(neighbours(faces, 778).astype(float), unweighted=True, indices=anchors, limit=4)
    nearest = (hops[:, anchors] + 9 * np.eye(108)).min(1)
    assert len(set(anchors.tolist())) == 108
    assert set(nearest) <= {2, 3}
    assert hops.min(0).max() <= 2


def test_the_first_anchor_is_the_most_touched_vertex(hands, frequency):
    assert frequency[library_anchors(hands)[0]] == frequency.max()


def test_the_inner_side_is_touched_more_than_the_back_and_tips_most(hands, frequency):
    palmar = vertex_normals(hands.right.template, hands.right.faces)[:, 1] < -0.7
    dorsal = vertex_normals(hands.right.template, hands.right.faces)[:, 1] > 0.7
    tips = hands.right.tip_vertices[[KEYPOINT_FINGERS.index("index"), KEYPOINT_FINGERS.index("middle")]]
    assert frequency[palmar].mean() > 1.2 * frequency[dorsal].mean()
    assert frequency[tips].mean() > frequency.mean()
    assert 0 <= frequency.min() and frequency.max() <= 1


def test_other_precision_and_a_copy_give_the_same_and_no_caller_can_change_it(hands, frequency):
    library_frequency(hands)[:] = 0
    twin = copy.deepcopy(hands).double()
    assert torch.equal(library_frequency(twin), frequency)
    assert torch.equal(library_anchors(twin), library_anchors(hands))


def test_contacts_are_counted_once_per_hands_of_the_same_content(hands, frequency, monkeypatch):
    monkeypatch.setattr(contacts, "contact_frequency", lambda *_: pytest.fail("counted again"))
    library_anchors(copy.deepcopy(hands))
    wider = copy.deepcopy(hands)
    wider.right.template.mul_(1.1)
    with pytest.raises(pytest.fail.Exception, match="counted again"):
        library_anchors(wider)


def test_other_variations_of_the_same_interactions_give_nearly_the_same_frequency(hands, frequency):
    library = load_pose_library(hands=hands)
    vertices = hands(library.natural_pairs(7, 2 * len(library.interactions), oriented=False)).vertices
    other = contact_frequency(vertices, [hand.faces for hand in hands.hands])
    assert np.corrcoef(other, frequency)[0, 1] > 0.9


def test_a_hand_with_pose_blend_shapes_and_another_vertex_order_is_counted_alike(hands, frequency):
    order = np.random.default_rng(0).permutation(778)
    right = hands.right
    shuffled = HandModel(
        template=right.template[order],
        faces=np.argsort(order)[right.faces],
        shape_dirs=right.shape_dirs[order],
        joints=right.rest_joints,
        joint_dirs=right.joint_dirs,
        skin_weights=right.skin_weights[order],
        tip_vertices=np.argsort(order)[right.tip_vertices],
        pose_dirs=np.zeros((778, 3, 135)),
    )
    pair = HandPair(shuffled, shuffled.mirrored())
    assert torch.allclose(library_frequency(pair), frequency[order], atol=2e-3)
    anchors = library_anchors(pair)
    assert len(set(anchors.tolist())) == 108 and anchors[0] == np.flatnonzero(
        order == frequency.argmax().item()
    )
