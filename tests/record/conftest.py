"""What the tests of recording stand on: a disk that refuses, and programs that run in a process of their own."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from ledger.errors import LedgerWarning
from ledger.store import files

ROOT = Path(__file__).parents[2]

Start = Callable[..., "subprocess.Popen[str]"]
Refuse = Callable[..., AbstractContextManager[pytest.WarningsRecorder]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts a Python program in a process of its own; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(code: str, *arguments: str, **env: str | None) -> "subprocess.Popen[str]":
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **env}
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), *arguments],
            env={name: value for name, value in environment.items() if value is not None},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def run_script(start: Start) -> Callable[..., str]:
    """Return a function that runs a Python program to its end, and returns its stdout; it must exit with `code`."""

    def run(text: str, *arguments: str, code: int = 0, **env: str | None) -> str:
        process = start(text, *arguments, **env)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, err
        return out

    return run


@contextmanager
def refuse(*names: str, error: OSError | None = None) -> Iterator[None]:
    """Let these functions of `store.files` fail as on a full disk."""

    def fail(*_: object, **__: object) -> int:
        raise error or OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(files, name, fail)
        yield


@pytest.fixture
def full_disk() -> Callable[..., AbstractContextManager[None]]:
    """Return a context in which the named functions of `store.files` fail."""
    return refuse


@pytest.fixture
def full_disk_said() -> Refuse:
    """Return a context as `full_disk`, in which a warning must be given; it yields the warnings."""

    @contextmanager
    def said(*names: str) -> Iterator[pytest.WarningsRecorder]:
        with refuse(*names), pytest.warns(LedgerWarning) as warnings:
            yield warnings

    return said
