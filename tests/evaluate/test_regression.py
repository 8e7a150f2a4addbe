"""Metrics and charts of a regression, against scikit-learn and published values."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from ledger.errors import InvalidValue
from ledger.evaluate import Evaluation, check, compute, conclude, evaluate, new_states
from ledger.evaluate.residuals import quantiles
from ledger.format.values import Undefined
from tests.evaluate.chunks import assert_same, cut, in_chunks

ORACLES = {
    "mae": metrics.mean_absolute_error,
    "mse": metrics.mean_squared_error,
    "rmse": metrics.root_mean_squared_error,
    "mape": metrics.mean_absolute_percentage_error,
    "median_ae": metrics.median_absolute_error,
    "r2": metrics.r2_score,
    "explained_variance": metrics.explained_variance_score,
}
VALUES = st.floats(-1e6, 1e6).map(lambda value: value + 0.0)


def regression(y_true: Any, y_pred: Any, **options: Any) -> Evaluation:
    """Evaluate a regression."""
    return evaluate(y_true, y_pred, kind="regression", **options)


def inputs(case: str) -> tuple[np.ndarray, np.ndarray]:
    """Return truths and predictions of a kind of data."""
    rng = np.random.default_rng(5)
    truth = rng.normal(size=501) * 3 + 1
    predicted = truth + rng.normal(size=501)
    return {
        "ordinary": (truth, predicted),
        "even": (truth[:500], predicted[:500]),
        "perfect": (truth, truth),
        "constant prediction": (truth, np.full(501, 2.5)),
        "worse than the mean": (truth, -3 * truth),
        "rounded, with ties": (np.round(truth) + 0.25, np.round(predicted)),
        "two rows": (truth[:2], predicted[:2]),
        "integers": (np.arange(1, 40), np.arange(40, 1, -1)),
        "large": (truth * 1e140, predicted * 1e140),
        "small": (truth * 1e-140, predicted * 1e-140),
    }[case]


CASES = [
    *("ordinary", "even", "perfect", "constant prediction", "worse than the mean", "rounded, with ties", "two rows"),
    *("integers", "large", "small"),
]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", CASES)
def test_every_metric_agrees_with_scikit_learn(case: str, weighted: bool) -> None:
    """Each metric agrees with scikit-learn to 1e-12, with weights and without."""
    truth, predicted = inputs(case)
    weight = np.random.default_rng(6).random(len(truth)) + 0.01 if weighted else None
    if weight is not None and len(truth) > 10:
        weight[::7] = 0
    found = regression(truth, predicted, sample_weight=weight)
    for name, oracle in ORACLES.items():
        if name == "mape" and case == "small":  # scikit-learn divides by 2.2e-16 at least
            continue
        expected = oracle(truth, predicted, sample_weight=weight)
        slack = 1e-15 if name in ("r2", "explained_variance") else 0.0  # 1 - a quotient
        assert found[name] == pytest.approx(expected, rel=1e-12, abs=slack), name
    counted = slice(None) if weight is None else weight > 0
    assert found["max_error"] == metrics.max_error(truth[counted], predicted[counted])
    bias = np.average(predicted.astype(float) - truth, weights=weight)
    assert found["bias"] == pytest.approx(bias, rel=1e-12, abs=1e-15 * np.abs(predicted).max())


@pytest.mark.parametrize("offset", [1e9, -1e9, 1e12])
def test_data_far_from_zero_is_right(offset: float) -> None:
    """At an offset of 1e9 R2 is what it is without it; plain sums of squares give 0.999 or 1.0 for 0.87."""
    rng = np.random.default_rng(0)
    truth = offset + np.round(rng.normal(size=2000) * 1024)
    predicted = truth + np.round(rng.normal(size=2000) * 512)
    found, expected = regression(truth, predicted), regression(truth - offset, predicted - offset)
    for name in ("mae", "mse", "rmse", "median_ae", "r2", "explained_variance", "max_error", "bias"):
        assert found[name] == pytest.approx(expected[name], rel=1e-12), name
    r2 = metrics.r2_score(truth - offset, predicted - offset)
    for cuts in (1, 50, 1000):
        chunks = np.array_split(np.arange(2000), cuts)
        merged = in_chunks("regression", {"y_true": truth, "y_pred": predicted}, chunks)
        assert merged["r2"] == pytest.approx(r2, rel=1e-12)


def test_keras_mean_relative_error() -> None:
    """The example of tf.keras gives its 1.25; where the normalizer is 0 a row counts as 0, as there."""
    truth, predicted = [1, 3, 2, 3], [2, 4, 6, 8]
    assert compute("mean_relative_error", truth, predicted, kind="regression", normalizer=[1, 3, 2, 3]) == 1.25
    assert compute("MeanRelativeError", truth, predicted, kind="regression", normalizer=[1, 3, 0, 3]) == 0.75
    assert compute("mean_relative_error", truth, predicted, kind="regression", normalizer=2) == 1.375
    found = regression(truth, predicted, normalizer=[1, 3, 2, 3])
    assert found.definitions["mean_relative_error"]["normalizer"] == "one for each row"
    assert regression(truth, predicted)["mean_relative_error"] == Undefined("no normalizer was given: normalizer=")


@pytest.mark.parametrize(
    ("normalizer", "message"),
    [
        ([1, 2], "normalizer has 2 values, and 4 rows count"),
        ([[1, 2], [3, 4]], "normalizer has the shape (2, 2)"),
        ([1, 2, 3, -1], "normalizer has -1"),
        (float("nan"), "normalizer has nan"),
        ("truth", "normalizer must be a number or an array of numbers, not 'truth'"),
    ],
)
def test_a_wrong_normalizer_is_an_error(normalizer: Any, message: str) -> None:
    """Another length, another shape, negative values, NaN and text are refused, with the value."""
    with pytest.raises(InvalidValue) as error:
        regression([1, 3, 2, 3], [2, 4, 6, 8], normalizer=normalizer)
    assert message in error.value.message


def test_an_array_of_normalizers_is_for_one_chunk() -> None:
    """A second chunk has no normalizers: an error, not a value of rows that do not belong together."""
    states = new_states("regression", normalizer=[1.0, 2.0])
    states.update(check("regression", [1, 2], [2, 2]))
    with pytest.raises(InvalidValue, match="normalizer has 2 values, and 4 rows count"):
        states.update(check("regression", [1, 2], [2, 2]))
    with pytest.raises(InvalidValue, match="normalizers differ"):
        states.merge(new_states("regression", normalizer=3))


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9, -7.0])
def test_a_constant_target_has_no_r2(constant: float) -> None:
    """R2, explained variance and the correlation of a constant target are undefined, whatever rounding does."""
    truth = np.full(7, constant)
    found = regression(truth, truth + np.arange(7))
    assert found["r2"] == found["explained_variance"] == Undefined("y_true is constant")
    assert found["mae"] == pytest.approx(3)
    assert compute("pearson", truth, truth + np.arange(7), kind="regression") == Undefined("truth is constant")
    assert regression(truth, truth)["r2"] == Undefined("y_true is constant")


def test_mape_with_a_zero_target_is_undefined() -> None:
    """One zero target takes MAPE away, not the rest; wape and smape are there for it."""
    truth, predicted = [0.0, 2.0, 4.0], [1.0, 2.0, 2.0]
    found = regression(truth, predicted)
    assert found["mape"] == Undefined("1 of 3 targets are 0; see wape and smape")
    assert found["mae"] == 1.0
    assert compute("wape", truth, predicted, kind="regression") == 0.5
    assert compute("smape", truth, predicted, kind="regression") == pytest.approx((2 + 0 + 2 * 2 / 6) / 3, rel=1e-12)
    assert compute("wape", [0.0, 0.0], [1.0, 2.0], kind="regression") == Undefined("every target is 0")
    assert regression(truth, predicted, sample_weight=[0, 1, 1])["mape"] == 0.25


@pytest.mark.parametrize(
    ("truth", "predicted", "weight", "reason"),
    [
        ([], [], None, "no rows"),
        ([1.0, 2.0], [1.0, 2.0], [0.0, 0.0], "zero weights: every row has weight 0"),
        ([1.0, 2.0], [1.0, np.nan], None, "1 of 2 values are not finite numbers"),
        ([1.0, np.inf], [1.0, 1.0], None, "1 of 2 values are not finite numbers"),
        ([np.nan, np.nan], [1.0, 1.0], None, "no row has a label yet: 2 pending"),
    ],
    ids=["empty", "zero weights", "NaN", "infinity", "pending"],
)
def test_without_usable_rows_everything_is_undefined(truth: Any, predicted: Any, weight: Any, reason: str) -> None:
    """Every metric gives the reason, and every chart too; nothing is drawn."""
    found = regression(np.array(truth, float), np.array(predicted, float), sample_weight=weight)
    assert {value for _, _, value in found.values} == {Undefined(reason)}
    assert found.charts == {}
    assert f"no residuals chart: {reason}" in found.notices


def test_one_row_has_errors_and_no_r2() -> None:
    """A single row has a mean error, and no share of variance."""
    found = regression([2.0], [3.0])
    assert found["mae"] == found["rmse"] == found["median_ae"] == found["bias"] == 1.0
    assert found["r2"] == Undefined("fewer than two rows")
    assert len(found.charts) == 4


def test_errors_beyond_float64_are_undefined_not_infinite() -> None:
    """Squares that overflow have no value; absolute errors have one; no warning is given and nothing is drawn."""
    found = regression([1e200, -1e200, 3.0], [-1e200, 1e200, 1.0])
    assert found["mse"] == found["r2"] == Undefined("beyond the range of float64")
    assert found["mae"] == pytest.approx(4e200 / 3, rel=1e-12)
    assert found["max_error"] == 2e200
    assert found.charts == {}


def test_rows_without_a_truth_are_pending() -> None:
    """They are counted and change no value."""
    found = regression([1.0, np.nan, 3.0], [2.0, 5.0, 3.0])
    assert (found.n, found.pending, found["mae"]) == (2, 1, 0.5)


@given(
    st.lists(st.tuples(VALUES, VALUES, st.sampled_from([0.0, 0.5, 1.0, 3.0])), min_size=1, max_size=40),
    st.lists(st.integers(0, 10), max_size=3),
    st.randoms(use_true_random=False),
    st.sampled_from([0.0, 1e9]),
)
def test_chunks_in_any_order_are_the_whole(
    rows: list[tuple[float, float, float]], sizes: list[int], random: Any, offset: float
) -> None:
    """Rows in any order, in any chunks, some of them empty, give every value and chart of the whole."""
    truth, predicted, weight = np.array(rows).T
    columns = {"y_true": truth + offset, "y_pred": predicted + offset, "sample_weight": weight}
    whole = regression(**columns)
    merged = in_chunks("regression", columns, cut(len(rows), sizes, random))
    scale = max(1.0, max((abs(v) for _, _, v in whole.values if isinstance(v, float)), default=1.0))
    assert (merged.n, merged.pending) == (whole.n, whole.pending)
    for (name, _, value), (_, _, other) in zip(merged.values, whole.values, strict=True):
        if isinstance(other, Undefined):
            assert value == other, name
        else:
            assert value == pytest.approx(other, rel=1e-12, abs=1e-15 * scale), name
    assert list(merged.charts) == list(whole.charts)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_chunks_give_the_charts_of_the_whole(weighted: bool) -> None:
    """Points, cells and bins are the same, number by number, in whatever order 7000 rows come."""
    rng = np.random.default_rng(8)
    columns = {"y_true": rng.normal(size=7000), "y_pred": rng.normal(size=7000)}
    if weighted:
        columns["sample_weight"] = rng.random(7000)
    whole = regression(**columns)
    order = rng.permutation(7000)
    assert_same(in_chunks("regression", columns, np.split(order, [10, 10, 3000])), whole)


def test_repeated_rows_are_rows_of_more_weight() -> None:
    """Whole-number weights say the same as rows that many times, in every value and in the charts of bins."""
    rng = np.random.default_rng(9)
    truth, predicted, weight = rng.normal(size=60), rng.normal(size=60), rng.integers(0, 4, 60)
    weighted = regression(truth, predicted, sample_weight=weight)
    repeated = regression(np.repeat(truth, weight), np.repeat(predicted, weight))
    for name, _, value in weighted.values:
        other = repeated[name]
        assert value == other if isinstance(value, Undefined) else value == pytest.approx(other, rel=1e-12), name
    tables = [found.charts["error_by_decile"].columns for found in (weighted, repeated)]
    for column, values in tables[0].items():
        np.testing.assert_allclose(values, tables[1][column], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("shares", [(0.5,), (0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0)])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 10, 99, 100])
def test_quantiles_are_those_of_numpy(rows: int, shares: tuple[float, ...]) -> None:
    """With equal weights they are numpy's averaged inverse of the distribution."""
    values = np.random.default_rng(rows).normal(size=rows)
    expected = np.quantile(values, shares, method="averaged_inverted_cdf")
    assert quantiles(values, np.full(rows, 0.1), shares) == pytest.approx(expected, rel=1e-12)


