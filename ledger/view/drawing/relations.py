"""A parameter against a metric as points, and many parameters beside a metric as lines across their axes."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from ledger.table.relations import Dimension, Relation
from ledger.view.drawing import labels, style
from ledger.view.drawing.labels import Label
from ledger.view.drawing.style import COLORS, INK, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

_NAMED_MOST = 12  # points that have their run's name beside them
_TICK_MOST = 16  # characters of a tick
_TICKS_MOST = 12  # texts that an axis writes out
_FIRST_MOST = 34  # characters of a tick of the first of many axes, at whose left is room
_CHARACTER = 4.4  # points that a character of a tick takes across
_ASIDE, _ABOVE = 0.035, 0.012  # how far a text stands from its axis and from the line at its height
_BEST_WEIGHS = 100  # lines that a text may rather lie on than on the best one's
# Where a text stands beside its tick: to the right or left, and over, under or on its height.
_STANDS: tuple[Literal["center", "bottom", "top"], ...] = ("center", "bottom", "top")
_BESIDE = tuple((side, stands) for side in (1, -1) for stands in _STANDS)


def draw_scatter(data: Relation) -> "Figure":
    """Return a figure with a point per run; call it within `style.applied()`."""
    across, up = data.axes[0], data.axes[-1]
    figure = style.figure(6.0, 4.2)
    axes = figure.subplots()
    x, y = _places(axes, across, "x"), _places(axes, up, "y")
    if not across.numeric:
        x = _apart(across, x)
    count = len(data.runs)
    size, alpha = (42, 0.9) if count <= 40 else (22, 0.65) if count <= 300 else (10, 0.4)
    axes.scatter(x, y, s=size, color=COLORS[0], alpha=alpha, edgecolors="white", linewidths=0.6, zorder=3)
    best = _best(up)
    if best is not None and count > 1:
        axes.scatter([x[best]], [y[best]], s=size * 2.2, color=COLORS[1], edgecolors="white", linewidths=0.9, zorder=5)
    if not across.numeric and up.numeric:
        _medians(axes, across, up)
    axes.set_xlabel(style.heading(across.name, across.goal))
    axes.set_ylabel(style.heading(up.name, up.goal))
    if data.correlation is not None:
        axes.set_title(
            f"Spearman ρ = {data.correlation:.2f}   n = {count}".replace("-", "−"),
            fontsize=8.5,
            fontweight="normal",
            color=SOFT,
        )
    texts = style.names(data.runs)
    named = [(i, text) for i, text in enumerate(texts.values()) if count <= _NAMED_MOST or i == best]
    named.sort(key=lambda item: item[0] != best)
    points = list(zip(x, y, strict=True))
    tints = {i: COLORS[1] if i == best and count > 1 else INK for i, _ in named}
    labels.beside(axes, [Label(text, x[i], y[i], tints[i]) for i, text in named], points)
    return figure


def _places(axes: "Axes", axis: Dimension, which: str) -> list[float]:
    """Set up one axis for its values and return where each stands."""
    if not axis.numeric:
        levels = axis.levels
        shown = range(len(levels)) if len(levels) <= _TICKS_MOST else range(0, len(levels), -(-len(levels) // 10))
        texts = [style.name(levels[i], _TICK_MOST) for i in shown]
        getattr(axes, f"set_{which}ticks")(list(shown), texts)
        getattr(axes, f"set_{which}lim")(-0.6, len(levels) - 0.4)
        if which == "x" and sum(map(len, texts)) > 50:
            axes.tick_params(axis="x", rotation=30)
            for text in axes.get_xticklabels():
                text.set_horizontalalignment("right")
        return [float(levels.index(value)) for value in axis.values]
    values = [float(value) for value in axis.values]
    set_limits = getattr(axes, f"set_{which}lim")
    if axis.wide:
        style.log_scale(axes, which, values)
    elif (limits := style.padded(values)) is not None:
        set_limits(*limits)
        if all(value.is_integer() for value in values) and max(values) - min(values) <= 1e6:
            style.whole(axes, which)
    return values


def _apart(axis: Dimension, places: list[float]) -> list[float]:
    """Put the points of one text side by side, in their order: no two runs at one place, nothing by chance."""
    counts: dict[Any, int] = {}
    for value in axis.values:
        counts[value] = counts.get(value, 0) + 1
    seen: dict[Any, int] = {}
    moved = []
    for value, place in zip(axis.values, places, strict=True):
        k = seen[value] = seen.get(value, -1) + 1
        # The golden ratio spreads neighbours evenly, however many there are.
        moved.append(place + (((k + 0.5) * 0.618034) % 1 - 0.5) * 0.5 if counts[value] > 1 else place)
    return moved


def _medians(axes: "Axes", across: Dimension, up: Dimension) -> None:
    """Draw the median of each text's values as a line."""
    for i, level in enumerate(across.levels):
        values = sorted(y for x, y in zip(across.values, up.values, strict=True) if x == level)
        if len(values) > 2:
            middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
            axes.hlines(middle, i - 0.32, i + 0.32, color=INK, linewidth=1.6, zorder=4)


