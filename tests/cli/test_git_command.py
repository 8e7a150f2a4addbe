"""`ledger git`: with it git shows rows, without it nothing breaks, and what was there before comes back as it was."""

import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger
from tests.conftest import git

Cli = Callable[..., Any]
SHIM = f'#!/bin/sh\nexec "{sys.executable}" -P -m ledger "$@"\n'


def add_program(folder: Path) -> Path:
    """Put a `git-ledger` into a folder, as an installation does."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "git-ledger"
    program.write_text(SHIM)
    program.chmod(0o755)
    return program


def commit(message: str = "results") -> None:
    """Commit the whole ledger."""
    git("add", ".ledger")
    git("commit", "-q", "-m", message)


def segment() -> Path:
    """Return the one segment of the ledger here."""
    (found,) = Path(".ledger/runs").rglob("*.parquet")
    return found


def png(width: int, height: int) -> bytes:
    """Return the beginning of a PNG, which is enough to say its size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


@pytest.mark.parametrize("command", [["show"], ["log", "-p"], ["diff", "HEAD~1", "HEAD"], ["diff", "HEAD", "HEAD~1"]])
def test_git_shows_rows(cli: Cli, repo: Path, command: list[str]) -> None:
    """Git's own commands show each metric, step and value; without it, and after `uninstall`, that files differ."""
    assert repo.exists()
    with ledger.start("baseline") as run:
        run.log({"val/loss": 0.4, "val/auc": float("nan")}, step=1, context={"fold": 2})
        run.log({"val/loss": 1e-7}, step=12)
    commit()
    before = git(*command)
    assert "Binary files" in before
    assert cli("git", "install").code == 0
    sign = "-" if command[-1] == "HEAD~1" else "+"
    assert [line[1:] for line in git(*command).splitlines() if line.startswith(f"{sign}val/")] == [
        "val/auc{fold=2}    1  nan",
        "val/loss          12  1e-07",
        "val/loss{fold=2}   1  0.4",
    ]
    assert cli("git", "uninstall").code == 0
    assert git(*command) == before


def test_what_is_staged_and_what_is_not_is_shown(cli: Cli, repo: Path) -> None:
    """`git diff --cached` shows rows before they are committed, `git diff` those of a file that is gone."""
    assert repo.exists()
    cli("git", "install")
    cli("log", "--run", "baseline", "val/loss=0.25")
    git("add", ".ledger")
    assert "+val/loss  -  0.25" in git("diff", "--cached")
    commit()
    segment().unlink()
    assert "-val/loss  -  0.25" in git("diff")


def test_the_rows_of_a_late_value_are_one_line(cli: Cli, repo: Path) -> None:
    """A segment says of which run it is, and when its rows were logged."""
    assert repo.exists()
    cli("git", "install")
    cli("log", "--run", "baseline", "val/loss=0.25")
    (run,) = ledger.open().select("baseline")
    git("add", ".ledger")
    (line,) = [line for line in git("diff", "--cached").splitlines() if line.startswith("+segment")]
    assert line.startswith(f"+segment: 1 row of 1 metric, run {run.id}, 20")


def test_charts_and_files_are_one_line_and_texts_stay_texts(cli: Cli, repo: Path, tmp_path: Path) -> None:
    """A picture has its size in pixels, a binary file its bytes; a program that was logged is shown as it is."""
    assert repo.exists()
    (tmp_path / "a.png").write_bytes(png(640, 480))
    (tmp_path / "weights.npy").write_bytes(b"\0" * 2048)
    (tmp_path / "train.py").write_text("print(1)\n# \x1b[31mred\n")
    with ledger.start("baseline") as run:
        run.log_chart("roc", tmp_path / "a.png")
        run.log_file("weights", tmp_path / "weights.npy")
        run.log_file("script", tmp_path / "train.py")
    cli("git", "install")
    commit()
    shown = git("show")
    assert "Binary" not in shown
    for line in ("picture (png), 640 x 480, 33 B", "file (npy), 2.0 KiB", "print(1)", "# \\x1b[31mred"):
        assert f"\n+{line}\n" in shown


def test_many_rows_are_cut_and_said(cli: Cli, repo: Path) -> None:
    """Of a long run some rows of each metric are shown, the last one always, with how many are between."""
    assert repo.exists()
    with ledger.start("long") as run:
        for step in range(3000):
            run.log({"a": step / 2, "b": 0.5}, step=step)
    cli("git", "install")
    commit()
    lines = [line for line in git("show", "--", str(segment())).splitlines() if line.startswith(("+a ", "+b "))]
    assert len(lines) == 1002
    assert lines[498:502] == ["+a   498  249.0", "+a     …  2,500 more rows", "+a  2999  1499.5", "+b     0  0.5"]


