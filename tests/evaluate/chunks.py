"""An evaluation of rows that come in chunks, and when two evaluations are the same."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from ledger.evaluate import ChartData, Evaluation, check, conclude, new_states
from ledger.evaluate.lookup import bundle
from ledger.format.values import Undefined


def in_chunks(
    kind: str, columns: Mapping[str, np.ndarray], cuts: Sequence[np.ndarray], labels: Any = None, **options: Any
) -> Evaluation:
    """Evaluate rows given as chunks: each a list of row numbers, each through its own states, kept and read back."""
    whole: Any = None
    ignored = {name: options[name] for name in ("ignore_class",) if name in options}
    for cut in [*cuts, np.zeros(0, int)]:
        batch = check(kind, **{name: column[cut] for name, column in columns.items()}, labels=labels, **ignored)
        states: Any = new_states(kind, batch.labels, **options)
        states.update(batch)
        states = bundle(kind).states.from_dict(states.to_dict())  # type: ignore[attr-defined]
        if whole is None:
            whole = states
        else:
            whole.merge(states)
    return conclude(kind, whole)


def assert_same(found: Evaluation, expected: Evaluation) -> None:
    """Expect equal names, reasons and texts, and numbers that agree to 1e-12, in values and in charts."""
    assert [(name, context) for name, context, _ in found.values] == [(n, c) for n, c, _ in expected.values]
    for (name, context, value), (_, _, other) in zip(found.values, expected.values, strict=True):
        _same_value(value, other, f"{name} {context}")
    assert found.definitions == expected.definitions
    assert list(found.charts) == list(expected.charts)
    for name, chart in found.charts.items():
        _same_chart(chart, expected.charts[name], name)


def _same_value(value: Any, other: Any, where: str) -> None:
    if isinstance(value, Undefined) or isinstance(other, Undefined) or not isinstance(value, float | int):
        assert value == other, where
    elif math.isnan(value):
        assert math.isnan(other), where
    else:
        assert value == pytest.approx(other, rel=1e-12, abs=1e-12), where


def _same_chart(chart: ChartData, other: ChartData, name: str) -> None:
    assert chart.kind == other.kind
    assert list(chart.columns) == list(other.columns)
    for column, values in chart.columns.items():
        theirs = other.columns[column]
        assert len(values) == len(theirs), f"{name} {column}"
        for value, expected in zip(list(values), list(theirs), strict=True):
            _same_value(value.item() if hasattr(value, "item") else value,
                        expected.item() if hasattr(expected, "item") else expected, f"{name} {column}")  # fmt: skip


def cut(rows: int, sizes: Sequence[int], random: Any) -> list[np.ndarray]:
    """Return the numbers of all rows, shuffled, in chunks of these sizes and a last one for the rest."""
    order = list(range(rows))
    random.shuffle(order)
    ends = np.cumsum([0, *sizes]).tolist()
    pieces = [order[start:stop] for start, stop in zip(ends, [*ends[1:], rows], strict=True)]
    return [np.array(piece, dtype=int) for piece in pieces]
