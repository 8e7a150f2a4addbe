"""Columns: what a spec reads out of a run, which names are known, and how runs are sorted."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidFilter
from ledger.format.values import Undefined
from ledger.schema import Metric, Schema
from ledger.store.state import RunState, Summary
from ledger.table import columns
from ledger.table.columns import check, flatten, known, natural, nearest, parse, same, sort, step, value
from ledger.table.filter import parse as parse_filter

NAN = math.nan
PLAIN = Schema()
ALIASED = Schema(metrics=(Metric(glob="val/auc", goal="maximize", alias=("val_auc", "auc_val")),))


def summary(last: float | None, **changes: Any) -> Summary:
    """A metric logged at the steps 0 to 2, last value as given."""
    base: dict[str, Any] = {
        "count": 3, "nan": 1, "first": 0.1, "first_step": 0, "last": last, "last_step": 2,
        "min": -1.0, "min_step": 1, "max": 2.0, "max_step": 0, "mean": 0.5,
    }  # fmt: skip
    return Summary(**(base | changes))


def run(name: str = "a", **changes: Any) -> RunState:
    """A finished run with a field of every kind."""
    base: dict[str, Any] = {
        "id": f"20261122-031501-{name}-000000000000", "name": name, "status": "finished", "created": 1_000_000,
        "finished": 3_500_000, "author": "ada", "group": None, "parent": None, "seed": 7, "note": None, "tags": [],
        "params": {}, "git": {"commit": "c0ffee", "branch": "main", "dirty": False}, "program": {}, "metrics": {},
        "charts": [], "predictions": [], "entries": [],
    }  # fmt: skip
    return RunState(**(base | changes))


def read(spec: str, state: RunState, schema: Schema = PLAIN) -> Any:
    """The value of a column in one run."""
    return value(parse(spec), state, schema)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("val/auc", 0.9), ("last:val/auc", 0.9), ("metrics.val/auc", 0.9), ("first:val/auc", 0.1),
        ("min:val/auc", -1.0), ("max:val/auc", 2.0), ("mean:val/auc", 0.5), ("count:val/auc", 3), ("nan:val/auc", 1),
        ("best:val/auc", 2.0), ("worst:val/auc", -1.0), ("best:metrics.val/auc", 2.0), ("val/loss", None),
        ("best:train/loss", -1.0), ("worst:train/loss", 2.0),
    ],
)  # fmt: skip
def test_statistics(spec: str, expected: float | None) -> None:
    """Each statistic reads its own field; best and worst follow the goal."""
    state = run(metrics={"val/auc": summary(0.9), "train/loss": summary(0.2)})
    assert read(spec, state) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [("val/auc", 2), ("best:val/auc", 0), ("worst:val/auc", 1), ("first:val/auc", 0), ("mean:val/auc", None),
     ("count:val/auc", None), ("val/nothing", None), ("status", None)],
)  # fmt: skip
def test_steps(spec: str, expected: int | None) -> None:
    """A step stands beside the values that were logged at one."""
    assert step(parse(spec), run(metrics={"val/auc": summary(0.9)}), PLAIN) == expected


def test_best_without_a_goal_is_an_error() -> None:
    """Nobody guesses the direction: the error says how to declare it, even where the run lacks the metric."""
    with pytest.raises(InvalidFilter, match=r'\[metric\."wobble"\] goal = "maximize"'):
        read("best:wobble{fold=1}", run())


def test_undefined_is_not_absent() -> None:
    """An undefined last value keeps its reason; other statistics of it stay plain."""
    state = run(metrics={"val/auc": summary(None, undefined="only one class")})
    assert read("val/auc", state) == Undefined("only one class")
    assert read("max:val/auc", state) == 2.0


def test_metrics_come_back_bit_for_bit() -> None:
    """NaN, infinities and -0.0 are values like others."""
    state = run(metrics={"a": summary(NAN), "b": summary(-math.inf), "c": summary(-0.0)})
    assert math.isnan(read("a", state))
    assert read("b", state) == -math.inf
    assert math.copysign(1, read("c", state)) == -1


@pytest.mark.parametrize(
    "spec", ["acc{a=1,b=x}", "acc{b=x,a=1}", "acc{ b=x, a=1}", 'last:"acc{a=1,b=x}"', "`acc{a=1,b=x}`"]
)
def test_contexts_in_any_order_and_spacing(spec: str) -> None:
    """A context is the same however it is written."""
    assert read(spec, run(metrics={"acc{a=1,b=x}": summary(0.5)})) == 0.5


def test_a_bare_name_with_contexts_only_is_absent() -> None:
    """No fold stands for all folds."""
    assert read("acc", run(metrics={"acc{fold=1}": summary(0.5)})) is None


@pytest.mark.parametrize("stored", ["val/auc", "val_auc", "auc_val"])
@pytest.mark.parametrize("asked", ["val/auc", "val_auc", "auc_val"])
def test_aliases_both_ways(stored: str, asked: str) -> None:
    """Any spelling finds any other, contexts kept."""
    state = run(metrics={stored: summary(0.5), stored + "{fold=1}": summary(0.6)})
    assert read(asked, state, ALIASED) == 0.5
    assert read(f"best:{asked}", state, ALIASED) == 2.0
    assert read(asked + "{fold=1}", state, ALIASED) == 0.6


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("name", "a"), ("id", "20261122-031501-a-000000000000"), ("status", "finished"), ("group", None), ("seed", 7),
        ("author", "ada"), ("created", 1_000_000), ("finished", 3_500_000), ("duration", 2.5), ("branch", "main"),
        ("commit", "c0ffee"), ("dirty", False), ("attempts", 1), ("tag", ["cv"]), ("tags", ["cv"]), ("note", None),
        ("parent", None), ("metrics.name", 0.4),
    ],
)  # fmt: skip
def test_fields(spec: str, expected: Any) -> None:
    """Fields are read as they are; a metric called like one is reached by its prefix."""
    assert read(spec, run(tags=["cv"], metrics={"name": summary(0.4)})) == expected


def test_fields_of_a_run_outside_git_that_has_not_ended() -> None:
    """What is not there is None, without an error."""
    state = run(git=None, finished=None)
    assert [read(spec, state) for spec in ("branch", "commit", "dirty", "duration", "finished")] == [None] * 5


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("params.lr", 0.1), ("params.optimizer.lr", 0.2), ("params.optimizer", {"lr": 0.2}), ("params.a.b", 3),
        ('params."a.b"', 3), ("params.x.y", 1), ('params."x.y"', 2), ("params.deep.c.d.e", 4), ("params.my key", 5),
        ("params.null", None), ("params.nothing", None), ("params.lr.nothing", None), ('params."say ""hi"""', 6),
        ('params.deep."c.d".e', 4), ("params.deep.`c.d`.e", 4),
    ],
)  # fmt: skip
def test_params(spec: str, expected: Any) -> None:
    """Dots go into nested parameters first, then into names that have dots; quotes take a name as it is."""
    params = {
        "lr": 0.1, "optimizer": {"lr": 0.2}, "a.b": 3, "x": {"y": 1}, "x.y": 2, "deep": {"c.d": {"e": 4}}, "my key": 5,
        "null": None, 'say "hi"': 6,
    }  # fmt: skip
    assert read(spec, run(params=params)) == expected


