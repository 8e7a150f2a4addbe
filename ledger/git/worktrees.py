"""Commits checked out for a while: each in a detached work tree of its own in the temporary folder, never the user's.

Nothing is fetched, no hook runs, submodules stay empty, and what git-LFS has not here stays a pointer. The folders, and
what git notes of them, go away with their maker; those of one that was killed, when the next one begins.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

from ledger.errors import Undecided, warn
from ledger.git import process, worktree
from ledger.git.repository import Repository

_PREFIX, _LOCK = "ledger-commits-", "in-use"
_CHECKOUT = ("reset", "--hard", "--quiet", "--no-recurse-submodules")
_WITHOUT_LFS = ("-c", "filter.lfs.process=", "-c", "filter.lfs.smudge=")
_TRIES, _PAUSE_S = 3, 0.1  # for git at work trees: somebody else may be at them
_SETTINGS = (
    *("-c", f"core.hooksPath={os.devnull}", "-c", "submodule.recurse=false"),
    *("-c", "core.sparseCheckout=false", "-c", "index.sparse=false", "-c", "filter.lfs.required=false"),
)
# What would lead git elsewhere than to the folder that it is started in.
_LEADING = frozenset(
    {
        *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_GRAFT_FILE", "GIT_IMPLICIT_WORK_TREE"),
        *("GIT_INDEX_FILE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_NAMESPACE", "GIT_NO_REPLACE_OBJECTS"),
        *("GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_QUARANTINE_PATH", "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE"),
        "GIT_WORK_TREE",
    }
)


class Checkouts:
    """Work trees of one repository, for as long as the `with` block lasts; it may be used from several threads."""

    def __init__(self, here: Repository) -> None:
        self._here = here
        self._base = ""
        self._lock = -1

    @property
    def lock(self) -> int:
        """The descriptor by which the folders count as in use: programs that work in them are to hold it, too."""
        return self._lock

    def __enter__(self) -> Self:
        remove_abandoned(self._here)
        self._base = os.path.realpath(tempfile.mkdtemp(prefix=_PREFIX))
        self._lock = os.open(os.path.join(self._base, _LOCK), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        for path in _listed(self._here):
            if _base(path) == self._base:
                self.remove(path)
        _delete(self._base)
        os.close(self._lock)

    def add(self, commit: str) -> str:
        """Check a commit (hex) out and return the top of its work tree; raises Undecided where git cannot do it.

        The folder is called as the user's is, since programs may look at that.
        """
        top = self._here.top or self._here.git_folder
        path = os.path.join(tempfile.mkdtemp(prefix=f"{commit[:12]}-", dir=self._base), os.path.basename(top) or "top")
        why = _change(self._here, "add", "--quiet", "--detach", "--no-checkout", path, commit)
        if why is None and _git(path, *_CHECKOUT) is not None:
            why = _git(path, *_WITHOUT_LFS, *_CHECKOUT)  # which may have died in the middle of an answer
        if why is not None:
            self.remove(path)
            raise Undecided(f"git cannot check out {commit[:12]}: {why}", hint=f"see: git -C {top} fsck")
        return path

    def remove(self, path: str) -> None:
        """Remove a work tree with whatever is in it, and git's record of it."""
        _delete(os.path.dirname(path))
        _forget(self._here, path)


def remove_abandoned(here: Repository) -> None:
    """Remove the work trees, and git's records of them, that were made here by somebody who has died since.

    Those in which a program of his still runs are left alone, and so is all that is not of our making.
    """
    ours = [(path, base) for path in _listed(here) if (base := _base(path)) is not None]
    free = {base for base in dict.fromkeys(base for _, base in ours) if not os.path.lexists(base) or _is_free(base)}
    for path, base in ours:
        if base in free:
            _delete(os.path.dirname(path))
            _forget(here, path)
    for (
        base
    ) in free:  # with the lock, which is last: whoever is cut off in this leaves nothing that looks like another's
        _delete(base)


