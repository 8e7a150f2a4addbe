"""Frames: the bytes of a journal, what a torn or damaged one still gives, and headers that cannot be trusted."""

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import DamagedFile, NewerFormat
from ledger.format import frame
from ledger.format.frame import Frame, Gap

RUN = "20261122-031501-baseline-7f3a9c2e1b0d"
SALTS = st.integers(0, 2**32 - 1)
PAYLOADS = st.tuples(st.integers(2, 9), st.integers(0, 9), st.binary(max_size=20)).map(list)


def journal(salt: int, payloads: list[Any]) -> bytes:
    """Return a journal of these payloads."""
    encoded = [frame.encode_frame(frame.encode_payload(p), salt) for p in payloads]
    return frame.encode_prefix(salt) + b"".join(encoded)


def valid(data: bytes, salt: int) -> list[Any]:
    """Return the payloads of the valid frames."""
    return [item.payload for item in frame.frames(data, salt) if isinstance(item, Frame)]


@given(SALTS, st.lists(PAYLOADS, max_size=6))
def test_frames_read_back(salt: int, payloads: list[Any]) -> None:
    """What was written is read, frame by frame, without gaps; the last frame is found from the end too."""
    data = journal(salt, payloads)
    assert frame.decode_prefix(data, "j") == salt
    found = list(frame.frames(data, salt))
    assert [item.payload for item in found if isinstance(item, Frame)] == payloads
    assert len(found) == len(payloads)
    last = frame.last_frame(data, salt)
    assert (last.payload if last else None) == (payloads[-1] if payloads else None)


@given(SALTS, st.lists(PAYLOADS, min_size=1, max_size=4))
def test_a_torn_tail_is_left_out(salt: int, payloads: list[Any]) -> None:
    """Cut anywhere, a journal gives its whole frames and no gap."""
    data = journal(salt, payloads)
    ends = [item.end for item in frame.frames(data, salt)]
    for cut in range(frame.PREFIX_SIZE, len(data)):
        found = list(frame.frames(data[:cut], salt))
        assert [item.end for item in found] == [end for end in ends if end <= cut]
        last = frame.last_frame(data[:cut], salt)
        assert (last.end if last else None) == max((end for end in ends if end <= cut), default=None)


@given(SALTS, st.lists(PAYLOADS, min_size=2, max_size=5), st.data())
def test_a_damaged_frame_is_a_gap(salt: int, payloads: list[Any], data: st.DataObject) -> None:
    """One damaged byte costs the frame it lies in and no other; the gap says which bytes."""
    raw = bytearray(journal(salt, payloads))
    bounds = [(item.start, item.end) for item in frame.frames(bytes(raw), salt)]
    which = data.draw(st.integers(0, len(payloads) - 1))
    start, end = bounds[which]
    raw[data.draw(st.integers(start, end - 1))] ^= data.draw(st.integers(1, 255))
    assert valid(bytes(raw), salt) == payloads[:which] + payloads[which + 1 :]
    gaps = [item for item in frame.frames(bytes(raw), salt) if isinstance(item, Gap)]
    assert gaps == ([Gap(start, end)] if which < len(payloads) - 1 else [])


@given(SALTS, SALTS, st.lists(PAYLOADS, min_size=1, max_size=3))
def test_frames_of_another_journal_are_not_taken(salt: int, other: int, payloads: list[Any]) -> None:
    """Bytes that the disk kept of another journal carry another salt and do not count."""
    data = journal(salt, payloads)
    assert (valid(data, other) == payloads) == (salt == other)


@given(SALTS, st.integers(1, 200))
def test_zeros_are_no_frames(salt: int, n: int) -> None:
    """A tail of zeros, as a power cut may leave it, is a torn tail."""
    data = journal(salt, [[2, 1]])
    assert list(frame.frames(data + bytes(n), salt)) == list(frame.frames(data, salt))


@given(st.binary(max_size=100), SALTS)
def test_noise_is_read_without_error(noise: bytes, salt: int) -> None:
    """Any bytes behind a prefix give frames or nothing."""
    assert valid(frame.encode_prefix(salt) + noise, salt) == []


def test_an_empty_or_wrong_payload_is_no_frame() -> None:
    """A payload must be a msgpack array with something in it, whatever its checksum says."""
    for payload in (
        b"",
        b"\xc1",
        frame.encode_payload([]),
        frame.encode_payload({}),
        frame.encode_payload([1]) + b"\0",
    ):
        assert valid(frame.encode_prefix(1) + frame.encode_frame(payload, 1), 1) == []


@pytest.mark.parametrize("at", range(frame.PREFIX_SIZE))
def test_a_damaged_prefix_is_refused(at: int) -> None:
    """Each of the 16 bytes is covered: a damaged one raises DamagedFile, and so does a shorter file."""
    raw = bytearray(frame.encode_prefix(7))
    raw[at] ^= 1
    with pytest.raises(DamagedFile, match="not a journal"):
        frame.decode_prefix(bytes(raw), "j")
    with pytest.raises(DamagedFile, match="not a journal"):
        frame.decode_prefix(frame.encode_prefix(7)[:at], "j")


def test_a_newer_prefix_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal of a higher format raises NewerFormat."""
    with monkeypatch.context() as patched:
        patched.setattr(frame, "FORMAT", 9)
        data = frame.encode_prefix(7)
    with pytest.raises(NewerFormat, match="format 9"):
        frame.decode_prefix(data, "j")


OPEN = b'{"format": 0}\n'
OPEN_NAME = f"20261122-031501-123456-open-{hashlib.sha256(OPEN).hexdigest()[:16]}.json"
HEADER = frame.Header(0, RUN, "0a1b2c3d4e5f", 1, "node1", "", 42, 5, open_name=OPEN_NAME, open_data=OPEN)


def test_headers_read_back() -> None:
    """A header comes back with its open entry byte for byte."""
    data = frame.encode_prefix(3) + frame.encode_header(HEADER, 3)
    first = frame.frame_at(data, frame.PREFIX_SIZE, 3)
    assert first is not None
    assert frame.decode_header(first.payload, "j") == HEADER


@pytest.mark.parametrize(
    "change",
    [
        {"run": "../../x"},
        {"run": "sealed"},
        {"writer": None},
        {"open_name": f"../../{OPEN_NAME}"},
        {"open_name": "x.json"},
        {"open_name": OPEN_NAME.replace("-open-", "-close-")},
        {"open_name": None},
        {"open_data": OPEN + b" "},
        {"open_data": None},
        {"format": "0"},
    ],
)
def test_headers_that_cannot_be_trusted_are_refused(change: dict[str, Any]) -> None:
    """A run that is no id, and an open entry whose name is not that of its bytes, raise DamagedFile."""
    fields = {**msgspec.structs.asdict(HEADER), **change}
    with pytest.raises(DamagedFile, match="j "):
        frame.decode_header([frame.HEADER, fields], "j")


def test_other_frames_are_no_headers() -> None:
    """A journal that begins with another frame, or with a newer header, is refused."""
    fields = msgspec.structs.asdict(HEADER)
    with pytest.raises(DamagedFile, match="header"):
        frame.decode_header([frame.ROWS, fields], "j")
    with pytest.raises(DamagedFile, match="header"):
        frame.decode_header([frame.HEADER], "j")
    with pytest.raises(NewerFormat, match="format 9"):
        frame.decode_header([frame.HEADER, {**fields, "format": 9}], "j")
