"""Repair: what is damaged is brought back from git or from journals, else set aside; nothing is ever deleted.

First the constant files, then the files whose names carry a hash, then journals that nobody holds. A file that is set
aside lies under `journal/set-aside/DAY/`, at the path it had; while it is not back, each repair looks for it again.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from ledger.errors import DamagedFile, LedgerError, NewerFormat, RunRetracted
from ledger.format import entries as form
from ledger.format import ids, layout
from ledger.git import objects, worktree
from ledger.record import finishing, losses, salvage, seal, standing
from ledger.record.losses import Gone
from ledger.store import files, journal, segments
from ledger.store.tree import Tree
from ledger.store.writer import now_us

SET_ASIDE = "journal/set-aside"
_OBJECT_MAX = 4 << 30  # larger files are not asked of git


class Restored(NamedTuple):
    """A file that is whole again, and where its bytes came from: `git`, `journal` or, for a constant file, `format`."""

    path: str
    source: str


class SetAside(NamedTuple):
    """A damaged file that was moved, and where to; both relative to `.ledger`."""

    path: str
    to: str


class Sealed(NamedTuple):
    """Journals of a run that were taken up: the run's status now, the rows, charts and predictions that were sealed."""

    run: str
    status: str
    rows: int
    charts: int
    predictions: int = 0


class Undone(NamedTuple):
    """Something that repair could not do, and why."""

    path: str
    reason: str


class Repaired(NamedTuple):
    """What a repair did, or with `dry_run` would do."""

    restored: list[Restored]
    set_aside: list[SetAside]
    sealed: list[Sealed]
    gone: list[Gone]
    undone: list[Undone]
    dry_run: bool

    @property
    def whole(self) -> bool:
        """Say whether nothing is gone, and nothing was left undone."""
        return not self.gone and not self.undone

    def to_json(self) -> dict[str, Any]:
        """Return the document that `ledger repair --json` prints."""
        gone = [{"path": g.path, "kind": g.kind, "text": g.text, **g.details} for g in self.gone]
        return {
            "schema": "ledger.repair/1",
            "dry_run": self.dry_run,
            "restored": [item._asdict() for item in self.restored],
            "set_aside": [item._asdict() for item in self.set_aside],
            "sealed": [item._asdict() for item in self.sealed],
            "gone": gone,
            "undone": [item._asdict() for item in self.undone],
        }


def repair(tree: Tree, author: str, *, dry_run: bool = False, absent: bool = False) -> Repaired:
    """Bring back what is damaged, from git or from journals; set the rest aside; seal journals that nobody holds.

    With `absent`, files that are not here at all are brought back too: those in git's index, and those that entries
    here name. Journals of running processes, and of other hosts within a day, are left alone. Raises StorageFault.
    """
    repairer = _Repairer(tree, author, dry_run)
    with files.faults(f"repair {tree.root}"):
        repairer.constants()
        repairer.committed(absent)
        repairer.journals()
    return repairer.done


