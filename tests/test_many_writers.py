"""Many at once: one run, one ledger, the shell, readers and sealers. No row is lost or doubled, and nobody errs."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import ledger
from ledger import api
from ledger.store import files

pytestmark = pytest.mark.usefixtures("workdir")

PROCESSES = 16

Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Return a function that starts `python -c CODE WORDS`; each says `ready` and begins at the line it is sent."""
    started: list[subprocess.Popen[str]] = []

    def begin(code: str, *words: object) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def go(processes: Sequence["subprocess.Popen[str]"]) -> None:
    """Wait until all are ready, and let them begin."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def wait(processes: Sequence["subprocess.Popen[str]"]) -> None:
    """Wait until all have ended; none says anything on stderr."""
    for process in processes:
        said = process.communicate(timeout=100)[1]
        assert (process.returncode, said) == (0, "")


READY = "print('ready', flush=True); input()\n"
ONE_RUN = (
    """
import os, sys, ledger
number, count = int(sys.argv[1]), int(sys.argv[2])
os.environ["LEDGER_RUN"] = sys.argv[3]
import ledger.record.run as runs
runs.ROLL_BYTES = 4000
"""
    + READY
    + """
with ledger.start() as run:
    for step in range(count):
        run.log({"all": step / 8, f"m{number}": 1.0}, step=step * 16 + number)
"""
)
OWN_RUNS = (
    """
import sys, ledger, ledger.record.seal
number, count = int(sys.argv[1]), int(sys.argv[2])
"""
    + READY
    + """
for i in range(count):
    with ledger.start(f"r{number}-{i}") as run:
        run.log({"x": number + i / 8}, step=i)
"""
)
SHELL = (
    """
import subprocess, sys
number, count, run = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
"""
    + READY
    + """
for i in range(count):
    words = ["log", "--run", run, f"x={number + i / 8}", "--step", str(i * 8 + number)]
    done = subprocess.run([sys.executable, "-m", "ledger", *words], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done
"""
)
READER = (
    """
import sys, subprocess
from ledger import cli
"""
    + READY
    + """
import io, contextlib, threading
end = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), end.set()), daemon=True).start()
count = 0
while not end.is_set() or not count:
    for words in (["ls", "--json"], ["compare", *sys.argv[1:]], ["ls"]):
        with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
            code = cli._run(words)
        assert code == 0, words
    count += 1
"""
)
SEALER = (
    """
import sys, ledger
found = ledger.open()
"""
    + READY
    + """
for _ in range(int(sys.argv[1])):
    for run, done in found.finish_stale().items():
        assert not isinstance(done, Exception), done
