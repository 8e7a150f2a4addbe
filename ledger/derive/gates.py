"""Whether runs satisfy rules: pass, fail or undecided. What cannot be compared never passes.

A group of repeats is judged by its mean: it fails if the whole interval of the mean is past the limit, passes if none
of it is, and is undecided otherwise.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import msgspec

from ledger.derive import repeats
from ledger.derive.baselines import Baseline
from ledger.derive.rules import DIFFERENCES, Rule
from ledger.errors import InvalidValue
from ledger.format.names import parse_key
from ledger.schema import Schema
from ledger.store.state import RunState, Summary
from ledger.table.columns import find, metric_order, nearest
from ledger.view.numbers import column, number, plural

PASS, FAIL, UNDECIDED = "pass", "fail", "undecided"
LEVELS = (0.5, 0.9999)


class Check(msgspec.Struct, frozen=True):
    """One rule on one run or group of repeats (`runs`; none where nothing was there to check), and the answer.

    `metric` is the key that was looked at, `rule` its kind. `value` is the last value of a run, or the mean of a group;
    `diff` is it less the baseline's; `ci` is the interval at `level` of the one that the rule limits, None for a single
    run. `baseline` says what the value was held against.
    """

    metric: str
    rule: str
    limit: float | None
    tolerance: float
    source: str
    runs: list[RunState]
    verdict: str
    reason: str
    value: float | None = None
    ci: tuple[float, float] | None = None
    level: float | None = None
    baseline: str | None = None
    baseline_runs: list[RunState] = []
    baseline_value: float | None = None
    diff: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the object of one check in `check --json`; what there is none of is left out."""
        found: dict[str, Any] = {"metric": self.metric, "rule": self.rule}
        found |= {} if self.limit is None else {"limit": self.limit}
        found |= {"tolerance": self.tolerance} if self.tolerance else {}
        found |= {"source": self.source, "runs": _runs(self.runs), "n": len(self.runs)}
        found |= {} if self.value is None else {"value": self.value}
        found |= {} if self.ci is None else {"ci": list(self.ci), "level": self.level}
        if self.baseline is not None:
            against: dict[str, Any] = {"name": self.baseline, "runs": _runs(self.baseline_runs)}
            found["baseline"] = against | ({} if self.baseline_value is None else {"value": self.baseline_value})
        found |= {} if self.diff is None else {"diff": self.diff}
        return found | {"verdict": self.verdict, "reason": self.reason}


def _runs(runs: Sequence[RunState]) -> list[dict[str, str]]:
    return [{"id": run.id, "name": run.name} for run in runs]


