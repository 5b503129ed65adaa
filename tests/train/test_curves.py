import sys

import matplotlib.pyplot as plt
import pytest

from renderih_lib import repro
from renderih_lib.train.curves import LiveCurves, draw_curves, tensorboard

CURVE = [
    {"step": 1, "loss": 4.0, "joints_3d": 2.0, "parts": 0.0},
    {"step": 2, "loss": 3.0, "joints_3d": 1.0, "parts": 0.0, "mm": 40.0},
]


@pytest.fixture
def figures(monkeypatch):
    """What would have been displayed: a list of (figure, whether it replaced an earlier one)."""
    shown = []

    class Handle:
        def update(self, figure):
            shown.append((figure, True))

    monkeypatch.setattr(
        "IPython.display.display", lambda figure, display_id: shown.append((figure, False)) or Handle()
    )
    monkeypatch.delenv(repro.BATCH_VARIABLE, raising=False)
    return shown


def test_a_loss_is_drawn_over_its_first_value_and_errors_beside(figures):
    figure = draw_curves(CURVE, ("mm",), lines={"mean pose": 50.0})
    left, right = figure.axes
    (line,) = left.lines  # a term that is always zero is left out
    assert line.get_ydata() == pytest.approx([1.0, 0.5]) and line.get_label() == "joints_3d"
    assert [line.get_label() for line in right.lines] == ["mm", "mean pose"]
    assert list(right.lines[0].get_xdata()) == [2]
    plt.close(figure)


def test_live_curves_redraw_in_place_but_not_at_every_row(figures, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    live = LiveCurves(errors=("mm",))
    for row in CURVE:
        live(row)
    assert len(figures) == 1
    now[0] += 60
    live(CURVE[1])
    assert [replaced for _, replaced in figures] == [False, True]
    assert plt.get_fignums() == []


def test_in_batch_nothing_is_drawn(figures, monkeypatch):
    monkeypatch.setenv(repro.BATCH_VARIABLE, "1")
    LiveCurves()(CURVE[0])
    assert figures == []


def test_tensorboard_is_asked_for_only_when_wanted_and_its_absence_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ModuleNotFoundError, match="pip install tensorboard"):
        tensorboard(tmp_path)


def test_tensorboard_gets_every_number(monkeypatch, tmp_path):
    written = []

    class Writer:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, *scalar):
            written.append(scalar)

        def flush(self):
            written.append("flush")

    module = type(sys)("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    tensorboard(tmp_path)({"step": 3, "loss": 2.0, "gradient_norm": None})
    assert written == [("loss", 2.0, 3), "flush"]


def test_tensorboard_files_are_written(tmp_path):
    pytest.importorskip("tensorboard")
    tensorboard(tmp_path)(CURVE[0])
    assert any(path.name.startswith("events") for path in tmp_path.iterdir())
