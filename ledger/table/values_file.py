"""Values that were computed elsewhere: a table, a row a run, a column a metric, from a CSV, TSV or Parquet file.

Everything is checked before anything is said to be fine: the first problems come in one error, each with its line.
"""

import csv
import hashlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ledger.errors import Damage, InvalidValue, LedgerError, NotFound
from ledger.format import ids, names
from ledger.format.values import to_float, to_step
from ledger.schema import Schema
from ledger.store.catalog import Catalog
from ledger.table import select

MATCHES = ("run", "name", "id")
_PROBLEMS_MOST = 20
_WHOLE = re.compile(r"[+-]?[0-9]{1,40}(\.0*)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|infinity|nan)", re.A | re.I)


class Given(NamedTuple):
    """A value that somebody gives for a cell: run (id), metric (a key), step; `line` is where it stands in a file."""

    run: str
    metric: str
    step: int | None
    value: Any
    line: int | None = None


class ValuesTable(NamedTuple):
    """The values of a table in its order; `file` is {name, sha256} of the file; `notices` what was passed over."""

    cells: list[Given]
    file: dict[str, str] | None
    notices: list[str]


def read(
    source: Any, match: str | None, metrics: Sequence[str], catalog: Catalog, schema: Schema, steps: str = "step"
) -> ValuesTable:
    """Return the values of a table (a path, or a pandas DataFrame) for the runs that its column `match` names.

    `run` has any selector, `name` a name that one run has, `id` whole ids; None is the one of them that is there.
    `metrics` names the columns that count; without, all but `step` and those three. An empty cell has no value; NaN is
    one in a file, and none in a DataFrame, where nothing tells the two apart. Raises InvalidValue with up to 20
    problems.
    """
    if match is not None and match not in MATCHES:
        raise InvalidValue(f"rows can be matched by {', '.join(MATCHES)}, not by {match!r}")
    raw = _frame(source) if hasattr(source, "columns") else _file(source)
    match = match or _only_match(raw)
    problems = _Problems(raw)
    keys = _metric_columns(raw, match, metrics, steps)
    if not raw.rows:
        raise InvalidValue(f"{raw.place} has no rows below its headings")
    runs = _Runs(catalog, schema, match)
    at, step_at = raw.headings.index(match), raw.headings.index(steps) if steps in raw.headings else None
    found: list[Given] = []
    seen: dict[tuple[str, str, int | None], Given] = {}
    for line, row in raw.rows:
        if len(row) != len(raw.headings):
            problems.add(line, f"it has {len(row)} fields, the headings {len(raw.headings)}")
            continue
        run = problems.attempt(line, runs.find, row[at])
        before_step = len(problems.texts)
        step = None if step_at is None else problems.attempt(line, _step, row[step_at])
        no_cell = run is None or len(problems.texts) > before_step
        for position, key in keys.items():
            value = problems.attempt(line, _value, raw.headings[position], row[position])
            if value is None or no_cell:
                continue
            given = Given(run, key, step, value, line)
            if (before := seen.setdefault((run, key, step), given)) is not given:
                where = "" if step is None else f" at step {step}"
                other = f"{raw.unit} {before.line} ({before.value!r})"
                problems.add(line, f"{key} of {run}{where} is {value!r} here, and given in {other} too")
            found.append(given)
    problems.stop()
    if not found:
        raise InvalidValue(f"{raw.place} has no values: its cells are empty", hint=_columns_hint(raw))
    return ValuesTable(found, raw.file, raw.notices)


class _Raw(NamedTuple):
    """A table as it was read: `rows` with their line or row numbers; `unit` says which of the two they are."""

    place: str
    unit: str
    headings: list[str]
    rows: list[tuple[int, list[Any]]]
    file: dict[str, str] | None
    notices: list[str]


class _Problems:
    """The problems found so far; the error is raised when there are many, or at the end."""

    def __init__(self, raw: _Raw) -> None:
        self.raw = raw
        self.hint = _columns_hint(raw)
        self.texts: list[str] = []

    def add(self, line: int, text: str) -> None:
        """Note a problem; raises InvalidValue once there are too many."""
        self.texts.append(f"  {self.raw.unit} {line}: {text}")
        if len(self.texts) == _PROBLEMS_MOST:
            self.stop()

    def attempt(self, line: int, function: Any, *arguments: Any) -> Any:
        """Return what a function returns; None where it raises an error, which is noted."""
        try:
            return function(*arguments)
        except LedgerError as error:
            hint = f" ({error.hint})" if error.hint and isinstance(error, NotFound) else ""
            self.add(line, error.message.replace("\n", " ") + hint)
            return None

    def stop(self) -> None:
        """Raise InvalidValue if there are problems."""
        if self.texts:
            count = len(self.texts)
            many = "1 problem" if count == 1 else f"{count} problems"
            many = f"at least {many}" if count == _PROBLEMS_MOST else many
            listed = "\n".join(self.texts)
            raise InvalidValue(f"{self.raw.place} has {many}; nothing was written:\n{listed}", hint=self.hint)


