"""Light and background: a panorama around the hands, and views of panoramas to paste behind them."""

import bpy
import numpy as np

from renderih_lib.render.blender.backdrop import looked_up, view_directions
from renderih_lib.render.blender.images import ImageCache, panorama, pixels_of


class PanoramaWorld:
    """The world of a scene, lit by a panorama file."""

    def __init__(self, scene, recipe: dict, images: ImageCache):
        self.images = images
        world = scene.world = bpy.data.worlds.new("world")
        world.use_nodes = True
        self.background = world.node_tree.nodes["Background"]
        world.cycles.sampling_method = "MANUAL"  # Cycles' own choice costs 2 s of a picture's 9
        world.cycles.sample_map_resolution = recipe["importance_map"]
        nodes, links = world.node_tree.nodes, world.node_tree.links
        self.panorama, self.mapping = nodes.new("ShaderNodeTexEnvironment"), nodes.new("ShaderNodeMapping")
        where = nodes.new("ShaderNodeTexCoord")
        links.new(where.outputs["Generated"], self.mapping.inputs["Vector"])
        links.new(self.mapping.outputs["Vector"], self.panorama.inputs["Vector"])
        links.new(self.panorama.outputs["Color"], self.background.inputs["Color"])

    def light(self, job: dict) -> None:
        """Take the panorama of a job and turn it."""
        self.panorama.image = self.images.get(job["environment"], panorama)[0]
        self.mapping.inputs["Rotation"].default_value = (0.0, 0.0, job["environment_yaw"])

    def view(self, job: dict) -> np.ndarray:
        """What the camera of a job would see of its `background` panorama alone: (H, W, 3) float32."""
        image = self.images.get(job["background"], panorama)[0]
        return looked_up(pixels_of(image)[..., :3], view_directions(job), job["background_yaw"])
