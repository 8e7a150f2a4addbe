"""The comment on a pull request: what stands in it, and what no name in it can do."""

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ledger.derive.gates import Check, Outcome
from ledger.store.state import RunState
from ledger.view.report import CHARACTERS_MOST, report_markdown
from ledger.view.rows import is_unsafe

ID = "20260102-030405-model-0123456789ab"
A = {"rev": "main...HEAD", "commit": "0123456789" * 4}
B = {"rev": "HEAD", "commit": "abcdef0123" * 4}


def document(
    added: list[Any] | None = None, removed: list[Any] | None = None, changed: list[Any] | None = None
) -> dict[str, Any]:
    """The document of a difference."""
    runs = {"added": added or [], "removed": removed or [], "changed": changed or []}
    return {"schema": "ledger.diff/1", "a": A, "b": B, "runs": runs}


def run(name: str = "model", id: str = ID, **metrics: float) -> dict[str, Any]:
    """A run that was added or removed."""
    return {"id": id, "name": name, "status": "finished", "metrics": metrics}


def state(name: str) -> RunState:
    """A run of which only its name is shown."""
    base: list[Any] = ["finished", 0, 1, "ada", None, None, None, None, [], {}, None, {}, {}, [], [], []]
    return RunState(ID, name, *base)


def gate(verdict: str, name: str = "model", reason: str = "because", scope: str = "runs since main") -> Outcome:
    """A gate of one check that ends so."""
    return Outcome([Check("auc", "min", 0.8, 0.0, "schema", [state(name)], verdict, reason, value=0.5)], scope)


def report(diff: dict[str, Any], outcome: Outcome | None = None, **options: Any) -> str:
    """A report without curves and goals."""
    return report_markdown(diff, outcome, options.pop("curves", {}), options.pop("goals", {}), **options)


def test_the_whole_of_it() -> None:
    """Heading, verdict and sum, the gate, new runs with their curves, changed values, all else, removed runs."""
    late = {"id": "1", "kind": "rows", "time": "", "author": "Ada", "late": True, "reason": "labels came late"}
    cell = {"old": 0.5, "new": 0.75, "diff": 0.25, "verdict": "better"}
    changed = {"run": ID, "name": "base", "metrics": {"auc": cell}, "entries": [late]}
    diff = document([run(auc=0.5, loss=1.0)], [run("old")], [changed])
    curves = {ID: {"auc": [0.0, 0.25, 0.5]}}
    assert report(diff, gate("fail"), curves=curves, goals={"auc": "maximize"}) == (
        "## Experiment results\n"
        "\n"
        "❌ main...HEAD (01234567 → abcdef01): 1 run added, 1 run removed, 1 run changed (1 metric: 1 better)\n"
        "\n"
        "**Gate: fail** (1 failed; `runs since main`)\n"
        "\n"
        "| verdict | metric | rule | run | value | why |\n"
        "| --- | --- | --- | --- | ---: | --- |\n"
        "| ✗ fail | auc | min 0.8 | model | 0.5 | because |\n"
        "\n"
        "### 1 new run\n"
        "\n"
        "| run | id | status | auc ↑ | loss |\n"
        "| --- | --- | --- | ---: | ---: |\n"
        "| model | 01234567 | finished | 0.5 ▁▅█ | 1 |\n"
        "\n"
        "### Changed values\n"
        "\n"
        "| changed | metric | old | new | diff | verdict |\n"
        "| --- | --- | ---: | ---: | ---: | --- |\n"
        "| base | auc ↑ | 0.50 | 0.75 | +0.25 | ✓ better |\n"
        "\n"
        "### What else changed\n"
        "\n"
        "| run | what else changed |\n"
        "| --- | --- |\n"
        "| base | late rows by Ada: labels came late |\n"
        "\n"
        "### 1 run removed\n"
        "\n"
        "| run | id |\n"
        "| --- | --- |\n"
        "| old | 20260102-030405-model-0123456789ab |\n"
    )


@pytest.mark.parametrize(("verdict", "sign"), [("pass", "✅"), ("fail", "❌"), ("undecided", "❓")])
def test_the_verdict_comes_first(verdict: str, sign: str) -> None:
    """A reader sees it before anything else; undecided looks like neither of the others."""
    assert report(document([run()]), gate(verdict)).splitlines()[2].startswith(f"{sign} main...HEAD (")


def test_nothing_changed() -> None:
    """That is said in one line, and that the gates had nothing to do where there are gates."""
    line = "main...HEAD (01234567 → abcdef01): no run changed"
    assert report(document()) == f"## Experiment results\n\n{line}\n"
    assert report(document(), has_gates=True).endswith(f"{line}. There is nothing for the gates to check.\n")


def test_more_runs_than_are_shown() -> None:
    """Thirty stand there; the rest is counted in the heading and below the table."""
    text = report(document([run(id=f"20260102-030405-model-{number:012x}") for number in range(33)]))
    assert "### 33 new runs\n" in text
    assert text.count("| model |") == 30
    assert text.endswith("|\n\n(and 3 more runs: ledger diff --json has all)\n")


