"""What a second backfill does: what is outdated, whoever computed it, and what stays as it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ledger
from ledger import evaluate
from ledger.derive import keys
from ledger.evaluate import lookup

pytestmark = pytest.mark.usefixtures("workdir")

RANDOM = np.random.default_rng(5)
TRUTH = RANDOM.integers(0, 2, 60)
SCORE = np.round(np.clip(RANDOM.normal(0.3 + 0.4 * TRUTH, 0.3), 0, 1), 2)


def train(name: str = "a", split: str = "test", **more: Any) -> str:
    """Close a run that keeps predictions and no metrics; return its id."""
    with ledger.start(name) as run:
        run.log_predictions(split, **{"y_true": TRUTH, "y_score": SCORE, **more})
    return run.id


def pending(name: str, first: int = 0) -> str:
    """Close a run with predictions whose labels come late, ids counted from `first`; return its id."""
    return train(name, "prod", y_true=None, ids=np.arange(first, first + len(SCORE)))


def arrive(folder: Path, first: int, last: int, name: str, flip: bool = False) -> None:
    """Add the labels of ids from `first` to before `last`."""
    lines = [f"{i},{int(TRUTH[i % 60]) ^ flip}" for i in range(first, last)]
    (folder / name).write_text("\n".join(["id,label", *lines]) + "\n")
    ledger.open().add_labels(folder / name, on="id", split="prod")


def backfill(metrics: Any, **more: Any) -> Any:
    """Backfill all runs, as a new process would."""
    return ledger.open().backfill(metrics, all=True, **more)


def value(run: str, key: str) -> float | None:
    """Return the value that is shown."""
    return ledger.open().run(run).state.metrics[key].last


def entries(run: str) -> int:
    """Return how many entries a run has."""
    return len(ledger.open().run(run).state.entries)


def f1(rows: int) -> Any:
    """Return f1 of the first rows."""
    return evaluate.compute("f1", TRUTH[:rows], y_score=SCORE[:rows], kind="binary")


@pytest.mark.parametrize("first", ["binary", "f1"])
@pytest.mark.parametrize("second", ["binary", "f1"])
def test_labels_that_came_since(workdir: Path, first: str, second: str) -> None:
    """A value is brought up to date by a bundle or alone, whichever of the two computed it."""
    run = pending("a")
    arrive(workdir, 0, 40, "one.csv")
    backfill(first)
    assert value(run, "prod/f1") == f1(40)
    assert backfill("f1").same == 1
    assert backfill("f1", dry_run=True).same == 1
    arrive(workdir, 40, 60, "two.csv")
    found = backfill(second)
    assert found.other == 0
    assert value(run, "prod/f1") == f1(60) != f1(40)
    before = entries(run)
    if first == second:
        assert backfill(second).cells == []
    assert backfill("f1").same == 1
    backfill("binary")
    assert backfill("binary").cells == []
    assert backfill("f1").same == 1
    assert value(run, "prod/f1") == f1(60)
    assert entries(run) <= before + 1


def test_a_bundle_of_values_that_are_single() -> None:
    """A bundle whose cells were all computed one by one is up to date; where one is not, it is wanted."""
    run = train()
    names = [name for name, item in keys.metrics_of("binary").items() if item.sort == "metric"]
    assert not backfill(names, kind="binary").left_out
    found = backfill("binary")
    assert (found.cells, found.same, found.other) == ([], len(names), 0)
    backfill("f1", threshold=0.3, kind="binary")
    other = value(run, "test/f1")
    assert [cell.metric for cell in backfill("binary").cells].count("test/f1") == 1
    assert value(run, "test/f1") == f1(60) != other
    assert backfill("binary").cells == []


def test_a_value_by_hand_stays_among_those_of_a_bundle(workdir: Path) -> None:
    """A correction is neither renewed with the bundle nor alone."""
    run = pending("a")
    arrive(workdir, 0, 40, "one.csv")
    backfill("binary")
    ledger.open().run(run).log({"prod/f1": 0.125}, reason="by hand")
    arrive(workdir, 40, 60, "two.csv")
    assert backfill("f1").other == 1
    assert "prod/f1" not in {cell.metric for cell in backfill("binary").cells}
    assert value(run, "prod/f1") == 0.125


def test_an_older_value_does_not_count_once_a_bundle_came() -> None:
    """What is shown was made with another threshold, though a value of this one is known from before."""
    run = train()
    backfill("f1", kind="binary")
    backfill("binary", threshold=0.3)
    assert value(run, "test/f1") != f1(60)
    assert len(backfill("f1", kind="binary", threshold=0.5).cells) == 1
    assert value(run, "test/f1") == f1(60)


def test_charts_are_added_to_a_bundle() -> None:
    """With and without charts a bundle has the same values: neither is computed again, and only charts are added."""
    run = train()
    backfill("binary")
    count = entries(run)
    found = backfill("binary", charts=True)
    assert found.cells == []
    assert {chart.chart for chart in found.charts} >= {"test/roc", "test/pr"}
    assert entries(run) == count + 1
    for charts in (False, True, False, True):
        again = backfill("binary", charts=charts)
        assert (again.cells, again.charts, again.entries) == ([], [], {})
    assert backfill("roc", charts=True).same == 1


def test_only_a_chart_that_is_missing_is_added() -> None:
    """A chart that is there alone is one of the bundle's."""
    train()
    backfill("roc", charts=True, kind="binary")
    found = backfill("binary", charts=True)
    assert "test/roc" not in {chart.chart for chart in found.charts}
    assert "test/pr" in {chart.chart for chart in found.charts}
    assert backfill("binary", charts=True).entries == {}


