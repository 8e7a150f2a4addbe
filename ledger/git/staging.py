"""What a commit is about to take in: the index that git gives to a hook by GIT_INDEX_FILE, else the usual one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from ledger.errors import Undecided
from ledger.format.layout import FOLDER
from ledger.git import place, process


class Change(NamedTuple):
    """A file that is staged, new or altered: its path from the top of the work tree, its mode, its object (hex)."""

    path: str
    mode: str
    object: str


class Changes(NamedTuple):
    """What is staged, and which files git neither has nor ignores: they are left out of the commit."""

    staged: list[Change]
    unstaged: list[str]


class Staging:
    """The index of one work tree. `top` is where that begins; paths are relative to it."""

    def __init__(self, top: str) -> None:
        self.top = top
        given = os.environ.get("GIT_INDEX_FILE")
        self._index = {"GIT_INDEX_FILE": os.path.abspath(given)} if given else {}

    def ledgers(self) -> list[str]:
        """Return the folders of ledgers that the index has, by their paths; the top one always."""
        listing = self._run("ls-files", "-z", "--", f":(top,glob)**/{FOLDER}/**")
        tops = {path.partition(f"{FOLDER}/")[0] for path in process.texts(listing)}
        return sorted(f"{top}{FOLDER}" for top in {"", *(top for top in tops if not top or top.endswith("/"))})

    def changes(self, folders: Iterable[str]) -> Changes:
        """Say what is staged in these folders, and what is not.

        `git commit FILE` has an index of its own: what is staged in the usual one is not forgotten, and is left out.
        """
        specs = [f":(top,literal){folder}" for folder in folders]
        found = _parse(self._status(self._index, specs))
        if found.unstaged and self._index:
            usual = set(_parse(self._status({}, specs)).unstaged)
            found = found._replace(unstaged=[path for path in found.unstaged if path in usual])
        return found

    def _status(self, index: dict[str, str], specs: list[str]) -> bytes:
        options = ("--porcelain=v2", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=all")
        return self._run("status", *options, "--", *specs, index=index)

    def has(self, paths: list[str]) -> list[bool]:
        """Say of each path whether the commit will have a file there."""
        asked = [path for path in paths if "\n" not in path]
        names = b"".join(b":0:" + os.fsencode(path) + b"\n" for path in asked)
        lines = self._run("cat-file", "--batch-check=%(objecttype)", stdin=names).split(b"\n")
        there = dict(zip(asked, (line == b"blob" for line in lines), strict=False))
        return [there.get(path, True) for path in paths]

    def _run(self, *arguments: str, stdin: bytes | None = None, index: dict[str, str] | None = None) -> bytes:
        more = self._index if index is None else index
        done = process.run(self.top, *arguments, stdin=stdin, more=more, timeout=process.WALK_TIMEOUT)
        if done is None:
            raise Undecided(f"git cannot say what is staged in {self.top}", hint=f"see: git -C {self.top} status")
        return done


def find(folder: str) -> Staging | None:
    """Return the index of the work tree around `folder`; None where there is none, or git means another repository."""
    top, given = place.top(folder), os.environ.get("GIT_DIR")
    folders = place.git_folders(folder)
    if top is None or folders is None:
        return None
    if given and os.path.realpath(given) != os.path.realpath(folders[0]):
        return None
    return Staging(top)


def _parse(listing: bytes) -> Changes:
    """Read `git status --porcelain=v2 -z`. A file that was added by intent only is not staged."""
    found = Changes([], [])
    for line in process.texts(listing):
        if line.startswith("? "):
            found.unstaged.append(line[2:])
        elif line.startswith("1 "):
            _, states, _, _, mode, _, _, object, path = line.split(" ", 8)
            if states == ".A":
                found.unstaged.append(path)
            elif states[0] in "AMT":
                found.staged.append(Change(path, mode, object))
    return found
