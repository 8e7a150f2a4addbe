"""What pictures of chart data share: the colour of each run, square panels, and the list of runs with their values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ledger.table.chart_data import TOGETHER, ChartPlot, Series, finite
from ledger.view.drawing import labels, style
from ledger.view.drawing.style import INK, REST, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DRAWN_MOST = 1e150  # what is beyond cannot be squared, nor drawn
CHANCE: dict[str, Any] = {"color": SOFT, "linewidth": 0.9, "linestyle": (0, (4, 3)), "zorder": 1.5}


class Line(NamedTuple):
    """A curve to be drawn: what it is called, the value that is said beside it, its points, and its colour's place."""

    text: str
    value: float | None
    x: Any
    y: Any
    place: int = 0


def places(data: ChartPlot) -> list[int]:
    """Return where each run stands in the order of colours, which is the same in all kinds of plot."""
    order = {run: i for i, run in enumerate(data.order)}
    return [order.get(one.run, i) for i, one in enumerate(data.series)]


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
    name = data.series[0].name if len(data.series) == 1 else data.of
    of = "" if name is None else f" of {style.name(name)}"
    on = f", {data.split}" if data.split else ""
    return what + of + on


def rows(count: float) -> str:
    """Write how many rows there are: all digits of a whole number, six of a sum of weights."""
    return f"{count:.0f}" if _whole(count) else f"{count:g}"


def total(count: float) -> str:
    """Say how many rows there are, or that what is known is the sum of their weights."""
    return f"n = {rows(count)}" if _whole(count) else f"sum of weights {rows(count)}"


def _whole(count: float) -> bool:
    return count == round(count) and abs(count) < 1e15


def rows_said(series: Sequence[Series]) -> str:
    """Return how many rows the charts are about, where they all say the same; else nothing."""
    said = set()
    for one in series:
        positive, negative = one.fact("positive"), one.fact("negative")
        if positive is not None and negative is not None:
            label = f"{style.name(str(one.labels[1]), 16)}" if len(one.labels) == 2 else "positive"
            said.add(f"{total(positive + negative)}, {rows(positive)} {_class(label)}")
        elif (count := one.fact("n")) is not None:
            said.add(total(count))
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
    axes.set_title(title(data, what) if what else "")
    below(axes, rows_said(data.series))


def below(axes: "Axes", said: str) -> None:
    """Write something small under the name of the x axis, at the right."""
    if said:
        axes.annotate(
            said, (1, 0), xytext=(0, -3), xycoords=("axes fraction", axes.xaxis.label), textcoords="offset points",
            ha="right", va="top", fontsize=7.5, color=SOFT, annotation_clip=False,
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


def colors(lines: Sequence[Line], data: ChartPlot | None = None) -> list[str]:
    """Return a colour for each line, by its place; of too many the first ones alone, the others are grey.

    So are the folds of a run beside what they give together, if `data` is given.
    """
    if data is not None and data.of is not None and any(line.text == TOGETHER for line in lines):
        return [style.COLORS[0] if line.text == TOGETHER else REST for line in lines]
    return style.hues([line.place for line in lines])


def values(lines: Sequence[Line]) -> list[str]:
    """Write the values of lines that stand together, with three decimals, or four to tell them apart."""
    known = {line.value for line in lines if line.value is not None}
    if any(abs(value) >= 1e4 for value in known):
        written = dict(zip(known, style.write(list(known)), strict=True))
        return ["undefined" if line.value is None else written[line.value] for line in lines]
    three = {f"{value:.3f}" for value in known}
    digits = 3 if len(three) == len(known) and not any(f"{v:.3f}" == "1.000" and v < 1 for v in known) else 4
    return ["undefined" if line.value is None else f"{line.value:.{digits}f}" for line in lines]


def curve(axes: "Axes", line: Line, color: str, **how: Any) -> None:
    """Draw a line, the coloured ones over the grey ones."""
    faint = color == REST
    look = {"linewidth": 0.8 if faint else 1.7, "alpha": 0.8 if faint else 1.0, "zorder": 2.5 if faint else 4}
    drawn = axes.plot(line.x, line.y, color=color, **look | how)
    said = "" if finite(line.value) is None else f": {style.plain(line.value or 0.0)}"
    style.tooltip(drawn[0], line.text + said)


def listed(
    axes: "Axes", entries: Sequence[tuple[str, dict[str, Any]]], corners: Sequence[str], heading: str | None = None, *,
    alone: bool = True, **how: Any,
) -> None:  # fmt: skip
    """List what each line stands for, once all is drawn: in the first of some corners where it covers nothing.

    Where there is none, the list of axes that stand alone is at their right, and the figure becomes wider; of one panel
    among several, whose layout is settled, it is in the first corner.
    """
    from matplotlib.lines import Line2D

    if not entries:
        return
    handles = [Line2D([], [], **({"linewidth": 2.2} | look)) for _, look in entries]
    looks: dict[str, Any] = {
        "title": heading, "title_fontsize": 8.5, "handlelength": 1.4, "labelspacing": 0.35, "borderaxespad": 0.7,
        "labelcolor": INK, "alignment": "left", "framealpha": 0.85, "edgecolor": "none", "facecolor": "white",
    } | how  # fmt: skip
    texts = [text for text, _ in entries]
    figure: Any = axes.figure
    if alone:
        figure.draw_without_rendering()
    places: list[Any] = list(corners)
    for place in places:
        found = axes.legend(handles, texts, loc=place, **looks)
        if labels.is_free(axes, found.get_window_extent()):
            return
    if not alone:
        axes.legend(handles, texts, loc=places[0], frameon=True, **looks).set_zorder(8)
        return
    found = axes.legend(handles, texts, loc="upper left", bbox_to_anchor=(1.0, 1.0), **looks)
    wide, high = figure.get_size_inches()
    figure.set_size_inches(wide + found.get_window_extent().width / figure.dpi, high)


def more(count: int, what: str, shown: int, **look: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the entry for the grey lines of a list, where there are any; `look` is how they are drawn."""
    return [(f"{count - shown} {what}", {"color": REST, "linewidth": 1} | look)] if count > shown else []


def panels(count: int, width: float, height: float, across: int = 3) -> tuple["Figure", list["Axes"]]:
    """Return a figure and so many axes of a size in inches each, in a grid."""
    rows, columns = style.grid(count, across)
    figure = style.figure(width * columns + 0.2, height * rows + 0.2)
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in grid[count:]:
        axes.set_visible(False)
    return figure, grid[:count]


def above(figure: "Figure", data: ChartPlot, what: str, entries: Sequence[tuple[str, dict[str, Any]]] = ()) -> None:
    """Write the title above all panels and, under it, what the lines in them stand for."""
    labels.keys(figure, entries, title(data, what))
