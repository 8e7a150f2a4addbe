"""Sixteen classifiers on the digits of scikit-learn, from too simple to too eager: which of them generalize?

    python examples/boomerang.py
    ledger plot boomerang --min-score 0.9 --max-loss 0.7
    ledger plot boomerang --by group --max-loss 1.5
    ledger compare --all --sort generalization --metric "*/accuracy"

Each is cross-validated (the splits train and val, five folds), then fitted on all of that and held against a test set.
The runs go to the ledger of the folder you are in (its git repository); one is made where there is none.
"""

from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

import ledger
from ledger.integrations.sklearn import cross_validate, estimator_params, evaluate

SEED = 7
FOLDS = 5
MODELS = {
    "linear": {f"logistic-{c:g}": LogisticRegression(C=c, max_iter=2000) for c in (0.001, 0.1, 100)},
    "bayes": {f"bayes-{width:g}": GaussianNB(var_smoothing=width) for width in (0.01, 1)},
    "neighbours": {f"neighbours-{k}": KNeighborsClassifier(k) for k in (3, 30, 100)},
    "trees": {
        "tree-3": DecisionTreeClassifier(max_depth=3, random_state=SEED),
        "tree-6": DecisionTreeClassifier(max_depth=6, random_state=SEED),
        "forest-3": RandomForestClassifier(100, max_depth=3, random_state=SEED),
        "forest": RandomForestClassifier(100, random_state=SEED),
        "extra-trees": ExtraTreesClassifier(100, min_samples_leaf=4, random_state=SEED),
    },
    "networks": {
        f"network-{units}": MLPClassifier((units,), learning_rate_init=0.01, tol=1e-2, max_iter=500, random_state=SEED)
        for units in (4, 16, 128)
    },
}


def main() -> None:
    features, digits = load_digits(return_X_y=True)
    features /= 16
    x, x_test, y, y_test = train_test_split(features, digits, test_size=0.6, stratify=digits, random_state=SEED)
    for family, models in MODELS.items():
        for name, model in models.items():
            params = estimator_params(model)
            with ledger.start(name, params=params, group=family, tags=["boomerang"], seed=SEED) as run:
                cross_validate(run, model, x, y, cv=FOLDS)
                evaluate(run, model.fit(x, y), x_test, y_test, split="test")


if __name__ == "__main__":
    main()
