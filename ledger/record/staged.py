"""What a commit would take in of a ledger, checked before it does; and what it would leave out.

What is staged is read from git's index, not from the work tree. Nothing is staged, sealed or changed. No row is
decoded: the bytes of a segment are held against its name, no more.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from ledger.errors import DamagedFile, NewerFormat
from ledger.format import entries as form
from ledger.format import layout
from ledger.git import objects
from ledger.git.staging import Change, Staging
from ledger.record import condition, redact, start
from ledger.store import journal
from ledger.store.audit import exposure
from ledger.store.audit.findings import DAMAGE, Finding, finding, in_order
from ledger.store.audit.inventory import PLANTED, REFUSED, WARNED, is_blob_name
from ledger.store.tree import Tree

# What stops a commit besides damage, since it would be there for good; and what to type.
_STOPPING = {
    "secret": "keep it out of the commit: git restore --staged FILE; if it is none: git commit --no-verify",
    "too-large": "keep it out of the commit: git restore --staged FILE",
    "absent": f"git add {layout.FOLDER}",
}
_LINK, _SUBMODULE = "120000", "160000"

Place = tuple[str, str]  # the folder of a ledger, from the top of the work tree; a path or a run in it


class Staged(NamedTuple):
    """What was found. `unsealed` and `unstaged` are runs that have ended and that the commit would leave out, each as
    the folder of its ledger (from the top of the work tree) and its id. Findings have paths from there, too.
    """

    unsealed: list[Place]
    unstaged: list[Place]
    constants: list[Place]  # constant files that are not staged with the rest
    stopping: list[Finding]
    notices: list[Finding]
    files: int  # how many are staged

    @property
    def stops(self) -> bool:
        """Whether the commit should not be made as it is."""
        return bool(self.unsealed or self.unstaged or self.constants or self.stopping)


def check(staging: Staging) -> Staged:
    """Check what is staged in every ledger of a work tree; raises Undecided where git cannot tell."""
    folders = staging.ledgers()
    changes = staging.changes(folders)
    staged = [(place, change) for change in changes.staged if (place := _place(folders, change.path))]
    unstaged = [place for path in changes.unstaged if (place := _place(folders, path))]
    with_staged = {folder for (folder, _), _ in staged}
    unsealed = [(folder, run) for folder in folders for run in _unsealed(_tree(staging, folder))]
    constants = [(folder, path) for folder, path in unstaged if path in layout.CONSTANT_FILES and folder in with_staged]
    forgotten = sorted({(folder, run) for folder, path in unstaged if (run := _run_of(path))})
    # A run that has a journal goes on, or is among the unsealed.
    ended = [(folder, run) for folder, run in forgotten if not journal.paths(_tree(staging, folder), run)]
    found = in_order(list(_findings(staging, staged)))
    stopping = [f for f in found if f.severity == DAMAGE or f.kind in _STOPPING]
    return Staged(unsealed, ended, constants, stopping, [f for f in found if f not in stopping], len(staged))


def _tree(staging: Staging, folder: str) -> Tree:
    return Tree(os.path.join(staging.top, folder))


def _unsealed(tree: Tree) -> list[str]:
    """Return the runs that have ended and are not sealed; none of a ledger that git ignores, which nobody commits."""
    runs = condition.stale(tree)
    return [] if runs and start.ignored(tree) else runs


def _place(folders: Sequence[str], path: str) -> Place | None:
    return next(((f, path.removeprefix(f"{f}/")) for f in folders if path.startswith(f"{f}/")), None)


def _run_of(path: str) -> str | None:
    parts = path.split("/")
    return parts[2] if parts[0] == "runs" and len(parts) == 4 and layout.is_run_folder(parts[2]) else None


def _findings(staging: Staging, staged: Sequence[tuple[Place, Change]]) -> Iterator[Finding]:
    unread: dict[str, list[Place]] = {}  # by object: the same bytes may stand under several names
    named: dict[str, str] = {}  # paths that staged entries name, and such an entry
    for (folder, path), change in staged:
        misfit = _misfit(path, change.mode)
        if misfit is None:
            unread.setdefault(change.object, []).append((folder, path))
        else:
            yield _finding(misfit, folder, path)
    for object, data in objects.contents(staging.top, list(unread), limit=REFUSED):
        for folder, path in unread.pop(object, ()):
            for found in _content(folder, path, data, named):
                yield _finding(found, folder, path)
    for folder, path in (place for places in unread.values() for place in places):
        yield _finding(("too-large", "above the 100 MB that forges take"), folder, path)
    for (path, entry), is_there in zip(named.items(), staging.has(list(named)), strict=True):
        if not is_there:
            text = f"{entry} names it; the commit would have the one without the other"
            yield msgspec.structs.replace(finding("absent", path, text), hint=_STOPPING["absent"])


def _finding(found: tuple[str, str], folder: str, path: str) -> Finding:
    kind, text = found
    made = finding(kind, f"{folder}/{path}", text, _run_of(path))
    return msgspec.structs.replace(made, hint=_STOPPING.get(kind, made.hint))


def _misfit(path: str, mode: str) -> tuple[str, str] | None:
    """Return what is amiss with a file by its name and mode; None for a file of a ledger."""
    parts = path.split("/")
    if mode == _LINK:
        return "link", "a symbolic link: a reader that followed it would leave the ledger"
    if path in layout.CONSTANT_FILES:
        return None
    if mode == _SUBMODULE or any(part.lower() in PLANTED for part in parts):
        return "planted", "a name that git obeys: git commands in this folder could run what it names"
    if parts[0] == layout.JOURNALS:
        return "journal-tracked", "a journal is local, and one from a commit is not trusted"
    name, extension = parts[-1].partition(".")[::2]
    if _run_of(path) and (layout.parse_entry_name(parts[-1]) or layout.parse_segment_name(parts[-1])):
        return None
    if parts[0] == layout.LOG and len(parts) == 3 and layout.parse_entry_name(parts[-1]):
        return None
    if parts[0] == "blobs" and len(parts) == 3 and is_blob_name(name, extension):
        return None
    return "foreign", "no file of a ledger has this name"


def _content(folder: str, path: str, data: bytes, named: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what is amiss with the bytes of a file; add what an entry names to `named`."""
    name = path.rpartition("/")[2]
    if len(data) > WARNED:
        yield "large-file", f"{len(data) / 1e6:.0f} MB, above 50 MB"
    if path in layout.CONSTANT_FILES:
        if data != layout.CONSTANT_FILES[path].encode():
            yield "constant-file", "it is not as ledger writes it"
        return
    entry = layout.parse_entry_name(name)
    head = entry.id if entry else name.partition(".")[0]
    if not hashlib.sha256(data).hexdigest().startswith(head):
        yield "hash-mismatch", "its bytes do not have the sha256 in its name" if data else "it is empty"
    elif entry is not None:
        yield from _entry(folder, path, data, named)
    elif name.partition(".")[2] in exposure.TEXT_EXTENSIONS and len(data) <= exposure.TEXT_MAX:
        line = exposure.in_text(data, _redaction())
        if line is not None:
            yield "secret", f"line {line} looks like a credential"


