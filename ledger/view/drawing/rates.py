"""Curves of rates over all thresholds: ROC and precision-recall, of runs or of classes; gain and lift of runs."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ledger.table.chart_data import ChartPlot, Series, finite
from ledger.view.drawing import panels, style
from ledger.view.drawing.panels import CHANCE, Line
from ledger.view.drawing.style import GRID, REST, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CLASSES_MOST = 12  # panels, one a class
_NEAR = 0.95  # from here on curves lie in the corner, and it is drawn larger


class _Shape(NamedTuple):
    """How a kind of curve is drawn."""

    what: str
    x: str
    y: str
    x_label: str
    y_label: str
    fact: str
    said: str
    corner: str
    closer: tuple[float, float, float, float]  # where the corner is drawn larger: left, bottom, width, height
    steps: bool


_ROC = _Shape(
    "ROC", "fpr", "tpr", "False positive rate", "True positive rate", "auc", "AUC", "lower right",
    (0.40, 0.36, 0.56, 0.50), False,
)  # fmt: skip
_PR = _Shape(
    "Precision and recall", "recall", "precision", "Recall", "Precision", "average_precision", "average precision",
    "lower left", (0.09, 0.36, 0.56, 0.50), True,
)  # fmt: skip


def roc(data: ChartPlot) -> "Figure":
    """Return the figure of ROC curves, with the area under each."""
    return _rates(data, _ROC)


def pr(data: ChartPlot) -> "Figure":
    """Return the figure of precision against recall, with the average precision of each."""
    return _rates(data, _PR)


def of_classes(data: ChartPlot) -> bool:
    """Say whether the charts have a curve for each class."""
    return any("class" in one.columns for one in data.series)


def lines_of(data: ChartPlot, kind: str) -> list[Line]:
    """Return the curves of a kind (roc, pr), the best first: of runs or, of one run with many classes, of classes."""
    shape = {"roc": _ROC, "pr": _PR}[kind]
    if of_classes(data):
        (one, *others) = data.series
        if not others:
            return panels.ranked(_by_class(one, shape, data.asked.classes))
        return panels.ranked(
            [
                line._replace(text=f"{name}, {line.text}")
                for one, name in zip(data.series, panels.run_names(data.series), strict=True)
                for line in _by_class(one, shape, data.asked.classes)
            ]
        )
    names = panels.run_names(data.series)
    return panels.ranked([_line(one, shape, name) for one, name in zip(data.series, names, strict=True)])


def _line(one: Series, shape: _Shape, name: str) -> Line:
    return Line(name, one.fact(shape.fact), panels.column(one, shape.x), panels.column(one, shape.y))


def _by_class(one: Series, shape: _Shape, wanted: Sequence[str] = ()) -> list[Line]:
    """Return a curve for each class of a run, in the order of its labels."""
    held = np.array([str(label) for label in np.asarray(one.columns["class"]).tolist()], dtype=object)
    found = one.facts.get(shape.fact)
    known = list(found) if isinstance(found, list | tuple) else []
    lines = []
    for i, label in enumerate(one.labels):
        here = held == str(label)
        if here.any() and (not wanted or str(label) in wanted):
            value = finite(known[i]) if i < len(known) else None
            text = panels.class_name(label)
            lines.append(Line(text, value, panels.column(one, shape.x)[here], panels.column(one, shape.y)[here]))
    return lines


def _rates(data: ChartPlot, shape: _Shape) -> "Figure":
    if of_classes(data) and len(data.series) > 1:
        return _class_panels(data, shape)
    figure, (axes,) = panels.panels(1, 4.5, 4.6)
    classes = of_classes(data)
    lines = _by_class(data.series[0], shape, data.asked.classes) if classes else lines_of(data, data.kind)
    if classes and len(lines) > len(style.COLORS):
        lines = panels.ranked(lines, smaller=True)  # the ones in colour are those where it goes wrong
    hues = panels.colors(len(lines))
    panels.unit(axes, shape.x_label, shape.y_label)
    _chance(axes, shape, data)
    _draw(axes, lines, hues, shape)
    interval = data.series[0].facts.get("auc_interval") if len(lines) == 1 and not classes else None
    entries = _entries(lines, hues, shape, interval)
    coloured = sum(hue != REST for hue in hues)
    what = (
        f"other classes, {'higher' if classes else 'lower'} {shape.said}" if classes else "others, lower " + shape.said
    )
    entries += panels.more(len(lines), what, coloured)
    panels.listed(axes, entries, shape.corner, heading=None if len(lines) == 1 else shape.said)
    _closer(axes, lines, hues, shape)
    panels.head(axes, data, shape.what)
    return figure


def _draw(axes: "Axes", lines: Sequence[Line], hues: Sequence[str], shape: _Shape, **how: Any) -> None:
    for line, hue in reversed(list(zip(lines, hues, strict=True))):  # the best on top
        if shape.steps:
            # Of several precisions at one recall the first counts for the average, and the last ends the curve.
            kept = np.concatenate([[True], np.diff(line.x) != 0]) if len(line.x) else np.array([], dtype=bool)
            kept[-1:] = True
            line = line._replace(x=line.x[kept], y=line.y[kept])
            panels.curve(axes, line, hue, drawstyle="steps-pre", **how)
        else:
            panels.curve(axes, line, hue, **how)


def _entries(
    lines: Sequence[Line], hues: Sequence[str], shape: _Shape, interval: Any = None
) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    for line, hue, value in zip(lines, hues, panels.values(lines), strict=True):
        if hue != REST:
            text = f"{value}  {line.text}" if len(lines) > 1 else f"{shape.said} {value}"
            found.append((text, {"color": hue}))
    if isinstance(interval, list | tuple) and len(interval) == 2 and all(finite(end) is not None for end in interval):
        text, look = found[0]
        found[0] = (f"{text}\n95 %: {interval[0]:.3f} to {interval[1]:.3f}", look)
    return found


def _chance(axes: "Axes", shape: _Shape, data: ChartPlot) -> None:
    """Draw what guessing gives: the diagonal of a ROC, the share of positives for precision."""
    if shape is _ROC:
        axes.plot([0, 1], [0, 1], **CHANCE)
        return
    shares = {round(share, 6) for one in data.series if (share := one.fact("prevalence")) is not None}
    if len(shares) == 1:
        axes.plot([0, 1], [shares.copy().pop()] * 2, **CHANCE)


def _closer(axes: "Axes", lines: Sequence[Line], hues: Sequence[str], shape: _Shape) -> None:
    """Draw the corner larger where all curves lie in it."""
    known = [line.value for line in lines if line.value is not None]
    if not known or float(np.median(known)) < _NEAR:
        return
    wide = 0.1 if min(known) > 0.985 else 0.2
    small = axes.inset_axes(shape.closer, zorder=7)
    small.set_facecolor("white")
    _draw(small, lines, hues, shape)
    left = 0.0 if shape is _ROC else 1 - wide
    room = 0.015 * wide
    small.set_xlim(left - room, left + wide + room)
    small.set_ylim(1 - wide - room, 1 + room)
    small.set_xticks([left, left + wide / 2, left + wide])
    small.set_yticks([1 - wide, 1 - wide / 2, 1.0])
    small.tick_params(labelsize=7, length=2)
    for text in [*small.get_xticklabels(), *small.get_yticklabels()]:
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.6})
    small.grid(color=GRID, linewidth=0.5)
    for side in ("top", "right"):
        small.spines[side].set_visible(True)
    for spine in small.spines.values():
        spine.set(color=REST, linewidth=0.8)
    axes.indicate_inset_zoom(small, edgecolor=SOFT, linewidth=0.6, alpha=0.7)


def _class_panels(data: ChartPlot, shape: _Shape) -> "Figure":
    """Draw a panel for each class, the runs overlaid: of many classes those where the runs do worst."""
    order_of = sorted(data.series, key=lambda one: -_mean(one, shape))
    names = panels.run_names(order_of)
    found: dict[str, list[tuple[int, Line]]] = {}
    for i, (one, name) in enumerate(zip(order_of, names, strict=True)):
        for line in _by_class(one, shape, data.asked.classes):
            found.setdefault(line.text, []).append((i, line._replace(text=name)))
    order = list(found)
    if len(order) > _CLASSES_MOST:
        worst = sorted(order, key=lambda text: min(line.value or 0.0 for _, line in found[text]))[:_CLASSES_MOST]
        order = [text for text in order if text in worst]
    figure, grid = panels.panels(len(order), 2.6, 2.75, across=4)
    hues = panels.colors(len(data.series))
    digits = dict(
        zip(
            order,
            _in_groups(
                panels.values([line for text in order for _, line in found[text]]), [len(found[text]) for text in order]
            ),
            strict=True,
        )
    )
    near = min((line.value or 0.0 for text in order for _, line in found[text]), default=0.0) >= _NEAR
    for axes, text in zip(grid, order, strict=True):
        lines = [line for _, line in found[text]]
        mine = [hues[i] for i, _ in found[text]]
        panels.unit(axes, shape.x_label, shape.y_label)
        low, left = (0.8, 0.0 if shape is _ROC else 0.8) if near else (0.0, 0.0)  # the corner alone, or all
        wide = 1 - low
        axes.set_xlim(left - 0.015 * wide, left + wide * 1.015)
        axes.set_ylim(low - 0.015 * wide, 1 + 0.015 * wide)
        axes.set_xticks([left, left + wide / 2, left + wide])
        axes.set_yticks([low, low + wide / 2, 1.0])
        _chance(axes, shape, data)
        _draw(axes, lines, mine, shape)
        entries = [(value, {"color": hue}) for value, hue in zip(digits[text], mine, strict=True) if hue != REST]
        panels.listed(axes, entries, shape.corner, heading=shape.said, fontsize=8)
        axes.set_title(text)
        axes.label_outer()
    said = f"{len(order)} of {len(found)} classes" if len(order) < len(found) else ""
    _above(figure, data, names, hues, shape, said)
    return figure


def _mean(one: Series, shape: _Shape) -> float:
    """Return the mean value of the classes of a run, 0 without any."""
    known = [line.value for line in _by_class(one, shape) if line.value is not None]
    return sum(known) / len(known) if known else 0.0


def _in_groups(texts: Sequence[str], sizes: Sequence[int]) -> list[list[str]]:
    """Return texts in groups of these sizes."""
    left = iter(texts)
    return [[next(left) for _ in range(size)] for size in sizes]


def _above(
    figure: "Figure", data: ChartPlot, names: Sequence[str], hues: Sequence[str], shape: _Shape, said: str
) -> None:
    entries: list[tuple[str, dict[str, Any]]] = [
        (name, {"color": hue}) for name, hue in zip(names, hues, strict=True) if hue != REST
    ]
    entries += panels.more(len(names), "others", len(entries))
    if said:
        entries.append((f"({said}, where the runs do worst)", {"linewidth": 0}))
    panels.above(figure, data, shape.what, entries)


def gain(data: ChartPlot) -> "Figure":
    """Return the figure of the share of positives found in the rows of the greatest scores."""
    figure, (axes,) = panels.panels(1, 4.5, 4.6)
    panels.unit(axes, "Share of rows, greatest scores first", "Share of the class found")
    axes.plot([0, 1], [0, 1], **CHANCE)
    lines = lines_at(data, "gain", 0.2)
    hues = panels.colors(len(lines))
    entries = _at_entries(lines, hues)
    if len(data.series) == 1:
        one = data.series[0]
        low, high = [panels.class_name(label) for label in one.labels] if len(one.labels) == 2 else ("rest", "positive")
        below = Line(low, None, panels.column(one, "share_negative"), panels.column(one, "gain_negative"))
        axes.set_xlabel("Share of rows: greatest scores first, or least")
        panels.curve(axes, below, style.COLORS[1])
        entries = [(f"{high}: {entries[0][0]}", entries[0][1]), (f"{low}, from the least", {"color": style.COLORS[1]})]
    for line, hue in reversed(list(zip(lines, hues, strict=True))):
        panels.curve(axes, line, hue)
    entries += panels.more(len(lines), "others, lower", sum(hue != REST for hue in hues))
    heading = "found in the first 20 % of rows" if len(lines) > 1 else None
    panels.listed(axes, [*entries, *_best_gain(axes, data)], "lower right", heading=heading)
    panels.head(axes, data, "Cumulative gain")
    return figure


def _best_gain(axes: "Axes", data: ChartPlot) -> list[tuple[str, dict[str, Any]]]:
    """Draw what perfect scores would give, where all runs have the same share of positives."""
    shares = set()
    for one in data.series:
        positive, negative = one.fact("positive"), one.fact("negative")
        shares.add(None if not positive or negative is None else positive / (positive + negative))
    share = shares.pop() if len(shares) == 1 else None
    if share is None:
        return []
    look: dict[str, Any] = {"color": SOFT, "linewidth": 0.9, "linestyle": (0, (1, 1.5))}
    axes.plot([0, share, 1], [0, 1, 1], zorder=1.5, **look)
    return [("perfect scores", look)]


def lift(data: ChartPlot) -> "Figure":
    """Return the figure of how many times more positives than by chance stand in the rows of the greatest scores."""
    figure, (axes,) = panels.panels(1, 5.2, 4.0)
    lines = lines_at(data, "lift", 0.2)
    hues = panels.colors(len(lines))
    for line, hue in reversed(list(zip(lines, hues, strict=True))):
        panels.curve(axes, line, hue)
    axes.axhline(1.0, **CHANCE)
    axes.set_xlim(-0.015, 1.015)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_xlabel("Share of rows, greatest scores first")
    axes.set_ylabel("Lift: times better than chance")
    top = max((float(np.nanmax(line.y)) for line in lines if np.isfinite(line.y).any()), default=1.0)
    axes.set_ylim(0, max(1.1, top * 1.08))
    entries = _at_entries(lines, hues, share=False)
    entries += panels.more(len(lines), "others, lower", sum(hue != REST for hue in hues))
    panels.listed(axes, entries, "upper right", heading="lift in the first 20 % of rows" if len(lines) > 1 else None)
    panels.head(axes, data, "Lift")
    return figure


def lines_at(data: ChartPlot, name: str, share: float) -> list[Line]:
    """Return a line a run, its value that at a share of the rows; the best first."""
    lines = []
    for one, text in zip(data.series, panels.run_names(data.series), strict=True):
        x, y = panels.column(one, "share"), panels.column(one, name)
        value = float(np.interp(share, x, y)) if len(x) else None
        lines.append(Line(text, finite(value), x, y))
    return panels.ranked(lines)


def _at_entries(lines: Sequence[Line], hues: Sequence[str], *, share: bool = True) -> list[tuple[str, dict[str, Any]]]:
    written: Callable[[float], str] = (lambda v: f"{v:.1%}".replace("%", " %")) if share else (lambda v: f"{v:.2f}")
    found: list[tuple[str, dict[str, Any]]] = []
    for line, hue in zip(lines, hues, strict=True):
        if hue != REST:
            value = "undefined" if line.value is None else written(line.value)
            alone = f"{value} found in the first 20 %" if share else f"{value} in the first 20 % of rows"
            found.append((f"{value}  {line.text}" if len(lines) > 1 else alone, {"color": hue}))
    return found
