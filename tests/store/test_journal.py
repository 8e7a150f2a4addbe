"""Journals: what a writer acknowledged is read back, whatever happened to the file, the disk or the clock meanwhile."""

import errno
import os
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import DamagedFile, LedgerWarning, NewerFormat, StorageFault
from ledger.format import entries as form
from ledger.format import frame
from ledger.format.rows import NO_STEP
from ledger.store import files, journal
from ledger.store import writer as writers
from ledger.store.shared import SharedWriter
from ledger.store.tree import Tree
from ledger.store.writer import Writer, new_header


@pytest.fixture
def writer(tree: Tree, run: str) -> Iterator[Writer]:
    """Return a journal being written, like a process that trains holds it."""
    made = Writer(tree, new_header(run, 1, owner=True), since=0)
    yield made
    made.close()


def content(tree: Tree, run: str) -> list[tuple[str, str | None, int | None, float]]:
    """Return what all journals of a run hold: metric, context, step, value, in order of writer and seq."""
    found = []
    for path in journal.paths(tree, run):
        loaded = journal.load(tree, path)
        assert loaded is not None
        rows = loaded.content.rows
        for i in range(len(rows)):
            name, context = rows.keys[rows.key[i]]
            step = None if rows.step[i] == NO_STEP else int(rows.step[i])
            found.append((rows.writers[0], int(rows.seq[i]), name, context, step, float(rows.value[i])))
    return [row[2:] for row in sorted(found)]


def log(writer: Any, count: int, start: int = 0) -> list[tuple[str, str | None, int | None, float]]:
    """Log rows x = step / 8; return what must be read back."""
    for step in range(start, start + count):
        writer.rows(step, None, {"x": step / 8})
    return [("x", None, step, step / 8) for step in range(start, start + count)]


def test_what_was_logged_is_read_back(tree: Tree, run: str, writer: Writer) -> None:
    """Values, steps, contexts and reasons of undefined values, as they were given, in their order."""
    writer.rows(3, None, {"x": 0.5, "y": float("inf")})
    writer.rows(None, '{"fold":1}', {"x": -0.0})
    writer.rows(-4, None, {"y": "one class only"})
    (path,) = journal.paths(tree, run)
    loaded = journal.load(tree, path)
    assert loaded is not None
    rows = loaded.content.rows
    assert len(rows) == 4
    assert sorted(rows.seq.tolist()) == [0, 1, 2, 3]
    assert sum(rows.undefined) == 1
    assert loaded.content.reasons == {3: "one class only"}
    assert struct.pack("<d", -0.0) in [struct.pack("<d", value) for value in rows.value]
    assert (loaded.header.run, loaded.header.owner, loaded.content.gaps) == (run, True, [])


def test_a_chart_is_kept_among_the_rows(tree: Tree, run: str, writer: Writer) -> None:
    """A chart takes a seq like a row, and comes back with its fields."""
    writer.rows(1, None, {"x": 1.0})
    writer.bundle([], [{"name": "roc", "blob": "0" * 64, "extension": "png", "media_type": "image/png", "bytes": 5}])
    writer.rows(2, None, {"x": 2.0})
    loaded = journal.load(tree, journal.paths(tree, run)[0])
    assert loaded is not None
    assert [(chart.seq, chart.fields["name"]) for chart in loaded.content.charts] == [(1, "roc")]
    assert sorted(loaded.content.rows.seq.tolist()) == [0, 2]
    assert loaded.content.last_seq == 2


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_torn_tail_costs_the_torn_row_only(tree: Tree, run: str, writer: Writer, cut: int) -> None:
    """A crash in the middle of a write leaves a part of the last row; all before it is there, and no gap is said."""
    expected = log(writer, 20)
    path = Path(writer.path)
    before = path.stat().st_size
    log(writer, 1, start=20)
    path.write_bytes(path.read_bytes()[: before + min(cut, path.stat().st_size - before - 1)])
    assert content(tree, run) == expected
    loaded = journal.load(tree, journal.paths(tree, run)[0])
    assert loaded is not None
    assert loaded.content.gaps == []


def test_zeros_at_the_end_are_no_rows(tree: Tree, run: str, writer: Writer) -> None:
    """A power cut may leave a file longer than what was written, full of zeros."""
    expected = log(writer, 20)
    with open(writer.path, "ab") as file:
        file.write(bytes(4096))
    assert content(tree, run) == expected


