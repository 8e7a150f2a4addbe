"""What entries say was computed, and the keys of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.format import computed
from ledger.format.computed import Computed

KEY = "0123456789abcdef"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_a_key_depends_on_all_and_on_nothing_else() -> None:
    """The order in which things are said does not count; every other difference does."""
    one = computed.key(what={"a": 1, "b": 2}, inputs={"y_true": ["x"]})
    assert one == computed.key(inputs={"y_true": ["x"]}, what={"b": 2, "a": 1})
    assert len(one) == 16
    assert set(one) <= set("0123456789abcdef")
    others = [
        computed.key(what={"a": 1, "b": 3}, inputs={"y_true": ["x"]}),
        computed.key(what={"a": 1}, inputs={"y_true": ["x"]}),
        computed.key(what={"a": 1, "b": 2}, inputs={"y_true": ["x", None]}),
        computed.key(what={"a": 1, "b": 2}, inputs={"y_pred": ["x"]}),
        computed.key(what={"a": 1, "b": 2}, inputs={"y_true": ["x"]}, more=None),
    ]
    assert len({one, *others}) == 6


def test_keys_stay_what_they_are() -> None:
    """Keys are stored: another form of the same would compute everything again."""
    assert computed.key(what={"b": [1, 2.5, "é"], "a": None}) == "607de7bd310490f9"


def test_what_was_written_is_read() -> None:
    """Metrics, charts, contexts and steps, in order, each with the writer of its rows."""
    source = {
        "by": "backfill",
        "computed": [
            {"name": "test/f1", "key": KEY, "rows": 10, "truth": KEY[::-1]},
            {"name": "val/ks", "context": '{"fold":1}', "step": 3, "key": KEY[::-1]},
            {"name": "val/ks", "chart": True, "key": KEY},
        ],
    }
    found = computed.read(source, "w")
    assert found == [
        Computed("test/f1", None, None, KEY, "w", False, KEY[::-1]),
        Computed("val/ks", '{"fold":1}', 3, KEY[::-1], "w"),
        Computed("val/ks", None, None, KEY, "w", True),
    ]
    assert len({each.place for each in found}) == 3
    assert [each.retracted for each in computed.read(source, "w", retracted=True)] == [True] * 3


@pytest.mark.parametrize("truth", [5, None, "", KEY + "0", "x" * 16, [KEY], {"a": 1}])
def test_a_truth_that_no_writer_gives_is_none(truth: Any) -> None:
    """It is a hint alone: the record is taken without it."""
    assert computed.read({"computed": [{**GOOD, "truth": truth}]}, "w") == [Computed("f1", None, None, KEY, "w")]


GOOD: dict[str, Any] = {"name": "f1", "key": KEY}


@pytest.mark.parametrize(
    "item",
    [
        1, None, "f1", [], [GOOD], {},
        {"name": "f1"}, {"key": KEY},
        {**GOOD, "name": 5}, {**GOOD, "name": ""}, {**GOOD, "name": "a\nb"}, {**GOOD, "name": "x" * 10_000},
        {**GOOD, "key": 5}, {**GOOD, "key": KEY + "0"}, {**GOOD, "key": ""}, {**GOOD, "key": "\x1b[31m evil\u202e xx"},
        {**GOOD, "key": "0123456789ABCDEF"},
        {**GOOD, "context": 5}, {**GOOD, "context": "{"}, {**GOOD, "context": "[1]"},
        {**GOOD, "step": 1.5}, {**GOOD, "step": True}, {**GOOD, "step": 2**63}, {**GOOD, "step": -(2**63) - 1},
        {**GOOD, "step": "1"},
    ],
)  # fmt: skip
def test_what_no_writer_gives_is_passed_over(item: Any) -> None:
    """A strange member costs itself alone."""
    assert computed.read({"computed": [item, GOOD]}, "w") == [Computed("f1", None, None, KEY, "w")]


@given(JSON)
def test_anything_else_is_nothing(source: Any) -> None:
    """Whatever stands where the source is, what is read has a name, a key and a place, or is not there."""
    for found in computed.read(source, "w") + computed.read({"computed": source}, "w"):
        assert found.name
        assert len(found.key) == 16
