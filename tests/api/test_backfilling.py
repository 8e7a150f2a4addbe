"""Metrics added to runs that are closed, computed from their predictions: which values, which cells, what is said."""

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as scikit

import ledger
from ledger import evaluate
from ledger.errors import LedgerError, NoSuchMetric, NoSuchRun, UsageError
from ledger.evaluate import lookup
from ledger.format.values import Undefined
from ledger.store import blobs

pytestmark = pytest.mark.usefixtures("workdir")

TRUTH = np.random.default_rng(0).integers(0, 2, 200)
GUESS = np.random.default_rng(1).integers(0, 2, 200)


def scores(seed: int, rows: int = 200) -> Any:
    """Return scores that know a little of the truth."""
    noise = np.random.default_rng(seed).random(rows)
    return np.round(0.7 * noise + 0.3 * np.resize(TRUTH, rows), 3)


def train(name: str, seed: int = 0, **more: Any) -> str:
    """Close a run that keeps predictions of `test` and no metrics; return its id."""
    with ledger.start(name) as run:
        run.log_predictions("test", y_true=TRUTH, y_score=scores(seed), **more)
    return run.id


def values(run: str) -> dict[str, float | None]:
    """Return the values that a run shows now."""
    return {key: summary.last for key, summary in ledger.open().run(run).state.metrics.items()}


def profit(y_true: Any, y_pred: Any) -> float:
    """Give what is earned: 5 a hit, -1 a false alarm."""
    return float(np.sum(np.where(y_pred == 1, np.where(y_true == 1, 5.0, -1.0), 0.0)))


class Hits:
    """Count hits in chunks, as in Keras."""

    def __init__(self) -> None:
        self.hits = 0

    def update_state(self, y_true: Any, y_pred: Any) -> None:
        """Take in rows."""
        self.hits += int(np.sum((y_true == 1) & (y_pred == 1)))

    def result(self) -> float:
        """Return the count."""
        return float(self.hits)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the blobs that are read while a test runs."""
    found: list[str] = []
    real = blobs.get

    def get(tree: Any, sha: str, extension: str) -> bytes:
        found.append(sha)
        return real(tree, sha, extension)

    monkeypatch.setattr(blobs, "get", get)
    return found


@pytest.fixture
def unregistered() -> Iterator[None]:
    """Take away what a test registers."""
    before = dict(lookup._added)
    yield
    lookup._added.clear()
    lookup._added.update(before)


def _trapezoids(truth: Any, score: Any) -> float:
    precision, recall, _ = scikit.precision_recall_curve(truth, score)
    return float(scikit.auc(recall, precision))


ORACLES: dict[str, Callable[[Any, Any], float]] = {
    "roc_auc": lambda truth, score: scikit.roc_auc_score(truth, score),
    "pr_auc": _trapezoids,
    "log_loss": lambda truth, score: scikit.log_loss(truth, score),
    "average_precision": lambda truth, score: scikit.average_precision_score(truth, score),
    "brier": lambda truth, score: scikit.brier_score_loss(truth, score),
    "f1": lambda truth, score: scikit.f1_score(truth, score > 0.5),
    "mcc": lambda truth, score: scikit.matthews_corrcoef(truth, score > 0.5),
}


def test_values_are_those_of_evaluate_and_of_scikit_learn() -> None:
    """Every metric of a kind that is named has the very bits of `evaluate.compute`, and scikit-learn's value."""
    train("a", 3)
    names = [m.name for m in lookup.bundle("binary").metrics]
    found = ledger.open().backfill(names, run="a", kind="binary")
    assert not found.left_out
    by_name = {cell.metric: cell.new for cell in found.cells}
    shown = values("a")
    for name in names:
        own = evaluate.compute(name, TRUTH, y_score=scores(3), kind="binary")
        new = by_name[f"test/{name}"]
        if isinstance(own, Undefined):
            assert isinstance(new, Undefined)
            assert new.reason == own.reason
        else:
            assert isinstance(new, float)
            assert np.float64(new).tobytes() == np.float64(own).tobytes()
            assert np.float64(shown[f"test/{name}"]).tobytes() == np.float64(own).tobytes()
    for name, oracle in ORACLES.items():
        stored = lookup.metric(name, "binary").name
        assert by_name[f"test/{stored}"] == pytest.approx(oracle(TRUTH, scores(3)), rel=1e-12, abs=1e-12)


