"""`ledger restore`: bring removed runs back into view."""

import click

from ledger import api
from ledger.cli import options, output


@click.command("restore")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@options.reason
@options.dry_run
def command(runs: tuple[str, ...], reason: str | None, dry_run: bool) -> None:
    """Bring runs back that `ledger rm` took out of view."""
    ledger = api.open()
    ids = [ledger.state(run, retracted=True).id for run in runs]
    for id in dict.fromkeys(ids):
        if not dry_run:
            ledger.restore(id, reason)
        output.notice(f"{'would restore' if dry_run else 'restored'} {id}")
