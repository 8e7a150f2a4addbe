"""One call of `ledger log`: metrics, charts, params, tags and a note for one run, checked as a whole, then written."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ledger.format import entries as form
from ledger.format import names, values
from ledger.record import annotations, late, pictures
from ledger.record.run import check_chart, check_rows, flatten_params
from ledger.store.tree import Tree


class Call(NamedTuple):
    """Metrics that share a step, a split and a context."""

    metrics: Mapping[str, Any]
    step: int | None = None
    split: str | None = None
    context: Mapping[str, Any] | None = None


class ChartFile(NamedTuple):
    """A chart in a file the user named."""

    name: str
    path: str
    step: int | None = None
    caption: str | None = None


class Checked(NamedTuple):
    """What a call asks for, all of it found fit to be written."""

    rows: list[late.RowsCall]
    charts: list[late.ChartCall]
    params: dict[str, Any]
    tags: list[str]
    note: str | None
    reason: str | None


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
    pictured = [check_chart(c.name, pictures.from_file(c.name, c.path), c.step, None, c.caption) for c in charts]
    for tag in tags:
        names.check_text("tag", tag.lstrip("+-"))
    return Checked(rows, pictured, values.to_params(params), list(tags), note, reason)


def add(tree: Tree, run: str, checked: Checked, author: Callable[[], str]) -> Logged:
    """Write what was checked to a run that is there."""
    came_late = False
    if checked.rows or checked.charts:
        came_late = late.add(tree, run, checked.rows, checked.charts, author, checked.reason)
    operations = [form.Operation("set", f"params.{k}", v) for k, v in flatten_params(checked.params).items()]
    operations += annotations.tag_operations(checked.tags)
    if checked.note is not None:
        operations.append(form.Operation("set", "note", checked.note))
    if operations:
        annotations.annotate(tree, run, operations, author(), checked.reason)
    return Logged(run, False, came_late, [])


def create(tree: Tree, name: str, checked: Checked) -> Logged:
    """Make a run of what was checked, closed at once."""
    # Here, because an open run, the common case of a shell loop, needs none of it.
    from ledger.record import start

    tags = [tag.lstrip("+") for tag in checked.tags if not tag.startswith("-")]
    run = start.create_closed(
        tree, name, checked.rows, checked.charts, params=checked.params, tags=tags, note=checked.note
    )
    return Logged(run, True, False, [])
