"""Repeats: which runs are one experiment, and the interval of their mean against scipy's."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ledger.derive import repeats
from ledger.store.state import RunState

SCIPY_WARNS = pytest.mark.filterwarnings("ignore:Precision loss")  # where one side has no spread
FLOATS = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("seed", True), ("Seed", True), ("random_seed", True), ("randomSeed", True), ("train.seed", True),
        ("data-seed", True), ("seed_everything", True), ("random_state", True), ("rng", True), ("seeds", True),
        ("np.random_state", True), ("SEED", True),
        ("lr", False), ("seedling", False), ("reseed_every_n", False), ("state", False), ("seed.lr", False),
        ("proceed", False), ("rng.lr", False),
    ],
)  # fmt: skip
def test_seeds_are_known_by_name(name: str, expected: bool) -> None:
    """The last part of the name has the word seed, or is one of few well-known others."""
    assert repeats.is_seed(name) is expected


def names(groups: list[list[RunState]]) -> list[list[str]]:
    """Return the ids of groups."""
    return [[run.id for run in group] for group in groups]


def test_runs_that_differ_by_seed_alone_are_one_group(run: Callable[..., RunState]) -> None:
    """The seed may be the run's own or a param; other params, or another group, are another experiment."""
    runs = [
        run("a", seed=1, params={"lr": 0.1}, created=1),
        run("b", seed=2, params={"lr": 0.1}, created=2),
        run("c", params={"lr": 0.1, "seed": 3}, created=3),
        run("d", seed=4, params={"lr": 0.1, "seed": 4, "data": {"split_seed": 9}}, created=4),
        run("e", seed=1, params={"lr": 0.2}, created=5),
        run("f", seed=5, params={"lr": 0.1}, group="sweep", created=6),
        run("g", params={"lr": 0.1}, created=7),
        run("h", params={"lr": 0.1}, created=8),
        run("i", seed=6, params={"lr": True}, created=9),
    ]
    expected = [["i"], ["h"], ["g"], ["f"], ["e"], ["d", "c", "b", "a"]]
    assert names(repeats.groups(runs)) == expected
    assert names(repeats.groups(runs[::-1])) == expected
    assert names(repeats.groups(runs, each=True)) == [[run.id] for run in runs[::-1]]


def test_a_seed_that_ran_again_begins_another_group(run: Callable[..., RunState]) -> None:
    """It is no repeat of itself: the newest of each seed belong together, and what they replaced."""
    runs = [run(f"r{i}", seed=i % 3, params={"lr": 0.1}, created=i) for i in range(7)]
    assert names(repeats.groups(runs)) == [["r6", "r5", "r4"], ["r3", "r2", "r1"], ["r0"]]


def test_without_params_the_name_tells_experiments_apart(run: Callable[..., RunState]) -> None:
    """Whoever records no params has said nothing but the name; the seed at its end does not count."""
    runs = [run(f"{name}-s{i}", seed=i, created=i) for name in ("big", "small") for i in (1, 2)]
    assert names(repeats.groups(runs)) == [["small-s2", "small-s1"], ["big-s2", "big-s1"]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("net-s7", "net"), ("net_seed7", "net"), ("net-seed-7", "net"), ("netseed=7", "net"), ("net 7", "net"),
        ("net.7", "net"), ("net7", "net7"), ("net-17", "net-17"), ("7", "7"), ("seed7", "seed7"), ("net-8", "net-8"),
    ],
)  # fmt: skip
def test_the_stem_of_a_name(run: Callable[..., RunState], name: str, expected: str) -> None:
    """The run's own seed at the end is left out, not a number that is something else."""
    assert repeats.stem(run(name, seed=7)) == expected
    assert repeats.stem(run(name, params={"random_seed": 7})) == expected
    assert repeats.stem(run(name)) == name


def close(half: Fraction, expected: float) -> bool:
    """Say whether a half-width is what was expected, to the precision of scipy's sums."""
    return math.isclose(float(half), expected, rel_tol=1e-6, abs_tol=1e-9)


@SCIPY_WARNS
@given(st.lists(FLOATS, min_size=2, max_size=9), st.sampled_from([0.5, 0.8, 0.95, 0.99, 0.9999]))
def test_the_interval_of_a_mean_is_scipys(values: list[float], level: float) -> None:
    """The t-interval, to the last digits; no width where all values are equal."""
    half = repeats.half_width(level, values)
    if len(set(values)) == 1:
        assert half == 0
        return
    assert half > 0
    expected = stats.ttest_1samp(values, 0).confidence_interval(level)
    assert close(half, (expected.high - expected.low) / 2)


@SCIPY_WARNS
@given(st.lists(FLOATS, min_size=2, max_size=9), st.lists(FLOATS, min_size=2, max_size=9))
def test_the_interval_of_a_difference_is_welchs(a: list[float], b: list[float]) -> None:
    """Two groups of any spread and size, as scipy has it; no width where neither has any spread."""
    half = repeats.half_width(0.95, a, b)
    assert half == repeats.half_width(0.95, b, a)
    if len(set(a)) == len(set(b)) == 1:
        assert half == 0
        return
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert close(half, (expected.high - expected.low) / 2)


@SCIPY_WARNS
@given(st.lists(FLOATS, min_size=2, max_size=9), FLOATS)
def test_a_single_value_against_several(a: list[float], b: float) -> None:
    """It varies as they do: the t-interval of two samples with one variance, that of the several."""
    half = repeats.half_width(0.95, a, [b])
    assert half == repeats.half_width(0.95, [b], a)
    if len(set(a)) == 1:
        assert half == 0
        return
    expected = stats.ttest_ind(a, [b], equal_var=True).confidence_interval(0.95)
    assert close(half, (expected.high - expected.low) / 2)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.8, 0.9], 0.6353102368087359),  # t(0.975, 1) = 12.7062047364
        ([1.0, 2.0, 3.0], 2.484137711719545),  # t(0.975, 2) = 4.3026527297
        ([1e300, 3e300], 1.2706204736432095e301),
        ([1e-300, 3e-300], 1.2706204736432095e-299),
        ([5e-324, 1e-323], 3e-323),
        ([1e16, 1e16 + 2], 12.706204736432095),
    ],
)
def test_known_intervals(values: list[float], expected: float) -> None:
    """Values worked out by hand, at both ends of the range of floats too."""
    assert float(repeats.half_width(0.95, values)) == pytest.approx(expected, rel=1e-9, abs=5e-324)


@pytest.mark.parametrize("value", [0.1, -0.0, 1e-320, 1.7976931348623157e308, 123456.789])
def test_values_are_the_decimals_they_are_written_as(value: Any) -> None:
    """0.1 is a tenth; a mean of equal values is that value."""
    assert repeats.exact(value) == Fraction(repr(value))
    assert repeats.mean([value] * 7) == repeats.exact(value)
