"""Natural single-hand poses and two-hand interactions, and natural variations of them (DESIGN section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import yaml
from scipy.spatial.transform import Rotation
from scipy.special import ndtri
from torch import Tensor

from renderih_lib.hand.anatomy import BEND, SPLAY, angle_excess, angle_limits, angles_from_degrees
from renderih_lib.hand.model import mirrored_rotations
from renderih_lib.hand.pair import HandPair, PairPose, open_hand_pair
from renderih_lib.hand.skeleton import FINGER_JOINT_NAMES, FINGERS, JOINT_NAMES
from renderih_lib.pose.augment import uniforms

POSES_PATH = Path(__file__).parents[1] / "assets" / "poses.yaml"

#: Turns the left rest frame into the mirror image of the right hand across its palm plane (palms together).
PALMS_TOGETHER = torch.diag(torch.tensor([-1.0, -1.0, 1.0]))

#: Fingers side by side on the hand, for variation that neighbours share.
_ROW = ("index", "middle", "ring", "pinky")
_SINGLE_DRAWS, _SHAPE_LIMIT = 32, 2.0


@dataclass(frozen=True)
class SinglePose:
    """One authored hand."""

    name: str
    kind: str
    source: str
    angles: Tensor  # (15, 3) radians


@dataclass(frozen=True)
class Interaction:
    """Two authored hands and where the left wrist is, in the frame of the right wrist."""

    name: str
    kind: str
    source: str
    angles: Tensor  # (2, 15, 3) radians, right and left
    rotation: Tensor  # (3, 3), left rest frame -> right rest frame
    translation: Tensor  # (3,) metres, left wrist joint minus right wrist joint, for the mean shape


class PoseLibrary:
    """Natural poses by name, and any number of natural variations of them.

    `singles` and `interactions` map names to poses; iterating them gives the names in the order of the file.
    """

    def __init__(
        self,
        singles: dict[str, SinglePose],
        interactions: dict[str, Interaction],
        hands: HandPair | None = None,
    ):
        self.singles, self.interactions, self._hands = singles, interactions, hands

    @cached_property
    def hands(self) -> HandPair:
        """The hands that pairs are placed for; the open hand unless others were given."""
        return self._hands if self._hands is not None else open_hand_pair()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.singles)

    def single(self, name: str) -> Tensor:
        """Angles (15, 3) radians of a single-hand pose, the same for a right and a left hand.

        Raises:
            ValueError: if there is no such pose.
        """
        return _lookup(self.singles, name, "single-hand pose").angles

    def pair(self, name: str, shape: Tensor | None = None) -> PairPose:
        """An interaction as one pair (B = 1): right wrist joint at the origin, in its rest orientation.

        Args:
            shape: (S,) standard deviations shared by both hands, or None for the mean shape.

        Raises:
            ValueError: if there is no such interaction.
        """
        interaction = _lookup(self.interactions, name, "interaction")
        if shape is None:
            shape = torch.zeros(self.hands.right.shape_count)
        return self._placed(
            interaction.angles[None], interaction.rotation[None], interaction.translation[None], shape[None]
        )

    def natural_singles(self, seed: int, count: int, names: Sequence[str] | None = None) -> Tensor:
        """Varied natural poses (count, 15, 3) radians, all inside Table 2.

        Sample i starts from pose i modulo the number of names, moves at most half of the way to another random
        pose (mostly much less), and adds noise in which neighbouring fingers move together and the end joint
        follows the middle one. It depends on (seed, i) alone.

        Args:
            names: poses to use; all of the library if None.

        Raises:
            ValueError: if a name is unknown.
        """
        poses = torch.stack([self.single(name) for name in (names or self.names)])
        draws = uniforms(seed, [(i,) for i in range(count)], _SINGLE_DRAWS)
        return _varied(poses, draws)

    def natural_hands(self, seed: int, count: int, names: Sequence[str] | None = None) -> Tensor:
        """Varied natural hands (count, 15, 3) radians for the discriminator, all inside Table 2.

        Alone and interacting hands in turn, as the paper's come from FreiHAND, DexYCB and InterHand2.6M: even
        samples vary single poses as `natural_singles` does, odd ones both hands of interactions with the noise of
        `natural_pairs`. Sample i depends on (seed, i) alone.

        Args:
            names: single poses and interactions to use; if all are of one kind, so is every sample. None uses the
                whole library. An interaction may show a single pose: hold out both.

        Raises:
            ValueError: if a name is unknown.
        """
        known = self.singles | self.interactions
        chosen = [_lookup(known, name, "natural hand").name for name in (names or known)]
        alone = [self.singles[name].angles[None] for name in chosen if name in self.singles]
        interacting = [self.interactions[name].angles for name in chosen if name in self.interactions]
        draws = uniforms(seed, [(i,) for i in range(count)], _SINGLE_DRAWS)
        pools = [(vary, torch.cat(p)) for vary, p in ((_varied, alone), (_jittered, interacting)) if p]
        hands = torch.empty(count, len(FINGER_JOINT_NAMES), 3)
        for k, (vary, poses) in enumerate(pools):
            hands[k :: len(pools)] = vary(poses, draws[k :: len(pools)])
        return hands

    def natural_pairs(
        self, seed: int, count: int, oriented: bool = True, names: Sequence[str] | None = None
    ) -> PairPose:
        """Varied natural interactions; sample i varies interaction i modulo their number (`pair_sources`).

        Every second round swaps the roles of right and left. Fingers get half of the noise of
        `natural_singles`, the left wrist moves by about 2 degrees and 2 mm, and both hands get the shape of one
        person. Sample i depends on (seed, i) alone.

        Args:
            oriented: turn each pair by a random rotation; otherwise the right wrist keeps its rest orientation.
            names: interactions to use; all of the library if None.

        Raises:
            ValueError: if a name is unknown.
        """
        chosen = [_lookup(self.interactions, n, "interaction") for n in self.pair_sources(count, names)]
        shape_count = self.hands.right.shape_count
        draws = uniforms(seed, [(i,) for i in range(count)], 60 + 6 + 4 + shape_count)
        fingers, jitter, turn, body = draws.split([60, 6, 4, shape_count], dim=1)
        noise = 0.5 * finger_noise(fingers.unflatten(1, (2, 30)))
        angles = _inside_table_2(torch.stack([c.angles for c in chosen]) + noise)
        jitter = 2 * _normals(jitter)
        rotation = _rotations(Rotation.from_rotvec(jitter[:, :3].numpy(), degrees=True))
        rotation = rotation @ torch.stack([c.rotation for c in chosen])
        translation = torch.stack([c.translation for c in chosen]) + jitter[:, 3:].float() / 1000
        swapped = torch.arange(count) // len(names or self.interactions) % 2 == 1
        angles, rotation, translation = _swapped(angles, rotation, translation, swapped)
        shape = _normals(body).clamp(-_SHAPE_LIMIT, _SHAPE_LIMIT).float()
        placed = self._placed(angles, rotation, translation, shape)
        return (
            self._turned(placed, _rotations(Rotation.from_quat(_normals(turn).numpy())))
            if oriented
            else placed
        )

    def pair_sources(self, count: int, names: Sequence[str] | None = None) -> list[str]:
        """Name of the interaction behind each sample of `natural_pairs`."""
        names = list(names or self.interactions)
        return [names[i % len(names)] for i in range(count)]

    def _placed(self, angles: Tensor, rotation: Tensor, translation: Tensor, shape: Tensor) -> PairPose:
        """Pairs with the right wrist joint at the origin; distances grow with the size of the hand."""
        knuckle = JOINT_NAMES.index("middle_root")
        rest = torch.stack([hand.rest(shape)[1] for hand in self.hands.hands], 1)
        reach = (rest[:, 0, knuckle] - rest[:, 0, 0]).norm(dim=-1)
        mean = self.hands.right.rest_joints
        scale = reach / (mean[knuckle] - mean[0]).norm()
        place = torch.stack([torch.zeros_like(translation), translation * scale[:, None]], 1)
        wrist = torch.stack([torch.eye(3).expand_as(rotation), rotation], 1)
        return PairPose(angles, wrist, place - rest[:, :, 0], torch.stack([shape, shape], 1))

    def _turned(self, pose: PairPose, turn: Tensor) -> PairPose:
        """Pairs rotated as a whole by (B, 3, 3) about the origin."""
        origin = torch.stack(
            [hand.rest(pose.shape[:, s])[1][:, 0] for s, hand in enumerate(self.hands.hands)], 1
        )
        place = torch.einsum("brc,bhc->bhr", turn, pose.translation + origin)
        return pose.replace(wrist=turn[:, None] @ pose.wrist, translation=place - origin)


def load_pose_library(path: Path = POSES_PATH, hands: HandPair | None = None) -> PoseLibrary:
    """The open library that ships with the project, or one's own file in the same format.

    Raises:
        ValueError: naming the pose and what is wrong with it: a missing or unknown field or finger, an angle
            outside Table 2, a source that is not listed, a name used twice.
    """
    content = yaml.safe_load(Path(path).read_text())
    if not isinstance(content, dict) or set(content) != {"sources", "singles", "interactions"}:
        raise ValueError(f"{path} must hold exactly: sources, singles, interactions")
    singles: dict[str, SinglePose] = {}
    for entry in content["singles"]:
        name = _checked_name(entry, {"name", "kind", "source"}, set(FINGERS), singles, content["sources"])
        fingers = {finger: entry[finger] for finger in FINGERS if finger in entry}
        singles[name] = SinglePose(name, entry["kind"], entry["source"], _checked_angles(name, fingers))
    interactions: dict[str, Interaction] = {}
    required = {"name", "kind", "source", "right", "left", "rotation", "translation"}
    for entry in content["interactions"]:
        name = _checked_name(entry, required, set(), interactions, content["sources"])
        angles = torch.stack([_hand(f"{name} ({side})", entry[side], singles) for side in ("right", "left")])
        turn = Rotation.from_euler("xyz", _three_numbers(name, entry, "rotation"), degrees=True)
        rotation = _rotations(turn) @ PALMS_TOGETHER
        translation = torch.tensor(_three_numbers(name, entry, "translation"), dtype=torch.float32) / 1000
        interactions[name] = Interaction(name, entry["kind"], entry["source"], angles, rotation, translation)
    return PoseLibrary(singles, interactions, hands)


def finger_noise(draws: Tensor) -> Tensor:
    """Coupled angle noise (..., 15, 3) radians, about 5 degrees, from 30 uniform numbers (..., 30) in [0, 1).

    Neighbouring fingers share part of their bending, end joints follow 2/3 of the middle joint (the usual
    PIP-DIP coupling), and fingers spread or close as a fan.
    """
    z = _normals(draws).float()
    share = torch.eye(4) + 0.5 * torch.eye(4).roll(1, 0).tril(-1) + 0.5 * torch.eye(4).roll(-1, 0).triu(1)
    share = share / share.norm(dim=1, keepdim=True)
    root, middle, end = 4 * z[..., 0:4] @ share.T, 6 * z[..., 4:8] @ share.T, 2 * z[..., 8:12]
    fan = torch.tensor([1.0, 0.2, -0.5, -1.0])
    splay = 2.5 * z[..., 12:13] * fan + 1.5 * z[..., 13:17]
    degrees = torch.zeros(*z.shape[:-1], len(FINGER_JOINT_NAMES), 3)
    for k, finger in enumerate(_ROW):
        first = 3 * FINGERS.index(finger)
        degrees[..., first, SPLAY] = splay[..., k]
        for level, bend in enumerate((root[..., k], middle[..., k], 2 / 3 * middle[..., k] + end[..., k])):
            degrees[..., first + level, BEND] = bend
    thumb = 3 * FINGERS.index("thumb")
    degrees[..., thumb, SPLAY] = 3 * z[..., 17]
    degrees[..., thumb : thumb + 3, BEND] = 4 * z[..., 18:21]
    return torch.deg2rad(degrees)


def _varied(poses: Tensor, draws: Tensor) -> Tensor:
    """Poses (N, 15, 3) in turn, each moved towards a random other one and with noise; draws (count, 32)."""
    other = (draws[:, 0] * len(poses)).long()
    weight = (0.5 * draws[:, 1] ** 2)[:, None, None].float()
    blend = torch.lerp(poses[torch.arange(len(draws)) % len(poses)], poses[other], weight)
    return _inside_table_2(blend + finger_noise(draws[:, 2:]))


def _jittered(poses: Tensor, draws: Tensor) -> Tensor:
    """Poses (N, 15, 3) in turn with half the noise, so that hands in contact hardly part; draws (count, 32)."""
    return _inside_table_2(poses[torch.arange(len(draws)) % len(poses)] + 0.5 * finger_noise(draws[:, 2:]))


def _swapped(
    angles: Tensor, rotation: Tensor, translation: Tensor, swap: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Mirror images of the pairs where `swap` (B,) holds: each hand takes the other's part."""
    back = mirrored_rotations(rotation).transpose(-1, -2)
    place = -(back @ (translation * translation.new_tensor([-1.0, 1.0, 1.0]))[..., None])[..., 0]
    return (
        torch.where(swap[:, None, None, None], angles.flip(1), angles),
        torch.where(swap[:, None, None], back, rotation),
        torch.where(swap[:, None], place, translation),
    )


