"""What came when: the labels of a ledger, listed; and new ones held against predictions and labels that are here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ledger.errors import DamagedFile
from ledger.format import predictions
from ledger.format.predictions import Column
from ledger.store import blobs, labels
from ledger.store.state import PredictedColumn, Predictions, RunState
from ledger.store.tree import Tree
from ledger.table.label_index import Index, index, of_one_kind

if TYPE_CHECKING:
    import pandas as pd

HEADINGS = ["entry", "at", "added", "split", "labels", "file", "author", "reason"]
_READ_MAX = 5  # sets of predictions whose y_true is read to learn of which kind labels are


class LabelLog(NamedTuple):
    """The sets of labels in the order in which they rank, those out of view among them, and what was skipped."""

    sets: list[labels.LabelSet]
    notices: list[str]
    damaged: bool = False  # entries that cannot be trusted were left out; the notices say which

    def rows(self) -> list[list[Any]]:
        """Return what `HEADINGS` names of each set in view."""
        return [_cells(one) for one in self.sets if not one.retracted]

    def to_json(self) -> dict[str, Any]:
        """Return the document that `ledger labels ls --json` prints."""
        shown: dict[str, Any] = {"schema": "ledger.labels/1", "labels": [_json(one) for one in self.sets]}
        return shown | ({"notices": self.notices} if self.notices else {})

    def frame(self) -> pd.DataFrame:
        """Return a row a set in view: entry, at, added, split, labels, file, author, reason."""
        import pandas as pd

        found = pd.DataFrame(self.rows(), columns=HEADINGS)
        for name in ("at", "added"):
            found[name] = pd.to_datetime(found[name], utc=True)
        return found


def _cells(one: labels.LabelSet) -> list[Any]:
    said = one.entry
    file = None if said.file is None else said.file.name
    return [one.id, said.at, said.time, said.split, said.rows, file, said.author, said.reason]


def _json(one: labels.LabelSet) -> dict[str, Any]:
    entry, at, added, split, rows, _, author, reason = _cells(one)
    shown: dict[str, Any] = {"entry": entry, "at": at, "added": added, "author": author, "labels": rows}
    if one.entry.file is not None:
        said = one.entry.file
        shown["file"] = {"name": said.name, "sha256": said.sha256, "bytes": said.bytes}
    shown |= {name: value for name, value in (("split", split), ("reason", reason)) if value is not None}
    return shown | ({"retracted": True} if one.retracted else {})


def listed(tree: Tree) -> LabelLog:
    """Return the labels of a ledger; an entry that cannot be trusted is left out and told."""
    found = labels.read(tree)
    return LabelLog(found.sets, found.notices, bool(found.damaged))


class Against(NamedTuple):
    """New labels, held against what is here.

    unmatched: ids that no predictions have. splits: of the predictions that have some. same, other: ids that have this
    label already, or another one. there: the entry that has all of them as they are, known since then. kinds: what
    truth, predictions and labels of these ids are.
    """

    unmatched: int
    splits: list[str | None]
    same: int
    other: int
    there: str | None
    kinds: list[str]
    unread: int  # columns of ids that are damaged


def against(
    tree: Tree, states: Sequence[RunState], split: str | None, new: tuple[Column, Column], at: int | None
) -> Against:
    """Hold new labels (ids, label) of a split, or of any, against predictions of runs and against labels that are here.

    Raises DamagedFile or NewerFormat for labels that cannot be read, of this split or of any.
    """
    log = labels.read(tree)
    log.refuse_damaged(*([] if split is None else [split]))
    used = [one for one in log.sets if not one.retracted]
    used = [one for one in used if split is None or one.entry.split in (None, split)]
    same, other, kinds = _labelled(index(tree, used), new) if used else (0, 0, [])
    wanted, there = Index([new]), None
    if same == len(new[0].values):
        key = [predictions.digest(column) for column in new]
        alike = [one.id for one in used if [one.entry.columns[name].digest for name in ("ids", "label")] == key]
        known_since = {one.id: one.entry.at_us for one in used}
        there = next((id for id in alike if at in (None, known_since[id])), used[-1].id if at is None else None)
    has, splits, unread, read = np.zeros(len(wanted.rows), np.bool_), dict[str | None, None](), 0, 0
    for found, column in _ids(states, split):
        if has.all() and found.split in splits:
            continue
        try:
            at_row = wanted.find(_column(tree, column, found.rows))
        except DamagedFile:
            unread += 1
            continue
        if (at_row >= 0).any():
            has[at_row[at_row >= 0]] = True
            splits[found.split] = None
            read += 1
            if read <= _READ_MAX:
                kinds += _kinds(tree, found)
    return Against(int((~has).sum()), list(splits), same, other, there, list(dict.fromkeys(kinds)), unread)


def _ids(states: Sequence[RunState], split: str | None) -> Iterator[tuple[Predictions, PredictedColumn]]:
    """Yield the different columns of ids of predictions."""
    seen = set()
    for state in states:
        for found in state.predictions:
            column = found.columns.get("ids")
            if column is not None and split in (None, found.split) and (column.digest, found.split) not in seen:
                seen.add((column.digest, found.split))
                yield found, column


def _column(tree: Tree, ref: PredictedColumn, rows: int) -> Column:
    data = blobs.get(tree, ref.blob, "parquet")
    return predictions.decode(data, f"the blob {ref.blob[:16]}", ref.dtype, ref.digest, rows)


def _kinds(tree: Tree, found: Predictions) -> list[str]:
    """Return what the truth and the predicted labels of predictions are; a truth without any value is of no kind."""
    kinds = [found.columns["y_pred"].dtype] if "y_pred" in found.columns else []
    if "y_true" in found.columns:
        try:
            truth = _column(tree, found.columns["y_true"], found.rows)
        except DamagedFile:
            return kinds
        if truth.null is None or not truth.null.all():
            kinds.append(truth.dtype)
    return kinds


def _labelled(known: Index, new: tuple[Column, Column]) -> tuple[int, int, list[str]]:
    """Return how many ids have this label already, how many another one, and of which kinds these are."""
    key, label = new
    at = known.find(key)
    same, other, kinds = 0, 0, []
    number = np.where(at >= 0, known.sets[np.maximum(at, 0)], -1)
    for i in np.unique(number[number >= 0]).tolist():
        rows = np.flatnonzero(number == i)
        before = known.labels[i]
        kinds.append(before.kind)
        now = Column(label.kind, label.values[rows])
        made = of_one_kind([Column(before.kind, before.values[known.rows[at[rows]]]), now], None)
        equal = 0 if made is None else int((made[1][0] == made[1][1]).sum())
        same, other = same + equal, other + len(rows) - equal
    return same, other, kinds
