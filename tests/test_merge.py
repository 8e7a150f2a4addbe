"""What git does with a ledger: branches merge without conflict, and the same files give the same answers anywhere."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger


def git(*arguments: str, cwd: Path | None = None) -> str:
    """Run git as a user would; a failure is an error of the test."""
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commit(message: str) -> None:
    """Commit everything that git would take."""
    git("add", ".")
    git("commit", "-q", "-m", message)


def answers(cli: Callable[..., Any], folder: Path) -> list[str]:
    """Return what the reading commands say of the ledger in a folder, as text."""
    commands = [["ls", "--json"], ["show", "baseline", "--json"], ["compare", "--all", "--json"], ["export"]]
    results = [cli("-C", folder, *command) for command in commands]
    assert [result.code for result in results] == [0, 0, 0, 0], results
    return [result.out for result in results]


@pytest.fixture
def merged(repo: Path, cli: Callable[..., Any]) -> Path:
    """A repository in which two branches logged to a run they share, and each to one of its own, and were merged.

    Its .gitignore would leave results out, if `.ledger` let it.
    """
    (repo / ".gitignore").write_text("runs/\nblobs/\n*.parquet\n*.json\n*.png\n")
    cli("log", "--run", "baseline", "test/auc=0.5", "-p", "lr=0.1", "--tag", "draft")
    commit("one run")
    git("switch", "-q", "-c", "other")
    picture = repo / "roc.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    cli("log", "--run", "baseline", "test/loss=0.25", "--chart", f"roc={picture}", "-m", "late")
    cli("tag", "baseline", "seen", "-draft")
    cli("log", "--run", "theirs", "test/auc=0.75")
    commit("other")
    git("switch", "-q", "main")
    cli("log", "--run", "baseline", "test/auc=0.625", "-m", "measured again")
    cli("log", "--run", "ours", "test/auc=nan")
    cli("note", "baseline", "mine")
    commit("main")
    git("merge", "-q", "-m", "both", "other")
    return repo


def test_branches_merge_without_conflict(merged: Path) -> None:
    """After a plain `git merge` every run, row, tag, note and chart of both branches is there."""
    assert git("status", "--porcelain", "--untracked-files=all") == ""
    found = ledger.open()
    assert sorted(state.name for state in found.select()) == ["baseline", "ours", "theirs"]
    state = found.state("baseline")
    assert {key: summary.last for key, summary in state.metrics.items()} == {"test/auc": 0.625, "test/loss": 0.25}
    assert (state.tags, state.note, [chart.name for chart in state.charts]) == (["seen"], "mine", ["roc"])
    assert state.notices == []
    assert found.chart("baseline", "roc") == b"\x89PNG\r\n\x1a\n"


def test_a_clone_gives_the_same_answers(merged: Path, cli: Callable[..., Any], tmp_path: Path) -> None:
    """A clone, and a copy whose files came in another order with other times, answer byte for byte alike."""
    clone = tmp_path / "clone"
    git("clone", "-q", str(merged), str(clone))
    copy = tmp_path / "copy"
    files = sorted(path for path in (merged / ".ledger").rglob("*") if path.is_file() and "journal" not in path.parts)
    for path in reversed(files):
        target = copy / path.relative_to(merged)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        os.utime(target, (0, 0))
    expected = answers(cli, merged)
    assert answers(cli, clone) == expected
    assert answers(cli, copy) == expected


def test_a_union_is_a_ledger(merged: Path, cli: Callable[..., Any], tmp_path: Path) -> None:
    """The committed files of two clones that never met, copied over each other, are what a merge would give."""
    folders = []
    for number in range(2):
        folder = tmp_path / f"clone{number}"
        git("clone", "-q", str(merged), str(folder))
        assert cli("-C", folder, "log", "--run", f"alone{number}", "x=1").code == 0
        assert cli("-C", folder, "log", "--run", "baseline", f"late{number}=2").code == 0
        folders.append(folder / ".ledger")
    unions = []
    for first, second in (folders, folders[::-1]):
        union = tmp_path / f"union{len(unions)}" / ".ledger"
        shutil.copytree(first, union)
        shutil.copytree(second, union, dirs_exist_ok=True)
        unions.append(answers(cli, union.parent))
    assert unions[0] == unions[1]
    assert all(word in "".join(unions[0]) for word in ("alone0", "alone1", "late0", "late1"))


def test_nothing_committed_is_ever_changed(merged: Path) -> None:
    """In the whole history no file of a run and no blob was modified, renamed or deleted: files were only added."""
    history = git("log", "--name-status", "--format=", "--no-renames", "--", ".ledger/runs", ".ledger/blobs")
    changes = {line.split("\t")[0] for line in history.splitlines() if line}
    assert changes == {"A"}
    assert git("ls-files", ".ledger/journal") == ""
