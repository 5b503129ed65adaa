"""The colours and materials of one room, so that its things belong together, and pictures to hang or show."""

import numpy as np

from renderih_lib.render.blender import surfaces
from renderih_lib.render.blender.surfaces import linear, shade

WOODS = [linear(*c) for c in ((196, 160, 116), (160, 112, 70), (120, 76, 44), (84, 52, 34), (214, 190, 152), (142, 122, 100),
                              (176, 124, 84), (106, 88, 72))]  # fmt: skip
WALLS = [linear(*c) for c in ((236, 232, 224), (226, 216, 198), (206, 214, 206), (190, 204, 214), (214, 196, 180), (178, 186, 168),
                              (228, 210, 170), (202, 178, 166), (150, 164, 172), (236, 226, 208), (168, 172, 178))]  # fmt: skip
DEEP = [linear(*c) for c in ((38, 70, 83), (120, 50, 46), (60, 82, 62), (54, 60, 92), (140, 96, 40), (96, 58, 84), (40, 96, 100),
                             (170, 84, 56), (72, 72, 76))]  # fmt: skip
CLOTHS = DEEP + [linear(*c) for c in ((196, 184, 164), (150, 150, 146), (190, 140, 100), (110, 130, 140), (204, 170, 70),
                                      (120, 104, 92), (176, 190, 196), (160, 80, 90), (104, 106, 108), (72, 76, 82), (140, 128, 112),
                                      (200, 192, 178), (86, 92, 84), (128, 116, 106), (52, 60, 74), (168, 160, 150))]  # fmt: skip
BRIGHT = [linear(*c) for c in ((200, 50, 40), (230, 160, 40), (40, 110, 170), (60, 140, 80), (236, 230, 218), (30, 34, 40),
                               (220, 110, 120), (120, 180, 190), (90, 60, 120), (236, 200, 90), (70, 84, 96), (188, 96, 52))]  # fmt: skip
PALE = [
    linear(*c) for c in ((238, 234, 226), (226, 220, 206), (210, 216, 220), (232, 222, 200), (200, 196, 188))
]
DARK = [linear(*c) for c in ((40, 40, 44), (58, 52, 48), (48, 56, 66))]


def pick(rng, colours) -> tuple:
    """One of a list of colours, a little varied."""
    colour = np.asarray(colours[rng.integers(len(colours))])
    return tuple(
        np.clip(colour * np.exp(rng.normal(0, 0.08, 3)) * np.exp(rng.normal(0, 0.12)), 0.008, 0.85).tolist()
    )


class Finishes:
    """What the things of one room are made of; `screen` is the radiance of a white screen in it."""

    def __init__(self, rng, night: bool):
        self.screen = 0.25 if night else 1.5
        self.rng = rng
        first, second = rng.choice(len(WOODS), 2, replace=False)
        self.timber = WOODS[first]
        self.wood = surfaces.wood(rng, pick(rng, [WOODS[first]]), float(rng.uniform(0.3, 0.55)))
        self.wood2 = surfaces.wood(rng, pick(rng, [WOODS[second]]), float(rng.uniform(0.3, 0.55)))
        self.matt, self.satin = surfaces.painted(0.9), surfaces.painted(0.45)
        self.gloss = surfaces.painted(0.2, coat=0.4)
        self.steel, self.brass = surfaces.metal(), surfaces.metal((0.6, 0.42, 0.18), 0.25)
        self.iron = surfaces.painted(0.4, metallic=0.7)
        self.glass, self.green_glass = surfaces.glass(), surfaces.glass((0.25, 0.5, 0.22))
        self.brown_glass = surfaces.glass((0.5, 0.25, 0.08))
        patterns = ("plain", "stripes", "squares", "melange")
        self.fabrics = [
            surfaces.fabric(rng, pick(rng, CLOTHS), pick(rng, CLOTHS + PALE), patterns[rng.integers(4)])
            for _ in range(3)
        ]
        self.cloth = surfaces.fabric(rng, pick(rng, CLOTHS), None, ("plain", "melange")[rng.integers(2)])
        self.linen = surfaces.fabric(rng, pick(rng, PALE), None, "plain")
        self.leather = surfaces.leather(rng, shade(pick(rng, WOODS + DARK), 0.5))
        self.cover = (self.cloth, self.leather, self.any_fabric())[rng.integers(3)]  # of sofas
        self.shade = surfaces.lampshade(pick(rng, PALE + CLOTHS))
        self.leaf = surfaces.foliage(
            rng, pick(rng, [linear(62, 102, 48), linear(84, 116, 60), linear(50, 84, 60)])
        )

    def any_fabric(self):
        """One of the room's fabrics."""
        return self.fabrics[self.rng.integers(3)]


def artwork(rng) -> np.ndarray:
    """A picture (96, 128, 3), linear: a landscape, blocks of colour, or waves."""
    y, x = np.mgrid[0:1:96j, 0:1:128j]
    colours = np.array([pick(rng, BRIGHT + CLOTHS + PALE) for _ in range(6)])
    kind = rng.integers(3)
    if kind == 0:
        image = colours[0] * (1 - y[..., None]) + colours[4] * y[..., None]
        for i, level in enumerate(np.sort(rng.uniform(0.3, 0.95, 4))):
            hills = level + sum(
                rng.uniform(0.01, 0.06) * np.sin(x * k * 6 + rng.uniform(0, 6)) for k in (1, 2, 5)
            )
            image = np.where((y > hills)[..., None], colours[1 + i] * (0.6 + 0.4 * y[..., None]), image)
    elif kind == 1:
        image = np.tile(colours[0], (96, 128, 1))
        for i in range(9):
            (left, top), (width, height) = rng.uniform(0, 0.9, 2), rng.uniform(0.08, 0.5, 2)
            inside = (x > left) & (x < left + width) & (y > top) & (y < top + height)
            image = np.where(inside[..., None], colours[1 + i % 5], image)
    else:
        wave = sum(
            np.sin(rng.normal(0, 9, 2) @ np.stack([x.ravel(), y.ravel()]) + rng.uniform(0, 6))
            for _ in range(5)
        )
        image = colours[np.digitize(wave.reshape(x.shape), [-1.8, -0.8, 0, 0.8, 1.8])]
    return image.astype(np.float32)


