"""Segments in the store: a run's rows as Parquet files, each named by the head of the sha256 of its bytes."""

import hashlib
from typing import TYPE_CHECKING

from ledger.errors import RESTORE, DamagedFile
from ledger.format import layout
from ledger.format.entries import Segment
from ledger.store import files
from ledger.store.tree import Tree

if TYPE_CHECKING:
    from ledger.format.rows import Rows


def encode(run: str, rows: "Rows") -> list[tuple[Segment, bytes]]:
    """Return sorted rows as segments, one unless they are very many: what an entry says of each, and its bytes."""
    # Here, because recording a row must not load Arrow; only sealing does.
    from ledger.format import columns

    encoded = []
    most = columns.SEGMENT_ROWS_MAX
    for start in range(0, len(rows), most):
        part = rows if len(rows) <= most else rows.take(slice(start, start + most))
        data = columns.encode(run, part)
        encoded.append((Segment(hashlib.sha256(data).hexdigest(), len(part), len(data)), data))
    return encoded


def write(tree: Tree, run: str, rows: "Rows") -> list[Segment]:
    """Write sorted rows as segments of a run; return what an entry says of them."""
    encoded = encode(run, rows)
    with files.faults(f"write a segment of run {run}"):
        named = [(layout.segment_name(segment.sha256), data) for segment, data in encoded]
        files.write_all(tree.path(layout.run_folder(run)), named)
    return [segment for segment, _ in encoded]


def is_here(tree: Tree, folder: str, segment: Segment) -> bool:
    """Say whether the file of a segment that an entry names is there."""
    return tree.exists(f"{folder}/{layout.segment_name(segment.sha256)}")


def read(tree: Tree, folder: str, segment: Segment, run: str) -> "Rows":
    """Read the rows of a segment that an entry names.

    Raises DamagedFile where the file is absent, or does not hold what the entry says.
    """
    from ledger.format import columns

    path = f"{folder}/{layout.segment_name(segment.sha256)}"
    try:
        data = tree.read(path, segment.bytes)
    except FileNotFoundError:
        raise DamagedFile(
            f"the segment {path} is not here", hint=f"if git has it: git checkout -- .ledger/{path}"
        ) from None
    if hashlib.sha256(data).hexdigest() != segment.sha256:
        raise DamagedFile(f"the segment {path} is damaged: its bytes do not have its sha256", hint=RESTORE)
    runs, rows = columns.decode(data, path, segment.rows)
    if len(rows) != segment.rows or (runs and runs != [run]):
        raise DamagedFile(
            f"the segment {path} holds {len(rows)} rows of {', '.join(runs) or 'no run'}; "
            f"its entry says {segment.rows} rows of {run}",
            hint=RESTORE,
        )
    return rows
