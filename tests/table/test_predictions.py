"""Predictions read back: which are meant, batches as one table, as a revision has them, and what cannot be read."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger
from ledger.errors import DamagedFile, InvalidValue, NoSuchPredictions, Undecided
from ledger.format import predictions as form
from ledger.store.tree import Tree
from ledger.table import predictions
from tests.conftest import git

Y = [0, 1]


@pytest.fixture
def led(repo: Path) -> Any:
    """Return a ledger with a run that has no predictions yet."""
    with ledger.start("a") as run:
        run.log({"loss": 1.0})
    return ledger.open()


@pytest.mark.parametrize(
    ("logged", "asked", "found"),
    [
        ([("train", 1), ("test", None)], {}, ("test", None)),
        ([("train", 1), ("val", None)], {}, ("val", None)),
        ([("holdout", None)], {}, ("holdout", None)),
        ([(None, None)], {}, (None, None)),
        ([("test", 1), ("test", 2)], {}, ("test", 2)),
        ([("test", 1), ("test", None)], {}, ("test", None)),
        ([("test", 1), ("test", None)], {"step": 1}, ("test", 1)),
        ([("test", 1), ("train", 1)], {"split": "train"}, ("train", 1)),
        ([], {}, "has no predictions"),
        ([("a", 1), ("b", 1)], {}, "has predictions of 'a', 'b'"),
        ([("test", 1)], {"split": "val"}, "no predictions of 'val'; it has those of 'test'"),
        ([("test", 1), ("test", None)], {"step": 2}, "have no step 2; they have 1, one without a step"),
        ([("test", 1)], {"context": {"fold": 1}}, "have the contexts none"),
    ],
)
def test_which_are_meant(led: Any, logged: list[Any], asked: dict[str, Any], found: Any) -> None:
    """`test`, else `val`, else the only split; without a step, else the last; else what there is."""
    for split, step in logged:
        led.run("a").log_predictions(split, y_true=Y, step=step)
    if isinstance(found, str):
        with pytest.raises(NoSuchPredictions, match=found):
            led.predictions("a", **asked)
    else:
        frame = led.predictions("a", **asked)
        assert (frame.attrs["split"], frame.attrs["step"]) == found


def test_contexts(led: Any) -> None:
    """The only context is taken unasked; of several one must be said."""
    led.run("a").log_predictions("test", y_true=Y, context={"fold": 1})
    assert led.predictions("a").attrs["context"] == '{"fold":1}'
    led.run("a").log_predictions("test", y_true=[1, 1], context={"fold": 2})
    with pytest.raises(NoSuchPredictions, match='contexts {"fold":1}, {"fold":2}'):
        led.predictions("a")
    assert led.predictions("a", context={"fold": 2}).y_true.tolist() == [1, 1]


def test_a_table_keeps_types_and_what_is_missing(led: Any) -> None:
    """Labels with gaps are nullable integers, NaN is no gap, times are in UTC, scores of K classes are K columns."""
    when = pd.to_datetime(["2026-11-22", None]).tz_localize("UTC")
    led.run("a").log_predictions(
        "test", y_true=[1, None], y_pred=[True, None], y_score=[[0.5, float("nan")], [None, 1.0]], ids=["x", "\0"],
        timestamp=when, labels=["no", "yes"], slices={"site": ["s", None]},
    )  # fmt: skip
    found = led.predictions("a")
    assert list(found) == ["y_true", "y_pred", "y_score_0", "y_score_1", "ids", "timestamp", "slice.site"]
    assert [str(kind) for kind in found.dtypes] == [
        "Int64", "boolean", "Float64", "float64", "str", "datetime64[us, UTC]", "str",
    ]  # fmt: skip
    assert found.attrs["labels"] == ["no", "yes"]
    assert found.y_true.isna().tolist() == found.y_score_0.isna().tolist() == [False, True]
    assert np.isnan(found.y_score_1[0])
    assert found.ids.tolist() == ["x", "\0"]
    assert found.timestamp.isna().tolist() == found["slice.site"].isna().tolist() == [False, True]


def test_batches_stand_one_behind_the_other(led: Any) -> None:
    """In the order in which they came last; a column that one lacks has no values there; types that fit become one."""
    run = led.run("a")
    run.log_predictions("test", y_true=[0, 1], y_score=np.array([0.5, 0.25], np.float32), ids=[1, 2])
    run.log_predictions("test", y_true=[0.5], ids=[3], slices={"site": ["x"]})
    run.log_predictions("test", y_true=[0, 1], y_score=np.array([0.5, 0.25], np.float32), ids=[1, 2])
    found = led.predictions("a")
    assert found.ids.tolist() == [3, 1, 2]
    assert found.y_true.tolist() == [0.5, 0.0, 1.0]
    assert (found.y_score.dtype, found.y_score.isna().tolist()) == ("Float32", [True, False, False])
    assert found["slice.site"].isna().tolist() == [False, True, True]
    run.log_predictions("test", y_true=["a"], ids=[4])
    with pytest.raises(Undecided, match="'y_true' is there as float64, int64, text"):
        led.predictions("a")


def test_of_rows_with_one_id_the_newest_batch_counts(led: Any) -> None:
    """Rows that are predicted again are not counted twice; whoever reads them is told; the older ones stay stored."""
    run = led.run("a")
    run.log_predictions("test", y_true=[0, 1] * 30, y_score=np.linspace(0, 1, 60), ids=np.arange(60))
    run.log_predictions("test", y_true=[0, 1] * 20, y_score=np.linspace(0, 1, 40), ids=np.arange(60, 100))
    again = np.linspace(0.5, 0.75, 10)
    run.log_predictions("test", y_true=[0, 1] * 5, y_score=again, ids=np.arange(10))
    found = led.predictions("a")
    assert sorted(found.ids) == list(range(100))
    assert found.y_score[found.ids < 10].tolist() == again.tolist()
    assert found.attrs["replaced"] == 10
    whole = led.evaluate("a").whole
    assert whole.n == 100
    assert "10 of 110 rows do not count: a newer batch has their ids" in whole.notices
    assert [one.rows for one in led.state("a").predictions] == [60, 40, 10]
    run.log_predictions("test", y_true=[0, 1] * 30, y_score=np.linspace(0, 1, 60), ids=np.arange(60))  # and back again
    table = led.predictions("a").set_index("ids")
    assert table.y_score[list(range(60))].tolist() == np.linspace(0, 1, 60).tolist()


def test_an_id_is_one_row_of_one_place(led: Any) -> None:
    """What another fold or step predicts for an id replaces nothing; text and float ids are held against each other."""
    run = led.run("a")
    for fold in (1, 2):
        run.log_predictions("val", y_true=Y, ids=["x", "y"], context={"fold": fold})
        assert len(led.predictions("a", "val", context={"fold": fold})) == 2
    chosen = led.state("a").predictions
    assert predictions.read(led.tree, "a", chosen).rows == 4
    run.log_predictions("val", y_true=[1], ids=["y"], context={"fold": 2})
    assert led.predictions("a", "val", context={"fold": 2}).y_true.tolist() == [0, 1]
    run.log_predictions("test", y_true=[0, 1, 1], ids=[0.5, 1.0, float("nan")])
    run.log_predictions("test", y_true=[0, 0], ids=[1, 2])
    run.log_predictions("test", y_true=[1], ids=[float("nan")])
    assert led.predictions("a", "test").y_true.tolist() == [0, 1, 0, 0, 1]


def test_ids_that_repeat_in_one_batch_are_rows_of_their_own(led: Any) -> None:
    """A warning says how many; a newer batch with the id replaces all of them."""
    with pytest.warns(ledger.LedgerWarning, match="2 of the 5 ids are there already: rows of one id are kept as rows"):
        led.run("a").log_predictions("test", y_true=[0, 1, 0, 1, 1], ids=["a", "b", "a", "a", "c"])
    assert len(led.predictions("a")) == 5
    led.run("a").log_predictions("test", y_true=[1], ids=["a"])
    assert led.predictions("a").ids.tolist() == ["b", "c", "a"]


@given(batches=st.lists(st.lists(st.integers(0, 6), max_size=6), min_size=1, max_size=5), as_text=st.booleans())
def test_the_rows_that_count_are_those_of_a_dictionary(batches: list[list[int]], as_text: bool) -> None:
    """Law: batch by batch, an id stands for its rows in the last batch that has it."""
    expected: dict[int, list[tuple[int, int]]] = {}
    for number, ids in enumerate(batches):
        for id in set(ids):
            expected[id] = [(number, place) for place, one in enumerate(ids) if one == id]
    joined = [id for ids in batches for id in ids]
    column = (
        form.column("text", np.array([str(id) for id in joined], object)) if as_text else form.column("int64", joined)
    )
    found = predictions._is_newest(column, [len(ids) for ids in batches])
    rows = [(number, place) for number, ids in enumerate(batches) for place in range(len(ids))]
    assert {row for row, counts in zip(rows, found, strict=True) if counts} == {
        r for each in expected.values() for r in each
    }


def test_integers_are_never_rounded_to_fit_floats(led: Any) -> None:
    """A batch of floats and one of integers beyond 2^53 do not become one column."""
    led.run("a").log_predictions("test", y_true=[2**53 + 1], ids=[1])
    led.run("a").log_predictions("test", y_true=[0.5], ids=[2])
    with pytest.raises(Undecided, match="do not add up"):
        led.predictions("a")


def test_nothing_at_all_can_be_kept(led: Any) -> None:
    """Predictions of no rows are predictions."""
    led.run("a").log_predictions("test", y_true=[], y_score=np.zeros((0, 3)))
    found = led.predictions("a")
    assert (len(found), list(found)) == (0, ["y_true", "y_score_0", "y_score_1", "y_score_2"])


def test_each_blob_is_read_once(led: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches and columns that share a blob read it once."""
    for ids in ([1, 2], [3, 4]):
        led.run("a").log_predictions("test", y_true=Y, y_pred=Y, ids=ids)
    read: list[str] = []
    real = Tree.read

    def counted(tree: Tree, path: str, limit: int | None = None) -> bytes:
        read.append(path)
        return real(tree, path, limit)

    monkeypatch.setattr(Tree, "read", counted)
    state = led.state("a")
    read.clear()
    predictions.read(led.tree, state.id, predictions.choose(state))
    assert len(read) == len(set(read)) == 3


