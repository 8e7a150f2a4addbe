"""Ledgers in real git: a commit leaves nothing behind, a clone answers the same, branches meet without a conflict."""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.errors import LedgerWarning

Cli = Callable[..., Any]
READ = (
    ["ls", "--json"],
    ["show", "a", "--json"],
    ["compare", "--all", "--json"],
    ["diff", "a", "b", "--json"],
    ["export"],
)


def git(*arguments: str, cwd: Path | None = None) -> str:
    """Run git; a failure is an error of the test."""
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in another folder for a while."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def answers(cli: Cli, folder: Path) -> list[str]:
    """Return what the reading commands say in a folder: twice, without a catalog and with one; both must agree."""
    with inside(folder):
        shutil.rmtree(os.environ["LEDGER_CACHE_DIR"])
        said = []
        for _ in range(2):
            results = [cli(*arguments) for arguments in READ]
            assert [result.code for result in results] == [0] * len(READ), [result.err for result in results]
            said.append([result.out for result in results])
        assert said[0] == said[1]
        return said[0]


def use_it(cli: Cli) -> None:
    """Use a ledger as people do: two runs, charts, late values, tags, a removed run, a resumed one."""
    with ledger.start("a", params={"lr": 0.5, "opt": {"name": "sgd"}}, tags=["cv"]) as run:
        for step in range(20):
            run.log({"train/loss": 1 / (step + 1), "val/auc": float("nan") if step == 3 else step / 20}, step=step)
        run.log({"fold/auc": 0.5}, step=1, context={"fold": 1})
        run.log_chart("roc", b"\x89PNG\r\n\x1a\n...", step=1)
        run.log_text("notes", "hello\n")
    assert cli("log", "--run", "b", "test/auc=0.91", "x=-inf", "z=-0.0").code == 0
    assert cli("log", "--run", "a", "test/auc=0.5", "-m", "late").code == 0
    assert cli("tag", "a", "star").code == 0
    assert cli("log", "--run", "gone", "x=1").code == 0
    assert cli("rm", "gone").code == 0
    with ledger.start(resume="b") as run:
        run.log({"test/auc": 0.25}, step=1)


def commit(message: str) -> None:
    """Commit the ledger."""
    git("add", ".ledger")
    git("commit", "-q", "-m", message)


@pytest.mark.parametrize(
    "rules", ["", "runs/\n*.parquet\n*.png\n*.json\n", "*.txt\nblobs\n*.md\n[0-9]*\n", ".*\n!.ledger\n!.gitignore\n"]
)
def test_a_clone_answers_the_same(repo: Path, cli: Cli, tmp_path: Path, rules: str) -> None:
    """After `git add .ledger` the tree is clean, and a clone says byte for byte the same, whatever the root ignores."""
    (repo / ".gitignore").write_text(rules)
    git("add", ".gitignore")
    git("commit", "-q", "-m", "rules")
    use_it(cli)
    before = answers(cli, repo)
    commit("results")
    assert git("status", "--porcelain", "--untracked-files=all") == ""
    git("clone", "-q", "--no-local", str(repo), str(tmp_path / "clone"))
    assert answers(cli, tmp_path / "clone") == before
    assert git("status", "--porcelain", cwd=tmp_path / "clone") == ""
    git("clean", "-fdxq")
    assert answers(cli, repo) == before


