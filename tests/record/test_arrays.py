"""What callers give as an array: each library's numbers become columns without a change, and the rest is refused."""

import datetime
import decimal
import fractions
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ledger.errors import InvalidValue
from ledger.record.arrays import to_column

UTC = datetime.UTC
DAY = datetime.datetime(2026, 11, 22, 3, 15, 0, 5, UTC)
DAY_US = 1_795_317_300_000_005
BERLIN = datetime.timezone(datetime.timedelta(hours=1))
NAN = float("nan")


class Tensor:
    """Stands for a tensor of any library: what it holds is on a device until it is asked for."""

    def __init__(self, values: Any) -> None:
        self.values, self.ready, self.dtype = values, False, values.dtype

    def detach(self) -> "Tensor":
        """Return it without its graph."""
        return self

    def cpu(self) -> "Tensor":
        """Return it from its device."""
        self.ready = True
        return self

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """Return it as numpy has it, once it is here."""
        assert self.ready
        return self.values


@pytest.mark.parametrize(
    ("given", "dtype", "values", "null"),
    [
        ([0, 1, 1], "int64", [0, 1, 1], None),
        ((True, False), "bool", [True, False], None),
        ([0.5, 1], "float64", [0.5, 1.0], None),
        ([1, None, 3], "int64", [1, 0, 3], [1]),
        ([0.5, None, NAN], "float64", [0.5, 0.0, NAN], [1]),
        ([None, None], "float64", [0.0, 0.0], [0, 1]),
        ([], "float64", [], None),
        (["a", "", "b\0"], "text", ["a", "", "b\0"], None),
        (["a", None, NAN], "text", ["a", "", ""], [1, 2]),
        ([2**63, 0], "uint64", [2**63, 0], None),
        ([np.float32(0.1), np.float32(1)], "float32", [np.float32(0.1), 1.0], None),
        ([[1, 2], [3, 4]], "int64[2]", [[1, 2], [3, 4]], None),
        ([[1.5, None], [3, 4]], "float64[2]", [[1.5, 0], [3, 4]], [1]),
        ([np.array([1, 2]), np.array([3, 4])], "int64[2]", [[1, 2], [3, 4]], None),
        (np.array([[0.5], [0.25]]), "float64", [0.5, 0.25], None),
        (np.array([1, 2], np.int8), "int64", [1, 2], None),
        (np.array([1, 2**64 - 1], np.uint64), "uint64", [1, 2**64 - 1], None),
        (np.array([1, 2], np.uint64), "int64", [1, 2], None),
        (np.array([0.5, -0.0], ">f4"), "float32", [0.5, -0.0], None),
        (np.array([0.5], np.float16), "float32", [0.5], None),
        (np.array(["a", "bc"]), "text", ["a", "bc"], None),
        (np.ma.masked_array([1, 2], [False, True]), "int64", [1, 0], [1]),
        (Tensor(np.array([1.5], np.float32)), "float32", [1.5], None),
        (pd.Series([1, 2], index=[7, 5]), "int64", [1, 2], None),
        (pd.Series([1, None], dtype="Int64"), "int64", [1, 0], [1]),
        (pd.Series([2**62 + 1, None], dtype="Int64"), "int64", [2**62 + 1, 0], [1]),
        (pd.DataFrame({"p": [1, None], "q": [2, 3]}, dtype="Int64"), "int64[2]", [[1, 2], [0, 3]], [2]),
        (pd.Series([True, None], dtype="boolean"), "bool", [True, False], [1]),
        (pd.Series([True, NAN], dtype=object), "bool", [True, False], [1]),
        (pd.Series(["a", None]), "text", ["a", ""], [1]),
        (pd.Series(["x", "y", "x"], dtype="category"), "text", ["x", "y", "x"], None),
        (pd.DataFrame({"p": [0.5], "q": [0.25]}), "float64[2]", [[0.5, 0.25]], None),
        ([DAY, None], "timestamp_us", [DAY_US, 0], [1]),
        ([DAY.astimezone(BERLIN), DAY.replace(tzinfo=None)], "timestamp_us", [DAY_US, DAY_US], None),
        ([pd.Timestamp(DAY), pd.NaT], "timestamp_us", [DAY_US, 0], [1]),
        ([pd.Timestamp(DAY_US * 1000 + 7)], "timestamp_ns", [DAY_US * 1000 + 7], None),
        ([np.datetime64("1970-01-02"), None], "timestamp_us", [86_400_000_000, 0], [1]),
        (np.array(["1970-01-02", "NaT"], "M8[D]"), "timestamp_us", [86_400_000_000, 0], [1]),
        (np.array([1001, 1], "M8[ns]"), "timestamp_ns", [1001, 1], None),
        (np.array([1000], "M8[ns]"), "timestamp_us", [1], None),
        (pd.Series([pd.Timestamp(DAY).tz_convert("Asia/Tokyo")]), "timestamp_us", [DAY_US], None),
        (pd.DatetimeIndex([DAY]), "timestamp_us", [DAY_US], None),
    ],
)
def test_every_library_gives_the_same_columns(given: Any, dtype: str, values: Any, null: Any) -> None:
    """Lists, arrays, Series and tensors become columns: the type says what they hold, `null` what is missing."""
    found = to_column("y_true", given)
    assert found.dtype == dtype
    expected = np.array(values, found.values.dtype)
    assert repr(found.values.tolist()) == repr(expected.tolist())
    assert (None if found.null is None else np.flatnonzero(found.null).tolist()) == null


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (5, "must be an array or a list, not int: 5"),
        ("abc", "must be an array or a list, not str"),
        ({"a": 1}, "must be an array or a list, not dict"),
        (iter([1]), "must be an array or a list"),
        (np.float64(5), "must be an array or a list, not float64"),
        (np.zeros((2, 3, 4)), r"has the shape \(2, 3, 4\)"),
        (np.array(5), r"has the shape \(\)"),
        (np.zeros((2, 0)), r"has the shape \(2, 0\)"),
        (np.zeros((1, 5000)), "up to 4096"),
        ([[1, 2], [3]], "differ in length"),
        ([1, [2]], "differ in length"),
        ([np.zeros(2), np.zeros(3)], "differ in length"),
        (["a", 1], r"1 \(int\) and 'a' \(str\); a column holds one kind"),
        ([True, 2], "holds True .* and 2 "),
        (["a", 0.5], "a column holds one kind"),
        ([0.5, 2**53 + 1], "and the integer 9007199254740993"),
        ([2**64], "beyond 64 bits"),
        ([-1, 2**63], "beyond 64 bits"),
        ([1j], r"1j \(complex\), which predictions cannot hold"),
        (np.array([1j]), "array of complex128"),
        (np.array([b"a"]), "array of |S1"),
        (np.array([1], "m8[s]"), "timedelta64"),
        (np.array([1.5], np.longdouble), "array of float128"),
        ([decimal.Decimal(1)], "Decimal"),
        ([fractions.Fraction(1, 3)], "Fraction"),
        ([object()], "which predictions cannot hold"),
        (["\ud800"], "not valid Unicode"),
        (np.array(["300000-01-01"], "M8[D]").astype("M8[s]") + np.timedelta64(2**60, "s"), "neither microseconds"),
    ],
)
def test_what_no_column_can_hold_is_refused(given: Any, said: str) -> None:
    """Wrong shapes, mixtures and what would be rounded are one clear error that names the array."""
    with pytest.raises(InvalidValue, match=said) as raised:
        to_column("y_true", given)
    assert "y_true" in raised.value.message
