"""`.ledger-schema` under any text, and globs under any pattern: declarations that read the same again, or one error."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.format.declarations import GATE, METRIC, STORAGE
from tests.fuzz import laws
from tests.fuzz.strategies import inputs

VALUES = st.sampled_from(
    [
        "1", "-1", "0", "nan", "-inf", "1e999", "true", '""', '"maximize"', '"1.5 GiB"', '"0.3 b"', '"\u202e"',
        "[0, 1]",
        "[inf, -inf]", "[nan, 1]", '["a", "b"]', '["a", "a"]', '["**"]', "[[1], {}]", "{a = 1}", "2026-11-01",
        "12:00:00",
        f"0x{'f' * 5000}", "0x7fffffffffffffff", "0x8000000000000000", f"1{'0' * 4400}", "9223372036854775808", "'K'",
        "'''\na'''", '"""a\\\n  b"""',
    ]
)  # fmt: skip
NAMES = st.sampled_from(
    ['"val/auc"', '"**/loss"', '"a{b=1}"', '"a{b"', '""', '" "', "'x'", "loss", "a.b", '"\\u0000"', '"ü"']
)
KEYS = st.sampled_from([*METRIC, *GATE, *STORAGE, "format", "other", '"a.b"', "a.b"])


@pytest.mark.parametrize("target", ["schema", "glob"])
@settings(max_examples=150)
@given(data=st.data())
def test_any_text_and_damaged_ones(target: str, data: st.DataObject) -> None:
    """The law of the target holds for arbitrary text and for valid texts that were changed a little."""
    laws.TARGETS[target].law(data.draw(inputs(target)))


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["metric", "gate", "vitals", "storage"]), NAMES, st.dictionaries(KEYS, VALUES, max_size=3)
        ),
        max_size=4,
    )
)
def test_declarations_of_any_value(tables: list[tuple[str, str, dict[str, str]]]) -> None:
    """Known tables and keys with any value are kept as declared, or refused with the line."""
    lines = []
    for kind, name, declared in tables:
        lines.append(f"[{kind}]" if kind == "storage" else f"[{kind}.{name}]")
        lines += [f"{key} = {value}" for key, value in declared.items()]
    laws.schema_text("\n".join(lines).encode())


@given(st.text("ab/*?[]!-^\\&|~", max_size=9), st.text("ab/-]^", max_size=9))
def test_globs_of_their_own_marks(pattern: str, name: str) -> None:
    """The marks of a glob in any order are a pattern; none of them is an error or a warning."""
    laws.glob(f"{pattern}\0{name}".encode())


@given(st.text("ab=,\"' {}[]#.\n", max_size=30), st.text(max_size=8))
def test_every_key_of_a_valid_text_has_its_line(text: str, value: Any) -> None:
    """Text in quotes may hold anything: keys are found on their lines all the same."""
    laws.schema_text(
        f"a.b = {json.dumps(text)}\n[c]\nd = '''{text.replace(chr(39), '')}'''\ne = 1 # {value}\n".encode(
            "utf-8", "replace"
        )
    )
