"""The catalog: whatever happens to it, the answers are those of the files; it only makes them quick."""

import os
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import DamagedFile
from ledger.format import layout
from ledger.format.rows import Rows
from ledger.store import catalog, fold
from ledger.store.catalog import Catalog
from ledger.store.shared import SharedWriter
from ledger.store.tree import Tree

IDS = [f"20261122-0315{i:02d}-run-{i:012x}" for i in range(8)]


class Counter:
    """Counts how often runs are folded."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.folded: list[str] = []
        real = fold.fold

        def spy(tree: Tree, run: str) -> Any:
            self.folded.append(run)
            return real(tree, run)

        patch.setattr(fold, "fold", spy)

    def take(self) -> list[str]:
        """Return what was folded since the last call, sorted."""
        taken, self.folded = sorted(self.folded), []
        return taken


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """Return who counts how often runs are folded."""
    return Counter(monkeypatch)


@pytest.fixture
def runs(tree: Tree, author: Any, rows: Callable[..., Rows]) -> list[str]:
    """Write eight closed runs that are old enough not to change unseen; return their ids, newest first."""
    for i, id in enumerate(IDS):
        who = type(author)(tree, id)
        who.open(1_000_000 + i, name=f"run{i % 3}", tags=["t"], params={"i": i, "large": 2**70})
        who.rows(rows("aa" * 6, [("x", step, float(i), 10) for step in range(3)]), 2_000_000 + i)
        who.write("close", 3_000_000 + i, status="finished")
        age(tree, id)
    return IDS[::-1]


def age(tree: Tree, run: str, seconds: float = 60.0) -> None:
    """Make a run's folder look as if nothing had been put there lately."""
    then = time.time_ns() - int(seconds * 1e9)
    os.utime(tree.path(layout.run_folder(run)), ns=(then, then))


def answers(tree: Tree) -> str:
    """Return all that a fresh look at the ledger says."""
    look = Catalog(tree)
    try:
        look.refresh()
        return repr(
            (
                look.states(),
                look.states(retracted=True),
                look.ids(),
                look.by_name("run1"),
                look.by_prefix("20261122"),
                look.newest(2),
                [look.state(run) for run in IDS],
            )
        )
    finally:
        look.close()


def test_runs_are_found_by_id_name_prefix_and_age(tree: Tree, runs: list[str]) -> None:
    """Newest first everywhere; the names of removed runs are not found, their ids are."""
    look = Catalog(tree)
    look.refresh()
    assert [state.id for state in look.states()] == runs
    assert [state.id for state in look.states(limit=2)] == runs[:2]
    assert look.by_name("run1") == [IDS[7], IDS[4], IDS[1]]
    assert look.by_prefix("20261122-031503") == [IDS[3]]
    assert look.by_prefix("20261122-0315") == runs
    assert look.by_prefix("2026112%") == []
    assert (look.newest(1), look.newest(8), look.newest(9)) == (runs[0], runs[7], None)
    assert look.state("20261122-031500-none-000000000000") is None
    state = look.state(IDS[3])
    assert state is not None
    assert state.params == {"i": 3, "large": 2**70}
    assert repr(state) == repr(fold.fold(tree, IDS[3]))


def test_a_settled_run_is_read_once(tree: Tree, runs: list[str], counter: Counter) -> None:
    """The second look folds nothing; one new file folds one run."""
    answers(tree)
    assert counter.take() == sorted(IDS)
    answers(tree)
    assert counter.take() == []
    from ledger.record import annotations

    annotations.annotate(tree, IDS[2], annotations.tag_operations(["star"]), "Ada")
    assert "star" in answers(tree)
    assert counter.take() == [IDS[2]]


def test_a_change_within_the_resolution_of_the_clock_is_seen(tree: Tree, runs: list[str], counter: Counter) -> None:
    """A folder that changed a moment ago may change again without its time showing: it is looked into again."""
    folder = Path(tree.path(layout.run_folder(IDS[2])))
    names = {path: path.read_bytes() for path in folder.glob("*-close-*")}
    for path in names:
        path.unlink()
    stamp = time.time_ns()
    os.utime(folder, ns=(stamp, stamp))
    assert "status='open'" in answers(tree)
    for path, data in names.items():
        path.write_bytes(data)
    os.utime(folder, ns=(stamp, stamp))
    assert "status='open'" not in answers(tree)


