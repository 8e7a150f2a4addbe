"""A program run at each of many commits, each run with its commit as its provenance; for `ledger backfill --commits`.

Every commit is checked out into a work tree of its own, in which the program finds its run in LEDGER_RUN and the user's
ledger in LEDGER_DIR. What was done before is passed over; what fails is recorded, and the rest goes on.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, NamedTuple

import msgspec

from ledger.errors import Undecided
from ledger.git import worktrees
from ledger.git.log import LineCommit
from ledger.git.repository import Repository
from ledger.git.worktrees import Checkouts
from ledger.record import provenance, start
from ledger.record.program import OUTPUT, Ended, ProcessGroups
from ledger.record.run import Run
from ledger.store.catalog import Catalog
from ledger.store.state import RunState
from ledger.store.tree import Tree

TAG = "backfill"
CANNOT_START = 127  # as a shell has it
_LINE_MAX = 200  # characters of what the program said last

DONE = ("finished", "done-before", "to-do")  # outcomes that leave nothing to be done


class CommitRun(msgspec.Struct, frozen=True):
    """What became of one commit.

    outcome: `finished`, `failed` and `interrupted` were run now; `done-before`, `failed-before` and `running`, which
    another process is at, were passed over; `not-checked-out`; `not-begun`, when the call was interrupted before;
    `to-do`, where nothing is done.
    """

    commit: str
    subject: str
    outcome: str
    run: str | None = None
    name: str | None = None
    exit_status: int | None = None
    why: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as part of a document; what there is not is left out."""
        fields = ("commit", "subject", "outcome", "run", "name", "exit_status", "why")
        return {field: value for field in fields if (value := getattr(self, field)) is not None}


class Imported(msgspec.Struct, frozen=True):
    """What a backfill of commits did, or with `dry_run` would do: the commits asked for, each after its parents."""

    revisions: str
    command: list[str]
    commits: list[CommitRun]
    notices: list[str]
    dry_run: bool

    @property
    def left_out(self) -> list[CommitRun]:
        """The commits that have no finished run of the command."""
        return [commit for commit in self.commits if commit.outcome not in DONE]

    def to_json(self) -> dict[str, Any]:
        """Return the document that `ledger backfill --commits --json` prints."""
        return {
            "schema": "ledger.backfill/1",
            "dry_run": self.dry_run,
            "revisions": self.revisions,
            "command": self.command,
            "commits": [commit.to_json() for commit in self.commits],
            "notices": self.notices,
        }


class Task(NamedTuple):
    """What is to be run at each commit: a command, in a folder of the work tree (`.` is its top).

    Its runs are called `name`, else the stem with the beginning of the commit.
    """

    command: list[str]
    folder: str
    stem: str
    name: str | None = None
    group: str | None = None

    def name_at(self, commit: LineCommit) -> str:
        """Return what the run of a commit is called."""
        return self.name or f"{self.stem}-{commit.object[:8]}"


def standing(task: Task, states: Sequence[RunState]) -> dict[str, RunState]:
    """Return the run that counts of each commit (hex) at which the same command was run in the same folder.

    A finished one counts before one that runs, that before a failed one; those that were cut off do not count.
    """
    argv, folder = start.command_line(task.command), start.as_text(task.folder)
    ranks = {status: rank for rank, status in enumerate(("finished", "running", "failed"))}
    found: dict[str, RunState] = {}
    for state in states:
        commit = (state.git or {}).get("commit")
        same = state.program.get("argv") == argv and state.program.get("folder") == folder
        if not same or not isinstance(commit, str) or state.status not in ranks:
            continue
        if commit not in found or ranks[state.status] < ranks[found[commit].status]:
            found[commit] = state
    return found


def plan(task: Task, commits: Sequence[LineCommit], states: Sequence[RunState], *, force: bool) -> dict[str, CommitRun]:
    """Say of each commit whether it is to be done, or why it is passed over; with `force`, none is."""
    there = {} if force else standing(task, states)
    words = {"finished": "done-before", "running": "running", "failed": "failed-before"}
    planned = {}
    for commit in commits:
        before = there.get(commit.object)
        if before is None:
            found = CommitRun(commit.object, commit.subject, "to-do", name=task.name_at(commit))
        else:
            outcome, why = words[before.status], before.error if before.status == "failed" else None
            found = CommitRun(commit.object, commit.subject, outcome, before.id, before.name, before.exit_status, why)
        planned[commit.object] = found
    return planned


