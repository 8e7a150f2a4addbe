"""Which runs are meant: the words that name one or many of them, looked up in the catalog.

A run is named by its id, a unique beginning of it (or of its 12 hex digits), its name (the newest of that name), `@1`
(the newest), `best:METRIC`, `worst:METRIC`, `tag:T`; `run:X` says that X is a run. What stands before a run as a
revision has it (`main:baseline`) is taken off before.
"""

import fnmatch
from collections.abc import Mapping, Sequence

import msgspec

from ledger.errors import AmbiguousRun, InvalidFilter, NoSuchEntry, NoSuchMetric, NoSuchRun
from ledger.format import ids
from ledger.schema import Schema
from ledger.store.catalog import Catalog
from ledger.store.state import EntryNote, RunState
from ledger.table import columns, filter

PREFIX_MIN = 4
ENTRY_PREFIX_MIN, ENTRY_DIGITS = 6, 16


def qualified(rev: str, state: RunState) -> RunState:
    """Return the state of a run as a revision has it, its id with the revision before it."""
    return msgspec.structs.replace(state, id=f"{rev}:{state.id}")


def is_plain_name(word: str) -> bool:
    """Say whether a word could be the name of a run that is not there yet: no id nor its date and time, no selector."""
    dated = ids.is_digits(word[:8] + word[9:15]) and len(word) >= 15 and word[8] == "-"
    return not (dated or word.startswith("@") or ":" in word or ".." in word)


def refuse_part_of_id(catalog: Catalog, word: str, id: str) -> None:
    """Raise AmbiguousRun where a word that was taken for a part of `id` could as well name a run to be made."""
    if not is_plain_name(word) or catalog.by_name(word) or word in catalog.damaged_names().values():
        return
    raise AmbiguousRun(
        f"{word!r} is a part of the id {id}, and may be the name of a new run",
        hint=f"that run: run:{word}; a new one: ledger start {word}",
    )


def is_run(catalog: Catalog, word: str) -> bool:
    """Say whether a word that is no selector names a run in view, or several, by id, name or a beginning of an id."""
    if ids.is_run_id(word):
        return word in catalog.damaged or catalog.state(word) is not None
    if word.startswith("@"):
        return word[1:].isdigit()
    return bool(catalog.by_name(word) or word in catalog.damaged_names().values() or _beginning(catalog, word))


def one(catalog: Catalog, word: str, schema: Schema, *, retracted: bool = False) -> RunState:
    """Return the one run a word means; raises NoSuchRun (naming the nearest) or AmbiguousRun.

    With `retracted`, runs that were removed from view are found too, by id or name.
    """
    id = _one(catalog, word, schema, retracted)
    state = catalog.state(id)
    if state is None:
        raise _unknown(catalog, word)
    if state.retracted and not retracted:
        raise NoSuchRun(f"the run {id} was removed from view", hint=f"bring it back with: ledger restore {id}")
    return state


def _one(catalog: Catalog, word: str, schema: Schema, retracted: bool) -> str:
    kind, colon, rest = word.partition(":")
    if colon and kind == "run":
        return _one(catalog, rest, schema, retracted)
    if ids.is_run_id(word):
        catalog.check(word)
        if catalog.state(word) is None:
            raise _unknown(catalog, word)
        return word
    if word.startswith("@"):
        return _newest(catalog, word)
    if colon and kind in ("best", "worst"):
        return _extreme(catalog, word, schema)
    if colon and kind == "tag":
        tagged = [state for state in catalog.states() if rest in state.tags]
        if not tagged:
            tags = {tag for state in catalog.states() for tag in state.tags}
            raise NoSuchRun(f"no run has the tag {rest!r}", hint=_near(columns.nearest(rest, tags)))
        return tagged[0].id
    if retracted:  # to be restored: the removed one is meant, whoever else has the name now
        gone = [id for id, name, is_gone in catalog.ids() if is_gone and name == word]
        if gone:
            return gone[0]
    # A run that cannot be read still has its name: an older one, or none, must not be taken for it.
    named = catalog.by_name(word)[:1] + [id for id, name in catalog.damaged_names().items() if name == word]
    return max(named) if named else _by_prefix(catalog, word)


def _newest(catalog: Catalog, word: str) -> str:
    number = word[1:]
    if not (number.isascii() and number.isdigit() and number.strip("0")):
        raise NoSuchRun(f"{word!r} names no run", hint="@1 is the newest run, @2 the one before it")
    id = catalog.newest(int(number)) if len(number) < 18 else None
    if id is None:
        count = sum(1 for _, _, gone in catalog.ids() if not gone)
        raise NoSuchRun(f"there is no run {word[:20]}: the ledger has {count}", hint="see: ledger ls")
    return id


def _extreme(catalog: Catalog, word: str, schema: Schema) -> str:
    column = columns.parse(word)
    states = catalog.states()
    try:
        columns.check([column], states, schema)
    except InvalidFilter as error:
        raise NoSuchMetric(error.message, hint=error.hint) from None
    ranked = []
    for state in states:
        value = columns.value(column, state, schema)
        if isinstance(value, (int, float)) and value == value:
            ranked.append((value, state))
    if not ranked:
        raise NoSuchRun(f"no run has a number for {column.name!r}", hint="see: ledger ls")
    upwards = (schema.metric(column.name).goal == "maximize") == (column.statistic == "best")
    best = max(value for value, _ in ranked) if upwards else min(value for value, _ in ranked)
    return next(state.id for value, state in ranked if value == best)


