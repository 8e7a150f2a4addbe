"""Which values a backfill has to compute: cells of runs that lack them, from what the catalog knows; nothing is read.

A cell is a metric of a run, in a context, at a step. It is *missing* where it has no value, and *outdated* where a
backfill computed its value, alone or with a bundle, of other inputs or by another function than now. A value of other
origin is left alone, and so is what was reverted and would be the same again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from ledger.derive import keys, recipes, records
from ledger.derive.outcome import LeftOut
from ledger.derive.recipes import Item, Recipe
from ledger.derive.records import At, Before, Found, Keyed, Known, Records
from ledger.errors import Damage, LedgerError
from ledger.evaluate import lookup
from ledger.format import ids
from ledger.format.names import metric_key, parse_key
from ledger.record.evaluating import Place
from ledger.store.state import Predictions, RunState
from ledger.store.tree import Tree
from ledger.table import definitions, evaluations, predictions
from ledger.view.labels import moment

_READ = ("y_true", "y_pred", "y_score", "sample_weight")
EVERY = "all"  # steps


class Wanted(msgspec.Struct, frozen=True):
    """An item of the recipe that one set of predictions is to give, or `chart`, one of a bundle's; and why.

    `why` is missing, outdated or forced; `befores` is what was computed before of these cells. `stored` is None where
    the kind of evaluation, which is not known yet, decides on the name; `keyed` is by name. `reverted` are names of a
    bundle that were taken out of view and stay so.
    """

    item: int
    stored: str | None
    keyed: dict[str, Keyed]
    why: str
    befores: list[Before] = []
    reverted: list[str] = []
    chart: str | None = None


class Task(msgspec.Struct, frozen=True):
    """One set of predictions (or batches that add up) of one run, and what is to be computed of it."""

    run: str
    name: str
    chosen: list[Predictions]
    wanted: list[Wanted]
    kind: str | None
    options: dict[str, Any]
    labels: list[str] = []  # the entries of labels that arrived for it
    as_of: int | None = None  # us since 1970: what was known then
    late: bool = False  # labels may arrive

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(one.rows for one in self.chosen)

    @property
    def shared(self) -> tuple[str, ...]:
        """What runs that were evaluated on the same rows have in common."""
        return tuple(one.columns["y_true"].digest if "y_true" in one.columns else "" for one in self.chosen)


class Plan(NamedTuple):
    """The tasks, those that share columns one behind the other; what is left out; cells that need nothing.

    `reverted` counts those that were taken out of view, and are not computed again.
    """

    tasks: list[Task]
    left_out: list[LeftOut]
    same: int
    other: int
    reverted: int = 0


class Asked(NamedTuple):
    """Which predictions of each run: `split` (None: test, else val, else the only one), `step` (None: those without
    one, else the last; a number; "all"). With `force` what is there is computed again.
    """

    split: str | None = None
    step: int | str | None = None
    force: bool = False
    as_of: int | None = None


class Planner:
    """Plans run by run; what many runs share is looked up once.

    `labels` gives the ids of the entries with labels for a split, `owner` the writer of the row that is shown in a
    cell (None: there is none), `spellings` the keys under which a metric may be stored.
    """

    def __init__(
        self,
        tree: Tree,
        recipe: Recipe,
        asked: Asked,
        labels: Callable[[str | None], list[str]],
        owner: Callable[[str, str, str | None, int | None], str | None],
        spellings: Callable[[str], Sequence[str]] = lambda key: (key,),
    ) -> None:
        self.tree, self.recipe, self.asked, self.labels, self.owner = tree, recipe, asked, labels, owner
        self.spellings = spellings
        self._logged: dict[str, dict[str, Any]] = {}
        self._labels: dict[str | None, list[str]] = {}
        self.same = self.other = self.reverted = 0

    def plan(self, states: Iterable[RunState]) -> Plan:
        """Return what is to be done for these runs."""
        tasks: list[Task] = []
        left_out: list[LeftOut] = []
        self.same = self.other = self.reverted = 0
        for state in states:
            try:
                tasks += self._of_run(state)
            except _LeaveOut as reason:
                left_out.append(LeftOut(state.id, state.name, reason.why, reason.hint))
            except LedgerError as error:
                damaged = isinstance(error, Damage)
                left_out.append(LeftOut(state.id, state.name, error.message, error.hint, damaged))
        tasks.sort(key=lambda task: task.shared)  # stable: otherwise in the order of the runs
        return Plan(tasks, left_out, self.same, self.other, self.reverted)

    def _of_run(self, state: RunState) -> list[Task]:
        if state.finished is None:
            raise _LeaveOut("it is still open", f"when it is done: ledger finish {state.name}")
        if not state.predictions:
            raise _LeaveOut("it keeps no predictions", "they are kept by run.evaluate and run.log_predictions")
        known = records.by_place(state)
        tasks = []
        for chosen in _places(state, self.asked):
            task = self._of_place(state, chosen, known)
            if task is not None:
                tasks.append(task)
        return tasks

    def _of_place(self, state: RunState, chosen: list[Predictions], known: Known) -> Task | None:
        first = chosen[0]
        labels = self._labels_of(first.split) if all("ids" in one.columns for one in chosen) else []
        columns = [name for name in _READ if any(name in one.columns for one in chosen)]
        of = "" if first.split is None else f" of {first.split!r}"
        if "y_true" not in columns and not labels:
            raise _without_truth(of, self.asked.as_of)
        if not {"y_pred", "y_score"} & set(columns):
            raise _LeaveOut(f"its predictions{of} have neither y_pred nor y_score")
        kind, options = self._how(state, first)
        inputs = keys.inputs_of(chosen, columns, labels, self.asked.as_of)
        at = At(state, first, Place(first.split, self.recipe.prefix), kind, options, inputs, known, {})
        wanted = [each for i in range(len(self.recipe.items)) for each in self._wanted(i, at)]
        if not wanted:
            return None
        kept = columns + (["ids"] if labels or len(chosen) > 1 else [])  # of one id the newest batch counts
        trimmed = [
            msgspec.structs.replace(one, columns={name: one.columns[name] for name in kept if name in one.columns})
            for one in chosen
        ]
        return Task(
            state.id, state.name, trimmed, wanted, kind, options, labels, self.asked.as_of, "ids" in first.columns
        )

    def _labels_of(self, split: str | None) -> list[str]:
        if split not in self._labels:
            self._labels[split] = self.labels(split)
        return self._labels[split]

    def _how(self, state: RunState, first: Predictions, kind: str | None = None) -> tuple[str | None, dict[str, Any]]:
        """Return kind and options for a set of predictions: as asked, else as it was evaluated when it was logged."""
        chart = definitions.of_split(state, first.split, first.step, first.context)
        before: dict[str, Any] = {}
        if chart is not None:
            if chart.blob not in self._logged:
                self._logged[chart.blob] = evaluations.logged(self.tree, state, first)
            before = self._logged[chart.blob]
        kind = kind or self.recipe.kind or before.get("kind")
        if before.get("kind") != kind:
            before = {}
        options = {**evaluations.options_of(kind, before), **self.recipe.options}
        if self.recipe.threshold is not None:
            options["threshold"] = self.recipe.threshold
        return kind, options

    def _wanted(self, i: int, at: At) -> list[Wanted]:
        """Return what an item asks of one set of predictions, nothing where it has what it needs."""
        item = self.recipe.items[i]
        found: list[Wanted | None] = []
        if item.sort == "chart":
            found.append(self._of_chart(i, at, item, item.name_for(at.kind) or item.name))
        elif item.sort == "bundle":
            found.append(self._of_bundle(i, at, item))
            for name in lookup.bundle(item.name).charts if self.recipe.charts else ():
                chart = Item("chart", name, {item.name: name}, {"chart": 1})
                found.append(self._of_chart(i, at, chart, name, bundled=True))
        else:
            found.append(self._of_cell(i, at, item))
        return [each for each in found if each is not None]

    def _keyed(self, at: At, item: Item, stored: str, kind: str | None = None) -> Keyed:
        """Return key and `how` of a value, of the kind that is asked for unless another is given."""
        memo = item.sort, stored, kind
        if memo not in at.memo:
            options = at.options if kind is None else self._how(at.state, at.first, kind)[1]
            how = keys.how(self.recipe, item, stored, kind or at.kind, options, at.inputs)
            at.memo[memo] = Keyed(keys.key(how, kind or self.recipe.kind, at.inputs), how)
        return at.memo[memo]

    def _found(self, at: At, item: Item, stored: str, also: Iterable[str | None] = ()) -> list[Found]:
        """Return the records of an item alone, held against its key as it is now, or is of `also` these kinds."""
        there = at.records(stored, chart=item.sort == "chart")
        if not there:
            return []
        key, how = self._keyed(at, item, stored)
        accepted = {key, *(keys.key(how, kind, at.inputs) for kind in also)}
        return [Found(order, record, how, record.key in accepted) for order, record in there]

    def _covering(self, at: At, item: Item, stored: str) -> Records:
        """Return the records that cover a cell: its own, and those of bundles that it is in.

        Where no kind is asked for, the value of any kind will do.
        """
        found = self._found(at, item, stored, item.stored if self.recipe.kind is None else ())
        for kind in keys.bundled_in(stored) if item.sort == "metric" else ():
            if there := at.records(kind):
                key, how = self._keyed(at, keys.bundle(kind), kind, kind)
                asked = self.recipe.kind in (None, kind)
                found += [Found(order, record, how, asked and record.key == key) for order, record in there]
        return records.of(found)

    def _of_cell(self, i: int, at: At, item: Item) -> Wanted | None:
        stored = item.name_for(at.kind)
        names = sorted(set(item.stored.values())) if stored is None else [stored]
        covering = {name: self._covering(at, item, name) for name in names}
        name = None if stored is None else at.place.name(stored)
        keyed = {at.place.name(each): self._keyed(at, item, each) for each in names}
        befores = [before for each in covering.values() for before in each.befores]
        if self.asked.force:
            return Wanted(i, name, keyed, "forced", befores)
        there = [each for each in names if self._has_value(at, each)]
        gone = any(each.reverted >= 0 for each in covering.values())
        current = [each for each in there if covering[each].current]
        if current and self._is_shown(at, covering[current[0]], current[0]):
            self.same += 1
        elif current or (gone and (befores or not there)):
            self.reverted += 1
        elif name is None or not there:
            return Wanted(i, name, keyed, "missing", befores)
        elif befores and self._is_of(at, name, befores):
            return Wanted(i, name, keyed, "outdated", befores)
        else:
            self.other += 1
        return None

    def _is_shown(self, at: At, found: Records, stored: str) -> bool:
        """Say whether what would be the same now is shown: a bundle left it to a value that was reverted since."""
        return not found.gone or self._is_of(at, at.place.name(stored), found.befores[-1:])

    def _is_of(self, at: At, name: str, befores: Sequence[Before]) -> bool:
        """Say whether a backfill wrote what a cell shows: nobody logged it, or corrected it by hand, since."""
        owner = self.owner(at.state.id, name, at.first.context, at.first.step)
        return any(before.record.writer == owner for before in befores)

    def _of_bundle(self, i: int, at: At, item: Item) -> Wanted | None:
        own = records.of(self._found(at, item, item.name))
        name = at.place.name(item.name)
        keyed = {name: self._keyed(at, item, item.name)}
        singles = {
            each: records.of(self._found(at, metric, each, (None,)))
            for each, metric in keys.metrics_of(item.name).items()
            if at.records(each)
        }
        befores = own.befores + [before for each in singles.values() for before in each.befores]
        if self.asked.force:
            return Wanted(i, name, keyed, "forced", befores)
        stays = [each for each, found in singles.items() if found.reverted > own.newest]
        expected = [each for each in recipes.expected(lookup.bundle(item.name), at.scored) if each not in stays]
        lacking = [each for each in expected if not self._has_value(at, each)]
        outdated = any(found.shown and not found.current and found.newest > own.newest for found in singles.values())
        self.reverted += len(stays)
        if own.current and not outdated:
            self.same += records.cells(at, item.name, self.spellings)
        elif own.reverted >= 0:
            self.reverted += len(lacking or expected)
        elif lacking or own.shown or outdated:
            why = "missing" if lacking else "outdated"
            return Wanted(i, name, keyed, why, befores, [at.place.name(each) for each in stays])
        else:
            ours = sum(bool(found.shown) for found in singles.values())
            self.same += ours
            self.other += records.cells(at, item.name, self.spellings) - ours
        return None

    def _of_chart(self, i: int, at: At, item: Item, stored: str, *, bundled: bool = False) -> Wanted | None:
        """Return a chart that is wanted; one of a bundle's that does not apply is known by its record."""
        name, keyed = at.place.name(stored), self._keyed(at, item, stored)
        found = records.of(self._found(at, item, stored, item.stored if self.recipe.kind is None else ()))
        there = at.has_chart(stored)
        wanted = Wanted(i, name, {name: keyed}, "outdated" if there else "missing", found.befores)
        wanted = msgspec.structs.replace(wanted, chart=stored if bundled else None)
        if self.asked.force:
            return msgspec.structs.replace(wanted, why="forced")
        if found.current and (there or bundled):
            self.same += there
        elif there and not found.shown and found.reverted < 0:
            self.other += 1
        elif found.reverted >= 0:
            self.reverted += 1
        else:
            return wanted
        return None

    def _has_value(self, at: At, name: str) -> bool:
        """Say whether a cell has a value; where the catalog does not say it, the rows are read."""
        for key in self.spellings(metric_key(at.place.name(name), at.first.context)):
            summary = at.state.metrics.get(key)
            if summary is None:
                continue
            if summary.last_step == at.first.step:
                return True  # without a step ranks above all steps
            if at.first.step is not None and self.owner(at.state.id, *parse_key(key), at.first.step) is not None:
                return True
        return False


