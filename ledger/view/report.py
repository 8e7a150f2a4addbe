"""The comment on a pull request: what it did to the results, as Markdown that a forge shows; text alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ledger.view import gates
from ledger.view.difference import changed_section, left_out, metric_columns, other_section, summary_line
from ledger.view.numbers import column, plural
from ledger.view.rows import markdown, markdown_table
from ledger.view.sparklines import sparkline
from ledger.view.text import metric_heading

if TYPE_CHECKING:
    from ledger.derive.gates import Outcome

CHARACTERS_MOST = 60_000  # a comment on GitHub may have 65,536
# What forges take for a person, an issue, a merge request and the like, within text that is no code.
_CODE = re.compile(r"((?<!\\)`[^`\n]*`)")
_REFERENCE = re.compile(r"([@#!$%~]|&amp;|GH-)(?=\w)")
_SIGNS = {"pass": "✅", "fail": "❌", "undecided": "❓"}


def report_markdown(
    diff: Mapping[str, Any],
    outcome: Outcome | None,
    curves: Mapping[str, Mapping[str, Sequence[float]]],
    goals: Mapping[str, str | None],
    *,
    title: str = "Experiment results",
    has_gates: bool = False,
) -> str:
    """Write the report from the document of a difference, what the gates say, and curves by run id and metric.

    Longer than a forge takes it is cut at the end of a line, which is said. No name in it can call a person or link
    to an issue.
    """
    heading = markdown(title).replace("#", "\\#")  # at the end of a heading it would close it
    sections = [f"## {heading}\n", f"{_headline(diff, outcome, has_gates)}\n"]
    if outcome is not None:
        sections.append(gates.outcome_markdown(outcome))
    if added := diff["runs"]["added"]:
        sections.append(f"### {plural(len(added), 'new run')}\n\n{_new_runs(added, curves, goals)}")
    if cells := changed_section(diff, goals):
        sections.append(f"### Changed values\n\n{cells}")
    if others := other_section(diff):
        sections.append(f"### What else changed\n\n{others}")
    if removed := diff["runs"]["removed"]:
        rows = [[run["name"], run["id"]] for run in removed]
        sections.append(f"### {plural(len(removed), 'run')} removed\n\n{markdown_table(['run', 'id'], rows, 'll')}")
    return _cut(_unlinked("\n".join(sections)))


def _headline(diff: Mapping[str, Any], outcome: Outcome | None, has_gates: bool) -> str:
    line = markdown(summary_line(diff))
    if outcome is not None:
        return f"{_SIGNS[outcome.verdict]} {line}"
    return f"{line}. There is nothing for the gates to check." if has_gates else line


def _new_runs(
    runs: Sequence[Mapping[str, Any]],
    curves: Mapping[str, Mapping[str, Sequence[float]]],
    goals: Mapping[str, str | None],
) -> str:
    keys, shown, _ = metric_columns(runs)
    texts = {key: column([run["metrics"].get(key) for run in shown]) for key in keys}
    rows = []
    for i, run in enumerate(shown):
        cells = [run["name"], run["id"].rpartition("-")[2][:8], run["status"]]
        for key in keys:
            curve = curves.get(run["id"], {}).get(key)
            cells.append(f"{texts[key][i]} {sparkline(curve)}" if curve else texts[key][i])
        rows.append(cells)
    headings = ["run", "id", "status", *(metric_heading(key, goals.get(key)) for key in keys)]
    table = markdown_table(headings, rows, "lll" + "r" * len(keys))
    more = left_out(runs)
    return f"{table}\n{more}\n" if more else table


def _unlinked(text: str) -> str:
    """Part the signs of references from what follows: forges look for them after Markdown, so no escape would help."""
    parts = _CODE.split(text)
    parts[::2] = [_REFERENCE.sub(r"\1&#8203;", part) for part in parts[::2]]
    return "".join(parts)


def _cut(text: str) -> str:
    if len(text) <= CHARACTERS_MOST:
        return text
    end = text.rfind("\n", 0, CHARACTERS_MOST) + 1
    left = plural(sum(map(bool, text[end:].split("\n"))), "line")
    return f"{text[:end]}\n({left} left out: too long for a comment; `ledger diff` shows all)\n"
