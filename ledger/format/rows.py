"""Rows as columns: what journals hold and segments store, as numpy arrays; the one form in which rows are worked on.

Decoding a journal frame by frame costs about a microsecond each. Neighbouring frames of one training loop are alike but
for their numbers, so a stretch of them is checked frame by frame (crc32) and then read as a strided array.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ledger.format import frame as form
from ledger.format.frame import CHART, HEAD, PREDICTIONS, PREFIX_SIZE, ROWS, Frame, frame_at, next_frame
from ledger.format.ids import TIME_MAX

NO_STEP = np.iinfo(np.int64).max  # a null step ranks above every step; real ones stay within 2^62
_STRETCH_MIN = 32  # fewer alike frames are read one by one, which is quicker then

Key = tuple[str, str | None]  # metric, canonical context
Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]


class Rows:
    """n metric rows. `key`, `writer`: int32 indices into `keys` and `writers`; `step`: int64, NO_STEP for null;
    `time`: int64 us UTC; `value`: float64; `seq`: int64; `attempt`: int32; `undefined`: bool, True without a value.
    """

    __slots__ = ("attempt", "key", "keys", "seq", "step", "time", "undefined", "value", "writer", "writers")

    def __init__(self, keys: Sequence[Key], writers: Sequence[str], n: int = 0) -> None:
        self.keys = list(keys)
        self.writers = list(writers)
        self.key: Int32 = np.zeros(n, np.int32)
        self.step: Int64 = np.zeros(n, np.int64)
        self.time: Int64 = np.zeros(n, np.int64)
        self.value: Float64 = np.zeros(n, np.float64)
        self.undefined: npt.NDArray[np.bool_] = np.zeros(n, np.bool_)
        self.attempt: Int32 = np.zeros(n, np.int32)
        self.writer: Int32 = np.zeros(n, np.int32)
        self.seq: Int64 = np.zeros(n, np.int64)

    def __len__(self) -> int:
        return len(self.key)

    def take(self, index: Any) -> "Rows":
        """Return the rows that `index` (a boolean mask, positions or a slice) picks, in its order."""
        taken = Rows(self.keys, self.writers)
        for column in COLUMNS:
            setattr(taken, column, getattr(self, column)[index])
        return taken

    def ranked(self) -> "Rows":
        """Return the same rows with keys and writers in order of their names, unused ones left out."""
        keys, key = _rank(self.keys, self.key, lambda k: (k[0], k[1] or ""))
        writers, writer = _rank(self.writers, self.writer, lambda w: w)
        rows = Rows(keys, writers)
        for column in COLUMNS:
            setattr(rows, column, getattr(self, column))
        rows.key, rows.writer = key, writer
        return rows

    def sorted(self) -> "Rows":
        """Return the rows in the order of a segment: metric, context, step, time, then writer and seq."""
        rows = self.ranked()
        if rows._in_order():
            return rows
        order = np.lexsort((rows.seq, rows.writer, rows.time, rows.step, rows.key))
        return rows.take(order)

    def _in_order(self) -> bool:
        """Say whether the rows stand sorted, as those of one writer that logs steps upwards do."""
        # Compared, never subtracted: the distance of two steps, NO_STEP above all, may not fit 64 bits.
        if (self.key[1:] < self.key[:-1]).any():
            return False
        new_key, step, before = self.key[1:] > self.key[:-1], self.step[1:], self.step[:-1]
        if (new_key | (step > before)).all():
            return True
        if len(self.writers) != 1:
            return False
        later = (step >= before) & (self.time[1:] >= self.time[:-1]) & (self.seq[1:] > self.seq[:-1])
        return bool((new_key | later).all())


COLUMNS = ("key", "step", "time", "value", "undefined", "attempt", "writer", "seq")


def _rank(names: list[Any], index: Int32, by: Any) -> tuple[list[Any], Int32]:
    if not len(index):
        return [], index
    used = np.bincount(index, minlength=len(names)) > 0
    merged: dict[Any, int] = {}
    for name in sorted({name for i, name in enumerate(names) if used[i]}, key=by):
        merged[name] = len(merged)
    if list(merged) == names:
        return names, index
    rank = np.array([merged.get(name, 0) for name in names], np.int32)
    return list(merged), rank[index]


def concat(parts: Iterable[Rows]) -> Rows:
    """Return all rows of the parts, in their order."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    keys: dict[Key, int] = {}
    writers: dict[str, int] = {}
    arrays: dict[str, list[Any]] = {column: [] for column in COLUMNS}
    for part in parts:
        key_map = np.array([keys.setdefault(k, len(keys)) for k in part.keys] or [0], np.int32)
        writer_map = np.array([writers.setdefault(w, len(writers)) for w in part.writers] or [0], np.int32)
        for column in COLUMNS:
            arrays[column].append(getattr(part, column))
        arrays["key"][-1], arrays["writer"][-1] = key_map[part.key], writer_map[part.writer]
    rows = Rows(list(keys), list(writers))
    if parts:
        for column, values in arrays.items():
            setattr(rows, column, np.concatenate(values))
    return rows


