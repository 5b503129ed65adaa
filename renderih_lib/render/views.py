"""Choosing views: pairs of hands placed at the centre of the world, and for each image a camera that shows them.

Works on few vertices of each arm (`outline`), so that a million views take seconds.
"""

from dataclasses import dataclass, fields
from functools import cache
from typing import NamedTuple

import numpy as np
import torch

from renderih_lib.hand.model import HandModel
from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.render.cameras import Rig, framing, hidden_by_forearm, in_picture, look_at
from renderih_lib.render.mesh import FOREARM, load_arm
from renderih_lib.render.recipes import Recipe

HIDDEN_LIMIT = 0.15  # of the keypoints behind a forearm, above which a view is rejected
_WRIST = 0.06  # metres behind the wrist joint where a forearm begins to hide things


class Outline(NamedTuple):
    """A right arm of few vertices."""

    model: HandModel
    hand: np.ndarray  # vertex numbers that span the hand
    cut: np.ndarray  # vertex numbers of the open end


@dataclass(frozen=True)
class Scenes:
    """What choosing a view needs to know of B posed pairs, metres, world, float64."""

    hands: np.ndarray  # (B, P, 3) the outline of both hands without forearms
    keypoints: np.ndarray  # (B, 42, 3)
    starts: np.ndarray  # (B, 2, 3) of the forearms, behind the wrists
    ends: np.ndarray  # (B, 2, 3)
    cuts: np.ndarray  # (B, C, 3) the open ends

    def __getitem__(self, rows) -> "Scenes":
        return Scenes(*(getattr(self, f.name)[rows] for f in fields(self)))

    def moved(self, R: np.ndarray, t: np.ndarray) -> "Scenes":
        """Every pair after its `R x + t`; R (B, 3, 3), t (B, 3)."""
        R = R.swapaxes(1, 2)
        return Scenes(*(getattr(self, f.name) @ R + t[:, None] for f in fields(self)))


class Wishes(NamedTuple):
    """What is drawn for N images before their views are known."""

    radius: np.ndarray  # (N,) factor of the rig's distance
    fill: np.ndarray  # (N,)
    roll: np.ndarray  # (N,) radians
    shift: np.ndarray  # (N, 3) metres, of the camera
    aim: np.ndarray  # (N, 3) metres, of its target


class Shots(NamedTuple):
    """Cameras of N images."""

    camera: np.ndarray  # (N,) its number in the rig
    fault: np.ndarray  # (N,) 0 for a good view; more when a forearm hides the hands or a cut end shows
    radius: np.ndarray  # (N,) metres to the centre
    K: np.ndarray  # (N, 3, 3)
    R: np.ndarray  # (N, 3, 3)
    t: np.ndarray  # (N, 3)


@cache
def outline() -> Outline:
    """The arm's vertices that lie farthest in any of 26 directions on any part of the hand, and its open end.

    A picture framed to them cuts no more than 2 % of its width from the full mesh (tests/render/test_views.py).
    """
    arm = load_arm()
    template = arm.model.template.double().numpy()
    grid = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), -1).reshape(-1, 3)
    directions = (
        grid[np.abs(grid).sum(1) > 0] / np.linalg.norm(grid[np.abs(grid).sum(1) > 0], axis=1)[:, None]
    )
    kept = [arm.model.tip_vertices.numpy(), arm.cut]
    for part in range(FOREARM):
        vertices = np.unique(arm.mesh.triangles[arm.parts == part])
        kept.append(vertices[(template[vertices] @ directions.T).argmax(0)])
    kept = np.unique(np.concatenate(kept))
    model = HandModel(
        template=arm.model.template[kept],
        faces=np.zeros((1, 3), int),
        shape_dirs=arm.model.shape_dirs[kept],
        joints=arm.model.rest_joints,
        joint_dirs=arm.model.joint_dirs,
        skin_weights=arm.model.skin_weights[kept],
        tip_vertices=np.searchsorted(kept, arm.model.tip_vertices.numpy()),
        name="outline of an arm",
    )
    cut = np.searchsorted(kept, arm.cut)
    return Outline(model, np.setdiff1d(np.arange(len(kept)), cut), cut)


def centred_scenes(poses: PairPose) -> tuple[Scenes, np.ndarray]:
    """Pairs with the middle of the bounding box of their hands at the origin, and that middle (B, 3) before.

    The paper puts the centre of the two hands at the centre of the world (section 3.2).
    """
    arm = outline()
    mesh = HandPair(arm.model, arm.model.mirrored())(poses)
    vertices, keypoints, joints = (x.double().numpy() for x in (mesh.vertices, mesh.keypoints, mesh.joints))
    hands, cuts = (vertices[:, :, part].reshape(len(vertices), -1, 3) for part in (arm.hand, arm.cut))
    middle = (hands.min(1) + hands.max(1)) / 2
    ends, wrists = vertices[:, :, arm.cut].mean(2), joints[:, :, 0]
    away = ends - wrists
    starts = wrists + _WRIST * away / np.linalg.norm(away, axis=-1, keepdims=True)
    scenes = Scenes(hands, keypoints.reshape(len(hands), -1, 3), starts, ends, cuts)
    return scenes.moved(np.eye(3)[None], -middle), middle


