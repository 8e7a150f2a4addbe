"""Curves as a table: which lines, what is across, smoothing, bands, ranks, and what is said of what is left out."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger
from ledger.errors import InvalidValue, NoSuchMetric, NoSuchRun, UsageError
from ledger.table.series import Curves, smoothed

pytestmark = pytest.mark.usefixtures("workdir")


def log(name: str, steps: int = 4, rise: float = 0.1, **more: Any) -> None:
    """A run with a loss on train and val, and a score on val."""
    with ledger.start(name, **more) as run:
        for step in range(steps):
            run.log({"train/loss": 1 / (step + 1), "val/loss": 1.5 / (step + 1), "val/acc": rise * step}, step=step)
        run.log_summary({"test/acc": 0.5})


def curves(*runs: str, **options: Any) -> Curves:
    """The table of a plot of curves."""
    table: Curves = ledger.open().plot_data("curves", *runs, **options).table
    return table


def keys(found: Curves) -> dict[str, list[str]]:
    """The keys of the lines by panel, once each."""
    return {panel.metric: list(dict.fromkeys(line.key for line in panel.lines)) for panel in found.panels}


def test_the_splits_of_a_metric_share_a_panel() -> None:
    """Train first; what was logged once has no curve, and is no panel unasked."""
    log("a")
    assert keys(curves()) == {"acc": ["val/acc"], "loss": ["train/loss", "val/loss"]}


@pytest.mark.parametrize(
    ("pattern", "panels"),
    [
        ("loss", {"loss": ["train/loss", "val/loss"]}),
        ("val/loss", {"loss": ["val/loss"]}),
        ("val/*", {"acc": ["val/acc"], "loss": ["val/loss"]}),
        ("l*", {"loss": ["train/loss", "val/loss"]}),
    ],
)
def test_metrics_are_chosen(pattern: str, panels: dict[str, list[str]]) -> None:
    """By name without the split, by key, by glob."""
    log("a")
    assert keys(curves(metrics=pattern)) == panels


def test_every_shown_value_is_a_point() -> None:
    """Rows have the run, its name, the key, the step as a whole number and the value as it was logged."""
    log("a", steps=2)
    id = ledger.open().select()[0].id
    assert curves(metrics="loss").headings == ["run", "name", "metric", "step", "value"]
    assert curves(metrics="loss").rows() == [
        [id, "a", "train/loss", 0, 1.0], [id, "a", "train/loss", 1, 0.5],
        [id, "a", "val/loss", 0, 1.5], [id, "a", "val/loss", 1, 0.75],
    ]  # fmt: skip
    assert curves(metrics="acc").to_json() == {
        "schema": "ledger.plot.curves/1",
        "x": "step",
        "runs": [{"id": id, "name": "a"}],
        "lines": [{"run": id, "metric": "val/acc", "x": [0.0, 1.0], "y": [0.0, 0.1]}],
    }


def test_another_metric_may_be_across() -> None:
    """Its value at the same step, in its own order; steps without it are no points; it is no line itself."""
    with ledger.start("a") as run:
        for step, tokens in ((1, 30), (2, 10), (3, None), (4, math.nan)):
            run.log({"loss": step / 2} | ({} if tokens is None else {"tokens": tokens}), step=step)
    (panel,) = curves(x="tokens").panels
    assert [(line.key, line.x.tolist(), line.y.tolist()) for line in panel.lines] == [("loss", [10, 30], [1.0, 0.5])]


def test_time_is_in_seconds_since_the_run_began() -> None:
    """Never negative here, and rising."""
    log("a")
    found = curves(metrics="val/loss", x="time")
    assert found.headings[3] == "seconds"
    (line,) = found.panels[0].lines
    assert 0 <= line.x[0] <= line.x[-1] < 60


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30), st.floats(0, 0.99))
def test_smoothing_is_the_weighted_mean_of_what_was_seen(values: list[float], weight: float) -> None:
    """s[n] = sum(w^(n-i) x[i]) / sum(w^(n-i)): the first value is itself, without smoothing all are."""
    found = smoothed(np.array(values), weight)
    for n in range(len(values)):
        weights = [weight ** (n - i) for i in range(n + 1)]
        expected = math.fsum(w * x for w, x in zip(weights, values, strict=False)) / math.fsum(weights)
        assert found[n] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_smoothing_passes_over_what_is_no_number() -> None:
    """NaN and infinity stay where they are, and count for nothing afterwards."""
    found = smoothed(np.array([1.0, math.nan, 3.0, math.inf]), 0.5)
    assert found[0] == 1.0
    assert math.isnan(found[1])
    assert found[2] == pytest.approx((0.5 * 1 + 3) / 1.5)
    assert found[3] == math.inf


@pytest.mark.parametrize("weight", [-0.1, 1.0, 2.0, math.nan])
def test_a_weight_is_at_least_0_and_less_than_1(weight: float) -> None:
    """Another one is an error that says so."""
    log("a")
    with pytest.raises(InvalidValue, match="smooth="):
        curves(smooth=weight)


def test_a_band_is_the_mean_of_a_group_and_its_edges() -> None:
    """Over the runs of a group, at the steps that all of them have; runs alone are a group of one."""
    for seed, rise in enumerate((0.1, 0.2, 0.3)):
        log(f"s{seed}", steps=4 - (seed == 2), rise=rise, group="g")
    log("lone", rise=1.0)
    found = curves(metrics="acc", band="group")
    lines = {line.owner: line for line in found.panels[0].lines}
    assert found.headings == ["group", "metric", "step", "mean", "low", "high", "runs"]
    assert lines["g"].y.tolist() == pytest.approx([0, 0.2, 0.4])
    assert lines["g"].low is not None
    assert lines["g"].high is not None
    assert (lines["g"].low[2], lines["g"].high[2]) == pytest.approx((0.2, 0.6))
    assert (lines["g"].runs, lines["lone"].runs) == (3, 1)
    assert found.notices == ["val/acc of g: 1 points left out, which not all of its runs have"]


def test_a_band_may_be_the_interval_of_the_mean() -> None:
    """95 % of Student's t over the runs."""
    for seed, rise in enumerate((0.1, 0.2, 0.3)):
        log(f"m-s{seed}", rise=rise, seed=seed)
    (line,) = curves(metrics="acc", band="seed", interval="mean").panels[0].lines
    assert line.owner == "m"
    assert line.high is not None
    assert line.high[1] - line.y[1] == pytest.approx(4.302652729749464 * 0.1 / math.sqrt(3))