@given(at=st.floats(0, 1), width=st.integers(1, 60), byte=st.integers(0, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_in_the_middle_is_jumped_over_and_said(
    tree: Tree, run: str, writer: Writer, at: float, width: int, byte: int
) -> None:
    """Rows before and after the damaged bytes are read, none is changed, and where it lies is told."""
    path = Path(writer.path)
    if writer.seq == 0:
        log(writer, 60)
    good = path.read_bytes()
    start = writer_start(good)
    try:
        first = start + int(at * (len(good) - start - 1))
        bad = good[:first] + bytes([byte]) * min(width, len(good) - first) + good[first + width :]
        path.write_bytes(bad)
        found = content(tree, run)
        assert set(found) <= {("x", None, step, step / 8) for step in range(60)}
        assert len(found) >= 60 - 2 - width // 20
        loaded = journal.load(tree, journal.paths(tree, run)[0])
        assert loaded is not None
        if len(found) < 60 and found[-1][2] == 59:
            assert [end > first for _, end in loaded.content.gaps] == [True]
    finally:
        path.write_bytes(good)


def writer_start(data: bytes) -> int:
    """Return where the rows of a journal begin."""
    found = frame.frame_at(data, frame.PREFIX_SIZE, frame.decode_prefix(data, "x"))
    assert found is not None
    return found.end


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 40])
def test_a_journal_that_never_got_its_header_is_none(tree: Tree, run: str, writer: Writer, size: int) -> None:
    """What a crash cut off before any row is passed over, and reported by nobody as damage."""
    path = Path(writer.path)
    for data in (path.read_bytes()[:size], bytes(size * 100)):
        path.write_bytes(data)
        assert journal.load(tree, journal.paths(tree, run)[0]) is None
        assert journal.last_time(tree, run) == 0


def test_a_header_that_is_damaged_before_rows_is_damage(tree: Tree, run: str, writer: Writer) -> None:
    """Rows without a header belong to nobody knows what run: exit 5, the file named."""
    log(writer, 3)
    path = Path(writer.path)
    data = bytearray(path.read_bytes())
    data[frame.PREFIX_SIZE + 20] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DamagedFile, match="damaged header") as caught:
        journal.load(tree, journal.paths(tree, run)[0])
    assert path.name in str(caught.value)
    path.write_bytes(b"not a journal at all, but long enough")
    with pytest.raises(DamagedFile, match="not a journal"):
        journal.load(tree, journal.paths(tree, run)[0])


def test_a_journal_of_a_newer_format_is_refused(tree: Tree, run: str, writer: Writer) -> None:
    """It says which format it has."""
    import zlib

    path = Path(writer.path)
    data = bytearray(path.read_bytes())
    data[7:8] = b"9"
    data[12:16] = zlib.crc32(bytes(data[:12])).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(NewerFormat, match="has format 9"):
        journal.load(tree, journal.paths(tree, run)[0])


