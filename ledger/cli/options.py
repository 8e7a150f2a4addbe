"""Options and types that several commands share, so that a flag means the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def formats(*, tables: bool = True) -> Callable[[F], F]:
    """Add `--json`, and `--csv` and `--md` where rows are shown; the command gets `form`."""

    def add(function: F) -> F:
        kinds = [("--md", "Markdown"), ("--csv", "CSV")] if tables else []
        for flag, name in [*kinds, ("--json", "JSON")]:
            function = click.option(flag, "form", flag_value=flag[2:], help=f"Write {name}.")(function)
        return function

    return add


where = click.option(
    "-F", "--filter", "where", metavar="EXPR", help="Only runs that fit, such as \"val/auc > 0.9 and tag = 'cv'\"."
)
metric = click.option("--metric", "metrics", metavar="GLOB", multiple=True, help="Only metrics of these names.")
at = click.option("--at", metavar="REV", help="As a commit, branch or tag has it.")
dry_run = click.option("-n", "--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
reason = click.option("-m", "--message", "reason", metavar="TEXT", help="Why; kept with the change.")


class Pair(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """`NAME=VALUE`, split at the last `=`: a metric's name may hold one."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return name and value; a word that is no pair is a usage error."""
        if isinstance(value, tuple):
            return value
        name, equals, rest = self.split(value)
        if not equals or not name:
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        return name, rest

    def split(self, word: str) -> tuple[str, str, str]:
        """Return what stands before, at and after the sign."""
        return word.rpartition("=")


class FirstPair(Pair):
    """`NAME=VALUE`, split at the first `=`: for params, contexts and file names, whose values may hold one."""

    def split(self, word: str) -> tuple[str, str, str]:
        """Return what stands before, at and after the sign."""
        return word.partition("=")


params = click.option(
    "-p", "--param", "params", type=FirstPair(), multiple=True, help="A parameter; JSON if it parses, else text."
)
tags = click.option("--tag", "tags", metavar="TAG", multiple=True, help="A tag; may be given several times.")


def describes_run(function: F) -> F:
    """Add what may be said of a new run: --param, --tag, --group, --parent, --seed, --note."""
    for option in (
        click.option("--note", metavar="TEXT", help="Free text."),
        click.option("--seed", type=int, help="The random seed."),
        click.option("--parent", metavar="RUN", help="The run this one comes from."),
        click.option("--group", metavar="NAME", help="What the run belongs to, such as a sweep."),
        tags,
        params,
    ):
        function = option(function)
    return function


def param_dict(pairs: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Return params given as pairs, dotted names nested."""
    result: dict[str, Any] = {}
    for name, text in pairs:
        inner, parts = result, name.split(".")
        if not all(parts):
            raise click.BadParameter(f"the parameter name {name!r} has an empty part")
        for part in parts[:-1]:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise click.BadParameter(f"the parameter {name!r} is given as a value and as a group")
        if parts[-1] in inner:
            raise click.BadParameter(f"the parameter {name!r} is given twice")
        inner[parts[-1]] = json_or_text(text)
    return result


def context_dict(pairs: tuple[tuple[str, str], ...]) -> dict[str, Any] | None:
    """Return a context given as pairs: each value JSON if it parses, else text."""
    return {name: json_or_text(text) for name, text in pairs} or None


def json_or_text(text: str) -> Any:
    """Return what the text says as JSON, else the text itself."""
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
