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