def test_more_rows_than_are_kept_say_so() -> None:
    """Beyond the limit what needs every row is undefined, the rest is exact, and merging keeps to the limit."""
    rng = np.random.default_rng(10)
    truth, predicted = rng.normal(size=30), rng.normal(size=30)
    reason = Undefined("needs every row, and at most 20 are kept: there are 30")
    whole = regression(truth, predicted, keep=20)
    assert whole["median_ae"] == reason
    assert whole["mae"] == pytest.approx(metrics.mean_absolute_error(truth, predicted), rel=1e-12)
    assert f"no residuals chart: {reason.reason}" in whole.notices
    halves = np.split(np.arange(30), 2)
    assert_same(in_chunks("regression", {"y_true": truth, "y_pred": predicted}, halves, keep=20), whole)


def test_the_charts_of_points_hold_every_row() -> None:
    """Up to 5000 rows each is a point, sorted by truth; residuals are truth - prediction, with their quantiles."""
    truth, predicted = np.array([3.0, 1.0, 2.0]), np.array([2.5, 1.5, 2.0])
    charts = regression(truth, predicted).charts
    points, residuals = charts["predicted_vs_true"], charts["residuals"]
    assert [column.tolist() for column in points.columns.values()] == [[1, 2, 3], [1.5, 2, 2.5], [1, 1, 1]]
    assert residuals.columns["residual"].tolist() == [-0.5, 0.0, 0.5]
    assert residuals.facts["quantiles"]["0.5"] == 0.0
    assert residuals.facts["cells"] is None


