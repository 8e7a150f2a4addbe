"""Learning curves: a panel per metric, runs overlaid, train dashed beside val, raw values faint behind smooth ones."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ledger.table.bands import Line
from ledger.table.series import Curves, Panel
from ledger.table.splits import rank
from ledger.view.drawing import labels, style
from ledger.view.drawing.labels import Label
from ledger.view.drawing.style import REST, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DASHES: dict[str | None, Any] = {"train": (0, (4, 1.6)), "test": (0, (1, 1.4)), "prod": (0, (5, 1.4, 1, 1.4))}
_LARGEST = 1e305
_PALE = 0.18  # of a band
_DIRECT_MOST = 10  # labels that stand beside one panel
_UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"))


def draw(data: Curves) -> "Figure":
    """Return the figure of curves; call it within `style.applied()`."""
    panels = data.panels
    rows, across = style.grid(len(panels))
    single = len(panels) == 1
    size = (6.6, 4.0) if single else (3.7 * across + 0.2, 2.75 * rows + 0.3)
    figure = style.figure(*size)
    grid = figure.subplots(rows, across, squeeze=False)
    hues = _hues(data)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _panel(axes, panel, data, hues, thin=not single)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    alike = len({panel.steps for panel in panels}) == 1
    for i, (axes, panel) in enumerate(zip(grid.flat, panels, strict=False)):
        if i + across >= len(panels) or not alike:
            axes.set_xlabel(_x_label(data, panel))
    _name_lines(figure, grid, data, hues)
    return figure


def _hues(data: Curves) -> dict[str, str]:
    """Return the colour of each owner, or where there is one owner that of each context of its metrics."""
    if len(data.owners) > 1:
        order = {owner: i for i, owner in enumerate(data.order)}
        found = style.hues([order.get(owner, i) for i, owner in enumerate(data.owners)])
        return {owner: hue for owner, hue in zip(data.owners, found, strict=True) if hue != REST}
    lines = [line for panel in data.panels for line in panel.lines if not line.within]
    if _is_by_split(data):
        return style.colors([split or "" for split in sorted({line.split for line in lines}, key=rank)])
    rests = dict.fromkeys(line.rest for line in lines)
    return style.colors(sorted(rests, key=lambda rest: (rest != "", rest)), top=len(style.COLORS))


def _is_by_split(data: Curves) -> bool:
    """Say whether splits have colours of their own: those of one owner with bands, which lie over each other."""
    lines = [line for panel in data.panels for line in panel.lines if not line.within]
    banded = any(line.low is not None and line.runs + line.folds > 1 for line in lines)
    return len(data.owners) == 1 and banded and not any(line.rest for line in lines)


def _hue(line: Line, data: Curves) -> str:
    if len(data.owners) > 1:
        return line.owner
    return (line.split or "") if _is_by_split(data) else line.rest


def _panel(axes: "Axes", panel: Panel, data: Curves, hues: dict[str, str], *, thin: bool) -> None:
    asked = data.asked
    order = {owner: i for i, owner in enumerate(data.owners)}
    many = len(data.owners) > len(hues)
    paired = len({line.split for line in panel.lines}) > 1
    scale = _time_unit(data)[0] if asked.x == "time" else 1.0
    pale = max(0.12, min(0.7, 12 / len(data.owners)))
    # The best on top.
    shown = [line for line in panel.lines if not line.within]
    for line in sorted(shown, key=lambda line: -order[line.owner]):
        color = hues.get(_hue(line, data), REST)
        faint = many and color == REST
        dash: Any = _DASHES.get(line.split, "-") if paired else "-"
        wide = (0.6 if faint else 1.3 if thin else 1.7) * (0.7 if line.rest and len(data.owners) > 1 else 1.0)
        x, y = line.x / scale, _drawable(line.y)
        style_of = {"color": color, "linestyle": dash, "zorder": 2 if faint else 4}
        if line.low is not None and line.high is not None and not faint and line.runs + line.folds > 1:
            axes.fill_between(x, _drawable(line.low), _drawable(line.high), color=color, alpha=_PALE, linewidth=0)
        if line.smooth is not None:
            axes.plot(x, y, linewidth=wide * 0.6, alpha=0.25, **style_of | {"linestyle": "-", "zorder": 1})
            y = _drawable(line.smooth)
        single = np.isfinite(y).sum() == 1
        drawn = axes.plot(
            x, y, linewidth=wide, alpha=pale if faint else 1.0, marker="o" if single else None, **style_of
        )
        style.tooltip(drawn[0], f"{data.owners[line.owner]}: {line.key}")
        if not faint:
            _mark_broken(axes, x, y, color)
    _scale(axes, panel, data, scale)
    if thin:  # else it stands above all, over the legend
        axes.set_title(style.heading(panel.metric, panel.goal))


def _drawable(values: Any) -> Any:
    """Return values with gaps for what is not finite, or so large that an axis would not be."""
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(values) < _LARGEST, values, np.nan)


def _mark_broken(axes: "Axes", x: Any, y: Any, color: str) -> None:
    """Put a cross on the last number before values that are none: where a training broke down."""
    finite = np.isfinite(y)
    ends = np.flatnonzero(finite[:-1] & ~finite[1:])
    axes.plot(
        x[ends], y[ends], linestyle="none", marker="X", markersize=6, color=color, markeredgecolor="white", zorder=6
    )


def _scale(axes: "Axes", panel: Panel, data: Curves, scale: float) -> None:
    axes.margins(x=0.02)
    if data.asked.log_y:
        drawn = [a for line in panel.lines for a in (line.y, line.smooth, line.low, line.high) if a is not None]
        style.log_scale(axes, "y", np.concatenate(drawn).tolist())
    if data.asked.log_x:
        style.log_scale(axes, "x", np.concatenate([line.x / scale for line in panel.lines]).tolist())
    elif data.asked.x == "step":
        style.whole(axes, "x")
    places = {float(x) for line in panel.lines for x in line.x[:2]}
    if len(places) == 1 and not data.asked.log_x:
        only = places.pop()
        axes.set_xlim(only - 1, only + 1)


def _time_unit(data: Curves) -> tuple[float, str]:
    longest = max((float(line.x[-1]) for panel in data.panels for line in panel.lines), default=0.0)
    return next((unit for unit in _UNITS if longest >= 2 * unit[0]), (1.0, "seconds"))


def _x_label(data: Curves, panel: Panel) -> str:
    if data.asked.x == "time":
        return f"{_time_unit(data)[1]} since the run began"
    return style.name(panel.steps if data.asked.x == "step" else data.asked.x, 40)


def _name_lines(figure: "Figure", grid: Any, data: Curves, hues: dict[str, str]) -> None:
    """Say which line is which: beside the lines of a single panel, else above all of them."""
    panels = data.panels
    texts = _texts(data, hues)
    entries: list[tuple[str, dict[str, Any]]] = []
    single = len(panels) == 1
    title = style.heading(panels[0].metric, panels[0].goal) if single else ""
    lines = [line for line in panels[0].lines if _hue(line, data) in hues and not line.within]
    splits = sorted({line.split for panel in panels for line in panel.lines}, key=rank)
    one_hue = len(hues) == 1 and len(data.owners) == 1
    beside = single and one_hue and 1 < len(lines) <= _DIRECT_MOST
    direct = single and len(hues) > 1 and len(hues) <= _DIRECT_MOST
    ends: list[Label] = []
    if beside:
        ends = _ends(lines, data, hues, {line.key: line.split or line.key for line in lines})
    elif direct:
        named: dict[str, Line] = {}
        for line in lines:  # the last split of each, val rather than train
            named[_hue(line, data)] = line
        said = {line.key + line.owner: texts[_hue(line, data)] for line in named.values()}
        ends = _ends(list(named.values()), data, hues, said)
    elif len(hues) > 1 or len(data.owners) > len(hues) > 0:
        entries += [(texts[hue], {"color": color}) for hue, color in hues.items()]
    if len(data.owners) > len(hues) and len(data.owners) > 1:
        rest = len(data.owners) - len(hues)
        by = f", worse in {style.name(data.ranked_by, 40)}" if data.ranked_by else ""
        entries.append((f"{rest} others{by}", {"color": REST}))
    if len(splits) > 1 and not beside and not _is_by_split(data):
        dark = {"color": SOFT}
        entries += [(split or "no split", dark | {"linestyle": _DASHES.get(split, "-")}) for split in splits]
    entries += _band_said(data, next(iter(hues.values()), SOFT) if one_hue else SOFT)
    if not entries and single:
        grid[0][0].set_title(title)
    labels.keys(figure, entries, title if entries else "")
    if ends:
        labels.at_the_right(grid[0][0], ends)


def _texts(data: Curves, hues: dict[str, str]) -> dict[str, str]:
    """Return what each colour stands for: a run, a group and of how many runs its line is the mean, or a context."""
    if len(data.owners) == 1:
        return {rest: style.name(rest) or "no split" for rest in hues}
    found = style.names(data.owners)
    counts = _counts(data)
    return {id: f"{text} ({counts[id]} runs)" if counts.get(id, 0) > 1 else text for id, text in found.items()}


def _counts(data: Curves) -> dict[str, int]:
    return {line.owner: line.runs for panel in data.panels for line in panel.lines if data.asked.band}


def _band_said(data: Curves, color: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the entry that says what bands are, of which group where there is one, and of how many runs or folds."""
    banded = [line for panel in data.panels for line in panel.lines if line.low is not None]
    runs = sorted({line.runs for line in banded if line.runs > 1})
    folds = sorted({line.folds for line in banded if line.folds > 1 and line.runs == 1})
    look = {"color": color, "alpha": 0.35, "linewidth": 7}
    found = []
    if runs:
        (owner, *others) = data.owners.values()
        of = "" if others else f"{style.name(owner)}, "
        how = "95 % interval of the mean" if data.asked.interval == "mean" else "least to greatest"
        found.append((f"{of}mean of {_span(runs)} runs; band: {how}", look))
    if folds:
        found.append((f"mean of {_span(folds)} folds; band: least to greatest", look))
    return found


def _span(counts: Sequence[int]) -> str:
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _ends(lines: Sequence[Line], data: Curves, hues: dict[str, str], texts: dict[str, str]) -> list[Label]:
    """Return a label for the end of each line that has a finite one."""
    found = []
    scale = _time_unit(data)[0] if data.asked.x == "time" else 1.0
    for line in lines:
        y = line.y if line.smooth is None else line.smooth
        there = [i for i in range(len(y)) if math.isfinite(y[i]) and not (data.asked.log_y and y[i] <= 0)]
        if there:
            text = texts.get(line.key + line.owner, texts.get(line.key, ""))
            x = float(line.x[there[-1]]) / scale
            found.append(Label(text, x, float(y[there[-1]]), hues[_hue(line, data)]))
    return found
