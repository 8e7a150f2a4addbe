"""Rows and headings in four forms: a table for the terminal, CSV and Markdown; every form ends in LF.

`text.py` decides what the rows are; here they are made safe, aligned, coloured, shortened and wrapped.
Terminal tables never let a control character of the data through.
"""

import json
import math
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

from ledger.view import numbers

_COLORS = {"best": "32", "better": "32", "worse": "31", "warn": "33", "bold": "1", "dim": "2"}
_JOINERS = "\u200c\u200d"  # shape letters in several scripts and emoji; they move nothing
_FLOOR = 10  # text columns are not shortened below this


class Cell(NamedTuple):
    """One cell: its text, and a style (best, better, worse, warn, bold, dim) or None; `best` is marked `*` too."""

    text: str
    style: str | None = None


class _Column(NamedTuple):
    heading: str
    texts: list[str]  # all padded to `width`
    width: int


def is_unsafe(character: str) -> bool:
    """Say whether a character may steer a terminal or reorder text: controls, bidi, line separators, surrogates."""
    return character not in _JOINERS and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def clean(text: str) -> str:
    r"""Return any text with what may steer a terminal written as an escape: `\x1b`, `\n`, `\u202e`, `\ud800`."""
    if text.isprintable():
        return text
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    unsafe = {c for c in text if is_unsafe(c)}
    return text.translate({ord(c): named.get(c) or _escape(ord(c)) for c in unsafe})


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def display_width(text: str) -> int:
    """Return the terminal columns that a cleaned text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_character_width(c) for c in text)


def _character_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shorten(text: str, limit: int) -> str:
    """Return the text in at most `limit` columns: names lose their middle, sentences their end, to one `…`."""
    if display_width(text) <= limit:
        return text
    tail = "" if " " in text else _head(text[::-1], (limit - 1) // 2)[::-1]
    return _head(text, limit - 1 - display_width(tail)) + "…" + tail


def _head(text: str, limit: int) -> str:
    used = 0
    for i, character in enumerate(text):
        used += _character_width(character)
        if used > limit:
            return text[:i]
    return text


def paint(text: str, style: str | None, color: bool) -> str:
    """Return the text in the colour of a style, its padding outside; unchanged without colour or style."""
    inner = text.strip(" ")
    if not color or style is None or not inner:
        return text
    start = text.index(inner)
    return f"{text[:start]}\x1b[{_COLORS[style]}m{inner}\x1b[0m{text[start + len(inner) :]}"


def render_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[Cell | str]],
    *,
    align: str = "",
    color: bool = False,
    width: int | None = None,
) -> str:
    """Lay out a table for the terminal; `align` has a letter per column: `l`, `L`, `h`, `r` or `.` (decimal points).

    Columns stand two spaces apart, a thin line under the headings. Wider than `width`, `l` columns are shortened with
    `…`, `h` ones too except for their heading, the others and numbers never; still too wide, the columns are wrapped
    into blocks that each begin with the first one, so that nothing is lost. `L` is left-aligned too; columns beyond
    `align` are `l`.
    """
    kinds = align.ljust(len(headings), "l")
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    styles = [[cell.style or ("dim" if cell.text == "-" else None) for cell in row] for row in cells]
    texts = [[clean(c.text) + ("*" if c.style == "best" else "") for c in row] for row in cells]
    names = [clean(heading) for heading in headings]
    columns = [_lay_out(names[i], [row[i] for row in texts], kinds[i]) for i in range(len(names))]
    floors = {
        i: max(_floor(c.texts), display_width(names[i]) if kinds[i] == "h" else 0)
        for i, c in enumerate(columns)
        if kinds[i] in "lh"
    }
    columns = _shrink(columns, floors, width)
    blocks = _blocks([column.width for column in columns], width)
    return "\n".join(_block([columns[i] for i in b], [[row[i] for i in b] for row in styles], color) for b in blocks)


def _lay_out(heading: str, texts: list[str], kind: str) -> _Column:
    if kind == ".":
        texts = _align_points(texts)
    width = max([display_width(heading), *(display_width(text) for text in texts)])
    return _Column(_pad(heading, width, kind), [_pad(text, width, kind) for text in texts], width)


def _pad(text: str, width: int, kind: str) -> str:
    space = " " * (width - display_width(text))
    return text + space if kind in "lLh" else space + text


def _align_points(texts: list[str]) -> list[str]:
    """Pad numbers on the right so that their decimal points line up once they are right-aligned."""
    tails = [_tail(text) for text in texts]
    longest = max((tail for tail in tails if tail is not None), default=0)
    marked = any(text.endswith("*") for text, tail in zip(texts, tails, strict=True) if tail is not None)
    return [
        text + " " * (longest - tail if tail is not None else int(marked and not text.endswith("*")))
        for text, tail in zip(texts, tails, strict=True)
    ]


def _tail(text: str) -> int | None:
    """Return how many characters a number has from its decimal point on; None for what is no number."""
    if not text.lstrip("+-")[:1].isdigit():
        return None
    ends = [i for i in map(text.find, ".e* ") if i >= 0]
    return len(text) - min(ends) if ends else 0


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _shrink(columns: list[_Column], floors: dict[int, int], width: int | None) -> list[_Column]:
    """Shorten the widest text columns, level by level, until the table fits or they are all at their floor.

    `floors` has the least width of each column that may be shortened.
    """
    excess = 0 if width is None else _total([c.width for c in columns]) - width
    if width is None or excess <= 0 or not floors:
        return columns
    widths = [c.width for c in columns]
    floors = {i: min(widths[i], floor) for i, floor in floors.items()}
    while excess > 0 and (loose := [i for i in floors if widths[i] > floors[i]]):
        widest = max(loose, key=lambda i: widths[i])
        level = max([floors[widest], *(widths[i] for i in loose if widths[i] < widths[widest])])
        cut = min(excess, widths[widest] - level)
        widths[widest] -= cut
        excess -= cut
    if excess > 0:  # blocks are needed: within them there is room again
        first = max(floors[0], min(columns[0].width, width // 3)) if 0 in floors else columns[0].width
        widths = [min(c.width, max(floors.get(i, 0), width - first - 2)) for i, c in enumerate(columns)]
        widths[0] = first
    return [_cut(c, widths[i]) if i in floors else c for i, c in enumerate(columns)]


def _floor(texts: list[str]) -> int:
    """Return the width below which a column of texts must not go: its numbers stay whole."""
    return max([_FLOOR, *(len(text.strip()) for text in texts if _reads_as_number(text))])


def _cut(column: _Column, width: int) -> _Column:
    texts = [_pad(shorten(text.rstrip(" "), width), width, "l") for text in [column.heading, *column.texts]]
    return _Column(texts[0], texts[1:], width)


def _blocks(widths: list[int], width: int | None) -> list[list[int]]:
    """Return the columns of each block; from the second on, a block repeats column 0."""
    if width is None or len(widths) < 2:
        return [list(range(len(widths)))]
    blocks = [[0, 1]]
    for i in range(2, len(widths)):
        if _total([widths[j] for j in blocks[-1]] + [widths[i]]) <= width:
            blocks[-1].append(i)
        else:
            blocks.append([0, i])
    return blocks


def _block(columns: list[_Column], styles: list[list[str | None]], color: bool) -> str:
    lines = ["  ".join(paint(c.heading, "bold", color) for c in columns).rstrip(" ")]
    lines.append(paint("  ".join("─" * c.width for c in columns), "dim", color))
    for r, row in enumerate(styles):
        lines.append("  ".join(paint(c.texts[r], s, color) for c, s in zip(columns, row, strict=True)).rstrip(" "))
    return "\n".join(lines) + "\n"


def render_facts(facts: Sequence[tuple[str, Cell | str]], *, color: bool = False) -> str:
    """Write names and values in two columns without headings; nothing is cut."""
    names = [clean(name) for name, _ in facts]
    widest = min(max(map(display_width, names), default=0), 40)
    lines = []
    for name, (_, value) in zip(names, facts, strict=True):
        cell = value if isinstance(value, Cell) else Cell(value)
        written = paint(clean(cell.text), cell.style, color)
        lines.append(paint(_pad(name, max(widest, display_width(name)), "l"), "dim", color) + "  " + written)
    return "".join(line.rstrip(" ") + "\n" for line in lines)


def render_csv(headings: Sequence[str], rows: Sequence[Sequence[Any]], *, terminal: bool = False) -> str:
    """Write rows as CSV (RFC 4180, lines ending in LF, a header always).

    Floats read back as the same float; `NaN`, `inf`, `-inf`; None is empty and an empty text is `""`; lists and
    objects are JSON. A text that begins with `=`, `+`, `-`, `@` or a tab is not altered: the data must come back
    exactly, and a spreadsheet asks before it runs a formula. With `terminal`, control characters are escaped as in a
    table. A lone surrogate, which UTF-8 cannot hold, is always written as its escape.
    """
    lines = [",".join(_csv_text(str(heading), terminal) for heading in headings)]
    lines.extend(",".join(_csv(value, terminal) for value in row) or '""' for row in rows)
    return "\n".join(lines) + "\n"


def _csv(value: Any, terminal: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and not isinstance(value, bool):
        return "NaN" if math.isnan(value) else repr(float(value))
    if isinstance(value, (bool, int)):
        return numbers.exact(value)
    if hasattr(value, "reason"):
        return "undefined"
    if isinstance(value, (list, tuple, dict)):
        return _csv_text(json.dumps(value, ensure_ascii=False), terminal)
    return _csv_text(value if isinstance(value, str) else numbers.number(value), terminal)


def _csv_text(text: str, terminal: bool) -> str:
    if terminal:
        text = clean(text)
    elif any("\ud800" <= c <= "\udfff" for c in text):
        text = "".join(_escape(ord(c)) if "\ud800" <= c <= "\udfff" else c for c in text)
    if not text or any(c in text for c in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def render_markdown(headings: Sequence[str], rows: Sequence[Sequence[Any]], align: str = "") -> str:
    """Write rows as a Markdown table, numbers with the digits they have in the terminal.

    Columns of numbers are right-aligned unless `align` (`l`, `r` or `.` per column) says otherwise. No text of a cell
    can end the cell, begin markup or become HTML.
    """
    columns = [format_values([row[i] for row in rows]) for i in range(len(headings))]
    given = align.ljust(len(headings))
    right = [(kind if asked == " " else asked) != "l" for asked, (_, kind) in zip(given, columns, strict=True)]
    cells = [[texts[i] for texts, _ in columns] for i in range(len(rows))]
    return markdown_table(headings, cells, "".join("r" if r else "l" for r in right))


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[Cell | str]], align: str) -> str:
    """Write cells as a Markdown table: `r` and `.` of `align` are right-aligned, a `best` cell is bold."""
    rule = "|" + "|".join(" ---: " if kind in "r." else " --- " for kind in align) + "|"
    return "\n".join([_markdown_row(headings), rule, *map(_markdown_row, rows)]) + "\n"


def _markdown_row(cells: Sequence[Cell | str]) -> str:
    return "| " + " | ".join(map(_markdown_cell, cells)) + " |"


def _markdown_cell(cell: Cell | str) -> str:
    if isinstance(cell, str):
        return markdown(cell)
    return f"**{markdown(cell.text)}**" if cell.style == "best" else markdown(cell.text)


def markdown(text: str) -> str:
    """Return a text that Markdown shows as it is: it begins no markup, ends no cell and becomes no HTML."""
    result = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark in "\\|`*[]~":
        result = result.replace(mark, "\\" + mark)
    # An underscore within a word is no emphasis: names such as val_loss stay readable.
    parts = result.split("_")
    for i in range(len(parts) - 1):
        inside = parts[i][-1:].isalnum() and parts[i + 1][:1].isalnum()
        parts[i] += "_" if inside else "\\_"
    return "".join(parts)


def format_values(values: Sequence[Any]) -> tuple[list[str], str]:
    """Write a column of raw values; return the texts, and `.` for a column of numbers or `l` for any other.

    In a column of texts alone nothing is quoted, and lists of texts (tags) are written `a, b`.
    """
    if any(v is not None for v in values) and all(
        v is None or numbers.is_number(v) or hasattr(v, "reason") for v in values
    ):
        return numbers.column(values), "."
    if all(v is None or isinstance(v, str) for v in values):
        return ["-" if v is None else v or '""' for v in values], "l"
    if all(v is None or (isinstance(v, (list, tuple)) and all(isinstance(t, str) for t in v)) for v in values):
        return [", ".join(v or "-") for v in values], "l"
    return ["-" if value is None else format_value(value) for value in values], "l"


def format_value(value: Any) -> str:
    """Write one param so that different values read differently: a text that would read as JSON is quoted."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if _reads_as_json(value) else value
    if isinstance(value, float):
        return numbers.exact(value)
    if hasattr(value, "reason"):
        return "undefined"
    return json.dumps(value, ensure_ascii=False)


def _reads_as_json(text: str) -> bool:
    return not text or text[0] in '"[{' or text in ("true", "false", "null", "-", "undefined") or _reads_as_number(text)


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
