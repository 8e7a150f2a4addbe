"""Which rows count. Three sets: *stored* (each row once), *valid* (less what a later attempt replaced), *shown* (one a
metric, context and step: the newest). Pure functions on `Rows`; retracted entries are left out before they come here.
"""

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ledger.format.names import metric_key
from ledger.format.rows import COLUMNS, NO_STEP, Rows, concat
from ledger.store.state import Summary

_LISTS_BELOW = 256  # values for which Python is quicker than numpy
LATE = 0  # the attempt of rows that were added to a closed run


class Attempt(NamedTuple):
    """A resumed attempt: its number, when it began (us), and the step from which it replaces, if it said so."""

    number: int
    time: int
    step: int | None


def stored(parts: list[Rows]) -> Rows:
    """Return the rows of all parts, a row that is present twice once; same (writer, seq) with other content stays."""
    rows = concat(parts)
    if len(parts) > 1 and len(rows):
        bits = rows.value.view(np.int64)
        order = np.lexsort((bits, rows.time, rows.step, rows.key, rows.seq, rows.writer))
        rows = rows.take(order)
        same = np.ones(len(rows) - 1, np.bool_)
        for column in COLUMNS:
            values = getattr(rows, column)
            values = values.view(np.int64) if column == "value" else values
            same &= values[1:] == values[:-1]
        if same.any():
            rows = rows.take(np.concatenate(([True], ~same)))
    return rows


def held(rows: Rows, others: Rows) -> npt.NDArray[np.bool_]:
    """Say of each row whether `others` have it too, equal in every column, its value bit for bit."""
    mine = np.isin(np.array(others.writers), rows.writers)[others.writer] if len(others) else np.zeros(0, np.bool_)
    both = concat([rows, others.take(mine)])
    columns = [getattr(both, column) for column in COLUMNS]
    columns[COLUMNS.index("value")] = both.value.view(np.int64)
    order = np.lexsort(columns)
    differs = np.zeros(len(both), np.bool_)
    for column in columns:
        values = column[order]
        differs[1:] |= values[1:] != values[:-1]
    content = np.zeros(len(both), np.int64)
    content[order] = np.cumsum(differs)
    return np.isin(content[: len(rows)], content[len(rows) :])


def valid(rows: Rows, attempts: list[Attempt]) -> Rows:
    """Return the rows that no later attempt replaced.

    An attempt replaces rows of earlier ones from the first step it logs for that metric and context, or from the step
    it was resumed at. Rows without a step stay, and so do rows added late after the attempt began.
    """
    if not attempts or not len(rows):
        return rows
    keep = np.ones(len(rows), np.bool_)
    for attempt in attempts:
        first = np.full(len(rows.keys), NO_STEP if attempt.step is None else attempt.step)
        own = rows.attempt == attempt.number
        np.minimum.at(first, rows.key[own], rows.step[own])
        earlier = (rows.attempt < attempt.number) & (rows.attempt != LATE)
        earlier |= (rows.attempt == LATE) & (rows.time < attempt.time)
        keep &= ~(earlier & (rows.step != NO_STEP) & (rows.step >= first[rows.key]))
    return rows.take(keep)


def shown(rows: Rows) -> Rows:
    """Return one row a (metric, context, step), sorted: the one with the greatest (time, writer, seq, value bits)."""
    rows = rows.sorted()
    if len(rows) < 2:
        return rows
    same = (rows.key[1:] == rows.key[:-1]) & (rows.step[1:] == rows.step[:-1])
    if not same.any():
        return rows
    order = np.lexsort((rows.value.view(np.int64), rows.seq, rows.writer, rows.time, rows.step, rows.key))
    rows = rows.take(order)
    same = (rows.key[1:] == rows.key[:-1]) & (rows.step[1:] == rows.step[:-1])
    return rows.take(np.concatenate((~same, [True])))


def summaries(rows: Rows, reasons: dict[tuple[str, int], str], *, mean: bool = True) -> dict[str, Summary]:
    """Return the summary of each metric key of shown rows; `reasons` says why (writer, seq) is undefined.

    Without `mean` that one field, the costly one, is left out.
    """
    result: dict[str, Summary] = {}
    if not len(rows):
        return result
    ends = np.flatnonzero(np.diff(rows.key)) + 1
    undefined = rows.undefined.any()
    for start, end in pairwise([0, *ends.tolist(), len(rows)]):
        name, context = rows.keys[rows.key[start]]
        values, steps, reason = rows.value[start:end], rows.step[start:end], None
        last_step = int(steps[-1])
        if undefined and rows.undefined[start:end].any():
            at = end - 1
            if rows.undefined[at]:
                reason = reasons.get((rows.writers[rows.writer[at]], int(rows.seq[at])), "undefined")
            defined = ~rows.undefined[start:end]
            values, steps = values[defined], steps[defined]
        result[metric_key(name, context)] = _summary(values, steps, last_step, reason, mean)
    return result


def _summary(
    values: npt.NDArray[np.float64], steps: npt.NDArray[np.int64], last_step: int, reason: str | None, mean: bool
) -> Summary:
    def step(at: int | None) -> int | None:
        return None if at is None or steps[at] == NO_STEP else int(steps[at])

    def value(at: int | None) -> float | None:
        return None if at is None else float(values[at])

    count = len(values)
    numbers, low, high = _extremes(values)
    return Summary(
        count=count,
        nan=count - len(numbers),
        first=value(0 if count else None),
        first_step=step(0 if count else None),
        last=value(-1 if count and reason is None else None),
        last_step=None if last_step == NO_STEP else last_step,
        min=value(low),
        min_step=step(low),
        max=value(high),
        max_step=step(high),
        mean=_mean(numbers) if mean and len(numbers) else None,
        undefined=reason,
    )


def _extremes(values: npt.NDArray[np.float64]) -> tuple[Any, int | None, int | None]:
    """Return the values that are no NaN, and where the first least and the first greatest of them stand."""
    if len(values) < _LISTS_BELOW:
        listed = values.tolist()
        numbers = [v for v in listed if v == v]
        return (numbers, listed.index(min(numbers)), listed.index(max(numbers))) if numbers else ([], None, None)
    known = values == values
    if not known.any():
        return [], None, None
    low = int(np.argmin(np.where(known, values, np.inf)))
    high = int(np.argmax(np.where(known, values, -np.inf)))
    # Where all are infinite, the stand-in for NaN is as good as they are: look for the first real one.
    if not known[low]:
        low = int(np.argmax(known))
    if not known[high]:
        high = int(np.argmax(known))
    return values[known], low, high


def _mean(numbers: Any) -> float:
    """Return the exactly rounded mean, the same whatever the order; infinities follow IEEE."""
    try:
        return math.fsum(_listed(numbers)) / len(numbers)
    except (OverflowError, ValueError):  # beyond float64 on the way, or inf - inf
        return sum(number / len(numbers) for number in sorted(_listed(numbers)))


def _listed(numbers: Any) -> list[float]:
    return numbers if isinstance(numbers, list) else numbers.tolist()
