"""Whether anything is to be recorded: LEDGER_MODE."""

import os

from ledger.errors import InvalidValue


def is_disabled() -> bool:
    """Say whether LEDGER_MODE=disabled makes a no-op of recording; raises InvalidValue for another word than `on`."""
    mode = os.environ.get("LEDGER_MODE", "on")
    if mode not in ("", "on", "disabled"):
        raise InvalidValue(f"LEDGER_MODE is {mode!r}", hint="it may be 'on' or 'disabled'")
    return mode == "disabled"
