"""The rules of a gate: from `[gate."M"]` of `.ledger-schema` and from what the caller demands, which goes first."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ledger.errors import InvalidSchema, InvalidValue, LedgerError, UsageError
from ledger.format.names import check_metric, metric_key, parse_key
from ledger.schema import Schema

LIMITS = ("min", "max", "max_drop", "max_rise")
DIFFERENCES = ("max_drop", "max_rise")  # these need a baseline


class Rule(msgspec.Struct, frozen=True):
    """One demand on one metric, by its canonical key.

    `kind` is min, max, max_drop, max_rise, or where a gate has no limit: required, min_runs. `required` is None where
    nobody said whether a run may lack the metric. `source` is `flag` or `schema`.
    """

    metric: str
    kind: str
    limit: float | None
    tolerance: float = 0.0
    min_runs: int = 1
    required: bool | None = None
    baseline: str | None = None
    source: str = "flag"


class Demands(msgspec.Struct, frozen=True):
    """What a caller demands: limits by metric, metrics that must be there, and what holds for every rule."""

    limits: dict[str, Mapping[str, float]] = {}  # by kind
    required: tuple[str, ...] = ()
    tolerance: float | None = None
    min_runs: int | None = None
    baseline: str | None = None
    otherwise: str | None = None  # the baseline of rules that nobody gave one


def collect(schema: Schema, demands: Demands, *, use_schema: bool = True) -> list[Rule]:
    """Return all rules, in the order of the schema, then of the demands; none where there are none.

    A demand replaces the schema's rule of the same metric and kind, and adds a rule where there is none; the other
    settings of that metric's gate hold for it too. Raises UsageError for a limit that is no finite number and the
    like, InvalidSchema for a gate that demands nothing.
    """
    tables = _tables(schema) if use_schema else {}
    from_flags: set[tuple[str, str]] = set()
    for kind in LIMITS:
        for metric, value in demands.limits.get(kind, {}).items():
            key = _canonical(metric, schema)
            if (key, kind) in from_flags:
                raise UsageError(f"{kind} is given twice for {key}", hint="give each limit once")
            tables.setdefault(key, {})[kind] = _limit(kind, metric, value)
            from_flags.add((key, kind))
    for metric in demands.required:
        key = _canonical(metric, schema)
        tables.setdefault(key, {})["required"] = True
        from_flags.add((key, "required"))
    common = _common(demands)
    if demands.otherwise is not None:
        tables = {key: {"baseline": demands.otherwise} | table for key, table in tables.items()}
    return [rule for key, table in tables.items() for rule in _rules(key, table, common, from_flags)]


def _tables(schema: Schema) -> dict[str, dict[str, Any]]:
    """Return the gates of the schema by canonical key; each has to demand something."""
    tables: dict[str, dict[str, Any]] = {}
    names: dict[str, str] = {}
    for name, table in schema.gates.items():
        key = _canonical(name, schema)
        if key in tables:
            raise InvalidSchema(
                f'.ledger-schema: [gate."{names[key]}"] and [gate."{name}"] are gates of the same metric',
                hint="make one table of the two",
            )
        if not (any(kind in table for kind in (*LIMITS, "min_runs")) or table.get("required")):
            raise InvalidSchema(
                f'.ledger-schema: [gate."{name}"] demands nothing, so nothing could fail it',
                hint=f"give it one of {', '.join(LIMITS)}, min_runs, required = true",
            )
        tables[key], names[key] = dict(table), name
    return tables


def _canonical(metric: str, schema: Schema) -> str:
    """Return the canonical key of a metric that a rule names; raises UsageError for what can be none."""
    try:
        name, context = parse_key(metric)
        check_metric(name)
    except LedgerError as error:
        raise UsageError(f"{metric!r} names no metric: {error.message}", hint=error.hint) from None
    except ValueError:
        raise UsageError(f"{metric!r} names no metric: its context does not parse") from None
    return schema.canonical(metric_key(name, context))


def _limit(kind: str, metric: str, value: Any) -> float:
    limit = _number(value, f"the limit {kind} of {metric}")
    if kind in DIFFERENCES and limit < 0:
        raise InvalidValue(f"the limit {kind} of {metric} is {value}; it must be at least 0")
    return limit


def _number(value: Any, what: str) -> float:
    try:
        number = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InvalidValue(f"{what} is {value!r}; it must be a finite number")
    return number


def _common(demands: Demands) -> dict[str, Any]:
    """Return what holds for every rule, checked."""
    common: dict[str, Any] = {}
    if demands.tolerance is not None:
        common["tolerance"] = _number(demands.tolerance, "the tolerance")
        if common["tolerance"] < 0:
            raise InvalidValue(f"the tolerance is {demands.tolerance}; it must be at least 0")
    if demands.min_runs is not None:
        least = demands.min_runs
        if isinstance(least, bool) or not isinstance(least, int) or least < 1:
            raise InvalidValue(f"min_runs is {least!r}; it must be an integer >= 1")
        common["min_runs"] = least
    if demands.baseline is not None:
        common["baseline"] = demands.baseline
    return common


def _rules(
    key: str, table: Mapping[str, Any], common: Mapping[str, Any], from_flags: set[tuple[str, str]]
) -> Iterable[Rule]:
    kinds = [kind for kind in LIMITS if kind in table]
    kinds = kinds or (["required"] if table.get("required") else ["min_runs"])
    settings = {name: table[name] for name in ("tolerance", "min_runs", "required", "baseline") if name in table}
    for kind in kinds:
        source = "flag" if (key, kind) in from_flags else "schema"
        yield Rule(key, kind, table.get(kind) if kind in LIMITS else None, source=source, **(settings | {**common}))
