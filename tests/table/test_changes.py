"""What became of the runs of a ledger from one state of it to another."""

import math
from typing import Any

import pytest

from ledger.schema import Metric, Schema
from ledger.store.state import Chart, EntryNote, RunState, Summary
from ledger.table.changes import LedgerDiff, Side, changes, diff_ledgers

A, B = Side("main", "a" * 40), Side(None, None)
SCHEMA = Schema(metrics=(Metric(glob="val/auc", goal="maximize", tolerance=0.01, alias=("val_auc",)),))


def summary(last: float | None, undefined: str | None = None, **changes: Any) -> Summary:
    """A metric whose last value is as given."""
    known: dict[str, Any] = {
        "count": 3, "nan": 0, "first": 0.1, "first_step": 0, "last": last, "last_step": 2, "min": 0.0, "min_step": 1,
        "max": 1.0, "max_step": 0, "mean": 0.5, "undefined": undefined,
    }  # fmt: skip
    return Summary(**(known | changes))


def run(name: str = "a", metrics: dict[str, Any] | None = None, **more: Any) -> RunState:
    """A finished run whose metrics are last values or summaries; its id is its name in capitals."""
    folded = {key: v if isinstance(v, Summary) else summary(v) for key, v in (metrics or {}).items()}
    base: dict[str, Any] = {
        "id": name.upper(), "name": name, "status": "finished", "created": 0, "finished": 1, "author": "ada",
        "group": None, "parent": None, "seed": None, "note": None, "tags": [], "params": {}, "git": None, "program": {},
        "metrics": folded, "charts": [], "predictions": [], "entries": [],
    }  # fmt: skip
    return RunState(**(base | more))


def chart(name: str, blob: str) -> Chart:
    """A picture."""
    return Chart(name, None, None, blob * 64, "png", "image/png", 10, None, 0)


def entry(id: str, kind: str = "rows", **more: Any) -> EntryNote:
    """An entry of Ada's."""
    return EntryNote(**({"id": id, "kind": kind, "time": 0, "author": "Ada", "retracted": False} | more))


def diff(*pairs: tuple[RunState | None, RunState | None], metrics: tuple[str, ...] = ()) -> LedgerDiff:
    """The difference of two ledgers that have these runs."""
    return diff_ledgers(A, B, changes(pairs), SCHEMA, metrics=metrics)


PRESENT, REMOVED = run(), run(retracted=True)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (None, PRESENT, "added"), (REMOVED, PRESENT, "added"), (PRESENT, None, "removed"),
        (PRESENT, REMOVED, "removed"), (PRESENT, PRESENT, "changed"), (None, REMOVED, None), (REMOVED, None, None),
        (REMOVED, REMOVED, None), (None, None, None),
    ],
)  # fmt: skip
def test_added_removed_changed(old: RunState | None, new: RunState | None, kind: str | None) -> None:
    """A run that is out of view is as good as absent, on either side."""
    found = changes([(old, new)])
    assert {name: len(runs) for name, runs in found._asdict().items() if runs} == ({kind: 1} if kind else {})


def test_a_run_that_only_looks_touched_is_left_out() -> None:
    """Other files and the same answers are no change: a run that was sealed again, or annotated with what it has."""
    same = run(metrics={"x": math.nan, "u": summary(None, "one class")}, entries=[entry("1")])
    found = diff((same, run(metrics=dict(same.metrics), entries=[entry("1"), entry("2")])))
    assert (found.changed, found.runs) == (False, [])
    assert found.to_json()["runs"] == {"added": [], "removed": [], "changed": []}


