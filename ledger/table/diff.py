"""What changed from one run to another: parameters, last values, charts, package versions and the commit.

Arithmetic only: a verdict follows from the metric's goal and tolerance; `cli` and `view` show the RunDiff.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ledger.format.values import Undefined
from ledger.store.state import RunState, Summary
from ledger.table.columns import flatten, metric_order, natural, same
from ledger.table.compare import blobs, canonical_names, joined, last_value, select_keys

if TYPE_CHECKING:
    from ledger.schema import Schema


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value of two runs, where an UNSET side is absent."""

    old: Any = msgspec.UNSET
    new: Any = msgspec.UNSET

    def to_json(self) -> dict[str, Any]:
        """Return {"old", "new"} without an absent side."""
        sides = {"old": self.old, "new": self.new}
        return {side: value for side, value in sides.items() if value is not msgspec.UNSET}


class MetricChange(msgspec.Struct, frozen=True):
    """A metric's last value in two runs (None where absent), their difference and what it means by the schema.

    `diff` is new - old, None unless both are numbers and their difference is one (NaN has none). `count` is how many
    values there are, where that changed.
    """

    old: float | Undefined | None
    new: float | Undefined | None
    diff: float | None
    verdict: str
    count: Change | None = None

    def to_json(self) -> dict[str, Any]:
        """Return {"old", "new", "diff", "verdict", "count"}; an undefined side is null, its reason beside it."""
        shown: dict[str, Any] = {}
        for side, value in (("old", self.old), ("new", self.new)):
            if isinstance(value, Undefined):
                shown |= {side: None, f"{side}_undefined": value.reason}
            elif value is not None:
                shown[side] = value
        if self.diff is not None:
            shown["diff"] = self.diff
        counts = {} if self.count is None else {"count": self.count.to_json()}
        return shown | {"verdict": self.verdict} | counts


class FileChange(msgspec.Struct, frozen=True):
    """A file of the code that differs between two commits: lines added and deleted, None for a binary one."""

    path: str
    added: int | None
    deleted: int | None


class RunDiff(msgspec.Struct, frozen=True):
    """All that changed from run `a` to run `b`; `params`, `versions` and `code` hold differing values alone.

    `files` is what differs in the code between the two commits, and `notices` says what is not as recorded.
    """

    a: RunState
    b: RunState
    params: dict[str, Change]
    metrics: dict[str, MetricChange]
    charts: dict[str, list[str]]  # added, removed, changed, same
    versions: dict[str, Change]
    code: Change | None
    files: Sequence[FileChange] = ()
    notices: Sequence[str] = ()

    @property
    def changed(self) -> bool:
        """True if anything differs at all, a metric within its tolerance included."""
        if self.params or self.versions or self.code is not None:
            return True
        if any(self.charts[kind] for kind in ("added", "removed", "changed")):
            return True
        return any(not same(change.old, change.new) for change in self.metrics.values())

    def to_json(self) -> dict[str, Any]:
        """Return the object of `diff --json`; floats that are not finite stay floats."""
        shown = {
            "schema": "ledger.diff/1",
            "a": {"id": self.a.id, "name": self.a.name},
            "b": {"id": self.b.id, "name": self.b.name},
            "params": {name: change.to_json() for name, change in self.params.items()},
            "metrics": {key: change.to_json() for key, change in self.metrics.items()},
            "charts": {kind: list(names) for kind, names in self.charts.items()},
            "versions": {name: change.to_json() for name, change in self.versions.items()},
        }
        if self.code is not None:
            files = [msgspec.structs.asdict(file) for file in self.files]
            shown["code"] = self.code.to_json() | ({"files": files} if files else {})
        return shown | {"notices": list(self.notices)} if self.notices else shown


def diff_runs(a: RunState, b: RunState, schema: "Schema", *, metrics: Sequence[str] = ()) -> RunDiff:
    """Compare run `b` with run `a`; `metrics` are globs that choose among the metrics of either (`select_keys`).

    Raises NoSuchMetric for a glob that fits nothing.
    """
    names = canonical_names((a, b), schema)
    old, new = joined(a, names), joined(b, names)
    keys = select_keys(metrics, names, schema)
    code = _changes({"commit": (a.git or {}).get("commit")}, {"commit": (b.git or {}).get("commit")}, skip_none=True)
    return RunDiff(
        a,
        b,
        _changes(flatten(a.params), flatten(b.params)),
        {key: _metric_change(key, old.get(key), new.get(key), schema) for key in keys},
        _charts(blobs(a), blobs(b)),
        _changes(_versions(a), _versions(b)),
        code.get("commit"),
    )


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], *, skip_none: bool = False) -> dict[str, Change]:
    """Return the names whose values differ in JSON type or value, in natural order."""
    if skip_none:
        old = {name: value for name, value in old.items() if value is not None}
        new = {name: value for name, value in new.items() if value is not None}
    result = {}
    for name in sorted({*old, *new}, key=natural):
        change = Change(old.get(name, msgspec.UNSET), new.get(name, msgspec.UNSET))
        if not same(change.old, change.new):
            result[name] = change
    return result


def _metric_change(key: str, old: Summary | None, new: Summary | None, schema: "Schema") -> MetricChange:
    left = last_value(old) if old is not None else None
    right = last_value(new) if new is not None else None
    before = left if isinstance(left, float) else None
    after = right if isinstance(right, float) else None
    diff = None
    if before is not None and after is not None and not math.isnan(after - before):
        diff = after - before
    count = None
    if old is not None and new is not None and old.count != new.count:
        count = Change(old.count, new.count)
    return MetricChange(left, right, diff, schema.metric(key).verdict(before, after), count)


def _charts(old: Mapping[str, list[str]], new: Mapping[str, list[str]]) -> dict[str, list[str]]:
    result: dict[str, list[str]] = {"added": [], "removed": [], "changed": [], "same": []}
    for name in sorted({*old, *new}, key=metric_order):
        if name not in old:
            kind = "added"
        elif name not in new:
            kind = "removed"
        else:
            kind = "same" if old[name] == new[name] else "changed"
        result[kind].append(name)
    return result


def _versions(state: RunState) -> dict[str, Any]:
    versions = state.program.get("versions")
    return versions if isinstance(versions, dict) else {}
