"""scikit-learn as it is: what is logged of estimators, folds and searches is what scikit-learn itself computes."""

import json
import math
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn import model_selection as ms
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, make_multilabel_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor, VotingClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

import ledger
from ledger.errors import InvalidValue, UsageError
from ledger.integrations.sklearn import (
    cross_validate,
    estimator_params,
    evaluate,
    log_importance,
    log_learning_curve,
    log_search,
)

pytestmark = pytest.mark.usefixtures("workdir")

CANCER = load_breast_cancer(return_X_y=True)
IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
LOGISTIC = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
TREE = DecisionTreeClassifier(max_depth=3, random_state=0)
REPEATED = ms.RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)


def last(run: str) -> dict[str, float | None]:
    """The last value of each metric of a run."""
    return {key: summary.last for key, summary in ledger.open().state(run).metrics.items()}


def test_params_stand_where_get_params_has_them() -> None:
    """`columns__number__scale__with_mean` is `columns.number.scale.with_mean`, with classes and columns."""
    numbers = Pipeline([("scale", StandardScaler(with_mean=False)), ("again", "passthrough")])
    columns = ColumnTransformer([("number", numbers, ["a", "b"]), ("word", OneHotEncoder(), [2]), ("no", "drop", [3])])
    votes = VotingClassifier([("tree", TREE), ("linear", LogisticRegression(class_weight={0: 1, 1: 2.5}))])
    model = Pipeline(
        [("columns", columns), ("both", FeatureUnion([("best", SelectKBest(f_classif))])), ("vote", votes)]
    )
    found = estimator_params(model)
    assert found["class"] == "Pipeline"
    assert found["columns"]["number"]["columns"] == ["a", "b"]
    assert found["columns"]["number"]["scale"]["with_mean"] is False
    assert found["columns"]["no"] == {"class": "drop", "columns": [3]}
    assert found["columns"]["number"]["again"] == "passthrough"
    assert found["both"]["best"]["score_func"] == "sklearn.feature_selection._univariate_selection.f_classif"
    assert found["vote"]["linear"]["class_weight"] == {"0": 1, "1": 2.5}
    plain = {k: v for k, v in model.get_params().items() if v is None or type(v) in (bool, int, float, str)}
    assert len(plain) > 40
    for name, value in plain.items():
        level: Any = found
        for word in name.split("__"):
            level = level[word]
        assert (level["class"] if name == "columns__no" else level) == value, name
    json.dumps(found)


def test_what_has_no_json_form_is_text_that_stays_the_same() -> None:
    """Functions by name, large arrays by shape, objects without their address, one line each."""
    model = FunctionTransformer(func=np.log1p, kw_args={"big": np.zeros((9, 99)), "small": np.arange(3), 1: object()})
    found = estimator_params(model)
    assert found["kw_args"] == {"big": "array (9, 99) of float64", "small": [0, 1, 2], "1": "<object object>"}
    assert "log1p" in found["func"]
    search = ms.RandomizedSearchCV(
        Ridge(), {"alpha": loguniform(1e-3, 10), "solver": ["svd", "lsqr"]}, cv=ms.KFold(3, shuffle=True),
        random_state=np.random.RandomState(0),
    )  # fmt: skip
    found = estimator_params(search)
    assert found["param_distributions"] == {"alpha": "loguniform(0.001, 10)", "solver": ["svd", "lsqr"]}
    assert found["cv"] == "KFold(n_splits=3, random_state=None, shuffle=True)"
    assert found["estimator"]["class"] == "Ridge"
    assert found["random_state"] == "RandomState(MT19937)"
    assert estimator_params(FunctionTransformer(kw_args={"a": "\ud800", "": 1}))["kw_args"].startswith("{")


def test_the_params_of_every_estimator_can_be_logged() -> None:
    """All that scikit-learn has: nothing raises, nothing is taken for a secret, and what is read back is the same."""
    made = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that scikit-learn is about to drop
        for name, kind in all_estimators():
            try:
                made[name] = kind()
            except TypeError:
                made[name] = None  # it needs an estimator
    params = {name: estimator_params(model) for name, model in made.items() if model is not None}
    assert len(params) > 150
    with ledger.start("all", params=params) as run:
        run.log({"loss": 1.0})
    assert json.dumps(ledger.open().state("all").params) == json.dumps(params)
    assert {name: found["class"] for name, found in params.items()} == {name: name for name in params}


