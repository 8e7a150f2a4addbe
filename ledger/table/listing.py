"""What a Parquet file holds, for a reader: of many rows, some of every metric and how many more there are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ledger.format import columns, names
from ledger.format.rows import NO_STEP, Rows

ROWS_MAX = 1000  # rows that are listed
COLUMNS_MAX = 20  # columns that are named


class Row(NamedTuple):
    """One row: a step of None is the run as a whole, a value of None is undefined."""

    step: int | None
    value: float | None
    attempt: int


class Series(NamedTuple):
    """The rows of one metric and context, in order; `left_out` of them are missing before the last."""

    key: str
    rows: list[Row]
    left_out: int


class Listing(NamedTuple):
    """What a segment holds: its runs, how many rows and series, the first and last time (us since 1970)."""

    runs: list[str]
    rows: int
    series_count: int
    first: int | None
    last: int | None
    series: list[Series]  # the first of them, where there are very many


def of_segment(data: bytes, name: str) -> Listing:
    """List the rows of a segment; raises DamagedFile."""
    runs, rows = columns.decode(data, name)
    rows = rows.sorted()
    if not len(rows):
        return Listing(runs, 0, 0, None, None, [])
    begins = np.searchsorted(rows.key, np.arange(len(rows.keys) + 1)).tolist()
    shown = rows.keys if len(rows) <= ROWS_MAX else rows.keys[: ROWS_MAX // 2]
    most = ROWS_MAX if len(rows) <= ROWS_MAX else ROWS_MAX // len(shown)
    series = [
        Series(names.metric_key(*key), *_some(rows, begins[i], begins[i + 1], most)) for i, key in enumerate(shown)
    ]
    return Listing(runs, len(rows), len(rows.keys), int(rows.time.min()), int(rows.time.max()), series)


def _some(rows: Rows, begin: int, end: int, most: int) -> tuple[list[Row], int]:
    """Return up to `most` rows from `begin` on, the last one always; and how many are left out before it."""
    left_out = max(0, end - begin - most)
    at = [*range(begin, min(end, begin + most) - 1), end - 1]
    found = [
        Row(
            None if rows.step[i] == NO_STEP else int(rows.step[i]),
            None if rows.undefined[i] else float(rows.value[i]),
            int(rows.attempt[i]),
        )
        for i in at
    ]
    return found, left_out


def of_table(data: bytes) -> str | None:
    """Say how many rows a Parquet file has, and its columns; None for what is none."""
    try:
        metadata = pq.read_metadata(pa.BufferReader(data))
        return f"{metadata.num_rows:,} rows, columns {', '.join(metadata.schema.names[:COLUMNS_MAX])}"
    except (pa.ArrowException, OSError, ValueError):
        return None
