"""How a ledger or a run is opened from Python: `ledger.open`, `ledger.start`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ledger.api.ledger import Ledger
from ledger.api.mode import is_disabled
from ledger.errors import InvalidValue, NoLedger
from ledger.format import layout, names
from ledger.store import tree as trees
from ledger.store.tree import Tree

if TYPE_CHECKING:
    from ledger.record.run import Run


def start(
    name: str | None = None,
    *,
    params: Any = None,
    tags: Sequence[str] = (),
    group: str | None = None,
    parent: str | None = None,
    seed: int | None = None,
    note: str | None = None,
    resume: str | None = None,
    step: int | None = None,
    directory: str | None = None,
    join: bool = True,
) -> Run:
    """Open a run and return it; use it as a context manager, or call `finish()`.

    Under LEDGER_RUN it joins that run instead (adds `params` and `tags`, never closes it); under LEDGER_MODE=disabled
    every call does nothing.

    Args:
        name: what the run is called; many runs may share a name. The script's name if left out.
        params: a mapping, dataclass or argparse namespace; nesting and JSON types are kept.
        tags: labels such as "cv".
        group: what this run belongs to, such as a sweep.
        parent: the run (any selector) this one comes from.
        seed: the random seed.
        note: free text.
        resume: a run (any selector) to begin a new attempt of; from `step` on, if given, it replaces the earlier ones.
        directory: where the ledger is; LEDGER_DIR, or the nearest `.ledger`, if left out. Made if there is none.
        join: False opens a run of its own under LEDGER_RUN, too, such as one of many that belong to that run.
    """
    if is_disabled():
        from ledger.record.run import DisabledRun

        return DisabledRun(name or "disabled")
    from ledger.record import start as begin

    given = {"params": params, "tags": tags, "group": group, "seed": seed, "note": note}
    joined = os.environ.get("LEDGER_RUN") if join else None
    if resume is not None or joined:
        ledger = open(directory)
        parent = None if parent is None else ledger.resolve(parent)
        if resume is not None:
            return begin.resume(ledger.tree, ledger.resolve(resume), name, step=step, parent=parent, **given)
        return begin.join(ledger.tree, ledger.resolve(joined or ""), name, parent=parent, **given)
    if step is not None:
        raise InvalidValue("step= goes with resume=", hint='ledger.start(resume="baseline", step=10)')
    tree = writable(directory)
    parent = None if parent is None else Ledger(tree).resolve(parent)
    return begin.start(tree, name, parent=parent, **given)


def open_here() -> list[Run]:
    """Return the runs that this process has open, the oldest first: those that it began, joined or resumed."""
    from ledger.record import ending

    return list(ending.open_runs.values())


def open(path: str | None = None, *, rev: str | None = None) -> Ledger:
    """Return the ledger at `path`, at LEDGER_DIR, or the nearest above the current folder; raises NoLedger.

    With `rev`, as that commit, branch or tag has it, also in a bare repository; raises NoSuchRevision and Undecided.
    """
    path = path or os.environ.get("LEDGER_DIR") or None
    try:
        found = Ledger(Tree(trees.locate(os.getcwd(), path)))
    except NoLedger:
        if rev is None:
            raise
        from ledger.api import revisions

        return Ledger(revisions.find(path or os.getcwd(), rev))
    return found if rev is None else found.at(rev)


def open_for(words: Sequence[str]) -> Ledger:
    """Return the ledger here for a difference of revisions; where there is none, what the revisions tell of it.

    In a work tree without a ledger it is one without runs; in a bare repository that of the last revision named.
    """
    try:
        return open()
    except NoLedger:
        if os.environ.get("LEDGER_DIR"):
            raise
        from ledger.api import revisions

        named = [rev for word in words for rev in word.replace("...", "..").removeprefix("rev:").split("..") if rev]
        found = revisions.find(os.getcwd(), named[-1].partition(":")[0] if named else "HEAD")
        top = found.repository.top
        return Ledger(found) if top is None else Ledger(Tree(os.path.join(top, found.prefix, layout.FOLDER)))


def open_runs(words: Sequence[str], rev: str | None = None) -> Ledger:
    """Return the ledger here, or as `rev` has it; in a bare repository that of a revision which names a run."""
    try:
        return open(rev=rev)
    except NoLedger:
        named = [at for word in words if (at := names.split_revision(word)[0]) is not None]
        if rev is not None or not named:
            raise
        return open(rev=named[-1])


def writable(path: str | None = None, start: str | None = None) -> Tree:
    """Return where to write: as `open` finds it, else a new place at the git root or in the current folder."""
    start = start or os.getcwd()
    path = path or os.environ.get("LEDGER_DIR") or None
    return Tree(trees.named(path) if path else trees.find(start) or trees.place(start))


def writable_ledger() -> Ledger:
    """Return the ledger to write to: as `open` finds it, else one that the first write makes."""
    return Ledger(writable())


def make(directory: str | None = None) -> tuple[str, bool]:
    """Make a ledger; return its folder and whether it is new."""
    from ledger.record import start as begin

    if directory is not None and not os.path.isdir(directory):
        raise InvalidValue(f"there is no folder {directory}", hint=f"mkdir -p {directory}")
    tree = writable(directory)
    return tree.root, begin.prepare(tree)


def start_shared(
    name: str,
    *,
    params: Any = None,
    tags: Sequence[str] = (),
    group: str | None = None,
    parent: str | None = None,
    seed: int | None = None,
    note: str | None = None,
) -> str:
    """Open a run that no process holds, as shell scripts do; return its id. `Ledger.finish` closes it."""
    from ledger.record import start as begin

    tree = writable()
    parent = Ledger(tree).resolve(parent) if parent is not None else None
    return begin.start_shared(tree, name, params=params, tags=tags, group=group, parent=parent, seed=seed, note=note)


def run_program(
    command: list[str], *, name: str | None = None, keep_output: bool = True, **given: Any
) -> tuple[str, int]:
    """Run a command as a run of its own; return the run's id and the command's exit status.

    `given` is what `start` takes: params, tags, group, parent, seed, note.
    """
    from ledger.record import program
    from ledger.record import start as begin

    if is_disabled():
        from ledger.record.run import DisabledRun

        return "disabled", program.run_program(DisabledRun("disabled"), "", command, keep_output=False)
    tree = writable()
    if given.get("parent") is not None:
        given["parent"] = Ledger(tree).resolve(given["parent"])
    run = begin.start(tree, name or program.name_of(command), program=command, **given)
    return run.id, program.run_program(run, tree.root, command, keep_output=keep_output, named=name is not None)
