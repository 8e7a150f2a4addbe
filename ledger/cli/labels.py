"""`ledger labels`: labels that come after the predictions: added, listed, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ledger import api
from ledger.cli import options, output
from ledger.view.numbers import plural

if TYPE_CHECKING:
    from ledger.api.labels import Added

_TOLD_MAX = 5  # contradictions that are told one by one


@click.group("labels", invoke_without_command=True)
@options.formats()
@click.pass_context
def command(context: click.Context, form: str | None) -> None:
    """Labels that come after the predictions: add them, see what came when, and how many are in.

    Predictions that were logged with ids get their y_true from them. Without a command, what came when.
    """
    if context.invoked_subcommand is None:
        context.invoke(ls, form=form)
    elif form is not None:
        asked = context.invoked_subcommand
        raise click.UsageError(f"--{form} goes behind the command: ledger labels {asked} --{form}", context)


@command.command("add")
@click.argument("file", type=click.Path(), metavar="FILE")
@click.option("--on", required=True, metavar="COLUMN", help="The column with the ids of the predictions.")
@click.option("--label-column", "label", default="label", metavar="COLUMN", show_default=True, help="The labels.")
@click.option("--split", metavar="NAME", help="Of predictions of this split only, such as prod.")
@click.option("--at", metavar="DATE", help="When they were known (UTC), if not now: 2026-11-01, 2026-11-01T09:30.")
@options.reason
@options.dry_run
@options.formats(tables=False)
def add(
    file: str,
    on: str,
    label: str,
    split: str | None,
    at: str | None,
    reason: str | None,
    dry_run: bool,
    form: str | None,
) -> None:
    """Add the labels in FILE (CSV, TSV or Parquet): a column of ids, and one of labels.

    \b
    ledger labels add june.csv --on id --split prod
    ledger labels add june.parquet --on order_id --label-column paid --split prod --at 2026-06-30

    Nothing is replaced: of an id, the label that was known last counts. Rows without an id or a label are left out.
    """
    done = api.open().add_labels(file, on, label=label, split=split, at=at, reason=reason, dry_run=dry_run)
    if form == "json":
        output.json(done.to_json())
        return
    from ledger.view.labels import added_notices, added_title

    output.notice(added_title(done))
    _contradictions(done)
    for text in added_notices(done):
        output.notice(text)


def _contradictions(done: Added) -> None:
    from ledger.view.labels import contradiction

    if not done.contradictions:
        return
    count = len({one.id for one in done.contradictions})
    output.notice(f"{plural(count, 'id')} with different labels; the last counts:")
    for one in done.contradictions[:_TOLD_MAX]:
        output.notice(f"  {contradiction(one, done.unit)}")
    if (more := len(done.contradictions) - _TOLD_MAX) > 0:
        output.notice(f"  and {more} more; all of them: --json")


@command.command("ls")
@options.formats()
def ls(form: str | None) -> None:
    """List what came when: of which split, known since when, how many, from which file."""
    found = api.open().labels()
    output.notices(found.notices)
    from ledger.view import labels

    if form == "json":
        output.json(found.to_json())
    elif form is not None:
        output.rows(form, *labels.log_values(found))
    elif found.rows():
        output.text(labels.render_log(found, color=output.color(), width=output.width()))
    elif found.sets:
        output.notice("all labels are out of view; which they are: ledger labels --json")
    elif not found.damaged:
        output.notice("no labels have come; add them with: ledger labels add FILE --on id")
    if found.damaged:
        click.get_current_context().exit(5)


@command.command("coverage")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@options.where
@click.option("--split", metavar="NAME", help="Only of this split.")
@click.option("--as-of", "as_of", metavar="DATE", help="With the labels that were known then.")
@options.formats()
def coverage(runs: tuple[str, ...], where: str | None, split: str | None, as_of: str | None, form: str | None) -> None:
    """Say how many labels of the predictions of runs are in, the truth that was logged with them included."""
    found = api.open_runs(runs).label_coverage(*runs, where=where, split=split, as_of=as_of)
    from ledger.view import labels

    if form == "json":
        output.json(found.to_json())
    elif form is not None:
        output.rows(form, *labels.coverage_values(found))
    elif found.rows:
        output.text(labels.render_coverage(found, color=output.color(), width=output.width()))
    elif not found.left_out:
        output.notice("no run has predictions")
    if found.left_out:
        click.get_current_context().exit(5)
