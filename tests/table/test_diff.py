"""Differences between two runs: what is listed, what is left out, and when anything counts as changed."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import NoSuchMetric
from ledger.schema import Metric, Schema
from ledger.store.state import Chart, RunState, Summary
from ledger.table.diff import diff_runs

NAN, INF = math.nan, math.inf
PLAIN = Schema()
SCHEMA = Schema(metrics=(Metric(glob="val/auc", goal="maximize", tolerance=0.01, alias=("val_auc",)),))


def summary(last: float | None, undefined: str | None = None) -> Summary:
    """A metric whose last value is as given."""
    return Summary(3, 0, 0.1, 0, last, 2, -1.0, 1, 2.0, 0, 0.5, undefined)


def chart(name: str, blob: str, step: int | None = None) -> Chart:
    """A picture."""
    return Chart(name, None, step, blob * 64, "png", "image/png", 10, None, 0)


def run(name: str = "a", metrics: dict[str, Any] | None = None, **changes: Any) -> RunState:
    """A finished run whose metrics are last values or summaries."""
    folded = {key: v if isinstance(v, Summary) else summary(v) for key, v in (metrics or {}).items()}
    base: dict[str, Any] = {
        "id": name.upper(), "name": name, "status": "finished", "created": 0, "finished": 1, "author": "ada",
        "group": None, "parent": None, "seed": None, "note": None, "tags": [], "params": {}, "git": None, "program": {},
        "metrics": folded, "charts": [], "predictions": [], "entries": [],
    }  # fmt: skip
    return RunState(**(base | changes))


def test_json_is_exactly_as_documented() -> None:
    """Every part is there; absent sides are left out, undefined ones are null with a reason."""
    a = run(
        "a", {"val/auc": 0.5, "gone": 1.0, "u": summary(None, "one class")},
        params={"lr": 0.1, "opt": {"name": "sgd"}, "same": [1], "off": None},
        charts=[chart("gone", "1"), chart("roc", "1"), chart("pr", "1")],
        program={"versions": {"torch": "2.0", "numpy": "1"}}, git={"commit": "aa"},
    )  # fmt: skip
    b = run(
        "b", {"val_auc": 0.75, "new": 2.0, "u": 3.0},
        params={"lr": 0.1, "opt": {"name": "adam", "beta": 0.9}, "same": [1]},
        charts=[chart("roc", "2"), chart("pr", "1", step=4), chart("new", "3")],
        program={"versions": {"torch": "2.1", "numpy": "1", "jax": "9"}}, git={"commit": "bb"},
    )  # fmt: skip
    result = diff_runs(a, b, SCHEMA)
    assert result.changed
    assert result.to_json() == {
        "schema": "ledger.diff/1",
        "a": {"id": "A", "name": "a"},
        "b": {"id": "B", "name": "b"},
        "params": {"off": {"old": None}, "opt.beta": {"new": 0.9}, "opt.name": {"old": "sgd", "new": "adam"}},
        "metrics": {
            "gone": {"old": 1.0, "verdict": "unknown"},
            "new": {"new": 2.0, "verdict": "unknown"},
            "u": {"old": None, "old_undefined": "one class", "new": 3.0, "verdict": "unknown"},
            "val/auc": {"old": 0.5, "new": 0.75, "diff": 0.25, "verdict": "better"},
        },
        "charts": {"added": ["new"], "removed": ["gone"], "changed": ["roc"], "same": ["pr"]},
        "versions": {"jax": {"new": "9"}, "torch": {"old": "2.0", "new": "2.1"}},
        "code": {"old": "aa", "new": "bb"},
    }


def test_equal_runs_have_not_changed() -> None:
    """Equal content differs in nothing, NaN and undefined included; `code` is left out."""
    same: dict[str, Any] = {
        "metrics": {"val/auc": NAN, "u": summary(None, "r"), "z": 0.0}, "params": {"x": NAN, "l": [1, {"a": NAN}]},
        "git": {"commit": "aa"}, "program": {"versions": {"torch": "2"}}, "charts": [chart("roc", "1")],
    }  # fmt: skip
    result = diff_runs(run("a", **same), run("b", **same), PLAIN)
    assert not result.changed
    assert result.to_json()["params"] == {}
    assert "code" not in result.to_json()
    assert "diff" not in result.to_json()["metrics"]["val/auc"]
    assert result.to_json()["metrics"]["z"] == {"old": 0.0, "new": 0.0, "diff": 0.0, "verdict": "same"}


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": {"x": 2.0}}, {"metrics": {}}, {"metrics": {"x": NAN}}, {"metrics": {"x": summary(None, "r")}},
        {"params": {"p": 1.0}}, {"params": {"p": True}}, {"params": {}}, {"params": {"p": 1, "q": None}},
        {"charts": []}, {"charts": [chart("roc", "2")]}, {"charts": [chart("roc", "1"), chart("pr", "1")]},
        {"program": {"versions": {"torch": "3"}}}, {"program": {}}, {"git": {"commit": "bb"}}, {"git": None},
    ],
)  # fmt: skip
def test_each_difference_counts(changes: dict[str, Any]) -> None:
    """Any one difference is a change, in both directions."""
    base: dict[str, Any] = {
        "metrics": {"x": 1.0}, "params": {"p": 1}, "charts": [chart("roc", "1")],
        "program": {"versions": {"torch": "2"}}, "git": {"commit": "aa"},
    }  # fmt: skip
    a, b = run("a", **base), run("b", **(base | changes))
    assert diff_runs(a, b, PLAIN).changed
    assert diff_runs(b, a, PLAIN).changed
    assert not diff_runs(a, run("b", **base), PLAIN).changed


@pytest.mark.parametrize(
    ("old", "new", "diff", "verdict"),
    [
        (0.5, 0.505, 0.005, "same"), (0.5, 0.25, -0.25, "worse"), (NAN, 0.5, None, "unknown"), (INF, INF, None, "same"),
        (0.5, INF, INF, "better"), (0.5, -INF, -INF, "worse"), (-0.0, 0.0, 0.0, "same"),
    ],
)  # fmt: skip
def test_metric_arithmetic(old: float, new: float, diff: float | None, verdict: str) -> None:
    """The difference is new - old, left out where that is no number; the verdict is the schema's."""
    change = diff_runs(run("a", {"val/auc": old}), run("b", {"val/auc": new}), SCHEMA).metrics["val/auc"]
    assert change.diff == (None if diff is None else pytest.approx(diff))
    assert change.verdict == verdict


