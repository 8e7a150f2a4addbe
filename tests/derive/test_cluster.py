"""A backfill on a Dask cluster: the bits of the local one, workers that die, and clusters that cannot do it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ledger
from ledger.errors import Undecided, UsageError

pytest.importorskip("distributed")
pytestmark = [pytest.mark.usefixtures("workdir"), pytest.mark.real]

METRICS = ["roc_auc", "log_loss", "f1", "mcc"]
ODD = """
import os, signal, time
import numpy as np

def slow(y_true, y_pred):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "begun"), "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(0.2)
    return float(np.mean(y_pred)) / 3

def killer(y_true, y_pred):
    if len(y_true) == 101:
        os.kill(os.getpid(), signal.SIGKILL)
    return 1.0
"""
SCHEDULER = """
import asyncio, sys
from distributed import Scheduler

async def main():
    async with Scheduler(host="127.0.0.1", port=0, dashboard_address=None, dashboard=False) as scheduler:
        print(scheduler.address, flush=True)
        await scheduler.finished()

asyncio.run(main())
"""
WORKER = """
import asyncio, sys
{before}
from distributed import Worker

async def main():
    async with Worker(sys.argv[1], nthreads=int(sys.argv[2]), dashboard_address=None, dashboard=False) as worker:
        await worker.finished()

asyncio.run(main())
"""
# What hides ledger from a worker, however it is installed.
WITHOUT = """
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "ledger":
            raise ModuleNotFoundError("No module named 'ledger'", name="ledger")
