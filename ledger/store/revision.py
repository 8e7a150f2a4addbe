"""A ledger as a commit has it: the same seam as a folder (`tree.py`), read from git's objects; nothing is checked out.

Of a commit there are no journals. What git does not have here, as in a partial clone, is Undecided, never an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from ledger.errors import DamagedFile, Undecided, UsageError
from ledger.format import layout
from ledger.store import files
from ledger.store.tree import Tree, too_large

if TYPE_CHECKING:
    from ledger.git.repository import Commit, Node, Repository


class Revision(Tree):
    """The files of one ledger at a commit. `rev` is what the user called it, `prefix` the folder of the ledger."""

    def __init__(self, repository: Repository, commit: Commit, rev: str, prefix: str) -> None:
        self.repository, self.commit, self.rev, self.prefix = repository, commit, rev, prefix
        self.top = f"{rev}:{prefix}"
        self.root = f"{self.top}/{layout.FOLDER}" if prefix else f"{rev}:{layout.FOLDER}"
        self._files: dict[str, Node] | None = None
        self._runs: dict[str, str] | None = None

    def __repr__(self) -> str:
        return f"<Revision {self.root}>"

    @property
    def runs_object(self) -> str | None:
        """The object of the folder of all runs, which is another as soon as any of them is; None without runs."""
        node = self._node("runs")
        return None if node is None else node.object

    def path(self, relative: str) -> str:
        """Refuse: what a commit has cannot be written."""
        raise UsageError(
            f"{self.rev} is a revision: what it has cannot be changed", hint="leave the revision out to change the run"
        )

    def is_ledger(self) -> bool:
        """Say whether the commit has a ledger here."""
        return bool(self._ledger())

    def _ledger(self) -> dict[str, Node]:
        if self._files is None:
            found: dict[str, Node] = self._list(self.commit.tree, "")
            for part in [*filter(None, self.prefix.split("/")), layout.FOLDER]:
                node = found.get(part)
                found = self._list(node.object, part) if node is not None and node.kind == "folder" else {}
            self._files = found
        return self._files

    def _list(self, object: str, path: str) -> dict[str, Node]:
        found = self.repository.tree(object)
        return self._absent(object, path) if found is None else found

    def _node(self, path: str) -> Node | None:
        """Return what has a path under `.ledger`; raises DamagedFile for a link, Undecided for an absence."""
        here, node = self._ledger(), None
        parts = path.split("/")
        for depth, part in enumerate(parts):
            node = here.get(part)
            if node is None:
                return None
            if node.kind == "link":
                at = "/".join(parts[: depth + 1])
                raise DamagedFile(f"{self.root}/{at} is a symbolic link", hint="a ledger holds files and folders alone")
            if depth + 1 < len(parts):
                if node.kind != "folder":
                    return None
                here = self._list(node.object, "/".join(parts[: depth + 1]))
        return node

    def _absent(self, object: str, path: str) -> NoReturn:
        where = f"{self.rev}:{path}" if not path else f"{self.root}/{path}"
        raise Undecided(
            f"{where}: git does not have the object {object[:12]} here",
            hint=f"in a partial clone git fetches it with: git archive -o /dev/null {self.rev} .ledger",
        )

    def _folder_of(self, path: str) -> dict[str, Node]:
        if path == layout.JOURNALS or path.startswith(f"{layout.JOURNALS}/"):
            return {}
        node = self._node(path)
        return self._list(node.object, path) if node is not None and node.kind == "folder" else {}

    def run_objects(self) -> dict[str, str]:
        """Return the object of each run's folder, by the run's id; one that lies under two days, where it belongs."""
        if self._runs is None:
            self._runs = self._find_runs()
        return self._runs

    def _find_runs(self) -> dict[str, str]:
        days = {day: node.object for day, node in sorted(self._folder_of("runs").items()) if node.kind == "folder"}
        self.repository.load_trees(list(days.values()))
        found: dict[str, str] = {}
        for day, object in days.items():
            for run, node in self._list(object, f"runs/{day}").items():
                if node.kind != "folder" or not layout.is_run_folder(run):
                    continue
                if run not in found or layout.run_folder(run) == f"runs/{day}/{run}":
                    found[run] = node.object
        return found

    def run_times(self) -> dict[str, int]:
        """Return the runs; a commit's files have no times."""
        return dict.fromkeys(self.run_objects(), 0)

    def folder_of(self, run: str) -> str:
        """Return the folder of a run: where it belongs, unless somebody put it under another day."""
        path = layout.run_folder(run)
        if self._node(path) is None:
            for day in sorted(self._folder_of("runs")):
                if self._node(f"runs/{day}/{run}") is not None:
                    return f"runs/{day}/{run}"
        return path

    def is_folder(self, path: str) -> bool:
        """Say whether there is a folder of this path."""
        node = self._node(path)
        return node is not None and node.kind == "folder"

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted."""
        return sorted(name for name in self._folder_of(folder) if not name.startswith(files.TEMPORARY))

    def subfolders(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder."""
        return [name for name, node in self._folder_of(folder).items() if node.kind == "folder"]

    def scan(self, folder: str) -> list[files.Item]:
        """Return what is in a folder; git keeps no times, and sizes only with the bytes."""
        return [files.Item(name, node.kind == "folder", 0, 0) for name, node in self._folder_of(folder).items()]

    def read_head(self, path: str, count: int) -> bytes:
        """Return the first bytes of a file; raises FileNotFoundError."""
        return self.read(path)[:count]

    def read_tail(self, path: str, count: int) -> bytes:
        """Return the last bytes of a file; raises FileNotFoundError."""
        return self.read(path)[-count:]

    def read(self, path: str, limit: int | None = None) -> bytes:
        """Return the bytes of a file; raises FileNotFoundError, and Undecided where git does not have them here."""
        node = self._node(path)
        if node is None or path.startswith(f"{layout.JOURNALS}/"):
            raise FileNotFoundError(2, "the commit has no such file", f"{self.root}/{path}")
        if node.kind != "file":
            raise DamagedFile(f"{self.root}/{path} is a {node.kind}", hint="a file must stand here")
        data = self.repository.read(node.object)
        if data is None:
            return self._absent(node.object, path)
        if limit is not None and len(data) > limit:
            raise too_large(path, limit)
        return data

    def exists(self, path: str) -> bool:
        """Say whether there is a file of this path."""
        return self._node(path) is not None and not path.startswith(f"{layout.JOURNALS}/")

    def schema_text(self) -> str | None:
        """Return the text of the `.ledger-schema` beside the ledger, or None."""
        found = self._list(self.commit.tree, "")
        for part in filter(None, self.prefix.split("/")):
            node = found.get(part)
            found = self._list(node.object, part) if node is not None and node.kind == "folder" else {}
        node = found.get(layout.SCHEMA_FILE)
        if node is None or node.kind != "file":
            return None
        data = self.repository.read(node.object)
        return self._absent(node.object, layout.SCHEMA_FILE) if data is None else data.decode("utf-8", "replace")

    def prepare(self) -> bool:
        """Refuse, as `path` does."""
        self.path("")
        raise AssertionError
