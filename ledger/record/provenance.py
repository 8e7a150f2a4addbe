"""Where a run comes from: its commit, its program and its author, collected once when the run opens.

Secrets are redacted here, before anything is written. What is slow to learn is kept for the process: many short runs
must not each wait for git.
"""

import os
import sys
import time
from typing import Any

import msgspec

from ledger.git import place, worktree
from ledger.record import redact

WORK_TREE = "LEDGER_WORK_TREE"  # the work tree that a program works in, where it is not the ledger's
GIT_AGE_MAX = 30.0  # seconds for which a snapshot stands, since the work tree may change without a sign

_PACKAGE_FOLDERS = ("site-packages", "dist-packages")

_snapshots: dict[tuple[str, str], tuple[Any, float, dict[str, Any] | None]] = {}
_authors: dict[tuple[str, str | None, bool], str] = {}
_arguments: dict[tuple[str, tuple[str, ...]], list[str]] = {}
_modules: tuple[tuple[int, str] | None, dict[str, str]] = (None, {})
_versions: dict[str, str | None] = {}
_installed: dict[str, dict[str, str]] = {}


class Provenance(msgspec.Struct, frozen=True):
    """What an `open` entry says of a run's origin.

    git: as `ledger.git.snapshot` gives it, URLs redacted; None outside git. program: argv (secrets redacted; absent
    under LEDGER_NO_ARGV), python, host, platform, versions ({module: version} of the installed packages loaded).
    """

    git: dict[str, Any] | None
    program: dict[str, Any]
    author: str


def collect(folder: str, ledger_dir: str, git: dict[str, Any] | None = None) -> Provenance:
    """Collect the provenance of a run of this process, for the work in `folder` and the ledger at `ledger_dir`.

    LEDGER_WORK_TREE says that the work is elsewhere, in a work tree of the same repository; `git`, what git would say.
    Nothing here raises for want of git or of an answer. Under LEDGER_NO_GIT no git is run, for the author neither.
    """
    folder = os.environ.get(WORK_TREE) or folder
    return Provenance(git=git or _git(folder, ledger_dir), program=_program(folder), author=author(folder))


def of_commit(folder: str, commit: str, tree: str) -> dict[str, Any]:
    """Return what `git` says of a run of a commit that was checked out for it; `folder` is in the repository."""
    found: dict[str, Any] = {"commit": commit, "tree": tree, "dirty": False}
    if urls := worktree.remotes(folder):
        found["remotes"] = _redacted(urls)
    return found


def _redacted(remotes: dict[str, str]) -> dict[str, str]:
    return {_text(name): redact.redact_url(_text(url)) for name, url in remotes.items()}


def author(folder: str) -> str:
    """Return who works in `folder`: LEDGER_AUTHOR, else git's user, else the system's, else `unknown`."""
    named = os.environ.get("LEDGER_AUTHOR")
    key = (folder, named, _is_set("LEDGER_NO_GIT"))
    if key not in _authors:
        found = _line(named or "") or (None if key[2] else worktree.author(folder)) or _system_user()
        _authors[key] = _line(found) or "unknown"
    return _authors[key]


def forget() -> None:
    """Clear what this process remembers, so that the next call looks anew."""
    global _modules
    for memory in (_snapshots, _authors, _arguments, _versions, _installed):
        memory.clear()
    _modules = (None, {})


def _git(folder: str, ledger_dir: str) -> dict[str, Any] | None:
    """Return the snapshot of the work tree, reused while HEAD and index stand and it is young."""
    if _is_set("LEDGER_NO_GIT"):
        return None
    signature = place.head_signature(folder)
    if signature is None:
        return None
    key = (folder, ledger_dir)
    remembered = _snapshots.get(key)
    if remembered is None or remembered[0] != signature or time.monotonic() - remembered[1] > GIT_AGE_MAX:
        found = worktree.snapshot(folder, exclude=(ledger_dir,))
        if found is not None and "remotes" in found:
            found["remotes"] = _redacted(found["remotes"])
        if found is not None and "branch" in found:
            found["branch"] = _text(found["branch"])
        remembered = _snapshots[key] = (signature, time.monotonic(), found)
    found = remembered[2]
    if found is None:
        return None
    return {name: dict(value) if isinstance(value, dict) else value for name, value in found.items()}


