"""Images inside Blender: textures from arrays, panoramas from files, and a cache of both."""

from pathlib import Path

import bpy
import numpy as np

#: View transform and look for each name in a plan. Medium High Contrast keeps skin believable; without a look AgX is
#: flat; Standard clips, as cheap cameras do. (Filmic would turn skin yellow.)
VIEWS = {
    "AgX": ("AgX", "AgX - Medium High Contrast"),
    "AgX none": ("AgX", "None"),
    "Standard": ("Standard", "None"),
}
CACHE_BYTES = 2**30  # of skins and panoramas kept in memory between images
IN_USE = 3  # things that one image needs at once: a skin, a panorama, another one to paste


class ImageCache:
    """What was made of files, kept until memory runs short; then what was not needed for longest goes first."""

    def __init__(self):
        self._items: dict[str, tuple] = {}

    def get(self, key: str, load) -> tuple:
        """What `load(key)` gave, now or earlier: a tuple, of which the images count and are freed.

        Raises:
            ValueError: if the file called `key` cannot be read.
        """
        try:
            self._items[key] = self._items.pop(key) if key in self._items else load(key)
        except Exception as error:  # whatever a reader of broken files says
            raise ValueError(f"{Path(key).name} cannot be read ({type(error).__name__}: {error})") from error
        while len(self._items) > IN_USE and sum(map(_image_bytes, self._items.values())) > CACHE_BYTES:
            for item in self._items.pop(next(iter(self._items))):
                if isinstance(item, bpy.types.Image):
                    bpy.data.images.remove(item)
        return self._items[key]


def _image_bytes(items: tuple) -> int:
    return sum(16 * item.size[0] * item.size[1] for item in items if isinstance(item, bpy.types.Image))


def panorama(path: str) -> tuple:
    """The image of a panorama file, read at once."""
    image = bpy.data.images.load(path)
    image.pixels[0]  # read now: a broken file is an error here and pink light later
    return (image,)


def pixels_of(image) -> np.ndarray:
    """Pixels (H, W, 4) float32 of a Blender image, linear, top row first."""
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, 4)[::-1]


def shrunk(image: np.ndarray, size: int) -> np.ndarray:
    """Box-filtered to at most `size` pixels a side."""
    step = max(1, image.shape[0] // size)
    height, width = (n // step * step for n in image.shape[:2])
    blocks = image[:height, :width].reshape(height // step, step, width // step, step, -1)
    return blocks.mean((1, 3), dtype=np.float32)


def float_image(name: str, pixels: np.ndarray):
    """A Blender image of linear data; row 0 is v = 0."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new(name, width, height, float_buffer=True, is_data=True)
    opaque = np.concatenate([pixels, np.ones((height, width, 1))], -1)
    image.pixels.foreach_set(np.ascontiguousarray(opaque, np.float32).ravel())
    image.update()
    return image


def write_picture(scene, light: np.ndarray, view: str, path: str) -> None:
    """Write light (H, W, 3) through a view transform of `VIEWS` as PNG.

    `view_settings.exposure` would brighten too, but Blender keeps a colour processor of 4 MB for each of its values.
    """
    height, width = light.shape[:2]
    settings = scene.view_settings
    settings.view_transform, settings.look = VIEWS[view]
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = light[::-1]
    image = bpy.data.images.new("picture", width, height, float_buffer=True)
    image.pixels.foreach_set(pixels.ravel())
    image.update()
    file = scene.render.image_settings
    file.file_format, file.color_mode, file.color_depth, file.compression = "PNG", "RGB", "8", 0
    image.save_render(path, scene=scene)
    bpy.data.images.remove(image)