def test_a_revision_has_them_too(led: Any, repo: Path) -> None:
    """As a commit has them, whatever the work tree holds now."""
    led.run("a").log_predictions("test", y_true=Y)
    git("add", ".")
    git("commit", "-q", "-m", "predictions")
    led.run("a").log_predictions("test", y_true=[1, 1])
    for blob in repo.glob(".ledger/blobs/*/*.parquet"):
        blob.unlink()
    assert ledger.open(rev="main").predictions("a").y_true.tolist() == Y
    assert led.at("HEAD").predictions("a").y_true.tolist() == Y
    assert led.predictions("main:a").y_true.tolist() == Y
    with pytest.raises(DamagedFile, match="is not here"):
        led.predictions("a")


def test_what_is_retracted_is_left_out(led: Any, repo: Path) -> None:
    """Predictions of an entry that was taken out of view are not shown."""
    from ledger.record import annotations

    led.run("a").log_predictions("test", y_true=Y)
    led.run("a").log_predictions("test", y_true=[1, 1])
    state = led.state("a")
    annotations.retract(led.tree, state.id, "Ada", target=state.entries[-1].id)
    assert led.predictions("a").y_true.tolist() == Y


def damage(path: Path) -> None:
    """Change a byte in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def test_a_damaged_column_is_said_and_repaired(led: Any, repo: Path) -> None:
    """Reading names column, split and run; `verify` finds it, the rest is read, `repair` says what is gone."""
    led.run("a").log_predictions("test", y_true=Y, step=2)
    (blob,) = repo.glob(".ledger/blobs/*/*.parquet")
    whole = blob.read_bytes()
    damage(blob)
    with pytest.raises(DamagedFile, match=r"column 'y_true' of the predictions of 'test' of .*-a-.* is damaged"):
        led.predictions("a")
    assert len(led.metrics("a")) == 1
    assert [finding.kind for finding in led.verify(rows=True).findings] == ["hash-mismatch"]
    (gone,) = led.repair().gone
    assert f"the column y_true of predictions of test at step 2 of run {led.state('a').id}" in gone.text
    assert gone.details["predictions"] == [
        {"run": led.state("a").id, "column": "y_true", "rows": 2, "split": "test", "step": 2}
    ]
    with pytest.raises(DamagedFile, match="is not here"):
        led.predictions("a")
    led.run("a").log_predictions("val", y_true=Y)  # what is logged again heals it
    assert blob.read_bytes() == whole
    assert led.predictions("a", "test").y_true.tolist() == Y


def test_a_wrong_digest_is_found(led: Any, repo: Path) -> None:
    """An entry whose digest is not that of the values is no reason to believe it: reading refuses, `verify` says so."""
    import json

    from ledger.format import entries

    led.run("a").log_predictions("test", y_true=Y)
    (path,) = [p for p in repo.glob(".ledger/runs/*/*/*-rows-*.json") if b"predictions" in p.read_bytes()]
    entry = entries.decode(path.read_bytes(), path.name)
    assert isinstance(entry, entries.Rows)
    entry.predictions[0].columns["y_true"].digest = "0" * 64
    encoded = entries.encode(entry)
    path.unlink()
    path.with_name(encoded.name).write_bytes(encoded.data)
    assert json.loads(encoded.data)["predictions"]
    assert [f.kind for f in led.verify(rows=True).findings] == ["reference-mismatch"]
    assert led.verify().findings == []
    with pytest.raises(DamagedFile, match="does not hold the values that its entry says"):
        led.predictions("a")


def test_a_wrong_argument(led: Any) -> None:
    """A context that can be none is refused."""
    led.run("a").log_predictions("test", y_true=Y)
    with pytest.raises(InvalidValue):
        led.predictions("a", context={"fold": [1]})


def test_a_backfill_counts_each_id_once(led: Any) -> None:
    """What it adds later is what an evaluation of the rows that count gives; nothing is computed again after that."""
    run = led.run("a")
    run.log_predictions("test", y_true=[0, 1, 1, 0], y_score=[0.1, 0.2, 0.9, 0.8], ids=["a", "b", "c", "d"])
    run.log_predictions("test", y_true=[1, 0], y_score=[0.7, 0.3], ids=["b", "d"])
    done = led.backfill("accuracy", run="a", split="test", kind="binary")
    assert led.state("a").metrics["test/accuracy"].last == 1.0
    assert done.to_json() != led.backfill("accuracy", run="a", split="test", kind="binary").to_json()
    assert led.evaluate("a", kind="binary").whole["accuracy"] == 1.0