def test_a_bundle_is_what_evaluate_writes() -> None:
    """The metrics and charts of a bundle are those of `run.evaluate`, bit for bit, under the same names."""
    train("late", 3)
    with ledger.start("then") as run:
        run.evaluate(y_true=TRUTH, y_score=scores(3), kind="binary", split="test")
    led = ledger.open()
    found = led.backfill("binary", run="late", charts=True)
    assert values("late") == values("then")
    states = [led.run(name).state for name in ("late", "then")]
    charts = [{(c.name, c.blob) for c in state.charts} for state in states]
    assert charts[0] == charts[1]
    assert {c.chart for c in found.charts} == {c.name for c in states[1].charts if "definitions" not in c.name}
    again = led.backfill("binary", run=["late", "then"], charts=True)
    assert not again.cells
    assert not again.charts
    count = len(found.cells) + len(found.charts)
    assert (again.same, again.other) == (count, count)


def test_a_bundle_fills_what_is_missing_and_leaves_the_rest() -> None:
    """A value that training logged stays, also where it is another than the predictions give."""
    run = train("a", 3)
    ledger.open().run(run).log({"test/f1": 0.125})
    found = ledger.open().backfill("binary", all=True)
    assert "test/f1" not in {cell.metric for cell in found.cells}
    assert values("a")["test/f1"] == 0.125
    assert "test/roc_auc" in values("a")
    assert ledger.open().backfill("binary", all=True, force=True).entries
    assert values("a")["test/f1"] != 0.125


def test_a_second_backfill_computes_nothing(reads: list[str]) -> None:
    """What was computed of these inputs by this function is known by its key: no blob is read, no entry written."""
    ids = [train(f"r{i}", i) for i in range(3)]
    led = ledger.open()
    first = led.backfill(["roc_auc", "f1", profit], all=True, reason="late")
    assert sorted(first.entries) == sorted(ids)
    assert reads
    reads.clear()
    again = ledger.open().backfill(["roc_auc", "f1", profit], all=True)
    assert (again.cells, again.entries, again.same, again.other, again.left_out) == ([], {}, 9, 0, [])
    assert reads == []
    fourth = train("r4", 4)
    assert list(ledger.open().backfill(["roc_auc", "f1", profit], all=True).entries) == [fourth]


@pytest.mark.parametrize("kind", [None, "binary"])
def test_a_name_that_differs_by_kind(kind: str | None, reads: list[str]) -> None:
    """Where predictions alone tell the kind, and the kind the stored name, a value that is there is found as well."""
    train("a")
    logged = train("b")
    ledger.open().run(logged).log({"test/pr_auc": 0.25})
    led = ledger.open()
    first = led.backfill(["pr_auc", "f1"], all=True, kind=kind)
    assert values("b")["test/pr_auc"] == 0.25
    assert first.other == 1
    assert len(first.cells) == 3
    reads.clear()
    again = ledger.open().backfill(["pr_auc", "f1"], run="a", kind=kind)
    assert (again.cells, again.same, reads) == ([], 2, [])
    again = ledger.open().backfill(["pr_auc", "f1"], all=True, kind=kind)
    assert (again.cells, again.same, again.other, again.entries) == ([], 3, 1, {})


