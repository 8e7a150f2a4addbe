"""What a whole binary evaluation costs, beside the sum of the scikit-learn calls for the same values and curves."""

from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from sklearn import metrics
from sklearn.calibration import calibration_curve

from benchmarks.measure import Figure, by_turns, resident_bytes
from ledger.evaluate import check, conclude, evaluate, new_states

LIMIT = 0.5  # times scikit-learn
STREAM_LIMIT = 20_000_000  # bytes more for ten times the chunks, whose scores repeat


def measure(quick: bool) -> list[Figure]:
    """Return the figures: seconds of one call over all rows, and the memory of an evaluation in chunks."""
    rows, rounds = (100_000, 3) if quick else (1_000_000, 5)
    truth, scores = _rows(rows)
    found = by_turns(
        rounds,
        {
            "ours": lambda: evaluate(truth, y_score=scores, kind="binary"),
            "scikit-learn": lambda: scikit_learn(truth, scores),
            "values": lambda: evaluate(truth, y_score=scores, kind="binary", charts=False),
        },
    )
    ours, reference, values = (median(found[name]) for name in ("ours", "scikit-learn", "values"))
    name = f"evaluate() of {rows:,} rows"
    figures = [
        Figure(f"{name}: 19 values and 10 charts, beside scikit-learn", ours, "s", reference, ratio_limit=LIMIT),
        Figure(f"{name}: the values alone", values, "s"),
    ]
    few, many = (_chunks(count, rows // 10) for count in (10, 100))
    figures.append(
        Figure("memory from 10 chunks to 100, scores of 4 decimals", many - few, "bytes", limit=STREAM_LIMIT)
    )
    return figures


def _rows(rows: int) -> tuple[Any, Any]:
    """Return truth and scores that overlap, all of them different."""
    random = np.random.default_rng(0)
    truth = (random.random(rows) < 0.3).astype(np.int64)
    return truth, 1 / (1 + np.exp(-random.normal(2 * truth - 1.5, 1.5)))


def _chunks(count: int, rows: int) -> int:
    """Return the bytes this process holds after an evaluation in so many chunks."""
    states = new_states("binary", (0, 1))
    truth, scores = _rows(rows)
    scores = scores.round(4)
    for _ in range(count):
        states.update(check("binary", truth, y_score=scores, labels=(0, 1)))
    conclude("binary", states)
    return resident_bytes()


def scikit_learn(truth: Any, scores: Any) -> list[Any]:
    """Compute the same with scikit-learn, but for the sheet of thresholds, which it is spared.

    Specificity, NPV and the three rates follow from its confusion matrix, KS from its ROC curve, and gain and lift
    are one argsort by hand.
    """
    predicted = (scores > 0.5).astype(np.int64)
    labels: list[Callable[..., Any]] = [
        metrics.accuracy_score,
        metrics.balanced_accuracy_score,
        metrics.precision_score,
        metrics.recall_score,
        metrics.f1_score,
        metrics.matthews_corrcoef,
        metrics.cohen_kappa_score,
        metrics.confusion_matrix,
    ]
    found = [metric(truth, predicted) for metric in labels]
    found.append(metrics.fbeta_score(truth, predicted, beta=2))
    found.append(metrics.classification_report(truth, predicted, output_dict=True))
    found += [
        metrics.roc_auc_score(truth, scores),
        metrics.average_precision_score(truth, scores),
        metrics.brier_score_loss(truth, scores),
        metrics.log_loss(truth, scores),
        metrics.roc_curve(truth, scores),
        metrics.precision_recall_curve(truth, scores),
        calibration_curve(truth, scores, n_bins=10),
    ]
    ordered = truth[np.argsort(-scores, kind="stable")]
    gain = np.cumsum(ordered) / ordered.sum()
    return [*found, gain, gain / np.arange(1, len(gain) + 1), np.histogram(scores, 50)]
