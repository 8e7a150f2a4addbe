"""Random histories of one run beside a plain model: processes log, die at any point, resume; the catalog is damaged."""

import importlib.util
import json
import math
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import ledger
from ledger.errors import LedgerError, RunFinished, RunRetracted
from ledger.format.rows import NO_STEP
from ledger.record import run as runs
from ledger.record.run import _open_runs
from ledger.store import catalog, fold

spec = importlib.util.spec_from_file_location("dying", Path(__file__).with_name("dying.py"))
assert spec is not None
assert spec.loader is not None
dying = importlib.util.module_from_spec(spec)
spec.loader.exec_module(dying)

METRICS = st.sampled_from(["loss", "val/auc"])
CONTEXTS = st.sampled_from([None, None, {"fold": 1}])
STEPS = st.none() | st.integers(-2, 8)
VALUES = st.sampled_from([0.0, -0.0, 0.1, math.nan, math.inf, -math.inf, 5e-324, 1e300])
CALLS = st.integers(1, 12) | st.integers(1, 40)  # at which of the calls that change a file a process dies
PARTS = st.sampled_from([0.0, 0.02, 0.5, 0.98, 1.0])  # and how much of it was done

Place = tuple[str, str | None, int | None]


class Row:
    """A row as the model has it."""

    def __init__(self, place: Place, value: float, attempt: int) -> None:
        self.place, self.value, self.attempt = place, value, attempt


