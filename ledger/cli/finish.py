"""`ledger finish`: seal and close a run that `ledger start` opened, or that a dead process left."""

import os

import click

from ledger import api
from ledger.cli import options, output
from ledger.errors import LedgerError
from ledger.view.numbers import plural


@click.command("finish")
@click.argument("run", required=False)
@click.option("--stale", is_flag=True, help="Every run whose process is gone, and shared ones idle for a day.")
@click.option("--status", type=click.Choice(["finished", "failed", "interrupted"]), help="How it ended.")
@click.option("--force", is_flag=True, help="Also take up journals that another machine wrote within a day.")
@options.dry_run
def command(run: str | None, stale: bool, status: str | None, force: bool, dry_run: bool) -> None:
    """Seal what RUN (else LEDGER_RUN) logged into committed files, and close it."""
    if api.is_disabled():
        return
    ledger = api.open()
    if stale:
        if run is not None:
            raise click.UsageError("--stale takes no RUN")
        if status is not None or force:
            raise click.UsageError("--stale takes neither --status nor --force: they are for one RUN")
        _stale(ledger, dry_run)
        return
    run = run or os.environ.get("LEDGER_RUN")
    if not run:
        open_runs = [state for state in ledger.select() if state.status in ("open", "interrupted", "running")]
        listed = "".join(f"\n  {state.id}  {state.status}" for state in open_runs) or " none is open"
        raise click.UsageError(f"which run? give RUN, or set LEDGER_RUN. Unclosed:{listed}")
    if dry_run:
        state = ledger.state(run)
        if state.finished is not None:
            output.notice(f"{state.id} is {state.status}: there is nothing to close")
            return
        output.notice(f"would finish {state.id}, which is {state.status}")
        return
    _say(ledger.finish(run, status, force=force))


def _stale(ledger: api.Ledger, dry_run: bool) -> None:
    if dry_run:
        for id in ledger.stale():
            output.notice(f"would finish {id}")
        return
    failed = None
    for id, done in ledger.finish_stale().items():
        if isinstance(done, LedgerError):
            failed = done
            output.notice(f"{id}: {done}")
        else:
            _say(done)
    if failed is not None:
        click.get_current_context().exit(failed.exit_code)


def _say(done: "api.Finished") -> None:
    charts = f", {plural(done.charts, 'chart')}" if done.charts else ""
    predictions = f", {plural(done.predictions, 'set')} of predictions" if done.predictions else ""
    output.notice(f"{done.run} is {done.status}: {plural(done.rows, 'row')}{charts}{predictions} sealed")
    for gap in done.gaps:
        output.notice(f"damaged and left out: {gap}")
