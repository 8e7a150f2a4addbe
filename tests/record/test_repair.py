"""Repair brings back what git or a journal has, sets the rest aside, says what is gone, and deletes nothing."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ledger
from ledger.errors import DamagedFile
from ledger.format import layout
from ledger.record.repair import Repaired

Cli = Callable[..., Any]


def git(*arguments: str) -> str:
    """Run git as a user would; a failure is an error of the test."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file of a ledger with its bytes, by path."""
    root = folder / ".ledger"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def committed(folder: Path) -> dict[str, bytes]:
    """Return every file of a ledger outside its journals."""
    return {path: data for path, data in tree(folder).items() if not path.startswith("journal/")}


def make(folder: Path) -> None:
    """Log a run with rows and a chart, and forget its journals."""
    with ledger.start("run") as run:
        for step in range(10):
            run.log({"train/loss": 1 / (step + 1), "val/auc": 0.5}, step=step)
        (folder / "note.txt").write_text("fine\n")
        run.log_chart("text", str(folder / "note.txt"), step=3)
    (folder / "note.txt").unlink()
    shutil.rmtree(folder / ".ledger" / "journal")


@pytest.fixture
def recorded(repo: Path) -> Path:
    """A repository with one run, which is not committed."""
    make(repo)
    return repo


@pytest.fixture
def saved(recorded: Path) -> Path:
    """A repository with one run, committed."""
    git("add", "-A")
    git("commit", "-q", "-m", "run")
    return recorded


def one(folder: Path, glob: str) -> Path:
    """Return the one file that fits."""
    (found,) = folder.glob(f".ledger/{glob}")
    return found


def nothing(done: Repaired) -> bool:
    """Say whether a repair did nothing."""
    return not (done.restored or done.set_aside or done.sealed)


KINDS = {
    "segment": "runs/*/*/*.parquet",
    "open": "runs/*/*/*-open-*.json",
    "rows": "runs/*/*/*-rows-*.json",
    "close": "runs/*/*/*-close-*.json",
    "blob": "blobs/*/*.txt",
}
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda data: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "flipped": lambda data: data[:3] + bytes([data[3] ^ 4]) + data[4:],
    "longer": lambda data: data + b"\n",
}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_comes_back_from_git(saved: Path, kind: str, how: str, cli: Cli) -> None:
    """Whatever kind it is, and however it was damaged; the damaged bytes are kept; a dry run only says so."""
    before, path = committed(saved), one(saved, KINDS[kind])
    damaged = DAMAGE[how](path.read_bytes())
    path.write_bytes(damaged)
    name = path.relative_to(saved / ".ledger").as_posix()
    now = tree(saved)
    planned = ledger.open().repair(dry_run=True)
    assert tree(saved) == now
    done = ledger.open().repair()
    assert (planned.restored, planned.set_aside) == (done.restored, done.set_aside)
    assert done.restored == [(name, "git")]
    assert done.whole
    ((_, to),) = done.set_aside
    assert (saved / ".ledger" / to).read_bytes() == damaged
    assert committed(saved) == before
    again = ledger.open().repair()
    assert nothing(again)
    assert again.whole
    assert git("status", "--porcelain", "--untracked-files=all") == ""
    assert cli("verify").code == 0


def in_the_index(repo: Path) -> None:
    """Stage the run, and nothing more."""
    git("add", "-A")


def on_another_branch(repo: Path) -> None:
    """Commit the run elsewhere; here its files are untracked copies."""
    kept = committed(repo)
    git("switch", "-q", "-c", "other")
    git("add", "-A")
    git("commit", "-q", "-m", "other")
    git("switch", "-q", "main")
    for path, data in kept.items():
        (repo / ".ledger" / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / ".ledger" / path).write_bytes(data)


def in_the_untracked_part_of_a_stash(repo: Path) -> None:
    """Stash the run as untracked files, and take it out again without dropping the stash."""
    git("stash", "-q", "--include-untracked")
    git("stash", "apply", "-q")


def in_the_reflog(repo: Path) -> None:
    """Commit the run, and take the commit back."""
    git("add", "-A")
    git("commit", "-q", "-m", "gone")
    git("reset", "-q", "HEAD~1")


PLACES = [in_the_index, on_another_branch, in_the_untracked_part_of_a_stash, in_the_reflog]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_git_is_searched_everywhere(recorded: Path, place: Callable[[Path], None]) -> None:
    """In any branch, stash, reflog and the index; no other file of the work tree is touched."""
    before = committed(recorded)
    place(recorded)
    (recorded / "train.py").write_text("print(2)\n")
    index = git("ls-files", "-s")
    one(recorded, KINDS["segment"]).write_bytes(b"PAR1")
    done = ledger.open().repair()
    assert [source for _, source in done.restored] == ["git"]
    assert committed(recorded) == before
    assert (recorded / "train.py").read_text() == "print(2)\n"
    assert git("ls-files", "-s") == index


