import inspect

import igl
import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.hand.pair import PairPose
from renderih_lib.hand.skeleton import JOINT_COUNT
from renderih_lib.pose.accuracy import exact_depths, table_2_hands
from renderih_lib.pose.distance import ExactSkin, pierced_lines
from renderih_lib.pose.fields import ArticulatedField
from renderih_lib.pose.voxels import (
    PartVoxels,
    VoxelGrids,
    WholeHandVoxels,
    literal_penetration_loss,
    trilinear,
    winding_grid,
)

N = 16


@pytest.fixture(scope="module")
def posed(hands):
    return table_2_hands(hands.right, seed=0, count=2)


@pytest.fixture(scope="module")
def parts(hands):
    return PartVoxels(hands.right, N)


@pytest.fixture(scope="module")
def part_grids(parts, posed):
    return parts.grids(posed)


@pytest.fixture(scope="module")
def overlapping(hands):
    """One pair (1, 2, V, 3) float64 whose palms run through each other."""
    wrist = torch.eye(3).repeat(1, 2, 1, 1)
    wrist[:, 1] = torch.diag(torch.tensor([-1.0, 1.0, -1.0]))
    pose = PairPose(torch.zeros(1, 2, 15, 3), wrist, torch.zeros(1, 2, 3), torch.zeros(1, 2, 10))
    vertices = hands(pose).vertices.double()
    middle = vertices.mean(2, keepdim=True)
    return vertices - middle + torch.tensor([[0, 0.004, 0], [0, -0.004, 0]]).double()[None, :, None]


def inside(vertices, count, seed=0):
    """Random points (1, count, 3) in the bounding box of vertices (V, 3)."""
    low, high = vertices.amin(0), vertices.amax(0)
    draw = torch.rand(count, 3, generator=torch.Generator().manual_seed(seed)).double()
    return (low + (high - low) * draw)[None]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, JOINT_COUNT - 1), st.integers(0, 10_000))
def test_winding_numbers_of_a_grid_equal_solid_angles(parts, posed, joint, seed):
    part = parts.parts[joint]
    mesh = part.closed_vertices(posed[seed % 2].numpy())
    rng = np.random.default_rng(seed)
    low, high = mesh.min(0) - 0.003 * rng.random(3), mesh.max(0) - 0.003 * rng.random(3)
    axes = [np.linspace(low[i], high[i], N) for i in range(3)]
    cells = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    exact = igl.winding_number(mesh, np.ascontiguousarray(part.closed_faces), cells)
    assert (winding_grid(mesh, part.closed_faces, low, high, N).ravel() == np.rint(exact)).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([4, 8, 1000]))
def test_lines_through_vertices_and_edges_come_out_as_often_as_they_go_in(seed, fine):
    """Crumpled spheres, their vertices rounded so that many lie on lines: winding numbers stay whole and right."""
    sphere = trimesh.creation.icosphere(2)
    places = sphere.vertices + 0.3 * np.random.default_rng(seed).normal(size=sphere.vertices.shape)
    mesh, faces, count = np.rint(fine * places).clip(-2 * fine, 2 * fine) / fine, np.array(sphere.faces), 17
    low = np.full(3, -2.0)
    line, _, change = pierced_lines(mesh, faces, low[1:] - 0.125, np.full(2, 0.25), np.full(2, count))
    assert (np.bincount(line, change, count**2) == 0).all()
    cells = np.stack(np.meshgrid(*[np.linspace(-2, 2, count)] * 3, indexing="ij"), -1).reshape(-1, 3)
    squared, _, _ = igl.point_mesh_squared_distance(cells, mesh, faces)
    away = squared > 1e-12
    grid = winding_grid(mesh, faces, low, -low, count).ravel()
    assert (grid[away] == np.rint(igl.winding_number(mesh, faces, cells[away]))).all()


