"""Commits checked out for a while, with real git: what is in the folders, and that nothing is left of them."""

import fcntl
import os
import tempfile
from pathlib import Path

import pytest

from ledger.errors import Undecided
from ledger.git import worktrees
from ledger.git.repository import Repository, find
from ledger.git.worktrees import Checkouts
from tests.conftest import git


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that is the temporary one now."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def here(repo: Path, temporary: Path) -> Repository:
    """Return the repository that the test works in."""
    found = find(str(repo))
    assert found is not None
    return found


def commit(message: str = "more") -> str:
    """Commit everything; return the commit."""
    git("add", "--all")
    git("commit", "-q", "-m", message)
    return git("rev-parse", "HEAD").strip()


def listed() -> int:
    """Return how many work trees git knows of."""
    return git("worktree", "list", "--porcelain").count("worktree ")


def test_a_commit_is_there_for_a_while(here: Repository, repo: Path, temporary: Path) -> None:
    """The files of the commit, detached, in a folder called as the user's; afterwards neither folder nor record."""
    head = git("rev-parse", "HEAD").strip()
    with Checkouts(here) as checkouts:
        path = checkouts.add(head)
        assert (Path(path).name, Path(path, "train.py").read_text()) == (repo.name, "print(1)\n")
        assert git("rev-parse", "HEAD", cwd=Path(path)).strip() == head
        assert git("status", "--porcelain", "--branch", cwd=Path(path)) == "## HEAD (no branch)\n"
        other = checkouts.add(head)
        assert (other != path, listed()) == (True, 3)
        checkouts.remove(path)
        assert (os.path.exists(path), listed()) == (False, 2)
    assert (listed(), os.listdir(temporary)) == (1, [])


def test_whatever_a_program_leaves_is_removed(here: Repository, temporary: Path) -> None:
    """New files, a folder nobody may enter, links that lead out, a lock, its own commits: all of the folder goes."""
    outside = temporary.parent / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    with Checkouts(here) as checkouts:
        path = Path(checkouts.add("HEAD"))
        (path / "closed" / "inner").mkdir(parents=True)
        (path / "closed" / "inner" / "file").touch()
        (path / "closed").chmod(0)
        (path / "link").symlink_to(outside)
        git("worktree", "lock", str(path))
        (path / ".git").unlink()
    assert (listed(), os.listdir(temporary), os.listdir(outside)) == (1, [], ["kept"])


def test_no_hook_runs(here: Repository, repo: Path) -> None:
    """Neither one of the repository nor one that the user's settings name."""
    for folder in (repo / ".git" / "hooks", repo.parent / "hooks"):
        folder.mkdir(exist_ok=True)
        hook = folder / "post-checkout"
        hook.write_text(f"#!/bin/sh\ntouch {repo.parent}/ran\n")
        hook.chmod(0o755)
    for setting in ([], ["core.hooksPath", str(repo.parent / "hooks")]):
        if setting:
            git("config", *setting)
        with Checkouts(here) as checkouts:
            checkouts.add("HEAD")
        assert not (repo.parent / "ran").exists()


def test_large_files_stay_pointers_where_git_lfs_fails(here: Repository, repo: Path) -> None:
    """A filter that must work and does not is no reason to have no commit at all."""
    (repo / ".gitattributes").write_text("*.bin filter=lfs\n")
    (repo / "model.bin").write_text("version https://git-lfs.github.com/spec/v1\n")
    head = commit()
    for key, value in {"smudge": "false", "process": "false", "required": "true"}.items():
        git("config", f"filter.lfs.{key}", value)
    with Checkouts(here) as checkouts:
        assert Path(checkouts.add(head), "model.bin").read_text().startswith("version https://git-lfs")


def test_all_files_of_the_commit_are_there(here: Repository, repo: Path) -> None:
    """Also where the user's own work tree is a sparse one; names that are no UTF-8 keep their bytes."""
    (repo / "sub").mkdir()
    (repo / "sub" / "eval.py").touch()
    Path(os.fsdecode(bytes(repo) + b"/caf\xe9.txt")).write_text("x")
    head = commit()
    git("sparse-checkout", "set", "--no-cone", "/train.py")
    assert sorted(os.listdir(repo)) == [".git", "train.py"]
    with Checkouts(here) as checkouts:
        path = checkouts.add(head)
        assert sorted(os.listdir(os.fsencode(path))) == [b".git", b"caf\xe9.txt", b"sub", b"train.py"]
        assert os.listdir(f"{path}/sub") == ["eval.py"]


def test_a_commit_that_cannot_be_checked_out(here: Repository, repo: Path, temporary: Path) -> None:
    """An object that git has lost is Undecided with what git says, and nothing is left."""
    blob = git("rev-parse", "HEAD:train.py").strip()
    (repo / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    head = git("rev-parse", "HEAD").strip()
    with Checkouts(here) as checkouts, pytest.raises(Undecided, match=f"check out {head[:12]}: unable to read"):
        checkouts.add(head)
    assert (listed(), os.listdir(temporary)) == (1, [])


def abandon(here: Repository) -> tuple[str, str]:
    """Leave a work tree as somebody who was killed does; return it and the folder that it is in."""
    checkouts = Checkouts(here).__enter__()
    path = checkouts.add("HEAD")
    os.close(checkouts.lock)
    return path, str(Path(path).parents[1])


def test_the_next_one_removes_what_was_abandoned(here: Repository, temporary: Path) -> None:
    """The folder and git's record of it; the record alone where the temporary folder was cleared meanwhile."""
    abandon(here)
    _, base = abandon(here)
    assert listed() == 2  # the second has removed the first
    os.rename(base, temporary.parent / "away")
    with Checkouts(here):
        assert (listed(), len(os.listdir(temporary))) == (1, 1)


def test_what_is_in_use_or_not_ours_stays(here: Repository, repo: Path, temporary: Path) -> None:
    """Work trees of the user, whatever they are called and wherever they lie, and those in which a program runs."""
    mine = [repo.parent / "second", temporary / "ledger-commits-mine" / "a" / "b"]
    for path in mine:
        git("worktree", "add", "-q", "--detach", str(path))
    gone = repo.parent / "gone"
    git("worktree", "add", "-q", "--detach", str(gone))
    os.rename(gone, repo.parent / "elsewhere")
    path, base = abandon(here)
    held = os.open(f"{base}/in-use", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    with Checkouts(here):
        pass
    assert os.path.exists(path)
    assert all(path.exists() for path in mine)
    assert listed() == 5
    os.close(held)
    with Checkouts(here):
        pass
    assert (os.path.exists(path), listed()) == (False, 4)


def test_what_programs_find(here: Repository, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable leads git elsewhere; folders that git tracks are those of the commit, others stay."""
    (repo / "src").mkdir()
    (repo / "src" / "module.py").touch()
    (repo / "venv").mkdir()
    commit()
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/elsewhere/index")
    folders = [f"{repo}/src/", f"{repo}/venv", "/usr/lib", "src", str(repo)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))
    found = worktrees.environment(here, "/there")
    assert found["PYTHONPATH"].split(os.pathsep) == ["/there/src", f"{repo}/venv", "/usr/lib", "src", "/there"]
    assert not {"GIT_DIR", "GIT_INDEX_FILE"} & set(found)
    assert found["PATH"] == os.environ["PATH"]
