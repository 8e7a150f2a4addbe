"""What `backfill` is asked for: the runs that are meant, what is to be computed, where."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ledger.derive import backfill as derived
from ledger.derive import recipes
from ledger.derive.outcome import Backfilled, LeftOut
from ledger.derive.plan import EVERY, Asked
from ledger.derive.workers import refuse_imported
from ledger.errors import UsageError
from ledger.format import names
from ledger.record.calls import check_prose
from ledger.table import select

if TYPE_CHECKING:
    import datetime

    from ledger.api.ledger import Ledger
    from ledger.store.state import RunState

Metric = str | Callable[..., Any]


def chosen(
    ledger: Ledger, run: str | Sequence[str], where: str | None, all: bool
) -> tuple[list[RunState], list[LeftOut]]:
    """Return the runs that are meant, newest first, and those of them that cannot be read.

    Raises UsageError where nobody said which, or all of them and some of them.
    """
    if not isinstance(run, str | Iterable):
        raise UsageError(f"{run!r} selects no run", hint="say a name, an id, or a list of them")
    words = [run] if isinstance(run, str) else list(run)
    if all and (words or where):
        raise UsageError("all runs are meant, or some of them", hint="leave out --all, or --run and -F")
    if not (all or words or where):
        raise UsageError("it was not said which runs are meant", hint="say --all, --run SELECTOR or -F EXPR")
    if revised := [word for word in words if names.split_revision(word)[0] is not None]:
        raise UsageError(
            f"{revised[0]!r} is a run as a revision has it, which cannot be changed", hint="leave the revision out"
        )
    catalog = ledger.catalog
    states = select.many(catalog, ledger.schema, words, where=where)
    unread = catalog.damaged.items() if not words else ()
    return states, [LeftOut(id, id[16:-13], error.message, error.hint, damaged=True) for id, error in unread]


def backfill(
    ledger: Ledger,
    metrics: Metric | Sequence[Metric],
    *,
    run: str | Sequence[str] = (),
    where: str | None = None,
    all: bool = False,
    function: str | None = None,
    split: str | None = None,
    step: int | str | None = None,
    charts: bool = False,
    kind: str | None = None,
    threshold: float | None = None,
    prefix: str = "",
    options: Mapping[str, Any] | None = None,
    as_of: str | datetime.datetime | None = None,
    reason: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    jobs: int | None = 1,
    on: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Backfilled:
    """Compute metrics of the stored predictions of runs; see `Ledger.backfill`."""
    refuse_imported()
    named = _named(metrics)
    if step is not None and step != EVERY and (isinstance(step, bool) or not isinstance(step, int)):
        raise UsageError(f"the step must be a whole number or {EVERY!r}, not {step!r}")
    if jobs is not None and jobs < 1:
        raise UsageError(f"there must be at least one job, not {jobs}")
    recipe = recipes.recipe(
        named, own=function, folder=os.getcwd(), charts=charts, kind=kind, threshold=threshold, prefix=prefix,
        options=options,
    )  # fmt: skip
    checked = check_prose("reason", reason)
    states, damaged = chosen(ledger, run, where, all)
    known_at = None
    if as_of is not None:
        from ledger.record import labels

        known_at = labels.moment(as_of)
    asked = Asked(split, step, force, known_at)
    found = derived.backfill(
        ledger.tree, states, recipe, asked, ledger.author, schema=ledger.schema,
        where=derived.Where(jobs, on), reason=checked, dry_run=dry_run, progress=progress,
    )  # fmt: skip
    found.left_out.extend(damaged)
    return found


def _named(metrics: Any) -> list[Metric]:
    """Return the metrics that are meant, one or many; raises UsageError for what can be none."""
    one = isinstance(metrics, str) or callable(metrics) or not isinstance(metrics, Iterable)
    named = [metrics] if one else list(metrics)
    for each in named:
        if each is None or isinstance(each, bool | int | float | bytes):
            raise UsageError(f"{each!r} names no metric", hint="say a name such as 'f2', a function, or a list of them")
    return named
