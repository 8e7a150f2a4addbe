"""Ask git about the repository a run belongs to; the only module that runs git.

Git runs above `.ledger`, in a clean environment, and obeys no configuration found in a ledger. Where there is no
git, no repository, or git fails or takes too long, the functions answer None or an empty list; they never raise.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

TIMEOUT = 30.0  # seconds, for one git process
WALK_TIMEOUT = 1800.0  # for one that looks through all history

_LEDGER = ".ledger"
_SETTINGS = (
    "--no-optional-locks",
    "--no-pager",
    "-c",
    "safe.bareRepository=explicit",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.quotePath=false",
)
# The user's settings pass through; what points git at another repository, index, program or trace does not.
_KEPT = frozenset(
    {
        "GIT_CEILING_DIRECTORIES",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_PARAMETERS",
        "GIT_CONFIG_SYSTEM",
        "GIT_DISCOVERY_ACROSS_FILESYSTEM",
        "GIT_EXEC_PATH",
    }
)
_KEPT_PREFIXES = ("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_")
# Git's defaults, spelled out: the digest must not depend on the user's diff settings; abbreviated object names
# would make it depend on how many objects the repository has.
_DIFF = (
    "diff", "HEAD", "--binary", "--full-index", "--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/",
    "--dst-prefix=b/", "--unified=3", "--inter-hunk-context=0", "--diff-algorithm=myers", "--indent-heuristic",
    "--find-renames=50%", "-l1000", "--no-relative", "--submodule=short", "-O/dev/null",
)  # fmt: skip


def snapshot(folder: str, *, exclude: Sequence[str] = (_LEDGER,)) -> dict[str, Any] | None:
    """Describe the work tree that `folder` lies in; None where git cannot tell.

    Keys, absent where they do not apply: commit, tree (hex), branch (not when detached), dirty (a tracked file changed
    or an untracked one is there), diff (sha256 of `git diff HEAD --binary --full-index`), untracked (number of
    files), remotes ({name: URL}, credentials included: redact before storing). Paths in `exclude`, absolute or relative
    to the top, count for nothing.
    """
    root = top(folder)
    if root is None:
        return None
    pathspec = _pathspec(root, exclude)
    status = _status(root, pathspec)
    found: dict[str, Any] = {}
    if status is None or status["commit"] is not None:
        ids = _git(root, "rev-parse", "HEAD", "HEAD^{tree}")
        if ids is not None:
            found["commit"], found["tree"] = ids.decode("ascii").split()
    if status is None:
        if not found:
            return None
        if name := branch(folder):
            found["branch"] = name
    else:
        if status["branch"] is not None:
            found["branch"] = status["branch"]
        found["dirty"] = status["tracked"] or status["untracked"] > 0
        if status["tracked"] and "commit" in found and (digest := _diff_digest(root, pathspec)):
            found["diff"] = digest
        if status["untracked"]:
            found["untracked"] = status["untracked"]
    if remotes := _remotes(root):
        found["remotes"] = remotes
    return found


def author(folder: str) -> str | None:
    """Return the author git would note, as `Name <email>`, or None where nobody told git a name or address.

    Taken from GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL, else from the configuration; never made up from the host's name.
    """
    here = _above(folder)
    listing = _git(here, "config", "-z", "--get-regexp", r"^(author|user)\.(name|email)$") if here else None
    config = _pairs(listing or b"", last=True)
    name = os.environ.get("GIT_AUTHOR_NAME") or config.get("author.name") or config.get("user.name") or ""
    email = os.environ.get("GIT_AUTHOR_EMAIL") or config.get("author.email") or config.get("user.email") or ""
    name, email = ("".join(c for c in part if c.isprintable() and c not in "<>").strip() for part in (name, email))
    if name and email:
        return f"{name} <{email}>"
    return name or email or None


def ignored(folder: str, paths: Sequence[str]) -> list[str]:
    """Return those of `paths` (absolute, or relative to `folder`; they need not exist) that git ignores."""
    root = top(folder)
    if root is None:
        return []
    asked: dict[str, str] = {}
    for path in paths:
        if "\0" in path:
            continue
        whole = os.path.abspath(os.path.join(folder, path))
        inside = _inside(root, os.path.join(os.path.realpath(os.path.dirname(whole)), os.path.basename(whole)))
        if inside is not None:
            asked[f"./{inside}"] = path  # "./" keeps a name that begins with ":" from being read as pathspec magic
    if not asked:
        return []
    listing = _git(root, "check-ignore", "-z", "--stdin", stdin=b"".join(os.fsencode(p) + b"\0" for p in asked))
    return [asked[name] for name in _texts(listing or b"") if name in asked]


def top(folder: str) -> str | None:
    """Return the top folder of the repository that `folder` lies in, found by its `.git`, without running git."""
    here = _above(folder)
    while here is not None:
        entry = os.path.join(here, ".git")
        if os.path.lexists(os.path.join(entry, "HEAD")) or os.path.isfile(entry):
            return here
        parent = os.path.dirname(here)
        here = parent if parent != here else None
    return None


def branch(folder: str) -> str | None:
    """Return the branch that is checked out, or None (detached, no repository), without running git."""
    folders = _git_folders(folder)
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
    folders = _git_folders(folder)
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


class Kept(NamedTuple):
    """What git keeps of a folder: (object, path from that folder) of each file; whether that is all of it."""

    files: list[tuple[str, str]]
    whole: bool  # not so in a shallow or partial clone


def kept(folder: str) -> Kept | None:
    """Return every file of `folder` in any ref, stash, reflog, index or linked HEAD; None where git cannot tell."""
    root = top(folder)
    inside = _inside(root, os.path.realpath(folder)) if root else None
    if root is None or inside is None:
        return None
    walk = ("rev-list", "--all", "--reflog", "--indexed-objects", "--objects", "--full-history", "--missing=print")
    listing = _git(root, "--no-replace-objects", *walk, "--", f":(top,literal){inside}", timeout=WALK_TIMEOUT)
    shallow = _git(root, "rev-parse", "--is-shallow-repository")
    if listing is None or shallow is None:
        return None
    lines = os.fsdecode(listing).split("\n")
    found = (line.partition(f" {inside}/") for line in lines)
    whole = shallow == b"false\n" and not any(line.startswith("?") for line in lines)
    return Kept([(name, path) for name, _, path in found if path], whole)


def tracked(folder: str) -> list[str]:
    """Return the files of `folder` that git's index has, by their paths from it; none where git cannot tell."""
    root = top(folder)
    inside = _inside(root, os.path.realpath(folder)) if root else None
    listing = _git(root, "ls-files", "-z", "--", f":(top,literal){inside}") if root and inside else None
    return [path.removeprefix(f"{inside}/") for path in _texts(listing or b"")]


