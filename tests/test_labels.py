"""Labels through everything that walks a ledger: git merge, ledger merge, revisions, verify, gc, repair, the hook."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.errors import Damage, DamagedFile, Undecided
from ledger.format import entries as form
from ledger.store import entries, files
from ledger.store.audit.verify import verify
from ledger.store.tree import Tree
from tests.conftest import git

Cli = Callable[..., Any]
IDS = list(range(10))


def commit(message: str) -> None:
    """Commit everything that git would take."""
    git("add", ".")
    git("commit", "-q", "-m", message)


def late(name: str, pairs: dict[Any, Any]) -> str:
    """Write a file of labels and return its path."""
    Path(name).write_text("id,label\n" + "".join(f"{key},{value}\n" for key, value in pairs.items()))
    return name


@pytest.fixture
def predicted(repo: Path) -> Any:
    """Return the ledger of a repository with a run that has predictions with ids, committed."""
    with ledger.start("m") as run:
        run.log_predictions("prod", y_pred=[0, 1] * 5, y_score=[0.1, 0.9] * 5, ids=IDS)
    shutil.rmtree(repo / ".ledger" / "journal")
    commit("predictions")
    return ledger.open()


@pytest.fixture
def labelled(predicted: Any) -> Any:
    """Return that ledger with labels of four ids, committed."""
    predicted.add_labels(late("first.csv", {0: 0, 1: 1, 2: 0, 3: 0}), split="prod", at="2026-01-31")
    Path("first.csv").unlink()
    commit("labels")
    return predicted


def accuracy(led: Any, **asked: Any) -> tuple[float, int, int]:
    """Return the accuracy of the run, how many labels are known, how many ids have different ones."""
    found = led.evaluate("m", "prod", kind="binary", **asked)
    return found.rows()[0][1], found.labels.known, found.labels.contradictions


def only(pattern: str) -> Path:
    """Return the one file of the ledger that fits."""
    (path,) = Path(".ledger").glob(pattern)
    return path


def column(name: str) -> Path:
    """Return the blob of a column of the one entry of labels."""
    said = json.loads(only("log/*/*-labels-*").read_text())["columns"][name]["blob"]
    return only(f"blobs/*/{said}.parquet")


def kinds(led: Any, **options: Any) -> dict[str, str]:
    """Return what a check an hour from now finds: kinds, with the path of the last of each."""
    report = verify(led.tree, now=time.time_ns() // 1000 + 3_600_000_000, **options)
    return {finding.kind: finding.path for finding in report.findings}


def test_branches_that_both_added_labels(predicted: Any, cli: Cli) -> None:
    """They merge without conflict; of an id that both gave a label, the one known last counts, on either branch."""
    git("switch", "-q", "-c", "other")
    predicted.add_labels(late("other.csv", {0: 0, 1: 1, 2: 0}), split="prod", at="2026-02-01")
    commit("other labels")
    git("switch", "-q", "main")
    led = ledger.open()
    led.add_labels(late("main.csv", {2: 1, 3: 1}), split="prod", at="2026-01-01")
    commit("labels")
    assert accuracy(led) == (0.5, 2, 0)
    git("merge", "-q", "-m", "both", "other")
    assert git("status", "--porcelain") == ""
    assert accuracy(ledger.open()) == (1.0, 4, 1)
    git("switch", "-q", "other")
    git("merge", "-q", "-m", "both", "main")
    assert accuracy(ledger.open()) == (1.0, 4, 1)
    assert accuracy(ledger.open(), as_of="2026-01-31") == (0.5, 2, 0)
    report = cli("verify", "--json")
    assert (report.code, json.loads(report.out)["findings"]) == (0, [])


def test_merge_brings_labels(predicted: Any, cli: Cli, tmp_path: Path) -> None:
    """`ledger merge` of a clone, and of a revision that has labels, brings entries and columns; again, nothing."""
    clone = tmp_path / "clone"
    git("clone", "-q", ".", str(clone))
    os.chdir(clone)
    there = ledger.open()
    there.add_labels(late("l.csv", {0: 1}), split="prod")
    expected = accuracy(there)
    os.chdir(predicted.tree.top)
    done = cli("merge", clone, "--json")
    assert (done.code, json.loads(done.out)["files"]) == (0, 3)
    assert accuracy(ledger.open()) == expected == (0.0, 1, 0)
    assert json.loads(cli("merge", clone, "--json").out)["files"] == 0
    git("add", ".ledger")
    git("commit", "-q", "-m", "merged")
    git("rm", "-q", "-r", ".ledger/log")
    git("commit", "-q", "-m", "lost")
    assert json.loads(cli("merge", "HEAD~1", "--json").out)["files"] == 1
    assert accuracy(ledger.open()) == expected


def test_merge_leaves_out_what_is_no_entry_of_the_log(labelled: Any, cli: Cli, tmp_path: Path) -> None:
    """An entry of a run among the labels, a misnamed one, and another's bytes do not come; a later kind does."""
    source = tmp_path / "source" / ".ledger"
    shutil.copytree(labelled.tree.root, source)
    sound = next(source.glob("log/*/*-labels-*"))
    content = json.loads(sound.read_text())
    put = {
        "a run's": ({**content, "run": next(source.glob("runs/*/*")).name}, "labels"),
        "misnamed": ({**content, "author": "Eve", "time": "2026-11-21T00:00:00.000000Z"}, "labels"),
        "later": ({**content, "kind": "alert"}, "alert"),
    }
    names = {}
    for what, (fields, kind) in put.items():
        data = json.dumps(fields).encode()
        names[what] = f"{sound.name[:22]}-{kind}-{hashlib.sha256(data).hexdigest()[:16]}.json"
        (sound.parent / names[what]).write_bytes(data)
    (sound.parent / f"{sound.name[:-21]}{'0' * 16}.json").write_bytes(b"{}")
    found = json.loads(cli("merge", source, "--json").out)
    assert len(found["left_out"]) == 3
    assert found["files"] == 1
    assert (Path(labelled.tree.root) / "log" / sound.parent.name / names["later"]).exists()


