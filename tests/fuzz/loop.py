"""The loop that throws mutated inputs at a law: without coverage, the same inputs for the same number."""

import contextlib
import random
import signal
from collections.abc import Iterator
from typing import NamedTuple

from tests.fuzz.laws import Target
from tests.fuzz.mutations import mutate

HANG_SECONDS = 20
_POOL = 500


class Count(NamedTuple):
    """How many inputs were tried, and how many of them were accepted."""

    tried: int
    accepted: int


class LawBrokenError(Exception):
    """An input that breaks a law: the message says it in full."""

    def __init__(self, data: bytes) -> None:
        super().__init__(f"the law does not hold for {data!r}")
        self.data = data


@contextlib.contextmanager
def limited(seconds: float = HANG_SECONDS) -> Iterator[None]:
    """Raise TimeoutError inside the block when it takes longer than that."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"no answer after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run(target: Target, runs: int, number: int = 0) -> Count:
    """Try seeds and `runs` inputs made of them; raises LawBrokenError with the first that breaks the law.

    Accepted inputs are mutated further, as they lead deeper than what is refused at once.
    """
    chance = random.Random(number)
    pool = list(target.seeds())
    first, accepted = len(pool), 0
    for i in range(first + runs):
        data = pool[i] if i < first else mutate(chance.choice(pool), pool, chance)
        try:
            with limited():
                taken = target.law(data)
        except Exception as error:
            raise LawBrokenError(data) from error
        accepted += taken
        if taken and i >= first:
            if len(pool) < _POOL:
                pool.append(data)
            else:
                pool[chance.randrange(first, _POOL)] = data
    return Count(first + runs, accepted)
