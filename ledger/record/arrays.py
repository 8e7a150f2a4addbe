"""What callers give as an array (lists, Series, tensors) becomes a column: nothing is rounded, nothing guessed at."""

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np

from ledger.errors import InvalidValue
from ledger.format.predictions import TEXT, TEXT_MAX, VALUES_MAX, WIDTH_MAX, Column, column

_MISSING = ("NoneType", "NAType", "NaTType", "MaskedConstant")
_EXACT_MAX = 2**53
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def to_column(name: str, given: Any) -> Column:
    """Return an array of shape (n,), (n, 1) or (n, K) as a column; raises InvalidValue for what no column holds.

    Integers become int64 (uint64 where they are larger), float16 becomes float32, datetimes the moment in UTC, one
    without a time zone being in UTC already. None, NA, NaT and what is masked is missing; NaN is a value.
    """
    array, null = _as_array(name, given)
    if array.ndim == 2 and array.shape[1] == 1:
        array, null = array[:, 0], None if null is None else null[:, 0]
    if array.ndim not in (1, 2) or (array.ndim == 2 and not 1 < array.shape[1] <= WIDTH_MAX):
        raise InvalidValue(
            f"{name} has the shape {array.shape}; it must be (rows,) or (rows, K) with K up to {WIDTH_MAX}",
            hint=f"for one value per pixel or token: {name}.reshape(-1)" if array.ndim != 2 else None,
        )
    if array.size > VALUES_MAX:
        raise InvalidValue(f"{name} has {array.size} values; the limit is {VALUES_MAX}", hint="log it in batches")
    found = _from_objects(name, array, null) if array.dtype.kind in "OUT" else _from_numpy(name, array, null)
    if found.kind == TEXT:
        _check_texts(name, found)
    return found


def _as_array(name: str, given: Any) -> tuple[Any, Any]:
    """Return what was given as numpy has it, and where it is masked."""
    if hasattr(given, "detach"):  # a tensor, which may need a gradient or lie on a device
        given = given.detach().cpu()
        if str(given.dtype) == "torch.bfloat16":
            given = given.float()
    if isinstance(given, (list, tuple)):
        return _from_list(name, given), None
    if isinstance(given, np.ma.MaskedArray):
        return np.asarray(given.data), np.ma.getmaskarray(given)
    if not hasattr(given, "__array__") or isinstance(given, np.generic):
        raise InvalidValue(f"{name} must be an array or a list, not {type(given).__name__}: {_short(given)}")
    if getattr(getattr(given, "dtype", None), "tz", None) is not None:  # as objects, it would take seconds
        given = getattr(given, "dt", given).tz_convert(None)
    kinds = [getattr(given, "dtype", None)] if getattr(given, "ndim", 1) == 1 else list(getattr(given, "dtypes", ()))
    if any(hasattr(kind, "na_value") for kind in kinds) and hasattr(given, "to_numpy"):
        return given.to_numpy(dtype=object), None  # else pandas makes floats of integers where some are missing
    return np.asarray(given), None


def _from_list(name: str, given: Any) -> Any:
    first = given[0] if given else None
    try:
        if isinstance(first, np.ndarray) and first.ndim and all(isinstance(row, np.ndarray) for row in given):
            return np.stack(given)
        # As objects: numpy would make text of numbers among text, and floats of large integers among floats.
        array = np.array(given, dtype=object)
    except ValueError:
        raise InvalidValue(f"the rows of {name} differ in length") from None
    if any(isinstance(value, (list, tuple, np.ndarray)) for value in array.ravel().tolist()):
        raise InvalidValue(f"the rows of {name} differ in length")
    return array


def _from_numpy(name: str, array: Any, null: Any) -> Column:
    kind = array.dtype.kind
    if array.dtype.name == "bfloat16" or (kind == "f" and array.dtype.itemsize == 2):
        array, kind = array.astype(np.float32), "f"
    if kind == "b":
        return column("bool", array, null)
    if kind in "iu":
        large = kind == "u" and array.size and int(array.max()) > np.iinfo(np.int64).max
        return column("uint64" if large else "int64", array, null)
    if kind == "f" and array.dtype.itemsize in (4, 8):
        return column(f"float{8 * array.dtype.itemsize}", array, null)
    if kind == "M":
        return _from_times(name, array, null)
    hint = "decode it: numpy.char.decode(x)" if kind == "S" else "give numbers, bools, text or datetimes"
    raise InvalidValue(f"{name} is an array of {array.dtype}, which predictions cannot hold", hint=hint)


def _from_times(name: str, array: Any, null: Any) -> Column:
    """Return moments in microseconds, or in nanoseconds where some lie between two microseconds."""
    missing = np.isnat(array)
    null = missing if null is None else missing | null
    for kind, unit in (("timestamp_us", "datetime64[us]"), ("timestamp_ns", "datetime64[ns]")):
        with np.errstate(all="ignore"):
            try:
                moments = array.astype(unit)
            except (OverflowError, ValueError):
                continue
        # There and back: what does not fit, or would be rounded, does not come back as it was.
        if (moments.astype(array.dtype) == array)[~null].all():
            return column(kind, moments.astype(np.int64), null)
    raise InvalidValue(f"{name} holds times that neither microseconds nor nanoseconds since 1970 can tell in 64 bits")


