"""Metrics and charts of many classes, against scikit-learn and published values."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from ledger.errors import InvalidValue
from ledger.evaluate import Evaluation, check, compute, evaluate, new_states
from ledger.evaluate.class_scores import ClassScores
from ledger.format.values import Undefined
from tests.evaluate.chunks import assert_same, cut, in_chunks

NAMES = np.array(["cat", "dog", "emu", "fox"])
AVERAGES = {"": "macro", "_weighted": "weighted", "_micro": "micro"}
SHARES: dict[str, Callable[..., Any]] = {
    "precision": metrics.precision_score, "recall": metrics.recall_score, "f1": metrics.f1_score,
}  # fmt: skip


def classes(y_true: Any, y_pred: Any = None, y_score: Any = None, **options: Any) -> Evaluation:
    """Evaluate many classes."""
    return evaluate(y_true, y_pred, y_score, kind="multiclass", **options)


def quiet(oracle: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call scikit-learn without its warnings about what is undefined."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return oracle(*arguments, **options)


def rows(case: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return truth, probabilities and weights of a kind of data, labels 0 to 3."""
    rng = np.random.default_rng(21)
    truth = rng.integers(0, 4, 400)
    scores = rng.random((400, 4)) + 1.2 * np.eye(4)[truth] * rng.random((400, 1))
    if case == "imbalanced":
        truth = np.where(rng.random(400) < 0.9, 0, truth)
    if case == "rounded, with ties":
        scores = np.round(scores * 4) + 1
    if case == "sure":
        scores = np.where(scores == scores.max(axis=1, keepdims=True), 1.0, 0.0)
    if case == "constant":
        scores = np.tile([1.0, 3.0, 2.0, 2.0], (400, 1))
    return truth, scores / scores.sum(axis=1, keepdims=True), rng.random(400) + 0.01


CASES = ["ordinary", "imbalanced", "rounded, with ties", "sure", "constant"]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", CASES)
def test_metrics_of_labels_agree_with_scikit_learn(case: str, weighted: bool) -> None:
    """Each metric of labels agrees with scikit-learn to 1e-12; 0/0 is left out of means, as its zero_division=nan."""
    truth, scores, weight = rows(case)
    predicted = scores.argmax(axis=1)
    heavy = weight if weighted else None
    found = classes(truth, predicted, sample_weight=heavy)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth, predicted, sample_weight=heavy), rel=1e-12)
    expected = metrics.balanced_accuracy_score(truth, predicted, sample_weight=heavy)
    assert found["balanced_accuracy"] == pytest.approx(expected, rel=1e-12)
    for name, oracle in SHARES.items():
        for ending, average in AVERAGES.items():
            expected = oracle(truth, predicted, average=average, sample_weight=heavy, zero_division=np.nan)
            assert found[name + ending] == pytest.approx(expected, rel=1e-12), name + ending
            zeros = oracle(truth, predicted, average=average, sample_weight=heavy, zero_division=0)
            other = classes(truth, predicted, sample_weight=heavy, zero_division=0, charts=False)
            assert other[name + ending] == pytest.approx(zeros, rel=1e-12), name + ending
            assert other.definitions[name].get("zero_division") == 0
        each = oracle(truth, predicted, average=None, sample_weight=heavy, zero_division=np.nan)
        for label, value in enumerate(each):
            own = found.value(name, **{"class": label})
            assert isinstance(own, Undefined) if np.isnan(value) else own == pytest.approx(value, rel=1e-12)
    if case != "constant":
        for name, oracle in (("mcc", metrics.matthews_corrcoef), ("cohen_kappa", metrics.cohen_kappa_score)):
            expected = oracle(truth, predicted, sample_weight=heavy)
            assert found[name] == pytest.approx(expected, rel=1e-12, abs=1e-15), name


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", CASES)
def test_metrics_of_scores_agree_with_scikit_learn(case: str, weighted: bool) -> None:
    """AUC one against the rest and one against one, average precision, losses and top k agree to 1e-12."""
    truth, scores, weight = rows(case)
    heavy = weight if weighted else None
    found = classes(truth, None, scores, sample_weight=heavy)
    one_hot = np.eye(4)[truth]
    expected = {
        "roc_auc": metrics.roc_auc_score(truth, scores, multi_class="ovr", sample_weight=heavy),
        "average_precision": metrics.average_precision_score(one_hot, scores, sample_weight=heavy),
        "log_loss": metrics.log_loss(truth, scores, sample_weight=heavy),
        "brier": metrics.brier_score_loss(truth, scores, sample_weight=heavy),
        "roc_auc_weighted": metrics.roc_auc_score(
            truth, scores, multi_class="ovr", average="weighted", sample_weight=heavy
        ),
    }
    if not weighted:
        for name, average in (("roc_auc_ovo", "macro"), ("roc_auc_ovo_weighted", "weighted")):
            expected[name] = metrics.roc_auc_score(truth, scores, multi_class="ovo", average=average)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12), name
    for code in range(4):
        value = metrics.roc_auc_score(truth == code, scores[:, code], sample_weight=heavy)
        assert found.value("roc_auc", **{"class": code}) == pytest.approx(value, rel=1e-12)
        value = metrics.average_precision_score(truth == code, scores[:, code], sample_weight=heavy)
        assert found.value("average_precision", **{"class": code}) == pytest.approx(value, rel=1e-12)
    for k in (1, 2, 3):
        value = metrics.top_k_accuracy_score(truth, scores, k=k, sample_weight=heavy)
        own = compute("top_k_accuracy", truth, None, scores, kind="multiclass", sample_weight=heavy, k=k)
        assert own == pytest.approx(value, rel=1e-12), k


