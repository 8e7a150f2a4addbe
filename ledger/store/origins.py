"""The stored rows of a few metrics of a run, each with the entries that brought it; rows of retracted entries too."""

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from ledger.errors import counted
from ledger.format import entries as form
from ledger.format.rows import Key, Rows
from ledger.store import entries, fold, segments
from ledger.store.fold import Gathered
from ledger.store.tree import Tree


class Part(NamedTuple):
    """Rows, and the entry that brought them; None for those that are still in a journal."""

    entry: entries.Read | None
    rows: Rows


class Brought(NamedTuple):
    """All rows of some metrics of a run, `gathered` without rows, which metrics there are, and why some are undefined.

    `notices` says what is missing or amiss.
    """

    gathered: Gathered
    parts: list[Part]
    keys: set[Key]
    reasons: dict[tuple[str, int], str]
    notices: list[str]

    @property
    def standing(self) -> list[Rows]:
        """The rows that no retraction of an entry took away."""
        return [part.rows for part in self.parts if not self.is_retracted(part)]

    def is_retracted(self, part: Part) -> bool:
        """Say whether a retraction took an entry away."""
        return part.entry is not None and part.entry.id in self.gathered.retracted


def read(tree: Tree, run: str, keys: Collection[Key]) -> Brought:
    """Read the rows of a run that have one of these keys; raises NoSuchRun and Damage."""
    gathered = fold.gather(tree, run, with_rows=False)
    found = Brought(gathered, [], set(), dict(gathered.reasons), list(gathered.notices))
    decoded: dict[str, Rows] = {}
    for entry in gathered.found:
        if not isinstance(entry.entry, form.Rows):
            continue
        found.reasons.update({(u.writer, u.seq): u.reason for u in entry.entry.undefined})
        for segment in entry.entry.segments:
            if segment.sha256 not in decoded:
                if not segments.is_here(tree, gathered.folder, segment):
                    rows = counted(segment.rows, "row", "rows")
                    found.notices.append(f"the ledger is copied in part: it lacks {rows} of {entry.name}")
                    continue
                decoded[segment.sha256] = _chosen(segments.read(tree, gathered.folder, segment, run), keys, found.keys)
            found.parts.append(Part(entry, decoded[segment.sha256]))
    found.parts.extend(Part(None, _chosen(rows, keys, found.keys)) for rows in gathered.parts)
    return found


def _chosen(rows: Rows, keys: Collection[Key], known: set[Key]) -> Rows:
    ranked = rows.ranked()
    known.update(ranked.keys)
    wanted: Any = np.array([key in keys for key in ranked.keys] or [False])
    return ranked.take(wanted[ranked.key])
