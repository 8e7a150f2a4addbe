"""Evaluations in runs: metrics, charts, definitions and predictions in one call, whole or not at all."""

import math
import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as oracle

import ledger
from ledger import evaluate
from ledger.errors import InvalidName, InvalidValue, LedgerWarning, NoSuchMetric, RunFinished, UsageError
from ledger.format import charts
from ledger.store import files, journal

pytestmark = pytest.mark.usefixtures("workdir")

BINARY = (
    *("accuracy", "average_precision", "balanced_accuracy", "brier", "cohen_kappa", "ece", "f1", "f2", "fdr", "fnr"),
    *("fpr", "ks", "log_loss", "mcc", "npv", "precision", "recall", "roc_auc", "specificity"),
)
TRUTH = [0, 0, 1, 1, 1, 0, 1, 0]
SCORES = [0.1, 0.4, 0.35, 0.8, 0.9, 0.6, 0.7, 0.2]


def values(run: str) -> dict[str, Any]:
    """The last values of a run by key; of an undefined one the reason."""
    found = ledger.open().state(run).metrics
    return {key: s.last if s.undefined is None else s.undefined for key, s in found.items()}


def test_two_classes_in_one_call() -> None:
    """Nineteen metrics without a step, ten charts as data, the definitions, and the predictions."""
    with ledger.start("a") as run:
        found = run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", split="test")
    state = ledger.open().state("a")
    assert sorted(state.metrics) == [f"test/{name}" for name in BINARY]
    assert {summary.last_step for summary in state.metrics.values()} == {None}
    assert values("a")["test/roc_auc"] == found["roc_auc"] == oracle.roc_auc_score(TRUTH, SCORES)
    assert [chart.name for chart in state.charts] == sorted(f"test/{name}" for name in [*found.charts, "definitions"])
    assert {chart.media_type for chart in state.charts} == {"application/json"}
    table = ledger.open().predictions("a", "test")
    assert (table.y_true.tolist(), table.y_score.tolist()) == (TRUTH, SCORES)
    assert table.attrs["labels"] == [0, 1]


def test_the_kind_is_guessed_and_said() -> None:
    """With a warning, and in the evaluation that is returned; what was said needs neither."""
    guessed = "kind is binary, guessed from the values: say kind= to be sure"
    with ledger.start("a") as run:
        with pytest.warns(LedgerWarning, match=guessed) as said:
            assert run.evaluate(y_true=TRUTH, y_score=SCORES).notices == [guessed]
        assert [warning.filename for warning in said] == [__file__]
        assert run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", prefix="said_").notices == []


POSITIVE = r"the positive label is 'ok': say labels=\('bad', 'ok'\) to be sure"
DIFFER = "y_pred is taken as given; 2 of 4 rows differ from score > 0.5"
FLAGS, SHARES = [[0, 1], [1, 0]], [[0.1, 0.9], [0.9, 0.1]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"y_true": ["ok", "bad"], "y_score": [0.9, 0.1]}, [POSITIVE]),
        ({"y_true": ["ok", "bad"], "y_score": [0.9, 0.1], "labels": ["ok", "bad"]}, []),
        ({"y_true": [1, 2], "y_score": [0.1, 0.9]}, ["the positive label is 2"]),
        ({"y_true": [False, True], "y_score": [0.1, 0.9]}, []),
        ({"y_true": [-1, 1], "y_score": [0.1, 0.9]}, []),
        ({"y_true": [0, 1, 1], "y_score": [0.1, math.nan, 1]}, ["1 of 3 scores are not finite numbers: every metric"]),
        ({"y_true": [0, 1], "y_score": [-1, 3]}, ["scores are outside 0 to 1: -1 to 3: brier, log_loss and ece"]),
        ({"y_true": [0, 1], "y_score": [-1, 3], "threshold": 0}, []),
        ({"y_true": [0, 1], "y_pred": [0, 1], "y_score": [-1, 0.3]}, []),
        ({"y_true": [1, 1], "y_score": [0.1, 0.9]}, ["no roc, pr, ks, gain, lift charts: one class in y_true"]),
        ({"y_true": [1, 1], "y_score": [0.1, 0.9], "charts": ["confusion"]}, []),
        ({"y_true": [0, 1], "y_pred": [0, 1]}, []),
        ({"y_true": [0, 1], "y_score": [1.0, 0.2]}, []),
        ({"y_true": [0, 0, 1, 1], "y_pred": [1, 1, 1, 1], "y_score": [0.1, 0.2, 0.8, 0.9]}, [DIFFER]),
        ({"y_true": [0, 0, 1, 1], "y_pred": [0, 1, 0, 1], "y_score": [0.1, 0.2, 0.8, 0.9], "threshold": 0.85},
         ["1 of 4 rows differ from score > 0.85"]),
        ({"y_true": [0, 0, 1], "y_pred": [1, 0, 0], "y_score": [-1, -2, 3]}, ["2 of 3 rows differ from score > 0.5"]),
    ],
)  # fmt: skip
def test_what_should_not_go_unseen_is_a_warning(given: dict[str, Any], said: list[str]) -> None:
    """No more than that: what is missing because it was not given, or is as it was asked for, is none."""
    with ledger.start("a") as run, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run.evaluate(**given, kind="binary", split="test")
    assert len(caught) == len(said)
    for warning, text in zip(caught, said, strict=True):
        assert issubclass(warning.category, LedgerWarning)
        assert re.search(text, str(warning.message))


