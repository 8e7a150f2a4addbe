"""The catalog: the states of all runs, remembered. Derived, never committed, never trusted over the files.

SQLite in the user's cache folder, one file a ledger; it may be deleted at any moment and no answer changes. A run is
looked at again when the time of its folder changed, or is so young that it could change unseen; then its names, which
carry the hashes of their contents, tell whether anything is new. Runs with a journal here are folded each time their
journals grew. All is held to a checksum; lists are sorted here, since an index of SQLite's could lie unseen.
"""

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar
from zlib import crc32

import msgspec

from ledger.errors import Damage, DamagedFile, NoSuchRun, Undecided
from ledger.format import layout
from ledger.store import fold, journal
from ledger.store.state import RunState, decode, encode
from ledger.store.tree import Tree

VERSION = 6  # of the tables and of RunState: another one starts an empty catalog
_YOUNG_NS = 3_000_000_000
_MANY = 200  # states, for which all are read at once
# `head` is a packed `Head`; `whole` has the checksum of all of them, in order of id.
_TABLES = """
CREATE TABLE run (id TEXT PRIMARY KEY, head BLOB) WITHOUT ROWID;
CREATE TABLE state (id TEXT PRIMARY KEY, packed BLOB);
CREATE TABLE whole (checksum INTEGER);
INSERT INTO whole VALUES (0);
"""
# One statement, so that both are of one moment.
_ALL = "SELECT checksum FROM whole UNION ALL SELECT head FROM run"
_Found = TypeVar("_Found")
_pack = msgspec.msgpack.Encoder().encode


class _Folder(NamedTuple):
    """Where a run's files lie, relative to `.ledger`, and when names were last added there (ns)."""

    run: str
    path: str
    modified: int


class Head(msgspec.Struct, array_like=True, frozen=True):
    """What is remembered of a run beside its state, of which it has the checksum.

    `trusted` is the time of the run's folder (ns) that needs no look while it stays so, else -1.
    """

    id: str
    trusted: int
    created: int
    name: str
    retracted: bool
    names: bytes
    journals: bytes
    checksum: int


