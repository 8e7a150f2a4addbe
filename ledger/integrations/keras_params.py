"""What is known of a training with Keras before it begins, as params: model, optimizer, loss, epochs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from ledger.integrations.keras_outputs import loss_name


def described(model: Any, fit: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a training as params: plain JSON values, None left out."""
    found: dict[str, Any] = {"backend": keras.backend.backend(), "version": keras.__version__}
    found["fit"] = {name: fit[name] for name in ("epochs", "steps") if fit.get(name) is not None}
    if model.built:
        trainable = sum(math.prod(weight.shape) for weight in model.trainable_weights)
        found["model"] = {
            "class": type(model).__name__, "parameters": int(model.count_params()), "trainable_parameters": trainable
        }  # fmt: skip
    if model.optimizer is not None:
        found["optimizer"] = {"class": type(model.optimizer).__name__, **_config(model.optimizer)}
    if (loss := keras.tree.map_structure(loss_name, model.loss)) is not None:
        found["loss"] = loss
    return found


def _config(optimizer: Any) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():  # Keras reads its variables in a way that NumPy 2 deprecates
            warnings.simplefilter("ignore", DeprecationWarning)
            config = optimizer.get_config()
    except NotImplementedError:
        return {}
    plain = _plain({name: value for name, value in config.items() if name != "name"})
    assert isinstance(plain, dict)
    return plain


def _plain(value: Any) -> Any:
    """Return a part of a config as plain values; a serialized object is its class and its own config."""
    if isinstance(value, Mapping):
        if "class_name" in value and isinstance(value.get("config"), Mapping):
            value = {"class": value["class_name"], **value["config"]}
        return {str(name): _plain(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        # An optimizer keeps 0.001 in 32 bits and says 0.0010000000474974513: the shortest text of the same 32 bits.
        short = float(str(np.float32(value)))
        return short if float(np.float32(value)) == value else value
    return value if isinstance(value, bool | int | str) else type(value).__name__
