"""`.ledger-schema`: what is accepted, what is refused and where, how a metric is looked up and judged."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidSchema, NewerFormat
from ledger.format import goals
from ledger.schema import EMPTY, Metric, Schema, known_goal, parse

INF, NAN = math.inf, math.nan
DOCUMENT = """\
format = 0
[metric."val/auc"]
goal = "maximize"
unit = "1"
description = "area under the ROC curve"
range = [0, 1]
tolerance = 1e-6
relative_tolerance = 0
alias = ["val_auc", "mAP@[.5:.95]"]
[metric."**/loss"]
range = [-inf, inf]
[gate."val/auc{fold=1}"]
min = 0.8
max_drop = 0.01
min_runs = 3
required = true
baseline = "main"
[vitals."train/loss"]
window = 50
kind = "spike"
[storage]
max_blob = "20 MB"
warn_total = 1000
"""


def refused(text: str) -> InvalidSchema:
    """Parse text that must be refused; return the error."""
    with pytest.raises(InvalidSchema) as caught:
        parse(text)
    assert caught.value.exit_code == 2
    return caught.value


def test_a_document_comes_back_as_declared() -> None:
    """Every table and key is kept, in the order of the file, and non-finite numbers are strings in JSON."""
    schema = parse(DOCUMENT)
    assert schema.to_json() == {
        "schema": "ledger.schema/1",
        "metrics": [
            {
                "glob": "val/auc",
                "goal": "maximize",
                "unit": "1",
                "description": "area under the ROC curve",
                "range": [0.0, 1.0],
                "tolerance": 1e-6,
                "alias": ["val_auc", "mAP@[.5:.95]"],
            },
            {"glob": "**/loss", "range": ["-Infinity", "Infinity"]},
        ],
        "gates": {
            "val/auc{fold=1}": {"min": 0.8, "max_drop": 0.01, "min_runs": 3, "required": True, "baseline": "main"}
        },
        "vitals": {"train/loss": {"window": 50, "kind": "spike"}},
        "storage": {"max_blob": 20_000_000, "warn_total": 1000},
    }
    assert schema.declared == schema.to_json()["metrics"]
    json.dumps(schema.to_json(), allow_nan=False)


def test_equal_texts_give_equal_schemas_whatever_was_looked_up() -> None:
    """The cache of lookups is no part of the value; windows line ends and a byte order mark change nothing."""
    first, second = parse(DOCUMENT), parse("\ufeff" + DOCUMENT.replace("\n", "\r\n"))
    first.metric("val/auc")
    assert first == second
    assert first != EMPTY


def test_an_empty_file_declares_nothing() -> None:
    """Empty text equals EMPTY, which knows well-known goals and nothing else."""
    assert parse("") == parse("# nothing\n") == EMPTY == Schema()
    assert EMPTY.metric("val/auc") == Metric(goal="maximize")
    assert EMPTY.metric("val/thing") == Metric()
    assert EMPTY.canonical("val_loss{fold=1}") == "val_loss{fold=1}"


def test_the_projects_own_schema_is_valid() -> None:
    """The `.ledger-schema` at the repository's root parses, and its alias and globs do what they say."""
    schema = parse((Path(__file__).parents[1] / ".ledger-schema").read_text("utf-8"))
    assert schema.canonical("val_loss") == "val/loss"
    assert schema.metric("test/fit_seconds").goal == "minimize"
    assert schema.storage["max_blob"] == 20_000_000


