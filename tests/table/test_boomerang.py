"""The boomerang: which points, in which order, which models are kept and why, and which one generalizes best."""

import math
import random
from typing import Any

import msgspec
import numpy as np
import pytest

from ledger.errors import InvalidFilter, InvalidValue, NoSuchMetric, NoSuchRun, UsageError
from ledger.format.values import Undefined
from ledger.schema import EMPTY, Metric, Schema
from ledger.store.state import RunState, Summary
from ledger.table.boomerang import Boomerang, boomerang
from ledger.table.compare import canonical_names
from ledger.table.splits import last_values, named, place, shown_key, shown_split
from ledger.view.rows import render_csv

NAN, INF = math.nan, math.inf


def run(name: str, values: dict[str, float | None]) -> RunState:
    """A finished run with these last values; None is undefined."""
    metrics = {
        key: Summary(1, 0, v, None, v, None, v, None, v, None, v, "no reason" if v is None else None)
        for key, v in values.items()
    }
    base: dict[str, Any] = {
        "id": name.upper(), "name": name, "status": "finished", "created": 0, "finished": 1, "author": "ada",
        "group": None, "parent": None, "seed": None, "note": None, "tags": [], "params": {}, "git": None, "program": {},
        "metrics": metrics, "charts": [], "predictions": [], "entries": [],
    }  # fmt: skip
    return RunState(**base)


def model(name: str, *pairs: tuple[float | None, float | None]) -> RunState:
    """A run with a loss and an accuracy on train, val and test, as many as there are pairs."""
    splits = ("train", "val", "test")[: len(pairs)]
    values = {
        f"{s}/{m}": v
        for s, pair in zip(splits, pairs, strict=True)
        for m, v in zip(("loss", "accuracy"), pair, strict=True)
    }
    order = list(values)
    random.Random(name).shuffle(order)
    return run(name, {key: values[key] for key in order})


def kept(found: Boomerang) -> list[str]:
    """The names of the models that are kept."""
    return [model.name for model in found.models]


@pytest.mark.parametrize(
    ("key", "metric", "split", "fold", "rest"),
    [
        ("val/auc", "auc", "val", None, ""),
        ("val_auc", "auc", "val", None, ""),
        ("valid/auc", "auc", "val", None, ""),
        ("eval_loss", "loss", "val", None, ""),
        ("auc", "auc", None, None, ""),
        ("auc{split=test}", "auc", "test", None, ""),
        ("val/auc{fold=1}", "auc", "val", "1", ""),
        ("val/f1{class=cat,fold=2}", "f1", "val", "2", "class=cat"),
        ("layer/3/loss", "layer/3/loss", None, None, ""),
        ("training/loss", "training/loss", None, None, ""),
    ],
)
def test_a_key_is_taken_apart(key: str, metric: str, split: str | None, fold: str | None, rest: str) -> None:
    """The split in front or in the context, under one name each; the fold; what else there is."""
    assert place(key) == (metric, split, fold, rest)


def test_lines_go_from_train_over_val_to_test() -> None:
    """Forty models whose metrics come in any order: every one visits its splits in the one order."""
    models = [model(f"m{i}", (0.1, 0.9), (0.2, 0.8), (0.3, 0.7 + i / 1000)) for i in range(40)]
    found = boomerang(models, EMPTY)
    assert len(found.models) == 40
    assert {tuple(p.split for p in one.points) for one in found.models} == {("train", "val", "test")}
    assert [row[2] for row in found.rows()] == ["train", "val", "test"] * 40