def _beginning(catalog: Catalog, word: str) -> list[str]:
    """Return the ids that begin with a word, else those whose hex digits do."""
    if len(word) < PREFIX_MIN:
        return []
    found = [*catalog.by_prefix(word), *(id for id in catalog.damaged if id.startswith(word))]
    if not found and all(c in "0123456789abcdef" for c in word):
        known = [*(id for id, _, _ in catalog.ids()), *catalog.damaged]
        found = [id for id in known if id.rpartition("-")[2].startswith(word)]
    return found


def _by_prefix(catalog: Catalog, word: str) -> str:
    found = _beginning(catalog, word)
    if len(found) > 1:
        shown = "\n".join(f"  {id}" for id in found[:10])
        raise AmbiguousRun(
            f"{word!r} fits {'at least ' if len(found) >= 20 else ''}{len(found)} runs:\n{shown}",
            hint="give more of the id",
        )
    if not found:
        raise _unknown(catalog, word)
    return found[0]


def _unknown(catalog: Catalog, word: str) -> NoSuchRun:
    known = catalog.ids()
    if (gone := removed(catalog, word)) is not None:
        return NoSuchRun(
            f"the run {word!r} ({gone}) was removed from view", hint=f"bring it back: ledger restore {gone}"
        )
    names = [name for _, name, gone in known if not gone]
    near = columns.nearest(word, [*names, *(id for id, _, gone in known if not gone)])
    return NoSuchRun(f"there is no run {word!r}", hint=_near(near) if known else "the ledger has no runs yet")


def _near(near: list[str]) -> str:
    return f"did you mean {', '.join(near)}? (see: ledger ls)" if near else "see: ledger ls"


def removed(catalog: Catalog, name: str) -> str | None:
    """Return the newest removed run of a name, if there is one."""
    return next((id for id, other, gone in catalog.ids() if gone and other == name), None)


def nearest_names(catalog: Catalog, word: str) -> list[str]:
    """Return the names of runs most like a word."""
    return columns.nearest(word, [name for _, name, gone in catalog.ids() if not gone])


def many(
    catalog: Catalog,
    schema: Schema,
    words: Sequence[str] = (),
    *,
    where: str | None = None,
    sort: Sequence[str] = (),
    limit: int | None = None,
    status: Sequence[str] = (),
) -> list[RunState]:
    """Return the runs that words name and a filter lets pass, newest first unless sorted; all of them without words.

    A word may be a selector of one run, `tag:T` for all runs with a tag, or a pattern of names such as `cv-*`.
    """
    if limit is not None and limit < 0:
        raise InvalidFilter(f"the limit must not be negative: {limit}")
    if not (words or where or sort or status):
        return catalog.states(limit=limit)
    states = _named(catalog, schema, words) if words else catalog.states()
    return narrow(states, schema, where, sort, limit, status)


def narrow(
    states: list[RunState],
    schema: Schema,
    where: str | None,
    sort: Sequence[str],
    limit: int | None,
    status: Sequence[str],
) -> list[RunState]:
    """Return those of the runs that a filter and a status let pass, sorted and cut to a limit."""
    if where is not None:
        states = filter.parse(where).select(states, schema)
    if status:
        states = [state for state in states if state.status in status]
    if sort:
        states = columns.sort(states, sort, schema)
    return states if limit is None else states[:limit]


def _named(catalog: Catalog, schema: Schema, words: Sequence[str]) -> list[RunState]:
    chosen: dict[str, RunState] = {}
    everything: list[RunState] | None = None
    for word in words:
        pattern = any(c in word for c in "*?[") and not word.startswith(("best:", "worst:"))
        if word.startswith("tag:") or (pattern and not catalog.by_name(word)):
            everything = catalog.states() if everything is None else everything
            if word.startswith("tag:"):
                found = [s for s in everything if any(fnmatch.fnmatchcase(tag, word[4:]) for tag in s.tags)]
            else:
                found = [s for s in everything if fnmatch.fnmatchcase(s.name, word.removeprefix("run:"))]
            if not found:
                raise NoSuchRun(f"no run fits {word!r}", hint="see: ledger ls")
        else:
            found = [one(catalog, word, schema)]
        for state in found:
            chosen.setdefault(state.id, state)
    return list(chosen.values())


def entries(
    catalog: Catalog, words: Sequence[str], log: Sequence[EntryNote] = ()
) -> list[tuple[RunState | None, EntryNote]]:
    """Return the entry that each word means, its id or a beginning of it, with its run; None for one of the log.

    Runs that were removed are looked at too. Raises NoSuchEntry where none fits, or several do.
    """
    known: dict[str, tuple[RunState | None, EntryNote]] = {note.id: (None, note) for note in log}
    for state in [*catalog.states(), *catalog.states(retracted=True)]:
        known.update({note.id: (state, note) for note in state.entries})
    return [known[_entry(known, word, len(catalog.damaged))] for word in words]


def is_entry_word(word: str) -> bool:
    """Say whether a word could be the id of an entry, or the beginning of one."""
    return ENTRY_PREFIX_MIN <= len(word) <= ENTRY_DIGITS and ids.is_hex(word)


def _entry(known: Mapping[str, object], word: str, damaged: int) -> str:
    if word in known:
        return word
    if not is_entry_word(word):
        hint = "an entry is named by its 16 hex digits, or at least the first 6: ledger history RUN METRIC"
        raise NoSuchEntry(f"{word[:80]!r} names no entry", hint=hint)
    found = sorted(id for id in known if id.startswith(word))
    if not found:
        unread = f"; {damaged} runs could not be read" if damaged else ""
        raise NoSuchEntry(f"there is no entry {word}{unread}", hint="the entries of a value: ledger history RUN METRIC")
    if len(found) > 1:
        raise NoSuchEntry(f"{word!r} fits {len(found)} entries: {', '.join(found[:10])}", hint="give more of the id")
    return found[0]
