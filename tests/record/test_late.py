"""Adding to a run that is there: through a shared journal while it is open, by a late entry once it is closed."""

import math
import struct
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import ledger
from ledger.errors import InvalidName, InvalidValue, NoSuchRun, RunRetracted, StorageFault
from ledger.record import adding, seal
from ledger.store import files, fold
from ledger.store.tree import Tree

pytestmark = pytest.mark.usefixtures("workdir")


@pytest.fixture
def closed() -> ledger.LoggedRun:
    """Return a handle on a closed run with x at steps 0 to 2."""
    with ledger.start("a") as run:
        for step in range(3):
            run.log({"x": step / 8}, step=step)
    return ledger.open().run("a")


def tree_of(folder: Path = Path()) -> dict[str, int]:
    """Return the committed files of a ledger with their sizes."""
    root = folder / ".ledger"
    return {
        str(p.relative_to(root)): p.stat().st_size for p in root.rglob("*") if p.is_file() and "journal" not in p.parts
    }


def test_a_late_value_is_an_entry_at_once(closed: ledger.LoggedRun) -> None:
    """It says that it came late and why; without a step it speaks of the run as a whole, and ranks above every step."""
    closed.log({"x": 9.0, "y": 1.0}, reason="late labels")
    closed.log({"x": 5.0}, step=1)
    closed.log_metric("x", 7.0, 10)
    state = closed.state
    assert (state.status, state.metrics["x"].last, state.metrics["x"].last_step, state.metrics["x"].count) == (
        "finished", 9.0, None, 5,
    )  # fmt: skip
    assert state.metrics["y"].last == 1.0
    assert [(e.kind, e.late, e.reason) for e in state.entries[3:]] == [
        ("rows", True, "late labels"), ("rows", True, None), ("rows", True, None),
    ]  # fmt: skip
    frame = closed.metrics().query("metric == 'x'")
    assert frame.value.tolist() == [0.0, 5.0, 0.25, 7.0, 9.0]
    assert not list(Path(".ledger/journal").glob("2*"))


def test_special_values_come_late_bit_for_bit(closed: ledger.LoggedRun) -> None:
    """NaN, infinities, minus zero and subnormals, and an undefined value with its reason."""
    special = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 0.1]
    for step, value in enumerate(special):
        closed.log({"s": value}, step=step)
    closed.log({"u": ledger.Undefined("one class only")})
    found = closed.metrics()
    assert struct.pack("<6d", *found.query("metric == 's'").value) == struct.pack("<6d", *special)
    assert found.query("metric == 'u'").undefined.tolist() == ["one class only"]
    assert closed.state.metrics["u"].undefined == "one class only"


def test_charts_come_late(closed: ledger.LoggedRun) -> None:
    """Charts, texts and files of a closed run are in a late entry, too; the newest of a name is shown."""
    closed.log_text("t", "first", reason="why")
    closed.log_text("t", "second")
    closed.log_chart("roc", b"\x89PNG", step=3, caption="c", context={"fold": 1})
    assert [(c.name, c.step, c.context, c.caption) for c in closed.charts()] == [
        ("roc", 3, '{"fold":1}', "c"), ("t", None, None, None),
    ]  # fmt: skip
    assert closed.chart("t") == b"second"


