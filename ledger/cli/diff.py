"""`ledger diff`: what differs between two runs, or what became of the ledger from one revision to another."""

import click

from ledger import api
from ledger.cli import options, output


@click.command("diff")
@click.argument("words", nargs=-1, metavar="[RUN RUN | REV | REV REV | REV..REV | REV...REV]")
@options.metric
@click.option("--stat", is_flag=True, help="One line a run.")
@click.option("--name-only", is_flag=True, help="The ids of the runs alone.")
@click.option("--all", "show_all", is_flag=True, help="Of two runs, show what is the same too.")
@click.option("--exit-code", is_flag=True, help="Exit 1 if anything differs.")
@options.formats()
def command(
    words: tuple[str, ...],
    metrics: tuple[str, ...],
    stat: bool,
    name_only: bool,
    show_all: bool,
    exit_code: bool,
    form: str | None,
) -> None:
    """Say what differs: between two runs, or between two revisions of the ledger.

    \b
    ledger diff                    from HEAD to the work tree
    ledger diff main               from main to the work tree
    ledger diff main...HEAD        from where HEAD left main to HEAD
    ledger diff baseline candidate
    ledger diff main:baseline baseline
    """
    if (stat or name_only) and (form or (stat and name_only)):
        raise click.UsageError("--stat, --name-only, --json, --csv and --md are different forms: give one")
    ledger = api.open_for(words)
    found = ledger.diff(*words, metrics=metrics)
    document = found.to_json()
    if isinstance(found, api.RunDiff):
        if stat or name_only:
            raise click.UsageError("--stat and --name-only are for revisions; two runs are shown whole")
        output.run_notices([found.a, found.b])
        output.notices(found.notices)
        _two_runs(ledger, found, document, show_all, form)
    elif name_only:
        output.notices(found.notices)
        runs = [*found.added, *found.removed, *(change.run for change in found.runs)]
        output.text("".join(f"{run.id}\n" for run in runs))
    else:
        output.notices(found.notices)
        _revisions(found, document, stat, form)
    if ledger.damaged and not isinstance(found, api.RunDiff):  # two runs that were read are answered in full
        click.get_current_context().exit(5)
    if exit_code and found.changed:
        click.get_current_context().exit(1)


def _two_runs(
    ledger: api.Ledger, found: "api.RunDiff", document: dict[str, object], show_all: bool, form: str | None
) -> None:
    if form == "json":
        output.json(document)
    elif form == "csv":
        values = [[key, change.old, change.new, change.diff, change.verdict] for key, change in found.metrics.items()]
        output.rows(form, ["metric", *_PARTS], values)
    else:
        from ledger.view.difference import diff_markdown, render_diff

        goals = {key: ledger.schema.metric(key).goal for key in found.metrics}
        if form == "md":
            output.text(diff_markdown(document, goals))
        else:
            output.text(render_diff(document, goals, show_all=show_all, color=output.color(), width=output.width()))


def _revisions(found: "api.LedgerDiff", document: dict[str, object], stat: bool, form: str | None) -> None:
    if form == "json":
        output.json(document)
    elif form == "csv":
        output.rows(form, ["change", "run", "name", "metric", *_PARTS], found.rows())
    else:
        from ledger.view.difference import changes_markdown, render_changes, render_stat

        if stat:
            output.text(render_stat(document))
        elif form == "md":
            output.text(changes_markdown(document, found.goals))
        else:
            output.text(render_changes(document, found.goals, color=output.color(), width=output.width()))


_PARTS = ["old", "new", "diff", "verdict"]