def _program(folder: str) -> dict[str, Any]:
    system = os.uname()
    release = ".".join(system.release.split("-")[0].split(".")[:2])
    found: dict[str, Any] = {} if _is_set("LEDGER_NO_ARGV") else {"argv": _argv(folder)}
    found["python"] = sys.version.split()[0]
    found["host"] = _text(system.nodename)
    found["platform"] = f"{system.sysname}-{release}-{system.machine}"
    found["versions"] = dict(_loaded_versions())
    return found


def _argv(folder: str) -> list[str]:
    """Return the command line: the script as seen from the repository's top, secrets redacted."""
    given = tuple(str(argument) for argument in getattr(sys, "argv", ()))  # a program may have put anything there
    key = (folder, given)
    if key not in _arguments:
        script = [_script(given[0], folder)] if given and given[0] not in ("", "-c", "-m") else [*given[:1]]
        _arguments[key] = redact.redact_argv([_text(argument) for argument in (*script, *given[1:])])
    return list(_arguments[key])


def _script(path: str, folder: str) -> str:
    """Return the script's path relative to the repository; of one elsewhere in the home folder, only its name."""
    folder_name, name = os.path.split(path)
    if name == "__main__.py" and os.path.basename(folder_name) == "ledger":
        return "ledger"  # python -m ledger
    if folder_name in os.get_exec_path():
        return name
    started = getattr(sys.modules.get("__main__"), "__file__", None)
    if started and os.path.basename(started) == os.path.basename(path):
        path = started  # absolute, so right even where the program has changed its folder since
    try:
        whole = os.path.realpath(path)
        for base in (place.top(folder), os.path.realpath(folder)):
            if base and whole.startswith(base.rstrip(os.sep) + os.sep):
                return os.path.relpath(whole, base)
        home = os.path.realpath(os.path.expanduser("~")).rstrip(os.sep)
    except (OSError, ValueError):
        return os.path.basename(path)
    return os.path.basename(path) if whole.startswith(home + os.sep) else path


def _loaded_versions() -> dict[str, str]:
    """Return the versions of the installed third-party packages that are loaded, by top-level module, sorted."""
    global _modules
    # New modules are put last, so this pair, far cheaper than the set of names, changes with it.
    try:
        signature = (len(sys.modules), next(reversed(sys.modules)))
    except RuntimeError:  # another thread imports at this moment
        signature = None
    if signature is None or _modules[0] != signature:
        found: dict[str, str] = {}
        for name, module in list(sys.modules.items()):
            if "." in name or name.startswith("_") or name == "ledger" or name in sys.stdlib_module_names:
                continue
            if name not in _versions:
                _versions[name] = _version(name, module)
            if version := _versions[name]:
                found[name] = version
        _modules = (signature, dict(sorted(found.items())))
    return _modules[1]


def _version(name: str, module: Any) -> str | None:
    """Return an installed module's version, by its own word or its `.dist-info`; None for the user's own modules."""
    try:
        attributes = object.__getattribute__(module, "__dict__")  # asking a lazy module itself would load it
    except AttributeError:
        return None
    file = attributes.get("__file__")
    if not isinstance(file, str):
        return None
    for packages in _PACKAGE_FOLDERS:
        before, inside, _ = file.rpartition(f"/{packages}/")
        if inside:
            stated = attributes.get("__version__")
            if isinstance(stated, str):
                return _line(stated) or None
            return _distributions(before + inside).get(name.lower())
    return None


def _distributions(packages: str) -> dict[str, str]:
    """Read the versions that a package folder lists by name; loading `importlib.metadata` would cost far more."""
    if packages not in _installed:
        found: dict[str, str] = {}
        try:
            entries = os.listdir(packages)
        except OSError:
            entries = []
        for entry in entries:
            stem, dot, ending = entry.rpartition(".")
            if dot and ending in ("dist-info", "egg-info"):
                name, _, rest = stem.partition("-")
                found[name.lower().replace(".", "_")] = _text(rest.partition("-py")[0])
        _installed[packages] = found
    return _installed[packages]


def _system_user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "") not in ("", "0")


def _text(raw: str) -> str:
    """Return text that has a UTF-8 form: a byte that was no text is written as an escape."""
    return raw.encode("utf-8", "backslashreplace").decode("utf-8")


def _line(raw: str) -> str:
    """Return text for one line of a terminal: control characters left out, no space around."""
    return "".join(c for c in _text(raw) if c.isprintable()).strip()
