"""`ledger verify`: whether the files of the ledger can be trusted."""

import contextlib
import sys
from collections.abc import Callable, Iterator

import click

from ledger import api
from ledger.cli import options, output


@click.command("verify")
@click.option("--fast", is_flag=True, help="Look at names and sizes only.")
@click.option("--rows", is_flag=True, help="Decode every row too, and hold it against what its entry says.")
@click.option("--secrets", is_flag=True, help="Look for credentials in entries and text files too.")
@options.formats(tables=False)
def command(fast: bool, rows: bool, secrets: bool, form: str | None) -> None:
    """Check everything under .ledger: names, hashes, entries, what they refer to, journals. Nothing is changed.

    What cannot be trusted is damage, and the exit code is 5. All else worth knowing is a notice: files that are absent,
    left over, or out of place.
    """
    from ledger.view import findings as view

    if fast and (rows or secrets):
        raise click.UsageError(f"--fast opens no file: it cannot go with {'--rows' if rows else '--secrets'}")
    ledger = api.open()
    with _bar() as progress:
        report = ledger.verify(fast=fast, rows=rows, secrets=secrets, progress=progress)
    if form == "json":
        output.json(view.verify_document(report))
    else:
        output.text(view.render_report(report, color=output.color()))
    if report.damage:
        click.get_current_context().exit(5)


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[int, int], None] | None]:
    """Draw a bar on a terminal's stderr while a check goes on; give what it is to be told, or None."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("verify", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
