"""Writes the pages that repeat what the code says: `docs/cli.md`, `python.md`, `errors.md` and `metrics.md`.

`python -m docs.generate` at the top of the repository writes them; with `--check` it exits 1 where one is out of date.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

import ledger
from ledger import cli, errors
from ledger.evaluate import evaluate
from ledger.evaluate.kinds import KINDS
from ledger.evaluate.lookup import CHART_ALIASES, bundle
from ledger.evaluate.registry import Metric

ROOT = Path(__file__).resolve().parents[1]
NOTE = "<!-- Written by `python -m docs.generate`; edit the code instead. -->\n"

EXIT_CODES = {
    0: "done",
    1: "the answer is no: a difference with `--exit-code`, or lines that were left out and listed",
    2: "the call itself is wrong; nothing was written",
    3: "no answer can be given; never a pass",
    4: "no ledger, no such run, chart or metric, or an ambiguous name",
    5: "damage: a file that had to be read cannot be trusted",
    70: "a bug in ledger; the message names a report to send",
    74: "the disk refused",
    130: "interrupted (Ctrl-C)",
    141: "whoever read the output has gone, as `head` does",
}

# What the public functions return: found by these names, documented after the public names.
RETURNED = {
    "RunState": "ledger.store.state",
    "Summary": "ledger.store.state",
    "Chart": "ledger.store.state",
    "Predictions": "ledger.store.state",
    "PredictedColumn": "ledger.store.state",
    "EntryNote": "ledger.store.state",
    "Comparison": "ledger.table.compare",
    "Plot": "ledger.api.plotting",
    "Generalization": "ledger.table.generalization",
    "RunDiff": "ledger.table.diff",
    "Change": "ledger.table.diff",
    "MetricChange": "ledger.table.diff",
    "CellHistory": "ledger.table.history",
    "CellValue": "ledger.table.history",
    "NotShown": "ledger.table.history",
    "MetricHistory": "ledger.table.evolution",
    "CommitValue": "ledger.table.evolution",
    "RunValue": "ledger.table.evolution",
    "Call": "ledger.record.calls",
    "ChartFile": "ledger.record.calls",
    "Logged": "ledger.record.adding",
    "Finished": "ledger.record.finishing",
    "Merged": "ledger.record.merging",
    "Repaired": "ledger.record.repair",
    "Swept": "ledger.record.sweep",
    "Report": "ledger.store.audit.findings",
    "Finding": "ledger.store.audit.findings",
    "Outcome": "ledger.derive.gates",
    "Check": "ledger.derive.gates",
    "Schema": "ledger.schema",
    "Metric": "ledger.schema",
}

# Callbacks for frameworks, read from their text: nobody needs the framework to write the page.
CALLBACKS = {
    "LedgerCallback": "ledger.integrations.keras",
    "PerformanceCallback": "ledger.integrations.keras",
}

# Functions for frameworks, read in the same way.
INTEGRATIONS = {
    "estimator_params": "ledger.integrations.estimators",
    **dict.fromkeys(
        ("evaluate", "cross_validate", "log_search", "log_learning_curve", "log_importance"),
        "ledger.integrations.sklearn",
    ),
}

METRICS_ABOUT = """\
`ledger.evaluate.evaluate(y_true, y_pred | y_score)` gives every value and chart of its kind of evaluation,
`ledger.evaluate.compute(name, y_true, ...)` one of them by name or alias. A value is stored under its name, never
under an alias, together with its definition: two runs whose `f1` were computed in different ways can be told apart.

In names, case, blanks and hyphens do not matter, and the `neg_` of a scikit-learn scorer is passed over:
`neg_log_loss` is `log_loss`, a positive number that is better when smaller. Where a metric and a chart have one name
(`ks`) it is the metric's, and `ks_curve` the chart's.

## Rules

- A row is positive where score > threshold (0.5 unless said). Rows with one score are never told apart: the order of
  rows cannot change an answer.
