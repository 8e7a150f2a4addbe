"""Labels that come late: a file or a table of ids and labels, checked whole, becomes one entry of the log.

They are taken out of view, and brought back, as an entry of a run is.
"""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ledger.errors import InvalidValue
from ledger.format import entries as form
from ledger.format import ids, moments, names, predictions
from ledger.format.predictions import TEXT, Column
from ledger.record import arrays, pictures, prediction_files, references
from ledger.record.calls import check_prose
from ledger.store import blobs, entries, labels
from ledger.store.tree import Tree
from ledger.store.writer import now_us

_TOLD_MAX = 10
_EXACT_MAX = 2**53
_NUMBERS = ("bool", "int64", "uint64", "float32", "float64")


class Contradiction(NamedTuple):
    """An id with two labels in one file: the one before and the one that counts, each with its line or row."""

    id: str | int
    before: Any
    label: Any
    lines: tuple[int, int]


class Checked(NamedTuple):
    """Labels ready to be written, one an id.

    rows: in the file. repeated: ids that were there again with the same label. without_id: rows without an id. empty:
    other rows without a label. contradictions: ids that were there with another label. unit: what numbers of rows
    count, `line` or `row`.
    """

    ids: Column
    label: Column
    split: str | None
    at: int | None
    reason: str | None
    file: form.File | None
    rows: int
    repeated: int
    without_id: int
    empty: int
    contradictions: list[Contradiction]
    unit: str
    lines: Any  # of each label


def check(
    source: Any, *, on: str, label: str = "label", split: Any = None, at: Any = None, reason: str | None = None
) -> Checked:
    """Return the labels of a CSV, TSV or Parquet file, or of a table with columns, as they would be written.

    Rows without an id or a label are left out; of an id that is there twice, the last row counts. `at`: when they were
    known, a date being its beginning in UTC; the date that it is here means now, also ahead of UTC. Raises InvalidValue
    and InvalidName; nothing is written.
    """
    if split is not None:
        names.check_metric(split)
    moment = _known_since(at)
    reason = check_prose("reason", reason)
    if on == label:
        raise InvalidValue(f"ids and labels cannot both be the column {on!r}", hint="say which: --label-column NAME")
    columns, file, unit, first = _read(source, on, label)
    rows, value = len(columns["ids"].values), _labels(label, columns["label"])
    if len(value.values) != rows:
        raise InvalidValue(f"{on!r} has {rows} rows, and {label!r} has {len(value.values)}")
    key, has_id = _ids(on, columns["ids"])
    there = has_id & _there(value)
    kept, repeated, contradictions = _one_an_id(key, value, there, first)
    if not len(kept):
        both = label if has_id.all() else on if not has_id.any() else f"{on} and {label}"
        raise InvalidValue(f"there are no labels: {rows} rows, all without a value in {both!r}")
    key, value = Column(key.kind, key.values[kept]), Column(value.kind, value.values[kept])
    without_id, empty = int((~has_id).sum()), int((has_id & ~there).sum())
    told = (rows, repeated, without_id, empty, contradictions, unit, kept + first)
    return Checked(key, value, split, moment, reason, file, *told)


def _known_since(at: Any) -> int | None:
    """Return since when labels are known (us since 1970), None for now; raises InvalidValue for the future."""
    if at is None:
        return None
    moment = moments.first("--at" if isinstance(at, str) else "at", at)
    now = now_us()
    if moment <= now:
        return moment
    here = datetime.datetime.fromtimestamp(now / 1e6, datetime.UTC).astimezone()
    if str(at) == str(here.date()):  # which may be ahead of UTC
        return None
    raise InvalidValue(
        f"the labels cannot have been known at {ids.rfc3339(moment)}: that is in the future",
        hint=f"what has no time zone is UTC, where it is {ids.rfc3339(now)}",
    )


def _read(source: Any, on: str, label: str) -> tuple[dict[str, Column], form.File | None, str, int]:
    """Return the columns `ids` and `label`, the file, and how its rows are counted."""
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        given, _ = prediction_files.read(path, {"ids": on, "label": label})
        said = references.of_file("the file of labels", path)
        file = form.File(os.path.basename(path), said["sha256"], said["bytes"])
        unit, first = prediction_files.lines(path, len(given["ids"]))
    else:
        if not hasattr(source, "columns") and not isinstance(source, dict):
            raise InvalidValue(f"labels are a file or a table, not {type(source).__name__}")
        known = [str(name) for name in getattr(source, "columns", source)]
        for name in (on, label):
            if known.count(name) != 1:
                what = "is there twice" if name in known else "is not there"
                raise InvalidValue(f"the column {name!r} {what}; the table has {', '.join(known[:20])}")
        given, file, unit, first = {"ids": source[on], "label": source[label]}, None, "row", 1
    if not len(given["ids"]):
        raise InvalidValue("there are no labels: the file has no rows")
    return {name: arrays.to_column(name, array) for name, array in given.items()}, file, unit, first