def test_what_training_logged_is_left_alone() -> None:
    """A value of other origin is counted; --force computes it."""
    run = train("a")
    ledger.open().run(run).log({"test/roc_auc": 0.5})
    found = ledger.open().backfill("roc_auc", all=True)
    assert (found.cells, found.other, found.same) == ([], 1, 0)
    assert found.complete
    forced = ledger.open().backfill("roc_auc", all=True, force=True)
    (cell,) = forced.cells
    assert cell.old == 0.5
    assert values("a")["test/roc_auc"] == cell.new != 0.5


def test_a_correction_by_hand_stays() -> None:
    """A value that somebody wrote over a computed one is not overwritten, whatever becomes of the inputs."""
    run = train("a")
    ledger.open().backfill("roc_auc", all=True)
    ledger.open().run(run).log({"test/roc_auc": 0.5}, reason="checked by hand")
    assert ledger.open().backfill("roc_auc", all=True).cells == []
    ledger.open().run(run).log_predictions("test", y_true=[1, 0], y_score=[0.1, 0.9])
    found = ledger.open().backfill("roc_auc", all=True)
    assert (found.cells, found.other) == ([], 1)
    assert values("a")["test/roc_auc"] == 0.5


def test_other_inputs_are_computed_again() -> None:
    """A batch of predictions that arrived since makes a computed value outdated."""
    run = train("a", 3, ids=np.arange(200))
    ledger.open().backfill(["roc_auc", "f1"], all=True)
    before = values("a")
    ledger.open().run(run).log_predictions("test", y_true=[1, 0, 1], y_score=[0.1, 0.9, 0.2], ids=[200, 201, 202])
    dry = ledger.open().backfill(["roc_auc", "f1"], all=True, dry_run=True)
    assert {(c.metric, c.old, c.new) for c in dry.cells} == {(name, before[name], None) for name in before}
    ledger.open().backfill(["roc_auc", "f1"], all=True)
    truth, score = [*TRUTH, 1, 0, 1], [*scores(3), 0.1, 0.9, 0.2]
    assert values("a")["test/roc_auc"] == evaluate.compute("roc_auc", truth, y_score=score, kind="binary")
    assert values("a") != before
    assert ledger.open().backfill(["roc_auc", "f1"], all=True).same == 2


def test_what_was_reverted_is_computed_again_if_forced() -> None:
    """An entry that was taken out of view says that its value is not wanted; --force says that it is."""
    run = train("a")
    led = ledger.open()
    first = led.backfill("roc_auc", all=True)
    value = values("a")
    led.revert(first.entries[run], reason="no")
    assert values("a") == {}
    second = ledger.open().backfill("roc_auc", all=True)
    assert (second.entries, list(second.notices)) == ({}, ["1 value was reverted: --force computes it again"])
    second = ledger.open().backfill("roc_auc", all=True, force=True)
    assert run in second.entries
    assert values("a") == value


def test_a_function_that_changed_is_computed_again(workdir: Path) -> None:
    """The digest of its source is in the key: other source, other value; the same source again, nothing to do."""
    train("a")
    file = workdir / "money.py"
    file.write_text("def gain(y_true, y_pred):\n    return float(sum(y_pred))\n")
    led = ledger.open()
    first = led.backfill("gain", all=True, function="money.py:gain").cells
    assert led.backfill("gain", all=True, function="money.py:gain").same == 1
    file.write_text("def gain(y_true, y_pred):\n    return 2.0 * float(sum(y_pred))\n")
    second = ledger.open().backfill("gain", all=True, function="money.py:gain").cells
    assert [cell.new for cell in second] == [2 * cell.new for cell in first]
    assert second[0].old == first[0].new
    file.write_text("# only a comment\ndef gain(y_true, y_pred):\n    return 2.0 * float(sum(y_pred))\n")
    assert ledger.open().backfill("gain", all=True, function="money.py:gain").same == 1


