"""Transcripts of the command line: each story in `stories/` is run, and must say what it says there.

A line `$ ledger ...` is run in this process; `$ NAME=VALUE`, `$ NAME=$(ledger ...)`, `$ NAME=$(ledger ... | tail -n 1 |
cut -d, -f5)`, `$ printf TEXT > FILE` and `$ printf TEXT | ledger ...` do what a shell does, `$ git ...` runs git. Then
come stdout, stderr (each line after `! `), and `? N` where the exit code is not 0. Ids, times and paths are replaced by
constant ones of the same length, so that tables stay aligned.

    python tests/cli/test_stories.py --update [NAME]...     writes what is said now into the stories
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

# Loaded before any story, so that all runs of one note the same packages, whichever tests ran before.
for name in ("numpy", "pandas", "pyarrow.parquet", "matplotlib"):
    import_module(name)

STORIES = Path(__file__).parent / "stories"
NAMES = sorted(path.stem for path in STORIES.glob("*.txt"))

_ID = re.compile(r"[0-9]{8}-[0-9]{6}-([a-z0-9][a-z0-9-]{0,31})-([0-9a-f]{12})(?![0-9a-f])")
_TIMES = [
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"), "2026-01-02T03:04:05.000000Z"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d"), "2026-01-02 03:04"),
    (re.compile(r"set-aside/\d{4}-\d\d-\d\d"), "set-aside/2026-01-02"),
    (re.compile(r"looked at (\d+) files \([^)]*\)"), r"looked at \1 files (4.2 KiB)"),
    (re.compile(r"; (\d+ files?), [\d.]+ [KM]?i?B$", re.MULTILINE), r"; \1, 4.2 KiB"),
    (re.compile(r"^duration  .*$", re.MULTILINE), "duration  1 s"),
    (re.compile(r'(?<=[" ,])[0-9a-f]{16}(?=[" ,]|$)', re.MULTILINE), "0123456789abcdef"),
    (re.compile(r'"program": \{\n.*?\n  \}', re.DOTALL), '"program": {...}'),
    (re.compile(r"/[^ ]*ledger-bug-[^ ]*"), "/tmp/ledger-bug.txt"),
]
# What a story may see of the machine it is told on.
ENVIRONMENT = {"LEDGER_AUTHOR": "Ada", "LEDGER_NO_ARGV": "1", "LEDGER_NO_GIT": "1", "COLUMNS": None}


class Storyteller:
    """Runs the commands of one story, and writes down what they say."""

    def __init__(self, cli: Callable[..., Any], folder: Path) -> None:
        self.cli, self.folder = cli, folder
        self.variables: dict[str, str] = {}
        self.ids: dict[str, str] = {}

    def tell(self, story: str) -> str:
        """Return the story with what its commands say now."""
        told: list[str] = []
        for line in story.splitlines():
            if line.startswith("$ "):
                told += [line, *self.run(line[2:])]
            elif line.startswith("#"):
                told += ["", line] if told and told[-1] and not told[-1].startswith("#") else [line]
        return "\n".join(told).rstrip("\n") + "\n"

    def run(self, command: str) -> list[str]:
        """Run a command; return the lines it says."""
        if match := re.fullmatch(r"(\w+)=\$\((ledger .*) \| tail -n 1 \| cut -d, -f(\d+)\)", command):
            result = self.ledger(match[2])
            self.variables[match[1]] = result.out.splitlines()[-1].split(",")[int(match[3]) - 1]
            return self.lines("", result.err, result.code)
        if match := re.fullmatch(r"(\w+)=\$\((ledger .*)\)", command):
            result = self.ledger(match[2])
            self.variables[match[1]] = result.out.strip()
            return self.lines("", result.err, result.code)
        if match := re.fullmatch(r"(\w+)=(\S*)", command):
            self.variables[match[1]] = match[2]
            return []
        if match := re.fullmatch(r"printf ('[^']*') > (\S+)", command):
            (self.folder / match[2]).write_text(shlex.split(match[1])[0].encode().decode("unicode_escape"))
            return []
        if command.startswith("git "):
            done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
            return self.lines(done.stdout, done.stderr, done.returncode)
        stdin = ""
        if match := re.fullmatch(r"printf ('[^']*') \| (ledger .*)", command):
            stdin, command = shlex.split(match[1])[0].encode().decode("unicode_escape"), match[2]
        result = self.ledger(command, stdin)
        return self.lines(result.out, result.err, result.code)

    def ledger(self, command: str, stdin: str = "") -> Any:
        """Run `ledger ...` in this process, its variables expanded."""
        for name, value in self.variables.items():
            command = re.sub(rf"\${name}\b", value, command)
        words = shlex.split(command)
        assert words[0] == "ledger", command
        return self.cli(*words[1:], stdin=stdin, env=ENVIRONMENT | self.variables)

    def lines(self, out: str, err: str, code: int) -> list[str]:
        """Return what was said as it stands in a story."""
        lines = [*out.splitlines(), *(f"! {line}" for line in err.splitlines())]
        if code:
            lines.append(f"? {code}")
        text = "\n".join(lines).replace(str(self.folder), "/home/ada/project")
        text = _ID.sub(self.constant, text)
        for pattern, replacement in _TIMES:
            text = pattern.sub(replacement, text)
        return [line.rstrip() for line in text.splitlines()]

    def constant(self, match: "re.Match[str]") -> str:
        """Return a run's id with a constant time, and its number among the runs of the story."""
        number = self.ids.setdefault(match[0], f"{len(self.ids) + 1:012x}")
        return f"20260102-030405-{match[1]}-{number}"


@pytest.mark.parametrize("name", NAMES)
def test_a_story_is_told_as_it_is_written(name: str, cli: Callable[..., Any], workdir: Path) -> None:
    """Word for word, exit codes included."""
    written = (STORIES / f"{name}.txt").read_text("utf-8")
    assert Storyteller(cli, workdir).tell(written) == written


def test_every_command_has_a_story() -> None:
    """A story is called like the command it is about."""
    from ledger.cli import COMMANDS

    assert set(COMMANDS) - set(NAMES) == set()


def test_nothing_of_this_machine_is_in_a_story() -> None:
    """Neither folders nor names of hosts: what is written holds everywhere."""
    for name in NAMES:
        text = (STORIES / f"{name}.txt").read_text("utf-8")
        assert os.uname().nodename not in text
        assert re.findall(r"(?<!/ada)/(?!home/ada/)(?:tmp|root|home|work|usr)/\S*", text) == []


def _update(names: list[str]) -> None:
    """Write what is said now into the stories."""
    import importlib.util
    import tempfile

    spec = importlib.util.spec_from_file_location("conftest", Path(__file__).parents[1] / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    conftest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conftest)
    for name in [name for name in os.environ if name.startswith(("GIT_", "LEDGER_"))]:
        del os.environ[name]
    os.environ |= {"HOME": "/dev/null/home", "TZ": "UTC"}
    for name in names or NAMES:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["LEDGER_CACHE_DIR"] = f"{folder}/cache"
            work = Path(folder).resolve() / "work"
            work.mkdir()
            os.chdir(work)
            path = STORIES / f"{name}.txt"
            path.write_text(Storyteller(conftest.run_cli, work).tell(path.read_text("utf-8")), "utf-8")
            os.chdir("/")


if __name__ == "__main__":
    if sys.argv[1:2] != ["--update"]:
        sys.exit(__doc__)
    _update(sys.argv[2:])
