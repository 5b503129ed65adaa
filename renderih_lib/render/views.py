"""Choosing views: pairs of hands placed at the centre of the world, and for each image a camera that shows them.

Works on few vertices of each arm (`outline`), so that a million views take seconds.
"""

from dataclasses import dataclass, fields
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from renderih_lib.hand.anatomy import joint_rotations, rest_frames
from renderih_lib.hand.model import HandModel
from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.pose.library import load_pose_library
from renderih_lib.render.bodies.forearms import BEND, forearm_bends
from renderih_lib.render.bodies.mesh import FOREARM, load_arm
from renderih_lib.render.cameras import Rig, fitted, look_at, segment_distances
from renderih_lib.render.recipes import Recipe

HIDDEN_LIMIT = 0.15  # of the keypoints behind a forearm, above which a view is rejected
HINGE = sum(BEND) / 2  # metres behind the wrist joint about which a forearm is bent aside
HIDES = 0.06  # and where it begins to hide things
_SEED, _HANDS, _DIRECTIONS = 0, 128, 128  # that find the outline
THICKNESS = 0.04  # metres, radius of a forearm that hides


class Outline(NamedTuple):
    """A right arm of few vertices."""

    model: HandModel
    hand: np.ndarray  # vertex numbers that span the hand
    cut: np.ndarray  # vertex numbers of the open end


@dataclass(frozen=True)
class Scenes:
    """What choosing a view needs to know of B posed pairs: metres, world, float32, a column per point."""

    hands: np.ndarray  # (B, 3, P) the outline of both hands without forearms
    keypoints: np.ndarray  # (B, 3, 42)
    starts: np.ndarray  # (B, 3, 2) of the forearms, behind the wrists
    ends: np.ndarray  # (B, 3, 2)
    cuts: np.ndarray  # (B, 3, C) the open ends

    def __getitem__(self, rows) -> "Scenes":
        return Scenes(*(getattr(self, f.name)[rows] for f in fields(self)))

    def moved(self, R: np.ndarray, t: np.ndarray) -> "Scenes":
        """Every pair after its `R x + t`; R (B, 3, 3), t (B, 3)."""
        R, t = R.astype(np.float32), t.astype(np.float32)[..., None]
        return Scenes(*(R @ getattr(self, f.name) + t for f in fields(self)))


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
    """The vertices that are ever farthest, in many directions on many natural hands, and the arm's open end.

    What lies beyond them is less than 0.3 mm in 99 % of views and 5 mm at most (tests/render/test_views.py).
    """
    arm, angles = load_arm(), load_pose_library().natural_hands(_SEED, _HANDS)
    hand = np.unique(arm.mesh.triangles[arm.parts != FOREARM])
    wrist = torch.eye(3).expand(len(angles), 3, 3)
    posed = arm.model(joint_rotations(angles, rest_frames(arm.model), wrist)).vertices[:, hand].numpy()
    directions = np.random.default_rng(_SEED).standard_normal((_HANDS, 3, _DIRECTIONS))
    farthest = (posed @ directions.astype(np.float32)).argmax(1)
    kept = np.unique(np.concatenate([hand[np.unique(farthest)], arm.model.tip_vertices.numpy(), arm.cut]))
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
    vertices, keypoints, wrists = (x.numpy() for x in (mesh.vertices, mesh.keypoints, mesh.joints[:, :, 0]))
    cuts = vertices[:, :, arm.cut]
    axes = cuts.mean(2) - wrists
    axes /= np.linalg.norm(axes, axis=-1, keepdims=True)
    hinge = (wrists + HINGE * axes)[:, :, None]
    bends = Rotation.from_rotvec(forearm_bends(wrists, cuts.mean(2)).reshape(-1, 3)).as_matrix()
    bends = bends.reshape(len(poses), 2, 3, 3).astype(np.float32)
    cuts = hinge + (cuts - hinge) @ bends.swapaxes(2, 3)
    starts = hinge[:, :, 0] + (HIDES - HINGE) * (bends @ axes[..., None])[..., 0]
    parts = vertices[:, :, arm.hand], keypoints, starts, cuts.mean(2), cuts
    parts = [np.ascontiguousarray(part.reshape(len(part), -1, 3).swapaxes(1, 2)) for part in parts]
    middle = (parts[0].min(-1) + parts[0].max(-1)) / 2
    return Scenes(*parts).moved(np.eye(3), -middle), middle


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
    starts, ends = scenes.starts.astype(float), scenes.ends.astype(float)
    towards = (ends - starts).sum(-1)
    back = towards / np.linalg.norm(towards, axis=-1, keepdims=True)
    right = ends[..., 0] - ends[..., 1]
    up = np.cross(back, right)
    up /= np.linalg.norm(up, axis=-1, keepdims=True)
    return np.stack([np.cross(up, back), up, back], 1)


