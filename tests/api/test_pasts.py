"""A metric along the commits of real repositories: which commit made it better or worse, and what it costs to know."""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.errors import NoLedger, NoSuchMetric, NoSuchRevision, Undecided, UsageError
from ledger.git.repository import Repository
from ledger.store import catalog
from ledger.table.evolution import MetricHistory
from tests.conftest import git, run_cli


def line(word: str = "val/auc", **options: Any) -> MetricHistory:
    """Ask the ledger here for a metric along the commits."""
    found = ledger.open().history(word, **options)
    assert isinstance(found, MetricHistory)
    return found


def told(found: MetricHistory) -> list[tuple[Any, ...]]:
    """Return (subject, value, name of the run, change) of each commit."""
    return [
        (c.subject, c.value.value if c.value else None, c.value.name if c.value else None, c.change)
        for c in found.commits
    ]


def commit(subject: str) -> str:
    """Commit everything; return the commit."""
    git("add", "--all")
    git("commit", "-q", "-m", subject)
    return git("rev-parse", "HEAD").strip()


def log(run: str, *metrics: str) -> None:
    """Log to a run of this name, made if there is none."""
    assert run_cli("log", "--run", run, *metrics).code == 0


@pytest.fixture
def story(repo: Path) -> Path:
    """Make a repository whose commits do to a metric all that can be done."""
    log("base", "val/auc=0.5")
    commit("base")
    git("switch", "-qc", "side")
    log("wide", "val/auc=0.75")
    commit("wide, aside")
    git("switch", "-q", "main")
    (repo / "train.py").write_text("2")
    commit("code alone")
    log("other", "loss=1")
    commit("another metric")
    git("merge", "-q", "-m", "merge side", "side")
    log("wide", "val/auc=0.625")
    commit("late correction")
    run_cli("rm", "wide")
    commit("remove")
    run_cli("restore", "wide")
    run_cli("rename", "wide", "broad")
    commit("restore under another name")
    with ledger.start(resume=ledger.open().resolve("base")) as run:
        run.log({"val/auc": 0.875})
    commit("resume")
    return repo


EXPECTED = [
    ("base", 0.5, "base", None),
    ("merge side", 0.75, "wide", "better"),
    ("late correction", 0.625, "wide", "worse"),
    ("remove", 0.5, "base", "worse"),
    ("restore under another name", 0.625, "broad", "better"),
]


@pytest.mark.usefixtures("story")
def test_the_commit_that_broke_it_is_found() -> None:
    """The first-parent line alone; commits that left the metric alone are left out unless all are asked for."""
    # A resumed attempt that logs at a step leaves the value without one, which ranks above, as it is.
    assert told(line()) == EXPECTED
    everything = line(every=True)
    assert [c.subject for c in everything.commits] == [
        "base", "another metric", "merge side", "late correction", "remove", "restore under another name", "resume",
    ]  # fmt: skip
    assert [c.runs for c in everything.commits] == [1, 1, 2, 2, 1, 2, 2]
    assert told(line(limit=2)) == EXPECTED[-2:]
    assert told(line(limit=0)) == []
    assert told(line(limit=99)) == EXPECTED
    assert line().commits[0].commit == git("rev-list", "HEAD", "--grep=^base$").strip()
    assert told(line("max:val/auc"))[-1] == ("resume", 0.875, "base", "better")


@pytest.mark.usefixtures("story")
def test_every_commit_says_what_ls_says_there() -> None:
    """The value, the run that has it, and how many have one are those of the ledger as that commit has it."""
    led = ledger.open()
    found_best, found_last = line("best:val/auc", every=True).commits, line(every=True).commits
    for found, last in zip(found_best, found_last, strict=True):
        states = [state for state in led.at(found.commit).select() if "val/auc" in state.metrics]
        best = led.at(found.commit).state("best:val/auc")
        assert found.value is not None
        assert (found.value.run, found.value.name, found.runs) == (best.id, best.name, len(states))
        assert found.value.value == best.metrics["val/auc"].max
        assert last.value is not None
        assert last.value.value == max(state.metrics["val/auc"].last or 0.0 for state in states)


@pytest.mark.usefixtures("story")
def test_a_revision_has_its_own_line() -> None:
    """`--at`, and a ledger that was opened at a revision, follow that commit's first parents."""
    there = ledger.open(rev="side").history("val/auc")
    assert isinstance(there, MetricHistory)
    assert [c.subject for c in there.commits] == ["base", "wide, aside"]
    document = json.loads(run_cli("history", "val/auc", "--at", "HEAD~4", "--json").out)
    assert [c["subject"] for c in document["commits"]] == ["base", "merge side"]


