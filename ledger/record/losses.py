"""What is gone with a committed file, as exactly as what is left can say: which rows, entry, charts or predictions.

Nothing here repairs; `repair` asks when a file could not be brought back.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from ledger.errors import Damage
from ledger.format import entries as form
from ledger.format import ids, layout
from ledger.store import files
from ledger.store.tree import Tree

_TOLD_MAX = 20  # charts and columns that a sentence names


class Gone(NamedTuple):
    """Something that could not be brought back: a file, what it held in a sentence, and the same in parts.

    `details`, where they apply: run, entry, time (us), rows, metrics ({key: {count, last_step}}), writers ([{writer,
    first, last}], the seqs), charts ([{run, name, step}]), predictions ([{run, column, rows, split, step}]), labels
    ([{column, rows, time}]), bytes and seqs ([[first, last]]) of a journal.
    """

    path: str
    kind: str  # segment, entry, blob, journal
    text: str
    details: dict[str, Any]


class Known:
    """The entries that can be read, of a ledger or of some run folders; what refers to a file is looked up here."""

    def __init__(self, tree: Tree, folders: Sequence[str] | None = None) -> None:
        self.tree = tree
        self.rows: dict[str, list[tuple[str, form.Rows]]] = {}
        self.entries: dict[str, dict[str, form.Entry]] = {}  # by folder and id; all folders of the log are one
        for folder in run_folders(tree) + log_folders(tree) if folders is None else folders:
            self._look(folder)

    def _look(self, folder: str) -> None:
        for name in self.tree.names(folder):
            parts = layout.parse_entry_name(name)
            entry = read_entry(self.tree, f"{folder}/{name}") if parts else None
            if parts is not None and entry is not None:
                whose = layout.LOG if folder.startswith(f"{layout.LOG}/") else folder
                self.entries.setdefault(whose, {})[parts.id] = entry
                if isinstance(entry, form.Rows):
                    self.rows.setdefault(folder, []).append((name, entry))

    def of_segment(self, path: str) -> tuple[str, form.Rows, form.Segment] | None:
        """Return the entry that names a segment, its file name, and what it says of the segment; None without one."""
        folder, _, name = path.rpartition("/")
        for entry_name, entry in self.rows.get(folder, []):
            for segment in entry.segments:
                if segment.sha256[:16] == name[:16]:
                    return entry_name, entry, segment
        return None

    def charts(self) -> list[tuple[str, form.ChartRef]]:
        """Return every chart that an entry names, with its run."""
        found = []
        for entries in self.rows.values():
            for _, entry in entries:
                charts = list(entry.charts)
                if entry.more_charts is not None:
                    charts += self._more(entry.more_charts.blob)
                found += [(entry.run, chart) for chart in charts]
        return found

    def predictions(self) -> list[tuple[str, form.PredictionsRef, str, form.ColumnRef]]:
        """Return every column of predictions that an entry names: its run, its predictions, its name."""
        return [
            (entry.run, found, name, column)
            for entries in self.rows.values()
            for _, entry in entries
            for found in entry.predictions
            for name, column in found.columns.items()
        ]

    def labels(self) -> list[form.Labels]:
        """Return every entry of labels."""
        return [entry for entry in self.entries.get(layout.LOG, {}).values() if isinstance(entry, form.Labels)]

    def _more(self, blob: str) -> list[form.ChartRef]:
        try:
            data = self.tree.read(layout.blob_path(blob, "json"))
            return form.decode_charts(data) if hashlib.sha256(data).hexdigest() == blob else []
        except (OSError, Damage, ValueError):
            return []

    def referred(self) -> list[str]:
        """Return the paths of the segments and blobs that entries name."""
        paths = []
        for folder, entries in self.rows.items():
            for _, entry in entries:
                paths += [f"{folder}/{s.sha256[:16]}.parquet" for s in entry.segments]
                if entry.more_charts is not None:
                    paths.append(f"blobs/{entry.more_charts.blob[:2]}/{entry.more_charts.blob}.json")
        paths += [f"blobs/{chart.blob[:2]}/{chart.blob}.{chart.extension}" for _, chart in self.charts()]
        columns = [column for _, _, _, column in self.predictions()]
        columns += [column for entry in self.labels() for column in entry.columns.values()]
        paths += [f"blobs/{column.blob[:2]}/{column.blob}.parquet" for column in columns]
        return list(dict.fromkeys(paths))

    def followed(self) -> list[tuple[str, str]]:
        """Return (run folder or `log`, id) of the entries that others followed and that are not here."""
        return [
            (folder, id)
            for folder, found in self.entries.items()
            for id in sorted({before for entry in found.values() for before in entry.after} - set(found))
        ]


def run_folders(tree: Tree, base: str = "") -> list[str]:
    """Return the folders of runs, links left out, relative to `.ledger` or to the folder `base` in it."""
    days = sorted(files.subfolders(tree.path(f"{base}runs")))
    return [f"runs/{day}/{run}" for day in days for run in sorted(files.subfolders(tree.path(f"{base}runs/{day}")))]


def log_folders(tree: Tree, base: str = "") -> list[str]:
    """Return the folders of the log, links left out, relative to `.ledger` or to the folder `base` in it."""
    return [f"{layout.LOG}/{day}" for day in sorted(files.subfolders(tree.path(f"{base}{layout.LOG}")))]


def place(folder: str, name: str) -> str:
    """Return the path of an entry of a run's folder, or of the log, where it lies under its day."""
    return f"{layout.log_folder(name) if folder == layout.LOG else folder}/{name}"


