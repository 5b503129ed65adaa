"""From augmented to valid interacting hands: Eq. 9 minimised for many pairs side by side (supplement B)."""

import copy
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from renderih_lib.hand.anatomy import angle_excess
from renderih_lib.hand.anchors import anchor_normals
from renderih_lib.hand.model import HandMesh
from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.pose import losses
from renderih_lib.pose.contacts import library_anchors
from renderih_lib.pose.fields import pair_fields
from renderih_lib.pose.losses import AnchorPairs
from renderih_lib.pose.naturalness import Discriminator, adversarial_loss
from renderih_lib.pose.validity import input_problems

ITERATIONS = 215
#: Rows of `PairTerms.forward` and of `Optimized.history`, in the order of w1 to w4.
TERMS = ("attraction", "anatomy", "naturalness", "penetration")

#: Radians and metres. Variables stay on this grid, far below the smallest step, so that the last bits of batched
#: kernels, which depend on the batch size, do not grow over the iterations. Float32 holds its numbers exactly.
GRID = 2.0**-22

#: Largest change of an angle in one step, radians.
ANGLE_STEP = 1e-2
#: The same for a translation: this share of L_p (metres, summed over vertices), between two bounds in metres.
TRANSLATION_SHARE, TRANSLATION_STEP = 0.02, (2e-4, 5e-3)
#: A pose's steps are halved when its loss has not fallen for this many iterations, down to a floor.
PATIENCE, DECAY, SMALLEST_SCALE = 20, 0.5, 1e-2
# Adam with a short memory: the gradients of overlap, large at first, must not drown those of contact later.
_BETAS, _EPSILON = (0.7, 0.9), 1e-8


class PairTerms(nn.Module):
    """The four terms of Eq. 9 for a pair of hand models, in float64 so that results do not hang on batch size.

    Args:
        hands: the two hand models; copied.
        discriminator: D of Eq. 8, or None to leave naturalness out.
        anchors: (A,) int, vertices that attract; when None `contacts.library_anchors`, 108 of them.
    """

    def __init__(self, hands: HandPair, discriminator: Discriminator | None, anchors: Tensor | None = None):
        super().__init__()
        self.hands = copy.deepcopy(hands)
        self.fields = nn.ModuleList(pair_fields(hands))
        self.discriminator = copy.deepcopy(discriminator)
        self.register_buffer("anchors", library_anchors(hands) if anchors is None else anchors)
        self.to(hands.frames.device, torch.float64).requires_grad_(False)

    def forward(self, pose: PairPose, pairs: AnchorPairs) -> Tensor:
        """(4, B), one row per name in `TERMS`, unweighted: square metres, square radians, 1, metres."""
        mesh = self.hands(pose)
        nothing = mesh.vertices.new_zeros(len(pose))
        return torch.stack(
            [
                losses.attraction_loss(mesh.vertices[:, :, self.anchors], pairs),
                losses.anatomy_loss(pose.angles),
                nothing if self.discriminator is None else adversarial_loss(self.discriminator, pose.angles),
                losses.penetration_loss(self.depths(mesh)),
            ]
        )

    def depths(self, mesh: HandMesh) -> Tensor:
        """(B, 2, V) metres: how deep each hand's vertices lie inside the other hand."""
        right, left = mesh.vertices.unbind(1)
        return torch.stack([self.fields[1].depth(right, left), self.fields[0].depth(left, right)], 1)

    @torch.no_grad()
    def anchors_and_normals(self, pose: PairPose) -> tuple[Tensor, Tensor]:
        """Anchors and their normals, (B, 2, A, 3) each; metres and unit."""
        vertices = self.hands(pose).vertices
        normals = [
            anchor_normals(vertices[:, side], hand.faces, self.anchors)
            for side, hand in enumerate(self.hands.hands)
        ]
        return vertices[:, :, self.anchors], torch.stack(normals, 1)


class Preset(NamedTuple):
    """How the weights and the anchor pairs change over one optimisation of `ITERATIONS` steps."""

    weights: Callable[[int], tuple[float, float, float, float]]  # iteration -> w1 to w4
    pairs: Callable[[int, AnchorPairs | None, PairTerms, PairPose], AnchorPairs]
    restarts: tuple[int, ...] = ()  # iterations at which Adam and its step size start afresh


@dataclass(frozen=True)
class Optimized:
    """What `optimize_pairs` returns."""

    pose: PairPose
    history: Tensor  # (iterations, 4, B), unweighted `TERMS` before each step; nan for unsound pairs
    step_scale: Tensor  # (iterations, B), share of the first step size that each pair still takes
    stopped: Tensor  # (B,) int, iteration at which a pair was stopped, or -1
    problems: list[str | None]  # why it was stopped: `validity.input_problems`, or no longer finite