def test_published_values() -> None:
    """The examples of scikit-learn's documentation give the numbers printed there."""
    eggs = classes(
        ["eggs", "ham", "spam"], None, [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.2, 0.2, 0.6]],
        labels=["eggs", "ham", "spam"],
    )  # fmt: skip
    assert eggs["brier"] == pytest.approx(0.44 / 3, rel=1e-12)
    macro = classes([0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1])
    assert [macro["precision"], macro["recall"], macro["f1"]] == pytest.approx([2 / 9, 1 / 3, 4 / 15], rel=1e-12)
    assert macro["precision_micro"] == macro["accuracy"] == pytest.approx(1 / 3, rel=1e-12)
    top = compute(
        "top_2_accuracy", [0, 1, 2, 2], None, [[0.5, 0.2, 0.2], [0.3, 0.4, 0.2], [0.2, 0.4, 0.3], [0.7, 0.2, 0.1]]
    )
    assert top == 0.75


def test_ties_at_the_boundary_of_top_k() -> None:
    """The later label of tied scores comes first, as in scikit-learn; the order of rows does not matter."""
    truth = np.array([0, 1, 2, 0, 1, 2])
    scores = np.array([[1.0, 1, 1], [1, 1, 1], [1, 1, 1], [2, 2, 1], [2, 1, 1], [1, 2, 2]]) / 3
    for k, hits in ((1, 2), (2, 4)):
        expected = metrics.top_k_accuracy_score(truth, scores, k=k, normalize=False)
        own = compute("top_k_accuracy", truth, None, scores, k=k)
        assert own == expected / 6 == hits / 6
        assert compute("top_k_accuracy", truth[::-1], None, scores[::-1], k=k) == own


def test_the_top_5_of_few_labels_is_undefined() -> None:
    """With five labels or fewer each truth is among the five greatest scores; of six labels it has a value."""
    truth, scores, _ = rows("ordinary")
    assert classes(truth, None, scores)["top_5_accuracy"] == Undefined("there are 4 labels: the top 5 are all of them")
    six = np.eye(6)[[0, 1, 2, 3, 4, 5]] / 2 + 1 / 12
    assert classes(range(6), None, six)["top_5_accuracy"] == 1.0


@pytest.mark.parametrize("case", CASES)
def test_labels_may_be_text_in_any_order(case: str) -> None:
    """Text labels, sorted or in an order that is said, give the values of the numbers they stand for."""
    truth, scores, _ = rows(case)
    expected = classes(truth, None, scores)
    texts = classes(NAMES[truth], None, scores)
    turned = classes(NAMES[truth], None, scores[:, ::-1], labels=NAMES[::-1])
    for name, context, value in expected.values:
        named = {} if context is None else {"class": str(NAMES[context["class"]])}
        other = texts.value(name, **named)
        if isinstance(value, Undefined):
            assert isinstance(other, Undefined)
            continue
        assert other == pytest.approx(value, rel=1e-12), name
        if case in ("ordinary", "imbalanced"):  # the first of ties is another label when columns are turned
            assert turned.value(name, **named) == pytest.approx(value, rel=1e-12), name
    assert texts.charts["roc"].facts["labels"] == NAMES.tolist()


