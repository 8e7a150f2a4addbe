"""Users' functions and names in a backfill: what counts as the same, what is said, what a script may do."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ledger
from ledger.derive.outcome import Interrupted
from ledger.errors import UsageError
from tests.conftest import run_cli

pytestmark = pytest.mark.usefixtures("workdir")

GAIN = "def gain(y_true, y_pred):\n    return {}.0\n"
SCHEMA = '[metric."test/f2"]\nalias = ["old_f2"]\n'


def train(count: int = 1, **logged: float) -> None:
    """Close runs that keep predictions, with values that were logged."""
    for i in range(count):
        random = np.random.default_rng(i)
        with ledger.start(f"r{i}") as run:
            run.log_predictions("test", y_true=random.integers(0, 2, 40), y_score=random.random(40))
            if logged:
                run.log_summary(logged)


def shown(run: str = "r0") -> dict[str, float | None]:
    """Return the values that a run shows now."""
    return {key: summary.last for key, summary in ledger.open().run(run).state.metrics.items()}


def test_an_alias_is_a_value() -> None:
    """A metric that was logged by its old name is there: it is left alone, in a bundle too, and in what it would do."""
    train(old_f2=0.123)
    Path(".ledger-schema").write_text(SCHEMA)
    led = ledger.open()
    for dry_run in (True, False):
        found = led.backfill("f2", all=True, dry_run=dry_run)
        assert (found.cells, found.other, found.complete) == ([], 1, True)
        bundle = led.backfill("binary", all=True, dry_run=dry_run)
        assert "test/f1" in {cell.metric for cell in bundle.cells}
        assert "test/f2" not in {cell.metric for cell in bundle.cells}
    assert shown()["old_f2"] == 0.123
    assert "test/f2" not in shown()


def test_an_alias_of_another_context_or_step_is_no_value() -> None:
    """Only the cell itself counts."""
    with ledger.start("r0") as run:
        for step in (1, 2):
            run.log_predictions("test", step=step, y_true=[0, 1], y_score=[0.2, 0.9])
        run.log({"old_f2": 0.5}, step=1)
        run.log_summary({"old_f2": 0.5}, context={"fold": 1})
    Path(".ledger-schema").write_text(SCHEMA)
    found = ledger.open().backfill("f2", all=True, step="all")
    assert ([(cell.metric, cell.step) for cell in found.cells], found.other) == ([("test/f2", 2)], 1)


def test_one_function_spelled_in_many_ways_is_computed_once(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By module, by file, from another folder: the same function, so the same value."""
    train()
    (workdir / "money1.py").write_text(GAIN.format(1))
    (workdir / "sub").mkdir()
    assert len(ledger.open().backfill([], function="money1:gain", all=True).cells) == 1
    for spec in ("money1.py:gain", "./money1.py:gain", "money1:gain"):
        found = ledger.open().backfill([], function=spec, all=True)
        assert (found.cells, found.same) == ([], 1)
    monkeypatch.chdir(workdir / "sub")
    found = ledger.open().backfill([], function="../money1.py:gain", all=True)
    assert (found.cells, found.same, found.notices) == ([], 1, [])


def test_a_function_of_that_name_from_another_file(workdir: Path) -> None:
    """It takes the place of the first, and that is said; an edit of one function is not."""
    train(2)
    (workdir / "money2.py").write_text(GAIN.format(1))
    (workdir / "money3.py").write_text(GAIN.format(2))
    ledger.open().backfill([], function="money2.py:gain", all=True)
    said = ["test/gain was computed by money2.py:gain before; now by money3.py:gain"]
    for dry_run in (True, False):
        found = ledger.open().backfill([], function="money3.py:gain", all=True, dry_run=dry_run)
        assert (len(found.cells), list(found.notices)) == (2, said)
    (workdir / "money3.py").write_text(GAIN.format(3))
    found = ledger.open().backfill([], function="money3.py:gain", all=True)
    assert (len(found.cells), list(found.notices)) == (2, [])


def test_the_version_of_a_library_is_kept() -> None:
    """Beside those of ledger, numpy and Python: the one of the package that the function is from."""
    import sklearn

    train()
    led = ledger.open()
    for _ in range(2):
        led.backfill([], function="sklearn.metrics:zero_one_loss", all=True)
    (value,) = led.history("r0", "test/zero_one_loss").values
    assert value.source["versions"]["sklearn"] == sklearn.__version__
    assert {"python", "numpy"} < set(value.source["versions"])


def test_scikit_learn_is_not_computed_again_by_another_process() -> None:
    """Its functions are decorated, and what the decorator holds has sets in it."""
    train()
    words = ["-m", "ledger", "backfill", "--from", "sklearn.metrics:zero_one_loss", "--all"]
    said = [
        subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True).stdout.splitlines()[-1]
        for _ in range(2)
    ]
    assert said[0] == "1 value of test/zero_one_loss written to 1 run"
    assert said[1].endswith("1 value was there already")


def test_what_is_undefined_says_why() -> None:
    """In the table and in the line below it."""
    train()
    Path("odd.py").write_text("def odd(y_true, y_pred):\n    return float('inf')\n")
    said = run_cli("backfill", "--from", "odd.py:odd", "--all")
    assert said.code == 0
    assert "undefined" in said.out
    assert "odd returned inf" in said.out
    assert said.out.splitlines()[-1] == "1 value of test/odd written to 1 run, 1 of them undefined"