"""
)


def assert_tidy() -> None:
    """No journal is left, no temporary file, no lock, and what is put aside is held by nobody."""
    root = Path(".ledger")
    assert list((root / "journal").glob("2*")) == []
    assert [path for path in root.rglob("*") if path.name.startswith(files.TEMPORARY)] == []
    assert [path for path in (root / "journal").rglob("*.journal") if files.is_locked(str(path))] == []
    assert [path for path in root.rglob("*") if path.suffix == ".lock"] == []


def stored(run: str, metric: str) -> list[tuple[int, float]]:
    """Return step and value of every stored row of a metric, doubled ones too."""
    frame = ledger.open().metrics(run, rows="stored")
    frame = frame[frame.metric == metric]
    return sorted(zip(frame.step.astype(int), frame.value, strict=True))


def test_many_processes_log_to_one_run(spawn: Spawn) -> None:
    """Each writes a journal of its own, rolls it and seals it: all rows are there once, the owner closes the run."""
    count = 100
    with ledger.start("a") as run:
        processes = [spawn(ONE_RUN, number, count, run.id) for number in range(PROCESSES)]
        go(processes)
        while any(process.poll() is None for process in processes):
            ledger.open().select()
            time.sleep(0.05)
        wait(processes)
    expected = sorted((step * 16 + number, step / 8) for number in range(PROCESSES) for step in range(count))
    assert stored("a", "all") == expected
    assert all(len(stored("a", f"m{number}")) == count for number in range(PROCESSES))
    assert ledger.open().run("a").status == "finished"
    assert_tidy()


def test_many_processes_open_runs_in_a_fresh_ledger(spawn: Spawn, workdir: Path) -> None:
    """Whoever is first makes the ledger; each run is whole, whoever made its folder, its day and the constant files."""
    count = 3
    processes = [spawn(OWN_RUNS, number, count) for number in range(PROCESSES)]
    go(processes)
    wait(processes)
    found = ledger.open()
    names = {f"r{number}-{i}": number + i / 8 for number in range(PROCESSES) for i in range(count)}
    assert {state.name: state.metrics["x"].last for state in found.select()} == names
    assert {state.status for state in found.select()} == {"finished"}
    assert len(found.metrics(rows="stored")) == len(names)
    assert (workdir / ".ledger" / ".gitignore").read_text().count("journal") == 1
    assert_tidy()


@pytest.mark.slow
def test_shells_log_while_somebody_reads(spawn: Spawn) -> None:
    """Eight loops of `ledger log` on an open run, then on a closed one, with readers meanwhile: every call is kept."""
    count = 5
    open_run = api.start_shared("open")
    with ledger.start("closed") as closed:
        closed.log({"x": -1.0}, step=-1)
    readers = [spawn(READER, open_run, closed.id) for _ in range(2)]
    for run in (open_run, closed.id):
        shells = [spawn(SHELL, number, count, run) for number in range(8)]
        go([*shells, *(readers if run == open_run else [])])
        wait(shells)
        rows = [row for row in stored(run, "x") if row[0] >= 0]
        assert rows == sorted((i * 8 + number, number + i / 8) for number in range(8) for i in range(count))
    for reader in readers:
        assert reader.stdin is not None
        reader.stdin.close()
        reader.stdin = None
    wait(readers)
    ledger.open().finish(open_run)
    assert len(stored(open_run, "x")) == 8 * count
    assert {state.status for state in ledger.open().select()} == {"finished"}
    assert_tidy()


def leave(name: str, count: int) -> str:
    """Log to a run as a process that is killed; return its id."""
    code = f"""
import ledger, os
run = ledger.start({name!r})
for step in range({count}):
    run.log({{"x": step / 8}}, step=step)
print(run.id, flush=True)
os._exit(0)
"""
    return subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def test_sealers_at_once(spawn: Spawn) -> None:
    """Four take up what dead processes left: each row is there once, and whoever comes second has nothing to do."""
    ids = [leave(f"r{i}", 50 * (i + 1)) for i in range(4)]
    sealers = [spawn(SEALER, 3) for _ in range(4)]
    go(sealers)
    wait(sealers)
    for i, id in enumerate(ids):
        assert stored(id, "x") == [(step, step / 8) for step in range(50 * (i + 1))]
    assert {state.status for state in ledger.open().select()} == {"interrupted"}
    assert_tidy()


def test_sealers_against_live_writers(spawn: Spawn) -> None:
    """Whoever seals meanwhile takes nothing from a process that lives, and closes nothing of it."""
    count = 300
    run = ledger.start("a")
    writers = [spawn(ONE_RUN, number, count, run.id) for number in range(2)]
    owners = [spawn(OWN_RUNS, number, 6) for number in range(2)]
    sealers = [spawn(SEALER, 30) for _ in range(2)]
    go([*writers, *owners, *sealers])
    for step in range(count):
        run.log({"all": step / 8}, step=step * 16 + 15)
        time.sleep(0.001)
    assert ledger.open().finish_stale() == {}
    wait([*writers, *owners, *sealers])
    assert ledger.open().run("a").status == "running"
    run.finish()
    expected = sorted((step * 16 + number, step / 8) for number in (0, 1, 15) for step in range(count))
    assert stored(run.id, "all") == expected
    assert {state.status for state in ledger.open().select()} == {"finished"}
    assert len(ledger.open().select()) == 13
    assert_tidy()
