"""Bundles by kind, metrics and charts by name or alias; only the bundle that is asked for is loaded."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from ledger.errors import InvalidValue, NoSuchMetric, UsageError
from ledger.evaluate.inputs import as_threshold
from ledger.evaluate.kinds import KINDS
from ledger.evaluate.registry import Bundle, Chart, Metric
from ledger.evaluate.results import usual
from ledger.evaluate.user_metrics import UserMetric, made

ENTRY_POINTS = "ledger.metrics"

CHART_ALIASES = {
    "roc_curve": "roc",
    "precision_recall": "pr",
    "precision_recall_curve": "pr",
    "pr_curve": "pr",
    "ks_curve": "ks",
    "cumulative_gain": "gain",
    "gain_curve": "gain",
    "lift_curve": "lift",
    "calibration_curve": "calibration",
    "reliability": "calibration",
    "reliability_curve": "calibration",
    "thresholds": "threshold",
    "threshold_curves": "threshold",
    "confusion_matrix": "confusion",
    "classification_report": "report",
    "prediction_distribution": "histogram",
}


def bundle(kind: str) -> Bundle:
    """Return the bundle of a kind; raises InvalidValue where there is no such kind."""
    if kind not in KINDS:
        raise InvalidValue(f"there is no kind {kind!r} of evaluation", hint=f"the kinds are {', '.join(KINDS)}")
    found = import_module(f"ledger.evaluate.{kind}").BUNDLE
    assert isinstance(found, Bundle)
    return found


def check_options(kind: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that are for a kind, without those that are None; raises UsageError for one it has not.

    A threshold is passed over where the kind has none; raises InvalidValue for one that is no number.
    """
    has = bundle(kind).options
    given = {name: value for name, value in options.items() if value is not None}
    if "threshold" in given:
        given["threshold"] = as_threshold(given["threshold"])
        if "threshold" not in has:
            del given["threshold"]
    if wrong := [name for name in given if name not in has]:
        raise UsageError(f"kind {kind} has no option {wrong[0]!r}", hint=f"its options: {', '.join(has) or 'none'}")
    return given


def defaults(kind: str) -> dict[str, Any]:
    """Return the options of a kind with the values that they have unless they are given."""
    parameters = inspect.signature(bundle(kind).states).parameters
    return {name: parameters[name].default for name in bundle(kind).options if name in parameters}


@lru_cache
def _of_kind(kind: str) -> dict[str, Metric]:
    """Return the metrics of a kind by name and by alias; a name comes before an alias."""
    metrics = bundle(kind).metrics
    aliases = {alias: metric for metric in metrics for alias in metric.aliases}
    return aliases | {metric.name: metric for metric in metrics}


def all_metrics() -> list[Metric]:
    """Return the metrics of every bundle, kind by kind."""
    return [metric for kind in KINDS for metric in bundle(kind).metrics]


def find(name: str, kind: str) -> Metric | Chart | UserMetric:
    """Return a metric or chart of a kind by name or alias; raises NoSuchMetric with the nearest names.

    A scikit-learn scorer's `neg_` is passed over: `neg_log_loss` is `log_loss`, not its negative.
    """
    charts = bundle(kind).charts
    for word in _spellings(name):
        if word in _of_kind(kind):
            return _of_kind(kind)[word]
        chart = CHART_ALIASES.get(word, word)
        if chart in charts:
            return charts[chart]
    user = _user_metric(name)
    if user is not None and kind in user.kinds:
        return user
    elsewhere = user.kinds if user is not None else kinds_of(name)
    if elsewhere:
        raise UsageError(
            f"{name!r} is for kind {' or '.join(elsewhere)}, and kind is {kind}", hint=f'say kind="{elsewhere[0]}"'
        )
    raise _no_such(name, [kind])


def metric(name: str, kind: str) -> Metric:
    """Return a metric of a kind, no chart and no user's metric, by name or alias; raises as `find`."""
    for word in _spellings(name):
        if word in _of_kind(kind):
            return _of_kind(kind)[word]
    find(name, kind)
    raise _no_such(name, [kind])


def chart(name: str, kind: str) -> tuple[str, Chart]:
    """Return a chart of a kind by name or alias, with the name it is stored by; raises as `find`."""
    charts = bundle(kind).charts
    stored = CHART_ALIASES.get(usual(name), usual(name))
    if stored in charts:
        return stored, charts[stored]
    find(name, kind)
    raise NoSuchMetric(f"kind {kind} has no chart {name!r}", hint=f"it has {', '.join(charts)}")


