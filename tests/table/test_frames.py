"""Rows of runs as one DataFrame, as plain values, as Parquet: the same rows, bit for bit."""

import io
import math
import os
import shutil
import struct
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import ledger
from ledger.errors import DamagedFile, InvalidValue, LedgerWarning
from ledger.table import frames
from tests.conftest import run_cli

pytestmark = pytest.mark.usefixtures("workdir")

SPECIAL = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 0.1]


@pytest.fixture
def led() -> ledger.Ledger:
    """Make two runs with special values, contexts, undefined values and null steps."""
    with ledger.start("a") as run:
        for step, value in enumerate(SPECIAL):
            run.log({"x": value}, step=step)
        run.log({"x": 1.0}, step=-3, context={"fold": 1, "kind": "ü"})
        run.log({"u": ledger.Undefined("one class only")}, step=1)
    with ledger.start("b") as run:
        run.log({"x": 2.0}, step=2**62)
    ledger.open().run("b").log({"x": 3.0})
    return ledger.open()


def test_the_columns_and_their_types(led: ledger.Ledger) -> None:
    """As documented: missing contexts, steps and reasons are missing values; times are UTC microseconds."""
    frame = led.metrics("a", "b")
    assert tuple(frame.columns) == frames.COLUMNS
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "run": "str", "metric": "str", "context": "str", "step": "Int64", "time": "datetime64[us, UTC]",
        "value": "float64", "undefined": "str",
    }  # fmt: skip
    assert frame.index.tolist() == list(range(len(frame)))
    assert frame.run.unique().tolist() == [led.resolve("a"), led.resolve("b")]
    assert frame.context.dropna().tolist() == ['{"fold":1,"kind":"ü"}']
    assert frame.step.isna().tolist() == [False] * 9 + [True]
    assert frame.step[8] == 2**62
    assert frame.undefined.dropna().tolist() == ["one class only"]
    assert frame.time.is_monotonic_increasing or frame.time.notna().all()
    assert abs(frame.time.max() - pd.Timestamp.now("UTC")) < pd.Timedelta("1 minute")


def test_values_are_bit_for_bit(led: ledger.Ledger) -> None:
    """NaN, infinities, minus zero and subnormals, in a DataFrame, as plain values, and in Parquet."""
    id = led.resolve("a")
    wanted = struct.pack("<6d", *SPECIAL)
    frame = led.metrics("a")
    assert struct.pack("<6d", *frame[(frame.metric == "x") & frame.context.isna()].value) == wanted
    source = frames.Source(id, led.tree, id)
    plain = [row["value"] for row in frames.plain([source]) if row["metric"] == "x" and "context" not in row]
    assert struct.pack("<6d", *plain) == wanted
    table = pq.read_table(io.BytesIO(frames.parquet([source]))).to_pylist()
    stored = [row["value"] for row in table if row["metric"] == "x" and row["context"] is None]
    assert struct.pack("<6d", *stored) == wanted
    assert [row["value"] for row in table if row["metric"] == "u"] == [None]


def test_plain_rows_leave_out_what_is_absent(led: ledger.Ledger) -> None:
    """Contexts as mappings, times as microseconds; an undefined value is None with its reason."""
    rows = list(led.export("a", "b"))
    assert [sorted(row) for row in rows[:1]] == [["metric", "run", "step", "time", "undefined", "value"]]
    assert rows[0]["undefined"] == "one class only"
    assert rows[0]["value"] is None
    assert [row["context"] for row in rows if "context" in row] == [{"fold": 1, "kind": "ü"}]
    assert ["step" in row for row in rows][-1] is False
    assert all(type(row["time"]) is int for row in rows)


def test_no_runs_and_no_rows(led: ledger.Ledger, workdir: Path) -> None:
    """An empty frame has the same columns and types."""
    ledger.start("empty").finish()
    full = led.metrics("a")
    for frame in (led.metrics("empty"), frames.frame([])):
        assert len(frame) == 0
        assert frame.dtypes.to_dict() == full.dtypes.to_dict()
    assert list(led.export("empty")) == []
    assert pq.read_table(io.BytesIO(frames.parquet([]))).num_rows == 0


def test_the_three_sets_of_rows(led: ledger.Ledger) -> None:
    """Stored has all, valid less what an attempt replaced, shown one a step; other words are refused."""
    with ledger.start(resume="b") as run:
        run.log({"x": 7.0}, step=2**62)
        run.log({"x": 8.0}, step=2**62)
    assert [len(led.metrics("b", rows=rows)) for rows in ("stored", "valid", "shown")] == [4, 3, 2]
    assert led.metrics("b").value.tolist() == [8.0, 3.0]
    with pytest.raises(InvalidValue, match="rows='all'"):
        led.metrics("b", rows="all")


def test_all_runs_are_taken_where_none_is_named(led: ledger.Ledger) -> None:
    """Newest first, as the list of runs has them; a filter chooses."""
    assert led.metrics().run.unique().tolist() == [led.resolve("b"), led.resolve("a")]
    assert led.metrics(where="name = 'a'").run.unique().tolist() == [led.resolve("a")]


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("harm", ["damaged", "unreadable"])
def test_a_run_whose_rows_cannot_be_read_is_left_out(led: ledger.Ledger, workdir: Path, warm: bool, harm: str) -> None:
    """Of all runs: with a warning that names it, and exit 5, whether the catalog knew of it or not; alone: raised."""
    good, bad = led.resolve("a"), led.resolve("b")
    if not warm:
        shutil.rmtree(os.environ["LEDGER_CACHE_DIR"])
    segment = next((workdir / ".ledger").glob(f"runs/*/{bad}/*.parquet"))
    if harm == "damaged":
        segment.write_bytes(segment.read_bytes()[:-1] + b"x")
    else:
        segment.unlink()
        segment.mkdir()
    look = ledger.open()
    left_out = f"left out: run {bad}: "
    with pytest.warns(LedgerWarning, match=left_out):
        frame = look.metrics()
    assert (frame.run.unique().tolist(), list(look.damaged)) == ([good], [bad])
    with pytest.warns(LedgerWarning, match=left_out):
        assert {row["run"] for row in look.export()} == {good}
    for words in (["export"], ["export", "--format", "csv"], ["export", "-o", "x"], ["export", "--format", "parquet"]):
        done = run_cli(*words)
        assert (done.code, left_out in done.err, bad in done.out) == (5, True, False), words
    run_cli("export", "--format", "parquet", "-o", "x.parquet")
    assert set(pq.read_table("x.parquet").column("run").to_pylist()) == {good}
    with pytest.raises((DamagedFile, OSError)):
        look.metrics(bad)
    assert run_cli("export", bad).code in (5, 74)
