"""What can go wrong, in one tree; every layer raises these and the command line turns them into exit codes.

    LedgerError
    ├── UsageError            2   the call itself is wrong
    │   ├── InvalidValue          a metric value, step or context that cannot be stored
    │   ├── InvalidName           a metric, run, chart or tag name that cannot be stored
    │   ├── InvalidParam          a parameter that has no JSON form
    │   ├── InvalidFilter         a filter, column or sort expression that does not parse
    │   ├── InvalidSchema         a `.ledger-schema` that cannot be read
    │   ├── RunRetracted          writing to a run that was removed from view
    │   └── RunFinished           writing through a `Run` object that has been finished
    ├── Undecided             3   no answer can be given: never a pass
    ├── NotFound              4   what was asked for is not here
    │   ├── NoLedger              no `.ledger` here or above
    │   ├── NoSuchRun             no run of that name or id
    │   ├── AmbiguousRun          more than one run fits
    │   ├── NoSuchRevision        no commit, branch or tag of that name, or it has no ledger
    │   ├── NoSuchMetric          the run has no such metric
    │   ├── NoSuchChart           the run has no such chart
    │   ├── NoSuchPredictions     the run has no such predictions
    │   └── NoSuchEntry           no entry of that id, or several that begin so
    ├── Damage                5   a file that had to be read cannot be trusted
    │   ├── DamagedFile           its bytes are not what its name or its reader promises
    │   └── NewerFormat           written by a newer version of ledger
    └── StorageFault         74   the disk refused: rows are kept in memory until they can be written

Each class has a stable kebab-case `code` (codes are only ever added) and an `exit_code`; each error has a message
saying what happened with the values at hand, and may have a `hint`: what to type next.
"""

from __future__ import annotations

import sys
import warnings

__all__ = [
    "AmbiguousRun",
    "Damage",
    "DamagedFile",
    "InvalidFilter",
    "InvalidName",
    "InvalidParam",
    "InvalidSchema",
    "InvalidValue",
    "LedgerError",
    "LedgerWarning",
    "NewerFormat",
    "NoLedger",
    "NoSuchChart",
    "NoSuchEntry",
    "NoSuchMetric",
    "NoSuchPredictions",
    "NoSuchRevision",
    "NoSuchRun",
    "NotFound",
    "RunFinished",
    "RunRetracted",
    "StorageFault",
    "Undecided",
    "UsageError",
]


# What to type where a committed file is damaged: files are never changed, so git's copy is the file.
RESTORE = "bring it back from git, or see what is gone: ledger repair"


class LedgerWarning(UserWarning):
    """Something the user should know that does not stop the work."""


def counted(count: int, one: str, many: str) -> str:
    """Write a count with its noun: `1 entry`, `2 entries`."""
    return f"{count} {one if count == 1 else many}"


def warn(message: str) -> None:
    """Give a LedgerWarning that points at the user's line, however deep in ledger it arose."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "ledger":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, LedgerWarning, stacklevel=level)


class LedgerError(Exception):
    """The root of every error that ledger raises on purpose."""

    code = "ledger-error"
    exit_code = 70

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """The message, and the hint on a line of its own."""
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(LedgerError):
    """The call itself is wrong; nothing was written."""

    code = "usage"
    exit_code = 2


class InvalidValue(UsageError):
    """A metric value, step or context that cannot be stored."""

    code = "invalid-value"


class InvalidName(UsageError):
    """A metric, run, chart or tag name that cannot be stored."""

    code = "invalid-name"


class InvalidParam(UsageError):
    """A parameter that has no JSON form."""

    code = "invalid-param"


class InvalidFilter(UsageError):
    """A filter, column or sort expression that does not parse."""

    code = "invalid-filter"


class InvalidSchema(UsageError):
    """A `.ledger-schema` that cannot be read; the message names line and key."""

    code = "invalid-schema"


class RunRetracted(UsageError):
    """Writing to a run that was removed from view."""

    code = "run-retracted"


class RunFinished(UsageError):
    """Writing through a `Run` object that has been finished."""

    code = "run-finished"


class Undecided(LedgerError):
    """No answer can be given; it never counts as a pass."""

    code = "undecided"
    exit_code = 3


class NotFound(LedgerError):
    """What was asked for is not here."""

    code = "not-found"
    exit_code = 4


class NoLedger(NotFound):
    """There is no `.ledger` in this folder or above it."""

    code = "no-ledger"


class NoSuchRun(NotFound):
    """No run of that name or id."""

    code = "no-such-run"


class AmbiguousRun(NotFound):
    """More than one run fits."""

    code = "ambiguous-run"


class NoSuchRevision(NotFound):
    """No commit, branch or tag of that name, or it has no ledger."""

    code = "no-such-revision"


class NoSuchMetric(NotFound):
    """The run has no such metric."""

    code = "no-such-metric"


class NoSuchChart(NotFound):
    """The run has no such chart."""

    code = "no-such-chart"


class NoSuchPredictions(NotFound):
    """The run has no predictions of that split, step or context."""

    code = "no-such-predictions"


class NoSuchEntry(NotFound):
    """No entry of that id, or more than one whose id begins so."""

    code = "no-such-entry"


class Damage(LedgerError):
    """A file that had to be read cannot be trusted."""

    code = "damage"
    exit_code = 5


class DamagedFile(Damage):
    """A file whose bytes are not what its name or its reader promises."""

    code = "damaged-file"


class NewerFormat(Damage):
    """A file written by a newer version of ledger."""

    code = "newer-format"


class StorageFault(LedgerError):
    """The disk refused a write; nothing that was acknowledged is given up."""

    code = "storage-fault"
    exit_code = 74
