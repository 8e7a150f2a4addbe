"""Columns of predictions: values come back bit for bit, digests are of values alone, and what is damaged is refused."""

import hashlib
import io
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import DamagedFile
from ledger.format import predictions as form
from ledger.format.predictions import Column, column, decode, digest, encode

BITS = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 1 << 63, 0x7FF0000000000001, 0xFFF8000000000000])
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "float64": BITS.map(lambda b: struct.unpack(">d", b.to_bytes(8, "big"))[0]),
    "int64": st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3),
    "uint64": st.integers(0, 2**64 - 1),
    "bool": st.booleans(),
    "text": st.text(st.characters(exclude_categories=("Cs",)), max_size=4)
    | st.sampled_from(["", "\0", "a\0", "ü" * 9]),
    "timestamp_us": st.integers(-(2**63), 2**63 - 1),
    "timestamp_ns": st.integers(-(2**63), 2**63 - 1),
}
NUMPY = {"float64": "f8", "float32": "f4", "int64": "i8", "uint64": "u8", "bool": "?", "text": "O"}


@st.composite
def found_columns(draw: st.DrawFn) -> Column:
    """Draw a column of any kind and shape, with some values missing or none."""
    kind = draw(st.sampled_from([*CELLS, "float32"]))
    width = draw(st.none() | st.integers(2, 4))
    shape = (draw(st.integers(0, 12)), *(() if width is None else (width,)))
    size = int(np.prod(shape))
    if kind == "float32":
        bits = draw(st.lists(st.integers(0, 2**32 - 1), min_size=size, max_size=size))
        values = np.array(bits, np.uint32).view(np.float32)
    else:
        cells = draw(st.lists(CELLS[kind], min_size=size, max_size=size))
        values = np.empty(size, NUMPY.get(kind, "i8"))
        values[:] = cells
    null = draw(st.none() | st.lists(st.booleans(), min_size=size, max_size=size))
    return column(kind, values.reshape(shape), None if null is None else np.array(null, bool).reshape(shape))


def bits_of(found: Column) -> Any:
    """Return all that a column says, bit for bit."""
    values = found.values.ravel().tolist() if found.kind == "text" else found.values.tobytes()
    null = None if found.null is None or not found.null.any() else found.null.tolist()
    return found.dtype, found.values.shape, values, null


def said(found: Column) -> bytes:
    """Return what a digest is of, as docs/format/predictions.md says, one value at a time."""
    cells = found.values.ravel().tolist()
    null = [False] * len(cells) if found.null is None else found.null.ravel().tolist()
    result = f"{found.dtype}\n{len(found.values)}\n{sum(null)}\n".encode()
    if any(null):
        bits = sum(1 << i for i, lacks in enumerate(null) if not lacks)
        result += bits.to_bytes((len(null) + 7) // 8, "little")
    if found.kind == "text":
        encoded = [text.encode() for text in cells]
        return result + b"".join(len(e).to_bytes(8, "little") for e in encoded) + b"".join(encoded)
    if found.kind.startswith("float"):
        return result + found.values.astype(found.values.dtype.newbyteorder("<")).tobytes()
    size = 1 if found.kind == "bool" else 8
    return result + b"".join(int(cell).to_bytes(size, "little", signed=cell < 0) for cell in cells)


@settings(max_examples=200)
@given(found_columns())
def test_columns_come_back_bit_for_bit(found: Column) -> None:
    """Any values of any kind, missing ones and none at all, come back; the same column gives the same bytes."""
    data = encode(found)
    assert encode(found) == data
    again = decode(data, "blob", found.dtype, digest(found), len(found.values))
    assert bits_of(again) == bits_of(found)


@given(found_columns())
def test_a_digest_is_what_the_page_says(found: Column) -> None:
    """The sha256 over type, length, what is missing, and the values in their canonical bytes."""
    assert digest(found) == hashlib.sha256(said(found)).hexdigest()


def test_a_digest_tells_values_apart_and_nothing_else() -> None:
    """Zeros of two signs, NaN and a missing value, shapes and types differ; byte order, strides and fillers do not."""
    zero, other = np.zeros(4), np.array([0.0, -0.0, 0.0, 0.0])
    nan, lacking = np.array([0.0, np.nan, 0.0, 0.0]), np.array([False, True, False, False])
    different = [
        column("float64", zero), column("float64", other), column("float64", nan),
        column("float64", zero, lacking), column("float32", zero), column("int64", zero),
        column("float64", zero.reshape(2, 2)), column("float64", zero[:3]), column("timestamp_us", zero),
        column("text", ["a", "bc"]), column("text", ["ab", "c"]), column("text", ["ab", "c", ""]),
        column("text", ["a", "bc"], np.array([False, True])),
    ]  # fmt: skip
    assert len({digest(found) for found in different}) == len(different)
    same = [
        column("float64", zero, lacking), column("float64", nan, lacking),
        column("float64", zero.astype(">f8"), lacking), column("float64", np.zeros(8)[::2], lacking),
    ]  # fmt: skip
    assert len({digest(found) for found in same}) == len({encode(found) for found in same}) == 1


def test_any_reader_finds_the_values() -> None:
    """A column is a Parquet file with the columns `value` or `value_0` ..., and without metadata of any program."""
    file = pq.ParquetFile(io.BytesIO(encode(column("text", ["a", "b"], np.array([False, True])))))
    assert file.read().to_pydict() == {"value": ["a", None]}
    assert file.metadata.metadata is None
    wide = pq.read_table(io.BytesIO(encode(column("float32", np.arange(6).reshape(2, 3)))))
    assert wide.to_pydict() == {"value_0": [0, 3], "value_1": [1, 4], "value_2": [2, 5]}
    assert wide.schema.types == [pa.float32()] * 3
    moments = pq.read_table(io.BytesIO(encode(column("timestamp_us", [0])))).schema.types
    assert moments == [pa.timestamp("us", tz="UTC")]


def test_one_version_of_arrow_writes_small_files() -> None:
    """A million labels take less than a bit and a half each, a million scores no more than they are."""
    random = np.random.default_rng(0)
    assert len(encode(column("int64", random.integers(0, 2, 1_000_000)))) < 250_000
    assert len(encode(column("float64", random.random(1_000_000)))) < 8_000_000


def other(kind: Any, **columns: Any) -> bytes:
    """Return a Parquet file that another program made."""
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **kind)
    return sink.getvalue()


