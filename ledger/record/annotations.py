"""What is said of a run afterwards: tags, params, name, note (`annotate`), and taking it out of view (`retract`)."""

from collections.abc import Mapping
from typing import Any

from ledger.errors import NoSuchRun, UsageError
from ledger.format import entries as form
from ledger.format import layout
from ledger.format.entries import Operation
from ledger.record.calls import check_prose
from ledger.record.standing import newest_time, refuse_retracted
from ledger.store import entries, labels
from ledger.store.tree import Tree
from ledger.store.writer import now_us


def annotate(tree: Tree, run: str, operations: list[Operation], author: str, reason: str | None = None) -> str | None:
    """Add an `annotate` entry and return its id; nothing is written where there is nothing to say."""
    if not operations:
        return None
    reason = check_prose("reason", reason)
    refuse_retracted(tree, run)
    found, time = _look(tree, run)
    header = form.header("annotate", run, time, author, entries.heads(found))
    return entries.write(tree, form.Annotate(**header, reason=reason, operations=operations))


def retract(tree: Tree, run: str, author: str, reason: str | None = None, *, target: str | None = None) -> str:
    """Take a run, or one entry of it, out of every view; its files stay. Returns the id of the entry that says so.

    Without a run (empty) the target is an entry of the log.
    """
    reason = check_prose("reason", reason)
    found, time = _look(tree, run)
    target = target or run
    if target in entries.retracted(found):
        raise UsageError(f"{target} is out of view already", hint=f"bring it back with: ledger restore {target}")
    header = form.header("retract", run, time, author, entries.heads(found))
    return entries.write(tree, form.Retract(**header, target=target, reason=reason))


def restore(tree: Tree, run: str, author: str, reason: str | None = None, *, target: str | None = None) -> list[str]:
    """Retract every retraction of a run, or of one entry of it, that is known here.

    Returns the ids of the entries that say so.
    """
    reason = check_prose("reason", reason)
    found, time = _look(tree, run)
    gone = entries.retracted(found)
    if (target or run) not in gone:
        what = f"the run {run}" if target is None else f"the entry {target}"
        raise UsageError(f"{what} is in view; there is nothing to restore")
    target = target or run
    against = [
        r.id for r in found if isinstance(r.entry, form.Retract) and r.entry.target == target and r.id not in gone
    ]
    after = entries.heads(found)
    written = []
    for offset, id in enumerate(against):
        header = form.header("retract", run, time + offset, author, after)
        written.append(entries.write(tree, form.Retract(**header, target=id, reason=reason)))
        after = [written[-1]]
    return written


def _look(tree: Tree, run: str) -> tuple[list[entries.Read], int]:
    if not run:
        log = labels.read(tree).read
        return log, max(now_us(), *(read.entry.time_us + 1 for read in log)) if log else now_us()
    found = entries.read_all(tree, layout.run_folder(run), run).read
    if not found:
        raise NoSuchRun(f"there is no run {run}")
    return found, max(now_us(), newest_time(tree, run) + 1)


def tag_operations(tags: list[str]) -> list[Operation]:
    """Return the operations of words such as `star`, `+star` or `-old`."""
    operations = []
    for word in tags:
        remove = word.startswith("-")
        operations.append(Operation("remove" if remove else "add", word[1:] if word[:1] in "+-" else word))
    return operations


def set_operation(key: str, value: Any) -> Operation:
    """Return the operation that sets a key such as `note`, `name` or `params.lr`."""
    return Operation("set", key, check_prose("note", value) if key == "note" else value)


def param_operations(params: Mapping[str, Any], prefix: str = "params.") -> list[Operation]:
    """Return one operation a param, nested ones dotted: branches that set different ones must not clash."""
    operations = []
    for key, value in params.items():
        if isinstance(value, dict) and value:
            operations += param_operations(value, f"{prefix}{key}.")
        else:
            operations.append(Operation("set", prefix + key, value))
    return operations
