"""How values are spread, and what counts most: histograms of scores and residuals, importance of features."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ledger.errors import UsageError
from ledger.table.chart_data import ChartPlot, Series
from ledger.view.drawing import panels, style
from ledger.view.drawing.panels import Line
from ledger.view.drawing.style import GRID, REST, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RUNS_MOST = 9
_FEATURES = 20
_ROOM = 10  # pixels between a value and the edge
_EDGES = frozenset({"low", "high"})


def parts(one: Series) -> list[tuple[str, Any]]:
    """Return what a histogram counts, each with its name: classes, or one column called `count`."""
    named = {"negative": 0, "positive": 1}
    found = []
    for name in one.columns:
        if name not in _EDGES:
            label = one.labels[named[name]] if name in named and len(one.labels) == 2 else name
            found.append((panels.class_name(label), panels.column(one, name)))
    return found


def histogram(data: ChartPlot) -> "Figure":
    """Return the figure of histograms: of one column the runs overlaid, of classes a panel a run."""
    if all(len(parts(one)) == 1 for one in data.series):
        return _overlaid(data)
    if len(data.series) > RUNS_MOST:
        raise UsageError(
            f"{len(data.series)} runs have histograms of classes; up to {RUNS_MOST} are drawn", hint="name some of them"
        )
    count = len(data.series)
    figure, grid = panels.panels(count, *((5.4, 3.8) if count == 1 else (3.3, 2.7)))
    names: dict[str, str] = {}
    every = [weight for one in data.series for _, weight in parts(one)]
    top = max((float(np.nanmax(weight)) for weight in every if np.isfinite(weight).any()), default=0.0)
    ends = [edge for one in data.series for edge in _edges(one)[[0, -1]].tolist()]
    for axes, one, name in zip(grid, data.series, panels.run_names(data.series), strict=True):
        edges = _edges(one)
        for i, (part, weight) in enumerate(parts(one)):
            hue = names.setdefault(part, style.COLORS[i % len(style.COLORS)])
            axes.stairs(weight, edges, fill=True, color=hue, alpha=0.35, zorder=2)
            axes.stairs(weight, edges, color=hue, linewidth=1.3, zorder=3)
        axes.set_xlabel("Score")
        said = panels.rows_said([one])
        axes.set_ylabel("Rows" if not said or said.startswith("n = ") else "Sum of weights")
        axes.set_ylim(0, top * 1.05 or 1.0)
        axes.set_xlim(*(style.padded(ends, 0.01) or (0.0, 1.0)))
        panels.below(axes, said)
        if count > 1:
            axes.set_title(name)
    entries: list[tuple[str, dict[str, Any]]] = [
        (part, {"color": hue, "linewidth": 6, "alpha": 0.6}) for part, hue in names.items()
    ]
    panels.above(figure, data, "Scores", entries)
    return figure


def _edges(one: Series) -> Any:
    low, high = panels.column(one, "low"), panels.column(one, "high")
    return np.append(low, high[-1:])


def _overlaid(data: ChartPlot) -> "Figure":
    figure, (axes,) = panels.panels(1, 5.4, 3.8)
    hues = style.hues(panels.places(data))
    names = panels.run_names(data.series)
    alone = len(names) == 1
    for one, name, hue in reversed(list(zip(data.series, names, hues, strict=True))):
        ((_, weight),) = parts(one)
        edges = _edges(one)
        widths = np.diff(edges)
        total = float(np.nansum(weight))
        # Runs have bins of their own: what can be compared is the share in a unit of width.
        height = (
            weight if alone else np.divide(weight, widths * total, out=np.zeros_like(weight), where=widths * total > 0)
        )
        if alone:
            axes.stairs(height, edges, fill=True, color=hue, alpha=0.35, zorder=2)
        drawn = axes.stairs(height, edges, color=hue, linewidth=0.8 if hue == REST else 1.6, zorder=3, baseline=None)
        style.tooltip(drawn, name)
        mean = one.fact("mean")
        if mean is not None and alone:
            axes.axvline(mean, **panels.CHANCE | {"zorder": 4})
            axes.annotate(
                f"mean {mean:.4g}", (mean, 1), xycoords=("data", "axes fraction"), xytext=(4, -10),
                textcoords="offset points", fontsize=8, color=SOFT,
            )  # fmt: skip
    panels.from_zero(axes)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.06)  # for what stands at the mean
    what = data.series[0].chart.rpartition("/")[2].partition("{")[0]
    axes.set_xlabel("Residual: true minus predicted" if what == "residual_histogram" else "Value")
    axes.set_ylabel("Rows" if alone else "Share of rows per unit")
    entries: list[tuple[str, dict[str, Any]]] = [
        (name, {"color": hue}) for name, hue in zip(names, hues, strict=True) if hue != REST and not alone
    ]
    panels.head(axes, data, style.name(what, 40).replace("_", " ").capitalize())
    if entries:
        entries += panels.more(len(names), "others", len(entries))
        panels.listed(axes, entries, ("upper right", "upper left"))
    return figure


class Ranked(NamedTuple):
    """Features, the most important first, and what each run says of them: values and half-widths, NaN where absent."""

    features: list[str]
    values: Any  # (runs, features)
    spreads: Any
    more: int


def ranked(data: ChartPlot) -> Ranked:
    """Return the most important features over all runs: by absolute shares, so that no run's unit counts."""
    known: list[dict[str, tuple[float, float]]] = []
    for one in data.series:
        names = [str(name) for name in np.asarray(one.columns["name"], dtype=object).tolist()]
        value = panels.column(one, "value")
        spread = panels.column(one, "std") if "std" in one.columns else np.full(len(value), np.nan)
        known.append(dict(zip(names, zip(value.tolist(), spread.tolist(), strict=True), strict=True)))
    total = [sum(abs(v) for v, _ in of.values() if np.isfinite(v)) or 1.0 for of in known]
    every = list(dict.fromkeys(name for of in known for name in of))
    weight = {
        name: sum(
            abs(of[name][0]) / t
            for of, t in zip(known, total, strict=True)
            if name in of and of[name][0] == of[name][0]
        )
        for name in every
    }
    order = sorted(every, key=lambda name: -weight[name])
    most = data.asked.top or _FEATURES
    shown = order[:most]
    nothing = (np.nan, np.nan)
    cells = np.array([[of.get(name, nothing) for name in shown] for of in known]).reshape(len(known), len(shown), 2)
    return Ranked(shown, cells[..., 0], cells[..., 1], len(order) - len(shown))


