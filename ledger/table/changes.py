"""What became of the runs of a ledger from one state of it to another: added, removed, and what changed in each.

The two states are pairs of `RunState`, those alone that may differ; `diff.py` says what differs within a pair.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ledger.errors import NoSuchMetric
from ledger.format.ids import rfc3339
from ledger.store.state import EntryNote, RunState, Summary
from ledger.table.columns import same
from ledger.table.compare import canonical_names, last_value, select_keys
from ledger.table.diff import Change, RunDiff, diff_runs

if TYPE_CHECKING:
    from ledger.schema import Schema

# What `tag`, `note`, `rename` and the end of a run change, under the names that `show --json` gives them.
_FIELDS = ("name", "status", "group", "parent", "seed", "note")


class Changes(NamedTuple):
    """Runs that came into view, went out of view, and may have changed: (old, new). In order of their ids."""

    added: list[RunState]
    removed: list[RunState]
    changed: list[tuple[RunState, RunState]]


class Side(NamedTuple):
    """One of the two states of a ledger: what the user called it, and its commit; neither for the work tree."""

    rev: str | None
    commit: str | None

    def to_json(self) -> dict[str, Any]:
        """Return {"rev", "commit"}; for the work tree {"worktree": true}."""
        return {"worktree": True} if self.rev is None else {"rev": self.rev, "commit": self.commit}

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        if self.rev is None:
            return "the work tree"
        commit = self.commit or ""
        return self.rev if commit.startswith(self.rev) else f"{self.rev} ({commit[:8]})"


class RunChange(msgspec.Struct, frozen=True):
    """What changed in one run: `diff` of its params, metrics and charts, fields, tags, and the entries that are new."""

    diff: RunDiff
    fields: dict[str, Change]
    tags: dict[str, list[str]]  # added, removed
    entries: list[EntryNote]

    @property
    def run(self) -> RunState:
        """The run as it is now."""
        return self.diff.b

    @property
    def changed(self) -> bool:
        """True if anything that is shown differs."""
        # An entry that changes nothing is no change, unless what it brought is not here to be seen.
        said = self.fields or self.tags["added"] or self.tags["removed"] or (self.entries and self.run.notices)
        return bool(said or self.diff.metrics or self.diff.changed)

    def verdicts(self) -> dict[str, int]:
        """Return how many metrics became better, worse, or changed otherwise."""
        counts: dict[str, int] = {}
        for change in self.diff.metrics.values():
            counts[change.verdict] = counts.get(change.verdict, 0) + 1
        return counts

    def to_json(self) -> dict[str, Any]:
        """Return the object of one changed run in `diff --json`; parts without a change are left out."""
        charts = {kind: names for kind, names in self.diff.charts.items() if names and kind != "same"}
        parts: dict[str, Any] = {
            "params": {name: change.to_json() for name, change in self.diff.params.items()},
            "charts": charts,
            "tags": {kind: tags for kind, tags in self.tags.items() if tags},
            "fields": {name: change.to_json() for name, change in self.fields.items()},
            "entries": [_entry(entry) for entry in self.entries],
        }
        return {
            "run": self.run.id,
            "name": self.run.name,
            "metrics": {key: change.to_json() for key, change in self.diff.metrics.items()},
            **{name: part for name, part in parts.items() if part},
        }


class LedgerDiff(msgspec.Struct, frozen=True):
    """What became of a ledger from state `a` to state `b`."""

    a: Side
    b: Side
    added: list[RunState]
    removed: list[RunState]
    runs: list[RunChange]
    goals: dict[str, str | None]  # of the metrics in it
    notices: list[str] = []  # what is amiss with these runs: an older value may be shown for the newest

    @property
    def changed(self) -> bool:
        """True if any run was added, removed or changed."""
        return bool(self.added or self.removed or self.runs)

    def rows(self) -> list[list[Any]]:
        """Return a row a changed cell, and one a metric of each run that came or went: what changed, and how."""
        found: list[list[Any]] = []
        for change, states in (("added", self.added), ("removed", self.removed)):
            for state in states:
                for key in sorted(state.metrics):
                    value = last_value(state.metrics[key])
                    sides = (None, value) if change == "added" else (value, None)
                    found.append([change, state.id, state.name, key, *sides, None, "unknown"])
        for run in self.runs:
            cells = run.diff.metrics.items()
            found += [["changed", run.run.id, run.run.name, key, c.old, c.new, c.diff, c.verdict] for key, c in cells]
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the object of `diff --json` for two states of a ledger."""
        return {
            "schema": "ledger.diff/1",
            "a": self.a.to_json(),
            "b": self.b.to_json(),
            "runs": {
                "added": [_added(state) for state in self.added],
                "removed": [_added(state) for state in self.removed],
                "changed": [run.to_json() for run in self.runs],
            },
            **({"notices": self.notices} if self.notices else {}),
        }


