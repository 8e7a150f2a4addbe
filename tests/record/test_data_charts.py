"""Chart data without predictions: what callers give, in its many shapes, and what is refused."""

import datetime
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ledger
from ledger.errors import InvalidValue
from ledger.evaluate import ChartData

pytestmark = pytest.mark.usefixtures("workdir")


def logged(method: str, *given: Any, **options: Any) -> ChartData:
    """Log a chart to an open run, and to it again when it is closed; return the data, which are the same."""
    with ledger.start("a") as run:
        getattr(run, method)("open", *given, **options)
    led = ledger.open()
    getattr(led.run(run.id), method)("closed", *given, **options)
    blobs = {chart.name: chart.blob for chart in led.state(run.id).charts}
    assert blobs["open"] == blobs["closed"]
    return led.chart_data(run.id, "open")


def test_a_curve() -> None:
    """Columns x and y, labels as facts; several curves over one x are columns of their names; a step, a context."""
    found = logged("log_curve", [1, 2, 3], np.array([0.5, math.nan, 0.25]), x_label="rows", y_label="loss", step=3)
    assert (found.kind, found.columns["x"]) == ("curve", [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(found.columns["y"], [0.5, math.nan, 0.25])
    assert found.facts == {"x_label": "rows", "y_label": "loss"}
    found = logged("log_curve", range(2), {"train": [1, 2], "val": pd.Series([3, 4])}, context={"fold": 1})
    assert list(found.columns.items()) == [("x", [0.0, 1.0]), ("train", [1.0, 2.0]), ("val", [3.0, 4.0])]


def test_a_confusion_matrix() -> None:
    """Of labels, or as it was counted elsewhere: one row a pair, truth by truth."""
    found = logged("log_confusion_matrix", ["a", "b", "b"], ["a", "a", "b"])
    assert (found.kind, found.facts) == ("confusion", {"labels": ["a", "b"], "n": 3.0})
    assert found.columns == {"true": list("aabb"), "predicted": list("abab"), "count": [1.0, 0.0, 1.0, 1.0]}
    counted = logged("log_confusion_matrix", matrix=[[1, 0], [1, 1]], labels=np.array(["a", "b"]))
    assert (counted.columns, counted.facts) == (found.columns, found.facts)
    assert logged("log_confusion_matrix", matrix=np.eye(2)).facts["labels"] == [0, 1]


def test_a_histogram() -> None:
    """Bins of equal width or between edges; what is no finite number, or outside, is counted apart."""
    found = logged("log_histogram", [[0.0, 1.0], [1.0, 4.0]], 4)
    assert found.columns == {"low": [0.0, 1.0, 2.0, 3.0], "high": [1.0, 2.0, 3.0, 4.0], "count": [1, 2, 0, 1]}
    assert found.facts["n"] == 4
    found = logged("log_histogram", [0.5, math.nan, math.inf, 7.0], bins=[0, 1, 2])
    assert found.columns["count"] == [1, 0]
    assert (found.facts["not_finite"], found.facts["outside"], found.facts["n"]) == (2, 1, 2)
    assert sum(logged("log_histogram", [3.0, 3.0]).columns["count"]) == 2
    widest = logged("log_histogram", [-1.5e308, 1.5e308, 0.1], 3)
    assert widest.columns["count"] == [1, 1, 1]
    assert widest.columns["high"][-1] == 1.5e308


def test_a_table() -> None:
    """A DataFrame, mappings with gaps, lists: columns keep their order; dates are text, missing is None."""
    moment = datetime.date(2026, 1, 2)
    frame = pd.DataFrame({"z": [1.5, math.nan], "a": ["x", None], "n": pd.array([1, None], dtype="Int64")})
    found = logged("log_table", frame)
    assert (found.kind, list(found.columns), found.columns["n"]) == ("table", ["z", "a", "n"], [1, None])
    assert math.isnan(found.columns["z"][1])
    found = logged("log_table", [{"name": "a", "day": moment}, {"name": "b", "more": True}])
    assert found.columns == {"name": ["a", "b"], "day": ["2026-01-02", None], "more": [None, True]}
    found = logged("log_table", [["a", 1], ("b", np.float32(0.5))], columns=["name", "value"])
    assert found.columns == {"name": ["a", "b"], "value": [1, 0.5]}
    assert logged("log_table", {"x": np.arange(2)}).columns == {"x": [0, 1]}


def test_importances() -> None:
    """Names and values in the order given, with their deviations."""
    for both in ({"b": 0.25, "a": -0.5}, pd.Series([0.25, -0.5], index=["b", "a"])):
        assert logged("log_importance", both).columns == {"name": ["b", "a"], "value": [0.25, -0.5]}
    found = logged("log_importance", np.array(["b", "a"]), [0.25, -0.5], std=[0.1, 0.2])
    assert found.kind == "importance"
    assert found.columns == {"name": ["b", "a"], "value": [0.25, -0.5], "std": [0.1, 0.2]}


@pytest.mark.parametrize(
    ("method", "given", "options", "said"),
    [
        ("log_curve", ([1, 2], [1]), {}, "x has 2 values, and y has 1"),
        ("log_curve", ([1], ["a"]), {}, "y must hold numbers"),
        ("log_curve", ([1], {}), {}, "curves are named"),
        ("log_curve", ([[1, 2]], [1]), {}, "x has the shape"),
        ("log_confusion_matrix", (), {}, "needs y_true and y_pred, or matrix"),
        ("log_confusion_matrix", ([1], [1]), {"matrix": [[1]]}, "not by both"),
        ("log_confusion_matrix", ([], []), {}, "no confusion matrix: no rows"),
        ("log_confusion_matrix", (), {"matrix": [[1, 2]]}, "must be \\(K, K\\)"),
        ("log_confusion_matrix", (), {"matrix": [[-1]]}, "negative"),
        ("log_confusion_matrix", (), {"matrix": [[1]], "labels": ["a", "b"]}, "1 rows, and labels has 2"),
        ("log_confusion_matrix", (), {"matrix": np.eye(2), "labels": ["a", "a"]}, "twice"),
        ("log_importance", (["a"],), {}, "values is not given"),
        ("log_importance", ({"a": 1.0}, [1.0]), {}, "values is given too"),
        ("log_histogram", ([math.nan],), {}, "no values that are finite"),
        ("log_histogram", ([1.0],), {"bins": 0}, "from 1 to 10000"),
        ("log_histogram", ([1.0],), {"bins": [1, 1]}, "that rise"),
        ("log_histogram", ([1.0, 1.0000000000000002],), {"bins": 5}, "float64 can tell apart"),
        ("log_table", ([],), {}, "no columns"),
        ("log_table", ([[1]],), {}, "no names of columns"),
        ("log_table", ([[1], [1, 2]],), {"columns": ["a"]}, "does not have 1 values"),
        ("log_table", ([{"a": object()}],), {}, "no JSON form"),
        ("log_table", ({"a": [1], "b": []},), {}, "a has 1 values, and b has 0"),
        ("log_table", ("text",), {}, "not str"),
        ("log_importance", (["a"], [1, 2]), {}, "name has 1 values, and value has 2"),
    ],
)
def test_what_is_no_such_chart_is_refused(method: str, given: Any, options: Any, said: str) -> None:
    """With one error; nothing is written."""
    with ledger.start("a") as run, pytest.raises(InvalidValue, match=said):
        getattr(run, method)("chart", *given, **options)
    assert ledger.open().state("a").charts == []
