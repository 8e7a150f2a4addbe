"""Real processes ended by real signals at random moments: every row that was acknowledged is accounted for.

A writer tells each step to a file in memory as soon as `log` has returned. What is there when it has died must be in
its run, once, with its value; at most the row that was under way may be there beyond it.
"""

import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

import ledger
from ledger.store import files

pytestmark = pytest.mark.slow

KILLS = 200
AT_ONCE = 2

WRITER = """
import mmap, os, struct, sys, warnings
import ledger
import ledger.record.run as runs
name, roll, limit, end = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
runs.ROLL_BYTES = roll
with open(name + ".told", "r+b") as file:
    told = mmap.mmap(file.fileno(), 8)

def train(run):
    for step in range(limit):
        run.log({"x": step / 8, "y": -step / 8}, step=step)
        told[:] = struct.pack("<q", step + 1)
        if step % 500 == 0:
            run.log_text("t", str(step), step=step)
    if end == "raise":
        raise RuntimeError("no --token=hunter2")
    if end == "exit":
        os._exit(3)
    if end == "fork" and os.fork() == 0:
        import time
        os.close(1), os.close(2)
        time.sleep(30)
        os._exit(0)
    if end == "leave":
        os._exit(0)

if end.startswith("bare"):
    train(ledger.start(name))
else:
    with ledger.start(name) as run:
        train(run)
"""


