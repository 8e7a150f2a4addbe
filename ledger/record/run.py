"""A run being written: what training code holds. Each `log` is one frame in this process's own journal.

Nothing here loads Arrow, pandas or a drawing library; sealing does, at `finish()`. An I/O fault never stops the
training; a wrong argument raises at once and writes nothing.
"""

import os
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ledger.errors import Damage, InvalidValue, LedgerError, RunFinished, StorageFault, warn
from ledger.format import entries as form
from ledger.format import names, values
from ledger.git import place
from ledger.record import annotations, calls, ending, pictures, seal, standing
from ledger.record.attachments import Attachments
from ledger.record.evaluations import Evaluations
from ledger.record.histories import Histories
from ledger.store import blobs, files, fold, journal, writer
from ledger.store.tree import Tree

if TYPE_CHECKING:
    from ledger.record.evaluating import Planned
    from ledger.record.predictions import PredictionsCall

ROLL_BYTES = 64 << 20  # a journal of this size is sealed while the run goes on

_open_runs = ending.open_runs


class Run(Attachments, Evaluations, Histories):
    """A run that this process writes to; made by `ledger.start`. Use it as a context manager, or call `finish()`.

    `owner` says that finishing closes the run; a process that joined one seals its own rows and leaves it open.
    """

    def __init__(
        self,
        tree: Tree,
        id: str,
        name: str,
        author: str,
        *,
        attempt: int = 1,
        owner: bool = True,
        since: int = 0,
        opened: form.Encoded | None = None,
        branch: str | None = None,
        rank: int = 0,
    ) -> None:
        self.id, self.name, self.owner, self.attempt = id, name, owner, attempt
        self._tree, self._author, self._since = tree, author, since
        self._lock = threading.RLock()
        self._finished = False
        self._forked = False
        self._ready = True  # neither finished nor forked: the short way of log() may be taken
        self._branch = branch
        self._rank = rank  # above 0 it is in the context of whatever is logged; see `start.rank`
        self.asked: seal.Closing | None = None  # what `finish` was asked for, if it could not be done
        self._next: dict[str, int] = {}  # without context: the step that comes next
        self._next_in: dict[tuple[str, str], int] = {}  # with context
        self._stored_steps: dict[str, int] | None = None if attempt > 1 or not owner else {}
        self._sealing: list[threading.Thread] = []
        self._roll_at = ROLL_BYTES
        header = writer.new_header(id, attempt, owner=owner, opened=opened)
        self._writer = writer.Writer(tree, header, since=since)
        ending.add(self)

    def __repr__(self) -> str:
        return f"<ledger.Run {self.id}{' (finished)' if self._finished else ''}>"

    def log(
        self,
        metrics: Mapping[str, Any],
        step: int | None = None,
        *,
        split: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        """Log metrics: names to numbers; nested mappings are joined with `/`.

        Args:
            metrics: Python, NumPy or 0-d tensor numbers; NaN and infinities are kept; `ledger.Undefined(reason)`.
            step: a whole number, in any order; without it each metric goes on after its greatest step.
            split: put in front of each name: `split="val"` writes `val/loss`.
            context: tells series of one metric apart, such as `{"fold": 1}`.

        Raises InvalidValue, InvalidName or RunFinished; then nothing of the call was written.
        """
        if type(metrics) is dict and type(step) is int and split is None and context is None:
            following, after = self._next, step + 1
            for name, value in metrics.items():
                if type(value) is not float or name not in following:
                    break
            else:
                with self._lock:
                    if self._ready and metrics and -values.STEP_MAX <= step <= values.STEP_MAX:
                        for name in metrics:
                            if following[name] < after:
                                following[name] = after
                        self._writer.rows(step, None, metrics)
                        if self._writer.end > self._roll_at:
                            self._roll()
                        return
        self._log_checked(metrics, step, split, context)

    def _log_checked(
        self, metrics: Mapping[str, Any], step: Any, split: str | None, context: Mapping[str, Any] | None
    ) -> None:
        call = calls.check_rows(metrics, step, split, self._with_rank(context))
        with self._lock:
            self._alive()
            if call.step is not None:
                for name in call.values:
                    self._advance(name, call.context, call.step + 1)
                groups = {call.step: call.values}
            else:
                groups = {}
                for name, value in call.values.items():
                    at = self._following(name, call.context)
                    groups.setdefault(at, {})[name] = value
                    self._advance(name, call.context, at + 1)
            for at, group in groups.items():
                self._writer.rows(at, call.context, calls.plain(group))
            if self._writer.end > self._roll_at:
                self._roll()

    def _with_rank(self, context: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        if not self._rank or not (context is None or isinstance(context, Mapping)):
            return context
        return {"rank": self._rank, **(context or {})}

    def _advance(self, name: str, context: str | None, following: int) -> None:
        if context is None:
            self._next[name] = max(following, self._next.get(name, following))
        else:
            key = (name, context)
            self._next_in[key] = max(following, self._next_in.get(key, following))

    def _following(self, name: str, context: str | None) -> int:
        """Return the step after the greatest one of a series, in this process or, in a joined run, in the store."""
        known = self._next.get(name) if context is None else self._next_in.get((name, context))
        if self._stored_steps is None:
            self._stored_steps = fold.greatest_steps(self._tree, self.id)
        stored = self._stored_steps.get(names.metric_key(name, context))
        return max(0 if known is None else known, 0 if stored is None else stored + 1)

    def log_summary(
        self, metrics: Mapping[str, Any], *, split: str | None = None, context: Mapping[str, Any] | None = None
    ) -> None:
        """Log metrics of the run as a whole, without a step, such as a test score; else as `log`.

        A later value of the same metric replaces an earlier one; the earlier one stays in the run's history.
        """
        call = calls.check_rows(metrics, None, split, self._with_rank(context))
        with self._lock:
            self._alive()
            self._writer.rows(None, call.context, calls.plain(call.values))

    def log_metric(
        self, name: str, value: Any, step: int | None = None, *, context: Mapping[str, Any] | None = None
    ) -> None:
        """Log one metric; see `log`."""
        self.log({name: value}, step, context=context)

    def _chart(self, call: calls.ChartCall, reason: str | None = None) -> None:
        with self._lock:
            self._alive()
            self._bundle([], [call], [])
        self._without_reason(reason)

    def _predictions(self, call: "PredictionsCall") -> None:
        with self._lock:
            self._alive()
            self._bundle([], [], [call])

    def _evaluation(self, planned: "Planned", reason: str | None) -> None:
        with self._lock:
            self._alive()
            for call in planned.rows:
                for name in call.values if call.step is not None else ():
                    self._advance(name, call.context, (call.step or 0) + 1)
            rows = [(call.step, call.context, calls.plain(call.values)) for call in planned.rows]
            self._bundle(rows, planned.charts, planned.predictions)
        self._without_reason(reason)

    def _bundle(
        self, rows: writer.Rows, charted: Sequence[calls.ChartCall], predicted: "Sequence[PredictionsCall]"
    ) -> None:
        """Write what belongs together: all of it, now or when the disk takes it, but for what `max_blob` leaves out."""
        charts, kept = [], []
        named: list[blobs.Blob] = []
        for call in pictures.small_enough(self._tree, charted):
            fields, blob = pictures.described(*call)
            charts.append(fields)
            named.append(blob)
        if predicted:
            from ledger.record import predictions  # which needs arrays and Arrow

            for each in predictions.small_enough(self._tree, predicted):
                fields, columns = predictions.described(each)
                kept.append(fields)
                named += columns
        if rows or named:
            self._writer.bundle(rows, charts, kept, named)
            if self._writer.end > self._roll_at:
                self._roll()

    def _without_reason(self, reason: str | None) -> None:
        if reason is not None:
            warn(f"the reason is not kept: the run {self.id} is open, and rows have one only where they come late")

    def log_params(self, params: Any) -> None:
        """Add or change params after the start; the change is kept as an entry of its own."""
        self._annotate(annotations.param_operations(calls.check_params(params)))

    def tag(self, *tags: str) -> None:
        """Add tags; `-old` removes one."""
        for tag in tags:
            names.check_text("tag", tag.lstrip("+-") if isinstance(tag, str) else tag)
        self._annotate(annotations.tag_operations(list(tags)))

    def note(self, text: str) -> None:
        """Set the run's note."""
        self._annotate([annotations.set_operation("note", str(text))])

    def _annotate(self, operations: list[form.Operation]) -> None:
        with self._lock:
            self._alive()
            annotations.annotate(self._tree, self.id, operations, self._author)

    def _alive(self) -> None:
        """Make sure that rows of this process have a journal of their own; raise RunFinished after `finish()`."""
        if self._finished:
            raise RunFinished(
                f"the run {self.id} is finished",
                hint=f"add to it with: ledger.open().run({self.id!r}).log(...)",
            )
        if self._forked:
            self._forked, self._ready, self.owner = False, True, False
            ending.add(self)
            since = standing.newest_time(self._tree, self.id)
            self._writer = writer.Writer(self._tree, writer.new_header(self.id, self.attempt), since=since)

    def _roll(self) -> None:
        """Go on in a new journal, and seal the full one in the background."""
        full = self._writer
        if full.pending:
            return
        with ending.shielded():
            try:
                full.mend()
                self._writer = writer.Writer(self._tree, writer.new_header(self.id, self.attempt), since=full.time)
            except StorageFault as fault:
                self._roll_at = full.end + ROLL_BYTES
                warn(f"{fault.message}; the full journal goes on")
                return
            self._writer.carry_on(full)
            self._roll_at = ROLL_BYTES
            thread = threading.Thread(target=self._seal_full, args=(full,), daemon=True, name="ledger-seal")
            self._sealing.append(thread)
            thread.start()

    def _seal_full(self, full: writer.Writer) -> None:
        try:
            taken = seal.take(self._tree, os.path.relpath(full.path, self._tree.root), full.fd)
            if taken is None:
                warn(f"{full.path} has gone with its rows: somebody removed it while it was about to be sealed")
            else:
                seal.seal(self._tree, self.id, [taken], self._author)
        except (LedgerError, OSError) as error:
            # The journal keeps the rows; finish() takes it up again.
            warn(f"a full journal of {self.id} is sealed later: {error}")

    def finish(self, status: str = "finished", *, exit_status: int | None = None, error: str | None = None) -> None:
        """Seal what was logged, and close the run if this process opened it. Calling it again does nothing.

        Raises StorageFault if rows could not be written; then the run is not finished, and the call can be repeated.
        Where rows were given up (see `store/writer.py`) it raises once; repeated, it closes the run without them.
        """
        if status not in seal.STATUSES:
            raise InvalidValue(f"the status {status!r} is none of {', '.join(seal.STATUSES)}")
        if exit_status is not None and type(exit_status) is not int:
            raise InvalidValue(f"the exit status must be a whole number, not {exit_status!r}")
        error = calls.check_prose("error", error)
        with self._lock:
            if self._finished:
                return
            if self._forked:  # a child that logged nothing has nothing to seal
                self._finished = True
                return
            self.asked = seal.Closing(status, exit_status=exit_status, error=error)
            self._writer.flush()
            for thread in self._sealing:
                thread.join()
            with files.faults(f"finish run {self.id}"):
                self._finish(self.asked._replace(error=error or self._writer.gaps()))
            self._finished, self._ready = True, False
            ending.discard(self)
        now = place.branch(self._tree.top) if self._branch is not None else None
        if now != self._branch:
            warn(f"the branch changed from {self._branch} to {now} while {self.id} ran; its files are here")

    def _finish(self, closing: seal.Closing) -> None:
        self._tree.prepare()  # somebody may have removed it
        # Somebody elsewhere may have taken it for dead: what its owner says of it ranks above that.
        closes = self.owner and not fold.is_closed(self._tree, self.id, by_owner=True)
        taken = self._take_left() if self.owner else []
        own = os.path.relpath(self._writer.path, self._tree.root)
        # A second descriptor of the same lock: if sealing fails, the run can go on, and finish again.
        mine = seal.take(self._tree, own, files.duplicate(self._writer.fd))
        if mine is not None:
            taken.insert(0, mine)
        elif not seal.is_aside(self._tree, self.id, own, self._writer.fd):
            raise StorageFault(
                f"the journal of {self.id} is not at {self._writer.path} any more",
                hint=f"where the ledger was moved to, this seals its rows: ledger finish {self.id}",
            )
        seal.seal(self._tree, self.id, taken, self._author, closing if closes else None)
        self._writer.close()

    def _take_left(self) -> list[seal.Taken]:
        """Take up what the shell and dead processes wrote to this run."""
        found = journal.presence(self._tree, self.id)
        taken = []
        for path in [*found.left, *found.shared]:
            try:
                item = seal.take(self._tree, path)
            except Damage as damage:  # it stays where it is, and must not keep our own rows from being sealed
                warn(f"a journal of {self.id} is left out: {damage}")
                continue
            if item is not None:
                taken.append(item)
        return taken

    def let_rows_through(self) -> list[str]:
        """Before the process ends, write the rows that wait behind what cannot be stored; return what that held."""
        return self._writer.let_rows_through()

    def hold(self, seconds: float) -> bool:
        """Keep all other threads out from now on; say whether that came about in time."""
        if not self._lock.acquire(timeout=seconds):
            return False
        for thread in self._sealing:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in self._sealing)

    def begin_after(self, time: int) -> None:
        """Let the rows that come lie after a time (us since 1970)."""
        self._writer.time = max(self._writer.time, time + 1)

    def withdraw(self) -> None:
        """Take back a run that could not be begun, with its journal, which holds no row."""
        self._writer.discard()
        self._finished, self._ready = True, False
        ending.discard(self)

    def let_go(self) -> None:
        """In a child after a fork: leave the parent's journal alone; the next call begins one of its own."""
        self._lock = threading.RLock()
        self._forked, self._ready, self._sealing = True, False, []
        self._writer.close()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
            self.finish()
        elif isinstance(error, KeyboardInterrupt):
            self.finish("interrupted", error=ending.describe(error))
        else:
            self.finish("failed", error=ending.describe(error))


class DisabledRun(Run):
    """What `ledger.start` gives under LEDGER_MODE=disabled: every call is checked for nothing and does nothing."""

    def __init__(self, name: str) -> None:
        self.id, self.name, self.owner, self.attempt = "disabled", name, False, 1
        self._finished = self._forked = self._ready = False
        self._rank = 0

    def log(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    log_summary = log_metric = log_chart = log_text = log_file = log_params = tag = note = finish = log
    log_predictions = log_data = log_model = log
    log_curve = log_confusion_matrix = log_histogram = log_table = log_importance = _evaluation = log

    def log_history(self, history: Any, **kwargs: Any) -> Any:
        """Do nothing; give the history back."""
        return history
