"""What pictures of chart data share: the colour of each run, square panels, and the list of runs with their values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ledger.table.chart_data import ChartPlot, Series, finite
from ledger.view.drawing import labels, style
from ledger.view.drawing.style import INK, REST, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DRAWN_MOST = 1e150  # what is beyond cannot be squared, nor drawn
CHANCE: dict[str, Any] = {"color": SOFT, "linewidth": 0.9, "linestyle": (0, (4, 3)), "zorder": 1.5}


class Line(NamedTuple):
    """A curve to be drawn: what it is called, the value that is said beside it, and its points."""

    text: str
    value: float | None
    x: Any
    y: Any


def run_names(series: Sequence[Series]) -> list[str]:
    """Return what each run is called in labels."""
    return (
        list(style.names({str(i): one.name for i, one in enumerate(series)}, 24).values())
        if (len({one.name for one in series}) == len(series))
        else [f"{style.name(one.name, 19)} {one.run[-4:]}" for one in series]
    )


def column(series: Series, name: str) -> Any:
    """Return a column (n,) as float64, NaN where it is absent, or no number that can be drawn."""
    values = series.columns.get(name)
    if values is None:
        size = max((len(found) for found in series.columns.values()), default=0)
        return np.full(size, np.nan)
    plain = values.tolist() if hasattr(values, "tolist") else values
    found = np.array([np.nan if value is None else value for value in plain], dtype=np.float64)
    found[~(np.abs(found) < _DRAWN_MOST)] = np.nan
    return found


def title(data: ChartPlot, what: str) -> str:
    """Return the title: what is drawn, of which split and, where it is one, of which run."""
    of = f" of {style.name(data.series[0].name)}" if len(data.series) == 1 else ""
    on = f", {data.split}" if data.split else ""
    return what + of + on


def rows(count: float) -> str:
    """Write how many rows there are: all digits of a whole number, six of a sum of weights."""
    return f"{count:.0f}" if count == round(count) and abs(count) < 1e15 else f"{count:g}"


def rows_said(series: Sequence[Series]) -> str:
    """Return how many rows the charts are about, where they all say the same; else nothing."""
    said = set()
    for one in series:
        positive, negative = one.fact("positive"), one.fact("negative")
        if positive is not None and negative is not None:
            label = f"{style.name(str(one.labels[1]), 16)}" if len(one.labels) == 2 else "positive"
            said.add(f"n = {rows(positive + negative)}, {rows(positive)} {_class(label)}")
        elif (count := one.fact("n")) is not None:
            said.add(f"n = {rows(count)}")
        else:
            said.add("")
    return said.pop() if len(said) == 1 else ""


def _class(label: str) -> str:
    return "positive" if label in ("1", "1.0", "True", "true") else label


def class_name(label: Any) -> str:
    """Return a class as a label: numbers and truth values say that they are classes."""
    text = style.name(str(label), 20)
    return f"class {text}" if isinstance(label, bool | int | float) else text


def head(axes: "Axes", data: ChartPlot, what: str) -> None:
    """Write the title at the left and, small, the number of rows at the right."""
    axes.set_title(title(data, what))
    axes.set_xlabel(axes.get_xlabel())
    said = rows_said(data.series)
    if said:
        axes.annotate(
            said, (1, 0), xytext=(0, -31), xycoords="axes fraction", textcoords="offset points", ha="right", va="top",
            fontsize=7.5, color=SOFT, annotation_clip=False,
        )  # fmt: skip


def unit(axes: "Axes", x: str, y: str, *, square: bool = True) -> None:
    """Make both axes go from 0 to 1, with names."""
    axes.set_xlim(-0.015, 1.015)
    axes.set_ylim(-0.015, 1.015)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_yticks(np.linspace(0, 1, 6))
    if square:
        axes.set_aspect("equal")
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def from_zero(axes: "Axes") -> None:
    """Let the y axis begin at 0."""
    axes.set_ylim(0, max(axes.get_ylim()[1], 1e-300) if axes.get_ylim()[1] > 0 else 1.0)


def ranked(lines: Sequence[Line], *, smaller: bool = False) -> list[Line]:
    """Return lines, the best value first, those without a value last; equal ones stay in their order."""
    known = [line for line in lines if line.value is not None]
    rest = [line for line in lines if line.value is None]
    return sorted(known, key=lambda line: (line.value or 0.0) * (1 if smaller else -1)) + rest


def colors(count: int, top: int = 5) -> list[str]:
    """Return a colour for each of so many lines: each its own, or of too many the first ones, the others grey."""
    own = count if count <= len(style.COLORS) else top
    return [style.COLORS[i] if i < own else REST for i in range(count)]


def values(lines: Sequence[Line]) -> list[str]:
    """Write the values of lines that stand together, with three decimals, or four to tell them apart."""
    known = {line.value for line in lines if line.value is not None}
    if any(abs(value) >= 1e4 for value in known):
        written = dict(zip(known, style.write(list(known)), strict=True))
        return ["undefined" if line.value is None else written[line.value] for line in lines]
    three = {f"{value:.3f}" for value in known}
    digits = 3 if len(three) == len(known) and not any(f"{v:.3f}" == "1.000" and v < 1 for v in known) else 4
    return ["undefined" if line.value is None else f"{line.value:.{digits}f}" for line in lines]


def emptier(axes: "Axes", lines: Sequence[Line], corners: Sequence[str]) -> str:
    """Return that of some corners in which the fewest points of lines lie; the first of equal ones."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    counts = []
    for corner in corners:
        count = 0
        for line in lines:
            x, y = (np.asarray(line.x) - left) / (right - left), (np.asarray(line.y) - low) / (high - low)
            across = x > 0.5 if "right" in corner else x < 0.5
            count += int((across & (y > 0.6 if "upper" in corner else y < 0.4)).sum())
        counts.append(count)
    return corners[counts.index(min(counts))]


