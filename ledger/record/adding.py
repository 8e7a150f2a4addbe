"""One call of `ledger log`: metrics, charts, params, tags and a note for one run, checked as a whole, then written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.errors import NoSuchRun, warn
from ledger.format import layout, names
from ledger.record import standing
from ledger.record.calls import (
    Call,
    ChartCall,
    ChartFile,
    RowsCall,
    check_chart,
    check_params,
    check_prose,
    check_rows,
    plain,
)
from ledger.store import journal
from ledger.store.shared import SharedWriter
from ledger.store.tree import Tree

if TYPE_CHECKING:
    from ledger.record.predictions import PredictionsCall


class Checked(NamedTuple):
    """What a call asks for, all of it found fit to be written."""

    rows: list[RowsCall]
    charts: list[ChartCall]
    params: dict[str, Any]
    tags: list[str]
    note: str | None
    reason: str | None
    predictions: Sequence[PredictionsCall] = ()


class Logged(NamedTuple):
    """What a call did: the run's id, whether it was made by it, whether rows came late, and the nearest known names."""

    run: str
    created: bool
    late: bool
    near: list[str]


def check(
    calls: Sequence[Call],
    charts: Sequence[ChartFile],
    params: Any,
    tags: Sequence[str],
    note: str | None,
    reason: str | None,
) -> Checked:
    """Return what is to be written; raises InvalidValue, InvalidName or InvalidParam before anything is."""
    rows = [check_rows(*call) for call in calls]
    pictured = []
    if charts:
        from ledger.record import pictures

        pictured = [check_chart(c.name, pictures.from_file(c.name, c.path), c.step, None, c.caption) for c in charts]
    for tag in tags:
        names.check_text("tag", tag.lstrip("+-") if isinstance(tag, str) else tag)
    prose = check_prose("note", note), check_prose("reason", reason)
    return Checked(rows, pictured, check_params(params), list(tags), *prose)


def refuse_large(tree: Tree, checked: Checked) -> None:
    """Raise InvalidValue for a chart or a column that is larger than the schema allows."""
    if checked.charts:
        from ledger.record import pictures

        pictures.refuse_large(tree, checked.charts)
    if checked.predictions:
        from ledger.record import predictions

        predictions.refuse_large(tree, checked.predictions)


def add(tree: Tree, run: str, checked: Checked, author: Callable[[], str]) -> Logged:
    """Write what was checked to a run that is there: to an open one through a shared journal, to a closed one late.

    Raises NoSuchRun, and RunRetracted for a run that was removed from view.
    """
    if not tree.exists(layout.run_folder(run)) and not journal.paths(tree, run):
        raise NoSuchRun(f"there is no run {run}")
    standing.refuse_retracted(tree, run)
    refuse_large(tree, checked)
    came_late = False
    if checked.rows or checked.charts or checked.predictions:
        came_late = _add_rows(tree, run, checked, author)
    if checked.params or checked.tags or checked.note is not None:
        # Here, because an open run, the common case of a shell loop, needs none of it.
        from ledger.record import annotations

        operations = annotations.param_operations(checked.params) + annotations.tag_operations(checked.tags)
        if checked.note is not None:
            operations.append(annotations.set_operation("note", checked.note))
        annotations.annotate(tree, run, operations, author(), checked.reason)
    elif checked.reason is not None and not came_late:
        warn(f"the message is not kept: the run {run} is open, and rows have one only where they come late")
    return Logged(run, False, came_late, [])


def _add_rows(tree: Tree, run: str, checked: Checked, author: Callable[[], str]) -> bool:
    """Add rows, charts and predictions; say whether they came late."""
    charts: list[dict[str, Any]] = []
    if checked.charts:
        from ledger.record import pictures

        charts = [pictures.store(tree, *call) for call in checked.charts]
    predicted: list[dict[str, Any]] = []
    if checked.predictions:
        from ledger.record import predictions

        predicted = [predictions.store(tree, one) for one in checked.predictions]
    if not standing.is_closed(tree, run):
        since = standing.newest_time(tree, run)
        with SharedWriter(tree, run, standing.attempt_of(tree, run), since=since) as writer:
            rows = [(call.step, call.context, plain(call.values)) for call in checked.rows]
            writer.bundle(rows, charts, predicted)
        # It may have been closed between our look and our write; then nobody else will seal this journal.
        if not standing.is_closed(tree, run):
            return False
        from ledger.record import seal

        found = journal.presence(tree, run)
        taken = [item for path in found.shared if (item := seal.take(tree, path)) is not None]
        seal.seal(tree, run, taken, author(), late=True)
        return True
    from ledger.record import late

    late.write(tree, run, checked.rows, charts, author(), checked.reason, predicted)
    return True


def create(tree: Tree, name: str, checked: Checked) -> Logged:
    """Make a run of what was checked, closed at once."""
    from ledger.record import start

    refuse_large(tree, checked)
    texts = [text for text in (checked.note, checked.reason) if text is not None]
    note = "\n".join(texts) if texts else None  # why the run is there is said of all of it
    tags = [tag.lstrip("+") for tag in checked.tags if not tag.startswith("-")]
    run = start.create_closed(tree, name, checked.rows, checked.charts, params=checked.params, tags=tags, note=note)
    return Logged(run, True, False, [])
