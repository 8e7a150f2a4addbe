"""Entries in the store: in order of time, linked to the ones they followed, refused where they cannot be trusted."""

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import DamagedFile, NewerFormat
from ledger.format import entries as form
from ledger.format import layout
from ledger.store import entries
from ledger.store.tree import Tree


def folder_of(tree: Tree, run: str) -> Path:
    """Return a run's folder."""
    return Path(tree.root, layout.run_folder(run))


def read(tree: Tree, run: str) -> entries.Found:
    """Return all entries of a run."""
    return entries.read_all(tree, layout.run_folder(run), run)


def put(tree: Tree, run: str, document: dict[str, Any]) -> Path:
    """Write an entry of any content under the name that its bytes ask for."""
    import hashlib

    data = json.dumps(document).encode()
    name = layout.entry_name(form.Entry(**_head(run)).time_us, "future", hashlib.sha256(data).hexdigest())
    path = folder_of(tree, run) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _head(run: str) -> dict[str, Any]:
    return form.header("future", run, 5_000_000, "Ada", [])


def test_entries_come_back_in_order_of_time(tree: Tree, run: str, author: Any) -> None:
    """Whatever the order of writing, they are read by time, then by id; other files are none of ours."""
    late = author.say(300, ("add", "b", None), after=[])
    early = author.say(100, ("add", "a", None), after=[])
    first = author.open(1)
    Path(folder_of(tree, run), "notes.txt").write_text("x")
    Path(folder_of(tree, run), "0123456789abcdef.parquet").write_text("x")
    found = read(tree, run)
    assert [item.id for item in found.read] == [first, early, late]
    assert found.notices == []
    twins = [author.say(300, ("add", name, None), after=[]) for name in "cdef"]
    assert [item.id for item in read(tree, run).read][2:] == sorted([late, *twins])


def test_an_entry_names_those_that_nobody_had_followed(tree: Tree, run: str, author: Any) -> None:
    """Heads are the ends of the graph: one after a chain, two after a fork, one again when it is joined."""
    first = author.open(1)
    left = author.say(2, ("add", "l", None), after=[first])
    right = author.say(3, ("add", "r", None), after=[first])
    assert entries.heads(read(tree, run).read) == sorted([left, right])
    joined = author.say(4, ("add", "j", None))
    found = read(tree, run).read
    assert entries.heads(found) == [joined]
    assert found[-1].entry.after == sorted([left, right])


def test_writing_an_entry_again_changes_nothing(tree: Tree, run: str, author: Any) -> None:
    """The same entry has the same bytes and the same name."""
    author.open(1)
    entry = read(tree, run).read[0].entry
    assert entries.write(tree, entry) == read(tree, run).read[0].id
    assert len(tree.names(layout.run_folder(run))) == 1


@pytest.mark.parametrize("what", ["altered", "emptied", "cut"])
def test_an_entry_whose_bytes_changed_is_damage(tree: Tree, run: str, author: Any, what: str) -> None:
    """The name carries the hash of the bytes: whatever else lies there is refused."""
    author.open(1)
    path = folder_of(tree, run) / read(tree, run).read[0].name
    data = path.read_bytes()
    path.write_bytes({"altered": data.replace(b"Ada", b"Eve"), "emptied": b"", "cut": data[:-5]}[what])
    with pytest.raises(DamagedFile, match="sha256"):
        read(tree, run)


def test_an_unknown_kind_is_skipped_and_said(tree: Tree, run: str, author: Any) -> None:
    """A newer ledger may add kinds: they are left out, with a notice, unless they must be understood."""
    author.open(1)
    put(tree, run, _head(run))
    found = read(tree, run)
    assert [item.entry.kind for item in found.read] == ["open"]
    assert ["unknown kind 'future'" in notice for notice in found.notices] == [True]
    put(tree, run, {**_head(run), "must_understand": True})
    with pytest.raises(NewerFormat, match="must be understood"):
        read(tree, run)


