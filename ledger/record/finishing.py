"""Finishing runs from outside: `ledger finish RUN` ends a shared run or takes up what a dead process left."""

from typing import NamedTuple

from ledger.errors import InvalidValue, LedgerError, NoSuchRun
from ledger.record import seal, standing
from ledger.store import fold, journal
from ledger.store.tree import Tree


class Finished(NamedTuple):
    """What finishing a run did: its status now, the rows, charts and predictions sealed, the bytes found damaged."""

    run: str
    status: str
    rows: int
    charts: int
    gaps: list[str]
    predictions: int = 0


def finish(tree: Tree, run: str, author: str, status: str | None = None, *, force: bool = False) -> Finished:
    """Seal the journals of a run that nobody holds, and close it if it is open.

    A run begun by `ledger start` becomes `status`, else `finished`; one whose process died becomes `interrupted`.
    Raises InvalidValue for a run that a process holds, and for a `status` other than the one a closed run has.
    """
    if status is not None and status not in seal.STATUSES:
        raise InvalidValue(f"the status {status!r} is none of {', '.join(seal.STATUSES)}")
    standing.refuse_retracted(tree, run)
    found = journal.presence(tree, run)
    closed = standing.is_closed(tree, run)
    if found.held and not closed:
        raise InvalidValue(
            f"the run {run} is running: a process holds its journal",
            hint="it closes the run when it ends; end it first",
        )
    if closed and status is not None and (there := fold.fold(tree, run).status) != status:
        raise InvalidValue(
            f"the run {run} is closed as {there} already, so it does not become {status}",
            hint=f"to say more of it: ledger note {run} TEXT",
        )
    foreign = [path for path in found.foreign if not (force or seal.idle(tree, path))]
    if foreign and not closed:
        raise InvalidValue(
            f"the run {run} has a journal of another machine, written within a day",
            hint=f"if it runs there no more: ledger finish {run} --force",
        )
    dead = bool(found.left or found.foreign) and not _begun_in_shell(tree, found)
    word = status or ("interrupted" if dead else "finished")
    closing = seal.Closing(word, sealer=status is None and dead)
    done = seal.finish(tree, run, author, closing, force=force)
    return Finished(run, fold.fold(tree, run).status, done.rows, done.charts, done.gaps, done.predictions)


def finish_stale(tree: Tree, author: str) -> dict[str, "Finished | LedgerError"]:
    """Finish every run whose process is gone, and shared ones that were idle for a day; what was done, or why not.

    Where a process that joined a shared run died, its rows are sealed and the run stays open.
    """
    done: dict[str, Finished | LedgerError] = {}
    for run in sorted(journal.runs(tree)):
        try:
            found = journal.presence(tree, run)
            in_use = [path for path in found.shared if not seal.idle(tree, path)]
            idle = [path for path in [*found.shared, *found.foreign] if seal.idle(tree, path)]
            closed = standing.is_closed(tree, run)
            if found.held or not (found.left or idle or closed):
                continue
            if in_use and not closed and _begun_in_shell(tree, found):
                taken = [item for path in found.left if (item := seal.take(tree, path)) is not None]
                sealed = seal.seal(tree, run, taken, author)
                done[run] = Finished(run, "open", sealed.rows, sealed.charts, sealed.gaps, sealed.predictions)
            else:
                done[run] = finish(tree, run, author)
        except NoSuchRun:  # a journal that never got its header: put aside, and nothing to say
            continue
        except InvalidValue as error:
            # Somebody else may have taken its journals up since they were looked at, and be through by now.
            if not (journal.presence(tree, run).held or standing.is_closed(tree, run)):
                done[run] = error
        except LedgerError as error:
            done[run] = error
    return done


def _begun_in_shell(tree: Tree, found: journal.Presence) -> bool:
    """Say whether `ledger start` began the run: then only `finish` ends it, whatever dies that joined it."""
    headers = [journal.peek(tree, path) for path in found.shared]
    return any(header is not None and header.owner for header in headers)
