"""`ledger export`: the valid rows of runs, for other programs."""

import os
import sys
from typing import IO, cast

import click

from ledger import api
from ledger.cli import options, output


@click.command("export")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@options.where
@click.option("--format", "form", type=click.Choice(["jsonl", "csv", "parquet"]), default="jsonl", show_default=True)
@click.option("-o", "--output", "target", metavar="FILE", help="Write to a file instead of stdout.")
@options.at
def command(runs: tuple[str, ...], where: str | None, form: str, target: str | None, at: str | None) -> None:
    """Write the rows of RUN... (else of all runs): run, metric, context, step, time, value."""
    ledger = api.open_runs(runs, at)
    if form == "parquet" and target is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for the terminal: give -o FILE")
    if target is None:
        ledger.write_rows(cast(IO[bytes], output.Rows()), form, *runs, where=where)
    else:
        _write(ledger, target, form, runs, where)
    output.stop_if_damaged(ledger, runs, where)


def _write(ledger: "api.Ledger", target: str, form: str, runs: tuple[str, ...], where: str | None) -> None:
    temporary = f"{target}.{os.getpid()}.tmp"  # an earlier export stays whole until this one is
    try:
        with open(temporary, "wb") as file:
            ledger.write_rows(file, form, *runs, where=where)
        os.replace(temporary, target)
    except OSError as error:
        raise click.UsageError(f"cannot write {target}: {error.strerror}") from None
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