def _from_objects(name: str, array: Any, null: Any) -> Column:
    flat = [value.item() if _is_scalar(value) else value for value in array.ravel().tolist()]
    kinds = {type(value) for value in flat}
    missing_kinds = {kind for kind in kinds if kind.__name__ in _MISSING}
    kinds -= missing_kinds
    # As pandas has it: among text and datetimes, NaN says that there is none.
    nan_is_missing = any(issubclass(kind, (str, datetime.datetime, bool)) for kind in kinds)
    missing = np.array([type(v) in missing_kinds or (nan_is_missing and v != v) for v in flat], np.bool_)
    if nan_is_missing:
        kinds = {type(v) for v, lacks in zip(flat, missing.tolist(), strict=True) if not lacks}
    missing = missing.reshape(array.shape)
    null = missing if null is None else missing | null
    known = [None if lacks else value for value, lacks in zip(flat, null.ravel().tolist(), strict=True)]
    for accepts, make in _READERS:
        if all(accepts(kind) for kind in kinds):
            return make(name, known, null)
    raise _mixture(name, known, kinds)


def _is_scalar(value: Any) -> bool:
    """Say whether this is a number of another library, such as a tensor without axes."""
    return hasattr(value, "item") and not isinstance(value, np.generic) and getattr(value, "ndim", None) == 0


def _mixture(name: str, known: list[Any], kinds: set[type]) -> InvalidValue:
    examples = [next(value for value in known if type(value) is kind) for kind in sorted(kinds, key=str)[:3]]
    shown = " and ".join(f"{_short(value)} ({type(value).__name__})" for value in examples)
    if len(kinds) == 1:
        return InvalidValue(f"{name} holds {shown}, which predictions cannot hold", hint="give numbers, bools or text")
    return InvalidValue(f"{name} holds {shown}; a column holds one kind", hint="make them all numbers, or all text")


def _filled(known: list[Any], null: Any, default: Any, kind: Any) -> Any:
    values = np.array([default if value is None else value for value in known], kind)
    return values.reshape(null.shape)


def _floats(name: str, known: list[Any], null: Any) -> Column:
    there = [value for value in known if value is not None]
    for value in there:
        if isinstance(value, (int, np.integer)) and abs(int(value)) > _EXACT_MAX:
            raise InvalidValue(f"{name} holds floats and the integer {value}, which float64 may not hold exactly")
    kind = "float32" if there and all(isinstance(value, (np.float32, np.float16)) for value in there) else "float64"
    return column(kind, _filled(known, null, 0.0, kind), null)


def _integers(name: str, known: list[Any], null: Any) -> Column:
    there = [int(value) for value in known if value is not None]
    if not there:  # nor any value of another kind
        return _floats(name, known, null)
    low, high = min(there, default=0), max(there, default=0)
    kind = "int64" if high < 2**63 else "uint64"
    if low < (-(2**63) if kind == "int64" else 0) or high >= 2**64:
        raise InvalidValue(f"{name} holds integers from {_short(low)} to {_short(high)}, beyond 64 bits")
    return column(kind, _filled(known, null, 0, kind), null)


def _bools(name: str, known: list[Any], null: Any) -> Column:
    return column("bool", _filled(known, null, False, np.bool_), null)


def _texts(name: str, known: list[Any], null: Any) -> Column:
    return column(TEXT, _filled([v if v is None else str.__str__(v) for v in known], null, "", object), null)


def _times(name: str, known: list[Any], null: Any) -> Column:
    moments = np.array([0 if value is None else _moment(value) for value in known], object).reshape(null.shape)
    kind = "timestamp_ns"
    if not any(moment % 1000 for moment in moments.ravel().tolist()):
        kind, moments = "timestamp_us", moments // 1000
    try:
        return column(kind, moments.astype(np.int64), null)
    except OverflowError:
        raise InvalidValue(f"{name} holds times beyond 64 bits of nanoseconds since 1970") from None


def _moment(value: Any) -> int:
    """Return nanoseconds since 1970 UTC."""
    utc = value.replace(tzinfo=datetime.UTC) if value.tzinfo is None else value.astimezone(datetime.UTC)
    seconds = int((utc - _EPOCH) // datetime.timedelta(seconds=1))
    return seconds * 10**9 + int(value.microsecond) * 1000 + int(getattr(value, "nanosecond", 0))  # the last: pandas


def _numpy_times(name: str, known: list[Any], null: Any) -> Column:
    array = np.array([np.datetime64("NaT") if value is None else value for value in known]).reshape(null.shape)
    return _from_times(name, array, null)


def _is_float(kind: type) -> bool:
    return issubclass(kind, (float, np.float32, np.float16)) or _is_integer(kind)


def _is_integer(kind: type) -> bool:
    return issubclass(kind, (int, np.integer)) and not issubclass(kind, (bool, np.timedelta64))


_READERS: tuple[tuple[Callable[[type], bool], Callable[[str, list[Any], Any], Column]], ...] = (
    (_is_integer, _integers),
    (_is_float, _floats),
    (lambda kind: issubclass(kind, (bool, np.bool_)), _bools),
    (lambda kind: issubclass(kind, str), _texts),
    (lambda kind: issubclass(kind, datetime.datetime), _times),
    (lambda kind: issubclass(kind, np.datetime64), _numpy_times),
)


def _check_texts(name: str, found: Column) -> None:
    try:
        size = sum(len(text.encode()) for text in found.values.ravel().tolist())
    except UnicodeEncodeError as error:
        raise InvalidValue(f"{name} holds text that is not valid Unicode: {_short(error.object)}") from None
    if size > TEXT_MAX:
        raise InvalidValue(f"the texts of {name} have {size} bytes; the limit is {TEXT_MAX}", hint="log it in batches")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
