"""`ledger backfill --commits A..B --run CMD`: a program run at each of many commits."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ledger.cli import output
from ledger.view import numbers
from ledger.view.rows import Cell, render_table

if TYPE_CHECKING:
    from ledger import api
    from ledger.record.commits import CommitRun, Imported

_SHOWN = 12  # hex digits of a commit
_STYLES = {"finished": "better", "failed": "worse", "failed-before": "worse", "not-checked-out": "worse"}
# What a shell keeps together; what it takes for more than a letter outside of that, and in double quotes too.
_QUOTED = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)
_OF_SHELLS = re.compile(r"[();<>|&*?`$\n]")
_EXPANDED = re.compile(r"(?<!\\)[`$]")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


def commits_form(
    led: api.Ledger,
    commits: str,
    command: str | Sequence[str],
    jobs: int | None,
    name: str | None,
    group: str | None,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run a command at each commit, say what became of each, and exit: 1 where one has no finished run, else 0."""
    words = split(command) if isinstance(command, str) else list(command)
    count = 0

    def progress(done: CommitRun, of: int) -> None:
        nonlocal count
        count += 1
        output.notice(f"{count} of {of}: {done.commit[:_SHOWN]} {done.outcome.replace('-', ' ')}")

    found = led.backfill_commits(
        commits, words, jobs=jobs, name=name, group=group, force=force, dry_run=dry_run, progress=progress
    )
    if as_json:
        output.json(found.to_json())
    elif found.commits:
        output.text(_table(found))
    output.notices(found.notices)
    if not as_json:
        for text in _said(found):
            output.notice(text)
    click.get_current_context().exit(1 if found.left_out else 0)


def split(command: str) -> list[str]:
    """Return the words of a command; what a shell would do with it beyond that is refused, since there is none."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise click.UsageError(f"--run {command!r} is no command line: {str(error).lower()}") from None
    if not words:
        raise click.UsageError("--run is empty; for example: --run 'python eval.py'")
    double = "".join(part for part in _QUOTED.findall(command) if part.startswith('"'))
    sign = _OF_SHELLS.search(_QUOTED.sub("", command)) or _EXPANDED.search(double)
    if sign or _ASSIGNMENT.match(words[0]):
        what = repr(sign[0]) if sign else f"setting a variable ({words[0]})"
        quoted = shlex.quote(f"sh -c {shlex.quote(command)}")
        raise click.UsageError(f"{what} in --run is for a shell: --run {quoted}")
    return words


def _table(found: Imported) -> str:
    rows: list[list[Cell | str]] = [
        [
            commit.commit[:_SHOWN],
            Cell(commit.outcome, _STYLES.get(commit.outcome)),
            commit.name or "-",
            "-" if commit.exit_status is None else str(commit.exit_status),
            commit.why or commit.subject,
        ]
        for commit in found.commits
    ]
    headings = ["commit", "outcome", "run", "exit", "why, or what the commit is about"]
    return render_table(headings, rows, align="LLlrl", color=output.color(), width=output.width())


def _said(found: Imported) -> list[str]:
    """Return what to type next, where something is left to be done."""
    texts = []
    failed = [commit for commit in found.left_out if commit.outcome in ("failed", "failed-before")]
    if failed:
        texts.append(
            f"{numbers.plural(len(failed), 'commit')} failed; what the first said: ledger charts {failed[0].run}"
            " output -o -"
        )
    if any(commit.outcome == "failed-before" for commit in failed):
        texts.append("what failed before is passed over; --force runs it again")
    if running := [commit for commit in found.left_out if commit.outcome == "running"]:
        texts.append(f"{numbers.plural(len(running), 'commit')} passed over: its run {running[0].run} is running")
    return texts
