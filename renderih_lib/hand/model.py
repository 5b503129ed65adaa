"""Pose and shape to a posed mesh by linear blend skinning, for any 16-joint hand."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from renderih_lib.hand.skeleton import JOINT_COUNT, KEYPOINT_SOURCE, PARENTS, SIDES

#: Mirrors a right hand into a left one: the plane x = 0 of the rest frame.
MIRROR = torch.diag(torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64))

_POSE_COUNT = 3 * (JOINT_COUNT - 1)  # axis-angles of the finger joints


class HandMesh(NamedTuple):
    """A posed batch of one hand, all in metres and in the frame of `translation`."""

    vertices: Tensor  # (B, V, 3)
    joints: Tensor  # (B, 16, 3)
    keypoints: Tensor  # (B, 21, 3)
    transforms: Tensor  # (B, 16, 4, 4), rest (shaped) point -> posed point, per joint


class HandModel(nn.Module):
    """A skinned hand with MANO's 16 joints; the open hand and MANO are both this.

    Rest frame of a right hand: origin near the wrist, fingers to -x, back of the hand +y, thumb +z.
    A left hand mirrors x.

    Args:
        template: (V, 3) float, metres, rest vertices of the mean shape.
        faces: (F, 3) int, counter-clockwise seen from outside.
        shape_dirs: (V, 3, S) float, metres per unit of shape.
        joints: (16, 3) float, metres, rest joints of the mean shape.
        joint_dirs: (16, 3, S) float, metres per unit of shape.
        skin_weights: (V, 16) float, rows sum to 1.
        tip_vertices: (5,) int, thumb, index, middle, ring, pinky.
        pose_dirs: (V, 3, 135) float or None, metres per entry of `rotation - identity` (MANO).
        joint_regressor: (16, V) float or None, joints from *posed* vertices (for networks that predict vertices).
        mean_pose: (45,) float or None, radians, axis-angles that non-flat data leave out (MANO).
        pose_components: (45, 45) float or None, one principal component of the pose per row (MANO).
        side: "right" or "left".
        name: what `repr` and provenance call it.

    Raises:
        ValueError: if an array has the wrong shape, is not finite or names a vertex that does not exist.
    """

    def __init__(
        self,
        *,
        template,
        faces,
        shape_dirs,
        joints,
        joint_dirs,
        skin_weights,
        tip_vertices,
        pose_dirs=None,
        joint_regressor=None,
        mean_pose=None,
        pose_components=None,
        side: str = "right",
        name: str = "hand",
    ):
        super().__init__()
        if side not in SIDES:
            raise ValueError(f"side must be one of {SIDES}, got {side!r}")
        self.side, self.name = side, name
        vertex_count, shape_count = len(template), np.shape(shape_dirs)[-1]
        floats = {
            "template": (template, (vertex_count, 3)),
            "shape_dirs": (shape_dirs, (vertex_count, 3, shape_count)),
            "rest_joints": (joints, (JOINT_COUNT, 3)),
            "joint_dirs": (joint_dirs, (JOINT_COUNT, 3, shape_count)),
            "skin_weights": (skin_weights, (vertex_count, JOINT_COUNT)),
            "pose_dirs": (pose_dirs, (vertex_count, 3, 9 * (JOINT_COUNT - 1))),
            "joint_regressor": (joint_regressor, (JOINT_COUNT, vertex_count)),
            "mean_pose": (mean_pose, (_POSE_COUNT,)),
            "pose_components": (pose_components, (_POSE_COUNT, _POSE_COUNT)),
        }
        for key, (array, expected) in floats.items():
            self.register_buffer(key, None if array is None else _finite(key, array, expected))
        self.register_buffer("faces", _vertex_ids("faces", faces, (len(faces), 3), vertex_count))
        self.register_buffer("tip_vertices", _vertex_ids("tip_vertices", tip_vertices, (5,), vertex_count))

    def keypoints_from_vertices(self, vertices: Tensor) -> Tensor:
        """Keypoints (..., 21, 3) regressed from posed vertices (..., V, 3), same unit and frame.

        Raises:
            ValueError: if this hand has no joint regressor.
        """
        if self.joint_regressor is None:
            raise ValueError(f"{self.name} has no joint regressor")
        joints = self.joint_regressor @ vertices
        points = torch.cat([joints, vertices[..., self.tip_vertices, :]], dim=-2)
        return points[..., list(KEYPOINT_SOURCE), :]

    @property
    def vertex_count(self) -> int:
        return len(self.template)

    @property
    def shape_count(self) -> int:
        return self.shape_dirs.shape[-1]

    def extra_repr(self) -> str:
        return f"{self.name}, {self.side}, {self.vertex_count} vertices, {self.shape_count} shape components"

    def rest(self, shape: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Zero-pose vertices (B, V, 3) and joints (B, 16, 3) in metres for shape (B, S), or B = 1 for None."""
        if shape is None:
            return self.template[None], self.rest_joints[None]
        return (
            self.template + torch.einsum("vcs,bs->bvc", self.shape_dirs, shape),
            self.rest_joints + torch.einsum("jcs,bs->bjc", self.joint_dirs, shape),
        )

    def forward(
        self, rotations: Tensor, shape: Tensor | None = None, translation: Tensor | None = None
    ) -> HandMesh:
        """Pose the hand.

        Args:
            rotations: (B, 16, 3, 3), each joint relative to its parent and to the rest pose; [:, 0] turns the
                whole hand about its wrist joint.
            shape: (B, S) in standard deviations, or None for the mean shape.
            translation: (B, 3) metres added to every point, or None for zero.

        Raises:
            ValueError: if an argument has the wrong shape.
        """
        batch = len(rotations)
        _check_shape("rotations", rotations, (batch, JOINT_COUNT, 3, 3))
        if shape is not None:
            _check_shape("shape", shape, (batch, self.shape_count))
        if translation is not None:
            _check_shape("translation", translation, (batch, 3))
        vertices, joints = self.rest(shape)
        vertices, joints = vertices.expand(batch, -1, -1), joints.expand(batch, -1, -1)
        if self.pose_dirs is not None:
            change = (rotations[:, 1:] - torch.eye(3).to(rotations)).reshape(batch, -1)
            vertices = vertices + torch.einsum("vcp,bp->bvc", self.pose_dirs, change)
        transforms = joint_transforms(rotations, joints, translation)
        return self._skinned(vertices, joints, transforms)

    def _skinned(self, vertices: Tensor, joints: Tensor, transforms: Tensor) -> HandMesh:
        posed = skin(vertices, self.skin_weights, transforms)
        posed_joints = transforms[..., :3, :3] @ joints[..., None]
        posed_joints = posed_joints[..., 0] + transforms[..., :3, 3]
        points = torch.cat([posed_joints, posed[:, self.tip_vertices]], dim=1)
        return HandMesh(posed, posed_joints, points[:, list(KEYPOINT_SOURCE)], transforms)

    def mirrored(self) -> "HandModel":
        """The same hand of the other side: x mirrored, face winding reversed."""
        flip = torch.tensor([-1.0, 1.0, 1.0]).to(self.template)
        pose_dirs = None
        if self.pose_dirs is not None:
            sign = (flip[:, None] * flip).reshape(-1).repeat(JOINT_COUNT - 1)
            pose_dirs = self.pose_dirs * flip[:, None] * sign
        turn = flip.prod() * flip.repeat(JOINT_COUNT - 1)  # an axis-angle mirrors as an axial vector
        mean = None if self.mean_pose is None else self.mean_pose * turn
        components = None if self.pose_components is None else self.pose_components * turn
        twin = HandModel(
            template=self.template * flip,
            faces=self.faces.flip(-1),
            shape_dirs=self.shape_dirs * flip[:, None],
            joints=self.rest_joints * flip,
            joint_dirs=self.joint_dirs * flip[:, None],
            skin_weights=self.skin_weights,
            tip_vertices=self.tip_vertices,
            pose_dirs=pose_dirs,
            joint_regressor=self.joint_regressor,
            mean_pose=mean,
            pose_components=components,
            side=SIDES[1 - SIDES.index(self.side)],
            name=self.name,
        )
        return twin.to(self.template)