sys.meta_path.insert(0, Hidden())
"""
OLDER = "import ledger\nledger.__version__ = '0.0.1'\n"


class Cluster:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scheduler = self._start(SCHEDULER)
        assert self.scheduler.stdout is not None
        self.address = self.scheduler.stdout.readline().strip()
        self.workers: list[subprocess.Popen[str]] = []

    def _start(self, code: str, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=self.folder,
        )  # fmt: skip

    def add(self, threads: int = 1, before: str = "") -> int:
        """Start a worker and wait until the scheduler knows it; return its process."""
        from distributed import Client

        self.workers.append(self._start(WORKER.format(before=before), self.address, str(threads)))
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(len(self.workers), timeout=60)
        return self.workers[-1].pid

    def close(self) -> None:
        """End all."""
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.communicate()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Provide a scheduler that has no workers yet."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    found = Cluster(folder)
    yield found
    found.close()


def make(count: int, odd: int | None = None) -> None:
    """Close runs with predictions; the one with the number `odd` has a row more than the others."""
    for i in range(count):
        rows = 100 + (i == odd)
        random = np.random.default_rng(i)
        with ledger.start(f"r{i}") as run:
            run.log_predictions("test", y_true=random.integers(0, 2, rows), y_score=random.random(rows))


def facts() -> Any:
    """Return what all runs show and what is said of it: values bit for bit, keys, charts."""
    return {
        state.name: (
            {key: np.float64(summary.last).tobytes() for key, summary in state.metrics.items()},
            [(c.name, c.context, c.step, c.key) for c in state.computed if not c.retracted],
            {(c.name, c.blob) for c in state.charts},
        )
        for state in ledger.open().catalog.states()
    }


def revert(found: Any) -> None:
    """Take back what a backfill did."""
    ledger.open().revert(*found.entries.values())
    assert not any(values for values, _, _ in facts().values())


def test_the_bits_of_the_local_run(cluster: Cluster) -> None:
    """Values, keys and charts on several workers, one of several threads, are those of one process."""
    make(24)
    local = [ledger.open().backfill(METRICS, all=True), ledger.open().backfill("binary", run="r1", charts=True)]
    before = facts()
    for found in reversed(local):
        ledger.open().revert(*found.entries.values())
    cluster.add()
    cluster.add(threads=4)
    found = ledger.open().backfill(METRICS, all=True, on=cluster.address, force=True)
    assert (len(found.cells), found.left_out) == (24 * len(METRICS), [])
    ledger.open().backfill("binary", run="r1", charts=True, on=cluster.address, force=True)
    assert facts() == before
    again = ledger.open().backfill(METRICS, all=True, on=cluster.address)
    assert (again.same, again.cells) == (24 * len(METRICS), [])


def test_a_worker_that_is_killed(cluster: Cluster, workdir: Path) -> None:
    """What it had is given to the others: all runs are done."""
    (workdir / "odd.py").write_text(ODD)
    make(40)
    pids = [cluster.add() for _ in range(3)]
    program = (
        "import ledger, sys\n"
        "found = ledger.open().backfill([], function='odd.py:slow', all=True, on=sys.argv[1])\n"
        "print(len(found.cells), len(found.left_out))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, cluster.address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 60
    while not os.path.exists("begun") or str(pids[1]) not in Path("begun").read_text().split():
        assert time.monotonic() < until
        time.sleep(0.02)
    os.kill(pids[1], signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert out == "40 0\n", err[-3000:]
    on_cluster = facts()
    ledger.open().revert(*(state.entries[-1].id for state in ledger.open().catalog.states()))
    ledger.open().backfill([], function="odd.py:slow", all=True, jobs=4, force=True)
    assert facts() == on_cluster


def test_a_function_that_kills_its_worker(workdir: Path) -> None:
    """On a cluster whose workers are started again, only that run is left out."""
    (workdir / "odd.py").write_text(ODD)
    make(5, odd=2)
    found = ledger.open().backfill([], function="odd.py:killer", all=True, on="local-dask", jobs=2)
    assert [left.name for left in found.left_out] == ["r2"]
    assert "its worker died" in found.left_out[0].why
    assert len(found.cells) == 4


def test_when_all_workers_are_gone(cluster: Cluster, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not done is said; running again does it."""
    from ledger.derive import cluster as derived
    from ledger.derive import workers

    monkeypatch.setattr(workers, "_PATIENCE_S", 0.5)
    monkeypatch.setattr(derived, "_ALONE_S", 2.0)
    (workdir / "odd.py").write_text(ODD)
    make(3, odd=0)
    cluster.add()
    found = ledger.open().backfill([], function="odd.py:killer", all=True, on=cluster.address)
    assert not found.complete
    assert "no workers" in found.notices[0]
    done = len(found.cells)
    rest = ledger.open().backfill([], function="odd.py:killer", run=["r1", "r2"])
    assert rest.same + len(rest.cells) == 2
    assert rest.same == done


def test_when_the_scheduler_goes(cluster: Cluster, workdir: Path) -> None:
    """What is recorded stays, the rest is said, and it does not hang."""
    (workdir / "odd.py").write_text(ODD)
    make(30)
    cluster.add()
    seen: list[int] = []

    def progress(done: int, of: int) -> None:
        seen.append(done)
        if done == 3:
            cluster.scheduler.kill()

    found = ledger.open().backfill([], function="odd.py:slow", all=True, on=cluster.address, progress=progress)
    assert "the workers have gone" in found.notices[0]
    assert 3 <= len(found.cells) < 30
    assert len(found.cells) + len(found.left_out) == 30
    rest = ledger.open().backfill([], function="odd.py:slow", all=True, jobs=4)
    assert (rest.same, len(rest.cells)) == (len(found.cells), 30 - len(found.cells))


@pytest.mark.parametrize(
    ("before", "said", "hint"),
    [
        (WITHOUT, "cannot load ledger", "pip install ledger-ml=="),
        (OLDER, "has ledger 0.0.1", "pip install ledger-ml=="),
    ],
)
def test_workers_that_cannot_do_it(cluster: Cluster, before: str, said: str, hint: str) -> None:
    """A worker without ledger, or with another version, is named before any work is handed out."""
    make(2)
    cluster.add()
    cluster.add(before=before)
    with pytest.raises(Undecided, match=said) as error:
        ledger.open().backfill("f1", all=True, on=cluster.address)
    assert hint in str(error.value.hint)
    assert "tcp://127.0.0.1:" in error.value.message
    assert "\n" not in error.value.message