def chart_name(name: str, kind: str) -> str:
    """Return the stored name of a chart of a kind, by name or alias; raises NoSuchMetric or UsageError."""
    check_name(name)
    for word in _spellings(name):
        if (chart := CHART_ALIASES.get(word, word)) in bundle(kind).charts:
            return chart
    raise UsageError(f"kind {kind} has no chart {name!r}", hint=f"its charts: {', '.join(bundle(kind).charts)}")


def kinds_of(name: str) -> tuple[str, ...]:
    """Return the kinds that have a metric or chart of that name or alias; none for a name that there is not."""
    found = []
    for kind in KINDS:
        for word in _spellings(name):
            if word in _of_kind(kind) or CHART_ALIASES.get(word, word) in bundle(kind).charts:
                found.append(kind)
                break
    if not found and (user := _user_metric(name)) is not None:
        return user.kinds
    return tuple(found)


def check_name(name: str) -> None:
    """Raise NoSuchMetric, with the nearest names, unless some kind has a metric or chart of that name."""
    if not isinstance(name, str):
        raise UsageError(f"the name of a metric is text, not {name!r}")
    if not kinds_of(name):
        raise _no_such(name, KINDS)


_added: dict[str, UserMetric] = {}


def register(
    metric: Any = None,
    *,
    name: str | None = None,
    kinds: Iterable[str] | str | None = None,
    goal: str | None = None,
    needs: str = "labels",
) -> Any:
    """Add a metric of one's own to `evaluate` and `compute`, under its name; also a decorator. Returns `metric`.

    Args:
        metric: a function `(y_true, y_pred, sample_weight=None) -> float`, given scores in a parameter `y_score`; or
            a class or object with `update_state(y_true, y_pred, sample_weight=None)`, `result()` and `reset_state()`
            or `reset_states()`, as in Keras, or `update`, `compute` and `reset`, as in torchmetrics.
        name: the name to store it under; by default the function's or the class's.
        kinds: which kinds of evaluation it belongs to; all by default.
        goal: "maximize" or "minimize"; by default what its name stands for.
        needs: "scores" if what it calls y_pred are scores.

    The same name again replaces it. Raises UsageError for what is no metric, and for a name that ledger has itself.
    """
    if metric is None:
        return lambda given: register(given, name=name, kinds=kinds, goal=goal, needs=needs)
    found = made(metric, name, kinds, goal, needs)
    for kind in found.kinds:
        if (own := _of_kind(kind).get(found.name)) is not None:
            what = "" if own.name == found.name else f", as {own.name}"
            raise UsageError(f"ledger has a metric {found.name!r} for kind {kind} itself{what}", hint="say name=")
    _added[found.name] = found
    return metric


def unregister(name: str) -> None:
    """Take a user's metric away; nothing happens if there is none."""
    _added.pop(name, None)


def user_metric(name: str) -> UserMetric | None:
    """Return the metric that a user registered under a name, here or in an installed package; None if nobody did."""
    return _user_metric(name)


def registered(kind: str) -> list[UserMetric]:
    """Return the metrics that users added for a kind, in the order they did."""
    return [metric for metric in _added.values() if kind in metric.kinds]


def _user_metric(name: str) -> UserMetric | None:
    """Return a user's metric, for a new name from the entry points of installed packages."""
    if name not in _added:
        points = {point.value: point for point in entry_points(group=ENTRY_POINTS, name=name)}
        if len(points) > 1:
            raise UsageError(
                f"{len(points)} installed packages offer a metric {name!r}: {', '.join(sorted(points))}",
                hint="register the one that is meant: ledger.evaluate.register(function, name=...)",
            )
        for value, point in points.items():
            try:
                metric = point.load()
            except Exception as error:  # what a package's own code raises while it is imported
                raise UsageError(
                    f"the metric {name!r} of an installed package ({value}) cannot be loaded: "
                    f"{type(error).__name__}: {error}"
                ) from error
            register(metric, name=name)
    return _added.get(name) or _added.get(usual(name))


def _spellings(name: str) -> list[str]:
    word = usual(name)
    return [word, word.removeprefix("neg_")]


def _no_such(name: str, kinds: Iterable[str]) -> NoSuchMetric:
    known = {word for kind in kinds for word in (*_of_kind(kind), *bundle(kind).charts)}
    known |= {*CHART_ALIASES, *_added}
    near = difflib.get_close_matches(usual(name), sorted(known), n=3, cutoff=0.6)
    stored = sorted({metric.name for kind in kinds for metric in bundle(kind).metrics})
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(stored)}"
    return NoSuchMetric(f"there is no metric or chart {name!r}", hint=hint)
