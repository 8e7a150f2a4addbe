"""What a run is held against: a named run with its repeats, or what a revision has of the same experiment."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger.derive.baselines import Baseline
from ledger.store.state import RunState

KNOWN: list[tuple[str, dict[str, Any]]] = [
    ("net", {"id": "n0", "seed": 0, "params": {"lr": 1}, "created": 1}),
    ("net", {"id": "n1", "seed": 1, "params": {"lr": 1}, "created": 2}),
    ("net", {"id": "n1b", "seed": 1, "params": {"lr": 1}, "created": 3}),
    ("net", {"id": "n2", "seed": 2, "params": {"lr": 2}, "created": 0}),
    ("other", {"id": "o3", "seed": 3, "params": {"lr": 1}, "created": 9}),
    ("lone", {"id": "l", "params": {"lr": 5}, "created": 4, "group": "sweep"}),
    ("lone", {"id": "l2", "params": {"lr": 6}, "created": 3}),
]


@pytest.fixture
def known(run: Callable[..., RunState]) -> list[RunState]:
    """The runs that a revision has, in no order."""
    return [run(name, **more) for name, more in KNOWN]


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("net", {"params": {"lr": 7}}, ["n1b", "n0"]),  # the newest of the name, and its repeats of that name
        ("net-s5", {"params": {"lr": 7}, "seed": 5}, ["n1b", "n0"]),  # the name less its seed
        ("net", {"id": "n2", "params": {"lr": 7}}, ["n2"]),  # the run itself, as the revision has it
        ("net", {"id": "n1", "params": {"lr": 1}, "seed": 1}, ["n1", "n0"]),
        ("new", {"params": {"lr": 1}}, ["o3", "n1b", "n0"]),  # the same params, whatever the name
        ("new", {"params": {"lr": 1, "seed": 8}}, ["o3", "n1b", "n0"]),
        ("lone", {}, ["l"]),  # no seed: one run
        ("new", {"params": {"lr": 9}, "group": "sweep"}, ["l"]),
        ("new", {"params": {"lr": 9}}, []),
        ("new", {"params": {"lr": 9}, "group": "sweeps"}, []),
        ("new", {}, []),
    ],
)
def test_a_revision_gives_the_same_experiment(
    run: Callable[..., RunState], known: list[RunState], name: str, more: dict[str, Any], expected: list[str]
) -> None:
    """By id, else name, else params, else group; in whatever order the runs come."""
    group = [run(name, **({"id": "x"} | more))]
    for order in (known, known[::-1]):
        assert [found.id for found in Baseline("main", None, order).match(group)] == expected
        alone = Baseline("main", None, order).match(group, each=True)
        assert [found.id for found in alone] == expected[:1]


def test_a_named_run_stands_for_its_repeats(run: Callable[..., RunState], known: list[RunState]) -> None:
    """Those of its name that are not being checked; with `each` for itself alone."""
    baseline = Baseline("net", known[2], known)
    assert [found.id for found in baseline.match([run("x")])] == ["n1b", "n0"]
    assert [found.id for found in baseline.match([known[0]])] == ["n1b"]
    assert [found.id for found in baseline.match([run("x")], each=True)] == ["n1b"]
    assert [found.id for found in Baseline("lone", known[5], known).match([run("x")])] == ["l"]


def test_a_run_of_a_revision_is_the_same_run(run: Callable[..., RunState], known: list[RunState]) -> None:
    """What stands before its id does not make another of it."""
    assert [found.id for found in Baseline("main", None, known).match([run("zzz", id="HEAD:n2")])] == ["n2"]
