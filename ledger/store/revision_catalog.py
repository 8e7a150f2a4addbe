"""The states of all runs at a commit, remembered by the git object of each run's folder.

That object is another as soon as anything in the folder is, so a state is folded once for all the commits that have it,
and what a new commit costs is what it changed. SQLite in the user's cache folder, beside the other catalogs.
"""

import hashlib
import os
import sqlite3
from typing import Any

from ledger.store import catalog
from ledger.store.catalog import Catalog
from ledger.store.revision import Revision
from ledger.store.state import RunState

VERSION = 1  # of these tables
_TABLES = """
CREATE TABLE folded (at INTEGER PRIMARY KEY, run TEXT, object TEXT, created INTEGER, name TEXT, retracted INTEGER,
                     state BLOB);
CREATE UNIQUE INDEX folded_object ON folded (object, run);
CREATE TABLE folder (object TEXT PRIMARY KEY, names BLOB) WITHOUT ROWID;
"""
# The runs of this commit under the name and the columns that the queries of `Catalog` ask for.
_VIEW = """
CREATE TEMP TABLE IF NOT EXISTS asked (run TEXT, object TEXT);
CREATE TEMP TABLE IF NOT EXISTS present
  (id TEXT PRIMARY KEY, created INTEGER, name TEXT, retracted INTEGER, at INTEGER);
CREATE INDEX IF NOT EXISTS temp.present_created ON present (created, id);
CREATE TEMP VIEW IF NOT EXISTS run AS
  SELECT p.id, p.created, p.name, p.retracted, f.state FROM present p CROSS JOIN folded f USING (at);
DELETE FROM asked;
DELETE FROM present;
"""


class RevisionCatalog(Catalog):
    """The remembered states of one ledger at one commit; a commit does not change, so it is read once.

    What the catalog of the work tree (`here`) knows of a folder with the same names is taken from there: names carry
    the hashes of what they name.
    """

    tables = _TABLES

    def __init__(self, tree: Revision, here: Catalog | None = None) -> None:
        self.revision, self._here = tree, here
        self._filled: sqlite3.Connection | None = None
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
        if self._filled is self._db:
            return
        super().refresh()

    def _refresh(self) -> None:
        for statement in _VIEW.strip().split(";\n"):
            self._db.execute(statement)
        objects = self.revision.run_objects()
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO asked VALUES (?, ?)", objects.items())
        self._db.execute("COMMIT")
        unknown = self._db.execute(
            "SELECT a.run, a.object FROM asked a LEFT JOIN folded f ON f.object = a.object AND f.run = a.run"
            " WHERE f.at IS NULL ORDER BY a.run"
        ).fetchall()
        if unknown:
            self.revision.repository.load_trees([object for _, object in unknown])
            found = {run: found for run, _ in unknown if (found := self._known(run) or self._fold(run)) is not None}
            self._keep([(run, object, *found[run]) for run, object in unknown if run in found])
        self._db.execute(
            "INSERT INTO present SELECT f.run, f.created, f.name, f.retracted, f.at"
            " FROM asked a JOIN folded f ON f.object = a.object AND f.run = a.run"
        )
        self._filled = self._db

    def _known(self, run: str) -> tuple[RunState, bytes] | None:
        return self._here.known(run, self._names(run)) if self._here else None

    def _keep(self, found: list[tuple[str, str, RunState, bytes]]) -> None:
        rows = [(run, object, s.created, s.name, int(s.retracted), packed) for run, object, s, packed in found]
        insert = "INSERT OR IGNORE INTO folded (run, object, created, name, retracted, state) VALUES (?, ?, ?, ?, ?, ?)"
        if not self._try(insert, rows):  # this answer is kept in memory, the next command tries again
            self._db.execute("CREATE TEMP TABLE IF NOT EXISTS folded AS SELECT * FROM main.folded")
            self._db.executemany(insert, rows)

    def folders(self) -> dict[str, bytes]:
        """Return a digest of the names in each run's folder, by the run's id; see `Catalog.folders`."""
        objects = self.revision.run_objects()
        known = dict(self._rows("SELECT object, names FROM folder")) if objects else {}
        unknown = {object: run for run, object in objects.items() if object not in known}
        if unknown:
            self.revision.repository.load_trees(list(unknown))
            new = {object: catalog.digest(self._names(run)) for object, run in unknown.items()}
            self._try("INSERT OR IGNORE INTO folder VALUES (?, ?)", list(new.items()))
            known |= new
        return {run: known[object] for run, object in objects.items()}

    def _names(self, run: str) -> list[str]:
        return self.revision.names(self.revision.folder_of(run))

    def _try(self, query: str, rows: list[tuple[Any, ...]]) -> bool:
        """Write rows in one go; say whether that was possible: another process may be at it, or the disk full."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(query, rows)
            self._db.execute("COMMIT")
            return True
        except sqlite3.OperationalError:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            return False

    def state_of(self, run: str, object: str) -> RunState | None:
        """Return the state that a run's folder had as this git object, in whatever commit; None if it is not known."""
        rows = self._db.execute("SELECT state FROM folded WHERE object = ? AND run = ?", (object, run)).fetchall()
        return catalog.decode(rows[0][0]) if rows else None

    def fold(self, run: str) -> RunState | None:
        """Return the state of one run of this commit without looking at the others; None where it cannot be read.

        Raises Damage, and Undecided where git does not have it here.
        """
        object = self.revision.run_objects().get(run)
        if object is None:
            return None
        state = self.state_of(run, object)
        if state is None:
            found = self._known(run) or self._fold(run)
            if found is None:
                if run in self.damaged:
                    raise self.damaged[run]
                return None
            self._keep([(run, object, *found)])
            state = found[0]
        return state
