"""Sweeping: old blobs and segments that no entry names, anywhere git or this machine keeps one, are removed.

What names a file is looked for in this work tree and its journals, and in every ref, stash, reflog, index and linked
work tree. Where any of that cannot be read to the end, nothing is removed: `Undecided` says why.
"""

import hashlib
import os
import re
import time as clock
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from ledger.errors import Damage, DamagedFile, InvalidValue, Undecided, counted
from ledger.format import entries as form
from ledger.format import frame, ids, layout
from ledger.git import objects, place, worktree
from ledger.record import losses, repair, seal
from ledger.store import files, journal
from ledger.store.tree import Tree

DAYS_MIN = 14
_DAY_NS = 86_400 * 1_000_000_000
_RESERVED = "packs"  # what it holds is for a later version to know


class Unreferenced(NamedTuple):
    """A file that nothing names: its path under `.ledger`, its bytes, when it was last written (us)."""

    path: str
    bytes: int
    modified: int


class Swept(NamedTuple):
    """What was removed, or with `dry_run` would be; and how many unreferenced files are too young for it."""

    removed: list[Unreferenced]
    young: int
    older_than: int
    dry_run: bool

    @property
    def bytes(self) -> int:
        """How many bytes were, or would be, given back."""
        return sum(item.bytes for item in self.removed)

    def to_json(self) -> dict[str, Any]:
        """Return the document that `ledger gc --json` prints."""
        removed = [
            {"path": item.path, "bytes": item.bytes, "modified": ids.rfc3339(item.modified)} for item in self.removed
        ]
        return {
            "schema": "ledger.gc/1",
            "dry_run": self.dry_run,
            "older_than": self.older_than,
            "files": len(removed),
            "bytes": self.bytes,
            "young": self.young,
            "removed": removed,
        }


def sweep(tree: Tree, *, dry_run: bool = True, older_than: int = DAYS_MIN) -> Swept:
    """Remove blobs and segments that nothing names and that were not written for `older_than` days (at least 14).

    Entries are never touched, nor is a run's folder that would be left without one. Raises InvalidValue for fewer
    days, Undecided where it cannot be known that nothing names a file, StorageFault.
    """
    if older_than < DAYS_MIN:
        raise InvalidValue(
            f"{older_than} days is too young: what others have not pushed yet may need it",
            hint=f"give {DAYS_MIN} days or more",
        )
    limit = clock.time_ns() - older_than * _DAY_NS
    with files.faults(f"sweep {tree.root}"):
        elsewhere = _elsewhere(tree)
        found = sorted(_unnamed(tree, elsewhere))
        old = [item for item in found if item.modified * 1000 < limit]
        removed = []
        if old and not dry_run:
            named = elsewhere | _here(tree)  # again: something may have been logged or checked out meanwhile
            for item in old:
                modified = files.modified(tree.path(item.path))
                if _name_of(item.path) not in named and modified is not None and modified < limit:
                    files.remove(tree.path(item.path))
                    removed.append(item)
            for head in {os.path.dirname(item.path) for item in removed if item.path.startswith("blobs/")}:
                files.remove_folder_if_empty(tree.path(head))
    return Swept(old if dry_run else removed, len(found) - len(old), older_than, dry_run)


def _name_of(path: str) -> str:
    """Return what entries must not hold for a file to be unreferenced: a blob's sha256, the sha16 of a segment."""
    return os.path.basename(path).partition(".")[0]


