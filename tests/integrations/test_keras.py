"""Keras as it is, on the JAX backend: what `fit` says of epochs is in the ledger, and what the model predicts."""

import json
import math
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

import ledger
from ledger.errors import AmbiguousRun, InvalidValue, LedgerWarning, NoSuchMetric, RunFinished, UsageError
from ledger.integrations.keras import LedgerCallback, PerformanceCallback
from tests.conftest import Result, run_cli

pytestmark = [
    pytest.mark.real,
    pytest.mark.usefixtures("workdir"),
    # Keras reads its own variables so.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(60, 4)).astype("float32")
CLASSES = X[:, :3].argmax(axis=1)
POSITIVE = (X[:, 0] > 0).astype("float32")
VALUES = (X @ [1.0, -2.0, 0.5, 0.0]).astype("float32")
EAGER = {"run_eagerly": True}  # compiling takes a second a model
PARTS = {"epochs": 3, "batch_size": 16, "verbose": 0}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    keras.utils.set_random_seed(3)


def classifier(**compiled: Any) -> keras.Model:
    """Return a small network for three classes."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(6, activation="relu"), layers.Dense(3, "softmax")])
    usual = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **EAGER}
    model.compile(**{**usual, **compiled})
    return model


def linear(units: int = 1, activation: str | None = None, **compiled: Any) -> keras.Model:
    """Return one dense layer, compiled."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(units, activation=activation)])
    model.compile(**EAGER, **compiled)
    return model


def metrics(run: str = "@1") -> dict[str, dict[int, float]]:
    """Return the values of a run by key and step."""
    found: dict[str, dict[int, float]] = {}
    for row in ledger.open().metrics(run).itertuples():
        key = row.metric if pd.isna(row.context) else f"{row.metric}{row.context}"
        found.setdefault(key, {})[row.step] = row.value
    return found


def charts(name: str, run: str = "@1") -> list[int | None]:
    """Return the steps that a run has a chart of."""
    return sorted(chart.step for chart in ledger.open().state(run).charts if chart.name == name)


class Stop(keras.callbacks.Callback):
    """Raises where an epoch ends."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Raise."""
        raise KeyError("the data are gone")


def test_an_epoch_is_what_keras_says() -> None:
    """Each value of the History is a row: `val_x` is `val/x`, else `train/x`; the learning rate has no split."""
    with ledger.start("a") as run:
        history = classifier(run_eagerly=False).fit(
            X, CLASSES, validation_split=0.25, callbacks=[LedgerCallback(run)], **PARTS
        )
    found = metrics()
    assert set(found) == {"train/loss", "train/accuracy", "val/loss", "val/accuracy", "learning_rate"}
    for ours, theirs in (("train/loss", "loss"), ("val/accuracy", "val_accuracy"), ("val/loss", "val_loss")):
        assert found[ours] == dict(enumerate(history.history[theirs]))
    assert found["learning_rate"] == {epoch: float(np.float32(0.001)) for epoch in range(3)}


def test_a_history_is_logged_as_the_callback_does() -> None:
    """`log_history` writes the same rows, the learning rate apart, and gives the very same object back."""
    with ledger.start("a") as run:
        history = classifier().fit(X, CLASSES, validation_split=0.25, callbacks=[LedgerCallback(run)], **PARTS)
    with ledger.start("b") as other:
        assert other.log_history(history) is history
    followed = metrics("a")
    del followed["learning_rate"]
    assert metrics("b") == followed


def test_a_validation_now_and_then() -> None:
    """With `validation_freq=2` the epochs between have no value; of a History that must be said."""
    with ledger.start("a") as run:
        history = classifier().fit(
            X, CLASSES, validation_data=(X, CLASSES), validation_freq=2, callbacks=[LedgerCallback(run)],
            **{**PARTS, "epochs": 5},
        )  # fmt: skip
    followed = metrics()["val/loss"]
    assert sorted(followed) == [1, 3]
    with ledger.start("b") as other:
        with pytest.raises(InvalidValue, match=r"5 epochs, and 'val_accuracy' 2 values") as error:
            other.log_history(history)
        assert "validation_freq" in str(error.value)
        other.log_history(history, validation_freq=2)
    assert metrics("b")["val/loss"] == followed


def test_what_is_known_of_the_training_is_params() -> None:
    """Optimizer, loss and sizes are under `keras`, 0.001 is 0.001, and the user's own params stay."""
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=4, decay_rate=0.5)
    with ledger.start("a", params={"optimizer": "mine"}) as run:
        classifier().fit(X, CLASSES, callbacks=[LedgerCallback(run)], **PARTS)
    with ledger.start("b") as run:
        model = classifier(optimizer=keras.optimizers.SGD(schedule, momentum=0.9))
        model.fit(X, CLASSES, callbacks=[LedgerCallback(run)], **PARTS)
    first, second = (ledger.open().state(name).params for name in "ab")
    assert first["optimizer"] == "mine"
    assert first["keras"]["optimizer"]["class"] == "Adam"
    assert first["keras"]["optimizer"]["learning_rate"] == 0.001
    assert first["keras"]["loss"] == "sparse_categorical_crossentropy"
    assert first["keras"]["model"] == {"class": "Sequential", "parameters": 51, "trainable_parameters": 51}
    assert first["keras"]["fit"] == {"epochs": 3, "steps": 4}
    assert first["keras"]["backend"] == "jax"
    assert second["keras"]["optimizer"]["learning_rate"]["class"] == "ExponentialDecay"
    assert second["keras"]["optimizer"]["momentum"] == 0.9
    rates = metrics("b")["learning_rate"]
    assert rates == pytest.approx({0: 0.05, 1: 0.025, 2: 0.0125})


