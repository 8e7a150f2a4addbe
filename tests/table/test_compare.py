"""Comparisons: rows in order, the best runs, joined aliases, chosen metrics, JSON and frames."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import NoSuchMetric, NoSuchRun, UsageError
from ledger.format.values import Undefined
from ledger.schema import Metric, Schema
from ledger.store.state import Chart, RunState, Summary
from ledger.table.compare import compare

NAN, INF = math.nan, math.inf
PLAIN = Schema()
ALIASED = Schema(metrics=(Metric(glob="val/auc", goal="maximize", unit="1", alias=("val_auc",)),))


def summary(last: float | None, undefined: str | None = None, step: int | None = 2) -> Summary:
    """A metric whose last value and step are as given."""
    return Summary(3, 0, 0.1, 0, last, step, -1.0, 1, 2.0, 0, 0.5, undefined)


def chart(name: str, blob: str, step: int | None = None, context: str | None = None) -> Chart:
    """A picture."""
    return Chart(name, context, step, blob * 64, "png", "image/png", 10, None, 0)


def run(name: str, metrics: dict[str, Any] | None = None, *, id: str | None = None, **changes: Any) -> RunState:
    """A finished run whose metrics are last values or summaries; its id is its name in capitals unless given."""
    folded = {key: v if isinstance(v, Summary) else summary(v) for key, v in (metrics or {}).items()}
    base: dict[str, Any] = {
        "id": id or name.upper(), "name": name, "status": "finished", "created": 0, "finished": 1, "author": "ada",
        "group": None, "parent": None, "seed": None, "note": None, "tags": [], "params": {}, "git": None, "program": {},
        "metrics": folded, "charts": [], "predictions": [], "entries": [],
    }  # fmt: skip
    return RunState(**(base | changes))


def test_json_is_exactly_as_documented() -> None:
    """Absent values are left out, undefined ones are null with their reason, goal and unit only where known."""
    a = run("a", {"val/auc": 0.9, "wobble": NAN}, params={"opt": {"lr": 0.1}, "n": None}, charts=[chart("roc", "1")])
    b = run("b", {"val_auc": summary(None, "one class")}, params={"opt": {"lr": 0.1}}, charts=[chart("roc", "2")])
    c = run("c", {"val/auc": 0.7})
    shown = compare([a, b, c], ALIASED).to_json()
    assert math.isnan(shown["metrics"][1]["values"].pop("A"))
    assert shown == {
        "schema": "ledger.compare/1",
        "runs": [{"id": "A", "name": "a"}, {"id": "B", "name": "b"}, {"id": "C", "name": "c"}],
        "params": [{"name": "n", "values": {"A": None}}, {"name": "opt.lr", "values": {"A": 0.1, "B": 0.1}}],
        "metrics": [
            {
                "name": "val/auc", "goal": "maximize", "unit": "1", "values": {"A": 0.9, "B": None, "C": 0.7},
                "undefined": {"B": "one class"}, "best": ["A"],
            },
            {"name": "wobble", "values": {}, "best": []},
        ],
        "charts": [{"name": "roc", "runs": ["A", "B"], "equal": False}],
    }  # fmt: skip
    assert list(shown["metrics"][0]) == ["name", "goal", "unit", "values", "undefined", "best"]


@pytest.mark.parametrize(
    ("goal", "values", "best"),
    [
        ("maximize", [1.0, 2.0, 2.0], "BC"), ("minimize", [1.0, 2.0, 2.0], "A"), (None, [1.0, 2.0], ""),
        ("maximize", [1.0], ""), ("maximize", [1.0, NAN], ""), ("maximize", [1.0, NAN, 0.5], "A"),
        ("maximize", [NAN, NAN], ""), ("minimize", [0.0, -0.0], "AB"), ("maximize", [-0.0, 0.0, -1.0], "AB"),
        ("maximize", [INF, 1.0], ""), ("maximize", [INF, 1.0, 2.0], "A"), ("minimize", [INF, 1.0, 2.0], "B"),
        ("maximize", [1.0, None], ""), ("maximize", [1.0, None, 3.0], "C"), ("maximize", [1.0, 1.0], "AB"),
    ],
)  # fmt: skip
def test_best(goal: str | None, values: list[float | None], best: str) -> None:
    """Every run that attains the best value; NaN never, none without a goal or two finite values."""
    schema = Schema(metrics=(Metric(glob="x", goal=goal),))
    states = [run("abc"[i], {"x": summary(v, "why")}) for i, v in enumerate(values)]
    assert compare(states, schema).metrics[0].best == list(best)


@given(st.lists(st.floats(), min_size=1, max_size=6), st.sampled_from(["maximize", "minimize"]))
def test_nothing_beats_the_best(values: list[float], goal: str) -> None:
    """No run is better than those in `best`, and all in `best` are equal."""
    states = [run(str(i), {"x": v}) for i, v in enumerate(values)]
    row = compare(states, Schema(metrics=(Metric(glob="x", goal=goal),))).metrics[0]
    sign = 1 if goal == "maximize" else -1
    for best in row.best:
        assert all(not sign * v > sign * values[int(best)] for v in values)
    assert bool(row.best) == (sum(map(math.isfinite, values)) >= 2)


def test_steps_and_values() -> None:
    """Each value stands beside its step; a metric that has no value at all leaves its run out."""
    states = [run("a", {"x": summary(1.0, step=7)}), run("b", {"x": summary(None, "r", step=None)}),
              run("c", {"x": summary(None)}), run("d")]  # fmt: skip
    row = compare(states, PLAIN).metrics[0]
    assert row.values == {"A": 1.0, "B": Undefined("r")}
    assert row.steps == {"A": 7, "B": None}


def test_rows_are_in_natural_order() -> None:
    """Parameters by name, metrics by name and then context, numbers as numbers, whatever the order of the runs."""
    metrics = dict.fromkeys(["m{fold=10}", "m{fold=2}", "m10", "m", "m2"], 1.0)
    result = compare([run("a", metrics, params={"p10": 1, "p9": 1}), run("b", params={"p1": {"b": 1, "a": 2}})], PLAIN)
    assert [row.name for row in result.metrics] == ["m", "m{fold=2}", "m{fold=10}", "m2", "m10"]
    assert [row.name for row in result.params] == ["p1.a", "p1.b", "p9", "p10"]


def test_the_canonical_name_goes_before_its_alias() -> None:
    """A run with both spellings counts once, by the canonical one; contexts are joined as well."""
    states = [run("a", {"val_auc": 0.1, "val/auc": 0.2}), run("b", {"val_auc": 0.3, "val_auc{fold=1}": 0.4})]
    result = compare(states, ALIASED)
    assert [(row.name, row.values) for row in result.metrics] == [
        ("val/auc", {"A": 0.2, "B": 0.3}), ("val/auc{fold=1}", {"B": 0.4}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("globs", "keys"),
    [
        (["val/*"], ["val/auc", "val/auc{fold=1}", "val/f1"]), (["val/auc"], ["val/auc", "val/auc{fold=1}"]),
        (["val/auc{fold=1}"], ["val/auc{fold=1}"]), (["val/auc{ fold=1}"], ["val/auc{fold=1}"]),
        (["*{fold=*}"], ["val/auc{fold=1}"]), (["loss", "*/f1"], ["loss", "val/f1"]),
        (["val_auc"], ["val/auc", "val/auc{fold=1}"]),
        (["val_*"], ["val/auc"]), (["[l]oss"], ["loss"]), (["odd[1]"], ["odd[1]"]), ([], None),
    ],
)  # fmt: skip
def test_globs(globs: list[str], keys: list[str] | None) -> None:
    """A glob fits names, one with a brace whole keys; aliases and names with brackets are found as written."""
    states = [run("a", {"val/auc{fold=1}": 1.0, "val/f1": 1.0, "loss": 1.0, "odd[1]": 1.0}), run("b", {"val_auc": 1.0})]
    shown = [row.name for row in compare(states, ALIASED, metrics=globs).metrics]
    assert shown == (keys or ["loss", "odd[1]", "val/auc", "val/auc{fold=1}", "val/f1"])


@pytest.mark.parametrize(
    ("glob", "near"), [("val/acu", "val/auc"), ("auc", "val/auc"), ("tset/*", "ledger show"), ("val/auc{*", "val/auc")]
)
def test_a_glob_that_fits_nothing(glob: str, near: str) -> None:
    """It is an error with exit code 4, even beside one that fits."""
    with pytest.raises(NoSuchMetric) as caught:
        compare([run("a", {"val/auc": 1.0})], ALIASED, metrics=["val/auc", glob])
    assert near in str(caught.value)
    assert caught.value.exit_code == 4


def test_only_changed() -> None:
    """Rows in which all runs agree are left out: by JSON type and value, NaN equal to NaN, absence a difference."""
    a = run("a", {"s": NAN, "z": 0.0, "d": 1.0, "o": 1.0, "u": summary(None, "r")},
            params={"same": 1, "type": 1, "only": 1, "nan": NAN},
            charts=[chart("s", "1"), chart("d", "1")])  # fmt: skip
    b = run("b", {"s": NAN, "z": -0.0, "d": 2.0, "u": summary(None, "r")},
            params={"same": 1, "type": 1.0, "nan": NAN}, charts=[chart("s", "1", step=3), chart("d", "2")])  # fmt: skip
    result = compare([a, b], PLAIN, only_changed=True)
    assert [row.name for row in result.params] == ["only", "type"]
    assert [row.name for row in result.metrics] == ["d", "o"]
    assert [row.name for row in result.charts] == ["d"]
    assert len(compare([a, b], PLAIN).metrics) == 5


def test_charts_by_context_and_step() -> None:
    """Charts of one key are compared as series in order of step; a name with braces is no fault."""
    a = run(
        "a", charts=[chart("c", "1", 1), chart("c", "2", 2), chart("c", "3", context='{"fold":2}'), chart("{x}", "4")]
    )
    b = run("b", charts=[chart("c", "2", 2), chart("c", "1", 1), chart("c", "4", context='{"fold":2}')])
    rows = compare([a, b], PLAIN).charts
    assert [(row.name, row.runs, row.equal) for row in rows] == [
        ("c", ["A", "B"], True), ("c{fold=2}", ["A", "B"], False), ("{x}", ["A"], True),
    ]  # fmt: skip


def test_the_baseline() -> None:
    """The first run unless said, by id or name; another word is an error."""
    states = [run("a"), run("b"), run("b", id="B2")]
    assert compare(states, PLAIN).baseline == "A"
    assert compare(states, PLAIN, baseline="a").baseline == "A"
    assert compare(states, PLAIN, baseline="B2").baseline == "B2"
    for word in ("c", "b"):
        with pytest.raises(NoSuchRun):
            compare(states, PLAIN, baseline=word)


def test_few_runs() -> None:
    """A run given twice counts once, one run compares with nothing, no run is an error."""
    only = compare([run("a", {"auc": 1.0}), run("a", {"auc": 1.0})], PLAIN)
    assert len(only.runs) == 1
    assert only.metrics[0].best == []
    assert compare([run("a", {"auc": 1.0})], PLAIN, only_changed=True).metrics == []
    with pytest.raises(UsageError):
        compare([], PLAIN)


def test_frame() -> None:
    """A float column per run, then the goal; absent and undefined are NaN, infinities stay."""
    frame = compare([run("a", {"auc": 0.5, "x": INF}), run("b", {"auc": summary(None, "r")})], PLAIN).frame()
    assert list(frame.columns) == ["a", "b", "goal"]
    assert list(frame.index) == ["auc", "x"]
    assert frame.index.name == "metric"
    assert frame["a"].tolist() == [0.5, INF]
    assert frame["b"].isna().all()
    assert frame["goal"].tolist() == ["maximize", None]
    assert str(frame["a"].dtype) == "float64"


@pytest.mark.parametrize("names", [("a", "a"), ("a", "goal")])
def test_frame_columns_never_collide(names: tuple[str, str]) -> None:
    """Runs called alike, or `goal`, are shown by id."""
    frame = compare([run(name, {"auc": 1.0}, id=f"ID{i}") for i, name in enumerate(names)], PLAIN).frame()
    assert list(frame.columns) == ["ID0", "ID1", "goal"]


def test_empty_frames() -> None:
    """Runs without metrics or parameters give frames without rows, columns kept."""
    result = compare([run("a"), run("b")], PLAIN)
    assert result.frame().shape == (0, 3)
    assert result.params_frame().shape == (0, 2)


def test_params_frame_keeps_types() -> None:
    """Parameters stay what they are, lists in one cell."""
    frame = compare(
        [run("a", params={"l": [1, 2], "n": 1, "s": "x"}), run("b", params={"n": True})], PLAIN
    ).params_frame()
    assert frame["a"].tolist() == [[1, 2], 1, "x"]
    assert frame["b"].tolist() == [None, True, None]
    assert type(frame.loc["n", "a"]) is int


def test_neither_pandas_nor_arrow_is_loaded() -> None:
    """Importing and using the normal path stays light."""
    import subprocess
    import sys

    code = (
        "import sys, ledger.table.compare, ledger.table.diff, ledger.table.filter as f; f.parse('a > 1', 0);"
        "print([m for m in ('pandas', 'pyarrow', 'numpy', 'matplotlib', 'difflib', 'dataclasses') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
