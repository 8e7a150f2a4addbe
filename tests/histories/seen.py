"""What docs/format says of a set of files of one run, in plain Python: which rows count, what was said, how it stands.

Slow, and written from the pages alone, so that it can stand beside the code.
"""

import contextlib
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import ledger
from ledger.cli import _run as run_command_line
from ledger.format.rows import NO_STEP
from ledger.store import fold


class Row(NamedTuple):
    """A row."""

    metric: str
    context: str | None
    step: int | None
    time: int
    value: float
    attempt: int
    writer: str
    seq: int


class Said(NamedTuple):
    """An entry: what its JSON says, and the rows it brought."""

    time: int
    id: str
    body: dict[str, Any]
    rows: frozenset[Row]

    @property
    def kind(self) -> str:
        """What it says."""
        return str(self.body["kind"])


class Journal:
    """A journal in a copy."""

    def __init__(self, attempt: int, time: int, *, shared: bool, owner: bool) -> None:
        self.attempt, self.time, self.shared, self.owner = attempt, time, shared, owner
        self.rows: list[Row] = []
        self.run: ledger.Run | None = None  # whose process holds it
        self.after = 0  # the time that its next row has at least

    def again(self) -> "Journal":
        """Return what a copy of the file is: the same rows, held by nobody."""
        other = Journal(self.attempt, self.time, shared=self.shared, owner=self.owner)
        other.rows = list(self.rows)
        return other


class Seen:
    """What one copy has of one run, and what docs/format says of it."""

    def __init__(self) -> None:
        self.said: dict[str, Said] = {}
        self.journals: dict[str, Journal] = {}

    def in_order(self, *kinds: str) -> list[Said]:
        """Return the entries of these kinds in view, by time and id."""
        gone = self.gone()
        return [s for s in sorted(self.said.values(), key=lambda s: s[:2]) if s.kind in kinds and s.id not in gone]

    def gone(self) -> set[str]:
        """Return what is out of view: a retraction counts unless one that counts has it as target."""
        made = {s.id: s.body["target"] for s in self.said.values() if s.kind == "retract"}

        def counts(id: str) -> bool:
            return not any(counts(other) for other, target in made.items() if target == id)

        return {target for id, target in made.items() if counts(id)}

    def before(self, id: str) -> set[str]:
        """Return the ancestors of an entry, by `after`."""
        direct = set(self.said[id].body.get("after", ()))
        return direct.union(*(self.before(other) for other in direct))

    def heads(self) -> list[str]:
        """Return the entries that no other followed."""
        return sorted(set(self.said).difference(*(s.body.get("after", ()) for s in self.said.values())))

    def newest(self) -> int:
        """Return the newest time of entries and journals."""
        return max([s.time for s in self.said.values()] + [j.time for j in self.journals.values()])

    def attempt(self) -> int:
        """Return the current attempt."""
        return max([s.body["attempt"] for s in self.in_order("resume")], default=1)

    def stored(self) -> set[Row]:
        """Return every row once."""
        sealed = set[Row]().union(*(s.rows for s in self.in_order("rows")))
        return sealed.union(*(j.rows for j in self.journals.values()))

    def valid(self) -> set[Row]:
        """Return the rows that no attempt replaced."""
        rows = self.stored()
        left = set(rows)
        for resume in self.in_order("resume"):
            n = resume.body["attempt"]
            for row in rows:
                own = [r.step for r in rows if r.attempt == n and r[:2] == row[:2] and r.step is not None]
                starts = own + ([resume.body["step"]] if "step" in resume.body else [])
                earlier = 1 <= row.attempt < n or (row.attempt == 0 and row.time < resume.time)
                if row.step is not None and starts and row.step >= min(starts) and earlier:
                    left.discard(row)
        return left

    def unsealed(self, journals: Iterable[Journal]) -> set[Row]:
        """Return the rows of journals that a sealer must take up: those that no entry holds, whatever it covers."""
        held = set[Row]().union(*(said.rows for said in self.said.values()))
        return set[Row]().union(*(journal.rows for journal in journals)) - held

    def shown(self) -> set[Row]:
        """Return the newest row of each place."""
        found: dict[Any, Row] = {}
        for row in sorted(self.valid(), key=lambda r: (r.time, r.writer, r.seq, r.value)):  # values are positive
            found[row[:3]] = row
        return set(found.values())

    def close(self) -> Said | None:
        """Return the close that counts."""
        since = max([s.time for s in self.in_order("resume")], default=0)
        closes = [s for s in self.in_order("close") if s.time > since]
        return max(closes, key=lambda s: (not s.body.get("sealer", False), s.time, s.body["status"]), default=None)

    def status(self) -> str:
        """Return the status."""
        if (close := self.close()) is not None:
            return str(close.body["status"])
        if any(j.run is not None for j in self.journals.values()):
            return "running"
        return "interrupted" if any(not j.shared for j in self.journals.values()) else "open"

    def annotated(self) -> tuple[dict[str, Any], set[str]]:
        """Return name, note, tags and params, and the keys that were set at once."""
        opened = min((s for s in self.said.values() if s.kind == "open"), key=lambda s: s[:2]).body
        result = {"name": opened["name"], "note": opened.get("note"), "params": dict(opened.get("params", {}))}
        tags = set(opened.get("tags", ()))
        every = [(said.id, op) for said in self.in_order("annotate") for op in said.body["operations"]]
        keyed = [
            ((op["op"] == "set", op["key"]), op["op"] if op["op"] != "set" else op.get("value"), id) for id, op in every
        ]
        once = set()
        for at, (key, value, id) in enumerate(keyed):
            if any(later[0] == key for later in keyed[at + 1 :]):
                continue
            known = self.before(id) | {id}
            if any(k == key and v != value and i not in known for k, v, i in keyed[:at]):
                once.add(key[1] if key[0] else f"tag:{key[1]}")
            if not key[0]:
                (tags.add if value == "add" else tags.discard)(key[1])
            elif key[1].startswith("params."):
                put(result["params"], key[1].removeprefix("params."), value)
            else:
                result[key[1]] = value
        return {**result, "tags": sorted(tags)}, once