def test_the_summary_is_a_text() -> None:
    """The layers and their numbers of parameters are the chart `model/summary`, once."""
    model = classifier()
    with ledger.start("a") as run:
        for _ in range(2):
            model.fit(X, CLASSES, callbacks=[LedgerCallback(run)], **PARTS)
    text = ledger.open().chart("a", "model/summary").decode()
    assert "dense" in text
    assert "Trainable params: 51" in text
    assert "Param #" in text
    assert charts("model/summary") == [None]


def test_each_part_can_be_left_out() -> None:
    """Without params, summary and learning rate there are the values alone, under Keras' names if asked for."""
    callback = {"log_learning_rate": False, "log_model_summary": False, "log_params": False, "keep_names": True}
    with ledger.start("a") as run:
        plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss")
        classifier().fit(X, CLASSES, callbacks=[plateau, LedgerCallback(run, **callback)], **PARTS)
    assert set(metrics()) == {"loss", "accuracy"}
    state = ledger.open().state("a")
    assert (state.params, state.charts) == ({}, [])


@pytest.mark.parametrize("first", [True, False])
def test_a_learning_rate_that_is_reduced(first: bool) -> None:
    """The rate of an epoch is the one it was trained with, wherever in the list of callbacks ours stands."""
    reduce = keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=1, min_delta=1e6, factor=0.1)
    with ledger.start("a") as run:
        ours = LedgerCallback(run)
        classifier().fit(X, CLASSES, callbacks=[ours, reduce] if first else [reduce, ours], **PARTS)
    assert metrics()["learning_rate"] == pytest.approx({0: 1e-3, 1: 1e-3, 2: 1e-4})


def test_training_goes_on_where_it_was() -> None:
    """A second `fit` follows the first, with a callback of its own or the same one, and with `initial_epoch`."""
    model = classifier()
    with ledger.start("a") as run:
        again = LedgerCallback(run, log_on_batch=True)
        for callback in (again, again, LedgerCallback(run, log_on_batch=True)):
            model.fit(X, CLASSES, callbacks=[callback], **{**PARTS, "epochs": 2})
        model.fit(X, CLASSES, callbacks=[again], initial_epoch=6, **{**PARTS, "epochs": 8})
    assert sorted(metrics()["train/loss"]) == list(range(8))
    assert sorted(metrics()["batch/loss"]) == list(range(8 * 4))


def test_folds_of_one_run_begin_anew() -> None:
    """Fits of one run with a context or prefix each are series of their own."""
    with ledger.start("a") as run:
        for fold in range(2):
            classifier().fit(X, CLASSES, callbacks=[LedgerCallback(run, context={"fold": fold})], **PARTS)
        classifier().fit(X, CLASSES, callbacks=[LedgerCallback(run, prefix="gan_")], **PARTS)
    found = metrics()
    assert [sorted(found[f'train/loss{{"fold":{fold}}}']) for fold in range(2)] == [[0, 1, 2]] * 2
    assert sorted(found["train/gan_loss"]) == [0, 1, 2]
    assert sorted(found["gan_learning_rate"]) == [0, 1, 2]
    params = ledger.open().state("a").params["keras"]
    assert params["fit"] == params["gan_"]["fit"]


def test_every_batch() -> None:
    """Batches are metrics of their own, counted over all epochs: what Keras says at each, in the order of steps."""
    said: list[float] = []
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: said.append(logs["loss"]))
    with ledger.start("a") as run:
        classifier().fit(X, CLASSES, callbacks=[LedgerCallback(run, log_on_batch=True), watch], **PARTS)
    found = metrics()
    assert [found["batch/loss"][step] for step in range(12)] == said
    assert sorted(found["train/loss"]) == [0, 1, 2]
    assert "val/loss" not in found


