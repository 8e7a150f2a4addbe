"""A tree of files: the one seam through which everything is read; here a folder, later also a git revision.

Finding the ledger is here too: the nearest `.ledger` above, never past the git root or into another owner's folder.
"""

from __future__ import annotations

import os

from ledger.errors import RESTORE, DamagedFile, NoLedger, warn
from ledger.format import layout
from ledger.store import files

SCHEMA_MAX = 1 << 22  # bytes of a `.ledger-schema`, which people write


def too_large(path: str, limit: int) -> DamagedFile:
    """Return what to raise for a file that no writer of ledger makes so large: it is not read."""
    return DamagedFile(f"{path} has more than {limit} bytes, which no such file has", hint=RESTORE)


class Tree:
    """The files of one ledger in a folder. `root` is the `.ledger` folder, `top` the folder that holds it."""

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)
        self.top = os.path.dirname(self.root)
        self._plain: set[str] = set()  # folders under `root` that are no links
        self._linked: set[str] = set()  # links that were said to stand in the place of a day's folder

    def path(self, relative: str) -> str:
        """Return the absolute path of a path under `.ledger`; raises DamagedFile for a link on the way."""
        self._check(os.path.dirname(relative))
        return os.path.join(self.root, relative)

    def _folder(self, relative: str) -> str:
        self._check(relative)
        return os.path.join(self.root, relative)

    def _check(self, folder: str) -> None:
        # A clone may bring links: nothing is read or written through one. What was a folder once stays looked at.
        if folder in self._plain:
            return
        if folder:
            self._check(os.path.dirname(folder))
        path = os.path.join(self.root, folder) if folder else self.root
        if files.is_link(path):
            raise DamagedFile(f"{path} is a symbolic link", hint="a ledger's folders must be folders: remove the link")
        if files.is_folder(path):
            self._plain.add(folder)

    def run_times(self) -> dict[str, int]:
        """Return when each run's folder was last changed (ns), by name; whatever else lies there is among them."""
        found: dict[str, int] = {}
        folder = self._folder("runs")
        days = files.subfolders(folder)
        for name in set(files.names(folder)).difference(days, self._linked):
            if files.is_link(os.path.join(folder, name)):
                self._linked.add(name)
                warn(f"{os.path.join(folder, name)} is a symbolic link: runs in it are not read; remove the link")
        for day in days:
            times = files.times(self.path(f"runs/{day}"))
            for run in found.keys() & times.keys():  # copied: the one that lies where it belongs is read
                if layout.run_folder(run) != f"runs/{day}/{run}":
                    del times[run]
            found.update(times)
        return found

    def folder_of(self, run: str) -> str:
        """Return the folder of a run: where it belongs, unless somebody put it under another day."""
        path = layout.run_folder(run)
        if not files.exists(self.path(path)):
            for day in files.subfolders(self._folder("runs")):
                if files.exists(self.path(f"runs/{day}/{run}")):
                    return f"runs/{day}/{run}"
        return path

    def is_folder(self, path: str) -> bool:
        """Say whether there is a folder of this path, and no link to one."""
        return files.is_folder(self.path(path))

    def is_folder_or_link(self, path: str) -> bool:
        """Say whether a folder, or a link that stands in the place of one, has this path."""
        full = self.path(path)
        return files.is_folder(full) or files.is_link(full)

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted."""
        return files.names(self._folder(folder))

    def subfolders(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder, links left out, in no order."""
        return files.subfolders(self._folder(folder))

    def scan(self, folder: str) -> list[files.Item]:
        """Return what is in a folder, with times and sizes."""
        return files.scan(self._folder(folder))

    def read_head(self, path: str, count: int) -> bytes:
        """Return the first bytes of a file; raises FileNotFoundError."""
        return files.read_head(self.path(path), count)

    def read_tail(self, path: str, count: int) -> bytes:
        """Return the last bytes of a file; raises FileNotFoundError."""
        return files.read_tail(self.path(path), count)

    def read(self, path: str, limit: int | None = None) -> bytes:
        """Return the bytes of a file; raises FileNotFoundError, and DamagedFile for one of more than `limit` bytes."""
        full = self.path(path)
        if limit is not None and os.stat(full, follow_symlinks=False).st_size > limit:
            raise too_large(path, limit)
        return files.read(full)

    def exists(self, path: str) -> bool:
        """Say whether there is a file of this path."""
        return files.exists(self.path(path))

    def schema_text(self) -> str | None:
        """Return the text of the `.ledger-schema` beside the ledger, or None."""
        try:
            path = os.path.join(self.top, layout.SCHEMA_FILE)
            if os.stat(path).st_size > SCHEMA_MAX:
                raise too_large(layout.SCHEMA_FILE, SCHEMA_MAX)
            return files.read(path).decode("utf-8", "replace")
        except FileNotFoundError:
            return None

    def prepare(self) -> bool:
        """Make the folder and its constant files where they are missing; say whether the ledger is new."""
        new = not files.exists(self.root)
        with files.faults(f"make a ledger in {self.top}"):
            for name, text in layout.CONSTANT_FILES.items():
                if not files.exists(self.path(name)):
                    files.write_whole(self.path(name), text.encode())
        return new