@pytest.mark.parametrize(
    ("kind", "truth", "predicted", "scores", "said"),
    [
        ("multiclass", [0, 1, 2], [0, 1, 1], np.eye(3), "1 of 3 rows differ from the label of the greatest score"),
        ("multiclass", [0, 1, 2], [0, 1, 1], [[1, 0, 0], [0, 1, 0], [0, 0.5, 0.5]], None),
        ("multilabel", FLAGS, [[0, 1], [0, 1]], SHARES, "1 of 2 rows differ from score > 0.5"),
        ("multilabel", FLAGS, FLAGS, SHARES, None),
    ],
    ids=["argmax", "a tie", "flags", "equal flags"],
)  # fmt: skip
def test_predictions_that_are_not_those_of_the_scores(
    kind: str, truth: Any, predicted: Any, scores: Any, said: str | None
) -> None:
    """They are taken as given, and counted; a tie may go either way."""
    found = evaluate.evaluate(truth, predicted, scores, kind=kind)
    assert found.warnings == ([] if said is None else [f"y_pred is taken as given; {said}"])
    assert found.warnings == [notice for notice in found.notices if "as given" in notice]


def test_a_prefix_that_names_a_split() -> None:
    """It is the split of definitions and predictions, too, unless `split=` is; without a slash it is part of names."""
    with ledger.start("a") as run:
        run.log_binary_classification_metrics(TRUTH, SCORES, prefix="val/")
        run.log_binary_classification_metrics(TRUTH[:4], SCORES[:4], prefix="test/raw_")
        run.log_binary_classification_metrics(TRUTH[:5], SCORES[:5], split="hold/out")
        run.evaluate(y_true=TRUTH[:6], y_score=SCORES[:6], kind="binary", split="dev", prefix="ema/")
        run.evaluate(y_true=TRUTH[:7], y_score=SCORES[:7], kind="binary", prefix="plain_")
    led = ledger.open()
    state = led.state("a")
    assert {kept.split: kept.rows for kept in state.predictions} == {
        "val": 8,
        "test": 4,
        "hold/out": 5,
        "dev": 6,
        None: 7,
    }
    assert {"val/f1", "test/raw_f1", "hold/out/f1", "dev/ema/f1", "plain_f1"} <= set(state.metrics)
    assert {"val/definitions", "test/raw_definitions", "plain_definitions"} <= {chart.name for chart in state.charts}
    assert led.evaluate("a", "val").whole["roc_auc"] == values("a")["val/roc_auc"]


def test_columns_of_scores_by_their_names() -> None:
    """In whatever order a frame has them: values, stored predictions, and what is computed from these again."""
    truth = list("abcabc")
    scores = pd.DataFrame(np.eye(3)[[2, 1, 0, 2, 1, 0]] * 0.8 + 0.2 / 3, columns=list("cba"))
    with ledger.start("a") as run:
        assert run.evaluate(y_true=truth, y_score=scores, kind="multiclass", split="test")["accuracy"] == 1.0
    led = ledger.open()
    assert led.evaluate("a").whole["accuracy"] == 1.0
    table = led.predictions("a")
    assert table.attrs["labels"] == ["a", "b", "c"]
    assert table["y_score_2"].tolist() == scores["c"].tolist()


