"""Rows: the fast decoder of journals against a slow one, and the order of a segment against Python's sort."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.format import frame
from ledger.format import rows as rows_module
from ledger.format.names import is_metric
from ledger.format.rows import COLUMNS, NO_STEP, Rows, concat, decode_journal

SALT = 0x5EED1234
WRITER = "0a1b2c3d4e5f"
CHART = {"name": "roc", "blob": "ab" * 32, "extension": "png", "media_type": "image/png", "bytes": 7}
COLUMN = {"blob": "ab" * 32, "digest": "cd" * 32, "dtype": "float64"}
PREDICTIONS = {"split": "test", "rows": 3, "columns": {"y_true": COLUMN}, "labels": ["a", 1]}
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
NAMES = st.sampled_from(["loss", "val/auc", "a", "ü" * 20, "x" * 40, "y" * 300]) | TEXT.filter(is_metric)
CONTEXTS = st.none() | st.sampled_from(['{"fold":1}', '{"fold":2}', '{"class":"' + "c" * 40 + '"}'])
STEPS = st.none() | st.integers(-(2**62), 2**62) | st.integers(-40, 300)
TIMES = st.integers(0, 2**51) | st.integers(-5, 300)
BITS = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 1 << 63, 0x7FF0000000000001, 0xFFF8000000000000])
FLOATS = BITS.map(lambda b: struct.unpack(">d", b.to_bytes(8, "big"))[0])
REASONS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12).filter(str.strip)
VALUES = FLOATS | REASONS | st.just("8 bytes.")


@st.composite
def frames(draw: st.DrawFn) -> list[list[Any]]:
    """Draw the payloads of a journal: calls, charts, and stretches of alike calls as training loops write them."""
    payloads: list[list[Any]] = []
    seq, time = draw(st.integers(0, 300)), draw(TIMES)
    for _ in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(["stretch", "stretch", "call", "chart", "predictions", "unknown"]))
        if kind == "chart":
            payloads.append([frame.CHART, seq, time, CHART])
            seq += 1
        elif kind == "predictions":
            payloads.append([frame.PREDICTIONS, seq, time, PREDICTIONS])
            seq += 1
        elif kind == "unknown":
            payloads.append([7, "of a later version"])
        elif kind == "call":
            values = draw(st.dictionaries(NAMES, VALUES, max_size=3))
            payloads.append([frame.ROWS, seq, time, draw(STEPS), draw(CONTEXTS), values])
            seq += len(values)
        else:
            names = draw(st.lists(NAMES, min_size=1, max_size=18, unique=True))
            step, stride, context = draw(STEPS), draw(st.integers(-3, 3)), draw(CONTEXTS)
            pool = draw(st.lists(FLOATS, min_size=1, max_size=4))
            for i in range(draw(st.integers(1, 40))):
                values = {name: pool[(i + j) % len(pool)] for j, name in enumerate(names)}
                payloads.append([frame.ROWS, seq, time, None if step is None else step + i * stride, context, values])
                seq += len(names)
                time += draw(st.sampled_from([0, 1, 1_000_000]))
    return payloads


def journal(payloads: list[Any]) -> bytes:
    """Return the bytes of a journal."""
    encoded = [frame.encode_frame(frame.encode_payload(p), SALT) for p in payloads]
    return frame.encode_prefix(SALT) + b"".join(encoded)


def slowly(data: bytes) -> dict[str, Any]:
    """Decode a journal one frame at a time, as docs/format/journal.md says."""
    found: dict[str, Any] = {"rows": [], "reasons": {}, "charts": [], "predictions": [], "gaps": []}
    found["end"] = frame.PREFIX_SIZE
    last_seq, last_time = -1, 0
    for item in frame.frames(data, SALT):
        if isinstance(item, frame.Gap):
            found["gaps"].append((item.start, item.end))
            continue
        found["end"] = item.end
        kind, *rest = item.payload
        if kind == frame.ROWS:
            seq, time, step, context, values = rest
            for i, (name, value) in enumerate(values.items()):
                undefined = isinstance(value, str)
                if undefined:
                    found["reasons"][seq + i] = value
                row = (name, context, NO_STEP if step is None else step, time, undefined, seq + i)
                found["rows"].append((*row, None if undefined else struct.pack(">d", value)))
            last_seq, last_time = max(last_seq, seq + len(values) - 1), max(last_time, time)
        elif kind in (frame.CHART, frame.PREDICTIONS):
            seq, time, fields = rest
            found["charts" if kind == frame.CHART else "predictions"].append((seq, time, fields))
            last_seq, last_time = max(last_seq, seq), max(last_time, time)
    found["rows"].sort(key=lambda row: (row[0], row[1] or ""))  # stable: the calls of a series stay in their order
    return {**found, "last": (last_seq, last_time)}


def quickly(data: bytes, start: int = frame.PREFIX_SIZE, shortest: int = 4) -> dict[str, Any]:
    """Decode a journal by `decode_journal`, in the same form; `shortest` stretches of alike frames are read at once."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rows_module, "_STRETCH_MIN", shortest)  # so that short journals take the fast path too
        content = decode_journal(data, SALT, WRITER, 3, start)
    rows = content.rows
    assert rows.attempt.tolist() == [3] * len(rows)
    assert rows.writers == [WRITER]
    assert not rows.writer.any()
    listed = [
        (*rows.keys[key], step, time, undefined, seq, None if undefined else struct.pack(">d", value))
        for key, step, time, undefined, seq, value in zip(
            rows.key.tolist(),
            rows.step.tolist(),
            rows.time.tolist(),
            rows.undefined.tolist(),
            rows.seq.tolist(),
            rows.value,
            strict=True,
        )
    ]
    return {
        "rows": listed,
        "reasons": content.reasons,
        "charts": [tuple(chart) for chart in content.charts],
        "predictions": [tuple(found) for found in content.predictions],
        "gaps": content.gaps,
        "end": content.end,
        "last": (content.last_seq, content.last_time),
    }


