"""The states of all runs at a commit, remembered by the git object of each run's folder.

That object is another as soon as anything in the folder is, so a state is folded once for all the commits that have it,
and what a new commit costs is what it changed. SQLite in the user's cache folder, beside the other catalogs.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

from ledger.errors import Damage
from ledger.store import catalog
from ledger.store.catalog import Catalog, Head
from ledger.store.revision import Revision
from ledger.store.run_folder import RunFolder
from ledger.store.state import RunState, decode

VERSION = 2  # of these tables
_AT_ONCE = 500  # run folders that are looked up by one query
# `checksum` is that of the state, `head` that of what stands before it; of a folder, that of both.
_TABLES = """
CREATE TABLE folded (at INTEGER PRIMARY KEY, run TEXT, object TEXT, created INTEGER, name TEXT, retracted INTEGER,
                     checksum INTEGER, head INTEGER, packed BLOB);
CREATE UNIQUE INDEX folded_object ON folded (object, run);
CREATE TABLE folder (object TEXT PRIMARY KEY, names BLOB, checksum INTEGER) WITHOUT ROWID;
"""
_FOLDED = "f.at, a.run, a.object, f.created, f.name, f.retracted, f.checksum, f.head"


class RevisionCatalog(Catalog):
    """The remembered states of one ledger at one commit; a commit does not change, so it is read once.

    Nothing is taken from the catalog of the work tree, though names carry hashes: a commit may hold a damaged file
    whose sound copy lies there.
    """

    tables = _TABLES

    def __init__(self, tree: Revision) -> None:
        self.revision = tree
        self._places: dict[str, int] = {}  # of the states in the table
        self._new: dict[str, bytes] = {}  # states that were not there
        super().__init__(tree)

    def _path(self) -> str:
        real = os.path.realpath(self.revision.repository.git_folder)
        found = os.stat(real)
        key = hashlib.sha256(
            f"{VERSION}.{catalog.VERSION}\0{real}\0{found.st_dev}\0{found.st_ino}".encode()
        ).hexdigest()
        return os.path.join(catalog.folder(), f"git-{key[:24]}.sqlite")

    def refresh(self) -> None:
        """Read what the commit has, unless that was done; raises Undecided where git does not have all of it here."""
        if self._heads is None:
            super().refresh()

    def _all(self) -> dict[str, Head]:
        if self._heads is None:
            self._refresh()
        return self._heads or {}

    def _refresh(self) -> None:
        self._forget()
        objects = self.revision.run_objects()
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS asked (run TEXT, object TEXT)")
        self._db.execute("BEGIN")
        self._db.execute("DELETE FROM asked")
        self._db.executemany("INSERT INTO asked VALUES (?, ?)", objects.items())
        self._db.execute("COMMIT")
        query = f"SELECT {_FOLDED} FROM asked a JOIN folded f ON f.object = a.object AND f.run = a.run"
        heads: dict[str, Head] = {}
        self._places, self._new = {}, {}
        for at, *row, head in self._db.execute(query):
            if catalog.checksum(row) == head:  # else it is read again
                run, _, created, name, retracted, checksum = row
                heads[run], self._places[run] = Head(run, -1, created, name, bool(retracted), b"", b"", checksum), at
        if unknown := sorted(objects.keys() - heads.keys()):
            self.revision.repository.load_trees([objects[run] for run in unknown])
            found = {run: found for run in unknown if (found := self._fold(run)) is not None}
            for run, (state, packed) in found.items():
                heads[run] = Head(*(run, -1, state.created, state.name, state.retracted, b"", b"", crc32(packed)))
                self._new[run] = packed
            self._keep([(run, objects[run], *known) for run, known in found.items()])
        self._heads = heads

    def _packed(self, runs: list[str]) -> dict[str, bytes]:
        heads = self._all()
        query = "SELECT packed FROM folded WHERE at = ?"
        found = dict(self._new)
        for run in runs:
            for (packed,) in () if run in found else self._db.execute(query, (self._places[run],)):
                found[run] = packed
            catalog.hold(found.get(run), heads[run].checksum)
        return found

    def _keep(self, found: list[tuple[str, str, RunState, bytes]]) -> None:
        rows = []
        for run, object, state, packed in found:
            row = (run, object, state.created, state.name, int(state.retracted), crc32(packed))
            rows.append((*row, catalog.checksum(row), packed))
        self._try(
            "INSERT OR REPLACE INTO folded (run, object, created, name, retracted, checksum, head, packed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )

    def folders(self) -> dict[str, bytes]:
        """Return a digest of the names in each run's folder, by the run's id; see `Catalog.folders`."""
        objects = self.revision.run_objects()
        rows = self._checked(lambda: self._db.execute("SELECT object, names, checksum FROM folder").fetchall())
        known = {object: names for object, names, check in rows if catalog.checksum((object, names)) == check}
        unknown = {object: run for run, object in objects.items() if object not in known}
        if unknown:
            self.revision.repository.load_trees(list(unknown))
            new = [(object, catalog.digest(self._names(run))) for object, run in unknown.items()]
            self._try("INSERT OR REPLACE INTO folder VALUES (?, ?, ?)", [(*row, catalog.checksum(row)) for row in new])
            known |= dict(new)
        return {run: known[object] for run, object in objects.items()}

    def _names(self, run: str) -> list[str]:
        return self.revision.names(self.revision.folder_of(run))

    def _try(self, query: str, rows: list[tuple[Any, ...]]) -> None:
        """Write rows in one go, if that is possible: another process may be at it, or the disk full, or all damaged."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(query, rows)
            self._db.execute("COMMIT")
        except sqlite3.DatabaseError as error:  # the next command tries again
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if not isinstance(error, sqlite3.OperationalError):
                self._db.close()
                self._db = self._replace()

    def state_of(self, run: str, object: str) -> RunState | None:
        """Return the state that a run's folder had as this git object, in whatever commit; None if it is not known."""
        return self._sound("object = ? AND run = ?", object, run).get((run, object))

    def _sound(self, condition: str, *values: str) -> dict[tuple[str, str], RunState]:
        """Return the states of rows that are what was written, by run and object."""
        columns = "run, object, created, name, retracted, checksum, head, packed"
        query = f"SELECT {columns} FROM folded WHERE {condition}"
        found = {}
        try:
            for *row, head, packed in self._db.execute(query, values):
                if catalog.checksum(row) == head and type(packed) is bytes and crc32(packed) == row[-1]:
                    found[row[0], row[1]] = decode(packed)
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            pass
        return found

    def fold(self, run: str) -> RunState | None:
        """Return the state of one run of this commit without looking at the others; None where it cannot be read.

        Raises Damage, and Undecided where git does not have it here.
        """
        object = self.revision.run_objects().get(run)
        if object is None:
            return None
        state = self.state_of(run, object)
        if state is None:
            found = self._fold(run)
            if found is None:
                if run in self.damaged:
                    raise self.damaged[run]
                return None
            self._keep([(run, object, *found)])
            state = found[0]
        return state

    def states_of(self, folders: Sequence[RunFolder]) -> Iterator[RunState | Damage | None]:
        """Yield the state of each run folder, of whatever commit, in their order: remembered, or folded now.

        Damage is yielded, not raised; a folder without entries gives None. Raises Undecided where git does not have
        all of a folder here.
        """
        for start in range(0, len(folders), _AT_ONCE):
            batch = folders[start : start + _AT_ONCE]
            found: dict[tuple[str, str], RunState | Damage | None] = dict(self._remembered(batch))
            unknown = [folder for folder in batch if (folder.run, folder.object) not in found]
            if unknown:
                found |= self._look(unknown)
            yield from (found[folder.run, folder.object] for folder in batch)

    def _look(self, folders: Sequence[RunFolder]) -> dict[tuple[str, str], RunState | Damage | None]:
        """Fold run folders that are not known yet, and remember them."""
        folders[0].repository.load_trees([folder.object for folder in folders])
        found: dict[tuple[str, str], RunState | Damage | None] = {}
        new = []
        mine, self.damaged = self.damaged, {}  # which is about the runs of this one commit
        for folder in folders:
            folded = self._fold(folder.run, folder)
            if folded is not None:
                new.append((folder.run, folder.object, *folded))
            found[folder.run, folder.object] = folded[0] if folded else self.damaged.pop(folder.run, None)
        self.damaged = mine
        self._keep(new)
        return found

    def _remembered(self, folders: Sequence[RunFolder]) -> dict[tuple[str, str], RunState]:
        marks = ", ".join("?" * len(folders))
        return self._sound(f"object IN ({marks})", *(folder.object for folder in folders))