def test_a_class_is_no_estimator() -> None:
    """Nor is a number; the error says which."""
    with pytest.raises(InvalidValue, match="is no estimator"):
        estimator_params(Ridge)
    with pytest.raises(InvalidValue, match="int is no estimator"):
        estimator_params(3)


SCORERS = {
    "binary": {"accuracy": "accuracy", "roc_auc": "roc_auc", "log_loss": "neg_log_loss", "f1": "f1", "ks": None,
               "average_precision": "average_precision", "brier": "neg_brier_score", "mcc": "matthews_corrcoef"},
    "multiclass": {"accuracy": "accuracy", "log_loss": "neg_log_loss", "balanced_accuracy": "balanced_accuracy",
                   "f1": "f1_macro", "f1_weighted": "f1_weighted", "roc_auc": "roc_auc_ovr"},
    "regression": {"r2": "r2", "mse": "neg_mean_squared_error", "rmse": "neg_root_mean_squared_error",
                   "mae": "neg_mean_absolute_error", "median_ae": "neg_median_absolute_error",
                   "explained_variance": "explained_variance", "max_error": "neg_max_error"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "model", "data", "cv"),
    [
        ("binary", LOGISTIC, CANCER, 5),
        ("binary", LinearSVC(C=0.01, random_state=0), CANCER, ms.StratifiedKFold(4, shuffle=True, random_state=1)),
        ("multiclass", RandomForestClassifier(9, random_state=0), IRIS, REPEATED),
        ("multiclass", TREE, IRIS, 4),
        ("regression", Ridge(alpha=2.0), DIABETES, ms.KFold(6)),
        ("regression", RandomForestRegressor(10, random_state=0), DIABETES, ms.ShuffleSplit(3, random_state=0)),
    ],
)  # fmt: skip
def test_each_fold_has_the_scores_of_scikit_learn(kind: str, model: Any, data: Any, cv: Any) -> None:
    """To 1e-12, on the rows held out and on those fitted on; without a fold their mean."""
    scorers = {name: scorer for name, scorer in SCORERS[kind].items() if scorer is not None}
    if isinstance(model, LinearSVC):  # which gives no probabilities
        scorers = {name: scorers[name] for name in ("accuracy", "roc_auc", "f1", "average_precision", "mcc")}
    theirs = ms.cross_validate(model, *data, cv=cv, scoring=scorers, return_train_score=True)
    with ledger.start("cv") as run:
        folds = cross_validate(run, model, *data, cv=cv)
    found = last("cv")
    count = len(theirs["fit_time"])
    assert len(folds) == count
    for name, scorer in scorers.items():
        sign = -1 if scorer.startswith("neg_") else 1
        for split, word in (("val", "test"), ("train", "train")):
            values = sign * theirs[f"{word}_{name}"]
            ours = [found[f"{split}/{name}{{fold={i}}}"] for i in range(count)]
            np.testing.assert_allclose(ours, values, rtol=1e-12, atol=1e-15, err_msg=f"{split}/{name}")
            assert found[f"{split}/{name}"] == pytest.approx(values.mean(), rel=1e-12)


def test_predictions_are_of_the_rows_held_out() -> None:
    """Each row once, in order, as of `cross_val_predict`, with its fold; curves and slices are computed from them."""
    with ledger.start("oof") as run:
        folds = cross_validate(run, LOGISTIC, *CANCER, cv=5)
    led = ledger.open()
    found = led.predictions("oof", "val")
    theirs = ms.cross_val_predict(LOGISTIC, *CANCER, cv=5, method="predict_proba")[:, 1]
    np.testing.assert_array_equal(found["y_score"], theirs)
    np.testing.assert_array_equal(found["y_true"], CANCER[1])
    np.testing.assert_array_equal(found["y_pred"], ms.cross_val_predict(LOGISTIC, *CANCER, cv=5))
    assert found["ids"].tolist() == list(range(len(CANCER[1])))
    for i, fold in enumerate(folds):
        assert found["ids"][found["slice.fold"] == i].tolist() == fold.val.tolist()
    again = led.evaluate("oof", "val", slice="fold", kind="binary")
    assert [part.evaluation["roc_auc"] for part in again.parts] == [f.evaluations["val"]["roc_auc"] for f in folds]
    assert led.plot_data("roc", "oof", split="val").picture("svg").startswith(b"<?xml")
    assert led.state("oof").params == {"cv": "StratifiedKFold(n_splits=5, random_state=None, shuffle=False)"}


