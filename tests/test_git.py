"""What ledger asks git, against real repositories: the state of a work tree, who works there, what is ignored."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.git import objects, place, process, worktree


@pytest.fixture(autouse=True)
def plain_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    empty = tmp_path / "empty"
    empty.touch()
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(empty))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def run(folder: Path, *arguments: str) -> bytes:
    """Run git in a test's repository."""
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True).stdout


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """Make a repository with one commit and a ledger beside the code."""
    folder = tmp_path / "répo $x"
    folder.mkdir()
    run(folder, "init", "-q", "-b", "main")
    run(folder, "config", "user.name", "Ada Lovelace")
    run(folder, "config", "user.email", "ada@example.org")
    (folder / "train.py").write_text("print(1)\n")
    (folder / ".ledger").mkdir()
    (folder / ".ledger" / "README.md").write_text("ledger\n")
    run(folder, "add", ".")
    run(folder, "commit", "-q", "-m", "first")
    return folder


def test_a_clean_work_tree(repo: Path) -> None:
    """Commit, tree and branch are what git says; nothing is dirty, and absent things have no key."""
    expected = {
        "commit": run(repo, "rev-parse", "HEAD").decode().strip(),
        "tree": run(repo, "rev-parse", "HEAD^{tree}").decode().strip(),
        "branch": "main",
        "dirty": False,
    }
    assert worktree.snapshot(str(repo)) == expected
    (repo / "deep").mkdir()
    assert worktree.snapshot(str(repo / "deep")) == expected


def test_a_changed_file_gives_the_digest_of_the_difference(repo: Path) -> None:
    """The digest is the sha256 of `git diff HEAD --binary --full-index`, whatever the user's diff settings."""
    lines = [f"line {i}\n" for i in range(40)]
    for name in ("long.py", "moved.py"):
        (repo / name).write_text("".join(lines) + name)
    run(repo, "add", ".")
    run(repo, "commit", "-q", "-m", "second")
    (repo / "train.py").write_bytes(b"print(2)\n\0\xff")
    (repo / "long.py").write_text("".join([*lines[:20], "changed\n", *lines[20:29], "again\n", *lines[29:]]))
    run(repo, "mv", "moved.py", "new name.py")
    digest = hashlib.sha256(run(repo, "diff", "HEAD", "--binary", "--full-index")).hexdigest()
    found = worktree.snapshot(str(repo))
    assert found is not None
    assert (found["dirty"], found["diff"], "untracked" in found) == (True, digest, False)
    settings = {"diff.noprefix": "true", "diff.context": "9", "color.ui": "always", "diff.renames": "false"}
    settings |= {"diff.algorithm": "patience", "diff.external": "false", "core.pager": "false", "core.abbrev": "5"}
    settings |= {"diff.upper.textconv": "tr a-z A-Z <", "diff.relative": "true", "diff.interHunkContext": "9"}
    for name, value in settings.items():
        run(repo, "config", name, value)
    (repo / ".git" / "info").mkdir(exist_ok=True)
    (repo / ".git" / "info" / "attributes").write_text("*.py diff=upper\n")
    assert worktree.snapshot(str(repo)) == found


def test_untracked_files_are_counted(repo: Path) -> None:
    """Untracked files make the work tree dirty and are counted one by one, ignored ones not; there is no digest."""
    (repo / "data").mkdir()
    for name in ("a b", "c\nd", "é"):
        (repo / "data" / name).touch()
    (repo / ".gitignore").write_text("*.tmp\n")
    (repo / "x.tmp").touch()
    found = worktree.snapshot(str(repo))
    assert found is not None
    assert (found["dirty"], found["untracked"], "diff" in found) == (True, 4, False)


