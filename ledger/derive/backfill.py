"""A backfill from end to end: which cells lack a value, computed anywhere, recorded by this one process.

Each run gets one late `rows` entry, with the reason and the source of its values; nothing is overwritten. What is
recorded stays, however the rest ends: what was done is known by its keys, so running again does what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import msgspec

from ledger.derive import cluster, identity, workers
from ledger.derive.outcome import Backfilled, CellChange, ChartChange, Interrupted, LeftOut
from ledger.derive.plan import Asked, Plan, Planner, Task
from ledger.derive.recipes import Recipe, expected
from ledger.derive.recorder import Recorder, Rows, now
from ledger.derive.work import Done
from ledger.errors import LedgerError, counted
from ledger.evaluate import lookup
from ledger.format import entries as form
from ledger.format import layout
from ledger.format.computed import Computed
from ledger.format.names import metric_key, parse_key
from ledger.record.evaluating import Place
from ledger.schema import EMPTY, Schema
from ledger.store import entries
from ledger.store.state import RunState
from ledger.store.tree import Tree
from ledger.table import current, labels, sources

Spellings: TypeAlias = Callable[[str], Sequence[str]]


class Where(NamedTuple):
    """Where it is computed: `jobs` processes of this machine (None: as many as are worth it), or `on` a cluster."""

    jobs: int | None = 1
    on: str | None = None


HERE = Where()


def backfill(
    tree: Tree,
    states: Sequence[RunState],
    recipe: Recipe,
    asked: Asked,
    author: Callable[[], str],
    *,
    schema: Schema = EMPTY,
    where: Where = HERE,
    reason: str | None = None,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Backfilled:
    """Compute what a recipe asks of the predictions of runs, and add it to them; see `Ledger.backfill`.

    Raises Interrupted after Ctrl-C, when what was done is recorded.
    """
    spellings = partial(current.spellings, schema=schema)
    rows = Rows(tree, spellings)
    planner = Planner(tree, recipe, asked, lambda split: _labels(tree, split, asked.as_of), rows.owner, spellings)
    plan = planner.plan(states)
    known = {state.id: state for state in states}
    notices = _replaced(tree, recipe, plan) + _reverted(plan.reverted)
    if dry_run:
        return msgspec.structs.replace(_as_planned(recipe, plan, known, spellings), notices=notices)
    recorder = Recorder(tree, recipe, known, rows, author, reason)
    per_run = _counted(plan.tasks)
    held: dict[str, list[tuple[Task, Done]]] = {}
    done, stopped = 0, None
    answers = _answers(tree.root, recipe, plan.tasks, where, recorder)
    try:
        if progress is not None:
            progress(0, len(plan.tasks))
        for task, answer in answers:
            held.setdefault(task.run, []).append((task, answer))
            if len(held[task.run]) == per_run[task.run]:
                recorder.record(task.run, held.pop(task.run))
            done += 1
            if progress is not None:
                progress(done, len(plan.tasks))
    except workers.Lost as lost:
        notices.append(
            f"the workers have gone ({lost}): {done} of {len(plan.tasks)} were done; the same again does the rest"
        )
    except KeyboardInterrupt as stop:
        stopped = stop
    finally:
        answers.close()
        for run in list(held):  # of a run that is not through: what there is of it is kept
            recorder.record(run, held.pop(run))
        recorder.pool = None
        recorder.flush()
    if stopped is not None:
        raise Interrupted(_so_far(done, len(plan.tasks), len(recorder.entries))) from stopped
    left_out = [*plan.left_out, *recorder.left_out]
    if done < len(plan.tasks):
        missing = {task.run for task in plan.tasks} - set(recorder.seen)
        left_out += [LeftOut(run, known[run].name, "it was not reached") for run in sorted(missing, reverse=True)]
    return Backfilled(
        cells=recorder.cells, left_out=left_out, same=plan.same + recorder.same, other=plan.other + recorder.other,
        charts=recorder.charts, entries=recorder.entries, notices=notices,
    )  # fmt: skip


def _reverted(count: int) -> list[str]:
    """Say how many values are not computed again since somebody took the same out of view."""
    were = f"{count} value was" if count == 1 else f"{count} values were"
    return [f"{were} reverted: --force computes {'it' if count == 1 else 'them'} again"] if count else []


def _so_far(done: int, of: int, runs: int) -> str:
    return (
        f"{done} of {counted(of, 'set', 'sets')} of predictions done, {counted(runs, 'run', 'runs')} written to; "
        "the same again does the rest"
    )


def _replaced(tree: Tree, recipe: Recipe, plan: Plan) -> list[str]:
    """Say where a user's function takes the place of one from another file."""
    found: dict[str, None] = {}
    for task in plan.tasks:
        for wanted in task.wanted:
            now_by = recipe.items[wanted.item].definition.get("from")
            if recipe.items[wanted.item].own is None or not wanted.befores:
                continue
            before = wanted.befores[-1].record
            was_by = _function(tree, task.run, before)
            if was_by is not None and identity.place(was_by) != identity.place(str(now_by)):
                found[f"{before.name} was computed by {was_by} before; now by {now_by}"] = None
    return list(found)


