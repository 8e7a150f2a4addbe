"""Columns of predictions: what one may hold, the digest of its values, and its Parquet bytes, both ways."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ledger.errors import RESTORE, DamagedFile

WIDTH_MAX = 4096  # values in a row of one column, such as a score for each class
VALUES_MAX = 1 << 26  # in a column: what is beyond is refused before anything is unpacked
TEXT_MAX = 1 << 28  # bytes of all texts of a column, in UTF-8
_ZSTD_MIN = 1000  # values; below, zstd saves nothing and takes longer

TEXT = "text"
_ARROW = {
    "float32": pa.float32(),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "uint64": pa.uint64(),
    "bool": pa.bool_(),
    TEXT: pa.string(),
    "timestamp_us": pa.timestamp("us", tz="UTC"),
    "timestamp_ns": pa.timestamp("ns", tz="UTC"),
}
_NUMPY = {
    "float32": "<f4", "float64": "<f8", "int64": "<i8", "uint64": "<u8", "bool": "?", TEXT: "O",
    "timestamp_us": "<i8", "timestamp_ns": "<i8",
}  # fmt: skip
_DTYPE = re.compile(r"([a-z]+[a-z0-9_]*)(?:\[([1-9][0-9]{0,3})\])?", re.ASCII)


class Column(NamedTuple):
    """One column: `values` of shape (n,) or (n, K), and `null`, a bool array of that shape or None where all are there.

    The kind says the values' type: float32, float64, int64, uint64, bool; text (str objects); timestamp_us and
    timestamp_ns (int64 since 1970 UTC). Where there is none, the value is 0, False or an empty text.
    """

    kind: str
    values: Any
    null: Any = None

    @property
    def dtype(self) -> str:
        """The kind, and in brackets how many values a row has, where that is not one: `float32[10]`."""
        return self.kind if self.values.ndim == 1 else f"{self.kind}[{self.values.shape[1]}]"


def column(kind: str, values: Any, null: Any = None) -> Column:
    """Return a column of values as numpy has them; what stands where `null` is True does not matter."""
    values = np.ascontiguousarray(values, _NUMPY[kind])
    if null is None or not null.any():
        return Column(kind, values)
    values = values.copy()
    values[null] = "" if kind == TEXT else 0
    return Column(kind, values, np.ascontiguousarray(null, np.bool_))


def parse_dtype(dtype: str) -> tuple[str, int | None]:
    """Return the kind and the values a row has (None for one alone); raises ValueError for what no writer gives."""
    found = _DTYPE.fullmatch(dtype)
    width = None if found is None or found[2] is None else int(found[2])
    if found is None or found[1] not in _ARROW or (width or 1) > WIDTH_MAX:
        raise ValueError(f"its type {dtype[:80]!r} is not known")
    return found[1], width


def label_fault(column: str, dtype: str) -> str | None:
    """Say what is wrong with the type of a column `ids` or `label` of labels, None where nothing is."""
    try:
        kind, width = parse_dtype(dtype)
    except ValueError as error:
        return str(error)
    if width is not None or (column == "ids" and kind not in ("int64", "uint64", TEXT)):
        return f"{dtype} can be no {column}"
    return None


def digest(found: Column) -> str:
    """Return the sha256 of a column's values: the same whoever wrote them, and in whatever bytes."""
    nulls = 0 if found.null is None else int(found.null.sum())
    result = hashlib.sha256(f"{found.dtype}\n{len(found.values)}\n{nulls}\n".encode())
    if nulls:
        result.update(np.packbits(~found.null.ravel(), bitorder="little").tobytes())
    if found.kind == TEXT:
        result.update(np.array([len(text.encode()) for text in found.values.ravel().tolist()], "<u8").tobytes())
    result.update(hashed(found))
    return result.hexdigest()


