"""`ledger export`: the valid rows of runs, for other programs."""

import sys

import click

from ledger import api
from ledger.cli import options


@click.command("export")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@options.where
@click.option("--format", "form", type=click.Choice(["jsonl", "csv", "parquet"]), default="jsonl", show_default=True)
@click.option("-o", "--output", "target", metavar="FILE", help="Write to a file instead of stdout.")
def command(runs: tuple[str, ...], where: str | None, form: str, target: str | None) -> None:
    """Write the rows of RUN... (else of all runs): run, metric, context, step, time, value."""
    ledger = api.open()
    if form == "parquet" and target is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for the terminal: give -o FILE")
    if target is None:
        ledger.write_rows(sys.stdout.buffer, form, *runs, where=where)
        return
    try:
        with open(target, "wb") as file:
            ledger.write_rows(file, form, *runs, where=where)
    except OSError as error:
        raise click.UsageError(f"cannot write {target}: {error.strerror}") from None
