"""The check of a whole ledger: everything is read once, in bounded memory; nothing stops it, and it changes nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ledger.errors import DamagedFile
from ledger.format import layout
from ledger.store.audit import exposure, log
from ledger.store.audit.findings import Report, in_order
from ledger.store.audit.hashes import Hashes, Progress
from ledger.store.audit.inventory import Inventory, RunFolder
from ledger.store.audit.journals import Journals
from ledger.store.audit.runs import Runs, is_settled
from ledger.store.tree import Tree

_THREADS = 2
_DAY_US = 86_400 * 1_000_000
_EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # sha256 of nothing


def verify(
    tree: Tree,
    *,
    fast: bool = False,
    rows: bool = False,
    redact: exposure.Redaction | None = None,
    tracked: Sequence[str] = (),
    progress: Progress | None = None,
    now: int | None = None,
) -> Report:
    """Check a ledger and report all that is found.

    `fast` looks at names and sizes only, `rows` decodes every segment too, `redact` looks for credentials. `tracked`:
    the paths under `journal/` that git tracks. `progress` is told bytes done and bytes in all. `now`: us since 1970.
    """
    now = time.time_ns() // 1000 if now is None else now
    there = Inventory(tree, now * 1000).take()
    for path in (path for path in tracked if path not in layout.LOCAL_FILES):
        there.note("journal-tracked", path, "git tracks it: a journal is local, and one from a commit is not trusted")
    _constants(there, fast)
    journals = Journals(there, keep_rows=rows)
    journals.check(fast=fast)
    there.take_runs()  # after the journals: what is sealed meanwhile is seen twice rather than not at all
    count = 0
    if fast:
        _sizes(there)
    else:
        with ThreadPoolExecutor(_THREADS, "ledger-verify") as threads:
            hashes = Hashes(there, threads, progress)
            runs = Runs(there, hashes, redact, journals.opened)
            for folder in there.runs:
                runs.check(folder)
                if rows:
                    count += _rows(there, folder, runs, journals)
            log.check(there, runs)
            _blobs(there, runs, journals, redact)
            hashes.finish()
    known = {folder.run for folder in there.runs} | {path.split("/")[1] for path in there.journals}
    entries = sum(len(folder.entries) for folder in [*there.runs, *there.log])
    found = in_order(there.findings)
    return Report(tree.root, there.files, there.bytes, len(known), entries, count if rows else None, found)


def _constants(there: Inventory, fast: bool) -> None:
    """Check the constant files: they keep git from altering or dropping the others."""
    for name, text in layout.FIXED_FILES.items():
        thing, data = there.constants.get(name), text.encode()
        folder = name.rpartition("/")[0]
        try:
            if thing is None:
                if there.tree.is_folder(folder):  # a clone has no folder of journals
                    there.note("constant-file", name, "it is missing; it explains or protects the folder")
            elif thing.size != len(data) or not (fast or there.tree.read(name) == data):
                there.note("constant-file", name, "it is not as ledger writes it")
        except (OSError, DamagedFile) as error:
            there.unreadable(name, error)


def _sizes(there: Inventory) -> None:
    """Look for files that a crash or a full disk has emptied: no entry and no segment is, and one blob only."""
    for folder in [*there.runs, *there.log]:
        for name, thing in (*folder.entries.items(), *folder.segments.items()):
            if not thing.size:
                there.note("hash-mismatch", f"{folder.path}/{name}", "it is empty", folder.run)
    for path, thing in there.blobs.items():
        if not thing.size and _EMPTY not in path:
            there.note("hash-mismatch", path, "it is empty")


def _blobs(there: Inventory, runs: Runs, journals: Journals, redact: exposure.Redaction | None) -> None:
    for path, thing in there.blobs.items():
        name = path.rpartition("/")[2]
        sha256, _, extension = name.partition(".")
        if sha256 not in runs.named and sha256 not in journals.named and is_settled(thing, there):
            there.note("unreferenced", path, "no entry and no journal here names this blob")
        runs.hashes.check(path, thing.size, sha256, runs.named.get(sha256, ()))
        if redact is not None and extension in exposure.TEXT_EXTENSIONS and thing.size <= exposure.TEXT_MAX:
            try:
                line = exposure.in_text(there.tree.read(path), redact)
            except (OSError, DamagedFile):
                continue  # which is said where it is hashed
            if line is not None:
                there.note("secret", path, f"line {line} looks like a credential")


def _rows(there: Inventory, folder: RunFolder, runs: Runs, journals: Journals) -> int:
    # Decoding rows needs arrays.
    from ledger.store.audit.rows import RowCheck

    check = RowCheck(there.tree, folder.path, folder.run, there.now // 1000 + _DAY_US)
    check.check(runs.read, journals.rows.pop(folder.run, []))
    check.predictions(runs.read, runs.decoded)
    there.findings += check.findings
    return check.count
