"""What pictures are read by: lists and insets that cover nothing, colours that stay, text that can be read."""

import re
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from matplotlib.transforms import Bbox

import ledger
from ledger.errors import LedgerWarning
from ledger.evaluate import evaluate
from ledger.table.chart_data import Asked, ChartPlot, Series
from ledger.view.drawing import evaluation, labels, style
from ledger.view.drawing.style import COLORS, REST

TRUTH = np.random.default_rng(0).integers(0, 2, 300)


def scored(kind: str, spreads: list[float], weight: Any = None) -> ChartPlot:
    """Charts of runs whose scores are the truth with so much noise each."""
    series = []
    for i, spread in enumerate(spreads):
        noise = np.random.default_rng(i).uniform(0, spread, 300)
        scores = (TRUTH + noise) / (1 + max(spreads))
        chart = evaluate(TRUTH, y_score=scores, kind="binary", sample_weight=weight).charts[kind]
        series.append(Series(f"id{i}", f"run{i}", f"test/{kind}", dict(chart.columns), dict(chart.facts)))
    return ChartPlot(kind, "test", series, Asked(), [])


def importances(*values: list[float], std: bool = False) -> ChartPlot:
    """Importances of features with long names, of so many runs."""
    names = [f"the feature of the number {i}" for i in range(len(values[0]))]
    series = []
    for i, own in enumerate(values):
        columns: dict[str, Any] = {"name": names, "value": own} | ({"std": [abs(v) / 3 for v in own]} if std else {})
        series.append(Series(f"id{i}", f"run{i}", "importance", columns, {}))
    return ChartPlot("importance", None, series, Asked(), [])


def figure(data: ChartPlot) -> Any:
    """The figure of chart data, laid out."""
    with style.applied():
        drawn = evaluation.draw(data)
        drawn.draw_without_rendering()
    return drawn


MANY = [0.5, 0.9, 1.0, 1.5, 2.0, 3.0, 5.0, 9.0, 20.0]
PLOTS = {
    f"{kind} {len(spreads)}": (kind, spreads)
    for kind in ("roc", "pr", "gain", "lift", "ks")
    for spreads in ([1.2], [1.0, 3.0], MANY)
}


@pytest.mark.parametrize("name", PLOTS)
def test_a_list_covers_nothing(name: str) -> None:
    """No curve passes under it, nor under the corner that is drawn larger; all of the figure is in view."""
    drawn = figure(scored(*PLOTS[name]))
    axes = drawn.axes[0]
    assert labels.is_free(axes, axes.get_legend().get_window_extent())
    for inset in axes.child_axes:
        assert labels.is_free(axes, inset.get_tightbbox(), own=inset)
    box, (wide, _) = drawn.get_tightbbox(), drawn.get_size_inches()
    assert -0.05 < box.x0 < box.x1 < wide + 0.05


@pytest.mark.parametrize(
    ("kind", "spreads", "count"), [("roc", [1.01, 1.02], 1), ("pr", [1.01, 1.02], 1), ("pr", [1.01] * 3 + [9.0] * 2, 0)]
)
def test_a_corner_is_drawn_larger_where_no_curve_needs_the_room(kind: str, spreads: list[float], count: int) -> None:
    """Of good models; not where a poor one passes."""
    axes = figure(scored(kind, spreads)).axes[0]
    assert len(axes.child_axes) == count


@pytest.mark.parametrize(
    ("place", "free"),
    [((0.1, 0.9), True), ((0.5, 0.49), False), ((0.79, 0.5), False), ((0.55, 0.45), True), ((0.7, 0.05), False)],
)
def test_a_box_is_free_where_nothing_is_drawn(place: tuple[float, float], free: bool) -> None:
    """Not where a line passes without a point in it, where a step does, or a mark stands; a line is no step."""
    with style.applied():
        drawn = style.figure(4, 4)
        axes = drawn.subplots()
        axes.plot([0, 1], [0, 1])
        axes.plot([0, 0.4, 0.8], [0.2, 0.2, 0.9], drawstyle="steps-post")
        axes.scatter([0.72], [0.07])
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        drawn.draw_without_rendering()
        x, y = axes.transData.transform(place)
        assert labels.is_free(axes, Bbox([[x, y], [x + 12, y + 12]])) == free


def test_values_beside_bars_stand_within_the_axes() -> None:
    """So that they do not run into the names of features; what else is said stands within the figure."""
    drawn = figure(importances([0.9, -0.8, 0.3, -0.7, 0.001], std=True))
    axes = drawn.axes[0]
    frame = axes.get_window_extent()
    values = [text for text in axes.texts if re.fullmatch(r"-?[\d.]+", text.get_text())]
    assert len(values) == 5
    for text in values:
        box = text.get_window_extent()
        assert frame.x0 < box.x0 < box.x1 < frame.x1
    for text in (*axes.texts, axes.xaxis.label, axes.title):
        assert text.get_window_extent().x1 <= drawn.bbox.x1 + 2


