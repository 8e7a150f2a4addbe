"""Where the pictures of `ledger plot` go: never over what is there, unless -o says so."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger

Cli = Callable[..., Any]


@pytest.fixture
def three(workdir: Path) -> Path:
    """A ledger with three runs of a curve each, and a picture."""
    for name in "abc":
        with ledger.start(name, params={"lr": ord(name)}) as run:
            for step in range(3):
                run.log({"train/loss": 1 / (step + 1), "train/accuracy": 0.5, "test/accuracy": 0.4}, step=step)
                run.log({"test/loss": 1 / (step + 1)}, step=step)
            run.log_chart("dot", b"\x89PNG\r\n\x1a\n")
    return workdir


def test_a_file_that_is_there_is_left_alone(three: Path, cli: Cli) -> None:
    """Another name is found, said and used again for the same picture; -o writes over."""
    mine = three / "curves.png"
    mine.write_text("mine")
    (three / "curves-2.png").mkdir()
    assert cli("plot", "curves").err == "ledger: wrote curves-3.png\n"
    assert mine.read_text() == "mine"
    assert cli("plot", "curves").err == "ledger: curves-3.png is there already, the same picture\n"
    assert cli("plot", "curves", "-o", "curves.png").err == "ledger: wrote curves.png\n"
    assert mine.read_bytes() == (three / "curves-3.png").read_bytes()


def test_a_link_is_not_followed(three: Path, cli: Cli, tmp_path: Path) -> None:
    """A name that leads elsewhere is taken: nothing is written through it."""
    (three / "curves.png").symlink_to(tmp_path / "elsewhere")
    assert cli("plot", "curves").err == "ledger: wrote curves-2.png\n"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["a.PNG", "a.svg", "a.pdf"])
def test_the_ending_says_what_is_written(three: Path, cli: Cli, name: str) -> None:
    """In whatever case; two commands give the same bytes."""
    magic = {"PNG": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[name.partition(".")[2]]
    assert cli("plot", "curves", "-o", name).code == 0
    first = (three / name).read_bytes()
    assert first.startswith(magic)
    assert cli("plot", "curves", "-o", name).code == 0
    assert (three / name).read_bytes() == first


def test_a_place_that_cannot_be_written_is_an_error(three: Path, cli: Cli) -> None:
    """A folder that is not there, and a folder in place of the file."""
    assert cli("plot", "curves", "-o", "absent/a.png").code == 2
    assert cli("plot", "curves", "-o", "absent/a.png").err.startswith("ledger: cannot write absent/a.png: No such file")
    (three / "folder.png").mkdir()
    assert "Is a directory" in cli("plot", "curves", "-o", "folder.png").err


def test_a_table_may_go_beside_the_picture(three: Path, cli: Cli) -> None:
    """--csv and --json go to stdout; without -o no picture is written."""
    assert cli("plot", "scatter", "--csv").out.startswith("run,name,lr,test/accuracy\n")
    assert not list(three.glob("*.png"))
    done = cli("plot", "scatter", "--csv", "-o", "points.png")
    assert done.out.startswith("run,name,lr,test/accuracy\n")
    assert (three / "points.png").exists()


def test_damaged_runs_are_left_out_and_said(three: Path, cli: Cli) -> None:
    """The others are drawn, with exit code 5; a run that is asked for by name is an error."""
    id = ledger.open().state("b").id
    (segment,) = (path for path in (three / ".ledger").rglob("*.parquet") if id in str(path))
    segment.chmod(0o600)
    segment.write_bytes(b"no")
    done = cli("plot", "curves")
    assert done.code == 5
    assert "left out: run" in done.err
    assert "wrote curves.png" in done.err
    assert cli("plot", "curves", "b").code == 5


def test_as_a_commit_has_it(repo: Path, cli: Cli) -> None:
    """--at draws the runs of then; REV:RUN stands beside those of now."""
    for i in (1, 2):
        with ledger.start("a") as run:
            for step in range(3):
                run.log({"loss": i / (step + 1)}, step=step)
        for words in (["add", "."], ["commit", "-q", "-m", f"run {i}"]):
            subprocess.run(["git", *words], cwd=repo, check=True)
    rows = cli("plot", "curves", "--at", "HEAD~1", "--csv").out.splitlines()
    assert [row.rpartition(",")[2] for row in rows[1:]] == ["1.0", "0.5", "0.3333333333333333"]
    rows = cli("plot", "curves", "HEAD~1:a", "a", "--csv").out.splitlines()
    assert {row.rpartition(",")[2] for row in rows[1:]} >= {"1.0", "2.0"}