def test_limits_hold_on_every_split_and_a_value_equal_to_one_passes() -> None:
    """A model is left out for its worst split, with the reason counted; NaN and what is missing never pass."""
    models = [
        model("good", (0.1, 0.95), (0.2, 0.9), (0.5, 0.8)),
        model("overfit", (0.01, 0.99), (0.6, 0.9), (0.7, 0.9)),
        model("weak", (0.4, 0.7), (0.4, 0.79), (0.5, 0.79)),
        model("both", (0.9, 0.7), (0.9, 0.7), (0.9, 0.7)),
        model("nan", (0.1, 0.9), (NAN, 0.9), (0.1, 0.9)),
        model("undefined", (0.1, 0.9), (0.1, None), (0.1, 0.9)),
    ]
    found = boomerang(models, EMPTY, min_score=0.8, max_loss=0.5)
    assert kept(found) == ["good"]
    assert {m.name: m.failed for m in found.removed} == {
        "overfit": ["loss"],
        "weak": ["accuracy"],
        "both": ["loss", "accuracy"],
        "nan": ["undefined"],
        "undefined": ["undefined"],
    }
    assert found.said == "1 of 6 models kept; 1 fails loss, 1 fails accuracy, 1 fails loss and accuracy, 2 undefined"


def test_a_model_that_is_left_out_is_counted_once() -> None:
    """Undefined on one split and beyond the limit on another: it is one of the undefined ones."""
    models = [
        model("good", (0.1, 0.9), (0.2, 0.9)),
        model("nan", (0.9, 0.9), (NAN, 0.9)),
        model("inf", (INF, 0.1), (0.9, 0.1)),
    ]
    found = boomerang([*models, model("bad", (0.9, 0.9), (0.9, 0.9))], EMPTY, max_loss=0.5, min_score=0.5)
    assert found.said == "1 of 4 models kept; 1 fails loss, 2 undefined"
    same = boomerang(models[:2], EMPTY, x="accuracy", y="accuracy", min_score=0.5)
    assert same.said == "2 of 2 models kept"
    one = boomerang([*models[:1], model("x", (0.1, 0.1), (0.1, 0.1))], EMPTY, x="accuracy", y="accuracy", min_score=0.5)
    assert one.said == "1 of 2 models kept; 1 fails accuracy"


def test_the_axes_are_the_pair_that_most_runs_have() -> None:
    """One network with a loss does not put 22 others aside; who is left out is said, and what to type to see them."""
    metrics = {"net": ("loss", "accuracy"), "tree": ("log_loss", "roc_auc"), "price": ("rmse", "r2")}
    counts = {"net": 1, "tree": 16, "price": 6}
    runs = [
        msgspec.structs.replace(
            run(f"{kind}{i}", {f"{split}/{metric}": 0.5 for split in ("train", "test") for metric in metrics[kind]}),
            group="g" if kind == "tree" else None,
        )
        for kind, count in counts.items()
        for i in range(count)
    ]
    found = boomerang(runs, EMPTY, by="group")
    assert (found.x.metric, found.y.metric, len(found.models)) == ("log_loss", "roc_auc", 16)
    assert found.notices == [
        "7 of 23 runs left out, without log_loss and roc_auc on one split: "
        "net0, price0, price1, price2, price3 and 2 more; 6 of them with --x rmse --y r2"
    ]
    assert found.caption == "7 runs lack an axis"
    assert [(panel.value, len(panel.runs)) for panel in found.panels] == [("g", 16)]
    assert (boomerang(runs, EMPTY, y="r2").x.metric, boomerang(runs, EMPTY, x="loss").y.metric) == ("rmse", "accuracy")
    equal = boomerang([runs[0], runs[1], runs[17]], EMPTY)
    assert (equal.x.metric, equal.y.metric) == ("loss", "accuracy")
    with pytest.raises(InvalidFilter, match="none of the 6 models drawn has a group") as caught:
        boomerang(runs, EMPTY, x="rmse", by="group")
    assert caught.value.hint == "16 of the 17 runs that lack these metrics have one: choose others with --x and --y"


