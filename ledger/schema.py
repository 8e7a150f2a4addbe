"""`.ledger-schema`: what a team declares about its metrics, gates and storage; read, checked and looked up here.

`parse` turns the file's text into a `Schema`; readers (table, derive) ask it for a metric's goal, unit, range and
tolerance, and for the metric that an alias stands for. Pure: the caller reads the file or the git revision.
The format is specified in docs/format/schema.md.
"""

import json
import math
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NoReturn

import msgspec

from ledger.errors import InvalidName, InvalidSchema, InvalidValue, NewerFormat
from ledger.format import toml_lines
from ledger.format.declarations import GATE, METRIC, SCALAR, STORAGE, Rule
from ledger.format.globs import Glob
from ledger.format.goals import known_goal
from ledger.format.names import check_metric, parse_key

FORMAT = 0


class Metric(msgspec.Struct, frozen=True):
    """What is known of one metric: the declared table that won, its goal completed from well-known names.

    `glob` is None where no table fits; a tolerance of 0 counts only equal values as the same.
    """

    glob: str | None = None
    goal: str | None = None  # maximize, minimize or None: unknown
    unit: str | None = None
    description: str | None = None
    range: tuple[float, float] | None = None
    tolerance: float = 0.0
    relative_tolerance: float = 0.0
    alias: tuple[str, ...] = ()

    def verdict(self, old: float | None, new: float | None) -> str:
        """Judge `new` against `old`: "better", "worse", "same" or "unknown"; arithmetic only, no statistics.

        A missing value, or NaN on one side, is "unknown"; two NaN are the "same".
        """
        if old is None or new is None:
            return "unknown"
        if math.isnan(old) or math.isnan(new):
            return "same" if math.isnan(old) and math.isnan(new) else "unknown"
        if old == new:
            return "same"
        # An infinite old value would make any relative tolerance infinite.
        finite = math.isfinite(old) and math.isfinite(new)
        if finite and abs(new - old) <= max(self.tolerance, self.relative_tolerance * abs(old)):
            return "same"
        if self.goal is None:
            return "unknown"
        return "better" if (new > old) == (self.goal == "maximize") else "worse"


class Schema(msgspec.Struct, frozen=True, dict=True):
    """A checked `.ledger-schema`: tables in the order of the file, values in the form the lookups use."""

    metrics: tuple[Metric, ...] = ()
    gates: dict[str, dict[str, float | int | str]] = {}
    vitals: dict[str, dict[str, float | int | str]] = {}
    storage: dict[str, int] = {}  # bytes

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Each alias and the declared metric it stands for."""
        return {alias: metric.glob for metric in self.metrics for alias in metric.alias if metric.glob is not None}

    @cached_property
    def _exact(self) -> dict[str | None, Metric]:
        return {metric.glob: metric for metric in self.metrics}

    @cached_property
    def _globs(self) -> list[tuple[Glob, Metric]]:
        globs = [(Glob(metric.glob or ""), metric) for metric in self.metrics]
        return sorted((found for found in globs if found[0].wild), key=lambda found: -found[0].literals)

    @cached_property
    def _found(self) -> dict[str, Metric]:
        return {}

    def metric(self, name: str) -> Metric:
        """Look up a metric by its name or key (`val/auc` or `val/auc{fold=1}`); an alias finds its metric.

        The table of exactly this name wins, then the glob with the most literal characters, then the earlier one.
        Tables are not merged; only the goal is completed from well-known names.
        """
        found = self._found.get(name)
        if found is None:
            plain = parse_key(name)[0]
            plain = self.aliases.get(plain, plain)
            table = self._exact.get(plain)
            if table is None:
                table = next((metric for glob, metric in self._globs if glob.fits(plain)), Metric())
            found = msgspec.structs.replace(table, goal=table.goal or known_goal(plain))
            self._found[name] = found
        return found

    def canonical(self, key: str) -> str:
        """Return the key with an alias replaced by the metric it stands for, context kept; else the key itself."""
        if not self.aliases:
            return key
        name = parse_key(key)[0]
        return self.aliases[name] + key[len(name) :] if name in self.aliases else key

    @property
    def declared(self) -> list[dict[str, Any]]:
        """The declared metrics as JSON rows, in the order of the file; keys that were not given are left out."""
        keys = Metric.__struct_fields__
        rows = ({key: getattr(metric, key) for key in keys} for metric in self.metrics)
        return [{key: _json(value) for key, value in row.items() if value not in (None, (), 0.0)} for row in rows]

    def to_json(self) -> dict[str, Any]:
        """Return the object that `ledger schema --json` prints; non-finite numbers are strings."""
        return {
            "schema": "ledger.schema/1",
            "metrics": self.declared,
            "gates": _json(self.gates),
            "vitals": _json(self.vitals),
            "storage": dict(self.storage),
        }


EMPTY = Schema()


def _json(value: Any) -> Any:
    """Return the value as JSON has it: lists for tuples, text for what is not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    return [_json(item) for item in value] if isinstance(value, tuple) else value


