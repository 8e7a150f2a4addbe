"""Where text goes: stdout for data, stderr for notices; colour and width only for a terminal.

What an encoding other than UTF-8 cannot hold is written in ASCII: lines and arrows as what looks like them, the letters
of texts as escapes, and in JSON as its own escapes.
"""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

_NOTICES_MOST = 20
# What is drawn with, in ASCII; of one width where tables and plots stand on it.
_PLAIN = dict(zip("─│├└┤▁▂▃▄▅▆▇█▏▎▍▌▋▊▉✓✗★·×−–²", "-|+++_.-:=+*#|||####yx*.x--2", strict=True))
_PLAIN |= {"↑": "^", "↓": "v", "→": ">", "▼": "v", "↖": "^", "↗": "^", "↘": "v", "↙": "v"}
_PLAIN |= {"…": "...", "±": "+-", "≤": "<=", "≥": ">=", "√": "sqrt", "β": "beta", "ρ": "rho", "Σ": "sum"}
_DOTS = " ..:::###"  # a plot's dots by how many there are in a place


def readable() -> None:
    """Let stdout and stderr write what their encoding cannot hold as something readable, never fail for it."""
    codecs.register_error("ledger", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        errors = getattr(stream, "errors", None)
        foreign = str(getattr(stream, "encoding", "utf-8")).lower().replace("_", "-") not in ("utf-8", "utf8")
        # Who chose `replace` or the like has it; surrogateescape, of the C locale, is for bytes of file names alone.
        chosen = ("strict", "surrogateescape", "backslashreplace") if foreign else ("strict",)
        if errors in chosen and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="ledger")


def _in_ascii(error: UnicodeError) -> tuple[str | bytes, int]:
    """Give what stands for characters that cannot be encoded (an error handler of `codecs`)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(character: str) -> str:
    if "\u2800" <= character <= "\u28ff":
        return _DOTS[(ord(character) - 0x2800).bit_count()]
    return _PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode()


def _exact(text: str) -> str:
    """Return data as stdout can hold it: letters that it cannot are escapes, and nothing is written as another sign."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def color() -> bool:
    """Say whether to colour: as `--color` says, else on a terminal unless NO_COLOR is set."""
    context = click.get_current_context(silent=True)
    wanted = context.find_root().obj if context else "auto"
    if wanted in ("always", "never"):
        return wanted == "always"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def width() -> int | None:
    """Return the width of the terminal, or None where the text goes elsewhere and nothing needs to fit."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        import shutil

        return shutil.get_terminal_size((100, 24)).columns
    return None


def text(data: str) -> None:
    """Write text to stdout as it is."""
    sys.stdout.write(data)


def json(document: dict[str, Any]) -> None:
    """Write a JSON document; what stdout cannot hold is escaped as JSON has it."""
    from ledger.view.document import encode, escaped

    text = encode(document)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = escaped(text)
    sys.stdout.write(text)


def rows(form: str, headings: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
    """Write rows as CSV or Markdown."""
    from ledger.view import rows as view

    if form == "csv":  # exact for a file or a pipe; on a terminal no text may steer it
        sys.stdout.write(_exact(view.render_csv(headings, values, terminal=sys.stdout.isatty())))
    else:
        sys.stdout.write(view.render_markdown(headings, values))


class Rows:
    """Where exported rows go when they go to stdout: as they are, or on a terminal with their control codes escaped."""

    def write(self, data: bytes) -> None:
        """Write bytes of UTF-8 text, or of a file where nobody looks."""
        if not sys.stdout.isatty():
            sys.stdout.buffer.write(data)
            return
        from ledger.view.rows import clean

        sys.stdout.write("\n".join(clean(line) for line in data.decode("utf-8", "replace").split("\n")))


def write(path: str, data: bytes | str) -> None:
    """Write a file that the user asked for; raises a usage error where that is not possible."""
    try:
        with open(path, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
    except OSError as error:
        raise click.UsageError(f"cannot write {path}: {error.strerror}") from None


def folder(path: str) -> None:
    """Make a folder that the user asked for, unless it is there; raises a usage error where that is not possible."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"cannot make the folder {path}: {error.strerror}") from None


def write_new(stem: str, ending: str, data: bytes) -> tuple[str, bool]:
    """Write STEM.ENDING here, never over another file: then STEM-2 and so on; return the name, and whether it is new.

    A file that holds these very bytes is left as it is.
    """
    for number in range(1, 10_000):
        path = stem + (f"-{number}" if number > 1 else "") + ending
        try:
            with open(path, "xb") as file:
                file.write(data)
            return path, True
        except FileExistsError:
            if _holds(path, data):
                return path, False
        except OSError as error:
            raise click.UsageError(f"cannot write {path}: {error.strerror}; name another file with -o") from None
    raise click.UsageError(f"there are 10000 files called {stem}-N{ending} here; name another with -o")


def _holds(path: str, data: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(data) + 1) == data
    except OSError:
        return False


def run_notices(states: Sequence[Any]) -> None:
    """Say what is amiss with runs that are shown, lest an older value be taken for the newest."""
    for state in states:
        for text in state.notices[:3]:
            notice(f"{state.id}: {text}")


def left_out(ledger: Any) -> None:
    """Say which runs could not be read, and why."""
    for id, damage in ledger.damaged.items():
        notice(f"left out: run {id}: {damage}")


def notices(texts: Sequence[str]) -> None:
    """Say what is amiss, each on a line of its own; of very many, the first ones."""
    for text in texts[:_NOTICES_MOST]:
        notice(text)
    if len(texts) > _NOTICES_MOST:
        notice(f"and {len(texts) - _NOTICES_MOST} more; see --json")


def stop_if_damaged(ledger: Any, runs: Sequence[str], where: str | None = None) -> None:
    """Exit 5 where runs were asked for as a whole and some could not be read; what they are was said."""
    if ledger.damaged and (where or not runs):
        click.get_current_context().exit(5)


def notice(message: str) -> None:
    """Say something that is not data."""
    from ledger.view.rows import clean

    say("ledger: " + "\n        ".join(clean(line) for line in message.splitlines()))


def say(text: str) -> None:
    """Write a text to stderr in its own encoding, which `click.echo` would not go by where that is ASCII."""
    click.echo(text, file=sys.stderr)
