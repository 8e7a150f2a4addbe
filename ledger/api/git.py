"""Ledger within git's own commands: rows in `git diff`, and a look at what a commit takes in; for `ledger git`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ledger.errors import DamagedFile
from ledger.format import layout
from ledger.git import settings, staging
from ledger.store import files

if TYPE_CHECKING:
    from ledger.git.settings import Settings
    from ledger.record.staged import Staged

__all__ = ["check_staged", "install", "text_of", "uninstall", "work_tree_settings"]

_SIZE_MAX = 64 << 20  # bytes of a file that is read whole; segments are half of that at most
_HEAD = 64  # bytes that say the width and height of a picture


def install(*, hook: bool = False) -> Settings:
    """Make `git diff`, `git show` and `git log -p` show rows here; with `hook`, check what is staged before commits.

    Raises UsageError outside a work tree, and where somebody else's setting or hook is in the way.
    """
    return settings.install(os.getcwd(), hook=hook)


def uninstall() -> list[str]:
    """Take away what `install` has set here, and nothing else; return the files that were changed."""
    return settings.uninstall(os.getcwd())


def work_tree_settings() -> Settings:
    """Say what is installed here, and whether it works; raises UsageError outside a work tree."""
    return settings.settings(os.getcwd())


def check_staged() -> Staged | None:
    """Check what the next commit takes in of any ledger here, and say what it would leave out.

    In a hook of git it is the commit being made. None outside a work tree. Raises Undecided where git cannot tell.
    """
    found = staging.find(os.getcwd())
    if found is None:
        return None
    from ledger.record import staged

    return staged.check(found)


def text_of(path: str) -> str:
    """Return a file of a ledger as text for git's diff: rows, lines, or one line; damage is said in that line.

    Raises OSError and DamagedFile for what cannot be read at all. The name counts, as git gives it to temporary copies.
    """
    from ledger.view import listing as view

    size, name = os.stat(path).st_size, os.path.basename(path).rpartition("_")[2]
    if size > _SIZE_MAX:
        return view.render_file(name, size, files.read_head(path, _HEAD))
    data = files.read(path)
    if not name.endswith(".parquet"):
        pictured = layout.MEDIA_TYPES.get(name.rpartition(".")[2], "").startswith("image/")
        text = None if pictured else view.render_text(data)
        return text if text is not None else view.render_file(name, size, data[:_HEAD])
    from ledger.table import listing

    if layout.parse_segment_name(name) is None:
        return view.render_file(name, size, b"", listing.of_table(data) or "not a Parquet file")
    try:
        return view.render_listing(listing.of_segment(data, "it"), _is_altered(data, name))
    except DamagedFile as error:
        return view.render_file(name, size, b"", error.message)


def _is_altered(data: bytes, name: str) -> bool:
    import hashlib

    return not hashlib.sha256(data).hexdigest().startswith(name.partition(".")[0])
