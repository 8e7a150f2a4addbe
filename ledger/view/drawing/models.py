"""The models of a boomerang as a table: the score on each split, the worst, the gap to train, the index."""

from ledger.table.boomerang import Boomerang, Model
from ledger.table.splits import rank
from ledger.view import numbers
from ledger.view.comparison import run_headings
from ledger.view.rows import Cell, paint, render_table
from ledger.view.text import metric_heading

_MOST = 20


class _Named:
    """A model as `run_headings` wants it."""

    def __init__(self, model: Model) -> None:
        self.id, self.name = model.run, model.name


def models(data: Boomerang, *, width: int | None = None, color: bool = False) -> str:
    """Write the models that are kept, the best of the worst splits first; the one that generalizes best is starred."""
    shown = data.models[:_MOST]
    splits = sorted({point.split for model in shown for point in model.points}, key=rank)
    names = run_headings([_Named(model) for model in shown])
    scores = [[{p.split: p.y for p in model.points}.get(split) for split in splits] for model in shown]
    texts = numbers.column([value for row in scores for value in row])
    written = [texts[i * len(splits) : (i + 1) * len(splits)] for i in range(len(shown))]
    found = [model.generalization for model in shown]
    gaps = numbers.column([None if one is None else one.gap for one in found])
    halves = [None if one is None else one.half_width for one in found]
    digits = numbers.column([*(None if one is None else one.value for one in found), *halves])
    indexes, spreads = digits[: len(shown)], digits[len(shown) :]
    folded = any(half is not None for half in halves)
    rows: list[list[Cell | str]] = []
    for i, model in enumerate(shown):
        index = Cell(indexes[i], "best" if model.run == data.best else None)
        more = [("± " + spreads[i]) if halves[i] is not None else "-"] if folded else []
        rows.append([names[i], *written[i], gaps[i], index, *more])
    headings = [metric_heading(data.y.metric, data.y.goal, None), *splits, "gap", "generalization ↓"]
    headings += ["95 %"] if folded else []
    align = "L" + "." * (len(splits) + 2) + "r" * folded
    text = render_table(headings, rows, align=align, color=color, width=width)
    if len(data.models) > _MOST:
        text += paint(f"({len(data.models) - _MOST} more models: --csv has all)", "dim", color) + "\n"
    return text + (f"\n{data.said}\n" if data.removed else "")
