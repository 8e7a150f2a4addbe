"""ledger: experiment results as files that only grow, committed beside the code.

    import ledger
    with ledger.start("baseline", params={"lr": 1e-3}) as run:
        run.log({"train/loss": 0.3, "val/auc": 0.91}, step=1)
    print(ledger.open().runs())

The names are loaded when they are first used: a shell loop that calls `ledger log` pays for what it needs alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ledger.api.ledger import Ledger
    from ledger.api.logged import LoggedRun
    from ledger.api.opening import open, start
    from ledger.errors import LedgerError, LedgerWarning
    from ledger.format.values import Undefined
    from ledger.record.run import Run

__version__ = "0.1.0"

__all__ = [
    "Ledger",
    "LedgerError",
    "LedgerWarning",
    "LoggedRun",
    "Run",
    "Undefined",
    "__version__",
    "open",
    "start",
]

_HOMES = {
    "Ledger": "ledger.api.ledger",
    "LedgerError": "ledger.errors",
    "LedgerWarning": "ledger.errors",
    "LoggedRun": "ledger.api.logged",
    "Run": "ledger.record.run",
    "Undefined": "ledger.format.values",
    "open": "ledger.api.opening",
    "start": "ledger.api.opening",
}


def __getattr__(name: str) -> Any:
    """Load a public name on its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'ledger' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
