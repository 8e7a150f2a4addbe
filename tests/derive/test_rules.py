"""Rules: what the schema's gates and the caller's demands come to, and what is refused."""

import math
from typing import Any

import pytest

from ledger.derive.rules import Demands, Rule, collect
from ledger.errors import InvalidSchema, InvalidValue, UsageError
from ledger.schema import EMPTY, parse

SCHEMA = parse(
    """
[metric."val/auc"]
alias = ["val_auc"]

[gate.val_auc]
min = 0.8
max_drop = 0.01
tolerance = 0.002
min_runs = 3
baseline = "main"

[gate.ready]
required = true

[gate.seeds]
min_runs = 2
required = false
"""
)
GATE: dict[str, Any] = {"tolerance": 0.002, "min_runs": 3, "baseline": "main"}


def test_the_schema_gives_rules_in_its_order() -> None:
    """Each limit is a rule under the canonical name; a gate without a limit is one rule on what must be there."""
    assert collect(SCHEMA, Demands()) == [
        Rule("val/auc", "min", 0.8, source="schema", **GATE),
        Rule("val/auc", "max_drop", 0.01, source="schema", **GATE),
        Rule("ready", "required", None, required=True, source="schema"),
        Rule("seeds", "min_runs", None, min_runs=2, required=False, source="schema"),
    ]


def test_demands_replace_and_add() -> None:
    """A limit replaces the one of the same metric and kind, whatever alias it is called by; a new one has its gate."""
    demands = Demands({"min": {"val/auc": 0.9}, "max": {"val_auc": 1, "loss": 2.0}}, required=("loss", "new"))
    found = collect(SCHEMA, demands)
    assert found[:3] == [
        Rule("val/auc", "min", 0.9, source="flag", **GATE),
        Rule("val/auc", "max", 1.0, source="flag", **GATE),
        Rule("val/auc", "max_drop", 0.01, source="schema", **GATE),
    ]
    assert found[5:] == [
        Rule("loss", "max", 2.0, required=True),
        Rule("new", "required", None, required=True),
    ]


def test_what_holds_for_every_rule() -> None:
    """Tolerance, least number of runs and baseline of the caller count for the rules of the schema too."""
    common: dict[str, Any] = {"tolerance": 0.5, "min_runs": 7, "baseline": "v1"}
    for rule in collect(SCHEMA, Demands({"max": {"x": 1}}, **common)):
        assert (rule.tolerance, rule.min_runs, rule.baseline) == (0.5, 7, "v1")


def test_the_schema_can_be_left_out() -> None:
    """Then the demands alone count, and gates that could not be used do not matter."""
    senseless = parse('[gate.a]\nbaseline = "main"')
    assert collect(senseless, Demands({"max": {"a": 1}}), use_schema=False) == [Rule("a", "max", 1.0)]
    assert collect(SCHEMA, Demands(), use_schema=False) == []
    assert collect(EMPTY, Demands(min_runs=3)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[gate.a]", "demands nothing"),
        ('[gate.a]\nbaseline = "main"\ntolerance = 0.1', "demands nothing"),
        ("[gate.a]\nrequired = false", "demands nothing"),
        ("[metric.a]\nalias = ['b']\n[gate.a]\nmin = 1\n[gate.b]\nmin = 2", "same metric"),
        ("[gate.'a{x=1,y=2}']\nmin = 1\n[gate.'a{y=2,x=1}']\nmin = 2", "same metric"),
    ],
)
def test_gates_that_nothing_could_fail_are_refused(text: str, said: str) -> None:
    """A gate that demands nothing, or two that may contradict each other, are errors, not passes."""
    with pytest.raises(InvalidSchema, match=said):
        collect(parse(text), Demands({"max": {"x": 1.0}}))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "0.5", None, 10**400])
@pytest.mark.parametrize("kind", ["min", "max", "max_drop", "max_rise"])
def test_a_limit_is_a_finite_number(kind: str, value: Any) -> None:
    """Anything else is a usage error: a limit that nothing is past would pass everything."""
    with pytest.raises(InvalidValue, match="finite number"):
        collect(EMPTY, Demands({kind: {"a": value}}))


@pytest.mark.parametrize(
    "demands",
    [
        Demands({"max_drop": {"a": -0.1}}),
        Demands({"max_rise": {"a": -1}}),
        Demands({"min": {"a": 1}}, tolerance=-1.0),
        Demands({"min": {"a": 1}}, tolerance=math.nan),
        Demands({"min": {"a": 1}}, tolerance=math.inf),
        Demands({"min": {"a": 1}}, min_runs=0),
        Demands({"min": {"a": 1}}, min_runs=True),
        Demands({"min": {"a": 1}}, min_runs=2.5),  # type: ignore[arg-type]
        Demands({"min": {"": 1}}),
        Demands({"min": {"a{b}": 1}}),
        Demands({"min": {"a{b=1": 1}}),
        Demands({"min": {"a{b=1,b=2}": 1}}),
        Demands({"min": {'a{b="}': 1}}),
        Demands({"min": {"a\n": 1}}),
        Demands(required=("a\x1b",)),
        Demands({"min": {"a{x=1,y=2}": 1, "a{y=2,x=1}": 2}}),
    ],
    ids=repr,
)
def test_demands_that_make_no_sense_are_refused(demands: Demands) -> None:
    """Each is a usage error."""
    with pytest.raises(UsageError) as caught:
        collect(EMPTY, demands)
    assert caught.value.exit_code == 2
