"""Parsers of the format under any bytes: a value that could have been written, or a LedgerError; nothing else ever.

The laws stand in tests/fuzz/laws.py, where long runs use them too.
"""

import json
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.format import columns, frame
from tests.fuzz import laws, seeds
from tests.fuzz.strategies import ODD, inputs, one_wrong

SALT = 7
HEADER = msgspec.structs.asdict(frame.Header(0, seeds.RUN, seeds.WRITER, 1, "node1", "", 42, 5))
CALLS: list[Any] = [[frame.ROWS, 3 * i, 1000 + i, i, '{"fold":1}', {"loss": i / 8, "val/auc": 1.0}] for i in range(36)]
CHART = [frame.CHART, 300, 3000, {"name": "roc", "blob": "ab" * 32, "extension": "png", "media_type": "image/png",
                                  "bytes": 3, "step": 1, "context": '{"fold":1}', "caption": "x"}]  # fmt: skip
UNDEFINED = [frame.ROWS, 200, 2000, None, None, {"loss": "only one class"}]
ENTRIES = [json.loads(data) for data in seeds.entry_files()]


def journal(payloads: list[Any]) -> bytes:
    """Return a journal of these payloads, headers among them."""
    return frame.encode_prefix(SALT) + b"".join(
        frame.encode_frame(frame.encode_payload(payload), SALT) for payload in payloads
    )


@pytest.mark.parametrize(
    "target", ["journal", "mended-journal", "entry", "charts", "file-name", "key", "values", "segment"]
)
@settings(max_examples=60)
@given(data=st.data())
def test_any_bytes_and_damaged_ones(target: str, data: st.DataObject) -> None:
    """The law of the target holds for arbitrary bytes and for valid ones that were changed a little."""
    laws.TARGETS[target].law(data.draw(inputs(target)))


@given(one_wrong(HEADER))
def test_headers_with_one_wrong_field(fields: Any) -> None:
    """A journal whose header holds one odd value is refused, or is what a writer could have begun."""
    laws.journal(journal([[frame.HEADER, fields], *CALLS[:2]]))


@given(st.sampled_from([CALLS[0], CHART, UNDEFINED]).flatmap(one_wrong), st.integers(0, len(CALLS)))
def test_frames_with_one_wrong_field(payload: Any, at: int) -> None:
    """A frame that holds one odd value costs nothing but itself, wherever in a loop of alike calls it stands."""
    assert laws.journal(journal([[frame.HEADER, HEADER], *CALLS[:at], payload, *CALLS[at:]]))


@given(st.sampled_from([b"\x96\x02", b"\xdc\x00\x06\x02", b"\x96\xcc\x02", b"\x96\xd3" + bytes(7) + b"\x02"]))
def test_frames_written_in_more_bytes_than_needed(head: bytes) -> None:
    """Another writer's msgpack may be wider than ours: the same rows are read, however many frames are alike."""
    payloads = [head + frame.encode_payload(call)[2:] for call in CALLS]
    written = b"".join(frame.encode_frame(payload, SALT) for payload in payloads)
    assert laws.journal(journal([[frame.HEADER, HEADER]]) + written)


@settings(max_examples=200)
@given(st.sampled_from(ENTRIES).flatmap(one_wrong))
def test_entries_with_one_wrong_field(fields: Any) -> None:
    """An entry of any kind with one odd value is refused, or comes back the same when it is written again."""
    try:
        data = msgspec.json.encode(fields)
    except UnicodeEncodeError:
        return
    laws.entry(data)


def odd_columns() -> st.SearchStrategy[dict[str, Any]]:
    """Return columns of a segment with three rows, one or two of which hold what no writer gives."""
    good: dict[str, Any] = {
        "run": pa.array([seeds.RUN] * 3), "metric": pa.array(["a", "a", "b"]),
        "context": pa.array([None, '{"x":1}', None]),
        "step": pa.array([1, None, 2]), "time": pa.array([5, 6, 7], pa.timestamp("us", "UTC")),
        "value": pa.array([1.0, None, float("nan")]), "attempt": pa.array([1, 1, 1], pa.int32()),
        "writer": pa.array([seeds.WRITER] * 3), "seq": pa.array([0, 1, 2]),
    }  # fmt: skip
    odd = st.sampled_from(
        [
            pa.array([None] * 3, pa.string()), pa.array([None, 1, 2]), pa.array(["", " ", "{"]),
            pa.array([[1], [2], []]),
            pa.array([2**63 - 1, -(2**63), 0]), pa.array([2**64 - 1, 0, 1], pa.uint64()),
            pa.array([b"\xff", b"", b"a"]),
            pa.array([1.5, float("nan"), float("-inf")]), pa.array([True, False, None]), pa.nulls(3),
            pa.array(["x", "y", "x"]).dictionary_encode(), pa.array([5, 6, 7], pa.timestamp("ns")),
            pa.array(['{"a":1,"a":2}', '{"b":1,"a":2}', "[]"]), pa.array([1, 2, 3], pa.int8()),
        ]
    )  # fmt: skip
    wrong = st.dictionaries(st.sampled_from(sorted(good)), odd, min_size=1, max_size=2)
    return wrong.map(lambda changed: good | changed)


@given(odd_columns(), st.integers(1, 3), st.none() | st.sampled_from(columns.SCHEMA.names))
def test_segments_of_other_types(found: dict[str, Any], group: int, dropped: str | None) -> None:
    """A Parquet file with a column of another type or with odd values is refused, or reads as sound rows."""
    table = pa.table({name: column for name, column in found.items() if name != dropped})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=group)
    laws.segment(sink.getvalue().to_pybytes())


@pytest.mark.parametrize(("levels", "accepted"), [(66, True), (199, True), (202, False), (450, False), (9000, False)])
def test_entries_nested_deeply(levels: int, accepted: bool) -> None:
    """Params may nest to 200 levels, whoever reads them: not as deep as Python's stack happens to be free."""
    opened = dict(next(fields for fields in ENTRIES if fields["kind"] == "open"), params={"a": 0})
    data = json.dumps(opened).replace('{"a": 0}', f'{{"a": {"[" * levels}{"]" * levels}}}').encode()
    assert laws.entry(data) == accepted


@given(
    st.recursive(ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("$fa.", max_size=3), inner))
)
def test_any_json_as_params(value: Any) -> None:
    """Params of any shape are refused or come back the same when they are written again."""
    laws.json_values(msgspec.json.encode(value))
