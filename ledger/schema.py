"""`.ledger-schema`: what a team declares about its metrics, gates and storage; read, checked and looked up here.

`parse` turns the file's text into a `Schema`; readers (table, derive) ask it for a metric's goal, unit, range and
tolerance, and for the metric that an alias stands for. Pure: the caller reads the file or the git revision.
The format is specified in docs/format/schema.md.
"""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, NoReturn

import msgspec

from ledger.errors import InvalidName, InvalidSchema, InvalidValue, NewerFormat
from ledger.format.names import check_metric, check_text, parse_key

FORMAT = 0

_MINIMIZE_WORDS = """
    abs_rel ae aic bic bpb bpc bits_per_byte bits_per_character brier brier_score cer cost cross_entropy crossentropy
    crps der deviance divergence ece eer epe err error error_rate false_discovery_rate false_negative_rate
    false_positive_rate fdr fid fid_score fnr fpr kid kl kld latency latency_ms latency_s log_loss logloss loss lpips
    mae mape mase max_error mean_relative_error median_ae mpjpe mse msle negative_log_likelihood neg_log_likelihood nll
    perplexity ppl regret rmse rmsle smape ter wape wer
"""
_MAXIMIZE_WORDS = """
    acc acc1 acc5 accuracy ap ari auc aupr auprc auroc average_precision balanced_accuracy bleu chrf cohen_kappa dice
    elbo explained_variance f0.5 f1 f2 fbeta fps hit_rate iou jaccard kappa ks likelihood map map50 mcc mean_iou meteor
    miou mrr ndcg neg_brier_score neg_log_loss neg_max_error neg_mean_absolute_error
    neg_mean_absolute_percentage_error neg_mean_squared_error neg_mean_squared_log_error neg_median_absolute_error
    neg_root_mean_squared_error nmi npv ppv pr_auc prauc precision psnr r2 recall return reward roc_auc rocauc rouge
    rouge1 rouge2 rouge_1 rouge_2 rouge_l rougel rougelsum sacrebleu score sensitivity silhouette specificity ssim
    success_rate throughput tnr tpr true_negative_rate true_positive_rate win_rate
"""
_MINIMIZE = frozenset(_MINIMIZE_WORDS.split())
_MAXIMIZE = frozenset(_MAXIMIZE_WORDS.split())
# `f1_macro` is an f1; `std_accuracy` is no accuracy, and nobody can say which way `neg_loss` is meant.
_AVERAGES = frozenset({"macro", "micro", "weighted", "ovr", "ovo"})
_OTHER_QUANTITY = frozenset(
    {"delta", "diff", "inverse", "minus", "n", "neg", "negative", "num", "rank", "std", "var"},
)
_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}


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
    def _globs(self) -> "list[_Glob]":
        globs = [_Glob(metric) for metric in self.metrics]
        return sorted((glob for glob in globs if glob.wild), key=lambda glob: -glob.literals)

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
                table = next((glob.metric for glob in self._globs if glob.fits(plain)), Metric())
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


def known_goal(name: str) -> str | None:
    """Return the goal that a metric's name stands for by custom (`val/auc`: maximize), or None.

    The last `/` part decides, without case and without `@k`: it, or its last words (`top_5_accuracy`), must be known.
    """
    words = re.split("[_ -]", name.rpartition("/")[2].partition("@")[0].lower())
    if len(words) > 1 and words[-1] in _AVERAGES:
        words.pop()
    for start, word in enumerate(words):
        ending = "_".join(words[start:])
        if ending in _MINIMIZE:
            return "minimize"
        if ending in _MAXIMIZE:
            return "maximize"
        if word in _OTHER_QUANTITY:
            return None
    return None


