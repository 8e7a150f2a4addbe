"""What `history` is asked for: every value of one cell, or a metric along the commits; what git says is put in here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ledger.errors import Damage, LedgerError, NoSuchMetric, NoSuchRevision, NoSuchRun, Undecided, UsageError
from ledger.format import layout, names
from ledger.git import log
from ledger.git.repository import Commit
from ledger.store import run_folder
from ledger.store.revision import Revision
from ledger.store.revision_catalog import RevisionCatalog
from ledger.store.run_folder import RunFolder
from ledger.store.state import RunState
from ledger.table import columns, evolution, select
from ledger.table.evolution import MetricHistory, Reader, Step

if TYPE_CHECKING:
    from ledger.api.reading import Reading
    from ledger.git.log import LineCommit
    from ledger.table.history import CellHistory

_DAY_AND_RUN = 2  # how deep the folders of runs lie below `runs`


class Asked(NamedTuple):
    """What was asked beside the words: of a cell `step` and `every` step; of a line of commits all else."""

    step: int | None = None
    context: Mapping[str, Any] | None = None
    goal: str | None = None
    where: str | None = None
    newest: bool = False
    limit: int | None = None
    every: bool = False


def past(here: Reading, words: Sequence[str], asked: Asked) -> CellHistory | MetricHistory:
    """Return every value of RUN METRIC, or METRIC along the commits; see `Reading.history`."""
    if len(words) == 1:
        if asked.step is not None:
            raise UsageError("a step is one of a run's", hint=f"ledger history RUN {words[0]} --step {asked.step}")
        return of_metric(here, words[0], asked)
    if len(words) != 2:
        raise UsageError(
            f"history takes a metric, or a run and a metric, not {len(words)} words",
            hint="ledger history val/auc, or ledger history baseline val/auc",
        )
    given = {"--goal": asked.goal, "--filter": asked.where, "--newest": asked.newest, "--limit": asked.limit}
    if wrong := [option for option, value in given.items() if value not in (None, False)]:
        raise UsageError(
            f"{wrong[0]} is about a line of commits, not about one run", hint=f"ledger history {words[1]} {wrong[0]}"
        )
    return of_cell(here, words[0], words[1], asked)


def _with_context(name: str, context: Mapping[str, Any] | None) -> str:
    """Return the canonical key of a metric that a word and a context name."""
    try:
        bare, own = names.parse_key(name)
        names.check_metric(bare)
        if context and own is not None:
            raise UsageError(f"{name!r} has a context already", hint="give one of the two")
        return names.metric_key(bare, names.canonical_context(context) if context else own)
    except UsageError:
        raise
    except ValueError as error:
        raise UsageError(f"{name!r} names no metric: {error}") from None


def of_cell(here: Reading, run: str, metric: str, asked: Asked) -> CellHistory:
    """Return every value that a metric of a run had, at a step or at all, with the commits that brought them."""
    from ledger.table import history  # which needs arrays; a line of commits does not

    home, word = here.home(run)
    state = _even_removed(home, word)
    key = _with_context(metric.removeprefix("metrics."), asked.context)
    found = history.cell(home.tree, state, key, home.schema, step=asked.step, every=asked.every)
    return _with_commits(home, found)


def _even_removed(here: Reading, word: str) -> RunState:
    try:
        return here.state(word)
    except NoSuchRun as error:
        try:
            return here.state(word, retracted=True)
        except NoSuchRun:
            raise error from None


def _with_commits(here: Reading, found: CellHistory) -> CellHistory:
    """Add the commits that first had the entries; what cannot be told is left out and said."""
    notices = list(found.notices)
    try:
        commit = here.tree.commit if isinstance(here.tree, Revision) else here.revisions.commit("HEAD")
    except NoSuchRevision:
        return found
    if commit is None:  # nothing was ever committed
        return msgspec.structs.replace(found, has_commits=True)
    path = here.revisions.inside(f"{layout.FOLDER}/{here.tree.folder_of(found.run)}")
    known = log.additions(here.revisions.repository, commit.object, path)
    if known is None:
        notices.append(f"which commits brought these values is not known here; {run_folder.FETCH}")
        return msgspec.structs.replace(found, notices=notices)
    values = []
    for value in found.values:
        by = None if value.file is None else known.commits.get(f"{path}/{value.file}")
        values.append(msgspec.structs.replace(value, commit=None if by in known.cut else by))
    cut = {known.commits.get(f"{path}/{value.file}") for value in found.values} & known.cut
    if cut:
        notices.append("the clone is shallow, so older commits are not known here: git fetch --unshallow")
    return msgspec.structs.replace(found, values=values, has_commits=not cut, notices=notices)


def of_metric(here: Reading, word: str, asked: Asked) -> MetricHistory:
    """Return the best value of a metric, or that of the newest run, at each commit of the first-parent line."""
    if asked.limit is not None and asked.limit < 0:
        raise UsageError(f"the limit must not be negative: {asked.limit}")
    at = here if isinstance(here.tree, Revision) else here.at("HEAD", empty=True)
    column = evolution.column(word)
    key = here.schema.canonical(_with_context(column.name, asked.context))
    column = msgspec.structs.replace(column, name=key)
    metric = here.schema.metric(key)
    goal = {"max": "maximize", "min": "minimize"}.get(asked.goal or "", asked.goal) or metric.goal
    if goal not in ("maximize", "minimize", None):
        raise UsageError(f"the goal is {asked.goal!r}", hint="it may be max or min")
    label = key if column.statistic == "last" else f"{column.statistic}:{key}"
    extreme = column.statistic in ("best", "worst")
    if extreme:  # without a goal it is only asked whether there is any value
        upwards = (goal == "maximize") == (column.statistic == "best")
        column = msgspec.structs.replace(column, statistic="max" if upwards else "min")
    reader = Reader(column, here.schema, asked.where)
    line = _Line(at, reader)
    steps = list(line.steps())
    if not any(value is not None for step in steps for value in step.values.values()) and not line.damaged:
        raise _no_values(here, key, reader, asked.where)
    if goal is None and (not asked.newest or extreme):
        bare = names.parse_key(key)[0]
        raise Undecided(
            f"whether more of {bare!r} is better is not known",
            hint=f'ledger history {word} --goal max (or min); in .ledger-schema: [metric."{bare}"] goal = "maximize"',
        )
    commits = evolution.follow(steps, msgspec.structs.replace(metric, goal=goal), newest=asked.newest)
    shown = [commit for commit in commits if commit.changed or asked.every]
    if asked.limit is not None:
        shown = shown[len(shown) - asked.limit :] if asked.limit < len(shown) else shown
    follow = "newest" if asked.newest else "best"
    return MetricHistory(label, goal, follow, shown, line.damaged, line.notices)


def _no_values(here: Reading, key: str, reader: Reader, where: str | None) -> LedgerError:
    if where is not None and reader.seen:
        return NoSuchMetric(f"no run that fits has the metric {key!r} at any commit", hint="ask without --filter")
    if select.is_run(here.catalog, key):
        return NoSuchMetric(f"no commit has the metric {key!r}", hint=f"of the run: ledger history {key} METRIC")
    near = columns.nearest(key, sorted(reader.seen))
    hint = f"did you mean {', '.join(near)}?" if near else "is it committed? see: ledger ls; git status .ledger"
    return NoSuchMetric(f"no commit has the metric {key!r}", hint=hint)


class _Line:
    """The first-parent line of the commit that a ledger is read at, and the runs that each commit changed."""

    def __init__(self, at: Reading, reader: Reader) -> None:
        assert isinstance(at.tree, Revision)
        assert isinstance(at.remembered, RevisionCatalog)
        self.tree, self.catalog, self.reader = at.tree, at.remembered, reader
        self.damaged: dict[str, str] = {}
        self.notices: list[str] = []

    def steps(self) -> Iterator[Step]:
        """Yield what each commit did, oldest first; raises Undecided where git does not have all of it here."""
        repository = self.tree.repository
        prefix = f"{self.tree.prefix}/" if self.tree.prefix else ""
        path = f"{prefix}{layout.FOLDER}/runs"
        line = log.first_parents(repository, self.tree.commit.object, path)
        changes = None if line is None else log.touched(repository, line, path, _DAY_AND_RUN)
        if line is None or changes is None:
            raise Undecided(f"git does not have all of the history of {self.tree.rev} here", hint=run_folder.FETCH)
        if repository.run("rev-parse", "--is-shallow-repository") == b"true\n":
            self.notices.append("the clone is shallow, so older commits may be missing: git fetch --unshallow")
        places: dict[str, dict[str, str]] = {}
        moves = [(commit, self._moves(commit, touched, places)) for commit, touched in zip(line, changes, strict=True)]
        folders = {(f.run, f.object): f for _, found in moves for f in found.values() if f is not None}
        known = dict(zip(folders, self._read(list(folders.values())), strict=True))
        self.reader.check()
        for commit, found in moves:
            values: dict[str, evolution.RunValue | None] = {}
            damaged = []
            for run, folder in found.items():
                value = None if folder is None else known[run, folder.object]
                if isinstance(value, Damage):
                    damaged.append(run)
                    self.damaged.setdefault(f"{commit.object[:12]}:{run}", str(value))
                values[run] = None if isinstance(value, Damage) else value
            yield Step(commit, values, damaged)

    def _moves(
        self, commit: LineCommit, touched: list[log.Touched], places: dict[str, dict[str, str]]
    ) -> dict[str, RunFolder | None]:
        """Return the runs that a commit touched, with their folders, None for those that have gone.

        `places` has the folders of each run by day, and is brought up to date: of a run that lies under two days, the
        one counts that lies where it belongs, as everywhere.
        """
        runs = []
        for change in touched:
            if change.link:
                text = f"{change.path} is a symbolic link in {commit.object[:12]}: runs in it are not read"
                self.notices.append(text)
                continue
            day, _, run = change.path.partition("/")
            if not layout.is_run_folder(run):
                continue
            runs.append(run)
            here = places.setdefault(run, {})
            here.pop(day, None)
            if change.object is not None:
                here[day] = change.object
        found: dict[str, RunFolder | None] = {}
        for run in dict.fromkeys(runs):
            days = places[run]
            day = layout.run_folder(run).split("/")[1]
            day = day if day in days else min(days, default="")
            found[run] = self._folder(commit, run, day, days[day]) if days else None
        return found

    def _folder(self, commit: LineCommit, run: str, day: str, object: str) -> RunFolder:
        at, path = Commit(commit.object, commit.tree), f"runs/{day}/{run}"
        return RunFolder(self.tree.repository, at, self.tree.prefix, run=run, folder=path, object=object)

    def _read(self, folders: list[RunFolder]) -> Iterator[evolution.RunValue | Damage | None]:
        for state in self.catalog.states_of(folders):
            yield state if isinstance(state, Damage) else self.reader.value(state)
