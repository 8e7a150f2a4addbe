"""Runs of old commits, with real git and real programs: what is recorded, what is left alone, what is done again."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger import api
from ledger.errors import InvalidName, InvalidValue, NoSuchRevision, Undecided, UsageError
from ledger.git import log, repository
from ledger.git.worktrees import Checkouts
from ledger.record.commits import CommitRun, Imported, Task, _Work
from ledger.record.program import OUTPUT, TAIL_BYTES, ProcessGroups
from ledger.record.run import Run
from tests.conftest import Result, git, run_cli

EVAL = """
import ledger
with ledger.start() as run:
    run.log_summary({"test/auc": VALUE})
print("said VALUE")
"""
PYTHON = [sys.executable, "-W", "ignore"]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that is the temporary one now, here and in the programs."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def commit(message: str, **files: str) -> str:
    """Write files (`eval_py` is eval.py) and commit everything but the ledger; return the commit."""
    for name, text in files.items():
        path = Path(name.replace("__", "/").replace("_", "."))
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    git("add", "--all", ":/", ":(exclude).ledger")
    git("commit", "-q", "--allow-empty", "-m", message)
    return git("rev-parse", "HEAD").strip()


@pytest.fixture
def commits(repo: Path) -> list[str]:
    """Make three commits behind the first one, whose programs log 0.1, 0.2 and 0.3; return them."""
    return [commit(f"auc {n}", eval_py=EVAL.replace("VALUE", f"0.{n}")) for n in (1, 2, 3)]


def backfill(revisions: str, *command: str, **given: Any) -> Imported:
    """Run a command at commits."""
    return api.writable_ledger().backfill_commits(revisions, command or [*PYTHON, "eval.py"], **given)


def outcomes(found: Imported) -> list[str]:
    """Return what became of the commits, in their order."""
    return [commit.outcome for commit in found.commits]


def output(found: CommitRun) -> str:
    """Return what the program of a run said."""
    return ledger.open().chart(found.run or "", OUTPUT).decode()


def shell(*words: object, **given: Any) -> Result:
    """Run `ledger backfill --commits`; `run` is the command."""
    return run_cli("backfill", *words, **given)


def everything_of_git(repo: Path) -> dict[str, Any]:
    """Return all that git keeps of a repository but its objects, byte for byte, and what it says of it."""
    files = {
        path.relative_to(repo).as_posix(): path.read_bytes()
        for path in sorted(repo.rglob("*"))
        if path.is_file() and not {".ledger", "objects"} & set(path.relative_to(repo).parts)
    }
    asked = ("worktree list", "stash list", "for-each-ref", "reflog --all", "config --list --show-origin")
    return files | {words: git(*words.split()) for words in asked}


def test_each_commit_gives_a_run_with_its_provenance(commits: list[str]) -> None:
    """In their order, parents first; the commit is the run's, clean, on no branch; what the program logged is in it."""
    git("remote", "add", "origin", "https://ada:hunter2@example.org/project.git")
    told: list[tuple[str, int]] = []
    found = backfill(
        "HEAD~3..main",
        *PYTHON,
        "eval.py",
        "--token=hunter2",
        group="past",
        progress=lambda c, n: told.append((c.commit, n)),
    )
    assert (outcomes(found), found.left_out, found.notices) == (["finished"] * 3, [], [])
    assert [(c.commit, c.subject) for c in found.commits] == [(commits[n], f"auc {n + 1}") for n in range(3)]
    assert told == [(commit, 3) for commit in commits]
    states = [ledger.open().state(commit.run or "") for commit in found.commits]
    assert sorted(state.created for state in states) == [state.created for state in states]
    for n, (commit, state) in enumerate(zip(commits, states, strict=True)):
        assert (state.name, state.group, state.tags) == (f"eval-{commit[:8]}", "past", ["backfill"])
        tree = git("rev-parse", f"{commit}^{{tree}}").strip()
        remotes = {"origin": "https://[redacted]@example.org/project.git"}
        assert state.git == {"commit": commit, "tree": tree, "dirty": False, "remotes": remotes}
        assert state.program["argv"] == [*PYTHON, "eval.py", "--token=[redacted]"]
        assert (state.program["folder"], state.exit_status) == (".", 0)
        assert state.metrics["test/auc"].last == float(f"0.{n + 1}")
        assert output(found.commits[n]) == f"said 0.{n + 1}\n"
    assert found.to_json()["command"][-1] == "--token=[redacted]"
    assert [run.attempts for run in states] == [1, 1, 1]
    assert ledger.open().verify(rows=True).findings == []