def test_revisions_have_the_labels_of_then(labelled: Any) -> None:
    """At a commit those labels count that it has; a revision is not added to."""
    labelled.add_labels(late("more.csv", {4: 1, 5: 1}), split="prod", at="2026-02-28")
    assert accuracy(labelled) == (pytest.approx(4 / 6), 6, 0)
    assert accuracy(labelled.at("HEAD")) == (0.75, 4, 0)
    assert [row[4] for row in labelled.at("HEAD").labels().rows()] == [4]
    assert labelled.at("HEAD~1").labels().rows() == []
    with pytest.raises(Undecided, match="have no y_true"):
        labelled.at("HEAD~1").evaluate("m", "prod")
    (covered,) = labelled.label_coverage("HEAD:m").rows
    assert (covered.run[:5], covered.coverage.known) == ("HEAD:", 4)
    with pytest.raises(ledger.LedgerError, match="revision"):
        labelled.at("HEAD").add_labels(late("x.csv", {1: 1}))


def test_taken_back_and_brought_back(labelled: Any) -> None:
    """Labels whose entry is retracted do not count; when the retraction is retracted they do."""
    from ledger.record import annotations

    (row,) = labelled.labels().rows()
    retraction = annotations.retract(labelled.tree, "", "Ada", "a test file", target=row[0])
    assert labelled.labels().rows() == []
    assert labelled.labels().to_json()["labels"][0]["retracted"] is True
    with pytest.raises(Undecided):
        labelled.evaluate("m", "prod")
    annotations.retract(labelled.tree, "", "Ada", target=retraction)
    assert accuracy(labelled) == (0.75, 4, 0)
    assert kinds(labelled) == {}


