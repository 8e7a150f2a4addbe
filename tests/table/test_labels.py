"""Labels that came late, held against predictions: which counts, as of when, of which kind, in whatever order."""

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import NotFound, Undecided
from ledger.format import entries as form
from ledger.format import ids, predictions
from ledger.format.predictions import Column
from ledger.record import arrays
from ledger.store import blobs, entries
from ledger.store import labels as log
from ledger.store.labels import LabelSet
from ledger.store.state import PredictedColumn, Predictions
from ledger.store.tree import Tree
from ledger.table import labels
from ledger.table.predictions import Predicted

CASES = json.loads((Path(__file__).parents[1] / "data/vectors/labels.json").read_text("utf-8"))["cases"]
DAY = 86_400_000_000
START = 20_000 * DAY
RUN = "20241004-000000-a-000000000000"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Return an empty ledger."""
    return Tree(str(tmp_path / ".ledger"))


def ref(tree: Tree, column: Column) -> form.ColumnRef:
    """Store a column."""
    return form.ColumnRef(
        blobs.put(tree, predictions.encode(column), "parquet"), predictions.digest(column), column.dtype
    )


def label_entry(
    tree: Tree, keys: Sequence[Any], values: Sequence[Any], at: int, time: int | None = None, split: str | None = None
) -> form.Labels:
    """Return an entry of labels whose columns are stored."""
    columns = {"ids": arrays.to_column("ids", list(keys)), "label": arrays.to_column("label", list(values))}
    refs = {name: ref(tree, column) for name, column in columns.items()}
    header = form.header("labels", "", at if time is None else time, "Ada", [])
    return form.Labels(**header, split=split, at=ids.rfc3339(at), rows=len(keys), columns=refs)


def predicted(
    tree: Tree, keys: Sequence[Any] | None, *, time: int = START, split: str | None = "prod", **columns: Any
) -> Predictions:
    """Return predictions of one call."""
    given = {"ids": keys, **columns}
    made = {name: arrays.to_column(name, list(array)) for name, array in given.items() if array is not None}
    rows = len(next(iter(made.values())).values)
    refs = {
        name: (r := ref(tree, column)) and PredictedColumn(r.blob, r.digest, r.dtype) for name, column in made.items()
    }
    return Predictions(split, None, None, rows, refs, None, time)


def truth(found: Predicted) -> list[Any]:
    """Return y_true as Python has it, None where it is not known."""
    column = found.columns["y_true"]
    null = np.zeros(column.values.shape, np.bool_) if column.null is None else column.null
    return [None if n else v for v, n in zip(column.values.tolist(), null.tolist(), strict=True)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["what"])
def test_the_vectors(tree: Tree, case: dict[str, Any]) -> None:
    """Sets of labels and predictions give the y_true, the count and the contradictions that the format promises."""
    sets = []
    for one in case["sets"]:
        at, time = (ids.parse_rfc3339(one[name]) for name in ("at", "time"))
        sets.append(LabelSet(one["entry"], "log", label_entry(tree, one["ids"], one["label"], at, time)))
    said = case["predictions"]
    time = ids.parse_rfc3339(said["time"])
    given = {"ids": said["ids"], "y_true": said["y_true"]}
    columns = {name: arrays.to_column(name, array) for name, array in given.items() if array is not None}
    rows = len(said["ids"])
    found = Predicted("prod", None, None, rows, None, columns)
    for asked in case["asked"]:
        as_of = None if asked["as_of"] is None else ids.parse_rfc3339(asked["as_of"])
        used = [one for one in sorted(sets, key=lambda s: s.rank) if as_of is None or one.entry.at_us <= as_of]
        joined, coverage = labels.joined(tree, RUN, found, used, [(rows, time)], as_of)
        has = joined.columns.get("y_true")
        assert (truth(joined) if has is not None else [None] * rows) == asked["y_true"]
        assert (coverage.known, coverage.of, coverage.contradictions) == (asked["known"], rows, asked["contradictions"])


def expected(
    rows: Sequence[tuple[str, Any, int]], sets: Sequence[tuple[int, int, str, list[tuple[str, int]]]], as_of: int | None
) -> tuple[list[Any], int, int]:
    """Return the truth of rows (id, logged truth, logged at), how many are known and how many ids are contradicted."""
    result, disputed = [], set()
    for key, logged, time in rows:
        known = [
            ((at, written, entry, row), value)
            for at, written, entry, pairs in sets
            for row, (id, value) in enumerate(pairs)
            if id == key and (as_of is None or at <= as_of)
        ]
        own = [((time, time, "", 0), logged)] if logged is not None and (as_of is None or time <= as_of) else []
        if known and len({value for _, value in known + own}) > 1:
            disputed.add(key)
        result.append(max(known + own)[1] if known or own else None)
    return result, sum(value is not None for value in result), len(disputed)


pairs = st.lists(st.tuples(st.sampled_from(["1", "2", "3", "x"]), st.integers(0, 2)), min_size=1, max_size=4)
sets = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 3), pairs, st.sampled_from([None, "prod", "test"])), max_size=5
)
rows_ = st.lists(
    st.tuples(st.sampled_from(["1", "2", "3", "x", "y"]), st.none() | st.integers(0, 2)), min_size=1, max_size=6
)


@given(
    sets,
    rows_,
    st.none() | st.integers(0, 4),
    st.integers(0, 4),
    st.randoms(use_true_random=False),
    st.sets(st.integers(0, 4)),
)
def test_the_order_of_arrival_and_merges_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory,
    given_sets: list[Any],
    rows: list[tuple[str, Any]],
    as_of: int | None,
    logged: int,
    rng: random.Random,
    gone: set[int],
) -> None:
    """Whatever part of the entries two ledgers wrote, in whatever order, their union says what the rule says."""
    folder = tmp_path_factory.mktemp("ledgers")
    one, other, union = (Tree(str(folder / name / ".ledger")) for name in ("one", "other", "union"))
    written: dict[str, tuple[int, int, str, list[tuple[str, int]]]] = {}
    order = list(enumerate(given_sets))
    rng.shuffle(order)
    for number, (at, late, said, split) in order:
        target = rng.choice([one, other])
        when, time = START + at * DAY, START + (at + late) * DAY
        entry = label_entry(target, [key for key, _ in said], [value for _, value in said], when, time, split)
        id = entries.write(target, entry)
        if number in gone:
            header = form.header("retract", "", time + 1, "Ada", [id])
            entries.write(rng.choice([one, other]), form.Retract(**header, target=id))
        elif split != "test":
            written[id] = (when, time, id, said)
    gone_ids = {
        read.entry.target for tree in (one, other) for read in _log(tree) if isinstance(read.entry, form.Retract)
    }
    sources = [one, other]
    rng.shuffle(sources)
    for source in sources:
        for path in sorted(Path(source.root).rglob("*.*"), key=lambda p: rng.random()):
            to = Path(union.root) / path.relative_to(source.root)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(path.read_bytes())
    moment = None if as_of is None else START + as_of * DAY
    time = START + logged * DAY
    y_true = [value for _, value in rows] if any(value is not None for _, value in rows) else None
    chosen = [predicted(union, [key for key, _ in rows], time=time, y_true=y_true)]
    found, coverage = labels.read(union, RUN, chosen, as_of=moment)
    counting = [said for id, said in written.items() if id not in gone_ids]
    want, known, disputed = expected([(key, value, time) for key, value in rows], counting, moment)
    assert (truth(found) if "y_true" in found.columns else [None] * len(rows)) == want
    if coverage is not None:
        assert (coverage.known, coverage.of, coverage.contradictions) == (known, len(rows), disputed)
    assert (coverage is None) == (moment is None and not counting)


def _log(tree: Tree) -> list[entries.Read]:
    return log.read(tree).read


def test_labels_of_months_in_any_order(tree: Tree) -> None:
    """Files that come in any order give the same answers at every date between; corrections count from when they were
    known, not from when they were added.
    """
    added = START + 200 * DAY
    months = [  # known since, ids, labels
        (START + 30 * DAY, range(30), [0] * 30),
        (START + 60 * DAY, range(20, 60), [1] * 40),  # says otherwise of 20 to 29
        (START + 90 * DAY, range(60, 100), [0] * 40),
        (START + 45 * DAY, range(5), [1] * 5),  # a correction that was added last
    ]
    answers = set()
    for order in itertools.permutations(range(4)):
        here = Tree(f"{tree.root}-{''.join(map(str, order))}")
        for place, number in enumerate(order):
            at, keys, values = months[number]
            entries.write(here, label_entry(here, keys, values, at, added + place, "prod"))
        chosen = [predicted(here, range(120), y_pred=[0] * 120)]
        found = []
        for day in (10, 30, 50, 60, 89, 90, None):
            as_of = None if day is None else START + day * DAY
            one, coverage = labels.read(here, RUN, chosen, as_of=as_of)
            assert coverage is not None
            positives = sum(value == 1 for value in truth(one)) if coverage.known else 0
            found.append((coverage.known, coverage.of, coverage.contradictions, positives))
        answers.add(tuple(found))
    assert answers == {
        (
            (0, 120, 0, 0),
            (30, 120, 0, 0),
            (30, 120, 5, 5),
            (60, 120, 15, 45),
            (60, 120, 15, 45),
            (100, 120, 15, 45),
            (100, 120, 15, 45),
        )
    }


def test_batches_with_ids_and_timestamps(tree: Tree) -> None:
    """Of batches that stand one behind the other, each row gets the label of its id; one without ids keeps its own.

    Of the id 2, which two batches have, the row of the newer one counts.
    """
    days = [np.datetime64("2026-01-01"), np.datetime64("2026-01-02")]
    batches = [
        predicted(tree, [1, 2], time=START, y_pred=[0, 1], timestamp=days),
        predicted(tree, [2, 3], time=START + DAY, y_pred=[1, 0], timestamp=days, y_true=[0, None]),
        predicted(tree, None, time=START + 2 * DAY, y_pred=[1, 1], timestamp=days, y_true=[1, None]),
    ]
    entries.write(tree, label_entry(tree, ["2", "3"], [1, 1], START + DAY // 2))
    found, coverage = labels.read(tree, RUN, batches)
    assert truth(found) == [None, 0, 1, 1, None]
    assert coverage is not None
    assert (coverage.known, coverage.of, coverage.contradictions) == (3, 5, 1)
    found, coverage = labels.read(tree, RUN, batches, as_of=START + DAY // 2)
    assert truth(found) == [None, 1, 1, None, None]


@pytest.mark.parametrize(
    ("own", "pred", "late", "kind", "values"),
    [
        (None, [0, 1], [1, 0], "int64", [1, 0]),
        (None, [False, True], [1, 0], "bool", [True, False]),
        (None, ["0", "1"], [1, 0], "text", ["1", "0"]),
        (None, [0, 1], ["1", "0"], "int64", [1, 0]),
        (None, [0, 1], [1.0, 0.0], "int64", [1, 0]),
        (None, [0.5, 1.5], [1, 2], "int64", [1, 2]),
        (None, [0, 1], [0.5, 2.5], "float64", [0.5, 2.5]),
        (None, ["a", "b"], ["b", "a"], "text", ["b", "a"]),
        ([None, 3], [0, 1], [7.0, 3.0], "int64", [7, 3]),
        ([None, 3], [0, 1], [7.5, 3.0], "float64", [7.5, 3.0]),
        ([None, True], [0, 1], [0, 1], "bool", [False, True]),
        ([None, True], [0, 1], [2, 1], "int64", [2, 1]),
        ([None, "x"], None, [5, None], "text", ["5", "x"]),
        ([None, 2**60 + 1], None, [0.5, None], None, "of kinds that do not go together"),
        ([None, "x"], None, [0.5, None], None, "of kinds that do not go together"),
        ([None, "true"], None, [True, None], None, "of kinds that do not go together"),
    ],
)
def test_kinds_become_one_where_nothing_is_lost(
    tree: Tree, own: Any, pred: Any, late: list[Any], kind: str | None, values: Any
) -> None:
    """Labels become what the truth is, or the predicted classes, if that says the same; else it is undecided."""
    keys = [key for key, value in zip(("a", "b"), late, strict=True) if value is not None]
    entry = label_entry(tree, keys, [value for value in late if value is not None], START + DAY)
    id = entries.write(tree, entry)
    chosen = [predicted(tree, ["a", "b"], y_true=own, y_pred=pred, y_score=[0.1, 0.9])]
    if kind is None:
        with pytest.raises(Undecided, match=values) as refused:
            labels.read(tree, RUN, chosen)
        assert id in str(refused.value)
    else:
        found, _ = labels.read(tree, RUN, chosen)
        assert (found.columns["y_true"].kind, truth(found)) == (kind, values)


def test_float32_truth_is_not_rounded_to(tree: Tree) -> None:
    """Labels that float32 cannot hold make the truth one of float64, in which what was logged is what it was."""
    chosen = [predicted(tree, ["a", "b"], y_true=[None, np.float32(0.1)])]
    entries.write(tree, label_entry(tree, ["a"], [0.1], START + DAY))
    found, _ = labels.read(tree, RUN, chosen)
    assert found.columns["y_true"].kind == "float64"
    assert truth(found) == [0.1, float(np.float32(0.1))]


@pytest.mark.parametrize(
    ("logged", "late", "matches"),
    [
        ([1, 2], ["1", "2"], [True, True]),
        (["1", "02"], [1, 2], [True, False]),
        (["-1", "-0", "+1"], [-1, 0, 1], [True, False, False]),
        ([1.0, 2.5], [1, 2], [True, False]),
        ([2**64 - 1, 0], [str(2**64 - 1), "0"], [True, True]),
        (["9223372036854775808"], [2**63], [True]),
        (["9223372036854775808", "٣"], [1, 3], [False, False]),
        ([True, False], [1, 0], [False, False]),
        (["a" * 100], ["a" * 100], [True]),
        ([], [1], []),
    ],
)
def test_which_ids_are_the_same(tree: Tree, logged: list[Any], late: list[Any], matches: list[bool]) -> None:
    """A whole number is its decimal text; nothing else is the same that is not the same text."""
    entries.write(tree, label_entry(tree, late, [7] * len(late), START + DAY))
    found, coverage = labels.read(tree, RUN, [predicted(tree, logged, y_score=[0.5] * len(logged))])
    assert coverage is not None
    assert coverage.known == sum(matches)
    assert [value is not None for value in truth(found)] == matches


def test_rows_that_say_nothing(tree: Tree) -> None:
    """Labels that are missing or NaN, as another writer may store them, are none."""
    entries.write(tree, label_entry(tree, ["a", "b", "c"], [float("nan"), None, 2.0], START))
    found, coverage = labels.read(tree, RUN, [predicted(tree, ["a", "b", "c"], y_score=[0.5] * 3)])
    assert coverage is not None
    assert (coverage.known, truth(found)) == (1, [None, None, 2.0])


def test_truth_of_several_values_a_row_takes_no_labels(tree: Tree) -> None:
    """Labels for such predictions are undecided; where no id fits, they are as they were."""
    wide = np.array([[0, 1], [1, 0]])
    entries.write(tree, label_entry(tree, ["a"], [1], START))
    with pytest.raises(Undecided, match="2 values of y_true a row"):
        labels.read(tree, RUN, [predicted(tree, ["a", "b"], y_true=wide)])
    found, coverage = labels.read(tree, RUN, [predicted(tree, ["x", "y"], y_true=wide)])
    assert coverage is not None
    assert (coverage.known, coverage.of) == (2, 2)
    assert found.columns["y_true"].values.tolist() == wide.tolist()


def test_splits(tree: Tree) -> None:
    """Labels of a split count for it alone; those of none count for all; the fingerprint has the entries that count."""
    any_split = entries.write(tree, label_entry(tree, ["a"], [1], START))
    prod = entries.write(tree, label_entry(tree, ["a"], [2], START + 1, split="prod"))
    later = entries.write(tree, label_entry(tree, ["b"], [3], START + DAY, split="prod"))
    assert labels.fingerprint(tree, "prod") == [any_split, prod, later]
    assert labels.fingerprint(tree, "prod", START + 1) == [any_split, prod]
    assert labels.fingerprint(tree, "test") == labels.fingerprint(tree, None) == [any_split]
    for split, value in (("prod", 2), ("test", 1), (None, 1)):
        found, coverage = labels.read(tree, RUN, [predicted(tree, ["a"], split=split, y_score=[0.5])])
        assert truth(found) == [value]
        assert coverage is not None
        assert coverage.entries == labels.fingerprint(tree, split)


def test_named_entries_are_the_ones_that_count(tree: Tree) -> None:
    """Whoever took a fingerprint gets the labels of then, whatever came meanwhile; one that is gone is missed."""
    chosen = [predicted(tree, ["a", "b"], y_score=[0.5, 0.5])]
    first = entries.write(tree, label_entry(tree, ["a"], [1], START))
    taken = labels.fingerprint(tree, "prod")
    entries.write(tree, label_entry(tree, ["a", "b"], [2, 2], START + 1))
    found, coverage = labels.read(tree, RUN, chosen, entries=taken)
    assert truth(found) == [1, None]
    assert coverage is not None
    assert coverage.entries == [first]
    assert labels.read(tree, RUN, chosen, entries=[])[1] is None
    with pytest.raises(NotFound, match="0000000000000000"):
        labels.read(tree, RUN, chosen, entries=["0000000000000000"])


def test_without_labels_nothing_is_read(tree: Tree) -> None:
    """Predictions without ids, or without any labels of their split, come as they are, without a coverage."""
    entries.write(tree, label_entry(tree, ["a"], [1], START, split="test"))
    for chosen in (predicted(tree, ["a"], y_true=[1]), predicted(tree, None, split="test", y_true=[1])):
        found, coverage = labels.read(tree, RUN, [chosen])
        assert coverage is None
        assert truth(found) == [1]
    found, coverage = labels.read(tree, RUN, [predicted(tree, None, y_true=[1])], as_of=START - 1)
    assert coverage is not None
    assert (coverage.known, truth(found)) == (0, [None])


def columns() -> Iterator[tuple[str, Column]]:
    """Yield columns of ids of every kind that may be large."""
    rng = np.random.default_rng(1)
    numbers = rng.permutation(200_000)
    yield "whole numbers", Column("int64", numbers)
    yield "texts", Column("text", np.array([f"order-{n}" for n in numbers], object))


@pytest.mark.parametrize(("what", "keys"), list(columns()), ids=lambda v: v if isinstance(v, str) else "")
def test_many_labels(tree: Tree, what: str, keys: Column) -> None:
    """Each of 200,000 labels in four files finds its row."""
    values = np.arange(200_000)
    for part in range(4):
        some = slice(part * 50_000, (part + 1) * 50_000)
        pair = {"ids": Column(keys.kind, keys.values[some]), "label": Column("int64", values[some])}
        refs = {name: ref(tree, column) for name, column in pair.items()}
        header = form.header("labels", "", START + part, "Ada", [])
        entries.write(tree, form.Labels(**header, at=ids.rfc3339(START), rows=50_000, columns=refs))
    order = np.random.default_rng(2).permutation(200_000)
    column = ref(tree, Column(keys.kind, keys.values[order]))
    chosen = Predictions(
        "prod", None, None, 200_000, {"ids": PredictedColumn(column.blob, column.digest, column.dtype)}, None, START
    )
    found, coverage = labels.read(tree, RUN, [chosen])
    assert coverage is not None
    assert (coverage.known, coverage.contradictions) == (200_000, 0)
    assert found.columns["y_true"].values.tolist() == values[order].tolist()
