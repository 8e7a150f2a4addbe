"""The list of runs as a table: which columns it has unasked, what each holds, and as a DataFrame."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import ledger
from ledger.errors import UsageError
from ledger.table import overview

pytestmark = pytest.mark.usefixtures("workdir")


@pytest.fixture
def led(workdir: Path) -> ledger.Ledger:
    """Make two runs: one with tags and many metrics, one with few."""
    (workdir / ".ledger-schema").write_text('[metric."wobble"]\ngoal = "minimize"\n')
    with ledger.start("a", params={"opt": {"lr": 0.5}, "list": [1]}, tags=["t2", "t1"], group="g") as run:
        for step in (1, 2):
            run.log({f"train/m{i}": i + step / 8 for i in range(9)} | {"val/auc": step / 4}, step=step)
        run.log({"x": 1.0}, step=1, context={"fold": 1})
        run.log({"u": ledger.Undefined("why"), "nan": math.nan}, step=1)
    with ledger.start("b", params={"opt": {"lr": 0.25}}) as run:
        run.log({"val/auc": 0.75, "test/auc": 0.5, "wobble": 1.0}, step=1)
    return ledger.open()


def test_what_a_list_shows_unasked(led: ledger.Ledger) -> None:
    """id, name, status, created, tags where there are any, and at most eight metrics: those most runs have first."""
    found = led.overview(led.select())
    headings = [column.heading for column in found.columns]
    assert headings[:5] == ["id", "name", "status", "created", "tag"]
    assert sum(column.kind == "metric" for column in found.columns) == overview.METRICS_MAX
    assert {"val/auc", "test/auc"} <= set(headings)
    assert not any("{" in heading for heading in headings)
    assert [row[headings.index("val/auc")] for row in found.rows] == [0.75, 0.5]
    assert dict(zip(headings, found.goals, strict=True))["val/auc"] == "maximize"
    assert "tag" not in [column.heading for column in led.overview(led.select("b")).columns]
    assert led.overview([]).rows == []


def test_the_columns_that_are_asked_for(led: ledger.Ledger) -> None:
    """In their order, with their values: statistics, params, contexts, tags; the goal of each metric."""
    specs = [
        "name",
        "best:val/auc",
        "min:val/auc",
        "params.opt.lr",
        "x{fold=1}",
        "tag",
        "count:val/auc",
        "wobble",
        "group",
    ]
    found = led.overview(led.select(), specs)
    assert [row[:4] for row in found.rows] == [["b", 0.75, 0.75, 0.25], ["a", 0.5, 0.25, 0.5]]
    assert [row[4] for row in found.rows] == [None, 1.0]
    assert [row[6:] for row in found.rows] == [[1, 1.0, None], [2, None, "g"]]
    assert dict(zip(specs, found.goals, strict=True))["wobble"] == "minimize"
    assert dict(zip(specs, found.goals, strict=True))["count:val/auc"] is None
    with pytest.raises(UsageError, match="val/auk"):
        led.overview(led.select(), ["val/auk"])


def test_rows_for_a_file_are_plain(led: ledger.Ledger) -> None:
    """Times as RFC 3339, tags joined; undefined is not absent."""
    found = led.overview(led.select("a"), ["created", "tag", "u", "nan"])
    ((created, tags, undefined, nan),) = found.plain_rows()
    assert created.endswith("Z")
    assert pd.Timestamp(created).year >= 2024
    assert (tags, undefined) == ("t1 t2", ledger.Undefined("why"))
    assert math.isnan(nan)


def test_the_frame_has_all_params_and_metrics(led: ledger.Ledger) -> None:
    """A row a run, newest first; times with their zone; what a run lacks is missing."""
    frame = led.runs()
    assert frame.name.tolist() == ["b", "a"]
    assert frame["params.opt.lr"].tolist() == [0.25, 0.5]
    assert frame["val/auc"].tolist() == [0.75, 0.5]
    assert frame["x{fold=1}"].isna().tolist() == [True, False]
    assert frame["u"].isna().all()
    assert frame.tags.tolist() == [[], ["t1", "t2"]]
    assert str(frame.created.dtype).endswith("UTC]")
    assert (frame.finished >= frame.created).all()


def test_the_frame_of_chosen_columns(led: ledger.Ledger) -> None:
    """Only those, for the runs that are chosen."""
    frame = led.runs("a", columns=["name", "created", "max:val/auc", "u"])
    assert list(frame.columns) == ["name", "created", "max:val/auc", "u"]
    assert frame.iloc[0, [0, 2]].tolist() == ["a", 0.5]
    assert frame.u.isna().all()
    assert len(led.runs(where="name = 'nobody'")) == 0


def add(name: str, metrics: dict[str, float], **given: Any) -> None:
    """Make a run with one value per metric."""
    with ledger.start(name, **given) as run:
        run.log(metrics)


def test_aliases_share_a_column_unless_a_run_has_both(workdir: Path) -> None:
    """One column where every run has one of the names; a column each as soon as a run has two."""
    (workdir / ".ledger-schema").write_text('[metric."loss"]\nalias = ["val_loss"]\n')
    add("a", {"loss": 1.0})
    add("b", {"val_loss": 2.0})
    led = ledger.open()
    found = led.overview(led.select())
    assert [column.heading for column in found.columns][4:] == ["loss"]
    assert [row[4:] for row in found.rows] == [[2.0], [1.0]]
    add("c", {"loss": 3.0, "val_loss": 4.0})
    led = ledger.open()
    found = led.overview(led.select())
    assert [column.heading for column in found.columns][4:] == ["loss", "val_loss"]
    assert found.rows[0][4:] == [3.0, 4.0]
    assert [state.name for state in led.select(where="val_loss = 4 and loss = 3")] == ["c"]


def test_headings_are_distinct_and_can_be_typed_back() -> None:
    """Params and metrics called like a field or like each other are spelled out; `text` always reads the same value."""
    for i, name in enumerate("ab"):
        metrics = {"status": 10.0 + i, "loss": 20.0 + i, "x": 30.0 + i}
        add(name, metrics, params={"name": i, "loss": 3 + i, "alpha": 5 + i})
    led = ledger.open()
    found = led.overview(led.select())
    headings = [column.heading for column in found.columns]
    assert headings == ["id", "name", "status", "created", "alpha", "params.loss", "params.name",
                        "loss", "metrics.status", "x"]  # fmt: skip
    again = led.overview(led.select(), [column.text for column in found.columns])
    assert again.rows == found.rows
