"""The network drawn as boxes and arrows, after the paper's Figure 8."""

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from renderih_lib.viz import HAND_COLORS

_GREY, _INK = "0.9", "0.25"
_ROWS = (1.25, 0.0)  # heights of the right and the left hand
_TOP = 2.55  # of the image features
_FIRST, _PITCH = 4.75, 2.75  # where the first block begins, and from one to the next


def network_sketch(levels: tuple[int, ...], vertex_count: int, lateral: bool = True) -> Figure:
    """Image, encoder, F1 to F3, the blocks of both hands with their lateral connection, and the meshes.

    Args:
        levels: vertices of a hand in each block. vertex_count: of the whole mesh.
    """
    figure, axis = plt.subplots(figsize=(11, 3.3))
    end = _FIRST + _PITCH * len(levels)
    _box(axis, 0, 0.45, 1.1, 1.2, "image")
    _box(axis, 1.55, 0.2, 1.25, 1.7, "ResNet-50\nencoder")
    _arrow(axis, (1.1, 1.05), (1.55, 1.05))
    axis.text(3.0, 1.12, "$G_F$", fontsize=10, ha="center", va="bottom", color=_INK)
    for y, color, name in zip(_ROWS, HAND_COLORS, ("$R_F$", "$L_F$"), strict=True):
        _arrow(axis, (2.8, 1.05), (3.5, y + 0.4))
        _box(axis, 3.5, y, 0.75, 0.8, name, color)
    axis.plot([2.2, 2.2, end - _PITCH + 0.1], [1.9, _TOP + 0.25, _TOP + 0.25], color=_INK, lw=1, zorder=0)
    for number, count in enumerate(levels):
        _block(axis, _FIRST + _PITCH * number, number, count, lateral)
    for y, color, name in zip(_ROWS, HAND_COLORS, ("right", "left"), strict=True):
        _arrow(axis, (end - 0.5, y + 0.4), (end - 0.05, y + 0.4))
        _box(axis, end - 0.05, y, 1.1, 0.8, f"{name}\n{vertex_count}", color)
    axis.set(xlim=(-0.1, end + 1.15), ylim=(-0.75, 3.2), aspect="equal")
    axis.axis("off")
    return figure


def _block(axis: Axes, x: float, number: int, count: int, lateral: bool) -> None:
    """One block from x on: F above it, two encoders for each hand, and the connection between the hands."""
    axis.add_patch(
        FancyBboxPatch((x, -0.2), 2.1, 2.45, boxstyle="round,pad=0.05", fill=False, ec="0.6", ls="--")
    )
    axis.text(x + 1.05, -0.55, f"block {number + 1}: {count} vertices", fontsize=8, ha="center", color=_INK)
    _box(axis, x + 0.05, _TOP, 0.75, 0.5, f"$F_{number + 1}$")
    for y, color in zip(_ROWS, HAND_COLORS, strict=True):
        _arrow(axis, (x - 0.5, y + 0.4), (x + 0.05, y + 0.4))
        _box(axis, x + 0.05, y, 0.75, 0.8, "read\nimage", color)
        _box(axis, x + 1.3, y, 0.75, 0.8, "corre-\nlate", color)
        _arrow(axis, (x + 0.8, y + 0.4), (x + 1.3, y + 0.4))
    _arrow(axis, (x + 0.5, _TOP), (x + 0.5, _ROWS[0] + 0.8))
    beside, between = x - 0.25, _ROWS[1] + 1.02  # around the right hand's box: F links no hands
    corners = ((x + 0.15, _TOP), (x + 0.15, 2.42), (beside, 2.42), (beside, between), (x + 0.4, between))
    axis.plot(*zip(*corners, strict=True), color=_INK, lw=1, zorder=0)
    _arrow(axis, (x + 0.4, between), (x + 0.4, _ROWS[1] + 0.8))
    if lateral:  # each hand's features join the other's between the encoders
        for own, other in (_ROWS, _ROWS[::-1]):
            _arrow(axis, (x + 0.9, own + 0.4), (x + 1.22, other + 0.4))


def _box(axis: Axes, x: float, y: float, width: float, height: float, text: str, color=_GREY) -> None:
    shape = FancyBboxPatch(
        (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.08", fc=color, ec=_INK
    )
    axis.add_patch(shape)
    axis.text(x + width / 2, y + height / 2, text, fontsize=8, ha="center", va="center")


def _arrow(axis: Axes, begin: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>", "color": _INK, "lw": 1, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", end, begin, arrowprops=style, zorder=3)
