"""Where text goes: stdout for data, stderr for notices; colour and width only for a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click


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
    """Write a JSON document."""
    from ledger.view.document import encode

    sys.stdout.write(encode(document))


def rows(form: str, headings: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
    """Write rows as CSV or Markdown."""
    from ledger.view import rows as view

    if form == "csv":  # exact for a file or a pipe; on a terminal no text may steer it
        sys.stdout.write(view.render_csv(headings, values, terminal=sys.stdout.isatty()))
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


def run_notices(states: Sequence[Any]) -> None:
    """Say what is amiss with runs that are shown, lest an older value be taken for the newest."""
    for state in states:
        for text in state.notices[:3]:
            notice(f"{state.id}: {text}")


def left_out(ledger: Any) -> None:
    """Say which runs could not be read, and why."""
    for damage in ledger.damaged.values():
        notice(f"left out: {damage}")


def stop_if_damaged(ledger: Any, runs: Sequence[str], where: str | None = None) -> None:
    """Exit 5 where runs were asked for as a whole and some could not be read; what they are was said."""
    if ledger.damaged and (where or not runs):
        click.get_current_context().exit(5)


def notice(message: str) -> None:
    """Say something that is not data."""
    from ledger.view.rows import clean

    click.echo("ledger: " + "\n        ".join(clean(line) for line in message.splitlines()), err=True)
