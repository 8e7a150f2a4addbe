"""Reports with real git: what a branch did to the results, and what the gates say of it."""

import json
from pathlib import Path

import pytest

import ledger
from tests.conftest import git, run_cli

SCHEMA = '[metric."val/auc"]\ngoal = "maximize"\n\n[gate."val/auc"]\nmin = 0.5\nmax_drop = 0.01\n'


def commit(message: str) -> str:
    """Commit everything and return the commit, shortened as reports have it."""
    git("add", "--all")
    git("commit", "-q", "-m", message)
    return git("rev-parse", "HEAD").strip()[:8]


def train(name: str, *values: float) -> str:
    """Make a run with a value a step; return its id."""
    with ledger.start(name, directory=".") as run:
        for step, value in enumerate(values):
            run.log({"val/auc": value}, step=step)
    return run.id


@pytest.fixture
def main(repo: Path) -> str:
    """Make a main branch with a gate and a baseline, go on to a branch; return main's commit."""
    (repo / ".ledger-schema").write_text(SCHEMA)
    train("model", 0.5, 0.7, 0.9)
    head = commit("baseline")
    git("switch", "-q", "-c", "topic")
    return head


def report(*words: str) -> str:
    """What `ledger report` writes of main...HEAD; it must succeed and notice nothing."""
    done = run_cli("report", "--diff", "main...HEAD", *words)
    assert (done.code, done.err) == (0, "")
    return done.out


@pytest.mark.parametrize(
    ("value", "verdict", "first"),
    [
        (0.95, "pass", "✅ 2 passed"),
        (0.8, "fail", "❌ 1 failed, 1 passed"),
        (float("nan"), "undecided", "❓ 2 undecided"),
    ],
)
def test_what_the_gate_says(main: str, value: float, verdict: str, first: str) -> None:
    """The verdict stands first and is that of `ledger check` against main, with the same checks; the exit code is 0."""
    id = train("model", 0.6, 0.7, value)
    head = commit("new model")
    sign, counts = first.split(" ", 1)
    assert report().splitlines()[:5] == [
        "## Experiment results",
        "",
        f"{sign} main...HEAD ({main} → {head}): 1 run added",
        "",
        f"**Gate: {verdict}** ({counts}; `runs added or changed since main ({main})`)",
    ]
    gate = json.loads(report("--json"))["gate"]
    check = json.loads(run_cli("check", "--baseline", "main", "--json").out)
    assert gate["verdict"] == verdict
    assert (gate["checks"], gate["verdict"]) == (check["checks"], check["verdict"])
    assert [run["id"] for found in gate["checks"] for run in found["runs"]] == [id, id]


def test_without_gates(main: str) -> None:
    """There is no verdict, and no word of gates."""
    Path(".ledger-schema").unlink()
    train("model", 0.8)
    commit("no gates")
    text = report()
    assert text.splitlines()[2].startswith("main...HEAD (")
    assert "ate" not in text.replace("status", "")
    assert "gate" not in json.loads(report("--json"))


def test_nothing_changed(main: str) -> None:
    """A branch that touches other files alone: one line, and the gates are not asked."""
    Path("train.py").write_text("print(2)\n")
    head = commit("no results")
    assert report() == (
        "## Experiment results\n\n"
        f"main...HEAD ({main} → {head}): no run changed. There is nothing for the gates to check.\n"
    )


def test_a_run_that_is_removed(main: str) -> None:
    """It is listed by name and id, and no gate is asked about it."""
    [id] = [run.name for run in Path(".ledger/runs").glob("*/*")]
    assert run_cli("rm", "model", "-m", "wrong data").code == 0
    commit("removed")
    text = report()
    assert text.endswith(f"### 1 run removed\n\n| run | id |\n| --- | --- |\n| model | {id} |\n")
    assert "There is nothing for the gates to check." in text


