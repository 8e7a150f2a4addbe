"""What `check` is asked for: which runs are meant, and what the words for a baseline stand for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ledger.api import differences
from ledger.derive import rules
from ledger.derive.baselines import Baseline
from ledger.derive.gates import Gate, Outcome
from ledger.errors import NoSuchRevision, NotFound, Undecided
from ledger.format import names
from ledger.store.revision import Revision
from ledger.table import select

if TYPE_CHECKING:
    from ledger.api.reading import Reading
    from ledger.derive.rules import Demands, Rule
    from ledger.store.state import RunState


def check(
    here: Reading,
    runs: Sequence[str],
    demands: Demands,
    *,
    where: str | None = None,
    use_schema: bool = True,
    level: float = 0.95,
    each: bool = False,
    unfinished: bool = False,
) -> Outcome:
    """Hold runs against the rules of the schema and those demanded; see `Reading.check`."""
    demanded = rules.collect(here.schema, demands, use_schema=use_schema)
    if not demanded:
        raise Undecided(
            "there is no rule to check",
            hint="ledger check --min val/auc=0.8, or in .ledger-schema: "
            '[gate."val/auc"] with min, max, max_drop or max_rise',
        )
    found: dict[str | None, Baseline | None] = {}

    def baseline(word: str | None) -> Baseline | None:
        if word not in found:
            try:
                found[word] = _baseline(here, word)
            except NotFound:
                # What the caller names must be there; what a gate of the schema names may be yet to come.
                if word == demands.baseline:
                    raise
                found[word] = Baseline(word or "", None, [])
        return found[word]

    gate = Gate(here.schema, baseline, named=bool(runs), level=level, each=each, unfinished=unfinished)
    if runs:
        states, scope = here.select(*runs, where=where), "the runs that were named"
    else:
        states, scope = _new(here, demanded)
        if states and where:
            states = select.narrow(states, here.schema, where, (), None, ())
    if where:
        scope += f" that fit {where}"
    checks = gate.check(demanded, states)
    # A run that could not be read may be one of those that were meant, or the baseline of one.
    revisions = [f"{held.word}:" for held in found.values() if held is not None and held.run is None]
    unread = {
        run: damage.message
        for run, damage in here.damaged.items()
        if where or not runs or any(run.startswith(rev) for rev in revisions)
    }
    return Outcome(checks, scope, unread)


def _new(here: Reading, demanded: Sequence[Rule]) -> tuple[list[RunState], str]:
    """Return the runs that came or changed since the work tree, or the revision, parted from its baseline."""
    end = here.tree.rev if isinstance(here.tree, Revision) else "HEAD"
    words = {_revision(here, rule.baseline) for rule in demanded if rule.baseline is not None} - {None}
    word = words.pop() if len(words) == 1 else _upstream(here)
    if word is None:
        raise Undecided(
            "there is no upstream, so which runs are new cannot be told",
            hint="say since when: ledger check --baseline main; or name the runs: ledger check RUN...",
        )
    base = here.revisions.merge_base(word, end)
    found = here.changes(base)
    states = [*found.added, *(new for _, new in found.changed)]
    return states, f"runs added or changed since {word} ({base[:8]})"


def _revision(here: Reading, word: str) -> str | None:
    """Return the revision that a baseline is or is a run of; None for a run of this ledger."""
    if differences.kind(here, word) == "rev":
        return word.removeprefix("rev:")
    return names.split_revision(word)[0]


def _upstream(here: Reading) -> str | None:
    """Return the upstream of the branch that is checked out, or of the one that is being read; None without one."""
    word = f"{here.tree.rev if isinstance(here.tree, Revision) else ''}@{{upstream}}"
    try:
        found = here.revisions.repository.run("rev-parse", "--abbrev-ref", "--verify", "--quiet", word)
    except NoSuchRevision:
        return None
    return os.fsdecode(found).strip() or None if found is not None else None


def _baseline(here: Reading, word: str | None) -> Baseline | None:
    """Return what a word stands for, by default the upstream; None where there is none."""
    if word is None:
        word = _upstream(here)
        if word is None:
            return None
    elif differences.kind(here, word) == "run":
        home, rest = here.home(word)
        known = home.select()
        if home is not here:
            known = [select.qualified(word.removesuffix(f":{rest}"), state) for state in known]
        return Baseline(word, here.state(word), known)
    rev = word.removeprefix("rev:")
    return Baseline(rev, None, here.at(rev, empty=True).select())