def test_a_damaged_version_in_git_is_not_taken(saved: Path) -> None:
    """Where the damage was committed too, the older, whole version is found."""
    path = one(saved, KINDS["rows"])
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    git("commit", "-q", "-a", "-m", "damage")
    assert ledger.open().repair().whole
    assert path.read_bytes() == whole


def test_what_git_does_not_have_is_set_aside(recorded: Path, cli: Cli) -> None:
    """What is gone is said exactly: rows, metrics, steps, seqs; and said again until it is back."""
    path = one(recorded, KINDS["segment"])
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    done = ledger.open().repair()
    ((name, to),) = done.set_aside
    assert (recorded / ".ledger" / to).read_bytes() == whole[:-5]
    assert not path.exists()
    assert to.startswith("journal/set-aside/")
    assert to.endswith(f"/{name}")
    (gone,) = done.gone
    run = path.parent.name
    (writer,) = gone.details["writers"]
    assert gone.text == (
        f"20 rows of train/loss, val/auc up to step 9 (seq 0 to 20 of writer {writer['writer']}), run {run}"
    )
    assert gone.details["rows"] == 20
    assert gone.details["metrics"]["val/auc"] == {"count": 10, "last_step": 9}
    again = ledger.open().repair()
    assert nothing(again)
    assert again.gone == done.gone
    assert cli("show", "run").code == 0
    git("stash", "-q", "--include-untracked")
    git("stash", "pop", "-q")
    path.write_bytes(whole)
    assert ledger.open().repair().whole


def test_what_was_set_aside_comes_back_once_git_has_it(recorded: Path) -> None:
    """After a fetch, a repair heals what an earlier one could not; a repair that was cut off goes on so too."""
    before, path = committed(recorded), one(recorded, KINDS["blob"])
    git("add", "-A")
    git("commit", "-q", "-m", "run")
    bundle = recorded.parent / "run.bundle"
    git("bundle", "create", "-q", str(bundle), "main")
    git("update-ref", "-d", "HEAD")
    git("rm", "-rq", "--cached", ".")
    git("reflog", "expire", "--expire=now", "--all")
    git("prune", "--expire=now")
    path.write_bytes(b"")
    assert [gone.text for gone in ledger.open().repair().gone] == [
        f"the chart text at step 3 of run {one(recorded, KINDS['segment']).parent.name}"
    ]
    git("fetch", "-q", str(bundle), "main:fetched")
    done = ledger.open().repair()
    assert [source for _, source in done.restored] == ["git"]
    assert done.whole
    assert committed(recorded) == before


def test_a_damaged_entry_that_is_gone_is_said(recorded: Path) -> None:
    """Its kind and time stand in its name; of a `rows` entry the segments that are left are named."""
    path = one(recorded, KINDS["rows"])
    segment = one(recorded, KINDS["segment"])
    path.write_bytes(b"{}")
    (gone,) = ledger.open().repair().gone
    assert gone.kind == "entry"
    assert gone.text.startswith("the rows entry of 20")
    assert gone.text.endswith(f"its rows are perhaps those of {segment.name}, which no entry names")
    assert gone.details["segments"] == [segment.name]
    close = one(recorded, KINDS["close"])
    close.write_bytes(b"{}")
    texts = [item.text for item in ledger.open().repair().gone]
    assert len(texts) == 2
    assert any(text.startswith("the close entry of") for text in texts)


def test_what_no_entry_names_is_no_loss(saved: Path) -> None:
    """A damaged blob that nobody could see is set aside, and nothing is gone."""
    stray = saved / ".ledger" / "blobs" / "ab" / f"{'ab' * 32}.png"
    stray.parent.mkdir()
    stray.write_bytes(b"not its bytes")
    done = ledger.open().repair()
    assert len(done.set_aside) == 1
    assert done.whole
    assert ledger.open().repair().whole


