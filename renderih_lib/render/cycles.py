"""The parent's side of `renderih_lib.render.blender`: starts the child, asks, and survives its death."""

import json
import os
import selectors
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from renderih_lib.render.bodies.mesh import ArmPair
from renderih_lib.render.bodies.sleeves import Sleeve
from renderih_lib.render.cameras import (
    BLENDER_FROM_WORLD,
    SENSOR_WIDTH,
    Camera,
    blender_intrinsics,
    blender_pose,
)

IMAGES_PER_CHILD = 200  # then a fresh process: leaks cannot build up
TIMEOUT = 900.0  # seconds for one answer
DEVICES = ("cpu", "cuda", "optix", "hip", "metal")


class ChildDied(RuntimeError):
    """The Blender process ended, or did not answer in time."""


class CyclesProcess:
    """A Blender child that renders pairs of arms; starts on first use, restarts after 200 images or its death.

    Args:
        arms: the mesh to render. recipe: fields of `recipes.Recipe`. threads: CPU threads of Cycles.
        device: what Cycles renders on, one of `DEVICES`. sleeve: what the arms may wear.

    Raises:
        ValueError: if there is no such device in `DEVICES`.
    """

    def __init__(
        self, arms: ArmPair, recipe: dict, threads: int = 1, device: str = "cpu", sleeve: Sleeve | None = None
    ):
        if device not in DEVICES:
            raise ValueError(f"device must be one of {', '.join(DEVICES)}, got {device!r}")
        sleeve = sleeve or Sleeve()
        self._folder = tempfile.TemporaryDirectory(prefix="renderih-", ignore_cleanup_errors=True)
        self.scratch = Path(self._folder.name)
        self.recipe, self.threads, self.device = recipe, threads, device
        self.blender = ""  # version, once started
        self._process, self._answered = None, 0
        meshes = {"quads": arms.mesh.quads, "uv": arms.mesh.uv, "label": arms.quad_labels}
        meshes |= {"sleeve_quads": sleeve.quads, "sleeve_label": sleeve.quad_labels}
        meshes |= {"sleeve_ring": sleeve.ring, "sleeve_column": sleeve.column}
        np.savez(self.scratch / "mesh.npz", **meshes)

    def __enter__(self) -> "CyclesProcess":
        return self

    def __exit__(self, *_):
        self.stop()
        self._folder.cleanup()

    def start(self) -> None:
        """Start a fresh child.

        Raises:
            RuntimeError: if Blender cannot be set up, for example because Cycles lacks the device.
            ChildDied: if the process ended instead of answering.
        """
        self.stop()
        read, write = os.pipe()
        self._log = open(self.scratch / "blender.log", "w+")
        command = [sys.executable, "-m", "renderih_lib.render.blender", "--reply-fd", str(write)]
        command += ["--threads", str(self.threads), "--scratch", str(self.scratch)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            pass_fds=[write],
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        os.close(write)
        self._replies = os.fdopen(read)
        mesh = str(self.scratch / "mesh.npz")
        self._write({"operation": "setup", "mesh": mesh, "recipe": self.recipe, "device": self.device})
        try:
            self.blender = self.receive()["blender"]
        except ValueError as error:
            self.stop()
            raise RuntimeError(f"Blender cannot be set up: {error}") from None
        self._answered = 0

    def ask(self, operation: str, **job) -> dict:
        """Send one job and wait for its answer; see `blender.Studio` for operations.

        Raises:
            ValueError: if Blender refused the job, with its reason.
            ChildDied: if the process ended instead of answering.
        """
        self.send(operation, **job)
        return self.receive()

    def send(self, operation: str, **job) -> None:
        """The first half of `ask`."""
        if self._process is None or self._answered >= IMAGES_PER_CHILD:
            self.start()
        self._write({"operation": operation, **job})

    def receive(self) -> dict:
        """The second half of `ask`: waits for the answer."""
        selector = selectors.DefaultSelector()
        selector.register(self._replies, selectors.EVENT_READ)
        line = self._replies.readline() if selector.select(TIMEOUT) else ""
        if not line.endswith("\n"):
            reason = self._last_words()
            self.stop()
            raise ChildDied(reason)
        self._answered += 1
        reply = json.loads(line)
        if "error" in reply:
            raise ValueError(reply["error"])
        return reply

    def projected(self, camera: Camera, points: np.ndarray) -> np.ndarray:
        """Pixels (P, 2) at which Blender's own camera sees world points (P, 3), to check ours against."""
        job = camera_job(camera) | {"points": (points @ BLENDER_FROM_WORLD.T).tolist()}
        return np.array(self.ask("projection", **job)["pixels"])

    def seen(self, camera: Camera, surface: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What Cycles sees at each pixel centre of a surface (M, 3): part labels (H, W) int, depth (H, W) metres."""
        geometry = self.scratch / "check.npz"
        write_geometry(geometry, surface)
        return self.checked(camera_job(camera) | {"geometry": str(geometry), "prop": ""})

    def checked(self, job: dict) -> tuple[np.ndarray, np.ndarray]:
        """What Cycles sees at each pixel centre of a job: part labels (H, W) int, depth (H, W) metres."""
        path = self.scratch / "check.npy"
        self.ask("check", **job | {"path": str(path)})
        label, depth = np.moveaxis(np.load(path, allow_pickle=False), -1, 0)
        return np.rint(label).astype(int), depth

    def panorama(self, environment: Path) -> np.ndarray:
        """Light of a panorama file as Blender reads it: (H, W, 3) float32, linear, top row first."""
        path = self.scratch / "panorama.npy"
        self.ask("radiance", environment=str(environment), path=str(path))
        return np.load(path, allow_pickle=False)

    def stop(self) -> None:
        """End the child, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._replies.close()
            self._log.close()
            self._process = None

    def _write(self, job: dict) -> None:
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # `receive` will find the end of the pipe and say why

    def _last_words(self) -> str:
        status = self._process.poll()
        self._log.seek(0)
        tail = " | ".join(self._log.read()[-2000:].split("\n")[-4:])
        return f"Blender {'does not answer' if status is None else f'ended with status {status}'}: {tail}"


def camera_job(camera: Camera) -> dict:
    """The part of a job that describes the camera."""
    return {
        "width": camera.width,
        "height": camera.height,
        "lens": blender_intrinsics(camera.K, camera.width, camera.height),
        "sensor_width": SENSOR_WIDTH,
        "camera_to_world": blender_pose(camera.R, camera.t).tolist(),
        "f_stop": 0.0,
    }


def write_geometry(
    path: Path,
    surface: np.ndarray,
    *,
    meter: np.ndarray | None = None,
    flexion: np.ndarray | None = None,
    sleeve: np.ndarray | None = None,
    prop: tuple[np.ndarray, np.ndarray] | None = None,
) -> None:
    """Save what a job's `geometry` points to; what is not there is empty.

    Args:
        surface: (M, 3) metres, world, of the skin. meter: indices of the pixels to expose for. flexion: (M,) 0..1.
        sleeve: (S, 3) metres, world. prop: vertices (V, 3) in the prop's own frame, and triangles (F, 3).

    Raises:
        ValueError: if a vertex is not finite, which would hang or crash Cycles.
    """
    sleeve = np.zeros((0, 3)) if sleeve is None else sleeve
    prop = (np.zeros((0, 3)), np.zeros((0, 3), int)) if prop is None else prop
    if not (np.isfinite(surface).all() and np.isfinite(sleeve).all() and np.isfinite(prop[0]).all()):
        raise ValueError("vertices are not finite; look at the pose of this image")
    np.savez(
        path,
        vertices=(surface @ BLENDER_FROM_WORLD.T).astype(np.float32),
        sleeve=(sleeve @ BLENDER_FROM_WORLD.T).astype(np.float32),
        prop_vertices=prop[0].astype(np.float32),
        prop_triangles=prop[1],
        meter=np.zeros(0, int) if meter is None else meter,
        flexion=np.zeros(len(surface), np.float32) if flexion is None else flexion,
    )
