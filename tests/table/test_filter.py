"""Filters: what matches, what absent, NaN and undefined do, and how a fault in the text is pointed at."""

import contextlib
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidFilter
from ledger.schema import Metric, Schema
from ledger.store.state import RunState, Summary
from ledger.table.filter import parse

PLAIN = Schema()
DAY = 86_400_000_000
NOV_1 = 1_793_491_200_000_000  # 2026-11-01T00:00:00Z


def summary(last: float | None, undefined: str | None = None) -> Summary:
    """A metric whose greatest value is 2.0 and last value as given."""
    return Summary(3, 1, 0.1, 0, last, 2, -1.0, 1, 2.0, 0, 0.5, undefined)


def run(name: str = "base", **changes: Any) -> RunState:
    """A finished run, created at noon of 2026-11-01 and 90 s long."""
    base: dict[str, Any] = {
        "id": f"20261101-120000-{name}-000000000000", "name": name, "status": "finished", "created": NOV_1 + DAY // 2,
        "finished": NOV_1 + DAY // 2 + 90_000_000, "author": "Ada", "group": None, "parent": None, "seed": 7,
        "note": None, "tags": [], "params": {}, "git": {"commit": "c0ffee", "branch": "main", "dirty": False},
        "program": {}, "metrics": {}, "charts": [], "predictions": [], "entries": [],
    }  # fmt: skip
    return RunState(**(base | changes))


FULL = run(
    tags=["cv", "final"],
    params={
        "lr": 0.01, "a": 1, "b": 2, "opt": {"name": "adam", "x y": 1}, "flag": True, "none": None, "layers": [8, 4],
        "text": "it's", "nan": math.nan, "one": "1", "date": "2026-11-01",
    },
    metrics={
        "val/auc": summary(0.9), "val/auc{fold=1,kind=a b}": summary(0.8), "val auc": summary(0.7),
        "bad": summary(math.nan), "big": summary(math.inf), "none": summary(None, "one class"), "p@5": summary(0.3),
        "50%": summary(0.5),
        "name": summary(4.0), "3d/iou": summary(0.6), "loss-x.y:z": summary(0.4), "größe": summary(1.0),
    },
)  # fmt: skip


def matches(text: str, state: RunState = FULL, schema: Schema = PLAIN, now: int = NOV_1 + 5 * DAY) -> bool:
    """Whether the run passes the filter, five days after 2026-11-01 unless said."""
    return parse(text, now).matches(state, schema)


TRUE = """
val/auc > 0.8
val/auc>0.8
val/auc>=.9
val/auc = 9e-1
val/auc == 0.9
val/auc != 1
val/auc < inf
val/auc > -inf
val/auc > -1
best:val/auc = 2
max:val/auc >= 2.0
count:val/auc = 3
metrics.val/auc = 0.9
metrics.name = 4
val/auc{fold=1,kind=a b} = 0.8
val/auc{kind="a b",fold=1} = 0.8
"val auc" = 0.7
`val auc` = 0.7
last:"val auc" = 0.7
metrics."val auc" = 0.7
p@5 = 0.3
50% = 0.5
3d/iou = 0.6
loss-x.y:z = 0.4
größe = 1
params.lr < 0.1
params.lr <= 1e-2
params.opt.name = 'adam'
params.opt.name = "adam"
"params.opt.x y" = 1
params.opt."x y" = 1
params.a < params.b
params.b > params.a
params.a != params.b
params.a = 1.0
params.opt.name ~ '^ad'
params.opt.name ~ "m$"
params.opt.name contains 'da'
params.opt.name < 'b'
params.opt.name in ('sgd', 'adam')
params.a in (1, 2)
params.a not in (2, 3)
params.text = 'it''s'
params.text = "it's"
params.flag = true
params.flag != false
params.flag != 1
params.a != true
params.a != '1'
params.one = '1'
params.one != 1
params.layers contains 8
params.none is absent
params.none = none
params.nothing is absent
params.lr is not absent
params.lr != none
params.nan is nan
params.date = '2026-11-01'
name = 'base'
name ~ 'as'
status = 'finished'
status in ('finished', 'failed')
author = "Ada"
author ~ '(?i)ada'
group is absent
group = none
group is none
group = null
tag = 'cv'
tags = 'cv'
tag != 'draft'
tag ~ '^fin'
tag contains 'final'
tag in ('x', 'cv')
tag not in ('x', 'y')
tag is not absent
dirty = false
dirty != true
seed = 7
seed > 6.5
duration = 90
duration = 1.5m
duration < 2m
branch = 'main'
commit ~ '^c0f'
bad is nan
bad = nan
bad = NaN
bad is not absent
bad is not undefined
big is inf
big = inf
big > 1e308
none is undefined
none is not absent
none is not nan
val/loss is absent
val/loss is not nan
created > 7d
created > 1w
created < 1d
created < 3.5d
created = 2026-11-01
created >= 2026-11-01
created <= 2026-11-01
created < 2026-11-02
created > 2026-10-31
created != 2026-11-02
created > 2026-11-01T11:59
created = 2026-11-01T12:00
created = 2026-11-01T12:00:00Z
created = 2026-11-01T13:00:00+01:00
created = '2026-11-01 12:00'
created in (2026-11-01, 2026-12-01)
created not in (2026-11-02)
created < finished
NOT tag = 'draft' AND (val/auc > 0.8 OR val/auc < 0.1)
not not tag = 'cv'
not (tag = 'x' or tag = 'y')
tag = 'cv' or val/auc > 5 and val/auc < 0
(((tag = 'cv')))
not val/loss > 0
""".strip().splitlines()

