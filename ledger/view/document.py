"""JSON documents: what `--json` prints for `ls`, `show` and `charts`, and the one encoder for every verb's document.

A document is a plain dict; its keys are written in the order given. What has no value is left out, except the fields
that scripts may rely on (a metric's last, min, max, mean, count, last_step; git), which are then null.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ledger.view.numbers import timestamp
from ledger.view.rows import is_unsafe

_text = json.JSONEncoder(ensure_ascii=False).encode


def encode(document: dict[str, Any]) -> str:
    """Write a document as JSON: two-space indent, keys in their order, LF at the end.

    Floats have the fewest digits that read back as the same float; non-finite ones are the texts "NaN", "Infinity",
    "-Infinity". Text is kept as it is, but what could steer a terminal (controls, bidi marks, lone surrogates) is
    written as `\\uXXXX`. Raises TypeError for a value that has no JSON form.
    """
    parts: list[str] = []
    _write(document, "\n", parts)
    text = "".join(parts) + "\n"
    if text.isascii() and "\x7f" not in text:  # JSON escapes the other ASCII controls itself
        return text
    unsafe = {c for c in set(text) if c != "\n" and is_unsafe(c)}
    return text.translate({ord(c): json.dumps(c)[1:-1] for c in unsafe})


def escaped(text: str) -> str:
    """Return JSON in ASCII: all other characters as `\\uXXXX`, which read back as the same."""
    return "".join(c if c.isascii() else json.dumps(c)[1:-1] for c in text)


def _write(value: dict[str, Any] | Sequence[Any], line: str, parts: list[str]) -> None:
    """Append the JSON of an object or a list; `line` is the line break with the indent at which the value stands."""
    if isinstance(value, dict):
        items: list[tuple[str, Any]] = [(_text(str(key)) + ": ", inner) for key, inner in value.items()]
        brackets = "{}"
    else:
        items = [("", inner) for inner in value]
        brackets = "[]"
    if not items:
        parts.append(brackets)
        return
    inside = line + "  "
    separator = brackets[0] + inside
    for lead, inner in items:
        if isinstance(inner, (dict, list, tuple)):
            parts.append(separator + lead)
            _write(inner, inside, parts)
        else:
            parts.append(separator + lead + _scalar(inner))
        separator = "," + inside
    parts.append(line + brackets[1])


def _scalar(value: Any) -> str:
    if isinstance(value, float):
        if math.isfinite(value):
            return float.__repr__(value)
        return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return int.__repr__(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form: {value!r}")


def run_document(state: Any) -> dict[str, Any]:
    """Return what `ls --json` says of one run (a `RunState`); metrics sorted by key, params nested."""
    return _present(
        id=state.id,
        name=state.name,
        status=state.status,
        created=timestamp(state.created),
        finished=None if state.finished is None else timestamp(state.finished),
        group=state.group,
        parent=state.parent,
        seed=state.seed,
        note=state.note,
        author=state.author,
        tags=list(state.tags),
        params=state.params,
        metrics={key: _summary(state.metrics[key]) for key in sorted(state.metrics)},
    )


def ls_document(states: Iterable[Any]) -> dict[str, Any]:
    """Return the document of `ls`, runs in the order given (newest first is the caller's)."""
    return {"schema": "ledger.ls/1", "runs": [run_document(state) for state in states]}


def show_document(state: Any) -> dict[str, Any]:
    """Return the document of `show`: the keys of `ls`, then all else that is known of the run."""
    return {
        "schema": "ledger.show/1",
        **run_document(state),
        "charts": _charts(state.charts),
        "predictions": [_predictions(found) for found in state.predictions],
        "entries": [_entry(entry) for entry in state.entries],
        "git": state.git,
        "program": state.program,
        "attempts": state.attempts,
        **_present(
            exit_status=state.exit_status,
            error=state.error,
            retracted=state.retracted or None,
            notices=list(state.notices) or None,
            conflicts=list(state.conflicts) or None,
        ),
    }


def charts_document(state: Any, kinds: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the document of `charts` for one run; `kinds` are those of chart data, by blob."""
    known = kinds or {}
    charts = [{**chart, **_present(kind=known.get(chart["blob"]))} for chart in _charts(state.charts)]
    return {"schema": "ledger.charts/1", "id": state.id, "name": state.name, "charts": charts}


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _summary(summary: Any) -> dict[str, Any]:
    return {
        "last": summary.last if summary.undefined is None else None,
        "min": summary.min,
        "max": summary.max,
        "mean": summary.mean,
        "count": summary.count,
        "last_step": summary.last_step,
        **_present(
            first=summary.first,
            first_step=summary.first_step,
            min_step=summary.min_step,
            max_step=summary.max_step,
            nan=summary.nan or None,
            undefined=summary.undefined,
        ),
    }


def _charts(charts: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the charts by name, context and step; one without step comes after all steps."""
    ordered = sorted(charts, key=lambda c: (c.name, c.context or "", c.step is None, c.step or 0, c.time, c.blob))
    return [
        _present(
            name=chart.name,
            context=read_context(chart.context),
            step=chart.step,
            blob=chart.blob,
            media_type=chart.media_type,
            bytes=chart.bytes,
            caption=chart.caption,
            extension=chart.extension,
        )
        for chart in ordered
    ]


def _predictions(found: Any) -> dict[str, Any]:
    """Return one set of predictions; they come in the order of split, context and step, batches in that of time."""
    return _present(
        split=found.split,
        step=found.step,
        context=read_context(found.context),
        rows=found.rows,
        labels=found.labels,
        columns={
            name: {"blob": column.blob, "digest": column.digest, "dtype": column.dtype}
            for name, column in found.columns.items()
        },
    )


def read_context(context: str | None) -> Any:
    """Return a chart's canonical context as an object; text that is none, as only damaged files have it, as it is."""
    try:
        return json.loads(context) if context else None
    except ValueError:
        return context


def _entry(entry: Any) -> dict[str, Any]:
    return _present(
        id=entry.id,
        kind=entry.kind,
        time=timestamp(entry.time),
        author=entry.author,
        retracted=entry.retracted or None,
        late=entry.late or None,
        reason=entry.reason,
    )
