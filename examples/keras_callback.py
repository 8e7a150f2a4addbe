"""A small convolutional network of Keras learns the digits of scikit-learn, followed and evaluated epoch by epoch.

    KERAS_BACKEND=jax python examples/keras_callback.py
    ledger plot curves digits-cnn --metric loss --metric accuracy -o curves.png
    ledger plot confusion digits-cnn -o confusion.png
    ledger plot montage digits-cnn filters --limit 6 -o filters.png

The run goes to the ledger of the folder you are in (its git repository); one is made where there is none.
"""

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import ledger
from ledger.integrations.keras import LedgerCallback, PerformanceCallback

SEED = 7
EPOCHS = 12


class Filters(keras.callbacks.Callback):
    """Logs what the first layer looks for after each epoch: 8 filters of 3 by 3 pixels, white wants ink there."""

    def __init__(self, run: ledger.Run) -> None:
        super().__init__()
        self.run = run

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Draw the filters side by side."""
        weights = keras.ops.convert_to_numpy(self.model.layers[0].kernel.value)[:, :, 0, :]
        tiles = np.kron(0.5 + weights / (2 * np.abs(weights).max()), np.ones((12, 12, 1)))
        tiles = np.pad(tiles, ((0, 3), (0, 3), (0, 0)), constant_values=1)
        rows = [np.hstack([tiles[:, :, 4 * row + i] for i in range(4)]) for row in range(2)]
        self.run.log_chart("filters", np.vstack(rows), step=epoch)


def network() -> keras.Model:
    """Return a network that takes pictures of (8, 8, 1) and gives probabilities of the ten digits."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(5e-3, EPOCHS * 34, alpha=0.02))
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    keras.utils.set_random_seed(SEED)
    pixels, digits = load_digits(return_X_y=True)
    images = pixels.reshape(-1, 8, 8, 1).astype("float32") / 16  # ink from 0 to 1
    x, x_test, y, y_test = train_test_split(images, digits, test_size=0.2, stratify=digits, random_state=SEED)
    x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.25, stratify=y, random_state=SEED)
    model = network()
    with ledger.start("digits-cnn", tags=["digits"], seed=SEED) as run:
        follow = [LedgerCallback(run), PerformanceCallback((x_val, y_val), run=run, every=4), Filters(run)]
        model.fit(
            x_train, y_train, validation_data=(x_val, y_val), epochs=EPOCHS, batch_size=32, verbose=0, callbacks=follow
        )
        run.evaluate(y_true=y_test, y_score=model.predict(x_test, verbose=0), kind="multiclass", split="test")
    print("next:", *(line for line in (__doc__ or "").splitlines() if line.startswith("    ledger ")), sep="\n")


if __name__ == "__main__":
    main()
