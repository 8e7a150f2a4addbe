"""What a backfill or a revert did, or would do: which cells got which value, which runs were left out and why."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ledger.format.values import Undefined

if TYPE_CHECKING:
    import pandas as pd

Value = float | Undefined


class CellChange(msgspec.Struct, frozen=True):
    """One cell, a metric of a run at a step: its value before (None: it had none) and after (None: not computed yet).

    `metric` is a key, with its context; `written` says that the new value is stored.
    """

    run: str
    name: str
    metric: str
    step: int | None
    old: Value | None
    new: Value | None
    written: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the cell, values that there are not left out; an undefined value is null, its reason beside it."""
        found: dict[str, Any] = {"run": self.run, "name": self.name, "metric": self.metric}
        found |= {} if self.step is None else {"step": self.step}
        for field, value in (("old", self.old), ("new", self.new)):
            if isinstance(value, Undefined):
                found |= {field: None, f"{field}_undefined": value.reason}
            elif value is not None:
                found[field] = value
        return found | {"written": self.written}


class ChartChange(msgspec.Struct, frozen=True):
    """A chart of a run that a backfill made, or would make."""

    run: str
    name: str
    chart: str
    step: int | None = None
    written: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the chart, a step that there is not left out."""
        found: dict[str, Any] = {"run": self.run, "name": self.name, "chart": self.chart}
        return found | ({} if self.step is None else {"step": self.step}) | {"written": self.written}


class LeftOut(msgspec.Struct, frozen=True):
    """A run for which something was asked and not done, and why; `hint` is what to type next.

    `damaged`: a file that had to be read cannot be trusted.
    """

    run: str
    name: str
    why: str
    hint: str | None = None
    damaged: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the run and the reason."""
        found = {"run": self.run, "name": self.name, "why": self.why}
        return found | ({} if self.hint is None else {"hint": self.hint})


class Backfilled(msgspec.Struct, frozen=True):
    """What a backfill did, or with `dry_run` would do.

    `cells` and `charts` were written, or would be. `same` counts cells that had that value already, or whose value was
    computed from the same inputs. `other` counts cells that hold a value of another origin and were left alone; where
    the caller gave values for them, `kept` has them. `entries` has the entry of each run that something was written to.
    """

    cells: list[CellChange] = []
    left_out: list[LeftOut] = []
    same: int = 0
    other: int = 0
    kept: list[CellChange] = []
    charts: list[ChartChange] = []
    entries: dict[str, str] = {}
    dry_run: bool = False
    notices: Sequence[str] = ()

    @property
    def complete(self) -> bool:
        """Say whether all that was asked for was done, or had been before."""
        return not self.left_out and not self.kept

    def to_json(self) -> dict[str, Any]:
        """Return the document of `backfill --json`; numbers that are not finite stay floats."""
        found: dict[str, Any] = {"schema": "ledger.backfill/1", "dry_run": self.dry_run}
        found["cells"] = [cell.to_json() for cell in self.cells]
        if self.charts:
            found["charts"] = [chart.to_json() for chart in self.charts]
        found |= {"same": self.same, "other": self.other}
        if self.kept:
            found["kept"] = [cell.to_json() for cell in self.kept]
        found["left_out"] = [left.to_json() for left in self.left_out]
        found["entries"] = dict(self.entries)
        return found | ({"notices": list(self.notices)} if self.notices else {})

    def frame(self) -> "pd.DataFrame":
        """Return one row a cell: run, name, metric, step, old, new (NaN where there is none), undefined, written.

        `undefined` is the reason of a new value that there is not.
        """
        import pandas as pd

        rows = [
            {
                "run": cell.run,
                "name": cell.name,
                "metric": cell.metric,
                "step": cell.step,
                "old": _number(cell.old),
                "new": _number(cell.new),
                "undefined": cell.new.reason if isinstance(cell.new, Undefined) else None,
                "written": cell.written,
            }
            for cell in self.cells
        ]
        columns = ["run", "name", "metric", "step", "old", "new", "undefined", "written"]
        texts = dict.fromkeys(("run", "name", "metric", "undefined"), "str")
        kinds = {"step": "Int64", "old": "float64", "new": "float64", "written": "bool"}
        return pd.DataFrame(rows, columns=columns).astype(kinds | texts)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in the middle of a backfill; the message says how much of it was done, and is kept."""


class Reverted(msgspec.Struct, frozen=True):
    """An entry that was taken out of view, or would be; `run` is empty for labels, which are of no single one.

    `by` is the entry that says so, None in a dry run. `cells` are those whose shown value changes: from `old` to
    `new`, None where there is no value any more.
    """

    entry: str
    kind: str
    run: str
    name: str
    by: str | None
    cells: list[CellChange] = []

    def to_json(self) -> dict[str, Any]:
        """Return the object of one entry in `revert --json`."""
        found: dict[str, Any] = {"entry": self.entry, "kind": self.kind}
        found |= {"run": self.run, "name": self.name} if self.run else {}
        found |= {} if self.by is None else {"by": self.by}
        return found | {"cells": [cell.to_json() for cell in self.cells]}


def _number(value: Value | None) -> float:
    return value if isinstance(value, float) else float("nan")
