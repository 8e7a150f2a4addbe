"""A program as a run: its output passes through, its tail and its exit status are kept, signals reach it."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger
from ledger import api
from ledger.errors import UsageError
from ledger.format import names
from ledger.record import program
from ledger.store.state import RunState

pytestmark = pytest.mark.usefixtures("workdir")


def run(*command: str, **given: object) -> tuple[RunState, int]:
    """Run a command as a run; return the run's state and the exit status."""
    id, code = api.run_program(list(command), **given)  # type: ignore[arg-type]
    return ledger.open().state(id), code


def test_output_passes_through_and_its_tail_is_kept(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Both streams, byte for byte; what is kept is text, with secrets redacted."""
    state, code = run("sh", "-c", "echo out; echo err >&2; printf 'caf\\351 --token=hunter2\\n'")
    assert code == 0
    assert (state.status, state.exit_status, state.name) == ("finished", 0, "sh")
    said = capfdbinary.readouterr()
    assert said.out == b"out\ncaf\xe9 --token=hunter2\n"
    assert said.err == b"err\n"
    kept = ledger.open().chart(state.id, program.OUTPUT).decode()
    assert {"out", "err"} <= set(kept.splitlines())
    assert "caf\ufffd" in kept
    assert "hunter2" not in kept


@pytest.mark.parametrize(
    ("script", "code", "status", "error"),
    [
        ("exit 3", 3, "failed", None),
        ("kill -TERM $$", 143, "failed", "ended by SIGTERM"),
        ("kill -40 $$", 168, "failed", "ended by signal 40"),
        ("true", 0, "finished", None),
    ],
)
def test_the_exit_status_is_the_programs_own(script: str, code: int, status: str, error: str | None) -> None:
    """As a shell has it: 128 and the number of the signal that ended it."""
    state, found = run("sh", "-c", script)
    assert (found, state.exit_status, state.status, state.error) == (code, code, status, error)


def test_a_program_that_cannot_be_started() -> None:
    """Exit 2 with what the system says; the run is kept, failed, with the status a shell gives."""
    for command in ("/nowhere/at-all", ".", "a\0b", "\udcff"):
        with pytest.raises(UsageError, match="cannot run"):
            run(command, name="x")
        state = ledger.open().state("@1")
        assert (state.status, state.exit_status) == ("failed", 127)


def test_what_the_program_logs_is_in_the_run(workdir: Path) -> None:
    """It finds the run in LEDGER_RUN and the ledger in LEDGER_DIR, wherever it goes."""
    script = "import os, ledger; os.chdir('/'); r = ledger.start('other'); r.log({'x': 1.5}, step=3)"
    state, code = run(
        "env",
        f"PYTHONPATH={Path(ledger.__file__).parents[1]}",
        sys.executable,
        "-W",
        "ignore",
        "-c",
        script,
        name="train",
        params={"lr": 0.5},
        tags=["cv"],
        seed=3,
        note="n",
        group="g",
    )
    assert code == 0
    assert (state.name, state.metrics["x"].last, state.params, state.tags) == ("train", 1.5, {"lr": 0.5}, ["cv"])
    assert (state.status, len(ledger.open().select())) == ("finished", 1)
    assert not list(Path(".ledger/journal").glob("2*"))


def test_nothing_is_kept_where_nothing_is_wanted_or_said() -> None:
    """--no-output leaves the streams alone; a program that says nothing has no text."""
    assert run("sh", "-c", "echo x", keep_output=False)[0].charts == []
    assert run("true")[0].charts == []


def test_a_long_output_keeps_its_end() -> None:
    """The last 64 KiB, beginning with a whole line, and a word that something was cut off."""
    state, _ = run("sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done")
    kept = ledger.open().chart(state.id, program.OUTPUT).decode()
    assert kept.startswith("... (the beginning was cut off)\nline ")
    assert kept.endswith("line 19999\n")
    assert program.TAIL_BYTES * 0.9 < len(kept) <= program.TAIL_BYTES + 40


def test_a_grandchild_that_keeps_the_pipe_open_does_not_hold_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that the program left behind is not waited for for ever."""
    import threading

    real = threading.Thread.join
    monkeypatch.setattr(threading.Thread, "join", lambda self, timeout=None: real(self, min(timeout or 0.2, 0.2)))
    begun = time.monotonic()
    state, code = run("sh", "-c", "sleep 3 & echo done")
    assert time.monotonic() - begun < 2.5
    assert (code, state.status) == (0, "finished")
    assert ledger.open().chart(state.id, program.OUTPUT) == b"done\n"


def test_sigterm_is_passed_on(start: Callable[..., "object"], tmp_path: Path) -> None:
    """Whoever ends `ledger run` ends the program; the run is interrupted, and says by what."""
    process = start(
        """
        import sys
        from ledger import api
        id, code = api.run_program(["sh", "-c", "echo ready; exec sleep 60"], name="a")
        sys.exit(code)
        """
    )
    assert process.stdout.readline() == "ready\n"  # type: ignore[attr-defined]
    os.kill(process.pid, signal.SIGTERM)  # type: ignore[attr-defined]
    assert process.wait(timeout=20) == 143  # type: ignore[attr-defined]
    state = ledger.open().state("a")
    assert (state.status, state.error) == ("interrupted", "ended by SIGTERM")


@given(st.lists(st.binary(max_size=12), max_size=30), st.integers(1, 40))
def test_the_tail_is_the_end_of_all_that_went_by(pieces: list[bytes], limit: int) -> None:
    """However the bytes came, what is kept is the end of them; where it was cut it begins with a whole line."""
    pieces = [piece.replace(b"\n\n", b"\n") for piece in pieces if piece]
    tail = program.Tail(limit)
    for piece in pieces:
        tail.add(piece)
    whole = b"".join(pieces)
    text = tail.text()
    if len(whole) <= limit:
        assert not tail.cut
    assert tail.cut == text.startswith("... (the beginning was cut off)\n")
    if tail.cut:
        end = whole[-limit:]
        expected = end.partition(b"\n")[2] or end
        assert text.removeprefix("... (the beginning was cut off)\n") in (
            expected.decode("utf-8", "replace"),
            program.redact_text(expected.decode("utf-8", "replace")),
        )


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python", "train.py", "--lr", "1"], "train"),
        (["python3", "-u", "x/fit.py"], "fit"),
        (["python", "-m", "x"], "python"),
        (["./run.sh"], "run"),
        (["/usr/bin/env", "x"], "env"),
        (["a:b"], "a-b"),
        (["@x"], "x"),
        ([".hidden"], ".hidden"),
        (["\udcff.py"], "\\udcff"),
        (["@ a.\t.b...c.sh"], "a.b.c"),
        (["x" * 600], "x" * 100),
        (["/"], "run"),
    ],
)
def test_a_program_names_its_run(command: list[str], name: str) -> None:
    """The script of an interpreter, else the program; what selectors use is taken out."""
    assert names.check_run_name(program.name_of(command)) == name
