"""A state: how many rows there were, and what was wrong with them."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from ledger.evaluate.inputs import Batch
from ledger.format.values import Undefined

NO_SCORES = "no scores were given"


class Rows(msgspec.Struct):
    """Counts of rows; every bundle has one, and asks it first. `n` has the rows of weight 0 too, `counted` has not."""

    n: int = 0
    counted: int = 0
    pending: int = 0
    invalid: int = 0
    unpredicted: int = 0
    scored: bool = True
    predicted: bool = True
    by_scores: bool = False

    def update(self, batch: Batch) -> None:
        """Take in one chunk."""
        self.n += batch.n
        self.counted += _rows_of(batch)
        self.pending += batch.pending
        self.invalid += batch.invalid
        self.unpredicted += batch.unpredicted
        self.scored &= batch.scores is not None
        self.predicted &= batch.predicted is not None
        self.by_scores |= batch.decided_by == "scores"

    def merge(self, other: Rows) -> None:
        """Take in what another one has seen."""
        for name in ("n", "counted", "pending", "invalid", "unpredicted"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.scored &= other.scored
        self.predicted &= other.predicted
        self.by_scores |= other.by_scores

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return msgspec.structs.asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Rows:
        """Return what `to_dict` was given."""
        return cls(**plain)

    def problem(self, needs: str) -> Undefined | None:
        """Return why no metric that needs "labels", "scores" or "values" has a value for these rows, or None."""
        if self.n == 0:
            return Undefined(f"no row has a label yet: {self.pending} pending" if self.pending else "no rows")
        if self.counted == 0:
            return Undefined("zero weights: every row has weight 0")
        if needs == "scores":
            if not self.scored:
                return Undefined(NO_SCORES)
            if self.invalid:
                return Undefined(f"{self.invalid} of {self.n} scores are not finite numbers")
        elif not self.predicted:
            return Undefined("no predictions were given")
        elif self.unpredicted:
            what = "values are not finite numbers" if needs == "values" else "predictions are missing"
            what = "scores are not finite numbers" if self.by_scores else what
            return Undefined(f"{self.unpredicted} of {self.n} {what}")
        return None


def _rows_of(batch: Batch) -> int:
    if batch.kind == "segmentation":
        return int(np.count_nonzero(batch.truth >= 0))
    return len(batch.truth)
