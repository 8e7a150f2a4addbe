"""A program as a run: `ledger run -- CMD` passes LEDGER_RUN on, keeps the tail of the output and the exit status."""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from ledger.errors import UsageError
from ledger.record.redact import redact_text
from ledger.record.run import Run
from ledger.record.start import UNNAMED

TAIL_BYTES = 64 << 10
OUTPUT = "output"  # the chart that holds the tail


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
    status = 128 - code if code < 0 else code
    word = f"ended by {_signal_name(-code)}" if code < 0 else None
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
    old: list[Any] = []
    if threading.current_thread() is threading.main_thread():
        old = [
            (signal.SIGINT, signal.signal(signal.SIGINT, programs.interrupted)),
            (signal.SIGTERM, signal.signal(signal.SIGTERM, programs.end)),
        ]
    try:
        yield programs
    finally:
        for number, handler in old:
            signal.signal(number, handler)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have no name
        return f"signal {number}"


def _forward(source: IO[bytes], target: Any, tail: Tail) -> None:
    """Pass output on as it comes; a target that has gone does not stop the program from being heard."""
    out = getattr(target, "buffer", None)
    with source:
        while chunk := os.read(source.fileno(), 1 << 16):
            tail.add(chunk, source.fileno())
            try:
                if out is not None:
                    out.write(chunk)
                    out.flush()
                else:
                    target.write(chunk.decode("utf-8", "replace"))
            except (OSError, ValueError):
                out, target = None, _Nowhere()


class _Nowhere:
    def write(self, text: str) -> None:
        """Take text and forget it."""