def _columns_hint(raw: _Raw) -> str:
    return f"its columns are {', '.join(raw.headings[:20])}; name those that are metrics to take only them"


def _only_match(raw: _Raw) -> str:
    there = [name for name in MATCHES if name in raw.headings]
    if len(there) != 1:
        what = f"has the columns {' and '.join(there)}" if there else "has no column run, name or id"
        raise InvalidValue(f"{raw.place} {what}; which runs are meant?", hint="say which: --match run, name or id")
    return there[0]


def _metric_columns(raw: _Raw, match: str, metrics: Sequence[str], steps: str) -> dict[int, str]:
    """Return the metric keys of the columns that count, by position; raises InvalidValue."""
    listed = ", ".join(repr(heading) for heading in raw.headings[:20])
    for heading in raw.headings:
        if raw.headings.count(heading) > 1:
            raise InvalidValue(f"{raw.place} has the column {heading!r} twice")
    for wanted in [match, *metrics]:
        if wanted not in raw.headings:
            hint = "another column can name the runs: --match run, name or id" if wanted == match else None
            raise InvalidValue(f"{raw.place} has no column {wanted!r}; it has {listed}", hint=hint)
    others = [heading for heading in raw.headings if heading not in (*MATCHES, steps)]
    passed = [heading for heading in raw.headings if heading in MATCHES and heading not in (match, *metrics)]
    raw.notices.extend(f"the column {heading!r} was passed over: {match!r} says which runs" for heading in passed)
    found: dict[int, str] = {}
    for heading in metrics or others:
        key = _metric(raw, heading)
        if key in found.values():
            raise InvalidValue(f"{raw.place} has two columns for the metric {key}")
        found[raw.headings.index(heading)] = key
    if not found:
        raise InvalidValue(f"{raw.place} has no column with values; it has {listed}")
    return found


def _metric(raw: _Raw, heading: str) -> str:
    if not heading:
        hint = "name the columns that are metrics; pandas writes an index unless told index=False"
        raise InvalidValue(f"{raw.place} has a column without a heading", hint=hint)
    try:
        name, context = names.parse_key(heading)
        return names.metric_key(names.check_metric(name), context)
    except (LedgerError, ValueError) as error:
        why = getattr(error, "message", error)
        raise InvalidValue(f"{raw.place}: the column {heading!r} names no metric: {why}") from None


def _file(path: Any) -> _Raw:
    try:
        path = os.fspath(path)
    except TypeError:
        raise InvalidValue(f"a table is a path or a pandas DataFrame, not {type(path).__name__}") from None
    kind = os.path.splitext(path)[1].lower()
    if kind not in (".csv", ".tsv", ".txt", ".parquet", ".pq"):
        raise InvalidValue(f"the file {path} is neither .csv, .tsv nor .parquet", hint="name it for what it is")
    if not os.path.isfile(path):
        what = "is no regular file" if os.path.exists(path) else "is not there"
        raise InvalidValue(f"the file {path} {what}", hint=f"looked in {os.getcwd()}")
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise InvalidValue(f"the file {path} cannot be read: {error.strerror}") from None
    known = {"name": os.path.basename(path), "sha256": hashlib.sha256(data).hexdigest()}
    if kind in (".parquet", ".pq"):
        return _parquet(path, data, known)
    return _text(path, data, known, "\t" if kind == ".tsv" else ",")


def _text(path: str, data: bytes, known: dict[str, str], delimiter: str) -> _Raw:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidValue(f"the file {path} is not UTF-8, as line {line} shows", hint="save it as UTF-8") from None
    rows: list[tuple[int, list[Any]]] = []
    try:
        for line, row in _records(text, delimiter):
            if row:
                rows.append((line, row))
    except csv.Error as error:
        raise InvalidValue(f"the file {path} cannot be read: {error}") from None
    if not rows:
        raise InvalidValue(f"the file {path} is empty")
    headings = [heading.strip() for heading in rows[0][1]]
    if len(headings) == 1 and ";" in headings[0]:
        raise InvalidValue(f"the columns of {path} are separated by ';'", hint="save it with commas, or as .tsv")
    return _Raw(path, "line", headings, rows[1:], known, [])


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    first = 1
    for row in reader:
        yield first, row
        first = reader.line_num + 1


