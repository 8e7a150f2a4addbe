"""Segments: rows as Parquet, in the encodings that make noisy learning curves small. The only Arrow in `format`."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ledger.errors import RESTORE, DamagedFile
from ledger.format.frame import ATTEMPT_MAX, SEQ_MAX, STEP_LIMIT
from ledger.format.ids import TIME_MAX
from ledger.format.names import is_context, is_metric
from ledger.format.rows import NO_STEP, Key, Rows

SCHEMA = pa.schema(
    [
        pa.field("run", pa.string(), nullable=False),
        pa.field("metric", pa.string(), nullable=False),
        pa.field("context", pa.string()),
        pa.field("step", pa.int64()),
        pa.field("time", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("attempt", pa.int32(), nullable=False),
        pa.field("writer", pa.string(), nullable=False),
        pa.field("seq", pa.int64(), nullable=False),
    ]
)
_ZSTD_ROWS_MIN = 1000  # below, zstd costs more to set up than all the rest, and saves nothing
_PAIRS_MAX = 1 << 20  # of a metric and a context, for which there is always room
SEGMENT_ROWS_MAX = 4_000_000  # about 32 MB of noisy curves, well below what forges refuse
_TEXTS = ["run", "metric", "context", "writer"]
_BOUNDS = {
    "step": (-STEP_LIMIT, STEP_LIMIT - 1),
    "time": (-TIME_MAX, TIME_MAX),
    "seq": (0, SEQ_MAX),
    "attempt": (0, ATTEMPT_MAX),
}
_DELTAS = {"step": "DELTA_BINARY_PACKED", "time": "DELTA_BINARY_PACKED", "seq": "DELTA_BINARY_PACKED"}


def encode(run: str, rows: Rows) -> bytes:
    """Return the Parquet bytes of a run's rows, which must be sorted (`Rows.sorted`)."""
    return _write(_table(run, rows))


def encode_many(parts: list[tuple[str, Rows]]) -> bytes:
    """Return one Parquet file with the rows of several runs, in their order."""
    tables = [_table(run, rows).cast(SCHEMA) for run, rows in parts]
    return _write(pa.concat_tables(tables) if tables else SCHEMA.empty_table())


def _write(table: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd" if table.num_rows >= _ZSTD_ROWS_MIN else "snappy",
        use_dictionary=_TEXTS,
        column_encoding={**_DELTAS, "attempt": "DELTA_BINARY_PACKED", "value": "BYTE_STREAM_SPLIT"},
        store_schema=False,
        write_statistics=["run", "metric", "step"],
    )
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _table(run: str, rows: Rows) -> Any:
    n = len(rows)
    contexts = sorted({context for _, context in rows.keys if context is not None})
    metrics = sorted({name for name, _ in rows.keys})
    metric_at = {name: i for i, name in enumerate(metrics)}
    context_at = {context: i for i, context in enumerate(contexts)}
    key_metric = np.array([metric_at[name] for name, _ in rows.keys] or [0], np.int32)
    key_context = np.array([-1 if c is None else context_at[c] for _, c in rows.keys] or [-1], np.int32)
    context = key_context[rows.key]
    arrays = [
        _texts(np.zeros(n, np.int32), [run]),
        _texts(key_metric[rows.key], metrics),
        _texts(context, contexts) if contexts else pa.nulls(n, pa.string()),
        _array(rows.step, pa.int64(), rows.step == NO_STEP),
        _array(rows.time, SCHEMA.field("time").type),
        _array(rows.value, pa.float64(), rows.undefined),
        _array(rows.attempt, pa.int32()),
        _texts(rows.writer, rows.writers),
        _array(rows.seq, pa.int64()),
    ]
    fields = [pa.field(f.name, array.type, f.nullable) for f, array in zip(SCHEMA, arrays, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


# Arrow's own conversions load pandas, and `cast` or `fill_null` its compute functions: half a second for a shell's one
# late value. So numpy arrays go in and out as buffers.


def _array(values: Any, kind: Any, null: Any = None) -> Any:
    """Return a numpy array as an Arrow array of the same width; `null`: bool, True where there is no value."""
    valid = None
    if null is not None and null.any():
        valid = pa.py_buffer(np.packbits(~null, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(np.ascontiguousarray(values))])


def _texts(indices: Any, texts: list[str]) -> Any:
    """Return indices (-1 for null) into texts as an Arrow dictionary array."""
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    dictionary = pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))
    return pa.DictionaryArray.from_arrays(_array(indices, pa.int32(), indices < 0), dictionary)


