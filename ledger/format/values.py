"""Values: what may be logged and what it becomes; float64 for metrics, plain JSON for params.

Nothing is rounded or replaced: a float32 is widened, an integer that float64 cannot hold is refused, NaN and the
infinities stay what they are. In JSON, where they have no form, they are `{"$float": "NaN"}`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import index
from typing import Any

import msgspec

from ledger.errors import InvalidName, InvalidParam, InvalidValue

INT_MAX = 2**53
STEP_MAX = 2**62
_DEPTH_MAX = 64
_UNWRAP_DEPTH_MAX = 200
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Undefined(msgspec.Struct, frozen=True):
    """A metric that has no value, and why: `Undefined("only one class")`. It is stored as null with its reason."""

    reason: str

    def __post_init__(self) -> None:
        """Refuse a reason that could not be told from a value, or not be written."""
        if not isinstance(self.reason, str) or not self.reason.strip():
            raise InvalidValue(
                f"the reason of an undefined value must be text, not {self.reason!r}",
                hint='for instance ledger.Undefined("only one class")',
            )
        try:
            self.reason.encode()
        except UnicodeEncodeError:
            raise InvalidValue(f"the reason of an undefined value is not valid Unicode: {self.reason!r}") from None


def to_float(name: str, value: Any) -> float | Undefined:
    """Return the value of metric `name` as float64; raises InvalidValue for what is no real number.

    Takes Python and NumPy numbers and bools, and 0-d arrays and tensors of any library that has `item()`.
    """
    kind = type(value)
    if kind is float:
        return value  # type: ignore[no-any-return]
    if kind is int:
        return _from_int(name, value)
    if kind is bool:
        return 1.0 if value else 0.0
    if kind is Undefined:
        return value  # type: ignore[no-any-return]
    if value is None or isinstance(value, (str, bytes, complex, Mapping, list, tuple, set)):
        raise InvalidValue(
            f"metric {name!r} must be a number, not {kind.__name__}: {_short(value)}",
            hint="text belongs into params, a note or log_text; use ledger.Undefined(reason) for a value that has none",
        )
    if (size := getattr(value, "ndim", None)) is not None and size != 0:
        shape = tuple(getattr(value, "shape", ()))
        raise InvalidValue(
            f"metric {name!r} must be a single number, not an array of shape {shape}",
            hint="log its mean, or one of its elements: x.mean().item()",
        )
    if getattr(value, "mask", False):
        raise InvalidValue(
            f"metric {name!r} is a masked value, which has no number",
            hint='say so: ledger.Undefined("masked")',
        )
    if hasattr(value, "item"):
        inner = value.item()
        if type(inner) is kind:
            raise InvalidValue(
                f"metric {name!r} is a {kind.__name__}, which float64 cannot be trusted to hold",
                hint="log float(value), which rounds it",
            )
        return to_float(name, inner)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int) or hasattr(value, "__index__"):
        return _from_int(name, int(value))
    if hasattr(value, "__float__"):  # a decimal or a fraction: the nearest float64, as of the same digits in a program
        result = float(value)
        return _from_int(name, int(value)) if math.isfinite(result) and value == int(value) else result
    raise InvalidValue(f"metric {name!r} must be a number, not {kind.__name__}: {_short(value)}")


def _from_int(name: str, value: int) -> float:
    if -INT_MAX <= value <= INT_MAX:
        return float(value)
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if result == value:
        return result
    raise InvalidValue(
        f"metric {name!r} is the integer {_short(value)}, which float64 cannot hold exactly (the limit is 2^53)",
        hint="log it as a param, or as float(value) if rounding is meant",
    )


def to_step(step: Any) -> int | None:
    """Return the step as an int, or None; raises InvalidValue for anything but a whole number."""
    result: int | None
    if step is None or type(step) is int:
        result = step
    else:
        plain = step.item() if hasattr(step, "item") and getattr(step, "ndim", None) == 0 else step
        try:
            result = None if isinstance(plain, bool) else index(plain)
        except TypeError:  # an array has __index__ whatever its shape
            result = None
        if result is None:
            raise InvalidValue(f"step must be a whole number, not {type(step).__name__}: {_short(step)}")
    if result is not None and not -STEP_MAX <= result <= STEP_MAX:
        raise InvalidValue(f"step {_short(result)} is beyond the limit of 2^62")
    return result


def flatten(metrics: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested metrics as one level, names joined with `/`; raises InvalidValue when two come out alike."""
    flat: dict[str, Any] = {}
    _flatten(metrics, prefix, flat, 0)
    return flat


def _flatten(metrics: Mapping[Any, Any], prefix: str, flat: dict[str, Any], depth: int) -> None:
    if depth > _DEPTH_MAX:
        raise InvalidValue(f"metrics are nested deeper than {_DEPTH_MAX} levels")
    for key, value in metrics.items():
        if not isinstance(key, str):
            raise InvalidName(f"a metric name must be text, not {type(key).__name__}: {_short(key)}")
        name = prefix + key
        if isinstance(value, Mapping):
            _flatten(value, name + "/", flat, depth + 1)
        elif name in flat:
            raise InvalidValue(f"metric {name!r} is given twice in one call: {flat[name]!r} and {value!r}")
        else:
            flat[name] = value


