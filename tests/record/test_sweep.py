"""Sweeping removes what nothing names, and nothing else: whatever git keeps, wherever, holds a blob."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.errors import InvalidValue, Undecided

Cli = Callable[..., Any]
PICTURE = b"\x89PNG\r\n\x1a\n"


def git(*arguments: str, cwd: Path | None = None) -> str:
    """Run git as a user would; a failure is an error of the test."""
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commit() -> None:
    """Commit everything."""
    git("add", "-A")
    git("commit", "-q", "-m", "more")


def age(folder: Path, days: float = 15) -> None:
    """Let every file of a ledger be this old."""
    then = time.time() - days * 86_400
    for path in (folder / ".ledger").rglob("*"):
        os.utime(path, (then, then), follow_symlinks=False)


def blobs(folder: Path) -> dict[str, bytes]:
    """Return the blobs of a ledger, by path."""
    root = folder / ".ledger"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.glob("blobs/*/*")}


def put_back(folder: Path, kept: dict[str, bytes]) -> None:
    """Write blobs again where git took them along with their entries."""
    for path, data in kept.items():
        (folder / ".ledger" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / ".ledger" / path).write_bytes(data)


@pytest.fixture
def charted(repo: Path, cli: Cli) -> Path:
    """A repository with a run in its first commit; another run, with a chart, is only in the work tree."""
    cli("log", "--run", "base", "x=1")
    commit()
    (repo / "roc.png").write_bytes(PICTURE)
    assert cli("log", "--run", "charted", "x=1", "--chart", f"roc={repo / 'roc.png'}").code == 0
    (repo / "roc.png").unlink()
    shutil.rmtree(repo / ".ledger" / "journal", ignore_errors=True)  # where it is kept for a day
    return repo


def removable() -> list[str]:
    """Return what would be removed."""
    return [item.path for item in ledger.open().gc().removed]


def drop(repo: Path) -> None:
    """Take the run with the chart out of the work tree, and leave its blob."""
    for path in repo.glob(".ledger/runs/*/*-charted-*"):
        for file in path.iterdir():
            file.unlink()
        path.rmdir()


def test_what_nothing_names_is_removed(charted: Path, cli: Cli) -> None:
    """A blob whose entry is nowhere goes, and a segment that no entry names; what is named stays."""
    drop(charted)
    (stray,) = (path for path in charted.glob(".ledger/runs/*/*-base-*"))
    (stray / f"{'ab' * 8}.parquet").write_bytes(b"of a sealer that died")
    age(charted)
    before = sorted(path for path in charted.rglob(".ledger/**/*") if path.is_file())
    (blob,) = blobs(charted)
    segment = f"runs/{stray.parent.name}/{stray.name}/{'ab' * 8}.parquet"
    assert removable() == [blob, segment]
    assert sorted(path for path in charted.rglob(".ledger/**/*") if path.is_file()) == before
    done = ledger.open().gc(dry_run=False)
    assert [item.path for item in done.removed] == [blob, segment]
    assert done.bytes == len(PICTURE) + len(b"of a sealer that died")
    after = {path for path in charted.rglob(".ledger/**/*") if path.is_file()}
    assert {path.relative_to(charted / ".ledger").as_posix() for path in set(before) - after} == {blob, segment}
    assert removable() == []
    assert cli("show", "base", "--json").code == 0


def test_what_is_young_stays(charted: Path) -> None:
    """Nothing younger than 14 days is removed; more days may be asked for, fewer not."""
    drop(charted)
    age(charted, 13.9)
    found = ledger.open().gc(dry_run=False)
    assert (found.removed, found.young) == ([], 1)
    age(charted, 20)
    assert ledger.open().gc(older_than=30).removed == []
    assert len(ledger.open().gc(older_than=19).removed) == 1
    with pytest.raises(InvalidValue, match="13 days"):
        ledger.open().gc(older_than=13)
    assert len(blobs(charted)) == 1


def in_work_tree(repo: Path) -> None:
    """Leave it where it is."""


def on_another_branch(repo: Path) -> None:
    """Commit it to another branch alone."""
    git("switch", "-q", "-c", "other")
    commit()
    git("switch", "-q", "main")


def under_a_tag(repo: Path) -> None:
    """Leave it to a tag alone."""
    on_another_branch(repo)
    git("tag", "-m", "kept", "v1", "other")
    git("branch", "-q", "-D", "other")
    git("reflog", "expire", "--expire=now", "--all")


def on_a_remote_branch(repo: Path) -> None:
    """Leave it to a remote-tracking branch alone."""
    on_another_branch(repo)
    git("update-ref", "refs/remotes/origin/other", "other")
    git("branch", "-q", "-D", "other")
    git("reflog", "expire", "--expire=now", "--all")


def in_a_stash(repo: Path) -> None:
    """Stash it, tracked."""
    git("add", "-A")
    git("stash", "-q")


def in_the_untracked_part_of_a_stash(repo: Path) -> None:
    """Stash it, untracked, below another stash."""
    git("stash", "-q", "--include-untracked")
    (repo / "train.py").write_text("print(2)\n")
    git("stash", "-q")


def in_the_index(repo: Path) -> None:
    """Leave it to the index alone."""
    git("add", "-A")


def in_the_index_of_another_work_tree(repo: Path) -> None:
    """Leave it to the index of a linked work tree alone."""
    in_another_work_tree(repo)
    other = repo.parent / "linked"
    git("add", "-A", cwd=other)
    for path in other.glob(".ledger/runs/*/*-charted-*/*"):
        path.unlink()


def in_another_work_tree(repo: Path) -> None:
    """Leave it to the disk of a linked work tree alone."""
    other = repo.parent / "linked"
    git("worktree", "add", "-q", "--detach", str(other))
    for path in repo.glob(".ledger/runs/*/*-charted-*"):
        target = other / path.relative_to(repo)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)


def at_the_head_of_another_work_tree(repo: Path) -> None:
    """Leave it to the detached HEAD of a linked work tree alone."""
    in_another_work_tree(repo)
    other = repo.parent / "linked"
    git("add", "-A", cwd=other)
    git("commit", "-q", "-m", "there", cwd=other)
    for path in other.glob(".ledger/runs/*/*-charted-*/*"):
        path.unlink()
    git("add", "-A", cwd=other)
    git("reflog", "expire", "--expire=now", "--all")


def in_the_reflog(repo: Path) -> None:
    """Leave it to the reflog alone."""
    commit()
    git("reset", "-q", "--hard", "HEAD~1")


PLACES = [
    in_work_tree, on_another_branch, under_a_tag, on_a_remote_branch, in_a_stash, in_the_untracked_part_of_a_stash,
    in_the_index, in_the_index_of_another_work_tree, in_another_work_tree, at_the_head_of_another_work_tree,
    in_the_reflog,
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_what_is_named_anywhere_stays(charted: Path, place: Callable[[Path], None]) -> None:
    """An entry holds its blob wherever it is: any ref, stash, reflog, index, work tree."""
    kept = blobs(charted)
    place(charted)
    if place is not in_work_tree:
        drop(charted)
    put_back(charted, kept)
    age(charted)
    assert (charted / ".ledger" / next(iter(kept))).exists()
    assert ledger.open().gc(dry_run=False).removed == []
    assert blobs(charted) == kept


def test_the_other_branch_still_answers(charted: Path, cli: Cli) -> None:
    """After a sweep of one branch, another one is checked out whole."""
    kept = blobs(charted)
    on_another_branch(charted)
    put_back(charted, kept | {f"blobs/ab/{'ab' * 32}.png": PICTURE})
    age(charted)
    assert [item.path for item in ledger.open().gc(dry_run=False).removed] == [f"blobs/ab/{'ab' * 32}.png"]
    git("clean", "-fdq", ".ledger")
    git("switch", "-q", "other")
    assert ledger.open().chart("charted", "roc") == PICTURE
    assert cli("verify").code == 0


@pytest.mark.parametrize("sealed", [False, True])
def test_what_a_journal_names_stays(repo: Path, sealed: bool) -> None:
    """A chart that is in a journal, live or put aside after sealing, holds its blob."""
    (repo / "roc.png").write_bytes(PICTURE)
    run = ledger.start("live")
    run.log_chart("roc", str(repo / "roc.png"), step=1)
    if sealed:
        run.finish()
        for path in repo.glob(".ledger/runs/*/*/*"):
            path.unlink()
    age(repo)
    assert removable() == []
    if sealed:
        for path in repo.glob(".ledger/journal/sealed/*"):
            path.unlink()
        assert len(removable()) == 1
    else:
        run.finish()


def test_predictions_of_a_journal_stay(repo: Path) -> None:
    """The columns of predictions that no entry holds yet are named by their journal; so they are after sealing."""
    run = ledger.start("live")
    run.log_predictions("test", y_true=[0, 1], y_score=[0.5, 0.25])
    age(repo)
    assert len(blobs(repo)) == 2
    assert removable() == []
    run.finish()
    for path in repo.glob(".ledger/journal/sealed/*"):
        path.unlink()
    age(repo)
    assert removable() == []
    for path in repo.glob(".ledger/runs/*/*/*"):
        path.unlink()
    assert len(removable()) == 2


def test_charts_beyond_the_limit_of_an_entry_stay(repo: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of further charts is followed, also where only another branch has it."""
    monkeypatch.setattr("ledger.format.entries.CHARTS_MAX", 1)
    commit_first = cli("log", "--run", "base", "x=1")
    assert commit_first.code == 0
    commit()
    for name in ("a", "b"):
        (repo / f"{name}.txt").write_text(f"text {name}\n")
    done = cli("log", "--run", "many", "--chart", f"a={repo / 'a.txt'}", "--chart", f"b={repo / 'b.txt'}")
    assert done.code == 0, done.err
    kept = blobs(repo)
    assert len(kept) == 3
    on_another_branch(repo)
    assert blobs(repo) == {}
    put_back(repo, {path: data for path, data in kept.items() if path.endswith(".txt")})
    age(repo)
    assert removable() == []


