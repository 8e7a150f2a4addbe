"""Which values a backfill has to compute: cells of runs that lack them, from what the catalog knows; nothing is read.

A cell is a metric of a run, in a context, at a step. It is *missing* where it has no value, and *outdated* where a
backfill computed its value of other inputs or by another function than now; a value of other origin is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from ledger.derive import recipes
from ledger.derive.outcome import LeftOut
from ledger.derive.recipes import Item, Recipe
from ledger.errors import Damage, LedgerError
from ledger.evaluate import lookup
from ledger.format import computed
from ledger.format.computed import Computed
from ledger.format.names import metric_key
from ledger.record.evaluating import Place
from ledger.store.state import Predictions, RunState
from ledger.store.tree import Tree
from ledger.table import definitions, evaluations, predictions

_READ = ("y_true", "y_pred", "y_score", "sample_weight")
EVERY = "all"  # steps


class Wanted(msgspec.Struct, frozen=True):
    """An item of the recipe that one set of predictions is to give: its key, and why it is computed.

    `why` is missing, outdated or forced; `before` is what was known of it, when it is not missing. `stored` is None
    where the kind of evaluation, which is not known yet, decides on the name.
    """

    item: int
    stored: str | None
    key: str
    why: str
    before: Computed | None = None


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

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(one.rows for one in self.chosen)

    @property
    def shared(self) -> tuple[str, ...]:
        """What runs that were evaluated on the same rows have in common."""
        return tuple(one.columns["y_true"].digest if "y_true" in one.columns else "" for one in self.chosen)


class Plan(NamedTuple):
    """The tasks, those that share columns one behind the other; what is left out; cells that need nothing."""

    tasks: list[Task]
    left_out: list[LeftOut]
    same: int
    other: int


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
    cell (None: there is none).
    """

    def __init__(
        self,
        tree: Tree,
        recipe: Recipe,
        asked: Asked,
        labels: Callable[[str | None], list[str]],
        owner: Callable[[str, str, str | None, int | None], str | None],
    ) -> None:
        self.tree, self.recipe, self.asked, self.labels, self.owner = tree, recipe, asked, labels, owner
        self._logged: dict[str, dict[str, Any]] = {}
        self._labels: dict[str | None, list[str]] = {}
        self._identities = [
            {"sort": item.sort, "name": item.name if item.sort == "own" else item.stored, "is": item.definition}
            for item in recipe.items
        ]
        self.same = self.other = 0

    def plan(self, states: Iterable[RunState]) -> Plan:
        """Return what is to be done for these runs."""
        tasks: list[Task] = []
        left_out: list[LeftOut] = []
        self.same = self.other = 0
        for state in states:
            try:
                tasks += self._of_run(state)
            except _LeaveOut as reason:
                left_out.append(LeftOut(state.id, state.name, reason.why, reason.hint))
            except LedgerError as error:
                damaged = isinstance(error, Damage)
                left_out.append(LeftOut(state.id, state.name, error.message, error.hint, damaged))
        tasks.sort(key=lambda task: task.shared)  # stable: otherwise in the order of the runs
        return Plan(tasks, left_out, self.same, self.other)

    def _of_run(self, state: RunState) -> list[Task]:
        if state.finished is None:
            raise _LeaveOut("it is still open", f"when it is done: ledger finish {state.name}")
        if not state.predictions:
            raise _LeaveOut("it keeps no predictions", "they are kept by run.evaluate and run.log_predictions")
        known = {each.place: each for each in state.computed}
        tasks = []
        for chosen in _places(state, self.asked):
            task = self._of_place(state, chosen, known)
            if task is not None:
                tasks.append(task)
        return tasks

    def _of_place(
        self, state: RunState, chosen: list[Predictions], known: Mapping[computed.Place, Computed]
    ) -> Task | None:
        first = chosen[0]
        labels = self._labels_of(first.split) if all("ids" in one.columns for one in chosen) else []
        columns = [name for name in _READ if any(name in one.columns for one in chosen)]
        of = "" if first.split is None else f" of {first.split!r}"
        if "y_true" not in columns and not labels:
            raise _LeaveOut(f"its predictions{of} have no y_true", "add labels: ledger labels add FILE --on id")
        if not {"y_pred", "y_score"} & set(columns):
            raise _LeaveOut(f"its predictions{of} have neither y_pred nor y_score")
        kind, options = self._how(state, first)
        inputs = {name: [_digest(one, name) for one in chosen] for name in columns + (["ids"] if labels else [])}
        wanted = []
        for i in range(len(self.recipe.items)):
            found = self._wanted(i, state, first, kind, options, inputs, labels, known)
            if found is not None:
                wanted.append(found)
        if not wanted:
            return None
        kept = columns + (["ids"] if labels else [])
        trimmed = [
            msgspec.structs.replace(one, columns={name: one.columns[name] for name in kept if name in one.columns})
            for one in chosen
        ]
        return Task(state.id, state.name, trimmed, wanted, kind, options, labels, self.asked.as_of)

    def _labels_of(self, split: str | None) -> list[str]:
        if split not in self._labels:
            self._labels[split] = self.labels(split)
        return self._labels[split]

    def _how(self, state: RunState, first: Predictions) -> tuple[str | None, dict[str, Any]]:
        """Return kind and options for a set of predictions: as asked, else as it was evaluated when it was logged."""
        chart = definitions.of_split(state, first.split, first.step, first.context)
        before: dict[str, Any] = {}
        if chart is not None:
            if chart.blob not in self._logged:
                self._logged[chart.blob] = evaluations.logged(self.tree, state, first)
            before = self._logged[chart.blob]
        kind = self.recipe.kind or before.get("kind")
        if before.get("kind") != kind:
            before = {}
        options = {**evaluations.options_of(kind, before), **self.recipe.options}
        if self.recipe.threshold is not None:
            options["threshold"] = self.recipe.threshold
        return kind, options

    def _wanted(
        self,
        i: int,
        state: RunState,
        first: Predictions,
        kind: str | None,
        options: Mapping[str, Any],
        inputs: Mapping[str, Any],
        labels: Sequence[str],
        known: Mapping[computed.Place, Computed],
    ) -> Wanted | None:
        """Return what an item asks of one set of predictions, None where it has what it needs."""
        item = self.recipe.items[i]
        stored = item.name_for(kind)
        name = None if stored is None else Place(first.split, self.recipe.prefix).name(stored)
        key = computed.key(
            what=self._identities[i], options=_unusual(kind, options), inputs=inputs, labels=labels,
            as_of=self.asked.as_of, charts=self.recipe.charts, classes=first.labels,
        )  # fmt: skip
        place = Place(first.split, self.recipe.prefix)
        names = [place.name(each) for each in (set(item.stored.values()) if stored is None else [stored])]
        places = [(each, first.context, first.step, item.sort == "chart") for each in names]
        found = [known[each] for each in places if each in known]
        before = next((each for each in found if each.key == key), found[0] if found and stored else None)
        if self.asked.force:
            return Wanted(i, name, key, "forced", before)
        known_there = before is not None and (item.sort == "bundle" or self._is_there(item, state, first, before.name))
        if before is not None and before.key == key and known_there:
            self.same += 1
            return None
        if name is None:
            return Wanted(i, name, key, "missing")
        there = self._is_there(item, state, first, name)
        if not there:
            return Wanted(i, name, key, "missing", before)
        one = item.sort in ("metric", "own")
        if before is not None and one and self.owner(state.id, name, first.context, first.step) != before.writer:
            before = None  # corrected by hand since
        if before is not None:
            return Wanted(i, name, key, "outdated", before)
        self.other += 1
        return None

    def _is_there(self, item: Item, state: RunState, first: Predictions, name: str) -> bool:
        place = Place(first.split, self.recipe.prefix)
        if item.sort == "chart":
            return any((c.name, c.context, c.step) == (name, first.context, first.step) for c in state.charts)
        if item.sort != "bundle":
            return self._has_value(state, name, first)
        scored = "y_score" in first.columns
        bundle = lookup.bundle(item.name)
        has = all(self._has_value(state, place.name(each), first) for each in recipes.expected(bundle, scored))
        if not (has and self.recipe.charts):
            return has
        charts = {c.name for c in state.charts if (c.context, c.step) == (first.context, first.step)}
        return {place.name(chart) for chart in bundle.charts} <= charts

    def _has_value(self, state: RunState, name: str, first: Predictions) -> bool:
        summary = state.metrics.get(metric_key(name, first.context))
        if summary is None:
            return False
        if summary.last_step == first.step:
            return True  # without a step ranks above all steps
        if first.step is None:
            return False
        return self.owner(state.id, name, first.context, first.step) is not None


class _LeaveOut(Exception):
    def __init__(self, why: str, hint: str | None = None) -> None:
        self.why, self.hint = why, hint


def _unusual(kind: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are not what they are unless given: said or not said, they are then the same."""
    usual = {} if kind is None else _defaults(kind)
    return {name: value for name, value in options.items() if name not in usual or usual[name] != value}


_defaults = lru_cache(lookup.defaults)


def _digest(found: Predictions, name: str) -> str | None:
    return found.columns[name].digest if name in found.columns else None


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
