"""Handwritten digits: ten classes evaluated in one call, with the metrics of each of them.

    python examples/evaluate_multiclass.py
    ledger evaluate linear
    ledger compare linear neighbours --metric "test/f1"
    ledger plot confusion linear -o confusion.svg
    ledger plot confusion linear neighbours -o difference.svg
    ledger plot roc linear -o roc.svg
    ledger charts linear test/report -o report.svg

The runs go to the ledger of the folder you are in (its git repository); one is made where there is none.
"""

from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

import ledger

SEED = 7
MODELS = {"linear": LogisticRegression(C=0.01, max_iter=500), "neighbours": KNeighborsClassifier(n_neighbors=7)}


def main() -> None:
    features, digits = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        features / 16, digits, test_size=0.4, stratify=digits, random_state=SEED
    )
    for name, model in MODELS.items():
        with ledger.start(name, params={"model": type(model).__name__}, tags=["digits"], seed=SEED) as run:
            model.fit(x_train, y_train)
            for split, x, y in [("train", x_train, y_train), ("test", x_test, y_test)]:
                run.evaluate(y_true=y, y_score=model.predict_proba(x), labels=range(10), kind="multiclass", split=split)
    print("next:", *(line for line in (__doc__ or "").splitlines() if line.startswith("    ledger ")), sep="\n")


if __name__ == "__main__":
    main()
