"""One ledger: what can be asked of it (`reading.py`), checked in it, and added to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ledger.api.labelling import Labelling
from ledger.api.logged import LoggedRun
from ledger.api.reading import Reading
from ledger.errors import AmbiguousRun, NoSuchRun, RunRetracted, UsageError
from ledger.format import names

if TYPE_CHECKING:
    from ledger.derive.outcome import Backfilled, Reverted
    from ledger.record.adding import Logged
    from ledger.record.calls import Call, ChartFile
    from ledger.record.commits import CommitRun, Imported
    from ledger.record.merging import Merged
    from ledger.record.repair import Repaired
    from ledger.record.sweep import Swept
    from ledger.store.audit.findings import Report


class Ledger(Reading, Labelling):
    """One ledger: the runs of a `.ledger` folder, and what can be asked of them and added to them."""

    def author(self) -> str:
        """Return who writes: LEDGER_AUTHOR, else git's user, else the system's."""
        from ledger.record import provenance

        return provenance.author(self.tree.top)

    def run(self, run: str) -> LoggedRun:
        """Return a handle on one run, to read it and to add to it; raises NoSuchRun or AmbiguousRun."""
        return LoggedRun(self, self.resolve(run))

    def resolve(self, run: str) -> str:
        """Return the id of the run that a selector means; raises NoSuchRun or AmbiguousRun."""
        from ledger.format.ids import is_run_id
        from ledger.format.layout import run_folder

        if names.split_revision(run)[0] is not None:
            raise UsageError(
                f"{run!r} is a run as a revision has it, which cannot be changed", hint="leave the revision out"
            )
        if is_run_id(run) and (self.tree.names(run_folder(run)) or self.tree.names(f"journal/{run}")):
            return run  # no catalog: `ledger log --run ID` in a loop must stay quick
        return self.state(run).id

    def status(self) -> dict[str, Any]:
        """Say what is going on: runs by status, unclosed and stale ones, what git would leave out."""
        from ledger.record import condition

        return condition.condition(self.tree, self.catalog.states())

    def stale(self) -> list[str]:
        """Return the runs that `finish_stale` would take up, by id."""
        from ledger.record import condition

        return condition.stale(self.tree)

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
        from ledger.git import worktree
        from ledger.record import redact
        from ledger.store.audit import exposure, verify

        if fast and (rows or secrets):
            raise UsageError("a fast check opens no file, so it sees neither rows nor secrets")
        redaction = (
            exposure.Redaction(redact.redact_text, redact.redact_argv, redact.redact_url, redact.hides)
            if secrets
            else None
        )
        tracked = [f"journal/{path}" for path in worktree.tracked(self.tree.path("journal"))]
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
        from ledger.record.calls import check_params

        self._annotate(run, annotations.param_operations(check_params(params)), reason)

    def remove(self, run: str, reason: str | None = None) -> str:
        """Take a run out of every view; its files stay, and `restore` brings it back. Returns its id."""
        from ledger.record import annotations

        id = self.resolve(run)
        annotations.retract(self.tree, id, self.author(), reason)
        return id

    def restore(self, word: str, reason: str | None = None, *, dry_run: bool = False) -> str:
        """Bring a removed run back, or an entry that was reverted. Returns its id."""
        from ledger.api import correcting

        return correcting.restore(self, [word], reason, dry_run=dry_run)[0]

    def revert(self, *entries: str, reason: str | None = None, dry_run: bool = False) -> list[Reverted]:
        """Take entries back (ids, or beginnings of them): the values, tags, params or labels that they brought.

        What was there before is shown again; the files stay, and `restore` brings an entry back. Raises NoSuchEntry,
        and UsageError for an entry that opened or closed a run, or is out of view already; then none was taken back.
        """
        from ledger.api import correcting

        return correcting.revert(self, entries, reason, dry_run=dry_run)

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

        Everything is checked before anything is written. A new run has the `reason` in its note. Raises AmbiguousRun
        where a plain name is a part of an id, too.
        """
        from ledger.record import adding

        checked = adding.check(calls, charts, params, tags, note, reason)
        if (id := self._target(run)) is not None:
            return adding.add(self.tree, id, checked, self.author)
        from ledger.table import select

        near = select.nearest_names(self.catalog, run)
        return adding.create(self.tree, run, checked)._replace(near=near)

    def _target(self, run: str) -> str | None:
        """Return the id of the run that `log` adds to, None where it makes one of this name."""
        try:
            id = self.resolve(run)
        except NoSuchRun:
            from ledger.table import select

            if not select.is_plain_name(run):
                raise
            if gone := select.removed(self.catalog, run):
                hint = f"bring it back: ledger restore {gone}; or give the new run another name"
                raise RunRetracted(f"the run {run!r} ({gone}) was removed from view", hint=hint) from None
            return None
        except AmbiguousRun as error:
            from ledger.table import select

            hint = f"give more of the id; for a new run of this name: ledger start {run}"
            raise AmbiguousRun(error.message, hint=hint if select.is_plain_name(run) else error.hint) from None
        if id != run:
            from ledger.table import select

            select.refuse_part_of_id(self.catalog, run, id)
        return id

    def check_log(
        self, run: str, calls: Sequence[Call] = (), *, charts: Sequence[ChartFile] = (), **given: Any
    ) -> str | None:
        """Check what `log` would be given and write nothing; return the id of the run, None if it would be made."""
        from ledger.record import adding

        prose = given.get("note"), given.get("reason")
        checked = adding.check(calls, charts, given.get("params"), given.get("tags", ()), *prose)
        adding.refuse_large(self.tree, checked)
        return self._target(run)

    def is_open(self, run: str) -> bool:
        """Say whether the run that a selector means is there and not closed."""
        try:
            return self.state(run).finished is None
        except NoSuchRun:
            return False

    def _annotate(self, run: str, operations: list[Any], reason: str | None) -> None:
        from ledger.record import annotations

        annotations.annotate(self.tree, self.resolve(run), operations, self.author(), reason)

    def backfill(
        self,
        metrics: str | Callable[..., Any] | Sequence[str | Callable[..., Any]],
        *,
        run: str | Sequence[str] = (),
        where: str | None = None,
        all: bool = False,
        split: str | None = None,
        step: int | str | None = None,
        reason: str | None = None,
        force: bool = False,
        dry_run: bool = False,
        jobs: int | None = 1,
        on: str | None = None,
        **options: Any,
    ) -> Backfilled:
        """Compute metrics of the predictions that runs keep, and add them to the runs, one late entry each.

        Cells that have a value are left alone, unless a backfill computed it of other inputs or by another function;
        what is recorded stays when the rest fails, and the same call again does the rest. Returns what was done.

        Args:
            metrics: names such as "f2", a bundle such as "binary", functions or classes as for `register`.
            run: selectors of the runs; or `where`, a filter; or `all=True`.
            where: see run.
            all: see run.
            split: which predictions; by default test, else val, else the only ones. Every context of it counts.
            step: those of this step; "all" for every step; by default those without a step, else the last.
            reason: why; kept with the entries.
            force: compute what is there, too.
            dry_run: compute and write nothing; return the cells that would change.
            jobs: processes of this machine, None for as many as are worth it. More than one need functions that can
                be imported, and a script whose work stands under `if __name__ == "__main__"`.
            on: a Dask cluster instead: `tcp://HOST:PORT` of its scheduler, or `local-dask`.
            options: `function` (MODULE:FUNCTION to import), `charts` (names are those of charts; bundles with theirs),
                `kind`, `threshold`, `prefix`, `options` (of the kind), `as_of` (labels known then), `progress`.
        """
        from ledger.api import backfilling

        return backfilling.backfill(
            self, metrics, run=run, where=where, all=all, split=split, step=step, reason=reason, force=force,
            dry_run=dry_run, jobs=jobs, on=on, **options,
        )  # fmt: skip

    def backfill_values(
        self,
        metrics: Mapping[str, Any],
        *,
        run: str | Sequence[str] = (),
        where: str | None = None,
        all: bool = False,
        step: int | None = None,
        context: Mapping[str, Any] | None = None,
        reason: str | None = None,
        dry_run: bool = False,
    ) -> Backfilled:
        """Correct values of runs that are closed: {"test/auc": 0.62} is written to each, whatever was there before.

        A key may have its context: `val/auc{fold=1}`. Without a step a value is of the run as a whole. Runs that are
        open are left out; if no other is meant, UsageError is raised.
        """
        from ledger.api import correcting

        return correcting.backfill_values(
            self, metrics, run=run, where=where, all=all, step=step, context=context, reason=reason, dry_run=dry_run
        )

    def backfill_table(
        self,
        source: Any,
        match: str | None = None,
        metrics: str | Sequence[str] = (),
        *,
        reason: str | None = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> Backfilled:
        """Add values that were computed elsewhere: a CSV, TSV or Parquet file, or a DataFrame, with a row a run.

        The column `match` says which run: `run` (any selector), `name` or `id`; by default the one that there is. A
        column `step` is optional; all others are metrics, or those in `metrics`. Cells that hold another value stay,
        listed as `kept`, unless `force`. Raises InvalidValue, with lines, before anything is written.
        """
        from ledger.api import correcting

        return correcting.backfill_table(self, source, match, metrics, reason=reason, force=force, dry_run=dry_run)

    def backfill_commits(
        self,
        revisions: str,
        command: Sequence[str],
        *,
        jobs: int | None = 1,
        name: str | None = None,
        group: str | None = None,
        force: bool = False,
        dry_run: bool = False,
        progress: Callable[[CommitRun, int], None] | None = None,
    ) -> Imported:
        """Run a command at each commit of `A..B`, or at one commit; each gives a run with that commit as its origin.

        Each is checked out into a temporary work tree; the user's is not touched. The program finds its run in
        LEDGER_RUN and this ledger in LEDGER_DIR. Commits at which the same command finished or failed before are passed
        over. Raises NoSuchRevision, Undecided where a shallow clone lacks commits, UsageError, and KeyboardInterrupt
        when all programs have ended and their runs are closed as interrupted.

        Args:
            revisions: `A..B`, the commits that B has and A has not, oldest first; or one commit, branch or tag.
            command: the program and its arguments; it runs in the current folder's place in the commit.
            jobs: commits at once.
            name: what the runs are called; else the program's name with the beginning of the commit.
            group: their group; their tag is `backfill`.
            force: do it again where it finished or failed before.
            dry_run: say what would be done, and do nothing.
            progress: is told of each commit that is done, and how many are to be done in all.
        """
        from ledger.api import backfilling_commits

        return backfilling_commits.backfill_commits(
            self, revisions, command, jobs=jobs, name=name, group=group, force=force, dry_run=dry_run, progress=progress
        )

    def finish(self, run: str, status: str | None = None, *, force: bool = False) -> Any:
        """Seal what is left of a run and close it: as `status`, or as interrupted if its process died."""
        from ledger.record import finishing

        return finishing.finish(self.tree, self.resolve(run), self.author(), status, force=force)

    def finish_stale(self) -> dict[str, Any]:
        """Seal and close every run whose process is gone, and shared ones idle for a day; what was done by id."""
        from ledger.record import finishing

        return finishing.finish_stale(self.tree, self.author())

    def merge(self, source: str, *, dry_run: bool = False) -> Merged:
        """Add the files that another ledger has and this one has not; nothing is changed, removed or staged.

        `source` is a commit, branch or tag, or a folder; `rev:main` is a revision, `./main` a folder. Each file is
        checked against the hash in its name; what cannot be taken is listed. Raises NotFound, NoSuchRevision,
        Undecided, StorageFault, and DamagedFile where a link stands here in the place of a folder.
        """
        from ledger.record import merging

        return merging.merge(self.tree, merging.find(source, self.revisions.tree), dry_run=dry_run)

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
