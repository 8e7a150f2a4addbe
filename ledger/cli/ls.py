"""`ledger ls`: the list of runs."""

from typing import Any

import click

from ledger import api
from ledger.cli import options, output


@click.command("ls")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@options.where
@click.option(
    "--sort", metavar="COL", multiple=True, help="Sort by a column; -COL for descending. Default: newest first."
)
@click.option("-c", "--columns", metavar="COL[,COL]", multiple=True, help="Show these: id, best:val/auc, params.lr ...")
@click.option("--limit", type=click.IntRange(min=0), help="Show only so many.")
@click.option("--status", multiple=True, type=click.Choice(["running", "finished", "failed", "interrupted", "open"]))
@click.option("--removed", is_flag=True, help="Show the runs that were taken out of view instead.")
@options.at
@options.formats()
def command(
    runs: tuple[str, ...],
    where: str | None,
    sort: tuple[str, ...],
    columns: tuple[str, ...],
    limit: int | None,
    status: tuple[str, ...],
    removed: bool,
    at: str | None,
    form: str | None,
) -> None:
    """List runs, newest first: all of them, or those that RUN and --filter choose."""
    ledger = api.open_runs(runs, at)
    if removed and (runs or where or sort or status):
        raise click.UsageError("--removed lists all of them: it takes no RUN, --filter, --sort or --status")
    if removed:
        states = ledger.removed()[:limit]
        output.left_out(ledger)
    else:
        states = ledger.select(*runs, where=where, sort=sort, limit=limit, status=status)
    if form == "json":
        from ledger.view.document import ls_document

        output.json(ls_document(states))
    else:
        empty = "no runs fit" if runs or where or status else "no runs"
        _table(ledger, states, [c for spec in columns for c in split_columns(spec)], form, empty)
    output.run_notices(states)
    output.stop_if_damaged(ledger, runs, where)


def split_columns(spec: str) -> list[str]:
    """Return the columns of a list such as `id,val/auc{fold=1,seed=2}`, whose contexts keep their commas."""
    parts, depth, start = [], 0, 0
    for i, character in enumerate(spec):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(spec[start:i])
            start = i + 1
    return [part for part in [*parts, spec[start:]] if part.strip()]


def _table(ledger: "api.Ledger", states: list[Any], columns: list[str], form: str | None, empty: str) -> None:
    found = ledger.overview(states, columns)
    if form is not None:
        headings = [column.heading if columns else column.text for column in found.columns]
        output.rows(form, headings, found.plain_rows())
    elif not states:
        output.notice(empty)
    else:
        from ledger.view.text import render_runs

        output.text(
            render_runs(
                states, found.columns, found.rows, goals=found.goals, color=output.color(), width=output.width()
            )
        )