def test_a_label_that_is_absent_is_in_no_mean() -> None:
    """A label in neither truth nor predictions is undefined, its row and column stay, and a notice says so."""
    truth, predicted = [0, 1, 1, 0], [0, 1, 0, 0]
    scores = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.3, 0.2], [0.9, 0.05, 0.05]])
    found = classes(truth, predicted, scores, labels=[0, 1, 2])
    assert found["f1"] == pytest.approx(metrics.f1_score(truth, predicted, average="macro"), rel=1e-12)
    assert found.value("f1", **{"class": 2}) == Undefined("neither truth nor predictions have 2")
    assert found.value("roc_auc", **{"class": 2}) == Undefined("no row is truly 2")
    each = [metrics.roc_auc_score(np.array(truth) == code, scores[:, code]) for code in (0, 1)]
    assert found["roc_auc"] == pytest.approx(np.mean(each), rel=1e-12)
    assert found["roc_auc_ovo"] == pytest.approx(np.mean(each), rel=1e-12)
    assert len(found.charts["confusion"].columns["count"]) == 9
    assert set(found.charts["roc"].columns["class"]) == {0, 1}
    assert found.charts["roc"].facts["auc"][2] == Undefined("no row is truly 2")
    assert "1 of 3 labels occur in neither truth nor predictions, and no mean has them: 2" in found.notices


def test_a_label_that_is_never_predicted_has_no_precision() -> None:
    """Its precision is undefined and left out of the mean; with zero_division=0 it counts as scikit-learn's 0."""
    truth, predicted = [0, 1, 2, 0], [0, 1, 1, 0]
    assert classes(truth, predicted)["precision"] == pytest.approx(0.75, rel=1e-12)
    assert classes(truth, predicted, zero_division=0)["precision"] == pytest.approx(0.5, rel=1e-12)
    assert classes(truth, predicted)["recall"] == pytest.approx(2 / 3, rel=1e-12)
    with pytest.raises(InvalidValue, match="zero_division must be None, 0 or 1, not 2"):
        classes(truth, predicted, zero_division=2)


def test_one_class_in_the_truth() -> None:
    """AUC, MCC and kappa are undefined and say why; accuracy and log loss are fine."""
    scores = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1]])
    found = classes([0, 0], None, scores, labels=[0, 1, 2])
    assert found["accuracy"] == 0.5
    assert found["log_loss"] == pytest.approx(-np.log([0.6, 0.2]).mean(), rel=1e-12)
    for name in ("roc_auc", "roc_auc_weighted", "roc_auc_ovo", "mcc"):
        assert found[name] == Undefined("one class in y_true")
    assert found.value("roc_auc", **{"class": 0}) == Undefined("no row is other than 0")
    assert "no roc chart: no label has rows of both sides" in found.notices
    same = classes([0, 0], [0, 0], labels=[0, 1])
    assert isinstance(same["cohen_kappa"], Undefined)


@pytest.mark.parametrize(
    ("truth", "scores", "weight", "reason"),
    [
        ([], np.zeros((0, 3)), None, "no rows"),
        ([0, 1], [[0.2, 0.3, 0.5]] * 2, [0, 0], "zero weights: every row has weight 0"),
        ([None, None], [[0.2, 0.3, 0.5]] * 2, None, "no row has a label yet: 2 pending"),
        ([0, 1], [[0.2, np.nan, 0.5], [0.2, 0.3, 0.5]], None, None),
    ],
    ids=["empty", "zero weights", "pending", "NaN"],
)
def test_without_usable_rows_everything_is_undefined(truth: Any, scores: Any, weight: Any, reason: str | None) -> None:
    """Every metric, over all classes and of each, gives the reason; no chart is drawn and nothing is raised."""
    found = classes(truth, None, scores, sample_weight=weight, labels=[0, 1, 2])
    values = [value for _, _, value in found.values]
    assert all(isinstance(value, Undefined) for value in values)
    if reason is not None:
        assert set(values) == {Undefined(reason)}
    assert found.charts == {}


