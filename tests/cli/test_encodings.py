"""A stdout that is not UTF-8: characters it cannot hold are written as something readable, and JSON stays JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ledger

ASCII = {"PYTHONIOENCODING": "ascii"}
LATIN = {"PYTHONIOENCODING": "latin-1"}
C_LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": ""}


def call(*arguments: str, env: dict[str, str]) -> tuple[int, bytes, str]:
    """The command line in a process of its own: exit code, stdout, stderr."""
    command = [sys.executable, "-m", "ledger", *arguments]
    done = subprocess.run(command, capture_output=True, env=os.environ | env, check=False)
    return done.returncode, done.stdout, done.stderr.decode("latin-1")


@pytest.fixture(autouse=True)
def runs(workdir: Path) -> None:
    """Two runs, one with a name of letters beyond latin-1; curves, an undefined value and predictions."""
    for i, name in enumerate(("caf\u00e9-\u6a21\u578b", "plain")):
        with ledger.start(name, params={"lr": 0.1 * (i + 1)}) as run:
            for step in range(4):
                run.log({"train/loss": 1 / (step + 1 + i), "val/loss": 2 / (step + 1 + i)}, step=step)
            run.evaluate(y_true=[0, 1, 1, 0], y_score=[0.1, 0.9, 0.4, 0.2], kind="binary", split="test")


TABLES = [
    ["ls"], ["show", "@1"], ["evaluate", "@1"], ["compare", "@1", "@2"], ["charts", "@2"],
    ["history", "@1", "train/loss"],
    ["ls", "--csv"], ["ls", "--md"], ["status"], ["plot", "curves", "--metric", "loss", "--terminal"],
    ["plot", "roc", "--terminal"],
]  # fmt: skip


@pytest.mark.parametrize(
    ("env", "commands"),
    [(ASCII, TABLES), (LATIN, [TABLES[0], TABLES[2], TABLES[-2]]), (C_LOCALE, TABLES[:1])],
    ids=["ascii", "latin-1", "C"],
)
def test_no_character_is_a_crash(env: dict[str, str], commands: list[list[str]]) -> None:
    """Exit 0 and no bug, in tables, plots and CSV; what is drawn with is of ASCII."""
    for words in commands:
        code, out, said = call(*words, env=env)
        assert (code, "bug" in said) == (0, False), (words, said)
        assert out
        assert env is LATIN or out.isascii()


def test_tables_look_alike() -> None:
    """Rules and arrows in ASCII, letters as escapes; latin-1 keeps the letters that it has."""
    lines = call("ls", "--columns", "name,test/roc_auc", env=ASCII)[1].decode("ascii").splitlines()
    assert lines[0].split() == ["name", "test/roc_auc", "^"]
    assert set(lines[1]) == {"-", " "}
    assert "caf\\xe9-\\u6a21\\u578b" in lines[3]
    assert "caf\u00e9-\\u6a21" in call("ls", env=LATIN)[1].decode("latin-1")


@pytest.mark.parametrize("env", [ASCII, LATIN], ids=["ascii", "latin-1"])
def test_json_has_its_own_escapes(env: dict[str, str]) -> None:
    """It reads back as the same, characters beyond the first plane too."""
    with ledger.start("last", params={"text": "\u2026 \u00e9 \U0001f600"}):
        pass
    code, out, said = call("ls", "--json", env=env)
    assert (code, said) == (0, "")
    found = [(run["name"], run["params"].get("text")) for run in json.loads(out.decode("ascii"))["runs"]]
    assert ("last", "\u2026 \u00e9 \U0001f600") in found
    assert "caf\u00e9-\u6a21\u578b" in [name for name, _ in found]


def test_what_goes_wrong_is_said_in_the_encoding_of_stderr() -> None:
    """An error names what was asked for."""
    code, _, said = call("show", "\u6a21", env=ASCII)
    assert code == 4
    assert "\\u6a21" in said


def test_utf_8_is_untouched() -> None:
    """And what somebody chose for characters that do not fit."""
    out = call("ls", env={"PYTHONIOENCODING": "utf-8"})[1].decode()
    assert "\u2500" in out
    assert "caf\u00e9-\u6a21\u578b" in out
    assert b"?" in call("ls", env={"PYTHONIOENCODING": "ascii:replace"})[1]
