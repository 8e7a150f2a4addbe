"""ledger: experiment results as files that only grow, committed beside the code.

import ledger
with ledger.start("baseline", params={"lr": 1e-3}) as run:
    run.log({"train/loss": 0.3, "val/auc": 0.91}, step=1)
print(ledger.open().runs())
"""

from ledger.api import Ledger, LoggedRun, open, start
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