class ChartFrame(NamedTuple):
    """A chart as a journal holds it."""

    seq: int
    time: int
    fields: dict[str, Any]


class PredictionsFrame(NamedTuple):
    """Predictions as a journal holds them."""

    seq: int
    time: int
    fields: dict[str, Any]


class Content(NamedTuple):
    """What a journal holds: its rows, the reasons of undefined ones by seq, its charts, predictions, its damage."""

    rows: Rows
    reasons: dict[int, str]
    charts: list[ChartFrame]
    gaps: list[tuple[int, int]]
    end: int  # of the last valid frame: a torn tail begins here
    last_seq: int
    last_time: int
    predictions: list[PredictionsFrame]


def decode_journal(data: bytes, salt: int, writer: str, attempt: int, start: int = PREFIX_SIZE) -> Content:
    """Decode the frames of one writer's journal from `start` on."""
    reader = _Reader(data, salt)
    reader.read(start)
    return reader.content(writer, attempt)


class _Reader:
    """Reads a journal, stretches of alike frames at once, and collects chunks a key."""

    def __init__(self, data: bytes, salt: int) -> None:
        self.data, self.salt = data, salt
        self.chunks: dict[Key, list[tuple[Any, Any, Any, Any, Any]]] = {}  # step, time, value, undefined, seq
        self.single: dict[Key, list[tuple[int, int, float, bool, int]]] = {}
        self.reasons: dict[int, str] = {}
        self.charts: list[ChartFrame] = []
        self.predictions: list[PredictionsFrame] = []
        self.gaps: list[tuple[int, int]] = []
        self.end, self.last_seq, self.last_time = PREFIX_SIZE, -1, 0

    def read(self, start: int) -> None:
        data, skip, wait = self.data, 0, _STRETCH_MIN
        while start < len(data):
            frame = frame_at(data, start, self.salt)
            if frame is None:
                frame = next_frame(data, start + 1, self.salt)
                if frame is None:
                    break
                self.gaps.append((start, frame.start))
            self.end = start = frame.end
            if not form.is_sound(
                frame.payload
            ):  # whole, but nothing that a writer writes: none of it is taken for a value
                self.gaps.append((frame.start, frame.end))
            elif frame.payload[0] == ROWS:
                self._rows(frame)
                size = frame.end - frame.start
                if skip:
                    skip -= 1
                elif self._alike(frame.start, size):
                    read = self._stretch(frame)
                    start = self.end = self.end + read * size
                    # Stretches that keep breaking off cost more than they save: try them less often.
                    wait = _STRETCH_MIN if read >= _STRETCH_MIN else min(2 * wait, 4096)
                    skip = 0 if read >= _STRETCH_MIN else wait
            elif frame.payload[0] in (CHART, PREDICTIONS):
                kind, seq, time, fields = frame.payload
                if kind == CHART:
                    self.charts.append(ChartFrame(seq, time, fields))
                else:
                    self.predictions.append(PredictionsFrame(seq, time, fields))
                self.last_seq, self.last_time = max(self.last_seq, seq), max(self.last_time, time)

    def _rows(self, frame: Frame) -> None:
        _, seq, time, step, context, values = frame.payload
        step = NO_STEP if step is None else step
        for offset, (name, value) in enumerate(values.items()):
            undefined = type(value) is not float
            if undefined:
                self.reasons[seq + offset] = str(value)
                value = float("nan")
            self.single.setdefault((name, context), []).append((step, time, value, undefined, seq + offset))
        self.last_seq, self.last_time = max(self.last_seq, seq + len(values) - 1), max(self.last_time, time)

    def _alike(self, start: int, size: int) -> bool:
        """Say cheaply whether the next frames could be alike: every eighth has the same magic and length."""
        head, data = self.data[start : start + 8], self.data
        return all(data[at : at + 8] == head for at in range(start + size, start + size * _STRETCH_MIN, size * 8))

    def _stretch(self, first: Frame) -> int:
        """Read the frames after `first` that differ from it in numbers alone; return how many they are."""
        size = first.end - first.start
        numbers = _number_positions(self.data, first)
        if numbers is None:
            return 0
        count = (len(self.data) - first.end) // size
        count = _count_alike(self.data, first, size, count, numbers)
        count = self._count_valid(first.end, size, count)
        count = self._count_within(first.end, size, count, numbers)
        if count < _STRETCH_MIN:
            return 0

        def column(position: int, kind: str) -> Any:
            view = np.ndarray((count,), kind, self.data, first.end + position, (size,))
            return view.astype(view.dtype.newbyteorder("=") if view.dtype.kind == "f" else np.int64)

        seq, time = column(*numbers.seq), column(*numbers.time)
        step = np.full(count, NO_STEP) if numbers.step is None else column(*numbers.step)
        defined = np.zeros(count, np.bool_)
        context = first.payload[4]
        for offset, (name, position) in enumerate(zip(first.payload[5], numbers.values, strict=True)):
            key = (name, context)
            self._flush(key)
            self.chunks[key].append((step, time, column(position, ">f8"), defined, seq + offset))
        self.last_seq = max(self.last_seq, int(seq.max()) + len(numbers.values) - 1)
        self.last_time = max(self.last_time, int(time.max()))
        return count

    def _count_valid(self, start: int, size: int, count: int) -> int:
        """Count the frames from `start` on whose checksum holds."""
        begin, crc32, good = self.salt ^ (size - HEAD.size), zlib.crc32, 0
        stretch = memoryview(self.data)[start : start + size * count]
        for checksum, payload in struct.iter_unpack(f"<8xI{size - HEAD.size}s", stretch):
            if crc32(payload, begin) != checksum:
                break
            good += 1
        return good

    def _count_within(self, start: int, size: int, count: int, numbers: "_Numbers") -> int:
        """Count the frames from `start` on whose seq, time and step are within their bounds."""
        bounds = ((0, form.SEQ_MAX), (-TIME_MAX, TIME_MAX), (-form.STEP_LIMIT, form.STEP_LIMIT - 1))
        for place, (low, high) in zip((numbers.seq, numbers.time, numbers.step), bounds, strict=True):
            if place is None or not count:
                continue
            number = np.ndarray((count,), place[1], self.data, start + place[0], (size,))
            outside = number > np.uint64(high) if place[1] == ">u8" else (number < low) | (number > high)
            if outside.any():
                count = int(outside.argmax())
        return count

    def _flush(self, key: Key) -> None:
        chunks = self.chunks.setdefault(key, [])
        if rows := self.single.pop(key, None):
            step, time, value, undefined, seq = zip(*rows, strict=True)
            chunks.append(
                (
                    np.array(step, np.int64),
                    np.array(time, np.int64),
                    np.array(value, np.float64),
                    np.array(undefined, np.bool_),
                    np.array(seq, np.int64),
                )
            )

    def content(self, writer: str, attempt: int) -> Content:
        for key in list(self.single):
            self._flush(key)
        keys = sorted(self.chunks, key=lambda k: (k[0], k[1] or ""))
        rows = Rows(keys, [writer])
        if keys:
            sizes = [sum(len(chunk[0]) for chunk in self.chunks[key]) for key in keys]
            rows.key = np.repeat(np.arange(len(keys), dtype=np.int32), sizes)
            for i, name in enumerate(("step", "time", "value", "undefined", "seq")):
                setattr(rows, name, np.concatenate([chunk[i] for key in keys for chunk in self.chunks[key]]))
            rows.attempt = np.full(len(rows), attempt, np.int32)
            rows.writer = np.zeros(len(rows), np.int32)
        return Content(
            rows, self.reasons, self.charts, self.gaps, self.end, self.last_seq, self.last_time, self.predictions
        )


