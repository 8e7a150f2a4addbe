"""The results of a search (`cv_results_`) as metrics by split and fold, under the names that they have here.

Needs no scikit-learn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ledger.evaluate import lookup
from ledger.evaluate.registry import Metric
from ledger.integrations import estimators


def scorers(scoring: Any, results: Mapping[str, Any], kind: str, default: str) -> dict[str, tuple[str, int]]:
    """Return by its name in the results what each scorer is called here, and the sign that its values take.

    `scoring` is what the search was given, `kind` the kind of evaluation, `default` what is scored where nothing is
    said.
    """
    found = {}
    for name in (key.removeprefix("mean_test_") for key in results if key.startswith("mean_test_")):
        told = name
        if name == "score":  # the only one
            given = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
            told = default if scoring is None else given
        found[name] = metric_name(told, kind)
    return found


def metric_name(scorer: str, kind: str = "regression") -> tuple[str, int]:
    """Return what a scorer's metric is called here in a kind of evaluation, and -1 where it is its negative."""
    word = scorer.removeprefix("neg_")
    if kind in lookup.kinds_of(word) and isinstance(metric := lookup.find(word, kind), Metric):
        word = metric.name
    return word, -1 if scorer.startswith("neg_") else 1


def scores(
    results: Mapping[str, Any], scorers: Mapping[str, tuple[str, int]], candidate: int, splits: int
) -> Iterator[tuple[str, dict[str, int] | None, dict[str, float]]]:
    """Yield split, context and values of one candidate: the mean, then each fold."""
    for split, word in (("val", "test"), ("train", "train")):
        for fold in (None, *range(splits)):
            start = f"mean_{word}" if fold is None else f"split{fold}_{word}"
            values = {
                metric: sign * float(results[f"{start}_{name}"][candidate])
                for name, (metric, sign) in scorers.items()
                if f"{start}_{name}" in results
            }
            if values:
                yield split, None if fold is None else {"fold": fold}, values


def table(results: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the results without the scores of single folds: ranks, means, deviations, times, and the params."""
    varied = list(dict.fromkeys(name for params in results["params"] for name in params))
    found: dict[str, list[Any]] = {
        name: [estimators.text(params[name]) if name in params else None for params in results["params"]]
        for name in varied
    }
    wanted = ("rank_", "mean_", "std_", "iter", "n_resources")
    return found | {name: np.asarray(results[name]).tolist() for name in results if name.startswith(wanted)}