@pytest.mark.parametrize("metrics", [None, 7, 0.5, True, b"f2", [None], ["f2", 7]])
def test_what_is_no_metric(metrics: Any) -> None:
    """One clear error, whatever it is."""
    train()
    with pytest.raises(UsageError, match="names no metric"):
        ledger.open().backfill(metrics, all=True)


@pytest.mark.parametrize("run", [None, 7])
def test_what_selects_no_run(run: Any) -> None:
    """One clear error, whatever it is."""
    train()
    with pytest.raises(UsageError, match="selects no run"):
        ledger.open().backfill("f2", run=run)


class Sum:
    """A metric with a state, which cannot be called."""

    def __init__(self) -> None:
        self.sum = 0.0

    def update_state(self, y_true: Any, y_pred: Any) -> None:
        """Take in rows."""
        self.sum += float(np.sum(y_pred))

    def result(self) -> float:
        """Return the sum."""
        return self.sum


def test_an_object_alone_is_a_metric() -> None:
    """It needs no list around it."""
    train()
    assert [cell.metric for cell in ledger.open().backfill(Sum(), all=True).cells] == ["test/sum"]


def test_ctrl_c_in_python() -> None:
    """KeyboardInterrupt passes on, and says how far it came; what was done is recorded."""
    train(3)
    calls = []

    def third(y_true: Any, y_pred: Any) -> float:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return 1.0

    with pytest.raises(KeyboardInterrupt) as stopped:
        ledger.open().backfill(third, all=True)
    assert isinstance(stopped.value, Interrupted)
    assert str(stopped.value) == "2 of 3 sets of predictions done, 2 runs written to; the same again does the rest"
    assert sum("test/third" in shown(f"r{i}") for i in range(3)) == 2


SLOW = """
import time
def slow(y_true, y_pred):
    open("begun", "a").write("x")
    time.sleep(0.3)
    return 1.0
"""


@pytest.mark.parametrize("word", ["SIGINT", "SIGTERM"])
def test_an_interrupted_command_says_how_far_it_came(workdir: Path, word: str) -> None:
    """Exit 130; how many were done, and that the same command does the rest."""
    train(20)
    (workdir / "slow.py").write_text(SLOW)
    words = ["backfill", "--from", "slow.py:slow", "--all", "--jobs", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ledger", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until(lambda: Path("begun").exists() and len(Path("begun").read_text()) >= 3)
    process.send_signal(signal.Signals[word])
    out, err = process.communicate(timeout=60)
    done = sum("test/slow" in shown(f"r{i}") for i in range(20))
    assert 0 < done < 20
    assert (process.returncode, out) == (130, "")
    runs = "1 run" if done == 1 else f"{done} runs"
    assert err.splitlines()[0] == (
        f"ledger: {done} of 20 sets of predictions done, {runs} written to; the same again does the rest"
    )
    assert err.splitlines()[-1] == "ledger: interrupted"


def until(happened: Callable[[], bool]) -> None:
    """Wait until something has happened."""
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


UNGUARDED = """
import ledger
open("ran", "a").write("x")
def mine(y_true, y_pred):
    return float(len(y_true))
{before}found = ledger.open().backfill(mine, all=True, {options})
print(len(found.cells))
for text in [*found.notices, *(str(left.hint) for left in found.left_out)]: print(text)
"""


@pytest.mark.parametrize("options", ["jobs=2", "on='local-dask'"])
def test_a_script_without_a_guard_is_refused(workdir: Path, options: str) -> None:
    """Each process would run it again, so none is started; the error names the guard."""
    train(2)
    (workdir / "script.py").write_text(UNGUARDED.format(before="", options=options))
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "each process would run" in done.stderr
    assert 'if __name__ == "__main__":' in done.stderr
    assert Path("ran").read_text() == "x"
    assert "test/mine" not in shown()
    (workdir / "script.py").write_text(UNGUARDED.format(before="", options="jobs=1"))
    assert subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=True).stdout == "2\n"


def test_a_script_whose_guard_is_none(workdir: Path) -> None:
    """The processes refuse to go on, and the answer has the hint."""
    train(2)
    (workdir / "script.py").write_text(UNGUARDED.format(before="if mine:\n    pass\n", options="jobs=2"))
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False, timeout=120)
    assert "the script is run again by a process that it started" in done.stderr
    assert done.stdout.startswith("0\n")
    assert 'put what it does under: if __name__ == "__main__":' in done.stdout
    assert "test/mine" not in shown()


def test_a_module_that_backfills_when_it_is_imported(workdir: Path) -> None:
    """Other processes would wait for its end for ever: it is refused, and nothing is started."""
    train(2)
    (workdir / "script2.py").write_text(UNGUARDED.format(before="", options="jobs=2"))
    (workdir / "main.py").write_text('if __name__ == "__main__":\n    import script2\n')
    done = subprocess.run([sys.executable, "main.py"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "script2 is still being imported" in done.stderr


def test_a_partial_of_a_function_that_was_edited(workdir: Path) -> None:
    """What it binds is part of it, with its source."""
    train()
    (workdir / "money4.py").write_text("import functools\n" + GAIN.format(1) + "bound = functools.partial(gain)\n")
    assert len(ledger.open().backfill("bound", function="money4.py:bound", all=True).cells) == 1
    (workdir / "money4.py").write_text("import functools\n" + GAIN.format(2) + "bound = functools.partial(gain)\n")
    assert [cell.new for cell in ledger.open().backfill("bound", function="money4.py:bound", all=True).cells] == [2.0]