@pytest.mark.parametrize(
    ("spec", "heading", "text"),
    [
        ("best:val/auc as AUC", "AUC", "best:val/auc"), ("params.lr AS learning rate", "learning rate", "params.lr"),
        ("val/auc", "val/auc", "val/auc"), ('"same as before"', "same as before", '"same as before"'),
        ('best:"same as before" as S', "S", 'best:"same as before"'), ('x as "known as x"', "known as x", "x"),
        ("a as b as c", "c", "a as b"),
    ],
)  # fmt: skip
def test_headings(spec: str, heading: str, text: str) -> None:
    """The last `as` outside quotes gives the heading; without one the column is its own."""
    column = parse(spec)
    assert (column.heading, column.text) == (heading, text)


@pytest.mark.parametrize(
    "spec",
    ["", "  ", '""', "best:", "params.", "params", "metrics.", "val/auc as", '"val auc', "`a", '"a"b', "a{fold=1",
     "a}", "a{fold}", "a{fold=1}b", "{fold=1}", 'best:"x'],
)  # fmt: skip
def test_broken_columns_are_refused(spec: str) -> None:
    """A spec that names nothing, or whose quote or brace does not end, is InvalidFilter."""
    with pytest.raises(InvalidFilter):
        parse(spec)


keys = st.text(st.sampled_from('ab.1" `'), max_size=4)
nested = st.recursive(
    st.one_of(st.integers(), st.text(max_size=2), st.none(), st.lists(st.integers(), max_size=2)),
    lambda inner: st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(keys, nested, max_size=4))
