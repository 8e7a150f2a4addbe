"""The pre-commit hook of `ledger git install --hook`, by real commits: what it stops, and what it must not stop."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.git import settings
from tests.conftest import git, run_cli

Cli = Callable[..., Any]
ROOT = Path(__file__).parents[2]
LEAVES = "import ledger, os\nrun = ledger.start('dead')\nrun.log({'x': 1.0}, step=0)\nos._exit(1)\n"


@pytest.fixture
def hooked(repo: Path) -> Path:
    """Return a repository with the hook, one run that is committed, and a change of the code that is not."""
    assert run_cli("git", "install", "--hook").code == 0
    run_cli("log", "--run", "first", "x=1")
    git("add", ".ledger")
    git("commit", "-q", "-m", "first run")
    (repo / "train.py").write_text("print(2)\n")
    git("add", "train.py")
    return repo


def commit(*arguments: str) -> tuple[int, str]:
    """Try to commit; return the exit code, and what was said, without ids."""
    done = subprocess.run(["git", "commit", "-q", "-m", "x", *arguments], capture_output=True, text=True, check=False)
    return done.returncode, without_ids(done.stderr)


def without_ids(text: str) -> str:
    """Return a text in which each run's id is its name."""
    return re.sub(r"\d{8}-\d{6}-([a-z]+)-[0-9a-f]{12}(?![0-9a-f])", r"\1", text)


def files(pattern: str) -> list[Path]:
    """Return the files of the ledger here that fit."""
    return sorted(path for path in Path(".ledger").rglob(pattern) if "journal" not in path.parts)


def leave_a_journal() -> None:
    """Let a process die while it has a run open."""
    subprocess.run([sys.executable, "-c", LEAVES], check=False)


def test_a_commit_of_sound_results_is_made(hooked: Path) -> None:
    """Nothing is said where nothing is amiss."""
    run_cli("log", "--run", "second", "x=1")
    git("add", ".ledger")
    assert commit() == (0, "")
    assert hooked.exists()


@pytest.mark.parametrize("how", [(), ("-a",), ("train.py",), ("--amend",)])
def test_a_run_that_is_not_staged_stops_it(hooked: Path, how: tuple[str, ...]) -> None:
    """However the commit is made; the command that helps is said, and helps."""
    run_cli("log", "--run", "second", "x=1")
    code, said = commit(*how)
    assert code == 1
    assert said == (
        "ledger: 1 run has ended and is not staged: second\n"
        "        git add .ledger\n"
        "ledger: the commit was stopped; to make it all the same: git commit --no-verify\n"
    )
    assert git("status", "--short", "train.py") == "M  train.py\n"  # nothing was staged or lost
    git("add", ".ledger")
    assert commit(*how) == (0, "")
    assert hooked.exists()


def test_files_added_by_intent_only_are_not_staged(hooked: Path) -> None:
    """`git add -N` keeps nothing."""
    run_cli("log", "--run", "second", "x=1")
    git("add", "-N", ".ledger")
    code, said = commit()
    assert (code, "1 run has ended and is not staged: second" in said) == (1, True)
    assert hooked.exists()


def test_a_run_that_is_not_sealed_stops_it(hooked: Path) -> None:
    """What a dead process left is to be sealed first: by a command that is said, not by the hook."""
    leave_a_journal()
    before = sorted(Path(".ledger").rglob("*"))
    code, said = commit()
    assert code == 1
    assert said.startswith(
        "ledger: 1 run has ended and is not sealed: dead\n        ledger finish --stale && git add .ledger\n"
    )
    assert sorted(Path(".ledger").rglob("*")) == before
    assert run_cli("finish", "--stale").code == 0
    git("add", ".ledger")
    assert commit() == (0, "")
    assert hooked.exists()


def test_a_run_that_goes_on_stops_nothing(hooked: Path) -> None:
    """Neither one that a process holds, sealed in part already or not, nor one that a shell has open."""
    id = run_cli("start", "shell").out.strip()
    run_cli("log", "--run", id, "x=1")
    with ledger.start("training") as run:
        run.log({"loss": 0.5}, step=0)
        run.log_text("note", "so far so good")
        assert commit() == (0, "")
        git("commit", "-q", "--allow-empty", "-m", "and again")
    code, said = commit("--allow-empty")
    assert (code, "ended and is not staged: training" in said) == (1, True)
    assert hooked.exists()


