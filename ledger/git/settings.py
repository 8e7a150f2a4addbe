"""What `ledger git install` sets in a repository, and takes back: two keys of its configuration, a block of lines in
`info/attributes`, a pre-commit hook. The only module that changes any of them.

All of it is local to the clone: nothing of it is committed, and no command of ledger depends on it.
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import NamedTuple

from ledger.errors import StorageFault, UsageError
from ledger.format import layout
from ledger.git import process, repository

HOOK_ID = "ledger-check-staged"  # in .pre-commit-hooks.yaml

_BEGIN, _MADE, _END = "# ledger git install: begin", ", in a new file", "# ledger git install: end"
_MARK = "# Made by: ledger git install --hook. Taken away by: ledger git uninstall."
_CALL = 'git textconv "$1" 2>/dev/null'
_CHECK = "git pre-commit"
_NO_PROGRAM = "to see what is in it: ledger git install"
_PROBE = f"{layout.FOLDER}/runs/2026-01-01/any/0123456789abcdef.parquet"
# Git shows these as the text they are.
_TEXTS = frozenset(("svg", "json", "jsonl", "toml", "yaml", "yml"))


class Settings(NamedTuple):
    """What is set in a repository. `hook_state`: `absent`, `installed`, `calls` (another hook calls ours), `other`."""

    top: str  # the work tree
    attributes: str  # the file that holds the block of lines
    has_attributes: bool  # they are there, as this version writes them
    applies: bool  # no other rule outdoes them
    command: str | None  # what git runs to show a file as text
    works: bool  # a program of ledger answers it
    hook: str  # the file
    hook_state: str


class _Where(NamedTuple):
    top: str
    git_folder: str  # the one that work trees share
    attributes: str
    hook: str
    hooks_path: str | None  # core.hooksPath, where it is not of this repository alone
    config: dict[str, str]  # of this repository alone


def install(folder: str, *, hook: bool) -> Settings:
    """Make git show rows in place of binary files; with `hook`, also check what is staged before each commit.

    May be done again. Raises UsageError outside a work tree, and where somebody else's setting or hook is in the way:
    then nothing is written.
    """
    where, program = _find(folder), _program()
    writes_hook = hook and _needs_hook(where, program)
    command = where.config.get("diff.ledger.textconv")
    if command is not None and _CALL not in command:
        raise UsageError(
            f"git has another diff.ledger.textconv here: {command}",
            hint="to give it up: git config --local --unset-all diff.ledger.textconv",
        )
    before = _read(where.attributes)
    after = _with_block(before, where.attributes)
    if after != before:
        _write(where.attributes, after)
    for key, value in {"textconv": _textconv(program), "binary": "true"}.items():
        if where.config.get(f"diff.ledger.{key}") != value:
            _configure(where, "--replace-all", f"diff.ledger.{key}", value)
    if writes_hook:
        _write(where.hook, _hook(program), executable=True)
    return settings(folder)


def uninstall(folder: str) -> list[str]:
    """Take away what `install` has set, and nothing else; return the files that were changed."""
    where = _find(folder)
    changed = []
    before = _read(where.attributes)
    rest = before and _without_block(before, where.attributes)
    if rest != before:
        _write(where.attributes, rest)
        changed.append(where.attributes)
    if _CALL in where.config.get("diff.ledger.textconv", ""):
        _configure(where, "--unset-all", "diff.ledger.textconv")
        if where.config.get("diff.ledger.binary") == "true":
            _configure(where, "--unset-all", "diff.ledger.binary")
        changed.append(os.path.join(where.git_folder, "config"))
    if _is_ours(_read(where.hook)):
        _write(where.hook, None)
        changed.append(where.hook)
    return changed


def settings(folder: str) -> Settings:
    """Say what is set, and whether it works; raises UsageError outside a work tree."""
    where = _find(folder)
    lines = _read(where.attributes) or ""
    command = where.config.get("diff.ledger.textconv")
    rule = process.run(where.top, "check-attr", "-z", "diff", "--", _PROBE)
    return Settings(
        where.top,
        where.attributes,
        any(_block(made) in lines for made in ("", _MADE)),
        process.texts(rule or b"")[2:] == ["ledger"],
        command,
        command is not None and _answers(where, command),
        where.hook,
        _hook_state(where),
    )


def _find(folder: str) -> _Where:
    found = repository.find(folder)
    if found is None:
        raise UsageError(f"{os.path.abspath(folder)} is in no git repository", hint="git init")
    if found.top is None:
        raise UsageError(
            f"{found.git_folder} is a bare repository: it has no work tree to compare or to commit from",
            hint="do this in a clone of it",
        )
    listing = process.run(found.top, "config", "--show-scope", "--list", "-z")
    if listing is None:
        raise UsageError(f"git cannot read the repository {found.top}", hint=f"see: git -C {found.top} status")
    words = process.texts(listing)
    config: dict[str, str] = {}
    hooks, scope_of_hooks = os.path.join(found.git_folder, "hooks"), "local"
    for scope, item in zip(words[::2], words[1::2], strict=False):
        key, _, value = item.partition("\n")
        if scope == "local":
            config[key] = value
        if key == "core.hookspath" and value:
            hooks, scope_of_hooks = os.path.join(found.top, os.path.expanduser(value)), scope
    foreign = None if scope_of_hooks in ("local", "worktree") else hooks
    attributes = os.path.join(found.git_folder, "info", "attributes")
    return _Where(found.top, found.git_folder, attributes, os.path.join(hooks, "pre-commit"), foreign, config)


def _configure(where: _Where, *arguments: str) -> None:
    if process.run(where.top, "config", "--local", *arguments) is None:
        path = os.path.join(where.git_folder, "config")
        raise StorageFault(
            f"git cannot change {path}", hint=f"look at its permissions, and for a left-over {path}.lock"
        )


# The program that git calls. It may go away, with its environment: each command goes on without it.


def _program() -> list[str]:
    """Return how to start this very ledger: its entry point, else the interpreter (-P: nothing here is imported)."""
    entry = os.path.join(os.path.dirname(sys.executable), "git-ledger")
    return [entry] if os.access(entry, os.X_OK) else [sys.executable, "-P", "-m", "ledger"]


def _textconv(program: list[str]) -> str:
    """Return the command by which git makes text of a file; it succeeds whatever becomes of the program."""
    # `ledger` on PATH may be the accounting program of that name; `git-ledger` is ours.
    line = f'printf \'%s file, %s bytes; {_NO_PROGRAM}\\n\' "${{1##*.}}" "$(wc -c 2>/dev/null <"$1" | tr -d \' \')"'
    return f"t() {{ {shlex.join(program)} {_CALL} || git-ledger {_CALL} || {line}; }}; t"


def _answers(where: _Where, command: str) -> bool:
    """Say whether a program of ledger stands behind the command."""
    import subprocess

    probe = os.path.join(where.git_folder, "HEAD")
    try:
        done = subprocess.run(
            ["sh", "-c", f'{command} "$@"', "sh", probe],
            cwd=where.top,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=process.TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0 and bool(done.stdout) and _NO_PROGRAM.encode() not in done.stdout


# The block of lines


def _block(made: str) -> str:
    binary = (
        extension
        for extension, media in layout.MEDIA_TYPES.items()
        if not media.startswith("text/") and extension not in _TEXTS
    )
    lines = [f"**/{layout.FOLDER}/runs/**/*.parquet", *(f"**/{layout.FOLDER}/blobs/*/*.{e}" for e in binary)]
    return "\n".join([f"{_BEGIN}{made}", *(f"{line} diff=ledger" for line in lines), _END, ""])


def _with_block(text: str | None, path: str) -> str:
    """Return the text with the block in front: what the user has below outdoes it, and stays as it is."""
    made = _MADE if text is None or _BEGIN + _MADE in text else ""
    return _block(made) + (_without_block(text or "", path) or "")


def _without_block(text: str, path: str) -> str | None:
    """Return what remains without the block; None where the file was made for it and holds nothing else."""
    start = 0 if text.startswith(_BEGIN) else text.find(f"\n{_BEGIN}") + 1
    if not text.startswith(_BEGIN, start):
        return text
    end = text.find(_END, start)
    if end < 0:
        raise UsageError(
            f"{path} has the line {_BEGIN!r} and no {_END!r}: what is ours in it cannot be told",
            hint="delete the lines with diff=ledger there, and that one",
        )
    end += len(_END)
    rest = text[:start] + text[end + text.startswith("\n", end) :]
    return rest if rest or not text.startswith(_BEGIN + _MADE, start) else None


# The hook


def _hook(program: list[str]) -> str:
    """Return the hook: a program that is gone, or does not start, is said and stops no commit."""
    return f"""\
