"""One value of each run against another: a parameter against a metric, or many parameters and a metric side by side.

`scatter` and `parallel` pick the columns; `view/drawing/relations.py` draws them.
"""

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.errors import InvalidFilter, NoSuchRun, counted
from ledger.format.values import Undefined
from ledger.store.state import RunState
from ledger.table import columns, splits
from ledger.table.columns import Column, flatten, natural
from ledger.table.compare import canonical_names

if TYPE_CHECKING:
    from ledger.schema import Schema

AXES_MOST = 10  # params of `parallel` that are drawn unasked


class Dimension(NamedTuple):
    """One axis: its heading, its goal where it is a metric's, and a value per run, all numbers or all texts."""

    name: str
    goal: str | None
    values: list[Any]

    @property
    def numeric(self) -> bool:
        """Say whether the values are numbers."""
        return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in self.values)

    @property
    def wide(self) -> bool:
        """Say whether the numbers are positive and far apart, as learning rates are: by a factor of 50 or more."""
        return self.numeric and min(self.values) > 0 and max(self.values) / 50 >= min(self.values)

    @property
    def levels(self) -> list[Any]:
        """The different texts, in their natural order."""
        return sorted(set(self.values), key=natural)


class Relation(NamedTuple):
    """What is drawn: some runs (id -> name) and a value of each on every axis; the metric is the last axis."""

    kind: str  # scatter or parallel
    runs: dict[str, str]
    axes: list[Dimension]
    notices: list[str]

    @property
    def headings(self) -> list[str]:
        """The columns of the values."""
        return ["run", "name", *(axis.name for axis in self.axes)]

    def rows(self) -> list[list[Any]]:
        """Return a row per run."""
        return [[id, name, *(axis.values[i] for axis in self.axes)] for i, (id, name) in enumerate(self.runs.items())]

    def to_json(self) -> dict[str, Any]:
        """Return the object of `plot scatter --json` and `plot parallel --json`."""
        runs = [
            {"id": id, "name": name, "values": {axis.name: axis.values[i] for axis in self.axes}}
            for i, (id, name) in enumerate(self.runs.items())
        ]
        axes = [{"name": axis.name} | ({} if axis.goal is None else {"goal": axis.goal}) for axis in self.axes]
        shown: dict[str, Any] = {"schema": f"ledger.plot.{self.kind}/1", "axes": axes}
        if self.kind == "scatter" and (found := self.correlation) is not None:
            shown["spearman"] = found
        return shown | {"runs": runs}

    @property
    def correlation(self) -> float | None:
        """Spearman's rank correlation of the first and the last axis; None for texts, ties alone or under 3 runs."""
        first, last = self.axes[0], self.axes[-1]
        if not (first.numeric and last.numeric) or len(self.runs) < 3:
            return None
        a, b = _ranks(first.values), _ranks(last.values)
        spread = math.sqrt(sum(v * v for v in a) * sum(v * v for v in b))
        return sum(x * y for x, y in zip(a, b, strict=True)) / spread if spread else None


