"""What the tests of the store stand on: an empty ledger, and a short way to put entries and rows into it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.format import entries as form
from ledger.format.rows import NO_STEP, Rows
from ledger.record import seal
from ledger.store import entries, files
from ledger.store.tree import Tree

RUN = "20261122-031501-baseline-7f3a9c2e1b0d"


@pytest.fixture
def tree(workdir: Path) -> Tree:
    """Make an empty ledger."""
    made = Tree(str(workdir / ".ledger"))
    made.prepare()
    return made


@pytest.fixture
def run() -> str:
    """Return the id of the run that these tests write."""
    return RUN


def make_rows(
    writer: str, table: list[tuple[str, int | None, float, int]], *, attempt: int = 1, first: int = 0
) -> Rows:
    """Return rows of (metric, step, value, time), in the order of a segment."""
    keys = list(dict.fromkeys((metric, None) for metric, *_ in table))
    rows = Rows(keys, [writer], len(table))
    for i, (metric, step, value, time) in enumerate(table):
        rows.key[i], rows.value[i], rows.time[i] = keys.index((metric, None)), value, time
        rows.step[i] = NO_STEP if step is None else step
        rows.seq[i], rows.attempt[i] = first + i, attempt
    return rows.sorted()


@pytest.fixture
def rows() -> Callable[..., Rows]:
    """Return a function that makes rows of (metric, step, value, time)."""
    return make_rows


class Author:
    """Writes entries of one run, each following all that are there, at the times it is told."""

    def __init__(self, tree: Tree, run: str) -> None:
        self.tree, self.run = tree, run

    def header(self, kind: str, time: int, after: list[str] | None) -> dict[str, Any]:
        """Return what every entry begins with."""
        if after is None:
            after = entries.heads(entries.read_all(self.tree, f"runs/2026-11-22/{self.run}", self.run).read)
        return form.header(kind, self.run, time, "Ada", after)

    def open(self, time: int = 1, **fields: Any) -> str:
        """Write an `open` entry; return its id."""
        return entries.write(self.tree, form.Open(**self.header("open", time, []), **{"name": "baseline", **fields}))

    def rows(self, rows: Rows | None, time: int = 100, after: list[str] | None = None, **fields: Any) -> str:
        """Write rows with their segment; return the entry's id."""
        ranges = [] if rows is None else [form.Range(rows.writers[0], int(rows.seq.min()), int(rows.seq.max()))]
        brought = {name: fields.pop(name, []) for name in ("charts", "undefined")}
        arrived = seal.Arrived(rows, ranges=fields.pop("ranges", ranges), **brought)
        batch: list[tuple[str, bytes]] = []
        entry = seal.add_rows(batch, self.tree, self.header("rows", time, after), arrived, **fields)
        id = seal.add_entry(batch, entry)
        files.write_all(self.tree.path(f"runs/2026-11-22/{self.run}"), batch)
        return id

    def write(self, kind: str, time: int, after: list[str] | None = None, **fields: Any) -> str:
        """Write a close, annotate, retract or resume entry; return its id."""
        made = {"close": form.Close, "annotate": form.Annotate, "retract": form.Retract, "resume": form.Resume}[kind]
        return entries.write(self.tree, made(**self.header(kind, time, after), **fields))

    def say(self, time: int, *operations: tuple[str, str, Any], after: list[str] | None = None) -> str:
        """Write an annotation of (op, key, value)."""
        return self.write("annotate", time, after, operations=[form.Operation(*operation) for operation in operations])


@pytest.fixture
def author(tree: Tree, run: str) -> Author:
    """Return who writes the entries of the run."""
    return Author(tree, run)


@pytest.fixture
def as_root() -> None:
    """Skip where files cannot be given to another user."""
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