- What cannot be computed is undefined, stored as null with the reason: never 0, 1 or NaN in its place. The column
  *undefined when* gives a metric's own reasons. Every metric is undefined where there are no rows, where every weight
  is 0, and where a score or prediction that it needs is no finite number; the reason then gives the count.
- A row whose truth is missing (None, NaN) is pending: counted, and left out. A row of weight 0 counts for nothing.
- Everything is computed in float64, whatever the arrays are. `log_loss` clips probabilities to 2.2e-16 from 0 and 1,
  and the evaluation says how many rows that changed.
- The same rows in chunks (`ledger.evaluate.Stream`), in any order or merged from several processes, give the same
  answer, up to rounding where there are weights.
- Labels are in the order given as `labels=`, else in that of the categories of a categorical `y_true`, ordered or not,
  else sorted; of two the last is the positive one. Categories that do not occur count only where there is a column of
  scores for each, as in scikit-learn only labels that occur do.
- Columns of scores are in the order of the labels. Those of a frame are found by their names where these are the
  labels, or the labels as text; no name being a label, they are in the order of the labels; some being, it is an error.
  scikit-learn sorts its classes: columns without names beside categories that are not sorted need `labels=`.
- Sums of squares are right down to values of 1e-150: where they would have lost digits (`rmse`, `r2`, `pearson` of
  values of 1e-160), the metric is undefined. `mse` itself is then as near as float64 comes to it.
- A `kind` that nobody says is guessed. Three dimensions are a segmentation, several columns of 0 and 1 multilabel or,
  one-hot and beside probabilities, multiclass. Without scores, what holds a fraction is a regression; so are whole
  numbers of which the truth has many different ones (more than 100, or than 2 √rows and 10), where `y_pred` or the
  truth is of a type of floats, or `y_pred` has a number that the truth has not. Other whole numbers, truth values and
  text are classes: binary if there are two of them.
- The best threshold of each metric (chart `threshold`, fact `best`) is exact, over all distinct scores. Of thresholds
  that tie it is the middle of the widest stretch, of equally wide ones that of the lowest; a hundredth of the scores'
  range below the least score, where every row is positive, is the lowest that counts.
- Metrics of one's own are added with `ledger.evaluate.register` or, by an installed package, through the entry point
  group `ledger.metrics`.
