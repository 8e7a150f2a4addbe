"""History as git tells it: the first-parent line, what each commit changed there, which commit added a file."""

import os
from pathlib import Path

import pytest

from ledger.git import log
from ledger.git.repository import Repository, find
from tests.conftest import git

RUNS = ".ledger/runs"


@pytest.fixture
def here(repo: Path) -> Repository:
    """Return the repository that the test works in."""
    found = find(str(repo))
    assert found is not None
    return found


def write(*paths: str) -> None:
    """Write files below the folder of runs, each with a text of its own."""
    for path in paths:
        file = Path(RUNS, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)


def commit(subject: str) -> str:
    """Commit everything that there is; return the commit."""
    git("add", "--all")
    git("commit", "-q", "--allow-empty", "-m", subject)
    return git("rev-parse", "HEAD").strip()


def line_of(here: Repository) -> list[tuple[str, list[tuple[str, bool]]]]:
    """Return the subject of each commit of the line of HEAD, with the paths it touched and whether they are there."""
    line = log.first_parents(here, git("rev-parse", "HEAD").strip(), RUNS)
    assert line is not None
    changes = log.touched(here, line, RUNS, 2)
    assert changes is not None
    return [
        (found.subject, [(change.path, change.object is not None) for change in touched])
        for found, touched in zip(line, changes, strict=True)
    ]


def test_the_line_has_the_commits_that_changed_something(here: Repository) -> None:
    """Oldest first; of a merge what it brought to its first parent; nothing of commits that left the folder alone."""
    write("day/a/1")
    commit("a")
    Path("train.py").write_text("2")
    commit("code alone")
    git("switch", "-qc", "side")
    write("day/b/1")
    commit("b, aside")
    write("day/c/1")
    commit("c, aside")
    git("switch", "-q", "main")
    write("day/a/2")
    commit("a again")
    git("merge", "-q", "-m", "merge", "side")
    git("rm", "-rq", f"{RUNS}/day/a")
    commit("without a")
    assert line_of(here) == [
        ("a", [("day/a", True)]),
        ("a again", [("day/a", True)]),
        ("merge", [("day/b", True), ("day/c", True)]),
        ("without a", [("day/a", False)]),
    ]


def test_what_is_known_of_a_commit(here: Repository) -> None:
    """Object, tree, parents, time, author and subject are what git has, whatever they hold."""
    git("config", "user.name", "Zoë\tÅ")
    write("day/a/1")
    os.environ |= {"GIT_COMMITTER_DATE": "1767323045 +0500"}
    try:
        made = commit("a\x01b é | 日本")
    finally:
        del os.environ["GIT_COMMITTER_DATE"]
    (found,) = log.first_parents(here, made, RUNS) or []
    parent, tree = git("rev-parse", "HEAD~1", "HEAD^{tree}").split()
    assert found == (made, tree, (parent,), 1767323045_000_000, "Zoë\tÅ", "a\x01b é | 日本")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("log.showSignature", "true"),
        ("log.showRoot", "false"),
        ("log.diffMerges", "off"),
        ("diff.renames", "copies"),
        ("core.quotePath", "true"),
        ("color.ui", "always"),
        ("i18n.logOutputEncoding", "latin1"),
        ("diff.noprefix", "true"),
        ("log.follow", "true"),
    ],
)
def test_settings_change_nothing(here: Repository, setting: str, value: str) -> None:
    """What a user has set for `git log` and `git diff` is not obeyed."""
    write("day/é a/1", "day/b/1")
    commit("é")
    write("day/b/2")
    head = commit("more")
    before = line_of(here), log.additions(here, head, RUNS)
    git("config", setting, value)
    assert (line_of(here), log.additions(here, head, RUNS)) == before
    assert before[0] == [("é", [("day/b", True), ("day/é a", True)]), ("more", [("day/b", True)])]


