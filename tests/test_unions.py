"""Random histories in real git: branches that grow apart and meet in any way never conflict, and end in one ledger.

That is the law of union as git computes it. Two commits with one tree object hold the same bytes, so ways to meet are
held against each other by that; what the commands say is asked of the work tree, of the commit, and of a copy.
"""

import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import ledger
from ledger.record.merging import Merged

Cli = Callable[..., Any]
Fresh = Callable[[], Path]

# A history costs half a second: a failing one is told as it is rather than made smaller.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
QUICK = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
MANY = settings(QUICK, max_examples=60)

ACTIONS = st.tuples(
    st.sampled_from(["run", "late", "late", "chart", "tag", "param", "note", "remove", "restore", "resume"]),
    st.integers(0, 3),  # which of the runs that are there, or the name of a new one
    st.integers(0, 2),  # the value
)


class Branch(NamedTuple):
    """A branch to be: from which earlier branch it starts, its commits, and what it merges before the last."""

    start: int
    commits: list[list[tuple[str, int, int]]]
    merged: int | None


BRANCHES = st.lists(
    st.builds(
        Branch,
        st.integers(0, 3),
        st.lists(st.lists(ACTIONS, min_size=1, max_size=3), min_size=1, max_size=2),
        st.none() | st.integers(0, 3),
    ),
    min_size=2,
    max_size=3,
)


def git(*arguments: str) -> str:
    """Run git, which must exit with 0: a conflict is an error of the test."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {' '.join(arguments)}\n{done.stdout}{done.stderr}"
    return done.stdout


def tree_of(rev: str = "HEAD") -> str:
    """Return the object of the ledger at a commit."""
    return git("rev-parse", f"{rev}:.ledger")


def commit(message: str) -> None:
    """Commit the ledger; nothing may be left over."""
    git("add", ".ledger")
    git("commit", "-q", "--allow-empty", "-m", message)


def act(action: str, which: int, value: int) -> None:
    """Do one thing to the ledger, as users do."""
    led = ledger.open()
    removed = action == "restore"
    states = sorted(led.removed() if removed else led.select(), key=lambda state: state.id)
    if action == "run" or not states:
        if not removed:
            with ledger.start(f"run-{which}", params={"lr": value}) as run:
                run.log({"val/auc": value / 8}, step=which)
                run.log_text("notes", f"text {value}\n")
        return
    id = states[which % len(states)].id
    if action == "late":
        led.run(id).log({"test/auc": value / 4}, step=None if value else which, reason="late")
    elif action == "chart":
        led.run(id).log_chart("roc", b"\x89PNG\r\n\x1a\n" + bytes([value]), step=value)
    elif action == "tag":
        led.tag(id, f"{'-' if which % 2 else ''}t{value}")
    elif action == "param":
        led.set_params(id, {"lr": which, f"p{value}": value})
    elif action == "note":
        led.note(id, f"note {value}")
    elif action == "remove":
        led.remove(id, reason="gone")
    elif action == "restore":
        led.restore(id)
    else:
        with ledger.start(resume=id, step=which) as run:
            run.log({"val/auc": value / 2}, step=which)


def answers(cli: Cli, *at: str) -> list[str]:
    """Return what the reading commands say, byte for byte, of the work tree or of a commit."""
    ids = [state.id for state in ledger.open().select()]
    commands = [["ls", "--json"], ["export"], *(["show", id, "--json"] for id in ids)]
    results = [cli(*command, *at) for command in commands]
    assert [result.code for result in results if result.code] == [], [result.err for result in results]
    return [result.out for result in results]


def alone(cli: Cli) -> list[str]:
    """Return the answers where nothing is remembered."""
    shutil.rmtree(os.environ["LEDGER_CACHE_DIR"])
    return answers(cli)


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fresh]:
    """Return a function that makes a new repository with a ledger of one run on `main`, and works there."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.org")
    monkeypatch.setenv("LEDGER_NO_GIT", "1")
    monkeypatch.setenv("LEDGER_AUTHOR", "Ada")
    monkeypatch.setenv("LEDGER_CACHE_DIR", str(tmp_path_factory.mktemp("cache") / "here"))
    before = os.getcwd()

    def make() -> Path:
        folder = tmp_path_factory.mktemp("repo") / "work"
        folder.mkdir()
        os.chdir(folder)
        git("init", "-q", "-b", "main")
        with ledger.start("run-0", params={"lr": 1}) as run:
            run.log({"val/auc": 0.5, "train/loss": 0.25}, step=1)
        commit("first")
        return folder

    yield make
    os.chdir(before)


