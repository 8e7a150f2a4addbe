"""The generalization index: its formula, its uncertainty, and runs sorted by it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger
from ledger.errors import InvalidFilter, NoSuchMetric
from ledger.table.generalization import generalization

scores = st.floats(-1e6, 1e6)
splits = st.dictionaries(st.sampled_from(["train", "val", "test", "prod"]), scores, min_size=2)


@given(splits, st.sampled_from(["maximize", "minimize", None]))
def test_without_folds_it_is_the_range_over_the_splits(values: dict[str, float], goal: str | None) -> None:
    """max - min, whatever the goal and the order; the worst goes by the goal; never negative."""
    found = generalization({split: {None: value} for split, value in values.items()}, goal)
    assert found is not None
    assert found.value == max(values.values()) - min(values.values()) >= 0
    assert found.worst == (max if goal == "minimize" else min)(values.values())
    assert (found.half_width, found.folds) == (None, 0)


@given(splits)
def test_equal_folds_do_not_tell_the_uncertainty(values: dict[str, float]) -> None:
    """They give the range of each, and no interval: one of no width would claim to be certain."""
    found = generalization({split: dict.fromkeys(["1", "2", "3"], value) for split, value in values.items()}, None)
    assert found is not None
    assert found.value == pytest.approx(max(values.values()) - min(values.values()), rel=1e-12)
    assert (found.half_width, found.folds) == (None, 3)


TRAIN, VAL = {"1": 0.9, "2": 1.0, "3": 0.95}, {"1": 0.8, "2": 0.7, "3": 0.75}
SURE = dict.fromkeys(TRAIN, 1.0)


@pytest.mark.parametrize(
    ("values", "known"),
    [
        ({"train": TRAIN, "val": VAL}, True),
        ({"train": SURE, "val": VAL}, True),
        ({"train": TRAIN, "val": VAL, "test": {None: 0.85}}, True),
        ({"train": TRAIN, "val": VAL, "test": {None: 0.72}}, False),
        ({"train": TRAIN, "test": {None: 0.5}}, False),
        ({"train": SURE, "val": VAL, "test": {None: 0.5}}, False),
        ({"train": SURE, "val": dict.fromkeys(TRAIN, 0.5)}, False),
    ],
)
def test_an_interval_needs_folds_at_both_ends_of_the_range(
    values: dict[str, dict[str | None, float]], known: bool
) -> None:
    """One test value for all folds says nothing of how it would vary: where it is an end, there is no interval."""
    found = generalization(values, None)
    assert found is not None
    assert found.folds == 3
    assert (found.half_width is not None) == known
    if found.half_width is not None:
        assert found.half_width > 0


@pytest.mark.parametrize(
    ("values", "goal", "gap"),
    [
        ({"train": 0.75, "test": 0.5}, "maximize", 0.25),
        ({"train": 0.5, "test": 0.75}, "maximize", -0.25),
        ({"train": 0.25, "val": 0.75}, "minimize", 0.5),
        ({"val": 0.25, "test": 0.75}, "maximize", None),
    ],
)
def test_the_gap_is_how_much_worse_than_train(values: dict[str, float], goal: str, gap: float | None) -> None:
    """Of the last split; None where nothing was logged on train."""
    found = generalization({split: {None: value} for split, value in values.items()}, goal)
    assert found is not None
    assert found.gap == gap


def test_one_split_has_no_index_and_nan_makes_it_nan() -> None:
    """Values without a split count for nothing."""
    assert generalization({"test": {None: 1.0}, None: {None: 2.0}}, None) is None
    found = generalization({"test": {None: 1.0}, "train": {None: math.nan}}, None)
    assert found is not None
    assert math.isnan(found.value)
    assert math.isnan(found.worst)


def _runs() -> ledger.Ledger:
    values = {"loose": (0.99, 0.7), "tight": (0.9, 0.89), "broken": (math.nan, 0.5), "bare": (None, 0.8)}
    for name, (train, test) in values.items():
        with ledger.start(name) as run:
            run.log_summary({"test/accuracy": test} | ({} if train is None else {"train/accuracy": train}))
    return ledger.open()


@pytest.mark.usefixtures("workdir")
def test_runs_side_by_side_sorted_by_it() -> None:
    """The least first and marked, runs without an index last; its row is the first; descending turns it around."""
    led = _runs()
    found = led.compare(sort="generalization")
    assert [run.name for run in found.runs] == ["tight", "loose", "bare", "broken"]
    row = found.metrics[0]
    assert (row.name, row.goal, row.best) == ("generalization", "minimize", [found.runs[0].id])
    assert row.values[found.runs[1].id] == pytest.approx(0.29)
    assert [run.name for run in led.compare(sort="-generalization").runs][:2] == ["loose", "tight"]
    assert [run.name for run in led.compare(sort="-test/accuracy").runs] == ["tight", "bare", "loose", "broken"]
    assert [row.name for row in led.compare().metrics] == ["test/accuracy", "train/accuracy"]


@pytest.mark.usefixtures("workdir")
def test_what_cannot_be_sorted_by_is_said() -> None:
    """An unknown column, a metric nobody has, and one on a single split."""
    led = _runs()
    with pytest.raises(InvalidFilter, match="no run here has a metric 'nothing'"):
        led.compare(sort="nothing")
    with pytest.raises(NoSuchMetric, match="'nothing'"):
        led.compare(sort="generalization:nothing")
    led.run("bare").log({"test/f1": 0.5})
    with pytest.raises(NoSuchMetric, match="'f1' on two splits"):
        led.compare(sort="generalization:f1")
