"""A column of predictions read in pieces: every check that the whole gets, in the memory of one piece.

The digest begins with what only a look at all values tells: those that have missing values are unpacked twice for it,
texts once more.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ledger.format.predictions import (
    TEXT,
    TEXT_MAX,
    Column,
    check_digest,
    from_arrow,
    hashed,
    open_parquet,
    parse_dtype,
    refused,
)

ROWS = 1 << 18  # of a piece, at most


def chunks(data: bytes, name: str, dtype: str, expected: str, rows: int) -> Iterator[Column]:
    """Yield the pieces of a column in order; raises DamagedFile as `decode` does.

    That the digest is another is known, and raised, behind the last piece: until then nothing is proved.
    """
    with refused(name):
        kind, width = parse_dtype(dtype)
        file = open_parquet(data, kind, width, rows)
        result = _begun(file, kind, width, dtype, rows)
    for piece in _pieces(file, kind, width, name):
        result.update(hashed(piece))
        yield piece
    check_digest(name, result.hexdigest(), expected)


def _pieces(file: Any, kind: str, width: int | None, name: str) -> Iterator[Column]:
    with refused(name):
        batches = file.iter_batches(ROWS, use_threads=False)
    while True:
        with refused(name):
            batch = next(batches, None)
            if batch is None:
                return
            piece = from_arrow(kind, width, batch)
        yield piece


def _begun(file: Any, kind: str, width: int | None, dtype: str, rows: int) -> Any:
    """Return the hash of all that stands in front of the values: type, counts, where values are missing, lengths."""
    nulls, bits = 0, bytearray()
    if any(file.schema.column(i).max_definition_level for i in range(width or 1)):
        rest = np.zeros(0, np.bool_)
        for batch in file.iter_batches(ROWS, use_threads=False):
            piece = from_arrow(kind, width, batch)
            null = np.zeros(piece.values.size, np.bool_) if piece.null is None else piece.null.ravel()
            nulls += int(null.sum())
            rest = np.concatenate([rest, ~null])
            whole = len(rest) // 8 * 8
            bits += np.packbits(rest[:whole], bitorder="little").tobytes()
            rest = rest[whole:]
        bits += np.packbits(rest, bitorder="little").tobytes()
    result = hashlib.sha256(f"{dtype}\n{rows}\n{nulls}\n".encode())
    if nulls:
        result.update(bits)
    if kind == TEXT:
        size = 0
        for batch in file.iter_batches(ROWS, use_threads=False):
            texts = from_arrow(kind, width, batch).values.ravel().tolist()
            lengths = np.array([len(text.encode()) for text in texts], "<u8")
            size += int(lengths.sum())
            if size > TEXT_MAX:
                raise ValueError(f"its texts have more than {TEXT_MAX} bytes")
            result.update(lengths.tobytes())
    return result
