"""Confusion matrices: true against predicted classes of one run, what changed between two, several side by side."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ledger.errors import Undecided, UsageError
from ledger.table.chart_data import ChartPlot, Series
from ledger.view.drawing import labels, panels, style
from ledger.view.drawing.style import SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RUNS_MOST = 6
_RIGHT, _WRONG = "#0072B2", "#D55E00"
_WRITTEN_MOST = 25  # classes up to which the cells have their numbers
_MARGINS_MOST = 25
_CLASSES_MOST = 1000


def confusion(data: ChartPlot) -> "Figure":
    """Return the figure: of one run its matrix, of two what the second has more or less, of more one beside another."""
    count = len(data.series)
    if count > RUNS_MOST:
        raise UsageError(
            f"{count} runs have confusion matrices; up to {RUNS_MOST} are drawn",
            hint="name one run, or two for their difference",
        )
    if count == 2:
        return _difference(data)
    found = [matrix(one) for one in data.series]
    size = len(found[0][0])
    side = min(9.0, 2.2 + 0.42 * size) if count == 1 else min(5.0, 2.0 + 0.3 * size)
    figure, grid = panels.panels(count, side + (0.5 if count == 1 else 0.2), side + 0.3)
    for axes, name, (names, counts) in zip(grid, panels.run_names(data.series), found, strict=True):
        _matrix(axes, names, counts, small=count > 1)
        if count == 1:
            axes.set_title(panels.title(data, "Confusion"), pad=22 if len(names) <= _MARGINS_MOST else 8)
            panels.below(axes, f"{_right(counts)} of {counts.sum():g} right")
        else:
            axes.set_title(f"{name}: {_right(counts)} right")
    if count > 1:
        panels.above(figure, data, "Confusion")
    return figure


def _right(counts: Any) -> str:
    total = float(counts.sum())
    return "none" if not total else f"{float(np.trace(counts)) / total:.1%}".replace("%", " %")


def matrix(one: Series) -> tuple[list[str], Any]:
    """Return the names of the classes (K,) in order and the counts (K, K), truth by prediction; raises UsageError."""
    true, predicted = (
        [str(value) for value in np.asarray(one.columns[name]).tolist()] for name in ("true", "predicted")
    )
    names = [str(label) for label in one.labels] or list(dict.fromkeys([*true, *predicted]))
    place = {name: i for i, name in enumerate(names)}
    for name in [*true, *predicted]:
        place.setdefault(name, len(place))
    if len(place) > _CLASSES_MOST:
        raise UsageError(f"the matrix of {one.run} has {len(place)} classes; up to {_CLASSES_MOST} are drawn")
    counts = np.zeros((len(place), len(place)))
    np.add.at(
        counts, ([place[name] for name in true], [place[name] for name in predicted]), panels.column(one, "count")
    )
    return list(place), np.nan_to_num(counts)


def _shares(counts: Any) -> Any:
    """Return the shares of each row of a matrix (K, K): 0 in rows that are empty."""
    total = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)


def _tints(strength: Any, good: Any) -> Any:
    """Return colours (K, K, 3): white at strength 0, blue at 1 where it is good, red where it is not."""
    blue, red = (np.array([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)]) for code in (_RIGHT, _WRONG))
    target = np.where(good[..., None], blue, red)
    return 1 - np.clip(strength, 0, 1)[..., None] * (1 - target)


def _matrix(axes: "Axes", names: Sequence[str], counts: Any, *, small: bool) -> None:
    size, shares = len(names), _shares(counts)
    diagonal = np.eye(size, dtype=bool)
    # Errors are shown stronger than their share, else a good model's would not be seen: the numbers are exact.
    strength = np.where(diagonal, 0.06 + 0.94 * shares, np.sqrt(shares)) * (counts > 0)
    texts = [[_number(value) for value in row] for row in counts]
    seconds = [[f"{share:.1%}".replace("%", " %") for share in row] for row in shares] if size <= 5 else None
    _cells(axes, names, _tints(strength, diagonal), texts, seconds, counts == 0, small=small)
    if size <= _MARGINS_MOST and not small:
        _margins(axes, counts)


def _number(value: float) -> str:
    return f"{value:g}" if value == int(value) or abs(value) >= 1e5 else f"{value:.1f}"


def _cells(
    axes: "Axes", names: Sequence[str], tints: Any, texts: Sequence[Sequence[str]],
    seconds: Sequence[Sequence[str]] | None, empty: Any, *, small: bool,
) -> None:  # fmt: skip
    size = len(names)
    axes.imshow(tints, interpolation="nearest", aspect="equal")
    axes.grid(False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if size <= 60:
        edges = np.arange(size + 1) - 0.5
        axes.hlines(edges, -0.5, size - 0.5, color="#dddddd", linewidth=0.6)
        axes.vlines(edges, -0.5, size - 0.5, color="#dddddd", linewidth=0.6)
    every = max(1, math.ceil(size / (40 if not small else 20)))
    shown = range(0, size, every)
    ticks = [style.name(names[i], 16) for i in shown]
    long = max(map(len, ticks), default=0) > (9 if size <= 3 else 3 if size > 6 else 6)
    axes.set_xticks(list(shown), ticks, rotation=45 if long else 0, ha="right" if long else "center")
    axes.set_yticks(list(shown), ticks)
    axes.set_xlabel("Predicted")
    axes.set_ylabel("True")
    if size > (_WRITTEN_MOST if not small else 12):
        return
    font: float = 11 if size <= 3 else 9 if size <= 12 else 7
    font = font * 0.8 if small else font
    for i in range(size):
        for j in range(size):
            if empty[i, j] and size > 3:
                continue
            color = SOFT if empty[i, j] else style.ink_on(tints[i, j].tolist())
            lift = -0.09 if seconds and not small else 0
            axes.text(j, i + lift, texts[i][j], ha="center", va="center", color=color, fontsize=font)
            if seconds and not small:
                axes.text(j, i + 0.17, seconds[i][j], ha="center", va="center", color=color, fontsize=font * 0.68)


def _margins(axes: "Axes", counts: Any) -> None:
    """Write the recall of each class at the right, and its precision above."""
    true, called, hits = counts.sum(axis=1), counts.sum(axis=0), np.diag(counts)
    size = len(counts)
    look: dict[str, Any] = {"fontsize": 7.5 if size <= 12 else 6.5, "color": SOFT, "annotation_clip": False}
    wide = size > 6
    for i in range(size):
        recall = "-" if not true[i] else f"{hits[i] / true[i]:.0%}".replace("%", "" if wide else " %")
        precision = "-" if not called[i] else f"{hits[i] / called[i]:.0%}".replace("%", "" if wide else " %")
        axes.annotate(recall, (size - 0.5, i), xytext=(4, 0), textcoords="offset points", va="center", **look)
        axes.annotate(precision, (i, -0.5), xytext=(0, 4), textcoords="offset points", ha="center", va="bottom", **look)
    said = " %" if wide else ""
    axes.annotate(
        f"precision{said}", (-0.5, -0.5), xytext=(-4, 4), textcoords="offset points", ha="right", va="bottom", **look
    )
    axes.annotate(
        f"recall{said}", (size - 0.5, -0.5), xytext=(4, 4), textcoords="offset points", ha="left", va="bottom", **look
    )


def difference(data: ChartPlot) -> tuple[list[str], Any, bool]:
    """Return classes, what the second of two runs has more than the first (K, K), and whether that is in shares.

    It is in percent of each true class where the runs have not the same rows of each class. Raises Undecided where
    they have different classes.
    """
    (names, before), (others, after) = (matrix(one) for one in data.series)
    if sorted(names) != sorted(others):
        raise Undecided(
            f"the runs have different classes: {_few(names)} and {_few(others)}", hint="plot them one by one"
        )
    order = [others.index(name) for name in names]
    after = after[np.ix_(order, order)]
    shares = not np.array_equal(before.sum(axis=1), after.sum(axis=1))
    change = 100 * (_shares(after) - _shares(before)) if shares else after - before
    return names, change, shares


def _few(names: Sequence[str]) -> str:
    return ", ".join(style.name(name, 16) for name in names[:6]) + (" ..." if len(names) > 6 else "")


def _difference(data: ChartPlot) -> "Figure":
    names, change, shares = difference(data)
    size = len(names)
    side = min(9.0, 2.2 + 0.42 * size)
    figure, (axes,) = panels.panels(1, max(side + 0.2, 4.2), side + 0.6)
    diagonal = np.eye(size, dtype=bool)
    greatest = float(np.abs(change).max(initial=0.0))
    strength = np.sqrt(np.abs(change) / greatest) * 0.9 if greatest else np.zeros_like(change)
    digits = 1 if shares else 0
    texts = [[_signed(value, digits) for value in row] for row in change]
    (_, before), (others, after) = (matrix(run) for run in data.series)
    after = after[np.ix_(*[[others.index(name) for name in names]] * 2)]
    were, are = (_shares(counts) * 100 if shares else counts for counts in (before, after))
    seconds = None if size > 5 else [[f"{were[i, j]:.4g} to {are[i, j]:.4g}" for j in range(size)] for i in range(size)]
    _cells(axes, names, _tints(strength, (change > 0) == diagonal), texts, seconds, change == 0, small=False)
    first, second = panels.run_names(data.series)
    on = f", {data.split}" if data.split else ""
    entries = [
        ("better: more right, or fewer wrong", {"color": _RIGHT, "marker": "s", "linewidth": 0, "markersize": 7}),
        ("worse: fewer right, or more wrong", {"color": _WRONG, "marker": "s", "linewidth": 0, "markersize": 7}),
    ]
    labels.keys(figure, entries, f"{second} minus {first}{on}")
    unit = "change in % of each true class" if shares else "change in rows"
    panels.below(axes, f"{unit}; right: {_right(before)}, then {_right(after)}")
    return figure


def _signed(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    text = f"{value:+.{digits}f}" if digits or value == int(value) else f"{value:+.1f}"
    return text.replace("-", "\u2212")