def test_a_correction_beats_what_its_author_saw(closed: ledger.LoggedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the clock of the correcting machine is years behind."""
    from ledger.record import late

    monkeypatch.setattr(late, "now_us", lambda: 1_000_000)
    closed.log({"x": 9.0}, step=1)
    closed.log({"x": 10.0}, step=1)
    assert closed.metrics().query("step == 1").value.tolist() == [10.0]
    times = [entry.time for entry in closed.state.entries]
    assert times == sorted(times)


@pytest.mark.parametrize("given", [{"reason": 5}, {"reason": "\udcff"}, {"step": 1.5}, {"context": {"a": []}}])
def test_a_wrong_late_call_writes_nothing(closed: ledger.LoggedRun, given: dict[str, object]) -> None:
    """A reason that no reader would accept is refused before anything is written."""
    before = tree_of()
    with pytest.raises(InvalidValue):
        closed.log({"x": 1.0}, **given)  # type: ignore[arg-type]
    with pytest.raises(InvalidName):
        closed.log({"": 1.0})
    if "context" not in given:
        with pytest.raises(InvalidValue):
            closed.log_text("t", "x", **given)  # type: ignore[arg-type]
    assert tree_of() == before


def test_logging_nothing_writes_nothing(closed: ledger.LoggedRun) -> None:
    """An empty mapping is no entry."""
    before = tree_of()
    closed.log({})
    assert tree_of() == before


def test_a_removed_run_takes_nothing() -> None:
    """Neither a closed nor an open one; the error says how to bring it back, and nothing is written."""
    with ledger.start("a"):
        pass
    led = ledger.open()
    open_id = ledger.open().resolve("a")
    handle = led.run("a")
    led.remove("a")
    before = tree_of()
    for call in (
        lambda: handle.log({"x": 1.0}),
        lambda: handle.log_text("t", "x"),
        lambda: handle.tag("star"),
        lambda: handle.note("n"),
        lambda: handle.log_params({"a": 1}),
        lambda: led.finish(open_id),
        lambda: ledger.start(resume=open_id),
    ):
        with pytest.raises((RunRetracted, NoSuchRun)) as caught:
            call()
        assert "ledger restore" in str(caught.value)
    assert {name: size for name, size in tree_of().items() if "blobs" not in name} == before


def test_a_full_disk_is_an_error(
    closed: ledger.LoggedRun, full_disk: Callable[..., AbstractContextManager[None]]
) -> None:
    """A late value has no next call to be retried by: it raises, and the run is as before."""
    before = tree_of()
    with full_disk("write_all"), pytest.raises(StorageFault):
        closed.log({"x": 9.0})
    assert tree_of() == before
    closed.log({"x": 9.0})
    assert closed.state.metrics["x"].last == 9.0


def test_an_unknown_run_is_refused(workdir: Path) -> None:
    """An id that no run has makes none."""
    ledger.start("a").finish()
    led = ledger.open()
    with pytest.raises(NoSuchRun):
        led.run("20261122-031501-baseline-7f3a9c2e1b0d")
    checked = adding.check([], [], None, [], None, None)
    with pytest.raises(NoSuchRun):
        adding.add(led.tree, "20261122-031501-baseline-7f3a9c2e1b0d", checked, led.author)


def test_a_run_that_is_closed_while_we_write(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner finishes between our look and our row: the row is sealed late by us, and none is lost."""
    run = ledger.start("a")
    run.log({"x": 0.0}, step=0)
    led = ledger.open()
    handle = led.run("a")
    from ledger.record import standing

    real, looks = standing.is_closed, []

    def is_closed(tree: Tree, id: str) -> bool:
        looks.append(id)
        if len(looks) == 1:
            assert not real(tree, id)
            run.finish()
            return False
        return real(tree, id)

    monkeypatch.setattr(standing, "is_closed", is_closed)
    handle.log({"x": 1.0}, step=1)
    monkeypatch.undo()
    monkeypatch.chdir(workdir)
    assert ledger.open().metrics("a").value.tolist() == [0.0, 1.0]
    assert not list(Path(".ledger/journal").glob("2*"))


def test_a_journal_that_the_owner_took_first(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner finishes after our row and before our second look: it took our row along, and we add nothing."""
    run = ledger.start("a")
    handle = ledger.open().run("a")
    from ledger.record import standing

    real, looks = standing.is_closed, []

    def is_closed(tree: Tree, id: str) -> bool:
        looks.append(id)
        if len(looks) == 2:
            run.finish()
        return real(tree, id)

    monkeypatch.setattr(standing, "is_closed", is_closed)
    handle.log({"x": 1.0}, step=1)
    monkeypatch.undo()
    monkeypatch.chdir(workdir)
    state = ledger.open().state("a")
    assert [entry.kind for entry in state.entries] == ["open", "rows", "close"]
    assert len(fold.rows(ledger.open().tree, run.id, "stored")[0]) == 1
    assert files.names(".ledger/journal") == [".gitignore", seal.SEALED.rpartition("/")[2]]


def test_late_rows_around_a_resume() -> None:
    """Added before an attempt began they are replaced by it; added after, they stay."""
    with ledger.start("a") as run:
        for step in range(4):
            run.log({"x": step / 8}, step=step)
    led = ledger.open()
    led.run("a").log({"x": 90.0}, step=3)
    with ledger.start(resume="a") as run:
        run.log({"x": 20.0}, step=2)
    assert led.metrics("a").value.tolist() == [0.0, 0.125, 20.0]
    led.run("a").log({"x": 91.0}, step=3)
    assert led.metrics("a").value.tolist() == [0.0, 0.125, 20.0, 91.0]
    assert len(led.metrics("a", rows="stored")) == 7
    assert len(led.metrics("a", rows="valid")) == 4
