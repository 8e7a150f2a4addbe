"""A metric commit by commit: which value counts, what became of it, and what a commit itself brought."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidFilter, UsageError
from ledger.format.values import Undefined
from ledger.git.log import LineCommit
from ledger.schema import EMPTY, Metric
from ledger.table import evolution
from ledger.table.evolution import CommitValue, RunValue, Step
from tests.table.test_diff import run as state_of

MAX, MIN = Metric(goal="maximize"), Metric(goal="minimize")
NAN, INF = math.nan, math.inf


def step(number: int, values: dict[str, Any], damaged: tuple[str, ...] = ()) -> Step:
    """A commit that gave runs these values; a run's name is its place in time."""
    commit = LineCommit(f"{number:040x}", "", (), number, "Ada", f"commit {number}")
    found = {run: None if value is None else RunValue(value, run, run, ord(run)) for run, value in values.items()}
    return Step(commit, found, damaged)


def follow(*steps: dict[str, Any], metric: Metric = MAX, newest: bool = False) -> list[CommitValue]:
    """Follow a metric over commits."""
    return evolution.follow([step(i, values) for i, values in enumerate(steps)], metric, newest=newest)


def told(found: list[CommitValue]) -> list[tuple[Any, ...]]:
    """Return (value, run, change) of each commit."""
    return [(c.value.value if c.value else None, c.value.run if c.value else None, c.change) for c in found]


def test_better_worse_and_the_same() -> None:
    """A better run, a worse one beside it, a correction of the best, and its removal."""
    found = follow({"a": 0.5}, {"b": 0.75}, {"c": 0.25}, {"b": 0.625}, {"b": None})
    assert told(found) == [
        (0.5, "a", None), (0.75, "b", "better"), (0.75, "b", "same"), (0.625, "b", "worse"), (0.5, "a", "worse"),
    ]  # fmt: skip
    assert [c.runs for c in found] == [1, 2, 3, 3, 2]


def test_a_metric_to_be_minimized() -> None:
    """Less is better, also of what a commit brought."""
    found = follow({"a": 0.5}, {"b": 0.25}, {"c": 0.75}, metric=MIN)
    assert told(found) == [(0.5, "a", None), (0.25, "b", "better"), (0.25, "b", "same")]
    assert [c.new_verdict for c in found] == [None, "better", "worse"]


def test_the_newest_run_is_followed() -> None:
    """Whatever its value: a worse run that comes later is worse; when it goes, the one before it counts again."""
    found = follow({"a": 0.5}, {"b": 0.75}, {"c": 0.25}, {"a": 1.0}, {"c": None}, newest=True)
    assert told(found) == [
        (0.5, "a", None), (0.75, "b", "better"), (0.25, "c", "worse"), (0.25, "c", "same"), (0.75, "b", "better"),
    ]  # fmt: skip


def test_what_a_commit_brought_is_held_against_the_value_before() -> None:
    """The best of the runs that it added or changed; a run whose value stayed was not brought."""
    found = follow({"a": 0.5}, {"b": 0.25, "c": 0.375, "a": 0.5}, {"b": 0.25}, {"a": 0.125})
    assert [(c.new.run, c.new.value, c.new_verdict) if c.new else None for c in found] == [
        ("a", 0.5, None), ("c", 0.375, "worse"), None, ("a", 0.125, "worse"),
    ]  # fmt: skip
    assert [c.changed for c in found] == [True, True, False, True]


def test_what_is_no_number_never_is_the_best() -> None:
    """NaN and undefined count as runs with the metric; where nothing else is left, the value is lost."""
    found = follow({"a": NAN}, {"b": -INF}, {"b": Undefined("one class")}, {"c": 0.5}, {"c": NAN})
    assert told(found) == [
        (None, None, None),
        (-INF, "b", None),
        (None, None, "lost"),
        (0.5, "c", None),
        (None, None, "lost"),
    ]
    assert [c.runs for c in found] == [1, 2, 2, 3, 3]
    newest = follow({"a": 0.5}, {"b": NAN}, {"b": Undefined("one class")}, newest=True)
    assert [c.change for c in newest] == [None, "unknown", "unknown"]


def test_of_equal_values_that_of_the_newest_run_counts() -> None:
    """As `best:METRIC` has it; a change of run alone is the same."""
    assert told(follow({"b": 0.5}, {"a": 0.5}, {"c": 0.5})) == [
        (0.5, "b", None),
        (0.5, "b", "same"),
        (0.5, "c", "same"),
    ]


def test_within_tolerance_is_the_same() -> None:
    """As `diff` has it."""
    metric = Metric(goal="maximize", tolerance=0.1)
    assert [c.change for c in follow({"a": 0.5}, {"a": 0.45}, {"a": 0.3}, metric=metric)] == [None, "same", "worse"]


