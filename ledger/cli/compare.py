"""`ledger compare`: many runs side by side."""

import click

from ledger import api
from ledger.cli import options, output


@click.command("compare")
@click.argument("runs", nargs=-1, metavar="RUN...")
@options.where
@options.metric
@click.option("--only-changed", is_flag=True, help="Leave out what is equal in all runs.")
@click.option("--all-params", is_flag=True, help="Show params that are equal in all runs too.")
@click.option(
    "--sort", metavar="COLUMN",
    help="Order runs by a column of ls ('-' in front: descending), or by generalization[:METRIC], which adds its row.",
)  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Compare all runs.")
@options.at
@options.formats()
def command(
    runs: tuple[str, ...],
    where: str | None,
    metrics: tuple[str, ...],
    only_changed: bool,
    all_params: bool,
    sort: str | None,
    everything: bool,
    at: str | None,
    form: str | None,
) -> None:
    """Set runs side by side: last values, the best of each metric marked, the params that differ.

    \b
    ledger compare baseline candidate
    ledger compare -F "tag = 'cv'" --metric 'test/*'
    ledger compare --all --sort generalization

    The generalization index of a run is the range of its score (accuracy, roc_auc or r2) over the splits.
    """
    if not (runs or where or everything):
        raise click.UsageError(
            "which runs? give RUN..., --filter or --all; `ledger compare @2 @1` takes the newest two"
        )
    ledger = api.open_runs(runs, at)
    comparison = ledger.compare(*runs, where=where, metrics=metrics, only_changed=only_changed, sort=sort)
    output.run_notices(comparison.runs)
    for found in comparison.definitions_differ:
        which = ", ".join(found.metrics[:8]) + (f" and {len(found.metrics) - 8} more" if len(found.metrics) > 8 else "")
        output.notice(f"not computed in one way in all of these runs: {which}\nledger charts RUN {found.chart}")
    if form == "json":
        output.json(comparison.to_json())
    elif form == "md":
        from ledger.view.comparison import comparison_markdown

        output.text(comparison_markdown(comparison))
    elif form is not None:
        names = [run.name for run in comparison.runs]
        headings = names if len(set(names)) == len(names) else [run.id for run in comparison.runs]
        values = [
            [row.name, row.goal, *(row.values.get(run.id) for run in comparison.runs)] for row in comparison.metrics
        ]
        output.rows(form, ["metric", "goal", *headings], values)
    else:
        from ledger.view.comparison import render_comparison

        output.text(render_comparison(comparison, all_params=all_params, color=output.color(), width=output.width()))
    output.stop_if_damaged(ledger, runs, where)