@pytest.mark.parametrize("given", ["relative", "absolute"])
def test_the_ledger_does_not_count(repo: Path, given: str) -> None:
    """Whatever changes inside the excluded folder leaves the answer as it is; beside it, it does not."""
    before = worktree.snapshot(str(repo))
    ledger = repo / ".ledger"
    (ledger / "README.md").write_text("changed\n")
    (ledger / "runs").mkdir()
    (ledger / "runs" / "x.json").touch()
    exclude = [".ledger"] if given == "relative" else [str(ledger), "/elsewhere", str(repo)]
    assert worktree.snapshot(str(repo), exclude=exclude) == before
    assert worktree.snapshot(str(repo / ".ledger" / "runs"), exclude=exclude) == before
    (repo / ".ledger-schema").touch()
    found = worktree.snapshot(str(repo), exclude=exclude)
    assert found is not None
    assert found["untracked"] == 1


def test_excluded_names_are_taken_literally(repo: Path) -> None:
    """A folder named like a pattern excludes itself only."""
    for name in ("[ab]*", "abc"):
        (repo / name).mkdir()
        (repo / name / "x").touch()
    found = worktree.snapshot(str(repo), exclude=["[ab]*"])
    assert found is not None
    assert found["untracked"] == 1


def test_a_work_tree_without_a_commit(tmp_path: Path) -> None:
    """Before the first commit there is a branch but no commit, and any file makes it dirty."""
    run(tmp_path, "init", "-q", "-b", "début")
    (tmp_path / "empty").unlink()
    assert worktree.snapshot(str(tmp_path)) == {"branch": "début", "dirty": False}
    assert place.branch(str(tmp_path)) == "début"
    (tmp_path / "x").touch()
    assert worktree.snapshot(str(tmp_path)) == {"branch": "début", "dirty": True, "untracked": 1}
    run(tmp_path, "add", "x")
    assert worktree.snapshot(str(tmp_path)) == {"branch": "début", "dirty": True}


def test_a_detached_head_has_no_branch(repo: Path) -> None:
    """A detached HEAD leaves the branch out."""
    run(repo, "checkout", "-q", "--detach")
    found = worktree.snapshot(str(repo))
    assert found is not None
    assert "branch" not in found
    assert place.branch(str(repo)) is None


def test_remotes(repo: Path) -> None:
    """Remotes come by name with their first URL, sorted."""
    run(repo, "remote", "add", "up.stream", "https://example.org/u.git")
    run(repo, "remote", "add", "origin", "git@example.org:x/y.git")
    run(repo, "remote", "set-url", "--add", "origin", "second")
    found = worktree.snapshot(str(repo))
    assert found is not None
    assert list(found["remotes"].items()) == [
        ("origin", "git@example.org:x/y.git"),
        ("up.stream", "https://example.org/u.git"),
    ]


def test_a_linked_work_tree(repo: Path, tmp_path: Path) -> None:
    """In a linked work tree, where `.git` is a file, branch and signature are the work tree's own."""
    linked = tmp_path / "linked"
    run(repo, "worktree", "add", "-q", "-b", "topic/x", str(linked))
    assert (place.top(str(linked)), place.branch(str(linked)), place.branch(str(repo))) == (
        str(linked),
        "topic/x",
        "main",
    )
    found = worktree.snapshot(str(linked))
    assert found is not None
    assert (found["branch"], found["dirty"]) == ("topic/x", False)
    before, main = place.head_signature(str(linked)), place.head_signature(str(repo))
    run(linked, "commit", "-q", "--allow-empty", "-m", "second")
    assert place.head_signature(str(linked)) != before
    assert place.head_signature(str(repo)) == main


@pytest.mark.parametrize("change", ["commit", "amend", "switch", "detach", "add", "pack"])
def test_the_signature_changes_with_head_and_index(repo: Path, change: str) -> None:
    """The signature stands while nothing happens or a file is edited, and changes with HEAD, its ref or the index."""
    before = place.head_signature(str(repo))
    (repo / "train.py").write_text("print(3)\n")
    worktree.snapshot(str(repo))
    assert place.head_signature(str(repo)) == before
    commands = {
        "commit": ["commit", "-q", "-a", "-m", "x"],
        "amend": ["commit", "-q", "--amend", "--allow-empty", "-m", "other"],
        "switch": ["switch", "-q", "-c", "b"],
        "detach": ["checkout", "-q", "--detach"],
        "add": ["add", "train.py"],
        "pack": ["pack-refs", "--all"],
    }
    run(repo, *commands[change])
    assert place.head_signature(str(repo)) != before


