"""One ledger: the runs of a `.ledger` folder, and what can be asked of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

from ledger.api.logged import LoggedRun
from ledger.errors import AmbiguousRun, Damage, InvalidValue, NoSuchChart, NoSuchRun, RunRetracted, UsageError, warn
from ledger.format import names, values
from ledger.store.tree import Tree

if TYPE_CHECKING:
    import pandas as pd

    from ledger.record.adding import Logged
    from ledger.record.calls import Call, ChartFile
    from ledger.record.repair import Repaired
    from ledger.record.sweep import Swept
    from ledger.schema import Schema
    from ledger.store.audit.findings import Report
    from ledger.store.catalog import Catalog
    from ledger.store.state import Chart, RunState
    from ledger.table.compare import Comparison
    from ledger.table.diff import RunDiff
    from ledger.table.overview import Overview


class Ledger:
    """One ledger: the runs of a `.ledger` folder, and what can be asked of them."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._catalog: Catalog | None = None
        self._schema: Schema | None = None

    def __repr__(self) -> str:
        return f"<ledger.Ledger {self.tree.root}>"

    @property
    def path(self) -> str:
        """The `.ledger` folder."""
        return self.tree.root

    @property
    def schema(self) -> Schema:
        """What `.ledger-schema` declares; raises InvalidSchema."""
        if self._schema is None:
            from ledger import schema

            text = self.tree.schema_text()
            self._schema = schema.EMPTY if text is None else schema.parse(text)
        return self._schema

    @property
    def catalog(self) -> Catalog:
        """The states of all runs, as of now."""
        if self._catalog is None:
            from ledger.store.catalog import Catalog

            self._catalog = Catalog(self.tree)
        self._catalog.refresh()
        return self._catalog

    @property
    def damaged(self) -> dict[str, Damage]:
        """The runs that could not be read, by id, with the reason of each."""
        return {} if self._catalog is None else self._catalog.damaged

    def author(self) -> str:
        """Return who writes: LEDGER_AUTHOR, else git's user, else the system's."""
        from ledger.record import provenance

        return provenance.author(self.tree.top)

    # Which runs

    def resolve(self, run: str) -> str:
        """Return the id of the run that a selector means; raises NoSuchRun or AmbiguousRun."""
        from ledger.format.ids import is_run_id
        from ledger.format.layout import run_folder

        if is_run_id(run) and (self.tree.names(run_folder(run)) or self.tree.names(f"journal/{run}")):
            return run  # no catalog: `ledger log --run ID` in a loop must stay quick
        return self.state(run).id

    def state(self, run: str, *, retracted: bool = False) -> RunState:
        """Return all that is known of the run that a selector means; raises NoSuchRun or AmbiguousRun."""
        from ledger.table import select

        return select.one(self.catalog, run, self.schema, retracted=retracted)

    def select(
        self,
        *runs: str,
        where: str | None = None,
        sort: str | Sequence[str] = (),
        limit: int | None = None,
        status: Sequence[str] = (),
    ) -> list[RunState]:
        """Return the runs that selectors name and the filter `where` lets pass; all, newest first, without any."""
        from ledger.table import select

        sorts = [sort] if isinstance(sort, str) else sort
        found = select.many(self.catalog, self.schema, runs, where=where, sort=sorts, limit=limit, status=status)
        for damage in self.damaged.values() if not runs or where else ():
            warn(f"left out: {damage}")
        return found

    def removed(self) -> list[RunState]:
        """Return the runs that were taken out of view, newest first."""
        return self.catalog.states(retracted=True)

    def overview(self, states: Sequence[RunState], columns: Sequence[str] = ()) -> Overview:
        """Return the table of these runs: the columns asked for, or those a list shows unasked."""
        from ledger.table import overview

        return overview.overview(states, columns, self.schema)

    def status(self) -> dict[str, Any]:
        """Say what is going on: runs by status, unclosed and stale ones, what git would leave out."""
        from ledger.record import condition

        return condition.condition(self.tree, self.catalog.states())

    def stale(self) -> list[str]:
        """Return the runs that `finish_stale` would take up, by id."""
        from ledger.record import condition

        return condition.stale(self.tree)

    def runs(
        self,
        *runs: str,
        where: str | None = None,
        sort: str | Sequence[str] = (),
        limit: int | None = None,
        columns: Sequence[str] = (),
    ) -> pd.DataFrame:
        """Return one row a run: id, name, status, created, finished, tags, params.* and the last value of each metric.

        `columns` chooses others, such as `min:train/loss`, `best:val/auc` or `params.lr`.
        """
        from ledger.table import overview

        return overview.frame(self.select(*runs, where=where, sort=sort, limit=limit), columns, self.schema)

    def run(self, run: str) -> LoggedRun:
        """Return a handle on one run, to read it and to add to it; raises NoSuchRun or AmbiguousRun."""
        return LoggedRun(self, self.resolve(run))

    # What they hold

    def metrics(self, *runs: str, where: str | None = None, rows: str = "shown") -> pd.DataFrame:
        """Return the rows of runs as one DataFrame: run, metric, context, step, time, value, undefined.

        `rows` is `shown` (one a metric, context and step), `valid` (less what a resumed attempt replaced) or `stored`.
        """
        from ledger.table import frames

        if rows not in ("shown", "valid", "stored"):
            raise InvalidValue(f"rows={rows!r}", hint="one of 'shown', 'valid', 'stored'")
        return frames.frame(self.tree, [state.id for state in self.select(*runs, where=where)], rows)

    def compare(
        self, *runs: str, where: str | None = None, metrics: Sequence[str] = (), only_changed: bool = False
    ) -> Comparison:
        """Set runs side by side: params, last values, the best of each metric with a known goal."""
        from ledger.table import compare

        states = self.select(*runs, where=where)
        return compare.compare(states, self.schema, metrics=metrics, only_changed=only_changed)

    def diff(self, a: str, b: str, *, metrics: Sequence[str] = ()) -> RunDiff:
        """Say what differs between two runs: params, metrics with a verdict, charts, packages, commit."""
        from ledger.table import diff

        return diff.diff_runs(self.state(a), self.state(b), self.schema, metrics=metrics)

    def export(self, *runs: str, where: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield the valid rows of runs: run, metric, context, step, time (us), value."""
        from ledger.table import frames

        return frames.plain(self.tree, [state.id for state in self.select(*runs, where=where)])

    def write_rows(self, file: IO[bytes], form: str, *runs: str, where: str | None = None) -> None:
        """Write the valid rows of runs to an open file, as `jsonl`, `csv` or `parquet`."""
        from ledger.table import export

        export.write(self.tree, [state.id for state in self.select(*runs, where=where)], form, file)

    def chart(self, run: str, name: str, step: int | None = None) -> bytes:
        """Return the bytes of a chart of a run: at `step`, else the one without a step, else the last."""
        return self.blob(self.find_chart(run, name, step))

    def find_chart(self, run: str, name: str, step: int | None = None) -> Chart:
        """Return what is known of a chart; raises NoSuchChart naming those there are."""
        state = self.state(run)
        series = [c for c in state.charts if names.metric_key(c.name, c.context) == name or c.name == name]
        if not series:
            known = ", ".join(dict.fromkeys(c.name for c in state.charts)) or "no charts"
            raise NoSuchChart(
                f"the run {state.id} has no chart {name!r}; it has {known}", hint=f"ledger charts {state.id}"
            )
        if step is None:
            return max(series, key=lambda c: (c.step is None, c.step or 0))
        for chart in series:
            if chart.step == step:
                return chart
        steps = ", ".join("one without a step" if c.step is None else str(c.step) for c in series[:20])
        raise NoSuchChart(f"the chart {name!r} of {state.id} has no step {step}; it has {steps}")

    def blob(self, chart: Chart) -> bytes:
        """Return the bytes of a chart; raises DamagedFile."""
        from ledger.store import blobs

        return blobs.get(self.tree, chart.blob, chart.extension)

    def blob_path(self, chart: Chart) -> str:
        """Return where the bytes of a chart lie."""
        from ledger.store import blobs

        return blobs.path(self.tree, chart.blob, chart.extension)

    # Whether they can be trusted

    def verify(
        self,
        *,
        fast: bool = False,
        rows: bool = False,
        secrets: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Report:
        """Check everything under `.ledger` and report what is found; nothing is changed, and nothing stops it.

        `fast` looks at names and sizes only; else every hash and every entry is checked, with `rows` every row, and
        with `secrets` whether texts look like credentials. `progress` is told the bytes done and the bytes in all.
        """
        from ledger import git
        from ledger.record import redact
        from ledger.store.audit import exposure, verify

        if fast and (rows or secrets):
            raise UsageError("a fast check opens no file, so it sees neither rows nor secrets")
        redaction = exposure.Redaction(redact.redact_text, redact.redact_argv, redact.redact_url) if secrets else None
        tracked = [f"journal/{path}" for path in git.tracked(self.tree.path("journal"))]
        return verify.verify(self.tree, fast=fast, rows=rows, redact=redaction, tracked=tracked, progress=progress)

    # What is said of them afterwards

    def tag(self, run: str, *tags: str, reason: str | None = None) -> None:
        """Add tags to a run; `-old` removes one."""
        from ledger.record import annotations

        for tag in tags:
            names.check_text("tag", tag.lstrip("+-"))
        self._annotate(run, annotations.tag_operations(list(tags)), reason)

    def note(self, run: str, text: str) -> None:
        """Set the note of a run."""
        from ledger.record import annotations

        self._annotate(run, [annotations.set_operation("note", text)], None)

    def rename(self, run: str, name: str) -> None:
        """Give a run another name; its id stays."""
        from ledger.record import annotations

        self._annotate(run, [annotations.set_operation("name", names.check_run_name(name))], None)

    def set_params(self, run: str, params: Any, reason: str | None = None) -> None:
        """Add or change params of a run."""
        from ledger.record import annotations

        self._annotate(run, annotations.param_operations(values.to_params(params)), reason)

    def remove(self, run: str, reason: str | None = None) -> str:
        """Take a run out of every view; its files stay, and `restore` brings it back. Returns its id."""
        from ledger.record import annotations

        id = self.resolve(run)
        annotations.retract(self.tree, id, self.author(), reason)
        return id

    def restore(self, run: str, reason: str | None = None) -> str:
        """Bring a removed run back. Returns its id."""
        from ledger.record import annotations

        id = self.state(run, retracted=True).id
        annotations.restore(self.tree, id, self.author(), reason)
        return id

    def log(
        self,
        run: str,
        calls: Sequence[Call] = (),
        *,
        charts: Sequence[ChartFile] = (),
        params: Any = None,
        tags: Sequence[str] = (),
        note: str | None = None,
        reason: str | None = None,
    ) -> Logged:
        """Add metrics, charts, params, tags and a note to a run; a plain name that no run has makes a closed one.

        Everything is checked before anything is written.
        """
        from ledger.record import adding

        checked = adding.check(calls, charts, params, tags, note, reason)
        try:
            id = self.resolve(run)
        except NoSuchRun as error:
            from ledger.table import select

            if isinstance(error, AmbiguousRun) or not select.is_plain_name(run):
                raise
            if gone := select.removed(self.catalog, run):
                hint = f"bring it back: ledger restore {gone}; or give the new run another name"
                raise RunRetracted(f"the run {run!r} ({gone}) was removed from view", hint=hint) from None
            near = select.nearest_names(self.catalog, run)
            return adding.create(self.tree, run, checked)._replace(near=near)
        return adding.add(self.tree, id, checked, self.author)

    def check_log(
        self, run: str, calls: Sequence[Call] = (), *, charts: Sequence[ChartFile] = (), **given: Any
    ) -> str | None:
        """Check what `log` would be given and write nothing; return the id of the run, None if it would be made."""
        from ledger.record import adding
        from ledger.table import select

        adding.check(calls, charts, given.get("params"), given.get("tags", ()), given.get("note"), given.get("reason"))
        try:
            return self.resolve(run)
        except NoSuchRun:
            if not select.is_plain_name(run):
                raise
            return None

    def is_open(self, run: str) -> bool:
        """Say whether the run that a selector means is there and not closed."""
        try:
            return self.state(run).finished is None
        except NoSuchRun:
            return False

    def _annotate(self, run: str, operations: list[Any], reason: str | None) -> None:
        from ledger.record import annotations

        annotations.annotate(self.tree, self.resolve(run), operations, self.author(), reason)

    def finish(self, run: str, status: str | None = None, *, force: bool = False) -> Any:
        """Seal what is left of a run and close it: as `status`, or as interrupted if its process died."""
        from ledger.record import finishing

        return finishing.finish(self.tree, self.resolve(run), self.author(), status, force=force)

    def finish_stale(self) -> dict[str, Any]:
        """Seal and close every run whose process is gone, and shared ones idle for a day; what was done by id."""
        from ledger.record import finishing

        return finishing.finish_stale(self.tree, self.author())

    def repair(self, *, dry_run: bool = False, absent: bool = False) -> Repaired:
        """Bring damaged files back from git or journals, else set them aside; seal journals that nobody holds.

        Nothing is deleted. With `absent`, files that are not here at all, as in a sparse checkout, come back too.
        """
        from ledger.record import repair

        return repair.repair(self.tree, self.author(), dry_run=dry_run, absent=absent)

    def gc(self, *, dry_run: bool = True, older_than: int = 14) -> Swept:
        """Remove blobs and segments that nothing names in any branch, stash, index, work tree or journal.

        Only those not written for `older_than` days, at least 14. Raises Undecided where not all of that can be read.
        """
        from ledger.record import sweep

        return sweep.sweep(self.tree, dry_run=dry_run, older_than=older_than)
