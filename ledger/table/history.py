"""Every value that a cell ever had: a metric of a run, at a step. Which one is shown, and why the others are not.

Which rows are valid and shown is asked of `store.shown`; here that answer is only held against all stored rows.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from ledger.errors import NoSuchMetric
from ledger.format import entries as form
from ledger.format import names
from ledger.format.ids import rfc3339
from ledger.format.rows import NO_STEP, Key, Rows
from ledger.format.values import Undefined
from ledger.store import fold, origins, shown
from ledger.store.entries import Read
from ledger.store.origins import Brought, Part
from ledger.store.state import RunState
from ledger.store.tree import Tree
from ledger.table import sources
from ledger.table.columns import nearest

if TYPE_CHECKING:
    import pandas as pd

    from ledger.schema import Schema

JOURNAL = "journal"  # stands for the entry of a row that is not sealed yet

_Identity = tuple[Any, ...]


class NotShown(msgspec.Struct, frozen=True):
    """Why a value is not the one shown: `superseded` by a newer one, `replaced` by a resumed attempt, `retracted` with
    its entry, or `removed` with the whole run; `by` is the entry that did so, with its author and reason.
    """

    why: str
    by: str | None = None
    attempt: int | None = None
    author: str | None = None
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what is known, the rest left out."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class CellValue(msgspec.Struct, frozen=True):
    """One value that a cell had: when it was logged (us), who brought it, in which entry and commit (None: in none).

    `reason` is what was said when it was added late; `not_shown` is None for the value that is shown. `source` says how
    it came about where a backfill brought it: the function, digests of its inputs and versions, or the file and line.
    """

    value: float | Undefined
    step: int | None
    time: int
    author: str
    entry: str
    reason: str | None
    late: bool
    attempt: int
    not_shown: NotShown | None
    file: str | None = None  # of the entry
    commit: str | None = None
    source: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the object of `history --json`; an undefined value is null, its reason beside it."""
        undefined = isinstance(self.value, Undefined)
        shown: dict[str, Any] = {"value": None if undefined else self.value}
        if isinstance(self.value, Undefined):
            shown["undefined"] = self.value.reason
        shown |= {"step": self.step, "time": rfc3339(self.time), "author": self.author, "entry": self.entry}
        optional = {"reason": self.reason, "commit": self.commit}
        shown |= {name: value for name, value in optional.items() if value is not None}
        shown["shown"] = self.not_shown is None
        if self.late:
            shown["late"] = True
        if self.attempt > 1:
            shown["attempt"] = self.attempt
        if self.source is not None:
            shown["source"] = self.source
        return shown if self.not_shown is None else shown | {"not_shown": self.not_shown.to_json()}


