"""A curve as a few lines of text: bars with the greatest and the least value beside them."""

import math
from collections.abc import Sequence

from ledger.view import numbers

HEIGHT = 6  # lines
_LEAST, _WIDEST = 10, 3  # columns of a plot, and of one value where there are few
_HEIGHTS = "▁▂▃▄▅▆▇█"


def plot(values: Sequence[float | None], marked: Sequence[bool], *, width: int = 80) -> list[str]:
    """Return the lines of a plot, at most `width` columns wide, with `▼` under what is marked.

    Few values get several columns each. Where several must share one its last value is drawn, and the column is marked
    if any of them is. None leaves a gap, `·` stands for NaN, `↑` and `↓` for what is infinite.
    """
    finite = [value for value in values if value is not None and math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    labels = numbers.column([high, low]) if finite else ["-", "-"]
    room = max(map(len, labels))
    named = {HEIGHT // 2: labels[0]} if low == high else {HEIGHT - 1: labels[0], 0: labels[1]}
    columns = max(_LEAST, width - room - 3)
    count = min(len(values), columns)
    each = min(_WIDEST, columns // count) if count else 1
    # One span of values a column.
    ends = [(column + 1) * len(values) // count for column in range(count)] if count else []
    shown = [values[end - 1] for end in ends]
    levels = [_level(value, low, high) for value in shown]
    lines = []
    for line in range(HEIGHT - 1, -1, -1):
        label = named.get(line, "")
        bars = "".join(_bar(value, level, line) * each for value, level in zip(shown, levels, strict=True))
        lines.append(f"{label.rjust(room)} ┤ {bars}".rstrip())
    marks = "".join(
        ("▼" if any(marked[start:end]) else " ").ljust(each) for start, end in zip([0, *ends], ends, strict=False)
    )
    return [*lines, f"{' ' * (room + 3)}{marks}".rstrip()] if marks.strip() else lines


def _level(value: float | None, low: float, high: float) -> int:
    """Return how high a value stands, in eighths of a line; -1 for none."""
    top = HEIGHT * len(_HEIGHTS) - 1
    if value is None or math.isnan(value):
        return -1
    if math.isinf(value):
        return 0
    if low == high:
        return top // 2
    # Halves first, since the span of two large numbers may be more than a float can hold.
    return round((value / 2 - low / 2) / (high / 2 - low / 2) * top)


def _bar(value: float | None, level: int, line: int) -> str:
    if level < 0:
        return "·" if line == 0 and value is not None else " "
    if value is not None and math.isinf(value):
        return "↑" if value > 0 and line == HEIGHT - 1 else "↓" if value < 0 and line == 0 else " "
    above = level - line * len(_HEIGHTS)
    return " " if above < 0 else _HEIGHTS[min(above, len(_HEIGHTS) - 1)]
