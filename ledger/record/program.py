"""A program as a run: `ledger run -- CMD` passes LEDGER_RUN on, keeps the tail of the output and the exit status.

Many at once, for the runs of many commits, are `ProcessGroups`: they are heard, not passed through, and end together.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

from ledger.errors import UsageError
from ledger.record.redact import redact_text
from ledger.record.run import Run
from ledger.record.start import UNNAMED, as_text

TAIL_BYTES = 64 << 10
OUTPUT = "output"  # the chart that holds the tail
PATIENCE_S = 10.0  # how long programs that were asked to end may take
REST_S = 1.0  # how long what they leave behind may take
_NAME_MAX = 100  # characters of a name that we make up
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def name_of(command: Sequence[str]) -> str:
    """Return what a run of a command is called: the script of `python train.py`, else the program; always a name."""
    words = [os.path.basename(word) for word in command]
    if words[0].startswith("python"):
        scripts = [word for word in words[1:] if word.endswith(".py")]
        words = scripts[:1] or words
    stem = "".join(c for c in as_text(os.path.splitext(words[0])[0]) if c.isprintable())
    return re.sub(r"\.\.+", ".", stem.replace(":", "-"))[:_NAME_MAX].lstrip("@ ").rstrip() or "run"


class Tail:
    """The last bytes of what went by. Lines of two streams are not mixed, which would hide secrets from redaction."""

    def __init__(self, limit: int = TAIL_BYTES) -> None:
        self._parts: deque[bytes] = deque()
        self._begun: dict[int, bytes] = {}  # by stream: a line that is not at its end
        self._size, self._limit, self.cut = 0, limit, False
        self._lock = threading.Lock()

    def add(self, data: bytes, stream: int = 0) -> None:
        """Take bytes of a stream in, and let the oldest go."""
        with self._lock:
            data = self._begun.pop(stream, b"") + data
            end = data.rfind(b"\n") + 1
            if len(data) - end < self._limit:
                self._begun[stream] = data[end:]
                data = data[:end]
            if not data:
                return
            self._parts.append(data)
            self._size += len(data)
            while self._size - len(self._parts[0]) >= self._limit:
                self._size -= len(self._parts.popleft())
                self.cut = True

    def text(self) -> str:
        """Return the tail as text, redacted, beginning with a whole line where something was cut off."""
        with self._lock:
            data = b"".join((*self._parts, *self._begun.values()))
        if len(data) > self._limit:
            data, self.cut = data[-self._limit :], True
        if self.cut:
            data = data.partition(b"\n")[2] or data
        text = redact_text(data.decode("utf-8", "replace"))
        return f"... (the beginning was cut off)\n{text}" if self.cut else text


def run_program(run: Run, directory: str, command: list[str], *, keep_output: bool, named: bool = True) -> int:
    """Run a command as a run that this process owns, close the run, and return the command's exit status.

    A command ended by a signal gives 128 + its number, as a shell does. Raises UsageError where it cannot be started.
    """
    environment = {**os.environ, "LEDGER_RUN": run.id, "LEDGER_DIR": directory, "PYTHONUNBUFFERED": "1"}
    if not named:  # then a name that the program gives is better than ours
        environment[UNNAMED] = run.id
    pipe = subprocess.PIPE if keep_output else None
    tail = Tail()
    with _signals() as programs:
        try:
            process = subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            run.finish("failed", exit_status=127, error=f"cannot run {command[0]!r}: {why}")
            raise UsageError(f"cannot run {command[0]!r}: {why}", hint=f"the run {run.id} is failed") from None
        programs.append(process)
        threads = [
            threading.Thread(target=_forward, args=(source, target, tail), daemon=True)
            for source, target in ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
            if source is not None
        ]
        for thread in threads:
            thread.start()
        code = process.wait()
        for thread in threads:
            thread.join(timeout=5)  # a grandchild may keep the pipe open
    if keep_output and (text := tail.text()).strip():
        run.log_text(OUTPUT, text)
    status, word = _status(code)
    ended = "finished" if status == 0 else "interrupted" if programs.ending else "failed"
    run.finish(ended, exit_status=status, error=word)
    return status


class _Programs(list["subprocess.Popen[bytes]"]):
    """The program, once it is started; asked to end, it is ended, also where that was asked before it was started."""

    ending = False

    def interrupted(self, *_: object) -> None:
        """Know of a Ctrl-C, which the program hears by itself."""
        self.ending = True

    def end(self, *_: object) -> None:
        """End the program."""
        self.ending = True
        for program in self:
            program.terminate()

    def append(self, program: "subprocess.Popen[bytes]") -> None:
        super().append(program)
        if self.ending:
            self.end()


@contextmanager
def _signals() -> Iterator[_Programs]:
    """Pass SIGTERM on to the program; Ctrl-C reaches it by itself. Only the main thread may say what signals do."""
    programs = _Programs()
    with _handled({signal.SIGINT: programs.interrupted, signal.SIGTERM: programs.end}):
        yield programs


@contextmanager
def _handled(handlers: Mapping[signal.Signals, Callable[..., None]]) -> Iterator[None]:
    """Let signals do something else for a while; only the main thread may say what signals do."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, before in old.items():
            signal.signal(number, before)