def test_nan_scores_leave_the_metrics_of_given_labels() -> None:
    """Where predictions are given, NaN among the scores takes away what needs scores and nothing else."""
    found = classes([0, 1, 2], [0, 1, 1], [[0.2, np.nan, 0.5]] + [[0.2, 0.3, 0.5]] * 2)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["roc_auc"] == found["log_loss"] == Undefined("1 of 3 scores are not finite numbers")
    assert "confusion" in found.charts
    assert "roc_auc" not in found.charts["report"].columns


@pytest.mark.parametrize(
    "scores", [[[2.0, 1.0, 0.0], [0.1, 5.0, 1.0]], [[1.5, -0.5, 0.0], [0.2, 0.3, 0.5]]], ids=["logits", "negative"]
)
def test_scores_that_are_no_probabilities_have_ranks_and_no_losses(scores: Any) -> None:
    """AUC is that of the order; log loss and Brier are undefined, and a notice says so once."""
    found = classes([0, 1], None, scores, labels=[0, 1, 2])
    assert found["roc_auc"] == 1.0 or found["accuracy"] == 0.5
    assert isinstance(found["log_loss"], Undefined)
    assert found["log_loss"] == found["brier"]
    assert sum("no probabilities" in notice for notice in found.notices) == 1


def test_probabilities_of_0_are_clipped_in_float64() -> None:
    """The truth with probability 0 costs -log(2.2e-16), from float32 too, and a notice counts such rows."""
    scores = np.array([[1, 0, 0], [1, 0, 0]], dtype=np.float32)
    found = classes([0, 1], None, scores, labels=[0, 1, 2])
    expected = metrics.log_loss([0, 1], scores.astype(np.float64), labels=[0, 1, 2])
    assert found["log_loss"] == pytest.approx(expected, rel=1e-12)
    assert "log_loss clips 1 of 2 rows, whose truth has the probability 0" in found.notices


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2), st.integers(0, 4), st.integers(0, 4), st.integers(0, 4), st.sampled_from([0, 1, 2.5])
        ),
        min_size=1,
        max_size=30,
    ),
    st.lists(st.integers(0, 8), max_size=3),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_chunks_in_any_order_are_the_whole(data: list[Any], sizes: list[int], random: Any, labelled: bool) -> None:
    """Rows in any order, in any chunks, some of them empty, give every value and chart of the whole."""
    table = np.array(data, float)
    scores = table[:, 1:4] + 1
    columns = {"y_true": table[:, 0].astype(int), "y_score": scores / scores.sum(axis=1, keepdims=True)}
    columns["sample_weight"] = table[:, 4]
    if labelled:
        columns["y_pred"] = scores.argmin(axis=1)
    whole = classes(**columns, labels=[0, 1, 2])
    merged = in_chunks("multiclass", columns, cut(len(data), sizes, random), labels=[0, 1, 2])
    assert_same(merged, whole)
    assert merged.n == whole.n


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(1, 3)), min_size=2, max_size=30))
def test_pairs_of_classes_are_counted_as_defined(data: list[tuple[int, int, int]]) -> None:
    """The AUC of two classes is the weighted share of pairs of rows in the right order, ties counting half."""
    truth, scores, weight = (np.array(column) for column in zip(*data, strict=True))
    state = ClassScores([0, 1, 2])
    state.update(np.stack([scores, -scores, scores * 0.0], axis=1).astype(float), truth, weight.astype(float))
    pairs = state.pairs()
    for j in range(3):
        own = [scores, -scores, scores * 0][j]
        for k in range(3):
            mine, theirs = truth == j, truth == k
            if j == k or not mine.any() or not theirs.any():
                assert np.isnan(pairs[j, k])
                continue
            gaps = own[mine][:, None] - own[theirs][None, :]
            wins = ((gaps > 0) + 0.5 * (gaps == 0)) * weight[mine][:, None] * weight[theirs][None, :]
            assert pairs[j, k] == pytest.approx(wins.sum() / (weight[mine].sum() * weight[theirs].sum()), rel=1e-12)


def test_states_with_other_options_do_not_merge() -> None:
    """Other labels or another zero_division are refused, and so is a k that is no count."""
    states = new_states("multiclass", ("a", "b"))
    for other in (new_states("multiclass", ("b", "a")), new_states("multiclass", ("a", "b"), zero_division=0)):
        with pytest.raises(InvalidValue, match="differ"):
            states.merge(other)
    with pytest.raises(InvalidValue, match="the labels differ"):
        ClassScores("ab").merge(ClassScores("ba"))
    for k in (0, True, 2.5):
        with pytest.raises(InvalidValue, match="k must be a whole number above 0"):
            new_states("multiclass", ("a", "b"), k=k)


