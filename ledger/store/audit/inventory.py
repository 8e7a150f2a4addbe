"""An inventory of a ledger: everything under `.ledger` by name and size, sorted into what it is; nothing is opened.

What is no part of a ledger, or stands in the wrong place, becomes a finding here; the rest is what `verify` looks into.
"""

from __future__ import annotations

import stat
from typing import NamedTuple

from ledger.errors import DamagedFile
from ledger.format import layout
from ledger.format.ids import is_digits, is_hex
from ledger.store import files
from ledger.store.audit.findings import Finding, finding
from ledger.store.files import Thing
from ledger.store.tree import Tree

# What git takes a folder for a repository by, or obeys where it stands; no name of a ledger is like one of these.
PLANTED = frozenset(
    {
        *("head", "config", "config.worktree", "objects", "refs", "hooks", "packed-refs", "commondir", "gitdir"),
        *("index", ".git", ".gitattributes", ".gitignore", ".gitmodules", ".lfsconfig", ".mailmap"),
    }
)
WARNED, REFUSED = 50_000_000, 100_000_000  # bytes of one file: what forges warn of, and what they do not take
_DAY_NS = 86_400 * 1_000_000_000
_MEGABYTE = 1_000_000
_PLAIN = (stat.S_IFREG, stat.S_IFDIR)


class RunFolder(NamedTuple):
    """A run's folder: its id, its path, and its entries and segments by file name."""

    run: str
    path: str
    entries: dict[str, Thing]
    segments: dict[str, Thing]


