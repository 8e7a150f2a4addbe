"""Labels from a stranger: columns of absurd sizes, blobs that are missing or others, names that lead out."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ledger
from ledger.format import predictions
from ledger.format.predictions import Column

TIME = "2026-01-01T00:00:00.000000Z"
EVALUATE = ["evaluate", "scored", "--split", "prod", "--kind", "binary"]
COVERAGE = ["labels", "coverage", "scored"]


@pytest.fixture
def target(site: Any) -> Any:
    """Return a site with a third run, which has predictions with ids."""
    with ledger.start("scored") as run:
        run.log_predictions("prod", y_score=[0.1, 0.9], ids=[1, 2])
    return site


def plant(site: Any, columns: dict[str, Any], rows: int = 2, **more: Any) -> Path:
    """Write an entry of labels that names these columns."""
    fields = {"format": 0, "kind": "labels", "time": TIME, "author": "Eve", "at": TIME, "rows": rows}
    data = json.dumps({**fields, "columns": columns, **more}).encode()
    name = f"20260101-000000-000000-labels-{hashlib.sha256(data).hexdigest()[:16]}.json"
    path: Path = site.root / "log" / "2026-01-01" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def stored(site: Any, column: Column) -> dict[str, str]:
    """Store a column; return what an entry says of it."""
    blob = site.put_blob(predictions.encode(column), "parquet")
    return {"blob": blob, "digest": predictions.digest(column), "dtype": column.dtype}


def bomb(rows: int) -> bytes:
    """Return a small Parquet file of many equal values."""
    sink = io.BytesIO()
    schema = pa.schema([pa.field("value", pa.int64(), nullable=False)])
    with pq.ParquetWriter(sink, schema, compression="zstd", use_dictionary=True) as writer:
        block = pa.table({"value": pa.array(np.zeros(1 << 22, np.int64))}, schema=schema)
        for _ in range(rows >> 22):
            writer.write_table(block)
    return sink.getvalue()


def sound(site: Any) -> dict[str, dict[str, str]]:
    """Return two sound columns."""
    return {name: stored(site, Column("int64", np.array([1, 0]))) for name in ("ids", "label")}


CASES: dict[str, Any] = {
    "no blob": lambda site: {"blob": "ab" * 32, "digest": "cd" * 32, "dtype": "int64"},
    "no sha256": lambda site: {"blob": "../../../etc/passwd", "digest": "cd" * 32, "dtype": "int64"},
    "a long name": lambda site: {"blob": "a" * 1_000_000, "digest": "cd" * 32, "dtype": "int64"},
    "another blob": lambda site: {**stored(site, Column("float64", np.zeros(2))), "dtype": "int64"},
    "no parquet": lambda site: {"blob": site.put_blob(b"PAR1", "parquet"), "digest": "cd" * 32, "dtype": "int64"},
    "other values": lambda site: {**stored(site, Column("int64", np.array([1, 2]))), "digest": "cd" * 32},
    "other rows": lambda site: stored(site, Column("int64", np.arange(3))),
    "no type": lambda site: {**stored(site, Column("int64", np.arange(2))), "dtype": "code"},
    "wide": lambda site: stored(site, Column("int64", np.zeros((2, 2), np.int64))),
    "wide beyond": lambda site: {"blob": "ab" * 32, "digest": "cd" * 32, "dtype": "int64[9999]"},
}


@pytest.mark.parametrize("column", ["ids", "label"])
@pytest.mark.parametrize("what", CASES)
def test_a_column_that_is_none(target: Any, what: str, column: str) -> None:
    """An evaluation of these predictions is refused as damage, never computed without; all else answers as ever."""
    path = plant(target, {**sound(target), column: CASES[what](target)})
    found = target.attack([*target.reads, ["status"], ["labels"], ["labels", "ls", "--json"], ["show", "scored"]])
    assert found["labels"].code == 0
    for verb in (EVALUATE, COVERAGE):
        result = target.cli(*verb)
        assert result.code == 5, (verb, result)
        assert len(result.err) < 2000
    code = 0 if what == "no blob" else 5
    assert found["verify"].code == code
    checked = target.cli("verify", "--json")
    assert checked.code == code
    findings = json.loads(checked.out)["findings"]
    assert any(path.name in f["path"] or path.name in f["message"] for f in findings), findings


@pytest.mark.parametrize("more", [{"rows": 10**15}, {"type": "object"}, {"swapped": True}])
def test_what_readers_refuse_is_found(target: Any, more: dict[str, Any]) -> None:
    """By `verify` without any option, and by every reader of the split: an absurd size, a type, swapped columns."""
    columns = {**sound(target), "label": stored(target, Column("float64", np.array([0.0, 1.0])))}
    if "type" in more:
        columns["label"]["dtype"] = more["type"]
    if "swapped" in more:
        columns = {"ids": columns["label"], "label": columns["ids"]}
    path = plant(target, columns, more.get("rows", 2), split="prod")
    assert [target.cli(*verb).code for verb in (EVALUATE, COVERAGE)] == [5, 5]
    checked = target.cli("verify", "--json")
    found = [f["kind"] for f in json.loads(checked.out)["findings"] if path.name in f["path"]]
    assert (checked.code, bool(found)) == (5, True)


BACKFILL = ["backfill", "log_loss", "--split", "prod", "--run", "scored", "-n"]


def test_damaged_labels_of_another_split(target: Any) -> None:
    """They are told, with their path and what to type; labels of other splits answer, are counted and added as ever."""
    plant(target, sound(target), split="prod")
    path = plant(target, sound(target), -1, split="elsewhere")
    results = [target.cli(*verb) for verb in (EVALUATE, BACKFILL, ["labels", "coverage"], ["status"])]
    assert [result.code for result in results] == [0, 0, 0, 0], results
    assert path.name in results[0].err + results[1].err + results[2].err
    assert "see: ledger verify" in results[0].err
    assert "50 %" in results[2].out
    listed = target.cli("labels")
    assert (listed.code, listed.out.count("prod"), path.name in listed.err) == (5, 1, True)
    (target.top / "l.csv").write_text("id,label\n2,1\n")
    assert target.cli("labels", "add", "l.csv", "--on", "id", "--split", "prod").code == 0
    assert json.loads(target.cli(*EVALUATE, "--json").out)["labels"] == {"known": 2, "of": 2}
    checked = target.cli("verify")
    assert (checked.code, path.name in checked.out + checked.err) == (5, True)


@pytest.mark.parametrize("split", ["prod", None])
def test_damaged_labels_of_this_split(target: Any, split: str | None) -> None:
    """Or of any: whatever would be answered without them could be wrong, so it is refused, with their path."""
    plant(target, sound(target), split="prod")
    path = plant(target, sound(target), -1, **({} if split is None else {"split": split}))
    (target.top / "l.csv").write_text("id,label\n2,1\n")
    add = ["labels", "add", "l.csv", "--on", "id", "--split", "prod"]
    for verb in (EVALUATE, COVERAGE, ["labels", "coverage"], BACKFILL, add):
        result = target.cli(*verb)
        assert (result.code, path.name in result.out + result.err) == (5, True), (verb, result)
        assert "no run has predictions" not in result.err


def test_ids_of_text_that_cannot_be_ids(target: Any) -> None:
    """Floats as ids are no writer's: refused."""
    plant(target, {**sound(target), "ids": stored(target, Column("float64", np.array([1.0, 2.0])))})
    assert target.cli(*EVALUATE).code == 5