class Writer:
    """A process that logs, and what it has told so far."""

    def __init__(
        self,
        name: str,
        roll: int = 64 << 20,
        *,
        limit: int = 10_000_000,
        end: str = "with",
        command: Sequence[str] = (),
    ) -> None:
        self.name = name
        Path(f"{name}.told").write_bytes(bytes(8))
        with open(f"{name}.told", "r+b") as file:
            self._told = mmap.mmap(file.fileno(), 8)
        self.process = subprocess.Popen(
            command or [sys.executable, "-c", WRITER, name, str(roll), str(limit), end],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def told(self) -> int:
        """The number of steps that were acknowledged."""
        return int(struct.unpack("<q", self._told[:])[0])

    def wait_for(self, steps: int) -> None:
        """Wait until so many steps were acknowledged, or the process ended."""
        while self.told < steps and self.process.poll() is None:
            time.sleep(0.001)

    def end(self, number: int | None = None) -> tuple[int, str]:
        """Send a signal, if one is given; return the exit status and what was said on stderr."""
        if number is not None:
            self.process.send_signal(number)
        said = self.process.communicate(timeout=60)[1]
        return self.process.returncode, said


class Found(NamedTuple):
    """What is in a run when all is sealed."""

    status: str
    rows: int


def account(name: str, told: int) -> Found:
    """Hold a run to what was told of it, before and after it is sealed by somebody else."""
    for sealed in (False, True):
        if sealed:
            done = ledger.open().finish_stale()
            assert [error for error in done.values() if isinstance(error, Exception)] == []
        try:
            frame = ledger.open().metrics(name, rows="stored")
        except ledger.LedgerError:
            assert told == 0
            return Found("none", 0)
        for metric, sign in (("x", 1), ("y", -1)):
            rows = frame[frame.metric == metric].sort_values("step")
            assert rows.step.tolist() == list(range(len(rows)))
            assert rows.value.tolist() == [sign * step / 8 for step in range(len(rows))]
            assert told <= len(rows) <= told + 1
    left = Path(".ledger/journal").glob("2*/*.journal")
    assert [path for path in left if not path.name.startswith(files.TEMPORARY)] == []
    return Found(ledger.open().state(name).status, len(frame))


def leftovers() -> list[Path]:
    """Return temporary files, and files that somebody still holds."""
    return [path for path in Path(".ledger").rglob("*") if path.name.startswith(files.TEMPORARY)] + [
        path for path in Path(".ledger/journal").rglob("*.journal") if files.is_locked(str(path))
    ]


@pytest.fixture
def chance(workdir: Path) -> random.Random:
    """Return the random numbers of a test; where it fails, the seed is shown."""
    seed = int(os.environ.get("KILL_SEED", time.time_ns() % 1_000_000))
    print(f"KILL_SEED={seed}")
    return random.Random(seed)


def test_processes_are_killed_at_any_moment(chance: random.Random) -> None:
    """SIGKILL, some hundred times, while journals fill, roll and are sealed: no acknowledged row is missing."""
    told = rows = 0
    for first in range(0, KILLS, AT_ONCE):
        names = [f"r{first + i}" for i in range(AT_ONCE)]
        # Half of them roll every few rows, so that many die while they seal.
        writers = [Writer(name, chance.choice([3_000, 64 << 20])) for name in names]
        for writer in writers:
            writer.wait_for(1 if chance.random() < 0.8 else 0)
            time.sleep(chance.random() * 0.08)
            assert writer.end(signal.SIGKILL)[0] == -signal.SIGKILL
        for name, writer in zip(names, writers, strict=True):
            found = account(name, writer.told)
            assert found.status in ("interrupted", "none")
            told, rows = told + writer.told, rows + found.rows // 2
    assert told > KILLS
    print(f"kills: {KILLS}, steps acknowledged: {told}, found: {rows}")


@pytest.mark.parametrize("end", ["with", "bare"])
def test_processes_that_are_asked_to_end(chance: random.Random, end: str) -> None:
    """SIGTERM at any moment: the run is interrupted, its rows are sealed, the parent sees that the signal ended it."""
    told = 0
    for i in range(30):
        writer = Writer(f"r{i}", chance.choice([3_000, 64 << 20]), end=end)
        writer.wait_for(1)
        time.sleep(chance.random() * 0.05)
        code, said = writer.end(signal.SIGTERM)
        assert (code, said) == (-signal.SIGTERM, "")
        assert not list(Path(".ledger/journal").glob("2*"))
        found = account(writer.name, writer.told)
        assert found.status == "interrupted"
        assert ledger.open().state(writer.name).error == "ended by SIGTERM"
        told += writer.told
    assert leftovers() == []
    print(f"ended by SIGTERM: 30, steps acknowledged: {told}")


@pytest.mark.parametrize("end", ["with", "bare"])
def test_ctrl_c(chance: random.Random, end: str) -> None:
    """Ctrl-C at any moment, in a `with` block or without: interrupted, rows sealed, exit as Python has it."""
    for i in range(20):
        writer = Writer(f"r{i}", chance.choice([3_000, 64 << 20]), end=end)
        writer.wait_for(1)
        time.sleep(chance.random() * 0.05)
        code, said = writer.end(signal.SIGINT)
        assert code == -signal.SIGINT, said
        assert said.rstrip().endswith("KeyboardInterrupt")
        assert not list(Path(".ledger/journal").glob("2*"))
        assert account(writer.name, writer.told).status == "interrupted"
    assert leftovers() == []


def test_ctrl_c_again_and_again(chance: random.Random) -> None:
    """Whoever cannot wait for the sealing loses nothing: the journal keeps the rows, and somebody else seals them."""
    sealed = 0
    for i in range(30):
        writer = Writer(f"r{i}", 64 << 20, end=chance.choice(["with", "bare"]))
        writer.wait_for(1000)
        for _ in range(4):
            writer.process.send_signal(signal.SIGINT)
            time.sleep(chance.random() * 0.06)
        code, said = writer.end()
        assert code != 0
        sealed += not list(Path(".ledger/journal").glob("2*"))
        assert account(writer.name, writer.told).status == "interrupted", said
    print(f"closed in spite of four times Ctrl-C: {sealed} of 30")


def test_an_exception_in_the_loop(chance: random.Random) -> None:
    """The run is failed, with the error, redacted; its rows are sealed."""
    for i, end in enumerate(["raise", "bare raise"] * 5):
        writer = Writer(f"r{i}", chance.choice([3_000, 64 << 20]), limit=chance.randrange(1, 400), end=end.split()[-1])
        assert writer.end()[0] == 1
        assert account(writer.name, writer.told).status == "failed"
        error = ledger.open().state(writer.name).error
        assert error is not None
        assert error.startswith("RuntimeError: no ")
        assert "hunter2" not in error


def test_a_process_that_ends_without_a_word(chance: random.Random) -> None:
    """`os._exit`: the journal is left, and `finish --stale` seals it."""
    for i in range(10):
        writer = Writer(f"r{i}", chance.choice([3_000, 64 << 20]), limit=chance.randrange(1, 400), end="exit")
        assert writer.end()[0] == 3
        assert ledger.open().run(writer.name).status == "interrupted"
        assert account(writer.name, writer.told).status == "interrupted"


def test_a_child_that_outlives_its_parent_holds_nothing_back(chance: random.Random) -> None:
    """A forked data loader lives on: the run is closed as if it were not there, and a killed parent's is sealed."""
    code = """
import os, sys, time, ledger
run = ledger.start(sys.argv[1])
for step in range(int(sys.argv[2])):
    run.log({"x": step / 8, "y": -step / 8}, step=step)
child = os.fork()
if child == 0:
    os.close(1)
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
if sys.argv[3] == "kill":
    os.kill(os.getpid(), 9)
run.finish()
"""
    for i, how in enumerate(["kill", "finish"] * 5):
        count = chance.randrange(1, 300)
        done = subprocess.run(
            [sys.executable, "-c", code, f"r{i}", str(count), how], stdout=subprocess.PIPE, text=True, check=False
        )
        child = int(done.stdout)
        try:
            os.kill(child, 0)
            found = account(f"r{i}", count)
            assert found == ("interrupted" if how == "kill" else "finished", 2 * count)
            assert leftovers() == []
            os.kill(child, 0)
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_program_under_ledger_run_is_ended(chance: random.Random) -> None:
    """SIGTERM to `ledger run` ends the program, and Ctrl-C reaches both: the run is interrupted, its rows sealed."""
    Path("train.py").write_text(WRITER)
    for i, number in enumerate([signal.SIGTERM, signal.SIGINT] * 4):
        program = [sys.executable, "train.py", f"r{i}", str(chance.choice([3_000, 64 << 20])), "10000000", "bare"]
        writer = Writer(f"r{i}", command=[sys.executable, "-m", "ledger", "run", "--name", f"r{i}", "--", *program])
        writer.wait_for(10)
        time.sleep(chance.random() * 0.05)
        if number == signal.SIGINT:  # as a terminal does
            os.killpg(writer.process.pid, number)
            code, said = writer.end()
        else:
            code, said = writer.end(number)
        assert code == 128 + number, said
        assert not list(Path(".ledger/journal").glob("2*"))
        assert account(writer.name, writer.told).status == "interrupted"
    assert leftovers() == []
