"""Between heights and tangent-space normals on the skin atlas.

Normals follow the usual convention of OpenGL and Blender: x along u, y along v, z outwards, in the frame of the right
hand; on the left hand, a mirror image with the same UVs, the tangent frame mirrors along.
"""

import numpy as np

from renderih_lib.render.skin.texels import SkinTexels


def normals_from_height(texels: SkinTexels, height: np.ndarray) -> np.ndarray:
    """Unit normals (T, 3) of a relief.

    Args:
        height: (T,) mm above the skin.
    """
    image, inside = np.zeros((2, texels.size**2), np.float32)
    image[texels.index], inside[texels.index] = height, 1
    image, inside = (x.reshape(texels.size, texels.size) for x in (image, inside))
    down, across = (_slope(image, inside, axis).reshape(-1)[texels.index] for axis in (0, 1))
    stretch_u, shear, stretch_v = texels.chart
    along_u = across / stretch_u
    along_v = (down - shear * along_u) / stretch_v
    normals = np.stack([-along_u, -along_v, np.ones_like(along_u)], 1)
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def height_from_normals(texels: SkinTexels, normals: np.ndarray) -> np.ndarray:
    """Heights (T,) mm, mean 0, whose slopes are closest to those of unit normals (T, 3) (Frankot and Chellappa 1988)."""
    along_u, along_v = -normals[:, :2].T / np.maximum(normals[:, 2], 0.1)
    stretch_u, shear, stretch_v = texels.chart
    slopes = np.zeros((2, texels.size**2))
    slopes[:, texels.index] = shear * along_u + stretch_v * along_v, stretch_u * along_u
    down, across = np.fft.rfft2(slopes.reshape(2, texels.size, texels.size))
    # A central difference multiplies a wave by i sin(frequency).
    v = 1j * np.sin(2 * np.pi * np.fft.fftfreq(texels.size))[:, None]
    u = 1j * np.sin(2 * np.pi * np.fft.rfftfreq(texels.size))[None]
    power = np.abs(u) ** 2 + np.abs(v) ** 2
    power[power < 1e-12] = np.inf
    image = np.fft.irfft2((np.conj(v) * down + np.conj(u) * across) / power, (texels.size, texels.size))
    height = image.reshape(-1)[texels.index]
    return (height - height.mean()).astype(np.float32)


def _slope(image: np.ndarray, inside: np.ndarray, axis: int) -> np.ndarray:
    """Differences per texel along an axis: central on the skin, one-sided at its edge."""
    both = np.delete(inside, 0, axis) * np.delete(inside, -1, axis)
    step = np.diff(image, axis=axis) * both
    pads = [[(0, 0), (0, 0)] for _ in range(2)]
    pads[0][axis], pads[1][axis] = (1, 0), (0, 1)
    total, count = (sum(np.pad(x, pad) for pad in pads) for x in (step, both))
    return total / np.maximum(count, 1)
