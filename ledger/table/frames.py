"""Rows of chosen runs as one table: for Python as pandas, for `export` as plain rows or Parquet. Loads Arrow."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.errors import Damage, warn
from ledger.store import fold
from ledger.store.tree import Tree

if TYPE_CHECKING:
    import pandas as pd

    from ledger.format.rows import Rows


class Source(NamedTuple):
    """Where the rows of a run are: what it is called in the table, the tree that has it, and its id there."""

    label: str
    tree: Tree
    id: str


COLUMNS = ("run", "metric", "context", "step", "time", "value", "undefined")


def rows_of(
    runs: Sequence[Source], which: str, damaged: dict[str, Damage] | None = None
) -> Iterator[tuple[Source, "Rows", dict[tuple[str, int], str]]]:
    """Yield the rows of runs and the reasons of undefined ones. The catalog may not know that files were damaged since.

    With `damaged`, a run that cannot be read is left out with a warning, and noted there by its label; without, its
    damage is raised when the other runs are done.
    """
    lost: Damage | None = None
    for run in runs:
        try:
            rows, reasons = fold.rows(run.tree, run.id, which)
        except (Damage, OSError) as error:
            damage = error if isinstance(error, Damage) else fold.unreadable(run.id, error)
            if damaged is not None:
                damaged[run.label] = damage
                warn(f"left out: run {run.label}: {damage}")
                continue
            if not isinstance(error, Damage):
                raise
            if lost is not None:
                warn(str(lost))
            lost = damage
            continue
        yield run, rows, reasons
    if lost is not None:
        raise lost


def frame(runs: Sequence[Source], which: str = "shown", damaged: dict[str, Damage] | None = None) -> "pd.DataFrame":
    """Return the rows of runs, sorted by metric, context and step within each run, as a DataFrame; see `rows_of`.

    Columns: run, metric, context (canonical JSON or missing), step (Int64, missing for null), time (datetime64[us,
    UTC]), value (float64), undefined (the reason, else missing).
    """
    import numpy as np
    import pandas as pd

    from ledger.format.rows import NO_STEP

    parts = []
    for run, rows, reasons in rows_of(runs, which, damaged):
        n = len(rows)
        metrics = np.array([name for name, _ in rows.keys] or [""], dtype=object)
        contexts = np.array([context for _, context in rows.keys] or [None], dtype=object)
        no_step = rows.step == NO_STEP
        undefined = np.full(n, None, dtype=object)
        for i in np.flatnonzero(rows.undefined):
            undefined[i] = reasons.get((rows.writers[rows.writer[i]], int(rows.seq[i])), "undefined")
        parts.append(
            {
                "run": np.full(n, run.label, dtype=object),
                "metric": metrics[rows.key],
                "context": contexts[rows.key],
                "step": np.where(no_step, 0, rows.step),
                "no_step": no_step,
                "time": rows.time,
                "value": rows.value,
                "undefined": undefined,
            }
        )
    whole = {
        name: np.concatenate([part[name] for part in parts]) if parts else np.zeros(0, object)
        for name in [*COLUMNS, "no_step"]
    }
    return pd.DataFrame(
        {
            "run": pd.array(whole["run"], dtype="str"),
            "metric": pd.array(whole["metric"], dtype="str"),
            "context": pd.array(whole["context"], dtype="str"),
            "step": pd.arrays.IntegerArray(whole["step"].astype(np.int64), whole["no_step"].astype(np.bool_)),
            "time": pd.DatetimeIndex(whole["time"].astype("datetime64[us]")).tz_localize("UTC"),
            "value": whole["value"].astype(np.float64),
            "undefined": pd.array(whole["undefined"], dtype="str"),
        }
    )


def plain(
    runs: Sequence[Source], which: str = "valid", damaged: dict[str, Damage] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of runs as plain values: run, metric, context (a mapping), step, time (us), value, undefined.

    Absent ones are left out; `value` is None for an undefined one. Runs that cannot be read: see `rows_of`.
    """
    import json

    from ledger.format.rows import NO_STEP

    for run, rows, reasons in rows_of(runs, which, damaged):
        contexts = [None if context is None else json.loads(context) for _, context in rows.keys]
        columns = (rows.key, rows.step, rows.time, rows.value, rows.undefined, rows.writer, rows.seq)
        for key, step, time, value, undefined, writer, seq in zip(*(c.tolist() for c in columns), strict=True):
            row: dict[str, Any] = {"run": run.label, "metric": rows.keys[key][0]}
            if contexts[key] is not None:
                row["context"] = contexts[key]
            if step != NO_STEP:
                row["step"] = step
            row["time"] = time
            row["value"] = None if undefined else value
            if undefined:
                row["undefined"] = reasons.get((rows.writers[writer], seq), "undefined")
            yield row


def parquet(runs: Sequence[Source], which: str = "valid", damaged: dict[str, Damage] | None = None) -> bytes:
    """Return the rows of runs as one Parquet file, in the columns of a segment; see `rows_of`."""
    from ledger.format import columns as segment

    return segment.encode_many([(run.label, rows) for run, rows, _ in rows_of(runs, which, damaged)])