class Inventory:
    """What is there: folders of runs, blobs and journals by path, constant files by path, and what belongs nowhere."""

    def __init__(self, tree: Tree, now: int) -> None:
        self.tree, self.now = tree, now  # ns since 1970
        self.runs: list[RunFolder] = []
        self.blobs: dict[str, Thing] = {}
        self.journals: dict[str, Thing] = {}
        self.log: list[RunFolder] = []  # a day each, of the run ""
        self.constants: dict[str, Thing] = {}
        self.findings: list[Finding] = []
        self.files = self.bytes = 0
        self._planted: list[str] = []

    def note(self, kind: str, path: str, message: str, run: str | None = None) -> None:
        """Add a finding."""
        self.findings.append(finding(kind, path, message, run))

    def unreadable(self, path: str, error: OSError | DamagedFile, run: str | None = None) -> None:
        """Note a file that cannot be read."""
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "it is not a regular file"
        self.note("unreadable", path, f"it cannot be read: {reason}", run)

    def take(self) -> Inventory:
        """List everything but the runs: who wants no row or blob missed looks at journals before `take_runs`."""
        for thing in self._list(""):
            folder = stat.S_ISDIR(thing.mode)
            if thing.name in layout.CONSTANT_FILES and not folder:
                self.constants[thing.name] = thing
            elif thing.name in ("runs", layout.LOG) and folder:
                continue
            elif thing.name == "blobs" and folder:
                self._blobs()
            elif thing.name == "journal" and folder:
                self._journals()
            else:
                self._foreign(thing.name, thing)
        self._search_planted()
        return self

    def take_runs(self) -> None:
        """List the runs, and the log."""
        if self.tree.is_folder("runs"):
            self._runs()
        if self.tree.is_folder(layout.LOG):
            self._log()
        self._search_planted()

    def _search_planted(self) -> None:
        while self._planted:  # which may hold more of them, in any depth
            self._search(self._planted.pop())

    def _list(self, folder: str) -> list[Thing]:
        """Return the plain files and folders in a folder; links, planted names and left-over files are noted."""
        try:
            found = files.everything(self.tree.path(folder))
        except OSError as error:
            self.note("unreadable", folder or ".", f"the folder cannot be listed: {error.strerror or error}")
            return []
        if len({thing.name.casefold() for thing in found}) != len(found):
            self._cases(folder, found)
        plain, local = [], folder == "journal" or folder.startswith("journal/")
        for thing in found:
            name, kind = thing.name, stat.S_IFMT(thing.mode)
            unusual = name.lower() in PLANTED or name[0] == "." or kind not in _PLAIN
            if unusual and not self._odd(f"{folder}/{name}" if folder else name, thing):
                continue
            plain.append(thing)
            if kind == stat.S_IFREG and not local:
                self.files += 1
                self.bytes += thing.size
                if thing.size > WARNED:
                    self._large(f"{folder}/{name}" if folder else name, thing.size)
        return plain

    def _cases(self, folder: str, found: list[Thing]) -> None:
        by_case: dict[str, str] = {}
        for thing in found:
            other = by_case.setdefault(thing.name.casefold(), thing.name)
            if other != thing.name:
                path = f"{folder}/{thing.name}" if folder else thing.name
                self.note("case-collision", path, f"its name differs from {other!r} only by case")

    def _odd(self, path: str, thing: Thing) -> bool:
        """Note what is amiss with something of an unusual name or type; say whether it may be part of a ledger."""
        if path in layout.FIXED_FILES and not stat.S_ISLNK(thing.mode):
            return True
        if stat.S_ISLNK(thing.mode):
            self.note("link", path, "a symbolic link: a reader that followed it would leave the ledger")
        elif thing.name.lower() in PLANTED:
            self.note("planted", path, "a name that git obeys: git commands in this folder could run what it names")
            if stat.S_ISDIR(thing.mode):
                self._planted.append(path)
        elif stat.S_IFMT(thing.mode) not in _PLAIN:
            self.note("foreign", path, "neither a file nor a folder")
        elif thing.name.startswith(files.TEMPORARY) and stat.S_ISREG(thing.mode):
            if thing.mtime + _DAY_NS < self.now:
                text = f"{thing.size} bytes of a file that was being written a day ago or more"
                self.note("temporary", path, text)
        else:
            return True
        return False

    def _large(self, path: str, size: int) -> None:
        if size > REFUSED:
            self.note("too-large", path, f"{size / _MEGABYTE:.0f} MB, above the 100 MB that forges take")
        else:
            self.note("large-file", path, f"{size / _MEGABYTE:.0f} MB, above 50 MB")

    def _foreign(self, path: str, thing: Thing, message: str = "no file of a ledger has this name") -> None:
        if path == "packs":
            message = "reserved for later formats; this version does not look there"
        self.note("foreign", path, message)
        if stat.S_ISDIR(thing.mode):
            self._search(path)

    def _in_the_way(self, path: str, thing: Thing, named: bool, run: str | None = None) -> None:
        """Note a folder where only files belong; readers stop at one that is `named` like a file of the ledger."""
        if named:
            self.note("unreadable", path, "it cannot be read: a folder has the name of a file", run)
        self._foreign(path, thing)

    def _search(self, folder: str) -> int:
        """Look for links and planted names in a folder that is none of a ledger's; return how many files it has."""
        waiting, count = [folder], 0
        while waiting:
            path = waiting.pop()
            things = self._list(path)
            inner = [f"{path}/{thing.name}" for thing in things if stat.S_ISDIR(thing.mode)]
            count += len(things) - len(inner)
            waiting += inner
        return count

    def _folders(self, folder: str) -> list[Thing]:
        """Return the folders in a folder that should hold nothing else but constant files."""
        things = self._list(folder)
        for thing in things:
            path = f"{folder}/{thing.name}"
            if path in layout.FIXED_FILES and stat.S_ISREG(thing.mode):
                self.constants[path] = thing
            elif not stat.S_ISDIR(thing.mode):
                self._foreign(path, thing)
        return [thing for thing in things if stat.S_ISDIR(thing.mode)]

    def _runs(self) -> None:
        for day in self._folders("runs"):
            path = f"runs/{day.name}"
            if not _is_day(day.name):
                self._foreign(path, day)
                continue
            for thing in self._folders(path):
                if layout.is_run_folder(thing.name):
                    self._run(thing.name, f"{path}/{thing.name}")
                else:
                    self._foreign(f"{path}/{thing.name}", thing, "no run has this id")

    def _run(self, run: str, path: str) -> None:
        entries, segments = {}, {}
        for thing in self._list(path):
            name = thing.name
            if stat.S_ISDIR(thing.mode):
                named = layout.parse_entry_name(name) is not None or layout.parse_segment_name(name) is not None
                self._in_the_way(f"{path}/{name}", thing, named, run)
            elif name.endswith(".parquet") and layout.parse_segment_name(name) is not None:
                segments[name] = thing
            elif layout.parse_entry_name(name) is not None:
                entries[name] = thing
            else:
                self._foreign(f"{path}/{name}", thing)
        self.runs.append(RunFolder(run, path, entries, segments))
        proper = layout.run_folder(run)
        if path != proper:
            self.note("misplaced", path, f"the run's folder belongs at {proper}", run)

    def _log(self) -> None:
        for day in self._folders(layout.LOG):
            folder, found = f"{layout.LOG}/{day.name}", dict[str, Thing]()
            if not _is_day(day.name):
                self._foreign(folder, day)
                continue
            for thing in self._list(folder):
                path, named = f"{folder}/{thing.name}", layout.parse_entry_name(thing.name) is not None
                if stat.S_ISDIR(thing.mode):
                    self._in_the_way(path, thing, named)
                elif not named:
                    self._foreign(path, thing)
                else:
                    found[thing.name] = thing
                    if (proper := layout.log_folder(thing.name)) != folder:
                        self.note("misplaced", path, f"the entry belongs in {proper}")
            self.log.append(RunFolder("", folder, found, {}))

    def _blobs(self) -> None:
        for part in self._folders("blobs"):
            folder = f"blobs/{part.name}"
            if not (len(part.name) == 2 and is_hex(part.name)):
                self._foreign(folder, part)
                continue
            for thing in self._list(folder):
                path = f"{folder}/{thing.name}"
                sha256, _, extension = thing.name.partition(".")
                if stat.S_ISDIR(thing.mode):
                    self._in_the_way(path, thing, is_blob_name(sha256, extension))
                elif not is_blob_name(sha256, extension):
                    self._foreign(path, thing)
                elif sha256[:2] != part.name:
                    self.note("misplaced", path, f"the blob belongs at {layout.blob_path(sha256, extension)}")
                else:
                    self.blobs[path] = thing

    def _journals(self) -> None:
        for part in self._folders("journal"):
            folder = f"journal/{part.name}"
            sealed = part.name == "sealed"
            if part.name == "set-aside":
                count = self._search(folder)
                self.note("set-aside", folder, f"{count} damaged files were set aside and are not back")
                continue
            if not (sealed or layout.is_run_folder(part.name)):
                self._foreign(folder, part)
                continue
            for thing in self._list(folder):
                path = f"{folder}/{thing.name}"
                if stat.S_ISDIR(thing.mode):
                    self._in_the_way(path, thing, thing.name.endswith(".journal") and not sealed)
                elif not thing.name.endswith(".journal"):
                    self._foreign(path, thing)
                elif not sealed:
                    self.journals[path] = thing


def is_blob_name(sha256: str, extension: str) -> bool:
    """Say whether a blob may be called so."""
    plain = extension.isascii() and extension.isalnum() and extension == extension.lower()
    return len(sha256) == 64 and is_hex(sha256) and plain and len(extension) <= 16


def _is_day(name: str) -> bool:
    return len(name) == 10 and name[4] == name[7] == "-" and is_digits(name.replace("-", "")) and name.count("-") == 2
