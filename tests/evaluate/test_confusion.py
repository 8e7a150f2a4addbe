"""Counts of true and predicted labels, and what follows from them, against scikit-learn."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from ledger import Undefined
from ledger.errors import InvalidValue
from ledger.evaluate import confusion
from ledger.evaluate.confusion import Confusion

LABELS = ("ant", "bee", "cat")


def state(truth: Any, predicted: Any, weight: Any = None, labels: tuple[Any, ...] = LABELS) -> Confusion:
    """Return the state of codes."""
    made = Confusion(labels)
    heavy = None if weight is None else np.array(weight, float)
    made.add(np.array(truth, np.int64), np.array(predicted, np.int64), heavy)
    return made


def some(seed: int, size: int = 3, weighted: bool = False) -> tuple[Any, Any, Any]:
    """Return truth, predictions and weights of 200 rows."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, size, 200)
    predicted = np.where(random.random(200) < 0.6, truth, random.integers(0, size, 200))
    return truth, predicted, random.gamma(1, 1, 200) if weighted else None


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("size", [2, 3, 7])
def test_as_scikit_learn_has_it(size: int, weighted: bool) -> None:
    """Counts and metrics agree to 1e-12."""
    truth, predicted, weight = some(size, size, weighted)
    made = state(truth, predicted, weight, tuple(range(size)))
    given = {"sample_weight": weight}
    assert made.counts == pytest.approx(sk.confusion_matrix(truth, predicted, **given), rel=1e-12)
    pairs = [
        (confusion.accuracy(made), sk.accuracy_score(truth, predicted, **given)),
        (confusion.balanced_accuracy(made), sk.balanced_accuracy_score(truth, predicted, **given)),
        (confusion.mcc(made), sk.matthews_corrcoef(truth, predicted, **given)),
        (confusion.cohen_kappa(made), sk.cohen_kappa_score(truth, predicted, **given)),
    ]
    for found, expected in pairs:
        assert found == pytest.approx(expected, rel=1e-12)
    by_class = [
        (confusion.precisions(made), sk.precision_score(truth, predicted, average=None, **given)),
        (confusion.recalls(made), sk.recall_score(truth, predicted, average=None, **given)),
        (confusion.fbetas(made), sk.f1_score(truth, predicted, average=None, **given)),
        (confusion.fbetas(made, 2.0), sk.fbeta_score(truth, predicted, beta=2, average=None, **given)),
        (confusion.ious(made), sk.jaccard_score(truth, predicted, average=None, **given)),
    ]
    for values, expected_values in by_class:
        assert values == pytest.approx(expected_values.tolist(), rel=1e-12)


@pytest.mark.parametrize(
    ("table", "name", "expected"),
    [
        # Cohen's kappa of the textbooks: 20, 5, 10, 15 is 0.40; 45, 15, 25, 15 is 0.1304; 25, 35, 5, 35 is 0.2593.
        ([[20, 5], [10, 15]], "cohen_kappa", 0.4),
        ([[45, 15], [25, 15]], "cohen_kappa", 0.13043478260869565),
        ([[25, 35], [5, 35]], "cohen_kappa", 0.25925925925925924),
        # Chicco and Jurman 2020: accuracy 0.91 and F1 0.95 where MCC is 0.14.
        ([[1, 4], [5, 90]], "mcc", 0.1352),
        ([[0, 5], [0, 95]], "mcc", Undefined("one class is predicted for every row")),
    ],
)
def test_published_values(table: list[list[float]], name: str, expected: Any) -> None:
    """Tables of the literature give the literature's values."""
    made = Confusion((0, 1))
    made.counts[:] = table
    found = getattr(confusion, name)(made)
    assert found == (expected if isinstance(expected, Undefined) else pytest.approx(expected, abs=5e-5))


def test_a_million_rows_do_not_overflow() -> None:
    """Products of counts beyond 2^63 are right: kappa and MCC are of rates, not of totals."""
    small, large = Confusion((0, 1)), Confusion((0, 1))
    small.counts[:] = [[40, 10], [5, 45]]
    large.counts[:] = np.array(small.counts) * 2.0**40
    assert confusion.mcc(large) == confusion.mcc(small)
    assert confusion.cohen_kappa(large) == confusion.cohen_kappa(small)
    rare = Confusion((0, 1))
    rare.counts[:] = [[10**8, 0], [1, 1]]
    assert confusion.mcc(rare) == pytest.approx(math.sqrt(10**8 / (2 * (10**8 + 1))), rel=1e-12)


