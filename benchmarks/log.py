"""What one call of `run.log()` costs, beside a JSON line of the same row and a bare write of its bytes."""

import json
import os
import random
import time
from collections.abc import Callable
from statistics import median

import ledger
from benchmarks.measure import Figure, percentile, resident_bytes

BLOCK = 500  # calls of one contender before the next one has its turn


def measure(quick: bool) -> list[Figure]:
    """Return the figures: median and 99th percentile of a call, growth of memory with the number of rows."""
    return [*_calls(20 if quick else 120), _growth(20_000 if quick else 500_000)]


def _calls(blocks: int) -> list[Figure]:
    numbers = random.Random(0)
    loss = [numbers.random() for _ in range(BLOCK)]
    accuracy = [numbers.random() for _ in range(BLOCK)]
    run = ledger.start("log")
    run.log({"train/loss": 0.0, "train/acc": 0.0}, step=0)
    journal = _journal()
    before = os.path.getsize(journal)
    run.log({"train/loss": loss[0], "train/acc": accuracy[0]}, step=100_000)
    frame = os.urandom(os.path.getsize(journal) - before)
    lines = open("rows.jsonl", "w", encoding="utf-8")  # noqa: SIM115 - it stays open as a training script keeps it
    bare = os.open("rows.bin", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def log(i: int, step: int) -> None:
        run.log({"train/loss": loss[i], "train/acc": accuracy[i]}, step=step)

    def json_line(i: int, step: int) -> None:
        lines.write(json.dumps({"step": step, "train/loss": loss[i], "train/acc": accuracy[i]}) + "\n")
        lines.flush()

    def write(i: int, step: int) -> None:
        os.write(bare, frame)

    contenders: list[Callable[[int, int], None]] = [log, json_line, write]
    samples: list[list[int]] = [[] for _ in contenders]
    clock = time.perf_counter_ns
    for block in range(blocks + 2):
        for call, found in zip(contenders, samples, strict=True):
            for i in range(BLOCK):
                step = 100_000 + block * BLOCK + i
                begin = clock()
                call(i, step)
                found.append(clock() - begin)
        if block < 2:  # warming up
            for found in samples:
                found.clear()
    lines.close()
    os.close(bare)
    run.finish()
    ours, as_json, bare_write = ([ns / 1000 for ns in found] for found in samples)
    return [
        Figure("log(): median, beside a JSON line", median(ours), "us", median(as_json), ratio_limit=1),
        Figure("log(): median, beside a bare write", median(ours), "us", median(bare_write), ratio_limit=4),
        Figure(
            "log(): p99, beside a bare write's p99",
            percentile(ours, 0.99),
            "us",
            percentile(bare_write, 0.99),
            ratio_limit=10,
        ),
        Figure("log(): p99, beside its own median", percentile(ours, 0.99), "us", median(ours)),
        Figure("JSON line: p99, beside its own median", percentile(as_json, 0.99), "us", median(as_json)),
    ]


def _growth(calls: int) -> Figure:
    """Return how much memory grew between a tenth of the calls and all of them (two rows a call)."""
    run = ledger.start("memory")
    for step in range(calls // 10):
        run.log({"train/loss": step * 1.5, "train/acc": step * 0.5}, step=step)
    before = resident_bytes()
    for step in range(calls // 10, calls):
        run.log({"train/loss": step * 1.5, "train/acc": step * 0.5}, step=step)
    grown = resident_bytes() - before
    run.finish()
    return Figure(f"log(): memory, {calls // 5:,} to {calls * 2:,} rows", grown / 2**20, "MiB", limit=3)


def _journal() -> str:
    """Return the path of the only journal there is."""
    folders = [folder for folder in os.listdir(".ledger/journal") if folder != "sealed"]
    (name,) = os.listdir(f".ledger/journal/{folders[0]}")
    return f".ledger/journal/{folders[0]}/{name}"
