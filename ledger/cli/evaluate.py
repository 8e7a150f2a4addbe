"""`ledger evaluate`: metrics computed again from the predictions that a run keeps."""

from __future__ import annotations

import click

from ledger import api
from ledger.cli import options, output


@click.command("evaluate")
@click.argument("run")
@click.option("--split", metavar="NAME", help="Of which data; else test, val, or the only one.")
@click.option("--step", type=int, help="Of which step; else of the run as a whole, or the last.")
@click.option("--context", "context", type=options.FirstPair(), multiple=True, help="Of which set: fold=1.")
@click.option(
    "--kind", metavar="KIND", help="binary, multiclass, multilabel or regression; else as before, or guessed."
)
@click.option("--threshold", type=float, metavar="T", help="A row is positive where its score is greater.")
@click.option("--slice", "slice_", metavar="COLUMN", help="For the rows of each value of this slice, too.")
@click.option("--as-of", "as_of", metavar="DATE", help="With the labels that were known then: 2026-11-01.")
@click.option("--log", is_flag=True, help="Log what is computed to the run, unless it shows that already.")
@options.reason
@options.at
@options.formats()
def command(
    run: str,
    split: str | None,
    step: int | None,
    context: tuple[tuple[str, str], ...],
    kind: str | None,
    threshold: float | None,
    slice_: str | None,
    as_of: str | None,
    log: bool,
    reason: str | None,
    at: str | None,
    form: str | None,
) -> None:
    """Compute the metrics of RUN again from its predictions; nothing is written unless --log is given.

    \b
    ledger evaluate baseline --threshold 0.3
    ledger evaluate baseline --split val --slice country
    ledger evaluate baseline --threshold 0.3 --log -m "the threshold in use"
    """
    if log and at is not None:
        raise click.UsageError("--log adds to the run as it is now, --at shows it as it was")
    if reason is not None and not log:
        raise click.UsageError("-m says why something is logged, and --log is not given")
    ledger = api.open(rev=at)
    where = options.context_dict(context)
    found = ledger.evaluate(
        run, split, step, context=where, kind=kind, threshold=threshold, slice=slice_, charts=log, as_of=as_of
    )
    output.run_notices([ledger.state(run)])
    for notice in found.whole.notices:
        output.notice(notice)
    if log:
        logged = ledger.run(run)
        is_new = logged.log_evaluation(found, reason=reason)
    if form == "json":
        output.json(found.to_json())
    elif form == "md":
        from ledger.view.evaluation import evaluation_markdown

        output.text(evaluation_markdown(found))
    elif form == "csv":
        from ledger.view.evaluation import evaluation_values

        if found.labels is not None:
            from ledger.view.labels import coverage_line

            output.notice(coverage_line(found.labels))
        output.rows(form, *evaluation_values(found))
    else:
        from ledger.view.evaluation import render_evaluation

        output.text(render_evaluation(found, color=output.color(), width=output.width()))
    if log:
        output.notice(f"logged to {logged.id}" if is_new else f"{logged.id} shows this already: nothing is logged")
