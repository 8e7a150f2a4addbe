"""What an evaluation gives: values, chart data, and the definitions that tell one `f1` from another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np

from ledger.errors import NoSuchMetric
from ledger.format.values import Undefined

Value: TypeAlias = float | Undefined

EPSILON = float(np.finfo(np.float64).eps)  # probabilities are clipped to it before a logarithm


class ChartData(msgspec.Struct, eq=False):
    """The numbers that a chart is drawn from.

    `columns` are of one length, in order, each an array or a list; `facts` are single values that belong to them
    (auc, n, labels, best threshold), plain JSON values or Undefined. NaN in a column stands for what is undefined.
    """

    kind: str
    columns: dict[str, np.ndarray[Any, Any] | list[Any]]
    facts: dict[str, Any] = {}


class Evaluation(msgspec.Struct, eq=False):
    """The whole evaluation of one model on one set of rows.

    `n` counts rows whose truth is known, `pending` those whose truth is missing, `invalid` those (of the n) that have
    a score or a prediction which is no finite number. `values` are (name, context, value) in a fixed order, the
    context `{"class": label}` or None; `definitions` say how each name was computed; `notices` what should be known.
    """

    kind: str
    n: int
    pending: int
    invalid: int
    labels: tuple[Any, ...]
    values: list[tuple[str, dict[str, Any] | None, Value]]
    charts: dict[str, ChartData]
    definitions: dict[str, dict[str, Any]]
    notices: list[str]

    def __getitem__(self, name: str) -> Value:
        """Return the value of a stored name, over all classes; raises NoSuchMetric."""
        return self.value(name)

    def value(self, name: str, **context: Any) -> Value:
        """Return the value of a stored name, with a context (`**{"class": "cat"}`) that of one class."""
        for found, has, value in self.values:
            if found == name and (has or {}) == context:
                return value
        names = ", ".join(dict.fromkeys(found for found, _, _ in self.values))
        what = f"{name!r} with {context}" if context else repr(name)
        raise NoSuchMetric(f"the evaluation has no metric {what}", hint=f"it has {names}")


def ratio(numerator: float, denominator: float, reason: str) -> Value:
    """Return a quotient as float64, or Undefined with this reason where the denominator is 0."""
    return Undefined(reason) if denominator == 0 else float(numerator) / float(denominator)


def finite(value: float, reason: str) -> Value:
    """Return a value, or Undefined with this reason where it is not a finite number."""
    return float(value) if math.isfinite(value) else Undefined(reason)


def mean_of_defined(values: Sequence[Value], reason: str) -> Value:
    """Return the plain mean of those values that are defined, or Undefined with this reason where none is."""
    known = [value for value in values if not isinstance(value, Undefined)]
    return math.fsum(known) / len(known) if known else Undefined(reason)


def as_column(values: Sequence[Value]) -> np.ndarray[Any, Any]:
    """Return values as a chart's column, NaN where one is undefined."""
    return np.array([math.nan if isinstance(value, Undefined) else value for value in values], dtype=np.float64)
