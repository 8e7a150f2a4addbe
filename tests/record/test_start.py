"""How a run begins: anew, joined under LEDGER_RUN, or resumed as a new attempt."""

import dataclasses
import enum
import math
import os
from argparse import Namespace
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ledger
from ledger.errors import InvalidName, InvalidParam, InvalidValue, LedgerWarning, NoSuchRun, StorageFault
from ledger.format.ids import is_run_id
from ledger.record import start as begin
from ledger.store import files

pytestmark = pytest.mark.usefixtures("workdir")


def values(run: str = "a", rows: str = "shown") -> list[float]:
    """Return the values of a run."""
    return list(ledger.open().metrics(run, rows=rows).value)


def test_a_new_run_says_where_it_comes_from(repo: Path) -> None:
    """Everything that was given, the commit and the program; the ledger is made at the top of the repository."""
    (repo / "deep").mkdir()
    os.chdir(repo / "deep")
    with ledger.start("parent"):
        pass
    with ledger.start(
        "Mein Lauf 1", params={"lr": 0.5}, tags=["b", "a", "b"], group="g", parent="parent", seed=7, note="why"
    ) as run:
        pass
    assert is_run_id(run.id)
    assert "-mein-lauf-1-" in run.id
    assert (repo / ".ledger").is_dir()
    led = ledger.open()
    state = led.state("Mein Lauf 1")
    assert (state.tags, state.group, state.seed, state.note) == (["a", "b"], "g", 7, "why")
    assert state.parent == led.resolve("parent")
    assert state.author == "Ada Lovelace <ada@example.org>"
    assert state.git is not None
    assert (state.git["branch"], state.git["dirty"]) == ("main", False)
    assert {"python", "host", "versions"} <= set(state.program)


def test_what_params_may_be() -> None:
    """Mappings, dataclasses, namespaces; NumPy, paths and enums become JSON; types and non-finite floats stay."""

    class Kind(enum.Enum):
        A = "alpha"

    @dataclasses.dataclass
    class Options:
        depth: int = 3
        rate: float = -0.0

    given = {
        "int": 2**53 + 1, "large": 2**70, "true": True, "none": None, "nan": math.nan, "inf": -math.inf, "zero": -0.0,
        "text": "ü\n", "list": [1, [2.5, None]], "tuple": (1,), "numpy": np.float32(0.5), "array": np.arange(3),
        "path": Path("x/y"), "enum": Kind.A, "options": Options(), "$float": "NaN", "$": {"$x": 1}, 5: "five",
    }  # fmt: skip
    ledger.start("a", params=given).finish()
    assert repr(ledger.open().state("a").params) == repr(
        {
            "int": 2**53 + 1,
            "large": 2**70,
            "true": True,
            "none": None,
            "nan": math.nan,
            "inf": -math.inf,
            "zero": -0.0,
            "text": "ü\n",
            "list": [1, [2.5, None]],
            "tuple": [1],
            "numpy": 0.5,
            "array": [0, 1, 2],
            "path": "x/y",
            "enum": "alpha",
            "options": {"depth": 3, "rate": -0.0},
            "$float": "NaN",
            "$": {"$x": 1},
            "5": "five",
        }
    )
    ledger.start("b", params=Namespace(lr=0.5)).finish()
    ledger.start("c", params=Options()).finish()
    assert ledger.open().state("b").params == {"lr": 0.5}
    assert ledger.open().state("c").params == {"depth": 3, "rate": -0.0}


BAD_PARAMS = [[1], "x", 5, {"a": object()}, {"a": {1, 2}}, {"": 1}, {"a": "\udcff"}, {("a",): 1}]
BAD: list[tuple[type[Exception], dict[str, Any]]] = [
    *((InvalidName, {"name": name}) for name in ("", " ", "a:b", "a..b", "@a", "a\nb", "\udcff", 5, "x" * 513)),
    *((InvalidName, {"tags": [tag]}) for tag in ("", "a\nb", 5, None)),
    (InvalidValue, {"tags": "cv"}),
    *((InvalidName, {"group": group}) for group in ("", "a\nb", 5)),
    *((InvalidValue, {"seed": seed}) for seed in ("x", 1.5, True, 2**70)),
    *((InvalidValue, {"note": note}) for note in (5, "\udcff")),
    *((InvalidParam, {"params": p}) for p in BAD_PARAMS),
    (NoSuchRun, {"parent": "nope"}),
    (NoSuchRun, {"parent": "\udcff"}),
    (InvalidValue, {"step": 3}),
]  # fmt: skip


@pytest.mark.parametrize("there", [False, True], ids=["no ledger", "a ledger"])
def test_a_wrong_start_writes_nothing(workdir: Path, there: bool) -> None:
    """Each wrong argument is one clear error; no ledger, no folder, no journal comes of it."""
    if there:
        ledger.start("known").finish()
    before = sorted(workdir.rglob("*"))
    for error, given in BAD:
        with pytest.raises(error) as caught:
            ledger.start(**{"name": "a", **given})
        assert len(str(caught.value).splitlines()) <= 3, given
        assert sorted(workdir.rglob("*")) == before, given


