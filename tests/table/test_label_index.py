"""Labels of several kinds become one kind only where each says exactly what it said."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.format.predictions import Column
from ledger.table.label_index import Index, of_one_kind

NUMPY = {"bool": np.bool_, "int64": np.int64, "uint64": np.uint64, "float32": np.float32, "float64": np.float64}
EDGES = [0, 1, 2**24, 2**24 + 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -1, -(2**53) - 1, -(2**63)]
ELEMENTS: dict[str, Any] = {
    "bool": st.booleans(),
    "int64": st.sampled_from([n for n in EDGES if -(2**63) <= n < 2**63]) | st.integers(-3, 3),
    "uint64": st.sampled_from([n for n in EDGES if n >= 0]),
    "float32": st.floats(width=32, allow_nan=False) | st.sampled_from([1.0, float(2**24)]),
    "float64": st.floats(allow_nan=False) | st.sampled_from([float(n) for n in EDGES]),
    "text": st.sampled_from([str(n) for n in EDGES] + ["01", "a", "", "1.0", "-0", "٣"]),
}


def made(kind: str, values: list[Any]) -> Column:
    """Return a column of values."""
    return Column(kind, np.array(values, object if kind == "text" else NUMPY[kind]))


columns = st.sampled_from(list(ELEMENTS)).flatmap(
    lambda kind: st.lists(ELEMENTS[kind], min_size=1, max_size=3).map(lambda values: made(kind, values))
)


def same(before: Any, after: Any) -> bool:
    """Say whether two values say the same, as Python compares whole numbers and floats: exactly."""
    if isinstance(before, str) != isinstance(after, str):
        return str(before) == str(after) and not isinstance(before, float) and not isinstance(after, float)
    return bool(before == after)


@given(st.lists(columns, min_size=1, max_size=3), st.none() | st.sampled_from(list(ELEMENTS)))
@example([made("int64", [2**53 + 1]), made("float64", [0.5])], None)
@example([made("uint64", [2**63]), made("int64", [-1])], None)
@example([made("float64", [2.0**63])], "int64")
@example([made("float64", [float("inf")])], "int64")
@example([made("text", ["9223372036854775808"])], "int64")
def test_nothing_is_rounded(parts: list[Column], preferred: str | None) -> None:
    """What comes out is, value by value, what went in; a kind that all have is always possible."""
    found = of_one_kind(parts, preferred)
    kinds = {part.kind for part in parts}
    if found is None:
        assert len(kinds) > 1
        return
    kind, values = found
    for part, now in zip(parts, values, strict=True):
        assert all(map(same, part.values.tolist(), now.tolist())), (part, now)
        assert len(part.values) == len(now)
    assert now.dtype == (object if kind == "text" else NUMPY[kind])


@pytest.mark.parametrize("keys", [["a", "b", "a"], [5, 3, 5], []], ids=str)
def test_an_index_of_few(keys: list[Any]) -> None:
    """Positions are those of different ids; the last row counts; sets without rows are none."""
    kind = "text" if keys[:1] == ["a"] else "int64"
    index = Index([(made(kind, keys), made("int64", list(range(len(keys))))), (made(kind, []), made("int64", []))])
    asked = made(kind, list(dict.fromkeys(keys)) + (["z"] if kind == "text" else [99]))
    at = index.find(asked)
    assert at[-1] == -1
    assert [int(index.rows[i]) for i in at[:-1]] == [
        max(n for n, k in enumerate(keys) if k == key) for key in dict.fromkeys(keys)
    ]
    assert index.disputed.sum() == (1 if keys else 0)
    assert set(index.sets.tolist()) <= {0}
