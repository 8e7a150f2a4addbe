"""Histories become rows by one rule of names; what cannot be placed is refused whole."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import ledger
from ledger.errors import InvalidName, InvalidValue, LedgerWarning
from ledger.record.histories import stored_name

pytestmark = pytest.mark.usefixtures("workdir")


def rows(run: str = "@1") -> list[tuple[str, int, float]]:
    """Return metric, step and value of each row of a run."""
    found = ledger.open().metrics(run)
    return list(zip(found.metric, found.step, found.value, strict=True))


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("loss", "train/loss"),
        ("val_loss", "val/loss"),
        ("train_loss", "train/loss"),
        ("test_accuracy", "test/accuracy"),
        ("val/loss", "val/loss"),
        ("valuable", "train/valuable"),
        ("val_", "train/val_"),
        ("learning_rate", "learning_rate"),
        ("learning_rate_adam", "learning_rate_adam"),
        ("lr", "lr"),
        ("head_loss", "train/head_loss"),
        ("val_head_loss", "val/head_loss"),
    ],
)
def test_one_rule_of_names(name: str, stored: str) -> None:
    """A split in front of a name is the split, the learning rate has none, all else is of the training."""
    assert stored_name(name) == stored
    assert stored_name(name, "gan_") == stored.replace(stored.rpartition("/")[2], "gan_" + stored.rpartition("/")[2])


def test_a_mapping_of_lists() -> None:
    """Steps count from 0, None is no value, NaN is one, and the mapping comes back as it is."""
    given = {"loss": [0.5, math.nan, 0.25], "val_loss": (0.75, None, 0.5), "acc": np.array([0, 1, 1])}
    with ledger.start("a") as run:
        assert run.log_history(given) is given
    found = rows()
    assert [row for row in found if row[0] == "val/loss"] == [("val/loss", 0, 0.75), ("val/loss", 2, 0.5)]
    assert [row[2] for row in found if row[0] == "train/acc"] == [0.0, 1.0, 1.0]
    assert math.isnan(next(value for name, step, value in found if (name, step) == ("train/loss", 1)))


def test_an_object_with_epochs() -> None:
    """The epochs of a History are the steps; where they are those of its last fit alone, steps count from 0."""
    with ledger.start("a") as run:
        run.log_history(SimpleNamespace(history={"loss": [0.5, 0.25]}, epoch=[5, 6]))
        run.log_history(SimpleNamespace(history={"other": [0.5, 0.25, 0.125]}, epoch=[0]))
        run.log_history({"third": [1.0]}, epochs=[40])
        run.log({"train/loss": 0.1})
    assert [step for name, step, _ in rows() if name == "train/loss"] == [5, 6, 7]
    assert [step for name, step, _ in rows() if name == "train/other"] == [0, 1, 2]
    assert ("train/third", 40, 1.0) in rows()


def test_a_closed_run_takes_one_entry(workdir: Path) -> None:
    """A history of a run that is closed is one late entry with its reason."""
    with ledger.start("a"):
        pass
    led = ledger.open()
    before = len(led.state("a").entries)
    history = {"loss": [0.5, 0.25], "f1": [[0.1, 0.2], [0.3, 0.4]]}
    assert led.run("a").log_history(history, context={"fold": 1}, reason="found again") is history
    assert len(led.state("a").entries) == before + 1
    contexts = set(led.metrics("a").context)
    assert contexts == {'{"fold":1}', '{"class":0,"fold":1}', '{"class":1,"fold":1}'}


@pytest.mark.parametrize(
    ("history", "options", "error", "message"),
    [
        (None, {}, InvalidValue, "not NoneType"),
        ({"loss": 0.5}, {}, InvalidValue, "must be a list"),
        ({"loss": "0.5"}, {}, InvalidValue, "must be a list"),
        ({"loss": ["low"]}, {}, InvalidValue, "must be a number"),
        ({1: [0.5]}, {}, InvalidValue, "must be text"),
        ({"lo{ss": [0.5]}, {}, InvalidName, "lo{ss"),
        ({"loss": [1, 2, 3], "acc": [1]}, {}, InvalidValue, "3 epochs, and 'acc' 1 values"),
        ({"loss": [1, 2, 3], "val_loss": [1]}, {"validation_freq": 2, "epochs": [1, 2]}, InvalidValue, "epochs= has 2"),
        ({"loss": [1, 2, 3], "val_loss": [1, 2]}, {"validation_freq": 2}, InvalidValue, "'val_loss' 2 values"),
        ({"loss": [1, 2, 3], "val_loss": [1, 2]}, {"validation_freq": 0}, InvalidValue, "at least 1"),
        ({"loss": [1], "train_loss": [2]}, {}, InvalidValue, "'loss' and 'train_loss' .* 'train/loss'"),
        ({"loss": [np.zeros((2, 2))]}, {}, InvalidValue, "shape"),
        ({"loss": [1]}, {"epochs": ["first"]}, InvalidValue, "whole number"),
    ],
)
def test_what_cannot_be_placed(history: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    """One clear error with the values at hand, and nothing of the history is written."""
    with ledger.start("a") as run, pytest.raises(error, match=message):
        run.log_history(history, **options)
    assert rows() == []


def test_validation_of_some_epochs() -> None:
    """`validation_freq` is a number or a collection of epochs counted from 1, as in Keras."""
    with ledger.start("a") as run:
        run.log_history({"loss": [3, 2, 1], "val_loss": [4]}, validation_freq=2)
    with ledger.start("b") as run:
        run.log_history({"loss": [3, 2, 1], "val_loss": [4, 5]}, validation_freq=[1, 3], keep_names=True)
    assert ("val/loss", 1, 4.0) in rows("a")
    assert [row for row in rows("b") if row[0] == "val_loss"] == [("val_loss", 0, 4.0), ("val_loss", 2, 5.0)]


def test_nothing_is_fine() -> None:
    """A history without epochs writes nothing; a reason on an open run is said to be lost."""
    with ledger.start("a") as run:
        assert run.log_history({}) == {}
        with pytest.warns(LedgerWarning, match="reason is not kept"):
            run.log_history({"loss": [1]}, reason="late")
    assert rows() == [("train/loss", 0, 1.0)]
