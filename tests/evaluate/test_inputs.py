"""Arrays are checked and coded: what they may be, what is refused, and which kind they stand for."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import Undefined
from ledger.errors import InvalidValue, LedgerError
from ledger.evaluate import check, evaluate, guess
from ledger.evaluate.kinds import KINDS
from ledger.evaluate.survey import Survey

NAN = math.nan


class Tensor:
    """What frameworks give: detached and brought to the host before numpy may have it."""

    def __init__(self, values: list[Any], ready: int = 0) -> None:
        self.values, self.ready = values, ready

    def detach(self) -> "Tensor":
        """Leave the graph."""
        return Tensor(self.values, self.ready | 1)

    def cpu(self) -> "Tensor":
        """Leave the device."""
        return Tensor(self.values, self.ready | 2)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """Give the values, once that is possible."""
        assert self.ready == 3
        return np.array(self.values, dtype)


@pytest.mark.parametrize(
    ("truth", "labels"),
    [
        ([0, 1, 1, 0], (0, 1)),
        ((0, 1, 1, 0), (0, 1)),
        (np.array([0, 1, 1, 0], "u1"), (0, 1)),
        (np.array([0, 1, 1, 0], "f4"), (0, 1)),
        (np.array([0.0, 1.0, 1.0, 0.0]), (0, 1)),
        ([[0], [1], [1], [0]], (0, 1)),
        ([[1, 0], [0, 1], [0, 1], [1, 0]], (0, 1)),
        ([False, True, True, False], (False, True)),
        (np.array([False, True, True, False], object), (False, True)),
        ([-1, 1, 1, -1], (-1, 1)),
        ([3, 7, 7, 3], (3, 7)),
        ([-0.5, 2.5, 2.5, -0.5], (-0.5, 2.5)),
        (["no", "yes", "yes", "no"], ("no", "yes")),
        (np.array(["no", "yes", "yes", "no"], object), ("no", "yes")),
        (np.array([b"no", b"yes", b"yes", b"no"]), ("no", "yes")),
        (pd.Series(["no", "yes", "yes", "no"]), ("no", "yes")),
        (pd.Series(["no", "yes", "yes", "no"], dtype="category"), ("no", "yes")),
        (pd.Series(["no", "yes", "yes", "no"], dtype="string"), ("no", "yes")),
        (pd.Series([0, 1, 1, 0], dtype="Int64"), (0, 1)),
        (pd.Series([False, True, True, False], dtype="boolean"), (False, True)),
        (pd.Series([0, 1, 1, 0], index=[9, 9, 9, 9]), (0, 1)),
        (Tensor([0, 1, 1, 0]), (0, 1)),
        (np.array([2**40, 2**50, 2**50, 2**40]), (2**40, 2**50)),
    ],
)
def test_two_classes_in_any_form(truth: Any, labels: tuple[Any, Any]) -> None:
    """Lists, arrays, Series and tensors of numbers, bools and text come out as the same codes."""
    batch = check("binary", truth, y_score=[0.1, 0.9, 0.6, 0.4])
    assert batch.labels == labels
    assert [type(label) for label in batch.labels] == [type(label) for label in labels]
    assert batch.truth.tolist() == [0, 1, 1, 0]
    assert batch.predicted is not None
    assert batch.predicted.tolist() == [0, 1, 1, 0]
    assert (batch.n, batch.pending, batch.invalid, batch.unpredicted) == (4, 0, 0, 0)


@pytest.mark.parametrize(
    "truth",
    [
        [0, None, 1, None],
        [0, NAN, 1, NAN],
        np.array([0, NAN, 1, NAN]),
        np.ma.masked_array([0, 5, 1, 5], mask=[0, 1, 0, 1]),
        pd.Series([0, None, 1, None], dtype="Int64"),
        pd.Series([0, pd.NA, 1, pd.NA], dtype=object),
    ],
)
def test_rows_without_a_truth_are_pending(truth: Any) -> None:
    """However what is missing is written, such rows are left out of every array and counted."""
    batch = check("binary", truth, y_score=[0.1, 0.2, 0.8, 0.9], sample_weight=[1, 2, 3, 4])
    assert batch.truth.tolist() == [0, 1]
    assert batch.scores is not None
    assert batch.scores.tolist() == [0.1, 0.8]
    assert batch.weight is not None
    assert batch.weight.tolist() == [1, 3]
    assert (batch.n, batch.pending) == (2, 2)


@pytest.mark.parametrize("truth", [["a", None, "b"], ["a", NAN, "b"], pd.Series(["a", None, "b"])])
def test_missing_text_is_no_label(truth: Any) -> None:
    """numpy would make the label "nan" of a NaN among text."""
    batch = check("binary", truth, ["b", "b", "a"])
    assert (batch.labels, batch.pending) == (("a", "b"), 1)
    assert batch.predicted is not None
    assert batch.predicted.tolist() == [1, 0]


def test_a_missing_prediction_is_counted_and_keeps_its_row() -> None:
    """The metrics that need it are undefined, the others are not: the batch says how many there are."""
    batch = check("multiclass", ["a", "b", "c"], ["a", None, "c"])
    assert batch.unpredicted == 1
    assert batch.predicted is not None
    assert batch.predicted.tolist() == [0, -1, 2]
    scored = check("multiclass", [0, 1, 2], y_score=[[0.5, 0.3, 0.2], [0.1, NAN, 0.9], [0.2, 0.2, 0.6]])
    assert (scored.invalid, scored.unpredicted, scored.decided_by) == (1, 1, "scores")


def test_rows_of_weight_0_are_left_out() -> None:
    """They still count as rows."""
    batch = check("binary", [0, 1, 1], y_score=[NAN, 0.2, 0.9], sample_weight=[0, 1, 2])
    assert (batch.n, batch.invalid, batch.truth.tolist()) == (3, 0, [1, 1])


def test_the_class_is_positive_above_the_threshold() -> None:
    """A score equal to it is negative, in float64: nothing is rounded."""
    batch = check("binary", [0, 1, 1], y_score=np.array([0.5, 0.5000001, 0.4]), threshold=0.5)
    assert batch.predicted is not None
    assert batch.predicted.tolist() == [0, 1, 0]


def test_scores_may_be_one_or_two_columns() -> None:
    """(n,), (n, 1) and (n, 2) say the same; of two, the last column is the positive class."""
    flat = [0.2, 0.9]
    for scores in (flat, [[0.2], [0.9]], [[0.8, 0.2], [0.1, 0.9]]):
        batch = check("binary", [0, 1], y_score=scores)
        assert batch.scores is not None
        assert batch.scores.tolist() == flat


@pytest.mark.parametrize(
    ("truth", "scores", "labels", "expected"),
    [
        ([2, 0, 2], np.eye(3), None, (0, 1, 2)),
        (["b", "a", "c"], np.eye(3), None, ("a", "b", "c")),
        (["b", "a", "a"], np.eye(3), ("c", "b", "a"), ("c", "b", "a")),
        ([[0, 0, 1], [1, 0, 0], [0, 0, 1]], np.eye(3), None, (0, 1, 2)),
        ([[0, 0, 1], [1, 0, 0], [0, 0, 1]], np.eye(3), ("x", "y", "z"), ("x", "y", "z")),
    ],
)
def test_labels_go_with_the_columns(truth: Any, scores: Any, labels: Any, expected: tuple[Any, ...]) -> None:
    """Columns are in the order of labels=, else of the sorted labels; whole numbers may leave some out."""
    batch = check("multiclass", truth, y_score=scores, labels=labels)
    assert batch.labels == expected
    assert batch.predicted is not None
    assert batch.predicted.tolist() == [0, 1, 2]


def test_one_hot_rows_are_columns() -> None:
    """One-hot truth under labels of text is coded by column."""
    batch = check("multiclass", [[0, 0, 1], [1, 0, 0]], ["z", "y"], labels=("x", "y", "z"))
    assert batch.truth.tolist() == [2, 0]
    assert batch.predicted is not None
    assert batch.predicted.tolist() == [2, 1]


def test_multilabel() -> None:
    """Flags of 0 and 1 become bools; a row with a missing flag is pending."""
    batch = check("multilabel", [[1, 0], [0, NAN], [1, 1]], y_score=[[0.9, 0.2], [0.1, 0.1], [0.5, 0.6]])
    assert batch.truth.tolist() == [[True, False], [True, True]]
    assert batch.predicted is not None
    assert batch.predicted.tolist() == [[True, False], [False, True]]
    assert (batch.labels, batch.pending) == ((0, 1), 1)


def test_regression() -> None:
    """Values stay float64; an infinite one is counted, a missing truth is pending."""
    batch = check("regression", [1, None, 3, math.inf], [1.5, 2, NAN, 0])
    assert (batch.n, batch.pending, batch.unpredicted) == (3, 1, 2)
    assert batch.truth.tolist() == [1.0, 3.0, math.inf]


def test_segmentation() -> None:
    """Images keep their shape; pixels of the ignored class are -1 and do not count; weights are spread over them."""
    truth = [[[0, 1], [255, 1]], [[0, 0], [1, 255]]]
    predicted = [[[0, 1], [1, 0]], [[0, 1], [1, 1]]]
    batch = check("segmentation", truth, predicted, ignore_class=255, sample_weight=[1, 2])
    assert batch.labels == (0, 1)
    assert batch.truth.tolist() == [[[0, 1], [-1, 1]], [[0, 0], [1, -1]]]
    assert batch.n == 6
    assert batch.weight is not None
    assert batch.weight.shape == batch.truth.shape


@pytest.mark.parametrize(
    ("kind", "truth", "more", "message"),
    [
        ("binary", [0, 1], {}, "neither y_pred nor y_score is given"),
        ("binary", [0, 1, 1], {"y_pred": [0, 1]}, "y_true has 3 rows and y_pred has 2"),
        ("binary", [0, 1], {"y_score": [0.1]}, "y_true has 2 rows and y_score has 1"),
        ("binary", [0, 1], {"y_pred": [0, 1], "sample_weight": [1]}, "y_true has 2 rows and sample_weight has 1"),
        ("binary", [0, 1], {"y_pred": [0, 1], "sample_weight": [1, -2]}, r"sample_weight has -2.0; a weight is 0, or"),
        ("binary", [0, 1], {"y_pred": [0, 1], "sample_weight": [1, NAN]}, "sample_weight has nan"),
        ("binary", [0, 1], {"y_pred": [0, 2]}, "3 labels occur: 0, 1, 2"),
        ("binary", [0, 1], {"y_pred": [0.2, 0.8]}, "y_pred has 0.2, which is none of the labels 0, 1"),
        ("binary", ["a", "a"], {"y_pred": ["a", "a"]}, "only the label 'a' occurs"),
        ("binary", ["a", "b"], {"y_pred": [0, 1]}, r"labels are text in y_true \('a'\) and numbers in y_pred \(0\)"),
        ("binary", ["a", 1], {"y_score": [0, 1]}, "labels are text in y_true .* and numbers in y_true"),
        ("binary", [0, 1], {"y_score": [[0.1, 0.2, 0.7]] * 2}, r"y_score has the shape \(2, 3\)"),
        ("binary", [0, 1], {"y_score": ["low", "high"]}, "y_score must hold numbers, not text: 'low'"),
        ("binary", [[[0]], [[1]]], {"y_score": [0, 1]}, r"y_true has the shape \(2, 1, 1\)"),
        ("binary", [0, 1], {"y_score": [0, 1], "labels": [0, 1, 2]}, "kind is binary, and labels has 3: 0, 1, 2"),
        ("binary", [0, 2], {"y_score": [0, 1], "labels": [0, 1]}, "y_true has 2, which is none of the labels 0, 1"),
        ("binary", [0, 1], {"y_pred": ["a", "b"], "labels": [0, 1]}, "y_pred has 'a', which is none of the labels"),
        ("binary", ["x"], {"y_score": [0], "labels": ["a", "b"]}, "y_true has 'x', which is none of the labels"),
        ("binary", [0.5], {"y_score": [0], "labels": [0, 1]}, "y_true has 0.5, which is none of the labels 0, 1"),
        ("binary", [math.inf], {"y_score": [0], "labels": [0, 1]}, "y_true has inf, which is none of the labels"),
        ("binary", [0, 1], {"y_score": [0, 1], "labels": [0, 0]}, "labels has 0 twice"),
        ("binary", [0, 1], {"y_score": [0, 1], "labels": "ab"}, "labels must be a list, not str"),
        ("binary", [0, 1], {"y_score": [0, 1], "labels": [0, None]}, "a label must be text, a number or a bool"),
        ("binary", [0, 1], {"y_score": [0, 1], "threshold": NAN}, "the threshold must be a number, not nan"),
        ("binary", [0, 1], {"y_score": [0, 1], "threshold": "0.5"}, "the threshold must be a number, not '0.5'"),
        ("binary", [0, 1], {"y_score": 0.5}, "y_score must be an array, not float: 0.5"),
        ("binary", "01", {"y_score": [0, 1]}, "y_true must be an array, not str: '01'"),
        ("binary", [[0], [1, 2]], {"y_score": [0, 1]}, "y_true is no array"),
        ("binary", [{}, {}], {"y_score": [0, 1]}, "y_true has {}, which cannot be a label"),
        ("binary", np.array(["2020", "2021"], "M8[Y]"), {"y_score": [0, 1]}, "must hold numbers, bools or text"),
        ("binary", [0, 1], {"y_score": [1j, 0]}, "y_score must hold numbers, bools or text, not complex128"),
        ("multiclass", [0, 1, 2], {"y_score": [0.1, 0.2, 0.3]}, r"y_score has the shape \(3,\) and there are 3 labels"),
        ("multiclass", ["a", "b"], {"y_score": np.eye(3)[:2]}, "y_score has 3 columns and 2 labels occur: 'a', 'b'"),
        ("multiclass", [0, 5], {"y_score": np.eye(3)[:2]}, "y_score has 3 columns and 2 labels occur: 0, 5"),
        ("multiclass", [0, 1, 2], {"y_pred": [0.2, 1, 2]}, "y_pred has 0.2, which is none of the labels 0, 1, 2"),
        ("multiclass", [[1, 1], [0, 1]], {"y_pred": [0, 1]}, "its rows are not one-hot"),
        ("multilabel", [0, 1], {"y_pred": [0, 1]}, r"y_true has the shape \(2,\); for kind multilabel"),
        ("multilabel", [[0, 1]], {"y_pred": [[0, 1, 1]]}, r"y_true has the shape \(1, 2\) and y_pred \(1, 3\)"),
        ("multilabel", [[0, 2]], {"y_pred": [[0, 1]]}, "y_true has 2; for kind multilabel it has 0 and 1"),
        ("multilabel", [[0, 1]], {"y_pred": [[0, 1]], "labels": ["a"]}, "y_true has 2 columns and labels has 1"),
        ("regression", [1.0], {"y_score": [1.0]}, "a regression has values, no scores"),
        ("regression", ["1.0"], {"y_pred": [1.0]}, "y_true must hold numbers, not text: '1.0'"),
        ("regression", [1, "a"], {"y_pred": [1.0, 2.0]}, "y_true must hold numbers, not int: 1"),
        ("regression", [[1, 2]], {"y_pred": [[1, 2]]}, r"y_true has the shape \(1, 2\); for kind regression"),
        ("segmentation", [[0, 1]], {"y_pred": [[0]]}, r"y_true has the shape \(1, 2\) and y_pred \(1, 1\)"),
        ("binary", [0, 1], {"y_pred": [0, 1], "ignore_class": 0}, "ignore_class is for segmentation"),
        ("ternary", [0, 1], {"y_pred": [0, 1]}, "there is no kind 'ternary' of evaluation"),
    ],
)
def test_what_is_refused(kind: str, truth: Any, more: dict[str, Any], message: str) -> None:
    """One clear error, with the values at hand."""
    with pytest.raises(InvalidValue, match=message):
        check(kind, truth, **more)


class Graph:
    """A tensor that cannot become an array."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise RuntimeError("call detach() first")