def _ids(name: str, found: Column) -> tuple[Column, Any]:
    """Return the ids, and which rows have one."""
    values = found.values
    there = np.ones(len(values), np.bool_) if found.null is None else ~found.null
    if values.dtype.kind == "f" and values.ndim == 1:
        there &= ~np.isnan(values)
        known = values[there]
        if (np.abs(known) <= _EXACT_MAX).all() and (known == np.floor(known)).all():
            whole = np.zeros(len(values), np.int64)
            whole[there] = known  # as programs write whole numbers that they hold as floats
            return Column("int64", whole), there
    if found.kind not in ("int64", "uint64", TEXT) or values.ndim != 1:
        raise InvalidValue(f"ids must be whole numbers or text, and {name!r} holds {found.dtype}")
    return Column(found.kind, values), there


def _labels(name: str, found: Column) -> Column:
    if found.kind not in (*_NUMBERS, TEXT) or found.values.ndim != 1:
        raise InvalidValue(f"labels must be numbers, bools or text, one an id, and {name!r} holds {found.dtype}")
    return found


def _there(value: Column) -> Any:
    """Return which rows have a label: neither missing, nor NaN, nor an empty text."""
    there = np.ones(len(value.values), np.bool_) if value.null is None else ~value.null
    if value.values.dtype.kind == "f":
        there &= ~np.isnan(value.values)
    return there & (value.values != "") if value.kind == TEXT else there


def _one_an_id(key: Column, value: Column, there: Any, first: int) -> tuple[Any, int, list[Contradiction]]:
    """Return the rows that count, the last of each id, how many say nothing new, and those that say something else."""
    last: dict[Any, int] = {}
    repeated, contradictions = 0, []
    keys, values = key.values.tolist(), value.values.tolist()
    for row in np.flatnonzero(there).tolist():
        before = last.pop(keys[row], None)
        if before is not None and values[before] == values[row]:
            repeated += 1
        elif before is not None:
            contradictions.append(Contradiction(keys[row], values[before], values[row], (before + first, row + first)))
        last[keys[row]] = row
    return np.array(sorted(last.values()), np.int64), repeated, contradictions


def moment(given: Any) -> int:
    """Return the last microsecond (since 1970) of a date or time as of which labels are asked for."""
    return moments.last("as of", given)


def listed(unit: str, numbers: Any) -> str:
    """Write where rows are: `line 4`, `rows 2, 3, 5 and 7 more`."""
    shown = ", ".join(str(number) for number in numbers[:_TOLD_MAX])
    more = f" and {len(numbers) - _TOLD_MAX} more" if len(numbers) > _TOLD_MAX else ""
    return f"{unit}{'s' if len(numbers) > 1 else ''} {shown}{more}"


def refuse_other_kind(checked: Checked, kinds: Sequence[str]) -> None:
    """Raise InvalidValue where predictions or labels of these ids have other kinds of values, which cannot be equal."""
    if not kinds:
        return
    label = checked.label
    if label.kind == TEXT and set(kinds) <= set(_NUMBERS):
        texts = label.values.tolist()
        wrong = [i for i, text in enumerate(texts) if not _is_whole(text)]
        wrong = [i for i in wrong if not _is_number(texts[i])] or wrong  # what made text of all of them
        if wrong:
            where = listed(checked.unit, checked.lines[wrong])
            example = label.values[wrong[0]]
            raise InvalidValue(
                f"the labels must be numbers, as those of these ids are that are known ({', '.join(kinds)}), and "
                f"{len(wrong)} are not, such as {example!r:.60}: {where}",
                hint="leave the cell empty where there is no label yet",
            )
    if label.kind not in (TEXT, "int64", "uint64") and set(kinds) == {TEXT}:
        example = label.values[0].item()
        raise InvalidValue(f"the labels of these ids are text so far, and these are {label.kind}, such as {example!r}")


def _is_whole(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit() and str(int(text[:20])) == text


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def refuse_large(tree: Tree, checked: Checked) -> None:
    """Raise InvalidValue for a column above `max_blob` of `.ledger-schema`."""
    both = {"ids": checked.ids, "label": checked.label}
    sizes = {f"the column {name!r} of the labels": len(predictions.encode(column)) for name, column in both.items()}
    pictures.refuse_sizes(tree, sizes)


def write(tree: Tree, checked: Checked, author: str) -> str:
    """Write labels as an entry of the log, and their columns as blobs; return the entry's id."""
    tree.prepare()
    header = _header(tree, "labels", author)
    columns = {"ids": _store(tree, checked.ids), "label": _store(tree, checked.label)}
    at = header["time"] if checked.at is None else ids.rfc3339(checked.at)
    rows, file, reason = len(checked.ids.values), checked.file, checked.reason
    return entries.write(
        tree, form.Labels(**header, split=checked.split, at=at, rows=rows, columns=columns, file=file, reason=reason)
    )


def _store(tree: Tree, column: Column) -> form.ColumnRef:
    blob = blobs.put(tree, predictions.encode(column), "parquet")
    return form.ColumnRef(blob, predictions.digest(column), column.dtype)


def _header(tree: Tree, kind: str, author: str) -> dict[str, Any]:
    log = labels.read(tree).read
    time = max([now_us(), *(one.entry.time_us + 1 for one in log)])
    return form.header(kind, "", time, author, entries.heads(log))
