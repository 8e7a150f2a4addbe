"""Predictions are kept: on an open run, late, equal columns once; and what the disk or the caller spoils."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ledger
from ledger.errors import InvalidName, InvalidValue, LedgerWarning, StorageFault
from ledger.format import entries, frame
from ledger.store import journal

Y = np.array([0, 1, 1, 0])
P = np.array([0.1, 0.9, 0.8, 0.4])


@pytest.fixture
def led(workdir: Path) -> Any:
    """Return a ledger with one closed run."""
    with ledger.start("first") as run:
        run.log({"loss": 1.0})
    return ledger.open()


def blobs() -> list[str]:
    """Return the names of all blobs."""
    return sorted(path.name for path in Path(".ledger/blobs").rglob("*.*"))


def shown(led: Any, run: str) -> list[tuple[Any, ...]]:
    """Return split, step, rows and columns of the predictions that are shown."""
    return [(p.split, p.step, p.rows, list(p.columns)) for p in led.state(run).predictions]


def test_predictions_are_read_back(led: Any) -> None:
    """From the journal while the run is open, from an entry when it is closed: the same values, types and order."""
    run = ledger.start("a")
    run.log_predictions(
        "test", y_true=Y, y_pred=["a", "b", None, "a"], y_score=P.astype(np.float32), ids=[4, 3, 2, 1],
        sample_weight=[1, 2, 3, 4], slices={"site": ["x", "y", "x", "y"]}, step=3,
    )  # fmt: skip
    columns = ["y_true", "y_pred", "y_score", "ids", "sample_weight", "slice.site"]
    for _ in range(2):
        assert shown(led, "a") == [("test", 3, 4, columns)]
        found = led.predictions("a")
        assert list(found) == columns
        assert found.y_true.tolist() == Y.tolist()
        assert found.y_score.tolist() == P.astype(np.float32).tolist()
        assert found.y_score.dtype == np.float32
        assert found.y_pred.isna().tolist() == [False, False, True, False]
        assert found["slice.site"].tolist() == ["x", "y", "x", "y"]
        run.finish()
    assert led.verify(rows=True).findings == []


def test_two_runs_on_one_test_set_share_its_columns(led: Any) -> None:
    """Equal columns are one file over all runs, whoever gave them in whatever form."""
    for name, scores in (("a", P), ("b", P / 2)):
        with ledger.start(name) as run:
            run.log_predictions("test", y_true=Y if name == "a" else Y.astype(np.uint8).tolist(), y_score=scores)
    assert len(blobs()) == 3
    a, b = (led.state(name).predictions[0].columns for name in "ab")
    assert a["y_true"] == b["y_true"]
    assert a["y_score"] != b["y_score"]


def test_show_lists_them_as_scripts_rely_on(led: Any, cli: Callable[..., Any]) -> None:
    """`show --json` gives split, step, rows and for each column blob, digest and dtype; what is absent is left out."""
    led.run("first").log_predictions("test", y_true=Y, step=1)
    led.run("first").log_predictions(y_score=P.reshape(2, 2), labels=["no", "yes"], context={"fold": 1})
    first, second = json.loads(cli("show", "first", "--json").out)["predictions"]
    (blob, digest, dtype) = (first["columns"]["y_true"][key] for key in ("blob", "digest", "dtype"))
    assert first == {
        "split": "test", "step": 1, "rows": 4,
        "columns": {"y_true": {"blob": blob, "digest": digest, "dtype": "int64"}},
    }  # fmt: skip
    assert f"{blob}.parquet" in blobs()
    assert len(digest) == 64
    assert dtype == "int64"
    assert {key: second[key] for key in ("context", "rows", "labels")} == {
        "context": {"fold": 1}, "rows": 2, "labels": ["no", "yes"],
    }  # fmt: skip
    assert set(second) == {"context", "rows", "labels", "columns"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"y_true": Y, "y_score": P[:3]}, "y_true has 4 rows, and y_score has 3"),
        ({"y_score": P, "slices": {"site": ["x"]}}, "y_score has 4 rows, and slice.site has 1"),
        ({}, "there are no predictions"),
        ({"ids": [1]}, "there are no predictions"),
        ({"y_true": Y, "slices": ["site"]}, "slices must be a mapping"),
        ({"y_score": ["a"]}, "y_score must hold numbers, not text: 'a'"),
        ({"y_true": Y, "sample_weight": ["a"] * 4}, "sample_weight must hold numbers"),
        ({"y_true": Y, "ids": [1, None, 3, 4]}, "1 of the 4 ids are missing"),
        ({"y_true": Y, "ids": np.zeros((4, 2))}, "ids has 2 values a row"),
        ({"y_true": Y, "timestamp": [1, 2, 3, 4]}, "timestamp must hold datetimes, not int64"),
        ({"y_score": np.zeros((4, 3)), "labels": ["a", "b"]}, "y_score has 3 values a row, and the labels are 2"),
        ({"y_true": Y, "labels": ["a", "a"]}, "a label is there twice"),
        ({"y_true": Y, "labels": [None]}, "one is None"),
        ({"y_true": Y, "labels": [float("nan")]}, "one is nan"),
        ({"y_true": Y, "labels": "ab"}, "labels must be a list of classes"),
        ({"y_true": Y, "step": 1.5}, "step must be a whole number"),
        ({"y_true": 1}, "y_true must be an array or a list"),
    ],
)
def test_what_is_wrong_raises_at_once(led: Any, given: dict[str, Any], said: str) -> None:
    """One clear error with both values; neither a blob nor a frame is written."""
    with ledger.start("a") as run:
        for log in (run.log_predictions, led.run("first").log_predictions):
            with pytest.raises(InvalidValue, match=said):
                log("test", **given)
    assert blobs() == []
    assert shown(led, "a") == []
    assert len(led.state("first").entries) == 3


def test_names_that_cannot_be(led: Any) -> None:
    """A split or slice with a brace or nothing in it is refused."""
    with ledger.start("a") as run:
        for wrong in ({"split": ""}, {"split": "a{b}"}, {"slices": {"": Y}}, {"slices": {"a{b}": Y}}):
            with pytest.raises(InvalidName):
                run.log_predictions(**{"split": "test", "y_true": Y, **wrong})


def test_a_disk_that_refuses_does_not_stop_the_training(led: Any, full_disk: Any, full_disk_said: Any) -> None:
    """As with a chart: one warning, the predictions wait, the run goes on; a late call raises."""
    with ledger.start("a") as run:
        with full_disk_said("write_whole") as said:
            run.log_predictions("test", y_true=Y)
        assert ["kept in memory" in str(warning.message) for warning in said] == [True]
        run.log({"loss": 1.0})
    assert shown(led, "a") == [("test", None, 4, ["y_true"])]
    with full_disk("write_whole"), pytest.raises(StorageFault, match="No space left"):
        led.run("a").log_predictions("val", y_true=Y)
    led.run("a").log_predictions("val", y_true=Y)
    assert shown(led, "a") == [("test", None, 4, ["y_true"]), ("val", None, 4, ["y_true"])]


def test_what_is_too_large_is_refused(led: Any) -> None:
    """A column above `max_blob` is a warning while training, an error where one can answer."""
    Path(".ledger-schema").write_text("format = 0\n[storage]\nmax_blob = 100\n")
    with ledger.start("a") as run, pytest.warns(LedgerWarning, match="column 'y_true' of the predictions has"):
        run.log_predictions("test", y_true=Y)
    with pytest.raises(InvalidValue, match="max_blob in .ledger-schema is 100"):
        led.run("a").log_predictions("test", y_true=Y)
    assert blobs() == []


def test_a_closed_run_gets_a_late_entry(led: Any) -> None:
    """With its reason; the run stays closed, and what came before stays."""
    with ledger.start("a") as run:
        run.log_predictions("test", y_true=Y, ids=[1, 2, 3, 4])
    led.run("a").log_predictions("test", y_true=Y, ids=[5, 6, 7, 8], reason="second batch")
    state = led.state("a")
    assert state.status == "finished"
    assert (state.entries[-1].late, state.entries[-1].reason) == (True, "second batch")
    assert led.run("a").predictions().ids.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]


def test_an_open_run_of_the_shell_takes_them(led: Any, cli: Callable[..., Any]) -> None:
    """They go into the shared journal, and later rows behind them; finishing says how many were sealed."""
    run = cli("start", "shell").out.strip()
    led.run(run).log_predictions("test", y_true=Y)
    led.run(run).log({"loss": 1.0})
    (path,) = journal.paths(led.tree, run)
    kinds = [item.payload[0] for item in frame.frames(Path(".ledger", path).read_bytes(), _salt(path))
             if isinstance(item, frame.Frame)]  # fmt: skip
    assert kinds == [frame.HEADER, frame.PREDICTIONS, frame.ROWS]
    assert "1 row, 1 set of predictions sealed" in cli("finish", run).err
    assert shown(led, run) == [("test", None, 4, ["y_true"])]


def _salt(path: str) -> int:
    return frame.decode_prefix(Path(".ledger", path).read_bytes(), path)


def test_a_killed_process_leaves_them_in_its_journal(led: Any, start: Any) -> None:
    """What was logged is there before and after somebody seals it, once, and nobody sweeps its blobs."""
    code = """
    import os, ledger
    run = ledger.start("dead")
    run.log_predictions("test", y_true=[0, 1], y_score=[0.25, 0.5])
    os._exit(9)
    """
    process = start(code)
    assert process.wait(60) == 9
    before = blobs()
    assert len(before) == 2
    report = led.verify()
    assert "unreferenced" not in {finding.kind for finding in report.findings}
    for _ in range(2):
        assert led.predictions("dead").y_score.tolist() == [0.25, 0.5]
        assert shown(led, "dead") == [("test", None, 2, ["y_true", "y_score"])]
        led.finish_stale()
    assert blobs() == before
    held = [entries.decode(path.read_bytes(), path.name) for path in Path(".ledger/runs").rglob("*-dead-*/*-rows-*")]
    assert [len(entry.predictions) for entry in held if isinstance(entry, entries.Rows)] == [1]


def test_sealing_twice_holds_them_once(led: Any) -> None:
    """A sealer that died before it put the journal aside is completed by the next: nothing is there twice."""
    with ledger.start("a") as run:
        run.log_predictions("test", y_true=Y, ids=[1, 2, 3, 4])
        run.log_predictions("test", y_true=Y, ids=[5, 6, 7, 8])
    (aside,) = Path(".ledger/journal/sealed").glob("*-a-*")
    folder = Path(".ledger/journal", run.id)
    folder.mkdir()
    aside.rename(folder / aside.name[-20:])
    assert len(led.predictions("a")) == 8
    led.finish_stale()
    assert len(led.predictions("a")) == 8
    assert len(list(Path(".ledger/runs").rglob("*-a-*/*-rows-*"))) == 1


def test_ranks_and_contexts_stand_beside_each_other(led: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another rank predicts has its rank in the context, and does not replace what the first one did."""
    run = ledger.start("a")
    run.log_predictions("test", y_true=Y)
    monkeypatch.setenv("LEDGER_RUN", run.id)
    monkeypatch.setenv("RANK", "1")
    with ledger.start() as other:
        other.log_predictions("test", y_true=Y[:2])
    run.finish()
    assert [p.context for p in led.state("a").predictions] == [None, '{"rank":1}']
    assert len(led.predictions("a", context={"rank": 1})) == 2


