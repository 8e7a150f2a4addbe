"""What a backfill has computed becomes late entries, one a run: made ready anywhere, written by this process alone.

An entry's `source` says of each value which function made it, in which versions, of which columns.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import Future, wait
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from time import monotonic
from typing import Any, NamedTuple

from ledger.derive import keys, work
from ledger.derive.outcome import CellChange, ChartChange, LeftOut, Value
from ledger.derive.plan import Task
from ledger.derive.recipes import Item, Recipe
from ledger.derive.work import Done, Given
from ledger.derive.workers import Pool
from ledger.errors import Damage, LedgerError, StorageFault
from ledger.format.ids import rfc3339
from ledger.format.names import metric_key, parse_key
from ledger.format.rows import NO_STEP
from ledger.format.values import Undefined
from ledger.record import late, pictures
from ledger.record.calls import ChartCall, RowsCall
from ledger.record.evaluating import Planned, together
from ledger.record.standing import refuse_retracted
from ledger.store import fold
from ledger.store.state import RunState
from ledger.store.tree import Tree

Shown = Mapping[tuple[str, str | None, int | None], tuple[Value, str]]  # value and writer of each shown row


_HANDED = 8  # runs whose entries a worker makes ready at once
_TOGETHER = 32  # entries that are written at once
_SMALL = 1 << 12  # bytes of a chart that is remembered
_WAIT_S = 0.2  # for which one that is ready may wait for others


class Order(NamedTuple):
    """What the entry of a run is to hold; charts as an entry holds them, their blobs written."""

    run: str
    rows: list[RowsCall]
    charts: list[dict[str, Any]]
    author: str
    reason: str | None
    source: dict[str, Any]


class Refused(NamedTuple):
    """Why there is no entry for a run."""

    why: str
    hint: str | None
    damaged: bool


Answer = late.Late | Refused | None


def make_ready(root: str, orders: Sequence[Order]) -> list[Answer]:
    """Return entries ready to be written, None where there is nothing in one; only reads."""
    tree = Tree(root)
    return [_made_ready(tree, order) for order in orders]


def _made_ready(tree: Tree, order: Order) -> Answer:
    try:
        refuse_retracted(tree, order.run)
        return late.prepare(tree, order.run, order.rows, order.charts, order.author, order.reason, source=order.source)
    except StorageFault:
        raise
    except LedgerError as error:
        return Refused(error.message, error.hint, isinstance(error, Damage))


class Rows:
    """The shown rows of runs, read where the catalog does not say whose value is shown; those of the last run kept.

    `spellings` gives the keys under which a metric may be stored.
    """

    def __init__(self, tree: Tree, spellings: Callable[[str], Sequence[str]] = lambda key: (key,)) -> None:
        self.tree, self.spellings = tree, spellings
        self._last: tuple[str, Shown] | None = None

    def of(self, run: str) -> Shown:
        """Return value and writer of each shown row of a run."""
        if self._last is None or self._last[0] != run:
            self._last = run, self._read(run)
        return self._last[1]

    def _read(self, run: str) -> Shown:
        rows, reasons = fold.rows(self.tree, run)
        columns = (rows.key, rows.step, rows.value, rows.undefined, rows.writer, rows.seq)
        found: dict[tuple[str, str | None, int | None], tuple[Value, str]] = {}
        for key, step, value, undefined, writer, seq in zip(*(c.tolist() for c in columns), strict=True):
            name, context = rows.keys[key]
            who = rows.writers[writer]
            what = Undefined(reasons.get((who, seq), "undefined")) if undefined else value
            found[name, context, None if step == NO_STEP else step] = what, who
        return found

    def owner(self, run: str, name: str, context: str | None, step: int | None) -> str | None:
        """Return the writer of the row that is shown in a cell, or None."""
        found = self.of(run).get((name, context, step))
        return None if found is None else found[1]

    def shown(self, run: str, name: str, context: str | None, step: int | None) -> tuple[Value, str] | None:
        """Return value and writer of the row that is shown in a cell, by whichever name it is stored, or None."""
        rows = self.of(run)
        if (name, context, step) in rows:
            return rows[name, context, step]
        others = map(parse_key, self.spellings(metric_key(name, context)))
        return next((rows[*each, step] for each in others if (*each, step) in rows), None)


def now(state: RunState, key: str, step: int | None) -> Value | None:
    """Return the value of a cell as the catalog knows it: the one at the last step."""
    summary = state.metrics.get(key)
    if summary is None or summary.last_step != step:
        return None
    return Undefined(summary.undefined) if summary.undefined is not None else summary.last


class Recorder:
    """Writes what was computed, run by run; `cells`, `charts`, `entries`, `left_out` say what came of it."""

    def __init__(
        self,
        tree: Tree,
        recipe: Recipe,
        states: Mapping[str, RunState],
        rows: Rows,
        author: Callable[[], str],
        reason: str | None,
    ) -> None:
        self.tree, self.recipe, self.states, self.rows, self.reason = tree, recipe, states, rows, reason
        self._author = author
        self._who: str | None = None
        self.cells: list[CellChange] = []
        self.charts: list[ChartChange] = []
        self.entries: dict[str, str] = {}
        self.left_out: list[LeftOut] = []
        self.seen: set[str] = set()
        self.same = self.other = 0
        self.pool: Pool | None = None  # that may make entries ready
        self._charts: dict[ChartCall, dict[str, Any]] = {}
        self._orders: list[tuple[Order, Planned]] = []
        self._sent: list[tuple[list[tuple[Order, Planned]], Future[list[Answer]] | None]] = []
        self._ready: list[tuple[late.Late, Planned]] = []
        self._flushed = monotonic()

    @property
    def author(self) -> str:
        """Who writes; git is asked once."""
        if self._who is None:
            self._who = self._author()
        return self._who

    def record(self, run: str, answers: Sequence[tuple[Task, Done]]) -> None:
        """Have what became of the tasks of a run written, as one entry: soon, with others, or by `flush`."""
        self.seen.add(run)
        plans: list[Planned] = []
        computed: list[dict[str, Any]] = []
        for task, done in answers:
            if done.why is not None:
                self._leave_out(run, done.why, done.hint, damaged=done.damaged)
            for given in done.given:
                if given.planned is None:
                    self._leave_out(run, f"{given.stored}: {given.why}")
                    continue
                planned = self._lacking(run, given, done.truth)
                if planned is None or (given.wanted.stored is None and not planned.rows and given.planned.rows):
                    continue  # it is there: of another kind of evaluation than was known, or as it was
                plans.append(planned)
                item = self.recipe.items[given.wanted.item]
                computed.append(_computed(task, done, given, item, self.recipe.prefix))
        if not plans:
            return
        whole = together(plans)
        try:
            charts = [self._stored(call) for call in whole.charts]
        except StorageFault:
            raise  # no other run can be written either
        except LedgerError as error:
            self._leave_out(run, error.message, error.hint, damaged=isinstance(error, Damage))
            return
        source = _source(self.recipe, computed)
        self._orders.append((Order(run, whole.rows, charts, self.author, self.reason, source), whole))
        if self.pool is None or len(self._orders) >= _HANDED or monotonic() > self._flushed + _WAIT_S:
            self._hand_out()
        self._take(patient=False)
        if len(self._ready) >= _TOGETHER or monotonic() > self._flushed + _WAIT_S:
            self._write()

    def _stored(self, call: ChartCall) -> dict[str, Any]:
        """Return what an entry says of a chart, its bytes stored: those of definitions, which all runs share, once."""
        if len(call.picture.data) > _SMALL:
            return pictures.store(self.tree, *call)
        if call not in self._charts:
            self._charts[call] = pictures.store(self.tree, *call)
        return self._charts[call]

    def flush(self) -> None:
        """Write all that was recorded; waits for entries that others make ready."""
        self._hand_out()
        self._take(patient=True)
        self._write()

    def _hand_out(self) -> None:
        """Have entries made ready by a worker that is free, where there are workers."""
        orders, self._orders = self._orders, []
        if orders:
            lent = None if self.pool is None else self.pool.lend(make_ready, self.tree.root, [o for o, _ in orders])
            self._sent.append((orders, lent))

    def _take(self, *, patient: bool) -> None:
        """Take entries that are ready, in order; with `patient` wait for them."""
        while self._sent:
            orders, lent = self._sent[0]
            if lent is not None and self.pool is not None:
                if patient:
                    wait([lent])
                elif not lent.done():
                    return
            self._sent.pop(0)
            for (order, whole), answer in zip(orders, self._answers([o for o, _ in orders], lent), strict=True):
                if isinstance(answer, late.Late):
                    self._ready.append((answer, whole))
                elif answer is not None:
                    self._leave_out(order.run, answer.why, answer.hint, damaged=answer.damaged)

    def _answers(self, orders: list[Order], lent: Future[list[Answer]] | None) -> list[Answer]:
        """Return what a worker made of orders; where none was asked, or it died, it is made here."""
        if lent is not None and lent.done() and not lent.cancelled() and lent.exception() is None:
            return lent.result()
        return make_ready(self.tree.root, orders)

    def _write(self) -> None:
        """Write the entries that are ready, those of several runs together: the disk has one piece of work."""
        ready, self._ready = self._ready, []
        if ready:
            late.write_together(self.tree, [entry for entry, _ in ready])
        for entry, whole in ready:
            self.entries[entry.run] = entry.id
            self._note(entry.run, whole)
        self._flushed = monotonic()

    def _leave_out(self, run: str, why: str, hint: str | None = None, *, damaged: bool = False) -> None:
        found = LeftOut(run, self.states[run].name, why, hint, damaged)
        if found not in self.left_out:
            self.left_out.append(found)

    def _lacking(self, run: str, given: Given, truth: str | None) -> Planned | None:
        """Return what is to be written of what an item gave: of a bundle, not what others logged.

        None where all is as it was, of the same truth: labels came that are of other rows.
        """
        planned, wanted = given.planned, given.wanted
        assert planned is not None
        count = len(work.cells(planned.rows))
        if wanted.why == "forced" or (wanted.why == "missing" and wanted.stored is not None and count <= 1):
            return planned
        as_before = {
            each.record.writer: each.record.truth == keys.truth(each.how, truth) and each.record.name
            for each in wanted.befores
        }
        if not count:
            return self._changed(run, planned, as_before=bool(as_before) and all(as_before.values()))
        kept: set[tuple[int, str]] = set()
        still: dict[tuple[int, str], bool] = {}
        for i, call in enumerate(planned.rows):
            for name, value in call.values.items():
                there = self.rows.shown(run, name, call.context, call.step)
                if name in wanted.reverted:
                    continue
                equal = there is not None and work.bits(there[0]) == work.bits(value)
                if there is not None and equal and as_before.get(there[1]):
                    still[i, name] = as_before[there[1]] == given.stored
                elif there is None or there[1] in as_before:
                    kept.add((i, name))
                else:
                    self.same += equal
                    self.other += not equal
        if kept:  # a record that is replaced owns no value any more
            kept |= {cell for cell, replaced in still.items() if replaced}
        self.same += len(still.keys() - kept)
        if not kept and (still or wanted.why == "outdated"):
            return None
        return planned._replace(rows=_grouped(planned.rows, kept))

    def _changed(self, run: str, planned: Planned, *, as_before: bool) -> Planned | None:
        """Return a chart unless it is there as it is, of the same truth."""
        shown = {(chart.name, chart.context, chart.step): chart.blob for chart in self.states[run].charts}
        blobs = [
            shown.get((name, context, step)) == hashlib.sha256(picture.data).hexdigest()
            for name, picture, step, context, *_ in planned.charts
        ]
        if not (as_before and blobs and all(blobs)):
            return planned
        self.same += len(blobs)
        return None

    def _note(self, run: str, whole: Planned) -> None:
        state = self.states[run]
        for name, context, step, value in work.cells(whole.rows):
            key = metric_key(name, context)
            self.cells.append(CellChange(run, state.name, key, step, now(state, key, step), value, written=True))
        for chart in whole.charts:
            if "definitions" not in chart.name.split("/"):
                self.charts.append(ChartChange(run, state.name, chart.name, chart.step, written=True))


def _grouped(calls: Sequence[RowsCall], kept: Set[tuple[int, str]]) -> list[RowsCall]:
    """Return of calls what is kept of them, in order."""
    found = []
    for i, call in enumerate(calls):
        values = {name: value for name, value in call.values.items() if (i, name) in kept}
        if values:
            found.append(RowsCall(values, call.step, call.context))
    return found


def _function(given: Given, item: Item, prefix: str) -> dict[str, Any]:
    """Return where the code of an item is from, and the hash of a user's."""
    if item.own is None:
        return {"function": f"ledger.evaluate:{given.stored.rpartition('/')[2].removeprefix(prefix)}"}
    return {
        name: item.definition[key]
        for name, key in (("function", "from"), ("source_sha256", "source_sha256"))
        if key in item.definition
    }