def test_a_check_counts_entries_and_finds_nothing(labelled: Any) -> None:
    """A sound ledger with labels has no findings, however it is looked at; their entries are counted."""
    count = len(list(Path(".ledger").glob("*/*/*.json"))) + len(list(Path(".ledger").glob("runs/*/*/*.json")))
    for options in ({}, {"fast": True}, {"rows": True}):
        report = verify(labelled.tree, now=time.time_ns() // 1000 + 3_600_000_000, **options)
        assert (report.findings, report.entries) == ([], count)


def damage(what: str) -> str:
    """Damage the labels of the ledger here, and return the path that is to be named."""
    path = only("log/*/*-labels-*") if what.startswith("entry") else column(what.split()[0])
    data = path.read_bytes()
    if what.endswith("missing"):
        path.unlink()
    elif what.endswith("cut"):
        path.write_bytes(data[: len(data) // 2])
    elif what.endswith("empty"):
        path.write_bytes(b"")
    elif what.endswith("flipped"):
        path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    return path.relative_to(".ledger").as_posix()


@pytest.mark.parametrize(
    ("what", "kind", "fast"),
    [
        ("ids missing", "absent", False),
        ("label missing", "absent", False),
        ("ids cut", "hash-mismatch", False),
        ("label flipped", "hash-mismatch", False),
        ("label empty", "hash-mismatch", True),
        ("entry cut", "hash-mismatch", False),
        ("entry flipped", "hash-mismatch", False),
        ("entry empty", "hash-mismatch", True),
    ],
)
def test_damage_is_found_never_computed_with_and_repaired(
    labelled: Any, what: str, kind: str, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`verify` names the file, an evaluation is refused, `repair` brings it back from git, and all is as before."""
    from ledger.store import labels
    from ledger.table import label_index

    path = damage(what)
    monkeypatch.setattr(labels, "_known", {})  # as in a new process
    monkeypatch.setattr(label_index, "_indexes", {})
    assert kinds(labelled)[kind] == path
    assert (kind in kinds(labelled, fast=True)) == fast
    led = ledger.open()
    with pytest.raises(Damage, match="labels|log/"):
        led.evaluate("m", "prod")
    assert led.evaluate is not None
    assert led.status()["runs"] == {"finished": 1}
    done = led.repair(absent=True)
    assert ([item.path for item in done.restored], done.gone) == ([path], [])
    assert accuracy(ledger.open()) == (0.75, 4, 0)
    assert kinds(labelled) == {} or set(kinds(labelled)) == {"set-aside"}


def test_an_entry_that_is_missing(labelled: Any) -> None:
    """Where a later entry followed it, `verify` says that the history is incomplete, and repair brings it back."""
    (first,) = labelled.labels().rows()
    labelled.add_labels(late("more.csv", {4: 1}), split="prod", at="2026-02-28")
    path = only(f"log/*/*-{first[0]}.json")
    data = path.read_bytes()
    path.unlink()
    assert kinds(labelled)["incomplete-history"] == "log"
    assert accuracy(labelled)[1] == 1
    assert [item.path for item in labelled.repair(absent=True).restored] == [path.relative_to(".ledger").as_posix()]
    assert path.read_bytes() == data


def test_what_is_gone_is_said(predicted: Any) -> None:
    """Where nobody has a whole copy, repair sets the file aside and says what is gone."""
    predicted.add_labels(late("l.csv", {0: 7}), split="prod")
    path = damage("label cut")
    (gone,) = predicted.repair().gone
    assert (gone.path, gone.kind) == (path, "blob")
    assert gone.text.startswith("the column label of the labels of 2")
    assert gone.details["labels"][0]["rows"] == 1
    path = damage("entry cut")
    (gone,) = predicted.repair().gone
    assert (gone.path, gone.kind) == (path, "entry")
    assert re.fullmatch(r"the labels of \S+ in the log", gone.text)


def test_gc_keeps_what_labels_name(labelled: Any) -> None:
    """Old columns of labels stay while any branch has their entry; labels that nobody has any more leave theirs."""
    blobs = {path.name for path in Path(".ledger").glob("blobs/*/*")}
    then = time.time() - 30 * 86_400
    for path in Path(".ledger").rglob("*"):
        os.utime(path, (then, then))
    assert labelled.gc(dry_run=False).removed == []
    git("switch", "-q", "-c", "without")
    entry = only("log/*/*")
    kept = entry.read_bytes()
    git("rm", "-q", "-r", "-f", ".ledger/log")
    git("commit", "-q", "-m", "without")
    assert labelled.gc(dry_run=False).removed == []  # the other branch has the entry
    assert {path.name for path in Path(".ledger").glob("blobs/*/*")} == blobs
    names = {said["blob"] for said in json.loads(kept)["columns"].values()}
    git("branch", "-q", "-D", "main")
    git("reset", "-q", "--soft", git("rev-list", "--max-parents=0", "HEAD").strip())
    git("commit", "-q", "--amend", "-m", "without")
    git("reflog", "expire", "--expire=now", "--all")
    assert {path.split("/")[-1][:64] for path in [item.path for item in labelled.gc().removed]} == names


def test_gc_undecided(labelled: Any) -> None:
    """A damaged entry of the log, or one of a kind to come, might name any blob: nothing is removed."""
    entry = only("log/*/*")
    data = json.loads(entry.read_text())
    raw = json.dumps({**data, "kind": "alert"}).encode()
    other = entry.with_name(f"{entry.name[:22]}-alert-{hashlib.sha256(raw).hexdigest()[:16]}.json")
    other.write_bytes(raw)
    with pytest.raises(Undecided, match="alert"):
        labelled.gc()
    other.unlink()
    entry.write_bytes(b"{}")
    with pytest.raises(Undecided, match="damaged"):
        labelled.gc()


def test_the_hook_takes_labels(labelled: Any) -> None:
    """A commit with labels is made; one with an entry whose column is left out, or that is damaged, is stopped."""
    from ledger.api import git as hook

    labelled.add_labels(late("more.csv", {4: 1}), split="prod", at="2026-02-28")
    git("add", ".ledger")
    found = hook.check_staged()
    assert found is not None
    assert (found.stopping, found.notices, found.stops) == ([], [], False)
    label = next(path for path in git("diff", "--cached", "--name-only").split() if "/blobs/" in path)
    git("reset", "-q", label)
    found = hook.check_staged()
    assert found is not None
    assert [finding.kind for finding in found.stopping] == ["absent"]
    git("add", ".ledger")
    entry = next(path for path in git("diff", "--cached", "--name-only").split() if "/log/" in path)
    Path(entry).write_text("{}")
    git("add", ".ledger")
    found = hook.check_staged()
    assert found is not None
    assert [finding.kind for finding in found.stopping] == ["hash-mismatch"]


def test_status_says_so(labelled: Any, cli: Cli) -> None:
    """How many labels came, and up to when they are known; damaged ones are said, and nothing else fails."""
    assert labelled.status()["labels"] == {"entries": 1, "labels": 4, "newest": "2026-01-31T00:00:00.000000Z"}
    assert "labels   4, added 1 time, known up to 2026-01-31\n" in cli("status").out
    entry = only("log/*/*")
    data = entry.read_bytes()
    entry.with_name(f"{entry.name[:-21]}{'0' * 16}.json").write_bytes(data)
    result = cli("status")
    assert result.code == 0
    assert "left out of what came late" in result.err


@pytest.mark.parametrize("call", range(1, 13))
def test_a_fault_while_labels_are_written(predicted: Any, monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """Whichever call of the system fails, either all labels are there or none, and the next try adds them."""
    count = 0

    def failing(original: Callable[..., Any]) -> Callable[..., Any]:
        def do(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count == call:
                raise OSError(28, "No space left on device")
            return original(*arguments, **named)

        return do

    source = late("l.csv", {0: 0, 1: 1})
    with monkeypatch.context() as patch:
        for name in ("fsync", "rename", "link", "write", "replace"):
            if hasattr(files.os, name):
                patch.setattr(files.os, name, failing(getattr(os, name)))
        try:
            predicted.add_labels(source, split="prod", at="2026-01-31")
        except ledger.LedgerError as error:
            assert error.exit_code == 74
    report = verify(predicted.tree, now=time.time_ns() // 1000 + 60_000_000)
    assert report.damage == 0
    before = len(predicted.labels().rows())
    assert before in (0, 1)
    predicted.add_labels(source, split="prod", at="2026-01-31")
    assert len(predicted.labels().rows()) == 1
    assert accuracy(predicted) == (1.0, 2, 0)


def test_killed_between_columns_and_entry(predicted: Any) -> None:
    """A process that dies before the entry is there leaves columns that nothing names; that is no damage."""
    code = (
        "import ledger, os\nfrom ledger.store import entries\n"
        "entries.write = lambda *a: os._exit(9)\nledger.open().add_labels('l.csv', split='prod')\n"
    )
    late("l.csv", {0: 0})
    import sys

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert set(kinds(predicted)) == {"unreferenced"}
    assert predicted.labels().rows() == []
    predicted.add_labels("l.csv", split="prod")
    assert kinds(predicted) == {}
    assert accuracy(predicted) == (1.0, 1, 0)


def test_two_that_add_at_once_both_count(predicted: Any) -> None:
    """Two entries that followed the same one are both there; neither is lost, nothing is incomplete."""
    here = Tree(predicted.tree.root)
    predicted.add_labels(late("a.csv", {0: 0}), split="prod", at="2026-01-01")
    first = entries.read_all(here, only("log/*").relative_to(".ledger").as_posix(), "").read[0].entry
    predicted.add_labels(late("b.csv", {1: 1}), split="prod", at="2026-01-02")
    assert isinstance(first, form.Labels)
    twin = form.Labels(**{**{name: getattr(first, name) for name in first.__struct_fields__}, "author": "Bob"})
    entries.write(here, twin)
    assert len(predicted.labels().rows()) == 3
    assert accuracy(predicted) == (1.0, 2, 0)
    assert kinds(predicted) == {}


def test_a_link_in_the_place_of_the_log(labelled: Any, tmp_path: Path) -> None:
    """Nothing is read or written through it."""
    outside = tmp_path / "outside"
    shutil.move(".ledger/log", outside)
    os.symlink(outside, ".ledger/log")
    led = ledger.open()
    with pytest.raises(DamagedFile, match="symbolic link"):
        led.add_labels(late("x.csv", {1: 1}), split="prod")
    with pytest.raises(DamagedFile, match="symbolic link"):
        led.labels()
    assert kinds(led)["link"] == "log"
