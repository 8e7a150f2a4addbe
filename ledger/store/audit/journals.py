"""Journals, checked: their bytes, and whether somebody still writes to them; what they name and hold is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import Damage, DamagedFile, NewerFormat
from ledger.store import journal
from ledger.store.audit.inventory import Inventory

if TYPE_CHECKING:
    from ledger.format.rows import Rows

_DAY_NS = 86_400 * 1_000_000_000


class Journals:
    """The journals of a ledger. `named`: the blobs of charts and predictions; `opened`: runs whose `open` entry they
    keep; `rows`: what they hold, by run, if asked for.
    """

    def __init__(self, there: Inventory, *, keep_rows: bool) -> None:
        self.there, self.keep_rows = there, keep_rows
        self.named: set[str] = set()
        self.opened: set[str] = set()
        self.rows: dict[str, list[Rows]] = {}

    def check(self, *, fast: bool) -> None:
        """Check all of them; `fast` leaves out what they hold."""
        by_run: dict[str, list[str]] = {}
        for path in self.there.journals:
            by_run.setdefault(path.split("/")[1], []).append(path)
        for run, paths in by_run.items():
            try:
                presence = journal.presence(self.there.tree, run)
            except (Damage, OSError):
                presence = journal.Presence([], [], [], [])  # what is wrong shows when it is read
            left = {path for path in (*presence.shared, *presence.foreign) if self._is_idle(path)} | {*presence.left}
            for path in paths:
                if path in left:
                    text = "nobody writes to it any more, and its rows are not sealed"
                    self.there.note("abandoned-journal", path, text, run)
                if not fast:
                    self._read(path, run, path in presence.held)

    def _is_idle(self, path: str) -> bool:
        return path in self.there.journals and self.there.journals[path].mtime + _DAY_NS < self.there.now

    def _read(self, path: str, run: str, held: bool) -> None:
        try:
            self._decode(path, run, held)
        except FileNotFoundError:
            pass  # sealed meanwhile
        except NewerFormat as error:
            self.there.note("newer-format", path, error.message, run)
        except DamagedFile as error:
            self.there.note("journal-damaged", path, error.message, run)
        except OSError as error:
            self.there.unreadable(path, error, run)
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
            self.there.note("journal-damaged", path, f"a frame holds what no writer writes: {error}", run)

    def _decode(self, path: str, run: str, held: bool) -> None:
        # Decoding rows needs arrays.
        from ledger.format.rows import decode_journal

        data = self.there.tree.read(path)
        found = journal.read_header(data, path)
        if found is None:
            return
        salt, header, start = found
        if path != f"journal/{header.run}/{header.writer}.journal":
            raise DamagedFile(f"it is the journal of writer {header.writer!r} of run {header.run}")
        content = decode_journal(data, salt, header.writer, header.attempt, start)
        self.named.update(str(chart.fields["blob"]) for chart in content.charts)
        columns = [column for found in content.predictions for column in found.fields["columns"].values()]
        self.named.update(str(column["blob"]) for column in columns)
        for first, end in content.gaps:
            text = f"{end - first} bytes at {first} are damaged: the rows in them are gone"
            self.there.note("journal-gap", path, text, run)
        torn = len(data) - max(content.end, start)
        if torn and not held:
            self.there.note("journal-torn", path, f"its last {torn} bytes are of a call that was cut off", run)
        if header.open_data:
            self.opened.add(run)
        if self.keep_rows:
            self.rows.setdefault(run, []).append(content.rows)
