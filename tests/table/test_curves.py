"""The course of a metric in few points: which values count, in which order, and how a long curve is shortened."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger
from ledger.table.curves import POINTS, curves
from ledger.table.frames import Source

pytestmark = pytest.mark.usefixtures("workdir")


def of(run: str, *keys: str, **options: int) -> dict[str, list[float]]:
    """The curves of a run."""
    led = ledger.open()
    id = led.resolve(run)
    return curves(Source(id, led.tree, id), keys, **options)


def test_values_in_order_of_step() -> None:
    """Whatever the order in which they were logged; only those asked for; a context is a curve of its own."""
    with ledger.start("a") as run:
        for step in (3, -1, 2, 10):
            run.log({"loss": step / 2, "other": 1.0}, step=step)
            run.log({"loss": step}, step=step, context={"fold": 1})
    assert of("a", "loss") == {"loss": [-0.5, 1.0, 1.5, 5.0]}
    assert of("a", "loss{fold=1}", "absent") == {"loss{fold=1}": [-1.0, 2.0, 3.0, 10.0]}
    assert of("a") == {}


def test_what_makes_no_curve() -> None:
    """Fewer than three values with a step; values without one and undefined ones count for nothing."""
    with ledger.start("a") as run:
        for step in range(2):
            run.log({"two": 1.0, "whole": 1.0, "mixed": 1.0}, step=step)
        run.log({"mixed": ledger.Undefined("one class")}, step=2)
        run.log({"mixed": 5.0}, step=3)
    ledger.open().run("a").log({"two": 9.0, "whole": 2.0}, reason="late")
    assert of("a", "two", "whole") == {}
    assert of("a", "mixed") == {"mixed": [1.0, 1.0, 5.0]}


def test_only_the_shown_value_of_a_step() -> None:
    """A value that was corrected later is the corrected one."""
    with ledger.start("a") as run:
        for step in range(3):
            run.log({"x": float(step)}, step=step)
    ledger.open().run("a").log({"x": 7.0}, step=1, reason="wrong batch")
    assert of("a", "x") == {"x": [0.0, 7.0, 2.0]}


def test_nan_and_infinities_stay() -> None:
    """In a short curve they are what they are, in a long one they make the mean of their part what it is."""
    with ledger.start("a") as run:
        for step in range(2 * POINTS):
            run.log({"x": math.nan if step == 0 else math.inf if step == 3 else 1.0}, step=step)
    long = of("a", "x")["x"]
    assert len(long) == POINTS
    assert math.isnan(long[0])
    assert long[1] == math.inf
    assert set(long[2:]) == {1.0}
    assert of("a", "x", points=100)["x"][3] == math.inf


def test_a_mean_that_is_none() -> None:
    """Infinities of both signs have no mean, which is NaN and no warning; large numbers have one."""
    with ledger.start("a") as run:
        for step in range(8):
            run.log({"x": math.inf if step == 0 else -math.inf if step == 1 else 1.5e308}, step=step)
    found = of("a", "x", points=4)["x"]
    assert math.isnan(found[0])
    assert found[1:] == [1.5e308] * 3


@given(count=st.integers(3, 90), points=st.integers(3, 30))
def test_a_long_curve_is_means_of_equal_parts(
    count: int, points: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Never more than `points`; parts differ by at most one value, so that a straight line stays straight."""
    folder = tmp_path_factory.mktemp("curve")
    with ledger.start("a", directory=str(folder)) as run:
        for step in range(count):
            run.log({"x": float(step)}, step=step)
    led = ledger.open(str(folder))
    id = led.resolve("a")
    found = curves(Source(id, led.tree, id), ["x"], points=points)["x"]
    assert len(found) == min(count, points)
    assert found == sorted(found)
    most = math.ceil(count / len(found))  # values in a part
    assert 0 <= found[0] <= (most - 1) / 2 + 1e-9
    assert count - 1 - (most - 1) / 2 - 1e-9 <= found[-1] <= count - 1
    if count > points:
        gaps = [b - a for a, b in itertools.pairwise(found)]
        assert max(gaps) - min(gaps) <= 1 + 1e-9
