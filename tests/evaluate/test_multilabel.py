"""Metrics and charts of many labels a row, against scikit-learn."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from ledger.errors import InvalidValue
from ledger.evaluate import Evaluation, compute, evaluate, new_states
from ledger.format.values import Undefined
from tests.evaluate.chunks import assert_same, cut, in_chunks

AVERAGES = {"": "macro", "_weighted": "weighted", "_micro": "micro", "_samples": "samples"}
SHARES: dict[str, Callable[..., Any]] = {
    "precision": metrics.precision_score, "recall": metrics.recall_score, "f1": metrics.f1_score,
}  # fmt: skip
RANKINGS: dict[str, Callable[..., Any]] = {
    "label_ranking_average_precision": metrics.label_ranking_average_precision_score,
    "label_ranking_loss": metrics.label_ranking_loss,
    "coverage_error": metrics.coverage_error,
}


def multilabel(y_true: Any, y_pred: Any = None, y_score: Any = None, **options: Any) -> Evaluation:
    """Evaluate many labels a row."""
    return evaluate(y_true, y_pred, y_score, kind="multilabel", **options)


def rows(case: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return truth (300, 5), scores and weights of a kind of data."""
    rng = np.random.default_rng(31)
    truth = rng.random((300, 5)) < [0.5, 0.3, 0.1, 0.7, 0.02]
    scores = np.clip(0.35 * truth + 0.75 * rng.random((300, 5)), 0, 1)
    if case == "rounded, with ties":
        scores = np.round(scores * 4) / 4
    if case == "rows of none and all":
        truth[:40], truth[40:80] = False, True
    if case == "a label never predicted":
        scores[:, 2] = 0.0
    return truth.astype(int), scores, rng.random(300) + 0.01


CASES = ["ordinary", "rounded, with ties", "rows of none and all", "a label never predicted"]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", CASES)
def test_metrics_of_labels_agree_with_scikit_learn(case: str, weighted: bool) -> None:
    """All means of precision, recall and F1, subset accuracy and Hamming loss agree to 1e-12, 0/0 left out or 0."""
    truth, scores, weight = rows(case)
    heavy, predicted = weight if weighted else None, (scores > 0.5).astype(int)
    options = {"kind": "multilabel", "sample_weight": heavy}
    found = multilabel(truth, predicted, sample_weight=heavy)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth, predicted, sample_weight=heavy), rel=1e-12)
    expected = metrics.hamming_loss(truth, predicted, sample_weight=heavy)
    assert found["hamming_loss"] == pytest.approx(expected, rel=1e-12)
    for name, oracle in SHARES.items():
        for ending, average in AVERAGES.items():
            for stand_in in (np.nan, 0, 1):
                expected = oracle(truth, predicted, average=average, sample_weight=heavy, zero_division=stand_in)
                option = None if stand_in != stand_in else stand_in
                own = compute(name + ending, truth, predicted, zero_division=option, **options)
                assert own == pytest.approx(expected, rel=1e-12), (name + ending, stand_in)
        each = oracle(truth, predicted, average=None, sample_weight=heavy, zero_division=np.nan)
        for label, value in enumerate(each):
            own = found.value(name, **{"class": label})
            assert isinstance(own, Undefined) if np.isnan(value) else own == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", CASES)
def test_metrics_of_scores_agree_with_scikit_learn(case: str, weighted: bool) -> None:
    """AUC and average precision, macro, micro and of each label, and the rankings of rows agree to 1e-12."""
    truth, scores, weight = rows(case)
    heavy = weight if weighted else None
    found = multilabel(truth, None, scores, sample_weight=heavy)
    for name, oracle in (("roc_auc", metrics.roc_auc_score), ("average_precision", metrics.average_precision_score)):
        assert found[name] == pytest.approx(oracle(truth, scores, sample_weight=heavy), rel=1e-12)
        micro = compute(f"{name}_micro", truth, None, scores, kind="multilabel", sample_weight=heavy)
        assert micro == pytest.approx(oracle(truth, scores, average="micro", sample_weight=heavy), rel=1e-12)
        each = oracle(truth, scores, average=None, sample_weight=heavy)
        assert [found.value(name, **{"class": label}) for label in range(5)] == pytest.approx(each, rel=1e-12)
    for name, oracle in RANKINGS.items():
        assert found[name] == pytest.approx(oracle(truth, scores, sample_weight=heavy), rel=1e-12), name