GLOBS = [
    ("val/auc", "val/auc", True),
    ("val/auc", "val/auc2", False),
    ("val/*", "val/auc", True),
    ("val/*", "val/", True),
    ("val/*", "val/a/auc", False),
    ("*", "val/auc", False),
    ("**", "val/auc", True),
    ("val/**", "val/a/auc", True),
    ("val/**", "val", False),
    ("**/loss", "loss", True),
    ("**/loss", "a/b/loss", True),
    ("**/loss", "gloss", False),
    ("**/loss", "a/gloss", False),
    ("a/**/b", "a/b", True),
    ("a/**/b", "a/x/y/b", True),
    ("a/**/b", "ab", False),
    ("a**b", "a/x/b", True),
    ("**b", "a/b", True),
    ("a?c", "abc", True),
    ("a?c", "a/c", False),
    ("a?c", "ac", False),
    ("top_[15]", "top_5", True),
    ("top_[15]", "top_2", False),
    ("top_[0-9]", "top_7", True),
    ("top_[!0-9]", "top_7", False),
    ("top_[!0-9]", "top_x", True),
    ("a[!x]b", "a/b", False),
    ("a[/]b", "a/b", False),
    ("[]]", "]", True),
    ("a[b", "a[b", True),
    ("[*]x", "*x", True),
    ("[*]x", "yx", False),
    ("LOSS", "loss", False),
    ("a.c", "abc", False),
]


@pytest.mark.parametrize(("glob", "name", "fits"), GLOBS)
def test_globs(glob: str, name: str, fits: bool) -> None:
    """`*`, `?` and classes stay within one part, `**` crosses parts, `**/` also stands for no part."""
    schema = parse(f"[metric.{json.dumps(glob)}]\nunit = 'u'\n")
    assert (schema.metric(name).glob == glob) is fits


@given(st.text("a/*?", min_size=1, max_size=8), st.text("ab/", max_size=9))
def test_globs_agree_with_a_regular_expression(glob: str, name: str) -> None:
    """The matcher finds what the pattern's translation into a regular expression finds."""
    pattern, rest = "", glob
    while rest:
        token = re.match(r"\*+|.", rest)[0]  # type: ignore[index]
        at_start = len(rest) == len(glob) or glob[len(glob) - len(rest) - 1] == "/"
        rest = rest[len(token) :]
        if token[:2] == "**":
            parts = at_start and rest.startswith("/")
            pattern += "(?:.*/)?" if parts else ".*"
            rest = rest[1:] if parts else rest
        else:
            pattern += {"*": "[^/]*", "?": "[^/]"}.get(token, re.escape(token))
    fits = Schema(metrics=(Metric(glob=glob, unit="u"),)).metric(name).unit == "u"
    assert fits is (re.fullmatch(pattern, name) is not None or glob == name)


def test_a_hostile_glob_takes_no_time() -> None:
    """Many wildcards on a long name end at once: a schema may come from a stranger's pull request."""
    schema = parse(f'[metric."{"*a**a" * 20}b*"]\nunit = "u"\n')
    assert schema.metric("a" * 500).glob is None


PRECEDENCE = [
    (["**", "val/*", "val/auc"], "val/auc", "val/auc"),
    (["**", "val/*", "*/auc"], "val/auc", "val/*"),
    (["*/auc", "val/*"], "val/auc", "*/auc"),
    (["**", "val/*"], "val/auc", "val/*"),
    (["*/loss", "**/loss"], "val/loss", "*/loss"),
    (["**/loss", "*/loss"], "val/loss", "**/loss"),
    (["val/[a]uc", "v**"], "val/auc", "val/[a]uc"),
    (["acc?5]", "acc[5]"], "acc[5]", "acc[5]"),
    (["acc[5]"], "acc5", "acc[5]"),
]


@pytest.mark.parametrize(("globs", "name", "winner"), PRECEDENCE)
def test_the_most_specific_glob_wins(globs: list[str], name: str, winner: str) -> None:
    """The exact name, then more literal characters, then the earlier table; tables are never merged."""
    text = "".join(f"[metric.{json.dumps(glob)}]\nunit = {json.dumps(glob)}\n" for glob in globs)
    metric = parse(text).metric(name)
    assert (metric.glob, metric.unit) == (winner, winner)