def test_a_label_that_no_context_can_hold() -> None:
    """The array that has it is named; two classes have no context, and are logged."""
    with ledger.start("a") as run:
        for given, name in (
            ({"y_true": ["a\x1b", "b", "c"], "y_pred": ["b"] * 3}, "y_true"),
            ({"y_true": ["c", "b", "c"], "y_pred": ["b", "b", "a\n"]}, "y_pred"),
            ({"y_true": ["c", "b"], "y_pred": ["b", "b"], "labels": ["b", "c", "\t"]}, "labels"),
        ):
            with pytest.raises(InvalidValue, match=f"^{name} has the label .*, whose values cannot be stored.*\ngive "):
                run.evaluate(**given, kind="multiclass")
        run.evaluate(y_true=["a\x1b", "b"], y_pred=["b", "b"], labels=["a\x1b", "b"], kind="binary")


def test_the_values_of_classes_have_a_context() -> None:
    """{"class": label}, beside the mean of all; what a few labels have not is left out."""
    truth, scores = ["cat", "dog", "eel", "cat"], np.eye(3)[[0, 1, 2, 1]] * 0.7 + 0.1
    with ledger.start("a") as run:
        run.evaluate(y_true=truth, y_score=scores, kind="multiclass", split="val", context={"fold": 1})
    found = values("a")
    assert found["val/recall{class=cat,fold=1}"] == 0.5
    assert found["val/recall{class=eel,fold=1}"] == 1.0
    assert found["val/recall{fold=1}"] == pytest.approx(2.5 / 3)
    assert not [key for key in found if "top_5" in key]
    data = ledger.open().chart_data("a", "val/definitions{fold=1}")
    assert data.kind == "definitions"
    assert "top_5_accuracy" not in data.facts["metrics"]


def test_a_regression_and_its_normalizer() -> None:
    """The error relative to a normalizer is there only where one was given."""
    truth, predicted = [1.0, 2.0, 3.0], [1.0, 2.5, 3.0]
    with ledger.start("a") as run:
        run.evaluate(y_true=truth, y_pred=predicted, kind="regression", split="val")
        run.evaluate(y_true=truth, y_pred=predicted, kind="regression", split="test", normalizer=0.5)
    found = values("a")
    assert "val/mean_relative_error" not in found
    assert found["test/mean_relative_error"] == pytest.approx(1 / 3)
    assert found["val/rmse"] == math.sqrt(0.25 / 3)


def test_other_kinds() -> None:
    """Many labels a row; images, whose predictions are not kept, which is said."""
    flags = np.array([[1, 0], [0, 1], [1, 1]])
    images = np.arange(12).reshape(3, 2, 2) % 2
    with ledger.start("a") as run:
        run.evaluate(y_true=flags, y_score=flags * 0.8, kind="multilabel", split="val")
        said = run.evaluate(y_true=images, y_pred=images, kind="segmentation", split="test").notices
    found = values("a")
    assert found["val/f1{class=1}"] == found["test/mean_iou"] == 1.0
    assert said == ["predictions of segmentation, whole images, are not kept"]
    assert [kept.split for kept in ledger.open().state("a").predictions] == ["val"]


def test_neptunes_call() -> None:
    """`log_binary_classification_metrics` takes scores of either shape, the threshold and a prefix."""
    with ledger.start("a") as run:
        run.log_binary_classification_metrics(TRUTH, SCORES, threshold=0.65, prefix="val/")
        two = np.column_stack([1 - np.array(SCORES), SCORES])
        run.log_binary_classification_metrics(TRUTH, two, threshold=0.65, prefix="two/")
    found = values("a")
    assert found["val/recall"] == oracle.recall_score(TRUTH, np.array(SCORES) > 0.65) == 0.75
    assert {key[4:]: v for key, v in found.items() if key[:4] == "two/"} == {
        key[4:]: v for key, v in found.items() if key[:4] == "val/"
    }


