"""The Python way in: `start` and `open`, the `Ledger` and its runs. Each method names
the one function that does the work.

Nothing here prints. What only some calls need is imported by those calls, since `import ledger` and every
`ledger log` pay for what stands at the top of a module.
"""

from typing import TYPE_CHECKING, Any

from ledger.api.ledger import Ledger
from ledger.api.logged import LoggedRun
from ledger.api.opening import make, open, run_program, start, start_shared, writable_ledger
from ledger.record.adding import Call, ChartFile
from ledger.record.run import check_rows

if TYPE_CHECKING:
    from ledger.record.finishing import Finished
    from ledger.schema import Schema
    from ledger.store.state import RunState


def check_call(call: Call) -> Any:
    """Raise InvalidName or InvalidValue for metrics that could not be logged."""
    return check_rows(*call)


__all__ = [
    "Call",
    "ChartFile",
    "Finished",
    "Ledger",
    "LoggedRun",
    "RunState",
    "Schema",
    "check_call",
    "make",
    "open",
    "run_program",
    "start",
    "start_shared",
    "writable_ledger",
]