def test_a_label_that_is_absent_keeps_its_row_and_column() -> None:
    """Its values are undefined and say why; the mean of the others is not pulled down."""
    made = state([0, 1, 1], [0, 1, 0])
    assert made.counts[2].tolist() == [0, 0, 0]
    assert confusion.recalls(made)[2] == Undefined("no row is truly 'cat'")
    assert confusion.precisions(made)[2] == Undefined("no row was predicted to be 'cat'")
    assert confusion.fbetas(made)[2] == Undefined("neither truth nor predictions have 'cat'")
    assert confusion.ious(made)[2] == Undefined("neither truth nor predictions have 'cat'")
    assert confusion.balanced_accuracy(made) == 0.75


@pytest.mark.parametrize(
    ("truth", "predicted", "kappa", "mcc"),
    [
        ([0, 0], [0, 0], "one class in y_true", "one class in y_true"),
        ([0, 0], [0, 1], "one class in y_true", "one class in y_true"),
        ([0, 1], [1, 1], None, "one class is predicted for every row"),
        ([], [], "no rows", "no rows"),
    ],
)
def test_agreement_needs_two_classes(truth: list[int], predicted: list[int], kappa: str | None, mcc: str) -> None:
    """Where chance explains everything there is no value; scikit-learn gives 0.0 or nan."""
    made = state(truth, predicted)
    assert confusion.cohen_kappa(made) == (0.0 if kappa is None else Undefined(kappa))
    assert confusion.mcc(made) == Undefined(mcc)


def test_no_rows() -> None:
    """An empty state has no value."""
    assert confusion.accuracy(Confusion(LABELS)) == Undefined("no rows")
    assert confusion.balanced_accuracy(Confusion(LABELS)) == Undefined("no rows")


def test_one_label_against_the_rest() -> None:
    """tn, fp, fn, tp of each label are scikit-learn's multilabel table."""
    truth, predicted, _ = some(5)
    expected = sk.multilabel_confusion_matrix(truth, predicted)
    made = state(truth, predicted)
    assert [made.of_label(code) for code in range(3)] == [tuple(table.ravel()) for table in expected]


def test_left_out_codes_are_passed_over() -> None:
    """A code of -1, on either side, is a row that does not count."""
    made = state([0, -1, 1, 1], [0, 0, -1, 1], [1, 2, 3, 4])
    assert made.counts.tolist() == [[1, 0, 0], [0, 4, 0], [0, 0, 0]]


def test_the_chart_has_a_row_for_each_pair() -> None:
    """Truth by truth; the report has a row for each label."""
    made = state([0, 1, 1], [0, 1, 0])
    chart = confusion.confusion_chart(made)
    assert chart.columns["true"] == ["ant"] * 3 + ["bee"] * 3 + ["cat"] * 3
    assert chart.columns["predicted"] == ["ant", "bee", "cat"] * 3
    assert chart.columns["count"].tolist() == [1, 0, 0, 1, 1, 0, 0, 0, 0]
    report = confusion.report_chart(made)
    assert report.columns["class"] == ["ant", "bee", "cat"]
    assert report.columns["support"].tolist() == [1, 2, 0]
    assert report.columns["recall"].tolist() == pytest.approx([1, 0.5, math.nan], nan_ok=True)


def test_other_labels_do_not_merge() -> None:
    """The codes of one would mean something else in the other."""
    with pytest.raises(InvalidValue, match=r"the labels differ: \('ant', 'bee', 'cat'\) and \('bee', 'ant', 'cat'\)"):
        Confusion(LABELS).merge(Confusion(("bee", "ant", "cat")))


ROWS = st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 2), st.sampled_from([1.0, 0.1, 7.5])), max_size=30)


@given(ROWS, st.integers(0, 30), st.booleans(), st.randoms(use_true_random=False))
def test_chunks_and_order_do_not_matter(rows: list[Any], cut: int, weighted: bool, random: Any) -> None:
    """Parts merged in any order, by way of plain arrays, are the whole; without weights exactly."""

    def made(part: list[Any]) -> Confusion:
        truth, predicted, weight = ([row[i] for row in part] for i in range(3))
        return Confusion.from_dict(state(truth, predicted, weight if weighted else None).to_dict())

    shuffled = random.sample(rows, len(rows))
    total = made(shuffled[cut:])
    total.merge(made([]))
    total.merge(made(shuffled[:cut]))
    assert total.labels == LABELS
    assert total.counts == pytest.approx(made(rows).counts, rel=1e-12 if weighted else 0)
