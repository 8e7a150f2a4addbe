"""Entries: what is said of a run, as small JSON files made to be read in a diff.

One struct a kind, fields in the order they are written. `encode` gives the bytes, `decode` reads them back and
refuses what a reader cannot trust. An entry's id is the first 16 hex digits of the sha256 of its bytes.
"""

import hashlib
import math
from typing import Any

import msgspec

from ledger.errors import RESTORE, DamagedFile, NewerFormat
from ledger.format import ids, json_style, names, values
from ledger.format.layout import FORMAT, KINDS, entry_name

METRICS_MAX = 200  # metrics in a summary, and charts in an entry; the rest of the charts goes into a blob
CHARTS_MAX = 200
JSON_MAX = 64 << 20  # bytes of an entry, or of a list of charts, that are looked at
_KEY_MAX, _DOTS_MAX = 1000, 64  # of the key of an annotation


class Entry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What every entry has: its run, its time (RFC 3339 UTC, microseconds), its author, the entries it followed.

    `run` is empty in an entry of the log, which is of no single run.
    """

    format: int
    kind: str
    run: str = ""
    time: str
    author: str
    after: list[str] = []
    must_understand: bool = False

    @property
    def time_us(self) -> int:
        """The entry's time in microseconds since 1970 UTC."""
        return ids.parse_rfc3339(self.time)


class Open(Entry, kw_only=True, omit_defaults=True):
    """A run begins: what it is called, what it was given, what code it runs."""

    name: str
    group: str | None = None
    parent: str | None = None
    params: dict[str, Any] = {}
    tags: list[str] = []
    seed: int | None = None
    note: str | None = None
    git: dict[str, Any] | None = None
    program: dict[str, Any] = {}


class Range(msgspec.Struct, omit_defaults=True):
    """Rows and charts of one writer that an entry covers: the first and the last seq."""

    writer: str
    first: int
    last: int


class Segment(msgspec.Struct, omit_defaults=True):
    """A segment that an entry brings."""

    sha256: str
    rows: int
    bytes: int


class ChartRef(msgspec.Struct, omit_defaults=True):
    """A chart, text or file that an entry brings: its name and step, its blob, its place among the rows."""

    name: str
    blob: str
    extension: str
    media_type: str
    bytes: int
    time: int
    writer: str
    seq: int
    attempt: int
    step: int | None = None
    context: str | None = None
    caption: str | None = None


class ColumnRef(msgspec.Struct, omit_defaults=True):
    """One column of predictions: its blob (a `parquet` one), the digest of its values, what they are."""

    blob: str
    digest: str
    dtype: str


