"""Hostile entries, schemas and filters, of any shape, depth and size: they cost their own run and little time."""

import json
import re
import time
import tracemalloc
from typing import Any

import pytest

EVIL = "\x1b]0;pwn\x07\x1b[31m\u202eevil\nnext\r\u2066\x9b31m\u200b"
SHA = "a" * 64
COLUMN = {"blob": SHA, "digest": SHA, "dtype": "float64"}
PREDICTED = {"split": "test", "rows": 1, "columns": {"y": COLUMN}, "time": 1, "writer": "w", "seq": 1, "attempt": 1}
OLD = "2020-01-01T00:00:00.000000Z"


def say(*operations: tuple[Any, ...]) -> dict[str, Any]:
    """Return the fields of an annotation."""
    return {"kind": "annotate", "operations": [dict(zip(("op", "key", "value"), o, strict=False)) for o in operations]}


def rows(**fields: Any) -> dict[str, Any]:
    """Return the fields of an entry that brings rows."""
    return {"kind": "rows", **fields}


def chart(**fields: Any) -> dict[str, Any]:
    """Return the fields of an entry with a chart, some fields of it given."""
    plain = {"name": "c", "blob": SHA, "extension": "png", "media_type": "x", "bytes": 1, "time": 1, "writer": "w"}
    return rows(charts=[{**plain, "seq": 1, "attempt": 1, **fields}])


