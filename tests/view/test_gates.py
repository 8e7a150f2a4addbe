"""What a gate says: the same answer in four forms, whatever its names hold."""

import math
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.derive.gates import Check, Outcome
from ledger.store.state import RunState
from ledger.view.gates import junit, outcome_markdown, outcome_rows, render_outcome
from ledger.view.rows import display_width

NASTY = 'a<b>&"c\x1b[31m|`\n\x00\u202e]]>\ud800\ufffe'


def ref(name: str, id: str = "") -> RunState:
    """A run of which only its name and id are shown."""
    base: list[Any] = ["finished", 0, 1, "ada", None, None, None, None, [], {}, None, {}, {}, [], [], []]
    return RunState(id or f"20260102-030405-x-{name}", name, *base)


def one(verdict: str = "pass", **more: Any) -> Check:
    """A check of min 0.8 on the run a."""
    base: dict[str, Any] = {
        "metric": "val/auc", "rule": "min", "limit": 0.8, "tolerance": 0.0, "source": "flag", "runs": [ref("a")],
        "verdict": verdict, "reason": "because", "value": 0.85,
    }  # fmt: skip
    return Check(**(base | more))


GROUP = one(
    "fail", rule="max_drop", limit=0.01, tolerance=0.005, runs=[ref("a"), ref("a", "2")], value=0.85, ci=(-0.12, -0.02),
    level=0.95, baseline="main", baseline_runs=[ref("b")], baseline_value=0.92, diff=-0.07,
)  # fmt: skip
ALL = Outcome([one(), one("undecided", value=math.nan), GROUP], "runs since main")


def test_the_table_of_the_terminal() -> None:
    """What failed first, columns that nothing stands in left out, the verdict and its counts last."""
    assert render_outcome(ALL) == (
        "verdict      metric   rule                   run    value  against  baseline   diff  interval        why\n"
        "───────────  ───────  ─────────────────────  ─────  ─────  ───────  ────────  ─────  ──────────────  ───────\n"
        "✗ fail       val/auc  max_drop 0.01 ± 0.005  a × 2   0.85  main:b       0.92  -0.07  [-0.12, -0.02]  because\n"
        "? undecided  val/auc  min 0.8                a        nan  -               -      -  -               because\n"
        "✓ pass       val/auc  min 0.8                a       0.85  -               -      -  -               because\n"
        "\n"
        "✗ fail: 1 failed, 1 undecided, 1 passed; runs since main\n"
    )
    assert "baseline" not in render_outcome(Outcome([one()], ""))
    assert render_outcome(Outcome([one()], "s")).endswith("\n✓ pass: 1 passed; s\n")


def test_colours_say_nothing_new() -> None:
    """Without them the text is the same."""
    text = render_outcome(ALL, color=True)
    for code in ("\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[1m", "\x1b[2m", "\x1b[0m"):
        assert code in text
        text = text.replace(code, "")
    assert text == render_outcome(ALL)


def test_a_narrow_terminal() -> None:
    """No line is wider than it."""
    assert max(map(display_width, render_outcome(ALL, width=60).splitlines())) <= 60


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([], "-"),
        ([ref("a")], "a"),
        ([ref("a"), ref("a", "2"), ref("a", "3")], "a × 3"),
        ([ref("a"), ref("b")], "a and 1 more"),
        ([ref("a", "main:20260102-030405-a-000000000000")], "main:a"),
    ],
)
def test_how_runs_are_called(runs: list[RunState], expected: str) -> None:
    """By name; repeats by their number; with the revision that a run is of."""
    assert f"  {expected}  " in render_outcome(Outcome([one(runs=runs)], ""))


def test_markdown() -> None:
    """The verdict in a line of its own, then the same cells as in the terminal."""
    assert outcome_markdown(ALL) == (
        "**Gate: fail** (1 failed, 1 undecided, 1 passed; `runs since main`)\n"
        "\n"
        "| verdict | metric | rule | run | value | against | baseline | diff | interval | why |\n"
        "| --- | --- | --- | --- | ---: | --- | ---: | ---: | --- | --- |\n"
        "| ✗ fail | val/auc | max_drop 0.01 ± 0.005 | a × 2 | 0.85 | main:b | 0.92 | -0.07 | \\[-0.12, -0.02\\] "
        "| because |\n"
        "| ? undecided | val/auc | min 0.8 | a | nan | - | - | - | - | because |\n"
        "| ✓ pass | val/auc | min 0.8 | a | 0.85 | - | - | - | - | because |\n"
    )


