"""What is shown of labels: percentages that never lie at the edges, times for people, no control codes."""

import pytest

from ledger.record.labels import Contradiction
from ledger.table.labels import Coverage
from ledger.view import labels


@pytest.mark.parametrize(
    ("known", "of", "text"),
    [
        (370, 1000, "37 %"),
        (0, 1000, "0 %"),
        (1, 1000, "< 1 %"),
        (5, 1000, "< 1 %"),
        (15, 1000, "2 %"),
        (999, 1000, "> 99 %"),
        (1000, 1000, "100 %"),
        (0, 0, "100 %"),
    ],
)
def test_percent(known: int, of: int, text: str) -> None:
    """0 and 100 are said only where that is so."""
    assert labels.percent(Coverage(known, of, 0, [])) == text


@pytest.mark.parametrize(
    ("time", "text"),
    [
        ("2026-06-30T00:00:00.000000Z", "2026-06-30"),
        ("2026-06-30T23:59:59.999999Z", "2026-06-30"),
        ("2026-06-30T12:34:56.000001Z", "2026-06-30 12:34"),
    ],
)
def test_moment(time: str, text: str) -> None:
    """A day where it is one, else to the minute."""
    assert labels.moment(time) == text


def test_coverage_line() -> None:
    """Percent, counts, as of when, and contradictions if there are any."""
    assert labels.coverage_line(Coverage(370, 1000, 0, [])) == "37 % of labels in (370 of 1000)"
    line = "50 % of labels in (1 of 2) as of 2000-01-01; 1 id with different labels"
    assert labels.coverage_line(Coverage(1, 2, 1, [], 946_684_800_000_000)) == line


def test_a_contradiction() -> None:
    """Both labels with their places; what would steer the terminal is shown as it is."""
    text = labels.contradiction(Contradiction("a\x1b[2J", 0, 1, (3, 9)), "line")
    assert text == r"a\x1b[2J: 0 (line 3), then 1 (line 9)"
