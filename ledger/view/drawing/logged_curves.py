"""Curves that were logged with their points: one, or several over one x."""

from typing import TYPE_CHECKING

import numpy as np

from ledger.errors import UsageError
from ledger.table.chart_data import ChartPlot
from ledger.view.drawing import labels, panels, style
from ledger.view.drawing.labels import Label
from ledger.view.drawing.panels import Line
from ledger.view.drawing.style import REST

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES_MOST = 50
_MARKED_MOST = 40  # points up to which each is marked


def lines(data: ChartPlot) -> list[Line]:
    """Return the curves of a chart, in the order of its columns; raises UsageError for too many."""
    one = data.series[0]
    x = panels.column(one, "x")
    names = [name for name in one.columns if name != "x"]
    if len(names) > LINES_MOST:
        raise UsageError(
            f"the chart {one.chart} has {len(names)} curves; up to {LINES_MOST} are drawn",
            hint=f"ledger charts {one.run} {one.chart} --csv",
        )
    return [Line("" if names == ["y"] else name, None, x, panels.column(one, name)) for name in names]


def axis_names(data: ChartPlot) -> tuple[str, str]:
    """Return the names of both axes: as they were logged, else `x` and `y`."""
    facts = data.series[0].facts
    x, y = (facts.get(name) for name in ("x_label", "y_label"))
    return style.name(x, 60) if isinstance(x, str) else "x", style.name(y, 40) if isinstance(y, str) else "y"


def curve(data: ChartPlot) -> "Figure":
    """Return the figure of curves, each named at its end; of more than seven the first five in colour."""
    found = lines(data)
    own = len(found) if len(found) <= len(style.COLORS) else 5
    hues = [style.COLORS[i] if i < own else REST for i in range(len(found))]
    figure, (axes,) = panels.panels(1, 5.6, 3.8)
    for line, hue in reversed(list(zip(found, hues, strict=True))):
        there = int((np.isfinite(line.x) & np.isfinite(line.y)).sum())
        marks = {"marker": "o", "markersize": 3.5} if there <= _MARKED_MOST and hue != REST else {}
        panels.curve(axes, line, hue, **marks)
    x, y = axis_names(data)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.margins(x=0.02)
    one = data.series[0]
    axes.set_title(panels.title(data, style.name(one.chart.rpartition("/")[2], 40).replace("_", " ").capitalize()))
    ends = []
    for line, hue in zip(found, hues, strict=True):
        there_is = np.flatnonzero(np.isfinite(line.x) & np.isfinite(line.y))
        if line.text and hue != REST and len(there_is):
            last = there_is[int(np.argmax(line.x[there_is]))]
            ends.append(Label(style.name(line.text), float(line.x[last]), float(line.y[last]), hue))
    if len(found) > own:
        panels.listed(axes, panels.more(len(found), "others", own), ("upper left", "lower left"))
    labels.at_the_right(axes, ends)
    return figure