def test_batches_from_threads_of_keras() -> None:
    """Alone, the callback lets Keras hand over batches in threads: none is lost."""
    with ledger.start("a") as run:
        classifier(run_eagerly=False).fit(
            X, CLASSES, callbacks=[LedgerCallback(run, log_on_batch=True)], epochs=3, batch_size=2, verbose=0
        )
    assert sorted(metrics()["batch/accuracy"]) == list(range(90))


def test_without_batches_keras_hands_none_over() -> None:
    """`log_on_batch=False` leaves the method of batches as Keras has it, so that it need not wait for the numbers."""
    assert getattr(LedgerCallback().on_train_batch_end, "_is_default", False)
    assert not getattr(LedgerCallback(log_on_batch=True).on_train_batch_end, "_is_default", False)


def test_training_stops_early() -> None:
    """The epochs that were are logged, and no more; a run that the callback started is closed."""
    stop = keras.callbacks.EarlyStopping(monitor="loss", min_delta=1e6, patience=1)
    history = classifier().fit(X, CLASSES, callbacks=[stop, LedgerCallback()], **{**PARTS, "epochs": 9})
    assert len(history.epoch) == 2
    assert sorted(metrics()["train/loss"]) == [0, 1]
    assert ledger.open().state("@1").status == "finished"


def test_a_failure_in_fit_is_the_users() -> None:
    """An exception passes through, the run is closed as failed by its `with`, and the epoch before it is there."""
    with pytest.raises(KeyError), ledger.start("a") as run:
        classifier().fit(X, CLASSES, callbacks=[LedgerCallback(run), Stop()], **PARTS)
    state = ledger.open().state("a")
    assert state.status == "failed"
    assert sorted(metrics()["train/loss"]) == [0]


def test_a_run_of_the_callbacks_own() -> None:
    """Without a run both callbacks share a new one, in whatever order, and it is closed at the end."""
    for order in (1, -1):
        both = [LedgerCallback(), PerformanceCallback((X, CLASSES), charts=False, predictions=False)][::order]
        classifier().fit(X, CLASSES, callbacks=both, **PARTS)
        assert both[0].run is both[1].run
    states = ledger.open().select()
    assert [state.status for state in states] == ["finished"] * 2
    for state in states:
        assert {"train/loss", "val/f1"} <= set(metrics(state.id))


def test_the_run_that_is_open() -> None:
    """Without a run the only one that is open here is taken, and left open; of two nobody can tell."""
    with ledger.start("a"):
        classifier().fit(X, CLASSES, callbacks=[LedgerCallback()], **PARTS)
        with ledger.start("b"), pytest.raises(AmbiguousRun, match="2 runs are open here: a, b"):
            classifier().fit(X, CLASSES, callbacks=[LedgerCallback()], **PARTS)
    assert sorted(metrics("a")["train/loss"]) == [0, 1, 2]
    assert len(ledger.open().select()) == 2


def test_the_run_of_the_environment(monkeypatch: pytest.MonkeyPatch, workdir: Path) -> None:
    """Under LEDGER_RUN the callback joins that run and leaves it open."""
    id = run_cli("start", "shell").out.strip()
    monkeypatch.setenv("LEDGER_RUN", id)
    classifier().fit(X, CLASSES, callbacks=[LedgerCallback()], **PARTS)
    assert sorted(metrics(id)["train/loss"]) == [0, 1, 2]
    assert ledger.open().state(id).status == "open"


@pytest.mark.parametrize("same_model", [True, False])
def test_a_run_whose_fit_failed_takes_no_other(same_model: bool) -> None:
    """A run of the callback's own whose `fit` raised is not joined by the next; where that is sure, it is closed."""
    model = classifier()
    with pytest.raises(KeyError):
        model.fit(X, CLASSES, callbacks=[LedgerCallback(), Stop()], **PARTS)
    left = ledger.open().select()[0].id
    callback = LedgerCallback()
    (model if same_model else classifier()).fit(X, CLASSES, callbacks=[callback], **PARTS)
    assert callback.run is not None
    assert callback.run.id != left
    assert sorted(metrics(left)["train/loss"]) == [0]
    assert ledger.open().state(left).status == ("failed" if same_model else "running")


def test_metrics_of_every_form() -> None:
    """A value for each class has its class as context, sample weights and several outputs keep Keras' names."""
    inputs = keras.Input((4,))
    shared = layers.Dense(4)(inputs)
    outputs = [layers.Dense(3, "softmax", name="kind")(shared), layers.Dense(1, name="size")(shared)]
    model = keras.Model(inputs, outputs)
    model.compile(
        "adam",
        {"kind": "categorical_crossentropy", "size": "mse"},
        metrics={"kind": [keras.metrics.F1Score(), "accuracy"], "size": ["mae"]},
        **EAGER,
    )
    truth = {"kind": np.eye(3)[CLASSES], "size": VALUES}
    with ledger.start("a") as run:
        history = model.fit(X, truth, validation_data=(X, truth), callbacks=[LedgerCallback(run)], **PARTS)
    found = metrics()
    assert {"train/kind_loss", "train/size_loss", "val/kind_accuracy", "val/size_mae", "train/loss"} <= set(found)
    for label in range(3):
        scores = [epoch[label] for epoch in history.history["val_kind_f1_score"]]
        assert found[f'val/kind_f1_score{{"class":{label}}}'] == dict(enumerate(scores))


