"""`ledger init`: make a ledger; not needed, since the first `log` makes one too."""

import click

from ledger import api
from ledger.cli import output


@click.command("init")
@click.argument("directory", required=False)
def command(directory: str | None) -> None:
    """Make a ledger in DIRECTORY, else at the top of the git repository, else here."""
    root, new = api.make(directory)
    output.text(f"{'made' if new else 'there is already'} a ledger at {root}\n")
    if new:
        output.notice("commit it beside the code: git add .ledger")
