"""A process that is killed at any moment: what `log` returned from is there, once, and nothing else is.

Every call that changes a file goes through `store/files.py`; a process here dies in front of the n-th, for every n.
"""

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import ledger
from ledger.errors import LedgerWarning, NoLedger

# Logs steps 1, 2, ... and a text; writes each step to a pipe once `log` has returned. Dies at the n-th call, if any.
PROGRAM = """
import os, sys
from ledger.store import files

class Dying:
    def __init__(self, left):
        self.left = left

    def __getattr__(self, name):
        real = getattr(os, name)
        if name not in {"mkdir", "makedirs", "write", "fsync", "fdatasync", "rename", "unlink", "rmdir", "utime"}:
            return real

        def call(*arguments, **options):
            self.left -= 1
            if self.left == 0:
                if name == "write" and len(arguments[1]) > 1:
                    real(arguments[0], arguments[1][: len(arguments[1]) // 2])  # torn
                os._exit(9)
            return real(*arguments, **options)

        return call

dying = files.os = Dying(int(sys.argv[1]))
import ledger
run = ledger.start("baseline", params={"lr": 0.1})
for step in range(1, 4):
    run.log({"loss": 1 / step, "acc": float("nan")}, step=step)
    os.write(1, b"%d\\n" % step)
run.log_text("summary", "fine")
os.write(1, b"chart\\n")
run.finish()
os.write(1, b"%d calls\\n" % -dying.left)
"""


def crash(folder: Path, call: int) -> list[str]:
    """Run the program in a folder until its n-th call; return what it had been told was kept."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(call)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 9), done.stderr
    return done.stdout.split("\n")[:-1]


def contents(folder: Path) -> tuple[list[tuple[str, int, str]], list[str]]:
    """Return the stored rows of a ledger, NaN as text, and the names of its charts."""
    found = ledger.open(str(folder))
    rows = found.metrics(rows="stored")
    charts = [chart.name for state in found.select() for chart in state.charts]
    return sorted(zip(rows.metric, rows.step.astype(int), map(repr, rows.value.tolist()), strict=True)), charts


@pytest.mark.slow
def test_a_crash_at_any_call_loses_nothing(tmp_path: Path) -> None:
    """After a crash and `finish --stale`, every row that was acknowledged is there once, as it was logged."""
    call, told = 0, [""]
    while not told or not told[-1].endswith("calls"):
        call += 1
        assert call < 200
        folder = tmp_path / str(call)
        folder.mkdir()
        told = crash(folder, call)
        try:
            found = ledger.open(str(folder))
        except NoLedger:
            assert told == []
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LedgerWarning)
            before = contents(folder)
            found.finish_stale()
        rows, charts = contents(folder)
        assert rows == before[0]
        steps = sorted({step for _, step, _ in rows})
        assert rows == sorted(
            [("loss", step, repr(1 / step)) for step in steps] + [("acc", step, "nan") for step in steps]
        ), call
        acknowledged = [int(word) for word in told if word.isdigit()]
        assert steps in (acknowledged, [*acknowledged, len(acknowledged) + 1]), call
        if "chart" in told:
            assert charts == ["summary"], call
        assert [state.status for state in found.select()] in ([], ["finished"], ["interrupted"])
        assert found.stale() == []
    assert call > 20


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
