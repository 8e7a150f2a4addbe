"""The best value of a metric, or the newest, commit by commit: which run has it, and whether it went up or down.

Pure: what each commit changed goes in, oldest first; runs that it left alone are never looked at again.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ledger.errors import InvalidFilter, UsageError
from ledger.format.ids import rfc3339
from ledger.format.values import Undefined
from ledger.store.state import RunState
from ledger.table import columns, filter
from ledger.table.columns import Column
from ledger.table.filter import Filter

if TYPE_CHECKING:
    import pandas as pd

    from ledger.git.log import LineCommit
    from ledger.schema import Metric, Schema


_CHECKED_AT_ONCE = 500


class RunValue(msgspec.Struct, frozen=True):
    """The value of a metric in a run, as some commit has it."""

    value: float | Undefined
    run: str
    name: str
    created: int

    @property
    def number(self) -> float | None:
        """The value where it is a number, NaN included."""
        return None if isinstance(self.value, Undefined) else self.value


class Step(NamedTuple):
    """What a commit did: the runs whose value may be another now (None: out of view or without the metric), and those
    that cannot be read.
    """

    commit: "LineCommit"
    values: Mapping[str, RunValue | None]
    damaged: Sequence[str] = ()


class CommitValue(msgspec.Struct, frozen=True):
    """The metric at one commit: the run that has the best (or newest) value among `runs` runs, and what became of it.

    `change` is better, worse or same against the line before, `lost` where there is none any more, unknown where a run
    cannot be read or nobody said which way is better, None where there was none before. `new` is the best (or newest)
    of what the commit brought or changed, and `new_verdict` what it is against the value before.
    """

    commit: str
    time: int
    author: str
    subject: str
    value: RunValue | None
    runs: int
    change: str | None
    new: RunValue | None = None
    new_verdict: str | None = None
    changed: bool = True
    damaged: Sequence[str] = ()

    def to_json(self, follow: str) -> dict[str, Any]:
        """Return the object of `history --json`; `follow` is the name of the value: best or newest."""
        shown: dict[str, Any] = {"commit": self.commit, "time": rfc3339(self.time), "author": self.author}
        shown |= {"subject": self.subject, **_json(follow, self.value), "runs": self.runs}
        if self.change is not None:
            shown["change"] = self.change
        if self.new is not None:
            verdict = {} if self.new_verdict is None else {"verdict": self.new_verdict}
            shown["new"] = _json("value", self.new) | verdict
        return shown | ({"left_out": list(self.damaged)} if self.damaged else {})


def _json(field: str, found: RunValue | None) -> dict[str, Any]:
    if found is None:
        return {field: None}
    shown: dict[str, Any] = {field: found.number}
    if isinstance(found.value, Undefined):
        shown["undefined"] = found.value.reason
    return shown | {"run": found.run, "name": found.name}


class MetricHistory(msgspec.Struct, frozen=True):
    """A metric along a line of commits, oldest first; `follow` says what of it: best or newest."""

    metric: str
    goal: str | None
    follow: str
    commits: list[CommitValue]
    damaged: Mapping[str, str] = {}  # "COMMIT:RUN" and why it could not be read
    notices: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the object of `history METRIC --json`; floats that are not finite stay floats."""
        shown: dict[str, Any] = {"schema": "ledger.history/1", "metric": self.metric, "goal": self.goal}
        shown |= {"follow": self.follow, "commits": [commit.to_json(self.follow) for commit in self.commits]}
        return shown | ({"notices": list(self.notices)} if self.notices else {})

    def frame(self) -> "pd.DataFrame":
        """Return one row a commit: commit, time, author, subject, the value (named best or newest), run, name, runs,
        change, new.
        """
        import pandas as pd

        def number(found: RunValue | None) -> float:
            known = None if found is None else found.number
            return math.nan if known is None else known

        rows = [
            {
                "commit": c.commit,
                "time": c.time,
                "author": c.author,
                "subject": c.subject,
                self.follow: number(c.value),
                "run": None if c.value is None else c.value.run,
                "name": None if c.value is None else c.value.name,
                "runs": c.runs,
                "change": c.change,
                "new": number(c.new),
            }
            for c in self.commits
        ]
        names = ["commit", "time", "author", "subject", self.follow, "run", "name", "runs", "change", "new"]
        frame = pd.DataFrame(rows, columns=names)
        texts = ("commit", "author", "subject", "run", "name", "change")
        frame = frame.astype({self.follow: "float64", "new": "float64", "runs": "int64"} | dict.fromkeys(texts, "str"))
        frame["time"] = pd.to_datetime(frame["time"].astype("int64"), unit="us", utc=True).astype("datetime64[us, UTC]")
        return frame


