"""Every value that a cell had: where each came from, which one is shown, and why the others are not."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ledger
from ledger.errors import NoSuchMetric, NoSuchRun, UsageError
from ledger.format.ids import rfc3339
from ledger.record import annotations
from ledger.store import entries
from ledger.table.history import CellHistory
from tests.conftest import git, run_cli

pytestmark = pytest.mark.usefixtures("workdir")


def cell(*words: str, **options: Any) -> CellHistory:
    """Ask the ledger here for the history of a cell."""
    found = ledger.open().history(*words, **options)
    assert isinstance(found, CellHistory)
    return found


def told(found: CellHistory) -> list[tuple[Any, ...]]:
    """Return (value, step, why it is not shown or "shown") of each value."""
    return [(v.value, v.step, v.not_shown.why if v.not_shown else "shown") for v in found.values]


def newest_rows() -> str:
    """Return the newest entry of the run `a` that brought rows."""
    state = ledger.open().state("a")
    return [note.id for note in state.entries if note.kind == "rows"][-1]


def retract(entry: str, reason: str | None = None) -> str:
    """Take an entry of the run `a` out of view; return the id of the entry that says so."""
    led = ledger.open()
    return annotations.retract(led.tree, led.resolve("a"), "Bob", reason, target=entry)


def test_a_late_correction() -> None:
    """Both values are there in order of time, with author, entry and reason; the first says what superseded it."""
    run_cli("log", "--run", "a", "test/auc=0.93", env={"LEDGER_AUTHOR": "Ada"})
    run_cli("log", "--run", "a", "test/auc=0.88", "-m", "leak", env={"LEDGER_AUTHOR": "Bob"})
    found = cell("a", "test/auc")
    old, new = found.values
    assert (old.value, old.author, old.reason, old.late) == (0.93, "Ada", None, False)
    assert (new.value, new.author, new.reason, new.late, new.not_shown) == (0.88, "Bob", "leak", True, None)
    assert old.not_shown is not None
    assert (old.not_shown.why, old.not_shown.by) == ("superseded", new.entry)
    assert old.time < new.time
    assert new.entry == newest_rows()


def test_json_is_exactly_as_documented() -> None:
    """The fields of the design, those that are absent left out, null for no step and for an undefined value."""
    run_cli("log", "--run", "a", "m=nan", env={"LEDGER_AUTHOR": "Ada"})
    with ledger.start(resume="a") as run:
        run.log({"m": ledger.Undefined("one class")}, step=3)
        run.log({"m": math.inf}, step=3)
    document = json.loads(run_cli("history", "a", "m", "--all", "--json").out)
    nan, undefined, infinite = document["values"]
    assert [*document] == ["schema", "run", "name", "metric", "values"]
    assert (document["schema"], document["name"], document["metric"]) == ("ledger.history/1", "a", "m")
    assert [*nan] == ["value", "step", "time", "author", "entry", "shown"]
    assert (nan["value"], nan["step"], nan["shown"], nan["author"]) == ("NaN", None, True, "Ada")
    assert [*undefined] == [
        "value", "undefined", "step", "time", "author", "entry", "shown", "attempt", "not_shown",
    ]  # fmt: skip
    assert (undefined["value"], undefined["undefined"], undefined["attempt"]) == (None, "one class", 2)
    assert undefined["not_shown"] == {"why": "superseded", "by": infinite["entry"]}
    assert (infinite["value"], infinite["step"], infinite["shown"]) == ("Infinity", 3, True)


def test_a_retracted_entry() -> None:
    """Its value says which entry took it away, whose, and why; the one before is shown again; restored, it is back."""
    for value in ("0.5", "0.6"):
        run_cli("log", "--run", "a", f"m={value}")
    by = retract(newest_rows(), "mistyped")
    found = cell("a", "m")
    assert told(found) == [(0.5, None, "shown"), (0.6, None, "retracted")]
    reason = found.values[1].not_shown
    assert reason is not None
    assert (reason.by, reason.author, reason.reason) == (by, "Bob", "mistyped")
    retract(by)
    assert told(cell("a", "m")) == [(0.5, None, "superseded"), (0.6, None, "shown")]
    again = retract(found.values[1].entry, "mistyped after all")
    reason = cell("a", "m").values[1].not_shown
    assert reason is not None
    assert (reason.by, reason.reason) == (again, "mistyped after all")


def test_a_row_that_two_entries_brought() -> None:
    """It counts by the one that was not retracted; once both were, it says so."""
    run_cli("log", "--run", "a", "m=0.5")
    led = ledger.open()
    id = led.resolve("a")
    found = entries.read_all(led.tree, led.tree.folder_of(id), id).read
    (rows,) = (read for read in found if read.entry.kind == "rows")
    rows.entry.time = rfc3339(rows.entry.time_us + 1)
    second = entries.write(led.tree, rows.entry)
    assert cell("a", "m").values[0].entry == rows.id
    retract(rows.id)
    assert [(v.entry, v.not_shown) for v in cell("a", "m").values] == [(second, None)]
    retract(second)
    assert told(cell("a", "m")) == [(0.5, None, "retracted")]


def test_the_reason_of_an_undefined_value_outlives_its_entry() -> None:
    """Retracted, it still says why it was undefined."""
    run_cli("log", "--run", "a", "m=0.5")
    ledger.open().run("a").log({"m": ledger.Undefined("one class")})
    retract(newest_rows())
    old, new = cell("a", "m").values
    assert (old.value, new.value) == (0.5, ledger.Undefined("one class"))
    assert new.not_shown is not None


def test_only_retracted_values() -> None:
    """A metric whose one value was retracted still has its history, though the run has the metric no more."""
    run_cli("log", "--run", "a", "other=1")
    run_cli("log", "--run", "a", "m=1")
    retract(newest_rows())
    assert "m" not in ledger.open().state("a").metrics
    assert told(cell("a", "m")) == [(1.0, None, "retracted")]


def test_a_removed_run_and_a_restored_one() -> None:
    """The value that was shown says that its run was removed, by whom and why; a live run of that name comes first."""
    run_cli("log", "--run", "a", "m=1")
    run_cli("rm", "a", "-m", "wrong data", env={"LEDGER_AUTHOR": "Bob"})
    found = cell("a", "m")
    assert told(found) == [(1.0, None, "removed")]
    reason = found.values[0].not_shown
    assert reason is not None
    assert (reason.author, reason.reason) == ("Bob", "wrong data")
    old = found.run
    with ledger.start("a") as run:
        run.log({"m": 2.0})
    assert told(cell("a", "m")) == [(2.0, 0, "shown")]
    assert told(cell(old, "m")) == [(1.0, None, "removed")]
    run_cli("restore", old)
    assert told(cell(old, "m")) == [(1.0, None, "shown")]


def test_a_renamed_run() -> None:
    """It is found by its new name, and by its id."""
    run_cli("log", "--run", "a", "m=1")
    id = ledger.open().resolve("a")
    run_cli("rename", "a", "b")
    assert (cell("b", "m").name, cell(id, "m").run) == ("b", id)
    with pytest.raises(NoSuchRun, match="no run 'a'"):
        cell("a", "m")


def test_attempts_replace_one_another() -> None:
    """A value says which attempt replaced it first; steps before that one stay."""
    with ledger.start("a") as run:
        for step in range(4):
            run.log({"m": float(step)}, step=step)
    for number, first in ((2, 2), (3, 3)):
        with ledger.start(resume="a") as run:
            for step in range(first, 4):
                run.log({"m": number * 10.0 + step}, step=step)
    found = cell("a", "m", every=True)
    why = {v.value: (v.not_shown.why, v.not_shown.attempt) if v.not_shown else "shown" for v in found.values}
    assert why == {
        0.0: "shown", 1.0: "shown", 2.0: ("replaced", 2), 3.0: ("replaced", 2),
        22.0: "shown", 23.0: ("replaced", 3), 33.0: "shown",
    }  # fmt: skip
    assert [v.attempt for v in found.values] == [1, 1, 1, 1, 2, 2, 3]


def test_a_run_that_is_open_has_its_rows_in_a_journal() -> None:
    """They count like any others, and once, also while they are both in a journal and in an entry."""
    run = ledger.start("a")
    run.log({"m": 1.0}, step=0)
    run.log({"m": 2.0}, step=0)
    found = cell("a", "m")
    assert told(found) == [(1.0, 0, "superseded"), (2.0, 0, "shown")]
    assert [(v.entry, v.file) for v in found.values] == [("journal", None)] * 2
    assert found.values[0].not_shown is not None
    assert found.values[0].not_shown.by == "journal"
    journal = next(Path(".ledger/journal").rglob("*.journal"))
    data = journal.read_bytes()
    run.finish()
    assert told(cell("a", "m")) == told(found)
    journal.parent.mkdir(exist_ok=True)
    journal.write_bytes(data)
    again = cell("a", "m")
    assert told(again) == told(found)
    assert {v.entry for v in again.values} == {newest_rows()}


@pytest.mark.parametrize(
    ("steps", "given", "expected", "corrected"),
    [
        ([0, 1, 2], {}, [2], 0),
        ([0, 1, 1, 2, 2], {}, [2, 2], 1),
        ([0, 1, None], {}, [None], 0),
        ([0, 0, 1, 1, None], {"step": 1}, [1, 1], 1),
        ([0, 1, 1, None], {"every": True}, [0, 1, 1, None], 0),
        ([-5, -5], {"step": -5}, [-5, -5], 0),
    ],
)
def test_which_step_is_meant(steps: list[int | None], given: Any, expected: list[int | None], corrected: int) -> None:
    """The one without a step, else the last; one that is named; or all. Other steps with corrections are counted."""
    run_cli("start", "a")
    for number, step in enumerate(steps):
        options = [] if step is None else [f"--step={step}"]
        run_cli("log", "--run", "a", f"m={number}", *options)
    found = cell("a", "m", **given)
    assert [v.step for v in found.values] == expected
    assert found.corrected == corrected
    notice = run_cli("history", "a", "m", *(["--all"] if given.get("every") else [])).err
    assert ("that are not shown" in notice) == (cell("a", "m", every=given.get("every", False)).corrected > 0)


def test_the_last_step_is_the_last_that_is_shown() -> None:
    """Not one that a resumed attempt took away."""
    with ledger.start("a") as run:
        for step in range(9):
            run.log({"m": float(step)}, step=step)
    with ledger.start(resume="a", step=4) as run:
        run.log({"m": 40.0}, step=4)
    assert told(cell("a", "m")) == [(4.0, 4, "replaced"), (40.0, 4, "shown")]
    assert cell("a", "m").corrected == 4


def test_contexts_and_aliases(workdir: Path) -> None:
    """A context is a cell of its own; a declared alias finds what was stored under either name."""
    (workdir / ".ledger-schema").write_text('[metric."val/auc"]\nalias = ["val_auc"]\n')
    with ledger.start("a") as run:
        run.log({"val_auc": 0.5})
        run.log({"val_auc": 0.25}, context={"fold": 1})
    assert told(cell("a", "val/auc")) == [(0.5, 0, "shown")]
    assert cell("a", "val/auc").metric == "val_auc"
    for words, context in ((("a", "val_auc{fold=1}"), None), (("a", "val/auc"), {"fold": 1})):
        assert told(cell(*words, context=context)) == [(0.25, 0, "shown")]
    assert "0.25" in run_cli("history", "a", "val/auc", "--context", "fold=1").out


@pytest.mark.parametrize(
    ("words", "options", "error", "text"),
    [
        (("a", "val/acu"), {}, NoSuchMetric, "no metric 'val/acu'\ndid you mean val/auc"),
        (("a", "auc"), {"context": {"fold": 7}}, NoSuchMetric, "no metric 'auc{fold=7}'"),
        (("a", "val/auc"), {"step": 7}, NoSuchMetric, "has no step 7\nit has 0"),
        (("a", "loss"), {"step": 70}, NoSuchMetric, "has no step 70\nit has 0 to 29, 30 of them"),
        (("a", "auc{fold=1}"), {"context": {"fold": 1}}, UsageError, "has a context already"),
        (("a", "auc{fold}"), {}, UsageError, "name=value was expected"),
        (("a", ""), {}, UsageError, "name"),
        (("b", "val/auc"), {}, NoSuchRun, "no run 'b'"),
        (("a", "b", "c"), {}, UsageError, "not 3 words"),
        ((), {}, UsageError, "not 0 words"),
        (("a", "val/auc"), {"goal": "max"}, UsageError, "--goal is about a line of commits"),
        (("a", "val/auc"), {"newest": True}, UsageError, "--newest is about a line of commits"),
        (("val/auc",), {"step": 3}, UsageError, "ledger history RUN val/auc --step 3"),
    ],
)
def test_what_cannot_be_answered(words: Any, options: Any, error: type[Exception], text: str) -> None:
    """One clear error each, with what to type."""
    with ledger.start("a") as run:
        run.log({"val/auc": 0.5})
        for step in range(30):
            run.log({"loss": 1.0}, step=step)
    with pytest.raises(error) as caught:
        ledger.open().history(*words, **options)
    assert text in str(caught.value)


def test_what_is_missing_is_said() -> None:
    """A segment that was not copied is a notice; one that was altered is damage."""
    run_cli("log", "--run", "a", "m=1")
    run_cli("log", "--run", "a", "m=2")
    first, second = sorted(Path(".ledger").rglob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    data = first.read_bytes()
    first.unlink()
    found = cell("a", "m")
    assert told(found) == [(2.0, None, "shown")]
    assert "lacks 1 row" in found.notices[0]
    assert "lacks 1 row" in run_cli("history", "a", "m").err
    first.write_bytes(second.read_bytes())
    assert run_cli("history", "a", "m").code == 5
    first.write_bytes(data)
    assert run_cli("history", "a", "m").code == 0


def test_without_git_there_are_no_commits() -> None:
    """Outside a repository all else is there; nothing is said of commits."""
    run_cli("log", "--run", "a", "m=1")
    found = cell("a", "m")
    assert (found.has_commits, found.values[0].commit, found.notices) == (False, None, [])
    assert "committed" not in run_cli("history", "a", "m").out


def commit(subject: str) -> str:
    """Commit everything; return the commit."""
    git("add", "--all")
    git("commit", "-q", "-m", subject)
    return git("rev-parse", "HEAD").strip()


def test_the_commits_that_brought_the_values(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value has the commit that first added its entry; after a rebase the new one; what is here alone has none."""
    run_cli("log", "--run", "a", "m=1")
    assert cell("a", "m").values[0].commit is None
    assert "not committed" in run_cli("history", "a", "m").out
    first = commit("one")
    git("switch", "-qc", "side")
    run_cli("log", "--run", "a", "m=2")
    second = commit("two, aside")
    git("switch", "-q", "main")
    run_cli("log", "--run", "a", "m=3")
    third = commit("three")
    assert [v.commit for v in cell("a", "m").values] == [first, third]
    git("merge", "-q", "-m", "both", "side")
    run_cli("log", "--run", "a", "m=4")
    found = cell("a", "m")
    assert [(v.value, v.commit) for v in found.values] == [(1.0, first), (2.0, second), (3.0, third), (4.0, None)]
    assert [(v.value, v.commit) for v in cell("main:a", "m").values] == [(1.0, first), (2.0, second), (3.0, third)]
    assert [v.commit for v in cell("side:a", "m").values] == [first, second]
    commit("four")
    git("-c", "user.name=Bob", "rebase", "-q", "-f", "--root")
    after = [v.commit for v in cell("a", "m").values]
    subjects = [git("log", "-1", "--format=%s", str(name)).strip() for name in after]
    assert subjects == ["one", "two, aside", "three", "four"]
    assert first not in after
    git("clone", "-q", "--depth", "1", f"file://{repo}", str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    found = cell("a", "m")
    assert [v.commit for v in found.values] == [None] * 4
    assert "the clone is shallow" in found.notices[0]
    assert "not committed" not in run_cli("history", "a", "m").out


def test_a_clone_that_lacks_trees(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The values are there, without commits, and it is said how to get those."""
    run_cli("log", "--run", "a", "m=1")
    commit("one")
    run_cli("log", "--run", "a", "m=2")
    commit("two")
    git("config", "uploadpack.allowFilter", "true")
    git("clone", "-q", "--filter=tree:0", f"file://{repo}", str(tmp_path / "partial"))
    monkeypatch.chdir(tmp_path / "partial")
    found = cell("a", "m")
    assert told(found) == [(1.0, None, "superseded"), (2.0, None, "shown")]
    assert [v.commit for v in found.values] == [None, None]
    assert "is not known here" in found.notices[0]
    assert "not committed" not in run_cli("history", "a", "m").out


def test_before_the_first_commit(workdir: Path) -> None:
    """In an empty repository nothing is committed, which is said."""
    git("init", "-q")
    run_cli("log", "--run", "a", "m=1")
    assert "not committed" in run_cli("history", "a", "m").out


def test_a_frame_of_values() -> None:
    """One row a value, with columns of fixed types; none of them without values is any different."""
    run_cli("log", "--run", "a", "m=1", "--step", "2")
    run_cli("log", "--run", "a", "m=2", "--step", "2")
    frame = cell("a", "m").frame()
    assert frame["value"].tolist() == [1.0, 2.0]
    assert frame["why"].tolist()[0] == "superseded"
    assert {str(kind) for kind in frame.dtypes} == {"float64", "Int64", "datetime64[us, UTC]", "bool", "str"}


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["log", "late", "resume", "retract", "restore"]),
        st.integers(0, 3),
        st.sampled_from([0.0, -0.0, 1.5, math.nan, math.inf]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_what_history_shows_is_what_metrics_shows(changes: list[tuple[str, int, float]], tmp_path: Path) -> None:
    """Whatever happened to a run, the values that are shown are those of `metrics()`; no stored one is left out."""
    folder = str(tmp_path)
    with ledger.start("a", directory=folder) as run:
        run.log({"m": 0.5}, step=0)
    led, id = ledger.open(folder), run.id
    for kind, step, value in changes:
        if kind == "late":
            led.run(id).log({"m": value}, step=step)
        elif kind in ("log", "resume"):
            with ledger.start(resume=id, directory=folder, step=step if kind == "resume" else None) as run:
                run.log({"m": value}, step=step)
        else:
            _retract(led, id, step, restore=kind == "restore")
    stored, shown = (sorted(map(repr, _cells(led, id, which))) for which in ("stored", "shown"))
    try:
        found = led.history(id, "m", every=True)
    except NoSuchMetric:
        raise AssertionError("the first row is always there") from None
    assert isinstance(found, CellHistory)
    values = [(v.step, v.value, v.not_shown) for v in found.values]
    assert sorted(repr((step, value)) for step, value, why in values if why is None) == shown
    assert sorted(repr((step, value)) for step, value, why in values if why is None or why.why != "retracted") == stored
    led.catalog.close()


def _retract(led: ledger.Ledger, id: str, number: int, *, restore: bool) -> None:
    """Retract the number-th entry with rows, or the number-th retraction; one that is retracted already stays so."""
    wanted = "retract" if restore else "rows"
    targets = [note.id for note in led.state(id).entries if note.kind == wanted and not note.retracted]
    if number < len(targets):
        annotations.retract(led.tree, id, "Bob", target=targets[number])


def _cells(led: ledger.Ledger, id: str, which: str) -> list[tuple[int, float]]:
    frame = led.metrics(id, rows=which)
    return list(zip(frame["step"].tolist(), frame["value"].tolist(), strict=True))
