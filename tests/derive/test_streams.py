"""Predictions taken in chunk by chunk: the answers are those of the whole, in the memory of a chunk."""

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ledger
from ledger.derive import plan, recipes, streams
from ledger.evaluate.stream import Stream
from ledger.format import prediction_chunks
from ledger.format.values import Undefined
from ledger.table import chunks

N = 500
RANDOM = np.random.default_rng(3)
TRUTH = RANDOM.integers(0, 2, N)
SCORE = np.round(np.clip(RANDOM.normal(0.3 + 0.4 * TRUTH, 0.3), 0, 1), 2)
FEW = RANDOM.random(N) < 0.02
WORDS = np.array(["no", "yes"], object)
MANY = RANDOM.integers(0, 4, N)
SHARES = RANDOM.dirichlet(np.ones(4), N)
FLAGS = RANDOM.random((N, 3)) < 0.4
SETS: dict[str, dict[str, Any]] = {
    "scores": {"y_true": TRUTH, "y_score": SCORE},
    "labels": {"y_true": TRUTH, "y_pred": SCORE > 0.4},
    "words": {"y_true": WORDS[TRUTH], "y_pred": WORDS[(SCORE > 0.4).astype(int)], "y_score": SCORE},
    "a truth with gaps": {"y_true": np.where(FEW, np.nan, TRUTH), "y_score": SCORE},
    "words with gaps": {"y_true": np.where(FEW, None, WORDS[TRUTH]), "y_score": SCORE},
    "a first label that comes late": {"y_true": np.sort(TRUTH), "y_score": SCORE},
    "weights": {"y_true": TRUTH, "y_score": SCORE, "sample_weight": np.where(FEW, 0, RANDOM.random(N))},
    "classes": {"y_true": MANY, "y_pred": np.roll(MANY, 1)},
    "classes with scores": {"y_true": MANY, "y_score": SHARES},
    "values": {"y_true": RANDOM.normal(size=N), "y_pred": RANDOM.normal(size=N)},
    "many labels a row": {"y_true": FLAGS, "y_score": RANDOM.random((N, 3)), "kind": "multilabel"},
}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read 64 rows at a time, whatever has more than that."""
    monkeypatch.setattr(prediction_chunks, "ROWS", 64)
    monkeypatch.setattr(streams, "WHOLE_ROWS_MAX", 64)


@pytest.fixture
def led(workdir: Path) -> Any:
    """Return a ledger with a run that keeps each of the sets, as a split."""
    with ledger.start("a") as run:
        for name, columns in SETS.items():
            run.log_predictions(name, **{key: values for key, values in columns.items() if key != "kind"})
    return ledger.open()


def taken(led: Any, split: str, *, whole: bool, kind: str | None = None, threshold: float | None = None) -> Stream:
    """Take in the predictions of a split, whole or in chunks."""
    recipe = recipes.recipe(["binary"] if kind is None else [kind], threshold=threshold)
    recipe = recipes.msgspec.structs.replace(recipe, kind=kind)
    (state,) = led.catalog.states()
    chosen = [one for one in state.predictions if one.split == split]
    options = {} if threshold is None else {"threshold": threshold}
    task = plan.Task(state.id, state.name, chosen, [], kind, options)
    if whole:
        return streams._whole(led.tree, recipe, task, [], {}).stream
    found = streams._in_chunks(led.tree, recipe, task)
    assert found is not None
    return found.stream


def compare(one: Any, other: Any, *, exact: bool) -> None:
    """Assert that two evaluations are one: to the bit, or to 1e-12."""
    assert (one.kind, one.n, one.pending, one.invalid, one.labels) == (
        other.kind, other.n, other.pending, other.invalid, other.labels
    )  # fmt: skip
    assert one.definitions == other.definitions
    assert [value[:2] for value in one.values] == [value[:2] for value in other.values]
    for (name, _, first), (_, _, second) in zip(one.values, other.values, strict=True):
        if isinstance(first, Undefined) or exact:
            assert first == second, name
        else:
            assert math.isclose(first, second, rel_tol=1e-12, abs_tol=1e-12), name


@pytest.mark.parametrize("name", SETS)
def test_chunks_give_the_answers_of_the_whole(led: Any, name: str) -> None:
    """Kind, labels, counts, definitions and every value: exactly where no weights and no sums of floats are in them."""
    kind = SETS[name].get("kind")
    in_chunks, whole = (taken(led, name, whole=which, kind=kind) for which in (False, True))
    exact = name not in ("weights", "values", "classes with scores", "many labels a row")
    compare(in_chunks.evaluation(charts=False), whole.evaluation(charts=False), exact=exact)


@pytest.mark.parametrize("words", [False, True])
def test_rows_that_a_newer_batch_has_again_do_not_count(led: Any, words: bool) -> None:
    """In chunks as in the whole, over batches: the survey and the states see the rows that count, and no others."""
    ids = np.arange(N)
    with ledger.start("again") as run:
        for rows, shift in ((slice(None), 0.0), (slice(20, 200), 0.1), (slice(150, 300), 0.2)):
            named = np.array([f"r{id}" for id in ids[rows]], object) if words else ids[rows]
            run.log_predictions("test", y_true=WORDS[TRUTH[rows]], y_score=SCORE[rows] + shift, ids=named)
    state = led.state("again")
    task = plan.Task(state.id, state.name, list(state.predictions), [], None, {})
    recipe = recipes.recipe(["binary"])
    whole, chunked = streams._whole(led.tree, recipe, task, [], {}), streams._in_chunks(led.tree, recipe, task)
    assert chunked is not None
    assert (whole.of, chunked.of, whole.stream.states.rows.n) == (N, N, N)
    compare(chunked.stream.evaluation(), whole.stream.evaluation(), exact=True)


def test_a_threshold_that_is_asked_for(led: Any) -> None:
    """Labels are made anew from the scores, as for the whole."""
    in_chunks, whole = (taken(led, "words", whole=which, threshold=0.9) for which in (False, True))
    compare(in_chunks.evaluation(), whole.evaluation(), exact=True)
    assert in_chunks.states.rule["threshold"] == 0.9


def test_batches_and_groups_that_differ(led: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches follow one another, and the rows of columns stay side by side however each was written."""
    from ledger.format import predictions as form

    write = form.pq.write_table
    sizes = {"int64": 7, "double": 50}
    monkeypatch.setattr(
        form.pq,
        "write_table",
        lambda table, sink, **how: write(table, sink, row_group_size=sizes[str(table.schema.field(0).type)], **how),
    )
    with ledger.start("b") as run:
        for start in (0, 100, 350):
            rows = slice(start, {0: 100, 100: 350, 350: N}[start])
            run.log_predictions("test", y_true=TRUTH[rows], y_score=SCORE[rows], ids=np.arange(N)[rows])
    (state,) = [state for state in ledger.open().catalog.states() if state.name == "b"]
    assert len(state.predictions) == 3
    read = list(chunks.read(led.tree, state.id, state.predictions, ["y_true", "y_score"]))
    assert len(read) > 3
    assert np.array_equal(np.concatenate([part["y_true"].values for part in read]), TRUTH)
    assert np.array_equal(np.concatenate([part["y_score"].values for part in read]), SCORE)


