"""Finishing from outside: `ledger finish RUN` and `--stale`, on runs of live, dead and foreign processes."""

import os
import time
from pathlib import Path

import pytest

import ledger
from ledger import api
from ledger.errors import DamagedFile, InvalidValue, LedgerError, RunRetracted
from ledger.record import finishing
from ledger.record.run import _open_runs
from ledger.store import journal

pytestmark = pytest.mark.usefixtures("workdir")


def leave(name: str = "a") -> str:
    """Log a row and leave the run as a killed process does; return its id."""
    run = ledger.start(name)
    run.log({"x": 1.0}, step=1)
    run._writer.close()
    run._finished = True
    _open_runs.pop(id(run))
    return run.id


def idle(run: str) -> None:
    """Make the journals of a run look as if nothing was written for a day."""
    then = time.time() - 90_000
    for path in Path(".ledger/journal", run).iterdir():
        os.utime(path, (then, then))


def test_a_dead_process_leaves_an_interrupted_run() -> None:
    """Before, its status says so; after, its rows are sealed, and who sealed it did not end it."""
    id = leave()
    led = ledger.open()
    assert led.run("a").status == "interrupted"
    done = led.finish("a")
    assert (done.run, done.status, done.rows, done.gaps) == (id, "interrupted", 1, [])
    assert led.metrics("a").value.tolist() == [1.0]
    again = led.finish("a")
    assert (again.status, again.rows) == ("interrupted", 0)


@pytest.mark.parametrize("status", ["finished", "failed", "interrupted"])
def test_somebody_may_know_how_it_ended(status: str) -> None:
    """A status that is given is the owner's word."""
    leave()
    assert ledger.open().finish("a", status).status == status
    with pytest.raises(InvalidValue, match="none of"):
        ledger.open().finish("a", "done")


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_closed_run_keeps_its_status(status: str) -> None:
    """Another status is refused, and nothing is written; the same one, or none, says what is there."""
    ledger.start("a").finish()
    before = sorted(Path(".ledger").rglob("*"))
    with pytest.raises(InvalidValue, match=f"is closed as finished already, so it does not become {status}") as refused:
        ledger.open().finish("a", status)
    assert refused.value.exit_code == 2
    for same in ("finished", None):
        assert ledger.open().finish("a", same).status == "finished"
    assert sorted(Path(".ledger").rglob("*")) == before


def test_a_running_run_is_not_finished_by_others() -> None:
    """Its process closes it when it ends; nothing is taken from it."""
    run = ledger.start("a")
    run.log({"x": 1.0}, step=1)
    with pytest.raises(InvalidValue, match="is running"):
        ledger.open().finish("a")
    assert ledger.open().finish_stale() == {}
    run.log({"x": 2.0}, step=2)
    run.finish()
    assert ledger.open().metrics("a").value.tolist() == [1.0, 2.0]


def test_a_shared_run_is_finished() -> None:
    """What `ledger start` began ends as finished; --stale takes it only after an idle day."""
    id = api.start_shared("a")
    led = ledger.open()
    led.run(id).log({"x": 1.0}, step=1)
    assert led.finish_stale() == {}
    assert led.stale() == []
    idle(id)
    assert [done.status for done in led.finish_stale().values()] == ["finished"]
    other = api.start_shared("b")
    assert led.finish(other).status == "finished"


def test_all_stale_runs_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those whose process is gone; what another machine holds is left until it was idle for a day."""
    dead = [leave(f"dead{i}") for i in range(3)]
    running = ledger.start("running")
    with monkeypatch.context() as patch:
        patch.setattr(journal, "this_host", lambda: "elsewhere")
        foreign = leave("foreign")
    led = ledger.open()
    assert sorted(led.stale()) == sorted(dead)
    done = led.finish_stale()
    assert sorted(done) == sorted(dead)
    assert led.finish_stale() == {}
    assert led.run(foreign).status == "open"
    with pytest.raises(InvalidValue, match="another machine") as caught:
        led.finish(foreign)
    assert "--force" in str(caught.value)
    idle(foreign)
    assert [d.status for d in led.finish_stale().values()] == ["interrupted"]
    running.finish()


def test_force_takes_what_another_machine_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever knows that it runs there no more need not wait."""
    with monkeypatch.context() as patch:
        patch.setattr(journal, "this_host", lambda: "elsewhere")
        leave()
    assert ledger.open().finish("a", force=True).rows == 1


def test_damage_of_one_run_does_not_keep_the_others() -> None:
    """It is said, and the rest is finished."""
    ids = sorted([leave("a"), leave("b"), leave("c")])
    (path,) = Path(".ledger/journal", ids[1]).iterdir()
    path.write_bytes(b"no journal at all, but long enough")
    done = ledger.open().finish_stale()
    assert sorted(done) == ids
    assert isinstance(done[ids[1]], DamagedFile)
    assert [isinstance(done[id], LedgerError) for id in ids] == [False, True, False]


def test_a_damaged_entry_of_one_run_does_not_keep_the_others() -> None:
    """Also where it is the committed part that cannot be read."""
    ids = sorted([leave("a"), leave("b")])
    ledger.open().finish(ids[0])
    (closed,) = Path(".ledger/runs").rglob("*-close-*")
    closed.write_text("{}")
    (Path(".ledger/journal") / ids[0]).mkdir()
    aside = next(Path(".ledger/journal/sealed").iterdir())
    aside.rename(Path(".ledger/journal", ids[0], aside.name.rpartition("-")[2]))
    done = ledger.open().finish_stale()
    assert isinstance(done[ids[0]], DamagedFile)
    assert not isinstance(done[ids[1]], LedgerError)


def test_what_a_dead_writer_left_on_a_closed_run_is_taken_up() -> None:
    """A process that joined and died after the run was closed: its rows are not lost."""
    run = ledger.start("a")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEDGER_RUN", run.id)
        joined = ledger.start()
    joined.log({"x": 5.0}, step=5)
    run.finish()
    led = ledger.open()
    assert led.run("a").status == "finished"
    assert led.metrics("a").value.tolist() == [5.0]
    joined._writer.close()
    joined._finished = True
    _open_runs.pop(id(joined))
    assert led.stale() == [run.id]
    assert list(led.finish_stale()) == [run.id]
    assert led.metrics("a").value.tolist() == [5.0]
    assert led.run("a").status == "finished"
    assert led.stale() == []


def test_a_removed_run_is_not_finished() -> None:
    """It is out of view; the error says how to bring it back."""
    id = leave()
    ledger.open().remove("a")
    with pytest.raises(RunRetracted, match="removed from view"):
        finishing.finish(ledger.open().tree, id, "Ada")
