"""Which rows count: the three sets against a model that works row by row, in any order and grouping of the parts."""

import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.format.rows import NO_STEP, Rows
from ledger.store.shown import LATE, Attempt, shown, stored, summaries, valid


class Row(NamedTuple):
    """A row as the model has it."""

    key: int
    step: int | None
    time: int
    value: float
    attempt: int
    writer: str
    seq: int


KEYS = [("a", None), ("a", '{"fold":1}'), ("b", None)]
VALUES = st.sampled_from([0.0, -0.0, 1.5, math.inf, -math.inf, 5e-324, math.nan])
ROWS = st.lists(
    st.builds(
        Row,
        key=st.integers(0, 2),
        step=st.none() | st.integers(-1, 4),
        time=st.integers(0, 9),
        value=VALUES,
        attempt=st.integers(0, 3),
        writer=st.sampled_from(["u", "v"]),
        seq=st.integers(0, 1000),
    ),
    unique_by=lambda row: (row.writer, row.seq),
    max_size=25,
)
ATTEMPTS = st.lists(
    st.builds(Attempt, number=st.integers(2, 3), time=st.integers(0, 9), step=st.none() | st.integers(-1, 4)),
    unique_by=lambda attempt: attempt.number,
    max_size=2,
).map(sorted)


def pack(rows: list[Row]) -> Rows:
    """Return the model's rows as columns."""
    made = Rows(KEYS, ["u", "v"], len(rows))
    for i, row in enumerate(rows):
        made.key[i], made.value[i], made.time[i], made.attempt[i] = row.key, row.value, row.time, row.attempt
        made.step[i] = NO_STEP if row.step is None else row.step
        made.writer[i], made.seq[i] = "uv".index(row.writer), row.seq
    return made


def unpack(rows: Rows) -> list[tuple[Any, ...]]:
    """Return columns as rows that compare: the value by its bits."""
    return [
        (
            rows.keys[rows.key[i]],
            None if rows.step[i] == NO_STEP else int(rows.step[i]),
            int(rows.time[i]),
            int(rows.value.view(np.int64)[i]),
            int(rows.attempt[i]),
            rows.writers[rows.writer[i]],
            int(rows.seq[i]),
        )
        for i in range(len(rows))
    ]


def plain(row: Row) -> tuple[Any, ...]:
    """Return a row of the model in the form that `unpack` gives."""
    bits = int(np.array([row.value]).view(np.int64)[0])
    return (KEYS[row.key], row.step, row.time, bits, row.attempt, row.writer, row.seq)


