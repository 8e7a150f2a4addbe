"""Frames: the bytes of a journal. One call of `log()` is one frame, and one write.

A journal begins with 16 bytes (`LDGJRNL` and the format's digit, a random salt, a checksum of both); then come
frames: magic, length of the payload, crc32 of the payload begun at salt XOR length, payload in msgpack. Zeros, and
frames of another journal, are never taken for valid. Payloads are arrays that begin with their kind:

    [1, {...}]                                       header: who writes here
    [2, seq, time, step, context, {metric: value}]   rows; a value that is text is the reason of an undefined one
    [3, seq, time, {...}]                            a chart
    [4, seq, time, {...}]                            predictions
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from ledger.errors import DamagedFile, NewerFormat
from ledger.format import names
from ledger.format.ids import TIME_MAX, is_run_id
from ledger.format.layout import FORMAT, blob_path, parse_entry_name

HEADER, ROWS, CHART, PREDICTIONS = 1, 2, 3, 4
SEQ_MAX = 2**62
STEP_LIMIT = 2**63 - 1  # that of NO_STEP, which no step is
ATTEMPT_MAX = 2**31 - 1
MAGIC = b"\xf5LF\n"
HEAD = struct.Struct("<4sII")
PREFIX_SIZE = 16
_PREFIX = struct.Struct("<7scI")

encode_payload = msgspec.msgpack.Encoder().encode
decode_payload = msgspec.msgpack.Decoder().decode


class Header(msgspec.Struct, omit_defaults=True):
    """Who writes a journal, and the run's `open` entry, so that a lost one can be written again byte for byte."""

    format: int
    run: str
    writer: str
    attempt: int
    host: str
    boot: str
    pid: int
    time: int
    owner: bool = False  # closes the run when it ends
    shared: bool = False  # nobody holds it between calls (`ledger start`, `ledger log`)
    open_name: str | None = None
    open_data: bytes | None = None


class Frame(NamedTuple):
    """A valid frame: where it begins and ends, and its payload."""

    start: int
    end: int
    payload: list[Any]


class Gap(NamedTuple):
    """Bytes between two valid frames that are none themselves."""

    start: int
    end: int


def encode_prefix(salt: int) -> bytes:
    """Return the 16 bytes that a journal begins with."""
    head = _PREFIX.pack(b"LDGJRNL", str(FORMAT).encode(), salt)
    return head + struct.pack("<I", zlib.crc32(head))


def decode_prefix(data: bytes, name: str) -> int:
    """Return the salt of a journal; raises DamagedFile or NewerFormat."""
    if (
        len(data) < PREFIX_SIZE
        or data[:7] != b"LDGJRNL"
        or zlib.crc32(data[:12]) != int.from_bytes(data[12:16], "little")
    ):
        raise DamagedFile(f"{name} is not a journal: its first {PREFIX_SIZE} bytes are damaged")
    digit = data[7:8].decode("ascii", "replace")
    if not digit.isdigit() or int(digit) > FORMAT:
        raise NewerFormat(f"{name} has format {digit}; this version of ledger reads up to {FORMAT}")
    return int.from_bytes(data[8:12], "little")


def encode_frame(payload: bytes, salt: int) -> bytes:
    """Return the frame of a payload."""
    size = len(payload)
    return HEAD.pack(MAGIC, size, zlib.crc32(payload, salt ^ size)) + payload


def encode_bundle(
    rows: Iterable[tuple[int | None, str | None, dict[str, Any]]],
    charts: Iterable[dict[str, Any]],
    predictions: Iterable[dict[str, Any]],
    seq: int,
    time: int,
    salt: int,
) -> tuple[bytes, int]:
    """Return the frames of rows (step, context, values), charts and predictions that belong together, and the next seq.

    They are to be written at once; their seqs begin at `seq`.
    """
    frames = []
    for step, context, values in rows:
        frames.append(encode_frame(encode_payload((ROWS, seq, time, step, context, values)), salt))
        seq += len(values)
    placed = [(CHART, fields) for fields in charts] + [(PREDICTIONS, fields) for fields in predictions]
    for kind, fields in placed:
        frames.append(encode_frame(encode_payload((kind, seq, time, fields)), salt))
        seq += 1
    return b"".join(frames), seq


def encode_header(header: Header, salt: int) -> bytes:
    """Return the frame of a journal's header."""
    return encode_frame(encode_payload([HEADER, header]), salt)


def decode_header(payload: list[Any], name: str, *, opened: bool = True) -> Header:
    """Read a header from its payload; raises DamagedFile or NewerFormat.

    Without `opened` the open entry in it is not looked at, for those who do not write it.
    """
    try:
        header = msgspec.convert(payload[1], Header)
    except (msgspec.ValidationError, IndexError) as error:
        raise DamagedFile(f"{name} has a header that cannot be read: {error}") from None
    if type(payload[0]) is not int or payload[0] != HEADER:
        raise DamagedFile(f"{name} does not begin with a header")
    if header.format > FORMAT:
        raise NewerFormat(f"{name} has format {header.format}; this version of ledger reads up to {FORMAT}")
    if header.format < 0:
        raise DamagedFile(f"{name} has format {header.format}, which there is not")
    if not is_run_id(header.run):
        raise DamagedFile(f"{name} is of the run {header.run[:80]!r}, which is not a run's id")
    if not 1 <= header.attempt <= ATTEMPT_MAX:
        raise DamagedFile(f"{name} is of the attempt {header.attempt}; the first is 1, the last {ATTEMPT_MAX}")
    if opened and (header.open_name is not None or header.open_data is not None):
        import hashlib  # a call of the shell, which does not look, must not pay for it

        # A sealer writes these bytes under this name: it must be the one that belongs to them, and no path.
        found = parse_entry_name(header.open_name or "")
        sha256 = hashlib.sha256(header.open_data or b"").hexdigest()
        if found is None or found.kind != "open" or found.id != sha256[:16]:
            raise DamagedFile(f"{name} holds an open entry that does not fit its name {header.open_name!r}")
    return header


