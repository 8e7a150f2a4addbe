"""Chart data held against what its kind needs to be drawn: columns that are there, numbers that are numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ledger.errors import DamagedFile, NoSuchChart, UsageError

DRAWN_MAX = 1e150
CELLS = ("tn", "fp", "fn", "tp")  # of the confusion of each of many labels
_NUMBERS = {
    "roc": ("fpr", "tpr"),
    "pr": ("recall", "precision"),
    "calibration": ("low", "high", "weight", "mean_score", "positive_share"),
    "ks": ("score", "positive", "negative"),
    "gain": ("share", "gain", "share_negative", "gain_negative"),
    "lift": ("share", "lift"),
    "threshold": ("threshold",),
    "confusion": ("count",),
    "residuals": ("predicted", "residual", "weight"),
    "predicted_vs_true": ("truth", "predicted", "weight"),
    "importance": ("value",),
    "histogram": ("low", "high"),
    "curve": ("x",),
}
_TEXTS = {"confusion": ("true", "predicted"), "importance": ("name",)}


def is_of_labels(columns: Mapping[str, Any]) -> bool:
    """Say whether these columns are the confusion of each of many labels, which a row may have together."""
    return "class" in columns and all(name in columns for name in CELLS)


def check(kind: str, columns: Mapping[str, Any], run: str, chart: str) -> None:
    """Raise DamagedFile for data that is not of its kind, UsageError for numbers too large, NoSuchChart for no rows."""
    who, hint = f"the chart {chart} of {run} is no {kind} data", f"ledger charts {run} {chart}"
    numbers, words = _NUMBERS.get(kind, ()), {"class", *_TEXTS.get(kind, ())}
    if kind == "confusion" and is_of_labels(columns):
        numbers, words = CELLS, {"class"}
    for name in (*numbers, *sorted(words - {"class"})):
        if name not in columns:
            raise DamagedFile(f"{who}: it has no column {name!r}", hint=hint)
    for name, values in columns.items() if kind != "table" else ():
        plain = values.tolist() if hasattr(values, "tolist") else values
        wrong = [v for v in plain if v is not None and not isinstance(v, int | float)] if name not in words else []
        if wrong:
            raise DamagedFile(f"{who}: its column {name!r} has {str(wrong[0])[:40]!r}, which is no number", hint=hint)
    if kind == "curve" and len(columns) < 2:
        raise DamagedFile(f"{who}: it has no column beside 'x'", hint=hint)
    edges = [columns[name] for name in ("low", "high") if name in numbers]
    if edges and not all(_finite_and_less(low, high) for low, high in zip(*edges, strict=True)):
        raise DamagedFile(f"{who}: its edges do not ascend", hint=hint)
    if any(abs(edge) > DRAWN_MAX for ends in edges for edge in ends):
        raise UsageError(
            f"the chart {chart} of {run} has edges beyond {DRAWN_MAX:g}, more than a picture can show",
            hint=f"ledger evaluate {run}",
        )
    if not any(len(values) for values in columns.values()):
        raise NoSuchChart(f"the chart {chart} of {run} has no points", hint=f"ledger charts {run}")


def _finite_and_less(low: Any, high: Any) -> bool:
    numbers = all(
        isinstance(end, int | float) and not isinstance(end, bool) and math.isfinite(end) for end in (low, high)
    )
    return bool(numbers and low < high)
