"""What asking git costs: `ledger diff` beside `git diff --stat`, and `ls --at` beside `ls`, with many runs in history."""

import os
import subprocess
import time
from statistics import median

from benchmarks.catalog import record
from benchmarks.measure import Figure, by_turns, command
from benchmarks.short_runs import short_run

SETTLED = 4.0  # seconds after which a folder that has not changed is trusted by its time
CHANGED = 5  # runs that the last commit brought


def measure(quick: bool) -> list[Figure]:
    """Return the figures, of a repository with 5,000 runs in its history."""
    runs = 500 if quick else 5_000
    git("init", "-q", "-b", "main")
    git("config", "user.name", "Ada Lovelace")
    git("config", "user.email", "ada@example.org")
    short_run()
    record(runs - 1 - CHANGED)
    commit("many")
    for _ in range(CHANGED):
        short_run()
    commit("a few")
    time.sleep(SETTLED)
    rounds = 5 if quick else 11
    timed = by_turns(
        rounds,
        {
            "start": command("-m", "ledger", "--version"),
            "diff": command("-m", "ledger", "diff", "HEAD~1"),
            "git": lambda: git("diff", "--stat", "HEAD~1"),
            "ls": command("-m", "ledger", "ls", "--json"),
            "at": command("-m", "ledger", "ls", "--json", "--at", "HEAD~1"),
        },
        warm_up=2,
    )
    found = {name: median(times) * 1000 for name, times in timed.items()}
    return [
        Figure(
            f"ledger diff HEAD~1 over {runs:,} runs less its start, beside git diff --stat HEAD~1",
            found["diff"] - found["start"],
            "ms",
            found["git"],
            ratio_limit=3,
        ),
        Figure(f"ledger ls --at HEAD~1 of {runs:,} runs, beside ls", found["at"], "ms", found["ls"], ratio_limit=2),
    ]


def git(*arguments: str) -> None:
    """Run git as a user would."""
    subprocess.run(["git", *arguments], check=True, stdout=subprocess.DEVNULL, env=os.environ)


def commit(message: str) -> None:
    """Commit everything."""
    git("add", "--all")
    git("commit", "-q", "-m", message)