def frame_at(data: bytes, start: int, salt: int) -> Frame | None:
    """Return the frame that begins at `start`, or None if there is no valid one."""
    if start + HEAD.size > len(data):
        return None
    magic, size, checksum = HEAD.unpack_from(data, start)
    end = start + HEAD.size + size
    if magic != MAGIC or size == 0 or end > len(data):
        return None
    payload = data[start + HEAD.size : end]
    if zlib.crc32(payload, salt ^ size) != checksum:
        return None
    try:
        decoded = decode_payload(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return Frame(start, end, decoded) if isinstance(decoded, list) and decoded else None


def is_sound(payload: list[Any]) -> bool:
    """Say whether a payload is shaped as its kind asks, with what a writer gives; unknown kinds have any shape."""
    if type(payload[0]) is not int:  # 2.0 would be taken for 2
        return False
    if payload[0] == ROWS:
        return len(payload) == 6 and _is_placed(payload) and _are_rows(*payload[3:])
    if payload[0] == CHART:
        return len(payload) == 4 and _is_placed(payload) and _is_chart(*payload[1:])
    if payload[0] == PREDICTIONS:
        return len(payload) == 4 and _is_placed(payload) and _are_predictions(*payload[1:])
    return True


def _is_placed(payload: list[Any]) -> bool:
    seq, time = payload[1:3]
    return type(seq) is int and 0 <= seq <= SEQ_MAX and type(time) is int and -TIME_MAX <= time <= TIME_MAX


def _are_rows(step: Any, context: Any, values: Any) -> bool:
    return (
        (step is None or (type(step) is int and -STEP_LIMIT <= step < STEP_LIMIT))
        and (context is None or (type(context) is str and names.is_context(context)))
        and type(values) is dict
        and all(
            type(name) is str
            and (type(value) is float or (type(value) is str and value.strip()))
            and names.is_metric(name)
            for name, value in values.items()
        )
    )


def _is_chart(seq: int, time: int, fields: Any) -> bool:
    # Here, since a journal of rows needs none of it, and these structs take longer to load than a shell call takes.
    from ledger.format.entries import ChartRef, check_chart

    ours = {"time": time, "writer": "", "seq": seq, "attempt": 1}
    if type(fields) is not dict or not fields.keys() <= set(ChartRef.__struct_fields__) - ours.keys():
        return False
    try:
        chart = msgspec.convert({**fields, **ours}, ChartRef)
        check_chart(chart)
        blob_path(chart.blob, chart.extension)
    except (msgspec.ValidationError, ValueError, DamagedFile):
        return False
    return True


def _are_predictions(seq: int, time: int, fields: Any) -> bool:
    from ledger.format.entries import PredictionsRef, check_predictions

    ours = {"time": time, "writer": "", "seq": seq, "attempt": 1}
    if type(fields) is not dict or not fields.keys() <= set(PredictionsRef.__struct_fields__) - ours.keys():
        return False
    try:
        found = msgspec.convert({**fields, **ours}, PredictionsRef)
        check_predictions(found)
        for column in found.columns.values():
            blob_path(column.blob, "parquet")
    except (msgspec.ValidationError, ValueError, DamagedFile):
        return False
    return True


def time_of(payload: list[Any]) -> int:
    """Return the time of a frame (us), 0 where it holds none that can be one."""
    time = (
        payload[1].get("time")
        if payload[0] == HEADER and len(payload) > 1 and isinstance(payload[1], dict)
        else payload[2:3]
    )
    time = time[0] if isinstance(time, list) and time else time
    return time if isinstance(time, int) and 0 <= time <= TIME_MAX else 0


def next_frame(data: bytes, start: int, salt: int) -> Frame | None:
    """Return the first valid frame at or after `start`, or None."""
    while (start := data.find(MAGIC, start)) >= 0:
        if frame := frame_at(data, start, salt):
            return frame
        start += 1
    return None


def frames(data: bytes, salt: int, start: int = PREFIX_SIZE) -> Iterator[Frame | Gap]:
    """Yield the valid frames and the gaps between them; a torn tail is neither."""
    while start < len(data):
        frame = frame_at(data, start, salt)
        if frame is None:
            frame = next_frame(data, start + 1, salt)
            if frame is None:
                return
            yield Gap(start, frame.start)
        yield frame
        start = frame.end


def last_frame(data: bytes, salt: int, start: int = 0) -> Frame | None:
    """Return the last valid frame of `data`, searched from the end, or None."""
    end = len(data)
    while (at := data.rfind(MAGIC, start, end)) >= 0:
        if frame := frame_at(data, at, salt):
            return frame
        end = at
    return None
