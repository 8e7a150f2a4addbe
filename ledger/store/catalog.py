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
from typing import Any, NamedTuple
from zlib import crc32

import msgspec

from ledger.errors import Damage, DamagedFile, NoSuchRun, Undecided
from ledger.format import layout
from ledger.store import fold, journal
from ledger.store.state import RunState
from ledger.store.tree import Tree

VERSION = 2  # of the tables and of RunState: another one starts an empty catalog
_YOUNG_NS = 3_000_000_000
_TABLES = """
CREATE TABLE run (id TEXT PRIMARY KEY, created INTEGER, name TEXT, retracted INTEGER, modified INTEGER, settled INTEGER,
                  names BLOB, journals BLOB, state BLOB) WITHOUT ROWID;
CREATE INDEX run_created ON run (created, id);
CREATE INDEX run_name ON run (name, created);
"""
_LARGE = 1  # the msgpack extension of whole numbers beyond 64 bits, as params may be
_unpack = msgspec.msgpack.Decoder(RunState, ext_hook=lambda code, data: int(bytes(data))).decode
_pack = msgspec.msgpack.Encoder().encode


class _Folder(NamedTuple):
    """Where a run's files lie, relative to `.ledger`, and when names were last added there (ns)."""

    run: str
    path: str
    modified: int


