"""Predictions in files: what a text says is what it is, and what cannot be read is said with the file's name."""

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger.errors import InvalidValue
from ledger.record.arrays import to_column
from ledger.record.prediction_files import read


@pytest.mark.parametrize(
    ("texts", "dtype", "values"),
    [
        (["1", "-2", "0"], "int64", [1, -2, 0]),
        (["1", "", "3"], "int64", [1, None, 3]),
        (["0.5", "nan", "-inf", "-0"], "float64", [0.5, float("nan"), float("-inf"), -0.0]),
        (["1e3", "2", ".5"], "float64", [1000.0, 2.0, 0.5]),
        (["007", "8", "9"], "text", ["007", "8", "9"]),
        (["+49", "1"], "text", ["+49", "1"]),
        (["18446744073709551616"], "text", ["18446744073709551616"]),
        (["18446744073709551615", "0"], "uint64", [2**64 - 1, 0]),
        (["-1", "18446744073709551615"], "text", ["-1", "18446744073709551615"]),
        (["true", "False"], "bool", [True, False]),
        (["cat", '""', '"a,b"', '"two\nlines"'], "text", ["cat", "", "a,b", "two\nlines"]),
        (["1_000"], "text", ["1_000"]),
        (["NA", "1"], "text", ["NA", "1"]),
    ],
)
def test_what_the_texts_of_a_csv_file_say(workdir: Path, texts: list[str], dtype: str, values: list[Any]) -> None:
    """Numbers where all are written as numbers are; what would not read back as it was written stays text."""
    Path("p.csv").write_text("x,y\n" + "".join(f"k,{text}\n" for text in texts))
    given, _ = read("p.csv", {"y_true": "y"})
    assert repr(given["y_true"]) == repr(values)
    assert to_column("y_true", given["y_true"]).dtype == dtype


def test_columns_of_many_kinds(workdir: Path) -> None:
    """Several columns make rows of scores, times are read with their zone, slices keep their names; TSV has tabs."""
    Path("p.tsv").write_text("p0\tp1\twhen\tsite\n0.1\t1\t2026-11-22T03:15:00Z\tx\n0.2\t0\t2026-11-22 04:15\ty\n")
    given, slices = read("p.tsv", {"y_score": ["p0", "p1"], "timestamp": "when"}, ["site"])
    assert given["y_score"] == [[0.1, 1], [0.2, 0]]
    assert to_column("y_score", given["y_score"]).dtype == "float64[2]"
    assert given["timestamp"][0] == datetime.datetime(2026, 11, 22, 3, 15, tzinfo=datetime.UTC)
    assert slices == {"site": ["x", "y"]}


def test_parquet_keeps_its_types(workdir: Path) -> None:
    """float32, missing integers, datetimes and dictionaries are what the file has."""
    table = pa.table(
        {
            "p": pa.array([0.1, None], pa.float32()), "q": pa.array([0.5, 1.5], pa.float32()),
            "y": pa.array([1, None]), "t": pa.array([1, 2], pa.timestamp("us", "UTC")),
            "c": pa.array(["a", "b"]).dictionary_encode(),
        }
    )  # fmt: skip
    pq.write_table(table, "p.parquet")
    given, slices = read("p.parquet", {"y_score": "p", "y_pred": "q", "y_true": "y", "timestamp": "t"}, ["c"])
    kinds = {name: to_column(name, array).dtype for name, array in given.items()}
    assert kinds == {"y_score": "float32", "y_pred": "float32", "y_true": "int64", "timestamp": "timestamp_us"}
    assert slices == {"c": ["a", "b"]}
    wide, _ = read("p.parquet", {"y_score": ["q", "q"]})
    assert to_column("y_score", wide["y_score"]).dtype == "float32[2]"


@pytest.mark.parametrize(
    ("name", "text", "columns", "said"),
    [
        ("p.csv", "a,b\n1,2\n", "c", "the column 'c' is not there in p.csv; it has a, b"),
        ("p.csv", "a,a\n1,2\n", "a", "the column 'a' is there twice"),
        ("p.csv", "", "a", "p.csv cannot be read"),
        ("p.csv", "a\n1,2\n", "a", "p.csv cannot be read"),
        ("p.parquet", "a", "a", "p.parquet cannot be read"),
        ("p.xls", "a", "a", "is neither .csv, .tsv nor .parquet"),
        ("other.csv", "a", "a", "the file p.csv is not there"),
        ("p.csv", "a\n1e999\n", "a", "1e999, which is beyond"),
        ("p.csv", "a\n1e-999\n", "a", "1e-999, which is beyond"),
    ],
)
def test_what_cannot_be_read(workdir: Path, name: str, text: str, columns: str, said: str) -> None:
    """One error with the file, the column and what there is."""
    Path(name).write_text(text)
    with pytest.raises(InvalidValue, match=said):
        read(name if name != "other.csv" else "p.csv", {"y_score": columns})


@pytest.mark.parametrize("text", ["yesterday", "2026-11-22T03:15:00.1234567Z"])
def test_times_that_are_none_or_too_fine(workdir: Path, text: str) -> None:
    """What is no time, or would be cut to microseconds, is refused."""
    Path("p.csv").write_text(f"y,t\n1,{text}\n")
    with pytest.raises(InvalidValue, match="is not a time"):
        read("p.csv", {"y_true": "y", "timestamp": "t"})
