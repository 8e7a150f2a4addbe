"""A file of a ledger as text, for git's diff: the rows of a segment, the lines of a text, one line for all else."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from ledger.format.layout import MEDIA_TYPES
from ledger.view import numbers
from ledger.view.rows import clean, display_width

if TYPE_CHECKING:
    from ledger.table.listing import Listing

LINES_MAX = 2000  # of a text
_KINDS = {"image": "picture", "audio": "sound", "video": "video"}


def render_listing(listing: Listing, altered: bool = False) -> str:
    """Write a segment: a line that says what it is, then a line a row: metric, step, value.

    `altered`: its bytes are not those of its name, which is said.
    """
    counts = f"{numbers.plural(listing.rows, 'row')} of {numbers.plural(listing.series_count, 'metric')}"
    parts = [f"segment: {counts}", *(f"run {run}" for run in listing.runs)]
    if listing.first is not None and listing.last is not None:
        first, last = numbers.timestamp(listing.first), numbers.timestamp(listing.last)
        parts.append(first if first == last else f"{first} to {last}")
    if altered:
        parts.append("DAMAGED: its bytes do not have the sha256 in its name")
    attempts = len({row.attempt for series in listing.series for row in series.rows}) > 1
    lines = []
    for series in listing.series:
        for i, row in enumerate(series.rows):
            if series.left_out and i == len(series.rows) - 1:
                lines.append((series.key, "…", f"{series.left_out:,} more rows"))
            value = "undefined" if row.value is None else numbers.exact(row.value)
            step = "-" if row.step is None else str(row.step)
            lines.append((series.key, step, f"{value}  (attempt {row.attempt})" if attempts else value))
    keys = [clean(key) for key, _, _ in lines]
    wide = max(map(display_width, keys), default=0)
    steps = max((len(step) for _, step, _ in lines), default=0)
    told = [
        f"{key}{' ' * (wide - display_width(key))}  {step:>{steps}}  {text}"
        for key, (_, step, text) in zip(keys, lines, strict=True)
    ]
    if hidden := listing.series_count - len(listing.series):
        told.append(f"… {numbers.plural(hidden, 'more metric')}")
    return "\n".join([clean(", ".join(parts)), *told, ""])


def render_text(data: bytes) -> str | None:
    """Write a text file line by line, what may steer a terminal escaped; None for what is no text."""
    if b"\0" in data[:8000]:
        return None
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        return None
    more = len(lines) - (not lines[-1]) - LINES_MAX
    if more > 0:
        lines = [*lines[:LINES_MAX], f"… {numbers.plural(more, 'more line')}", ""]
    return "\n".join(map(clean, lines))


def render_file(name: str, size: int, head: bytes, more: str = "") -> str:
    """Write one line for a file that is no text: its kind, the size of a picture, its bytes, and `more`."""
    extension = name.rpartition(".")[2].lower() if "." in name else "bin"
    kind = _KINDS.get(MEDIA_TYPES.get(extension, "").partition("/")[0], "file")
    shape = dimensions(head)
    parts = [f"{kind} ({extension})", *([f"{shape[0]} x {shape[1]}"] if shape else []), numbers.size(size)]
    return clean(", ".join(parts) + (f": {more}" if more else "")) + "\n"


def dimensions(head: bytes) -> tuple[int, int] | None:
    """Return width and height of a PNG, GIF or BMP in pixels, from its first bytes; None for anything else."""
    try:
        if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR":
            width, height = struct.unpack_from(">II", head, 16)
        elif head.startswith((b"GIF87a", b"GIF89a")):
            width, height = struct.unpack_from("<HH", head, 6)
        elif head.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", head, 18)
        else:
            return None
    except struct.error:
        return None
    return width, abs(height)
