"""Labels that came late, held against predictions: which sets of them count, what becomes of y_true, how many are in.

Of an id, the label with the greatest (known since, written, entry id) counts; a y_true that was logged with its row is
a label known since then.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.errors import NotFound, Undecided, warn
from ledger.format import ids
from ledger.store import labels
from ledger.store.labels import LabelSet
from ledger.store.state import Predictions
from ledger.store.tree import Tree
from ledger.table import predictions
from ledger.table.predictions import Predicted

if TYPE_CHECKING:
    from ledger.format.predictions import Column


_told: set[tuple[str, str]] = set()  # ledgers and paths of damaged entries


class Coverage(NamedTuple):
    """Of how many rows of predictions the label is `known`, the truth that was logged with them included.

    contradictions: ids among these rows that were given different labels. entries: the ids of the label entries that
    count. as_of: as of when (us since 1970), None for now.
    """

    known: int
    of: int
    contradictions: int
    entries: list[str]
    as_of: int | None = None

    @property
    def percent(self) -> float:
        """How many of a hundred labels are in; of no rows, all are."""
        return 100 * self.known / self.of if self.of else 100.0

    def to_json(self) -> dict[str, Any]:
        """Return the object `labels` of a JSON document."""
        shown: dict[str, Any] = {"known": self.known, "of": self.of}
        if self.contradictions:
            shown["contradictions"] = self.contradictions
        return shown if self.as_of is None else shown | {"as_of": ids.rfc3339(self.as_of)}


def sets(tree: Tree, split: str | None, as_of: int | None = None) -> list[LabelSet]:
    """Return the sets of labels that count for predictions of a split, by rank: those of the split, and of any.

    With `as_of` (us since 1970) those that were known then. Raises DamagedFile or NewerFormat where an entry that may
    be of the split cannot be trusted; of one of another split it is told once.
    """
    log = labels.read(tree)
    log.refuse_damaged(split)
    for one in log.damaged:
        if (place := (tree.root, one.path)) not in _told:
            _told.add(place)
            warn(one.notice)
    found = [one for one in log.sets if not one.retracted and one.entry.split in (None, split)]
    return found if as_of is None else [one for one in found if one.entry.at_us <= as_of]


def fingerprint(tree: Tree, split: str | None, as_of: int | None = None) -> list[str]:
    """Return the ids of the entries whose labels count: another list, and metrics may be others.

    The log is listed each time: ask once a split, not once a run.
    """
    return [one.id for one in sets(tree, split, as_of)]


def read(
    tree: Tree,
    run: str,
    chosen: Sequence[Predictions],
    *,
    as_of: int | None = None,
    entries: Sequence[str] | None = None,
    known: MutableMapping[tuple[str, str, str, int], Column] | None = None,
) -> tuple[Predicted, Coverage | None]:
    """Return predictions as `predictions.read` does, y_true filled with the labels that came late, and how many are in.

    The coverage is None where there are no labels to look for: no entry of the split, or predictions without ids.
    `as_of` (us since 1970) leaves out what was not known then; `entries` names the entries that count, as `fingerprint`
    gave them; `known` as for `predictions.read`. Raises NotFound for an entry that is not here, and what `sets`,
    `predictions.read` and `joined` do.
    """
    found = predictions.read(tree, run, chosen, known)
    used: list[LabelSet] = []
    if "ids" in found.columns and entries != []:
        used = sets(tree, found.split, as_of) if entries is None else _named(tree, entries)
    if not used and as_of is None:
        return found, None
    return joined(tree, run, found, used, [(n, one.time) for n, one in zip(found.counted, chosen, strict=True)], as_of)


def _named(tree: Tree, wanted: Sequence[str]) -> list[LabelSet]:
    log = labels.read(tree)
    found = {one.id: one for one in log.sets}
    if missing := [id for id in wanted if id not in found]:
        if damaged := [one for one in log.damaged if one.id in missing]:
            raise damaged[0].refusal
        raise NotFound(f"the labels {missing[0]} are not here", hint="if git has them: git checkout -- .ledger")
    return sorted((found[id] for id in wanted), key=lambda one: one.rank)


def joined(
    tree: Tree,
    run: str,
    found: Predicted,
    used: Sequence[LabelSet],
    times: Sequence[tuple[int, int]],
    as_of: int | None = None,
) -> tuple[Predicted, Coverage]:
    """Return predictions with y_true filled from sets of labels in order of rank, and how many labels are in.

    `times`: (rows that count, when they were logged in us) of each batch. Raises Undecided where labels are of kinds
    that do not go together, or one a row where a row has several.
    """
    from ledger.table import label_join

    known, contradictions, column = label_join.join(tree, run, found, used, times, as_of)
    columns = {name: one for name, one in found.columns.items() if name != "y_true"}
    if column is not None:
        columns["y_true"] = column
    coverage = Coverage(known, found.rows, contradictions, [one.id for one in used], as_of)
    return found._replace(columns=columns), coverage


def refuse_unknown(found: Predicted, run: str, coverage: Coverage | None) -> None:
    """Raise Undecided for predictions of which no truth is known, saying what would help."""
    of = "" if found.split is None else f" of {found.split!r}"
    split = "" if found.split is None else f" --split {found.split}"
    if coverage is not None and coverage.known == 0 and found.rows:
        when = "" if coverage.as_of is None else f" as of {ids.rfc3339(coverage.as_of)}"
        raise Undecided(
            f"none of the {found.rows} labels of the predictions{of} of {run} is known{when}",
            hint="see what came when: ledger labels",
        )
    if "y_true" not in found.columns:
        add = f"add the labels when they come: ledger labels add FILE --on id{split}"
        hint = add if "ids" in found.columns else "nothing can be held against them: they have no ids, either"
        raise Undecided(f"the predictions{of} of {run} have no y_true", hint=hint)
