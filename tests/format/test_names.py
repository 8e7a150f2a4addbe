"""Names, contexts and keys: what is refused, and that key and context are each other's inverse."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ledger.errors import InvalidName, InvalidValue, LedgerError
from ledger.format import names

PLAIN = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"))
TEXTS = st.text(PLAIN, max_size=12)
METRICS = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"), exclude_characters="{}"), min_size=1)
CONTEXT_NAMES = TEXTS.filter(lambda t: t == t.strip() != "" and not any(c in t for c in '{},="'))
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
WORDS = st.sampled_from(
    ["true", "null", "NaN", "-Infinity", "1", "1e5", "01", "", " ", '"', "\\", "a,b", "a=b", "{}", "'"]
)
CONTEXTS = st.dictionaries(CONTEXT_NAMES, TEXTS | WORDS | NUMBERS | st.booleans(), max_size=4)


@given(METRICS, CONTEXTS)
def test_key_and_context_are_inverse(name: str, context: dict[str, Any]) -> None:
    """A metric with its canonical context, written as a key, reads back as the same two."""
    assume(name == name.strip())
    canonical = names.canonical_context(context)
    assert names.parse_key(names.metric_key(name, canonical)) == (name, canonical)


@given(CONTEXTS)
@example({"fold": 1.0})
@example({"fold": -0.0})
def test_canonical_context_is_a_normal_form(context: dict[str, Any]) -> None:
    """It keeps the values, does not depend on the order, sorts its keys, and is its own canonical form."""
    canonical = names.canonical_context(context)
    assert canonical == names.canonical_context(dict(reversed(context.items())))
    if canonical is None:
        assert not context
        return
    decoded = json.loads(canonical)
    assert decoded == context
    assert list(decoded) == sorted(context)
    assert names.canonical_context(decoded) == canonical
    assert all(type(decoded[k]) is bool for k, v in context.items() if isinstance(v, bool))


@given(st.text(max_size=20) | st.builds(lambda a, b: f"{a}{{{b}}}", st.text(max_size=5), st.text(max_size=12)))
@example('a{b="}')
@example("a{b=" + "[" * 5000 + "}")
@example("a{b={" + "[" * 5000 + "}")
@example("a{b=" + "1" * 5000 + "}")
def test_any_text_is_a_key_or_is_refused(text: str) -> None:
    """Whatever is typed as a key either reads, and then writes to a key that reads the same, or raises our error."""
    try:
        name, context = names.parse_key(text)
    except LedgerError:
        return
    if name and "{" not in name:
        assert names.parse_key(names.metric_key(name, context)) == (name, context)


@pytest.mark.parametrize("value", [1, 1.0, np.int64(1), np.float32(1.0), np.array(1)])
def test_one_number_has_one_context(value: Any) -> None:
    """Whole numbers of any type write the same context."""
    assert names.canonical_context({"fold": value}) == '{"fold":1}'


@pytest.mark.parametrize(
    "context",
    [
        {"a": math.nan},
        {"a": math.inf},
        {"a": None},
        {"a": [1]},
        {"a": {"b": 1}},
        {"a": "line\nbreak"},
        {"a": "\x1b[31m"},
        {"a": "\udc80"},
        {"a": 10**5000},
        {"a": 2**64},
        {"a": np.array([1, 2])},
    ],
)
def test_context_values_that_have_no_form_are_refused(context: dict[str, Any]) -> None:
    """Nested, non-finite, too large and unprintable values raise InvalidValue."""
    with pytest.raises(InvalidValue):
        names.canonical_context(context)


@pytest.mark.parametrize("context", [{"": 1}, {" a": 1}, {"a=b": 1}, {"a{": 1}, {1: 1}, {1: 1, "a": 2}, {'"': 1}])
def test_context_names_that_cannot_be_one_are_refused(context: Any) -> None:
    """Empty, padded, non-text names and names with a key's own characters raise InvalidName."""
    with pytest.raises(InvalidName):
        names.canonical_context(context)


@pytest.mark.parametrize("name", ["", " ", " a", "a ", "a\n", "a\x00b", "\u202ea", "\udc80", "a" * 513, 1, None, b"a"])
def test_names_that_cannot_be_one_are_refused(name: object) -> None:
    """Empty, padded, unprintable, too long and non-text names raise InvalidName, whatever they name."""
    for kind in ("metric", "chart", "tag", "run"):
        with pytest.raises(InvalidName, match=kind):
            names.check_text(kind, name)


@pytest.mark.parametrize(("check", "name"), [(names.check_metric, "a{b}"), (names.check_metric, "}")])
def test_metric_names_have_no_braces(check: Any, name: str) -> None:
    """Braces belong to contexts; the hint says how to give one."""
    with pytest.raises(InvalidName, match="brace") as caught:
        check(name)
    assert "context=" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["a:b", "a..b", "@1", ".."])
def test_run_names_leave_selectors_their_characters(name: str) -> None:
    """`:`, `..` and a leading `@` are refused, since selectors use them."""
    with pytest.raises(InvalidName, match="selectors"):
        names.check_run_name(name)


@given(METRICS)
def test_names_that_pass_are_kept_as_they_are(name: str) -> None:
    """A good name comes back unchanged, whatever its script."""
    assume(name == name.strip() and len(name) <= names.NAME_MAX)
    assert names.check_metric(name) == name


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("val/auc", "val"),
        ("val_loss", "val"),
        ("test/a/b", "test"),
        ("Val/auc", None),
        ("val", None),
        ("value/x", None),
        ("auc/val", None),
        ("my_val/x", None),
    ],
)
def test_split_of(name: str, split: str | None) -> None:
    """The first part names the split where it is one of the known words."""
    assert names.split_of(name) == split
