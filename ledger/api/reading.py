"""One ledger, asked: its runs, their rows and charts, as of now or as a commit has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Self

from ledger.api.attached import Attached
from ledger.errors import Damage, InvalidValue, warn
from ledger.format import names
from ledger.store.revision import Revision
from ledger.store.tree import Tree

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ledger.api.plotting import Plot
    from ledger.api.reporting import ChangeReport
    from ledger.api.revisions import Revisions
    from ledger.derive.gates import Outcome
    from ledger.schema import Schema
    from ledger.store.catalog import Catalog
    from ledger.store.state import RunState
    from ledger.table.changes import Changes, LedgerDiff
    from ledger.table.compare import Comparison
    from ledger.table.diff import RunDiff
    from ledger.table.evolution import MetricHistory
    from ledger.table.frames import Source
    from ledger.table.history import CellHistory
    from ledger.table.overview import Overview


class Reading(Attached):
    """What can be asked of a ledger; `Ledger` adds what can be done to it."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._catalog: Catalog | None = None
        self._schema: Schema | None = None
        self._revisions: Revisions | None = None
        self._at: dict[str, Self] = {}
        self._unread: dict[str, Damage] = {}  # when their rows were asked for, of which the catalog does not know

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
            self._schema = schema.EMPTY if text is None else schema.parse(text, self._schema_source())
        return self._schema

    def _schema_source(self) -> str:
        return f"{self.tree.rev}:.ledger-schema" if isinstance(self.tree, Revision) else ".ledger-schema"

    @property
    def catalog(self) -> Catalog:
        """The states of all runs, as of now."""
        found = self.remembered
        found.refresh()
        return found

    @property
    def remembered(self) -> Catalog:
        """The catalog as it was last brought up to date; of a commit, what was asked of it before."""
        if self._catalog is None:
            from ledger.store.catalog import Catalog

            if isinstance(self.tree, Revision):
                from ledger.store.revision_catalog import RevisionCatalog

                self._catalog = RevisionCatalog(self.tree)
            else:
                self._catalog = Catalog(self.tree)
        return self._catalog

    @property
    def damaged(self) -> dict[str, Damage]:
        """The runs that could not be read, by id, with the reason of each."""
        mine = self._unread if self._catalog is None else self._catalog.damaged | self._unread
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
            self._at[rev] = type(self)(tree)
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
        self._unread.clear()
        for id, damage in self.damaged.items() if not runs or where else ():
            warn(f"left out: run {id}: {damage}")
        return found

    def _named(self, word: str) -> list[RunState]:
        from ledger.table import select

        rev, rest = names.split_revision(word)
        if rev is None:
            return select.many(self.catalog, self.schema, [word])
        return [select.qualified(rev, state) for state in self.at(rev)._named(rest)]

    def source(self, id: str) -> Source:
        """Return where the rows of a run are that `select` gave by this id."""
        from ledger.table.frames import Source

        rev, run = id.rpartition(":")[::2]
        return Source(id, self.at(rev).source(run).tree if rev else self.tree, run)

    def _asked(
        self, runs: Sequence[str], where: str | None, rows: str
    ) -> tuple[list[Source], str, dict[str, Damage] | None]:
        """Return whose rows are asked for, which, and what takes note of runs to leave out: none that was named."""
        sources = [self.source(state.id) for state in self.select(*runs, where=where)]
        return sources, rows, self._unread if where or not runs else None

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
        return frames.frame(*self._asked(runs, where, rows))

    def compare(
        self,
        *runs: str,
        where: str | None = None,
        metrics: Sequence[str] = (),
        only_changed: bool = False,
        sort: str | None = None,
    ) -> Comparison:
        """Set runs side by side: params, last values, the best of each metric with a known goal.

        `sort` is a column, or `generalization` (`generalization:METRIC`), which adds the index as a row.
        """
        from ledger.table import definitions, ordering

        states = self.select(*runs, where=where)
        found = ordering.compare(states, self.schema, sort, metrics=metrics, only_changed=only_changed)
        rows = {names.parse_key(row.name)[0] for row in found.metrics}
        sources = [self.source(run.id) for run in found.runs]
        found.definitions_differ = definitions.differences(
            found.runs, sources, lambda name: self.schema.canonical(name) in rows
        )
        return found

    def diff(self, *words: str, metrics: Sequence[str] = ()) -> RunDiff | LedgerDiff:
        """Say what differs between two runs, or what became of the ledger from one revision to another.

        Without a word from HEAD to now, with one revision from it to now; `A..B` and `A...B` mean what they mean to
        git. Of runs: params, metrics with a verdict, charts, packages, commit. Of revisions: runs added, removed and
        changed, and what changed in each. Raises AmbiguousRun for a word that is both a run and a revision.
        """
        from ledger.api import differences

        return differences.difference(self, words, metrics)

    def changes(self, old: str, new: str | None = None) -> Changes:
        """Return what became of the runs from a revision to another, or to this ledger as it is."""
        from ledger.api import differences

        after = self if new is None else self.at(new, empty=True)
        return differences.between(self.at(old, empty=True), after)

    def check(
        self,
        *runs: str,
        where: str | None = None,
        min: Mapping[str, float] | None = None,
        max: Mapping[str, float] | None = None,
        max_drop: Mapping[str, float] | None = None,
        max_rise: Mapping[str, float] | None = None,
        required: Sequence[str] = (),
        tolerance: float | None = None,
        min_runs: int | None = None,
        baseline: str | None = None,
        schema: bool = True,
        level: float = 0.95,
        each: bool = False,
        unfinished: bool = False,
    ) -> Outcome:
        """Hold runs against the gates of `.ledger-schema` and these rules; the outcome is pass, fail or undecided.

        Without runs it is about those added or changed since the merge base with the baseline revision, by default the
        branch's upstream. Runs that differ by their seed alone are judged by their mean, unless `each`. Raises
        Undecided where there is no rule, or nobody said since when.

        Args:
            runs: which runs, as everywhere.
            where: only runs that this filter lets pass.
            min: the least last value, by metric: {"val/auc": 0.8}.
            max: the greatest one.
            max_drop: how far below the baseline's it may be.
            max_rise: how far above.
            required: metrics whose absence is a failure.
            tolerance: up to how much a limit may be missed; for every rule.
            min_runs: how many runs a group of repeats must have; for every rule.
            baseline: the run or revision to compare with; for every rule.
            schema: False leaves the gates of `.ledger-schema` out.
            level: of the intervals of means.
            each: judge repeats one by one.
            unfinished: judge runs that are open, or broke off, by the values they have.
        """
        from ledger.api import gate
        from ledger.derive.rules import Demands

        limits = {"min": min, "max": max, "max_drop": max_drop, "max_rise": max_rise}
        given = {kind: values for kind, values in limits.items() if values is not None}
        demands = Demands(given, tuple(required), tolerance, min_runs, baseline)
        return gate.check(
            self, runs, demands, where=where, use_schema=schema, level=level, each=each, unfinished=unfinished
        )

    def history(
        self,
        *words: str,
        step: int | None = None,
        context: Mapping[str, Any] | None = None,
        goal: str | None = None,
        where: str | None = None,
        newest: bool = False,
        limit: int | None = None,
        every: bool = False,
    ) -> CellHistory | MetricHistory:
        """Return every value that a metric of a run ever had (RUN, METRIC), or a metric commit by commit (METRIC).

        Of a run: the value without a step if there is one, else the last step, with those that are not shown and why.
        Of commits: the best run's value at each commit of the first-parent line of HEAD, or of the revision that this
        is, that changed it. Raises NoSuchMetric; for commits Undecided where nobody said which way is better.

        Args:
            words: a run (any selector) and a metric, or a metric alone, such as `val/auc` or `best:val/auc`.
            step: of a run, the step.
            context: of the metric, such as {"fold": 1}.
            goal: of commits, `max` or `min` where the ledger does not know.
            where: of commits, only runs that this filter lets pass.
            newest: of commits, follow the newest run that has the metric.
            limit: of commits, only the newest.
            every: of a run all steps; of commits also those where nothing changed.
        """
        from ledger.api import pasts

        return pasts.past(self, words, pasts.Asked(step, context, goal, where, newest, limit, every))

    def origin(self, state: RunState) -> str | None:
        """Say which commit a run stands for where no branch has the one it recorded, as after a rebase; else None."""
        if not (state.git or {}).get("commit"):
            return None
        from ledger.api import commits

        return commits.origin(self, state).notice

    def report(self, *words: str) -> ChangeReport:
        """Say what became of the ledger between two states, named as for `diff`, and whether the gates let it pass."""
        from ledger.api import reporting

        return reporting.report(self, words)

    def plot(self, kind: str, *runs: str, where: str | None = None, **options: Any) -> Figure:
        """Return the matplotlib figure of `ledger plot KIND`: kind "curves", options such as metrics="loss"."""
        return self.plot_data(kind, *runs, where=where, **options).figure()

    def plot_data(self, kind: str, *runs: str, where: str | None = None, **options: Any) -> Plot:
        """Return what `plot` draws: rows(), to_json(), picture("svg"), figure(). Raises UsageError for an option."""
        from ledger.api import plotting

        return plotting.plotted(self, kind, runs, where, options)

    def plot_chart(self, run: str, name: str, step: int | None = None) -> Plot:
        """Return the plot of a chart that was logged as data, such as `test/roc`; see `plot_data`."""
        from ledger.api import plotting

        return plotting.of_chart(self, run, name, step)

    def export(self, *runs: str, where: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield the valid rows of runs: run, metric, context, step, time (us), value."""
        from ledger.table import frames

        return frames.plain(*self._asked(runs, where, "valid"))

    def write_rows(self, file: IO[bytes], form: str, *runs: str, where: str | None = None) -> None:
        """Write the valid rows of runs to an open file, as `jsonl`, `csv` or `parquet`."""
        from ledger.table import export

        sources, _, damaged = self._asked(runs, where, "valid")
        export.write(sources, form, file, damaged)

    def home(self, run: str) -> tuple[Self, str]:
        """Return the ledger that a selector speaks of (of `main` in `main:baseline`), and the rest of it."""
        rev, word = names.split_revision(run)
        return (self, run) if rev is None else self.at(rev).home(word)