def test_importances_of_several_runs_are_listed_beside_the_dots() -> None:
    """The others, too, are dots."""
    axes = figure(importances(*([0.5, 0.4, 0.3 * i] for i in range(9)))).axes[0]
    legend = axes.get_legend()
    assert labels.is_free(axes, legend.get_window_extent())
    assert {line.get_marker() for line in legend.get_lines()} == {"o"}
    assert legend.get_texts()[-1].get_text() == "4 others"


def matrices(*counts: Any, names: tuple[str, ...]) -> ChartPlot:
    """Confusion matrices."""
    series = []
    for i, matrix in enumerate(counts):
        columns = {
            "true": [name for name in names for _ in names],
            "predicted": list(names) * len(names),
            "count": [float(value) for row in matrix for value in row],
        }
        series.append(Series(f"id{i}", f"run{i}", "test/confusion", columns, {"labels": list(names)}))
    return ChartPlot("confusion", "test", series, Asked(), [])


@pytest.mark.parametrize("count", [1, 2])
def test_long_names_of_classes_lie_over_no_text(count: int) -> None:
    """The small text stands under them."""
    names = ("golden retriever", "siamese cat", "african elephant", "unlabelled other")
    found = [[[40, 3, 2, 5], [4, 38, 4, 1], [1, 2 + i, 45, 2], [4, 1, 2, 40]] for i in range(count)]
    axes = figure(matrices(*found, names=names)).axes[0]
    (small,) = [text for text in axes.texts if "right" in text.get_text()]
    box = small.get_window_extent()
    assert all(tick.get_window_extent().y0 >= box.y1 for tick in axes.get_xticklabels())


def contrast(one: Any, other: Any) -> float:
    """The contrast of two colours, as WCAG 2 defines it."""
    light = []
    for color in (to_rgb(one), to_rgb(other)):
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color]
        light.append(0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2])
    return (max(light) + 0.05) / (min(light) + 0.05)


@given(st.tuples(*[st.floats(0, 1)] * 3))
def test_text_can_be_read_on_every_tint(tint: tuple[float, float, float]) -> None:
    """A contrast of 4.5 at least."""
    assert contrast(style.ink_on(tint), tint) >= 4.5
    assert contrast("white", "black") == pytest.approx(21)


@pytest.mark.parametrize("count", [1, 2])
def test_numbers_of_a_matrix_can_be_read(count: int) -> None:
    """In every cell, whatever its tint; none is pale."""
    found = [[[97, 3 + i, 0], [30, 60, 10 + i], [1, 44, 55]] for i in range(count)]
    axes = figure(matrices(*found, names=("a", "b", "c"))).axes[0]
    tints = axes.images[0].get_array()
    for text in axes.texts:
        x, y = text.get_position()
        if text.get_transform() == axes.transData and 0 <= round(y) < 3:
            assert contrast(text.get_color(), tints[round(y), round(x)]) >= 4.5
            assert text.get_alpha() is None


def test_what_is_better_is_worded() -> None:
    """In the list of a difference; in what it counts, below."""
    drawn = figure(matrices([[8, 2], [1, 9]], [[9, 1], [4, 6]], names=("a", "b")))
    said = [text.get_text() for text in drawn.findobj(Text)]
    assert {"better: more right, or fewer wrong", "worse: fewer right, or more wrong"} <= set(said)
    assert "change in rows; right: 85.0 %, then 75.0 %" in said


def hues(data: ChartPlot) -> dict[str, str]:
    """The colour of each run, as the list of a plot has it."""
    drawn = figure(data)
    legend = drawn.axes[0].get_legend() or drawn.legends[0]
    found = {}
    for line, text in zip(legend.get_lines(), legend.get_texts(), strict=True):
        name = re.search(r"run\d", text.get_text())
        if name:
            found[name[0]] = line.get_color()
    return found


@pytest.mark.parametrize("kind", ["roc", "pr", "gain", "lift", "ks", "calibration", "threshold"])
def test_a_run_has_the_same_colour_in_every_kind(kind: str) -> None:
    """By its place in the order, whatever its rank; the best of many, too, where no two of them would be alike."""
    assert hues(scored(kind, [9.0, 1.0, 3.0])) == {f"run{i}": COLORS[i] for i in range(3)}
    turned = scored(kind, [9.0, 1.0, 3.0])._replace(order=["id2", "id0", "id1"])
    assert hues(turned) == {"run2": COLORS[0], "run0": COLORS[1], "run1": COLORS[2]}
    many = hues(scored(kind, MANY))
    assert len(set(many.values())) == 5
    assert all(hue == COLORS[int(name[3:]) % 7] for name, hue in many.items() if int(name[3:]) < 7)


