"""A run that is in the ledger already takes what an open one takes; what comes to a closed one says why it came."""

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ledger
from ledger.errors import InvalidValue, LedgerError, LedgerWarning, StorageFault, UsageError
from ledger.record.run import Run
from ledger.store import files

pytestmark = pytest.mark.usefixtures("workdir")

METHODS = sorted(name for name in dir(Run) if name.startswith("log") or name == "evaluate")
ATTACHED: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], str]] = {
    "log_text": ("words", ("fine",), {"caption": "c"}, "text/plain"),
    "log_file": ("kept", ("train.csv",), {"caption": "c"}, "text/csv"),
    "log_data": ("data/train", ("train.csv",), {}, "application/json"),
    "log_model": ("model/net", (), {"uri": "s3://bucket/net", "path": "train.csv"}, "application/json"),
    "log_curve": ("learning", ([1, 2, 3], {"fit": [3, 2, 1]}), {"x_label": "rows", "caption": "c"}, "curve"),
    "log_confusion_matrix": ("confusion", ([0, 1, 1], [0, 1, 0]), {"context": {"fold": 1}}, "confusion"),
    "log_histogram": ("weights", (np.arange(100.0),), {"bins": 4}, "histogram"),
    "log_table": ("errors", ([{"row": 1, "why": "blur"}],), {"step": 3}, "table"),
    "log_importance": ("importance", (["a", "b"], [0.7, 0.3]), {"std": [0.1, 0.1]}, "importance"),
}


@pytest.fixture
def closed() -> ledger.LoggedRun:
    """Return a run that has closed, and a file."""
    Path("train.csv").write_bytes(b"a,b\n1,2\n")
    with ledger.start("a") as run:
        run.log({"x": 1.0}, step=1)
    return ledger.open().run("a")


@pytest.mark.parametrize("name", METHODS)
def test_calls_are_those_of_an_open_run(name: str) -> None:
    """The same parameters in the same order, and a reason."""
    of_open = inspect.signature(getattr(Run, name)).parameters
    of_closed = inspect.signature(getattr(ledger.LoggedRun, name)).parameters
    assert [p for p in of_closed if p != "reason"] == [p for p in of_open if p != "reason"]
    assert "reason" in of_closed or name == "log_binary_classification_metrics"
    assert [p.default for p in of_closed.values() if p.name != "reason"] == [
        p.default for p in of_open.values() if p.name != "reason"
    ]


@pytest.mark.parametrize("method", ATTACHED)
def test_what_comes_late_is_what_an_open_run_keeps(closed: ledger.LoggedRun, method: str) -> None:
    """The same chart with the same bytes, in one late entry with the reason."""
    chart, arguments, options, kind = ATTACHED[method]
    name = chart.partition("/")[2] or chart
    before = len(closed.state.entries)
    getattr(closed, method)(name, *arguments, **options, reason="asked for later")
    with ledger.start("b") as run:
        getattr(run, method)(name, *arguments, **options)
    led = ledger.open()
    (late,), (known,) = led.state("a").charts, led.state("b").charts
    fields = ("name", "context", "step", "blob", "media_type", "bytes", "caption", "extension")
    assert [getattr(late, field) for field in fields] == [getattr(known, field) for field in fields]
    assert (late.name, late.caption) == (chart, options.get("caption"))
    assert kind in (late.media_type, led.chart_kinds("a").get(late.blob))
    (entry,) = led.state("a").entries[before:]
    assert (entry.late, entry.reason) == (True, "asked for later")


def test_which_data_and_model_are_told_late(closed: ledger.LoggedRun) -> None:
    """Digest and size of the file; nothing of what is in it."""
    closed.log_data("train", "train.csv")
    closed.log_model("net", uri="s3://bucket/net?token=none", path="train.csv", reason="moved")
    said = {chart.name: json.loads(closed.chart(chart.name)) for chart in closed.charts()}
    sha256 = "492d5ea496056f1a6a6592241032fab764c321596317930b4fa0e1e8bc3b7470"
    assert said["data/train"] == {"file": "train.csv", "sha256": sha256, "bytes": 8}
    assert (said["model/net"]["sha256"], said["model/net"]["bytes"]) == (sha256, 8)
    assert {path.suffix for path in Path(".ledger/blobs").rglob("*.*")} == {".json"}


@pytest.mark.parametrize(
    ("method", "arguments", "options"),
    [
        ("log_data", ("train", "nowhere.csv"), {}),
        ("log_data", ("train", object()), {}),
        ("log_data", ("a\nb", [1]), {}),
        ("log_model", ("net",), {}),
        ("log_model", ("net",), {"path": "."}),
        ("log_curve", ("c", [1, 2], [1]), {}),
        ("log_confusion_matrix", ("c", [0, 1], [1]), {}),
        ("log_histogram", ("h", [1.0], 0), {}),
        ("log_table", ("t", [1, 2]), {}),
        ("log_importance", ("i", ["a"], [1, 2]), {}),
        ("log_curve", ("c", [1], [1]), {"reason": 3}),
    ],
)
def test_what_is_wrong_writes_nothing(
    closed: ledger.LoggedRun, method: str, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """One error, and the ledger is as it was: no entry, no blob."""
    before = sorted(Path(".ledger").rglob("*"))
    with pytest.raises(LedgerError) as raised:
        getattr(closed, method)(*arguments, **options)
    assert isinstance(raised.value, InvalidValue | UsageError)
    assert sorted(Path(".ledger").rglob("*")) == before


def test_an_open_run_keeps_no_reason() -> None:
    """The chart is kept, and it is said that the reason is not."""
    with ledger.start("a") as run, pytest.warns(LedgerWarning, match="the reason is not kept"):
        run.log_curve("c", [1, 2], [1, 2], reason="because")
    assert [chart.name for chart in ledger.open().state("a").charts] == ["c"]


def test_an_evaluation_of_a_closed_run_is_there_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the disk refuses, nothing of it is shown, the error says so, and the next try writes all of it."""
    whole, calls, refused = files.write_whole, [0], [0]

    def write_whole(target: str, data: bytes, *arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == refused[0]:
            raise OSError(28, "No space left on device", target)
        return whole(target, data, *arguments, **options)

    with ledger.start("a") as run:
        run.log({"x": 1.0}, step=1)
    logged = ledger.open().run("a")
    monkeypatch.setattr(files, "write_whole", write_whole)
    given: dict[str, Any] = {"y_true": [0, 1, 2, 1], "y_pred": [0, 1, 1, 1], "kind": "multiclass", "split": "test"}
    for refused[0] in range(1, 100):
        calls[0] = 0
        try:
            found = logged.evaluate(**given)
        except StorageFault as error:
            assert "No space left on device" in error.message
            state = logged.state
            assert (list(state.metrics), state.charts, state.predictions) == (["x"], [], [])
            continue
        break
    assert refused[0] > 2
    assert len(logged.state.metrics) == len(found.values) + 1 - ("top_5_accuracy" in found.definitions)
    assert (len(logged.state.charts), len(logged.state.predictions)) == (len(found.charts) + 1, 1)
