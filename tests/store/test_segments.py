"""Segments in the store: rows come back bit for bit, and a file that does not hold what its entry says is damage."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ledger.errors import DamagedFile
from ledger.format import columns, layout
from ledger.format.entries import Segment
from ledger.format.rows import Rows
from ledger.store import segments
from ledger.store.tree import Tree

SPECIAL = [float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, 0.1, 1.7976931348623157e308]


def test_rows_come_back_bit_for_bit(tree: Tree, run: str, rows: Callable[..., Rows]) -> None:
    """NaN, infinities, minus zero and subnormals are what they were; so are steps, times, writer and seq."""
    given = rows("aa" * 6, [("x", None if i == 3 else i, value, 10 + i) for i, value in enumerate(SPECIAL)])
    (segment,) = segments.write(tree, run, given)
    folder = layout.run_folder(run)
    assert tree.names(folder) == [f"{segment.sha256[:16]}.parquet"]
    assert (segment.rows, segment.bytes) == (7, len(tree.read(f"{folder}/{segment.sha256[:16]}.parquet")))
    found = segments.read(tree, folder, segment, run)
    assert found.keys == given.keys
    assert found.writers == given.writers
    for column in ("step", "time", "seq", "attempt", "undefined"):
        assert getattr(found, column).tolist() == getattr(given, column).tolist()
    assert struct.pack("<7d", *found.value) == struct.pack("<7d", *given.value)


def test_very_many_rows_become_several_segments(
    tree: Tree, run: str, rows: Callable[..., Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A segment stays below what forges refuse; together they hold every row once."""
    monkeypatch.setattr(columns, "SEGMENT_ROWS_MAX", 10)
    given = rows("aa" * 6, [("x", i, i / 7, i) for i in range(25)])
    written = segments.write(tree, run, given)
    assert [segment.rows for segment in written] == [10, 10, 5]
    found = [segments.read(tree, layout.run_folder(run), segment, run) for segment in written]
    assert np.concatenate([part.value for part in found]).tolist() == given.value.tolist()


@pytest.mark.parametrize("what", ["absent", "altered", "another run", "another count", "no parquet"])
def test_a_segment_that_is_not_what_its_entry_says_is_damage(
    tree: Tree, run: str, rows: Callable[..., Rows], what: str
) -> None:
    """Absent, altered, of another run, of another length, or no Parquet: exit 5, never other rows."""
    (segment,) = segments.write(tree, run, rows("aa" * 6, [("x", 1, 2.0, 3)]))
    folder = layout.run_folder(run)
    path = Path(tree.path(folder), f"{segment.sha256[:16]}.parquet")
    asked = run
    if what == "absent":
        path.unlink()
    elif what == "altered":
        path.write_bytes(path.read_bytes()[:-1] + b"X")
    elif what == "another run":
        asked = run.replace("7f3a", "8f3a")
    elif what == "another count":
        segment = Segment(segment.sha256, 2, segment.bytes)
    else:
        import hashlib

        data = b"PAR1 no, it is not"
        segment = Segment(hashlib.sha256(data).hexdigest(), 1, len(data))
        Path(tree.path(folder), f"{segment.sha256[:16]}.parquet").write_bytes(data)
    with pytest.raises(DamagedFile) as caught:
        segments.read(tree, folder, segment, asked)
    assert caught.value.hint
    assert segment.sha256[:16] in caught.value.message


def test_the_same_rows_have_the_same_bytes(tree: Tree, run: str, rows: Callable[..., Any]) -> None:
    """Sealing twice on one machine gives one file."""
    table = [("y", 2, 0.5, 9), ("x", 1, 2.0, 3)]
    assert segments.write(tree, run, rows("aa" * 6, table)) == segments.write(tree, run, rows("aa" * 6, table))
    assert len(tree.names(layout.run_folder(run))) == 1