def joint_transforms(rotations: Tensor, joints: Tensor, translation: Tensor | None = None) -> Tensor:
    """Forward kinematics.

    Args:
        rotations: (B, 16, 3, 3), local. joints: (B, 16, 3) metres, rest. translation: (B, 3) metres or None.

    Returns:
        (B, 16, 4, 4): maps a rest point to its posed place as if it were fixed to that joint.
    """
    world, places = [rotations[:, 0]], [joints[:, 0]]
    for joint in range(1, JOINT_COUNT):
        parent = PARENTS[joint]
        offset = joints[:, joint] - joints[:, parent]
        world.append(world[parent] @ rotations[:, joint])
        places.append(places[parent] + (world[parent] @ offset[..., None])[..., 0])
    world, places = torch.stack(world, 1), torch.stack(places, 1)
    moved = places - (world @ joints[..., None])[..., 0]
    if translation is not None:
        moved = moved + translation[:, None]
    bottom = torch.tensor([0.0, 0.0, 0.0, 1.0]).to(world).expand(*world.shape[:2], 1, 4)
    return torch.cat([torch.cat([world, moved[..., None]], -1), bottom], -2)


def skin(vertices: Tensor, weights: Tensor, transforms: Tensor) -> Tensor:
    """Linear blend skinning of rest vertices (B, V, 3) by weights (V, 16) and transforms (B, 16, 4, 4)."""
    blended = torch.einsum("vj,bjrc->bvrc", weights, transforms[..., :3, :])
    return (blended[..., :3] @ vertices[..., None])[..., 0] + blended[..., 3]


def mirrored_rotations(rotations: Tensor) -> Tensor:
    """Rotations (..., 3, 3) seen in the mirror x -> -x: turns a right-hand pose into the left-hand twin."""
    mirror = MIRROR.to(rotations)
    return mirror @ rotations @ mirror


def _finite(name: str, array, expected: tuple[int, ...]) -> Tensor:
    tensor = torch.as_tensor(np.asarray(array), dtype=torch.float32).clone()
    _check_shape(name, tensor, expected)
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{name} has values that are not finite")
    return tensor


def _vertex_ids(name: str, array, expected: tuple[int, ...], vertex_count: int) -> Tensor:
    ids = torch.as_tensor(np.asarray(array, dtype=np.int64)).clone()
    _check_shape(name, ids, expected)
    if ids.min() < 0 or ids.max() >= vertex_count:
        raise ValueError(f"{name} must be between 0 and {vertex_count - 1}")
    return ids


def _check_shape(name: str, tensor: Tensor, expected: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != expected:
        raise ValueError(f"{name} must have shape {expected}, got {tuple(tensor.shape)}")
