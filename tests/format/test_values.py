"""Values and params: what may be logged, what it becomes, and that nothing is changed on the way."""

import argparse
import dataclasses
import datetime as dt
import enum
import json
import math
import pathlib
import struct
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidName, InvalidParam, InvalidValue
from ledger.format import values
from ledger.format.values import Undefined

FLOATS = st.floats()
KEYS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8) | st.sampled_from(
    ["$", "$float", "$$float", "$x", "$$"]
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)


def bits(value: float) -> bytes:
    """Return a float's eight bytes."""
    return struct.pack(">d", value)


@given(PLAIN)
def test_wrap_and_unwrap_are_inverse_through_json(value: Any) -> None:
    """Any plain value, non-finite floats and keys with `$` included, survives strict JSON with its types."""
    text = json.dumps(values.wrap(value), allow_nan=False)
    assert repr(values.unwrap(json.loads(text))) == repr(value)


@given(st.integers(0, 2**64 - 1))
def test_every_float64_stays_bit_for_bit(pattern: int) -> None:
    """A float, NaN payloads and -0.0 included, is stored as it is."""
    (value,) = struct.unpack(">d", pattern.to_bytes(8, "big"))
    assert bits(values.to_float("m", value)) == bits(value)  # type: ignore[arg-type]


@given(st.floats(width=32, allow_nan=False) | st.floats(width=16, allow_nan=False))
def test_narrow_floats_are_widened(value: float) -> None:
    """float16 and float32 hold nothing that float64 does not; they are widened exactly."""
    assert bits(values.to_float("m", np.float32(value))) == bits(value)  # type: ignore[arg-type]


@given(st.integers())
def test_integers_are_exact_or_refused(value: int) -> None:
    """An integer becomes the float64 that equals it, or is refused."""
    try:
        assert values.to_float("m", value) == value
    except InvalidValue:
        assert abs(value) > 2**53


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, 1.0),
        (np.bool_(False), 0.0),
        (np.int8(-3), -3.0),
        (np.uint64(2**53), float(2**53)),
        (np.array(0.5), 0.5),
        (Fraction(1, 4), 0.25),
        (Decimal("0.5"), 0.5),
        (2**80, float(2**80)),
        (Undefined("one class"), Undefined("one class")),
    ],
)
def test_numbers_of_other_types(value: Any, expected: Any) -> None:
    """Bools, NumPy scalars, 0-d arrays, fractions and decimals are numbers."""
    found = values.to_float("m", value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "0.5",
        b"1",
        1j,
        [0.5],
        (1,),
        {"a": 1},
        {1},
        np.array([1.0]),
        np.zeros((0,)),
        object(),
        2**53 + 1,
        10**400,
        pytest.param(10**5000, id="huge"),
    ],
)
def test_what_is_no_number_is_refused(value: Any) -> None:
    """Anything else raises InvalidValue that names the metric."""
    with pytest.raises(InvalidValue, match="'m'"):
        values.to_float("m", value)


@pytest.mark.parametrize("reason", [None, 1.5, 3, "", "  ", b"x", "\udc80"])
def test_a_reason_is_text(reason: Any) -> None:
    """A reason that a journal would take for a value, or could not write, is refused when it is given."""
    with pytest.raises(InvalidValue, match="reason"):
        Undefined(reason)


@pytest.mark.parametrize(
    ("step", "expected"),
    [(None, None), (0, 0), (-5, -5), (True, True), (np.int64(7), 7), (np.array(3), 3), (2**62, 2**62)],
)
def test_steps(step: Any, expected: int | None) -> None:
    """Whole numbers of any type are steps."""
    if step is True:
        with pytest.raises(InvalidValue):
            values.to_step(step)
    else:
        assert values.to_step(step) == expected


