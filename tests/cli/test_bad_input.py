"""Bad input: each is one clear error with its exit code, no traceback, and nothing is written."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.format import layout

Cli = Callable[..., Any]

ROOT = Path(__file__).parents[2]
NINES = "9" * 5000
WRONG_BYTE = "caf\udce9"  # what the shell gives for bytes that are no UTF-8

# Arguments, exit code, and what the error must name.
CASES: list[tuple[list[str], int, str]] = [
    # a metric value that is none
    (["log", "--run", "a", "x=abc"], 2, "'abc'"),
    (["log", "--run", "a", "x="], 2, "''"),
    (["log", "--run", "a", "x=1,5"], 2, "'1,5'"),
    (["log", "--run", "a", "x=0x10"], 2, "'0x10'"),
    (["log", "--run", "a", "x=1_000"], 2, "'1_000'"),
    (["log", "--run", "a", "x= 1"], 2, "' 1'"),
    (["log", "--run", "a", "x=\u0661"], 2, "\u0661"),
    (["log", "--run", "a", "x=+-1"], 2, "'+-1'"),
    (["log", "--run", "a", "x=true"], 2, "'true'"),
    (["log", "--run", "a", "x=null"], 2, "'null'"),
    (["log", "--run", "a", "x=1e400"], 2, "float64"),
    (["log", "--run", "a", "x=-1e400"], 2, "float64"),
    (["log", "--run", "a", "x=1e-400"], 2, "float64"),
    (["log", "--run", "a", "x=9007199254740993"], 2, "2^53"),
    (["log", "--run", "a", "x=-9007199254740993"], 2, "2^53"),
    (["log", "--run", "a", f"x={NINES}"], 2, "float64"),
    (["log", "--run", "a", f"x=0.{NINES}e{NINES}"], 2, ""),
    (["log", "--run", "a", "ok=1", "x=abc"], 2, "'abc'"),
    (["log", "--run", "new", "ok=1", "x=abc"], 2, "'abc'"),
    (["log", "--run", "a", "x=1", "x=2"], 2, "twice"),
    # names
    (["log", "--run", "a", "=1"], 2, "NAME=VALUE"),
    (["log", "--run", "a", "x"], 2, "'x'"),
    (["log", "--run", "a", " =1"], 2, "is empty"),
    (["log", "--run", "a", "x =1"], 2, "'x '"),
    (["log", "--run", "a", "a\tb=1"], 2, "control character"),
    (["log", "--run", "a", "a\x1b[31m=1"], 2, "control character"),
    (["log", "--run", "a", "a\u202eb=1"], 2, "control character"),
    (["log", "--run", "a", "a{b=1"], 2, "brace"),
    (["log", "--run", "a", f"{WRONG_BYTE}=1"], 2, "\\udce9"),
    (["log", "--run", "a", f"{'x' * 513}=1"], 2, "512"),
    (["log", "--run", "a", "x=1", "--split", ""], 2, "is empty"),
    (["log", "--run", "b:c", "x=1"], 2, "'b:c'"),
    (["log", "--run", "b..c", "x=1"], 4, "'b..c'"),
    (["log", "--run", WRONG_BYTE, "x=1"], 2, "\\udce9"),
    (["log", "--run", "b\nc", "x=1"], 2, "control character"),
    (["log", "--run", "", "x=1"], 2, "which run?"),
    (["log", "x=1"], 2, "LEDGER_RUN"),
    (["log", "--run", "a"], 2, "nothing to log"),
    # steps and contexts
    (["log", "--run", "a", "x=1", "--step", "1.5"], 2, "1.5"),
    (["log", "--run", "a", "x=1", "--step", "x"], 2, "'x'"),
    (["log", "--run", "a", "x=1", "--step", ""], 2, "--step"),
    (["log", "--run", "a", "x=1", "--step", str(2**62 + 1)], 2, "2^62"),
    (["log", "--run", "a", "x=1", "--step", "9" * 50], 2, "2^62"),
    (["log", "--run", "a", "x=1", "--context", "fold"], 2, "'fold'"),
    (["log", "--run", "a", "x=1", "--context", "fold=[1]"], 2, "fold"),
    (["log", "--run", "a", "x=1", "--context", "fold=NaN"], 2, "fold"),
    (["log", "--run", "a", "x=1", "--context", f"fold={WRONG_BYTE}"], 2, "fold"),
    (["log", "--run", "a", "x=1", "--context", f"fold={2**70}"], 2, "64 bits"),
    # charts
    (["log", "--run", "a", "x=1", "--chart", "roc=missing.png"], 2, "missing.png"),
    (["log", "--run", "a", "x=1", "--chart", "roc=folder"], 2, "is a folder"),
    (["log", "--run", "a", "x=1", "--chart", "roc=empty.png"], 2, "is empty"),
    (["log", "--run", "a", "x=1", "--chart", "roc"], 2, "'roc'"),
    (["log", "--run", "a", "x=1", "--chart", "roc=fine.png", "--chart", "b=missing.png"], 2, "missing.png"),
    (["log", "--run", "a", "--chart", "a\nb=fine.png"], 2, "control character"),
    (["log", "--run", "a", "--chart", "roc=fine.png", "--caption", WRONG_BYTE], 2, "caption"),
    # params, tags, notes, reasons
    (["log", "--run", "a", "-p", "x"], 2, "'x'"),
    (["log", "--run", "a", "-p", "=1"], 2, "'=1'"),
    (["log", "--run", "a", "-p", "a..b=1"], 2, "'a..b'"),
    (["log", "--run", "a", "-p", "a=1", "-p", "a.b=2"], 2, "'a.b'"),
    (["log", "--run", "a", "-p", "a=1", "-p", "a=2"], 2, "twice"),
    (["log", "--run", "a", "-p", f"a={WRONG_BYTE}"], 2, "'a'"),
    (["log", "--run", "a", "--tag", ""], 2, "is empty"),
    (["log", "--run", "a", "--tag", "a\nb"], 2, "control character"),
    (["log", "--run", "a", "x=1", "--note", WRONG_BYTE], 2, "note"),
    (["log", "--run", "a", "x=1", "-m", WRONG_BYTE], 2, "reason"),
    (["tag", "a", ""], 2, "is empty"),
    (["tag", "a", "fine", "a\x07"], 2, "control character"),
    (["tag", "a", "x", "-m", WRONG_BYTE], 2, "reason"),
    (["tag", "a"], 2, "TAG"),
    (["note", "a", WRONG_BYTE], 2, "note"),
    (["note", "a"], 2, "TEXT"),
    (["rename", "a", "x:y"], 2, "':'"),
    (["rename", "a", "@x"], 2, "'@'"),
    (["rename", "a", ""], 2, "is empty"),
    (["start", ""], 2, "is empty"),
    (["start", "a:b"], 2, "':'"),
    (["start", "x", "--seed", "1.5"], 2, "1.5"),
    (["start", "x", "--seed", str(2**80)], 2, "seed"),
    (["start", "x", "--parent", "nope"], 4, "'nope'"),
    (["start", "x", "--group", ""], 2, "is empty"),
    (["start", "x", "--tag", WRONG_BYTE], 2, "\\udce9"),
    (["start", "x", "--note", WRONG_BYTE], 2, "note"),
    (["start"], 2, "NAME"),
    (["run"], 2, "CMD"),
    (["run", "--parent", "nope", "--", "true"], 4, "'nope'"),
    # runs that are unknown, ambiguous or out of view
    (["show", "baselin"], 4, "baseline"),
    (["show", "nope"], 4, "'nope'"),
    (["show", WRONG_BYTE], 4, "\\udce9"),
    (["show", "2"], 4, "'2'"),
    (["show", "2026"], 4, "runs:"),
    (["show", "@99"], 4, "@99"),
    (["show", f"@{NINES}"], 4, "the ledger has"),
    (["show", "tag:nope"], 4, "'nope'"),
    (["show", "20200101-000000-nope-000000000000"], 4, "20200101"),
    (["log", "--run", "20200101-000000-nope-000000000000", "x=1"], 4, "20200101"),
    (["log", "--run", "@99", "x=1"], 4, "@99"),
    (["log", "--run", "2026", "x=1"], 4, "runs:"),
    (["log", "--run", "GONE", "x=1"], 2, "ledger restore"),
    (["log", "--run", "GONE", "--chart", "roc=fine.png"], 2, "ledger restore"),
    (["tag", "GONE", "x"], 2, "ledger restore"),
    (["show", "GONE"], 4, "ledger restore"),
    (["finish", "GONE"], 2, "ledger restore"),
    (["rm", "a", "nope"], 4, "'nope'"),
    (["rm"], 2, "RUN"),
    (["restore", "a"], 2, "nothing to restore"),
    (["restore", "nope"], 4, "'nope'"),
    (["finish", "nope"], 4, "'nope'"),
    (["finish"], 2, "LEDGER_RUN"),
    (["finish", "a", "--status", "done"], 2, "done"),
    (["compare", "a", "nope"], 4, "'nope'"),
    (["compare"], 2, "which runs?"),
    (["compare", "a", "--metric", "nope"], 4, "'nope'"),
    (["diff", "a"], 2, "'a' is one run"),
    (["diff", "a", "nope"], 4, "'nope'"),
    (["charts", "a", "nope"], 4, "'nope'"),
    (["charts", "nope"], 4, "'nope'"),
    (["export", "nope"], 4, "'nope'"),
    (["export", "a", "-o", "folder"], 2, "folder"),
    (["export", "a", "-o", "nowhere/x"], 2, "nowhere/x"),
    # expressions, columns, options
    (["ls", "-F", "val/auc >"], 2, "value"),
    (["ls", "-F", "(" * 5000], 2, ""),
    (["ls", "-F", "nope = 1"], 2, "nope"),
    (["ls", "-c", "nope"], 2, "nope"),
    (["ls", "-c", WRONG_BYTE], 2, "\\udce9"),
    (["ls", "--sort", "nope"], 2, "nope"),
    (["ls", "--limit", "-1"], 2, "--limit"),
    (["ls", "--status", "done"], 2, "done"),
    (["ls", "--nope"], 2, "--nope"),
    (["ls", "best:nope"], 4, "nope"),
    (["lss"], 2, "ls"),
    (["init", "nowhere"], 2, "nowhere"),
    (["-C", "nowhere", "ls"], 2, "nowhere"),
]


@pytest.fixture
def used(workdir: Path, cli: Cli) -> Path:
    """Make a ledger with the closed runs `a`, `baseline` and one that is out of view, and some files to be named."""
    ids = [ledger.start(name, params={"lr": 0.5}, tags=["cv"]) for name in ("a", "baseline", "gone")]
    for run in ids:
        run.log({"val/auc": 0.5}, step=1)
        run.finish()
    ledger.open().remove("gone")
    (workdir / "folder").mkdir()
    (workdir / "empty.png").touch()
    (workdir / "fine.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (workdir / "gone.txt").write_text(ids[2].id)
    return workdir


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Return every file and folder with its size and time."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))}


def check_error(result: Any, code: int, text: str, command: Any) -> None:
    """Check that a command failed with one clear error."""
    assert result.code == code, (command, result)
    lines = result.err.splitlines()
    assert 1 <= len(lines) <= 6, (command, result.err)
    assert lines[0].startswith("ledger: "), (command, result.err)
    assert all(line.startswith("        ") for line in lines[1:]), (command, result.err)
    assert max(map(len, lines)) <= 300, (command, result.err)
    assert "Traceback" not in result.err
    assert "bug" not in result.err, (command, result.err)
    assert text in result.err, (command, result.err)
    assert result.out == "", (command, result.out)


def test_each_is_one_clear_error_and_nothing_is_written(used: Path, cli: Cli) -> None:
    """The exit code says of what kind it is, the text names what was wrong, and the files are as before."""
    gone = (used / "gone.txt").read_text()
    before = snapshot(used)
    for arguments, code, text in CASES:
        command = [gone if word == "GONE" else word for word in arguments]
        check_error(cli(*command), code, text, arguments)
        assert snapshot(used) == before, arguments


def test_without_a_ledger_nothing_comes_of_it(workdir: Path, cli: Cli) -> None:
    """Reading verbs exit 4 and say how to make one; a wrong call of a writing verb makes none."""
    (workdir / "folder").mkdir()
    for name in ("empty.png", "fine.png"):
        (workdir / name).touch()
    before = snapshot(workdir)
    for verb in (
        ["ls"],
        ["show", "a"],
        ["compare", "a"],
        ["diff", "a", "b"],
        ["charts", "a"],
        ["tag", "a", "x"],
        ["note", "a", "x"],
        ["rename", "a", "b"],
        ["rm", "a"],
        ["restore", "a"],
        ["export"],
        ["schema"],
        ["status"],
        ["finish", "a"],
        ["finish", "--stale"],
    ):
        check_error(cli(*verb), 4, "there is no .ledger in", verb)
    for arguments, code, _ in CASES:
        if arguments[0] in ("log", "start") and code == 2 and "GONE" not in arguments:
            assert cli(*arguments).code == 2, arguments
            assert snapshot(workdir) == before, arguments
    check_error(cli("log", "--run", "@1", "x=1"), 4, "@1", "log @1")
    assert not list((workdir).rglob("*.json"))


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ('{"loss": "abc"}\n', "line 1"),
        ("{bad\n", "line 1"),
        ('ok: 1\n{"x": [1]}\n', "line 2"),
        ('{"x": 1e999}\n', "1e999"),
        ('{"x": 1, "step": 1.5}\n', "1.5"),
        ('{"x": 1, "step": "1"}\n', "step"),
        ('{"x": 1, "context": 5}\n', "context"),
        ('{"x": 1, "context": {"a": []}}\n', "a=[]"),
        ('{"x": 1, "split": 5}\n', "int"),
        ('{"": 1}\n', "is empty"),
        ('{"a\\u0007": 1}\n', "control character"),
        ('{"a\\ud800": 1}\n', "\\ud800"),
        (f"x: {NINES}\n", "float64"),
        (f'{{"x": {NINES}}}\n', "line 1"),
        (f"x: 1 (step {NINES})\n", "2^62"),
        ('{"x": null}\n', "NoneType"),
        ("[" * 5 + '\n{"x": ' + '{"y": ' * 3000 + "1" + "}" * 3001 + "\n", "line 2"),
        ('{"x": 9007199254740993}\n', "2^53"),
        (f"x: 1 (step {2**63})\n", "2^62"),
        ('{"x": true, "x/y": {"z": "t"}}\n', "x/y/z"),
    ],
)
@pytest.mark.parametrize("target", ["closed", "open"])
def test_a_line_that_cannot_be_logged_is_left_out_and_said(
    used: Path, cli: Cli, lines: str, named: str, target: str
) -> None:
    """By its number; the good lines around it are kept, and the exit code is 1: something was left out."""
    run = "a" if target == "closed" else cli("start", "b").out.strip()
    result = cli("log", "--run", run, "--stdin", stdin="before: 1\n" + lines.replace("line 1", "line 1") + "after: 2\n")
    assert result.code == 1, result
    assert named.replace("line 2", "line 3").replace("line 1", "line 2") in result.err, result.err
    assert "Traceback" not in result.err
    metrics = json.loads(cli("show", run, "--json").out)["metrics"]
    assert (metrics["before"]["last"], metrics["after"]["last"]) == (1.0, 2.0)
    assert "x" not in metrics


def test_bytes_that_are_no_text_do_not_stop_a_stream(used: Path, cli: Cli) -> None:
    """Programs print what they like: such lines are passed over, or said where they look like a metric."""
    result = cli("log", "--run", "a", "--stdin", stdin=b"\xff\xfe noise\ncaf\xe9: 1\nok: 2\n")
    assert result.code == 1
    assert "line 2" in result.err
    assert json.loads(cli("show", "a", "--json").out)["metrics"]["ok"]["last"] == 2.0


def entry_files(kind: str) -> list[Path]:
    """Return the entries of a kind, sorted."""
    return sorted(Path(".ledger/runs").rglob(f"*-{kind}-*.json"))


def rewrite(path: Path, **changes: Any) -> None:
    """Put an entry with other content in the place of one, under the name that goes with its bytes."""
    import hashlib

    data = json.dumps({**json.loads(path.read_text()), **changes}).encode()
    path.unlink()
    stamp = path.name[:22]
    (path.parent / f"{stamp}-{changes.get('kind', 'open')}-{hashlib.sha256(data).hexdigest()[:16]}.json").write_bytes(
        data
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"format": layout.FORMAT + 1}, "pip install --upgrade"),
        ({"kind": "future", "must_understand": True}, "must be understood"),
        ({"name": 5}, "not a valid open entry"),
        ({"params": [1]}, "not a valid open entry"),
        ({"time": "yesterday"}, "not a time"),
    ],
)
def test_a_file_that_cannot_be_read_costs_its_run_only(
    used: Path, cli: Cli, changes: dict[str, Any], text: str
) -> None:
    """Exit 5 with the file named, whatever is asked of that run; the others are listed, and answer."""
    (path,) = [path for path in entry_files("open") if "-baseline-" in path.parent.name]
    run = path.parent.name
    rewrite(path, **changes)
    listed = cli("ls", "--json")
    assert listed.code == 5
    assert [state["name"] for state in json.loads(listed.out)["runs"]] == ["a"]
    assert text in listed.err
    before = snapshot(used)
    for verb in (["show", run], ["charts", run], ["diff", "a", run], ["compare", "a", run], ["export", run]):
        check_error(cli(*verb), 5, text, verb)
    for verb in (["show", "a"], ["export", "a"], ["compare", "a"]):
        assert cli(*verb).code == 0, verb
    assert snapshot(used) == before


def test_a_damaged_segment_is_never_another_answer(used: Path, cli: Cli) -> None:
    """One flipped bit: exit 5 and the file named, from `show` (without a catalog) and from `export`."""
    from ledger.store import catalog

    (path,) = [path for path in Path(".ledger/runs").rglob("*.parquet") if "-baseline-" in path.parent.name]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    check_error(cli("export", "baseline"), 5, path.name, "export")
    os.unlink(catalog.path_for(ledger.open().tree))
    check_error(cli("show", path.parent.name), 5, path.name, "show")
    assert cli("show", "a").code == 0


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ('[metric.x]\ngaol = "maximize"\n', 2, "gaol"),
        ("[metric.x]\n\ngoal = 5\n", 3, "goal"),
        ('[metric.x]\ntolerance = "a"\n', 2, "tolerance"),
        ("[metrics.x]\n", 1, "metrics"),
        ("x = [1\n", 2, "TOML"),
        ("[metric.x]\nrange = [1]\n", 2, "range"),
        ("[gate.x]\nmax_drop = nan\n", 2, "max_drop"),
    ],
)
def test_a_schema_with_a_mistake_names_line_and_key(used: Path, cli: Cli, text: str, line: int, key: str) -> None:
    """Exit 2, from every verb that needs it; a loop that logs to a run by its id is not stopped."""
    run = cli("start", "b").out.strip()
    (used / ".ledger-schema").write_text(text)
    before = snapshot(used)
    for verb in (["ls"], ["show", "a"], ["compare", "a"], ["schema"], ["diff", "a", "baseline"]):
        result = cli(*verb)
        check_error(result, 2, f".ledger-schema, line {line}", verb)
        assert key in result.err
    assert snapshot(used) == before
    assert cli("log", "--run", run, "x=1").code == 0
    assert cli("finish", run).code == 0


def test_params_that_json_cannot_hold(used: Path) -> None:
    """From Python: the param is named by its path, and nothing is written."""
    before = snapshot(used)
    for params, name in (
        ({"a": {"b": object()}}, "a.b"),
        ({"a": [1, {2}]}, "a[1]"),
        ({"f": lambda: 1}, "f"),
        ({"x": 1j}, "x"),
    ):
        with pytest.raises(ledger.LedgerError) as caught:
            ledger.start("a", params=params)
        assert (caught.value.code, caught.value.exit_code) == ("invalid-param", 2)
        assert f"param {name!r}" in str(caught.value)
    assert snapshot(used) == before


def test_a_full_disk_is_exit_74(used: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every writing verb says that the disk refused; nothing of it is there afterwards."""
    from ledger.store import files

    run = cli("start", "b").out.strip()
    before = {name: size for name, (size, _) in snapshot(used).items()}

    def refuse(*_: Any, **__: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        for name in ("write_all", "append"):
            patch.setattr(files, name, refuse)
        for verb in (
            ["log", "--run", "a", "x=1"],
            ["log", "--run", run, "x=1"],
            ["log", "--run", "new", "x=1"],
            ["log", "--run", "new", "--chart", "roc=fine.png"],
            ["tag", "a", "x"],
            ["note", "a", "x"],
            ["rename", "a", "b"],
            ["rm", "a"],
            ["restore", "gone"],
            ["start", "c"],
            ["finish", run],
            ["run", "--", "true"],
        ):
            check_error(cli(*verb), 74, "No space left", verb)
    after = {name: size for name, (size, _) in snapshot(used).items() if "journal" not in name}
    assert after == {name: size for name, size in before.items() if "journal" not in name}
    assert cli("finish", run).code == 0


@pytest.mark.parametrize("arguments", [["ls"], ["export", "--format", "csv"], ["ls", "--json"]])
def test_a_reader_that_goes_away_is_no_error(used: Path, arguments: list[str]) -> None:
    """`ledger export | head -1` ends quietly."""
    for i in range(3):
        ledger.open().log("a", [ledger.api.Call({f"m{j}": float(j) for j in range(2000)}, i)])
    process = subprocess.Popen(
        [sys.executable, "-m", "ledger", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    error = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(timeout=30) in (0, 141)
    assert error == ""


def test_a_bug_is_reported_as_one(used: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 70, one line, and a file to send: never a traceback on the terminal."""
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(used))

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("something unheard of")

    monkeypatch.setattr(ledger.Ledger, "select", broken)
    result = cli("ls")
    assert result.code == 70
    assert "this is a bug in ledger: RuntimeError: something unheard of" in result.err
    (report,) = used.glob("ledger-bug-*.txt")
    assert str(report) in result.err
    assert "Traceback" in report.read_text()


def test_a_run_that_cannot_be_read_keeps_its_name(used: Path, cli: Cli) -> None:
    """By name, by prefix and by id it is exit 5; no second run of its name is made; lists say it, exit 5."""
    from ledger.store import catalog

    (path,) = [path for path in Path(".ledger/runs").rglob("*.parquet") if "-baseline-" in path.parent.name]
    path.write_bytes(path.read_bytes() + b"junk")
    os.unlink(catalog.path_for(ledger.open().tree))
    before = snapshot(used)
    for verb in (["show", "baseline"], ["log", "--run", "baseline", "z=1"], ["compare", "a", "baseline"]):
        check_error(cli(*verb), 5, path.name, verb)
    check_error(cli("show", path.parent.name[:-3]), 5, path.name, "prefix")
    for verb in (["ls"], ["export"], ["compare", "--all"]):
        result = cli(*verb)
        assert result.code == 5, verb
        assert path.name in result.err, verb
        assert "a" in result.out, verb
    assert snapshot(used) == before


def test_a_removed_run_keeps_its_name(used: Path, cli: Cli) -> None:
    """Logging to its name is refused rather than made into a second run; `restore` finds each removed one."""
    assert cli("rm", "baseline").code == 0
    before = snapshot(used)
    check_error(cli("log", "--run", "baseline", "z=1"), 2, "ledger restore", "log")
    assert snapshot(used) == before
    assert cli("restore", "baseline").code == 0
    assert cli("log", "--run", "baseline", "z=1").code == 0


def test_a_disabled_mode_records_nothing(used: Path, cli: Cli) -> None:
    """LEDGER_MODE=disabled makes no-ops of the shell's recording too; a program is run all the same."""
    before = snapshot(used)
    off = {"LEDGER_MODE": "disabled"}
    assert cli("log", "--run", "new", "x=1", env=off).code == 0
    assert cli("start", "new", env=off).out == "disabled\n"
    assert cli("finish", env=off).code == 0
    assert cli("run", "--", "sh", "-c", "exit 3", env=off).code == 3
    assert snapshot(used) == before


def test_dates_take_no_text_operators(used: Path, cli: Cli) -> None:
    """`~` and `contains` do not go with a time: exit 2, and the operators that do."""
    for text in ("created ~ 7d", "created ~ '2026-11-01'", "created contains 2026-11-22"):
        check_error(cli("ls", "-F", text), 2, "created", text)