def carry_out(
    tree: Tree,
    here: Repository,
    task: Task,
    commits: Sequence[LineCommit],
    *,
    jobs: int = 1,
    force: bool = False,
    progress: Callable[[CommitRun], None] | None = None,
) -> dict[str, CommitRun]:
    """Run the task at each commit, `jobs` of them at once, and return what became of each; `progress` is told as well.

    What another process has begun meanwhile is passed over, unless `force` asks for all of them.
    Ctrl-C ends the programs, closes their runs as interrupted, and removes all work trees before it is raised; so does
    whatever goes wrong in recording.
    """
    done: dict[str, CommitRun] = {}
    start.prepare(tree)
    groups = ProcessGroups()
    with groups.heeding(), Checkouts(here) as checkouts:
        work = _Work(tree, here, task, groups, checkouts, force)
        with ThreadPoolExecutor(jobs, thread_name_prefix="ledger-commit") as pool:
            waiting = [pool.submit(work.at, commit) for commit in commits]
            try:
                for future in as_completed(waiting):
                    found = future.result()
                    done[found.commit] = found
                    if progress is not None:
                        progress(found)
            except BaseException:
                groups.end()
                pool.shutdown(cancel_futures=True)
                raise
    return done


class _Work:
    """What the threads share."""

    def __init__(
        self, tree: Tree, here: Repository, task: Task, groups: ProcessGroups, checkouts: Checkouts, force: bool
    ) -> None:
        self.tree, self.here, self.task, self.groups, self.checkouts = tree, here, task, groups, checkouts
        self.force = force
        self._one_at_a_time = threading.Lock()  # for where the file system has no locks

    def at(self, commit: LineCommit) -> CommitRun:
        """Check a commit out, run the task in it, and record the run."""
        found = CommitRun(commit.object, commit.subject, "not-begun")
        if self.groups.ending:
            return found
        if passed := self._passed_over(commit):  # which spares a work tree; whoever comes first is settled in `_begin`
            return passed
        try:
            path = self.checkouts.add(commit.object)
        except Undecided as error:
            return msgspec.structs.replace(found, outcome="not-checked-out", why=error.message)
        try:
            return self._record(commit, path, found)
        finally:
            self.checkouts.remove(path)

    def _record(self, commit: LineCommit, path: str, found: CommitRun) -> CommitRun:
        begun = self._begin(commit, path)
        if not isinstance(begun, Run):
            return begun or found
        with begun as run:
            ended, last = self._run(run.id, path)
            if ended.output.strip():
                run.log_text(OUTPUT, ended.output)
            outcome = "finished" if ended.status == 0 else "interrupted" if self.groups.ending else "failed"
            run.finish(outcome, exit_status=ended.status, error=ended.error)
        fields: dict[str, Any] = {"run": run.id, "name": run.name, "exit_status": ended.status}
        if ended.status:
            fields["why"] = ended.error or last
        return msgspec.structs.replace(found, outcome=outcome, **fields)

    def _begin(self, commit: LineCommit, path: str) -> Run | CommitRun | None:
        """Open the run of a commit, unless somebody else has: then return what stands; None once all is to end."""
        task = self.task
        git = provenance.of_commit(self.here.top or path, commit.object, commit.tree)
        name, checkout = task.name_at(commit), start.Checkout(git, start.as_text(task.folder))
        given = {"program": task.command, "checkout": checkout, "tags": [TAG], "group": task.group}
        with self._one_at_a_time, worktrees.alone(self.here):
            if self.groups.ending:
                return None
            return self._passed_over(commit) or start.start(self.tree, name, **given)

    def _passed_over(self, commit: LineCommit) -> CommitRun | None:
        """Return what stands of a commit that is not to be done, as the ledger is now; None for one that is."""
        if self.force:
            return None
        known = Catalog(self.tree)  # of this thread, as SQLite wants it
        try:
            known.refresh()
            found = plan(self.task, [commit], known.states(), force=False)[commit.object]
        finally:
            known.close()
        return None if found.outcome == "to-do" else found

    def _run(self, run: str, path: str) -> tuple[Ended, str | None]:
        """Run the program; return how it ended, and the last line that it wrote."""
        task, folder = self.task, os.path.normpath(os.path.join(path, self.task.folder))
        if not os.path.isdir(folder):
            return Ended(CANNOT_START, f"the commit has no folder {start.as_text(task.folder)}", ""), None
        environment = worktrees.environment(self.here, path) | {
            "LEDGER_RUN": run,
            "LEDGER_DIR": self.tree.root,
            provenance.WORK_TREE: path,
            "PWD": folder,
            "PYTHONUNBUFFERED": "1",
        }
        try:
            ended = self.groups.run(task.command, folder, environment, self.checkouts.lock)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            return Ended(CANNOT_START, f"cannot run {start.as_text(task.command[0])!r}: {why}", ""), None
        lines = [line.strip() for line in ended.output.splitlines() if line.strip()]
        return ended, lines[-1][:_LINE_MAX] if lines else None
