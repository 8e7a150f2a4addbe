"""What every test stands on: no home, no settings of whoever runs the tests, and a folder of its own to work in."""

import contextlib
import io
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

from ledger import cli as command_line
from ledger.errors import LedgerWarning

# How long an example takes says more of the machine than of the code; what CI says of a change must not be luck.
settings.register_profile("ledger", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("ledger")


@pytest.fixture(scope="session", autouse=True)
def clean_environment(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[pytest.MonkeyPatch]:
    """Keep what surrounds the tests out of them: home, git settings, ledger settings, terminal settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("GIT_", "LEDGER_", "XDG_"))]:
            patch.delenv(name)
        for name in ["COLUMNS", "FORCE_COLOR", "NO_COLOR", "RANK", "WORLD_SIZE", "PYTHONWARNINGS"]:
            patch.delenv(name, raising=False)
        # Not a folder for root either, so a test that touches the home of somebody fails.
        patch.setenv("HOME", "/dev/null/home")
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("GIT_TERMINAL_PROMPT", "0")
        patch.setenv("LEDGER_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        # The list of fonts takes seconds to build: keep it from one session to the next.
        patch.setenv("MPLCONFIGDIR", str(_font_folder(pytestconfig, tmp_path_factory)))
        patch.setenv("TZ", "UTC")
        # Other processes run the same code as this one, installed or not.
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        yield patch


def _font_folder(config: pytest.Config, factory: pytest.TempPathFactory) -> Path:
    cache = getattr(config, "cache", None)
    if cache is None:
        return factory.mktemp("matplotlib")
    folder: Path = cache.mkdir("matplotlib")
    return folder


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder that is in no repository."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def git(*arguments: str, cwd: Path | None = None) -> str:
    """Run git as a user would, and return what it said; a failure is an error of the test."""
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def repo(workdir: Path) -> Path:
    """Work in a repository with a user, a first commit and nothing of ledger."""
    git("init", "-q", "-b", "main")
    git("config", "user.name", "Ada Lovelace")
    git("config", "user.email", "ada@example.org")
    (workdir / "train.py").write_text("print(1)\n")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    return workdir


class Result(NamedTuple):
    """What a command did: its exit code, what it wrote, and the bytes of stdout for what is no text."""

    code: int
    out: str
    err: str
    data: bytes


@pytest.fixture
def cli() -> Callable[..., Result]:
    """Return a function that runs a command line in this process: `cli("ls", "--json", stdin=..., env=...)`."""
    return run_cli


def run_cli(*arguments: object, stdin: str | bytes = "", env: Mapping[str, str | None] | None = None) -> Result:
    """Run a command line in this process; an `env` value of None takes the variable away."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2))
    given = io.TextIOWrapper(io.BytesIO(stdin if isinstance(stdin, bytes) else stdin.encode()), encoding="utf-8")
    folder = os.getcwd()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
        warnings.catch_warnings(),
    ):
        patch.setattr(sys, "stdin", given)
        for name, value in (env or {}).items():
            if value is None:
                patch.delenv(name, raising=False)
            else:
                patch.setenv(name, value)
        warnings.simplefilter("always", LedgerWarning)
        warnings.showwarning = command_line._show_warning
        try:
            code = command_line._run([str(argument) for argument in arguments])
        finally:
            os.chdir(folder)
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue())  # type: ignore[attr-defined]
    return Result(code, texts[0].decode("utf-8", "replace"), texts[1].decode("utf-8", "replace"), texts[0])
