"""Materials written as expressions: each call makes a node and hands on its output."""

import bpy
import numpy as np


class Shader:
    """A material under construction: `node` makes a node and fills its inputs with values or other outputs."""

    def __init__(self, name: str):
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.surface = self.tree.nodes["Principled BSDF"]

    def node(self, kind: str, output=0, settings: dict | None = None, **inputs):
        """Output `output` of a new node; inputs are named as Blender does, with _ for blanks."""
        node = self.tree.nodes.new(f"ShaderNode{kind}")
        for name, value in (settings or {}).items():
            setattr(node, name, value)
        self.fill(node, **inputs)
        return node.outputs[output]

    def fill(self, node, **inputs) -> None:
        """Set or connect inputs; `_0`, `_1` mean the first, the second."""
        for name, value in inputs.items():
            socket = node.inputs[int(name[1:]) if name[0] == "_" else name.replace("_", " ")]
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, socket)
            elif socket.type == "RGBA" and len(value) == 3:
                socket.default_value = (*value, 1.0)
            else:
                socket.default_value = value

    def metres(self, angle: float = 0.0):
        """Surface coordinates in metres, turned by an angle."""
        return self.node("Mapping", Vector=self.node("TexCoord", "UV"), Rotation=(0.0, 0.0, angle))

    def inside(self, stretch=(1.0, 1.0, 1.0), shift=(0.0, 0.0, 0.0)):
        """Coordinates of the object's own frame, metres, stretched."""
        return self.node("Mapping", Vector=self.node("TexCoord", "Object"), Scale=stretch, Location=shift)

    def noise(self, where, scale: float, detail: float = 3.0, distortion: float = 0.0, rough: float = 0.5):
        """Noise around 0.5 of `scale` waves per metre."""
        return self.node(
            "TexNoise", 0, Vector=where, Scale=scale, Detail=detail, Distortion=distortion, Roughness=rough
        )

    def ramp(self, factor, *stops):
        """Colours (position, colour) blended along a factor."""
        node = self.tree.nodes.new("ShaderNodeValToRGB")
        elements = node.color_ramp.elements
        while len(elements) < len(stops):
            elements.new(0.5)
        for element, (position, colour) in zip(elements, stops, strict=True):
            element.position = position
            element.color = (*(colour if np.ndim(colour) else (colour,) * 3), 1.0)
        self.fill(node, Fac=factor)
        return node.outputs[0]

    def mix(self, factor, first, second, blend: str = "MIX"):
        """Two colours blended by a factor."""
        settings = {"data_type": "RGBA", "blend_type": blend}
        return self.node("Mix", 2, settings, _0=factor, _6=first, _7=second)

    def math(self, operation: str, first, second=0.0):
        """An operation of two numbers."""
        return self.node("Math", 0, {"operation": operation}, _0=first, _1=second)

    def bump(self, height, millimetres: float):
        """A normal from a height of 0..1."""
        return self.node("Bump", 0, Height=height, Distance=millimetres / 1000, Strength=1.0)

    def finish(self, colour, roughness=0.6, height=None, millimetres: float = 1.0, **inputs):
        """The material."""
        self.fill(self.surface, Base_Color=colour, Roughness=roughness, **inputs)
        if height is not None:
            self.fill(self.surface, Normal=self.bump(height, millimetres))
        return self.material