def curve(axes: "Axes", line: Line, color: str, **how: Any) -> None:
    """Draw a line, the coloured ones over the grey ones."""
    faint = color == REST
    look = {"linewidth": 0.8 if faint else 1.7, "alpha": 0.8 if faint else 1.0, "zorder": 2.5 if faint else 4}
    drawn = axes.plot(line.x, line.y, color=color, **look | how)
    said = "" if finite(line.value) is None else f": {style.plain(line.value or 0.0)}"
    style.tooltip(drawn[0], line.text + said)


def listed(
    axes: "Axes", entries: Sequence[tuple[str, dict[str, Any]]], corner: str, heading: str | None = None, **how: Any
) -> None:
    """List in a corner of the axes, where the curves leave room, what each line stands for."""
    from matplotlib.lines import Line2D

    if not entries:
        return
    place: Any = corner
    handles = [Line2D([], [], **({"linewidth": 2.2} | look)) for _, look in entries]
    looks: dict[str, Any] = {
        "handlelength": 1.4,
        "labelspacing": 0.35,
        "borderaxespad": 0.7,
        "labelcolor": INK,
        "alignment": "left",
    }
    found = axes.legend(
        handles, [text for text, _ in entries], loc=place, title=heading, title_fontsize=8.5, frameon=True,
        framealpha=0.85, edgecolor="none", facecolor="white", **looks | how,
    )  # fmt: skip
    found.set_zorder(8)


def more(count: int, what: str, shown: int) -> list[tuple[str, dict[str, Any]]]:
    """Return the entry for the grey lines of a list, where there are any."""
    return [(f"{count - shown} {what}", {"color": REST, "linewidth": 1})] if count > shown else []


def panels(count: int, width: float, height: float, across: int = 3) -> tuple["Figure", list["Axes"]]:
    """Return a figure and so many axes of a size in inches each, in a grid."""
    rows, columns = style.grid(count, across)
    figure = style.figure(width * columns + 0.2, height * rows + 0.2)
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in grid[count:]:
        axes.set_visible(False)
    return figure, grid[:count]


def above(figure: "Figure", data: ChartPlot, what: str, entries: Sequence[tuple[str, dict[str, Any]]] = ()) -> None:
    """Write the title above several panels and, under it, what the lines in all of them stand for."""
    labels.keys(figure, entries)
    look: Any = {"size": 10.5, "weight": "bold"}
    if figure.legends:
        figure.legends[-1].set_title(title(data, what), prop=look)
        figure.legends[-1].set_alignment("left")
    else:
        figure.suptitle(title(data, what), x=0.012, ha="left", color=INK, **look)
