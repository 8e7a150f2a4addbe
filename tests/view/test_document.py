"""JSON documents: exact, in a fixed order, safe to print, with the fields that scripts rely on."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.store.state import Chart, EntryNote, RunState, Summary
from ledger.view.document import charts_document, encode, ls_document, run_document, show_document
from ledger.view.rows import is_unsafe

TIME = 1_795_317_301_000_000
PLAIN = Summary(3, 0, 0.5, 0, 0.9, 2, 0.4, 1, 0.9, 2, 0.6)
NO_VALUE = Summary(1, 1, math.nan, None, math.nan, None, None, None, None, None, None)
UNDEFINED = Summary(0, 0, None, None, None, 2, None, None, None, None, None, "only one class")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def a_run(**fields: Any) -> RunState:
    """A small finished run with the fields given."""
    known: dict[str, Any] = {
        "id": "20261122-031501-baseline-7f3a9c2e1b0d", "name": "baseline", "status": "finished", "created": TIME,
        "finished": TIME + 1_500_000, "author": "Ada", "group": None, "parent": None, "seed": None, "note": None,
        "tags": ["cv"], "params": {"optimizer": {"lr": 0.1}}, "git": None, "program": {"argv": ["train.py"]},
        "metrics": {"val/loss": PLAIN}, "charts": [], "predictions": [], "entries": [],
    }  # fmt: skip
    return RunState(**(known | fields))


@given(st.dictionaries(st.text(), values, max_size=4))
def test_a_document_comes_back_exactly(document: dict[str, Any]) -> None:
    """JSON readers give back every value bit for bit and every key in its order; the text is safe and ends in LF."""
    text = encode(document)
    read = json.loads(text)
    assert repr(read) == repr(document)
    assert list(read) == list(document)
    assert text.endswith("\n")
    assert not any(is_unsafe(c) for c in text.replace("\n", ""))


@given(st.dictionaries(st.text(), values, max_size=4))
def test_a_document_is_laid_out_like_the_json_module(document: dict[str, Any]) -> None:
    """Apart from escapes the layout is that of json.dumps with an indent of two."""
    expected = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    assert encode(document).count("\n") == expected.count("\n")
    if not any(is_unsafe(c) for c in expected.replace("\n", "")):
        assert encode(document) == expected


def test_values_without_json_form() -> None:
    """Non-finite floats are texts, floats have their shortest form, what could steer a terminal is escaped."""
    text = encode({"a": [math.nan, math.inf, -math.inf, -0.0, 5e-9, 1e16], "b": "é数\u202e\x9b\u2028\U000e0001\ud800"})
    assert text == (
        '{\n  "a": [\n    "NaN",\n    "Infinity",\n    "-Infinity",\n    -0.0,\n    5e-09,\n    1e+16\n  ],\n'
        '  "b": "é数\\u202e\\u009b\\u2028\\udb40\\udc01\\ud800"\n}\n'
    )
    assert encode({}) == "{}\n"
    with pytest.raises(TypeError, match="no JSON form"):
        encode({"a": object()})


def test_run_document_has_the_fields_of_ls() -> None:
    """The keys of one run in their order; what has no value is left out; params stay nested."""
    document = run_document(a_run())
    assert list(document) == ["id", "name", "status", "created", "finished", "author", "tags", "params", "metrics"]
    assert document["created"] == "2026-11-22T03:15:01Z"
    assert document["finished"] == "2026-11-22T03:15:02.500000Z"
    assert document["params"] == {"optimizer": {"lr": 0.1}}
    full = run_document(a_run(group="g", parent="p", seed=0, note=""))
    assert (full["group"], full["parent"], full["seed"], full["note"]) == ("g", "p", 0, "")
    assert "finished" not in run_document(a_run(finished=None, status="running"))


def test_metrics_always_have_what_scripts_rely_on() -> None:
    """last, min, max, mean, count and last_step are there, null without a value; keys are sorted."""
    document = run_document(a_run(metrics={"b": NO_VALUE, "a": PLAIN, "c": UNDEFINED}))["metrics"]
    assert list(document) == ["a", "b", "c"]
    required = ["last", "min", "max", "mean", "count", "last_step"]
    assert all(list(metric)[:6] == required for metric in document.values())
    assert document["a"] == {
        "last": 0.9, "min": 0.4, "max": 0.9, "mean": 0.6, "count": 3, "last_step": 2,
        "first": 0.5, "first_step": 0, "min_step": 1, "max_step": 2,
    }  # fmt: skip
    assert document["b"]["nan"] == 1
    assert math.isnan(document["b"]["last"])
    assert document["b"]["min"] is None
    assert document["c"] == {"last": None, "min": None, "max": None, "mean": None, "count": 0, "last_step": 2,
                             "undefined": "only one class"}  # fmt: skip


def test_ls_document_keeps_the_order_of_runs() -> None:
    """`ls` is one object with its schema and the runs as given."""
    document = ls_document([a_run(name="b"), a_run(name="a")])
    assert list(document) == ["schema", "runs"]
    assert document["schema"] == "ledger.ls/1"
    assert [run["name"] for run in document["runs"]] == ["b", "a"]


def test_show_document_has_the_keys_of_ls_and_more() -> None:
    """The keys of `ls` at the top level, then charts, predictions, entries, git, program and what is out of order."""
    entries = [
        EntryNote("a" * 16, "open", TIME, "Ada", False),
        EntryNote("b" * 16, "rows", TIME, "Bo", True, True, "x"),
    ]
    state = a_run(entries=entries, notices=["gap"], conflicts=["note"], exit_status=1, error="boom", status="failed")
    document = show_document(state)
    assert document["schema"] == "ledger.show/1"
    assert {key: document[key] for key in run_document(state)} == run_document(state)
    assert document["git"] is None
    assert document["program"] == {"argv": ["train.py"]}
    assert document["entries"] == [
        {"id": "a" * 16, "kind": "open", "time": "2026-11-22T03:15:01Z", "author": "Ada"},
        {"id": "b" * 16, "kind": "rows", "time": "2026-11-22T03:15:01Z", "author": "Bo", "retracted": True,
         "late": True, "reason": "x"},
    ]  # fmt: skip
    assert (document["attempts"], document["exit_status"], document["error"]) == (1, 1, "boom")
    assert (document["notices"], document["conflicts"]) == (["gap"], ["note"])
    assert not {"notices", "conflicts", "error", "exit_status", "retracted"} & set(show_document(a_run()))


def test_charts_are_in_a_fixed_order() -> None:
    """Charts by name, context and step, one without step last and without the key; a context is an object."""

    def chart(name: str, step: int | None, context: str | None = None) -> Chart:
        return Chart(name, context, step, "0" * 64, "png", "image/png", 7, None, TIME)

    document = charts_document(
        a_run(charts=[chart("roc", None), chart("roc", 10), chart("pr", 1, '{"fold":1}'), chart("roc", 9)])
    )
    assert list(document) == ["schema", "id", "name", "charts"]
    assert [(c["name"], c.get("step")) for c in document["charts"]] == [
        ("pr", 1),
        ("roc", 9),
        ("roc", 10),
        ("roc", None),
    ]
    assert document["charts"][0] == {
        "name": "pr", "context": {"fold": 1}, "step": 1, "blob": "0" * 64, "media_type": "image/png", "bytes": 7,
        "extension": "png",
    }  # fmt: skip
    assert "step" not in document["charts"][3]
    assert charts_document(a_run(charts=[chart("roc", 1, "{x")]))["charts"][0]["context"] == "{x"
