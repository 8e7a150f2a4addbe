"""What callers give (lists, Series, tensors, masked arrays) becomes plain numpy arrays; what is missing is found."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

from ledger.errors import InvalidValue

Array: TypeAlias = np.ndarray[Any, Any]

_MISSING_TYPES = frozenset({"NAType", "NaTType", "MaskedConstant"})


def as_array(name: str, values: Any) -> Array:
    """Return values as an array of bools, numbers, text or (where some are missing) objects; raises InvalidValue."""
    for step in ("detach", "cpu"):  # a tensor that is part of a graph, or on a device
        if hasattr(type(values), step):  # and no column of a frame that is called so
            values = getattr(values, step)()
    if isinstance(values, np.ma.MaskedArray):
        masked, values = np.ma.getmaskarray(values), np.ma.getdata(values).astype(object)
        values[masked] = None
    if isinstance(values, str | bytes | dict | set) or not (
        hasattr(values, "__iter__") or hasattr(values, "__array__")
    ):
        raise InvalidValue(f"{name} must be an array, not {type(values).__name__}: {shown(values)}")
    try:
        array = np.asarray(values)
        if array.dtype.kind == "U" and not isinstance(values, np.ndarray):
            array = _objects_if_mixed(values, array)
    except (ValueError, TypeError, RuntimeError, OverflowError, LookupError) as error:  # whatever its __array__ raises
        raise InvalidValue(f"{name} is no array: {error}") from None
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind == "T":  # numpy's strings of any length
        array = array.astype(object)
    if array.dtype.kind not in "biufUO":
        raise InvalidValue(f"{name} must hold numbers, bools or text, not {array.dtype}")
    if array.ndim == 0:
        raise InvalidValue(f"{name} must be an array, not a single value: {shown(array.item())}")
    return _numbers_if_all(name, array) if array.dtype.kind == "O" else array


def _objects_if_mixed(values: Any, array: Array) -> Array:
    """Undo numpy's turning of NaN and numbers into text among text."""
    objects = np.asarray(values, dtype=object)
    return array if all(isinstance(value, str) for value in objects.ravel().tolist()) else objects


def _numbers_if_all(name: str, array: Array) -> Array:
    """Return an array of objects as one of numbers if it holds only numbers and missing values."""
    flat = array.ravel().tolist()
    missing = [_is_missing(value) for value in flat]
    known = [value for value, lacks in zip(flat, missing, strict=True) if not lacks]
    if all(isinstance(value, bool | np.bool_) for value in known) and known and not any(missing):
        return array.astype(bool)
    if not known or not all(hasattr(value, "__float__") for value in known):
        return array
    whole = all(isinstance(value, int | np.integer) for value in known)
    limit = 2**53 if any(missing) or not whole else 2**63  # two labels must not become one
    if large := [value for value in known if isinstance(value, int) and not -limit <= value < limit]:
        raise InvalidValue(f"{name} has the integer {shown(large[0])}, which its array cannot hold exactly")
    if whole and not any(missing):
        return array.astype(np.int64)
    try:
        numbers = [math.nan if lacks else float(value) for value, lacks in zip(flat, missing, strict=True)]
    except (TypeError, ValueError, OverflowError) as error:  # a date, a fraction of huge numbers
        raise InvalidValue(f"{name} has a value that is no number: {error}") from None
    return np.array(numbers, dtype=np.float64).reshape(array.shape)


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in _MISSING_TYPES or (isinstance(value, float) and value != value)


def missing_in(array: Array) -> Array | None:
    """Return where values are missing (NaN, None, NA) as a mask of the array's shape, or None if nowhere."""
    if array.dtype.kind == "f":
        mask = np.isnan(array)
    elif array.dtype.kind == "O":
        mask = np.array([_is_missing(value) for value in array.ravel().tolist()], dtype=bool).reshape(array.shape)
    else:
        return None
    return mask if mask.any() else None


def as_numbers(name: str, array: Array) -> Array:
    """Return an array as float64, missing values as NaN; raises InvalidValue for text."""
    if array.dtype.kind == "O":
        flat = array.ravel().tolist()
        text = next((value for value in flat if not _is_missing(value)), None)
        if text is not None:
            raise InvalidValue(f"{name} must hold numbers, not {type(text).__name__}: {shown(text)}")
        return np.full(array.shape, math.nan)
    if array.dtype.kind == "U":
        if array.size:
            raise InvalidValue(f"{name} must hold numbers, not text: {shown(array.ravel()[0].item())}")
        return np.zeros(array.shape)
    return array.astype(np.float64, copy=False)


def shown(value: Any) -> str:
    """Write a value for a message, short."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write integers of thousands of digits
        return f"{type(value).__name__} of {value.bit_length()} bits"
    return text if len(text) <= 60 else text[:57] + "..."
