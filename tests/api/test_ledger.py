"""The public surface: a ledger is opened, read and added to; nothing prints; what is not here is said."""

import os
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger import api
from ledger.errors import (
    AmbiguousRun,
    DamagedFile,
    InvalidParam,
    InvalidSchema,
    InvalidValue,
    NoLedger,
    NoSuchChart,
    NoSuchRun,
    UsageError,
)

pytestmark = pytest.mark.usefixtures("workdir")


@pytest.fixture
def led() -> ledger.Ledger:
    """Make a ledger with two runs."""
    for name, auc in (("a", 0.5), ("b", 0.75)):
        with ledger.start(name, params={"lr": auc}) as run:
            run.log({"val/auc": auc, "loss": 1 - auc}, step=1)
            run.log_text("t", name, step=1)
            run.log_text("t", name * 2, step=2)
    return ledger.open()


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Return all files and folders with their times and sizes."""
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(folder.rglob("*"))}


def test_reading_writes_nothing(led: ledger.Ledger, workdir: Path) -> None:
    """Readers never write under `.ledger`, nor beside it; nothing is printed."""
    open_run = ledger.start("c")
    open_run.log({"loss": 0.25})
    before = files_of(workdir)
    fresh = ledger.open()
    _ = fresh.runs(), fresh.metrics(), fresh.compare("a", "b").to_json(), fresh.diff("a", "b").to_json(), fresh.status()
    _ = list(fresh.export()), fresh.chart("a", "t"), fresh.state("c"), fresh.removed(), fresh.schema, fresh.damaged
    _ = repr(fresh), repr(fresh.run("a")), fresh.stale(), fresh.resolve("@1"), fresh.author(), fresh.is_open("c")
    assert files_of(workdir) == before
    open_run.finish()


def test_a_ledger_is_opened_where_it_is(led: ledger.Ledger, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By path, by LEDGER_DIR, or the nearest above; where there is none, exit 4 and how to make one."""
    (workdir / "deep" / "er").mkdir(parents=True)
    os.chdir(workdir / "deep" / "er")
    assert ledger.open().path == led.path == ledger.open("../..").path == ledger.open(f"{workdir}/.ledger").path
    os.chdir("/")
    with pytest.raises(NoLedger) as caught:
        ledger.open()
    assert caught.value.exit_code == 4
    monkeypatch.setenv("LEDGER_DIR", str(workdir))
    assert ledger.open().path == led.path
    with pytest.raises(NoLedger):
        ledger.open("/nowhere")


def test_a_handle_reads_and_adds(led: ledger.Ledger) -> None:
    """What a run is called, how it stands, its params, tags, rows and charts; and more of each."""
    run = led.run("a")
    assert (run.name, run.status, run.params, run.tags) == ("a", "finished", {"lr": 0.5}, [])
    run.log({"val/auc": 0.625}, step=2, reason="more epochs")
    run.log_metric("test/auc", 0.5)
    run.log({"loss": 0.25}, split="test")
    run.tag("star")
    run.note("why")
    run.log_params({"opt": {"name": "sgd"}})
    run.log_file("f", __file__)
    assert run.metrics().metric.tolist() == ["loss", "test/auc", "test/loss", "val/auc", "val/auc"]
    assert run.params == {"lr": 0.5, "opt": {"name": "sgd"}}
    assert (run.tags, run.state.note) == (["star"], "why")
    assert [chart.name for chart in run.charts()] == ["f", "t", "t"]
    assert run.chart("t", 1) == b"a"
    assert repr(run) == f"<ledger.LoggedRun {run.id}>"


