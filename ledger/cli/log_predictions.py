"""`ledger log-predictions`: predictions that stand in a file, kept with a run."""

from __future__ import annotations

import click

from ledger import api
from ledger.cli import options, output
from ledger.view.numbers import plural

_COLUMNS = ("y_true", "y_pred", "y_score", "ids", "timestamp", "sample_weight")


@click.command("log-predictions")
@click.argument("run")
@click.argument("file", type=click.Path(), metavar="FILE")
@click.option("--split", metavar="NAME", help="Which data they are of, such as test.")
@click.option("--y-true", metavar="COL", help="The column with the truth; several with commas are values of one row.")
@click.option("--y-pred", metavar="COL", help="Predicted labels or values.")
@click.option("--y-score", metavar="COL[,COL]", help="Scores: of the positive class, or one column for each class.")
@click.option("--ids", metavar="COL", help="What tells rows apart.")
@click.option("--timestamp", metavar="COL", help="When each row was predicted or happened.")
@click.option("--sample-weight", metavar="COL", help="Weights.")
@click.option("--slice", "slices", metavar="COL", multiple=True, help="A column that rows can be chosen by.")
@click.option("--labels", metavar="LABEL,LABEL", help="The classes, in the order of the scores.")
@click.option("--step", type=int, help="The step they belong to; without it, the run as a whole.")
@click.option("--context", "context", type=options.FirstPair(), multiple=True, help="Tells sets apart: fold=1.")
@options.reason
@options.dry_run
def command(
    run: str,
    file: str,
    split: str | None,
    slices: tuple[str, ...],
    labels: str | None,
    step: int | None,
    context: tuple[tuple[str, str], ...],
    reason: str | None,
    dry_run: bool,
    **given: str | None,
) -> None:
    """Keep the predictions in FILE (CSV, TSV or Parquet) with RUN, as columns that other runs share.

    \b
    ledger log-predictions baseline test.csv --split test --y-true label --y-score score
    ledger log-predictions baseline test.parquet --split test --y-true label --y-score p_cat,p_dog --labels cat,dog
    """
    columns = {name: column.split(",") for name in _COLUMNS if (column := given[name]) is not None}
    logged = api.open().run(run)
    rows = logged.log_predictions_file(
        file,
        split,
        columns=columns,
        slices=slices,
        labels=None if labels is None else [options.json_or_text(label) for label in labels.split(",")],
        step=step,
        context=options.context_dict(context),
        reason=reason,
        dry_run=dry_run,
    )
    of = "" if split is None else f" of {split!r}"
    verb = "would keep" if dry_run else "kept"
    output.notice(f"{verb} predictions{of} with {logged.id}: {plural(rows, 'row')}")
