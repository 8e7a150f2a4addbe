"""An evaluation as those who asked for it hold it: a mapping of names to values, a line, a frame."""

import math

import pytest

from ledger.errors import NoSuchMetric
from ledger.evaluate import Evaluation, Undefined, evaluate

TRUTH, SCORES = [0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]


@pytest.fixture
def found() -> Evaluation:
    """Two classes."""
    return evaluate(TRUTH, y_score=SCORES, kind="binary")


def test_it_is_a_mapping(found: Evaluation) -> None:
    """Of the stored names, in order, to the values over all classes."""
    assert list(found) == found.keys() == [name for name, _, _ in found.values]
    assert len(found) == len(dict(found)) == 19
    assert dict(found)["accuracy"] == found["accuracy"] == 0.5
    classes = evaluate([0, 1, 2], [0, 1, 1], kind="multiclass")
    assert len(classes) < len(classes.values)
    assert list(classes).count("recall") == 1


def test_names_and_aliases_are_found(found: Evaluation) -> None:
    """However they are written; what another kind has, and what was not computed, is not there."""
    for name in ("roc_auc", "auc", "ROC-AUC", "auroc", "neg_log_loss"):
        assert name in found
    assert found["auc"] == found["RocAuc"] == found.value("auroc") == found["roc_auc"] == 0.75
    assert found.get("auc") == 0.75
    for name in ("mae", "gini", "nothing", 7):
        assert name not in found
        assert found.get(name, 1.5) == 1.5  # type: ignore[arg-type]
    with pytest.raises(NoSuchMetric, match="no metric 'mae'"):
        found["mae"]
    classes = evaluate(["x", "y", "z"], ["x", "y", "y"], kind="multiclass")
    assert classes.value("precision_macro", **{"class": "y"}) == 0.5


def test_an_undefined_value_is_there() -> None:
    """With its reason; an evaluation is true, whatever is in it."""
    found = evaluate([1, 1], y_score=[0.2, 0.9], kind="binary")
    assert "auc" in found
    assert found.get("auc", 0) == Undefined("one class in y_true")
    assert bool(found)


def test_it_reads_as_one_line(found: Evaluation) -> None:
    """Kind, rows, the positive label, the first values."""
    assert repr(found) == (
        "<Evaluation binary, 4 rows, positive 1: accuracy=0.5, balanced_accuracy=0.5, precision=0.5, recall=0.5, "
        "specificity=0.5 and 14 more>"
    )
    pending = evaluate([None, 1.0, None], [1.0, 1.0, 2.0], kind="regression")
    assert repr(pending).startswith("<Evaluation regression, 1 rows, 2 pending: ")
    assert "r2=undefined" in repr(pending) or "more>" in repr(pending)


def test_it_becomes_a_frame() -> None:
    """A row per value: of all classes and of each, NaN where it is undefined, with the reason."""
    found = evaluate(["x", "y", "y"], ["x", "x", "x"], kind="multiclass")
    frame = found.to_frame()
    assert frame.columns.tolist() == ["metric", "class", "value", "undefined"]
    assert len(frame) == len(found.values)
    row = frame[(frame.metric == "precision") & (frame["class"] == "y")].iloc[0]
    assert math.isnan(row.value)
    assert row.undefined
    assert frame[(frame.metric == "accuracy")].iloc[0].tolist()[1:] == [None, pytest.approx(1 / 3), None]
