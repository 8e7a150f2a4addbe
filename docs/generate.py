"""Writes the pages that repeat what the code says: `docs/cli.md`, `docs/python.md` and `docs/errors.md`.

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
    "EntryNote": "ledger.store.state",
    "Comparison": "ledger.table.compare",
    "RunDiff": "ledger.table.diff",
    "Change": "ledger.table.diff",
    "MetricChange": "ledger.table.diff",
    "Call": "ledger.record.calls",
    "ChartFile": "ledger.record.calls",
    "Logged": "ledger.record.adding",
    "Finished": "ledger.record.finishing",
    "Repaired": "ledger.record.repair",
    "Swept": "ledger.record.sweep",
    "Report": "ledger.store.audit.findings",
    "Finding": "ledger.store.audit.findings",
    "Schema": "ledger.schema",
    "Metric": "ledger.schema",
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


PAGES = {"cli.md": cli_page, "errors.md": errors_page, "python.md": python_page}


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
