"""Confusion where a row may have several labels at once: a matrix of two by two for each label."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ledger.errors import Undecided, UsageError
from ledger.table.chart_check import CELLS, is_of_labels
from ledger.table.chart_data import ChartPlot, Series
from ledger.view.drawing import panels, style
from ledger.view.drawing.style import INK, SOFT
from ledger.view.rows import Cell, clean, render_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS_MOST = 24
RUNS_MOST = 4
_ACROSS = 4
_TEXT_MOST = 100
_RIGHT, _WRONG = (np.array([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)]) for code in style.COLORS[:2])


class Counts(NamedTuple):
    """Of one label: how many rows have it or not, and were said to: tn, fp, fn, tp."""

    label: str
    cells: Any  # (4,)

    @property
    def f1(self) -> float | None:
        """2 tp / (2 tp + fp + fn), None where no row has the label or is said to."""
        _, fp, fn, tp = self.cells
        return float(2 * tp / (2 * tp + fp + fn)) if 2 * tp + fp + fn > 0 else None


def is_of(data: ChartPlot) -> bool:
    """Say whether all charts are of many labels; raises Undecided where some are and some are not."""
    found = {is_of_labels(one.columns) for one in data.series}
    if len(found) > 1:
        raise Undecided(
            "one of the runs has a matrix for each label, another one of all classes", hint="plot them one by one"
        )
    return found == {True}


def counts(one: Series) -> list[Counts]:
    """Return the counts of each label, in the order of the chart."""
    cells = np.nan_to_num(np.stack([panels.column(one, name) for name in CELLS], axis=-1))
    names = [str(label) for label in one.columns["class"]]
    return [Counts(name, cells[i]) for i, name in enumerate(names)]


def confusion(data: ChartPlot) -> "Figure":
    """Return the figure: a small matrix a label, of several runs a row each; of many labels those with the least F1."""
    if len(data.series) > RUNS_MOST:
        raise UsageError(
            f"{len(data.series)} runs have confusion matrices of labels; up to {RUNS_MOST} are drawn",
            hint="name some of them",
        )
    found = [counts(one) for one in data.series]
    known = list(dict.fromkeys(label.label for of in found for label in of))
    most = LABELS_MOST if len(found) == 1 else 6
    worst = sorted(known, key=lambda name: min(of.f1 or 0.0 for each in found for of in each if of.label == name))
    chosen = [name for name in known if name in set(worst[:most])]
    across = min(len(chosen), _ACROSS) if len(found) == 1 else len(chosen)
    high = -(-len(chosen) // across) if len(found) == 1 else len(found)
    figure = style.figure(1.75 * across + 0.5, 1.95 * high + 0.5)
    grid = figure.subplots(high, across, squeeze=False)
    for axes in grid.flat:
        axes.set_visible(False)
    names = panels.run_names(data.series)
    for i, (of, run) in enumerate(zip(found, names, strict=True)):
        by_name = {one.label: one for one in of}
        for j, name in enumerate(chosen):
            axes = grid[i, j] if len(found) > 1 else grid.flat[j]
            if name in by_name:
                axes.set_visible(True)
                last = i == high - 1 if len(found) > 1 else j + across >= len(chosen)
                _matrix(axes, by_name[name], first=j % across == 0, last=last)
            if len(found) > 1 and j == 0:
                axes.set_ylabel(f"{run}\nTrue")
    said = f": the {most} of {len(known)} labels with the least F1" if len(known) > most else ""
    panels.above(figure, data, f"Confusion of each label{said}")
    return figure


def _matrix(axes: "Axes", one: Counts, *, first: bool, last: bool) -> None:
    matrix = one.cells.reshape(2, 2)
    total = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, total, out=np.zeros_like(matrix), where=total > 0)
    right = np.eye(2, dtype=bool)
    # Errors are shown stronger than their share, else a good model's would not be seen: the numbers are exact.
    strength = np.where(right, 0.06 + 0.94 * shares, np.sqrt(shares)) * (matrix > 0)
    axes.imshow(1 - strength[..., None] * (1 - np.where(right[..., None], _RIGHT, _WRONG)), interpolation="nearest")
    axes.grid(False)
    axes.tick_params(length=0, labelsize=7.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for i in range(2):
        for j in range(2):
            color = "white" if strength[i, j] > 0.55 else INK if matrix[i, j] else SOFT
            axes.text(j, i, f"{matrix[i, j]:g}", ha="center", va="center", fontsize=9, color=color)
    axes.set_xticks([0, 1], ["no", "yes"])
    axes.set_yticks([0, 1], ["no", "yes"])
    if first:
        axes.set_ylabel("True")
    if last:
        axes.set_xlabel("Predicted")
    said = "F1 undefined" if one.f1 is None else f"F1 {one.f1:.3f}"
    axes.set_title(f"{style.name(one.label, 18)}", fontsize=9, pad=14)
    axes.annotate(
        said, (0, 1), xytext=(0, 3), xycoords="axes fraction", textcoords="offset points", fontsize=7.5, color=SOFT,
        annotation_clip=False,
    )  # fmt: skip


def text(data: ChartPlot, *, width: int, color: bool) -> str:
    """Write a row a label: its counts, precision, recall and F1; raises UsageError for several runs."""
    if len(data.series) > 1:
        raise UsageError("matrices of labels of several runs cannot be written as text", hint="name one run")
    found = counts(data.series[0])
    rows: list[list[Cell | str]] = []
    for one in found[:_TEXT_MOST]:
        shown = [Cell(f"{value:g}", "bold" if i in (0, 3) else None) for i, value in enumerate(one.cells)]
        rows.append([clean(one.label), *shown, "-" if one.f1 is None else f"{one.f1:.3f}"])
    headings = ["label", "true no", "false yes", "false no", "true yes", "F1"]
    more = f"({len(found) - _TEXT_MOST} more)\n" if len(found) > _TEXT_MOST else ""
    return (
        f"{panels.title(data, 'Confusion of each label')}\n"
        + render_table(headings, rows, align="lrrrr.", color=color, width=width)
        + more
    )
