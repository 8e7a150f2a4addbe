"""What `ledger log` costs a shell script, beside starting Python with the libraries that it cannot do without."""

import os
from statistics import median

from benchmarks.measure import Figure, by_turns, command, output


def measure(quick: bool) -> list[Figure]:
    """Return the figures: a row for an open run, a late row for a closed one."""
    rounds = 5 if quick else 21
    opened = output("-m", "ledger", "start", "open")
    closed = output("-m", "ledger", "start", "closed")
    command("-m", "ledger", "log", "--run", closed, "train/loss=0.5", "--step", "1")()
    command("-m", "ledger", "finish", closed)()
    names = os.listdir(f".ledger/runs/{os.listdir('.ledger/runs')[0]}/{closed}")
    found = by_turns(
        rounds,
        {
            "log": command("-m", "ledger", "log", "--run", opened, "train/loss=0.25", "train/acc=0.75", "--step", "3"),
            "click": command("-c", "import click, msgspec"),
            "late": command("-m", "ledger", "log", "--run", closed, "test/auc=0.62"),
            "arrow": command("-c", "import click, pyarrow.parquet"),
            "bare": command("-c", "pass"),
        },
    )
    late = len(os.listdir(f".ledger/runs/{os.listdir('.ledger/runs')[0]}/{closed}")) - len(names)
    assert late == 2 * (rounds + 1), f"{late} new files: the late rows were not written as late"
    ms = {name: median(samples) * 1000 for name, samples in found.items()}
    return [
        Figure("ledger log, open run, beside click+msgspec", ms["log"], "ms", ms["click"], ratio_limit=1.5),
        Figure("ledger log, closed run, beside click+parquet", ms["late"], "ms", ms["arrow"], ratio_limit=1.3),
        Figure("python -c pass", ms["bare"], "ms"),
    ]