def test_undefined_is_not_nan_in_a_table() -> None:
    """Its reason is beside it; of a mean over folds that of the fold; NaN stays NaN."""
    folded: dict[str, float | None] = {"train/loss": 0.1, "train/accuracy": 0.9, "val/loss": NAN, "val/accuracy": 0.5}
    folded |= {"test/loss{fold=1}": 0.1, "test/loss{fold=2}": None, "test/accuracy": 0.5}
    found = boomerang([model("good", (0.1, 0.9), (0.2, 0.9)), run("b", folded)], EMPTY)
    assert found.headings[-2:] == ["kept", "undefined"]
    rows = {(row[0], row[2]): row[4:6] + row[7:] for row in found.rows()}
    assert rows["GOOD", "val"] == [0.2, 0.9, None]
    assert math.isnan(rows["B", "val"][0])
    assert rows["B", "val"][2] is None
    assert rows["B", "test"] == [Undefined("fold 2: no reason"), 0.5, "loss: fold 2: no reason"]
    assert render_csv(found.headings, found.rows()).splitlines()[-1] == (
        "B,b,test,,undefined,0.5,false,loss: fold 2: no reason"
    )
    shown = found.to_json()["models"][1]["points"][-1]
    assert shown == {"split": "test", "x": None, "y": 0.5, "undefined": {"x": "fold 2: no reason"}}
    assert boomerang([model("good", (0.1, 0.9), (0.2, 0.9))], EMPTY).headings[-1] == "kept"


def test_an_infinite_loss_is_undefined_without_any_limit() -> None:
    """It can be drawn nowhere, so it is said rather than passed over."""
    found = boomerang([model("a", (0.1, 0.9), (0.2, 0.8)), model("b", (INF, 0.9), (0.2, 0.8))], EMPTY)
    assert (kept(found), found.said) == (["a"], "1 of 2 models kept; 1 undefined")


def test_limits_go_by_the_goal_of_the_metric() -> None:
    """A minimum score of an error is the most it may be; a maximum loss of a score the least."""
    a = run("a", {"train/r2": 0.9, "test/r2": 0.8, "train/mae": 1.0, "test/mae": 2.0})
    b = run("b", {"train/r2": 0.9, "test/r2": 0.5, "train/mae": 1.0, "test/mae": 3.0})
    assert kept(boomerang([a, b], EMPTY, x="r2", y="mae", min_score=2.0)) == ["a"]
    assert kept(boomerang([a, b], EMPTY, x="r2", y="mae", max_loss=0.8)) == ["a"]
    turned = Schema(metrics=(Metric(glob="mae", goal="maximize"),))
    assert kept(boomerang([a, b], turned, x="r2", y="mae", min_score=0.5)) == ["a", "b"]
    assert boomerang([a, b], turned, x="r2", y="mae").y.goal == "maximize"


def test_the_limits_may_be_about_one_split() -> None:
    """`on` holds them against it alone; who lacks it has no number there."""
    a, b = model("a", (0.9, 0.5), (0.2, 0.8), (0.1, 0.9)), model("b", (0.1, 0.9), (0.2, 0.9))
    found = boomerang([a, b], EMPTY, min_score=0.85, on="test")
    assert kept(found) == ["a"]
    assert found.removed[0].failed == ["undefined"]
    assert kept(boomerang([a, b], EMPTY, min_score=0.85, on="validation")) == ["b"]


def test_where_no_model_is_left_that_is_the_answer() -> None:
    """With the counts, and what to loosen."""
    with pytest.raises(NoSuchRun, match="0 of 1 model kept; 1 fails accuracy"):
        boomerang([model("a", (0.1, 0.5), (0.1, 0.5))], EMPTY, min_score=0.9)


@pytest.mark.parametrize("limit", [NAN, INF, -INF])
def test_a_limit_is_a_finite_number(limit: float) -> None:
    """Nothing compares with NaN, so it is an error and no limit."""
    with pytest.raises(InvalidValue, match="max_loss"):
        boomerang([model("a", (0.1, 0.5), (0.1, 0.5))], EMPTY, max_loss=limit)


@pytest.mark.parametrize("limit", ["x", "0.5", True, [0.5]])
def test_a_limit_is_a_number(limit: Any) -> None:
    """What is none is refused, whichever limit it is."""
    for name in ("min_score", "max_loss"):
        with pytest.raises(UsageError, match=f"{name} must be a number, not"):
            boomerang([model("a", (0.5, 0.8), (0.6, 0.7))], EMPTY, **{name: limit})
    assert kept(boomerang([model("a", (0.5, 0.8), (0.6, 0.7))], EMPTY, min_score=np.float32(0.5))) == ["a"]


