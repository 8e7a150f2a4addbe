"""What `backfill` is asked for of commits: which are meant, what is run at each, and what was done before."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ledger.api.mode import is_disabled
from ledger.api.revisions import commit_of
from ledger.errors import InvalidValue, Undecided, UsageError, counted
from ledger.format import names
from ledger.git import log, place, worktrees
from ledger.git.log import LineCommit
from ledger.git.repository import Repository
from ledger.record import commits as recording
from ledger.record import program, start
from ledger.record.commits import CommitRun, Imported, Task

if TYPE_CHECKING:
    from ledger.api.ledger import Ledger

_FETCH = "git fetch --unshallow"


def backfill_commits(
    led: Ledger,
    revisions: str,
    command: Sequence[str],
    *,
    jobs: int | None = None,
    name: str | None = None,
    group: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    progress: Callable[[CommitRun, int], None] | None = None,
) -> Imported:
    """Run a command at each commit of a range; see `Ledger.backfill_commits`."""
    led.tree.path("")  # refused by a revision
    here = led.revisions.repository
    task = _task(here, command, name, group)
    if jobs is not None and jobs < 1:
        raise InvalidValue(f"jobs must be at least 1, not {jobs}")
    if is_disabled():
        raise UsageError("LEDGER_MODE is disabled, so nothing would be recorded", hint="unset LEDGER_MODE")
    chosen, notices = _chosen(here, revisions)
    notices += _of_today(here, command)
    found = recording.plan(task, chosen, led.catalog.states() if chosen else [], force=force)
    todo = [commit for commit in chosen if found[commit.object].outcome == "to-do"]
    notices += _without_submodules(here, todo)
    if todo and not dry_run:
        _refuse_unknown(task.command[0])
        told = None if progress is None else lambda done: progress(done, len(todo))
        found |= recording.carry_out(led.tree, here, task, todo, jobs=jobs or 1, force=force, progress=told)
    outcomes = [found[commit.object] for commit in chosen]
    return Imported(revisions, start.command_line(task.command), outcomes, notices, dry_run)


def _task(here: Repository, command: Sequence[str], name: str | None, group: str | None) -> Task:
    """Return what is to be run where, everything checked that can be checked before."""
    if isinstance(command, str) or not command or not all(isinstance(word, str) for word in command):
        raise UsageError(f"a command is a list of words, not {command!r}", hint='for example ["python", "eval.py"]')
    if not command[0]:
        raise UsageError("the command has no program: its first word is empty")
    if name is not None:
        names.check_run_name(name)
    if group is not None:
        names.check_text("group", group)
    folder = place.above(os.getcwd())
    inside = place.inside(here.top, folder) if here.top and folder else None
    return Task(list(command), inside or os.curdir, program.name_of(command), name, group)


def _refuse_unknown(word: str) -> None:
    """Refuse a program that no commit can bring and this machine has not, lest each commit be recorded as failed."""
    folders = os.get_exec_path()
    if os.sep in word or not all(map(os.path.isabs, folders)):
        return
    if not any(os.access(os.path.join(folder, word), os.X_OK) for folder in folders):
        raise UsageError(f"there is no program {word!r} on PATH", hint=f"one that the commits have: ./{word}")


def _chosen(here: Repository, revisions: str) -> tuple[list[LineCommit], list[str]]:
    """Return the commits that are meant, each behind its parents, and what is to be said of them."""
    since, dots, until = revisions.partition("..")
    if until.startswith("."):
        raise UsageError(
            f"{revisions!r} has three dots", hint=f"what B has and A has not: {since or 'A'}..{until[1:] or 'B'}"
        )
    if not dots:
        found = log.single(here, commit_of(here, revisions).object)
        return _answered(found, revisions), []
    a, b = commit_of(here, since or "HEAD").object, commit_of(here, until or "HEAD").object
    commits = _answered(log.between(here, a, b), revisions)
    if log.cut(here, commits):
        raise Undecided(
            f"the clone is shallow: not all commits of {revisions} are here", hint=f"{_FETCH}, or give one commit alone"
        )
    if commits:
        return commits, []
    back = len(log.between(here, b, a) or [])
    turned = f"; {until or 'HEAD'}..{since or 'HEAD'} has {counted(back, 'commit', 'commits')}" if back else ""
    return [], [f"{revisions} has no commits{turned}"]


def _answered(found: list[LineCommit] | None, revisions: str) -> list[LineCommit]:
    if found is None:
        raise Undecided(f"git cannot list the commits of {revisions}", hint=f"see what it says: git log {revisions}")
    return found


def _of_today(here: Repository, command: Sequence[str]) -> list[str]:
    """Say which words of a command are files of the user's work tree, which is not what the commits have."""
    found = [word for word in command if os.path.isabs(word) and worktrees.is_tracked(here, word)]
    return [f"{word} is the file as it is now, at every commit; relative, it is the commit's own" for word in found]


def _without_submodules(here: Repository, commits: Sequence[LineCommit]) -> list[str]:
    here.load_trees([commit.tree for commit in commits])
    count = sum(".gitmodules" in (here.tree(commit.tree) or {}) for commit in commits)
    if not count:
        return []
    return [f"{counted(count, 'commit has', 'commits have')} submodules; their folders are empty in the work trees"]
