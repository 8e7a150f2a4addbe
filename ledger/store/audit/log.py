"""The log, checked: its entries by themselves, what they follow and take out of view, the blobs of labels."""

from __future__ import annotations

from ledger.errors import counted
from ledger.format import entries as form
from ledger.format import layout
from ledger.store.audit.inventory import Inventory
from ledger.store.audit.runs import Runs
from ledger.store.entries import Read

_ID = slice(-21, -5)  # where the id stands in an entry's file name


def check(there: Inventory, runs: Runs) -> None:
    """Check the entries of the log and what their columns hold; what they say of blobs goes to `runs.named`."""
    by_folder: list[tuple[str, list[Read]]] = []
    for folder in there.log:
        found = [read for name, thing in folder.entries.items() if (read := runs.entry(folder, name, thing))]
        by_folder.append((folder.path, found))
        for read in found:
            if isinstance(read.entry, form.Labels):
                _labels(there, runs, f"{folder.path}/{read.name}", read.entry)
    _history(there, by_folder)
    if any(isinstance(read.entry, form.Labels) for _, found in by_folder for read in found):
        _columns(there, runs, by_folder)


def _labels(there: Inventory, runs: Runs, path: str, entry: form.Labels) -> None:
    # What a column may be comes with arrays.
    from ledger.format.predictions import label_fault

    for name, column in entry.columns.items():
        runs.blob(path, column.blob, "parquet", None, "")
        if name in ("ids", "label") and (wrong := label_fault(name, column.dtype)):
            there.note("invalid-entry", path, f"of its column {name!r}: {wrong}")
    if entry.at > runs.future:  # both have one form, so texts compare as times
        there.note("future-time", path, f"its labels were known at {entry.at}, more than a day ahead of now")


def _history(there: Inventory, by_folder: list[tuple[str, list[Read]]]) -> None:
    known = {name[_ID] for folder in there.log for name in folder.entries}
    missing = sorted({id for _, found in by_folder for read in found for id in read.entry.after} - known)
    if missing:
        followed = counted(len(missing), "entry", "entries")
        text = f"it lacks {followed} that others followed, such as {missing[0]!s:.40}"
        there.note("incomplete-history", layout.LOG, text)
    for folder, found in by_folder:
        for read in found:
            if isinstance(read.entry, form.Retract) and read.entry.target not in known:
                text = f"it takes {read.entry.target!s:.80} out of view, which is not here"
                there.note("unknown-target", f"{folder}/{read.name}", text)


def _columns(there: Inventory, runs: Runs, by_folder: list[tuple[str, list[Read]]]) -> None:
    # Decoding columns needs arrays.
    from ledger.store.audit.rows import RowCheck

    for folder, found in by_folder:
        check = RowCheck(there.tree, folder, "", 0)
        check.predictions(found, runs.decoded)
        there.findings += check.findings
