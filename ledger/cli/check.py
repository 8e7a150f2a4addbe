"""`ledger check`: the gate: whether runs satisfy the rules."""

from collections.abc import Callable
from typing import Any

import click

from ledger import api
from ledger.cli import options, output

_EXIT = {"pass": 0, "fail": 1, "undecided": 3}


def _limit(*names: str, text: str) -> Callable[[options.F], options.F]:
    return click.option(*names, type=options.Pair(), metavar="M=V", multiple=True, help=text)


@click.command("check")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@_limit("--min", "least", text="The least last value of a metric that passes.")
@_limit("--max", "most", text="The greatest one.")
@_limit("--max-drop", text="How far below the baseline's it may be.")
@_limit("--max-rise", text="How far above the baseline's it may be.")
@click.option("--required", metavar="M", multiple=True, help="A run without this metric fails.")
@click.option("--tolerance", metavar="V", type=float, help="By how much a limit may be missed.")
@click.option("--min-runs", metavar="N", type=int, help="How many repeats a group must have for an answer.")
@click.option("--baseline", metavar="RUN|REV", help="What to compare with. Default: the branch's upstream.")
@click.option("--no-schema", is_flag=True, help="Leave the gates of .ledger-schema out.")
@click.option("--level", metavar="P", type=float, default=0.95, help="Of the intervals of means. Default: 0.95.")
@click.option("--each", is_flag=True, help="Judge repeats with other seeds one by one.")
@click.option("--unfinished", is_flag=True, help="Judge open, failed and interrupted runs too, by what they have.")
@options.where
@options.at
@click.option("--junit", metavar="FILE", help="Write JUnit XML to FILE too.")
@options.formats()
def command(
    runs: tuple[str, ...],
    least: tuple[tuple[str, str], ...],
    most: tuple[tuple[str, str], ...],
    max_drop: tuple[tuple[str, str], ...],
    max_rise: tuple[tuple[str, str], ...],
    no_schema: bool,
    where: str | None,
    at: str | None,
    junit: str | None,
    form: str | None,
    **rules: Any,
) -> None:
    """Hold runs against rules: exit 0 if all pass, 1 if any fails, 3 if that cannot be told.

    Rules are the gates of .ledger-schema and those given here; one given here replaces the schema's of the same metric
    and kind. Without RUN the runs are those added or changed since the merge base with the baseline revision. Runs
    that differ by their seed alone are judged by the interval of their mean.

    \b
    ledger check --baseline main
    ledger check candidate --min val/auc=0.8 --max-drop val/auc=0.01 --baseline main:baseline
    """
    from ledger.view import gates as view

    ledger = api.open(rev=at)
    outcome = ledger.check(
        *runs,
        where=where,
        min=_limits("--min", least),
        max=_limits("--max", most),
        max_drop=_limits("--max-drop", max_drop),
        max_rise=_limits("--max-rise", max_rise),
        schema=not no_schema,
        **rules,
    )
    if junit is not None:
        output.write(junit, view.junit(outcome))
    if form == "json":
        output.json(outcome.to_json())
    elif form == "md":
        output.text(view.outcome_markdown(outcome))
    elif form is not None:
        output.rows(form, *view.outcome_rows(outcome))
    else:
        output.text(view.render_outcome(outcome, color=output.color(), width=output.width()))
    code = 5 if outcome.unread and outcome.verdict != "fail" else _EXIT[outcome.verdict]
    click.get_current_context().exit(code)


def _limits(flag: str, pairs: tuple[tuple[str, str], ...]) -> dict[str, float]:
    """Return limits by metric; what is no number, or is given twice, is a usage error."""
    found: dict[str, float] = {}
    for metric, text in pairs:
        if metric in found:
            raise click.UsageError(f"{flag} is given twice for {metric}")
        try:
            found[metric] = float(text)
        except ValueError:
            raise click.UsageError(f"{flag} {metric}={text}: {text!r} is no number") from None
    return found