def test_nothing_of_the_user_is_touched(commits: list[str], repo: Path) -> None:
    """Files, index, HEAD, stash, refs, reflogs, settings and the list of work trees are the same, byte for byte."""
    (repo / "train.py").write_text("stashed\n")
    git("stash", "-q")
    (repo / "train.py").write_text("staged\n")
    git("add", "train.py")
    (repo / "train.py").write_text("changed\n")
    (repo / "new").touch()
    git("worktree", "add", "-q", "--detach", str(repo.parent / "mine"))
    git("status")
    before = everything_of_git(repo)
    assert outcomes(backfill("HEAD~3..", jobs=2)) == ["finished"] * 3
    assert outcomes(backfill("HEAD~3", "false")) == ["failed"]
    assert everything_of_git(repo) == before


PROGRAM = """
import os, subprocess, sys
import ledger
def run(*words):
    subprocess.run([sys.executable, "-W", "ignore", "-m", "ledger", *words], check=True)
run("log", "by/log=1")
with ledger.start() as run_:
    run_.log_summary({"by/import": 2})
run("run", "--name", "inner", "--", sys.executable, "-c", "import ledger; ledger.start().log_summary({'by/run': 3})")
with ledger.start("own", join=False) as own:
    own.log_summary({"by/start": 4})
print(sorted(os.listdir(".ledger/runs/2020-01-01")), subprocess.check_output(["git", "status", "--porcelain"]))
print(os.getcwd() == os.environ["PWD"])
"""


def test_the_program_writes_to_the_users_ledger(repo: Path) -> None:
    """By log, by import, by run and by start; runs of its own have the commit, too; the commit's ledger stays."""
    api.make()
    old = Path(".ledger/runs/2020-01-01/old")
    old.mkdir(parents=True)
    (old / "file").touch()
    (repo / "eval.py").write_text(PROGRAM)
    git("add", "--all", "--force")
    head = commit("with a ledger")
    commit("later", eval_py="")
    (old / "file").unlink()
    found = backfill(head)
    assert outcomes(found) == ["finished"], found
    assert output(found.commits[0]).splitlines()[-2:] == ["['old'] b''", "True"]
    states = {state.name: state for state in ledger.open().select()}
    assert sorted(states) == [f"eval-{head[:8]}", "inner", "own"]
    mine = states[f"eval-{head[:8]}"]
    assert {name: mine.metrics[name].last for name in mine.metrics} == {"by/log": 1, "by/import": 2}
    assert (states["inner"].metrics["by/run"].last, states["own"].metrics["by/start"].last) == (3, 4)
    for state in states.values():
        git_of = state.git or {}
        assert (git_of["commit"], git_of["dirty"], "branch" in git_of) == (head, False, False)


def test_what_fails_is_recorded_and_passed_over_the_next_time(repo: Path) -> None:
    """Exit 1 with the list; the second call does nothing; --force does all again; a removed run does not count."""
    commit("good", eval_py="print('fine')")
    commit("bad", eval_py="print('so far'); raise SystemExit('no data')")
    commit("killed", eval_py="import os; os.kill(os.getpid(), 9)")
    done = shell("--commits", "HEAD~3..", "--run", f"{sys.executable} eval.py")
    assert done.code == 1
    rows = [line.split()[1:] for line in done.out.splitlines()[2:]]
    assert [row[0] for row in rows] == ["finished", "failed", "failed"]
    assert [row[2:] for row in rows] == [["0", "good"], ["1", "no", "data"], ["137", "ended", "by", "SIGKILL"]]
    assert "ledger: 2 commits failed; what the first said: ledger charts " in done.err
    states = ledger.open().select()
    assert sorted((state.status, state.exit_status, state.error) for state in states) == [
        ("failed", 1, None), ("failed", 137, "ended by SIGKILL"), ("finished", 0, None),
    ]  # fmt: skip
    again = shell("--commits", "HEAD~3..", "--run", f"{sys.executable} eval.py", "--json")
    found = json.loads(again.out)["commits"]
    assert (again.code, [c["outcome"] for c in found]) == (1, ["done-before", "failed-before", "failed-before"])
    assert {c["run"] for c in found} == {state.id for state in states}
    ledger.open().remove(found[1]["run"])
    planned = backfill("HEAD~3..", sys.executable, "eval.py", dry_run=True)
    assert outcomes(planned) == ["done-before", "to-do", "failed-before"]
    forced = backfill("HEAD~3..", sys.executable, "eval.py", force=True)
    assert outcomes(forced) == ["finished", "failed", "failed"]
    assert len(ledger.open().select()) == 5
    assert outcomes(backfill("HEAD~2", sys.executable, "eval.py", "--other")) == ["finished"]


