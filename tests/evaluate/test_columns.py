"""Frames: columns of scores are taken by their names, categories are labels in their order."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ledger.errors import InvalidValue
from ledger.evaluate import check, evaluate

TRUTH = list("abc")
RIGHT = np.eye(3) * 0.7 + 0.1  # columns a, b, c


@pytest.mark.parametrize("order", ["abc", "cba", "bca"])
@pytest.mark.parametrize("form", [pd.DataFrame, lambda data: pa.table({k: np.array(v) for k, v in data.items()})])
def test_columns_are_found_by_their_names(order: str, form: Any) -> None:
    """In whatever order a frame has them, of pandas or of Arrow."""
    frame = form({name: RIGHT[:, "abc".index(name)] for name in order})
    batch = check("multiclass", TRUTH, y_score=frame)
    assert batch.labels == ("a", "b", "c")
    np.testing.assert_array_equal(batch.scores, RIGHT)


@pytest.mark.parametrize(
    ("truth", "names", "labels"),
    [
        ([10, 20, 30], ["10", "20", "30"], (10, 20, 30)),
        ([10, 20, 30], [10.0, 20.0, 30.0], (10, 20, 30)),
        (TRUTH, ["p0", "p1", "p2"], ("a", "b", "c")),
        (TRUTH, [0, 1, 2], ("a", "b", "c")),
        ([1, 2, 3], [0, 1, 2], (1, 2, 3)),
    ],
    ids=["text of numbers", "floats", "no name is a label", "numbered", "numbered from 0 beside labels from 1"],
)
def test_names_that_are_no_labels_leave_the_order(truth: list[Any], names: list[Any], labels: tuple[Any, ...]) -> None:
    """Columns are in the order of the labels; so are those whose names are the labels as text."""
    batch = check("multiclass", truth, y_score=pd.DataFrame(RIGHT, columns=names))
    assert batch.labels == labels
    np.testing.assert_array_equal(batch.scores, RIGHT)


@pytest.mark.parametrize(
    ("kind", "truth", "scores", "said"),
    [
        ("multiclass", TRUTH, pd.DataFrame(RIGHT, columns=["a", "b", "d"]), "has the column 'd', which is none of"),
        ("multiclass", TRUTH, pd.DataFrame(RIGHT, columns=["a", "b", "b"]), "two columns of one name"),
        ("binary", ["ham", "spam"], pd.DataFrame({"spam": [0.1, 0.9], "eggs": [0.9, 0.1]}), "has the column 'eggs'"),
        ("binary", ["ham", "spam"], pd.DataFrame({"ham": [0.9, 0.1]}), "scores wanted are those of 'spam'"),
    ],
)
def test_names_that_are_labels_in_part_are_refused(kind: str, truth: list[str], scores: Any, said: str) -> None:
    """Which column is whose is not guessed."""
    with pytest.raises(InvalidValue, match=said):
        check(kind, truth, y_score=scores)


def test_two_columns_of_two_classes() -> None:
    """The column of the positive label counts, wherever it stands; a bool and its text are one."""
    frame = pd.DataFrame({"spam": [0.1, 0.9], "ham": [0.9, 0.1]})
    assert check("binary", ["ham", "spam"], y_score=frame).scores.tolist() == [0.1, 0.9]  # type: ignore[union-attr]
    turned = check("binary", ["ham", "spam"], y_score=frame, labels=["spam", "ham"])
    assert turned.scores.tolist() == [0.9, 0.1]  # type: ignore[union-attr]
    flags = pd.DataFrame({"True": [0.1, 0.9], "False": [0.9, 0.1]})
    assert check("binary", [False, True], y_score=flags).scores.tolist() == [0.1, 0.9]  # type: ignore[union-attr]


def test_a_label_that_does_not_occur_is_known_by_its_column() -> None:
    """A split that lacks a class is evaluated with all of them."""
    frame = pd.DataFrame(RIGHT[:2], columns=TRUTH)
    assert check("multiclass", ["a", "b"], y_score=frame).labels == ("a", "b", "c")
    assert check("binary", ["a", "a"], y_score=frame[["a", "b"]]).labels == ("a", "b")


def test_many_labels_a_row_have_the_names_of_the_columns() -> None:
    """The labels are those of the truth; scores and predictions follow it."""
    truth = pd.DataFrame({"red": [1, 0, 1], "big": [0, 1, 1]})
    scores = pd.DataFrame({"big": [0.1, 0.9, 0.8], "red": [0.9, 0.2, 0.7]})
    found = evaluate(truth, y_score=scores, kind="multilabel")
    assert (found.labels, found["f1"]) == (("red", "big"), 1.0)
    assert evaluate(truth, scores.round().astype(int), kind="multilabel")["f1"] == 1.0


def test_one_hot_columns_have_names() -> None:
    """As of pandas.get_dummies: they are the labels."""
    truth = pd.get_dummies(pd.Series(["x", "y", "z", "x"]))
    found = evaluate(truth, truth[["z", "x", "y"]], kind="multiclass")
    assert (found.labels, found["accuracy"]) == (("x", "y", "z"), 1.0)


SIZES = ["small", "medium", "large"]


@pytest.mark.parametrize("ordered", [True, False])
def test_categories_are_labels_in_their_order(ordered: bool) -> None:
    """Those that occur; those that do not where there is a column of scores for each."""
    dtype = pd.CategoricalDtype(SIZES, ordered)
    truth = pd.Series(["large", "small", "small"], dtype=dtype)
    assert check("multiclass", truth, truth).labels == ("small", "large")
    assert check("multiclass", truth, ["huge", "small", "small"]).labels == ("small", "large", "huge")
    assert check("binary", truth, y_score=[0.9, 0.2, 0.1]).labels == ("small", "large")
    frame = pd.DataFrame(RIGHT, columns=["large", "medium", "small"])
    assert check("multiclass", truth, y_score=frame).labels == tuple(SIZES)
    two = pd.Series(["no", "no"], dtype=pd.CategoricalDtype(["yes", "no"], ordered))
    assert check("binary", two, y_score=[0.9, 0.2]).labels == ("yes", "no")
    assert "positive label is 'no'" in evaluate(two, y_score=[0.9, 0.2], kind="binary").warnings[0]


def test_categories_and_nameless_columns_are_not_put_together_by_guess() -> None:
    """scikit-learn sorts its classes, and others do not: where that differs, it has to be said."""
    truth = pd.Series(SIZES, dtype=pd.CategoricalDtype(SIZES, ordered=True))
    with pytest.raises(InvalidValue, match=r"categories 'small', 'medium', 'large', and the columns .* have no names"):
        check("multiclass", truth, y_score=RIGHT)
    assert check("multiclass", truth, y_score=RIGHT, labels=SIZES).labels == tuple(SIZES)
    assert check("multiclass", pd.Series(TRUTH, dtype="category"), y_score=RIGHT).labels == ("a", "b", "c")
