"""What the files of one run say, folded into one value: the unit that the catalog keeps and every reader starts from.

Entries and rows go in (`fold.py`), a `RunState` comes out; it holds summaries of the shown rows, never the rows.
Times are microseconds since 1970 UTC. Metric keys are `name` or `name{context}` (`format/names.py`).
"""

from typing import Any

import msgspec

from ledger.errors import DamagedFile
from ledger.format.computed import Computed


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


class PredictedColumn(msgspec.Struct, frozen=True, array_like=True):
    """One column of predictions: the blob that holds it, the digest of its values, and their type."""

    blob: str  # sha256, 64 hex digits
    digest: str
    dtype: str


class Predictions(msgspec.Struct, frozen=True, array_like=True):
    """Shown predictions of a run: of a split, perhaps a context and a step. Batches of one place stand side by side."""

    split: str | None
    context: str | None
    step: int | None
    rows: int
    columns: dict[str, PredictedColumn]
    labels: list[str | bool | int | float] | None  # classes, in the order of a row's scores
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
    predictions: list[Predictions]
    entries: list[EntryNote]
    attempts: int = 1
    exit_status: int | None = None
    error: str | None = None
    retracted: bool = False
    conflicts: list[str] = msgspec.field(default_factory=list)  # annotations set to different values at once
    notices: list[str] = msgspec.field(default_factory=list)  # skipped entries, gaps, missing files
    computed: list[Computed] = msgspec.field(default_factory=list)  # by a backfill, see `fold`


_LARGE = 1  # the msgpack extension of whole numbers beyond 64 bits, as params may be
_unpack = msgspec.msgpack.Decoder(RunState, ext_hook=lambda code, data: int(bytes(data))).decode
_pack = msgspec.msgpack.Encoder().encode


def encode(state: RunState) -> bytes:
    """Return a state as it is remembered; raises DamagedFile for a number that no honest writer stores."""
    try:
        return _pack(state)
    except OverflowError:
        names = ("params", "git", "program", "predictions")
        try:
            return _pack(
                msgspec.structs.replace(state, **{name: _without_large(getattr(state, name)) for name in names})
            )
        except OverflowError:
            raise DamagedFile(f"an entry of run {state.id} holds a number beyond 64 bits") from None


def decode(data: bytes) -> RunState:
    """Return a remembered state."""
    return _unpack(data)


def _without_large(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_large(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_large(inner) for inner in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return msgspec.msgpack.Ext(_LARGE, str(value).encode())
    return value
