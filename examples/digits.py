"""A neural network learns handwritten digits: curves, and a picture of what it sees and gets wrong, epoch by epoch.

    python examples/digits.py
    ledger show digits
    ledger charts digits -o pictures

The run goes to the ledger of the folder you are in (its git repository); one is made where there is none.
"""

import matplotlib

matplotlib.use("Agg")  # charts go to the ledger, not to a screen

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, classification_report, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import ledger

SEED = 11
EPOCHS = 12
PARAMS = {"hidden_layer_sizes": [32], "batch_size": 32, "learning_rate_init": 5e-3, "alpha": 1e-2}


def draw_weights(weights: np.ndarray, zoom: int = 6) -> np.ndarray:
    """Return what each hidden unit looks for, of shape (64 pixels, units), as one picture of 8 by 8 tiles.

    Grey is indifferent, white wants ink there, black wants none. Floats in [0, 1]; eight tiles a row.
    """
    tiles = weights.T.reshape(-1, 8, 8)
    tiles = 0.5 + 0.5 * tiles / np.abs(tiles).max()
    tiles = np.pad(tiles, ((0, 0), (0, 1), (0, 1)), constant_values=1.0)
    rows = [np.hstack([*tiles[i : i + 8]]) for i in range(0, len(tiles), 8)]
    return np.kron(np.vstack(rows)[:-1, :-1], np.ones((zoom, zoom)))


def draw_mistakes(images: np.ndarray, true: np.ndarray, predicted: np.ndarray, most: int = 16) -> Figure:
    """Draw the first digits that were misread, each under `true > predicted`."""
    wrong = np.flatnonzero(true != predicted)[:most]
    figure, grid = plt.subplots(2, most // 2, figsize=(most // 2, 2.6), layout="constrained")
    for axes in grid.flat:
        axes.axis("off")
    for axes, i in zip(grid.flat, wrong, strict=False):
        axes.imshow(images[i].reshape(8, 8), cmap="gray_r")
        axes.set_title(f"{true[i]} > {predicted[i]}", fontsize=9)
    return figure


def main() -> None:
    pixels, labels = load_digits(return_X_y=True)
    pixels = pixels / 16.0  # ink from 0 to 1
    x, x_test, y, y_test = train_test_split(pixels, labels, test_size=0.2, stratify=labels, random_state=SEED)
    x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.25, stratify=y, random_state=SEED)
    model = MLPClassifier(random_state=SEED, **PARAMS)

    with ledger.start("digits", params=PARAMS | {"epochs": EPOCHS}, tags=["digits"], seed=SEED) as run:
        for epoch in range(1, EPOCHS + 1):
            model.partial_fit(x_train, y_train, classes=range(10))
            predicted = model.predict(x_val)
            run.log({"loss": log_loss(y_train, model.predict_proba(x_train))}, split="train", step=epoch)
            run.log(
                {"loss": log_loss(y_val, model.predict_proba(x_val)), "accuracy": accuracy_score(y_val, predicted)},
                split="val",
                step=epoch,
            )
            run.log_chart("weights", draw_weights(model.coefs_[0]), step=epoch)
            figure = draw_mistakes(x_val, y_val, predicted)
            wrong = int((predicted != y_val).sum())
            run.log_chart("val/mistakes", figure, step=epoch, caption=f"{wrong} of {len(y_val)} misread (true > read)")
            plt.close(figure)

        predicted = model.predict(x_test)
        run.log_summary({"test/accuracy": accuracy_score(y_test, predicted)})
        run.log_text("test/report", classification_report(y_test, predicted, digits=3))


if __name__ == "__main__":
    main()
