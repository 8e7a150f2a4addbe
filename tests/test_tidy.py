"""Tests about the code: lengths, names, docstrings, who may print, who may touch files, where imports stand."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "ledger").rglob("*.py"))
SOURCES = sorted(
    path for folder in ("ledger", "tests", "docs", "examples", "benchmarks") for path in (ROOT / folder).rglob("*.py")
)

LINES_MAX = 400
FUNCTION_LINES_MAX = 60

# Words that say nothing of what is inside.
EMPTY_NAMES = {"base", "common", "core", "handler", "helper", "helpers", "manager", "misc", "util", "utils"}

# Who else opens, makes or removes files, and why that is no business of store/files.py.
TOUCHES_FILES = {
    "ledger/cli/__init__.py": "the null device after a broken pipe; the report of a bug",
    "ledger/cli/export.py": "the file that the user asked for",
    "ledger/cli/output.py": "the files that the user asked for",
    "ledger/derive/functions.py": "the file of a function that the user names",
    "ledger/git/place.py": "git's own HEAD and refs",
    "ledger/git/settings.py": "git's own info/attributes and hooks",
    "ledger/git/worktrees.py": "the temporary work trees that git checks commits out into",
    "ledger/record/pictures.py": "the picture that the user names",
    "ledger/record/references.py": "the data and models that the user names",
    "ledger/store/catalog.py": "the catalog in the user's cache folder, never under .ledger",
    "ledger/store/files.py": "all that is under .ledger",
    "ledger/table/values_file.py": "the table of values that the user names",
}
FILE_CALLS = {
    *(f"os.{name}" for name in ("open", "unlink", "remove", "rename", "replace", "mkdir", "makedirs", "rmdir", "link")),
    *(
        f"os.{name}"
        for name in ("symlink", "truncate", "ftruncate", "utime", "chmod", "removedirs", "renames", "mkfifo")
    ),
    *("open", "io.open", "os.fdopen"),
}
FILE_MODULES = {"fileinput", "glob", "pathlib", "shutil", "tempfile"}

# What may be imported inside a function: what is slow to load and not needed by every call.
LATE_LIBRARIES = {
    *("PIL", "matplotlib", "numpy", "pandas", "platformdirs", "pyarrow", "rich", "scipy"),
    *("difflib", "getpass", "hashlib", "json", "re", "select", "shutil", "sqlite3", "subprocess", "tempfile"),
    *("multiprocessing", "time", "tomllib", "traceback"),
}
# Where modules of our own are imported inside a function, and why.
LATE_MODULES = {
    "ledger/__init__.py": "names are loaded on first use",
    "ledger/api/": "a call loads what it needs alone",
    "ledger/cli/": "a command loads what it needs alone",
    "ledger/format/frame.py": "checking a chart needs the structs of entries; rows do not",
    "ledger/record/": "logging to an open run loads neither the readers of rows nor Arrow",
    "ledger/store/audit/": "decoding rows needs arrays; the rest of a check does not",
    "ledger/store/fold.py": "a run whose rows are all summed up needs no arrays",
    "ledger/store/journal.py": "decoding rows needs arrays; appending does not",
    "ledger/store/segments.py": "Arrow is needed by those who read or write Parquet alone",
    "ledger/table/chunks.py": "columns need arrays and Arrow; saying whether batches are alike does not",
    "ledger/table/frames.py": "rows need arrays; listing runs does not",
    "ledger/table/labels.py": "joining labels needs arrays; saying which there are does not",
    "ledger/table/predictions.py": "columns need arrays and Arrow; choosing which are meant does not",
}


def name_of(path: Path) -> str:
    """Return a file's path as the tables here have it."""
    return path.relative_to(ROOT).as_posix()


def parse(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text("utf-8"))


def calls(tree: ast.Module) -> Iterator[str]:
    """Yield the dotted names of what a module calls."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def imports(node: ast.AST, *, late: bool, inside: bool = False) -> Iterator[str]:
    """Yield the modules imported at the top level or, with `late`, inside functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import) and inside == late:
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and inside == late:
            yield child.module or "."
        yield from imports(child, late=late, inside=inside or isinstance(child, ast.FunctionDef | ast.Lambda))