def test_workers_that_do_not_see_the_ledger(cluster: Cluster) -> None:
    """The path must be shared."""
    make(2)
    cluster.add(before="import os\nos.path.isdir = lambda path: False\n")
    with pytest.raises(Undecided, match="does not see the ledger at"):
        ledger.open().backfill("f1", all=True, on=cluster.address)


def test_no_workers(cluster: Cluster) -> None:
    """A scheduler alone computes nothing."""
    make(1)
    with pytest.raises(Undecided, match="has no workers"):
        ledger.open().backfill("f1", all=True, on=cluster.address)


def test_a_function_that_workers_cannot_import(
    cluster: Cluster, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said of each run, with the module that is missing."""
    (workdir / "here_alone.py").write_text("def f(y_true, y_pred):\n    return 1.0\n")
    monkeypatch.syspath_prepend(workdir)
    import here_alone  # type: ignore[import-not-found]

    make(3)
    cluster.add()
    found = ledger.open().backfill(here_alone.f, all=True, on=cluster.address)
    assert len(found.left_out) == 3
    assert {left.why for left in found.left_out} == {
        "it could not be computed (ModuleNotFoundError: No module named 'here_alone')"
    }
    spelled = ledger.open().backfill([], function="here_alone.py:f", all=True, on=cluster.address, force=True)
    assert len(spelled.cells) == 3


def test_workers_take_the_function_that_is_meant(cluster: Cluster, workdir: Path) -> None:
    """Workers outlive what they imported: a function that has changed is imported anew."""
    make(2)
    cluster.add()
    for i in (1, 2):
        (workdir / "money.py").write_text(f"def gain(y_true, y_pred):\n    return {i}.0\n")
        for spec in ("money.py:gain", "money:gain"):
            program = (
                "import ledger, sys\n"
                "found = ledger.open().backfill([], function=sys.argv[2], all=True, on=sys.argv[1], force=True)\n"
                "print([cell.new for cell in found.cells], [left.why for left in found.left_out])\n"
            )
            done = subprocess.run(
                [sys.executable, "-B", "-c", program, cluster.address, spec],
                capture_output=True, text=True, check=False, timeout=100,
            )  # fmt: skip
            assert done.stdout == f"[{i}.0, {i}.0] []\n", done.stderr[-2000:]


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("tcp://127.0.0.1:{free}", Undecided),
        ("127.0.0.1:{free}", UsageError),
        ("tcp://no-such-host.invalid:8786", Undecided),
        ("nonsense", UsageError),
        ("tcp://", UsageError),
        ("tcp://127.0.0.1", UsageError),
        ("tcp://127.0.0.1:99999", UsageError),
        ("gopher://127.0.0.1:8786", UsageError),
        ("", UsageError),
    ],
)
def test_addresses(address: str, error: type[Exception]) -> None:
    """Nobody there is no answer (exit 3), said at once; what is no address is a usage error (exit 2)."""
    make(1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    since = time.monotonic()
    with pytest.raises(error) as found:
        ledger.open().backfill("f1", all=True, on=address.format(free=port))
    assert type(found.value) is error
    assert time.monotonic() - since < 25
    assert "\n" not in str(getattr(found.value, "message", ""))


def test_a_port_where_something_else_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no scheduler; that is said within the time a scheduler has to answer."""
    from ledger.derive import cluster as derived

    monkeypatch.setattr(derived, "_TIMEOUT_S", 1)
    make(1)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(Undecided, match="no Dask scheduler at"):
            ledger.open().backfill("f1", all=True, on=f"tcp://127.0.0.1:{other.getsockname()[1]}")