def hashed(found: Column) -> Any:
    """Return the bytes of a column's values as its digest has them."""
    if found.kind == TEXT:
        return "".join(found.values.ravel().tolist()).encode()
    return memoryview(found.values.ravel()).cast("B") if found.values.size else b""


def _utf8(texts: Any) -> tuple[Any, bytes]:
    """Return texts as UTF-8, one behind the other, and where each ends (int64, a 0 in front)."""
    encoded = [text.encode() for text in texts.tolist()]
    return np.cumsum([0, *map(len, encoded)], dtype=np.int64), b"".join(encoded)


def _names(width: int | None) -> list[str]:
    return ["value"] if width is None else [f"value_{i}" for i in range(width)]


def encode(found: Column) -> bytes:
    """Return the Parquet bytes of a column: the same values give the same bytes from one version of Arrow."""
    values, null = found.values, found.null
    if values.ndim == 1:
        values, null = values[:, None], None if null is None else null[:, None]
    names = _names(None if found.values.ndim == 1 else values.shape[1])
    arrays = [_array(found.kind, values[:, i], None if null is None else null[:, i]) for i in range(len(names))]
    schema = pa.schema(
        [pa.field(name, a.type, nullable=a.null_count > 0) for name, a in zip(names, arrays, strict=True)]
    )
    encoding = {"float32": "BYTE_STREAM_SPLIT", "float64": "BYTE_STREAM_SPLIT", "bool": "PLAIN"}
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=schema),
        sink,
        compression="zstd" if values.size >= _ZSTD_MIN else "snappy",
        use_dictionary=found.kind == TEXT,
        column_encoding=None if found.kind == TEXT else encoding.get(found.kind, "DELTA_BINARY_PACKED"),
        store_schema=False,
        write_statistics=False,
    )
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _array(kind: str, values: Any, null: Any) -> Any:
    """Return values as an Arrow array. By hand: Arrow's own conversions of numpy arrays load pandas."""
    valid = pa.py_buffer(np.packbits(~null, bitorder="little")) if null is not None and null.any() else None
    if kind == TEXT:
        ends, data = _utf8(values)
        buffers = [valid, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(data)]
    elif kind == "bool":
        buffers = [valid, pa.py_buffer(np.packbits(values, bitorder="little"))]
    else:
        buffers = [valid, pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(_ARROW[kind], len(values), buffers)


def decode(data: bytes, name: str, dtype: str, expected: str, rows: int) -> Column:
    """Read a column back and hold it to what its entry says of it: type, digest, number of rows.

    Raises DamagedFile where the bytes are no such column, or unpack to more than a column may hold.
    """
    with refused(name):
        kind, width = parse_dtype(dtype)
        file = open_parquet(data, kind, width, rows)
        found = from_arrow(kind, width, file.read(use_threads=False))
    check_digest(name, digest(found), expected)
    return found


@contextmanager
def refused(name: str) -> Iterator[None]:
    """Raise DamagedFile for whatever Arrow and these functions say of bytes that are no column."""
    try:
        yield
    except (pa.ArrowException, OSError, LookupError, ValueError, TypeError, RecursionError, MemoryError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DamagedFile(f"{name} is not a column of predictions: {first}", hint=RESTORE) from None


def check_digest(name: str, found: str, expected: str) -> None:
    """Raise DamagedFile where the values of a column have another digest than their entry says."""
    if found != expected:
        raise DamagedFile(
            f"{name} does not hold the values that its entry says: their digest is {found[:16]}..., "
            f"not {expected[:16]}...",
            hint=RESTORE,
        )


def open_parquet(data: bytes, kind: str, width: int | None, rows: int) -> Any:
    """Return the Parquet file of a column; raises ValueError, before anything is unpacked, for one of another size."""
    names = _names(width)
    file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=names if kind == TEXT else None)
    _check_size(file, names, rows)
    return file


def from_arrow(kind: str, width: int | None, table: Any) -> Column:
    """Return a table of a column's Parquet file, or a batch of one, as a column."""
    parts = [_read(kind, table.column(name)) for name in _names(width)]
    values, null = ([part[i] for part in parts] for i in (0, 1))
    if width is None:
        return column(kind, values[0], null[0])
    return column(kind, np.stack(values, axis=1), np.stack(null, axis=1))


def _check_size(file: Any, names: list[str], rows: int) -> None:
    """Raise ValueError, before anything is unpacked, for other columns or rows than were said, or too many."""
    metadata = file.metadata
    if rows * len(names) > VALUES_MAX:
        raise ValueError(f"it has {rows * len(names)} values; the limit is {VALUES_MAX}")
    if metadata.num_rows != rows:
        raise ValueError(f"it has {metadata.num_rows} rows; its entry says {rows}")
    groups = metadata.num_row_groups
    if groups > max(1, rows) or sum(metadata.row_group(i).num_rows for i in range(groups)) != rows:
        raise ValueError(f"its {groups} groups do not hold its {rows} rows")
    if file.schema_arrow.names != names:
        raise ValueError(f"it has the columns {', '.join(file.schema_arrow.names)[:80]}; they should be {names[0]} ...")


def _read(kind: str, chunked: Any) -> tuple[Any, Any]:
    """Return an Arrow column as numpy has it, and where it has no value."""
    chunks = chunked.chunks if isinstance(chunked, pa.ChunkedArray) else [chunked]
    if kind == TEXT:
        return _read_texts(chunked.type, chunks)
    if chunked.type != _ARROW[kind]:
        raise TypeError(f"it holds {chunked.type}")
    return _together([(_values(chunk, _NUMPY[kind]), _missing(chunk)) for chunk in chunks], _NUMPY[kind])


def _together(parts: list[tuple[Any, Any]], kind: str) -> tuple[Any, Any]:
    if len(parts) == 1:
        return parts[0]
    values, null = ([part[i] for part in parts] for i in (0, 1))
    return np.concatenate([np.zeros(0, kind), *values]), np.concatenate([np.zeros(0, np.bool_), *null])


def _values(chunk: Any, kind: str) -> Any:
    n, offset, data = len(chunk), chunk.offset, chunk.buffers()[1]
    if kind == "?":
        return _bits(data, offset, n)
    return np.frombuffer(data, kind)[offset : offset + n] if n else np.zeros(0, kind)


def _missing(chunk: Any) -> Any:
    n = len(chunk)
    return ~_bits(chunk.buffers()[0], chunk.offset, n) if chunk.null_count else np.zeros(n, np.bool_)


def _bits(data: Any, offset: int, n: int) -> Any:
    if not n:
        return np.zeros(0, np.bool_)
    return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[offset : offset + n].astype(np.bool_)


def _read_texts(kind: Any, chunks: list[Any]) -> tuple[Any, Any]:
    """Return texts, each different one made once, however often a few bytes say that it stands there."""
    if not (
        pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type) and pa.types.is_int32(kind.index_type)
    ):
        raise TypeError(f"it holds {kind}")
    parts, size = [], 0
    for chunk in chunks:
        if (held := chunk.dictionary.buffers()[2]) is not None and held.size > TEXT_MAX:
            raise ValueError(f"its texts have more than {TEXT_MAX} bytes")
        texts = [*chunk.dictionary.to_pylist(), ""]
        missing = _missing(chunk.indices)
        index = np.where(missing, len(texts) - 1, _values(chunk.indices, "<i4"))
        # Arrow does not look, and a wrong index would be another text.
        if len(index) and not 0 <= int(index.min()) <= int(index.max()) < len(texts):
            raise ValueError("it points outside its texts")
        size += int(np.array([len(text.encode()) for text in texts], np.int64)[index].sum())
        if size > TEXT_MAX:
            raise ValueError(f"its texts have more than {TEXT_MAX} bytes")
        parts.append((np.array(texts, object)[index], missing))
    return _together(parts, "O")