def span(first: int, last: int) -> str:
    """Write a range of seqs, both ends included: `7`, `3 to 4`."""
    return str(first) if first == last else f"{first} to {last}"


def read_entry(tree: Tree, path: str) -> form.Entry | None:
    """Return an entry, or None where it cannot be read or trusted."""
    parts = layout.parse_entry_name(path.rpartition("/")[2])
    try:
        data = tree.read(path)
        if parts is None or hashlib.sha256(data).hexdigest()[:16] != parts.id:
            return None
        return form.decode(data, path)
    except (OSError, Damage):
        return None


def of_file(known: Known, path: str) -> Gone | None:
    """Say what is gone with a committed file; None where no entry names it, so that nobody could see it."""
    if path.startswith("blobs/"):
        return _of_blob(known, path)
    if path.endswith(".parquet"):
        return _of_segment(known, path)
    return _of_entry(known, path)


def _of_segment(known: Known, path: str) -> Gone | None:
    found = known.of_segment(path)
    if found is None:
        return None
    name, entry, segment = found
    metrics = {
        key: {field: line[field] for field in ("count", "last_step") if field in line}
        for key, line in entry.summary.items()
        if isinstance(line, dict)
    }
    steps = [line["last_step"] for line in metrics.values() if isinstance(line.get("last_step"), int)]
    shown = ", ".join(list(metrics)[:8]) + (f" and {len(metrics) - 8} more" if len(metrics) > 8 else "")
    seqs = ", ".join(f"{span(r.first, r.last)} of writer {r.writer}" for r in entry.writers)
    several = f", one of {len(entry.segments)} segments of these" if len(entry.segments) > 1 else ""
    count = "1 row" if segment.rows == 1 else f"{segment.rows} rows"
    upto = f" up to step {max(steps)}" if steps else ""
    text = f"{count} of {shown or 'unknown metrics'}{upto} (seq {seqs}{several}), run {entry.run}"
    details = {
        "run": entry.run,
        "entry": name,
        "rows": segment.rows,
        "metrics": metrics,
        "writers": [{"writer": r.writer, "first": r.first, "last": r.last} for r in entry.writers],
    }
    return Gone(path, "segment", text, details)


def _of_entry(known: Known, path: str) -> Gone | None:
    folder, _, name = path.rpartition("/")
    parts = layout.parse_entry_name(name)
    if parts is None:
        return None
    run = folder.rpartition("/")[2]
    try:
        time = ids.parse_stamp(parts.stamp)
    except ValueError:
        return None
    if path.startswith(f"{layout.LOG}/"):
        return Gone(path, "entry", f"the {parts.kind} of {ids.rfc3339(time)} in the log", {"entry": name, "time": time})
    details: dict[str, Any] = {"run": run, "entry": name, "time": time}
    text = f"the {parts.kind} entry of {ids.rfc3339(time)} of run {run}"
    if parts.kind == "rows":
        named = {f"{s.sha256[:16]}.parquet" for _, entry in known.rows.get(folder, []) for s in entry.segments}
        left = [n for n in known.tree.names(folder) if layout.parse_segment_name(n) and n not in named]
        details["segments"] = left
        if left:
            text += f"; its rows are perhaps those of {', '.join(left)}, which no entry names"
    return Gone(path, "entry", text, details)


def _of_blob(known: Known, path: str) -> Gone | None:
    sha256, _, extension = path.rpartition("/")[2].partition(".")
    charts = [
        {"run": run, "name": chart.name} | ({} if chart.step is None else {"step": chart.step})
        for run, chart in known.charts()
        if (chart.blob, chart.extension) == (sha256, extension)
    ]
    lists = [
        (entry.run, name, entry.more_charts.count)
        for found in known.rows.values()
        for name, entry in found
        if entry.more_charts is not None and entry.more_charts.blob == sha256 and extension == "json"
    ]
    columns: list[dict[str, Any]] = [
        {"run": run, "column": name, "rows": found.rows}
        | {key: value for key, value in (("split", found.split), ("step", found.step)) if value is not None}
        for run, found, name, column in known.predictions()
        if (column.blob, extension) == (sha256, "parquet")
    ]
    texts = [f"the list of {count} charts of {name} of run {run}" for run, name, count in lists]
    for chart in charts[:_TOLD_MAX]:
        step = f" at step {chart['step']}" if "step" in chart else ""
        texts.append(f"the chart {chart['name']}{step} of run {chart['run']}")
    for column in columns[:_TOLD_MAX]:
        of = f" of {column['split']}" if "split" in column else ""
        step = f" at step {column['step']}" if "step" in column else ""
        texts.append(f"the column {column['column']} of predictions{of}{step} of run {column['run']}")
    labels: list[dict[str, Any]] = [
        {"column": name, "rows": entry.rows, "time": entry.time_us}
        for entry in known.labels()
        for name, column in entry.columns.items()
        if (column.blob, extension) == (sha256, "parquet")
    ]
    texts += [f"the column {one['column']} of the labels of {ids.rfc3339(one['time'])}" for one in labels[:_TOLD_MAX]]
    if not texts:
        return None
    left = (len(charts) - _TOLD_MAX, "charts"), (len(columns) - _TOLD_MAX, "columns")
    more = "".join(f" and {count} more {what}" for count, what in left if count > 0)
    details = {"charts": charts} | ({"predictions": columns} if columns else {})
    details |= {"labels": labels} if labels else {}
    return Gone(path, "blob", ", ".join(texts) + more, details)