def test_the_axes_are_the_first_that_are_on_two_splits() -> None:
    """A score on one split alone is passed over for a later one on two; `auc` is what others call roc_auc."""
    one = run("a", {"train/loss": 1, "val/loss": 1, "test/loss": 1, "test/accuracy": 1, "val/auc": 1, "test/auc": 1})
    found = boomerang([one], EMPTY)
    assert (found.x.metric, found.y.metric) == ("loss", "auc")
    assert [point.split for point in found.models[0].points] == ["val", "test"]
    assert found.notices == ["not drawn: train, which has loss but no auc"]


def test_other_metrics_can_be_drawn() -> None:
    """A run without a loss has other pairs; a name with a split means the metric."""
    one = run("a", {"train/rmse": 1, "test/rmse": 2, "train/f1": 0.5, "test/f1": 0.4})
    found = boomerang([one], EMPTY, y="val/f1")
    assert (found.x.metric, found.y.metric) == ("rmse", "f1")


def test_an_unknown_metric_is_answered_with_the_nearest() -> None:
    """So is one that no split has with the other."""
    one = model("a", (0.1, 0.9), (0.2, 0.8))
    with pytest.raises(NoSuchMetric, match="accuracy") as caught:
        boomerang([one], EMPTY, y="acuracy")
    assert caught.value.hint == "the nearest known: accuracy"
    with pytest.raises(NoSuchMetric, match="no run here has a score"):
        boomerang([run("a", {"train/loss": 1, "val/loss": 2})], EMPTY)
    with pytest.raises(NoSuchMetric, match="on one split") as caught:
        boomerang([run("a", {"train/loss": 1, "test/accuracy": 2})], EMPTY)
    assert caught.value.hint == "runs have loss on train, accuracy on test"


def test_the_best_has_the_least_index_of_the_better_half() -> None:
    """A model that is equally bad everywhere generalizes, and is not what anybody looks for."""
    models = [
        model("overfit", (0.1, 0.99), (0.2, 0.9), (0.2, 0.88)),
        model("tight", (0.1, 0.9), (0.2, 0.89), (0.2, 0.87)),
        model("poor", (0.5, 0.6), (0.5, 0.55), (0.5, 0.51)),
        model("guess", (0.7, 0.5), (0.7, 0.5), (0.7, 0.5)),
    ]
    found = boomerang(models, EMPTY)
    assert kept(found) == ["overfit", "tight", "poor", "guess"]
    assert found.best == "TIGHT"
    assert boomerang(models[:1], EMPTY).best is None


def test_folds_are_one_model_with_its_mean() -> None:
    """They add no line; their points are kept apart, a test value without a fold is common to them."""
    values: dict[str, float | None] = {"test/loss": 0.5, "test/accuracy": 0.7}
    for fold, (train, val) in enumerate([(0.9, 0.8), (1.0, 0.8), (0.8, 0.8)]):
        values |= {f"train/accuracy{{fold={fold}}}": train, f"val/accuracy{{fold={fold}}}": val}
        values |= {f"train/loss{{fold={fold}}}": 0.1, f"val/loss{{fold={fold}}}": 0.2}
    found = boomerang([run("a", values)], EMPTY)
    (one,) = found.models
    assert [(p.split, round(p.y, 12)) for p in one.points] == [("train", 0.9), ("val", 0.8), ("test", 0.7)]
    assert len(one.folds) == 6
    assert one.generalization is not None
    assert one.generalization.folds == 3
    # Ranges 0.2, 0.3 and 0.1: mean 0.2, standard deviation 0.1, t(0.975, 2) = 4.302653.
    assert one.generalization.value == pytest.approx(0.2)
    assert one.generalization.half_width is None  # the test value, one for all folds, is an end of each range
    values |= {f"test/accuracy{{fold={fold}}}": 0.7 for fold in range(3)}
    (one,) = boomerang([run("a", values)], EMPTY).models
    assert one.generalization is not None
    assert one.generalization.half_width == pytest.approx(4.302652729749464 * 0.1 / math.sqrt(3))


