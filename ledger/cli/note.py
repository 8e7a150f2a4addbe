"""`ledger note`: set a run's note."""

import click

from ledger import api
from ledger.cli import options, output


@click.command("note")
@click.argument("run")
@click.argument("text")
@options.dry_run
def command(run: str, text: str, dry_run: bool) -> None:
    """Set the note of RUN to TEXT; the earlier one stays in its history."""
    ledger = api.open()
    if dry_run:
        output.notice(f"would set the note of {ledger.resolve(run)}")
        return
    ledger.note(run, text)