@settings(max_examples=12, deadline=None)
@given(st.integers(0, JOINT_COUNT - 1), st.integers(0, 10_000))
def test_depth_in_a_part_is_its_exact_distance_within_one_cell(parts, posed, part_grids, joint, seed):
    """Ω changes by at most the way gone, so between cells it is wrong by at most a cell's diagonal."""
    hand = posed[seed % 2]
    mesh = parts.parts[joint].closed_vertices(hand.numpy())
    points = inside(torch.from_numpy(mesh), 200, seed)
    faces = np.ascontiguousarray(parts.parts[joint].closed_faces)
    squared, _, _ = igl.point_mesh_squared_distance(points[0].numpy(), mesh, faces)
    within = igl.winding_number(mesh, faces, points[0].numpy()) > 0.5
    exact = np.where(within, np.sqrt(squared), 0)
    grids = VoxelGrids(*(x[seed % 2 : seed % 2 + 1] for x in part_grids))
    depth = trilinear(grids, points)[0, joint].numpy()
    cell = np.linalg.norm((mesh.max(0) - mesh.min(0)) / (N - 1))
    assert np.abs(depth - exact).max() <= cell
    assert (depth[~within & (np.sqrt(squared) > cell)] == 0).all()


@pytest.mark.parametrize("make", [PartVoxels, WholeHandVoxels])
def test_points_away_from_the_hand_have_exactly_no_depth(hands, posed, make):
    field = make(hands.right, N)
    assert (field.depth(posed + 0.5, posed) == 0).all()


@pytest.mark.parametrize("make", [PartVoxels, WholeHandVoxels])
def test_more_cells_come_nearer_to_the_exact_depth(hands, posed, make):
    points = inside(posed[0], 1500)
    exact = -ExactSkin(hands.right.faces.numpy()).signed_distance(points[0].numpy(), posed[0].numpy())
    errors = []
    for resolution in (8, 32):
        depth = make(hands.right, resolution).depth(points, posed[:1])[0].numpy()
        errors.append(np.abs(depth - exact.clip(0)).mean())
    assert errors[1] < 0.5 * errors[0] and errors[1] < 0.001


def test_a_linear_field_is_read_exactly_between_cell_centres():
    generator = torch.Generator().manual_seed(0)
    low = torch.randn(2, 3, 3, generator=generator).double()
    high = low + 0.1 + torch.rand(2, 3, 3, generator=generator).double()
    slope, points = (
        torch.tensor([0.3, -2.0, 5.0]).double(),
        torch.rand(2, 40, 3, generator=generator).double(),
    )
    steps = torch.linspace(0, 1, 7).double()
    share = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij"), -1)
    cells = low[:, :, None, None, None] + (high - low)[:, :, None, None, None] * share
    for grid in range(3):
        inner = (low[:, grid, None] + (high - low)[:, grid, None] * points).requires_grad_()
        value = trilinear(VoxelGrids(low, high, cells @ slope), inner)[:, grid]
        assert torch.allclose(value, inner @ slope, atol=1e-12)
        (gradient,) = torch.autograd.grad(value.sum(), inner)
        assert torch.allclose(gradient, slope.expand_as(gradient), atol=1e-9)


def test_the_released_shift_moves_the_field_by_half_a_cell(hands, posed):
    true, shifted = (WholeHandVoxels(hands.right, 32, s).grids(posed) for s in (False, True))
    assert torch.equal(true.low, shifted.low) and torch.equal(true.high, shifted.high)
    index = torch.stack(torch.meshgrid(*[torch.arange(32.0).double()] * 3, indexing="ij"), -1)
    centres = [
        (g.omega[..., None] * index).sum((1, 2, 3, 4)) / g.omega.sum((1, 2, 3, 4))[:, None]
        for g in (true, shifted)
    ]
    assert torch.allclose(centres[1] - centres[0], torch.tensor(-0.5).double(), atol=0.05)


