"""`ledger charts`: what is read for a list of charts, and what is said of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.store import blobs

TRUTH, SCORES = [0, 0, 1, 1, 1, 0, 1, 0], [0.1, 0.4, 0.35, 0.8, 0.9, 0.6, 0.7, 0.2]
Cli = Callable[..., Any]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The blobs that are read."""
    found: list[str] = []
    real = blobs.get

    def get(tree: Any, sha256: str, extension: str) -> bytes:
        found.append(sha256)
        return real(tree, sha256, extension)

    monkeypatch.setattr(blobs, "get", get)
    return found


@pytest.fixture
def evaluated(workdir: Path) -> Path:
    """A run with an evaluation at each of four steps, a curve at three, and a picture."""
    with ledger.start("a") as run:
        for step in range(4):
            scores = [score / (step + 1) for score in SCORES]
            run.evaluate(y_true=TRUTH, y_score=scores, kind="binary", split="val", step=step, predictions=False)
        for step in range(3):
            run.log_curve("rate", [0, 1], [step, 2], step)
        run.log_text("words", "fine")
    return workdir


def test_a_list_reads_what_it_shows_and_no_more(evaluated: Path, cli: Cli, reads: list[str]) -> None:
    """Charts of an evaluation are known by name; of a series that is data one is read; all of them only if asked."""
    result = cli("charts", "a")
    assert "roc pr calibration ks gain lift threshold confusion histogram report definitions" in result.out
    assert [line.split()[:2] for line in result.out.split("\n\n")[0].split("\n")[2:]] == [
        ["rate", "curve"], ["words", "-"],
    ]  # fmt: skip
    assert len(reads) == 1
    reads.clear()
    for quick in (("show", "a"), ("compare", "a"), ("ls",)):
        assert cli(*quick).code == 0
    assert reads == []
    assert cli("charts", "a", "--json").out.count('"kind": ') == 4 * 11 + 3
    assert len(reads) == len({chart.blob for chart in ledger.open().state("a").charts if chart.extension == "json"})


def test_one_chart_is_read_alone(evaluated: Path, cli: Cli, reads: list[str]) -> None:
    """To show it or to draw it, that one is read, whatever else the run has."""
    blob = ledger.open().find_chart("a", "val/roc").blob
    assert cli("charts", "a", "val/roc").code == 0
    assert cli("charts", "a", "val/roc", "-o", "roc.svg").code == 0
    assert Path("roc.svg").read_text().startswith("<?xml")
    assert set(reads) == {blob}


def test_a_plot_reads_the_chart_it_draws(evaluated: Path, cli: Cli, reads: list[str]) -> None:
    """Found by its name; where there is none of that name, one of each series that may be it is read."""
    assert cli("plot", "roc", "a", "-o", "roc.svg").code == 0
    assert len(reads) == 1
    reads.clear()
    assert cli("plot", "importance", "a", "-o", "importance.svg").code == 4
    assert len(reads) == 1


def test_a_long_list_says_what_it_did_not_look_up(workdir: Path, cli: Cli, reads: list[str]) -> None:
    """The kinds of the first hundred are read."""
    with ledger.start("a") as run:
        for i in range(103):
            run.log_curve(f"c{i:03}", [0, 1], [i, 2])
    result = cli("charts", "a")
    assert len(reads) == 100
    assert [line.split()[1] for line in result.out.split("\n")[101:105]] == ["curve", "-", "-", "-"]
    assert "looked up for the first 100 charts; for all of them: --json" in result.err


def test_charts_that_differ_are_counted_by_evaluation(workdir: Path, cli: Cli) -> None:
    """One line for those that the same runs have; what only some have is another line."""
    for name, split, scores in (("a", "test", SCORES), ("b", "test", SCORES[::-1]), ("c", "test", SCORES)):
        with ledger.start(name) as run:
            run.evaluate(y_true=TRUTH, y_score=scores, kind="binary", split=split)
    with ledger.start("d") as run:
        run.evaluate(y_true=TRUTH, y_pred=[0, 1] * 4, kind="binary", split="test")

    def said(*runs: str) -> list[list[str]]:
        lines = cli("compare", *runs).out.rsplit("\n\n", 1)[-1].rstrip("\n").split("\n")
        assert lines[0].split() == ["evaluation", "pictures", "runs", "charts"]
        return [line.split() for line in lines[2:]]

    every = ["roc", "pr", "calibration", "ks", "gain", "lift", "threshold", "confusion", "histogram", "report"]
    assert said("a", "c") == [["test/", "equal", "all", *every]]
    assert said("a", "b") == [["test/", "8", "of", "10", "differ", "all", *every]]
    assert said("a", "d") == [
        ["test/", "-", "a", *(name for name in every if name not in ("confusion", "report"))],
        ["test/", "differ", "all", "confusion", "report"],
    ]
    charts = cli("diff", "a", "b").out.split("\n\n")[-2].split("\n")
    assert charts[0].split() == ["evaluation", "change", "charts"]
    assert charts[2].split() == ["test/", "changed", *(name for name in every if name not in ("confusion", "report"))]


def test_every_kind_of_chart_data_is_drawn(workdir: Path, cli: Cli) -> None:
    """As a picture and as text, by its name; a picture that was logged has no text."""
    with ledger.start("a") as run:
        run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", split="test")
        run.evaluate(y_true=[0, 1, 2] * 2, y_pred=[0, 1, 1] * 2, kind="multiclass", split="classes")
        run.evaluate(y_true=[[0, 1], [1, 1]], y_pred=[[0, 1], [1, 0]], kind="multilabel", split="labels")
        run.evaluate(y_true=SCORES, y_pred=SCORES[::-1], kind="regression", split="prices")
        run.log_curve("learning", [1, 2], {"train": [1, 2], "val": [1, 3]})
        run.log_table("best", [{"model": "forest", "auc": 0.9}])
        run.log_importance("importance", ["x"], [1.0])
        run.log_histogram("sizes", [1, 2, 3])
        run.log_chart("picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    data = [chart.name for chart in ledger.open().state("a").charts if chart.name != "picture"]
    assert {name.rpartition("/")[2] for name in data} >= {"confused", "error_by_decile", "report", "definitions"}
    for name in data:
        text = cli("charts", "a", name, "--terminal")
        assert text.code == 0, text.err
        assert len(text.out) > 40
    for name in ("learning", "best", "labels/confusion", "test/definitions", "prices/error_by_decile"):
        for form, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
            assert cli("charts", "a", name, "-o", f"chart.{form}").code == 0
            assert Path(f"chart.{form}").read_bytes().startswith(start)
    assert cli("charts", "a", "picture", "--terminal").code == 2
    assert "--terminal draws one chart" in cli("charts", "a", "--terminal").err


def test_a_fold_is_named_as_evaluate_names_it(workdir: Path, cli: Cli) -> None:
    """`--context fold=2`; without it all of them."""
    with ledger.start("a") as run:
        for fold in (1, 2):
            run.evaluate(y_true=TRUTH, y_score=SCORES, kind="binary", split="val", context={"fold": fold})
    assert "fold 2" in cli("plot", "roc", "a", "--terminal").out
    assert "a  AUC" in cli("plot", "roc", "a", "--context", "fold=2", "--terminal").out
    wrong = cli("plot", "roc", "a", "--context", "fold=3", "--terminal")
    assert (wrong.code, wrong.err.split("\n")[1].strip()) == (4, "say which: --context fold=1")