def find(start: str) -> str | None:
    """Return the nearest `.ledger` folder at or above `start`, or None.

    The search ends at the top of the git work tree and before a folder that belongs to somebody else: a ledger
    planted in a shared folder such as /tmp is not taken up.
    """
    folder = os.path.abspath(start)
    try:
        owner = os.stat(folder).st_uid
    except OSError:
        return None
    while True:
        candidate = os.path.join(folder, layout.FOLDER)
        if os.path.isdir(candidate) and os.stat(candidate).st_uid in (owner, os.getuid()):
            return candidate
        parent = os.path.dirname(folder)
        if os.path.exists(os.path.join(folder, ".git")) or parent == folder:
            return None
        try:
            if os.stat(parent).st_uid not in (owner, os.getuid()):
                return None
        except OSError:
            return None
        folder = parent


def place(start: str) -> str:
    """Return where a new ledger belongs: at the top of the git work tree around `start`, else in `start` itself."""
    folder = start = os.path.abspath(start)
    while True:
        if os.path.exists(os.path.join(folder, ".git")):
            return os.path.join(folder, layout.FOLDER)
        parent = os.path.dirname(folder)
        if parent == folder:
            return os.path.join(start, layout.FOLDER)
        folder = parent


def named(path: str) -> str:
    """Return the `.ledger` folder that a path given by the user means: the one in it, or the folder itself.

    A project may have a folder `runs` of its own: only one that is protected as a ledger is, is one under another name.
    """
    path = os.path.abspath(path)
    inside = os.path.join(path, layout.FOLDER)
    if os.path.basename(path) == layout.FOLDER or (not os.path.isdir(inside) and _is_ledger(path)):
        return path
    return inside


def _is_ledger(path: str) -> bool:
    try:
        protected = files.read(os.path.join(path, ".gitattributes")) == layout.GITATTRIBUTES.encode()
    except (OSError, DamagedFile):
        return False
    return protected and os.path.isdir(os.path.join(path, "runs"))


def locate(start: str, directory: str | None) -> str:
    """Return the ledger to read: `directory` if given, else the nearest; raises NoLedger."""
    if directory is not None:
        root = named(directory)
        if os.path.isdir(root):
            return root
        raise NoLedger(f"there is no ledger at {root}", hint="make one with: ledger init")
    root_found = find(start)
    if root_found is None:
        raise NoLedger(
            f"there is no .ledger in {os.path.abspath(start)} or above it",
            hint="make one with: ledger init   (or log something: ledger log --run NAME metric=value)",
        )
    return root_found
