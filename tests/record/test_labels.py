"""What is taken for labels, and what is refused: nothing is guessed at, nothing is written where something is wrong."""

import datetime
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ledger
from ledger.errors import InvalidName, InvalidValue
from ledger.record import labels

Cli = Callable[..., Any]


def csv(text: str, name: str = "l.csv") -> str:
    """Write a file and return its path."""
    Path(name).write_text(text)
    return name


def values(found: labels.Checked) -> dict[Any, Any]:
    """Return labels by id."""
    return dict(zip(found.ids.values.tolist(), found.label.values.tolist(), strict=True))


@pytest.mark.parametrize(
    ("text", "found", "counts"),
    [
        ("id,label\n1,0\n2,1\n", {1: 0, 2: 1}, (2, 0, 0, 0)),
        ("id,label\na,yes\nb,no\n", {"a": "yes", "b": "no"}, (2, 0, 0, 0)),
        ("id,label\n007,1\n7,0\n", {"007": 1, "7": 0}, (2, 0, 0, 0)),
        ("id,label\na,0.5\nb,1e3\n", {"a": 0.5, "b": 1000.0}, (2, 0, 0, 0)),
        ("id,label\na,true\nb,False\n", {"a": True, "b": False}, (2, 0, 0, 0)),
        ("id,label\na,0.5\nb,nan\nc,\n", {"a": 0.5}, (3, 2, 0, 0)),
        ('id,label\na,1\nb,""\nc,\n', {"a": "1"}, (3, 2, 0, 0)),
        ("id,label\na,1\na,1\n\na,1\n", {"a": 1}, (3, 0, 2, 0)),
        ("id,label\na,1\nb,2\na,0\na,1\n", {"a": 1, "b": 2}, (4, 0, 0, 2)),
        ("id,label\na,1\na,\n", {"a": 1}, (2, 1, 0, 0)),
        ("id,label\n18446744073709551615,1\n", {2**64 - 1: 1}, (1, 0, 0, 0)),
        ("label,more,id\n1,x,2\n", {2: 1}, (1, 0, 0, 0)),
    ],
)
def test_what_a_file_says(workdir: Path, text: str, found: dict[Any, Any], counts: tuple[int, ...]) -> None:
    """One label an id, the last; rows, rows without a label, repetitions and contradictions are counted."""
    checked = labels.check(csv(text), on="id")
    assert values(checked) == found
    assert (checked.rows, checked.empty, checked.repeated, len(checked.contradictions)) == counts
    assert checked.file is not None
    assert (checked.file.name, checked.file.bytes) == ("l.csv", len(text))


