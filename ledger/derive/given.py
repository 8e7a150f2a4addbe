"""Values that somebody gives for closed runs: which cells change, which stay; then one late entry a run.

All runs are looked at before the first is written to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ledger.derive.outcome import Backfilled, CellChange, LeftOut
from ledger.errors import Damage, InvalidValue, RunRetracted, UsageError, counted
from ledger.format import names
from ledger.record import late, standing
from ledger.record.calls import RowsCall
from ledger.schema import Schema
from ledger.store.state import RunState
from ledger.store.tree import Tree
from ledger.table import columns, current
from ledger.table.values_file import Given

MISSING, REPLACE, ALWAYS = "missing", "replace", "always"  # which cells are written


class Origin(NamedTuple):
    """Who gives the values, why, and from which file ({name, sha256}) if it is one."""

    author: Callable[[], str]
    reason: str | None
    file: dict[str, str] | None = None


class _Plan(NamedTuple):
    """What is to be done to one run; `lines` are those of the file that its cells come from."""

    cells: list[CellChange]
    kept: list[CellChange]
    lines: list[int]
    same: int


def backfill(
    tree: Tree,
    states: Mapping[str, RunState],
    schema: Schema,
    given: Sequence[Given],
    policy: str,
    origin: Origin,
    *,
    dry_run: bool = False,
) -> Backfilled:
    """Write given values to their runs, one late entry a run; with `dry_run` say only what would be written.

    `missing` writes cells that have no value, `replace` also those that hold another one, `always` all. Runs that are
    open, removed or damaged are left out. Cells that hold another value and stay are in `kept`.
    """
    by_run: dict[str, list[Given]] = {}
    for one in given:
        by_run.setdefault(one.run, []).append(one)
    plans: dict[str, _Plan] = {}
    left_out: list[LeftOut] = []
    for run, wanted in by_run.items():
        if (why := _unfit(states[run])) is not None:
            left_out.append(why)
            continue
        try:
            plans[run] = _plan(tree, states[run], schema, wanted, policy)
        except Damage as damage:
            left_out.append(LeftOut(run, states[run].name, damage.message, damage.hint))
    found = Backfilled(
        left_out=left_out,
        same=sum(plan.same for plan in plans.values()),
        kept=[cell for plan in plans.values() for cell in plan.kept],
        dry_run=dry_run,
        notices=_notices(states, plans) + _renamed(states, schema, given) if policy == ALWAYS else [],
    )
    if dry_run:
        return msgspec.structs.replace(found, cells=[cell for plan in plans.values() for cell in plan.cells])
    return _write(tree, plans, origin, found)


def _unfit(state: RunState) -> LeftOut | None:
    if state.retracted:
        return LeftOut(state.id, state.name, "it was removed from view", f"ledger restore {state.id}")
    if state.finished is None:
        return LeftOut(state.id, state.name, f"it is not closed ({state.status})", f"ledger finish {state.id}")
    return None


def _plan(tree: Tree, state: RunState, schema: Schema, wanted: Sequence[Given], policy: str) -> _Plan:
    keys = {one.metric: current.stored_key(state, one.metric, schema) for one in wanted}
    if len({(keys[one.metric], one.step) for one in wanted}) < len(wanted):
        stored = sorted({key for asked, key in keys.items() if asked != key})
        raise InvalidValue(f"two values are given for one metric of {state.name}: {', '.join(stored)}, under two names")
    now = current.values(tree, state, {(keys[one.metric], one.step) for one in wanted})
    plan = _Plan([], [], [], 0)
    same = 0
    for one in wanted:
        key = keys[one.metric]
        old = now.get((key, one.step))
        cell = CellChange(state.id, state.name, key, one.step, old, one.value)
        if policy != ALWAYS and current.same(old, one.value):
            same += 1
        elif policy == MISSING and old is not None:
            plan.kept.append(cell)
        else:
            plan.cells.append(cell)
            plan.lines.extend([] if one.line is None else [one.line])
    return plan._replace(same=same)


def _notices(states: Mapping[str, RunState], plans: Mapping[str, _Plan]) -> list[str]:
    """Say where a correction makes a cell that was not there, which is likely not the one that was meant."""
    new: dict[tuple[str, bool], list[RunState]] = {}
    for run, plan in plans.items():
        for cell in plan.cells:
            summary = states[run].metrics.get(cell.metric)
            if cell.old is None and (summary is None or (cell.step is None and summary.last_step is not None)):
                new.setdefault((cell.metric, summary is not None), []).append(states[run])
    texts = []
    for (metric, has_steps), runs in new.items():
        whose = runs[0].name if len(runs) == 1 else counted(len(runs), "run", "runs")
        near = columns.nearest(metric, runs[0].metrics)
        if has_steps:
            texts.append(f"{metric} of {whose} has steps; a value without one ranks above them (--step N corrects one)")
        elif near:
            texts.append(f"{metric} is new to {whose}; {runs[0].name} has {', '.join(near)}")
    return texts


def _renamed(states: Mapping[str, RunState], schema: Schema, given: Sequence[Given]) -> list[str]:
    """Say under which name a value is stored where another one was asked for."""
    asked = ((one.metric, current.stored_key(states[one.run], one.metric, schema)) for one in given)
    return [
        f"{metric} is kept and shown as {stored}, so that is what is corrected (see ledger schema)"
        for metric, stored in dict.fromkeys(asked)
        if metric != stored
    ]


def _write(tree: Tree, plans: Mapping[str, _Plan], origin: Origin, found: Backfilled) -> Backfilled:
    left_out, cells, entries = list(found.left_out), list[CellChange](), dict[str, str]()
    author = origin.author() if any(plan.cells for plan in plans.values()) else ""
    for run, plan in plans.items():
        if not plan.cells:
            continue
        try:
            standing.refuse_retracted(tree, run)  # it may have been removed, or resumed, since we looked
        except RunRetracted as error:
            left_out.append(LeftOut(run, plan.cells[0].name, "it was removed from view", error.hint))
            continue
        if not standing.is_closed(tree, run):
            left_out.append(LeftOut(run, plan.cells[0].name, "it was opened again meanwhile"))
            continue
        source = _source(origin, plan.lines)
        id = late.write(tree, run, _calls(plan.cells), [], author, origin.reason, source=source)
        if id is not None:
            entries[run] = id
        cells.extend(msgspec.structs.replace(cell, written=True) for cell in plan.cells)
    return msgspec.structs.replace(found, cells=cells, left_out=left_out, entries=entries)


def _source(origin: Origin, lines: Sequence[int]) -> dict[str, Any]:
    source: dict[str, Any] = {"by": "backfill"}
    if origin.file is not None:
        source["file"] = dict(origin.file)
    if lines:
        first, last = min(lines), max(lines)
        source |= {"line": first} if first == last else {"lines": [first, last]}
    return source


def _calls(cells: Sequence[CellChange]) -> list[RowsCall]:
    """Return the rows of cells, those of one step and context together."""
    groups: dict[tuple[int | None, str | None], dict[str, Any]] = {}
    for cell in cells:
        name, context = names.parse_key(cell.metric)
        groups.setdefault((cell.step, context), {})[name] = cell.new
    return [RowsCall(values, step, context) for (step, context), values in groups.items()]


def refusal(left_out: Sequence[LeftOut]) -> UsageError:
    """Return the error about runs of which none could take a value."""
    first = left_out[0]
    if len(left_out) > 1:
        text = f"none of the {len(left_out)} runs takes a value afterwards; {first.name} ({first.run}): {first.why}"
    else:
        text = f"the run {first.name} ({first.run}) takes no value afterwards: {first.why}"
    return UsageError(text, hint=f"log to it while it is open: ledger log --run {first.run}; or first: {first.hint}")
