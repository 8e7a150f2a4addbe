"""`ledger diff RUN RUN`: what differs between two runs."""

import click

from ledger import api
from ledger.cli import options, output


@click.command("diff")
@click.argument("a", metavar="RUN")
@click.argument("b", metavar="RUN")
@options.metric
@click.option("--all", "show_all", is_flag=True, help="Show what is the same too.")
@click.option("--exit-code", is_flag=True, help="Exit 1 if anything differs.")
@options.formats()
def command(a: str, b: str, metrics: tuple[str, ...], show_all: bool, exit_code: bool, form: str | None) -> None:
    """Say what differs from the first RUN to the second: params, metrics with a verdict, charts, packages, commit."""
    ledger = api.open()
    found = ledger.diff(a, b, metrics=metrics)
    output.run_notices([ledger.state(a), ledger.state(b)])
    document = found.to_json()
    if form == "json":
        output.json(document)
    elif form == "csv":
        values = [[key, change.old, change.new, change.diff, change.verdict] for key, change in found.metrics.items()]
        output.rows(form, ["metric", *_PARTS], values)
    else:
        from ledger.view.comparison import diff_markdown, render_diff

        goals = {key: ledger.schema.metric(key).goal for key in document["metrics"]}
        if form == "md":
            output.text(diff_markdown(document, goals))
        else:
            output.text(render_diff(document, goals, show_all=show_all, color=output.color(), width=output.width()))
    if exit_code and found.changed:
        click.get_current_context().exit(1)


_PARTS = ["old", "new", "diff", "verdict"]
