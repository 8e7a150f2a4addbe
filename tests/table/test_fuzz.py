"""What users type to pick runs and values, under any text: an answer for every run, or one clear error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import laws
from tests.fuzz.strategies import inputs

WORDS = [
    "and", "or", "not", "in", "is", "contains", "(", ")", ",", "=", "!=", "<", ">=", "~", "absent", "undefined", "nan",
    "none", "inf", "-inf", "true", "'cv'", '"val auc"', "`loss`", "val/auc", "val/auc{fold=1}", "best:val/auc",
    "params.a",
    "params.opt.name", "tag", "status", "created", "duration", "dirty", "seed", "7d", "1.5", "10" * 200, "2026-11-01",
    "0001-01-01T00:00+23:59", "9999-12-31", "'('", "ınf", "{", '"',
]  # fmt: skip


@pytest.mark.parametrize("target", ["filter", "column", "literal", "selector"])
@settings(max_examples=150)
@given(data=st.data())
def test_any_text_and_damaged_ones(target: str, data: st.DataObject) -> None:
    """The law of the target holds for arbitrary text and for valid texts that were changed a little."""
    laws.TARGETS[target].law(data.draw(inputs(target)))


@settings(max_examples=300)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_filters_of_their_own_words(text: str) -> None:
    """The words of the language in any order are a filter that answers, or an error that points at a place."""
    laws.filter_text(text.encode())


@given(
    st.lists(st.sampled_from([*WORDS, "as", "metrics.", "params.", "count:", "worst:", ":", ".", '""'])).map("".join)
)
def test_columns_of_their_own_words(text: str) -> None:
    """The parts of a column in any order are a column that has a value or none, or an error."""
    laws.column_spec(text.encode())


@given(st.lists(st.sampled_from(["@", "1", "0", "run:", "tag:", "best:", "cv", "-", "*", "?", "[", "]", "base", ":"])))
def test_selectors_of_their_own_words(parts: list[str]) -> None:
    """The parts of a selector in any order mean runs of the ledger, or none with an error that says so."""
    laws.selector("".join(parts).encode())