def test_a_model_that_is_compiled_anew() -> None:
    """Other metrics in a second fit begin where they begin; the epochs before have none of them."""
    model = classifier()
    with ledger.start("a") as run:
        model.fit(X, CLASSES, callbacks=[LedgerCallback(run)], **PARTS)
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["sparse_top_k_categorical_accuracy"], **EAGER)
        model.fit(X, CLASSES, callbacks=[LedgerCallback(run)], **PARTS)
    found = metrics()
    assert sorted(found["train/accuracy"]) == [0, 1, 2]
    assert sorted(found["train/sparse_top_k_categorical_accuracy"]) == [3, 4, 5]
    assert sorted(found["train/loss"]) == list(range(6))
    assert ledger.open().state("a").params["keras"]["optimizer"]["class"] == "SGD"


def test_what_is_no_number_is_left_out_and_said() -> None:
    """Other callbacks put what they like into the logs: text is left out, with one warning, and training goes on."""

    class Talks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["mood"] = "good"

    with ledger.start("a") as run, pytest.warns(LedgerWarning, match="'mood' is left out") as said:
        classifier().fit(X, CLASSES, callbacks=[Talks(), LedgerCallback(run)], **PARTS)
    assert len(said) == 1
    assert "train/mood" not in metrics()


def test_a_training_that_diverges_is_logged() -> None:
    """NaN stays NaN, and an evaluation of a model that predicts NaN is undefined, not the end of the training."""
    model = linear(3, "softmax", optimizer=keras.optimizers.SGD(math.nan), loss="sparse_categorical_crossentropy")
    with ledger.start("a") as run, pytest.warns(LedgerWarning, match="60 of 60 scores are not finite numbers"):
        model.fit(X, CLASSES, callbacks=[LedgerCallback(run), PerformanceCallback((X, CLASSES), run=run)], **PARTS)
    assert math.isnan(metrics()["train/loss"][2])
    rows = ledger.open().metrics("a")
    assert "60 of 60 scores" in rows[rows.metric == "val/log_loss"].undefined.iloc[-1]


def test_the_validation_is_evaluated() -> None:
    """Metrics, charts and predictions of each epoch are those of the model then; the last are those it has now."""
    model = classifier()
    with ledger.start("a") as run:
        follow = [LedgerCallback(run), PerformanceCallback((X, CLASSES), run=run)]
        model.fit(X, CLASSES, validation_data=(X, CLASSES), callbacks=follow, **PARTS)
    found = metrics()
    assert sorted(found["val/roc_auc"]) == sorted(found["val/loss"]) == [0, 1, 2]
    for name in ("val/confusion", "val/roc", "val/definitions"):
        assert charts(name) == [0, 1, 2]
    led = ledger.open()
    table = led.predictions("a", "val")
    scores = table[[f"y_score_{label}" for label in range(3)]].to_numpy()
    assert np.array_equal(scores, model.predict(X, verbose=0))
    assert np.array_equal(table.y_true, CLASSES)
    assert found["val/log_loss"][2] == pytest.approx(found["val/loss"][2], abs=1e-5)
    truths = {kept.columns["y_true"].blob for kept in led.state("a").predictions}
    assert len(truths) == 1
    assert len(led.state("a").predictions) == 3


def test_every_second_epoch() -> None:
    """`every=2` evaluates the second and the fourth epoch of four, as `validation_freq=2` does."""
    with ledger.start("a") as run:
        evaluates = PerformanceCallback((X, CLASSES), run=run, every=2)
        classifier().fit(X, CLASSES, callbacks=[LedgerCallback(run), evaluates], **{**PARTS, "epochs": 4})
    assert sorted(metrics()["val/f1"]) == [1, 3]
    assert charts("val/confusion") == [1, 3]


def test_a_second_fit_is_evaluated_behind_the_first() -> None:
    """Steps of the evaluation are those of the epochs, in a second fit too."""
    model = classifier()
    with ledger.start("a") as run:
        for _ in range(2):
            both = [PerformanceCallback((X, CLASSES), run=run, charts=False), LedgerCallback(run)]
            model.fit(X, CLASSES, callbacks=both, **PARTS)
    assert sorted(metrics()["val/f1"]) == sorted(metrics()["train/loss"]) == list(range(6))