def test_every_flat_name_finds_its_value(params: dict[str, Any]) -> None:
    """The names of `flatten` are columns: each reads exactly the value it stands for."""
    flat = flatten(params)
    state = run(params=params)
    assert all(same(read(f"params.{name}", state), found) for name, found in flat.items())


@given(st.dictionaries(keys, nested, max_size=4))
def test_flatten_keeps_every_leaf(params: dict[str, Any]) -> None:
    """No two parameters share a flat name: leaves in, leaves out."""

    def leaves(found: Any) -> int:
        return sum(map(leaves, found.values())) if isinstance(found, dict) and found else 1

    assert len(flatten(params)) == sum(map(leaves, params.values()))


def test_flatten_reads_as_documented() -> None:
    """Nested keys are joined, empty dicts stay, keys with dots are quoted; very deep params do not overflow."""
    assert flatten({"a": {"b": 1, "c": {}}, "a.b": [2]}) == {"a.b": 1, "a.c": {}, '"a.b"': [2]}
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"k": deep}
    assert len(flatten(deep)) == 1


def test_same_is_by_json_type() -> None:
    """1, 1.0 and True are three values; NaN equals NaN, inside lists and dicts too."""
    assert not any(same(a, b) for a, b in [(1, 1.0), (1, True), (0.0, False), ("1", 1), (None, False), ([1], [1.0])])
    assert same({"a": [NAN, 1]}, {"a": [NAN, 1]})
    assert not same({"a": 1}, {"a": 1, "b": None})


def test_known_names_and_the_check() -> None:
    """An unknown name is answered with the nearest known ones; without runs nothing is said."""
    states = [
        run(params={"optimizer": {"lr": 1}}, metrics={"val/auc": summary(1), "val/f1{fold=2}": summary(1)}),
        run(),
    ]
    assert known(states)[-3:] == ["params.optimizer.lr", "val/auc", "val/f1{fold=2}"]
    assert {"status", "tag", "duration"} <= set(known([]))
    check([parse("val/acu")], [])
    check(map(parse, ["val/auc", "params.optimizer.lr", "params.optimizer", "status", "tag"]), states)
    for spec, near in [
        ("val/acu", "val/auc"), ("VAL/AUC", "val/auc"), ("auc", "val/auc"), ("lr", "params.optimizer.lr"),
        ("params.lr", "params.optimizer.lr"), ("val/f1", "val/f1{fold=2}"), ("statsu", "status"),
        ("median:val/auc", "one of last, first"), ("val/auc:desc", "-val/auc"), ("zzzzzz", "ledger show"),
    ]:  # fmt: skip
        with pytest.raises(InvalidFilter) as caught:
            check([parse(spec)], states)
        assert near in str(caught.value), spec


def test_check_follows_aliases_with_a_schema() -> None:
    """A name that only its alias has is known."""
    check([parse("val_auc")], [run(metrics={"val/auc": summary(1)})], ALIASED)


def test_nearest_has_a_limit() -> None:
    """A word like everything still gets three answers at most."""
    assert len(nearest("auc", [f"m{i}/auc" for i in range(50)])) == 3


def names(states: list[RunState]) -> str:
    """The runs' names in one word."""
    return "".join(state.name for state in states)


def test_sort_directions_and_what_stands_last() -> None:
    """NaN, undefined and absent stand last either way; equal values keep their order."""
    lasts = {"a": 0.5, "b": NAN, "c": 0.9, "d": None, "e": 0.5, "f": -math.inf}
    states = [run(name, metrics={"loss": summary(last, undefined="why")}) for name, last in lasts.items()]
    states.append(run("g"))
    assert names(sort(states, ["loss"], PLAIN)) == "faecbdg"
    assert names(sort(states, ["-loss"], PLAIN)) == "caefbdg"
    assert names(sort(states, [], PLAIN)) == "abcdefg"


