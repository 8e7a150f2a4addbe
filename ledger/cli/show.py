"""`ledger show`: one run, everything that is known of it."""

import click

from ledger import api
from ledger.cli import options, output


@click.command("show")
@click.argument("run")
@options.at
@options.formats()
def command(run: str, at: str | None, form: str | None) -> None:
    """Show RUN: where it came from, params, metrics with last, best, min, max and mean, charts."""
    ledger = api.open_runs([run], at)
    state = ledger.state(run)
    if (origin := ledger.origin(state)) is not None:
        output.notice(f"{state.id}: {origin}")
    if form == "json":
        from ledger.view.document import show_document

        output.json(show_document(state))
        output.run_notices([state])
    elif form is not None:
        from ledger.view.numbers import Undefined

        headings = [
            "metric",
            "last",
            "last_step",
            "first",
            "min",
            "min_step",
            "max",
            "max_step",
            "mean",
            "count",
            "nan",
        ]
        values = []
        for key, summary in sorted(state.metrics.items()):
            last = summary.last if summary.undefined is None else Undefined(summary.undefined)
            values.append([key, last, *(getattr(summary, heading) for heading in headings[2:])])
        output.rows(form, headings, values)
        output.run_notices([state])
    else:
        from ledger.view.text import render_run

        output.text(render_run(state, ledger.schema, color=output.color(), width=output.width()))
