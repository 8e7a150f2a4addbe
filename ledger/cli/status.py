"""`ledger status`: what is going on in the ledger, and what needs a hand."""

from typing import Any

import click

from ledger import api
from ledger.cli import options, output
from ledger.view.numbers import plural


@click.command("status")
@options.formats(tables=False)
def command(form: str | None) -> None:
    """Say where the ledger is, how many runs it has, which are unclosed, and what git would leave out."""
    ledger = api.open()
    found = ledger.status()
    output.left_out(ledger)
    if form == "json":
        output.json(found)
    else:
        _show(found)
    output.stop_if_damaged(ledger, ())


def _show(found: dict[str, Any]) -> None:
    counts = ", ".join(f"{count} {status}" for status, count in found["runs"].items()) or "no runs"
    output.text(f"ledger   {found['path']}\nruns     {counts}\n")
    if labels := found.get("labels"):
        from ledger.view.labels import moment

        entries = plural(labels["entries"], "time")
        output.text(f"labels   {labels['labels']}, added {entries}, known up to {moment(labels['newest'])}\n")
    for run in found["unclosed"]:
        output.text(f"  {run['status']:<12} {run['id']}\n")
    if count := len(found["stale"]):
        them = "it" if count == 1 else "them"
        output.text(f"{plural(count, 'run')} ended without being closed; seal {them} with: ledger finish --stale\n")
    for notice in found["notices"]:
        output.notice(notice)
