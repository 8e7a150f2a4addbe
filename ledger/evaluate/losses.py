"""State of a loss that is a mean over rows: the sums of weights, losses and squares, each in double the precision.

A sum is a pair (high, low) of floats that is not added up: the order and the parts in which rows come do not matter.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import msgspec
import numpy as np

from ledger.evaluate.arrays import Array
from ledger.evaluate.results import Value, finite
from ledger.format.values import Undefined

Sum: TypeAlias = tuple[float, float]

_RANGE = "beyond the range of float64"
_FEW = 4096  # values at a time: so many stay in the fastest cache
NOTHING: Sum = (0.0, 0.0)


def total(values: Array) -> Sum:
    """Return the sum of all values, right to about 1e-30 of the sum of their sizes; infinite or NaN where they are."""
    if not np.isfinite(values).all():
        with np.errstate(invalid="ignore"):
            return float(np.sum(values)), 0.0
    rest, small = values.ravel(), 0.0
    if rest.size > _FEW:
        rest, small = _folded(rest)
    few = rest.tolist()
    try:
        high = math.fsum(few)
        return plus((high, math.fsum([*few, -high])), (small, 0.0))
    except (OverflowError, ValueError):  # beyond the range of float64
        return (math.inf if rest.max() > -rest.min() else -math.inf), 0.0


def _folded(values: Array) -> tuple[Array, float]:
    """Return `_FEW` sums that add up to all values, and what their rounding took."""
    whole = values.size // _FEW * _FEW
    sums, small = np.zeros(_FEW), np.zeros(_FEW)
    sums[: values.size - whole] = values[whole:]
    with np.errstate(over="ignore", invalid="ignore"):
        for row in values[:whole].reshape(-1, _FEW):
            after = sums + row
            part = after - sums
            small += (sums - (after - part)) + (row - part)
            sums = after
    return sums, float(np.sum(small))


def plus(a: Sum, b: Sum) -> Sum:
    """Return the sum of two sums, the same whichever comes first."""
    high = a[0] + b[0]
    if not math.isfinite(high):
        return high, 0.0
    part = high - a[0]
    low = ((a[0] - (high - part)) + (b[0] - part)) + (a[1] + b[1])
    result = high + low
    return result, low - (result - high)


def times(values: Array, weight: Array | None) -> Array:
    """Return values times weights; without weights, the values as they are."""
    if weight is None:
        return values
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return values * weight


class RowLoss(msgspec.Struct):
    """Sums over the rows seen: of the weights w and their squares, of w l and of w l^2 for the loss l of each row."""

    weight: Sum = NOTHING
    weight_squares: Sum = NOTHING
    loss: Sum = NOTHING
    squares: Sum = NOTHING

    def update(self, losses: Array, weight: Array | None = None) -> None:
        """Add rows: their losses (n,) and weights (n,) above 0, each 1 if None."""
        with np.errstate(over="ignore", under="ignore"):
            squared = losses * losses
        self.merge(
            RowLoss(
                (float(losses.size), 0.0) if weight is None else total(weight),
                (float(losses.size), 0.0) if weight is None else total(times(weight, weight)),
                total(times(losses, weight)),
                total(times(squared, weight)),
            )
        )

    def merge(self, other: RowLoss) -> None:
        """Add the rows of another state."""
        for field in self.__struct_fields__:
            setattr(self, field, plus(getattr(self, field), getattr(other, field)))

    def mean(self) -> Value:
        """Return the weighted mean; undefined without rows."""
        if self.weight[0] <= 0:
            return Undefined("no rows")
        return finite(self.loss[0] / self.weight[0], _RANGE)

    def standard_error(self) -> Value:
        """Return the standard error of the mean; rows of unequal weight count as Kish's effective number of rows."""
        mean = self.mean()
        if isinstance(mean, Undefined):
            return mean
        rows = self.weight[0] ** 2 / self.weight_squares[0]
        if rows <= 1:
            return Undefined("a single row")
        spread = self.squares[0] / self.weight[0] - mean * mean
        return finite(math.sqrt(max(spread, 0.0) / (rows - 1)), _RANGE)

    def to_dict(self) -> dict[str, Any]:
        """Return the state as plain values; `from_dict` gives it back."""
        return {field: list(getattr(self, field)) for field in self.__struct_fields__}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RowLoss:
        """Return the state that `to_dict` described."""
        return cls(**{field: (float(high), float(low)) for field, (high, low) in data.items()})
