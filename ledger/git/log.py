"""History as git tells it: the commits of the first-parent line, what each changed, which commit added a file.

Plumbing alone (`rev-list`, `diff-tree`), which no setting of the user alters. It is git that compares trees: those that
are equal are not read, and nothing is read here at all.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

from ledger.git.repository import Repository

_FIELDS = 6
_FOLDER, _LINK = b"040000", b"120000"
_GONE = b"000000"


class LineCommit(NamedTuple):
    """A commit of history: its object, its tree, its parents (hex), when it was committed (us), who wrote it."""

    object: str
    tree: str
    parents: tuple[str, ...]
    time: int
    author: str
    subject: str


class Touched(NamedTuple):
    """A path below a folder that a commit changed: the object it has now, None where it has gone or is a file."""

    path: str
    object: str | None
    link: bool


def first_parents(here: Repository, commit: str, path: str) -> list[LineCommit] | None:
    """Return the commits of the first-parent line of a commit that changed a path, oldest first.

    None where git cannot walk the line, as in a partial clone without trees.
    """
    return _walk(here, commit, path, "--first-parent")


def between(here: Repository, since: str, until: str) -> list[LineCommit] | None:
    """Return the commits that `until` has and `since` has not, each behind its parents; None where git cannot tell."""
    return _walk(here, until, None, f"^{since}")


def single(here: Repository, commit: str) -> list[LineCommit] | None:
    """Return one commit; None where git cannot tell."""
    return _walk(here, commit, None, "--no-walk")


def cut(here: Repository, commits: Sequence[LineCommit]) -> list[str]:
    """Return those of `commits` (hex) whose parents a shallow clone does not have."""
    return [commit.object for commit in commits if not commit.parents and _has_parents(here, commit.object)]


def _walk(here: Repository, commit: str, path: str | None, *options: str) -> list[LineCommit] | None:
    # Fields may hold anything but NUL and the end of a line.
    form = "--format=%H%x00%T%x00%P%x00%ct%x00%an%x00%s"
    listing = here.run(
        *("rev-list", "--reverse", "--topo-order", "--encoding=UTF-8", form, *options, commit),
        *(() if path is None else ("--", _literal(path))),
    )
    if listing is None:
        return None
    lines = (line.split("\0") for line in listing.decode("utf-8", "replace").split("\n"))
    return [
        LineCommit(object, tree, tuple(parents.split()), int(time) * 1_000_000, author, subject)
        for object, tree, parents, time, author, subject in (fields for fields in lines if len(fields) == _FIELDS)
    ]


def _literal(path: str) -> str:
    return f":(top,literal){path}"


def touched(here: Repository, commits: Sequence[LineCommit], path: str, depth: int) -> list[list[Touched]] | None:
    """Return what each commit changed in the folder at a path against its first parent: the folders `depth` below it,
    and links that stand in the place of folders. None where git lacks a tree.
    """
    asked = "".join(" ".join([commit.object, *commit.parents[:1]]) + "\n" for commit in commits)
    found: dict[str, list[Touched]] = {commit.object: [] for commit in commits}
    listing = _compare(here, asked, path, "-t", "--raw")
    if listing is None:
        return None
    base = f"{path}/".encode()
    items = iter(listing.split(b"\0"))
    changes: list[Touched] = []
    for item in items:
        if not item.startswith(b":"):
            changes = found.get(item.decode("ascii").strip(), [])
            continue
        old, new, _, object, _ = item[1:].split(b" ")
        name = next(items)
        below = name.removeprefix(base)
        level = 0 if below == name else below.count(b"/") + 1
        if new == _LINK and level <= depth:
            changes.append(Touched(os.fsdecode(name), None, link=True))
        elif level == depth and _FOLDER in (old, new):
            changes.append(Touched(os.fsdecode(below), object.decode("ascii") if new == _FOLDER else None, link=False))
    return [found[commit.object] for commit in commits]


def _compare(here: Repository, commits: str, path: str, *options: str) -> bytes | None:
    """Compare each commit (one a line, then its parents if others are meant) with its parents, below a path."""
    fixed = ("-r", "-z", "--root", "--no-renames", "--no-abbrev", "--no-ext-diff", "--no-textconv", "--stdin")
    return here.run("diff-tree", *options, *fixed, "--", _literal(path), stdin=commits.encode("ascii"))


class Additions(NamedTuple):
    """The commit (hex) that first added each file below a folder, by path; `cut` are those that only look so, since
    the clone does not have what came before them.
    """

    commits: dict[str, str]
    cut: set[str]


def additions(here: Repository, commit: str, path: str) -> Additions | None:
    """Return which commit of a commit's history first added each file below a path; None where git cannot tell."""
    line = _walk(here, commit, path)
    if line is None:
        return None
    # Of a merge, what none of its parents has.
    listing = _compare(here, "".join(f"{commit.object}\n" for commit in line), path, "-c", "--name-status")
    if listing is None:
        return None
    found: dict[str, str] = {}
    known = {commit.object: commit for commit in line}
    now = ""
    items = iter(listing.split(b"\0"))
    for item in items:
        word = item.decode("ascii").strip()
        if word in known:
            now = word
        elif word:
            name = os.fsdecode(next(items))
            if set(word) == {"A"}:
                found.setdefault(name, now)
    roots = {object for object in set(found.values()) if not known[object].parents}
    return Additions(found, {object for object in roots if _has_parents(here, object)})


def _has_parents(here: Repository, object: str) -> bool:
    """Say whether a commit that git takes for the first one has parents all the same: a shallow clone ends there."""
    data = here.read(object) or b""
    return b"\nparent " in data.partition(b"\n\n")[0]