def test_the_winning_table_is_not_merged_with_others() -> None:
    """A key that only a less specific table gives is absent; the goal alone is completed, from the name."""
    metric = parse('[metric."**"]\nunit = "s"\ngoal = "minimize"\n[metric."val/*"]\ntolerance = 1\n').metric("val/auc")
    assert metric == Metric(glob="val/*", goal="maximize", tolerance=1.0)


def test_a_lookup_ignores_the_context() -> None:
    """`val/auc{fold=1}` finds the table of `val/auc`."""
    assert parse(DOCUMENT).metric("val/auc{fold=1}").glob == "val/auc"


def test_an_alias_is_its_metric() -> None:
    """An alias is taken letter by letter, keeps its context, and finds the metric's table and goal."""
    schema = parse(DOCUMENT)
    assert schema.aliases == {"val_auc": "val/auc", "mAP@[.5:.95]": "val/auc"}
    assert schema.canonical("val_auc") == "val/auc"
    assert schema.canonical("val_auc{fold=1,part=a}") == "val/auc{fold=1,part=a}"
    assert schema.canonical("mAP@[.5:.95]") == "val/auc"
    assert schema.canonical("val/loss{fold=1}") == "val/loss{fold=1}"
    assert schema.metric("val_auc{fold=1}") == schema.metric("val/auc")


@given(st.sampled_from(["val_auc", "val/auc", "x", "mAP@[.5:.95]"]), st.sampled_from(["", "{fold=1}", '{a="b, c"}']))
def test_canonical_is_idempotent(name: str, context: str) -> None:
    """The canonical key of a canonical key is itself."""
    schema = parse(DOCUMENT)
    once = schema.canonical(name + context)
    assert schema.canonical(once) == once
    assert once.endswith(context)


MINIMIZE = """
loss error err rmse mse mae mape median_ae brier log_loss logloss nll perplexity ece fpr fnr fdr wer cer kl
max_error mean_relative_error latency val_loss val/loss VAL/Loss val/log-loss mean_squared_error brier_score
validation_0-logloss word_error_rate negative_log_likelihood train/kl_divergence false_negative_rate
"""
MAXIMIZE = """
acc accuracy auc roc_auc pr_auc average_precision map f1 f2 fbeta precision recall specificity npv mcc
cohen_kappa r2 explained_variance iou mean_iou dice bleu rouge ks balanced_accuracy psnr ssim ndcg mrr hit_rate reward
score train_auc top_5_accuracy val/top_5_accuracy loss/auc val/mAP f1_macro ndcg@10 test_neg_mean_squared_error
true_negative_rate
"""
UNKNOWN = """
gloss accelerate lossy loss/total learning_rate loss_scale std_accuracy neg_loss feature_mapping epoch lr
auc/ f11 accuracy_std rank_test_score / _ a__b
"""


@pytest.mark.parametrize(
    ("name", "goal"),
    [(n, "minimize") for n in MINIMIZE.split()]
    + [(n, "maximize") for n in MAXIMIZE.split()]
    + [(n, None) for n in UNKNOWN.split()],
)
def test_well_known_goals(name: str, goal: str | None) -> None:
    """Whole words at the end of the last part decide; nothing is guessed from part of a word."""
    assert known_goal(name) == goal
    assert EMPTY.metric(name).goal == goal


def test_every_metric_that_evaluate_writes_has_a_goal() -> None:
    """No name of the evaluation registry is left without a direction."""
    names = """accuracy balanced_accuracy precision recall specificity npv fpr fnr fdr f1 f2 mcc cohen_kappa roc_auc
    average_precision ks brier log_loss ece mae mse rmse mape median_ae r2 explained_variance max_error
    mean_relative_error mean_iou dice top_5_accuracy"""
    assert [name for name in names.split() if known_goal(f"test/{name}") is None] == []


def test_a_declared_goal_beats_the_well_known_one() -> None:
    """What the team says counts, also through a glob."""
    assert parse('[metric."odd/*"]\ngoal = "maximize"\n').metric("odd/loss").goal == "maximize"


