"""The state of distinct scores: exact counts, merge laws, and what no order of rows may change."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from ledger import Undefined
from ledger.evaluate import scores
from ledger.evaluate.scores import ScoreCounts

Array = np.ndarray[Any, Any]


def counts(values: list[float], truth: list[int], weight: list[float] | None = None) -> ScoreCounts:
    """Return the state of rows."""
    state = ScoreCounts()
    state.update(np.array(values, float), np.array(truth), None if weight is None else np.array(weight, float))
    return state


def test_equal_scores_are_one() -> None:
    """Ties are added up, 0.0 and -0.0 are equal, and scores ascend."""
    state = counts([0.5, 0.0, -0.0, 0.5, 0.2], [1, 0, 1, 1, 0])
    assert state.scores.tolist() == [0.0, 0.2, 0.5]
    assert state.positive.tolist() == [1, 0, 2]
    assert state.negative.tolist() == [1, 1, 0]


def test_weights_of_equal_scores_are_added() -> None:
    """The same with weights."""
    state = counts([0.5, 0.2, 0.5, 0.5], [1, 0, 0, 1], [1.5, 2.0, 4.0, 0.25])
    assert state.positive.tolist() == [0, 1.75]
    assert state.negative.tolist() == [2, 4]


def test_a_sweep_lets_through_what_is_above_each_threshold() -> None:
    """From the greatest score, with nothing above it, to minus infinity."""
    sweep = counts([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]).sweep()
    assert sweep.threshold.tolist() == [0.8, 0.4, 0.35, 0.1, -math.inf]
    assert sweep.tp.tolist() == [0, 1, 1, 2, 2]
    assert sweep.fp.tolist() == [0, 0, 1, 1, 2]


def test_counts_above_a_threshold_leave_out_what_is_equal() -> None:
    """The rule is score > threshold: tn, fp, fn, tp."""
    above = counts([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1]).above(np.array([0.0, 0.4, 0.5, 0.8]))
    assert [list(column) for column in above] == [[0, 2, 2, 2], [2, 0, 0, 0], [0, 1, 1, 2], [2, 1, 1, 0]]


def test_nothing_above_is_exactly_nothing() -> None:
    """Weights that do not add up exactly leave no rest behind that would make 0/0 a number."""
    tp = counts([0.1, 0.2, 0.3], [1, 1, 1], [0.1, 0.2, 0.3]).above(np.array([0.3]))[3]
    assert tp.tolist() == [0.0]


@pytest.mark.parametrize("metric", [scores.roc_auc, scores.ks])
@pytest.mark.parametrize("truth", [[0, 0], [1, 1]])
def test_one_class_separates_nothing(metric: Any, truth: list[int]) -> None:
    """scikit-learn gives nan and Keras 0.0 here; it is undefined."""
    assert metric(counts([0.1, 0.7], truth)) == Undefined("one class in y_true")


@pytest.mark.parametrize(
    "metric", [scores.roc_auc, scores.ks, scores.average_precision, scores.pr_auc, scores.brier, scores.log_loss]
)
def test_no_rows_have_no_value(metric: Any) -> None:
    """An empty state is undefined for everything."""
    assert metric(ScoreCounts()) == Undefined("no rows")


def test_constant_scores() -> None:
    """A model that says the same of every row ranks like chance."""
    state = counts([0.5] * 4, [0, 1, 0, 0])
    assert scores.roc_auc(state) == 0.5
    assert scores.ks(state) == 0.0
    assert scores.average_precision(state) == 0.25


def test_ks_is_where_the_classes_are_farthest_apart() -> None:
    """The distance is scipy's two-sample statistic, the place the middle one of those that tie."""
    random = np.random.default_rng(0)
    truth = (random.random(200) < 0.4).astype(int)
    values = random.normal(truth, 1).round(1)
    state = counts(values.tolist(), truth.tolist())
    expected = stats.ks_2samp(values[truth == 1], values[truth == 0])
    assert scores.ks(state) == pytest.approx(expected.statistic, rel=1e-12)
    assert scores.ks_at(counts([0.1, 0.2, 0.3, 0.4, 0.5], [0, 0, 1, 0, 1])) == 0.2


def test_large_weights_of_few_rows() -> None:
    """AUC of the pROC aSAH kind: weights stand for repeated rows."""
    values, truth, weight = [0.1, 0.3, 0.3, 0.9], [0, 1, 0, 1], [3, 2, 4, 1]
    repeated = counts(np.repeat(values, weight).tolist(), np.repeat(truth, weight).tolist())
    weighted = counts(values, truth, [float(w) for w in weight])
    for metric in (scores.roc_auc, scores.average_precision, scores.ks, scores.brier, scores.log_loss, scores.pr_auc):
        assert metric(weighted) == pytest.approx(metric(repeated), rel=1e-14)


def test_small_probabilities_keep_their_digits() -> None:
    """The loss of a sure and right model is the probability it left over, not a rounding error."""
    assert scores.log_loss(counts([1e-10, 1e-10], [0, 0])) == pytest.approx(1e-10, rel=1e-9)


