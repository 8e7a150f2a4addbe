"""Evaluations computed again from what runs keep, and the warning where two were not computed in one way."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ledger
from ledger import Undefined, evaluate
from ledger.errors import DamagedFile, InvalidValue, NoSuchPredictions, NotFound, Undecided, UsageError
from ledger.view.evaluation import render_evaluation

pytestmark = pytest.mark.usefixtures("workdir")

TRUTH = ["no", "no", "yes", "yes", "yes", "no", "yes", "no"]
SCORES = [0.1, 0.4, 0.35, 0.8, 0.9, 0.6, 0.7, 0.2]
LABELS = ["no", "yes"]
SITES = ["x", "x", "x", "y", "y", "y", "y", None]


def test_the_same_again() -> None:
    """Kind, threshold, labels and options are those of the evaluation that was logged; the values are the same."""
    with ledger.start("a") as run:
        binary = run.evaluate(
            y_true=TRUTH, y_score=SCORES, kind="binary", labels=LABELS, split="test", threshold=0.3, bins=3
        )
        errors = run.evaluate(y_true=[1, 2, 4], y_pred=[1, 3, 3], kind="regression", split="train", normalizer=2.0)
    led = ledger.open()
    assert led.evaluate("a").whole.values == binary.values
    assert led.evaluate("a").whole.definitions == binary.definitions
    assert led.evaluate("a", "train").whole.values == errors.values
    assert ": test, binary, positive: yes, threshold 0.3, 8 rows" in render_evaluation(led.evaluate("a"))
    assert ": train, regression, 3 rows" in render_evaluation(led.evaluate("a", "train"))


def test_another_threshold() -> None:
    """It is held against the scores, even where labels were stored; without scores it is an error."""
    with ledger.start("a") as run:
        run.log_predictions("test", y_true=TRUTH, y_pred=["yes"] * 8, y_score=SCORES)
        run.log_predictions("val", y_true=TRUTH, y_pred=["yes"] * 8)
    led = ledger.open()
    assert led.evaluate("a").whole["recall"] == 1.0
    assert led.evaluate("a", threshold=0.75).whole["recall"] == 0.5
    assert "guessed" in led.evaluate("a").whole.notices[0]
    with pytest.raises(UsageError, match="have no scores that a threshold"):
        led.evaluate("a", "val", threshold=0.75)


def test_slices() -> None:
    """The rows of each value of a slice, in order, and those that have none; labels are those of all rows."""
    with ledger.start("a") as run:
        run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", labels=LABELS, split="test", slices={"site": SITES})
    found = ledger.open().evaluate("a", slice="site")
    assert [(part.value, part.evaluation.n) for part in found.parts] == [("x", 3), ("y", 4), (None, 1)]
    own = evaluate.compute("roc_auc", TRUTH[:3], y_score=SCORES[:3], kind="binary")
    assert found.parts[0].evaluation["roc_auc"] == own
    assert found.parts[2].evaluation.labels == found.whole.labels == ("no", "yes")
    assert found.headings == ["metric", "all", "x", "y", "None"]
    shown = found.to_json()
    assert [part["n"] for part in shown["slices"]] == [3, 4, 1]
    assert shown["slices"][2]["undefined"]["roc_auc"] == "one class in y_true"
    with pytest.raises(NotFound, match="no slice 'country'; they have site"):
        ledger.open().evaluate("a", slice="country")


def test_a_slice_of_too_many_values_is_refused() -> None:
    """One that has another value for each row is no slice."""
    with ledger.start("a") as run:
        run.log_predictions("test", y_true=np.arange(200) % 2, y_score=np.ones(200), slices={"row": np.arange(200)})
    with pytest.raises(UsageError, match="has 200 values; at most 100"):
        ledger.open().evaluate("a", slice="row")


def test_truths_that_are_not_known_yet() -> None:
    """They are pending; where the column is absent there is nothing to evaluate."""
    with ledger.start("a") as run:
        run.log_predictions("test", y_true=[1, None, 0], y_score=[0.9, 0.5, 0.1])
        run.log_predictions("live", y_score=[0.9, 0.5, 0.1])
        run.log_predictions("only", y_true=[1, 0])
    led = ledger.open()
    found = led.evaluate("a", kind="binary").whole
    assert (found.n, found.pending, found["roc_auc"]) == (2, 1, 1.0)
    with pytest.raises(Undecided, match="have no y_true"):
        led.evaluate("a", "live")
    with pytest.raises(Undecided, match="neither y_pred nor y_score"):
        led.evaluate("a", "only")
    with pytest.raises(NoSuchPredictions, match="'nothing'"):
        led.evaluate("a", "nothing")
    with pytest.raises(InvalidValue, match="there is no kind"):
        led.evaluate("a", kind="both")


def test_what_was_computed_again_can_be_logged() -> None:
    """Metrics, charts, definitions; the slices have a context of their name."""
    with ledger.start("a") as run:
        run.log_predictions("test", y_true=TRUTH, y_score=SCORES, slices={"site": SITES})
    led = ledger.open()
    found = led.evaluate("a", kind="binary", threshold=0.3, slice="site", charts=True)
    led.run("a").log_evaluation(found, prefix="low_", reason="the threshold in use")
    metrics = led.state("a").metrics
    assert metrics["test/low_recall"].last == found.whole["recall"]
    assert metrics["test/low_recall{site=y}"].last == 1.0
    assert len(metrics) == 3 * 19
    assert led.chart_data("a", "test/low_roc").facts["auc"] == found.whole["roc_auc"]


def test_what_is_shown_already_is_not_logged_again() -> None:
    """The second time nothing is written; another threshold is, and so is the first one after it, which then shows."""
    with ledger.start("a") as run:
        run.log_predictions("test", y_true=TRUTH, y_score=SCORES, slices={"site": SITES}, step=3)
    led = ledger.open()

    def files() -> int:
        return sum(path.is_file() for path in Path(".ledger/runs").rglob("*"))

    def log(threshold: float, slice: str | None = None) -> tuple[bool, int]:
        before = files()
        found = led.evaluate("a", kind="binary", threshold=threshold, slice=slice, charts=True)
        return led.run("a").log_evaluation(found, reason="again"), files() - before

    assert [log(0.3), log(0.3), log(0.3)] == [(True, 2), (False, 0), (False, 0)]
    assert [log(0.3, "site"), log(0.3, "site"), log(0.3)] == [(True, 2), (False, 0), (False, 0)]
    assert [log(0.7), log(0.7), log(0.3), log(0.3)] == [(True, 2), (False, 0), (True, 2), (False, 0)]
    assert led.state("a").entries[-1].reason == "again"
    assert led.state("a").metrics["test/recall"].last == led.evaluate("a", kind="binary", threshold=0.3).whole["recall"]
    one_class = led.evaluate("a", kind="binary", threshold=0.99, charts=True)
    assert led.run("a").log_evaluation(one_class)
    assert isinstance(one_class.whole["precision"], Undefined)
    assert not led.run("a").log_evaluation(one_class)


def differing(*names: str, **options: Any) -> list[tuple[str, list[str]]]:
    """What a comparison says of definitions."""
    return [(found.chart, found.metrics) for found in ledger.open().compare(*names, **options).definitions_differ]


def test_compare_names_what_was_not_computed_in_one_way() -> None:
    """Metrics of labels where thresholds differ, not those of scores; only those that are shown; also as JSON."""
    for name, threshold in [("a", 0.5), ("b", 0.5), ("c", 0.4)]:
        with ledger.start(name) as run:
            run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", labels=LABELS, split="test", threshold=threshold)
    assert differing("a", "b") == []
    assert "definitions_differ" not in ledger.open().compare("a", "b").to_json()
    ((chart, metrics),) = differing("a", "b", "c")
    assert chart == "test/definitions"
    assert {"test/f1", "test/accuracy"} <= set(metrics)
    assert "test/roc_auc" not in metrics
    assert differing("a", "c", metrics=["*/f1"]) == [("test/definitions", ["test/f1"])]
    assert differing("a", "c", metrics=["*/roc_auc"]) == []
    shown = ledger.open().compare("a", "c", metrics=["*/f1"]).to_json()["definitions_differ"]
    assert shown == [{"chart": "test/definitions", "metrics": ["test/f1"]}]


def test_a_macro_f1_is_not_the_f1_of_two_classes() -> None:
    """One name, two kinds of evaluation."""
    for name, kind in [("a", "binary"), ("b", "multiclass")]:
        with ledger.start(name) as run:
            run.evaluate(y_true=TRUTH, y_pred=TRUTH, kind=kind, labels=LABELS, split="test")
    ((_, metrics),) = differing("a", "b")
    assert "test/f1" in metrics


def test_definitions_that_cannot_be_read_are_passed_over() -> None:
    """The comparison is there; `verify` says that a file is gone. An evaluation needs them, unless all is said."""
    for name, threshold in [("a", 0.5), ("b", 0.4)]:
        with ledger.start(name) as run:
            run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", labels=LABELS, split="test", threshold=threshold)
    led = ledger.open()
    Path(led.blob_path(led.find_chart("a", "test/definitions"))).unlink()
    assert differing("a", "b") == []
    with pytest.raises(DamagedFile):
        led.evaluate("a")
    asked = {"kind": "binary", "threshold": 0.4}
    assert led.evaluate("a", **asked).whole["f1"] == led.evaluate("b").whole["f1"]
    assert "roc" in led.chart_kinds("a").values()
