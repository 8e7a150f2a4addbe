"""Valid bytes made a little wrong: flipped, dropped, doubled, moved, taken from elsewhere, made extreme."""

import random

# What parsers care about: marks of every syntax here, and the ends of the ranges of numbers.
_PIECES = [
    *(mark.encode() for mark in "{}[]()<>=!~,.:;/\\|&'\"`*?#@$%_-+ \n\t\0"),
    *(word.encode() for word in ("..", "**", "nan", "inf", "null", "true", "1e999", "-0.0", "not ", " and ", " as ")),
    *(word.encode() for word in ("ı", "İ", "ſ", "\u202e", "\u2028", "٣", "ß", "𝟘", "\\ud800", "\\u0000", "$float")),
    b"\xff", b"\xed\xa0\x80", b"\xf5LF\n", b"\xc0", b"\xc1", b"\xca", b"\xcf", b"\xd3", b"\xdf", b"\x80",
    *(n.to_bytes(8, order) for n in (2**64 - 1, 2**63 - 1, 2**63, 2**62 + 1, 0) for order in ("big", "little")),
    *(str(n).encode() for n in (0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30)),
]  # fmt: skip
_LONGEST = 1 << 13


def mutate(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Return `data` after one to five changes; `others` are inputs that pieces may come from."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        _change(changed, others, chance)
    return bytes(changed[:_LONGEST])


def _change(data: bytearray, others: list[bytes], chance: random.Random) -> None:
    at = chance.randint(0, len(data))
    end = min(len(data), at + chance.choice((1, 1, 2, 4, 8, 32, 200)))
    kind = chance.randrange(9)
    if kind == 0 and at < len(data):
        data[at] ^= 1 << chance.randrange(8)
    elif kind == 1 and at < len(data):
        data[at] = chance.randrange(256)
    elif kind == 2:
        del data[at:end]
    elif kind == 3:
        data[at:at] = data[at:end] * chance.choice((1, 1, 2, 60))
    elif kind == 4:
        data[at:at] = chance.choice(_PIECES)
    elif kind == 5:
        data[at:end] = chance.choice(_PIECES)
    elif kind == 6:
        data[at:at] = chance.randbytes(chance.randint(1, 4))
    elif kind == 7:
        other = chance.choice(others)
        begin = chance.randint(0, len(other))
        data[at:end] = other[begin : begin + chance.choice((1, 4, 16, 64, 1000))]
    else:
        piece = data[at:end]
        del data[at:end]
        to = chance.randint(0, len(data))
        data[to:to] = piece