def optimize_pairs(
    pose: PairPose,
    terms: PairTerms,
    *,
    preset: str = "paper",
    without: Collection[str] = (),
    iterations: int = ITERATIONS,
    on_step: Callable[[int, PairPose, Tensor], None] | None = None,
) -> Optimized:
    """Minimise Eq. 9 over the angles and wrist translations of B pairs; wrist rotation and shape stay.

    All three angles of all joints are variables; Eq. 6 holds twist, and splay beyond the roots, near zero, and at
    the end angles are put back inside Table 2, which moves them by a fraction of a degree.

    A pair's result depends on no other pair and on no batch size, to the last bit on one CPU. An unsound pair comes
    back as it was, with its problem; `on_step` sees flat hands in its place.

    Args:
        preset: "paper" (supplement B) or "official" (the released code's stages).
        without: names of `TERMS` whose weight is zero, for ablations.
        iterations: below `ITERATIONS` the schedule is cut short, not squeezed.
        on_step: called with (iteration, pose, terms (4, B)) before every step.

    Raises:
        ValueError: if preset or a name in without is unknown.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {sorted(PRESETS)}, got {preset!r}")
    if unknown := set(without) - set(TERMS):
        raise ValueError(f"without must hold names of {TERMS}, got {sorted(unknown)}")
    schedule = PRESETS[preset]
    problems = input_problems(pose)
    unsound = torch.tensor(
        [problem is not None for problem in problems], device=terms.anchors.device, dtype=torch.bool
    )
    given = pose.to(terms.anchors.device, torch.float64)
    start = _where(unsound, _flat_hands(given), given)
    if "attraction" not in without:
        start = within_reach(start, terms)
    kept = start.angles.new_tensor([name not in without for name in TERMS])
    variables = _on_grid(torch.cat([start.angles.flatten(2), start.translation], -1))  # (B, 2, 45 + 3)
    stepper = _Adam(variables)
    stopped = torch.where(unsound, 0, -1)
    history, scales, pairs = [], [], None
    for iteration in range(iterations):
        variables.requires_grad_()
        current = _unpacked(variables, start)
        pairs = schedule.pairs(iteration, pairs, terms, current)
        values = terms(current, pairs)
        loss = (kept * kept.new_tensor(schedule.weights(iteration))) @ values
        (gradient,) = torch.autograd.grad(loss.sum(), variables)
        if on_step is not None:
            on_step(iteration, _unpacked(variables.detach(), start), values.detach())
        history.append(values.detach())
        if iteration in schedule.restarts:
            stepper = _Adam(variables)
        step = _step_size(values.detach()) * stepper.step(gradient, loss.detach())
        scales.append(stepper.scale)
        finite = step.isfinite().flatten(1).all(1)
        stopped = torch.where((stopped < 0) & ~finite, iteration, stopped)
        moves = (stopped < 0)[:, None, None]
        variables = torch.where(moves, _on_grid(variables - step), variables).detach()
    final = _unpacked(variables, start)
    final = final.replace(angles=final.angles - angle_excess(final.angles))
    final = _where(unsound, given, final).to("cpu", torch.float32)
    history = torch.stack(history).masked_fill(unsound, torch.nan).cpu()
    stopped = stopped.cpu()
    problems = [
        problem or (f"not finite from iteration {at} on" if at >= 0 else None)
        for problem, at in zip(problems, stopped.tolist(), strict=True)
    ]
    return Optimized(final, history, torch.stack(scales).float().cpu(), stopped, problems)


@torch.no_grad()
def within_reach(pose: PairPose, terms: PairTerms) -> PairPose:
    """Pairs whose nearest facing anchors are farther apart than half the reach of attraction, moved until they are
    that near: hands that the offsets of Eq. 1 have opened could not find each other again, since k is zero there."""
    anchors, normals = terms.anchors_and_normals(pose)
    distance = losses.facing_distances(anchors, normals, cosine=0.0).flatten(1)
    nearest, index = distance.min(1)
    rows, count = torch.arange(len(pose), device=index.device), len(terms.anchors)
    gap = anchors[rows, 1, index % count] - anchors[rows, 0, index // count]
    excess = (1 - losses.ATTRACTION_REACH / 2 / nearest).clamp(min=0)
    shift = torch.where(nearest.isfinite(), excess, 0)[:, None] * gap / 2
    return pose.replace(translation=pose.translation + torch.stack([shift, -shift], 1))


class _Adam:
    """Adam's direction, times a step size that every pose halves by itself when its loss has stopped falling."""

    def __init__(self, variables: Tensor):
        self.mean, self.square = torch.zeros_like(variables), torch.zeros_like(variables)
        self.count = 0
        self.scale = variables.new_ones(len(variables))
        self.best = torch.full_like(self.scale, torch.inf)
        self.waited = torch.zeros_like(self.scale)

    def step(self, gradient: Tensor, loss: Tensor) -> Tensor:
        """What to subtract, like gradient (B, ...), after a step with loss (B,)."""
        self.count += 1
        self.waited = torch.where(loss < self.best, 0, self.waited + 1)
        self.best = torch.minimum(self.best, loss)
        tired = self.waited > PATIENCE
        self.scale = torch.where(tired, (self.scale * DECAY).clamp(min=SMALLEST_SCALE), self.scale)
        self.waited[tired] = 0
        self.mean = torch.lerp(gradient, self.mean, _BETAS[0])
        self.square = torch.lerp(gradient.square(), self.square, _BETAS[1])
        mean, square = (
            m / (1 - b**self.count) for m, b in zip((self.mean, self.square), _BETAS, strict=True)
        )
        return self.scale[:, None, None] * mean / (square.sqrt() + _EPSILON)


