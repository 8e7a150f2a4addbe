"""`ledger verify`: its exit codes, its document, what it prints, and its bar."""

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger

Cli = Callable[..., Any]


@pytest.fixture
def used(workdir: Path, cli: Cli) -> Path:
    """Make a ledger with a run and a chart."""
    (workdir / "a.txt").write_text("password=hunter2!\n")
    assert cli("log", "--run", "baseline", "loss=0.5", "--chart", "text=a.txt").code == 0
    return workdir / ".ledger"


def test_a_sound_ledger_is_exit_0(used: Path, cli: Cli) -> None:
    """One line says what was looked at, and that nothing is damaged."""
    done = cli("verify")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("looked at 8 files (")
    assert done.out.endswith("), 1 run, 3 entries: nothing damaged\n")
    assert ", 1 row: " in cli("verify", "--rows").out


def test_damage_is_exit_5_and_notices_are_0(used: Path, cli: Cli) -> None:
    """A foreign file is a notice, a damaged one damage; each is named with what to type."""
    (used / "notes.txt").write_text("x")
    notice = cli("verify")
    assert notice.code == 0
    assert "notice: foreign (1)\n  notes.txt\n" in notice.out
    assert "nothing damaged, 1 notice" in notice.out
    blob = next(used.glob("blobs/*/*"))
    blob.write_bytes(b"x")
    done = cli("verify")
    assert done.code == 5
    assert f"damage: hash-mismatch (1)\n  {blob.relative_to(used)}\n" in done.out
    assert "  > ledger repair" in done.out


def test_the_document(used: Path, cli: Cli) -> None:
    """`--json` has every finding, and counts; `rows` only where they were decoded."""
    segment = next(used.glob("runs/*/*/*.parquet"))
    segment.unlink()
    done = cli("verify", "--json")
    document = json.loads(done.out)
    run = ledger.open().state("baseline").id
    assert done.code == 0
    assert list(document) == ["schema", "path", "files", "bytes", "runs", "entries", "findings", "damage", "notices"]
    assert (document["schema"], document["damage"], document["notices"]) == ("ledger.verify/1", 0, 1)
    (finding,) = document["findings"]
    assert list(finding) == ["kind", "severity", "path", "run", "message", "hint"]
    assert (finding["kind"], finding["severity"], finding["run"]) == ("absent", "notice", run)
    assert finding["path"] == str(segment.relative_to(used))
    assert json.loads(cli("verify", "--rows", "--json").out)["rows"] == 0


def test_secrets_are_located_and_not_printed(used: Path, cli: Cli) -> None:
    """`--secrets` says in which file and line, and nothing of the secret."""
    assert "secret" not in cli("verify").out
    done = cli("verify", "--secrets")
    assert done.code == 0
    assert "line 1 looks like a credential" in done.out
    assert "hunter2" not in done.out


@pytest.mark.parametrize("other", ["--rows", "--secrets"])
def test_fast_goes_with_nothing_else(used: Path, cli: Cli, other: str) -> None:
    """What opens no file cannot decode rows or look for secrets: a usage error."""
    done = cli("verify", "--fast", other)
    assert done.code == 2
    assert f"--fast opens no file: it cannot go with {other}" in done.err
    assert cli("verify", "--fast").code == 0


def test_no_ledger_is_exit_4(workdir: Path, cli: Cli) -> None:
    """Where there is no ledger there is nothing to check."""
    assert cli("verify").code == 4


def test_hostile_names_do_not_reach_the_terminal(used: Path, cli: Cli) -> None:
    """Control codes in names and contents are written as escapes, in the table and in JSON."""
    (used / "\x1b[2Jevil\u202e").write_text("x")
    for options in ([], ["--json"]):
        out = cli("verify", *options).out
        assert "evil" in out
        assert "\x1b" not in out
        assert "\u202e" not in out


def test_a_bar_is_drawn_on_a_terminal_alone(used: Path) -> None:
    """On a terminal's stderr a bar goes by; where stderr is no terminal, rich is not even loaded."""
    main, other = pty.openpty()
    command = [sys.executable, "-m", "ledger", "verify"]
    environment = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=other, check=True, env=environment)
    os.close(other)
    with io.FileIO(main) as terminal:
        assert b"\x1b[" in terminal.read(4096)
    assert done.stdout.endswith(b"nothing damaged\n")
    code = "import sys; from ledger import cli; assert cli._run(['verify']) == 0; assert 'rich' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stderr == b""