def test_charts_of_labels_that_came_since(workdir: Path) -> None:
    """A bundle's chart is brought up to date by its own name, too."""
    run = pending("a")
    arrive(workdir, 0, 40, "one.csv")
    backfill("binary", charts=True)
    before = {chart.name: chart.blob for chart in ledger.open().run(run).state.charts}
    arrive(workdir, 40, 60, "two.csv")
    assert [chart.chart for chart in backfill("roc", charts=True).charts] == ["prod/roc"]
    after = {chart.name: chart.blob for chart in ledger.open().run(run).state.charts}
    assert [name for name in after if after[name] != before[name]] == ["prod/roc"]
    renewed = {chart.chart for chart in backfill("binary", charts=True).charts}
    assert "prod/pr" in renewed
    assert "prod/roc" not in renewed


@pytest.mark.parametrize("metrics", ["f1", "binary", ["f1", "roc_auc"]])
def test_labels_of_other_rows(workdir: Path, metrics: Any) -> None:
    """Labels of ids that a run does not have add no entry to it; labels that change nothing add none, either."""
    first, second = pending("first"), pending("second", 60)
    arrive(workdir, 0, 60, "first.csv")
    backfill(metrics)
    counts = entries(first), entries(second)
    arrive(workdir, 60, 100, "second.csv")
    found = backfill(metrics)
    assert list(found.entries) == [second]
    assert found.same > 0
    arrive(workdir, 60, 100, "same.csv")
    again = backfill(metrics)
    assert (again.entries, again.cells) == ({}, [])
    assert (entries(first), entries(second)) == (counts[0], counts[1] + 1)
    assert again.same == 2 * found.same
    assert backfill("accuracy").entries.keys() <= {first, second}


def test_truth_that_was_logged_and_labels_of_others(workdir: Path) -> None:
    """A truth with gaps is the same truth after labels came that are of none of its rows."""
    gaps = np.where(np.arange(60) % 7 == 0, np.nan, TRUTH)
    run = train("a", "prod", y_true=gaps, ids=np.arange(1000, 1060))
    backfill("f1")
    count = entries(run)
    arrive(workdir, 0, 60, "others.csv")
    assert backfill("f1").same == 1
    assert entries(run) == count
    arrive(workdir, 1000, 1060, "own.csv")
    assert len(backfill("f1").cells) == 1


def test_another_truth_of_the_same_value_is_written(workdir: Path) -> None:
    """More labels are a fact, also where the value happens to stay: how many are in is in the history."""
    run = pending("a")
    arrive(workdir, 0, 40, "one.csv")

    def one(y_true: Any, y_pred: Any) -> float:
        return 1.0

    backfill(one)
    count = entries(run)
    arrive(workdir, 40, 60, "two.csv")
    assert len(backfill(one).cells) == 1
    assert entries(run) == count + 1


UNUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "beta of f2": ("f2", {"options": {"beta": 3.0}}),
    "bins of f1": ("f1", {"options": {"bins": 7}}),
    "threshold of a score": ("roc_auc", {"threshold": 0.3}),
    "beta of a score": ("roc_auc", {"options": {"beta": 3.0}}),
}


@pytest.mark.parametrize("what", UNUSED)
def test_options_that_a_metric_has_not(what: str) -> None:
    """They are in no key: nothing is computed."""
    train()
    metric, more = UNUSED[what]
    backfill(metric, kind="binary")
    assert (found := backfill(metric, kind="binary", **more)).same == 1
    assert found.entries == {}


