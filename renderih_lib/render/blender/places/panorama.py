"""Renders one built place into an equirectangular EXR; started by `renderih_lib.render.panoramas`.

`python -m renderih_lib.render.blender.places.panorama --kind room --number 3 --seed 0 --width 1024 --path FILE`
"""

import argparse
import ctypes
import importlib
import signal
import sys
from pathlib import Path

import numpy as np

from renderih_lib.render.blender import few_threads
from renderih_lib.render.environments import PLACES

#: Module of each kind of place; its `build(scene, rng, number)` fills a scene and says where the camera stands, metres.
BUILDERS = {"room": "rooms", "sky": "skies", "dome": "domes"}
#: How much of the light's own colour a camera takes away: most of the lamps', half of a sunset's.
BALANCED = {"room": 0.7, "sky": 0.5, "dome": 0.7}
BRIGHTEST = 60_000.0  # half floats end at 65,504
FEWEST_SAMPLES = 4  # per pixel: with guides for the denoiser, more pixels are worth more than more samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=BUILDERS, required=True)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--width", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--path", type=Path, required=True)
    args = parser.parse_args()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: end with the parent, however that ends
    with few_threads(args.threads):
        import bpy  # noqa: F401  the thread pools take their size here
    render(args.kind, args.number, args.seed, args.width, args.threads, args.path)


def render(kind: str, number: int, seed: int, width: int, threads: int, path: Path) -> None:
    """Build the place that (seed, kind, number) names and write its light around the camera, `width` x `width` / 2.

    The middle of the image looks along Blender's +x, as `ShaderNodeTexEnvironment` expects.
    """
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(PLACES.index(kind), number)))
    _set_up(scene, width, threads)
    build = importlib.import_module(f"renderih_lib.render.blender.places.{BUILDERS[kind]}").build
    _look_around(scene, build(scene, rng, number))
    bpy.ops.render.render()
    pixels = _rendered(scene, path.with_suffix(".raw.exr"), width)
    _write(scene, white_balanced(pixels, BALANCED[kind]).clip(0.0, BRIGHTEST), path)


def white_balanced(light: np.ndarray, share: float) -> np.ndarray:
    """Light (H, W, 3) divided by its mean colour to the power of `share`; the mean luminance stays."""
    mean = light.mean((0, 1), dtype=np.float64)
    gains = (mean / mean.mean()) ** -share
    luminance = np.array([0.2126, 0.7152, 0.0722])
    return (light * (gains * (mean @ luminance) / ((mean * gains) @ luminance))).astype(np.float32)


def _look_around(scene, position) -> None:
    import bpy

    camera = bpy.data.cameras.new("camera")
    camera.type = "PANO"
    settings = camera if hasattr(camera, "panorama_type") else camera.cycles  # Blender before 4.5
    settings.panorama_type = "EQUIRECTANGULAR"
    camera.clip_start, camera.clip_end = 0.01, 5_000.0
    scene.camera = bpy.data.objects.new("camera", camera)
    scene.camera.location = position
    scene.camera.rotation_euler = (np.pi / 2, 0.0, -np.pi / 2)
    scene.collection.objects.link(scene.camera)


def _set_up(scene, width: int, threads: int) -> None:
    import bpy

    scene.world = bpy.data.worlds.new("darkness")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.0
    render, cycles = scene.render, scene.cycles
    render.engine, cycles.device = "CYCLES", "CPU"
    render.threads_mode, render.threads = "FIXED", threads
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, width // 2, 100
    render.use_stamp = False
    cycles.samples = max(FEWEST_SAMPLES, min(8, 4096 // width))
    cycles.use_adaptive_sampling = False
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 6, 4, 3
    cycles.transparent_max_bounces = 8
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 10.0
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_input_passes, cycles.denoising_prefilter = "RGB_ALBEDO_NORMAL", "FAST"


def _rendered(scene, raw: Path, width: int) -> np.ndarray:
    """The last render (H, W, 3), bottom row first, not clipped by half floats."""
    import bpy

    settings = scene.render.image_settings
    settings.file_format, settings.color_depth, settings.exr_codec = "OPEN_EXR", "32", "NONE"
    bpy.data.images["Render Result"].save_render(str(raw), scene=scene)
    try:
        pixels = np.empty(width * (width // 2) * 4, np.float32)
        bpy.data.images.load(str(raw)).pixels.foreach_get(pixels)
    finally:
        raw.unlink()
    if not np.isfinite(pixels).all():
        raise ValueError("the render has pixels that are not finite")
    return pixels.reshape(width // 2, width, 4)[..., :3]


def _write(scene, light: np.ndarray, path: Path) -> None:
    from renderih_lib.render.blender.images import float_image

    settings = scene.render.image_settings
    settings.file_format, settings.color_depth, settings.color_mode = "OPEN_EXR", "16", "RGB"
    settings.exr_codec = "DWAA"
    float_image("panorama", light).save_render(str(path), scene=scene)


if __name__ == "__main__":
    main()
