"""Our values against those that torchmetrics and Keras gave for fixed inputs: see tests/data/recorded.

A recorded value has the dtype in which it was computed. Of float64 the agreement is 1e-12; of float32, in which
torchmetrics divides counts and Keras adds up all rows, 1e-6: its epsilon of 1.2e-7 over a sum of 48 rows.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ledger.evaluate import compute, evaluate, lookup

RECORDED = Path(__file__).parents[1] / "data" / "recorded"
INPUTS: dict[str, dict[str, Any]] = json.loads((RECORDED / "inputs.json").read_text("utf-8"))
RECORDS = {name: json.loads((RECORDED / f"{name}.json").read_text("utf-8")) for name in ("torchmetrics", "keras")}
SLACK = {"float64": 1e-12, "float32": 1e-6, "int64": 0.0}
# Recorded under our name, of another definition: each has a test below that says which.
DIFFERENT = {("keras", "binary", "jaccard"), ("keras", "multiclass", "f1"), ("keras", "multiclass", "f1_weighted")}

VALUES = [
    (library, kind, name)
    for library, record in RECORDS.items()
    for kind, values in record["values"].items()
    for name in values
    if (library, kind, name) not in DIFFERENT and name in {metric.name for metric in lookup.bundle(kind).metrics}
]
EACH = [
    (library, kind, name)
    for library, record in RECORDS.items()
    for kind, values in record["values"].items()
    for name in values
    if name.endswith("_each") and (library, kind) != ("keras", "multiclass")
]


def recorded(library: str, kind: str, name: str) -> Any:
    """Return a value as something to compare with, to the tolerance of its dtype."""
    found = RECORDS[library]["values"][kind][name]
    return pytest.approx(found["value"], rel=SLACK[found["dtype"]], abs=0)


@pytest.mark.parametrize(("library", "kind", "name"), VALUES)
def test_our_value_is_the_recorded_one(library: str, kind: str, name: str) -> None:
    """Under one name and of one definition."""
    assert compute(name, **INPUTS[kind], kind=kind) == recorded(library, kind, name)


@pytest.mark.parametrize(("library", "kind", "name"), EACH)
def test_our_values_of_each_class_are_the_recorded_ones(library: str, kind: str, name: str) -> None:
    """In the order of the classes."""
    found = evaluate(**INPUTS[kind], kind=kind)
    ours = [found.value(name.removesuffix("_each"), **{"class": label}) for label in found.labels]
    assert ours == recorded(library, kind, name)


def test_enough_is_recorded() -> None:
    """Both libraries, every kind, and versions."""
    assert len(VALUES) > 80
    for record in RECORDS.values():
        assert set(record["values"]) == set(INPUTS)
        assert all(version[0].isdigit() for version in record["versions"].values())


def test_the_class_rule_is_theirs() -> None:
    """Two scores are 0.5: neither we nor they count them as positive at 0.5; Keras' BinaryIoU does (score >= 0.5)."""
    scores, truth = np.array(INPUTS["binary"]["y_score"]), np.array(INPUTS["binary"]["y_true"])
    assert (scores == 0.5).sum() == 2
    assert compute("tp", truth, y_score=scores) == ((scores > 0.5) & (truth == 1)).sum()
    from_below = compute("jaccard", truth, y_score=scores, threshold=np.nextafter(0.5, 0))
    assert from_below == recorded("keras", "binary", "jaccard")
    assert compute("jaccard", truth, y_score=scores) != recorded("keras", "binary", "jaccard")


def test_keras_counts_a_tie_for_every_class_that_shares_it() -> None:
    """Where the greatest score is shared Keras' F1Score predicts all of these classes; ours is the first of them."""
    scores, truth = np.array(INPUTS["multiclass"]["y_score"]), INPUTS["multiclass"]["y_true"]
    greatest = (scores == scores.max(axis=1, keepdims=True)).astype(int)
    assert (greatest.sum(axis=1) > 1).any()
    one_hot = np.eye(4, dtype=int)[truth]
    for name in ("f1", "f1_weighted"):
        theirs = compute(name, one_hot, greatest, kind="multilabel")
        assert theirs == recorded("keras", "multiclass", name)
        assert compute(name, truth, y_score=scores, kind="multiclass") != recorded("keras", "multiclass", name)


def test_keras_approximates_areas() -> None:
    """Ours are exact. Keras' AUC is a Riemann sum over thresholds set beforehand; under PR it interpolates counts."""
    auc = compute("roc_auc", **INPUTS["binary"])
    assert auc == recorded("torchmetrics", "binary", "roc_auc")
    assert auc != recorded("keras", "binary", "roc_auc of 10 thresholds")
    assert auc == pytest.approx(RECORDS["keras"]["values"]["binary"]["roc_auc of 10 thresholds"]["value"], abs=0.02)
    interpolated = recorded("keras", "binary", "pr_auc, interpolated")
    assert compute("pr_auc", **INPUTS["binary"]) != interpolated
    assert compute("average_precision", **INPUTS["binary"]) != interpolated


def test_keras_mape_is_in_percent() -> None:
    """Ours is a fraction, as scikit-learn and torchmetrics have it."""
    assert compute("mape", **INPUTS["regression"]) * 100 == recorded("keras", "regression", "mape in percent")


def test_keras_multilabel_accuracy_is_of_flags() -> None:
    """Ours is of whole rows, as scikit-learn's and torchmetrics' exact match; of flags it is 1 - Hamming loss."""
    flags = 1 - compute("hamming_loss", **INPUTS["multilabel"], kind="multilabel")
    assert flags == recorded("keras", "multilabel", "share of flags that are right")
    assert compute("accuracy", **INPUTS["multilabel"], kind="multilabel") < flags


def test_torchmetrics_mean_iou_is_of_each_image() -> None:
    """Its segmentation.mean_iou is of one image at a time; ours, and its Jaccard index, of all pixels together."""
    truth, predicted = (np.array(INPUTS["segmentation"][name]) for name in ("y_true", "y_pred"))
    each = [compute("mean_iou", t, p, kind="segmentation") for t, p in zip(truth, predicted, strict=True)]
    assert each == recorded("torchmetrics", "segmentation", "mean_iou of image")
    assert np.mean(each) != pytest.approx(compute("mean_iou", truth, predicted, kind="segmentation"), rel=1e-6)


def test_iou_of_one_class() -> None:
    """Keras' IoU of class 1 is our value with that context."""
    found = evaluate(**INPUTS["segmentation"], kind="segmentation")
    assert found.value("mean_iou", **{"class": 1}) == recorded("keras", "segmentation", "iou of class 1")
