"""Entries: what is written is read back, what cannot be trusted is refused, and the JSON keeps its style."""

import contextlib
import hashlib
import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Damage, DamagedFile, NewerFormat
from ledger.format import entries, json_style, layout
from ledger.format.names import is_metric

RUN = "20261122-031501-baseline-7f3a9c2e1b0d"
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
HEX16 = st.binary(min_size=8, max_size=8).map(bytes.hex)
SHA = st.binary(min_size=32, max_size=32).map(bytes.hex)
WRITER = st.binary(min_size=6, max_size=6).map(bytes.hex)
INT = st.integers(0, 2**62)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.sampled_from(["$", "$float"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | st.just("$float"), inner, max_size=4),
    max_leaves=12,
)
MAPPING = st.dictionaries(TEXT, JSON, max_size=4)
CHARTS = st.builds(
    entries.ChartRef,
    name=TEXT.filter(is_metric),
    blob=SHA,
    extension=st.just("png"),
    media_type=st.just("image/png"),
    bytes=INT,
    time=INT,
    writer=WRITER,
    seq=INT,
    attempt=st.integers(0, 9),
    step=st.none() | st.integers(-(2**62), 2**62),
    context=st.none() | st.just('{"fold":1}'),
    caption=st.none() | TEXT,
)


def base(kind: str) -> dict[str, Any]:
    """Return strategies for the fields that every entry has."""
    return {
        "format": st.just(layout.FORMAT),
        "kind": st.just(kind),
        "run": st.just(RUN),
        "time": st.datetimes().map(lambda t: t.isoformat(timespec="microseconds") + "Z"),
        "author": TEXT,
        "after": st.lists(HEX16, max_size=2),
        "must_understand": st.booleans(),
    }


OPTIONAL_TEXT = st.none() | TEXT
NAME = TEXT.filter(lambda text: is_metric(text) and not text.startswith("$"))
PREDICTIONS = st.builds(
    entries.PredictionsRef,
    split=st.none() | NAME,
    step=st.none() | INT,
    context=st.none() | st.just('{"fold":1}'),
    rows=st.integers(0, 2**40),
    labels=st.none() | st.lists(TEXT | INT | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)),
    columns=st.dictionaries(NAME, st.builds(entries.ColumnRef, blob=SHA, digest=SHA, dtype=TEXT), min_size=1),
    time=INT,
    writer=WRITER,
    seq=INT,
    attempt=INT,
)
ENTRIES = st.one_of(
    st.builds(
        entries.Open,
        **base("open"),
        name=TEXT,
        group=OPTIONAL_TEXT,
        parent=OPTIONAL_TEXT,
        params=MAPPING,
        tags=st.lists(TEXT, max_size=3),
        seed=st.none() | st.integers(-(2**63), 2**64 - 1),
        note=OPTIONAL_TEXT,
        git=st.none() | MAPPING,
        program=MAPPING,
    ),
    st.builds(
        entries.Rows,
        **base("rows"),
        late=st.booleans(),
        reason=OPTIONAL_TEXT,
        source=st.none() | MAPPING,
        writers=st.lists(st.builds(entries.Range, writer=WRITER, first=INT, last=INT), max_size=2),
        segments=st.lists(st.builds(entries.Segment, sha256=SHA, rows=INT, bytes=INT), max_size=2),
        charts=st.lists(CHARTS, max_size=2),
        more_charts=st.none() | st.builds(entries.MoreCharts, blob=SHA, count=INT),
        predictions=st.lists(PREDICTIONS, max_size=2),
        undefined=st.lists(
            st.builds(entries.UndefinedValue, writer=WRITER, seq=INT, reason=TEXT.filter(str.strip)), max_size=2
        ),
        summary=MAPPING,
    ),
    st.builds(
        entries.Close,
        **base("close"),
        status=TEXT,
        sealer=st.booleans(),
        exit_status=st.none() | st.integers(0, 255),
        error=OPTIONAL_TEXT,
    ),
    st.builds(
        entries.Annotate,
        **base("annotate"),
        reason=OPTIONAL_TEXT,
        operations=st.lists(
            st.builds(entries.Operation, op=st.sampled_from(["set", "add", "remove"]), key=TEXT, value=JSON), max_size=3
        ),
    ),
    st.builds(entries.Retract, **base("retract"), target=HEX16, reason=OPTIONAL_TEXT),
    st.builds(
        entries.Resume,
        **base("resume"),
        attempt=st.integers(2, 99),
        step=st.none() | st.integers(-(2**62), 2**62),
        git=st.none() | MAPPING,
        program=MAPPING,
    ),
)


