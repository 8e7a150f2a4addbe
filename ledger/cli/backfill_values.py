"""The form of `ledger backfill` that is given values: `ledger backfill test/auc=0.62 --run R -m "why"`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ledger.cli.log import number
from ledger.errors import InvalidValue, UsageError

if TYPE_CHECKING:
    from ledger.api import Ledger
    from ledger.derive.outcome import Backfilled


def values_form(ledger: Ledger, words: Sequence[str], given: Mapping[str, Any]) -> Backfilled:
    """Write METRIC=VALUE, several of them, to runs that are closed; `given` are the options of the command."""
    values: dict[str, float | int] = {}
    for word in words:
        name, _, text = word.rpartition("=")
        if not name:
            raise UsageError(f"{word!r} is not METRIC=VALUE")
        if name in values:
            raise InvalidValue(f"metric {name!r} is given twice: {values[name]!r} and {text}")
        values[name] = number(name, text)
    if isinstance(given["step"], str):
        raise UsageError("a value belongs to one step", hint=f"{words[0]} --step N; without it, the run as a whole")
    return ledger.backfill_values(
        values,
        run=given["runs"],
        where=given["where"],
        all=given["every"],
        step=given["step"],
        reason=given["reason"],
        dry_run=given["dry_run"],
    )
