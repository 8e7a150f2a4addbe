"""The log, which is of no single run: labels that came late, and what takes them out of view; read in order."""

from __future__ import annotations

from typing import NamedTuple

from ledger.format import entries as form
from ledger.format import layout
from ledger.store import entries
from ledger.store.tree import Tree

_KNOWN_MAX = 10_000
# Entries that were read, by file name, which carries the sha256 of their bytes: what was whole once is not read again.
_known: dict[str, entries.Found] = {}


class LabelSet(NamedTuple):
    """The labels of one entry: its id, its path under `.ledger`, what it says; `retracted`: it is out of view."""

    id: str
    path: str
    entry: form.Labels
    retracted: bool = False

    @property
    def rank(self) -> tuple[int, int, str]:
        """What decides which label of an id counts, the greatest: known since when (us), written when (us), by id."""
        return self.entry.at_us, self.entry.time_us, self.id


class Log(NamedTuple):
    """The entries of the log in order of time, the labels among them by rank, and what was skipped and why."""

    read: list[entries.Read]
    sets: list[LabelSet]
    notices: list[str]


def paths(tree: Tree) -> list[str]:
    """Return the paths of the entries of the log, links left out, in order; one that lies under two days, once."""
    found: dict[str, str] = {}
    for day in sorted(tree.subfolders(layout.LOG)):
        folder = f"{layout.LOG}/{day}"
        for name in tree.names(folder):
            if layout.parse_entry_name(name) and (name not in found or layout.log_folder(name) == folder):
                found[name] = f"{folder}/{name}"
    return [found[name] for name in sorted(found)]


def read(tree: Tree) -> Log:
    """Read the log; raises DamagedFile or NewerFormat where an entry cannot be trusted."""
    where = {path.rpartition("/")[2]: path for path in paths(tree)}
    found = [_entry(tree, path) for path in where.values()]
    read = sorted((r for one in found for r in one.read), key=lambda r: (r.entry.time_us, r.id))
    gone = entries.retracted(read)
    sets = [LabelSet(r.id, where[r.name], r.entry, r.id in gone) for r in read if isinstance(r.entry, form.Labels)]
    return Log(read, sorted(sets, key=lambda s: s.rank), [text for one in found for text in one.notices])


def _entry(tree: Tree, path: str) -> entries.Found:
    folder, _, name = path.rpartition("/")
    if name not in _known:
        if len(_known) >= _KNOWN_MAX:
            _known.clear()
        _known[name] = entries.read_all(tree, folder, "", [name])
    return _known[name]