def screen_image(rng) -> np.ndarray:
    """What a screen shows, (90, 144, 3), linear: windows with lines of text, bars and a picture."""
    image = np.tile(np.asarray(pick(rng, DEEP), np.float32), (90, 144, 1))
    for _ in range(int(rng.integers(1, 4))):
        top, left = rng.integers(2, 30), rng.integers(2, 60)
        bottom, right = rng.integers(top + 25, 88), rng.integers(left + 40, 142)
        back = np.asarray(pick(rng, [PALE[0], DARK[0]]))
        image[top:bottom, left:right] = back
        image[top : top + 4, left:right] = pick(rng, BRIGHT)
        for row in range(top + 7, bottom - 2, 3):
            end = rng.integers(left + 6, right)
            image[row, left + 3 : end] = 0.3 * back + 0.35 * (back < 0.3)
    image[84:] = 0.05
    return image


def page_image(rng) -> np.ndarray:
    """A printed page (64, 46, 3), linear: a heading, lines, perhaps a figure."""
    page = np.full((64, 46, 3), 0.75, np.float32)
    page[5:8, 5 : rng.integers(18, 40)] = 0.1
    figure = rng.integers(14, 44) if rng.random() < 0.5 else 99
    for row in range(12, 60, 2):
        if figure <= row < figure + 14:
            page[row : row + 2, 8:38] = pick(rng, BRIGHT)
        else:
            page[row, 5 : rng.integers(30, 42)] = 0.25
    return page


def outside(rng, night: bool) -> np.ndarray:
    """What windows look out on, an equirectangular image (512, 1024, 3) of radiance: sky, houses or trees, ground.

    The middle row is the horizon; a white cloud has about 1.
    """
    height, width = 512, 1024
    elevation = np.pi * (0.5 - (np.arange(height) + 0.5) / height)[:, None]
    azimuth = 2 * np.pi * (np.arange(width) + 0.5) / width
    clouds = np.clip((_noise(rng, height, width, 4) - 0.75 + 0.55 * rng.random()) * 4, 0, 1)[..., None]
    grain = _noise(rng, height, width, 80)
    blue, grey = np.array([0.35, 0.6, 1.1]), np.array([1.0, 1.05, 1.1])
    low = np.exp(-np.clip(elevation, 0, None) * 4)[..., None]
    sky = (1 - clouds) * (blue * (1 - low) + grey * low) + clouds * grey * rng.uniform(0.9, 1.6)
    ground = np.asarray(pick(rng, [linear(96, 104, 70), linear(120, 116, 108)])) * (0.5 + grain[..., None])
    image = np.where((elevation > 0)[..., None], sky * (0.12 if night else 1.0), ground)
    lit = rng.random((64, 256)) < (0.12 if night else 0.0)
    for layer in range(3):
        town, plots = rng.random() < 0.55, np.digitize(azimuth, np.sort(rng.uniform(0, 2 * np.pi, 26)))
        if town:
            top = rng.uniform(0.02, 0.32 - 0.08 * layer, 27)[plots][None]
            hues = np.array([pick(rng, WALLS + DEEP + WOODS) for _ in range(27)])
            tone = hues[plots] * (0.45 + 0.15 * layer + 0.2 * grain[..., None])
            row, column = elevation * 60, (azimuth * 30)[None]
            pane = (row % 1 > 0.45) & (column % 1 > 0.4) & (elevation < top - 0.01)
            tone = np.where(pane[..., None], 0.3 * tone + 0.02, tone)
            glow = lit[row.astype(int) % 64, column.astype(int) % 256] & pane
            tone = np.where(glow[..., None], np.array([4.0, 2.5, 1.2]), tone)
        else:
            waves = sum(np.sin(azimuth * k + rng.uniform(0, 6)) / k**0.5 for k in (5, 13, 29, 71))
            top = rng.uniform(0.06, 0.3) * (1 + 0.18 * waves) + 0.12 * (grain - 0.5)
            green = np.asarray(pick(rng, [linear(66, 72, 46), linear(52, 60, 42), linear(92, 82, 52)]))
            tone = green * np.clip(3.2 * grain - 0.9, 0.12, 2.0)[..., None] * (0.6 + 0.5 * clouds.mean())
        covered = (elevation < top) & (elevation > -0.12 * (layer + 1))
        image = np.where(covered[..., None], tone, image)
    return image.astype(np.float32)


def _noise(rng, height: int, width: int, rows: int) -> np.ndarray:
    """Smooth noise around 0.5 of five octaves from `rows` grid rows on, that closes around the horizon."""
    total = np.zeros((height, width))
    for octave in range(5):
        count = rows * 2**octave
        grid = rng.random((count + 1, 2 * count))
        grid = np.concatenate([grid, grid[:, :1]], 1)
        r, c = np.linspace(0, count, height, endpoint=False), np.linspace(0, 2 * count, width, endpoint=False)
        i, j = r.astype(int), c.astype(int)
        u, v = (r - i)[:, None], c - j
        u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
        upper = grid[i][:, j] * (1 - v) + grid[i][:, j + 1] * v
        lower = grid[i + 1][:, j] * (1 - v) + grid[i + 1][:, j + 1] * v
        total += (upper * (1 - u) + lower * u) / 2 ** (octave + 1)
    return total
