"""The disk refuses while a model trains: training goes on, one warning is given, and no row is lost without a word.

Real faults where the system lets us make them (a small file system, a limit of file size, a removed folder, a tree that
may not be written to), each in a process of its own.
"""

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.errors import LedgerWarning, StorageFault
from ledger.record import run as runs
from ledger.store import files
from ledger.store import writer as writers

pytestmark = pytest.mark.usefixtures("workdir")

# What the programs here share: `said` are the warnings so far.
HEAD = """
import os, sys, shutil, warnings
said = []
warnings.showwarning = lambda message, category, *_: said.append((category.__name__, str(message)))
warnings.simplefilter("always")
import ledger
from ledger.errors import StorageFault

def log(run, first, last):
    for step in range(first, last):
        run.log({"x": step / 8}, step=step)

def refuses(run):
    try:
        run.finish()
    except StorageFault as fault:
        return str(fault)
    raise AssertionError("finish() did not raise")
"""


def train(code: str, *words: object, through: Sequence[str] = ()) -> str:
    """Run a program that trains, perhaps through another program; return what it said on stderr."""
    done = subprocess.run(
        [*through, sys.executable, "-c", HEAD + textwrap.dedent(code), *map(str, words)],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def assert_rows(count: int, folder: str | None = None) -> None:
    """The run holds so many rows, each as it was logged."""
    frame = ledger.open(folder).metrics(rows="stored")
    assert sorted(zip(frame.step.astype(int), frame.value, strict=True)) == [(step, step / 8) for step in range(count)]


@pytest.fixture
def small_disk(workdir: Path) -> Iterator[Path]:
    """Mount a file system of one MiB; skip where that is not allowed."""
    folder = workdir / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    """ENOSPC: rows wait in memory, finish() raises while it is full, and all of them are written once there is room."""
    train(
        """
        os.chdir(sys.argv[1])
        run = ledger.start("a")
        log(run, 0, 10)
        with open("ballast", "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(512))
            except OSError:
                pass
        log(run, 10, 3000)
        assert [kind for kind, _ in said] == ["LedgerWarning"], said
        assert "No space left" in said[0][1] or "part of a row" in said[0][1], said
        assert "could not be written" in refuses(run)
        assert ledger.open().run("a").status == "running"
        os.unlink("ballast")
        log(run, 3000, 3010)
        run.finish()
        assert len(said) == 1, said
        """,
        small_disk,
    )
    assert_rows(3010, str(small_disk))
    assert ledger.open(str(small_disk)).run("a").status == "finished"


def test_a_disk_that_stays_full(small_disk: Path) -> None:
    """A script that ends on a full disk says so, without a traceback; what was written can be sealed later."""
    said = train(
        """
        os.chdir(sys.argv[1])
        run = ledger.start("a")
        log(run, 0, 10)
        with open("ballast", "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(512))
            except OSError:
                pass
        log(run, 10, 3000)
        """,
        small_disk,
    )
    assert said.startswith("ledger: ")
    assert "could not be written" in said
    assert "ledger finish" in said
    assert "Traceback" not in said
    (small_disk / "ballast").unlink()
    found = ledger.open(str(small_disk))
    found.finish_stale()
    count = len(found.metrics("a"))
    assert 10 <= count < 3000
    assert_rows(count, str(small_disk))


def test_a_limit_of_file_size() -> None:
    """RLIMIT_FSIZE: the journal grows to the limit and no further; when the limit is lifted all rows are written."""
    train(
        """
        import resource
        run = ledger.start("a")
        size = os.path.getsize(run._writer.path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1000, resource.RLIM_INFINITY))
        log(run, 0, 500)
        assert len(said) == 1, said
        assert os.path.getsize(run._writer.path) <= size + 1000
        assert "could not be written" in refuses(run)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        log(run, 500, 600)
        run.finish()
        assert len(said) == 1, said
        """
    )
    assert_rows(600)


@contextmanager
def broken(name: str, fails: Callable[[int], bool]) -> Iterator[None]:
    """Let calls of a function of `store.files` fail with EIO: those for whose number `fails` is true."""
    calls = 0
    real = getattr(files, name)

    def call(*given: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if fails(calls):
            raise OSError(5, "Input/output error")
        return real(*given, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, name, call)
        yield


def test_an_error_of_the_disk() -> None:
    """EIO: as a full disk; finish() raises, and once the disk works all rows are there in order."""
    run = ledger.start("a")
    with broken("append", lambda _: True), pytest.warns(LedgerWarning, match="Input/output error") as said:
        for step in range(50):
            run.log({"x": step / 8}, step=step)
        with pytest.raises(StorageFault, match="50 calls of run"):
            run.finish()
    assert len(said) == 1
    run.log({"x": 50 / 8}, step=50)
    run.finish()
    assert_rows(51)


def test_a_disk_that_fails_now_and_then() -> None:
    """Every third call fails: each fault is said once, no row is lost, doubled or out of order."""
    run = ledger.start("a")
    with broken("append", lambda number: number % 3 == 0), pytest.warns(LedgerWarning):
        for step in range(50):
            run.log({"x": step / 8}, step=step)
    run.finish()
    assert_rows(50)
    times = ledger.open().metrics("a").time
    assert times.is_monotonic_increasing


def test_a_disk_that_does_not_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed sync is said once, and does not keep a later fault from being said."""
    monkeypatch.setattr(writers, "SYNC_US", -1)
    run = ledger.start("a")
    with pytest.warns(LedgerWarning) as said:
        with broken("sync_data", lambda _: True):
            for step in range(5):
                run.log({"x": step / 8}, step=step)
        with broken("append", lambda _: True):
            run.log({"x": 5 / 8}, step=5)
    assert [word in str(warning.message) for word, warning in zip(["power cut", "in memory"], said, strict=True)] == [
        True,
        True,
    ]
    run.finish()
    assert_rows(6)


@pytest.mark.parametrize("what", [".ledger/journal", ".ledger/runs", ".ledger"])
def test_a_removed_folder(what: str) -> None:
    """Whatever is removed while a run goes on: its rows are in the open file, and finish() writes them again."""
    train(
        """
        run = ledger.start("a", params={"lr": 0.5})
        log(run, 0, 50)
        shutil.rmtree(sys.argv[1])
        log(run, 50, 100)
        assert said == [], said
        run.finish()
        assert len(said) == (sys.argv[1] != ".ledger/runs"), said
        assert all("written again" in text for _, text in said), said
        """,
        what,
    )
    assert_rows(100)
    state = ledger.open().state("a")
    assert (state.status, state.params) == ("finished", {"lr": 0.5})
    assert Path(".ledger/.gitignore").exists()
    assert not list(Path(".ledger/journal").glob("2*"))


def test_a_folder_that_is_removed_from_a_long_run() -> None:
    """It is noticed while the run goes on, said once, and a journal is there again: a kill costs nothing after that."""
    train(
        """
        import ledger.store.writer
        run = ledger.start("a")
        log(run, 0, 50)
        shutil.rmtree(".ledger")
        ledger.store.writer.SYNC_US = -1
        log(run, 50, 100)
        assert len(said) == 1, said
        os._exit(0)
        """
    )
    ledger.open().finish_stale()
    assert_rows(100)


def test_a_full_journal_that_was_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is noticed as the journal is full: it is written again before it is sealed."""
    monkeypatch.setattr(runs, "ROLL_BYTES", 4000)
    run = ledger.start("a")
    run.log({"x": 0.0}, step=0)
    os.unlink(run._writer.path)
    with pytest.warns(LedgerWarning, match="written again") as said:
        for step in range(1, 300):
            run.log({"x": step / 8}, step=step)
    assert len(said) == 1
    run.finish()
    assert_rows(300)


def test_a_ledger_that_was_moved() -> None:
    """The rows go with it: finish() raises and says so, and in its new place the run can be finished."""
    run = ledger.start("a")
    run.log({"x": 0.0}, step=0)
    os.mkdir("new")
    os.rename(".ledger", "new/.ledger")
    run.log({"x": 1 / 8}, step=1)
    with pytest.raises(StorageFault, match="is not at"):
        run.finish()
    run._writer.close()
    run.withdraw()
    done = ledger.open("new").finish("a")
    assert (done.status, done.rows) == ("interrupted", 2)
    assert_rows(2, "new")


def test_a_tree_that_becomes_read_only() -> None:
    """Rows go into the open journal; finish() raises while nothing may be made, and completes when it may."""
    through: list[str] = []
    if os.getuid() == 0:  # whom permissions do not bind otherwise
        if shutil.which("setpriv") is None:
            pytest.skip("root is bound by no permission, and there is no setpriv to change that")
        through = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    train(
        """
        run = ledger.start("a")
        log(run, 0, 50)
        folders = [path for path, _, _ in os.walk(".ledger")]
        for folder in folders:
            os.chmod(folder, 0o555)
        log(run, 50, 100)
        assert said == [], said
        assert "Permission denied" in refuses(run)
        log(run, 100, 150)
        for folder in folders:
            os.chmod(folder, 0o755)
        run.finish()
        """,
        through=through,
    )
    assert_rows(150)
    assert ledger.open().run("a").status == "finished"


def test_memory_for_rows_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound calls are given up: said when it begins, counted, raised once by finish(), kept in the run."""
    monkeypatch.setattr(writers, "PENDING_MAX", 1000)
    run = ledger.start("a")
    with broken("append", lambda _: True), pytest.warns(LedgerWarning) as said:
        for step in range(100):
            run.log({"x": step / 8}, step=step)
        assert run._writer.pending_bytes <= 1000
    assert [word in str(warning.message) for word, warning in zip(["in memory", "given up"], said, strict=True)] == [
        True,
        True,
    ]
    with pytest.raises(StorageFault, match=r"\d+ calls of run .* were given up") as fault:
        run.finish()
    assert ledger.open().run("a").status == "running"
    run.finish()
    state = ledger.open().state("a")
    kept = state.metrics["x"].count
    assert_rows(kept)
    assert 0 < kept < 100
    assert str(fault.value).startswith(f"{100 - kept} calls")
    assert (state.status, state.error) == ("finished", f"{100 - kept} calls were given up while the disk refused them")


EVALUATE = """
import numpy as np, resource, json

def evaluate(run, split="test", rows=6000):
    random = np.random.default_rng(len(split))
    truth = random.integers(0, 2, rows)
    run.evaluate(y_true=truth, y_score=random.random(rows), kind="binary", split=split)

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
"""


def test_an_evaluation_is_written_whole_or_not_at_all() -> None:
    """RLIMIT_FSIZE lets some of its charts through: none of it is there until all of it is, in the order of calls."""
    train(
        EVALUATE
        + """
run = ledger.start("a")
run.log({"x": 0.0}, step=0)
limit(20_000)
evaluate(run)
run.log({"x": 0.125}, step=1)
assert len(said) == 1 and "File too large" in said[0][1] and "kept in memory" in said[0][1], said
state = ledger.open().state("a")
assert (list(state.metrics), state.charts, state.predictions) == (["x"], [], []), state
text = refuses(run)
assert "2 calls of run" in text and "chart 'test/" in text, text
assert ledger.open().run("a").status == "running"
limit(resource.RLIM_INFINITY)
run.log({"x": 0.25}, step=2)
run.finish()
assert len(said) == 1, said
"""
    )
    led = ledger.open()
    state = led.state("a")
    assert state.status == "finished"
    assert {"test/roc_auc", "test/f1", "x"} <= set(state.metrics)
    assert {"test/roc", "test/threshold", "test/definitions"} <= {chart.name for chart in state.charts}
    assert len(led.predictions("a", "test")) == 6000
    assert led.verify().damage == 0


def test_a_process_that_ends_keeps_the_rows_behind_a_chart() -> None:
    """What could not be stored is named; the rows behind it are in the journal, and nothing of it is there in part."""
    said = train(
        EVALUATE
        + """
run = ledger.start("a")
limit(20_000)
evaluate(run)
log(run, 0, 20)
"""
    )
    assert "could not be written" in said
    assert "lost with this process: chart 'test/" in said
    led = ledger.open()
    led.finish_stale()
    state = led.state("a")
    assert (list(state.metrics), state.charts, state.predictions) == (["x"], [], [])
    assert_rows(20)


def test_memory_for_charts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound charts are given up, each named in a warning; finish() raises once, the run says how many."""
    monkeypatch.setattr(writers, "BLOBS_MAX", 2000)
    run = ledger.start("a")
    with broken("write_each", lambda _: True), pytest.warns(LedgerWarning) as said:
        for name in ("one", "two", "three", "four"):
            run.log_chart(name, name.encode() * 250)
        assert run._writer.pending_blobs <= 2000
    texts = [str(warning.message) for warning in said]
    assert "kept in memory" in texts[0]
    assert ["'three'" in text and "given up" in text for text in texts[1:]] == [True, False]
    assert "'four'" in texts[2]
    with pytest.raises(StorageFault, match="2 calls of run .* were given up"):
        run.finish()
    run.finish()
    state = ledger.open().state("a")
    assert [chart.name for chart in state.charts] == ["one", "two"]
    assert (state.status, state.error) == ("finished", "2 calls were given up while the disk refused them")


def test_many_rows_that_wait_are_written_in_seconds() -> None:
    """Memory may be full of rows when the disk is back: writing them does not stop the training for minutes."""
    run = ledger.start("a")
    count = 200_000
    with broken("append", lambda _: True), pytest.warns(LedgerWarning):
        for step in range(count):
            run.log({"x": step / 8}, step=step)
    begun = os.times().elapsed
    run.log({"x": count / 8}, step=count)
    assert os.times().elapsed - begun < 5
    assert run._writer.pending_bytes == 0
    run.finish()
    assert len(ledger.open().metrics("a")) == count + 1


def test_a_run_that_cannot_begin_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """`start` raises on a full disk; nothing is left that would be closed as a run later."""
    ledger.start("first").finish()
    before = sorted(Path(".ledger").rglob("*"))
    others = dict(runs._open_runs)  # of other tests in this process
    with broken("write_all", lambda _: True), pytest.raises(StorageFault):
        ledger.start("a")
    after = sorted(path for path in Path(".ledger").rglob("*") if path.is_file())
    assert after == [path for path in before if path.is_file()]
    assert runs._open_runs == others
    assert [state.name for state in ledger.open().select()] == ["first"]


@pytest.mark.parametrize("error", ["KeyboardInterrupt()", "RuntimeError('a bug')", "MemoryError()"])
def test_nothing_is_raised_at_exit(error: str) -> None:
    """Whatever goes wrong as the last runs are closed is said in a line or two, with the command that helps."""
    said = train(
        f"""
        from ledger.record import seal
        def broken(*_, **__):
            raise {error}
        seal.seal = broken
        run = ledger.start("a")
        log(run, 0, 5)
        """
    )
    assert said.startswith("ledger: the run ")
    assert "its journal keeps the rows" in said
    assert len(said.splitlines()) == 2
    id = said.splitlines()[1].split()[-1]
    assert ledger.open().finish(id).rows == 5
