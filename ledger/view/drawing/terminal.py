"""Plots as text for a plain terminal: lines in dots of Braille, each with a letter at its end, and a key below."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from ledger.errors import UsageError
from ledger.table.boomerang import Boomerang
from ledger.table.relations import Relation
from ledger.table.series import Curves
from ledger.view import numbers
from ledger.view.drawing import models
from ledger.view.rows import clean, display_width, shorten

_HEIGHT = 14  # lines of a plot
_WIDTH_LEAST = 20
_OWNERS_MOST = 10  # runs whose lines can be told apart
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ANSI = (34, 31, 32, 35, 36, 33)  # as the colours of figures: blue, red, green, ...
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a Braille character, by row and column
_MARKS = {"train": "o", "val": "s", "test": "#"}


class Path(NamedTuple):
    """Points to be joined by a line or, with `mark`, each written as a character; `end` stands at the last point."""

    points: Sequence[tuple[float, float]]
    color: int | None
    end: str = ""
    mark: str = ""


class _Scale(NamedTuple):
    low: float
    high: float
    log: bool

    def share(self, value: float) -> float | None:
        """Return where a value stands, 0 to 1; None for one that cannot be drawn."""
        if not math.isfinite(value) or (self.log and value <= 0):
            return None
        if self.low == self.high:
            return 0.5
        if self.log:
            return (math.log10(value) - math.log10(self.low)) / (math.log10(self.high) - math.log10(self.low))
        return (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)


def _scale(values: Sequence[float], log: bool) -> _Scale:
    finite = [value for value in values if math.isfinite(value) and not (log and value <= 0)]
    return _Scale(min(finite, default=0.0), max(finite, default=0.0), log and bool(finite))


def canvas(
    paths: Sequence[Path], *, width: int, color: bool, x_name: str, log_x: bool = False, log_y: bool = False
) -> list[str]:
    """Return the lines of a plot at most `width` columns wide, with the ends of both axes written beside them."""
    points = [point for path in paths for point in path.points]
    across, up = _scale([x for x, _ in points], log_x), _scale([y for _, y in points], log_y)
    top, bottom = numbers.column([up.high, up.low]) if points else ("-", "-")
    room = max(len(top), len(bottom))
    columns = max(_WIDTH_LEAST, width - room - 3)
    dots = [[0] * columns for _ in range(_HEIGHT)]
    tints: list[list[int | None]] = [[None] * columns for _ in range(_HEIGHT)]
    texts = [[""] * columns for _ in range(_HEIGHT)]
    for path in paths:
        placed = [_place(point, across, up, columns) for point in path.points]
        if not path.mark:
            for one, after in pairwise(placed):
                for x, y in _between(one, after):
                    dots[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
                    tints[y // 4][x // 2] = path.color
        shown = [place for place in placed if place is not None]
        for x, y in [] if path.mark else shown:  # a point between two gaps has no line
            dots[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
            tints[y // 4][x // 2] = path.color
        for x, y in shown if path.mark else []:
            texts[y // 4][x // 2], tints[y // 4][x // 2] = path.mark, path.color
    for path in paths:  # letters over all lines
        shown = [place for point in path.points if (place := _place(point, across, up, columns)) is not None]
        if path.end and shown:
            x, y = shown[-1][0] // 2, shown[-1][1] // 4
            x = min(x + 1, columns - 1) if path.mark else x
            y = next((row for row in (y, y - 1, y + 1, y - 2, y + 2) if 0 <= row < _HEIGHT and not texts[row][x]), y)
            texts[y][x], tints[y][x] = path.end, path.color
    lines = []
    for row in range(_HEIGHT):
        label = top if row == 0 else bottom if row == _HEIGHT - 1 else ""
        cells = (text or (chr(0x2800 + dot) if dot else " ") for text, dot in zip(texts[row], dots[row], strict=True))
        drawn = "".join(
            f"\x1b[{tint}m{cell}\x1b[0m" if color and tint is not None and cell != " " else cell
            for cell, tint in zip(cells, tints[row], strict=True)
        )
        lines.append(f"{label.rjust(room)} ┤{drawn}".rstrip())
    left, right = numbers.column([across.low, across.high]) if points else ("-", "-")
    middle = shorten(clean(x_name), max(1, columns - len(left) - len(right) - 2))
    gap = columns - len(left) - len(right) - display_width(middle)
    lines.append(" " * (room + 1) + "└" + "─" * columns)
    lines.append(" " * (room + 2) + left + " " * (gap // 2) + middle + " " * (gap - gap // 2) + right)
    return lines


def _place(point: tuple[float, float], across: _Scale, up: _Scale, columns: int) -> tuple[int, int] | None:
    """Return the dot of a point, from the top left; None for one that cannot be drawn."""
    x, y = across.share(point[0]), up.share(point[1])
    if x is None or y is None:
        return None
    return round(x * (columns * 2 - 1)), round((1 - y) * (_HEIGHT * 4 - 1))


def _between(one: tuple[int, int] | None, after: tuple[int, int] | None) -> list[tuple[int, int]]:
    """Return the dots of a straight line, none where an end of it is missing."""
    if one is None or after is None:
        return []
    count = max(abs(after[0] - one[0]), abs(after[1] - one[1]), 1)
    return [
        (round(one[0] + (after[0] - one[0]) * k / count), round(one[1] + (after[1] - one[1]) * k / count))
        for k in range(count + 1)
    ]


def curves(data: Curves, *, width: int, color: bool) -> str:
    """Write the panels of curves below each other, then which letter is which run."""
    owners = list(data.owners)[:_OWNERS_MOST]
    left = len(data.owners) - len(owners)
    named = {owner: (_LETTERS[i], _ANSI[i % len(_ANSI)]) for i, owner in enumerate(owners)}
    lines: list[str] = []
    for panel in data.panels:
        splits = list(dict.fromkeys(line.split for line in panel.lines))
        for split in splits:
            paths = []
            for line in panel.lines:
                if line.split == split and line.owner in named and not line.within:
                    y = line.y if line.smooth is None else line.smooth
                    points = list(zip(line.x.tolist(), y.tolist(), strict=True))
                    letter, tint = named[line.owner]
                    paths.append(Path(points, tint, letter if len(owners) > 1 else ""))
            keys = dict.fromkeys(line.key.partition("{")[0] for line in panel.lines if line.split == split)
            lines += [*([""] if lines else []), shorten(clean(", ".join(keys)), width)]
            lines += canvas(
                paths[::-1], width=width, color=color, x_name=data.x_heading, log_x=data.asked.log_x,
                log_y=data.asked.log_y,
            )  # fmt: skip
    lines += _key({letter: (data.owners[owner], tint) for owner, (letter, tint) in named.items()}, width, color)
    by = f", worse in {clean(data.ranked_by)}" if data.ranked_by else ""
    return "\n".join([*lines, *([f"({left} others{by}: not drawn)"] if left else [])]) + "\n"


def _key(named: Mapping[str, tuple[str, int | None]], width: int, color: bool) -> list[str]:
    """Return lines that say what each letter stands for; none for a single one."""
    if len(named) < 2:
        return []
    lines, line = [""], ""
    for letter, (name, _) in named.items():
        text = f"{letter} {shorten(clean(name), 30)}"
        if line and display_width(line) + display_width(text) + 3 > width:
            lines.append(line)
            line = ""
        line += ("   " if line else "") + text
    lines.append(line)
    if color:
        for letter, (_, tint) in named.items():
            start = f"\x1b[{tint}m{letter}\x1b[0m "
            lines = [
                start + text[2:] if text.startswith(f"{letter} ") else text.replace(f"   {letter} ", f"   {start}")
                for text in lines
            ]
    return lines


def boomerang(data: Boomerang, *, width: int, color: bool) -> str:
    """Write the lines of a boomerang, `o` for train, `s` for val, `#` for test, and the table of its models."""
    if data.panels:
        raise UsageError("panels cannot be drawn as text", hint="leave --by out, or write a picture: -o FILE.png")
    shown = data.models[: len(_LETTERS)]
    paths, marks, named = [], [], {}
    for i, model in enumerate(shown):
        tint = _ANSI[i % len(_ANSI)]
        points = [(point.x, point.y) for point in model.points]
        paths.append(Path(points, tint))
        for k, point in enumerate(model.points):
            end = _LETTERS[i] if k == len(model.points) - 1 else ""
            marks.append(Path([(point.x, point.y)], tint, end, _MARKS.get(point.split, "*")))
        star = " (generalizes best)" if model.run == data.best else ""
        named[_LETTERS[i]] = (model.name + star, tint)
    lines = [shorten(clean(data.y.metric), width)]
    both = [*paths[::-1], *marks[::-1]]
    lines += canvas(both, width=width, color=color, x_name=data.x.metric, log_x=data.log_x)
    lines += ["", "o train   s val   # test", *_key(named, width, color)[1:], ""]
    return "\n".join(lines) + "\n" + models.models(data, width=width, color=color)


def scatter(data: Relation, *, width: int, color: bool) -> str:
    """Write a point per run; texts across stand in their order, and are named below."""
    across, up = data.axes[0], data.axes[-1]
    xs = [float(v) if across.numeric else float(across.levels.index(v)) for v in across.values]
    ys = [float(v) if up.numeric else float(up.levels.index(v)) for v in up.values]
    points = [Path([point], _ANSI[0], "", "o") for point in zip(xs, ys, strict=True)]
    lines = [shorten(clean(up.name), width)]
    lines += canvas(points, width=width, color=color, x_name=across.name, log_x=across.wide, log_y=up.wide)
    for axis in (across, up):
        if not axis.numeric:
            lines += [
                "",
                shorten(f"{clean(axis.name)}: {', '.join(f'{i} {clean(t)}' for i, t in _few(axis.levels))}", width),
            ]
    return "\n".join(lines) + "\n"


def _few(levels: Sequence[str]) -> list[tuple[int, str]]:
    return list(enumerate(levels))[:20]