class Batches(keras.utils.PyDataset):
    """The data in batches of 25, in another order each time it is gone through."""

    def __init__(self, weighted: bool = False) -> None:
        super().__init__()
        self.weighted = weighted

    def __len__(self) -> int:
        """Return how many batches there are."""
        return 3

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Return a batch, shuffled by itself."""
        rows = RANDOM.permutation(np.arange(25 * index, min(25 * index + 25, 60)))
        return (X[rows], CLASSES[rows], np.ones(len(rows))) if self.weighted else (X[rows], CLASSES[rows])


WEIGHTS = np.where(CLASSES == 0, 2.0, 1.0)


@pytest.mark.parametrize(
    "data",
    [
        (X, CLASSES),
        [X, CLASSES],
        (X, CLASSES.reshape(-1, 1)),
        (X, np.eye(3)[CLASSES]),
        (X, pd.Series(CLASSES)),
        (X, CLASSES, np.ones(60)),
        Batches(),
        Batches(weighted=True),
        [(X[:10], CLASSES[:10]), (X[10:], CLASSES[10:])],
    ],
    ids=["tuple", "list", "column", "one-hot", "series", "weights", "dataset", "weighted dataset", "list of batches"],
)
def test_validation_data_of_every_form(data: Any) -> None:
    """Arrays, one-hot truth and batches in any order give the same metrics."""
    model = classifier()
    with ledger.start("a") as run:
        model.fit(X, CLASSES, callbacks=[PerformanceCallback(data, run=run)], epochs=1, verbose=0)
    expected = ledger.evaluate.evaluate(CLASSES, y_score=model.predict(X, verbose=0), kind="multiclass")
    found = metrics()
    for name in ("accuracy", "f1", "log_loss", "roc_auc"):
        assert found[f"val/{name}"][0] == pytest.approx(expected[name], rel=1e-6)


def test_weights_count() -> None:
    """Sample weights of the validation data weigh its metrics."""
    model = classifier()
    with ledger.start("a") as run:
        model.fit(X, CLASSES, callbacks=[PerformanceCallback((X, CLASSES, WEIGHTS), run=run)], epochs=1, verbose=0)
    right = model.predict(X, verbose=0).argmax(axis=1) == CLASSES
    assert metrics()["val/accuracy"][0] == pytest.approx(np.average(right, weights=WEIGHTS))


LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)
SPARSE_LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
MANY = np.stack([X[:, 0] > 0, X[:, 1] > 0, X[:, 2] > 1], axis=1).astype(int)


@pytest.mark.parametrize(
    ("model", "truth", "kind", "drawn"),
    [
        ((1, "sigmoid", "binary_crossentropy"), POSITIVE, "binary", {"confusion", "roc"}),
        ((1, None, LOGITS), POSITIVE, "binary", {"confusion", "roc"}),
        ((1, "tanh", "hinge"), 2 * POSITIVE - 1, "binary", {"confusion", "roc"}),
        ((2, "softmax", "sparse_categorical_crossentropy"), POSITIVE, "binary", {"confusion", "roc"}),
        ((2, "softmax", "categorical_crossentropy"), np.eye(2)[POSITIVE.astype(int)], "binary", {"confusion", "roc"}),
        ((3, None, SPARSE_LOGITS), CLASSES, "multiclass", {"confusion", "roc"}),
        ((3, "sigmoid", "binary_crossentropy"), MANY, "multilabel", {"confusion", "roc"}),
        ((3, "sigmoid", keras.losses.binary_focal_crossentropy), MANY, "multilabel", {"confusion", "roc"}),
        ((1, None, "mse"), VALUES, "regression", {"predicted_vs_true", "residuals"}),
        ((1, None, keras.losses.Huber()), VALUES.reshape(-1, 1), "regression", {"predicted_vs_true", "residuals"}),
        ((1, "sigmoid", lambda y, p: keras.ops.mean(p - y)), POSITIVE, "binary", {"confusion", "roc"}),
        (
            (1, None, lambda y, p: keras.ops.mean((p - y) ** 2)),
            VALUES,
            "regression",
            {"predicted_vs_true", "residuals"},
        ),
    ],
    ids=[
        "sigmoid",
        "logits",
        "hinge",
        "two columns",
        "two one-hot",
        "class logits",
        "labels",
        "labels by a function",
        "squares",
        "Huber",
        "classes by their values",
        "values by their values",
    ],
)
def test_the_loss_tells_the_kind(model: tuple[Any, ...], truth: Any, kind: str, drawn: set[str]) -> None:
    """Probabilities, logits, margins and values are told apart by the loss, else by the shapes."""
    units, activation, loss = model
    with ledger.start("a") as run:
        evaluates = PerformanceCallback((X, truth), run=run)
        linear(units, activation, loss=loss).fit(X, truth, callbacks=[evaluates], epochs=1, verbose=0)
    definitions = json.loads(ledger.open().chart("a", "val/definitions"))
    assert definitions["facts"]["kind"] == kind
    names = {chart.name.removeprefix("val/") for chart in ledger.open().state("a").charts}
    assert names == {*drawn, "definitions"}


def test_logits_become_probabilities() -> None:
    """The log loss of logits is that of Keras, two classes or three; `from_logits` can be said as well."""
    for units, truth, loss in ((1, POSITIVE, LOGITS), (3, CLASSES, SPARSE_LOGITS)):
        model = linear(units, loss=loss)
        with ledger.start("a") as run:
            model.fit(X, truth, callbacks=[PerformanceCallback((X, truth), run=run)], epochs=1, verbose=0)
        assert metrics()["val/log_loss"][0] == pytest.approx(model.evaluate(X, truth, verbose=0), rel=1e-5)
    model = linear(1, loss=lambda y, p: keras.ops.mean((p - y) ** 2))
    with ledger.start("b") as run:
        evaluates = PerformanceCallback((X, POSITIVE), run=run, kind="binary", from_logits=True)
        model.fit(X, POSITIVE, callbacks=[evaluates], epochs=1, verbose=0)
    scores = ledger.open().predictions("b", "val").y_score
    assert np.allclose(scores, 1 / (1 + np.exp(-model.predict(X, verbose=0)[:, 0])))


def test_pixels() -> None:
    """A map of scores is a segmentation: of several classes or of one, metrics and confusion without predictions."""
    images = RANDOM.normal(size=(6, 8, 8, 1)).astype("float32")
    masks = (images > 0).astype("int64")
    for channels, activation, loss in ((1, "sigmoid", "binary_crossentropy"), (2, "softmax", SPARSE_LOGITS)):
        model = keras.Sequential(
            [keras.Input((8, 8, 1)), layers.Conv2D(channels, 3, padding="same", activation=activation)]
        )
        model.compile("adam", loss, **EAGER)
        with ledger.start("a") as run:
            evaluates = PerformanceCallback((images, masks), run=run)
            model.fit(images, masks, callbacks=[evaluates], epochs=1, verbose=0)
        said = model.predict(images, verbose=0)
        guessed = said[..., 0] > 0.5 if channels == 1 else said.argmax(axis=-1)
        expected = ledger.evaluate.compute("mean_iou", masks[..., 0], y_pred=guessed.astype(int), kind="segmentation")
        assert metrics()["val/mean_iou"][0] == pytest.approx(expected)


def test_names_of_classes() -> None:
    """`labels` names the classes 0, 1, ...: in the confusion matrix and in the contexts."""
    with ledger.start("a") as run:
        evaluates = PerformanceCallback((X, np.eye(3)[CLASSES]), run=run, labels=["ant", "bee", "cat"])
        classifier().fit(X, CLASSES, callbacks=[evaluates], epochs=1, verbose=0)
    assert 'val/recall{"class":"bee"}' in metrics()
    data = ledger.open().chart_data("a", "val/confusion")
    assert set(data.columns["true"]) == {"ant", "bee", "cat"}
    counts = pd.Series(list(data.columns["count"])).groupby(list(data.columns["true"])).sum()
    assert list(counts) == list(np.bincount(CLASSES))


def test_one_output_of_several() -> None:
    """A model with several outputs is evaluated on the one that is chosen, with its own truth and loss."""
    inputs = keras.Input((4,))
    outputs = {"kind": layers.Dense(3, "softmax", name="kind")(inputs), "size": layers.Dense(1, name="size")(inputs)}
    truth = {"kind": CLASSES, "size": VALUES}
    for made in (outputs, list(outputs.values())):
        model = keras.Model(inputs, made)
        model.compile("adam", {"kind": "sparse_categorical_crossentropy", "size": "mse"}, **EAGER)
        with ledger.start("a") as run:
            both = [
                PerformanceCallback((X, truth), run=run, output="kind"),
                PerformanceCallback((X, truth), run=run, output="size", prefix="size_"),
            ]
            model.fit(X, truth, callbacks=both, epochs=1, verbose=0)
        assert {"val/f1", "val/size_rmse"} <= set(metrics())
        with ledger.start("b") as run, pytest.raises(InvalidValue, match="2 outputs, and none is chosen: kind, size"):
            model.fit(X, truth, callbacks=[PerformanceCallback((X, truth), run=run)], epochs=1, verbose=0)


@pytest.mark.parametrize(
    ("charts", "drawn"),
    [
        (False, set()),
        (["pr"], {"pr"}),
        ("precision_recall_curve", {"pr"}),
        (["confusion_matrix", "report"], {"confusion", "report"}),
        (True, {"confusion", "report", "roc", "pr", "confused"}),
    ],
)
def test_charts_that_are_asked_for(charts: Any, drawn: set[str]) -> None:
    """Charts are kept by name or alias; the definitions always are."""
    with ledger.start("a") as run:
        evaluates = PerformanceCallback((X, CLASSES), run=run, charts=charts, predictions=False)
        classifier().fit(X, CLASSES, callbacks=[evaluates], epochs=1, verbose=0)
    state = ledger.open().state("a")
    assert {chart.name.removeprefix("val/") for chart in state.charts} == {*drawn, "definitions"}
    assert not state.predictions


def test_two_values_of_one_name() -> None:
    """Where Keras computes a metric in another way than the evaluation, it is said once, with both values."""
    model = classifier(loss="categorical_crossentropy", metrics=["accuracy", keras.metrics.Recall(name="recall")])
    one_hot = np.eye(3)[CLASSES]
    with ledger.start("a") as run, pytest.warns(LedgerWarning, match="val/recall is .* as Keras") as said:
        both = [LedgerCallback(run), PerformanceCallback((X, one_hot), run=run)]
        model.fit(X, one_hot, validation_data=(X, one_hot), callbacks=both, **PARTS)
    assert len(said) == 1
    with ledger.start("b") as run:
        both = [LedgerCallback(run), PerformanceCallback((X, one_hot), run=run, prefix="exact_")]
        model.fit(X, one_hot, validation_data=(X, one_hot), callbacks=both, **PARTS)
    assert {"val/recall", "val/exact_recall"} <= set(metrics("b"))


def endless() -> Iterator[tuple[Any, Any]]:
    """Yield the data for ever."""
    while True:
        yield X, CLASSES


class Endless(Batches):
    """A dataset that says it has no end."""

    num_batches = None


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (endless(), {}, "can be gone through once"),
        (iter([(X, CLASSES)]), {}, "can be gone through once"),
        (Endless(), {}, "has no end"),
        (7, {}, "not int"),
        ((X,), {}, "no truth"),
        ((X, CLASSES[:50]), {}, "x has 60, y has 50"),
        ((X, CLASSES, WEIGHTS[:3]), {}, "sample_weight has 3"),
        ((X, CLASSES), {"every": 0}, "every must be a whole number"),
        ((X, CLASSES), {"every": True}, "every must be a whole number"),
        ((X, CLASSES), {"run": "baseline"}, "not str"),
    ],
)
def test_wrong_arguments_are_said_at_once(data: Any, options: dict[str, Any], message: str) -> None:
    """What cannot be is refused before any training, with what was given."""
    with pytest.raises(InvalidValue, match=message):
        PerformanceCallback(data, **options)


def test_a_chart_that_there_is_not() -> None:
    """A misspelt chart is refused with the nearest names before training, one of another kind when that is known."""
    with pytest.raises(NoSuchMetric, match="'confuson'") as error:
        PerformanceCallback((X, CLASSES), charts=["confuson"])
    assert "confusion" in str(error.value)
    with ledger.start("a") as run, pytest.raises(UsageError, match="kind multiclass has no chart 'residuals'"):
        evaluates = PerformanceCallback((X, CLASSES), run=run, charts=["residuals"])
        classifier().fit(X, CLASSES, callbacks=[evaluates], epochs=1, verbose=0)


@pytest.mark.parametrize(
    ("truth", "labels", "message"),
    [
        (CLASSES, ["ant", "bee"], "3 classes apart, and labels has 2"),
        (CLASSES + 1, ["ant", "bee", "cat"], "the class 3; there are 3"),
        (VALUES, None, "neither classes 0, 1, ... nor one-hot rows"),
    ],
)
def test_truth_that_does_not_belong_to_the_model(truth: Any, labels: Any, message: str) -> None:
    """The epoch's evaluation raises one clear error and writes nothing."""
    with ledger.start("a") as run, pytest.raises(InvalidValue, match=message):
        evaluates = PerformanceCallback((X, truth), run=run, labels=labels, kind="multiclass")
        classifier().fit(X, CLASSES, callbacks=[evaluates], epochs=1, verbose=0)
    assert metrics() == {}


