"""The log, which is of no single run: labels that came late, and what takes them out of view; read in order."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import msgspec

from ledger.errors import Damage
from ledger.format import entries as form
from ledger.format import layout, names
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


class Unreadable(NamedTuple):
    """An entry of the log that cannot be trusted, left out: its id and path, and why.

    `split`: the one that its labels were of; None where that is not known, and where they were of any.
    """

    id: str
    path: str
    split: str | None
    error: Damage

    @property
    def notice(self) -> str:
        """Say what is left out, and what to type next."""
        of = "" if self.split is None else f" (labels of {self.split!r})"
        return f"left out of what came late: {self.error.message}{of}; see: ledger verify"

    @property
    def refusal(self) -> Damage:
        """The error of whoever needs what it may say."""
        return type(self.error)(f"labels may be missing: {self.error.message}", hint=self.error.hint)


class Log(NamedTuple):
    """The entries of the log in order of time, the labels among them by rank, and what was skipped and why.

    `damaged` are those that cannot be trusted and are not out of view; `notices` tell of them, too.
    """

    read: list[entries.Read]
    sets: list[LabelSet]
    notices: list[str]
    damaged: tuple[Unreadable, ...] = ()

    def refuse_damaged(self, *splits: str | None) -> None:
        """Raise Damage where labels of one of these splits, or without any where all are meant, may be missing."""
        for one in self.damaged:
            if not splits or one.split is None or one.split in splits:
                raise one.refusal


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
    """Read the log; an entry that cannot be trusted is left out and told, see `Log.refuse_damaged`."""
    where = {path.rpartition("/")[2]: path for path in paths(tree)}
    found, unreadable = [], []
    for path in where.values():
        try:
            found.append(_entry(tree, path))
        except Damage as error:
            unreadable.append(_unreadable(tree, path, error))
    read = sorted((r for one in found for r in one.read), key=lambda r: (r.entry.time_us, r.id))
    gone = entries.retracted(read)
    sets = [LabelSet(r.id, where[r.name], r.entry, r.id in gone) for r in read if isinstance(r.entry, form.Labels)]
    damaged = tuple(one for one in unreadable if one.id not in gone)
    notices = [text for one in found for text in one.notices] + [one.notice for one in damaged]
    return Log(read, sorted(sets, key=lambda s: s.rank), notices, damaged)


def _unreadable(tree: Tree, path: str, error: Damage) -> Unreadable:
    """Return what can be said of an entry; whose labels it has is taken from what its author wrote, or from nobody."""
    id = path[-21:-5]
    try:
        data = tree.read(path, form.JSON_MAX)
        if hashlib.sha256(data).hexdigest()[:16] != id:
            return Unreadable(id, path, None, error)
        content = msgspec.json.decode(data)
    except (OSError, Damage, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Unreadable(id, path, None, error)
    ours = isinstance(content, dict) and (content.get("format"), content.get("kind")) == (layout.FORMAT, "labels")
    split = content.get("split") if ours else None
    if not isinstance(split, str) or not names.is_metric(split) or split.startswith("$"):
        split = None
    return Unreadable(id, path, split, error)


def _entry(tree: Tree, path: str) -> entries.Found:
    folder, _, name = path.rpartition("/")
    if name not in _known:
        if len(_known) >= _KNOWN_MAX:
            _known.clear()
        _known[name] = entries.read_all(tree, folder, "", [name])
    return _known[name]
