"""Tables for terminals, CSV and Markdown: safe, aligned, and with nothing lost."""

import csv
import io
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.format.values import Undefined
from ledger.view.rows import (
    Cell,
    clean,
    display_width,
    format_value,
    format_values,
    is_unsafe,
    render_csv,
    render_facts,
    render_markdown,
    render_table,
    shorten,
)

any_text = st.text(st.characters() | st.sampled_from("\x1b\x9b\u202e\u2066\u2028\r\n\t\ud800|\\<&`*_"), max_size=12)


@given(any_text)
def test_clean_text_cannot_steer_a_terminal(text: str) -> None:
    """No unsafe character is left, cleaning again changes nothing, and safe text stays as it is."""
    cleaned = clean(text)
    assert not any(map(is_unsafe, cleaned))
    assert clean(cleaned) == cleaned
    if not any(map(is_unsafe, text)):
        assert cleaned == text


def test_clean_writes_escapes() -> None:
    """Each kind of unsafe character has its escape; joiners, which shape letters, stay."""
    assert clean("\x1b[2J\n\x9b\u202e\u2028\ud800\U000e0001") == r"\x1b[2J\n\x9b\u202e\u2028\ud800\U000e0001"
    assert clean("\u0645\u06cc\u200c\u062e") == "\u0645\u06cc\u200c\u062e"


def test_display_width_knows_wide_and_combining_characters() -> None:
    """Wide characters take two columns, combining ones none."""
    assert display_width("数据") == 4
    assert display_width("e\u0301") == 1


@given(st.text(), st.integers(1, 30))
def test_shortened_text_fits(text: str, limit: int) -> None:
    """A shortened text takes at most `limit` columns; one that fits is not changed."""
    text = clean(text)
    short = shorten(text, limit)
    assert display_width(short) <= limit
    assert (short == text) or ("…" in short and display_width(text) > limit)


def test_names_lose_their_middle_and_sentences_their_end() -> None:
    """Both ends of a name tell runs apart; a sentence is read from its beginning."""
    assert shorten("resnet50-imagenet-seed3", 13) == "resnet…-seed3"
    assert shorten("a note of several words", 10) == "a note of…"


def test_table_aligns_decimal_points() -> None:
    """Points stand in line, the best is marked, words are right-aligned with the digits."""
    rows = [["a", "0.25"], ["b", Cell("12.5", "best")], ["c", "7"], ["d", "nan"]]
    assert render_table(["run", "loss"], rows, align="l.").splitlines() == [
        "run   loss",
        "───  ─────",
        "a     0.25",
        "b    12.5*",
        "c     7",
        "d     nan",
    ]


def test_table_colours_only_when_asked() -> None:
    """Styles and rules become ANSI codes with colour, which leave the same text behind; without it there is none."""
    rows = [["a", Cell("0.5", "best")], ["b", Cell("0.1", "worse")], ["c", "-"]]
    plain = render_table(["run", "auc"], rows, align="l.")
    colored = render_table(["run", "auc"], rows, align="l.", color=True)
    assert "\x1b" not in plain
    assert "\x1b[32m0.5*\x1b[0m" in colored
    assert "\x1b[31m0.1\x1b[0m" in colored
    assert re.sub(r"\x1b\[\d+m", "", colored) == plain


@given(
    st.lists(st.tuples(any_text, st.floats(0.001, 999).map(lambda v: f"{v:.4f}"), any_text), max_size=5),
    st.integers(30, 90),
)
def test_table_keeps_every_number_within_the_width(rows: list[tuple[str, str, str]], width: int) -> None:
    """At any width each number stands there whole, no line is wider, and no control character is left."""
    text = render_table(["name", "value", "note"], rows, align="l.l", width=width)
    assert all(display_width(line) <= width for line in text.split("\n"))
    assert all(number in text for _, number, _ in rows)
    assert not any(is_unsafe(c) for c in text.replace("\n", ""))


@given(st.lists(st.tuples(any_text, any_text), max_size=5))
def test_table_without_width_shows_every_text_whole(rows: list[tuple[str, str]]) -> None:
    """Without a width nothing is shortened: one line per row, two of headings."""
    lines = render_table(["a", "b"], rows).split("\n")
    assert len(lines) == len(rows) + 3
    for line, row in zip(lines[2:], rows, strict=False):
        assert clean(row[0]) in line + " " * 12
        assert clean(row[1]).rstrip(" ") in line


def test_wide_table_shortens_texts_before_it_wraps() -> None:
    """Long texts are cut first; then blocks repeat the first column, and every heading is there."""
    note = "a note that goes on and on and on"
    text = render_table(["run", "note", "auc"], [["a", note, "0.91"]], align="ll.", width=30)
    assert text.count("\n") == 3
    assert "…" in text
    headings = [f"metric{i}" for i in range(12)]
    text = render_table(["run", *headings], [["a", *["0.5"] * 12]], align="l" + "." * 12, width=40)
    assert text.count("run") == text.count("\n\n") + 1 > 2
    assert all(heading in text for heading in headings)


