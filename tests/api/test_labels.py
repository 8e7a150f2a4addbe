"""Labels from Python: added, listed, counted, evaluated with, also as of a date, drawn and logged."""

import datetime
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import ledger
from ledger.errors import DamagedFile, InvalidValue, LedgerWarning, NoSuchPredictions, Undecided


@pytest.fixture
def led(repo: Path) -> Any:
    """Return a ledger with two runs that have predictions of two splits, and one without any."""
    for name in ("a", "b"):
        with ledger.start(name) as run:
            run.log_predictions("prod", ids=["o1", "o2", "o3", "o4"], y_score=[0.9, 0.2, 0.8, 0.3])
            run.log_predictions("test", y_true=[1, 0], y_score=[0.9, 0.2])
    with ledger.start("none") as run:
        run.log({"x": 1.0})
    return ledger.open()


def add(led: Any, pairs: dict[str, int], **options: Any) -> Any:
    """Add labels of orders."""
    return led.add_labels(pd.DataFrame({"id": list(pairs), "label": list(pairs.values())}), **options)


def test_what_is_said_of_new_labels(led: Any) -> None:
    """The result has all counts; its document is JSON."""
    done = add(led, {"o1": 1, "o9": 0}, split="prod", at=datetime.date(2026, 1, 31), reason="first")
    document = json.loads(json.dumps(done.to_json()))
    assert document.pop("entry") == done.entry
    assert document == {
        "schema": "ledger.labels-added/1",
        "dry_run": False,
        "split": "prod",
        "at": "2026-01-31T00:00:00.000000Z",
        "rows": 2,
        "labels": 2,
        "without_id": 0,
        "empty": 0,
        "repeated": 0,
        "unmatched": 1,
        "splits": ["prod"],
        "same": 0,
        "other": 0,
        "contradictions": [],
    }


def test_the_list_as_a_table(led: Any) -> None:
    """A row an entry in view, in order of when labels were known; times are moments."""
    add(led, {"o2": 0}, at="2026-02-28")
    add(led, {"o1": 1}, split="prod", at="2026-01-31", reason="first")
    table = led.labels().frame()
    assert table["split"].dropna().tolist() == ["prod"]
    assert table["reason"].dropna().tolist() == ["first"]
    assert table["labels"].tolist() == [1, 1]
    assert table["at"].dt.month.tolist() == [1, 2]


def test_coverage(led: Any) -> None:
    """Of each run and split; of some runs, a split, a moment; a filter; runs without predictions are said if named."""
    add(led, {"o1": 1, "o2": 1}, split="prod", at="2026-01-31")
    add(led, {"o2": 0}, split="prod", at="2026-02-28")
    found = led.label_coverage()
    rows = [
        (row.name, row.place, row.coverage.known, row.coverage.of, row.coverage.contradictions) for row in found.rows
    ]
    assert rows == [(n, *more) for n in ("b", "a") for more in (("prod", 2, 4, 1), ("test", 2, 2, 0))]
    assert led.label_coverage("a", split="prod", as_of="2026-01-31").rows[0].coverage.contradictions == 0
    assert led.label_coverage("a", split="test", as_of="2026-01-31").rows[0].coverage.known == 0
    assert [row.name for row in led.label_coverage(where="name = 'b'").rows] == ["b", "b"]
    assert led.label_coverage().frame()["percent"].tolist() == [50.0, 100.0] * 2
    document = led.label_coverage("a", split="prod", as_of="2026-02-28").to_json()
    assert document["as_of"] == "2026-02-28T23:59:59.999999Z"
    assert document["predictions"][0]["contradictions"] == 1
    with pytest.raises(NoSuchPredictions, match="'dev'"):
        led.label_coverage("a", split="dev")
    with pytest.raises(InvalidValue, match="no date"):
        led.label_coverage(as_of="soon")


def test_a_run_that_cannot_be_read_is_left_out_unless_it_is_named(led: Any, repo: Path) -> None:
    """Of all runs what else there is is counted, with a warning; of those that are named it is an error."""
    (blob,) = {state.predictions[0].columns["ids"].blob for state in led.select("a")}
    next(Path(".ledger").glob(f"blobs/*/{blob}.parquet")).unlink()
    add(led, {"o1": 1}, split="prod")
    with pytest.warns(LedgerWarning, match="left out: run .*, 'prod': .* cannot be read"):
        found = led.label_coverage()
    assert ([row.split for row in found.rows], found.left_out) == (["test", "test"], True)
    with pytest.raises(DamagedFile):
        led.label_coverage("a")


def test_evaluations_with_what_has_come(led: Any) -> None:
    """Metrics are those of the rows that have a label; the document says how many, and as of when."""
    add(led, {"o1": 1, "o2": 0}, split="prod", at="2026-01-31")
    add(led, {"o3": 0, "o4": 1, "o1": 0}, split="prod", at="2026-02-28")
    found = led.evaluate("a", "prod", kind="binary", as_of="2026-01-31")
    assert (found.whole.n, found.whole.pending, found.rows()[0][1]) == (2, 2, 1.0)
    assert found.to_json()["labels"] == {"known": 2, "of": 4, "as_of": "2026-01-31T23:59:59.999999Z"}
    found = led.evaluate("a", "prod", kind="binary")
    assert (found.whole.n, found.rows()[0][1]) == (4, 0.25)
    assert found.to_json()["labels"] == {"known": 4, "of": 4, "contradictions": 1}
    assert "labels" not in led.evaluate("a", "test", kind="binary").to_json()
    moment = datetime.datetime(2026, 1, 30, tzinfo=datetime.UTC)
    with pytest.raises(Undecided, match=r"none of the 4 labels .* as of 2026-01-30T00:00:00.000000Z"):
        led.evaluate("a", "prod", as_of=moment)


def test_metrics_are_logged_and_charts_drawn_of_what_has_come(led: Any) -> None:
    """What can be done with predictions can be done with those whose labels came late."""
    add(led, {"o1": 1, "o2": 0, "o3": 1}, split="prod")
    found = led.evaluate("a", "prod", kind="binary", charts=True)
    led.run("a").log_evaluation(found, reason="January is in")
    assert led.state("a").metrics["prod/accuracy"].last == 1.0
    assert '"auc": 1.0' in json.dumps(led.plot_data("roc", "b", split="prod").to_json(), default=str)


def test_without_any_label(led: Any) -> None:
    """It is undecided, with what to type."""
    with pytest.raises(Undecided, match="have no y_true") as refused:
        led.evaluate("a", "prod")
    assert refused.value.hint == "add the labels when they come: ledger labels add FILE --on id --split prod"
    add(led, {"zzz": 1}, split="prod")
    with pytest.raises(Undecided, match="none of the 4 labels") as refused:
        led.evaluate("a", "prod")
    assert refused.value.hint == "see what came when: ledger labels"
