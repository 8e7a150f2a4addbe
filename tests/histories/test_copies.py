"""Copies of a ledger that go their own ways and come together again, beside a model that follows docs/format.

The model knows each copy as a set: the entries it has seen, and the rows in its journals. It says what a reader must
answer for such a set; each copy must answer so, and unions in any order alike, byte for byte.
"""

import hashlib
import importlib.util
import itertools
import json
import os
import random
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import ledger
from ledger.errors import RunRetracted
from ledger.record import annotations
from ledger.record import start as begin
from ledger.record.run import _open_runs
from ledger.store import catalog, writer
from ledger.store.tree import Tree

spec = importlib.util.spec_from_file_location("seen", Path(__file__).with_name("seen.py"))
assert spec is not None
assert spec.loader is not None
model = importlib.util.module_from_spec(spec)
spec.loader.exec_module(model)

BEGINNING = 1_795_317_301_000_000  # us; what the clock of each call adds to it
CLOCKS = st.integers(0, 20) | st.integers(0, 3_000_000)
NAMES = st.sampled_from(["a", "b"])
METRICS = st.sampled_from(["loss", "val/auc"])
CONTEXTS = st.sampled_from([None, None, {"fold": 1}])
STEPS = st.none() | st.integers(0, 4)
PARAMS = st.dictionaries(
    st.sampled_from(["lr", "opt", "opt.lr"]), st.integers(0, 2) | st.just({"lr": 3}) | st.just({}), max_size=2
)
MOST = st.sampled_from([1, 1, 2, 3])  # runs in a copy, but for those that others bring
WORDS = st.sampled_from(["x", "-x", "note a", "note b", "name a", "name b", "lr 1", "lr 2"])
WHICH = st.integers(0, 5)  # of the copies, or of the runs of one


class Clock:
    """The wall clock of a call, as it is set."""

    now = BEGINNING

    def time_ns(self) -> int:
        """Return ns since 1970."""
        return self.now * 1000

    def __getattr__(self, name: str) -> Any:
        """Return what else `time` has."""
        return getattr(time, name)