# What an entry holds, and what `ledger show` of its run ends with.
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "name is a number": (say(("set", "name", 5)), 5),
    "name is nothing": (say(("set", "name", None)), 5),
    "note is a list": (say(("set", "note", [1])), 5),
    "seed beyond 64 bits": (say(("set", "seed", 2**70)), 5),
    "group is a list": (say(("set", "group", [])), 5),
    "empty tag": (say(("add", "")), 0),
    "empty param": (say(("set", "params.", "x"), ("set", "params...a..", "x")), 0),
    "unknown operation": (say(("explode", "name", "x")), 5),
    "unknown key": (say(("set", "status", "finished")), 0),
    "a key of 3000 parts": (say(("set", "params." + "a." * 3000 + "b", 1)), 5),
    "a key of a megabyte": (say(("add", "a" * 10**6)), 5),
    "a float that is none": (say(("set", "params.x", {"$float": "zzz"})), 5),
    "hostile texts": (say(*(("set", key, EVIL) for key in ("name", "note", "group", "params.a")), ("add", EVIL)), 0),
    "segments without end": (rows(segments=[{"sha256": SHA, "rows": 10**30, "bytes": -1}]), 0),
    "a segment twice": (rows(segments=[{"sha256": SHA, "rows": 10**9, "bytes": 1}] * 2000), 0),
    "ranges beyond 64 bits": (rows(writers=[{"writer": "w", "first": -(2**70), "last": 2**70}]), 0),
    "hostile chart": (chart(name=EVIL, media_type=EVIL, caption=EVIL, writer=EVIL), 5),
    "hostile caption": (chart(media_type=EVIL, caption=EVIL, writer=EVIL), 0),
    "chart beyond 64 bits": (chart(bytes=2**80, time=2**80, seq=2**80), 5),
    "nested context": (chart(context='{"a":{"b":1}}'), 5),
    "braces in a name": (chart(name="c{a}{"), 5),
    "more charts elsewhere": (rows(more_charts={"blob": "../x", "count": 1}), 5),
    "more charts nowhere": (rows(more_charts={"blob": SHA, "count": 1}), 5),
    "predictions of any shape": (rows(predictions=[{"x": EVIL, "y": 2**90, "split": [1], "columns": 5}]), 5),
    "predictions without columns": (rows(predictions=[{**PREDICTED, "columns": {}}]), 5),
    "predictions of no number of rows": (rows(predictions=[{**PREDICTED, "rows": -1}]), 5),
    "predictions beyond 64 bits": (rows(predictions=[{**PREDICTED, "step": 2**90}]), 5),
    "hostile split": (rows(predictions=[{**PREDICTED, "split": EVIL}]), 5),
    "hostile column": (rows(predictions=[{**PREDICTED, "columns": {EVIL: COLUMN}}]), 5),
    "hostile label": (rows(predictions=[{**PREDICTED, "labels": [EVIL, 1, True, 0.5]}]), 0),
    "a column elsewhere": (rows(predictions=[{**PREDICTED, "columns": {"y": {**COLUMN, "blob": "../x"}}}]), 0),
    "a column of no known type": (rows(predictions=[{**PREDICTED, "columns": {"y": {**COLUMN, "dtype": EVIL}}}]), 0),
    "hostile reason": (rows(undefined=[{"writer": "w", "seq": 1, "reason": EVIL}]), 0),
    "hostile summary": (rows(summary={EVIL: {"last": EVIL, "count": [1]}}), 0),
    "a source that is none": (rows(source=[EVIL]), 5),
    "a source of any shape": (rows(source={"by": EVIL, EVIL: [EVIL], "function": 5, "versions": [EVIL]}), 0),
    "computed is no list": (rows(source={"by": "backfill", "computed": {"name": 5}}), 0),
    "computed of any shape": (rows(source={"computed": [1, None, [], {"name": 5}, {"name": EVIL, "key": EVIL}]}), 0),
    "computed without end": (
        rows(source={"computed": [{"name": "acc", "key": "0" * 16, "step": step} for step in range(50_000)]}), 0),
    "unknown status": ({"kind": "close", "status": EVIL}, 0),
    "hostile error": ({"kind": "close", "status": "failed", "error": EVIL}, 0),
    "attempt beyond bounds": ({"kind": "resume", "attempt": 2**70}, 5),
    "attempt below bounds": ({"kind": "resume", "attempt": 0, "step": -(2**63)}, 5),
    "step at the bound": ({"kind": "resume", "attempt": 2, "step": 2**63 - 1}, 0),
    "of another run": ({**rows(), "run": "20261122-000000-y-0123456789ab"}, 0),
    "hostile author": ({**say(), "author": EVIL}, 0),
    "of a newer format": ({**say(), "format": 9}, 5),
    "a format beyond 64 bits": ({**say(), "format": 2**70}, 5),
    "of an unknown kind": ({"kind": "vote"}, 0),
    "must be understood": ({"kind": "vote", "must_understand": True}, 5),
    "followed nothing that is": ({**say(), "after": ["x" * 10, EVIL]}, 0),
    "a second beginning": ({"kind": "open", "name": "second", "params": {"lr": 99}}, 0),
    "year 1": ({"kind": "open", "name": EVIL, "time": "0001-01-01T00:00:00.000000Z"}, 0),
    "year 9999": ({"kind": "open", "name": "late", "time": "9999-12-31T23:59:59.999999Z"}, 5),
    "texts of the beginning": (
        {"kind": "open", "name": EVIL, "group": EVIL, "params": {EVIL: EVIL, "n": {"a": [EVIL]}}, "tags": [EVIL],
         "note": EVIL, "git": {"commit": EVIL, "branch": EVIL, "remotes": {EVIL: EVIL}}, "time": OLD,
         "program": {"argv": [EVIL], "python": EVIL, "packages": {EVIL: EVIL}, "versions": {EVIL: EVIL}}}, 0),
    "types of the beginning": (
        {"kind": "open", "name": "x", "git": {"commit": 5, "branch": [1], "dirty": "x", "remotes": 7},
         "program": {"argv": 7, "python": {}, "versions": [1]}, "time": OLD}, 0),
    "a long name": ({"kind": "open", "name": "n" * 200_000, "time": OLD}, 0),
    "numbers of 400 digits": (
        {"kind": "open", "name": "x", "params": {"a": 10**400, "b": -(10**30)}, "time": OLD}, 0),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_entry_costs_its_own_run_at_most(site: Any, case: str) -> None:
    """No verb fails in a way that is not foreseen, and what cannot be trusted is said by those who read it."""
    fields, code = CASES[case]
    site.put(site.fields(**{"kind": "annotate", **fields}))
    reads = [
        ["ls"],
        ["show", site.run],
        ["diff", site.run, "good", "--all"],
        ["charts", site.run],
        ["verify", "--rows"],
    ]
    found = site.attack(
        [*reads, ["export"], ["log", "--run", site.run, "q=1"], ["rm", site.run], ["restore", site.run]]
    )
    assert (found["show"].code, found["ls"].code) == (code, code)
    if code and case != "more charts nowhere":  # what is absent may have been copied in part
        assert found["verify"].code == 5


# The text that stands in the place of a param's value, and what reading it ends with.
TEXTS = {
    "100 000 lists": ("[" * 100_000 + "]" * 100_000, 5),
    "100 000 objects": ('{"a":' * 100_000 + "1" + "}" * 100_000, 5),
    "lists without end": ("[" * 1_000_000, 5),
    "500 lists": ("[" * 500 + "]" * 500, 5),
    "60 lists": ("[" * 60 + "]" * 60, 0),
    "digits": ("9" * 100_000, 5),
    "beyond float64": ("1e999", 5),
    "NaN": ("NaN", 5),
    "infinity": ("-Infinity", 5),
    "a lone surrogate": (r'"\ud800"', 5),
    "no UTF-8": ('"\udcff\udcfe"', 5),
    "a control character": ('"a\x1bb"', 5),
    "an escaped one": (r'"a\u001b\u0000b"', 0),
    "keys twice": ('{"a": 1, "a": 2}', 0),
    "nothing": ("", 5),
}