@pytest.mark.parametrize("rows", [1 << 27, 10**12, 2**63 - 1])
def test_absurd_sizes_are_refused_before_they_are_unpacked(target: Any, rows: int) -> None:
    """An id column that says, or has, more values than one may have costs neither memory nor time."""
    said = {"blob": target.put_blob(bomb(1 << 27), "parquet"), "digest": "cd" * 32, "dtype": "int64"}
    plant(target, {"ids": said, "label": said}, rows)
    assert target.bounded([EVALUATE, COVERAGE, ["labels"], ["status"]], 700 << 20) == [5, 5, 0, 0]


def test_many_sets_of_labels(target: Any) -> None:
    """A thousand small files of labels are read in a moment."""
    columns = sound(target)
    for number in range(1000):
        plant(target, columns, author=f"Eve {number}")
    result = target.cli(*EVALUATE, "--json")
    assert (result.code, json.loads(result.out)["labels"]) == (0, {"known": 1, "of": 2})


def test_texts_that_would_steer_the_terminal(target: Any) -> None:
    """Names of files, authors, splits and ids of contradictions are shown without control codes."""
    evil = "\x1b]0;owned\x07\x1b[2J"
    file = {"name": evil, "sha256": "x", "bytes": 1}
    plant(target, sound(target), author=evil, reason=evil, file=file)
    (target.top / "l.csv").write_text(f"id,label\n{evil},a\n{evil},b\n")
    for verb in (["labels"], ["labels", "ls", "--csv"], ["labels", "add", "l.csv", "--on", "id", "-n"], COVERAGE):
        result = target.cli(*verb)
        assert result.code == 0, result
        assert "\x1b" not in (result.err if "--csv" in verb else result.out + result.err)


def test_two_sets_that_do_not_go_together(target: Any) -> None:
    """Text and fractions for one model's rows are no answer; which entries say so is told."""
    half = stored(target, Column("float64", np.array([0.5, 1.5])))
    number = plant(target, {**sound(target), "label": half})
    text = {**sound(target), "label": stored(target, Column("text", np.array(["a", "b"], object)))}
    text["ids"] = stored(target, Column("int64", np.array([2, 3])))
    other = plant(target, text)
    result = target.cli(*EVALUATE)
    assert result.code == 3
    assert number.name[-21:-5] in result.err
    assert other.name[-21:-5] in result.err