def length(function: ast.FunctionDef) -> int:
    """Return a function's lines, its docstring left out: saying more of it must not cost."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_fits_in_one_reading(path: Path) -> None:
    """A module has at most 400 lines, a function at most 60."""
    assert len(path.read_text("utf-8").splitlines()) <= LINES_MAX
    lengths = {node.name: length(node) for node in ast.walk(parse(path)) if isinstance(node, ast.FunctionDef)}
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES_MAX} == {}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_module_says_what_it_is(path: Path) -> None:
    """A module has a telling name and begins with a docstring, a short one where it is part of the package."""
    docstring = ast.get_docstring(parse(path))
    assert docstring
    assert path.stem not in EMPTY_NAMES
    if path in MODULES and path.name != "errors.py":  # which draws the tree of errors
        assert len(docstring.splitlines()) <= 10


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_is_left_over(path: Path) -> None:
    """No conflict marker, no note of work to be done, no line that ends in a space."""
    text = path.read_text("utf-8")
    words = "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"))
    assert re.findall(rf"\b(?:{words})\b|^(?:<<<<<<<|>>>>>>>)|[ \t]+$", text, re.MULTILINE) == []
    assert text.endswith("\n")


@pytest.mark.parametrize("path", [path for path in MODULES if path.parent.name != "cli"], ids=name_of)
def test_only_the_command_line_prints_and_exits(path: Path) -> None:
    """Outside `cli` nothing prints, asks or exits, but for rows that are lost while Python shuts down."""
    said = [name for name in calls(parse(path)) if name in ("print", "input", "breakpoint", "sys.exit", "exit", "quit")]
    assert said == (["print"] if name_of(path) == "ledger/record/ending.py" else [])


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_one_module_touches_the_files(path: Path) -> None:
    """Only store/files.py opens, makes, renames or removes what is under .ledger; a few others touch other files."""
    tree = parse(path)
    found = {name for name in calls(tree) if name in FILE_CALLS}
    modules = {name.partition(".")[0] for late in (False, True) for name in imports(tree, late=late)}
    found |= modules & FILE_MODULES
    own_open = {"open"} if any(isinstance(n, ast.FunctionDef) and n.name == "open" for n in tree.body) else set()
    if name_of(path) == "ledger/cli/output.py":
        own_open = {"shutil"}  # the width of the terminal
    assert name_of(path) in TOUCHES_FILES or found - own_open == set()


def test_the_list_of_those_who_touch_files_is_no_longer_than_it_must_be() -> None:
    """Every module that is excused needs the excuse."""
    for name in TOUCHES_FILES:
        tree = parse(ROOT / name)
        modules = {module.partition(".")[0] for late in (False, True) for module in imports(tree, late=late)}
        assert FILE_CALLS & set(calls(tree)) or FILE_MODULES & modules, name


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_stand_at_the_top(path: Path) -> None:
    """Inside a function stands only what is slow to load, and our own modules where that keeps a call light."""
    late = set(imports(parse(path), late=True))
    libraries = {name.partition(".")[0] for name in late if name.partition(".")[0] != "ledger"}
    assert libraries <= LATE_LIBRARIES
    if not name_of(path).startswith(tuple(LATE_MODULES)):
        assert {name for name in late if name.partition(".")[0] == "ledger"} == set()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_patterns_work_in_every_supported_python(path: Path) -> None:
    """No group of a regular expression is repeated possessively: before Python 3.11.5 such patterns miss matches."""
    texts = (node.value for node in ast.walk(parse(path)) if isinstance(node, ast.Constant))
    assert [text for text in texts if isinstance(text, str) and re.search(r"\)[?*+]\+", text)] == []


def test_no_star_imports() -> None:
    """Whoever reads a module sees where each name comes from."""
    stars = [
        name_of(path)
        for path in SOURCES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]
    assert stars == []


def test_the_code_map_is_complete() -> None:
    """ARCHITECTURE.md has a line for every module, and none for a module that is gone."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    drawn = text.partition("## Code map")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\| `(ledger/[\w/]+\.py)` \|", drawn, re.MULTILINE))
    assert named == {name_of(path) for path in MODULES}


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "docs/reliability.md"])
def test_the_tests_that_hold_the_invariants_exist(page: str) -> None:
    """Every `tests/...py::function` that these pages name is there."""
    text = (ROOT / page).read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert named
    for file, function in named:
        path = ROOT / file
        assert path.exists(), file
        assert re.search(rf"^ *def {function}\(", path.read_text("utf-8"), re.MULTILINE), f"{file}::{function}"


def test_every_test_says_what_it_expects() -> None:
    """A test's docstring states what is expected."""
    silent = [
        f"{name_of(path)}::{node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert silent == []