def test_two_objects_of_one_class_are_two_functions() -> None:
    """What an object or a partial function holds is part of what it computes, though its source is the same."""
    from functools import partial

    train("a")

    def of(price: float) -> Any:
        def earned(y_true: Any, y_pred: Any) -> float:
            return price * profit(y_true, y_pred)

        return earned

    for make in (of, lambda price: partial(weighted, price=price), Priced):
        led = ledger.open()
        (first,) = led.backfill(make(1.0), all=True).cells
        assert led.backfill(make(1.0), all=True).same == 1
        (second,) = ledger.open().backfill(make(2.0), all=True).cells
        assert second.old == first.new
        assert second.new == 2 * first.new
    assert set(values("a")) == {"test/earned", "test/weighted", "test/priced"}


def weighted(y_true: Any, y_pred: Any, *, price: float) -> float:
    """Give what is earned at a price."""
    return price * profit(y_true, y_pred)


class Priced:
    """A metric that is an object, called as a function."""

    def __init__(self, price: float) -> None:
        self.price = price

    def __call__(self, y_true: Any, y_pred: Any) -> float:
        """Give what is earned."""
        return self.price * profit(y_true, y_pred)


def test_users_metrics_of_every_form(workdir: Path, monkeypatch: pytest.MonkeyPatch, unregistered: None) -> None:
    """A function, a class, one that is registered, one of an installed package, MODULE:NAME and FILE.py:NAME."""
    train("a")
    (workdir / "pack").mkdir()
    (workdir / "pack" / "__init__.py").write_text("")
    (workdir / "pack" / "sums.py").write_text(
        "class Of:\n    @staticmethod\n    def total(y_true, y_pred):\n        return float(sum(y_pred))\n"
    )
    (workdir / "alone.py").write_text("def total(y_true, y_score):\n    return float(sum(y_score))\n")
    info = workdir / "offering-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offering\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[ledger.metrics]\nof_a_package = pack.sums:Of.total\n")
    monkeypatch.syspath_prepend(workdir)
    evaluate.register(profit, name="registered_profit")
    led = ledger.open()
    found = led.backfill([profit, Hits, "registered_profit", "of_a_package"], all=True)
    found.cells.extend(led.backfill("of_module", all=True, function="pack.sums:Of.total").cells)
    found.cells.extend(led.backfill([], all=True, function="alone.py:total").cells)
    label = (scores(0) > 0.5).astype(int)
    assert {cell.metric: cell.new for cell in found.cells} == {
        "test/profit": profit(TRUTH, label),
        "test/hits": float(np.sum(TRUTH & label)),
        "test/registered_profit": profit(TRUTH, label),
        "test/of_a_package": float(label.sum()),
        "test/of_module": float(label.sum()),
        "test/total": pytest.approx(scores(0).sum()),
    }
    assert not found.left_out


def test_one_entry_a_run_that_says_where_its_values_are_from() -> None:
    """Folds and metrics of one backfill are one entry, with author, reason, and per value function, key and inputs."""
    with ledger.start("a") as run:
        for fold in range(3):
            run.log_predictions("val", y_true=TRUTH, y_score=scores(fold), context={"fold": fold})
    led = ledger.open()
    before = len(led.run("a").state.entries)
    found = led.backfill(["roc_auc", "f1", profit], run="a", reason="asked for")
    state = led.run("a").state
    assert len(state.entries) == before + 1
    assert [cell.metric for cell in found.cells] == [
        f'val/{name}{{"fold":{fold}}}'.replace('{"fold":', "{fold=")
        for fold in range(3)
        for name in ("roc_auc", "f1", "profit")
    ]
    for fold in range(3):
        own = evaluate.compute("roc_auc", TRUTH, y_score=scores(fold), kind="binary")
        assert values("a")[f"val/roc_auc{{fold={fold}}}"] == own
    (shown,) = led.history("a", "val/profit{fold=2}").values
    assert (shown.reason, shown.entry) == ("asked for", found.entries[run.id])
    source = shown.source
    assert source["by"] == "backfill"
    assert set(source["versions"]) >= {"python", "numpy"}
    (last,) = source["computed"]
    assert (last["name"], last["context"], last["rows"]) == ("val/profit", '{"fold":2}', 200)
    assert last["function"].endswith("profit")
    assert len(last["source_sha256"]) == 64
    assert len(last["key"]) == 16
    assert set(last["inputs"]) == {"y_true", "y_score"}
    (shown,) = led.history("a", "val/roc_auc{fold=0}").values
    assert shown.entry == found.entries[run.id]
    assert shown.source["computed"][0]["function"] == "ledger.evaluate:roc_auc"