def contents(folder: str, objects: Iterable[str], *, limit: int) -> Iterator[tuple[str, bytes]]:
    """Yield (object, bytes) of those of `objects` that are here, whole, files, and of at most `limit` bytes."""
    root, asked = top(folder), "\n".join(objects).encode("ascii") + b"\n"
    sizes = _git(root, "cat-file", "--batch-check", stdin=asked, timeout=WALK_TIMEOUT) if root else None
    batches: list[list[str]] = [[]]
    room = limit
    for words in map(str.split, (sizes or b"").decode("ascii").splitlines()):
        if words[1:2] == ["blob"] and int(words[2]) <= limit:
            if int(words[2]) > room or len(batches[-1]) == 10_000:
                batches, room = [*batches, []], limit
            batches[-1].append(words[0])
            room -= int(words[2])
    for batch in filter(None, batches):
        read = _git(root or "", "--no-replace-objects", "cat-file", "--batch", stdin="\n".join([*batch, ""]).encode())
        start = 0
        while read and start < len(read):
            head = read.index(b"\n", start)
            name, _, size = read[start:head].decode("ascii").split()
            yield name, read[head + 1 : head + 1 + int(size)]
            start = head + 2 + int(size)


def work_trees(folder: str) -> list[str] | None:
    """Return the top folders of all work trees of the repository; None where git cannot tell."""
    root = top(folder)
    listing = _git(root, "worktree", "list", "--porcelain", "-z") if root else None
    return None if listing is None else [t[9:] for t in _texts(listing) if t.startswith("worktree ")]


def _above(folder: str) -> str | None:
    """Return the real path of `folder`, cut above the first `.ledger` in it; None for what can be no folder."""
    try:
        return _cut(os.path.realpath(_cut(os.path.abspath(folder))))
    except (OSError, ValueError):
        return None


