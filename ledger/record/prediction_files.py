"""Predictions that stand in a file: named columns of a CSV, TSV or Parquet file, as arrays."""

from __future__ import annotations

import csv
import datetime
import io
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ledger.errors import InvalidValue, counted

if TYPE_CHECKING:
    import pyarrow as pa

_WHOLE = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
_NUMBER = re.compile(
    r"-?(?:(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf|infinity|nan)", re.A | re.I
)
_BOOLS = {"true": True, "false": False}
_TOLD_MAX = 5  # lines that do not fit
_FINE = re.compile(r"\.[0-9]{7}")  # of a second, beyond microseconds


def read(
    path: str, columns: Mapping[str, str | Sequence[str]], slices: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the columns by what they are (y_true, ...) and the slices by name; several for one are (n, K).

    In a CSV file nothing says what a text is: a column is one of whole numbers where all its texts are such as they
    are written; else of floats, of `true` and `false`, of text. So `007` stays text. An empty cell, not quoted, is
    missing. Raises InvalidValue.
    """
    wanted = {name: [c] if isinstance(c, str) else list(c) for name, c in columns.items()}
    table = _table(path, list(dict.fromkeys([*(c for cs in wanted.values() for c in cs), *slices])))
    found = {name: _array(name, column) for name, column in table.items()}
    given = {name: _together([found[column] for column in cs]) for name, cs in wanted.items()}
    if isinstance(given.get("timestamp"), list):
        given["timestamp"] = [_moment(value) for value in given["timestamp"]]
    return given, {name: found[name] for name in slices}


def lines(path: str, rows: int) -> tuple[str, int]:
    """Return what a row of a file is called and the number of the first one: ("line", 2) below a heading.

    Where a text spans lines, and in Parquet, rows are counted: ("row", 1).
    """
    import pyarrow

    if os.path.splitext(path)[1].lower() in (".csv", ".tsv", ".txt"):
        with pyarrow.OSFile(path) as file:
            text = file.read()
        if text.rstrip().count(b"\n") == rows:
            return "line", 2
    return "row", 1


def _table(path: str, wanted: list[str]) -> dict[str, Any]:
    """Return Arrow columns of a file by name; those of a CSV file are text."""
    import pyarrow
    import pyarrow.csv
    import pyarrow.parquet

    kind = os.path.splitext(path)[1].lower()
    if os.path.isdir(path) or not os.path.exists(path):
        what = "is a folder, not a file" if os.path.isdir(path) else "is not there"
        raise InvalidValue(f"the file {path} {what}", hint=f"looked in {os.getcwd()}")
    try:
        if kind in (".parquet", ".pq"):
            file = pyarrow.parquet.ParquetFile(path)
            names = file.schema_arrow.names
            _check_names(path, names, wanted)
            table = file.read(columns=wanted, use_threads=False)
        elif kind in (".csv", ".tsv", ".txt"):
            parse = pyarrow.csv.ParseOptions(delimiter="\t" if kind == ".tsv" else ",", newlines_in_values=True)
            with pyarrow.csv.open_csv(path, parse_options=parse) as head:
                names = head.schema.names
            _check_names(path, names, wanted)
            texts = pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pyarrow.string()),
                include_columns=wanted,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            )
            table = pyarrow.csv.read_csv(path, parse_options=parse, convert_options=texts)
        else:
            raise InvalidValue(f"the file {path} is neither .csv, .tsv nor .parquet", hint="name it for what it is")
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        why = None if kind in (".parquet", ".pq") else _ragged(path, "\t" if kind == ".tsv" else ",")
        raise InvalidValue(f"the file {path} cannot be read: {why or str(error).splitlines()[0]}") from None
    return {name: table.column(name) for name in wanted}


def _ragged(path: str, delimiter: str) -> str | None:
    """Say which lines have more or fewer values than the heading, None where no line has."""
    import pyarrow

    wrong: list[tuple[int, int]] = []
    try:
        with pyarrow.OSFile(path) as file:
            text = file.read().decode("utf-8-sig", "replace")
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        heading = next((row for row in rows if row), [])
        line = rows.line_num + 1
        for row in rows:
            if row and len(row) != len(heading):
                wrong.append((line, len(row)))
            line = rows.line_num + 1
    except (OSError, csv.Error):
        return None
    if not wrong:
        return None
    listed = ", ".join(f"line {line} has {count}" for line, count in wrong[:_TOLD_MAX])
    more = f", and {len(wrong) - _TOLD_MAX} more lines" if len(wrong) > _TOLD_MAX else ""
    return f"the heading has {counted(len(heading), 'value', 'values')}, {listed}{more}"


def _check_names(path: str, names: list[str], wanted: list[str]) -> None:
    for name in wanted:
        if names.count(name) != 1:
            what = "is there twice" if name in names else "is not there"
            raise InvalidValue(f"the column {name!r} {what} in {path}; it has {', '.join(names[:20])}")


def _array(name: str, column: pa.ChunkedArray) -> Any:
    """Return a column as numpy has it where it holds numbers alone, else as a list."""
    import numpy as np
    import pyarrow as pa

    kind = column.type
    if pa.types.is_string(kind):
        return _typed(name, column.to_pylist()) if column.null_count or len(column) else []
    if (pa.types.is_integer(kind) or pa.types.is_floating(kind)) and not column.null_count:
        return np.asarray(column)
    listed = column.to_pylist()
    if pa.types.is_float32(kind):
        return [value if value is None else np.float32(value) for value in listed]
    return listed


def _typed(name: str, texts: list[str | None]) -> list[Any]:
    """Return what texts say where all of them say it, else the texts."""
    known = [text for text in texts if text is not None]
    if all(map(_WHOLE.fullmatch, known)):
        whole = [None if text is None else int(text) for text in texts]
        there = [value for value in whole if value is not None]
        if min(there, default=0) >= -(2**63) and max(there, default=0) < 2 ** (
            64 if min(there, default=0) >= 0 else 63
        ):
            return whole
        return list(texts)
    if all(map(_NUMBER.fullmatch, known)):
        return [None if text is None else _float(name, text) for text in texts]
    if {text.lower() for text in known} <= set(_BOOLS):
        return [None if text is None else _BOOLS[text.lower()] for text in texts]
    return list(texts)


def _float(name: str, text: str) -> float:
    value = float(text)
    lost = value in (float("inf"), float("-inf")) and "inf" not in text.lower()
    if lost or (value == 0 and any(digit in text.lower().partition("e")[0] for digit in "123456789")):
        raise InvalidValue(f"the column {name!r} has the number {text[:40]}, which is beyond what float64 can hold")
    return value


def _together(arrays: list[Any]) -> Any:
    """Return one array of (n,), or several as (n, K)."""
    if len(arrays) == 1:
        return arrays[0]
    if all(hasattr(array, "dtype") for array in arrays) and len({array.dtype for array in arrays}) == 1:
        import numpy as np

        return np.stack(arrays, axis=1)
    return [list(row) for row in zip(*(getattr(a, "tolist", lambda a=a: a)() for a in arrays), strict=True)]


def _moment(value: Any) -> Any:
    """Return the moment that a text says; what is no text stays what it is."""
    if not isinstance(value, str):
        return value
    try:
        if not _FINE.search(value):
            return datetime.datetime.fromisoformat(value)
    except ValueError:
        pass
    raise InvalidValue(
        f"{value[:60]!r} is not a time", hint="write 2026-11-22T03:15:00Z, to microseconds; Parquet holds nanoseconds"
    )