@pytest.mark.parametrize(
    ("text", "unit", "where"),
    [
        ("id,label\n5,0\n6,0\n5,1\n", "line", (2, 4)),
        ('id,label\n5,0\n"6\n6",0\n5,1\n', "row", (1, 3)),
        ("id,label\n\n5,0\n6,0\n5,1\n", "row", (1, 3)),
        ("id,label\r\n5,0\r\n6,0\r\n5,1", "line", (2, 4)),
    ],
)
def test_where_a_contradiction_stands(workdir: Path, text: str, unit: str, where: tuple[int, int]) -> None:
    """By lines of the file where these are its rows, else by rows."""
    checked = labels.check(csv(text), on="id")
    (one,) = checked.contradictions
    assert (checked.unit, str(one.id), one.before, one.label, one.lines) == (unit, "5", 0, 1, where)


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("id,y\n1,0\n", {}, r"the column 'label' is not there in l.csv; it has id, y"),
        ("a,label\n1,0\n", {}, r"the column 'id' is not there in l.csv; it has a, label"),
        ("id,id,label\n1,1,0\n", {}, r"the column 'id' is there twice"),
        ("id,label\n", {}, r"no labels: the file has no rows"),
        ("", {}, r"l.csv cannot be read"),
        ("id,label\n1,\n2,nan\n", {}, r"no labels: 2 rows, all without a value in 'label'"),
        ("id,label\n,0\n,1\n", {}, r"no labels: 2 rows, all without a value in 'id'"),
        ("id,label\n,0\n1,\n", {}, r"no labels: 2 rows, all without a value in 'id and label'"),
        ("id,label\n1.5,0\n", {}, r"ids must be whole numbers or text, and 'id' holds float64"),
        ("id,label\ntrue,0\n", {}, r"ids must be whole numbers or text, and 'id' holds bool"),
        ("id,label\n1,0\n", {"label": "id"}, r"ids and labels cannot both be the column 'id'"),
        ("id,label\n1,0\n", {"at": "yesterday"}, r"'yesterday', which is no date"),
        ("id,label\n1,0\n", {"at": "2026-02-30"}, r"'2026-02-30', which is no date"),
        ("id,label\n1,0\n", {"at": "2400-01-01"}, r"cannot have been known at 2400-01-01T.*in the future"),
        ("id,label\n1,0\n", {"at": "1960-01-01"}, r"before 1970"),
        ("id,label\n1,0\n", {"at": 20260101}, r"must be a date or a time, not int"),
        ("id,label\n1,0,3\n", {}, r"l.csv cannot be read: the heading has 2 values, line 2 has 3$"),
        ("id,label\n1,0\n\n3\n4,1\n5,1,\n", {}, r"the heading has 2 values, line 4 has 1, line 6 has 3$"),
        ('id,label\n"1\n1",0\n3\n', {}, r"the heading has 2 values, line 4 has 1$"),
        ("id,label\n" + "1\n" * 7, {}, r"line 5 has 1, line 6 has 1, and 2 more lines$"),
        ("id,label\n1,1e400\n", {}, r"1e400, which is beyond what float64 can hold"),
        ("id,label\n1,0\n", {"reason": 5}, r"the reason must be text"),
    ],
)
def test_what_is_refused(workdir: Path, text: str, options: dict[str, Any], said: str) -> None:
    """One clear error says what is wrong, with both sides or the place."""
    with pytest.raises(InvalidValue, match=said):
        labels.check(csv(text), **{"on": "id", **options})


def test_what_else_is_refused(workdir: Path) -> None:
    """A file that is not there or of no known kind, a folder, a split that cannot be one, what is no table."""
    for source, said in [
        ("none.csv", "is not there"),
        (".", "is a folder"),
        (csv("x", "l.xls"), "neither .csv, .tsv nor .parquet"),
        (csv("PAR1", "l.parquet"), "cannot be read"),
        ([1, 2], "a file or a table, not list"),
        ({"id": [1, 2], "label": [0]}, "'id' has 2 rows, and 'label' has 1"),
        ({"id": [1]}, "the column 'label' is not there; the table has id"),
        ({"id": [1], "label": [datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)]}, "numbers, bools or text"),
        ({"id": [1], "label": np.zeros((1, 2))}, r"one an id, and 'label' holds float64\[2\]"),
        ({"id": [1.5, None], "label": [0, 1]}, "'id' holds float64"),
        ({"id": [1.5, 2], "label": [0, 1]}, "'id' holds float64"),
        ({"id": [float("inf")], "label": [0]}, "'id' holds float64"),
        ({"id": [1], "label": ["\ud800"]}, "not valid Unicode"),
    ]:
        with pytest.raises(InvalidValue, match=said):
            labels.check(source, on="id")
    with pytest.raises(InvalidName):
        labels.check({"id": [1], "label": [0]}, on="id", split="a b\n")


def test_tables_and_other_files(workdir: Path) -> None:
    """A DataFrame, Parquet and TSV say the same; floats that are whole numbers, as pandas makes them, are ids."""
    frame = pd.DataFrame({"id": [1, 2, 3], "y": [0.0, None, 1.0]})
    frame.to_parquet("l.parquet")
    frame.to_csv("l.tsv", sep="\t", index=False)
    for source in (frame, "l.parquet", "l.tsv", frame.astype({"id": "float64"}), frame.astype({"y": "Float64"})):
        checked = labels.check(source, on="id", label="y")
        assert (values(checked), checked.empty, checked.ids.kind) == ({1: 0.0, 3: 1.0}, 1, "int64")
    assert labels.check("l.parquet", on="id", label="y").unit == "row"


