"""How diabetes progresses in a year: errors of two regressions, also relative to how far patients differ at all.

    python examples/evaluate_regression.py
    ledger compare ridge boosting --metric "test/*"
    ledger evaluate ridge --slice age
    ledger plot residuals ridge -o residuals.svg
    ledger plot predicted-vs-true ridge boosting -o predicted-vs-true.svg

The runs go to the ledger of the folder you are in (its git repository); one is made where there is none.
"""

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split

import ledger

SEED = 7
MODELS = {
    "ridge": Ridge(alpha=0.1),
    "boosting": GradientBoostingRegressor(n_estimators=60, max_depth=2, subsample=0.7, random_state=SEED),
}


def main() -> None:
    features, target = load_diabetes(return_X_y=True)
    age = np.where(features[:, 0] > 0, "older", "younger")  # than the mean
    train, test = train_test_split(np.arange(len(target)), test_size=0.3, random_state=SEED)
    for name, model in MODELS.items():
        with ledger.start(name, params={"model": type(model).__name__}, tags=["diabetes"], seed=SEED) as run:
            model.fit(features[train], target[train])
            for split, rows in {"train": train, "test": test}.items():
                run.evaluate(
                    y_true=target[rows],
                    y_pred=model.predict(features[rows]),
                    kind="regression",
                    split=split,
                    normalizer=float(np.std(target[train])),
                    slices={"age": age[rows]},
                )
    print("next:", *(line for line in (__doc__ or "").splitlines() if line.startswith("    ledger ")), sep="\n")


if __name__ == "__main__":
    main()