def test_steps() -> None:
    """By default the last one where none is without; a number; all: each its own cell."""
    with ledger.start("a") as run:
        for step in range(4):
            run.log({"test/f1": 0.5}, step=step)
            run.log_predictions("test", y_true=TRUTH, y_score=scores(step), step=step)
    led = ledger.open()
    assert [(c.metric, c.step) for c in led.backfill("roc_auc", all=True).cells] == [("test/roc_auc", 3)]
    assert [c.step for c in led.backfill("roc_auc", all=True, step=1).cells] == [1]
    found = led.backfill(["roc_auc", "f1"], all=True, step="all")
    assert [c.step for c in found.cells] == [0, 2]
    assert (found.same, found.other) == (2, 4)
    for cell in led.backfill("log_loss", all=True, step="all").cells:
        own = evaluate.compute("log_loss", TRUTH, y_score=scores(int(cell.step or 0)), kind="binary")
        assert cell.new == own
    missing = led.backfill("roc_auc", all=True, step=9)
    assert "no step 9" in missing.left_out[0].why


def test_threshold_and_options() -> None:
    """They are those of the evaluation that was logged, unless others are given; others make another key."""
    with ledger.start("a") as run:
        run.evaluate(y_true=TRUTH, y_score=scores(0), kind="binary", split="test", threshold=0.3)
    led = ledger.open()
    (cell,) = led.backfill("specificity", all=True, force=True).cells
    assert cell.new == evaluate.compute("specificity", TRUTH, y_score=scores(0), kind="binary", threshold=0.3)
    (cell,) = led.backfill("specificity", all=True, threshold=0.6, force=True).cells
    assert cell.new == evaluate.compute("specificity", TRUTH, y_score=scores(0), kind="binary", threshold=0.6)


def test_a_threshold_needs_scores() -> None:
    """Labels that were stored are not what a threshold gives: the run is left out, and says why."""
    with ledger.start("a") as run:
        run.log_predictions("test", y_true=TRUTH, y_pred=GUESS)
    found = ledger.open().backfill("f1", all=True, threshold=0.25)
    assert found.cells == []
    assert "no scores that a threshold could be held against" in found.left_out[0].why


def array(y_true: Any, y_pred: Any) -> Any:
    """Return what is no number."""
    return y_pred


def text(y_true: Any, y_pred: Any) -> Any:
    """Return what is no number."""
    return "0.5"


def nothing(y_true: Any, y_pred: Any) -> Any:
    """Return nothing."""


def boom(y_true: Any, y_pred: Any) -> Any:
    """Raise where the truth is that of one run."""
    if len(y_true) == 100:
        raise ZeroDivisionError("on a line")
    return 1.0


def leave(y_true: Any, y_pred: Any) -> Any:
    """Leave the program."""
    sys.exit(3)


def many_lines(y_true: Any, y_pred: Any) -> Any:
    """Raise with a long text."""
    raise ValueError("line\n" * 5000)


@pytest.mark.parametrize(
    ("function", "why"),
    [(array, "array"), (text, "text"), (nothing, "nothing"), (leave, "sys.exit"), (many_lines, "ValueError: line")],
)
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_no_number_is_left_out(function: Any, why: str, jobs: int) -> None:
    """Nothing is recorded of a function that does not return a number; each run says in a line why."""
    train("a")
    train("b", 1)
    found = ledger.open().backfill([function, "f1"], all=True, jobs=jobs)
    assert len(found.left_out) == 2
    for left in found.left_out:
        assert why in left.why
        assert "\n" not in left.why
        assert len(left.why) < 500
    assert {cell.metric for cell in found.cells} <= {"test/f1"}
    assert not found.complete
    assert f"test/{function.__name__}" not in values("a")


