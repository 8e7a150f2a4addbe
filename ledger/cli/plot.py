"""`ledger plot`: pictures of runs, each kind a command of its own."""

from typing import Any

import click

from ledger.cli import options, plot_charts, plotting


@click.group("plot")
def command() -> None:
    """Draw runs: one command a kind of picture.

    The picture is written to ./KIND.png, or to ./KIND-2.png where that is another picture, or to the file that -o
    names. The same data gives the same bytes.
    """


@command.command("curves")
@plotting.shared
@options.metric
@click.option("--x", metavar="step|time|METRIC", default="step", help="What is across; time since each run began.")
@click.option("--smooth", type=float, metavar="W", help="Moving average, 0 to 1; the raw line stays, faint.")
@click.option("--log-x", is_flag=True, help="A logarithmic x axis.")
@click.option("--log-y", is_flag=True, help="A logarithmic y axis.")
@click.option("--band", type=click.Choice(["group", "seed"]), help="The mean over runs of a group, or of all seeds.")
@click.option(
    "--interval", type=click.Choice(["range", "mean"]), default="range",
    help="Of a band: from least to greatest value, or the 95 % interval of the mean.",
)  # fmt: skip
def curves(**asked: Any) -> None:
    """Draw metrics over their steps: runs overlaid, train dashed beside val.

    \b
    ledger plot curves baseline candidate --metric loss --smooth 0.6
    ledger plot curves -F "group = 'lr-sweep'" --band seed --metric val/auc -o auc.svg

    A metric is a panel; `--metric loss` is loss on every split. Of more than seven runs the five best are in colour. A
    cross is where a value that is no number follows.
    """
    plotting.plot("curves", **asked)


@command.command("boomerang")
@plotting.shared
@click.option("--x", metavar="METRIC", help="Across; else of loss, log_loss, rmse, mse what most runs have.")
@click.option("--y", metavar="METRIC", help="Up; else of accuracy, roc_auc, r2 what most runs have.")
@click.option("--min-score", type=float, metavar="V", help="Only models whose y is at least as good on every split.")
@click.option("--max-loss", type=float, metavar="V", help="Only models whose x is at least as good on every split.")
@click.option("--on", metavar="SPLIT", help="Hold the limits against this split alone.")
@click.option("--by", metavar="COLUMN", help="A panel for each group, tag or value of a param; the others in grey.")
@click.option("--log-x", is_flag=True, help="A logarithmic x axis.")
def boomerang(**asked: Any) -> None:
    """Draw each model as a line through its splits, from train over val to test: a tight one generalizes.

    \b
    ledger plot boomerang
    ledger plot boomerang -F "tag = 'sweep'" --min-score 0.9 --max-loss 0.4
    ledger plot boomerang --by group

    Last values are drawn; of folds the mean, with a bar from the least to the greatest. A value equal to a limit
    passes, one that is missing or NaN does not; models that fail one are pale. The star is on the least generalization
    index (max - min of the score over the splits) of the models whose worst split is no worse than the median one.
    """
    plotting.plot("boomerang", **asked)


@command.command("scatter")
@plotting.shared
@click.option("--x", metavar="COLUMN", help="Across, such as params.lr; else the param with the most values.")
@click.option("--y", metavar="COLUMN", help="Up, such as val/auc or best:val/auc.")
@plotting.split
def scatter(**asked: Any) -> None:
    """Draw a param against a metric, a point per run.

    \b
    ledger plot scatter --x params.lr --y val/auc
    ledger plot scatter -F "tag = 'sweep'" --x optimizer --y accuracy --split val
    """
    plotting.plot("scatter", **asked)


@command.command("parallel")
@plotting.shared
@click.option("--param", "params", metavar="GLOB", multiple=True, help="Only params of these names.")
@click.option("--metric", metavar="COLUMN", help="The metric at the right.")
@plotting.split
def parallel(**asked: Any) -> None:
    """Draw a line per run across its params to a metric: dark lines end well.

    \b
    ledger plot parallel -F "tag = 'sweep'" --metric val/auc
    """
    plotting.plot("parallel", **asked)


@command.command("montage")
@click.argument("run")
@click.argument("chart", required=False)
@click.option("--step", "steps", type=int, multiple=True, metavar="N", help="Only the pictures of these steps.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N pictures, evenly apart; else 24.")
@click.option("--columns", type=click.IntRange(min=1), metavar="N", help="So many side by side.")
@click.option("-o", "--output", "target", metavar="FILE", help="Write FILE.png, over what is there.")
@options.at
@options.formats()
def montage(run: str, **asked: Any) -> None:
    """Draw the pictures of a series of RUN as a grid; without CHART, of its longest series.

    \b
    ledger plot montage digits weights -o weights.png
    """
    plotting.plot("montage", (run,), None, terminal=False, **asked)


for _kind in plot_charts.COMMANDS:
    command.add_command(_kind)