def test_line_endings_and_filters_of_the_user_touch_nothing(
    repo: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """autocrlf, and attributes of the root that would rewrite text, leave the ledger's bytes alone."""
    git("config", "core.autocrlf", "true")
    (repo / ".gitattributes").write_text("* text=auto eol=crlf ident\n*.json merge=union\n*.txt text eol=crlf\n")
    git("add", ".gitattributes")
    git("commit", "-q", "-m", "attributes")
    use_it(cli)
    before = answers(cli, repo)
    commit("results")
    git("clone", "-q", "--no-local", "-c", "core.autocrlf=true", str(repo), str(tmp_path / "clone"))
    assert answers(cli, tmp_path / "clone") == before


def on_branch(cli: Cli, branch: str, value: float) -> None:
    """On a new branch: add a run, and append a late value, a tag and a chart to the old one; commit."""
    git("checkout", "-q", "-b", branch, "main")
    with ledger.start(branch, params={"lr": value}) as run:
        run.log({"val/auc": value}, step=1)
        run.log_text("notes", "the same text on both branches\n")
    assert cli("log", "--run", "a", f"test/auc={value}", "-m", f"from {branch}").code == 0
    assert cli("tag", "a", f"seen-by-{branch}").code == 0
    commit(branch)


def check_both(cli: Cli, repo: Path) -> list[str]:
    """Return the answers after branches met, having checked that they say what both did."""
    said = answers(cli, repo)
    runs = {run["name"]: run for run in json.loads(said[0])["runs"]}
    assert set(runs) == {"a", "b", "left", "right"}
    assert set(runs["a"]["tags"]) == {"cv", "star", "seen-by-left", "seen-by-right"}
    assert runs["a"]["metrics"]["test/auc"] == {
        **runs["a"]["metrics"]["test/auc"],
        "last": 0.75,
        "count": 1,
        "last_step": None,
    }
    rows = [json.loads(line) for line in said[4].splitlines()]
    late = [row["value"] for row in rows if row["run"] == runs["a"]["id"] and row["metric"] == "test/auc"]
    assert sorted(late) == [0.25, 0.5, 0.75]
    assert git("status", "--porcelain", "--untracked-files=all") == ""
    return said


@pytest.fixture
def branches(repo: Path, cli: Cli) -> Path:
    """Make a repository with two branches that each add a run and write to one old run."""
    use_it(cli)
    commit("results")
    on_branch(cli, "left", 0.25)
    on_branch(cli, "right", 0.75)
    return repo


def test_branches_combine_without_a_conflict(branches: Path, cli: Cli) -> None:
    """Merge, rebase and cherry-pick: all end in the same answers, and each sees what both did."""
    git("checkout", "-q", "-b", "merged", "left")
    git("merge", "-q", "--no-edit", "right")
    said = check_both(cli, branches)
    git("checkout", "-q", "-b", "other-way", "right")
    git("merge", "-q", "--no-edit", "left")
    assert check_both(cli, branches) == said
    git("checkout", "-q", "-b", "rebased", "left")
    git("rebase", "-q", "right")
    assert check_both(cli, branches) == said
    git("checkout", "-q", "-b", "picked", "left")
    git("cherry-pick", "right")
    assert check_both(cli, branches) == said
    git("checkout", "-q", "-b", "squashed", "left")
    git("merge", "-q", "--squash", "right")
    git("commit", "-q", "-m", "squashed")
    assert check_both(cli, branches) == said


def test_what_git_took_away_comes_back(branches: Path, cli: Cli) -> None:
    """A reverted merge and a deleted run: git brings neither back by merging again, `ledger merge` does, unstaged."""
    git("checkout", "-q", "-b", "merged", "left")
    git("merge", "-q", "--no-edit", "right")
    said = check_both(cli, branches)
    git("revert", "-m", "1", "--no-edit", "HEAD")
    git("rm", "-rq", next(path.as_posix() for path in Path(".ledger/runs").glob("*/*-b-*")))
    git("commit", "-q", "-m", "away")
    assert "Already up to date" in git("merge", "--no-edit", "right")
    assert sorted(run["name"] for run in json.loads(cli("ls", "--json").out)["runs"]) == ["a", "left"]
    tried = cli("merge", "right", "-n")
    assert ("would merge right: 2 new runs, more of 1 run" in tried.err, git("status", "--porcelain")) == (True, "")
    done = cli("merge", "right")
    assert (done.code, done.out) == (0, tried.out)
    assert git("diff", "--cached", "--name-only") == ""
    commit("back")
    assert check_both(cli, branches) == said


def test_ledger_merge_is_git_merge(branches: Path, cli: Cli) -> None:
    """Either way, in either order, the same tree of files comes about."""
    trees = set()
    for first, second in (("left", "right"), ("right", "left")):
        git("checkout", "-q", "--detach", first)
        git("merge", "-q", "--no-edit", second)
        trees.add(git("rev-parse", "HEAD:.ledger"))
        git("checkout", "-q", "--detach", first)
        assert cli("merge", second).code == 0
        commit("by ledger merge")
        trees.add(git("rev-parse", "HEAD:.ledger"))
    assert len(trees) == 1


def test_clones_that_never_met(branches: Path, cli: Cli, tmp_path: Path) -> None:
    """Each merges the folder of the other, without a common remote: both answer alike, as git's merge would."""
    for name in ("left", "right"):
        git("clone", "-q", "--no-local", "-b", name, str(branches), str(tmp_path / name))
    assert cli("-C", tmp_path / "left", "merge", "../right").code == 0
    assert cli("-C", tmp_path / "right", "merge", "../left/.ledger").code == 0
    said = answers(cli, tmp_path / "left")
    assert answers(cli, tmp_path / "right") == said
    git("checkout", "-q", "left")
    git("merge", "-q", "--no-edit", "right")
    assert answers(cli, branches) == said


def test_an_older_commit_answers_as_it_did(branches: Path, cli: Cli) -> None:
    """Checking out another branch takes runs away and brings them back; the catalog follows."""
    git("checkout", "-q", "main")
    names = [run["name"] for run in json.loads(answers(cli, branches)[0])["runs"]]
    assert sorted(names) == ["a", "b"]
    git("checkout", "-q", "left")
    assert sorted(run["name"] for run in json.loads(cli("ls", "--json").out)["runs"]) == ["a", "b", "left"]
    git("checkout", "-q", "main")
    assert sorted(run["name"] for run in json.loads(cli("ls", "--json").out)["runs"]) == ["a", "b"]


def test_both_remove_and_one_restores(branches: Path, cli: Cli) -> None:
    """Removing on two branches merges; what one restored is still out of view by the other's word, and comes back."""
    git("checkout", "-q", "left")
    for command in ("rm", "restore"):
        assert cli(command, "a").code == 0
    commit("there and back")
    git("checkout", "-q", "right")
    assert cli("rm", "a").code == 0
    commit("gone")
    git("merge", "-q", "--no-edit", "left")
    assert cli("show", "a").code == 4
    assert cli("restore", "a").code == 0
    assert cli("show", "a").code == 0


def test_a_branch_that_is_switched_while_a_run_trains(repo: Path, cli: Cli) -> None:
    """The journal stays, since git ignores it; the run's files land on the branch that is there when it ends."""
    ledger.start("first").finish()
    commit("first")
    run = ledger.start("a")
    run.log({"x": 1.0}, step=1)
    git("checkout", "-q", "-b", "other")
    git("clean", "-fdq")
    run.log({"x": 2.0}, step=2)
    with pytest.warns(LedgerWarning, match="branch changed"):
        run.finish()
    assert json.loads(cli("show", "a", "--json").out)["metrics"]["x"]["count"] == 2


def test_journals_are_never_staged(repo: Path, cli: Cli) -> None:
    """Where git has taken `.ledger/.gitignore` away with the ledger, `git add -A` still leaves the journals alone."""
    run = cli("start", "slow").out.strip()
    assert cli("log", "--run", run, "loss=1").code == 0
    git("stash", "-q", "-u")
    git("add", "-A")
    assert git("status", "--porcelain") == ""
    git("stash", "pop", "-q")
    commit("a run that is open")
    git("checkout", "-q", "-b", "elsewhere", "HEAD~1")
    assert sorted(path.name for path in (repo / ".ledger").iterdir()) == ["journal"]
    git("add", "-A")
    assert git("status", "--porcelain") == ""
    git("checkout", "-q", "main")
    assert git("ls-files", ".ledger/journal") == ""
    assert cli("finish", run).code == 0
    assert cli("verify").code == 0
    assert (repo / ".ledger" / "journal" / ".gitignore").read_text() == "*\n"


def test_a_clone_that_logs_to_an_open_run_protects_its_journal(repo: Path, cli: Cli, tmp_path: Path) -> None:
    """The file comes with the first journal, whoever writes it."""
    run = cli("start", "shared").out.strip()
    commit("a run that is open")
    git("clone", "-q", str(repo), str(tmp_path / "clone"))
    assert not (tmp_path / "clone" / ".ledger" / "journal").exists()
    assert cli("-C", str(tmp_path / "clone"), "log", "--run", run, "loss=1").code == 0
    assert (tmp_path / "clone" / ".ledger" / "journal" / ".gitignore").read_text() == "*\n"


def test_a_run_whose_open_entry_git_took_away(repo: Path, cli: Cli) -> None:
    """`git stash -u` or `git clean` may remove a running run's files: its journal has the `open` entry."""
    ledger.start("first").finish()
    commit("first")
    run = ledger.start("a", params={"lr": 0.5}, tags=["cv"])
    run.log({"x": 1.0}, step=1)
    git("stash", "-q", "-u")
    found = json.loads(cli("show", "a", "--json").out)
    assert (found["params"], found["tags"], found["metrics"]["x"]["last"]) == ({"lr": 0.5}, ["cv"], 1.0)
    run.finish()
    assert json.loads(cli("show", "a", "--json").out)["params"] == {"lr": 0.5}


def test_duckdb_reads_the_segments(repo: Path, cli: Cli) -> None:
    """The glob of the README, with no library of ours: once by (run, writer, seq), as many rows as are exported."""
    duckdb = pytest.importorskip("duckdb")
    with ledger.start("a") as run:
        for step in range(100):
            run.log({"x": step / 8, "y": float("inf")}, step=step)
        run.log({"u": ledger.Undefined("why")}, step=1)
    assert cli("log", "--run", "a", "x=9", "--step", "3").code == 0
    assert cli("log", "--run", "b", "x=1", "--context", "fold=1").code == 0
    (segment, *_) = sorted(Path(".ledger/runs").rglob("*.parquet"))
    shutil.copy(segment, segment.with_name("ffffffffffffffff.parquet"))
    exported = [json.loads(line) for line in cli("export").out.splitlines()]
    query = "SELECT DISTINCT ON (run, writer, seq) * FROM '.ledger/runs/*/*/*.parquet'"
    rows = duckdb.sql(f"SELECT run, metric, context, step, value FROM ({query})").fetchall()
    assert len(rows) == len(exported) == 203
    words = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
    assert sorted(map(repr, rows)) == sorted(
        repr(
            (
                row["run"],
                row["metric"],
                json.dumps(row["context"], separators=(",", ":")) if "context" in row else None,
                row.get("step"),
                words.get(row["value"], row["value"]),
            )
        )
        for row in exported
    )
