"""Real processes: killed, forked, ended without a word, many at once. What was acknowledged is in the run."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import ledger
from ledger import api

pytestmark = pytest.mark.usefixtures("workdir")

LOOP = """
import sys, ledger
run = ledger.start("a")
step = 0
while True:
    run.log({"x": step / 8, "y": -step / 8}, step=step)
    print(step, flush=True)
    step += 1
"""


def steps(run: str = "a", metric: str = "x") -> list[int]:
    """Return the steps of a metric of a run."""
    frame = ledger.open().metrics(run)
    return [int(step) for step in frame[frame.metric == metric].step]


@pytest.mark.parametrize("rolls", [False, True], ids=["one journal", "rolling journals"])
def test_rows_that_were_acknowledged_survive_a_kill(start: Callable[..., "object"], rolls: bool) -> None:
    """kill -9 in the middle of a loop: every row whose log() returned is there, before and after it is sealed."""
    code = LOOP.replace("import sys, ledger", "import sys, ledger, ledger.record.run as r; r.ROLL_BYTES = 4000")
    process = start(code if rolls else LOOP)
    out = process.stdout  # type: ignore[attr-defined]
    said = -1
    begun = time.monotonic()
    while said < 300 or (rolls and not list(Path(".ledger/runs").rglob("*.parquet")) and time.monotonic() - begun < 20):
        said = int(out.readline())
    led = ledger.open()
    assert led.run("a").status == "running"
    os.kill(process.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    said = max([said, *(int(line) for line in out.read().split("\n")[:-1] if line)])
    process.wait()  # type: ignore[attr-defined]
    assert led.run("a").status == "interrupted"
    before = steps()
    assert before[: said + 1] == list(range(said + 1))
    assert len(before) <= said + 2  # the row that was being logged may be there, too
    (done,) = led.finish_stale().values()
    assert done.status == "interrupted"
    assert steps() == before
    assert steps(metric="y") == before
    assert led.run("a").status == "interrupted"
    assert not list(Path(".ledger/journal").glob("2*"))


def test_a_run_that_nobody_finished_is_finished_at_exit(run_script: Callable[..., str]) -> None:
    """A script that ends, or ends by an exception, closes its runs: finished, or failed with the error."""
    run_script("import ledger; ledger.start('a').log({'x': 1.0})")
    run_script("import ledger; ledger.start('b').log({'x': 1.0}); raise ValueError('no --token=hunter2')", code=1)
    run_script("import ledger, os; ledger.start('c').log({'x': 1.0}); os._exit(3)", code=3)
    led = ledger.open()
    assert [led.run(name).status for name in "abc"] == ["finished", "failed", "interrupted"]
    error = led.state("b").error
    assert error is not None
    assert error.startswith("ValueError: no ")
    assert "hunter2" not in error


def test_many_processes_write_one_run(start: Callable[..., "object"]) -> None:
    """Under LEDGER_RUN each has a journal of its own; all rows of all are in the run, which its owner closes."""
    with ledger.start("a") as run:
        run.log({"x": 0.0}, step=0)
        code = """
        import sys, ledger
        number = int(sys.argv[1])
        with ledger.start() as run:
            for step in range(200):
                run.log({f"m{number}": step / 8, "all": 1.0}, step=step * 10 + number)
        """
        processes = [start(code, str(i), LEDGER_RUN=run.id) for i in range(4)]
        for process in processes:
            assert process.wait(timeout=60) == 0, process.stderr.read()  # type: ignore[attr-defined]
    led = ledger.open()
    state = led.state("a")
    assert (state.status, state.metrics["all"].count) == ("finished", 800)
    for i in range(4):
        assert steps(metric=f"m{i}") == [step * 10 + i for step in range(200)]
    assert len(led.select()) == 1


def test_a_joined_process_that_dies_leaves_its_rows(start: Callable[..., "object"]) -> None:
    """The owner takes up what a dead worker logged; the run is as alive as its owner."""
    owner = ledger.start("a")
    worker = start(
        "import ledger, os; r = ledger.start(); r.log({'x': 5.0}, step=5); print(1, flush=True); input()",
        LEDGER_RUN=owner.id,
    )
    worker.stdout.readline()  # type: ignore[attr-defined]
    worker.kill()  # type: ignore[attr-defined]
    worker.wait()  # type: ignore[attr-defined]
    assert ledger.open().run("a").status == "running"
    assert ledger.open().finish_stale() == {}
    owner.log({"x": 6.0}, step=6)
    owner.finish()
    assert steps() == [5, 6]
    assert ledger.open().run("a").status == "finished"


def test_a_joined_process_may_outlive_the_owner(start: Callable[..., "object"]) -> None:
    """Its rows are seen while it lives, and sealed when it ends; the run keeps the owner's word."""
    owner = ledger.start("a")
    worker = start(
        """
        import ledger
        run = ledger.start()
        run.log({"x": 5.0}, step=5)
        print(1, flush=True)
        input()
        run.log({"x": 6.0}, step=6)
        """,
        LEDGER_RUN=owner.id,
    )
    worker.stdout.readline()  # type: ignore[attr-defined]
    owner.finish()
    assert ledger.open().run("a").status == "finished"
    assert steps() == [5]
    worker.communicate("\n")  # type: ignore[attr-defined]
    assert worker.returncode == 0  # type: ignore[attr-defined]
    assert steps() == [5, 6]
    assert ledger.open().run("a").status == "finished"
    assert not list(Path(".ledger/journal").glob("2*"))


