"""Users' functions: where they are imported from, and what tells one from another."""

import importlib
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger.derive import functions, identity
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


DECORATED = """
import functools

def plus(f):
    @functools.wraps(f)
    def wrapper(y_true, y_pred):
        return f(y_true, y_pred) + {plus}
    return wrapper

def bare(f):
    def wrapper(y_true, y_pred):
        return f(y_true, y_pred) + 1
    return wrapper

@plus
def gain(y_true, y_pred):
    return {gain}.0

@bare
def hidden(y_true, y_pred):
    return {gain}.0
"""


def code(path: Path, spec: str, **numbers: int) -> dict[str, Any]:
    """Return what keys have of a function of a file with these numbers in it."""
    path.write_text(DECORATED.format(**({"plus": 1, "gain": 1} | numbers)))
    metric = functions.loaded(spec, None, os.getcwd())
    return identity.identity(metric.of, metric.definition)


def test_a_decorator_that_was_edited(workdir: Path) -> None:
    """It is part of the function, as is what it wraps, with functools.wraps or without."""
    path = workdir / "money.py"
    first = code(path, "money.py:gain")
    assert code(path, "money.py:gain") == first
    assert code(path, "money.py:gain", plus=2) != first
    assert code(path, "money.py:gain", gain=2) != first
    assert code(path, "money.py:hidden", gain=2) != code(path, "money.py:hidden")


def test_a_decorator_whose_file_has_changed_since(workdir: Path) -> None:
    """Its source would not be what is computed."""
    write(workdir / "money_deco.py", DECORATED.format(plus=1, gain=1), 0)
    write(workdir / "money.py", "import money_deco\n\n@money_deco.plus\n" + GAIN.format(1), 0)
    functions.loaded("money:gain", None, str(workdir))
    write(workdir / "money_deco.py", DECORATED.format(plus=2, gain=1), 9)
    with pytest.raises(UsageError, match="has changed since it was imported"):
        functions.loaded("money:gain", None, str(workdir))


def test_one_function_however_it_is_spelled(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Module, file, file from another folder, and the function itself have one identity; another file has another."""
    (workdir / "sub").mkdir()
    (workdir / "money.py").write_text(GAIN.format(1))
    (workdir / "money2.py").write_text(GAIN.format(1))

    def of(spec: str) -> dict[str, Any]:
        metric = functions.loaded(spec, None, os.getcwd())
        return identity.identity(metric.of, metric.definition)

    found = [of("money:gain"), of("money.py:gain"), of("./money.py:gain")]
    other = of("money2.py:gain")
    monkeypatch.chdir(workdir / "sub")
    found.append(of("../money.py:gain"))
    itself = functions.given(sys.modules["money"].gain).load()
    found.append(identity.identity(itself.of, itself.definition))
    assert itself.definition["from"] == "money:gain"
    assert found == [found[0]] * 5
    assert found[0]["of"] == "money:gain"
    assert other != found[0]


@pytest.mark.parametrize(
    ("function", "place"),
    [
        ("money:gain", ("money", "gain")),
        ("money.py:gain", ("money", "gain")),
        ("../a/money.py:Made.gain", ("money", "gain")),
        ("pkg.money:gain", ("money", "gain")),
        ("pkg.money.gain", ("money", "gain")),
        ("gain", ("", "gain")),
    ],
)
def test_the_place_of_a_function(function: str, place: tuple[str, str]) -> None:
    """Module and name, however they are spelled."""
    assert identity.place(function) == place


HELD = """
import sys
sys.path.insert(0, ".")
from ledger.derive import functions
print([functions.loaded(spec, None, ".").definition for spec in ("sklearn.metrics:f1_score", "held.py:f")])
"""
OBJECTS = """
import functools, re
class Box:
    def __init__(self, inside):
        self.inside = inside
def f(y_true, y_pred, *, names=frozenset({"a", "b", "c"}), box=Box({"x", "y"}), like=re.compile("a")):
    return 1.0
"""


@pytest.mark.parametrize("seeds", [("1", "2")])
def test_what_is_held_is_the_same_in_every_process(workdir: Path, seeds: tuple[str, ...]) -> None:
    """Sets have no order, objects no address: or scikit-learn's own functions would be computed again each time."""
    (workdir / "held.py").write_text(OBJECTS)
    said = [
        subprocess.run(
            [sys.executable, "-c", HELD], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True,
            check=True,
        ).stdout
        for seed in seeds
    ]  # fmt: skip
    assert said[0] == said[1]
    assert said[0].count("holds") == 2


def test_what_is_held_counts_to_its_depth() -> None:
    """Values in lists, sets, objects and functions tell two functions apart; one that holds itself has an end."""

    class Box:
        def __init__(self, inside: Any) -> None:
            self.inside = inside

    loop: list[Any] = []
    loop.append(loop)
    values = [
        1,
        1.0,
        "1",
        b"1",
        True,
        None,
        [1],
        (1,),
        {1},
        {"a": {2}},
        {"a": {3}},
        Box([1]),
        Box([2]),
        loop,
        len,
        math,
    ]
    hashes = [held(Object(value))["holds"] for value in values]
    assert len(set(hashes)) == len(values)
    assert hashes == [held(Object(value))["holds"] for value in values]
    assert held(Object({"a": 1, "b": 2})) == held(Object({"b": 2, "a": 1}))
    first, second = held(enclosing(enclosing(1.0))), held(enclosing(enclosing(2.0)))
    assert first != second


def test_the_version_of_the_package_that_a_function_is_from(workdir: Path) -> None:
    """As the package says, else as it was installed; of a file of one's own there is none."""
    import sklearn
    from sklearn.metrics import f1_score

    assert identity.versions(f1_score) == {"sklearn": sklearn.__version__}
    assert identity.versions(partial(f1_score, pos_label=0)) == {"sklearn": sklearn.__version__}
    assert identity.versions(scaled) == {}
    (workdir / "money").mkdir()
    (workdir / "money" / "__init__.py").write_text(GAIN.format(1))
    metric = functions.loaded("money:gain", None, str(workdir))
    assert identity.versions(metric.of) == {}
    folder = workdir / "dollars-1.2.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: dollars\nVersion: 1.2\n")
    (folder / "RECORD").write_text("money/__init__.py,sha256=x,20\n")
    assert identity.versions(metric.of) == {"money": "1.2"}
