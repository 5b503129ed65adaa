"""Light and background: a panorama around the hands, and views of panoramas to paste behind them."""

import bpy
import numpy as np

from renderih_lib.render.blender.images import ImageCache, panorama, pixels_of


class PanoramaWorld:
    """The world of a scene, lit by a panorama file."""

    def __init__(self, scene, recipe: dict, images: ImageCache):
        self.images = images
        world = scene.world = bpy.data.worlds.new("world")
        world.use_nodes = True
        self.background = world.node_tree.nodes["Background"]
        if recipe["importance_map"]:
            world.cycles.sampling_method = "MANUAL"
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


def view_directions(job: dict) -> np.ndarray:
    """Where each pixel of a job's camera looks: (H, W, 3), not of unit length, Blender's world."""
    width, height, lens = job["width"], job["height"], job["lens"]
    side = job["sensor_width"] / lens["lens"]  # of the picture at distance 1, as wide as it is
    aspect = lens["pixel_aspect_y"] / lens["pixel_aspect_x"]
    x = ((np.arange(width) + 0.5) / width - 0.5 + lens["shift_x"]) * side
    y = ((0.5 - (np.arange(height) + 0.5) / height) * height * aspect / width + lens["shift_y"]) * side
    grid = np.stack([*np.meshgrid(x, y), np.full((height, width), -1.0)], -1)
    return grid @ np.array(job["camera_to_world"])[:3, :3].T


def looked_up(panorama: np.ndarray, directions: np.ndarray, yaw: float) -> np.ndarray:
    """Light (..., 3) of an equirect panorama (H, W, 3), top row first, in directions (..., 3), between its pixels.

    Turned by `yaw` as the world's Mapping node turns it: the direction is rotated about +z before the look-up.
    """
    height, width = panorama.shape[:2]
    x, y, z = np.moveaxis(directions, -1, 0)
    around = np.arctan2(y, x) + yaw
    column = (0.5 - around / (2 * np.pi)) % 1 * width - 0.5
    row = (np.arctan2(np.hypot(x, y), z) / np.pi * height - 0.5).clip(0, height - 1)
    left, top = np.floor(column).astype(int), np.floor(row).astype(int).clip(0, height - 2)
    across, down = (column - left)[..., None], (row - top)[..., None]
    right, left = (left + 1) % width, left % width
    upper = (1 - across) * panorama[top, left] + across * panorama[top, right]
    lower = (1 - across) * panorama[top + 1, left] + across * panorama[top + 1, right]
    return ((1 - down) * upper + down * lower).astype(np.float32)
