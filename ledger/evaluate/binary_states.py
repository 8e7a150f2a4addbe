"""What the bundle for two classes keeps of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ledger.errors import InvalidValue
from ledger.evaluate.confusion import Confusion
from ledger.evaluate.inputs import Batch
from ledger.evaluate.quotients import Counts
from ledger.evaluate.rows import Rows
from ledger.evaluate.scores import ScoreCounts

BINS_MAX = 10_000


class BinaryStates:
    """Counts of rows, of labels and of scores, for labels (negative, positive).

    Args:
        threshold: a row is positive where its score is greater.
        bins: how many bins of equal width calibration has.
        beta: what `fbeta` weighs recall with.
    """

    def __init__(self, labels: Sequence[Any], *, threshold: float = 0.5, bins: int = 10, beta: float = 1.0) -> None:
        if isinstance(bins, bool) or not isinstance(bins, int) or not 1 <= bins <= BINS_MAX:
            raise InvalidValue(f"bins must be a whole number above 0 and at most {BINS_MAX}, not {bins!r}")
        if isinstance(beta, bool) or not isinstance(beta, int | float) or not 0 < beta < float("inf"):
            raise InvalidValue(f"beta must be a number above 0, not {beta!r}")
        self.labels, self.threshold, self.bins, self.beta = tuple(labels), float(threshold), bins, float(beta)
        self.rows = Rows()
        self.rule: dict[str, Any] = {}
        self.confusion = Confusion(self.labels)
        self.scores = ScoreCounts()

    def update(self, batch: Batch) -> None:
        """Take in one chunk."""
        self.rows.update(batch)
        if batch.decided_by == "scores":
            self.rule = {"rule": "score > threshold", "threshold": self.threshold}
        self.confusion.update(batch)
        if batch.scores is not None:
            truth, found, weight = batch.truth, batch.scores, batch.weight
            if batch.invalid:
                keep = np.isfinite(found)
                truth, found, weight = truth[keep], found[keep], None if weight is None else weight[keep]
            self.scores.update(found, truth, weight)

    def merge(self, other: BinaryStates) -> None:
        """Take in what another one has seen; raises InvalidValue where labels or options differ."""
        mine, yours = (((s.threshold, s.bins, s.beta)) for s in (self, other))
        if mine != yours:
            raise InvalidValue(f"threshold, bins and beta differ: {mine} and {yours}")
        self.confusion.merge(other.confusion)
        self.rows.merge(other.rows)
        self.rule = self.rule or other.rule
        self.scores.merge(other.scores)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values and arrays."""
        return {
            "threshold": self.threshold,
            "bins": self.bins,
            "beta": self.beta,
            "rule": dict(self.rule),
            "rows": self.rows.to_dict(),
            "confusion": self.confusion.to_dict(),
            "scores": self.scores.to_dict(),
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> BinaryStates:
        """Return what `to_dict` was given."""
        options = {name: plain[name] for name in ("threshold", "bins", "beta")}
        states = cls(plain["confusion"]["labels"], **options)
        states.rule, states.rows = dict(plain["rule"]), Rows.from_dict(plain["rows"])
        states.confusion = Confusion.from_dict(plain["confusion"])
        states.scores = ScoreCounts.from_dict(plain["scores"])
        return states

    def counts(self) -> Counts:
        """Return tn, fp, fn, tp over a power of two, so that their products stay finite; exact."""
        (tn, fp), (fn, tp) = np.ldexp(self.confusion.counts, -np.frexp(self.confusion.counts.max())[1]).tolist()
        return tn, fp, fn, tp