@pytest.mark.parametrize("case", TEXTS)
def test_json_that_no_writer_writes(site: Any, case: str) -> None:
    """Depth, digits, numbers beyond bounds, wrong encodings: damage of the run; a key that is there twice is found."""
    text, code = TEXTS[case]
    entry = json.dumps(site.fields(**say(("set", "params.x", "@"))))
    site.put(entry.replace('"@"', text).encode("utf-8", "surrogateescape"), "annotate")
    found = site.attack()
    assert (found["show"].code, found["ls"].code) == (code, code)
    assert found["verify"].code == (5 if code or case == "keys twice" else 0)


def test_keys_that_are_there_twice(site: Any) -> None:
    """The last one counts wherever it is read, and `verify` says that programs differ in which they take."""
    entry = json.dumps(site.fields(**say(("set", "note", "one"))))
    other = json.dumps(say(("set", "note", "two")))[1:-1]
    site.put((entry[:-1] + "," + other + "}").encode(), "annotate")
    shown = site.cli("show", site.run, "--json")
    assert json.loads(shown.out)["note"] == "two"
    verified = site.cli("verify", "--json")
    assert verified.code == 5
    assert {f["kind"] for f in json.loads(verified.out)["findings"] if f["severity"] == "damage"} == {"duplicate-key"}


def test_retractions_in_long_chains_and_circles(site: Any) -> None:
    """A chain of 1500 retractions of one another is walked at once, without recursion."""
    target = site.run
    for _ in range(1500):
        path = site.put(site.fields("retract", target=target))
        target = path.name[-21:-5]
    site.put(site.fields("retract", target=target, reason="self"))
    began = time.monotonic()
    assert site.cli("show", site.run).code in (0, 4)
    assert time.monotonic() - began < 10


def test_a_conflict_of_hostile_texts(site: Any) -> None:
    """Values that were set at once are said, escaped."""
    for value in ("one", EVIL):
        site.put(site.fields(**say(("set", "note", value))))
    assert site.attack()["show"].code == 0