def test_many_points_are_the_weights_of_cells() -> None:
    """Beyond 5000 rows the cells of a grid hold all the weight, and their middles lie within the data."""
    rng = np.random.default_rng(11)
    truth, predicted = rng.normal(size=6000), rng.normal(size=6000)
    chart = regression(truth, predicted).charts["residuals"]
    assert chart.columns["weight"].sum() == 6000
    assert len(chart.columns["weight"]) <= 64 * 64
    residual = truth - predicted
    assert residual.min() < chart.columns["residual"].min() <= chart.columns["residual"].max() < residual.max()
    assert chart.facts["cells"][1] == pytest.approx(np.ptp(residual) / 64)


@pytest.mark.parametrize(
    "truth",
    [np.arange(5.0), np.zeros(9), np.r_[np.zeros(98), 1e6, -1e6], np.random.default_rng(3).normal(size=3000)],
    ids=["few", "constant", "outliers", "normal"],
)
def test_the_histogram_of_residuals_holds_every_row_once(truth: np.ndarray) -> None:
    """Its bins follow one another from the least to the greatest residual and add up to all rows."""
    found = regression(truth, np.zeros(len(truth))).charts["residual_histogram"]
    low, high, count = found.columns.values()
    half = 0.5 if truth.min() == truth.max() else 0.0  # one bin about residuals that are all alike
    assert (low[0], high[-1]) == (truth.min() - half, truth.max() + half)
    assert low[1:].tolist() == high[:-1].tolist()
    assert 1 <= len(count) <= 100
    if len(count) > 1:
        assert count.tolist() == np.histogram(truth, np.append(low, high[-1]))[0].tolist()
    assert count.sum() == len(truth)


