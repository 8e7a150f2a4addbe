"""What a backfill is to compute: metrics and charts by name, the whole evaluation of a kind, a user's own function.

A recipe travels to other processes. A function is sent as `MODULE:NAME`, or by reference as pickle has it; what a
ledger holds never names code.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ledger.derive import functions, identity
from ledger.derive.functions import Own
from ledger.errors import LedgerError, NoSuchMetric, UsageError
from ledger.evaluate import lookup
from ledger.evaluate.inputs import as_threshold
from ledger.evaluate.kinds import KINDS
from ledger.evaluate.registry import Bundle
from ledger.evaluate.results import usual

NOT_KEPT = "segmentation"
CONDITIONAL = ("mean_relative_error", "top_5_accuracy")  # of a bundle, and left out where they do not apply


class Item(msgspec.Struct, frozen=True):
    """One thing to compute: `sort` is metric, own, chart or bundle; `stored` its stored name by kind of evaluation.

    `definition` says how it is computed, as far as its name alone tells.
    """

    sort: str
    name: str
    stored: dict[str, str]
    definition: dict[str, Any]
    own: Own | None = None
    code: dict[str, Any] | None = None  # what keys have of a user's function

    @property
    def identity(self) -> dict[str, Any]:
        """Return what tells it from others of its name."""
        return self.definition if self.code is None else self.code

    def name_for(self, kind: str | None) -> str | None:
        """Return the stored name for a kind of evaluation, None where the kind decides and is not known."""
        names = set(self.stored.values())
        return self.stored.get(kind or "") or (names.pop() if len(names) == 1 else None)


class Recipe(msgspec.Struct, frozen=True):
    """What is to be computed of each set of predictions, and how; what is None is as it was logged, else guessed."""

    items: tuple[Item, ...]
    kind: str | None = None
    threshold: float | None = None
    options: dict[str, Any] = {}
    prefix: str = ""
    charts: bool = False  # of a bundle, too
    versions: dict[str, str] = {}  # of the packages that functions are from


def recipe(
    metrics: Sequence[str | Callable[..., Any]],
    *,
    own: str | None = None,
    folder: str | None = None,
    charts: bool = False,
    kind: str | None = None,
    threshold: float | None = None,
    prefix: str = "",
    options: Mapping[str, Any] | None = None,
) -> Recipe:
    """Return what names, functions, or the one function `own` (`MODULE:NAME` or `FILE.py:NAME`) stand for.

    With `charts` names are those of charts, and a bundle has its charts. Raises UsageError and NoSuchMetric.
    """
    if NOT_KEPT in (kind, *metrics):
        raise UsageError("whole images are not kept as predictions, so nothing can be computed of them afterwards")
    if kind is not None and kind not in KINDS:
        raise UsageError(f"there is no kind {kind!r} of evaluation", hint=f"the kinds are {', '.join(KINDS)}")
    if own is not None:
        if charts:
            raise UsageError("a function of one's own gives a number, no chart", hint="leave out the charts")
        if len(metrics) > 1:
            raise UsageError(f"one function is one metric, not {len(metrics)}: {', '.join(map(str, metrics))}")
        items = [_own(own, str(metrics[0]) if metrics else None, folder)]
    else:
        if not metrics:
            raise UsageError("nothing is to be computed", hint="name a metric, such as f2, or a bundle, such as binary")
        items = [_item(metric, charts, kind) for metric in metrics]
    for i, item in enumerate(items):
        if same := [o.name for o in items[:i] if o.sort == item.sort and o.stored.items() & item.stored.items()]:
            also = "" if same[0] == item.name else f", as {same[0]!r} and as {item.name!r}"
            raise UsageError(f"the {item.sort if item.sort != 'own' else 'metric'} {item.name!r} is named twice{also}")
    bundles = [item.name for item in items if item.sort == "bundle"]
    if (bundles and kind not in (None, bundles[0])) or len(set(bundles)) > 1:
        raise UsageError(f"the bundle {bundles[0]} is of the kind {bundles[0]}, not {kind or bundles[-1]}")
    kind = bundles[0] if bundles else kind
    given = {name: value for name, value in (options or {}).items() if value is not None}
    _check_options(given, [kind] if kind else list(dict.fromkeys(kind for item in items for kind in item.stored)))
    versions = {
        k: v for item in items if item.own is not None for k, v in identity.versions(item.own.load().of).items()
    }
    return Recipe(
        tuple(items), kind, None if threshold is None else as_threshold(threshold), given, prefix, charts, versions
    )


def _check_options(given: dict[str, Any], kinds: Sequence[str]) -> None:
    """Raise UsageError for an option that none of these kinds of evaluation has."""
    known = list(dict.fromkeys(name for kind in kinds for name in lookup.bundle(kind).options))
    for name in given:
        if name == "threshold":
            raise UsageError("the threshold is no option among others", hint="--threshold T, or threshold=T")
        if name not in known:
            raise UsageError(
                f"there is no option {name!r} for kind {' or '.join(kinds)}", hint=f"there are {', '.join(known)}"
            )


def _item(metric: str | Callable[..., Any], charts: bool, kind: str | None) -> Item:
    if not isinstance(metric, str):
        return _as_item(functions.given(metric))
    if usual(metric) in KINDS:
        name = usual(metric)
        versions = {m.name: m.definition for m in lookup.bundle(name).metrics if m.bundled}
        return Item("bundle", name, {name: name}, versions)
    kinds = [kind] if kind else [each for each in lookup.kinds_of(metric) if each != NOT_KEPT]
    if charts:
        return _chart(metric, kinds)
    if not kinds:
        lookup.check_name(metric)
    stored, definition = {}, {}
    for each in kinds:
        try:
            found_metric = lookup.metric(metric, each)
        except (NoSuchMetric, UsageError):
            continue
        stored[each], definition[each] = found_metric.name, found_metric.definition
    if stored:
        return Item("metric", metric, stored, definition)
    if (user := lookup.user_metric(metric)) is not None:
        return _as_item(Own(user.name, metric=functions.checked(user)))
    lookup.check_name(metric)
    if kind is not None:
        lookup.metric(metric, kind)
    raise UsageError(f"{metric!r} is a chart, no metric", hint="say that charts are meant: --chart")


def _chart(name: str, kinds: Sequence[str]) -> Item:
    stored = {}
    for kind in kinds:
        try:
            stored[kind] = lookup.chart(name, kind)[0]
        except LedgerError:
            continue
    if not stored:
        known = sorted({chart for kind in KINDS for chart in lookup.bundle(kind).charts})
        near = difflib.get_close_matches(usual(name), known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
        raise NoSuchMetric(f"there is no chart {name!r}", hint=hint)
    return Item("chart", name, stored, {"chart": 1})


def _own(spec: str, name: str | None, folder: str | None) -> Item:
    given = functions.loaded(spec, name, folder)
    return _as_item(Own(given.name, spec, folder, given.definition.get("source_sha256")))


def _as_item(own: Own) -> Item:
    metric = own.load()
    for kind in metric.kinds:
        try:
            taken = lookup.metric(metric.name, kind).name
        except LedgerError:
            continue
        raise UsageError(
            f"ledger has a metric {metric.name!r} itself, for kind {kind}, as {taken}",
            hint="give yours another name: ledger backfill NAME --from MODULE:FUNCTION",
        )
    stored, code = dict.fromkeys(metric.kinds, metric.name), identity.identity(metric.of, metric.definition)
    return Item("own", metric.name, stored, dict(metric.definition), own, code)


def expected(bundle: Bundle, scored: bool) -> list[str]:
    """Return the metrics that an evaluation of a kind writes, but for those that do not always apply."""
    return [
        metric.name
        for metric in bundle.metrics
        if metric.bundled and metric.name not in CONDITIONAL and (scored or metric.needs != "scores")
    ]
