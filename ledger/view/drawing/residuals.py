"""Regressions: residuals against predictions, and predictions against the truth; a panel a run, the same axes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ledger.errors import UsageError
from ledger.table.chart_data import ChartPlot, Series, finite
from ledger.view.drawing import panels, style
from ledger.view.drawing.panels import CHANCE
from ledger.view.drawing.style import INK, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RUNS_MOST = 9
_GROUPS = 8  # of equal weight, along which the median is drawn


def residuals(data: ChartPlot) -> "Figure":
    """Return the figure of residuals (truth - prediction) against predictions, with their median and middle 90 %."""
    figure, grid = _panels(data, "predicted", "residual")
    names = panels.run_names(data.series)
    for axes, one, name, hue in zip(grid, data.series, names, _hues(data), strict=True):
        axes.axhline(0, **CHANCE | {"zorder": 3})
        _points(axes, one, "predicted", "residual", hue)
        shares = one.facts.get("quantiles")
        found = {share: finite(value) for share, value in shares.items()} if isinstance(shares, dict) else {}
        low, middle, high = (found.get(share) for share in ("0.05", "0.5", "0.95"))
        if low is not None and high is not None:
            axes.axhspan(low, high, color=hue, alpha=0.09, linewidth=0, zorder=1)
        _median(axes, one, "predicted", "residual")
        said = "" if None in (low, middle, high) else f"90 % in {low:.4g} to {high:.4g}, median {middle:.4g}"
        _name(axes, data, name, said)
        axes.set_xlabel("Predicted")
        axes.set_ylabel("Residual: true minus predicted")
        axes.label_outer()
    if len(grid) == 1:
        _beside(grid[0], data.series[0], _hues(data)[0])
    _title(figure, data, "Residuals")
    return figure


def predicted_vs_true(data: ChartPlot) -> "Figure":
    """Return the figure of predictions against the truth."""
    figure, grid = _panels(data, "truth", "predicted", square=True)
    names = panels.run_names(data.series)
    ends = _limits([panels.column(one, name) for one in data.series for name in ("truth", "predicted")])
    for axes, one, name, hue in zip(grid, data.series, names, _hues(data), strict=True):
        axes.plot(ends, ends, **CHANCE | {"zorder": 3})
        _points(axes, one, "truth", "predicted", hue)
        axes.set_xlim(*ends)
        axes.set_ylim(*ends)
        axes.set_aspect("equal")
        axes.set_yticks(axes.get_xticks())
        axes.set_xlim(*ends)
        axes.set_ylim(*ends)
        _name(axes, data, name, "")
        axes.set_xlabel("True")
        axes.set_ylabel("Predicted")
        axes.label_outer()
    _title(figure, data, "Predicted and true")
    return figure


def _panels(data: ChartPlot, x: str, y: str, *, square: bool = False) -> tuple["Figure", list["Axes"]]:
    count = len(data.series)
    if count > RUNS_MOST:
        raise UsageError(f"{count} runs have {data.kind} data; up to {RUNS_MOST} are drawn", hint="name some of them")
    size = (4.5, 4.5) if square and count == 1 else (5.6, 4.0) if count == 1 else (3.2, 3.3 if square else 2.8)
    figure, grid = panels.panels(count, *size)
    across = _limits([panels.column(one, x) for one in data.series])
    up = _limits([panels.column(one, y) for one in data.series])
    for axes in grid:
        axes.set_xlim(*across)
        axes.set_ylim(*up)
    return figure, grid


def _hues(data: ChartPlot) -> list[str]:
    """Return the colour of each run: panels may share one, so that none has to be grey."""
    return [style.COLORS[place % len(style.COLORS)] for place in panels.places(data)]


def _limits(columns: Sequence[Any]) -> tuple[float, float]:
    values = np.concatenate([column[np.isfinite(column)] for column in columns])
    if not values.size:
        return (0.0, 1.0)
    return style.padded([float(values.min()), float(values.max())], 0.05) or (0.0, 1.0)


def _points(axes: "Axes", one: Series, x: str, y: str, hue: str) -> None:
    """Draw points or, of many rows, the cells of a grid, the darker the more rows lie in one."""
    across, up, weight = (panels.column(one, name) for name in (x, y, "weight"))
    cells = one.facts.get("cells")
    if isinstance(cells, list | tuple) and len(cells) == 2 and all((finite(c) or 0) > 0 for c in cells) and len(across):
        from matplotlib.collections import PatchCollection
        from matplotlib.patches import Rectangle

        wide, high = float(cells[0]), float(cells[1])
        patches = [Rectangle((a - wide / 2, b - high / 2), wide, high) for a, b in zip(across, up, strict=True)]
        share = np.log1p(weight) / max(float(np.log1p(weight).max()), 1e-300)
        drawn = PatchCollection(patches, facecolor=hue, edgecolor="none", alpha=np.clip(0.08 + 0.92 * share, 0, 1))
        drawn.set_zorder(2)
        axes.add_collection(drawn)
        return
    pale = float(np.clip(12 / max(np.sqrt(len(across)), 1), 0.12, 0.75))
    axes.scatter(across, up, s=16, color=hue, alpha=pale, edgecolors="none", zorder=2)


def _median(axes: "Axes", one: Series, x: str, y: str) -> None:
    """Draw the median of residuals along the predictions: where it leaves 0 the model is wrong in one direction."""
    across, up, weight = (panels.column(one, name) for name in (x, y, "weight"))
    if len(across) < 4 * _GROUPS:
        return
    order = np.argsort(across, kind="stable")
    across, up, weight = across[order], up[order], weight[order]
    total = np.cumsum(weight)
    group = np.minimum((total / total[-1] * _GROUPS - 1e-9).astype(int), _GROUPS - 1)
    places, medians = [], []
    for k in range(_GROUPS):
        here = group == k
        if here.any():
            mine = np.argsort(up[here], kind="stable")
            below = np.cumsum(weight[here][mine])
            medians.append(float(up[here][mine][int(np.searchsorted(below, below[-1] / 2))]))
            places.append(float(np.average(across[here], weights=weight[here])))
    axes.plot(places, medians, color=INK, linewidth=2, zorder=5)


def _name(axes: "Axes", data: ChartPlot, name: str, said: str) -> None:
    if len(data.series) == 1:
        n = data.series[0].fact("n")
        said = ", ".join(text for text in ("" if n is None else panels.total(n), said) if text)
    else:
        axes.set_title(name)
    if said:
        axes.annotate(
            said, (0, 1), xytext=(0, 3), xycoords="axes fraction", textcoords="offset points", fontsize=7.5, color=SOFT,
            annotation_clip=False,
        )  # fmt: skip
        axes.set_title(axes.get_title("left"), pad=15)


def _beside(axes: "Axes", one: Series, hue: str) -> None:
    """Draw how the residuals are spread, at the right of them."""
    values, weight = panels.column(one, "residual"), panels.column(one, "weight")
    there = np.isfinite(values) & np.isfinite(weight)
    side = axes.inset_axes((1.015, 0, 0.13, 1), sharey=axes)
    low, high = axes.get_ylim()
    side.hist(
        values[there], bins=np.linspace(low, high, 41).tolist(), weights=weight[there], orientation="horizontal",
        color=hue, alpha=0.45,
    )  # fmt: skip
    side.set_ylim(low, high)
    side.axis("off")


def _title(figure: "Figure", data: ChartPlot, what: str) -> None:
    entries: list[tuple[str, dict[str, Any]]] = []
    if data.kind == "residuals":
        entries = [
            ("median along the predictions", {"color": INK, "linewidth": 2}),
            (
                "middle 90 %",
                {"color": _hues(data)[0] if len(data.series) == 1 else SOFT, "alpha": 0.25, "linewidth": 7},
            ),
        ]
    panels.above(figure, data, what, entries)
