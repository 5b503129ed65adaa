"""Rows of a plan as numbers ready to use: camera, pose, posed arms, labels, and the job for Cycles."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from renderih_lib.hand.pair import PairPose
from renderih_lib.render.annotate import Labels, labels
from renderih_lib.render.cameras import Camera
from renderih_lib.render.cycles import camera_job, write_geometry
from renderih_lib.render.mesh import ArmPair

#: What a job takes from its row as it is.
_COPIED = ("samples", "tone_hue", "tone_saturation", "tone_value", "tone_contrast", "environment_yaw",
           "exposure_jitter", "f_stop")  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """One image of a plan before it is rendered."""

    row: dict
    camera: Camera
    cage: np.ndarray  # (2, N, 3) metres, world
    labels: Labels

    def job(
        self, arms: ArmPair, geometry: Path, image: Path, skins: Path, environments: dict[str, Path]
    ) -> dict:
        """What Cycles has to be told; writes the posed surface to `geometry` (npz)."""
        write_geometry(geometry, arms.surface(self.cage), self.labels.hand_pixels)
        job = camera_job(self.camera) | {name: self.row[name] for name in _COPIED}
        job |= {"geometry": str(geometry), "path": str(image), "seed": self.row["cycles_seed"]}
        job |= {"skin": str(skins / f"{self.row['skin']}.npz"), "focus": self.row["radius"]}
        return job | {"environment": str(environments[self.row["environment"]])}


def frame(row: dict, arms: ArmPair) -> Frame:
    """Pose, camera and labels of one row.

    Raises:
        ValueError: if the row's pose is not finite.
    """
    pose = row_pose([row])
    if not all(
        torch.isfinite(getattr(pose, name)).all() for name in ("angles", "wrist", "translation", "shape")
    ):
        raise ValueError(f"the pose of image {row['image_id']} is not finite")
    mesh = arms.hands(pose)
    cage, keypoints = mesh.vertices[0].numpy().astype(np.float64), mesh.keypoints[0].numpy()
    camera = row_camera(row)
    return Frame(row, camera, cage, labels(arms, cage, keypoints.astype(np.float64), camera))


def plan_rows(plan: pa.Table) -> list[dict]:
    """Rows of a plan as dictionaries; its lists stay flat."""
    return plan.to_pylist()


def row_camera(row: dict) -> Camera:
    """The camera of one row of a plan or of a shard's annotations."""
    K, R = (np.array(row[name], float).reshape(3, 3) for name in ("K", "R"))
    return Camera(K, R, np.array(row["t"], float), int(row["width"]), int(row["height"]))


def row_pose(rows: list[dict]) -> PairPose:
    """The poses of rows of a plan or of annotations, world frame."""

    def stack(name: str, *shape: int) -> torch.Tensor:
        return torch.tensor(np.array([row[name] for row in rows]), dtype=torch.float32).reshape(
            len(rows), *shape
        )

    return PairPose(
        stack("angles", 2, 15, 3), stack("wrist", 2, 3, 3), stack("translation", 2, 3), stack("shape", 2, -1)
    )