USED: dict[str, tuple[Any, dict[str, Any]]] = {
    "threshold of labels": ("f1", {"threshold": 0.3}),
    "beta": ("fbeta", {"options": {"beta": 3.0}}),
}


@pytest.mark.parametrize("what", USED)
def test_options_that_a_metric_has(what: str) -> None:
    """Another one is another value."""
    train()
    metric, more = USED[what]
    backfill(metric, kind="binary")
    assert len(backfill(metric, kind="binary", **more).cells) == 1


@pytest.mark.parametrize(("second", "counts"), [("y_pred", True), ("y_score", False)])
def test_the_threshold_of_a_users_function(workdir: Path, second: str, counts: bool) -> None:
    """It counts where the function is given labels that are made with it."""
    train()
    (workdir / "own.py").write_text(f"def total(y_true, {second}):\n    return float(sum({second}))\n")
    backfill([], function="own.py:total")
    assert len(backfill([], function="own.py:total", threshold=0.3).cells) == counts


def revert(run: str, metric: str) -> None:
    """Take back the entry of the value that is shown."""
    led = ledger.open()
    shown = [each for each in led.history(run, metric).values if each.not_shown is None]
    led.revert(shown[-1].entry)


@pytest.mark.parametrize("metrics", ["f1", "binary"])
def test_what_was_reverted_stays_so(workdir: Path, metrics: str) -> None:
    """The same is not computed again, and that is said; other inputs are, and --force computes the same, too."""
    run = pending("a")
    arrive(workdir, 0, 40, "one.csv")
    count = len(backfill(metrics).cells)
    revert(run, "prod/f1")
    for again in (backfill(metrics, dry_run=True), backfill(metrics), backfill(metrics)):
        assert (again.cells, again.entries, again.left_out) == ([], {}, [])
        were = "1 value was" if count == 1 else f"{count} values were"
        assert list(again.notices) == [f"{were} reverted: --force computes {'it' if count == 1 else 'them'} again"]
    assert len(backfill(metrics, force=True).cells) == count
    assert backfill(metrics).same == count
    revert(run, "prod/f1")
    assert backfill(metrics).entries == {}
    arrive(workdir, 40, 60, "two.csv")
    found = backfill(metrics)
    assert len(found.cells) == count
    assert list(found.notices) == []
    assert value(run, "prod/f1") == f1(60)


def test_a_newer_value_that_was_reverted_stays_so(workdir: Path) -> None:
    """Where the value before it is shown again, that one is left."""
    run = pending("a")
    arrive(workdir, 0, 40, "one.csv")
    backfill("f1")
    arrive(workdir, 40, 60, "two.csv")
    backfill("f1")
    revert(run, "prod/f1")
    assert value(run, "prod/f1") == f1(40)
    found = backfill("f1")
    assert (found.cells, list(found.notices)) == ([], ["1 value was reverted: --force computes it again"])
    assert value(run, "prod/f1") == f1(40)


def test_a_value_that_was_reverted_is_left_out_of_a_bundle() -> None:
    """The others of the bundle are written; restored, it is what it was."""
    run = train()
    entry = backfill("f1", kind="binary").entries[run]
    led = ledger.open()
    led.revert(entry)
    dry = {cell.metric for cell in backfill("binary", dry_run=True).cells}
    found = backfill("binary")
    assert "test/f1" not in {cell.metric for cell in found.cells} | dry
    assert dry <= {cell.metric for cell in found.cells}
    assert list(found.notices) == ["1 value was reverted: --force computes it again"]
    assert backfill("binary").cells == []
    assert "test/f1" not in ledger.open().run(run).state.metrics


def test_a_value_that_a_bundle_had_left_and_that_was_reverted(workdir: Path) -> None:
    """What is shown then is older than the bundle: that is not said to be up to date."""
    run = pending("a")
    arrive(workdir, 0, 40, "one.csv")
    backfill("binary")
    arrive(workdir, 40, 60, "two.csv")
    backfill("f1")
    backfill("binary")
    assert backfill("f1").same == 1
    revert(run, "prod/f1")
    found = backfill("f1")
    assert (found.same, list(found.notices)) == (0, ["1 value was reverted: --force computes it again"])
    assert value(run, "prod/f1") == f1(40)
    backfill("f1", force=True)
    assert value(run, "prod/f1") == f1(60)
    assert backfill("f1").same == 1