def test_a_backfill_takes_many_rows_in_chunks(led: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """From end to end the value is that of the whole, and nothing is read whole."""
    expected = led.evaluate("a", "scores").whole["roc_auc"]
    monkeypatch.setattr(streams, "_whole", None)
    found = led.backfill("roc_auc", run="a", split="scores")
    assert [cell.new for cell in found.cells] == [expected]


def test_a_damaged_column_gives_no_value(led: Any) -> None:
    """Values whose digest is another are not computed with: the run is left out, and says which column."""
    (state,) = led.catalog.states()
    (good,) = [one for one in state.predictions if one.split == "scores"]
    (other,) = [one for one in state.predictions if one.split == "a first label that comes late"]
    wrong = recipes.msgspec.structs.replace(good.columns["y_true"], blob=other.columns["y_true"].blob)
    columns = {**good.columns, "y_true": wrong}
    chosen = [recipes.msgspec.structs.replace(good, columns=columns)]
    task = plan.Task(state.id, "a", chosen, [], "binary", {})
    with pytest.raises(ledger.errors.DamagedFile, match=r"'y_true' of the predictions of 'scores' .* digest"):
        streams.taken(led.tree, recipes.recipe(["roc_auc"]), task, [], {})


@pytest.mark.parametrize("name", ["a user's function", "batches of two types", "one-hot"])
def test_what_needs_all_rows_is_taken_whole(led: Any, name: str) -> None:
    """A user's function, columns that become one only together, a truth of several columns whose kind is not known."""
    with ledger.start("b") as run:
        if name == "batches of two types":
            run.log_predictions("test", y_true=TRUTH, y_score=SCORE, ids=np.arange(N))
            run.log_predictions("test", y_true=TRUTH.astype(float), y_score=SCORE, ids=np.arange(N) + N)
        elif name == "one-hot":
            run.log_predictions("test", y_true=np.eye(4)[MANY], y_score=SHARES)
        else:
            run.log_predictions("test", y_true=TRUTH, y_pred=TRUTH)
    metric: Any = (lambda y_true, y_pred: float(len(y_true))) if name == "a user's function" else "accuracy"
    if callable(metric):
        metric.__name__ = "rows"
    found = ledger.open().backfill(metric, run="b")
    assert len(found.cells) == 1, found.left_out


MEMORY = """
import sys
import numpy as np
import ledger
from ledger.derive import streams
def peak():  # of this program alone, unlike what getrusage says of a process that was forked from a large one
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
if sys.argv[1] == "whole":
    streams.WHOLE_ROWS_MAX = 1 << 40
led = ledger.open()
led.backfill("roc_auc", run="small", split="test")
before = peak()
(cell,) = led.backfill("accuracy", run="large", split="test", prefix=sys.argv[1]).cells
print(cell.new, peak() - before)
"""


@pytest.mark.slow
def test_memory_is_that_of_a_chunk(workdir: Path) -> None:
    """Of columns of 12 million rows, less is held than the largest column has bytes; whole, more than twice of it."""
    rows = 12 << 20
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, rows)
    with ledger.start("small") as run:
        run.log_predictions("test", y_true=truth[:1000], y_score=random.random(1000))
    with ledger.start("large") as run:
        run.log_predictions("test", y_true=truth, y_pred=np.where(random.random(rows) < 0.9, truth, 1 - truth))
    used = {}
    for how in ("chunks", "whole"):
        done = subprocess.run([sys.executable, "-c", MEMORY, how], capture_output=True, text=True, check=True)
        value, size = done.stdout.split()
        used[how] = float(value), int(size)
    assert used["chunks"][0] == used["whole"][0]
    assert used["chunks"][1] < rows * 8, used
    assert used["whole"][1] > 2 * rows * 8, used
