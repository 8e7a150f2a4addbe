"""What all kinds of `ledger plot` share: which runs, where the picture goes, and the table in its place."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from ledger import api
from ledger.cli import options, output

F = TypeVar("F", bound=Callable[..., Any])

split = click.option("--split", metavar="SPLIT", help="Of this split; else of test, of val, or of the only one.")


def shared(function: F) -> F:
    """Add what every kind has: RUN..., --filter, --at, -o, --terminal, --csv, --md and --json."""
    for option in (
        options.formats(),
        options.at,
        click.option("--terminal", is_flag=True, help="Draw it here, as text."),
        click.option(
            "-o", "--output", "target", metavar="FILE", help="Write FILE.png, .svg or .pdf, over what is there."
        ),
        options.where,
        click.argument("runs", nargs=-1, metavar="[RUN]..."),
    ):
        function = option(function)
    return function


def quiet() -> None:
    """Let matplotlib say nothing of where it keeps its list of fonts, which is nobody's concern."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


def plot(
    kind: str,
    runs: tuple[str, ...],
    where: str | None,
    target: str | None,
    terminal: bool,
    at: str | None,
    form: str | None,
    **asked: Any,
) -> None:
    """Plot runs: `asked` are the kind's own options, those that are None or empty left to their defaults.

    The picture goes to `target`, else to a new file here; --terminal, --csv, --md and --json write to stdout instead.
    """
    quiet()
    ledger = api.open(rev=at)
    given = {name: value for name, value in asked.items() if value is not None and value != () and value is not False}
    plotted = ledger.plot_data(kind, *runs, where=where, **given)
    if form == "json":
        output.json(plotted.to_json())
    elif form is not None:
        output.rows(form, plotted.headings, plotted.rows())
    elif terminal:
        output.text(plotted.text(width=output.width() or 80, color=output.color()))
    if target is not None:
        output.write(target, plotted.picture(_form(target)))
        output.notice(f"wrote {target}")
    elif form is None and not terminal:
        data = plotted.picture()
        name, is_new = output.write_new(kind.replace("_", "-"), ".png", data)
        output.notice(f"wrote {name}" if is_new else f"{name} is there already, the same picture")
    if form is None and not terminal:
        output.text(plotted.summary(width=output.width(), color=output.color()))
    for text in plotted.notices:
        output.notice(text)
    output.stop_if_damaged(ledger, runs, where)


def _form(target: str) -> str:
    return os.path.splitext(target)[1].removeprefix(".").lower()