def test_perfect_predictions_cost_next_to_nothing() -> None:
    """Probabilities of 0 and 1 that are right cost the clip, and nothing is negative."""
    found = scores.log_loss(counts([0.0, 1.0], [0, 1]))
    assert found == pytest.approx(2.220446049250313e-16, rel=1e-6)


@pytest.mark.parametrize(("bins", "edges"), [(10, 11), (1, 2), (3, 4)])
def test_calibration_bins_hold_every_row(bins: int, edges: int) -> None:
    """Weights of the bins add up to the rows, also for scores on the edges."""
    found = scores.calibration(counts(np.linspace(0, 1, 41).tolist(), [0, 1] * 20 + [0]), bins)
    assert not isinstance(found, Undefined)
    assert found.weight.sum() == 41
    assert len(found.low) == edges - 1


ROWS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(allow_nan=False, allow_infinity=False),
        st.booleans(),
        st.sampled_from([1.0, 2.0, 0.1]),
    ),
    max_size=25,
)


@given(ROWS, ROWS, ROWS, st.booleans())
def test_merging_is_commutative_and_associative(a: list[Any], b: list[Any], c: list[Any], weighted: bool) -> None:
    """(a + b) + c = a + (b + c) = (c + b) + a = all rows at once."""
    one, two, three, whole = (made(rows, weighted) for rows in (a, b, c, a + b + c))
    left = merged(merged(one, two), three)
    right = merged(one, merged(two, three))
    back = merged(merged(three, two), one)
    for state in (left, right, back):
        assert state.scores.tolist() == whole.scores.tolist()
        assert state.positive == pytest.approx(whole.positive, rel=1e-12)
        assert state.negative == pytest.approx(whole.negative, rel=1e-12)


def made(rows: list[Any], weighted: bool) -> ScoreCounts:
    """Return the state of generated rows."""
    values, truth, weight = ([row[i] for row in rows] for i in range(3))
    return counts(values, truth, weight if weighted else None)


def merged(a: ScoreCounts, b: ScoreCounts) -> ScoreCounts:
    """Return a new state of both, by way of plain arrays."""
    state = ScoreCounts.from_dict(a.to_dict())
    state.merge(b)
    return state


@given(ROWS)
def test_auc_as_scikit_learn_has_it(rows: list[Any]) -> None:
    """For any scores, ties and all, to 1e-12."""
    state = made(rows, weighted=False)
    if state.one_class() is None:
        values, truth = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
        assert scores.roc_auc(state) == pytest.approx(sk.roc_auc_score(truth, rank(values)), rel=1e-12, abs=1e-15)
        assert scores.average_precision(state) == pytest.approx(
            sk.average_precision_score(truth, rank(values)), rel=1e-12
        )


def rank(values: Array) -> Array:
    """Return dense ranks: scikit-learn takes scores that are nearly equal to be equal."""
    return np.asarray(np.unique(values, return_inverse=True)[1])


def test_a_million_rows_stay_exact() -> None:
    """Sums of a million rows lose no digit: counts are whole numbers."""
    random = np.random.default_rng(1)
    values = random.integers(0, 100, 1_000_000) / 100
    truth = random.random(1_000_000) < values
    state = ScoreCounts()
    for part in range(4):
        rows = slice(part * 250_000, (part + 1) * 250_000)
        state.update(values[rows], truth[rows])
    assert state.positive.sum() + state.negative.sum() == 1_000_000
    below, wins = 0, 0.0
    for positive, negative in zip(state.positive.tolist(), state.negative.tolist(), strict=True):
        wins += positive * (below + negative / 2)
        below += negative
    assert scores.roc_auc(state) == wins / (int(truth.sum()) * int((~truth).sum()))


def test_delongs_interval() -> None:
    """The variance is that of DeLong's placements, row against row, ties counting half."""
    random = np.random.default_rng(2)
    truth = (random.random(60) < 0.4).astype(int)
    values = random.normal(truth, 1).round(1)
    positive, negative = values[truth == 1], values[truth == 0]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    rows, columns = wins.mean(axis=1), wins.mean(axis=0)
    half = stats.norm.ppf(0.975) * math.sqrt(rows.var(ddof=1) / len(rows) + columns.var(ddof=1) / len(columns))
    found = scores.roc_auc_interval(counts(values.tolist(), truth.tolist()))
    assert found == pytest.approx((wins.mean() - half, wins.mean() + half), rel=1e-12)


@pytest.mark.parametrize(
    ("truth", "weight", "reason"),
    [
        ([1, 1, 1], None, "one class in y_true"),
        ([0, 1, 1], None, "fewer than two rows of a class"),
        ([0, 1, 1], [1.0, 1.0, 1.0], "rows have weights"),
    ],
)
def test_where_delong_has_no_interval(truth: list[int], weight: list[float] | None, reason: str) -> None:
    """Two rows of each class are the least, and weights are no repeated rows."""
    assert scores.roc_auc_interval(counts([0.1, 0.5, 0.7], truth, weight)) == Undefined(reason)
    merged_state = merged(ScoreCounts(), counts([0.1, 0.5, 0.7], truth, weight))
    assert scores.roc_auc_interval(merged_state) == Undefined(reason)
