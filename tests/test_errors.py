"""The tree of errors: what scripts rely on, and what the docs say of it."""

import re
from pathlib import Path

import pytest

from ledger import errors
from ledger.errors import LedgerError

DOCS = Path(__file__).parents[1] / "docs"
ERRORS = [getattr(errors, name) for name in errors.__all__ if name != "LedgerWarning"]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_has_a_code_an_exit_code_and_a_text(error: type[LedgerError]) -> None:
    """Each error is a LedgerError with a kebab-case code of its own and a docstring; the hint is a line of its own."""
    assert issubclass(error, LedgerError)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code)
    assert error.__dict__["code"] == error.code
    assert error.exit_code in {2, 3, 4, 5, 70, 74}
    assert error.__doc__
    assert str(error("what happened")) == "what happened"
    assert str(error("what happened", hint="type this")) == "what happened\ntype this"


def test_codes_are_unique() -> None:
    """No two errors share a code."""
    codes = [error.code for error in ERRORS]
    assert sorted(set(codes)) == sorted(codes)


def test_every_error_class_is_exported() -> None:
    """`__all__` is sorted and holds every class of the module."""
    classes = [name for name, value in vars(errors).items() if isinstance(value, type)]
    assert sorted(classes) == errors.__all__


def test_the_drawn_tree_is_the_tree() -> None:
    """The docstring draws each class under the class it is derived from, with the exit code where it is set."""
    drawn: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").split("\n"):
        found = re.match(r"(?P<indent>[ │├└─]+)(?P<name>[A-Z]\w+)(?:\s+(?P<exit>\d+)\b)?", line)
        if found is None:
            continue
        depth, name = len(found["indent"]), found["name"]
        above = [(at, other) for at, other in above if at < depth]
        if above:
            drawn[name] = above[-1][1]
        above.append((depth, name))
        if found["exit"]:
            assert getattr(errors, name).exit_code == int(found["exit"])
    assert drawn == {error.__name__: error.__bases__[0].__name__ for error in ERRORS if error is not LedgerError}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_the_docs_name_every_error_and_exit_code(error: type[LedgerError]) -> None:
    """docs/errors.md holds a row for each error, and a row for its exit code."""
    page = (DOCS / "errors.md").read_text("utf-8")
    assert f"| `{error.__name__}` | `{error.__bases__[0].__name__}` | `{error.code}` | {error.exit_code} |" in page
    assert re.search(rf"^\| {error.exit_code} \| ", page, re.MULTILINE)
