"""Sealing: journals become committed files, once, whoever does it and wherever it is interrupted."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.errors import DamagedFile
from ledger.format import entries as form
from ledger.record import seal, start
from ledger.store import blobs, entries, files, fold, journal, segments
from ledger.store.audit import verify
from ledger.store.tree import Tree
from ledger.store.writer import Writer, new_header


@pytest.fixture
def tree(workdir: Path) -> Tree:
    """Return the ledger of the work folder."""
    return Tree(str(workdir / ".ledger"))


def leave(count: int = 5, **given: Any) -> str:
    """Log to a run and leave it as a killed process does: journal there, lock gone. Returns its id."""
    run = ledger.start("a", **given)
    for step in range(count):
        run.log({"x": step / 8, "y": 1.0}, step=step)
    run.log_text("t", "hello", step=1)
    run.log({"z": ledger.Undefined("one class only")}, step=0)
    abandon(run)
    return run.id


def abandon(run: ledger.Run) -> None:
    """Let go of a run without finishing it."""
    from ledger.record.run import _open_runs

    run._writer.close()
    run._finished = True
    _open_runs.pop(id(run))


def summary(tree: Tree, run: str) -> tuple[Any, ...]:
    """Return what must be the same before and after sealing."""
    state = fold.fold(tree, run)
    rows, reasons = fold.rows(tree, run, "stored")
    return state.metrics, state.charts, state.params, len(rows), reasons


def close(tree: Tree, run: str, **given: Any) -> seal.Sealed:
    """Seal what is left of a run."""
    return seal.finish(tree, run, "Ada", None, **given)


def test_sealing_changes_no_answer(tree: Tree) -> None:
    """Rows, charts and reasons are what they were; the journal is put aside, and one entry names it all."""
    run = leave(params={"lr": 0.5})
    before = summary(tree, run)
    done = close(tree, run)
    assert (done.rows, done.charts, done.journals, done.gaps, len(done.entries)) == (11, 1, 1, [], 2)
    assert summary(tree, run) == before
    assert fold.fold(tree, run).status == "interrupted"
    assert journal.paths(tree, run) == []
    assert [item.name for item in files.scan(tree.path(seal.SEALED))] == [
        name.rpartition("/")[2]
        for name in [f"{run}-{p.name.split('-')[-1]}" for p in Path(tree.path(seal.SEALED)).iterdir()]
    ]
    names = tree.names(f"runs/{run[:4]}-{run[4:6]}-{run[6:8]}/{run}")
    assert sum(name.endswith(".parquet") for name in names) == 1
    assert sum("-rows-" in name for name in names) == 1


def test_a_journal_that_is_sealed_twice_counts_once(tree: Tree) -> None:
    """A sealer that died after its entry and before putting the journal away is completed, not repeated."""
    run = leave()
    (path,) = journal.paths(tree, run)
    copy = Path(tree.path(path)).read_bytes()
    close(tree, run)
    expected = summary(tree, run)
    files_before = sorted(Path(tree.path("runs")).rglob("*"))
    Path(tree.path(path)).parent.mkdir()
    Path(tree.path(path)).write_bytes(copy)
    assert summary(tree, run) == expected
    done = close(tree, run)
    assert (done.rows, done.charts, done.entries, done.journals) == (0, 0, [], 1)
    assert summary(tree, run) == expected
    assert sorted(Path(tree.path("runs")).rglob("*")) == files_before
    assert journal.paths(tree, run) == []


def test_only_what_is_not_covered_is_sealed(tree: Tree) -> None:
    """A copy of a journal that was sealed when it was shorter brings its new rows only."""
    run = ledger.start("a")
    run.log({"x": 0.0}, step=0)
    short = Path(run._writer.path).read_bytes()
    path = journal.paths(tree, run.id)[0]
    run.log({"x": 1.0}, step=1)
    run.log_text("t", "late")
    long = Path(run._writer.path).read_bytes()
    abandon(run)
    Path(tree.path(path)).write_bytes(short)
    assert close(tree, run.id).rows == 1
    Path(tree.path(path)).parent.mkdir()
    Path(tree.path(path)).write_bytes(long)
    done = close(tree, run.id)
    assert (done.rows, done.charts) == (1, 1)
    assert len(fold.rows(tree, run.id, "stored")[0]) == 2


def test_two_copies_that_seal_the_same_journal_agree(tree: Tree, workdir: Path) -> None:
    """A work folder that was copied with its journals: both seal, and their union has each row once."""
    run = leave()
    shutil.copytree(tree.root, workdir / "copy" / ".ledger")
    other = Tree(str(workdir / "copy" / ".ledger"))
    expected = summary(tree, run)
    close(tree, run)
    time.sleep(0.001)
    close(other, run)
    shutil.copytree(other.path("runs"), tree.path("runs"), dirs_exist_ok=True)
    assert summary(tree, run) == expected
    assert fold.fold(tree, run).status == "interrupted"


def go_on(tree: Tree, run: str, value: float, reason: str) -> None:
    """Log to a run of the shell as one of two copies: a row, one without a value, and a chart."""
    here = ledger.open(os.path.dirname(tree.root)).run(run)
    here.log({"x": value}, step=1)
    here.log({"y": ledger.Undefined(reason)}, step=1)
    here.log_text("t", reason, step=int(value))


def held(tree: Tree, run: str) -> tuple[list[float], list[str]]:
    """Return the values and the charts that a run holds, in whatever place they lie."""
    found = fold.gather(tree, run)
    rows = fold.choose(found, "stored")
    values = rows.value[~rows.undefined].tolist() + [-1.0] * int(rows.undefined.sum())
    return sorted(values), sorted({chart.blob for chart in found.charts})


@pytest.mark.parametrize("many", [False, True], ids=["few charts", "many charts"])
def test_copies_that_go_on_with_one_journal_lose_nothing(
    tree: Tree, workdir: Path, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both give the same seqs to other rows: who seals when the other one's entry is there seals its own as well."""
    monkeypatch.setattr(form, "CHARTS_MAX", 0 if many else form.CHARTS_MAX)
    run = start.start_shared(tree, "a")
    ledger.open().run(run).log({"x": 0.0}, step=0)
    other = Tree(str(workdir / "copy" / ".ledger"))
    shutil.copytree(tree.root, other.root)
    go_on(tree, run, 1.0, "one")
    go_on(other, run, 2.0, "two")
    close(tree, run)
    for folder in ("runs", "blobs"):
        shutil.copytree(tree.path(folder), other.path(folder), dirs_exist_ok=True)
    before = held(other, run)
    assert (before[0], len(before[1])) == ([-1.0, -1.0, 0.0, 1.0, 2.0], 2)
    done = close(other, run)
    assert (done.rows, done.charts, held(other, run)) == (2, 1, before)
    reasons = [u.reason for read in fold.gather(other, run).found for u in getattr(read.entry, "undefined", ())]
    assert reasons == ["one", "two"]
    again(other, run)
    found = [item.kind for item in verify.verify(other, rows=True).findings]
    assert set(found) == {"row-conflict"}
    # What was sealed comes to the first copy: the same, in whatever order.
    shutil.copytree(other.path("runs"), tree.path("runs"), dirs_exist_ok=True)
    shutil.copytree(other.path("blobs"), tree.path("blobs"), dirs_exist_ok=True)
    assert held(tree, run) == before
    assert repr(fold.fold(tree, run)) == repr(fold.fold(other, run))