def test_what_cannot_become_an_array_is_refused() -> None:
    """Whatever its own code raises is told, in the error of any other input."""
    with pytest.raises(InvalidValue, match=r"y_true is no array: call detach\(\) first"):
        evaluate(Graph(), y_score=[0.1, 0.2])


def test_scores_given_as_predictions_are_told_so() -> None:
    """The commonest slip has a hint."""
    with pytest.raises(InvalidValue, match=r"y_pred has 0.2, .*\nscores are given as y_score="):
        check("binary", [0, 1], [0.2, 0.8], labels=[0, 1])


@pytest.mark.parametrize(
    ("truth", "predicted", "scores", "kind"),
    [
        ([0, 1, 0], None, [0.1, 0.2, 0.3], "binary"),
        ([0, 0], None, [0.1, 0.2], "binary"),
        ([0, 1, None], None, [0.1, 0.2, 0.3], "binary"),
        (["a", "b"], ["a", "a"], None, "binary"),
        ([True, False], [True, True], None, "binary"),
        ([3, 7], [3, 3], None, "binary"),
        ([0, 1], [0, 2], None, "multiclass"),
        ([0, 1], None, [[0.9, 0.1], [0.2, 0.8]], "binary"),
        ([0, 1], None, [[0.9, 0.1, 0], [0.2, 0.8, 0]], "multiclass"),
        (["a", "b", "c"], ["a", "b", "b"], None, "multiclass"),
        ([0, 1, 2], [0, 1, 1], None, "multiclass"),
        ([1.5, 2.5], [1.0, 2.0], None, "regression"),
        ([151.0, 75.0, 141.0], [150.2, 80.1, 139.9], None, "regression"),
        ([0, 1, 1], [0.2, 0.7, 1.3], None, "regression"),
        ([[1, 0, 1], [0, 0, 1]], [[1, 0, 0], [0, 0, 1]], None, "multilabel"),
        ([[1, 0, 0], [0, 0, 1]], None, [[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]], "multiclass"),
        ([[1, 0, 0], [0, 0, 1]], None, [[0.8, 0.7, 0.1], [0.2, 0.2, 0.6]], "multilabel"),
        ([[[0, 1], [1, 1]]], [[[0, 1], [1, 0]]], None, "segmentation"),
        ([[0, 2], [1, 1]], [[0, 1], [1, 0]], None, "segmentation"),
        ([], None, [], "binary"),
    ],
)
def test_the_kind_is_guessed(truth: Any, predicted: Any, scores: Any, kind: str) -> None:
    """From shapes first, then from values; text and whole numbers are labels, other numbers are not."""
    assert guess(truth, predicted, scores) == kind