@settings(max_examples=150)
@given(frames())
def test_journals_decode_as_the_slow_way(payloads: list[Any]) -> None:
    """Any mixture of calls, charts and long stretches gives what reading frame by frame gives."""
    data = journal(payloads)
    assert quickly(data) == slowly(data)
    assert slowly(data)["gaps"] == []


@settings(max_examples=150)
@given(frames(), st.data())
def test_damaged_journals_decode_as_the_slow_way(payloads: list[Any], data: st.DataObject) -> None:
    """Flipped bytes and a cut-off tail, wherever they fall, give what reading frame by frame gives."""
    raw = bytearray(journal(payloads))
    for _ in range(data.draw(st.integers(0, 3))):
        if len(raw) > frame.PREFIX_SIZE:
            raw[data.draw(st.integers(frame.PREFIX_SIZE, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    damaged = bytes(raw[: data.draw(st.integers(frame.PREFIX_SIZE, len(raw)))])
    assert quickly(damaged) == slowly(damaged)


def loop(n: int, step: int | None = 0) -> list[Any]:
    """Return the calls of a training loop of n steps."""
    return [
        [frame.ROWS, 2 * i, 10**15 + i, None if step is None else step + i, None, {"a": i / 7, "b": -0.0}]
        for i in range(n)
    ]


@pytest.mark.parametrize(
    ("step", "stride"),
    [(0, 1), (-5, 13), (None, 13), (100, 13), (2**31 - 20, 13), (2**62 - 60, 13), (-(2**62), 13), (-(2**15) - 20, 13)],
)
def test_every_cut_of_a_loop(step: int | None, stride: int) -> None:
    """Cut anywhere, a loop whose numbers change their width on the way gives its whole calls."""
    data = journal(loop(40, step))
    for cut in range(frame.PREFIX_SIZE, len(data) + 1, stride):
        assert quickly(data[:cut]) == slowly(data[:cut])


def test_every_damaged_byte_of_a_loop() -> None:
    """Each byte of a loop, damaged, costs the call it lies in and no other."""
    data = journal(loop(12))
    for at in range(frame.PREFIX_SIZE, len(data)):
        for mask in (0x01, 0x80, 0xFF):
            raw = bytearray(data)
            raw[at] ^= mask
            assert quickly(bytes(raw)) == slowly(bytes(raw))


@pytest.mark.parametrize(
    ("step", "odd"),
    [
        (0, [5, None, {"c": 1.0, "b": 2.0}]),
        (0, [5, None, {"b": 1.0, "a": 2.0}]),
        (0, [5, None, {"a": 1.0, "b": "8 bytes."}]),
        (0, [5, None, {"a": "8 bytes.", "b": 1.0}]),
        (0, [5, '{"a":1}', {}]),
        (0, [None, None, {"a": 1.0, "b": 2.0}]),
        (None, [5, None, {"a": 1.0, "b": 2.0}]),
        (200, [-100, None, {"a": 1.0, "b": 2.0}]),
        (-100, [200, None, {"a": 1.0, "b": 2.0}]),
    ],
)
def test_alike_lengths_are_no_alike_frames(step: int | None, odd: list[Any]) -> None:
    """A call of the same length that differs in a name, the kind of step or a missing value is told apart."""
    for at in (1, 7, 19):
        calls = loop(20, step)
        calls.insert(at, [frame.ROWS, 0, 10**15, *odd])
        assert quickly(journal(calls)) == slowly(journal(calls))


def test_frames_that_begin_with_undefined_values() -> None:
    """A stretch of calls that have no value is read one by one, however alike they are."""
    calls = [[frame.ROWS, i, 10**15 + i, i, None, {"a": "8 bytes."}] for i in range(30)]
    assert quickly(journal(calls)) == slowly(journal(calls))


def test_a_long_loop_is_read_whole() -> None:
    """Thousands of calls, read from the middle on as well, lose no row; the fast path is taken without being forced."""
    data = journal(loop(3000))
    assert quickly(data, shortest=rows_module._STRETCH_MIN) == slowly(data)
    at = next(item.end for item in frame.frames(data, SALT))
    assert len(quickly(data, at)["rows"]) == 2 * 2999


def test_stretches_are_read_at_once() -> None:
    """Of a long loop few frames are decoded one by one: the others are what these tests are about."""
    decoded = []
    with pytest.MonkeyPatch.context() as patched:
        slow = rows_module.frame_at
        patched.setattr(rows_module, "frame_at", lambda *args: decoded.append(1) or slow(*args))
        decode_journal(journal(loop(3000)), SALT, WRITER, 3)
    assert 0 < len(decoded) < 300


KEYS = st.lists(st.tuples(st.sampled_from(["a", "b", "ü", "z/1"]), CONTEXTS), min_size=1, max_size=4, unique=True)
COLUMN_VALUES = st.tuples(
    st.integers(0, 3),
    STEPS.map(lambda s: NO_STEP if s is None else s),
    TIMES,
    BITS,
    st.booleans(),
    st.integers(0, 3),
    st.integers(0, 1),
    st.integers(0, 2**53),
)


@st.composite
def some_rows(draw: st.DrawFn) -> Rows:
    """Draw rows with any steps, times and bits, some of them undefined."""
    keys, writers = draw(KEYS), draw(st.sampled_from([["w"], ["x", "w"], ["w", "x", "unused"]]))
    drawn = draw(st.lists(COLUMN_VALUES, max_size=12))
    rows = Rows(keys, writers, len(drawn))
    for i, (key, step, time, pattern, undefined, attempt, writer, seq) in enumerate(drawn):
        rows.key[i], rows.writer[i] = key % len(keys), writer % len(writers)
        rows.step[i], rows.time[i], rows.attempt[i], rows.seq[i] = step, time, attempt, seq
        rows.value.view(np.uint64)[i] = pattern
        rows.undefined[i] = undefined
    return rows


def plain(rows: Rows) -> list[tuple[Any, ...]]:
    """Return rows as tuples: metric, context, step, time, writer, seq, and the rest."""
    return [
        (
            *rows.keys[rows.key[i]],
            int(rows.step[i]),
            int(rows.time[i]),
            rows.writers[rows.writer[i]],
            int(rows.seq[i]),
            int(rows.attempt[i]),
            bool(rows.undefined[i]),
            int(rows.value.view(np.uint64)[i]),
        )
        for i in range(len(rows))
    ]


@given(some_rows())
def test_sorted_is_the_order_of_a_segment(rows: Rows) -> None:
    """Sorting equals Python's sort by metric, context (null first), step (null last), time, writer, seq."""
    expected = sorted(plain(rows), key=lambda r: (r[0], r[1] or "", *r[2:6]))
    found = rows.sorted()
    assert plain(found) == expected
    assert plain(found.sorted()) == expected
    assert set(found.keys) == {r[:2] for r in expected}
    assert found.writers == sorted({r[4] for r in expected})


@pytest.mark.parametrize(
    "steps", [[NO_STEP, -5], [NO_STEP, -(2**62)], [2**62, -(2**62)], [-(2**62), NO_STEP], [NO_STEP, 5], [3, 3, NO_STEP]]
)
def test_steps_that_lie_far_apart_are_sorted(steps: list[int]) -> None:
    """A null step ranks above every step, however far below the other lies: their distance may not fit 64 bits."""
    rows = Rows([("a", None)], ["w"], len(steps))
    rows.step[:] = steps
    rows.seq[:] = range(len(steps))
    assert rows.sorted().step.tolist() == sorted(steps)


@given(st.lists(some_rows(), max_size=4))
def test_concat_keeps_every_row_in_order(parts: list[Rows]) -> None:
    """All rows of all parts, in their order; keys and writers that parts share are shared."""
    whole = concat(parts)
    assert plain(whole) == [row for part in parts for row in plain(part)]
    if len(parts) > 1:
        assert len(set(whole.keys)) == len(whole.keys)
        assert len(set(whole.writers)) == len(whole.writers)


@given(some_rows(), st.data())
def test_take(rows: Rows, data: st.DataObject) -> None:
    """Masks, positions and slices pick rows in their order."""
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), np.bool_)
    listed = plain(rows)
    assert plain(rows.take(mask)) == [row for row, kept in zip(listed, mask, strict=True) if kept]
    assert plain(rows.take(np.flatnonzero(mask)[::-1])) == [listed[i] for i in np.flatnonzero(mask)[::-1]]
    assert plain(rows.take(slice(1, 3))) == listed[1:3]


def test_every_column_is_known() -> None:
    """The list of columns is what a Rows holds besides its names."""
    assert sorted(COLUMNS) == sorted(set(Rows.__slots__) - {"keys", "writers"})


def call(**changed: Any) -> list[Any]:
    """Return the payload of a call, some of its parts changed."""
    parts = {"kind": frame.ROWS, "seq": 0, "time": 1, "step": 1, "context": None, "values": {"a": 1.0}} | changed
    return list(parts.values())


@pytest.mark.parametrize(
    "payload",
    [
        [frame.ROWS],
        [frame.ROWS, 0],
        [*call(), 1],
        call(seq="x"),
        call(seq=-1),
        call(seq=2**63),
        call(seq=True),
        call(time=1.5),
        call(time=2**64 - 1),
        call(time=None),
        call(step="1"),
        call(step=1.5),
        call(step=2**63 - 1),
        call(step=2**64 - 1),
        call(context=[1]),
        call(context="nope"),
        call(context="5"),
        call(context="{}"),
        call(context='{"fold": 1}'),
        call(context='{"a":NaN}'),
        call(context='{"a":1,"a":2}'),
        call(context='{"a":' * 5000 + "1" + "}" * 5000),
        call(context=b"{}"),
        call(values=[1.0]),
        call(values={5: 1.0}),
        call(values={b"a": 1.0}),
        call(values={"": 1.0}),
        call(values={"a{b}": 1.0}),
        call(values={"a\n": 1.0}),
        call(values={"a": 5}),
        call(values={"a": None}),
        call(values={"a": [[1]]}),
        [frame.CHART, 0, 1],
        [frame.CHART, 0, 1, {}],
        [frame.CHART, "s", "t", "f"],
        [frame.CHART, 0, 1, CHART | {"name": 5}],
        [frame.CHART, 0, 1, CHART | {"name": "a{b}"}],
        [frame.CHART, 0, 1, CHART | {"blob": "../../../etc/passwd"}],
        [frame.CHART, 0, 1, CHART | {"context": "5"}],
        [frame.CHART, 0, 1, CHART | {"bytes": 2**64 - 1}],
        [frame.CHART, 0, 1, CHART | {"seq": 3}],
        [frame.PREDICTIONS, 0, 1],
        [frame.PREDICTIONS, 0, 1, {}],
        [frame.PREDICTIONS, 0, 1, PREDICTIONS | {"rows": -1}],
        [frame.PREDICTIONS, 0, 1, PREDICTIONS | {"split": "a{b}"}],
        [frame.PREDICTIONS, 0, 1, PREDICTIONS | {"columns": {}}],
        [frame.PREDICTIONS, 0, 1, PREDICTIONS | {"columns": {"y": COLUMN | {"blob": "../../../etc/passwd"}}}],
        [frame.PREDICTIONS, 0, 1, PREDICTIONS | {"columns": {"y": COLUMN | {"digest": 5}}}],
        [frame.PREDICTIONS, 0, 1, PREDICTIONS | {"labels": [float("nan")]}],
        [frame.PREDICTIONS, 0, 1, PREDICTIONS | {"labels": [2**64 - 1]}],
        [frame.PREDICTIONS, 0, 1, PREDICTIONS | {"context": "5"}],
        [frame.PREDICTIONS, 0, 1, PREDICTIONS | {"writer": "w"}],
        ["x"],
        [[1]],
    ],
)
def test_a_frame_that_no_writer_writes_is_damage(payload: list[Any]) -> None:
    """It is a gap though its checksum holds, whether frames are read one by one or at once; the others are read."""
    before = [call(seq=i, step=i) for i in range(40)]
    after = [call(seq=i, step=i) for i in range(41, 80)]
    start, end = len(journal(before)), len(journal([*before, payload]))
    data = journal([*before, payload, *after])
    for shortest in (4, 1000):
        found = quickly(data, shortest=shortest)
        assert found["gaps"] == [(start, end)]
        assert [row[5] for row in found["rows"]] == [*range(40), *range(41, 80)]
        assert found["end"] == len(data)
    assert quickly(data[:end])["gaps"] == [(start, end)]


@pytest.mark.parametrize(
    "wrong", [{"time": 2**64 - 1}, {"step": 2**64 - 1}, {"step": -(2**63)}, {"seq": 2**64 - 1}, {"time": -(2**63)}]
)
def test_numbers_beyond_their_bounds_end_a_stretch(wrong: dict[str, int]) -> None:
    """A number as wide as its neighbours' that int64 or a date cannot hold is damage, not another number."""
    kind = {name: 2**33 if value > 0 else -(2**33) for name, value in wrong.items()}
    payloads = [call(**kind) for _ in range(50)]
    payloads[30] = call(**wrong)
    start, end = len(journal(payloads[:30])), len(journal(payloads[:31]))
    found = quickly(journal(payloads))
    assert (len(found["rows"]), found["gaps"]) == (49, [(start, end)])
