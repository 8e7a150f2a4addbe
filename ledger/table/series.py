"""Metrics over their steps, as lines to be drawn: the splits of one metric together, runs overlaid, or as bands.

`curves` takes where rows are and gives `Curves`; `view/drawing/curves.py` draws them. Every shown value is a point of
a line: nothing is sampled.
"""

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ledger.errors import Damage, InvalidValue, NoSuchMetric, UsageError, counted
from ledger.format.goals import known_goal
from ledger.format.names import metric_key
from ledger.format.rows import NO_STEP, Rows
from ledger.store.state import RunState
from ledger.table import bands, frames, splits
from ledger.table.bands import Floats, Line
from ledger.table.columns import metric_order, nearest
from ledger.table.compare import canonical_names, select_keys
from ledger.table.frames import Source

if TYPE_CHECKING:
    from ledger.schema import Schema

PANELS_MOST = 12  # that are drawn unasked
INTERVALS = ("range", "mean")
Counters = dict[tuple[str, str], set[float]]  # (metric, owner) -> steps
_COUNTERS = ("training_rows", "epoch")  # metrics that name the steps they are equal to


class Panel(NamedTuple):
    """The lines of one metric."""

    metric: str
    goal: str | None
    lines: list[Line]
    steps: str = "step"  # what a step is, where a metric says so


class Asked(NamedTuple):
    """How curves are wanted; the fields are the options of `ledger plot curves`."""

    metrics: Sequence[str] = ()
    x: str = "step"  # or time, or a metric
    smooth: float = 0.0
    log_x: bool = False
    log_y: bool = False
    band: str | None = None  # group or seed
    interval: str = "range"  # of a band: range, or mean (95 % t-interval)


class Curves(NamedTuple):
    """What is drawn: panels, the owners of lines with the best first (by which metric), and what was left out.

    `order` has the owners in the order that decides their colours.
    """

    asked: Asked
    panels: list[Panel]
    owners: dict[str, str]  # id -> name
    ranked_by: str | None
    notices: list[str]
    order: Sequence[str] = ()

    @property
    def headings(self) -> list[str]:
        """The columns of the points."""
        more = ["smooth"] if self.asked.smooth else []
        if self.asked.band:
            return ["group", "metric", self.asked.x, "mean", "low", "high", "runs", *more]
        return ["run", "name", "metric", self.x_heading, "value", *more]

    @property
    def x_heading(self) -> str:
        """The name of the x column; time is in seconds since the run began."""
        return "seconds" if self.asked.x == "time" else self.asked.x

    def rows(self) -> list[list[Any]]:
        """Return a row per point; x is a whole number where it is a step."""
        rows: list[list[Any]] = []
        for panel in self.panels:
            for line in panel.lines:
                xs = line.x.astype("int64").tolist() if self.asked.x == "step" else line.x.tolist()
                columns = [xs, line.y.tolist()]
                if self.asked.band and line.low is not None and line.high is not None:
                    columns += [line.low.tolist(), line.high.tolist(), [line.runs] * len(xs)]
                if line.smooth is not None:
                    columns.append(line.smooth.tolist())
                own = [line.owner] if self.asked.band else [line.owner, self.owners[line.owner]]
                rows += [[*own, line.key, *point] for point in zip(*columns, strict=True)]
        return rows

    def to_json(self) -> dict[str, Any]:
        """Return the object of `plot curves --json`: a line has equally long lists of numbers."""
        names = {"x": "x", "y": "y", "smooth": "smooth", "low": "low", "high": "high"}
        lines = []
        for panel in self.panels:
            for line in panel.lines:
                arrays = {name: getattr(line, field).tolist() for field, name in names.items() if _has(line, field)}
                owner = {"group": line.owner, "runs": line.runs} if self.asked.band else {"run": line.owner}
                lines.append({**owner, "metric": line.key, **arrays})
        runs = [{"id": id, "name": name} for id, name in self.owners.items()]
        return {"schema": "ledger.plot.curves/1", "x": self.x_heading, "runs": runs, "lines": lines}