ONE_CLASS = "one class in y_true"
NO_NUMBERS = "1 of 2 scores are not numbers"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"y_true": [1, 1], "y_score": [0.2, 0.9]},
            {"roc_auc": ONE_CLASS, "accuracy": 0.5, "brier": (0.64 + 0.01) / 2},
        ),
        ({"y_true": [], "y_score": []}, dict.fromkeys(BINARY, "no rows")),
        ({"y_true": [0, 1], "y_score": [0.5, math.nan]}, {"roc_auc": None, "accuracy": None}),
        ({"y_true": ["no", "yes"], "y_score": [0.1, 0.9]}, {"roc_auc": 1.0, "f1": 1.0}),
        ({"y_true": [0, 1], "y_score": [-1.0, 3.0]}, {"roc_auc": 1.0, "ece": None, "brier": None, "log_loss": None}),
        ({"y_true": [0, 1], "y_score": [0.2, 0.9], "sample_weight": [0, 0]}, {"accuracy": None, "roc_auc": None}),
        ({"y_true": [0, 1], "y_score": [0.5, 0.5]}, {"roc_auc": 0.5, "ks": 0.0, "accuracy": 0.5}),
        ({"y_true": [0, None, 1], "y_score": [0.1, 0.5, 0.9]}, {"roc_auc": 1.0, "accuracy": 1.0}),
        ({"y_true": ["b", "b"], "y_score": [0.1, 0.2], "labels": ["a", "b"]}, {"roc_auc": ONE_CLASS, "recall": 0.0}),
    ],
    ids=["one class", "empty", "nan", "texts", "outside", "zero weights", "ties", "pending", "a class missing"],
)
def test_bad_input_has_values_or_reasons(given: dict[str, Any], expected: dict[str, Any]) -> None:
    """A defined value, or undefined with its reason (None here: some reason); all nineteen rows are there."""
    with ledger.start("a") as run, warnings.catch_warnings():
        warnings.simplefilter("ignore", LedgerWarning)
        run.evaluate(**given, kind="binary", split="test")
    found = values("a")
    assert sorted(found) == [f"test/{name}" for name in BINARY]
    for name, value in expected.items():
        if value is None:
            assert isinstance(found[f"test/{name}"], str)
        else:
            assert found[f"test/{name}"] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-12))
    assert len(ledger.open().predictions("a", "test")) == len(given["y_true"])


def test_a_constant_target_is_undefined() -> None:
    """R2 has no value; the errors have."""
    with ledger.start("a") as run:
        run.evaluate(y_true=[2.0, 2.0], y_pred=[1.0, 2.0], kind="regression")
    assert (values("a")["r2"], values("a")["mae"]) == ("y_true is constant", 0.5)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"y_true": [0, 1], "y_score": [0.5]}, InvalidValue, "y_true has 2 rows and y_score has 1"),
        ({"y_true": [0, 1]}, InvalidValue, "neither y_pred nor y_score"),
        ({"y_true": [0, 2], "y_score": [0.1, 0.2], "labels": [0, 1]}, InvalidValue, "2"),
        ({"y_true": [0, 1], "y_score": [0.1, 0.2], "kind": "both"}, InvalidValue, "there is no kind 'both'"),
        ({"y_true": [0, 1], "y_score": [0.1, 0.2], "split": "a{b}"}, InvalidName, "brace"),
        ({"y_true": [0, 1], "y_score": [0.1, 0.2], "prefix": None}, InvalidName, "prefix must be text"),
        ({"y_true": [0, 1], "y_score": [0.1, 0.2], "step": 0.5}, InvalidValue, "step must be a whole number"),
        ({"y_true": [0, 1], "y_score": [0.1, 0.2], "context": {"a": None}}, InvalidValue, "must be text"),
        ({"y_true": [0, 1], "y_score": [0.1, 0.2], "ids": ["a"]}, InvalidValue, "ids has 1"),
        ({"y_true": [0, 1], "y_score": [0.1, 0.2], "slices": {"x": [1]}}, InvalidValue, "slice.x has 1"),
        ({"y_true": [0, 1], "y_score": [0.1, 0.2], "threshold": "high"}, InvalidValue, "threshold must be a number"),
        ({"y_true": [0, 1], "y_score": [0.1, 0.2], "nothing": 1}, UsageError, "no option 'nothing'"),
        ({"y_true": ["a\x1b", "b", "c"], "y_pred": ["b"] * 3}, InvalidValue, "y_true has the label.*control"),
        ({"y_true": [0, 1, 2], "y_pred": [0, 1, 2], "context": {"class": 1}}, InvalidValue, "kept for the values"),
    ],
)  # fmt: skip
def test_what_is_no_evaluation_writes_nothing(given: dict[str, Any], error: type[Exception], said: str) -> None:
    """One error; no row, no chart, no predictions."""
    with ledger.start("a") as run, pytest.raises(error, match=said):
        run.evaluate(**given)
    state = ledger.open().state("a")
    assert (state.metrics, state.charts, state.predictions) == ({}, [], [])
    assert not Path(".ledger/blobs").exists() or not any(Path(".ledger/blobs").rglob("*.*"))


