"""Predictions read back in chunks: batches one behind the other, the rows of all columns side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ledger.store.state import Predictions
from ledger.store.tree import Tree
from ledger.table.predictions import picked, read_blob

if TYPE_CHECKING:
    from ledger.format.predictions import Column


def are_alike(chosen: Sequence[Predictions]) -> bool:
    """Say whether batches have the same columns of the same types: others become one only where all is at hand."""
    types = {tuple((name, ref.dtype) for name, ref in sorted(one.columns.items())) for one in chosen}
    labels = [one.labels for one in chosen]
    return len(types) == 1 and all(each == labels[0] for each in labels)


def width(one: Predictions, name: str) -> int | None:
    """Return how many values a row of a column has, None where it has one."""
    from ledger.format.predictions import parse_dtype

    return parse_dtype(one.columns[name].dtype)[1]


def read(
    tree: Tree, run: str, chosen: Sequence[Predictions], names: Sequence[str], kept: Sequence[Any] | None = None
) -> Iterator[dict[str, Column]]:
    """Yield chunks of rows of these columns, which all batches have; raises DamagedFile as `predictions.read` does.

    `kept` says of each batch which rows count, as `predictions.newest` gives it. A digest that is another is known
    behind the last chunk only: whoever has not seen the end knows nothing.
    """
    for number, one in enumerate(chosen):
        start = 0
        for chunk in _side_by_side({name: _pieces(tree, run, one, name) for name in names}, one.rows):
            rows = len(chunk[names[0]].values)
            mask = None if kept is None else kept[number][start : start + rows]
            start += rows
            if mask is None or mask.all():
                yield chunk
            elif mask.any():
                yield {name: picked(column, mask) for name, column in chunk.items()}


def _pieces(tree: Tree, run: str, one: Predictions, name: str) -> Iterator[Column]:
    from ledger.format import prediction_chunks as form

    ref = one.columns[name]
    with read_blob(tree, run, one, name) as (data, called):
        yield from form.chunks(data, called, ref.dtype, ref.digest, one.rows)


def _side_by_side(columns: dict[str, Iterator[Column]], rows: int) -> Iterator[dict[str, Column]]:
    """Yield what all columns have at hand, whose pieces need not be of one length."""
    at_hand: dict[str, Column] = {}
    while rows:
        for name, pieces in columns.items():
            if name not in at_hand:
                at_hand[name] = next(pieces)
        count = min(len(column.values) for column in at_hand.values())
        yield {name: picked(column, slice(None, count)) for name, column in at_hand.items()}
        rest = {name: picked(column, slice(count, None)) for name, column in at_hand.items()}
        at_hand = {name: column for name, column in rest.items() if len(column.values)}
        rows -= count
    for pieces in columns.values():
        for _ in pieces:  # nothing is left, and now the digest is checked
            raise AssertionError
