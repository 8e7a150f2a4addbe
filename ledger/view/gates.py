"""What a gate says: for the terminal, as Markdown for a pull request, as JUnit XML for CI; each ends in LF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ledger.view import numbers
from ledger.view.rows import Cell, clean, markdown_table, paint, render_table

if TYPE_CHECKING:
    from ledger.derive.gates import Check, Outcome
    from ledger.store.state import RunState

_SIGNS = {"fail": "✗ fail", "undecided": "? undecided", "pass": "✓ pass"}
_STYLES = {"fail": "worse", "undecided": "warn", "pass": "better"}
_COUNTED = {"fail": "failed", "undecided": "undecided", "pass": "passed"}
_HEADINGS = ["verdict", "metric", "rule", "run", "value", "against", "baseline", "diff", "interval", "why"]
_ALIGN = "LlLl.l..Ll"


def render_outcome(outcome: Outcome, *, color: bool = False, width: int | None = None) -> str:
    """Write the checks, what failed first, and the verdict with its counts in the last line."""
    rows, used = _rows(outcome.checks)
    table = render_table(
        [_HEADINGS[i] for i in used],
        [[row[i] for i in used] for row in rows],
        align="".join(_ALIGN[i] for i in used),
        color=color,
        width=width,
    )
    verdict = paint(_SIGNS[outcome.verdict], _STYLES[outcome.verdict], color)
    lines = [f"{clean(run)} could not be read: {clean(why)}" for run, why in outcome.unread.items()]
    lines.append(f"{verdict}: {_counts(outcome)}; {clean(outcome.scope)}")
    return "\n".join([table, *lines, ""])


def outcome_markdown(outcome: Outcome) -> str:
    """Write the verdict, then the checks as a Markdown table, what failed first."""
    rows, used = _rows(outcome.checks)
    table = markdown_table(
        [_HEADINGS[i] for i in used], [[row[i] for i in used] for row in rows], "".join(_ALIGN[i] for i in used).lower()
    )
    unread = [[run, why] for run, why in outcome.unread.items()]
    damaged = "\n" + markdown_table(["run that could not be read", "why"], unread, "ll") if unread else ""
    scope = clean(outcome.scope).replace("`", "'")
    return f"**Gate: {outcome.verdict}** ({_counts(outcome)}; `{scope}`)\n\n{table}{damaged}"


def outcome_rows(outcome: Outcome) -> tuple[list[str], list[list[Any]]]:
    """Return headings and raw values, a row a check, for CSV."""
    headings = ["metric", "rule", "limit", "runs", "value", "baseline", "diff", "low", "high", "verdict", "reason"]
    rows = []
    for check in outcome.checks:
        ends = check.ci or (None, None)
        value = [check.value, check.baseline_value, check.diff, *ends]
        rows.append([check.metric, check.rule, check.limit, _ids(check), *value, check.verdict, check.reason])
    return headings, rows


def _counts(outcome: Outcome) -> str:
    counts = [(outcome.count(verdict), word) for verdict, word in _COUNTED.items()]
    return ", ".join(f"{count} {word}" for count, word in counts if count) or "nothing was checked"


def _rows(checks: Sequence[Check]) -> tuple[list[list[Cell | str]], list[int]]:
    """Return the cells of all checks, and which columns any of them has something for."""
    order = list(_SIGNS)
    rows = [_row(check) for check in sorted(checks, key=lambda check: order.index(check.verdict))]
    used = [i for i in range(len(_HEADINGS)) if i < 5 or any(row[i] != "-" for row in rows)]
    return rows, used


def _row(check: Check) -> list[Cell | str]:
    low, high = check.ci or (None, None)
    if check.baseline is None:
        value, low_text, high_text = numbers.column([check.value, low, high])
        old, diff = "-", "-"
    else:
        old, value, diff = numbers.difference(check.baseline_value, check.value, check.diff)
        low_text, high_text = numbers.column([low, high])
    return [
        Cell(_SIGNS[check.verdict], _STYLES[check.verdict]),
        check.metric,
        rule_text(check),
        runs_text(check),
        value,
        _against(check),
        old,
        diff,
        "-" if check.ci is None else f"[{low_text}, {high_text}]",
        check.reason,
    ]


def rule_text(check: Check) -> str:
    """Write a rule as people read it: `max_drop 0.01`, with its tolerance where it has one."""
    limit = "" if check.limit is None else f" {_exact(check.limit)}"
    return f"{check.rule}{limit}" + (f" ± {_exact(check.tolerance)}" if check.tolerance else "")


def _exact(value: float) -> str:
    return numbers.exact(value).removesuffix(".0")


def runs_text(check: Check) -> str:
    """Write which runs a check is about: the name of one, or of a group of repeats and how many they are."""
    return _several(check.runs) if check.runs else "-"


def _against(check: Check) -> str:
    """Write which runs the baseline's value is from, a revision before the first of them."""
    if check.baseline is None or not check.baseline_runs:
        return "-"
    text = _several(check.baseline_runs)
    known = ":" in check.baseline_runs[0].id or check.baseline in (text, check.baseline_runs[0].id)
    return text if known or check.baseline.startswith("run:") else f"{check.baseline}:{text}"


def _several(runs: Sequence[RunState]) -> str:
    names = list(dict.fromkeys(run.name for run in runs))
    first = "".join(runs[0].id.rpartition(":")[:2]) + names[0]
    if len(runs) == 1:
        return first
    return f"{first} × {len(runs)}" if len(names) == 1 else f"{first} and {len(runs) - 1} more"


def junit(outcome: Outcome) -> str:
    """Write the checks as JUnit XML, a test case each: a failure where it failed, an error where it is undecided.

    CI shows a skipped test like one that passed, so undecided is none. There is no time and no host in it: the same
    outcome is the same text.
    """
    unread = [(run, "could not be read", "undecided", why) for run, why in outcome.unread.items()]
    cases = [
        *(
            (check.metric, f"{rule_text(check)}: {_ids(check)}", check.verdict, check.reason)
            for check in outcome.checks
        ),
        *unread,
    ]
    failures, errors = outcome.count("fail"), outcome.count("undecided") + len(unread)
    sums = f'tests="{len(cases)}" failures="{failures}" errors="{errors}"'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="ledger check" {sums}>']
    lines.append(f'  <testsuite name="{_xml(outcome.scope)}" {sums} skipped="0" time="0">')
    for metric, name, verdict, reason in cases:
        case = f'    <testcase classname="{_xml(metric)}" name="{_xml(name)}" time="0"'
        if verdict == "pass":
            lines.append(f"{case}/>")
        else:
            tag = "failure" if verdict == "fail" else "error"
            lines += [f"{case}>", f'      <{tag} message="{_xml(reason)}" type="{verdict}"/>', "    </testcase>"]
    return "\n".join([*lines, "  </testsuite>", "</testsuites>", ""])


def _ids(check: Check) -> str:
    """Name the runs of a check so that no two checks of a metric and rule are called alike."""
    return ", ".join(run.id for run in check.runs) or "no run"


_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def _xml(text: str) -> str:
    """Return text for an attribute; characters that XML does not allow are left out."""
    return "".join(_ENTITIES.get(c, c) for c in text if _is_xml(ord(c)))


def _is_xml(code: int) -> bool:
    return code in (9, 10, 13) or 32 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or code >= 0x10000
