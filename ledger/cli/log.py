"""`ledger log`: metrics and charts from arguments or from another program's lines. The command a shell loop calls."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import click

from ledger import api
from ledger.cli import options, output
from ledger.errors import InvalidValue, LedgerError

# `loss: 0.5`, `val loss: 0.5` or `loss=0.5`, several with commas between, perhaps `(step 3)` behind.
_PAIR = r"([^\s:={}][^:={}]*?)\s*:\s*(\S+)|([^\s:={}]+)\s*=\s*(\S+)"
_STEP = r"\(\s*step\s+([+-]?\d+)\s*\)$"
_WORDS = ("nan", "inf", "infinity")


@click.command("log")
@click.argument("metrics", nargs=-1, type=options.Pair(), metavar="[METRIC=VALUE]...")
@click.option("--run", "run", metavar="RUN", help="Which run; else LEDGER_RUN. A plain new name makes a closed run.")
@click.option("--step", type=int, help="The step these values belong to; without it, the run as a whole.")
@click.option("--split", metavar="NAME", help="Put in front of each metric: --split val loss=1 is val/loss.")
@click.option("--context", "context", type=options.FirstPair(), multiple=True, help="Tells series apart: fold=1.")
@options.params
@options.tags
@click.option("--chart", "charts", type=options.FirstPair(), multiple=True, help="A chart: NAME=FILE.")
@click.option("--caption", metavar="TEXT", help="Said of the charts.")
@click.option("--note", metavar="TEXT", help="Set the run's note.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read JSON lines or `name: value` lines from stdin.")
@options.reason
@options.dry_run
def command(
    metrics: tuple[tuple[str, str], ...],
    run: str | None,
    step: int | None,
    split: str | None,
    context: tuple[tuple[str, str], ...],
    params: tuple[tuple[str, str], ...],
    tags: tuple[str, ...],
    charts: tuple[tuple[str, str], ...],
    caption: str | None,
    note: str | None,
    from_stdin: bool,
    reason: str | None,
    dry_run: bool,
) -> None:
    """Log metrics to a run: to an open one as it goes, to a closed one as a late entry, which keeps the message.

    A new run has the message in its note.

    \b
    ledger log --run baseline test/auc=0.91
    ledger log train/loss=0.3 val/auc=0.88 --step 1 --chart roc=roc.png
    python train.py | ledger log --run baseline --stdin
    """
    run = run or os.environ.get("LEDGER_RUN")
    if not run:
        raise click.UsageError("which run? give --run NAME, or set LEDGER_RUN: export LEDGER_RUN=$(ledger start NAME)")
    values: dict[str, float | int] = {}
    for name, text in metrics:
        if name in values:
            raise InvalidValue(f"metric {name!r} is given twice: {values[name]!r} and {text}")
        values[name] = number(name, text)
    where = options.context_dict(context)
    calls = [api.Call(values, step, split, where)] if values else []
    files = [api.ChartFile(name, path, step, caption) for name, path in charts]
    if not (calls or files or params or tags or note is not None or from_stdin):
        raise click.UsageError("nothing to log: give METRIC=VALUE, --chart, --param, --tag, --note or --stdin")
    if api.is_disabled():
        return
    ledger = api.writable_ledger()
    given: dict[str, Any] = {"params": options.param_dict(params), "tags": tags, "note": note, "reason": reason}
    if from_stdin:
        _log_lines(ledger, run, calls, files, given, dry_run, api.Call({}, step, split, where))
    else:
        _log(ledger, run, calls, files, given, dry_run)


def number(name: str, text: str) -> float | int:
    """Return the number a text says, exactly; raises InvalidValue where it says none, or float64 cannot hold it."""
    if not is_number(text):
        raise InvalidValue(
            f"metric {name!r} has the value {text[:80]!r}, which is no number",
            hint="write a number, nan, inf or -inf; text belongs into --param or --note",
        )
    value = _exact(text, f"metric {name!r} has the value")
    digits = text.lstrip("+-").lstrip("0")
    if digits.isdigit():  # as an integer, which is refused where float64 would round it
        return -int(digits) if text[0] == "-" else int(digits)
    return value


def _exact(text: str, what: str = "there is the number") -> float:
    """Return the float64 of a number; raises InvalidValue where it would become an infinity or zero."""
    value = float(text)
    lost = value in (float("inf"), float("-inf")) and "inf" not in text.lower()
    if lost or (value == 0 and any(digit in text.lower().partition("e")[0] for digit in "123456789")):
        raise InvalidValue(f"{what} {text[:40]}, which is beyond what float64 can hold ({value!r})")
    return value


def is_number(text: str) -> bool:
    """Say whether a text is a number as `float` reads it, without spaces and underscores."""
    if text.lower().lstrip("+-") not in _WORDS and not set(text) <= set("0123456789+-.eE"):
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True


def _log(ledger: Any, run: str, calls: list[Any], files: list[Any], given: dict[str, Any], dry_run: bool) -> str:
    if dry_run:
        id = ledger.check_log(run, calls, charts=files, **given)
        count = sum(len(call.metrics) for call in calls)
        from ledger.view.numbers import plural

        said = f"{plural(count, 'metric')} and {plural(len(files), 'chart')}"
        output.notice(f"would log {said} to {id or f'the new run {run!r}'}")
        return run
    logged = ledger.log(run, calls, charts=files, **given)
    if logged.created:
        near = f" (the nearest known name is {logged.near[0]!r})" if logged.near else ""
        output.notice(f"made the run {logged.run}, closed{near}")
    return str(logged.run)


def _log_lines(
    ledger: Any, run: str, calls: list[Any], files: list[Any], given: dict[str, Any], dry_run: bool, like: Any
) -> None:
    """Log the lines of stdin: one by one where the run is open, all at once where it is closed or new."""
    bad: list[str] = []
    live = ledger.is_open(run) and not dry_run
    if live and (calls or files or any(given.values())):
        _log(ledger, run, calls, files, given, dry_run)
        calls, files, given = [], [], {}
    for found in _lines(like, bad):
        if not live:
            calls.append(found)
            continue
        try:
            _log(ledger, run, [found], [], given, dry_run)
        except InvalidValue as error:
            bad.append(error.message)
            output.notice(error.message)
    if not live and (calls or files or any(given.values())):
        _log(ledger, run, calls, files, given, dry_run)
    if bad:
        output.notice(f"left out: {len(bad)} of the lines")
        click.get_current_context().exit(1)


def _lines(like: Any, bad: list[str]) -> Iterator[Any]:
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="surrogateescape")  # programs print bytes that are no text, too
    for count, line in enumerate(sys.stdin, start=1):
        try:
            found = _line(line, like)
            if found is not None:
                api.check_call(found)
                yield found
        except LedgerError as error:
            bad.append(error.message)
            output.notice(f"line {count}: {error.message}")


def _line(line: str, like: Any) -> Any:
    """Return what a line says: a JSON object, `name: value`, or nothing, since programs print other things too."""
    if line.lstrip().startswith("{"):
        import json

        try:
            said = json.loads(line, parse_float=_exact)
            step, split = said.pop("step", like.step), said.pop("split", like.split)
            context = said.pop("context", None) or {}
            said = _from_json(said)
        except (ValueError, RecursionError) as error:
            raise InvalidValue(f"this is no JSON object: {error}") from None
        if not isinstance(context, dict):
            raise InvalidValue(f'the context must be an object such as {{"fold": 1}}, not {context!r}')
        return api.Call(said, step, split, {**(like.context or {}), **context} or None) if said else None
    import re  # most calls read no lines

    text, step = line.strip(), like.step
    if said_step := re.search(_STEP, text):
        if len(said_step[1]) > 20:
            raise InvalidValue(f"step {said_step[1][:20]}... is beyond the limit of 2^62")
        text, step = text[: said_step.start()], int(said_step[1])
    pairs = [re.fullmatch(_PAIR, part.strip()) for part in text.split(",")]
    found = [(pair[1] or pair[3], pair[2] or pair[4]) for pair in pairs if pair is not None]
    values = {name: value for name, value in found if is_number(value)}
    if len(values) < len(pairs):
        return None
    return api.Call({name: number(name, value) for name, value in values.items()}, step, like.split, like.context)


def _from_json(said: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of a JSON object; the words that stand for NaN and the infinities become floats."""
    words = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
    return {
        name: _from_json(value)
        if isinstance(value, dict)
        else words.get(value, value)
        if isinstance(value, str)
        else value
        for name, value in said.items()
    }
