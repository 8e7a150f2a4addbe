"""What became of a ledger, as text and as Markdown: each word, each sign, and the sums."""

import math
from typing import Any

import pytest

from ledger.view.difference import (
    changes_markdown,
    metric_columns,
    render_changes,
    render_diff,
    render_stat,
    summary_line,
)
from ledger.view.rows import display_width

MAIN = {"rev": "main", "commit": "0123456789" * 4}
HEAD = {"rev": "HEAD", "commit": "abcdef0123" * 4}
WORK = {"worktree": True}


def run(number: int, name: str = "a", status: str = "finished", **metrics: float) -> dict[str, Any]:
    """A run that was added or removed."""
    return {"id": f"20260102-030405-run-{number:04x}00000000", "name": name, "status": status, "metrics": metrics}


def changed(number: int, name: str = "a", metrics: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A run that changed."""
    return {"run": f"20260102-030405-run-{number:04x}00000000", "name": name, "metrics": metrics or {}, **more}


def document(
    added: list[Any] | None = None, removed: list[Any] | None = None, changed: list[Any] | None = None,
    a: dict[str, Any] = MAIN, b: dict[str, Any] = WORK,
) -> dict[str, Any]:  # fmt: skip
    """The document of a difference."""
    runs = {"added": added or [], "removed": removed or [], "changed": changed or []}
    return {"schema": "ledger.diff/1", "a": a, "b": b, "runs": runs}


def cell(old: Any, new: Any, verdict: str, **more: Any) -> dict[str, Any]:
    """A changed cell."""
    numbers = {"old": old, "new": new, **more}
    diff = {} if old is None or new is None else {"diff": new - old}
    return {key: value for key, value in numbers.items() if value is not None} | diff | {"verdict": verdict}


CELLS = {
    "better": cell(0.5, 0.75, "better"), "worse": cell(0.5, 0.25, "worse"), "odd": cell(1.0, 2.0, "unknown"),
    "same": cell(0.5, 0.5, "same", count={"old": 3, "new": 4}), "new": cell(None, 0.5, "unknown"),
    "gone": cell(0.5, None, "unknown"), "nan": {"old": 0.5, "new": "NaN", "verdict": "unknown"},
    "undefined": {"old": 0.5, "new": None, "new_undefined": "one class", "verdict": "unknown"},
}  # fmt: skip
LATE = {"id": "1", "kind": "rows", "time": "", "author": "Ada", "late": True, "reason": "labels came late"}
ALL = document(
    [run(1, "model", auc=0.75), run(2, "model", "failed", auc=math.nan)], [run(3, "old")],
    [
        changed(4, "base", CELLS),
        changed(
            5, "other", fields={"name": {"old": "b", "new": "other"}, "note": {"new": "mind"}},
            params={"lr": {"old": 0.1, "new": 0.2}, "off": {"old": 1}}, tags={"added": ["x"], "removed": ["y"]},
            charts={"added": ["roc"], "changed": ["pr"]}, entries=[LATE, {**LATE, "late": False, "reason": "mend"}],
        ),
        changed(6, "silent", entries=[{"id": "3", "kind": "annotate", "time": "", "author": "Ada"}]),
    ],
)  # fmt: skip


def words(text: str) -> list[str]:
    """Return lines with their words one space apart, rules and empty lines left out."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("─")]


def test_all_that_can_change() -> None:
    """The sum first; runs with their signs; cells, what is worse first; then all else, with who did it and why."""
    assert words(render_changes(ALL, {"better": "maximize"})) == [
        "main (01234567) → the work tree: 2 runs added, 1 run removed, 3 runs changed (8 metrics: 1 worse, 1 better)",
        "added id status auc",
        "+ model 00010000 finished 0.75",
        "+ model 00020000 failed nan",
        "removed id status",
        "- old 00030000 finished",
        "changed metric old new diff verdict",
        "base worse 0.50 0.25 -0.25 ✗ worse",
        "better ↑ 0.50 0.75 +0.25 ✓ better",
        "gone 0.5 - - gone",
        "nan 0.5 nan - ? unknown",
        "new - 0.5 - new",
        "odd 1 2 +1 ? unknown",
        "undefined 0.5 undefined - ? unknown",
        "same 0.5 0.5 0 same (3 -> 4 values)",
        "run what else changed",
        "other name b -> other",
        "note - -> mind",
        "param lr 0.1 -> 0.2",
        "param off 1 -> -",
        "tag +x",
        "tag -y",
        "chart roc added",
        "chart pr changed",
        "late rows by Ada: labels came late",
        "rows by Ada: mend",
    ]


def test_one_line_a_run() -> None:
    """With --stat: its sign, how many metrics of each word, what else, or how many entries where nothing is shown."""
    assert render_stat(ALL).splitlines() == [
        "+ model 0001",
        "+ model 0002",
        "- old",
        "~ base: 8 metrics (1 worse, 1 better, 5 unknown, 1 same)",
        "~ other: 2 charts, params, tags, name, note",
        "~ silent: 1 entry",
        "main (01234567) → the work tree: 2 runs added, 1 run removed, 3 runs changed (8 metrics: 1 worse, 1 better)",
    ]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (MAIN, HEAD, "main (01234567) → HEAD (abcdef01): no run changed"),
        (MAIN, WORK, "main (01234567) → the work tree: no run changed"),
        ({**MAIN, "rev": "0123456789"}, HEAD, "0123456789 → HEAD (abcdef01): no run changed"),
        ({**MAIN, "rev": "main...HEAD"}, HEAD, "main...HEAD (01234567 → abcdef01): no run changed"),
    ],
)
def test_what_was_compared(a: dict[str, Any], b: dict[str, Any], expected: str) -> None:
    """Revisions by their names and commits; with three dots, the commit where the two went apart."""
    assert summary_line(document(a=a, b=b)) == expected
    assert render_stat(document(a=a, b=b)) == expected + "\n"
    assert render_changes(document(a=a, b=b), {}) == expected + "\n"
    assert changes_markdown(document(a=a, b=b), {}) == expected + "\n"


