"""The catalog: the states of all runs, remembered. Derived, never committed, never trusted over the files.

SQLite in the user's cache folder, one file a ledger; it may be deleted at any moment and no answer changes. A run is
looked at again when the time of its folder changed, or is so young that it could change unseen; then its names, which
carry the hashes of their contents, tell whether anything is new. Runs with a journal here are folded each time their
journals grew.
"""

import hashlib
import os
import sqlite3
import time

import msgspec

from ledger.errors import Damage, DamagedFile, NoSuchRun
from ledger.format import layout
from ledger.store import fold, journal
from ledger.store.state import RunState
from ledger.store.tree import RunFolder, Tree

VERSION = 1  # of the tables and of RunState: another one starts an empty catalog
_YOUNG_NS = 3_000_000_000
_TABLES = """
CREATE TABLE run (id TEXT PRIMARY KEY, created INTEGER, name TEXT, retracted INTEGER, modified INTEGER, settled INTEGER,
                  names BLOB, journals BLOB, state BLOB) WITHOUT ROWID;
CREATE INDEX run_created ON run (created, id);
CREATE INDEX run_name ON run (name, created);
"""
_decode = msgspec.msgpack.Decoder(RunState).decode
_encode = msgspec.msgpack.Encoder().encode


def folder() -> str:
    """Return the folder of catalogs: LEDGER_CACHE_DIR, else the user's cache folder."""
    if given := os.environ.get("LEDGER_CACHE_DIR"):
        return given
    import platformdirs

    return platformdirs.user_cache_dir("ledger-ml", appauthor=False)


def path_for(tree: Tree) -> str:
    """Return the catalog file of a ledger: keyed by its real path, device and inode."""
    real = os.path.realpath(tree.root)
    found = os.stat(real)
    key = hashlib.sha256(f"{VERSION}\0{real}\0{found.st_dev}\0{found.st_ino}".encode()).hexdigest()
    return os.path.join(folder(), f"{key[:24]}.sqlite")


