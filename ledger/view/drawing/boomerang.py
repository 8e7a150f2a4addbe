"""The boomerang: a line per model through its splits; the ends are marked, the best one named, the limits shaded."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ledger.table.boomerang import Axis, Boomerang, Model, Point
from ledger.view.drawing import labels, style
from ledger.view.drawing.labels import Label
from ledger.view.drawing.style import REST, SOFT

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


def draw(data: Boomerang) -> "Figure":
    """Return the figure of a boomerang; call it within `style.applied()`."""
    models = data.models
    figure = style.figure(6.6, 4.6)
    axes = figure.subplots()
    colors = style.colors([model.run for model in models], top=_TOP)
    if data.best is not None and data.best not in colors:
        colors[data.best] = style.COLORS[_TOP]
    crowd = [model for model in models if model.run not in colors]
    if len(crowd) > _SINGLE_MOST:
        _crowd(axes, crowd)
        models = [model for model in models if model.run in colors]
    for model in reversed(models):  # the best on top
        _line(axes, model, colors.get(model.run), best=model.run == data.best)
    _limits(axes, data)
    axes.set_xlabel(style.heading(data.x.metric, data.x.goal))
    axes.set_ylabel(style.heading(data.y.metric, data.y.goal))
    _better(axes, data)
    _name(axes, data, colors)
    figure.align_labels()
    _keys(figure, data, colors)
    return figure


def _line(axes: "Axes", model: Model, color: str | None, *, best: bool) -> None:
    points = _finite(model.points)
    hue, order = color or REST, 3 if color is None else 6 if best else 5
    wide = 0.8 if color is None else 2.6 if best else 1.5
    for point in _finite(model.folds) if color is not None else []:
        mark = _MARKS.get(point.split, _MARKS["prod"])
        axes.plot(point.x, point.y, mark[0], markersize=3.5, color=hue, alpha=0.45, markeredgewidth=0, zorder=2)
    drawn = axes.plot(
        [point.x for point in points], [point.y for point in points], color=hue, linewidth=wide, zorder=order,
        alpha=0.6 if color is None else 1.0, solid_joinstyle="round",
    )  # fmt: skip
    style.tooltip(drawn[0], _said(model))
    for point in points:
        kind, size, filled = _MARKS.get(point.split, _MARKS["prod"])
        size = size * (0.6 if color is None else 1.25 if best else 1.0)
        dot = axes.plot(
            point.x, point.y, kind, markersize=size, markerfacecolor=hue if filled else "white", markeredgecolor=hue,
            markeredgewidth=0.7 if color is None else 1.4, zorder=order + 0.5, alpha=0.8 if color is None else 1.0,
        )  # fmt: skip
        style.tooltip(dot[0], f"{model.name}, {point.split}: {style.plain(point.x)}, {style.plain(point.y)}")


def _crowd(axes: "Axes", models: Sequence[Model]) -> None:
    """Draw many models in grey as one line with gaps, and the points of each split at once."""
    pale = max(0.1, min(0.6, 30 / len(models)))
    gap = (math.nan, math.nan)
    path = [place for model in models for place in [*((p.x, p.y) for p in _finite(model.points)), gap]]
    axes.plot(*zip(*path, strict=True), color=REST, linewidth=0.7, alpha=pale, zorder=3)
    for split, (kind, size, filled) in _MARKS.items():
        places = [(p.x, p.y) for model in models for p in _finite(model.points) if p.split == split]
        if places:
            axes.plot(
                *zip(*places, strict=True), kind, markersize=size * 0.5, markerfacecolor=REST if filled else "white",
                markeredgecolor=REST, markeredgewidth=0.6, alpha=min(1.0, 1.6 * pale), zorder=3.5,
            )  # fmt: skip


def _finite(points: Sequence[Point]) -> list[Point]:
    return [point for point in points if math.isfinite(point.x) and math.isfinite(point.y)]


def _said(model: Model) -> str:
    found = model.generalization
    index = "" if found is None else f", generalization {style.plain(found.value)}"
    return f"{model.name}{index}"


def _limits(axes: "Axes", data: Boomerang) -> None:
    """Draw the limits as lines, the failing side shaded, and keep what is drawn in view."""
    points = [point for model in data.models for point in [*model.points, *model.folds]]
    for axis, values, set_limits in (
        (data.x, [point.x for point in points], axes.set_xlim),
        (data.y, [point.y for point in points], axes.set_ylim),
    ):
        shown = style.padded([*values, *([] if axis.limit is None else [axis.limit])], 0.08)
        if shown is not None:
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
    look: dict[str, Any] = {"fontsize": 8.5, "fontweight": "normal", "color": SOFT, "pad": 4}
    axes.set_title(text, loc="right", **look)
    if data.removed:
        axes.set_title(style.name(data.said, 70), loc="left", **look)


def _name(axes: "Axes", data: Boomerang, colors: dict[str, str]) -> None:
    """Write the names of the models in colour beside their last points, and of the splits along the best one."""
    texts = style.names({model.run: model.name for model in data.models})
    ends, avoid = [], []
    for model in data.models:
        points = _finite(model.points)
        if model.run in colors:
            avoid += _along(points)
            ends += [(model, points[-1])] if points else []
    ends.sort(key=lambda end: end[0].run != data.best)
    named = [
        Label(("★ " if model.run == data.best else "") + texts[model.run], end.x, end.y, colors[model.run])
        for model, end in ends
    ]
    labels.beside(axes, named, avoid)


def _along(points: Sequence[Point]) -> list[tuple[float, float]]:
    """Return places along a model's line, which a label is not to cover."""
    places = [(point.x, point.y) for point in points]
    for one, after in pairwise(points):
        places += [(one.x + (after.x - one.x) * k / 8, one.y + (after.y - one.y) * k / 8) for k in range(1, 8)]
    return places


def _keys(figure: "Figure", data: Boomerang, colors: dict[str, str]) -> None:
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
        entries.append(("a fold", {"marker": "o", "markersize": 3, "color": SOFT, "alpha": 0.45, "linewidth": 0}))
    rest = len(data.models) - len(colors)
    if rest > 0:
        entries.append((f"{rest} more models", {"color": REST, "linewidth": 1}))
    dashed = {"color": SOFT, "linewidth": 1, "linestyle": (0, (4, 3))}
    entries += [(_limit(axis), dashed) for axis in (data.x, data.y) if axis.limit is not None]
    labels.keys(figure, entries)


def _limit(axis: Axis) -> str:
    sign = "≤" if axis.goal == "minimize" else "≥"
    return f"{style.name(axis.metric)} {sign} {style.plain(axis.limit or 0.0)}"