class _Repairer:
    """One repair: what was done so far, and what git and the journals hold."""

    def __init__(self, tree: Tree, author: str, dry_run: bool) -> None:
        self.tree, self.author, self.dry_run = tree, author, dry_run
        self.done = Repaired([], [], [], [], [], dry_run)
        self._objects: dict[str, list[str]] | None = None  # git's, by file name

    def constants(self) -> None:
        """Write the constant files again where they are altered or missing."""
        for name, text in layout.FIXED_FILES.items():
            if not self.tree.is_folder(name.rpartition("/")[0]):
                continue
            try:
                if self.tree.read(name) == text.encode():
                    continue
                self.put_aside(name)
            except FileNotFoundError:
                pass
            except DamagedFile:
                self.put_aside(name)
            self.write(name, text.encode(), "format")

    def committed(self, absent: bool) -> None:
        """Bring back, or set aside, the files whose bytes are not what their names say."""
        damaged = {path: None for path in committed(self.tree) if self.is_damaged(path)}
        missing = waiting(self.tree)
        if absent:
            missing += self.absent()
        lost = []
        # Entries first: they tell what a segment held.
        for path in sorted({*damaged, *missing}, key=lambda p: (p.endswith(".parquet"), p)):
            data = self.from_git(path)
            source = "git" if data is not None else "journal"
            if data is None:
                data = self.from_journals(path)
            if path in damaged and not self.put_aside(path):
                continue
            if data is None:
                lost.append(path)
            else:
                self.write(path, data, source)
        if lost:
            known = losses.Known(self.tree)
            self.done.gone.extend(gone for path in lost if (gone := losses.of_file(known, path)) is not None)

    def is_damaged(self, path: str) -> bool:
        """Say whether a file's bytes are not what its name says; one that cannot be read is noted."""
        try:
            return not files.sha256(self.tree.path(path)).startswith(expected(path) or "")
        except FileNotFoundError:
            return False
        except DamagedFile:
            return True
        except PermissionError as error:
            self.done.undone.append(Undone(path, f"cannot be read: {error.strerror}"))
            return False
        except OSError:  # the disk cannot read it
            return True

    def objects(self) -> dict[str, list[str]]:
        """Return the objects of git, in any ref, stash, reflog or the index, by the file name they have there."""
        if self._objects is None:
            self._objects = {}
            kept = objects.kept(self.tree.root)
            for object, where in kept.files if kept else []:
                self._objects.setdefault(where.rpartition("/")[2], []).append(object)
        return self._objects

    def from_git(self, path: str) -> bytes | None:
        """Return the bytes that belong to a path where git keeps them."""
        for object in self.objects().get(path.rpartition("/")[2], []):
            for _, data in objects.contents(self.tree.root, [object], limit=_OBJECT_MAX):
                if fits(data, path):
                    return data
        return None

    def from_journals(self, path: str) -> bytes | None:
        """Return the bytes of a segment or an `open` entry, made again of journals here, sealed ones too."""
        folder, _, name = path.rpartition("/")
        run = folder.rpartition("/")[2]
        parts = layout.parse_entry_name(name)
        if parts is not None:
            if parts.kind == "open":
                for loaded in self.loaded(run):
                    if loaded.header.open_name == name and loaded.header.open_data is not None:
                        return loaded.header.open_data
            return None
        known = losses.Known(self.tree, [folder]).of_segment(path) if path.endswith(".parquet") else None
        return self.segment_again(path, known[1]) if known else None

    def loaded(self, run: str) -> Iterator[journal.Loaded]:
        """Yield the journals of a run that can be read, put aside or not."""
        aside = [f"{seal.SEALED}/{n}" for n in self.tree.names(seal.SEALED) if n.startswith(f"{run}-")]
        for path in [*journal.paths(self.tree, run), *aside]:
            try:
                loaded = salvage.read(self.tree, path)
            except (FileNotFoundError, DamagedFile, NewerFormat):
                continue
            if loaded is not None:
                yield loaded

    def segment_again(self, path: str, entry: form.Rows) -> bytes | None:
        """Make the segments of an entry again; the same rows give the same bytes, unless Arrow is another version."""
        from ledger.format.rows import concat

        parts = []
        for loaded in self.loaded(entry.run):
            rows = loaded.content.rows
            ranges = [known for known in entry.writers if known.writer == loaded.header.writer]
            parts += [rows.take((rows.seq >= known.first) & (rows.seq <= known.last)) for known in ranges]
        if not any(len(part) for part in parts):
            return None
        again = [data for _, data in segments.encode(entry.run, concat(parts).sorted())]
        return next((data for data in again if fits(data, path)), None)

    def absent(self) -> list[str]:
        """Return what is not here of what git's index has, and of what entries here name."""
        known = losses.Known(self.tree)
        wanted = known.referred()
        followed = set(known.followed())
        for name in self.objects():
            parts = layout.parse_entry_name(name)
            wanted += [losses.place(folder, name) for folder, id in followed if parts is not None and parts.id == id]
        wanted += worktree.tracked(self.tree.root)
        return [path for path in dict.fromkeys(wanted) if expected(path) and not self.tree.exists(path)]

    def put_aside(self, path: str) -> bool:
        """Move a file out of the way; False where it is whole meanwhile, as when a copy was still under way."""
        if expected(path) and not self.is_damaged(path):
            return False
        day = f"{SET_ASIDE}/{ids.rfc3339(now_us())[:10]}"
        folder, slash, name = path.rpartition("/")
        name = f"{folder}{slash}{name.removeprefix('.')}"  # git would obey a .gitignore there, too
        number, to = 1, f"{day}/{name}"
        while self.tree.exists(to):
            number += 1
            to = f"{day}-{number}/{name}"
        self.check_folders(to)
        if not self.dry_run:
            journal.protect(self.tree)
            files.move(self.tree.path(path), self.tree.path(to))
        self.done.set_aside.append(SetAside(path, to))
        return True

    def write(self, path: str, data: bytes, source: str) -> None:
        """Write a file that is not there."""
        self.check_folders(path)
        if not self.dry_run:
            files.write_whole(self.tree.path(path), data)
        self.done.restored.append(Restored(path, source))

    def check_folders(self, path: str) -> None:
        """Raise DamagedFile where a folder on the way is a link: it may lead out of the ledger."""
        parts = path.split("/")[:-1]
        for count in range(1, len(parts) + 1):
            folder = "/".join(parts[:count])
            if self.tree.exists(folder) and not self.tree.is_folder(folder):
                raise DamagedFile(f"{folder} is not a folder", hint=f"look at it: ls -l {self.tree.path(folder)}")

    def journals(self) -> None:
        """Seal the journals that nobody holds, what is whole of damaged ones too."""
        lost: list[tuple[str, salvage.Lost]] = []
        for run in sorted(journal.runs(self.tree)):
            presence = journal.presence(self.tree, run)
            free = [*presence.left, *(p for p in [*presence.shared, *presence.foreign] if seal.idle(self.tree, p))]
            if standing.is_closed(self.tree, run):
                free += [path for path in presence.shared if path not in free]
            for path in free:
                lost += self.look_into(run, path)
            if self.dry_run and not presence.held:
                self.would_seal(run, free)
        if not self.dry_run:
            for run, done in finishing.finish_stale(self.tree, self.author).items():
                if isinstance(done, finishing.Finished):
                    self.done.sealed.append(Sealed(run, done.status, done.rows, done.charts, done.predictions))
                elif not isinstance(done, RunRetracted):
                    self.done.undone.append(Undone(layout.journal_folder(run), str(done)))
        for path, what in lost:
            if self.dry_run or not self.tree.exists(path):
                self.done.gone.append(_gone_of_journal(path, what))

    def look_into(self, run: str, path: str) -> list[tuple[str, salvage.Lost]]:
        """Say what a free journal lost; one with a damaged head is sealed here, or set aside if nothing is whole."""
        try:
            head_is_whole = True
            try:
                loaded = journal.load(self.tree, path)
            except DamagedFile:
                head_is_whole = False
                loaded = salvage.read(self.tree, path)
        except (DamagedFile, NewerFormat) as error:
            self.done.undone.append(Undone(path, str(error)))
            return []
        if loaded is None and head_is_whole:
            return []
        if loaded is None:
            size = len(self.tree.read(path))
            if self.put_aside(path):
                text = f"a journal of run {run} of {size} bytes in which no row can be read"
                self.done.gone.append(Gone(path, "journal", text, {"run": run, "bytes": [[0, size]]}))
            return []
        if not head_is_whole and not self.seal_salvaged(run, path, loaded):
            return []
        what = salvage.lost(loaded.content)
        return [(path, what)] if what.seqs else []

    def seal_salvaged(self, run: str, path: str, loaded: journal.Loaded) -> bool:
        """Seal what is whole of a journal whose head is damaged; False where a process holds it."""
        if self.dry_run:
            return True
        full = self.tree.path(path)
        fd = files.open_append(full, create=False)
        if not (files.lock(fd, wait=False) and files.is_same(fd, full)):
            files.close(fd)
            return False
        try:
            done = seal.seal(self.tree, run, [seal.Taken(fd, path, loaded)], self.author)
        except LedgerError as error:
            self.done.undone.append(Undone(path, str(error)))
            return False
        self.done.sealed.append(Sealed(run, "open", done.rows, done.charts, done.predictions))
        return True

    def would_seal(self, run: str, free: list[str]) -> None:
        """Note the journals of a run that would be sealed."""
        found = []
        for path in free:
            try:
                if (loaded := salvage.read(self.tree, path)) is not None:
                    found.append(loaded.content)
            except (FileNotFoundError, DamagedFile, NewerFormat):
                continue
        if found:
            rows, charts = sum(len(c.rows) for c in found), sum(len(c.charts) for c in found)
            predictions = sum(len(c.predictions) for c in found)
            self.done.sealed.append(Sealed(run, "interrupted", rows, charts, predictions))