class _Numbers(NamedTuple):
    """Where the numbers of a rows frame stand, relative to its start, and their numpy types."""

    seq: tuple[int, str]
    time: tuple[int, str]
    step: tuple[int, str] | None
    values: list[int]


_ROWS_HEAD = bytes((0x96, ROWS))
_INTS = {0xCC: ">u1", 0xCD: ">u2", 0xCE: ">u4", 0xCF: ">u8", 0xD0: ">i1", 0xD1: ">i2", 0xD2: ">i4", 0xD3: ">i8"}


def _number_positions(data: bytes, frame: Frame) -> _Numbers | None:
    """Find the numbers of a rows frame by walking its msgpack; None where a value is not a plain float."""
    at = frame.start + HEAD.size + 2  # the array's head and the kind
    if data[at - 2 : at] != _ROWS_HEAD:  # the same numbers, but written in more bytes
        return None

    def integer() -> tuple[int, str] | None:
        nonlocal at
        marker, begin = data[at], at + 1
        if marker <= 0x7F or marker >= 0xE0:  # the marker is the number
            at, kind = begin, "i1"
            return begin - 1 - frame.start, kind
        if marker not in _INTS:
            return None
        at = begin + int(_INTS[marker][2])
        return begin - frame.start, _INTS[marker]

    def text() -> None:
        nonlocal at
        marker = data[at]
        if 0xA0 <= marker <= 0xBF:
            at += 1 + (marker & 0x1F)
        else:
            width = {0xD9: 1, 0xDA: 2, 0xDB: 4}[marker]
            at += 1 + width + int.from_bytes(data[at + 1 : at + 1 + width], "big")

    seq, time = integer(), integer()
    step = None
    if data[at] == 0xC0:
        at += 1
    else:
        step = integer()
    if data[at] == 0xC0:
        at += 1
    else:
        text()
    at += 1 if data[at] >> 4 == 0x8 else 3 if data[at] == 0xDE else 5
    values = []
    for _ in frame.payload[5]:
        text()
        if data[at] != 0xCB:
            return None
        values.append(at + 1 - frame.start)
        at += 9
    if at != frame.end or seq is None or time is None:
        return None
    return _Numbers(seq, time, step, values)