class Copies(RuleBasedStateMachine):
    """Up to three copies: work on any of them, with clocks that disagree, and files carried from one to another."""

    def __init__(self) -> None:
        super().__init__()
        self.top = Path(os.environ["LEDGER_CACHE_DIR"], f"copies-{random.SystemRandom().getrandbits(60):x}")
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(writer, "clock", Clock())
        self.patch.setattr(writer, "_now", lambda: Clock.now * 1000)
        self.patch.setattr(os, "urandom", random.Random(0).randbytes)  # so that what failed fails again
        self.patch.setenv("LEDGER_NO_GIT", "1")
        self.values = itertools.count(1)
        self.copies: list[model.Copy] = []
        self.most = 3
        self.acknowledged: dict[str, set[model.Row]] = {}
        self.unions = itertools.count()

    def teardown(self) -> None:
        """Let everything go."""
        for copy in self.copies:
            for seen in copy.runs.values():
                for journal in seen.journals.values():
                    self.let_go(journal)
        self.patch.undo()
        shutil.rmtree(self.top, ignore_errors=True)

    @initialize(name=NAMES, params=PARAMS, alone=st.booleans(), journals=st.booleans(), most=MOST)
    def first(self, name: str, params: dict[str, Any], alone: bool, journals: bool, most: int) -> None:
        """One copy has a run, the other what was copied of it."""
        self.most = most
        self.copies = [self.make()]
        self.start(0, name, params, alone, 0)
        self.copy(0, journals)

    # What the model does

    def make(self) -> model.Copy:
        """Return a new copy, of nothing."""
        copy = model.Copy(self.top / f"copy{len(self.copies)}-{next(self.unions)}")
        copy.folder.mkdir(parents=True)
        return copy

    def at(self, which: int, clock: int) -> model.Copy:
        """Choose a copy, and set its clock."""
        Clock.now = BEGINNING + clock
        at = which % len(self.copies)
        self.patch.setenv("LEDGER_AUTHOR", f"author {at}")
        return self.copies[at]

    def pick(self, which: int, number: int, clock: int) -> tuple[model.Copy, str, model.Seen]:
        """Choose a copy and one of its runs."""
        copy = self.at(which, clock)
        run = sorted(copy.runs)[number % len(copy.runs)]
        return copy, run, copy.runs[run]

    def let_go(self, journal: model.Journal) -> None:
        """Let a process die."""
        if journal.run is not None:
            journal.run._writer.close()
            journal.run._finished = True
            _open_runs.pop(id(journal.run), None)
            journal.run = None

    def learn(self, copy: model.Copy, run: str, *expected: dict[str, Any], rows: Any = frozenset()) -> list[model.Said]:
        """Read the entries that came; hold them to what was asked for, and to what writers must do."""
        seen = copy.runs.setdefault(run, model.Seen())
        folder = copy.folder / ".ledger/runs" / f"{run[:4]}-{run[4:6]}-{run[6:8]}" / run
        found = [path for path in sorted(folder.glob("*-*.json")) if path.stem[-16:] not in seen.said]
        assert [path.name.split("-")[3] for path in found] == [fields["kind"] for fields in expected]
        learned = []
        for path, fields in zip(found, expected, strict=True):
            body = json.loads(path.read_bytes())
            assert {key: body.get(key) for key in fields} == fields
            id, when = hashlib.sha256(path.read_bytes()).hexdigest()[:16], time_of(body["time"])
            assert path.stem[-16:] == id
            assert when > max((said.time for said in seen.said.values()), default=0)
            assert when >= Clock.now
            assert body.get("after", []) == seen.heads()
            brought = frozenset(rows(body, when) if callable(rows) else rows) if body["kind"] == "rows" else frozenset()
            seen.said[id] = model.Said(when, id, body, brought)
            learned.append(seen.said[id])
        return learned

    def journal(self, copy: model.Copy, run: str, *, shared: bool, owner: bool) -> model.Journal:
        """Learn of the journal that came."""
        seen = copy.runs[run]
        (name,) = {path.stem for path in (copy.folder / ".ledger/journal" / run).iterdir()} - set(seen.journals)
        seen.journals[name] = model.Journal(seen.attempt(), Clock.now, shared=shared, owner=owner)
        return seen.journals[name]

    def sealed(
        self, copy: model.Copy, run: str, journals: dict[str, model.Journal], close: dict[str, Any] | None
    ) -> None:
        """Learn of what sealing journals brought: rows that no entry has, and a close."""
        seen = copy.runs[run]
        rows = seen.unsealed(journals.values())
        expected = [{"kind": "rows", "late": None}] * bool(rows) + [{"kind": "close", **(close or {})}] * (
            close is not None
        )
        self.learn(copy, run, *expected, rows=rows)
        for name, journal in journals.items():
            journal.run = None
            del seen.journals[name]

    # What happens to copies

    @rule(which=WHICH, name=NAMES, params=PARAMS, alone=st.booleans(), clock=CLOCKS)
    def start(self, which: int, name: str, params: dict[str, Any], alone: bool, clock: int) -> None:
        """A process or a shell begins a run."""
        copy = self.at(which, clock)
        if len(copy.runs) >= self.most:
            return
        held = None
        if alone:
            held = ledger.start(name, params=params, directory=str(copy.folder), tags=["x"])
            run = held.id
        else:
            run = begin.start_shared(Tree(str(copy.folder / ".ledger")), name, params=params)
        (opened,) = self.learn(copy, run, {"kind": "open", "name": name})
        journal = self.journal(copy, run, shared=not alone, owner=True)
        journal.run, journal.after = held, opened.time + 1
        copy.check()

    @rule(which=WHICH, number=WHICH, metric=METRICS, context=CONTEXTS, step=STEPS, clock=CLOCKS)
    def log(
        self, which: int, number: int, metric: str, context: dict[str, int] | None, step: int | None, clock: int
    ) -> None:
        """The process that holds a run logs a row."""
        copy, run, seen = self.pick(which, number, clock)
        held = [item for item in seen.journals.items() if item[1].run is not None]
        for name, journal in held:
            for _ in range(1 + clock % 3):
                value = float(next(self.values))
                if step is None:
                    journal.run.log_summary({metric: value}, context=context)
                else:
                    journal.run.log({metric: value}, step, context=context)
                journal.time = journal.after = max(clock + BEGINNING, journal.after)
                seq = len(journal.rows)
                row = model.Row(metric, model.text(context), step, journal.time, value, journal.attempt, name, seq)
                journal.rows.append(row)
                self.acknowledged.setdefault(run, set()).add(row)
                copy.check()

    @rule(which=WHICH, number=WHICH, metric=METRICS, context=CONTEXTS, step=STEPS, clock=CLOCKS)
    def add(
        self, which: int, number: int, metric: str, context: dict[str, int] | None, step: int | None, clock: int
    ) -> None:
        """Somebody else adds a row: through a shared journal, or late."""
        copy, run, seen = self.pick(which, number, clock)
        value = float(next(self.values))
        if run in seen.gone():
            with pytest.raises(RunRetracted):
                copy.led.run(run).log({metric: value})
            return
        here, closed, newest = (metric, model.text(context), step), seen.close() is not None, seen.newest()
        copy.led.run(run).log({metric: value}, step=step, context=context, reason="late" if closed else None)
        if closed:

            def late(body: dict[str, Any], when: int) -> list[model.Row]:
                return [model.Row(*here, when, value, 0, body["writers"][0]["writer"], 0)]

            (said,) = self.learn(copy, run, {"kind": "rows", "late": True, "reason": "late"}, rows=late)
            self.acknowledged.setdefault(run, set()).update(said.rows)
        else:
            fit = [j for _, j in sorted(seen.journals.items()) if j.shared and j.attempt == seen.attempt()]
            journal = fit[0] if fit else self.journal(copy, run, shared=True, owner=False)
            name = next(name for name, j in seen.journals.items() if j is journal)
            journal.time = max(clock + BEGINNING, newest + 1)
            seq = journal.rows[-1].seq + 1 if journal.rows else 0
            journal.rows.append(model.Row(*here, journal.time, value, journal.attempt, name, seq))
            self.acknowledged.setdefault(run, set()).add(journal.rows[-1])
        copy.check()

    @rule(which=WHICH, number=WHICH, status=st.sampled_from(["finished", "failed"]), clock=CLOCKS)
    def finish(self, which: int, number: int, status: str, clock: int) -> None:
        """The process that holds a run ends it, or somebody takes it up."""
        copy, run, seen = self.pick(which, number, clock)
        held = next((j.run for j in seen.journals.values() if j.run is not None), None)
        close: dict[str, Any] | None = {"status": status, "sealer": None}
        if held is not None:
            closed = seen.close()
            held.finish(status)
            _open_runs.pop(id(held), None)
            if closed is not None and not closed.body.get("sealer"):
                close = None
        elif run in seen.gone():
            with pytest.raises(RunRetracted):
                copy.led.finish(run)
            return
        else:
            shell = any(j.shared and j.owner for j in seen.journals.values())
            if any(not j.shared for j in seen.journals.values()) and not shell:
                close = {"status": "interrupted", "sealer": True}
            else:
                close = {"status": "finished", "sealer": None}
            if seen.close() is not None:
                close = None
            copy.led.finish(run)
        self.sealed(copy, run, dict(seen.journals), close)
        copy.check()

    @rule(which=WHICH, number=WHICH, clock=CLOCKS)
    def die(self, which: int, number: int, clock: int) -> None:
        """The process that holds a run is killed."""
        copy, _, seen = self.pick(which, number, clock)
        for journal in seen.journals.values():
            self.let_go(journal)
        copy.check()

    @rule(which=WHICH, clock=CLOCKS)
    def take_up(self, which: int, clock: int) -> None:
        """Somebody seals and closes what dead processes left."""
        copy = self.at(which, clock)
        done = copy.led.finish_stale()
        for run, seen in copy.runs.items():
            left = {name: j for name, j in seen.journals.items() if not j.shared}
            shell = any(j.shared and j.owner for j in seen.journals.values())
            closed = seen.close() is not None
            if any(j.run is not None for j in left.values()) or not (left or (closed and seen.journals)):
                assert run not in done
            elif shell and not closed:
                self.sealed(copy, run, left, None)
            elif run in seen.gone():
                assert isinstance(done[run], RunRetracted)
            else:
                self.sealed(
                    copy, run, dict(seen.journals), None if closed else {"status": "interrupted", "sealer": True}
                )
        copy.check()

    @rule(which=WHICH, number=WHICH, step=STEPS, clock=CLOCKS)
    def resume(self, which: int, number: int, step: int | None, clock: int) -> None:
        """A new attempt begins."""
        copy, run, seen = self.pick(which, number, clock)
        if run in seen.gone() or seen.attempt() > 3 or any(j.run is not None for j in seen.journals.values()):
            return
        left = dict(seen.journals)
        held = ledger.start(resume=run, step=step, directory=str(copy.folder))
        rows = seen.unsealed(left.values())
        resumed = {"kind": "resume", "attempt": seen.attempt() + 1, "step": step}
        *_, said = self.learn(copy, run, *[{"kind": "rows"}] * bool(rows), resumed, rows=rows)
        for name in left:
            del seen.journals[name]
        journal = self.journal(copy, run, shared=False, owner=True)
        journal.run, journal.after = held, said.time + 1
        copy.check()

    @rule(which=WHICH, number=WHICH, word=WORDS, clock=CLOCKS)
    def say(self, which: int, number: int, word: str, clock: int) -> None:
        """A tag is put on or taken off, or a run gets another name, or a note."""
        key, _, value = word.partition(" ")
        if key == "lr":
            self.set_params(which, number, {"lr": int(value)}, clock)
        elif value:
            ops = [{"op": "set", "key": key, "value": value}]
            call = "rename" if key == "name" else "note"
            self.annotate(which, number, clock, ops, lambda led, run: getattr(led, call)(run, value))
        else:
            ops = [{"op": "remove" if key[0] == "-" else "add", "key": key[-1]}]
            self.annotate(which, number, clock, ops, lambda led, run: led.tag(run, key))

    @rule(source=WHICH, into=WHICH, number=WHICH, words=st.lists(WORDS, min_size=2, max_size=4), clock=CLOCKS)
    def say_at_once(self, source: int, into: int, number: int, words: list[str], clock: int) -> None:
        """Two copies have something to say of a run, and then hear of each other."""
        two = self.two(source, into)
        for at, word in enumerate(words):
            self.say(two[at % 2], number, word, clock)
        self.bring(*two, False)
        self.bring(*two[::-1], False)

    @rule(which=WHICH, number=WHICH, params=PARAMS, clock=CLOCKS)
    def set_params(self, which: int, number: int, params: dict[str, Any], clock: int) -> None:
        """Params are added."""
        leaves = [
            (key, value) if not value or type(value) is int else (f"{key}.lr", 3) for key, value in params.items()
        ]
        ops = [{"op": "set", "key": f"params.{key}", "value": value} for key, value in leaves]
        self.annotate(which, number, clock, ops, lambda led, run: led.set_params(run, params))

    def annotate(self, which: int, number: int, clock: int, operations: list[Any], call: Any) -> None:
        """Something is said of a run."""
        copy, run, seen = self.pick(which, number, clock)
        if run in seen.gone() and operations:
            with pytest.raises(RunRetracted):
                call(copy.led, run)
            return
        call(copy.led, run)
        self.learn(copy, run, *[{"kind": "annotate", "operations": operations}] * bool(operations))
        copy.check()

    @rule(which=WHICH, number=WHICH, clock=CLOCKS)
    def remove_or_restore(self, which: int, number: int, clock: int) -> None:
        """A run goes out of view, or comes back, which is what most do."""
        copy, run, seen = self.pick(which, number, clock)
        if run not in seen.gone():
            copy.led.remove(run)
            self.learn(copy, run, {"kind": "retract", "target": run})
        else:
            against = [said.id for said in seen.in_order("retract") if said.body["target"] == run]
            copy.led.restore(run)
            self.learn(copy, run, *[{"kind": "retract", "target": id} for id in against])
        copy.check()

    @rule(which=WHICH, number=WHICH, entry=st.integers(0, 30), clock=CLOCKS)
    def retract(self, which: int, number: int, entry: int, clock: int) -> None:
        """One entry goes out of view: rows, a close, a resume, what was said, a retraction."""
        copy, run, seen = self.pick(which, number, clock)
        target = sorted(seen.said)[entry % len(seen.said)]
        if target not in seen.gone():
            annotations.retract(copy.led.tree, run, "somebody", target=target)
            self.learn(copy, run, {"kind": "retract", "target": target})
            copy.check()

    # How they come together

    def carry(self, source: Path, target: Path, journals: bool) -> None:
        """Copy the files that are not there, as `cp -rn` does."""
        for path in sorted((source / ".ledger").rglob("*")):
            there = target / path.relative_to(source)
            if path.is_file() and not there.exists() and (journals or "journal" not in path.parts):
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, there)

    def bring(self, source: int, target: int, journals: bool) -> None:
        """What one copy has comes to another one."""
        one, other = self.copies[source], self.copies[target]
        self.carry(one.folder, other.folder, journals)
        for run, seen in one.runs.items():
            there = other.runs.setdefault(run, model.Seen())
            there.said.update(seen.said)
            for name, journal in seen.journals.items():
                if journals and name not in there.journals:
                    there.journals[name] = journal.again()
        other.check()

    def two(self, source: int, into: int) -> tuple[int, int]:
        """Choose two copies."""
        count = len(self.copies)
        return source % count, (source % count + 1 + into % (count - 1)) % count

    @rule(source=WHICH, into=WHICH, journals=st.booleans())
    def merge(self, source: int, into: int, journals: bool) -> None:
        """What one copy has comes to another one."""
        self.bring(*self.two(source, into), journals)

    @rule(source=WHICH, into=WHICH, clock=CLOCKS)
    def take_for_dead(self, source: int, into: int, clock: int) -> None:
        """A copy that has the journals of another one seals and closes what is alive there, and tells it."""
        source, target = self.two(source, into)
        self.bring(source, target, True)
        self.take_up(target, clock)
        self.bring(target, source, False)

    @rule(source=WHICH, into=WHICH, number=WHICH, steps=st.tuples(STEPS, STEPS), clock=CLOCKS)
    def go_on_twice(self, source: int, into: int, number: int, steps: tuple[int | None, ...], clock: int) -> None:
        """Two copies go on with one journal, the one is sealed and then told to the other, which seals its own."""
        two = self.two(source, into)
        run = sorted(self.copies[two[0]].runs)[number % len(self.copies[two[0]].runs)]
        self.bring(*two, True)
        for which, step in zip(two, steps, strict=True):
            self.add(which, sorted(self.copies[which].runs).index(run), "loss", None, step, clock)
        for which in two:
            self.finish(which, sorted(self.copies[which].runs).index(run), "finished", clock)
            self.bring(two[0], two[1], False)

    @invariant()
    def nothing_is_lost(self) -> None:
        """Every row that was logged is in some copy: in a journal, or in an entry, in view or not."""
        for run, rows in self.acknowledged.items():
            seen = [copy.runs[run] for copy in self.copies if run in copy.runs]
            sealed = (said.rows for one in seen for said in one.said.values())
            assert rows <= set().union(*sealed, *(journal.rows for one in seen for journal in one.journals.values()))

    @precondition(lambda self: len(self.copies) < 3)
    @rule(source=WHICH, journals=st.booleans())
    def copy(self, source: int, journals: bool) -> None:
        """A copy is made."""
        self.copies.append(self.make())
        self.bring(source % (len(self.copies) - 1), len(self.copies) - 1, journals)

    @rule(which=WHICH)
    def lose_the_catalog(self, which: int) -> None:
        """Somebody clears the cache."""
        Path(catalog.path_for(self.copies[which % len(self.copies)].led.tree)).unlink(missing_ok=True)

    @rule(data=st.randoms(use_true_random=False))
    def meet(self, data: random.Random) -> None:
        """Unions of all copies, in any order, twice or once, give the same bytes, and what the model says."""
        said = []
        for _ in range(2):
            order = [copy.folder for copy in self.copies] * 2
            data.shuffle(order)
            halves = [self.make(), self.make()]
            for at, folder in enumerate(order):
                self.carry(folder, halves[at % 2].folder, False)
            data.shuffle(halves)
            self.carry(halves[0].folder, halves[1].folder, False)
            said.append(model.answers(halves[1].folder))
        assert said[0] == said[1]
        for copy in self.copies:
            for run, seen in copy.runs.items():
                halves[1].runs.setdefault(run, model.Seen()).said.update(seen.said)
        halves[1].check()


