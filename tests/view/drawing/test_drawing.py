"""Every kind of figure: drawn from any data, the same bytes whatever the settings, texts that clash with nothing."""

import itertools
import math
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Annotation

import ledger
from ledger.errors import LedgerWarning, UsageError
from ledger.view.drawing import style
from ledger.view.drawing.labels import spread
from ledger.view.drawing.style import REST

pytestmark = pytest.mark.usefixtures("workdir")

OF_ONE = {"scatter": {"x": "lr"}, "parallel": {"params": ["lr"]}}  # what a single run needs
KINDS = ("curves", "boomerang", "scatter", "parallel", "montage")


def runs(count: int, name: str = "run") -> None:
    """Runs with two params, curves of two metrics on two splits, a test value and a picture."""
    for i in range(count):
        with ledger.start(f"{name}{i}", params={"lr": 10.0 ** -(i % 5), "act": "ab"[i % 2]}, group=f"g{i % 2}") as run:
            for step in range(3):
                values = {"train/loss": 1 / (step + 1 + i), "val/loss": 1.2 / (step + 1 + i)}
                run.log(values | {"train/accuracy": 0.5 + step / 8, "val/accuracy": 0.5 + step / 9 - i / 99}, step=step)
            run.log_summary({"test/accuracy": 0.6 - i / 99, "test/loss": 0.5})
            run.log_chart("grid", np.full((4, 4), 40 * (i % 6), np.uint8), step=1)


