"""Users' functions: where they are imported from, and what tells one from another."""

import importlib
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger.derive import functions
from ledger.errors import UsageError

pytestmark = pytest.mark.usefixtures("workdir")

GAIN = "def gain(y_true, y_pred):\n    return {}.0\n"


@pytest.fixture(autouse=True)
def imports() -> Iterator[None]:
    """Take away what a test imports."""
    modules, path = set(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - modules:
        if "money" in name:
            del sys.modules[name]
    sys.path[:] = path


def write(path: Path, text: str, second: int) -> None:
    """Write a file whose time is that of a second, as if there were hours between two versions."""
    path.write_text(text)
    os.utime(path, (1_000_000_000 + second, 1_000_000_000 + second))


def held(metric: Any) -> Any:
    """Return what tells a metric from others."""
    own = functions.given(metric)
    assert own.metric is not None
    return own.metric.definition


def test_a_file_is_read_each_time(workdir: Path) -> None:
    """Other text, other function and other hash; its name is no module's, and nothing is written beside it."""
    write(workdir / "money.py", GAIN.format(1), 0)
    first = functions.loaded("money.py:gain", None, str(workdir))
    write(workdir / "money.py", GAIN.format(2), 0)
    second = functions.loaded("money.py:gain", None, str(workdir))
    assert (first.of(0, 0), second.of(0, 0)) == (1.0, 2.0)
    assert first.definition["source_sha256"] != second.definition["source_sha256"]
    assert first.definition["from"] == "money.py:gain"
    assert "money" not in sys.modules
    assert os.listdir(workdir) == ["money.py"]


def test_a_module_that_has_changed_since_it_was_imported(workdir: Path) -> None:
    """Its source would be that of another function: it is refused until it is imported again."""
    write(workdir / "money.py", GAIN.format(1), 0)
    functions.loaded("money:gain", None, str(workdir))
    module = sys.modules["money"]
    write(workdir / "money.py", GAIN.format(2), 9)
    for ask in (lambda: functions.loaded("money:gain", None, str(workdir)), lambda: functions.given(module.gain)):
        with pytest.raises(UsageError, match="has changed since it was imported") as error:
            ask()
        assert "reload" in str(error.value.hint)
    importlib.reload(module)
    assert functions.given(module.gain).load().of(0, 0) == 2.0
    write(workdir / "money.py", "def gain(:", 20)
    with pytest.raises(UsageError, match="has changed since it was imported"):
        functions.given(module.gain)


def test_a_worker_that_has_imported_another_version(workdir: Path) -> None:
    """It imports the function again; where its file is not the one that is meant, it is refused."""
    write(workdir / "money.py", GAIN.format(1), 0)
    functions.loaded("money:gain", None, str(workdir))
    write(workdir / "money.py", GAIN.format(2), 9)
    source = functions.loaded("money.py:gain", None, str(workdir)).definition["source_sha256"]
    own = functions.Own("gain", "money:gain", str(workdir), source)
    assert own.load().of(0, 0) == 2.0
    with pytest.raises(UsageError, match="is not the same on the worker"):
        functions.Own("gain", "money:gain", str(workdir), "0" * 64).load()


def scaled(y_true: Any, y_pred: Any, *, by: float = 1.0) -> float:
    """Give a number."""
    return by


class Object:
    """An object that is called."""

    def __init__(self, by: Any) -> None:
        self.by = by

    def __call__(self, y_true: Any, y_pred: Any) -> float:
        """Give a number."""
        return 1.0


def enclosing(by: Any) -> Any:
    """Return a function that encloses a value, and itself."""

    def inner(y_true: Any, y_pred: Any) -> float:
        return float(by) if inner else 0.0

    return inner


@pytest.mark.parametrize("make", [lambda by: partial(scaled, by=by), Object, enclosing])
def test_what_a_function_holds_tells_it_apart(make: Any) -> None:
    """The same values, the same definition; others, another."""
    assert held(make(1.0)) == held(make(1.0))
    assert held(make(1.0)) != held(make(2.0))
    assert len(held(make(1.0))["source_sha256"]) == 64


def test_what_cannot_be_written_down_is_never_the_same() -> None:
    """It is computed again, rather than taken for what it may not be."""
    assert held(Object(sys.stdout)) != held(Object(sys.stdout))


def test_a_function_that_holds_nothing_says_nothing() -> None:
    """Its source tells it."""
    assert set(held(scaled)) == {"from", "source_sha256", "holds"}

    def plain(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        return 1.0

    assert set(held(plain)) == {"from", "source_sha256"}


def test_names() -> None:
    """A bound function has the name of the function, an object that of its class; a lambda has none."""
    assert functions.given(partial(scaled, by=2.0)).name == "scaled"
    assert functions.given(Object(1)).name == "object"
    with pytest.raises(UsageError, match="a lambda needs a name"):
        functions.given(lambda y_true, y_pred: 1.0)