class CellHistory(msgspec.Struct, frozen=True):
    """Every value of a metric of a run, at one step or at all, in order of time.

    `corrected` counts the other steps that have a value which is not shown; `has_commits` is False where git could not
    say which commit brought what.
    """

    run: str
    name: str
    metric: str
    values: list[CellValue]
    corrected: int = 0
    has_commits: bool = False
    notices: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the object of `history RUN METRIC --json`; floats that are not finite stay floats."""
        shown: dict[str, Any] = {"schema": "ledger.history/1", "run": self.run, "name": self.name}
        shown |= {"metric": self.metric, "values": [value.to_json() for value in self.values]}
        if self.corrected:
            shown["corrected_steps"] = self.corrected
        return shown | ({"notices": list(self.notices)} if self.notices else {})

    def frame(self) -> "pd.DataFrame":
        """Return one row a value: value, step, time, author, entry, commit, shown, why, reason, source (in words)."""
        import pandas as pd

        rows = [
            {
                "value": float("nan") if isinstance(v.value, Undefined) else v.value,
                "step": v.step,
                "time": v.time,
                "author": v.author,
                "entry": v.entry,
                "commit": v.commit,
                "shown": v.not_shown is None,
                "why": None if v.not_shown is None else v.not_shown.why,
                "reason": v.reason,
                "source": sources.brief(v.source),
            }
            for v in self.values
        ]
        columns = ["value", "step", "time", "author", "entry", "commit", "shown", "why", "reason", "source"]
        frame = pd.DataFrame(rows, columns=columns)
        texts = ("author", "entry", "commit", "why", "reason", "source")
        frame = frame.astype({"value": "float64", "step": "Int64", "shown": "bool"} | dict.fromkeys(texts, "str"))
        frame["time"] = pd.to_datetime(frame["time"].astype("int64"), unit="us", utc=True).astype("datetime64[us, UTC]")
        return frame


def cell(
    tree: Tree, state: RunState, key: str, schema: "Schema", *, step: int | None = None, every: bool = False
) -> CellHistory:
    """Return every value of a metric (a canonical key) of a run: at `step`; with `every`, at all steps; else without a
    step if there is one so, else at the last. Raises NoSuchMetric, also for a step that it does not have.
    """
    spellings = _spellings(key, schema)
    brought = origins.read(tree, state.id, spellings)
    found = next((spelling for spelling in spellings if spelling in brought.keys), None)
    if found is None:
        raise _unknown(state, key, brought.keys)
    known_keys = brought.keys
    brought = brought._replace(parts=[Part(part.entry, _of(part.rows, found)) for part in brought.parts])
    cells = _Cells(brought, state, found)
    steps = cells.choose(step, every)
    key = names.metric_key(*found)
    if not steps:
        known = _listed(cells.known_steps)
        raise NoSuchMetric(f"{key} of {state.id} has no step {step}", hint=f"it has {known}")
    corrected = len(set(cells.hidden_steps()) - set(steps))
    others = [names.metric_key(*other) for other in spellings if other in known_keys and other != found]
    more = [f"{key} is stored as {other} too: ledger history {state.name} {other}" for other in others]
    return CellHistory(state.id, state.name, key, cells.values(), corrected, notices=[*brought.notices, *more])


def _spellings(key: str, schema: "Schema") -> list[Key]:
    """Return the keys under which a metric may be stored: as asked, then by its canonical name, then by its aliases."""
    canonical = schema.canonical(key)
    name, context = names.parse_key(canonical)
    others = [names.metric_key(alias, context) for alias in sorted(schema.metric(name).alias)]
    return [names.parse_key(spelling) for spelling in dict.fromkeys([key, canonical, *others])]


def _of(rows: Rows, key: Key) -> Rows:
    return rows.take(rows.key == rows.keys.index(key)) if key in rows.keys else rows.take(slice(0))


def _unknown(state: RunState, key: str, known: set[Key]) -> NoSuchMetric:
    have = sorted(names.metric_key(*found) for found in known)
    near = nearest(key, have) or have[:10]
    hint = f"did you mean {', '.join(near)}?" if near else f"it has none: ledger show {state.id}"
    return NoSuchMetric(f"the run {state.id} has no metric {key!r}", hint=hint)


def _listed(steps: list[int]) -> str:
    texts = ["one without a step" if step == NO_STEP else str(step) for step in steps]
    return ", ".join(texts) if len(texts) <= 20 else f"{texts[0]} to {texts[-1]}, {len(texts)} of them"


class _Row(NamedTuple):
    """A stored row, as plain values: `identity` is all of it."""

    identity: _Identity
    step: int
    time: int
    value: float
    undefined: bool
    attempt: int
    writer: str
    seq: int


def _plain(rows: Rows) -> list[_Row]:
    bits = rows.value.view(np.int64)
    columns = (rows.step, rows.time, rows.value, bits, rows.undefined, rows.attempt, rows.writer, rows.seq)
    found = []
    for step, time, value, bit, undefined, attempt, writer, seq in zip(*(c.tolist() for c in columns), strict=True):
        name = rows.writers[writer]
        identity = (name, seq, step, time, bit, undefined, attempt)
        found.append(_Row(identity, step, time, value, undefined, attempt, name, seq))
    return found


class _Cells:
    """The rows of one metric and context of a run: all, those that stand, those shown. `choose` steps, then ask."""

    def __init__(self, brought: Brought, state: RunState, key: Key) -> None:
        self.brought, self.state, self.key = brought, state, key
        self.whole = shown.stored([part.rows for part in brought.parts])
        self.standing = shown.stored(brought.standing)
        self.attempts = fold.attempts(brought.gathered.found, brought.gathered.retracted)
        self.visible = shown.shown(shown.valid(self.standing, self.attempts))
        self.known_steps: list[int] = np.unique(self.whole.step).tolist()

    def hidden_steps(self) -> list[int]:
        """Return the steps that have a row which is not shown."""
        steps, counts = np.unique(self.whole.step, return_counts=True)
        hidden: list[int] = steps[(counts > 1) | ~np.isin(steps, self.visible.step)].tolist()
        return hidden

    def choose(self, asked: int | None, every: bool) -> list[int]:
        """Choose the steps whose values are meant, and return them; none where the one that was asked for is absent."""
        if asked is not None:
            self.steps = [asked] if asked in self.known_steps else []
        elif every:
            self.steps = self.known_steps
        else:  # one without a step ranks above all others
            self.steps = [int(self.visible.step.max()) if len(self.visible) else self.known_steps[-1]]
        self._shown = {row.step: row for row in self._plain(self.visible)}
        self._homes: dict[_Identity, list[Part]] = {}
        for part in self.brought.parts:
            for row in self._plain(part.rows):
                self._homes.setdefault(row.identity, []).append(part)
        alone = [(attempt.number, self._plain(shown.valid(self.standing, [attempt]))) for attempt in self.attempts]
        self._kept = [(number, {row.identity for row in rows}) for number, rows in alone]
        return self.steps

    def _plain(self, rows: Rows) -> list[_Row]:
        return _plain(rows.take(np.isin(rows.step, self.steps)))

    def values(self) -> list[CellValue]:
        """Return the values at the chosen steps in order of time, of one time those that are not shown first."""
        found = [self.value(row) for row in self._plain(self.whole)]
        return sorted(found, key=lambda value: (value.time, value.not_shown is None))

    def value(self, row: _Row) -> CellValue:
        """Return what is known of a row."""
        part = self._home(row)
        read = part.entry
        entry = None if read is None else read.entry
        late = isinstance(entry, form.Rows) and entry.late
        step = None if row.step == NO_STEP else row.step
        value: float | Undefined = row.value
        if row.undefined:
            value = Undefined(self.brought.reasons.get((row.writer, row.seq), "undefined"))
        return CellValue(
            value=value,
            step=step,
            time=row.time,
            author=self.state.author if entry is None else entry.author,
            entry=JOURNAL if read is None else read.id,
            reason=entry.reason if isinstance(entry, form.Rows) else None,
            late=late,
            attempt=row.attempt,
            not_shown=self._not_shown(row, part),
            file=None if read is None else read.name,
            source=sources.of_cell(entry.source, *self.key, step) if isinstance(entry, form.Rows) else None,
        )

    def _home(self, row: _Row) -> Part:
        """Return the part that a row counts by: of those that brought it, the first that was not retracted."""
        parts = self._homes[row.identity]
        standing = [part for part in parts if not self.brought.is_retracted(part)]
        return min(standing or parts, key=lambda part: part.entry is None)

    def _not_shown(self, row: _Row, part: Part) -> NotShown | None:
        if part.entry is not None and self.brought.is_retracted(part):
            return _retracted("retracted", self._retraction(part.entry.id))
        by = self._shown.get(row.step)
        if by is not None and row.identity == by.identity:
            return _retracted("removed", self._retraction(self.state.id)) if self.state.retracted else None
        for attempt, kept in self._kept:
            if row.identity not in kept:
                return NotShown("replaced", attempt=attempt)
        assert by is not None  # a valid row that is not shown has another in its place
        home = self._home(by)
        return NotShown("superseded", by=JOURNAL if home.entry is None else home.entry.id)

    def _retraction(self, target: str) -> Read | None:
        """Return the first retraction of an entry, or of the run, that is in force."""
        gathered = self.brought.gathered
        return next(
            (
                read
                for read in gathered.found
                if isinstance(read.entry, form.Retract)
                and read.entry.target == target
                and read.id not in gathered.retracted
            ),
            None,
        )


def _retracted(why: str, read: Read | None) -> NotShown:
    if read is None:
        return NotShown(why)
    reason = read.entry.reason if isinstance(read.entry, form.Retract) else None
    return NotShown(why, by=read.id, author=read.entry.author, reason=reason)
