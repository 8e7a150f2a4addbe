"""`ledger rename`: give a run another name; its id stays."""

import click

from ledger import api
from ledger.cli import options, output


@click.command("rename")
@click.argument("run")
@click.argument("name")
@options.dry_run
def command(run: str, name: str, dry_run: bool) -> None:
    """Call RUN by another NAME; its id stays."""
    ledger = api.open()
    if dry_run:
        output.notice(f"would call {ledger.resolve(run)} {name!r}")
        return
    ledger.rename(run, name)
