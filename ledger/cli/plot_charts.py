"""The kinds of `ledger plot` that are drawn from chart data: ROC, confusion, residuals and so on."""

from collections.abc import Callable
from typing import Any

import click

from ledger.cli import options, plotting

_chart = click.option("--chart", metavar="NAME", help="A chart of another name, such as test/scores.")
_step = click.option("--step", type=int, metavar="N", help="Of a series the chart of this step; else the last.")
_context = click.option(
    "--context", type=options.FirstPair(), multiple=True, metavar="NAME=VALUE", help="Of one fold: fold=1."
)
_classes = click.option(
    "--class", "classes", metavar="LABEL", multiple=True, help="Of many classes only these; may be repeated."
)
_metrics = click.option("--metric", "metrics", metavar="NAME", multiple=True, help="Only these; may be repeated.")
_top = click.option("--top", type=click.IntRange(min=1), metavar="N", help="So many features; else 20.")


def _command(kind: str, doc: str, *more: Callable[..., Any]) -> click.Command:
    def plot(context: tuple[tuple[str, str], ...], **asked: Any) -> None:
        plotting.plot(kind, context=options.context_dict(context), **asked)

    plot.__doc__ = doc
    function: Callable[..., Any] = plot
    for option in (_context, _step, _chart, *more, plotting.split, plotting.shared):
        function = option(function)
    return click.command(kind.replace("_", "-"))(function)


COMMANDS = [
    _command(
        "roc",
        """Draw the true against the false positive rate: runs overlaid, with the area under each curve.

        \b
        ledger plot roc baseline candidate -o roc.svg
        ledger plot roc --split val --terminal

        Of one run with many classes the classes are overlaid; of several, a panel is a class. Of a run that was
        evaluated by folds they are overlaid, with the curve of all their predictions together; of several runs that
        curve alone.
        """,
        _classes,
    ),
    _command("pr", "Draw precision against recall: runs overlaid, with the average precision of each.", _classes),
    _command("calibration", "Draw the share of positives against the mean score of bins, over how scores are spread."),
    _command(
        "ks", "Draw the shares of both classes up to each score; of several runs, how far these shares are apart."
    ),
    _command("gain", "Draw the share of positives found in the rows of the greatest scores."),
    _command("lift", "Draw how many times more positives than by chance the rows of the greatest scores hold."),
    _command(
        "threshold",
        """Draw metrics over the threshold, their best ones marked: of one run together, of several a panel each.

        \b
        ledger plot threshold baseline --metric f1 --metric mcc
        """,
        _metrics,
    ),
    _command(
        "confusion",
        """Draw the confusion matrix of a run, or what the second of two runs has more or less than the first.

        \b
        ledger plot confusion candidate
        ledger plot confusion baseline candidate -o change.svg

        Blue is right or better, orange wrong or worse. Wrong cells are darker than their share, to be seen at all; the
        numbers are exact. Three to six runs stand side by side.
        """,
    ),
    _command(
        "residuals", "Draw truth minus prediction against the prediction, a panel a run, with the median along it."
    ),
    _command(
        "predicted_vs_true",
        "Draw the prediction against the truth, a panel a run: on the diagonal they are equal; dense cells are darker.",
    ),
    _command("importance", "Draw which features count most: bars of one run, of several a dot a run.", _top),
    _command("histogram", "Draw how values are spread: scores of each class, or residuals; runs overlaid."),
]
