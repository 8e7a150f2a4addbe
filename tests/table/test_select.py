"""Which runs are meant: ids, prefixes, names, `@n`, best and tag selectors, patterns; what is said of unknown ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.errors import AmbiguousRun, InvalidFilter, LedgerError, NoSuchRun
from ledger.format import ids
from ledger.table import select

pytestmark = pytest.mark.usefixtures("workdir")


@pytest.fixture
def led(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> ledger.Ledger:
    """Make six closed runs: base, cv-0, cv-1, cv-2, base again, and one called like a beginning of an id."""
    from ledger.record import start

    numbers = iter(range(1, 100))
    clock = iter(range(1_795_317_301_000_000, 1_795_317_401_000_000, 1_000_000))
    monkeypatch.setattr(start, "now_us", lambda: next(clock))
    monkeypatch.setattr(ids, "make_run_id", _numbered(ids.make_run_id, numbers))
    for i, name in enumerate(["base", "cv-0", "cv-1", "cv-2", "base", "20261122"]):
        with ledger.start(name, params={"i": i}, tags=["cv"] if name.startswith("cv") else ["star"]) as run:
            run.log({"val/auc": 0.5 + i / 10, "loss": i / 10})
    return ledger.open()


def _numbered(real: Callable[..., str], numbers: Any) -> Callable[..., str]:
    return lambda time, name, random: real(time, name, next(numbers).to_bytes(1, "big") + b"\xab\xcd\xef\x01\x02")


def names(led: ledger.Ledger, *words: str, **given: Any) -> list[tuple[str, int]]:
    """Return (name, param i) of the runs that words mean."""
    return [(state.name, state.params["i"]) for state in led.select(*words, **given)]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("@1", 5),
        ("@6", 0),
        ("base", 4),
        ("cv-1", 2),
        ("20261122", 5),
        ("run:cv-1", 2),
        ("run:@2", 4),
        ("01ab", 0),
        ("03abcdef0102", 2),
        ("20261122-031502", 1),
        ("20261122-031503-cv-1-03", 2),
        ("tag:cv", 3),
        ("tag:star", 5),
        ("best:val/auc", 5),
        ("worst:val/auc", 0),
        ("best:loss", 0),
        ("worst:loss", 5),
    ],
)
def test_a_word_names_one_run(led: ledger.Ledger, word: str, expected: int) -> None:
    """The newest of a name; a name before a beginning of an id; the goal of the metric decides what is best."""
    assert led.state(word).params["i"] == expected
    assert led.resolve(word) == led.state(word).id
    assert led.run(word).id == led.resolve(word)


def test_a_whole_id_names_its_run(led: ledger.Ledger) -> None:
    """Also with `run:` in front."""
    for state in led.select():
        assert led.state(state.id).params == state.params
        assert led.state(f"run:{state.id}").params == state.params


@pytest.mark.parametrize(
    ("word", "error", "text"),
    [
        ("bas", NoSuchRun, "did you mean base?"),
        ("cv", NoSuchRun, "ledger ls"),
        ("nope", NoSuchRun, "no run 'nope'"),
        ("", NoSuchRun, "no run ''"),
        ("2026", AmbiguousRun, "fits 6 runs"),
        ("20261122-0315", AmbiguousRun, "fits 6 runs"),
        ("@0", NoSuchRun, "@1 is the newest"),
        ("@x", NoSuchRun, "@1 is the newest"),
        ("@", NoSuchRun, "@1 is the newest"),
        ("@7", NoSuchRun, "the ledger has 6"),
        ("@\u0661", NoSuchRun, "@1 is the newest"),
        ("@" + "9" * 30, NoSuchRun, "has 6"),
        ("tag:sta", NoSuchRun, "did you mean star"),
        ("@" + "9" * 5000, NoSuchRun, "has 6"),
        ("best:nope", LedgerError, "nope"),
        ("best:", LedgerError, ""),
        ("20261122-031501-base-ffffffffffff", NoSuchRun, "did you mean"),
        ("BASE", NoSuchRun, "no run 'BASE'"),
        ("01a", NoSuchRun, "no run"),
        ("\udcff", NoSuchRun, "no run"),
        ("a\x00b", NoSuchRun, "no run"),
        ("%", NoSuchRun, "no run"),
        ("_" * 33, NoSuchRun, "no run"),
    ],
)
def test_a_word_that_names_none_says_what_is_near(
    led: ledger.Ledger, word: str, error: type[LedgerError], text: str
) -> None:
    """Exit 4 and the nearest known name; of an ambiguous beginning, the runs that fit."""
    with pytest.raises(error) as caught:
        led.state(word)
    assert text in str(caught.value)
    assert caught.value.exit_code in ((4,) if error is not LedgerError else (2, 4))


def test_an_empty_ledger_says_so(workdir: Path) -> None:
    """No runs yet: no list of near names."""
    (workdir / ".ledger").mkdir()
    led = ledger.open()
    with pytest.raises(NoSuchRun, match="no runs yet"):
        led.state("base")
    with pytest.raises(NoSuchRun, match="the ledger has 0"):
        led.state("@1")
    assert led.select() == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), [5, 4, 3, 2, 1, 0]),
        (("cv-*",), [3, 2, 1]),
        (("cv-[02]",), [3, 1]),
        (("tag:cv",), [3, 2, 1]),
        (("tag:*",), [5, 4, 3, 2, 1, 0]),
        (("run:b*",), [4, 0]),
        (("cv-1", "@1"), [2, 5]),
        (("cv-1", "cv-*"), [2, 3, 1]),
        (("base", "base"), [4]),
        (("best:val/auc", "worst:val/auc"), [5, 0]),
        (("?v-0",), [1]),
    ],
)
def test_words_name_many_runs(led: ledger.Ledger, words: tuple[str, ...], expected: list[int]) -> None:
    """In the order of the words, each run once; patterns and tags newest first; none means all."""
    assert [number for _, number in names(led, *words)] == expected


def test_runs_are_filtered_sorted_and_cut(led: ledger.Ledger) -> None:
    """A filter lets pass, a column sorts, a limit cuts what is left; limit 0 is none."""
    assert [i for _, i in names(led, where="val/auc >= 0.7 and tag = 'cv'")] == [3, 2]
    assert [i for _, i in names(led, sort="loss")] == [0, 1, 2, 3, 4, 5]
    assert [i for _, i in names(led, "cv-*", sort=["-val/auc"], limit=2)] == [3, 2]
    assert [i for _, i in names(led, limit=2)] == [5, 4]
    assert names(led, limit=0) == []
    assert names(led, status=["failed"]) == []
    assert len(names(led, status=["finished", "failed"])) == 6
    with pytest.raises(InvalidFilter, match="must not be negative"):
        led.select(limit=-1)


@pytest.mark.parametrize("word", ["x*", "tag:x*", "tag:x", "run:x*"])
def test_a_pattern_that_fits_none_is_no_silent_nothing(led: ledger.Ledger, word: str) -> None:
    """Whoever names runs that are not there is told."""
    with pytest.raises(NoSuchRun):
        led.select(word)


def test_removed_runs_are_found_only_to_bring_them_back(led: ledger.Ledger) -> None:
    """Out of names, numbers, tags and patterns; by id the error says how to restore."""
    gone = led.resolve("@1")
    led.remove("@1")
    led.remove("cv-1")
    assert [i for _, i in names(led)] == [4, 3, 1, 0]
    assert led.state("@1").params["i"] == 4
    assert [i for _, i in names(led, "cv-*")] == [3, 1]
    with pytest.raises(NoSuchRun, match="removed from view") as caught:
        led.state(gone)
    assert f"ledger restore {gone}" in str(caught.value)
    assert led.state("cv-1", retracted=True).params["i"] == 2
    led.remove("base")
    assert led.state("base").params["i"] == 0
    assert led.state("base", retracted=True).params["i"] == 4  # the removed one is meant


@pytest.mark.parametrize(
    ("word", "plain"),
    [
        ("baseline", True),
        ("a b", True),
        ("@1", False),
        ("tag:x", False),
        ("best:x", False),
        ("main..x", False),
        ("20261122-031501-base-7f3a9c2e1b0d", False),
        ("20261122-031501", False),
        ("20261122-0315", True),
        ("20261122", True),
        ("run:x", False),
        ("", True),
    ],
)
def test_only_a_plain_name_may_make_a_run(word: str, plain: bool) -> None:
    """Ids and selectors never create: a typing error must not become a run."""
    assert select.is_plain_name(word) == plain