def test_a_difference_within_the_tolerance_is_still_one() -> None:
    """`changed` says whether anything differs, not whether it matters; -0.0 is 0.0."""
    assert diff_runs(run("a", {"val/auc": 0.5}), run("b", {"val/auc": 0.505}), SCHEMA).changed
    assert not diff_runs(run("a", {"val/auc": 0.0}), run("b", {"val/auc": -0.0}), SCHEMA).changed


def test_chosen_metrics() -> None:
    """Globs choose among the metrics of either run; one that fits nothing is an error."""
    a, b = run("a", {"val/auc": 1.0, "loss": 1.0}), run("b", {"val/f1": 1.0, "loss": 2.0})
    assert list(diff_runs(a, b, PLAIN, metrics=["val/*"]).metrics) == ["val/auc", "val/f1"]
    assert diff_runs(a, b, PLAIN, metrics=["loss"]).metrics["loss"].old == 1.0
    with pytest.raises(NoSuchMetric, match="val/auc"):
        diff_runs(a, b, PLAIN, metrics=["val/acu"])


def test_odd_programs_and_order() -> None:
    """A program without versions is no fault; names are in natural order."""
    a = run("a", params={"p10": 1, "p9": 1}, program={"versions": "?"})
    result = diff_runs(a, run("b", program={}), PLAIN)
    assert list(result.params) == ["p9", "p10"]
    assert result.versions == {}


json_values = st.one_of(st.integers(-2, 2), st.floats(), st.booleans(), st.none(), st.text("ab", max_size=1))
params = st.dictionaries(st.sampled_from(["a", "b", "c.d"]), json_values)


@given(params, params)
def test_diff_is_symmetric(left: dict[str, Any], right: dict[str, Any]) -> None:
    """Turned round, old and new change places and nothing else; a run never differs from itself."""
    a, b = run("a", params=left), run("b", params=right)
    there, back = diff_runs(a, b, PLAIN).params, diff_runs(b, a, PLAIN).params
    swap = {"old": "new", "new": "old"}
    turned = {name: {swap[side]: v for side, v in change.to_json().items()} for name, change in back.items()}
    assert repr({n: dict(sorted(c.to_json().items())) for n, c in there.items()}) == repr(
        {n: dict(sorted(c.items())) for n, c in turned.items()}
    )
    assert not diff_runs(a, a, PLAIN).changed
