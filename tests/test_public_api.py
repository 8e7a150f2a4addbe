"""The public names, and what they load: a shell loop that calls `ledger log` pays for what it needs alone."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import ledger
from ledger import api

TABLES = {"pandas", "pyarrow", "matplotlib", "scipy", "duckdb", "rich"}


def loaded_by(code: str, folder: Path) -> set[str]:
    """Run code in a process of its own; return the top-level modules that it loaded."""
    end = """
import json, sys
print("LOADED", json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
    command = [sys.executable, "-c", f"{code}\n{end}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("LOADED ")]
    return set(json.loads(lines[-1].removeprefix("LOADED ")))


def loaded_by_command(folder: Path, *arguments: str) -> set[str]:
    """Run a command line in a process of its own; return the top-level modules that it loaded."""
    return loaded_by(f"from ledger import cli\nassert cli._run({list(arguments)!r}) == 0", folder)


@pytest.mark.parametrize("module", [ledger, api], ids=["ledger", "ledger.api"])
def test_all_is_sorted_complete_and_documented(module: object) -> None:
    """`__all__` is sorted, holds every name with a home, and each has a docstring."""
    names = module.__all__  # type: ignore[attr-defined]
    assert names == sorted(set(names))
    assert set(module._HOMES) <= set(names)  # type: ignore[attr-defined]
    assert [name for name in names if name != "__version__" and not getattr(module, name).__doc__] == []


def test_the_homes_of_the_names_are_where_they_are_defined() -> None:
    """Each public name is what its home module holds, so pickles and error messages name a real place."""
    assert set(ledger._HOMES) == {name for name in ledger.__all__ if name != "__version__"}
    for name, home in ledger._HOMES.items():
        assert getattr(importlib.import_module(home), name) is getattr(ledger, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """`ledger.nothing` fails as it does for any module."""
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        ledger.nothing  # noqa: B018


def test_star_import_works() -> None:
    """`from ledger import *` gives every public name."""
    names: dict[str, object] = {}
    exec("from ledger import *", names)
    assert set(ledger.__all__) <= set(names)


def test_import_ledger_is_light(tmp_path: Path) -> None:
    """`import ledger` loads no library of tables, drawings, databases, processes or command lines."""
    loaded = loaded_by("import ledger", tmp_path)
    assert loaded & {*TABLES, "numpy", "sqlite3", "subprocess", "click", "msgspec"} == set()


def test_logging_to_an_open_run_is_light(repo: Path) -> None:
    """`ledger log` to an open run loads no array, table, drawing or database library."""
    open_run = "import ledger, ledger.api; print(ledger.api.start_shared('baseline'))"
    done = subprocess.run([sys.executable, "-c", open_run], cwd=repo, capture_output=True, text=True, check=True)
    loaded = loaded_by_command(
        repo, "log", "--run", done.stdout.strip(), "train/loss=0.25", "val/auc=0.5", "--step", "1"
    )
    assert loaded & {*TABLES, "numpy", "sqlite3"} == set()


def test_recording_in_python_is_light(repo: Path) -> None:
    """From `ledger.start` to the last row nothing heavy is loaded; `finish` seals, and may load what it needs."""
    code = """
import ledger
run = ledger.start("baseline", params={"lr": 0.001}, tags=["cv"])
for step in range(3):
    run.log({"train/loss": 0.5, "val/auc": 1}, step=step)
run.log({"x": 1}, context={"fold": 1})
run.log_metric("y", 2.5)
run.log_text("summary", "fine")
run.log_chart("dot", b"\\x89PNG\\r\\n\\x1a\\n")
"""
    assert loaded_by(code, repo) & {*TABLES, "numpy", "sqlite3"} == set()


def test_sealing_loads_arrow_alone(repo: Path) -> None:
    """What a lone `ledger log` adds to a new run, then to a closed one, is written without pandas."""
    for _ in range(2):
        loaded = loaded_by_command(repo, "log", "--run", "baseline", "test/auc=0.5")
        assert loaded & TABLES == {"pyarrow"}


def test_a_forgotten_run_is_closed_at_exit(repo: Path) -> None:
    """A script that never calls `finish` leaves a finished run and says nothing: libraries load while Python ends."""
    code = "import ledger\nledger.start('forgotten').log({'loss': 0.5}, step=1)"
    done = subprocess.run([sys.executable, "-c", code], cwd=repo, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert [state.status for state in ledger.open(str(repo)).select()] == ["finished"]


def test_warm_readers_are_light(repo: Path) -> None:
    """Once the catalog knows the runs, reading them loads neither Arrow nor pandas nor a drawing library."""
    code = """
import ledger
for name in ["one", "two"]:
    with ledger.start(name) as run:
        run.log({"loss": 0.5}, step=1)
ledger.open().select()
"""
    subprocess.run([sys.executable, "-c", code], cwd=repo, capture_output=True, check=True)
    for command in (["ls"], ["ls", "--json"], ["show", "one"], ["compare", "one", "two"], ["diff", "one", "two"]):
        assert loaded_by_command(repo, *command) & TABLES == set(), command
