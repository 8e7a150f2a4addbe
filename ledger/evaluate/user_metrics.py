"""Metrics that users add: a function over all rows, or a class with a state as in Keras and torchmetrics.

Whatever such a metric does wrong is the reason of an undefined value, never an error in the middle of an evaluation.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
import sys
import tokenize
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import numpy as np

from ledger.errors import InvalidValue, UsageError
from ledger.evaluate.arrays import Array
from ledger.evaluate.kinds import KINDS
from ledger.evaluate.results import Value, finite, usual
from ledger.format.goals import known_goal
from ledger.format.names import check_metric
from ledger.format.values import Undefined, to_float

_VERBS = (("update_state", "result"), ("update", "compute"))
_RESETS = ("reset_state", "reset_states", "reset")

Arrays = dict[str, Array | None]


class UserMetric(msgspec.Struct, frozen=True):
    """A metric that a user added: `of` is the function, class or object; `takes` the names of the arrays it is given.

    `verbs` are the methods that take rows in and give the value; None for a function. `predictions_first` is the
    order of torchmetrics.
    """

    name: str
    kinds: tuple[str, ...]
    goal: str | None
    of: Any
    takes: tuple[str, ...]
    verbs: tuple[str, str] | None
    predictions_first: bool
    definition: dict[str, Any]


class UserMetricFailed(Exception):
    """A user's metric raised, or returned what is no number; the message says which."""


class Running:
    """A user's metric that takes its rows in chunks. A function keeps them all; a class keeps what it will."""

    def __init__(self, metric: UserMetric) -> None:
        self.metric = metric
        self.problem: Undefined | None = None
        self.chunks: list[Arrays] = []
        self.rows = 0
        self.state: Any = None
        if metric.verbs is not None:
            self._guarded(self._begin)

    def update(self, rows: Arrays) -> None:
        """Take in y_true, y_pred, y_score and sample_weight by name; a chunk of no rows is passed over."""
        metric, truth = self.metric, rows["y_true"]
        if truth is None or not len(truth) or self.problem is not None:
            return
        self.rows += len(truth)
        for needed, what in (("y_score", "scores"), ("y_pred", "predictions")):
            if needed in metric.takes and rows[needed] is None:
                self.problem = Undefined(f"no {what} were given")
                return
        if rows["sample_weight"] is not None and "sample_weight" not in metric.takes:
            self.problem = Undefined(f"{metric.name} takes no sample_weight, and weights were given")
            return
        chunk = {name: rows[name] for name in metric.takes}
        if metric.verbs is None:
            self.chunks.append(chunk)
        else:
            self._guarded(lambda: self._feed(chunk))

    def merge(self, other: Running) -> None:
        """Take in what another one has seen; raises UsageError for a class that has no `merge`."""
        if self.metric.verbs is not None and self.rows and other.rows and not hasattr(self.state, "merge"):
            raise UsageError(
                f"the metric {self.metric.name!r} has no method merge", hint="evaluate all rows in one process"
            )
        if self.metric.verbs is not None and other.rows:
            if not self.rows:
                self.state = other.state
            elif self.problem is None and other.problem is None:
                self._guarded(lambda: self.state.merge(other.state))
        self.problem = self.problem or other.problem
        self.chunks = [*self.chunks, *other.chunks]
        self.rows += other.rows

    def value(self) -> Value:
        """Return the value so far."""
        if self.problem is None and not self.rows:
            return Undefined("no rows")
        found = self._guarded(self._result)
        if self.problem is not None:
            return self.problem
        assert found is not None
        return found if isinstance(found, Undefined) else finite(found, f"{self.metric.name} returned {found}")

    def _begin(self) -> None:
        of = self.metric.of
        self.state = of() if inspect.isclass(of) else copy.deepcopy(of)
        reset = next((getattr(self.state, verb) for verb in _RESETS if hasattr(self.state, verb)), None)
        if reset is not None:
            reset()

    def _feed(self, chunk: Arrays) -> None:
        assert self.metric.verbs is not None
        torch = sys.modules.get("torch")
        arrays, named = _arguments(chunk)
        if torch is not None and isinstance(self.state, torch.nn.Module):
            arrays = [None if array is None else torch.as_tensor(array) for array in arrays]
            named = {name: None if array is None else torch.as_tensor(array) for name, array in named.items()}
        getattr(self.state, self.metric.verbs[0])(*(arrays[::-1] if self.metric.predictions_first else arrays), **named)

    def _result(self) -> Value:
        if self.metric.verbs is not None:
            value = getattr(self.state, self.metric.verbs[1])()
        else:
            arrays, named = _arguments(_joined(self.chunks))
            value = self.metric.of(*arrays, **named)
        if callable(getattr(value, "detach", None)):
            value = value.detach().cpu()
        return to_float(self.metric.name, value)

    def _guarded(self, work: Callable[[], Value | None]) -> Value | None:
        """Do some work of the user's; what it raises becomes the problem."""
        if self.problem is None:
            try:
                return work()
            except InvalidValue as error:
                self.problem = Undefined(error.message)
            except Exception as error:
                self.problem = Undefined(f"{self.metric.name} raised {type(error).__name__}: {error}")
        return None


