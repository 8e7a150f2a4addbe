"""Charts of a run, listed: a row for each name, one for all of an evaluation, and nothing dangerous."""

import subprocess
import sys

import pytest

from ledger.evaluate import lookup
from ledger.evaluate.kinds import KINDS
from ledger.format.charts import EVALUATION, of_evaluations
from ledger.store.state import Chart
from ledger.view.charts import evaluation_label, folded, listed, render_charts, with_names
from ledger.view.rows import is_unsafe

TIME = 1_795_317_300_000_000


def data(name: str, context: str | None = None, step: int | None = None, digit: str = "d") -> Chart:
    """Chart data of 1 KiB."""
    return Chart(name, context, step, digit * 64, "json", "application/json", 1024, None, TIME)


def row(text: str, start: str) -> str:
    """The first line that begins with `start`, its words one space apart."""
    return next(" ".join(line.split()) for line in text.split("\n") if line.startswith(start))


def test_charts_of_one_name_share_a_row() -> None:
    """A series of steps is one row with its range, size in all and newest blob; contexts are apart."""
    charts = [Chart("roc", None, i, f"{i}" * 64, "png", "image/png", 1024, None, TIME) for i in (3, 1, 2)]
    charts.append(Chart("roc", '{"fold":1}', None, "f" * 64, "svg", "image/svg+xml", 10, None, TIME))
    text = render_charts(charts)
    assert row(text, "roc  ") == "roc 1–3 (3) image/png 3.0 KiB " + "3" * 12
    assert row(text, "roc{fold=1}") == "roc{fold=1} - image/svg+xml 10 B " + "f" * 12


def test_a_damaged_chart_context_is_shown_as_it_is() -> None:
    """Text that is no JSON object, as only a damaged file has it, is no reason to fail."""
    charts = [Chart("roc", context, None, "f" * 64, "png", "image/png", 1, None, TIME) for context in ("{x", "[1]")]
    text = render_charts(charts)
    assert row(text, "roc{{x}") == "roc{{x} - image/png 1 B ffffffffffff"
    assert row(text, "roc{[1]}") == "roc{[1]} - image/png 1 B ffffffffffff"


def test_an_evaluation_is_one_row() -> None:
    """Its charts by their names, in one order; the steps and the size are those of all of them together."""
    charts = [data(f"val/{name}", step=step) for step in (1, 2) for name in ("definitions", "pr", "roc")]
    charts += [data(f"test/{name}", '{"fold":1}') for name in ("roc", "definitions")]
    charts += [data("definitions"), data("report"), data("val/other"), data("train/roc")]
    text = render_charts(charts)
    assert row(text, "val/  ") == "val/ 1–2 (2) 6.0 KiB roc pr definitions"
    assert row(text, "test/") == "test/{fold=1} - 2.0 KiB roc definitions"
    assert row(text, "-  ") == "- - 2.0 KiB report definitions"
    assert [line.split()[0] for line in text.split("\n\n")[0].split("\n")[2:]] == ["train/roc", "val/other"]
    assert [chart.name for chart in listed(charts)] == ["train/roc", "val/other"]


def test_names_alone_make_no_evaluation() -> None:
    """Without definitions beside it, in the same context, a chart stands alone; so does a picture."""
    apart = [data("test/roc"), data("val/x/f2")]
    pictures = [
        Chart(f"x/{n}", None, None, "f" * 64, "png", "image/png", 1, None, TIME) for n in ("roc", "definitions")
    ]
    assert listed(apart + pictures) == sorted(apart + pictures, key=lambda chart: chart.name)
    assert "evaluation" not in render_charts(apart + pictures)


def test_all_contexts_are_one_row() -> None:
    """Ten folds, without pictures or with, and what is common to them: one line with the names of all."""
    charts = [data("train/definitions", f'{{"fold":{fold}}}') for fold in range(10)]
    charts += [data(f"test/{name}", f'{{"fold":{fold}}}') for fold in range(3) for name in ("roc", "definitions")]
    charts += [data(f"test/{name}") for name in ("definitions", "confusion")]
    text = render_charts(charts)
    assert row(text, "train/") == "train/{fold=0–9} - 10 KiB definitions"
    assert row(text, "test/") == "test/,{fold=0–2} - 8.0 KiB roc confusion definitions"
    assert len(text.splitlines()) == 4
    assert listed(charts) == []


