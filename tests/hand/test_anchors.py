"""The 108 anchors: count, spacing, coverage, normals and contact counts."""

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import dijkstra

from renderih_lib.hand.anatomy import joint_rotations, rest_frames
from renderih_lib.hand.anchors import (
    anchor_normals,
    contact_frequency,
    neighbours,
    select_anchors,
    vertex_normals,
)


def hops_to(anchors: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Edges (A, V) between each anchor and each vertex, up to 4."""
    return dijkstra(neighbours(faces, 778).astype(float), unweighted=True, indices=anchors, limit=4)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_108_anchors_at_least_two_hops_apart_cover_the_hand_within_two(hand, seed):
    faces = hand.faces.numpy()
    frequency = np.random.default_rng(seed).random(778) ** 4
    anchors = select_anchors(frequency, faces)
    hops = hops_to(anchors, faces)
    between = hops[:, anchors] + 9 * np.eye(108)
    assert len(set(anchors.tolist())) == 108
    assert between.min() >= 2
    assert hops.min(0).max() <= 2


def test_the_most_touched_vertex_comes_first_and_scale_does_not_matter(hand):
    frequency, faces = np.random.default_rng(0).random(778), hand.faces.numpy()
    anchors = select_anchors(frequency, faces)
    assert frequency[anchors[0]] == frequency.max()
    assert select_anchors(7 * frequency, faces).tolist() == anchors.tolist()


def test_ties_are_broken_by_the_vertex_index(hand):
    anchors = select_anchors(np.zeros(778), hand.faces.numpy())
    assert anchors[0] == 0
    assert len(set(anchors.tolist())) == 108


def test_more_anchors_than_fit_is_named(hand):
    with pytest.raises(ValueError, match="count must be at most"):
        select_anchors(np.zeros(778), hand.faces.numpy(), count=400)


@pytest.mark.parametrize("frequency", [np.full(778, np.nan), np.zeros((778, 2))])
def test_frequency_must_be_a_finite_number_per_vertex(frequency, hand):
    with pytest.raises(ValueError, match="contact_frequency must"):
        select_anchors(frequency, hand.faces.numpy())


def test_vertex_normals_equal_trimesh(hand):
    mesh = trimesh.Trimesh(hand.template.numpy(), hand.faces.numpy(), process=False)
    area_weighted = trimesh.geometry.mean_vertex_normals(
        778, mesh.faces, mesh.face_normals * mesh.area_faces[:, None]
    )
    assert np.abs(vertex_normals(hand.template, hand.faces).numpy() - area_weighted).max() < 1e-9


def test_anchor_normals_are_the_vertex_normals_of_the_anchors_in_any_batch(either_hand):
    angles = 0.3 * torch.from_numpy(np.random.default_rng(0).normal(size=(4, 15, 3)))
    vertices = either_hand(joint_rotations(angles, rest_frames(either_hand))).vertices.reshape(2, 2, 778, 3)
    anchors = torch.tensor([5, 700, 31])
    normals = anchor_normals(vertices, either_hand.faces, anchors)
    assert torch.allclose(normals, vertex_normals(vertices, either_hand.faces)[..., anchors, :], atol=1e-12)
    assert torch.allclose(normals.norm(dim=-1), torch.ones(2, 2, 3).double())


def test_anchor_normals_have_exact_gradients(small_hand):
    vertices = small_hand.template.clone().requires_grad_()
    anchors = torch.tensor([1, 4])
    assert torch.autograd.gradcheck(lambda v: anchor_normals(v, small_hand.faces, anchors), vertices)


def pressed_together(hand, left_hand, gap: float) -> torch.Tensor:
    """Palms facing each other, `gap` metres apart at the nearest points; (1, 2, 778, 3)."""
    right = hand.template
    left = (
        left_hand.template * torch.tensor([-1.0, -1.0, 1.0]).double()
    )  # half a turn about z: fingers alike, palm up
    return torch.stack([right, left + torch.tensor([0, right[:, 1].amin() - left[:, 1].amax() - gap, 0])])[
        None
    ]


def test_contact_is_counted_on_the_palms_that_face_each_other(hand, left_hand):
    faces = (hand.faces, left_hand.faces)
    count = contact_frequency(pressed_together(hand, left_hand, -0.01), faces)
    palmar = vertex_normals(hand.template, hand.faces)[:, 1] < 0
    assert count.max() == 1 and (count > 0).sum() > 20
    assert (count[~palmar] == 0).double().mean() > 0.95


def test_hands_further_apart_than_the_distance_do_not_touch(hand, left_hand):
    faces = (hand.faces, left_hand.faces)
    assert contact_frequency(pressed_together(hand, left_hand, 0.021), faces).sum() == 0


def test_contact_frequency_is_the_plain_double_loop(hand, left_hand):
    vertices, faces = pressed_together(hand, left_hand, 0.0), (hand.faces, left_hand.faces)
    apart = vertices + torch.tensor([0, 1.0]).double()[None, :, None, None]
    found = contact_frequency(torch.cat([vertices, apart]), faces)
    right, left = vertices[0].numpy()
    n_right, n_left = (vertex_normals(v, f).numpy() for v, f in zip(vertices[0], faces, strict=True))
    for v in range(0, 778, 37):
        expected = sum(
            any(np.linalg.norm(a[v] - p) < 0.02 and n[v] @ m < -0.6 for p, m in zip(b, other, strict=True))
            for a, n, b, other in ((right, n_right, left, n_left), (left, n_left, right, n_right))
        )
        assert found[v] == expected / 4


def test_contacts_of_both_hands_count_alike(hand, left_hand):
    vertices = pressed_together(hand, left_hand, 0.0)
    swapped = contact_frequency(vertices.flip(1), (left_hand.faces, hand.faces))
    assert torch.equal(swapped, contact_frequency(vertices, (hand.faces, left_hand.faces)))


def test_contact_frequency_needs_pairs(hand):
    with pytest.raises(ValueError, match="vertices must have shape"):
        contact_frequency(hand.template[None], (hand.faces, hand.faces))
