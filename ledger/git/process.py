"""Running git: the only module of ledger that does, above `.ledger`, in a clean environment.

It obeys no configuration found in a ledger. Where git is absent, fails or takes too long, the answer is None.
"""

import os
from collections.abc import Mapping

TIMEOUT = 30.0  # seconds, for one git process
WALK_TIMEOUT = 1800.0  # for one that looks through all history

SETTINGS = (
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


def run(
    cwd: str,
    *arguments: str,
    stdin: bytes | None = None,
    timeout: float | None = None,
    more: Mapping[str, str] | None = None,
) -> bytes | None:
    """Run git and return its standard output; None where it is absent, fails, or takes longer than TIMEOUT.

    `more` is added to its environment: the index that a hook is told of.
    """
    import subprocess

    try:
        done = subprocess.run(
            ["git", *SETTINGS, *arguments],
            cwd=cwd,
            env=environment() | dict(more or {}),
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


def environment() -> dict[str, str]:
    """Return the environment git runs in: no lazy fetch, no prompt, no other repository, the user's settings kept."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    # Old versions of git, which do not know GIT_NO_LAZY_FETCH, find no way to fetch either.
    fixed = {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
    return kept | fixed | {"LC_ALL": "C", "GIT_GRAFT_FILE": os.devnull}


def texts(listing: bytes) -> list[str]:
    """Split a list that git ended with NUL after each item."""
    return [os.fsdecode(item) for item in listing.split(b"\0") if item]


def pairs(listing: bytes, *, last: bool) -> dict[str, str]:
    """Read `git config -z`: of a key given twice, the last value counts, or the first."""
    found: dict[str, str] = {}
    for item in texts(listing):
        key, _, value = item.partition("\n")
        if last or key not in found:
            found[key] = value
    return found
