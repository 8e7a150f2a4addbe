"""A ledger as commits have it: the same answers as a checkout gives, in every kind of repository, at the cost of the
change; and what `diff` says of two of them.
"""

import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import ledger
from ledger.errors import NoSuchRevision, Undecided, UsageError
from ledger.git.repository import Repository, find, parse_tree
from tests.conftest import git, run_cli

VERBS = [
    ("ls",),
    ("ls", "--json"),
    ("ls", "--removed", "--json"),
    ("ls", "-c", "id,name,best:val/auc,params.lr", "--csv"),
    ("ls", "-F", "tag = 'cv'", "--json"),
    ("show", "first", "--json"),
    ("show", "first"),
    ("show", "renamed", "--json"),
    ("show", "best:val/auc", "--csv"),
    ("show", "@1", "--md"),
    ("compare", "--all", "--json"),
    ("compare", "--all"),
    ("charts", "first", "--json"),
    ("charts", "first", "note", "-o", "-"),
    ("export",),
    ("export", "first", "--format", "csv"),
    ("schema", "--json"),
    ("show", "nobody"),
]


@pytest.fixture
def history(repo: Path) -> Path:
    """Make a repository whose commits bring, one by one, all that can happen to a run."""
    with ledger.start("first", params={"lr": 0.1}, tags=["cv"], directory=".") as run:
        for step in range(3):
            run.log({"val/auc": 0.5 + step / 64, "loss": 1 / (1 + step)}, step=step, context={"fold": 1})
            run.log({"val/auc": 0.75 + step / 64}, step=step)
        run.log_text("note", "a text")
    commit("one run")
    with ledger.start("second", params={"lr": 0.2}, directory=".") as run:
        run.log({"val/auc": float("nan"), "loss": float("inf")})
    (repo / ".ledger-schema").write_text('[metric."val/auc"]\ngoal = "maximize"\ntolerance = 0.001\n')
    commit("another, and a schema")
    run_cli("log", "--run", "first", "val/auc=1", "test/auc=0.5", "-m", "late labels")
    run_cli("tag", "first", "late", "-cv")
    run_cli("rename", "second", "renamed")
    commit("late rows")
    run_cli("rm", "renamed", "-m", "wrong data")
    run_cli("start", "open one")
    commit("one is removed, one is open")
    return repo


def commit(message: str) -> str:
    """Commit everything and return the commit."""
    git("add", "--all")
    git("commit", "-q", "-m", message)
    return git("rev-parse", "HEAD").strip()