def test_a_clock_ahead_of_ours_is_not_trusted(tree: Tree, runs: list[str], counter: Counter) -> None:
    """A folder whose time lies in the future, as a server's clock may put it, is looked into every time."""
    age(tree, IDS[2], seconds=-3600)
    answers(tree)
    counter.take()
    (closed,) = Path(tree.path(layout.run_folder(IDS[2]))).glob("*-close-*")
    closed.unlink()
    age(tree, IDS[2], seconds=-3600)
    assert "status='open'" in answers(tree)


def test_rows_in_flight_are_seen_as_they_come(tree: Tree, runs: list[str]) -> None:
    """A run with a journal here is looked at whenever the journal grew, and once more when it is gone."""
    for path in Path(tree.path(layout.run_folder(IDS[2]))).glob("*-close-*"):
        path.unlink()
    age(tree, IDS[2])
    answers(tree)
    look = Catalog(tree)
    for value in (0.25, 0.5):
        with SharedWriter(tree, IDS[2], 1, since=20) as shared:
            shared.rows(9, None, {"x": value})
        look.refresh()
        state = look.state(IDS[2])
        assert state is not None
        assert state.metrics["x"].last == value
    for path in Path(tree.path("journal")).rglob("*.journal"):
        path.unlink()
    age(tree, IDS[2])
    look.refresh()
    state = look.state(IDS[2])
    assert state is not None
    assert state.metrics["x"].last == 2.0


def test_a_run_that_goes_away_is_gone(tree: Tree, runs: list[str]) -> None:
    """Checking out an older commit takes runs away, or leaves empty folders: neither is shown."""
    answers(tree)
    for path in Path(tree.path(layout.run_folder(IDS[2]))).iterdir():
        path.unlink()
    look = Catalog(tree)
    look.refresh()
    assert IDS[2] not in [state.id for state in look.states()]
    os.rmdir(tree.path(layout.run_folder(IDS[2])))
    look.refresh()
    assert len(look.states()) == 7


def test_a_run_that_was_only_a_journal_is_gone_with_it(tree: Tree, runs: list[str]) -> None:
    """A journal that somebody deletes takes a run with it that had nothing else."""
    only = "20261122-031509-only-0000000000ff"
    with SharedWriter(tree, only, 1, since=20) as shared:
        shared.rows(1, None, {"x": 1.0})
    look = Catalog(tree)
    look.refresh()
    assert look.state(only) is not None
    for path in Path(tree.path("journal")).rglob("*.journal"):
        path.unlink()
    look.refresh()
    assert look.state(only) is None
    assert only not in [id for id, _, _ in look.ids()]


def test_a_damaged_run_is_told_and_the_others_are_shown(tree: Tree, runs: list[str]) -> None:
    """It is no reason to refuse the ledger; once it is whole again it is back, in the same process too."""
    (segment,) = Path(tree.path(layout.run_folder(IDS[2]))).glob("*.parquet")
    data = segment.read_bytes()
    segment.write_bytes(data[:-1])
    look = Catalog(tree)
    look.refresh()
    assert len(look.states()) == 7
    assert list(look.damaged) == [IDS[2]]
    with pytest.raises(DamagedFile, match="does not|do not have"):
        look.state(IDS[2])
    segment.write_bytes(data)
    look.refresh()
    assert (look.damaged, len(look.states())) == ({}, 8)