def test_a_file_that_came_whole_meanwhile_is_left(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy may be under way: a damaged file is looked at again before it is moved."""
    from ledger.record import repair

    path = one(saved, KINDS["segment"])
    whole = path.read_bytes()
    path.write_bytes(whole[:100])

    def arrive(self: object, path_in_ledger: str) -> None:
        path.write_bytes(whole)

    monkeypatch.setattr(repair._Repairer, "from_git", arrive)
    assert nothing(ledger.open().repair())


def test_absent_files_are_brought_back_on_demand(saved: Path) -> None:
    """A sparse checkout leaves files out on purpose; with `absent` they come back, and only those of the index."""
    before = committed(saved)
    for kind in KINDS.values():
        one(saved, kind).unlink()
    assert nothing(ledger.open().repair())
    done = ledger.open().repair(absent=True)
    assert len(done.restored) == 5
    assert done.whole
    assert committed(saved) == before


def test_absent_files_that_entries_name_are_found_in_history(saved: Path) -> None:
    """An entry that others followed, a segment and a blob come back though the index has them no more."""
    before = committed(saved)
    for kind in ("segment", "blob", "open"):
        git("rm", "-q", str(one(saved, KINDS[kind])))
    assert ledger.open().repair(absent=True).whole
    assert committed(saved) == before


def test_constant_files_are_written_again(saved: Path) -> None:
    """Altered ones are kept aside, missing ones made."""
    before = committed(saved)
    (saved / ".ledger" / ".gitignore").write_text("*\n")
    (saved / ".ledger" / ".gitattributes").unlink()
    (saved / ".ledger" / "README.md").unlink()
    (saved / ".ledger" / "README.md").symlink_to("/etc/hostname")
    done = ledger.open().repair()
    assert [path for path, _ in done.restored] == list(layout.CONSTANT_FILES)
    assert [path for path, _ in done.set_aside] == ["README.md", ".gitignore"]
    assert committed(saved) == before
    assert nothing(ledger.open().repair())


@pytest.mark.parametrize("name", [".gitignore", "journal/.gitignore"])
def test_what_git_obeys_is_set_aside_under_another_name(saved: Path, name: str) -> None:
    """An altered .gitignore is written again; kept aside as it was, it would be taken for a planted one."""
    (saved / ".ledger" / "journal").mkdir(exist_ok=True)
    (saved / ".ledger" / name).write_text("nothing\n")
    done = ledger.open().repair()
    assert [tuple(item) for item in done.restored] == [(name, "format")]
    assert (saved / ".ledger" / name).read_text() == layout.FIXED_FILES[name]
    assert (saved / ".ledger" / done.set_aside[0].to).read_text() == "nothing\n"
    assert [f.kind for f in ledger.open().verify().findings if f.kind in ("planted", "constant-file")] == []


def test_a_link_in_the_place_of_a_file_is_moved(saved: Path) -> None:
    """And what it points to is not touched; a folder that is a link is not gone through."""
    path, before = one(saved, KINDS["close"]), committed(saved)
    outside = saved.parent / "outside"
    outside.write_bytes(b"mine")
    path.unlink()
    path.symlink_to(outside)
    assert ledger.open().repair().whole
    assert committed(saved) == before
    assert outside.read_bytes() == b"mine"
    shutil.rmtree(saved / ".ledger" / "journal")
    (saved / ".ledger" / "journal").symlink_to(saved.parent)
    path.write_bytes(b"")
    with pytest.raises(DamagedFile, match="journal is (not a folder|a symbolic link)"):
        ledger.open().repair()
    assert sorted(saved.parent.iterdir()) == sorted([saved, outside])


def abandoned(run_script: Callable[..., str], text: str = "os._exit(0)") -> Path:
    """Let a program log 10 rows and die; return its journal."""
    run_script(
        f"""
        import os
        import ledger
        run = ledger.start("dead")
        for step in range(10):
            run.log({{"loss": 1.0 * step}}, step=step)
        {text}
        """
    )
    return one(Path.cwd(), "journal/*-dead-*/*.journal")


def values(name: str) -> list[float]:
    """Return the rows of a run's only metric."""
    return list(ledger.open().metrics(name)["value"])


def test_journals_that_were_left_are_sealed(repo: Path, run_script: Callable[..., str]) -> None:
    """As `finish --stale` does; a run that a process holds is left alone."""
    journal = abandoned(run_script)
    live = ledger.start("live")
    live.log({"x": 1.0})
    planned = ledger.open().repair(dry_run=True)
    assert journal.exists()
    done = ledger.open().repair()
    assert [(item.status, item.rows) for item in done.sealed] == [("interrupted", 10)]
    assert planned.sealed == done.sealed
    assert done.whole
    assert ledger.open().state("live").status == "running"
    assert values("dead") == [1.0 * step for step in range(10)]
    assert nothing(ledger.open().repair())
    live.finish()


def test_the_gap_of_a_journal_is_told_to_the_row(repo: Path, run_script: Callable[..., str]) -> None:
    """Whole frames are sealed; the bytes and the seqs between them are named; the journal is kept."""
    journal = abandoned(run_script)
    data = bytearray(journal.read_bytes())
    frames = [at for at in range(len(data)) if data[at : at + 4] == b"\xf5LF\n"][1:]
    data[frames[3] + 14] ^= 1
    data[frames[4] + 14] ^= 1
    data[frames[7] + 14] ^= 1
    journal.write_bytes(data)
    planned = ledger.open().repair(dry_run=True)
    done = ledger.open().repair()
    assert planned.gone == done.gone
    (gone,) = done.gone
    assert gone.details["bytes"] == [[frames[3], frames[5]], [frames[7], frames[8]]]
    assert gone.details["seqs"] == [[3, 4], [7, 7]]
    assert gone.text.startswith("3 rows or charts (seq 3 to 4, 7) of run ")
    assert values("dead") == [0.0, 1.0, 2.0, 5.0, 6.0, 8.0, 9.0]
    assert one(repo, "journal/sealed/*.journal").read_bytes() == data
    again = ledger.open().repair()
    assert nothing(again)
    assert again.whole


@pytest.mark.parametrize("where", ["prefix", "header", "both"])
def test_a_journal_with_a_damaged_head_loses_no_row(repo: Path, run_script: Callable[..., str], where: str) -> None:
    """Salt and owner follow from what is left."""
    journal = abandoned(run_script)
    data = bytearray(journal.read_bytes())
    if where != "header":
        data[2:14] = bytes(12)
    if where != "prefix":
        data[30] ^= 1
    journal.write_bytes(data)
    done = ledger.open().repair()
    assert done.whole
    assert [item.rows for item in done.sealed] == [10]
    assert values("dead") == [1.0 * step for step in range(10)]
    assert nothing(ledger.open().repair())


def test_a_journal_of_which_nothing_is_left_is_set_aside(repo: Path, run_script: Callable[..., str]) -> None:
    """It is kept, its size is said, and other runs are sealed."""
    journal = abandoned(run_script)
    journal.write_bytes(b"\1" * 500)
    done = ledger.open().repair()
    assert [(gone.kind, gone.details["bytes"]) for gone in done.gone] == [("journal", [[0, 500]])]
    ((_, to),) = done.set_aside
    assert (repo / ".ledger" / to).read_bytes() == b"\1" * 500
    assert nothing(ledger.open().repair())


def test_a_segment_is_made_again_of_sealed_journals(repo: Path, run_script: Callable[..., str]) -> None:
    """While the journal is put aside, its rows give the same bytes; so does the `open` entry it holds."""
    abandoned(run_script)
    assert ledger.open().repair().whole
    before = committed(repo)
    one(repo, KINDS["segment"]).write_bytes(b"PAR1")
    one(repo, KINDS["open"]).write_bytes(b"")
    done = ledger.open().repair()
    assert [source for _, source in done.restored] == ["journal", "journal"]
    assert done.whole
    assert committed(repo) == before


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_of_any_files_is_undone(saved: Path, data: st.DataObject) -> None:
    """Whatever bytes of whatever files are lost: one repair makes all whole, the next does nothing."""
    before = committed(saved)
    paths = data.draw(st.lists(st.sampled_from(sorted(before)), min_size=1, unique=True))
    cuts = [
        (path, data.draw(st.integers(0, len(before[path]) - 1)), data.draw(st.binary(max_size=20))) for path in paths
    ]
    for path, cut, tail in cuts:
        (saved / ".ledger" / path).write_bytes(before[path][:cut] + tail)
    done = ledger.open().repair()
    assert done.whole
    assert committed(saved) == before
    assert nothing(ledger.open().repair())


def test_outside_git_what_can_be_done_is_done(workdir: Path) -> None:
    """Without a repository damaged files are set aside, and what is gone is said."""
    make(workdir)
    one(workdir, KINDS["blob"]).write_bytes(b"")
    done = ledger.open().repair()
    assert [gone.kind for gone in done.gone] == ["blob"]
    assert not done.restored


def test_the_command_says_what_it_did(recorded: Path, cli: Cli) -> None:
    """A line a file; exit code 1 while something is gone, 0 when all is whole."""
    path = one(recorded, KINDS["blob"])
    whole, name = path.read_bytes(), path.relative_to(recorded / ".ledger").as_posix()
    path.write_bytes(b"")
    done = cli("repair")
    assert done.code == 1
    assert done.out.startswith(f"set aside  {name} -> journal/set-aside/")
    assert f"\ngone       {name}: the chart text at step 3 of run " in done.out
    document = json.loads(cli("repair", "--json").out)
    assert list(document) == ["schema", "dry_run", "restored", "set_aside", "sealed", "gone", "undone"]
    (gone,) = document["gone"]
    assert (gone["path"], gone["kind"], gone["charts"][0]["step"]) == (name, "blob", 3)
    path.write_bytes(whole)
    assert cli("repair").code == 0
