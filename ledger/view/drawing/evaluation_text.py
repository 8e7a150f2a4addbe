"""Chart data as text for a plain terminal: curves and points in dots of Braille, matrices as tables, bars."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ledger.errors import UsageError
from ledger.table.chart_data import ChartPlot
from ledger.view import numbers
from ledger.view.drawing import (
    confusion,
    distributions,
    label_matrices,
    logged_curves,
    panels,
    rates,
    scores,
    tables,
)
from ledger.view.drawing.panels import Line
from ledger.view.drawing.terminal import Path, canvas
from ledger.view.rows import Cell, clean, render_table, shorten

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ANSI = (34, 31, 32, 35, 36, 33)
_CLASSES_MOST = 15
_RUNS_MOST = 4
_POINTS = {  # columns across and up, and what they are called
    "residuals": ("predicted", "residual", "predicted", "residual: true minus predicted"),
    "predicted_vs_true": ("truth", "predicted", "true", "predicted"),
}
_BARS = "▏▎▍▌▋▊▉█"


def text(data: ChartPlot, *, width: int, color: bool) -> str:
    """Write chart data; raises UsageError for what can only be seen as a picture."""
    if data.kind == "confusion" and label_matrices.is_of(data):
        return label_matrices.text(data, width=width, color=color)
    if data.kind == "confusion":
        return _matrix(data, width, color)
    if data.kind == "importance":
        return _bars(data, width)
    if data.kind == "table":
        return tables.text(data, width=width, color=color)
    if data.kind in _POINTS:
        return _points(data, width, color)
    lines, x, y, said = _lines(data)
    if not lines:
        raise UsageError(f"{data.kind} cannot be drawn as text", hint=f"ledger plot {data.kind} -o FILE.png")
    shown = lines[: len(_LETTERS)]
    alone = len(shown) == 1
    paths = [Path(_finite(line), _ANSI[i % len(_ANSI)], "" if alone else _LETTERS[i]) for i, line in enumerate(shown)]
    found = [shorten(clean(y), width), *canvas(paths[::-1], width=width, color=color, x_name=x), ""]
    for i, (line, value) in enumerate(zip(shown, panels.values(shown), strict=True)):
        mark = "" if alone else f"{_LETTERS[i]} "
        if data.kind == "histogram":
            value = panels.rows(line.value or 0.0)
        value = "" if not said else f"{said} {value}"
        found.append(shorten("  ".join(part for part in (f"{mark}{clean(line.text)}", value) if part), width))
    return "\n".join([*found, *([f"({len(lines) - len(shown)} more)"] if len(lines) > len(shown) else [])]) + "\n"


def _finite(line: Line) -> list[tuple[float, float]]:
    there = np.isfinite(line.x) & np.isfinite(line.y)
    return list(zip(np.asarray(line.x)[there].tolist(), np.asarray(line.y)[there].tolist(), strict=True))


def _lines(data: ChartPlot) -> tuple[list[Line], str, str, str]:
    """Return the lines of a plot, the names of its axes, and what the value of a line is called."""
    kind = data.kind
    if kind == "roc":
        return rates.lines_of(data, kind), "false positive rate", "true positive rate", "AUC"
    if kind == "pr":
        return rates.lines_of(data, kind), "recall", "precision", "average precision"
    if kind == "calibration":
        return scores.calibration_lines(data), "mean score", "share of positives", "ECE"
    if kind == "ks":
        return scores.ks_lines(data), "score", "distance of the classes' shares", "KS"
    if kind in ("gain", "lift"):
        y = "share of positives found" if kind == "gain" else "lift"
        return rates.lines_at(data, kind, 0.2), "share of rows, greatest scores first", y, "at 20 % of rows:"
    if kind == "threshold":
        return _thresholds(data), "threshold", "metric", "best:"
    if kind == "histogram":
        return _outlines(data), *_histogram_axes(data), "n ="
    if kind == "curve":
        return logged_curves.lines(data), *logged_curves.axis_names(data), ""
    return [], "", "", ""


def _histogram_axes(data: ChartPlot) -> tuple[str, str]:
    """Return the names of the axes: of several runs, which have bins of their own, the share in a unit is drawn."""
    classes = any(len(distributions.parts(one)) > 1 for one in data.series)
    return "score" if classes else "value", "rows" if len(data.series) == 1 else "share of rows per unit"


def _outlines(data: ChartPlot) -> list[Line]:
    """Return the outline of each histogram, of classes one each: two corners a bin, and the ground at both ends."""
    found = []
    for one, name in zip(data.series, panels.run_names(data.series), strict=True):
        low, high = panels.column(one, "low"), panels.column(one, "high")
        corners = np.column_stack([low, high]).ravel()
        x = np.concatenate([corners[:1], corners, corners[-1:]])
        parts = distributions.parts(one)
        for part, weight in parts:
            total = float(np.nansum(weight))
            if len(data.series) > 1 and total > 0:
                weight = weight / ((high - low) * total)
            text = part if len(data.series) == 1 else name if len(parts) == 1 else f"{name} {part}"
            y = np.concatenate([[0.0], np.repeat(np.nan_to_num(weight), 2), [0.0]])
            found.append(Line("" if text == "count" else text, total, x, y))
    return found


def _thresholds(data: ChartPlot) -> list[Line]:
    found = []
    metrics = scores.threshold_metrics(data)
    metrics = metrics if len(data.series) == 1 else metrics[:1]
    for one, name in zip(data.series, panels.run_names(data.series), strict=True):
        for metric in metrics:
            spot = scores.best(one, metric)
            text = metric if len(data.series) == 1 else f"{name} {metric}"
            value = None if spot is None else spot[1]
            found.append(Line(text, value, panels.column(one, "threshold"), panels.column(one, metric)))
    return found


def _points(data: ChartPlot, width: int, color: bool) -> str:
    """Write the points of each run, below each other, and the line on which there is no error."""
    x, y, x_name, y_name = _POINTS[data.kind]
    written = []
    for one, name in zip(data.series[:_RUNS_MOST], panels.run_names(data.series)[:_RUNS_MOST], strict=True):
        across, up = panels.column(one, x), panels.column(one, y)
        there = np.isfinite(across) & np.isfinite(up)
        across, up = across[there], up[there]
        ends = np.array([across.min(), across.max()]) if len(across) else np.array([])
        right = [(float(end), 0.0 if data.kind == "residuals" else float(end)) for end in ends]
        points = [Path([point], _ANSI[0]) for point in zip(across.tolist(), up.tolist(), strict=True)]
        rows = one.fact("n")
        said = clean(name) + ("" if rows is None else f"  n = {panels.rows(rows)}")
        drawn = canvas([Path(right, _ANSI[1]), *points], width=width, color=color, x_name=x_name)
        written.append("\n".join([shorten(said, width), shorten(y_name, width), *drawn]))
    more = len(data.series) - _RUNS_MOST
    return "\n\n".join([*written, *([f"({more} more)"] if more > 0 else [])]) + "\n"


def _matrix(data: ChartPlot, width: int, color: bool) -> str:
    """Write the matrix of one run, or what the second of two has more; truth downwards."""
    if len(data.series) > 2:
        raise UsageError(
            f"{len(data.series)} confusion matrices cannot be written as text", hint="name one or two runs"
        )
    if len(data.series) == 2:
        names, counts, _ = confusion.difference(data)
        first, second = panels.run_names(data.series)
        heading = f"{clean(second)} minus {clean(first)}"
    else:
        names, counts = confusion.matrix(data.series[0])
        heading = clean(data.series[0].name)
    if len(names) > _CLASSES_MOST:
        raise UsageError(
            f"a matrix of {len(names)} classes cannot be written as text", hint="ledger plot confusion -o FILE.png"
        )
    rows: list[list[Cell | str]] = []
    for i, name in enumerate(names):
        cells: Sequence[str] = numbers.column(counts[i].tolist())
        styled = [Cell(cell, "bold" if i == j else "dim" if not counts[i, j] else None) for j, cell in enumerate(cells)]
        rows.append([clean(name), *styled])
    align = "l" + "r" * len(names)
    return f"{heading}\n" + render_table(
        ["true \\ predicted", *map(clean, names)], rows, align=align, color=color, width=width
    )


def _bars(data: ChartPlot, width: int) -> str:
    """Write a bar a feature, of several runs their mean share."""
    if len(data.series) > 1:
        raise UsageError("importances of several runs cannot be drawn as text", hint="name one run, or -o FILE.png")
    found = distributions.ranked(data)
    values = found.values[0].tolist()
    texts = numbers.column(values)
    names = [shorten(clean(name), 30) for name in found.features]
    wide, room = max(map(len, names), default=0), max(map(len, texts), default=0)
    most = max((abs(value) for value in values if value == value), default=0.0)
    space = max(10, width - wide - room - 4)
    lines = []
    for name, value, number in zip(names, values, texts, strict=True):
        share: Any = abs(value) / most if most and value == value else 0.0
        eighths = round(share * space * 8)
        bar = "█" * (eighths // 8) + (_BARS[eighths % 8 - 1] if eighths % 8 else "")
        lines.append(f"{name.ljust(wide)}  {number.rjust(room)}  {bar}".rstrip())
    return "\n".join([*lines, *([f"({found.more} more)"] if found.more else [])]) + "\n"