def to_params(params: Any) -> dict[str, Any]:
    """Return params (a mapping, dataclass or argparse namespace) as plain JSON values, types kept.

    Raises InvalidParam naming the parameter that has no JSON form.
    """
    if params is None:
        return {}
    plain = _plain(params, "", 0)
    if not isinstance(plain, dict):
        raise InvalidParam(
            f"params must be a mapping, a dataclass or an argparse namespace, not {type(params).__name__}",
            hint='for instance params={"lr": 0.001}',
        )
    return plain


def to_param(name: str, value: Any) -> Any:
    """Return one parameter's value as plain JSON values, types kept."""
    return _plain(value, name, 0)


def _plain(value: Any, path: str, depth: int) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return _plain_scalar(value, path)
    if depth > _DEPTH_MAX:
        raise InvalidParam(f"param {path!r} is nested deeper than {_DEPTH_MAX} levels")
    if isinstance(value, Mapping):
        return _plain_mapping(value, path, depth)
    if isinstance(value, (list, tuple)):
        return [_plain(inner, f"{path}[{i}]", depth + 1) for i, inner in enumerate(value)]
    if isinstance(value, type):  # a class has the attributes of its values, and none of them
        raise _no_json(value, path)
    if hasattr(value, "__dataclass_fields__"):
        return _plain({f: getattr(value, f) for f in value.__dataclass_fields__}, path, depth)
    if hasattr(value, "tolist") and getattr(value, "size", 1 << 30) <= 1000:
        return _plain(value.tolist(), path, depth + 1)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return _plain(value.item(), path, depth + 1)
    if hasattr(value, "__fspath__"):
        return str(value.__fspath__())
    if hasattr(value, "_get_kwargs"):  # argparse.Namespace, without importing argparse
        return _plain(vars(value), path, depth)
    if type(value).__module__ == "enum" or hasattr(type(value), "__members__"):
        return _plain(value.value, path, depth + 1)
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    raise _no_json(value, path)


def _plain_mapping(value: Mapping[Any, Any], path: str, depth: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, inner in value.items():
        if not isinstance(key, (str, int, float)) or key == "":
            what = "an empty key" if key == "" else f"the key {_short(key)}; keys must be text"
            raise InvalidParam(f"param {path or 'params'!r} has {what}")
        name = _plain_scalar(key if isinstance(key, str) else str(key), path)
        if name in result:
            raise InvalidParam(f"param {path or 'params'!r} has the key {name!r} twice, as text and as a number")
        result[name] = _plain(inner, f"{path}.{name}" if path else name, depth + 1)
    return result


def _no_json(value: Any, path: str) -> InvalidParam:
    return InvalidParam(
        f"param {path or 'params'!r} is a {type(value).__name__}, which has no JSON form: {_short(value)}",
        hint="give text, a number, a bool, None, a list or a dict of these",
    )


def _plain_scalar(value: Any, path: str) -> Any:
    if isinstance(value, str):
        text = str.__str__(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidParam(f"param {path!r} is text that is not valid Unicode: {_short(value)}") from None
        return text
    if isinstance(value, bool) or value is None:
        return value
    return int(value) if isinstance(value, int) else float(value)


def wrap(value: Any) -> Any:
    """Return plain values with non-finite floats as `{"$float": ...}`, so that JSON can hold them; `unwrap` undoes it.

    A real key that begins with `$` gets a second one.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, dict):
        return {("$" + k if k.startswith("$") else k): wrap(v) for k, v in value.items()}
    if isinstance(value, list):
        return [wrap(v) for v in value]
    return value


def unwrap(value: Any, depth: int = 0) -> Any:
    """Return what `wrap` was given; raises ValueError for what it never gives, and beyond 200 levels."""
    if depth > _UNWRAP_DEPTH_MAX:  # where Python's own limit lies depends on who calls
        raise ValueError(f"values are nested deeper than {_UNWRAP_DEPTH_MAX} levels")
    if isinstance(value, dict):
        if len(value) == 1 and "$float" in value:
            if value["$float"] not in list(_NON_FINITE):
                raise ValueError(f"$float is {_short(value['$float'])}")
            return _NON_FINITE[value["$float"]]
        if any(k[:1] == "$" != k[1:2] for k in value):
            raise ValueError("a key begins with $, and no second one follows")
        return {(k[1:] if k.startswith("$") else k): unwrap(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [unwrap(v, depth + 1) for v in value]
    return value


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write integers of thousands of digits
        return f"{type(value).__name__} of {value.bit_length()} bits"
    return text if len(text) <= 60 else text[:57] + "..."