MANY = np.arange(150) * 3 % 347


@pytest.mark.parametrize(
    ("truth", "predicted", "kind"),
    [
        (MANY, MANY[::-1].astype(float), "regression"),  # a tree predicts targets that it has seen
        (MANY.astype(float), MANY[::-1], "regression"),
        (MANY, MANY + 1, "regression"),  # rounded values
        (MANY, MANY[::-1], "multiclass"),
        ([*MANY.tolist(), None], [*MANY[::-1].astype(float).tolist(), 0.0], "regression"),
        (np.repeat(np.arange(101), 100), np.repeat(np.arange(101.0), 100), "regression"),
        (np.repeat(np.arange(100), 100), np.repeat(np.arange(100.0), 100), "multiclass"),
        (np.arange(100) % 20, np.arange(100.0) % 20, "multiclass"),  # 20 is 2 sqrt(100)
        (np.arange(100) % 21, np.arange(100.0) % 21, "regression"),
        (np.arange(10), np.arange(10.0), "multiclass"),
        (np.arange(11), np.arange(11.0), "regression"),
        ([f"c{i}" for i in range(150)], [f"c{i}" for i in range(150)], "multiclass"),
    ],
)
def test_many_different_numbers_are_values(truth: Any, predicted: Any, kind: str) -> None:
    """More than 100 or 2 sqrt(rows) whole numbers, where floats or numbers that the truth has not are predicted."""
    assert guess(truth, predicted) == kind
    found = Survey()
    for start in range(0, len(truth), 40):
        found.update(*(np.array(values, object if None in values else None)[start : start + 40]
                       for values in (list(truth), list(predicted))))  # fmt: skip
    assert found.kind() == kind