def test_a_bundle_counts_its_cells() -> None:
    """What is there already are values, those of each class with them, not bundles."""
    many = RANDOM.integers(0, 3, 60)
    with ledger.start("m") as run:
        run.log_predictions("test", y_true=many, y_pred=np.roll(many, 1), context={"fold": 1})
        run.log_predictions("test", y_true=many, y_pred=np.roll(many, 2))
    written = backfill("multiclass").cells
    assert any("class=" in cell.metric for cell in written)
    assert backfill("multiclass").same == len(written)


def minus(y_true: Any, y_pred: Any) -> float:
    """Subtract in place."""
    y_true -= y_pred
    return float(np.abs(y_true).mean())


def clipped(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
    """Clip truth, predictions and weights in place."""
    for array in (y_true, y_pred):
        array[array < 1] = 1
    if sample_weight is not None:
        sample_weight[:] = 0
    return float(y_true.sum() - y_pred.sum())


class Sums:
    """A class that works in place, chunk by chunk."""

    def __init__(self) -> None:
        self.sum = 0.0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in rows."""
        y_true *= 2
        y_pred *= 0
        self.sum += float(y_true.sum())

    def result(self) -> float:
        """Return the sum."""
        return self.sum


IN_PLACE: dict[str, Callable[[], dict[str, Any]]] = {
    "regression": lambda: {"y_true": RANDOM.normal(2, 1, 60), "y_pred": RANDOM.normal(2, 1, 60)},
    "regression with weights": lambda: {
        "y_true": RANDOM.normal(2, 1, 60), "y_pred": RANDOM.normal(2, 1, 60), "sample_weight": RANDOM.random(60) + 0.5,
    },
    "binary": lambda: {"y_true": TRUTH, "y_pred": np.roll(TRUTH, 1), "y_score": SCORE},
}  # fmt: skip


@pytest.mark.parametrize("kind", IN_PLACE)
def test_functions_that_work_in_place(kind: str) -> None:
    """Each run, each metric and each function is given the rows as they are stored, whatever another made of its."""
    bundle = kind.partition(" ")[0]
    own: list[Any] = [clipped, Sums] if "weights" in kind else [minus, clipped, Sums]
    columns = IN_PLACE[kind]()
    runs = [train(name, **({"y_score": None} | columns)) for name in ("a", "b", "c")]
    builtin = [m.name for m in lookup.bundle(bundle).metrics if m.bundled][:6]
    alone = {}
    for each in own:
        for cell in backfill(each, kind=bundle).cells:
            alone[cell.metric] = cell.new
    found = backfill([*own, *builtin, bundle], force=True)
    assert {cell.run for cell in found.cells} == set(runs)
    direct = evaluate.evaluate(**columns, kind=bundle, charts=False)
    expected = {f"test/{name}": number for name, context, number in direct.values if context is None}
    for cell in found.cells:
        wanted = alone.get(cell.metric, expected.get(cell.metric))
        assert np.float64(cell.new).tobytes() == np.float64(wanted).tobytes(), cell
    given = {name: array.copy() for name, array in columns.items()}
    stream = evaluate.Stream(bundle, (0, 1) if bundle == "binary" else ())
    evaluate.register(clipped, name="clipped_here")
    try:
        evaluate.evaluate(**given, kind=bundle)
        stream = evaluate.Stream(bundle, (0, 1) if bundle == "binary" else ())
        stream.update(**given)
        assert stream.value("clipped_here") == stream.value("clipped_here") == alone["test/clipped"]
    finally:
        lookup.unregister("clipped_here")
    for name, array in columns.items():
        assert np.array_equal(given[name], array)


def test_the_records_of_a_run(workdir: Path) -> None:
    """By time: of each place the newest in view; what was reverted stays, marked as such, and is restored."""
    run = pending("a")
    arrive(workdir, 0, 40, "one.csv")
    first = backfill("f1").entries[run]
    arrive(workdir, 40, 60, "two.csv")
    backfill(["f1", "roc_auc"])
    led = ledger.open()

    def records() -> list[tuple[str, bool]]:
        return [(each.name, each.retracted) for each in ledger.open().run(run).state.computed]

    assert records() == [("prod/f1", False), ("prod/roc_auc", False)]
    newest = led.run(run).state.computed
    assert all(each.truth is not None and len(each.truth) == 16 for each in newest)
    led.revert(first)
    assert records() == [("prod/f1", True), ("prod/f1", False), ("prod/roc_auc", False)]
    assert backfill(["f1", "roc_auc"]).same == 2
    led.restore(first)
    assert records() == [("prod/f1", False), ("prod/roc_auc", False)]
    assert ledger.open().run(run).state.computed == newest