"""

OPTIONS = {
    "threshold": "a row is positive where its score is greater: 0.5",
    "bins": "of `ece` and `calibration`, of equal width over 0 to 1: 10",
    "beta": "what `fbeta` weighs recall with: 1",
    "zero_division": "what 0/0 stands for in means over labels: left out (None), 0 or 1",
    "k": "of `top_k_accuracy`",
    "normalizer": "what `mean_relative_error` divides errors by: a number, or one for each row",
    "keep": "of how many rows at most medians, quantiles and charts are made: 2^24; of more they are undefined",
    "ignore_class": "a label: pixels whose truth it is are left out, and it is in no mean over labels; to predict it "
    "elsewhere is a miss",
}

# Rows of each kind, to see what columns its charts have.
SAMPLES: dict[str, dict[str, Any]] = {
    "binary": {"y_true": [0, 0, 1, 1], "y_score": [0.1, 0.4, 0.35, 0.8]},
    "multiclass": {"y_true": [0, 1, 2], "y_score": [[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7]]},
    "multilabel": {"y_true": [[1, 0], [0, 1], [1, 1]], "y_score": [[0.9, 0.2], [0.3, 0.8], [0.6, 0.7]]},
    "regression": {"y_true": [1.0, 2.0, 4.0], "y_pred": [1.5, 2.5, 3.5]},
    "segmentation": {"y_true": [[[0, 1], [1, 1]]], "y_pred": [[[0, 1], [0, 1]]]},
}


def cli_page() -> str:
    """Return `docs/cli.md`: every command with its help, arguments and options."""
    lines = [
        NOTE,
        "# The command line\n",
        "Data goes to stdout, notices and errors to stderr. `ledger COMMAND --help` says the same as this page.",
        "`python -m ledger` and `git ledger` are the same program.\n",
        "A RUN is an id, the beginning of one, a name (the newest run of that name), `@1` (the newest run), `@2` and",
        "so on, `best:METRIC` or `tag:TAG`.\n",
        "## Options of every command\n",
        "They stand before the command: `ledger -C project ls`.\n",
        *_options(cli.group),
        "",
        "## Exit codes\n",
        *(f"- `{code}`: {meaning}" for code, meaning in EXIT_CODES.items()),
        "",
        "`ledger run -- CMD` exits with the status of CMD.\n",
    ]
    for name, summary in cli.COMMANDS.items():
        context = click.Context(cli.group, info_name="ledger")
        command = cli.group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        usage = " ".join(["ledger", name, *command.collect_usage_pieces(inner)])
        lines += [f"## ledger {name}\n", f"{summary}\n", f"```\n{usage}\n```\n", *_help(command.help or "")]
        lines += [*_options(command), ""]
        if isinstance(command, click.Group):
            for part in (part for part in command.commands.values() if not part.hidden):
                inner_part = click.Context(part, info_name=part.name, parent=inner)
                usage = " ".join(["ledger", name, part.name or "", *part.collect_usage_pieces(inner_part)])
                lines += [f"### ledger {name} {part.name}\n", f"```\n{usage}\n```\n", *_help(part.help or "")]
                lines += [*_options(part), ""]
    return "\n".join(lines)


def _help(text: str) -> Iterator[str]:
    """Turn a command's help into Markdown; what click must not wrap is an example."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b\n"):
            yield f"```sh\n{paragraph[2:]}\n```\n"
        else:
            yield paragraph.replace("\n", " ") + "\n"


def _options(command: click.Command) -> Iterator[str]:
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    for option in options:
        flags = ", ".join([*option.opts, *option.secondary_opts])
        value = "" if option.is_flag or option.count else f" {_metavar(option)}"
        yield f"- `{flags}{value}`: {option.help or ''}".rstrip(": ") + ""
    if command is not cli.group:
        yield "- `-h, --help`: Show the command's help and exit."


