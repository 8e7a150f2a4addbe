"""`ledger start`: open a run that no process holds, for shell scripts."""

import click

from ledger import api
from ledger.cli import options, output


@click.command("start")
@click.argument("name")
@options.describes_run
def command(
    name: str,
    params: tuple[tuple[str, str], ...],
    tags: tuple[str, ...],
    group: str | None,
    parent: str | None,
    seed: int | None,
    note: str | None,
) -> None:
    """Open a run called NAME and print its id, and nothing else, on stdout.

    \b
    export LEDGER_RUN=$(ledger start baseline -p lr=0.001)
    ledger log train/loss=0.3 --step 1
    ledger finish
    """
    if api.is_disabled():
        output.text("disabled\n")
        return
    run = api.start_shared(
        name, params=options.param_dict(params), tags=tags, group=group, parent=parent, seed=seed, note=note
    )
    output.text(run + "\n")
