"""What checking a ledger costs, beside `sha256sum` over the same files: many short runs, and a few large files."""

import os
import subprocess
from statistics import median

import numpy as np

import ledger
from benchmarks.catalog import record
from benchmarks.measure import Figure, by_turns, command
from benchmarks.short_runs import short_run

LIMIT = 2.0  # times `sha256sum`


def measure(quick: bool) -> list[Figure]:
    """Return the figures: seconds of `ledger verify` over short runs, over large files, and with every row decoded."""
    runs, megabytes, rows = (300, 30, 100_000) if quick else (5_000, 300, 1_000_000)
    rounds = 3 if quick else 7
    figures = []
    short_run()
    record(runs - 1)
    figures += _compare(f"ledger verify of {runs:,} short runs, beside sha256sum", rounds)
    os.rename(".ledger", "short")
    random = np.random.default_rng(0)
    with ledger.start("large") as run:
        for step in range(megabytes // 10):
            run.log_chart("picture", random.bytes(10_000_000), step=step)
    figures += _compare(f"ledger verify of {megabytes} MB of charts, beside sha256sum", rounds)
    with ledger.start("long") as run:
        for step, value in enumerate(random.normal(size=rows)):
            run.log({"train/loss": float(value)}, step=step)
    found = by_turns(rounds, {"rows": command("-m", "ledger", "verify", "--rows")})
    figures.append(Figure(f"ledger verify --rows, {rows:,} rows more", median(found["rows"]), "s"))
    return figures


def _compare(name: str, rounds: int) -> list[Figure]:
    found = by_turns(rounds, {"ours": command("-m", "ledger", "verify"), "sha256sum": sha256sum})
    ours, reference = median(found["ours"]), median(found["sha256sum"])
    return [Figure(name, ours, "s", reference, ratio_limit=LIMIT)]


def sha256sum() -> None:
    """Run `sha256sum` over every file of the ledger."""
    names = subprocess.run(["find", ".ledger", "-type", "f", "-print0"], check=True, capture_output=True).stdout
    subprocess.run(["xargs", "-0", "sha256sum"], input=names, check=True, stdout=subprocess.DEVNULL)
