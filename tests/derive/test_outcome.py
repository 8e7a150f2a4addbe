"""What a backfill did, as JSON, as a frame and as text."""

import json
import math
from typing import Any

import pytest

from ledger import Undefined
from ledger.derive.outcome import Backfilled, CellChange, ChartChange, LeftOut, Reverted
from ledger.view import backfill as view
from ledger.view.document import encode

ID = "20260102-030405-model-0000000000"


def cell(number: int, old: Any = None, new: Any = 0.5, **fields: Any) -> CellChange:
    """A cell of the run `mN`."""
    given: dict[str, Any] = {"metric": "test/f2", "step": None, "written": True} | fields
    return CellChange(f"{ID}{number:02}", given.pop("name", f"m{number}"), old=old, new=new, **given)


def words(text: str) -> list[str]:
    """Return lines with their words one space apart, rules and empty lines left out."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("─")]


def test_json() -> None:
    """What there is none of is left out; an undefined value is null with its reason, NaN a word."""
    found = Backfilled(
        cells=[
            cell(1, Undefined("one class"), math.nan),
            cell(2, 0.25, Undefined("no labels"), step=3),
            cell(3, new=None),
        ],
        left_out=[LeftOut(f"{ID}04", "m4", "no predictions", "ledger log-predictions m4")],
        charts=[ChartChange(f"{ID}01", "m1", "test/roc", None, True)],
        kept=[cell(5, 1.0, 2.0, written=False)],
        same=7,
        other=1,
        entries={f"{ID}01": "0123456789abcdef"},
        notices=["something"],
    )  # fmt: skip
    document = json.loads(encode(found.to_json()))
    assert [*document] == [
        "schema", "dry_run", "cells", "charts", "same", "other", "kept", "left_out", "entries", "notices",
    ]  # fmt: skip
    first, second, third = document["cells"]
    base = {"metric": "test/f2", "written": True}
    assert first == {
        "run": f"{ID}01", "name": "m1", "old": None, "old_undefined": "one class", "new": "NaN", **base,
    }  # fmt: skip
    assert second == {
        "run": f"{ID}02", "name": "m2", "step": 3, "old": 0.25, "new": None, "new_undefined": "no labels", **base,
    }  # fmt: skip
    assert third == {"run": f"{ID}03", "name": "m3", **base}
    assert document["left_out"] == [
        {"run": f"{ID}04", "name": "m4", "why": "no predictions", "hint": "ledger log-predictions m4"}
    ]
    assert not found.complete


def test_of_nothing() -> None:
    """It is complete, and its frame has its columns and types."""
    found = Backfilled(dry_run=True)
    assert found.complete
    assert [*found.to_json()] == ["schema", "dry_run", "cells", "same", "other", "left_out", "entries"]
    frame = found.frame()
    assert frame.empty
    assert frame.dtypes.astype(str).tolist()[3:6] == ["Int64", "float64", "float64"]
    assert view.render(found.to_json()) == "nothing would be written\n"


def test_the_frame() -> None:
    """A row a cell; no value is NaN, the reason of an undefined one beside it."""
    frame = Backfilled(cells=[cell(1, None, 0.5), cell(2, 0.25, Undefined("one class"), step=3)]).frame()
    assert frame["name"].tolist() == ["m1", "m2"]
    assert frame["step"].isna().tolist() == [True, False]
    assert frame["new"].isna().tolist() == [False, True]
    assert frame["undefined"].isna().tolist() == [True, False]
    assert frame["undefined"][1] == "one class"


def test_text() -> None:
    """Cells with old and new, those that keep their value apart, charts, one line that counts."""
    found = Backfilled(
        cells=[cell(1, None, 0.5), cell(2, 0.125, 0.25, metric="val/f2", step=3)],
        charts=[ChartChange(f"{ID}01", "m1", "test/roc", 2, True)],
        kept=[cell(3, 1.0, 2.0)],
        left_out=[
            LeftOut(f"{ID}04", "m4", "no predictions"),
            LeftOut(f"{ID}05", "m5", "it is open", "ledger finish m5"),
        ],
        same=1,
        other=1,
    )
    document = found.to_json()
    assert words(view.render(document)) == [
        "run metric step old new",
        "m1 test/f2 - - 0.5",
        "m2 val/f2 3 0.125 0.250",
        "run chart step",
        "m1 test/roc 2",
        "left alone, since they hold another value (--force replaces it)",
        "run metric stays given",
        "m3 test/f2 1 2",
        "2 values of 2 metrics written to 2 runs; 1 chart written to 1 run; 1 value was there already; "
        "1 value left alone; 2 runs left out",
    ]
    assert view.left_out(document) == [
        f"left out: m4 ({ID}04): no predictions",
        f"left out: m5 ({ID}05): it is open: ledger finish m5",
    ]


@pytest.mark.parametrize("encoded", [False, True])
def test_values_of_all_kinds(encoded: bool) -> None:
    """Also from a document that was written and read again."""
    found = Backfilled(cells=[cell(1, math.nan, math.inf), cell(2, Undefined("x"), -math.inf)], dry_run=True).to_json()
    document = json.loads(encode(found)) if encoded else found
    assert words(view.render(document)) == [
        "run metric old new",
        "m1 test/f2 nan inf",
        "m2 test/f2 undefined -inf",
        "2 values of test/f2 would be written to 2 runs",
    ]


def test_why_a_value_is_undefined_is_said() -> None:
    """Beside the value, and how many there are in the line that counts."""
    found = Backfilled(cells=[cell(1, new=Undefined("f2 returned nan")), cell(2)])
    assert words(view.render(found.to_json())) == [
        "run metric old new why",
        "m1 test/f2 - undefined f2 returned nan",
        "m2 test/f2 - 0.5 -",
        "2 values of test/f2 written to 2 runs, 1 of them undefined",
    ]


def test_what_is_not_computed_yet_has_no_column() -> None:
    """A dry run of something to be computed knows only which cells."""
    found = Backfilled(cells=[cell(1, 0.5, None), cell(2, None, None)], dry_run=True, other=3)
    assert words(view.render(found.to_json())) == [
        "run metric old",
        "m1 test/f2 0.5",
        "m2 test/f2 -",
        "2 values of test/f2 would be written to 2 runs; 3 values of another origin left alone",
    ]


def test_of_very_many_the_first_are_listed() -> None:
    """Twenty cells and twenty runs that were left out; then how many more there are."""
    found = Backfilled(
        cells=[cell(i % 100, name="m") for i in range(198)],
        left_out=[LeftOut(f"{ID}{i:02}", f"x{i}", "it is open") for i in range(30)],
    )
    document = found.to_json()
    lines = words(view.render(document))
    assert lines[1].startswith(f"{ID}00 ")  # where names are not enough, ids
    assert lines[-2:] == ["... and 178 more", "198 values of test/f2 written to 100 runs; 30 runs left out"]
    assert len(lines) == 1 + 20 + 2
    assert len(view.left_out(document)) == 21
    assert view.left_out(document)[-1] == "left out: 10 more; see --json"


def test_names_do_not_steer_the_terminal() -> None:
    """Neither in the table nor in the line below it."""
    bad = cell(1, name="m\x1b[31m", metric="x\u202e")
    found = Backfilled(cells=[bad], kept=[bad], charts=[ChartChange(ID, "m\x1b", "c\x1b")]).to_json()
    assert not {"\x1b", "\u202e"} & set(view.render(found))


def test_reverted_entries() -> None:
    """What is shown before and now, or would be; labels are of no run."""
    change = cell(1, 0.5, None)
    found = Reverted("0123456789abcdef", "rows", change.run, "m1", "fedcba9876543210", [change])
    assert words(view.render_reverted([found])) == ["run metric shown before shown now", "m1 test/f2 0.5 -"]
    assert found.to_json()["by"] == "fedcba9876543210"
    dry = Reverted("0123456789abcdef", "rows", change.run, "m1", None, [cell(1, 0.5, None, written=False)])
    assert words(view.render_reverted([dry]))[0] == "run metric shown now shown then"
    of_labels = Reverted("0123456789abcdef", "labels", "", "", None)
    assert of_labels.to_json() == {"entry": "0123456789abcdef", "kind": "labels", "cells": []}
    assert view.render_reverted([of_labels]) == ""
