"""Where a merge takes files from: a folder, whose links are never followed, or a commit, of which only what is asked
for is read. What cannot be had is listed, with the reason.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ledger.errors import DamagedFile
from ledger.format import layout
from ledger.store import files
from ledger.store.revision import Revision
from ledger.store.tree import Tree

POINTER_MAX = 1024  # bytes of what git-LFS puts in the place of a file
_POINTER = b"version https://git-lfs.github.com/spec/"
_REASONS = {
    "link": "a symbolic link",
    "submodule": "a submodule",
    "other": "neither a file nor a folder",
    "file": "no file of a ledger has this name",
    "folder": "no folder of a ledger has this name",
}


class Problem(NamedTuple):
    """A file or folder and what is wrong with it. `path` is relative to `.ledger`."""

    path: str
    reason: str


class Item(NamedTuple):
    """What has a name in a folder: `file`, `folder`, `link`, `submodule` or `other`; its size if known, else -1."""

    kind: str
    size: int
    object: str = ""  # in git


class File(NamedTuple):
    """A file of the source: where it lies there and belongs here, and the beginning of the sha256 in its name."""

    place: tuple[int, str, bool]  # in the order in which files are written
    path: str
    target: str
    sha256: str
    run: str
    item: Item


class Source:
    """What the sources have in common: lists of what cannot be taken (`left_out`), and of what is `absent`."""

    def __init__(self) -> None:
        self.left_out: list[Problem] = []
        self.absent: list[Problem] = []

    def refuse(self, path: str, item: Item) -> None:
        """Note what is no part of a ledger; a file that was being written is nothing to speak of."""
        if not (item.kind == "file" and path.rpartition("/")[2].startswith(files.TEMPORARY)):
            self.left_out.append(Problem(path, _REASONS[item.kind]))


class InFolder(Source):
    """The files of a `.ledger` folder."""

    def __init__(self, tree: Tree) -> None:
        super().__init__()
        self.tree = tree

    def list(self, folders: Sequence[str]) -> Iterator[tuple[str, dict[str, Item]]]:
        """Yield what is in each folder, by name; one that cannot be listed is left out."""
        for folder in folders:
            try:
                found = files.everything(self.tree.path(folder))
            except OSError as error:
                self.left_out.append(Problem(folder or os.curdir, f"cannot be listed: {error.strerror or error}"))
                continue
            yield folder, {thing.name: Item(_kind(thing.mode), thing.size) for thing in found}

    def sized(self, found: Sequence[File]) -> dict[File, Item]:
        """Return what is known of each file, its size included."""
        return {file: file.item for file in found}

    def read(self, found: Sequence[File]) -> Iterator[bytes | None]:
        """Yield the bytes of each file, None for one that cannot be read."""
        for file in found:
            try:
                yield self.tree.read(file.path)
            except OSError as error:
                self.left_out.append(Problem(file.path, f"cannot be read: {error.strerror or error}"))
                yield None
            except DamagedFile:
                self.left_out.append(Problem(file.path, "cannot be read: it is no regular file"))
                yield None


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


class InCommit(Source):
    """The files of a ledger as a commit has it. Trees are read by the hundred, and of files only those asked for."""

    def __init__(self, revision: Revision) -> None:
        super().__init__()
        self.repository = revision.repository
        self._objects: dict[str, str] = {}  # of folders, by path
        object: str | None = revision.commit.tree
        for part in [*filter(None, revision.prefix.split("/")), layout.FOLDER]:
            node = (self.repository.tree(object) or {}).get(part) if object else None
            object = node.object if node is not None and node.kind == "folder" else None
        if object is not None:
            self._objects[""] = object

    def list(self, folders: Sequence[str]) -> Iterator[tuple[str, dict[str, Item]]]:
        """Yield what is in each folder, by name; one that git does not have here is absent."""
        known = [(folder, self._objects[folder]) for folder in folders if folder in self._objects]
        self.repository.load_trees([object for _, object in known])
        for folder, object in known:
            nodes = self.repository.tree(object)
            if nodes is None:
                self.absent.append(Problem(folder or os.curdir, f"git does not have its tree {object[:12]} here"))
                continue
            for name, node in nodes.items():
                if node.kind == "folder":
                    self._objects[f"{folder}/{name}" if folder else name] = node.object
            yield folder, {name: Item(node.kind, -1, node.object) for name, node in nodes.items()}

    def sized(self, found: Sequence[File]) -> dict[File, Item]:
        """Return what is known of each file, its size included where git has it here."""
        asked = "".join(f"{file.item.object}\n" for file in found).encode("ascii")
        lines = self.repository.run("cat-file", "--batch-check=%(objectsize)", stdin=asked) if found else b""
        sizes = (lines or b"").decode("ascii").splitlines()
        if len(sizes) != len(found):
            return {file: file.item for file in found}
        return {
            file: file.item._replace(size=int(size)) if size.isdigit() else file.item
            for file, size in zip(found, sizes, strict=True)
        }

    def read(self, found: Sequence[File]) -> Iterator[bytes | None]:
        """Yield the bytes of each file, None for one that git does not have here."""
        objects = [file.item.object for file in found]
        for file, data in zip(found, self.repository.read_many(objects), strict=True):
            if data is None:
                self.absent.append(Problem(file.path, f"git does not have its object {file.item.object[:12]} here"))
            yield data


def is_pointer(data: bytes, sha256: str) -> bool:
    """Say whether bytes are what git-LFS puts in the place of the file whose sha256 begins so."""
    return len(data) <= POINTER_MAX and data.startswith(_POINTER) and b"\noid sha256:" + sha256.encode() in data
