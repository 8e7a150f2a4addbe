"""Folding: the files of one run become what readers see, a pure function of the set of files."""

import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import NoSuchRun
from ledger.format import entries as form
from ledger.format import layout
from ledger.format.rows import NO_STEP, Rows
from ledger.record import seal
from ledger.store import blobs, fold, journal
from ledger.store.shared import SharedWriter
from ledger.store.tree import Tree
from ledger.store.writer import Writer, new_header

Make = Callable[..., Rows]
W1, W2, W3 = ("aa" * 6, "bb" * 6, "cc" * 6)


def points(tree: Tree, run: str, which: str = "shown") -> list[tuple[str, int | None, float]]:
    """Return rows as (metric, step, value)."""
    rows, _ = fold.rows(tree, run, which)
    steps = [None if step == NO_STEP else step for step in rows.step.tolist()]
    names = [rows.keys[key][0] for key in rows.key]
    return list(zip(names, steps, rows.value.tolist(), strict=True))


def test_what_the_open_entry_says(tree: Tree, run: str, author: Any) -> None:
    """Name, group, parent, params, tags, seed, note, git and program are the run's, until something changes them."""
    author.open(
        7, group="g", parent="p", params={"lr": 0.5, "nan": float("nan")}, tags=["b", "a"], seed=3, note="n",
        git={"commit": "0" * 40}, program={"argv": ["x"]},
    )  # fmt: skip
    state = fold.fold(tree, run)
    assert (state.name, state.group, state.parent, state.seed, state.note) == ("baseline", "g", "p", 3, "n")
    assert (state.tags, state.created, state.finished, state.status) == (["a", "b"], 7, None, "open")
    assert repr(state.params) == "{'lr': 0.5, 'nan': nan}"
    assert (state.git, state.program, state.author) == ({"commit": "0" * 40}, {"argv": ["x"]}, "Ada")
    assert (state.metrics, state.charts, state.attempts, state.notices) == ({}, [], 1, [])


def test_the_latest_annotation_of_a_key_counts(tree: Tree, run: str, author: Any) -> None:
    """Later ones replace earlier ones key by key; tags are added and taken off."""
    author.open(1, tags=["old"], params={"opt": {"name": "sgd", "lr": 1}})
    author.say(2, ("set", "name", "x"), ("add", "star", None), ("remove", "old", None), ("set", "params.opt.lr", 2))
    author.say(3, ("set", "name", "y"), ("set", "note", "why"), ("set", "params.new.deep", [1]), ("set", "group", "g"))
    state = fold.fold(tree, run)
    assert (state.name, state.note, state.group, state.tags) == ("y", "why", "g", ["star"])
    assert state.params == {"opt": {"name": "sgd", "lr": 2}, "new": {"deep": [1]}}
    assert state.conflicts == []


def test_params_are_set_in_the_order_they_were_said(tree: Tree, run: str, author: Any) -> None:
    """A param may become a group and the other way round; what was said last is what it is."""
    author.open(1)
    author.say(2, ("set", "params.a.b", 1))
    author.say(3, ("set", "params.a", 5))
    assert fold.fold(tree, run).params == {"a": 5}
    author.say(4, ("set", "params.a.b", 2))
    assert fold.fold(tree, run).params == {"a": {"b": 2}}


def test_branches_that_say_different_things_at_once_are_told(tree: Tree, run: str, author: Any) -> None:
    """Neither knew of the other: the newest counts, and the conflict is said until somebody who saw both decides."""
    first = author.open(1)
    author.say(2, ("set", "note", "left"), ("set", "params.lr", 1), after=[first])
    author.say(3, ("set", "note", "right"), ("set", "params.lr", 1), after=[first])
    state = fold.fold(tree, run)
    assert state.note == "right"
    assert state.conflicts == ["note was set at once to 'left' and to 'right', which counts"]
    author.say(4, ("set", "note", "both"))
    assert fold.fold(tree, run).conflicts == []
    assert fold.fold(tree, run).note == "both"


def test_one_call_is_no_conflict(tree: Tree, run: str, author: Any) -> None:
    """A tag put on and taken off in one breath is off."""
    author.open(1)
    author.say(2, ("add", "s", None), ("remove", "s", None))
    state = fold.fold(tree, run)
    assert (state.tags, state.conflicts) == ([], [])