def put(params: dict[str, Any], path: str, value: Any) -> None:
    """Set a parameter by its path."""
    first, dot, rest = path.partition(".")
    if path in params or not dot:
        params[path] = value
        return
    inner = params.get(first)
    params[first] = dict(inner) if isinstance(inner, dict) else {}
    put(params[first], rest, value)


def text(context: dict[str, int] | None) -> str | None:
    """Return a context as rows have it."""
    return None if context is None else json.dumps(context, separators=(",", ":"))


class Copy:
    """A ledger in a folder, and what it has seen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs: dict[str, Seen] = {}

    @property
    def led(self) -> ledger.Ledger:
        """Open it anew, as another process does."""
        return ledger.open(str(self.folder))

    def check(self) -> None:
        """The answers of a copy are those of the model."""
        led = self.led
        newest = sorted(self.runs, key=lambda run: (min(s[:2] for s in self.runs[run].said.values())[0], run))[::-1]
        gone = [run for run in newest if run in self.runs[run].gone()]
        assert [state.id for state in led.select()] == [run for run in newest if run not in gone]
        assert [state.id for state in led.removed()] == gone
        for run, seen in self.runs.items():
            state = led.state(run, retracted=True)
            annotated, once = seen.annotated()
            assert {key: getattr(state, key) for key in annotated} == annotated
            assert {text.split(" was set at once")[0] for text in state.conflicts} == once
            assert (state.status, state.attempts, state.notices) == (seen.status(), seen.attempt(), [])
            close = seen.close()
            assert state.finished == (None if close is None else close.time)
            entries = [(s.id, s.kind, s.id in seen.gone()) for s in sorted(seen.said.values(), key=lambda s: s[:2])]
            assert [(e.id, e.kind, e.retracted) for e in state.entries] == entries
            for which in ("stored", "valid", "shown"):
                expected = [(*row[:3], row.time, row.value) for row in getattr(seen, which)()]
                rows, _ = fold.rows(led.tree, run, which)
                columns = (column.tolist() for column in (rows.key, rows.step, rows.time, rows.value))
                found = [
                    (*rows.keys[k], None if s == NO_STEP else s, t, v) for k, s, t, v in zip(*columns, strict=True)
                ]
                assert sorted(found, key=repr) == sorted(expected, key=repr), which
            assert sum(summary.count for summary in state.metrics.values()) == len(seen.shown())


def answers(folder: Path) -> list[str]:
    """Return what the reading commands print."""

    def ask(*words: str) -> str:
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")
        with contextlib.redirect_stdout(out), contextlib.chdir(folder):
            assert run_command_line(list(words)) == 0, words
        out.flush()
        return str(out.buffer.getvalue().decode())  # type: ignore[attr-defined]

    lists = [ask("ls", "--json"), ask("ls", "--removed", "--json"), ask("export")]
    return lists + [ask("show", run["id"], "--json") for run in json.loads(lists[0])["runs"]]