def test_charts_are_found_by_name_and_step(led: ledger.Ledger) -> None:
    """Without a step the one that has none, else the last; what is not there is said with what is."""
    assert led.chart("b", "t") == b"bb"
    assert led.chart("b", "t", 1) == b"b"
    led.run("b").log_text("t", "whole")
    led.run("b").log_chart("roc", b"1", context={"fold": 1})
    led.run("b").log_chart("roc", b"2", context={"fold": 2})
    assert led.chart("b", "t") == b"whole"
    assert led.chart("b", "roc{fold=2}") == b"2"
    with pytest.raises(NoSuchChart, match="has no chart 'x'; it has roc, t"):
        led.chart("b", "x")
    with pytest.raises(NoSuchChart, match="no step 9; it has 1, 2, one without a step") as caught:
        led.chart("b", "t", 9)
    assert caught.value.exit_code == 4
    path = Path(led.blob_path(led.find_chart("b", "t", 1)))
    path.write_bytes(b"other")
    with pytest.raises(DamagedFile):
        led.chart("b", "t", 1)


def test_comparing_and_diffing(led: ledger.Ledger) -> None:
    """Side by side, with the best; and what differs between two, with a verdict."""
    compared = led.compare("a", "b").to_json()
    assert [run["name"] for run in compared["runs"]] == ["a", "b"]
    assert {metric["name"]: metric["best"] for metric in compared["metrics"]} == {
        "val/auc": [led.resolve("b")],
        "loss": [led.resolve("b")],
    }
    found = led.diff("a", "b").to_json()
    assert found["params"] == {"lr": {"old": 0.5, "new": 0.75}}
    assert {key: row["verdict"] for key, row in found["metrics"].items()} == {"val/auc": "better", "loss": "better"}
    with pytest.raises(NoSuchRun):
        led.compare("a", "nope")
    with pytest.raises(NoSuchRun):
        led.diff("a", "nope")


def test_one_call_logs_all_or_nothing(led: ledger.Ledger, workdir: Path) -> None:
    """Metrics, charts, params, tags and a note: all checked before anything is written."""
    (workdir / "roc.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    good: dict[str, Any] = {
        "calls": [api.Call({"x": 1.0}, 1), api.Call({"x": 2.0}, 2)], "charts": [api.ChartFile("roc", "roc.png")],
        "params": {"n": 1}, "tags": ["star"], "note": "why", "reason": "because",
    }  # fmt: skip
    bad: list[tuple[type[Exception], dict[str, Any]]] = [
        (InvalidValue, {"calls": [api.Call({"x": 1.0}), api.Call({"x": "a"})]}),
        (InvalidValue, {"charts": [api.ChartFile("roc", "none.png")]}),
        (InvalidParam, {"params": {"n": object()}}), (UsageError, {"tags": ["star", ""]}), (UsageError, {"tags": [5]}),
        (InvalidValue, {"note": 5}), (InvalidValue, {"reason": "\udcff"}),
    ]  # fmt: skip
    for run in ("a", "new"):
        before = files_of(workdir)
        for error, given in bad:
            with pytest.raises(error):
                led.log(run, **{**good, **given})
            with pytest.raises(error):
                led.check_log(run, **{**good, **given})
        assert files_of(workdir) == before
        done = led.log(run, **good)
        assert (done.created, done.late) == (run == "new", run == "a")
        state, note = led.state(run), "why\nbecause" if done.created else "why"
        assert (state.metrics["x"].count, state.tags, state.note, state.params["n"]) == (2, ["star"], note, 1)
        assert "roc" in [chart.name for chart in state.charts]


def test_a_plain_new_name_makes_a_closed_run(led: ledger.Ledger) -> None:
    """It says so, with the nearest name that is known; what is no plain name, or ambiguous, makes none."""
    done = led.log("baseline", [api.Call({"x": 1.0})])
    assert (done.created, led.state("baseline").status) == (True, "finished")
    assert led.log("baselin", [api.Call({"x": 1.0})]).near == ["baseline"]
    assert led.log("baseline", [api.Call({"x": 2.0})]).created is False
    for word in ("@9", "tag:x", "20261122-031501-baseline-7f3a9c2e1b0d", "a..b", "run:nope"):
        with pytest.raises(NoSuchRun):
            led.log(word, [api.Call({"x": 1.0})])
        with pytest.raises(NoSuchRun):
            led.check_log(word, [api.Call({"x": 1.0})])
    with pytest.raises(AmbiguousRun):
        led.log(led.resolve("a")[:4], [api.Call({"x": 1.0})])
    assert led.check_log("unheard-of") is None
    assert led.check_log("a") == led.resolve("a")
    assert len(led.select()) == 4


