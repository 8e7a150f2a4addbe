"""200 small classifiers on the Wisconsin breast cancer data; then a metric that nobody had thought of, for all of them.

    python examples/backfill.py
    ledger history best:test/cost test/cost

The models are compared by accuracy until somebody asks what their mistakes cost (screening_cost.py). The predictions
were kept, so no model is trained again: the cost is computed for all of them, and another model is the best.
The runs go to the ledger of the folder you are in (its git repository); one is made where there is none.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from screening_cost import cost
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import ledger

SEED = 7
WEIGHTS = {"even": None, "balanced": "balanced", "cautious": {0: 1, 1: 10}}


def models() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield 200 models, each with its name and params."""
    for c, weight in product(10.0 ** np.arange(-3, 3), WEIGHTS):
        model = LogisticRegression(C=c, class_weight=WEIGHTS[weight])
        yield "logistic", model, {"C": float(c), "weight": weight}
    for k, vote in product(range(1, 42, 2), ("uniform", "distance")):
        yield "neighbours", KNeighborsClassifier(k, weights=vote), {"k": k, "vote": vote}
    for depth, leaf, weight in product((1, 2, 3, 4, 5, 6, 8, 10, 12), (1, 2, 5, 10, 20), WEIGHTS):
        model = DecisionTreeClassifier(
            max_depth=depth, min_samples_leaf=leaf, class_weight=WEIGHTS[weight], random_state=SEED
        )
        yield "tree", model, {"depth": depth, "leaf": leaf, "weight": weight}
    for smoothing in (1e-9, 1e-7, 1e-5, 1e-3, 1e-1):
        yield "bayes", GaussianNB(var_smoothing=smoothing), {"smoothing": smoothing}


def train() -> None:
    """Log each model with its predictions of rows that it was not trained on, from five folds."""
    features, target = load_breast_cancer(return_X_y=True)
    malignant = 1 - target
    names = np.array(["benign", "malignant"])[malignant]
    for number, (kind, model, params) in enumerate(models(), start=1):
        with ledger.start(f"{kind}-{number}", params=params, tags=["screening", kind], seed=SEED) as run:
            pipeline = make_pipeline(StandardScaler(), model)
            shares = cross_val_predict(pipeline, features, malignant, cv=5, method="predict_proba")
            run.evaluate(
                y_true=names,
                y_score=shares[:, 1],
                labels=["benign", "malignant"],
                kind="binary",
                split="test",
                charts=False,
            )


def correct(results: Any, run: Any) -> None:
    """Correct the cost of a model, as if one slide that it is said to be wrong about had been read again."""
    rows = results.predictions(run.id, "test")
    truth = rows["y_true"].to_numpy(object).copy()
    said = np.where(rows["y_score"] > 0.5, "malignant", "benign")
    slide = int(np.flatnonzero(truth != said)[0])
    truth[slide] = said[slide]
    why = f"slide {slide} was read again: it is {said[slide]}"
    results.backfill_values({"test/cost": cost(truth, said)}, run=run.id, reason=why)


def main() -> None:
    train()
    results = ledger.open()
    (by_accuracy,) = results.select("best:test/accuracy")
    done = results.backfill(cost, where="tag = 'screening'", split="test", jobs=2, reason="what do mistakes cost?")
    print(f"the cost of {len(done.cells)} models was computed from their predictions")
    (by_cost,) = results.select("best:test/cost")
    table = results.runs().set_index("id")
    for word, run in (("accuracy", by_accuracy), ("cost", by_cost)):
        row = table.loc[run.id]
        print(f"best by {word}: {run.name}, accuracy {row['test/accuracy']:.3f}, cost {row['test/cost']:.3f} a patient")
    correct(results, by_cost)
    print(f"test/cost of {by_cost.name}, from the first value to the one that counts:")
    for value in results.history(by_cost.id, "test/cost").frame().itertuples():
        print(f"  {value.value:.3f}  {value.reason}  {value.source}")


if __name__ == "__main__":
    main()