def test_nan_is_undefined_with_a_reason() -> None:
    """It is recorded, and known by its key as any other value."""
    train("a")

    def nan(y_true: Any, y_pred: Any) -> float:
        return math.nan

    found = ledger.open().backfill(nan, all=True)
    assert isinstance(found.cells[0].new, Undefined)
    assert "nan" in found.cells[0].new.reason
    assert ledger.open().backfill(nan, all=True).same == 1
    assert found.complete


def test_what_raises_on_one_run_is_done_on_the_others() -> None:
    """One run is left out; running again tries it alone."""
    train("a")
    with ledger.start("short") as run:
        run.log_predictions("test", y_true=TRUTH[:100], y_score=scores(0, 100))
    train("c", 2)
    found = ledger.open().backfill([boom, "f1"], all=True)
    assert [(left.name, left.why) for left in found.left_out] == [
        ("short", "test/boom: boom raised ZeroDivisionError: on a line")
    ]
    assert sorted((cell.name, cell.metric) for cell in found.cells) == [
        ("a", "test/boom"), ("a", "test/f1"), ("c", "test/boom"), ("c", "test/f1"), ("short", "test/f1"),
    ]  # fmt: skip
    again = ledger.open().backfill([boom, "f1"], all=True)
    assert (again.same, len(again.left_out)) == (5, 1)


def test_names_that_mean_one_metric() -> None:
    """An alias is stored under the metric's own name; named with it, it is named twice."""
    train("a")
    found = ledger.open().backfill("auroc", all=True)
    assert [cell.metric for cell in found.cells] == ["test/roc_auc"]
    with pytest.raises(UsageError, match="twice"):
        ledger.open().backfill(["auroc", "roc_auc"], all=True)