class Outcome(msgspec.Struct, frozen=True):
    """What a gate says: `checks` in the order of the rules; `scope` says which runs were meant.

    `unread` are the runs that are damaged, with the reason: where there are any, nothing passes.
    """

    checks: list[Check]
    scope: str
    unread: dict[str, str] = {}

    @property
    def verdict(self) -> str:
        """`fail` if any check failed, else `undecided` if any is or nothing was checked, else `pass`."""
        found = {check.verdict for check in self.checks}
        if FAIL in found:
            return FAIL
        return PASS if found == {PASS} and not self.unread else UNDECIDED

    def count(self, verdict: str) -> int:
        """Return how many checks have this verdict."""
        return sum(check.verdict == verdict for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Return the object of `check --json`; numbers that are not finite stay floats."""
        found = {
            "schema": "ledger.check/1",
            "verdict": self.verdict,
            "scope": self.scope,
            "checks": [check.to_json() for check in self.checks],
        }
        return found | ({"unread": dict(self.unread)} if self.unread else {})


class Gate:
    """Holds runs against rules; `baseline` gives what a word stands for, or None where there is nothing to take.

    `named`: the runs were chosen one by one, so that none but the baseline itself is left out for being one like it.
    """

    def __init__(
        self,
        schema: Schema,
        baseline: Callable[[str | None], Baseline | None],
        *,
        named: bool = True,
        level: float = 0.95,
        each: bool = False,
        unfinished: bool = False,
    ) -> None:
        if isinstance(level, bool) or not LEVELS[0] <= level <= LEVELS[1]:
            raise InvalidValue(f"the level is {level}; it must be between {LEVELS[0]} and {LEVELS[1]}")
        self.schema, self.baseline, self.named = schema, baseline, named
        self.level, self.each, self.unfinished = level, each, unfinished

    def check(self, rules: Sequence[Rule], runs: Sequence[RunState]) -> list[Check]:
        """Return a check for each rule and each group of repeats; one without runs where there is none to check."""
        groups = repeats.groups(runs, each=self.each)
        return [check for rule in rules for check in self._rule(rule, groups)]

    def _rule(self, rule: Rule, groups: list[list[RunState]]) -> list[Check]:
        if not groups:
            return [_check(rule, [], UNDECIDED, "there are no runs to check")]
        against = self.baseline(rule.baseline) if rule.kind in DIFFERENCES else None
        if against is not None and against.run is not None:  # a run is no measure of itself
            own = {run.id for run in ([against.run] if self.named else against.match([], each=self.each))}
            groups = [left for group in groups if (left := [run for run in group if run.id not in own])]
            if not groups:
                return [_check(rule, [], UNDECIDED, f"there are no runs to check but the baseline {against.word}")]
        hint = self._nearest(rule, groups)
        checks: list[Check] = []
        for group in groups:
            if rule.required is False:  # the rule is about those that have the metric
                group = [run for run in group if self._keys(rule, [run])]
            keys = self._keys(rule, group) or ([rule.metric] if group else [])
            checks += [self._group(rule, key, group, against, hint) for key in keys]
        return checks or [_check(rule, [], UNDECIDED, f"no run has {rule.metric}{hint}")]

    def _keys(self, rule: Rule, group: Sequence[RunState]) -> list[str]:
        """Return the keys that a rule is about: its own, or where a plain name has contexts alone, each of these."""
        if any(find(run, rule.metric, self.schema) is not None for run in group):
            return [rule.metric]
        if parse_key(rule.metric)[1] is not None:
            return []
        keys = {self.schema.canonical(key) for run in group for key in run.metrics}
        return sorted((key for key in keys if parse_key(key)[0] == rule.metric), key=metric_order)

    def _nearest(self, rule: Rule, groups: Sequence[Sequence[RunState]]) -> str:
        """Return the name that may be meant where no run has the metric of a rule, as words to add to a reason."""
        if any(self._keys(rule, group) for group in groups):
            return ""
        near = nearest(rule.metric, sorted({key for group in groups for run in group for key in run.metrics}))
        return f": did you mean {near[0]}?" if near else ""

    def _group(self, rule: Rule, key: str, group: list[RunState], against: Baseline | None, hint: str) -> Check:
        """Judge one group by one metric: first whether it can be, then by its values."""
        summaries = [find(run, key, self.schema) for run in group]
        lacking = [run for run, summary in zip(group, summaries, strict=True) if summary is None]
        ended = [run for run in lacking if run.status not in ("running", "open")]
        if rule.required and ended:
            return _check(rule, group, FAIL, f"{_who(ended, group)} no {key}, which is required{hint}", metric=key)
        problem = self._unfinished(group)
        if problem is None and lacking:
            problem = f"{_who(lacking, group)} no {key}{hint}"
        values = [summary.last for summary in summaries if summary is not None and summary.last is not None]
        shown = values[0] if len(group) == 1 and values else None
        problem = problem or _trouble(key, group, summaries)
        if problem is None and len(group) < rule.min_runs:
            problem = f"{plural(len(group), 'run')} of at least {rule.min_runs}"
        if problem is not None:
            return _check(rule, group, UNDECIDED, problem, metric=key, value=shown)
        if rule.kind in DIFFERENCES:
            return self._difference(rule, key, group, values, against)
        if rule.limit is None:
            return _check(rule, group, PASS, f"{plural(len(group), 'run')} with {key}", metric=key, value=_mean(values))
        found = judge(rule, values, (), self.level)
        return _check(rule, group, *found.answer, metric=key, value=found.value, ci=found.ci, level=self._at(found))

    def _unfinished(self, group: Sequence[RunState]) -> str | None:
        """Say why the values of a group are not to be trusted: a run goes on or broke off, or is here in part."""
        for run in group:
            if run.status != "finished" and not self.unfinished:
                went = {
                    "running": "is still running",
                    "open": f"is still open: ledger finish {run.id}",
                    "failed": "failed",
                }
                last = "" if run.status in ("running", "open") else ": its last value may be of any moment"
                return f"{run.name} {went.get(run.status, 'was interrupted')}{last}"
            if run.notices:
                return f"{run.name}: {run.notices[0]}"
        return None

    def _difference(
        self, rule: Rule, key: str, group: list[RunState], values: list[float], against: Baseline | None
    ) -> Check:
        value = _mean(values)
        if against is None:
            why = "there is no baseline to compare with: give --baseline RUN or REV"
            return _check(rule, group, UNDECIDED, why, metric=key, value=value)
        against = against if self.unfinished else against.finished
        others = against.match(group, each=self.each)
        named: dict[str, Any] = {"metric": key, "value": value, "baseline": against.word, "baseline_runs": others}
        if not others:
            newest = next((f": name one, as --baseline {against.word}:{run.name}" for run in against.known), "")
            why = f"{against.word} has no run of the name, params or group of {group[0].name}{newest}"
            return _check(rule, group, UNDECIDED, why, **named)
        summaries = [find(run, key, self.schema) for run in others]
        lacking = [run for run, summary in zip(others, summaries, strict=True) if summary is None]
        problem = f"in the baseline, {_who(lacking, others)} no {key}" if lacking else None
        trouble = self._unfinished(others) or _trouble(key, others, summaries)
        problem = problem or (trouble and f"in the baseline, {trouble}")
        if problem is not None:
            return _check(rule, group, UNDECIDED, problem, **named)
        baseline = [summary.last for summary in summaries if summary is not None and summary.last is not None]
        found = judge(rule, values, baseline, self.level)
        named |= {"baseline_value": _mean(baseline), "diff": found.value}
        return _check(rule, group, *found.answer, ci=found.ci, level=self._at(found), **named)

    def _at(self, found: "Judgement") -> float | None:
        return None if found.ci is None else self.level


def _check(rule: Rule, runs: Sequence[RunState], verdict: str, reason: str, **more: Any) -> Check:
    more.setdefault("metric", rule.metric)
    return Check(
        rule=rule.kind, limit=rule.limit, tolerance=rule.tolerance, source=rule.source, runs=list(runs),
        verdict=verdict, reason=reason, **more,
    )  # fmt: skip


def _who(some: Sequence[RunState], group: Sequence[RunState]) -> str:
    if len(group) == 1:
        return f"{some[0].name} has"
    if len(some) == len(group):
        return f"the {len(group)} runs have"
    return f"{len(some)} of {len(group)} runs {'has' if len(some) == 1 else 'have'}"


def _trouble(key: str, group: Sequence[RunState], summaries: Sequence[Summary | None]) -> str | None:
    """Say which last value of a group is no number."""
    for run, summary in zip(group, summaries, strict=True):
        if summary is not None and (summary.last is None or math.isnan(summary.last)):
            why = f" ({summary.undefined})" if summary.undefined else ""
            return f"{key} of {run.name} is {'undefined' if summary.last is None else 'NaN'}{why}"
    return None


def _mean(values: Sequence[float]) -> float:
    """Return the mean as a float: infinite where some values are, NaN where these disagree."""
    if all(map(math.isfinite, values)):
        return float(repeats.mean(values))
    if math.inf in values and -math.inf in values:
        return math.nan
    return math.inf if math.inf in values else -math.inf


class Judgement(msgspec.Struct, frozen=True):
    """The answer to a rule by values alone; `value` is what the rule limits: a mean, or a difference of means."""

    verdict: str
    reason: str
    value: float
    ci: tuple[float, float] | None = None

    @property
    def answer(self) -> tuple[str, str]:
        """The verdict and its reason."""
        return self.verdict, self.reason


def judge(rule: Rule, values: Sequence[float], baseline: Sequence[float], level: float) -> Judgement:
    """Hold the mean of values, or their difference from a baseline's, against a limit. No value is NaN.

    Where a value of several is infinite there is no interval: it can fail, and it never passes.
    """
    assert rule.limit is not None
    if not all(map(math.isfinite, [*values, *baseline])):
        return _judge_infinite(rule, values, baseline)
    found = repeats.mean(values) - (repeats.mean(baseline) if baseline else 0)
    half = repeats.half_width(level, values, baseline)
    room = _room(rule, found)
    verdict = PASS if room >= half else FAIL if room < -half else UNDECIDED
    one = len(values) == 1 and len(baseline) <= 1
    ci = None if one else (_float(found - half), _float(found + half))
    return Judgement(verdict, _reason(rule, verdict, _float(found), one), _float(found), ci)


def _room(rule: Rule, found: Fraction) -> Fraction:
    """Return how far a value may still get worse; below 0 it is past the limit."""
    limit, spare = repeats.exact(rule.limit or 0.0), repeats.exact(rule.tolerance)
    low = {"min": found - limit, "max_drop": found + limit}
    return low.get(rule.kind, limit - found) + spare


def _float(number: Fraction) -> float:
    """Return the nearest float, infinite beyond the greatest."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _judge_infinite(rule: Rule, values: Sequence[float], baseline: Sequence[float]) -> Judgement:
    found = _mean(values) - (_mean(baseline) if baseline else 0.0)
    if math.isnan(found):
        return Judgement(UNDECIDED, "infinite values leave no difference", found)
    past = found < 0 if rule.kind in ("min", "max_drop") else found > 0
    if past:
        return Judgement(FAIL, _reason(rule, FAIL, found, True), found)
    if len(values) == 1 and len(baseline) <= 1:
        return Judgement(PASS, _reason(rule, PASS, found, True), found)
    return Judgement(UNDECIDED, "an infinite value among several leaves no interval", found)


def _reason(rule: Rule, verdict: str, found: float, one: bool) -> str:
    """Say in words how a value, or the interval of several, stands to the limit."""
    if verdict == UNDECIDED:
        return "the interval straddles the limit: more repeats would narrow it"
    spare = f" {'less' if rule.kind == 'min' else 'plus'} the tolerance of {number(rule.tolerance)}"
    sign = -1.0 if rule.kind == "max_drop" else 1.0
    value, limit = column([sign * found, rule.limit]) if one else ("", number(rule.limit))
    limit += spare if rule.tolerance else ""
    if rule.kind in ("min", "max"):
        words = ("at least", "below") if rule.kind == "min" else ("at most", "above")
        return f"{value if one else 'the whole interval'} is {words[verdict == FAIL]} {limit}"
    noun, past = ("fall", "fell") if rule.kind == "max_drop" else ("rise", "rose")
    if not one:
        return f"the whole interval of the {noun} is {'above' if verdict == FAIL else 'at most'} {limit}"
    if sign * found <= 0 and verdict == PASS:
        return f"it did not {noun}"
    return f"it {past} by {value}, {'more than' if verdict == FAIL else 'at most'} {limit}"
