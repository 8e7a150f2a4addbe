"""scikit-learn: estimators as params, evaluations, cross-validation, searches, learning curves and importance as logs.

    from ledger.integrations.sklearn import cross_validate, estimator_params
    with ledger.start("forest", params=estimator_params(model)) as run:
        cross_validate(run, model, X, y, cv=5)

Nothing is patched and nothing is logged unasked. A run may be open, or one of `ledger.open().run(...)`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

import ledger
from ledger.errors import InvalidValue, UsageError
from ledger.integrations import estimators, search_results
from ledger.integrations.estimators import estimator_params

try:
    from sklearn.base import clone, is_classifier, is_regressor
    from sklearn.inspection import permutation_importance
    from sklearn.model_selection import check_cv
    from sklearn.utils import _safe_indexing as rows_of
    from sklearn.utils.multiclass import type_of_target
    from sklearn.utils.validation import _num_samples as count_rows
except ImportError as error:
    raise UsageError(
        f"ledger.integrations.sklearn needs scikit-learn: {error}", hint="pip install 'ledger-ml[sklearn]'"
    ) from error

if TYPE_CHECKING:
    from ledger.evaluate import Evaluation

__all__ = [
    "Fold",
    "cross_validate",
    "estimator_params",
    "evaluate",
    "log_importance",
    "log_learning_curve",
    "log_search",
]

Recorder: TypeAlias = "ledger.Run | ledger.LoggedRun"
Values: TypeAlias = "dict[str, float | ledger.Undefined]"


class Fold(NamedTuple):
    """One fold: the rows that it was fitted on and those held out, the estimator, and its evaluations by split."""

    train: Any
    val: Any
    estimator: Any
    evaluations: dict[str, Evaluation]


def evaluate(
    run: Recorder, estimator: Any, X: Any, y: Any, *, split: str | None = None, labels: Any = None, **options: Any
) -> Evaluation:
    """Log every metric and chart of a fitted estimator's predictions: `run.evaluate` with what it predicts.

    Args:
        run: the run.
        estimator: a classifier or regressor, fitted; also a pipeline or a search.
        X: the features, of n rows.
        y: the truth: (n,), or (n, K) of 0 and 1 for several labels a row.
        split: which data, such as `test`.
        labels: the classes in order, the positive one last; the estimator's own if left out.
        options: what else `run.evaluate` takes: sample_weight, context, step, charts, predictions, ids, slices.

    Raises InvalidValue for an estimator that is neither a classifier nor a regressor.
    """
    kind, labels = _kind(estimator, y, labels)
    given = _predicted(estimator, X, kind, labels)
    return run.evaluate(y_true=_plain(y), **given, kind=kind, split=split, labels=labels, **options)


def cross_validate(
    run: Recorder,
    estimator: Any,
    X: Any,
    y: Any,
    *,
    cv: Any = 5,
    groups: Any = None,
    fit_params: Mapping[str, Any] | None = None,
    sample_weight: Any = None,
    ids: Any = None,
    train: bool = True,
) -> list[Fold]:
    """Fit a clone of an estimator on each fold, log its metrics there, and keep what it predicts for rows held out.

    Metrics are those of `run.evaluate`, under the split `val` with the context {"fold": i}, of the rows it was fitted
    on under `train`; without a context stands their mean over the folds, as of `cross_val_score`. A fold is logged as
    soon as it is done. Predictions are of the split `val`, each row once, with its fold as a slice: charts are drawn
    from them. Where rows are held out more than once, each fold has its own.

    Args:
        run: the run.
        estimator: a classifier or regressor; it is cloned, never fitted itself.
        X: the features, of n rows.
        y: the truth: (n,), or (n, K) of 0 and 1.
        cv: as for scikit-learn: a number of folds, a splitter, or pairs of row indexes.
        groups: for splitters that keep groups together.
        fit_params: what `fit` is given; a value of n rows is split as X is.
        sample_weight: one weight a row, for the metrics; for fitting, say it in `fit_params`.
        ids: tells rows apart; their index if left out.
        train: False leaves out the metrics on the rows it was fitted on.
    """
    given = {"y": y, "groups": groups, "sample_weight": sample_weight, "ids": ids}
    size = count_rows(X)
    for name, column in given.items():
        if column is not None and count_rows(column) != size:
            raise InvalidValue(f"X has {size} rows and {name} has {count_rows(column)}")
    kind, labels = _kind(estimator, y, _classes(y))
    splitter = check_cv(cv, y, classifier=is_classifier(estimator))
    run.log_params({"cv": estimators.value(splitter)})
    folds: list[Fold] = []
    held: list[dict[str, Any]] = []
    for i, (fitted, out) in enumerate(splitter.split(X, y, groups)):
        model = clone(estimator)
        more = {k: _part(v, fitted, size) for k, v in (fit_params or {}).items()}
        model.fit(rows_of(X, fitted), rows_of(y, fitted), **more)
        found: dict[str, Evaluation] = {}
        for split, rows in (("train", fitted), ("val", out))[0 if train else 1 :]:
            predicted = _predicted(model, rows_of(X, rows), kind, labels)
            weight = None if sample_weight is None else np.asarray(sample_weight)[rows]
            found[split] = run.evaluate(
                y_true=_plain(y)[rows], **predicted, kind=kind, labels=labels, split=split, sample_weight=weight,
                context={"fold": i}, charts=False, predictions=False,
            )  # fmt: skip
        held.append({"rows": np.asarray(rows), "weight": weight, **predicted})
        folds.append(Fold(fitted, out, model, found))
    if not folds:
        raise InvalidValue(f"{estimators.text(splitter)} makes no folds", hint="cv=5")
    for split in folds[0].evaluations:
        _log_means(run, split, [fold.evaluations[split] for fold in folds])
    _log_held_out(run, held, _plain(y), _ids(ids, size), labels)
    return folds


def _kind(estimator: Any, y: Any, labels: Any) -> tuple[str, list[Any] | None]:
    """Return the kind of evaluation that an estimator and the truth ask for, and the classes in order."""
    if is_regressor(estimator):
        return "regression", None
    if not is_classifier(estimator):
        raise InvalidValue(
            f"{type(estimator).__name__} is neither a classifier nor a regressor",
            hint="log what it gives with run.evaluate(y_true=, y_pred=) or run.log",
        )
    if type_of_target(y) == "multilabel-indicator":
        return "multilabel", None
    known = estimator.classes_ if labels is None else labels
    found = np.asarray(known).tolist()
    return "binary" if len(found) == 2 else "multiclass", found


def _classes(y: Any) -> Any:
    plain = _plain(y)
    return np.unique(plain) if plain.ndim == 1 else None


def _plain(y: Any) -> Any:
    """Return the truth as an array; what is sparse, such as many labels a row, as a dense one."""
    return y.toarray() if hasattr(y, "toarray") else np.asarray(y)


def _predicted(estimator: Any, X: Any, kind: str, labels: Sequence[Any] | None) -> dict[str, Any]:
    """Return what an estimator predicts as y_pred and, of a classifier that has scores, y_score in the labels' order.

    Decision values count as scores for two classes only: of more, they may be about pairs of classes.
    """
    given = {"y_pred": _plain(estimator.predict(X))}
    if kind == "regression":
        return given
    if hasattr(estimator, "predict_proba"):
        scores: Any = estimator.predict_proba(X)
        if kind == "multilabel":  # of some estimators one array of two columns for each label
            return given | {
                "y_score": np.stack([s[:, -1] for s in scores], axis=1) if isinstance(scores, list) else scores
            }
        assert labels is not None
        places = {label: k for k, label in enumerate(labels)}
        whole = np.zeros((len(scores), len(labels)))  # a class that was absent when it was fitted is never expected
        for column, label in enumerate(np.asarray(estimator.classes_).tolist()):
            if label in places:
                whole[:, places[label]] = scores[:, column]
        return given | {"y_score": whole[:, 1] if kind == "binary" else whole}
    if kind == "binary" and hasattr(estimator, "decision_function"):
        assert labels is not None
        values = np.asarray(estimator.decision_function(X))
        return given | {"y_score": values if estimator.classes_[-1] == labels[1] else -values}
    return given


def _part(value: Any, rows: Any, size: int) -> Any:
    return rows_of(value, rows) if hasattr(value, "__len__") and len(value) == size else value


def _ids(ids: Any, size: int) -> Any:
    return np.arange(size) if ids is None else np.asarray(ids)


def _log_means(run: Recorder, split: str, found: Sequence[Evaluation]) -> None:
    """Log the mean over folds of each metric, and of each class; one that a fold lacks is undefined, and says where."""
    means: dict[tuple[tuple[str, Any], ...], Values] = {}
    for name, context, _ in found[0].values:
        values = [one.value(name, **(context or {})) for one in found]
        gone = [(i, value) for i, value in enumerate(values) if isinstance(value, ledger.Undefined)]
        known = [value for value in values if not isinstance(value, ledger.Undefined)]
        mean: Any = math.fsum(known) / len(values)
        if gone:
            mean = ledger.Undefined(f"undefined in fold {gone[0][0]}: {gone[0][1].reason}")
        means.setdefault(tuple((context or {}).items()), {})[name] = mean
    for key, values_of in means.items():
        _summary(run, values_of, split, dict(key) or None)


def _log_held_out(run: Recorder, held: Sequence[Mapping[str, Any]], y: Any, ids: Any, labels: Any) -> None:
    rows = np.concatenate([one["rows"] for one in held])
    folds = np.repeat(np.arange(len(held)), [len(one["rows"]) for one in held])
    batches: list[tuple[Any, Any]] = [(np.argsort(rows, kind="stable"), None)]
    if len(np.unique(rows)) != len(rows):
        batches = [(np.flatnonzero(folds == i), {"fold": i}) for i in range(len(held))]
    columns = {
        name: np.concatenate([one[name] for one in held])
        for name in ("y_pred", "y_score", "weight")
        if all(one.get(name) is not None for one in held)
    }
    for order, context in batches:
        chosen = {name: column[order] for name, column in columns.items()}
        weight = chosen.pop("weight", None)
        at = rows[order]
        run.log_predictions(
            split="val", y_true=y[at], **chosen, ids=ids[at], sample_weight=weight, labels=labels, context=context,
            slices={"fold": folds[order]} if context is None else None,
        )  # fmt: skip


def _summary(run: Recorder, values: Mapping[str, Any], split: str | None, context: Mapping[str, Any] | None) -> None:
    """Log values of the run as a whole."""
    log = run.log_summary if isinstance(run, ledger.Run) else run.log
    log(values, split=split, context=context)


def log_search(
    run: Recorder,
    search: Any,
    *,
    group: str | None = None,
    tags: Sequence[str] = (),
    directory: str | None = None,
) -> list[str]:
    """Log a fitted GridSearchCV or RandomizedSearchCV: each candidate a run of its own; returns their ids, in order.

    A candidate has `run` as its parent, all params of the estimator, and its scores: of each fold with the context
    {"fold": i}, without one their mean, under the split `val` and, where the search kept them, `train`. A scorer has
    the name that the metric has here: `neg_log_loss` is `log_loss`, its sign turned. The best candidate is tagged
    `best`. `run` gets the params of the search, the best candidate's params and scores, and the table `cv_results`.

    Args:
        run: the run that the search belongs to.
        search: the search, fitted.
        group: what the candidates are grouped as; the run's name if left out.
        tags: further tags of the candidates.
        directory: where the ledger is, as for `ledger.start`.
    """
    results = getattr(search, "cv_results_", None)
    if results is None:
        raise UsageError(f"the {type(search).__name__} has not been fitted", hint="search.fit(X, y) comes first")
    scorers = search_results.scorers(search.scoring, results, *_search_kind(search))
    best = getattr(search, "best_index_", None)
    run.log_params({"search": estimator_params(search)})
    found = []
    for i, chosen in enumerate(results["params"]):
        model = clone(search.estimator).set_params(**clone(chosen, safe=False))
        params = estimator_params(model)
        if "n_resources" in results:  # of a halving search: how much of the data it was given
            params = {**params, "n_resources": int(results["n_resources"][i])}
        words = [*tags, "best"] if i == best else list(tags)
        name, parent = f"{run.name}-{i}", None if run.id == "disabled" else run.id
        with ledger.start(
            name, params=params, tags=words, group=group or run.name, parent=parent, directory=directory, join=False
        ) as candidate:
            for split, context, values in search_results.scores(results, scorers, i, search.n_splits_):
                _summary(candidate, values, split, context)
            found.append(candidate.id)
    if best is not None:
        run.log_params({"best": {"candidate": found[best], **estimators.nested(results["params"][best])}})
        for split, context, values in search_results.scores(results, scorers, best, search.n_splits_):
            if context is None:
                _summary(run, values, split, None)
    run.log_table("cv_results", search_results.table(results))
    return found


def _search_kind(search: Any) -> tuple[str, str]:
    """Return the kind of evaluation that a search is about, and what `score` of its estimator is.

    One that was not fitted again does not know its classes: then the kind is "".
    """
    if is_regressor(search):
        return "regression", "r2"
    classes = getattr(getattr(search, "best_estimator_", None), "classes_", None)
    if classes is None or isinstance(classes, list):
        kind = "" if classes is None else "multilabel"
    else:
        kind = "binary" if len(classes) == 2 else "multiclass"
    return kind, "accuracy" if is_classifier(search) else "score"


def log_learning_curve(run: Recorder, result: Sequence[Any], *, metric: str = "score") -> None:
    """Log what `sklearn.model_selection.learning_curve` returned: the score over the size of the training set.

    The step is the number of rows, which is logged as `training_rows`, too; `train/METRIC` and `val/METRIC` are the
    means over the folds, those of each fold have the context {"fold": i}.

    Args:
        run: the run.
        result: (sizes, train scores, test scores) of shapes (s,), (s, folds), (s, folds), and perhaps times.
        metric: what was scored, such as `accuracy` or `neg_log_loss`.
    """
    sizes, *scores = (np.asarray(part) for part in list(result)[:3])
    if len(scores) != 2 or sizes.ndim != 1 or any(s.ndim != 2 or len(s) != len(sizes) for s in scores):
        shapes = ", ".join(str(np.shape(part)) for part in list(result)[:3])
        raise InvalidValue(
            f"a learning curve has the shapes (s,), (s, folds), (s, folds), not {shapes}",
            hint="give what sklearn.model_selection.learning_curve returned",
        )
    name, sign = search_results.metric_name(metric)
    for size in sizes.tolist():
        run.log({"training_rows": size}, step=size)  # says what a step is
    for split, values in zip(("train", "val"), scores, strict=True):
        for size, row in zip(sizes.tolist(), (sign * values).tolist(), strict=True):
            run.log({name: math.fsum(row) / len(row)}, step=size, split=split)
            for fold, value in enumerate(row):
                run.log({name: value}, step=size, split=split, context={"fold": fold})


def log_importance(
    run: Recorder,
    estimator: Any,
    X: Any = None,
    y: Any = None,
    *,
    names: Sequence[str] | None = None,
    name: str | None = None,
    scoring: Any = None,
    n_repeats: int = 5,
    random_state: Any = 0,
) -> None:
    """Log how much each feature matters to a fitted estimator: by permutation where X and y are given, else its own.

    Its own are `feature_importances_` (of a forest with the deviation over its trees), else `coef_`; of several
    classes, the mean of their absolute values. Of a pipeline they are the last step's, of the features it is given.

    Args:
        run: the run.
        estimator: the estimator, fitted.
        X: features of n rows that it was not fitted on: permuted, they show what the score owes to them.
        y: the truth, (n,).
        names: of the features; those the estimator or X has, if left out, else x0, x1 ...
        name: of the chart; `importance` or `permutation_importance` if left out.
        scoring: of the permutation: as for scikit-learn.
        n_repeats: how often each feature is permuted.
        random_state: of the permutation.
    """
    if X is None or y is None:
        if X is not None or y is not None:
            raise InvalidValue("X and y go together", hint="without both, the estimator's own importance is logged")
        values, std, own = estimators.own_importance(estimator)
        run.log_importance(name or "importance", names or own or _numbered(len(values)), values, std=std)
        return
    found = permutation_importance(estimator, X, y, scoring=scoring, n_repeats=n_repeats, random_state=random_state)
    if names is None:
        known = getattr(X, "columns", getattr(estimator, "feature_names_in_", None))
        names = _numbered(len(found.importances_mean)) if known is None else [str(column) for column in known]
    run.log_importance(name or "permutation_importance", names, found.importances_mean, std=found.importances_std)


def _numbered(count: int) -> list[str]:
    return [f"x{i}" for i in range(count)]
