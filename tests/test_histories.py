"""Random histories against a plain dict, and the law of union: whatever way files come together, the answers agree."""

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
from ledger.record import run as runs
from ledger.record.run import _open_runs

METRICS = st.sampled_from(["loss", "val/auc"])
CONTEXTS = st.sampled_from([None, None, {"fold": 1}])
STEPS = st.none() | st.integers(-2, 8)
VALUES = st.sampled_from([0.0, -0.0, 0.1, math.nan, math.inf, -math.inf, 5e-324, 1e300])

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

    @rule()
    def lose_the_catalog(self) -> None:
        """Somebody clears the cache."""
        from ledger.store import catalog

        Path(catalog.path_for(self.led.tree)).unlink(missing_ok=True)

    @invariant()
    def the_answers_are_those_of_the_model(self) -> None:
        """Rows, status, tags, and whether it is in view."""
        if not hasattr(self, "model"):
            return
        led = self.led
        assert [state.id for state in led.select()] == ([] if self.model.removed else [self.id])
        state = led.state(self.id, retracted=True)
        status = {"dead": "interrupted"}.get(self.model.status, self.model.status)
        assert (state.status, set(state.tags), state.attempts) == (status, self.model.tags, self.attempt)
        from ledger.table import frames

        found = {
            (row["metric"], text(row.get("context")), row.get("step")): row["value"]
            for row in frames.plain(led.tree, [self.id], "shown")
        }
        expected = self.model.shown()
        assert repr(sorted(found.items(), key=repr)) == repr(sorted(expected.items(), key=repr))
        assert len(list(frames.plain(led.tree, [self.id], "stored"))) == len(self.model.rows)
        assert sum(summary.count for summary in state.metrics.values()) == len(expected)
        assert state.notices == []


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)


def make_history(folder: Path, choice: random.Random) -> None:
    """Fill a ledger with what people do, in an order that chance decides."""
    names = ["a", "b", "c"]
    for name in names:
        with ledger.start(name, params={"n": choice.random()}, directory=str(folder)) as run:
            for step in range(choice.randrange(5)):
                run.log({"x": choice.random()}, step=step)
            if choice.random() < 0.5:
                run.log_text("t", name)
    led = ledger.open(str(folder))
    for _ in range(8):
        name = choice.choice(names)
        try:
            match choice.randrange(7):
                case 0:
                    led.run(name).log({"x": choice.random()}, step=choice.choice([None, 1, 9]), reason="late")
                case 1:
                    led.tag(name, choice.choice(["s", "-s"]))
                case 2:
                    led.set_params(name, {"n": choice.random()})
                case 3:
                    led.remove(name)
                case 4:
                    led.restore(name)
                case 5:
                    with ledger.start(resume=name, directory=str(folder)) as run:
                        run.log({"x": choice.random()}, step=2)
                case _:
                    led.rename(name, choice.choice(names))
        except LedgerError:
            continue  # out of view, or called otherwise by now


@pytest.mark.parametrize("seed", range(6))
def test_any_two_halves_come_together_to_the_same(seed: int, workdir: Path, cli: Callable[..., Any]) -> None:
    """Overlapping halves of a ledger's files, copied in any order, by any of both first: the same answers as before."""
    choice = random.Random(seed)
    make_history(workdir / "whole", choice)
    root = workdir / "whole" / ".ledger"
    shutil.rmtree(root / "journal", ignore_errors=True)
    files = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    verbs = (["ls", "--json"], ["ls", "--removed", "--json"], ["compare", "--all", "--json"], ["export"])
    expected = [cli("-C", workdir / "whole", *verb).out for verb in verbs]
    assert json.loads(expected[0])["runs"]
    for turn in range(3):
        halves = [[file for file in files if choice.random() < 0.7] for _ in range(2)]
        halves[1] += [file for file in files if file not in halves[0]]
        target = workdir / f"union{turn}" / ".ledger"
        for half in halves:
            choice.shuffle(half)
            for file in half:
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / file, target / file)
            if half is halves[0]:  # a half may be damaged, and never more than that
                assert cli("-C", target.parent, "ls", "--json").code in (0, 4, 5)
        assert [cli("-C", target.parent, *verb).out for verb in verbs] == expected
