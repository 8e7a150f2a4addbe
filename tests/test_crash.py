"""A process that dies at any step: what it was told is kept is there, once, and nothing else is.

Every change of a file goes through `store/files.py`. A forked process here works through the life of two runs and dies
at the n-th of its calls to the system: before it, after it, or half-way through a write, for every n. So it does at
each statement to the catalog.
"""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import ledger
from ledger import api
from ledger.cli import _run as run_command_line
from ledger.errors import LedgerWarning
from ledger.format import layout
from ledger.record import run as runs
from ledger.store import catalog, files, fold
from ledger.table import frames, predictions

CHANGES = {"makedirs", "mkdir", "posix_fadvise", "fsync", "rename", "rmdir", "unlink", "utime"}
CUTS = (0.02, 0.5, 0.98)  # of a write: how much of it was done
DIED, DONE = 9, 0


class Point(NamedTuple):
    """Where to die: at the n-th call, with this part of it done; 1.0 is after it."""

    call: int
    done: float


class Dying:
    """Stands in front of the system: counts what changes a file, and ends the process at one of these calls."""

    def __init__(self, point: Point) -> None:
        self.point, self.calls = point, 0
        self.writes: list[int] = []

    def __getattr__(self, name: str) -> Any:
        """Return what `os` has of this name, watched if it changes a file."""
        real = getattr(os, name)
        return self.watched(real) if name in CHANGES else real

    def watched(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call that may be the last."""

        def call(*given: Any, **more: Any) -> Any:
            self.calls += 1
            if self.calls != self.point.call:
                return real(*given, **more)
            try:
                if self.point.done == 1.0:
                    real(*given, **more)
            finally:
                os._exit(DIED)

        return call

    def write(self, fd: int, data: Any) -> int:
        """Write, unless this call is the last: then a part."""
        self.calls += 1
        self.writes.append(self.calls)
        if self.calls == self.point.call:
            os.write(fd, bytes(data)[: int(len(data) * self.point.done)])
            os._exit(DIED)
        return os.write(fd, data)

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        """Open a file; one that this makes counts."""
        return int((self.watched(os.open) if flags & os.O_CREAT else os.open)(path, flags, mode))

    def statement(self, _: str) -> None:
        """Count a statement to the catalog."""
        self.calls += 1
        if self.calls == self.point.call:
            os._exit(DIED)


class Told:
    """What the process was told is kept, written to a pipe as soon as a call has returned."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __call__(self, **what: Any) -> None:
        """Pass on one thing."""
        os.write(self.fd, json.dumps(what).encode() + b"\n")


def live(told: Told) -> None:
    """Live the life of two runs: logged to, rolled, closed, added to, annotated, taken away and back, resumed."""
    runs.ROLL_BYTES = 1500
    run = ledger.start("first", params={"lr": 0.1})
    told(run=run.id)
    for step in range(4):
        run.log({"loss": step / 8, "acc": float("nan")}, step=step)
        told(run=run.id, step=step, value=step / 8)
    for step in range(4, 30):  # more than a journal holds
        run.log({"loss": step / 8}, step=step)
        for thread in run._sealing:
            thread.join()
        told(run=run.id, step=step, value=step / 8)
    run.log_text("summary", "fine")
    told(run=run.id, chart="summary")
    run.log_predictions("test", y_true=[0, 1], y_score=[0.25, 0.75])
    told(run=run.id, predictions="test")
    run.finish()
    told(run=run.id, stands="finished")
    found = ledger.open()
    found.run(run.id).log({"loss": 100.0}, step=100, reason="late")
    told(run=run.id, step=100, value=100.0)
    found.run(run.id).log_predictions("late", y_true=[0, 1], y_pred=[1, 1], reason="late")
    told(run=run.id, predictions="late")
    found.run(run.id).tag("star")
    told(run=run.id, tag="star")
    found.select()
    found.remove(run.id)
    told(run=run.id, stands="taken away")
    found.restore(run.id)
    told(run=run.id, stands="back")
    again = ledger.start(resume=run.id)
    again.log({"loss": 200.0}, step=200)
    told(run=run.id, step=200, value=200.0, stands="resumed")
    again.finish("failed")
    told(run=run.id, stands="failed")
    second = found.log("second", [api.Call({"loss": 1.0}, 1)]).run
    told(run=second, step=1, value=1.0, stands="finished")
    ledger.open().select()
    told(end=True)


def crash(folder: Path, point: Point) -> tuple[int, list[dict[str, Any]]]:
    """Live in a folder until a point; return how it ended and what was told."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            os.chdir(folder)
            os.environ["LEDGER_CACHE_DIR"] = str(folder / "cache")
            warnings.simplefilter("ignore")
            dying = Dying(point)
            vars(files).update(os=dying, append=dying.write)
            for name, real in (("truncate", os.ftruncate), ("sync_data", os.fdatasync)):
                setattr(files, name, dying.watched(real))
            prepare = catalog._prepare

            def watched(db: Any, *more: Any) -> Any:
                db.set_trace_callback(dying.statement)
                return prepare(db, *more)

            catalog._prepare = watched
            told = Told(writing)
            live(told)
            told(points=dying.calls, writes=dying.writes)
            code = DONE
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        lines = [json.loads(line) for line in pipe.read().splitlines()]
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, lines


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return every file under `.ledger`."""
    root = folder / ".ledger"
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def assert_whole(folder: Path) -> None:
    """Every file with a name of its own holds the bytes that its name promises."""
    for name, data in snapshot(folder).items():
        stem, word = Path(name).stem, hashlib.sha256(data).hexdigest()
        if Path(name).name.startswith(files.TEMPORARY) or name.startswith("journal/"):
            continue
        if name.startswith("runs/"):
            assert stem.rpartition("-")[2] == word[:16], name
        elif name.startswith("blobs/"):
            assert stem == word, name
        else:
            assert data.decode() == layout.CONSTANT_FILES[name], name


def assert_readable(folder: Path) -> None:
    """No reader fails."""
    assert ledger.open(str(folder)).path
    commands = [["ls", "--json"], ["export"], ["ls"]]
    ids = [state.id for state in ledger.open(str(folder)).select()]
    commands += [["show", id] for id in ids] + [["show", id, "--json"] for id in ids]
    if len(ids) > 1:
        commands.append(["compare", *ids])
    for command in commands:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            assert run_command_line(["-C", str(folder), *command]) == 0, command


def rows_of(folder: Path) -> dict[tuple[str, int], float]:
    """Return the stored rows of `loss` by run and step; none is there twice."""
    found = ledger.open(str(folder))
    frame = frames.frame([frames.Source(id, found.tree, id) for id, _, _ in found.catalog.ids()], "stored")
    frame = frame[frame.metric == "loss"]
    rows = list(zip(frame.run, frame.step.astype(int), frame.value.astype(float), strict=True))
    assert len({row[:2] for row in rows}) == len(rows)
    return {(run, step): value for run, step, value in rows}


def assert_kept(folder: Path, told: list[dict[str, Any]]) -> None:
    """Whatever was told is there."""
    rows = rows_of(folder)
    found = ledger.open(str(folder))
    for said in told:
        if "step" in said:
            assert rows[said["run"], said["step"]] == said["value"]
        if "chart" in said or "tag" in said:
            state = fold.fold(found.tree, said["run"])
            assert said.get("chart") in [None, *(chart.name for chart in state.charts)]
            assert said.get("tag") in [None, *state.tags]
        if "predictions" in said:  # of a run that may be out of view
            chosen = predictions.choose(fold.fold(found.tree, said["run"]), said["predictions"])
            columns = predictions.read(found.tree, said["run"], chosen).columns
            assert columns["y_true"].values.tolist() == [0, 1]
    for run, words in words_of(told).items():
        state = fold.fold(found.tree, run)
        if "back" in words or "taken away" not in words:
            assert not state.retracted or words[-1] == "finished"  # the next step may have begun
        if words[-1] in ("finished", "failed"):
            assert state.status == words[-1]


def words_of(told: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return what was told of how each run stands, in order."""
    words: dict[str, list[str]] = {}
    for said in told:
        if "stands" in said:
            words.setdefault(said["run"], []).append(said["stands"])
    return words


def survive(folder: Path, point: Point) -> list[dict[str, Any]]:
    """Die at a point, and hold the ledger that is left to all that is promised; return what was told."""
    folder.mkdir()
    code, told = crash(folder, point)
    assert code == (DIED if point.call else DONE), point
    if not (folder / ".ledger").is_dir():
        assert told == []
        return told
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore", LedgerWarning)
        patch.setenv("LEDGER_CACHE_DIR", str(folder / "cache"))
        patch.chdir(folder)
        assert_whole(folder)
        assert_readable(folder)
        assert_kept(folder, told)
        before = rows_of(folder)
        for _ in range(2):  # the second sealing, too
            done = ledger.open().finish_stale()
            assert [error for error in done.values() if isinstance(error, Exception)] == [], point
            assert_whole(folder)
            assert_kept(folder, told)
            assert rows_of(folder) == before
            after = snapshot(folder)
        assert done == {}
        assert_readable(folder)
        states = [*ledger.open().select(), *ledger.open().removed()]
        assert {state.status for state in states} <= {"finished", "failed", "interrupted"}, point
        ledger.open().finish_stale()
        assert snapshot(folder) == after
        assert ledger.open().stale() == []
        assert [name for name in after if name.startswith("journal/2") and files.TEMPORARY not in name] == []
    return told


@pytest.fixture
def points(tmp_path: Path) -> list[Point]:
    """Return every point at which the life of the two runs can end."""
    told = survive(tmp_path / "whole", Point(0, 0.0))[-1]
    before_and_after = [Point(call, done) for call in range(1, told["points"] + 1) for done in (0.0, 1.0)]
    return sorted(before_and_after + [Point(call, done) for call in told["writes"] for done in CUTS])


def test_a_crash_at_some_points_loses_nothing(tmp_path: Path, points: list[Point]) -> None:
    """At points spread over the whole: as below."""
    for number, point in enumerate(points[:: len(points) // 14]):
        survive(tmp_path / str(number), point)


@pytest.mark.slow
def test_a_crash_at_any_point_loses_nothing(tmp_path: Path, points: list[Point]) -> None:
    """Every row that was told is there once, every file whole, every reader works; sealing completes, once."""
    for number, point in enumerate(points):
        survive(tmp_path / str(number), point)
    assert len(points) > 600
    print(f"crash points tried: {len(points)}")


def test_killed_while_logging(tmp_path: Path) -> None:
    """SIGKILL in the middle of a loop: each step that was told is there, in order, and the run is interrupted."""
    code = """
import ledger
with ledger.start("baseline") as run:
    for step in range(10_000_000):
        run.log({"loss": step / 7}, step=step)
        print(step, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        told = [int(process.stdout.readline()) for _ in range(200)][-1]
        os.kill(process.pid, signal.SIGKILL)
        told = max([told, *(int(line) for line in process.stdout if line.endswith("\n"))])
    found = ledger.open(str(tmp_path))
    assert [state.status for state in found.select()] == ["interrupted"]
    found.finish_stale()
    rows = found.metrics("baseline")
    count = len(rows)
    assert told + 1 <= count
    assert rows.step.tolist() == list(range(count))
    assert rows.value.tolist() == [step / 7 for step in range(count)]
    assert found.state("baseline").status == "interrupted"