def test_nothing_is_done_where_that_is_asked(commits: list[str]) -> None:
    """-n lists the commits, exits 0, and writes nothing, no ledger either."""
    done = shell("--commits", "HEAD~2..", "--run", f"{sys.executable} eval.py", "-n")
    assert (done.code, done.err) == (0, "")
    assert [line.split()[:3] for line in done.out.splitlines()[2:]] == [
        [commit[:12], "to-do", f"eval-{commit[:8]}"] for commit in commits[1:]
    ]
    assert not Path(".ledger").exists()


def test_one_commit_alone(commits: list[str]) -> None:
    """A branch, a tag with a text of its own, a part of a hash: the commit that it means, whatever came before."""
    git("tag", "-a", "v1", "-m", "one", commits[0])
    for word, expected in {
        "v1": commits[0],
        commits[1][:9]: commits[1],
        "main": commits[2],
        "HEAD^": commits[1],
    }.items():
        assert [c.commit for c in backfill(word, dry_run=True).commits] == [expected]


def test_merges_and_what_they_merged(commits: list[str]) -> None:
    """Every commit that git says is in the range, once, each behind all its parents."""
    git("switch", "-qc", "topic", commits[0])
    side = commit("side", side_py="")
    git("switch", "-q", "main")
    git("merge", "-q", "--no-edit", "topic")
    found = [c.commit for c in backfill(f"{commits[0]}..").commits]
    assert (set(found[:-1]), found[-1]) == ({side, *commits[1:]}, git("rev-parse", "HEAD").strip())
    assert found.index(commits[1]) < found.index(commits[2])
    assert [c.commit for c in backfill("main^..main", dry_run=True).commits] == [side, found[-1]]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["main..main~2"], 0, "main..main~2 has no commits; main~2..main has 2 commits"),
        (["main.."], 0, "main.. has no commits"),
        (["man..main"], 4, "git knows no commit, branch or tag 'man'\n        did you mean main?"),
        (["main...HEAD"], 2, "'main...HEAD' has three dots\n        what B has and A has not: main..HEAD"),
        ([""], 4, "git knows no commit, branch or tag ''"),
        (["-x"], 4, "git knows no commit, branch or tag '-x'"),
        (["main", "--name", "a:b"], 2, "a:b"),
        (["main", "--group", ""], 2, "group"),
        (["main", "--jobs", "0"], 2, "0"),
    ],
)
def test_ranges_that_mean_nothing(commits: list[str], words: list[str], code: int, said: str) -> None:
    """Nothing to do is said and no failure; what git does not know is exit 4, what cannot be meant exit 2."""
    done = shell(f"--commits={words[0]}", *words[1:], "--run", f"{sys.executable} eval.py")
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert not list(Path(".ledger").glob("runs/*/*"))