class Reader:
    """Takes a metric's value out of the states of runs, and remembers which metrics it saw."""

    def __init__(self, column: Column, schema: "Schema", where: str | None = None) -> None:
        self.column, self.schema = column, schema
        self._filter = None if where is None else filter.parse(where)
        self.seen: set[str] = set()
        self._named = False  # whether all that the filter names is known to be there; until then runs are held
        self._held: list[RunState] = []

    def value(self, state: RunState | None) -> RunValue | None:
        """Return the value of a run; None where it is out of view, does not fit the filter, or has no such metric."""
        if state is None or state.retracted:
            return None
        self.seen.update(state.metrics)
        if self._filter is not None and not self._fits(self._filter, state):
            return None
        found = columns.value(self.column, state, self.schema)
        return None if found is None else RunValue(found, state.id, state.name, state.created)

    def _fits(self, found: Filter, state: RunState) -> bool:
        if not self._named:
            self._held.append(state)
            if len(self._held) % _CHECKED_AT_ONCE == 0:
                self.check(last=False)
        return found.fits(state, self.schema)

    def check(self, *, last: bool = True) -> None:
        """Raise InvalidFilter where the filter names a metric or a parameter that no run had."""
        if self._filter is None or self._named:
            return
        try:
            self._filter.check(self._held, self.schema)
            self._named, self._held = True, []
        except InvalidFilter:
            if last:
                raise


def column(word: str) -> Column:
    """Return the column that a word means: a metric's last value, or another statistic such as `best:val/auc`.

    Raises UsageError for what is no metric, or a statistic that says nothing of how good a run is.
    """
    found = columns.parse(word, heading=False)
    if found.kind != "metric":
        raise UsageError(f"{word!r} is no metric", hint=f"a metric of that name: ledger history metrics.{word}")
    if found.statistic in ("count", "nan"):
        raise UsageError(f"{word!r} says nothing of how good a run is", hint=f"ledger history {found.name}")
    return found


def follow(steps: Iterable[Step], metric: "Metric", *, newest: bool = False) -> list[CommitValue]:
    """Return the best value, or that of the newest run, after each step; `metric` says which way is better."""
    line = _Line(metric, newest)
    return [line.take(step) for step in steps]


class _Line:
    """The values of all runs in view as of a commit, and the one that counts; a commit costs what it changed."""

    def __init__(self, metric: "Metric", newest: bool) -> None:
        self.metric, self.newest = metric, newest
        self.values: dict[str, RunValue] = {}
        self.top: RunValue | None = None

    def take(self, step: Step) -> CommitValue:
        """Apply a step, and return what is known after it."""
        before, changed = self.top, False
        brought: list[RunValue] = []
        for run, value in step.values.items():
            old = self.values.get(run)
            if value is None:
                changed |= self.values.pop(run, None) is not None
            else:
                self.values[run] = value
                if old is None or not columns.same(old.value, value.value):
                    changed = True
                    brought.append(value)
        if before is not None and before.run in step.values:
            self.top = self._best(self.values.values())
        else:
            self.top = self._best([*([before] if before else []), *(v for v in step.values.values() if v is not None)])
        new = self._best(brought)
        commit = step.commit
        return CommitValue(
            commit.object,
            commit.time,
            commit.author,
            commit.subject,
            self.top,
            len(self.values),
            self._change(before, step.damaged),
            new,
            None if new is None or before is None else self._verdict(before, new),
            changed or bool(step.damaged),
            step.damaged,
        )

    def _best(self, values: Iterable[RunValue]) -> RunValue | None:
        """Return the value that counts; of equal ones that of the newest run, as `best:METRIC` does."""
        if self.newest:
            return max(values, key=lambda found: (found.created, found.run), default=None)
        sign = 1.0 if self.metric.goal == "maximize" else -1.0
        ranked = (
            (sign * number, found.created, found.run, found)
            for found in values
            if (number := found.number) is not None and not math.isnan(number)
        )
        return max(ranked, key=lambda rank: rank[:3], default=(0.0, 0, "", None))[3]

    def _change(self, before: RunValue | None, damaged: Sequence[str]) -> str | None:
        if before is None:
            return None
        if before.run in damaged:
            return "unknown"
        return "lost" if self.top is None else self._verdict(before, self.top)

    def _verdict(self, before: RunValue, after: RunValue) -> str:
        return self.metric.verdict(before.number, after.number)
