"""One entry taken back, and brought back: values, annotations, a resumed attempt, or labels. Its file stays."""

from ledger.errors import NoSuchEntry, UsageError
from ledger.format import entries as form
from ledger.record import annotations, standing
from ledger.store import entries, labels
from ledger.store.tree import Tree

_OTHERS = {
    "open": "it opened the run; to take the whole run out of view: ledger rm {run}",
    "close": "it closed the run; to go on with it: ledger.start(resume={run!r}); its values are in other entries",
}


def check(tree: Tree, run: str, id: str) -> None:
    """Raise UsageError, or RunRetracted, where an entry of a run (empty: of the log) is not one to take back."""
    if run:
        standing.refuse_retracted(tree, run)
    folder = tree.folder_of(run) if run else ""
    found = entries.read_all(tree, folder, run).read if run else labels.read(tree).read
    read = next((read for read in found if read.id == id), None)
    if read is None:
        raise NoSuchEntry(f"there is no entry {id}")
    if isinstance(read.entry, form.Retract):
        target = read.entry.target
        raise UsageError(f"the entry {id} took {target} out of view", hint=f"bring that back: ledger restore {target}")
    if read.entry.kind in _OTHERS:
        said = _OTHERS[read.entry.kind].format(run=run).partition("; ")
        raise UsageError(f"the entry {id} is not one to revert: {said[0]}", hint=said[2])
    if id in entries.retracted(found):
        raise UsageError(f"the entry {id} is out of view already", hint=f"bring it back with: ledger restore {id}")


def revert(tree: Tree, run: str, id: str, author: str, reason: str | None = None) -> str:
    """Take an entry out of every view: values before it are shown again. Returns the id of the entry that says so."""
    check(tree, run, id)
    return annotations.retract(tree, run, author, reason, target=id)


def restore(tree: Tree, run: str, id: str | None, author: str, reason: str | None = None) -> list[str]:
    """Bring an entry of a run (empty: of the log) back, or without one the whole run.

    Returns the ids of the entries that say so.
    """
    if run and id is not None:
        standing.refuse_retracted(tree, run)
    return annotations.restore(tree, run, author, reason, target=id)