def damage_nothing_left(data: bytes) -> bytes:
    """Return no byte."""
    return data[:0]


def damage_half(data: bytes) -> bytes:
    """Return the first half."""
    return data[: len(data) // 2]


def damage_noise(data: bytes) -> bytes:
    """Return bytes that are no Parquet at all, with what would steer a terminal."""
    return b"\x1b]0;title\x07" + b"\xff\0" * len(data)


@pytest.mark.parametrize("damage", [damage_nothing_left, damage_half, damage_noise])
def test_a_damaged_file_is_one_line(cli: Cli, repo: Path, damage: Callable[[bytes], bytes]) -> None:
    """Git goes on, and says in one line what the file is."""
    assert repo.exists()
    cli("git", "install")
    cli("log", "--run", "baseline", "x=1")
    path = segment()
    path.write_bytes(damage(path.read_bytes()))
    commit()
    shown = git("show", "--", str(path))
    added = [line for line in shown.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert "\x1b" not in shown
    if path.stat().st_size:
        assert len(added) == 1
        assert added[0].startswith("+file (parquet), ")
        assert "it is not a segment: " in added[0]


def test_altered_bytes_are_said(cli: Cli, repo: Path) -> None:
    """Rows of another run under this name are not passed off as its own."""
    assert repo.exists()
    cli("git", "install")
    cli("log", "--run", "baseline", "x=1")
    segment().rename(segment().with_name("0123456789abcdef.parquet"))
    git("add", ".ledger")
    assert "DAMAGED: its bytes do not have the sha256 in its name\n" in git("diff", "--cached")


def test_a_program_that_goes_away_is_done_without(
    cli: Cli, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the program that installed it, wherever it lies, then `git-ledger` on PATH, then one line of the shell."""
    assert repo.exists()
    program = add_program(tmp_path / 'it\'s "my" $HOME; env')
    cli("log", "--run", "baseline", "x=0.5")
    commit()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(program.with_name("python")))
        assert cli("git", "install").code == 0
    assert "\n+x  -  0.5" in git("show")
    assert json.loads(cli("git", "status", "--json").out)["diff"]["works"] is True

    program.unlink()
    assert f"\n+parquet file, {segment().stat().st_size} bytes; to see what is in it: ledger git install\n" in git(
        "show"
    )
    found = cli("git", "status")
    assert "diff        installed, but its program is gone: ledger git install\n" in found.out
    assert found.code == 0

    other = add_program(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{other.parent}{os.pathsep}{os.environ['PATH']}")
    assert "\n+x  -  0.5" in git("show")
    # Another program of that name answers without success.
    other.write_text("#!/bin/sh\necho 'Error: Unrecognized command' >&2\nexit 1\n")
    assert "\n+parquet file, " in git("show")


def test_nothing_of_the_work_tree_is_imported(cli: Cli, repo: Path) -> None:
    """A repository that brings modules of its own, named like those of ledger, does not run them through `git diff`."""
    for name in ("click", "pyarrow", "ledger", "numpy"):
        (repo / f"{name}.py").write_text("open('planted', 'w').close()\n")
    (repo / "sitecustomize.py").write_text("open('planted', 'w').close()\n")
    cli("git", "install", "--hook")
    cli("log", "--run", "baseline", "x=0.5")
    commit()
    assert "\n+x  -  0.5" in git("show")
    assert not (repo / "planted").exists()


BEFORE = {
    "none": None,
    "empty": b"",
    "lines": b"*.png diff=exif\n# mine\n",
    "no end of line": b"*.png diff=exif",
    "Latin-1 and CRLF": b"caf\xe9.txt -diff\r\n",
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
@pytest.mark.parametrize("times", [1, 3])
def test_uninstall_brings_back_what_was(cli: Cli, repo: Path, before: bytes | None, times: int) -> None:
    """Configuration, attributes and hooks are as before, byte for byte, however often it was installed."""
    attributes, config, hooks = repo / ".git/info/attributes", repo / ".git/config", repo / ".git/hooks"
    attributes.parent.mkdir(exist_ok=True)
    if before is not None:
        attributes.write_bytes(before)
    git("config", "diff.exif.textconv", "exiftool")
    written, listed = config.read_bytes(), sorted(os.listdir(hooks))
    installed = set()
    for _ in range(times):
        assert cli("git", "install", "--hook").code == 0
        installed.add((attributes.read_bytes(), config.read_bytes(), (hooks / "pre-commit").read_bytes()))
    assert len(installed) == 1
    said = cli("git", "uninstall").out
    assert said == f"changed {attributes}\nchanged {config}\nchanged {hooks / 'pre-commit'}\n"
    assert config.read_bytes() == written
    assert sorted(os.listdir(hooks)) == listed
    assert (attributes.read_bytes() if attributes.exists() else None) == before
    assert cli("git", "uninstall").out == "nothing was installed\n"


def test_lines_of_the_user_stay_and_win(cli: Cli, repo: Path) -> None:
    """Lines added around the block later stay when it goes; while it is there, theirs count, and status says so."""
    attributes = repo / ".git/info/attributes"
    cli("git", "install")
    attributes.write_text("*.a diff=a\n" + attributes.read_text() + "*.parquet -diff\n")
    found = cli("git", "status")
    assert "diff        installed, but another rule outdoes it" in found.out
    again = cli("git", "install")
    assert again.err.startswith("ledger: another rule outdoes it")
    cli("git", "uninstall")
    assert attributes.read_text() == "*.a diff=a\n*.parquet -diff\n"


def test_lines_of_an_earlier_version_are_replaced(cli: Cli, repo: Path) -> None:
    """There is one block, as this version writes it."""
    attributes = repo / ".git/info/attributes"
    cli("git", "install")
    whole = attributes.read_text()
    attributes.write_text(whole.replace("**/.ledger/blobs/*/*.png diff=ledger\n", "old diff=ledger\n"))
    assert json.loads(cli("git", "status", "--json").out)["diff"]["installed"] is False
    cli("git", "install")
    assert attributes.read_text() == whole


def test_a_block_without_an_end_is_left_alone(cli: Cli, repo: Path) -> None:
    """Where our lines end cannot be told, so nothing is written."""
    attributes = repo / ".git/info/attributes"
    cli("git", "install")
    broken = attributes.read_text().replace("# ledger git install: end\n", "")
    attributes.write_text(broken)
    for command in ("install", "uninstall"):
        result = cli("git", command)
        assert result.code == 2
        assert "delete the lines with diff=ledger there" in result.err
    assert attributes.read_text() == broken


def test_a_textconv_of_somebody_else_is_left_alone(cli: Cli, repo: Path) -> None:
    """It is said how to give it up, and nothing is written; `uninstall` does not take it away."""
    git("config", "diff.ledger.textconv", "hledger print")
    before = (repo / ".git/config").read_bytes()
    result = cli("git", "install")
    assert result.code == 2
    assert "git config --local --unset-all diff.ledger.textconv" in result.err
    assert cli("git", "uninstall").out == "nothing was installed\n"
    assert (repo / ".git/config").read_bytes() == before
    assert not (repo / ".git/info/attributes").exists()


def test_patches_still_carry_the_bytes(cli: Cli, repo: Path, tmp_path: Path) -> None:
    """What is made to be applied holds files, not their text: `git format-patch`, and `git diff` if told so."""
    cli("git", "install")
    cli("log", "--run", "baseline", "x=0.5")
    commit()
    patches = [git("format-patch", "--stdout", "HEAD~1"), git("diff", "--binary", "--no-textconv", "HEAD~1", "HEAD")]
    path, data = segment(), segment().read_bytes()
    git("reset", "-q", "--hard", "HEAD~1")
    for patch in patches:
        (tmp_path / "patch").write_text(patch)
        git("apply", str(tmp_path / "patch"))
        assert path.read_bytes() == data
        git("clean", "-qfdx", ".ledger")
    assert not (repo / path).exists()


def test_a_file_of_git_that_cannot_be_written_is_said(cli: Cli, repo: Path) -> None:
    """Another git that died holds the lock of the configuration; once that is gone, the same command does the rest."""
    lock = repo / ".git/config.lock"
    lock.touch()
    result = cli("git", "install")
    assert result.code == 74
    assert f"git cannot change {repo}/.git/config" in result.err
    assert str(lock) in result.err
    lock.unlink()
    assert cli("git", "install").code == 0
    assert json.loads(cli("git", "status", "--json").out)["diff"]["works"] is True


def test_outside_a_work_tree_it_says_what_to_type(cli: Cli, workdir: Path) -> None:
    """Outside git and in a bare repository: exit 2, one reason, and what to do."""
    for command in ("install", "uninstall", "status"):
        result = cli("git", command)
        assert (result.code, result.err) == (2, f"ledger: {workdir} is in no git repository\n        git init\n")
    git("init", "-q", "--bare", "bare.git")
    os.chdir("bare.git")
    result = cli("git", "install")
    assert result.code == 2
    assert "is a bare repository" in result.err
    assert not Path("info/attributes").exists()


def test_work_trees_share_it(cli: Cli, repo: Path, tmp_path: Path) -> None:
    """Installed in a linked work tree, it holds in all of them."""
    git("worktree", "add", "-q", str(tmp_path / "linked"))
    os.chdir(tmp_path / "linked")
    assert cli("git", "install", "--hook").code == 0
    assert "git show" in cli("git", "status").out
    os.chdir(repo)
    found = json.loads(cli("git", "status", "--json").out)
    assert (found["diff"]["installed"], found["hook"]["state"]) == (True, "installed")
    assert (repo / ".git/info/attributes").exists()
    cli("log", "--run", "baseline", "x=0.5")
    commit()
    assert "\n+x  -  0.5" in git("show")


def test_in_a_submodule_it_is_of_that_alone(cli: Cli, repo: Path, tmp_path: Path) -> None:
    """A submodule is a repository of its own."""
    git("init", "-q", "-b", "main", str(tmp_path / "inner"))
    git(
        "-C",
        str(tmp_path / "inner"),
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@b",
        "commit",
        "-q",
        "--allow-empty",
        "-mx",
    )
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "inner"), "inner")
    os.chdir("inner")
    assert cli("git", "install").code == 0
    cli("log", "--run", "baseline", "x=0.5")
    git("add", ".ledger")
    assert "\n+x  -  0.5" in git("diff", "--cached")
    os.chdir(repo)
    assert json.loads(cli("git", "status", "--json").out)["diff"]["installed"] is False


def test_a_ledger_in_a_subfolder_is_shown(cli: Cli, repo: Path) -> None:
    """The rules hold wherever the ledger lies, and wherever git is called."""
    (repo / "my sub/.ledger").mkdir(parents=True)
    os.chdir("my sub")
    cli("git", "install")
    cli("log", "--run", "baseline", "x=0.5")
    git("add", ".ledger")
    assert "\n+x  -  0.5" in git("diff", "--cached")


def test_attributes_of_the_ledger_switch_filters_off_for_everybody(cli: Cli, repo: Path) -> None:
    """Why there is no `--lfs`: what a repository says of filters does not reach into a ledger; the answer says so."""
    cli("init")
    (repo / ".gitattributes").write_text("*.png filter=lfs\n.ledger/** filter=lfs\n")
    assert git("check-attr", "filter", "--", ".ledger/blobs/ab/x.png") == ".ledger/blobs/ab/x.png: filter: unset\n"
    result = cli("git", "install", "--lfs", "10MB")
    assert result.code == 2
    assert "git-LFS cannot hold files of a ledger" in result.err
    assert not (repo / ".git/info/attributes").exists()


def test_git_ledger_is_the_same_program(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`git ledger ls` is `ledger ls`, also from a subfolder, and `git ledger git status` works, too."""
    program = add_program(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    git("ledger", "log", "--run", "baseline", "val/loss=0.5")
    (repo / "sub").mkdir()
    assert git("ledger", "ls", "--columns", "name,val/loss", cwd=repo / "sub").splitlines()[2] == "baseline         0.5"
    git("ledger", "git", "install")
    git("add", ".ledger")
    assert "\n+val/loss  -  0.5" in git("diff", "--cached")


def test_the_entry_points_are_declared() -> None:
    """The package has both programs, and they begin at the same place."""
    import tomllib

    scripts = tomllib.loads((Path(ledger.__file__).parents[1] / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"ledger": "ledger.cli:main", "git-ledger": "ledger.cli:main"}


def test_textconv_says_what_cannot_be_read(cli: Cli, workdir: Path) -> None:
    """A file that is not there, a folder, a fifo: no success, so that the shell's line stands in; never a hang."""
    os.mkfifo("fifo.parquet")
    for name in ("absent.parquet", ".", "fifo.parquet"):
        result = cli("git", "textconv", name)
        assert result.code != 0, name
        assert result.out == ""
    done = subprocess.run([sys.executable, "-P", "-m", "ledger", "git", "textconv", str(workdir)], capture_output=True)
    assert (done.returncode, done.stdout) == (5, b"")
