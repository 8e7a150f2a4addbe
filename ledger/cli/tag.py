"""`ledger tag`: add tags to a run, or take them off."""

import click

from ledger import api
from ledger.cli import options, output


@click.command("tag", context_settings={"ignore_unknown_options": True})
@options.reason
@options.dry_run
@click.argument("run")
@click.argument("tags", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[+]TAG|-TAG...")
def command(run: str, tags: tuple[str, ...], reason: str | None, dry_run: bool) -> None:
    """Add tags to RUN, or take them off: `ledger tag baseline star -draft`."""
    ledger = api.open()
    if dry_run:
        output.notice(f"would tag {ledger.resolve(run)}: {' '.join(tags)}")
        return
    ledger.tag(run, *tags, reason=reason)
