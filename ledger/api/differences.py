"""What `diff` is asked for: two runs, or two states of the ledger; which of them the words mean, and the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ledger.api import commits
from ledger.errors import AmbiguousRun, Damage, NoSuchMetric, NoSuchRevision, NoSuchRun, Undecided, UsageError, warn
from ledger.store.catalog import Catalog
from ledger.store.revision import Revision
from ledger.store.revision_catalog import RevisionCatalog
from ledger.table import changes, diff, select
from ledger.table.changes import Changes, LedgerDiff, Side
from ledger.table.diff import RunDiff

if TYPE_CHECKING:
    from ledger.api.reading import Reading
    from ledger.store.state import RunState


class Revisions(NamedTuple):
    """Two revisions, `new` None for the work tree; `base`: the commit of `old` is where the two went apart."""

    old: str
    new: str | None
    base: bool = False
    fresh: bool = True  # whether the catalog is still to be brought up to date


def difference(here: Reading, words: Sequence[str], metrics: Sequence[str]) -> RunDiff | LedgerDiff:
    """Say what differs: between two runs, two revisions, or a revision (HEAD without a word) and the work tree."""
    if len(words) > 2:
        raise UsageError(f"diff takes at most two words, not {len(words)}", hint="ledger diff A B, or ledger diff A..B")
    if len(words) == 2 and not any(".." in word for word in words):
        kinds = [kind(here, word) for word in words]
        if kinds == ["run", "run"]:
            old, new = (here.state(word) for word in words)
            found = diff.diff_runs(old, new, here.schema, metrics=metrics)
            return commits.with_code(here, found)
        if "run" in kinds:
            run, rev = sorted(words, key=lambda word: kinds[words.index(word)] != "run")
            bare, at = run.removeprefix("run:"), rev.removeprefix("rev:")
            raise UsageError(
                f"{run!r} is a run and {rev!r} a revision",
                hint=f"two runs: ledger diff {at}:{bare} {run}; two revisions: ledger diff {at} HEAD",
            )
    return ledgers(ends(here, words), metrics)


def kind(here: Reading, word: str) -> str:
    """Return "run" or "rev"; raises AmbiguousRun for a word that is both, NoSuchRun for one that is neither."""
    if word.startswith("rev:") or (word in ("HEAD", "@") and not select.is_run(here.catalog, word)):
        return "rev"
    if ":" in word:
        return "run"
    is_run = select.is_run(here.catalog, word)
    try:
        here.revisions.tree(word, empty=True)
        is_rev = True
    except NoSuchRevision:
        is_rev = False
    except Undecided:
        if not is_run:
            raise
        is_rev = False
    if is_run and is_rev:
        raise AmbiguousRun(f"{word!r} is both a run and a revision", hint=f"write run:{word} or rev:{word}")
    if not is_run and not is_rev:
        near = [*select.nearest_names(here.remembered, word), *here.revisions.nearest(word)]
        hint = f"did you mean {', '.join(near)}?" if near else "see: ledger ls; git branch --all"
        raise NoSuchRun(f"there is no run and no revision {word!r}", hint=hint)
    return "run" if is_run else "rev"


def _revisions(here: Reading, words: Sequence[str]) -> Revisions:
    if not words:
        return Revisions("HEAD", None)
    if len(words) == 2:
        return Revisions(words[0].removeprefix("rev:"), words[1].removeprefix("rev:"))
    word = words[0].removeprefix("rev:")
    for dots in ("...", ".."):
        old, found, new = word.partition(dots)
        if found:
            return Revisions(old or "HEAD", new or "HEAD", base=dots == "...")
    if kind(here, words[0]) == "run":
        raise UsageError(
            f"{word!r} is one run, and it takes two to differ",
            hint=f"ledger diff {word} OTHER"
            + ("" if ":" in word else f", or against the last commit: ledger diff HEAD:{word} {word}"),
        )
    return Revisions(word, None, fresh=words[0].startswith("rev:"))


class Ends(NamedTuple):
    """Two states of a ledger: each as a ledger and as what to call it; `since` is the word that named the first."""

    old: Reading
    new: Reading
    a: Side
    b: Side
    since: str
    fresh: bool


def ends(here: Reading, words: Sequence[str]) -> Ends:
    """Return the two states of the ledger that the words of a difference name."""
    asked = _revisions(here, words)
    if asked.new is None and isinstance(here.tree, Revision):
        raise UsageError("there is no work tree here", hint=f"give two revisions: ledger diff {asked.old} REV")
    new = here if asked.new is None else here.at(asked.new, empty=True)
    if asked.base:
        base = here.revisions.merge_base(asked.old, asked.new or "HEAD")
        a = Side(f"{asked.old}...{asked.new}", base)
        old = here.at(base, empty=True)
    else:
        old = here.at(asked.old, empty=True)
        a = Side(asked.old, _commit(old))
    return Ends(old, new, a, Side(asked.new, _commit(new)), asked.old, asked.fresh)


def ledgers(found: Ends, metrics: Sequence[str]) -> LedgerDiff:
    """Say what became of a ledger from one state to another."""
    runs = between(found.old, found.new, fresh=found.fresh)
    for pattern in metrics:
        if not any(changes.has(state, pattern, found.new.schema) for state in _states(found, runs)):
            raise NoSuchMetric(f"no run has a metric {pattern!r}", hint="`ledger show RUN` lists the metrics of a run")
    return changes.diff_ledgers(found.a, found.b, runs, found.new.schema, metrics=metrics)


def _states(found: Ends, runs: Changes) -> Iterator[RunState]:
    """Yield the runs that changed, then, as one may ask for a metric that did not change, all others."""
    yield from (*runs.added, *runs.removed, *(state for pair in runs.changed for state in pair))
    for ledger in (found.new, found.old):
        yield from ledger.catalog.states()


def _commit(ledger: Reading) -> str | None:
    return ledger.tree.commit.object if isinstance(ledger.tree, Revision) else None


def between(old: Reading, new: Reading, *, fresh: bool = True) -> Changes:
    """Return what became of the runs of one ledger in another; only those whose files differ are read.

    Without `fresh` the catalog of the work tree was brought up to date just now.
    """
    if isinstance(old.tree, Revision) and isinstance(new.tree, Revision):
        before: dict[str, str] | dict[str, bytes] = old.tree.run_objects()
        after: dict[str, str] | dict[str, bytes] = new.tree.run_objects()
    else:
        before, after = _catalog(old, fresh).folders(), _catalog(new, fresh).folders()
    pairs = []
    for run in sorted(run for run in before.keys() | after.keys() if before.get(run) != after.get(run)):
        try:
            pairs.append((_state(old, run), _state(new, run)))
        except Damage as damage:
            warn(f"left out: {damage}")
    return changes.changes(pairs)


def _catalog(ledger: Reading, fresh: bool) -> Catalog:
    # Of a commit only the runs that differ are read; its catalog would read all of them when it is refreshed.
    return ledger.catalog if fresh and not isinstance(ledger.tree, Revision) else ledger.remembered


def _state(ledger: Reading, run: str) -> RunState | None:
    known = ledger.remembered
    return known.fold(run) if isinstance(known, RevisionCatalog) else known.state(run)