class _LeaveOut(Exception):
    def __init__(self, why: str, hint: str | None = None) -> None:
        self.why, self.hint = why, hint


def _without_truth(of: str, as_of: int | None) -> _LeaveOut:
    if as_of is None:
        return _LeaveOut(f"its predictions{of} have no y_true", "add labels: ledger labels add FILE --on id")
    why = f"its predictions{of} have no y_true, and no label was known as of {moment(ids.rfc3339(as_of))}"
    return _LeaveOut(why, "see what came when: ledger labels")


def _places(state: RunState, asked: Asked) -> list[list[Predictions]]:
    """Return the sets of predictions of a run that are meant, one list of batches each: every context of the split."""
    split = predictions.choose_split(state, asked.split)
    found = [one for one in state.predictions if one.split == split]
    places: dict[tuple[str | None, int | None], list[Predictions]] = {}
    for one in found:
        places.setdefault((one.context, one.step), []).append(one)
    if asked.step == EVERY:
        return list(places.values())
    chosen = []
    for context in dict.fromkeys(context for context, _ in places):
        steps = [step for each, step in places if each == context]
        if asked.step is not None:
            step = asked.step if asked.step in steps else None
            if step is None:
                continue
        else:
            step = None if None in steps else max(step for step in steps if step is not None)
        chosen.append(places[context, step])
    if not chosen:
        of = "" if split is None else f" of {split!r}"
        raise _LeaveOut(f"its predictions{of} have no step {asked.step}")
    return chosen