class _Glob:
    """One table's name as a pattern, matched in time linear in the name: schemas come from pull requests too."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.steps = _steps(metric.glob or "")
        self.wild = any(kind != "literal" for kind, _ in self.steps)
        self.literals = sum(kind in ("literal", "parts") for kind, _ in self.steps)
        plain = [text if kind == "literal" else "\0" for kind, text in self.steps]
        self.prefix = "".join(plain).partition("\0")[0]
        self.suffix = "".join(plain).rpartition("\0")[2]

    def fits(self, name: str) -> bool:
        """Say whether the whole name matches."""
        if not (name.startswith(self.prefix) and name.endswith(self.suffix)):
            return False
        reached: set[int] = set()
        self._enter(0, reached)
        for character in name:
            after: set[int] = set()
            for at in reached:
                kind, text = self.steps[at] if at < len(self.steps) else ("end", "")
                if kind == "parts":
                    after.add(at)
                    if character == "/":
                        self._enter(at + 1, after)
                elif kind == "**" or (kind == "*" and character != "/"):
                    self._enter(at, after)
                elif (kind == "literal" and character == text) or (
                    kind == "class" and character != "/" and fnmatchcase(character, text)
                ):
                    self._enter(at + 1, after)
            reached = after
        return len(self.steps) in reached

    def _enter(self, at: int, reached: set[int]) -> None:
        """Add a step, and those behind it as far as nothing need be matched."""
        reached.add(at)
        while at < len(self.steps) and self.steps[at][0] in ("*", "**", "parts"):
            at += 1
            reached.add(at)


def _steps(glob: str) -> list[tuple[str, str]]:
    """Split a glob into literal characters, classes, `*`, `**`, and `**/` at the start of a part ("parts")."""
    steps: list[tuple[str, str]] = []
    at = 0
    while at < len(glob):
        end = at + 1
        if glob[at] == "*":
            while glob[end : end + 1] == "*":
                end += 1
            several = end - at > 1
            if several and glob[end : end + 1] == "/" and (at == 0 or glob[at - 1] == "/"):
                steps.append(("parts", "/"))
                end += 1
            else:
                steps.append(("**" if several else "*", ""))
        elif glob[at] == "?":
            steps.append(("class", "?"))
        elif glob[at] == "[" and (close := glob.find("]", at + 2 + (glob[at + 1 : at + 2] == "!"))) > 0:
            end = close + 1
            steps.append(("class", glob[at:end]))
        else:
            steps.append(("literal", glob[at]))
        at = end
    return steps


def _json(value: Any) -> Any:
    """Return the value as JSON has it: lists for tuples, text for what is not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    return [_json(item) for item in value] if isinstance(value, tuple) else value


# What a key may hold: a function that returns the value as stored, or None if not allowed; and the rule in words.
_Rule = tuple[Callable[[Any], Any], str]


