"""Estimators as plain values: their params, nested as `get_params` names them, and the importance of their features.

Needs no scikit-learn: whatever has `get_params` is an estimator.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ledger.errors import InvalidValue

_ITEMS_MOST = 100  # of an array that is written whole
_TEXT_MOST = 500  # characters of what is written as text
_DEEPEST = 20  # levels; what is deeper is written as text


def estimator_params(estimator: Any) -> dict[str, Any]:
    """Return an estimator's class and all its params as plain JSON values, nested: `logistic__C` is `logistic.C`.

    Steps of a pipeline, transformers of columns and members of an ensemble stand under their names. What has no JSON
    form is text: a function its name, an array its shape, another object what `repr` says, without its address.
    """
    if not _is_estimator(estimator):
        raise InvalidValue(
            f"{type(estimator).__name__} is no estimator: it has no get_params", hint="give an estimator, not its class"
        )
    return _params(estimator, 0)


def nested(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return params as `set_params` takes them (`scale__with_mean`), nested, as plain values."""
    found: dict[str, Any] = {}
    for name in sorted(params):  # a step comes before what is said of it
        *outer, last = name.split("__")
        level = found
        for word in outer:
            level = level.setdefault(word, {})
        level[last] = value(params[name])
    return found


def value(given: Any, depth: int = 0) -> Any:
    """Return one param as a plain JSON value; what has none as text."""
    if given is None or isinstance(given, bool | int | float | str):
        return text(given) if isinstance(given, str) else given
    if isinstance(given, np.generic):
        return value(given.item(), depth) if isinstance(given.item(), bool | int | float | str) else text(given)
    if depth >= _DEEPEST:
        return text(given)
    if _is_estimator(given):
        return _params(given, depth)
    if isinstance(given, np.ndarray) and given.size <= _ITEMS_MOST:
        return value(given.tolist(), depth)
    if isinstance(given, Mapping):
        keys = [str(key) for key in given]
        if len(set(keys)) == len(keys) and "" not in keys:
            return {text(key): value(inner, depth + 1) for key, inner in zip(keys, given.values(), strict=True)}
    if _is_named(given):
        return {part[0]: _member(part, depth + 1) for part in given}
    if isinstance(given, list | tuple):
        return [value(inner, depth + 1) for inner in given] if len(given) <= _ITEMS_MOST else text(given)
    return text(given)


def text(given: Any) -> Any:
    """Return numbers, truth values and None as they are, else one line of text, the same in each process."""
    if given is None or isinstance(given, bool | int | float):
        return given
    if isinstance(given, np.generic) and isinstance(given.item(), bool | int | float):
        return given.item()
    if isinstance(given, str):
        return given.encode("utf-8", "backslashreplace").decode()
    if isinstance(given, np.ndarray):
        return f"array {given.shape} of {given.dtype}"
    if isinstance(given, type) or (callable(given) and hasattr(given, "__qualname__")):
        return f"{given.__module__}.{given.__qualname__}"
    if hasattr(given, "dist") and hasattr(given, "args"):  # a distribution of scipy
        bounds = [*map(repr, given.args), *(f"{name}={bound!r}" for name, bound in given.kwds.items())]
        return f"{given.dist.name}({', '.join(bounds)})"
    try:
        said = repr(given)
    except Exception:  # of somebody else's class
        said = f"a {type(given).__qualname__}"
    line = " ".join(re.sub(r" at 0x[0-9A-Fa-f]+", "", said).split()).encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= _TEXT_MOST else f"{line[:_TEXT_MOST]}..."


def own_importance(estimator: Any) -> tuple[Any, Any, list[str] | None]:
    """Return what an estimator says of its features: values (f,), deviations (f,) or None, and names where it has some.

    Raises InvalidValue for one that says nothing, or that is not fitted.
    """
    steps = getattr(estimator, "steps", None)
    last = estimator if steps is None else steps[-1][1]
    values, std = getattr(last, "feature_importances_", None), None
    if values is not None:
        trees = [tree for tree in np.ravel(getattr(last, "estimators_", [])) if hasattr(tree, "feature_importances_")]
        if len(trees) > 1 and getattr(last, "init_", None) is None:  # each tree of a boosting says little by itself
            std = np.std([tree.feature_importances_ for tree in trees], axis=0)
    elif (coefficients := getattr(last, "coef_", None)) is not None:
        rows = np.atleast_2d(coefficients.toarray() if hasattr(coefficients, "toarray") else coefficients)
        values = rows[0] if len(rows) == 1 else np.abs(rows).mean(axis=0)
    if values is None:
        raise InvalidValue(
            f"{type(last).__name__} has neither feature_importances_ nor coef_",
            hint="fit it, or give X and y for the importance by permutation",
        )
    return values, std, _feature_names(estimator, last, len(values))


def _feature_names(estimator: Any, last: Any, count: int) -> list[str] | None:
    known = getattr(last, "feature_names_in_", None)
    if known is None and last is not estimator:
        try:
            known = estimator[:-1].get_feature_names_out()
        except (AttributeError, ValueError):  # a step that has no names to give
            known = None
    return [str(name) for name in known] if known is not None and len(known) == count else None


def _is_estimator(given: Any) -> bool:
    return hasattr(given, "get_params") and not isinstance(given, type)


def _params(estimator: Any, depth: int) -> dict[str, Any]:
    """Return class and params; the members of a composition under their names, as `get_params(deep=True)` has them."""
    found: dict[str, Any] = {"class": type(estimator).__qualname__}
    for name, given in estimator.get_params(deep=False).items():
        if _is_named(given):
            found |= {part[0]: _member(part, depth + 1) for part in given}
        else:
            found[str(name)] = value(given, depth + 1)
    return found


def _is_named(given: Any) -> bool:
    """Say whether a value is a list of (name, estimator) or (name, transformer, columns)."""
    return (
        isinstance(given, list | tuple)
        and len(given) > 0
        and all(isinstance(part, tuple | list) and len(part) in (2, 3) for part in given)
        and all(isinstance(part[0], str) and part[0] for part in given)
        and len({part[0] for part in given}) == len(given)
        and all(
            part[1] is None
            or _is_estimator(part[1])
            or (isinstance(part[1], str) and part[1] in ("passthrough", "drop"))
            for part in given
        )
    )


def _member(part: Any, depth: int) -> Any:
    found = value(part[1], depth)
    if len(part) == 2:
        return found
    return {**(found if isinstance(found, dict) else {"class": found}), "columns": value(part[2], depth)}