def test_probabilities_as_predictions_of_two_classes_are_not_taken_for_a_regression() -> None:
    """Shares between 0 and 1 beside a truth of 0 and 1 are scores in the wrong place, which `check` says."""
    assert guess([0, 1, 1], [0.2, 0.7, 0.9]) == "binary"
    with pytest.raises(InvalidValue, match="scores are given as y_score="):
        evaluate([0, 1, 1], [0.2, 0.7, 0.9])


ANY = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.integers(), st.floats(), st.text(max_size=2),
    st.sampled_from([0, 1, 0.5, "a", "b", b"a", 1j, (), pd.NA, 10**400, np.float32(0.1), np.datetime64("2020")]),
)  # fmt: skip
COLUMN = st.one_of(
    st.lists(ANY, max_size=4), st.lists(st.sampled_from([0, 1]), max_size=4), st.lists(st.floats(0, 1), max_size=4),
    st.lists(st.lists(ANY | st.sampled_from([0, 1]), min_size=2, max_size=2), max_size=4), ANY,
)  # fmt: skip


@given(COLUMN, st.none() | COLUMN, st.none() | COLUMN, st.none() | COLUMN, st.sampled_from([None, *KINDS]))
def test_any_input_is_evaluated_or_refused(truth: Any, predicted: Any, scores: Any, weight: Any, kind: Any) -> None:
    """Whatever is given, there is an evaluation without NaN in it, or an error of ledger's own."""
    try:
        found = evaluate(truth, predicted, scores, kind=kind, sample_weight=weight)
    except LedgerError as error:
        assert error.message
        return
    assert all(isinstance(value, Undefined) or math.isfinite(value) for _, _, value in found.values)
