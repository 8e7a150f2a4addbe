"""What a report says: the difference of two states of the ledger, what the gates say of it, the curves of its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ledger.api import differences, gate
from ledger.derive.rules import Demands
from ledger.table import curves
from ledger.table.changes import LedgerDiff, Side

if TYPE_CHECKING:
    from ledger.api.reading import Reading
    from ledger.derive.gates import Outcome

RUNS_MOST = 30  # whose curves are drawn


class ChangeReport(NamedTuple):
    """A difference, the outcome of the gates (None where there is none or nothing to hold against it), and curves.

    `curves` has the course of each metric by run id and metric key.
    """

    diff: LedgerDiff
    outcome: Outcome | None
    curves: dict[str, dict[str, list[float]]]
    has_gates: bool = False


def report(here: Reading, words: tuple[str, ...]) -> ChangeReport:
    """Say what became of the ledger between the states that the words name, and whether its gates let that pass."""
    ends = differences.ends(here, words)
    found = differences.ledgers(ends, ())
    new = [*found.added, *(change.run for change in found.runs)]
    outcome = None
    if new and ends.new.schema.gates:
        # A gate that names its own baseline is held against that; all others against where the report begins.
        demands = Demands(otherwise=f"rev:{ends.since}")
        outcome = gate.check(ends.new, [state.id for state in new], demands)
        scope = f"runs added or changed since {Side(ends.since, ends.a.commit).label}"
        outcome = msgspec.structs.replace(outcome, scope=scope)
    drawn = {}
    for state in new[:RUNS_MOST]:
        long = [key for key, summary in state.metrics.items() if summary.count > 2]
        if long:
            drawn[state.id] = curves.curves(ends.new.source(state.id), long)
    return ChangeReport(found, outcome, drawn, bool(ends.new.schema.gates))