def test_published_values() -> None:
    """The examples of scikit-learn's guide: LRAP 0.416, coverage 2.5, ranking loss 0.75, Hamming loss 0.75."""
    truth, scores = [[1, 0, 0], [0, 0, 1]], [[0.75, 0.5, 1], [1, 0.2, 0.1]]
    found = multilabel(truth, None, scores)
    assert found["label_ranking_average_precision"] == pytest.approx((1 / 2 + 1 / 3) / 2, rel=1e-12)
    assert found["coverage_error"] == 2.5
    assert found["label_ranking_loss"] == 0.75
    assert multilabel([[0, 1], [1, 1]], [[0, 0], [0, 0]])["hamming_loss"] == 0.75


def test_the_rule_is_score_above_threshold() -> None:
    """A score at the threshold is not given the label; the threshold is part of the definition."""
    truth, scores = [[1, 0], [0, 1]], [[0.5, 0.2], [0.1, 0.6]]
    found = multilabel(truth, None, scores)
    assert found["recall"] == 0.5
    assert multilabel(truth, None, scores, threshold=0.49)["recall"] == 1.0
    assert found.definitions["f1"]["threshold"] == 0.5
    assert "threshold" not in multilabel(truth, truth).definitions["f1"]


def test_a_label_that_no_row_has() -> None:
    """Its AUC, and on both sides its F1, are undefined; means leave it out; zero_division=0 takes it as 0."""
    truth, predicted = np.array([[1, 0], [0, 0]]), np.array([[1, 0], [1, 0]])
    scores = np.array([[0.9, 0.2], [0.8, 0.3]])
    found = multilabel(truth, predicted, scores, labels=["red", "blue"])
    assert found.value("f1", **{"class": "blue"}) == Undefined("neither truth nor predictions have 'blue'")
    assert found.value("roc_auc", **{"class": "blue"}) == Undefined("no row is truly 'blue'")
    assert found["f1"] == pytest.approx(2 / 3, rel=1e-12)
    assert found["roc_auc"] == 1.0
    zeros = multilabel(truth, predicted, scores, zero_division=0)
    assert zeros["f1"] == pytest.approx(metrics.f1_score(truth, predicted, average="macro", zero_division=0), rel=1e-12)
    assert found.charts["roc"].facts["auc"] == [1.0, Undefined("no row is truly 'blue'")]
    none = multilabel(np.zeros((2, 2)), np.zeros((2, 2)), scores)
    assert none["roc_auc"] == Undefined("no label has rows of both sides")
    assert none["f1_micro"] == Undefined("it is 0/0 for every label")
    assert multilabel(np.ones((2, 2)), None, scores).value("roc_auc", **{"class": 0}) == Undefined(
        "no row is without 0"
    )


@pytest.mark.parametrize(
    ("truth", "scores", "weight", "reason"),
    [
        (np.zeros((0, 2)), np.zeros((0, 2)), None, "no rows"),
        ([[1, 0]], [[0.1, 0.2]], [0], "zero weights: every row has weight 0"),
        ([[None, 0]], [[0.1, 0.2]], None, "no row has a label yet: 1 pending"),
    ],
    ids=["empty", "zero weights", "pending"],
)
def test_without_usable_rows_everything_is_undefined(truth: Any, scores: Any, weight: Any, reason: str) -> None:
    """Every metric, over all labels and of each, gives the reason; no chart is drawn."""
    found = multilabel(truth, None, scores, sample_weight=weight)
    assert {value for _, _, value in found.values} == {Undefined(reason)}
    assert found.charts == {}


