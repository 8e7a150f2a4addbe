"""Labels of several sets as one index from ids to the label that counts; labels made of one kind, exactly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ledger.errors import RESTORE, DamagedFile
from ledger.format import predictions as form
from ledger.format.entries import Labels
from ledger.format.predictions import TEXT, Column
from ledger.store import blobs
from ledger.store.labels import LabelSet
from ledger.store.tree import Tree

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)
_EXACT_MAX = 2**53
_NUMBERS = ("bool", "int64", "float32", "float64")
_INDEXES = 4  # that are kept


class Index:
    """Which label counts for each id: the last of sets that are in order of rank, and of a set its last row.

    By position: `sets` (of the set), `rows` (in the set, rows without a label left out), `disputed`: sets differ.
    """

    def __init__(self, columns: Sequence[tuple[Column, Column]]) -> None:
        self.labels = [label for _, label in columns]
        sizes = [len(label.values) for label in self.labels]
        self.whole = all(ids.kind == "int64" for ids, _ in columns)  # else ids are compared as texts
        order, codes = self._coded([ids for ids, _ in columns])
        ends = np.flatnonzero(np.r_[codes[1:] != codes[:-1], True] if len(codes) else np.zeros(0, np.bool_))
        starts = np.r_[0, ends[:-1] + 1] if len(ends) else ends
        last = order[ends]
        values = _comparable(self.labels)[order]
        low = np.minimum.reduceat(values, starts) if len(ends) else values
        high = np.maximum.reduceat(values, starts) if len(ends) else values
        self.disputed = low != high
        first = np.cumsum([0, *sizes])
        self.sets = np.searchsorted(first, last, side="right") - 1
        self.rows = last - first[self.sets]
        if self.whole:
            self._ids = codes[ends]

    def _coded(self, ids: Sequence[Column]) -> tuple[Any, Any]:
        """Return the order of all rows by id and rank, and what stands for their ids in that order."""
        if self.whole:
            keys = np.concatenate([np.zeros(0, np.int64), *(column.values for column in ids)])
        else:
            texts = [text for column in ids for text in as_texts(column)]
            self._positions = {text: i for i, text in enumerate(dict.fromkeys(texts))}  # codes, which are positions
            keys = np.array([self._positions[text] for text in texts], np.int64)
        order = np.argsort(keys, kind="stable")
        return order, keys[order]

    def find(self, ids: Column) -> Any:
        """Return the position of the label of each id, -1 where there is none."""
        if not self.whole:
            return np.array([self._positions.get(text, -1) for text in as_texts(ids)], np.int64)
        keys, can_be = _as_whole(ids)
        if not len(self._ids):
            return np.full(len(keys), -1, np.int64)
        at = np.minimum(np.searchsorted(self._ids, keys), len(self._ids) - 1)
        return np.where(can_be & (self._ids[at] == keys), at, -1)


_indexes: dict[tuple[str, ...], Index] = {}  # by what their columns hold


def index(tree: Tree, used: Sequence[LabelSet]) -> Index:
    """Return the index of sets that are in order of rank; raises DamagedFile for one that cannot be read."""
    refs = [one.entry.columns[name] for one in used for name in ("ids", "label")]
    key = tuple(f"{ref.digest} {ref.dtype}" for ref in refs)
    found = _indexes.pop(key, None) or Index([_read(tree, one.path, one.entry) for one in used])
    while len(_indexes) >= _INDEXES:
        _indexes.pop(next(iter(_indexes)))
    _indexes[key] = found  # the last that was asked for goes last
    return found


def _read(tree: Tree, path: str, entry: Labels) -> tuple[Column, Column]:
    """Return ids and labels of a set, rows without a label left out."""
    ids, label = (column(tree, path, entry, name) for name in ("ids", "label"))
    there = np.ones(entry.rows, np.bool_)
    for one in (ids, label):
        if one.null is not None:
            there &= ~one.null
    if label.values.dtype.kind == "f":
        there &= ~np.isnan(label.values)
    if there.all():
        return ids, label
    return Column(ids.kind, ids.values[there]), Column(label.kind, label.values[there])


def column(tree: Tree, path: str, entry: Labels, name: str) -> Column:
    """Return the column `ids` or `label` of labels; raises DamagedFile."""
    ref = entry.columns[name]
    try:
        if wrong := form.label_fault(name, ref.dtype):
            raise DamagedFile(wrong, hint=RESTORE)
        data = blobs.get(tree, ref.blob, "parquet")
        return form.decode(data, f"the blob {ref.blob[:16]}", ref.dtype, ref.digest, entry.rows)
    except DamagedFile as error:
        text = f"the column {name!r} of the labels {path} cannot be read: {error.message}"
        raise DamagedFile(text, hint=error.hint) from None


def as_texts(ids: Column) -> list[str]:
    """Return ids as texts, the same for a whole number and for the text of it."""
    values = ids.values.tolist()
    if ids.kind == TEXT:
        return values  # type: ignore[no-any-return]
    if ids.values.dtype.kind == "f":
        return [str(int(v)) if v.is_integer() and abs(v) <= _EXACT_MAX else repr(v) for v in values]
    return [str(value) for value in values]


def _as_whole(ids: Column) -> tuple[Any, Any]:
    """Return ids as int64, and which of them are whole numbers that it can hold."""
    if ids.kind == "int64":
        return ids.values, np.ones(len(ids.values), np.bool_)
    keys, can_be = np.zeros(len(ids.values), np.int64), np.zeros(len(ids.values), np.bool_)
    for i, text in enumerate(as_texts(ids)):
        number = whole(text)
        if number is not None:
            keys[i], can_be[i] = number, True
    return keys, can_be


@lru_cache(maxsize=1 << 16)
def whole(text: str) -> int | None:
    """Return the whole number that a text says as numbers are written, where int64 can hold it; else None."""
    number = int(text) if _WHOLE.fullmatch(text) else None
    return number if number is not None and -(2**63) <= number < 2**63 else None


def _comparable(labels: Sequence[Column]) -> Any:
    """Return a number a label, the same for labels that say the same: 1, 1.0, true and the text `1` do."""
    if all(label.kind in _NUMBERS for label in labels):
        found = [_exactly(label, "float64") for label in labels]
        if all(one is not None for one in found):
            return np.concatenate([np.zeros(0), *found])
    known: dict[Any, int] = {}
    values = (value for label in labels for value in label.values.tolist())
    return np.fromiter((known.setdefault(_token(value), len(known)) for value in values), np.int64)


def _token(value: Any) -> Any:
    if isinstance(value, str):
        number = whole(value)
        return value if number is None else number
    return value


def of_one_kind(parts: Sequence[Column], preferred: str | None) -> tuple[str, list[Any]] | None:
    """Return a kind that holds the values of all parts exactly, and the values as it; the preferred kind if it can."""
    kinds = dict.fromkeys(part.kind for part in parts)
    wanted = ([] if preferred is None else [preferred]) + [*kinds, "int64", "float64", TEXT]
    for kind in dict.fromkeys(wanted):
        found = [_exactly(part, kind) for part in parts]
        if all(one is not None for one in found):
            return kind, found
    return None


def _exactly(part: Column, kind: str) -> Any:
    """Return the values of a column as another kind, None where that cannot say the same."""
    values = part.values
    if part.kind == kind:
        return values
    if part.kind == TEXT:
        numbers = [whole(text) for text in values.tolist()] if kind == "int64" else [None]
        return None if None in numbers else np.array(numbers, np.int64)
    if kind == TEXT:
        return np.array([str(v) for v in values.tolist()], object) if part.kind in ("int64", "uint64") else None
    if "timestamp" in part.kind + kind:
        return None
    target = {"bool": np.bool_, "int64": np.int64, "uint64": np.uint64, "float32": np.float32, "float64": np.float64}
    with np.errstate(all="ignore"):
        found = values.astype(target[kind])
        back = found.astype(values.dtype)
    if not np.array_equal(back, values, equal_nan=values.dtype.kind == "f"):
        return None
    # A float may hide that the number was another one: 2**53 + 1 and 2**63 come back as they went by luck.
    floats = {values.dtype.kind, found.dtype.kind} & {"f"}
    if floats and {values.dtype.kind, found.dtype.kind} & {"i", "u"} and len(values):
        edge = _EXACT_MAX if "float32" not in (part.kind, kind) else 2**24
        if float(np.abs(values.astype(np.float64)).max()) > edge:
            return None
    if kind == "uint64" and values.dtype.kind == "i" and len(values) and int(values.min()) < 0:
        return None
    if part.kind == "uint64" and kind == "int64" and len(values) and int(values.max()) >= 2**63:
        return None
    return found
