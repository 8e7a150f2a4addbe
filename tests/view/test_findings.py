"""Findings as text and as a document: grouped, shortened, made safe."""

from ledger.store.audit.findings import Finding, Report, finding
from ledger.view.document import encode
from ledger.view.findings import render_report, verify_document


def report(*findings: Finding, rows: int | None = None) -> Report:
    """Return a report of these findings."""
    return Report("/x/.ledger", 1234, 2_000_000, 1, 2, rows, list(findings))


def test_findings_stand_by_severity_and_kind() -> None:
    """Damage first, each kind once with its findings and what to type, then the sum."""
    text = render_report(
        report(finding("hash-mismatch", "a", "m1"), finding("link", "b", "m2"), finding("hash-mismatch", "c", "m3"),
               finding("foreign", "d", "m4"))
    )  # fmt: skip
    assert text.startswith("damage: hash-mismatch (2)\n  a\n    m1\n  c\n    m3\n  > ledger repair")
    assert text.index("\ndamage: link (1)\n") < text.index("\nnotice: foreign (1)\n")
    assert text.endswith("looked at 1,234 files (1.9 MiB), 1 run, 2 entries: 3 damaged, 1 notice\n")


def test_many_findings_of_a_kind_are_cut() -> None:
    """Twenty of a kind are shown, and how many more there are."""
    text = render_report(report(*(finding("foreign", f"f{i}", "m") for i in range(1020))))
    assert text.count("\n    m\n") == 20
    assert "\n  and 1,000 more: ledger verify --json\n" in text


def test_nothing_found_is_one_line() -> None:
    """A sound ledger is one line; rows are counted where they were decoded."""
    assert (
        render_report(report(rows=1)) == "looked at 1,234 files (1.9 MiB), 1 run, 2 entries, 1 row: nothing damaged\n"
    )


def test_texts_of_a_ledger_are_made_safe() -> None:
    """Control codes, line breaks and lone surrogates of names and messages are escaped; colours are ours alone."""
    found = report(finding("foreign", "\x1b[31m\n\udcff", "\u202e\x07"))
    text = render_report(found)
    assert "\\x1b[31m\\n\\udcff" in text
    assert "\\u202e\\x07" in text
    assert "\x1b" in render_report(found, color=True).replace("\\x1b", "")
    assert "\\u001b[31m\\n\\udcff" in encode(verify_document(found))