def _has(line: Line, field: str) -> bool:
    return getattr(line, field) is not None


def curves(
    states: Sequence[RunState],
    sources: Sequence[Source],
    schema: "Schema",
    asked: Asked,
    groups: Mapping[str, str] | None = None,
    damaged: dict[str, Damage] | None = None,
    *,
    named: bool = True,
) -> Curves:
    """Return the lines of runs: `sources` are where the rows of `states` are, `groups` the group of each for bands.

    Unasked every metric with two points or more in some run is a panel. Colours go by the order of runs that are
    `named`, else by that of their ids. Around the mean of folds is a band of them. Raises NoSuchMetric where a name
    fits nothing or nothing has steps, InvalidValue for a smoothing outside [0, 1); for `damaged` see `frames.rows_of`.
    """
    _check(asked)
    names = canonical_names(states, schema)
    keys = _wanted(asked.metrics, names, schema)
    if asked.x not in ("step", "time") and asked.x not in {name.partition("{")[0] for name in names} | set(names):
        near = nearest(asked.x, [*names, "step", "time"])
        hint = f"the nearest known: {', '.join(near)}" if near else "step, time, or a metric of these runs"
        raise NoSuchMetric(f"none of these runs has a metric {asked.x!r} to be across", hint=hint)
    begun = {state.id: state.created for state in states}
    lines: list[Line] = []
    lost: dict[str, int] = {}
    counters: Counters = {}
    for source, rows, _ in frames.rows_of(sources, "shown", damaged):
        counters |= _counters(source.label, rows) if asked.x == "step" else {}
        lines += _lines(source.label, rows, names, keys, asked.x, begun[source.label], lost)
    lines = _shown([line for line in lines if len(line.x)], asked, counters)
    notices = [_lost(why, count) for why, count in lost.items()]
    owners = {state.id: state.name for state in states}
    first = list(owners) if named else sorted(owners)
    if groups is not None:
        counters = {(key, groups[owner]): steps for (key, owner), steps in counters.items()}
        notices = [*bands.alone(states, groups, asked.band), *notices]
        lines, notices = bands.of_groups(lines, groups, asked.interval, notices)
        owners = {group: group for group in dict.fromkeys(groups[state.id] for state in states)}
        first = list(dict.fromkeys(groups[id] for id in first))
    lines = bands.of_folds(lines)
    if asked.smooth:
        lines = [line._replace(smooth=smoothed(line.y, asked.smooth)) for line in lines]
    panels = [_counted(panel, counters) for panel in _panels(_as_train(lines), schema)]
    if len(panels) > PANELS_MOST and not asked.metrics:
        left = ", ".join(panel.metric for panel in panels[PANELS_MOST:][:5])
        notices.append(f"{len(panels) - PANELS_MOST} metrics are not drawn, such as {left}; choose with --metric")
        panels = panels[:PANELS_MOST]
    ranking, ranked_by = _ranking(panels)
    drawn = {line.owner for panel in panels for line in panel.lines}
    bare = [name for id, name in owners.items() if id not in drawn]
    if bare:
        notices.append(f"{counted(len(bare), 'run has', 'runs have')} none of these metrics, such as {bare[0]}")
    order = [*ranking, *(id for id in owners if id in drawn and id not in ranking)]
    return Curves(asked, panels, {id: owners[id] for id in order}, ranked_by, notices, first)