def _number(value: Any) -> float | None:
    """Return an integer or float as float64, infinities included; a boolean is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return None if math.isnan(value) else float(value)
    except OverflowError:
        return None


def _finite(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and math.isfinite(number) else None


def _amount(value: Any) -> float | None:
    number = _finite(value)
    return number if number is not None and number >= 0 else None


def _range(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    low, high = _number(value[0]), _number(value[1])
    return (low, high) if low is not None and high is not None and low <= high else None


def _goal(value: Any) -> str | None:
    return value if value in ("maximize", "minimize") else None


def _line(value: Any) -> str | None:
    try:
        return check_text("", value)
    except InvalidName:
        return None


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    odd = any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\n\t" for c in value)
    return None if odd else value


def _aliases(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list) or len({str(name) for name in value}) < len(value):
        return None
    try:
        return None if any("*" in check_metric(name) or "?" in name for name in value) else tuple(value)
    except InvalidName:
        return None


def _runs(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1 else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _scalar(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float)) else _text(value)


def _size(value: Any) -> int | None:
    """Return a size in bytes from an integer or from text such as "1.5 GB" or "20 MiB"."""
    if isinstance(value, str):
        size = re.fullmatch(r"([0-9]{1,15})(?:\.([0-9]{1,15}))? ?([kmgt]?i?b)", value.lower())
        if size is None or size[3] not in _UNITS:
            return None
        fraction = size[2] or ""
        value, rest = divmod(int(size[1] + fraction) * _UNITS[size[3]], 10 ** len(fraction))
        if rest:
            return None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


_NUMBER_RULE: _Rule = (_finite, "a finite number")
_AMOUNT_RULE: _Rule = (_amount, "a finite number >= 0")
_SIZE_RULE: _Rule = (_size, 'whole bytes: an integer >= 0, or text such as "20 MB" or "1.5 GiB"')
_SCALAR_RULE: _Rule = (_scalar, "a text, a number or a boolean")
_METRIC: dict[str, _Rule] = {
    "goal": (_goal, '"maximize" or "minimize"'),
    "unit": (_line, "a text of one line, not empty, without spaces around it"),
    "description": (_text, "a text without control characters"),
    "range": (_range, "[lo, hi]: two numbers, lo <= hi, -inf and inf allowed, nan not"),
    "tolerance": _AMOUNT_RULE,
    "relative_tolerance": _AMOUNT_RULE,
    "alias": (_aliases, "a list of different metric names, without wildcards and contexts"),
}
_GATE: dict[str, _Rule] = {
    "min": _NUMBER_RULE,
    "max": _NUMBER_RULE,
    "max_drop": _AMOUNT_RULE,
    "max_rise": _AMOUNT_RULE,
    "tolerance": _AMOUNT_RULE,
    "min_runs": (_runs, "an integer >= 1"),
    "required": (_boolean, "true or false"),
    "baseline": (_line, "a text: a run or a git revision"),
}
_STORAGE: dict[str, _Rule] = {"max_blob": _SIZE_RULE, "warn_total": _SIZE_RULE}
_TABLES = ("metric", "gate", "vitals", "storage", "format")


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
            gates=self._named("gate", tables.get("gate", {}), _GATE),
            vitals=self._named("vitals", tables.get("vitals", {}), None),
            storage=self._checked(("storage",), storage, _STORAGE),
        )

    def _toml(self) -> dict[str, Any]:
        import tomllib

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
            metric = Metric(glob=glob, **self._checked(path, table, _METRIC))
            if metric.alias and any(kind != "literal" for kind, _ in _steps(glob)):
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

    def _named(self, kind: str, value: Any, rules: Mapping[str, _Rule] | None) -> dict[str, dict[str, Any]]:
        """Check tables named by a metric key; with no rules, any key may hold any scalar."""
        named = {}
        for name, item in self._table((kind,), value).items():
            path = (kind, name)
            table = self._table(path, item)
            self._check_name(path)
            named[name] = self._checked(path, table, rules or dict.fromkeys(table, _SCALAR_RULE))
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

    def _checked(self, path: tuple[str, ...], table: dict[str, Any], rules: Mapping[str, _Rule]) -> dict[str, Any]:
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
        return _lines(self.text).get(path, 1)


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


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """Find the line on which each table and key of a valid TOML text first stands; tomllib does not say."""
    tokens = re.compile(
        r'''"""(?:\\.|[^\\])*?"""(?!")|\'{3}.*?\'{3}(?!\')'''
        r"""|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|\#[^\n]*|\n|[][{}=.,]|[^][{}=.,"\'\#\s]+""",
        re.DOTALL,
    )
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    # The brackets open in a value: an inline table has its path, an array None. `key` is None inside a value.
    brackets: list[tuple[str, ...] | None] = []
    key: list[str] | None = []
    header, line = False, 1
    path: tuple[str, ...] = ()
    for match in tokens.finditer(text):
        token = match[0]
        if token == "\n":
            if not brackets:
                key, header = [], False
        elif token[0] == "#":
            pass
        elif key is None:
            if token in "{[":
                brackets.append(path if token == "{" else None)
            elif token in "}]":
                brackets.pop()
            key = [] if token == "{" or (token == "," and brackets and brackets[-1] is not None) else None
        elif token == "[" and not key:
            header = True
        elif token == "]" and header:
            table = _record(lines, (), key, line) if key else table
            key = []
        elif token == "=":
            path = _record(lines, (brackets[-1] or ()) if brackets else table, key, line)
            key = None
        elif token == "}":
            brackets.pop()
            key = None
        elif token != "." and token != ",":
            key.append(_key_text(token))
        line += token.count("\n")
    return lines


def _record(lines: dict[tuple[str, ...], int], table: tuple[str, ...], key: list[str], line: int) -> tuple[str, ...]:
    """Note the line of a path and of the tables it implies; return the path."""
    path = (*table, *key)
    for length in range(1, len(path) + 1):
        lines.setdefault(path[:length], line)
    return path


def _key_text(token: str) -> str:
    """Return a key as TOML reads it: bare, or in quotes of either kind."""
    import tomllib

    return str(tomllib.loads(f"key = {token}")["key"]) if token[0] in "\"'" else token