def time_of(text: str) -> int:
    """Return microseconds since 1970."""
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


class Clones(Copies):
    """The same with git: copies are repositories, and what is carried over is committed and pulled."""

    def make(self) -> model.Copy:
        """Return a new repository."""
        copy = super().make()
        git(copy.folder, "init", "-q", "-b", "main")
        return copy

    def carry(self, source: Path, target: Path, journals: bool) -> None:
        """Commit on both sides, and merge; journals come by other ways."""
        for folder in (source, target):
            git(folder, "add", "--all")
            git(folder, "commit", "-q", "--allow-empty", "-m", "all")
            assert git(folder, "ls-files", ".ledger/journal") == ""
        git(target, "pull", "-q", "--no-rebase", "--no-edit", "--allow-unrelated-histories", str(source), "main")
        assert git(target, "status", "--porcelain") == ""
        if journals:
            super().carry(source, target, True)


class ManyCopies(Copies):
    """The same, longer."""


def git(folder: Path, *words: str) -> str:
    """Run git; a failure is an error of the test."""
    command = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def lengths(examples: int, steps: int) -> settings:
    """Return how long to look."""
    health = list(HealthCheck)
    return settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=health)


TestCopies = Copies.TestCase
TestCopies.settings = lengths(12, 25)
TestManyCopies = pytest.mark.slow(ManyCopies.TestCase)
TestManyCopies.settings = lengths(120, 25)
TestClones = pytest.mark.slow(Clones.TestCase)
TestClones.settings = lengths(8, 25)
