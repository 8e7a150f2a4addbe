"""A run being written: what `log` takes and keeps, also when the disk, a thread or a fork gets in the way."""

import math
import os
import signal
import struct
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ledger
from ledger.errors import (
    InvalidName,
    InvalidParam,
    InvalidValue,
    LedgerWarning,
    RunFinished,
    StorageFault,
)
from ledger.record import ending, provenance, seal
from ledger.record import run as runs
from ledger.store import files

pytestmark = pytest.mark.usefixtures("workdir")

SPECIAL = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 0.1, 1.7976931348623157e308]


def points(run: str = "a", rows: str = "shown") -> list[tuple[Any, ...]]:
    """Return the rows of a run: metric, context, step, value."""
    frame = ledger.open().metrics(run, rows=rows)
    missing = frame.isna()
    return [
        (metric, None if no_context else context, None if no_step else int(step), value)
        for metric, context, no_context, step, no_step, value in zip(
            frame.metric, frame.context, missing.context, frame.step, missing.step, frame.value, strict=True
        )
    ]


def steps(metric: str, run: str = "a") -> list[tuple[int, float]]:
    """Return (step, value) of one metric of a run."""
    return [(row[2], row[3]) for row in points(run) if row[0] == metric and row[1] is None]


def test_rows_come_back_as_they_were_logged() -> None:
    """Names, steps, contexts; nesting and splits are joined with `/`; a finished run has them as an open one."""
    run = ledger.start("a", params={"lr": 1e-3}, tags=["cv"])
    run.log({"train": {"loss": 0.5, "acc": 0.25}, "lr": 1}, step=1)
    run.log({"loss": 0.75}, step=2, split="val")
    run.log_metric("auc", 0.5, 2, context={"fold": 1})
    expected = [
        ("auc", '{"fold":1}', 2, 0.5),
        ("lr", None, 1, 1.0),
        ("train/acc", None, 1, 0.25),
        ("train/loss", None, 1, 0.5),
        ("val/loss", None, 2, 0.75),
    ]
    assert points() == expected
    assert ledger.open().run("a").status == "running"
    run.finish()
    assert points() == expected
    assert ledger.open().run("a").status == "finished"


@pytest.mark.parametrize("finished", [False, True])
def test_no_value_is_rounded_or_replaced(finished: bool) -> None:
    """NaN, infinities, minus zero, subnormals: bit for bit, from the journal and from the segment."""
    run = ledger.start("a")
    for _ in range(3):  # enough for the stretches that are read at once
        for value in SPECIAL:
            run.log({"x": value})
    if finished:
        run.finish()
    found = ledger.open().metrics("a").value.to_numpy()
    assert struct.pack("<21d", *found) == struct.pack("<21d", *(SPECIAL * 3))
    run.finish()


def test_what_counts_as_a_number() -> None:
    """Python and NumPy numbers, bools, 0-d arrays: each as float64; an undefined value has its reason."""
    with ledger.start("a") as run:
        for i, value in enumerate(
            [1, True, 2**53, np.float32(0.1), np.int8(-3), np.array(0.5), np.bool_(True), 2**1000]
        ):
            run.log({"x": value}, step=i)
        run.log({"y": ledger.Undefined("one class only")}, step=1)
    assert [value for _, value in steps("x")] == [1.0, 1.0, 2.0**53, float(np.float32(0.1)), -3.0, 0.5, 1.0, 2.0**1000]
    frame = ledger.open().metrics("a").query("metric == 'y'")
    assert frame.undefined.tolist() == ["one class only"]
    assert frame.value.isna().all()


BAD_VALUES = [None, "0.5", b"1", 1j, [1.0], (1,), {1.0}, np.array([1.0, 2.0]), np.array(["a"]), object(), 2**53 + 1,
              10**400, np.int64(2**53 + 1), np.complex64(1), np.datetime64("2026-01-01")]  # fmt: skip
