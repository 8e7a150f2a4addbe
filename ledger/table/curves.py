"""The course of a metric over its steps, in few points: what a sparkline shows of a run."""

from collections.abc import Sequence

import numpy as np

from ledger.format.names import metric_key
from ledger.format.rows import NO_STEP
from ledger.store import fold
from ledger.table.frames import Source

POINTS = 24


def curves(run: Source, keys: Sequence[str], *, points: int = POINTS) -> dict[str, list[float]]:
    """Return the shown values of metrics (keys) in order of step; a long curve as the means of `points` equal parts.

    NaN stays NaN, and makes the mean of its part NaN. Values without a step are no part of a curve; a metric with fewer
    than three values has none.
    """
    rows, _ = fold.rows(run.tree, run.id)
    wanted = set(keys)
    found = {}
    for index, (name, context) in enumerate(rows.keys):
        key = metric_key(name, context)
        if key in wanted:
            values = rows.value[(rows.key == index) & (rows.step != NO_STEP) & ~rows.undefined]
            if len(values) > points:
                with np.errstate(invalid="ignore"):  # infinities of both signs have no mean
                    # Divided first: the sum of large numbers may be more than a float can hold.
                    values = np.array([(part / len(part)).sum() for part in np.array_split(values, points)])
            if len(values) > 2:
                found[key] = values.tolist()
    return found
