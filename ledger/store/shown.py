"""Which rows count. Three sets: *stored* (each row once), *valid* (less what a later attempt replaced), *shown* (one a
metric, context and step: the newest). Pure functions on `Rows`; retracted entries are left out before they come here.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ledger.format.names import metric_key
from ledger.format.rows import COLUMNS, NO_STEP, Rows, concat
from ledger.store.state import Summary

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


def summaries(rows: Rows, reasons: dict[tuple[str, int], str]) -> dict[str, Summary]:
    """Return the summary of each metric key of shown rows; `reasons` says why (writer, seq) is undefined."""
    result: dict[str, Summary] = {}
    if not len(rows):
        return result
    ends = np.flatnonzero(np.diff(rows.key)) + 1
    starts = [0, *ends.tolist(), len(rows)]
    values, steps = rows.value.tolist(), rows.step.tolist()
    undefined = rows.undefined.any()
    for start, end in pairwise(starts):
        name, context = rows.keys[rows.key[start]]
        group, group_steps, reason = values[start:end], steps[start:end], None
        if undefined and rows.undefined[start:end].any():
            at = end - 1
            if rows.undefined[at]:
                reason = reasons.get((rows.writers[rows.writer[at]], int(rows.seq[at])), "undefined")
            defined = [i for i in range(end - start) if not rows.undefined[start + i]]
            group, group_steps = [group[i] for i in defined], [group_steps[i] for i in defined]
        result[metric_key(name, context)] = _summary(group, group_steps, steps[end - 1], reason)
    return result


def _summary(values: list[float], steps: list[int], last_step: int, reason: str | None) -> Summary:
    def step(at: int) -> int | None:
        return None if steps[at] == NO_STEP else steps[at]

    numbers = [v for v in values if v == v]
    low = high = None
    if numbers:
        low, high = min(numbers), max(numbers)
    return Summary(
        count=len(values),
        nan=len(values) - len(numbers),
        first=values[0] if values else None,
        first_step=step(0) if values else None,
        last=None if reason is not None or not values else values[-1],
        last_step=None if last_step == NO_STEP else last_step,
        min=low,
        min_step=step(values.index(low)) if low is not None else None,
        max=high,
        max_step=step(values.index(high)) if high is not None else None,
        mean=_mean(numbers) if numbers else None,
        undefined=reason,
    )


def _mean(numbers: list[float]) -> float:
    """Return the exactly rounded mean, the same whatever the order; infinities follow IEEE."""
    try:
        return math.fsum(numbers) / len(numbers)
    except (OverflowError, ValueError):  # beyond float64 on the way, or inf - inf
        return sum(number / len(numbers) for number in sorted(numbers))