def grouped(name: str, group: str | None, tags: list[str], params: dict[str, Any], test: float = 0.8) -> RunState:
    """A model with a group, tags and params."""
    return msgspec.structs.replace(model(name, (0.1, 0.9), (0.2, test)), group=group, tags=tags, params=params)


BY = [
    grouped("a", "trees", ["x", "y"], {"depth": 10, "model": {"kind": "b"}, "on": True}, 0.85),
    grouped("b", "trees", ["y"], {"depth": 2, "model": {"kind": "a"}}, 0.88),
    grouped("c", "linear", [], {"depth": 2.5, "model": {"kind": "b"}, "on": False}, 0.7),
    grouped("d", None, [], {}, 0.6),
]


@pytest.mark.parametrize(
    ("by", "panels", "notice"),
    [
        ("group", {"linear": ["C"], "trees": ["B", "A"]}, "in no panel, without group: d"),
        ("tag", {"x": ["A"], "y": ["B", "A"]}, "in no panel, without tag: c, d"),
        ("params.depth", {2: ["B"], 2.5: ["C"], 10: ["A"]}, "in no panel, without params.depth: d"),
        ("depth", {2: ["B"], 2.5: ["C"], 10: ["A"]}, "in no panel, without depth: d"),
        ("model.kind", {"a": ["B"], "b": ["A", "C"]}, "in no panel, without model.kind: d"),
        ("on", {"false": ["C"], "true": ["A"]}, "in no panel, without on: b, d"),
        ("name", {"a": ["A"], "b": ["B"], "c": ["C"], "d": ["D"]}, None),
    ],
)
def test_panels_have_one_thing_in_common(by: str, panels: dict[Any, list[str]], notice: str | None) -> None:
    """In the order of the values, the best model of each first; who has no value is in none, and said."""
    found = boomerang(BY, EMPTY, by=by)
    assert {panel.value: panel.runs for panel in found.panels} == panels
    assert list(panels) == [panel.value for panel in found.panels]
    assert found.notices == ([notice] if notice else [])
    assert found.by == by


def test_each_panel_has_a_best_of_its_own() -> None:
    """Of two or more; what is left out by a limit is in no panel."""
    found = boomerang(BY, EMPTY, by="group", min_score=0.65)
    assert {panel.value: panel.best for panel in found.panels} == {"linear": None, "trees": "B"}
    assert (found.best, found.notices) == ("B", [])
    assert found.to_json()["panels"] == [
        {"value": "linear", "runs": ["C"]}, {"value": "trees", "runs": ["B", "A"], "best": "B"},
    ]  # fmt: skip
    assert found.headings[-1] == "by group"
    assert {row[0]: row[-1] for row in found.rows()} == {"A": "trees", "B": "trees", "C": "linear", "D": None}
    tagged = boomerang(BY, EMPTY, by="tag")
    assert {row[0]: row[-1] for row in tagged.rows()} == {"A": "x, y", "B": "y", "C": None, "D": None}


def test_panels_of_what_no_model_has_are_refused() -> None:
    """A metric is nothing to be told apart by; a param that is nowhere, a group that nobody has."""
    with pytest.raises(InvalidFilter, match="no model has a param 'accuracy'"):
        boomerang(BY, EMPTY, by="accuracy")
    with pytest.raises(InvalidFilter, match="no run here has a parameter 'deph'") as caught:
        boomerang(BY, EMPTY, by="params.deph")
    assert str(caught.value.hint).startswith("the nearest known: params.depth")
    with pytest.raises(InvalidFilter, match="none of the 1 model drawn has a group"):
        boomerang(BY[3:], EMPTY, by="group")


def test_of_too_many_panels_those_of_the_best_models_are_shown() -> None:
    """Twelve fit on a page; how many are left out is said."""
    models = [grouped(f"m{i:02}", f"g{i % 20}", [], {}, 0.5 + i / 100) for i in range(40)]
    found = boomerang(models, EMPTY, by="group")
    assert [panel.value for panel in found.panels] == [f"g{i}" for i in range(8, 20)]
    assert found.notices == ["12 of 20 panels shown, those of the best models"]


