"""Exporting rows: JSON lines, CSV and Parquet say the same, and can be read back without loss."""

import csv
import io
import json
import math
import struct
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ledger
from ledger import api
from ledger.format.names import canonical_context
from ledger.record import adding
from ledger.record.calls import Call

pytestmark = pytest.mark.usefixtures("workdir")

WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def export(form: str, *runs: str) -> bytes:
    """Return the exported rows of runs."""
    out = io.BytesIO()
    ledger.open().write_rows(out, form, *runs)
    return out.getvalue()


def bits(value: float | None) -> bytes | None:
    """Return a value in a form that compares; every NaN alike."""
    return None if value is None else b"nan" if value != value else struct.pack("<d", value)


def from_jsonl(data: bytes) -> list[tuple[Any, ...]]:
    """Read JSON lines."""
    rows = []
    for line in data.decode().splitlines():
        row = json.loads(line)
        value = WORDS.get(row["value"], row["value"]) if isinstance(row["value"], str) else row["value"]
        rows.append(
            (
                row["run"],
                row["metric"],
                canonical_context(row.get("context")),
                row.get("step"),
                row["time"],
                bits(value),
            )
        )
    return rows


def from_csv(data: bytes) -> list[tuple[Any, ...]]:
    """Read CSV."""
    return [
        (
            row["run"], row["metric"], row["context"] or None, int(row["step"]) if row["step"] else None, row["time"],
            bits(float(row["value"])) if row["value"] else None,
        )
        for row in csv.DictReader(io.StringIO(data.decode(), newline=""))
    ]  # fmt: skip


def from_parquet(data: bytes) -> list[tuple[Any, ...]]:
    """Read Parquet."""
    return [
        (
            row["run"], row["metric"], row["context"], row["step"], row["time"].strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            bits(row["value"]),
        )
        for row in pq.read_table(io.BytesIO(data)).to_pylist()
    ]  # fmt: skip


NAMES = st.text(
    st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"), exclude_characters="{}"), min_size=1, max_size=8
)
NAMES = NAMES.filter(lambda name: name == name.strip())
CONTEXTS = st.none() | st.dictionaries(
    st.sampled_from(["fold", "k"]), st.sampled_from([1, "a,b", 'q"', 0.5, True]), min_size=1
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(NAMES, CONTEXTS, st.none() | st.integers(-(2**62), 2**62), st.floats(), st.booleans()), max_size=12
    )
)
def test_all_forms_say_the_same(calls: list[tuple[Any, ...]]) -> None:
    """Whatever names, contexts, steps and values: row for row, and as many as were logged."""
    made = [
        Call({name: ledger.Undefined("why, \"so\"\n") if undefined else value}, step, None, context)
        for name, context, step, value, undefined in calls
    ]  # fmt: skip
    if not made:
        made = [Call({"x": 1.0})]
    tree = api.writable_ledger().tree
    run = adding.create(tree, "a", adding.check(made, [], None, [], None, None)).run
    rows = from_jsonl(export("jsonl", run))
    assert len(rows) == len(made)
    assert from_csv(export("csv", run)) == rows
    assert from_parquet(export("parquet", run)) == rows


def test_json_lines_are_as_documented() -> None:
    """One row a line: run, metric, context, step, time, value; absent keys left out; non-finite values as words."""
    with ledger.start("a") as run:
        run.log({"x": -0.0}, step=1, context={"b": 2, "a": "ü"})
        run.log({"y": math.inf}, step=1)
        run.log({"z": ledger.Undefined("why")}, step=1)
    ledger.open().run("a").log({"w": 1e300})
    lines = [json.loads(line) for line in export("jsonl").decode().splitlines()]
    times = [line.pop("time") for line in lines]
    assert lines == [
        {"run": run.id, "metric": "w", "value": 1e300},
        {"run": run.id, "metric": "x", "context": {"a": "ü", "b": 2}, "step": 1, "value": -0.0},
        {"run": run.id, "metric": "y", "step": 1, "value": "Infinity"},
        {"run": run.id, "metric": "z", "step": 1, "value": None, "undefined": "why"},
    ]
    assert math.copysign(1, lines[1]["value"]) == -1
    assert all(pd.Timestamp(time).tzinfo is not None and time.endswith("Z") for time in times)
    assert list(json.loads(export("jsonl").decode().splitlines()[1])) == [
        "run",
        "metric",
        "context",
        "step",
        "time",
        "value",
    ]


def test_csv_quotes_what_needs_it() -> None:
    """Commas, quotes and line breaks, as RFC 4180 has it; the first line names the columns."""
    with ledger.start("a") as run:
        run.log({'na,me "x"': 1.0}, step=1, context={"k": "a,b"})
        run.log({"u": ledger.Undefined("one\nclass")}, step=1)
    text = export("csv").decode()
    assert text.startswith("run,metric,context,step,time,value,undefined\n")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["metric"] for row in rows] == ['na,me "x"', "u"]
    assert rows[0]["context"] == '{"k":"a,b"}'
    assert (rows[1]["value"], rows[1]["undefined"]) == ("", "one\nclass")


def test_what_an_attempt_replaced_is_not_exported_and_what_is_shadowed_is() -> None:
    """The valid rows: more than the shown ones, less than the stored ones."""
    with ledger.start("a") as run:
        run.log({"x": 1.0}, step=1)
        run.log({"x": 2.0}, step=1)
        run.log({"x": 3.0}, step=2)
    with ledger.start(resume="a") as run:
        run.log({"x": 4.0}, step=2)
    assert sorted(row["value"] for row in ledger.open().export("a")) == [1.0, 2.0, 4.0]


def test_an_empty_export_is_valid() -> None:
    """No rows: no lines, a heading, a Parquet file with its columns."""
    ledger.start("a").finish()
    assert export("jsonl") == b""
    assert export("csv").count(b"\n") == 1
    assert pq.read_table(io.BytesIO(export("parquet"))).num_rows == 0
