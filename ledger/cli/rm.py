"""`ledger rm`: take runs out of every view; their files stay."""

import click

from ledger import api
from ledger.cli import options, output


@click.command("rm")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@options.reason
@options.dry_run
def command(runs: tuple[str, ...], reason: str | None, dry_run: bool) -> None:
    """Take runs out of every view. Nothing is deleted: `ledger restore` brings them back."""
    ledger = api.open()
    ids = [ledger.state(run).id for run in runs]
    for id in dict.fromkeys(ids):
        if not dry_run:
            ledger.remove(id, reason)
        output.notice(f"{'would remove' if dry_run else 'removed'} {id}")