def test_each_kind_of_change_is_listed() -> None:
    """Fields, tags, params, charts and entries each have their place; what did not change is left out."""
    old = run(
        metrics={"x": 1.0}, tags=["a", "b"], params={"o": {"lr": 0.1}}, charts=[chart("roc", "1"), chart("pr", "1")],
        entries=[entry("1", "open")],
    )  # fmt: skip
    new = run(
        metrics={"x": 1.0}, tags=["b", "c"], params={"o": {"lr": 0.2}, "n": 1}, note="mind", status="failed",
        charts=[chart("roc", "2"), chart("pr", "1"), chart("map", "1")],
        entries=[entry("1", "open"), entry("2", late=True, reason="labels came late"), entry("3", "annotate")],
    )  # fmt: skip
    [changed] = diff((old, new)).to_json()["runs"]["changed"]
    head = {"time": "1970-01-01T00:00:00.000000Z", "author": "Ada"}
    assert changed == {
        "run": "A",
        "name": "a",
        "metrics": {},
        "params": {"o.lr": {"old": 0.1, "new": 0.2}, "n": {"new": 1}},
        "charts": {"added": ["map"], "changed": ["roc"]},
        "tags": {"added": ["c"], "removed": ["a"]},
        "fields": {"status": {"old": "finished", "new": "failed"}, "note": {"new": "mind"}},
        "entries": [
            {"id": "2", "kind": "rows", **head, "late": True, "reason": "labels came late"},
            {"id": "3", "kind": "annotate", **head},
        ],
    }


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (0.5, 0.6, {"old": 0.5, "new": 0.6, "verdict": "better"}),
        (0.6, 0.5, {"old": 0.6, "new": 0.5, "verdict": "worse"}),
        (0.5, 0.505, {"old": 0.5, "new": 0.505, "verdict": "same"}),
        (0.5, math.nan, {"old": 0.5, "verdict": "unknown"}),
        (None, 0.5, {"new": 0.5, "verdict": "unknown"}),
        (0.5, None, {"old": 0.5, "verdict": "unknown"}),
        (summary(None, "one class"), 0.5, {"old": None, "old_undefined": "one class", "new": 0.5}),
    ],
)
def test_the_word_of_a_cell(old: Any, new: Any, expected: dict[str, Any]) -> None:
    """By the goal and the tolerance that the newer schema declares; what cannot be compared is unknown."""
    sides = [run(metrics={} if value is None else {"val/auc": value}) for value in (old, new)]
    [change] = diff((sides[0], sides[1])).runs
    cell = change.to_json()["metrics"]["val/auc"]
    assert expected.items() <= cell.items()
    assert change.verdicts() == {cell["verdict"]: 1}
    assert ("new" in cell) == (new is not None)


def test_a_metric_that_changed_under_its_last_value() -> None:
    """More values, or another minimum, are a change of the cell: its word is same, and the counts say so."""
    old = run(metrics={"x": 0.5, "y": 1.0})
    [change] = diff((old, run(metrics={"x": summary(0.5, count=4), "y": 1.0}))).runs
    cell = {"old": 0.5, "new": 0.5, "diff": 0.0, "verdict": "same", "count": {"old": 3, "new": 4}}
    assert change.to_json()["metrics"] == {"x": cell}
    [change] = diff((old, run(metrics={"x": summary(0.5, min=-1.0), "y": 1.0}))).runs
    assert list(change.diff.metrics) == ["x"]


def test_an_alias_is_its_metric() -> None:
    """A metric that is called by an alias on one side is one cell, not one gone and one new."""
    [change] = diff((run(metrics={"val_auc": 0.5}), run(metrics={"val/auc": 0.7}))).runs
    assert {key: cell.verdict for key, cell in change.diff.metrics.items()} == {"val/auc": "better"}


def test_only_some_metrics() -> None:
    """With globs, runs that have no such metric are left out, and so are changes of anything else."""
    pairs = [
        (None, run("new", {"val/auc": 1.0})), (None, run("other", {"loss": 1.0})), (run("gone", {"val/f1": 1.0}), None),
        (run("a", {"val/auc": 0.5, "loss": 1.0}), run("a", {"val/auc": 0.7, "loss": 2.0})),
        (run("b", {"val/auc": 0.5, "loss": 1.0}), run("b", {"val/auc": 0.5, "loss": 2.0}, tags=["x"])),
        (run("c", {"loss": 1.0}), run("c", {"loss": 2.0})),
    ]  # fmt: skip
    found = diff(*pairs, metrics=("val/*",))
    assert ([state.name for state in found.added], [state.name for state in found.removed]) == (["new"], ["gone"])
    assert {c.run.name: list(c.diff.metrics) for c in found.runs} == {"a": ["val/auc"]}
    assert diff(*pairs, metrics=("nothing/*",)).changed is False


def test_the_document() -> None:
    """Added and removed runs have their last values, undefined ones left out; a side is a revision or the work tree."""
    new = run("new", {"x": math.nan, "u": summary(None, "one class"), "a": 1.0}, status="failed")
    document = diff((None, new)).to_json()
    assert (document["schema"], document["a"], document["b"]) == (
        "ledger.diff/1", {"rev": "main", "commit": "a" * 40}, {"worktree": True}
    )  # fmt: skip
    [added] = document["runs"]["added"]
    assert (added["id"], added["name"], added["status"], list(added["metrics"])) == ("NEW", "new", "failed", ["a", "x"])


@pytest.mark.parametrize(
    ("side", "label"),
    [
        (Side(None, None), "the work tree"),
        (Side("main", "0123456789ab" + "0" * 28), "main (01234567)"),
        (Side("0123456789ab", "0123456789ab" + "0" * 28), "0123456789ab"),
    ],
)
def test_what_a_side_is_called(side: Side, label: str) -> None:
    """Its name and commit; a commit that is called by its own digits has them once."""
    assert side.label == label