class Catalog:
    """The remembered states of one ledger. `refresh` first; then look things up."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.damaged: dict[str, Damage] = {}
        self._db = self._connect()

    def _connect(self) -> sqlite3.Connection:
        try:
            path = path_for(self.tree)
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            return _prepare(sqlite3.connect(path, timeout=10, isolation_level=None))
        except (OSError, sqlite3.DatabaseError) as error:
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                return self._replace(path)
            return _prepare(sqlite3.connect(":memory:", isolation_level=None))

    def _replace(self, path: str) -> sqlite3.Connection:
        """Throw a catalog away that is no database, and begin an empty one."""
        try:
            os.unlink(path)
            return _prepare(sqlite3.connect(path, timeout=10, isolation_level=None))
        except (OSError, sqlite3.DatabaseError):
            return _prepare(sqlite3.connect(":memory:", isolation_level=None))

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def refresh(self) -> None:
        """Bring the catalog up to what the files say."""
        known = {
            run: (modified, settled, journals)
            for run, modified, settled, journals in self._db.execute("SELECT id, modified, settled, journals FROM run")
        }
        in_flight = set(journal.runs(self.tree))
        now = time.time_ns()
        changed: list[RunFolder] = []
        present = set()
        for found in self.tree.run_folders():
            present.add(found.run)
            old = known.get(found.run)
            if (
                old is None
                or old[0] != found.modified
                or not old[1]
                or found.run in in_flight
                or old[2]  # it had journals when it was last looked at
            ):
                changed.append(found)
        changed += [RunFolder(run, layout.run_folder(run), 0) for run in in_flight - present]
        gone = set(known) - present - in_flight
        if changed or gone:
            self._update(changed, gone, now)

    def _update(self, changed: list[RunFolder], gone: set[str], now: int) -> None:
        states: list[tuple[RunFolder, bytes, bytes, int, RunState | None]] = []
        for found in changed:
            names = hashlib.sha256("\n".join(self.tree.names(found.path)).encode()).digest()
            journals = self._journals(found.run)
            settled = int(found.modified + _YOUNG_NS < now)
            row = self._db.execute(
                "SELECT names, journals, modified, settled FROM run WHERE id = ?", (found.run,)
            ).fetchone()
            if row is not None and row[0] == names and row[1] == journals:
                if (row[2], row[3]) != (found.modified, settled):
                    states.append((found, names, journals, settled, None))
                continue
            try:
                state = fold.fold(self.tree, found.run)
            except Damage as damage:
                self.damaged[found.run] = damage
                gone.add(found.run)
                continue
            except FileNotFoundError as error:
                self.damaged[found.run] = DamagedFile(f"a file of run {found.run} has gone while it was read: {error}")
                continue
            except NoSuchRun:  # an empty folder, as git leaves them
                gone.add(found.run)
                continue
            states.append((found, names, journals, settled, state))
        try:
            self._write(states, gone)
        except sqlite3.OperationalError:
            # Busy or full: this answer is kept in memory, the next command tries again.
            memory = _prepare(sqlite3.connect(":memory:", isolation_level=None))
            self._db.backup(memory)
            self._db = memory
            self._write(states, gone)

    def _write(self, states: list[tuple[RunFolder, bytes, bytes, int, RunState | None]], gone: set[str]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("DELETE FROM run WHERE id = ?", [(run,) for run in gone])
            for found, names, journals, settled, state in states:
                if state is None:
                    self._db.execute(
                        "UPDATE run SET modified = ?, settled = ? WHERE id = ?", (found.modified, settled, found.run)
                    )
                else:
                    self._db.execute(
                        "INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (
                            found.run,
                            state.created,
                            state.name,
                            int(state.retracted),
                            found.modified,
                            settled,
                            names,
                            journals,
                            _encode(state),
                        ),
                    )
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _journals(self, run: str) -> bytes:
        """Return what tells whether a run's journals changed: their names, sizes and times."""
        items = sorted(i for i in self.tree.scan(layout.journal_folder(run)) if i.name.endswith(".journal"))
        return "\n".join(f"{i.name} {i.size} {i.mtime}" for i in items).encode()

    def check(self, run: str) -> None:
        """Raise the damage that kept a run from being read, if there is any."""
        if run in self.damaged:
            raise self.damaged[run]

    def state(self, run: str) -> RunState | None:
        """Return the state of a run by its id, its status as of now; None if there is no such run."""
        self.check(run)
        row = self._db.execute("SELECT state FROM run WHERE id = ?", (run,)).fetchone()
        return self._state(row[0]) if row else None

    def states(self, *, limit: int | None = None, retracted: bool = False) -> list[RunState]:
        """Return the states of all runs, newest first; the retracted ones instead, if asked for."""
        rows = self._db.execute(
            "SELECT state FROM run WHERE retracted = ? ORDER BY created DESC, id DESC LIMIT ?",
            (int(retracted), -1 if limit is None else limit),
        )
        return [self._state(row[0]) for row in rows]

    def ids(self) -> list[tuple[str, str, bool]]:
        """Return (id, name, retracted) of every run, newest first."""
        rows = self._db.execute("SELECT id, name, retracted FROM run ORDER BY created DESC, id DESC")
        return [(id, name, bool(retracted)) for id, name, retracted in rows]

    def by_name(self, name: str) -> list[str]:
        """Return the ids of the runs of this name that are in view, newest first."""
        rows = self._db.execute(
            "SELECT id FROM run WHERE name = ? AND retracted = 0 ORDER BY created DESC, id DESC", (name,)
        )
        return [row[0] for row in rows]

    def by_prefix(self, prefix: str) -> list[str]:
        """Return the ids that begin with `prefix` (case matters; ids are lower case), newest first, at most 20."""
        rows = self._db.execute(
            "SELECT id FROM run WHERE id >= ? AND id < ? ORDER BY created DESC, id DESC LIMIT 20",
            (prefix, prefix + "\U0010ffff"),
        )
        return [row[0] for row in rows]

    def newest(self, index: int) -> str | None:
        """Return the id of the index-th newest run in view, counted from 1."""
        row = self._db.execute(
            "SELECT id FROM run WHERE retracted = 0 ORDER BY created DESC, id DESC LIMIT 1 OFFSET ?", (index - 1,)
        ).fetchone()
        return row[0] if row else None

    def _state(self, data: bytes) -> RunState:
        state = _decode(data)
        if state.status == "open":
            state.status = fold.status_of(self.tree, state)
        return state


def _prepare(db: sqlite3.Connection) -> sqlite3.Connection:
    db.execute("PRAGMA synchronous = OFF")  # it can be rebuilt
    db.execute("PRAGMA cache_size = -16000")
    if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        db.execute("BEGIN IMMEDIATE")
        if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                db.execute(f'DROP TABLE "{name}"')
            for statement in _TABLES.strip().split(";"):
                if statement.strip():
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    return db