def decode(data: bytes, name: str, expected: int | None = None) -> tuple[list[str], Rows]:
    """Read a segment; return the runs it holds (one, outside packs) and its rows.

    Raises DamagedFile for what is no Parquet file, lacks a column, has other than `expected` rows, or holds a null, a
    number, a metric name or a context that cannot be.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=_TEXTS)
        _check_size(file.metadata, expected)
        table = file.read(columns=SCHEMA.names, use_threads=False)
        return _rows(table)
    except (pa.ArrowException, OSError, LookupError, ValueError, TypeError, RecursionError, MemoryError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DamagedFile(f"{name} is not a segment: {first}", hint=RESTORE) from None


def _check_size(metadata: Any, expected: int | None) -> None:
    """Raise ValueError, before anything is unpacked, where a few bytes stand for more rows than there can be."""
    count = metadata.num_rows
    if expected is not None and count != expected:
        raise ValueError(f"it has {count} rows; its entry says {expected}")
    if not 0 <= count <= SEGMENT_ROWS_MAX:
        raise ValueError(f"it has {count} rows; the limit is {SEGMENT_ROWS_MAX}")
    groups = metadata.num_row_groups
    if groups > max(1, count) or sum(metadata.row_group(i).num_rows for i in range(groups)) != count:
        raise ValueError(f"its {groups} groups do not hold its {count} rows")


def _rows(table: Any) -> tuple[list[str], Rows]:
    for field in SCHEMA:
        if not field.nullable and table.column(field.name).null_count:
            raise ValueError(f"the column {field.name} has a null")
    metric, metrics = _dictionary(table, "metric")
    context, contexts = _dictionary(table, "context")
    writer, writers = _dictionary(table, "writer")
    runs = _dictionary(table, "run")[1]
    for text in contexts:
        if not is_context(text):
            raise ValueError(f"the context {text[:80]!r} is not a context as ledger writes it")
    for text in metrics:
        if not is_metric(text):
            raise ValueError(f"{text[:80]!r} cannot name a metric")
    width = len(contexts) + 1
    pair = metric.astype(np.int64) * width + context + 1
    if len(metrics) * width <= 4 * len(pair) + _PAIRS_MAX:
        used = np.flatnonzero(np.bincount(pair, minlength=1))
        rank = np.zeros(len(metrics) * width + 1, np.int32)
        rank[used] = np.arange(len(used))
        key = rank[pair]
    else:  # slower, but many metrics times many contexts would not fit into memory
        used, key = np.unique(pair, return_inverse=True)
    keys: list[Key] = [(metrics[p // width], contexts[p % width - 1] if p % width else None) for p in used.tolist()]
    rows = Rows(keys if len(pair) else [], writers)
    rows.key, rows.writer = key.astype(np.int32), writer
    step, no_step = _numbers(table, "step")
    _check_bounds("step", step if no_step is None else step[~no_step])
    rows.step = step if no_step is None else np.where(no_step, NO_STEP, step)
    rows.time, rows.seq, rows.attempt = (_numbers(table, name)[0] for name in ("time", "seq", "attempt"))
    for name in ("time", "seq", "attempt"):
        _check_bounds(name, getattr(rows, name))
    value, undefined = _numbers(table, "value")
    rows.value = value if undefined is None else np.where(undefined, float("nan"), value)
    rows.undefined = np.zeros(len(pair), np.bool_) if undefined is None else undefined
    return runs, rows


def _check_bounds(name: str, values: Any) -> None:
    """Raise ValueError for a number that no writer stores, and that would be another one by computing with it."""
    low, high = _BOUNDS[name]
    for found in (int(values.min()), int(values.max())) if len(values) else ():
        if not low <= found <= high:
            raise ValueError(f"the column {name} holds {found}; it must be within {low} and {high}")


def _column(table: Any, name: str) -> Any:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _dictionary(table: Any, name: str) -> tuple[Any, list[str]]:
    """Return a text column as indices (-1 for null) and its texts."""
    column = _column(table, name)
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks()
    if not pa.types.is_dictionary(column.type) or not pa.types.is_string(column.type.value_type):
        raise TypeError(f"the column {name} holds no text")
    indices, null = _from_array(column.indices, np.int32)
    if null is not None:
        indices = np.where(null, np.int32(-1), indices)
    texts = column.dictionary.to_pylist()
    # Arrow does not look, and an index that is too large would be another metric's or an IndexError.
    if len(indices) and not (indices.min() >= (-1 if null is not None else 0) and indices.max() < len(texts)):
        raise ValueError(f"the column {name} points outside its texts")
    return indices, texts


def _numbers(table: Any, name: str) -> tuple[Any, Any]:
    """Return a column of numbers as numpy has it, and where it has none (None if it has one everywhere)."""
    column, kind = _column(table, name), SCHEMA.field(name).type
    if column.type != kind:  # written by another program
        column = column.cast(kind)
    return _from_array(column, {"int32": np.int32, "double": np.float64}.get(str(kind), np.int64))


def _from_array(array: Any, kind: Any) -> tuple[Any, Any]:
    n, offset = len(array), array.offset
    if n == 0:
        return np.zeros(0, kind), None
    valid, data = array.buffers()
    values = np.frombuffer(data, kind)[offset : offset + n]
    if not array.null_count:
        return values, None
    bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")
    return values, bits[offset : offset + n] == 0