def test_what_is_held_out_is_evaluated_as_the_folds_were() -> None:
    """A tree predicts whole numbers here, as the truth has: the folds say that they are values, and the options."""
    with ledger.start("tree") as run:
        cross_validate(run, DecisionTreeRegressor(random_state=0), *DIABETES, cv=3)
    found = ledger.open().evaluate("tree", "val").whole
    assert (found.kind, found.n) == ("regression", len(DIABETES[1]))
    assert not [notice for notice in found.notices if "guessed" in notice]
    with ledger.start("moved") as run:
        for fold, rows in enumerate((slice(0, 3), slice(3, 6))):
            given = {"y_true": [0, 1, 1, 0, 0, 1][rows], "y_score": [0.1, 0.35, 0.9, 0.2, 0.4, 0.6][rows]}
            run.evaluate(**given, kind="binary", labels=[0, 1], split="val", threshold=0.3, context={"fold": fold})
            run.log_predictions("val", **given, ids=np.arange(6)[rows])
    found = ledger.open().evaluate("moved", "val", context={}).whole
    assert (found.kind, found.n, found.definitions["f1"]["threshold"]) == ("binary", 6, 0.3)
    with ledger.start("two ways") as run:
        for fold, threshold in enumerate((0.3, 0.4)):
            given = {"y_true": [0, 1], "y_score": [0.1, 0.35 + fold / 10]}
            run.evaluate(
                **given, kind="binary", labels=[0, 1], split="val", threshold=threshold, context={"fold": fold},
                predictions=False,
            )  # fmt: skip
        run.log_predictions("val", y_true=[0, 1, 1], y_score=[0.1, 0.35, 0.6], labels=[0, 1])
    assert "guessed" in ledger.open().evaluate("two ways", "val").whole.notices[0]  # the folds do not agree