def again(tree: Tree, run: str) -> None:
    """Put the journals that were put aside back, and seal them again: nothing changes."""
    names = sorted(Path(tree.path("runs")).rglob("*"))
    for aside in Path(tree.path(seal.SEALED)).iterdir():
        path = Path(tree.path(f"journal/{run}/{aside.name.rpartition('-')[2]}"))
        path.parent.mkdir(exist_ok=True)
        aside.rename(path)
    done = close(tree, run)
    assert (done.rows, done.charts, done.entries) == (0, 0, [])
    assert sorted(Path(tree.path("runs")).rglob("*")) == names


def test_the_same_row_for_another_reason_is_sealed(tree: Tree) -> None:
    """Equal in every column, but not in why it has no value: that was said to somebody, and is kept."""
    run = leave()
    (path,) = journal.paths(tree, run)
    loaded = journal.load(tree, path)
    assert loaded is not None
    close(tree, run)
    (seq,) = loaded.content.reasons
    other = loaded._replace(content=loaded.content._replace(reasons={seq: "nobody knows"}))
    for expected in (1, 0):
        beside = os.open(tree.path("journal/x.journal"), os.O_RDWR | os.O_CREAT)
        assert seal.seal(tree, run, [seal.Taken(beside, "journal/x.journal", other)], "Ada").rows == expected
    rows, _ = fold.rows(tree, run, "stored")
    assert len(rows) == 11


