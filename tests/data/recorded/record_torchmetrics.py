"""Writes torchmetrics.json: what torchmetrics says of inputs.json, in float64, under the names that ledger has."""

import json
from pathlib import Path

import torch
import torchmetrics
from torchmetrics.functional import classification as of
from torchmetrics.functional import regression, segmentation
from torchmetrics.utilities.compute import auc

torch.set_default_dtype(torch.float64)  # what it divides as counts stays float32 even so: each value has its dtype
HERE = Path(__file__).parent
inputs = json.loads((HERE / "inputs.json").read_text("utf-8"))
given = {
    kind: {name: torch.tensor(column, dtype=torch.float64) for name, column in columns.items()}
    for kind, columns in inputs.items()
}


def binary() -> dict:
    """Two classes."""
    score, truth = given["binary"]["y_score"], given["binary"]["y_true"].long()
    fpr, tpr, _ = of.binary_roc(score, truth)
    precision, recall, _ = of.binary_precision_recall_curve(score, truth)
    tp, fp, tn, fn, _ = of.binary_stat_scores(score, truth)
    return {
        "accuracy": of.binary_accuracy(score, truth),
        "balanced_accuracy": of.multiclass_accuracy((score > 0.5).long(), truth, num_classes=2, average="macro"),
        "precision": of.binary_precision(score, truth),
        "recall": of.binary_recall(score, truth),
        "specificity": of.binary_specificity(score, truth),
        "npv": of.binary_negative_predictive_value(score, truth),
        "f1": of.binary_f1_score(score, truth),
        "f2": of.binary_fbeta_score(score, truth, beta=2.0),
        "mcc": of.binary_matthews_corrcoef(score, truth),
        "cohen_kappa": of.binary_cohen_kappa(score, truth),
        "jaccard": of.binary_jaccard_index(score, truth),
        "roc_auc": of.binary_auroc(score, truth),
        "average_precision": of.binary_average_precision(score, truth),
        "pr_auc": auc(recall, precision),
        "ks": (tpr - fpr).max(),
        "ece": of.binary_calibration_error(score, truth, n_bins=10, norm="l1"),
        "brier": regression.mean_squared_error(score, truth),
        "tp": tp, "fp": fp, "tn": tn, "fn": fn,
    }  # fmt: skip


def multiclass() -> dict:
    """Four classes, each on both sides."""
    score, truth = given["multiclass"]["y_score"], given["multiclass"]["y_true"].long()
    found = {
        "accuracy": of.multiclass_accuracy(score, truth, num_classes=4, average="micro"),
        "balanced_accuracy": of.multiclass_accuracy(score, truth, num_classes=4, average="macro"),
        "mcc": of.multiclass_matthews_corrcoef(score, truth, num_classes=4),
        "cohen_kappa": of.multiclass_cohen_kappa(score, truth, num_classes=4),
        "roc_auc": of.multiclass_auroc(score, truth, num_classes=4, average="macro"),
        "roc_auc_weighted": of.multiclass_auroc(score, truth, num_classes=4, average="weighted"),
        "average_precision": of.multiclass_average_precision(score, truth, num_classes=4, average="macro"),
        "top_2_accuracy": of.multiclass_accuracy(score, truth, num_classes=4, average="micro", top_k=2),
        "top_3_accuracy": of.multiclass_accuracy(score, truth, num_classes=4, average="micro", top_k=3),
    }
    for name in ("precision", "recall", "f1_score"):
        for ending, average in (("", "macro"), ("_weighted", "weighted"), ("_micro", "micro"), ("_each", "none")):
            value = getattr(of, f"multiclass_{name}")(score, truth, num_classes=4, average=average)
            found[name.removesuffix("_score") + ending] = value
    return found


def multilabel() -> dict:
    """Three labels a row."""
    score, truth = given["multilabel"]["y_score"], given["multilabel"]["y_true"].long()
    found = {
        "accuracy": of.multilabel_exact_match(score, truth, num_labels=3),
        "hamming_loss": of.multilabel_hamming_distance(score, truth, num_labels=3, average="micro"),
        "label_ranking_average_precision": of.multilabel_ranking_average_precision(score, truth, num_labels=3),
        "label_ranking_loss": of.multilabel_ranking_loss(score, truth, num_labels=3),
        "coverage_error": of.multilabel_coverage_error(score, truth, num_labels=3),
    }
    for name in ("precision", "recall", "f1_score", "auroc", "average_precision"):
        ours = {"f1_score": "f1", "auroc": "roc_auc"}.get(name, name)
        for ending, average in (("", "macro"), ("_weighted", "weighted"), ("_micro", "micro"), ("_each", "none")):
            if ending != "_weighted" or name not in ("auroc", "average_precision"):
                found[ours + ending] = getattr(of, f"multilabel_{name}")(score, truth, num_labels=3, average=average)
    return found


def of_values() -> dict:
    """A regression."""
    predicted, truth = given["regression"]["y_pred"], given["regression"]["y_true"]
    return {
        "mae": regression.mean_absolute_error(predicted, truth),
        "mse": regression.mean_squared_error(predicted, truth),
        "rmse": regression.mean_squared_error(predicted, truth, squared=False),
        "mape": regression.mean_absolute_percentage_error(predicted, truth),
        "smape": regression.symmetric_mean_absolute_percentage_error(predicted, truth),
        "wape": regression.weighted_mean_absolute_percentage_error(predicted, truth),
        "r2": regression.r2_score(predicted, truth),
        "explained_variance": regression.explained_variance(predicted, truth),
        "pearson": regression.pearson_corrcoef(predicted, truth),
    }


def of_masks() -> dict:
    """Masks of three classes."""
    predicted, truth = given["segmentation"]["y_pred"].long(), given["segmentation"]["y_true"].long()
    how = {"num_classes": 3, "input_format": "index"}
    each = segmentation.mean_iou(predicted, truth, per_class=True, **how)
    return {
        "accuracy": of.multiclass_accuracy(predicted, truth, num_classes=3, average="micro"),
        "mean_iou": of.multiclass_jaccard_index(predicted, truth, num_classes=3, average="macro"),
        "mean_iou_each": of.multiclass_jaccard_index(predicted, truth, num_classes=3, average="none"),
        "dice": of.multiclass_f1_score(predicted, truth, num_classes=3, average="macro"),
        "dice_each": of.multiclass_f1_score(predicted, truth, num_classes=3, average="none"),
        "dice_per_image": segmentation.dice_score(predicted, truth, average="macro", **how).mean(),
        "mean_iou of image": each.mean(dim=1),
    }


values = {
    "binary": binary(),
    "multiclass": multiclass(),
    "multilabel": multilabel(),
    "regression": of_values(),
    "segmentation": of_masks(),
}
NARROW = {"label_ranking_average_precision"}  # a float64 mean of shares that are float32
record = {
    "versions": {"torchmetrics": torchmetrics.__version__, "torch": torch.__version__.partition("+")[0]},
    "values": {
        kind: {
            name: {"value": value.tolist(), "dtype": "float32" if name in NARROW else str(value.dtype)[6:]}
            for name, value in found.items()
        }
        for kind, found in values.items()
    },
}
lines = json.dumps(record, separators=(", ", ": ")).replace("}, ", "},\n ")
(HERE / "torchmetrics.json").write_text(lines + "\n", "utf-8")
