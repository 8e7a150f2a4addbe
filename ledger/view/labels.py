"""What `ledger labels` shows: what came when, how many are in, what is to be said of new ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ledger.format.ids import rfc3339
from ledger.view import numbers
from ledger.view.rows import clean, render_table

_DAY = ("T00:00:00.000000Z", "T23:59:59.999999Z")  # its beginning, its end


def render_log(found: Any, *, color: bool = False, width: int | None = None) -> str:
    """Write a `LabelLog` as a table."""
    rows = [
        [
            moment(at),
            added[:10] + " " + added[11:16],
            split or "any",
            str(count),
            file or "-",
            author,
            entry,
            reason or "-",
        ]
        for entry, at, added, split, count, file, author, reason in found.rows()
    ]
    headings = ["known since", "added", "split", "labels", "file", "author", "entry", "reason"]
    shown = [i for i, _ in enumerate(headings) if i != 7 or any(row[7] != "-" for row in rows)]
    align = "".join("LLLrLLLL"[i] for i in shown)
    cells: list[list[Any]] = [[clean(row[i]) for i in shown] for row in rows]
    return render_table([headings[i] for i in shown], cells, align=align, color=color, width=width)


def log_values(found: Any) -> tuple[list[str], list[list[Any]]]:
    """Return headings and raw values of a `LabelLog`."""
    return ["entry", "at", "added", "split", "labels", "file", "author", "reason"], found.rows()


def render_coverage(found: Any, *, color: bool = False, width: int | None = None) -> str:
    """Write `Coverages` as a table."""
    rows: list[list[Any]] = []
    for row in found.rows:
        said = row.coverage
        step = "-" if row.step is None else str(row.step)
        count = [percent(said), str(said.known), str(said.of), str(said.contradictions or "-")]
        rows.append([clean(row.name), clean(row.run), clean(row.place), step, *count])
    headings = ["name", "id", "split", "step", "labels in", "known", "of", "contradictions"]
    shown = [i for i in range(8) if i not in (3, 7) or any(row[i] != "-" for row in rows)]
    align = "".join("LLLrrrrr"[i] for i in shown)
    return render_table(
        [headings[i] for i in shown], [[r[i] for i in shown] for r in rows], align=align, color=color, width=width
    )


def coverage_values(found: Any) -> tuple[list[str], list[list[Any]]]:
    """Return headings and raw values of `Coverages`."""
    headings = ["run", "name", "split", "step", "known", "of", "percent", "contradictions"]
    return headings, [row.cells() for row in found.rows]


def percent(found: Any) -> str:
    """Write how many of a hundred labels are in: `37 %`; neither 0 nor 100 where that is not so."""
    rounded = round(found.percent)
    if rounded == 0 and found.known:
        return "< 1 %"
    return "> 99 %" if rounded == 100 and found.known < found.of else f"{rounded} %"


def coverage_line(found: Any) -> str:
    """Write a `Coverage` as a line: `37 % of labels in (370 of 1000) as of 2026-06-30`."""
    when = "" if found.as_of is None else f" as of {moment(rfc3339(found.as_of))}"
    more = f"; {numbers.plural(found.contradictions, 'id')} with different labels" if found.contradictions else ""
    return f"{percent(found)} of labels in ({found.known} of {found.of}){when}{more}"


def moment(time: str) -> str:
    """Write a time for people: a day where it is the beginning or the end of one, else to the minute."""
    return time[:10] if time.endswith(_DAY) else f"{time[:10]} {time[11:16]}"


def added_title(done: Any) -> str:
    """Write what `labels add` did, in a line."""
    count = numbers.plural(done.labels, "label") + ("" if done.split is None else f" of {done.split!r}")
    if done.here is not None:
        return f"nothing to add: these {count} are here already, as {done.here}"
    since = "" if done.at is None else f", known since {moment(rfc3339(done.at))}"
    entry = "" if done.entry is None else f", as {done.entry}"
    return f"{'would add' if done.dry_run else 'added'} {count}{since}{entry}"


def added_notices(done: Any) -> Iterator[str]:
    """Yield what else is to be said of labels that were added."""
    if done.without_id:
        yield f"{numbers.plural(done.without_id, done.unit)} without an id left out"
    if done.empty:
        yield f"{numbers.plural(done.empty, done.unit)} without a label left out"
    if done.repeated:
        yield f"{numbers.plural(done.repeated, done.unit)} saying the same of the same id again left out"
    if done.same and done.here is None:
        yield f"{numbers.plural(done.same, 'id')} had this label already"
    if done.other:
        yield f"{numbers.plural(done.other, 'id')} had another label; of an id, the one that was known last counts"
    if done.unmatched:
        of = "" if done.split is None else f" of {done.split!r}"
        yield f"{numbers.plural(done.unmatched, 'id')} of {done.labels} in no predictions{of} that are here"
    if done.split is None and len(done.splits) > 1:
        splits = ", ".join("no split" if split is None else clean(split) for split in done.splits)
        yield f"they count for predictions of {splits}; to say which: --split NAME"
    if done.unread:
        yield f"{numbers.plural(done.unread, 'column')} of ids could not be read; see: ledger verify"


def contradiction(one: Any, unit: str) -> str:
    """Write one id with two labels in a file: `17: 0 (line 3), then 1 (line 9)`."""
    id, before, label = (clean(str(value)) for value in one[:3])
    return f"{id}: {before} ({unit} {one.lines[0]}), then {label} ({unit} {one.lines[1]})"
