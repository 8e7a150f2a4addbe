"""What a Keras model says of validation data, as an evaluation takes it: which output, and what its numbers mean.

The loss tells a probability from a logit and a class from a value; where it does not, the shapes do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np

from ledger.errors import InvalidValue

Array: TypeAlias = np.ndarray[Any, Any]

_VALUES = ("mean_squared", "mean_absolute", "huber", "log_cosh", "logcosh", "poisson", "mse", "mae", "msle", "mape")


class Predicted(NamedTuple):
    """One output of the model: truth and outputs of equal length, weights or None, the loss it is trained with."""

    y: Array
    output: Array
    weight: Array | None
    loss: Any


class Validation:
    """Data that a model is asked about again and again: (x, y), (x, y, weights), or batches of these."""

    def __init__(self, data: Any) -> None:
        self._rows: tuple[Any, Any, Any] | None = None
        self._batches: Any = None
        if isinstance(data, tuple) or (isinstance(data, list) and not any(isinstance(part, tuple) for part in data)):
            self._rows = _unpacked(tuple(data))
            _check_lengths(*self._rows)
        else:
            _check_batches(data)
            self._batches = data

    def ask(self, model: Any, batch_size: int | None) -> tuple[Any, Any, Any]:
        """Return what the model says, the truth and the weights, all of the same rows; each may be a tree."""
        if self._rows is not None:
            x, y, weight = self._rows
            return model.predict(x, batch_size=batch_size, verbose=0), y, weight
        # The truth comes from the same pass as x: another pass may have another order.
        parts = []
        for batch in self._batches:
            x, y, weight = _unpacked(batch)
            said = model.predict_on_batch(keras.tree.map_structure(as_array, x))
            parts.append(tuple(keras.tree.map_structure(as_array, tree) for tree in (said, y, weight)))
        if not parts:
            raise InvalidValue("the validation data has no batches")
        outputs, y, weight = (keras.tree.map_structure(_joined, *trees) for trees in zip(*parts, strict=True))
        return outputs, y, weight


def numbered(model: Any) -> dict[str, tuple[str, int]]:
    """Return the metrics of a model whose names Keras made: what it makes of the class, and the number behind it.

    To be asked between epochs: within one, and in a thread of Keras, its JAX trainer has the model's state elsewhere.
    """
    made = {}
    for metric in (one for held in model.metrics for one in getattr(held, "metrics", None) or [held]):
        base, _, number = metric.name.rpartition("_")
        base, number = (base, number) if number.isdecimal() else (metric.name, "0")
        if base.replace("_", "") == type(metric).__name__.lower():
            made[metric.name] = base, int(number)
    return made


def plain_names(made: Mapping[str, tuple[str, int]], names: Iterable[str]) -> dict[str, str]:
    """Return what values of `fit` are called without the number by which Keras tells metrics of one process apart.

    The `AUC()` of a second model is `auc_1` there: here it is `auc`, and a second one of the same model `auc_1`, as in
    the first. Only names that Keras made (`made`) change, and none to one that another metric has.
    """
    own = list(dict.fromkeys(name.removeprefix("val_") for name in names))
    groups: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for name in own:
        for metric, (base, number) in made.items():
            if name == metric or name.endswith(f"_{metric}"):  # behind the name of an output
                groups.setdefault((name.removesuffix(metric), base), []).append((number, name))
                break
    found = {name: name for name in own}
    for (output, base), members in groups.items():
        for place, (_, name) in enumerate(sorted(members)):
            found[name] = f"{output}{base}_{place}" if place else f"{output}{base}"
    for name, plain in found.items():
        if list(found.values()).count(plain) > 1:
            found[name] = name
    return found | {f"val_{name}": f"val_{plain}" for name, plain in found.items()}


def as_array(value: Any) -> Array | None:
    """Return a tensor of any framework, a Series or a list as an array; None stays None."""
    if value is None:
        return None
    if keras.ops.is_tensor(value):
        return np.asarray(keras.ops.convert_to_numpy(value))
    if hasattr(value, "detach"):  # of PyTorch, where another backend runs
        value = value.detach().cpu()
    return np.asarray(value)


def _joined(*parts: Any) -> Array | None:
    return None if parts[0] is None else np.concatenate(parts)


def _unpacked(data: Any) -> tuple[Any, Any, Any]:
    x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
    if y is None:
        raise InvalidValue("the validation data has no truth", hint="give (x, y) or (x, y, sample_weight), or batches")
    return x, y, weight


def _check_lengths(x: Any, y: Any, weight: Any) -> None:
    trees = {"x": x, "y": y, "sample_weight": weight}
    leaves = {name: [leaf for leaf in keras.tree.flatten(tree) if leaf is not None] for name, tree in trees.items()}
    lengths = {name: {len(leaf) for leaf in found} for name, found in leaves.items()}
    if len(set().union(*lengths.values())) > 1:
        said = ", ".join(f"{name} has {' and '.join(map(str, sorted(n)))}" for name, n in lengths.items() if n)
        raise InvalidValue(f"the validation data has rows of different number: {said}")


def _check_batches(data: Any) -> None:
    """Raise InvalidValue for what cannot be gone through at every epoch, to its end."""
    if not hasattr(data, "__iter__") and not hasattr(data, "__getitem__"):
        raise InvalidValue(f"validation data is (x, y), or batches of that, not {type(data).__name__}")
    if hasattr(data, "__next__"):
        raise InvalidValue(
            "the validation data can be gone through once, and is needed after every epoch",
            hint="give arrays, list(...) of its batches, or a keras.utils.PyDataset",
        )
    cardinality = int(data.cardinality()) if hasattr(data, "cardinality") else 0
    if cardinality == -1 or getattr(data, "num_batches", 0) is None:
        raise InvalidValue("the validation data has no end", hint="for instance dataset.take(100)")


def chosen(model: Any, asked: tuple[Any, Any, Any], output: str | int | None) -> Predicted:
    """Return one output with its truth; of several `output` says which, by name or number."""
    outputs, y, weight = asked
    names = list(outputs) if isinstance(outputs, Mapping) else list(getattr(model, "output_names", None) or ())
    if not isinstance(outputs, Mapping | list | tuple):
        loss = model.loss[names[0]] if isinstance(model.loss, Mapping) and names else model.loss
        return Predicted(_array(y), _array(outputs), as_array(weight), loss)
    names = names or [str(place) for place in range(len(outputs))]
    place = output if isinstance(output, int) else names.index(output) if output in names else None
    if place is None or not 0 <= place < len(outputs):
        what = "none is chosen" if output is None else f"none is {output!r}"
        raise InvalidValue(
            f"the model has {len(outputs)} outputs, and {what}: {', '.join(names)}", hint=f"say output={names[0]!r}"
        )
    parts = [_part(tree, names, place) for tree in (outputs, y, weight, model.loss)]
    return Predicted(_array(parts[1]), _array(parts[0]), as_array(parts[2]), parts[3])


def _part(tree: Any, names: Sequence[str], place: int) -> Any:
    if isinstance(tree, Mapping):
        return tree.get(names[place])
    return tree[place] if isinstance(tree, list | tuple) else tree


def _array(tree: Any) -> Array:
    leaves = [as_array(leaf) for leaf in keras.tree.flatten(tree)]
    if len(leaves) != 1 or leaves[0] is None:
        raise InvalidValue(f"one output has one truth, and the validation data has {len(leaves)}")
    return leaves[0]


def loss_name(loss: Any) -> str:
    """Return what a loss is called: text, an object with a name, or a function."""
    return loss if isinstance(loss, str) else str(getattr(loss, "name", None) or getattr(loss, "__name__", ""))


def kind_of(found: Predicted) -> str:
    """Return the kind of evaluation that an output stands for, by its loss, else by truth and shape."""
    name, width = loss_name(found.loss).lower(), _width(found.output)
    if found.output.ndim > 2:
        return "segmentation"
    if width > 1:
        if "binary" in name or (_classes(found.y) is None and np.isin(found.y, (0, 1)).all()):
            return "multilabel"
        if _classes(found.y) is None and any(word in name for word in _VALUES):
            raise InvalidValue(f"the output has {width} values a row, and the evaluation of a regression takes one")
        return "binary" if width == 2 else "multiclass"
    if any(word in name for word in _VALUES):
        return "regression"
    return "binary" if "binary" in name or "hinge" in name or _has_two(found.y) else "regression"


def _width(array: Array) -> int:
    return 1 if array.ndim == 1 else int(array.shape[-1])


def _has_two(y: Array) -> bool:
    return bool(np.isin(y, (0, 1)).all() or np.isin(y, (-1, 1)).all())


def _classes(y: Array) -> Array | None:
    """Return the class of each row as whole numbers, of one-hot rows their column; None for what is neither."""
    if y.ndim > 1 and y.shape[-1] == 1:
        y = y[..., 0]
    if y.ndim == 2 and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        return np.asarray(y.argmax(axis=1))
    if y.ndim != 1 or y.dtype.kind not in "biuf" or not np.array_equal(y, np.rint(y)):
        return None
    return y.astype(np.int64)


def arguments(
    found: Predicted, kind: str, labels: Sequence[Any] | None, threshold: float | None, from_logits: bool | None
) -> dict[str, Any]:
    """Return what `evaluate` is called with: y_true, y_score or y_pred, sample_weight, labels, threshold."""
    if threshold is None:
        threshold = 0.0 if "hinge" in loss_name(found.loss).lower() else 0.5
    given = {"kind": kind, "sample_weight": found.weight, "threshold": threshold}
    if kind == "regression":
        return {**given, "y_true": _flat(found.y), "y_pred": _flat(found.output)}
    score = found.output
    if getattr(found.loss, "from_logits", False) if from_logits is None else from_logits:
        score = _probabilities(score, each=kind == "multilabel" or _width(score) == 1)
    if kind == "segmentation":
        return {**given, **_pixels(found.y, score, threshold), "labels": labels}
    if kind == "multilabel":
        return {**given, "y_true": found.y, "y_score": score, "labels": labels}
    y = _classes(found.y)
    if y is None:
        raise InvalidValue(
            f"the truth has the shape {found.y.shape} of {found.y.dtype}: neither classes 0, 1, ... nor one-hot rows",
            hint="say kind= where it is another kind of evaluation",
        )
    count = 2 if kind == "binary" else _width(score)
    if labels is None:
        labels = [-1, 1] if kind == "binary" and (y == -1).any() else list(range(count))
    else:
        y = _named(y, list(labels), count)
    score = score[:, -1] if kind == "binary" and score.ndim == 2 else score
    return {**given, "y_true": y, "y_score": score, "labels": labels}


def _flat(array: Array) -> Array:
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _named(y: Array, labels: list[Any], count: int) -> Array:
    if len(labels) != count:
        raise InvalidValue(f"the model tells {count} classes apart, and labels has {len(labels)}")
    y = np.where(y == -1, 0, y) if count == 2 else y
    if y.size and not 0 <= y.min() <= y.max() < count:
        raise InvalidValue(
            f"the truth has the class {int(y.max() if y.max() >= count else y.min())}; there are {count}"
        )
    return np.array(labels)[y]


def _pixels(y: Array, score: Array, threshold: float) -> dict[str, Any]:
    if y.ndim == score.ndim:
        y = y[..., 0] if y.shape[-1] == 1 else np.asarray(y.argmax(axis=-1))
    if score.shape[-1] == 1:
        return {"y_true": y.astype(np.int64), "y_pred": (score[..., 0] > threshold).astype(np.int64)}
    return {"y_true": y.astype(np.int64), "y_score": score}


def _probabilities(logits: Array, *, each: bool) -> Array:
    """Return sigmoid of each number, or softmax over the last axis, in float64."""
    logits = logits.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        if each:
            return np.asarray(1 / (1 + np.exp(-logits)))
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