def test_folders_that_become_something_else(here: Repository) -> None:
    """A folder that becomes a file or a link has gone; a link in the place of a folder is told apart."""
    write("day/a/1", "day/b/1", "other/c/1")
    commit("three")
    for path in ("day/a", "day/b", "other"):
        git("rm", "-rq", f"{RUNS}/{path}")
    Path(RUNS, "day").mkdir(parents=True)
    Path(RUNS, "day/a").write_text("a file")
    Path(RUNS, "day/b").symlink_to("a")
    Path(RUNS, "other").symlink_to("day")
    head = commit("none")
    line = log.first_parents(here, head, RUNS) or []
    changes = (log.touched(here, line, RUNS, 2) or [])[-1]
    assert sorted(changes) == [
        (f"{RUNS}/day/b", None, True),
        (f"{RUNS}/other", None, True),
        ("day/a", None, False),
        ("day/b", None, False),
        ("other/c", None, False),
    ]


def test_the_whole_ledger_goes_and_comes_back(here: Repository) -> None:
    """Deleted, and restored by a revert: each run goes, and comes with the object that it had."""
    write("day/a/1")
    commit("a")
    git("rm", "-rq", ".ledger")
    commit("gone")
    git("revert", "--no-edit", "HEAD")
    head = git("rev-parse", "HEAD").strip()
    line = log.first_parents(here, head, RUNS) or []
    objects = [touched[0].object for touched in log.touched(here, line, RUNS, 2) or []]
    assert objects[1] is None
    assert objects[0] == objects[2] == git("rev-parse", f"HEAD:{RUNS}/day/a").strip()


def test_which_commit_added_a_file(here: Repository) -> None:
    """The first that had it: on a branch, in a merge itself, before it was removed and brought back."""
    write("day/a/1")
    first = commit("1")
    git("rm", "-q", f"{RUNS}/day/a/1")
    write("day/a/2")
    second = commit("2, and 1 is gone")
    write("day/a/1")
    commit("1 is back")
    git("switch", "-qc", "side")
    write("day/a/3")
    third = commit("3, aside")
    git("switch", "-q", "main")
    git("commit", "-q", "--allow-empty", "-m", "meanwhile")
    git("merge", "-q", "--no-commit", "--no-ff", "side")
    write("day/a/4")
    fourth = commit("merge, with 4")
    write("day/a/5", "day/b/6")
    found = log.additions(here, fourth, f"{RUNS}/day/a")
    assert found is not None
    expected = {"1": first, "2": second, "3": third, "4": fourth}
    assert found.commits == {f"{RUNS}/day/a/{name}": commit for name, commit in expected.items()}
    assert found.cut == set()


def test_a_shallow_clone_ends_somewhere(here: Repository, tmp_path: Path) -> None:
    """Where the clone ends, a commit only looks as if it had added what it has; a true first commit does not."""
    write("day/a/1")
    commit("1")
    write("day/a/2")
    commit("2")
    write("day/a/3")
    head = commit("3")
    git("clone", "-q", "--depth", "2", f"file://{Path.cwd()}", str(tmp_path / "shallow"))
    clone = find(str(tmp_path / "shallow"))
    assert clone is not None
    found = log.additions(clone, head, f"{RUNS}/day/a")
    assert found is not None
    second = git("rev-parse", "HEAD~1").strip()
    assert found.commits[f"{RUNS}/day/a/1"] == found.commits[f"{RUNS}/day/a/2"] == second
    assert (found.commits[f"{RUNS}/day/a/3"], found.cut) == (head, {second})


def test_a_first_commit_is_not_cut(tmp_path: Path, workdir: Path) -> None:
    """A commit without parents that has the file added it."""
    git("init", "-q", "-b", "main")
    git("config", "user.name", "Ada")
    git("config", "user.email", "ada@example.org")
    write("day/a/1")
    head = commit("all at once")
    here = find(str(workdir))
    assert here is not None
    assert log.additions(here, head, RUNS) == ({f"{RUNS}/day/a/1": head}, set())
    assert line_of(here) == [("all at once", [("day/a", True)])]


def test_a_clone_without_trees_cannot_tell(here: Repository, tmp_path: Path) -> None:
    """Neither the line nor who added what: None, and nothing is fetched."""
    write("day/a/1")
    commit("1")
    write("day/a/2")
    head = commit("2")
    git("config", "uploadpack.allowFilter", "true")
    source = f"file://{Path.cwd()}"
    git("clone", "-q", "--no-checkout", "--filter=tree:0", source, str(tmp_path / "partial"))
    clone = find(str(tmp_path / "partial"))
    assert clone is not None
    assert log.first_parents(clone, head, RUNS) is None
    assert log.additions(clone, head, RUNS) is None