class Ended(NamedTuple):
    """How a program ended: its exit status as a shell has it, the signal that ended it, the tail of what it said."""

    status: int
    error: str | None
    output: str


class ProcessGroups:
    """Programs that run at once, each with what it starts in a process group of its own; all can be ended together.

    Each is waited for by a thread that looks whether it is to end: so a signal handler may ask for that at any moment.
    """

    def __init__(self) -> None:
        self.ending = False
        self._insist = False

    def end(self) -> None:
        """End all programs, and start none any more; a second time, do not wait for those that take theirs."""
        self.ending, self._insist = True, self.ending

    @contextmanager
    def heeding(self) -> Iterator[None]:
        """At Ctrl-C, SIGTERM and SIGHUP end all programs; the signal does what it always does behind the block."""
        came: list[int] = []

        def heed(number: int, _: object) -> None:
            came.append(number)
            self.end()

        asked = [n for n in _ENDING if signal.getsignal(n) not in (signal.SIG_IGN, None)]
        try:
            with _handled(dict.fromkeys(asked, heed)):
                yield
        finally:
            if came:
                signal.raise_signal(came[0])

    def run(self, command: list[str], folder: str, environment: Mapping[str, str], held: int) -> Ended:
        """Run a command in a folder; what it started and left behind is ended with it.

        `held` is a descriptor that the program inherits. Raises OSError and ValueError where it cannot be started.
        """
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe,
            start_new_session=True, pass_fds=(held,),
        )  # fmt: skip
        tail = Tail()
        threads = [
            threading.Thread(target=_forward, args=(source, None, tail), daemon=True)
            for source in (process.stdout, process.stderr)
        ]
        for thread in threads:
            thread.start()
        self._wait(process.pid)
        _signal_group(process.pid, signal.SIGTERM)
        code = process.wait()
        _end_rest(process.pid)
        for thread in threads:
            thread.join(timeout=5)  # who left the group may keep the pipe open
        return Ended(*_status(code), tail.text())

    def _wait(self, leader: int) -> None:
        """Wait until the leader of a group has ended, which then keeps its number until it is asked for its status."""
        asked: float | None = None
        pause = 0.001
        while _lives(leader):
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
            if self.ending and asked is None:
                asked = time.monotonic()
                _signal_group(leader, signal.SIGTERM)
            elif asked is not None and (self._insist or time.monotonic() - asked > PATIENCE_S):
                _signal_group(leader, signal.SIGKILL)


def _lives(leader: int) -> bool:
    try:
        return os.waitid(os.P_PID, leader, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None
    except ChildProcessError:  # where SIGCHLD is ignored, nobody is told of ends
        return _signal_group(leader, 0)


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group; say whether there is one."""
    try:
        os.killpg(group, number)
    except OSError:
        return False
    return True


def _end_rest(group: int) -> None:
    """Wait a moment for what is left of a group that was asked to end; then end it."""
    until = time.monotonic() + REST_S
    while _signal_group(group, 0):
        if time.monotonic() > until:
            _signal_group(group, signal.SIGKILL)
            return
        time.sleep(0.01)


def _status(code: int) -> tuple[int, str | None]:
    """Return the exit status that a shell gives, and by which signal the program ended, if it did."""
    return (128 - code, f"ended by {_signal_name(-code)}") if code < 0 else (code, None)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have no name
        return f"signal {number}"


def _forward(source: IO[bytes], target: Any, tail: Tail) -> None:
    """Pass output on as it comes, where there is a target; one that has gone does not stop us from listening."""
    out = getattr(target, "buffer", None)
    with source:
        while chunk := os.read(source.fileno(), 1 << 16):
            tail.add(chunk, source.fileno())
            try:
                if out is not None:
                    out.write(chunk)
                    out.flush()
                elif target is not None:
                    target.write(chunk.decode("utf-8", "replace"))
            except (OSError, ValueError):
                out = target = None
