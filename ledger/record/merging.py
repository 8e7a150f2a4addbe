"""The union with another ledger, or with what a revision had: what is missing here is written; nothing else changes.

A file is taken where its bytes have the hash in its name. What cannot be taken is left out and listed, the rest comes.
Blobs come before segments before entries, each file whole: a merge that was cut off is completed by the next.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from ledger.errors import DamagedFile, LedgerError, NewerFormat, NoLedger, NotFound, Undecided
from ledger.format import entries as form
from ledger.format import ids, layout
from ledger.record import sources
from ledger.record.sources import File, Item, Problem
from ledger.store import files, journal
from ledger.store import tree as trees
from ledger.store.audit.inventory import is_blob_name
from ledger.store.revision import Revision
from ledger.store.tree import Tree

_LONGEST = 255  # bytes of a file's name
_MOST_FILES, _MOST_BYTES = 500, 64 << 20  # that are held at once
_BLOBS, _PACKS, _RUNS, _LOG = range(4)  # in the order in which they are written


class Merged(NamedTuple):
    """What a merge brought here, or with `dry_run` would bring.

    new, changed: the runs (ids) that were not here, and those that were and got files. left_out: what the source has
    that is no file of a ledger, or not what its name says. absent: what git does not have here. damaged: files here
    whose bytes are not what their names say. unsealed: the runs that have rows in journals of the source.
    """

    source: str
    new: list[str]
    changed: list[str]
    files: int
    bytes: int
    left_out: list[Problem]
    absent: list[Problem]
    damaged: list[Problem]
    unsealed: list[str]
    dry_run: bool

    def to_json(self) -> dict[str, Any]:
        """Return the document that `ledger merge --json` prints."""
        return {
            "schema": "ledger.merge/1",
            "source": self.source,
            "dry_run": self.dry_run,
            "runs": {"new": self.new, "changed": self.changed},
            "files": self.files,
            "bytes": self.bytes,
            "left_out": [problem._asdict() for problem in self.left_out],
            "absent": [problem._asdict() for problem in self.absent],
            "damaged": [problem._asdict() for problem in self.damaged],
            "unsealed": self.unsealed,
        }


def find(word: str, at: Callable[[str], Revision]) -> Tree:
    """Return the ledger that a word means: of a folder, or of a revision, for which `at` is asked.

    Raises NotFound for a word that is both or neither; `rev:main` is a revision, `./main` and `main/` a folder.
    """
    if word.startswith("rev:"):
        return at(word.removeprefix("rev:"))
    root = _root(word)
    if word.startswith((os.curdir, os.sep)) or word.endswith(os.sep):
        if root is None:
            raise NoLedger(f"there is no ledger in {word}", hint="give the folder .ledger, or the one that it is in")
        return Tree(root)
    try:
        found = at(word)
    except (NotFound, Undecided) as error:
        if root is not None:
            return Tree(root)
        if not os.path.isdir(word):
            raise
        raise NoLedger(f"there is no ledger in the folder {word}; {error.message}", hint=error.hint) from None
    if root is not None:
        hint = f"ledger merge rev:{word}   or: ledger merge ./{word}"
        raise NotFound(f"{word!r} is a revision, and a folder with a ledger ({root})", hint=hint)
    return found


def _root(path: str) -> str | None:
    if not path:
        return None
    root = trees.named(path)
    return root if os.path.isdir(root) else None


def merge(tree: Tree, source: Tree, *, dry_run: bool = False) -> Merged:
    """Write what `source` has and the ledger has not; nothing is changed, removed or staged.

    Raises UsageError where the ledger is a revision, DamagedFile where a link stands here in the place of a folder, and
    StorageFault. Journals are not taken.
    """
    tree.path("")  # refused by a revision, also where nothing is missing
    found = _Merge(tree, source, dry_run)
    found.survey()
    found.take()
    return found.done()


class _Merge:
    """One merge: what the source has, what is here, and what became of it."""

    def __init__(self, tree: Tree, source: Tree, dry_run: bool) -> None:
        self.tree, self.dry_run = tree, dry_run
        self.source = sources.InCommit(source) if isinstance(source, Revision) else sources.InFolder(source)
        self.name = source.rev if isinstance(source, Revision) else source.root
        self.unsealed: list[str] = []
        self.damaged: list[Problem] = []
        self.wanted: dict[str, File] = {}  # what is not here, by where it belongs
        self.known = set(journal.runs(tree))  # the runs that are here, be it in flight
        self.taken: list[File] = []
        self._both: list[tuple[File, str, files.Item]] = []

    def done(self) -> Merged:
        """Return what was done."""
        runs = {file.run for file in self.taken} - {""}
        return Merged(
            source=self.name,
            new=sorted(runs - self.known),
            changed=sorted(runs & self.known),
            files=len(self.taken),
            bytes=sum(file.item.size for file in self.taken),
            left_out=sorted(self.source.left_out),
            absent=sorted(self.source.absent),
            damaged=sorted(self.damaged),
            unsealed=self.unsealed,
            dry_run=self.dry_run,
        )

    # What is missing

    def survey(self) -> None:
        """List both sides. Entries first: what they name was there before them."""
        top = dict(self.source.list([""])).get("", {})
        parts = {"runs": self._runs, "packs": self._packs, "log": self._log, "blobs": self._blobs}
        for name, item in sorted(top.items()):
            if name == layout.JOURNALS and item.kind == "folder" and isinstance(self.source, sources.InFolder):
                self.unsealed = sorted(journal.runs(self.source.tree))
            elif not (name in layout.CONSTANT_FILES and item.kind == "file") and name not in parts:
                self.source.refuse(name, item)
        for name, look in parts.items():
            if name in top and self._is_folder(name, top[name]):
                look()
        known = self.source.sized([file for file, _, _ in self._both] + list(self.wanted.values()))
        for file, path, here in self._both:
            size = known[file].size
            if here.is_folder or (size >= 0 and size != here.size):
                self._look(file, path)
        self.wanted = {target: file._replace(item=known[file]) for target, file in self.wanted.items()}
        for target in self.wanted:
            self.tree.path(target)  # no link may stand on the way: known before anything is written

    def _is_folder(self, path: str, item: Item) -> bool:
        if item.kind != "folder":
            self.source.refuse(path, item)
        return item.kind == "folder"

    def _inner(self, folders: Sequence[str], is_one: Callable[[str], bool]) -> list[str]:
        """Return the folders in folders whose names pass; all else is left out."""
        found = []
        for folder, items in self.source.list(folders):
            for name, item in sorted(items.items()):
                path = f"{folder}/{name}"
                if not is_one(name):
                    self.source.refuse(path, item)
                elif self._is_folder(path, item):
                    found.append(path)
        return found

    def _runs(self) -> None:
        here: dict[str, list[str]] = {}
        for day in self.tree.subfolders("runs"):
            for run in self.tree.subfolders(f"runs/{day}"):
                here.setdefault(run, []).append(f"runs/{day}/{run}")
        days = self._inner(["runs"], lambda name: True)
        for folder, items in self.source.list(self._inner(days, layout.is_run_folder)):
            run = folder.rpartition("/")[2]
            target = layout.run_folder(run)
            places = here.get(run, [])
            if places and target not in places:
                target = min(places)  # where readers find it
            there = self._items(places)
            if any(map(layout.parse_entry_name, there)):
                self.known.add(run)
            for name, item in sorted(items.items()):
                entry = layout.parse_entry_name(name)
                sha256 = entry.id if entry else layout.parse_segment_name(name)
                place = (_RUNS, run, entry is not None)
                self._sort(File(place, f"{folder}/{name}", f"{target}/{name}", sha256 or "", run, item), there)

    def _items(self, folders: Sequence[str]) -> dict[str, tuple[str, files.Item]]:
        """Return what is here in folders, by name."""
        return {item.name: (f"{folder}/{item.name}", item) for folder in folders for item in self.tree.scan(folder)}

    def _packs(self) -> None:
        there = self._items(["packs"])
        for folder, items in self.source.list(["packs"]):
            for name, item in sorted(items.items()):
                path = f"{folder}/{name}"
                sha256 = layout.parse_segment_name(name)
                self._sort(File((_PACKS, "", False), path, path, sha256 or "", "", item), there)

    def _log(self) -> None:
        here: dict[str, dict[str, tuple[str, files.Item]]] = {}
        for folder, items in self.source.list(self._inner(["log"], lambda name: True)):
            for name, item in sorted(items.items()):
                entry = layout.parse_entry_name(name)
                home = layout.log_folder(name)
                file = File((_LOG, "", True), f"{folder}/{name}", f"{home}/{name}", entry.id if entry else "", "", item)
                if entry and home not in here:
                    here[home] = self._items([home])
                self._sort(file, here[home] if entry else {})

    def _blobs(self) -> None:
        here: dict[str, dict[str, tuple[str, files.Item]]] = {}
        folders = self._inner(["blobs"], lambda name: len(name) == 2 and ids.is_hex(name))
        for folder, items in self.source.list(folders):
            for name, item in sorted(items.items()):
                sha256, _, extension = name.partition(".")
                head = sha256[:2]
                if not is_blob_name(sha256, extension):
                    self.source.refuse(f"{folder}/{name}", item)
                    continue
                if head not in here:
                    here[head] = self._items([f"blobs/{head}"])
                target = layout.blob_path(sha256, extension)
                self._sort(File((_BLOBS, "", False), f"{folder}/{name}", target, sha256, "", item), here[head])

    def _sort(self, file: File, there: dict[str, tuple[str, files.Item]]) -> None:
        """Note a file as missing here, as here, or as none that a ledger has."""
        name = file.path.rpartition("/")[2]
        if file.item.kind != "file" or not file.sha256 or len(name) > _LONGEST:
            self.source.refuse(file.path, file.item)
        elif name in there:
            self._both.append((file, *there[name]))
        else:
            self.wanted.setdefault(file.target, file)

    def _look(self, file: File, path: str) -> None:
        """Note a file that is here where its bytes are not those of its name; else it is the source's that are not."""
        try:
            if files.sha256(self.tree.path(path)).startswith(file.sha256):
                return
            if sources.is_pointer(self.tree.read_head(path, sources.POINTER_MAX), file.sha256):
                return
            reason = "its bytes here do not have the sha256 in its name"
        except DamagedFile:
            reason = "what stands here is no file"
        except OSError as error:
            reason = f"it cannot be read here: {error.strerror or error}"
        self.damaged.append(Problem(path, reason))

    # What is taken

    def take(self) -> None:
        """Read, check and write what is missing, a part after the other."""
        if not self.dry_run and (self.wanted or files.exists(self.tree.root)):
            self.tree.prepare()
        for part in self._parts():
            found = zip(part, self.source.read(part), strict=True)
            for folder, group in groupby(found, key=lambda one: one[0].target.rpartition("/")[0]):
                whole = [(file, data) for file, data in group if data is not None and self._is_whole(file, data)]
                self._write(folder, whole)

    def _parts(self) -> Iterator[list[File]]:
        part: list[File] = []
        size = 0
        for file in sorted(self.wanted.values(), key=lambda file: (file.place, file.target)):
            if part and (len(part) == _MOST_FILES or size + file.item.size > _MOST_BYTES):
                yield part
                part, size = [], 0
            part.append(file)
            size += file.item.size
        if part:
            yield part

    def _is_whole(self, file: File, data: bytes) -> bool:
        """Say whether bytes are those of a file's name, and an entry what its name says; else it is left out."""
        found = hashlib.sha256(data).hexdigest()
        if not found.startswith(file.sha256):
            if sources.is_pointer(data, file.sha256):
                self.source.absent.append(Problem(file.path, "git-LFS has its bytes elsewhere"))
            else:
                self.source.left_out.append(Problem(file.path, f"its bytes have another sha256, {found[:16]}"))
            return False
        reason = _misnamed(file, data)
        if reason is not None:
            self.source.left_out.append(Problem(file.path, reason))
        return reason is None

    def _write(self, folder: str, whole: list[tuple[File, bytes]]) -> None:
        if not self.dry_run:
            with files.faults(f"merge {self.name} into {self.tree.root}"):
                named = [(file.target.rpartition("/")[2], data) for file, data in whole]
                files.write_all(self.tree.path(folder), named)
        self.taken += [file._replace(item=file.item._replace(size=len(data))) for file, data in whole]


def _misnamed(file: File, data: bytes) -> str | None:
    """Say what is wrong with an entry whose hash is right; None for one that readers take, and for other files.

    Of the log, kinds that are not known are for later versions to read.
    """
    name = file.target.rpartition("/")[2]
    parts = layout.parse_entry_name(name)
    if parts is None or not (file.run or parts.kind in layout.LOG_KINDS):
        return None
    try:
        entry = form.decode(data, name)
    except NewerFormat:
        return None  # for a newer ledger to read, here too
    except LedgerError as error:
        return error.message
    if entry is None:
        return None
    if layout.entry_name(entry.time_us, entry.kind, parts.id) != name:
        return f"it is misnamed: it is a {entry.kind} entry of {entry.time}"
    if entry.run == file.run:
        return None
    return f"it is an entry of the run {entry.run}" if entry.run else "it is an entry of the log, which is of no run"
