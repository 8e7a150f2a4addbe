"""The form of `ledger backfill` that reads a table of values: `ledger backfill --csv FILE --match name`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ledger.api import Ledger
    from ledger.derive.outcome import Backfilled


def table_form(ledger: Ledger, metrics: Sequence[str], given: Mapping[str, Any]) -> Backfilled:
    """Write the values of a CSV, TSV or Parquet file to the runs that one of its columns names."""
    return ledger.backfill_table(
        given["table"],
        given["match"],
        metrics,
        reason=given["reason"],
        force=given["force"],
        dry_run=given["dry_run"],
    )