GOOD = column("float64", [1.0, 2.0])
DATA = encode(GOOD)


@pytest.mark.parametrize(
    ("data", "dtype", "rows", "said"),
    [
        (b"", "float64", 2, "is not a column"),
        (b"x" * 100, "float64", 2, "is not a column"),
        (DATA[:-1], "float64", 2, "is not a column"),
        (DATA, "float64", 3, "has 2 rows; its entry says 3"),
        (DATA, "float64", 10**12, "the limit is"),
        (DATA, "float32", 2, "it holds double"),
        (DATA, "float64[2]", 2, "it has the columns value"),
        (DATA, "float64[99999]", 2, "is not known"),
        (DATA, "float64[1_0]", 2, "is not known"),
        (DATA, "object", 2, "is not known"),
        (DATA, "text", 2, "is not a column"),
        (DATA, "", 2, "is not known"),
        (other({}, value=[1.0, 3.0]), "float64", 2, "does not hold the values"),
        (other({}, value=[1.0, 2.0], more=[1, 2]), "float64", 2, "it has the columns value, more"),
        (other({}, values=[1.0, 2.0]), "float64", 2, "it has the columns values"),
        (other({}, value=[[1.0], [2.0]]), "float64", 2, "it holds list"),
        (other({}, value=[b"\xff", b"a"]), "text", 2, "is not a column"),
    ],
)
def test_what_is_no_such_column_is_damage(data: bytes, dtype: str, rows: int, said: str) -> None:
    """Bytes, type, number of rows or values that are not what the entry says are refused, with what is wrong."""
    with pytest.raises(DamagedFile, match=said):
        decode(data, "blob", dtype, digest(GOOD), rows)


def test_another_writer_may_choose_other_bytes() -> None:
    """Dictionaries, other compression and many groups hold the same values, so the digest fits."""
    forms: list[dict[str, Any]] = [{"compression": "gzip"}, {"row_group_size": 1}, {"use_dictionary": True}]
    for kind in forms:
        assert bits_of(decode(other(kind, value=[1.0, 2.0]), "blob", "float64", digest(GOOD), 2)) == bits_of(GOOD)
        texts = column("text", ["b", "a", "b"])
        assert bits_of(decode(other(kind, value=["b", "a", "b"]), "b", "text", digest(texts), 3)) == bits_of(texts)


def test_few_bytes_that_stand_for_many_texts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that is there a thousand times is made once, and counted a thousand times."""
    texts = column("text", ["x" * 1000] * 1000)
    data = encode(texts)
    assert len(data) < 2000
    found = decode(data, "blob", "text", digest(texts), 1000)
    assert found.values[0] is found.values[999]
    monkeypatch.setattr(form, "TEXT_MAX", 999_999)
    with pytest.raises(DamagedFile, match="its texts have more than 999999 bytes"):
        decode(data, "blob", "text", digest(texts), 1000)