def test_markdown() -> None:
    """The same tables; no name ends a cell."""
    text = changes_markdown(document([run(1, "a|b", auc=0.5)], [], [changed(2, "c<d", {"x": CELLS["worse"]})]), {})
    assert text == (
        "main (01234567) → the work tree: 1 run added, 1 run changed (1 metric: 1 worse)\n"
        "\n"
        "| added | id | status | auc |\n"
        "| --- | --- | --- | ---: |\n"
        "| a\\|b | 00010000 | finished | 0.5 |\n"
        "\n"
        "| changed | metric | old | new | diff | verdict |\n"
        "| --- | --- | ---: | ---: | ---: | --- |\n"
        "| c&lt;d | x | 0.50 | 0.25 | -0.25 | ✗ worse |\n"
    )


def test_more_runs_than_fit() -> None:
    """Thirty are shown; how many more there are is said, in Markdown in a paragraph, not as a row of the table."""
    many = document([run(number, auc=0.5) for number in range(33)])
    assert words(render_changes(many, {}))[-1] == "(and 3 more runs: ledger diff --json has all)"
    assert changes_markdown(many, {}).endswith("| finished | 0.5 |\n\n(and 3 more runs: ledger diff --json has all)\n")
    exactly = document([run(number, auc=0.5) for number in range(30)])
    assert "more run" not in render_changes(exactly, {}) + changes_markdown(exactly, {})


def test_the_metrics_that_most_runs_have() -> None:
    """Six columns at most: those that most runs have, in order of their names."""
    rows = [run(1, **dict.fromkeys("abcdefgh", 1.0)), run(2, h=1.0, g=1.0), run(3, h=1.0)]
    assert metric_columns(rows) == (["a", "b", "c", "d", "g", "h"], rows, 0)
    assert metric_columns([]) == ([], [], 0)


def test_nothing_steers_the_terminal() -> None:
    """Names, reasons and tags are shown escaped; colours alone are added."""
    bad = "a\x1b[2J\n\u202e"
    text = render_changes(
        document([run(1, bad)], [], [changed(2, bad, {bad: CELLS["new"]}, tags={"added": [bad]})]), {}
    ) + render_stat(document([run(1, bad)]))
    assert not any(sign in text for sign in "\x1b\u202e")
    assert text.count(r"a\x1b[2J\n\u202e") == 6
    plain = render_changes(ALL, {}, color=True)
    for code in ("\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[1m", "\x1b[2m", "\x1b[0m"):
        assert code in plain
        plain = plain.replace(code, "")
    assert plain == render_changes(ALL, {})


def test_a_narrow_terminal() -> None:
    """The tables fit into it."""
    lines = render_changes(ALL, {}, width=50).splitlines()
    assert max(display_width(line) for line in lines[1:]) <= 50


def test_the_code_between_two_runs() -> None:
    """Files with their lines, a binary one as such, and how many more; metrics that are the same are still counted."""
    files = [{"path": "model.bin", "added": None, "deleted": None}]
    files += [{"path": f"train{number}.py", "added": number, "deleted": 0} for number in range(31)]
    two = {
        "a": {"id": "A", "name": "a"}, "b": {"id": "B", "name": "b"}, "code": {"old": "1" * 40, "files": files},
        "metrics": {"x": CELLS["worse"], "y": cell(1.0, 1.0, "same"), "z": cell(1.0, 1.0, "same")},
    }  # fmt: skip
    lines = words(render_diff(two))
    start = lines.index("file added deleted")
    assert lines[start - 2 : start + 3] == [
        f"old {'1' * 12}", "new -", "file added deleted", "model.bin binary binary", "train0.py 0 0"
    ]  # fmt: skip
    assert lines[-2:] == ["(and 2 more files: see --json)", "(2 metrics the same)"]