def _inside_table_2(angles: Tensor) -> Tensor:
    return angles.clamp(*angle_limits(angles.dtype).unbind(-1))


def _normals(draws: Tensor) -> Tensor:
    """Standard normal numbers from uniform ones."""
    return torch.from_numpy(ndtri(np.clip(draws.numpy(), 1e-9, 1 - 1e-9)))


def _rotations(rotation: Rotation) -> Tensor:
    return torch.from_numpy(rotation.as_matrix()).float()


def _lookup(poses: dict, name: str, what: str):
    if name not in poses:
        raise ValueError(f"{what} must be one of {', '.join(poses)}; got {name!r}")
    return poses[name]


def _checked_name(entry: dict, required: set[str], optional: set[str], taken: dict, sources: dict) -> str:
    label = f"pose {entry.get('name', '(without a name)')!r}"
    if missing := required - set(entry):
        raise ValueError(f"{label} lacks {', '.join(sorted(missing))}")
    if unknown := set(entry) - required - optional:
        raise ValueError(f"{label} has unknown fields: {', '.join(sorted(unknown))}")
    if entry["name"] in taken:
        raise ValueError(f"{label} appears twice")
    if str(entry["source"]).split(":")[0] not in sources:
        raise ValueError(f"{label}: source {entry['source']!r} must start with one of {', '.join(sources)}")
    return entry["name"]


