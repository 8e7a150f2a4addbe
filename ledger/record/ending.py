"""The runs that this process has open, and what becomes of them when it ends, is ended, or forks.

At exit they are closed: as finished, as failed, or as interrupted after Ctrl-C. SIGTERM closes them as interrupted and
then does what it does to any process. Whatever goes wrong here is said in a line: the journals keep the rows.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from ledger.errors import LedgerError

if TYPE_CHECKING:
    from ledger.record.run import Run

PATIENCE_S = 10.0  # how long SIGTERM waits for a call that has begun; then somebody else has to seal
open_runs: dict[int, Run] = {}


def add(run: Run) -> None:
    """Remember a run that is open, and watch for SIGTERM where nobody else does and we may."""
    open_runs[id(run)] = run
    if _may_handle() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)


def discard(run: Run) -> None:
    """Forget a run that is closed; after the last one SIGTERM is as it was."""
    open_runs.pop(id(run), None)
    if not open_runs:
        _let_sigterm_go()


@contextmanager
def shielded() -> Iterator[None]:
    """Let Ctrl-C wait until this is done: for the moment between a lock that is taken and the one who lets it go."""
    before = signal.getsignal(signal.SIGINT) if _may_handle() else None
    if before is None or isinstance(before, int):  # in another thread, ignored, or not Python's
        yield
        return
    came: list[Any] = []
    signal.signal(signal.SIGINT, lambda *given: came.append(given))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            before(*came[-1])


def _may_handle() -> bool:
    return threading.current_thread() is threading.main_thread()


def _let_sigterm_go() -> None:
    if _may_handle() and signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    """Close the runs as interrupted; then let the signal end the process, as its parent expects.

    A second signal does not wait for that: the journals keep the rows.
    """
    signal.signal(number, signal.SIG_DFL)
    if _in_call(frame):
        # The call must come to its end: it holds its run's lock. No threading.Thread: starting one takes a lock, too.
        _thread.start_new_thread(_end, (number,))
    else:
        _end(number)


def _end(number: int) -> None:
    for run in list(open_runs.values()):
        if run.hold(PATIENCE_S):
            _finish(run, "interrupted", f"ended by {signal.Signals(number).name}")
    os.kill(os.getpid(), number)


def _in_call(frame: FrameType | None) -> bool:
    """Say whether a call of ours is on the stack."""
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] == "ledger":
            return True
        frame = frame.f_back
    return False


def _at_exit() -> None:
    """Close the runs that a script forgot: by what it said of them before, else by how the script ended."""
    if not open_runs:
        return
    last = getattr(sys, "last_value", None) or getattr(sys, "last_exc", None)
    status = "finished" if last is None else "interrupted" if isinstance(last, KeyboardInterrupt) else "failed"
    error = None if last is None else describe(last)
    for run in list(open_runs.values()):
        _finish(run, status, error)
    if status == "interrupted":
        # Python ends itself by SIGINT unless code of a text ran since, as loading Arrow does: a shell loop would go on.
        try:
            exec("raise KeyboardInterrupt")
        except KeyboardInterrupt:
            pass


def describe(error: BaseException) -> str:
    """Return the last line of a traceback, redacted and not too long."""
    from ledger.record.redact import redact_text

    text = f"{type(error).__name__}: {error}".strip().rstrip(":")
    return redact_text(text[:500].encode("utf-8", "backslashreplace").decode())


def _finish(run: Run, status: str, error: str | None) -> None:
    """Close a run by the word that was given for it before, else by this one; a failure is said, not raised."""
    try:
        if run.asked is None:
            run.finish(status, error=error)
        else:
            run.finish(run.asked.status, exit_status=run.asked.exit_status, error=run.asked.error)
    except LedgerError as fault:
        lost = run.let_rows_through()
        _say(f"ledger: {fault}" + (f"\n        lost with this process: {', '.join(lost)}" if lost else ""))
    except BaseException as fault:  # a second Ctrl-C too: nobody is left to raise to
        _say(
            f"ledger: the run {run.id} is not closed ({type(fault).__name__}: {fault}); its journal keeps the rows\n"
            f"        ledger finish {run.id}"
        )


def _say(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - there is nobody left to raise to
    except (AttributeError, OSError, RuntimeError, ValueError):  # stderr is closed, or in the middle of a write
        pass


def _after_fork_in_child() -> None:
    """Let go of the parent's journals at once, so that a child that never logs does not keep them locked."""
    for run in list(open_runs.values()):
        run.let_go()
    open_runs.clear()
    _let_sigterm_go()


atexit.register(_at_exit)
os.register_at_fork(after_in_child=_after_fork_in_child)