@pytest.mark.parametrize(
    ("closes", "status"),
    [
        ([(2, "finished", False)], "finished"),
        ([(2, "failed", False), (3, "interrupted", True)], "failed"),
        ([(2, "interrupted", True), (3, "finished", False)], "finished"),
        ([(2, "finished", False), (3, "failed", False)], "failed"),
        ([(2, "interrupted", True)], "interrupted"),
    ],
)
def test_the_owner_says_how_a_run_ended(
    tree: Tree, run: str, author: Any, closes: list[tuple[int, str, bool]], status: str
) -> None:
    """The newest close of the owner counts; a sealer's `interrupted` ranks below it."""
    author.open(1)
    for time, word, sealer in closes:
        author.write("close", time, status=word, sealer=sealer)
    assert fold.fold(tree, run).status == status
    assert fold.is_closed(tree, run)


def test_a_resume_opens_a_run_again(tree: Tree, run: str, author: Any) -> None:
    """What was closed before the newest resume is open; a close after it counts; a retracted one does not."""
    author.open(1)
    author.write("close", 2, status="failed")
    author.write("resume", 3, attempt=2)
    assert (fold.fold(tree, run).status, fold.is_closed(tree, run)) == ("open", False)
    closed = author.write("close", 4, status="finished")
    state = fold.fold(tree, run)
    assert (state.status, state.finished, state.attempts) == ("finished", 4, 2)
    author.write("retract", 5, target=closed)
    assert fold.fold(tree, run).status == "open"


def test_a_resume_replaces_rows(tree: Tree, run: str, author: Any, rows: Make) -> None:
    """From its first step of each metric on; earlier steps, other metrics and null steps stay; late rows by time."""
    author.open(1)
    author.rows(rows(W1, [*(("x", i, i / 8, 10 + i) for i in range(5)), ("y", 3, 1.0, 20), ("x", None, 9.0, 21)]), 30)
    author.write("resume", 40, attempt=2)
    author.rows(rows(W2, [("x", 3, 33.0, 41), ("x", 4, 44.0, 42)], attempt=2), 50)
    author.rows(rows(W3, [("x", 4, 0.25, 60), ("x", 2, 0.5, 60)], attempt=0), 60, late=True)
    assert points(tree, run) == [
        ("x", 0, 0.0), ("x", 1, 0.125), ("x", 2, 0.5), ("x", 3, 33.0), ("x", 4, 0.25), ("x", None, 9.0), ("y", 3, 1.0),
    ]  # fmt: skip
    assert ("x", 4, 0.5) not in points(tree, run, "valid")
    assert ("x", 4, 44.0) in points(tree, run, "valid")
    assert len(points(tree, run, "stored")) == 11


def test_a_resume_at_a_step_cuts_all_metrics_there(tree: Tree, run: str, author: Any, rows: Make) -> None:
    """`resume` with a step replaces from that step on, also what the new attempt never logs."""
    author.open(1)
    author.rows(rows(W1, [("x", i, i / 8, 10 + i) for i in range(5)]), 30)
    author.write("resume", 40, attempt=2, step=2)
    assert points(tree, run) == [("x", 0, 0.0), ("x", 1, 0.125)]
    assert len(points(tree, run, "stored")) == 5


def test_rows_added_late_before_a_resume_are_replaced(tree: Tree, run: str, author: Any, rows: Make) -> None:
    """Late rows stay if they came after the attempt began, and are replaced like others if they came before."""
    author.open(1)
    author.rows(rows(W1, [("x", 1, 1.0, 10), ("x", 2, 2.0, 11)]), 12)
    author.rows(rows(W2, [("x", 2, 2.5, 20)], attempt=0), 20, late=True)
    author.write("resume", 30, attempt=2, step=2)
    assert points(tree, run) == [("x", 1, 1.0)]
    author.rows(rows(W3, [("x", 2, 2.75, 40)], attempt=0), 40, late=True)
    assert points(tree, run) == [("x", 1, 1.0), ("x", 2, 2.75)]


def test_a_retracted_entry_takes_its_rows_and_charts_away(tree: Tree, run: str, author: Any, rows: Make) -> None:
    """What a retracted entry brought is in no view; retracting the retraction brings it back."""
    author.open(1)
    author.rows(rows(W1, [("x", 1, 1.0, 10)]), 12)
    chart = form.ChartRef("roc", blobs.put(tree, b"P", "png"), "png", "image/png", 1, 20, W2, 1, 0)
    wrong = author.rows(rows(W2, [("x", 1, 9.0, 20)]), 21, charts=[chart], late=True, reason="oops")
    assert points(tree, run) == [("x", 1, 9.0)]
    out = author.write("retract", 30, target=wrong)
    state = fold.fold(tree, run)
    assert points(tree, run, "stored") == [("x", 1, 1.0)]
    assert (state.charts, state.retracted) == ([], False)
    assert [(note.kind, note.retracted, note.late, note.reason) for note in state.entries][2] == (
        "rows", True, True, "oops",
    )  # fmt: skip
    author.write("retract", 40, target=out)
    assert points(tree, run) == [("x", 1, 9.0)]
    assert [chart.name for chart in fold.fold(tree, run).charts] == ["roc"]


