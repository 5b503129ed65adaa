"""One scene with two hands, rendered again and again by Cycles.

Datablocks are made once and reused, so memory stays flat over hundreds of images.
"""

import os
import resource
import time
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from renderih_lib.render.blender.backdrop import pasted
from renderih_lib.render.blender.bodies import Bodies
from renderih_lib.render.blender.develop import metered_exposure, sensed
from renderih_lib.render.blender.images import ImageCache, panorama, pixels_of, write_picture
from renderih_lib.render.blender.skin import LIGHT_SKIN, SkinMaterial
from renderih_lib.render.blender.world import PanoramaWorld


class Studio:
    """One scene with two hands, what they wear and touch, a panorama and a camera, kept between images.

    Args:
        mesh: npz with quads (Q, 4), uv (Q, 4, 2) and label (Q,) float of the skin, and what `Bodies` needs.
        recipe: fields of `recipes.Recipe`. device: one of `cycles.DEVICES`. threads: of the CPU.
        scratch: folder for the float image between rendering and developing.

    Raises:
        ValueError: if Cycles finds no such device.
    """

    def __init__(self, mesh: str, recipe: dict, device: str, threads: int, scratch: Path):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.scene, self.recipe = bpy.context.scene, recipe
        self.linear = str(scratch / f"linear-{os.getpid()}.exr")
        self.images = ImageCache()
        with np.load(mesh, allow_pickle=False) as arrays:
            self.mesh = _quad_mesh(arrays["quads"], arrays["uv"], arrays["label"])
            self.bodies = Bodies(self.scene, arrays)
        self.hands = self._linked("hands", self.mesh)
        self.camera = self._linked("camera", bpy.data.cameras.new("camera"))
        self.scene.camera = self.camera
        self._set_up_cycles(device, threads)
        self.skin = SkinMaterial(recipe, self.images)
        self.mesh.materials.append(self.skin.material)
        self.world = PanoramaWorld(self.scene, recipe, self.images)

    def render(self, job: dict) -> dict:
        """Render one image, expose it for the hands, write it to `job["path"]` as PNG.

        Returns what the reply carries: exposure_ev, seconds and CPU seconds of Cycles alone, CPU seconds of everything
        that this process did for the image, and its memory after it.
        """
        begin = time.process_time()
        meter = self._pose(job)
        self.skin.wear(job)
        self.bodies.dress(job)
        self.world.light(job)
        cycles = self.scene.cycles
        cycles.samples, cycles.seed = job["samples"], job["seed"]
        cycles.use_denoising = job.get("denoise", True)  # left out to see the noise
        self.scene.render.film_transparent = bool(job["background"])
        started, worked = time.perf_counter(), time.process_time()
        bpy.ops.render.render()
        seconds, spent = time.perf_counter() - started, time.process_time() - worked
        exposure = self._develop(job, self._linear_pixels(), meter)
        cpu = time.process_time() - begin
        report = {"exposure_ev": exposure, "render_seconds": seconds, "render_cpu_seconds": spent}
        return report | {"cpu_seconds": cpu, "rss_mb": _rss_mb()}

    def check(self, job: dict) -> dict:
        """What Cycles sees at each pixel centre, without light: writes npy (H, W, 2) float32 to `job["path"]`.

        Channel 0 is the label of the face, channel 1 its depth in metres along the optical axis; 0 = nothing.
        The lens is a pinhole, as it is for the labels.
        """
        self._pose(job | {"f_stop": 0.0})
        layer = self.scene.view_layers[0]
        layer.material_override = self._label_material()
        self.world.background.inputs["Strength"].default_value = 0.0
        cycles, width = self.scene.cycles, self.scene.cycles.filter_width
        cycles.samples, cycles.use_denoising, cycles.filter_width = 1, False, 0.01
        self.scene.render.film_transparent = False
        bpy.ops.render.render()
        np.save(job["path"], self._linear_pixels()[..., :2])
        cycles.filter_width = width
        self.world.background.inputs["Strength"].default_value = 1.0
        layer.material_override = None
        return {}

    def projection(self, job: dict) -> dict:
        """Where Blender itself projects `job["points"]` (P, 3), metres, Blender's world: pixels (P, 2)."""
        from bpy_extras.object_utils import world_to_camera_view
        from mathutils import Vector

        self._aim(job)
        bpy.context.view_layer.update()
        seen = [world_to_camera_view(self.scene, self.camera, Vector(point)) for point in job["points"]]
        return {"pixels": [(p.x * job["width"], (1 - p.y) * job["height"]) for p in seen]}

    def radiance(self, job: dict) -> dict:
        """Writes the light of panorama `job["environment"]` as npy (H, W, 3) float32, linear, top row first."""
        np.save(job["path"], pixels_of(self.images.get(job["environment"], panorama)[0])[..., :3])
        return {}

    def _linked(self, name: str, data):
        item = bpy.data.objects.new(name, data)
        self.scene.collection.objects.link(item)
        return item

    def _set_up_cycles(self, device: str, threads: int):
        scene, cycles, recipe = self.scene, self.scene.cycles, self.recipe
        scene.render.engine = "CYCLES"
        cycles.device = "CPU" if device == "cpu" else "GPU"
        if device != "cpu":
            _use_gpu(device)
            cycles.denoising_use_gpu = True
        scene.render.threads_mode, scene.render.threads = "FIXED", threads
        cycles.use_adaptive_sampling = False
        cycles.max_bounces = recipe["bounces"]
        cycles.diffuse_bounces = cycles.glossy_bounces = recipe["bounces"]
        cycles.caustics_reflective = cycles.caustics_refractive = False
        cycles.denoiser = "OPENIMAGEDENOISE"
        cycles.denoising_quality = "FAST" if recipe["fast_denoiser"] else "BALANCED"
        cycles.denoising_prefilter = "FAST"  # accurate costs 3 s of a picture's 9, for 0.5 dB
        scene.render.dither_intensity = 0.0
        scene.render.use_stamp = False

    def _pose(self, job: dict) -> np.ndarray:
        """Take the shapes and the camera of a job; returns the pixels to expose for."""
        with np.load(job["geometry"], allow_pickle=False) as arrays:
            self.mesh.vertices.foreach_set("co", arrays["vertices"].ravel())
            self.mesh.attributes["flexion"].data.foreach_set("value", arrays["flexion"])
            self.bodies.pose(job, arrays)
            meter = arrays["meter"]
        self.mesh.update()
        self._aim(job)
        return meter

    def _aim(self, job: dict):
        render, camera = self.scene.render, self.camera.data
        render.resolution_x, render.resolution_y = job["width"], job["height"]
        render.resolution_percentage = 100
        lens = job["lens"]
        render.pixel_aspect_x, render.pixel_aspect_y = lens["pixel_aspect_x"], lens["pixel_aspect_y"]
        camera.sensor_fit, camera.sensor_width, camera.clip_start = "HORIZONTAL", job["sensor_width"], 0.01
        camera.lens, camera.shift_x, camera.shift_y = lens["lens"], lens["shift_x"], lens["shift_y"]
        camera.dof.use_dof = job["f_stop"] > 0
        if camera.dof.use_dof:
            camera.dof.focus_distance, camera.dof.aperture_fstop = job["focus"], job["f_stop"]
        self.camera.matrix_world = Matrix(job["camera_to_world"])

    def _label_material(self):
        material = bpy.data.materials.get("label") or bpy.data.materials.new("label")
        material.use_nodes = True
        nodes, links = material.node_tree.nodes, material.node_tree.links
        nodes.clear()
        label, depth = nodes.new("ShaderNodeAttribute"), nodes.new("ShaderNodeCameraData")
        label.attribute_name = "label"
        join, emission = nodes.new("ShaderNodeCombineXYZ"), nodes.new("ShaderNodeEmission")
        links.new(label.outputs["Fac"], join.inputs["X"])
        links.new(depth.outputs["View Z Depth"], join.inputs["Y"])
        links.new(join.outputs["Vector"], emission.inputs["Color"])
        links.new(emission.outputs["Emission"], nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
        return material

    def _develop(self, job: dict, pixels: np.ndarray, meter: np.ndarray) -> float:
        """Expose pixels (H, W, 4) for the hands and write the picture; returns the stops."""
        tone = self.skin.luminance * job["tone_value"] / LIGHT_SKIN
        exposure = metered_exposure(pixels, meter, tone)
        exposure += job["exposure_jitter"]
        light = pixels[..., :3]
        if job["background"]:
            light = pasted(pixels, self.world.view(job), exposure)
        light = sensed(light * np.float32(2.0**exposure), job)
        write_picture(self.scene, light, job["view_transform"], job["path"])
        return exposure

    def _linear_pixels(self) -> np.ndarray:
        """The last render, (H, W, 4) float32 linear, top row first."""
        settings = self.scene.render.image_settings
        settings.file_format, settings.color_mode = "OPEN_EXR", "RGBA"
        settings.color_depth, settings.exr_codec = "32", "NONE"
        bpy.data.images["Render Result"].save_render(self.linear, scene=self.scene)
        image = bpy.data.images.load(self.linear)
        pixels = pixels_of(image)
        bpy.data.images.remove(image)
        return pixels


def _quad_mesh(quads: np.ndarray, uv: np.ndarray, label: np.ndarray):
    mesh = bpy.data.meshes.new("hands")
    mesh.vertices.add(int(quads.max()) + 1)
    mesh.loops.add(quads.size)
    mesh.polygons.add(len(quads))
    mesh.loops.foreach_set("vertex_index", quads.astype(np.int32).ravel())
    mesh.polygons.foreach_set("loop_start", np.arange(0, quads.size, 4, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(quads), bool))
    mesh.uv_layers.new(name="uv").uv.foreach_set("vector", uv.astype(np.float32).ravel())
    mesh.attributes.new("flexion", "FLOAT", "POINT")
    mesh.attributes.new("label", "FLOAT", "FACE").data.foreach_set("value", label.astype(np.float32))
    mesh.update(calc_edges=True)
    return mesh


def _use_gpu(device: str) -> None:
    """Let Cycles render on every GPU of a kind; asking for one that is not there is an error, never a slow CPU."""
    preferences = bpy.context.preferences.addons["cycles"].preferences
    kinds = [kind for kind, *_ in preferences.get_device_types(bpy.context)]
    if device.upper() in kinds:
        preferences.compute_device_type = device.upper()
        preferences.refresh_devices()
    found = [item for item in preferences.devices if item.type == device.upper()]
    if not found:
        raise ValueError(f"Cycles finds no {device.upper()} device on this machine; use --device cpu")
    for item in preferences.devices:
        item.use = item in found


def _rss_mb() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**20
    except OSError:  # not Linux: the peak must do
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
