"""What a `rows` entry says of values that were computed: which, from which inputs, by which function.

The key of a value is a digest of all that it depends on: a value whose key is known need not be computed again.
Pure; the member `computed` of an entry's `source`. What an entry says is taken as it is found, or not at all.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from ledger.format import names

_KEY = re.compile("[0-9a-f]{16}")
Place: TypeAlias = tuple[str, str | None, int | None, bool]


class Computed(msgspec.Struct, frozen=True, array_like=True):
    """What was computed: a metric or chart under its stored name (or the bundle of a kind: `test/binary`), where, how.

    `writer` is that of the rows which hold it: a row of another writer that is shown in its place was not computed.
    `truth` is a digest of the truth that counted and of all else but which labels were looked at; `retracted` says
    that the entry was taken out of view.
    """

    name: str
    context: str | None
    step: int | None
    key: str
    writer: str
    chart: bool = False
    truth: str | None = None
    retracted: bool = False

    @property
    def place(self) -> Place:
        """What it is a value of; a metric and a chart may have one name."""
        return self.name, self.context, self.step, self.chart


def key(**parts: Any) -> str:
    """Return the key of a value: 16 hex digits of the sha256 of what it depends on, as JSON with sorted keys."""
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()[:16]


def read(source: Any, writer: str, *, retracted: bool = False) -> list[Computed]:
    """Return what the source of an entry says was computed; members that no writer gives are passed over."""
    listed = source.get("computed") if isinstance(source, Mapping) else None
    found = []
    for item in listed if isinstance(listed, list) else ():
        if not isinstance(item, Mapping):
            continue
        name, context, step, digest = (item.get(field) for field in ("name", "context", "step", "key"))
        named = isinstance(name, str) and names.is_metric(name) and isinstance(digest, str) and _KEY.fullmatch(digest)
        somewhere = context is None or (isinstance(context, str) and names.is_context(context))
        if named and somewhere and (step is None or (type(step) is int and -(2**63) <= step < 2**63)):
            truth = item.get("truth")
            truth = truth if isinstance(truth, str) and _KEY.fullmatch(truth) else None
            chart = item.get("chart") is True
            found.append(Computed(str(name), context, step, str(digest), writer, chart, truth, retracted))
    return found
