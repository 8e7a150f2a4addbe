"""What must hold for any bytes that a parser is given: one law a target, used by the quick tests and the long fuzzing.

A law takes bytes and says whether they were accepted. It fails by an AssertionError, or by letting through any error
of the parser that is no LedgerError. What is accepted must read the same when it is written again, and must be what a
writer could have made.
"""

import hashlib
import json
import os
import posixpath
import re
import struct
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec
import numpy as np

from ledger import schema
from ledger.errors import InvalidFilter, InvalidSchema, LedgerError, NewerFormat
from ledger.format import columns as segments
from ledger.format import entries, frame, globs, ids, json_style, layout, names, toml_lines, values
from ledger.format.rows import COLUMNS, NO_STEP, Rows, decode_journal
from ledger.store import journal as journals
from ledger.store.catalog import Catalog
from ledger.store.state import RunState, Summary
from ledger.store.tree import Tree
from ledger.table import columns, filter, literals, select
from tests.fuzz import seeds

NOW = 1_795_317_301_000_000


def text_of(data: bytes) -> str:
    """Return bytes as the text that a shell's arguments become: what is no UTF-8 is kept as lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


def stays_inside(path: str) -> bool:
    """Say whether a path under `.ledger` stays there, has no odd character, and reads as it is meant."""
    return posixpath.normpath(path) == path and not path.startswith(("/", "../")) and path.isprintable()


def journal(data: bytes) -> bool:
    """A journal: header and rows as read at once and frame by frame; what was sound comes back when written again."""
    try:
        found = journals.read_header(data, "j")
    except LedgerError:
        return False
    if found is None:
        return False
    salt, header, start = found
    assert ids.is_run_id(header.run)
    assert 0 <= header.format <= layout.FORMAT
    assert 1 <= header.attempt <= frame.ATTEMPT_MAX
    assert header.open_name is None or layout.parse_entry_name(header.open_name)
    assert frame.decode_header(frame.decode_payload(frame.encode_payload([frame.HEADER, header])), "j") == header
    content = decode_journal(data, salt, "w", header.attempt, start)
    sound, gaps = [], []
    position = start
    for item in frame.frames(data, salt, start):
        assert position <= item.start < item.end <= len(data)
        position = item.end
        if isinstance(item, frame.Frame) and frame.is_sound(item.payload):
            sound.append(item.payload)
        else:
            gaps.append((item.start, item.end))
    assert content.gaps == gaps
    assert _rows_of(content.rows) == sorted(_rows_of_frames(sound))
    assert all(reason.strip() for reason in content.reasons.values())
    _check_rows(content.rows)
    written = b"".join(frame.encode_frame(frame.encode_payload(payload), salt) for payload in sound)
    again = decode_journal(frame.encode_prefix(salt) + written, salt, "w", header.attempt)
    assert _rows_of(again.rows) == _rows_of(content.rows)
    assert (again.reasons, again.charts, again.gaps) == (content.reasons, content.charts, [])
    return bool(sound)


def _rows_of_frames(payloads: list[Any]) -> Iterator[tuple[Any, ...]]:
    for _, seq, time, step, context, found in (payload for payload in payloads if payload[0] == frame.ROWS):
        for i, (name, value) in enumerate(found.items()):
            bits = b"" if isinstance(value, str) else struct.pack(">d", value)
            yield name, context or "", NO_STEP if step is None else step, time, seq + i, bits


def _rows_of(rows: Rows) -> list[tuple[Any, ...]]:
    listed = []
    for i in range(len(rows)):
        name, context = rows.keys[rows.key[i]]
        bits = b"" if rows.undefined[i] else struct.pack(">d", rows.value[i])
        listed.append((name, context or "", int(rows.step[i]), int(rows.time[i]), int(rows.seq[i]), bits))
    return sorted(listed)


def _check_rows(rows: Rows) -> None:
    """Every column is as long as the others, points into its texts, and keys are names with contexts."""
    for column in COLUMNS:
        assert len(getattr(rows, column)) == len(rows)
    if len(rows):
        assert 0 <= rows.key.min() <= rows.key.max() < len(rows.keys)
        assert 0 <= rows.writer.min() <= rows.writer.max() < len(rows.writers)
    for name, context in rows.keys:
        assert names.is_metric(name)
        assert context is None or names.is_context(context)


def mended_journal(data: bytes) -> bool:
    """The same of a journal whose checksums fit: what is behind them is looked at."""
    return journal(seeds.mend(data))


def entry(data: bytes) -> bool:
    """An entry: the same values and the same bytes when written again, strict JSON, files inside the folder."""
    try:
        found = entries.decode(data, "e")
    except LedgerError:
        return False
    if found is None:
        return False
    encoded = entries.encode(found)
    again = entries.decode(encoded.data, encoded.name)
    assert again is not None
    assert repr(again) == repr(found)
    assert entries.encode(again).data == encoded.data
    json.loads(encoded.data, parse_constant=_refuse)
    name = layout.parse_entry_name(encoded.name)
    assert name is not None
    assert (name.kind, name.id, ids.parse_stamp(name.stamp)) == (found.kind, encoded.id, found.time_us)
    assert 0 <= found.format <= layout.FORMAT
    if isinstance(found, entries.Rows):
        assert all(undefined.reason.strip() for undefined in found.undefined)
        for chart in found.charts:
            assert names.is_metric(chart.name)
            _path(layout.blob_path, chart.blob, chart.extension)
        for segment in found.segments:
            _path(layout.segment_name, segment.sha256)
    return True


def _refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def _path(make: Callable[..., str], *parts: str) -> None:
    """A path that is made of what was read stays inside, or is refused."""
    try:
        path = make(*parts)
    except LedgerError:
        return
    assert stays_inside(path)


def chart_list(data: bytes) -> bool:
    """A list of charts: the same when written again."""
    try:
        found = entries.decode_charts(data)
    except LedgerError:
        return False
    assert entries.decode_charts(entries.encode_charts(found)) == found
    return True


def file_name(data: bytes) -> bool:
    """Names under `.ledger`: what is taken for one is exactly one, is written the same, and stays inside."""
    text = text_of(data)
    found = layout.parse_entry_name(text)
    if found:
        assert re.fullmatch(r"[0-9]{8}-[0-9]{6}-[0-9]{6}-[a-z][a-z0-9]*-[0-9a-f]{16}\.json", text)
        assert text == f"{found.stamp}-{found.kind}-{found.id}.json"
    segment = layout.parse_segment_name(text)
    assert segment is None or (text == f"{segment}.parquet" and re.fullmatch(r"[0-9a-f]{16}", segment))
    if layout.is_run_folder(text):
        assert re.fullmatch(r"[0-9]{8}-[0-9]{6}-[a-z0-9][a-z0-9-]{0,31}-[0-9a-f]{12}", text)
        for path in (layout.run_folder(text), layout.journal_folder(text), layout.journal_path(text, seeds.WRITER)):
            assert stays_inside(path)
    _path(layout.blob_path, text[:64], text[64:])
    _path(layout.segment_name, text)
    for read, write in ((ids.parse_rfc3339, ids.rfc3339), (ids.parse_stamp, ids.stamp)):
        try:
            assert write(read(text)) == text
        except ValueError:  # which these two are documented to raise
            continue
    assert layout.blob_extension(text) in layout.MEDIA_TYPES
    made = ids.make_run_id(0, text, b"123456")
    assert ids.is_run_id(made)
    return bool(found or segment) or layout.is_run_folder(text)


def name_or_key(data: bytes) -> bool:
    """Names, keys and contexts: what is accepted has no control character, and a key reads back as it was written."""
    text = text_of(data)
    for check in (names.check_metric, names.check_run_name):
        try:
            assert check(text) == text
        except LedgerError:
            continue
        assert text == text.strip() != ""
        assert text.isprintable() or not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)
    if names.is_context(text):
        assert names.parse_key(names.metric_key("m", text)) == ("m", text)
    try:
        name, context = names.parse_key(text)
    except LedgerError:
        return False
    assert context is None or names.is_context(context)
    if not names.is_metric(name):
        return False
    key = names.metric_key(name, context)
    assert names.parse_key(key) == (name, context)
    column = columns.parse(columns.spelled(key))
    assert (column.kind, column.name, column.statistic) == ("metric", key, "last")
    return True


def json_values(data: bytes) -> bool:
    """Params in JSON: what `unwrap` accepts is what `wrap` writes of its result, key by key."""
    try:
        plain = msgspec.json.decode(data)
        found = values.unwrap(plain)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, TypeError):
        return False  # as entries.decode takes them
    assert repr(values.wrap(found)) == repr(plain)
    assert repr(msgspec.json.decode(json_style.render(plain))) == repr(plain)
    return True


def segment(data: bytes) -> bool:
    """A segment: columns of one length that point into their texts; the same rows when written again."""
    try:
        runs, rows = segments.decode(data, "s")
    except LedgerError:
        return False
    _check_rows(rows)
    assert (len(rows) == 0) <= (len(runs) <= 1)
    for row_count in (len(rows), len(rows) + 1):
        try:
            assert len(segments.decode(data, "s", row_count)[1]) == row_count
        except LedgerError:
            assert row_count != len(rows)
    ordered = rows.sorted()
    again_runs, again = segments.decode(segments.encode(seeds.RUN, ordered), "again", len(rows))
    assert again_runs == ([seeds.RUN] if len(rows) else [])
    assert _rows_of(again) == _rows_of(rows)
    assert np.array_equal(np.sort(again.attempt), np.sort(rows.attempt))
    return True


def _state(name: str, **changes: Any) -> RunState:
    known: dict[str, Any] = {
        "id": f"20261101-120000-{name}-000000000000", "name": name, "status": "finished", "created": NOW - 10**9,
        "finished": NOW, "author": "Ada", "group": None, "parent": None, "seed": 7, "note": "it's", "tags": ["cv"],
        "params": {}, "git": {"commit": "c0ffee", "dirty": False}, "program": {}, "metrics": {}, "charts": [],
        "predictions": [], "entries": [],
    }  # fmt: skip
    return RunState(**known | changes)


def _summary(last: float | None, undefined: str | None = None) -> Summary:
    return Summary(3, 1, 0.1, 0, last, 2, -1.0, 1, 2.0, 0, 0.5, undefined)


STATES = [
    _state("bare"),
    _state(
        "full",
        params={"lr": 0.01, "a": 1, "b": 2.5, "opt": {"name": "adam", "x y": [1, "2", None]}, "none": None, "t": True},
        metrics={
            "val/auc": _summary(0.9), "val/auc{fold=1,kind=a b}": _summary(float("nan")), "val auc": _summary(0.5),
            "loss": _summary(None, "one class"), "name": _summary(float("inf")),
        },
    ),
]  # fmt: skip


def filter_text(data: bytes) -> bool:
    """A filter: it answers for any run, and the columns it reads are columns by themselves."""
    text = text_of(data)
    try:
        found = filter.parse(text, NOW)
    except InvalidFilter as error:
        assert error.message.isprintable() or "\n" in error.message
        return False
    for column in found.columns:
        assert columns.parse(column.text, heading=False).name == column.name
    for state in STATES:
        try:
            assert found.matches(state, schema.EMPTY) in (True, False)
        except InvalidFilter:  # best: of a metric without a goal
            continue
    try:
        assert all(state in STATES for state in found.select(STATES, schema.EMPTY))
    except InvalidFilter:
        return True
    return True


def column_spec(data: bytes) -> bool:
    """A column: it reads the same again, gives a value or nothing of any run, and sorts runs."""
    text = text_of(data)
    try:
        found = columns.parse(text)
    except InvalidFilter:
        return False
    plain = columns.parse(found.text, heading=False)
    assert (plain.kind, plain.name, plain.statistic) == (found.kind, found.name, found.statistic)
    assert found.heading
    for state in STATES:
        try:
            columns.value(found, state, schema.EMPTY)
            columns.step(found, state, schema.EMPTY)
        except InvalidFilter:
            continue
    try:
        assert len(columns.sort(STATES, [text], schema.EMPTY)) == len(STATES)
    except InvalidFilter:
        return True
    return True


KINDS = ["number", "duration", "text", "tags", "bool", "time", "any"]
OPERATORS = ["=", "!=", "<", "<=", ">", ">=", "~", "contains"]
FOUND: dict[str, list[Any]] = {
    "number": [0, -1.5, float("nan"), float("inf"), 2**70], "duration": [0.0, 90.5], "text": ["", "adam", "ü\n"],
    "tags": [[], ["cv", "b"]], "bool": [True, False], "time": [0, NOW], "any": [1, "1", True, [1, "x"], {"a": 1}, 0.5],
}  # fmt: skip


def literal(data: bytes) -> bool:
    """A value on the right of a comparison, bare or in quotes: each test that it makes answers for any value."""
    text = text_of(data)
    try:
        bare = literals.read(text)
    except InvalidFilter:
        bare = None
    for value in (bare, literals.Literal("text", text, text, bare=False)):
        for kind in KINDS if value is not None else ():
            for op in OPERATORS:
                try:
                    test = literals.test(kind, "x", op, value, NOW)
                except InvalidFilter:
                    continue
                assert all(test(found) in (True, False) for found in FOUND[kind])
    return bare is not None


@cache
def _catalog() -> tuple[tempfile.TemporaryDirectory[str], Catalog]:
    """Make a ledger of the vectors' run and of a few that have no rows; the folder goes when Python ends."""
    folder = tempfile.TemporaryDirectory(prefix="ledger-fuzz-", ignore_cleanup_errors=True)
    root = Path(folder.name) / layout.FOLDER
    files = {path.name: path.read_bytes() for path in (seeds.VECTORS / "entries").iterdir()}
    known = {name: data for name, data in files.items() if layout.parse_entry_name(name).kind in layout.KINDS}  # type: ignore[union-attr]
    made = {f"{layout.run_folder(seeds.RUN)}/{name}": data for name, data in known.items()}
    for i, name in enumerate(["base", "cv-1", "cv-2", "base", "[b]*", "20261122"]):
        time = NOW + i * 1_000_000
        run = ids.make_run_id(time, name, bytes([i, 0xAB, 0xCD, 1, 2, 3]))
        opened = entries.encode(
            entries.Open(**entries.header("open", run, time, "Ada", []), name=name, tags=["cv"] if i % 2 else ["x*"])
        )
        made[f"{layout.run_folder(run)}/{opened.name}"] = opened.data
    rows = segments.decode(seeds.vector("segment.parquet"), "a vector")[1].sorted()
    data = segments.encode(run, rows)
    sealed = entries.Segment(hashlib.sha256(data).hexdigest(), len(rows), len(data))
    entry_of_rows = entries.encode(entries.Rows(**entries.header("rows", run, time, "Ada", []), segments=[sealed]))
    made[f"{layout.run_folder(run)}/{layout.segment_name(sealed.sha256)}"] = data
    made[f"{layout.run_folder(run)}/{entry_of_rows.name}"] = entry_of_rows.data
    for path, data in made.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    with patch.dict(os.environ, LEDGER_CACHE_DIR=os.devnull):  # where none can be written it is kept in memory
        catalog = Catalog(Tree(str(root)))
    catalog.refresh()
    return folder, catalog