def _count_alike(data: bytes, first: Frame, size: int, count: int, numbers: _Numbers) -> int:
    """Count the frames after `first` that hold the same bytes outside the checksum and the numbers."""
    free = bytearray(size)
    spans = [(8, 4), *((p, int(kind[-1])) for p, kind in (numbers.seq, numbers.time, numbers.step or (0, "0")))]
    for position, width in [*spans, *((p, 8) for p in numbers.values)]:
        free[position : position + width] = b"\1" * width
    # A small integer and its marker share a byte, so its sign must not be mistaken for another marker.
    small = [p for p, kind in (numbers.seq, numbers.time, numbers.step or (0, "")) if kind == "i1"]
    fixed: list[tuple[int, int]] = []
    position = 0
    while position < size:
        if free[position]:
            position += 1
            continue
        width = next(w for w in (8, 4, 2, 1) if position + w <= size and not any(free[position : position + w]))
        fixed.append((position, width))
        position += width
    alike, block = 0, 64
    while alike < count:
        n, base = min(block, count - alike), first.end + alike * size
        same = np.ones(n, np.bool_)
        for position, width in fixed:
            kind = f"<u{width}"
            expected = int.from_bytes(data[first.start + position : first.start + position + width], "little")
            same &= np.ndarray((n,), kind, data, base + position, (size,)) == np.array(expected, kind)
        for position in small:
            marker = np.ndarray((n,), "u1", data, base + position, (size,))
            same &= (marker <= 0x7F) | (marker >= 0xE0)
        if not same.all():
            return alike + int(same.argmin())
        alike, block = alike + n, min(block * 8, 1 << 18)
    return alike