def environment(here: Repository, path: str) -> dict[str, str]:
    """Return the environment of a program that works in a work tree: git and Python find that tree, not the user's.

    Of PYTHONPATH, folders of the user's work tree that git tracks become those of this one.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _LEADING and name != "OLDPWD"}
    if given := kept.get("PYTHONPATH"):
        kept["PYTHONPATH"] = os.pathsep.join(_moved(here, path, folder) for folder in given.split(os.pathsep))
    return kept


def is_tracked(here: Repository, path: str) -> bool:
    """Say whether a path (absolute) is the top of the user's work tree, or git's index has it or something in it."""
    top, path = here.top or os.devnull, os.path.normpath(path)
    inside = _inside(top, path)
    return inside == os.curdir or (inside is not None and bool(here.run("ls-files", "--", f":(top,literal){inside}")))


def _moved(here: Repository, path: str, folder: str) -> str:
    """Return a folder of the user's work tree as the one of the same place in another; others stay as they are."""
    if not os.path.isabs(folder) or not is_tracked(here, folder):
        return folder
    return os.path.normpath(os.path.join(path, _inside(here.top or "", os.path.normpath(folder)) or ""))


def _inside(top: str, path: str) -> str | None:
    for base in (top, os.path.realpath(top)):
        if path == base or path.startswith(base.rstrip(os.sep) + os.sep):
            return os.path.relpath(path, base)
    return None


def _listed(here: Repository) -> list[str]:
    with alone(here):
        return worktree.work_trees(here.top or here.git_folder) or []


def _base(path: str) -> str | None:
    """Return the folder in which somebody made the work tree at a path, or None where it is not of our making."""
    base = os.path.dirname(os.path.dirname(path))
    return base if os.path.basename(base).startswith(_PREFIX) else None


def _is_free(base: str) -> bool:
    """Say whether a folder of ours is used by nobody any more."""
    try:
        if os.lstat(base).st_uid != os.getuid():
            return False
        lock = os.open(os.path.join(base, _LOCK), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # somebody else's, who may call a folder as we do
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(lock)


def _delete(folder: str) -> None:
    """Remove a folder with all that is in it, also where a program took the right to do so away."""
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        for place, folders, _ in os.walk(folder):  # from above: what is below can be listed then
            for path in (place, *(os.path.join(place, name) for name in folders)):
                if not os.path.islink(path):
                    with suppress(OSError):
                        os.chmod(path, 0o700)
        shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        warn(f"{folder} cannot be removed whole: a program that was run in it has left files of another owner there")


def _forget(here: Repository, path: str) -> None:
    """Remove git's record of a work tree whose folder has gone."""
    _change(here, "remove", "--force", "--force", path)


def _change(here: Repository, *arguments: str) -> str | None:
    """Change git's records of work trees; return what git says where it fails."""
    why = None
    for _ in range(_TRIES):
        with alone(here):
            why = _git(here.top or here.git_folder, "worktree", *arguments)
        if why is None:
            return None
        time.sleep(_PAUSE_S)
    return why


@contextmanager
def alone(here: Repository) -> Iterator[None]:
    """Let nobody else of us change the records of work trees, or begin a commit, while the `with` block lasts.

    Git fails where it sees a record that is being made. Whoever holds it must not call what takes it.
    """
    folder = os.open(here.git_folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # where a file system has no locks, trying again must do
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _git(folder: str, *arguments: str) -> str | None:
    """Run git; return what it says where it fails. Ctrl-C does not reach it: what it has begun, it completes."""
    import subprocess

    try:
        done = subprocess.run(
            ["git", *process.SETTINGS, *_SETTINGS, *arguments],
            cwd=folder,
            env=process.environment() | {"GIT_LFS_SKIP_SMUDGE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=process.WALK_TIMEOUT,
            start_new_session=True,
            check=False,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return str(error)
    if done.returncode == 0:
        return None
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    told = [line.partition(": ")[2] for line in lines if line.startswith(("fatal: ", "error: "))]
    return (told or lines or [f"exit status {done.returncode}"])[0]