def test_of_too_many_the_best_alone_are_in_colour() -> None:
    """Two whose places fall together have two colours."""
    assert style.hues([8, 1, 0, 7, 2, 3, 4, 5]) == [*(COLORS[i] for i in (4, 1, 0, 3, 2)), REST, REST, REST]
    assert style.hues([2, 0, 1]) == [COLORS[2], COLORS[0], COLORS[1]]


def test_histograms_of_two_runs_have_the_same_axes() -> None:
    """Both, from end to end."""
    one, other = figure(scored("histogram", [1.0, 9.0])).axes[:2]
    assert (one.get_ylim(), one.get_xlim()) == (other.get_ylim(), other.get_xlim())


def test_a_sum_of_weights_is_called_so() -> None:
    """It is no number of rows."""
    weight = np.random.default_rng(1).uniform(0.1, 0.9, 300)
    said = [text.get_text() for text in figure(scored("roc", [2.0], weight)).findobj(Text)]
    assert any(text.startswith("sum of weights 1") for text in said)
    assert not any(text.startswith("n = ") for text in said)


@pytest.mark.parametrize("kind", ["gain", "lift"])
def test_one_run_has_a_line_for_each_class(kind: str) -> None:
    """The negative one from the least scores on."""
    axes = figure(scored(kind, [2.0])).axes[0]
    said = [text.get_text() for text in axes.get_legend().get_texts()]
    assert said[0].startswith("class 1: ")
    assert said[1] == "class 0, from the least"


@pytest.mark.usefixtures("workdir")
def test_residuals_are_named_whatever_they_were_made_from() -> None:
    """A histogram of residuals that was stored and one that predictions give have one title and one x axis."""
    y = np.random.default_rng(0).normal(size=40)
    with ledger.start("stored") as run:
        run.evaluate(y_true=y, y_pred=y + 1, kind="regression", split="test")
    with ledger.start("computed") as run:
        run.log_predictions(split="test", y_true=y, y_pred=y + 1)
    for name in ("stored", "computed"):
        axes = ledger.open().plot("histogram", name).axes[0]
        assert axes.get_title("left") == f"Residual histogram of {name}, test"
        assert axes.get_xlabel() == "Residual: true minus predicted"


@pytest.mark.usefixtures("workdir")
def test_bands_say_what_they_are_of() -> None:
    """The group, how many runs, and whether from least to greatest or an interval; folds, too."""
    for name, group in (("a", "g1"), ("b", "g1"), ("c", "g2"), ("d", "g2"), ("e", "g2")):
        with ledger.start(name, group=group) as run:
            for step in range(3):
                run.log({"val/loss": 1 / (step + 1), "train/loss": 0.5 / (step + 1)}, step=step)

    def said(*runs: str, **options: Any) -> set[str]:
        drawn = ledger.open().plot("curves", *runs, **options)
        return {text.get_text() for text in drawn.findobj(Text)}

    assert {"g1 (2 runs)", "g2 (3 runs)", "mean of 2 to 3 runs; band: least to greatest"} <= said(band="group")
    assert {"g1, mean of 2 runs; band: 95 % interval of the mean", "train", "val"} <= said(
        "a", "b", band="group", interval="mean"
    )
    with ledger.start("folds") as run:
        for step in range(3):
            for fold in range(4):
                run.log({"val/loss": step + fold}, step=step, context={"fold": fold})
            run.log({"val/loss": step + 1.5}, step=step)
    assert "mean of 4 folds; band: least to greatest" in said("folds")
    axes: Any = ledger.open().plot("curves", "folds").axes[0]
    assert len([line for line in axes.lines if len(line.get_xdata()) == 3]) == 1
    assert len(axes.collections) == 1


@pytest.mark.usefixtures("workdir")
def test_characters_without_a_font_are_said() -> None:
    """Once, with the characters; SVG has them as text, and says nothing."""
    with ledger.start("a\U00013000") as run:  # a hieroglyph
        run.evaluate(y_true=[0, 1, 0, 1], y_score=[0.1, 0.9, 0.4, 0.3], kind="binary", split="test")
    plot = ledger.open().plot_data("roc")
    for form in ("png", "pdf"):
        with pytest.warns(LedgerWarning, match=r"no font here has .*: drawn as boxes; SVG keeps the text") as seen:
            plot.picture(form)
        assert len(seen) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = plot.picture("svg").decode()
    assert "<text" in svg
    assert plot.picture("svg").decode() == svg
    assert "ROC of a\U00013000, test" in svg
