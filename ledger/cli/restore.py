"""`ledger restore`: bring removed runs, and reverted entries, back into view."""

import click

from ledger import api
from ledger.api import correcting
from ledger.cli import options, output


@click.command("restore")
@click.argument("words", nargs=-1, required=True, metavar="RUN|ENTRY...")
@options.reason
@options.dry_run
def command(words: tuple[str, ...], reason: str | None, dry_run: bool) -> None:
    """Bring runs back that `ledger rm` took out of view, and entries that `ledger revert` did."""
    for id in correcting.restore(api.open(), words, reason, dry_run=dry_run):
        output.notice(f"{'would restore' if dry_run else 'restored'} {id}")
