"""`ledger check` in a repository: which runs it is about, what they are held against, and what it leaves behind."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import ledger
from ledger.errors import AmbiguousRun, NoSuchRun, Undecided, UsageError
from tests.conftest import Result, git

Cli = Callable[..., Result]


def record(name: str, **metrics: float) -> str:
    """Record a finished run and return its id; `seed` is its seed."""
    seed = metrics.pop("seed", None)
    lr = metrics.pop("lr", 0.1)
    with ledger.start(name, params={"lr": lr}, seed=None if seed is None else int(seed)) as run:
        run.log({"val/auc" if key == "auc" else key: value for key, value in metrics.items()}, step=1)
    return run.id


def commit(message: str = "more") -> str:
    """Commit everything; return the commit."""
    git("add", "-A")
    git("commit", "-qm", message)
    return git("rev-parse", "HEAD").strip()


@pytest.fixture
def branch(repo: Path) -> Path:
    """A branch from main, which has the run `net` with an auc of 0.9; nothing is new yet."""
    record("net", auc=0.9)
    commit()
    git("switch", "-qc", "feature")
    return repo


def found(cli: Cli, *words: str) -> tuple[int, list[tuple[str, str, str]]]:
    """Check; return the exit code, and of each check rule, names of runs and verdict."""
    result = cli("check", *words, "--json")
    document = json.loads(result.out)
    checks = [(c["rule"], " ".join(sorted(r["name"] for r in c["runs"])), c["verdict"]) for c in document["checks"]]
    return result.code, checks


def test_the_runs_that_a_branch_adds(cli: Cli, branch: Path) -> None:
    """Committed or not, those that came since the merge base; what main has got since then is not asked."""
    rules = ("--min", "val/auc=0.95", "--baseline", "main")
    assert found(cli, *rules) == (3, [("min", "", "undecided")])
    record("new", auc=0.99)
    assert found(cli, *rules) == (0, [("min", "new", "pass")])
    commit()
    record("later", auc=0.2, lr=3)
    assert found(cli, *rules) == (1, [("min", "later", "fail"), ("min", "new", "pass")])
    git("add", "-A")
    git("stash", "-q")
    git("switch", "-q", "main")
    record("elsewhere", auc=0.1)
    commit()
    git("switch", "-q", "feature")
    assert found(cli, *rules) == (0, [("min", "new", "pass")])


def test_a_changed_run_counts(cli: Cli, branch: Path) -> None:
    """A late value that makes an old run worse is caught, against the run itself as the baseline has it."""
    cli("log", "--run", "net", "val/auc=0.7")
    code, checks = found(cli, "--max-drop", "val/auc=0.1", "--baseline", "main")
    assert (code, checks) == (1, [("max_drop", "net", "fail")])


def test_the_upstream_is_the_default(cli: Cli, branch: Path) -> None:
    """Where a branch has one; else the command says what to type."""
    record("net", auc=0.5)
    result = cli("check", "--max-drop", "val/auc=0.1")
    assert (result.code, result.out) == (3, "")
    assert "ledger check --baseline main" in result.err
    git("branch", "-q", "--set-upstream-to=main")
    result = cli("check", "--max-drop", "val/auc=0.1")
    assert result.code == 1
    assert "runs added or changed since main" in result.out
    commit()
    git("checkout", "-q", "--detach")
    assert cli("check", "--max-drop", "val/auc=0.1").code == 3
    assert cli("check", "--max-drop", "val/auc=0.1", "--at", "feature").code == 1


def test_a_commit_answers_as_its_checkout(cli: Cli, branch: Path) -> None:
    """`--at` gives the same document as the work tree of that commit, with the schema of that commit."""
    Path(".ledger-schema").write_text('[gate."val/auc"]\nmin = 0.95\nmax_drop = 0.01\nbaseline = "main"\n')
    for seed, auc in enumerate([0.90, 0.91, 0.92]):
        record("net", auc=auc, seed=seed)
    commit("with a gate")
    here = cli("check", "--json")
    Path(".ledger-schema").write_text('[gate."val/auc"]\nmin = 0.0\n')
    git("rm", "-q", "-r", ".ledger")
    git("commit", "-qam", "without")
    there = cli("check", "--at", "HEAD~1", "--json")
    assert there.out == here.out
    assert (there.code, here.code) == (1, 1)


def test_words_for_a_baseline(cli: Cli, branch: Path) -> None:
    """A run, a run of a revision, a revision; what is both is exit 4, and `run:` and `rev:` decide."""
    record("net", auc=0.85)
    record("other", auc=0.85, lr=2)
    drop = ("--max-drop", "val/auc=0.01")
    assert found(cli, "net", *drop, "--baseline", "main:net") == (1, [("max_drop", "net", "fail")])
    assert found(cli, "net", *drop, "--baseline", "other") == (0, [("max_drop", "net", "pass")])
    assert found(cli, "net", *drop, "--baseline", "main") == (1, [("max_drop", "net", "fail")])
    assert found(cli, *drop, "--baseline", "main:net")[1] == [
        ("max_drop", "other", "fail"),
        ("max_drop", "net", "fail"),
    ]
    git("branch", "other", "main")
    both = cli("check", "net", *drop, "--baseline", "other")
    assert both.code == 4
    assert "run:other or rev:other" in both.err
    assert found(cli, "net", *drop, "--baseline", "run:other")[0] == 0
    assert found(cli, "net", *drop, "--baseline", "rev:other")[0] == 1
    assert cli("check", "net", *drop, "--baseline", "nothing").code == 4


def test_a_run_and_a_filter(cli: Cli, branch: Path) -> None:
    """RUN may be a run of a revision; a filter narrows what is new; an unknown run is exit 4."""
    record("new", auc=0.99)
    record("old", auc=0.1, lr=4)
    low = ("--min", "val/auc=0.8", "--baseline", "main")
    assert found(cli, "main:net", *low) == (0, [("min", "net", "pass")])
    assert found(cli, *low)[0] == 1
    assert found(cli, *low, "-F", "params.lr < 1") == (0, [("min", "new", "pass")])
    assert found(cli, *low, "-F", "params.lr > 9") == (3, [("min", "", "undecided")])
    assert cli("check", "nobody", *low).code == 4


def test_no_git(cli: Cli, workdir: Path) -> None:
    """Runs that are named can be checked anywhere; which are new cannot be told."""
    record("net", auc=0.9)
    assert found(cli, "net", "--min", "val/auc=0.8") == (0, [("min", "net", "pass")])
    assert found(cli, "net", "--max-drop", "val/auc=0.8") == (3, [("max_drop", "net", "undecided")])
    assert found(cli, "net", "--max-drop", "val/auc=0.8", "--baseline", "net")[0] == 3
    assert cli("check", "--min", "val/auc=0.8").code == 3
    assert cli("check", "net").code == 3


def test_a_clone_that_is_cut_is_undecided(cli: Cli, branch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the merge base nobody can tell which runs are new: exit 3, never a pass."""
    record("new", auc=0.99)
    commit()
    git("switch", "-q", "main")
    record("elsewhere", auc=0.99)
    commit()
    git("switch", "-q", "feature")
    git("clone", "-q", "--no-local", "--depth=1", "--no-single-branch", "-b", "feature", f"file://{branch}", "../cut")
    monkeypatch.chdir(branch.parent / "cut")
    result = cli("check", "--min", "val/auc=0.8", "--baseline", "origin/main")
    assert (result.code, result.out) == (3, "")
    assert "git fetch --unshallow" in result.err


