"""What is going on in a ledger: unclosed runs, journals left behind, and what git would leave out; for `status`."""

import os
from typing import Any

from ledger.git import place
from ledger.record import start
from ledger.store import fold, journal, labels
from ledger.store.state import RunState
from ledger.store.tree import Tree


def stale(tree: Tree) -> list[str]:
    """Return the ids of unclosed runs whose process is gone, and of closed ones that have a journal left."""
    found = []
    for run in sorted(journal.runs(tree)):
        presence = journal.presence(tree, run)
        if not presence.held and (presence.left or fold.is_closed(tree, run)):
            found.append(run)
    return found


def _labels(tree: Tree) -> tuple[dict[str, Any], list[str]]:
    """Return how many labels came late, in how many entries, the newest known since when; and what is to be said."""
    log = labels.read(tree)
    found, unread = [one.entry for one in log.sets if not one.retracted], [one.notice for one in log.damaged]
    if not found:
        return {}, unread
    counts = {"entries": len(found), "labels": sum(entry.rows for entry in found)}
    return {"labels": {**counts, "newest": max(entry.at for entry in found)}}, unread


def condition(tree: Tree, states: list[RunState]) -> dict[str, Any]:
    """Return what `ledger status` says, as its JSON document."""
    counts: dict[str, int] = {}
    for state in states:
        counts[state.status] = counts.get(state.status, 0) + 1
    came, unread = _labels(tree)
    order = ("running", "open", "interrupted", "failed", "finished")
    return {
        "schema": "ledger.status/1",
        "path": tree.root,
        "runs": {status: counts[status] for status in order if status in counts},
        "unclosed": [{"id": s.id, "name": s.name, "status": s.status} for s in states if s.finished is None],
        "stale": stale(tree),
        **came,
        "notices": [*_notices(tree), *unread],
    }


def _notices(tree: Tree) -> list[str]:
    notices = []
    if place.top(tree.top) is None:
        notices.append("not in a git repository: results are kept, but not versioned")
    elif start.ignored(tree):
        notices.append(
            "git ignores this ledger, so results are not committed: remove the rule for .ledger from .gitignore "
            "(see: git check-ignore -v .ledger/README.md)"
        )
    if other := other_ledger():
        notices.append(f"another program called ledger comes first on PATH ({other}); use: git ledger ...")
    return notices


def other_ledger() -> str | None:
    """Return the `ledger` that comes first on PATH, if it is not ours: there is an accounting program of that name."""
    for folder in os.get_exec_path():
        path = os.path.join(folder, "ledger")
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return None if os.path.exists(os.path.join(folder, "git-ledger")) else path
    return None