def grow(branches: list[Branch]) -> list[str]:
    """Make the branches of a history; return their names."""
    names: list[str] = []
    for number, branch in enumerate(branches):
        tips = ["main", *names]
        names.append(f"b{number}")
        git("checkout", "-q", "-b", names[-1], tips[branch.start % len(tips)])
        for at, actions in enumerate(branch.commits):
            if branch.merged is not None and at == len(branch.commits) - 1:
                git("merge", "-q", "--no-edit", tips[branch.merged % len(tips)])
            for action in actions:
                act(*action)
            commit(f"{names[-1]} {at}")
    return names


# The ways in which branches meet: each starts on `main` and ends on a commit that has them all.


def by_merges(names: list[str]) -> None:
    """One after the other."""
    for name in names:
        git("merge", "-q", "--no-ff", "--no-edit", name)


def by_octopus(names: list[str]) -> None:
    """All at once."""
    git("merge", "-q", "--no-ff", "-m", "octopus", *names)


def by_rebase(names: list[str]) -> None:
    """Each on top of the one before."""
    for name in names:
        onto = git("rev-parse", "HEAD").strip()
        git("checkout", "-q", "--detach", name)
        git("rebase", "-q", onto)


def by_cherry_pick(names: list[str]) -> None:
    """Commit by commit."""
    for name in names:
        picked = git("rev-list", "--reverse", "--no-merges", f"HEAD..{name}").split()
        if picked:
            git("cherry-pick", "--allow-empty", "--keep-redundant-commits", *picked)


def by_squash(names: list[str]) -> None:
    """Each as one commit without a second parent."""
    for name in names:
        git("merge", "-q", "--squash", name)
        git("commit", "-q", "--allow-empty", "-m", f"squashed {name}")


def by_ledger_merge(names: list[str]) -> None:
    """By `ledger merge`, which stages nothing."""
    for name in names:
        done = ledger.open().merge(name)
        assert (done.left_out, done.absent, done.damaged) == ([], [], [])
    assert git("diff", "--cached", "--name-only") == ""
    commit("by ledger merge")


WAYS = [by_merges, by_octopus, by_rebase, by_cherry_pick, by_squash, by_ledger_merge]


def check_ways(cli: Cli, names: list[str], data: st.DataObject, ways: list[Callable[[list[str]], None]]) -> None:
    """Let branches meet in several ways, each in an order of its own; all must end in one tree and one answer."""
    ends, said = set(), []
    for way in ways:
        git("checkout", "-q", "--detach", "main")
        way(data.draw(st.permutations(names), label=way.__name__))
        assert git("status", "--porcelain", "--untracked-files=all") == "", way.__name__
        ends.add(tree_of())
        said.append(answers(cli))
    assert len(ends) == 1
    said += [alone(cli), answers(cli, "--at", "HEAD")]
    assert all(one == said[0] for one in said)
    assert ledger.open().verify(rows=True).findings == []


@QUICK
@given(branches=BRANCHES, data=st.data())
def test_branches_meet_in_any_way(fresh: Fresh, cli: Cli, branches: list[Branch], data: st.DataObject) -> None:
    """Merges, octopus, rebase, cherry-pick, squash, `ledger merge`: no conflict, one tree, the same answers."""
    fresh()
    check_ways(cli, grow(branches), data, data.draw(st.permutations(WAYS), label="ways")[:3])


@pytest.mark.slow
@MANY
@given(branches=BRANCHES, data=st.data())
def test_branches_meet_in_every_way(fresh: Fresh, cli: Cli, branches: list[Branch], data: st.DataObject) -> None:
    """As above, each history by every way."""
    fresh()
    check_ways(cli, grow(branches), data, WAYS)


