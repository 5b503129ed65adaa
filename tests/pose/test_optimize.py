import pytest
import torch

from renderih_lib.hand.anatomy import angle_excess
from renderih_lib.hand.model import mirrored_rotations
from renderih_lib.hand.pair import PairPose
from renderih_lib.pose.augment import augment
from renderih_lib.pose.library import PALMS_TOGETHER
from renderih_lib.pose.naturalness import Discriminator
from renderih_lib.pose.optimize import PRESETS, TERMS, PairTerms, optimize_pairs, within_reach
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


def test_a_pose_is_not_changed_by_its_batch_mates(terms):
    pose = overlapping(4)
    together = optimize_pairs(pose, terms, iterations=25).pose
    alone = optimize_pairs(pose[2:3], terms, iterations=25).pose
    assert (together.angles[2:3] - alone.angles).abs().max() < 1e-5
    assert (together.translation[2:3] - alone.translation).abs().max() < 1e-6


def test_a_pose_that_is_not_finite_stops_alone_and_is_named(terms):
    pose = overlapping(3)
    broken = pose.replace(angles=pose.angles.clone())
    broken.angles[1, 0, 0, 0] = torch.nan
    result = optimize_pairs(broken, terms, iterations=5)
    assert result.stopped.tolist() == [-1, 0, -1]
    expected = optimize_pairs(pose, terms, iterations=5).pose
    assert torch.allclose(result.pose.angles[[0, 2]], expected.angles[[0, 2]], atol=1e-6)


def test_far_apart_hands_neither_attract_nor_penetrate(terms):
    pose = overlapping(2, gap=0.5).to(torch.float64)
    pairs = PRESETS["paper"].pairs(0, None, terms, pose)
    attraction, _, _, penetration = terms(pose, pairs)
    assert (attraction == 0).all() and (penetration == 0).all()


def test_opened_hands_start_within_reach_of_each_other(terms):
    anchors, _ = terms.anchors_and_normals(within_reach(overlapping(2, gap=0.2).to(torch.float64), terms))
    assert (torch.cdist(anchors[:, 0], anchors[:, 1]).flatten(1).amin(1) <= 0.0101).all()
    near = overlapping(2).to(torch.float64)
    assert torch.equal(within_reach(near, terms).translation, near.translation)


def test_terms_of_the_mirrored_pair_are_the_same(terms):
    pose = overlapping(2).to(torch.float64)
    mirror = pose.translation.new_tensor([-1, 1, 1])
    mirrored = PairPose(
        pose.angles.flip(1),
        mirrored_rotations(pose.wrist).flip(1),
        (pose.translation * mirror).flip(1),
        pose.shape.flip(1),
    )
    values, again = (terms(p, PRESETS["paper"].pairs(0, None, terms, p)) for p in (pose, mirrored))
    assert torch.allclose(values, again, rtol=2e-2)  # the two hands' grids are not exact mirror images


def test_the_whole_objective_has_exact_gradients(terms):
    pose = overlapping(1).to(torch.float64)
    pairs = PRESETS["paper"].pairs(0, None, terms, pose)
    direction = torch.randn(pose.angles.shape, generator=torch.Generator().manual_seed(0)).double()

    def value(angles):
        return terms(pose.replace(angles=angles), pairs).sum()

    angles = pose.angles.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(value(angles), angles)
    ahead, behind = (value(pose.angles + s * 1e-7 * direction) for s in (1, -1))
    assert (gradient * direction).sum().item() == pytest.approx((ahead - behind).item() / 2e-7, rel=1e-3)


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