@pytest.mark.usefixtures("story")
def test_runs_may_be_chosen() -> None:
    """A filter leaves runs out of every commit; one that names what nobody has is an error."""
    assert told(line(where="name = 'base'")) == EXPECTED[:1]
    assert run_cli("history", "val/auc", "-F", "params.lrr < 1").code == 2
    done = run_cli("history", "val/auc", "-F", "name = 'nobody'")
    assert (done.code, "no run that fits" in done.err) == (4, True)


@pytest.mark.usefixtures("story")
def test_the_newest_run_shows_a_regression_that_the_best_hides() -> None:
    """A worse run beside a better one changes no best value; what it brought is said, and `newest` marks it."""
    log("narrow", "val/auc=0.25")
    commit("narrow")
    last = line().commits[-1]
    assert (last.change, last.new_verdict) == ("same", "worse")
    assert told(line(newest=True))[-1] == ("narrow", 0.25, "narrow", "worse")


@pytest.mark.usefixtures("story")
def test_a_rebase_changes_the_commits_and_nothing_else() -> None:
    """The same values under new ids; the catalog knows the folders, whatever commit has them."""
    before = line()
    git("-c", "user.name=Bob", "rebase", "-q", "-f", "--root", "--rebase-merges")
    after = line()
    assert told(after) == told(before)
    assert {c.commit for c in after.commits}.isdisjoint(c.commit for c in before.commits)


def test_a_ledger_that_was_deleted_and_restored(story: Path) -> None:
    """Without a ledger the metric is lost; a folder of another name is no ledger; what comes back is better."""
    git("rm", "-rq", ".ledger")
    commit("gone")
    git("revert", "--no-edit", "HEAD")
    git("mv", ".ledger", "results")
    commit("moved")
    git("mv", "results", ".ledger")
    commit("moved back")
    found = told(line())[len(EXPECTED) :]
    assert [(value, change) for _, value, _, change in found] == [
        (None, "lost"), (0.625, None), (None, "lost"), (0.625, None),
    ]  # fmt: skip
    shutil.rmtree(story / ".ledger")
    assert run_cli("history", "val/auc").out.count("✗ lost") == 2


class Reads:
    """Counts the objects that are read, by kind."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.commits = self.trees = self.blobs = self.calls = 0
        ask, run = Repository._ask, Repository.run

        def counted(here: Repository, words: Sequence[str]) -> Any:
            for word, found in zip(words, ask(here, words), strict=True):
                if found is not None:
                    kind = git("cat-file", "-t", found[0]).strip() + "s"
                    setattr(self, kind, getattr(self, kind) + 1)
                assert word
                yield found

        def called(here: Repository, *arguments: str, **more: Any) -> Any:
            self.calls += 1
            return run(here, *arguments, **more)

        patch.setattr(Repository, "_ask", counted)
        patch.setattr(Repository, "run", called)


def test_what_it_costs(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each state of a run's folder is read once, however many commits have it; the second time no tree and no blob is
    read, and a new commit costs its own. The number of git processes does not grow with the commits.
    """
    for number in range(8):
        log(f"run-{number}", f"val/auc=0.{number}")
        commit(f"run {number}")
    log("run-3", "val/auc=0.9")
    commit("correction")
    ledger.open().catalog.close()
    with monkeypatch.context() as patch:
        reads = Reads(patch)
        line()
        # Folders of the 8 runs, of four files each, and of the one after its correction, of six.
        assert (reads.commits, reads.trees, reads.blobs) == (1, 9, 8 * 4 + 6)
        calls = reads.calls
    with monkeypatch.context() as patch:
        reads = Reads(patch)
        again = line()
        assert (reads.commits, reads.trees, reads.blobs, reads.calls) == (1, 0, 0, calls)
    log("run-9", "val/auc=0.1")
    commit("one more")
    shutil.rmtree(".ledger")
    with monkeypatch.context() as patch:
        reads = Reads(patch)
        there = ledger.open(rev="HEAD").history("val/auc")
        assert isinstance(there, MetricHistory)
        # Two trees say that the revision has a ledger, one is the new folder, whose files nobody remembers.
        assert (reads.trees, reads.blobs, reads.calls) == (3, 4, calls)
    assert told(there)[:-1] == told(again)