def plot(kind: str, **options: Any) -> Any:
    """What is plotted of all runs; a montage of the newest."""
    words = ["@1"] if kind == "montage" else []
    return ledger.open().plot_data(kind, *words, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_data_gives_the_same_bytes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice, under other settings of matplotlib, in another process and time zone; no date or program is named."""
    runs(3)
    forms = ("png",) if kind == "montage" else style.FORMS
    first = {form: plot(kind).picture(form) for form in forms}
    with matplotlib.rc_context({"font.size": 20, "savefig.dpi": 50, "svg.fonttype": "none", "lines.linewidth": 9}):
        assert plot(kind).picture(forms[-1]) == first[forms[-1]]
        assert matplotlib.rcParams["font.size"] == 20
    for data in first.values():
        assert not re.search(rb"Software|CreationDate|Producer|<dc:date|<dc:creator|[Mm]atplotlib v", data)
    words = ["@1"] if kind == "montage" else []
    code = f"import sys, ledger; found = ledger.open().plot_data({kind!r}, *{words!r}).picture({forms[0]!r})"
    code += "; sys.stdout.buffer.write(found)"
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("MPLBACKEND", "svg")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == first[forms[0]]


@pytest.mark.parametrize("kind", KINDS)
def test_no_window_is_needed_and_none_is_left(kind: str) -> None:
    """Figures are no part of pyplot, which would keep them all and ask for a display."""
    runs(1)
    code = f"import sys, ledger; ledger.open().plot({kind!r}, '@1', **{OF_ONE.get(kind, {})!r})"
    code += "; assert 'matplotlib.pyplot' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("count", [1, 7, 8, 70])
def test_any_number_of_runs_is_drawn(count: int) -> None:
    """All in colours of their own up to seven, then the best five alone; labels lie over nothing but by need."""
    runs(count)
    for kind in KINDS:
        assert plot(kind, **OF_ONE.get(kind, {})).figure().axes
    figure = plot("curves", metrics="val/loss").figure()
    colors = {line.get_color() for line in figure.axes[0].lines if len(line.get_xdata()) > 1}
    assert len(colors) == (count if count <= 7 else 6)


def test_texts_of_a_ledger_are_drawn_as_they_are() -> None:
    """Formulas are not set, long names lose their middle, a character without a glyph is a box."""
    names = ["$x^2$ and $broken", "a" * 300, "学习率", "<b>&amp;</b>", "a", "a"]
    for name in names:
        with ledger.start(name, params={"p$": name}) as run:
            for step in range(3):
                run.log({"train/lo$s": step, "val/lo$s": step + 1}, step=step)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = plot("curves").picture("svg").decode()
        plot("scatter", x="p$", y="lo$s").picture("svg")
        warnings.simplefilter("ignore", LedgerWarning)
        plot("parallel", params=["p$"], metric="lo$s").picture("pdf")
    titles = re.findall(r"<title>(.*?)</title>", svg)
    assert "&lt;b&gt;&amp;amp;&lt;/b&gt;: val/lo$s" in titles
    assert "a" * 300 + ": val/lo$s" in titles
    labels = [text.get_text() for text in plot("curves").figure().findobj(Annotation)]
    assert all(len(label) <= style.NAME_MOST + 5 for label in labels)
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("options", [{}, {"log_y": True}, {"smooth": 0.9}, {"log_x": True, "log_y": True}])
def test_numbers_that_cannot_be_drawn_are_gaps(options: dict[str, Any]) -> None:
    """NaN, infinities, zeros on a logarithmic axis, the largest numbers; a cross stands where they begin."""
    values = [1.0, 2.0, math.nan, 3.0, math.inf, -math.inf, 0.0, -1.0, 1e300, -1e308, 1e308, 5e-324]
    with ledger.start("a") as run:
        for step, value in enumerate(values):
            run.log({"loss": value, "flat": 1.0, "none": math.nan}, step=step)
    found = plot("curves", **options)
    assert found.picture("png").startswith(b"\x89PNG")
    crosses = [line for line in found.figure().axes[1].lines if line.get_marker() == "X"]
    assert crosses[0].get_xdata().tolist() == [1, 3, 8]


def test_the_lines_of_the_svg_go_from_train_to_test() -> None:
    """The path of each model visits its splits in order: as the losses rise, from left to right."""
    for i in range(40):
        with ledger.start(f"m{i}") as run:
            shuffled = [("test", 3.0), ("train", 1.0), ("val", 2.0)]
            for split, loss in shuffled[i % 3 :] + shuffled[: i % 3]:
                run.log_summary({f"{split}/loss": loss + i / 100, f"{split}/accuracy": 0.9 - loss / 10 - i / 500})
    svg = plot("boomerang").picture("svg").decode()
    paths = re.findall(r'<title>m\d+, generalization [^<]*</title>\s*<path d="([^"]*)"', svg)
    assert len(paths) == 40
    for path in paths:
        places = [float(x) for x in re.findall(r"[ML] (\S+) \S+", path)]
        assert len(places) == 3
        assert places == sorted(places)


def folds() -> None:
    """Three models with folds on train and val and one test value; the last one is poor."""
    for name, group, base in (("a", "g1", 0.9), ("b", "g2", 0.8), ("poor", "g1", 0.5)):
        with ledger.start(name, group=group) as run:
            for fold in range(3):
                for split, drop in (("train", 0.0), ("val", 0.05)):
                    values = {"accuracy": base - drop + fold / 100, "loss": 1 - base + drop + fold / 50}
                    run.log_summary(values, split=split, context={"fold": fold})
            run.log_summary({"accuracy": base - 0.04, "loss": 1.1 - base}, split="test")


def bars(axes: Any) -> list[tuple[list[float], list[float]]]:
    """The bars of folds: the ends of each."""
    lines = [line for line in axes.lines if "folds" in getattr(line, "ledger_title", "")]
    return [(line.get_xdata(), line.get_ydata()) for line in lines]


def test_folds_are_a_bar_from_the_least_to_the_greatest() -> None:
    """In both directions, through their mean, on each split that has folds; a split without has none."""
    folds()
    axes = plot("boomerang").figure().axes[0]
    found = [(np.round(x, 9).tolist(), np.round(y, 9).tolist()) for x, y in bars(axes)]
    assert len(found) == 3 * 2 * 2
    assert ([0.1, 0.14], [0.91, 0.91]) in found
    assert ([0.12, 0.12], [0.9, 0.92]) in found
    assert ([0.15, 0.19], [0.86, 0.86]) in found
    shown = {text.get_text() for text in plot("boomerang").figure().legends[0].get_texts()}
    assert shown == {"train", "val", "test", "range of folds"}


def test_models_that_fail_a_limit_are_pale_and_out_of_view() -> None:
    """They have no name and no bar, and do not widen the axes; how many there are is said."""
    folds()
    figure = plot("boomerang", min_score=0.7).figure()
    axes = figure.axes[0]
    assert {text.get_text().removeprefix("★ ") for text in axes.texts} >= {"a", "b"}
    assert not [text for text in axes.texts if "poor" in text.get_text()]
    assert axes.get_ylim()[0] > 0.6
    pale = [line for line in axes.lines if line.get_color() == "#d4d4d4" and len(line.get_xdata()) == 4]
    assert [np.round(line.get_ydata()[:3], 9).tolist() for line in pale] == [[0.51, 0.46, 0.46]]
    assert "1 left out" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(bars(axes)) == 2 * 2 * 2


@pytest.mark.parametrize(
    ("count", "shape"),
    [(1, (1, 1)), (2, (1, 2)), (4, (2, 2)), (5, (2, 3)), pytest.param(13, (4, 3), marks=pytest.mark.slow)],
)
def test_a_panel_for_each_group_has_all_models_in_it(count: int, shape: tuple[int, int]) -> None:
    """Its own in colour and named, the others grey; all panels have the same axes and the same bytes each time."""
    for i in range(2 * count):
        with ledger.start(f"m{i}", params={"depth": i % count}) as run:
            for split, drop in (("train", 0.0), ("test", 0.1)):
                run.log_summary({"loss": 0.1 + i / 90 + drop, "accuracy": 0.9 - i / 90 - drop}, split=split)
    found = plot("boomerang", by="depth")
    figure = found.figure()
    assert found.picture("svg") == plot("boomerang", by="depth").picture("svg")
    panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
    spec = figure.axes[0].get_subplotspec().get_gridspec()
    assert (spec.nrows, spec.ncols) == shape
    assert [axes.get_title(loc="left") for axes in panels] == [f"depth = {i}" for i in range(min(count, 12))]
    for i, axes in enumerate(panels):
        named = {text.get_text().removeprefix("★ ") for text in axes.texts} - {""}
        assert named == {f"m{i}", f"m{i + count}"}
        (grey,) = [line for line in axes.lines if line.get_color() == REST and len(line.get_xdata()) > 2] or [None]
        assert (0 if grey is None else len(grey.get_xdata())) == 3 * (2 * count - 2)
        assert axes.get_xlim() == panels[0].get_xlim()


def test_names_stand_clear_of_marks() -> None:
    """Once all is drawn, no name lies on the mark of a model in colour, though a legend of two lines stands above."""
    folds()
    figure = plot("boomerang", min_score=0.1, max_loss=3.0).figure()
    figure.draw_without_rendering()
    axes = figure.axes[0]
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
    assert len(boxes) == 3
    for line in axes.lines:
        if line.get_marker() in ("o", "s", "D") and len(line.get_xdata()) == 1:
            x, y = axes.transData.transform((line.get_xdata()[0], line.get_ydata()[0]))
            assert not any(box.x0 < x < box.x1 and box.y0 < y < box.y1 for box in boxes)


def test_losses_far_apart_have_a_logarithmic_axis() -> None:
    """If asked; what is not positive is left out, in the terminal too."""
    runs(2)
    assert plot("boomerang", log_x=True).figure().axes[0].get_xscale() == "log"
    assert "log_x" not in plot("boomerang").text()
    assert plot("boomerang", log_x=True).text() != plot("boomerang").text()
    with pytest.raises(UsageError, match="panels cannot be drawn as text"):
        plot("boomerang", by="group").text()


def test_a_limit_is_drawn_and_in_view() -> None:
    """Also where all models are far on its good side."""
    runs(2)
    axes = plot("boomerang", min_score=0.1, max_loss=2.0).figure().axes[0]
    assert axes.get_ylim()[0] < 0.1
    assert axes.get_xlim()[1] > 2.0


@given(
    st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=12),
    st.sampled_from([0.01, 0.05, 0.08]),
)
def test_labels_are_spread(wanted: list[float], room: float) -> None:
    """In the order wanted, a line apart, within the axes; one that is free to stay where it is does."""
    found = spread(wanted, room, 0.0, 1.0)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    for one, after in itertools.pairwise(order):
        assert found[after] - found[one] >= room - 1e-9
    assert min(found) >= -1e-9
    assert max(found) <= 1 + 1e-9
    if len(wanted) == 1:
        assert found == [min(1.0, max(0.0, wanted[0]))]


def test_a_montage_says_what_cannot_be_read() -> None:
    """Bytes that call themselves a picture and are none, and one too large to be true, leave a gap."""
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x06\0\0\0"
    with ledger.start("a") as run:
        for step, data in enumerate([b"\x89PNG\r\n\x1a\nnothing", bomb, b"GIF89a"]):
            run.log_chart("series", data, step=step)
        run.log_chart("series", np.zeros((3, 3), np.uint8), step=3, caption="the only one")
    texts = [text.get_text() for axes in plot("montage").figure().axes for text in axes.texts]
    assert texts == ["cannot be read"] * 3 + ["the only one"]


@pytest.mark.parametrize(("form", "text"), [("gif", "written as .gif"), ("", "without an ending"), ("svg", "as .svg")])
def test_other_forms_are_refused(form: str, text: str) -> None:
    """With those there are; a montage is made of pixels."""
    runs(1)
    with pytest.raises(UsageError, match=text):
        plot("montage").picture(form)
    with pytest.raises(UsageError, match="there is no plot 'pie'"):
        ledger.open().plot("pie")


def test_figures_are_matplotlib_s_own(tmp_path: Path) -> None:
    """What `Ledger.plot` returns can be changed and saved as any figure."""
    runs(2)
    figure = ledger.open().plot("curves", "run0", metrics=["loss"])
    figure.axes[0].set_ylabel("nats")
    figure.savefig(tmp_path / "own.png")
    assert (tmp_path / "own.png").stat().st_size > 1000


def test_texts_of_parallel_axes_do_not_cut_the_best_line() -> None:
    """Those of the first axis stand outside, in full; no other lies on the line of the best run."""
    for i, (kind, rate) in enumerate([("RandomForestClassifier", 0.1), ("Logistic", 0.01), ("Logistic", 0.1)] * 2):
        params = {"algorithm": kind, "rate": rate, "solver": ("sgd", "adam")[i % 2], "units": 4 * i}
        with ledger.start(f"r{i}", params=params) as run:
            run.log_summary({"test/accuracy": 0.9 - abs(i - 3) / 10})
    figure = plot("parallel")
    drawn = figure.figure()
    (axes,) = drawn.axes
    drawn.draw_without_rendering()
    best = next(line for line in axes.lines if line.get_linewidth() == 2.4)
    path = axes.transData.transform(best.get_xydata())
    points = [a + (b - a) * k / 400 for a, b in itertools.pairwise(path) for k in range(401)]
    texts = {text.get_text(): text.get_window_extent() for text in axes.texts}
    assert "RandomForestClassifier" in texts
    edge = axes.transData.transform((0, 0))[0]
    assert all(texts[name].x1 < edge for name in ("RandomForestClassifier", "Logistic"))
    assert not [name for name, box in texts.items() if any(box.contains(*point) for point in points)]
