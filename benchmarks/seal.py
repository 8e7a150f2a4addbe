"""What sealing a large journal costs, beside writing the same table with pyarrow's defaults; and how small it gets."""

import os
import time
from collections.abc import Callable, Iterator
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import ledger
from benchmarks.measure import Figure
from ledger.format import frame
from ledger.record import seal, start
from ledger.store import journal
from ledger.store.tree import Tree

SALT = 20_261_122


def measure(quick: bool) -> list[Figure]:
    """Return the figures: seconds to seal a journal of calls with two noisy curves, bytes a row."""
    calls, rounds = (50_000, 3) if quick else (500_000, 5)
    numbers = np.random.default_rng(0)  # PCG64, seed 0
    loss = np.exp(-np.arange(calls) / 1e5) + numbers.normal(0, 0.05, calls)
    accuracy = 1 - 0.5 * loss + numbers.normal(0, 0.01, calls)
    frames = b"".join(_frames(loss.tolist(), accuracy.tolist(), _now))
    tree = start_tree()
    ours: list[float] = []
    references: dict[str, list[float]] = {"defaults": [], "tuned": []}
    size = 0
    for turn in range(rounds + 1):
        run = write_journal(tree, frames)
        begin = time.perf_counter()
        done = seal.finish(tree, run, "benchmark", seal.Closing("finished"))
        ours.append(time.perf_counter() - begin)
        assert done.rows == 2 * calls, f"{done.rows} rows were sealed"
        segment = segment_of(tree, run)
        size = os.path.getsize(segment)
        table = as_written(segment)
        for name, options in (("defaults", {}), ("tuned", TUNED)):
            references[name].append(_time_write(table, options))
        if turn == 0:  # warming up
            for samples in (ours, *references.values()):
                samples.clear()
    slow = write_journal(tree, b"".join(_frames(loss.tolist(), accuracy.tolist(), _slow_clock(numbers))))
    seal.finish(tree, slow, "benchmark", seal.Closing("finished"))
    rows = f"{2 * calls:,} rows"
    defaults, tuned = median(references["defaults"]), median(references["tuned"])
    return [
        Figure(f"seal {rows}, beside write_table with defaults", median(ours), "s", defaults, ratio_limit=3),
        Figure(f"seal {rows}, beside write_table as tuned", median(ours), "s", tuned),
        Figure("bytes a row, steps as fast as log() is", size / (2 * calls), "bytes", limit=9),
        Figure(
            "bytes a row, steps of 10 ms that vary by 1 ms",
            os.path.getsize(segment_of(tree, slow)) / (2 * calls),
            "bytes",
            limit=9,
        ),
    ]


TUNED = {
    "compression": "zstd",
    "use_dictionary": ["run", "metric", "context", "writer"],
    "column_encoding": {
        "step": "DELTA_BINARY_PACKED",
        "time": "DELTA_BINARY_PACKED",
        "seq": "DELTA_BINARY_PACKED",
        "attempt": "DELTA_BINARY_PACKED",
        "value": "BYTE_STREAM_SPLIT",
    },
    "store_schema": False,
}


def start_tree() -> Tree:
    """Make a ledger here."""
    tree = Tree(os.path.abspath(".ledger"))
    ledger.start("first").finish()
    return tree


def write_journal(tree: Tree, frames: bytes) -> str:
    """Begin a shared run as `ledger start` does, and put frames behind its header; return its id."""
    run = start.start_shared(tree, "large")
    (path,) = journal.paths(tree, run)
    data = tree.read(path)
    found = journal.read_header(data, path)
    assert found is not None
    with open(tree.path(path), "wb") as file:
        file.write(frame.encode_prefix(SALT) + frame.encode_header(found[1], SALT) + frames)
        file.flush()
        os.fsync(file.fileno())
    return run


def segment_of(tree: Tree, run: str) -> str:
    """Return the path of a run's only segment."""
    folder = tree.folder_of(run)
    (name,) = (name for name in tree.names(folder) if name.endswith(".parquet"))
    return tree.path(f"{folder}/{name}")


def as_written(segment: str) -> pa.Table:
    """Return a segment's table with its texts as dictionaries: the form that is fastest to write."""
    texts = ["run", "metric", "context", "writer"]
    return pq.ParquetFile(segment, read_dictionary=texts).read().combine_chunks()


def _frames(loss: list[float], accuracy: list[float], now: Callable[[], int]) -> Iterator[bytes]:
    last = 0
    for step, pair in enumerate(zip(loss, accuracy, strict=True)):
        last = max(now(), last)
        values = dict(zip(("train/loss", "train/acc"), pair, strict=True))
        yield frame.encode_frame(frame.encode_payload((frame.ROWS, 2 * step, last, step, None, values)), SALT)


def _now() -> int:
    return time.time_ns() // 1000


def _slow_clock(numbers: np.random.Generator) -> Callable[[], int]:
    time_us = _now()

    def now() -> int:
        nonlocal time_us
        time_us += max(0, round(numbers.normal(10_000, 1_000)))
        return time_us

    return now


def _time_write(table: pa.Table, options: dict[str, object]) -> float:
    """Return the seconds it takes to write a table to a file and to the disk."""
    begin = time.perf_counter()
    with open("reference.parquet", "wb") as file:
        pq.write_table(table, file, **options)
        file.flush()
        os.fsync(file.fileno())
    return time.perf_counter() - begin
