"""Values from the shell: bit for bit into the ledger, and as agreed into JSON."""

import json
import math
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ledger

pytestmark = pytest.mark.usefixtures("workdir")

Cli = Callable[..., Any]

SPECIAL = {
    "nan": (math.nan, "NaN"),
    "NaN": (math.nan, "NaN"),
    "inf": (math.inf, "Infinity"),
    "+Infinity": (math.inf, "Infinity"),
    "-inf": (-math.inf, "-Infinity"),
    "-0.0": (-0.0, -0.0),
    "-0": (-0.0, -0.0),
    "0": (0.0, 0.0),
    "5e-324": (5e-324, 5e-324),
    "0.1": (0.1, 0.1),
    "1e308": (1e308, 1e308),
    ".5": (0.5, 0.5),
    "1.": (1.0, 1.0),
    "9007199254740992": (2.0**53, 2.0**53),
    "0.30000000000000004": (0.1 + 0.2, 0.1 + 0.2),
}


@pytest.mark.parametrize("where", ["new", "late", "open", "stdin"])
def test_special_values_keep_their_bits(cli: Cli, where: str) -> None:
    """By each way in: a new run, a late entry, an open run, lines of another program."""
    pairs = [f"m{i}={text}" for i, text in enumerate(SPECIAL)]
    run = cli("start", "a").out.strip() if where in ("open", "stdin") else "a"
    if where == "late":
        cli("log", "--run", "a", "x=1")
    if where == "stdin":
        result = cli("log", "--run", run, "--stdin", stdin="".join(f"{pair.replace('=', ': ')}\n" for pair in pairs))
    else:
        result = cli("log", "--run", run, *pairs)
    assert result.code == 0, result
    for _ in range(2):
        frame = ledger.open().metrics("a").set_index("metric")
        found = json.loads(cli("ls", "--json").out)["runs"][0]["metrics"]
        for i, (value, word) in enumerate(SPECIAL.values()):
            assert struct.pack("<d", frame.value[f"m{i}"]) == struct.pack("<d", value)
            assert repr(found[f"m{i}"]["last"]) == repr(word)
        cli("finish", "a")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_what_python_writes_the_shell_reads_back(cli: Cli, values: list[float]) -> None:
    """The shortest text of a float is that float again, through the shell, JSON and the rows."""
    result = cli("log", "--run", "a", *(f"m{i}={value!r}" for i, value in enumerate(values)))
    assert result.code == 0, result
    found = json.loads(cli("show", "a", "--json").out)["metrics"]
    frame = ledger.open().metrics("a").set_index("metric")
    words = {"Infinity": math.inf, "-Infinity": -math.inf}
    for i, value in enumerate(values):
        last = found[f"m{i}"]["last"]
        assert struct.pack("<d", words.get(last, last)) == struct.pack("<d", value)
        assert struct.pack("<d", frame.value[f"m{i}"]) == struct.pack("<d", value)


def test_undefined_is_not_an_empty_cell(cli: Cli) -> None:
    """In CSV an undefined value has a word, an absent one is empty: in `ls`, `compare` and `diff` alike."""
    with ledger.start("a") as run:
        run.log({"auc": ledger.Undefined("one class")})
    with ledger.start("b") as run:
        run.log({"x": 0.5})
    assert cli("ls", "--csv", "-c", "name,auc", "--sort", "name").out == "name,auc\na,undefined\nb,\n"
    assert cli("compare", "a", "b", "--csv", "--metric", "auc").out == "metric,goal,a,b\nauc,maximize,undefined,\n"
    assert cli("diff", "a", "b", "--csv", "--metric", "auc").out.split("\n")[1] == "auc,undefined,,,unknown"


def test_a_negative_zero_has_its_sign_in_every_table(cli: Cli) -> None:
    """`show`, `ls`, `compare` and Markdown write -0.0, whatever stands beside it."""
    cli("log", "--run", "a", "x=-0.0")
    for arguments in (
        ["show", "a"],
        ["ls", "-c", "name,x"],
        ["compare", "a"],
        ["compare", "a", "--md"],
        ["ls", "--md"],
    ):
        assert "-0.0" in cli(*arguments).out.split(), arguments


def test_headings_of_params_can_be_typed_back(cli: Cli) -> None:
    """A list's CSV and Markdown spell params out; the terminal does so where another heading is the same."""
    for name in "ab":
        cli("log", "--run", name, "x=1", "-p", f"name={name}", "-p", f"alpha={ord(name)}")
    heading = cli("ls", "--csv").out.split("\n")[0]
    assert heading == "id,name,status,created,params.alpha,params.name,x"
    assert cli("ls", "--csv", "-c", heading).out == cli("ls", "--csv").out
    assert cli("ls", "--md").out.split("\n")[0].split(" | ")[4:6] == ["params.alpha", "params.name"]
    assert cli("ls").out.split()[:7] == ["id", "name", "status", "created", "alpha", "params.name", "x"]
    result = cli("ls", "-c", "alpha")
    assert (result.code, "params.alpha" in result.err) == (2, True)