def test_deciles_split_rows_by_prediction() -> None:
    """A hundred distinct predictions give ten rows of ten, with the errors of each group."""
    rng = np.random.default_rng(12)
    predicted = rng.permutation(np.arange(100.0))
    truth = predicted - (predicted >= 90) * 2
    columns = regression(truth, predicted).charts["error_by_decile"].columns
    assert columns["count"].tolist() == [10.0] * 10
    assert columns["low"].tolist() == list(range(0, 100, 10))
    assert columns["high"].tolist() == list(range(9, 100, 10))
    assert columns["bias"].tolist() == columns["mae"].tolist() == columns["rmse"].tolist() == [0.0] * 9 + [2.0]


def test_equal_predictions_are_not_split_over_deciles() -> None:
    """Ties stay in one group, so that the order of rows cannot matter; a constant prediction is one group."""
    truth = np.arange(10.0)
    tied = regression(truth, np.array([1.0] * 8 + [2.0] * 2)).charts["error_by_decile"].columns
    assert (tied["low"].tolist(), tied["count"].tolist()) == ([1.0, 2.0], [8.0, 2.0])
    one = regression(truth, np.ones(10)).charts["error_by_decile"].columns
    assert one["count"].tolist() == [10.0]


def test_names_and_aliases() -> None:
    """scikit-learn's and Keras' names find the stored ones; each definition has its formula and version."""
    truth, predicted = [1.0, 2.0, 4.0], [1.0, 3.0, 3.0]
    for alias, name in {
        "neg_mean_absolute_error": "mae", "mean_squared_error": "mse", "RootMeanSquaredError": "rmse",
        "neg_median_absolute_error": "median_ae", "R2Score": "r2", "explained_variance": "explained_variance",
        "mean_absolute_percentage_error": "mape",
    }.items():  # fmt: skip
        found = compute(alias, truth, predicted, kind="regression")
        assert found == compute(name, truth, predicted, kind="regression")
    states = new_states("regression")
    states.update(check("regression", truth, predicted))
    assert {d["version"] for d in conclude("regression", states).definitions.values()} == {1}


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [([1.0, 2.5, 4.0], [1.0, 2.5, 4.0]), ([0.0, 0.0], [1e17, 1e17 + 16]), ([3.0, 3.0], [1.0, 1.0])],
    ids=["perfect", "neighbours", "constant"],
)
def test_the_histogram_of_residuals_that_are_alike(truth: list[float], predicted: list[float]) -> None:
    """Its edges ascend, as those of any: a perfect model's has one bin about 0."""
    columns = regression(truth, predicted).charts["residual_histogram"].columns
    assert (columns["low"] < columns["high"]).all()
    assert columns["count"].sum() == len(truth)
    residuals = np.subtract(truth, predicted)
    assert columns["low"][0] <= residuals.min() <= residuals.max() <= columns["high"][-1]


