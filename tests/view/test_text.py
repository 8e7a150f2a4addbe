"""What the terminal shows of runs: the right values, the best one marked, nothing lost and nothing dangerous."""

import math
import os
import subprocess
import sys
from typing import Any

import pytest

from ledger.schema import Schema
from ledger.store.state import Chart, RunState, Summary
from ledger.table import columns
from ledger.table.compare import compare
from ledger.table.diff import diff_runs
from ledger.view.comparison import (
    comparison_markdown,
    render_comparison,
    run_headings,
)
from ledger.view.difference import diff_markdown, render_diff
from ledger.view.rows import display_width, is_unsafe
from ledger.view.text import render_run, render_runs

TIME = 1_795_317_300_000_000
SCHEMA = Schema()


def summary(last: float, count: int = 1, nan: int = 0) -> Summary:
    """A metric that fell to half and ended at `last` at step 9."""
    return Summary(count, nan, last * 2, 0, last, 9, last / 2, 4, last * 2, 0, last * 1.1)


def a_run(number: int, name: str = "baseline", **fields: Any) -> RunState:
    """A small finished run; its values depend on the number."""
    known: dict[str, Any] = {
        "id": f"20261122-0315{number:02}-baseline-{number + 1:x}" + "0" * 11, "name": name, "status": "finished",
        "created": TIME, "finished": TIME + 245_000_000, "author": "Ada", "group": None, "parent": None, "seed": 1,
        "note": None, "tags": ["cv"], "params": {"optimizer": {"lr": 0.1 / (number + 1)}, "epochs": 20}, "git": None,
        "program": {"argv": ["train.py", "--name", "a b"]}, "charts": [], "predictions": [], "entries": [],
        "metrics": {"val/auc": summary(0.9 + number / 1000), "val/loss": summary(0.3 + number / 1000)},
    }  # fmt: skip
    return RunState(**(known | fields))


def row(text: str, start: str) -> str:
    """The first line that begins with `start`, its words one space apart."""
    return next(" ".join(line.split()) for line in text.split("\n") if line.startswith(start))


def runs_table(states: list[RunState], specs: list[str], **options: Any) -> str:
    """`ls` with these columns."""
    chosen = [columns.parse(spec) for spec in specs]
    values = [[columns.value(column, state, SCHEMA) for column in chosen] for state in states]
    return render_runs(states, chosen, values, SCHEMA, **options)


def test_ls_writes_fields_metrics_and_params_each_in_their_way() -> None:
    """Times, durations, tags and params are readable, goals have arrows, the best value per metric is marked."""
    states = [a_run(0), a_run(1, "wide", status="failed", finished=None)]
    text = runs_table(states, ["name", "status", "created", "duration", "tags", "val/auc", "val/loss", "params.epochs"])
    assert row(text, "name") == "name status created duration tags val/auc ↑ val/loss ↓ params.epochs"
    assert row(text, "baseline") == "baseline finished 2026-11-22 03:15 4m 05s cv 0.900 0.300* 20"
    assert row(text, "wide") == "wide failed 2026-11-22 03:15 - cv 0.901* 0.301 20"


def test_ls_marks_no_best_where_nothing_differs() -> None:
    """Equal values, a single run, NaN and undefined values bring no mark; goals may be given by the caller."""
    assert "*" not in runs_table([a_run(0)], ["name", "val/auc"])
    assert "*" not in runs_table([a_run(0), a_run(0)], ["name", "val/auc"])
    text = render_runs([], ["name", "auc"], [["a", math.nan], ["b", 0.5], ["c", 0.6]], goals=[None, "minimize"])
    assert row(text, "b") == "b 0.5*"
    assert "nan*" not in text


def test_ls_colours_the_status() -> None:
    """A failed run stands out in colour, and the word is there without."""
    text = render_runs([], ["name", "status"], [["a", "failed"]], color=True)
    assert "\x1b[31mfailed\x1b[0m" in text


def test_compare_puts_runs_side_by_side() -> None:
    """Metrics as rows, runs as columns, digits per row, the best marked, only params that differ."""
    text = render_comparison(compare([a_run(0), a_run(1, "wide")], SCHEMA))
    assert row(text, "metric") == "metric baseline wide"
    assert row(text, "val/auc") == "val/auc ↑ 0.900 0.901*"
    assert row(text, "val/loss") == "val/loss ↓ 0.300* 0.301"
    assert row(text, "optimizer.lr") == "optimizer.lr 0.1 0.05"
    assert "epochs" not in text
    assert "(1 param equal)" in text
    text = render_comparison(compare([a_run(0), a_run(1, "wide")], SCHEMA), all_params=True)
    assert row(text, "epochs") == "epochs 20 20"
    assert "equal" not in text


