"""The long fuzzing in short: what it found once stays found, seeds are accepted, each law holds for many inputs."""

import pytest

from tests.fuzz import loop
from tests.fuzz.laws import TARGETS

RUNS = 20_000

# Inputs that broke a law once: the target, the bytes, what happened.
FOUND: list[tuple[str, bytes, str]] = [
    ("filter", "a = ınf".encode(), "ValueError: a dotless i is an i to re.IGNORECASE and none to float()"),
    ("literal", "+İnf".encode(), "the same for a capital I with a dot"),
    ("literal", b"1" * 350, "OverflowError: an integer beyond the range of a float"),
    ("schema", b"[vitals.loss]\nx = 0x" + b"f" * 4000, "ValueError from json.dumps: a number of thousands of digits"),
    ("schema", b"[gate.loss]\nmin_runs = 0x" + b"f" * 4000, "the same in a gate"),
    ("entry", b'{"format":-1,"kind":"close","run":"r","time":"2026-11-22T03:15:01.123456Z","author":"a","status":"x"}',
     "a format below 0 was accepted"),
    ("entry", b'{"format":0,"kind":"rows","run":"r","time":"2026-11-22T03:15:01.123456Z","author":"a",'
     b'"undefined":[{"writer":"w","seq":1,"reason":" "}]}', "a blank reason, which every reader then choked on"),
    ("values", b'{"$a": 1, "a": 2}', "two keys became one, and a value was lost"),
    ("values", b'{"$float": true}', "became 1.0"),
]  # fmt: skip


def mended(payload: bytes, count: int = 1) -> bytes:
    """Return a journal with a header and the same payload some times; the checksums are for `mend` to make."""
    header = TARGETS["mended-journal"].seeds()[1].split(b"\xf5LF\n")
    frame = b"\xf5LF\n" + len(payload).to_bytes(4, "little") + bytes(4) + payload
    return header[0] + b"\xf5LF\n" + header[1] + frame * count


CALL = b"\x01\x02\x03\xc0\x81\xa1a\xcb" + bytes(8)
FOUND += [
    ("mended-journal", mended(b"\x91\xa2\xc3\x28"), "UnicodeDecodeError: text in a frame that is no UTF-8"),
    ("mended-journal", mended(b"\x91" * 3000), "RecursionError: a frame nested without end"),
    ("mended-journal", mended(b"\x96\xcc\x02" + CALL, 40), "KeyError: a kind written in two bytes"),
    ("mended-journal", mended(b"\xdc\x00\x06\x02" + CALL, 40), "KeyError: an array with a wide head"),
    ("mended-journal", mended(b"\x96\xcb\x40" + bytes(7) + CALL, 40), "KeyError: 2.0 was taken for the kind 2"),
    ("mended-journal", mended(b"\x96\x02\x01\x02\x03\xc0\x81\xa1a\xa1 "), "a blank reason"),
]


@pytest.mark.parametrize(("target", "data"), [case[:2] for case in FOUND], ids=[case[2] for case in FOUND])
def test_what_was_found_stays_found(target: str, data: bytes) -> None:
    """An input that broke a law once breaks it no more."""
    TARGETS[target].law(data)


@pytest.mark.parametrize("target", TARGETS)
def test_a_few_inputs(target: str) -> None:
    """Seeds are accepted, but for those that lead to refusals on purpose, and what is made of them keeps the law."""
    assert any(TARGETS[target].law(data) for data in TARGETS[target].seeds())
    count = loop.run(TARGETS[target], 100)
    assert 0 < count.accepted < count.tried


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_many_inputs(target: str) -> None:
    """Each law holds for 20 000 inputs, the same ones every time; a slow one among them is broken too."""
    count = loop.run(TARGETS[target], RUNS, number=1)
    print(f"\n{target}: {count.tried} inputs, {count.accepted} accepted")
    assert count.accepted > len(TARGETS[target].seeds())