@given(ENTRIES)
def test_entries_read_back(entry: entries.Entry) -> None:
    """Any entry, non-finite floats and `$` keys included, comes back with its fields; its name tells of its bytes."""
    encoded = entries.encode(entry)
    found = entries.decode(encoded.data, encoded.name)
    assert repr(found) == repr(entry)  # NaN is unlike itself, so the text is compared
    parts = layout.parse_entry_name(encoded.name)
    assert parts is not None
    assert parts.kind == entry.kind
    assert parts.id == encoded.id == hashlib.sha256(encoded.data).hexdigest()[:16]


@given(ENTRIES)
def test_reading_changes_no_byte(entry: entries.Entry) -> None:
    """What was read is written again byte for byte."""
    data = entries.encode(entry).data
    again = entries.decode(data, "x")
    assert again is not None
    assert entries.encode(again).data == data


@given(ENTRIES, st.data())
def test_damaged_bytes_never_surprise(entry: entries.Entry, data: st.DataObject) -> None:
    """A cut or flipped entry is read, skipped or refused as damage; nothing else is raised."""
    raw = bytearray(entries.encode(entry).data)
    if data.draw(st.booleans()):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    else:
        del raw[data.draw(st.integers(0, len(raw) - 1)) :]
    with contextlib.suppress(Damage):
        found = entries.decode(bytes(raw), "x")
        assert found is None or entries.encode(found).data


@given(MAPPING.filter(bool))
def test_json_style(value: dict[str, Any]) -> None:
    """The text is strict JSON that ends in LF, holds no CR or tab, and no line ends in a space."""
    wrapped = {"a": [1.0, True, None], **{k: v for k, v in value.items() if _finite(v) and k != "a"}}
    text = json_style.render(wrapped).decode()
    assert json.loads(text) == wrapped
    assert text.endswith("\n")
    assert "\n\n" not in text
    assert "\r" not in text
    assert all(line == line.rstrip(" \t") for line in text.split("\n"))
    assert text.startswith('{\n  "a": [1.0, true, null]')


def _finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def test_a_long_container_takes_a_line_for_each_member() -> None:
    """A container of scalars stands on one line up to 110 characters, and is opened beyond."""
    short, long = ["x" * 40] * 2, ["x" * 40] * 3
    assert json_style.render({"a": short}).decode().count("\n") == 3
    assert json_style.render({"a": long}).decode().count("\n") == 7


def test_absent_fields_are_left_out() -> None:
    """A field that has its default value is not written: no `after`, no `late`, no null."""
    encoded = entries.encode(entries.Close(**entries.header("close", RUN, 0, "ada", []), status="finished"))
    assert list(json.loads(encoded.data)) == ["format", "kind", "run", "time", "author", "status"]


def test_followed_entries_are_sorted() -> None:
    """`after` is sorted, so that the same history gives the same bytes."""
    assert entries.header("close", RUN, 0, "ada", ["b", "a"])["after"] == ["a", "b"]


GOOD = {"format": 0, "kind": "close", "run": RUN, "time": "2026-11-22T03:15:01.123456Z", "author": "a", "status": "x"}