def test_the_signature_sees_each_file_alone(repo: Path) -> None:
    """With every ref packed, a change of HEAD alone or of packed-refs alone still changes the signature."""
    run(repo, "pack-refs", "--all")
    before = place.head_signature(str(repo))
    run(repo, "symbolic-ref", "HEAD", "refs/heads/unborn")
    assert place.head_signature(str(repo)) != before
    run(repo, "tag", "t", "main")
    before = place.head_signature(str(repo))
    run(repo, "pack-refs", "--all")
    assert place.head_signature(str(repo)) != before


def test_author(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The author is git's, from the configuration or GIT_AUTHOR_*, and never made up from the host's name."""
    assert worktree.author(str(repo)) == "Ada Lovelace <ada@example.org>"
    assert worktree.author(str(tmp_path)) is None
    run(repo, "config", "author.email", "al@example.org")
    assert worktree.author(str(repo)) == "Ada Lovelace <al@example.org>"
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Grace <\n>")
    assert worktree.author(str(repo)) == "Grace <al@example.org>"
    assert worktree.author(str(tmp_path)) == "Grace"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(repo / ".git" / "config"))
    assert worktree.author(str(tmp_path)) == "Grace <al@example.org>"


def test_ignored(repo: Path) -> None:
    """Ignored paths come back as they were given, whether they exist or not; odd and outside ones do no harm."""
    (repo / ".gitignore").write_text("runs/\n*.png\n")
    (repo / "sub").mkdir()
    paths = [
        ".ledger/runs/x.json",
        ".ledger/README.md",
        str(repo / "a b.png"),
        "../../x.png",
        ":!é.png",
        "\0.png",
        ".",
    ]
    assert worktree.ignored(str(repo), paths) == [".ledger/runs/x.json", str(repo / "a b.png"), ":!é.png"]
    assert worktree.ignored(str(repo / "sub"), ["../x.png", "y"]) == ["../x.png"]
    assert worktree.ignored(str(repo), ["y"]) == []
    assert worktree.ignored(str(repo), []) == []


def test_outside_a_repository(tmp_path: Path) -> None:
    """Without a repository everything is None or empty; an empty `.git` folder is none."""
    (tmp_path / ".git").mkdir()
    for folder in (str(tmp_path), str(tmp_path / "absent"), "a\0b"):
        assert worktree.snapshot(folder) is None
        assert place.top(folder) is None
        assert place.branch(folder) is None
        assert place.head_signature(folder) is None
        assert worktree.author(folder) is None
        assert worktree.ignored(folder, ["x"]) == []


def test_without_git(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where git is not installed nothing raises, and what the files say is still read."""
    monkeypatch.setenv("PATH", str(repo))
    assert worktree.snapshot(str(repo)) is None
    assert worktree.author(str(repo)) is None
    assert worktree.ignored(str(repo), ["x"]) == []
    assert place.branch(str(repo)) == "main"


def test_a_broken_repository(repo: Path) -> None:
    """A repository that git refuses gives None; one whose index is damaged still gives commit and branch."""
    (repo / ".git" / "index").write_bytes(b"nonsense")
    found = worktree.snapshot(str(repo))
    assert found is not None
    assert sorted(found) == ["branch", "commit", "tree"]
    (repo / ".git" / "HEAD").write_bytes(b"nonsense")
    assert worktree.snapshot(str(repo)) is None
    (repo / ".git" / "HEAD").write_bytes(b"\xff\0" * 9000)
    assert place.branch(str(repo)) is None
    assert place.head_signature(str(repo)) is not None


def slow_git(folder: Path, verb: str) -> str:
    """Put a git in front of PATH that hangs at one verb, as a slow disk makes it."""
    folder.mkdir()
    script = folder / "git"
    real = next(p for p in (Path(d) / "git" for d in os.environ["PATH"].split(":")) if p.exists())
    script.write_text(f'#!/bin/sh\nfor a in "$@"; do [ "$a" = {verb} ] && exec sleep 20; done\nexec {real} "$@"\n')
    script.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("verb", "kept"), [("status", ["branch", "commit", "tree"]), ("diff", ["branch", "commit", "dirty", "tree"])]
)
def test_a_slow_git_leaves_fields_out(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, kept: list[str]
) -> None:
    """A git that takes longer than the limit costs the limit once, and only the fields it would have given."""
    (repo / "train.py").write_text("print(3)\n")
    monkeypatch.setenv("PATH", slow_git(tmp_path / "bin", verb))
    monkeypatch.setattr(process, "TIMEOUT", 0.5)
    found = worktree.snapshot(str(repo))
    assert found is not None
    assert sorted(found) == kept