@pytest.mark.parametrize("keep", [-1, True, 1.5, "all"])
def test_a_number_of_rows_to_keep_that_is_none(keep: Any) -> None:
    """It is refused; 0 keeps none, and what needs rows is undefined."""
    with pytest.raises(InvalidValue, match="keep must be a whole number of rows"):
        regression([1.0, 2.0], [1.0, 2.0], keep=keep)
    assert isinstance(regression([1.0, 2.0], [1.0, 2.0], keep=0)["median_ae"], Undefined)


def test_a_median_needs_no_squares() -> None:
    """Errors of 1e150 and more have a median, though not the charts; one that is beyond float64 stays undefined."""
    found = evaluate([1e150, 2e150, 1e308], [1e150, 3e150, -1e308], kind="regression")
    assert found["median_ae"] == pytest.approx(1e150, rel=1e-12)
    assert found["mse"] == found["max_error"] == Undefined("beyond the range of float64")
    beyond = compute("median_ae", [1e308, 1e308], [-1e308, -1e308], kind="regression")
    assert beyond == Undefined("beyond the range of float64")


@pytest.mark.parametrize("name", ["rmse", "r2", "explained_variance", "pearson", "cosine_similarity"])
def test_squares_below_the_range_of_float64_give_no_wrong_digits(name: str) -> None:
    """At 1e-160 squares have lost their digits, and what is made of them is undefined; at 1e-140 it is right."""
    truth, predicted = np.array([1.0, 2.0, 4.0, 9.0]), np.array([1.5, 1.0, 4.0, 8.0])
    whole, small, tiny = (
        compute(name, truth * scale, predicted * scale, kind="regression") for scale in (1.0, 1e-140, 1e-160)
    )
    assert isinstance(whole, float)
    assert small == pytest.approx(whole * (1e-140 if name == "rmse" else 1), rel=1e-12)
    assert tiny == Undefined("beyond the range of float64")
    assert compute("rmse", truth * 1e-160, truth * 1e-160, kind="regression") == 0.0


def test_likeness_and_logarithms_that_there_are_not() -> None:
    """A value of -1 has no logarithm, 0 no direction, a constant no median that is worse than another."""
    assert compute("msle", [1.0, 2.0], [1.0, -1.0]) == Undefined("1 of 2 rows have a value of -1 or less")
    assert compute("rmsle", [1.0, -3.0], [1.0, 2.0]) == Undefined("1 of 2 rows have a value of -1 or less")
    assert compute("cosine_similarity", [0.0, 0.0], [1.0, 2.0]) == Undefined("every value of one side is 0")
    assert compute("d2_absolute_error_score", [2.5, 2.5], [1.0, 2.0]) == Undefined("y_true is constant")
    assert compute("log_cosh", [0.0, 0.0], [1500.0, -1500.0]) == pytest.approx(1500 - math.log(2), rel=1e-15)
    assert compute("log_cosh", [0.0], [1e-9], kind="regression") == pytest.approx(5e-19, rel=1e-12)
