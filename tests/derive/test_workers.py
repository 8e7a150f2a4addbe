"""Work over processes of this machine: the same values, and what a death, an exit or Ctrl-C costs."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ledger
from ledger.derive import workers
from ledger.derive.plan import Task
from ledger.errors import UsageError
from ledger.store.state import Predictions

pytestmark = pytest.mark.usefixtures("workdir")

ROWS = 100
FUNCTIONS = """
import os, signal, sys, time
import numpy as np

def plain(y_true, y_pred):
    return float(np.sum(y_pred)) / 3

def killer(y_true, y_pred):
    if len(y_true) == 101:
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(y_true, y_pred)

def loud(y_true, y_pred):
    print("line\\n" * 10000)
    os.write(1, b"bytes\\n")
    return plain(y_true, y_pred)

def quiet_exit(y_true, y_pred):
    if len(y_true) == 101:
        sys.exit(7)
    return plain(y_true, y_pred)

def slow(y_true, y_pred):
    with open("begun", "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(0.15)
    return plain(y_true, y_pred)

def stuck(y_true, y_pred):
    with open("begun", "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(600)
    return 1.0
"""


def make(count: int, odd: int | None = None) -> list[str]:
    """Close runs with predictions; the one with the number `odd` has a row more than the others."""
    ids = []
    for i in range(count):
        rows = ROWS + (i == odd)
        random = np.random.default_rng(i)
        with ledger.start(f"r{i}") as run:
            run.log_predictions("test", y_true=random.integers(0, 2, rows), y_score=random.random(rows))
        ids.append(run.id)
    return ids


@pytest.fixture
def functions(workdir: Path) -> Path:
    """Put functions that misbehave into a file."""
    (workdir / "odd.py").write_text(FUNCTIONS)
    return workdir


def shown(folder: Path | str = ".") -> dict[str, dict[str, bytes]]:
    """Return the values of all runs, bit for bit, by run and metric."""
    led = ledger.open(str(folder))
    return {
        state.name: {key: np.float64(summary.last).tobytes() for key, summary in state.metrics.items()}
        for state in led.catalog.states()
    }


def test_more_processes_give_the_same_bits(functions: Path) -> None:
    """Values, keys and names are those of one process; the runs come in any order."""
    make(7)
    led = ledger.open()
    alone = led.backfill(["roc_auc", "log_loss", "f1"], all=True)
    values = shown()
    keys = {state.name: [(c.name, c.key) for c in state.computed] for state in led.catalog.states()}
    for entry in alone.entries.values():
        led.revert(entry)
    assert not any(shown().values())
    both = ledger.open().backfill(["roc_auc", "log_loss", "f1"], all=True, jobs=2, force=True)
    assert len(both.cells) == 21
    assert shown() == values
    states = ledger.open().catalog.states()
    assert {s.name: [(c.name, c.key) for c in s.computed if not c.retracted] for s in states} == keys


def test_a_bundle_over_processes(functions: Path) -> None:
    """Charts too are the same bytes."""
    make(3)
    led = ledger.open()
    first = led.backfill("binary", run="r0", charts=True)
    ours = {(c.name, c.blob) for c in led.run("r0").state.charts}
    led.revert(first.entries[led.run("r0").id])
    found = ledger.open().backfill("binary", all=True, charts=True, jobs=3, force=True)
    assert not found.left_out
    assert {(c.name, c.blob) for c in ledger.open().run("r0").state.charts} == ours


@pytest.mark.parametrize("count", [2, 5, 40])
def test_a_worker_that_is_killed_costs_its_run(functions: Path, count: int) -> None:
    """Whoever was at hand with it is done again; the one that kills its worker each time is left out, and named."""
    make(count, odd=count // 2)
    found = ledger.open().backfill([], function="odd.py:killer", all=True, jobs=2)
    assert [left.name for left in found.left_out] == [f"r{count // 2}"]
    assert "its worker died" in found.left_out[0].why
    assert len(found.cells) == count - 1
    again = ledger.open().backfill([], function="odd.py:killer", all=True, jobs=2)
    assert (again.same, len(again.left_out), again.entries) == (count - 1, 1, {})


def test_a_function_that_leaves(functions: Path) -> None:
    """sys.exit ends no worker, and is no answer."""
    make(4, odd=1)
    for jobs in (1, 2):
        found = ledger.open().backfill([], function="odd.py:quiet_exit", all=True, jobs=jobs, force=True)
        assert [(left.name, left.why) for left in found.left_out] == [("r1", "a function called sys.exit(7)")]
        assert len(found.cells) == 3


def test_no_process_is_left(functions: Path) -> None:
    """When a backfill returns, its workers are gone."""
    make(4)
    ledger.open().backfill([], function="odd.py:slow", all=True, jobs=2)
    pids = {int(line) for line in Path("begun").read_text().split()}
    assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)


def alive(pid: int) -> bool:
    """Say whether a process runs."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def start(*arguments: str) -> "subprocess.Popen[str]":
    """Start `ledger` as a shell does, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "ledger", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(happened: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something has happened."""
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


def begun() -> list[int]:
    """Return the processes that computed, once for each time."""
    return [int(line) for line in Path("begun").read_text().split()] if os.path.exists("begun") else []


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_printing_stays_out_of_the_answer(functions: Path, jobs: str) -> None:
    """What a function prints goes to stderr; stdout is the document."""
    make(2)
    done = start("backfill", "--from", "odd.py:loud", "--all", "--jobs", jobs, "--json")
    out, err = done.communicate(timeout=120)
    assert done.returncode == 0, err[-2000:]
    assert len(json.loads(out[out.index("{") :])["cells"]) == 2
    assert "line\nline" not in out
    assert "line\nline" in err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c(functions: Path, jobs: str) -> None:
    """SIGINT to the group: exit 130 and one line; what is recorded stays; workers are gone; the rest is done later."""
    make(40)
    process = start("backfill", "--from", "odd.py:slow", "--all", "--jobs", jobs)
    wait_for(lambda: len(begun()) >= 18)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "interrupted" in err
    assert "Traceback" not in err
    assert not any(alive(pid) for pid in begun())
    done = sum(1 for values in shown().values() if values)
    assert 0 < done < 40
    assert ledger.open().verify().damage == 0
    again = ledger.open().backfill([], function="odd.py:plain", all=True, dry_run=True)
    assert len(again.cells) == 40
    rest = ledger.open().backfill([], function="odd.py:slow", all=True, jobs=2)
    assert (rest.same, len(rest.cells)) == (done, 40 - done)


def test_ctrl_c_does_not_wait_for_a_function(functions: Path) -> None:
    """A function that takes an hour holds nobody up."""
    make(3)
    process = start("backfill", "--from", "odd.py:stuck", "--all", "--jobs", "2")
    wait_for(lambda: len(begun()) >= 2)
    since = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - since < 20
    assert not any(alive(pid) for pid in begun())


@pytest.mark.parametrize("word", ["SIGKILL", "SIGTERM"])
def test_a_parent_that_is_killed_leaves_no_worker(functions: Path, word: str) -> None:
    """Its workers go with it, in the middle of whatever they do; running again does what is left."""
    make(3)
    process = start("backfill", "--from", "odd.py:stuck", "--all", "--jobs", "2")
    wait_for(lambda: len(begun()) >= 2)
    process.send_signal(signal.Signals[word])
    process.communicate(timeout=60)
    wait_for(lambda: not any(alive(pid) for pid in begun()), 20)
    found = ledger.open().backfill([], function="odd.py:plain", all=True)
    assert len(found.cells) == 3
    assert ledger.open().verify().damage == 0


SCRIPT = """
import ledger
{guard}
found = ledger.open().backfill("roc_auc", all=True, jobs=2)
print(len(found.cells), [left.why for left in found.left_out])
"""


def test_a_script_without_a_guard(workdir: Path) -> None:
    """Metrics of ledger need nothing of the script, which runs once; its own functions need the guard."""
    make(4)
    (workdir / "script.py").write_text(SCRIPT.format(guard="open('ran', 'a').write('x')"))
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "4 []\n"), done.stderr[-2000:]
    assert Path("ran").read_text() == "x"


OWN = """
import ledger
def mine(y_true, y_pred):
    return float(len(y_true))
if __name__ == "__main__":
    found = ledger.open().backfill(mine, all=True, jobs=2)
    print(len(found.cells), [left.why for left in found.left_out])
"""


def test_a_function_of_the_script_itself(workdir: Path) -> None:
    """It is sent by reference, as Python does."""
    make(4)
    (workdir / "script.py").write_text(OWN)
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "4 []\n"), done.stderr[-2000:]