def test_compare_tells_params_of_different_types_apart() -> None:
    """0.1 and "0.1" differ and read differently; a missing param is no null."""
    states = [a_run(0, params={"lr": 0.1, "a": None}), a_run(1, "wide", params={"lr": "0.1"})]
    text = render_comparison(compare(states, SCHEMA))
    assert row(text, "lr") == 'lr 0.1 "0.1"'
    assert row(text, "a ") == "a null -"


def test_compare_gives_the_reason_of_an_undefined_value() -> None:
    """An undefined value is written as such, its reason below the table; an absent one is `-`."""
    undefined = Summary(0, 0, None, None, None, 2, None, None, None, None, None, "only one class")
    states = [a_run(0, metrics={"auc": undefined}), a_run(1, "wide", metrics={})]
    text = render_comparison(compare(states, SCHEMA))
    assert row(text, "auc ") == "auc ↑ undefined -"
    assert "auc of baseline is undefined: only one class\n" in text


def test_compare_names_repeated_runs_by_their_ids() -> None:
    """Runs of one name get the end of their id, and a table says which id that is."""
    states = [a_run(0), a_run(1), a_run(2, "wide")]
    assert run_headings(states) == ["baseline 1000", "baseline 2000", "wide"]
    text = render_comparison(compare(states, SCHEMA))
    assert row(text, "baseline 1000") == f"baseline 1000 {states[0].id}"
    assert row(text, "metric") == "metric baseline 1000 baseline 2000 wide"


def test_compare_shortens_run_names_before_it_turns_the_table() -> None:
    """Names too long for the width are shortened, and given in full above."""
    states = [a_run(i, f"resnet50-with-cosine-schedule-seed-{i}") for i in range(3)]
    text = render_comparison(compare(states, SCHEMA), width=80)
    assert all(display_width(line) <= 80 for line in text.split("\n"))
    assert all(state.name in text for state in states)
    assert row(text, "metric").startswith("metric resnet5")
    alike = [a_run(0, "a" * 30 + "b" + "a" * 30), a_run(1, "a" * 61), a_run(2, "wide")]
    assert run_headings(alike, 10) == ["10000000", "20000000", "wide"]
    assert run_headings([a_run(0, "a" * 20), a_run(1, "a" * 20)], 15) == ["aaaaa…aaaa 1000", "aaaaa…aaaa 2000"]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
@pytest.mark.parametrize("count", [2, 9])
@pytest.mark.parametrize("size", [4, 64])
def test_no_two_runs_of_a_comparison_read_alike(width: int, count: int, size: int) -> None:
    """Names that differ in their middle, beside a long metric and long params: every run has a heading of its own."""
    names = [f"a-quite-long-run-name-with-seed-{i}-and-lr-0.001" for i in range(count)]
    states = [
        a_run(i, name, metrics={"m" * size: summary(0.5 + i)}, params={"p" * size: "x" * (30 + i)})
        for i, name in enumerate(names)
    ]
    text = render_comparison(compare(states, SCHEMA), width=width)
    *above, metric_table, param_table = text.split("\n\n")
    words = [line.split() for line in "\n".join(above).split("\n")[2:]]
    full = {name: heading for heading, name in words} or {name: name for name in names}
    assert len(set(full.values())) == count
    for name in names:
        assert full[name] in metric_table
        assert full[name] in param_table


