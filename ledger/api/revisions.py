"""The commits that a ledger is asked about: which one a word means, and the ledger as that commit has it."""

from __future__ import annotations

import os
import re

from ledger.errors import NoLedger, NoSuchRevision, Undecided
from ledger.git import repository
from ledger.git.repository import Commit, Repository
from ledger.store.revision import Revision
from ledger.store.tree import Tree

_FAR = re.compile(r"[~^@]|^[0-9a-f]{7,64}$")  # may name a commit that a shallow clone lacks


class Revisions:
    """The commits that one ledger was asked about; each is looked up once."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._trees: dict[str, Revision] = {}
        self._found: tuple[Repository, str] | None = None

    @property
    def repository(self) -> Repository:
        """The repository of the ledger; raises NoSuchRevision where it is in none."""
        return self._here()[0]

    def _here(self) -> tuple[Repository, str]:
        if self._found is None:
            if isinstance(self._tree, Revision):
                self._found = self._tree.repository, self._tree.prefix
            else:
                found = repository.find(self._tree.top)
                prefix = None if found is None or found.top is None else _prefix(found.top, self._tree.top)
                if found is None or prefix is None:
                    raise NoSuchRevision(
                        f"{self._tree.root} is in no git repository, so it has no revisions", hint="see: git init"
                    )
                self._found = found, prefix
        return self._found

    def inside(self, path: str) -> str:
        """Return the path that a file beside the ledger has in the repository."""
        prefix = self._here()[1]
        return f"{prefix}/{path}" if prefix else path

    def nearest(self, word: str) -> list[str]:
        """Return the branches and tags that are most like a word; none outside a repository."""
        try:
            return nearest(self.repository, word)
        except NoSuchRevision:
            return []

    def commit(self, rev: str) -> Commit | None:
        """Return the commit that a word means, or None."""
        return self.repository.commit(rev)

    def tree(self, rev: str, *, empty: bool = False) -> Revision:
        """Return the ledger as a revision has it; raises NoSuchRevision, and Undecided where the clone is cut.

        With `empty`, a revision without a ledger is one without runs.
        """
        if rev not in self._trees:
            here, prefix = self._here()
            self._trees[rev] = Revision(here, commit_of(here, rev), rev, prefix)
        tree = self._trees[rev]
        if not empty and not tree.is_ledger():
            raise NoSuchRevision(f"{rev} has no ledger: {tree.root} is not there", hint="see: git log -- .ledger")
        return tree

    def merge_base(self, a: str, b: str) -> str:
        """Return the commit (hex) from which two revisions went apart; raises Undecided where none is known here."""
        here = self.repository
        found = here.merge_base(commit_of(here, a).object, commit_of(here, b).object)
        if found is None:
            cut = here.is_cut()
            raise Undecided(
                f"{a} and {b} have no common commit" + (" here: the clone is shallow" if cut else ""),
                hint="git fetch --unshallow" if cut else f"compare them as they are: ledger diff {a} {b}",
            )
        return found


def commit_of(here: Repository, rev: str) -> Commit:
    """Return the commit that a word means; raises NoSuchRevision, and Undecided where the clone may lack it."""
    found = here.commit(rev)
    if found is not None:
        return found
    if _FAR.search(rev) and here.is_cut():
        raise Undecided(f"git has no commit {rev!r} here: the clone is not whole", hint="git fetch --unshallow")
    if rev in ("HEAD", "@"):
        raise NoSuchRevision("there is no commit yet", hint="git commit")
    near = nearest(here, rev)
    hint = f"did you mean {', '.join(near)}?" if near else "see: git branch --all; git tag"
    raise NoSuchRevision(f"git knows no commit, branch or tag {rev!r}", hint=hint)


def nearest(here: Repository, word: str) -> list[str]:
    """Return the branches and tags that are most like a word."""
    from difflib import get_close_matches

    return get_close_matches(word, here.names(), n=3)


def find(folder: str, rev: str) -> Revision:
    """Return the ledger that a revision has where the work tree has none, or there is none: the nearest above."""
    folder = os.path.abspath(folder)
    here = repository.find(folder)
    if here is None:
        raise NoLedger(f"there is no .ledger in {folder} or above it, and no git repository", hint="ledger init")
    commit = commit_of(here, rev)
    prefix = (_prefix(here.top, folder) if here.top else "") or ""
    while True:
        tree = Revision(here, commit, rev, prefix)
        if tree.is_ledger():
            return tree
        if not prefix:
            raise NoSuchRevision(f"{rev} has no ledger", hint="see: git log --all -- .ledger")
        prefix = prefix.rpartition("/")[0]


def _prefix(top: str, folder: str) -> str | None:
    """Return the path of a folder below the top of a work tree, empty for the top itself; None where it is outside."""
    relative = os.path.relpath(os.path.realpath(folder), os.path.realpath(top))
    if relative == os.curdir:
        return ""
    return None if relative.split(os.sep)[0] == os.pardir else relative.replace(os.sep, "/")