def _shown(lines: list[Line], asked: Asked, counters: Counters) -> list[Line]:
    """Return the lines that are drawn; raises NoSuchMetric where there are none."""
    if not lines:
        what = " and ".join(map(repr, asked.metrics)) if asked.metrics else "metrics"
        on = "steps" if asked.x in ("step", "time") else f"steps where {asked.x!r} was logged too"
        raise NoSuchMetric(
            f"nothing to draw: these runs have no {what} with {on}",
            hint="a metric has a curve when it is logged with step=; last values: ledger plot scatter, or compare",
        )
    if asked.metrics:
        return lines
    long = {_place(line) for line in lines if len(line.x) > 1}
    of_fold = [splits.place(line.key).fold is not None for line in lines]
    lines = [x for x, fold in zip(lines, of_fold, strict=True) if len(x.x) > 1 or (fold and _place(x) in long)] or lines
    # What a step is stands under the axis.
    return [line for line in lines if (line.key, line.owner) not in counters] or lines


def _place(line: Line) -> tuple[str, ...]:
    where = splits.place(line.key)
    return line.owner, where.metric, where.split or "", where.rest


def _counters(run: str, rows: Rows) -> Counters:
    """Return the metrics of a run that say what a step is, such as training_rows, with their steps: they equal them."""
    found = {}
    for index, (name, context) in enumerate(rows.keys):
        if name in _COUNTERS and context is None:
            here = np.flatnonzero((rows.key == index) & (rows.step != NO_STEP))
            if np.array_equal(rows.step[here], rows.value[here]):
                found[name, run] = set(rows.step[here].astype(np.float64).tolist())
    return found


def _counted(panel: Panel, counters: Counters) -> Panel:
    """Return a panel with the name of what its steps count, where one metric says so for all of its lines."""
    said = {
        next(
            (key for (key, owner), steps in counters.items() if owner == line.owner and steps >= set(line.x.tolist())),
            "",
        )
        for line in panel.lines
    }
    return panel._replace(steps=said.pop().replace("_", " ")) if len(said) == 1 and "" not in said else panel


def _check(asked: Asked) -> None:
    if not 0 <= asked.smooth < 1:
        raise InvalidValue(f"smooth={asked.smooth}: it must be at least 0 and less than 1", hint="such as 0.6")
    if asked.interval not in INTERVALS:
        raise InvalidValue(f"interval={asked.interval!r}", hint=f"one of {', '.join(INTERVALS)}")
    if asked.band and asked.x == "time":
        raise UsageError("runs have no point in time in common, which a band needs", hint="use --x step")


def _wanted(patterns: Sequence[str], names: Mapping[str, str], schema: "Schema") -> set[str]:
    """Return the keys that patterns fit; a pattern without a split (`loss`) fits the metric on every split."""
    if not patterns:
        return set(names.values())
    places = {key: splits.place(key).metric for key in names.values()}
    chosen: set[str] = set()
    for pattern in patterns:
        fits = {key for key, metric in places.items() if metric == pattern or fnmatchcase(metric, pattern)}
        try:
            chosen |= fits or set(select_keys([pattern], names, schema))
        except NoSuchMetric as error:
            near = nearest(pattern, [*places.values(), *places])
            hint = f"the nearest known: {', '.join(near)}" if near else error.hint
            raise NoSuchMetric(error.message, hint=hint) from None
    return chosen


def _lines(
    run: str, rows: Rows, names: Mapping[str, str], keys: set[str], x: str, begun: int, lost: dict[str, int]
) -> list[Line]:
    wanted = {}
    for index, (name, context) in enumerate(rows.keys):
        key = metric_key(name, context)
        if names.get(key, key) in keys or name == x or key == x:
            wanted[index] = (key, names.get(key, key))
    found: dict[str, tuple[Any, Any, Any]] = {}
    for index, (_, canonical) in wanted.items():
        here = np.flatnonzero(rows.key == index)
        stepped = here[(rows.step[here] != NO_STEP) & ~rows.undefined[here]]
        if canonical in keys and len(stepped) and len(here) > len(stepped):
            why = "defined" if rows.undefined[here].any() else "step"
            lost[why] = lost.get(why, 0) + len(here) - len(stepped)
        found.setdefault(canonical, (rows.step[stepped], rows.time[stepped], rows.value[stepped]))
    lines = []
    for key, (steps, times, values) in found.items():
        if key not in keys or key == x:
            continue
        place = splits.place(key)
        rest = ",".join(filter(None, [place.rest, f"fold={place.fold}" if place.fold is not None else ""]))
        if x == "step":
            across = steps.astype(np.float64)
        elif x == "time":
            across = (times - begun) / 1e6
        else:
            across, values = _against(found, x, place.rest, steps, values)
        if len(across) and x != "step":
            order = np.argsort(across, kind="stable")
            across, values = across[order], values[order]
        lines.append(Line(run, key, place.split, rest, across, values))
    return lines


