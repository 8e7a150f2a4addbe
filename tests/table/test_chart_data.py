"""Chart data of runs: which chart of which split is meant, when predictions stand in, what is said of none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

import ledger
from ledger.errors import DamagedFile, NoSuchChart, UsageError
from ledger.format import charts
from ledger.table import chart_data

pytestmark = pytest.mark.usefixtures("workdir")

TRUTH = [0, 0, 1, 1, 0, 1]
SCORES = [0.1, 0.4, 0.35, 0.8, 0.2, 0.9]


def evaluated(name: str, *splits: str | None, **options: Any) -> None:
    """A run with a binary evaluation of each split."""
    with ledger.start(name) as run:
        for split in splits:
            run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", split=split, **options)


def table(kind: str, *runs: str, **options: Any) -> chart_data.ChartPlot:
    """What is plotted."""
    found: chart_data.ChartPlot = ledger.open().plot_data(kind, *runs, **options).table
    return found


@pytest.mark.parametrize(
    ("splits", "wanted", "chart"),
    [
        (["train", "val", "test"], None, "test/roc"),
        (["train", "val"], None, "val/roc"),
        (["train"], None, "train/roc"),
        ([None], None, "roc"),
        (["train", "test"], "train", "train/roc"),
        (["valid", "train"], "val", "valid/roc"),
    ],
)
def test_the_split_is_test_then_val_then_the_only_one(splits: list[str], wanted: str | None, chart: str) -> None:
    """Unless it is said; `valid` is `val`."""
    evaluated("a", *splits)
    options = {} if wanted is None else {"split": wanted}
    assert [one.chart for one in table("roc", "a", **options).series] == [chart]


def test_runs_are_compared_on_a_split_that_all_have() -> None:
    """Where only one of them has test, val is taken; the facts are those of the evaluation."""
    evaluated("a", "val", "test")
    evaluated("b", "val")
    found = table("roc", "a", "b")
    assert [(one.name, one.chart) for one in found.series] == [("a", "val/roc"), ("b", "val/roc")]
    assert found.series[0].fact("auc") == pytest.approx(8 / 9)
    assert found.headings[:6] == ["run", "name", "chart", "fpr", "tpr", "threshold"]
    assert found.rows()[0][1:5] == ["a", "val/roc", 0.0, 0.0]


def test_several_splits_without_test_and_val_are_not_guessed_at() -> None:
    """The error says which there are."""
    evaluated("a", "train", "prod")
    with pytest.raises(UsageError, match="there is roc data of (train, prod|prod, train)"):
        table("roc", "a")
    with pytest.raises(NoSuchChart, match="has no val/roc; it has roc data of"):
        table("roc", "a", split="val")


def test_a_split_may_have_any_name() -> None:
    """That of an evaluation or of predictions; the one that has charts comes before what might be computed."""
    evaluated("a", "holdout", predictions=False)
    assert [one.chart for one in table("roc", "a", split="holdout").series] == ["holdout/roc"]
    assert table("roc", "a").split == "holdout"
    with ledger.start("b") as run:
        run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", split="holdout")
        run.evaluate(y_true=SCORES, y_pred=SCORES, kind="regression", split="prices")
        run.log_predictions(split="later", y_true=TRUTH, y_score=SCORES)
    assert table("roc", "b").split == "holdout"
    assert table("histogram", "b", split="prices").series[0].chart == "prices/residual_histogram"
    with pytest.raises(NoSuchChart, match="has no zzz/roc; it has roc data of holdout, and predictions of later\n"):
        table("roc", "b", split="zzz")
    with pytest.raises(NoSuchChart, match="has no prices/roc; it has roc data of holdout, and"):
        table("roc", "b", split="prices")


NAN = float("nan")


@pytest.mark.parametrize(
    ("truth", "scores", "reason"),
    [
        ([NAN, NAN], [0.1, 0.2], "no row has a label yet: 2 pending"),
        ([0, 1], [0.1, NAN], "1 of 2 scores are not finite numbers"),
        ([1, 1], [0.1, 0.2], "one class in y_true"),
    ],
)
def test_predictions_that_give_no_chart_say_why(truth: list[float], scores: list[float], reason: str) -> None:
    """The reason that the evaluation has, and the command that shows it."""
    with ledger.start("a") as run:
        run.log_predictions(split="holdout", y_true=truth, y_score=scores)
    with pytest.raises(NoSuchChart, match=f"its predictions give none: {reason}\n") as caught:
        table("roc", "a", split="holdout")
    assert caught.value.hint is not None
    assert caught.value.hint.endswith("--split holdout")


def folds(name: str, count: int, **options: Any) -> None:
    """A run that was evaluated by folds."""
    with ledger.start(name) as run:
        for fold in range(1, count + 1):
            scores = [score / fold for score in SCORES]
            run.evaluate(y_true=TRUTH, y_score=scores, split="val", context={"fold": fold}, kind="binary", **options)


def test_the_folds_of_a_run_are_overlaid_with_all_of_them_together() -> None:
    """In their order; a context takes one of them."""
    folds("a", 11)
    found = table("roc", "a")
    assert [one.name for one in found.series] == ["all folds", *(f"fold {fold}" for fold in range(1, 12))]
    assert (found.split, found.of) == ("val", "a")
    truth, scores = TRUTH * 11, [score / fold for fold in range(1, 12) for score in SCORES]
    assert found.series[0].fact("auc") == pytest.approx(sk.roc_auc_score(truth, scores), rel=1e-12)
    assert found.series[1].fact("auc") == pytest.approx(8 / 9)
    one = table("roc", "a", context={"fold": 2})
    assert [series.chart for series in one.series] == ["val/roc{fold=2}"]
    with pytest.raises(NoSuchChart, match="has no val/roc of fold=12; it has it of fold=1; fold=2") as caught:
        table("roc", "a", context={"fold": 12})
    assert caught.value.hint == "say which: --context fold=1"


def test_the_folds_of_several_runs_are_taken_together() -> None:
    """One curve a run, which is said; so is the confusion of one run, whose folds cannot be overlaid."""
    folds("a", 2)
    folds("b", 3)
    found = table("roc", "a", "b")
    assert [(one.name, one.facts["positive"]) for one in found.series] == [("a", 6.0), ("b", 9.0)]
    assert found.notices[0] == "of a 2 folds are taken together; one of them: --context fold=1"
    assert sum(table("confusion", "b").series[0].columns["count"]) == 18


def test_folds_without_predictions_are_overlaid_or_named() -> None:
    """Nothing stands for all of them; what cannot be overlaid says which there are, as the command line has it."""
    folds("a", 2, predictions=False)
    assert [one.name for one in table("roc", "a").series] == ["fold 1", "fold 2"]
    with pytest.raises(NoSuchChart, match="there are no predictions of fold=1") as caught:
        table("confusion", "a")
    assert caught.value.hint == "say which: --context fold=1"
    with ledger.start("c") as run:
        for site in ("north", "south"):
            run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", split="test", context={"site": site})
    with pytest.raises(NoSuchChart, match="has test/roc of site=north; site=south") as caught:
        table("roc", "c")
    assert caught.value.hint == "say which: --context site=north"
    assert table("roc", "c", context={"site": "south"}).series[0].fact("auc") == pytest.approx(8 / 9)


def test_predictions_stand_in_for_a_chart() -> None:
    """The same curve comes from the predictions of a run that was not evaluated."""
    evaluated("a", "test")
    with ledger.start("b") as run:
        run.log_predictions(split="test", y_true=TRUTH, y_score=SCORES)
    for kind in ("roc", "pr", "ks", "gain", "lift", "threshold", "calibration", "confusion", "histogram"):
        stored, computed = table(kind, "a", "b").series
        assert list(stored.columns) == list(computed.columns)
        for name in stored.columns:
            assert list(stored.columns[name]) == pytest.approx(list(computed.columns[name]), nan_ok=True)
    with ledger.start("c") as run:
        run.log_predictions(split="test", y_true=[1.5, 2.5], y_pred=[1.0, 3.0])
    with pytest.raises(NoSuchChart, match="its predictions give none: they are a regression evaluation, with pred"):
        table("roc", "c")
    assert table("residuals", "c").series[0].columns["residual"].tolist() == [0.5, -0.5]


def test_what_is_computed_has_the_vertices_that_would_be_stored() -> None:
    """Of many rows a picture is the same, byte for byte, whether the chart was logged or comes from predictions."""
    random = np.random.default_rng(3)
    truth = random.integers(0, 2, 30_000)
    scores = 1 / (1 + np.exp(-random.normal(truth, 1)))
    with ledger.start("same") as run:
        run.evaluate(y_true=truth, y_score=scores, kind="binary", split="test", predictions=False)
    with ledger.start("same") as run:
        run.log_predictions(split="test", y_true=truth, y_score=scores)
    led = ledger.open()
    for kind in ("roc", "pr", "ks", "gain", "lift", "threshold", "calibration"):
        plots = [led.plot_data(kind, run) for run in ("@2", "@1")]
        stored, computed = (plot.table.series[0] for plot in plots)
        vertices = [len(next(iter(one.columns.values()))) for one in (stored, computed)]
        assert vertices[0] == vertices[1] <= 4000
        if kind in ("roc", "ks"):
            assert plots[0].picture("svg") == plots[1].picture("svg")
            assert b"n = 30000, " in plots[0].picture("svg")
        if kind == "roc":
            fpr, tpr, _ = sk.roc_curve(truth, scores)
            x, y = computed.columns["fpr"], computed.columns["tpr"]
            across = np.interp(fpr + tpr, x + y, y - x) - (tpr - fpr)  # along the diagonal, which no curve descends
            assert np.abs(across).max() < 2e-3
            assert computed.facts["auc"] == pytest.approx(sk.roc_auc_score(truth, scores), rel=1e-12)


def test_named_runs_must_have_it_others_are_left_out() -> None:
    """Of all runs those without are said; one that is named is an error that says what it has."""
    evaluated("a", "test")
    with ledger.start("b") as run:
        run.log_importance("importance", ["x", "y"], [1.0, 2.0])
    assert [one.name for one in table("roc").series] == ["a"]
    assert table("roc").notices == ["1 run left out, without test/roc: b"]
    with pytest.raises(NoSuchChart, match="has no roc data; it has importance"):
        table("roc", "a", "b")
    with pytest.raises(NoSuchChart, match="has no roc data; it has importance"):
        table("roc", "b")
    with pytest.raises(NoSuchChart, match="none of these runs has gain data"):
        ledger.start("c").finish()
        table("gain", "b", "c")


def test_a_chart_of_another_name_is_found_by_its_kind_or_name() -> None:
    """Unasked where it is the only one of the kind; else --chart says which."""
    with ledger.start("a") as run:
        run.log_importance("weights", ["x"], [1.0])
        run.log_histogram("sizes", [1, 2, 3])
        run.log_histogram("ages", [1, 2, 3])
    assert table("importance", "a").series[0].chart == "weights"
    with pytest.raises(UsageError, match="has ages, sizes|has sizes, ages"):
        table("histogram", "a")
    assert table("histogram", "a", chart="ages").series[0].chart == "ages"
    with pytest.raises(NoSuchChart, match="is histogram data, not roc"):
        table("roc", "a", chart="ages")


def test_a_series_has_steps() -> None:
    """The last one is drawn; --step takes another."""
    with ledger.start("a") as run:
        for step in (1, 5):
            run.log_importance("importance", ["x"], [float(step)], step=step)
    assert table("importance", "a").series[0].columns["value"] == [5.0]
    assert table("importance", "a", step=1).series[0].columns["value"] == [1.0]
    with pytest.raises(NoSuchChart, match="has no step 2; it has 1, 5"):
        table("importance", "a", step=2)


def test_two_classes_and_many_are_not_overlaid() -> None:
    """Nor are classes asked for that there are not."""
    evaluated("a", "test")
    with ledger.start("b") as run:
        run.evaluate(y_true=[0, 1, 2, 0], y_score=np.eye(3)[[0, 1, 2, 1]], kind="multiclass", split="test")
    with pytest.raises(UsageError, match="cannot be overlaid"):
        table("roc", "a", "b")
    with pytest.raises(NoSuchChart, match="there is no class '7'; there are 0, 1, 2"):
        table("roc", "b", classes="7")


@pytest.mark.parametrize(
    ("kind", "columns", "text"),
    [
        ("roc", {"fpr": [0.0]}, "it has no column 'tpr'"),
        ("roc", {"fpr": [0.0], "tpr": ["a"]}, "its column 'tpr' has 'a', which is no number"),
        ("confusion", {"true": ["a"], "predicted": ["a"]}, "it has no column 'count'"),
        ("histogram", {"low": [1.0], "high": [1.0], "count": [2]}, "its edges do not ascend"),
        ("histogram", {"low": [float("nan")], "high": [1.0], "count": [2]}, "its edges do not ascend"),
    ],
)
def test_data_that_cannot_be_drawn_is_damage(kind: str, columns: dict[str, Any], text: str) -> None:
    """A chart that somebody made by hand is checked before it is drawn."""
    Path("made.json").write_bytes(charts.encode(kind, columns, {}))
    with ledger.start("a") as run:
        run.log_chart(kind, Path("made.json"))
    with pytest.raises(DamagedFile, match=text):
        table(kind, "a")
