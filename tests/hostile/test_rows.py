"""Hostile segments: wrong columns, wrong footers, and few bytes that stand for very many rows."""

import io
import json
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger.format import columns
from ledger.format.columns import SCHEMA
from ledger.format.ids import TIME_MAX

T = 1_700_000_000_000_000
EVIL = "\x1b[31m\u202eevil\nnext\x07"
MANY = columns.SEGMENT_ROWS_MAX


def column(name: str, count: int, run: str) -> Any:
    """Return a column of equal values, texts as a dictionary."""
    zeros = pa.array(np.zeros(count, np.int32))
    texts = {"run": run, "metric": "m", "writer": "w"}
    if name in texts:
        return pa.DictionaryArray.from_arrays(zeros, pa.array([texts[name]]))
    kind = SCHEMA.field(name).type
    if name == "context":
        return pa.nulls(count, kind)
    if name == "time":
        return pa.array(np.full(count, T)).cast(kind)
    if name in ("step", "seq"):
        return pa.array(np.arange(count))
    return pa.array(np.ones(count, {"value": np.float64, "attempt": np.int32}[name]))


def write(arrays: dict[str, Any], **options: Any) -> bytes:
    """Write columns as a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.table(arrays), sink, store_schema=False, **options)
    return sink.getvalue()


def segment(owner: str, count: int = 2, **over: Any) -> bytes:
    """Return a segment of so many rows, some of its columns replaced, or left out by None."""
    arrays = {name: column(name, count, owner) for name in SCHEMA.names} | over
    return write({name: array for name, array in arrays.items() if array is not None})


def of(*values: Any, kind: Any = None) -> Any:
    """Return values as an array."""
    return pa.array(list(values), kind)


# Columns that replace those of two sound rows, and what `ledger show` of the run ends with.
COLUMNS: dict[str, tuple[dict[str, Any], int]] = {
    "sound": ({}, 0),
    "another column, nested": ({"more": of([{"a": [1]}], [])}, 0),
    "no value": ({"value": None}, 5),
    "no metric": ({"metric": None}, 5),
    "fractional step": ({"step": of(1.5, 2.5)}, 5),
    "step as float": ({"step": of(1.0, 2.0)}, 0),
    "value as text": ({"value": of("x", "y")}, 5),
    "value as list": ({"value": of([1.0], [2.0])}, 5),
    "value as struct": ({"value": of({"a": 1.0}, {"a": 2.0})}, 5),
    "value as decimal": ({"value": of(1, 2, kind=pa.decimal128(5, 2))}, 0),
    "metric as bytes": ({"metric": of(b"\xff\xfe", b"x")}, 5),
    "metric as number": ({"metric": of(5, 6)}, 5),
    "metric as list": ({"metric": of(["a"], ["b"])}, 5),
    "metric absent": ({"metric": of(None, "m")}, 5),
    "time absent": ({"time": of(None, T, kind=SCHEMA.field("time").type)}, 5),
    "time beyond bounds": ({"time": of(-(2**63), 2**63 - 1, kind=SCHEMA.field("time").type)}, 5),
    "time at the bounds": ({"time": of(-TIME_MAX, T, kind=SCHEMA.field("time").type)}, 0),
    "hostile metric": ({"metric": of(EVIL, EVIL)}, 5),
    "hostile writer": ({"writer": of(EVIL, EVIL)}, 0),
    "empty metric": ({"metric": of("", "")}, 5),
    "metric of a megabyte": ({"metric": of("m" * 10**6, "m")}, 5),
    "braces": ({"metric": of("a{x}", "}{")}, 5),
    "context of no JSON": ({"context": of("nope", None)}, 5),
    "context 100 000 deep": ({"context": of('{"a":' * 100_000 + "1" + "}" * 100_000, None)}, 5),
    "context of digits": ({"context": of('{"a":' + "9" * 5000 + "}", None)}, 5),
    "context NaN": ({"context": of('{"a":NaN}', None)}, 5),
    "hostile context": ({"context": of(json.dumps({EVIL: EVIL}), None)}, 5),
    "steps at the bounds": ({"step": of(2**63 - 2, -(2**63) + 1)}, 0),
    "a step that stands for none": ({"step": of(2**63 - 1, None)}, 5),
    "step below bounds": ({"step": of(-(2**63), 0)}, 5),
    "seq below bounds": ({"seq": of(-1, -1)}, 5),
    "seq at the bounds": ({"seq": of(0, 2**62)}, 0),
    "seq above bounds": ({"seq": of(0, 2**62 + 1)}, 5),
    "attempt below bounds": ({"attempt": of(-1, 1)}, 5),
    "seq beyond bounds": ({"seq": of(2**64 - 1, 1, kind=pa.uint64())}, 5),
    "attempt beyond bounds": ({"attempt": of(2**40, 1)}, 5),
    "rows of another run": ({"run": of("20261122-000000-y-0123456789ab", "x")}, 5),
    "no text at all": ({"context": of(None, None, kind=pa.null())}, 5),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_columns_that_no_writer_writes(site: Any, case: str) -> None:
    """What is no row of this run is damage of the run, found by `verify --rows` too; other columns are passed over."""
    over, code = COLUMNS[case]
    site.put_segment(segment(site.run, **over), 2)
    run = site.run
    found = site.attack(
        [
            ["ls"],
            ["show", run],
            ["diff", run, "good"],
            ["export", run],
            ["verify", "--rows"],
            ["log", "--run", run, "q=1"],
        ]
    )
    assert (found["show"].code, found["ls"].code, found["verify"].code) == (code, code, 5), found["show"].err


def with_footer(data: bytes, footer: bytes, end: bytes = b"PAR1") -> bytes:
    """Return a Parquet file with another footer."""
    (size,) = struct.unpack("<i", data[-8:-4])
    return data[: -8 - size] + footer + struct.pack("<i", len(footer)) + end


def repeated(data: bytes, times: int) -> bytes:
    """Return a file whose footer names its row groups many times over."""
    every = pq.read_metadata(io.BytesIO(data))
    while every.num_row_groups < times:
        every.append_row_groups(pq.read_metadata(io.BytesIO(written(every))))
    return with_footer(data, written(every)[4:-8])


def written(metadata: Any) -> bytes:
    """Return the bytes of a file that holds a footer alone."""
    sink = io.BytesIO()
    metadata.write_metadata_file(sink)
    return sink.getvalue()


FOOTERS = {
    "none": lambda data: data[:-100],
    "empty": lambda data: with_footer(data, b""),
    "zeros": lambda data: with_footer(data, bytes(500)),
    "encrypted": lambda data: data[:-4] + b"PARE",
    "longer than the file": lambda data: data[:-8] + struct.pack("<i", 2**31 - 1) + b"PAR1",
    "negative": lambda data: data[:-8] + struct.pack("<i", -5) + b"PAR1",
    "another file's": lambda data: with_footer(data, written(pq.read_metadata(io.BytesIO(segment("x", 5))))[4:-8]),
    "groups twice": lambda data: repeated(data, 64),
    "no data": lambda data: b"PAR1" + written(pq.read_metadata(io.BytesIO(data)))[4:],
    "magic alone": lambda data: b"PAR1PAR1",
    "nothing": lambda data: b"",
    "text": lambda data: b"{}" * 100,
}


@pytest.mark.parametrize("case", FOOTERS)
def test_footers_that_lie(site: Any, case: str) -> None:
    """A file that is no Parquet, or whose footer is not about its rows, is damage of its run."""
    site.put_segment(FOOTERS[case](segment(site.run)), 2)
    found = site.attack([["ls"], ["show", site.run], ["export", site.run], ["verify", "--rows"]])
    assert {found[verb].code for verb in ("ls", "show", "export", "verify")} == {5}


def bomb_groups(run: str) -> bytes:
    """A thousand million rows in kilobytes: one group of equal values, named over and over."""
    return repeated(segment(run, 1_000_000), 1024)


def bomb_values(run: str) -> bytes:
    """Twenty million equal rows."""
    return segment(
        run, 20_000_000, step=pa.array(np.zeros(20_000_000, np.int64)), seq=pa.array(np.zeros(20_000_000, np.int64))
    )


def bomb_text(run: str) -> bytes:
    """A name of 128 megabytes, compressed."""
    text = pa.DictionaryArray.from_arrays(pa.array([0, 0], pa.int32()), pa.array(["m" * (1 << 27)]))
    arrays = {name: column(name, 2, run) for name in SCHEMA.names} | {"metric": text}
    return write(arrays, compression="zstd", write_statistics=False)


def bomb_dictionary(run: str) -> bytes:
    """A hundred thousand metrics of one row each, and as many contexts."""
    count = 100_000
    contexts = pa.array([f'{{"k":{i}}}' for i in range(count)])
    return segment(run, count, metric=pa.array([f"m{i}" for i in range(count)]), context=contexts)


def bomb_column(run: str) -> bytes:
    """A nested column that nobody asked for, of a hundred million values."""
    lists = pa.ListArray.from_arrays(
        pa.array([0, 0, 100_000_000], pa.int32()), pa.array(np.zeros(100_000_000, np.int8))
    )
    return segment(run, 2, more=lists)


def at_the_limit(run: str) -> bytes:
    """As many rows as a segment may have."""
    return segment(run, MANY)


# What makes the segment, the rows that its entry says, what reading ends with, and GiB that may be held meanwhile.
BOMBS: dict[str, tuple[Any, int, int, float]] = {
    "groups": (bomb_groups, 1_024_000_000, 5, 0.5),
    "groups, other rows": (bomb_groups, 2, 5, 0.5),
    "values": (bomb_values, 20_000_000, 5, 0.5),
    "text": (bomb_text, 2, 5, 2.0),
    "dictionary": (bomb_dictionary, 100_000, 0, 1.0),
    "column": (bomb_column, 2, 0, 0.5),
    "at the limit": (at_the_limit, MANY, 0, 2.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", BOMBS)
def test_bombs_are_not_unpacked(site: Any, case: str) -> None:
    """Kilobytes that stand for gigabytes: refused before they are unpacked; every verb ends, in bounded memory."""
    make, rows, code, memory = BOMBS[case]
    data = make(site.run)
    assert len(data) < 40_000_000
    site.put_segment(data, rows)
    codes = site.bounded([["ls"], ["show", site.run], ["verify", "--rows"], ["show", "good"]], int(memory * (1 << 30)))
    assert (codes[0], codes[1], codes[3]) == (code, code, 0)
    assert codes[2] == 5, "the ranges that the entry does not state"


@pytest.mark.slow
def test_a_segment_that_is_named_often_is_read_once(site: Any) -> None:
    """One segment named a thousand times over by one entry, and by many, costs one reading."""
    data = segment(site.run, 100_000)
    path = site.put_segment(data, 100_000)
    named = json.loads(max(site.folder.glob("20400101*-rows-*.json")).read_text())["segments"]
    for i in range(50):
        site.put(site.fields("rows", reason=str(i), segments=named * 100))
    assert path.exists()
    assert site.bounded([["ls"], ["export", site.run]], 1 << 30) == [0, 0]