BAD_NAMES = ["", " ", " a", "a ", "a\nb", "a\x00b", "a\x1b[31mb", "a\u202eb", "a{b", "a}b", "x" * 513, "\udcff"]
BAD_STEPS = [1.0, "1", True, 2**62 + 1, -(2**63), np.array([1]), object()]
BAD_CONTEXTS = [5, "a", {"a": [1]}, {"a": None}, {"a": math.nan}, {"a": "\x07"}]
BAD_CALLS: list[tuple[type[Exception], tuple[Any, ...], dict[str, Any]]] = [
    *((InvalidValue, ({"ok": 1.0, "x": value},), {"step": 1}) for value in BAD_VALUES),
    *((InvalidName, ({"ok": 1.0, name: 1.0},), {"step": 1}) for name in BAD_NAMES),
    *((InvalidValue, ({"x": 1.0},), {"step": step}) for step in BAD_STEPS),
    *((InvalidValue, ({"x": 1.0},), {"context": c}) for c in BAD_CONTEXTS),
    *((InvalidName, ({"x": 1.0},), {"context": c}) for c in ({"": 1}, {"a=b": 1}, {5: 1}, {"a\n": 1})),
    *((InvalidName, ({"x": 1.0},), {"split": s}) for s in ("", 5, "a{b")),
    (InvalidValue, ([("x", 1.0)],), {}),
    (InvalidValue, ("x",), {}),
    (InvalidValue, ({"a": {"b": 1.0}, "a/b": 2.0},), {}),
]  # fmt: skip


@pytest.mark.parametrize("logged_before", [False, True], ids=["first", "later"])
def test_a_wrong_call_raises_at_once_and_writes_nothing(logged_before: bool) -> None:
    """Whatever is wrong with a call, nothing of it is in the journal, and the next call is unharmed."""
    run = ledger.start("a")
    if logged_before:
        run.log({"x": 0.0, "ok": 0.0}, step=0)
    path = Path(run._writer.path)
    before = path.read_bytes()
    for error, arguments, given in BAD_CALLS:
        with pytest.raises(error) as caught:
            run.log(*arguments, **given)
        assert 0 < len(str(caught.value).splitlines()) <= 3, (arguments, given)
        assert path.read_bytes() == before, (arguments, given)
    run.log({"x": 1.0})
    assert steps("x")[-1] == ((1 if logged_before else 0), 1.0)
    run.finish()


def test_steps_go_on_by_themselves() -> None:
    """Without a step each metric and context goes on after its greatest step, in whatever order steps were given."""
    with ledger.start("a") as run:
        run.log({"x": 0.0, "y": 0.0})
        run.log({"x": 1.0}, step=10)
        run.log({"x": 2.0}, step=5)
        run.log({"x": 3.0, "y": 1.0, "z": 0.0})
        run.log({"x": 0.0}, context={"fold": 1})
        run.log({"x": -1.0}, step=-7)
    assert steps("x") == [(-7, -1.0), (0, 0.0), (5, 2.0), (10, 1.0), (11, 3.0)]
    assert steps("y") == [(0, 0.0), (1, 1.0)]
    assert steps("z") == [(0, 0.0)]
    assert ("x", '{"fold":1}', 0, 0.0) in points()


def test_the_short_way_is_the_long_way() -> None:
    """A call that is checked in full and one that takes the short way leave the same rows."""

    class Twice(dict[str, float]):
        """A mapping that is not exactly a dict, and so takes the long way."""

    with ledger.start("a") as short, ledger.start("b") as long:
        for step in (0, 1, 2, 1, 7, 2**62, -(2**62), 3):
            short.log({"x": step / 8, "y": 1.0}, step=step)
            long.log(Twice({"x": step / 8, "y": 1.0}), step=step)
        short.log({"y": math.nan}, step=4)
        long.log(Twice({"y": math.nan}), step=4)
        for bad in (2**62 + 1, -(2**62) - 1):
            for run in (short, long):
                with pytest.raises(InvalidValue):
                    run.log({"x": 1.0}, step=bad)
    assert repr(points("a")) == repr(points("b"))


def test_a_finished_run_takes_no_more() -> None:
    """Every writing call says so, with what to type instead; finishing again does nothing."""
    run = ledger.start("a")
    run.log({"x": 1.0}, step=1)
    run.finish()
    run.finish("failed")
    for call in (
        lambda: run.log({"x": 2.0}, step=2),
        lambda: run.log({"x": 2.0}),
        lambda: run.log_text("t", "x"),
        lambda: run.log_params({"a": 1}),
        lambda: run.tag("star"),
        lambda: run.note("n"),
    ):
        with pytest.raises(RunFinished, match="is finished") as caught:
            call()
        assert run.id in str(caught.value)
    state = ledger.open().state("a")
    assert (state.status, state.metrics["x"].last, state.tags) == ("finished", 1.0, [])


