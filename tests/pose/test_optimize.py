import math

import pytest
import torch

from renderih_lib.hand.anatomy import BEND, angle_excess, angle_limits
from renderih_lib.hand.model import mirrored_rotations
from renderih_lib.hand.pair import PairPose
from renderih_lib.pose import losses
from renderih_lib.pose.augment import augment
from renderih_lib.pose.library import PALMS_TOGETHER
from renderih_lib.pose.naturalness import Discriminator
from renderih_lib.pose.optimize import GRID, PRESETS, TERMS, PairTerms, optimize_pairs, within_reach
from renderih_lib.pose.validity import check_pairs


@pytest.fixture(scope="module")
def terms(hands):
    discriminator = Discriminator(width=32)
    for parameter in discriminator.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(0))
    return PairTerms(hands, discriminator)


def overlapping(count, gap=0.03):
    """Palms facing each other `gap` metres apart at the wrists, fingers augmented: most pairs penetrate."""
    angles = augment(torch.zeros(2 * count, 15, 3), 1, seed=0).view(count, 2, 15, 3)
    wrist = torch.stack([torch.eye(3), PALMS_TOGETHER]).expand(count, 2, 3, 3)
    translation = torch.tensor([[0.0, 0, 0], [0, -gap, 0]]).expand(count, 2, 3)
    return PairPose(angles, wrist, translation.clone(), torch.zeros(count, 2, 10))


def mirrored(pose):
    mirror = pose.translation.new_tensor([-1, 1, 1])
    return PairPose(
        pose.angles.flip(1),
        mirrored_rotations(pose.wrist).flip(1),
        (pose.translation * mirror).flip(1),
        pose.shape.flip(1),
    )


def equal(pose, other):
    return all(torch.equal(a, b) for a, b in zip(vars(pose).values(), vars(other).values(), strict=True))


def test_optimising_removes_penetration_and_keeps_contact_and_limits(hands, terms):
    pose = overlapping(2)
    before = check_pairs(pose, hands)
    after = check_pairs(optimize_pairs(pose, terms, iterations=80).pose, hands)
    assert (before.depth_mm > 5).all()
    assert (after.depth_mm < 0.5 * before.depth_mm).all()
    assert (after.excess_deg <= 0.1).all() and (after.contact_mm <= 5).all()


def test_wrist_rotation_and_shape_stay(terms):
    pose = overlapping(2)
    result = optimize_pairs(pose, terms, iterations=3).pose
    assert torch.equal(result.wrist, pose.wrist) and torch.equal(result.shape, pose.shape)
    assert not torch.equal(result.angles, pose.angles)
    assert not torch.equal(result.translation, pose.translation)


def optimised_in_batches(pose, terms, size, iterations):
    parts = [
        optimize_pairs(pose[i : i + size], terms, iterations=iterations) for i in range(0, len(pose), size)
    ]
    return PairPose.cat([part.pose for part in parts])


def test_results_are_the_same_bits_for_any_batch_size(terms):
    pose = overlapping(4)
    together = optimize_pairs(pose, terms, iterations=20).pose
    for size in (1, 3):
        assert equal(optimised_in_batches(pose, terms, size, 20), together)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_results_of_all_iterations_are_the_same_bits_for_any_batch_size(terms, threads):
    pose = overlapping(10)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        together = optimize_pairs(pose, terms).pose
        for size in (1, 3, 8):
            assert equal(optimised_in_batches(pose, terms, size, 215), together)
    finally:
        torch.set_num_threads(before)


def test_results_lie_on_the_grid_which_float32_holds_exactly(terms):
    result = optimize_pairs(overlapping(2), terms, iterations=5).pose
    inside = angle_excess(result.angles) == 0  # angles put back to a limit of Table 2 leave the grid
    limits = angle_limits()
    steps = (result.angles.double() / GRID)[inside & ~(result.angles[..., None] == limits).any(-1)]
    assert len(steps) > 50 and (steps == steps.round()).all()
    steps = result.translation.double() / GRID
    assert (steps == steps.round()).all()


BROKEN = {
    "not finite": ("angles", (0, 0, 0), math.nan),
    "an angle beyond 180 degrees": ("angles", (1, 4, BEND), 4.0),
    "a wrist that is no rotation": ("wrist", (0, 0, 0), 2.0),
    "a shape beyond 10 standard deviations": ("shape", (1, 3), 1e6),
    "wrists more than 1 m apart": ("translation", (0, 1), 1e30),
}


@pytest.mark.parametrize("problem", BROKEN)
def test_an_unsound_pair_is_named_and_changes_no_other(terms, problem):
    sound = overlapping(3)
    broken = PairPose(*(x.clone() for x in vars(sound).values()))
    name, index, value = BROKEN[problem]
    getattr(broken, name)[(1, *index)] = value
    result = optimize_pairs(broken, terms, iterations=5)
    assert result.problems == [None, problem, None] and result.stopped.tolist() == [-1, 0, -1]
    assert result.history[:, :, 1].isnan().all() and result.history[:, :, [0, 2]].isfinite().all()
    assert all(
        torch.equal(a[1].nan_to_num(7), b[1].nan_to_num(7))
        for a, b in zip(vars(result.pose).values(), vars(broken).values(), strict=True)
    )
    assert equal(result.pose[[0, 2]], optimize_pairs(sound[[0, 2]], terms, iterations=5).pose)


