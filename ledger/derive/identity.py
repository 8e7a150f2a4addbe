"""What tells a user's function from others: its name, its source and that of its decorators, and what it holds.

All of it is the same in every process, however the function was spelled when it was asked for.
"""

from __future__ import annotations

import copyreg
import functools
import hashlib
import inspect
import json
import os
import secrets
import sys
import tokenize
import types
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions
from typing import Any

_NODES_MOST = 1_000_000  # values that one function may hold


def chain(of: Any) -> list[Any]:
    """Return a function and what it wraps, the outermost first, bound arguments aside."""
    found: list[Any] = []
    while of is not None and not any(of is each for each in found):
        of = of.func if isinstance(of, functools.partial) else of
        found.append(of)
        of = getattr(of, "__wrapped__", None)
    return found


def identity(of: Any, definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a key has of a function: its definition, under one name for `a:f`, `a.py:f` and `../a.py:f`.

    That name has the file's, without its folder: two files have two functions of one text.
    """
    found = {name: value for name, value in definition.items() if name != "from"}
    module, _, name = spelled(of).partition(":")
    path = getattr(sys.modules.get(module), "__file__", None)
    stem = os.path.splitext(os.path.basename(path))[0] if path and "source_sha256" in found else module
    return found | {"of": f"{stem}:{name}"}


def spelled(of: Any) -> str:
    """Return where a function is from: `MODULE:NAME`."""
    target = _named(of)
    return f"{getattr(target, '__module__', None) or ''}:{target.__qualname__}"


def place(function: str) -> tuple[str, str]:
    """Return module and name of a function as a source has it: `a1` and `gain` of `../a1.py:gain`."""
    where, _, name = function.rpartition(":" if ":" in function else ".")
    where = os.path.basename(where.removesuffix(".py")) if where.endswith(".py") else where
    return where.rpartition(".")[2], name.rpartition(".")[2]


def source_sha256(of: Any, inner: str | None) -> str | None:
    """Return the hash of the source of a function with its decorators; `inner` is that of the innermost alone."""
    outer = [_written(each) for each in chain(of)[:-1]]
    return hashlib.sha256(json.dumps([inner, *outer]).encode()).hexdigest() if outer else inner


def holds(of: Any) -> str | None:
    """Return a hash of what a function or object holds beside its source; None for nothing.

    What is held is bound arguments, defaults, what a function encloses, the state of an object. Of what cannot be
    written down the hash is never the same.
    """
    held = _held(of)
    if not held:
        return None
    try:
        text = json.dumps(_Plain().of(held))
    except Exception:  # of whatever library it is
        text = secrets.token_hex(8)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def versions(of: Any) -> dict[str, str]:
    """Return the version of the package that a function is from, by its name; none for a file of one's own."""
    root = str(getattr(_named(of), "__module__", "")).partition(".")[0]
    module = sys.modules.get(root)
    path = getattr(module, "__file__", None)
    if path is None or root in ("__main__", "ledger"):
        return {}
    said = getattr(module, "__version__", None)
    said = said if isinstance(said, str) else _installed(root, path)
    return {} if said is None else {root: said}


def _installed(root: str, path: str) -> str | None:
    """Return the version of what is installed beside a package and has it in its list of files."""
    package = os.path.basename(path) == "__init__.py"
    folder = os.path.dirname(os.path.dirname(path) if package else path)
    file = f"{root}/__init__.py" if package else os.path.basename(path)
    for found in distributions(path=[folder]):
        if f"\n{file}," in "\n" + (found.read_text("RECORD") or ""):
            return found.version
    return None


def _named(of: Any) -> Any:
    """Return what has the name and module of a function: itself, what it binds, or its class."""
    of = of.func if isinstance(of, functools.partial) else of
    return of if inspect.isclass(of) or hasattr(of, "__qualname__") else type(of)


def _written(of: Any) -> str:
    """Return the source text of one function, whatever it wraps, or of an object's class; else its code."""
    of = of.__func__ if isinstance(of, types.MethodType) else of
    code = getattr(of, "__code__", None)
    target = code if isinstance(code, types.CodeType) else of if inspect.isclass(of) else type(of)
    try:
        return inspect.getsource(target)
    except (OSError, TypeError, SyntaxError, tokenize.TokenError):  # typed at a prompt, in C, or no longer Python
        return repr(_code(target)) if isinstance(target, types.CodeType) else target.__qualname__


def _code(code: types.CodeType) -> list[Any]:
    constants = [_code(each) if isinstance(each, types.CodeType) else repr(each) for each in code.co_consts]
    return [code.co_code.hex(), constants, code.co_names, code.co_varnames]


def _held(of: Any) -> Any:
    if isinstance(of, functools.partial):
        return [of.args, of.keywords, of.func if isinstance(of.func, types.FunctionType) else _held(of.func)]
    if isinstance(of, types.MethodType):
        return _held(of.__self__)
    if isinstance(of, types.FunctionType):
        return _enclosed(of)
    if inspect.isclass(of) or inspect.isbuiltin(of):
        return None
    config = getattr(of, "get_config", None)  # as Keras has it
    return config() if callable(config) else getattr(of, "__dict__", None)


def _enclosed(of: types.FunctionType) -> list[Any]:
    enclosed = inspect.getclosurevars(of).nonlocals if of.__closure__ else {}
    values = (*enclosed.values(), *(of.__defaults__ or ()), *(of.__kwdefaults__ or {}).values())
    return [value for value in values if value is not None]


class _Plain:
    """Writes values down as what JSON has: of any type, equal values alike in every process; raises where it cannot."""

    def __init__(self) -> None:
        self.known: dict[int, int] = {}  # those that are being written or were, by id: what holds itself has an end
        self.kept: list[Any] = []  # so that no id is used twice
        self.count = 0

    def of(self, value: Any) -> Any:
        """Return what is written of a value."""
        self.count += 1
        if self.count > _NODES_MOST:
            raise ValueError("too much is held")
        if value is None or isinstance(value, bool | int | float | complex | str):
            return value if type(value) in (bool, str) else [type(value).__name__, repr(value)]
        if isinstance(value, bytes | bytearray):
            return ["bytes", hashlib.sha256(value).hexdigest()]
        if inspect.isclass(value) or inspect.isbuiltin(value):
            return ["name", str(value.__module__), value.__qualname__]
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__]
        if id(value) in self.known:
            return ["again", self.known[id(value)]]
        self.known[id(value)] = len(self.known)
        self.kept.append(value)
        return [type(value).__name__, *self._parts(value)]

    def _parts(self, value: Any) -> Iterator[Any]:
        if isinstance(value, types.FunctionType):
            yield from (value.__qualname__, _written(value), self.of(_enclosed(value)))
        elif isinstance(value, types.MethodType):
            yield from (self.of(value.__func__), self.of(value.__self__))
        elif type(value) in (list, tuple):
            yield from map(self.of, value)
        elif type(value) in (set, frozenset):
            yield from sorted(json.dumps(self._alone(each)) for each in value)
        elif type(value) in (dict, types.MappingProxyType):
            pairs = ([self.of(key), self.of(each)] for key, each in value.items())
            yield from sorted(pairs, key=json.dumps)
        else:
            yield from self._reduced(value)

    def _reduced(self, value: Any) -> Iterator[Any]:
        """Yield what is written of an object: what a copy would be made of."""
        registered = copyreg.dispatch_table.get(type(value))
        made = value.__reduce_ex__(4) if registered is None else registered(value)
        if isinstance(made, str):
            yield made
            return
        yield [str(made[0].__module__), made[0].__qualname__]
        for i, part in enumerate(made[1:], start=1):
            yield self.of(list(part) if i in (3, 4) and part is not None else part)

    def _alone(self, value: Any) -> Any:
        """Return what is written of a value of a set, whichever comes first."""
        if isinstance(value, int | float | str):
            return self.of(value)
        inner = _Plain()
        inner.known, inner.kept, inner.count = dict(self.known), self.kept, self.count
        return inner.of(value)
