"""How many labels are in: of each run, split and context with predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ledger.format import ids
from ledger.format.names import metric_key
from ledger.store.state import Predictions, RunState
from ledger.store.tree import Tree
from ledger.table import labels
from ledger.table.labels import Coverage

if TYPE_CHECKING:
    import pandas as pd

HEADINGS = ["run", "name", "split", "step", "known", "of", "percent", "contradictions"]


class Covered(NamedTuple):
    """The coverage of one set of predictions of a run: without a step, else of the last."""

    run: str
    name: str
    split: str | None
    context: str | None
    step: int | None
    coverage: Coverage

    @property
    def place(self) -> str:
        """Split and context as one word: `prod{region=eu}`."""
        return metric_key(self.split or "no split", self.context)

    def cells(self) -> list[Any]:
        """Return what `HEADINGS` names."""
        found = self.coverage
        return [self.run, self.name, self.place, self.step, found.known, found.of, found.percent, found.contradictions]


class Coverages(NamedTuple):
    """The coverage of runs, as of a moment (us since 1970) or of now."""

    rows: list[Covered]
    as_of: int | None
    left_out: bool = False  # sets of predictions, or of labels, that are damaged; each was told

    def to_json(self) -> dict[str, Any]:
        """Return the document that `ledger labels coverage --json` prints."""
        shown: dict[str, Any] = {"schema": "ledger.label-coverage/1"}
        if self.as_of is not None:
            shown["as_of"] = ids.rfc3339(self.as_of)
        return {**shown, "predictions": [_json(row) for row in self.rows]}

    def frame(self) -> pd.DataFrame:
        """Return a row a run and split: run, name, split, step, known, of, percent, contradictions."""
        import pandas as pd

        return pd.DataFrame([row.cells() for row in self.rows], columns=HEADINGS)


def _json(row: Covered) -> dict[str, Any]:
    place = {"run": row.run, "name": row.name, "split": row.split, "context": row.context, "step": row.step}
    counts = {"known": row.coverage.known, "of": row.coverage.of, "percent": row.coverage.percent}
    shown = {name: value for name, value in place.items() if value is not None} | counts
    return shown | ({"contradictions": row.coverage.contradictions} if row.coverage.contradictions else {})


def places(state: RunState, split: str | None = None) -> list[list[Predictions]]:
    """Return the predictions of a run, of one split or of all: a list for each split and context."""
    found: dict[tuple[str | None, str | None], list[Predictions]] = {}
    for one in state.predictions:
        if split in (None, one.split):
            found.setdefault((one.split, one.context), []).append(one)
    return list(found.values())


def of_place(tree: Tree, state: RunState, every: Sequence[Predictions], as_of: int | None = None) -> Covered:
    """Return the coverage of what `places` gave: of those without a step, else of the last; raises as `labels.read`."""
    steps = {one.step for one in every}
    step = None if None in steps else max(s for s in steps if s is not None)
    coverage = _coverage(tree, state.id, [one for one in every if one.step == step], as_of)
    return Covered(state.id, state.name, every[0].split, every[0].context, step, coverage)


def _coverage(tree: Tree, run: str, chosen: Sequence[Predictions], as_of: int | None) -> Coverage:
    kept = [{name: one.columns[name] for name in ("ids", "y_true") if name in one.columns} for one in chosen]
    if not any(kept):
        return Coverage(0, sum(one.rows for one in chosen), 0, [], as_of)
    some = [msgspec.structs.replace(one, columns=columns) for one, columns in zip(chosen, kept, strict=True)]
    found, coverage = labels.read(tree, run, some, as_of=as_of)
    times = [(rows, one.time) for rows, one in zip(found.counted, some, strict=True)]
    return coverage or labels.joined(tree, run, found, [], times, as_of)[1]