def _arguments(rows: Arrays) -> tuple[list[Array | None], Arrays]:
    """Return the arrays as they are given: truth and predictions by position, the others by name.

    They are copies, so that a metric may work in place: others are given the same rows.
    """
    own = {name: None if array is None else np.array(array) for name, array in rows.items()}
    names = list(own)
    return [own[name] for name in names[:2]], {name: own[name] for name in names[2:]}


def _joined(chunks: list[Arrays]) -> Arrays:
    """Return chunks as one; rows without weights beside rows with weights have 1 each."""
    if len(chunks) == 1:
        return chunks[0]
    weighted = any(chunk.get("sample_weight") is not None for chunk in chunks)
    joined: Arrays = {}
    for name in chunks[0]:
        parts = [np.ones(len(_truth(chunk))) if chunk[name] is None else np.asarray(chunk[name]) for chunk in chunks]
        joined[name] = None if name == "sample_weight" and not weighted else np.concatenate(parts)
    return joined


def _truth(chunk: Arrays) -> Array:
    truth = chunk["y_true"]
    assert truth is not None
    return truth


def made(metric: Any, name: str | None, kinds: Iterable[str] | str | None, goal: str | None, needs: str) -> UserMetric:
    """Return what a user gave as a metric; raises UsageError for what is none."""
    own = getattr(metric, "__name__", None) or getattr(metric, "name", None) or type(metric).__name__
    if name is None and not str(own).isidentifier():
        raise UsageError(f"the metric {own} needs a name", hint="say name=")
    called = check_metric(name or usual(str(own)))
    chosen = (kinds,) if isinstance(kinds, str) else KINDS if kinds is None else tuple(kinds)
    if wrong := [kind for kind in chosen if kind not in KINDS]:
        raise UsageError(f"there is no kind {wrong[0]!r} of evaluation", hint=f"the kinds are {', '.join(KINDS)}")
    if goal not in (None, "maximize", "minimize"):
        raise UsageError(f"goal must be 'maximize' or 'minimize', not {goal!r}")
    if needs not in ("labels", "scores"):
        raise UsageError(f"needs must be 'labels' or 'scores', not {needs!r}")
    verbs = next((v for v in _VERBS if all(hasattr(metric, verb) for verb in v)), None)
    if verbs is None and (not callable(metric) or inspect.isclass(metric)):
        raise UsageError(
            f"the metric {called!r} is neither a function nor a class with update_state and result",
            hint="a function takes (y_true, y_pred, sample_weight=None) and returns a number",
        )
    parameters = _parameters(metric if verbs is None else getattr(metric, verbs[0]), metric if verbs else None)
    return UserMetric(
        name=called, kinds=chosen, goal=goal or known_goal(called), of=metric, takes=_takes(parameters, needs),
        verbs=verbs, predictions_first=verbs is not None and parameters[:1] == ["preds"],
        definition=_definition(metric),
    )  # fmt: skip


def _takes(parameters: list[str], needs: str) -> tuple[str, ...]:
    """Return the names of the arrays: what stands second is predictions unless it is called y_score."""
    second = parameters[1] if len(parameters) > 1 else "y_pred"
    predictions = ["y_score"] if second == "y_score" or needs == "scores" else ["y_pred"]
    if "y_score" in parameters[2:]:
        predictions.append("y_score")
    weight = ["sample_weight"] if "sample_weight" in parameters else []
    return ("y_true", *predictions, *weight)


def _parameters(function: Any, owner: Any = None) -> list[str]:
    """Return the names of a function's parameters, without `self`; none for what is written in C."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []
    return names[1:] if inspect.isclass(owner) else names


def _definition(metric: Any) -> dict[str, Any]:
    """Return what tells two versions of a user's metric apart: where it is from, and a hash of its source."""
    target = metric if inspect.isclass(metric) or hasattr(metric, "__qualname__") else type(metric)
    definition = {"from": f"{target.__module__}.{target.__qualname__}"}
    try:
        definition["source_sha256"] = hashlib.sha256(inspect.getsource(target).encode()).hexdigest()
    except (OSError, TypeError, SyntaxError, tokenize.TokenError):  # typed at a prompt, in C, or no longer Python
        pass
    return definition
