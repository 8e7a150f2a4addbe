"""One ledger, asked: its runs, their rows and charts, as of now or as a commit has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, Self

from ledger.errors import Damage, InvalidValue, NoSuchChart, warn
from ledger.format import names
from ledger.store.tree import Tree

if TYPE_CHECKING:
    import pandas as pd

    from ledger.api.revisions import Revisions
    from ledger.schema import Schema
    from ledger.store.catalog import Catalog
    from ledger.store.state import Chart, RunState
    from ledger.table.compare import Comparison
    from ledger.table.diff import RunDiff
    from ledger.table.frames import Source
    from ledger.table.overview import Overview


class Reading:
    """What can be asked of a ledger; `Ledger` adds what can be done to it."""

    def __init__(self, tree: Tree, here: Catalog | None = None) -> None:
        self.tree = tree
        self._here = here  # the catalog of the work tree, where this is a revision of it
        self._catalog: Catalog | None = None
        self._schema: Schema | None = None
        self._revisions: Revisions | None = None
        self._at: dict[str, Self] = {}

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
        found = self._remembered
        found.refresh()
        return found

    @property
    def _remembered(self) -> Catalog:
        if self._catalog is None:
            from ledger.store.catalog import Catalog
            from ledger.store.revision import Revision

            if isinstance(self.tree, Revision):
                from ledger.store.revision_catalog import RevisionCatalog

                self._catalog = RevisionCatalog(self.tree, self._here)
            else:
                self._catalog = Catalog(self.tree)
        return self._catalog

    @property
    def damaged(self) -> dict[str, Damage]:
        """The runs that could not be read, by id, with the reason of each."""
        mine = {} if self._catalog is None else self._catalog.damaged
        return mine | {f"{rev}:{run}": damage for rev, at in self._at.items() for run, damage in at.damaged.items()}

    # As of when

    @property
    def revisions(self) -> Revisions:
        """The commits of the repository that the ledger is in."""
        if self._revisions is None:
            from ledger.api.revisions import Revisions

            self._revisions = Revisions(self.tree)
        return self._revisions

    def at(self, rev: str, *, empty: bool = False) -> Self:
        """Return the ledger as a commit, branch or tag has it; nothing is checked out, and nothing can be added to it.

        Raises NoSuchRevision where git knows none of that name or it has no ledger (with `empty`, one without runs),
        and Undecided where a shallow or partial clone does not have what is needed.
        """
        if rev not in self._at:
            tree = self.revisions.tree(rev, empty=empty)
            self._at[rev] = type(self)(tree, self._here or self._remembered)
        return self._at[rev]

    # Which runs

    def state(self, run: str, *, retracted: bool = False) -> RunState:
        """Return all that is known of the run that a selector means; raises NoSuchRun or AmbiguousRun.

        A run as a revision has it, such as `main:baseline`, has that revision before its id.
        """
        from ledger.table import select

        rev, word = names.split_revision(run)
        if rev is None:
            return select.one(self.catalog, word, self.schema, retracted=retracted)
        return select.qualified(rev, self.at(rev).state(word, retracted=retracted))

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
        if any(names.split_revision(word)[0] is not None for word in runs):
            chosen = {state.id: state for word in runs for state in self._named(word)}
            found = select.narrow(list(chosen.values()), self.schema, where, sorts, limit, status)
        else:
            found = select.many(self.catalog, self.schema, runs, where=where, sort=sorts, limit=limit, status=status)
        for damage in self.damaged.values() if not runs or where else ():
            warn(f"left out: {damage}")
        return found

    def _named(self, word: str) -> list[RunState]:
        from ledger.table import select

        rev, rest = names.split_revision(word)
        if rev is None:
            return select.many(self.catalog, self.schema, [word])
        return [select.qualified(rev, state) for state in self.at(rev)._named(rest)]

    def _source(self, id: str) -> Source:
        """Return where the rows of a run are that `select` gave by this id."""
        from ledger.table.frames import Source

        rev, run = id.rpartition(":")[::2]
        return Source(id, self.at(rev)._source(run).tree if rev else self.tree, run)

    def removed(self) -> list[RunState]:
        """Return the runs that were taken out of view, newest first."""
        return self.catalog.states(retracted=True)

    def overview(self, states: Sequence[RunState], columns: Sequence[str] = ()) -> Overview:
        """Return the table of these runs: the columns asked for, or those a list shows unasked."""
        from ledger.table import overview

        return overview.overview(states, columns, self.schema)

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

    # What they hold

    def metrics(self, *runs: str, where: str | None = None, rows: str = "shown") -> pd.DataFrame:
        """Return the rows of runs as one DataFrame: run, metric, context, step, time, value, undefined.

        `rows` is `shown` (one a metric, context and step), `valid` (less what a resumed attempt replaced) or `stored`.
        """
        from ledger.table import frames

        if rows not in ("shown", "valid", "stored"):
            raise InvalidValue(f"rows={rows!r}", hint="one of 'shown', 'valid', 'stored'")
        return frames.frame([self._source(state.id) for state in self.select(*runs, where=where)], rows)

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

        return frames.plain([self._source(state.id) for state in self.select(*runs, where=where)])

    def write_rows(self, file: IO[bytes], form: str, *runs: str, where: str | None = None) -> None:
        """Write the valid rows of runs to an open file, as `jsonl`, `csv` or `parquet`."""
        from ledger.table import export

        export.write([self._source(state.id) for state in self.select(*runs, where=where)], form, file)

    def home(self, run: str) -> tuple[Self, str]:
        """Return the ledger that a selector speaks of (of `main` in `main:baseline`), and the rest of it."""
        rev, word = names.split_revision(run)
        return (self, run) if rev is None else self.at(rev).home(word)

    def chart(self, run: str, name: str, step: int | None = None) -> bytes:
        """Return the bytes of a chart of a run: at `step`, else the one without a step, else the last."""
        here, word = self.home(run)
        return here.blob(here.find_chart(word, name, step))

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