def _against(found: Mapping[str, Any], x: str, rest: str, steps: Any, values: Any) -> tuple[Any, Any]:
    """Return the values of another metric at the same steps, and those of this one there."""
    key = f"{x}{{{rest}}}" if rest and f"{x}{{{rest}}}" in found else x
    if key not in found:
        return np.zeros(0), np.zeros(0)
    other, _, across = found[key]
    _, mine, theirs = np.intersect1d(steps, other, return_indices=True)
    known = np.isfinite(across[theirs])
    return across[theirs][known], values[mine][known]


def _lost(why: str, count: int) -> str:
    values = counted(count, "value", "values")
    return f"{values} without a step not drawn" if why == "step" else f"{values} undefined or without a step not drawn"


def smoothed(values: Floats, weight: float) -> Floats:
    """Return the exponential moving average of values, bias-corrected as Adam and TensorBoard do; 0 <= weight < 1.

    s[n] = sum(w^(n-i) x[i]) / sum(w^(n-i)) over the finite values up to n; where a value is not finite, so is s.
    """
    from scipy.signal import lfilter

    finite = np.isfinite(values)
    known = values[finite]
    result = values.astype(np.float64, copy=True)
    if len(known):
        kernel = [1 - weight], [1, -weight]
        result[finite] = lfilter(*kernel, known) / lfilter(*kernel, np.ones(len(known)))
    return result


def _as_train(lines: Sequence[Line]) -> list[Line]:
    """Keras calls the training data's `loss`, and the other `val_loss`: a metric without a split, beside twins."""
    metrics: dict[str, set[str | None]] = {}
    for line in lines:
        metrics.setdefault(splits.place(line.key).metric, set()).add(line.split)
    bare = {metric for metric, seen in metrics.items() if None in seen and len(seen) > 1 and "train" not in seen}
    return [
        line._replace(split="train") if line.split is None and splits.place(line.key).metric in bare else line
        for line in lines
    ]


def _panels(lines: Sequence[Line], schema: "Schema") -> list[Panel]:
    by: dict[str, list[Line]] = {}
    for line in lines:
        by.setdefault(splits.place(line.key).metric, []).append(line)
    for members in by.values():
        members.sort(key=lambda line: (splits.rank(line.split), metric_order(line.key)))
    goals = {metric: schema.metric(members[0].key).goal or known_goal(metric) for metric, members in by.items()}
    return [Panel(metric, goals[metric], by[metric]) for metric in sorted(by, key=metric_order)]


def _ranking(panels: Sequence[Panel]) -> tuple[list[str], str | None]:
    """Return the owners of lines, the best last value first, and the key of the metric that decides."""
    scores = {name: i for i, name in enumerate([*splits.SCORES, *splits.LOSSES])}
    known = [panel for panel in panels if panel.goal is not None]
    known.sort(key=lambda panel: scores.get(splits.ALSO.get(panel.metric, panel.metric), len(scores)))
    if not known:
        return [], None
    panel = known[0]
    split = splits.shown_split(line.split for line in panel.lines)
    ends: dict[str, float] = {}
    for line in panel.lines:
        end = float(line.y[-1])
        if line.split == split and math.isfinite(end):
            ends.setdefault(line.owner, end)
    key = next(line.key for line in panel.lines if line.split == split)
    return sorted(ends, key=lambda owner: ends[owner] * (1 if panel.goal == "minimize" else -1)), key
