"""One scene with two hands, rendered again and again by Cycles.

Datablocks are made once and reused, so memory stays flat over hundreds of images.
"""

import math
import os
import resource
import time
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from renderih_lib.render.blender.images import ImageCache, panorama
from renderih_lib.render.blender.skin import LIGHT_SKIN, SkinMaterial
from renderih_lib.render.blender.world import PanoramaWorld

VIEW_TRANSFORM, LOOK = (
    "AgX",
    "AgX - Medium High Contrast",
)  # keeps skin believable (Standard clips, Filmic yellows)


class Studio:
    """One scene with two hands, a panorama and a camera, kept between images.

    Args:
        mesh: npz with quads (Q, 4), uv (Q, 4, 2) and label (Q,) float.
        recipe: fields of `plan.Recipe`.
        scratch: folder for the float image between rendering and exposure.
    """

    def __init__(self, mesh: str, recipe: dict, scratch: str):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.scene, self.recipe = bpy.context.scene, recipe
        self.linear = str(Path(scratch) / f"linear-{os.getpid()}.exr")
        self.images = ImageCache()
        with np.load(mesh, allow_pickle=False) as arrays:
            self.mesh = _quad_mesh(arrays["quads"], arrays["uv"], arrays["label"])
        self.hands = self._linked("hands", self.mesh)
        self.camera = self._linked("camera", bpy.data.cameras.new("camera"))
        self.scene.camera = self.camera
        self._set_up_cycles()
        self.skin = SkinMaterial(recipe, self.images)
        self.mesh.materials.append(self.skin.material)
        self.world = PanoramaWorld(self.scene, recipe, self.images)

    def render(self, job: dict) -> dict:
        """Render one image, expose it for the hands, write it to `job["path"]` as PNG.

        Returns what the reply carries: exposure_ev, seconds of Cycles alone, CPU seconds of everything.
        """
        begin = time.process_time()
        self._pose(job)
        self.skin.wear(job)
        self.world.light(job)
        cycles = self.scene.cycles
        cycles.samples, cycles.seed = job["samples"], job["seed"]
        cycles.use_denoising = job.get("denoise", True)
        started = time.perf_counter()
        bpy.ops.render.render()
        seconds = time.perf_counter() - started
        pixels = self._linear_pixels(job)
        exposure = self._metered_exposure(job, pixels)
        self._develop(pixels, exposure, job["path"])
        cpu = time.process_time() - begin
        return {"exposure_ev": exposure, "render_seconds": seconds, "cpu_seconds": cpu, "rss_mb": _rss_mb()}

    def check(self, job: dict) -> dict:
        """What Cycles sees at each pixel centre, without light: writes npy (H, W, 2) float32 to `job["path"]`.

        Channel 0 is the label of the face, channel 1 its depth in metres along the optical axis; 0 = nothing.
        """
        self._pose(job)
        self.mesh.materials[0] = self._label_material()
        self.world.background.inputs["Strength"].default_value = 0.0
        cycles, width = self.scene.cycles, self.scene.cycles.filter_width
        cycles.samples, cycles.use_denoising, cycles.filter_width = 1, False, 0.01
        bpy.ops.render.render()
        np.save(job["path"], self._linear_pixels(job)[..., :2])
        cycles.filter_width = width
        self.world.background.inputs["Strength"].default_value = 1.0
        self.mesh.materials[0] = self.skin.material
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
        image = self.images.get(job["environment"], panorama)[0]
        width, height = image.size
        pixels = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(pixels)
        np.save(job["path"], pixels.reshape(height, width, 4)[::-1, :, :3])
        return {}

    def _linked(self, name: str, data):
        item = bpy.data.objects.new(name, data)
        self.scene.collection.objects.link(item)
        return item

    def _set_up_cycles(self):
        scene, cycles, recipe = self.scene, self.scene.cycles, self.recipe
        scene.render.engine, cycles.device = "CYCLES", "CPU"
        scene.render.threads_mode, scene.render.threads = "FIXED", recipe["threads"]
        cycles.use_adaptive_sampling = False
        cycles.max_bounces = recipe["bounces"]
        cycles.diffuse_bounces = cycles.glossy_bounces = recipe["bounces"]
        cycles.caustics_reflective = cycles.caustics_refractive = False
        cycles.denoiser = "OPENIMAGEDENOISE"
        if recipe["fast_denoiser"]:
            cycles.denoising_quality = cycles.denoising_prefilter = "FAST"
        scene.view_settings.view_transform, scene.view_settings.look = VIEW_TRANSFORM, LOOK
        scene.render.dither_intensity = 0.0
        scene.render.use_stamp = False
        scene.render.image_settings.color_mode = "RGB"

    def _pose(self, job: dict):
        with np.load(job["geometry"], allow_pickle=False) as arrays:
            self.mesh.vertices.foreach_set("co", arrays["vertices"].astype(np.float32).ravel())
        self.mesh.update()
        self._aim(job)

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

    def _metered_exposure(self, job: dict, pixels: np.ndarray) -> float:
        """Stops that bring the median luminance on the hands to what suits this skin, plus the plan's jitter."""
        with np.load(job["geometry"], allow_pickle=False) as arrays:
            hands = pixels[..., :3].reshape(-1, 3)[arrays["meter"]]
        if len(hands) == 0:
            raise ValueError("no pixel shows a hand: nothing to expose for")
        median = float(np.median(hands @ (0.2126, 0.7152, 0.0722)))
        target = 0.25 * (self.skin.luminance * job["tone_value"] / LIGHT_SKIN) ** 0.55
        return math.log2(target / max(median, 1e-6)) + job["exposure_jitter"]

    def _linear_pixels(self, job: dict) -> np.ndarray:
        """The last render, (H, W, 4) float32 linear, top row first."""
        self._save(bpy.data.images["Render Result"], self.linear, "OPEN_EXR", "32")
        image = bpy.data.images.load(self.linear)
        pixels = np.empty(job["width"] * job["height"] * 4, np.float32)
        image.pixels.foreach_get(pixels)
        bpy.data.images.remove(image)
        return pixels.reshape(job["height"], job["width"], 4)[::-1]

    def _develop(self, pixels: np.ndarray, exposure: float, path: str):
        """Write pixels (H, W, 4), brightened by stops of exposure, through the view transform as PNG.

        `view_settings.exposure` would do the same, but Blender keeps a colour processor of 4 MB for each of its values.
        """
        height, width = pixels.shape[:2]
        image = bpy.data.images.new("developed", width, height, float_buffer=True)
        image.pixels.foreach_set(np.ascontiguousarray(pixels[::-1] * np.float32(2.0**exposure)).ravel())
        image.update()
        self._save(image, path, "PNG", "8")
        bpy.data.images.remove(image)

    def _save(self, image, path: str, file_format: str, depth: str):
        settings = self.scene.render.image_settings
        settings.file_format, settings.color_depth = file_format, depth
        image.save_render(path, scene=self.scene)


def _quad_mesh(quads: np.ndarray, uv: np.ndarray, label: np.ndarray):
    mesh = bpy.data.meshes.new("hands")
    mesh.vertices.add(int(quads.max()) + 1)
    mesh.loops.add(quads.size)
    mesh.polygons.add(len(quads))
    mesh.loops.foreach_set("vertex_index", quads.astype(np.int32).ravel())
    mesh.polygons.foreach_set("loop_start", np.arange(0, quads.size, 4, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(quads), bool))
    mesh.uv_layers.new(name="uv").uv.foreach_set("vector", uv.astype(np.float32).ravel())
    mesh.attributes.new("label", "FLOAT", "FACE").data.foreach_set("value", label.astype(np.float32))
    mesh.update(calc_edges=True)
    return mesh


def _rss_mb() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**20
    except OSError:  # not Linux: the peak must do
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
