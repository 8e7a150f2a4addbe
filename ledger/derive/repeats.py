"""Repeats: runs that differ by their random seed alone are one experiment; what its values say together.

Values are taken as the decimal numbers that they are written as, and compared exactly: 0.90 to 0.89 is a drop of 0.01,
not more. Only the half-width of an interval is rounded.
"""

import json
import math
import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from ledger.store.state import RunState
from ledger.table.columns import flatten

_SEED_PARAMS = ("random_state", "rng")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@lru_cache(4096)
def is_seed(param: str) -> bool:
    """Say whether a parameter is a random seed by its name: `seed`, `data_seed`, `np.randomSeed`, `random_state`."""
    last = _CAMEL.sub("_", param.rpartition(".")[2].strip('"')).lower()
    return last in _SEED_PARAMS or bool({"seed", "seeds"} & set(re.split(r"[^a-z]+", last)))


def experiment(run: RunState) -> tuple[str, ...]:
    """Return what repeats of a run have in common: params without seeds, and group; where it has no params, its name.

    A number at the name's end that is the seed counts for nothing: `small-s1` and `small-s2` are called alike.
    """
    params = {name: value for name, value in flatten(run.params).items() if not is_seed(name)}
    text = json.dumps(params, sort_keys=True, default=str)
    return text, run.group or "", "" if params else stem(run)


def stem(run: RunState) -> str:
    """Return a run's name without its seed at the end."""
    for value in (run.seed, *_seeds(run).values()):
        if isinstance(value, int):
            short = re.sub(rf"(?:[-_. ](?:seed|s)?|seed)[-_.= ]?{value}$", "", run.name)
            if short not in ("", run.name):
                return short
    return run.name


def seed(run: RunState) -> str | None:
    """Return what tells a run from its repeats, or None where it has no seed."""
    seeds = _seeds(run)
    own = run.seed if run.seed is not None else seeds.pop("seed", None)
    if seeds.get("seed", own) == own:
        seeds.pop("seed", None)
    return None if own is None and not seeds else json.dumps([own, seeds], sort_keys=True, default=str)


def _seeds(run: RunState) -> dict[str, Any]:
    return {name: value for name, value in flatten(run.params).items() if is_seed(name)}


def newest_first(runs: Sequence[RunState]) -> list[RunState]:
    """Return runs in the one order that all answers are made in, whatever order they came in."""
    return sorted(runs, key=lambda run: (run.created, run.id), reverse=True)


def groups(runs: Sequence[RunState], *, each: bool = False) -> list[list[RunState]]:
    """Return the runs by experiment, newest first; with `each`, or without a seed, a run stands alone.

    A seed that ran again is no repeat of itself: the newest run of each seed are a group, the ones before another.
    """
    found: dict[tuple[Any, ...], list[RunState]] = {}
    times: dict[tuple[Any, ...], int] = {}
    for run in newest_first(runs):
        own = None if each else seed(run)
        if own is None:
            found[run.id,] = [run]
            continue
        alike = experiment(run)
        times[alike, own] = times.get((alike, own), 0) + 1
        found.setdefault((alike, times[alike, own]), []).append(run)
    return list(found.values())


def mean(values: Sequence[float]) -> Fraction:
    """Return the exact mean of finite values, each taken as the decimal number it is written as."""
    return sum(map(exact, values), Fraction(0)) / len(values)


def exact(value: float) -> Fraction:
    """Return a finite float as the decimal number it is written as."""
    return Fraction(repr(float(value)))


def half_width(level: float, values: Sequence[float], against: Sequence[float] = ()) -> Fraction:
    """Return half the width of the t-interval of a mean, or of the difference of two means (Welch).

    0 where nothing is known of the spread: single values, or all of them equal. A single value against several is
    taken to vary as those do.
    """
    spread, count = _variance(values), len(values)
    if not against:
        return _times_t(spread / count, count - 1, level) if spread else Fraction(0)
    other, others = _variance(against), len(against)
    if min(count, others) == 1:
        spread, others = spread or other, max(count, others)
        return _times_t(spread * (1 + Fraction(1, others)), others - 1, level) if spread else Fraction(0)
    a, b = spread / count, other / others
    if not a + b:
        return Fraction(0)
    freedom = (a + b) ** 2 / (a**2 / (count - 1) + b**2 / (others - 1))
    return _times_t(a + b, freedom, level)


def _variance(values: Sequence[float]) -> Fraction:
    if len(values) < 2:
        return Fraction(0)
    middle = mean(values)
    return sum(((exact(value) - middle) ** 2 for value in values), Fraction(0)) / (len(values) - 1)


def _times_t(variance: Fraction, freedom: Fraction | int, level: float) -> Fraction:
    """Return the root of a variance times the quantile of Student's t."""
    from scipy.special import stdtrit

    # Whole numbers have no range that squares of small or large values could leave.
    scale = 4 ** max(0, 128 - (variance.numerator.bit_length() - variance.denominator.bit_length()) // 2)
    root = Fraction(math.isqrt(variance.numerator * scale // variance.denominator), math.isqrt(scale))
    return root * Fraction(float(stdtrit(float(freedom), (1 + level) / 2)))