@pytest.mark.usefixtures("story")
def test_the_catalog_changes_no_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Deleted, damaged, or nowhere to be written: the same answer."""
    expected = line().to_json()
    monkeypatch.setenv("LEDGER_CACHE_DIR", str(tmp_path / "new"))
    assert line().to_json() == expected
    for path in Path(catalog.folder()).glob("git-*.sqlite"):
        with sqlite3.connect(path) as db:
            db.execute("UPDATE folded SET packed = x'00'")
        db.close()
    assert line().to_json() == expected
    for path in Path(catalog.folder()).glob("git-*.sqlite"):
        path.write_bytes(b"no database" * 1000)
    assert line().to_json() == expected
    monkeypatch.setenv("LEDGER_CACHE_DIR", "/dev/null/nowhere")
    assert line().to_json() == expected


def test_a_damaged_run_is_left_out_and_said(story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 5, what it is, and no talk of worse where the run that had the best value cannot be read."""
    monkeypatch.setenv("LEDGER_CACHE_DIR", str(tmp_path / "cache"))  # what was read whole before is not read again
    entry = next(path for path in (story / ".ledger").rglob("*-rows-*.json") if "wide" in path.parent.name)
    data = entry.read_bytes()
    entry.write_bytes(data + b" ")
    head = commit("damaged")
    done = run_cli("history", "val/auc")
    assert done.code == 5
    assert f"left out {head[:12]}:" in done.err
    assert "damaged: its bytes do not have the sha256" in done.err
    last = line().commits[-1]
    assert (last.change, last.value.value if last.value else None, len(last.damaged)) == ("unknown", 0.5, 1)
    entry.write_bytes(data)
    commit("repaired")
    assert told(line())[-1] == ("repaired", 0.625, "broad", "better")


def test_a_run_under_two_days(story: Path) -> None:
    """The folder that lies where it belongs counts, else the one that there is: moving is no change."""
    (folder,) = (path for path in (story / ".ledger/runs").glob("*/*") if "-base-" in path.name)
    other = story / ".ledger/runs/2020-01-01" / folder.name
    shutil.copytree(folder, other)
    next(other.glob("*-rows-*.json")).write_text("damaged")
    commit("copied")
    before = told(line())
    shutil.rmtree(other)
    shutil.move(folder, other)
    commit("moved")
    assert told(line()) == before == EXPECTED


def test_a_link_is_not_followed(story: Path) -> None:
    """Runs behind it are out of view, which is said."""
    day = next((story / ".ledger/runs").iterdir())
    shutil.move(day, story / "elsewhere")
    day.symlink_to("../../elsewhere")
    commit("a link")
    shutil.rmtree(story / ".ledger")
    found = run_cli("history", "val/auc", "--at", "HEAD")
    assert "is a symbolic link" in found.err
    assert "✗ lost" in found.out


