"""Runs as gates see them: states with last values, made by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger.store.state import RunState, Summary


def summary(last: float | None, undefined: str | None = None) -> Summary:
    """A metric whose last value is as given; its other values must not count."""
    return Summary(3, 0, -77.0, 0, last, 2, -99.0, 1, 99.0, 0, 55.0, undefined)


def make_run(name: str = "a", metrics: dict[str, Any] | None = None, **changes: Any) -> RunState:
    """A finished run whose metrics are last values or summaries; its id is its name unless told."""
    folded = {key: v if isinstance(v, Summary) else summary(v) for key, v in (metrics or {}).items()}
    base: dict[str, Any] = {
        "id": name, "name": name, "status": "finished", "created": 0, "finished": 1, "author": "ada",
        "group": None, "parent": None, "seed": None, "note": None, "tags": [], "params": {}, "git": None, "program": {},
        "metrics": folded, "charts": [], "predictions": [], "entries": [],
    }  # fmt: skip
    return RunState(**(base | changes))


@pytest.fixture
def run() -> Callable[..., RunState]:
    """Return a function that makes a run."""
    return make_run


@pytest.fixture
def repeats() -> Callable[..., list[RunState]]:
    """Return a function that makes repeats: runs of one experiment with these values of m, the seeds counted up."""

    def make(*values: Any, name: str = "a", **changes: Any) -> list[RunState]:
        return [
            make_run(name, {"m": value}, **({"id": f"{name}{i}", "seed": i, "params": {"lr": 0.1}} | changes))
            for i, value in enumerate(values)
        ]

    return make
