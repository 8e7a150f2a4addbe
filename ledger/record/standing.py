"""How a run stands: closed or not, in view or not, which attempt, how new. From the names of its files where they
suffice: a shell loop on an open run decodes no entry.
"""

from __future__ import annotations

from ledger.errors import RunRetracted
from ledger.format import ids, layout
from ledger.store import journal
from ledger.store.tree import Tree


def kinds(tree: Tree, run: str) -> set[str]:
    """Return the kinds of entries that a run has, by the names of its files."""
    names = tree.names(layout.run_folder(run))
    return {parts.kind for name in names if (parts := layout.parse_entry_name(name)) is not None}


def is_closed(tree: Tree, run: str) -> bool:
    """Say whether a run is closed."""
    if "close" not in kinds(tree, run):
        return False
    from ledger.store import fold

    return fold.is_closed(tree, run)


def refuse_retracted(tree: Tree, run: str) -> None:
    """Raise RunRetracted for a run that was removed from view."""
    if "retract" not in kinds(tree, run):
        return
    from ledger.store import entries

    if run in entries.retracted(entries.read_all(tree, layout.run_folder(run), run).read):
        raise RunRetracted(f"the run {run} was removed from view", hint=f"bring it back first: ledger restore {run}")


def attempt_of(tree: Tree, run: str) -> int:
    """Return the number of a run's current attempt."""
    if "resume" not in kinds(tree, run):
        return 1
    from ledger.store import entries, fold

    found = entries.read_all(tree, layout.run_folder(run), run).read
    numbers = [a.number for a in fold.attempts(found, entries.retracted(found))]
    return max(numbers, default=1)


def newest_time(tree: Tree, run: str) -> int:
    """Return the newest time that a run's entries and journals know (us), from names and tails alone."""
    names = tree.names(layout.run_folder(run))
    stamps = [parts.stamp for name in names if (parts := layout.parse_entry_name(name)) is not None]
    newest = journal.last_time(tree, run)
    for stamp in sorted(stamps, reverse=True):
        try:
            return max(newest, ids.parse_stamp(stamp))
        except ValueError:  # a file that somebody named like an entry
            continue
    return newest