@pytest.mark.parametrize(
    "change",
    [
        {"time": "2026-02-30T03:15:01.123456Z"},
        {"time": "yesterday"},
        {"time": 5},
        {"run": None},
        {"status": None},
        {"format": "0"},
        {"after": "x"},
        {"exit_status": 1.5},
        {"kind": "annotate", "operations": [{"op": "set", "key": "note", "value": {"$float": "much"}}]},
        {"kind": "open", "name": "x", "params": {"a": {"$float": [1]}}},
    ],
)
def test_wrong_fields_are_damage(change: dict[str, Any]) -> None:
    """A field of the wrong type or value raises DamagedFile that names the file."""
    assert entries.decode(json.dumps(GOOD).encode(), "file") is not None
    with pytest.raises(DamagedFile, match="file"):
        entries.decode(json.dumps({**GOOD, **change}).encode(), "file")


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff", b'{"format": 0}', b"[" * 100_000])
def test_what_is_no_entry_is_damage(data: bytes) -> None:
    """Bytes that are no entry raise DamagedFile."""
    with pytest.raises(DamagedFile, match="not an entry"):
        entries.decode(data, "file")


def test_newer_entries_are_refused_by_themselves() -> None:
    """A higher format is refused with what to do; fields a reader does not know are left out."""
    with pytest.raises(NewerFormat, match="format 1"):
        entries.decode(json.dumps({**GOOD, "format": 1}).encode(), "file")
    found = entries.decode(json.dumps({**GOOD, "later": [1]}).encode(), "file")
    assert isinstance(found, entries.Close)


@given(st.lists(CHARTS, max_size=4))
def test_lists_of_charts_read_back(charts: list[entries.ChartRef]) -> None:
    """The blob that holds an entry's other charts reads back."""
    assert entries.decode_charts(entries.encode_charts(charts)) == charts


def test_times_are_microseconds() -> None:
    """An entry's time is read as microseconds since 1970."""
    entry = msgspec.convert(GOOD, entries.Close)
    assert entry.time_us == 1_795_317_301_123_456


CHART = {"blob": "a" * 64, "extension": "png", "media_type": "x", "bytes": 1, "time": 1, "writer": "w", "seq": 1}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        *(
            ("annotate", {"operations": [{"op": "set", "key": key, "value": value}]})
            for key, value in (
                ("name", 5),
                ("name", None),
                ("note", [1]),
                ("group", []),
                ("parent", {"a": 1}),
                ("seed", "abc"),
                ("seed", True),
                ("params." + "a." * 64, 1),
                ("params." + "a" * 1000, 1),
            )
        ),
        ("annotate", {"operations": [{"op": "explode", "key": "name", "value": "x"}]}),
        ("resume", {"attempt": 1}),
        ("resume", {"attempt": 2**31}),
        ("rows", {"charts": [{**CHART, "attempt": 1, "name": "a{b}"}]}),
        ("rows", {"charts": [{**CHART, "attempt": 1, "name": "a", "context": '{"a":{"b":1}}'}]}),
        ("rows", {"charts": [{**CHART, "attempt": 1, "name": "a", "step": 2**80}]}),
    ],
)
def test_what_no_writer_says_is_damage(kind: str, fields: dict[str, Any]) -> None:
    """A name that is no text, an attempt that cannot be, a chart of no name: said where the entry is read."""
    with pytest.raises(DamagedFile, match=f"not a valid {kind} entry"):
        entries.decode(json.dumps({**GOOD, "kind": kind, **fields}).encode(), "file")


def test_lists_of_charts_and_entries_that_are_none() -> None:
    """Bytes that are no list of charts are damage, and so is what is too long to be looked at."""
    for data in (b"", b"{}", b'[{"name":5}]', b"[" * 100_000, b" " * (entries.JSON_MAX + 1)):
        with pytest.raises(DamagedFile, match="list of charts"):
            entries.decode_charts(data)
    with pytest.raises(DamagedFile, match="at most"):
        entries.decode(b" " * (entries.JSON_MAX + 1), "file")
