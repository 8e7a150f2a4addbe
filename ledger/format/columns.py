"""Segments: rows as Parquet, in the encodings that make noisy learning curves small. The only Arrow in `format`."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ledger.errors import DamagedFile
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
SEGMENT_ROWS_MAX = 4_000_000  # about 32 MB of noisy curves, well below what forges refuse
_TEXTS = ["run", "metric", "context", "writer"]
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
        compression="zstd",
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
    key_metric = np.array([metrics.index(name) for name, _ in rows.keys] or [0], np.int32)
    key_context = np.array([-1 if c is None else contexts.index(c) for _, c in rows.keys] or [-1], np.int32)
    context = key_context[rows.key]
    dictionary = pa.DictionaryArray.from_arrays
    no_step = rows.step == NO_STEP
    arrays = [
        dictionary(pa.array(np.zeros(n, np.int32)), pa.array([run])),
        dictionary(pa.array(key_metric[rows.key]), pa.array(metrics, pa.string())),
        dictionary(pa.array(context, mask=context < 0), pa.array(contexts, pa.string()))
        if contexts
        else pa.nulls(n, pa.string()),
        pa.array(rows.step, mask=no_step) if no_step.any() else pa.array(rows.step),
        pa.array(rows.time).cast(SCHEMA.field("time").type),
        pa.array(rows.value, mask=rows.undefined) if rows.undefined.any() else pa.array(rows.value),
        pa.array(rows.attempt),
        dictionary(pa.array(rows.writer), pa.array(rows.writers, pa.string())),
        pa.array(rows.seq),
    ]
    fields = [pa.field(f.name, array.type, f.nullable) for f, array in zip(SCHEMA, arrays, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def decode(data: bytes, name: str) -> tuple[list[str], Rows]:
    """Read a segment; return the runs it holds (one, outside packs) and its rows.

    Raises DamagedFile for what is no Parquet file or lacks a column.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=_TEXTS)
        table = file.read(columns=SCHEMA.names, use_threads=False)
        return _rows(table)
    except (pa.ArrowException, OSError, KeyError, ValueError, IndexError, TypeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DamagedFile(f"{name} is not a segment: {first}", hint="see: ledger verify") from None


def _rows(table: Any) -> tuple[list[str], Rows]:
    n = table.num_rows
    metric, metrics = _dictionary(table, "metric")
    context, contexts = _dictionary(table, "context")
    writer, writers = _dictionary(table, "writer")
    runs = _dictionary(table, "run")[1]
    width = len(contexts) + 1
    pair = metric.astype(np.int64) * width + context + 1
    unique, key = np.unique(pair, return_inverse=True)
    keys: list[Key] = [(metrics[p // width], contexts[p % width - 1] if p % width else None) for p in unique.tolist()]
    rows = Rows(keys, writers)
    rows.key = key.astype(np.int32)
    rows.writer = writer
    rows.step = _numbers(table, "step", pa.int64(), NO_STEP)
    rows.time = _numbers(table, "time", pa.int64(), 0)
    rows.value = _numbers(table, "value", pa.float64(), float("nan"))
    rows.undefined = _nulls(table, "value", n)
    rows.attempt = _numbers(table, "attempt", pa.int32(), 0)
    rows.seq = _numbers(table, "seq", pa.int64(), 0)
    return runs, rows


def _column(table: Any, name: str) -> Any:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _dictionary(table: Any, name: str) -> tuple[Any, list[str]]:
    """Return a text column as indices (-1 for null) and its texts."""
    column = _column(table, name)
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks()
    if len(column) == 0:
        return np.zeros(0, np.int32), []
    indices = column.indices
    if indices.null_count:
        indices = indices.fill_null(-1)
    return indices.to_numpy(zero_copy_only=False).astype(np.int32), column.dictionary.to_pylist()


def _numbers(table: Any, name: str, kind: Any, null: float) -> Any:
    column = _column(table, name)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", tz="UTC")).view(pa.int64())
    elif column.type != kind:
        column = column.cast(kind)
    if column.null_count:
        column = column.fill_null(null)
    return column.to_numpy(zero_copy_only=False)


def _nulls(table: Any, name: str, n: int) -> Any:
    column = _column(table, name)
    return column.is_null().to_numpy(zero_copy_only=False) if column.null_count else np.zeros(n, np.bool_)
