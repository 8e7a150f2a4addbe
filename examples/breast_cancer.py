"""Three classifiers on the Wisconsin breast cancer data, each a run with its learning curve, charts and test result.

    python examples/breast_cancer.py
    ledger compare linear boosting network

The runs go to the ledger of the folder you are in (its git repository); one is made where there is none.
"""

from collections.abc import Callable, Iterator
from typing import Any

import matplotlib

matplotlib.use("Agg")  # charts go to the ledger, not to a screen

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, roc_auc_score, roc_curve
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

import ledger

SEED = 7
Splits = dict[str, np.ndarray]  # "train", "val" and "test" -> an array of one row a tumour


def load() -> tuple[Splits, Splits]:
    """Return standardised features and labels (1 = malignant) by split: 60 % train, 20 % val, 20 % test."""
    features, target = load_breast_cancer(return_X_y=True)
    labels = 1 - target  # scikit-learn has 1 for benign; what we look for is the positive class
    rest, test = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=SEED)
    train, val = train_test_split(rest, test_size=0.25, stratify=labels[rest], random_state=SEED)
    rows = {"train": train, "val": val, "test": test}
    scaler = StandardScaler().fit(features[train])
    return {s: scaler.transform(features[i]) for s, i in rows.items()}, {s: labels[i] for s, i in rows.items()}


# A model is a generator: after every epoch it yields P(malignant) on every split.


def linear(x: Splits, y: Splits, *, epochs: int, **params: Any) -> Iterator[Splits]:
    """Logistic regression by stochastic gradient descent."""
    model = SGDClassifier(loss="log_loss", random_state=SEED, **params)
    for _ in range(epochs):
        model.partial_fit(x["train"], y["train"], classes=[0, 1])
        yield {split: model.predict_proba(x[split])[:, 1] for split in x}


def boosting(x: Splits, y: Splits, *, epochs: int, **params: Any) -> Iterator[Splits]:
    """Gradient-boosted trees; an epoch is one more tree."""
    model = GradientBoostingClassifier(n_estimators=epochs, random_state=SEED, **params).fit(x["train"], y["train"])
    for stage in zip(*(model.staged_predict_proba(x[split]) for split in x), strict=True):
        yield {split: scores[:, 1] for split, scores in zip(x, stage, strict=True)}


def network(x: Splits, y: Splits, *, epochs: int, **params: Any) -> Iterator[Splits]:
    """A small neural network trained by Adam."""
    model = MLPClassifier(random_state=SEED, **params)
    for _ in range(epochs):
        model.partial_fit(x["train"], y["train"], classes=[0, 1])
        yield {split: model.predict_proba(x[split])[:, 1] for split in x}


MODELS: dict[Callable[..., Iterator[Splits]], dict[str, Any]] = {
    linear: {"epochs": 40, "alpha": 1e-3, "learning_rate": "constant", "eta0": 2e-3},
    boosting: {"epochs": 60, "learning_rate": 0.1, "max_depth": 2, "subsample": 0.7},
    network: {"epochs": 40, "hidden_layer_sizes": [32, 16], "learning_rate_init": 2e-3, "alpha": 1e-2},
}


def draw_roc(y: np.ndarray, score: np.ndarray) -> Figure:
    """Draw true against false positives over all thresholds."""
    figure, axes = plt.subplots(figsize=(4, 4), layout="constrained")
    false_positives, true_positives, _ = roc_curve(y, score)
    axes.plot([0, 1], [0, 1], color="0.8", linestyle="--")
    axes.plot(false_positives, true_positives, linewidth=2)
    axes.set(xlabel="false positive rate", ylabel="true positive rate", title=f"AUC {roc_auc_score(y, score):.4f}")
    return figure


def draw_confusion(y: np.ndarray, predicted: np.ndarray) -> Figure:
    """Draw how many cases of each class were called what."""
    counts, names = confusion_matrix(y, predicted), ["benign", "malignant"]
    figure, axes = plt.subplots(figsize=(4, 4), layout="constrained")
    axes.imshow(counts, cmap="Blues", vmin=0)
    for (row, column), count in np.ndenumerate(counts):
        shade = "white" if count > counts.max() / 2 else "black"
        axes.text(column, row, count, ha="center", va="center", fontsize=16, color=shade)
    axes.set(xticks=[0, 1], xticklabels=names, yticks=[0, 1], yticklabels=names, xlabel="predicted", ylabel="true")
    return figure


def main() -> None:
    x, y = load()
    for model, params in MODELS.items():
        with ledger.start(model.__name__, params=params, tags=["breast-cancer"], seed=SEED) as run:
            for epoch, scores in enumerate(model(x, y, **params), start=1):
                run.log(
                    {
                        "train/loss": log_loss(y["train"], scores["train"]),
                        "val/loss": log_loss(y["val"], scores["val"]),
                        "val/auc": roc_auc_score(y["val"], scores["val"]),
                    },
                    step=epoch,
                )
            score, predicted = scores["test"], scores["test"] > 0.5
            run.log_summary(
                {
                    "test/loss": log_loss(y["test"], score),
                    "test/auc": roc_auc_score(y["test"], score),
                    "test/accuracy": accuracy_score(y["test"], predicted),
                }
            )
            charts = {"roc": draw_roc(y["test"], score), "confusion": draw_confusion(y["test"], predicted)}
            for name, figure in charts.items():
                run.log_chart(f"test/{name}", figure)
                plt.close(figure)


if __name__ == "__main__":
    main()
