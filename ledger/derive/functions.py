"""A user's own function: imported by `MODULE:NAME` or `FILE.py:NAME`, and told apart from what it was before.

Only what stands on a command line or in a call of Python is imported; what a ledger holds never names code.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import importlib
import importlib.util
import inspect
import linecache
import os
import sys
import types
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from typing import Any

import msgspec

from ledger.derive import identity
from ledger.errors import UsageError
from ledger.evaluate.user_metrics import UserMetric, made


class Own(msgspec.Struct, frozen=True):
    """A user's metric: where it is imported from (`folder` stands first on the path), or the function itself.

    `source` is the hash of its source as the one who asks has it.
    """

    name: str
    spec: str | None = None
    folder: str | None = None
    source: str | None = None
    metric: UserMetric | None = None

    def load(self) -> UserMetric:
        """Return the metric, in whatever process; raises UsageError where there is none, or another one."""
        if self.metric is not None:
            return self.metric
        place = (self.spec or "", self.folder or "")
        if place in _here and _source_of(_here[place]) != self.source:
            del _here[place]  # a worker outlives what it has imported
            found = loaded(self.spec or "", self.name, self.folder, anew=True)
        else:
            found = _here.get(place) or loaded(self.spec or "", self.name, self.folder)
        if _source_of(found) != self.source:
            raise UsageError(
                f"{self.spec} is not the same on the worker as it is here", hint="start the workers again, and share it"
            )
        return found


_here: dict[tuple[str, str], UserMetric] = {}  # by spec and folder: the last that was loaded


def _source_of(metric: UserMetric) -> str | None:
    found = metric.definition.get("source_sha256")
    return None if found is None else str(found)


def given(metric: Any) -> Own:
    """Return a function, class or object that the caller holds; raises UsageError for what is no metric."""
    bound = metric.func if isinstance(metric, functools.partial) else None
    name = getattr(metric, "__name__", None) or getattr(bound, "__name__", None)
    if name == "<lambda>":
        raise UsageError("a lambda needs a name", hint="write it with def, or say ledger.register(f, name=...)")
    found = made(metric, None if bound is None else name, None, None, "labels")
    if bound is not None:
        inner = made(bound, found.name, None, None, "labels")
        found = msgspec.structs.replace(found, definition=inner.definition)
    return Own(found.name, metric=checked(found))


def loaded(spec: str, name: str | None, folder: str | None, *, anew: bool = False) -> UserMetric:
    """Return the metric that `MODULE:NAME` or `FILE.py:NAME` means, relative to `folder`; raises UsageError.

    A file is read each time; a module as Python has it, unless `anew`.
    """
    where, colon, attribute = spec.rpartition(":")
    if not (colon and where and attribute):
        raise UsageError(f"{spec!r} names no function", hint="say MODULE:FUNCTION, such as my_pkg.metrics:profit")
    found: Any = _module(where, os.path.abspath(folder or "."), anew)
    for part in attribute.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, [n for n in dir(found) if not n.startswith("_")], n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else None
            raise UsageError(f"{where} has no {part!r}", hint=hint)
        found = getattr(found, part)
    metric = made(found, name, None, None, "labels")
    metric = checked(msgspec.structs.replace(metric, definition={**metric.definition, "from": spec}))
    _here[spec, folder or ""] = metric
    return metric


def _module(where: str, folder: str, anew: bool) -> Any:
    if folder not in sys.path:
        sys.path.insert(0, folder)  # as `python -m` has it: the code beside which one stands
    try:
        if where.endswith(".py"):
            return _of_file(os.path.join(folder, where))
        module = importlib.import_module(where)
        return importlib.reload(module) if anew else module
    except (Exception, SystemExit) as error:  # whatever the user's module does
        text = (f"{type(error).__name__}: {error}".splitlines() or [""])[0][:300]
        raise UsageError(f"{where} cannot be imported: {text}", hint=f"it was looked for from {folder}") from None


def _of_file(path: str) -> types.ModuleType:
    """Return a file as a module, compiled from what it says now; its name is no other module's."""
    with open(path, "rb") as file:
        source = file.read()
    stem = os.path.splitext(os.path.basename(path))[0]
    name = f"{stem}_{hashlib.sha256(path.encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    linecache.cache.pop(path, None)  # which knows a file by its time and size
    exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
    return module


def checked(metric: UserMetric) -> UserMetric:
    """Return a metric whose definition tells it apart from others: by its decorators, too, and by what it holds.

    Raises UsageError where the file has changed since it was imported: its source would not be what is computed.
    """
    for function in _functions(metric.of):
        _refuse_changed(metric.name, function)
    definition = dict(metric.definition)
    source, held = identity.source_sha256(metric.of, definition.get("source_sha256")), identity.holds(metric.of)
    if ":" not in str(definition.get("from")):
        definition["from"] = identity.spelled(metric.of)
    definition |= {} if source is None else {"source_sha256": source}
    definition |= {} if held is None else {"holds": held}
    return msgspec.structs.replace(metric, definition=definition)


def _functions(of: Any) -> Iterator[types.FunctionType]:
    wrapped = identity.chain(of)
    for each in wrapped:
        each = each.__func__ if isinstance(each, types.MethodType) else each
        if isinstance(each, types.FunctionType):
            yield each
    target = wrapped[-1]
    if not isinstance(target, types.FunctionType | types.MethodType):
        members = vars(target if inspect.isclass(target) else type(target)).values()
        yield from (member for member in members if isinstance(member, types.FunctionType))


def _refuse_changed(name: str, function: types.FunctionType) -> None:
    """Raise UsageError where a function is not what its file says now. What a hook has compiled cannot be told."""
    module = sys.modules.get(function.__globals__.get("__name__", ""))  # which functools.wraps does not rename
    path = getattr(module, "__file__", None)
    plain = type(getattr(module, "__loader__", None)) is SourceFileLoader and path == function.__code__.co_filename
    if not plain or path is None:
        return
    try:
        with open(path, "rb") as file:
            whole = compile(file.read(), path, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
        whole = None
    if whole is None or function.__code__ not in _codes(whole):
        raise UsageError(
            f"the file of {name!r} has changed since it was imported: {path}", hint="start anew, or reload its module"
        )


def _codes(whole: types.CodeType) -> Iterator[types.CodeType]:
    for constant in whole.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes(constant)