VERDICTS = [
    (Metric(goal="maximize"), 0.5, 0.6, "better"),
    (Metric(goal="maximize"), 0.6, 0.5, "worse"),
    (Metric(goal="minimize"), 0.6, 0.5, "better"),
    (Metric(goal="minimize"), 0.5, 0.6, "worse"),
    (Metric(), 0.5, 0.6, "unknown"),
    (Metric(), 0.5, 0.5, "same"),
    (Metric(goal="maximize"), 0.0, -0.0, "same"),
    (Metric(goal="maximize"), None, 0.5, "unknown"),
    (Metric(goal="maximize"), 0.5, None, "unknown"),
    (Metric(goal="maximize"), None, None, "unknown"),
    (Metric(goal="maximize"), NAN, 0.5, "unknown"),
    (Metric(goal="maximize"), 0.5, NAN, "unknown"),
    (Metric(goal="maximize"), NAN, NAN, "same"),
    (Metric(goal="maximize"), NAN, None, "unknown"),
    (Metric(goal="maximize"), INF, INF, "same"),
    (Metric(goal="maximize"), -INF, INF, "better"),
    (Metric(goal="minimize"), 1.0, INF, "worse"),
    (Metric(goal="minimize"), 1.0, -INF, "better"),
    (Metric(goal="minimize", relative_tolerance=0.1), INF, 1.0, "better"),
    (Metric(goal="minimize", relative_tolerance=0.1), -INF, INF, "worse"),
    (Metric(goal="minimize", tolerance=1e308), 1e308, -1e308, "better"),
    (Metric(goal="maximize", tolerance=0.25), 1.0, 1.25, "same"),
    (Metric(goal="maximize", tolerance=0.25), 1.0, 1.5, "better"),
    (Metric(goal="maximize", relative_tolerance=0.25), 4.0, 5.0, "same"),
    (Metric(goal="maximize", relative_tolerance=0.25), -4.0, -5.0, "same"),
    (Metric(goal="maximize", relative_tolerance=0.25), 4.0, 5.5, "better"),
    (Metric(goal="maximize", relative_tolerance=0.25), 0.0, 1e-300, "better"),
    (Metric(goal="maximize", tolerance=2.0, relative_tolerance=0.25), 4.0, 6.0, "same"),
    (Metric(tolerance=2.0), 4.0, 6.0, "same"),
]


@pytest.mark.parametrize(("metric", "old", "new", "verdict"), VERDICTS)
def test_verdicts(metric: Metric, old: float | None, new: float | None, verdict: str) -> None:
    """The larger of both tolerances decides sameness; NaN, absence and an unknown goal are never a direction."""
    assert metric.verdict(old, new) == verdict


@given(st.floats(), st.floats(), st.sampled_from([0.0, 0.5, 1e300]))
def test_verdicts_mirror(old: float, new: float, tolerance: float) -> None:
    """Swapping the values, or turning the goal, swaps better and worse and leaves the rest."""
    mirror = {"better": "worse", "worse": "better"}
    up, down = Metric(goal="maximize", tolerance=tolerance), Metric(goal="minimize", tolerance=tolerance)
    verdict = up.verdict(old, new)
    assert down.verdict(old, new) == up.verdict(new, old) == mirror.get(verdict, verdict)


SIZES = [
    ("0", 0),
    ("1000", 1000),
    ("'20 MB'", 20_000_000),
    ("'20MB'", 20_000_000),
    ("'20 mib'", 20 * 2**20),
    ("'1.5 GB'", 1_500_000_000),
    ("'0.5 KiB'", 512),
    ("'7 B'", 7),
    ("'1 TiB'", 2**40),
]


@pytest.mark.parametrize(("value", "size"), SIZES)
def test_sizes(value: str, size: int) -> None:
    """An integer is bytes; a text has a decimal or binary unit, exactly."""
    assert parse(f"[storage]\nmax_blob = {value}\n").storage == {"max_blob": size}


