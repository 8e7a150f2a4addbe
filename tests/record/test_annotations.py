"""What is said of a run afterwards: tags, params, name, note; out of view and back; on branches that meet again."""

import shutil
from pathlib import Path

import pytest

import ledger
from ledger.errors import InvalidName, InvalidParam, InvalidValue, NoSuchRun, UsageError
from ledger.record import annotations
from ledger.store import entries

pytestmark = pytest.mark.usefixtures("workdir")


@pytest.fixture
def led() -> ledger.Ledger:
    """Return a ledger with the run `a`."""
    with ledger.start("a", params={"lr": 0.5}, tags=["cv"]) as run:
        run.log({"x": 1.0})
    return ledger.open()


def count() -> int:
    """Return how many entries there are."""
    return len(list(Path(".ledger/runs").rglob("*.json")))


def test_tags_params_name_and_note(led: ledger.Ledger) -> None:
    """Each call is one entry; what was said last counts."""
    before = count()
    led.tag("a", "star", "+moon", "-cv", reason="why")
    led.note("a", "a note")
    led.set_params("a", {"lr": 0.25, "opt": {"name": "sgd"}})
    led.rename("a", "b")
    assert count() == before + 4
    state = led.state("b")
    assert (state.tags, state.note, state.params) == (["moon", "star"], "a note", {"lr": 0.25, "opt": {"name": "sgd"}})
    assert [entry.reason for entry in state.entries if entry.kind == "annotate"] == ["why", None, None, None]
    with pytest.raises(NoSuchRun):
        led.state("a")


def test_what_cannot_be_kept_is_refused_and_nothing_written(led: ledger.Ledger) -> None:
    """Names of the wrong form, params that JSON cannot hold, texts that UTF-8 cannot hold."""
    before = count()
    for name in ("", "a:b", "a..b", "@a", "a\nb", " a", "x" * 513):
        with pytest.raises(InvalidName):
            led.rename("a", name)
    for tag in ("", "-", "+", "a\x1b[0m"):
        with pytest.raises(InvalidName):
            led.tag("a", "fine", tag)
    for params in ({"x": object()}, {"a": {"b": {1, 2}}}, {"": 1}, {"x": 1j}):
        with pytest.raises(InvalidParam):
            led.set_params("a", params)
    with pytest.raises(InvalidValue):
        led.note("a", "\udcff")
    with pytest.raises(InvalidValue):
        led.tag("a", "fine", reason="\udcff")
    with pytest.raises(InvalidValue):
        led.remove("a", reason="\udcff")
    led.tag("a")
    led.set_params("a", {})
    assert count() == before


def test_out_of_view_and_back(led: ledger.Ledger) -> None:
    """A removed run is in no list and found by no name; restored, it is as it was; any number of times."""
    before = repr(led.state("a").metrics)
    for _ in range(3):
        led.remove("a", reason="wrong data")
        assert led.select() == []
        assert [state.name for state in led.removed()] == ["a"]
        with pytest.raises(NoSuchRun):
            led.state("a")
        with pytest.raises(UsageError, match="out of view already"):
            annotations.retract(led.tree, led.removed()[0].id, "Ada")
        led.restore("a", reason="it was right")
        assert repr(led.state("a").metrics) == before
        with pytest.raises(UsageError, match="nothing to restore"):
            led.restore("a")
    assert led.removed() == []
    assert [e.reason for e in led.state("a").entries if e.kind == "retract"] == ["wrong data", "it was right"] * 3


def branch(led: ledger.Ledger, name: str) -> ledger.Ledger:
    """Return a copy of a ledger, as another branch has it."""
    shutil.copytree(led.path, f"{name}/.ledger", ignore=shutil.ignore_patterns("journal"))
    return ledger.open(name)


def merge(led: ledger.Ledger, *others: ledger.Ledger) -> None:
    """Put the files of other ledgers into one."""
    for other in others:
        shutil.copytree(other.path, led.path, dirs_exist_ok=True)


def test_two_branches_that_remove_one_run(led: ledger.Ledger) -> None:
    """Restored on one branch, it is still out of view by the other's word; restoring once more ends that."""
    left, right = branch(led, "left"), branch(led, "right")
    left.remove("a")
    left.restore("a")
    right.remove("a")
    merge(led, left, right)
    assert led.select() == []
    led.restore("a")
    assert [state.name for state in led.select()] == ["a"]


def test_branches_that_annotate_differently_are_told(led: ledger.Ledger) -> None:
    """The newest counts, whichever way they are merged; both values are said until somebody decides."""
    left, right = branch(led, "left"), branch(led, "right")
    left.set_params("a", {"lr": 1})
    left.tag("a", "-cv", "same")
    right.set_params("a", {"lr": 2})
    right.tag("a", "same")
    both, other_way = branch(led, "both"), branch(led, "other")
    merge(both, left, right)
    merge(other_way, right, left)
    states = [both.state("a"), other_way.state("a")]
    assert repr(states[0]) == repr(states[1])
    assert states[0].params == {"lr": 2}
    assert states[0].tags == ["same"]
    assert states[0].conflicts == ["params.lr was set at once to 1 and to 2, which counts"]
    both.set_params("a", {"lr": 3})
    assert (both.state("a").params, both.state("a").conflicts) == ({"lr": 3}, [])


def test_an_entry_follows_all_heads(led: ledger.Ledger) -> None:
    """After a merge the next entry joins the branches of the history again."""
    left = branch(led, "left")
    left.note("a", "l")
    led.note("a", "r")
    merge(led, left)
    run = led.resolve("a")
    folder = led.tree.folder_of(next(iter(led.tree.run_times())))
    assert len(entries.heads(entries.read_all(led.tree, folder, run).read)) == 2
    led.note("a", "joined")
    assert len(entries.heads(entries.read_all(led.tree, folder, run).read)) == 1


def test_an_unknown_run_cannot_be_annotated(led: ledger.Ledger) -> None:
    """No entry makes a run."""
    with pytest.raises(NoSuchRun):
        annotations.annotate(led.tree, "20261122-031501-none-7f3a9c2e1b0d", annotations.tag_operations(["x"]), "Ada")
    with pytest.raises(NoSuchRun, match="did you mean a"):
        led.tag("aa", "x")
