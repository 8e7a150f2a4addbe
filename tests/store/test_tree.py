"""Finding a ledger, making one, and looking into it: the seam through which everything is read."""

import os
from pathlib import Path

import pytest

from ledger.errors import DamagedFile, NoLedger, StorageFault
from ledger.format import layout
from ledger.format.ids import is_run_id
from ledger.store import tree as trees
from ledger.store.tree import Tree

RUN = "20261122-031501-baseline-7f3a9c2e1b0d"


def test_the_nearest_ledger_above_is_found(workdir: Path) -> None:
    """From a folder deep down, the first `.ledger` on the way up is taken."""
    (workdir / ".ledger").mkdir()
    (workdir / "a" / "b" / ".ledger").mkdir(parents=True)
    (workdir / "a" / "b" / "c").mkdir()
    assert trees.find(str(workdir / "a" / "b" / "c")) == str(workdir / "a" / "b" / ".ledger")
    assert trees.find(str(workdir / "a")) == str(workdir / ".ledger")


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_the_search_ends_at_the_top_of_the_repository(workdir: Path, kind: str) -> None:
    """A ledger outside the repository is not this repository's; in a linked work tree `.git` is a file."""
    (workdir / ".ledger").mkdir()
    inner = workdir / "repo"
    inner.mkdir()
    if kind == "folder":
        (inner / ".git").mkdir()
    else:
        (inner / ".git").write_text("gitdir: elsewhere\n")
    (inner / "deep").mkdir()
    assert trees.find(str(inner / "deep")) is None
    assert trees.place(str(inner / "deep")) == str(inner / ".ledger")


def test_a_ledger_in_the_folder_of_somebody_else_is_not_taken_up(workdir: Path, as_root: None) -> None:
    """What others may have planted above the work folder, as in /tmp, is left alone."""
    (workdir / ".ledger").mkdir()
    mine = workdir / "mine"
    mine.mkdir()
    os.chown(workdir / ".ledger", 12345, 12345)
    assert trees.find(str(mine)) is None
    os.chown(workdir / ".ledger", 0, 0)
    assert trees.find(str(mine)) == str(workdir / ".ledger")
    os.chown(workdir, 12345, 12345)
    assert trees.find(str(mine)) is None


def test_a_file_called_ledger_is_none(workdir: Path) -> None:
    """Only a folder is a ledger; where a file is in the way, making one says so."""
    (workdir / ".ledger").write_text("x")
    assert trees.find(str(workdir)) is None
    with pytest.raises(StorageFault, match="cannot make a ledger"):
        Tree(str(workdir / ".ledger")).prepare()


def test_a_path_names_the_ledger_or_the_folder_that_holds_it(workdir: Path) -> None:
    """`-C`, LEDGER_DIR and open(path) take the `.ledger` folder, one beside it, or a copy of another name."""
    assert trees.named(str(workdir)) == str(workdir / ".ledger")
    assert trees.named(str(workdir / ".ledger")) == str(workdir / ".ledger")
    Tree(str(workdir / "copy")).prepare()
    (workdir / "copy" / "runs").mkdir()
    assert trees.named("copy") == str(workdir / "copy")


def test_reading_where_no_ledger_is_says_how_to_make_one(workdir: Path) -> None:
    """Readers never make a ledger; the error says where was looked, and what to type."""
    with pytest.raises(NoLedger, match="there is no .ledger in") as caught:
        trees.locate(str(workdir), None)
    assert "ledger init" in str(caught.value)
    with pytest.raises(NoLedger, match="nowhere"):
        trees.locate(str(workdir), "nowhere")
    assert os.listdir(workdir) == []


def test_a_new_ledger_has_its_constant_files(workdir: Path) -> None:
    """README, .gitignore and .gitattributes are put there once, and put back where one is missing."""
    tree = Tree(str(workdir / ".ledger"))
    assert tree.prepare()
    assert not tree.prepare()
    assert {name: (workdir / ".ledger" / name).read_text() for name in os.listdir(tree.root)} == layout.CONSTANT_FILES
    (workdir / ".ledger" / ".gitignore").unlink()
    assert not tree.prepare()
    assert (workdir / ".ledger" / ".gitignore").read_text() == layout.GITIGNORE


def test_run_folders_are_told_by_their_names(tree: Tree) -> None:
    """Folders of other names, files and links among the runs are none of ours."""
    day = Path(tree.root, "runs", "2026-11-22")
    (day / RUN).mkdir(parents=True)
    (day / "notes").mkdir()
    (day / RUN.replace("baseline", "other")).write_text("a file")
    (day / RUN.replace("baseline", "link")).symlink_to(day / RUN)
    Path(tree.root, "runs", "README").write_text("x")
    times = tree.run_times()
    assert times[RUN] == (day / RUN).stat().st_mtime_ns
    assert tree.folder_of(RUN) == f"runs/2026-11-22/{RUN}"
    assert [name for name in times if is_run_id(name) and tree.is_folder(tree.folder_of(name))] == [RUN]


def test_a_run_under_another_day_is_found(tree: Tree) -> None:
    """A run's folder that somebody put under another day is found there; one that is nowhere, where it belongs."""
    Path(tree.root, "runs", "2020-01-01", RUN).mkdir(parents=True)
    assert tree.folder_of(RUN) == f"runs/2020-01-01/{RUN}"
    assert tree.folder_of(RUN.replace("7f", "8f")) == "runs/2026-11-22/" + RUN.replace("7f", "8f")


def test_the_schema_lies_beside_the_ledger(tree: Tree, workdir: Path) -> None:
    """`.ledger-schema` is read from the folder that holds the ledger; bytes that are no text do not stop it."""
    assert tree.schema_text() is None
    (workdir / ".ledger-schema").write_bytes(b"# caf\xe9\n")
    assert tree.schema_text() == "# caf\ufffd\n"


@pytest.mark.parametrize("place", ["runs", "runs/2026-11-22", f"runs/2026-11-22/{'x' * 9}", "blobs/ab", "journal"])
def test_nothing_is_reached_through_a_link(workdir: Path, place: str) -> None:
    """A folder below `.ledger` that is a symbolic link is damage, read or written, and so is `.ledger` itself."""
    outside = workdir / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"x")
    link = workdir / "real" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    (workdir / ".ledger").symlink_to(workdir / "real")
    with pytest.raises(DamagedFile, match="is a symbolic link"):
        Tree(str(workdir / ".ledger")).read("plain/file")
    tree = Tree(str(workdir / "real"))
    for look in (tree.read, tree.path, tree.exists):
        with pytest.raises(DamagedFile, match="is a symbolic link"):
            look(f"{place}/file")
    with pytest.raises(DamagedFile, match="is a symbolic link"):
        tree.names(place)
    (workdir / "real" / "plain").mkdir()
    (workdir / "real" / "plain" / "file").write_bytes(b"x")
    assert tree.read("plain/file") == b"x"


def test_a_project_with_runs_of_its_own_is_no_ledger(workdir: Path) -> None:
    """A path means the `.ledger` in it; a ledger under another name is known by its constant files, not by `runs`."""
    project = workdir / "project"
    (project / "runs").mkdir(parents=True)
    assert trees.named(str(project)) == str(project / ".ledger")
    Tree(str(project / ".ledger")).prepare()
    assert trees.named(str(project)) == trees.named(str(project / ".ledger")) == str(project / ".ledger")
    (project / ".ledger" / "runs").mkdir()
    (project / ".ledger").rename(workdir / "copy")
    assert trees.named(str(workdir / "copy")) == str(workdir / "copy")
