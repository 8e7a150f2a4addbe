"""Every metric that there is, held against another source: scikit-learn, scipy, numpy. The tables must be complete.

Weights are whole numbers here, and the other source sees each row as often as its weight says.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.spatial
import scipy.stats
from sklearn import metrics as sk

from ledger.evaluate import compute, lookup
from ledger.evaluate.kinds import KINDS

Array = np.ndarray[Any, Any]
Oracle = Callable[[Array, Array, Any], Any]
OPTIONS: dict[str, dict[str, Any]] = {
    "fbeta": {"beta": 0.5},
    "top_k_accuracy": {"k": 4},
    "mean_relative_error": {"normalizer": 2.5},
}


OF_AMOUNTS = ("msle", "rmsle")  # which negative values have not


def _calibration(truth: Array, scores: Array) -> float:
    """Return ECE of 10 bins, open below and closed above, from numpy's histograms."""
    bins = np.clip(np.ceil(scores * 10).astype(int) - 1, 0, 9)
    rows = np.bincount(bins, minlength=10)
    gaps = np.abs(np.bincount(bins, scores, 10) - np.bincount(bins, truth, 10))
    return float(gaps[rows > 0].sum() / len(truth))


def _pr_auc(truth: Array, scores: Array) -> float:
    precision, recall, _ = sk.precision_recall_curve(truth, scores)
    return float(sk.auc(recall, precision))


def _each_pair(truth: Array, scores: Array, average: str) -> float:
    return float(sk.roc_auc_score(truth, scores, multi_class="ovo", average=average))


def _top(k: int) -> Oracle:
    return lambda y, p, s: sk.top_k_accuracy_score(y, s, k=k)


BINARY: dict[str, Oracle] = {
    "accuracy": lambda y, p, s: sk.accuracy_score(y, p),
    "balanced_accuracy": lambda y, p, s: sk.balanced_accuracy_score(y, p),
    "precision": lambda y, p, s: sk.precision_score(y, p),
    "recall": lambda y, p, s: sk.recall_score(y, p),
    "specificity": lambda y, p, s: sk.recall_score(y, p, pos_label=0),
    "npv": lambda y, p, s: sk.precision_score(y, p, pos_label=0),
    "fpr": lambda y, p, s: 1 - sk.recall_score(y, p, pos_label=0),
    "fnr": lambda y, p, s: 1 - sk.recall_score(y, p),
    "fdr": lambda y, p, s: 1 - sk.precision_score(y, p),
    "f1": lambda y, p, s: sk.f1_score(y, p),
    "f2": lambda y, p, s: sk.fbeta_score(y, p, beta=2),
    "fbeta": lambda y, p, s: sk.fbeta_score(y, p, beta=0.5),
    "mcc": lambda y, p, s: sk.matthews_corrcoef(y, p),
    "cohen_kappa": lambda y, p, s: sk.cohen_kappa_score(y, p),
    "jaccard": lambda y, p, s: sk.jaccard_score(y, p),
    "positive_likelihood_ratio": lambda y, p, s: sk.class_likelihood_ratios(y, p)[0],
    "negative_likelihood_ratio": lambda y, p, s: sk.class_likelihood_ratios(y, p)[1],
    "d2_log_loss_score": lambda y, p, s: sk.d2_log_loss_score(y, s),
    "d2_brier_score": lambda y, p, s: sk.d2_brier_score(y, s),
    "roc_auc": lambda y, p, s: sk.roc_auc_score(y, s),
    "gini": lambda y, p, s: 2 * sk.roc_auc_score(y, s) - 1,
    "average_precision": lambda y, p, s: sk.average_precision_score(y, s),
    "pr_auc": lambda y, p, s: _pr_auc(y, s),
    "ks": lambda y, p, s: scipy.stats.ks_2samp(s[y == 1], s[y == 0], method="asymp").statistic,
    "brier": lambda y, p, s: sk.brier_score_loss(y, s),
    "log_loss": lambda y, p, s: sk.log_loss(y, s),
    "ece": lambda y, p, s: _calibration(y, s),
    "prevalence": lambda y, p, s: np.mean(y),
    "predicted_positive_rate": lambda y, p, s: np.mean(p),
    "mean_score_bias": lambda y, p, s: np.mean(s) - np.mean(y),
    **{
        name: lambda y, p, s, at=at: sk.confusion_matrix(y, p).ravel()[at]
        for at, name in enumerate(("tn", "fp", "fn", "tp"))
    },
}
_SHARES: dict[str, Callable[..., Any]] = {
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "f1": sk.f1_score,
    "jaccard": sk.jaccard_score,
}