def test_an_exception_closes_the_run_as_failed() -> None:
    """The rows are kept, the error's last line is noted, and the exception goes on."""
    with pytest.raises(ZeroDivisionError), ledger.start("a") as run:
        run.log({"x": 1.0})
        _ = 1 / 0
    state = ledger.open().state("a")
    assert (state.status, state.error, state.metrics["x"].last) == (
        "failed",
        "ZeroDivisionError: division by zero",
        1.0,
    )


def test_an_error_that_is_no_text_does_not_hide_the_failure() -> None:
    """A message with bytes that were no UTF-8, as file names may have, is noted with escapes, secrets redacted."""
    with pytest.raises(OSError, match="no file"), ledger.start("a"):
        raise OSError("no file \udcff --token=hunter2")
    state = ledger.open().state("a")
    assert state.status == "failed"
    assert state.error is not None
    assert "no file \\udcff" in state.error
    assert "hunter2" not in state.error


@pytest.mark.parametrize(
    "given",
    [{"status": "done"}, {"status": None}, {"status": 5}, {"exit_status": "x"}, {"error": 5}, {"error": "\udcff"}],
)
def test_a_wrong_ending_is_refused_and_can_be_put_right(given: dict[str, Any]) -> None:
    """What no reader would accept is never written: the run stays open until it is finished properly."""
    run = ledger.start("a")
    run.log({"x": 1.0})
    with pytest.raises(InvalidValue):
        run.finish(**given)
    run.log({"x": 2.0})
    run.finish("interrupted", exit_status=3, error="why")
    state = ledger.open().state("a")
    assert (state.status, state.exit_status, state.error, state.metrics["x"].count) == ("interrupted", 3, "why", 2)


def test_charts_texts_and_files_are_kept(tmp_path: Path) -> None:
    """Bytes, arrays, texts and files come back as they were stored, by name and step."""
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with ledger.start("a") as run:
        run.log_chart("raw", b"\x89PNG\r\n\x1a\n...", caption="a caption")
        run.log_chart("array", np.zeros((4, 6), np.uint8), step=1)
        run.log_chart("array", np.ones((4, 6, 3)), step=2)
        run.log_text("text", "hello \udcff")
        run.log_file("file", tmp_path / "table.csv")
    led = ledger.open()
    charts = {(chart.name, chart.step): chart for chart in led.state("a").charts}
    assert {key: chart.extension for key, chart in charts.items()} == {
        ("raw", None): "png",
        ("array", 1): "png",
        ("array", 2): "png",
        ("text", None): "txt",
        ("file", None): "csv",
    }
    assert charts["raw", None].caption == "a caption"
    assert led.chart("a", "raw") == b"\x89PNG\r\n\x1a\n..."
    assert led.chart("a", "text") == b"hello \\udcff"
    assert led.chart("a", "file") == b"a,b\n1,2\n"
    assert led.chart("a", "array", 1) != led.chart("a", "array") == led.chart("a", "array", 2)


@pytest.mark.parametrize("given", [{"caption": 5}, {"caption": "\udcff"}, {"step": "x"}, {"context": {"a": []}}])
def test_a_wrong_chart_raises_and_stores_nothing(given: dict[str, Any], workdir: Path) -> None:
    """A caption that no reader would accept is refused before the bytes are stored."""
    with ledger.start("a") as run:
        with pytest.raises(InvalidValue):
            run.log_chart("roc", b"\x89PNG", **given)
        with pytest.raises(InvalidName):
            run.log_chart("a\nb", b"\x89PNG")
        with pytest.raises(InvalidValue, match="there is no file"):
            run.log_chart("roc", "nowhere.png")
        with pytest.raises(InvalidValue, match="is a folder"):
            run.log_file("roc", ".")
    assert not (workdir / ".ledger" / "blobs").exists()
    assert ledger.open().state("a").charts == []