def test_a_run_that_is_finished() -> None:
    """A callback of a finished run raises before training; a run that is stored is no run to follow."""
    with ledger.start("a") as run:
        pass
    with pytest.raises(RunFinished):
        classifier().fit(X, CLASSES, callbacks=[LedgerCallback(run)], **PARTS)
    with pytest.raises(InvalidValue, match="LoggedRun") as error:
        LedgerCallback(ledger.open().run("a"))  # type: ignore[arg-type]
    assert "resume" in str(error.value)


def test_disabled(monkeypatch: pytest.MonkeyPatch, workdir: Path) -> None:
    """Under LEDGER_MODE=disabled training runs as without callbacks, and nothing is written."""
    monkeypatch.setenv("LEDGER_MODE", "disabled")
    both = [LedgerCallback(log_on_batch=True), PerformanceCallback((X, CLASSES))]
    history = classifier().fit(X, CLASSES, callbacks=both, **PARTS)
    assert ledger.start().log_history(history) is history
    assert list(workdir.iterdir()) == []


def test_without_keras() -> None:
    """Where Keras is not installed, or its backend is not, one error says what to install; ledger works without."""
    code = """
import sys
sys.modules[{absent!r}] = None
import ledger
try:
    import ledger.integrations.keras
except ledger.LedgerError as error:
    print(error)
"""
    for absent, backend, hint in (
        ("keras", "jax", "pip install 'ledger-ml[keras]'"),
        ("jax", "jax", "pip install jax, and set KERAS_BACKEND=jax"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code.format(absent=absent)], capture_output=True, text=True, check=True,
            env={"KERAS_BACKEND": backend, "PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""},
        )  # fmt: skip
        assert "needs Keras 3" in done.stdout, done.stderr
        assert done.stdout.strip().endswith(hint)


def test_a_plot_of_what_was_logged(workdir: Path) -> None:
    """`ledger plot curves` pairs train and val, `plot roc` draws the last epoch; both are pictures."""
    with ledger.start("a") as run:
        both = [LedgerCallback(run), PerformanceCallback((X, CLASSES), run=run)]
        classifier().fit(X, CLASSES, validation_data=(X, CLASSES), callbacks=both, **PARTS)
    for kind in (["curves", "a", "--metric", "loss"], ["roc", "a"], ["confusion", "a"]):
        drawn: Result = run_cli("plot", *kind, "-o", f"{kind[0]}.png")
        assert drawn.code == 0, drawn.err
        assert (workdir / f"{kind[0]}.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_warns() -> None:
    """What ledger itself does in a training gives no warning, though Keras' own may."""
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.simplefilter("error")
        with ledger.start("a") as run:
            both = [LedgerCallback(run, log_on_batch=True), PerformanceCallback((X, CLASSES), run=run)]
            classifier(run_eagerly=False).fit(X, CLASSES, validation_data=(X, CLASSES), callbacks=both, **PARTS)


@pytest.mark.parametrize("kept", [False, True])
def test_names_that_keras_numbers_are_plain(kept: bool) -> None:
    """Each model of a process has its `auc`, with its goal, and a second `AUC` its `auc_1`; given names stay."""
    keras.backend.clear_session()
    for name in ("a", "b"):
        measures = [keras.metrics.AUC(), keras.metrics.AUC(curve="PR"), keras.metrics.Recall(), "accuracy"]
        model = linear(1, "sigmoid", loss="binary_crossentropy", metrics=[*measures, keras.metrics.AUC(name="top_2")])
        with ledger.start(name) as run:
            callback = LedgerCallback(run, keep_names=kept, log_on_batch=True)
            callbacks = [callback, PerformanceCallback((X, POSITIVE), every=3, prefix="exact_" if kept else "")]
            history = model.fit(X, POSITIVE, validation_data=(X, POSITIVE), callbacks=callbacks, **PARTS)
    assert {"auc_2", "recall_1"} <= set(history.history)
    plain = {"auc", "auc_1", "recall", "accuracy", "top_2", "loss"}
    names = {name.partition("/")[2] for name in metrics("b") if name.startswith("train/")}
    assert names == (set() if kept else plain)
    batches = {name.removeprefix("batch/") for name in metrics("b") if name.startswith("batch/")}
    assert batches == ({name for name in history.history if not name.startswith("val_")} if kept else plain)
    if kept:
        assert {"auc_2", "val_recall_1"} <= set(metrics("b"))
    else:
        assert metrics("b")["val/auc"] == dict(enumerate(history.history["val_auc_2"]))
        assert ledger.open().schema.metric("train/recall").goal == "maximize"


def test_a_number_is_left_out_only_where_the_name_is_free() -> None:
    """Outputs have names of their own; `auc` that somebody gave stays with whom it was given."""
    keras.backend.clear_session()
    keras.metrics.AUC()
    inputs = keras.Input((4,))
    outputs = {name: layers.Dense(1, "sigmoid", name=name)(inputs) for name in ("x", "y")}
    model = keras.Model(inputs, outputs)
    measures = {"x": [keras.metrics.AUC()], "y": [keras.metrics.AUC(), keras.metrics.Recall(name="auc")]}
    model.compile(loss="binary_crossentropy", metrics=measures, **EAGER)
    truth = {"x": POSITIVE, "y": POSITIVE}
    with ledger.start("a") as run:
        model.fit(X, truth, callbacks=[LedgerCallback(run)], **{**PARTS, "epochs": 1})
    found = {name for name in metrics() if name.endswith("auc") or "auc_" in name}
    assert found == {"train/x_auc", "train/y_auc", "train/y_auc_2"}
