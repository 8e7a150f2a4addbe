"""Columns of predictions read in pieces: the same values and the same refusals as read whole."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger.errors import DamagedFile
from ledger.format import prediction_chunks
from ledger.format.predictions import Column, column, decode, digest, encode

N = 100
RANDOM = np.random.default_rng(0)
SOME = RANDOM.random(N) < 0.3
COLUMNS = {
    "float64": column("float64", RANDOM.normal(size=N)),
    "float32 with gaps": column("float32", RANDOM.normal(size=N), SOME),
    "int64": column("int64", RANDOM.integers(-9, 9, N)),
    "uint64": column("uint64", np.full(N, 2**64 - 1)),
    "bool with gaps": column("bool", SOME, ~SOME),
    "text": column("text", RANDOM.choice(np.array(["a", "", "ü\0"], object), N)),
    "text with gaps": column("text", RANDOM.choice(np.array(["a", "", "ü\0"], object), N), SOME),
    "moments": column("timestamp_ns", RANDOM.integers(0, 2**60, N), SOME),
    "five values a row": column("float32", RANDOM.normal(size=(N, 5)), RANDOM.random((N, 5)) < 0.1),
    "texts, two a row": column("text", RANDOM.choice(np.array(["a", "b"], object), (N, 2))),
    "no rows": column("int64", np.zeros(0)),
    "no value at all": column("int64", np.zeros(N), np.ones(N, np.bool_)),
}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pieces of seven rows."""
    monkeypatch.setattr(prediction_chunks, "ROWS", 7)


def pieces(data: bytes, found: Column, **said: Any) -> list[Column]:
    """Read all pieces of a column."""
    facts = {"dtype": found.dtype, "expected": digest(found), "rows": len(found.values), **said}
    return list(prediction_chunks.chunks(data, "it", **facts))


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("group", [None, 20])
def test_the_pieces_are_the_whole(name: str, group: int | None) -> None:
    """One behind the other, they have the values and the gaps of the column, however long the groups of the file."""
    found = COLUMNS[name]
    data = encode(found)
    if group is not None:
        sink = pa.BufferOutputStream()
        pq.write_table(pq.read_table(pa.BufferReader(data)), sink, row_group_size=group)
        data = sink.getvalue().to_pybytes()
    read = pieces(data, found)
    assert max([len(piece.values) for piece in read], default=0) <= 7
    values = np.concatenate([found.values[:0], *(piece.values for piece in read)])
    null = [np.zeros(p.values.shape, np.bool_) if p.null is None else p.null for p in read]
    assert all(piece.dtype == found.dtype for piece in read)
    assert digest(column(found.kind, values, np.concatenate(null) if null else None)) == digest(found)


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize(
    "said",
    [{"expected": "0" * 64}, {"rows": N + 1}, {"dtype": "timestamp_us"}, {"dtype": "float64[3]"}, {"dtype": "blob"}],
    ids=["another digest", "a row more", "another type", "another width", "no type"],
)
def test_what_is_refused_whole_is_refused_in_pieces(name: str, said: dict[str, Any]) -> None:
    """The error is the same (of no rows, another one): what a column is held to does not depend on how it is read."""
    found = COLUMNS[name]
    facts = {"dtype": found.dtype, "expected": digest(found), "rows": len(found.values), **said}
    with pytest.raises(DamagedFile) as whole:
        decode(encode(found), "it", **facts)
    with pytest.raises(DamagedFile) as in_pieces:
        pieces(encode(found), found, **said)
    assert in_pieces.value.message == whole.value.message or not len(found.values)


def test_bytes_that_are_no_parquet_are_refused() -> None:
    """Nothing is yielded of them."""
    with pytest.raises(DamagedFile, match="it is not a column of predictions"):
        pieces(b"PAR1" * 10, COLUMNS["int64"])


def test_texts_beyond_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of all pieces count together."""
    monkeypatch.setattr(prediction_chunks, "TEXT_MAX", 5)
    with pytest.raises(DamagedFile, match="its texts have more than 5 bytes"):
        pieces(encode(COLUMNS["text"]), COLUMNS["text"])
