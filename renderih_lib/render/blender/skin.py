"""The skin of both hands: textures of one person, subsurface scattering and the tone jitter."""

import bpy
import numpy as np

from renderih_lib.render.blender.images import ImageCache, float_image, shrunk

#: Mean free paths of skin, millimetres, red green blue: 1 / (absorption + reduced scattering) of Jensen's "skin1"
#: (2001, Figure 5), (0.032, 0.17, 0.48) + (0.74, 0.88, 1.01) per mm. Its often quoted 3.67, 1.37, 0.68 mm are the
#: diffusion lengths that follow; as free paths they wash creases and pores away. The mesh is in metres.
SUBSURFACE_RADIUS, SUBSURFACE_SCALE, SKIN_IOR = (1.30, 0.95, 0.67), 1e-3, 1.4
LIGHT_SKIN = 0.3  # luminance from which on the full radius holds


class SkinMaterial:
    """One material whose images change from person to person; `luminance` is that of the skin it wears."""

    def __init__(self, recipe: dict, images: ImageCache):
        self.recipe, self.images = recipe, images
        self.material = bpy.data.materials.new("skin")
        self.material.use_nodes = True
        nodes, links = self.material.node_tree.nodes, self.material.node_tree.links
        surface = nodes["Principled BSDF"]
        surface.inputs["IOR"].default_value = SKIN_IOR
        self.subsurface_scale = surface.inputs["Subsurface Scale"]
        if recipe["subsurface"]:
            # Burley's diffusion (2015): at these radii hardly to be told from a random walk, which takes twice as long.
            surface.subsurface_method = "BURLEY"
            surface.inputs["Subsurface Weight"].default_value = 1.0
            surface.inputs["Subsurface Radius"].default_value = SUBSURFACE_RADIUS
        self.albedo, self.relief = nodes.new("ShaderNodeTexImage"), nodes.new("ShaderNodeTexImage")
        self.tone = nodes.new("ShaderNodeHueSaturation")
        self.contrast = nodes.new("ShaderNodeBrightContrast")
        links.new(self.albedo.outputs["Color"], self.contrast.inputs["Color"])
        links.new(self.contrast.outputs["Color"], self.tone.inputs["Color"])
        links.new(self.tone.outputs["Color"], surface.inputs["Base Color"])
        split = nodes.new("ShaderNodeSeparateColor")
        links.new(self.relief.outputs["Color"], split.inputs["Color"])
        links.new(split.outputs["Green"], surface.inputs["Roughness"])
        if recipe["bump"]:
            bump = nodes.new("ShaderNodeBump")
            bump.inputs["Strength"].default_value = 1.0
            bump.inputs["Distance"].default_value = 1e-3  # heights are millimetres
            bump.inputs["Filter Width"].default_value = 1.0  # pixels; with 0.1, the default, skin glitters
            links.new(self._height(split), bump.inputs["Height"])
            links.new(bump.outputs["Normal"], surface.inputs["Normal"])

    def _height(self, relief):
        """Height plus flexion times folds; a mesh without the attribute "flexion" counts as flat."""
        nodes, links = self.material.node_tree.nodes, self.material.node_tree.links
        flexion, bent = nodes.new("ShaderNodeAttribute"), nodes.new("ShaderNodeMath")
        flexion.attribute_name, bent.operation = "flexion", "MULTIPLY_ADD"
        for source, target in zip(
            (flexion.outputs["Fac"], relief.outputs["Blue"], relief.outputs["Red"]), bent.inputs, strict=True
        ):
            links.new(source, target)
        return bent.outputs["Value"]

    def wear(self, job: dict) -> None:
        """Take the texture and the tone of a job."""
        albedo, relief, self.luminance = self.images.get(job["skin"], self._maps)
        self.albedo.image, self.relief.image = albedo, relief
        # Melanin absorbs: with the paths of light skin, dark fingers glow red against the light.
        self.subsurface_scale.default_value = SUBSURFACE_SCALE * min(1.0, self.luminance / LIGHT_SKIN)
        self.tone.inputs["Hue"].default_value = 0.5 + job["tone_hue"]
        self.tone.inputs["Saturation"].default_value = job["tone_saturation"]
        self.tone.inputs["Value"].default_value = job["tone_value"]
        self.contrast.inputs["Contrast"].default_value = job["tone_contrast"]
        # BrightContrast turns about 0.5; skin is darker, so the middle is put back.
        self.contrast.inputs["Bright"].default_value = job["tone_contrast"] * (0.5 - self.luminance)

    def _maps(self, path: str) -> tuple:
        with np.load(path, allow_pickle=False) as maps:  # as `skin.read_skin`, which would bring torch along
            albedo, height, roughness, folds = (
                maps[name].astype(np.float32) for name in ("albedo", "height_mm", "roughness", "folds_mm")
            )
        size = self.recipe["texture_size"]
        luminance = albedo @ np.float32((0.2126, 0.7152, 0.0722))
        albedo, relief = shrunk(albedo, size), shrunk(np.stack([height, roughness, folds], -1), size)
        typical = float(np.median(luminance[luminance > 0]))
        return float_image(path, albedo), float_image(f"{path} relief", relief), typical
