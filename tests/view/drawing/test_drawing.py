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
from ledger.errors import UsageError
from ledger.view.drawing import style
from ledger.view.drawing.labels import spread

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