def test_params_tags_and_note_change_while_the_run_goes_on() -> None:
    """Each change is an entry of its own; nested params add up."""
    with ledger.start("a", params={"opt": {"name": "sgd"}}) as run:
        run.log_params({"opt": {"lr": 0.5}, "n": 3})
        run.tag("star", "draft")
        run.tag("-draft")
        run.note("why")
        for bad in ({"x": object()}, [1], {"a": {"": 1}}, {"x": "\udcff"}):
            with pytest.raises(InvalidParam):
                run.log_params(bad)
        for tag in ("", "-", "a\nb", 5):
            with pytest.raises(InvalidName):
                run.tag(tag)  # type: ignore[arg-type]
        with pytest.raises(InvalidValue):
            run.note("\udcff")
    state = ledger.open().state("a")
    assert (state.params, state.tags, state.note) == ({"opt": {"name": "sgd", "lr": 0.5}, "n": 3}, ["star"], "why")
    assert [entry.kind for entry in state.entries].count("annotate") == 4


def test_rows_are_kept_while_the_disk_refuses(full_disk_said: Callable[..., Any]) -> None:
    """One loud warning, no exception in the loop; finish raises while rows are unwritten, and succeeds later."""
    run = ledger.start("a")
    run.log({"x": 0.0}, step=0)
    with full_disk_said("append") as said:
        for step in range(1, 50):
            run.log({"x": step / 8}, step=step)
        with pytest.raises(StorageFault, match="49 calls of run .* could not be written"):
            run.finish()
    assert len(said) == 1
    assert ledger.open().run("a").status == "running"
    run.log({"x": 50 / 8}, step=50)
    run.finish()
    assert steps("x") == [(step, step / 8) for step in range(51)]
    assert ledger.open().run("a").status == "finished"


