"""Charts as data: what was given comes back, equal data are equal bytes, and what is damaged is said."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import DamagedFile, InvalidValue
from ledger.evaluate import evaluate
from ledger.format import charts
from ledger.format.values import Undefined

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(["NaN", "$NaN", "-Infinity", "$", "$x"])
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(width=64) | TEXTS
FACTS = st.recursive(
    SCALARS | st.builds(Undefined, TEXTS.filter(str.strip)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def alike(a: Any, b: Any) -> bool:
    """Say whether two values are the same, bit for bit, NaN included."""
    if isinstance(a, float) and isinstance(b, float):
        return (a != a and b != b) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(alike(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(alike, a, b))
    return type(a) is type(b) and bool(a == b)


@given(st.integers(0, 4).flatmap(lambda n: st.dictionaries(TEXTS, st.lists(SCALARS, min_size=n, max_size=n))), FACTS)
def test_what_was_given_comes_back(columns: dict[str, list[Any]], fact: Any) -> None:
    """Values, their types and the order of the columns; encoded again it is the same bytes."""
    data = charts.encode("table", columns, {"fact": fact})
    found = charts.decode(data)
    assert found.kind == charts.kind_of(data) == "table"
    assert list(found.columns) == list(columns)
    assert alike(found.columns, columns)
    assert alike(found.facts, {"fact": fact})
    assert charts.encode(*found) == data


def test_the_bytes() -> None:
    """Shortest floats, no blanks, facts sorted, columns in their order, arrays as lists, one LF at the end."""
    columns = {"y": np.array([0.1, np.nan, -0.0]), "a": np.array([1, 2, 3], np.int32), "class": ["ä", "NaN", "$NaN"]}
    facts = {"n": np.int64(3), "auc": Undefined("one class"), "area": float("-inf"), "of": {"b": (1, 2), "$a": None}}
    assert charts.encode("roc", columns, facts).decode() == (
        '{"schema":"ledger.chart/1","kind":"roc","columns":{"y":[0.1,"NaN",-0.0],"a":[1,2,3],'
        '"class":["ä","$NaN","$$NaN"]},"facts":{"area":"-Infinity","auc":{"$undefined":"one class"},"n":3,'
        '"of":{"$$a":null,"b":[1,2]}}}\n'
    )
    assert charts.encode("roc", {}, {"a": 1, "b": 2}) == charts.encode("roc", {}, {"b": 2, "a": 1})


@pytest.mark.parametrize(
    ("columns", "facts", "said"),
    [
        ({"x": [1], "y": [1, 2]}, {}, "the column 'x' of the chart has 1 values, and 'y' has 2"),
        ({"x": [[1]]}, {}, "no single value"),
        ({"x": [object()]}, {}, "no JSON form"),
        ({"x": ["\ud800"]}, {}, "no valid Unicode|not valid Unicode"),
        ({"x": [2**64]}, {}, "beyond 64 bits"),
        ({1: [1]}, {}, "must be text"),
        ({}, {"a": {1: 2}}, "must be text"),
        ({"x": range(charts.ROWS_MAX + 1)}, {}, "at most 1048576 rows"),
    ],
)
def test_what_has_no_such_form_is_refused(columns: Any, facts: Any, said: str) -> None:
    """With one error that says what it is."""
    with pytest.raises(InvalidValue, match=said):
        charts.encode("table", columns, facts)


def test_facts_that_are_nested_for_ever_are_refused() -> None:
    """When written and when read."""
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    with pytest.raises(InvalidValue, match="nested deeper"):
        charts.encode("table", {}, {"a": deep})
    for depth in (100, 100_000):
        text = f'{{"schema":"{charts.SCHEMA}","kind":"x","columns":{{}},"facts":{{"a":{"[" * depth}{"]" * depth}}}}}'
        with pytest.raises(DamagedFile, match="nested"):
            charts.decode(text.encode())


WHOLE = {"schema": charts.SCHEMA, "kind": "roc", "columns": {"x": [1.0]}, "facts": {}}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{",
        json.dumps(WHOLE | {"schema": "ledger.chart/2"}).encode(),
        json.dumps(WHOLE | {"kind": 1}).encode(),
        json.dumps(WHOLE | {"columns": []}).encode(),
        json.dumps(WHOLE | {"columns": {"x": 1}}).encode(),
        json.dumps(WHOLE | {"columns": {"x": [1], "y": []}}).encode(),
        json.dumps(WHOLE | {"columns": {"x": [{}]}}).encode(),
        json.dumps(WHOLE | {"facts": {"a": {"$b": 1}}}).encode(),
        json.dumps(WHOLE | {"facts": {"a": {"$undefined": 1}}}).encode(),
        json.dumps(WHOLE | {"facts": {"a": math.nan}}).encode(),
        json.dumps(WHOLE | {"facts": {"a": 2**64}}).encode(),
        json.dumps(WHOLE).replace("1.0", "1e999").encode(),
        json.dumps(WHOLE).replace("1.0", "9" * 5000).encode(),
        b" " * (charts.BYTES_MAX + 1),
    ],
    ids=range(17),
)
def test_what_is_no_chart_is_damage(data: bytes) -> None:
    """Never another error, never a value that is not there."""
    with pytest.raises(DamagedFile):
        charts.decode(data, "the chart roc")


def test_only_charts_have_a_kind() -> None:
    """Other JSON, and other bytes, have none."""
    assert charts.kind_of(b'{"schema":"ledger.chart/1","kind":"roc","col') == "roc"
    assert [charts.kind_of(data) for data in (b"", b"{}", b'{"kind":"roc"}', b"\x89PNG")] == [None] * 4


def test_the_page_quotes_what_is_written() -> None:
    """The example of docs/format/charts.md is what these values become; each kind that an evaluation draws is there."""
    page = (Path(__file__).parents[2] / "docs" / "format" / "charts.md").read_text("utf-8")
    columns = {"fpr": [0.0, 0.0, 1.0], "tpr": [0.0, 0.5, 1.0], "threshold": [0.9, 0.4, -math.inf]}
    assert charts.encode("roc", columns, {"auc": 0.75}).decode() in page
    flags = np.eye(3, dtype=int)[[0, 1, 2, 0]]
    drawn = [
        evaluate([0, 1, 0, 1], y_score=[0.1, 0.9, 0.6, 0.4], kind="binary"),
        evaluate([0, 1, 2, 0], y_score=flags * 0.7 + 0.1, kind="multiclass"),
        evaluate(flags, y_score=flags * 0.7 + 0.1, kind="multilabel"),
        evaluate([0.0, 1.0, 2.0], [0.0, 1.0, 3.0], kind="regression"),
        evaluate(flags.reshape(1, 4, 3), flags.reshape(1, 4, 3), kind="segmentation"),
    ]
    kinds = {chart.kind for found in drawn for chart in found.charts.values()}
    assert {kind for kind in kinds if f"| `{kind}` |" not in page} == set()
    named = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    for found in drawn:
        for chart in found.charts.values():
            row = next(line for line in page.splitlines() if line.startswith(f"| `{chart.kind}` |"))
            assert chart.kind in named
            if chart.kind not in ("table", "threshold", "histogram"):
                assert all(f"`{column}`" in row or column == "class" for column in chart.columns), row
