"""What the files of one run say, folded into one value: the unit that the catalog keeps and every reader starts from.

Entries and rows go in (`fold.py`), a `RunState` comes out; it holds summaries of the shown rows, never the rows.
Times are microseconds since 1970 UTC. Metric keys are `name` or `name{context}` (`format/names.py`).
"""

from typing import Any

import msgspec


class Summary(msgspec.Struct, frozen=True, array_like=True):
    """One metric of one run, over its shown values in order of step.

    `count` counts shown values, NaN included and undefined left out; `nan` counts NaN; min, max and mean skip NaN
    (None when nothing else is there). `last` is the value of the greatest step, a null step being the greatest; when
    that value is undefined, `last` is None and `undefined` holds the reason.
    """

    count: int
    nan: int
    first: float | None
    first_step: int | None
    last: float | None
    last_step: int | None
    min: float | None
    min_step: int | None
    max: float | None
    max_step: int | None
    mean: float | None
    undefined: str | None = None


class Chart(msgspec.Struct, frozen=True, array_like=True):
    """One shown chart, text or file of a run: a name, perhaps a step, and the blob that holds it."""

    name: str
    context: str | None
    step: int | None
    blob: str  # sha256, 64 hex digits
    extension: str
    media_type: str
    bytes: int
    caption: str | None
    time: int


class EntryNote(msgspec.Struct, frozen=True, array_like=True):
    """One entry of a run, as `show` lists it."""

    id: str  # sha16
    kind: str
    time: int
    author: str
    retracted: bool
    late: bool = False
    reason: str | None = None


class RunState(msgspec.Struct, array_like=True):
    """Everything `ls`, `show`, `compare` and `diff` need to know of a run."""

    id: str
    name: str
    status: str  # running, finished, failed, interrupted, open
    created: int
    finished: int | None
    author: str
    group: str | None
    parent: str | None
    seed: int | None
    note: str | None
    tags: list[str]
    params: dict[str, Any]
    git: dict[str, Any] | None
    program: dict[str, Any]
    metrics: dict[str, Summary]
    charts: list[Chart]
    predictions: list[dict[str, Any]]
    entries: list[EntryNote]
    attempts: int = 1
    exit_status: int | None = None
    error: str | None = None
    retracted: bool = False
    conflicts: list[str] = msgspec.field(default_factory=list)  # annotations set to different values at once
    notices: list[str] = msgspec.field(default_factory=list)  # skipped entries, gaps, missing files
