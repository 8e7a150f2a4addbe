"""Tables of values: what is read of them, and that all that is wrong is said at once, each with its line."""

import hashlib
import math
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ledger
from ledger.errors import InvalidValue
from ledger.table import values_file
from ledger.table.values_file import ValuesTable
from tests.conftest import run_cli

pytestmark = pytest.mark.usefixtures("workdir")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with the runs a and b, and two of one name."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("a", "b", "twice"):
        run_cli("-C", folder, "log", "--run", name, "m=1")
    second = run_cli("-C", folder, "start", "twice").out.strip()
    run_cli("-C", folder, "finish", second)
    return folder / ".ledger"


@pytest.fixture(autouse=True)
def runs(made: Path, workdir: Path) -> None:
    """Each test has its own copy."""
    shutil.copytree(made, workdir / ".ledger")


def read(source: Any, match: str | None = None, metrics: tuple[str, ...] = ()) -> ValuesTable:
    """Read a table for the ledger here; a text is first written to a CSV file."""
    if isinstance(source, str) and "\n" in source:
        Path("t.csv").write_text(source, encoding="utf-8")
        source = "t.csv"
    led = ledger.open()
    return values_file.read(source, match, metrics, led.catalog, led.schema)


def told(found: ValuesTable) -> list[tuple[Any, ...]]:
    """Return (name of the run, metric, step, value, line) of each cell."""
    names = {state.id: state.name for state in ledger.open().select()}
    return [(names[c.run], c.metric, c.step, c.value, c.line) for c in found.cells]


def test_a_csv_file() -> None:
    """Quotes, blanks beside numbers, empty lines, a byte order mark, lines ending in CR LF: lines are the file's."""
    text = '\ufeffname,test/f2,"test/auc{fold=1.0}"\r\n\r\na, 0.5 ,\r\n"b",-1e-3,inf\r\n'
    Path("t.csv").write_bytes(text.encode())
    found = read("t.csv")
    assert told(found) == [
        ("a", "test/f2", None, 0.5, 3),
        ("b", "test/f2", None, -0.001, 4),
        ("b", "test/auc{fold=1}", None, math.inf, 4),
    ]
    assert found.file == {"name": "t.csv", "sha256": hashlib.sha256(text.encode()).hexdigest()}


def test_the_line_of_a_record_is_its_first() -> None:
    """A quoted line break before it counts."""
    assert told(read('name,"m\n2",x\na,,1\n', metrics=("x",))) == [("a", "x", None, 1.0, 3)]


def test_a_file_keeps_nan_and_an_empty_cell_is_none() -> None:
    """In CSV as a word, in Parquet as a value; null there is no value."""
    assert math.isnan(told(read("name,x,y\na,nan,\n"))[0][3])
    table = pa.table({"name": ["a", "b"], "x": pa.array([math.nan, None]), "step": pa.array([None, 3.0])})
    pa.parquet.write_table(table, "t.parquet")
    ((name, metric, step, value, line),) = told(read("t.parquet"))
    assert (name, metric, step, math.isnan(value), line) == ("a", "x", None, True, 1)


def test_a_data_frame() -> None:
    """A NaN there is no value, which is said; an index with a name is a column; whole steps may be floats."""
    frame = pd.DataFrame({"name": ["a", "b"], "step": [1.0, math.nan], "x": [0.5, math.nan], "y": [1, 2]})
    found = read(frame.set_index("name"))
    assert told(found) == [("a", "x", 1, 0.5, 1), ("a", "y", 1, 1.0, 1), ("b", "y", None, 2.0, 2)]
    assert found.file is None
    assert [notice[:5] for notice in found.notices] == ["2 NaN"]


@pytest.mark.parametrize("dtype", ["float64", "Float64", "int64", "Int32", "bool", "float32", object])
def test_the_types_of_a_data_frame(dtype: Any) -> None:
    """All that hold numbers."""
    frame = pd.DataFrame({"name": ["a"], "x": pd.Series([1], dtype=dtype)})
    assert told(read(frame)) == [("a", "x", None, 1.0, 1)]


def test_which_runs() -> None:
    """Any selector in `run`, the newest of a name there; names that one run has in `name`; whole ids in `id`."""
    led = ledger.open()
    newest, id = led.state("twice").id, led.state("a").id
    assert [cell.run for cell in read(f"run,x\ntwice,1\n{id[:-4]},2\n").cells] == [newest, id]
    assert [cell.run for cell in read("run,x\n@1,1\n").cells] == [newest]
    assert [cell.run for cell in read(f"id,name,x\n{id},b,1\n", "id").cells] == [id]


