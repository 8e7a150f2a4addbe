"""The log is read in order of rank, each entry once, and an entry that cannot be trusted is refused."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import Damage, DamagedFile, NewerFormat
from ledger.format import entries as form
from ledger.format import ids, layout
from ledger.store import entries, labels
from ledger.store.tree import Tree

DAY = 86_400_000_000
START = 20_000 * DAY
COLUMN = form.ColumnRef("ab" * 32, "cd" * 32, "int64")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Return an empty ledger."""
    return Tree(str(tmp_path / ".ledger"))


def put(tree: Tree, at: int, time: int, **more: Any) -> str:
    """Write an entry of labels; return its id."""
    header = form.header("labels", "", START + time, "Ada", [])
    columns = {"ids": COLUMN, "label": COLUMN}
    return entries.write(tree, form.Labels(**header, at=ids.rfc3339(START + at), rows=1, columns=columns, **more))


def test_they_lie_under_their_day_and_rank_by_when_they_were_known(tree: Tree) -> None:
    """Two days have a folder each; the order is that of (known since, written, id)."""
    late = put(tree, 5, 10)
    early = put(tree, 1, 10 + DAY)
    first, second = sorted((put(tree, 3, 11, split="a"), put(tree, 3, 11, split="b")))
    assert sorted(os.listdir(tree.path("log"))) == [ids.rfc3339(START)[:10], ids.rfc3339(START + DAY)[:10]]
    assert [one.id for one in labels.read(tree).sets] == [early, first, second, late]
    assert [path.count("/") for path in labels.paths(tree)] == [2] * 4


def test_an_empty_ledger_has_none(tree: Tree) -> None:
    """No folder is no labels."""
    assert labels.read(tree) == labels.Log([], [], [])


def test_one_that_lies_under_two_days_is_read_once(tree: Tree) -> None:
    """Where it belongs, if it is there too; under whatever day, if not."""
    id = put(tree, 1, 1)
    (path,) = labels.paths(tree)
    copy = Path(tree.path("log/2000-01-01")) / path.rpartition("/")[2]
    copy.parent.mkdir()
    copy.write_bytes(tree.read(path))
    assert (labels.paths(tree), [one.id for one in labels.read(tree).sets]) == ([path], [id])
    os.remove(tree.path(path))
    assert [one.path for one in labels.read(tree).sets] == [f"log/2000-01-01/{copy.name}"]


def test_retractions_may_be_retracted(tree: Tree) -> None:
    """A set is out of view while a retraction of it counts; one of what is not here changes nothing."""
    id = put(tree, 1, 1)
    states = []
    target = id
    for step in range(4):
        states.append([one.retracted for one in labels.read(tree).sets])
        header = form.header("retract", "", START + 10 + step, "Ada", [])
        target = entries.write(tree, form.Retract(**header, target=target))
    assert states == [[False], [True], [False], [True]]
    entries.write(tree, form.Retract(**form.header("retract", "", START + 20, "Ada", []), target="0" * 16))
    assert [one.retracted for one in labels.read(tree).sets] == [False]


def plant(tree: Tree, content: dict[str, Any], kind: str, stamp: str = "20241004-000000-000009") -> str:
    """Write any entry of the log under a name that fits its bytes; return its path."""
    data = json.dumps(content).encode()
    path = f"log/2024-10-04/{stamp}-{kind}-{hashlib.sha256(data).hexdigest()[:16]}.json"
    Path(tree.path(path)).parent.mkdir(parents=True, exist_ok=True)
    Path(tree.path(path)).write_bytes(data)
    return path


BASE = {"format": 0, "kind": "labels", "time": "2024-10-04T00:00:00.000009Z", "author": "Eve"}
COLUMNS = {name: {"blob": "ab" * 32, "digest": "cd" * 32, "dtype": "int64"} for name in ("ids", "label")}
SOUND = {**BASE, "at": "2024-10-01T00:00:00.000000Z", "rows": 1, "columns": COLUMNS}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"at": "soon"}, "not a time"),
        ({"at": "2024-02-30T00:00:00.000000Z"}, "not a time"),
        ({"at": "9999-01-01T00:00:00.000000Z"}, "were known at 9999"),
        ({"rows": -1}, "has -1 rows"),
        ({"rows": 2**63}, "rows"),
        ({"rows": "1"}, "Expected `int`"),
        ({"columns": {"ids": COLUMNS["ids"]}}, "not ids and label"),
        ({"columns": {}}, "not ids and label"),
        ({"columns": {**COLUMNS, "label": {"blob": "x"}}}, "missing required field"),
        ({"split": "a\nb"}, "cannot name a split"),
        ({"split": "$a"}, "cannot name a split"),
        ({"file": {"name": "x", "sha256": "y", "bytes": -1}}, "file has -1 bytes"),
        ({"time": "2024-10-05T00:00:00.000009Z"}, "misnamed"),
        ({"run": "20241004-000000-a-000000000000"}, "labels are of no run"),
    ],
)
def test_what_no_writer_says_is_damage(tree: Tree, change: dict[str, Any], said: str) -> None:
    """It is left out and told, with the file's name; who needs it is refused: an answer without it could be wrong."""
    id = put(tree, 1, 1)
    path = plant(tree, {**SOUND, **change}, "labels")
    found = labels.read(tree)
    assert [one.id for one in found.sets] == [id]
    (notice,) = found.notices
    assert path in notice
    assert notice.endswith("see: ledger verify")
    for splits in ((), ("prod",), (None,)):
        with pytest.raises(DamagedFile, match=said) as refused:
            found.refuse_damaged(*splits)
        assert path in str(refused.value)


