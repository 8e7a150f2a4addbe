"""What a backfill costs, beside scikit-learn alone; what a second process gains; what finding nothing to do costs."""

import hashlib
import multiprocessing
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any

import msgspec
import numpy as np

import ledger
from benchmarks.measure import Figure, Samples, by_turns, command
from ledger.format import entries as form
from ledger.format import ids, layout
from ledger.store import blobs, entries, segments
from ledger.store.tree import Tree

PROCESSES = 2
SETTLED = 4.0  # seconds after which a folder that has not changed is trusted by its time


def measure(quick: bool) -> list[Figure]:
    """Return the figures: seconds of a metric over many runs, and milliseconds of a backfill with nothing to do."""
    runs, rows, rounds = (100, 2_000, 2) if quick else (1_000, 10_000, 5)
    return [*_computing(runs, rows, rounds), *_nothing_to_do(500 if quick else 10_000, 5 if quick else 11)]


def _computing(runs: int, rows: int, rounds: int) -> list[Figure]:
    os.mkdir("made")
    record("made", runs, rows)
    one, two, reference = (_Samples() for _ in range(3))
    truth, scores = predictions(rows, range(runs))
    for number in range(rounds + 1):  # the first of each is a warm-up
        one.take(lambda copy: _backfill(copy, jobs=1), number, runs)
        two.take(lambda copy: _backfill(copy, jobs=PROCESSES), number, runs)
        reference.take(lambda copy: scikit_learn(truth, scores), number, runs)
    name = f"AUC of {runs:,} runs x {rows:,} rows"
    distinct, read = _reads(runs)
    return [
        Figure(f"{name}, beside scikit-learn", one.median, "s", reference.median, ratio_limit=1.5),
        Figure("... the processor time of both", one.used, "s", reference.used),
        Figure(f"... in {PROCESSES} processes, beside one", two.median, "s", one.median, ratio_limit=1 / 1.6),
        Figure("... processor time of the one that records", two.used, "s", one.used),
        Figure("... columns read, beside those there are", read, "blobs", distinct, ratio_limit=1),
    ]


class _Samples:
    """Seconds, and processor seconds of this process alone, of calls that each have a ledger of their own."""

    def __init__(self) -> None:
        self.seconds: Samples = []
        self.processor: Samples = []

    def take(self, call: Callable[[Any], object], number: int, runs: int) -> None:
        """Measure one call; the first is not counted."""
        copy = _copy(f"copy-{number}-{id(self)}", runs)
        used, begin = time.process_time(), time.perf_counter()
        call(copy)
        if number:
            self.seconds.append(time.perf_counter() - begin)
            self.processor.append(time.process_time() - used)

    @property
    def median(self) -> float:
        """The median of the seconds."""
        return median(self.seconds)

    @property
    def used(self) -> float:
        """The median of the processor seconds."""
        return median(self.processor)


def _copy(name: str, runs: int) -> Any:
    """Return an opened copy of the ledger, its catalog made: files are never changed, so they are linked."""
    shutil.copytree("made", name, copy_function=os.link)
    found = ledger.open(f"{name}/.ledger")
    assert len(found.runs()) == runs
    return found


def _backfill(copy: Any, jobs: int) -> None:
    done = copy.backfill("roc_auc", all=True, split="test", jobs=jobs)
    assert len(done.cells) == len(copy.runs()), done.left_out


def _reads(runs: int) -> tuple[int, int]:
    """Return how many columns there are, and how often a backfill in one process read one."""
    counted: Counter[str] = Counter()
    get = blobs.get

    def counting(tree: Tree, sha256: str, extension: str) -> bytes:
        if extension == "parquet":
            counted[sha256] += 1
        return get(tree, sha256, extension)

    blobs.get = counting
    try:
        _backfill(_copy("counted", runs), jobs=1)
    finally:
        blobs.get = get
    assert len(counted) == runs + 1
    return len(counted), counted.total()