def _best(axis: Dimension) -> int | None:
    """Return which run has the best value of a metric whose goal is known."""
    if axis.goal is None or not axis.numeric:
        return None
    pick = min if axis.goal == "minimize" else max
    return axis.values.index(pick(axis.values))


def draw_parallel(data: Relation) -> "Figure":
    """Return a figure with an axis per parameter and the metric at the right; call it within `style.applied()`."""
    from matplotlib import colormaps

    last = data.axes[-1]
    figure = style.figure(max(5.0, min(14.0, 1.35 * len(data.axes) + 1.6)), 4.0)
    axes = figure.subplots()
    ranks = _shares(last)
    heights = [_shares(axis) for axis in data.axes]
    count = len(data.runs)
    alpha = 0.9 if count <= 30 else 0.55 if count <= 200 else 0.25
    down = last.goal == "minimize"
    # From pale to dark towards the better: the best is drawn last, on top.
    order = sorted(range(count), key=lambda i: -ranks[i] if down else ranks[i])
    best = _best(last)
    for i in order:
        good = 1 - ranks[i] if down else ranks[i]
        color = COLORS[1] if i == best else colormaps[style.SEQUENTIAL](0.92 - 0.82 * good)
        drawn = axes.plot(
            range(len(data.axes)), [height[i] for height in heights], color=color,
            linewidth=2.4 if i == best else 1.1, alpha=1.0 if i == best else alpha, zorder=6 if i == best else 3,
        )  # fmt: skip
        style.tooltip(drawn[0], list(data.runs.values())[i])
    room = max(_TICK_MOST, int(figure.get_figwidth() * 72 / len(data.axes) / _CHARACTER))
    written = [
        _axis(axes, place, axis, room if place else max(room, _FIRST_MOST)) for place, axis in enumerate(data.axes)
    ]
    axes.set_xlim(-0.05, len(data.axes) - 0.95)
    axes.set_ylim(-0.04, 1.04)
    axes.grid(visible=False)
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    names = [style.heading(axis.name, axis.goal) for axis in data.axes]
    axes.set_xticks(range(len(names)), [style.name(name, 20) for name in names], fontsize=9)
    axes.tick_params(axis="x", length=0, pad=8)
    for text in axes.get_xticklabels()[-1:]:
        text.set_fontweight("bold")
    if best is not None and count > 1:
        labels.keys(figure, [(f"best: {style.name(list(data.runs.values())[best])}", {"color": COLORS[1], "lw": 2.4})])
    figure.draw_without_rendering()  # where lines are depends on all that stands around the axes
    for place, texts in enumerate(written[:-1]):
        if place:
            _beside_lines(axes, place, texts, heights, best)
    return figure