def test_a_function_that_cannot_be_sent() -> None:
    """One that is defined within another needs one process; it is said before anything is done."""
    make(2)

    def inner(y_true: Any, y_pred: Any) -> float:
        return 1.0

    with pytest.raises(UsageError, match="cannot be sent to other processes"):
        ledger.open().backfill(inner, all=True, jobs=2)
    assert len(ledger.open().backfill(inner, all=True).cells) == 2


def task(rows: int) -> Task:
    """Return a task of so many rows."""
    return Task("r", "r", [Predictions("test", None, None, rows, {}, None, 0)], [], None, {})


def test_batches() -> None:
    """In order, none lost, few enough that all are busy to the end, none of too many rows unless alone."""
    for count in (1, 3, 8, 100, 1000):
        for among in (1, 2, 16):
            tasks = [task(i) for i in range(count)]
            found = workers.batches(tasks, among)
            assert [t for batch in found for t in batch] == tasks
            assert len(found) >= min(count, 4 * among)
            assert max(len(batch) for batch in found) <= 8
    big = workers.batches([task(1 << 20) for _ in range(64)], 1)
    assert [len(batch) for batch in big] == [1] * 64


def test_how_many_processes_are_worth_it() -> None:
    """As many as were said; else all processors where there are many rows."""
    assert workers.jobs_for([task(10)], None) == 1
    assert workers.jobs_for([task(10)], 7) == 7
    assert workers.jobs_for([task(10**6)], None) == workers.cores() >= 1
