"""What adds labels that came late to a ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.store.tree import Tree

if TYPE_CHECKING:
    import datetime

    from ledger.api.labels import Added
    from ledger.store.catalog import Catalog


class Labelling:
    """The part of `Ledger` that takes labels."""

    tree: Tree

    @property
    def catalog(self) -> Catalog:
        """The states of all runs, as of now."""
        raise NotImplementedError

    def author(self) -> str:
        """Return who writes."""
        raise NotImplementedError

    def add_labels(
        self,
        source: Any,
        on: str = "id",
        *,
        label: str = "label",
        split: str | None = None,
        at: str | datetime.date | None = None,
        reason: str | None = None,
        dry_run: bool = False,
    ) -> Added:
        """Add labels that came late: predictions that were logged with these ids get their y_true from them.

        Of an id, the label that was known last counts; rows without an id or a label are left out, and labels that are
        here already are not added again. Raises InvalidValue; then nothing was written.

        Args:
            source: a CSV, TSV or Parquet file, or a DataFrame.
            on: its column of ids: whole numbers or text.
            label: its column of labels.
            split: of predictions of this split only; without it, of any.
            at: when they were known, if not now: a date (its beginning in UTC), a text such as "2026-11-01", a time.
            reason: why; kept with them.
            dry_run: check, and write nothing.
        """
        from ledger.api import labels

        return labels.add(self, source, on=on, label=label, split=split, at=at, reason=reason, dry_run=dry_run)