def _averages(averages: dict[str, str]) -> dict[str, Oracle]:
    return {
        name + ending: lambda y, p, s, oracle=oracle, average=average: oracle(
            y, p, average=average, **({} if oracle is sk.jaccard_score else {"zero_division": np.nan})
        )
        for name, oracle in _SHARES.items()
        for ending, average in averages.items()
    }


def _with_a_label(truth: Array, predicted: Array) -> tuple[Array, Array]:
    """Return the rows for which truth or predictions have a label: the others have no share of right ones."""
    some = (truth | predicted).any(axis=1)
    return truth[some], predicted[some]


MULTICLASS: dict[str, Oracle] = {
    "accuracy": lambda y, p, s: sk.accuracy_score(y, p),
    "balanced_accuracy": lambda y, p, s: sk.balanced_accuracy_score(y, p),
    **_averages({"": "macro", "_weighted": "weighted", "_micro": "micro"}),
    "mcc": lambda y, p, s: sk.matthews_corrcoef(y, p),
    "cohen_kappa": lambda y, p, s: sk.cohen_kappa_score(y, p),
    **{f"top_{k}_accuracy": _top(k) for k in (2, 3, 5, 10)},
    "top_k_accuracy": _top(4),
    "roc_auc": lambda y, p, s: sk.roc_auc_score(y, s, multi_class="ovr"),
    "roc_auc_weighted": lambda y, p, s: sk.roc_auc_score(y, s, multi_class="ovr", average="weighted"),
    "roc_auc_ovo": lambda y, p, s: _each_pair(y, s, "macro"),
    "roc_auc_ovo_weighted": lambda y, p, s: _each_pair(y, s, "weighted"),
    "average_precision": lambda y, p, s: sk.average_precision_score(np.eye(s.shape[1])[y], s),
    "log_loss": lambda y, p, s: sk.log_loss(y, s),
    "brier": lambda y, p, s: sk.brier_score_loss(y, s),
    "d2_log_loss_score": lambda y, p, s: sk.d2_log_loss_score(y, s),
    "d2_brier_score": lambda y, p, s: sk.d2_brier_score(y, s),
}
MULTILABEL: dict[str, Oracle] = {
    "accuracy": lambda y, p, s: sk.accuracy_score(y, p),
    "hamming_loss": lambda y, p, s: sk.hamming_loss(y, p),
    **_averages({"": "macro", "_weighted": "weighted", "_micro": "micro", "_samples": "samples"}),
    "jaccard_samples": lambda y, p, s: sk.jaccard_score(*_with_a_label(y, p), average="samples"),
    "roc_auc": lambda y, p, s: sk.roc_auc_score(y, s),
    "roc_auc_micro": lambda y, p, s: sk.roc_auc_score(y, s, average="micro"),
    "average_precision": lambda y, p, s: sk.average_precision_score(y, s),
    "average_precision_micro": lambda y, p, s: sk.average_precision_score(y, s, average="micro"),
    "label_ranking_average_precision": lambda y, p, s: sk.label_ranking_average_precision_score(y, s),
    "label_ranking_loss": lambda y, p, s: sk.label_ranking_loss(y, s),
    "coverage_error": lambda y, p, s: sk.coverage_error(y, s),
}
REGRESSION: dict[str, Oracle] = {
    "mae": lambda y, p, s: sk.mean_absolute_error(y, p),
    "mse": lambda y, p, s: sk.mean_squared_error(y, p),
    "rmse": lambda y, p, s: sk.root_mean_squared_error(y, p),
    "mape": lambda y, p, s: sk.mean_absolute_percentage_error(y, p),
    "median_ae": lambda y, p, s: sk.median_absolute_error(y, p),
    "r2": lambda y, p, s: sk.r2_score(y, p),
    "explained_variance": lambda y, p, s: sk.explained_variance_score(y, p),
    "max_error": lambda y, p, s: sk.max_error(y, p),
    "mean_relative_error": lambda y, p, s: np.mean(np.abs(y - p) / 2.5),
    "bias": lambda y, p, s: np.mean(p - y),
    "error_variance": lambda y, p, s: np.var(p - y),
    "pearson": lambda y, p, s: scipy.stats.pearsonr(y, p).statistic,
    "wape": lambda y, p, s: np.abs(y - p).sum() / np.abs(y).sum(),
    "smape": lambda y, p, s: np.mean(2 * np.abs(y - p) / (np.abs(y) + np.abs(p))),
    "msle": lambda y, p, s: sk.mean_squared_log_error(y, p),
    "rmsle": lambda y, p, s: sk.root_mean_squared_log_error(y, p),
    "log_cosh": lambda y, p, s: np.mean(np.log(np.cosh(p - y))),
    "cosine_similarity": lambda y, p, s: 1 - scipy.spatial.distance.cosine(y, p),
    "d2_absolute_error_score": lambda y, p, s: sk.d2_absolute_error_score(y, p),
}
SEGMENTATION: dict[str, Oracle] = {
    "accuracy": lambda y, p, s: sk.accuracy_score(y.ravel(), p.ravel()),
    "mean_iou": lambda y, p, s: sk.jaccard_score(y.ravel(), p.ravel(), average="macro"),
    "dice": lambda y, p, s: sk.f1_score(y.ravel(), p.ravel(), average="macro"),
    "dice_per_image": lambda y, p, s: np.mean(
        [sk.f1_score(a.ravel(), b.ravel(), average="macro") for a, b in zip(y, p, strict=True)]
    ),
}
ORACLES = {
    "binary": BINARY,
    "multiclass": MULTICLASS,
    "multilabel": MULTILABEL,
    "regression": REGRESSION,
    "segmentation": SEGMENTATION,
}