def test_damage_is_no_fall() -> None:
    """Where the run that had the value cannot be read, nobody knows; of another run it does not matter."""
    steps = [step(0, {"a": 0.5, "b": 0.75}), step(1, {"a": None}, ("a",)), step(2, {"b": None}, ("b",))]
    found = evolution.follow(steps, MAX)
    assert [(c.change, c.changed) for c in found] == [(None, True), ("same", True), ("unknown", True)]
    assert found[1].to_json("best")["left_out"] == ["a"]


def test_json() -> None:
    """Fields in their order; what has no value is left out or null."""
    first, second, third = (c.to_json("best") for c in follow({"a": 0.5}, {"a": Undefined("none")}, {"a": None}))
    assert first == {
        "commit": "0" * 40, "time": "1970-01-01T00:00:00.000000Z", "author": "Ada", "subject": "commit 0",
        "best": 0.5, "run": "a", "name": "a", "runs": 1, "new": {"value": 0.5, "run": "a", "name": "a"},
    }  # fmt: skip
    assert [*first] == ["commit", "time", "author", "subject", "best", "run", "name", "runs", "new"]
    assert (second["best"], second["change"], "run" in second, "new" in second) == (None, "lost", False, False)
    assert (third["best"], third["runs"], "change" in third) == (None, 0, False)
    (undefined,) = (c.to_json("newest") for c in follow({"a": Undefined("none")}, newest=True))
    assert (undefined["newest"], undefined["undefined"], undefined["run"]) == (None, "none", "a")


@pytest.mark.parametrize(
    ("word", "expected"),
    [("val/auc", ("val/auc", "last")), ("best:val/auc", ("val/auc", "best")), ("metrics.created", ("created", "last"))],
)
def test_which_value_of_a_run_is_meant(word: str, expected: tuple[str, str]) -> None:
    """The last one, or another statistic, as columns are written everywhere."""
    found = evolution.column(word)
    assert (found.name, found.statistic) == expected


@pytest.mark.parametrize("word", ["params.lr", "created", "tag", "count:loss", "nan:loss"])
def test_what_is_no_metric_is_refused(word: str) -> None:
    """Fields, params and counts say nothing of how good a run is."""
    with pytest.raises(UsageError, match="ledger history"):
        evolution.column(word)


def test_states_are_read_by_a_filter() -> None:
    """Runs out of view, those that do not fit, and those without the metric have no value."""
    reader = evolution.Reader(evolution.column("m"), EMPTY, "params.lr < 1")
    fits = state_of("a", {"m": 0.5}, params={"lr": 0.1})
    assert reader.value(fits) == RunValue(0.5, "A", "a", 0)
    assert reader.value(state_of("b", {"m": 0.5}, params={"lr": 1.0})) is None
    assert reader.value(state_of("c", {"n": 0.5}, params={"lr": 0.1})) is None
    assert reader.value(state_of("d", {"m": 0.5}, params={"lr": 0.1}, retracted=True)) is None
    assert reader.value(None) is None
    reader.check()


def test_a_filter_that_names_nothing_is_an_error() -> None:
    """A param that no run of any commit ever had was misspelled."""
    reader = evolution.Reader(evolution.column("m"), EMPTY, "params.lrr < 1")
    assert reader.value(state_of("a", {"m": 0.5}, params={"lr": 0.1})) is None
    with pytest.raises(InvalidFilter, match="lrr"):
        reader.check()


NUMBERS = st.sampled_from([None, 0.0, 0.5, 1.0, NAN, INF, -INF, Undefined("none")])
STEPS = st.lists(st.dictionaries(st.sampled_from("abcd"), NUMBERS, max_size=3), max_size=12)


@given(steps=STEPS, newest=st.booleans(), metric=st.sampled_from([MAX, MIN]))
def test_following_is_looking_at_all_runs_each_time(steps: list[dict[str, Any]], newest: bool, metric: Metric) -> None:
    """What is kept from commit to commit gives what all runs in view give, however they came and went."""
    runs: dict[str, Any] = {}
    for values, found in zip(steps, follow(*steps, metric=metric, newest=newest), strict=True):
        runs = {run: value for run, value in (runs | values).items() if value is not None}
        numbers = {run: v for run, v in runs.items() if not isinstance(v, Undefined) and not math.isnan(v)}
        if newest:
            expected = max(runs, default=None)
        else:
            best = (max if metric.goal == "maximize" else min)(numbers.values(), default=None)
            expected = max((run for run, value in numbers.items() if value == best), default=None)
        assert (found.value.run if found.value else None) == expected
        assert found.runs == len(runs)
