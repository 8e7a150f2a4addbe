"""The gate: three answers, of which pass is the one that must never be given lightly."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.derive.baselines import Baseline
from ledger.derive.gates import Check, Gate, Outcome
from ledger.derive.rules import Rule
from ledger.errors import InvalidValue
from ledger.schema import EMPTY, Schema, parse
from ledger.store.state import RunState, Summary

NAN, INF = math.nan, math.inf
UNDEFINED = Summary(0, 0, None, None, None, None, None, None, None, None, None, "one class")
Make = Callable[..., Any]


def check(
    rules: Rule | list[Rule],
    runs: list[RunState],
    baseline: list[RunState] | None = None,
    schema: Schema = EMPTY,
    **how: Any,
) -> list[Check]:
    """Check runs; the baseline is a revision `main` with these runs, or there is none."""
    against = None if baseline is None else Baseline("main", None, baseline)
    return Gate(schema, lambda _: against, **how).check([rules] if isinstance(rules, Rule) else rules, runs)


def rule(kind: str, limit: float | None = None, metric: str = "m", **more: Any) -> Rule:
    """A rule on m."""
    return Rule(metric, kind, limit, **more)


def verdicts(checks: list[Check]) -> list[str]:
    """Return the verdicts of checks."""
    return [check.verdict for check in checks]


@pytest.mark.parametrize(
    ("kind", "limit", "more", "value", "verdict", "reason"),
    [
        ("min", 0.8, {}, 0.8, "pass", "0.8 is at least 0.8"),
        ("min", 0.8, {}, 0.9, "pass", "0.9 is at least 0.8"),
        ("min", 0.8, {}, 0.79999999, "fail", "0.79999999 is below 0.80000000"),
        ("min", 0.8, {"tolerance": 0.1}, 0.7, "pass", "0.7 is at least 0.8 less the tolerance of 0.1"),
        ("min", 0.8, {"tolerance": 0.1}, 0.69, "fail", "0.69 is below 0.80 less the tolerance of 0.1"),
        ("max", 0.5, {}, 0.5, "pass", "0.5 is at most 0.5"),
        ("max", 0.5, {}, 0.75, "fail", "0.75 is above 0.50"),
        ("max", 0.2, {"tolerance": 0.1}, 0.3, "pass", "0.3 is at most 0.2 plus the tolerance of 0.1"),
        ("min", 0.0, {}, -0.0, "pass", None),
        ("max", 0.0, {}, 5e-324, "fail", None),
        ("min", -1e308, {"tolerance": 1e308}, -1.7e308, "pass", None),
        ("min", 0.8, {}, INF, "pass", None),
        ("min", 0.8, {}, -INF, "fail", None),
        ("max", 0.8, {}, INF, "fail", None),
        ("max", 0.8, {}, -INF, "pass", None),
        ("min", 0.8, {}, NAN, "undecided", "m of a is NaN"),
        ("max", 0.8, {}, NAN, "undecided", "m of a is NaN"),
        ("min", 0.8, {}, UNDEFINED, "undecided", "m of a is undefined (one class)"),
        ("min", 0.8, {"required": True}, NAN, "undecided", "m of a is NaN"),
        ("min", 0.8, {"required": False}, NAN, "undecided", "m of a is NaN"),
        ("min", 0.8, {"min_runs": 2}, 0.9, "undecided", "1 run of at least 2"),
        ("min", 0.8, {"min_runs": 2}, 0.1, "undecided", "1 run of at least 2"),
        ("required", None, {"required": True}, 0.0, "pass", "1 run with m"),
        ("required", None, {"required": True}, NAN, "undecided", "m of a is NaN"),
        ("min_runs", None, {"min_runs": 1}, 0.0, "pass", "1 run with m"),
        ("min_runs", None, {"min_runs": 2}, 0.0, "undecided", "1 run of at least 2"),
    ],
)
def test_a_run_alone(
    run: Make, kind: str, limit: float | None, more: dict[str, Any], value: Any, verdict: str, reason: str | None
) -> None:
    """Limits are compared as the decimals they are written as; a limit that is met passes; NaN never does."""
    (found,) = check(rule(kind, limit, **more), [run("a", {"m": value})])
    assert found.verdict == verdict
    assert reason in (None, found.reason)
    assert found.ci is None


@pytest.mark.parametrize(
    ("kind", "limit", "old", "new", "verdict", "reason"),
    [
        ("max_drop", 0.01, 0.90, 0.89, "pass", "it fell by 0.01, at most 0.01"),
        ("max_drop", 0.01, 0.90, 0.8899, "fail", "it fell by 0.0101, more than 0.0100"),
        ("max_drop", 0.01, 0.90, 0.95, "pass", "it did not fall"),
        ("max_drop", 0.0, 0.90, 0.90, "pass", "it did not fall"),
        ("max_drop", 0.0, 0.90, 0.89, "fail", "it fell by 0.01, more than 0.00"),
        ("max_rise", 0.1, 0.1, 0.2, "pass", "it rose by 0.1, at most 0.1"),
        ("max_rise", 0.1, 0.1, 0.3, "fail", "it rose by 0.2, more than 0.1"),
        ("max_rise", 0.1, 0.3, 0.1, "pass", "it did not rise"),
        ("max_drop", 0.1, INF, INF, "undecided", "infinite values leave no difference"),
        ("max_drop", 0.1, -INF, -INF, "undecided", "infinite values leave no difference"),
        ("max_rise", 0.1, INF, INF, "undecided", "infinite values leave no difference"),
        ("max_drop", 0.1, INF, 1e308, "fail", None),
        ("max_drop", 0.1, 0.5, -INF, "fail", None),
        ("max_rise", 0.1, 0.5, INF, "fail", None),
        ("max_drop", 0.1, -INF, 0.5, "pass", "it did not fall"),
        ("max_drop", 0.1, 0.5, INF, "pass", "it did not fall"),
        ("max_drop", 0.1, -1.7e308, 1.7e308, "pass", None),
        ("max_drop", 0.1, 1.7e308, -1.7e308, "fail", None),
        ("max_drop", 0.1, NAN, 0.5, "undecided", "in the baseline, m of a is NaN"),
        ("max_drop", 0.1, 0.5, NAN, "undecided", "m of a is NaN"),
        ("max_drop", 0.1, NAN, NAN, "undecided", "m of a is NaN"),
        ("max_drop", 0.1, UNDEFINED, 0.5, "undecided", "in the baseline, m of a is undefined (one class)"),
    ],
)
def test_a_run_against_another(
    run: Make, kind: str, limit: float, old: Any, new: Any, verdict: str, reason: str | None
) -> None:
    """The difference is exact, and infinite values leave none: that is no pass."""
    (found,) = check(rule(kind, limit), [run("a", {"m": new})], [run("a", {"m": old})])
    assert found.verdict == verdict
    assert reason in (None, found.reason)


def test_a_tolerance_widens_a_difference(run: Make) -> None:
    """It is added to what may be lost."""
    runs, old = [run("a", {"m": 0.87})], [run("a", {"m": 0.9})]
    assert verdicts(check(rule("max_drop", 0.01, tolerance=0.02), runs, old)) == ["pass"]
    assert verdicts(check(rule("max_drop", 0.01, tolerance=0.0199), runs, old)) == ["fail"]


@pytest.mark.parametrize(
    ("values", "kind", "limit", "verdict"),
    [
        ([0.90, 0.91, 0.92], "min", 0.88, "pass"),  # 0.91 ± 0.0248
        ([0.90, 0.91, 0.92], "min", 0.89, "undecided"),
        ([0.90, 0.91, 0.92], "min", 0.93, "undecided"),
        ([0.90, 0.91, 0.92], "min", 0.94, "fail"),
        ([0.90, 0.91, 0.92], "max", 0.94, "pass"),
        ([0.90, 0.91, 0.92], "max", 0.88, "fail"),
        ([0.9, 0.9, 0.9], "min", 0.9, "pass"),  # no spread: compared as one value
        ([0.9, 0.9, 0.9], "min", 0.91, "fail"),
        ([0.9, INF], "min", 0.5, "undecided"),
        ([0.9, -INF], "min", 0.5, "fail"),
        ([INF, -INF], "min", 0.5, "undecided"),
        ([INF, INF], "min", 0.5, "undecided"),
        ([0.9, INF], "max", 1.0, "fail"),
        ([0.9, -INF], "max", 1.0, "undecided"),
        ([0.9, 0.9, NAN], "min", 0.5, "undecided"),
        ([0.1, 0.1, NAN], "min", 0.5, "undecided"),
        ([0.9, UNDEFINED], "min", 0.5, "undecided"),
        ([1.7e308, -1.7e308], "min", -1e308, "undecided"),
        ([5e-324, 1e-323], "min", 0.0, "undecided"),
    ],
)
def test_repeats_are_judged_by_their_mean(
    repeats: Make, values: list[Any], kind: str, limit: float, verdict: str
) -> None:
    """Past the limit with the whole interval: fail; none of it: pass; else undecided."""
    (found,) = check(rule(kind, limit), repeats(*values))
    assert (found.verdict, len(found.runs)) == (verdict, len(values))


def test_each_run_can_be_judged_alone(repeats: Make) -> None:
    """With `each` repeats are no group."""
    assert sorted(verdicts(check(rule("min", 0.91), repeats(0.90, 0.91, 0.92), each=True))) == ["fail", "pass", "pass"]


def test_the_level_widens_the_interval(repeats: Make) -> None:
    """What is sure enough at 0.5 is not at 0.99; the interval is as stated."""
    runs = repeats(0.90, 0.91, 0.92)
    (loose,) = check(rule("min", 0.9), runs, level=0.5)
    (strict,) = check(rule("min", 0.9), runs, level=0.99)
    assert (loose.verdict, strict.verdict) == ("pass", "undecided")
    assert (loose.level, strict.level) == (0.5, 0.99)
    assert loose.ci == pytest.approx((0.9052859, 0.9147141), abs=1e-6)
    assert strict.value == pytest.approx(0.91)


@pytest.mark.parametrize("level", [0, 1, 0.49, 0.99999, -1, NAN, INF, True])
def test_a_level_that_makes_no_sense_is_refused(level: float) -> None:
    """Between 0.5 and 0.9999."""
    with pytest.raises(InvalidValue, match="level"):
        Gate(EMPTY, lambda _: None, level=level)


@pytest.mark.parametrize(
    ("old", "new", "limit", "verdict"),
    [
        ([0.90, 0.91, 0.92], [0.90, 0.91, 0.92], 0.03, "pass"),  # 0 ± 0.0227
        ([0.90, 0.91, 0.92], [0.90, 0.91, 0.92], 0.02, "undecided"),
        ([0.90, 0.91, 0.92], [0.85, 0.86, 0.87], 0.02, "fail"),  # -0.05 ± 0.0227
        ([0.90, 0.91, 0.92], [0.85], 0.005, "fail"),  # one run against three: -0.06 ± 0.0497
        ([0.90, 0.91, 0.92], [0.85], 0.02, "undecided"),
        ([0.90], [0.85, 0.86, 0.87], 0.1, "pass"),
        ([0.9, 0.9], [0.9, 0.9], 0.0, "pass"),
        ([0.9, 0.9], [0.8, 0.8], 0.05, "fail"),
        ([0.9, 0.9], [0.8], 0.05, "fail"),
        ([0.9, INF], [0.9], 0.05, "fail"),
        ([0.9, -INF], [0.9], 0.05, "undecided"),
        ([0.9, -INF], [INF], 0.05, "undecided"),
        ([0.9, NAN], [0.9], 0.05, "undecided"),
    ],
)
def test_repeats_against_repeats(repeats: Make, old: list[float], new: list[float], limit: float, verdict: str) -> None:
    """The interval is that of the difference of means (Welch); a single run varies as the repeats do."""
    (found,) = check(rule("max_drop", limit), repeats(*new), repeats(*old))
    assert found.verdict == verdict
    assert (len(found.runs), len(found.baseline_runs)) == (len(new), len(old))


def test_min_runs_counts_the_group(repeats: Make) -> None:
    """Too few are undecided, also where all of them are past the limit."""
    strict = rule("min", 0.5, min_runs=3)
    assert verdicts(check(strict, repeats(0.9, 0.9, 0.9))) == ["pass"]
    assert verdicts(check(strict, repeats(0.9, 0.9))) == ["undecided"]
    assert verdicts(check(strict, repeats(0.1, 0.1))) == ["undecided"]
    assert verdicts(check(strict, repeats(0.9, 0.9, 0.9), each=True)) == ["undecided"] * 3


@pytest.mark.parametrize(
    ("required", "expected"),
    [
        (None, [("undecided", "b has no m: did you mean M?"), ("undecided", "a has no m: did you mean M?")]),
        (True, [("fail", f"{name} has no m, which is required: did you mean M?") for name in "ba"]),
        (False, [("undecided", "no run has m: did you mean M?")]),
    ],
)  # fmt: skip
def test_a_metric_that_no_run_has(run: Make, required: bool | None, expected: list[tuple[str, str]]) -> None:
    """Undecided with the nearest name; a failure where it is required."""
    runs = [run("a", {"M": 1.0}, created=1), run("b", {}, created=2)]
    found = check(rule("min", 0.5, required=required), runs)
    assert [(one.verdict, one.reason) for one in found] == expected


def test_a_metric_that_some_runs_have(run: Make) -> None:
    """Those without it are undecided; not asked where the rule says that it is not required."""
    runs = [run("a", {"m": 0.9}, created=1), run("b", {}, created=2)]
    assert verdicts(check(rule("min", 0.5), runs)) == ["undecided", "pass"]
    assert verdicts(check(rule("min", 0.5, required=True), runs)) == ["fail", "pass"]
    assert verdicts(check(rule("min", 0.5, required=False), runs)) == ["pass"]
    assert verdicts(check(rule("min", 0.95, required=False), runs)) == ["fail"]


def test_a_group_in_which_some_lack_the_metric(repeats: Make) -> None:
    """Whoever broke off before the value may have been the worst: no answer from those that are left."""
    runs = repeats(0.9, 0.9, 0.9)
    runs[1].metrics.clear()
    (found,) = check(rule("min", 0.5), runs)
    assert (found.verdict, found.reason) == ("undecided", "1 of 3 runs has no m")
    (found,) = check(rule("min", 0.5, required=True), runs)
    assert (found.verdict, found.reason) == ("fail", "1 of 3 runs has no m, which is required")
    (found,) = check(rule("min", 0.5, required=False), runs)
    assert (found.verdict, len(found.runs)) == ("pass", 2)
    (found,) = check(rule("min", 0.5, required=False, min_runs=3), runs)
    assert found.verdict == "undecided"


@pytest.mark.parametrize("status", ["running", "open", "failed", "interrupted"])
@pytest.mark.parametrize("value", [0.1, 0.9])
def test_a_run_that_did_not_finish(run: Make, status: str, value: float) -> None:
    """Its last value may be of any moment, so it decides nothing, unless that is asked for."""
    runs = [run("a", {"m": value}, status=status)]
    (found,) = check(rule("min", 0.5), runs)
    assert found.verdict == "undecided"
    assert "a " in found.reason
    assert verdicts(check(rule("min", 0.5), runs, unfinished=True)) == ["pass" if value > 0.5 else "fail"]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("running", "undecided"),
        ("open", "undecided"),
        ("failed", "fail"),
        ("interrupted", "fail"),
        ("finished", "fail"),
    ],
)
def test_a_required_metric_may_still_come(run: Make, status: str, verdict: str) -> None:
    """As long as the run goes on it is not missing."""
    assert verdicts(check(rule("min", 0.5, required=True), [run("a", status=status)])) == [verdict]


def test_a_run_that_is_here_in_part(run: Make) -> None:
    """The value may be an older one: undecided with the notice, whatever is asked for."""
    runs = [run("a", {"m": 0.9}, notices=["the ledger is copied in part: it lacks 3 rows of x"])]
    for how in ({}, {"unfinished": True}):
        (found,) = check(rule("min", 0.5), runs, **how)
        assert (found.verdict, found.reason) == (
            "undecided", "a: the ledger is copied in part: it lacks 3 rows of x"
        )  # fmt: skip


def test_no_runs_at_all() -> None:
    """Each rule says so; nothing passes because nothing was there."""
    found = check([rule("min", 0.5), rule("required", None, required=True), rule("max_drop", 0.1)], [], [])
    assert [(one.verdict, one.reason) for one in found] == [("undecided", "there are no runs to check")] * 3


def test_a_difference_needs_a_baseline(run: Make) -> None:
    """None at all, none that fits, one without the metric, one that did not finish: each undecided, and said."""
    drop, runs = rule("max_drop", 0.1), [run("a", {"m": 0.9})]
    reasons = {
        "there is no baseline": None,
        "main has no run of the name, params or group of a": [],
        "name one, as --baseline main:z": [run("z", {"m": 0.9}, params={"lr": 3})],
        "in the baseline, a has no m": [run("a", {"n": 0.9})],
        "params or group of a": [run("a", {"m": 0.9}, status="failed")],
        "in the baseline, a: copied": [run("a", {"m": 0.9}, notices=["copied"])],
    }
    for reason, baseline in reasons.items():
        (found,) = check(drop, runs, baseline)
        assert found.verdict == "undecided"
        assert reason in found.reason
    assert verdicts(check(drop, runs, [run("a", {"m": 0.9}, status="failed")], unfinished=True)) == ["pass"]


def test_a_named_baseline_is_not_held_against_itself(run: Make, repeats: Make) -> None:
    """It is left out of what is checked; where it was not named one by one, its repeats are too."""
    base, new = repeats(0.90, 0.91, name="base"), run("new", {"m": 0.5})
    baseline = Baseline("base", base[0], base)
    drop = rule("max_drop", 0.1)
    gate = Gate(EMPTY, lambda _: baseline, named=False)
    assert [[r.name for r in one.runs] for one in gate.check([drop], [new, *base])] == [["new"]]
    (found,) = gate.check([drop], base)
    assert (found.verdict, found.reason) == ("undecided", "there are no runs to check but the baseline base")
    named = Gate(EMPTY, lambda _: baseline).check([drop], base)
    assert [([r.id for r in one.runs], [r.id for r in one.baseline_runs]) for one in named] == [(["base1"], ["base0"])]


def test_a_named_baseline_that_did_not_finish_decides_nothing(run: Make) -> None:
    """Whoever names it is told."""
    old = run("old", {"m": 0.9}, status="interrupted")
    gate = Gate(EMPTY, lambda _: Baseline("old", old, [old]))
    (found,) = gate.check([rule("max_drop", 0.1)], [run("a", {"m": 0.9})])
    assert found.verdict == "undecided"
    assert found.reason == "in the baseline, old was interrupted: its last value may be of any moment"


def test_contexts(run: Make) -> None:
    """A plain name is the key without context, else each context; a key with context is that alone."""
    both = run("a", {"m": 0.9, "m{fold=1}": 0.1, "n": 0.0})
    folds = run("b", {"m{fold=10}": 0.9, "m{fold=2}": 0.1, "n": 0.0})
    assert [(c.metric, c.verdict) for c in check(rule("min", 0.5), [both])] == [("m", "pass")]
    assert [(c.metric, c.verdict) for c in check(rule("min", 0.5), [folds])] == [
        ("m{fold=2}", "fail"),
        ("m{fold=10}", "pass"),
    ]
    assert [(c.metric, c.verdict) for c in check(rule("min", 0.5, "m{fold=1}"), [both, folds])] == [
        ("m{fold=1}", "undecided"),
        ("m{fold=1}", "fail"),
    ]


def test_aliases(run: Make) -> None:
    """A rule finds its metric under whatever name it was logged, with its context, in the baseline too."""
    schema = parse('[metric."val/auc"]\nalias = ["val_auc", "auc"]')
    runs = [run("a", {"val_auc": 0.9}), run("b", {"auc{fold=1}": 0.9}, created=-1)]
    found = check(rule("min", 0.5, "val/auc"), runs, schema=schema)
    assert [(c.metric, c.verdict) for c in found] == [("val/auc", "pass"), ("val/auc{fold=1}", "pass")]
    (found_drop,) = check(rule("max_drop", 0.5, "val/auc"), runs[:1], [run("a", {"auc": 0.95})], schema)
    assert found_drop.diff == pytest.approx(-0.05)


def test_the_outcome() -> None:
    """Fail wins over undecided over pass; nothing checked, or damage, is no pass."""

    def outcome(*found: str, **unread: str) -> str:
        checks = [Check("m", "min", 0.5, 0.0, "flag", [], verdict, "") for verdict in found]
        return Outcome(checks, "", unread).verdict

    assert outcome("pass", "pass") == "pass"
    assert outcome("pass", "undecided") == "undecided"
    assert outcome("pass", "undecided", "fail") == "fail"
    assert outcome() == "undecided"
    assert outcome("pass", r="damaged") == "undecided"
    assert outcome("fail", r="damaged") == "fail"


def test_json_is_exactly_as_documented(repeats: Make) -> None:
    """Every field; what there is none of is left out."""
    runs, old = repeats(0.5, 0.5), repeats(0.75, 0.75)
    rules = [rule("max_drop", 0.25, tolerance=0.125), rule("min", 0.5, source="schema"), rule("min", 1, "x")]
    found = Outcome(check(rules, runs, old), "the runs that were named").to_json()
    refs = [{"id": "a1", "name": "a"}, {"id": "a0", "name": "a"}]
    assert found == {
        "schema": "ledger.check/1",
        "verdict": "undecided",
        "scope": "the runs that were named",
        "checks": [
            {
                "metric": "m", "rule": "max_drop", "limit": 0.25, "tolerance": 0.125, "source": "flag", "runs": refs,
                "n": 2, "value": 0.5, "ci": [-0.25, -0.25], "level": 0.95,
                "baseline": {"name": "main", "runs": refs, "value": 0.75}, "diff": -0.25, "verdict": "pass",
                "reason": "the whole interval of the fall is at most 0.25 plus the tolerance of 0.125",
            },
            {
                "metric": "m", "rule": "min", "limit": 0.5, "source": "schema", "runs": refs, "n": 2, "value": 0.5,
                "ci": [0.5, 0.5], "level": 0.95, "verdict": "pass", "reason": "the whole interval is at least 0.5",
            },
            {
                "metric": "x", "rule": "min", "limit": 1, "source": "flag", "runs": refs, "n": 2,
                "verdict": "undecided", "reason": "the 2 runs have no x",
            },
        ],
    }  # fmt: skip


# Laws

NUMBERS = st.floats(allow_nan=False) | st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.7, 0.8, 0.9, INF, -INF])
LIMITS = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5, 0.8]) | st.floats(0, 1e300)
VALUES = st.lists(NUMBERS, min_size=1, max_size=5)
RULES = st.builds(rule, st.sampled_from(["min", "max", "max_drop", "max_rise"]), LIMITS, tolerance=LIMITS)


def made(values: list[float]) -> list[RunState]:
    """Repeats with these values."""
    return [
        RunState(
            f"a{i}", "a", "finished", 0, 1, "ada", None, None, i, None, [], {"x": 1}, None, {},
            {"m": Summary(1, 0, value, 0, value, 0, value, 0, value, 0, value)}, [], [], [],
        )
        for i, value in enumerate(values)
    ]  # fmt: skip


@given(RULES, VALUES, VALUES, st.data())
def test_a_worse_value_never_turns_fail_to_pass(law: Rule, values: list[float], old: list[float], data: Any) -> None:
    """Whatever the group, the limit and the baseline; nor does a better value turn pass to fail."""
    before = verdicts(check(law, made(values), made(old)))
    place = data.draw(st.integers(0, len(values) - 1))
    worse = NUMBERS.filter(lambda v: v < values[place] if law.kind in ("min", "max_drop") else v > values[place])
    if abs(values[place]) == INF:
        worse = st.just(values[place])
    values[place] = data.draw(worse)
    after = verdicts(check(law, made(values), made(old)))
    assert (before, after) != (["fail"], ["pass"])


@given(RULES, VALUES, VALUES, st.booleans(), st.data())
def test_nan_never_passes(law: Rule, values: list[float], old: list[float], each: bool, data: Any) -> None:
    """Not among repeats, and for differences not in the baseline either."""
    side = old if law.kind.startswith("max_") and data.draw(st.booleans()) else values
    side[data.draw(st.integers(0, len(side) - 1))] = NAN
    found = check(law, made(values), made(old), each=False)
    assert verdicts(found) == ["undecided"]
    assert Outcome(check(law, made(values), made(old), each=each), "").verdict != "pass" or side is old


@given(RULES, VALUES, VALUES, st.randoms())
def test_the_order_of_runs_does_not_matter(law: Rule, values: list[float], old: list[float], random: Any) -> None:
    """The same answers, byte for byte."""
    runs, baseline = made(values), made(old)
    first = repr([one.to_json() for one in check(law, runs, baseline)])
    random.shuffle(runs)
    random.shuffle(baseline)
    assert repr([one.to_json() for one in check(law, runs, baseline)]) == first


@given(RULES, VALUES, VALUES, LIMITS)
def test_more_tolerance_never_turns_pass_to_fail(law: Rule, values: list[float], old: list[float], more: float) -> None:
    """It only ever helps."""
    low, high = sorted([law.tolerance, more])
    strict = verdicts(check(replace(law, tolerance=low), made(values), made(old)))
    loose = verdicts(check(replace(law, tolerance=high), made(values), made(old)))
    order = ["fail", "undecided", "pass"]
    assert order.index(loose[0]) >= order.index(strict[0])


@given(RULES, VALUES, VALUES)
def test_a_pass_is_a_pass_by_the_mean_too(law: Rule, values: list[float], old: list[float]) -> None:
    """The interval only makes it harder: a mean past the limit never passes, one within it never fails."""
    (found,) = check(law, made(values), made(old))
    (mean,) = check(law, made(values), made(old), level=0.5)
    assert (found.verdict == "pass") <= (mean.verdict == "pass")
    assert (found.verdict == "fail") <= (mean.verdict == "fail")