def test_a_newer_format_is_refused_by_name(tree: Tree, run: str, author: Any) -> None:
    """A file of a higher format says which, and which one this version reads."""
    author.open(1)
    path = put(tree, run, {**_head(run), "format": layout.FORMAT + 1})
    with pytest.raises(NewerFormat, match=f"has format {layout.FORMAT + 1}; .* up to {layout.FORMAT}") as caught:
        read(tree, run)
    assert path.name in str(caught.value)
    assert "pip install --upgrade" in str(caught.value)


def test_an_entry_of_another_run_is_left_out_and_said(tree: Tree, run: str, author: Any) -> None:
    """What lies in the wrong folder counts for neither run."""
    other = run.replace("7f3a", "8f3a")
    author.open(1)
    name = read(tree, run).read[0].name
    folder_of(tree, other).mkdir(parents=True)
    (folder_of(tree, other) / name).write_bytes((folder_of(tree, run) / name).read_bytes())
    found = read(tree, other)
    assert found.read == []
    assert [run in notice for notice in found.notices] == [True]


@pytest.fixture
def retraction(run: str) -> Callable[[str, str, int], entries.Read]:
    """Return a function that makes a retraction with an id and a target."""

    def make(id: str, target: str, time: int) -> entries.Read:
        return entries.Read(id, form.Retract(**form.header("retract", run, time, "Ada", []), target=target), "")

    return make


def test_a_retraction_of_a_retraction_restores(retraction: Callable[..., entries.Read], run: str) -> None:
    """A retraction counts unless a retraction that counts takes it out; so on along the chain."""
    chain = [retraction("a", run, 1), retraction("b", "a", 2), retraction("c", "b", 3)]
    assert entries.retracted(chain[:1]) == {run}
    assert entries.retracted(chain[:2]) == {"a"}
    assert entries.retracted(chain) == {run, "b"}


def test_two_branches_that_remove_and_one_that_restores(retraction: Callable[..., entries.Read], run: str) -> None:
    """Restoring takes out the retractions it knew; one made on another branch at the same time still counts."""
    known, unknown = retraction("a", run, 1), retraction("b", run, 2)
    restored = retraction("c", "a", 3)
    assert entries.retracted([known, restored]) == {"a"}
    assert entries.retracted([known, unknown, restored]) == {run, "a"}


def test_a_circle_of_retractions_ends(retraction: Callable[..., entries.Read], run: str) -> None:
    """Honest writers name only older entries; a made-up circle neither hangs nor raises, and something of it counts."""
    circle = [retraction("a", "b", 1), retraction("b", "a", 2)]
    assert entries.retracted(circle) == entries.retracted(circle) != set()
    assert entries.retracted([retraction("a", "a", 1)]) == {"a"}


@given(
    st.lists(st.integers(-1, 30), max_size=12).flatmap(lambda t: st.tuples(st.just(t), st.permutations(range(len(t)))))
)
def test_retractions_do_not_depend_on_the_order_of_reading(drawn: tuple[list[int], list[int]]) -> None:
    """Each retracts the run or an older retraction; whatever the order, exactly those count that the rule says."""
    targets, order = drawn
    numbered = [t % i if i else -1 for i, t in zip(count(), targets, strict=False)]  # -1 is the run
    stands: dict[int, bool] = {}
    for i in reversed(range(len(numbered))):  # the newest is retracted by nobody
        stands[i] = not any(stands[j] for j in range(i + 1, len(numbered)) if numbered[j] == i)
    reads = [
        entries.Read(str(i), form.Retract(**form.header("retract", "r", i, "Ada", []), target=str(t)), "")
        for i, t in enumerate(numbered)
    ]
    expected = {str(t) for i, t in enumerate(numbered) if stands[i]}
    assert entries.retracted([reads[i] for i in order]) == expected


def test_a_very_long_chain_of_retractions(retraction: Callable[..., entries.Read], run: str) -> None:
    """Its length is no limit: the newest stands, every second one before it falls."""
    chain = [retraction(f"r{i}", f"r{i - 1}" if i else run, i + 1) for i in range(3000)]
    assert entries.retracted(chain) == {f"r{i}" for i in range(0, 2999, 2)}
    assert entries.retracted(chain[:-1]) == {run, *(f"r{i}" for i in range(1, 2998, 2))}