def _beside_lines(
    axes: "Axes", place: int, texts: Sequence["Text"], heights: Sequence[Sequence[float]], best: int | None
) -> None:
    """Put the texts of an axis that lines cross to where the fewest of these go through them, least the best one's."""
    up = axes.get_window_extent().height / (axes.get_ylim()[1] - axes.get_ylim()[0])
    across = axes.get_window_extent().width / (axes.get_xlim()[1] - axes.get_xlim()[0])
    for text in texts:
        box = text.get_window_extent()
        at, wide, high = text.get_position()[1], box.width / across, box.height / up
        costs = []
        for side, stands in _BESIDE:
            near, far = _ASIDE, _ASIDE + wide
            low = at + {"center": -high / 2, "bottom": _ABOVE, "top": -high - _ABOVE}[stands]
            cost = 0
            for run, start in enumerate(heights[place]):
                slope = heights[place + side][run] - start
                ends = start + slope * near, start + slope * far
                if min(ends) < low + high and max(ends) > low:
                    cost += _BEST_WEIGHS if run == best else 1
            costs.append(cost)
        side, stands = _BESIDE[costs.index(min(costs))]
        text.set_position((place + side * _ASIDE, at + {"center": 0, "bottom": _ABOVE, "top": -_ABOVE}[stands]))
        text.set_horizontalalignment("left" if side > 0 else "right")
        text.set_verticalalignment(stands)


def _shares(axis: Dimension) -> list[float]:
    """Return where each value stands between the ends of its axis, 0 to 1."""
    if not axis.numeric:
        levels = axis.levels
        return [levels.index(value) / (len(levels) - 1) if len(levels) > 1 else 0.5 for value in axis.values]
    values = [math.log10(value) if axis.wide else value for value in axis.values]
    low, high = min(values), max(values)
    return [0.5 if low == high else (value / 2 - low / 2) / (high / 2 - low / 2) for value in values]


def _axis(axes: "Axes", place: int, axis: Dimension, most: int) -> list["Text"]:
    """Draw one upright axis with its ticks and return their texts: outside the lines at the first axis and the last."""
    from matplotlib.patheffects import withStroke

    axes.axvline(place, color="#8a8a8a", linewidth=0.9, zorder=4)
    side = 1 if place else -1
    texts = []
    for share, text in _ticks(axis, most):
        axes.plot([place - 0.015, place + 0.015], [share, share], color="#8a8a8a", linewidth=0.9, zorder=4)
        look: dict[str, Any] = {"fontsize": 7.5, "va": "center", "ha": "left" if place else "right", "color": INK}
        written = axes.text(place + side * _ASIDE, share, text, zorder=8, **look)
        written.set_path_effects([withStroke(linewidth=2.0, foreground="white", alpha=0.85)])
        texts.append(written)
    return texts


def _ticks(axis: Dimension, most: int) -> list[tuple[float, str]]:
    """Return places (0 to 1) and texts of an axis's ticks: its ends, and round numbers between them."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    if not axis.numeric:
        levels = axis.levels
        step = -(-len(levels) // _TICKS_MOST)
        span = max(1, len(levels) - 1)
        return [
            (i / span if len(levels) > 1 else 0.5, style.name(levels[i], most)) for i in range(0, len(levels), step)
        ]
    low, high = min(axis.values), max(axis.values)
    if low == high:
        return [(0.5, style.plain(low))]
    if axis.wide:
        inner = [value for value in LogLocator(numticks=6).tick_values(low, high) if low <= value <= high]
    else:
        inner = [value for value in MaxNLocator(5).tick_values(low, high) if low <= value <= high]
    inner = inner if len(inner) > 1 else [low, high]
    shares = _shares(axis._replace(values=[low, high, *inner]))[2:]
    return [(share, style.plain(value)) for share, value in zip(shares, inner, strict=True)]
