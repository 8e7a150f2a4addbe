"""Means, variances and covariances that merge, far from 0 too."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.evaluate.moments import Moments
from ledger.format.values import Undefined

OFFSETS = [0.0, 1e9, -1e12]
PAIRS = st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100), st.floats(0.01, 10)), min_size=2, max_size=50)


def state(a: np.ndarray, b: np.ndarray, weight: np.ndarray | None = None) -> Moments:
    """Return the moments of two columns."""
    result = Moments(("a", "b"))
    result.update(weight, a=np.asarray(a, np.float64), b=np.asarray(b, np.float64))
    return result


def exact_spread(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> float:
    """Return the sum of w (a - mean) (b - mean) without rounding."""
    x, y, w = ([Fraction(float(v)) for v in column] for column in (a, b, weight))
    total = sum(w)
    mean_x, mean_y = (sum(wi * vi for wi, vi in zip(w, v, strict=True)) / total for v in (x, y))
    return float(sum(wi * (xi - mean_x) * (yi - mean_y) for wi, xi, yi in zip(w, x, y, strict=True)))


@pytest.mark.parametrize("offset", OFFSETS)
def test_spreads_are_exact_far_from_zero(offset: float) -> None:
    """Variance and covariance of values at any offset agree with exact fractions to 1e-12."""
    rng = np.random.default_rng(1)
    a, b, weight = offset + rng.normal(size=300), offset + rng.normal(size=300), rng.random(300)
    found = state(a, b, weight)
    for one, other in ((a, a), (a, b), (b, b)):
        names = tuple("a" if column is a else "b" for column in (one, other))
        assert found.spread(*names) == pytest.approx(exact_spread(one, other, weight), rel=1e-12)


@given(PAIRS, st.sampled_from(OFFSETS), st.integers(1, 50), st.randoms(use_true_random=False))
def test_chunks_in_any_order_are_the_whole(
    rows: list[tuple[float, float, float]], offset: float, size: int, random: object
) -> None:
    """Chunks merged in any order give the moments of the whole, at any offset, to 1e-12 of the spread."""
    data = np.array(rows)
    data[:, :2] += offset
    whole = state(*data.T)
    chunks = [data[i : i + size] for i in range(0, len(data), size)]
    random.shuffle(chunks)  # type: ignore[attr-defined]
    merged = Moments(("a", "b"))
    for chunk in chunks:
        merged.merge(Moments.from_dict(state(*chunk.T).to_dict()))
    scale = max(whole.spread("a"), whole.spread("b"))
    assert (merged.rows, merged.lows, merged.highs) == (whole.rows, whole.lows, whole.highs)
    for names in (("a", "a"), ("a", "b"), ("b", "b")):
        assert merged.spread(*names) == pytest.approx(whole.spread(*names), rel=1e-12, abs=1e-13 * scale)
    assert merged.mean("a") == pytest.approx(whole.mean("a"), rel=1e-15, abs=1e-13)


def test_chunks_at_an_offset_do_not_lose_the_variance() -> None:
    """A thousand chunks at 1e9 give numpy's variance of the values less the offset, to 1e-12."""
    values = np.random.default_rng(2).normal(size=20_000) + 1e9
    merged = Moments(("a", "b"))
    for chunk in np.split(values, 1000):
        merged.merge(state(chunk, -chunk))
    assert merged.variance("a") == pytest.approx(np.var(values - 1e9), rel=1e-12)
    assert merged.correlation("a", "b") == pytest.approx(-1, rel=1e-12)


def test_the_correlation_is_that_of_numpy() -> None:
    """Pearson's correlation, in either order of the columns, agrees with numpy to 1e-12."""
    rng = np.random.default_rng(3)
    a = rng.normal(size=100)
    b = a + rng.normal(size=100)
    expected = np.corrcoef(a, b)[0, 1]
    assert state(a, b).correlation("a", "b") == pytest.approx(expected, rel=1e-12)
    assert state(a, b).correlation("b", "a") == pytest.approx(expected, rel=1e-12)


def test_what_has_no_value_says_why() -> None:
    """Without rows nothing is defined; a constant column has variance 0 and no correlation."""
    empty = Moments(("a", "b"))
    assert [empty.mean("a"), empty.low("a"), empty.high("a"), empty.variance("a")] == [Undefined("no rows")] * 4
    assert empty.correlation("a", "b") == Undefined("no rows")
    constant = state(np.full(7, 0.1), np.arange(7.0))
    assert constant.is_constant("a")
    assert constant.variance("a") == 0.0
    assert constant.correlation("a", "b") == Undefined("a is constant")
    assert constant.spread("a", "b") == 0.0


def test_values_beyond_float64_are_undefined_without_a_warning() -> None:
    """Squares of huge values overflow quietly into an undefined variance and correlation."""
    huge = state(np.array([1e308, -1e308, 1e308]), np.array([1.0, 2.0, 5.0]))
    assert huge.variance("a") == Undefined("beyond the range of float64")
    assert huge.correlation("a", "b") == Undefined("beyond the range of float64")
    assert huge.high("a") == 1e308


def test_a_merged_state_shares_nothing_with_the_other() -> None:
    """Merging into an empty state copies: adding to one later leaves the other as it was."""
    first = state(np.arange(3.0), np.arange(3.0))
    copy = Moments(("a", "b"))
    copy.merge(first)
    copy.merge(state(np.array([9.0]), np.array([9.0])))
    assert first.high("a") == 2.0
    assert first == state(np.arange(3.0), np.arange(3.0))