def test_damage_is_no_pass(cli: Cli, branch: Path) -> None:
    """A run that cannot be read may be the one that fails: exit 5, unless another fails."""
    record("fine", auc=0.99)
    record("bad", auc=0.99, lr=2)
    for path in Path(".ledger/runs").rglob("*-open-*.json"):
        if "-bad-" in path.parent.name:
            path.write_text("{}")
    low = ("--min", "val/auc=0.8", "--baseline", "main")
    result = cli("check", *low, "--json")
    assert result.code == 5
    document = json.loads(result.out)
    assert document["verdict"] == "undecided"
    assert len(document["unread"]) == 1
    assert cli("check", "--min", "val/auc=1", "--baseline", "main").code == 1
    assert cli("check", "fine", "--min", "val/auc=0.8").code == 0
    commit()
    low = ("--max-drop", "val/auc=0.1")
    assert cli("check", "fine", *low, "--baseline", "main").code == 0
    assert cli("check", "fine", *low, "--baseline", "feature").code == 5  # it could have been there too
    assert cli("check", "fine", *low, "--baseline", "feature:net").code == 0


def test_junit_is_written_whatever_the_answer(cli: Cli, branch: Path) -> None:
    """Beside what is printed; a file that cannot be written is no pass."""
    record("new", auc=0.5)
    rules = ("--min", "val/auc=0.8", "--max", "val/auc=0.9", "--min", "x=1", "--baseline", "main")
    result = cli("check", *rules, "--junit", "gate.xml", "--md")
    assert result.code == 1
    assert result.out.startswith("**Gate: fail**")
    suite = ElementTree.parse("gate.xml").getroot()
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "3", "failures": "1", "errors": "1"
    }  # fmt: skip
    assert cli("check", "new", "--max", "val/auc=0.9", "--junit", "nowhere/gate.xml").code == 2