def _function(tree: Tree, run: str, before: Computed) -> str | None:
    """Return the function that computed a value, as the source of its entry has it."""
    try:
        found = entries.read_all(tree, layout.run_folder(run), run).read
    except LedgerError:  # which is said when the run is written to
        return None
    for read in found:
        if isinstance(read.entry, form.Rows) and any(each.writer == before.writer for each in read.entry.writers):
            source = sources.of_cell(read.entry.source, before.name, before.context, before.step) or {}
            listed: list[dict[str, object]] = source.get("computed") or [{}]
            function = listed[0].get("function")
            return function if isinstance(function, str) else None
    return None


def _counted(tasks: Iterable[Task]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for task in tasks:
        counts[task.run] = counts.get(task.run, 0) + 1
    return counts


def _labels(tree: Tree, split: str | None, as_of: int | None) -> list[str]:
    return labels.fingerprint(tree, split, as_of)


def _answers(
    root: str, recipe: Recipe, tasks: Sequence[Task], where: Where, recorder: Recorder
) -> Generator[tuple[Task, Done], None, None]:
    """Yield what becomes of tasks."""
    if not tasks:
        return
    if where.on is not None:
        with cluster.connected(where.on, where.jobs, recipe, root) as pool:
            yield from workers.spread(pool, root, recipe, tasks)
        return
    jobs = workers.jobs_for(tasks, where.jobs)
    if jobs == 1:
        yield from workers.here(root, recipe, tasks)
        return
    with workers.processes(min(jobs, len(tasks)), recipe) as pool:  # one task, too: it may be what kills its worker
        recorder.pool = pool
        yield from workers.spread(pool, root, recipe, tasks)
        recorder.flush()


def _as_planned(recipe: Recipe, plan: Plan, states: Mapping[str, RunState], spellings: Spellings) -> Backfilled:
    """Return what would be done."""
    cells, charts = [], []
    for task in plan.tasks:
        state, first = states[task.run], task.chosen[0]
        for wanted in task.wanted:
            item = recipe.items[wanted.item]
            name = wanted.stored or f"{'' if first.split is None else first.split + '/'}{recipe.prefix}{item.name}"
            if item.sort == "chart" or wanted.chart is not None:
                charts.append(ChartChange(task.run, task.name, name, first.step))
            elif item.sort == "bundle":
                found = _of_bundle(state, task, recipe, item.name, spellings, forced=wanted.why != "missing")
                cells += [cell for cell in found if parse_key(cell.metric)[0] not in wanted.reverted]
            else:
                key = metric_key(name, first.context)
                cells.append(CellChange(task.run, task.name, key, first.step, now(state, key, first.step), None))
    return Backfilled(cells, plan.left_out, plan.same, plan.other, charts=charts, dry_run=True)


def _of_bundle(
    state: RunState, task: Task, recipe: Recipe, kind: str, spellings: Spellings, *, forced: bool
) -> list[CellChange]:
    first = task.chosen[0]
    place = Place(first.split, recipe.prefix)
    found = []
    for name in expected(lookup.bundle(kind), "y_score" in first.columns):
        key = metric_key(place.name(name), first.context)
        old = next((old for each in spellings(key) if (old := now(state, each, first.step)) is not None), None)
        if old is None or forced:
            found.append(CellChange(task.run, task.name, key, first.step, old, None))
    return found
