"""`ledger revert`: one entry taken back; what was shown before it is shown again."""

import click

from ledger import api
from ledger.cli import options, output


@click.command("revert")
@click.argument("entries", nargs=-1, required=True, metavar="ENTRY...")
@options.reason
@options.dry_run
@options.formats(tables=False)
def command(entries: tuple[str, ...], reason: str | None, dry_run: bool, form: str | None) -> None:
    """Take entries back: the values, tags, params or labels that they brought, and nothing else of the run.

    An ENTRY is named by the id that `history` shows, or its first six digits at least. Nothing is deleted:
    `ledger restore ENTRY` brings it back.

    \b
    ledger history baseline test/auc
    ledger revert 1f0c2a -m "the new labels were wrong"
    """
    found = api.open().revert(*entries, reason=reason, dry_run=dry_run)
    if form == "json":
        output.json({"schema": "ledger.revert/1", "dry_run": dry_run, "reverted": [one.to_json() for one in found]})
    else:
        from ledger.view import backfill as view

        output.text(view.render_reverted(found, color=output.color(), width=output.width()))
    for one in found:
        of = f" of {one.name} ({one.run})" if one.run else ""
        output.notice(f"{'would revert' if dry_run else 'reverted'} {one.entry}, {one.kind}{of}")