def selector(data: bytes) -> bool:
    """A word that means runs: those of the ledger, each once; a whole id means its run and no other."""
    text = text_of(data)
    catalog = _catalog()[1]
    try:
        found = select.many(catalog, schema.EMPTY, [text])
    except LedgerError:
        return False
    chosen = [state.id for state in found]
    assert chosen
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= {id for id, _, _ in catalog.ids()}
    assert not ids.is_run_id(text) or chosen == [text]
    return True


def glob(data: bytes) -> bool:
    """A glob, a zero byte and a name: text without wildcards fits itself alone, `**` everything; no error ever."""
    pattern, _, name = text_of(data)[:1000].partition("\0")  # names have 512 characters at most
    found = globs.Glob(pattern)
    fits = found.fits(name)
    if not found.wild:
        assert fits == (pattern == name)
    assert globs.Glob("**").fits(name)
    assert globs.Glob(f"{pattern}**").fits(name) or not fits
    return fits


def schema_text(data: bytes) -> bool:
    """A `.ledger-schema`: the same declarations when written again; every key has its line; errors name one."""
    text = text_of(data)
    lines = text.removeprefix("\ufeff").count("\n") + 1
    try:
        tables = tomllib.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        tables = {}
    else:
        where = toml_lines.lines(text.removeprefix("\ufeff"))
        assert all(1 <= where[path] <= lines for path in _paths(tables))
    try:
        found = schema.parse(text)
    except (InvalidSchema, NewerFormat) as error:
        assert error.message.startswith(".ledger-schema")
        return False
    assert schema.parse(_written(found)) == found or "nan" in _written(found)
    json.loads(json.dumps(found.to_json(), allow_nan=False))
    msgspec.json.encode(found.to_json())
    for name in [*(metric.glob or "" for metric in found.metrics), *found.aliases, *found.gates, "val/loss", "a{b=1}"]:
        known = found.metric(name)
        assert known.verdict(1.0, 2.0) in ("better", "worse", "same", "unknown")
        assert found.canonical(found.canonical(name)) == found.canonical(name)
    for metric in found.metrics:
        assert names.is_metric(metric.glob or "")
        assert all(names.is_metric(alias) for alias in metric.alias)
    return bool(tables)


