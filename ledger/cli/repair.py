"""`ledger repair`: bring damaged files back from git or journals, set the rest aside, seal what dead processes left."""

import click

from ledger import api
from ledger.cli import options, output
from ledger.view.numbers import plural
from ledger.view.rows import clean

SOURCES = {"git": "from git", "journal": "from a journal", "format": "constant text"}


@click.command("repair")
@click.option("--absent", is_flag=True, help="Also bring back files that are not here at all.")
@options.dry_run
@options.formats(tables=False)
def command(absent: bool, dry_run: bool, form: str | None) -> None:
    """Bring damaged files back from git or from journals; what neither has is set aside. Nothing is deleted.

    Journals that dead processes left are sealed, as `ledger finish --stale` does. Exit code 1 says that something is
    gone; what it was is listed. In a sparse or partial clone files are absent on purpose, so they are brought back with
    --absent only.
    """
    done = api.open().repair(dry_run=dry_run, absent=absent)
    if form == "json":
        output.json(done.to_json())
    else:
        lines = [f"restored   {item.path} ({SOURCES[item.source]})" for item in done.restored]
        lines += [f"set aside  {item.path} -> {item.to}" for item in done.set_aside]
        for run in done.sealed:
            charts = f", {plural(run.charts, 'chart')}" if run.charts else ""
            charts += f", {plural(run.predictions, 'set')} of predictions" if run.predictions else ""
            lines.append(f"sealed     {plural(run.rows, 'row')}{charts} of {run.run}, now {run.status}")
        lines += [f"gone       {item.path}: {item.text}" for item in done.gone]
        lines += [f"not done   {item.path}: {item.reason}" for item in done.undone]
        output.text("".join(f"{clean(' '.join(line.splitlines()))}\n" for line in lines))
        if not lines:
            output.notice("nothing to repair")
        elif dry_run:
            output.notice("nothing was done (--dry-run)")
    if not done.whole:
        click.get_current_context().exit(1)