@pytest.mark.parametrize("harm", ["absent", "damaged"])
def test_what_a_segment_held_that_cannot_be_read_is_sealed_again(tree: Tree, harm: str) -> None:
    """A range says that its rows were sealed; the segment that should have them does not, so they are kept."""
    run = leave()
    (path,) = journal.paths(tree, run)
    copy = Path(tree.path(path)).read_bytes()
    close(tree, run)
    expected = held(tree, run)
    (segment,) = Path(tree.path("runs")).rglob("*.parquet")
    whole = segment.read_bytes()
    segment.unlink()
    if harm == "damaged":
        segment.write_bytes(whole[:-1] + b"x")
    Path(tree.path(path)).parent.mkdir()
    Path(tree.path(path)).write_bytes(copy)
    done = close(tree, run)
    assert (done.rows, done.charts) == (11, 0)
    segment.write_bytes(whole)  # it comes back: each row is there twice, and counts once
    assert held(tree, run) == expected
    again(tree, run)


def test_nothing_is_read_where_nothing_is_covered(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealing a run that has entries of other writers, as most have, costs no look into their segments."""
    run = leave()
    close(tree, run)
    late = ledger.start(resume=run)
    late.log({"x": 1.0}, step=9)
    abandon(late)
    read: list[str] = []
    monkeypatch.setattr(segments, "read", lambda tree, folder, segment, run: read.append(segment.sha256))
    assert (close(tree, run).rows, read) == (1, [])


def test_what_many_entries_name_is_read_once(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand ranges of one writer, out of all bounds too, cost one look into the segment that they are about."""
    run = leave()
    loaded = journal.load(tree, journal.paths(tree, run)[0])
    assert loaded is not None
    close(tree, run)
    found = entries.read_all(tree, tree.folder_of(run), run).read
    brought = next(read.entry for read in found if isinstance(read.entry, form.Rows))
    brought.writers = [form.Range(loaded.header.writer, -(2**70), 2**70) for _ in range(1000)]
    read: list[str] = []
    real = segments.read
    monkeypatch.setattr(segments, "read", lambda *given: (read.append(given[2].sha256), real(*given))[1])
    assert seal._lacking(tree, tree.folder_of(run), [loaded], found).ranges == []
    assert read == [brought.segments[0].sha256]


@pytest.mark.parametrize("later", range(12))
def test_a_sealer_that_dies_at_any_call_is_completed(tree: Tree, later: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was written when it died, readers see every row once, and the next sealer ends in the same state."""
    run = leave()
    expected = summary(tree, run)

    class Killed(BaseException):
        """What no handler on the way takes for an error."""

    calls = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > later:
                raise Killed
            return real(*given, **more)

        return call

    with monkeypatch.context() as patch:
        for name in ("write_all", "move", "remove_folder_if_empty", "sync_folder", "make_folder"):
            patch.setattr(files, name, counted(getattr(files, name)))
        try:
            close(tree, run)
        except Killed:
            assert fold.fold(tree, run).status in ("open", "interrupted")
    assert summary(tree, run) == expected
    close(tree, run)
    assert summary(tree, run) == expected
    state = fold.fold(tree, run)
    assert (state.status, [entry.kind for entry in state.entries]) == ("interrupted", ["open", "rows", "close"])
    assert journal.paths(tree, run) == []


def test_a_journal_that_somebody_holds_is_not_taken(tree: Tree) -> None:
    """The lock tells that its process lives: sealing leaves it, and closes the run nevertheless where asked to."""
    run = ledger.start("a")
    run.log({"x": 1.0}, step=1)
    (path,) = journal.paths(tree, run.id)
    assert seal.take(tree, path) is None
    assert seal.take(tree, path.replace(".journal", "0.journal")) is None
    run.finish()


def test_a_lost_open_entry_is_written_again(tree: Tree) -> None:
    """The journal keeps a copy: the sealer puts it back byte for byte."""
    run = leave(params={"lr": 0.5}, tags=["cv"])
    (opened,) = Path(tree.path("runs")).rglob("*-open-*")
    data = opened.read_bytes()
    opened.unlink()
    close(tree, run)
    assert opened.read_bytes() == data
    assert fold.fold(tree, run).tags == ["cv"]


def test_rows_around_damage_are_sealed_and_the_damage_is_told(tree: Tree) -> None:
    """What can be read is kept; where bytes were damaged is said, and nothing is made up for them."""
    run = leave(count=40)
    path = Path(tree.path(journal.paths(tree, run)[0]))
    data = bytearray(path.read_bytes())
    middle = len(data) - 900
    data[middle : middle + 4] = b"\0\0\0\0"
    path.write_bytes(data)
    state = fold.fold(tree, run)
    assert ["are damaged" in notice for notice in state.notices] == [True]
    done = close(tree, run)
    assert len(done.gaps) == 1
    assert 75 <= done.rows <= 80
    assert fold.fold(tree, run).notices == []


@pytest.mark.parametrize("size", [0, 10, 16, 60])
def test_a_journal_without_a_header_leaves_no_run(tree: Tree, size: int, workdir: Path) -> None:
    """A process that was killed before it had said anything left nothing: no run comes of it."""
    tree.prepare()
    run = "20261122-031501-baseline-7f3a9c2e1b0d"
    writer = Writer(tree, new_header(run, 1, owner=True), since=0)
    writer.close()
    Path(writer.path).write_bytes(Path(writer.path).read_bytes()[:size])
    assert ledger.open().select() == []
    if size % 20:
        assert close(tree, run) == seal.Sealed(0, 0, [], 1, [])
    assert ledger.open().finish_stale() == {}
    assert journal.paths(tree, run) == []
    assert ledger.open().select() == []
    assert not Path(tree.path("runs")).exists()


def test_a_damaged_journal_is_not_sealed(tree: Tree) -> None:
    """Its header says what run it is of: without one nobody guesses, and its lock is let go."""
    run = leave()
    (path,) = journal.paths(tree, run)
    Path(tree.path(path)).write_bytes(b"no journal at all, but long enough")
    for _ in range(2):
        with pytest.raises(DamagedFile):
            close(tree, run)
    assert not files.is_locked(tree.path(path))
    with pytest.raises(DamagedFile, match="not a journal"):
        fold.fold(tree, run)


def test_a_journal_of_another_machine_is_left_alone(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock does not reach us: it is taken with --force, or once nothing was written to it for a day."""
    with monkeypatch.context() as patch:
        patch.setattr(journal, "this_host", lambda: "elsewhere")
        run = leave()
    assert close(tree, run).journals == 0
    (path,) = journal.paths(tree, run)
    assert not seal.idle(tree, path)
    assert close(tree, run, force=True).rows == 11


def test_an_idle_journal_of_another_machine_is_taken(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a day without a row nobody writes there any more."""
    import os

    with monkeypatch.context() as patch:
        patch.setattr(journal, "this_host", lambda: "elsewhere")
        run = leave()
    (path,) = journal.paths(tree, run)
    then = time.time() - 90_000
    os.utime(tree.path(path), (then, then))
    assert seal.idle(tree, path)
    assert close(tree, run).rows == 11


def test_sealed_journals_are_kept_for_a_day(tree: Tree) -> None:
    """They are put aside, and swept by a later sealer of another process; nothing else is."""
    run = leave()
    close(tree, run)
    (aside,) = Path(tree.path(seal.SEALED)).iterdir()
    other = aside.with_name("notes.txt")
    other.write_text("x")
    then = time.time() - 90_000
    seal._swept.clear()
    close(tree, leave())
    assert aside.exists()
    os.utime(aside, (then, then))
    os.utime(other, (then, then))
    seal._swept.clear()
    close(tree, leave())
    assert not aside.exists()
    assert other.exists()


def cut(data: bytes) -> bytes:
    """Damage a frame in the middle."""
    at = len(data) - 200
    return data[:at] + b"XXXX" + data[at + 4 :]


@pytest.mark.parametrize("harm", ["a gap", "a torn tail", "its head", "no entry", "a lost segment", "nothing"])
def test_a_journal_that_entries_do_not_hold_wholly_stays(tree: Tree, harm: str) -> None:
    """What is damaged in it, or sealed into files that are not here, may be in no other place."""
    run = leave()
    (path,) = [Path(tree.path(path)) for path in journal.paths(tree, run)]
    if harm in ("a gap", "a torn tail"):
        path.write_bytes(cut(path.read_bytes()) if harm == "a gap" else path.read_bytes()[:-3])
    close(tree, run)
    (aside,) = Path(tree.path(seal.SEALED)).iterdir()
    if harm == "its head":
        aside.write_bytes(b"X" + aside.read_bytes()[1:])
    folder = Path(tree.path(tree.folder_of(run)))
    away = folder.with_name("away")
    if harm == "no entry":
        folder.rename(away)
    for segment in folder.glob("*.parquet") if harm == "a lost segment" else ():
        segment.unlink()
    seal._swept.clear()
    os.utime(aside, (time.time() - 90_000,) * 2)
    close(tree, leave(1))
    assert aside.exists() == (harm != "nothing")
    if harm == "no entry":  # on another branch, perhaps; once they are back it goes
        away.rename(folder)
        seal._swept.clear()
        os.utime(aside, (time.time() - 90_000,) * 2)
        close(tree, leave(1))
        assert not aside.exists()


def test_the_summary_for_human_readers_has_its_limits(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most so many metrics, the rest counted; readers use the rows, so all of them are there."""
    monkeypatch.setattr(form, "METRICS_MAX", 3)
    monkeypatch.setattr(form, "CHARTS_MAX", 2)
    with ledger.start("a") as run:
        run.log({f"m{i}": float(i) for i in range(7)}, step=1)
        run.log({"m0": float("nan")}, step=2)
        for i in range(5):
            run.log_text(f"t{i}", str(i))
    (entry,) = Path(tree.path("runs")).rglob("*-rows-*.json")
    text = entry.read_text()
    assert '"...": "4 more metrics"' in text
    assert '"m6"' not in text
    state = ledger.open().state("a")
    assert (len(state.metrics), len(state.charts)) == (7, 5)
    assert blobs.get(tree, state.charts[4].blob, "txt") == b"4"


def test_entries_of_one_seal_follow_each_other(tree: Tree) -> None:
    """rows follows open, close follows rows; each later in time than what it covers."""
    run = leave()
    close(tree, run)
    folder = f"runs/{run[:4]}-{run[4:6]}-{run[6:8]}/{run}"
    from ledger.store import entries

    opened, rows, closed = entries.read_all(tree, folder, run).read
    assert (opened.entry.after, rows.entry.after, closed.entry.after) == ([], [opened.id], [rows.id])
    newest = int(fold.rows(tree, run)[0].time.max())
    assert opened.entry.time_us < newest < rows.entry.time_us < closed.entry.time_us


def test_a_journal_that_lacks_in_entries_is_never_written_over(tree: Tree) -> None:
    """An early copy of it, put back where it was and sealed, does not take the place of the damaged one put aside."""
    run = leave()
    (path,) = [Path(tree.path(path)) for path in journal.paths(tree, run)]
    copy = path.read_bytes()
    path.write_bytes(cut(copy))
    close(tree, run)
    (aside,) = Path(tree.path(seal.SEALED)).iterdir()
    damaged = aside.read_bytes()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(copy)
    close(tree, run)
    assert aside.read_bytes() == damaged
    assert journal.paths(tree, run) == []  # all of the copy is in entries
    shown = fold.rows(tree, run, "valid")[0]
    assert len(shown) == 11
