"""What scores of two classes say: whether they are probabilities, how far apart the classes are, which threshold."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ledger.errors import NoSuchMetric
from ledger.table.chart_data import ChartPlot, Series, finite
from ledger.view.drawing import labels, panels, style
from ledger.view.drawing.labels import Label
from ledger.view.drawing.panels import CHANCE, Line
from ledger.view.drawing.style import REST, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = ("precision", "recall", "f1", "mcc", "accuracy")  # of one run
COMPARED = ("f1", "mcc", "precision", "recall")  # of several, a panel each
_Z = 1.959963984540054  # of a 95 % interval


def calibration(data: ChartPlot) -> "Figure":
    """Return the figure of the share of positives against the mean score, over how the scores are spread."""
    figure = style.figure(*((4.7, 5.2) if len(data.series) == 1 else (5.8, 5.6)))
    top, low = figure.subplots(2, 1, sharex=True, height_ratios=[4.4, 1])
    panels.unit(top, "", "Share of positives", square=False)
    top.plot([0, 1], [0, 1], **CHANCE)
    lines = calibration_lines(data)
    hues = panels.colors(lines)
    by_name = dict(zip(panels.run_names(data.series), data.series, strict=True))
    for line, hue in reversed(list(zip(lines, hues, strict=True))):
        one = by_name[line.text]
        weight = np.fmax(panels.column(one, "weight"), 0.0)
        panels.curve(top, line, hue, linewidth=1.1, alpha=0.75)
        if hue != REST:
            filled = weight[
                np.isfinite(panels.column(one, "mean_score")) & np.isfinite(panels.column(one, "positive_share"))
            ]
            areas = 14 + 90 * filled / max(float(filled.max(initial=0.0)), 1e-300)
            top.scatter(line.x, line.y, s=areas, color=hue, edgecolors="white", linewidths=0.7, zorder=5, clip_on=False)
        if len(lines) == 1:
            _intervals(top, one, hue)
        edges = np.append(panels.column(one, "low"), panels.column(one, "high")[-1:])
        share = weight / max(float(np.nansum(weight)), 1e-300)
        wide = 0.8 if hue == REST else 1.5
        low.stairs(share, edges, color=hue, linewidth=wide, fill=len(lines) == 1, alpha=0.35 if len(lines) == 1 else 1)
    low.set_xlabel("Mean score of the bin")
    low.set_ylabel("Share of rows")
    panels.from_zero(low)
    alone = len(lines) == 1
    entries: list[tuple[str, dict[str, Any]]] = [
        (f"ECE {value}" if alone else f"{line.text}, ECE {value}", {"color": hue})
        for line, hue, value in zip(lines, hues, panels.values(lines), strict=True)
        if hue != REST
    ]
    if alone:
        entries.append(("95 % interval of a bin", {"color": hues[0], "linewidth": 1, "alpha": 0.6}))
    else:
        entries += panels.more(len(lines), "others, greater ECE", len(entries))
    panels.above(figure, data, "Calibration", entries)
    panels.head(low, data, "")
    figure.align_ylabels()
    return figure


def calibration_lines(data: ChartPlot) -> list[Line]:
    """Return a line a run through the bins that hold any row, the one with the least ECE first."""
    lines = []
    for one, name, place in zip(data.series, panels.run_names(data.series), panels.places(data), strict=True):
        x, y = panels.column(one, "mean_score"), panels.column(one, "positive_share")
        there = np.isfinite(x) & np.isfinite(y)
        lines.append(Line(name, one.fact("ece"), x[there], y[there], place))
    return panels.ranked(lines, smaller=True)


def _intervals(axes: "Axes", one: Series, hue: str) -> None:
    """Draw Wilson's 95 % interval of each bin's share, where weights are counts of rows."""
    x, share, n = (panels.column(one, name) for name in ("mean_score", "positive_share", "weight"))
    there = np.isfinite(x) & np.isfinite(share) & (n > 0)
    x, share, n = x[there], share[there], n[there]
    below = 1 + _Z * _Z / n
    middle = (share + _Z * _Z / (2 * n)) / below
    half = _Z / below * np.sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n))
    axes.vlines(x, middle - half, middle + half, color=hue, linewidth=1, alpha=0.6, zorder=3)


def ks(data: ChartPlot) -> "Figure":
    """Return the figure of the shares of both classes up to each score; of several runs, of how far they are apart."""
    figure, (axes,) = panels.panels(1, 5.4, 4.0)
    corners: tuple[str, ...]
    if len(data.series) == 1:
        entries, corners = (
            _two_shares(axes, data.series[0]),
            ("lower right", "upper left", "center right", "center left"),
        )
        heading = None
    else:
        lines = ks_lines(data)
        hues = panels.colors(lines)
        spots = {name: one for one, name in zip(data.series, panels.run_names(data.series), strict=True)}
        for line, hue in reversed(list(zip(lines, hues, strict=True))):
            panels.curve(axes, line, hue, drawstyle="steps-post")
            at = spots[line.text].fact("at")
            if hue != REST and at is not None and line.value is not None:
                axes.plot(at, line.value, "o", color=hue, markersize=6, markeredgecolor="white", zorder=6)
        entries = [
            (f"{value}  {line.text}", {"color": hue})
            for line, hue, value in zip(lines, hues, panels.values(lines), strict=True)
            if hue != REST
        ]
        entries += panels.more(len(lines), "others, lower", len(entries))
        corners, heading = ("lower center", "upper right"), "KS: greatest distance"
        axes.set_ylabel("Distance of the classes' shares")
    axes.set_ylim(-0.015, 1.03)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_xlabel("Score")
    panels.head(axes, data, "Kolmogorov-Smirnov")
    panels.listed(axes, entries, corners, heading=heading)
    return figure


def ks_lines(data: ChartPlot) -> list[Line]:
    """Return a line a run: how far apart the shares of both classes up to a score are; the greatest KS first."""
    lines = []
    for one, name, place in zip(data.series, panels.run_names(data.series), panels.places(data), strict=True):
        apart = np.abs(panels.column(one, "negative") - panels.column(one, "positive"))
        lines.append(Line(name, one.fact("ks"), *_whole_range(panels.column(one, "score"), apart, 0.0), place))
    return panels.ranked(lines)


def _whole_range(x: Any, y: Any, last: float) -> tuple[Any, Any]:
    """Return a curve from 0 to 1 where all scores lie there, so that it does not end in the middle."""
    if not len(x) or x[0] < 0 or x[-1] > 1:
        return np.append(x[:1], x), np.append(0.0, y)
    return np.concatenate([[0.0], x, [1.0]]), np.concatenate([[0.0], y, [last]])


def _two_shares(axes: "Axes", one: Series) -> list[tuple[str, dict[str, Any]]]:
    """Draw the share of each class up to each score, and where they are farthest apart; return the entries of all."""
    score = panels.column(one, "score")
    names = [panels.class_name(label) for label in one.labels] if len(one.labels) == 2 else ["negative", "positive"]
    entries: list[tuple[str, dict[str, Any]]] = []
    for name, side, hue in zip(names, ("negative", "positive"), style.COLORS, strict=False):
        x, y = _whole_range(score, panels.column(one, side), 1.0)
        panels.curve(axes, Line(name, None, x, y), hue, drawstyle="steps-post")
        entries.append((name, {"color": hue}))
    value, at_score = one.fact("ks"), one.fact("at")
    if value is not None and at_score is not None and len(score):
        here = min(int(np.searchsorted(score, at_score)), len(score) - 1)
        low, high = sorted((panels.column(one, "positive")[here], panels.column(one, "negative")[here]))
        axes.plot([at_score, at_score], [low, high], color=style.INK, linewidth=1.6, zorder=5)
        axes.plot([at_score] * 2, [low, high], "_", color=style.INK, markersize=8, markeredgewidth=1.6, zorder=5)
        entries.append((f"KS {value:.3f} at {at_score:.3g}", {"color": style.INK, "linewidth": 1.6}))
    axes.set_ylabel("Share of the class up to the score")
    return entries


def threshold(data: ChartPlot) -> "Figure":
    """Return the figure of class metrics over the threshold: of one run together, of several a panel a metric."""
    metrics = threshold_metrics(data)
    if len(data.series) == 1:
        return _of_one(data, metrics)
    figure, grid = panels.panels(len(metrics), 3.7, 2.9)
    names = panels.run_names(data.series)
    hues = style.hues(panels.places(data))
    for axes, metric in zip(grid, metrics, strict=True):
        for one, name, hue in reversed(list(zip(data.series, names, hues, strict=True))):
            if metric in one.columns:
                x, y = panels.column(one, "threshold"), panels.column(one, metric)
                panels.curve(axes, Line(name, None, x, y), hue)
        _best_points(axes, data.series, hues, metric)
        _threshold_axes(axes, data, [metric])
        axes.set_title(metric)
        axes.label_outer()
    entries: list[tuple[str, dict[str, Any]]] = [
        (name, {"color": hue}) for name, hue in zip(names, hues, strict=True) if hue != REST
    ]
    entries += panels.more(len(names), "others", len(entries))
    entries.append(("best threshold", {"color": SOFT, "marker": "o", "linewidth": 0, "markersize": 5}))
    panels.above(figure, data, "Metrics over the threshold", entries)
    return figure


def threshold_metrics(data: ChartPlot) -> list[str]:
    """Return the metrics that are shown: those asked for, else some; all are columns of at least one run."""
    known = list(dict.fromkeys(name for one in data.series for name in one.columns if name != "threshold"))
    for metric in data.asked.metrics:
        if metric not in known:
            raise NoSuchMetric(f"there is no {metric!r} over the threshold", hint=f"there is {', '.join(known)}")
    shown = SHOWN if len(data.series) == 1 else COMPARED
    return list(dict.fromkeys(data.asked.metrics)) or [metric for metric in shown if metric in known] or known[:4]


def best(one: Series, metric: str) -> tuple[float, float] | None:
    """Return the best threshold of a metric and its value there."""
    found = one.facts.get("best")
    spot = found.get(metric) if isinstance(found, dict) else None
    if not isinstance(spot, dict):
        return None
    at, value = finite(spot.get("threshold")), finite(spot.get("value"))
    return None if at is None or value is None else (at, value)


def _of_one(data: ChartPlot, metrics: Sequence[str]) -> "Figure":
    one = data.series[0]
    figure, (axes,) = panels.panels(1, 6.2, 4.0)
    hues = (style.COLORS * math.ceil(len(metrics) / len(style.COLORS)))[: len(metrics)]
    x = panels.column(one, "threshold")
    ends = []
    for metric, hue in zip(metrics, hues, strict=True):
        y = panels.column(one, metric)
        panels.curve(axes, Line(metric, None, x, y), hue)
        there = np.flatnonzero(np.isfinite(y))
        spot = best(one, metric)
        said = "" if spot is None else f", best {spot[1]:.3f} at {spot[0]:.3g}"
        if len(there):
            ends.append(Label(metric + said, float(x[there[-1]]), float(y[there[-1]]), hue))
        if spot is not None:
            axes.plot(*spot, "o", color=hue, markersize=6, markeredgecolor="white", zorder=6)
    _threshold_axes(axes, data, metrics)
    _used(axes, one.fact("threshold"), x)
    panels.head(axes, data, "Metrics over the threshold")
    labels.at_the_right(axes, ends)
    return figure


def _used(axes: "Axes", used: float | None, thresholds: Any) -> None:
    """Mark the threshold in use; where it is far from all that are drawn only say it, or nothing else would be seen."""
    if used is None or not len(thresholds):
        return
    low, high = float(np.min(thresholds)), float(np.max(thresholds))
    if low - (high - low) <= used <= high + (high - low) or low == high:
        axes.axvline(used, **CHANCE)
        axes.annotate(
            f"used: {used:.3g}", (used, 0), xycoords=("data", "axes fraction"), xytext=(3, 4),
            textcoords="offset points", fontsize=7.5, color=SOFT,
        )  # fmt: skip
        return
    side, place = ("left", 0.0) if used < low else ("right", 1.0)
    said = f"← used: {used:.3g}" if used < low else f"used: {used:.3g} →"
    axes.annotate(
        said, (place, 0), xycoords="axes fraction", xytext=(3 if used < low else -3, 4), ha=side,
        textcoords="offset points", fontsize=7.5, color=SOFT,
    )  # fmt: skip


def _best_points(axes: "Axes", series: Sequence[Series], hues: Sequence[str], metric: str) -> None:
    for one, hue in zip(series, hues, strict=True):
        spot = best(one, metric)
        if spot is not None and hue != REST:
            axes.plot(*spot, "o", color=hue, markersize=5.5, markeredgecolor="white", zorder=6)


def _threshold_axes(axes: "Axes", data: ChartPlot, metrics: Sequence[str]) -> None:
    axes.set_xlabel("Threshold: positive where score >")
    drawn = [panels.column(one, metric) for one in data.series for metric in metrics]
    finite_ones = [float(value) for column in drawn for value in column[np.isfinite(column)]]
    if finite_ones and min(finite_ones) >= 0 and max(finite_ones) <= 1:
        axes.set_ylim(-0.02, 1.03)
    axes.margins(x=0.01)