def test_the_index_of_the_commit_counts(hooked: Path) -> None:
    """`git commit FILE` and `git commit -a` have an index of their own, which is the one that is looked at."""
    run_cli("log", "--run", "second", "x=1")
    git("add", ".ledger")
    (damaged,) = files("*second*/*-open-*.json")
    damaged.write_bytes(damaged.read_bytes() + b"\n")
    assert commit("train.py") == (0, "")  # what is staged waits for the next commit: it is not forgotten
    code, said = commit("-a")
    assert (code, "hash-mismatch" in said) == (1, True)
    # The index still has the whole file: what the work tree has does not matter.
    assert commit() == (0, "")
    assert hooked.exists()


def damage_bytes(path: Path) -> None:
    """Alter a byte of a segment."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path: Path) -> None:
    """Cut a file to nothing."""
    path.write_bytes(b"")


def link(path: Path) -> None:
    """Put a link in the place of a file."""
    path.unlink()
    path.symlink_to("/etc/passwd")


def plant(path: Path) -> None:
    """Bring a file that git would obey."""
    path.with_name("config").write_text("[core]\n")


def rename(path: Path) -> None:
    """Give a file the name of other bytes."""
    path.rename(path.with_name("0123456789abcdef.parquet"))


DAMAGE = {
    "altered": (damage_bytes, "hash-mismatch"),
    "emptied": (empty, "hash-mismatch"),
    "a link": (link, "link"),
    "planted": (plant, "planted"),
    "renamed": (rename, "hash-mismatch"),
}


@pytest.mark.parametrize(("damage", "kind"), DAMAGE.values(), ids=DAMAGE)
def test_damage_stops_it(hooked: Path, damage: Callable[[Path], None], kind: str) -> None:
    """A file that is not what its name says, or that no honest writer puts there, is named."""
    run_cli("log", "--run", "second", "x=1")
    (path,) = files("*second*/*.parquet")
    damage(path)
    git("add", ".ledger")
    git("add", "-f", ".ledger/runs")
    code, said = commit()
    assert code == 1
    assert f"ledger: {kind}: .ledger/runs/" in said
    assert hooked.exists()


def test_a_journal_stops_it(hooked: Path) -> None:
    """A journal is local, also when somebody forces it into the index."""
    id = run_cli("start", "shell").out.strip()
    git("add", "-f", f".ledger/journal/{id}", ".ledger/runs")
    code, said = commit()
    assert (code, "journal-tracked: .ledger/journal/" in said) == (1, True)
    assert "git rm -r --cached .ledger/journal" in said
    assert hooked.exists()


@pytest.mark.parametrize("suffix", ["*.parquet", "*.txt"])
def test_half_of_a_run_stops_it(hooked: Path, suffix: str) -> None:
    """An entry without the segment or the blob that it names would be a run without its values."""
    with ledger.start("second") as run:
        run.log({"x": 0.5}, step=0)
        run.log_text("note", "a text")
    git("add", ".ledger")
    (left_out,) = {*files(suffix)} - {*files("*first*/*.parquet")}
    git("rm", "-q", "--cached", str(left_out))
    code, said = commit()
    assert code == 1
    assert f"ledger: absent: {without_ids(str(left_out))}: " in said
    assert "git add .ledger" in said
    assert hooked.exists()


def test_a_ledger_without_its_attributes_stops_it(repo: Path) -> None:
    """The constant files protect the others, so they go with them."""
    run_cli("git", "install", "--hook")
    run_cli("log", "--run", "first", "x=1")
    git("add", ".ledger/runs")
    code, said = commit()
    assert code == 1
    assert ".ledger/.gitattributes, .ledger/.gitignore, .ledger/README.md: not staged with the rest" in said
    assert repo.exists()


def entry_with(note: str) -> Path:
    """Write an entry of the first run as a careless program would: sound, with this note."""
    (close,) = files("*first*/*-close-*.json")
    data = close.read_text().replace('"kind": "close"', '"kind": "annotate"').replace('"status": "finished"', "")
    content = json.loads(re.sub(r",\s*\}", "}", data))
    content["operations"] = [{"key": "note", "op": "set", "value": note}]
    written = json.dumps(content, indent=2).encode() + b"\n"
    name = close.name.replace("close", "annotate").rpartition("-")[0]
    path = close.with_name(f"{name}-{hashlib.sha256(written).hexdigest()[:16]}.json")
    path.write_bytes(written)
    return path


def test_a_credential_stops_it_and_is_not_printed(hooked: Path) -> None:
    """Where it stands is said: in an entry, and in the text of a file that was logged as it is."""
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    entry = entry_with(f"token {secret}")
    with ledger.start("second") as run:
        run.log_text("log", f"line\nGITHUB_TOKEN={secret}\n")
    git("add", ".ledger")
    code, said = commit()
    assert code == 1
    assert f"secret: {without_ids(str(entry))}: operations[0].value looks like a credential" in said
    assert re.search(r"secret: \.ledger/blobs/\S+\.txt: line 2 looks like a credential", said)
    assert "git restore --staged FILE; if it is none: git commit --no-verify" in said
    assert secret not in said
    assert commit("--no-verify")[0] == 0
    assert hooked.exists()


def test_a_foreign_file_is_said_and_stops_nothing(hooked: Path) -> None:
    """What `verify` calls a notice is one here."""
    (hooked / ".ledger/notes.txt").write_text("mine\n")
    git("add", ".ledger")
    code, said = commit()
    assert code == 0
    assert said.startswith("ledger: foreign: .ledger/notes.txt: no file of a ledger has this name\n")


@pytest.mark.slow
def test_a_file_that_forges_refuse_stops_it(hooked: Path) -> None:
    """Once it is committed, a file above 100 MB is hard to get rid of."""
    large = hooked / "large.bin"
    large.write_bytes(b"\0" * 100_000_001)
    with ledger.start("second") as run:
        run.log_file("weights", large)
    git("add", ".ledger")
    code, said = commit()
    assert (code, "too-large: .ledger/blobs/" in said) == (1, True)


def test_a_ledger_in_a_subfolder_is_checked(hooked: Path) -> None:
    """Every ledger of the repository that git has, and not only the one at the top."""
    (hooked / "sub/.ledger").mkdir(parents=True)
    os.chdir("sub")
    run_cli("log", "--run", "inner", "x=1")
    git("add", ".ledger")
    assert commit() == (0, "")
    run_cli("log", "--run", "inner", "x=2")
    leave_a_journal()
    os.chdir(hooked)
    code, said = commit("--allow-empty")
    assert code == 1
    assert "1 run has ended and is not staged: inner\n        git add sub/.ledger\n" in said
    assert "ledger -C sub finish --stale && git add sub/.ledger\n" in said


def test_linked_work_trees_and_the_first_commit(hooked: Path, tmp_path: Path) -> None:
    """In a linked work tree the hook looks at that one; before the first commit it works as well."""
    git("commit", "-q", "-m", "code")
    git("worktree", "add", "-q", str(tmp_path / "linked"))
    os.chdir(tmp_path / "linked")
    run_cli("log", "--run", "there", "x=1")
    code, said = commit("--allow-empty")
    assert (code, "not staged: there" in said) == (1, True)
    os.chdir(hooked)
    assert commit("--allow-empty") == (0, "")
    git("switch", "-q", "--orphan", "new")
    run_cli("log", "--run", "other", "x=1")
    assert commit("--allow-empty")[0] == 1
    git("add", ".ledger")
    assert commit() == (0, "")


def test_a_repository_without_a_ledger_is_left_in_peace(repo: Path) -> None:
    """Nothing is said, and nothing is made."""
    run_cli("git", "install", "--hook")
    assert commit("--allow-empty") == (0, "")
    assert not (repo / ".ledger").exists()


def test_a_ledger_that_git_ignores_stops_nothing(repo: Path) -> None:
    """Who does not want results committed is not held up by them."""
    run_cli("git", "install", "--hook")
    (repo / ".gitignore").write_text(".ledger\n")
    git("add", ".gitignore")
    run_cli("log", "--run", "first", "x=1")
    leave_a_journal()
    assert commit() == (0, "")


def test_a_program_that_is_gone_stops_no_commit(hooked: Path) -> None:
    """It is said in a line, also where Python is there and ledger is not in it."""
    hook = hooked / ".git/hooks/pre-commit"
    whole = hook.read_text()
    run_cli("log", "--run", "second", "x=1")
    for program in ("/nowhere/git-ledger", f"{sys.executable} -P -S -m ledger_that_is_gone"):
        hook.write_text(re.sub(r"(?m)^check /.*$", f"check {program}", whole))
        code, said = commit("--allow-empty")
        assert code == 0
        assert said.endswith("ledger is not here, so what is staged was not checked; see: ledger git install --hook\n")


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 0\n", "#!/usr/bin/env bash\n# File generated by pre-commit\n"])
def test_a_hook_that_is_there_stays(repo: Path, text: str) -> None:
    """What to add to it is said; nothing is installed, and `uninstall` does not touch it."""
    hook = repo / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(text)
    hook.chmod(0o755)
    result = run_cli("git", "install", "--hook")
    assert result.code == 2
    wanted = "add the hook ledger-check-staged" if "generated" in text else "-m ledger git pre-commit || exit 1\n"
    assert wanted in result.err or "git-ledger git pre-commit || exit 1\n" in result.err
    assert not (repo / ".git/info/attributes").exists()
    assert "another hook is there" in run_cli("git", "status").out
    assert run_cli("git", "install").code == 0
    run_cli("git", "uninstall")
    assert hook.read_text() == text


def test_a_hook_that_calls_ours_is_enough(repo: Path) -> None:
    """The line that was said, added to a hook: it is known, it works, and it stays when the rest goes."""
    hook = repo / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o755)
    line = run_cli("git", "install", "--hook").err.partition("add this line to it: ")[2]
    hook.write_text(f"#!/bin/sh\n{line}")
    assert "called by a hook of yours" in run_cli("git", "install", "--hook").out
    run_cli("log", "--run", "second", "x=1")
    assert commit("--allow-empty")[0] == 1
    run_cli("git", "uninstall")
    assert hook.read_text() == f"#!/bin/sh\n{line}"


def test_the_folder_of_hooks_is_the_one_of_the_repository(repo: Path, tmp_path: Path) -> None:
    """core.hooksPath counts where it is set for this repository; one for all of them is not written to."""
    git("config", "core.hooksPath", "my hooks")
    assert run_cli("git", "install", "--hook").code == 0
    assert (repo / "my hooks/pre-commit").exists()
    run_cli("log", "--run", "second", "x=1")
    assert commit("--allow-empty")[0] == 1
    run_cli("git", "uninstall")
    assert not (repo / "my hooks/pre-commit").exists()
    git("config", "--unset", "core.hooksPath")

    everywhere = tmp_path / "global"
    everywhere.write_text(f"[core]\n\thooksPath = {tmp_path}/shared\n")
    result = run_cli("git", "install", "--hook", env={"GIT_CONFIG_GLOBAL": str(everywhere)})
    assert result.code == 2
    assert f"core.hooksPath is {tmp_path}/shared, for more than this repository" in result.err
    assert not (tmp_path / "shared").exists()


def test_pre_commit_can_run_it(hooked: Path) -> None:
    """What `.pre-commit-hooks.yaml` names is the same check; it is told no file names, and runs always."""
    text = (ROOT / ".pre-commit-hooks.yaml").read_text()
    fields = dict(re.findall(r"^[ -] (\w+): (.+)$", text, re.MULTILINE))
    assert fields["id"] == settings.HOOK_ID
    assert (fields["pass_filenames"], fields["always_run"]) == ("false", "true")
    program, *words = fields["entry"].split()
    assert program == "ledger"
    run_cli("log", "--run", "second", "x=1")
    assert run_cli(*words).code == 1
    git("add", ".ledger")
    assert run_cli(*words).code == 0
    assert hooked.exists()


def test_the_hook_is_quick(hooked: Path) -> None:
    """It loads neither Arrow nor pandas nor a drawing library."""
    run_cli("log", "--run", "second", "x=1")
    git("add", ".ledger")
    heavy = ["numpy", "pyarrow", "pandas", "matplotlib", "rich", "scipy", "sqlite3"]
    code = (
        "import sys\nfrom ledger import cli\ntry:\n    cli.main(['git', 'pre-commit'])\nexcept SystemExit as stop:\n"
        f"    assert not stop.code, stop.code\nprint([name for name in {heavy} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
    assert hooked.exists()
