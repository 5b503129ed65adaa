"""Sleeves and props as objects: two meshes kept between images, whose shape and material follow each job."""

import bpy
import numpy as np
from mathutils import Matrix

from renderih_lib.render.blender.fabrics import cloth
from renderih_lib.render.blender.stuff import stuff
from renderih_lib.render.bodies.garments import CIRCUMFERENCE, COLUMNS, garment, sleeve_rings

SHARP = float(np.deg2rad(40))  # edges of a prop that bend more are not smoothed over


class Bodies:
    """What is in the picture besides the hands.

    Args:
        topology: arrays `sleeve_quads`, `sleeve_ring` and `sleeve_column` (Q, 4) and `sleeve_label` (Q,), those of
            `sleeves.Sleeve`.
    """

    def __init__(self, scene, topology: dict):
        self._ring, self._column = topology["sleeve_ring"].ravel(), topology["sleeve_column"].ravel()
        quads = topology["sleeve_quads"]
        self.sleeve = _object(
            scene, "sleeve", np.zeros((quads.max() + 1, 3)), quads, topology["sleeve_label"]
        )
        self.sleeve.data.uv_layers.new(name="metres")
        self.prop = _object(scene, "prop", np.zeros((3, 3)), np.arange(3)[None], np.zeros(1))

    def pose(self, job: dict, geometry: dict) -> None:
        """Take the shapes of an image.

        Args:
            job: `prop_matrix` (4, 4), from the prop's own frame to Blender's world, and `prop_label`, if there is one.
            geometry: arrays `sleeve` (M, 3), Blender's world; `prop_vertices` (V, 3), the prop's own frame, and
                `prop_triangles` (F, 3). Empty ones mean that there is none.
        """
        self.sleeve.hide_render = len(geometry["sleeve"]) == 0
        self.prop.hide_render = len(geometry["prop_vertices"]) == 0
        if not self.sleeve.hide_render:
            self.sleeve.data.vertices.foreach_set("co", geometry["sleeve"].astype(np.float32).ravel())
            self.sleeve.data.update()
        if not self.prop.hide_render:
            vertices, triangles = geometry["prop_vertices"], geometry["prop_triangles"]
            mesh = self.prop.data
            mesh.clear_geometry()
            _fill(mesh, vertices, triangles, np.full(len(triangles), job["prop_label"]))
            mesh.set_sharp_from_angle(angle=SHARP)
            uv = mesh.uv_layers.new(name="metres").uv
            uv.foreach_set("vector", _planar(vertices, triangles).astype(np.float32).ravel())
            self.prop.matrix_world = Matrix(job["prop_matrix"])

    def dress(self, job: dict) -> None:
        """Give the shapes of an image their materials: `sleeve_seed`; `prop`, `prop_size` and `prop_seed`."""
        if not self.sleeve.hide_render:
            worn = garment(job["sleeve_seed"])
            along = sleeve_rings(worn).along
            metres = np.stack([self._column * (CIRCUMFERENCE / COLUMNS), along[self._ring]], -1)
            self.sleeve.data.uv_layers[0].uv.foreach_set("vector", metres.astype(np.float32).ravel())
            _wear(self.sleeve, cloth(worn))
        if not self.prop.hide_render:
            _wear(self.prop, stuff(job["prop"], np.array(job["prop_size"]), job["prop_seed"]))


def _object(scene, name: str, vertices: np.ndarray, faces: np.ndarray, labels: np.ndarray):
    mesh = bpy.data.meshes.new(name)
    _fill(mesh, vertices, faces, labels)
    item = bpy.data.objects.new(name, mesh)
    scene.collection.objects.link(item)
    item.hide_render = True
    return item


def _fill(mesh, vertices: np.ndarray, faces: np.ndarray, labels: np.ndarray) -> None:
    """Faces with one label each into an empty mesh."""
    corners = faces.shape[1]
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.astype(np.float32).ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.astype(np.int32).ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, corners, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
    mesh.attributes.new("label", "FLOAT", "FACE").data.foreach_set("value", labels.astype(np.float32))
    mesh.update(calc_edges=True)


def _planar(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Texture coordinates (F, 3, 2): each face's metres in the coordinate plane that it faces most."""
    corners = vertices[triangles]
    normal = np.abs(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    plane = np.array([[2, 1], [0, 2], [0, 1]])[normal.argmax(1)]
    return np.take_along_axis(corners, np.repeat(plane[:, None], 3, 1), 2)


def _wear(item, material) -> None:
    """Put a new material on an object and free the one before."""
    for old in list(item.data.materials):
        bpy.data.materials.remove(old)
    item.data.materials.clear()
    item.data.materials.append(material)
