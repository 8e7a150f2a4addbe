"""Journals as they are found: rows in flight here. Anyone may read one; a sealer takes up those nobody holds.

`writer` appends to them; here they are listed, read, and asked who holds them.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ledger.errors import DamagedFile
from ledger.format import frame, layout
from ledger.format.frame import Header
from ledger.store import files
from ledger.store.tree import Tree

if TYPE_CHECKING:
    from ledger.format.rows import Content


_HEAD_BYTES = 1 << 16  # a header is smaller, unless the params are very many


@cache
def this_host() -> str:
    """Return the name of this machine."""
    return os.uname().nodename


class Loaded(NamedTuple):
    """A journal as it was read: its path under `.ledger`, its header and what it holds."""

    path: str
    header: Header
    content: Content


class Presence(NamedTuple):
    """Which journals of a run are on this machine: `held` by a process, `left` by one that is gone, `shared`."""

    held: list[str]
    left: list[str]
    shared: list[str]
    foreign: list[str]  # begun on another host


def protect(tree: Tree) -> None:
    """Write what keeps the folder of journals out of git, whatever branch is checked out, where it is missing."""
    for name, text in layout.LOCAL_FILES.items():
        if not tree.exists(name):
            files.write_whole(tree.path(name), text.encode())


def paths(tree: Tree, run: str) -> list[str]:
    """Return the journals of a run, relative to `.ledger`."""
    folder = layout.journal_folder(run)
    return [f"{folder}/{name}" for name in tree.names(folder) if name.endswith(".journal")]


def runs(tree: Tree) -> list[str]:
    """Return the ids of the runs that have a journal here."""
    return [run for run in tree.subfolders("journal") if layout.is_run_folder(run) and paths(tree, run)]


def read_header(data: bytes, path: str, *, opened: bool = True) -> tuple[int, Header, int] | None:
    """Return salt, header and where the frames begin; None where a crash cut the header off before any row."""
    if len(data) < frame.PREFIX_SIZE or (not data[0] and not data.strip(b"\0")):  # a power cut may leave zeros
        return None
    salt = frame.decode_prefix(data, path)
    first = frame.frame_at(data, frame.PREFIX_SIZE, salt)
    if first is None:
        if frame.next_frame(data, frame.PREFIX_SIZE, salt) is None:
            return None
        raise DamagedFile(f"{path} has a damaged header")
    return salt, frame.decode_header(first.payload, path, opened=opened), first.end


def load(tree: Tree, path: str) -> Loaded | None:
    """Read a journal; None if it is gone meanwhile, or never got as far as its header."""
    try:
        data = tree.read(path)
    except FileNotFoundError:
        return None
    found = read_header(data, path)
    if found is None:
        return None
    # Here, because writing a journal must not load numpy.
    from ledger.format.rows import decode_journal

    salt, header, start = found
    if path != layout.journal_path(header.run, header.writer):
        raise DamagedFile(f"{path} is the journal of writer {header.writer} of run {header.run}")
    return Loaded(path, header, decode_journal(data, salt, header.writer, header.attempt, start))


def peek(tree: Tree, path: str) -> Header | None:
    """Read the header of a journal and nothing else."""
    try:
        head = tree.read_head(path, _HEAD_BYTES)
        found = read_header(head, path)
        if found is None and len(head) == _HEAD_BYTES:
            found = read_header(tree.read(path), path)
    except FileNotFoundError:
        return None
    return found[1] if found else None


def presence(tree: Tree, run: str) -> Presence:
    """Say who holds the journals of a run on this machine."""
    result = Presence([], [], [], [])
    host = this_host()
    for path in paths(tree, run):
        try:
            header = peek(tree, path)
        except DamagedFile:
            header = None
        except OSError:  # somebody else's, or no file: nobody here can take it up
            result.foreign.append(path)
            continue
        if header is not None and header.shared:  # locked or not: a call of the shell holds it for a moment only
            result.shared.append(path)
        elif files.is_locked(tree.path(path)):
            result.held.append(path)
        elif header is not None and header.host != host:
            result.foreign.append(path)
        else:
            result.left.append(path)
    return result


def last_time(tree: Tree, run: str) -> int:
    """Return the newest time in the journals of a run (us), 0 where there is none; from their ends alone."""
    newest = 0
    for path in paths(tree, run):
        try:
            salt = frame.decode_prefix(tree.read_head(path, frame.PREFIX_SIZE), path)
            last = frame.last_frame(tree.read_tail(path, _HEAD_BYTES), salt)
            if last is None:  # the last frame is longer than that
                last = frame.last_frame(tree.read(path), salt)
        except (FileNotFoundError, DamagedFile):
            continue
        if last is not None:
            newest = max(newest, frame.time_of(last.payload))
    return newest