class _Row(NamedTuple):
    """What is to be remembered of a run; `packed` is None where only its times changed."""

    found: _Folder
    names: bytes
    journals: bytes
    settled: int
    state: RunState | None = None
    packed: bytes | None = None


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

    tables = _TABLES

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.damaged: dict[str, Damage] = {}
        self._db = self._connect()

    def _connect(self) -> sqlite3.Connection:
        try:
            path = self._path()
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            return _prepare(sqlite3.connect(path, timeout=10, isolation_level=None), self.tables)
        except (OSError, sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the last: what SQLite says of garbage
            if not isinstance(error, (OSError, sqlite3.OperationalError)):
                return self._replace()
            return _prepare(sqlite3.connect(":memory:", isolation_level=None), self.tables)

    def _path(self) -> str:
        return path_for(self.tree)

    def _replace(self) -> sqlite3.Connection:
        """Throw a catalog away that cannot be read, and begin an empty one."""
        try:
            path = self._path()
            os.unlink(path)
            return _prepare(sqlite3.connect(path, timeout=10, isolation_level=None), self.tables)
        except (OSError, sqlite3.DatabaseError):
            return _prepare(sqlite3.connect(":memory:", isolation_level=None), self.tables)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def refresh(self) -> None:
        """Bring the catalog up to what the files say."""
        self.damaged.clear()  # those runs are not remembered, so they are read again
        try:
            self._refresh()
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            self._begin_again()

    def _begin_again(self) -> None:
        self._db.close()
        self._db = self._replace()
        self._refresh()

    def _refresh(self) -> None:
        # Ten thousand runs are told apart from what is remembered by one difference of dicts, not one by one.
        settled = dict(self._db.execute("SELECT id, modified FROM run WHERE settled = 1 AND journals = x''"))
        known = {
            *settled,
            *(run for (run,) in self._db.execute("SELECT id FROM run WHERE settled = 0 OR journals != x''")),
        }
        in_flight = set(journal.runs(self.tree))
        now = time.time_ns()
        present = self.tree.run_times()
        changed = {run for run, _ in present.items() - settled.items() if layout.is_run_folder(run)} | in_flight
        gone = known - present.keys() - in_flight
        if changed or gone:
            found = [_Folder(run, self.tree.folder_of(run), present.get(run, 0)) for run in sorted(changed)]
            found = [f for f in found if f.run in in_flight or self.tree.is_folder_or_link(f.path)]
            self._update(found, gone, now)

    def _update(self, changed: "list[_Folder]", gone: set[str], now: int) -> None:
        rows: list[_Row] = []
        for found in changed:
            try:
                names = digest(self.tree.names(found.path))
                journals = self._journals(found.run)
            except DamagedFile as damage:  # a link stands in the place of a folder
                self.damaged[found.run] = damage
                gone.add(found.run)
                continue
            settled = int(found.modified + _YOUNG_NS < now)
            row = self._db.execute(
                "SELECT names, journals, modified, settled FROM run WHERE id = ?", (found.run,)
            ).fetchone()
            if row is not None and row[0] == names and row[1] == journals:
                if (row[2], row[3]) != (found.modified, settled):
                    rows.append(_Row(found, names, journals, settled))
                continue
            remembered = self._fold(found.run)
            if remembered is None:
                gone.add(found.run)
            else:
                rows.append(_Row(found, names, journals, settled, *remembered))
        try:
            self._write(rows, gone)
        except sqlite3.OperationalError:
            # Busy or full: this answer is kept in memory, the next command tries again.
            memory = _prepare(sqlite3.connect(":memory:", isolation_level=None), self.tables)
            self._db.backup(memory)
            self._db = memory
            self._write(rows, gone)

    def _fold(self, run: str) -> tuple[RunState, bytes] | None:
        """Return the state of a run and how it is remembered; None, and why in `damaged`, where it cannot be read."""
        try:
            state = fold.fold(self.tree, run)
            packed = encode(state)
            decode(packed)  # what cannot be read back would break the answers about all other runs
            return state, packed
        except Damage as damage:
            self.damaged[run] = damage
        except FileNotFoundError as error:
            self.damaged[run] = DamagedFile(f"a file of run {run} has gone while it was read: {error}")
        except NoSuchRun:  # an empty folder, as git leaves them
            pass
        except Undecided:
            raise
        except Exception as error:  # whatever one run's files do, the other runs stay in view
            self.damaged[run] = fold.unreadable(run, error)
        return None

    def _write(self, rows: list[_Row], gone: set[str]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("DELETE FROM run WHERE id = ?", [(run,) for run in gone])
            for found, names, journals, settled, state, packed in rows:
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
                            packed,
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
        return os.fsencode("\n".join(f"{i.name} {i.size} {i.mtime}" for i in items))

    def damaged_names(self) -> dict[str, str]:
        """Return what the runs that cannot be read are called, by id: as they were opened, else by their id."""
        return {run: fold.opened_name(self.tree, run) for run in sorted(self.damaged, reverse=True)}

    def check(self, run: str) -> None:
        """Raise the damage that kept a run from being read, if there is any."""
        if run in self.damaged:
            raise self.damaged[run]

    def state(self, run: str) -> RunState | None:
        """Return the state of a run by its id, its status as of now; None if there is no such run."""
        self.check(run)
        found = self._states("SELECT state FROM run WHERE id = ?", run)
        return found[0] if found else None

    def states(self, *, limit: int | None = None, retracted: bool = False) -> list[RunState]:
        """Return the states of all runs, newest first; the retracted ones instead, if asked for."""
        return self._states(
            "SELECT state FROM run WHERE retracted = ? ORDER BY created DESC, id DESC LIMIT ?",
            int(retracted),
            -1 if limit is None else limit,
        )

    def ids(self) -> list[tuple[str, str, bool]]:
        """Return (id, name, retracted) of every run, newest first."""
        rows = self._rows("SELECT id, name, retracted FROM run ORDER BY created DESC, id DESC")
        return [(id, name, bool(retracted)) for id, name, retracted in rows]

    def by_name(self, name: str) -> list[str]:
        """Return the ids of the runs of this name that are in view, newest first."""
        rows = self._rows("SELECT id FROM run WHERE name = ? AND retracted = 0 ORDER BY created DESC, id DESC", name)
        return [row[0] for row in rows]

    def by_prefix(self, prefix: str) -> list[str]:
        """Return the ids that begin with `prefix` (case matters; ids are lower case), newest first, at most 20."""
        rows = self._rows(
            "SELECT id FROM run WHERE id >= ? AND id < ? ORDER BY created DESC, id DESC LIMIT 20",
            prefix,
            prefix + "\U0010ffff",
        )
        return [row[0] for row in rows]

    def newest(self, index: int) -> str | None:
        """Return the id of the index-th newest run in view, counted from 1."""
        rows = self._rows(
            "SELECT id FROM run WHERE retracted = 0 ORDER BY created DESC, id DESC LIMIT 1 OFFSET ?", index - 1
        )
        return rows[0][0] if rows else None

    def folders(self) -> dict[str, bytes]:
        """Return a digest of the names in each run's folder, by the run's id; another one where rows are in flight."""
        rows = self._rows("SELECT id, names, journals FROM run")
        return {id: names if not journals else names + journals for id, names, journals in rows}

    def known(self, run: str, names: list[str]) -> tuple[RunState, bytes] | None:
        """Return what is remembered of a run while its folder held these names and nothing was in flight, if it is."""
        rows = self._rows("SELECT state FROM run WHERE id = ? AND names = ? AND journals = x''", run, digest(names))
        try:
            return (decode(rows[0][0]), rows[0][0]) if rows else None
        except ValueError:
            return None

    def _rows(self, query: str, *values: Any) -> list[Any]:
        try:
            return self._db.execute(query, values).fetchall()
        except UnicodeEncodeError:  # a word that was no UTF-8 names no run
            return []
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            self._begin_again()
            return self._db.execute(query, values).fetchall()

    def _states(self, query: str, *values: Any) -> list[RunState]:
        try:
            states = [decode(data) for (data,) in self._rows(query, *values)]
        except ValueError:
            self._begin_again()
            states = [decode(data) for (data,) in self._rows(query, *values)]
        for state in states:
            if state.status == "open":
                state.status = fold.status_of(self.tree, state)
        return states


def digest(names: list[str]) -> bytes:
    """Return what tells whether the names in a run's folder changed; they carry the hashes of what they name."""
    return hashlib.sha256(os.fsencode("\n".join(names))).digest()


def encode(state: RunState) -> bytes:
    """Return a state as it is remembered; raises DamagedFile for a number that no honest writer stores."""
    try:
        data = _pack(state)
    except OverflowError:
        try:
            fields = {
                name: _without_large(getattr(state, name)) for name in ("params", "git", "program", "predictions")
            }
            data = _pack(msgspec.structs.replace(state, **fields))
        except OverflowError:
            raise DamagedFile(f"an entry of run {state.id} holds a number beyond 64 bits") from None
    return crc32(data).to_bytes(4, "little") + data


def decode(data: bytes) -> RunState:
    """Return a remembered state; raises ValueError where it is not what was written."""
    if crc32(data[4:]) != int.from_bytes(data[:4], "little"):
        raise ValueError("the checksum does not fit")
    return _unpack(data[4:])


def _without_large(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_large(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_large(inner) for inner in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return msgspec.msgpack.Ext(_LARGE, str(value).encode())
    return value


def _prepare(db: sqlite3.Connection, tables: str) -> sqlite3.Connection:
    db.execute("PRAGMA synchronous = OFF")  # it can be rebuilt
    db.execute("PRAGMA cache_size = -16000")
    if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        db.execute("BEGIN IMMEDIATE")
        if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                db.execute(f'DROP TABLE "{name}"')
            for statement in tables.strip().split(";"):
                if statement.strip():
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    return db