def test_a_run_that_nobody_named_is_called_like_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script's name, or `run` where there is none."""
    monkeypatch.setattr("sys.argv", ["/x/train_model.py", "--lr", "1"])
    assert begin.default_name() == "train_model"
    for name in ("-c", "", "-", "/x/__main__.py", "/x/ipykernel_launcher.py"):
        monkeypatch.setattr("sys.argv", [name])
        assert begin.default_name() == "run"
    monkeypatch.setattr("sys.argv", [])
    ledger.start().finish()
    assert ledger.open().state("@1").name == "run"


def test_a_full_disk_at_the_start_is_an_error(full_disk: Callable[..., AbstractContextManager[None]]) -> None:
    """Before the first row nothing is lost by saying so: StorageFault, and what is there still reads."""
    ledger.start("known").finish()
    for name in ("write_all", "append", "open_append"):
        with full_disk(name), pytest.raises(StorageFault, match="No space left"):
            ledger.start("a")
    assert ledger.open().state("known").status == "finished"


def test_git_that_ignores_the_ledger_is_said(repo: Path) -> None:
    """Results that git leaves out are lost with the next clone: whoever makes the ledger is told."""
    (repo / ".gitignore").write_text(".ledger/\n")
    with pytest.warns(LedgerWarning, match="git ignores"):
        ledger.start("a").finish()


@pytest.mark.parametrize("rule", ["runs/", "*.parquet", "*.json", "*.png", "*", "blobs", "*.md"])
def test_rules_that_would_drop_a_part_are_undone(repo: Path, rule: str) -> None:
    """`.ledger/.gitignore` takes such rules back, so there is nothing to warn of."""
    (repo / ".gitignore").write_text(f"{rule}\n" + ("!.ledger\n" if rule == "*" else ""))
    ledger.start("a").finish()
    assert not begin.ignored(ledger.open().tree)


def test_joining_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under LEDGER_RUN a script adds to that run: params, tags, rows; it never closes it, and ignores another name."""
    owner = ledger.start("a", params={"lr": 0.5})
    owner.log({"x": 0.0}, step=0)
    monkeypatch.setenv("LEDGER_RUN", owner.id)
    with pytest.warns(LedgerWarning, match="'b' is ignored"):
        joined = ledger.start("b", params={"opt": {"name": "sgd"}}, tags=["joined"])
    assert (joined.id, joined.name, joined.owner) == (owner.id, "a", False)
    with joined:
        joined.log({"x": 1.0})
        joined.log({"y": 0.0})
    state = ledger.open().state(owner.id)
    assert (state.status, state.tags, state.params) == ("running", ["joined"], {"lr": 0.5, "opt": {"name": "sgd"}})
    with pytest.raises(ZeroDivisionError), ledger.start():
        _ = 1 / 0
    assert ledger.open().run(owner.id).status == "running"
    owner.finish()
    frame = ledger.open().metrics(owner.id)
    assert frame.metric.tolist() == ["x", "x", "y"]
    assert frame.step.tolist() == [0, 1, 0]


def test_joining_by_name_and_by_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """LEDGER_RUN takes what names a run; one that names none is an error, never a new run."""
    owner = ledger.start("a")
    for word in ("a", "@1", owner.id[-12:], f"run:{owner.id}"):
        monkeypatch.setenv("LEDGER_RUN", word)
        joined = ledger.start()
        assert joined.id == owner.id
        joined.finish()
    monkeypatch.setenv("LEDGER_RUN", "nope")
    with pytest.raises(NoSuchRun):
        ledger.start("a")
    monkeypatch.setenv("LEDGER_RUN", "")
    owner.finish()
    with ledger.start("b") as run:
        assert run.owner


def test_a_joined_run_goes_on_after_values_without_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value of the run as a whole does not send the series back to step 0, where it would replace others."""
    owner = ledger.start("a")
    for value in (0.0, 1.0, 2.0):
        owner.log({"x": value})
    ledger.open().run("a").log({"x": 99.0})
    monkeypatch.setenv("LEDGER_RUN", owner.id)
    with ledger.start() as joined:
        joined.log({"x": 3.0})
        joined.log({"x": 4.0})
        joined.log({"x": 0.5}, context={"fold": 1})
    owner.finish()
    assert values() == [0.0, 1.0, 2.0, 3.0, 4.0, 99.0, 0.5]