def test_calls_that_make_no_sense(commits: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear error, and nothing is recorded."""
    led = api.writable_ledger()
    for command in ("python eval.py", [], [b"python"], [""]):
        with pytest.raises(UsageError, match="command"):
            led.backfill_commits("main", command)
    with pytest.raises(UsageError, match="no program 'pyhton' on PATH"):
        led.backfill_commits("main", ["pyhton", "eval.py"])
    with pytest.raises(InvalidValue, match="jobs"):
        led.backfill_commits("main", ["true"], jobs=0)
    with pytest.raises(InvalidName):
        led.backfill_commits("main", ["true"], name="a..b")
    monkeypatch.setenv("LEDGER_MODE", "disabled")
    with pytest.raises(UsageError, match="LEDGER_MODE is disabled"):
        led.backfill_commits("main", ["true"])
    monkeypatch.delenv("LEDGER_MODE")
    with ledger.start("x", directory="."):
        pass
    git("add", "--all")
    git("commit", "-qm", "ledger")
    with pytest.raises(UsageError, match="is a revision"):
        ledger.open(rev="HEAD").backfill_commits("main", ["true"])


def test_outside_a_repository(workdir: Path) -> None:
    """Exit 4: there are no commits."""
    with pytest.raises(NoSuchRevision, match="in no git repository"):
        backfill("HEAD", "true")


def test_a_shallow_clone(commits: list[str], repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A range that is not whole is refused, whether its beginning is here or not; one commit alone is here."""
    git("tag", "old", commits[0])
    commit("four", eval_py="")
    git("clone", "-q", "--depth=2", f"file://{repo}", str(repo.parent / "shallow"))
    monkeypatch.chdir(repo.parent / "shallow")
    git("fetch", "-q", "--depth=1", "origin", "tag", "old")
    for range in ("HEAD~3..", "old.."):
        with pytest.raises(Undecided, match="the clone is"):
            backfill(range, "true")
    assert outcomes(backfill("HEAD~1..", "true")) == ["finished"]
    assert [(c.outcome, c.commit) for c in backfill("HEAD~1", "true").commits] == [("finished", commits[2])]


def test_a_program_that_not_every_commit_has(repo: Path) -> None:
    """A script that is not there yet is a failed run with what the system says; the others go on."""
    Path("eval.sh").write_text("#!/bin/sh\nledger=no\n")
    Path("eval.sh").chmod(0o755)
    commit("with a script")
    found = backfill("HEAD", "./eval.sh")
    assert outcomes(found) == ["finished"]
    before = backfill("HEAD~1", "./eval.sh")
    assert outcomes(before) == ["failed"]
    assert (before.commits[0].exit_status, before.commits[0].why) == (
        127,
        "cannot run './eval.sh': No such file or directory",
    )
    state = ledger.open().state(before.commits[0].run or "")
    assert (state.status, state.exit_status, state.error) == ("failed", 127, before.commits[0].why)


def test_a_commit_that_cannot_be_checked_out_is_left_out(commits: list[str], repo: Path) -> None:
    """Said with what git says, recorded as nothing, since another day it may be there; the others are done."""
    blob = git("rev-parse", f"{commits[1]}:eval.py").strip()
    lost = repo / ".git" / "objects" / blob[:2] / blob[2:]
    os.rename(lost, repo.parent / "lost")
    found = backfill("HEAD~3..")
    assert outcomes(found) == ["finished", "not-checked-out", "finished"]
    assert f"git cannot check out {commits[1][:12]}: unable to read" in (found.commits[1].why or "")
    os.rename(repo.parent / "lost", lost)
    assert outcomes(backfill("HEAD~3..")) == ["done-before", "finished", "done-before"]


def test_commits_at_once(repo: Path, tmp_path: Path) -> None:
    """With two jobs two programs run at one time, each in a work tree of its own; the answer is in order."""
    program = f"""
import os, pathlib, time
meeting = pathlib.Path({str(tmp_path)!r}, "meeting")
meeting.mkdir(exist_ok=True)
(meeting / os.environ["LEDGER_RUN"]).write_text(os.getcwd())
until = time.monotonic() + 20
while len(list(meeting.iterdir())) < 2 and time.monotonic() < until:
    time.sleep(0.01)
print(time.monotonic() < until)
"""
    made = [commit(f"{n}", eval_py=program) for n in range(4)]
    found = backfill("HEAD~4..", *PYTHON, "eval.py", jobs=2)
    assert [c.commit for c in found.commits] == made
    assert [output(c) for c in found.commits] == ["True\n"] * 4
    folders = [path.read_text() for path in (tmp_path / "meeting").iterdir()]
    assert len(set(folders)) == 4


def test_the_ledger_in_a_subfolder(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program works in the same folder of the commit; where a commit has none, its run is failed."""
    first = git("rev-parse", "HEAD").strip()
    head = commit("experiments", exp__eval_py=EVAL.replace("VALUE", "0.5") + "import os; print(os.getcwd())")
    monkeypatch.chdir("exp")
    api.writable_ledger()
    Path(".ledger").mkdir()
    found = backfill(f"{first}..{head}")
    assert outcomes(found) == ["finished"]
    assert output(found.commits[0]).endswith("/exp\n")
    before = backfill(first)
    assert (outcomes(before), before.commits[0].why) == (["failed"], "the commit has no folder exp")
    state = ledger.open().state(found.commits[0].run or "")
    assert (state.program["folder"], state.metrics["test/auc"].last) == ("exp", 0.5)
    assert not (repo / ".ledger").exists()
    monkeypatch.chdir("..")
    monkeypatch.setenv("LEDGER_DIR", str(repo / "exp"))
    assert outcomes(backfill(head, *PYTHON, "exp/eval.py", dry_run=True)) == ["to-do"]


def test_names_that_are_no_utf8(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of folders, files and messages: the program runs, and the run is told in text."""
    folder = os.fsdecode(b"caf\xe9")
    Path(folder).mkdir()
    Path(folder, os.fsdecode(b"\xff.py")).write_text("print('it runs')")
    git("add", "--all")
    subprocess.run(["git", "commit", "-q", "-F", "-"], input=b"caf\xe9", check=True)
    api.make()
    monkeypatch.chdir(folder)
    found = backfill("HEAD", sys.executable, os.fsdecode(b"\xff.py"))
    assert (outcomes(found), output(found.commits[0])) == (["finished"], "it runs\n")
    state = ledger.open().state(found.commits[0].run or "")
    assert (state.program["folder"], state.program["argv"][1:]) == ("caf\\udce9", ["\\udcff.py"])
    assert outcomes(backfill("HEAD", sys.executable, os.fsdecode(b"\xff.py"))) == ["done-before"]
    assert shell("--commits", "HEAD", "--run", "true", "--json").code == 0


def test_submodules_are_empty_and_that_is_said(repo: Path, tmp_path: Path) -> None:
    """Nothing is fetched for them; and a repository that is a submodule itself has commits like any other."""
    other = tmp_path / "other"
    git("init", "-q", str(other))
    for key in ("user.name", "user.email"):
        git("config", key, "x", cwd=other)
    (other / "eval.py").write_text("print(1)")
    git("add", ".", cwd=other)
    git("commit", "-qm", "x", cwd=other)
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "lib")
    git("config", "submodule.recurse", "true")
    commit("submodule")
    found = backfill("HEAD", sys.executable, "-c", "import os; print(os.listdir('lib'))")
    assert found.notices == ["1 commit has submodules; their folders are empty in the work trees"]
    assert output(found.commits[0]) == "[]\n"
    before = everything_of_git(repo)
    os.chdir("lib")
    assert outcomes(backfill("HEAD", sys.executable, "eval.py")) == ["finished"]
    assert Path(".ledger").is_dir()
    os.chdir(repo)
    assert everything_of_git(repo) == before


def test_a_linked_work_tree(commits: list[str], repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From one of a bare repository it works as from any other."""
    git("clone", "-q", "--bare", str(repo), str(repo.parent / "bare"))
    git("worktree", "add", "-q", str(repo.parent / "linked"), "main", cwd=repo.parent / "bare")
    monkeypatch.chdir(repo.parent / "linked")
    assert outcomes(backfill("HEAD~1..")) == ["finished"]
    assert git("worktree", "list").count("\n") == 2


def test_where_python_finds_modules(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PYTHONPATH the tracked folders of the user are those of the commit: never the code of today by mistake."""
    head = commit("then", eval_py="import module; print(module.__doc__)", src__module_py="'then'")
    commit("now", src__module_py="'now'")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(repo / "src"), os.environ["PYTHONPATH"]]))
    assert output(backfill(head).commits[0]) == "then\n"
    today = backfill(head, *PYTHON, str(repo / "eval.py"))
    assert today.notices == [
        f"{repo}/eval.py is the file as it is now, at every commit; relative, it is the commit's own"
    ]