def test_what_is_not_positive_has_no_place_on_a_logarithmic_axis() -> None:
    """It is said, not passed over."""
    found = boomerang([model("a", (0.0, 0.9), (0.2, 0.8)), model("b", (0.1, 0.9), (0.2, 0.8))], EMPTY, log_x=True)
    assert found.notices == ["not drawn on a logarithmic axis: what is not positive of a"]


def test_json_has_the_points_and_the_reasons() -> None:
    """As documented: axes with their limits, the best, and per model whether it is kept and its index."""
    shown = boomerang([model("a", (0.1, 0.9), (0.2, 0.7)), model("b", (0.1, 0.5), (0.2, 0.5))], EMPTY, min_score=0.6)
    assert shown.to_json() == {
        "schema": "ledger.plot.boomerang/1",
        "x": {"metric": "loss", "goal": "minimize"},
        "y": {"metric": "accuracy", "goal": "maximize", "limit": 0.6},
        "models": [
            {
                "id": "A", "name": "a", "kept": True,
                "generalization": {"index": 0.9 - 0.7, "folds": 0, "worst": 0.7, "gap": 0.9 - 0.7},
                "points": [{"split": "train", "x": 0.1, "y": 0.9}, {"split": "val", "x": 0.2, "y": 0.7}],
            },
            {
                "id": "B", "name": "b", "kept": False, "failed": ["accuracy"],
                "generalization": {"index": 0.0, "folds": 0, "worst": 0.5, "gap": 0.0},
                "points": [{"split": "train", "x": 0.1, "y": 0.5}, {"split": "val", "x": 0.2, "y": 0.5}],
            },
        ],
    }  # fmt: skip


def test_a_metric_without_a_split_beside_others_is_that_of_train() -> None:
    """As Keras writes them: loss and val_loss."""
    one = run("a", {"loss": 0.1, "val_loss": 0.2, "accuracy": 0.9, "val_accuracy": 0.8})
    (found,) = boomerang([one], EMPTY).models
    assert [(p.split, p.x, p.y) for p in found.points] == [("train", 0.1, 0.9), ("val", 0.2, 0.8)]


@pytest.mark.parametrize(
    ("there", "wanted", "shown"),
    [
        (["train", "val", "test"], None, "test"),
        (["train", "val"], None, "val"),
        (["train"], None, "train"),
        ([None], None, None),
        (["train", "test"], "train", "train"),
        (["train", "val"], "validation", "val"),
    ],
)
def test_the_split_that_is_shown(there: list[str | None], wanted: str | None, shown: str | None) -> None:
    """Test, else val, else the only one, unless one is wanted."""
    assert shown_split(there, wanted) == shown


@pytest.mark.parametrize(
    ("metric", "split", "key"),
    [
        (None, None, "test/accuracy"),
        (None, "val", "val/accuracy"),
        ("loss", None, "val/loss"),
        ("loss", "train", "train/loss"),
        ("train/loss", None, "train/loss"),
    ],
)
def test_one_value_per_run(metric: str | None, split: str | None, key: str) -> None:
    """A name without a split is that of the split that is shown; unasked the first well-known score."""
    states = [run("a", {"train/loss": 1, "val/loss": 1, "val/accuracy": 1, "test/accuracy": 1, "aaa": 1})]
    assert shown_key(states, canonical_names(states, EMPTY), metric, split) == key


def test_a_split_that_a_metric_lacks_is_said() -> None:
    """And a metric that nobody has."""
    states = [run("a", {"train/loss": 1})]
    names = canonical_names(states, EMPTY)
    with pytest.raises(NoSuchMetric, match="'loss on test'"):
        shown_key(states, names, "loss", "test")
    with pytest.raises(NoSuchMetric, match="'los'"):
        shown_key(states, names, "los", None)
    assert named(None, ["accuracy"], [last_values(states[0], names)]) is None