def placed_pairs(poses: PairPose, middle: np.ndarray, turn: np.ndarray) -> PairPose:
    """The poses of pairs whose `middle` (B, 3) went to the origin and that were then turned by (B, 3, 3)."""
    hands = outline().model, outline().model.mirrored()
    rest = torch.stack([hand.rest(poses.shape[:, side])[1][:, 0] for side, hand in enumerate(hands)], 1)
    turn = torch.as_tensor(turn, dtype=poses.wrist.dtype)  # each hand turns about its wrist joint
    wrists = rest + poses.translation - torch.as_tensor(middle, dtype=poses.wrist.dtype)[:, None]
    moved = torch.einsum("brc,bsc->bsr", turn, wrists) - rest
    return poses.replace(wrist=turn[:, None] @ poses.wrist, translation=moved)


def person_frames(scenes: Scenes) -> np.ndarray:
    """Rotations (B, 3, 3) after which the person whose arms they are sits at +z, upright, facing -z.

    Towards the person is where both forearms come from; to the person's right is from the left elbow to the right.
    """
    towards = (scenes.ends - scenes.starts).sum(1)
    back = towards / np.linalg.norm(towards, axis=-1, keepdims=True)
    right = scenes.ends[:, 0] - scenes.ends[:, 1]
    up = np.cross(back, right)
    up /= np.linalg.norm(up, axis=-1, keepdims=True)
    return np.stack([np.cross(up, back), up, back], 1)


def view_order(rig: Rig, keys: np.ndarray) -> np.ndarray:
    """Random orders (B, C) of a rig's cameras in which the tracks take turns.

    Args:
        keys: (B, C + T) uniform numbers, one for each camera and each of T tracks.
    """
    cameras = len(rig.eyes)
    priority = np.empty((len(keys), cameras))
    for track in range(rig.track.max() + 1):
        own = np.flatnonzero(rig.track == track)
        rank = keys[:, own].argsort(1).argsort(1)
        priority[:, own] = rank + keys[:, cameras + track, None]
    return priority.argsort(1)


def choose_views(rig: Rig, scenes: Scenes, order: np.ndarray, wishes: Wishes, recipe: Recipe) -> Shots:
    """The cameras of V images of each of B pairs, image k of pair b in row b * V + k.

    Each pair takes the good views in its `order` (B, C), passing over those with a fault; when none is left, the
    ones with the smallest fault. A camera is taken again only when all have been.
    """
    pairs, cameras = order.shape
    views = len(wishes.radius) // pairs
    rounds = -(-views // cameras)
    order = np.tile(order, (1, rounds))
    camera = np.full((pairs, views), -1)
    faults = np.full(order.shape, np.inf)  # of what was passed over
    taken = np.zeros(pairs, int)
    for step in range(order.shape[1]):
        open_ = np.flatnonzero(taken < views)
        if len(open_) == 0:
            break
        wish = Wishes(*(part[open_ * views + taken[open_]] for part in wishes))
        fault = shoot(rig, scenes[open_], order[open_, step], wish, recipe).fault
        good = open_[fault == 0]
        camera[good, taken[good]] = order[good, step]
        taken[good] += 1
        faults[open_, step] = np.where(fault == 0, np.inf, fault)
    for pair in np.flatnonzero(taken < views):
        least = np.argsort(faults[pair], kind="stable")[: views - taken[pair]]
        camera[pair, taken[pair] :] = order[pair, least]
    rows = np.repeat(np.arange(pairs), views)
    return shoot(rig, scenes[rows], camera.ravel(), wishes, recipe)


def shoot(rig: Rig, scenes: Scenes, camera: np.ndarray, wishes: Wishes, recipe: Recipe) -> Shots:
    """N pairs seen by one camera (N,) of the rig each."""
    eye = wishes.radius[:, None] * rig.eyes[camera] + wishes.shift
    if rig.R is None:
        R, t = look_at(eye, wishes.aim, wishes.roll)
    else:
        R = rig.R[camera]
        t = -(R @ eye[..., None])[..., 0]
    hands, cuts = (part @ R.swapaxes(1, 2) + t[:, None] for part in (scenes.hands, scenes.cuts))
    K = framing(hands, recipe.width, recipe.height, wishes.fill, recipe.centred)
    shown = in_picture(cuts, K[:, None], recipe.width, recipe.height).mean(1)
    behind = (hands[..., 2] <= 0).mean(1)  # of the camera, which stands among the hands
    hidden = hidden_by_forearm(
        eye[:, None, None], scenes.keypoints[:, None], scenes.starts[:, :, None], scenes.ends[:, :, None]
    )
    hidden = hidden.any(1).mean(1)
    fault = np.maximum(0, hidden - HIDDEN_LIMIT) + shown + behind
    return Shots(camera, fault, np.linalg.norm(eye, axis=1), K, R, t)