def test_what_the_program_leaves_running_is_ended(repo: Path, tmp_path: Path) -> None:
    """Children in the background, one that minds no SIGTERM and one that does; they do not hold us up either."""
    script = f"""
sleep 300 & echo $! >> {tmp_path}/pids
(trap '' TERM; while :; do sleep 0.1; done) & echo $! >> {tmp_path}/pids
echo started
"""
    commit("children", eval_sh=script)
    begun = time.monotonic()
    found = backfill("HEAD", "sh", "eval.sh")
    assert time.monotonic() - begun < 15
    assert (outcomes(found), output(found.commits[0])) == (["finished"], "started\n")
    assert [pid for pid in map(int, (tmp_path / "pids").read_text().split()) if lives(pid)] == []


def lives(pid: int) -> bool:
    """Say whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_huge_output(repo: Path) -> None:
    """64 MB on both streams, lines without an end too: the tail is kept, and the program is not held up."""
    commit("loud", eval_sh="yes | head -c 40000000; head -c 24000000 /dev/zero | tr '\\0' x >&2; echo; echo end")
    found = backfill("HEAD", "sh", "eval.sh")
    assert outcomes(found) == ["finished"]
    kept = output(found.commits[0])
    assert kept.startswith("... (the beginning was cut off)\n")
    assert len(kept) < TAIL_BYTES + 100


SLOW = """
import os, sys, time, ledger
with ledger.start() as run:
    run.log_summary({"x": 1})
    open(MARK, "w").write(str(os.getpid()))
    time.sleep(600)