# The offending line is the one marked with <-, and the message must hold every word given.
REFUSED = [
    ('[metric."val/auc"]\ngaol = "maximize"  #<-', ["gaol", "val/auc", "goal, unit", "did you mean goal?"]),
    ('[metric."a"]\n\n# goal = 1\ngoal = "maximise"  #<-', ['"maximise"', '"maximize" or', "did you mean maximize?"]),
    ('[metric."a"]\ngoal = 1  #<-', ["goal in", "1", '"minimize"']),
    ('[metric."a"]\nrange = [1, 0]  #<-', ["range", "[1, 0]", "lo <= hi"]),
    ('[metric."a"]\nrange = [0, nan]  #<-', ["range", "NaN", "nan not"]),
    ('[metric."a"]\nrange = [0, 1, 2]  #<-', ["range", "two numbers"]),
    ('[metric."a"]\nrange = [false, true]  #<-', ["range", "true"]),
    ('[metric."a"]\nrange = "0..1"  #<-', ["range"]),
    ('[metric."a"]\ntolerance = nan  #<-', ["tolerance", "NaN", "finite number >= 0"]),
    ('[metric."a"]\ntolerance = inf  #<-', ["tolerance", "Infinity"]),
    ('[metric."a"]\ntolerance = true  #<-', ["tolerance", "true"]),
    ('[metric."a"]\nrelative_tolerance = -0.1  #<-', ["relative_tolerance", "-0.1"]),
    ('[metric."a"]\ntolerance = 1' + "0" * 400 + "  #<-", ["tolerance", "..."]),
    ('[metric."a"]\ntolerance = 0x' + "f" * 9000 + "  #<-", ["tolerance", "thousands of digits"]),
    ('[metric."a"]\nunit = 3  #<-', ["unit", "3", "text"]),
    ('[metric."a"]\nunit = "\\u001b[1m"  #<-', ["unit", "\\u001b[1m"]),
    ('[metric."a"]\ndescription = 2020-01-01  #<-', ["description", "2020-01-01"]),
    ('[metric."a"]\nalias = "b"  #<-', ["alias", '"b"', "list"]),
    ('[metric."a"]\nalias = ["*b"]  #<-', ["alias", "*b", "without wildcards"]),
    ('[metric."a"]\nalias = ["b{c=1}"]  #<-', ["alias", "contexts"]),
    ('[metric."a"]\nalias = ["b", "b"]  #<-', ["alias", "different"]),
    ('[metric."a*"]\nalias = ["b"]  #<-', ["a*", "alias", "without wildcards"]),
    ('[metric."a"]\nalias = ["b"]\n[metric."c"]\nalias = [ #<-\n"b"]', ['"b"', '"a"', '"c"', "already"]),
    ('[metric."a"]\nalias = ["b"]  #<-\n[metric."b"]', ['"b"', "declared too"]),
    ('[metric."a"]\nalias = ["a"]  #<-', ['"a"', "declared too"]),
    ('[metric.""]  #<-', ["metric", "is empty"]),
    ('[metric."a{b=1}"]  #<-', ["brace", "every context"]),
    ('[metric."a"]\n[metric.val.auc]  #<-\ngoal = "maximize"', ['unknown key "auc"', '[metric."val.auc"]']),
    ('[metric]\nauc = "maximize"  #<-', ['[metric."auc"]', '"maximize"', "must be a table"]),
    ("[[metric.auc]]  #<-", ["auc", "must be a table"]),
    ("metric = 3  #<-", ["[metric]", "3", "must be a table"]),
    ('\n[metrics."a"]  #<-\ngoal = "maximize"', ['"metrics"', "metric, gate", "did you mean metric?"]),
    ('[gate."a"]\nmin = "high"  #<-', ["min", "high", "finite number"]),
    ('[gate."a"]\nmax = nan  #<-', ["max", "NaN"]),
    ('[gate."a"]\nmax_drop = -1  #<-', ["max_drop", "-1", ">= 0"]),
    ('[gate."a"]\nmin_runs = 0  #<-', ["min_runs", "0", ">= 1"]),
    ('[gate."a"]\nmin_runs = true  #<-', ["min_runs", "true"]),
    ('[gate."a"]\nrequired = 1  #<-', ["required", "1", "true or false"]),
    ('[gate."a"]\nbaseline = ""  #<-', ["baseline"]),
    ('[gate."a"]\nmaxdrop = 1  #<-', ["maxdrop", "did you mean max_drop?"]),
    ('[gate."a{b=1}"]\n[gate."a{b}"]  #<-', ["a{b}", "names no metric"]),
    ('[gate."a{b=\\"}"]  #<-', ["names no metric", "neither bare text nor JSON"]),
    ('[vitals."a"]\nwindow = [1]  #<-', ["window", "[1]", "text, a number or a boolean"]),
    ('[storage]\nmax_blob = "20 XB"  #<-', ["max_blob", "20 XB", '"20 MB"']),
    ('[storage]\nmax_blob = "20"  #<-', ["max_blob"]),
    ('[storage]\nmax_blob = "0.3 B"  #<-', ["max_blob", "whole bytes"]),
    ("[storage]\nwarn_total = 1.5  #<-", ["warn_total", "1.5"]),
    ("[storage]\nwarn_total = -1  #<-", ["warn_total", "-1"]),
    ("[storage]\nwarn_total = true  #<-", ["warn_total", "true"]),
    ("[storage]\nwarn = 1  #<-", ["warn", "did you mean warn_total?"]),
    ('# a comment\nformat = "0"  #<-', ["format", '"0"']),
    ("format = false  #<-", ["format", "false"]),
    ("format = -1  #<-", ["format", "-1"]),
    ('[metric."a"]\ngoal = maximize  #<-', ["not valid TOML", "goal = maximize"]),
    ("\n[metric.val/auc]  #<-\n", ["not valid TOML", "val/auc", '[metric."val/auc"]']),
    ('[metric."a"]\ngoal = "maximize"\n[metric."a"]  #<-\nunit = "s"', ["not valid TOML", "twice"]),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_is_refused_and_where(text: str, words: list[str]) -> None:
    """A mistake names the file, its line, the key, what was found, what is allowed, and the nearest known word."""
    message = str(refused(text))
    line = 1 + [("<-" in part) for part in text.split("\n")].index(True)
    assert re.match(rf"\.ledger-schema, line {line}[:,]", message), message
    assert [word for word in words if word not in message] == []
    assert message.replace("\n", "").isprintable()


# How TOML can write one key: the scanner must find the marked line in each.
PLACES = {
    "bare table": "[metric.a]\ngoal = 1 #<-",
    "spaces": ' [ metric . "a" ] # [metric.a]\n\n  "goal"   =   1 #<-',
    "literal quotes": "[metric.'a']\n'goal' = 1 #<-",
    "escaped name": '[metric."\\u0061"]\n"go\\u0061l" = 1 #<-',
    "dotted key": "[metric]\na.unit = 's'\na.goal = 1 #<-",
    "dotted at top": "metric.a.goal = 1 #<-",
    "inline table": "[metric]\na = { unit = 's', goal = 1 } #<-",
    "nested inline": "metric = { b = { goal = 'minimize' }, a = { range = [0, 1], goal = 1 } } #<-",
    "hash in text": "[metric.a]\nunit = '# goal = 1'\ngoal = 1 #<-",
    "other table first": "[metric.b]\ngoal = 'minimize'\n[metric.a]\ngoal = 1 #<-",
    "same key in a gate": "[gate.a]\nmin = 1\n[metric.a]\ngoal = 1 #<-",
    "array over lines": "[metric.a]\nalias = [ # ]\n 'goal = 1',\n '[metric.a]',\n]\ngoal = 1 #<-",
    "quoted brackets": "[metric.'[a]']\nunit = ']'\n[metric.a]\ngoal = 1 #<-",
    "text over lines": '[metric.a]\ndescription = """\ngoal = 1\n[metric.b]\n\\""" "" """\ngoal = 1 #<-',
    "literal over lines": "[metric.a]\ndescription = '''\ngoal = 1\n\"\"\"'''\ngoal = 1 #<-",
    "quotes at the end": '[metric.a]\ndescription = """a"""""\nunit = "u"\ngoal = 1 #<-',
    "empty texts": '[metric.a]\ndescription = """"""\ngoal = 1 #<-\n[metric.b]\ndescription = \'\'',
    "value over lines": "[metric.a]\ngoal = [ #<-\n1,\n]",
    "windows line ends": "[metric.a]\r\nunit = 's'\r\ngoal = 1 #<-\r\n",
    "dates and numbers": "[vitals.a]\nx = 1.5e3\ny = -0x1F\n[metric.a]\ngoal = 1 #<-",
}


@pytest.mark.parametrize("place", PLACES)
def test_the_line_is_found_however_the_key_is_written(place: str) -> None:
    """Quotes, comments, dotted keys, inline tables and texts over several lines do not lead the scanner astray."""
    text = PLACES[place].replace("-0x1F", "31")
    line = 1 + [("#<-" in part) for part in text.split("\n")].index(True)
    assert f"line {line}: goal in" in str(refused(text))


@pytest.mark.parametrize("text", ["x = " + "[" * 5000, "x = " + "9" * 5000, 'x = "', "[metric"])
def test_text_that_is_no_toml_is_one_clear_error(text: str) -> None:
    """Nesting, endless digits and a file that breaks off are refused, never a traceback of another kind."""
    assert ".ledger-schema" in refused(text).message


@given(st.text(st.characters(codec="utf-8"), max_size=40) | st.text("[]{}=.,\"'#\n ametric1", max_size=30))
def test_any_text_is_a_schema_or_an_invalid_one(text: str) -> None:
    """Whatever the file holds, the answer is a Schema or an error meant for the user."""
    try:
        schema = parse(text)
    except (InvalidSchema, NewerFormat):
        return
    assert isinstance(schema, Schema)


def test_a_newer_format_is_refused_before_anything_else() -> None:
    """A higher format exits 5 and names both formats, whatever else stands in the file."""
    with pytest.raises(NewerFormat, match=r"team\.toml, line 2: format is 1; .* reads format 0") as caught:
        parse("\nformat = 1\n[unheard.of]\n", source="team.toml")
    assert caught.value.exit_code == 5


def test_importing_the_module_is_light() -> None:
    """Neither the TOML reader, nor difflib, nor an array library is loaded by the import."""
    code = "import sys, ledger.schema; print(sorted({'tomllib', 'difflib', 'numpy', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_normative_page_says_what_the_code_does() -> None:
    """The page's example parses, and its lists of well-known names are complete and right."""
    page = (Path(__file__).parents[1] / "docs/format/schema.md").read_text("utf-8")
    example = parse(page.partition("```toml\n")[2].partition("```")[0])
    assert example.metric("val_auc{fold=1}").verdict(0.9, 0.9005) == "same"
    assert example.metric("test/fit_seconds").verdict(2.0, 1.0) == "better"
    lists = page.partition("- **minimize**:")[2].partition("\n\n")[0].split("- **maximize**:")
    minimize, maximize = (re.findall("`([^`]+)`", part) for part in lists)
    assert set(minimize) == set(goals._MINIMIZE)
    assert set(maximize) == set(goals._MAXIMIZE)
    assert {known_goal(name) for name in minimize} == {"minimize"}
    assert {known_goal(name) for name in maximize} == {"maximize"}