def test_the_environment_of_a_hook_does_not_mislead(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIT_DIR, GIT_INDEX_FILE and the like, as a hook or an alias sets them, change no answer."""
    other = tmp_path / "other"
    other.mkdir()
    run(other, "init", "-q", "-b", "wrong")
    before = worktree.snapshot(str(repo))
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
    monkeypatch.setenv("GIT_PREFIX", "x/")
    assert worktree.snapshot(str(repo)) == before
    assert worktree.author(str(repo)) == "Ada Lovelace <ada@example.org>"


def test_nothing_planted_in_a_ledger_runs(repo: Path, tmp_path: Path) -> None:
    """A repository planted in `.ledger`, even registered as a submodule, has none of its configuration run or read."""
    planted = repo / ".ledger" / "planted"
    planted.mkdir()
    run(planted, "init", "-q", "-b", "evil")
    for name, value in {"user.name": "E", "user.email": "e@e"}.items():
        run(planted, "config", name, value)
    (planted / "f").write_text("1")
    (planted / ".gitattributes").write_text("* filter=evil diff=evil\n")
    run(planted, "add", ".")
    run(planted, "commit", "-q", "-m", "x")
    run(repo, "-c", "advice.addEmbeddedRepo=false", "add", ".ledger/planted")
    run(repo, "commit", "-q", "-m", "planted")
    marker = tmp_path / "marker"
    command = f"touch '{marker}'; cat"
    for name in ("filter.evil.clean", "diff.evil.textconv", "diff.external", "core.fsmonitor"):
        run(planted, "config", name, command)
    (planted / "f").write_text("2")
    (repo / "train.py").write_text("print(3)\n")
    for folder in (repo, planted, repo / ".ledger"):
        found = worktree.snapshot(str(folder))
        assert found is not None
        assert (found["branch"], found["dirty"]) == ("main", True)
        assert worktree.author(str(folder)) == "Ada Lovelace <ada@example.org>"
        assert place.top(str(folder)) == str(repo)
        worktree.ignored(str(folder), ["x"])
    assert not marker.exists()
    subprocess.run(["git", "status"], cwd=repo, check=True, capture_output=True)
    assert marker.exists(), "the trap must work where nobody looks out for it"


def test_a_file_system_monitor_is_not_started(repo: Path, tmp_path: Path) -> None:
    """Neither a monitor nor an external diff of the user's own repository is run."""
    marker = tmp_path / "marker"
    for name in ("core.fsmonitor", "diff.external"):
        run(repo, "config", name, f"touch '{marker}'")
    (repo / "train.py").write_text("print(3)\n")
    found = worktree.snapshot(str(repo))
    assert found is not None
    assert "diff" in found
    assert not marker.exists()


def test_the_index_is_not_written(repo: Path) -> None:
    """Asking never takes a lock or refreshes the index, which would get in the way of the user's own git."""
    before = (repo / ".git" / "index").stat()
    os.utime(repo / "train.py", ns=(1, 1))
    (repo / ".git" / "index.lock").touch()
    assert worktree.snapshot(str(repo)) is not None
    assert (repo / ".git" / "index").stat() == before


def test_everything_git_keeps_of_a_folder_is_listed(repo: Path) -> None:
    """Older versions and what is staged too, by their paths from the folder; what lies elsewhere is not."""
    ledger = repo / ".ledger"
    (ledger / "README.md").write_text("more\n")
    (ledger / "é").mkdir()
    (ledger / "é" / "a b.json").write_text("{}\n")
    run(repo, "add", ".")
    kept = objects.kept(str(ledger))
    assert kept is not None
    assert kept.whole
    assert sorted(path for _, path in kept.files if "." in path) == ["README.md", "README.md", "é/a b.json"]
    found = dict(objects.contents(str(ledger), [name for name, _ in kept.files], limit=100))
    assert sorted(found.values()) == [b"ledger\n", b"more\n", b"{}\n"]
    assert sorted(dict(objects.contents(str(ledger), found, limit=5)).values()) == [b"more\n", b"{}\n"]
    assert (
        dict(objects.contents(str(ledger), ["0" * 40], limit=5))
        == dict(objects.contents(str(ledger), [], limit=5))
        == {}
    )
    assert worktree.tracked(str(ledger)) == ["README.md", "é/a b.json"]
    linked = repo.parent / "linked"
    run(repo, "worktree", "add", "-q", "--detach", str(linked))
    assert worktree.work_trees(str(ledger)) == worktree.work_trees(str(linked)) == [str(repo), str(linked)]


def test_what_git_keeps_of_a_new_repository_or_none(tmp_path: Path) -> None:
    """Before the first commit it is nothing; outside a repository, and where a ref is broken, git cannot tell."""
    assert objects.kept(str(tmp_path)) is None
    assert worktree.work_trees(str(tmp_path)) is None
    assert worktree.tracked(str(tmp_path)) == []
    assert dict(objects.contents(str(tmp_path), ["0" * 40], limit=5)) == {}
    run(tmp_path, "init", "-q")
    (tmp_path / ".ledger").mkdir()
    assert objects.kept(str(tmp_path / ".ledger")) == objects.Kept([], True)
    (tmp_path / ".git" / "refs" / "heads" / "broken").write_text("1" * 40 + "\n")
    assert objects.kept(str(tmp_path / ".ledger")) is None


def test_a_part_of_a_clone_says_so_and_nothing_is_fetched(repo: Path, tmp_path: Path) -> None:
    """Shallow or without the contents of files: not whole; asking for what is missing does not fetch it."""
    (repo / ".ledger" / "README.md").write_text("more\n")
    run(repo, "commit", "-q", "-a", "-m", "second")
    run(repo, "config", "uploadpack.allowFilter", "true")
    run(tmp_path, "clone", "-q", "--depth=1", f"file://{repo}", "shallow")
    run(tmp_path, "clone", "-q", "--filter=blob:none", f"file://{repo}", "partial")
    for name in ("shallow", "partial"):
        kept = objects.kept(str(tmp_path / name / ".ledger"))
        assert kept is not None
        assert not kept.whole
        assert len(kept.files) >= 1
    old = run(repo, "rev-parse", "HEAD~1:.ledger/README.md").decode().strip()
    lacking = run(tmp_path / "partial", "rev-list", "--all", "--objects", "--missing=print").decode().split()
    assert f"?{old}" in lacking
    assert dict(objects.contents(str(tmp_path / "partial"), [old], limit=100)) == {}
    again = run(tmp_path / "partial", "rev-list", "--all", "--objects", "--missing=print").decode().split()
    assert lacking == again


def test_the_import_is_light() -> None:
    """Importing the module does not load subprocess."""
    code = "import sys, ledger.git; print('subprocess' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"False\n"
