"""The examples run in an empty repository, leave results that make sense, and leave git nothing to complain about."""

import json
import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
DOCS = EXAMPLES.parent / "docs"
GUIDE = (DOCS / "guides" / "evaluation-plots.md").read_text(encoding="utf-8")
MODELS = ["linear", "boosting", "network"]
PNG = b"\x89PNG\r\n\x1a\n"

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path, **env: str) -> bytes:
    """Run a command that must succeed, and return what it wrote to stdout."""
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "MPLBACKEND": "agg", **env}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def ledger(*arguments: str, cwd: Path) -> str:
    """Run the command line, and return what it wrote to stdout."""
    return run(sys.executable, "-m", "ledger", *arguments, cwd=cwd).decode()


def show(name: str, cwd: Path) -> dict[str, Any]:
    """Return all that is known of a run."""
    document: dict[str, Any] = json.loads(ledger("show", name, "--json", cwd=cwd))
    return document


def new_repository(folder: Path) -> Path:
    """Make a repository with a user in an empty folder."""
    for words in (["init", "-q"], ["config", "user.name", "Ada"], ["config", "user.email", "ada@example.org"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def assert_commits_cleanly(folder: Path) -> None:
    """Commit the ledger; nothing may be left over, and what is committed must read the same in a clone."""
    run("git", "add", ".ledger", cwd=folder)
    run("git", "commit", "-q", "-m", "results", cwd=folder)
    assert run("git", "status", "--porcelain", cwd=folder) == b""
    clone = folder.parent / f"{folder.name}-clone"
    run("git", "clone", "-q", folder, clone, cwd=folder)
    assert ledger("ls", "--json", cwd=clone) == ledger("ls", "--json", cwd=folder)


@pytest.fixture(scope="module")
def cancer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a repository in which the breast cancer example ran once, from a folder below its root."""
    folder = new_repository(tmp_path_factory.mktemp("cancer"))
    below = folder / "notebooks"
    below.mkdir()
    said = run(sys.executable, "-W", "error", EXAMPLES / "breast_cancer.py", cwd=below)
    assert said == b""
    assert not (below / ".ledger").exists()
    return folder


@pytest.mark.parametrize("name", MODELS)
def test_the_models_learn(cancer: Path, name: str) -> None:
    """Each model's loss falls, its AUC is that of a useful model, and every value is finite."""
    found = show(name, cancer)
    assert found["status"] == "finished"
    assert found["seed"] == 7
    assert found["tags"] == ["breast-cancer"]
    metrics = found["metrics"]
    splits = {key.partition("/")[0] for key in metrics}
    assert splits == {"train", "val", "test"}
    for summary in metrics.values():
        assert all(math.isfinite(summary[word]) for word in ("first", "last", "min", "max", "mean"))
    epochs = found["params"]["epochs"]
    assert metrics["val/loss"]["count"] == metrics["train/loss"]["count"] == epochs
    assert metrics["val/loss"]["last"] < metrics["val/loss"]["first"]
    assert metrics["test/auc"]["count"] == 1
    assert metrics["test/auc"]["last"] > 0.9
    assert metrics["val/auc"]["max"] <= 1.0


def test_the_charts_are_pictures(cancer: Path) -> None:
    """Each run has its two charts, and the bytes that come back are PNG."""
    for name in MODELS:
        charts = show(name, cancer)["charts"]
        assert sorted(chart["name"] for chart in charts) == ["test/confusion", "test/roc"]
        data = run(sys.executable, "-m", "ledger", "charts", name, "test/roc", "-o", "-", cwd=cancer)
        assert data.startswith(PNG)


def test_the_comparison_names_the_best(cancer: Path) -> None:
    """`compare` sets the three side by side, and marks one of them as the best by test/auc."""
    table = ledger("compare", *MODELS, cwd=cancer)
    assert all(name in table.splitlines()[0] for name in MODELS)
    row = next(line for line in table.splitlines() if line.startswith("test/auc"))
    assert row.count("*") == 1


def test_the_results_commit_cleanly(cancer: Path) -> None:
    """All of the ledger is committed, and a clone reads the same."""
    assert_commits_cleanly(cancer)


def test_the_breast_cancer_example_is_deterministic(cancer: Path) -> None:
    """Run again, it logs the same numbers and the same pictures."""
    before = {name: show(name, cancer) for name in MODELS}
    run(sys.executable, EXAMPLES / "breast_cancer.py", cwd=cancer)
    for name in MODELS:
        after = show(name, cancer)
        assert after["id"] != before[name]["id"]
        assert after["metrics"] == before[name]["metrics"]
        assert {c["name"]: c["blob"] for c in after["charts"]} == {c["name"]: c["blob"] for c in before[name]["charts"]}


def test_digits(tmp_path: Path) -> None:
    """The network learns to read, and each epoch has its two pictures; the report is a text."""
    folder = new_repository(tmp_path)
    assert run(sys.executable, "-W", "error", EXAMPLES / "digits.py", cwd=folder) == b""
    found = show("digits", folder)
    epochs = found["params"]["epochs"]
    assert found["metrics"]["val/accuracy"]["last"] > 0.9
    assert found["metrics"]["test/accuracy"]["last"] > 0.9
    assert found["metrics"]["train/loss"]["last"] < found["metrics"]["train/loss"]["first"]
    for name in ("weights", "val/mistakes"):
        steps = [chart["step"] for chart in found["charts"] if chart["name"] == name]
        assert sorted(steps) == list(range(1, epochs + 1))
    assert_commits_cleanly(folder)
    ledger("charts", "digits", "-o", "pictures", cwd=folder)
    assert all(path.read_bytes().startswith(PNG) for path in (folder / "pictures").glob("*.png"))
    assert len(list((folder / "pictures").glob("*.png"))) == 2 * epochs
    assert "macro avg" in ledger("charts", "digits", "test/report", "-o", "-", cwd=folder)


def test_shell_loop(tmp_path: Path) -> None:
    """Without a command called ledger on the PATH, LEDGER names one; both fits approach the least-squares line."""
    folder = new_repository(tmp_path)
    command = f"{sys.executable} -m ledger"
    table = run("sh", EXAMPLES / "shell_loop.sh", cwd=folder, LEDGER=command).decode()
    assert table.splitlines()[0].split() == ["metric", "cars-slow", "cars-fast"]
    slow, fast = show("cars-slow", folder), show("cars-fast", folder)
    assert fast["metrics"]["train/mse"]["last"] < slow["metrics"]["train/mse"]["last"]
    assert fast["metrics"]["train/mse"]["last"] == pytest.approx(227.07, abs=0.1)  # of the least-squares line
    assert fast["metrics"]["slope"]["last"] / 5 == pytest.approx(3.932, abs=0.01)  # feet per mile per hour
    assert fast["metrics"]["slope"].get("last_step") is None
    assert fast["params"] == {"rate": 0.6, "data": "cars"}
    assert_commits_cleanly(folder)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a repository in which the three examples of evaluations ran; each says which commands come next."""
    folder = new_repository(tmp_path_factory.mktemp("evaluated"))
    for name in ("binary", "multiclass", "regression"):
        said = run(sys.executable, "-W", "error", EXAMPLES / f"evaluate_{name}.py", cwd=folder).decode()
        assert said == "next:\n" + "".join(f"    ledger {command}\n" for command in commands(f"evaluate_{name}.py"))
    return folder


def commands(name: str) -> list[str]:
    """Return the commands that an example names, without the first word."""
    return re.findall(r"^    ledger (.*)$", (EXAMPLES / name).read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", ["evaluate_binary.py", "evaluate_multiclass.py", "evaluate_regression.py"])
def test_the_commands_of_the_evaluations_draw(evaluated: Path, name: str) -> None:
    """Each command that an example names works, and each picture of them is in the docs, as large as a page bears."""
    drawn = [command for command in commands(name) if " -o " in command]
    assert len(drawn) >= 2
    stem = name.removeprefix("evaluate_").removesuffix(".py")
    for command in commands(name):
        run(sys.executable, "-m", "ledger", *shlex.split(command), cwd=evaluated)
    for command in drawn:
        picture = evaluated / command.split()[-1]
        assert picture.read_bytes().startswith(b"<?xml")
        assert picture.stat().st_size < 200_000
        picture.unlink()
        assert f"`ledger {command}`" in GUIDE
        assert f"../images/{stem}-{picture.name}" in GUIDE
        assert (DOCS / "images" / f"{stem}-{picture.name}").is_file()


def test_the_evaluations_are_whole(evaluated: Path) -> None:
    """Each model has the metrics of its kind on each split, and they are those of useful models."""
    forest, linear, ridge = (show(name, evaluated)["metrics"] for name in ("forest", "linear", "ridge"))
    assert {key.partition("/")[0] for key in forest} == {"train", "val", "test"}
    assert len(forest) == 3 * 19
    assert forest["test/roc_auc"]["last"] > 0.95
    assert linear["test/accuracy"]["last"] > 0.85
    assert min(linear[f"test/recall{{class={digit}}}"]["last"] for digit in range(10)) > 0.6
    assert 0.4 < ridge["test/r2"]["last"] < 0.6
    assert 0 < ridge["test/mean_relative_error"]["last"] < 1
    for metrics in (forest, linear, ridge):
        assert all(math.isfinite(summary["last"]) for summary in metrics.values())


def test_the_evaluations_of_one_test_set_share_it(evaluated: Path) -> None:
    """The truth of two models is one file, and so are their definitions."""
    for names in (("logistic", "forest"), ("linear", "neighbours"), ("ridge", "boosting")):
        found = [show(name, evaluated) for name in names]
        truths = [{p["split"]: p["columns"]["y_true"]["blob"] for p in one["predictions"]} for one in found]
        assert truths[0] == truths[1]
        charts = [{c["name"]: c["blob"] for c in one["charts"]} for one in found]
        assert charts[0]["test/definitions"] == charts[1]["test/definitions"]
        assert "definitions_differ" not in json.loads(ledger("compare", *names, "--json", cwd=evaluated))


def test_the_evaluations_can_be_computed_again(evaluated: Path) -> None:
    """The commands that the examples name work, with the numbers that were logged."""
    again = json.loads(ledger("evaluate", "logistic", "--json", cwd=evaluated))
    logged = show("logistic", evaluated)["metrics"]
    assert {f"test/{key}": value for key, value in again["metrics"].items()} == {
        key: summary["last"] for key, summary in logged.items() if key.startswith("test/")
    }
    lower = json.loads(ledger("evaluate", "forest", "--threshold", "0.3", "--slice", "size", "--json", cwd=evaluated))
    assert [part["value"] for part in lower["slices"]] == ["large", "small"]
    assert sum(part["n"] for part in lower["slices"]) == lower["n"]
    assert "age=older" in ledger("evaluate", "ridge", "--slice", "age", cwd=evaluated)
    assert "confusion" in ledger("charts", "linear", cwd=evaluated)


def test_the_evaluations_commit_cleanly(evaluated: Path) -> None:
    """All of the ledger is committed, and a clone reads the same."""
    assert_commits_cleanly(evaluated)


def test_boomerang(tmp_path: Path) -> None:
    """Sixteen models on train, val and test, with folds; the commands that are shown draw them, who is best is said."""
    folder = new_repository(tmp_path)
    assert run(sys.executable, "-W", "error", EXAMPLES / "boomerang.py", cwd=folder) == b""
    drawn = json.loads(ledger("plot", "boomerang", "--json", cwd=folder))
    assert len(drawn["models"]) == 16
    for model in drawn["models"]:
        assert [p["split"] for p in model["points"] if "fold" not in p] == ["train", "val", "test"]
        assert len([p for p in model["points"] if "fold" in p]) == 2 * 5
        assert model["generalization"]["folds"] == 5
    by_name = {model["name"]: model for model in drawn["models"]}
    assert by_name["forest"]["points"][0]["y"] == 1.0
    assert by_name["forest"]["generalization"]["gap"] > 0.02 > abs(by_name["logistic-0.001"]["generalization"]["gap"])
    table = ledger("compare", "--all", "--sort", "generalization", "--metric", "*/accuracy", "--csv", cwd=folder)
    index = [float(cell) for cell in table.splitlines()[1].split(",")[2:]]
    assert index == sorted(index)
    said = ledger("plot", "boomerang", "--min-score", "0.9", "--max-loss", "0.7", "-o", "b.svg", cwd=folder)
    assert "models kept" in said
    ledger("plot", "boomerang", "--by", "group", "--max-loss", "1.5", "-o", "panels.svg", cwd=folder)
    assert b"<title>neighbours-3, val: " in (folder / "panels.svg").read_bytes()
    for name in ("b.svg", "panels.svg"):
        (folder / name).unlink()
    assert_commits_cleanly(folder)


@pytest.mark.real
def test_keras_callback(tmp_path: Path) -> None:
    """A network learns the digits: curves of both splits, an evaluation each fourth epoch, its filters as a montage."""
    folder = new_repository(tmp_path)
    run(sys.executable, "-W", "error", EXAMPLES / "keras_callback.py", cwd=folder, KERAS_BACKEND="jax")
    found = show("digits-cnn", folder)
    assert found["status"] == "finished"
    metrics = found["metrics"]
    assert metrics["val/accuracy"]["last"] > 0.93
    assert metrics["test/accuracy"]["last"] > 0.93
    assert metrics["train/loss"]["last"] < metrics["train/loss"]["first"]
    assert metrics["train/loss"]["count"] == metrics["val/loss"]["count"] == metrics["learning_rate"]["count"] == 12
    assert metrics["val/f1"]["count"] == 3
    assert found["params"]["keras"]["optimizer"]["learning_rate"]["class"] == "CosineDecay"
    steps = {name: [c["step"] for c in found["charts"] if c["name"] == name] for name in ("filters", "val/confusion")}
    assert {name: sorted(of) for name, of in steps.items()} == {"filters": [*range(12)], "val/confusion": [3, 7, 11]}
    assert_commits_cleanly(folder)
    assert len(commands("keras_callback.py")) == 3
    for command in commands("keras_callback.py"):
        ledger(*command.split(), cwd=folder)
        assert (folder / command.split()[-1]).read_bytes().startswith(PNG)


@pytest.fixture(scope="module")
def backfilled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Give a repository in which the example of a backfill ran, and what it said."""
    folder = new_repository(tmp_path_factory.mktemp("backfilled"))
    said = run(sys.executable, "-W", "error", EXAMPLES / "backfill.py", cwd=folder).decode()
    return folder, said.splitlines()


def test_a_backfill_changes_the_winner(backfilled: tuple[Path, list[str]]) -> None:
    """The cost of all 200 models is computed, and the one that is best by it is not the one that was best before."""
    folder, said = backfilled
    assert said[0] == "the cost of 200 models was computed from their predictions"
    before, after = (show(f"best:test/{word}", folder) for word in ("accuracy", "cost"))
    assert said[1].startswith(f"best by accuracy: {before['name']}, ")
    assert said[2].startswith(f"best by cost: {after['name']}, ")
    assert before["id"] != after["id"]
    assert after["metrics"]["test/accuracy"]["last"] < before["metrics"]["test/accuracy"]["last"]
    assert after["metrics"]["test/cost"]["last"] < before["metrics"]["test/cost"]["last"] / 2


def test_the_history_of_a_backfilled_number_tells_the_whole_story(backfilled: tuple[Path, list[str]]) -> None:
    """First computed, by which function, of how many rows, and why; then corrected, and why; the last one is shown."""
    folder, said = backfilled
    found = json.loads(ledger("history", "best:test/cost", "test/cost", "--json", cwd=folder))
    computed, corrected = found["values"]
    assert computed["reason"] == "what do mistakes cost?"
    assert "was read again" in corrected["reason"]
    assert computed["value"] > corrected["value"]
    assert len(said) == 6


def test_the_backfill_commits_cleanly(backfilled: tuple[Path, list[str]]) -> None:
    """All of the ledger is committed, and a clone reads the same."""
    assert_commits_cleanly(backfilled[0])
