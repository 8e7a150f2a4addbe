"""The regression bundle: errors, shares of variance, charts. An error is prediction - truth, a residual its opposite.

Means over rows are sums in double the precision, variances are merged moments: right for values far from 0 as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ledger.errors import InvalidValue
from ledger.evaluate.arrays import Array, as_array, as_numbers
from ledger.evaluate.inputs import Batch
from ledger.evaluate.losses import RowLoss
from ledger.evaluate.moments import LEAST, Moments
from ledger.evaluate.registry import Bundle, Metric
from ledger.evaluate.residuals import (
    LIMIT,
    Residuals,
    error_by_decile,
    predicted_vs_true,
    residual_histogram,
    residuals,
)
from ledger.evaluate.results import ChartData, Value, finite
from ledger.evaluate.rows import Rows
from ledger.format.values import Undefined

LOSSES = ("absolute", "squared", "relative", "symmetric", "normalized", "target", "log_squared", "log_cosh")
_RANGE = "beyond the range of float64"


class RegressionStates:
    """States of a regression.

    `normalizer` is what `mean_relative_error` divides by: a number for all rows, or an array of one for each row of
    the one chunk that is then taken in. At most `keep` rows are kept for medians, quantiles and charts.
    """

    def __init__(self, labels: Sequence[Any] = (), *, normalizer: Any = None, keep: int = LIMIT) -> None:
        self.labels = tuple(labels)
        self.rule: dict[str, Any] = {}
        self.rows = Rows()
        self.losses = {name: RowLoss() for name in LOSSES}
        self.moments = Moments(("truth", "predicted", "error"))
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 0:
            raise InvalidValue(f"keep must be a whole number of rows, not {keep!r}")
        self.residuals = Residuals(limit=keep)
        self.zero_targets = self.below_log = 0
        self._by = _normalizer(normalizer)
        self.normalizer = None if self._by is None else float(self._by) if self._by.ndim == 0 else "one for each row"

    def update(self, batch: Batch) -> None:
        """Take in one chunk; raises InvalidValue where an array of normalizers does not fit its rows."""
        truth, predicted, weight = batch.truth, batch.predicted, batch.weight
        normalizer = self._normalizers(batch)
        self.rows.update(batch)
        if predicted is None or batch.unpredicted:
            return
        with np.errstate(over="ignore", under="ignore"):
            error = predicted - truth
            size = np.abs(error)
            self.losses["absolute"].update(size, weight)
            self.losses["squared"].update(error * error, weight)
            self.losses["target"].update(np.abs(truth), weight)
            self.losses["log_cosh"].update(_log_cosh(size), weight)
            self.losses["relative"].update(_quotient(size, np.abs(truth)), weight)
            self.losses["symmetric"].update(_quotient(size, (np.abs(truth) / 2 + np.abs(predicted) / 2)), weight)
            if normalizer is not None:
                self.losses["normalized"].update(_quotient(size, normalizer), weight)
        below = (truth <= -1) | (predicted <= -1)
        self.below_log += int(np.count_nonzero(below))
        if not self.below_log:
            self.losses["log_squared"].update(np.square(np.log1p(predicted) - np.log1p(truth)), weight)
        self.zero_targets += int(np.count_nonzero(truth == 0))
        self.moments.update(weight, truth=truth, predicted=predicted, error=error)
        self.residuals.update(truth, predicted, weight)

    def _normalizers(self, batch: Batch) -> Array | None:
        if self._by is None or self._by.ndim == 0:
            return self._by
        if self.rows.n or len(self._by) != len(batch.truth):
            raise InvalidValue(
                f"normalizer has {len(self._by)} values, and {self.rows.n + len(batch.truth)} rows count",
                hint="leave out rows without a truth or of weight 0 beforehand, and give all rows at once",
            )
        return self._by

    def merge(self, other: RegressionStates) -> None:
        """Take in what another one has seen; raises InvalidValue where the normalizers differ."""
        if self.normalizer != other.normalizer:
            raise InvalidValue(f"the normalizers differ: {self.normalizer} and {other.normalizer}")
        self.rows.merge(other.rows)
        for name in LOSSES:
            self.losses[name].merge(other.losses[name])
        self.moments.merge(other.moments)
        self.residuals.merge(other.residuals)
        self.zero_targets += other.zero_targets
        self.below_log += other.below_log

    def to_dict(self) -> dict[str, Any]:
        """Return them as plain values and arrays; `from_dict` gives them back."""
        return {
            "rows": self.rows.to_dict(),
            "losses": {name: loss.to_dict() for name, loss in self.losses.items()},
            "moments": self.moments.to_dict(),
            "residuals": self.residuals.to_dict(),
            "zero_targets": self.zero_targets,
            "below_log": self.below_log,
            "normalizer": self._by,
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> RegressionStates:
        """Return what `to_dict` described."""
        states = cls(normalizer=plain["normalizer"])
        states.rows = Rows.from_dict(plain["rows"])
        states.losses = {name: RowLoss.from_dict(loss) for name, loss in plain["losses"].items()}
        states.moments = Moments.from_dict(plain["moments"])
        states.residuals = Residuals.from_dict(plain["residuals"])
        states.zero_targets, states.below_log = plain["zero_targets"], plain["below_log"]
        return states


def _normalizer(given: Any) -> Array | None:
    """Return what errors are divided by as a float64 array, of no dimension for a single number; or None."""
    if given is None:
        return None
    if np.ndim(given) == 0:
        if isinstance(given, bool | str) or not hasattr(given, "__float__"):
            raise InvalidValue(f"normalizer must be a number or an array of numbers, not {given!r}")
        array = np.asarray(float(given))
    else:
        array = as_numbers("normalizer", as_array("normalizer", given))
    if array.ndim > 1:
        raise InvalidValue(f"normalizer has the shape {array.shape}; it needs one value a row")
    if not np.isfinite(array).all() or (array < 0).any():
        wrong = array[~(np.isfinite(array) & (array >= 0))].ravel()[0].item()
        raise InvalidValue(f"normalizer has {wrong!r}; it is finite and not negative")
    return array


def _quotient(size: Array, by: Array) -> Array:
    """Return quotients, 0 where the divisor is 0."""
    return np.divide(size, by, out=np.zeros_like(size), where=by != 0)


def _log_cosh(size: Array) -> Array:
    """Return log(cosh(e)) for |e|: without overflow for large ones, with all digits for small ones."""
    small = np.minimum(size, 1.0)
    of_small = np.log1p(2 * np.square(np.sinh(small / 2)))
    return np.asarray(np.where(size < 1, of_small, size + np.log1p(np.exp(-2 * size)) - math.log(2)))


Of: TypeAlias = Callable[[RegressionStates], Value]


def _checked(compute: Of) -> Of:
    """Return the function, asking first whether there are rows to work on."""
    return lambda states: states.rows.problem("values") or compute(states)


def _mean_of(name: str) -> Of:
    return lambda states: states.losses[name].mean()


def _rmse(states: RegressionStates) -> Value:
    mean = states.losses["squared"].mean()
    if isinstance(mean, Undefined):
        return mean
    return Undefined(_RANGE) if mean < LEAST and states.losses["absolute"].loss[0] > 0 else math.sqrt(mean)


def _msle(states: RegressionStates) -> Value:
    if states.below_log:
        return Undefined(f"{states.below_log} of {states.rows.counted} rows have a value of -1 or less")
    return states.losses["log_squared"].mean()


def _rmsle(states: RegressionStates) -> Value:
    mean = _msle(states)
    return mean if isinstance(mean, Undefined) else math.sqrt(mean)


def _cosine_similarity(states: RegressionStates) -> Value:
    moments, weight = states.moments, states.moments.weight[0]

    def product(a: str, b: str) -> float:
        (_, _, one), (_, _, other) = (_ends(moments, name) for name in (a, b))
        return moments.spread(a, b) + weight * one * other

    lengths = [product(name, name) for name in ("truth", "predicted")]
    if any(_ends(moments, name)[:2] == (0.0, 0.0) for name in ("truth", "predicted")):
        return Undefined("every value of one side is 0")
    if not all(LEAST <= length / weight < math.inf and length >= LEAST for length in lengths):
        return Undefined(_RANGE)
    cosine = product("truth", "predicted") / math.sqrt(lengths[0]) / math.sqrt(lengths[1])
    return max(-1.0, min(1.0, cosine))


def _ends(moments: Moments, name: str) -> tuple[float, float, float]:
    """Return the least value, the greatest one and the mean."""
    place = moments.columns.index(name)
    return moments.lows[place], moments.highs[place], moments.means[place][0]


def _d2_absolute_error(states: RegressionStates) -> Value:
    if states.rows.counted < 2:
        return Undefined("fewer than two rows")
    if states.moments.is_constant("truth"):
        return Undefined("y_true is constant")
    around, mean = states.residuals.mean_distance_from_median(), states.losses["absolute"].mean()
    if isinstance(around, Undefined) or isinstance(mean, Undefined):
        return around if isinstance(around, Undefined) else mean
    return finite(1 - mean / around, _RANGE)


def _mape(states: RegressionStates) -> Value:
    if states.zero_targets:
        return Undefined(f"{states.zero_targets} of {states.rows.counted} targets are 0; see wape and smape")
    return states.losses["relative"].mean()


def _wape(states: RegressionStates) -> Value:
    size = states.losses["target"].loss[0]
    if size == 0:
        return Undefined("every target is 0")
    return finite(states.losses["absolute"].loss[0] / size, _RANGE)


def _mean_relative_error(states: RegressionStates) -> Value:
    if states.normalizer is None:
        return Undefined("no normalizer was given: normalizer=")
    return states.losses["normalized"].mean()


def _max_error(states: RegressionStates) -> Value:
    ends = (states.moments.low("error"), states.moments.high("error"))
    if isinstance(ends[0], Undefined) or isinstance(ends[1], Undefined):
        return Undefined("no rows")
    return finite(max(-ends[0], ends[1], 0.0), _RANGE)


def _r2(states: RegressionStates) -> Value:
    return _share_explained(states, states.losses["squared"].loss[0])


def _explained_variance(states: RegressionStates) -> Value:
    return _share_explained(states, states.moments.spread("error"))


def _share_explained(states: RegressionStates, unexplained: float) -> Value:
    """Return 1 less what is unexplained over the spread of the truth; undefined for a constant truth."""
    if states.rows.counted < 2:
        return Undefined("fewer than two rows")
    if states.moments.is_constant("truth"):
        return Undefined("y_true is constant")
    spread = states.moments.spread("truth")
    return finite(1 - unexplained / spread, _RANGE) if states.moments.is_exact("truth") else Undefined(_RANGE)


def _metric(name: str, goal: str | None, compute: Of, about: str, **more: Any) -> Metric:
    definition = {"formula": more.pop("formula", about), **more.pop("definition", {}), "version": 1}
    return Metric(
        name=name, kinds=("regression",), needs="values", goal=goal, compute=_checked(compute),
        definition=definition, about=about, **more,
    )  # fmt: skip


METRICS = (
    _metric("mae", "minimize", _mean_of("absolute"), "mean |error|", aliases=("mean_absolute_error",)),
    _metric("mse", "minimize", _mean_of("squared"), "mean error^2", aliases=("mean_squared_error",)),
    _metric("rmse", "minimize", _rmse, "square root of mse", aliases=("root_mean_squared_error",)),
    _metric(
        "mape", "minimize", _mape, "mean |error / truth|, a fraction",
        aliases=("mean_absolute_percentage_error",), undefined="a target is 0",
    ),
    _metric(
        "median_ae", "minimize", lambda states: states.residuals.median_absolute_error(), "weighted median |error|",
        aliases=("median_absolute_error", "medae"), undefined="more rows than are kept",
        definition={"needs_rows": True, "exact": True},
    ),
    _metric("r2", "maximize", _r2, "1 - sum error^2 / sum (truth - mean truth)^2",
            aliases=("r2_score", "r2score", "r_squared"), undefined="y_true is constant, fewer than two rows"),
    _metric("explained_variance", "maximize", _explained_variance, "1 - variance of error / variance of truth",
            aliases=("explained_variance_score",), undefined="y_true is constant, fewer than two rows"),
    _metric("max_error", "minimize", _max_error, "greatest |error|"),
    _metric(
        "mean_relative_error", "minimize", _mean_relative_error, "mean of |error| / normalizer, 0 where that is 0",
        undefined="no normalizer was given", options=("normalizer",),
    ),
    _metric("bias", None, lambda states: states.moments.mean("error"), "mean error", aliases=("mean_error",)),
    _metric("error_variance", "minimize", lambda states: states.moments.variance("error"),
            "weighted mean (error - mean error)^2", bundled=False),
    _metric("pearson", "maximize", lambda states: states.moments.correlation("truth", "predicted"),
            "correlation of truth and prediction", aliases=("pearson_correlation", "pearsonr"),
            undefined="one side is constant", bundled=False),
    _metric("wape", "minimize", _wape, "sum |error| / sum |truth|", undefined="every target is 0", bundled=False),
    _metric("smape", "minimize", _mean_of("symmetric"), "mean 2 |error| / (|truth| + |prediction|), 0 where both are 0",
            aliases=("symmetric_mean_absolute_percentage_error",), bundled=False),
    _metric("msle", "minimize", _msle, "mean (log(1 + prediction) - log(1 + truth))^2",
            aliases=("mean_squared_log_error", "mean_squared_logarithmic_error"), undefined="a value is -1 or less",
            bundled=False),
    _metric("rmsle", "minimize", _rmsle, "square root of msle", aliases=("root_mean_squared_log_error",),
            undefined="a value is -1 or less", bundled=False),
    _metric("log_cosh", "minimize", _mean_of("log_cosh"), "mean log(cosh(error))",
            aliases=("logcosh", "log_cosh_error"), bundled=False),
    _metric("cosine_similarity", "maximize", _cosine_similarity,
            "sum truth prediction / square root of (sum truth^2 sum prediction^2), over all rows as one vector",
            undefined="one side is 0 everywhere", bundled=False),
    _metric("d2_absolute_error_score", "maximize", _d2_absolute_error,
            "1 - mae / mean |truth - median of truth|", undefined="y_true is constant, fewer than two rows, more rows "
            "than are kept", definition={"needs_rows": True, "exact": True}, bundled=False),
)  # fmt: skip


def _drawn(chart: Callable[[Residuals], ChartData | Undefined]) -> Callable[[RegressionStates], ChartData | Undefined]:
    return lambda states: states.rows.problem("values") or chart(states.residuals)


CHARTS: Mapping[str, Callable[[RegressionStates], ChartData | Undefined]] = {
    "predicted_vs_true": _drawn(predicted_vs_true),
    "residuals": _drawn(residuals),
    "residual_histogram": _drawn(residual_histogram),
    "error_by_decile": _drawn(error_by_decile),
}

BUNDLE = Bundle("regression", RegressionStates, METRICS, CHARTS, options=("normalizer", "keep"))
