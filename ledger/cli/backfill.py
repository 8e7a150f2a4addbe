"""`ledger backfill`: a metric for runs that are closed: given, computed, from a table, or by running old commits."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import click

from ledger import api
from ledger.cli import options, output


class Step(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A whole number, or `all`."""

    name = "N|all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Return the step; a word that is none is a usage error."""
        if value == "all" or isinstance(value, int):
            return "all" if value == "all" else int(value)
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is neither a whole number nor 'all'", param, ctx)


@click.command("backfill")
@click.argument("metrics", nargs=-1, metavar="[METRIC[=VALUE]]...")
@click.option("--run", "runs", metavar="SELECTOR", multiple=True, help="Of these runs; may be given several times.")
@options.where
@click.option("--all", "every", is_flag=True, help="Of all runs.")
@click.option("--split", metavar="NAME", help="Of which predictions; else test, val, or the only ones.")
@click.option("--step", type=Step(), help="Of which step; else of the run as a whole, or the last.")
@click.option("--from", "function", metavar="MODULE:NAME", help="A function of your own: my_pkg.metrics:profit.")
@click.option("--chart", "charts", is_flag=True, help="METRIC is a chart; of a bundle, its charts too.")
@click.option(
    "--kind", metavar="KIND", help="binary, multiclass, multilabel or regression; else as before, or guessed."
)
@click.option("--threshold", type=float, metavar="T", help="A row is positive where its score is greater.")
@click.option("--option", "given", type=options.FirstPair(), multiple=True, help="Of the kind: beta=2.")
@click.option("--as-of", metavar="DATE", help="With the labels that were known then.")
@click.option("--csv", "table", metavar="FILE", help="Values computed elsewhere: a row a run, a column a metric.")
@click.option("--match", type=click.Choice(["run", "name", "id"]), help="The column of --csv that says which run.")
@click.option("--commits", metavar="A..B", help="Run a command at each of these commits; it is given by --run.")
@click.option("--name", metavar="NAME", help="What the runs of --commits are called.")
@click.option("--group", metavar="NAME", help="The group of the runs of --commits.")
@click.option("--force", is_flag=True, help="Cells that have a value, too.")
@click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="Processes; else as many as are worth it, and 1 for --commits."
)
@click.option("--on", metavar="ADDRESS", help="A Dask cluster: tcp://scheduler:8786, or local-dask.")
@options.reason
@options.dry_run
@options.formats(tables=False)
def command(metrics: tuple[str, ...], form: str | None, **given: Any) -> None:
    """Add a metric to runs that are closed; every number that it replaces stays in `ledger history`.

    \b
    ledger backfill test/auc=0.62 --run baseline -m "late labels"       a value, as a correction
    ledger backfill f2 --split test --run tag:cv                        computed from stored predictions
    ledger backfill binary --all                                        the whole evaluation
    ledger backfill --from my_pkg.metrics:profit --all                  a function of your own
    ledger backfill --csv scores.csv --match name                       computed elsewhere
    ledger backfill --commits v1..main --run 'python eval.py'           by running old commits
    """
    _refuse_mixtures(metrics, given)
    if given["commits"] is not None:
        _of_commits(given, form)
    elif given["table"] is not None:
        _of_table(metrics, given, form)
    elif any("=" in metric for metric in metrics):
        _of_values(metrics, given, form)
    else:
        _computed(metrics, given, form)


_FORMS = {"commits": "--commits", "table": "--csv", "function": "--from"}
# Each option that belongs to some forms only: values, table, computed, commits.
_ONLY = {
    "every": ("--all", "values computed"),
    "where": ("-F", "values computed"),
    "split": ("--split", "computed"),
    "step": ("--step", "values computed"),
    "charts": ("--chart", "computed"),
    "kind": ("--kind", "computed"),
    "threshold": ("--threshold", "computed"),
    "given": ("--option", "computed"),
    "as_of": ("--as-of", "computed"),
    "match": ("--match", "table"),
    "name": ("--name", "commits"),
    "group": ("--group", "commits"),
    "force": ("--force", "computed table commits"),
    "jobs": ("--jobs", "computed commits"),
    "on": ("--on", "computed"),
    "reason": ("-m", "values computed table"),
    "runs": ("--run", "values computed commits"),
}
_CALLED = {
    "values": "METRIC=VALUE",
    "table": "--csv",
    "computed": "a metric that is computed",
    "commits": "--commits",
}


