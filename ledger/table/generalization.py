"""How much a model's score depends on the data it is taken on: the generalization index of a run.

The index is the range of the score over the splits, max - min: 0 is the same everywhere, less is better. With folds it
is the mean over the folds of each fold's range, and its uncertainty is the half-width of the 95 % t-interval of that
mean, where both ends of every range were taken fold by fold and the ranges differ. It says nothing of how good the
score is: a model that guesses generalizes perfectly.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ledger.errors import NoSuchMetric
from ledger.format.goals import known_goal
from ledger.store.state import RunState
from ledger.table import splits
from ledger.table.compare import canonical_names

if TYPE_CHECKING:
    from ledger.schema import Schema

LEVEL = 0.95
Folded = Mapping[str | None, Mapping[str | None, float]]  # split -> fold (None: none) -> value


class Generalization(NamedTuple):
    """The index of one run as `value`; NaN where a split has no number.

    `half_width` is that of the interval of the index (None where folds do not tell it), `folds` their number, `worst`
    the score of the worst split, `gap` by how much the last split is worse than train (negative: better; None without
    train).
    """

    value: float
    half_width: float | None
    folds: int
    worst: float
    gap: float | None


def mean_of(values: Mapping[str | None, float]) -> float:
    """Return the mean over the folds of a split, or its one value where it has no folds."""
    folded = [value for fold, value in values.items() if fold is not None] or list(values.values())
    if not all(map(math.isfinite, folded)):
        return math.nan if len(folded) > 1 else folded[0]
    return math.fsum(value / len(folded) for value in folded)


def generalization(values: Folded, goal: str | None) -> Generalization | None:
    """Return the index of one metric of one run, from its values by split and fold; None with fewer than two splits.

    Values without a split are left out; a value without a fold belongs to every fold. `goal` None is `maximize`.
    """
    found = {split: values[split] for split in sorted(filter(None, values), key=splits.rank)}
    if len(found) < 2:
        return None
    means = {split: mean_of(of) for split, of in found.items()}
    down = goal == "minimize"
    bad = any(math.isnan(mean) for mean in means.values())
    worst = math.nan if bad else (max if down else min)(means.values())
    last = means[list(means)[-1]]
    train = means.get("train")
    gap = None if train is None else last - train if down else train - last
    folds = sorted({fold for of in found.values() for fold in of if fold is not None})
    ranges = [_range([of.get(fold, of.get(None, math.nan)) for of in found.values()]) for fold in folds]
    if len(ranges) < 2:
        return Generalization(_range(list(means.values())), None, len(folds), worst, gap)
    half = _half_width(ranges) if _vary(found, folds, ranges) else None
    return Generalization(mean_of(dict(zip(folds, ranges, strict=True))), half, len(folds), worst, gap)


def _vary(found: Mapping[str, Mapping[str | None, float]], folds: Sequence[str], ranges: Sequence[float]) -> bool:
    """Say whether folds tell how uncertain the ranges are.

    One number for all folds, such as that of the test set, has no spread to tell: where it is an end of a range, an
    interval would be too narrow. Ranges that are all equal would give one of no width.
    """
    own = [[of[fold] for of in found.values() if fold in of] for fold in folds]
    measured = all(len(values) > 1 and _range(values) == whole for values, whole in zip(own, ranges, strict=True))
    return measured and len(set(ranges)) > 1


def _range(values: Sequence[float]) -> float:
    if any(math.isnan(value) for value in values):
        return math.nan
    return max(values) - min(values)


def _half_width(values: Sequence[float]) -> float:
    """Return half the width of the t-interval of a mean."""
    if not all(map(math.isfinite, values)):
        return math.nan
    from scipy.special import stdtrit

    count = len(values)
    middle = math.fsum(values) / count
    variance = math.fsum((value - middle) ** 2 for value in values) / (count - 1)
    return float(stdtrit(count - 1, (1 + LEVEL) / 2)) * math.sqrt(variance / count)


def indexes(
    states: Sequence[RunState], schema: "Schema", metric: str | None = None
) -> tuple[str, dict[str, Generalization]]:
    """Return the metric that is held against itself over the splits, and the index of each run that has one, by id.

    Unasked the metric is the first of accuracy, roc_auc and r2 that a run has on two splits, else the first loss.
    Raises NoSuchMetric where no run has it on two splits.
    """
    names = canonical_names(states, schema)
    values = {state.id: splits.last_values(state, names) for state in states}
    chosen = splits.named(metric, [*splits.SCORES, *splits.LOSSES], list(values.values()))
    found = {}
    if chosen is not None:
        goal = schema.metric(chosen).goal or known_goal(chosen)
        each = {id: generalization(of.get(chosen, {}), goal) for id, of in values.items()}
        found = {id: one for id, one in each.items() if one is not None}
    if chosen is None or not found:
        what = f"{metric!r}" if metric else "accuracy, roc_auc, r2 or loss"
        raise NoSuchMetric(
            f"no run here has {what} on two splits, which generalization is about",
            hint="name a metric that is logged as train/METRIC and test/METRIC: generalization:METRIC",
        )
    return chosen, found