def _cut(path: str) -> str:
    parts = path.split(os.sep)
    return os.sep.join(parts[: parts.index(_LEDGER)]) or os.sep if _LEDGER in parts else path


def _inside(root: str, path: str) -> str | None:
    """Return `path` relative to `root`, or None where it is `root` or lies outside."""
    relative = os.path.relpath(path, root)
    return None if relative in (os.curdir, os.pardir) or relative.startswith(os.pardir + os.sep) else relative


def _pathspec(root: str, exclude: Sequence[str]) -> list[str]:
    """Return the pathspec for everything but the paths in `exclude`; those outside the repository need no mention."""
    wholes = [os.path.join(root, path) for path in exclude]
    insides = {_inside(root, whole) for path in wholes for whole in (path, os.path.realpath(path))}
    return ["--", ":/", *(f":(top,exclude,literal){inside}" for inside in insides if inside is not None)]


def _git_folders(folder: str) -> tuple[str, str] | None:
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


def _status(root: str, pathspec: list[str]) -> dict[str, Any] | None:
    """Read `git status`: commit (None before the first), branch, tracked (bool), untracked (number)."""
    options = ("--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames", "--no-ahead-behind")
    listing = _git(root, "status", *options, *pathspec)
    if listing is None:
        return None
    found: dict[str, Any] = {"commit": None, "branch": None, "tracked": False, "untracked": 0}
    for line in _texts(listing):
        if line.startswith("# branch.oid ") and not line.endswith("(initial)"):
            found["commit"] = line.removeprefix("# branch.oid ")
        elif line.startswith("# branch.head ") and not line.endswith("(detached)"):
            found["branch"] = line.removeprefix("# branch.head ")
        elif line.startswith("? "):
            found["untracked"] += 1
        elif line.startswith(("1 ", "2 ", "u ")):
            found["tracked"] = True
    return found


def _remotes(root: str) -> dict[str, str]:
    listing = _git(root, "config", "-z", "--get-regexp", r"^remote\..*\.url$")
    pairs = _pairs(listing or b"", last=False)
    return {key.removeprefix("remote.").removesuffix(".url"): pairs[key] for key in sorted(pairs)}


def _diff_digest(root: str, pathspec: list[str]) -> str | None:
    """Return the sha256 of the difference to HEAD, read piece by piece since it may be large; None if there is none."""
    import hashlib
    import select
    import subprocess
    import time

    deadline = time.monotonic() + TIMEOUT
    digest, size = hashlib.sha256(), 0
    try:
        with subprocess.Popen(
            ["git", *_SETTINGS, *_DIFF, *pathspec],
            cwd=root,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout is not None
            try:
                poll = select.poll()
                poll.register(process.stdout, select.POLLIN)
                while poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                    piece = os.read(process.stdout.fileno(), 1 << 16)
                    if not piece:
                        code = process.wait(max(0.1, deadline - time.monotonic()))
                        return digest.hexdigest() if code == 0 and size else None
                    digest.update(piece)
                    size += len(piece)
            finally:
                process.kill()
    except (OSError, ValueError, subprocess.SubprocessError):
        pass
    return None


def _git(cwd: str, *arguments: str, stdin: bytes | None = None, timeout: float | None = None) -> bytes | None:
    """Run git and return its standard output; None where it is absent, fails, or takes longer than TIMEOUT."""
    import subprocess

    try:
        done = subprocess.run(
            ["git", *_SETTINGS, *arguments],
            cwd=cwd,
            env=_environment(),
            stdin=subprocess.DEVNULL if stdin is None else None,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout or TIMEOUT,
            check=False,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


def _environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    # Old versions of git, which do not know GIT_NO_LAZY_FETCH, find no way to fetch either.
    fixed = {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
    return kept | fixed | {"LC_ALL": "C", "GIT_GRAFT_FILE": os.devnull}


def _texts(listing: bytes) -> list[str]:
    """Split a list that git ended with NUL after each item."""
    return [os.fsdecode(item) for item in listing.split(b"\0") if item]


def _pairs(listing: bytes, *, last: bool) -> dict[str, str]:
    """Read `git config -z`: of a key given twice, the last value counts, or the first."""
    found: dict[str, str] = {}
    for item in _texts(listing):
        key, _, value = item.partition("\n")
        if last or key not in found:
            found[key] = value
    return found