def _gone_of_journal(path: str, what: salvage.Lost) -> Gone:
    run = path.split("/")[1]
    count = sum(last - first + 1 for first, last in what.seqs)
    seqs = ", ".join(losses.span(*seq) for seq in what.seqs)
    places = ", ".join(f"{start} to {end}" for start, end in what.bytes)
    text = f"{count} rows or charts (seq {seqs}) of run {run}, where bytes {places} of its journal are damaged"
    details = {"run": run, "bytes": [list(gap) for gap in what.bytes], "seqs": [list(seq) for seq in what.seqs]}
    return Gone(path, "journal", text, details)


def expected(path: str) -> str | None:
    """Return the beginning of the sha256 that the name of a committed file promises; None for another path."""
    folder, _, name = path.rpartition("/")
    parts = folder.split("/")
    if len(parts) == 2 and parts[0] == "blobs":
        sha256, dot, extension = name.partition(".")
        named = len(sha256) == 64 and ids.is_hex(sha256) and dot and extension.isalnum() and sha256[:2] == parts[1]
        return sha256 if named else None
    if len(parts) == 3 and parts[0] == "runs" and layout.is_run_folder(parts[2]) and parts[1] not in (".", ".."):
        entry = layout.parse_entry_name(name)
        return entry.id if entry else layout.parse_segment_name(name)
    if len(parts) == 2 and parts[0] == layout.LOG and parts[1] not in (".", ".."):
        entry = layout.parse_entry_name(name)
        return entry.id if entry else None
    return None


def fits(data: bytes, path: str) -> bool:
    """Say whether bytes are those that the name of a committed file promises."""
    return hashlib.sha256(data).hexdigest().startswith(expected(path) or "-")


def committed(tree: Tree, base: str = "") -> Iterator[str]:
    """Yield the paths of the files whose names carry a hash, in order; with `base`, of those under that folder."""
    folders = losses.run_folders(tree, base) + losses.log_folders(tree, base)
    folders += [f"blobs/{head}" for head in sorted(files.subfolders(tree.path(f"{base}blobs")))]
    for folder in folders:
        for name in tree.names(f"{base}{folder}"):
            if expected(f"{folder}/{name}"):
                yield f"{folder}/{name}"


def waiting(tree: Tree) -> list[str]:
    """Return the paths of files that were set aside and are not back."""
    days = sorted(files.subfolders(tree.path(SET_ASIDE)))
    found = [path for day in days for path in committed(tree, f"{SET_ASIDE}/{day}/")]
    return [path for path in dict.fromkeys(found) if not tree.exists(path)]