NASTY = [
    "a|b", "<img src=x onerror=alert(1)>", "<!-- ", "@everyone", "@ada/team", "#12", "GH-12", "ada/model#12", "!7",
    "%3", "$4", "~bug", "&5", "`code`", "`@ada`", "\\`@ada\\`", "``@ada", "a\n\n# b", "a\r\n| c |", "[x](http://example.org)",
    "![x](http://example.org/x.png)", "**bold**", "__bold__", "~~no~~", "\\", "\\|", "&lt;script&gt;", "&#64;ada",
    "&commat;ada", "\u202e", "\x1b[2J", "\u2028", "ada@example.org", "```", "a\x00b", "\ud800",
]  # fmt: skip
any_name = st.text(st.sampled_from("|<>@#`\\\n*_[]()!~&$%-; ax1") | st.characters(), max_size=12).filter(str.strip)


def nasty_report(name: str) -> str:
    """A report with a name wherever one can stand."""
    changed = {
        "run": "20260102-030405-x-000000000001", "name": name,
        "metrics": {name: {"new": 1.0, "verdict": "unknown"}}, "params": {name: {"old": name, "new": 1}},
        "tags": {"added": [name]}, "charts": {"added": [name]}, "fields": {"note": {"new": name}},
        "entries": [{"id": "1", "kind": "rows", "time": "", "author": name, "reason": name}],
    }  # fmt: skip
    diff = document([run(name, **{name: 1.0})], [run(name, "20260102-030405-x-000000000002")], [changed])
    return report(diff, gate("fail", name, f"for {name}", name), title=name)


def parse(text: str) -> list[Token]:
    """What Markdown makes of a text: blocks and, in their place, what is inside of them."""
    blocks = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    return [token for block in blocks for token in (block.children or [block])]


def kinds(text: str) -> list[str]:
    """The kinds of what Markdown makes of a text."""
    return [token.type for token in parse(text)]


PLAIN = kinds(nasty_report("x"))


@given(any_name)
@example("#")
def test_no_name_becomes_markup(name: str) -> None:
    """Markdown makes the same of it as with a plain name: as many cells, no HTML, no link, no picture, no emphasis."""
    text = nasty_report(name)
    assert kinds(text) == PLAIN
    assert {"html_block", "html_inline", "link_open", "image", "em_open"}.isdisjoint(PLAIN)
    assert not any(is_unsafe(sign) for sign in text if sign != "\n")


@given(any_name)
@example("@ada")
@example("`@ada`")
def test_no_name_calls_anybody(name: str) -> None:
    """Outside of code, no sign of a reference stands right before a word: there forges look, after Markdown."""
    texts = [token.content for token in parse(nasty_report(name)) if token.type == "text"]
    assert [text for text in texts if re.search(r"[@#!$%~&]\w|GH-\d", text)] == []


@pytest.mark.parametrize("name", NASTY)
def test_nasty_names(name: str) -> None:
    """The same laws for what people have tried; and the name can still be read."""
    test_no_name_becomes_markup.hypothesis.inner_test(name)  # type: ignore[attr-defined]
    test_no_name_calls_anybody.hypothesis.inner_test(name)  # type: ignore[attr-defined]


def test_a_name_can_still_be_read() -> None:
    """What a reader sees is the name, but for signs without width."""
    name = "a|b <c> @ada #12 `d` *e* _f_ g\\\\h &lt;"
    texts = [token.content.replace("\u200b", "") for token in parse(nasty_report(name))]
    assert texts.count(name) == 6


def test_what_is_in_code_stays_as_it_is() -> None:
    """No reference is looked for there, and an entity would be shown as it is written."""
    outcome = gate("pass", scope="runs since origin/main@x1")
    assert "; `runs since origin/main@x1`)" in report(document([run()]), outcome)


def test_the_length_is_bounded() -> None:
    """A report that a forge would refuse is cut between two rows, which is said with how many lines are missing."""
    cell = {"old": 0.5, "new": 0.75, "diff": 0.25, "verdict": "better"}

    def of(count: int) -> str:
        changed = {"run": ID, "name": "base", "metrics": {f"m{number:05}": cell for number in range(count)}}
        return report(document([run()], [], [changed]))

    text = of(3000)
    assert len(text) <= CHARACTERS_MOST + 100
    lines = text.splitlines()
    shown = sum("✓ better" in line for line in lines)
    assert lines[-3].endswith("✓ better |")
    assert lines[-2:] == ["", f"({3000 - shown} lines left out: too long for a comment; `ledger diff` shows all)"]
    assert "left out" not in of(1000)
    assert "### 1 new run\n" in text


@given(st.integers(0, 3))
def test_the_same_report_twice(count: int) -> None:
    """No time, no chance: the same difference is the same text."""
    diff = document([run(str(number), auc=float(number)) for number in range(count)])
    assert report(diff, gate("pass")) == report(diff, gate("pass"))