def _paths(tables: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in tables.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from _paths(value, (*above, key))


def _written(found: schema.Schema) -> str:
    """Write a schema as TOML."""
    lines = []
    for metric in found.metrics:
        lines.append(f"[metric.{json.dumps(metric.glob)}]")
        for key in metric.__struct_fields__:
            value = getattr(metric, key)
            if key != "glob" and value not in (None, ()):
                lines.append(f"{key} = {_toml(value)}")
    for kind, tables in (("gate", found.gates), ("vitals", found.vitals)):
        for name, table in tables.items():
            lines.append(f"[{kind}.{json.dumps(name)}]")
            lines += [f"{json.dumps(key)} = {_toml(value)}" for key, value in table.items()]
    lines += ["[storage]", *(f"{key} = {value}" for key, value in found.storage.items())]
    return "\n".join(lines)


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (str, bool)) else repr(value)


class Target(NamedTuple):
    """A law and the valid inputs to begin from."""

    law: Callable[[bytes], bool]
    seeds: Callable[[], list[bytes]]


TARGETS = {
    "journal": Target(journal, seeds.journals),
    "mended-journal": Target(mended_journal, seeds.journals),
    "entry": Target(entry, seeds.entry_files),
    "charts": Target(chart_list, seeds.charts),
    "file-name": Target(file_name, seeds.entry_names),
    "key": Target(name_or_key, seeds.keys),
    "values": Target(json_values, seeds.entry_files),
    "segment": Target(segment, seeds.segments),
    "filter": Target(filter_text, lambda: seeds.lines(seeds.FILTERS)),
    "column": Target(column_spec, lambda: seeds.lines(seeds.SPECS)),
    "literal": Target(literal, lambda: seeds.lines(seeds.LITERALS)),
    "selector": Target(selector, lambda: seeds.lines(seeds.SELECTORS)),
    "glob": Target(glob, lambda: seeds.lines(seeds.GLOBS)),
    "schema": Target(schema_text, lambda: [text.encode() for text in seeds.SCHEMAS]),
}
