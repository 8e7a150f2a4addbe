"""Two classifiers on the Wisconsin breast cancer data, each evaluated in one call, on three splits.

    python examples/evaluate_binary.py
    ledger compare logistic forest --metric "test/*"
    ledger evaluate forest --threshold 0.3
    ledger plot roc logistic forest -o roc.svg
    ledger plot pr logistic forest -o pr.svg
    ledger plot calibration logistic forest -o calibration.svg
    ledger plot threshold forest --metric f1 --metric mcc -o threshold.svg
    ledger plot histogram forest -o histogram.svg
    ledger plot importance forest --top 10 -o importance.svg

The runs go to the ledger of the folder you are in (its git repository); one is made where there is none.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import ledger

SEED = 7
MODELS = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(C=0.1)),
    "forest": RandomForestClassifier(n_estimators=100, min_samples_leaf=2, random_state=SEED),
}


def main() -> None:
    features, target = load_breast_cancer(return_X_y=True)
    names = np.array(["malignant", "benign"])[target]
    size = np.where(features[:, 0] > np.median(features[:, 0]), "large", "small")  # by the mean radius
    rest, test = train_test_split(np.arange(len(names)), test_size=0.25, stratify=names, random_state=SEED)
    train, val = train_test_split(rest, test_size=0.25, stratify=names[rest], random_state=SEED)
    for name, model in MODELS.items():
        with ledger.start(name, tags=["breast-cancer"], seed=SEED) as run:
            model.fit(features[train], names[train])
            malignant = list(model.classes_).index("malignant")
            for split, rows in {"train": train, "val": val, "test": test}.items():
                run.evaluate(
                    y_true=names[rows],
                    y_score=model.predict_proba(features[rows])[:, malignant],
                    labels=["benign", "malignant"],  # the positive class is the last one
                    kind="binary",
                    split=split,
                    ids=rows,
                    slices={"size": size[rows]},
                )
            if name == "forest":
                columns = load_breast_cancer().feature_names
                run.log_importance("importance", columns, model.feature_importances_)
    print("next:", *(line for line in (__doc__ or "").splitlines() if line.startswith("    ledger ")), sep="\n")


if __name__ == "__main__":
    main()