def test_an_entry_that_git_knows_by_another_name_holds_its_blob(charted: Path) -> None:
    """Git tells one path of an object: the same bytes under another name in the folder do not hide an entry."""
    (entry,) = charted.glob(".ledger/runs/*/*-charted-*/*-rows-*.json")
    (charted / ".ledger" / "a.json").write_bytes(entry.read_bytes())
    kept = blobs(charted)
    on_another_branch(charted)
    put_back(charted, kept)
    age(charted)
    assert removable() == []


def refuses(match: str) -> None:
    """See that nothing can be said, and nothing is removed."""
    with pytest.raises(Undecided, match=match) as caught:
        ledger.open().gc(dry_run=False)
    assert caught.value.exit_code == 3


def test_without_a_repository_nothing_is_removed(workdir: Path, cli: Cli) -> None:
    """There may be other copies of which nothing is known."""
    cli("log", "--run", "base", "x=1")
    put_back(workdir, {f"blobs/ab/{'ab' * 32}.png": PICTURE})
    age(workdir)
    refuses("no git repository")
    assert len(blobs(workdir)) == 1


def test_in_a_clone_that_is_cut_off_nothing_is_removed(
    charted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in a shallow clone, nor in one without the files of its history."""
    commit()
    git("rm", "-rq", ".ledger/runs")
    commit()
    git("config", "uploadpack.allowFilter", "true")
    for name, option in (("shallow", "--depth=1"), ("partial", "--filter=blob:none")):
        git("clone", "-q", option, f"file://{charted}", str(tmp_path / name))
        put_back(tmp_path / name, {f"blobs/ab/{'ab' * 32}.png": PICTURE})
        age(tmp_path / name)
        monkeypatch.chdir(tmp_path / name)
        refuses("shallow or partial")


def test_with_damage_nothing_is_removed(charted: Path) -> None:
    """A damaged entry may have named anything; so may one that repair set aside, and a damaged journal."""
    (entry,) = charted.glob(".ledger/runs/*/*-charted-*/*-rows-*.json")
    whole = entry.read_bytes()
    entry.write_bytes(whole[:-9])
    age(charted)
    refuses("is damaged")
    assert not ledger.open().repair().whole
    refuses("set aside")
    entry.write_bytes(whole)
    assert removable() == []
    run = ledger.start("live")
    run.log({"x": 1.0})
    run.log({"x": 2.0})
    (journal,) = charted.glob(".ledger/journal/*-live-*/*.journal")
    data = bytearray(journal.read_bytes())
    data[-70] ^= 1
    journal.write_bytes(data)
    refuses("damaged bytes")


def test_with_history_that_is_incomplete_nothing_is_removed(charted: Path) -> None:
    """An entry that others followed is not here: a copy may be under way, and it may name any blob."""
    (entry,) = charted.glob(".ledger/runs/*/*-charted-*/*-rows-*.json")
    entry.unlink()
    age(charted)
    refuses("history is incomplete")


def test_what_a_newer_version_wrote_is_not_guessed_at(charted: Path) -> None:
    """An entry of a higher format or an unknown kind may name files in a way that is not known here."""
    import hashlib

    (entry,) = charted.glob(".ledger/runs/*/*-charted-*/*-close-*.json")
    fields = json.loads(entry.read_bytes())
    for change in ({"format": 1}, {"kind": "weigh"}):
        data = json.dumps(fields | change).encode()
        kind = change.get("kind", "close")
        name = f"{entry.name[:22]}-{kind}-{hashlib.sha256(data).hexdigest()[:16]}.json"
        entry.with_name(name).write_bytes(data)
        refuses("format 1" if kind == "close" else "unknown kind")
        entry.with_name(name).unlink()
    (charted / ".ledger" / "packs").mkdir()
    (charted / ".ledger" / "packs" / "x.parquet").write_bytes(b"")
    refuses("not understood")


def test_a_work_tree_that_is_not_here_is_asked_for(charted: Path) -> None:
    """A linked work tree may be on a disk that is not mounted."""
    in_another_work_tree(charted)
    (charted.parent / "linked").rename(charted.parent / "away")
    refuses("is not here")
    git("worktree", "prune")
    age(charted)
    assert len(removable()) == 1


def test_a_damaged_entry_in_history_is_made_good_by_a_whole_one(charted: Path) -> None:
    """A damaged entry that was committed and repaired later holds nothing up."""
    (entry,) = charted.glob(".ledger/runs/*/*-charted-*/*-rows-*.json")
    whole = entry.read_bytes()
    entry.write_bytes(whole[:-9])
    commit()
    entry.write_bytes(whole)
    commit()
    age(charted)
    assert removable() == []
    drop(charted)
    assert removable() == []


def test_what_was_logged_meanwhile_stays(charted: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    """Before anything is removed, entries and journals are looked at once more."""
    from ledger.record import sweep

    kept = blobs(charted)
    drop(charted)
    age(charted)
    unnamed = sweep._unnamed

    def and_log(*given: Any) -> Any:
        found = list(unnamed(*given))
        (charted / "roc.png").write_bytes(PICTURE)
        assert cli("log", "--run", "base", "--chart", f"roc={charted / 'roc.png'}").code == 0
        age(charted)
        return found

    monkeypatch.setattr(sweep, "_unnamed", and_log)
    assert ledger.open().gc(dry_run=False).removed == []
    assert blobs(charted) == kept


def test_the_command_lists_and_removes(charted: Path, cli: Cli) -> None:
    """`gc -n` lists what `gc` removes; `--json` says the same."""
    drop(charted)
    age(charted)
    ((path, _),) = blobs(charted).items()
    assert cli("gc", "-n").out == f"{path}  8 B\n"
    listed = json.loads(cli("gc", "-n", "--json").out)
    assert (listed["schema"], listed["dry_run"], listed["files"], listed["bytes"]) == ("ledger.gc/1", True, 1, 8)
    assert [item["path"] for item in listed["removed"]] == [path]
    assert cli("gc", "--older-than", "16").err == "ledger: removed 0 files, 0 B; 1 is younger than 16 days\n"
    done = cli("gc")
    assert (done.code, done.out, done.err) == (0, "", "ledger: removed 1 file, 8 B\n")
    assert blobs(charted) == {}
    assert not (charted / ".ledger" / path).parent.exists()


def test_a_ledger_deeper_in_the_repository(repo: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in git are those from its top."""
    (repo / "sub").mkdir()
    (repo / "roc.png").write_bytes(PICTURE)
    cli("init", "sub")
    ledger_here = repo / "sub"
    monkeypatch.setenv("LEDGER_DIR", str(ledger_here))
    assert cli("log", "--run", "charted", "--chart", f"roc={repo / 'roc.png'}").code == 0
    kept = blobs(ledger_here)
    assert len(kept) == 1
    shutil.rmtree(ledger_here / ".ledger" / "journal", ignore_errors=True)
    on_another_branch(repo)
    put_back(ledger_here, kept | {f"blobs/ab/{'ab' * 32}.png": PICTURE})
    age(ledger_here)
    assert [item.path for item in ledger.open().gc(dry_run=False).removed] == [f"blobs/ab/{'ab' * 32}.png"]
