"""Entries in the store: written once, read back in order of time, linked to the ones they followed."""

import hashlib
from typing import NamedTuple, TypeVar

from ledger.errors import RESTORE, DamagedFile
from ledger.format import entries, layout
from ledger.store import files
from ledger.store.tree import Tree

E = TypeVar("E", bound=entries.Entry)


class Read(NamedTuple):
    """An entry as it was found: its id, its decoded form, and its file name."""

    id: str
    entry: entries.Entry
    name: str


class Found(NamedTuple):
    """The entries of a run's folder in order of time, and what was skipped and why."""

    read: list[Read]
    notices: list[str]


def write(tree: Tree, entry: entries.Entry) -> str:
    """Write an entry, one without a run into the log; return its id."""
    encoded = entries.encode(entry)
    folder = layout.run_folder(entry.run) if entry.run else layout.log_folder(encoded.name)
    with files.faults(f"write an entry of {_whose(entry.run)}"):
        files.write_whole(tree.path(f"{folder}/{encoded.name}"), encoded.data)
    return encoded.id


def _whose(run: str) -> str:
    return f"run {run}" if run else "the log"


def write_encoded(tree: Tree, run: str, name: str, data: bytes) -> None:
    """Write the bytes of an entry that was encoded before: the `open` entry, which the journal keeps too.

    Its name need not be brought to the disk: sealing does so, and writes it again if a power cut took it.
    """
    with files.faults(f"write an entry of run {run}"):
        files.write_whole(tree.path(f"{layout.run_folder(run)}/{name}"), data, settle=False)


def read_all(tree: Tree, folder: str, run: str, names: list[str] | None = None) -> Found:
    """Read the entries of a run's folder, or with an empty `run` of a folder of the log.

    Raises DamagedFile or NewerFormat where one cannot be trusted; an entry of an unknown kind is skipped and noted.
    """
    found, notices = [], []
    for name in names if names is not None else tree.names(folder):
        parts = layout.parse_entry_name(name)
        if parts is None:
            continue
        path = f"{folder}/{name}"
        data = tree.read(path, entries.JSON_MAX)
        if hashlib.sha256(data).hexdigest()[:16] != parts.id:
            raise DamagedFile(f"{path} is damaged: its bytes do not have the sha256 in its name", hint=RESTORE)
        entry = entries.decode(data, path)
        if entry is None:
            notices.append(f"{name}: an entry of the unknown kind {parts.kind!r} was skipped")
        elif layout.entry_name(entry.time_us, entry.kind, parts.id) != name:
            raise DamagedFile(f"{path} is misnamed: it is a {entry.kind} entry of {entry.time}", hint=RESTORE)
        elif entry.run != run:
            notices.append(f"{name}: an entry of {_whose(entry.run)} lies in the folder of {run or 'the log'}")
        else:
            found.append(Read(parts.id, entry, name))
    found.sort(key=lambda r: (r.entry.time_us, r.id))
    return Found(found, notices)


def heads(found: list[Read]) -> list[str]:
    """Return the ids that no other entry followed yet: what a new entry names as `after`."""
    followed = {before for read in found for before in read.entry.after}
    return sorted(read.id for read in found if read.id not in followed)


def retracted(found: list[Read]) -> set[str]:
    """Return the targets (entry ids, or the run id) that a retraction not itself retracted takes out of view."""
    targets = {read.id: read.entry.target for read in found if isinstance(read.entry, entries.Retract)}
    # A retraction may be retracted in turn. An entry stands once every retraction of it is known to fall, and falls
    # once one of them is known to stand. What is left then are circles, which honest writers cannot make since an
    # entry names only older ones: they count as in force.
    against: dict[str, int] = {}
    for target in targets.values():
        against[target] = against.get(target, 0) + 1
    in_force: dict[str, bool] = {id: True for id in targets if id not in against}
    queue = list(in_force)
    while queue:
        id = queue.pop()
        target = targets[id]
        if target not in targets or target in in_force:
            continue
        against[target] -= 1
        if in_force[id] or not against[target]:
            in_force[target] = not in_force[id]
            queue.append(target)
    return {target for id, target in targets.items() if in_force.get(id, True)}
