"""Which predictions are shown: the newest of a place, batches added up, equal ones once, later attempts instead."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.format.entries import ColumnRef, PredictionsRef
from ledger.store.attached import predictions
from ledger.store.shown import Attempt


def ref(time: int, *columns: str, digest: str = "0", **fields: Any) -> PredictionsRef:
    """Return predictions of one time, whose columns have this digest."""
    named = {name: ColumnRef(f"{time:064x}", digest * 64, "int64") for name in columns or ("y_true",)}
    given = {"split": "test", "rows": 2, "attempt": 1, **fields}
    return PredictionsRef(**given, columns=named, time=time, writer="w", seq=time)


IDS = ("y_true", "ids")
TIMES = ("y_true", "timestamp")


@pytest.mark.parametrize(
    ("refs", "times"),
    [
        ([], []),
        ([ref(1), ref(2, digest="1")], [2]),
        ([ref(1), ref(2)], [1]),  # equal values: the bytes may differ
        ([ref(1), ref(2, digest="1"), ref(3)], [3]),
        ([ref(1, step=1), ref(2, step=2)], [1, 2]),
        ([ref(1), ref(2, split="val"), ref(3, split=None)], [1, 2, 3]),
        ([ref(1, context='{"fold":1}'), ref(2, context='{"fold":2}')], [1, 2]),
        ([ref(1, *IDS), ref(2, *IDS, digest="1")], [1, 2]),
        ([ref(1, *IDS), ref(2, *IDS, digest="1"), ref(3, *IDS)], [2, 1]),  # known since 1, and the newest again
        ([ref(1, *TIMES), ref(2, *IDS, digest="1")], [1, 2]),
        ([ref(1), ref(2, *IDS)], [2]),
        ([ref(1, *IDS), ref(2, digest="1")], [2]),
        ([ref(1, *IDS), ref(2, digest="1"), ref(3, *IDS)], [3]),
        ([ref(1, labels=["a", "b"]), ref(2, labels=["b", "a"])], [2]),
        ([ref(1, rows=3), ref(2)], [2]),
    ],
)
def test_what_is_logged_again(refs: list[PredictionsRef], times: list[int]) -> None:
    """Equal digests count once; with ids or timestamps they are batches that add up; else the newest is shown."""
    assert [found.time for found in predictions(refs, [])] == times


def test_the_order_of_places() -> None:
    """By split, context and step; what has no split or no step comes last."""
    refs = [ref(1), ref(2, step=5), ref(3, split="a"), ref(4, split=None), ref(5, step=-1, context='{"fold":1}')]
    assert [found.time for found in predictions(refs, [])] == [3, 2, 1, 5, 4]


@pytest.mark.parametrize(
    ("resume", "times"),
    [
        (Attempt(2, 50, None), [1, 60, 80]),  # from the first step that it logged
        (Attempt(2, 50, 1), [60, 80]),  # from the step it was resumed at
        (Attempt(2, 50, 9), [1, 60, 80]),
    ],
)
def test_a_later_attempt_replaces(resume: Attempt, times: list[int]) -> None:
    """As for charts: steps from its first one on, late ones before it; what has no step stays until it is replaced."""
    refs = [
        ref(1, step=1), ref(2, step=2), ref(3, step=3, digest="1"), ref(40, step=4, attempt=0),
        ref(60, step=2, attempt=2, digest="2"), ref(80, attempt=0),
    ]  # fmt: skip
    assert [found.time for found in predictions(refs, [resume])] == times


@given(
    st.lists(
        st.builds(
            lambda time, columns, digest, step: ref(time, *columns, digest=digest, step=step),
            st.integers(0, 20),
            st.sampled_from([("y_true",), IDS, TIMES]),
            st.sampled_from("01"),
            st.sampled_from([None, 1]),
        ),
        max_size=8,
        unique_by=lambda r: r.time,
    ).flatmap(lambda refs: st.tuples(st.just(refs), st.permutations(refs)))
)
def test_the_order_in_which_they_are_found_does_not_matter(both: tuple[list[Any], list[Any]]) -> None:
    """Entries that came together in another order give the same answer, and so does finding each of them twice."""
    refs, others = both
    assert predictions(refs, []) == predictions(others, []) == predictions([*others, *refs], [])