def _checked_angles(name: str, fingers: dict) -> Tensor:
    """Angles (15, 3) of degrees per finger, refused when they leave Table 2."""
    try:
        angles = angles_from_degrees(fingers)
    except ValueError as error:
        raise ValueError(f"pose {name!r}: {error}") from None
    excess = torch.rad2deg(angle_excess(angles))
    if (excess.abs() > 1e-3).any():
        joint, axis = divmod(int(excess.abs().argmax()), 3)
        part = f"{FINGER_JOINT_NAMES[joint]} {('twist', 'splay', 'bend')[axis]}"
        raise ValueError(f"pose {name!r}: {part} leaves Table 2 by {excess[joint, axis]:+.1f} degrees")
    return _inside_table_2(angles)


def _hand(name: str, hand: str | dict, singles: dict[str, SinglePose]) -> Tensor:
    if isinstance(hand, str):
        if hand not in singles:
            raise ValueError(f"pose {name!r}: there is no single-hand pose {hand!r}")
        return singles[hand].angles
    return _checked_angles(name, hand)


def _three_numbers(name: str, entry: dict, field: str) -> list[float]:
    values = entry[field]
    if not isinstance(values, list) or len(values) != 3:
        raise ValueError(f"pose {name!r}: {field} must be three numbers, got {values}")
    return [float(value) for value in values]