def test_from_python(branch: Path) -> None:
    """The same by a method; what the command line refuses raises."""
    record("new", auc=0.95, extra=1.0)
    led = ledger.open()
    outcome = led.check("new", min={"val/auc": 0.9}, max_drop={"val/auc": 0.0}, baseline="main:net")
    assert outcome.verdict == "pass"
    assert [check.rule for check in outcome.checks] == ["min", "max_drop"]
    assert led.check(required=["extra"], baseline="main").verdict == "pass"
    assert led.at("main").check("net", max={"val/auc": 0.5}).verdict == "fail"
    refused: list[tuple[type[Exception], dict[str, Any]]] = [
        (Undecided, {}),
        (Undecided, {"min_runs": 2}),
        (UsageError, {"min": {"val/auc": float("nan")}}),
        (UsageError, {"min": {"val/auc": 1}, "level": 1.0}),
        (NoSuchRun, {"max_drop": {"val/auc": 1}, "baseline": "nothing"}),
    ]
    for error, demands in refused:
        with pytest.raises(error):
            led.check("new", **demands)
    git("branch", "new")
    with pytest.raises(AmbiguousRun):
        led.check("new", max_drop={"val/auc": 1}, baseline="new")


def test_a_check_is_light(branch: Path) -> None:
    """Nothing but the quantile of repeats needs scipy, and nothing needs tables or Arrow once the runs are known."""
    code = """
import sys
from ledger import cli
assert cli._run(["check", "net", "--min", "val/auc=0.8"]) == 0
print(sorted({name.partition(".")[0] for name in sys.modules} & {"scipy", "pandas", "pyarrow", "matplotlib", "numpy"}))
"""
    ledger.open().select()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_baseline_that_is_yet_to_come(cli: Cli, branch: Path) -> None:
    """What a gate of the schema names may not be there yet: undecided. What the caller names has to be: exit 4."""
    (branch / ".ledger-schema").write_text('[gate."val/auc"]\nmax_drop = 0.1\nbaseline = "main:nobody"\n')
    record("candidate", **{"val/auc": 0.9})
    result = cli("check", "candidate")
    assert (result.code, "? undecided" in result.out) == (3, True), result
    report = cli("report", "--diff", "main")
    assert (report.code, "**Gate: undecided**" in report.out) == (0, True), report
    result = cli("check", "candidate", "--max-drop", "val/auc=0.1", "--baseline", "main:nobody")
    assert (result.code, "nobody" in result.err) == (4, True), result


def test_why_a_run_cannot_be_read_stands_on_one_line(cli: Cli, branch: Path) -> None:
    """The reason of damage is written without its hint, and without escapes."""
    entry = next(p for p in Path(".ledger/runs").glob("*/*/*.json") if "-close-" in p.name)
    entry.write_bytes(b"{}")
    said = cli("check", "--min", "val/auc=0.1", "--baseline", "main").out
    assert "could not be read: " in said
    assert "\\n" not in said