def test_an_undefined_value_is_one_word_everywhere(cli: Cli) -> None:
    """In CSV and Markdown, `ls`, `show`, `compare` and `diff` write `undefined`; `export` has a column for why."""
    for name, value in (("a", ledger.Undefined("one class only")), ("b", 0.5)):
        with ledger.start(name) as run:
            run.log_summary({"x": value})
    assert cli("ls", "a", "-c", "x", "--csv").out == "x\nundefined\n"
    assert cli("show", "a", "--csv").out.splitlines()[1] == "x,undefined,,,,,,,,0,0"
    assert cli("show", "b", "--csv").out.splitlines()[1] == "x,0.5,,0.5,0.5,,0.5,,0.5,1,0"
    assert "| x | undefined |" in cli("show", "a", "--md").out
    assert cli("compare", "a", "b", "--csv").out.splitlines()[1] == "x,,undefined,0.5"
    assert cli("diff", "a", "b", "--csv").out.splitlines()[1].startswith("x,undefined,0.5,")
    assert cli("export", "a", "--format", "csv").out.splitlines()[1].endswith(",,one class only")


def test_counts_agree_with_their_nouns(cli: Cli) -> None:
    """One row, one chart, one file; two rows."""
    with ledger.start("a") as run:
        run.log({"x": 1.0})
        run.log_text("t", "hello")
    assert "wrote 1 file to" in cli("charts", "a", "-o", "out").err
    id = cli("start", "b").out.strip()
    cli("log", "--run", id, "x=1")
    assert "1 row sealed" in cli("finish", id).err
    assert "would log 2 metrics and 0 charts" in cli("log", "--run", "c", "x=1", "y=2", "-n").err
    assert "would log 1 metric and 0 charts" in cli("log", "--run", "c", "x=1", "-n").err


def test_undefined_and_nan_are_two_things_in_every_verb(cli: Cli) -> None:
    """What an evaluation could not compute, and a NaN that a training logged: neither ever reads as the other."""
    with ledger.start("u") as run:
        run.evaluate(y_true=[1, 1], y_score=[0.2, 0.9], kind="binary", split="test", charts=False, predictions=False)
    with ledger.start("n") as run:
        run.log_summary({"test/roc_auc": math.nan})
    with ledger.start("k") as run:
        run.log_summary({"test/roc_auc": 0.75})
    reason, metric = "one class in y_true", "test/roc_auc"

    def line(start: str, *arguments: str) -> list[str]:
        out = cli(*arguments).out
        return next(text.split() for text in out.splitlines() if text.startswith(start))

    columns = ["-c", f"name,{metric}"]
    assert [line(f"{name} ", "ls", *columns)[1] for name in "unk"] == ["undefined", "nan", "0.75"]
    assert [line(f"{name},", "ls", *columns, "--csv")[0] for name in "un"] == ["u,undefined", "n,NaN"]
    assert cli("ls", *columns, "--sort", f"-{metric}", "--csv").out.splitlines()[1] == "k,0.75"
    assert cli("ls", *columns, "-F", f"{metric} < 0.8", "--csv").out.splitlines()[1:] == ["k,0.75"]
    assert line(metric, "show", "u")[2] == "undefined"
    assert line(metric, "show", "n")[2] == "nan"
    assert f"{metric} is undefined: {reason}" in cli("show", "u").out
    assert "is undefined" not in cli("show", "n").out
    assert line(metric, "compare", "u", "n", "k", "--metric", metric)[2:] == ["undefined", "nan", "0.75"]
    row = json.loads(cli("compare", "u", "n", "k", "--metric", metric, "--json").out)["metrics"][0]
    ids = {name: ledger.open().state(name).id for name in "unk"}
    assert row["values"] == {ids["u"]: None, ids["n"]: "NaN", ids["k"]: 0.75}
    assert (row["undefined"], row["best"]) == ({ids["u"]: reason}, [])
    assert line(metric, "diff", "u", "n", "--metric", metric)[2:6] == ["undefined", "nan", "-", "?"]
    rows = [json.loads(text) for text in cli("export", "u", "n", "--format", "jsonl").out.splitlines()]
    kept = {row["run"]: (row["value"], row.get("undefined")) for row in rows if row["metric"] == metric}
    assert kept == {ids["u"]: (None, reason), ids["n"]: ("NaN", None)}
    assert "undefined" in cli("history", "u", metric).out.split()
    assert "nan" in cli("history", "n", metric).out.split()
    scatter = cli("plot", "scatter", "--x", metric, "--y", metric, "--csv")
    assert [text.split(",")[1] for text in scatter.out.splitlines()[1:]] == ["k"]
    assert "2 runs whose value is undefined, NaN or infinite" in scatter.err


def test_a_curve_has_gaps_where_values_are_no_numbers(cli: Cli) -> None:
    """A NaN is in the data of a plot, an undefined value is counted beside it; lone points are drawn, as text too."""
    with ledger.start("a") as run:
        for step, value in enumerate([0.5, math.nan, ledger.Undefined("one class"), 0.75]):
            run.log({"auc": value}, step=step)
    found = cli("plot", "curves", "--metric", "auc", "--json")
    assert json.loads(found.out)["lines"][0]["y"] == [0.5, "NaN", 0.75]
    assert "1 value undefined or without a step not drawn" in found.err
    drawn = cli("plot", "curves", "--metric", "auc", "--terminal").out
    assert sum(0x2800 < ord(character) <= 0x28FF for character in drawn) == 2
