"""Journals read for what is left of them: a damaged head costs no row, and what a gap took is named by its seqs.

The salt of a journal follows from any whole frame, since a checksum can be run backwards; run and writer stand in the
name, and the attempt is the run's current one. `repair` seals what is found here.
"""

import zlib
from typing import NamedTuple

from ledger.errors import DamagedFile
from ledger.format import frame, layout
from ledger.format.ids import is_run_id
from ledger.format.rows import Content, decode_journal
from ledger.record import seal, standing
from ledger.store import journal
from ledger.store.tree import Tree

_PAYLOAD_MAX = 1 << 20  # longer payloads are not run backwards: the next frame tells the salt as well
_TRIES = 1000


class Lost(NamedTuple):
    """What a journal's damage took: ranges of bytes between whole frames, and the ranges of seqs that are missing."""

    bytes: list[tuple[int, int]]
    seqs: list[tuple[int, int]]


def owner(path: str) -> tuple[str, str] | None:
    """Return the run and the writer that the path of a journal names, put aside or not; None for another path."""
    folder, _, name = path.removesuffix(".journal").rpartition("/")
    if not path.endswith(".journal"):
        return None
    run, writer = (name[:-13], name[-12:]) if folder == seal.SEALED else (folder.removeprefix("journal/"), name)
    return (run, writer) if is_run_id(run) and writer else None


def read(tree: Tree, path: str) -> journal.Loaded | None:
    """Read a journal, its head damaged or not; None where it holds no whole frame. The path is the one it was made at.

    Raises FileNotFoundError, NewerFormat, and DamagedFile for a name that is no journal's.
    """
    data = tree.read(path)
    named = owner(path)
    if named is None:
        raise DamagedFile(f"{path} is not named like a journal")
    run, writer = named
    try:
        if (found := journal.read_header(data, path)) is None:
            return None
        salt, header, start = found
    except DamagedFile:
        if (known := _salt(data, path)) is None:
            return None
        salt, start = known, frame.PREFIX_SIZE
        first = frame.frame_at(data, start, salt)
        if first is not None and first.payload[0] == frame.HEADER:
            header, start = frame.decode_header(first.payload, path), first.end
        else:
            header = frame.Header(layout.FORMAT, run, writer, standing.attempt_of(tree, run), "", "", 0, 0)
    if (header.run, header.writer) != named:
        raise DamagedFile(f"{path} is the journal of writer {header.writer} of run {header.run}")
    content = decode_journal(data, salt, writer, header.attempt, start)
    return journal.Loaded(layout.journal_path(run, writer), header, content)


def lost(content: Content) -> Lost:
    """Say what the gaps of a journal took; nothing where it has none."""
    import numpy as np

    if not content.gaps:
        return Lost([], [])
    charts = np.array([chart.seq for chart in content.charts], np.int64)
    predictions = np.array([found.seq for found in content.predictions], np.int64)
    there = np.unique(np.concatenate([[-1], content.rows.seq, charts, predictions]))
    before = np.flatnonzero(np.diff(there) > 1)
    return Lost(list(content.gaps), [(int(there[i]) + 1, int(there[i + 1]) - 1) for i in before])


def _salt(data: bytes, path: str) -> int | None:
    """Return the salt of a journal: from its prefix, else from two whole frames that agree on it."""
    try:
        return frame.decode_prefix(data, path)
    except DamagedFile:
        pass
    at = -1
    for _ in range(_TRIES):
        at = data.find(frame.MAGIC, at + 1)
        if at < 0 or at + frame.HEAD.size > len(data):
            break
        size, checksum = (int.from_bytes(data[at + n : at + n + 4], "little") for n in (4, 8))
        if not 0 < size <= min(_PAYLOAD_MAX, len(data) - at - frame.HEAD.size):
            continue
        salt = _crc32_start(data[at + frame.HEAD.size :][:size], checksum) ^ size
        first = frame.frame_at(data, at, salt)
        if first is not None and frame.frame_at(data, first.end, salt) is not None:
            return salt
    return None


def _crc32_start(data: bytes, checksum: int) -> int:
    """Return the start value with which the crc32 of `data` is `checksum`."""
    table = [zlib.crc32(bytes([n]), 0xFFFFFFFF) ^ 0xFFFFFFFF for n in range(256)]
    by_top = {value >> 24: n for n, value in enumerate(table)}
    register = checksum ^ 0xFFFFFFFF
    for byte in reversed(data):
        n = by_top[register >> 24]
        register = ((register ^ table[n]) << 8 | (n ^ byte)) & 0xFFFFFFFF
    return register ^ 0xFFFFFFFF
