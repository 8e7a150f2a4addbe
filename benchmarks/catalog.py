"""What reading a ledger of many runs costs: the catalog from nothing, and `ledger ls` when it is there."""

import hashlib
import multiprocessing
import os
import shutil
import time
from statistics import median

from benchmarks.measure import Figure, by_turns, command
from benchmarks.short_runs import short_run

PROCESSES = 2
SETTLED = 4.0  # seconds after which a folder that has not changed is trusted by its time


def measure(quick: bool) -> list[Figure]:
    """Return the figures: seconds to rebuild the catalog, milliseconds of `ledger ls --limit 20`."""
    runs = 500 if quick else 10_000
    short_run()
    record(runs - 1)
    time.sleep(SETTLED)
    rounds = 3
    found = by_turns(rounds, {"rebuild": rebuild, "read": read_all}, warm_up=0)
    assert count() == runs, f"the catalog holds {count()} of {runs} runs"
    lists = by_turns(
        5 if quick else 21,
        {
            "ls": command("-m", "ledger", "ls", "--limit", "20"),
            "sqlite": command("-c", "import click, sqlite3"),
        },
    )
    return [
        Figure(f"catalog of {runs:,} runs from nothing", median(found["rebuild"]), "s", limit=10 * runs / 10_000),
        Figure("... beside reading and hashing the files", median(found["rebuild"]), "s", median(found["read"])),
        Figure(
            f"ledger ls --limit 20 of {runs:,} runs, beside click+sqlite3",
            median(lists["ls"]) * 1000,
            "ms",
            median(lists["sqlite"]) * 1000,
            ratio_limit=3,
        ),
    ]


def record(runs: int) -> None:
    """Record short runs in several processes; they are made to be read, so nothing is synced."""
    context = multiprocessing.get_context("spawn")
    shares = [runs // PROCESSES + (i < runs % PROCESSES) for i in range(PROCESSES)]
    workers = [context.Process(target=_record, args=(share,)) for share in shares]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0


def _record(runs: int) -> None:
    os.fsync = lambda descriptor: None  # type: ignore[assignment]
    for _ in range(runs):
        short_run()


def rebuild() -> None:
    """Throw the catalog away and make it anew."""
    from ledger import api

    shutil.rmtree(os.environ["LEDGER_CACHE_DIR"], ignore_errors=True)
    api.open().catalog.close()


def count() -> int:
    """Return how many runs the catalog knows."""
    from ledger import api

    return len(api.open().catalog.ids())


def read_all() -> int:
    """Read every committed file and take its sha256: what no reader that trusts nothing can do without."""
    size = 0
    for folder, _, names in os.walk(".ledger/runs"):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                data = file.read()
            hashlib.sha256(data).hexdigest()
            size += len(data)
    return size