def by_text(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows in some order that does not depend on how they came."""
    return sorted(rows, key=repr)


@given(ROWS, st.data())
def test_a_row_that_is_present_twice_counts_once(rows: list[Row], data: st.DataObject) -> None:
    """However rows are spread over parts, with whatever overlap, each is stored once."""
    chosen = [data.draw(st.sets(st.integers(0, 2), min_size=1)) for _ in rows]
    parts = [pack([row for row, where in zip(rows, chosen, strict=True) if part in where]) for part in range(3)]
    assert by_text(unpack(stored(parts))) == by_text([plain(row) for row in rows])


def test_a_copied_machine_keeps_both() -> None:
    """The same writer and seq with another content are two rows: nothing is dropped silently."""
    one, two = Row(0, 1, 5, 0.5, 1, "u", 7), Row(0, 1, 5, 0.25, 1, "u", 7)
    assert len(stored([pack([one]), pack([two])])) == 2
    assert len(stored([pack([one]), pack([one]), pack([two])])) == 2
    zeros = Row(0, 1, 5, 0.0, 1, "u", 7), Row(0, 1, 5, -0.0, 1, "u", 7)
    assert len(stored([pack([row]) for row in zeros])) == 2


def is_replaced(row: Row, rows: list[Row], attempts: list[Attempt]) -> bool:
    """Say by the rule of the design whether a later attempt replaces a row."""
    if row.step is None:
        return False
    for attempt in attempts:
        own = [r.step for r in rows if r.attempt == attempt.number and r.key == row.key and r.step is not None]
        starts = own + ([] if attempt.step is None else [attempt.step])
        earlier = row.time < attempt.time if row.attempt == LATE else row.attempt < attempt.number
        if starts and earlier and row.step >= min(starts):
            return True
    return False


@given(ROWS, ATTEMPTS)
def test_a_later_attempt_replaces_from_its_first_step(rows: list[Row], attempts: list[Attempt]) -> None:
    """Per metric and context, from the first step it logs or was resumed at; late rows by time; null steps stay."""
    expected = [plain(row) for row in rows if not is_replaced(row, rows, attempts)]
    assert by_text(unpack(valid(pack(rows), attempts))) == by_text(expected)


@given(ROWS, st.randoms())
def test_the_newest_row_of_a_step_is_shown(rows: list[Row], random: Any) -> None:
    """One a metric, context and step: the greatest time, writer, seq; the same in whatever order they come."""
    best: dict[tuple[int, int | None], Row] = {}
    for row in rows:
        place = (row.key, row.step)
        if place not in best or (row.time, row.writer, row.seq) > (
            best[place].time,
            best[place].writer,
            best[place].seq,
        ):
            best[place] = row
    order = sorted(best.values(), key=lambda r: (KEYS[r.key][0], KEYS[r.key][1] or "", r.step is None, r.step or 0))
    mixed = list(rows)
    random.shuffle(mixed)
    assert unpack(shown(pack(mixed))) == [plain(row) for row in order]


def summarize(rows: list[Row]) -> Any:
    """Return the summaries of what is shown of rows."""
    return summaries(shown(pack(rows)), {})


@given(ROWS)
def test_summaries_follow_the_shown_rows(rows: list[Row]) -> None:
    """Count counts NaN; min, max and mean skip it; last is of the greatest step, a null step being the greatest."""
    series: dict[str, list[tuple[int | None, float]]] = {}
    for (metric, context), step, _, bits, *_ in unpack(shown(pack(rows))):
        value = float(np.array([bits]).view(np.float64)[0])
        series.setdefault(metric + ("{fold=1}" if context else ""), []).append((step, value))
    found = summarize(rows)
    assert set(found) == set(series)
    for key, points in series.items():
        numbers = [value for _, value in points if value == value]
        summary = found[key]
        assert (summary.count, summary.nan) == (len(points), len(points) - len(numbers))
        assert repr((summary.last_step, summary.last)) == repr(points[-1])
        assert repr((summary.first_step, summary.first)) == repr(points[0])
        assert summary.min == (min(numbers) if numbers else None)
        assert summary.max == (max(numbers) if numbers else None)
        if numbers and all(map(math.isfinite, numbers)):
            exact = sum(map(Fraction, numbers)) / len(numbers)
            assert summary.mean == pytest.approx(float(exact), rel=1e-15, abs=5e-324)
            assert dict(points[::-1])[summary.min_step] == summary.min
            assert dict(points[::-1])[summary.max_step] == summary.max
        if numbers and {math.inf, -math.inf} <= set(numbers):
            assert math.isnan(summary.mean)


def test_the_mean_does_not_overflow_on_the_way() -> None:
    """Numbers whose sum is beyond float64 still have their mean."""
    rows = [Row(0, i, 1, 1.7e308, 1, "u", i) for i in range(4)]
    assert summarize(rows)["a"].mean == pytest.approx(1.7e308)


def test_an_undefined_last_value_is_no_value() -> None:
    """It counts for nothing but the last step, which has its reason instead of a number."""
    rows = pack([Row(0, 1, 1, 0.5, 1, "u", 0), Row(0, 2, 2, math.nan, 1, "u", 1)])
    rows.undefined[1] = True
    summary = summaries(shown(rows), {("u", 1): "one class only"})["a"]
    assert (summary.count, summary.nan, summary.last, summary.last_step) == (1, 0, None, 2)
    assert (summary.undefined, summary.mean, summary.first_step) == ("one class only", 0.5, 1)
    rows.undefined[:] = True
    summary = summaries(shown(rows), {})["a"]
    assert (summary.count, summary.min, summary.undefined) == (0, None, "undefined")


def test_no_rows_give_nothing() -> None:
    """Empty input is no special case for anybody."""
    empty = stored([])
    assert len(shown(valid(empty, [Attempt(2, 1, None)]))) == 0
    assert summaries(empty, {}) == {}
