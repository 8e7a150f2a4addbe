"""State of means, variances and covariances of columns, merged as Chan, Golub and LeVeque do; with minimum and maximum.

Right however far the values lie from 0: a mean is a pair (high, low), and spreads are summed around it.
"""

from __future__ import annotations

import math
from itertools import combinations_with_replacement
from typing import Any

import msgspec
import numpy as np

from ledger.evaluate.arrays import Array
from ledger.evaluate.losses import NOTHING, Sum, plus, times, total
from ledger.evaluate.results import Value, finite
from ledger.format.values import Undefined

LEAST = 1e-300  # of a mean of squares: those of values below 1e-150 have few digits left, or none
_RANGE = "beyond the range of float64"


class Moments(msgspec.Struct):
    """Moments of a fixed list of columns over the rows seen.

    `rows` counts them, `weight` sums their weights, `means` has a pair for each column, `spreads` the sums of
    w (a - mean a) (b - mean b) for each two columns, `lows` and `highs` the extremes.
    """

    columns: tuple[str, ...]
    rows: int = 0
    weight: Sum = NOTHING
    means: list[Sum] = []
    spreads: dict[tuple[str, str], Sum] = {}
    lows: list[float] = []
    highs: list[float] = []

    def update(self, weight: Array | None = None, /, **values: Array) -> None:
        """Add rows: for each column its values (n,), finite; weights (n,) above 0, each 1 if None."""
        columns = [values[name] for name in self.columns]
        if columns[0].size:
            self.merge(_moments(self.columns, columns, weight))

    def merge(self, other: Moments) -> None:
        """Add the rows of another state, which has the same columns."""
        if not other.rows:
            return
        if not self.rows:
            for field in self.__struct_fields__:
                value = getattr(other, field)
                setattr(self, field, value.copy() if isinstance(value, list | dict) else value)
            return
        weight = plus(self.weight, other.weight)
        share = other.weight[0] / weight[0]
        apart = [
            (theirs[0] - mine[0]) + (theirs[1] - mine[1]) for mine, theirs in zip(self.means, other.means, strict=True)
        ]
        away = dict(zip(self.columns, apart, strict=True))
        self.spreads = {
            (a, b): plus(plus(self.spreads[a, b], spread), (away[a] * away[b] * share * self.weight[0], 0.0))
            for (a, b), spread in other.spreads.items()
        }
        self.means = [plus(mean, (step * share, 0.0)) for mean, step in zip(self.means, apart, strict=True)]
        self.lows = [min(pair) for pair in zip(self.lows, other.lows, strict=True)]
        self.highs = [max(pair) for pair in zip(self.highs, other.highs, strict=True)]
        self.rows += other.rows
        self.weight = weight

    def mean(self, column: str) -> Value:
        """Return the weighted mean of a column; undefined without rows."""
        return finite(self.means[self.columns.index(column)][0], _RANGE) if self.rows else Undefined("no rows")

    def low(self, column: str) -> Value:
        """Return the least value of a column; undefined without rows."""
        return self.lows[self.columns.index(column)] if self.rows else Undefined("no rows")

    def high(self, column: str) -> Value:
        """Return the greatest value of a column; undefined without rows."""
        return self.highs[self.columns.index(column)] if self.rows else Undefined("no rows")

    def is_constant(self, column: str) -> bool:
        """Say whether all rows have one value in a column; so it is without rows."""
        return not self.rows or self.low(column) == self.high(column)

    def spread(self, a: str, b: str | None = None) -> float:
        """Return the sum of w (a - mean a) (b - mean b), b being a itself if None; 0 where one of them is constant."""
        names = (a, a if b is None else b)
        if any(self.is_constant(name) for name in names):
            return 0.0
        return self.spreads[names if names in self.spreads else names[::-1]][0]

    def is_exact(self, column: str) -> bool:
        """Say whether the spread of a column has all its digits: not where its squares are near the least float64."""
        spread = self.spread(column)
        return min(spread, spread / self.weight[0]) >= LEAST

    def variance(self, column: str) -> Value:
        """Return the weighted variance (divided by the sum of weights, not one less); undefined without rows."""
        return finite(self.spread(column) / self.weight[0], _RANGE) if self.rows else Undefined("no rows")

    def correlation(self, a: str, b: str) -> Value:
        """Return Pearson's correlation; undefined without rows or where a column is constant."""
        if not self.rows:
            return Undefined("no rows")
        for name in (a, b):
            if self.is_constant(name):
                return Undefined(f"{name} is constant")
        scale = math.sqrt(self.spread(a)) * math.sqrt(self.spread(b))
        if not (self.is_exact(a) and self.is_exact(b) and scale < math.inf):
            return Undefined(_RANGE)
        return max(-1.0, min(1.0, self.spread(a, b) / scale))

    def to_dict(self) -> dict[str, Any]:
        """Return the state as plain values; `from_dict` gives it back."""
        return {
            "columns": list(self.columns),
            "rows": self.rows,
            "weight": list(self.weight),
            "means": [list(mean) for mean in self.means],
            "spreads": [[a, b, *pair] for (a, b), pair in self.spreads.items()],
            "lows": list(self.lows),
            "highs": list(self.highs),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Moments:
        """Return the state that `to_dict` described."""
        return cls(
            tuple(data["columns"]),
            data["rows"],
            (data["weight"][0], data["weight"][1]),
            [(high, low) for high, low in data["means"]],
            {(a, b): (high, low) for a, b, high, low in data["spreads"]},
            list(data["lows"]),
            list(data["highs"]),
        )


def _moments(names: tuple[str, ...], columns: list[Array], weight: Array | None) -> Moments:
    """Return the moments of one part in two passes: means first, then what lies around them."""
    size = (float(columns[0].size), 0.0) if weight is None else total(weight)
    means: list[Sum] = []
    away: list[Array] = []
    for column in columns:
        mean = total(times(column, weight))[0] / size[0]
        with np.errstate(over="ignore", invalid="ignore"):
            offsets = column - mean
            rest = total(times(offsets, weight))[0] / size[0]  # what rounding took from the mean
            away.append(offsets - rest)
        means.append(plus((mean, 0.0), (rest, 0.0)))
    spreads: dict[tuple[str, str], Sum] = {}
    for i, j in combinations_with_replacement(range(len(names)), 2):
        with np.errstate(over="ignore", invalid="ignore"):
            spreads[names[i], names[j]] = total(times(away[i] * away[j], weight))
    lows, highs = ([float(getattr(column, end)()) for column in columns] for end in ("min", "max"))
    return Moments(names, columns[0].size, size, means, spreads, lows, highs)
