"""Tables that were logged: typeset as a picture, numbers at their decimal points, or as text for a terminal."""

from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.format.values import Undefined
from ledger.table.chart_data import ChartPlot, Series
from ledger.view import numbers
from ledger.view.drawing import panels, style
from ledger.view.drawing.style import INK, SOFT
from ledger.view.rows import clean, format_values, render_table, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS_MOST = 40
TEXT_ROWS_MOST = 200
COLUMNS_MOST = 14
_CELL_MOST = 60  # characters
_SIZE = 8.5  # points of type
_LINE = 0.2  # inches of a row
_GAP = 0.26  # inches between columns
_MARGIN = 0.12
_TITLE = 0.29
_SAID_MOST = 6  # facts that stand below the table


class Column(NamedTuple):
    """A column that is shown: its heading, its cells as text, and whether they are numbers."""

    name: str
    cells: list[str]
    numeric: bool


class Shown(NamedTuple):
    """What is shown of a table, and in words how much of it is not."""

    columns: list[Column]
    rows: int
    left_out: str


def shown(one: Series, rows: int, columns: int | None = None) -> Shown:
    """Return the first rows and columns of a table."""
    names = list(one.columns)
    count = max(map(len, one.columns.values()), default=0)
    found = []
    for name in names[:columns]:
        values = one.columns[name][:rows]
        texts, kind = format_values(values.tolist() if hasattr(values, "tolist") else list(values))
        found.append(Column(clean(name), [shorten(clean(text), _CELL_MOST) for text in texts], kind == "."))
    parts = []
    if count > rows:
        parts.append(f"{count - rows} of {count} rows")
    if len(found) < len(names):
        parts.append(f"{len(names) - len(found)} of {len(names)} columns")
    return Shown(found, min(count, rows), f"{' and '.join(parts)} not shown" if parts else "")


def said(one: Series) -> str:
    """Write the single numbers that belong to a table."""
    known = [(name, value) for name, value in one.facts.items() if name != "title"]
    plain = [(name, value) for name, value in known if isinstance(value, int | float | Undefined)][:_SAID_MOST]
    return ", ".join(f"{style.name(name)} {numbers.number(value)}" for name, value in plain)


def heading(data: ChartPlot) -> str:
    """Return what stands above a table: its title, else the name of the chart; the run."""
    one = data.series[0]
    title = one.facts.get("title")
    what = title if isinstance(title, str) and title else one.chart.rpartition("/")[2].replace("_", " ")
    return panels.title(data, style.name(what[:1].upper() + what[1:], 60))


def table(data: ChartPlot) -> "Figure":
    """Return the figure of a table: its first rows, and how many are left out."""
    one = data.series[0]
    found = shown(one, ROWS_MOST, COLUMNS_MOST)
    widths = [_width(column) for column in found.columns]
    notes = [text for text in (said(one), found.left_out) if text]
    title = heading(data)
    wide = max(sum(widths) + _GAP * (len(widths) - 1), _inches(title, bold=True) * 1.2, *map(_inches, [*notes, ""]))
    wide += 2 * _MARGIN
    high = (found.rows + 1) * _LINE + _TITLE + 0.19 * len(notes) + 2 * _MARGIN + 0.03
    figure = style.figure(wide, high)
    axes: Any = figure.add_axes((0, 0, 1, 1))
    figure.set_layout_engine("none")
    axes.set_xlim(0, wide)
    axes.set_ylim(high, 0)
    axes.axis("off")
    axes.text(_MARGIN, _MARGIN, title, va="top", fontsize=10.5, fontweight="bold", color=INK)
    top = _MARGIN + _TITLE
    left, right = _MARGIN, wide - _MARGIN
    bottom = top + (found.rows + 1) * _LINE
    for y, weight in ((top, 1.1), (top + _LINE, 0.6), (bottom, 1.1)):
        axes.plot([left, right], [y, y], color=INK, linewidth=weight, solid_capstyle="butt")
    x = left
    for column, width in zip(found.columns, widths, strict=True):
        _column(axes, column, x, width, top)
        x += width + _GAP
    for i, note in enumerate(notes):
        axes.text(left, bottom + 0.06 + 0.19 * i, note, va="top", fontsize=7.5, color=SOFT)
    return figure


def _column(axes: Any, column: Column, x: float, width: float, top: float) -> None:
    """Write a column of a width in inches: texts at the left, numbers so that their decimal points are in line."""
    look = {"fontsize": _SIZE, "va": "center_baseline", "color": INK}
    side = "right" if column.numeric else "left"
    at = x + width if column.numeric else x
    axes.text(at, top + _LINE / 2, column.name, ha=side, fontweight="bold", **look)
    point = x + width - max((_inches(_parts(cell)[1]) for cell in column.cells), default=0.0)
    for i, cell in enumerate(column.cells):
        y = top + _LINE * (i + 1.5)
        if not column.numeric:
            axes.text(x, y, cell, ha="left", **look | ({"color": SOFT} if cell == "-" else {}))
            continue
        whole, fraction = _parts(cell)
        number = cell[:1].isdigit() or cell[1:2].isdigit()
        axes.text(point if number else x + width, y, whole, ha="right", **look | ({} if number else {"color": SOFT}))
        if fraction:
            axes.text(point, y, fraction, ha="left", **look)


def _parts(cell: str) -> tuple[str, str]:
    """Return a number up to its decimal point, and the rest of it."""
    if not (cell[:1].isdigit() or cell[1:2].isdigit()):
        return cell, ""
    end = next((i for i, character in enumerate(cell) if character in ".e"), len(cell))
    return cell[:end], cell[end:]


def _width(column: Column) -> float:
    """Return the width of a column in inches."""
    parts = [_parts(cell) if column.numeric else (cell, "") for cell in column.cells]
    whole = max((_inches(head) for head, _ in parts), default=0.0)
    return max(whole + max((_inches(tail) for _, tail in parts), default=0.0), _inches(column.name, bold=True))


def _inches(text: str, *, bold: bool = False) -> float:
    """Return how wide a text is; measured at the size of a cell, so that a picture is as wide as what stands in it."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    if not text:
        return 0.0
    font = FontProperties(size=_SIZE, weight="bold" if bold else "normal")
    wide, _, _ = text_to_path.get_text_width_height_descent(text, font, False)
    return float(wide) / 72 * 1.03  # pixels make letters a little wider


def text(data: ChartPlot, *, width: int, color: bool) -> str:
    """Write a table as text; columns for which there is no room stand in blocks below."""
    one = data.series[0]
    found = shown(one, TEXT_ROWS_MOST)
    rows = [list(row) for row in zip(*(column.cells for column in found.columns), strict=True)]
    align = "".join("." if column.numeric else "l" for column in found.columns)
    lines = [shorten(heading(data), width)]
    lines.append(render_table([column.name for column in found.columns], rows, align=align, color=color, width=width))
    lines += [shorten(note, width) for note in (said(one), found.left_out) if note]
    return "\n".join(lines).rstrip("\n") + "\n"
