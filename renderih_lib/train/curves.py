"""How a training goes, seen: a figure that redraws itself, the same figure at the end, and TensorBoard logs."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from renderih_lib.repro import in_batch

#: Terms that a figure of the losses shows, with colour and line: no orange or blue, which are hands.
TERMS = {
    "joints_3d": ("#222222", "-"),
    "mesh_3d": ("#999999", "-"),
    "joints_2d": ("#222222", ":"),
    "mesh_2d": ("#999999", ":"),
    "smooth": ("#B58CC8", "-"),
    "heatmaps": ("#1B7837", "-"),
    "parts": ("#7FBF7B", "-"),
}

_SECONDS = 3.0  # between two redrawings


def draw_curves(
    curve: Sequence[dict],
    errors: Sequence[str] = (),
    *,
    lines: dict[str, float] | None = None,
    unit: str = "mm",
):
    """A matplotlib figure: every loss term over its first value, and errors that an evaluation gave.

    Args:
        curve: rows as `train` returns them. errors: keys of the evaluation. lines: constants to compare with.
    """
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4))
    for name, (color, line) in TERMS.items():
        known = [(row["step"], row[name]) for row in curve if row.get(name)]
        if known:
            steps, shares = zip(*((step, value / known[0][1]) for step, value in known), strict=True)
            left.plot(steps, shares, line, color=color, lw=1, label=name)
    left.set(xlabel="step", ylabel="loss over its first value", ylim=(0, 1.2))
    for number, name in enumerate(errors):
        known = [(row["step"], row[name]) for row in curve if name in row]
        style = {"marker": "os^v"[number % 4], "color": ("#222222", "#888888")[number % 2]}
        right.plot(*zip(*known, strict=True) if known else ((), ()), label=name, **style)
    for name, value in (lines or {}).items():
        right.axhline(value, color="#7B2D8B", label=name)
    right.set(xlabel="step", ylabel=unit)
    for axis in (left, right):
        if axis.get_legend_handles_labels()[0]:
            above = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}  # where no line is
            axis.legend(fontsize=7, ncol=4, frameon=False, **above)
    return figure


class LiveCurves:
    """Redraws the figure below a notebook's cell while a training runs; in batch it does nothing.

    Args:
        options: of `draw_curves`.
    """

    def __init__(self, **options):
        self.options, self.rows, self.handle, self.drawn = options, [], None, 0.0

    def __call__(self, row: dict) -> None:
        self.rows.append(row)
        if in_batch() or time.monotonic() - self.drawn < _SECONDS:
            return
        import matplotlib.pyplot as plt
        from IPython.display import display

        figure = draw_curves(self.rows, **self.options)
        if self.handle is None:
            self.handle = display(figure, display_id=True)
        else:
            self.handle.update(figure)
        plt.close(figure)
        self.drawn = time.monotonic()


def tensorboard(folder: str | Path) -> Callable[[dict], None]:
    """A function for `train(on_row=...)` that writes every number of a row as TensorBoard scalars to `folder`.

    Raises:
        ModuleNotFoundError: if TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ModuleNotFoundError(
            "TensorBoard logs need the package tensorboard: pip install tensorboard"
        ) from error
    writer = SummaryWriter(str(folder))

    def write(row: dict) -> None:
        for name, value in row.items():
            if name != "step" and value is not None:
                writer.add_scalar(name, value, row["step"])
        writer.flush()

    return write