_TABLES = ("metric", "gate", "vitals", "storage", "format")
_DOTS_MAX = 100  # in one line, those in quotes and comments left out
_QUOTED = re.compile(r""""(?:\\.|[^"\\])*"|'[^']*'|#.*""")


def parse(text: str, source: str = ".ledger-schema") -> Schema:
    """Read the text of a `.ledger-schema`; `source` names it in errors.

    Raises InvalidSchema with line and key, and NewerFormat for a file that a newer version of ledger wrote.
    """
    return _Reader(text.removeprefix("\ufeff"), source).schema()


class _Reader:
    """Checks one file's tables; knows the text, so that an error can name the line."""

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source

    def schema(self) -> Schema:
        """Check every table; return the schema."""
        tables = self._toml()
        self._check_format(tables.pop("format", FORMAT))
        for name in tables:
            if name not in _TABLES:
                self._refuse_unknown((name,), tables[name], _TABLES)
        storage = self._table(("storage",), tables.get("storage", {}))
        return Schema(
            metrics=self._metrics(self._table(("metric",), tables.get("metric", {}))),
            gates=self._named("gate", tables.get("gate", {}), GATE),
            vitals=self._named("vitals", tables.get("vitals", {}), None),
            storage=self._checked(("storage",), storage, STORAGE),
        )

    def _toml(self) -> dict[str, Any]:
        import tomllib

        for number, line in enumerate(self.text.split("\n"), 1):  # tomllib takes the square of them in time and memory
            if line.count(".") > _DOTS_MAX and _QUOTED.sub("", line).count(".") > _DOTS_MAX:
                raise InvalidSchema(f"{self.source}, line {number}: a key has more than {_DOTS_MAX} parts")
        try:
            return tomllib.loads(self.text)
        except RecursionError:
            raise InvalidSchema(f"{self.source}: brackets are nested too deeply to be read") from None
        except ValueError as fault:
            problem, _, place = str(fault).partition(" (at ")
            at = re.match(r"line (\d+), column (\d+)", place)
            lines = self.text.split("\n")
            where = f", line {at[1]}, column {at[2]}" if at else f", line {len(lines)}" if place else ""
            found = f"; found {_shown(lines[int(at[1]) - 1].strip())}" if at else "; found the end" if place else ""
            raise InvalidSchema(
                f"{self.source}{where}: not valid TOML: {problem}{found}",
                hint='put names and texts in quotes: [metric."val/auc"] and goal = "maximize"',
            ) from None

    def _check_format(self, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self._refuse(("format",), f"format is {_shown(value)}; it must be {FORMAT}")
        if value > FORMAT:
            raise NewerFormat(
                f"{self.source}, line {self._line(('format',))}: format is {_shown(value)}; "
                f"this version of ledger reads format {FORMAT}",
                hint="upgrade: pip install --upgrade ledger-ml",
            )

    def _metrics(self, tables: dict[str, Any]) -> tuple[Metric, ...]:
        metrics: list[Metric] = []
        owners: dict[str, str] = {}
        for glob, value in tables.items():
            path = ("metric", glob)
            table = self._table(path, value)
            self._check_name(path)
            metric = Metric(glob=glob, **self._checked(path, table, METRIC))
            if metric.alias and Glob(glob).wild:
                self._refuse(
                    (*path, "alias"), f"{_label(path)} has an alias, but only a name without wildcards can have one"
                )
            for alias in metric.alias:
                claimed = f"{_shown(alias)} as alias of {_shown(glob)}"
                if alias in tables:
                    self._refuse((*path, "alias"), f"{claimed} is declared too, as {_label(('metric', alias))}")
                if alias in owners:
                    self._refuse((*path, "alias"), f"{claimed} is an alias of {_shown(owners[alias])} already")
                owners[alias] = glob
            metrics.append(metric)
        return tuple(metrics)

    def _named(self, kind: str, value: Any, rules: Mapping[str, Rule] | None) -> dict[str, dict[str, Any]]:
        """Check tables named by a metric key; with no rules, any key may hold any scalar."""
        named = {}
        for name, item in self._table((kind,), value).items():
            path = (kind, name)
            table = self._table(path, item)
            self._check_name(path)
            named[name] = self._checked(path, table, rules or dict.fromkeys(table, SCALAR))
        return named

    def _check_name(self, path: tuple[str, ...]) -> None:
        """Refuse a table's name that no metric can have; gates and vital signs may name a context."""
        try:
            check_metric(parse_key(path[1])[0] if path[0] != "metric" else path[1])
        except (InvalidName, InvalidValue, ValueError) as fault:
            problem = getattr(fault, "message", "the context does not parse")
            braces = path[0] == "metric" and "{" in path[1]
            hint = 'a table of [metric] counts for every context: [metric."val/auc"]' if braces else None
            self._refuse(path, f"{_label(path)} names no metric: {problem}", hint)

    def _table(self, path: tuple[str, ...], value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        return self._refuse(path, f"{_label(path)} is {_shown(value)}; it must be a table")

    def _checked(self, path: tuple[str, ...], table: dict[str, Any], rules: Mapping[str, Rule]) -> dict[str, Any]:
        checked = {}
        for key, found in table.items():
            if key not in rules:
                self._refuse_unknown((*path, key), found, rules)
            check, rule = rules[key]
            checked[key] = check(found)
            if checked[key] is None:
                hint = _nearest(found, ("maximize", "minimize")) if key == "goal" else None
                self._refuse((*path, key), f"{key} in {_label(path)} is {_shown(found)}; it must be {rule}", hint)
        return checked

    def _refuse_unknown(self, path: tuple[str, ...], value: Any, known: Any) -> NoReturn:
        where = f" in {_label(path[:-1])}" if path[:-1] else ""
        if isinstance(value, dict) and len(path) > 1:
            hint: str | None = f"put a name with dots in quotes: {_label((path[0], '.'.join(path[1:])))}"
        else:
            hint = _nearest(path[-1], known)
        self._refuse(path, f"unknown key {_shown(path[-1])}{where}; known keys are {', '.join(known)}", hint)

    def _refuse(self, path: tuple[str, ...], message: str, hint: str | None = None) -> NoReturn:
        raise InvalidSchema(f"{self.source}, line {self._line(path)}: {message}", hint=hint)

    def _line(self, path: tuple[str, ...]) -> int:
        return toml_lines.lines(self.text).get(path, 1)


def _label(path: tuple[str, ...]) -> str:
    """Write a table's path as its header: `[metric."val/auc"]`."""
    return f"[{'.'.join([path[0], *map(_shown, path[1:])])}]"


def _shown(value: Any) -> str:
    """Write a value for an error: on one line, not long, nothing that could steer a terminal."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:
        return "a number of thousands of digits"
    if not text.isprintable():
        text = json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _nearest(word: Any, known: Any) -> str | None:
    from difflib import get_close_matches

    near = get_close_matches(str(word).lower(), list(known), n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else None