def test_a_metric_that_was_added_later_is_of_the_evaluation() -> None:
    """Its definitions are no row of their own, also where they are the only ones."""
    charts = [data(f"test/{name}") for name in ("definitions", "roc", "definitions/f2")]
    text = render_charts([*charts, data("val/definitions/f2")])
    assert row(text, "test/") == "test/ - 3.0 KiB roc definitions definitions/f2"
    assert row(text, "val/") == "val/ - 1.0 KiB definitions/f2"
    assert len(text.splitlines()) == 4


@pytest.mark.parametrize(
    ("contexts", "label"),
    [
        ([""], "test/"),
        (["{fold=1}"], "test/{fold=1}"),
        (["{fold=10}", "{fold=9}"], "test/{fold=9–10}"),
        (["{fold=0}", "{fold=2}"], "test/{fold=0,2}"),
        (["{site=a}", "{site=b}", ""], "test/,{site=a,b}"),
        ([f"{{site=s{i}}}" for i in range(9)], "test/{site=9 values}"),
        (["{a=1,b=2}", "{a=1,b=3}"], "test/{a=1,b=2},{a=1,b=3}"),
        ([f"{{a={i},b=2}}" for i in range(9)], "test/{9 contexts}"),
    ],
)
def test_contexts_are_written_short(contexts: list[str], label: str) -> None:
    """Numbers that follow on one another as a range, a few as they are, many by how many they are."""
    assert evaluation_label("test/", contexts) == label


def test_a_prefix_may_be_anything() -> None:
    """What `evaluate(prefix=)` puts before each name tells evaluations of one split apart; a chart is of one alone."""
    held = [(f"test/{prefix}{name}", "") for prefix in ("", "raw_") for name in ("roc", "definitions")]
    assert of_evaluations(held) == {("test/", ""): ["roc", "definitions"], ("test/raw_", ""): ["roc", "definitions"]}
    held = [(name, "") for name in ("definitions", "residual_definitions", "residual_histogram", "residual_roc")]
    assert of_evaluations(held) == {
        ("", ""): ["residual_histogram", "definitions"], ("residual_", ""): ["roc", "definitions"],
    }  # fmt: skip


def test_every_chart_of_every_kind_is_known_by_name() -> None:
    """The list of names is what evaluations write."""
    written = {name for kind in KINDS for name in lookup.bundle(kind).charts}
    assert set(EVALUATION) == written | {"definitions"}


def test_keys_are_folded() -> None:
    """As comparisons have them, the context behind the name."""
    keys = ["test/roc{fold=1}", "test/definitions{fold=1}", "test/roc", 'a{"b', "{"]
    assert folded(keys) == {
        "test/roc{fold=1}": ("test/", "{fold=1}", "roc"),
        "test/definitions{fold=1}": ("test/", "{fold=1}", "definitions"),
    }  # fmt: skip


@pytest.mark.parametrize("width", [None, 80, 40, 10])
def test_no_name_is_lost_however_narrow_the_terminal_is(width: int | None) -> None:
    """What the width has no room for stands below; without a width an evaluation is one line."""
    names = list(EVALUATION)
    text = with_names(["evaluation", "runs"], [["test/", "all"]], [names], "LL", False, width)
    lines = text.rstrip("\n").split("\n")[2:]
    if width is None or width == 80:
        assert " ".join(line[17:].strip() for line in lines) == " ".join(names)
    assert [word for line in lines for word in line.split() if word in EVALUATION] == names
    assert len(lines) == 1 or width is not None
    assert width != 80 or max(map(len, lines)) <= 80


@pytest.mark.parametrize("width", [33, 40, 60])
def test_a_narrow_terminal_gets_no_blank_rows(width: int) -> None:
    """Names that have no room beside the other columns stand in a table of their own."""
    text = render_charts([data(f"test/{name}") for name in EVALUATION], width=width)
    assert "\n\n\n" not in text
    assert max(map(len, text.split("\n"))) <= width
    assert [word for word in text.split() if word in EVALUATION] == list(EVALUATION)


def test_nothing_of_a_prefix_reaches_the_terminal() -> None:
    """Control characters are written as escapes."""
    text = render_charts([data("a\x1b[2J\u202e/roc"), data("a\x1b[2J\u202e/definitions")])
    assert not any(is_unsafe(c) for c in text if c != "\n")
    assert "a\\x1b[2J\\u202e/" in text


def test_a_list_of_charts_loads_no_arrays() -> None:
    """The names are known without what computes them."""
    code = "import sys, ledger.view.text, ledger.view.comparison; assert 'numpy' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
