"""Which charts and predictions of a run are shown: one a name, context and step; batches of predictions add up.

Pure functions on what entries and journals say; what retracted entries brought is left out before it comes here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from ledger.format.entries import ChartRef, PredictionsRef
from ledger.store.state import Chart, PredictedColumn, Predictions

if TYPE_CHECKING:
    from ledger.store.shown import Attempt

Ref: TypeAlias = ChartRef | PredictionsRef
_Content: TypeAlias = tuple[int, tuple[str | bool | int | float, ...] | None, frozenset[tuple[str, str, str]]]
_Series: TypeAlias = tuple[str, str | None]  # a name, and a context in canonical JSON

_BATCH = ("ids", "timestamp")  # columns that tell the rows of a batch from those of another one


def charts(refs: Iterable[ChartRef], resumes: list[Attempt]) -> list[Chart]:
    """Return the shown charts: one a (name, context, step), the newest; replaced by later attempts as rows are."""
    shown: dict[tuple[str, str, int], ChartRef] = {}
    for ref in _valid([((ref.name, ref.context), ref) for ref in refs], resumes):
        assert isinstance(ref, ChartRef)
        shown[ref.name, ref.context or "", 2**63 if ref.step is None else ref.step] = ref
    return [
        Chart(r.name, r.context, r.step, r.blob, r.extension, r.media_type, r.bytes, r.caption, r.time)
        for _, r in sorted(shown.items())
    ]


def predictions(refs: Iterable[PredictionsRef], resumes: list[Attempt]) -> list[Predictions]:
    """Return the shown predictions of each (split, context, step): the newest, or batches that add up, in their order.

    Predictions with ids or timestamps are a batch, and add to batches before them; equal ones count once, in the
    place of the last. Those without, and a first batch after those, replace what was there. Later attempts replace as
    they do for rows.
    """
    shown: dict[tuple[bool, str, str, int], dict[_Content, PredictionsRef]] = {}
    for ref in _valid([((ref.split or "", ref.context), ref) for ref in refs], resumes):
        assert isinstance(ref, PredictionsRef)
        place = (ref.split is None, ref.split or "", ref.context or "", 2**63 if ref.step is None else ref.step)
        there, content = shown.setdefault(place, {}), _content(ref)
        if content in there:
            there[content] = there.pop(content)  # the newest again, known since it first came
            continue
        if not (_is_batch(ref) and _is_batch(next(iter(there.values()), ref))):  # one that is none stands alone
            there.clear()
        there[content] = ref
    return [_folded(ref) for _, found in sorted(shown.items(), key=lambda item: item[0]) for ref in found.values()]


def _folded(ref: PredictionsRef) -> Predictions:
    columns = {name: PredictedColumn(c.blob, c.digest, c.dtype) for name, c in ref.columns.items()}
    return Predictions(ref.split, ref.context, ref.step, ref.rows, columns, ref.labels, ref.time)


def _is_batch(ref: PredictionsRef) -> bool:
    return any(name in ref.columns for name in _BATCH)


def _content(ref: PredictionsRef) -> _Content:
    """Return what two sets have in common that hold the same values; their bytes may be of different programs."""
    columns = frozenset((name, column.digest, column.dtype) for name, column in ref.columns.items())
    return ref.rows, None if ref.labels is None else tuple(ref.labels), columns


def _valid(refs: list[tuple[_Series, Ref]], resumes: list[Attempt]) -> list[Ref]:
    """Return those that no later attempt replaced, in order of time, writer and seq."""
    first: dict[tuple[int, _Series], int] = {}
    for series, ref in refs:
        if ref.step is not None and ref.attempt > 1:
            key = (ref.attempt, series)
            first[key] = min(ref.step, first.get(key, ref.step))
    valid = [
        ref
        for series, ref in refs
        if ref.step is None or not any(_replaces(resume, first.get((resume.number, series)), ref) for resume in resumes)
    ]
    return sorted(valid, key=lambda ref: (ref.time, ref.writer, ref.seq))


def _replaces(resume: Attempt, first: int | None, ref: Ref) -> bool:
    """Say whether a resumed attempt, whose first step of this series is `first`, replaces what an earlier one had."""
    starts = [step for step in (first, resume.step) if step is not None]
    earlier = 0 < ref.attempt < resume.number or (ref.attempt == 0 and ref.time < resume.time)
    return bool(starts) and earlier and ref.step is not None and ref.step >= min(starts)
