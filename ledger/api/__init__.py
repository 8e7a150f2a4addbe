"""The Python way in: `start` and `open`, the `Ledger` and its runs. Each method names the one function that works.

Nothing here prints. Names are loaded when they are first used, and what only some calls need is imported by those
calls, since `import ledger` and every `ledger log` pay for what stands at the top of a module.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ledger.api.ledger import Ledger
    from ledger.api.logged import LoggedRun
    from ledger.api.mode import is_disabled
    from ledger.api.opening import (
        make,
        open,
        open_for,
        open_here,
        open_runs,
        run_program,
        start,
        start_shared,
        writable_ledger,
    )
    from ledger.record.calls import Call, ChartFile
    from ledger.record.calls import check as check_call
    from ledger.record.finishing import Finished
    from ledger.schema import Schema
    from ledger.store.state import RunState
    from ledger.table.changes import LedgerDiff
    from ledger.table.diff import RunDiff
    from ledger.table.evolution import MetricHistory
    from ledger.table.history import CellHistory

__all__ = [
    "Call",
    "CellHistory",
    "ChartFile",
    "Finished",
    "Ledger",
    "LedgerDiff",
    "LoggedRun",
    "MetricHistory",
    "RunDiff",
    "RunState",
    "Schema",
    "check_call",
    "is_disabled",
    "make",
    "open",
    "open_for",
    "open_here",
    "open_runs",
    "run_program",
    "start",
    "start_shared",
    "writable_ledger",
]

_HOMES = {
    "Call": "ledger.record.calls",
    "CellHistory": "ledger.table.history",
    "ChartFile": "ledger.record.calls",
    "Finished": "ledger.record.finishing",
    "Ledger": "ledger.api.ledger",
    "LedgerDiff": "ledger.table.changes",
    "LoggedRun": "ledger.api.logged",
    "MetricHistory": "ledger.table.evolution",
    "RunDiff": "ledger.table.diff",
    "RunState": "ledger.store.state",
    "Schema": "ledger.schema",
    "check_call": "ledger.record.calls",
    "is_disabled": "ledger.api.mode",
}


def __getattr__(name: str) -> Any:
    """Load a name on its first use."""
    if name not in __all__:
        raise AttributeError(f"module 'ledger.api' has no attribute {name!r}")
    home = import_module(_HOMES.get(name, "ledger.api.opening"))
    value = globals()[name] = getattr(home, "check" if name == "check_call" else name)
    return value