@pytest.mark.parametrize("make", [PartVoxels, WholeHandVoxels])
def test_going_down_the_gradient_leads_out_of_the_hand(hands, posed, make):
    field = make(hands.right, 32)
    points = inside(posed[0], 3000)
    exact = -ExactSkin(hands.right.faces.numpy()).signed_distance(points[0].numpy(), posed[0].numpy())
    points = points[:, torch.from_numpy(exact > 0.003)].requires_grad_()
    depth = field.depth(points, posed[:1])
    (gradient,) = torch.autograd.grad(depth.sum(), points)
    after = field.depth(points.detach() - 0.0005 * torch.nn.functional.normalize(gradient, dim=-1), posed[:1])
    assert points.shape[1] > 50 and (after < depth).double().mean() > 0.95


def test_depth_has_the_gradient_of_the_interpolation(hands, posed):
    field = WholeHandVoxels(hands.right, N)
    points = inside(posed[0], 40).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: field.depth(p, posed[:1]), points, eps=1e-8, atol=1e-5)


def test_all_fields_answer_the_same_call(hands, posed):
    points = inside(posed[0], 400)
    exact = -ExactSkin(hands.right.faces.numpy()).signed_distance(points[0].numpy(), posed[0].numpy())
    fields = [ArticulatedField(hands.right).double(), PartVoxels(hands.right), WholeHandVoxels(hands.right)]
    for field in fields:
        assert inspect.signature(field.depth) == inspect.signature(fields[0].depth)
        depth = field.depth(points, posed[:1])
        assert depth.shape == (1, 400) and depth.dtype == points.dtype
        assert np.corrcoef(depth[0].numpy(), exact.clip(0))[0, 1] > 0.9


def test_a_hand_is_not_changed_by_its_batch_mates(parts, posed):
    together = parts.depth(posed.flip(0), posed)
    assert torch.equal(together[1:], parts.depth(posed[:1], posed[1:]))


def test_equation_4_is_its_own_quadruple_sum(hands, overlapping):
    voxels = [PartVoxels(hand, N) for hand in hands.hands]
    by_hand = 0.0
    for side in (0, 1):
        depths = voxels[1 - side].depths(overlapping[:, side], overlapping[:, 1 - side])[0]
        by_hand += sum(depths[i, part.vertices].sum() for i in range(16) for part in voxels[side].parts)
    loss = literal_penetration_loss(voxels, overlapping)
    assert loss.shape == (1,) and loss.item() == pytest.approx(by_hand.item(), rel=1e-12) and loss > 0.01
    assert voxels[0].memberships.min() == 1 and voxels[0].memberships.max() > 1
    apart = overlapping + torch.tensor([[0.0], [0.5]]).double()[None, :, None]
    assert literal_penetration_loss(voxels, apart).item() == 0


def test_equation_4_pushes_only_vertices_that_lie_inside(hands, overlapping):
    voxels = [PartVoxels(hand, N) for hand in hands.hands]
    vertices = overlapping.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(literal_penetration_loss(voxels, vertices).sum(), vertices)
    pushed = gradient.norm(dim=-1).numpy() > 0
    exact = exact_depths(overlapping, tuple(hand.faces for hand in hands.hands))
    assert pushed[exact > 0.002].all()
    near = [
        ExactSkin(hands.hands[1 - s].faces.numpy()).signed_distance(
            overlapping[0, s].numpy(), overlapping[0, 1 - s].numpy()
        )
        for s in (0, 1)
    ]
    assert not pushed[0][np.array(near) > 0.02].any()


def test_wrong_input_is_named(hands, posed, parts):
    with pytest.raises(ValueError, match="points must have shape"):
        parts.depth(posed[0], posed)
    with pytest.raises(ValueError, match="points must have shape"):
        parts.depth(posed[:1], posed)
    with pytest.raises(ValueError, match="vertices must have shape"):
        parts.depth(posed, posed[:, :700])
    broken = posed.clone()
    broken[1, 5] = torch.nan
    with pytest.raises(ValueError, match=r"hands \[1\] are not finite"):
        parts.depth(posed, broken)
    with pytest.raises(ValueError, match="resolution"):
        PartVoxels(hands.right, 1)