def test_the_newest_chart_of_a_step_is_shown(tree: Tree, run: str, author: Any) -> None:
    """One a name, context and step; a resumed attempt replaces charts as it replaces rows."""

    def chart(name: str, step: int | None, time: int, attempt: int = 1, seq: int = 0) -> form.ChartRef:
        blob = blobs.put(tree, f"{name}{step}{time}".encode(), "png")
        return form.ChartRef(name, blob, "png", "image/png", 1, time, W1, seq or time, attempt, step)

    author.open(1)
    author.rows(
        None, 20, charts=[chart("roc", 1, 10), chart("roc", 1, 11), chart("roc", 2, 12), chart("roc", None, 13)]
    )
    assert [(c.step, c.time) for c in fold.fold(tree, run).charts] == [(1, 11), (2, 12), (None, 13)]
    author.write("resume", 30, attempt=2)
    author.rows(None, 50, charts=[chart("roc", 2, 40, attempt=2), chart("other", 0, 41, attempt=2)])
    assert [(c.name, c.step, c.time) for c in fold.fold(tree, run).charts] == [
        ("other", 0, 41), ("roc", 1, 11), ("roc", 2, 40), ("roc", None, 13),
    ]  # fmt: skip


def test_charts_beyond_the_limit_of_an_entry_are_in_a_blob(tree: Tree, run: str, author: Any) -> None:
    """An entry stays readable with thousands of charts; all of them are shown."""
    charts = [
        form.ChartRef(f"c{i:03d}", "0" * 64, "png", "image/png", 1, 10 + i, W1, i, 1)
        for i in range(form.CHARTS_MAX + 7)
    ]
    author.open(1)
    author.rows(None, 20, charts=charts[::-1])
    assert [chart.name for chart in fold.fold(tree, run).charts] == [chart.name for chart in charts]


def test_rows_in_flight_are_seen(tree: Tree, run: str, author: Any, rows: Make) -> None:
    """What the journals hold counts with what is sealed, a row that is in both once; reasons and charts too."""
    author.open(1)
    author.rows(rows(W1, [("x", 1, 1.0, 10)]), 12)
    with SharedWriter(tree, run, 1, since=50) as shared:
        shared.rows(2, None, {"x": 2.0, "z": "one class only"})
        shared.chart({"name": "roc", "blob": "0" * 64, "extension": "png", "media_type": "image/png", "bytes": 1})
    state = fold.fold(tree, run)
    assert (state.metrics["x"].count, state.metrics["x"].last) == (2, 2.0)
    assert state.metrics["z"].undefined == "one class only"
    assert [chart.name for chart in state.charts] == ["roc"]
    assert fold.status_of(tree, state) == "open"


def test_a_run_that_is_only_a_journal(tree: Tree, run: str) -> None:
    """A process killed between its journal and its `open` entry leaves a run that reads like any other."""
    encoded = form.encode(form.Open(**form.header("open", run, 7, "Ada", []), name="baseline", tags=["cv"]))
    writer = Writer(tree, new_header(run, 1, owner=True, opened=encoded), since=7)
    writer.rows(1, None, {"x": 1.0})
    state = fold.fold(tree, run)
    assert (state.name, state.tags, state.created, state.metrics["x"].last) == ("baseline", ["cv"], 7, 1.0)
    assert fold.status_of(tree, state) == "running"
    writer.close()
    assert fold.status_of(tree, state) == "interrupted"


def test_a_ledger_that_is_copied_in_part_says_so(tree: Tree, run: str, author: Any) -> None:
    """Without its `open` entry a run is named by its id; what others followed and is not here is counted."""
    author.open(1)
    author.say(2, ("add", "star", None))
    author.say(3, ("add", "moon", None))
    folder = Path(tree.path(layout.run_folder(run)))
    (opened,) = folder.glob("*-open-*")
    opened.unlink()
    state = fold.fold(tree, run)
    assert (state.name, state.tags, state.created) == ("baseline", ["moon", "star"], 2)
    assert state.notices == [
        "its open entry is not here: the ledger is copied in part",
        "history is incomplete: it lacks 1 entry that others followed",
    ]