def test_shell_calls_and_a_finish_race(start: Callable[..., "object"]) -> None:
    """Rows that several callers add while somebody finishes the run: all are there, on one side or the other."""
    run = api.start_shared("a")
    code = """
    import sys, ledger
    number, id = int(sys.argv[1]), sys.argv[2]
    handle = ledger.open().run(id)
    print("ready", flush=True)
    for step in range(40):
        handle.log({"x": 1.0}, step=step * 10 + number)
    """
    processes = [start(code, str(i), run) for i in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"  # type: ignore[attr-defined]
    led = ledger.open()
    while led.state(run).metrics.get("x") is None or led.state(run).metrics["x"].count < 20:
        time.sleep(0.005)
    led.finish(run)
    for process in processes:
        assert process.wait(timeout=60) == 0, process.stderr.read()  # type: ignore[attr-defined]
    led.finish(run)
    assert sorted(steps(run)) == sorted(step * 10 + i for step in range(40) for i in range(3))
    assert led.run(run).status == "finished"
    assert not list(Path(".ledger/journal").glob("2*"))


def test_two_who_finish_at_once(start: Callable[..., "object"]) -> None:
    """Whoever is second finds nothing left to do: each row is there once."""
    process = start(LOOP)
    for _ in range(50):
        process.stdout.readline()  # type: ignore[attr-defined]
    process.kill()  # type: ignore[attr-defined]
    process.wait()  # type: ignore[attr-defined]
    before = steps()
    code = "import ledger; print('ready', flush=True); input(); ledger.open().finish_stale()"
    finishers = [start(code) for _ in range(3)]
    for finisher in finishers:
        finisher.stdout.readline()  # type: ignore[attr-defined]
    for finisher in finishers:
        finisher.stdin.write("\n")  # type: ignore[attr-defined]
        finisher.stdin.flush()  # type: ignore[attr-defined]
    for finisher in finishers:
        assert finisher.wait(timeout=60) == 0, finisher.stderr.read()  # type: ignore[attr-defined]
    assert steps() == before
    assert ledger.open().run("a").status == "interrupted"
    assert len(ledger.open().metrics("a", rows="stored")) == 2 * len(before)


def test_a_pool_of_forked_workers(run_script: Callable[..., str]) -> None:
    """multiprocessing ends its workers without any word: what they logged is sealed with the run."""
    run_script(
        """
        import multiprocessing, ledger
        run = ledger.start("a")
        run.log({"x": 0.0}, step=0)

        def work(step):
            run.log({"x": step / 8}, step=step)
            run.log_text("t", str(step), step=step)
            return step

        with multiprocessing.get_context("fork").Pool(3) as pool:
            assert sorted(pool.map(work, range(1, 40))) == list(range(1, 40))
            pool.close()
            pool.join()
        run.log({"x": 5.0}, step=40)
        run.finish()
        """
    )
    assert steps() == list(range(41))
    state = ledger.open().state("a")
    assert (state.status, len(state.charts)) == ("finished", 39)
    assert not list(Path(".ledger/journal").glob("2*"))


def test_a_thread_that_logs_while_another_forks(run_script: Callable[..., str]) -> None:
    """A child forked while the parent's lock is held logs at once; nobody waits for a lock that nobody holds."""
    run_script(
        """
        import os, threading, ledger
        run = ledger.start("a")
        stop = threading.Event()

        def work():
            step = 0
            while not stop.is_set():
                run.log({"x": 1.0}, step=step)
                step += 1

        thread = threading.Thread(target=work)
        thread.start()
        children = []
        for number in range(20):
            child = os.fork()
            if child == 0:
                run.log({"child": 1.0}, step=number)
                os._exit(0)
            children.append(child)
        codes = [os.waitpid(child, 0)[1] for child in children]
        stop.set()
        thread.join()
        run.finish()
        assert codes == [0] * 20, codes
        """
    )
    assert steps(metric="child") == list(range(20))


def test_a_child_that_ends_inside_the_with_block(run_script: Callable[..., str]) -> None:
    """It runs the end of the block as its parent does: it closes nothing."""
    out = run_script(
        """
        import os, sys, ledger
        with ledger.start("a") as run:
            run.log({"x": 1.0}, step=1)
            child = os.fork()
            if child == 0:
                sys.exit(0)
            os.waitpid(child, 0)
            print(ledger.open().run("a").status)
        """
    )
    assert out == "running\n"
    assert ledger.open().run("a").status == "finished"


def test_many_readers_make_the_catalog_at_once(start: Callable[..., "object"], tmp_path: Path) -> None:
    """However many ask first, each gets the whole answer."""
    for i in range(30):
        with ledger.start(f"r{i}") as run:
            run.log({"x": float(i)})
    code = "import ledger; input(); print([(s.name, s.metrics['x'].last) for s in ledger.open().select()])"
    readers = [start(code, LEDGER_CACHE_DIR=str(tmp_path / "cache")) for _ in range(5)]
    for reader in readers:
        reader.stdin.write("\n")  # type: ignore[attr-defined]
        reader.stdin.flush()  # type: ignore[attr-defined]
    said = {reader.communicate(timeout=60) for reader in readers}  # type: ignore[attr-defined]
    expected = str([(f"r{i}", float(i)) for i in reversed(range(30))]) + "\n"
    assert said == {(expected, "")}