def test_a_group_without_a_common_step_is_said() -> None:
    """It is not drawn; where that leaves nothing, it is an error."""
    for name, first in (("a", 0), ("b", 10)):
        with ledger.start(name, group="g") as run:
            for step in range(first, first + 3):
                run.log({"loss": 1.0}, step=step)
    with pytest.raises(NoSuchMetric, match="no runs of a group have steps in common"):
        curves(band="group")
    log("c")
    assert curves(band="group").notices[0] == "not drawn: loss of g, whose 2 runs have no step in common"


def test_the_best_come_first() -> None:
    """By the last value of the first well-known score, on val where there is no test."""
    for name, rise in (("low", 0.1), ("high", 0.3), ("middle", 0.2)):
        log(name, rise=rise)
    found = curves()
    assert list(found.owners.values()) == ["high", "middle", "low"]
    assert found.ranked_by == "val/acc"


def test_keras_names_are_paired() -> None:
    """`loss` beside `val_loss` is that of the training data; `loss` alone is of no split."""
    with ledger.start("a") as run:
        for step in range(3):
            run.log({"loss": 1.0, "val_loss": 2.0, "lr": 0.1}, step=step)
    assert {line.key: line.split for panel in curves().panels for line in panel.lines} == {
        "loss": "train", "val_loss": "val", "lr": None,
    }  # fmt: skip


def test_what_has_no_curve_is_an_error_with_what_to_do() -> None:
    """No runs, no steps, no such metric, no such way of drawing."""
    with pytest.raises(NoSuchRun, match="no run fits"):
        log("b")
        curves(where="name = 'x'")
    log("a")
    for options, error, text in (
        ({"metrics": "test/acc"}, NoSuchMetric, "have no 'test/acc' with steps"),
        ({"metrics": "val/los"}, NoSuchMetric, "no.* metric 'val/los'"),
        ({"x": "nothing"}, NoSuchMetric, "no.* metric 'nothing' to be across"),
        ({"band": "group", "x": "time"}, UsageError, "no point in time in common"),
        ({"band": "tag"}, UsageError, "band='tag'"),
        ({"interval": "iqr"}, InvalidValue, "interval='iqr'"),
        ({"colour": "red"}, UsageError, "no option 'colour'"),
    ):
        with pytest.raises(error, match=text):
            curves("a", **options)


def test_values_without_a_step_beside_others_are_counted() -> None:
    """They have no place on the line."""
    with ledger.start("a") as run:
        for step in (1, 2):
            run.log({"loss": 1.0}, step=step)
        run.log_summary({"loss": 0.5})
    assert curves().notices == ["1 value without a step not drawn"]


def test_a_single_point_is_drawn_where_there_is_nothing_else() -> None:
    """A run of one step is a run."""
    with ledger.start("a") as run:
        run.log({"loss": 1.0}, step=1)
    assert [len(line.x) for line in curves().panels[0].lines] == [1]