def _entry(folder: str, path: str, data: bytes, named: dict[str, str]) -> Iterator[tuple[str, str]]:
    name, run = path.rpartition("/")[2], _run_of(path)
    try:
        entry = form.decode(data, path)
        content = json.loads(data)
    except NewerFormat as error:
        yield "newer-format", error.message
        return
    except (DamagedFile, ValueError, RecursionError) as error:
        yield "invalid-entry", str(error).partition("\n")[0]
        return
    for where in exposure.in_entry(content, _redaction()):
        yield "secret", f"{where} looks like a credential"
    if entry is None:
        return
    if layout.entry_name(entry.time_us, entry.kind, name[-21:-5]) != name:
        yield "misnamed", f"it is a {entry.kind} entry of {entry.time}"
    elif entry.run != (run or ""):
        yield "misplaced", f"it is an entry of the run {entry.run!r:.80}" if entry.run else "it is an entry of the log"
    if isinstance(entry, (form.Rows, form.Labels)):
        try:
            for file in _named(entry, path.rpartition("/")[0]):
                named.setdefault(f"{folder}/{file}", name)
        except DamagedFile as error:
            yield "invalid-reference", error.message


def _named(entry: form.Rows | form.Labels, run_folder: str) -> Iterator[str]:
    """Yield the path of each file that an entry names."""
    if isinstance(entry, form.Labels):
        for column in entry.columns.values():
            yield layout.blob_path(column.blob, "parquet")
        return
    for segment in entry.segments:
        yield f"{run_folder}/{layout.segment_name(segment.sha256)}"
    for chart in entry.charts:
        yield layout.blob_path(chart.blob, chart.extension)
    if entry.more_charts is not None:
        yield layout.blob_path(entry.more_charts.blob, "json")
    for predictions in entry.predictions:
        for column in predictions.columns.values():
            yield layout.blob_path(column.blob, "parquet")


def _redaction() -> exposure.Redaction:
    return exposure.Redaction(redact.redact_text, redact.redact_argv, redact.redact_url, redact.hides)