@pytest.mark.parametrize(
    "ids",
    [
        pd.array([1, None, 2, None], "Int64"),
        [1.0, float("nan"), 2.0, None],
        ["a", None, "b", None],
        pd.array([2**64 - 1, None, 2, None], "UInt64"),
    ],
)
def test_rows_without_an_id(workdir: Path, ids: Any) -> None:
    """They are left out and counted, from whatever file or table; a label that one of them lacks is not counted too."""
    frame = pd.DataFrame({"id": ids, "label": [0, 1, 1, None]})
    frame.to_parquet("l.parquet")
    frame.to_csv("l.csv", index=False)
    for source in (frame, "l.parquet", "l.csv"):
        checked = labels.check(source, on="id")
        assert sorted(values(checked).values()) == [0, 1]
        assert (checked.rows, checked.without_id, checked.empty, checked.ids.null) == (4, 2, 0, None)


def test_the_date_that_it_is_here(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ahead of UTC it means now; a day later is the future, and the error says that dates are UTC."""
    monkeypatch.setenv("TZ", "AHEAD-23:59")  # all but one minute of the day it is tomorrow there
    time.tzset()
    try:
        today = datetime.datetime.now().astimezone().date()
        for given in (today, str(today)):
            assert labels.check({"id": [1], "label": [0]}, on="id", at=given).at in (None, _midnight(today))
        with pytest.raises(InvalidValue, match="in the future") as refused:
            labels.check({"id": [1], "label": [0]}, on="id", at=today + datetime.timedelta(days=1))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert str(refused.value.hint).startswith("what has no time zone is UTC, where it is 20")


def _midnight(day: datetime.date) -> int:
    return int(datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC).timestamp() * 1e6)


@pytest.mark.parametrize(
    ("given", "first"),
    [
        ("2026-01-02", "2026-01-02T00:00:00.000000Z"),
        ("2026-01-02T03:04", "2026-01-02T03:04:00.000000Z"),
        ("2026-01-02 03:04:05+01:00", "2026-01-02T02:04:05.000000Z"),
        ("2026-01-02T03:04:05.25Z", "2026-01-02T03:04:05.250000Z"),
        (datetime.date(2026, 1, 2), "2026-01-02T00:00:00.000000Z"),
        (pd.Timestamp("2026-01-02", tz="US/Eastern"), "2026-01-02T05:00:00.000000Z"),
    ],
)
def test_when_they_were_known(repo: Path, given: Any, first: str) -> None:
    """A date is its beginning, a time without a zone is UTC; without any it is when they are added."""
    with ledger.start("m") as run:
        run.log_predictions("prod", y_score=[0.5], ids=[1])
    led = ledger.open()
    led.add_labels({"id": [1], "label": [0]}, at=given)
    led.add_labels({"id": [1], "label": [1]})
    (then, now) = led.labels().rows()
    assert then[1] == first
    assert now[1] == now[2] > then[2]


@pytest.mark.parametrize(
    ("logged", "late", "said"),
    [
        ({"y_pred": [0, 1]}, ["1", "NA"], r"must be numbers, .* \(int64\), and 1 are not, such as 'NA': row 2"),
        ({"y_pred": [0.5, 1]}, ["1.5", "x"], r"must be numbers, .* \(float64\), and 1 are not, such as 'x': row 2"),
        ({"y_true": [0, None], "y_score": [0.5, 0.5]}, ["b", "a"], "2 are not, such as 'b': rows 1, 2"),
        ({"y_pred": ["a", "b"]}, [0.5, 1.0], "are text so far, and these are float64, such as 0.5"),
        ({"y_pred": ["a", "b"]}, [1, 2], None),
        ({"y_pred": [0, 1]}, ["1", "0"], None),
        ({"y_true": [None, None], "y_score": [0.5, 0.5]}, ["b", "a"], None),
        ({"y_score": [0.5, 0.5]}, ["b", "a"], None),
    ],
)
def test_labels_of_another_kind(repo: Path, logged: dict[str, Any], late: list[Any], said: str | None) -> None:
    """Text among labels that are numbers so far, and the reverse, is refused with its place; else it is taken."""
    with ledger.start("m") as run:
        run.log_predictions("prod", ids=[1, 2], **logged)
    led = ledger.open()
    if said is None:
        led.add_labels({"id": [1, 2], "label": late})
        assert len(led.labels().rows()) == 1
    else:
        with pytest.raises(InvalidValue, match=said):
            led.add_labels({"id": [1, 2], "label": late})
        assert led.labels().rows() == []
        led.add_labels({"id": [8, 9], "label": late})  # of other predictions, which may come


def test_against_labels_that_are_here(repo: Path) -> None:
    """What was known before is counted; the same again is not added; text against numbers is refused."""
    led = ledger.open() if Path(".ledger").exists() else None
    with ledger.start("m") as run:
        run.log_predictions("prod", ids=[1, 2, 3], y_score=[0.5] * 3)
    led = ledger.open()
    first = led.add_labels({"id": [1, 2, 9], "label": [0, 1, 1]}, split="prod", at="2026-01-01")
    assert (first.unmatched, first.splits, first.same, first.other) == (1, ["prod"], 0, 0)
    again = led.add_labels({"id": ["2", "1"], "label": [1, 0]}, split="prod")
    assert (again.entry, again.here) == (None, first.entry)
    elsewhere = led.add_labels({"id": [1, 2, 9], "label": [0, 1, 1]}, split="test")
    assert (elsewhere.unmatched, elsewhere.here, elsewhere.splits) == (3, None, [])
    earlier = led.add_labels({"id": [1, 2, 9], "label": [0, 1, 1]}, split="prod", at="2025-12-01")
    assert earlier.entry is not None
    other = led.add_labels({"id": [1, 2, 3], "label": [0, 0, 0]}, split="prod")
    assert (other.same, other.other, other.unmatched) == (1, 1, 0)
    with pytest.raises(InvalidValue, match="must be numbers"):
        led.add_labels({"id": [1], "label": ["x"]}, split="prod")
    assert len(led.labels().rows()) == 4


def test_a_dry_run_writes_nothing(repo: Path) -> None:
    """It says what would come of it."""
    with ledger.start("m") as run:
        run.log_predictions("prod", ids=[1], y_score=[0.5])
    led = ledger.open()
    before = sorted(str(path) for path in Path(".ledger").rglob("*"))
    found = led.add_labels({"id": [1, 2], "label": [0, 1]}, dry_run=True)
    assert (found.entry, found.labels, found.unmatched, found.dry_run) == (None, 2, 1, True)
    assert sorted(str(path) for path in Path(".ledger").rglob("*")) == before


def test_max_blob_and_secrets(repo: Path) -> None:
    """A column above `max_blob` is refused before anything is written; a secret in the reason is redacted."""
    with ledger.start("m") as run:
        run.log_predictions("prod", ids=[1], y_score=[0.5])
    (repo / ".ledger-schema").write_text('[storage]\nmax_blob = "2 kB"\n')
    rng = np.random.default_rng(0)
    with pytest.raises(InvalidValue, match="the column 'ids' of the labels"):
        ledger.open().add_labels({"id": rng.integers(0, 2**60, 5000), "label": np.zeros(5000)})
    assert not (repo / ".ledger/log").exists()
    token = "ghp_" + "a1B2c3D4" * 5
    with pytest.warns(ledger.LedgerWarning, match="secret"):
        ledger.open().add_labels({"id": [1], "label": [0]}, reason=f"with {token}")
    assert token not in next(Path(".ledger/log").rglob("*.json")).read_text()


def test_ids_are_held_exactly(repo: Path) -> None:
    """What is written is what was given, one row an id, and the entry says from which file."""
    with ledger.start("m") as run:
        run.log_predictions("prod", ids=["1", "x"], y_score=[0.5, 0.5])
    led = ledger.open()
    led.add_labels(csv("id,label\nx,0\n1,1\nx,1\n"), split="prod", reason="late")
    text = next(Path(".ledger/log").rglob("*.json")).read_text()
    assert re.search(r'"rows": 2,.*"dtype": "text".*"dtype": "int64".*"name": "l.csv"', text, re.DOTALL)
    assert led.labels().rows()[0][3:] == ["prod", 2, "l.csv", led.author(), "late"]
    assert led.evaluate("m", "prod", kind="binary").labels.known == 2