def test_late_values_are_told_with_their_reason(main: str) -> None:
    """A value that a run of main got on the branch is a changed one, and its run is what the gate is asked about."""
    run_cli("log", "--run", "model", "val/auc=0.85", "-m", "evaluated @ada's way", env={"LEDGER_AUTHOR": "Ada"})
    commit("late")
    text = report()
    assert "| model | val/auc ↑ | 0.90 | 0.85 | -0.05 | ✗ worse (3 -&gt; 4 values) |" in text
    assert "| model | late rows by Ada: evaluated @&#8203;ada's way |" in text
    assert "**Gate: fail**" in text


def test_curves_of_long_metrics_alone(main: str) -> None:
    """A metric with three values and more has its course beside its last value; one with two has not."""
    long, short = train("long", 0.5, 0.75, 1.0), train("short", 0.5, 1.0)
    commit("two runs")
    rows = [line.split(" | ") for line in report().splitlines() if "finished" in line]
    assert [row[-1] for row in rows] == ["1 ▁▅█ |", "1 |"]
    curves = json.loads(report("--json"))["curves"]
    assert curves == {long: {"val/auc": [0.5, 0.75, 1.0]}}
    assert short not in curves


def test_more_runs_than_are_drawn(main: str) -> None:
    """Thirty runs are shown with their curves, the others counted; the gate is asked about all of them."""
    for number in range(33):
        train(f"model-{number}", 0.5, 0.7, 0.91)
    commit("a sweep")
    text = report()
    assert text.count("0.91 ▁") == 30
    assert "### 33 new runs\n" in text
    assert text.endswith("\n\n(and 3 more runs: ledger diff --json has all)\n")
    document = json.loads(report("--json"))
    assert len(document["curves"]) == 30
    assert len(document["runs"]["added"]) == 33
    assert len({run["id"] for check in document["gate"]["checks"] for run in check["runs"]}) == 33


def test_the_same_report_everywhere(main: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice here, in a file, from another branch and in a bare clone it is the same to the byte; it sends nothing."""
    train("model", 0.5, 0.7, 0.95)
    commit("new model")
    first = run_cli("report", "--diff", "main...topic").data
    assert run_cli("report", "--diff", "main...topic").data == first
    assert run_cli("report", "--diff", "main...topic", "-o", str(tmp_path / "comment.md")).out == ""
    assert (tmp_path / "comment.md").read_bytes() == first
    git("switch", "-q", "main")
    assert run_cli("report", "--diff", "main...topic").data == first
    git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    monkeypatch.chdir(tmp_path / "bare.git")
    assert run_cli("report", "--diff", "main...topic").data == first


def test_what_main_did_meanwhile_is_no_part_of_it(main: str) -> None:
    """With three dots the report begins where the branch left main; with two it is about all that differs."""
    train("model", 0.95)
    commit("new model")
    git("switch", "-q", "main")
    train("other", 0.1)
    commit("meanwhile")
    git("switch", "-q", "topic")
    names = [run["name"] for run in json.loads(report("--json"))["runs"]["added"]]
    assert names == ["model"]
    two = json.loads(run_cli("report", "--diff", "main..HEAD", "--json").out)["runs"]
    assert ([run["name"] for run in two["added"]], [run["name"] for run in two["removed"]]) == (["model"], ["other"])


def test_a_gate_with_a_baseline_of_its_own(main: str) -> None:
    """It is held against that, not against where the report begins."""
    best = train("best", 0.99)
    Path(".ledger-schema").write_text(SCHEMA + f'baseline = "{best}"\n')
    train("model", 0.95)
    commit("new model")
    checks = json.loads(report("--json"))["gate"]["checks"]
    [drop] = [c for c in checks if c["rule"] == "max_drop" and c["runs"][0]["name"] == "model"]
    assert (drop["verdict"], drop["baseline"]["value"]) == ("fail", 0.99)


def test_damage_is_said(main: str) -> None:
    """A run that cannot be read is left out with a notice, and the exit code is 5."""
    id = train("model", 0.95)
    [entry] = Path(".ledger/runs").glob(f"*/{id}/*-rows-*.json")
    entry.write_bytes(entry.read_bytes().replace(b"0.95", b"0.99"))
    commit("altered")
    done = run_cli("report", "--diff", "main...HEAD")
    assert done.code == 5
    assert "left out: " in done.err
    assert "0.99" not in done.out