def _refuse_mixtures(metrics: tuple[str, ...], given: dict[str, Any]) -> None:
    """Raise a usage error for options that do not go together."""
    named = [flag for name, flag in _FORMS.items() if given[name] is not None]
    if len(named) > 1:
        raise click.UsageError(f"{named[0]} and {named[1]} are two ways to backfill: give one")
    valued = [metric for metric in metrics if "=" in metric]
    if valued and len(valued) < len(metrics):
        plain = next(metric for metric in metrics if "=" not in metric)
        raise click.UsageError(f"{valued[0]} is a value and {plain} is computed: give them apart")
    if valued and named:
        raise click.UsageError(f"{valued[0]} is a value, and {named[0]} says where others come from")
    form = "commits" if given["commits"] is not None else "table" if given["table"] is not None else "computed"
    form = "values" if valued else form
    for name, (flag, forms) in _ONLY.items():
        if given[name] not in (None, False, ()) and form not in forms.split():
            raise click.UsageError(f"{flag} does not go with {_CALLED[form]}")
    if form == "commits" and metrics:
        raise click.UsageError(f"--commits runs a command that logs what it will; {metrics[0]} has no place")
    if form == "commits" and len(given["runs"]) != 1:
        raise click.UsageError("--commits takes one command to run: --run 'python eval.py'")


def _computed(metrics: tuple[str, ...], given: dict[str, Any], form: str | None) -> None:
    if not metrics and given["function"] is None:
        raise click.UsageError("nothing is to be computed: name a metric, such as f2, or a bundle, such as binary")
    ledger = api.open()
    # What a function prints is no answer.
    with _told_when_interrupted(), _bar() as progress, redirect_stdout(sys.stderr):
        found = ledger.backfill(
            list(metrics),
            run=given["runs"],
            where=given["where"],
            all=given["every"],
            function=given["function"],
            split=given["split"],
            step=given["step"],
            charts=given["charts"],
            kind=given["kind"],
            threshold=given["threshold"],
            options=options.param_dict(given["given"]),
            as_of=given["as_of"],
            reason=given["reason"],
            force=given["force"],
            dry_run=given["dry_run"],
            jobs=given["jobs"],
            on=given["on"],
            progress=progress,
        )
    show(found, form)


def _of_values(metrics: tuple[str, ...], given: dict[str, Any], form: str | None) -> None:
    from ledger.cli import backfill_values

    show(backfill_values.values_form(api.open(), metrics, given), form)


def _of_table(metrics: tuple[str, ...], given: dict[str, Any], form: str | None) -> None:
    from ledger.cli import backfill_table

    show(backfill_table.table_form(api.open(), metrics, given), form)


def _of_commits(given: dict[str, Any], form: str | None) -> None:
    from ledger.cli import backfill_commits

    backfill_commits.commits_form(
        api.writable_ledger(),
        given["commits"],
        given["runs"][0],
        given["jobs"],
        given["name"],
        given["group"],
        given["force"],
        given["dry_run"],
        form == "json",
    )


def show(found: Any, form: str | None) -> None:
    """Show what a backfill did; exits with 1 where something that was asked for was left out."""
    from ledger.view import backfill

    document = found.to_json()
    if form == "json":
        output.json(document)
    else:
        output.text(backfill.render(document, color=output.color(), width=output.width()))
    for text in found.notices:
        output.notice(text)
    for text in backfill.left_out(document):
        output.notice(text)
    if not found.complete:
        click.get_current_context().exit(5 if any(left.damaged for left in found.left_out) else 1)


@contextmanager
def _told_when_interrupted() -> Iterator[None]:
    """Say how far it came when it is interrupted, by Ctrl-C or SIGTERM."""

    def stop(number: int, _: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGTERM)
    ours = before is signal.SIG_DFL and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt as stopped:
        if str(stopped):
            output.notice(str(stopped))
        raise
    finally:
        if ours:
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None] | None]:
    """Show a bar on stderr while many sets of predictions are computed; nothing where nobody looks."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("backfill", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
