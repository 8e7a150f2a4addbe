"""Where a value came from: the part of an entry's source that is about one cell, and that part in a few words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger
from ledger.format.computed import key
from ledger.record import late
from ledger.record.calls import check_rows
from ledger.table.history import CellHistory
from ledger.table.sources import brief, of_cell
from tests.conftest import run_cli

F2 = {
    "name": "test/f2",
    "key": key(of="f2"),
    "function": "ledger.evaluate:f2",
    "rows": 1000,
    "inputs": {"y_true": "0" * 64},
}
FOLD = {**F2, "context": '{"fold":1}', "rows": 10}
STEP = {**F2, "step": 3, "rows": 30}
BUNDLE = {**F2, "name": "test/binary", "rows": 5}
COMPUTED = {"by": "backfill", "versions": {"numpy": "2"}}


@pytest.mark.parametrize(
    ("cell", "rows"),
    [
        (("test/f2", None, None), 1000),
        (("test/f2", '{"fold":1}', None), 10),
        (("test/f2", None, 3), 30),
        (("test/f1", None, 3), 30),
        (("test/f2", '{"class":"cat"}', None), 1000),
        (("val/f2", None, None), None),
        (("test/f2", None, 4), None),
    ],
)
def test_the_part_of_one_cell(cell: tuple[str, str | None, int | None], rows: int | None) -> None:
    """By name, context and step; else what was computed of the same split, as a bundle; else none."""
    found = of_cell({**COMPUTED, "computed": [F2, FOLD, STEP]}, *cell)
    assert found is not None
    assert found["versions"] == {"numpy": "2"}
    assert [item["rows"] for item in found.get("computed", [])] == ([] if rows is None else [rows])


def test_a_value_of_a_bundle_has_the_inputs_of_the_bundle() -> None:
    """`test/binary` stands for all of its metrics, of each class too."""
    found = of_cell({**COMPUTED, "computed": [BUNDLE]}, "test/recall", '{"class":"cat"}', None)
    assert found is not None
    assert found["computed"] == [BUNDLE]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (None, None),
        ({}, None),
        ({"by": "backfill"}, "given"),
        ({"by": "somebody"}, None),
        ({"by": "backfill", "file": {"name": "t.csv", "sha256": "0" * 64}}, "t.csv"),
        ({"by": "backfill", "file": {"name": "t.csv"}, "line": 12}, "t.csv, line 12"),
        ({"by": "backfill", "file": {"name": "t.csv"}, "lines": [2, 9]}, "t.csv, lines 2 to 9"),
        ({**COMPUTED, "computed": []}, "given"),
        ({**COMPUTED, "computed": [F2]}, "ledger.evaluate:f2 of 1000 rows"),
        ({**COMPUTED, "computed": [F2, FOLD]}, "ledger.evaluate:f2"),
        (
            {**COMPUTED, "computed": [{**F2, "labels": {"known": 370, "of": 1000, "entries": []}}]},
            "ledger.evaluate:f2 of 1000 rows, 370 of 1000 labels in",
        ),
        (
            {**COMPUTED, "options": {"threshold": 0.3, "top": [1]}, "computed": [F2]},
            "ledger.evaluate:f2, threshold 0.3, top, of 1000 rows",
        ),
        (
            {**COMPUTED, "computed": [{**F2, "labels": {"known": 1, "of": 9, "as_of": "2026-03-01T00:00:00.000000Z"}}]},
            "ledger.evaluate:f2 of 1000 rows, 1 of 9 labels in as of 2026-03-01",
        ),
        (
            {**COMPUTED, "computed": [{**F2, "labels": {"known": 1, "of": 9, "as_of": "2026-03-01T12:30:00.000000Z"}}]},
            "ledger.evaluate:f2 of 1000 rows, 1 of 9 labels in as of 2026-03-01 12:30",
        ),
        ({"computed": [{"function": "m:" + "f" * 100}]}, "m:" + "f" * 57 + "…"),
        ({"computed": [{"function": 3}], "file": "t.csv", "line": "x"}, None),
    ],
)
def test_in_words(source: Any, text: str | None) -> None:
    """The function and how many rows, the file and the line, or that it was given."""
    assert brief(source) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["by", "function", "file", "line", "lines", "computed", "name", "step", "rows", "labels", "options"]
)


@given(source=JSON | st.dictionaries(FIELDS, JSON | st.lists(st.dictionaries(FIELDS, JSON))))
def test_any_source_is_read(source: Any) -> None:
    """Somebody else may have written it: what it says is shown, or nothing."""
    found = of_cell(source, "test/f2", None, None)
    assert found is None or isinstance(found, dict)
    assert isinstance(brief(found), str | None)


def test_the_history_has_it(workdir: object) -> None:
    """In the answer, in JSON, in the frame and on the terminal; of values that were logged there is none."""
    run_cli("log", "--run", "a", "test/f2=0.5")
    led = ledger.open()
    call = check_rows({"test/f2": 0.6}, None)
    late.write(led.tree, led.resolve("a"), [call], [], "Ada", None, source={**COMPUTED, "computed": [F2, FOLD]})
    found = led.history("a", "test/f2")
    assert isinstance(found, CellHistory)
    assert [value.source for value in found.values] == [None, {**COMPUTED, "computed": [F2]}]
    assert [value.get("source") for value in found.to_json()["values"]] == [None, {**COMPUTED, "computed": [F2]}]
    assert found.frame()["source"].tolist()[1] == "ledger.evaluate:f2 of 1000 rows"
    assert found.frame()["source"].isna().tolist() == [True, False]
    assert "ledger.evaluate:f2 of 1000 rows" in run_cli("history", "a", "test/f2").out
    assert run_cli("history", "a", "test/f2", "--csv").out.splitlines()[2].endswith(",ledger.evaluate:f2 of 1000 rows")


def test_a_source_does_not_steer_the_terminal(workdir: object) -> None:
    """Control characters of a function's or a file's name are written out."""
    run_cli("log", "--run", "a", "x=1")
    led = ledger.open()
    late.write(led.tree, led.resolve("a"), [check_rows({"x": 2.0}, None)], [], "Ada", None,
               source={"by": "backfill", "file": {"name": "a\x1b[31m.csv"}, "line": 2})  # fmt: skip
    for form in ([], ["--md"], ["--json"]):
        assert "\x1b" not in run_cli("history", "a", "x", *form).out


def test_a_chart_is_no_value() -> None:
    """A metric and a chart may have one name: a value has the source of the bundle that it is of."""
    source = {
        "by": "backfill",
        "computed": [
            {"name": "test/ks", "chart": True, "function": "ledger.evaluate:ks_chart"},
            {"name": "test/binary", "function": "ledger.evaluate:binary"},
        ],
    }
    found = of_cell(source, "test/ks", None, None)
    assert found is not None
    assert [item["name"] for item in found["computed"]] == ["test/binary"]