def _unnamed(tree: Tree, named: set[str]) -> Iterator[Unreferenced]:
    """Yield the blobs and segments that are not named; segments only beside an entry that stays."""
    folders = [f"blobs/{head}" for head in files.subfolders(tree.path("blobs"))]
    runs = losses.run_folders(tree)
    folders += [folder for folder in runs if any(layout.parse_entry_name(name) for name in tree.names(folder))]
    for folder in folders:
        for item in tree.scan(folder):
            path = f"{folder}/{item.name}"
            committed = repair.expected(path) and not layout.parse_entry_name(item.name) and not item.is_folder
            if committed and _name_of(path) not in named:
                yield Unreferenced(path, item.size, item.mtime // 1000)


class _Named:
    """The hashes that entries and journals hold, gathered place by place."""

    def __init__(self) -> None:
        self.hashes: set[str] = set()  # every sha256, and its first 16 digits, in any text of an entry
        self.lists: set[str] = set()  # blobs that name further blobs
        self.entries: set[str] = set()  # ids of entries that were read
        self.followed: set[str] = set()
        self.broken: dict[str, str] = {}  # ids of entries that were found damaged, and where

    def add(self, data: bytes, where: str) -> None:
        """Add what an entry names, or a file that may be one; raises Undecided where it cannot be understood."""
        parts, id = layout.parse_entry_name(os.path.basename(where)), hashlib.sha256(data).hexdigest()[:16]
        if parts is not None and id != parts.id:
            self.broken[parts.id] = where
            return
        try:
            entry = form.decode(data, where)
        except Damage as error:
            if parts is None:
                return
            if isinstance(error, DamagedFile):
                self.broken[id] = where
                return
            raise _undecided(error.message, error.hint) from None
        if entry is None:
            if parts is None:
                return
            raise _undecided(f"{where} is of the unknown kind {parts.kind!r}", "pip install --upgrade ledger-ml")
        self.entries.add(id)
        self.followed.update(entry.after)
        if isinstance(entry, form.Rows) and entry.more_charts is not None:
            self.lists.add(entry.more_charts.blob)
        self.walk(msgspec.json.decode(data))

    def walk(self, value: Any) -> None:
        """Add every sha256 in any text of a decoded document: more than is meant, never less."""
        stack = [value]
        while stack:
            value = stack.pop()
            if isinstance(value, str):
                for sha256 in re.findall("(?=([0-9a-f]{64}))", value) if len(value) >= 64 else ():
                    self.hashes |= {sha256, sha256[:16]}
            elif isinstance(value, dict):
                stack += [*value, *value.values()]
            elif isinstance(value, list):
                stack += value

    def journal(self, data: bytes, where: str) -> None:
        """Add what the frames of a journal name."""
        try:
            found = journal.read_header(data, where)
        except Damage as error:
            if where.startswith(seal.SEALED):  # what was whole of it is in entries
                return
            raise _undecided(f"{error.message}, and may name any blob", "ledger repair") from None
        if found is None:
            return
        salt, _, start = found
        for item in frame.frames(data, salt, start):
            if isinstance(item, frame.Gap):
                if not where.startswith(seal.SEALED):
                    raise _undecided(f"{where} has damaged bytes, and may name any blob", "ledger repair")
            elif item.payload[0] != frame.ROWS:
                self.walk(item.payload)


def _undecided(reason: str, hint: str | None) -> Undecided:
    return Undecided(f"nothing is removed: {reason}", hint=hint)


def _here(tree: Tree) -> set[str]:
    """Return what this folder's entries and journals name; raises Undecided for what is damaged."""
    named = _Named()
    _of_folder(tree, named)
    _settle(tree, named)
    return named.hashes


def _elsewhere(tree: Tree) -> set[str]:
    """Return what git keeps names, and what other work trees name; raises Undecided."""
    trees, kept = worktree.work_trees(tree.root), objects.kept(tree.root)
    top = place.top(tree.root)
    if top is None:
        raise _undecided("the ledger is in no git repository, so other copies cannot be looked at", None)
    if trees is None or kept is None:
        raise _undecided("git could not list what it keeps of the ledger", "see: git fsck, git worktree list")
    if not kept.whole:
        raise _undecided(
            "the clone is shallow or partial, so entries may be missing",
            "git fetch --unshallow, or --refetch",
        )
    named = _Named()
    _of_folder(tree, named)
    inside = os.path.relpath(os.path.realpath(tree.root), top)
    for path in trees:
        if not files.is_folder(path):
            raise _undecided(f"the work tree {path} is not here", "if it is gone for good: git worktree prune")
        if os.path.realpath(path) != top:
            _of_folder(Tree(os.path.join(path, inside)), named)
    wanted: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for object, path in kept.files:
        folder, _, name = path.rpartition("/")
        if folder.split("/")[0] == _RESERVED:
            raise _undecided(f"git keeps {path}, which this version does not understand", None)
        if folder.startswith("blobs/"):
            lists.setdefault(name, []).append(object)
        parts = layout.parse_entry_name(name)
        # Git tells one path of an object: an entry's bytes may be found under the name of a blob, or any other.
        if parts.id not in named.entries if parts else name.endswith(".json"):
            wanted[object] = path
    for object, data in objects.contents(tree.root, wanted, limit=form.JSON_MAX):
        named.add(data, wanted.pop(object))
    if wanted:
        raise _undecided(f"git could not read {min(wanted.values())}", "see: git fsck")
    _settle(tree, named, lists)
    if missing := named.followed - named.entries:
        raise _undecided(
            "history is incomplete: it lacks "
            f"{counted(len(missing), 'entry', 'entries')} that others followed ({min(missing)})",
            "bring them back: ledger repair --absent",
        )
    return named.hashes


def _of_folder(tree: Tree, named: _Named) -> None:
    """Add what the entries and journals of a folder name; raises Undecided for an entry that is damaged."""
    if tree.names(_RESERVED):
        raise _undecided(f"{tree.path(_RESERVED)} is not understood by this version", None)
    for folder in [*losses.run_folders(tree), *losses.log_folders(tree)]:
        for name in tree.names(folder):
            if layout.parse_entry_name(name):
                named.add(_read(tree, f"{folder}/{name}"), f"{folder}/{name}")
    if named.broken:
        raise _undecided(f"{min(named.broken.values())} is damaged", "ledger repair")
    for path in repair.waiting(tree):
        if layout.parse_entry_name(os.path.basename(path)):
            raise _undecided(f"{path} was damaged, and is set aside", "where git has it: git fetch, then ledger repair")
    for path in _journals(tree):
        named.journal(_read(tree, path), path)


def _journals(tree: Tree) -> list[str]:
    """Return the paths of all journals, live and sealed; a file that is moved meanwhile is in one of both lists."""
    live = [path for run in journal.runs(tree) for path in journal.paths(tree, run)]
    return [*live, *(f"{seal.SEALED}/{n}" for n in tree.names(seal.SEALED) if n.endswith(".journal"))]


def _read(tree: Tree, path: str) -> bytes:
    """Read a file that may be moved on by a sealer; raises Undecided where that leaves it unread."""
    try:
        return tree.read(path)
    except FileNotFoundError:
        owner = path.removeprefix("journal/").replace("/", "-")
        try:
            return tree.read(f"{seal.SEALED}/{owner}")
        except FileNotFoundError:
            raise _undecided(f"{path} went away meanwhile", "try again") from None
    except DamagedFile as error:
        raise _undecided(error.message, "ledger repair") from None


def _settle(tree: Tree, named: _Named, lists: dict[str, list[str]] | None = None) -> None:
    """Follow the blobs that name further blobs; an entry that is damaged in one place must be whole in another."""
    for id, where in named.broken.items():
        if id not in named.entries:
            raise _undecided(f"{where} is damaged in git, and nowhere whole", "see: git log --all -- .ledger")
    for sha256 in sorted(named.lists):
        found = [tree.read(p) for p in [layout.blob_path(sha256, "json")] if tree.exists(p)]
        named_so = (lists or {}).get(f"{sha256}.json", [])
        found += [data for _, data in objects.contents(tree.root, named_so, limit=form.JSON_MAX)] if named_so else []
        whole = next((data for data in found if hashlib.sha256(data).hexdigest() == sha256), None)
        if whole is None:
            raise _undecided(f"the list of charts in the blob {sha256[:16]} is not here or damaged", "ledger repair")
        named.walk(msgspec.json.decode(whole))
        named.hashes |= {sha256, sha256[:16]}