FALSE = """
val/auc > 0.9
val/auc != 0.9
val/loss > 0
val/loss != 0
val/loss = 0
val/loss not in (1, 2)
val/loss is undefined
none > 0
none != 0
none is absent
none in (1, 2)
bad > 0
bad < 0
bad != 0
bad != nan
bad in (1, 2)
bad not in (1, 2)
params.nan != 1
params.nan = params.nan
bad = bad
val/auc is nan
val/auc is not absent and group is not absent
big is nan
val/auc is inf
params.a = '1'
params.a = true
params.flag = 1
params.a < 'x'
params.opt.name > 1
params.opt = 'adam'
params.lr ~ '0'
params.lr contains '0'
params.opt.name = 'Adam'
params.opt.name not in ('adam')
params.nothing < params.a
params.a > params.b
tag = 'c'
tag != 'cv'
tag not in ('cv', 'x')
tag contains 'c'
tag is absent
name = 'nothing'
group != 'x'
created > 2026-11-01
created < 2026-11-01
created != 2026-11-01
created > 4d
created = 2026-11-01T12:00:01
created > finished
tag = 'cv' and tag = 'x'
not tag = 'cv'
""".strip().splitlines()


@pytest.mark.parametrize("age", ["999999999999w", "0.000000001s"])
def test_extreme_ages(age: str) -> None:
    """An age far beyond the calendar is arithmetic, no overflow."""
    assert matches(f"created > {age}") == (age[-1] == "w")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "9999-12-31"])
def test_extreme_dates(moment: str) -> None:
    """The calendar's ends with any offset are dates like others."""
    assert matches(f"created > {moment}") == moment.startswith("0001")


@pytest.mark.parametrize("text", TRUE)
def test_matching(text: str) -> None:
    """Each of these is true of the full run."""
    assert matches(text)


@pytest.mark.parametrize("text", FALSE)
def test_not_matching(text: str) -> None:
    """Each of these is false of the full run; absent, undefined and NaN never compare."""
    assert not matches(text)


def test_untagged_and_in_bad_order() -> None:
    """A run without tags lacks every tag, and `tag is absent` finds it."""
    assert matches("tag is absent and tag != 'cv' and not tag = 'cv'", run())


def test_wrong_names_hit_aliases() -> None:
    """A filter written for one name of a metric finds the other."""
    schema = Schema(metrics=(Metric(glob="val/auc", alias=("auc",)),))
    assert matches("auc > 0.8", FULL, schema)
    assert parse("auc > 0.8").select([FULL], schema) == [FULL]