"""


@pytest.fixture
def slow(repo: Path, tmp_path: Path) -> Callable[[], "subprocess.Popen[bytes]"]:
    """Make a quick commit and two slow ones; return what begins to run them and waits until the first slow one does."""
    mark = tmp_path / "mark"
    commit("quick", eval_py="print(1)")
    for name in ("slow", "slow, too"):
        commit(name, eval_py=SLOW.replace("MARK", repr(str(mark))) + f"# {name}")

    def begin() -> "subprocess.Popen[bytes]":
        command = ["-m", "ledger", "backfill", "--commits", "HEAD~3..", "--run", f"{sys.executable} eval.py"]
        api.make()
        process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until = time.monotonic() + 60
        while not (mark.exists() and mark.read_text()):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)
        return process

    return begin


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGHUP, -1)])
def test_being_interrupted(
    number: int, code: int, slow: Callable[[], "subprocess.Popen[bytes]"], tmp_path: Path, temporary: Path
) -> None:
    """The program ends, its run is closed as interrupted with what it logged, all folders go; later it goes on."""
    process = slow()
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == code, said
    told = [line.partition(": ")[2].split(" ", 4) for line in said.decode().splitlines() if " of 3: " in line]
    assert [(words[0], words[4]) for words in told] == [("1", "finished"), ("2", "interrupted"), ("3", "not begun")]
    assert not lives(int((tmp_path / "mark").read_text()))
    states = ledger.open().select()
    assert [state.status for state in states] == ["interrupted", "finished"]
    assert states[0].metrics["x"].last == 1
    assert (os.listdir(temporary), git("worktree", "list").count("\n")) == ([], 1)
    assert outcomes(backfill("HEAD~3..", sys.executable, "eval.py", dry_run=True)) == ["done-before", "to-do", "to-do"]


def test_being_killed(
    slow: Callable[[], "subprocess.Popen[bytes]"], tmp_path: Path, temporary: Path, repo: Path
) -> None:
    """What was done stays done; a program that lives on keeps its folder and counts as running; then all is done."""
    process = slow()
    process.kill()
    process.communicate()
    orphan = int((tmp_path / "mark").read_text())
    folder = os.readlink(f"/proc/{orphan}/cwd")
    found = backfill("HEAD~3..", sys.executable, "eval.py", dry_run=True)
    assert outcomes(found) == ["done-before", "running", "to-do"]
    assert [c.outcome for c in found.left_out] == ["running"]
    assert outcomes(backfill("HEAD", "true")) == ["finished"]
    assert os.path.isdir(folder)
    os.kill(orphan, signal.SIGKILL)
    while lives(orphan):
        time.sleep(0.01)
    until = time.monotonic() + 20  # what it had open is let go of a moment later
    planned = backfill("HEAD~3..", sys.executable, "eval.py", dry_run=True)
    while "running" in outcomes(planned) and time.monotonic() < until:
        time.sleep(0.05)
        planned = backfill("HEAD~3..", sys.executable, "eval.py", dry_run=True)
    assert outcomes(planned) == ["done-before", "to-do", "to-do"]
    assert outcomes(backfill("HEAD~1", "true")) == ["finished"]
    assert (os.listdir(temporary), git("worktree", "list").count("\n")) == ([], 1)
    assert list(ledger.open().finish_stale()) == [c.run for c in found.commits[1:2]]


WAITING = """
touch MARK
while [ ! -e GO ]; do sleep 0.02; done
"""


def test_a_second_call_shares_the_work(repo: Path, tmp_path: Path) -> None:
    """Each commit is run once, whichever call begins it; the call that comes to it later passes it over."""
    for name in ("one", "two", "three"):
        text = WAITING if name == "one" else "true"
        commit(name, eval_sh=text.replace("MARK", str(tmp_path / "mark")).replace("GO", str(tmp_path / "go")))
    api.make()
    command = ["-m", "ledger", "backfill", "--commits", "HEAD~3..", "--run", "sh eval.sh", "--json"]
    first = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (tmp_path / "mark").exists():
        assert first.poll() is None, first.communicate()
        time.sleep(0.01)
    second = backfill("HEAD~3..", "sh", "eval.sh")
    (tmp_path / "go").touch()
    out, said = first.communicate(timeout=60)
    found = json.loads(out)["commits"]
    assert (first.returncode, [c["outcome"] for c in found]) == (0, ["finished", "done-before", "done-before"]), said
    assert outcomes(second) == ["running", "finished", "finished"]
    assert [c.run for c in second.commits] == [c["run"] for c in found]
    assert len(ledger.open().select()) == 3


def test_two_calls_at_once(repo: Path) -> None:
    """However they run into each other, each commit has one run, and no call fails."""
    for n in range(10):
        commit(str(n))
    api.make()
    command = ["-m", "ledger", "backfill", "--commits", "HEAD~10..", "--run", "true", "--jobs", "3", "--json"]
    calls = [subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE) for _ in range(2)]
    found = [json.loads(call.communicate(timeout=60)[0])["commits"] for call in calls]
    assert {c["outcome"] for commits in found for c in commits} <= {"finished", "done-before", "running"}
    states = ledger.open().select()
    assert (len(states), {state.status for state in states}) == (10, {"finished"})


def test_one_of_many_begins_a_commit(repo: Path) -> None:
    """Of calls that come to a commit in the same moment one opens its run; the others see that it is running."""
    api.make()
    tree, here = api.writable_ledger().tree, repository.find(str(repo))
    assert here is not None
    (chosen,) = log.single(here, commit("x")) or []
    task = Task(["true"], ".", "true")
    barrier = threading.Barrier(6)
    begun: list[Any] = []

    def begin() -> None:
        with Checkouts(here) as checkouts:
            work = _Work(tree, here, task, ProcessGroups(), checkouts, force=False)
            barrier.wait()
            begun.append(work._begin(chosen, str(repo)))

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = [one for one in begun if isinstance(one, Run)]
    assert (len(begun), len(runs)) == (6, 1)
    assert [one.outcome for one in begun if one is not runs[0]] == ["running"] * 5
    runs[0].finish()


def test_what_is_recorded_badly_stops_the_rest(commits: list[str], repo: Path, temporary: Path) -> None:
    """Where the ledger cannot be written to, that is the error; no folder is left."""
    Path(".ledger").mkdir()
    Path(".ledger/runs").write_text("in the way")
    with pytest.raises(ledger.LedgerError):
        backfill("HEAD~3..", jobs=2)
    assert (os.listdir(temporary), git("worktree", "list").count("\n")) == ([], 1)


def test_a_finished_run_counts_before_a_failed_one(repo: Path, tmp_path: Path) -> None:
    """Whichever of them is newer; and one that was cut off counts for nothing."""
    commit("flaky", eval_sh=f"test -e {tmp_path}/data")
    for there, status in ((False, "failed"), (True, "finished"), (False, "failed")):
        if there:
            (tmp_path / "data").touch()
        elif (tmp_path / "data").exists():
            (tmp_path / "data").unlink()
        assert outcomes(backfill("HEAD", "sh", "eval.sh", force=True)) == [status]
    assert outcomes(backfill("HEAD", "sh", "eval.sh")) == ["done-before"]


def test_ctrl_c_twice(repo: Path, tmp_path: Path, temporary: Path) -> None:
    """A program that does not mind being asked to end is ended at the second, and not waited for."""
    mark = tmp_path / "mark"
    commit("deaf", eval_sh=f"trap '' TERM INT; echo $$ > {mark}; while :; do sleep 0.05; done")
    command = ["-m", "ledger", "backfill", "--commits", "HEAD", "--run", "sh eval.sh"]
    process = subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE)
    while not (mark.exists() and mark.read_text()):
        assert process.poll() is None
        time.sleep(0.01)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, time.monotonic() - begun < 8) == (130, True), said
    assert not lives(int(mark.read_text()))
    assert [state.status for state in ledger.open().select()] == ["interrupted"]
    assert (os.listdir(temporary), git("worktree", "list").count("\n")) == ([], 1)