def test_the_bundle_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of all classes, charts and predictions reach the journal together, or wait in memory together."""
    with ledger.start("a") as run:
        whole, sizes = files.append, []

        def append(fd: int, data: bytes) -> int:
            sizes.append(len(data))
            if len(sizes) == 1:
                raise OSError(28, "No space left on device")
            return whole(fd, data)

        monkeypatch.setattr(files, "append", append)
        with pytest.warns(LedgerWarning, match="The training goes on"):
            found = run.evaluate(y_true=[0, 1, 2], y_pred=[0, 1, 1], kind="multiclass", split="test")
        tree = ledger.open().tree
        before = journal.presence(tree, run.id)
        assert ledger.open().state(run.id).metrics == {}
        run.log({"loss": 1.0}, step=1)
        assert before == journal.presence(tree, run.id)
    assert sizes[0] == sizes[1]
    assert len(values("a")) == len(found.values) + 1
    assert len(ledger.open().state("a").predictions) == 1


def test_a_chart_that_cannot_be_stored_costs_that_chart(workdir: Path) -> None:
    """It is said which is lost; the metrics, and all that fits, are there."""
    (workdir / ".ledger-schema").write_text('[storage]\nmax_blob = "3 kB"\n')
    rng = np.random.default_rng(0)
    with ledger.start("a") as run, pytest.warns(LedgerWarning) as said:
        run.evaluate(y_true=rng.integers(0, 2, 2000), y_score=rng.random(2000), kind="binary", split="test")
    texts = [str(warning.message) for warning in said]
    assert any("chart 'test/roc' is lost" in text for text in texts)
    assert any("predictions of 'test' are lost" in text for text in texts)
    state = ledger.open().state("a")
    assert len(state.metrics) == len(BINARY)
    assert "test/confusion" in [chart.name for chart in state.charts]


def test_with_a_step_it_is_one_of_a_series() -> None:
    """Metrics, charts and predictions have the step, and log() without a step goes on behind it."""
    with ledger.start("a") as run:
        for step in (1, 2):
            run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", split="val", step=step)
        run.log({"val/f1": 0.5})
    led = ledger.open()
    state = led.state("a")
    assert (state.metrics["val/roc_auc"].count, state.metrics["val/f1"].last_step) == (2, 3)
    assert [chart.step for chart in state.charts if chart.name == "val/roc"] == [1, 2]
    assert [kept.step for kept in state.predictions] == [1, 2]


def test_without_predictions_and_charts() -> None:
    """The metrics, and their definitions: nothing more."""
    with ledger.start("a") as run:
        run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", predictions=False, charts=False)
    state = ledger.open().state("a")
    assert ([chart.name for chart in state.charts], state.predictions) == (["definitions"], [])


def test_two_runs_on_one_test_set_share_what_is_equal() -> None:
    """The truth is one file, definitions are one, and the same evaluation twice adds no blob at all."""
    other = [0.2, *SCORES[1:]]
    for name, scores in [("a", SCORES), ("b", other), ("c", SCORES)]:
        with ledger.start(name) as run:
            run.evaluate(y_true=TRUTH, y_score=scores, kind="binary", split="test", ids=list("abcdefgh"))
    led = ledger.open()
    a, b, c = (led.state(name) for name in "abc")
    assert a.predictions[0].columns["y_true"] == b.predictions[0].columns["y_true"]
    assert a.predictions[0].columns["ids"] == b.predictions[0].columns["ids"]
    assert a.predictions[0].columns["y_score"] != b.predictions[0].columns["y_score"]
    blobs = [{chart.name: chart.blob for chart in state.charts} for state in (a, b, c)]
    assert blobs[0] == blobs[2]
    assert blobs[0]["test/definitions"] == blobs[1]["test/definitions"]
    stored = [path for path in Path(".ledger/blobs").rglob("*") if path.is_file()]
    named = [set(found.values()) | {column.blob for column in s.predictions[0].columns.values()} for found, s in
             zip(blobs, (a, b, c), strict=True)]  # fmt: skip
    assert len(stored) == len(named[0] | named[1]) == len(set().union(*named))
    assert len([path for path in stored if path.suffix == ".parquet"]) == 4


def test_a_closed_run_gets_one_late_entry() -> None:
    """Everything of an evaluation is in it, with the reason."""
    with ledger.start("a") as run:
        run.log({"loss": 1.0}, step=1)
    logged = ledger.open().run("a")
    before = len(logged.state.entries)
    found = logged.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", split="prod", reason="labels came late")
    state = logged.state
    assert len(state.entries) == before + 1
    assert values("a")["prod/ks"] == found["ks"]
    assert (len(state.charts), len(state.predictions)) == (11, 1)
    entry = max(Path(".ledger/runs").rglob("*-rows-*.json")).read_text()
    assert '"reason": "labels came late"' in entry


def test_a_reason_needs_a_closed_run() -> None:
    """An open one keeps none, which is said."""
    with ledger.start("a") as run, pytest.warns(LedgerWarning, match="the reason is not kept"):
        run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", reason="why not")


def test_a_finished_run_takes_no_more() -> None:
    """As for log."""
    with ledger.start("a") as run:
        pass
    with pytest.raises(RunFinished):
        run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary")


def test_a_disabled_run_evaluates_and_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that goes on with the values goes on; no file is made."""
    monkeypatch.setenv("LEDGER_MODE", "disabled")
    with ledger.start("a") as run:
        assert run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary")["roc_auc"] == 0.875
        run.log_table("table", object())
    assert not os.path.exists(".ledger")


