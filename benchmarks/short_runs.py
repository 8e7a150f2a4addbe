"""What a short run costs (start, 100 steps, finish), beside writing its files by hand; and what 1,000 of them cost."""

import json
import os
import time
from statistics import median

import pyarrow.parquet  # noqa: F401 - a training script that evaluates anything has loaded it

import ledger
from benchmarks.measure import Figure, by_turns, read_folder, write_synced

STEPS = 100


def measure(quick: bool) -> list[Figure]:
    """Return the figures: one run beside its files by hand; many runs: their time, and whether it grows."""
    files = read_folder(_folder_of(short_run()))
    os.mkdir("by-hand")
    written = 0

    def by_hand() -> None:
        nonlocal written
        written += 1
        write_synced(f"by-hand/{written}", files)

    pair = by_turns(30 if quick else 100, {"ours": short_run, "by hand": by_hand}, warm_up=5)
    runs = 100 if quick else 1000
    tenth = runs // 10
    used: list[float] = []  # processor seconds of a run: what grows with the number of runs, and no disk's moods
    many: dict[str, list[float]] = {"ours": [], "lines": [], "by hand": []}
    contenders = {"ours": short_run, "lines": json_lines, "by hand": by_hand}
    for _ in range(10):
        for name, call in contenders.items():
            # A tenth at once: runs that follow one another share the disk with nobody else, as in a sweep.
            for _ in range(tenth):
                begin, cpu = time.perf_counter(), time.process_time()
                call()
                many[name].append(time.perf_counter() - begin)
                if name == "ours":
                    used.append(time.process_time() - cpu)
    ms = {name: median(samples) * 1000 for name, samples in pair.items()}
    first, last = median(used[1 : tenth + 1]), median(used[-tenth:])
    total = {name: sum(samples) for name, samples in many.items()}
    return [
        Figure("a short run, beside its files by hand", ms["ours"], "ms", ms["by hand"], ratio_limit=3),
        Figure(f"{runs:,} short runs", total["ours"], "s", limit=4 * runs / 1000),
        Figure(f"{runs:,} short runs, beside their files by hand", total["ours"], "s", total["by hand"]),
        Figure(f"{runs:,} short runs, beside JSON lines", total["ours"], "s", total["lines"]),
        Figure("processor time of the last tenth, beside the first", last * 1000, "ms", first * 1000, ratio_limit=1.3),
    ]


def short_run() -> str:
    """Record a short run; return its id."""
    with ledger.start("short") as run:
        for step in range(STEPS):
            run.log({"train/loss": 1 / (step + 1), "train/acc": step / STEPS}, step=step)
    return run.id


def json_lines() -> None:
    """Record the same rows as a script that keeps no ledger does: a JSON line a step, not synced."""
    with open(f"{time.time_ns()}.jsonl", "w", encoding="utf-8") as file:
        for step in range(STEPS):
            row = {"step": step, "train/loss": 1 / (step + 1), "train/acc": step / STEPS}
            file.write(json.dumps(row) + "\n")
            file.flush()


def _folder_of(run: str) -> str:
    return f".ledger/runs/{run[:4]}-{run[4:6]}-{run[6:8]}/{run}"