def test_rows_that_are_held_out_twice_are_kept_by_fold() -> None:
    """Each fold has predictions of its own; with a forward split the first rows have none."""
    with ledger.start("twice") as run:
        cross_validate(
            run, TREE, *IRIS, cv=ms.ShuffleSplit(2, test_size=0.5, random_state=0), ids=np.arange(150) + 1000
        )
    led = ledger.open()
    assert {p.context for p in led.state("twice").predictions} == {'{"fold":0}', '{"fold":1}'}
    assert led.predictions("twice", "val", context={"fold": 1})["ids"].min() >= 1000
    with ledger.start("forward") as run:
        cross_validate(run, Ridge(), *DIABETES, cv=ms.TimeSeriesSplit(3), train=False)
    assert led.predictions("forward", "val")["ids"].min() == len(DIABETES[1]) - 3 * (len(DIABETES[1]) // 4)
    assert not [key for key in last("forward") if key.startswith("train")]


def test_frames_names_of_classes_and_weights() -> None:
    """A DataFrame and a Series of texts are split as they are; weights weigh the metrics; groups stay together."""
    frame = load_breast_cancer(as_frame=True).frame
    y = frame.pop("target").map({0: "malignant", 1: "benign"})  # sorted, the last one is malignant
    weight = np.linspace(0.5, 2, len(y))
    groups = np.arange(len(y)) // 10
    with ledger.start("frames") as run:
        folds = cross_validate(
            run, LOGISTIC, frame, y, cv=ms.GroupKFold(3), groups=groups, sample_weight=weight,
            fit_params={"logisticregression__sample_weight": weight},
        )  # fmt: skip
    for i, (fitted, out) in enumerate(ms.GroupKFold(3).split(frame, y, groups)):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
        model.fit(frame.iloc[fitted], y.iloc[fitted], logisticregression__sample_weight=weight[fitted])
        from sklearn.metrics import accuracy_score, roc_auc_score

        hits = accuracy_score(y.iloc[out], model.predict(frame.iloc[out]), sample_weight=weight[out])
        area = roc_auc_score(y.iloc[out], model.predict_proba(frame.iloc[out])[:, 1], sample_weight=weight[out])
        assert last("frames")[f"val/accuracy{{fold={i}}}"] == pytest.approx(hits, rel=1e-12)
        assert last("frames")[f"val/roc_auc{{fold={i}}}"] == pytest.approx(area, rel=1e-12)
        assert set(groups[folds[i].train]).isdisjoint(groups[folds[i].val])
    assert set(ledger.open().predictions("frames", "val")["y_true"]) == {"malignant", "benign"}


def test_several_labels_a_row() -> None:
    """Whether the scores are one array or a list of them; the same numbers for both."""
    X, y = make_multilabel_classification(200, n_classes=3, random_state=0)
    for name, model in {
        "forest": RandomForestClassifier(10, random_state=0),
        "rest": OneVsRestClassifier(LogisticRegression()),
    }.items():
        with ledger.start(name) as run:
            cross_validate(run, model, X, y, cv=2)
        theirs = ms.cross_validate(model, X, y, cv=2, scoring=["f1_macro", "f1_micro"])
        for metric, scorer in {"f1": "f1_macro", "f1_micro": "f1_micro"}.items():
            ours = [last(name)[f"val/{metric}{{fold={i}}}"] for i in range(2)]
            np.testing.assert_allclose(ours, theirs[f"test_{scorer}"], rtol=1e-12)


def test_a_metric_that_a_fold_lacks_has_no_mean() -> None:
    """It is undefined and says where; the other means are there."""
    y = np.array([0, 1] * 10 + [0] * 10)
    with ledger.start("gap") as run:
        cross_validate(run, DummyClassifier(strategy="prior"), np.zeros((30, 1)), y, cv=ms.KFold(3))
    found = ledger.open().state("gap").metrics
    assert found["val/roc_auc"].last is None
    assert found["val/roc_auc"].undefined == "undefined in fold 2: one class in y_true"
    assert found["val/accuracy"].last == pytest.approx(np.mean([0.5, 0.5, 1.0]))


def test_a_class_that_a_fold_was_not_fitted_on() -> None:
    """Its column of scores is zero, and the others stand where they belong."""
    y = np.array([0, 1] * 6 + [2] * 6)
    with ledger.start("absent") as run:
        folds = cross_validate(run, TREE, np.arange(18).reshape(-1, 1), y, cv=ms.KFold(3))
    assert folds[2].estimator.classes_.tolist() == [0, 1]
    found = ledger.open().predictions("absent", "val")
    assert (found["y_score_2"][12:] == 0).all()
    assert last("absent")["val/accuracy{fold=2}"] == 0.0


def test_what_is_wrong_is_said_before_anything_is_fitted() -> None:
    """Lengths that differ, and an estimator that predicts neither classes nor numbers; nothing was logged."""
    X, y = IRIS
    with ledger.start("wrong") as run:
        with pytest.raises(InvalidValue, match="X has 150 rows and y has 149"):
            cross_validate(run, TREE, X, y[:-1])
        with pytest.raises(InvalidValue, match="X has 150 rows and groups has 3"):
            cross_validate(run, TREE, X, y, groups=[1, 2, 3])
        with pytest.raises(InvalidValue, match="makes no folds"):
            cross_validate(ledger.start("none"), TREE, X, y, cv=[])
        with pytest.raises(InvalidValue, match="KMeans is neither a classifier nor a regressor"):
            cross_validate(run, KMeans(2), X, y)
        with pytest.raises(InvalidValue, match="KMeans is neither"):
            evaluate(run, KMeans(2).fit(X), X, y)
    assert (last("wrong"), ledger.open().state("wrong").params) == ({}, {})


def test_evaluate_gives_run_evaluate_what_an_estimator_predicts() -> None:
    """Of a fitted pipeline, with its classes; also to a run that has ended, for the positive class that is asked."""
    X, y = CANCER
    names = np.array(["malignant", "benign"])[y]
    model = LOGISTIC.fit(X[:400], names[:400])
    with ledger.start("one") as run:
        evaluate(run, model, X[400:], names[400:], split="test")
    evaluate(ledger.open().run("one"), model, X[:400], names[:400], split="train", labels=["malignant", "benign"])
    assert last("one")["test/accuracy"] == pytest.approx(model.score(X[400:], names[400:]), rel=1e-12)
    led = ledger.open()
    benign = list(model.classes_).index("benign")
    np.testing.assert_array_equal(led.predictions("one", "train")["y_score"], model.predict_proba(X[:400])[:, benign])
    assert led.predictions("one", "test").attrs["labels"] == ["benign", "malignant"]
    svm = LinearSVC(C=0.01).fit(X[:400], names[:400])
    with ledger.start("svm") as run:
        here = evaluate(run, svm, X[400:], names[400:], labels=["malignant", "benign"])
        there = evaluate(run, svm, X[400:], names[400:], split="val")
    assert here["roc_auc"] == there["roc_auc"]  # the scores were turned with the classes
    assert here["recall"] == there["specificity"]


GRID = {"standardscaler": [StandardScaler(), "passthrough"], "logisticregression__C": [0.01, 1.0]}


def test_a_search_is_a_run_for_each_candidate() -> None:
    """Grouped, under the run, with all params, and the very scores of `cv_results_` by split and fold."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    search = ms.GridSearchCV(
        model, GRID, cv=3, scoring=["neg_log_loss", "roc_auc"], refit="neg_log_loss", return_train_score=True
    ).fit(*CANCER)
    with ledger.start("grid") as run:
        ids = log_search(run, search, tags=["sweep"])
    led, results = ledger.open(), search.cv_results_
    parent = led.state("grid")
    assert len(ids) == 4
    for i, id in enumerate(ids):
        state = led.state(id)
        assert (state.name, state.group, state.parent, state.status) == (f"grid-{i}", "grid", parent.id, "finished")
        assert state.tags == (["best", "sweep"] if i == search.best_index_ else ["sweep"])
        assert state.params["logisticregression"]["C"] == results["params"][i]["logisticregression__C"]
        assert state.params["logisticregression"]["max_iter"] == 5000
        for name, (metric, sign) in {"neg_log_loss": ("log_loss", -1), "roc_auc": ("roc_auc", 1)}.items():
            for split, word in (("val", "test"), ("train", "train")):
                assert last(id)[f"{split}/{metric}"] == sign * results[f"mean_{word}_{name}"][i]
                for fold in range(3):
                    value = results[f"split{fold}_{word}_{name}"][i]
                    assert last(id)[f"{split}/{metric}{{fold={fold}}}"] == sign * value
    assert {str(led.state(id).params["standardscaler"]) for id in ids} > {"passthrough"}
    assert last("grid")["val/log_loss"] == -search.best_score_
    assert parent.params["best"]["candidate"] == ids[search.best_index_]
    assert parent.params["best"]["logisticregression"] == {"C": search.best_params_["logisticregression__C"]}
    assert parent.params["search"]["param_grid"]["logisticregression__C"] == [0.01, 1.0]
    table = led.chart_data("grid", "cv_results")
    assert table.columns["rank_test_neg_log_loss"] == results["rank_test_neg_log_loss"].tolist()
    assert table.columns["logisticregression__C"] == [0.01, 0.01, 1.0, 1.0]
    assert led.select(where="tag = 'best'")[0].id == ids[search.best_index_]


@pytest.mark.parametrize(
    ("model", "data", "scoring", "metric", "sign"),
    [
        (TREE, IRIS, None, "accuracy", 1),
        (Ridge(), DIABETES, None, "r2", 1),
        (Ridge(), DIABETES, "neg_mean_squared_error", "mse", -1),
        (TREE, IRIS, "f1_macro", "f1", 1),
        (TREE, CANCER, "f1_macro", "f1_macro", 1),  # of two classes `f1` is that of the positive one
        (TREE, CANCER, "matthews_corrcoef", "mcc", 1),
        (TREE, IRIS, lambda model, X, y: model.score(X, y), "<lambda>", 1),
    ],
)
def test_a_scorer_is_called_as_the_metric_is(model: Any, data: Any, scoring: Any, metric: str, sign: int) -> None:
    """What is not said is accuracy or r2; a function of one's own has its own name."""
    grid = {"max_depth": [1, 2]} if model is TREE else {"alpha": [0.1, 1.0]}
    search = ms.GridSearchCV(model, grid, cv=2, scoring=scoring).fit(*data)
    with ledger.start("s") as run:
        ids = log_search(run, search)
    assert [last(id)[f"val/{metric}"] for id in ids] == [sign * v for v in search.cv_results_["mean_test_score"]]
    assert last("s")[f"val/{metric}"] == sign * search.best_score_


def test_a_random_search_and_one_without_a_best() -> None:
    """Distributions are texts; several scorers without `refit` have no best, and nothing says so."""
    search = ms.RandomizedSearchCV(Ridge(), {"alpha": loguniform(0.01, 1)}, n_iter=3, cv=2, random_state=0)
    with ledger.start("random") as run:
        ids = log_search(run, search.fit(*DIABETES))
    assert [ledger.open().state(id).params["alpha"] for id in ids] == [p["alpha"] for p in search.cv_results_["params"]]
    many = ms.GridSearchCV(Ridge(), {"alpha": [1.0]}, scoring=["r2", "neg_mean_squared_error"], refit=False, cv=2)
    with ledger.start("many") as run:
        (only,) = log_search(run, many.fit(*DIABETES))
    assert ledger.open().state(only).tags == []
    assert set(last("many")) == set()


def test_a_search_that_was_not_fitted_is_refused() -> None:
    """Before anything is logged."""
    with ledger.start("early") as run, pytest.raises(UsageError, match="GridSearchCV has not been fitted"):
        log_search(run, ms.GridSearchCV(TREE, {}))
    assert ledger.open().state("early").params == {}


def test_a_failed_fit_is_nan() -> None:
    """As scikit-learn has it, in its fold and in the mean."""
    y = np.array([0] * 18 + [1] * 2)
    search = ms.GridSearchCV(
        LogisticRegression(), {"C": [1.0]}, cv=ms.KFold(2, shuffle=True, random_state=1), refit=False
    )
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        search.fit(np.arange(20).reshape(-1, 1), y)
    with ledger.start("failed") as run:
        (only,) = log_search(run, search)
    found = {key: value is not None and math.isnan(value) for key, value in last(only).items()}
    assert found["val/accuracy"]
    assert sorted([found["val/accuracy{fold=0}"], found["val/accuracy{fold=1}"]]) == [False, True]


def test_candidates_are_runs_also_under_ledger_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ledger run -- python search.py` has one run for the program; its candidates are runs under it all the same."""
    search = ms.GridSearchCV(TREE, {"max_depth": [1, 2]}, cv=2).fit(*IRIS)
    with ledger.start("program") as outer:
        monkeypatch.setenv("LEDGER_RUN", outer.id)
        with ledger.start() as run:
            assert run.id == outer.id
            ids = log_search(run, search)
        monkeypatch.delenv("LEDGER_RUN")
    assert [ledger.open().state(id).parent for id in ids] == [outer.id] * 2
    monkeypatch.setenv("LEDGER_MODE", "disabled")
    with ledger.start("nothing") as run:
        log_search(run, search)
        cross_validate(run, TREE, *IRIS, cv=2)
    monkeypatch.delenv("LEDGER_MODE")
    assert len(ledger.open().select()) == 3


def test_a_learning_curve_is_a_series_over_the_size() -> None:
    """The step is the number of rows; each fold has its own series, without one stands the mean."""
    result = ms.learning_curve(
        TREE, *CANCER, train_sizes=[50, 100, 300], cv=3, scoring="neg_log_loss", shuffle=True, random_state=0
    )
    with ledger.start("curve") as run:
        log_learning_curve(run, result, metric="neg_log_loss")
    rows = ledger.open().metrics("curve")
    for split, scores in (("train", result[1]), ("val", result[2])):
        mean = rows[(rows["metric"] == f"{split}/log_loss") & rows["context"].isna()]
        assert mean["step"].tolist() == [50, 100, 300]
        np.testing.assert_allclose(mean["value"], -scores.mean(axis=1), rtol=1e-12)
        of_one = rows[(rows["metric"] == f"{split}/log_loss") & (rows["context"] == '{"fold":2}')]
        np.testing.assert_array_equal(of_one["value"], -scores[:, 2])
    assert ledger.open().plot_data("curves", "curve").picture("svg").startswith(b"<?xml")
    with ledger.start("none") as run, pytest.raises(InvalidValue, match=r"not \(3,\), \(3, 3\)"):
        log_learning_curve(run, result[:2])


def test_importance_is_the_estimator_s_own() -> None:
    """Of a forest with the deviation over its trees, of a pipeline its last step's, of several classes the mean."""
    frame = load_breast_cancer(as_frame=True)
    forest = RandomForestClassifier(20, random_state=0).fit(frame.data, frame.target)
    linear = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame.data, frame.target)
    several = LogisticRegression(max_iter=2000).fit(*IRIS)
    with ledger.start("own") as run:
        log_importance(run, forest, name="forest")
        log_importance(run, linear, name="linear")
        log_importance(run, several)
        with pytest.raises(InvalidValue, match="KMeans has neither"):
            log_importance(run, KMeans(2).fit(IRIS[0]))
        with pytest.raises(InvalidValue, match="X and y go together"):
            log_importance(run, forest, frame.data)
    led = ledger.open()
    found = led.chart_data("own", "forest").columns
    assert found["name"] == list(frame.data.columns)
    assert found["value"] == forest.feature_importances_.tolist()
    assert found["std"] == np.std([t.feature_importances_ for t in forest.estimators_], axis=0).tolist()
    found = led.chart_data("own", "linear").columns
    assert found == {"name": list(frame.data.columns), "value": linear[-1].coef_[0].tolist()}
    found = led.chart_data("own", "importance").columns
    assert found == {"name": ["x0", "x1", "x2", "x3"], "value": np.abs(several.coef_).mean(axis=0).tolist()}


def test_importance_by_permutation_is_scikit_learn_s() -> None:
    """The mean drop of the score and its deviation, by the names of the columns."""
    X = pd.DataFrame(IRIS[0], columns=["a", "b", "c", "d"])
    model = TREE.fit(X[::2], IRIS[1][::2])
    theirs = permutation_importance(model, X[1::2], IRIS[1][1::2], n_repeats=3, random_state=1)
    with ledger.start("permuted") as run:
        log_importance(run, model, X[1::2], IRIS[1][1::2], n_repeats=3, random_state=1)
    found = ledger.open().chart_data("permuted", "permutation_importance").columns
    assert found["name"] == ["a", "b", "c", "d"]
    assert found["value"] == theirs.importances_mean.tolist()
    assert found["std"] == theirs.importances_std.tolist()


def test_without_scikit_learn_the_way_to_it_is_said(tmp_path: Path) -> None:
    """One error with the command to type; the rest of ledger needs none of it."""
    (tmp_path / "sklearn.py").write_text("raise ImportError('No module named sklearn')\n")
    code = (
        "import ledger.evaluate, ledger.integrations\n"
        "from ledger.errors import LedgerError\n"
        "try:\n    import ledger.integrations.sklearn\n"
        "except LedgerError as error:\n    print(error.message, '|', error.hint)\n"
    )
    path = [str(tmp_path), *sys.path[1:], str(Path(__file__).parents[2])]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {path!r}\n{code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip().endswith("| pip install 'ledger-ml[sklearn]'"), done.stderr
    assert done.stdout.startswith("ledger.integrations.sklearn needs scikit-learn")
