"""One set of predictions read and computed, in whatever process: columns in, values and charts out.

A process remembers the columns that it read last, since runs which were evaluated on one test set share its truth.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from ledger.derive import streams
from ledger.derive.plan import Task, Wanted
from ledger.derive.recipes import Item, Recipe
from ledger.errors import Damage, LedgerError
from ledger.evaluate import Evaluation, lookup
from ledger.evaluate.results import ChartData, Value
from ledger.evaluate.stream import Stream
from ledger.evaluate.user_metrics import UserMetric, UserMetricFailed
from ledger.format.charts import DEFINITIONS
from ledger.record import evaluating
from ledger.record.calls import RowsCall
from ledger.record.evaluating import Place, Planned
from ledger.store.tree import Tree

if TYPE_CHECKING:
    from ledger.format.predictions import Column

REMEMBERED = 64 << 20  # bytes of columns, beside the last one read
_LONGEST = 300  # characters of what a user's code says


class Given(msgspec.Struct, frozen=True):
    """What one item gave: what is to be written, under its stored name; or why it gave nothing."""

    wanted: Wanted
    stored: str
    planned: Planned | None = None
    why: str | None = None


class Done(msgspec.Struct, frozen=True):
    """What became of a task. `known` of `of` rows had a label; `why` says what kept the whole of it from being done.

    `truth` is the digest of the y_true that counted, see `streams.Taken`.
    """

    run: str
    given: list[Given] = []
    known: int = 0
    of: int = 0
    why: str | None = None
    hint: str | None = None
    damaged: bool = False
    truth: str | None = None


class Columns(OrderedDict[Any, Any]):
    """Columns by what they are, those used last remembered, within `REMEMBERED` bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def get(self, key: Any, default: Any = None) -> Any:
        """Return a column that is remembered."""
        if key in self:
            self.move_to_end(key)
            return self[key]
        return default

    def __setitem__(self, key: Any, column: Column) -> None:
        if key in self:
            self.bytes -= super().__getitem__(key).values.nbytes
        super().__setitem__(key, column)
        self.bytes += column.values.nbytes
        while self.bytes > REMEMBERED and len(self) > 1:
            _, oldest = self.popitem(last=False)
            self.bytes -= oldest.values.nbytes


_mine = threading.local()  # a worker of a cluster may compute in several threads


def compute(root: str, recipe: Recipe, tasks: Sequence[Task]) -> list[Done]:
    """Return what becomes of tasks, one after another; what is wrong with one leaves the others alone."""
    tree = Tree(root)
    if not hasattr(_mine, "columns") or _mine.root != tree.root:
        _mine.root, _mine.columns = tree.root, Columns()
    known = _mine.columns
    return [_done(tree, recipe, task, known) for task in tasks]


def _done(tree: Tree, recipe: Recipe, task: Task, known: Columns) -> Done:
    try:
        return _computed(tree, recipe, task, known)
    except LedgerError as error:
        return Done(task.run, why=error.message, hint=error.hint, damaged=isinstance(error, Damage))
    except SystemExit as error:
        return Done(task.run, why=f"a function called sys.exit({'' if error.code is None else error.code!r})")
    except MemoryError:
        return Done(task.run, why=f"there is not enough memory for its {task.rows} rows")


def _computed(tree: Tree, recipe: Recipe, task: Task, known: Columns) -> Done:
    own = {
        wanted.item: item.own.load() for wanted in task.wanted if (item := recipe.items[wanted.item]).own is not None
    }
    stream, in_all_known, in_all, truth = streams.taken(tree, recipe, task, list(own.values()), known)
    if not stream.states.rows.n:
        return Done(task.run, why="no row has a label yet", hint="ledger labels add FILE --on id", of=in_all)
    first = task.chosen[0]
    place = Place(first.split, recipe.prefix, first.step, _context(first.context))
    results = [_given(stream, recipe, wanted, place, own.get(wanted.item)) for wanted in task.wanted]
    return Done(task.run, results, min(in_all_known, stream.states.rows.n), in_all, truth=truth)


def _context(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text)


def _given(stream: Stream, recipe: Recipe, wanted: Wanted, place: Place, own: UserMetric | None) -> Given:
    item = recipe.items[wanted.item]
    stored = wanted.chart or item.name_for(stream.kind) or item.name
    try:
        if wanted.chart is not None:
            return Given(wanted, place.name(stored), _chart(stream, stored, place))
        return Given(wanted, place.name(stored), _planned(stream, item, stored, place, own))
    except UserMetricFailed as error:
        return Given(wanted, place.name(stored), why=_line(str(error)))
    except LedgerError as error:
        return Given(wanted, place.name(stored), why=error.message)


def _line(text: str) -> str:
    """Return what a user's code said, as one line that can be read."""
    lines = text.splitlines() or [""]
    return lines[0][:_LONGEST] + ("..." if len(lines) > 1 or len(lines[0]) > _LONGEST else "")


def _chart(stream: Stream, stored: str, place: Place) -> Planned:
    """Return a chart, or nothing where it does not apply."""
    drawn = stream.chosen((), [stored]).charts
    return Planned(
        [], [evaluating.chart(place.name(stored), drawn[stored], place.step, place.context)] if drawn else []
    )


def _planned(stream: Stream, item: Item, stored: str, place: Place, own: UserMetric | None) -> Planned:
    """Return what an item asks to be written."""
    if item.sort == "bundle":
        found = stream.evaluation(charts=False)
        users = set(stream.running)
        found.values[:] = [value for value in found.values if value[0] not in users]
        return evaluating.plan(found, place)
    if item.sort == "chart":
        planned = _chart(stream, stored, place)
        if not planned.charts:
            raise UserMetricFailed(stream.chosen((), [stored]).notices[0])
        return planned
    if own is not None:
        value, definition = stream.of_user(own.name), dict(own.definition)
    else:
        if lookup.metric(item.name, stream.kind).needs == "scores" and not stream.states.rows.scored:
            raise UserMetricFailed("no scores were logged: run.log_predictions(y_score=...)")
        found = stream.chosen([item.name])
        (_, _, value), definition = found.values[0], found.definitions[stored]
    return _one(stream, stored, value, definition, place)


def _one(stream: Stream, stored: str, value: Value, definition: dict[str, Any], place: Place) -> Planned:
    """Return one value and its definition, which has a chart of its own: others may add other metrics at once."""
    rows = evaluating.plan(_alone(stream, stored, value), place, definitions=False).rows
    facts = {"kind": stream.kind, "metrics": {stored: definition}}
    name = f"{place.name(DEFINITIONS)}/{stored}"
    return Planned(rows, [evaluating.chart(name, ChartData(DEFINITIONS, {}, facts), place.step, place.context)])


def _alone(stream: Stream, stored: str, value: Value) -> Evaluation:
    rows = stream.states.rows
    return Evaluation(
        kind=stream.kind, n=rows.n, pending=rows.pending, invalid=rows.invalid, labels=stream.states.labels,
        values=[(stored, None, value)], charts={}, definitions={}, notices=[],
    )  # fmt: skip


def bits(value: Any) -> Any:
    """Return a value so that equal means equal bit for bit."""
    return np.float64(value).tobytes() if isinstance(value, float) else value


def cells(rows: Sequence[RowsCall]) -> list[tuple[str, str | None, int | None, Value]]:
    """Return rows one by one: name, context, step, value."""
    return [(name, call.context, call.step, value) for call in rows for name, value in call.values.items()]