def test_damage_is_said_in_every_form() -> None:
    """A run that could not be read is named, and the verdict is not a pass."""
    outcome = Outcome([one()], "s", {"20260102-030405-x-1": "altered"})
    assert "20260102-030405-x-1 could not be read: altered\n? undecided: 1 passed; s\n" in render_outcome(outcome)
    assert "| 20260102-030405-x-1 | altered |" in outcome_markdown(outcome)
    assert '<error message="altered" type="undecided"/>' in junit(outcome)
    assert 'tests="2" failures="0" errors="1"' in junit(outcome)


def test_junit() -> None:
    """A case a check; failed ones are failures, undecided ones errors, so that CI shows neither as passed."""
    assert junit(ALL) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<testsuites name="ledger check" tests="3" failures="1" errors="1">\n'
        '  <testsuite name="runs since main" tests="3" failures="1" errors="1" skipped="0" time="0">\n'
        '    <testcase classname="val/auc" name="min 0.8: 20260102-030405-x-a" time="0"/>\n'
        '    <testcase classname="val/auc" name="min 0.8: 20260102-030405-x-a" time="0">\n'
        '      <error message="because" type="undecided"/>\n'
        "    </testcase>\n"
        '    <testcase classname="val/auc" name="max_drop 0.01 ± 0.005: 20260102-030405-x-a, 2" time="0">\n'
        '      <failure message="because" type="fail"/>\n'
        "    </testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n"
    )


def test_names_cannot_break_out() -> None:
    """Markup, control codes and lone surrogates of names, reasons and scopes do no harm in any form."""
    outcome = Outcome([one("fail", metric=NASTY, reason=NASTY, runs=[ref(NASTY, NASTY)])], NASTY, {NASTY: NASTY})
    text = render_outcome(outcome)
    assert "\x1b" not in text
    assert "\x00" not in text
    assert len(text.splitlines()) == 6
    markdown = outcome_markdown(outcome)
    assert markdown.partition("\n")[0].count("`") == 2  # what was checked is code, which holds no markup
    assert "<b>" not in markdown.partition("\n")[2]
    assert "\x1b" not in markdown
    assert len([line for line in markdown.splitlines() if line]) == 7
    root = ElementTree.fromstring(junit(outcome).encode("utf-8"))
    assert {case.get("classname") for case in root.iter("testcase")} == {'a<b>&"c[31m|`\n\u202e]]>'}


@given(st.lists(st.text(st.characters(), max_size=20), min_size=4, max_size=4), st.sampled_from(["fail", "undecided"]))
def test_junit_is_always_xml(texts: list[str], verdict: str) -> None:
    """Any text becomes well-formed XML, in which all that XML allows comes back."""
    metric, reason, name, scope = texts
    outcome = Outcome([one(verdict, metric=metric, reason=reason, runs=[ref(name, name)])], scope)
    root = ElementTree.fromstring(junit(outcome).encode("utf-8"))
    allowed = "".join(
        c
        for c in reason
        if c in "\t\n\r" or (ord(c) >= 32 and not 0xD800 <= ord(c) < 0xE000 and ord(c) not in (0xFFFE, 0xFFFF))
    )
    (found,) = root.findall(f".//{ {'fail': 'failure', 'undecided': 'error'}[verdict] }")
    assert found.get("message") == allowed
    assert root.get("tests") == "1"


def test_the_rows_of_csv() -> None:
    """Raw values, a row a check in the order of the rules."""
    headings, rows = outcome_rows(ALL)
    assert len(headings) == 11
    assert rows[2] == [
        "val/auc", "max_drop", 0.01, "20260102-030405-x-a, 2", 0.85, 0.92, -0.07, -0.12, -0.02, "fail", "because"
    ]  # fmt: skip
    assert rows[0][4:9] == [0.85, None, None, None, None]
