"""`ledger gc`: remove blobs and segments that no entry names, anywhere git or this machine keeps one."""

import click

from ledger import api
from ledger.cli import options, output
from ledger.view import numbers


@click.command("gc")
@click.option(
    "--older-than", metavar="DAYS", type=click.IntRange(min=14), default=14, help="Not written for DAYS (14 or more)."
)
@options.dry_run
@options.formats(tables=False)
def command(older_than: int, dry_run: bool, form: str | None) -> None:
    """Remove blobs and segments that nothing names: no entry in the work tree, in any branch, remote branch, tag,
    stash, reflog, index or linked work tree, and no journal.

    Entries are never removed. Where not all of that can be read (no repository, a shallow or partial clone, damage),
    nothing is removed: exit code 3.
    """
    done = api.open().gc(dry_run=dry_run, older_than=older_than)
    if form == "json":
        output.json(done.to_json())
        return
    if dry_run:
        output.text("".join(f"{item.path}  {numbers.size(item.bytes)}\n" for item in done.removed))
    young = f"; {done.young} {'is' if done.young == 1 else 'are'} younger than {older_than} days" if done.young else ""
    verb = "would remove" if dry_run else "removed"
    output.notice(f"{verb} {numbers.plural(len(done.removed), 'file')}, {numbers.size(done.bytes)}{young}")
