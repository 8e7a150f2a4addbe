"""What earlier backfills say of the cells of one set of predictions: the newest that counts, and what was reverted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ledger.derive import keys
from ledger.format import computed
from ledger.format.computed import Computed
from ledger.format.names import parse_key
from ledger.record.evaluating import Place
from ledger.store.state import Predictions, RunState

Known = Mapping[computed.Place, list[tuple[int, Computed]]]


class Before(msgspec.Struct, frozen=True):
    """A record of what a cell holds, and `how` that would be computed now, but for labels; see `keys.how`."""

    record: Computed
    how: str


class Keyed(NamedTuple):
    """The key of a value, and the hash of all that it depends on but labels that came late."""

    key: str
    how: str


class At(NamedTuple):
    """One set of predictions of a run, as it is looked at: kind and options of it, and all records of its run.

    `memo` has the keys that are known by now.
    """

    state: RunState
    first: Predictions
    place: Place
    kind: str | None
    options: Mapping[str, Any]
    inputs: keys.Inputs
    known: Known
    memo: dict[Any, Keyed]

    @property
    def scored(self) -> bool:
        """Whether there are scores."""
        return "y_score" in self.first.columns

    def records(self, name: str, *, chart: bool = False) -> list[tuple[int, Computed]]:
        """Return the records of a metric, bundle or chart by its stored name, each with its place in time."""
        return self.known.get((self.place.name(name), self.first.context, self.first.step, chart), [])

    def has_chart(self, name: str) -> bool:
        """Say whether a chart is there, by its stored name."""
        place = self.place.name(name), self.first.context, self.first.step
        return any((chart.name, chart.context, chart.step) == place for chart in self.state.charts)


class Found(NamedTuple):
    """A record: its place in time, `how` as it would be now, and whether its key would be the same now."""

    order: int
    record: Computed
    how: str
    current: bool


class Records(NamedTuple):
    """The records that cover a cell: those in view by time; and when (-1: never) one was written that was reverted
    and would be the same now, if it is newer than all of these. `gone`: there is such a one, newer or not.
    """

    shown: list[Found]
    reverted: int
    gone: bool

    @property
    def current(self) -> bool:
        """Whether the newest in view would be the same now."""
        return bool(self.shown) and self.shown[-1].current

    @property
    def newest(self) -> int:
        """The place in time of the newest in view, -1 where there is none."""
        return self.shown[-1].order if self.shown else -1

    @property
    def befores(self) -> list[Before]:
        """The records in view."""
        return [Before(one.record, one.how) for one in self.shown]


def of(found: Iterable[Found]) -> Records:
    """Return records in order."""
    ordered = sorted(found, key=lambda one: one.order)
    shown = [one for one in ordered if not one.record.retracted]
    gone = [one.order for one in ordered if one.record.retracted and one.current]
    newest = shown[-1].order if shown else -1
    return Records(shown, gone[-1] if gone and gone[-1] > newest else -1, bool(gone))


def by_place(state: RunState) -> Known:
    """Return the records of a run by place."""
    known: dict[computed.Place, list[tuple[int, Computed]]] = {}
    for order, each in enumerate(state.computed):
        known.setdefault(each.place, []).append((order, each))
    return known


def cells(at: At, kind: str, spellings: Callable[[str], Sequence[str]]) -> int:
    """Return how many cells of a bundle have a value, those of each class with them, by whichever name."""
    names = {spelt for name in keys.metrics_of(kind) for spelt in spellings(at.place.name(name))}
    if at.first.context is None and not any("{" in key for key in at.state.metrics):
        found = [at.state.metrics[name] for name in names if name in at.state.metrics]
        return sum(summary.last_step == at.first.step for summary in found)
    own = {} if at.first.context is None else msgspec.json.decode(at.first.context)
    count = 0
    for key, summary in at.state.metrics.items():
        if key.partition("{")[0] in names and summary.last_step == at.first.step:
            context = parse_key(key)[1]
            given = {} if context is None else msgspec.json.decode(context)
            given = given if "class" in own else {name: value for name, value in given.items() if name != "class"}
            count += given == own
    return count