def _ranks(values: Sequence[float]) -> list[float]:
    """Return ranks less their mean, equal values sharing the mean of theirs."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for i in range(start, end + 1):
            ranks[order[i]] = (start + end) / 2 - (len(values) - 1) / 2
        start = end + 1
    return ranks


def scatter(
    states: Sequence[RunState],
    schema: "Schema",
    *,
    x: str | None = None,
    y: str | None = None,
    split: str | None = None,
) -> Relation:
    """Set a parameter (or any column) against a metric: a point per run that has a value of both.

    Unasked x is the parameter with the most different values, y the first well-known score, else loss, on `split`,
    on test, on val, or on the only one. A bare name is a metric, else a parameter. Raises InvalidFilter and
    NoSuchMetric for unknown names, NoSuchRun where no run has both.
    """
    names = canonical_names(states, schema)
    up = _column(y, states, schema, names, split)
    if x is not None:
        across = _column(x, states, schema, names, split)
    else:
        varied = _varied(states)
        if not varied:
            raise InvalidFilter(
                "no parameter differs between these runs", hint="choose what is drawn across: --x COLUMN"
            )
        across = columns.parse(f"params.{varied[0]}")
    return _relation("scatter", states, schema, [across, up])


def parallel(
    states: Sequence[RunState],
    schema: "Schema",
    *,
    params: Sequence[str] = (),
    metric: str | None = None,
    split: str | None = None,
) -> Relation:
    """Set parameters side by side, the metric last: a line per run that has a value of each.

    Unasked the parameters are those that differ between the runs and that all of them have; `params` are globs of
    dotted names. For `metric` see `scatter`. Raises InvalidFilter where no parameter is left.
    """
    names = canonical_names(states, schema)
    last = _column(metric, states, schema, names, split)
    flat = [flatten(state.params) for state in states]
    notices = []
    if params:
        known = sorted({name for one in flat for name in one}, key=natural)
        chosen = []
        for pattern in params:
            word = pattern.removeprefix("params.")
            fits = [name for name in known if name == word or fnmatchcase(name, word)]
            if not fits:
                raise columns.unknown(columns.parse(f"params.{word}"), states)
            chosen += fits
        chosen = list(dict.fromkeys(chosen))
    else:
        varied = _varied(states)
        chosen = [name for name in varied if sum(name in one for one in flat) == len(states)] or varied
        if len(chosen) > AXES_MOST:
            notices = [f"{len(chosen) - AXES_MOST} params are not drawn, such as {chosen[-1]}; choose with --param"]
        chosen = sorted(chosen[:AXES_MOST], key=natural)
    if not chosen:
        raise InvalidFilter("no parameter differs between these runs", hint="choose with --param NAME")
    found = _relation("parallel", states, schema, [*(columns.parse(f"params.{name}") for name in chosen), last])
    return found._replace(notices=[*notices, *found.notices])


def _column(
    spec: str | None, states: Sequence[RunState], schema: "Schema", names: Mapping[str, str], split: str | None
) -> Column:
    """Return the column that a word means: any column of `ls`, a metric without its split, or a bare parameter."""
    if spec is not None:
        column = columns.parse(spec)
        if column.kind != "metric" or any(columns.has(column, state, schema) for state in states):
            columns.check([column], states, schema)
            return column
        param = columns.parse(f"params.{spec}")
        if any(columns.has(param, state, schema) for state in states):
            return param
        known = {splits.place(key).metric for key in names.values()}
        if column.statistic == "last" and column.name in known:
            key = splits.shown_key(states, names, column.name, split)
            return columns.parse(columns.spelled(key))
        params = dict.fromkeys(name for state in states for name in flatten(state.params))
        near = columns.nearest(column.name, [*known, *params])
        if near:
            hint = f"the nearest known: {', '.join(near)}"
            raise InvalidFilter(f"no run here has a metric or a parameter {column.name!r}", hint=hint)
        raise columns.unknown(column, states)
    return columns.parse(columns.spelled(splits.shown_key(states, names, None, split)))


def _varied(states: Sequence[RunState]) -> list[str]:
    """Return the parameters that differ between runs, numbers first, those with the most values first."""
    values: dict[str, dict[str, Any]] = {}
    for state in states:
        for name, value in flatten(state.params).items():
            values.setdefault(name, {}).setdefault(repr(value), value)
    varied = [name for name, seen in values.items() if len(seen) > 1]
    return sorted(varied, key=lambda n: (any(not _number(v) for v in values[n].values()), -len(values[n]), natural(n)))


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _relation(kind: str, states: Sequence[RunState], schema: "Schema", wanted: Sequence[Column]) -> Relation:
    """Return the axes, over the runs that have a value of each: texts where a column is not all numbers."""
    found: dict[str, list[Any]] = {}
    bare = unfit = 0
    for state in states:
        values = [columns.value(column, state, schema) for column in wanted]
        if any(value is None for value in values):
            bare += 1
        elif any(isinstance(v, Undefined) or (isinstance(v, float) and not math.isfinite(v)) for v in values):
            unfit += 1
        else:
            found[state.id] = values
    if not found:
        texts = ", ".join(column.heading for column in wanted)
        more = f", {counted(unfit, 'has', 'have')} a value that is not finite" if unfit else ""
        raise NoSuchRun(f"none of {counted(len(states), 'run', 'runs')} has a finite {texts}{more}", hint="ledger ls")
    notices = [f"left out: {counted(bare, 'run', 'runs')} without a value of every axis"] if bare else []
    notices += [f"left out: {counted(unfit, 'run', 'runs')} whose value is undefined, NaN or infinite"] if unfit else []
    axes = []
    for i, column in enumerate(wanted):
        values = [_plain(values[i]) for values in found.values()]
        if not all(_number(value) for value in values):
            values = [_text(value) for value in values]
        goal = schema.metric(column.name).goal if column.kind == "metric" else None
        axes.append(Dimension(column.name if column.kind == "param" else column.heading, goal, values))
    runs = {state.id: state.name for state in states if state.id in found}
    return Relation(kind, runs, axes, notices)


def _plain(value: Any) -> Any:
    """Return a whole number beyond what a float holds as a text: it has no place on an axis."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**1000 else value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return value if isinstance(value, str) else repr(value)
