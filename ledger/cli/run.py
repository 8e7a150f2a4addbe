"""`ledger run -- CMD`: a program as a run, with the tail of its output and its exit status."""

import click

from ledger import api
from ledger.cli import options, output


@click.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--name", metavar="NAME", help="What the run is called; else the program's name.")
@options.describes_run
@click.option("--no-output", is_flag=True, help="Do not keep the tail of the output.")
@click.argument("program", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD...")
def command(
    program: tuple[str, ...],
    name: str | None,
    params: tuple[tuple[str, str], ...],
    tags: tuple[str, ...],
    group: str | None,
    parent: str | None,
    seed: int | None,
    note: str | None,
    no_output: bool,
) -> None:
    """Run a program as a run: `ledger run -- python train.py`. Exits with the program's own status.

    The program finds the run in LEDGER_RUN: `ledger.start()` and `ledger log` in it write there.
    """
    run, code = api.run_program(
        list(program),
        name=name,
        keep_output=not no_output,
        params=options.param_dict(params),
        tags=tags,
        group=group,
        parent=parent,
        seed=seed,
        note=note,
    )
    ended = "was ended by a signal" if code > 128 else "is failed"
    output.notice(f"{run} is finished" if code == 0 else f"{run} {ended} (exit status {code})")
    click.get_current_context().exit(code)