def test_a_pair_that_ceases_to_be_finite_stops_there_and_is_named(terms, monkeypatch):
    pose, forward, calls = overlapping(3), terms.forward, []

    def poisoned(current, pairs):
        calls.append(None)
        poison = torch.tensor([0.0, math.nan if len(calls) == 4 else 0.0, 0.0])
        return forward(current, pairs) + current.angles.sum((1, 2, 3)) * poison

    monkeypatch.setattr(terms, "forward", poisoned)
    result = optimize_pairs(pose, terms, iterations=6)
    monkeypatch.undo()
    assert result.stopped.tolist() == [-1, 3, -1]
    assert result.problems == [None, "not finite from iteration 3 on", None]
    assert equal(result.pose[1:2], optimize_pairs(pose[1:2], terms, iterations=3).pose)
    assert equal(result.pose[[0, 2]], optimize_pairs(pose[[0, 2]], terms, iterations=6).pose)


@pytest.mark.parametrize("preset", PRESETS)
def test_far_apart_hands_neither_attract_nor_penetrate_nor_feel_a_force(terms, preset):
    pose = overlapping(2, gap=0.5).to(torch.float64)
    pairs = PRESETS[preset].pairs(0, None, terms, pose)
    angles, translation = pose.angles.requires_grad_(), pose.translation.requires_grad_()
    attraction, _, _, penetration = terms(pose, pairs)
    assert (attraction == 0).all() and (penetration == 0).all()
    for gradient in torch.autograd.grad((attraction + penetration).sum(), [angles, translation]):
        assert (gradient == 0).all()


def test_opened_hands_start_within_reach_of_each_other(terms):
    anchors, _ = terms.anchors_and_normals(within_reach(overlapping(2, gap=0.2).to(torch.float64), terms))
    assert (torch.cdist(anchors[:, 0], anchors[:, 1]).flatten(1).amin(1) <= 0.0101).all()
    near = overlapping(2).to(torch.float64)
    assert torch.equal(within_reach(near, terms).translation, near.translation)


def test_the_mirrored_pair_has_mirrored_depths_and_equal_terms(terms):
    pose = overlapping(2).to(torch.float64)
    depths = terms.depths(terms.hands(pose))
    assert torch.equal(terms.depths(terms.hands(mirrored(pose))), depths.flip(1)) and depths.max() > 0.005
    values, again = (terms(p, PRESETS["paper"].pairs(0, None, terms, p)) for p in (pose, mirrored(pose)))
    assert torch.allclose(values, again, rtol=1e-12, atol=0)


def test_the_mirrored_pair_optimises_to_exactly_the_mirrored_result(terms):
    pose = overlapping(2)
    result = optimize_pairs(pose, terms, iterations=20).pose
    assert equal(mirrored(optimize_pairs(mirrored(pose), terms, iterations=20).pose), result)


def flat_hands(bend=0.0):
    pose = overlapping(1).to(torch.float64)
    angles = torch.zeros_like(pose.angles)
    angles[..., BEND] = bend
    return pose.replace(angles=angles)


def at_limits():
    pose = overlapping(1).to(torch.float64)
    highest = angle_limits(torch.float64)[..., 1]
    return pose.replace(angles=highest.expand_as(pose.angles).clone())


DEGENERATE = {
    "augmented": overlapping(1).to(torch.float64),
    "straight": flat_hands(),
    "at limits": at_limits(),
}
DEGENERATE["one inside the other"] = flat_hands(0.2).replace(translation=torch.zeros(1, 2, 3).double())


@pytest.mark.parametrize("name", DEGENERATE)
def test_the_whole_objective_has_exact_gradients(terms, name):
    """At the limits Eq. 6 is zero with a zero slope; where fingers are straight no angle is singular."""
    pose = DEGENERATE[name]
    pairs = PRESETS["paper"].pairs(0, None, terms, pose)
    direction = torch.randn(pose.angles.shape, generator=torch.Generator().manual_seed(0)).double()

    def value(angles):
        return terms(pose.replace(angles=angles), pairs).sum()

    angles = pose.angles.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(value(angles), angles)
    ahead, behind = (value(pose.angles + s * 1e-7 * direction) for s in (1, -1))
    assert gradient.isfinite().all()
    assert (gradient * direction).sum().item() == pytest.approx((ahead - behind).item() / 2e-7, rel=2e-3)


def rebuilt_at(preset, terms, monkeypatch, finder):
    """Iterations at which a preset looks for new anchor pairs with `losses.<finder>`."""
    pose, found, pairs = overlapping(1).to(torch.float64), [], None
    original, now = getattr(losses, finder), []
    monkeypatch.setattr(losses, finder, lambda *args, **kw: found.append(now[-1]) or original(*args, **kw))
    for iteration in range(215):
        now.append(iteration)
        pairs = PRESETS[preset].pairs(iteration, pairs, terms, pose)
    return found