@pytest.mark.parametrize(
    ("change", "split"),
    [
        ({"rows": -1}, "prod"),
        ({"at": "soon"}, "prod"),
        ({"columns": {}}, "prod"),
        ({"time": "2024-10-05T00:00:00.000009Z"}, "prod"),
        ({"rows": -1, "split": None}, None),
        ({"rows": -1, "split": "$a"}, None),
        ({"rows": -1, "split": ["prod"]}, None),
        ({"format": 1}, None),
        ({"kind": "alert", "must_understand": True}, None),
    ],
)
def test_of_which_split_a_damaged_entry_is(tree: Tree, change: dict[str, Any], split: str | None) -> None:
    """Only predictions of its split are refused, where its bytes are those of its name and say so; else all are."""
    content = {**SOUND, "split": "prod", **change}
    path = plant(tree, content, content["kind"])
    found = labels.read(tree)
    assert [(one.path, one.split) for one in found.damaged] == [(path, split)]
    with pytest.raises(Damage):
        found.refuse_damaged("prod")
    if split is not None:
        found.refuse_damaged("test", None)
    Path(tree.path(path)).write_bytes(Path(tree.path(path)).read_bytes() + b" ")
    (one,) = labels.read(tree).damaged
    assert one.split is None


def test_a_damaged_entry_that_is_out_of_view(tree: Tree) -> None:
    """It refuses nothing: no answer can need it."""
    path = plant(tree, {**SOUND, "rows": -1}, "labels")
    entries.write(tree, form.Retract(**form.header("retract", "", START + 20, "Ada", []), target=path[-21:-5]))
    found = labels.read(tree)
    assert (found.damaged, found.notices) == ((), [])


def test_what_is_passed_over(tree: Tree) -> None:
    """A kind to come is said, unless it must be understood; so is an entry of a run; fields to come are not minded."""
    plant(tree, {**SOUND, "kind": "alert"}, "alert")
    plant(tree, {**BASE, "kind": "retract", "run": "20241004-000000-a-000000000000", "target": "x"}, "retract")
    plant(tree, {**SOUND, "weight": 2, "columns": {**COLUMNS, "weight": COLUMNS["ids"]}}, "labels")
    found = labels.read(tree)
    assert len(found.sets) == 1
    assert sorted(text.partition(": ")[2].partition(" of ")[0] for text in found.notices) == ["an entry", "an entry"]
    plant(tree, {**SOUND, "kind": "alert", "must_understand": True}, "alert")
    with pytest.raises(NewerFormat, match="alert"):
        labels.read(tree).refuse_damaged("prod")


def test_an_entry_of_the_log_in_a_run_is_not_of_the_run(tree: Tree) -> None:
    """Labels and retractions without a run that lie in a run's folder are said, and mean nothing there."""
    run = "20241004-000000-a-000000000000"
    folder = Path(tree.path(layout.run_folder(run)))
    folder.mkdir(parents=True)
    retract = {**BASE, "kind": "retract", "target": run}
    for content in (SOUND, retract):
        source = Path(tree.path(plant(tree, content, str(content["kind"]))))
        source.rename(folder / source.name)
    found = entries.read_all(tree, layout.run_folder(run), run)
    assert (found.read, len(found.notices)) == ([], 2)
    assert all("an entry of the log lies in the folder of" in text for text in found.notices)


def test_other_kinds_need_a_run() -> None:
    """An entry of a run's kind without a run is damage."""
    for kind in set(layout.KINDS) - {"retract"}:
        fields = {**BASE, "kind": kind, "name": "a", "status": "finished", "attempt": 2}
        with pytest.raises(DamagedFile, match="names no run"):
            form.decode(json.dumps(fields).encode(), "x")
