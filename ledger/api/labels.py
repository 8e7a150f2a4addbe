"""Labels that come late: what is asked for is checked, held against what is here, then written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.errors import Damage, LedgerError, NoSuchPredictions, warn
from ledger.format import ids
from ledger.record import labels
from ledger.table import label_coverage, label_log
from ledger.table.label_coverage import Coverages

if TYPE_CHECKING:
    from ledger.api.attached import Attached
    from ledger.api.labelling import Labelling


class Added(NamedTuple):
    """What `add_labels` did, or with `dry_run` would do.

    entry: the id of the entry, None with `dry_run`, and where all of it `is_here` already (then `here` is that entry).
    at: known since when (us since 1970). labels: ids with a label. The rest of the file's `rows`: `without_id` have no
    id, `empty` no label, `repeated` say the same again, `contradictions` another label for the same id, of which the
    last counts. unmatched: ids that no predictions here have. same, other: ids that had this label, or another, before.
    """

    entry: str | None
    here: str | None
    split: str | None
    at: int | None
    rows: int
    labels: int
    without_id: int
    empty: int
    repeated: int
    contradictions: list[labels.Contradiction]
    unit: str
    unmatched: int
    splits: list[str | None]
    same: int
    other: int
    unread: int
    dry_run: bool

    def to_json(self) -> dict[str, Any]:
        """Return the document that `ledger labels add --json` prints."""
        shown: dict[str, Any] = {"schema": "ledger.labels-added/1", "dry_run": self.dry_run}
        optional = {"entry": self.entry, "here": self.here, "split": self.split}
        shown |= {name: value for name, value in optional.items() if value is not None}
        if self.at is not None:
            shown["at"] = ids.rfc3339(self.at)
        names = ("rows", "labels", "without_id", "empty", "repeated", "unmatched", "splits", "same", "other")
        shown |= {name: getattr(self, name) for name in names}
        unit = f"{self.unit}s"
        listed = [{"id": c.id, "before": c.before, "label": c.label, unit: c.lines} for c in self.contradictions]
        return {**shown, "contradictions": listed}


def add(
    ledger: Labelling,
    source: Any,
    *,
    on: str,
    label: str,
    split: str | None,
    at: Any,
    reason: str | None,
    dry_run: bool,
) -> Added:
    """Add labels to the log, unless they are here already; see `Ledger.add_labels`."""
    ledger.tree.path("")  # refused by a revision
    checked = labels.check(source, on=on, label=label, split=split, at=at, reason=reason)
    labels.refuse_large(ledger.tree, checked)
    states = ledger.catalog.states()
    found = label_log.against(ledger.tree, states, split, (checked.ids, checked.label), checked.at)
    labels.refuse_other_kind(checked, found.kinds)
    entry, known_since = None, checked.at
    if found.there is None and not dry_run:
        entry = labels.write(ledger.tree, checked, ledger.author())
        known_since = next(one.entry.at_us for one in label_log.listed(ledger.tree).sets if one.id == entry)
    return Added(
        entry=entry, here=found.there, split=split, at=known_since, rows=checked.rows, labels=len(checked.ids.values),
        without_id=checked.without_id, empty=checked.empty, repeated=checked.repeated,
        contradictions=checked.contradictions, unit=checked.unit, unmatched=found.unmatched, splits=found.splits,
        same=found.same, other=found.other, unread=found.unread, dry_run=dry_run,
    )  # fmt: skip


def moment(as_of: Any) -> int | None:
    """Return as of when labels are asked for, the last microsecond of a date; None for now."""
    return None if as_of is None else labels.moment(as_of)


def coverage(ledger: Attached, runs: Sequence[str], where: str | None, split: str | None, as_of: Any) -> Coverages:
    """Return how many labels are in; see `Reading.label_coverage`."""
    moment_us = moment(as_of)
    states = ledger.select(*runs, where=where)
    found, left_out = [], False
    for state in states:
        source = ledger.source(state.id)
        for every in label_coverage.places(state, split):
            try:
                found.append(label_coverage.of_place(source.tree, state, every, moment_us))
            except LedgerError as error:
                if runs:
                    raise
                left_out |= isinstance(error, Damage)
                of = "" if every[0].split is None else f", {every[0].split!r}"
                warn(f"left out: run {state.id}{of}: {error.message}")
    if runs and not found:
        of = "" if split is None else f" of {split!r}"
        raise NoSuchPredictions(f"these runs have no predictions{of}", hint="they are kept by run.log_predictions")
    return Coverages(found, moment_us, left_out)
