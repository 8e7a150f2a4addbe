"""Segments: rows come back from Parquet bit for bit; what is no segment is refused."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import DamagedFile
from ledger.format import columns
from ledger.format.rows import NO_STEP, Rows

RUN = "20261122-031501-baseline-7f3a9c2e1b0d"
NAMES = st.sampled_from(["loss", "val/auc", "ü", "x" * 300, "a b"])
CONTEXTS = st.none() | st.sampled_from(['{"fold":1}', '{"fold":2}', '{"class":"größe"}'])
BITS = st.integers(0, 2**64 - 1) | st.sampled_from(
    [0, 1, 1 << 63, 0x7FF0000000000000, 0x7FF0000000000001, 0x7FF8000000000000, 0xFFF8000000000007, 0x000FFFFFFFFFFFFF]
)
ROW = st.tuples(
    NAMES,
    CONTEXTS,
    st.none() | st.integers(-(2**62), 2**62),
    st.integers(-(2**53), 2**53),
    BITS,
    st.booleans(),
    st.integers(0, 2**31 - 1),
    st.sampled_from(["0a1b2c3d4e5f", "f5e4d3c2b1a0"]),
    st.integers(0, 2**62),
)
SEGMENTS = st.lists(ROW, max_size=20)


def make(listed: list[tuple[Any, ...]]) -> Rows:
    """Return rows of tuples: metric, context, step, time, bits, undefined, attempt, writer, seq."""
    keys = list(dict.fromkeys(row[:2] for row in listed))
    writers = list(dict.fromkeys(row[7] for row in listed))
    rows = Rows(keys, writers, len(listed))
    for i, (metric, context, step, time, pattern, undefined, attempt, writer, seq) in enumerate(listed):
        rows.key[i], rows.writer[i] = keys.index((metric, context)), writers.index(writer)
        rows.step[i], rows.time[i] = NO_STEP if step is None else step, time
        rows.value.view(np.uint64)[i], rows.undefined[i] = pattern, undefined
        rows.attempt[i], rows.seq[i] = attempt, seq
    return rows


def plain(rows: Rows) -> list[tuple[Any, ...]]:
    """Return rows as the tuples that `make` takes; the bits of an undefined value do not count."""
    return [
        (
            *rows.keys[rows.key[i]],
            None if rows.step[i] == NO_STEP else int(rows.step[i]),
            int(rows.time[i]),
            None if rows.undefined[i] else int(rows.value.view(np.uint64)[i]),
            bool(rows.undefined[i]),
            int(rows.attempt[i]),
            rows.writers[rows.writer[i]],
            int(rows.seq[i]),
        )
        for i in range(len(rows))
    ]


@settings(max_examples=60)
@given(SEGMENTS)
def test_rows_come_back_bit_for_bit(listed: list[tuple[Any, ...]]) -> None:
    """NaN payloads, -0.0, subnormals, null steps and contexts, and undefined values are what they were."""
    rows = make(listed).sorted()
    runs, found = columns.decode(columns.encode(RUN, rows), "s")
    assert plain(found) == plain(rows)
    assert runs == ([RUN] if listed else [])


@settings(max_examples=30)
@given(SEGMENTS)
def test_any_parquet_reader_sees_the_same(listed: list[tuple[Any, ...]]) -> None:
    """The columns have the documented names and types, null where a step, a context or a value is absent."""
    rows = make(listed).sorted()
    table = pq.read_table(pa.BufferReader(columns.encode(RUN, rows)))
    assert table.schema.equals(columns.SCHEMA)
    assert table.schema.metadata is None
    seen = [
        (r["metric"], r["context"], r["step"], r["value"] is None, r["attempt"], r["writer"], r["seq"])
        for r in table.to_pylist()
    ]
    assert seen == [(*row[:3], *row[5:]) for row in plain(rows)]


def test_same_rows_same_bytes() -> None:
    """One Arrow version writes the same rows, unused names or not, as the same bytes."""
    rows = make([("a", None, 1, 5, 0, False, 1, "w", 0), ("b", '{"fold":1}', None, 6, 1, False, 1, "w", 1)])
    extra = make([("a", None, 1, 5, 0, False, 1, "w", 0), ("b", '{"fold":1}', None, 6, 1, False, 1, "w", 1)])
    extra.keys.append(("unused", None))
    extra.writers.append("unused")
    assert columns.encode(RUN, rows.sorted()) == columns.encode(RUN, extra.sorted())


def test_documented_encodings() -> None:
    """Texts are dictionaries, steps, times and seqs deltas, values split by byte, all in zstd; snappy where few."""
    few = make([("a", None, i, i, i, False, 1, "w", i) for i in range(999)])
    group = pq.ParquetFile(pa.BufferReader(columns.encode(RUN, few))).metadata.row_group(0)
    assert {group.column(i).compression for i in range(group.num_columns)} == {"SNAPPY"}
    rows = make([("a", None, i, i, i, False, 1, "w", i) for i in range(1000)])
    meta = pq.ParquetFile(pa.BufferReader(columns.encode(RUN, rows))).metadata
    group = meta.row_group(0)
    encodings = {group.column(i).path_in_schema: group.column(i).encodings for i in range(group.num_columns)}
    assert all("RLE_DICTIONARY" in encodings[name] for name in ("run", "metric", "writer"))
    assert all("DELTA_BINARY_PACKED" in encodings[name] for name in ("step", "time", "seq", "attempt"))
    assert "BYTE_STREAM_SPLIT" in encodings["value"]
    assert {group.column(i).compression for i in range(group.num_columns)} == {"ZSTD"}
    assert meta.metadata is None


def test_many_runs_in_one_file() -> None:
    """`encode_many` keeps the order of runs and rows; no run at all gives an empty file."""
    one, two = make([("a", None, 1, 5, 0, False, 1, "w", 0)]), make([("b", '{"a":1}', None, 6, 1, True, 0, "v", 9)])
    runs, rows = columns.decode(columns.encode_many([("r1", one), ("r2", two)]), "p")
    assert (runs, plain(rows)) == (["r1", "r2"], plain(one) + plain(two))
    runs, rows = columns.decode(columns.encode_many([]), "p")
    assert (runs, len(rows)) == ([], 0)


def test_files_of_other_writers_are_read() -> None:
    """Plain encodings, several row groups, large texts and other units of time mean the same rows."""
    rows = make(
        [(n, c, s, 10**15 + s, s, s == 3, 1, "w", s) for n in "ab" for c in (None, '{"a":1}') for s in range(5)]
    )
    table = pq.read_table(pa.BufferReader(columns.encode(RUN, rows)))
    large = table.cast(
        pa.schema([f.with_type(pa.large_string()) if f.type == pa.string() else f for f in table.schema])
    )
    for other in (table, large):
        for options in ({"row_group_size": 3}, {"use_dictionary": False, "compression": "none"}):
            sink = pa.BufferOutputStream()
            pq.write_table(other.select(columns.SCHEMA.names[::-1]), sink, **options)
            runs, found = columns.decode(sink.getvalue().to_pybytes(), "s")
            assert (runs, plain(found)) == ([RUN], plain(rows))


def changed(name: str, column: Any) -> bytes:
    """Return a segment of two rows with one column replaced, or left out."""
    rows = make([("a", '{"fold":1}', i, i, i, False, 1, "w", i) for i in range(2)])
    table = pq.read_table(pa.BufferReader(columns.encode(RUN, rows)))
    at = table.schema.get_field_index(name)
    table = table.remove_column(at) if column is None else table.set_column(at, name, column)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        *((name, None) for name in columns.SCHEMA.names),
        ("metric", pa.array([1, 2])),
        ("metric", pa.array(["a", None])),
        ("run", pa.array([None, "r"])),
        ("writer", pa.array([None, None], pa.string())),
        ("time", pa.array([None, 1], pa.timestamp("us"))),
        ("time", pa.array(["now", "then"])),
        ("seq", pa.array([1, None])),
        ("attempt", pa.array([None, 1], pa.int32())),
        ("attempt", pa.array([2**40, 1])),
        ("step", pa.array(["a", "b"])),
        ("step", pa.array([0.5, 1.5])),
        ("value", pa.array([[1.0], [2.0]])),
        ("context", pa.array(["fold=1", "x"])),
        ("context", pa.array(["[1]", None])),
        ("context", pa.array(["", None])),
        ("context", pa.array(["{}", None])),
        ("context", pa.array(['{"a": 1}', None])),
        ("metric", pa.array(["a{b}", "a"])),
        ("metric", pa.array(["", "a"])),
        ("metric", pa.array([b"a", b"b"])),
        ("context", pa.array(["[" * 100_000, None])),
    ],
)
def test_columns_that_cannot_be_are_damage(name: str, column: Any) -> None:
    """A column that is absent, of another kind, or null where none may be, raises DamagedFile that names the file."""
    with pytest.raises(DamagedFile, match="s is not a segment"):
        columns.decode(changed(name, column), "s")


@given(st.binary(max_size=60))
def test_noise_is_damage(data: bytes) -> None:
    """Bytes that are no Parquet file raise DamagedFile."""
    with pytest.raises(DamagedFile, match="not a segment"):
        columns.decode(data, "s")


def test_a_cut_segment_is_damage() -> None:
    """A segment cut at any of many offsets raises DamagedFile."""
    data = columns.encode(RUN, make([("a", None, i, i, i, False, 1, "w", i) for i in range(9)]))
    for cut in range(0, len(data), 7):
        with pytest.raises(DamagedFile, match="not a segment"):
            columns.decode(data[:cut], "s")


def test_a_segment_of_another_size_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bytes may stand for billions of rows: their number is compared first, and running out of memory is said."""
    data = columns.encode("r", make([("a", None, 1, 5, 0, False, 1, "w", 0)]))
    assert len(columns.decode(data, "s", 1)[1]) == 1
    monkeypatch.setattr(columns, "_rows", lambda table: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(DamagedFile, match="MemoryError"):
        columns.decode(data, "s", 1)
    monkeypatch.setattr(columns.pq.ParquetFile, "read", None)
    with pytest.raises(DamagedFile, match="1 rows; its entry says 2"):
        columns.decode(data, "s", 2)
    monkeypatch.setattr(columns, "SEGMENT_ROWS_MAX", 0)
    with pytest.raises(DamagedFile, match="the limit is 0"):
        columns.decode(data, "s", 1)
