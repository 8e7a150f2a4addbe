"""What a metric's key says of the data it was taken on: `val/auc{fold=1}` is `auc` on the split val, fold 1.

Learning curves pair the splits of one metric, the boomerang joins them, and each plot has a split by default.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ledger.errors import NoSuchMetric
from ledger.format.names import SPLITS, metric_key, parse_key, split_of
from ledger.store.state import RunState, Summary
from ledger.table.columns import metric_order, nearest
from ledger.table.compare import joined

ORDER = ("train", "val", "test", "prod")  # in which a model meets them
# What a plot shows unasked, the likeliest first.
LOSSES = ("loss", "log_loss", "rmse", "mse")
SCORES = ("accuracy", "roc_auc", "r2")
ALSO = {"acc": "accuracy", "auc": "roc_auc", "auroc": "roc_auc"}
_SAME = {"valid": "val", "validation": "val", "dev": "val", "eval": "val"}
_SHOWN = ("test", "val")  # the split that is shown where one is enough


class Place(NamedTuple):
    """A key taken apart: the metric without its split, the split (None: not said), the fold, the rest of the context.

    Splits have one name each, so that `valid` is `val`; `rest` is written as in a key: `class=cat`.
    """

    metric: str
    split: str | None
    fold: str | None
    rest: str


def place(key: str) -> Place:
    """Take a key apart; a split stands in front (`val/auc`, `val_auc`) or in the context (`auc{split=val}`)."""
    name, text = parse_key(key)
    context = json.loads(text) if text else {}
    split = split_of(name)
    if split is not None:
        name = name[len(split) + 1 :]
    elif context.get("split") in SPLITS:
        split = context.pop("split")
    fold = context.pop("fold", None)
    rest = metric_key("", json.dumps(context))[1:-1] if context else ""
    return Place(name, _SAME.get(split or "", split), None if fold is None else str(fold), rest)


def rank(split: str | None) -> int:
    """Return where a split stands in the order train, val, test, prod; without a split, last."""
    return ORDER.index(split) if split in ORDER else len(ORDER)


Values = dict[str, dict[str | None, dict[str | None, float]]]  # metric -> split -> fold -> last value


def last_values(state: RunState, names: Mapping[str, str]) -> Values:
    """Return the last value of each metric by metric, split and fold; `names` as from `canonical_names`.

    Keys with another context than a fold are left out. An undefined value is NaN. Where a metric has no split and a
    twin with one, as Keras writes `loss` and `val_loss`, it is that of the training data.
    """
    found: Values = {}
    for key, summary in joined(state, names).items():
        where = place(key)
        if not where.rest:
            found.setdefault(where.metric, {}).setdefault(where.split, {}).setdefault(where.fold, _last(summary))
    for splits in found.values():
        if None in splits and len(splits) > 1 and "train" not in splits:
            splits["train"] = splits.pop(None)
    return found


def _last(summary: Summary) -> float:
    return math.nan if summary.last is None else float(summary.last)


def undefined_values(state: RunState, names: Mapping[str, str]) -> dict[tuple[str, str | None, str | None], str]:
    """Return why last values are undefined, by metric, split and fold: those that `last_values` has as NaN."""
    found = {}
    for key, summary in joined(state, names).items():
        if summary.last is None and summary.undefined is not None:
            where = place(key)
            found[where.metric, where.split, where.fold] = summary.undefined
    return found


def pair(xs: Sequence[str], ys: Sequence[str], values: Sequence[Values]) -> tuple[str, str] | None:
    """Return the two metrics, of the candidates for each, that most runs have together on two splits, else on one.

    Of pairs that equally many have it is the first in the order of the candidates; None where no run has any.
    """
    known = list(dict.fromkeys(name for found in values for name in found))
    across, up = (
        [name for wanted in wanteds for name in known if name == wanted or ALSO.get(name, name) == wanted]
        for wanteds in (xs, ys)
    )
    for enough in (2, 1):
        best, most = None, 0
        for x in across:
            for y in up:
                count = sum(len(shared(found, x, y)) >= enough for found in values)
                best, most = ((x, y), count) if count > most else (best, most)
        if best is not None:
            return best
    return None


def shared(values: Values, x: str, y: str) -> list[str]:
    """Return the splits that two metrics are both on, in their order."""
    both = (split for split in values.get(x, {}) if split is not None and split in values.get(y, {}))
    return sorted(both, key=rank)


def named(metric: str | None, candidates: Sequence[str], values: Sequence[Values], least: int = 2) -> str | None:
    """Return the metric meant: the one named (a split in front of it counts for nothing), else the first candidate.

    The first that some run has on `least` splits, else the first that any has; None where there is none. `acc` and
    `auc` stand for what they mean. Raises NoSuchMetric for a named one that no run has.
    """
    known = list(dict.fromkeys(name for found in values for name in found))
    if metric is not None:
        for word in (metric, place(metric).metric):
            if word in known:
                return word
        raise no_such(metric, values)
    for enough in dict.fromkeys((least, 1)):
        for wanted in candidates:
            for name in known:
                splits = [len([s for s in found.get(name, {}) if s is not None]) for found in values]
                if ALSO.get(name, name) == wanted and max(splits, default=0) >= enough:
                    return name
    return None


def no_such(metric: str, values: Iterable[Values]) -> NoSuchMetric:
    """Return the error for a metric that no run has, with the nearest names."""
    names = sorted({name for found in values for name in found}, key=metric_order)
    near = nearest(metric, names) or names[:8]
    hint = f"the nearest known: {', '.join(near)}" if near else "these runs have no metrics; see: ledger ls"
    return NoSuchMetric(f"none of these runs has a metric {metric!r}", hint=hint)


def shown_split(splits: Iterable[str | None], wanted: str | None = None) -> str | None:
    """Return the split that is shown: the wanted one, else test, else val, else the first there is."""
    there = sorted(set(splits), key=rank)
    if wanted is not None:
        return _SAME.get(wanted, wanted)
    return next((split for split in _SHOWN if split in there), there[0] if there else None)


def shown_key(states: Sequence[RunState], names: Mapping[str, str], metric: str | None, split: str | None) -> str:
    """Return the key of the metric that a plot of one value per run is about.

    A key that some run has is taken as it is. A name without a split (`auc`) is that of the split wanted, of test, of
    val, or of the only one. Unasked it is the first well-known score, else a loss, else the first metric. Raises
    NoSuchMetric.
    """
    keys = {canonical: place(canonical) for canonical in dict.fromkeys(names.values())}
    values = [last_values(state, names) for state in states]
    if metric is not None:
        if metric in names or metric in keys:
            return names.get(metric, metric)
        fits = {key: where for key, where in keys.items() if where.metric == metric}
    else:
        best = named(None, [*SCORES, "f1", *LOSSES], values, least=1)
        fits = {key: where for key, where in keys.items() if where.metric == best or best is None}
    plain = {key: where for key, where in fits.items() if where.fold is None and not where.rest} or fits
    chosen = shown_split((where.split for where in plain.values()), split)
    found = sorted((key for key, where in plain.items() if where.split == chosen), key=metric_order)
    if not found:
        on = f" on {split}" if fits and split else ""
        raise no_such((metric or "") + on if metric or on else "of any name", values)
    return found[0]