def test_paper_rebuilds_mutual_pairs_every_40_iterations(terms, monkeypatch):
    assert rebuilt_at("paper", terms, monkeypatch, "mutual_pairs") == [0, 40, 80, 120, 160, 200]


def test_released_code_rebuilds_pairs_twice_and_refreshes_stiffness_at_the_other_stages(terms, monkeypatch):
    assert rebuilt_at("official", terms, monkeypatch, "nearest_pairs") == [0, 165]
    assert rebuilt_at("official", terms, monkeypatch, "refreshed") == [50, 90]


def test_released_code_ties_every_left_anchor_to_four_right_ones_that_face_it_closely(terms, monkeypatch):
    pose, seen = overlapping(1).to(torch.float64), []
    original = losses.facing_distances
    monkeypatch.setattr(
        losses, "facing_distances", lambda a, n, cosine: seen.append(cosine) or original(a, n, cosine)
    )
    paper, official = (PRESETS[name].pairs(0, None, terms, pose) for name in ("paper", "official"))
    assert seen == [0.0, -0.6]
    count = len(terms.anchors)
    assert paper.right.shape == (1, count) and official.left.shape == (1, 4 * count)
    assert torch.bincount(official.left[0], minlength=count).tolist() == [4] * count


def test_released_attraction_is_a_mean_over_active_springs_of_three_tenths_k(terms):
    pose = overlapping(1).to(torch.float64)
    anchors, normals = terms.anchors_and_normals(pose)
    plain, scaled = losses.nearest_pairs(anchors, normals), PRESETS["official"].pairs(0, None, terms, pose)
    gap = anchors[0, 0, plain.right[0]] - anchors[0, 1, plain.left[0]]
    expected = (0.3 * plain.stiffness[0] * gap.square().sum(-1)).sum() / (plain.stiffness > 0).sum()
    assert losses.attraction_loss(anchors, scaled).item() == pytest.approx(expected.item())


def test_only_the_released_preset_restarts_adam_at_its_stages():
    assert PRESETS["paper"].restarts == () and PRESETS["official"].restarts == (50, 90, 165)


def test_released_stages_are_four_constant_pieces():
    weights = [PRESETS["official"].weights(i) for i in range(215)]
    changes = [i for i in range(1, 215) if weights[i] != weights[i - 1]]
    assert changes == [50, 90, 165]
    assert [weights[i][0] for i in (0, 50, 90, 165)] == [10, 150, 1, 50]
    penetration = [weights[i][3] / weights[0][3] for i in (0, 50, 90, 165)]
    assert penetration == pytest.approx([1, 0.1, 30, 1])
    assert {w[1:3] for w in weights} == {(1.0, 1.0)}


def test_all_vertices_may_be_anchors(hands):
    every = PairTerms(hands, None, torch.arange(hands.right.vertex_count))
    result = optimize_pairs(overlapping(1), every, iterations=2)
    assert result.history.isfinite().all() and result.problems == [None]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_cuda_device_gives_the_same_pairs(hands, terms):
    pose = overlapping(4)
    expected = optimize_pairs(pose, terms, iterations=20).pose
    discriminator = terms.discriminator.float()
    result = optimize_pairs(pose, PairTerms(hands, discriminator).cuda(), iterations=20).pose
    terms.double()
    assert (result.angles - expected.angles).abs().max() < 1e-4


def test_paper_weights_ramp_monotonically_and_official_ones_do_not():
    paper = [PRESETS["paper"].weights(i) for i in range(215)]
    attraction, penetration = [w[0] for w in paper], [w[3] for w in paper]
    assert attraction == sorted(attraction) and penetration == sorted(penetration, reverse=True)
    assert len(set(paper[165:])) == 1
    official = [PRESETS["official"].weights(i)[3] for i in range(215)]
    assert official.index(max(official)) == 90 and official[-1] < max(official)


def test_history_holds_every_term_before_every_step(terms):
    seen = []
    pose = overlapping(2)
    result = optimize_pairs(
        pose, terms, preset="official", iterations=3, on_step=lambda *step: seen.append(step)
    )
    assert result.history.shape == (3, len(TERMS), 2)
    assert [step[0] for step in seen] == [0, 1, 2]
    assert torch.equal(torch.stack([step[2] for step in seen]), result.history)


def test_angles_end_inside_table_2_even_without_the_anatomy_term(terms):
    result = optimize_pairs(overlapping(1), terms, without=["anatomy"], iterations=10)
    assert angle_excess(result.pose.angles).abs().max() < 1e-6


@pytest.mark.parametrize("options", [{"preset": "papre"}, {"without": ["gravity"]}])
def test_unknown_names_are_refused(terms, options):
    with pytest.raises(ValueError, match="must"):
        optimize_pairs(overlapping(1), terms, **options)