def _step_size(values: Tensor) -> Tensor:
    """Largest change (B, 1, 48) of each variable in one step: hands that overlap much may part quickly, and slow down
    as they come free, so that they do not fly out of each other's reach."""
    translation = (TRANSLATION_SHARE * values[3]).clamp(*TRANSLATION_STEP)
    angle = torch.full_like(translation, ANGLE_STEP)
    return torch.cat([angle[:, None].expand(-1, 45), translation[:, None].expand(-1, 3)], 1)[:, None]


def _on_grid(variables: Tensor) -> Tensor:
    return (variables / GRID).round() * GRID


def _flat_hands(pose: PairPose) -> PairPose:
    """Like pose, but every hand flat, of mean shape and in place."""
    flat = PairPose(*(torch.zeros_like(x) for x in vars(pose).values()))
    return flat.replace(wrist=flat.wrist + torch.eye(3).to(flat.wrist))


def _where(chosen: Tensor, pose: PairPose, other: PairPose) -> PairPose:
    """Pairs of pose where chosen (B,), else of other."""
    rows = zip(vars(pose).values(), vars(other).values(), strict=True)
    return PairPose(*(torch.where(chosen.view(-1, *[1] * (a.ndim - 1)), a, b) for a, b in rows))


def _unpacked(variables: Tensor, start: PairPose) -> PairPose:
    angles, translation = variables.split([45, 3], -1)
    return start.replace(angles=angles.unflatten(-1, (15, 3)), translation=translation)


# Paper: w4 falls and w1 rises, geometrically, until iteration 165; w2 and w3 stay (supplement B, without numbers).
_RAMP_END, _REBUILD = 165, 40
_W1, _W2, _W3, _W4 = (30.0, 1000.0), 1000.0, 1.0, (100.0, 20.0)


def _paper_weights(iteration: int) -> tuple[float, float, float, float]:
    return _ramp(_W1, iteration), _W2, _W3, _ramp(_W4, iteration)


def _ramp(ends: tuple[float, float], iteration: int) -> float:
    first, last = ends
    return first * (last / first) ** min(iteration / _RAMP_END, 1)


def _paper_pairs(iteration: int, pairs: AnchorPairs | None, terms: PairTerms, pose: PairPose) -> AnchorPairs:
    return losses.mutual_pairs(*terms.anchors_and_normals(pose)) if iteration % _REBUILD == 0 else pairs


# Released code: four stages (first iteration, w1, w4); pairs found at 0 and 165, their stiffness refreshed at each
# stage. Its depths are in half sides (about 0.11 m) of the hand's box, summed over both hands and divided by 4.
_STAGES = ((0, 10, 0.064), (50, 150, 0.0064), (90, 1, 1.92), (165, 50, 0.064))
_DEPTH_UNIT = 1 / (4 * 0.11)


def _official_weights(iteration: int) -> tuple[float, float, float, float]:
    _, w1, w4 = max(stage for stage in _STAGES if stage[0] <= iteration)
    return w1, 1.0, 1.0, w4 * _DEPTH_UNIT


def _official_pairs(
    iteration: int, pairs: AnchorPairs | None, terms: PairTerms, pose: PairPose
) -> AnchorPairs:
    if iteration not in (stage[0] for stage in _STAGES):
        return pairs
    anchors, normals = terms.anchors_and_normals(pose)
    pairs = (
        losses.nearest_pairs(anchors, normals) if iteration in (0, 165) else losses.refreshed(pairs, anchors)
    )
    active = (pairs.stiffness > 0).sum(-1, keepdim=True).clamp(min=1)
    return pairs._replace(stiffness=0.6 * pairs.stiffness / active)  # 0.3 k d^2, averaged over active springs


PRESETS = {
    "paper": Preset(_paper_weights, _paper_pairs),
    "official": Preset(_official_weights, _official_pairs, restarts=(50, 90, 165)),
}
