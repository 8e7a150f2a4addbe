"""Curves of rates over all thresholds: ROC and precision-recall, of runs or of classes; gain and lift of runs."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ledger.table.chart_data import ChartPlot, Series, finite
from ledger.view.drawing import labels, panels, style
from ledger.view.drawing.panels import CHANCE, Line
from ledger.view.drawing.style import GRID, REST, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CLASSES_MOST = 12  # panels, one a class
_PANEL_CORNERS = ("lower right", "lower left", "center", "center right", "upper right", "center left")
_FAR = 0.85  # below, a curve does not lie there at all
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
    corners: tuple[str, ...]  # for the list of curves
    closer: tuple[tuple[float, float, float, float], ...]  # for the larger corner: left, bottom, width, height
    steps: bool


_ROC = _Shape(
    "ROC", "fpr", "tpr", "False positive rate", "True positive rate", "auc", "AUC", ("lower right",),
    ((0.59, 0.08, 0.39, 0.39),), False,
)  # fmt: skip
_PR = _Shape(
    "Precision and recall", "recall", "precision", "Recall", "Precision", "average_precision", "average precision",
    ("lower left", "upper right"), ((0.10, 0.42, 0.50, 0.45), (0.10, 0.58, 0.50, 0.34), (0.10, 0.09, 0.50, 0.36)), True,
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
    found = zip(data.series, panels.run_names(data.series), panels.places(data), strict=True)
    return panels.ranked(
        [
            Line(name, one.fact(shape.fact), panels.column(one, shape.x), panels.column(one, shape.y), place)
            for one, name, place in found
        ]
    )


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
            lines.append(Line(text, value, panels.column(one, shape.x)[here], panels.column(one, shape.y)[here], i))
    return lines


def _rates(data: ChartPlot, shape: _Shape) -> "Figure":
    if of_classes(data) and len(data.series) > 1:
        return _class_panels(data, shape)
    figure, (axes,) = panels.panels(1, 4.5, 4.6)
    classes = of_classes(data)
    lines = _by_class(data.series[0], shape, data.asked.classes) if classes else lines_of(data, data.kind)
    if classes and len(lines) > len(style.COLORS):
        lines = panels.ranked(lines, smaller=True)  # the ones in colour are those where it goes wrong
    hues = panels.colors(lines, data)
    panels.unit(axes, shape.x_label, shape.y_label)
    _chance(axes, shape, data)
    _draw(axes, lines, hues, shape)
    interval = data.series[0].facts.get("auc_interval") if len(lines) == 1 and not classes else None
    entries = _entries(lines, hues, shape, interval)
    coloured = sum(hue != REST for hue in hues)
    what = (
        f"other classes, {'higher' if classes else 'lower'} {shape.said}" if classes else "others, lower " + shape.said
    )
    if data.of is not None and hues.count(REST) == len(hues) - 1:
        folds = panels.values([line for line, hue in zip(lines, hues, strict=True) if hue == REST])
        what = f"folds, {folds[-1]} to {folds[0]}"
    entries += panels.more(len(lines), what, coloured)
    panels.head(axes, data, shape.what)
    _closer(axes, lines, hues, shape)
    panels.listed(axes, entries, shape.corners, heading=None if len(lines) == 1 else shape.said)
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
    """Draw the corner larger where most curves lie in it, none is far from it, and there is room that none needs."""
    known = [line.value for line in lines if line.value is not None]
    figure: Any = axes.figure
    if not known or float(np.median(known)) < _NEAR or min(known) < _FAR:
        return
    for place in shape.closer:
        small = axes.inset_axes(place, zorder=7)
        _corner(small, lines, hues, shape, 0.1 if min(known) > 0.985 else 0.2)
        figure.draw_without_rendering()
        if labels.is_free(axes, small.get_tightbbox(), own=small):
            axes.indicate_inset_zoom(small, edgecolor=SOFT, linewidth=0.6, alpha=0.7)
            return
        small.remove()


def _corner(small: "Axes", lines: Sequence[Line], hues: Sequence[str], shape: _Shape, wide: float) -> None:
    small.set_facecolor("white")
    _draw(small, lines, hues, shape)
    left = 0.0 if shape is _ROC else 1 - wide
    room = 0.015 * wide
    small.set_xlim(left - room, left + wide + room)
    small.set_ylim(1 - wide - room, 1 + room)
    small.set_xticks([left, left + wide / 2, left + wide])
    small.set_yticks([1 - wide, 1 - wide / 2, 1.0])
    small.tick_params(labelsize=7, length=2)
    small.grid(color=GRID, linewidth=0.5)
    for side in ("top", "right"):
        small.spines[side].set_visible(True)
    for spine in small.spines.values():
        spine.set(color=REST, linewidth=0.8)


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
    places = dict(zip([one.run for one in data.series], panels.places(data), strict=True))
    hues = style.hues([places[one.run] for one in order_of])
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
    listed: list[tuple[Axes, list[tuple[str, dict[str, Any]]]]] = []
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
        axes.set_title(text)
        axes.label_outer()
        listed.append((axes, entries))
    said = f"{len(order)} of {len(found)} classes" if len(order) < len(found) else ""
    _above(figure, data, names, hues, shape, said)
    figure.draw_without_rendering()
    for axes, entries in listed:
        panels.listed(axes, entries, _PANEL_CORNERS, heading=shape.said, alone=False, fontsize=8)
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
    hues = panels.colors(lines)
    hues, entries = _both(axes, data, "gain", hues, _at_entries(lines, hues))
    for line, hue in reversed(list(zip(lines, hues, strict=True))):
        panels.curve(axes, line, hue)
    entries += panels.more(len(lines), "others, lower", sum(hue != REST for hue in hues))
    heading = "found in the first 20 % of rows" if len(lines) > 1 else None
    entries += _best_gain(axes, data)
    panels.head(axes, data, "Cumulative gain")
    panels.listed(axes, entries, ("lower right",), heading=heading)
    return figure


def _both(
    axes: "Axes", data: ChartPlot, name: str, hues: list[str], entries: list[tuple[str, dict[str, Any]]]
) -> tuple[list[str], list[tuple[str, dict[str, Any]]]]:
    """Draw the other class of one run, too, from its least scores on, where it is known, in the colours of classes."""
    one = data.series[0]
    if len(data.series) > 1 or f"{name}_negative" not in one.columns:
        return hues, entries
    low, high = [panels.class_name(label) for label in one.labels] if len(one.labels) == 2 else ("rest", "positive")
    below = Line(low, None, panels.column(one, "share_negative"), panels.column(one, f"{name}_negative"))
    axes.set_xlabel("Share of rows: greatest scores first, or least")
    panels.curve(axes, below, style.COLORS[0])
    (said, look) = entries[0]
    entries = [
        (f"{high}: {said}", look | {"color": style.COLORS[1]}),
        (f"{low}, from the least", {"color": style.COLORS[0]}),
    ]
    return [style.COLORS[1]], entries


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
    hues = panels.colors(lines)
    axes.set_xlabel("Share of rows, greatest scores first")
    hues, entries = _both(axes, data, "lift", hues, _at_entries(lines, hues, share=False))
    for line, hue in reversed(list(zip(lines, hues, strict=True))):
        panels.curve(axes, line, hue)
    axes.axhline(1.0, **CHANCE)
    axes.set_xlim(-0.015, 1.015)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_ylabel("Lift: times better than chance")
    drawn: list[Any] = [line.get_ydata() for line in axes.lines]
    top = max((float(np.nanmax(y)) for y in drawn if np.isfinite(y).any()), default=1.0)
    axes.set_ylim(0, max(1.1, top * 1.08))
    entries += panels.more(len(lines), "others, lower", sum(hue != REST for hue in hues))
    panels.head(axes, data, "Lift")
    heading = "lift in the first 20 % of rows" if len(lines) > 1 else None
    panels.listed(axes, entries, ("upper right", "lower left", "lower right"), heading=heading)
    return figure


def lines_at(data: ChartPlot, name: str, share: float) -> list[Line]:
    """Return a line a run, its value that at a share of the rows; the best first."""
    lines = []
    for one, text, place in zip(data.series, panels.run_names(data.series), panels.places(data), strict=True):
        x, y = panels.column(one, "share"), panels.column(one, name)
        value = float(np.interp(share, x, y)) if len(x) else None
        lines.append(Line(text, finite(value), x, y, place))
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