def test_scores_that_are_no_numbers() -> None:
    """NaN among scores takes away what is made from them; given predictions keep their metrics."""
    truth, scores = [[1, 0], [0, 1]], [[np.nan, 0.2], [0.1, 0.9]]
    assert all(isinstance(value, Undefined) for _, _, value in multilabel(truth, None, scores).values)
    found = multilabel(truth, truth, scores)
    assert found["f1"] == 1.0
    assert found["roc_auc"] == found["label_ranking_loss"] == Undefined("1 of 2 scores are not finite numbers")


@given(
    st.lists(
        st.tuples(st.lists(st.booleans(), min_size=3, max_size=3), st.lists(st.integers(0, 4), min_size=3, max_size=3),
                  st.sampled_from([0.0, 1.0, 2.5])),
        min_size=1,
        max_size=25,
    ),
    st.lists(st.integers(0, 8), max_size=3),
    st.randoms(use_true_random=False),
    st.sampled_from([None, 0]),
)  # fmt: skip
def test_chunks_in_any_order_are_the_whole(
    data: list[Any], sizes: list[int], random: Any, zero_division: int | None
) -> None:
    """Rows in any order, in any chunks, some of them empty, give every value and chart of the whole."""
    truth, scores, weight = (np.array(column) for column in zip(*data, strict=True))
    columns = {"y_true": truth, "y_score": scores / 4, "sample_weight": weight}
    whole = multilabel(**columns, zero_division=zero_division)
    merged = in_chunks("multilabel", columns, cut(len(data), sizes, random), zero_division=zero_division)
    assert_same(merged, whole)


def test_many_labels_are_ranked_in_parts() -> None:
    """With 300 labels rows are ranked a few at a time; the result is scikit-learn's."""
    rng = np.random.default_rng(32)
    truth, scores = (rng.random((150, 300)) < 0.05).astype(int), rng.random((150, 300))
    for name, oracle in RANKINGS.items():
        assert compute(name, truth, None, scores, kind="multilabel") == pytest.approx(oracle(truth, scores), rel=1e-12)


def test_states_with_other_options_do_not_merge() -> None:
    """Another threshold, other labels or another zero_division are refused."""
    states = new_states("multilabel", ("a", "b"))
    others: list[tuple[Any, dict[str, Any]]] = [("ab", {"threshold": 0.4}), ("ba", {}), ("ab", {"zero_division": 0})]
    for labels, options in others:
        with pytest.raises(InvalidValue, match="labels, threshold and zero_division differ"):
            states.merge(new_states("multilabel", tuple(labels), **options))


def test_the_charts_have_a_part_for_each_label() -> None:
    """The confusion table is scikit-learn's, label by label, and curves are told apart by their label."""
    truth, scores, weight = rows("ordinary")
    charts = multilabel(truth, None, scores, sample_weight=weight, labels=list("abcde")).charts
    expected = metrics.multilabel_confusion_matrix(truth, scores > 0.5, sample_weight=weight).reshape(5, 4)
    own = np.stack([charts["confusion"].columns[name] for name in ("tn", "fp", "fn", "tp")], axis=1)
    np.testing.assert_allclose(own, expected, rtol=1e-12)
    assert charts["report"].columns["support"] == pytest.approx(weight @ truth, rel=1e-12)
    for name in ("roc", "pr"):
        assert list(dict.fromkeys(charts[name].columns["class"])) == list("abcde")
    fpr, tpr = (np.asarray(charts["roc"].columns[name]) for name in ("fpr", "tpr"))
    last = np.array(charts["roc"].columns["class"]) == "e"
    assert np.trapezoid(tpr[last], fpr[last]) == pytest.approx(charts["roc"].facts["auc"][4], rel=1e-12)
