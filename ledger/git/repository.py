"""A repository being read: its commits, trees and files through one `git cat-file --batch` that is kept running.

Nothing is checked out, fetched or written. It works in work trees, submodules, bare, shallow and partial clones, and in
hooks, where git says by GIT_DIR which repository it means.
"""

import os
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ledger.errors import Undecided
from ledger.git import place, process

_AT_ONCE = 500  # requests that fit into a pipe before their answers are read, whatever git does meanwhile


class Node(NamedTuple):
    """One name in a tree of git: what it is (`folder`, `file`, `link` or `submodule`) and its object (hex)."""

    kind: str
    object: str


class Commit(NamedTuple):
    """A commit: its object and that of its tree (hex)."""

    object: str
    tree: str


_KINDS = {b"40000": "folder", b"120000": "link", b"160000": "submodule"}


class Repository:
    """One repository. `top` is its work tree, None where it is bare; `git_folder` is where it keeps what is shared."""

    def __init__(self, folder: str, git_folder: str, top: str | None, arguments: Sequence[str]) -> None:
        self.top, self.git_folder = top, git_folder
        self._cwd, self._arguments = folder, list(arguments)
        self._reader: Any = None
        self._trees: dict[str, dict[str, Node] | None] = {}

    def __repr__(self) -> str:
        return f"<Repository {self.top or self.git_folder}>"

    def run(self, *arguments: str, stdin: bytes | None = None) -> bytes | None:
        """Run git in this repository; None where it fails."""
        return process.run(self._cwd, *self._arguments, *arguments, stdin=stdin, timeout=process.WALK_TIMEOUT)

    def commit(self, word: str) -> Commit | None:
        """Return the commit that a revision means, or None where git knows none of that name."""
        if not word or "\n" in word or "\0" in word or word.startswith("-"):
            return None
        try:
            found = next(self._ask([f"{word}^{{commit}}"]))
        except Undecided:
            # The reader ends at words such as @{upstream} where there is none; others only where git itself fails.
            if self.run("rev-parse", "--git-dir") is None:
                raise
            found = None
        if found is None and word.startswith(":/"):  # with anything behind it, it is another text to look for
            asked = self.run("rev-parse", "--verify", "--quiet", word)
            found = next(self._ask([asked.decode("ascii").strip()])) if asked else None
        if found is None:
            return None
        name, data = found
        return Commit(name, data[5 : data.index(b"\n")].decode("ascii"))

    def read(self, object: str) -> bytes | None:
        """Return the bytes of an object (hex), or None where it is not here."""
        found = next(self._ask([object]))
        return None if found is None else found[1]

    def read_many(self, objects: Sequence[str]) -> Iterator[bytes | None]:
        """Yield the bytes of each object (hex) in order, None for what is not here."""
        for start in range(0, len(objects), _AT_ONCE):
            for found in self._ask(objects[start : start + _AT_ONCE]):
                yield None if found is None else found[1]

    def tree(self, object: str) -> dict[str, Node] | None:
        """Return what is in a tree, by name, or None where the tree is not here."""
        if object not in self._trees:
            data = self.read(object)
            self._trees[object] = None if data is None else parse_tree(data, len(object) // 2)
        return self._trees[object]

    def load_trees(self, objects: Sequence[str]) -> None:
        """Read many trees at once, so that `tree` need not ask for one after the other."""
        asked = [object for object in dict.fromkeys(objects) if object not in self._trees]
        for object, data in zip(asked, self.read_many(asked), strict=True):
            self._trees[object] = None if data is None else parse_tree(data, len(object) // 2)

    def is_cut(self) -> bool:
        """Say whether parts of the history or of its objects may be elsewhere: a shallow or partial clone."""
        return self._is_partial() or self.run("rev-parse", "--is-shallow-repository") == b"true\n"

    def merge_base(self, a: str, b: str) -> str | None:
        """Return the best common ancestor of two commits, or None where there is none, or none is here."""
        found = self.run("merge-base", a, b)
        return found.decode("ascii").strip() or None if found is not None else None

    def is_kept(self, commit: str) -> bool:
        """Say whether a branch, a tag or HEAD has a commit in its history."""
        if self.run("for-each-ref", "--count=1", "--format=x", f"--contains={commit}"):
            return True
        return self.run("merge-base", "--is-ancestor", commit, "HEAD") is not None

    def first_with(self, path: str) -> str | None:
        """Return the commit (hex) in the history of HEAD that first had a file below a path, or None."""
        found = self.run("log", "--format=%H", "--diff-filter=A", "--no-renames", "HEAD", "--", f":(top,literal){path}")
        return (found or b"").decode("ascii").split("\n")[-2:-1][0] if found else None

    def changed_files(self, a: str, b: str, exclude: str) -> list[tuple[str, int | None, int | None]] | None:
        """Return (path, lines added, lines deleted) of what differs between two commits, None for lines of binaries.

        Files below `exclude` count for nothing. None where git does not have both commits.
        """
        options = ("diff", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules")
        listing = self.run(*options, a, b, "--", ":/", f":(top,exclude,literal){exclude}")
        if listing is None:
            return None
        found = []
        for item in process.texts(listing):
            added, deleted, path = item.split("\t", 2)
            found.append((path, int(added) if added != "-" else None, int(deleted) if deleted != "-" else None))
        return found

    def names(self) -> list[str]:
        """Return the names of branches and tags, as a user would type them."""
        listing = self.run("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes")
        return os.fsdecode(listing or b"").split("\n")[:-1]

    def close(self) -> None:
        """End the process that reads objects; the next question starts another."""
        if self._reader is not None:
            self._end()
            self._reader = None

    def _ask(self, words: Sequence[str]) -> Iterator[tuple[str, bytes] | None]:
        if self._reader is None:
            self._start()
        reader = self._reader
        answers: list[tuple[str, bytes] | None] = []
        try:
            reader.stdin.write(b"".join(os.fsencode(word) + b"\n" for word in words))
            reader.stdin.flush()
            answers.extend(self._answer(reader.stdout) for _ in words)  # those before the end of git are kept
        except (OSError, ValueError):
            self.close()
            # Versions of git that cannot be told not to fetch end where they may not: the object is elsewhere.
            if not self._is_partial():
                raise Undecided(
                    f"git cannot read {self.top or self.git_folder}", hint=f"see what it says: git -C {self._cwd} fsck"
                ) from None
        yield from answers
        yield from [None] * (len(words) - len(answers))

    def _is_partial(self) -> bool:
        return bool(self.run("config", "--get-regexp", r"^(extensions\.partialclone|remote\..*\.promisor)$"))

    def _answer(self, out: Any) -> tuple[str, bytes] | None:
        words = out.readline().split(b" ")
        if len(words) == 3 and words[2][:-1].isdigit():
            size = int(words[2])
            data = out.read(size + 1)
            if len(data) == size + 1:
                return words[0].decode("ascii"), data[:-1]
        elif words[-1] in (b"missing\n", b"ambiguous\n", b"submodule\n"):
            return None
        raise ValueError

    def _start(self) -> None:
        import subprocess

        try:
            self._reader = subprocess.Popen(
                ["git", *process.SETTINGS, *self._arguments, "cat-file", "--batch"],
                cwd=self._cwd,
                env=process.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise Undecided(f"git cannot be run: {error.strerror}", hint="install git") from None
        self._end = weakref.finalize(self, _end, self._reader)


def _end(reader: Any) -> None:
    try:
        reader.stdin.close()
    except OSError:  # it has ended by itself
        pass
    reader.stdout.close()
    reader.wait()


def parse_tree(data: bytes, width: int) -> dict[str, Node]:
    """Return what a tree object says, by name; `width` is the length of an object's name in bytes."""
    found = {}
    at = 0
    while at < len(data):
        space = data.index(b" ", at)
        end = data.index(b"\0", space)
        name = os.fsdecode(data[space + 1 : end])
        found[name] = Node(_KINDS.get(data[at:space], "file"), data[end + 1 : end + 1 + width].hex())
        at = end + 1 + width
    return found


def find(folder: str) -> Repository | None:
    """Return the repository that `folder` lies in, else the one that git says by GIT_DIR, else a bare one."""
    top = place.top(folder)
    if top is not None:
        folders = place.git_folders(folder)
        return Repository(top, folders[1] if folders else top, top, ())
    if given := os.environ.get("GIT_DIR"):
        given = os.path.abspath(given)
        if os.path.isfile(os.path.join(given, "HEAD")):
            work = os.environ.get("GIT_WORK_TREE")
            return Repository(given, given, os.path.abspath(work) if work else None, (f"--git-dir={given}",))
    here = place.above(folder)
    while here is not None:
        if all(os.path.exists(os.path.join(here, name)) for name in ("HEAD", "objects", "refs")):
            return Repository(here, here, None, (f"--git-dir={here}",))
        parent = os.path.dirname(here)
        here = parent if parent != here else None
    return None
