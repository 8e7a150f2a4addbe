"""Writes keras.json: what Keras says of inputs.json, in float32, under the names that ledger has."""

import json
from pathlib import Path

import keras
import numpy as np
from keras import metrics

HERE = Path(__file__).parent
inputs = json.loads((HERE / "inputs.json").read_text("utf-8"))


def result(metric: keras.metrics.Metric, kind: str, **how: object) -> object:
    """Return what a metric says of all rows at once."""
    columns = inputs[kind]
    truth = np.array(columns["y_true"], "float32")
    given = np.array(columns.get("y_score", columns.get("y_pred")), "float32")
    if how.get("one_hot"):
        truth = np.eye(given.shape[1], dtype="float32")[truth.astype(int)]
    elif how.get("column"):
        truth, given = truth[:, None], given[:, None]
    metric.update_state(truth, given)
    return np.asarray(metric.result(), "float32").tolist()


# Thresholds between all scores, so that its areas are those of every point of the curve.
distinct = sorted(set(inputs["binary"]["y_score"]))
between = [(a + b) / 2 for a, b in zip([0.0, *distinct], distinct, strict=False)]
values = {
    "binary": {
        "accuracy": result(metrics.BinaryAccuracy(threshold=0.5), "binary"),
        "precision": result(metrics.Precision(thresholds=0.5), "binary"),
        "recall": result(metrics.Recall(thresholds=0.5), "binary"),
        "tp": result(metrics.TruePositives(thresholds=0.5), "binary"),
        "fp": result(metrics.FalsePositives(thresholds=0.5), "binary"),
        "tn": result(metrics.TrueNegatives(thresholds=0.5), "binary"),
        "fn": result(metrics.FalseNegatives(thresholds=0.5), "binary"),
        "f1": result(metrics.F1Score(threshold=0.5, average="micro"), "binary", column=True),
        "f2": result(metrics.FBetaScore(beta=2.0, threshold=0.5, average="micro"), "binary", column=True),
        "jaccard": result(metrics.BinaryIoU(target_class_ids=[1], threshold=0.5), "binary"),
        "log_loss": result(metrics.BinaryCrossentropy(), "binary"),
        "brier": result(metrics.MeanSquaredError(), "binary"),
        "roc_auc": result(metrics.AUC(thresholds=between), "binary"),
        "roc_auc of 10 thresholds": result(metrics.AUC(num_thresholds=10), "binary"),
        "pr_auc, interpolated": result(metrics.AUC(curve="PR", thresholds=between), "binary"),
    },
    "multiclass": {
        "accuracy": result(metrics.SparseCategoricalAccuracy(), "multiclass"),
        "top_2_accuracy": result(metrics.SparseTopKCategoricalAccuracy(k=2), "multiclass"),
        "top_3_accuracy": result(metrics.SparseTopKCategoricalAccuracy(k=3), "multiclass"),
        "log_loss": result(metrics.SparseCategoricalCrossentropy(), "multiclass"),
        "f1": result(metrics.F1Score(average="macro"), "multiclass", one_hot=True),
        "f1_weighted": result(metrics.F1Score(average="weighted"), "multiclass", one_hot=True),
        "f1_each": result(metrics.F1Score(average=None), "multiclass", one_hot=True),
    },
    "multilabel": {
        "f1": result(metrics.F1Score(threshold=0.5, average="macro"), "multilabel"),
        "f1_micro": result(metrics.F1Score(threshold=0.5, average="micro"), "multilabel"),
        "f1_weighted": result(metrics.F1Score(threshold=0.5, average="weighted"), "multilabel"),
        "f1_each": result(metrics.F1Score(threshold=0.5, average=None), "multilabel"),
        "share of flags that are right": result(metrics.BinaryAccuracy(threshold=0.5), "multilabel"),
    },
    "regression": {
        "mae": result(metrics.MeanAbsoluteError(), "regression"),
        "mse": result(metrics.MeanSquaredError(), "regression"),
        "rmse": result(metrics.RootMeanSquaredError(), "regression"),
        "r2": result(metrics.R2Score(), "regression", column=True),
        "mape in percent": result(metrics.MeanAbsolutePercentageError(), "regression"),
    },
    "segmentation": {
        "mean_iou": result(metrics.MeanIoU(num_classes=3), "segmentation"),
        "iou of class 1": result(metrics.IoU(num_classes=3, target_class_ids=[1]), "segmentation"),
    },
}
record = {
    "versions": {"keras": keras.__version__, keras.config.backend(): __import__(keras.config.backend()).__version__},
    "values": {
        kind: {name: {"value": value, "dtype": "float32"} for name, value in found.items()}
        for kind, found in values.items()
    },
}
lines = json.dumps(record, separators=(", ", ": ")).replace("}, ", "},\n ")
(HERE / "keras.json").write_text(lines + "\n", "utf-8")
