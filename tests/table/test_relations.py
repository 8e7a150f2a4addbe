"""Scatter and parallel as tables: which columns are meant, which runs are left out, and the rank correlation."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger
from ledger.errors import InvalidFilter, NoSuchMetric, NoSuchRun
from ledger.table.relations import Dimension, Relation

pytestmark = pytest.mark.usefixtures("workdir")


def log(name: str, params: dict[str, Any], **metrics: float) -> None:
    """A run with params and last values; `val_auc` is logged as val/auc."""
    with ledger.start(name, params=params) as run:
        run.log_summary({key.replace("_", "/"): value for key, value in metrics.items()})


def table(kind: str, *runs: str, **options: Any) -> Relation:
    """The table of a plot."""
    found: Relation = ledger.open().plot_data(kind, *runs, **options).table
    return found


def test_unasked_it_is_the_param_that_varies_most_and_the_score() -> None:
    """Numbers before texts; a point per run, under the param's name and the metric's key."""
    for i in range(3):
        log(f"r{i}", {"lr": 0.1**i, "depth": i // 2, "act": f"a{i}", "same": 1}, test_auc=i / 4, test_loss=1.0)
    found = table("scatter")
    assert found.headings == ["run", "name", "lr", "test/auc"]
    assert [row[1:] for row in found.rows()] == [["r2", 0.1**2, 0.5], ["r1", 0.1, 0.25], ["r0", 1.0, 0.0]]
    assert table("parallel").headings == ["run", "name", "act", "depth", "lr", "test/auc"]


@pytest.mark.parametrize(
    ("options", "headings"),
    [
        ({"x": "params.lr", "y": "val/auc"}, ["lr", "val/auc"]),
        ({"x": "lr", "y": "auc"}, ["lr", "val/auc"]),
        ({"x": "opt.name", "y": "auc", "split": "train"}, ["opt.name", "train/auc"]),
        ({"x": "created", "y": "best:val/auc as AUC"}, ["created", "AUC"]),
        ({"x": "val/auc", "y": "params.lr"}, ["val/auc", "lr"]),
    ],
)
def test_columns_are_named_as_in_ls(options: dict[str, str], headings: list[str]) -> None:
    """A bare name is a metric on the split that is shown, else a parameter."""
    log("a", {"lr": 0.1, "opt": {"name": "adam"}}, val_auc=0.5, train_auc=0.75)
    assert table("scatter", **options).headings[2:] == headings


def test_runs_without_a_value_are_left_out_and_counted() -> None:
    """So are NaN and infinity, which have no place."""
    log("a", {"lr": 0.1}, val_auc=0.5)
    log("b", {"lr": 0.2}, val_auc=math.nan)
    log("c", {}, val_auc=0.5)
    found = table("scatter", x="lr", y="val/auc")
    assert list(found.runs.values()) == ["a"]
    assert found.notices == [
        "left out: 1 run without a value of every axis",
        "left out: 1 run whose value is undefined, NaN or infinite",
    ]
    with pytest.raises(NoSuchRun, match="none of 1 run has a finite params.lr, val/auc"):
        table("scatter", "b", x="lr", y="val/auc")


def test_mixed_values_are_texts_in_their_order() -> None:
    """Booleans, lists and numbers beside texts are written as texts; whole numbers beyond a float too."""
    for i, value in enumerate([10, "auto", True, [1, 2], 10**400]):
        log(f"r{i}", {"p": value}, auc=0.5)
    found = table("scatter", x="p", y="auc").axes[0]
    assert not found.numeric
    assert set(found.levels) == {"10", "auto", "true", "1, 2", str(10**400)}


def test_params_are_chosen_by_globs() -> None:
    """With their dots; one that fits nothing is answered with the nearest."""
    for i in range(2):
        log(f"r{i}", {"opt": {"lr": i, "name": "x"}, "depth": 3}, auc=i)
    assert table("parallel", params=["opt.*"]).headings[2:] == ["opt.lr", "opt.name", "auc"]
    with pytest.raises(InvalidFilter, match="no run here has a parameter 'opt.lrr'") as caught:
        table("parallel", params=["opt.lrr"])
    assert "params.opt.lr" in str(caught.value.hint)


def test_unknown_names_are_answered_with_the_nearest() -> None:
    """Of metrics and of params."""
    log("a", {"lr": 0.1}, val_auc=0.5)
    with pytest.raises(InvalidFilter, match="no run here has a metric or a parameter 'lrr'") as caught:
        table("scatter", x="lrr")
    assert caught.value.hint == "the nearest known: lr"
    with pytest.raises(InvalidFilter, match="no parameter differs"):
        table("parallel")
    with pytest.raises(NoSuchMetric, match="on test"):
        table("scatter", x="lr", y="auc", split="test")


def test_more_params_than_can_be_read_are_said() -> None:
    """The ten that vary most are drawn."""
    for i in range(2):
        log(f"r{i}", {f"p{k:02d}": i + k for k in range(14)}, auc=i)
    found = table("parallel")
    assert len(found.axes) == 11
    assert found.notices == ["4 params are not drawn, such as p13; choose with --param"]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=12))
def test_the_correlation_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    """Spearman's, ties included; None where one side is all ties."""
    from scipy.stats import spearmanr

    x, y = ([float(pair[i]) for pair in pairs] for i in (0, 1))
    runs = {str(i): str(i) for i in range(len(pairs))}
    found = Relation("scatter", runs, [Dimension("x", None, x), Dimension("y", None, y)], []).correlation
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_json_has_axes_and_runs() -> None:
    """As documented; the correlation stands beside them."""
    for i in range(3):
        log(f"r{i}", {"lr": i + 1}, auc=i / 4)
    ids = [state.id for state in ledger.open().select()]
    assert table("scatter").to_json() == {
        "schema": "ledger.plot.scatter/1",
        "axes": [{"name": "lr"}, {"name": "auc", "goal": "maximize"}],
        "spearman": 1.0,
        "runs": [
            {"id": id, "name": f"r{i}", "values": {"lr": i + 1, "auc": i / 4}}
            for id, i in zip(ids, (2, 1, 0), strict=True)
        ],
    }