@pytest.mark.parametrize("name", ["write_all", "move", "sync_folder", "make_folder", "read", "scan"])
def test_a_fault_at_any_point_of_finishing_can_be_repaired(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever call fails, finish raises, the run stays ours and readable, and the next finish completes the work."""
    real = getattr(files, name)
    for later in range(50):
        run = ledger.start("a")
        run.log({"x": 0.0}, step=0)
        calls = 0

        def fail(*given: Any, later: int = later, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > later:
                raise OSError(28, "No space left on device")
            return real(*given, **more)

        with monkeypatch.context() as patch:
            patch.setattr(files, name, fail)
            try:
                run.finish()
                break
            except StorageFault as fault:
                assert "No space left" in str(fault)
        assert ledger.open().state("a").metrics["x"].count == 1
        run.finish()
        state = ledger.open().state("a")
        assert (state.status, state.metrics["x"].count) == ("finished", 1)
        assert [entry.kind for entry in state.entries] == ["open", "rows", "close"]
        assert not list(Path(".ledger/journal").glob("2*"))
    assert 0 < later < 49


def test_a_run_whose_finish_failed_takes_rows(full_disk: Callable[..., AbstractContextManager[None]]) -> None:
    """Training may go on after a failed finish: the journal is still locked, and written to."""
    run = ledger.start("a")
    run.log({"x": 0.0}, step=0)
    with full_disk("write_all"), pytest.raises(StorageFault):
        run.finish()
    assert ledger.open().run("a").status == "running"
    run.log({"x": 1.0}, step=1)
    run.finish()
    assert steps("x") == [(0, 0.0), (1, 1.0)]


def test_a_chart_that_cannot_be_stored_waits(full_disk_said: Callable[..., Any]) -> None:
    """One warning, the training goes on, and the picture is written when the disk takes it."""
    with ledger.start("a") as run:
        with full_disk_said("write_all") as said:
            run.log_chart("roc", b"\x89PNG")
            run.log({"x": 1.0}, step=1)
        assert ["kept in memory" in str(warning.message) for warning in said] == [True]
        run.log({"x": 2.0}, step=2)
    assert steps("x") == [(1, 1.0), (2, 2.0)]
    led = ledger.open()
    assert led.chart("a", "roc") == b"\x89PNG"


@pytest.mark.parametrize(
    ("code", "status"), [(None, "finished"), (0, "finished"), (3, "failed"), ("no data", "failed")]
)
def test_sys_exit_in_a_block(code: int | str | None, status: str) -> None:
    """A block that is left by `sys.exit` closes its run by the status that was given."""
    with pytest.raises(SystemExit), ledger.start("a"):
        sys.exit(code)
    assert ledger.open().run("a").status == status


def test_a_chart_larger_than_the_schema_allows(workdir: Path) -> None:
    """It is left out with one warning that names it, and the training goes on; what just fits is kept."""
    (workdir / ".ledger-schema").write_text('[storage]\nmax_blob = "1 kB"\n')
    with ledger.start("a") as run:
        with pytest.warns(LedgerWarning, match="chart 'big' .* has 1001 bytes, and max_blob .* is 1000") as said:
            run.log_text("big", "x" * 1001)
        assert len(said) == 1
        run.log_text("fits", "x" * 1000)
        run.log({"x": 1.0}, step=1)
        (workdir / ".ledger-schema").write_text("[storage]\nmax_blob = nonsense\n")
        run.log_text("later", "x" * 1001)  # a typing error in the schema must not cost a chart
    (workdir / ".ledger-schema").write_text('[storage]\nmax_blob = "1 kB"\n')
    led = ledger.open()
    assert [chart.name for chart in led.state("a").charts] == ["fits", "later"]
    files = sorted(path for path in workdir.rglob("*") if path.is_file())
    with pytest.raises(InvalidValue, match="max_blob"):
        led.run("a").log_text("big", "x" * 1001)
    assert sorted(path for path in workdir.rglob("*") if path.is_file()) == files


@pytest.fixture
def small_journals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let journals roll after a few rows, however many packages are loaded and so named in their headers."""
    monkeypatch.setattr(runs, "ROLL_BYTES", 2000)
    monkeypatch.setattr(provenance, "_loaded_versions", dict)


@pytest.mark.usefixtures("small_journals")
def test_a_full_journal_is_sealed_while_the_run_goes_on() -> None:
    """Rows are in segments before the run ends, none is lost or doubled, and times never fall."""
    run = ledger.start("a")
    for step in range(500):
        run.log({"x": step / 8, "y": -step / 8}, step=step)
        if step % 100 == 0:
            run.log_text("t", str(step), step=step)
    assert steps("x") == [(step, step / 8) for step in range(500)]
    for thread in run._sealing:
        thread.join()
    assert len(list(Path(".ledger/runs").rglob("*.parquet"))) >= 5
    run.finish()
    state = ledger.open().state("a")
    assert (state.metrics["x"].count, state.metrics["y"].count, len(state.charts)) == (500, 500, 5)
    times = ledger.open().metrics("a").query("metric == 'x'").time
    assert times.is_monotonic_increasing
    assert len(ledger.open().metrics("a", rows="stored")) == 1000
    assert not list(Path(".ledger/journal").glob("2*"))


@pytest.mark.usefixtures("small_journals")
def test_a_journal_that_cannot_be_followed_goes_on(full_disk_said: Callable[..., Any]) -> None:
    """Where the next journal cannot be made, the full one takes more; nothing is raised, nothing lost."""
    run = ledger.start("a")
    with full_disk_said("open_append") as said:
        for step in range(100):
            run.log({"x": step / 8}, step=step)
    assert 1 <= len(said) <= 4
    for step in range(100, 200):
        run.log({"x": step / 8}, step=step)
    run.finish()
    assert steps("x") == [(step, step / 8) for step in range(200)]


@pytest.mark.usefixtures("small_journals")
def test_a_full_journal_that_cannot_be_sealed_is_sealed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that seals says what stopped it; finish takes the journal up again."""
    run = ledger.start("a")
    said: list[str] = []
    monkeypatch.setattr(warnings, "warn", lambda message, *_, **__: said.append(message))
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_all", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left")))
        for step in range(100):
            run.log({"x": step / 8}, step=step)
        for thread in run._sealing:
            thread.join()
    assert any("is sealed later" in text for text in said)
    run.finish()
    assert steps("x") == [(step, step / 8) for step in range(100)]
    assert not list(Path(".ledger/journal").glob("2*"))


@pytest.mark.usefixtures("small_journals")
def test_rows_that_wait_for_the_disk_are_not_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that grows full while rows still wait is not rolled: they would stay in memory for ever."""
    run = ledger.start("a")
    real, budget, full = files.append, 10, run._writer.fd

    def append(fd: int, data: bytes) -> int:
        nonlocal budget
        budget -= fd == full
        if fd == full and budget < 0:
            raise OSError(28, "No space left on device")
        return real(fd, data)

    with monkeypatch.context() as patch, pytest.warns(LedgerWarning):
        patch.setattr(files, "append", append)
        for step in range(100):
            run.log({"x": step / 8}, step=step)
        budget = 50  # enough to fill the journal, not enough for all that waits
        run.log({"x": 100 / 8}, step=100)
        assert run._writer.end > runs.ROLL_BYTES
        assert run._writer.pending
    run.log({"x": 101 / 8}, step=101)
    run.finish()
    assert steps("x") == [(step, step / 8) for step in range(102)]


def test_many_threads_write_one_run() -> None:
    """Every call of every thread is there once."""
    with ledger.start("a") as run:

        def work(number: int) -> None:
            for step in range(200):
                run.log({f"m{number}": step / 8, "all": 1.0}, step=step * 8 + number)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(ledger.open().metrics("a", rows="stored")) == 3200
    assert len(steps("all")) == 1600
    for i in range(8):
        assert [value for _, value in steps(f"m{i}")] == [step / 8 for step in range(200)]


def test_the_shell_and_another_process_write_to_a_run_that_we_hold() -> None:
    """Rows of a handle on an open run go into a shared journal, and are sealed when the owner finishes."""
    run = ledger.start("a")
    run.log({"x": 1.0}, step=1)
    ledger.open().run("a").log({"x": 2.0}, step=2)
    ledger.open().run("a").log({"whole": 3.0})
    assert steps("x") == [(1, 1.0), (2, 2.0)]
    run.finish()
    assert steps("x") == [(1, 1.0), (2, 2.0)]
    state = ledger.open().state("a")
    assert [entry.kind for entry in state.entries] == ["open", "rows", "close"]
    assert state.metrics["whole"].last_step is None


def test_a_damaged_journal_of_another_does_not_hold_us_up() -> None:
    """Finishing seals our own rows and says which journal it left; the damage stays where it is."""
    run = ledger.start("a")
    run.log({"x": 1.0}, step=1)
    (Path(run._writer.path).parent / "000000000000.journal").write_bytes(b"no journal at all, but long enough")
    with pytest.warns(LedgerWarning, match="is left out"):
        run.finish()
    (found,) = Path(".ledger/journal").glob("2*/*.journal")
    assert found.name == "000000000000.journal"
    found.unlink()
    assert ledger.open().run("a").status == "finished"
    assert steps("x") == [(1, 1.0)]


def test_the_branch_that_changed_is_said(repo: Path) -> None:
    """Files of a run land on the branch that is checked out when it ends: whoever switched is told."""
    import subprocess

    run = ledger.start("a")
    subprocess.run(["git", "checkout", "-q", "-b", "other"], check=True)
    with pytest.warns(LedgerWarning, match="the branch changed from main to other"):
        run.finish()


def test_a_disabled_run_does_nothing(monkeypatch: pytest.MonkeyPatch, workdir: Path) -> None:
    """LEDGER_MODE=disabled: every call works, nothing is written; a mode that is none is refused."""
    monkeypatch.setenv("LEDGER_MODE", "disabled")
    with ledger.start("a", params={"x": object()}) as run:
        run.log({"x": "not even a number"})
        run.log_metric("x", 1.0)
        run.log_chart("c", "nowhere.png")
        run.log_text("t", "x")
        run.log_file("f", "nowhere")
        run.log_params(5)
        run.tag("a")
        run.note("n")
        assert repr(run) == "<ledger.Run disabled>"
    run.finish()
    assert os.listdir(workdir) == []
    monkeypatch.setenv("LEDGER_MODE", "of")
    with pytest.raises(InvalidValue, match="LEDGER_MODE is 'of'"):
        ledger.start("a")


def test_a_forked_child_lets_the_journal_go() -> None:
    """The child's copy of the lock is closed at once, so that a child that lives on does not keep the run `running`."""
    run = ledger.start("a")
    run.log({"x": 0.0}, step=0)
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(ready[1], b"x")
            os.read(done[0], 1)
        finally:
            os._exit(0)
    try:
        os.read(ready[0], 1)
        run.finish()
        assert not files.is_locked(run._writer.path)
        assert seal.SEALED  # what is put aside is locked by nobody either
        (aside,) = Path(".ledger/journal/sealed").iterdir()
        assert not files.is_locked(str(aside))
    finally:
        os.write(done[1], b"x")
        os.waitpid(child, 0)
        for fd in (*ready, *done):
            os.close(fd)


def test_a_forked_child_logs_as_a_writer_of_its_own() -> None:
    """Rows of both are in the run; the child neither closes it nor writes into its parent's journal."""
    run = ledger.start("a")
    run.log({"x": 0.0}, step=0)
    for number in (1, 2):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                run.log({"x": float(number)}, step=number)
                run.log({f"child{number}": 1.0})
                if number == 1:
                    run.finish("failed")  # seals its own rows only
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
    assert ledger.open().run("a").status == "running"
    run.log({"x": 3.0}, step=3)
    assert steps("x") == [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0)]
    run.finish()
    state = ledger.open().state("a")
    assert (state.status, state.metrics["x"].count, state.metrics["child2"].last) == ("finished", 4, 1.0)
    assert not list(Path(".ledger/journal").glob("2*"))


