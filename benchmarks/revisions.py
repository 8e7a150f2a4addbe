"""What asking git costs, with many runs and commits: `diff` beside git's, `ls --at` beside `ls`, `history`."""

import os
import shutil
import subprocess
import time
from pathlib import Path
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
        *line_of_commits(100 if quick else 1_000, 3 if quick else 7),
    ]


def line_of_commits(commits: int, rounds: int) -> list[Figure]:
    """Return the figures of `ledger history METRIC`, of a repository whose commits brought a run each."""
    os.makedirs("line")
    os.chdir("line")
    git("init", "-q", "-b", "main")
    short_run()
    record(commits - 1)
    subprocess.run(["git", "fast-import", "--quiet"], check=True, input=_a_run_each())
    history = command("-m", "ledger", "history", "train/loss", "--json")
    first: list[float] = []
    for _ in range(3):
        shutil.rmtree(os.environ["LEDGER_CACHE_DIR"], ignore_errors=True)
        first += by_turns(1, {"first": history}, warm_up=0)["first"]
    timed = by_turns(
        rounds,
        {
            "start": command("-m", "ledger", "--version"),
            "again": history,
            "git": lambda: git("log", "--stat", "--first-parent", "--", ".ledger/runs"),
        },
    )
    start, again, beside = (median(timed[name]) * 1000 for name in ("start", "again", "git"))
    name = f"ledger history METRIC over {commits:,} commits"
    return [
        Figure(f"{name}, the first time, beside git log --stat", median(first) * 1000, "ms", beside),
        Figure(f"{name}, once more less its start, beside git log --stat", again - start, "ms", beside, ratio_limit=3),
    ]


def _a_run_each() -> bytes:
    """Return what makes git commit the runs here one by one."""
    parts = []
    for number, folder in enumerate(sorted(Path(".ledger/runs").glob("*/*"))):
        parts.append(b"commit refs/heads/main\ncommitter Ada <ada@example.org> %d +0000\n" % (1_700_000_000 + number))
        parts.append(b"data 5\na run\n")
        for file in sorted(folder.iterdir()):
            data = file.read_bytes()
            parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (str(file).encode(), len(data), data))
    return b"".join(parts)


def git(*arguments: str) -> None:
    """Run git as a user would."""
    subprocess.run(["git", *arguments], check=True, stdout=subprocess.DEVNULL, env=os.environ)


def commit(message: str) -> None:
    """Commit everything."""
    git("add", "--all")
    git("commit", "-q", "-m", message)