def importance(data: ChartPlot) -> "Figure":
    """Return the figure of the most important features: bars of one run, a dot a run of several."""
    found = ranked(data)
    count = len(found.features)
    figure, (axes,) = panels.panels(1, 5.8, 1.3 + 0.23 * max(count, 3))
    places = np.arange(count)
    names = panels.run_names(data.series)
    hues = style.hues(panels.places(data))
    entries: list[tuple[str, dict[str, Any]]] = []
    axes.grid(axis="y", visible=False)
    if len(names) == 1:
        _bars(axes, found, places)
    else:
        axes.hlines(places, 0, 1, transform=axes.get_yaxis_transform(), color=GRID, linewidth=0.8, zorder=0)
        for i, (name, hue) in reversed(list(enumerate(zip(names, hues, strict=True)))):
            line = Line(name, None, found.values[i], places)
            panels.curve(
                axes, line, hue, linestyle="none", marker="o", markersize=4 if hue == REST else 6.5,
                markeredgecolor="white", markeredgewidth=0.6, alpha=0.9,
            )  # fmt: skip
        axes.axvline(0, color=SOFT, linewidth=0.8, zorder=1)
        dot: dict[str, Any] = {"marker": "o", "linewidth": 0}
        entries = [
            (name, dot | {"color": hue, "markersize": 6}) for name, hue in zip(names, hues, strict=True) if hue != REST
        ]
        entries += panels.more(len(names), "others", len(entries), **dot, markersize=4)
    axes.set_yticks(places, [style.name(name, 32) for name in found.features])
    axes.set_ylim(count - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    said = [f"{found.more} less important features not shown"] if found.more else []
    if len(names) == 1 and np.isfinite(found.spreads).any():
        said.insert(0, "\u00b1 standard deviation")
    axes.set_xlabel("Importance")
    axes.set_title(panels.title(data, "Feature importance"))
    panels.below(axes, "; ".join(said))
    if len(names) == 1:
        _make_room(axes)
    panels.listed(axes, entries, ("lower right", "upper right", "lower left"))
    return figure


def _bars(axes: "Axes", found: Ranked, places: Any) -> None:
    values, spreads = found.values[0], found.spreads[0]
    hues = [style.COLORS[0] if not value < 0 else style.COLORS[1] for value in values]
    shown = np.isfinite(spreads).any()
    axes.barh(places, values, height=0.66, color=hues, zorder=2)
    if shown:
        axes.errorbar(values, places, xerr=np.nan_to_num(spreads), fmt="none", ecolor=SOFT, elinewidth=1, zorder=3)
    axes.axvline(0, color=SOFT, linewidth=0.8, zorder=4)
    for place, value, spread in zip(places, values, np.nan_to_num(spreads), strict=True):
        if np.isfinite(value):
            axes.annotate(
                f"{value:.3g}", (value + (spread if value >= 0 else -spread), place),
                xytext=(4 if value >= 0 else -4, 0),
                textcoords="offset points", va="center", ha="left" if value >= 0 else "right", fontsize=7.5, color=SOFT,
            )  # fmt: skip


def _make_room(axes: "Axes") -> None:
    """Widen the x axis until the values beside the bars stand within it."""
    figure: Any = axes.figure
    for _ in range(3):
        figure.draw_without_rendering()
        frame = axes.get_window_extent()
        boxes = [text.get_window_extent() for text in axes.texts if text.get_in_layout() and text.get_text()]
        inside = [box for box in boxes if box.y0 > frame.y0]
        left = max([0.0, *(frame.x0 + _ROOM - box.x0 for box in inside)])
        right = max([0.0, *(box.x1 + _ROOM - frame.x1 for box in inside)])
        if left <= 1 and right <= 1:
            return
        low, high = axes.get_xlim()
        each = (high - low) / max(frame.width - left - right, frame.width / 4)
        axes.set_xlim(low - left * each, high + right * each)