FAULTS = [
    ("", "empty", 0), ("   ", "empty", 0),
    ("val/auc", "expected a comparison", 7), ("val/auc >", "expected a value", 9), ("> 3", "expected a column", 0),
    ("val/auc > 0.9 and", "expected a column", 17), ("val/auc > 0.9 adn tag = 'x'", "'and'", 14),
    ("val/auc > 0.9 tag = 'x'", "'and', 'or' or the end", 14), ("(val/auc > 0.9", "never closed", 0),
    ("val/auc > 0.9)", "without a '('", 13), ("0.5 < val/auc < 0.9", "number stands where a column", 0),
    ("0.5 < val/auc", "comes first", 0), ("val/auc > 0.5 < 0.9", "cannot be chained", 14),
    ("params.a < params.b < 3", "cannot be chained", 20), ("val/auc => 0.9", "write >=", 8),
    ("val/auc <> 0.9", "write !=", 8), ("tag = 'a' && tag = 'b'", "write and", 10),
    ("tag = 'a' || tag = 'b'", "or", 10),
    ("!tag = 'a'", "write not", 0), ("name =~ 'a'", "write ~", 5), ("name !~ 'a'", "write not", 5),
    ("tag = 'a", "quote does not end", 6), ('"val auc > 3', "quote does not end", 0),
    ("status = finished", "text stands in quotes: 'finished'", 9), ("name = base", "quotes: 'base'", 7),
    ("tag = cv", "quotes: 'cv'", 6), ("tag in (cv)", "text in quotes", 8), ("name = 5", "quotes: '5'", 7),
    ("name ~ base", "quotes", 7), ("val/auc > 'high'", "expected a number", 10), ("val/auc = true", "a number", 10),
    ("val/auc ~ 'x'", "expected a number", 10), ("seed = '3'", "expected a number", 7),
    ("dirty = 1", "true or false", 8), ("dirty", "dirty = true", 5), ("dirty > false", "write = or !=", 8),
    ("tag < 'a'", "write = or !=", 6), ("created > 5", "an age such as 7d", 10), ("created > 'soon'", "is no date", 10),
    ("created > 2026-13-01", "is no date", 10), ("created = 7d", "a date", 10),
    ("created > 7y", "an age such as 7d", 10),
    ("params.lr > 7d", "expected a number, text", 12), ("val/auc < nan", "is nan", 10),
    ("val/auc > 1e999", "range", 10),
    ("name ~ '('", "no regular expression", 7), (f"name ~ '{'a' * 201}'", "200 is the limit", 7),
    ("val/auc is undefind", "did you mean 'undefined'", 11), ("val/auc is", "expected one of", 10),
    ("name is nan", "never nan", 8),
    ("params.a is undefined", "write is absent", 12), ("min:val/auc is undefined", "last value", 15),
    ("val/auc in 1, 2", "expected '('", 11), ("val/auc in ()", "expected a number", 12),
    ("val/auc in (1 2)", "',' or ')'", 14), ("val/auc in (1,", "expected a number", 14),
    ("val/auc not 3", "'in' after", 12),
    ("group > none", "no order", 8), ("best: val/auc > 1", "without a space", 0), ("val/auc{fold=1 > 3", "brace", 7),
    ("val/auc{fold} > 3", "context", 0), ("val/auc > and", "expected a value", 10), ("'x' = name", "text stands", 0),
    ("val/auc ; 3", "unexpected ';'", 8), ("name contians 'x'", "did you mean 'contains'", 5),
    ("not", "expected a column", 3), ("val/auc > 0,9", "the end", 11), ("params. = 3", "no parameter", 0),
    ("val/auc === 1", "write =", 8), ("finished = status", "a date", 11), ("val/auc = params", "no parameter", 10),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "at"), FAULTS)
def test_faults_are_pointed_at(text: str, message: str, at: int) -> None:
    """Every fault is InvalidFilter, says what was expected, and has a caret under the place."""
    with pytest.raises(InvalidFilter) as caught:
        parse(text, 0)
    assert message in str(caught.value)
    if text.strip():
        shown, caret = caught.value.message.splitlines()[-2:]
        start = max(0, at - 60)
        assert shown == "  " + text[start : at + 60]
        assert caret == "  " + " " * (at - start) + "^"


def test_a_fault_shows_no_control_codes() -> None:
    """A text with an escape sequence or line feed is shown without it, the caret still in place."""
    with pytest.raises(InvalidFilter) as caught:
        parse("val/auc >\n\x1b[2J 3")
    assert "\x1b" not in caught.value.message.splitlines()[1]
    assert len(caught.value.message.splitlines()) == 3


@pytest.mark.parametrize("text", ["(" * 5000 + "a > 1" + ")" * 5000, "not " * 5000 + "a > 1"])
def test_depth_is_bounded(text: str) -> None:
    """Deep nesting is a clear error, never a RecursionError."""
    with pytest.raises(InvalidFilter, match="deeper than 100"):
        parse(text)


def test_what_is_allowed_in_depth_works() -> None:
    """A hundred levels parse and run; a long flat filter is no nesting."""
    assert matches("(" * 100 + "tag = 'cv'" + ")" * 100)
    assert matches("not " * 100 + "tag = 'cv'")
    assert matches(" or ".join(["tag = 'x'"] * 3000 + ["tag = 'cv'"]))


def test_best_without_goal_is_an_error() -> None:
    """A filter never guesses which direction is better."""
    with pytest.raises(InvalidFilter, match=r"\.ledger-schema"):
        matches("best:p@5 > 3")


@pytest.mark.parametrize(
    ("text", "near", "at"),
    [
        ("tag = 'cv' and val/acu > 0.5", "val/auc", 15), ("params.lrr < 1", "params.lr", 0),
        ("params.opt.name = adam", "quotes: 'adam'", 18), ("lr < 1", "params.lr", 0),
        ("val/acu is not absent", "val/auc", 0), ("val/acu is nan", "val/auc", 0), ("val/acu in (1)", "val/auc", 0),
    ],
)  # fmt: skip
def test_an_unknown_name_never_gives_an_empty_table(text: str, near: str, at: int) -> None:
    """A name that no run has is an error that names the nearest, with the caret under it."""
    with pytest.raises(InvalidFilter) as caught:
        parse(text).select([FULL, run("other")], PLAIN)
    assert near in str(caught.value)
    assert caught.value.message.endswith("\n  " + " " * at + "^")


