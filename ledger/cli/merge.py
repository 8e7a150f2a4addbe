"""`ledger merge`: add what another ledger, or a revision, has and this one has not."""

import click

from ledger import api
from ledger.cli import options, output
from ledger.view import numbers
from ledger.view.rows import clean


@click.command("merge")
@click.argument("source", metavar="REV|PATH")
@options.dry_run
@options.formats(tables=False)
def command(source: str, dry_run: bool, form: str | None) -> None:
    """Add the files that another ledger has and this one has not: of a folder, or as a commit, branch or tag has it.

    What a reverted merge or `git rm` took away comes back; nothing is changed, removed or staged. Each file is checked
    against the hash in its name. Where a word is both a revision and a folder, write rev:WORD or ./WORD.

    \b
    ledger merge HEAD~3
    ledger merge ../other/.ledger

    What cannot be taken is listed, and all else is merged. Exit code 5: files here are damaged (ledger repair); else 3:
    git does not have all of it here, as in a partial clone; else 1: some of it is no file of a ledger, or not what its
    name says. Journals are not taken: what is unsealed there is said.
    """
    done = api.writable_ledger().merge(source, dry_run=dry_run)
    if form == "json":
        output.json(done.to_json())
    else:
        lines = [f"new       {run}" for run in done.new]
        lines += [f"more of   {run}" for run in done.changed]
        lines += [f"left out  {path}: {reason}" for path, reason in done.left_out]
        lines += [f"absent    {path}: {reason}" for path, reason in done.absent]
        lines += [f"damaged   {path}: {reason}; see: ledger repair" for path, reason in done.damaged]
        output.text("".join(f"{clean(' '.join(line.splitlines()))}\n" for line in lines))
        if done.files:
            parts = [numbers.plural(len(done.new), "new run")] if done.new else []
            parts += [f"more of {numbers.plural(len(done.changed), 'run')}"] if done.changed else []
            count = f"{numbers.plural(done.files, 'file')}, {numbers.size(done.bytes)}"
            what = "; ".join(filter(None, [", ".join(parts), count]))
            output.notice(f"{'would merge' if dry_run else 'merged'} {done.source}: {what}")
        else:
            rest = "nothing more that can be taken" if done.left_out or done.absent else "nothing that is not here"
            output.notice(f"nothing to merge: {done.source} has {rest}")
    if done.unsealed:
        output.notice(
            f"{done.source} has {numbers.plural(len(done.unsealed), 'run')} with rows that are not sealed;"
            " there: ledger finish --stale"
        )
    code = 5 if done.damaged else 3 if done.absent else 1 if done.left_out else 0
    click.get_current_context().exit(code)
