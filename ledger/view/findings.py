"""What a check of the ledger found: for the terminal, by severity and kind, and as a JSON document."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from ledger.view.numbers import size
from ledger.view.rows import clean, paint

if TYPE_CHECKING:
    from ledger.store.audit.findings import Finding, Report

_SHOWN = 20  # findings of one kind; `--json` has them all
_STYLES = {"damage": "worse", "notice": "warn"}


def render_report(report: Report, *, color: bool = False) -> str:
    """Write the findings by kind, damage first, each kind with what to type next, and what was looked at below."""
    lines: list[str] = []
    for severity, style in _STYLES.items():
        found = sorted((f for f in report.findings if f.severity == severity), key=lambda f: f.kind)
        for kind, alike in groupby(found, key=lambda f: f.kind):
            listed = list(alike)
            lines += [f"{paint(severity, style, color)}: {kind} ({len(listed):,})", *_listed(listed)]
    counts = [_count(report.runs, "run"), _count(report.entries, "entry", "entries")]
    if report.rows is not None:
        counts.append(_count(report.rows, "row"))
    looked = f"looked at {_count(report.files, 'file')} ({size(report.bytes)}), {', '.join(counts)}"
    verdict = f"{report.damage:,} damaged" if report.damage else "nothing damaged"
    notices = f", {_count(report.notices, 'notice')}" if report.notices else ""
    return "\n".join(
        [*lines, f"{looked}: {paint(verdict, 'worse' if report.damage else 'better', color)}{notices}", ""]
    )


def _listed(found: list[Finding]) -> list[str]:
    lines = []
    for finding in found[:_SHOWN]:
        lines += [f"  {clean(finding.path)}", f"    {clean(finding.message)}"]
    if len(found) > _SHOWN:
        lines.append(f"  and {len(found) - _SHOWN:,} more: ledger verify --json")
    hints = dict.fromkeys(clean(finding.hint) for finding in found[:_SHOWN])
    return [*lines, *(f"  > {hint}" for hint in hints)]


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def verify_document(report: Report) -> dict[str, Any]:
    """Return the JSON document of `ledger verify`; `rows` and a finding's `run` are left out where there are none."""
    document = {
        "schema": "ledger.verify/1",
        "path": report.path,
        "files": report.files,
        "bytes": report.bytes,
        "runs": report.runs,
        "entries": report.entries,
        "rows": report.rows,
        "findings": [_finding(finding) for finding in report.findings],
        "damage": report.damage,
        "notices": report.notices,
    }
    return {key: value for key, value in document.items() if value is not None}


def _finding(finding: Finding) -> dict[str, Any]:
    fields = ("kind", "severity", "path", "run", "message", "hint")
    return {name: value for name in fields if (value := getattr(finding, name)) is not None}