def test_what_may_be_missing_everywhere() -> None:
    """Asking for absence is answered, and nothing is checked where there is no run; one run's name is enough."""
    assert parse("test/auc is absent").select([FULL], PLAIN) == [FULL]
    assert parse("test/auc = none").select([FULL], PLAIN) == [FULL]
    assert parse("test/auc is absent or test/auc < 0.5").select([FULL], PLAIN) == [FULL]
    assert parse("test/auc > 3").select([], PLAIN) == []
    other = run("other")
    assert parse("val/auc > 0.5").select([other, FULL, other], PLAIN) == [FULL]


def test_the_columns_of_a_filter() -> None:
    """Each column is listed once, those on the right too."""
    assert [c.text for c in parse("a > b and a < 3 or tag = 'x'").columns] == ["a", "b", "tag"]


def test_ages_need_no_clock_given() -> None:
    """Without `now_us` the clock counts: a run made now is younger than an hour."""
    import time

    now = time.time_ns() // 1000
    assert parse("created > 1h").matches(run(created=now), PLAIN)
    assert not parse("created > 1h").matches(run(created=now - DAY), PLAIN)


values = st.one_of(st.floats(), st.integers(-3, 3), st.text("ab1'\"\\", max_size=3), st.booleans(), st.none())


def written(value: Any) -> str:
    """A literal as a user writes it."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


@given(values)
def test_every_value_equals_itself(found: Any) -> None:
    """`params.x = V` finds the value V, NaN and none included; `!=` does not."""
    state = run(params={"x": found})
    assert matches(f"params.x = {written(found)}", state)
    assert not matches(f"params.x != {written(found)}", state)


@given(values, st.one_of(st.floats(allow_nan=False), st.text("ab1", max_size=2)))
def test_order_is_a_trichotomy(found: Any, other: Any) -> None:
    """Exactly one of <, =, > holds for two numbers or two texts, else none; != is the complement of = where present."""
    state = run(params={"x": found})
    holds = [matches(f"params.x {op} {written(other)}", state) for op in ("<", "=", ">")]
    number = isinstance(found, (int, float)) and not isinstance(found, bool) and found == found
    comparable = (number and isinstance(other, float)) or (isinstance(found, str) and isinstance(other, str))
    assert sum(holds) == comparable
    present = found is not None and found == found
    assert matches(f"params.x != {written(other)}", state) == (present and not holds[1])


terms = st.sampled_from(["tag = 'cv'", "val/auc > 5", "val/loss > 0", "bad > 0", "params.a = 1"])
trees = st.recursive(
    terms.map(lambda text: (text, matches(text))),
    lambda inner: st.one_of(
        inner.map(lambda a: (f"not ({a[0]})", not a[1])),
        st.tuples(inner, inner).map(lambda p: (f"({p[0][0]}) and ({p[1][0]})", p[0][1] and p[1][1])),
        st.tuples(inner, inner).map(lambda p: (f"({p[0][0]}) or ({p[1][0]})", p[0][1] or p[1][1])),
    ),
    max_leaves=8,
)


@given(trees)
def test_boolean_algebra(tree: tuple[str, bool]) -> None:
    """and, or and not mean what they mean in Python, whatever is absent."""
    assert matches(tree[0]) == tree[1]


@given(st.text(st.sampled_from("ab/.:'\"`{}()=<>!~, 1-\\\n\x00é"), max_size=25))
def test_any_text_parses_or_is_an_invalid_filter(text: str) -> None:
    """No text at all makes another error than InvalidFilter, when parsed and when applied."""
    with contextlib.suppress(InvalidFilter):
        parse(text, 0).select([FULL], PLAIN)


pieces = st.sampled_from(
    ["val/auc", "params.a", "tag", "name", "created", "dirty", "none", ">", "<", "=", "!=", "~", "in", "not", "is",
     "and", "or", "(", ")", ",", "0.5", "'x'", '"y"', "true", "nan", "7d", "2026-11-01", "absent"]
)  # fmt: skip


@given(st.lists(pieces, max_size=9))
def test_any_words_parse_or_are_an_invalid_filter(words: list[str]) -> None:
    """The same for words of the language in any order."""
    with contextlib.suppress(InvalidFilter):
        parse(" ".join(words), 0).select([FULL, run()], PLAIN)