class PredictionsRef(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Predictions that an entry brings: split and step, a blob a column, their place among the rows.

    `labels` are the classes in the order of a row's scores.
    """

    split: str | None = None
    step: int | None = None
    context: str | None = None
    rows: int
    labels: list[str | bool | int | float] | None = None
    columns: dict[str, ColumnRef]
    time: int
    writer: str
    seq: int
    attempt: int


class UndefinedValue(msgspec.Struct, omit_defaults=True):
    """Why the row (writer, seq) has no value."""

    writer: str
    seq: int
    reason: str


class MoreCharts(msgspec.Struct):
    """Where the charts beyond the limit of an entry are: a JSON blob holding a list of `ChartRef`."""

    blob: str
    count: int


class Rows(Entry, kw_only=True, omit_defaults=True):
    """Rows and charts arrive: sealed from journals, or late on a closed run."""

    late: bool = False
    reason: str | None = None
    source: dict[str, Any] | None = None
    writers: list[Range] = []
    segments: list[Segment] = []
    charts: list[ChartRef] = []
    more_charts: MoreCharts | None = None
    predictions: list[PredictionsRef] = []
    undefined: list[UndefinedValue] = []
    summary: dict[str, Any] = {}


class Close(Entry, kw_only=True, omit_defaults=True):
    """A run ends: `finished` or `failed` by its owner, `interrupted` by whoever sealed what a dead process left."""

    status: str
    sealer: bool = False
    exit_status: int | None = None
    error: str | None = None


class Operation(msgspec.Struct, omit_defaults=True):
    """One change of an annotation: `set` key = value, or `add`/`remove` a tag."""

    op: str
    key: str
    value: Any = None


class Annotate(Entry, kw_only=True, omit_defaults=True):
    """Tags, params, name or note change; keys are `params.a.b`, `name`, `note`, `group`, `parent`, `seed`."""

    reason: str | None = None
    operations: list[Operation] = []


class Retract(Entry, kw_only=True, omit_defaults=True):
    """The run, or one entry of it, is taken out of every view; its files stay."""

    target: str
    reason: str | None = None


class Resume(Entry, kw_only=True, omit_defaults=True):
    """A new attempt begins: from `step` on, if given, it replaces what earlier attempts logged."""

    attempt: int
    step: int | None = None
    git: dict[str, Any] | None = None
    program: dict[str, Any] = {}


class File(msgspec.Struct, omit_defaults=True):
    """A file that something was read from: the last part of its path, its sha256, its size."""

    name: str
    sha256: str
    bytes: int


class Labels(Entry, kw_only=True, omit_defaults=True):
    """Labels that came late, a row an id: columns `ids` and `label`, known since `at` (RFC 3339 UTC, microseconds).

    They are of predictions of `split`, or of any.
    """

    split: str | None = None
    at: str
    rows: int
    columns: dict[str, ColumnRef]
    file: File | None = None
    reason: str | None = None

    @property
    def at_us(self) -> int:
        """When the labels were known, in microseconds since 1970 UTC."""
        return ids.parse_rfc3339(self.at)


_TYPES: dict[str, type[Entry]] = dict(zip(KINDS, (Open, Rows, Close, Annotate, Retract, Resume), strict=True))
_TYPES["labels"] = Labels
_WRAPPED: dict[type[Entry], tuple[str, ...]] = {
    Open: ("params", "git", "program"),
    Rows: ("source", "summary"),
    Resume: ("git", "program"),
}
_DECODERS: dict[type, "msgspec.json.Decoder[Any]"] = {}


class Encoded(msgspec.Struct, frozen=True):
    """An entry ready to be written: its file name, its id and its bytes."""

    name: str
    id: str
    data: bytes


def header(kind: str, run: str, time: int, author: str, after: list[str]) -> dict[str, Any]:
    """Return the fields that every entry begins with; an entry of the log has no run."""
    fields = {"format": FORMAT, "kind": kind, "run": run, "time": ids.rfc3339(time), "author": author}
    return {**fields, "after": sorted(after)}


def encode(entry: Entry) -> Encoded:
    """Return the entry's bytes, its id and the file name that goes with them."""
    data = json_style.render(values.wrap(msgspec.to_builtins(entry)))
    sha256 = hashlib.sha256(data).hexdigest()
    return Encoded(entry_name(entry.time_us, entry.kind, sha256), sha256[:16], data)


def decode(data: bytes, name: str) -> Entry | None:
    """Read an entry; return None for a kind this version does not know and need not.

    Raises DamagedFile for what is no entry, NewerFormat for one written by a newer ledger or one that says
    `must_understand` and is not understood.
    """
    if len(data) > JSON_MAX:
        raise DamagedFile(f"{name} has {len(data)} bytes; an entry has at most {JSON_MAX}", hint=RESTORE)
    try:
        head = _decoder(Entry).decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFile(f"{name} is not an entry: {error}", hint=RESTORE) from None
    if head.format > FORMAT:
        raise NewerFormat(
            f"{name} has format {head.format}; this version of ledger reads up to {FORMAT}",
            hint="install a newer version: pip install --upgrade ledger-ml",
        )
    kind = _TYPES.get(head.kind)
    if kind is None:
        if head.must_understand:
            raise NewerFormat(
                f"{name} is of the kind {head.kind!r}, which must be understood and is not",
                hint="install a newer version: pip install --upgrade ledger-ml",
            )
        return None
    try:
        entry: Entry = _decoder(kind).decode(data)
        for field in _WRAPPED.get(kind, ()):
            setattr(entry, field, values.unwrap(getattr(entry, field)))
        if isinstance(entry, Annotate):
            for operation in entry.operations:
                operation.value = values.unwrap(operation.value)
        _check(entry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, TypeError) as error:
        raise DamagedFile(f"{name} is not a valid {head.kind} entry: {error}", hint=RESTORE) from None
    return entry


def _check(entry: Entry) -> None:
    """Raise ValueError for what no writer says."""
    if entry.format < 0:
        raise ValueError(f"its format is {entry.format}")
    if entry.time_us > ids.TIME_MAX:
        raise ValueError(f"its time is {entry.time}")
    if not entry.run and not isinstance(entry, (Labels, Retract)):
        raise ValueError("it names no run")
    if isinstance(entry, Labels):
        _check_labels(entry)
    elif isinstance(entry, Annotate):
        for operation in entry.operations:
            _check_operation(operation)
    elif isinstance(entry, Open):
        _check_number("seed", entry.seed)
    elif isinstance(entry, Close):
        _check_number("exit_status", entry.exit_status)
    elif isinstance(entry, Resume) and not 2 <= entry.attempt < 2**31:
        raise ValueError(f"its attempt is {entry.attempt}")
    elif isinstance(entry, Rows):
        for chart in entry.charts:
            check_chart(chart)
        for predictions in entry.predictions:
            check_predictions(predictions)
        if not all(undefined.reason.strip() for undefined in entry.undefined):
            raise ValueError("the reason of an undefined value is blank")


def _check_operation(operation: Operation) -> None:
    key, value = operation.key, operation.value
    if operation.op not in ("set", "add", "remove"):
        raise ValueError(f"the operation {operation.op[:80]!r} is unknown")
    if len(key) > _KEY_MAX or key.count(".") > _DOTS_MAX:
        raise ValueError(f"the key {key[:80]!r}... is too long")
    if operation.op != "set" or key not in ("name", "group", "parent", "note", "seed"):
        return
    if value is None and key != "name":
        return
    if type(value) is not (int if key == "seed" else str):
        raise ValueError(f"the {key} is set to {str(value)[:80]!r}")
    if isinstance(value, int):
        _check_number(key, value)


def _check_number(name: str, value: int | None) -> None:
    if value is not None and not -(2**63) <= value < 2**64:
        raise ValueError(f"its {name} is beyond 64 bits")


def check_chart(chart: ChartRef) -> None:
    """Raise ValueError for a chart whose name, context or numbers no writer gives."""
    if not names.is_metric(chart.name):
        raise ValueError(f"{chart.name[:80]!r} cannot name a chart")
    if chart.context is not None and not names.is_context(chart.context):
        raise ValueError(f"{chart.context[:80]!r} is not a context")
    for number in (chart.bytes, chart.time, chart.seq, chart.attempt, chart.step or 0):
        if not -(2**63) <= number < 2**63:
            raise ValueError(f"a number of the chart {chart.name!r} is beyond 64 bits")


def check_predictions(ref: PredictionsRef) -> None:
    """Raise ValueError for predictions whose names, context, labels or numbers no writer gives."""
    for name in (*ref.columns, *(() if ref.split is None else (ref.split,))):
        if not names.is_metric(name) or name.startswith("$"):
            raise ValueError(f"{name[:80]!r} cannot name a split or a column of predictions")
    if not ref.columns:
        raise ValueError("predictions have no columns")
    if ref.context is not None and not names.is_context(ref.context):
        raise ValueError(f"{ref.context[:80]!r} is not a context")
    if ref.rows < 0:
        raise ValueError(f"predictions have {ref.rows} rows")
    for label in ref.labels or ():
        if isinstance(label, float) and not math.isfinite(label):
            raise ValueError(f"{label} cannot be a label")
    numbers = [label for label in ref.labels or () if isinstance(label, int)]
    for number in (ref.rows, ref.time, ref.seq, ref.attempt, ref.step or 0, *numbers):
        if not -(2**63) <= number < 2**63:
            raise ValueError("a number of predictions is beyond 64 bits")


def _check_labels(entry: Labels) -> None:
    if entry.run:
        raise ValueError("labels are of no run, and it names one")
    if not {"ids", "label"} <= set(entry.columns):
        raise ValueError(f"its columns are {', '.join(map(repr, sorted(entry.columns)))[:80]}, not ids and label")
    if entry.split is not None and (not names.is_metric(entry.split) or entry.split.startswith("$")):
        raise ValueError(f"{entry.split[:80]!r} cannot name a split")
    if not 0 <= entry.rows < 2**63:
        raise ValueError(f"it has {entry.rows} rows")
    if entry.at_us > ids.TIME_MAX:
        raise ValueError(f"its labels were known at {entry.at}")
    if entry.file is not None and not 0 <= entry.file.bytes < 2**63:
        raise ValueError(f"its file has {entry.file.bytes} bytes")


def encode_charts(charts: list[ChartRef]) -> bytes:
    """Return the JSON of a list of charts that does not fit an entry."""
    return json_style.render(msgspec.to_builtins(charts))


def decode_charts(data: bytes) -> list[ChartRef]:
    """Read what `encode_charts` wrote; raises DamagedFile for anything else."""
    try:
        if len(data) > JSON_MAX:
            raise ValueError(f"it has {len(data)} bytes")
        charts = msgspec.json.decode(data, type=list[ChartRef])
        for chart in charts:
            check_chart(chart)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DamagedFile(f"a list of charts cannot be read: {error}", hint=RESTORE) from None
    return charts


def _decoder(kind: type) -> "msgspec.json.Decoder[Any]":
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
    return decoder