RANKS = ["RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK"]


@pytest.fixture
def rank(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that sets the variables in which launchers tell a process its rank, and no other one."""

    def put(**variables: str) -> None:
        for name in RANKS:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return put


@pytest.mark.parametrize("variable", RANKS)
def test_a_rank_is_in_the_context_of_what_it_logs(variable: str, rank: Callable[..., None]) -> None:
    """Rows, summaries, charts and texts of rank 3 have it, beside a given context; a rank that is given wins."""
    rank(**{variable: "3"})
    with ledger.start("a") as run:
        run.log({"x": 0.5}, step=1)
        run.log({"x": 0.25}, step=1, context={"fold": 2})
        run.log({"x": 0.125}, step=1, context={"rank": 7})
        run.log({"x": 0.75})
        run.log_summary({"y": 1.0})
        run.log_text("t", "x")
        run.log_chart("c", b"\x89PNG", context={"fold": 1})
    assert sorted(points(), key=repr) == sorted(
        [
            ("x", '{"rank":3}', 1, 0.5),
            ("x", '{"fold":2,"rank":3}', 1, 0.25),
            ("x", '{"rank":7}', 1, 0.125),
            ("x", '{"rank":3}', 2, 0.75),
            ("y", '{"rank":3}', None, 1.0),
        ],
        key=repr,
    )
    charts = {chart.name: chart.context for chart in ledger.open().state("a").charts}
    assert charts == {"t": '{"rank":3}', "c": '{"fold":1,"rank":3}'}


@pytest.mark.parametrize(
    "variables",
    [{}, {"RANK": "0"}, {"RANK": "0", "SLURM_PROCID": "5"}, {"RANK": "-1"}, {"PMI_RANK": "one"}, {"RANK": "\u00b2"}],
)
def test_rank_0_has_no_context(variables: dict[str, str], rank: Callable[..., None]) -> None:
    """Nor has a process without a rank, or with a word that is none; the first variable that says one counts."""
    rank(**variables)
    with ledger.start("a") as run:
        run.log({"x": 0.5}, step=1)
    assert points() == [("x", None, 1, 0.5)]


def test_ranks_of_one_run_log_side_by_side(rank: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Under LEDGER_RUN all ranks join one run: the same metric at the same step is a series of its own for each."""
    with ledger.start("a") as owner:
        monkeypatch.setenv("LEDGER_RUN", owner.id)
        for number in range(3):
            rank(RANK=str(number))
            with ledger.start() as run:
                run.log({"x": number / 8}, step=1)
    assert points() == [("x", None, 1, 0.0), ("x", '{"rank":1}', 1, 0.125), ("x", '{"rank":2}', 1, 0.25)]
    assert len(ledger.open().select()) == 1


def test_sigterm_is_left_alone_where_it_is_somebodys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler of the program stays; over the default one ours stands while a run is open, and no longer."""
    monkeypatch.setattr(ending, "open_runs", {})  # other tests leave some
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    first, second = ledger.start("a"), ledger.start("b")
    assert signal.getsignal(signal.SIGTERM) is ending._on_sigterm
    first.finish()
    assert signal.getsignal(signal.SIGTERM) is ending._on_sigterm
    second.finish()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    thread = threading.Thread(target=lambda: ledger.start("c").finish())
    thread.start()
    thread.join()
    own = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with ledger.start("d"):
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, own)


def test_a_child_does_not_inherit_what_sigterm_does() -> None:
    """A forked child that has no run of its own ends by SIGTERM as it would without us."""
    with ledger.start("a"):
        child = os.fork()
        if child == 0:
            os._exit(0 if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL else 1)
        assert os.waitpid(child, 0)[1] == 0
