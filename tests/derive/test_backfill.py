"""Backfills that meet in git, disks that refuse, files that are damaged: what is recorded, and what is said."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ledger
from tests.conftest import git

Cli = Callable[..., Any]
MONEY = "def gain(y_true, y_pred):\n    return {price}.0 * float(sum(y_pred))\n"


def make(count: int) -> list[str]:
    """Close runs with predictions of 50 rows."""
    ids = []
    for i in range(count):
        random = np.random.default_rng(i)
        with ledger.start(f"r{i}") as run:
            run.log_predictions("test", y_true=random.integers(0, 2, 50), y_score=random.random(50))
        ids.append(run.id)
    return ids


def commit(words: str) -> None:
    """Commit all there is."""
    git("add", "-A")
    git("commit", "-q", "-m", words)


def test_two_branches_that_backfilled(repo: Path, cli: Cli) -> None:
    """Different metrics are both there; of one metric by two functions the later wins, and both are in its history."""
    (run,) = make(1)
    (repo / "money.py").write_text(MONEY.format(price=1))
    commit("runs")
    git("switch", "-q", "-c", "other")
    (repo / "money.py").write_text(MONEY.format(price=2))
    assert cli("backfill", "f1", "--all").code == 0
    assert cli("backfill", "--from", "money.py:gain", "--all", "-m", "twice").code == 0
    commit("on other")
    git("switch", "-q", "main")
    assert cli("backfill", "roc_auc", "--all").code == 0
    assert cli("backfill", "--from", "money.py:gain", "--all", "-m", "once").code == 0
    (repo / "notes.txt").write_text("x")
    commit("on main")
    git("merge", "-q", "-m", "merged", "-X", "theirs", "other")
    assert git("status", "--porcelain", ".ledger") == ""
    led = ledger.open()
    state = led.run(run).state
    assert set(state.metrics) == {"test/f1", "test/roc_auc", "test/gain"}
    values = led.history(run, "test/gain").values
    assert [value.reason for value in values] == ["twice", "once"]
    assert [value.not_shown is None for value in values] == [False, True]
    assert values[0].value == 2 * values[1].value
    assert len({value.source["computed"][0]["source_sha256"] for value in values}) == 2
    assert cli("verify").code == 0
    # The key that counts is the one of the value that is shown.
    assert led.backfill([], function="money.py:gain", all=True, dry_run=True).cells[0].old == values[1].value
    (repo / "money.py").write_text(MONEY.format(price=1))
    again = ledger.open().backfill([], function="money.py:gain", all=True)
    assert (again.cells, again.same) == ([], 1)


def test_one_metric_on_two_branches_by_one_function(repo: Path, cli: Cli) -> None:
    """Both computed the same: nothing is computed again after the merge."""
    make(2)
    commit("runs")
    git("switch", "-q", "-c", "other")
    cli("backfill", "f1", "--all")
    commit("on other")
    git("switch", "-q", "main")
    cli("backfill", "f1", "--all")
    commit("on main")
    git("merge", "-q", "-m", "merged", "other")
    again = ledger.open().backfill("f1", all=True)
    assert (again.cells, again.same, again.entries) == ([], 2, {})


def test_entries_of_others_that_claim_much(workdir: Path) -> None:
    """An entry that says it computed a value and brings none keeps nobody from computing it."""
    (run,) = make(1)
    led = ledger.open()
    first = led.backfill("f1", all=True)
    (path,) = workdir.glob(f".ledger/runs/**/*{first.entries[run]}.json")
    fields = json.loads(path.read_bytes())
    claimed = {**fields, "author": "Eve", "segments": [], "writers": [], "charts": [], "undefined": []}
    data = json.dumps({name: value for name, value in claimed.items() if value != []}).encode()
    import hashlib

    name = path.name.replace(first.entries[run], hashlib.sha256(data).hexdigest()[:16])
    (path.parent / name).write_bytes(data)
    path.unlink()
    found = ledger.open().backfill("f1", all=True)
    assert [cell.metric for cell in found.cells] == ["test/f1"]
    assert ledger.open().backfill("f1", all=True).same == 1


def test_damage_is_exit_5(workdir: Path, cli: Cli) -> None:
    """A blob that cannot be read leaves out its run, in one line; the others are done."""
    make(2)
    blob = ledger.open().run("r1").state.predictions[0].columns["y_score"].blob
    (path,) = workdir.glob(f".ledger/blobs/**/*{blob}*")
    path.chmod(0o644)
    path.write_bytes(b"nothing")
    done = cli("backfill", "f1", "--all", "--json")
    assert done.code == 5
    document = json.loads(done.out)
    assert [cell["name"] for cell in document["cells"]] == ["r0"]
    assert [left["name"] for left in document["left_out"]] == ["r1"]
    assert "Traceback" not in done.err
    path.unlink()
    done = cli("backfill", "f1", "--run", "r1")
    assert (done.code, done.err.count("left out")) == (5, 1)


PROGRAM = """
import sys
from ledger import cli
sys.exit(cli._run(sys.argv[1:]))
"""


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_disk_that_is_full(workdir: Path, jobs: str) -> None:
    """Exit 74 and one line: what was recorded before stays whole, and running again, with room, does the rest."""
    folder = workdir / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a file system cannot be mounted here")
    try:
        os.chdir(folder)
        make(12)
        room = os.statvfs(folder)
        (folder / "filler").write_bytes(b"x" * max(0, room.f_bavail * room.f_frsize - 60_000))
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, "backfill", "binary", "--all", "--jobs", jobs],
            capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        assert done.returncode == 74, done.stderr
        assert "No space left" in done.stderr
        assert "Traceback" not in done.stderr
        (folder / "filler").unlink()
        before = sum(bool(state.metrics) for state in ledger.open().catalog.states())
        assert before < 12
        rest = ledger.open().backfill("binary", all=True)
        assert (rest.same, len(rest.entries)) == (before, 12 - before)
        assert ledger.open().verify().damage == 0
    finally:
        os.chdir(workdir)
        subprocess.run(["umount", str(folder)], check=True)


def test_a_ledger_that_may_not_be_written_to(workdir: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 74: no run can be written, and no other is tried; a dry run needs no right to write."""
    make(3)
    mount = ["mount", "--bind", str(workdir), str(workdir)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a file system cannot be mounted here")
    try:
        os.chdir(workdir)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(workdir)], check=True)
        assert cli("backfill", "f1", "--all", "-n").code == 0
        done = cli("backfill", "f1", "--all")
        assert done.code == 74
        assert "Read-only file system" in done.err
        assert done.err.count("\n") <= 3
    finally:
        os.chdir("/")
        subprocess.run(["umount", str(workdir)], check=True)
        os.chdir(workdir)
    assert len(ledger.open().backfill("f1", all=True).cells) == 3
