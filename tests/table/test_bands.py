"""Bands: over the folds of a run, what is said where there is none, and what a step is called."""

import math
from typing import Any

import pytest

import ledger
from ledger.table.series import Curves

pytestmark = pytest.mark.usefixtures("workdir")


def curves(*runs: str, **options: Any) -> Curves:
    """The table of a plot of curves."""
    table: Curves = ledger.open().plot_data("curves", *runs, **options).table
    return table


def folded(name: str, means: bool = True, count: int = 3, **more: Any) -> None:
    """A run whose val/loss has folds at steps 1 and 2, the last fold without step 2."""
    with ledger.start(name, **more) as run:
        for step in (1, 2):
            for fold in range(count):
                if (step, fold) != (2, count - 1):
                    run.log({"val/loss": float(step + fold)}, step=step, context={"fold": fold})
            if means:
                run.log({"val/loss": step + 0.5}, step=step)


def test_folds_are_a_band_around_their_mean() -> None:
    """From the least to the greatest at each step; the folds stay points of the table, within the band."""
    folded("a")
    found = curves()
    (mean, *folds) = sorted(found.panels[0].lines, key=lambda line: line.key)
    assert (mean.key, mean.folds, mean.within) == ("val/loss", 3, False)
    assert mean.low is not None
    assert mean.high is not None
    assert (mean.low.tolist(), mean.high.tolist()) == ([1.0, 2.0], [3.0, 3.0])
    assert [line.within for line in folds] == [True] * 3
    assert len(found.rows()) == 2 + 5
    assert {len(row) for row in found.rows()} == {len(found.headings)}


@pytest.mark.parametrize(("means", "count"), [(False, 3), (True, 1)])
def test_folds_without_a_mean_or_one_fold_are_lines(means: bool, count: int) -> None:
    """There is nothing to put a band around, or nothing to make it of."""
    folded("a", means, count)
    assert not any(line.within or line.folds for line in curves().panels[0].lines)


def test_a_fold_that_is_asked_for_is_a_line() -> None:
    """Alone, without its mean."""
    folded("a")
    (line,) = curves(metrics="val/loss{fold=1}").panels[0].lines
    assert not line.within


def test_a_band_over_runs_is_kept_where_there_are_folds() -> None:
    """Folds of a group are within its band."""
    for name in "ab":
        folded(name, group="g")
    found = sorted(curves(band="group").panels[0].lines, key=lambda line: line.key)
    assert [(line.runs, line.within) for line in found] == [(2, False), (2, True), (2, True), (2, True)]


@pytest.mark.parametrize(
    ("band", "more", "text"),
    [
        ("group", {}, "no band: no two of these runs have the same group; each is drawn by itself"),
        (
            "seed",
            {"seed": 1},
            "no band: no two of these runs differ by their seed alone (params that differ: lr); "
            "each is drawn by itself",
        ),
    ],
)
def test_that_there_is_no_band_is_said(band: str, more: dict[str, Any], text: str) -> None:
    """With what differs; of one run that it takes two; where there is a group, nothing."""
    for i in range(2):
        folded(f"run{i}", params={"lr": i}, **more)
    assert curves(band=band).notices[0] == text
    assert curves("run0", band=band).notices[0] == "no band: it takes more than one run"
    for _ in range(2):
        folded("same", group="g")
    assert not curves("same*", band="group").notices


def test_a_metric_may_say_what_a_step_is() -> None:
    """Where it equals the step at all of a panel's; then it is no panel itself, unless it is asked for."""
    with ledger.start("a") as run:
        for step in (10, 20):
            run.log({"training_rows": step, "score": 1 / step, "more": 0.5}, step=step)
        run.log({"more": 0.25}, step=30)
    assert {panel.metric: panel.steps for panel in curves().panels} == {"more": "step", "score": "training rows"}
    assert [panel.steps for panel in curves(metrics="score").panels] == ["training rows"]
    assert [panel.metric for panel in curves(metrics="training_rows").panels] == ["training_rows"]
    with ledger.start("b") as run:
        for step in (10, 20):
            run.log({"training_rows": step + 1, "score": math.nan}, step=step)
    assert {panel.metric: panel.steps for panel in curves("b").panels} == {"training_rows": "step", "score": "step"}


def test_colours_go_by_the_order_asked_for_else_by_id() -> None:
    """Whatever the ranks are."""
    for name in ("x", "y", "z"):
        folded(name)
    led = ledger.open()
    ids = {state.name: state.id for state in led.select()}
    assert curves("z", "x", "y").order == [ids["z"], ids["x"], ids["y"]]
    assert curves().order == sorted(ids.values())