def test_ranks_keep_their_evaluations_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another rank than the first has it in the context of every row, chart and set of predictions."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with ledger.start("a") as run:
        run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", split="test")
    state = ledger.open().state("a")
    assert "test/f1{rank=1}" in state.metrics
    assert {chart.context for chart in state.charts} == {kept.context for kept in state.predictions} == {'{"rank":1}'}


def test_a_metric_of_ones_own_is_stored_with_its_definition() -> None:
    """Under its name, behind the split."""
    evaluate.register(lambda y_true, y_pred: float(np.sum(y_true != y_pred)), name="mistakes", kinds="binary")
    try:
        with ledger.start("a") as run:
            run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", split="test")
    finally:
        evaluate.unregister("mistakes")
    assert values("a")["test/mistakes"] == 2.0
    assert "mistakes" in ledger.open().chart_data("a", "test/definitions").facts["metrics"]


def test_charts_are_read_back_as_data() -> None:
    """The columns that were computed, and the facts, undefined ones included."""
    with ledger.start("a") as run:
        found = run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", split="test")
        run.log_text("words", "fine")
    led = ledger.open()
    for name, chart in found.charts.items():
        data = led.chart_data("a", f"test/{name}")
        assert (data.kind, list(data.columns)) == (chart.kind, list(chart.columns))
        for column, read in data.columns.items():
            np.testing.assert_array_equal(np.array(read), np.array(chart.columns[column]))
        assert data.facts == chart.facts
    assert charts.kind_of(led.chart("a", "test/roc")) == "roc"
    with pytest.raises(UsageError, match="the chart words of .* is text/plain, no chart data"):
        led.chart_data("a", "words")


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (False, []),
        ([], []),
        ("roc", ["roc"]),
        (("confusion_matrix", "ks"), ["confusion", "ks"]),
    ],
)
def test_charts_by_name(asked: Any, kept: list[str]) -> None:
    """Charts that are asked for by name or alias are kept, and the definitions; an evaluation gives no others back."""
    with ledger.start("a") as run:
        found = run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", charts=asked)
    assert sorted(found.charts) == kept
    assert [chart.name for chart in ledger.open().state("a").charts] == sorted([*kept, "definitions"])


def test_a_chart_that_a_kind_has_not() -> None:
    """A metric, a chart of another kind or a misspelt one is an error that names it; nothing is written."""
    with ledger.start("a") as run:
        for name, error in (("f1", UsageError), ("residuals", UsageError), ("rox", NoSuchMetric)):
            with pytest.raises(error, match=name):
                run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", charts=[name])
    assert values("a") == {}