def changes(pairs: Iterable[tuple[RunState | None, RunState | None]]) -> Changes:
    """Sort pairs of the same run, old and new, into runs added, removed and changed; out of view counts as absent."""
    found = Changes([], [], [])
    for old, new in pairs:
        before = None if old is None or old.retracted else old
        after = None if new is None or new.retracted else new
        if before is not None and after is not None:
            found.changed.append((before, after))
        elif after is not None:
            found.added.append(after)
        elif before is not None:
            found.removed.append(before)
    return found


def diff_ledgers(a: Side, b: Side, found: Changes, schema: "Schema", *, metrics: Sequence[str] = ()) -> LedgerDiff:
    """Say what changed in each run; with `metrics` (globs) only in these, and only runs that have them."""
    added, removed, runs = found.added, found.removed, []
    for old, new in found.changed:
        change = _run_change(old, new, schema, metrics)
        if change is not None and (change.diff.metrics if metrics else change.changed):
            runs.append(change)
    if metrics:
        added = [state for state in added if any(has(state, pattern, schema) for pattern in metrics)]
        removed = [state for state in removed if any(has(state, pattern, schema) for pattern in metrics)]
    keys = {key for state in (*added, *removed) for key in state.metrics} | {
        k for run in runs for k in run.diff.metrics
    }
    sides = [(old, "before") for old, _ in found.changed] + [(new, "now") for _, new in found.changed]
    sides += [(state, "before") for state in found.removed] + [(state, "now") for state in found.added]
    notices = [f"{state.id}, {when}: {text}" for state, when in sides for text in state.notices[:3]]
    goals = {key: schema.metric(key).goal for key in sorted(keys)}
    return LedgerDiff(a, b, added, removed, runs, goals, list(dict.fromkeys(notices)))


def has(state: RunState, pattern: str, schema: "Schema") -> bool:
    """Say whether a run has a metric that a glob fits."""
    try:
        return bool(select_keys([pattern], canonical_names([state], schema), schema))
    except NoSuchMetric:
        return False


def _run_change(old: RunState, new: RunState, schema: "Schema", metrics: Sequence[str]) -> RunChange | None:
    fits = [pattern for pattern in metrics if has(old, pattern, schema) or has(new, pattern, schema)]
    if metrics and not fits:
        return None
    whole = diff_runs(old, new, schema, metrics=fits)
    touched = {
        schema.canonical(key)
        for key in {*old.metrics, *new.metrics}
        if not _same_summary(old.metrics.get(key), new.metrics.get(key))
    }
    cells = {key: change for key, change in whole.metrics.items() if key in touched}
    fields = {
        name: Change(*(msgspec.UNSET if value is None else value for value in (getattr(old, name), getattr(new, name))))
        for name in _FIELDS
        if getattr(old, name) != getattr(new, name)
    }
    tags = {"added": sorted({*new.tags} - {*old.tags}), "removed": sorted({*old.tags} - {*new.tags})}
    known = {entry.id for entry in old.entries}
    entries = [entry for entry in new.entries if entry.id not in known]
    return RunChange(msgspec.structs.replace(whole, metrics=cells), fields, tags, entries)


def _same_summary(old: Summary | None, new: Summary | None) -> bool:
    """Say whether two summaries agree in everything; NaN agrees with NaN."""
    if old is None or new is None:
        return old is new
    return all(same(a, b) for a, b in zip(msgspec.structs.astuple(old), msgspec.structs.astuple(new), strict=True))


def _added(state: RunState) -> dict[str, Any]:
    values = {key: last_value(state.metrics[key]) for key in sorted(state.metrics)}
    return {
        "id": state.id,
        "name": state.name,
        "status": state.status,
        "metrics": {key: value for key, value in values.items() if isinstance(value, float)},
    }


def _entry(entry: EntryNote) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": entry.id, "kind": entry.kind, "time": rfc3339(entry.time), "author": entry.author}
    if entry.late:
        shown["late"] = True
    return shown if entry.reason is None else shown | {"reason": entry.reason}