def test_a_broken_schema_is_said_where_it_is_needed(led: ledger.Ledger, workdir: Path) -> None:
    """Line and key are named; a run that goes on is not stopped by it."""
    (workdir / ".ledger-schema").write_text('[metric."x"]\ngoal = "maximise"\n')
    with ledger.start("c") as run:
        run.log({"x": 1.0})
    fresh = ledger.open()
    with pytest.raises(InvalidSchema, match="line 2") as caught:
        _ = fresh.schema
    assert "goal" in str(caught.value)
    assert fresh.run(run.id).id == run.id


def test_status_says_what_needs_a_hand(led: ledger.Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs by status, the unclosed ones, those whose process is gone, and what git would leave out."""
    from ledger.record import condition
    from ledger.record.run import _open_runs

    monkeypatch.setattr(condition, "other_ledger", lambda: None)
    running = ledger.start("running")
    dead = ledger.start("dead")
    dead._writer.close()
    dead._finished = True
    _open_runs.pop(id(dead))
    shared = api.start_shared("shared")
    found = led.status()
    assert found["runs"] == {"running": 1, "open": 1, "interrupted": 1, "finished": 2}
    assert sorted((run["name"], run["status"]) for run in found["unclosed"]) == [
        ("dead", "interrupted"), ("running", "running"), ("shared", "open"),
    ]  # fmt: skip
    assert found["stale"] == [dead.id] == led.stale()
    assert found["notices"] == ["not in a git repository: results are kept, but not versioned"]
    assert led.is_open(shared)
    assert not led.is_open("a")
    assert not led.is_open("nope")
    running.finish()


def test_a_ledger_that_is_kept_open_sees_what_others_do(led: ledger.Ledger) -> None:
    """Each answer is as of now: new runs, late values, removals."""
    assert len(led.select()) == 2
    other = ledger.open()
    with ledger.start("c") as run:
        run.log({"x": 1.0})
        assert led.run("c").status == "running"
    assert led.run("c").status == "finished"
    other.run("c").log({"x": 2.0}, step=0)
    assert led.state("c").metrics["x"].last == 2.0
    other.remove("c")
    assert len(led.select()) == 2


def test_names_are_loaded_on_first_use() -> None:
    """An unknown one is an AttributeError, as for any module."""
    with pytest.raises(AttributeError):
        _ = ledger.nothing  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        _ = api.nothing  # type: ignore[attr-defined]
    assert set(ledger.__all__) <= {*dir(ledger), *ledger.__all__}


def test_a_name_that_looks_like_a_part_of_an_id(workdir: Path) -> None:
    """What may be a new run's name and is a part of an id only is neither: the error names both ways to say it."""
    led = api.writable_ledger()
    id = led.log("first", [api.Call({"x": 1.0})]).run
    for word in (id[-12:], id[-12:-8], id[:8]):
        for log in (led.log, led.check_log):
            with pytest.raises(AmbiguousRun, match=f"{word!r} is a part of the id {id}, and may be the name") as raised:
                log(word, [api.Call({"x": 2.0})])
            assert raised.value.hint == f"that run: run:{word}; a new one: ledger start {word}"
    assert led.log(f"run:{id[-12:]}", [api.Call({"x": 2.0})]).run == id
    assert led.log(id[:22], [api.Call({"x": 3.0})]).run == id
    api.start_shared(id[-12:])
    assert led.log(id[-12:], [api.Call({"x": 4.0})]).run != id
    with pytest.raises(AmbiguousRun, match="fits 2 runs") as several:
        led.log(id[:8], [api.Call({"x": 2.0})])
    assert several.value.hint == f"give more of the id; for a new run of this name: ledger start {id[:8]}"
    assert led.metrics(id).value.tolist() == [3.0]
    assert led.metrics(id, rows="stored").value.tolist() == [1.0, 2.0, 3.0]