def test_an_absent_segment_is_said_and_the_rest_is_shown(tree: Tree, run: str, author: Any, rows: Make) -> None:
    """Where a ledger is copied in part, an older value may be shown, and it is said; all is well once it is whole."""
    author.open(1)
    author.rows(rows(W1, [("x", None, 1.0, 10)]), 12)
    old = set(Path(tree.path(layout.run_folder(run))).glob("*.parquet"))
    author.rows(rows(W2, [("x", None, 2.0, 20)]), 22)
    (segment,) = set(Path(tree.path(layout.run_folder(run))).glob("*.parquet")) - old
    data = segment.read_bytes()
    segment.unlink()
    state = fold.fold(tree, run)
    assert state.metrics["x"].last == 1.0
    (notice,) = state.notices
    assert notice.startswith("the ledger is copied in part: it lacks 1 row of ")
    segment.write_bytes(data)
    state = fold.fold(tree, run)
    assert (state.metrics["x"].last, state.notices) == (2.0, [])


def test_rows_that_are_sealed_meanwhile_are_seen(
    tree: Tree, run: str, author: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sealer may take a journal between our list and our look: its rows are then in the files that came instead."""
    author.open(1)
    with SharedWriter(tree, run, 1, since=50) as shared:
        shared.rows(2, None, {"x": 2.0})
    real, looks = journal.load, []

    def load(*given: Any) -> journal.Loaded | None:
        looks.append(given)
        if len(looks) == 1:
            seal.finish(tree, run, "Ada", None)
        return real(*given)

    monkeypatch.setattr(journal, "load", load)
    state = fold.fold(tree, run)
    assert (state.metrics["x"].last, state.status, len(looks) > 1) == (2.0, "interrupted", True)


def test_a_look_that_misses_a_listed_file_starts_over(
    tree: Tree, run: str, author: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout may take a file away between our list and our look: what is there afterwards counts."""
    author.open(1)
    author.say(2, ("add", "gone", None))
    (gone,) = Path(tree.path(layout.run_folder(run))).glob("*-annotate-*")
    real, lists = Tree.names, []

    def names(self: Tree, folder: str) -> list[str]:
        found = real(self, folder)
        lists.append(folder)
        if folder == layout.run_folder(run):
            gone.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Tree, "names", names)
    assert fold.fold(tree, run).tags == []
    assert lists.count(layout.run_folder(run)) > 1


def test_an_unknown_run_is_none(tree: Tree, run: str) -> None:
    """No entry and no journal: there is no such run, also where git left an empty folder."""
    with pytest.raises(NoSuchRun):
        fold.fold(tree, run)
    os.makedirs(tree.path(layout.run_folder(run)))
    with pytest.raises(NoSuchRun):
        fold.fold(tree, run)


def test_the_order_in_which_files_arrive_does_not_matter(
    tree: Tree, run: str, author: Any, rows: Make, workdir: Path
) -> None:
    """The same set of files, copied in any order, folds into the same state."""
    first = author.open(1, params={"a": 1})
    author.rows(rows(W1, [("x", 1, 1.0, 10), ("x", 2, float("nan"), 11)]), 20, after=[first])
    author.rows(rows(W2, [("x", 1, 3.0, 10)]), 20, after=[first])
    author.say(20, ("set", "note", "l"), ("set", "params.a.b", 2), after=[first])
    author.say(20, ("set", "note", "r"), ("set", "params.a", 3), after=[first])
    author.write("close", 20, after=[first], status="failed")
    author.write("close", 20, after=[first], status="finished")
    expected = repr(fold.fold(tree, run))
    names = tree.names(layout.run_folder(run))
    for i, order in enumerate(itertools.islice(itertools.permutations(names), 0, 5000, 997)):
        other = Tree(str(workdir / f"copy{i}"))
        folder = Path(other.path(layout.run_folder(run)))
        folder.mkdir(parents=True)
        for name in order:
            shutil.copy(Path(tree.path(layout.run_folder(run)), name), folder / name)
        assert repr(fold.fold(other, run)) == expected


def test_the_greatest_steps_leave_out_null_steps(tree: Tree, run: str, author: Any, rows: Make) -> None:
    """A value of the run as a whole does not hide where a series stands."""
    author.open(1)
    author.rows(rows(W1, [("x", 4, 1.0, 10), ("x", 7, 2.0, 11), ("x", None, 3.0, 12), ("y", None, 1.0, 13)]), 20)
    assert fold.greatest_steps(tree, run) == {"x": 7}


def test_a_param_that_is_set_within_another_changes_no_entry() -> None:
    """Params are set in place, in a copy: neither what the open entry says nor an earlier operation is altered."""
    opened, value = {"a": {"x": 1}, "b": 2}, {"y": 1}
    params = fold.copied(opened)
    for path, new in (("a.z", 3), ("b.c.d", 4), ("a.v", value), ("a.v.w", 5), ("e", [1])):
        fold._set_param(params, path, new)
    assert params == {"a": {"x": 1, "z": 3, "v": {"y": 1, "w": 5}}, "b": {"c": {"d": 4}}, "e": [1]}
    assert (opened, value) == ({"a": {"x": 1}, "b": 2}, {"y": 1})