def test_a_commit_answers_as_its_checkout(history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every commit and every reading verb, `--at` says to the byte what a clone says that has it checked out."""
    commits = git("rev-list", "HEAD").split()[:-1]
    clone = tmp_path / "clone"
    git("clone", "-q", str(history), str(clone))
    compared = 0
    for name in commits:
        monkeypatch.chdir(clone)
        git("checkout", "-q", name)
        expected = {verb: run_cli(*verb) for verb in VERBS}
        monkeypatch.chdir(history)
        for verb, there in expected.items():
            here = run_cli(*verb, "--at", name)
            assert (here.code, here.data) == (there.code, there.data), verb
            compared += 1
    assert compared == len(commits) * len(VERBS) == 72


@pytest.fixture(params=["linked", "submodule", "bare", "subfolder", "odd names", "crlf", "hook", "sha256", "elsewhere"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, ...]:
    """Go where a ledger with one run is committed, and differs since; return the arguments that find it there."""
    kind = request.param
    folder, arguments = repo, ()
    if kind == "sha256":
        folder = tmp_path / "sha256"
        git("init", "-q", "-b", "main", "--object-format=sha256", str(folder))
        for key, value in (("user.name", "Ada"), ("user.email", "ada@example.org")):
            git("-C", str(folder), "config", key, value)
    if kind in ("subfolder", "odd names"):
        folder = repo / ("projects/a" if kind == "subfolder" else 'a "b"\nc é [x] :(top)')
        folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    if kind == "crlf":
        git("config", "core.autocrlf", "true")
    (folder / ".ledger-schema").write_text('[metric."x"]\ngoal = "maximize"\n')
    with ledger.start("baseline", directory=".") as run:
        run.log({"x": 1.0})
    commit("baseline")
    run_cli("log", "--run", "baseline", "x=2")
    commit("late")
    if kind == "linked":
        git("worktree", "add", "-q", str(tmp_path / "linked"))
        monkeypatch.chdir(tmp_path / "linked")
    elif kind == "submodule":
        outer = tmp_path / "outer"
        git("init", "-q", "-b", "main", str(outer))
        monkeypatch.chdir(outer)
        git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(repo), "inner")
        monkeypatch.chdir(outer / "inner")
    elif kind == "bare":
        git("clone", "-q", "--bare", str(repo), str(tmp_path / "bare.git"))
        monkeypatch.chdir(tmp_path / "bare.git")
    elif kind == "hook":
        for name, value in (("GIT_DIR", ".git"), ("GIT_INDEX_FILE", ".git/index"), ("GIT_PREFIX", "")):
            monkeypatch.setenv(name, value)
    elif kind == "elsewhere":
        arguments = ("-C", str(folder))
        monkeypatch.chdir(tmp_path)
    return arguments


def test_every_kind_of_repository(place: tuple[str, ...]) -> None:
    """In each, a revision and the one before it are read, and their difference is said."""
    values = []
    for rev in ("HEAD~1", "HEAD"):
        done = run_cli(*place, "ls", "--json", "--at", rev)
        assert done.code == 0, done.err
        values.append([run["metrics"]["x"]["last"] for run in json.loads(done.out)["runs"]])
    assert values == [[1.0], [2.0]]
    done = run_cli(*place, "diff", "HEAD~1", "HEAD", "--json")
    [changed] = json.loads(done.out)["runs"]["changed"]
    cell = {"old": 1.0, "new": 2.0, "diff": 1.0, "verdict": "better", "count": {"old": 1, "new": 2}}
    assert changed["metrics"] == {"x": cell}
    assert run_cli(*place, "schema", "x", "--at", "HEAD").out.split()[-1] == "maximize"


def test_a_partial_clone(history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where git has not fetched the files of a commit, the answer is Undecided (3) and says what to type; not a guess.

    What is typed then brings them, and the answer. A checkout brings all earlier states too, since ledgers only grow.
    """
    git("config", "uploadpack.allowFilter", "true")
    git("config", "uploadpack.allowAnySHA1InWant", "true")
    clone = tmp_path / "partial"
    git("clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{history}", str(clone))
    monkeypatch.chdir(clone)
    for verb in (("ls",), ("show", "first"), ("compare", "--all"), ("export",), ("schema",)):
        done = run_cli(*verb, "--at", "HEAD~2")
        assert done.code == 3, (verb, done)
        assert done.out == ""
        assert "git does not have the object" in done.err
    assert run_cli("diff", "HEAD~2", "HEAD~1").code == 3
    hint = done.err.split("with: ")[1].strip()
    git(*hint.split()[1:])
    assert run_cli("ls", "--at", "HEAD~2").code == 0
    assert "second" in run_cli("ls", "--at", "HEAD~2").out
    assert run_cli("ls", "--at", "HEAD").code == 3
    git("checkout", "-q", "main")
    assert [run_cli("ls", "--at", f"HEAD~{n}").code for n in range(4)] == [0] * 4


def test_a_shallow_clone(history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where history was cut off, a commit before it and a missing merge base are said, exit 3."""
    git("checkout", "-q", "-b", "side", "HEAD~3")
    (history / "other").write_text("x")
    commit("aside")
    clone = tmp_path / "shallow"
    git("clone", "-q", "--depth=1", "--no-single-branch", f"file://{history}", str(clone))
    monkeypatch.chdir(clone)
    assert run_cli("ls", "--at", "origin/main").code == 0
    done = run_cli("ls", "--at", "origin/main~2")
    assert (done.code, "the clone is not whole" in done.err) == (3, True)
    done = run_cli("diff", "origin/main...HEAD")
    assert done.code == 3
    assert "the clone is shallow\n        git fetch --unshallow" in done.err
    assert run_cli("diff", "origin/main..HEAD", "--stat").code == 0


def test_a_catalog_of_commits_that_is_damaged_changes_no_answer(history: Path) -> None:
    """1 to 64 bytes in any place of it, in pages of indexes too: lists, runs and differences are the same."""

    def answers() -> str:
        found, told = ledger.open(), []
        for rev in ("HEAD", "HEAD~1"):
            at = found.at(rev)
            told += [repr([*at.select(), *at.removed(), at.state("@1")])]
        told.append(repr(found.changes("HEAD~1", "HEAD")))
        for each in (found, found.at("HEAD"), found.at("HEAD~1")):
            each.remembered.close()
        return "".join(told)

    shutil.rmtree(os.environ["LEDGER_CACHE_DIR"])
    expected = answers()
    (path,) = Path(os.environ["LEDGER_CACHE_DIR"]).glob("git-*.sqlite")
    data, chance = path.read_bytes(), random.Random(1)
    for _ in range(120):
        at, count = chance.randrange(len(data)), chance.choice([1, 1, 2, 8, 64])
        some = chance.randbytes(len(data[at : at + count]))
        path.write_bytes(data[:at] + some + data[at + len(some) :])
        assert answers() == expected, (at, some)


def test_only_what_differs_is_read(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look at a commit reads no file of it, and a difference reads only the runs that differ."""
    read: list[str] = []
    ask = Repository._ask

    def counting(self: Repository, words: list[str]) -> Iterator[tuple[str, bytes] | None]:
        read.extend(words)
        return ask(self, words)

    monkeypatch.setattr(Repository, "_ask", counting)
    run_cli("ls", "--at", "HEAD~1")
    read.clear()
    run_cli("ls", "--at", "HEAD~1")
    tree = git("ls-tree", "-r", "HEAD~1").splitlines()
    blobs = {line.split()[2] for line in tree} - {git("rev-parse", "HEAD~1:.ledger-schema").strip()}
    assert read
    assert not blobs.intersection(read)
    with ledger.start("new", directory=".") as run:
        run.log({"x": 1.0})
    commit("new")
    shutil.rmtree(os.environ["LEDGER_CACHE_DIR"])
    read.clear()
    found = ledger.open().diff("HEAD~1..HEAD")
    assert [state.name for state in found.added] == ["new"]  # type: ignore[union-attr]
    changed = {line.split()[3] for line in git("diff-tree", "-r", "HEAD~1", "HEAD").splitlines()}
    old = {line.split()[2] for line in git("ls-tree", "-r", "HEAD~1", ".ledger").splitlines()}
    assert changed.intersection(read)
    assert not old.intersection(read)


WORDS = [
    ((), "added 0, removed 0, changed 0"),
    (("HEAD~3",), "added 1, removed 0, changed 1"),
    (("HEAD~3", "HEAD"), "added 1, removed 0, changed 1"),
    (("HEAD~3..HEAD",), "added 1, removed 0, changed 1"),
    (("HEAD~3..",), "added 1, removed 0, changed 1"),
    (("..HEAD~3",), "added 0, removed 1, changed 1"),
    (("HEAD", "HEAD~3"), "added 0, removed 1, changed 1"),
    (("HEAD~1",), "added 1, removed 1, changed 0"),
    (("rev:HEAD~1",), "added 1, removed 1, changed 0"),
    (("HEAD~4",), "added 2, removed 0, changed 0"),
    (("side...HEAD",), "added 1, removed 0, changed 1"),
    (("side..HEAD",), "added 1, removed 1, changed 1"),
]


@pytest.mark.parametrize(("words", "expected"), WORDS, ids=[" ".join(words) or "nothing" for words, _ in WORDS])
def test_diff_takes_what_git_takes(history: Path, words: tuple[str, ...], expected: str) -> None:
    """No word is HEAD against the work tree, one a revision against it; dots mean what they mean to git."""
    git("checkout", "-q", "-b", "side", "HEAD~3")
    with ledger.start("aside", directory=".") as run:
        run.log({"x": 1.0})
    commit("aside")
    git("checkout", "-q", "main")
    done = run_cli("diff", *words, "--json")
    assert done.code == 0, done.err
    runs = json.loads(done.out)["runs"]
    assert ", ".join(f"{kind} {len(runs[kind])}" for kind in ("added", "removed", "changed")) == expected


def test_what_changed_in_a_run(history: Path) -> None:
    """Each changed cell stands there with its verdict, and so do tags, names, charts and who added what, and why."""
    done = run_cli("diff", "HEAD~3", "HEAD~1", "--json")
    [run] = [run for run in json.loads(done.out)["runs"]["changed"] if run["name"] == "first"]
    assert run["metrics"] == {
        "test/auc": {"new": 0.5, "verdict": "unknown"},
        "val/auc": {"old": 0.78125, "new": 1.0, "diff": 0.21875, "verdict": "better", "count": {"old": 3, "new": 4}},
    }
    assert run["tags"] == {"added": ["late"], "removed": ["cv"]}
    [late] = [entry for entry in run["entries"] if entry["kind"] == "rows"]
    assert (late["late"], late["reason"]) == (True, "late labels")
    text = run_cli("diff", "HEAD~3", "HEAD~1").out
    assert "late rows by" in text
    assert "tag +late" in text
    renamed = run_cli("diff", "HEAD~2", "HEAD~1", "--json")
    fields = [run.get("fields") for run in json.loads(renamed.out)["runs"]["changed"]]
    assert {"name": {"old": "second", "new": "renamed"}} in fields


def test_forms_of_diff(history: Path) -> None:
    """--stat is a line a run and the sum, --name-only the ids; --metric leaves out the rest; --exit-code says it."""
    stat = run_cli("diff", "HEAD~3", "--stat").out.splitlines()
    assert stat[0] == "+ open one"
    assert stat[1].startswith("~ first: 2 metrics (1 better, 1 unknown)")
    assert stat[-1].endswith("→ the work tree: 1 run added, 1 run changed (2 metrics: 1 better)")
    names = run_cli("diff", "HEAD~3", "--name-only").out.split()
    assert len(names) == 2
    only = json.loads(run_cli("diff", "HEAD~3", "--metric", "test/*", "--json").out)["runs"]
    assert (only["added"], [list(run["metrics"]) for run in only["changed"]]) == ([], [["test/auc"]])
    assert run_cli("diff", "--exit-code").code == 0
    assert run_cli("diff", "HEAD~1", "--exit-code").code == 1
    assert run_cli("diff", "HEAD~1", "--stat", "--json").code == 2
    assert run_cli("diff", "HEAD~3", "--csv").out.splitlines()[0] == "change,run,name,metric,old,new,diff,verdict"
    assert "| changed | metric |" in run_cli("diff", "HEAD~3", "--md").out


def test_a_word_that_is_a_run_and_a_revision(history: Path) -> None:
    """Exit 4 with both; `run:` and `rev:` decide. A run and a revision cannot be compared, which is said."""
    git("branch", "first")
    done = run_cli("diff", "first")
    assert (done.code, "write run:first or rev:first" in done.err) == (4, True)
    assert run_cli("diff", "rev:first").code == 0
    assert run_cli("diff", "run:first", "main:first", "--exit-code").code == 0
    done = run_cli("diff", "run:first", "rev:main")
    assert (done.code, "is a run and 'rev:main' a revision" in done.err) == (2, True)
    assert run_cli("diff", "open one").code == 2
    done = run_cli("diff", "nothing", "main")
    assert (done.code, "there is no run and no revision 'nothing'" in done.err) == (4, True)
    assert run_cli("diff", "a", "b", "c").code == 2


def test_runs_of_several_revisions_stand_side_by_side(history: Path) -> None:
    """A run as a revision has it carries the revision before its id, which names it again; it is not written to."""
    done = run_cli("compare", "HEAD~3:first", "HEAD:first", "first", "--json", "--metric", "val/auc")
    document = json.loads(done.out)
    id = document["runs"][2]["id"]
    assert [run["id"] for run in document["runs"]] == [f"HEAD~3:{id}", f"HEAD:{id}", id]
    [plain] = [row for row in document["metrics"] if row["name"] == "val/auc"]
    assert plain["values"] == {f"HEAD~3:{id}": 0.78125, f"HEAD:{id}": 1.0, id: 1.0}
    assert run_cli("show", f"HEAD~3:{id}", "--json").code == 0
    headings = run_cli("compare", "HEAD~3:first", "HEAD:first").out.splitlines()[0].split()
    assert headings == ["metric", "HEAD~3:first", "HEAD:first"]
    led = ledger.open()
    assert set(led.metrics("HEAD~3:first", "first")["run"]) == {f"HEAD~3:{id}", id}
    assert led.chart("HEAD:first", "note") == b"a text"
    before = run_cli("export").data
    for words in (("tag", "HEAD:first", "x"), ("log", "--run", "HEAD:first", "x=1"), ("rm", "HEAD:first")):
        done = run_cli(*words)
        assert (done.code, "is a run as a revision has it" in done.err) == (2, True), done
    past = ledger.open(rev="HEAD~1")
    with pytest.raises(UsageError, match="is a revision"):
        past.tag("first", "x")
    assert run_cli("export").data == before
    assert run_cli("show", ":first").code == 2


def test_revisions_that_are_not_there(history: Path, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is one clear error: unknown, without a ledger, outside a repository, before the first commit."""
    with pytest.raises(NoSuchRevision, match="no commit, branch or tag 'mian'\ndid you mean main"):
        ledger.open(rev="mian")
    with pytest.raises(NoSuchRevision, match="has no ledger"):
        ledger.open(rev="HEAD~4")
    for odd in ("", "-h", "a\nb", "a\0b", "HEAD~99999", "HEAD:train.py", "é", "*", "@{upstream}", "@{-1}"):
        with pytest.raises(NoSuchRevision):
            ledger.open().at(odd)
    outside = workdir.parent / "outside"
    outside.mkdir()
    monkeypatch.chdir(outside)
    run_cli("log", "--run", "a", "x=1")
    done = run_cli("ls", "--at", "HEAD")
    assert (done.code, "is in no git repository" in done.err) == (4, True)
    git("init", "-q")
    done = run_cli("diff")
    assert (done.code, "there is no commit yet" in done.err) == (4, True)


def test_links_and_damage_in_a_commit(history: Path) -> None:
    """A commit whose ledger holds a link, or a file that is not what its name says, is damage for those runs alone."""
    [entry] = [p for p in Path(".ledger/runs").glob("*/*-second-*/*.json") if "-open-" in p.name]
    data = entry.read_bytes()
    entry.write_bytes(data.replace(b"second", b"third!"))
    commit("altered")
    entry.write_bytes(data)
    done = run_cli("ls", "--json", "--at", "HEAD")
    assert (done.code, "left out: " in done.err) == (5, True)
    assert {run["name"] for run in json.loads(done.out)["runs"]} == {"first", "open one"}
    os.unlink(entry)
    entry.symlink_to("/etc/passwd")
    commit("linked")
    done = run_cli("show", entry.parent.name, "--at", "HEAD")
    assert (done.code, "is a symbolic link" in done.err) == (5, True)
    assert "root:" not in done.out + done.err


def test_a_repository_that_git_cannot_read(history: Path) -> None:
    """Where git itself fails, the answer is Undecided, not "no such revision"."""
    (history / ".git" / "config").write_text("[core\n")
    with pytest.raises(Undecided, match="git cannot read"):
        ledger.open().at("HEAD")


def test_a_diff_of_two_runs_names_the_code(history: Path) -> None:
    """What changed in the code between the commits of two runs is listed.

    A commit that was squashed away is replaced by the one that first added the run, and that is said.
    """
    git("checkout", "-q", "-b", "topic")
    (history / "train.py").write_text("print(2)\nprint(3)\n")
    commit("train better")
    with ledger.start("better", directory=".") as run:
        run.log({"val/auc": 0.99})
    commit("better")
    found = ledger.open().diff("first", "better").to_json()
    assert found["code"]["files"] == [
        {"path": ".ledger-schema", "added": 3, "deleted": 0},
        {"path": "train.py", "added": 2, "deleted": 1},
    ]
    git("checkout", "-q", "main")
    git("merge", "-q", "--squash", "topic")
    git("commit", "-q", "-m", "squashed")
    git("branch", "-q", "-D", "topic")
    done = run_cli("diff", "first", "better", "--json")
    document = json.loads(done.out)
    assert document["code"]["new"] == git("rev-parse", "HEAD").strip()
    assert {"path": "train.py", "added": 2, "deleted": 1} in document["code"]["files"]
    assert "no branch has its commit" in done.err
    assert "added the run" in done.err
    assert "added the run" in run_cli("show", "better").err
    assert run_cli("show", "first").err == ""


def test_trees_are_parsed_as_git_lists_them(history: Path) -> None:
    """The names, kinds and objects of a tree are those that `git ls-tree` gives."""
    (history / "a b").mkdir()
    (history / "a b" / "é\t").write_text("x")
    (history / "link").symlink_to("train.py")
    commit("odd")
    found = find(".")
    assert found is not None
    head = found.commit("HEAD")
    assert head is not None
    tree = found.tree(head.tree)
    assert tree is not None
    lines = [line.split(None, 3) for line in git("ls-tree", "-z", "HEAD").split("\0")[:-1]]
    assert {name: node.object for name, node in tree.items()} == {line[3]: line[2] for line in lines}
    assert (tree["link"].kind, tree["a b"].kind, tree["train.py"].kind) == ("link", "folder", "file")
    assert parse_tree(b"", 20) == {}
    assert found.read("0" * 40) is None
    found.close()
    assert found.commit("HEAD") == head


def test_a_commit_that_lacks_a_segment_says_so(history: Path) -> None:
    """Where a segment was not committed, diff and report name the run and say what is missing, as ls does."""
    run_cli("log", "--run", "first", "val/auc=1.5", "-m", "better labels")
    git("add", "--all")
    entry = git("diff", "--cached", "--name-only", "--", "*.parquet").split()[-1]
    git("rm", "-q", "--cached", entry)
    git("commit", "-q", "-m", "in part")
    for verb in (("diff", "HEAD~1", "HEAD"), ("report", "--diff", "HEAD~1..HEAD")):
        done = run_cli(*verb)
        assert "it lacks 1 row" in done.err, verb
        assert "better labels" in done.out, verb


def test_damage_in_a_commit_is_seen_though_the_work_tree_is_sound(history: Path) -> None:
    """What a commit holds is read from the commit: no memory of the sound file in the work tree hides the damage."""
    run_cli("ls")
    [entry] = [p for p in Path(".ledger/runs").glob("*/*-first-*/*.json") if "-close-" in p.name]
    broken = git("hash-object", "-w", "train.py").strip()
    git("update-index", "--cacheinfo", f"100644,{broken},{entry.as_posix()}")
    git("commit", "-q", "-m", "damaged")
    for verb in (
        ("ls", "--at", "HEAD"),
        ("show", "first", "--at", "HEAD"),
        ("show", "HEAD:first"),
        ("diff", "HEAD~1", "HEAD"),
    ):
        assert run_cli(*verb).code == 5, verb


def test_a_metric_that_no_run_has(history: Path) -> None:
    """A glob that fits nothing is an error, not "nothing changed"; one that fits what did not change is none."""
    done = run_cli("diff", "HEAD~1", "--metric", "val/acu", "--exit-code")
    assert (done.code, "no run has a metric 'val/acu'" in done.err) == (4, True)
    assert run_cli("diff", "HEAD~1", "HEAD~1", "--metric", "val/auc", "--exit-code").code == 0


def test_runs_that_came_and_went_are_rows_too(history: Path) -> None:
    """CSV has a row for each metric of a run that was added or removed."""
    lines = run_cli("diff", "HEAD~4", "--csv").out.splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["added"] * (len(lines) - 1)
    assert any(",first,val/auc,,1.0,," in line for line in lines)


def test_a_work_tree_without_its_ledger(history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the ledger was taken away, a difference says that its runs are gone; a bare repository answers REV:RUN."""
    shutil.move(".ledger", tmp_path / "away")
    done = run_cli("diff", "--json")
    assert done.code == 0, done.err
    assert len(json.loads(done.out)["runs"]["removed"]) == 2
    git("clone", "-q", "--bare", str(history), str(tmp_path / "bare.git"))
    monkeypatch.chdir(tmp_path / "bare.git")
    assert run_cli("compare", "HEAD~1:first", "HEAD~3:first", "--json").code == 0
    assert run_cli("show", "main:first").code == 0
    assert run_cli("ls", "--at", ":/late rows").code == 0


def test_a_schema_that_a_revision_cannot_offer(history: Path) -> None:
    """What is wrong with the schema of a revision is said with the revision's name."""
    (history / ".ledger-schema").write_text("metric = 1\n")
    commit("broken schema")
    (history / ".ledger-schema").unlink()
    done = run_cli("show", "first", "--at", "HEAD")
    assert done.code == 2
    assert "HEAD:.ledger-schema, line 1" in done.err
    assert run_cli("show", "first").code == 0


def test_metrics_that_are_not_shown_are_counted(history: Path) -> None:
    """A table of runs that were added has six metrics at most, and says how many more there are."""
    with ledger.start("wide", directory=".") as run:
        run.log({f"m{i}/acc": 1.0 for i in range(9)})
    for verb in (("diff",), ("diff", "--md"), ("report", "--diff", "HEAD")):
        assert "(and 3 more metrics: ledger diff --json has all)" in run_cli(*verb).out, verb


def test_init_obeys(history: Path) -> None:
    """A folder that is named is where the ledger is made, also within a repository that has one at its top."""
    (history / "sub").mkdir()
    assert run_cli("init", "sub").code == 0
    assert (history / "sub" / ".ledger" / "README.md").is_file()
    assert run_cli("-C", "sub", "ls").err == "ledger: no runs\n"