class Model:
    """What the rules say of one run: its rows in the order they were written, and what became of them."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.attempts: list[tuple[int, int, int | None]] = []  # number, rows before it, step
        self.status = "running"
        self.removed = False
        self.tags: set[str] = set()

    def is_replaced(self, index: int, row: Row) -> bool:
        """Say whether a later attempt replaces a row."""
        metric, context, step = row.place
        for number, before, start in self.attempts:
            own = [r.place[2] for r in self.rows if r.attempt == number and r.place[:2] == (metric, context)]
            starts = [s for s in own if s is not None] + ([] if start is None else [start])
            earlier = index < before if row.attempt == 0 else row.attempt < number
            if step is not None and starts and earlier and step >= min(starts):
                return True
        return False

    def shown(self) -> dict[Place, float]:
        """Return the newest row of each place that nothing replaced."""
        return {row.place: row.value for i, row in enumerate(self.rows) if not self.is_replaced(i, row)}

    def following(self, metric: str, context: str | None) -> int:
        """Return the step after the greatest one, 0 at least."""
        series = (metric, context)
        return max([0, *(place[2] + 1 for place in self.shown() if place[:2] == series and place[2] is not None)])


def text(context: dict[str, int] | None) -> str | None:
    """Return a context as rows have it."""
    return None if context is None else json.dumps(context, separators=(",", ":"))


class Histories(RuleBasedStateMachine):
    """Calls in any order on one run: by its process, by others, after it died, was resumed, removed, restored."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(os.environ["LEDGER_CACHE_DIR"], f"history-{random.SystemRandom().getrandbits(60):x}")
        self.folder.mkdir()
        self.ledger_dir = str(self.folder)

    @initialize(small=st.booleans())
    def begin(self, small: bool) -> None:
        """Start the run; with small journals they roll all the time."""
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(runs, "ROLL_BYTES", 600 if small else 1 << 20)
        self.model = Model()
        self.run: ledger.Run | None = ledger.start("a", directory=self.ledger_dir)
        self.id = self.run.id
        self.next: dict[tuple[str, str | None], int] = {}  # by its own rows
        self.stored: dict[tuple[str, str | None], int] | None = {}  # by those it found when it first asked
        self.attempt = 1
        self.held = self.led  # somebody who looks again and again

    def teardown(self) -> None:
        """Let everything go."""
        if hasattr(self, "patch"):
            if self.run is not None:
                self.die()
            self.patch.undo()
        shutil.rmtree(self.folder)

    @property
    def led(self) -> ledger.Ledger:
        """Open the ledger anew, as another process does."""
        return ledger.open(self.ledger_dir)

    def die(self) -> None:
        """Let go of the run as a killed process does."""
        assert self.run is not None
        for thread in self.run._sealing:
            thread.join()
        self.run._writer.close()
        self.run._finished = True
        _open_runs.pop(id(self.run), None)
        self.run = None

    @precondition(lambda self: self.run is not None)
    @rule(metric=METRICS, context=CONTEXTS, step=STEPS, value=VALUES)
    def log(self, metric: str, context: dict[str, int] | None, step: int | None, value: float) -> None:
        """The process that holds the run logs a row; without a step it goes on after the greatest."""
        assert self.run is not None
        self.run.log({metric: value}, step=step, context=context)
        key = (metric, text(context))
        if step is None:
            if self.stored is None:
                self.stored = {row.place[:2]: self.model.following(*row.place[:2]) for row in self.model.rows}
            step = max(self.next.get(key, 0), self.stored.get(key, 0))
        self.next[key] = max(self.next.get(key, 0), step + 1)
        self.model.rows.append(Row((metric, text(context), step), value, self.attempt))

    @precondition(lambda self: not self.model.removed)
    @rule(metric=METRICS, context=CONTEXTS, step=STEPS, value=VALUES)
    def add(self, metric: str, context: dict[str, int] | None, step: int | None, value: float) -> None:
        """Somebody else adds a row: through a shared journal, or late; without a step it has none."""
        closed = self.model.status not in ("running", "open", "dead")
        self.led.run(self.id).log({metric: value}, step=step, context=context)
        self.model.rows.append(Row((metric, text(context), step), value, 0 if closed else self.attempt))

    @rule(metric=METRICS, value=VALUES)
    def add_to_a_removed_run(self, metric: str, value: float) -> None:
        """Where the run is out of view, nobody can add to it."""
        if self.model.removed:
            with pytest.raises(RunRetracted):
                ledger.LoggedRun(self.led, self.id).log({metric: value})

    @precondition(lambda self: self.run is not None)
    @rule(status=st.sampled_from(["finished", "failed"]))
    def finish(self, status: str) -> None:
        """The process ends the run."""
        assert self.run is not None
        self.run.finish(status)
        with pytest.raises(RunFinished):
            self.run.log({"x": 1.0})
        self.run, self.model.status = None, status

    @precondition(lambda self: self.run is not None)
    @rule()
    def kill(self) -> None:
        """The process dies without a word."""
        self.die()
        self.model.status = "dead"

    @precondition(lambda self: self.model.status == "dead" and not self.model.removed)
    @rule(stale=st.booleans())
    def take_up(self, stale: bool) -> None:
        """Somebody finishes what the dead process left."""
        if stale:
            assert list(self.led.finish_stale()) == [self.id]
        else:
            self.led.finish(self.id)
        self.model.status = "interrupted"

    @precondition(lambda self: self.run is None and not self.model.removed and self.attempt < 4)
    @rule(step=st.none() | st.integers(-2, 8))
    def resume(self, step: int | None) -> None:
        """A new attempt begins, perhaps at a step."""
        self.attempt += 1
        self.model.attempts.append((self.attempt, len(self.model.rows), step))
        self.run = ledger.start(resume=self.id, step=step, directory=self.ledger_dir)
        self.next, self.stored = {}, None
        self.model.status = "running"

    @rule()
    def remove_or_restore(self) -> None:
        """The run goes out of view, or comes back."""
        if self.model.removed:
            self.led.restore(self.id)
        else:
            self.led.remove(self.id)
        self.model.removed = not self.model.removed

    @precondition(lambda self: not self.model.removed)
    @rule(tag=st.sampled_from("ab"), there=st.booleans())
    def tag(self, tag: str, there: bool) -> None:
        """A tag is put on, or taken off."""
        self.led.tag(self.id, tag if there else f"-{tag}")
        (self.model.tags.add if there else self.model.tags.discard)(tag)

    @rule(at=st.floats(0, 1), how=st.sampled_from(["gone", "cut", "garbage", "folder"]))
    def lose_the_catalog(self, at: float, how: str) -> None:
        """Somebody clears the cache, or it is damaged so that SQLite can tell."""
        path = Path(catalog.path_for(self.led.tree))
        old = path.read_bytes() if path.is_file() else b""
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)
        if how == "folder":
            path.mkdir()
        elif how == "cut":
            path.write_bytes(old[: int(len(old) * at)])
        elif how == "garbage":
            path.write_bytes(random.Random(at).randbytes(len(old)))

    # Processes that die in the middle of something

    def dies(self, process: Callable[[], Any], last: int, part: float, *, ours: bool = False) -> bool:
        """Run a process that may die, ours that holds the run or another one; say whether it came to its end."""
        for thread in [] if self.run is None else self.run._sealing:
            thread.join()
        system = dying.Dying(last, part)

        def whole() -> None:
            process()
            for thread in [] if self.run is None else self.run._sealing:
                thread.join()

        ended = system.ends(whole)
        if ours and system.died and self.run is not None:
            self.die()
            self.model.status = "dead"
        return ended

    def adopt(self, rows: list[Row], *, told: bool) -> None:
        """Let the model have the rows of a call that are there: all of them, or, if nobody was told, none."""
        count = len(fold.rows(self.led.tree, self.id, "stored")[0]) - len(self.model.rows)
        assert count in ((len(rows),) if told else (0, len(rows)))
        self.model.rows += rows[:count]

    @precondition(lambda self: self.run is not None)
    @rule(context=CONTEXTS, step=st.integers(-2, 8), value=VALUES, last=CALLS, part=PARTS)
    def die_logging(self, context: dict[str, int] | None, step: int, value: float, last: int, part: float) -> None:
        """The process that holds the run dies as it logs two metrics: both are there, or none."""
        run, told = self.run, []
        assert run is not None

        def log() -> None:
            run.log({"loss": value, "val/auc": value}, step, context=context)
            told.append(True)

        self.dies(log, last, part, ours=True)
        for metric in ("loss", "val/auc"):
            self.next[metric, text(context)] = max(self.next.get((metric, text(context)), 0), step + 1)
        rows = [Row((metric, text(context), step), value, self.attempt) for metric in ("loss", "val/auc")]
        self.adopt(rows, told=bool(told))

    @precondition(lambda self: not self.model.removed)
    @rule(context=CONTEXTS, step=STEPS, value=VALUES, last=CALLS, part=PARTS)
    def die_adding(
        self, context: dict[str, int] | None, step: int | None, value: float, last: int, part: float
    ) -> None:
        """Somebody else dies as they add two metrics."""
        attempt = self.attempt if self.model.status in ("running", "dead") else 0
        add = self.led.run(self.id).log
        told = self.dies(lambda: add({"loss": value, "val/auc": value}, step=step, context=context), last, part)
        rows = [Row((metric, text(context), step), value, attempt) for metric in ("loss", "val/auc")]
        self.adopt(rows, told=told)

    @precondition(lambda self: self.run is not None)
    @rule(last=CALLS, part=PARTS)
    def die_finishing(self, last: int, part: float) -> None:
        """The process dies as it ends the run."""
        assert self.run is not None
        told = self.dies(lambda: self.run.finish("failed"), last, part, ours=True)
        if told or self.led.state(self.id, retracted=True).status == "failed":
            self.run, self.model.status = None, "failed"

    @precondition(lambda self: self.model.status == "dead" and not self.model.removed)
    @rule(last=CALLS, part=PARTS)
    def die_taking_up(self, last: int, part: float) -> None:
        """Somebody dies as they finish what a dead process left."""
        told = self.dies(lambda: self.led.finish(self.id), last, part)
        if told or self.led.state(self.id).finished is not None:
            self.model.status = "interrupted"

    @precondition(lambda self: self.run is None and not self.model.removed and self.attempt < 4)
    @rule(step=st.none() | st.integers(-2, 8), last=CALLS, part=PARTS)
    def die_resuming(self, step: int | None, last: int, part: float) -> None:
        """A process dies as it begins a new attempt."""
        before = len(self.model.rows)
        made: list[ledger.Run] = []
        told = self.dies(
            lambda: made.append(ledger.start(resume=self.id, step=step, directory=self.ledger_dir)), last, part
        )
        if told or self.led.state(self.id).attempts > self.attempt:
            self.attempt += 1
            self.model.attempts.append((self.attempt, before, step))
            self.run, self.next, self.stored = made[0] if told else None, {}, None
            self.model.status = "running" if told else "dead"

    @precondition(lambda self: not self.model.removed)
    @rule(tag=st.sampled_from("ab"), last=CALLS, part=PARTS)
    def die_tagging(self, tag: str, last: int, part: float) -> None:
        """Somebody dies as they put a tag on."""
        if self.dies(lambda: self.led.tag(self.id, tag), last, part) or tag in self.led.state(self.id).tags:
            self.model.tags.add(tag)

    @rule(last=CALLS, part=PARTS)
    def die_removing_or_restoring(self, last: int, part: float) -> None:
        """Somebody dies as they take the run out of view, or bring it back."""
        change = self.led.restore if self.model.removed else self.led.remove
        told = self.dies(lambda: change(self.id), last, part)
        if told or self.led.state(self.id, retracted=True).retracted != self.model.removed:
            self.model.removed = not self.model.removed

    @precondition(lambda self: self.run is None and not self.model.removed)
    @rule()
    def seal_again(self) -> None:
        """Whatever died, sealing completes; no journal is left, and doing it again does nothing."""
        done = self.led.finish_stale()
        assert [error for error in done.values() if isinstance(error, LedgerError)] == []
        assert (self.led.finish_stale(), self.led.stale()) == ({}, [])
        assert list(self.folder.glob(f".ledger/journal/{self.id}/[!.]*")) == []
        if self.model.status == "dead":
            self.model.status = "interrupted"

    @invariant()
    def the_answers_are_those_of_the_model(self) -> None:
        """Rows, status, tags, and whether it is in view."""
        if not hasattr(self, "model"):
            return
        for thread in [] if self.run is None else self.run._sealing:
            thread.join()  # a full journal may become entries between one look and the next
        for led in (self.held, self.led):
            assert [state.id for state in led.select()] == ([] if self.model.removed else [self.id])
            assert [state.id for state in led.removed()] == ([self.id] if self.model.removed else [])
        assert repr(led.state(self.id, retracted=True)) == repr(self.held.state(self.id, retracted=True))
        state = led.state(self.id, retracted=True)
        status = {"dead": "interrupted"}.get(self.model.status, self.model.status)
        assert (state.status, set(state.tags), state.attempts) == (status, self.model.tags, self.attempt)
        rows, _ = fold.rows(led.tree, self.id, "shown")
        columns = zip(rows.key.tolist(), rows.step.tolist(), rows.value.tolist(), strict=True)
        found = {(*rows.keys[key], None if step == NO_STEP else step): value for key, step, value in columns}
        expected = self.model.shown()
        assert repr(sorted(found.items(), key=repr)) == repr(sorted(expected.items(), key=repr))
        assert len(fold.rows(led.tree, self.id, "stored")[0]) == len(self.model.rows)
        assert sum(summary.count for summary in state.metrics.values()) == len(expected)
        assert state.notices == []


class ManyHistories(Histories):
    """The same, longer."""


def lengths(examples: int, steps: int) -> settings:
    """Return how long to look."""
    health = list(HealthCheck)
    return settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=health)


TestHistories = Histories.TestCase
TestHistories.settings = lengths(12, 25)
TestManyHistories = pytest.mark.slow(ManyHistories.TestCase)
TestManyHistories.settings = lengths(100, 25)