def view_order(rig: Rig, keys: np.ndarray, prop: np.ndarray | None = None) -> np.ndarray:
    """Random orders (B, C) of a rig's cameras in which the tracks take turns.

    Args:
        keys: (B, C + T) uniform numbers, one for each camera and each of T tracks.
        prop: (B, 3) from the centre of the hands to a prop; cameras within 60 degrees of it, before which it may
            hide fingers, come first.
    """
    cameras = len(rig.eyes)
    priority = np.empty((len(keys), cameras))
    for track in range(rig.track.max() + 1):
        own = np.flatnonzero(rig.track == track)
        rank = keys[:, own].argsort(1).argsort(1)
        priority[:, own] = rank + keys[:, cameras + track, None]
    order = priority.argsort(1)
    if prop is None:
        return order
    lengths = np.linalg.norm(prop, axis=1)[:, None] * np.linalg.norm(rig.eyes, axis=1)
    aside = prop @ rig.eyes.T < 0.5 * lengths
    return np.take_along_axis(order, np.take_along_axis(aside, order, 1).argsort(1, kind="stable"), 1)


def choose_views(rig: Rig, scenes: Scenes, order: np.ndarray, wishes: Wishes, recipe: Recipe) -> Shots:
    """The cameras of V images of each of B pairs, image k of pair b in row b * V + k.

    Each pair takes the good views in its `order` (B, C), passing over those with a fault; when none is left, the
    ones with the smallest fault. A camera is taken again only when all have been.
    """
    pairs, cameras = order.shape
    views = len(wishes.radius) // pairs
    order = np.tile(order, (1, -(-views // cameras)))
    shots = Shots(*(np.zeros((pairs * views, *shape)) for shape in ((), (), (), (3, 3), (3, 3), (3,))))
    shots = shots._replace(camera=np.zeros(pairs * views, int))
    faults = np.full(order.shape, np.inf)  # of what was passed over
    taken = np.zeros(pairs, int)

    def take(pair: np.ndarray, camera: np.ndarray, any_fault: bool) -> np.ndarray:
        """Tries cameras for the next image of some pairs; returns the faults."""
        row = pair * views + taken[pair]
        tried = shoot(rig, scenes[pair], camera, Wishes(*(part[row] for part in wishes)), recipe)
        kept = np.flatnonzero((tried.fault == 0) | any_fault)
        for whole, part in zip(shots, tried, strict=True):
            whole[row[kept]] = part[kept]
        taken[pair[kept]] += 1
        return tried.fault

    for step in range(order.shape[1]):
        pair = np.flatnonzero(taken < views)
        if len(pair) == 0:
            return shots
        fault = take(pair, order[pair, step], False)
        faults[pair, step] = np.where(fault == 0, np.inf, fault)
    least = faults.argsort(1, kind="stable")
    for step in range(views):
        pair = np.flatnonzero(taken < views)
        take(pair, order[pair, least[pair, step]], True)
    return shots


def shoot(rig: Rig, scenes: Scenes, camera: np.ndarray, wishes: Wishes, recipe: Recipe) -> Shots:
    """N pairs seen by one camera (N,) of the rig each."""
    eye = wishes.radius[:, None] * rig.eyes[camera] + wishes.shift
    if rig.R is None:
        R, t = look_at(eye, wishes.aim, wishes.roll)
    else:
        R = rig.R[camera]
        t = -(R @ eye[..., None])[..., 0]
    seen = scenes.moved(R, t)
    depth = seen.hands[:, 2]
    rays = seen.hands[:, :2] / depth[:, None]
    K = fitted(rays.min(-1), rays.max(-1), recipe.width, recipe.height, wishes.fill, recipe.centred)
    fault = np.maximum(0, _hidden(seen).mean(1) - HIDDEN_LIMIT) + _shown(seen.cuts, K, recipe).mean(1)
    fault += (depth <= 0).mean(1)  # a camera among the hands
    return Shots(camera, fault, np.linalg.norm(eye, axis=1), K, R, t)


def _hidden(seen: Scenes) -> np.ndarray:
    """Which keypoints (N, 42) a forearm hides from a camera at the origin."""
    lines = (part[..., None] for part in (seen.starts, seen.ends))
    distance = segment_distances(np.zeros(1, np.float32), seen.keypoints[:, :, None], *lines, axis=1)
    return (distance < THICKNESS).any(1)


def _shown(cuts: np.ndarray, K: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Which points (N, C) of the open ends are in the picture."""
    front = cuts[:, 2] > 0
    rays = cuts[:, :2] / np.where(front, cuts[:, 2], 1)[:, None]
    pixels = rays * K[:, 0, 0, None, None] + K[:, :2, 2, None]
    low, high = pixels >= 0, pixels <= np.array([recipe.width, recipe.height])[:, None]
    return front & low[:, 0] & low[:, 1] & high[:, 0] & high[:, 1]