BAD: dict[str, tuple[dict[str, Any], type[LedgerError], str]] = {
    "unknown metric": ({"metrics": "rocauc2"}, NoSuchMetric, "rocauc2"),
    "unknown chart": ({"metrics": "rok", "charts": True}, NoSuchMetric, "there is no chart 'rok'"),
    "a chart that is not said to be one": ({"metrics": "roc"}, UsageError, "chart"),
    "metric of another kind": ({"metrics": "rmse", "kind": "binary"}, UsageError, "is for kind regression"),
    "unknown kind": ({"metrics": "f1", "kind": "trinary"}, UsageError, "no kind 'trinary'"),
    "bundle of another kind": ({"metrics": "binary", "kind": "regression"}, UsageError, "of the kind binary"),
    "two bundles": ({"metrics": ["binary", "regression"]}, UsageError, "bundle"),
    "no metric": ({"metrics": []}, UsageError, "nothing is to be computed"),
    "twice": ({"metrics": ["f1", "f1"]}, UsageError, "twice"),
    "a name that is none": ({"metrics": "a\nb"}, LedgerError, "b"),
    "an empty name": ({"metrics": ""}, LedgerError, ""),
    "no number of jobs": ({"jobs": 0}, UsageError, "at least one job"),
    "no step": ({"step": 1.5}, UsageError, "step"),
    "a word as step": ({"step": "last"}, UsageError, "step"),
    "a run nobody has": ({"run": "nobody", "all": False}, NoSuchRun, "nobody"),
    "all and one": ({"run": "a"}, UsageError, "all runs are meant, or some"),
    "none said": ({"all": False}, UsageError, "not said which runs"),
    "a run of a revision": ({"run": "main:a", "all": False}, UsageError, "revision"),
    "an option of no kind": ({"options": {"betta": 2}}, UsageError, "betta"),
    "an option of another kind": ({"options": {"normalizer": 2}, "kind": "binary"}, UsageError, "normalizer"),
    "a function without colon": ({"metrics": [], "function": "money"}, UsageError, "names no function"),
    "a module that is absent": ({"metrics": [], "function": "no_such_mod:f"}, UsageError, "cannot be imported"),
    "a file that is absent": ({"metrics": [], "function": "no_such.py:f"}, UsageError, "cannot be imported"),
    "an attribute that is absent": ({"metrics": [], "function": "good.py:profits"}, UsageError, "no 'profits'"),
    "a module that raises": ({"metrics": [], "function": "raises.py:f"}, UsageError, "RuntimeError: at import"),
    "a module that exits": ({"metrics": [], "function": "exits.py:f"}, UsageError, "SystemExit"),
    "a module that is no Python": ({"metrics": [], "function": "broken.py:f"}, UsageError, "SyntaxError"),
    "no function": ({"metrics": [], "function": "good.py:NUMBER"}, UsageError, "neither a function nor a class"),
    "a class that is none": ({"metrics": [], "function": "good.py:Empty"}, UsageError, "neither a function nor"),
    "a name that ledger has": ({"metrics": "f1", "function": "good.py:profit"}, UsageError, "ledger has a metric 'f1'"),
    "an alias that ledger has": ({"metrics": "auroc", "function": "good.py:profit"}, UsageError, "ledger has a metric"),
    "a function and a chart": ({"metrics": [], "function": "good.py:profit", "charts": True}, UsageError, "no chart"),
    "a function of two names": ({"metrics": ["a", "b"], "function": "good.py:profit"}, UsageError, "one metric"),
    "a relative module": ({"metrics": [], "function": ".good:profit"}, UsageError, "cannot be imported"),
    "no dask address": ({"on": "nonsense://x"}, UsageError, "no address"),
    "a function without a name": ({"metrics": lambda y_true, y_pred: 1.0}, UsageError, "needs a name"),
    "a number as metric": ({"metrics": [5]}, UsageError, "5 names no metric"),
    "a bad reason": ({"reason": 5}, UsageError, "reason"),
    "a threshold that is none": ({"threshold": math.nan}, UsageError, "threshold"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_calls(what: str, workdir: Path) -> None:
    """One error with what was given, before anything is read or written."""
    train("a")
    (workdir / "good.py").write_text(
        "NUMBER = 5\nclass Empty: pass\ndef profit(y_true, y_pred):\n    return float(sum(y_pred))\n"
    )
    (workdir / "raises.py").write_text("raise RuntimeError('at import')\n")
    (workdir / "exits.py").write_text("import sys\nsys.exit(4)\n")
    (workdir / "broken.py").write_text("def f(:\n")
    given, error, said = BAD[what]
    files = sorted(workdir.rglob("*"))
    with pytest.raises(error) as found:
        ledger.open().backfill(**({"metrics": "f1", "all": True} | given))
    assert said in found.value.message
    assert "\n" not in found.value.message
    assert "Traceback" not in str(found.value)
    assert [path for path in sorted(workdir.rglob("*")) if "__pycache__" not in str(path)] == files


def test_runs_that_cannot_be_done_are_named() -> None:
    """Each says what is missing and what to type next; the others are done."""
    train("good")
    open_run = ledger.start("unclosed")
    with ledger.start("bare") as run:
        run.log({"test/f1": 0.5})
    with ledger.start("pending") as run:
        run.log_predictions("test", y_score=scores(0), ids=np.arange(200))
    with ledger.start("truth") as run:
        run.log_predictions("test", y_true=TRUTH)
    with ledger.start("labels") as run:
        run.log_predictions("test", y_true=TRUTH, y_pred=GUESS)
    with ledger.start("elsewhere") as run:
        run.log_predictions("val", y_true=TRUTH, y_score=scores(0))
    found = ledger.open().backfill("roc_auc", all=True, split="test")
    open_run.finish()
    assert {left.name: left.why for left in found.left_out} == {
        "unclosed": "it is still open",
        "bare": "it keeps no predictions",
        "pending": "its predictions of 'test' have no y_true",
        "truth": "its predictions of 'test' have neither y_pred nor y_score",
        "labels": "test/roc_auc: no scores were logged: run.log_predictions(y_score=...)",
        "elsewhere": next(left.why for left in found.left_out if left.name == "elsewhere"),
    }
    assert "no predictions of 'test'" in next(left.why for left in found.left_out if left.name == "elsewhere")
    assert {left.name for left in found.left_out if left.hint is None} <= {"truth", "labels", "elsewhere"}
    assert [cell.name for cell in found.cells] == ["good"]


def test_a_run_that_was_removed() -> None:
    """It is not among all runs; named by its id it is refused, in a dry run as well."""
    run = train("a")
    train("b")
    led = ledger.open()
    led.remove("a")
    assert [cell.name for cell in ledger.open().backfill("f1", all=True).cells] == ["b"]
    for dry_run in (True, False):
        with pytest.raises(NoSuchRun, match="was removed from view"):
            ledger.open().backfill("f1", run=run, dry_run=dry_run)


def test_predictions_whose_labels_are_all_pending() -> None:
    """A row without a truth does not count; where none has one, the run is left out."""
    with ledger.start("a") as run:
        run.log_predictions("test", y_true=[None, None, None], y_score=[0.1, 0.5, 0.9], ids=[1, 2, 3])
    with ledger.start("b") as run:
        run.log_predictions("test", y_true=[1, None, 0], y_score=[0.9, 0.5, 0.1], ids=[1, 2, 3])
    found = ledger.open().backfill("roc_auc", all=True, kind="binary")
    assert [(left.name, left.why) for left in found.left_out] == [("a", "no row has a label yet")]
    assert [cell.new for cell in found.cells] == [1.0]


def test_damage_costs_its_own_run(workdir: Path) -> None:
    """A blob that is gone or changed is named; the other runs are done, and nothing is written to that one."""
    ids = [train(f"r{i}", i) for i in range(3)]
    led = ledger.open()
    blob = led.run("r1").state.predictions[0].columns["y_score"].blob
    (path,) = workdir.glob(f".ledger/blobs/**/*{blob}*")
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    found = ledger.open().backfill("roc_auc", all=True)
    assert [left.run for left in found.left_out] == [ids[1]]
    assert "cannot be read" in found.left_out[0].why
    path.unlink()
    found = ledger.open().backfill("roc_auc", all=True)
    assert [left.run for left in found.left_out] == [ids[1]]
    assert found.same == 2


def test_a_dry_run_writes_nothing(workdir: Path) -> None:
    """The cells that would change are those that then do; no file is written and no blob of predictions read."""
    for i in range(2):
        train(f"r{i}", i)
    led = ledger.open()
    led.backfill("roc_auc", run="r0")
    files = sorted(workdir.rglob(".ledger/**/*"))
    dry = led.backfill(["roc_auc", "f1", profit, "log_loss"], all=True, dry_run=True)
    assert dry.dry_run
    assert sorted(workdir.rglob(".ledger/**/*")) == files
    done = ledger.open().backfill(["roc_auc", "f1", profit, "log_loss"], all=True)
    key = sorted((c.run, c.metric, c.step) for c in dry.cells)
    assert key == sorted((c.run, c.metric, c.step) for c in done.cells)
    assert not any(c.written for c in dry.cells)
    assert all(c.written for c in done.cells)
    assert dry.same == done.same == 1


def test_a_chart_alone() -> None:
    """`charts=True`: a name is that of a chart; there already, it is left alone."""
    train("a")
    led = ledger.open()
    found = led.backfill("roc", all=True, charts=True)
    assert [chart.chart for chart in found.charts] == ["test/roc"]
    assert found.cells == []
    again = ledger.open().backfill("roc", all=True, charts=True)
    assert (again.charts, again.same) == ([], 1)
    assert [chart.name for chart in ledger.open().run("a").state.charts] == ["test/roc"]