def test_markdown_of_a_comparison_has_the_digits_of_each_metric() -> None:
    """Small differences of one metric are there beside large values of another; the best is bold, names are unique."""
    states = [a_run(i, metrics={"val/loss": summary(1e-5 + i * 1e-7), "big": summary(5e4 + i)}) for i in range(2)]
    lines = comparison_markdown(compare(states, SCHEMA)).split("\n")
    assert lines == [
        "| metric | baseline 1000 | baseline 2000 |",
        "| --- | ---: | ---: |",
        "| big | 50000 | 50001 |",
        "| val/loss ↓ | **1.000e-05** | 1.010e-05 |",
        "",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_compare_of_many_runs_has_a_row_per_run(width: int) -> None:
    """More than eight runs stand below each other, and every value is still there."""
    states = [a_run(i, f"run-{i}", metrics={f"m{j}": summary(i + j / 7) for j in range(15)}) for i in range(12)]
    text = render_comparison(compare(states, SCHEMA), width=width)
    assert row(text, "run").startswith("run m0 ")
    assert all(f"m{j}" in text for j in range(15))
    assert all(display_width(line) <= width for line in text.split("\n"))


def test_compare_lists_charts() -> None:
    """A chart with the runs that have it, and whether the pictures are the same."""
    charts = [[Chart("roc", None, 1, blob * 64, "png", "image/png", 7, None, TIME)] for blob in "ab"]
    states = [a_run(0, charts=charts[0]), a_run(1, "wide", charts=charts[1]), a_run(2, "deep")]
    assert row(render_comparison(compare(states, SCHEMA)), "roc") == "roc differ baseline, wide"
    assert row(render_comparison(compare(states[:1] * 2, SCHEMA)), "roc") == "roc - all"


def test_compare_of_nothing_says_so() -> None:
    """Runs without metrics, params and charts give a sentence, not an empty page."""
    assert "nothing to compare" in render_comparison(compare([a_run(0, metrics={}, params={})], SCHEMA))


def test_show_says_what_is_known() -> None:
    """Header, params, metrics with the best by goal and its step, charts and notices; only what is there."""
    git = {"commit": "3f2a91c0d4e5aabb", "branch": "main", "dirty": True}
    state = a_run(
        0, git=git, notices=["one entry skipped"], conflicts=["note"], metrics={"val/loss": summary(0.3, 10, 2)}
    )
    text = render_run(state, SCHEMA)
    assert row(text, "id") == f"id {state.id}"
    assert row(text, "created") == "created 2026-11-22 03:15 UTC by Ada"
    assert row(text, "commit") == "commit 3f2a91c0d4e5 on main, with local changes"
    assert row(text, "command") == "command train.py --name 'a b'"
    assert row(text, "optimizer.lr") == "optimizer.lr 0.1"
    assert row(text, "metric") == "metric last step best at min max mean count nan"
    assert row(text, "val/loss") == "val/loss ↓ 0.30 9 0.15* 4 0.15 0.60 0.33 10 2"
    assert "! one entry skipped\n! set to different values at once: note\n" in text
    assert not any(word in text for word in ("group", "parent", "note  ", "chart"))


def test_show_of_single_values_has_no_columns_that_say_nothing() -> None:
    """One value per metric: no min, max or mean; a run without metrics has no table."""
    assert row(render_run(a_run(0), SCHEMA), "metric") == "metric last step"
    assert "metric" not in render_run(a_run(0, metrics={}), SCHEMA)
    assert row(render_run(a_run(0, metrics={"x": summary(1.5, 3)})), "metric") == "metric last step min max mean count"


def test_show_of_a_failed_run() -> None:
    """Status, exit status, error and attempts stand together."""
    text = render_run(a_run(0, status="failed", exit_status=1, error="boom\x1b[2J", attempts=2, tags=[]))
    assert r"failed, exit status 1, boom\x1b[2J, attempt 2" in text
    assert "tags" not in text


def test_nothing_of_a_ledger_reaches_the_terminal() -> None:
    """Hostile names, notes, params, tags, charts and notices come out escaped in every view."""
    bad = "a\x1b[2J\u202e\n"
    chart = Chart(bad, '{"k":"\\u001b"}', 1, "0" * 64, bad, bad, 7, bad, TIME)
    undefined = Summary(0, 0, None, None, None, 2, None, None, None, None, None, bad)
    state = a_run(
        0, bad, note=bad, author=bad, group=bad, error=bad, tags=[bad], params={bad: bad, "n": [bad]}, notices=[bad],
        charts=[chart], conflicts=[bad], metrics={bad: undefined}, program={"argv": [bad], "versions": {bad: bad}},
        git={"commit": bad, "branch": bad},
    )  # fmt: skip
    other = a_run(1)
    texts = [
        render_run(state, SCHEMA),
        render_comparison(compare([state, other], SCHEMA), width=80),
        render_diff(diff_runs(state, other, SCHEMA).to_json()),
        render_diff(diff_runs(other, state, SCHEMA).to_json(), show_all=True),
        runs_table([state, other], ["name", "tags", "note"]),
    ]
    assert not any(is_unsafe(c) for text in texts for c in text if c != "\n")
    assert all(r"a\x1b[2J\u202e\n" in text for text in texts)


def test_diff_shows_changes_first_and_counts_the_rest() -> None:
    """Worse, then better, then unknown; equal metrics and charts are counted, or listed if asked."""
    a = a_run(0, metrics={n: summary(0.5) for n in ("auc", "loss", "same", "odd")})
    b = a_run(1, "wide", metrics={"auc": summary(0.75), "loss": summary(0.8), "same": summary(0.5), "new": summary(1)})
    document = diff_runs(a, b, SCHEMA).to_json()
    text = render_diff(document, {"auc": "maximize", "loss": "minimize"})
    lines = [" ".join(line.split()) for line in text.split("\n\n")[1].split("\n")]
    assert lines[0] == "metric old new diff verdict"
    assert lines[2:] == [
        "loss ↓ 0.5 0.8 +0.3 ✗ worse",
        "auc ↑ 0.50 0.75 +0.25 ✓ better",
        "new - 1 - ? unknown",
        "odd 0.5 - - ? unknown",
    ]
    assert row(text, "optimizer.lr") == "optimizer.lr 0.1 0.05"
    assert text.endswith("\n(1 metric the same)\n")
    text = render_diff(document, show_all=True)
    assert row(text, "same") == "same 0.5 0.5 0 same"
    assert "the same" not in text


def test_markdown_of_a_diff_has_the_digits_and_signs_of_the_terminal() -> None:
    """Digits per metric, a signed difference, equal metrics too, nothing that ends a cell."""
    a = a_run(0, metrics={"a|b": summary(5e4), "loss": summary(0.12345), "same": summary(1.0)})
    b = a_run(1, "wide", metrics={"a|b": summary(5e4 + 1), "loss": summary(0.12344), "same": summary(1.0)})
    document = diff_runs(a, b, SCHEMA).to_json()
    assert diff_markdown(document, {"loss": "minimize"}).split("\n") == [
        "| metric | old | new | diff | verdict |",
        "| --- | ---: | ---: | ---: | --- |",
        "| loss ↓ | 0.12345 | 0.12344 | -0.00001 | ✓ better |",
        "| a\\|b | 50000 | 50001 | +1 | ? unknown |",
        "| same | 1 | 1 | 0 | same |",
        "",
    ]


def test_diff_takes_an_encoded_document() -> None:
    """Non-finite values may be the texts that JSON has for them; undefined ones are known by their reason."""
    run = {"id": "x", "name": "x"}
    metrics = {
        "a": {"old": "NaN", "new": "-Infinity", "verdict": "unknown"},
        "b": {"old": None, "old_undefined": "one class", "new": 0.5, "verdict": "unknown"},
    }
    text = render_diff({"a": run, "b": run, "metrics": metrics})
    assert row(text, "a ") == "a nan -inf - ? unknown"
    assert row(text, "b ") == "b undefined 0.5 - ? unknown"


def test_diff_lists_versions_commit_and_charts() -> None:
    """Package versions stand as they are, commits shortened, charts with what happened to them."""
    run = {"id": "x", "name": "x"}
    changed = {"versions": {"numpy": {"old": "1.26", "new": "2.4.0"}}, "code": {"old": "a" * 40, "new": "b" * 40},
               "charts": {"added": ["roc"], "removed": [], "changed": ["pr"], "same": ["cm", "cal"]}}  # fmt: skip
    text = render_diff({"a": run, "b": run, "metrics": {}, **changed})
    assert row(text, "numpy") == "numpy 1.26 2.4.0"
    assert f"old  {'a' * 12}\nnew  {'b' * 12}\n" in text
    assert row(text, "roc") == "roc added"
    assert row(text, "pr") == "pr changed"
    assert text.endswith("(2 charts the same)\n")


def test_views_are_light() -> None:
    """Importing the views loads no heavy library."""
    code = "import sys, ledger.view.comparison, ledger.view.text, ledger.view.document; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    heavy = {"numpy", "pandas", "pyarrow", "matplotlib", "rich"} & set(done.stdout.split())
    assert heavy == set()