def _parquet(path: str, data: bytes, known: dict[str, str]) -> _Raw:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(io.BytesIO(data)).read(use_threads=False)
        columns = [column.to_pylist() for column in table.columns]
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InvalidValue(f"the file {path} cannot be read: {str(error).splitlines()[0]}") from None
    rows = [(i, list(row)) for i, row in enumerate(zip(*columns, strict=True), start=1)]
    return _Raw(path, "row", table.column_names, rows, known, [])


def _frame(frame: Any) -> _Raw:
    import pandas as pd

    if frame.index.names != [None]:
        frame = frame.reset_index()
    headings = list(frame.columns)
    if odd := [heading for heading in headings if not isinstance(heading, str)]:
        raise InvalidValue(f"the DataFrame has the column {odd[0]!r}, which is no text")
    columns, absent = [], 0
    for position in range(len(headings)):
        column = frame.iloc[:, position]
        missing = column.isna().to_numpy()
        if pd.api.types.is_float_dtype(column.dtype):
            absent += int(missing.sum())
        columns.append([None if gone else value for gone, value in zip(missing, column.tolist(), strict=True)])
    said = f"{absent} NaN of the DataFrame count as no value; a CSV or Parquet file tells the two apart"
    rows = [(i, list(row)) for i, row in enumerate(zip(*columns, strict=True), start=1)]
    return _Raw("the DataFrame", "row", headings, rows, None, [said] if absent else [])


def _value(heading: str, value: Any) -> Any:
    """Return a value as it is stored, None for an empty cell; raises InvalidValue."""
    if not isinstance(value, str):
        return None if value is None else to_float(heading, value)
    text = value.strip()
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise InvalidValue(f"column {heading!r}: {text[:60]!r} is no number")
    if re.fullmatch(r"[+-]?[0-9]{1,400}", text) and int(text):  # as an integer: refused where float64 would round it
        return to_float(heading, int(text))
    number = float(text)
    mantissa = text.lower().partition("e")[0]
    if ("inf" in repr(number) and "inf" not in mantissa) or (number == 0 and re.search("[1-9]", mantissa)):
        raise InvalidValue(f"column {heading!r}: {text[:40]} is beyond what float64 can hold")
    return number


def _step(value: Any) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if not _WHOLE.fullmatch(text):
            raise InvalidValue(f"the step {text[:40]!r} is no whole number")
        return to_step(int(text.partition(".")[0]))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None or value != value else to_step(value)


class _Runs:
    """Which run a word of a table means; each word is looked up once."""

    def __init__(self, catalog: Catalog, schema: Schema, match: str) -> None:
        self.catalog, self.schema, self.match = catalog, schema, match
        self.known: dict[str, str | LedgerError] = {}
        self.ids: dict[str, bool] = {}
        self.named: dict[str, list[str]] = {}
        for id, name, gone in catalog.ids():
            self.ids[id] = gone
            if not gone:
                self.named.setdefault(name, []).append(id)
        for id, name in catalog.damaged_names().items():
            self.named.setdefault(name, []).append(id)

    def find(self, word: Any) -> str:
        """Return the id of the run that a word means; raises InvalidValue, NotFound or Damage."""
        if isinstance(word, int) and not isinstance(word, bool):
            word = str(word)
        if not isinstance(word, str) or not word.strip():
            raise InvalidValue(f"column {self.match!r}: {word!r} names no run")
        word = word.strip()
        if word not in self.known:
            try:
                self.known[word] = self._find(word)
            except (NotFound, InvalidValue, Damage) as error:
                self.known[word] = error
        found = self.known[word]
        if isinstance(found, LedgerError):
            raise found
        return found

    def _find(self, word: str) -> str:
        named = self.named.get(word, [])
        if self.match == "name" and len(named) > 1:
            listed = ", ".join(named[:3]) + (", ..." if len(named) > 3 else "")
            raise InvalidValue(f"{len(named)} runs have the name {word!r} ({listed}): match them by id")
        if self.match == "id" and not ids.is_run_id(word):
            raise InvalidValue(f"{word[:80]!r} is no id of a run")
        if self.match == "name" and not named:
            return self._unknown(word)
        if self.match != "id" and named and ":" not in word and not word.startswith("@"):
            damaged = [id for id in named if id in self.catalog.damaged]
            id = max(named[:1] + damaged)  # the newest in view stands first; of one second no id tells it
            self.catalog.check(id)
            return id
        if self.match == "id" and self.ids.get(word) is False:
            return word
        return select.one(self.catalog, word, self.schema).id

    def _unknown(self, name: str) -> str:
        if gone := select.removed(self.catalog, name):
            raise NotFound(f"the run {name!r} ({gone}) was removed from view", hint=f"ledger restore {gone}")
        near = select.nearest_names(self.catalog, name)
        raise NotFound(f"no run has the name {name!r}", hint=f"did you mean {', '.join(near)}?" if near else None)