def test_a_disabled_run_does_nothing(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under LEDGER_MODE=disabled no call fails, whatever it is given."""
    monkeypatch.setenv("LEDGER_MODE", "disabled")
    run = ledger.start("a")
    run.log_predictions("test", y_true=object())
    run.log_data("train", object())
    run.log_model("m")
    assert not Path(".ledger").exists()


def test_keeping_predictions_loads_no_pandas(workdir: Path) -> None:
    """Arrow it needs, to write; neither pandas nor a drawing library."""
    code = """
import sys, ledger
run = ledger.start("a")
assert "pyarrow" not in sys.modules
run.log_predictions("test", y_true=["a", None], y_score=[[0.1, 0.9], [0.2, 0.8]], labels=["a", "b"])
run.log_data("train", [1, 2, 3])
run.finish()
assert {"pandas", "matplotlib", "scipy"} & set(sys.modules) == set()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_which_data_and_model_a_run_used(led: Any) -> None:
    """Their digests and sizes are charts of JSON, equal for equal data; the data themselves are nowhere."""
    import pandas as pd

    Path("train.csv").write_bytes(b"a,b\n1,2\n")
    tables = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    for name in "ab":
        with ledger.start(name) as run:
            run.log_data("file", "train.csv")
            run.log_data("array", np.arange(6, dtype=np.int32).reshape(2, 3))
            run.log_data("table", tables)
            with pytest.warns(LedgerWarning, match="looks like a secret in the uri of model 'net'"):
                run.log_model("net", uri="s3://bucket/net?token=abc123secret456", path="train.csv")
    said = {chart.name: json.loads(led.chart("a", chart.name)) for chart in led.state("a").charts}
    sha256 = "492d5ea496056f1a6a6592241032fab764c321596317930b4fa0e1e8bc3b7470"
    assert said["data/file"] == {"file": "train.csv", "sha256": sha256, "bytes": 8}
    assert {k: said["data/array"][k] for k in ("dtype", "shape", "rows", "bytes")} == {
        "dtype": "int64", "shape": [2, 3], "rows": 2, "bytes": 48,
    }  # fmt: skip
    assert {k: said["data/table"][k] for k in ("columns", "rows", "bytes")} == {"columns": 2, "rows": 2, "bytes": 17}
    assert "abc123secret456" not in json.dumps(said)
    assert said["model/net"]["file"] == "train.csv"
    assert len(blobs()) == 4
    for wrong in ({"uri": None}, {"uri": " "}, {"path": "nowhere"}, {"path": "."}):
        with ledger.start("c") as run, pytest.raises(InvalidValue):
            run.log_model("net", **wrong)