def zeros(data: bytes) -> bytes:
    """Return a file whose second half is lost."""
    return data[: len(data) // 2] + bytes(len(data) - len(data) // 2)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "deleted": lambda data: b"",
    "garbage": lambda data: os.urandom(len(data)),
    "text": lambda data: b"not a database",
    "cut": lambda data: data[: len(data) // 2],
    "cut to a page": lambda data: data[:4096],
    "half zero": zeros,
    "pages": lambda data: data[:4096] + os.urandom(len(data) - 4096),
    "header": lambda data: os.urandom(100) + data[100:],
    "a state": lambda data: data.replace(b"finished", b"Finished"),
    "another state": lambda data: data.replace(b"finished", b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_catalog_that_is_damaged_changes_no_answer(tree: Tree, runs: list[str], how: str) -> None:
    """Deleted, cut, overwritten or altered: it is made again from the files, and nobody is asked anything."""
    expected = answers(tree)
    path = Path(catalog.path_for(tree))
    data = path.read_bytes()
    bad = DAMAGE[how](data)
    assert bad != data
    path.write_bytes(bad)
    if how == "deleted":
        path.unlink()
    assert answers(tree) == expected
    assert answers(tree) == expected


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_bytes_that_are_overwritten_anywhere_change_no_answer(tree: Tree, runs: list[str], seed: int) -> None:
    """1 to 64 bytes in any place, in pages of indexes too, which SQLite does not check: the same answers."""
    from ledger.record import annotations

    annotations.retract(tree, IDS[3], "Ada", target=IDS[3])
    age(tree, IDS[3])
    expected = answers(tree)
    path = Path(catalog.path_for(tree))
    data, chance = path.read_bytes(), random.Random(seed)
    for _ in range(150):
        at, count = chance.randrange(len(data)), chance.choice([1, 1, 2, 8, 64])
        some = chance.randbytes(len(data[at : at + count]))
        path.write_bytes(data[:at] + some + data[at + len(some) :])
        assert answers(tree) == expected, (at, some)


def test_what_was_swapped_is_noticed(tree: Tree, runs: list[str]) -> None:
    """Whole rows that are sound by themselves, but of another run, older, or gone, are not believed."""
    expected = answers(tree)
    statements = [
        f"UPDATE state SET packed = (SELECT packed FROM state WHERE id = '{IDS[1]}') WHERE id = '{IDS[2]}'",
        f"UPDATE run SET head = (SELECT head FROM run WHERE id = '{IDS[1]}') WHERE id = '{IDS[2]}'",
        f"DELETE FROM run WHERE id = '{IDS[2]}'",
        f"DELETE FROM state WHERE id = '{IDS[2]}'",
        f"UPDATE run SET head = 7 WHERE id = '{IDS[2]}'",
        f"UPDATE state SET packed = NULL WHERE id = '{IDS[2]}'",
        "DELETE FROM whole",
        "UPDATE whole SET checksum = 'x'",
    ]
    for statement in statements:
        with sqlite3.connect(catalog.path_for(tree), isolation_level=None) as db:
            assert db.execute(statement).rowcount >= 1
        db.close()
        assert answers(tree) == expected, statement


def test_two_who_look_at_once_do_not_undo_each_other(tree: Tree, runs: list[str], counter: Counter) -> None:
    """One looks, another one writes what is newer, the first one writes: nothing has to be made again."""
    age(tree, IDS[2], seconds=0)  # young: it is looked into, and its time is noted
    first = Catalog(tree)
    first.refresh()
    counter.take()
    real = first._write

    def write(*given: Any) -> None:
        with SharedWriter(tree, IDS[2], 1, since=20) as shared:
            shared.rows(9, None, {"x": 0.125})
        assert "0.125" in answers(tree)
        real(*given)

    age(tree, IDS[2])
    first._write = write  # type: ignore[method-assign]
    first.refresh()
    first._write = real  # type: ignore[method-assign]
    assert "0.125" in repr(first.state(IDS[2]))
    assert "0.125" in answers(tree)
    assert counter.take() == [IDS[2]]


def test_a_catalog_of_another_shape_is_made_again(tree: Tree, runs: list[str]) -> None:
    """Tables that are missing, or belong to another version, are no reason to fail."""
    expected = answers(tree)
    for statement in ("DROP TABLE run", "PRAGMA user_version = 999", "ALTER TABLE run DROP COLUMN head"):
        with sqlite3.connect(catalog.path_for(tree), isolation_level=None) as db:
            db.execute(statement)
        db.close()
        assert answers(tree) == expected


@pytest.mark.parametrize("what", ["a file", "nowhere", "a folder in its place", "read-only"])
def test_where_no_catalog_can_be_written_the_answers_are_the_same(
    tree: Tree, runs: list[str], workdir: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """It is kept in memory then, and nothing is said: a read-only home is no error."""
    expected = answers(tree)
    cache = workdir / "cache"
    monkeypatch.setenv("LEDGER_CACHE_DIR", str(cache) if what != "nowhere" else "/proc/nowhere")
    if what == "a file":
        cache.write_text("x")
    elif what == "a folder in its place":
        os.makedirs(catalog.path_for(tree))
    elif what == "read-only":
        answers(tree)
        real = sqlite3.connect

        def connect(name: str, **given: Any) -> sqlite3.Connection:
            return real(name if name == ":memory:" else f"file:{name}?mode=ro", uri=True, **given)

        monkeypatch.setattr(sqlite3, "connect", connect)
        from ledger.record import annotations

        annotations.annotate(tree, IDS[2], annotations.tag_operations(["star"]), "Ada")
        assert "star" in answers(tree)
        return
    assert answers(tree) == expected


def test_a_busy_catalog_does_not_make_anybody_wait_for_ever(
    tree: Tree, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process writes it, the answer comes from the files."""
    expected = answers(tree)
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda name, timeout=0, **given: real(name, timeout=0.01, **given))
    other = real(catalog.path_for(tree), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        assert answers(tree) == expected
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert answers(tree) == expected


def test_ledgers_do_not_share_a_catalog(tree: Tree, runs: list[str], workdir: Path) -> None:
    """A copy in another folder, and another ledger in the same place, have catalogs of their own."""
    first = catalog.path_for(tree)
    other = Tree(str(workdir / "other" / ".ledger"))
    other.prepare()
    assert catalog.path_for(other) != first
    os.rename(workdir / ".ledger", workdir / "moved")
    tree.prepare()
    assert catalog.path_for(tree) != first
    (workdir / "link").symlink_to(workdir / "moved")
    assert catalog.path_for(Tree(str(workdir / "link"))) == catalog.path_for(Tree(str(workdir / "moved")))


def test_the_catalog_is_never_inside_the_ledger(tree: Tree, runs: list[str]) -> None:
    """Readers write nothing under `.ledger`: a pull request could plant a catalog there."""
    before = sorted(Path(tree.root).rglob("*"))
    answers(tree)
    assert sorted(Path(tree.root).rglob("*")) == before
    assert not catalog.path_for(tree).startswith(tree.root)


def test_a_number_that_no_writer_stores_is_damage_of_its_run(tree: Tree, author: Any, runs: list[str]) -> None:
    """A made-up entry with a seed beyond 64 bits costs its own run, not the ledger."""
    bad = IDS[0].replace("0000", "ffff")
    type(author)(tree, bad).open(9_000_000, seed=2**70)
    look = Catalog(tree)
    look.refresh()
    assert len(look.states()) == 8
    with pytest.raises(DamagedFile, match="beyond 64 bits"):
        look.state(bad)


@pytest.mark.parametrize("error", [RecursionError("too deep"), MemoryError(), TypeError("a\nb"), PermissionError("no")])
def test_whatever_one_run_does_the_others_are_seen(
    tree: Tree, runs: list[str], error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw is damage of the run whose files raised it, and names itself."""
    real = fold.fold

    def fail(tree: Tree, run: str) -> Any:
        if run == IDS[3]:
            raise error
        return real(tree, run)

    monkeypatch.setattr(fold, "fold", fail)
    look = Catalog(tree)
    look.refresh()
    assert [state.id for state in look.states()] == [run for run in runs if run != IDS[3]]
    with pytest.raises(DamagedFile, match=f"{IDS[3]} cannot be read: {type(error).__name__}"):
        look.check(IDS[3])
    look.close()


def test_gather_says_unforeseen_errors_as_damage(tree: Tree, runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading one run turns an unforeseen error into damage too; Ctrl-C stays what it is."""
    for error, expected in ((OverflowError("x"), DamagedFile), (KeyboardInterrupt(), KeyboardInterrupt)):

        def fail(*_: Any, error: BaseException = error) -> Any:
            raise error

        monkeypatch.setattr(fold.entries, "read_all", fail)
        with pytest.raises(expected):
            fold.gather(tree, runs[0])