def test_sort_never_compares_text_with_numbers() -> None:
    """Numbers first, then text, then lists, in both directions; several columns decide in turn."""
    values: dict[str, Any] = {"a": "x", "b": 10, "c": [1], "d": 2.5, "e": True, "f": "w", "g": None}
    states = [run(name, params={"p": found}) for name, found in values.items()]
    assert names(sort(states, ["params.p"], PLAIN)) == "edbfacg"
    assert names(sort(states, ["-params.p"], PLAIN)) == "bdeafcg"
    states = [run(name, seed=seed, group=group) for name, seed, group in [("a", 1, "y"), ("b", 2, "x"), ("c", 3, "y")]]
    assert names(sort(states, ["-group", "-seed"], PLAIN)) == "cab"


def test_sort_refuses_an_unknown_name() -> None:
    """A misspelt column never leaves the order as it was."""
    with pytest.raises(InvalidFilter, match="loss"):
        sort([run(metrics={"loss": summary(1)})], ["-losss"], PLAIN)
    assert sort([], ["-losss"], PLAIN) == []


@given(st.lists(st.one_of(st.floats(), st.text(max_size=2), st.booleans(), st.none(), st.integers()), max_size=8))
def test_sort_is_a_stable_permutation(found: list[Any]) -> None:
    """Sorting twice changes nothing, loses nothing, and reversal twice keeps what stands last."""
    states = [run(str(i), params={"p": x}) for i, x in enumerate(found)]
    once = sort(states, ["params.p"], PLAIN)
    assert sorted(state.name for state in once) == sorted(state.name for state in states)
    assert sort(once, ["params.p"], PLAIN) == once
    missing = [s.name for s in once if s.params["p"] is None or s.params["p"] != s.params["p"]]
    assert [s.name for s in sort(states, ["-params.p"], PLAIN)][len(once) - len(missing) :] == missing


@given(st.lists(st.text(st.sampled_from("a01-9"), max_size=6), max_size=6))
def test_natural_order_is_total(words: list[str]) -> None:
    """Any texts can be compared, and only equal texts have equal keys."""
    assert sorted(words, key=natural) == sorted(reversed(words), key=natural)
    assert len({json.dumps(natural(word)) for word in words}) == len(set(words))


def test_natural_and_metric_order() -> None:
    """fold2 stands before fold10, a context's numbers go by value, and a chart's name may hold braces."""
    assert sorted(["f10", "f2", "f"], key=natural) == ["f", "f2", "f10"]
    keys = ["m{f=10}", "m2", "m{f=2}", "m", "m{f=0.5}", "m{f=0.25}", "m{f=-1}", "m{f=x}", "{odd}"]
    expected = ["m", "m{f=-1}", "m{f=0.25}", "m{f=0.5}", "m{f=2}", "m{f=10}", "m{f=x}", "m2", "{odd}"]
    assert sorted(keys, key=columns.metric_order) == expected


def test_a_run_with_a_metric_and_its_alias_keeps_them_apart() -> None:
    """The very key comes first, then the canonical name, then aliases: in values, filters and sorting."""
    schema = Schema(metrics=(Metric(glob="loss", alias=("train_loss", "val_loss")),))
    both = run(metrics={"loss": summary(2.0), "val_loss": summary(3.0)})
    assert [read(name, both, schema) for name in ("loss", "val_loss", "train_loss")] == [2.0, 3.0, 2.0]
    assert read("val_loss", run(metrics={"train_loss": summary(1.0)}), schema) == 1.0
    fit = parse_filter("val_loss = 3 and loss = 2")
    assert fit.select([both], schema) == [both]


def test_a_param_is_not_taken_for_a_metric() -> None:
    """Where only a param is called so, the error says how to write it; a metric like a field is spelled out."""
    states = [run(params={"alpha": 1}, metrics={"train/alpha": summary(1), "val/alpha": summary(1)})]
    with pytest.raises(InvalidFilter, match=r"write params\.alpha$"):
        check([parse("alpha")], states)
    states = [run(metrics={"status": summary(1), "best:x": summary(2), 'a as "b"': summary(3)})]
    with pytest.raises(InvalidFilter, match=r"status, metrics\.status; a metric called like a field .* metrics\.NAME"):
        check([parse("statuss")], states)
    for text, expected in zip(known(states)[-3:], (3, 2, 1), strict=True):
        assert read(text, states[0]) == expected, text
