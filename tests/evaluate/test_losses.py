"""Sums in double the precision, and means over rows that merge."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.evaluate.losses import NOTHING, RowLoss, plus, times, total
from ledger.format.values import Undefined

FLOATS = st.floats(-1e100, 1e100, allow_nan=False)
LOSSES = st.lists(st.tuples(st.floats(0, 1e6), st.floats(0.001, 1e3)), min_size=1, max_size=60)


def array(values: object) -> np.ndarray:
    """Return float64."""
    return np.array(values, dtype=np.float64)


def exact(values: object) -> Fraction:
    """Return the sum without rounding."""
    return sum((Fraction(float(value)) for value in np.asarray(values).ravel()), Fraction(0))


def state(rows: list[tuple[float, float]]) -> RowLoss:
    """Return the state of weighted rows."""
    result = RowLoss()
    losses, weight = array(rows).reshape(-1, 2).T
    result.update(losses, weight)
    return result


@given(st.lists(FLOATS, max_size=50))
def test_a_sum_is_right_to_twice_the_digits(values: list[float]) -> None:
    """High and low together are within 1e-30 of the exact sum, measured by the sizes of what was added."""
    high, low = total(array(values))
    wrong = abs(Fraction(high) + Fraction(low) - exact(values))
    assert wrong <= Fraction(1, 10**30) * exact(np.abs(array(values)))


@pytest.mark.parametrize("size", [1, 1365, 1366, 2731, 4096, 100_001])
def test_a_sum_of_many_values_that_cancel_is_right(size: int) -> None:
    """Large values of both signs that cancel leave the small ones, whatever the number of rows."""
    rng = np.random.default_rng(size)
    large = rng.normal(size=size) * 1e12
    values = np.concatenate((large, rng.random(size), -large))
    rng.shuffle(values)
    assert total(values)[0] == pytest.approx(float(exact(values)), rel=1e-12)


@given(st.lists(FLOATS, min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_parts_and_order_do_not_change_a_sum(values: list[float], random: object) -> None:
    """Summed in any order and in any parts, the rounded sum is the same but for the last bit of what was added."""
    whole = total(array(values))
    shuffled = values.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    parts = NOTHING
    for value in shuffled:
        parts = plus(parts, total(array([value])))
    difference = abs(Fraction(whole[0]) + Fraction(whole[1]) - Fraction(parts[0]) - Fraction(parts[1]))
    assert difference <= Fraction(1, 10**29) * exact(np.abs(array(values)))


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], 0.0), ([1e308, 1e308], math.inf), ([-1e308] * 3, -math.inf), ([math.inf, 1.0], math.inf)],
)
def test_sums_at_the_ends_of_float64(values: list[float], expected: float) -> None:
    """No rows add up to 0; what is beyond float64 is infinite, and no warning is given."""
    assert total(array(values)) == (expected, 0.0)
    assert plus((1e308, 0.0), (1e308, 0.0)) == (math.inf, 0.0)


def test_many_values_beyond_float64_are_infinite_too() -> None:
    """The path for many values overflows as quietly as the one for few."""
    assert total(np.full(5000, 1e308))[0] == math.inf
    assert total(np.full(5000, -1e308))[0] == -math.inf


@given(LOSSES)
def test_a_mean_is_the_weighted_mean(rows: list[tuple[float, float]]) -> None:
    """The mean agrees with numpy's to 1e-12."""
    losses, weight = array(rows).T
    assert state(rows).mean() == pytest.approx(float(np.average(losses, weights=weight)), rel=1e-12)


@given(LOSSES, st.randoms(use_true_random=False), st.integers(1, 60))
def test_chunks_in_any_order_are_the_whole(rows: list[tuple[float, float]], random: object, size: int) -> None:
    """Rows taken in as chunks, merged in any order, give the sums of the whole."""
    whole = state(rows)
    chunks = [rows[i : i + size] for i in range(0, len(rows), size)]
    random.shuffle(chunks)  # type: ignore[attr-defined]
    merged = RowLoss()
    for chunk in chunks:
        merged.merge(RowLoss.from_dict(state(chunk).to_dict()))
    merged.merge(RowLoss())
    for field in whole.__struct_fields__:
        assert getattr(merged, field)[0] == pytest.approx(getattr(whole, field)[0], rel=1e-14, abs=0)


def test_the_standard_error_is_that_of_the_text_book() -> None:
    """Without weights, and with weights that are all alike, it is the standard deviation over the root of n."""
    losses = array([1.0, 2.0, 4.0, 7.0])
    expected = np.std(losses, ddof=1) / 2
    for weight in (None, np.full(4, 3.0)):
        found = RowLoss()
        found.update(losses, weight)
        assert found.standard_error() == pytest.approx(expected, rel=1e-12)


def test_what_has_no_value_says_why() -> None:
    """Without rows there is no mean, of a single row no standard error, beyond float64 neither."""
    empty, single, huge = RowLoss(), RowLoss(), RowLoss()
    single.update(array([2.0]))
    huge.update(array([1e308, 1e308]), array([2.0, 2.0]))
    assert empty.mean() == empty.standard_error() == Undefined("no rows")
    assert single.mean() == 2.0
    assert single.standard_error() == Undefined("a single row")
    assert huge.mean() == Undefined("beyond the range of float64")


def test_no_weights_are_weights_of_one() -> None:
    """Rows without weights and rows that weigh 1 give the same state."""
    plain, weighted = RowLoss(), RowLoss()
    plain.update(array([1.0, 5.0]))
    weighted.update(array([1.0, 5.0]), np.ones(2))
    assert plain == weighted
    assert times(array([2.0]), None).tolist() == [2.0]