def test_ids_and_numbers_in_text_columns_are_never_cut() -> None:
    """An `L` column stays whole at any width, and so does a number among texts."""
    run = "20261122-031501-baseline-7f3a9c2e1b0d"
    assert run in render_table(["id", "note"], [[run, "x" * 50]], align="Ll", width=40)
    assert "0.30000000000000004" in render_table(["param", "old", "new"], [["p" * 30, "0.30000000000000004", "x" * 30]],
                                                 width=45)  # fmt: skip


def test_table_without_rows_has_its_headings() -> None:
    """No rows: headings and rule."""
    assert render_table(["run", "auc"], [], align="l.") == "run  auc\n───  ───\n"


def test_facts_are_whole_and_aligned() -> None:
    """Names and values in two columns, control characters escaped, nothing cut."""
    assert render_facts([("id", "x" * 200), ("status", "a\nb")]) == f"id      {'x' * 200}\nstatus  a\\nb\n"


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.floats()), max_size=5))
def test_csv_comes_back_exactly(rows: list[tuple[str, float]]) -> None:
    """Any CSV reader gives the same texts and floats again, formula-like texts and control characters included."""
    read = list(csv.reader(io.StringIO(render_csv(["a", "b"], rows), newline="")))
    assert read[0] == ["a", "b"]
    assert [row[0] for row in read[1:]] == [row[0] for row in rows]
    assert [repr(float(row[1])) for row in read[1:]] == [repr(row[1]) for row in rows]


def test_csv_of_each_kind_of_value() -> None:
    """Absent is empty, an empty text is quoted, non-finite numbers have fixed words, lines end in LF."""
    row = [None, "", math.nan, math.inf, -math.inf, -0.0, 3, True, ["a", "b"], Undefined("x"), '=1+"2"']
    assert render_csv(["h"] * 11, [row]).split("\n")[1] == (
        ',"",NaN,inf,-inf,-0.0,3,true,"[""a"", ""b""]",undefined,"=1+""2"""'
    )
    assert render_csv(["a"], [[None]]) == 'a\n""\n'
    assert render_csv(["a"], [["\x1b[2J"]]) == "a\n\x1b[2J\n"
    assert render_csv(["a"], [["\x1b[2J"]], terminal=True) == "a\n\\x1b[2J\n"
    render_csv(["a"], [["\ud800"]]).encode()


@given(st.lists(st.tuples(any_text, any_text), min_size=1, max_size=4))
def test_markdown_cells_cannot_end_early(rows: list[tuple[str, str]]) -> None:
    """Every row keeps its cells, on one line, whatever the texts; nothing becomes HTML."""
    lines = render_markdown(["a", "b"], rows).split("\n")
    assert len(lines) == len(rows) + 3
    for line in lines[:-1]:
        bare = re.sub(r"\\.", "", line)
        assert bare.count("|") == 3
        assert "<" not in bare


def test_markdown_has_the_digits_of_the_terminal() -> None:
    """Numbers are right-aligned with the terminal's digits; names with underscores stay readable."""
    text = render_markdown(["run", "auc"], [["val_loss", 0.91234567], ["a|b\n (_x_)", None]])
    assert text == "| run | auc |\n| --- | ---: |\n| val_loss | 0.9123 |\n| a\\|b\\\\n (\\_x\\_) | - |\n"
    assert "---:" not in render_markdown(["n"], [[1]], align="l")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), ("0.1", '"0.1"'), ("true", '"true"'), (True, "true"), (None, "null"), ("null", '"null"'),
     (["a", "b"], '["a", "b"]'), ("a, b", "a, b"), ("", '""'), ("-", '"-"'), (3, "3"), (3.0, "3.0"),
     ({"a": 1}, '{"a": 1}'), (Undefined("x"), "undefined"), ("adam", "adam")],
)  # fmt: skip
def test_params_of_different_types_read_differently(value: object, text: str) -> None:
    """A text that would read as another type is quoted."""
    assert format_value(value) == text


def test_columns_of_values_know_their_kind() -> None:
    """Numbers share digits; texts stand as they are; tags are joined; mixtures are told apart."""
    assert format_values([0.5, None, Undefined("x")]) == (["0.5", "-", "undefined"], ".")
    assert format_values(["007", None, ""]) == (["007", "-", '""'], "l")
    assert format_values([["cv", "long"], [], None]) == (["cv, long", "-", "-"], "l")
    assert format_values(["1", 1]) == (['"1"', "1"], "l")
    assert format_values([None]) == (["-"], "l")