HUGE = {
    "an entry of 50 MB": (lambda: b'"' + b"x" * 50_000_000 + b'"', 0),
    "an entry of 70 MB": (lambda: b'"' + b"x" * 70_000_000 + b'"', 5),
    "a list of 10 million": (lambda: b"[" + b"1," * 10_000_000 + b"1]", 0),
    "an object of a million keys": (lambda: b"{" + b",".join(b'"k%d":1' % i for i in range(10**6)) + b"}", 0),
    "a number of 10 million digits": (lambda: b"9" * 10_000_000, 5),
    "escapes": (lambda: b'"' + rb"\u202e" * 8_000_000 + b'"', 0),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", HUGE)
def test_huge_entries_are_read_in_bounds(site: Any, case: str) -> None:
    """Tens of megabytes of JSON in one value: every verb ends, within the memory that so large a value takes."""
    make, code = HUGE[case]
    head, _, tail = json.dumps(site.fields(**say(("set", "params.x", "@")))).encode().partition(b'"@"')
    site.put(head + make() + tail, "annotate")
    codes = site.bounded([["ls"], ["show", site.run], ["verify"], ["log", "--run", site.run, "a=1"]], 2 << 30)
    assert (codes[0], codes[1]) == (code, code)


def test_a_list_of_charts_that_many_entries_name_is_read_once(site: Any) -> None:
    """Entries of a few hundred bytes that all name one large blob cost one reading of it."""
    listed = [site.chart(f"c{i}", seq=i) for i in range(300)]
    sha256 = site.put_blob(json.dumps(listed).encode(), "json")
    for i in range(40):
        site.put(site.fields("rows", reason=str(i), more_charts={"blob": sha256, "count": 300}))
    tracemalloc.start()
    try:
        assert site.cli("show", site.run).code == 0
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


GLOBS = {
    "stars": f'[metric."{"*a**a" * 200}b*"]\ngoal = "minimize"\n',
    "classes": f'[metric."{"[!a-z]" * 1000}"]\ngoal = "minimize"\n',
    "open classes": f'[metric."{"[" * 3000}"]\ngoal = "minimize"\n',
    "parts": f'[metric."{"**/" * 1000}x"]\ngoal = "minimize"\n',
    "a long glob": f'[metric."{"a*" * 50_000}"]\ngoal = "minimize"\n',
    "deep tables": "[" + ".".join("a" * 2000) + "]\n",
    "deep lists": "x = " + "[" * 20_000 + "]" * 20_000,
    "a long key": "a." * 50_000 + "b = 1\n",
    "digits": "[storage]\nmax_blob = " + "9" * 100_000 + "\n",
    "control codes": '[metric."loss"]\nunit = "\\u001b[31m\\u202e\\u009b31m"\n',
    "an unknown hostile key": '["\\u001b[31m\\u202e"]\nx = 1\n',
}  # fmt: skip


@pytest.mark.parametrize("case", GLOBS)
def test_a_hostile_schema_is_quick_to_use_or_to_refuse(site: Any, case: str) -> None:
    """A `.ledger-schema` of a stranger holds up nobody: it is applied, or refused with exit 2 and one clear error."""
    (site.top / ".ledger-schema").write_text(GLOBS[case])
    began = time.monotonic()
    for verb in (["ls"], ["show", "good"], ["compare", "--all"], ["schema", "val/auc"], ["schema"]):
        result = site.cli(*verb)
        assert result.code in (0, 2), (verb, result)
        assert not re.search("Traceback|\x1b|\u202e|\x9b", result.err + (result.out if verb != ["schema"] else ""))
        assert len(result.err) < 2000, (verb, len(result.err))
    assert time.monotonic() - began < 5


@pytest.mark.slow
@pytest.mark.parametrize("glob", ["m{}/*", "m{}", "**/x{}*y"])
def test_a_schema_of_many_rules(site: Any, glob: str) -> None:
    """A hundred thousand rules are read and applied in bounded time and memory."""
    text = "".join(f'[metric."{glob.format(i)}"]\ngoal = "minimize"\n' for i in range(100_000))
    (site.top / ".ledger-schema").write_text(text)
    assert set(site.bounded([["ls"], ["compare", "--all"]], 2 << 30)) == {0}


FILTERS = [
    "(" * 5000 + "val/auc > 0" + ")" * 5000,
    "not " * 20_000 + "val/auc > 0",
    " and ".join(["val/auc > 0"] * 2000),
    " or ".join(["val/auc > 0"] * 2000),
    "val/auc > " + "9" * 100_000,
    "val/auc > 1e" + "9" * 10_000,
    'name = "' + "a" * 100_000 + '"',
    'name ~ "' + "(a+)+" * 50 + '$"',
    'name ~ "' + "*a" * 500 + 'b"',
    'name ~ "' + "[" * 1000 + '"',
    "val/auc " + ">" * 5000 + " 0",
    "\x1b[31m\u202e = 1",
    "created > " + "2" * 5000,
    '"' * 9999,
    "{" * 5000,
    "a{" + "b=1," * 5000 + "} > 1",
]


@pytest.mark.parametrize("expression", FILTERS, ids=lambda text: repr(text[:16]))
def test_a_hostile_filter_is_quick_to_use_or_to_refuse(site: Any, expression: str) -> None:
    """Depth, length and patterns of a filter hold up nobody: it is applied, or refused with exit 2."""
    site.cli("rename", site.run, "a" * 200)
    for verb in (["ls", "-F", expression], ["ls", "--sort", expression]):
        began = time.monotonic()
        result = site.cli(*verb)
        assert result.code in (0, 2, 4), (verb[:2], result.code, result.err[-300:])
        assert not re.search("Traceback|\x1b|\u202e", result.err)
        assert len(result.err) < 5000 + 3 * len(expression)
        assert time.monotonic() - began < 5, verb[:2]


MIB = 1 << 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["entry", "segment", "schema"])
def test_a_file_larger_than_it_can_be_is_not_read(site: Any, kind: str) -> None:
    """Its length is known before its bytes: 2 GiB, of which nothing is stored, cost neither time nor memory."""
    paths = {"entry": "*-close-*.json", "segment": "*.parquet"}
    path = site.top / ".ledger-schema" if kind == "schema" else next(site.folder.glob(paths[kind]))
    with open(path, "ab") as file:
        file.truncate(2 << 30)
    codes = site.bounded([["ls"], ["show", site.run], ["show", "good"]], memory=600 * MIB)
    assert codes == ([5, 5, 5] if kind == "schema" else [5, 5, 0])


@pytest.mark.slow
def test_very_many_params_in_one_entry(site: Any) -> None:
    """What an entry of 250 000 operations costs is its length, not its square."""
    site.put(site.fields(**say(*(("set", f"params.a.k{i}", i) for i in range(250_000)))))
    assert site.bounded([["ls", "-c", "id"]], memory=1200 * MIB) == [0]
    state = json.loads(site.cli("show", site.run, "--json").out)
    assert len(state["params"]["a"]) == 250_000
