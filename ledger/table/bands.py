"""Lines of metrics, and the bands around means: over the runs of a group, over the folds of a run."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ledger.errors import NoSuchMetric
from ledger.store.state import RunState
from ledger.table import splits
from ledger.table.columns import flatten

Floats = npt.NDArray[np.float64]

_LEVEL = 0.95


class Line(NamedTuple):
    """One line: whose it is (a run's id, or a group), its key, split and further context, x and y as float64.

    `smooth` is y smoothed, `low` and `high` are the edges of a band, `runs` is how many runs y is the mean of, `folds`
    how many folds. A line of one of those folds is `within` the band.
    """

    owner: str
    key: str
    split: str | None
    rest: str
    x: Floats
    y: Floats
    smooth: Floats | None = None
    low: Floats | None = None
    high: Floats | None = None
    runs: int = 1
    folds: int = 0
    within: bool = False


def of_groups(
    lines: Sequence[Line], groups: Mapping[str, str], interval: str, notices: list[str]
) -> tuple[list[Line], list[str]]:
    """Return the mean of each group's lines with its band, at the steps that all runs of the group have."""
    by: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        by.setdefault((groups[line.owner], line.key), []).append(line)
    found = []
    for (group, key), members in by.items():
        common = members[0].x
        for line in members[1:]:
            common = np.intersect1d(common, line.x)
        if not len(common):
            notices.append(f"not drawn: {key} of {group}, whose {len(members)} runs have no step in common")
            continue
        dropped = max(len(line.x) for line in members) - len(common)
        if dropped:
            notices.append(f"{key} of {group}: {dropped} points left out, which not all of its runs have")
        values = np.vstack([line.y[np.searchsorted(line.x, common)] for line in members])
        with np.errstate(invalid="ignore", over="ignore"):
            middle = (values / len(values)).sum(axis=0)
            if interval == "range":
                low, high = values.min(axis=0), values.max(axis=0)
            else:
                half = _half_widths(values)
                low, high = middle - half, middle + half
        found.append(members[0]._replace(owner=group, x=common, y=middle, low=low, high=high, runs=len(members)))
    if not found:
        raise NoSuchMetric("nothing to draw: no runs of a group have steps in common", hint="leave out --band")
    return found, notices


def _half_widths(values: Floats) -> Floats:
    """Return half the width of the t-interval of each column's mean; NaN for one row, whose spread none knows."""
    from scipy.special import stdtrit

    count = len(values)
    if count < 2:
        return np.full(values.shape[1], np.nan)
    widths: Floats = stdtrit(count - 1, (1 + _LEVEL) / 2) * values.std(axis=0, ddof=1) / math.sqrt(count)
    return widths


def alone(states: Sequence[RunState], groups: Mapping[str, str], band: str | None) -> list[str]:
    """Return the notice that no two runs are a group, so that there is no band, and why."""
    if len(set(groups.values())) < len(states):
        return []
    if len(states) == 1:
        return ["no band: it takes more than one run"]
    if band == "group":
        return ["no band: no two of these runs have the same group; each is drawn by itself"]
    params = [{name: str(value) for name, value in flatten(state.params).items()} for state in states]
    names = dict.fromkeys(name for of in params for name in of)
    differ = [name for name in names if len({of.get(name) for of in params}) > 1]
    which = f" (params that differ: {', '.join(differ[:5])}{' ...' if len(differ) > 5 else ''})" if differ else ""
    return [f"no band: no two of these runs differ by their seed alone{which}; each is drawn by itself"]


def of_folds(lines: Sequence[Line]) -> list[Line]:
    """Return lines, where a mean stands beside two folds or more with the band from their least to their greatest.

    The mean is the line of the same metric without a fold. One that has a band already, over runs, keeps it.
    """
    folds: dict[tuple[str, ...], list[Line]] = {}
    for line in lines:
        where = splits.place(line.key)
        if where.fold is not None:
            folds.setdefault((line.owner, where.metric, where.split or "", where.rest), []).append(line)
    found: list[Line] = []
    banded: set[tuple[str, str]] = set()
    for line in lines:
        where = splits.place(line.key)
        members = folds.get((line.owner, where.metric, where.split or "", where.rest), [])
        if where.fold is not None or len(members) < 2:
            found.append(line)
            continue
        banded |= {(member.owner, member.key) for member in members}
        if line.low is None:
            low, high = _edges(line.x, members)
            line = line._replace(low=low, high=high)
        found.append(line._replace(folds=len(members)))
    return [line._replace(within=(line.owner, line.key) in banded) for line in found]


def _edges(x: Floats, members: Sequence[Line]) -> tuple[Floats, Floats]:
    """Return the least and the greatest finite value of some lines at each x, NaN where none has one."""
    values = np.full((len(members), len(x)), np.nan)
    for row, member in zip(values, members, strict=True):
        at = dict(zip(member.x.tolist(), member.y.tolist(), strict=True))
        row[:] = [at.get(place, np.nan) for place in x.tolist()]
    there = np.isfinite(values)
    low, high = np.where(there, values, np.inf).min(axis=0), np.where(there, values, -np.inf).max(axis=0)
    any_there = there.any(axis=0)
    return np.where(any_there, low, np.nan), np.where(any_there, high, np.nan)