def _computed(task: Task, done: Done, given: Given, item: Item, prefix: str) -> dict[str, Any]:
    """Return what the source of an entry says of one value, or of the values of a bundle."""
    first = task.chosen[0]
    names = [name for name in first.columns if name != "ids" or task.labels]
    found: dict[str, Any] = {"name": given.stored, "context": first.context, "step": first.step}
    found = {name: value for name, value in found.items() if value is not None}
    found |= {"chart": True} if item.sort == "chart" or given.wanted.chart is not None else {}
    keyed = given.wanted.keyed[given.stored]
    found |= _function(given, item, prefix) | {"key": keyed.key, "rows": task.rows}
    found["truth"] = keys.truth(keyed.how, done.truth)
    found["inputs"] = {
        name: digests[0] if len(digests) == 1 else digests
        for name in names
        if (digests := [one.columns[name].digest for one in task.chosen if name in one.columns])
    }
    if task.labels:
        found["labels"] = {"entries": list(task.labels), "known": done.known, "of": done.of}
        if task.as_of is not None:
            found["labels"]["as_of"] = rfc3339(task.as_of)
    return found


def _source(recipe: Recipe, computed: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the source of an entry: which function, in which version, of what."""
    source: dict[str, Any] = {"by": "backfill"}
    if recipe.threshold is not None or recipe.options:
        source["options"] = {
            **({} if recipe.threshold is None else {"threshold": recipe.threshold}),
            **recipe.options,
        }
    source["versions"] = {**_versions(), **recipe.versions}
    return {**source, "computed": computed}


@cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name, package in (("ledger", "ledger-ml"), ("numpy", "numpy")):
        try:
            found[name] = version(package)
        except PackageNotFoundError:  # run from a checkout that is not installed
            continue
    return found