def test_the_confusion_chart_is_that_of_scikit_learn() -> None:
    """Counts by truth and prediction, labels in their order."""
    truth, scores, _ = rows("ordinary")
    chart = classes(NAMES[truth], None, scores).charts["confusion"]
    expected = metrics.confusion_matrix(truth, scores.argmax(axis=1))
    assert np.asarray(chart.columns["count"]).reshape(4, 4).tolist() == expected.tolist()
    assert chart.columns["true"][:5] == ["cat"] * 4 + ["dog"]


def test_the_most_confused_pairs_come_first() -> None:
    """Each pair with its weight and its share of the truth's rows, the greatest first, ties in the order of labels."""
    truth = ["a"] * 4 + ["b"] * 3 + ["c"] * 3
    predicted = ["a", "b", "b", "c", "b", "b", "c", "c", "c", "c"]
    chart = classes(truth, predicted).charts["confused"]
    assert chart.columns["true"] == ["a", "a", "b"]
    assert chart.columns["predicted"] == ["b", "c", "c"]
    assert chart.columns["count"].tolist() == [2.0, 1.0, 1.0]
    assert chart.columns["share"].tolist() == [0.5, 0.25, 1 / 3]
    assert classes(truth, truth).charts["confused"].columns["true"] == []


def test_the_report_has_a_row_for_each_label() -> None:
    """Precision, recall, F1, AUC, average precision and both weights, NaN where undefined."""
    truth, scores, weight = rows("constant")
    columns = classes(truth, None, scores, sample_weight=weight).charts["report"].columns
    assert list(columns) == [
        "class", "precision", "recall", "f1", "roc_auc", "average_precision", "support", "predicted",
    ]  # fmt: skip
    assert np.isnan(columns["precision"]).tolist() == [True, False, True, True]
    assert columns["support"] == pytest.approx(np.bincount(truth, weights=weight), rel=1e-12)
    assert columns["predicted"] == pytest.approx([0, weight.sum(), 0, 0], rel=1e-12)


@pytest.mark.parametrize("case", ["ordinary", "rounded, with ties", "sure"])
def test_the_curves_of_each_label_are_those_of_scikit_learn(case: str) -> None:
    """One against the rest: each label's ROC has scikit-learn's corners and area, its PR the same points."""
    truth, scores, weight = rows(case)
    charts = classes(truth, None, scores, sample_weight=weight).charts
    for code in range(4):
        roc, pr = (
            {of: np.asarray(column)[np.array(chart.columns["class"]) == code] for of, column in chart.columns.items()}
            for chart in (charts["roc"], charts["pr"])
        )
        fpr, tpr, _ = metrics.roc_curve(truth == code, scores[:, code], sample_weight=weight, drop_intermediate=False)
        np.testing.assert_allclose(np.interp(fpr, roc["fpr"], roc["tpr"])[np.append(np.diff(fpr) > 0, True)],
                                   tpr[np.append(np.diff(fpr) > 0, True)], rtol=1e-9)  # fmt: skip
        assert np.trapezoid(roc["tpr"], roc["fpr"]) == pytest.approx(charts["roc"].facts["auc"][code], rel=1e-12)
        precision, recall, _ = metrics.precision_recall_curve(truth == code, scores[:, code], sample_weight=weight)
        for point in zip(recall[:-1], precision[:-1], strict=True):
            assert np.isclose(pr["recall"], point[0]).any()
            assert np.isclose(pr["precision"], point[1]).any()


def test_no_class_is_lost_between_chunks_without_scores() -> None:
    """Where one chunk has no scores, what needs them is undefined for the whole."""
    states = new_states("multiclass", (0, 1, 2))
    states.update(check("multiclass", [0, 1], None, [[0.6, 0.2, 0.2], [0.1, 0.8, 0.1]], labels=[0, 1, 2]))
    states.update(check("multiclass", [2, 1], [2, 2], labels=[0, 1, 2]))
    assert states.rows.problem("scores") == Undefined("no scores were given")
