"""Rows of a plan as numbers ready to use: camera, pose, posed arms, labels, and the job for Cycles."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from renderih_lib.hand.pair import PairPose
from renderih_lib.render.annotate import Labels, labels
from renderih_lib.render.bodies.mesh import ArmPair, Body
from renderih_lib.render.bodies.props import placed, prop_mesh
from renderih_lib.render.bodies.sleeves import Sleeve
from renderih_lib.render.cameras import BLENDER_FROM_WORLD, Camera
from renderih_lib.render.cycles import camera_job, write_geometry
from renderih_lib.render.skin.flexion import flexion
from renderih_lib.render.sources import Sources

#: What a job takes from its row as it is.
_COPIED = (
    "samples", "tone_hue", "tone_saturation", "tone_value", "tone_contrast", "environment_yaw", "background_yaw",
    "exposure_jitter", "f_stop", "white_balance", "psf_px", "vignette", "noise_iso", "noise_seed", "view_transform",
    "sleeve_seed", "prop", "prop_size", "prop_seed",
)  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """One image of a plan before it is rendered."""

    row: dict
    camera: Camera
    cage: np.ndarray  # (2, N, 3) metres, world
    sleeve: np.ndarray | None  # (S, 3) metres, world
    prop: Body | None
    labels: Labels

    def job(self, arms: ArmPair, geometry: Path, image: Path, sources: Sources) -> dict:
        """What Cycles has to be told; writes the posed surfaces to `geometry` (npz).

        Raises:
            ValueError: if a texture or a panorama is not the one that was planned.
        """
        row = self.row
        job = camera_job(self.camera) | {name: row[name] for name in _COPIED}
        job |= {"geometry": str(geometry), "path": str(image), "seed": row["cycles_seed"]}
        job |= {"skin": str(sources.skin(row["skin"])), "focus": row["radius"]}
        job["environment"] = str(sources.environment(row["environment"]))
        job["background"] = str(sources.environment(row["background"])) if row["background"] else ""
        prop = None
        if self.prop:
            prop = prop_mesh(row["prop"], np.array(row["prop_size"]))
            job |= {"prop_matrix": _prop_matrix(row).tolist(), "prop_label": int(self.prop.labels[0])}
        write_geometry(
            geometry,
            arms.surface(self.cage),
            meter=self.labels.hand_pixels,
            flexion=flexion(arms, np.array(row["angles"]).reshape(2, -1, 3)),
            sleeve=self.sleeve,
            prop=prop,
        )
        return job


def frame(row: dict, arms: ArmPair, sleeve: Sleeve, normals: bool = False) -> Frame:
    """Pose, camera, sleeves, prop and labels, with `normals` if they are wanted, of one row.

    Raises:
        ValueError: if the row's pose is not finite, or what it asks for does not exist.
    """
    pose = row_pose([row])
    if not all(
        torch.isfinite(getattr(pose, name)).all() for name in ("angles", "wrist", "translation", "shape")
    ):
        raise ValueError(f"the pose of image {row['image_id']} is not finite")
    mesh = arms.hands(pose)
    cage, keypoints = arms.parted(mesh)[0], mesh.keypoints[0].numpy()
    camera, cloth, prop = row_camera(row), None, None
    if row["sleeve"] > 0:
        cloth = sleeve.surface(cage, row["sleeve"], row["sleeve_seed"])
    if row["prop"]:
        size, R = np.array(row["prop_size"]), np.array(row["prop_R"]).reshape(3, 3)
        prop = placed(row["prop"], size, R, np.array(row["prop_t"]))
    bodies = [body for body in (cloth is not None and sleeve.body(cloth), prop) if body]
    marks = labels(arms, cage, keypoints.astype(np.float64), camera, bodies, normals)
    return Frame(row, camera, cage, cloth, prop, marks)


def _prop_matrix(row: dict) -> np.ndarray:
    """From the prop's own frame to Blender's world (4, 4)."""
    matrix = np.eye(4)
    matrix[:3, :3] = BLENDER_FROM_WORLD @ np.array(row["prop_R"]).reshape(3, 3)
    matrix[:3, 3] = BLENDER_FROM_WORLD @ np.array(row["prop_t"])
    return matrix


def read_plan(path: Path, shard: int | None = None, columns: list[str] | None = None) -> pa.Table:
    """A plan file, or one shard's rows of it, or some of its columns.

    Raises:
        ValueError: if the file is no plan.
    """
    try:
        rows = None if shard is None else [("shard", "==", shard)]
        table = pq.read_table(path, columns=columns, filters=rows)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is no Parquet file ({error}); make the plan again") from None
    if b"plan" not in (table.schema.metadata or {}):
        raise ValueError(f"{path} is no plan of renderih_lib.render.plan")
    return table


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
