"""What git says of the work tree a run belongs to: its commit, what is not committed, its author, what is ignored.

Where there is no git, no repository, or git fails, the functions answer None or an empty list; they never raise.
"""

import os
from collections.abc import Sequence
from typing import Any

from ledger.format.layout import FOLDER
from ledger.git import place, process

# Git's defaults, spelled out: the digest must not depend on the user's diff settings; abbreviated object names
# would make it depend on how many objects the repository has.
_DIFF = (
    "diff", "HEAD", "--binary", "--full-index", "--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/",
    "--dst-prefix=b/", "--unified=3", "--inter-hunk-context=0", "--diff-algorithm=myers", "--indent-heuristic",
    "--find-renames=50%", "-l1000", "--no-relative", "--submodule=short", "-O/dev/null",
)  # fmt: skip


def snapshot(folder: str, *, exclude: Sequence[str] = (FOLDER,)) -> dict[str, Any] | None:
    """Describe the work tree that `folder` lies in; None where git cannot tell.

    Keys, absent where they do not apply: commit, tree (hex), branch (not when detached), dirty (a tracked file changed
    or an untracked one is there), diff (sha256 of `git diff HEAD --binary --full-index`), untracked (number of
    files), remotes ({name: URL}, credentials included: redact before storing). Paths in `exclude`, absolute or relative
    to the top, count for nothing.
    """
    root = place.top(folder)
    if root is None:
        return None
    pathspec = _pathspec(root, exclude)
    status = _status(root, pathspec)
    found: dict[str, Any] = {}
    if status is None or status["commit"] is not None:
        ids = process.run(root, "rev-parse", "HEAD", "HEAD^{tree}")
        if ids is not None:
            found["commit"], found["tree"] = ids.decode("ascii").split()
    if status is None:
        if not found:
            return None
        if name := place.branch(folder):
            found["branch"] = name
    else:
        if status["branch"] is not None:
            found["branch"] = status["branch"]
        found["dirty"] = status["tracked"] or status["untracked"] > 0
        if status["tracked"] and "commit" in found and (digest := _diff_digest(root, pathspec)):
            found["diff"] = digest
        if status["untracked"]:
            found["untracked"] = status["untracked"]
    if urls := remotes(root):
        found["remotes"] = urls
    return found


def author(folder: str) -> str | None:
    """Return the author git would note, as `Name <email>`, or None where nobody told git a name or address.

    Taken from GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL, else from the configuration; never made up from the host's name.
    """
    here = place.above(folder)
    listing = process.run(here, "config", "-z", "--get-regexp", r"^(author|user)\.(name|email)$") if here else None
    config = process.pairs(listing or b"", last=True)
    name = os.environ.get("GIT_AUTHOR_NAME") or config.get("author.name") or config.get("user.name") or ""
    email = os.environ.get("GIT_AUTHOR_EMAIL") or config.get("author.email") or config.get("user.email") or ""
    name, email = ("".join(c for c in part if c.isprintable() and c not in "<>").strip() for part in (name, email))
    if name and email:
        return f"{name} <{email}>"
    return name or email or None


def ignored(folder: str, paths: Sequence[str]) -> list[str]:
    """Return those of `paths` (absolute, or relative to `folder`; they need not exist) that git ignores."""
    root = place.top(folder)
    if root is None:
        return []
    asked: dict[str, str] = {}
    for path in paths:
        if "\0" in path:
            continue
        whole = os.path.abspath(os.path.join(folder, path))
        inside = place.inside(root, os.path.join(os.path.realpath(os.path.dirname(whole)), os.path.basename(whole)))
        if inside is not None:
            asked[f"./{inside}"] = path  # "./" keeps a name that begins with ":" from being read as pathspec magic
    if not asked:
        return []
    listing = process.run(root, "check-ignore", "-z", "--stdin", stdin=b"".join(os.fsencode(p) + b"\0" for p in asked))
    return [asked[name] for name in process.texts(listing or b"") if name in asked]


def tracked(folder: str) -> list[str]:
    """Return the files of `folder` that git's index has, by their paths from it; none where git cannot tell."""
    root = place.top(folder)
    inside = place.inside(root, os.path.realpath(folder)) if root else None
    listing = process.run(root, "ls-files", "-z", "--", f":(top,literal){inside}") if root and inside else None
    return [path.removeprefix(f"{inside}/") for path in process.texts(listing or b"")]


def work_trees(folder: str) -> list[str] | None:
    """Return the top folders of all work trees of the repository; None where git cannot tell."""
    root = place.top(folder)
    listing = process.run(root, "worktree", "list", "--porcelain", "-z") if root else None
    return None if listing is None else [t[9:] for t in process.texts(listing) if t.startswith("worktree ")]


def _pathspec(root: str, exclude: Sequence[str]) -> list[str]:
    """Return the pathspec for everything but the paths in `exclude`; those outside the repository need no mention."""
    wholes = [os.path.join(root, path) for path in exclude]
    insides = {place.inside(root, whole) for path in wholes for whole in (path, os.path.realpath(path))}
    return ["--", ":/", *(f":(top,exclude,literal){inside}" for inside in insides if inside is not None)]


def _status(root: str, pathspec: list[str]) -> dict[str, Any] | None:
    """Read `git status`: commit (None before the first), branch, tracked (bool), untracked (number)."""
    options = ("--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames", "--no-ahead-behind")
    listing = process.run(root, "status", *options, *pathspec)
    if listing is None:
        return None
    found: dict[str, Any] = {"commit": None, "branch": None, "tracked": False, "untracked": 0}
    for line in process.texts(listing):
        if line.startswith("# branch.oid ") and not line.endswith("(initial)"):
            found["commit"] = line.removeprefix("# branch.oid ")
        elif line.startswith("# branch.head ") and not line.endswith("(detached)"):
            found["branch"] = line.removeprefix("# branch.head ")
        elif line.startswith("? "):
            found["untracked"] += 1
        elif line.startswith(("1 ", "2 ", "u ")):
            found["tracked"] = True
    return found


def remotes(root: str) -> dict[str, str]:
    """Return the URLs of the remotes of the repository at `root`, by name, credentials included."""
    listing = process.run(root, "config", "-z", "--get-regexp", r"^remote\..*\.url$")
    pairs = process.pairs(listing or b"", last=False)
    return {key.removeprefix("remote.").removesuffix(".url"): pairs[key] for key in sorted(pairs)}


def _diff_digest(root: str, pathspec: list[str]) -> str | None:
    """Return the sha256 of the difference to HEAD, read piece by piece since it may be large; None if there is none."""
    import hashlib
    import select
    import subprocess
    import time

    deadline = time.monotonic() + process.TIMEOUT
    digest, size = hashlib.sha256(), 0
    try:
        with subprocess.Popen(
            ["git", *process.SETTINGS, *_DIFF, *pathspec],
            cwd=root,
            env=process.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as started:
            assert started.stdout is not None
            try:
                poll = select.poll()
                poll.register(started.stdout, select.POLLIN)
                while poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                    piece = os.read(started.stdout.fileno(), 1 << 16)
                    if not piece:
                        code = started.wait(max(0.1, deadline - time.monotonic()))
                        return digest.hexdigest() if code == 0 and size else None
                    digest.update(piece)
                    size += len(piece)
            finally:
                started.kill()
    except (OSError, ValueError, subprocess.SubprocessError):
        pass
    return None