@pytest.mark.parametrize(
    "step",
    [
        1.0,
        1.5,
        "1",
        b"1",
        math.nan,
        2**62 + 1,
        -(2**62) - 1,
        [1],
        np.array([1]),
        np.array(1.5),
        np.bool_(True),
        10**400,
        pytest.param(10**5000, id="huge"),
    ],
)
def test_what_is_no_step_is_refused(step: Any) -> None:
    """Floats, texts and steps beyond 2^62 raise InvalidValue."""
    with pytest.raises(InvalidValue, match="step"):
        values.to_step(step)


def test_nested_metrics_are_joined() -> None:
    """Nested mappings become names joined with `/`; two that come out alike are refused."""
    assert values.flatten({"a": {"b": 1, "c": {"d": 2}}}, "val/") == {"val/a/b": 1, "val/a/c/d": 2}
    with pytest.raises(InvalidValue, match="twice"):
        values.flatten({"a": {"b": 1}, "a/b": 2})
    with pytest.raises(InvalidName, match="text, not int"):
        values.flatten({3: 4})


def test_metrics_nested_without_end_are_refused() -> None:
    """A mapping that holds itself raises InvalidValue, not RecursionError."""
    loop: dict[str, Any] = {}
    loop["a"] = loop
    with pytest.raises(InvalidValue, match="nested"):
        values.flatten(loop)


class Color(enum.Enum):
    """An enum among params."""

    RED = "red"


@dataclasses.dataclass
class Config:
    """A dataclass as params."""

    lr: float = 0.1
    color: Color = Color.RED


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (None, {}),
        (Config(), {"lr": 0.1, "color": "red"}),
        (argparse.Namespace(lr=1, data=pathlib.PurePosixPath("a/b")), {"lr": 1, "data": "a/b"}),
        ({"a": (1, 2), 3: None, "t": dt.date(2026, 11, 22)}, {"a": [1, 2], "3": None, "t": "2026-11-22"}),
        ({"x": np.float32(0.5), "y": np.arange(2), "z": np.bool_(True)}, {"x": 0.5, "y": [0, 1], "z": True}),
    ],
)
def test_params_become_plain_json(given_: Any, expected: dict[str, Any]) -> None:
    """Dataclasses, namespaces, enums, paths, dates and arrays become plain values; types are kept."""
    assert repr(values.to_params(given_)) == repr(expected)


@pytest.mark.parametrize("params", [[1], "a", {"a": object()}, {"": 1}, {"a": "\udc80"}, {("a",): 1}, {"a": b"x"}])
def test_params_without_a_json_form_are_refused(params: Any) -> None:
    """What has no JSON form raises InvalidParam."""
    with pytest.raises(InvalidParam):
        values.to_params(params)


def test_params_nested_without_end_are_refused() -> None:
    """A list that holds itself raises InvalidParam, not RecursionError."""
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidParam, match="nested"):
        values.to_params({"a": loop})


def test_a_masked_value_is_no_number() -> None:
    """What numpy masks has a number behind the mask, which nobody means."""
    with pytest.raises(InvalidValue, match="masked"):
        values.to_float("x", np.ma.masked)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(Decimal("0.1"), 0.1), (Decimal(7), 7.0), (Fraction(1, 3), 1 / 3), (Decimal("inf"), float("inf"))],
)
def test_decimals_become_the_nearest_float(value: Any, expected: float) -> None:
    """A decimal or a fraction is read as the same digits in a program would be."""
    assert values.to_float("x", value) == expected


def test_whole_decimals_keep_the_rule_of_integers() -> None:
    """A whole number that float64 cannot hold is refused, whatever its type."""
    with pytest.raises(InvalidValue, match="2\\^53"):
        values.to_float("x", Decimal(2**53 + 1))


def test_a_class_is_no_param() -> None:
    """A class has the attributes of its values, and none of them: it has no JSON form."""
    with pytest.raises(InvalidParam, match="'dtype' is a type"):
        values.to_params({"dtype": np.float32})


def test_param_keys_that_come_out_alike_are_refused() -> None:
    """A number and the same number as text would lose one of the two."""
    with pytest.raises(InvalidParam, match="twice"):
        values.to_params({1: "a", "1": "b"})
    with pytest.raises(InvalidParam, match="an empty key"):
        values.to_params({"": 1})