def scikit_learn(truth: Any, scores: list[Any]) -> list[float]:
    """Return the same metric of arrays that are in memory."""
    from sklearn.metrics import roc_auc_score

    return [float(roc_auc_score(truth, each)) for each in scores]


def predictions(rows: int, seeds: range) -> tuple[Any, list[Any]]:
    """Return one truth, and for each seed the scores of another model of it."""
    truth = (np.random.default_rng(0).random(rows) < 0.3).astype(np.int64)
    scores = []
    for seed in seeds:
        noise = np.random.default_rng(seed + 1).normal(2 * truth - 1.5, 1.5)
        scores.append(1 / (1 + np.exp(-noise)))
    return truth, scores


def record(folder: str, runs: int, rows: int) -> None:
    """Record runs with predictions of one test set, in several processes; nothing is synced."""
    half = runs // PROCESSES
    shares = [range(i * half, runs if i == PROCESSES - 1 else (i + 1) * half) for i in range(PROCESSES)]
    _in_processes(_record, [(folder, share, rows) for share in shares])


def _record(folder: str, seeds: range, rows: int) -> None:
    os.fsync = lambda descriptor: None  # type: ignore[assignment]
    truth, scores = predictions(rows, seeds)
    for seed, each in zip(seeds, scores, strict=True):
        with ledger.start(f"model-{seed}", directory=folder) as run:
            run.log_predictions(y_true=truth, y_score=each, split="test")


def _in_processes(work: Callable[..., None], shares: list[tuple[Any, ...]]) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=share) for share in shares]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0


def _nothing_to_do(runs: int, rounds: int) -> list[Figure]:
    os.makedirs("many")
    record("many", 1, 50)
    led = ledger.open("many/.ledger")
    led.backfill("roc_auc", all=True, split="test")
    (model,) = led.runs()["id"]
    led.catalog.close()
    half = (runs - 1) // PROCESSES
    shares = [half, runs - 1 - half * (PROCESSES - 1)]
    _in_processes(copies, [("many", model, share) for share in shares])
    time.sleep(SETTLED)
    os.environ["LEDGER_DIR"] = os.path.abspath("many/.ledger")
    again = ("-m", "ledger", "backfill", "roc_auc", "--all", "--split", "test")
    found = by_turns(rounds, {"backfill": command(*again), "ls": command("-m", "ledger", "ls")})
    del os.environ["LEDGER_DIR"]
    assert len(ledger.open("many/.ledger").runs()) == runs
    return [
        Figure(
            f"a backfill that {runs:,} runs had, beside ledger ls",
            median(found["backfill"]) * 1000,
            "ms",
            median(found["ls"]) * 1000,
            ratio_limit=3,
        )
    ]


def copies(folder: str, model: str, count: int) -> None:
    """Write so many runs that are like one, entry by entry; they are made to be read, so nothing is synced."""
    tree = Tree(os.path.join(folder, ".ledger"))
    old = layout.run_folder(model)
    found = entries.read_all(tree, old, model).read
    held = {s.sha256: segments.read(tree, old, s, model) for r in found for s in getattr(r.entry, "segments", ())}
    began = found[0].entry.time_us
    for _ in range(count):
        run = ids.make_run_id(began, "model", os.urandom(6))
        path = tree.path(layout.run_folder(run))
        os.makedirs(path)
        ours: dict[str, str] = {}
        for read in found:
            fields: dict[str, Any] = {"run": run, "after": [ours[id] for id in read.entry.after]}
            if isinstance(read.entry, form.Rows):
                fields["segments"] = []
                for segment in read.entry.segments:
                    ((said, data),) = segments.encode(run, held[segment.sha256])
                    _write(path, layout.segment_name(said.sha256), data)
                    fields["segments"].append(said)
            encoded = form.encode(msgspec.structs.replace(read.entry, **fields))
            ours[read.id] = encoded.id
            _write(path, encoded.name, encoded.data)


def _write(folder: str, name: str, data: bytes) -> None:
    assert hashlib.sha256(data).hexdigest()[:16] in name
    with open(os.path.join(folder, name), "xb") as file:
        file.write(data)