def test_resuming_replaces_what_is_logged_again() -> None:
    """From the first step the new attempt logs of a metric; steps without number go on after the greatest."""
    with ledger.start("a") as run:
        for step in range(5):
            run.log({"x": step / 8, "y": 1.0}, step=step)
        run.log_text("t", "old", step=3)
        run.log_text("t", "older", step=1)
    with ledger.start(resume="a", params={"lr": 0.5}, tags=["again"]) as run:
        assert (run.attempt, run.name) == (2, "a")
        run.log({"x": 33.0}, step=3)
        run.log({"x": 44.0})
        run.log_text("t", "new", step=2)
    state = ledger.open().state("a")
    assert (state.status, state.attempts, state.params, state.tags) == ("finished", 2, {"lr": 0.5}, ["again"])
    assert values() == [0.0, 0.125, 0.25, 33.0, 44.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert [chart.step for chart in state.charts] == [1, 2]
    assert ledger.open().chart("a", "t", 2) == b"new"
    with ledger.start(resume="a") as run:
        assert run.attempt == 3
        run.log({"y": 2.0})
    assert values()[-6:] == [1.0, 1.0, 1.0, 1.0, 1.0, 2.0]


def test_resuming_at_a_step_cuts_there() -> None:
    """What lies at or after the step is replaced at once, and numbering goes on from it."""
    with ledger.start("a") as run:
        for step in range(5):
            run.log({"x": step / 8}, step=step)
    run = ledger.start(resume="a", step=2)
    assert values() == [0.0, 0.125]
    run.log({"x": 22.0})
    run.finish()
    assert values() == [0.0, 0.125, 22.0]
    assert len(values(rows="stored")) == 6
    frame = ledger.open().metrics("a")
    assert frame.step.tolist() == [0, 1, 2]


def test_a_failed_run_is_open_again_while_it_is_resumed() -> None:
    """Its status follows the attempt that counts."""
    with pytest.raises(ZeroDivisionError), ledger.start("a") as run:
        run.log({"x": 1.0}, step=1)
        _ = 1 / 0
    resumed = ledger.start(resume="a")
    assert ledger.open().run("a").status == "running"
    resumed.finish()
    state = ledger.open().state("a")
    assert (state.status, state.error) == ("finished", None)


def test_resuming_takes_up_what_a_dead_process_left() -> None:
    """Its rows are sealed as of its own attempt, before the new one begins."""
    from ledger.record.run import _open_runs

    dead = ledger.start("a")
    for step in range(3):
        dead.log({"x": step / 8}, step=step)
    dead._writer.close()
    dead._finished = True
    _open_runs.pop(id(dead))
    assert ledger.open().run("a").status == "interrupted"
    with ledger.start(resume="a") as run:
        run.log({"x": 9.0}, step=1)
    assert values() == [0.0, 9.0]
    assert ledger.open().run("a").status == "finished"


def test_a_running_run_cannot_be_resumed() -> None:
    """The error says that a process holds it, and how to join it."""
    run = ledger.start("a")
    with pytest.raises(InvalidValue, match="is running") as caught:
        ledger.start(resume="a")
    assert f"LEDGER_RUN={run.id}" in str(caught.value)
    run.finish()
    with pytest.raises(NoSuchRun):
        ledger.start(resume="nope")
    with pytest.raises(InvalidValue, match="step must be a whole number"):
        ledger.start(resume="a", step="x")  # type: ignore[arg-type]
    assert ledger.open().run("a").status == "finished"


def test_a_shared_run_is_opened_and_finished_by_name(workdir: Path) -> None:
    """What `ledger start` makes: nobody holds it, it takes rows of anybody, and `finish` ends it as finished."""
    from ledger import api

    id = api.start_shared("a", params={"lr": 0.5})
    led = ledger.open()
    assert led.run(id).status == "open"
    led.run(id).log({"x": 1.0}, step=1)
    done = led.finish(id)
    assert (done.status, done.rows) == ("finished", 1)
    assert led.state(id).params == {"lr": 0.5}


def test_the_ledger_is_where_it_was_said(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`directory=` and LEDGER_DIR name it; otherwise the nearest above, or a new one here."""
    (workdir / "a").mkdir()
    (workdir / "b").mkdir()
    ledger.start("x", directory="a").finish()
    monkeypatch.setenv("LEDGER_DIR", str(workdir / "b" / ".ledger"))
    ledger.start("y").finish()
    monkeypatch.delenv("LEDGER_DIR")
    assert [state.name for state in ledger.open("a").select()] == ["x"]
    assert [state.name for state in ledger.open("b/.ledger").select()] == ["y"]
    assert not (workdir / ".ledger").exists()
    (workdir / "a" / "deep").mkdir()
    os.chdir(workdir / "a" / "deep")
    ledger.start("z").finish()
    assert len(files.names(str(workdir / "a" / ".ledger" / "runs"))) == 1
    assert len(ledger.open().select()) == 2


def test_two_runs_in_one_process() -> None:
    """Runs of one process do not touch each other."""
    with ledger.start("a") as a, ledger.start("b") as b:
        for step in range(3):
            a.log({"x": 1.0}, step=step)
            b.log({"x": 2.0}, step=step)
    assert (values("a"), values("b")) == ([1.0] * 3, [2.0] * 3)
