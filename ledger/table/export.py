"""Writing the valid rows of runs for other programs: JSON lines, CSV, Parquet. Row for row, no rounding."""

import json
import math
from collections.abc import Sequence
from typing import IO, Any

from ledger.errors import Damage
from ledger.format.ids import rfc3339
from ledger.format.names import canonical_context
from ledger.table import frames
from ledger.table.frames import Source

_FIELDS = ("run", "metric", "context", "step", "time", "value", "undefined")


def write(runs: Sequence[Source], form: str, file: IO[bytes], damaged: dict[str, Damage] | None = None) -> None:
    """Write rows to an open file as `jsonl`, `csv` or `parquet`; runs that cannot be read: see `frames.rows_of`."""
    if form == "parquet":
        file.write(frames.parquet(runs, damaged=damaged))
        return
    if form == "csv":
        file.write((",".join(_FIELDS) + "\n").encode())
    encode = _csv if form == "csv" else _json
    for row in frames.plain(runs, damaged=damaged):
        row["time"] = rfc3339(row["time"])
        file.write(encode(row).encode())


def _json(row: dict[str, Any]) -> str:
    value = row["value"]
    if value is not None and not math.isfinite(value):
        row["value"] = "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def _csv(row: dict[str, Any]) -> str:
    if "context" in row:
        row["context"] = canonical_context(row["context"])
    return ",".join(_cell(row.get(field)) for field in _FIELDS) + "\n"


def _cell(value: Any) -> str:
    """Write one value as RFC 4180 has it; NaN, inf and -inf as the tables do, nothing for what is absent."""
    if value is None:
        return ""
    if isinstance(value, float):
        return "NaN" if value != value else repr(value)
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text