#!/bin/sh
{_MARK}
check() {{
    command -v "$1" >/dev/null 2>&1 || return
    "$@" {_CHECK} && exit
    status=$?
    "$@" --version >/dev/null 2>&1 && exit $status
}}
check {shlex.join(program)}
check git-ledger
echo "ledger is not here, so what is staged was not checked; see: ledger git install --hook" >&2
exit 0
"""


def _is_ours(text: str | None) -> bool:
    """Say whether a hook is as some version or place of ledger writes it."""
    return text is not None and text.startswith(f"#!/bin/sh\n{_MARK}\n")


def _hook_state(where: _Where) -> str:
    text = _read(where.hook)
    if text is None:
        return "absent"
    if _is_ours(text):
        return "installed" if os.access(where.hook, os.X_OK) else "other"
    config = _read(os.path.join(where.top, ".pre-commit-config.yaml")) or ""
    calls = any("ledger" in line and _CHECK in line and line.lstrip()[0] != "#" for line in text.split("\n"))
    return "calls" if calls or (_is_frameworks(text) and HOOK_ID in config) else "other"


def _is_frameworks(hook: str) -> bool:
    return "generated by pre-commit" in hook


def _needs_hook(where: _Where, program: list[str]) -> bool:
    """Say whether the hook must be written; raises UsageError where that is not ours to do."""
    text, state = _read(where.hook), _hook_state(where)
    if _is_ours(text) or (text is None and where.hooks_path is None):
        return state != "installed" or text != _hook(program)
    if state == "calls":
        return False
    line = f"{shlex.join(program)} {_CHECK} || exit 1"
    if text is None:
        raise UsageError(
            f"core.hooksPath is {where.hooks_path}, for more than this repository",
            hint=f"to have it there, make an executable {where.hook} with #!/bin/sh and this line: {line}",
        )
    hint = f"add this line to it: {line}"
    if _is_frameworks(text):
        hint = f"it is of pre-commit: add the hook {HOOK_ID} to .pre-commit-config.yaml"
    raise UsageError(f"there is another pre-commit hook, which stays as it is: {where.hook}", hint=hint)


# Files of git


def _read(path: str) -> str | None:
    """Return the text of a file, byte for byte; None where there is none."""
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageFault(f"cannot read {path}: {error.strerror}") from None


def _write(path: str, text: str | None, *, executable: bool = False) -> None:
    """Write a file that appears whole, through a link to it and with its mode; or remove it."""
    path = os.path.realpath(path)
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        if text is None:
            os.unlink(path)
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else None
        with open(temporary, "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
            mode = os.fstat(file.fileno()).st_mode & 0o777 if mode is None else mode
        os.chmod(temporary, mode | (mode & 0o444) >> 2 if executable else mode)
        os.replace(temporary, path)
    except OSError as error:
        raise StorageFault(f"cannot write {path}: {error.strerror}") from None
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