def rows(kind: str, tied: bool) -> tuple[Array, Array, Any]:
    """Return truth, predictions and scores of a kind; tied scores have few distinct values."""
    random = np.random.default_rng(20)
    if kind == "regression":
        truth = random.normal(size=121) * 3 + 1
        predicted = truth + random.normal(size=121)
        return (np.round(truth) + 0.25, np.round(predicted), None) if tied else (truth, predicted, None)
    if kind == "segmentation":
        truth = random.integers(0, 4, (9, 7, 8))
        predicted = np.where(random.random(truth.shape) < 0.6, truth, random.integers(0, 4, truth.shape))
        return truth, predicted, None
    if kind == "multiclass":
        truth = random.permutation(np.arange(240) % 12)
        scores = random.random((240, 12)) + np.eye(12)[truth] * random.random((240, 1))
        scores = np.round(scores * 3) + 1 if tied else scores
        return truth, scores.argmax(axis=1), scores / scores.sum(axis=1, keepdims=True)
    shape = 200 if kind == "binary" else (200, 4)
    truth = (random.random(shape) < 0.4).astype(int)
    scores = np.clip(0.3 * truth + 0.7 * random.random(shape), 0.01, 0.99)
    scores = np.clip(np.round(scores, 1), 0.01, 0.99) if tied else scores
    return truth, (scores > 0.5).astype(int), scores


@pytest.mark.parametrize("kind", KINDS)
def test_every_metric_has_another_source(kind: str) -> None:
    """A new metric fails here until something it is held against stands in the tables."""
    assert set(ORACLES[kind]) == {metric.name for metric in lookup.bundle(kind).metrics}


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("tied", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in ORACLES.items() for name in names])
def test_the_other_source_agrees(kind: str, name: str, tied: bool, weighted: bool) -> None:
    """To 1e-12 relative; what may cancel to nearly nothing to 1e-14 absolute."""
    truth, predicted, scores = rows(kind, tied)
    if name in OF_AMOUNTS:
        truth, predicted = np.abs(truth), np.abs(predicted)
    weight = np.random.default_rng(7).integers(0, 4, len(truth)) if weighted else np.ones(len(truth), int)
    again = np.repeat(np.arange(len(truth)), weight)
    expected = ORACLES[kind][name](truth[again], predicted[again], None if scores is None else scores[again])
    found = compute(
        name, truth, predicted, scores, kind=kind, sample_weight=weight if weighted else None, **OPTIONS.get(name, {})
    )
    assert isinstance(found, float)
    assert found == pytest.approx(float(expected), rel=1e-12, abs=1e-14)


def test_scorers_of_scikit_learn_have_their_metrics() -> None:
    """Every name of `get_scorer_names` resolves, but for those that compare clusterings and two deviances."""
    missing = {name for name in sk.get_scorer_names() if not lookup.kinds_of(name)}
    assert missing <= {
        "adjusted_mutual_info_score", "adjusted_rand_score", "completeness_score", "fowlkes_mallows_score",
        "homogeneity_score", "mutual_info_score", "normalized_mutual_info_score", "rand_score", "v_measure_score",
        "neg_mean_gamma_deviance", "neg_mean_poisson_deviance",
    }  # fmt: skip
    for name, stored in [("jaccard_macro", "jaccard"), ("neg_mean_squared_log_error", "msle")]:
        kind = lookup.kinds_of(name)[0]
        assert lookup.metric(name, kind).name == stored