def _metavar(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return f"[{'|'.join(str(choice) for choice in option.type.choices)}]"
    return "INTEGER" if isinstance(option.type, click.types.IntParamType) else option.type.name.upper()


def errors_page() -> str:
    """Return `docs/errors.md`: every error with its code and exit code."""
    lines = [
        NOTE,
        "# Errors\n",
        "Every error that ledger raises on purpose is a `ledger.LedgerError`; they are in `ledger.errors`. It has a",
        "`message` that says what happened with the values at hand, perhaps a `hint` (what to type next), a `code` and",
        "an `exit_code`. Codes are only ever added: scripts may rely on them. On the command line an error is a line",
        "or two on stderr.\n",
        "A fault of the disk never stops a training: rows stay in memory, a `ledger.LedgerWarning` says so, and",
        "`finish()` raises if anything is still unwritten.\n",
        "| error | is a | code | exit | meaning |",
        "|---|---|---|---|---|",
        *_error_rows(errors.LedgerError),
        "",
        "## Exit codes\n",
        "| code | meaning |",
        "|---|---|",
        *(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()),
        "",
    ]
    return "\n".join(lines)


def _error_rows(error: type[errors.LedgerError]) -> Iterator[str]:
    """Yield the row of an error, and those of the errors under it."""
    meaning = inspect.cleandoc(error.__doc__ or "").partition("\n")[0]
    parent = error.__bases__[0].__name__
    yield f"| `{error.__name__}` | `{parent}` | `{error.code}` | {error.exit_code} | {meaning} |"
    for child in error.__subclasses__():
        if child.__name__ in errors.__all__:
            yield from _error_rows(child)


def python_page() -> str:
    """Return `docs/python.md`: every public name with its signature and docstring, and what the calls return."""
    first, _, rest = inspect.cleandoc(ledger.__doc__ or "").partition("\n\n")
    example = "\n".join(line.removeprefix("    ") for line in rest.partition("\n\n")[0].split("\n"))
    lines = [NOTE, "# Python\n", f"{first}\n", f"```python\n{example}\n```\n"]
    lines += ["Errors are listed in [errors.md](errors.md); selectors of runs in [cli.md](cli.md).\n"]
    for name in ledger.__all__:
        if name.startswith("__"):
            continue
        lines += _definition(f"ledger.{name}", name, ledger._HOMES[name])
    lines += ["## Callbacks\n", "Each is imported from the module of its framework.\n"]
    for name, module in CALLBACKS.items():
        found = _find(name, module)
        assert isinstance(found, ast.ClassDef)
        constructor = next(n for n in found.body if isinstance(n, ast.FunctionDef) and n.name == "__init__")
        lines += [f"### `{module}.{name}`\n", _docstring(found)]
        lines += [f"```\n{_signature(constructor).replace('__init__', name)}\n```\n"]
    lines += ["## scikit-learn\n", "Each is imported from `ledger.integrations.sklearn`.\n"]
    for name, module in INTEGRATIONS.items():
        lines += _definition(f"ledger.integrations.sklearn.{name}", name, module)
    lines += ["## What the calls take and return\n", "These have no name in `ledger`; they come out of its calls.\n"]
    for name, module in RETURNED.items():
        lines += _definition(name, name, module)
    return "\n".join(lines)


def _definition(title: str, name: str, module: str) -> Iterator[str]:
    found = _find(name, module)
    yield f"### `{title}`\n"
    if isinstance(found, ast.FunctionDef):
        yield f"```\n{_signature(found)}\n```\n"
        yield _docstring(found)
        return
    yield _docstring(found)
    constructor = next((n for n in found.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    if constructor is not None and issubclass(_load(module, name), Exception):
        yield f"```\n{_signature(constructor).replace('__init__', name)}\n```\n"
    fields = [n for n in found.body if isinstance(n, ast.AnnAssign) and not ast.unparse(n.target).startswith("_")]
    if fields:
        shown = "\n".join(f"- `{ast.unparse(n.target)}`: `{_annotation(n.annotation)}`" for n in fields)
        yield f"{shown}\n"
    for member in _members(name, module, found):
        if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
            attribute = any("property" in ast.unparse(decorator) for decorator in member.decorator_list)
            what = f"{member.name}: {_annotation(member.returns)}" if attribute else _signature(member)
            yield f"```\n{what}\n```\n"
            yield _docstring(member)


def _find(name: str, module: str) -> ast.ClassDef | ast.FunctionDef:
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    tree = ast.parse(path.read_text("utf-8"))
    return next(n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name == name)


def _members(name: str, module: str, found: ast.ClassDef) -> Iterator[ast.stmt]:
    """Yield what a class has, what it has from classes of ours first."""
    for base in _load(module, name).__bases__:
        if base.__module__.startswith("ledger.") and not issubclass(base, Exception):
            inherited = _find(base.__name__, base.__module__)
            assert isinstance(inherited, ast.ClassDef)
            yield from _members(base.__name__, base.__module__, inherited)
    yield from found.body


def _load(module: str, name: str) -> Any:
    return getattr(__import__(module, fromlist=[name]), name)


def _docstring(node: ast.ClassDef | ast.FunctionDef) -> str:
    text = inspect.cleandoc(ast.get_docstring(node) or "")
    lines = []
    for line in text.split("\n"):
        # `Args:` and what is indented under it become a list.
        name, colon, rest = line.strip().partition(": ")
        indented = line.startswith("    ")
        lines.append(f"- `{name}`: {rest}" if indented and colon and name.isidentifier() else line.strip())
    return "\n".join(lines).replace("Args:\n", "Arguments:\n\n") + "\n"


def _annotation(node: ast.expr | None) -> str:
    """Write an annotation without the quotes of a forward reference."""
    if node is None:
        return "None"
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ast.unparse(node)


def _signature(function: ast.FunctionDef) -> str:
    """Write a signature on one line if it fits, else one argument a line."""
    known = function.args
    parts: list[str] = []
    defaults: list[ast.expr | None] = [None] * (len(known.args) - len(known.defaults)) + list(known.defaults)
    for argument, default in zip(known.args, defaults, strict=True):
        if argument.arg != "self":
            parts.append(_argument(argument, default))
    if known.vararg:
        parts.append(f"*{_argument(known.vararg, None)}")
    elif known.kwonlyargs:
        parts.append("*")
    parts += [_argument(a, d) for a, d in zip(known.kwonlyargs, known.kw_defaults, strict=True)]
    if known.kwarg:
        parts.append(f"**{_argument(known.kwarg, None)}")
    result = "" if function.name == "__init__" else f" -> {_annotation(function.returns)}"
    short = f"{function.name}({', '.join(parts)}){result}"
    if len(short) <= 100:
        return short
    return f"{function.name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){result}"


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    text = argument.arg if argument.annotation is None else f"{argument.arg}: {_annotation(argument.annotation)}"
    if default is None:
        return text
    return f"{text} = {ast.unparse(default)}" if argument.annotation is not None else f"{text}={ast.unparse(default)}"


def metrics_page() -> str:
    """Return `docs/metrics.md`: every metric and chart of every kind."""
    lines = [NOTE, "# Metrics\n", METRICS_ABOUT]
    for kind in KINDS:
        found = bundle(kind)
        lines += [f"## {kind.capitalize()}\n"]
        if found.options:
            lines += ["| option | what it is |", "|---|---|"]
            lines += [*(f"| `{option}` | {OPTIONS[option]} |" for option in found.options), ""]
        lines += [*_metric_rows([metric for metric in found.metrics if metric.bundled]), ""]
        if others := [metric for metric in found.metrics if not metric.bundled]:
            lines += ["When asked for by name:\n", *_metric_rows(others), ""]
        lines += [*_chart_rows(kind), ""]
    return "\n".join(lines)


def _metric_rows(metrics: list[Metric]) -> Iterator[str]:
    yield "| name | aliases | better | definition | undefined when |"
    yield "|---|---|---|---|---|"
    better = {"maximize": "greater", "minimize": "smaller", None: ""}
    for metric in metrics:
        name = f"`{metric.name}`" + (", of each class too" if metric.by_class is not None else "")
        aliases = ", ".join(f"`{alias}`" for alias in metric.aliases)
        about, undefined = (text.replace("|", "\\|") for text in (metric.about, metric.undefined))
        yield f"| {name} | {aliases} | {better[metric.goal]} | {about} | {undefined} |"


def _chart_rows(kind: str) -> Iterator[str]:
    yield "| chart | aliases | columns |"
    yield "|---|---|---|"
    drawn = evaluate(**SAMPLES[kind], kind=kind).charts
    for name in bundle(kind).charts:
        aliases = ", ".join(f"`{alias}`" for alias, stands_for in CHART_ALIASES.items() if stands_for == name)
        columns = ", ".join(f"`{column}`" for column in drawn[name].columns)
        yield f"| `{name}` | {aliases} | {columns} |"


PAGES = {"cli.md": cli_page, "errors.md": errors_page, "metrics.md": metrics_page, "python.md": python_page}


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` name those that are out of date and return 1."""
    stale = []
    for name, page in PAGES.items():
        path, text = ROOT / "docs" / name, page().rstrip() + "\n"
        if path.exists() and path.read_text("utf-8") == text:
            continue
        stale.append(f"docs/{name}")
        if "--check" not in arguments:
            path.write_text(text, "utf-8")
    if stale and "--check" in arguments:
        print(f"out of date: {', '.join(stale)}; write them again with: python -m docs.generate")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
