"""The boomerang: a line per model through its splits; the ends are marked, the best one named, the limits shaded.

With panels, each has the models of one group in colour, and all others in grey behind them.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ledger.table.boomerang import Axis, Boomerang, Model, Panel, Point, spelled
from ledger.view.drawing import labels, style
from ledger.view.drawing.labels import Label
from ledger.view.drawing.style import COLORS, REST, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Marker, size in points and whether it is filled, along the way: it grows towards the last one, and fills.
_MARKS: dict[str, tuple[str, float, bool]] = {
    "train": ("o", 4.5, False),
    "val": ("s", 5.0, False),
    "test": ("D", 6.0, True),
    "prod": ("^", 7.0, True),
}
_SINGLE_MOST = 60  # models in grey that have a line and a tooltip each
_TOP = 5  # models that are in colour where there are too many
_FAILED: dict[str, Any] = {"color": "#d4d4d4", "linewidth": 0.9, "linestyle": (0, (1.2, 1.8))}  # beyond a limit
_BAR: dict[str, Any] = {"linewidth": 1.0, "alpha": 0.45, "solid_capstyle": "butt"}
_SMALL = 0.8  # of the size of a mark, in panels


def draw(data: Boomerang) -> "Figure":
    """Return the figure of a boomerang; call it within `style.applied()`."""
    if data.panels:
        return _panels(data)
    figure = style.figure(6.6, 4.6)
    axes = figure.subplots()
    colors = _colors([model.run for model in data.models], data.best)
    _models(axes, data, colors, data.best)
    axes.set_xlabel(style.heading(data.x.metric, data.x.goal))
    axes.set_ylabel(style.heading(data.y.metric, data.y.goal))
    _better(axes, data)
    figure.align_labels()
    _keys(figure, data, len(data.models) - len(colors), "more models")
    figure.draw_without_rendering()  # where lines are depends on all that stands around the axes
    _name(axes, data.models, colors, data.best)
    return figure


def _panels(data: Boomerang) -> "Figure":
    """Return a figure with a panel for each group: its models in colour and named, the others grey behind."""
    rows, columns = style.grid(len(data.panels))
    figure = style.figure(3.3 * columns + 0.4, 2.75 * rows + 0.5)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    shown = {model.run: model for model in data.models}
    drawn = []
    for axes, panel in zip(grid.flat, data.panels, strict=False):
        colors = _colors(panel.runs, panel.best)
        _models(axes, data, colors, panel.best)
        _title(axes, data, panel)
        drawn.append((axes, [shown[run] for run in panel.runs], colors, panel.best))
    for axes in list(grid.flat)[len(data.panels) :]:
        axes.axis("off")
    for place, axes in enumerate(grid.flat):
        if place + columns >= len(data.panels):  # the lowest of its column
            axes.tick_params(labelbottom=True)
            axes.set_xlabel(style.heading(data.x.metric, data.x.goal))
        if place % columns == 0:
            axes.set_ylabel(style.heading(data.y.metric, data.y.goal))
    _better(list(grid.flat)[min(columns, len(data.panels)) - 1], data)
    figure.align_labels()
    _keys(figure, data, 1, "other models")
    figure.draw_without_rendering()
    for axes, models, colors, best in drawn:
        _name(axes, models, colors, best)
    return figure


def _title(axes: "Axes", data: Boomerang, panel: Panel) -> None:
    text = spelled(panel.value)
    axes.set_title(style.name(text if isinstance(panel.value, str) else f"{data.by} = {text}", 34))


def _colors(runs: Sequence[str], best: str | None) -> dict[str, str]:
    """Return the colours of models, the best of their worst splits first; the one that generalizes best has one."""
    colors = style.colors(runs, top=_TOP)
    if best is not None and best not in colors:
        colors[best] = COLORS[_TOP]
    return colors


def _models(axes: "Axes", data: Boomerang, colors: dict[str, str], best: str | None) -> None:
    """Draw the models: those that have a colour over those that are grey, and these over those that fail a limit."""
    if data.removed:
        _crowd(axes, data.removed, _FAILED, 1.0, order=2)
    crowd = [model for model in data.models if model.run not in colors]
    models = data.models
    if crowd and (data.panels or len(crowd) > _SINGLE_MOST):
        pale = max(0.1, min(0.6, 30 / len(crowd)))
        _crowd(axes, crowd, {"color": REST, "linewidth": 0.7}, pale, order=3)
        models = [model for model in models if model.run in colors]
    for model in reversed(models):  # the best on top
        _line(axes, model, colors.get(model.run), _SMALL if data.panels else 1.0, best=model.run == best)
    _limits(axes, data)


def _line(axes: "Axes", model: Model, color: str | None, scale: float, *, best: bool) -> None:
    points = _finite(model.points)
    hue, order = color or REST, 3 if color is None else 6 if best else 5
    wide = 0.8 if color is None else 2.6 * scale if best else 1.5 * scale
    if color is not None:
        _bars(axes, model, hue)
    drawn = axes.plot(
        [point.x for point in points], [point.y for point in points], color=hue, linewidth=wide, zorder=order,
        alpha=0.6 if color is None else 1.0, solid_joinstyle="round",
    )  # fmt: skip
    style.tooltip(drawn[0], _said(model))
    for point in points:
        kind, size, filled = _MARKS.get(point.split, _MARKS["prod"])
        size *= 0.6 if color is None else 1.25 * scale if best else scale
        dot = axes.plot(
            point.x, point.y, kind, markersize=size, markerfacecolor=hue if filled else "white", markeredgecolor=hue,
            markeredgewidth=0.7 if color is None else 1.4, zorder=order + 0.5, alpha=0.8 if color is None else 1.0,
        )  # fmt: skip
        style.tooltip(dot[0], f"{model.name}, {point.split}: {style.plain(point.x)}, {style.plain(point.y)}")


def _bars(axes: "Axes", model: Model, color: str) -> None:
    """Draw how far the folds of each split are apart: from the least to the greatest, through their mean, both ways."""
    for point in _finite(model.points):
        folds = [fold for fold in _finite(model.folds) if fold.split == point.split]
        if len(folds) > 1:
            xs, ys = [fold.x for fold in folds], [fold.y for fold in folds]
            across = axes.plot([min(xs), max(xs)], [point.y, point.y], color=color, zorder=4, **_BAR)
            up = axes.plot([point.x, point.x], [min(ys), max(ys)], color=color, zorder=4, **_BAR)
            for bar, values in ((across[0], xs), (up[0], ys)):
                ends = f"{style.plain(min(values))} to {style.plain(max(values))}"
                style.tooltip(bar, f"{model.name}, {point.split}: {ends} over {len(folds)} folds")


def _crowd(axes: "Axes", models: Sequence[Model], look: dict[str, Any], alpha: float, order: float) -> None:
    """Draw many models in grey as one line with gaps, and the points of each split at once."""
    gap = (math.nan, math.nan)
    path = [place for model in models for place in [*((p.x, p.y) for p in _finite(model.points)), gap]]
    axes.plot(*zip(*path, strict=True), alpha=alpha, zorder=order, **look)
    hue = look["color"]
    for split, (kind, size, filled) in _MARKS.items():
        places = [(p.x, p.y) for model in models for p in _finite(model.points) if p.split == split]
        if places:
            axes.plot(
                *zip(*places, strict=True), kind, markersize=size * 0.5, markerfacecolor=hue if filled else "white",
                markeredgecolor=hue, markeredgewidth=0.6, alpha=min(1.0, 1.6 * alpha), zorder=order + 0.5,
            )  # fmt: skip


def _finite(points: Sequence[Point]) -> list[Point]:
    return [point for point in points if math.isfinite(point.x) and math.isfinite(point.y)]


def _said(model: Model) -> str:
    found = model.generalization
    index = "" if found is None else f", generalization {style.plain(found.value)}"
    return f"{model.name}{index}"


def _limits(axes: "Axes", data: Boomerang) -> None:
    """Draw the limits as lines, the failing side shaded, and keep the models that are kept in view."""
    points = [point for model in data.models for point in [*model.points, *model.folds]]
    for axis, values, set_limits in (
        (data.x, [point.x for point in points], axes.set_xlim),
        (data.y, [point.y for point in points], axes.set_ylim),
    ):
        values += [] if axis.limit is None else [axis.limit]
        shown = style.padded(values, 0.08)
        if axis is data.x and data.log_x:
            style.log_scale(axes, "x", values)
        elif shown is not None:
            set_limits(*shown)
    for axis, line, span, limits in (
        (data.x, axes.axvline, axes.axvspan, axes.get_xlim()),
        (data.y, axes.axhline, axes.axhspan, axes.get_ylim()),
    ):
        if axis.limit is not None:
            line(axis.limit, color=SOFT, linewidth=1, linestyle=(0, (4, 3)), zorder=1.5)
            span(axis.limit, limits[1] if axis.goal == "minimize" else limits[0], color="0.5", alpha=0.10, linewidth=0)


def _better(axes: "Axes", data: Boomerang) -> None:
    """Say in which corner both metrics are best, outside where nothing is drawn."""
    arrows = {"minimize": {"maximize": "↖", "minimize": "↙"}, "maximize": {"maximize": "↗", "minimize": "↘"}}
    text = f"better {arrows[data.x.goal][data.y.goal]}"
    look: dict[str, Any] = {"fontsize": 8.5, "fontweight": "normal", "color": SOFT, "pad": 8 if data.panels else 4}
    axes.set_title(text, loc="right", **look)
    if data.caption and not data.panels:
        axes.set_title(style.name(data.caption, 70), loc="left", **look)


def _name(axes: "Axes", models: Sequence[Model], colors: dict[str, str], best: str | None) -> None:
    """Write the names of the models in colour beside their last points."""
    texts = style.names({model.run: model.name for model in models})
    lines = [[(point.x, point.y) for point in _finite(model.points)] for model in models if model.run in colors]
    ends = [(model, points[-1]) for model in models if model.run in colors and (points := _finite(model.points))]
    ends.sort(key=lambda end: end[0].run != best)
    named = [
        Label(("★ " if model.run == best else "") + texts[model.run], end.x, end.y, colors[model.run])
        for model, end in ends
    ]
    labels.beside(axes, named, [place for line in lines for place in line] * 4, lines, settled=True)


def _keys(figure: "Figure", data: Boomerang, rest: int, what: str) -> None:
    splits = sorted(
        {point.split for model in data.models for point in model.points},
        key=lambda split: list(_MARKS).index(split) if split in _MARKS else len(_MARKS),
    )
    entries: list[tuple[str, dict[str, Any]]] = []
    for split in splits:
        kind, size, filled = _MARKS.get(split, _MARKS["prod"])
        look = {"marker": kind, "markersize": size, "markerfacecolor": SOFT if filled else "white"}
        entries.append((split, look | {"color": SOFT, "linewidth": 1.2, "markeredgecolor": SOFT}))
    if any(model.folds for model in data.models):
        cross = {"marker": "+", "markersize": 11, "markeredgewidth": 1.0, "linewidth": 0, "alpha": 0.6}
        entries.append(("range of folds", cross | {"color": SOFT}))
    if rest > 0:
        grey = {"color": REST, "linewidth": 1, "marker": "D", "markersize": 3.5}
        entries.append((what if data.panels else f"{rest} {what}", grey))
    if data.removed:
        entries.append((f"{len(data.removed)} left out", _FAILED | {"marker": "D", "markersize": 3, "linewidth": 1.2}))
    dashed = {"color": SOFT, "linewidth": 1, "linestyle": (0, (4, 3))}
    entries += [(_limit(axis), dashed) for axis in (data.x, data.y) if axis.limit is not None]
    labels.keys(figure, entries)


def _limit(axis: Axis) -> str:
    sign = "≤" if axis.goal == "minimize" else "≥"
    return f"{style.name(axis.metric)} {sign} {style.plain(axis.limit or 0.0)}"