def test_the_newest_of_a_name_is_the_one_that_a_selector_means() -> None:
    """Of runs that were made in one second, too."""
    for _ in range(6):
        ledger.start("many").finish()
        assert [cell.run for cell in read("run,x\nmany,1\n").cells] == [ledger.open().state("many").id]


def test_columns_that_name_runs_are_no_metrics() -> None:
    """They are passed over, which is said; so a table that ledger wrote can be read back."""
    id = ledger.open().state("a").id
    found = read(f"id,name,x\n{id},whatever,1\n", "id")
    assert told(found) == [("a", "x", None, 1.0, 2)]
    assert found.notices == ["the column 'name' was passed over: 'id' says which runs"]


BAD: list[tuple[str, str]] = [
    ("name,x\nc,1\n", "line 2: no run has the name 'c'"),
    ("name,x\ntwice,1\n", "line 2: 2 runs have the name 'twice'"),
    ("run,x\nnobody,1\n", "line 2: there is no run 'nobody'"),
    ("run,x\n@9,1\n", "line 2: there is no run @9"),
    ("id,x\na,1\n", "line 2: 'a' is no id of a run"),
    ("id,x\n20260102-030405-a-0123456789ab,1\n", "line 2: there is no run '20260102-030405-a-0123456789ab'"),
    ("name,x\n,1\n", "line 2: column 'name': '' names no run"),
    ("name,x\na,high\n", "line 2: column 'x': 'high' is no number"),
    ('name,x\na,"0,5"\n', "'0,5' is no number"),
    ("name,x\na,62%\n", "'62%' is no number"),
    ("name,x\na,0x10\n", "'0x10' is no number"),
    ("name,x\na,1_000\n", "'1_000' is no number"),
    ("name,x\na,true\n", "'true' is no number"),
    ("name,x\na,\u0661\n", "is no number"),
    ("name,x\na,1e999\n", "beyond what float64 can hold"),
    ("name,x\na,-1e-999\n", "beyond what float64 can hold"),
    ("name,x\na,9007199254740993\n", "2^53"),
    (f"name,x\na,{'9' * 300}\n", "2^53"),
    (f"name,x\na,{'9' * 5000}\n", "beyond what float64 can hold"),
    ("name,step,x\na,1.5,1\n", "the step '1.5' is no whole number"),
    ("name,step,x\na,one,1\n", "the step 'one' is no whole number"),
    (f"name,step,x\na,{2**63},1\n", "beyond the limit of 2^62"),
    ("name,x\na,1\na,1\n", "line 3: x of"),
    ("name,step,x\na,1,1\na,1.0,2\n", "at step 1 is 2.0 here, and given in line 2 (1.0) too"),
    ("name,x\na,1,2\n", "line 2: it has 3 fields, the headings 2"),
    ("name,x\na\n", "line 2: it has 1 fields, the headings 2"),
    ("name,x,x\na,1,1\n", "has the column 'x' twice"),
    ("name,x{fold=1},x{fold=1.0}\na,1,1\n", "two columns for the metric x{fold=1}"),
    ("name,x{fold\na,1\n", "names no metric"),
    ('name,"x{fold=""}"\na,1\n', "names no metric"),
    (",name,x\n0,a,1\n", "a column without a heading"),
    ("name\na\n", "has no column with values"),
    ("name,x\n", "has no rows"),
    ("name,x\na,\n", "has no values"),
    ("x,y\n1,2\n", "has no column run, name or id"),
    ("name,id,x\na,b,1\n", "has the columns name and id; which runs are meant?"),
    ("name;x\na;1\n", "separated by ';'"),
    ('name,x\na,"1\n', "cannot be read"),
    ("\n\n", "is empty"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_bad_tables(text: str, said: str) -> None:
    """One error says what is wrong, and in which line."""
    with pytest.raises(InvalidValue) as error:
        read(text)
    assert said in str(error.value)


def test_a_bad_step_is_no_cell() -> None:
    """Two rows whose steps cannot be read are two problems: they do not give one cell twice."""
    with pytest.raises(InvalidValue) as error:
        read("name,step,x\na,one,1\na,two,2\n")
    assert error.value.message.splitlines() == [
        "t.csv has 2 problems; nothing was written:",
        "  line 2: the step 'one' is no whole number",
        "  line 3: the step 'two' is no whole number",
    ]


def test_a_removed_run() -> None:
    """It takes no value; how it comes back is said."""
    id = ledger.open().state("a").id
    run_cli("rm", "a")
    for text in ("name,x\na,1\n", "run,x\na,1\n", f"id,x\n{id},1\n"):
        with pytest.raises(InvalidValue, match="line 2: .*was removed from view .*ledger restore"):
            read(text)


def test_many_problems() -> None:
    """The first twenty are said, and that there may be more."""
    with pytest.raises(InvalidValue) as error:
        read("name,x\n" + "a,bad\n" * 1000)
    assert error.value.message.startswith("t.csv has at least 20 problems; nothing was written:\n  line 2: ")
    assert error.value.message.count("\n") == 20


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("none.csv", None, "is not there"),
        ("folder.csv", "folder", "is no regular file"),
        ("pipe.csv", "pipe", "is no regular file"),
        ("t.xlsx", b"PK", "neither .csv, .tsv nor .parquet"),
        ("t.csv", b"", "is empty"),
        ("t.csv", b"name,x\na,\xe9\n", "not UTF-8, as line 2 shows"),
        ("t.csv", b"name,x\na,\x001\n", ""),
        ("t.csv", b"name,x\na," + b"1" * 200_000, "cannot be read"),
        ("t.parquet", b"PAR1 and not much more", "cannot be read"),
        ("t.parquet", b"", "cannot be read"),
    ],
)
def test_bad_files(name: str, data: Any, said: str) -> None:
    """A file that is none, or not what its name says, is one clear error; a fifo holds up nobody."""
    if data == "folder":
        Path(name).mkdir()
    elif data == "pipe":
        os.mkfifo(name)
    elif data is not None:
        Path(name).write_bytes(data)
    with pytest.raises(InvalidValue) as error:
        read(name)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame({"name": ["a"], "x": ["0.5 or so"]}), "row 1: column 'x': '0.5 or so' is no number"),
        (pd.DataFrame({"name": ["a"], "x": [[1.0]]}), "row 1: metric 'x'"),
        (pd.DataFrame({"name": ["a"], "x": pd.to_datetime(["2026-01-01"])}), "row 1: "),
        (pd.DataFrame({"name": [None], "x": [1]}), "row 1: column 'name': None names no run"),
        (pd.DataFrame({"name": [1.5], "x": [1]}), "row 1: column 'name': 1.5 names no run"),
        (pd.DataFrame({"name": ["a"], "step": [1.5], "x": [1]}), "row 1: step must be a whole number"),
        (pd.DataFrame({"name": ["a"], 0: [1]}), "has the column 0, which is no text"),
        (pd.DataFrame([["a", 1, 2]], columns=["name", "x", "x"]), "has the column 'x' twice"),
        (pd.DataFrame({"name": [], "x": []}), "has no rows"),
        (np.zeros((2, 2)), "a path or a pandas DataFrame, not ndarray"),
        (None, "a path or a pandas DataFrame, not NoneType"),
    ],
)
def test_bad_frames(frame: Any, said: str) -> None:
    """The same of what is given in Python."""
    with pytest.raises(InvalidValue) as error:
        read(frame)
    assert said in str(error.value)


def test_a_way_to_match_that_there_is_not() -> None:
    """It is said which there are."""
    with pytest.raises(InvalidValue, match="matched by run, name, id, not by 'tag'"):
        read("name,x\na,1\n", "tag")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=st.floats() | st.integers(-(2**53), 2**53))
def test_numbers_come_back_bit_for_bit(value: float) -> None:
    """What Python writes of a number in a CSV file is that number again."""
    found = values_file._value("x", repr(value))
    assert found.hex() == float(value).hex() or (math.isnan(found) and math.isnan(value))


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(max_size=12) | st.from_regex(r"[+-]?[0-9.eE+-]{0,8}", fullmatch=True))
def test_any_text_is_a_number_or_one_clear_error(text: str) -> None:
    """Where Python would read another number, or none, it is refused."""
    try:
        found = values_file._value("x", text)
    except InvalidValue:
        return
    assert found is None if not text.strip() else found.hex() == float(text).hex() or math.isnan(found)
