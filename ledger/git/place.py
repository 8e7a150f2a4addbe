"""Where the repository is and what is checked out, read from git's own files without running git."""

import os

from ledger.format.layout import FOLDER


def top(folder: str) -> str | None:
    """Return the top folder of the repository that `folder` lies in, found by its `.git`, without running git."""
    here = above(folder)
    while here is not None:
        entry = os.path.join(here, ".git")
        if os.path.lexists(os.path.join(entry, "HEAD")) or os.path.isfile(entry):
            return here
        parent = os.path.dirname(here)
        here = parent if parent != here else None
    return None


def branch(folder: str) -> str | None:
    """Return the branch that is checked out, or None (detached, no repository), without running git."""
    folders = git_folders(folder)
    ref = _head_ref(folders[0]) if folders else None
    prefix = "refs/heads/"
    # A repository with reftable storage keeps this placeholder in HEAD, which only git can look behind.
    if ref is None or not ref.startswith(prefix) or ref == "refs/heads/.invalid":
        return None
    return ref.removeprefix(prefix)


def head_signature(folder: str) -> tuple[tuple[int, int, int] | None, ...] | None:
    """Return what changes when HEAD moves or the index is written: (mtime_ns, size, inode) of HEAD, the ref it names,
    packed-refs and index, None for a file that is not there; None outside a repository. Does not run git.
    """
    folders = git_folders(folder)
    if folders is None:
        return None
    own, shared = folders
    ref = _head_ref(own)
    return (
        _stat(f"{own}/HEAD"),
        _stat(f"{shared}/{ref}") if ref else None,
        _stat(f"{shared}/packed-refs"),
        _stat(f"{own}/index"),
    )


def above(folder: str) -> str | None:
    """Return the real path of `folder`, cut above the first `.ledger` in it; None for what can be no folder."""
    try:
        return _cut(os.path.realpath(_cut(os.path.abspath(folder))))
    except (OSError, ValueError):
        return None


def _cut(path: str) -> str:
    parts = path.split(os.sep)
    return os.sep.join(parts[: parts.index(FOLDER)]) or os.sep if FOLDER in parts else path


def inside(root: str, path: str) -> str | None:
    """Return `path` relative to `root`, or None where it is `root` or lies outside."""
    relative = os.path.relpath(path, root)
    return None if relative in (os.curdir, os.pardir) or relative.startswith(os.pardir + os.sep) else relative


def git_folders(folder: str) -> tuple[str, str] | None:
    """Return the folder of this work tree's HEAD and index, and the one of its refs (another in a linked work tree)."""
    root = top(folder)
    if root is None:
        return None
    own = os.path.join(root, ".git")
    if os.path.isdir(own):
        return own, own
    text = _read(own)
    if text is None or not text.startswith("gitdir:"):
        return None
    own = os.path.normpath(os.path.join(root, text.removeprefix("gitdir:").strip()))
    common = _read(os.path.join(own, "commondir"))
    return own, os.path.normpath(os.path.join(own, common.strip())) if common else own


def _head_ref(git_folder: str) -> str | None:
    """Return the full name of the ref that HEAD names, or None where it is detached."""
    text = _read(f"{git_folder}/HEAD")
    return text.removeprefix("ref:").strip() if text and text.startswith("ref:") else None


def _read(path: str) -> str | None:
    """Read the beginning of a small file; these are a line long, and a longer one is none of git's."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return os.fsdecode(os.read(descriptor, 8192))
        finally:
            os.close(descriptor)
    except (OSError, ValueError):
        return None


def _stat(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