_unpack_heads = msgspec.msgpack.Decoder(list[Head]).decode


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
        self._heads: dict[str, Head] | None = None  # None: to be read
        self._sorted: list[Head] | None = None  # the same, newest first
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
        self._forget()
        self._refresh()

    def _forget(self) -> None:
        self._heads = self._sorted = None

    def _refresh(self) -> None:
        self._forget()
        heads = self._all()
        # Ten thousand runs are told apart from what is remembered by one difference of dicts, not one by one.
        in_flight = set(journal.runs(self.tree))
        now = time.time_ns()
        present = self.tree.run_times()
        known = {run: head.trusted for run, head in heads.items()}
        changed = {run for run, _ in present.items() - known.items() if layout.is_run_folder(run)} | in_flight
        gone = known.keys() - present.keys() - in_flight
        if changed or gone:
            found = [_Folder(run, self.tree.folder_of(run), present.get(run, 0)) for run in sorted(changed)]
            found = [f for f in found if f.run in in_flight or self.tree.is_folder_or_link(f.path)]
            self._update(found, gone, now)

    def _all(self) -> dict[str, Head]:
        """Return what is remembered of all runs; raises DatabaseError where it is not what was written."""
        if self._heads is None:
            written, *rows = [value for (value,) in self._db.execute(_ALL)] or [None]
            data = b"".join(row if type(row) is bytes else b"" for row in rows)
            if crc32(data) != written:
                raise sqlite3.DatabaseError("the checksum of the catalog does not fit")
            array = b"\xdd" + len(rows).to_bytes(4, "big") + data  # as msgpack has it
            self._heads = {head.id: head for head in _unpack_heads(array)}
        return self._heads

    def _newest(self) -> list[Head]:
        if self._heads is None or self._sorted is None:
            self._sorted = sorted(self._checked(self._all).values(), key=attrgetter("created", "id"), reverse=True)
        return self._sorted

    def _update(self, changed: "list[_Folder]", gone: set[str], now: int) -> None:
        heads = self._all()
        new: dict[str, Head] = {}
        states: dict[str, bytes] = {}
        for found in changed:
            try:
                names = digest(self.tree.names(found.path))
                journals = self._journals(found.run)
            except DamagedFile as damage:  # a link stands in the place of a folder
                self.damaged[found.run] = damage
                gone.add(found.run)
                continue
            trusted = found.modified if found.modified + _YOUNG_NS < now and not journals else -1
            head = heads.get(found.run)
            if head is not None and (head.names, head.journals) == (names, journals):
                if head.trusted != trusted:
                    new[found.run] = msgspec.structs.replace(head, trusted=trusted)
                continue
            remembered = self._fold(found.run)
            if remembered is None:
                gone.add(found.run)
                continue
            state, states[found.run] = remembered
            what = (found.run, trusted, state.created, state.name, state.retracted, names, journals)
            new[found.run] = Head(*what, crc32(states[found.run]))
        try:
            self._write(new, states, gone)
        except sqlite3.OperationalError:
            # Busy or full: this answer is kept in memory, the next command tries again.
            memory = _prepare(sqlite3.connect(":memory:", isolation_level=None), self.tables)
            self._db.backup(memory)
            self._db = memory
            self._write(new, states, gone)

    def _fold(self, run: str, tree: Tree | None = None) -> tuple[RunState, bytes] | None:
        """Return the state of a run and how it is remembered; None, and why in `damaged`, where it cannot be read."""
        try:
            state = fold.fold(tree or self.tree, run)
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

    def _write(self, new: dict[str, Head], states: dict[str, bytes], gone: set[str]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._forget()  # another process may have written meanwhile
            heads = {run: head for run, head in self._all().items() if run not in gone}
            new = {run: h for run, h in new.items() if run in states or (run in heads and _alike(h, heads[run]))}
            heads |= new
            for table in ("run", "state"):
                self._db.executemany(f"DELETE FROM {table} WHERE id = ?", [(run,) for run in gone])
            self._db.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", [(run, _pack(new[run])) for run in new])
            self._db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", states.items())
            written = crc32(b"".join(_pack(heads[run]) for run in sorted(heads)))
            self._db.execute("UPDATE whole SET checksum = ?", (written,))
            self._db.execute("COMMIT")
        except BaseException:
            self._forget()
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._heads, self._sorted = heads, None

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
        found = self._states(lambda: [run] if run in self._all() else [])
        return found[0] if found else None

    def states(self, *, limit: int | None = None, retracted: bool = False) -> list[RunState]:
        """Return the states of all runs, newest first; the retracted ones instead, if asked for."""
        return self._states(lambda: [head.id for head in self._newest() if head.retracted == retracted][:limit])

    def ids(self) -> list[tuple[str, str, bool]]:
        """Return (id, name, retracted) of every run, newest first."""
        return [(head.id, head.name, head.retracted) for head in self._newest()]

    def by_name(self, name: str) -> list[str]:
        """Return the ids of the runs of this name that are in view, newest first."""
        return [head.id for head in self._newest() if head.name == name and not head.retracted]

    def by_prefix(self, prefix: str) -> list[str]:
        """Return the ids that begin with `prefix` (case matters; ids are lower case), newest first, at most 20."""
        return [head.id for head in self._newest() if head.id.startswith(prefix)][:20]

    def newest(self, index: int) -> str | None:
        """Return the id of the index-th newest run in view, counted from 1."""
        in_view = [head.id for head in self._newest() if not head.retracted]
        return in_view[index - 1] if index <= len(in_view) else None

    def folders(self) -> dict[str, bytes]:
        """Return a digest of the names in each run's folder, by the run's id; another one where rows are in flight."""
        return {head.id: head.names + head.journals for head in self._newest()}

    def _packed(self, runs: list[str]) -> dict[str, bytes]:
        """Return the states of runs as they are remembered; raises ValueError where one is not what was written."""
        if len(runs) > _MANY:
            found = dict(self._db.execute("SELECT id, packed FROM state"))
        else:
            query = "SELECT packed FROM state WHERE id = ?"
            found = {run: packed for run in runs for (packed,) in self._db.execute(query, (run,))}
        heads = self._all()
        for run in runs:
            hold(found.get(run), heads[run].checksum)
        return found

    def _checked(self, look: Callable[[], _Found]) -> _Found:
        """Return what is found; what another process wrote meanwhile is read, what is damaged is made again."""
        for again in (self._forget, self._begin_again):
            try:
                return look()
            except (sqlite3.DatabaseError, UnicodeDecodeError, ValueError):
                again()
        return look()

    def _states(self, chosen: Callable[[], list[str]]) -> list[RunState]:
        def look() -> list[RunState]:
            runs = chosen()
            packed = self._packed(runs)
            return [decode(packed[run]) for run in runs]

        states = self._checked(look)
        for state in states:
            if state.status == "open":
                state.status = fold.status_of(self.tree, state)
        return states


def digest(names: list[str]) -> bytes:
    """Return what tells whether the names in a run's folder changed; they carry the hashes of what they name."""
    return hashlib.sha256(os.fsencode("\n".join(names))).digest()


def _alike(one: Head, other: Head) -> bool:
    """Say whether two heads are of one state: else another process has written meanwhile."""
    return (one.names, one.journals, one.checksum) == (other.names, other.journals, other.checksum)


def hold(packed: Any, expected: int) -> None:
    """Hold a remembered state to its checksum; raises ValueError where it is not what was written."""
    if not isinstance(packed, bytes) or crc32(packed) != expected:
        raise ValueError("the checksum of a remembered state does not fit")


def checksum(row: Sequence[Any]) -> int:
    """Return the checksum of a row."""
    return crc32(_pack(row))


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
