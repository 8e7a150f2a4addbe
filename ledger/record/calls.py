"""What one call asks to be written, names and values checked: metrics that share a step, or one chart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.errors import InvalidValue, warn
from ledger.format import names, values
from ledger.format.values import Undefined

if TYPE_CHECKING:
    from ledger.record.pictures import Picture


class Call(NamedTuple):
    """Metrics that share a step, a split and a context, as they were given."""

    metrics: Mapping[str, Any]
    step: int | None = None
    split: str | None = None
    context: Mapping[str, Any] | None = None


class ChartFile(NamedTuple):
    """A chart in a file the user named."""

    name: str
    path: str
    step: int | None = None
    caption: str | None = None


class RowsCall(NamedTuple):
    """The rows of one call: names to float64 or Undefined, checked already."""

    values: dict[str, float | Undefined]
    step: int | None
    context: str | None


class ChartCall(NamedTuple):
    """A chart of one call, checked already."""

    name: str
    picture: Picture
    step: int | None
    context: str | None
    caption: str | None


def check_rows(metrics: Any, step: Any, split: str | None = None, context: Mapping[str, Any] | None = None) -> RowsCall:
    """Return the rows of a call, names and values checked; raises InvalidName or InvalidValue."""
    if not isinstance(metrics, Mapping):
        raise InvalidValue(
            f"log() takes a mapping of names to numbers, not {type(metrics).__name__}",
            hint='for instance run.log({"train/loss": 0.3}, step=1), or run.log_metric("train/loss", 0.3)',
        )
    prefix = "" if split is None else f"{names.check_metric(split)}/"
    checked = {}
    for name, value in values.flatten(metrics, prefix).items():
        checked[names.check_metric(name)] = values.to_float(name, value)
    return RowsCall(checked, values.to_step(step), names.canonical_context(context))


def check_chart(
    name: str,
    picture: Picture,
    step: Any,
    context: Mapping[str, Any] | None,
    caption: str | None,
) -> ChartCall:
    """Return a chart of a call, name and step checked."""
    return ChartCall(
        names.check_metric(names.check_text("chart", name)),
        picture,
        values.to_step(step),
        names.canonical_context(context),
        check_prose("caption", caption),
    )


def check_prose(kind: str, text: Any) -> str | None:
    """Return free text (a note, caption or reason) or None, with a warning where a secret in it was redacted.

    Raises InvalidValue for what is no text, or no Unicode.
    """
    if text is None:
        return None
    if not isinstance(text, str):
        raise InvalidValue(f"the {kind} must be text, not {type(text).__name__}: {text!r}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidValue(f"the {kind} is not valid Unicode: {text!r}", hint="write it in UTF-8") from None
    from ledger.record.redact import REDACTED, redact_text  # most calls have no text

    redacted = redact_text(text)
    if redacted != text:
        warn(f"what looks like a secret in the {kind} is kept as {REDACTED}")
    return redacted


def check_params(params: Any) -> dict[str, Any]:
    """Return params as plain JSON values, with a warning that names those that were redacted; raises InvalidParam."""
    checked = values.to_params(params)
    if not checked:
        return checked
    from ledger.record.redact import REDACTED, redact_params  # most calls have no params

    redacted, found = redact_params(checked)
    if found:
        shown = ", ".join(found[:10]) + (f" and {len(found) - 10} more" if len(found) > 10 else "")
        warn(
            f"what looks like a secret is kept as {REDACTED} in the params: {shown}"
            " (a name that sounds less like one keeps a value that is none)"
        )
    return redacted


def plain(checked: dict[str, float | Undefined]) -> dict[str, Any]:
    """Return values as a journal holds them: an undefined one is its reason."""
    return {name: value.reason if isinstance(value, Undefined) else value for name, value in checked.items()}


def check(call: Call) -> RowsCall:
    """Return the rows of a call as it was given; raises InvalidName or InvalidValue."""
    return check_rows(call.metrics, call.step, call.split, call.context)
