"""Some metrics and charts of a stream, instead of all: the same values, and what is no metric of the kind is said."""

from typing import Any

import numpy as np
import pytest

from ledger.errors import InvalidValue, LedgerError, NoSuchMetric, UsageError
from ledger.evaluate import evaluate, lookup
from ledger.evaluate.calling import taken_in
from ledger.evaluate.kinds import KINDS
from ledger.evaluate.stream import Stream
from ledger.evaluate.user_metrics import UserMetric, UserMetricFailed, made
from ledger.format.values import Undefined

RANDOM = np.random.default_rng(5)
TRUTH = RANDOM.integers(0, 2, 60)
SCORES = RANDOM.random(60)


def stream(*own: UserMetric, truth: Any = TRUTH, **options: Any) -> Stream:
    """Return a stream that has seen all rows."""
    return taken_in("binary", truth, None, SCORES[: len(truth)], None, None, options, list(own))[0]


def test_chosen_are_those_of_the_whole() -> None:
    """Values, definitions and charts of those that are named, under their stored names, in the order named."""
    whole = evaluate(TRUTH, y_score=SCORES, kind="binary", threshold=0.3)
    found = stream(threshold=0.3).chosen(["auroc", "F1", "log_loss"], ["roc_curve", "calibration"])
    assert [name for name, _, _ in found.values] == ["roc_auc", "f1", "log_loss"]
    assert all(value == whole[name] for name, _, value in found.values)
    assert found.definitions == {name: whole.definitions[name] for name in ("roc_auc", "f1", "log_loss")}
    assert list(found.charts) == ["roc", "calibration"]
    for name, chart in found.charts.items():
        assert chart.facts == whole.charts[name].facts
    assert (found.n, found.kind, found.labels) == (whole.n, "binary", whole.labels)


def test_a_chart_that_there_is_not_is_a_notice() -> None:
    """One class has no ROC curve; a metric of it is undefined, with its reason."""
    found = stream(truth=np.ones(5, np.int64)).chosen(["roc_auc"], ["roc"])
    assert found.charts == {}
    assert found.notices[0].startswith("no roc chart: ")
    assert isinstance(found.values[0][2], Undefined)


@pytest.mark.parametrize("name", ["rmse", "roc", "no_such"])
def test_what_is_no_metric_of_the_kind(name: str) -> None:
    """A metric of another kind, a chart and a word are errors that say which."""
    with pytest.raises((NoSuchMetric, UsageError), match=name):
        stream().chosen([name])
    with pytest.raises(LedgerError):
        lookup.metric(name, "binary")


@pytest.mark.parametrize("name", ["rmse", "roc_auc", "no_such", "residuals"])
def test_what_is_no_chart_of_the_kind(name: str) -> None:
    """A chart of another kind, a metric and a word are errors that say which."""
    with pytest.raises((NoSuchMetric, UsageError), match=name):
        stream().chosen([], [name])
    with pytest.raises(LedgerError):
        lookup.chart(name, "binary")


@pytest.mark.parametrize("kind", KINDS)
def test_every_metric_and_chart_is_found_by_its_own_name(kind: str) -> None:
    """A name comes before an alias of another one."""
    for metric in lookup.bundle(kind).metrics:
        assert lookup.metric(metric.name, kind) is metric
    for name, chart in lookup.bundle(kind).charts.items():
        assert lookup.chart(name, kind) == (name, chart)


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_are_what_an_option_is_unless_given(kind: str) -> None:
    """Every option of a kind has one, and giving it changes nothing."""
    usual = lookup.defaults(kind)
    fixed = {"k"}  # of top-k accuracy
    assert set(usual) | fixed >= set(lookup.bundle(kind).options)
    if kind == "binary":
        assert usual["threshold"] == 0.5
        assert (
            evaluate(TRUTH, y_score=SCORES, kind=kind, **usual).values
            == evaluate(TRUTH, y_score=SCORES, kind=kind).values
        )


def ok(y_true: Any, y_score: Any) -> float:
    """Give a number."""
    return float(np.sum(y_score))


def raising(y_true: Any, y_score: Any) -> float:
    """Raise."""
    raise KeyError("x")


def listing(y_true: Any, y_score: Any) -> Any:
    """Return no number."""
    return [1.0]


def nan(y_true: Any, y_score: Any) -> float:
    """Return what is no finite number."""
    return float("nan")


def test_a_users_metric_alone() -> None:
    """Its number; a number that is not finite is undefined; what raises or gives none is an error with the reason."""
    own = [made(each, None, None, None, "labels") for each in (ok, raising, listing, nan)]
    found = stream(*own)
    assert found.of_user("ok") == ok(TRUTH, SCORES)
    undefined = found.of_user("nan")
    assert isinstance(undefined, Undefined)
    with pytest.raises(UserMetricFailed, match="raising raised KeyError"):
        found.of_user("raising")
    with pytest.raises(UserMetricFailed, match="must be a number, not list"):
        found.of_user("listing")


def test_users_metrics_that_are_not_named_do_not_run() -> None:
    """With `own` only those run along; what is registered does not."""
    called = []

    def noisy(y_true: Any, y_pred: Any) -> float:
        called.append(1)
        return 1.0

    lookup.register(noisy)
    try:
        stream().chosen(["f1"])
        assert called == []
    finally:
        lookup.unregister("noisy")


def test_options_are_checked() -> None:
    """A stream of rows is held to the options of its kind."""
    with pytest.raises(UsageError, match="betta"):
        stream(betta=2)
    with pytest.raises(InvalidValue, match="threshold"):
        stream(threshold="high")