def test_a_subfolder_and_odd_names(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger that is not at the top, in a folder whose name means something to git, with other ledgers beside it."""
    log("above", "val/auc=0.9")
    folder = repo / "a [b]*:(top)"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with ledger.start("below", directory=".") as run:
        run.log({"val/auc": 0.5})
    commit("two ledgers")
    found = ledger.open(".").history("val/auc")
    assert isinstance(found, MetricHistory)
    assert told(found) == [("two ledgers", 0.5, "below", None)]
    (value,) = ledger.open(".").history("below", "val/auc").values  # type: ignore[union-attr]
    assert value.commit == found.commits[0].commit


def test_a_bare_repository(story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is checked out there: the answer is the same."""
    git("clone", "-q", "--bare", str(story), str(tmp_path / "bare.git"))
    expected = run_cli("history", "val/auc").out
    monkeypatch.chdir(tmp_path / "bare.git")
    assert run_cli("history", "val/auc").out == expected


def test_a_shallow_clone(story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there is answered, and it is said that there may be more."""
    git("clone", "-q", "--depth", "4", f"file://{story}", str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    found = line()
    assert told(found)[1:] == EXPECTED[-2:]
    assert told(found)[0] == ("late correction", 0.625, "wide", None)
    done = run_cli("history", "val/auc")
    assert (done.code, "the clone is shallow" in done.err) == (0, True)


@pytest.mark.parametrize("kind", ["tree:0", "blob:none"])
def test_a_partial_clone(story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """What git does not have here is undecided, exit 3, and nothing is fetched; what to type brings it."""
    git("config", "uploadpack.allowFilter", "true")
    git("clone", "-q", "--bare", f"--filter={kind}", f"file://{story}", str(tmp_path / "partial.git"))
    monkeypatch.chdir(tmp_path / "partial.git")
    monkeypatch.setenv("LEDGER_CACHE_DIR", str(tmp_path / "cache"))
    done = run_cli("history", "val/auc")
    assert (done.code, done.out) == (3, "")
    typed = []
    while (done := run_cli("history", "val/auc", "--json")).code == 3:
        typed.append(done.err.splitlines()[-1].partition(" with: ")[2])
        subprocess.run(["sh", "-c", typed[-1]], check=True)
    assert [hint.split()[:2] for hint in typed] == [["git", "archive"], ["git", "log"]][kind == "blob:none" :]
    assert [found["best"] for found in json.loads(done.out)["commits"]] == [value for _, value, _, _ in EXPECTED]


@pytest.mark.usefixtures("repo")
def test_which_way_is_better() -> None:
    """A known name, a declaration or `goal` says so; without one it is undecided, never a guess."""
    log("a", "zap=1")
    log("b", "zap=2")
    commit("two")
    with pytest.raises(Undecided, match="ledger history zap --goal max") as caught:
        line("zap")
    assert caught.value.exit_code == 3
    with pytest.raises(Undecided):
        line("best:zap")
    assert (told(line("zap", goal="max")), told(line("zap", goal="min"))) == (
        [("two", 2.0, "b", None)],
        [("two", 1.0, "a", None)],
    )
    assert (line("zap", newest=True).goal, line("best:zap", goal="min").metric) == (None, "best:zap")
    Path(".ledger-schema").write_text('[metric.zap]\ngoal = "minimize"\nalias = ["pow"]\n')
    assert told(line("zap")) == told(line("pow")) == [("two", 1.0, "a", None)]
    with pytest.raises(UsageError, match="goal is 'up'"):
        line("zap", goal="up")
    with pytest.raises(UsageError, match="negative"):
        line("zap", limit=-1)


@pytest.mark.usefixtures("repo")
def test_contexts_are_metrics_of_their_own() -> None:
    """As a key, or by `--context`."""
    with ledger.start("a") as run:
        run.log({"val/auc": 0.5}, context={"fold": 1})
        run.log({"val/auc": 0.75}, context={"fold": 2})
    commit("folds")
    assert told(line("val/auc{fold=1}")) == told(line(context={"fold": 1})) == [("folds", 0.5, "a", None)]
    with pytest.raises(NoSuchMetric, match="did you mean val/auc"):
        line()


@pytest.mark.usefixtures("repo")
def test_what_is_not_there() -> None:
    """A metric that no commit has, with the nearest names; a run in its place; nothing committed yet."""
    log("baseline", "val/auc=0.5")
    with pytest.raises(NoSuchMetric, match="is it committed"):
        line()
    commit("baseline")
    with pytest.raises(NoSuchMetric, match="did you mean val/auc"):
        line("val/acu")
    with pytest.raises(NoSuchMetric, match="ledger history baseline METRIC"):
        line("baseline")
    assert run_cli("history", "val/auc", "--at", "nobody").code == 4


def test_where_there_is_no_history(workdir: Path) -> None:
    """Exit 4 without a ledger, outside git, and before the first commit, each in its own words."""
    done = run_cli("history", "val/auc")
    assert (done.code, "no .ledger" in done.err) == (4, True)
    log("a", "val/auc=0.5")
    with pytest.raises(NoSuchRevision, match="in no git repository"):
        line()
    git("init", "-q")
    with pytest.raises(NoSuchRevision, match="no commit yet"):
        line()
    shutil.rmtree(workdir / ".ledger")
    with pytest.raises(NoLedger):
        line()


@pytest.mark.usefixtures("repo")
def test_what_others_wrote_steers_nothing() -> None:
    """Subjects and names of people are written out in the terminal and in Markdown, and kept exact in JSON."""
    log("a|b", "val/auc=0.5")
    git("add", ".")
    git("-c", "user.name=A\x1b[2Jda", "commit", "-q", "-m", "x \x1b]0;y\x07 | <b>\u202e")
    for form in ((), ("--md",), ("--json",)):
        out = run_cli("history", "val/auc", *form).out
        assert "\x1b" not in out
        assert "\u202e" not in out
    assert "\\|" in run_cli("history", "val/auc", "--md").out
    (found,) = json.loads(run_cli("history", "val/auc", "--json").out)["commits"]
    assert (found["author"], found["subject"]) == ("A\x1b[2Jda", "x \x1b]0;y\x07 | <b>\u202e")


@pytest.mark.usefixtures("story")
def test_the_four_forms_say_the_same() -> None:
    """JSON as documented; CSV, Markdown and the terminal have the commits and the values of it."""
    document = json.loads(run_cli("history", "val/auc", "--json").out)
    assert [*document] == ["schema", "metric", "goal", "follow", "commits"]
    assert (document["schema"], document["goal"], document["follow"]) == ("ledger.history/1", "maximize", "best")
    csv = run_cli("history", "val/auc", "--csv").out.splitlines()
    assert csv[0] == "commit,time,author,value,change,run,name,runs,new,verdict,subject"
    markdown, text = run_cli("history", "val/auc", "--md").out, run_cli("history", "val/auc").out
    for number, found in enumerate(document["commits"], start=1):
        assert csv[number].startswith(f"{found['commit']},")
        assert f",{found['best']},{found.get('change', '')}," in csv[number]
        for shown in (markdown, text):
            assert found["commit"][:8] in shown
            assert found["subject"] in shown
    assert text.count("✗ worse") == 2
    frame = line().frame()
    assert frame["best"].tolist() == [found["best"] for found in document["commits"]]
    assert {str(kind) for kind in frame.dtypes} == {"str", "datetime64[us, UTC]", "float64", "int64"}
