"""Values given for closed runs, taken back and brought back: what is shown, what stays, where each came from."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import ledger
from ledger import Undefined
from ledger.errors import InvalidName, InvalidValue, NoSuchEntry, NoSuchRun, RunRetracted, UsageError
from ledger.format import entries as form
from ledger.format import ids
from ledger.record import late
from ledger.record.calls import check_rows
from ledger.store import entries
from ledger.table.history import CellHistory
from tests.conftest import git, run_cli

pytestmark = pytest.mark.usefixtures("workdir")


def log(*words: str) -> str:
    """Log to a run, made if need be; return its id."""
    assert run_cli("log", "--run", *words).code == 0
    return ledger.open().state(words[0]).id


def history(*words: str, **options: Any) -> CellHistory:
    """Return the history of a cell."""
    found = ledger.open().history(*words, **options)
    assert isinstance(found, CellHistory)
    return found


def shown(run: str, metric: str) -> Any:
    """Return the last value of a metric that is shown."""
    summary = ledger.open().state(run).metrics.get(metric)
    return None if summary is None else Undefined(summary.undefined) if summary.undefined else summary.last


def kinds(run: str) -> dict[str, str]:
    """Return the last entry of each kind that a run has."""
    return {note.kind: note.id for note in ledger.open().state(run).entries}


def closed_runs(count: int) -> list[str]:
    """Make runs r0, r1, ... that are closed and have no metric; return their ids."""
    run_cli("init")
    led = ledger.open()
    made = []
    for i in range(count):
        time = 1_767_323_045_000_000 + i * 1_000_000
        run = ids.make_run_id(time, f"r{i}", i.to_bytes(6, "big"))
        opened = form.encode(form.Open(**form.header("open", run, time, "Ada", []), name=f"r{i}"))
        closed = form.encode(form.Close(**form.header("close", run, time + 1, "Ada", [opened.id]), status="finished"))
        folder = Path(led.path, "runs", ids.day_of(run), run)
        folder.mkdir(parents=True)
        for encoded in (opened, closed):
            (folder / encoded.name).write_bytes(encoded.data)
        made.append(run)
    return made


# Values


def test_a_correction_always_writes() -> None:
    """Equal or not; old and new are in the answer, which entry it is in, and both values stay in the history."""
    run = log("a", "test/auc=0.91")
    for value in (0.62, 0.62):
        found = ledger.open().backfill_values({"test/auc": value}, run="a", reason="leak")
        (cell,) = found.cells
        assert (cell.run, cell.name, cell.metric, cell.step, cell.new, cell.written) == (
            run, "a", "test/auc", None, 0.62, True,
        )  # fmt: skip
        assert found.complete
    assert [value.value for value in history("a", "test/auc").values] == [0.91, 0.62, 0.62]
    assert history("a", "test/auc").values[-1].entry == found.entries[run]
    assert history("a", "test/auc").values[-1].source == {"by": "backfill"}


def test_one_entry_a_run() -> None:
    """However many values, steps aside: one late entry with reason and source."""
    log("a", "x=1")
    before = len(ledger.open().state("a").entries)
    ledger.open().backfill_values({"x": 2, "y": math.nan, "z{fold=1}": Undefined("one class")}, run="a", reason="why")
    state = ledger.open().state("a")
    assert len(state.entries) == before + 1
    assert (state.entries[-1].late, state.entries[-1].reason) == (True, "why")
    assert shown("a", "z{fold=1}") == Undefined("one class")
    assert math.isnan(shown("a", "y"))


def test_the_value_before_is_that_of_the_cell() -> None:
    """At a step the value there, a context apart, undefined with its reason; none where the cell had none."""
    with ledger.start("a") as run:
        run.log({"loss": 4.0}, step=1)
        run.log({"loss": Undefined("diverged")}, step=2)
        run.log({"loss": 3.0}, step=1, context={"fold": 1})
    led = ledger.open()

    def before(key: str, step: int | None) -> Any:
        return led.backfill_values({key: 0.5}, run="a", step=step, dry_run=True).cells[0].old

    assert before("loss", 1) == 4.0
    assert before("loss", 2) == Undefined("diverged")
    assert before("loss{fold=1.0}", 1) == 3.0
    assert before("loss", 3) is None
    assert before("loss", None) is None
    assert before("loss{fold=2}", 1) is None
    assert len(history("a", "loss", every=True).values) == 2  # nothing was written


def test_a_dry_run_writes_nothing() -> None:
    """What it says is what the same call then writes."""
    log("a", "x=1")
    files = sorted(Path(".ledger").rglob("*"))
    would = ledger.open().backfill_values({"x": 2}, run="a", dry_run=True)
    assert sorted(Path(".ledger").rglob("*")) == files
    assert (would.dry_run, would.entries, would.cells[0].written) == (True, {}, False)
    done = ledger.open().backfill_values({"x": 2}, run="a")
    assert [(c.run, c.metric, c.old, c.new) for c in would.cells] == [
        (c.run, c.metric, c.old, c.new) for c in done.cells
    ]


def test_a_correction_is_stored_under_the_name_that_the_run_has() -> None:
    """Asked by the canonical name, an alias is corrected: or both would be shown."""
    Path(".ledger-schema").write_text('[metric."test/auc"]\nalias = ["test_auc"]\n')
    log("a", "test_auc=0.5")
    found = ledger.open().backfill_values({"test/auc": 0.25}, run="a")
    assert [(cell.metric, cell.old) for cell in found.cells] == [("test_auc", 0.5)]
    assert sorted(ledger.open().state("a").metrics) == ["test_auc"]
    with pytest.raises(InvalidValue, match="two values are given for one metric of a: test_auc"):
        ledger.open().backfill_values({"test/auc": 0.25, "test_auc": 0.5}, run="a")


def test_a_correction_is_stored_under_the_name_that_is_shown() -> None:
    """Asked by an alias, where both names are stored: the canonical one is what tables show, and that is said."""
    run = log("a", "old_f2=0.123", "test/f2=0.5")
    Path(".ledger-schema").write_text('[metric."test/f2"]\nalias = ["old_f2"]\n')
    for dry_run in (True, False):
        found = ledger.open().backfill_values({"old_f2": 0.25}, run="a", dry_run=dry_run)
        assert [(cell.metric, cell.old) for cell in found.cells] == [("test/f2", 0.5)]
        assert found.notices == [
            "old_f2 is kept and shown as test/f2, so that is what is corrected (see ledger schema)"
        ]
    assert (shown(run, "test/f2"), shown(run, "old_f2")) == (0.25, 0.123)
    assert run_cli("ls", "--columns", "name,test/f2").out.splitlines()[-1].split() == ["a", "0.25"]


def test_runs_of_one_name() -> None:
    """The newest is corrected; the others are named, unless they are corrected too."""
    older, newer = (log_anew("r3") for _ in range(2))
    found = ledger.open().backfill_values({"x": 2}, run="r3", dry_run=True)
    said = f"2 runs are called r3; {newer}, the newest, is meant, and not {older}"
    assert ([cell.run for cell in found.cells], found.notices) == ([newer], [said])
    done = run_cli("backfill", "x=2", "--run", "r3")
    assert (done.code, done.err) == (0, f"ledger: {said}\n")
    for words in ([newer], ["r3", older], ["r?"]):
        assert ledger.open().backfill_values({"x": 3}, run=words).notices == []


def log_anew(name: str) -> str:
    """Close another run of a name; return its id."""
    with ledger.start(name) as run:
        run.log_summary({"x": 1})
    return run.id


def test_runs_that_are_open() -> None:
    """They are left out, with what to type; where no other is meant that is an error, and nothing was written."""
    log("a", "x=1")
    run = ledger.start("live")
    try:
        found = ledger.open().backfill_values({"x": 2}, all=True)
        (left,) = found.left_out
        assert (left.name, left.why, left.hint) == ("live", "it is not closed (running)", f"ledger finish {run.id}")
        assert ([cell.name for cell in found.cells], found.complete) == (["a"], False)
        with pytest.raises(UsageError, match="takes no value afterwards: it is not closed") as error:
            ledger.open().backfill_values({"x": 2}, run="live")
        assert f"ledger log --run {run.id}" in str(error.value)
    finally:
        run.finish()


def test_a_run_that_is_removed() -> None:
    """It is said so, by name and by id; how it comes back too."""
    run = log("a", "x=1")
    run_cli("rm", "a")
    for word in ("a", run):
        with pytest.raises(NoSuchRun, match="was removed from view") as error:
            ledger.open().backfill_values({"x": 2}, run=word)
        assert f"ledger restore {run}" in str(error.value)


@pytest.mark.parametrize("known", [True, False])
def test_a_run_that_is_damaged(known: bool) -> None:
    """Of all runs it is left out, whether the catalog knows of the damage or it shows as rows are read."""
    log("a", "x=1")
    run = log("b", "x=1")
    segment = next(Path(".ledger").rglob(f"{run}/*.parquet"))
    if known:
        segment.unlink()
    segment.write_bytes(b"junk")
    found = ledger.open().backfill_values({"x": 2}, all=True, step=3)
    assert [(left.run, [cell.name for cell in found.cells]) for left in found.left_out] == [(run, ["a"])]


@pytest.mark.parametrize(
    ("metrics", "options", "error"),
    [
        ({}, {"run": "a"}, InvalidValue),
        ([("x", 1)], {"run": "a"}, InvalidValue),
        ({"x": "0.5"}, {"run": "a"}, InvalidValue),
        ({"x": None}, {"run": "a"}, InvalidValue),
        ({"x": [1.0]}, {"run": "a"}, InvalidValue),
        ({"x": 2**60 + 1}, {"run": "a"}, InvalidValue),
        ({"": 1}, {"run": "a"}, InvalidName),
        ({1: 1}, {"run": "a"}, InvalidName),
        ({"x{": 1}, {"run": "a"}, InvalidName),
        ({"x{fold=1}": 1, "x{fold=1.0}": 2}, {"run": "a"}, InvalidValue),
        ({"x{fold=1}": 1}, {"run": "a", "context": {"fold": 2}}, UsageError),
        ({"x": 1}, {"run": "a", "step": 1.5}, InvalidValue),
        ({"x": 1}, {"run": "a", "step": 2**63}, InvalidValue),
        ({"x": 1}, {"run": "a", "reason": 3}, InvalidValue),
        ({"x": 1}, {}, UsageError),
        ({"x": 1}, {"run": "a", "all": True}, UsageError),
        ({"x": 1}, {"run": "main:a"}, UsageError),
        ({"x": 1}, {"run": "nobody"}, NoSuchRun),
    ],
)
def test_bad_values(metrics: Any, options: dict[str, Any], error: type[Exception]) -> None:
    """Each is one clear error before anything is written."""
    log("a", "x=1")
    files = sorted(Path(".ledger").rglob("*"))
    with pytest.raises(error):
        ledger.open().backfill_values(metrics, **options)
    assert sorted(Path(".ledger").rglob("*")) == files


# Tables


def test_a_table_fills_what_is_missing() -> None:
    """A value that is there stays and is listed, an equal one is counted, NaN equals NaN; `force` replaces."""
    log("a", "x=1", "y=nan", "z=3")
    frame = pd.DataFrame({"run": ["a"], "x": [2.0], "z": [3.0], "new": [4.0]})
    found = ledger.open().backfill_table(frame, reason="theirs")
    assert [(c.metric, c.old, c.new) for c in found.cells] == [("new", None, 4.0)]
    assert [(c.metric, c.old, c.new, c.written) for c in found.kept] == [("x", 1.0, 2.0, False)]
    assert (found.same, found.other, found.complete) == (1, 1, False)
    Path("t.csv").write_text("run,x,y,z,new\na,2,nan,3,4\n")
    assert (ledger.open().backfill_table("t.csv").same, shown("a", "x")) == (3, 1.0)
    forced = ledger.open().backfill_table("t.csv", force=True)
    assert [(c.metric, c.old, c.new) for c in forced.cells] == [("x", 1.0, 2.0)]
    assert (forced.same, forced.kept, forced.complete, shown("a", "x")) == (3, [], True, 2.0)


def test_negative_zero_is_another_value() -> None:
    """Values are held against each other bit for bit."""
    log("a", "x=0")
    Path("t.csv").write_text("run,x\na,-0.0\n")
    assert len(ledger.open().backfill_table("t.csv").kept) == 1


@pytest.mark.parametrize("count", [30, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_runs(count: int) -> None:
    """Each has its values, with the line it stands on; a second time nothing is written."""
    runs = closed_runs(count)
    Path("values.csv").write_text("name,test/f2\n" + "".join(f"r{i},{i / 1000}\n" for i in range(count)))
    found = ledger.open().backfill_table("values.csv", reason="computed elsewhere")
    assert (len(found.cells), len(found.entries), found.complete) == (count, count, True)
    states = {state.id: state for state in ledger.open().select()}
    assert [states[run].metrics["test/f2"].last for run in runs] == [i / 1000 for i in range(count)]
    (value,) = history("r17", "test/f2").values
    assert value.source is not None
    assert (value.source["file"]["name"], value.source["line"]) == ("values.csv", 19)
    again = ledger.open().backfill_table("values.csv")
    assert (again.cells, again.same, again.entries) == ([], count, {})
    assert run_cli("backfill", "--csv", "values.csv").out == f"nothing was written; {count} values were there already\n"
    text = run_cli("backfill", "--csv", "values.csv", "--force", "-n").out
    assert text == f"nothing would be written; {count} values were there already\n"
    reverted = ledger.open().revert(*found.entries.values(), reason="wrong table")
    assert len(reverted) == count
    assert shown("r17", "test/f2") is None


def test_bad_tables_write_nothing() -> None:
    """Not even the rows that are right."""
    log("a", "x=1")
    Path("t.csv").write_text("run,y\na,1\nnobody,2\n")
    files = sorted(Path(".ledger").rglob("*"))
    with pytest.raises(InvalidValue, match="line 3: there is no run 'nobody'"):
        ledger.open().backfill_table("t.csv")
    assert sorted(Path(".ledger").rglob("*")) == files


# Reverting


def test_what_is_reverted_and_restored() -> None:
    """The value before is shown again, until it is restored; each time the files stay."""
    log("a", "x=1", "other=5")
    entry = ledger.open().backfill_values({"x": 2}, run="a").entries.popitem()[1]
    (found,) = ledger.open().revert(entry[:6], reason="wrong")
    assert (found.entry, found.kind, found.name) == (entry, "rows", "a")
    assert [(c.metric, c.old, c.new, c.written) for c in found.cells] == [("x", 2.0, 1.0, True)]
    assert shown("a", "x") == 1.0
    old, new = history("a", "x").values
    assert (old.not_shown, new.not_shown and (new.not_shown.by, new.not_shown.reason)) == (None, (found.by, "wrong"))
    assert ledger.open().restore(entry[:6]) == entry
    assert shown("a", "x") == 2.0


def test_a_dry_revert() -> None:
    """It says what would be shown, and changes nothing."""
    log("a", "x=1")
    with pytest.raises(NoSuchEntry):
        ledger.open().revert("0123456789abcdef", dry_run=True)
    (found,) = ledger.open().revert(kinds("a")["rows"], dry_run=True)
    assert (found.by, [(c.old, c.new, c.written) for c in found.cells]) == (None, [(1.0, None, False)])
    assert shown("a", "x") == 1.0


def test_annotations_can_be_reverted() -> None:
    """What they said is taken back."""
    log("a", "x=1")
    ledger.open().run("a").tag("star")
    (found,) = ledger.open().revert(kinds("a")["annotate"])
    assert (found.kind, found.cells, ledger.open().state("a").tags) == ("annotate", [], [])


def test_a_resumed_attempt_can_be_reverted() -> None:
    """The close before it counts again."""
    log("a", "x=1")
    ledger.start(resume="a").finish("failed")
    assert ledger.open().state("a").status == "failed"
    ledger.open().revert(kinds("a")["resume"])
    assert ledger.open().state("a").attempts == 1


def test_what_cannot_be_reverted() -> None:
    """What opened or closed a run, a retraction, what is out of view already, an entry of a removed run."""
    log("a", "x=1")
    led = ledger.open()
    with pytest.raises(UsageError, match="it opened the run\nto take the whole run out of view: ledger rm"):
        led.revert(kinds("a")["open"])
    with pytest.raises(UsageError, match=r"it closed the run\nto go on with it: ledger.start\(resume="):
        led.revert(kinds("a")["close"])
    rows = kinds("a")["rows"]
    (found,) = led.revert(rows)
    assert found.by is not None
    with pytest.raises(UsageError, match=f"out of view already\nbring it back with: ledger restore {rows}"):
        led.revert(rows)
    with pytest.raises(UsageError, match=f"bring that back: ledger restore {rows}"):
        led.revert(found.by)
    led.remove("a")
    with pytest.raises(RunRetracted, match="bring it back first"):
        led.revert(rows)
    with pytest.raises(RunRetracted, match="bring it back first"):
        led.restore(rows)


def test_of_several_entries_none_is_reverted_unless_all_can_be() -> None:
    """All are looked at before the first is taken back; one that is named twice is taken back once."""
    log("a", "x=1")
    rows, closed = kinds("a")["rows"], kinds("a")["close"]
    with pytest.raises(UsageError, match="it closed the run"):
        ledger.open().revert(rows, closed)
    assert shown("a", "x") == 1.0
    assert len(ledger.open().revert(rows, rows[:8])) == 1


def test_labels_can_be_reverted() -> None:
    """They are of no run; what took them out of view is not one to revert either."""
    log("a", "x=1")
    Path("labels.csv").write_text("id,label\n1,0\n2,1\n")
    led = ledger.open()
    led.add_labels("labels.csv")
    entry = next(iter(Path(".ledger/log").rglob("*-labels-*.json"))).stem[-16:]
    (found,) = led.revert(entry[:6], reason="a test file")
    assert (found.entry, found.kind, found.run, found.cells) == (entry, "labels", "", [])
    assert led.labels().to_json()["labels"][0]["retracted"] is True
    assert found.by is not None
    with pytest.raises(UsageError, match=f"bring that back: ledger restore {entry}"):
        led.revert(found.by)
    assert led.restore(entry[:6]) == entry
    assert "retracted" not in led.labels().to_json()["labels"][0]
    with pytest.raises(UsageError, match="is in view; there is nothing to restore"):
        led.restore(entry)
    assert run_cli("verify", "--rows").code == 0


@pytest.mark.parametrize("word", ["", "abcde", "xyzxyz", "ABCDEF", "0" * 17, "a", "best:x", "\udce9bcdef", "abc\n12"])
def test_words_that_name_no_entry(word: str) -> None:
    """One clear error, also for what could steer a terminal."""
    log("a", "x=1")
    with pytest.raises(NoSuchEntry):
        ledger.open().revert(word)
    result = run_cli("revert", word)
    assert (result.code, "Traceback" in result.err) == (4, False)


def test_a_beginning_that_fits_several_entries() -> None:
    """It is refused, with those that fit."""
    from ledger.store.state import EntryNote
    from ledger.table import select

    log("a", "x=1")
    notes = [EntryNote(f"abcdef{i:010x}", "labels", 0, "Ada", False) for i in range(2)]
    with pytest.raises(NoSuchEntry, match="'abcdef' fits 2 entries: abcdef0000000000, abcdef0000000001"):
        select.entries(ledger.open().catalog, ["abcdef"], notes)


# Branches


def _corrected_on_two_branches(first: float, second: float) -> tuple[str, str]:
    """Correct one cell on two branches and merge them with git; return the two entries, of main first."""
    log("a", "test/auc=0.9")
    git("add", ".ledger")
    git("commit", "-qm", "base")
    made = []
    for branch, value, author in (("main", first, "Ada"), ("other", second, "Bob")):
        git("checkout", "-q", *(["main"] if branch == "main" else ["-b", branch, "main~0"]))
        if branch == "other":
            git("reset", "-q", "--hard", "main~1")
        result = run_cli("backfill", f"test/auc={value}", "--run", "a", "-m", f"by {author}", "--json",
                         env={"LEDGER_AUTHOR": author})  # fmt: skip
        made.append(next(iter(json.loads(result.out)["entries"].values())))
        git("add", ".ledger")
        git("commit", "-qm", f"corrected by {author}")
    git("checkout", "-q", "main")
    git("merge", "-q", "--no-edit", "other")
    return made[0], made[1]


def test_two_branches_that_corrected_one_cell(repo: Path) -> None:
    """git merges them without a conflict; the later correction counts, and the history says which and whose."""
    ours, theirs = _corrected_on_two_branches(0.7, 0.6)
    first, mine, other = history("a", "test/auc").values
    assert [(v.value, v.author, v.entry) for v in (mine, other)] == [(0.7, "Ada", ours), (0.6, "Bob", theirs)]
    assert other.not_shown is None
    assert [(v.not_shown.why, v.not_shown.by) for v in (first, mine) if v.not_shown] == [("superseded", theirs)] * 2
    assert [v.commit is not None for v in (first, mine, other)] == [True] * 3
    assert shown("a", "test/auc") == 0.6
    assert git("status", "--porcelain", ".ledger") == ""


def test_after_a_merge_the_winner_can_be_reverted(repo: Path) -> None:
    """Then the correction of the other branch is shown, not the value before both."""
    _, theirs = _corrected_on_two_branches(0.7, 0.6)
    (found,) = ledger.open().revert(theirs, reason="Ada is right")
    assert [(cell.old, cell.new) for cell in found.cells] == [(0.6, 0.7)]
    assert shown("a", "test/auc") == 0.7


def test_a_correction_beats_what_its_author_saw_whatever_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes back does not bring the old value back."""
    log("a", "x=1")
    monkeypatch.setattr(late, "now_us", lambda: 0)
    ledger.open().backfill_values({"x": 2}, run="a")
    assert shown("a", "x") == 2.0


def test_the_winner_does_not_depend_on_who_merges(repo: Path) -> None:
    """Two corrections of one time: both ledgers show the same one, the other says by what it was superseded."""
    run = log("a", "x=1")
    shutil.copytree(".ledger", "elsewhere")
    led, other = ledger.open(), ledger.open("elsewhere")
    late.write(led.tree, run, [check_rows({"x": 2.0}, None)], [], "Ada", None)
    read = entries.read_all(led.tree, led.tree.folder_of(run), run).read[-1]
    time = read.entry.time_us
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(late, "now_us", lambda: time)
        late.write(other.tree, run, [check_rows({"x": 3.0}, None)], [], "Bob", None)
    ledger.open().merge("./elsewhere")
    ledger.open("elsewhere").merge("./.ledger")
    told = []
    for ledger_there in (ledger.open(), ledger.open("elsewhere")):
        found = ledger_there.history("a", "x")
        assert isinstance(found, CellHistory)
        told.append([(v.value, v.entry, v.not_shown) for v in found.values])
    assert told[0] == told[1]
    assert [value[2] is None for value in told[0]] == [False, False, True]
    superseded, winner = told[0][1][2], told[0][2][1]
    assert superseded is not None
    assert superseded.by == winner