def test_the_clock_may_go_backwards(tree: Tree, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times of a writer never fall, and lie after the newest time that was known when it began."""
    now = [5_000_000_000]
    monkeypatch.setattr(writers, "_now", lambda: now[0])
    made = Writer(tree, new_header(run, 1), since=9_000_000)
    for value in (8_000_000_000, 20_000_000_000, 1_000_000_000, 21_000_000_000):
        now[0] = value
        made.rows(None, None, {"x": 1.0})
    made.close()
    loaded = journal.load(tree, journal.paths(tree, run)[0])
    assert loaded is not None
    times = loaded.content.rows.time[loaded.content.rows.seq.argsort()].tolist()
    assert times == [9_000_001, 20_000_000, 20_000_000, 21_000_000]


def fail_with(number: int) -> Any:
    """Return a write that the disk refuses."""

    def refuse(fd: int, data: bytes) -> int:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_full_disk_does_not_stop_the_training(
    tree: Tree, run: str, writer: Writer, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Rows stay in memory, one warning is given however many calls follow, and all is written when it can be."""
    expected = log(writer, 5)
    with monkeypatch.context() as patch, pytest.warns(LedgerWarning, match="The training goes on") as said:
        patch.setattr(files, "append", fail_with(number))
        expected += log(writer, 5, start=5)
        assert content(tree, run) == expected[:5]
        with pytest.raises(StorageFault, match="5 calls of run .* could not be written"):
            writer.flush()
    assert len(said) == 1
    expected += log(writer, 5, start=10)
    writer.flush()
    assert content(tree, run) == expected
    loaded = journal.load(tree, journal.paths(tree, run)[0])
    assert loaded is not None
    assert loaded.content.gaps == []


@pytest.mark.parametrize("taken", [1, 7, 13, 30])
def test_a_short_write_is_taken_back(
    tree: Tree, run: str, writer: Writer, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    """A disk that fills up in the middle of a row takes a part of it: the part is cut off, the row written later."""
    expected = log(writer, 5)
    size = Path(writer.path).stat().st_size
    with monkeypatch.context() as patch, pytest.warns(LedgerWarning, match="part of a row only"):
        patch.setattr(files, "append", lambda fd, data: os.write(fd, data[:taken]))
        expected += log(writer, 3, start=5)
        assert Path(writer.path).stat().st_size == size
    expected += log(writer, 1, start=8)
    assert content(tree, run) == expected


def test_a_second_fault_warns_again(tree: Tree, run: str, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """One warning a fault: after a recovery the next fault is said anew."""
    for _ in range(2):
        with monkeypatch.context() as patch, pytest.warns(LedgerWarning) as said:
            patch.setattr(files, "append", fail_with(errno.ENOSPC))
            log(writer, 3)
        assert len(said) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            log(writer, 1)
    assert len(content(tree, run)) == 8


def test_memory_is_bounded_while_the_disk_refuses(
    tree: Tree, run: str, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond a limit the newest rows are given up, and finishing says how many calls are lost."""
    monkeypatch.setattr(writers, "PENDING_MAX", 200)
    with monkeypatch.context() as patch, pytest.warns(LedgerWarning):
        patch.setattr(files, "append", fail_with(errno.ENOSPC))
        log(writer, 100)
        assert writer.pending_bytes <= 200
    with pytest.raises(StorageFault, match=r"9\d calls"):
        writer.flush()
    found = content(tree, run)
    assert found == [("x", None, step, step / 8) for step in range(len(found))]


def test_a_failed_sync_is_said_and_not_raised(
    tree: Tree, run: str, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every few seconds rows are synced; if that fails the training goes on with a warning."""
    monkeypatch.setattr(writers, "SYNC_US", -1)
    synced: list[int] = []
    monkeypatch.setattr(files, "sync_data", synced.append)
    log(writer, 1)
    assert synced == [writer.fd]
    monkeypatch.setattr(files, "sync_data", lambda fd: fail_with(errno.EIO)(fd, b""))
    with pytest.warns(LedgerWarning, match="The training goes on"):
        log(writer, 1, start=1)
    assert len(content(tree, run)) == 2


def test_a_journal_is_locked_before_it_has_its_name(tree: Tree, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sealer takes up what it finds free, so nobody may ever find a journal without its lock and header."""
    seen: list[tuple[list[str], bool]] = []
    real_move = files.move

    def move(path: str, target: str) -> None:
        seen.append((journal.paths(tree, run), files.is_locked(path)))
        assert journal.read_header(Path(path).read_bytes(), path)
        real_move(path, target)

    monkeypatch.setattr(files, "move", move)
    writer = Writer(tree, new_header(run, 1), since=0)
    assert seen == [([], True)]
    assert journal.presence(tree, run).held == journal.paths(tree, run) != []
    writer.close()


def test_a_journal_that_cannot_be_begun_leaves_nothing(tree: Tree, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beginning one on a full disk raises StorageFault; no file and no lock stays."""
    monkeypatch.setattr(files, "append", lambda fd, data: os.write(fd, data[:10]))
    with pytest.raises(StorageFault, match="cannot begin a journal"):
        Writer(tree, new_header(run, 1), since=0)
    assert os.listdir(tree.path(f"journal/{run}")) == []


def test_presence_tells_who_holds_what(tree: Tree, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held by a process, left by a dead one, shared by the shell (locked at this moment), begun on another machine."""
    made = {kind: Writer(tree, new_header(run, 1, shared=kind == "shared"), since=0) for kind in ("left", "shared")}
    held = Writer(tree, new_header(run, 1), since=0)
    made["left"].close()
    with monkeypatch.context() as patch:
        patch.setattr(journal, "this_host", lambda: "elsewhere")
        foreign = Writer(tree, new_header(run, 1), since=0)
        foreign.close()
    found = journal.presence(tree, run)
    names = {kind: [f"journal/{run}/{writer.writer}.journal"] for kind, writer in made.items()}
    assert (found.left, found.shared) == (names["left"], names["shared"])
    assert found.held == [f"journal/{run}/{held.writer}.journal"]
    assert found.foreign == [f"journal/{run}/{foreign.writer}.journal"]
    held.close()
    made["shared"].close()
    assert journal.runs(tree) == [run]


def test_the_newest_time_is_found_without_reading_rows(tree: Tree, run: str, writer: Writer) -> None:
    """Of all journals, the last frame's time; of one without rows, the time it began."""
    begun = journal.last_time(tree, run)
    assert begun > 0
    log(writer, 3)
    assert journal.last_time(tree, run) == writer.time >= begun
    assert journal.last_time(tree, run.replace("7f3a", "8f3a")) == 0


def test_shell_calls_share_one_journal(tree: Tree, run: str) -> None:
    """Each call goes on where the last one ended: one file, one writer, seq counting on."""
    for step in range(5):
        with SharedWriter(tree, run, 1, since=0) as shared:
            shared.rows(step, None, {"x": step / 8, "y": 1.0})
    (path,) = journal.paths(tree, run)
    loaded = journal.load(tree, path)
    assert loaded is not None
    assert sorted(loaded.content.rows.seq.tolist()) == list(range(10))
    assert journal.presence(tree, run).shared == [path]


def test_a_shell_call_cuts_off_what_a_killed_one_left(tree: Tree, run: str) -> None:
    """Half a row at the end goes away before the next is written, so that no gap stays."""
    with SharedWriter(tree, run, 1, since=0) as shared:
        shared.rows(1, None, {"x": 1.0})
    path = Path(tree.path(journal.paths(tree, run)[0]))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[-20:-5])
    with SharedWriter(tree, run, 1, since=0) as shared:
        shared.rows(2, None, {"x": 2.0})
    loaded = journal.load(tree, journal.paths(tree, run)[0])
    assert loaded is not None
    assert loaded.content.gaps == []
    assert content(tree, run) == [("x", None, 1, 1.0), ("x", None, 2, 2.0)]


def test_a_long_shared_journal_is_gone_on_with(tree: Tree, run: str) -> None:
    """The end is found from the tail, also where the last row is longer than the tail that is read first."""
    many = {f"metric/{i}": float(i) for i in range(6000)}
    with SharedWriter(tree, run, 1, since=0) as shared:
        shared.rows(1, None, {"x": 1.0})
        shared.rows(2, None, many)
    with SharedWriter(tree, run, 1, since=0) as shared:
        assert shared.seq == 6001
        shared.rows(3, None, {"x": 3.0})
    assert len(journal.paths(tree, run)) == 1
    assert len(content(tree, run)) == 6002


def test_a_shared_journal_that_was_sealed_is_not_written_to(tree: Tree, run: str) -> None:
    """A journal that goes away while a call waits for its lock is left: the row goes into a new one."""
    with SharedWriter(tree, run, 1, since=0) as shared:
        shared.rows(1, None, {"x": 1.0})
    first = journal.paths(tree, run)[0]
    real = files.lock

    def move_then_lock(fd: int, *, wait: bool) -> bool:
        if os.path.exists(tree.path(first)):
            files.move(tree.path(first), tree.path("journal/sealed/x.journal"))
        return real(fd, wait=wait)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "lock", move_then_lock)
        with SharedWriter(tree, run, 1, since=0) as shared:
            shared.rows(2, None, {"x": 2.0})
    assert first not in journal.paths(tree, run)
    assert content(tree, run) == [("x", None, 2, 2.0)]


def test_another_attempt_has_a_journal_of_its_own(tree: Tree, run: str) -> None:
    """Rows of a resumed attempt never go into the journal of an earlier one."""
    for attempt in (1, 2, 2):
        with SharedWriter(tree, run, attempt, since=0) as shared:
            shared.rows(1, None, {"x": 1.0})
    loaded = [journal.load(tree, path) for path in journal.paths(tree, run)]
    assert sorted((item.header.attempt, len(item.content.rows)) for item in loaded if item) == [(1, 1), (2, 2)]


def test_a_shell_call_on_a_full_disk_writes_nothing(tree: Tree, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no next call that could try again: it fails with exit 74, and the journal is as before."""
    with SharedWriter(tree, run, 1, since=0) as shared:
        shared.rows(1, None, {"x": 1.0})
    path = Path(tree.path(journal.paths(tree, run)[0]))
    before = path.read_bytes()
    monkeypatch.setattr(files, "append", lambda fd, data: os.write(fd, data[:9]))
    with pytest.raises(StorageFault, match="cannot append"), SharedWriter(tree, run, 1, since=0) as shared:
        shared.rows(2, None, {"x": 2.0})
    assert path.read_bytes() == before


def test_a_header_keeps_the_open_entry(tree: Tree, run: str) -> None:
    """Its bytes come back as they were, so that a lost `open` entry can be written again."""
    encoded = form.encode(
        form.Open(**form.header("open", run, 1, "Ada", []), name="baseline", params={"x": "y" * 70_000})
    )
    Writer(tree, new_header(run, 1, opened=encoded), since=0).close()
    header = journal.peek(tree, journal.paths(tree, run)[0])
    assert header is not None
    assert (header.open_name, header.open_data) == (encoded.name, encoded.data)
    with SharedWriter(tree, run, 1, since=0) as shared:
        shared.rows(1, None, {"x": 1.0})
    assert len(content(tree, run)) == 1