def check_reverted(cli: Cli, names: list[str]) -> None:
    """Merge the last branch, revert that, and bring it back."""
    git("checkout", "-q", "--detach", "main")
    by_merges(names[:-1])
    before, mine = tree_of(), answers(cli)
    git("merge", "-q", "--no-ff", "--no-edit", names[-1])
    merged, both = tree_of(), answers(cli)
    if merged != before:
        git("revert", "-m", "1", "--no-edit", "HEAD")
        assert (tree_of(), answers(cli)) == (before, mine)
        git("merge", "-q", "--no-edit", names[-1])
        assert tree_of() == before, "git takes the branch for merged, and brings nothing back"
    done = ledger.open().merge(names[-1])
    assert (done.files == 0) == (merged == before)
    assert answers(cli) == both
    commit("back")
    assert (tree_of(), alone(cli)) == (merged, both)
    assert ledger.open().merge("HEAD").files == 0


@QUICK
@given(branches=BRANCHES)
def test_a_reverted_merge_comes_back(fresh: Fresh, cli: Cli, branches: list[Branch]) -> None:
    """What reverting a merge deleted, and merging again does not bring, `ledger merge` brings back to the byte."""
    fresh()
    check_reverted(cli, grow(branches))


@pytest.mark.slow
@MANY
@given(branches=BRANCHES)
def test_any_reverted_merge_comes_back(fresh: Fresh, cli: Cli, branches: list[Branch]) -> None:
    """As above, many histories."""
    fresh()
    check_reverted(cli, grow(branches))


def check_folders(cli: Cli, folder: Path, names: list[str], cut: set[int], data: st.DataObject) -> None:
    """Merge copies of the branches' ledgers, one of them with files deleted, folder by folder."""
    for name in ["main", *names]:
        git("checkout", "-q", name)
        shutil.copytree(".ledger", folder.parent / name / ".ledger", ignore=shutil.ignore_patterns("journal"))
    git("checkout", "-q", "--detach", "main")
    by_merges(names)
    expected = answers(cli)
    order = data.draw(st.permutations(["main", *names]), label="order")
    target = folder.parent / order[0]
    files = sorted(path for path in (target / ".ledger").rglob("*") if path.is_file())
    for number in cut & set(range(len(files))):
        files[number].unlink()
    os.chdir(target)
    done: list[Merged] = [ledger.open().merge(str(folder.parent / name)) for name in [*order[1:], *order[1:]]]
    done += [ledger.open().merge(str(folder))]
    assert all(not (one.left_out or one.damaged or one.absent) for one in done)
    assert all(one.files == 0 for one in done[len(names) : -1])
    assert answers(cli) == expected
    here, there = (contents(root / ".ledger") for root in (target, folder))
    assert here == there


CUT = st.sets(st.integers(0, 40), max_size=12)


@QUICK
@given(branches=BRANCHES, cut=CUT, data=st.data())
def test_folders_meet_as_branches_do(
    fresh: Fresh, cli: Cli, branches: list[Branch], cut: set[int], data: st.DataObject
) -> None:
    """Copies of ledgers, merged in any order, are what `git merge` makes, also where some have lost files."""
    folder = fresh()
    check_folders(cli, folder, grow(branches), cut, data)


@pytest.mark.slow
@MANY
@given(branches=BRANCHES, cut=CUT, data=st.data())
def test_any_folders_meet_as_branches_do(
    fresh: Fresh, cli: Cli, branches: list[Branch], cut: set[int], data: st.DataObject
) -> None:
    """As above, many histories."""
    folder = fresh()
    check_folders(cli, folder, grow(branches), cut, data)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the committed files of a ledger."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return {path: data for path, data in found.items() if not path.startswith("journal/")}


def test_every_order_of_three_branches(fresh: Fresh, cli: Cli) -> None:
    """Three branches that each add a run, a late row of one metric, a tag and one same chart: all six orders agree."""
    fresh()
    first = ledger.open().select()[0].id
    names = ["x", "y", "z"]
    for number, name in enumerate(names):
        git("checkout", "-q", "-b", name, "main")
        act("run", number, number)
        ledger.open().run(first).log({"test/auc": number / 4}, reason=name)
        ledger.open().run(first).log_chart("roc", b"\x89PNG\r\n\x1a\n", step=1)
        ledger.open().tag(first, name)
        commit(name)
    ends: dict[str, Any] = {}
    for order in itertools.permutations(names):
        git("checkout", "-q", "--detach", "main")
        by_merges(list(order))
        ends[tree_of()] = answers(cli)
    (said,) = ends.values()
    assert all(f'"{name}"' in said[0] for name in names)
