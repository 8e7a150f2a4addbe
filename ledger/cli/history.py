"""`ledger history`: every value that a metric of a run ever had, or the best value of a metric commit by commit."""

import click

from ledger import api
from ledger.cli import options, output


@click.command("history")
@click.argument("words", nargs=-1, required=True, metavar="RUN METRIC | METRIC")
@options.at
@click.option("--step", type=int, metavar="N", help="Of a run: the values at step N.")
@click.option("--context", "context", type=options.FirstPair(), multiple=True, help="The context of the metric.")
@click.option("--goal", type=click.Choice(["max", "min"]), help="Which way is better, where the ledger does not know.")
@click.option("--newest", is_flag=True, help="Of commits: follow the newest run with the metric, not the best one.")
@options.where
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="Of commits: only the N newest.")
@click.option("--all", "every", is_flag=True, help="Of a run: all steps. Of commits: also where nothing changed.")
@options.formats()
def command(
    words: tuple[str, ...],
    at: str | None,
    step: int | None,
    context: tuple[tuple[str, str], ...],
    goal: str | None,
    newest: bool,
    where: str | None,
    limit: int | None,
    every: bool,
    form: str | None,
) -> None:
    """Show every value that a metric of a run ever had, or the best value of a metric commit by commit.

    \b
    ledger history baseline val/auc    when, by whom, in which entry and commit, and why it is shown or not
    ledger history val/auc             the best run's last value at each commit that changed it
    ledger history best:val/auc        the same of the best step of each run

    Of a run: the value without a step if there is one, else the last step. Commits are those of the first-parent line
    of HEAD, or of --at. The column `new` has the best value of the runs that the commit itself brought or changed.
    """
    # Commits can be asked about where nothing is checked out: in a bare repository.
    ledger = api.open(rev=at) if at is not None or len(words) != 1 else api.open_for(["HEAD"])
    found = ledger.history(
        *words,
        step=step,
        context=options.context_dict(context),
        goal=goal,
        newest=newest,
        where=where,
        limit=limit,
        every=every,
    )
    if not isinstance(found, api.MetricHistory):
        _cell(ledger, found, form)
        return
    _commits(found, form)
    for text in found.notices:
        output.notice(text)
    for place, text in found.damaged.items():
        output.notice(f"left out {place}: {text}")
    if found.damaged:
        click.get_current_context().exit(5)


def _cell(ledger: api.Ledger, found: "api.CellHistory", form: str | None) -> None:
    from ledger.view import history as view

    if form == "json":
        output.json(found.to_json())
    elif form == "csv":
        output.rows(form, view.CELL_HEADINGS, view.cell_values(found))
    elif form == "md":
        output.text(view.cell_markdown(found.to_json(), commits=found.has_commits))
    else:
        goal = ledger.schema.metric(found.metric).goal
        document, commits = found.to_json(), found.has_commits
        output.text(view.render_cell(document, commits=commits, goal=goal, color=output.color(), width=output.width()))
    for text in found.notices:
        output.notice(text)
    if found.corrected:
        steps = "1 other step has" if found.corrected == 1 else f"{found.corrected} other steps have"
        output.notice(f"{steps} values that are not shown: add --all, or --step N")


def _commits(found: "api.MetricHistory", form: str | None) -> None:
    from ledger.view import history as view

    if form == "json":
        output.json(found.to_json())
    elif form == "csv":
        output.rows(form, view.COMMIT_HEADINGS, view.commit_values(found))
    elif form == "md":
        output.text(view.commits_markdown(found.to_json()))
    else:
        output.text(view.render_commits(found.to_json(), color=output.color(), width=output.width()))
