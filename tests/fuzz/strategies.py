"""Strategies that make inputs of parsers: any bytes, valid ones that were damaged, and trees with one wrong branch."""

from typing import Any

from hypothesis import strategies as st

from tests.fuzz.laws import TARGETS

ODD_TEXT = st.sampled_from(
    ["", " ", "nan", "../x", "a/../..", "\x1b[31m", "\u202eb", "\0", "{a=1}", "ı", "$float", "1e999", "x" * 600]
)
ODD = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, -1, 1, 2**31, 2**53 + 1, 2**62 + 1, 2**63 - 1, 2**63, -(2**63)])
    | st.floats()
    | ODD_TEXT
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
    | st.sampled_from([[], {}, [[]], {"$float": "NaN"}, {"$float": 1}, {"$": 1}, {"a": {"a": []}}])
)


@st.composite
def damaged(draw: st.DrawFn, valid: list[bytes]) -> bytes:
    """Draw valid bytes after some changes: flipped, put in, taken out, replaced from another input, doubled."""
    data = bytearray(draw(st.sampled_from(valid)))
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["flip", "insert", "delete", "splice", "double"]))
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(1, 40)))
        if kind == "flip" and at < len(data):
            data[at] ^= draw(st.integers(1, 255))
        elif kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=9) | ODD_TEXT.map(str.encode))
        elif kind == "delete":
            del data[at:end]
        elif kind == "splice":
            other = draw(st.sampled_from(valid))
            begin = draw(st.integers(0, len(other)))
            data[at:end] = other[begin : begin + draw(st.integers(1, 60))]
        elif kind == "double":
            data[at:at] = data[at:end] * draw(st.integers(1, 40))
    return bytes(data)


def inputs(target: str) -> st.SearchStrategy[bytes]:
    """Return inputs for a target: arbitrary bytes, and its seeds, damaged."""
    return st.binary(max_size=120) | damaged(TARGETS[target].seeds())


@st.composite
def one_wrong(draw: st.DrawFn, tree: Any) -> Any:
    """Draw a copy of a tree of lists and dicts in which one branch was replaced, dropped, doubled or renamed."""
    if not isinstance(tree, (dict, list)) or not tree or draw(st.integers(0, 5)) == 0:
        return draw(ODD)
    if isinstance(tree, list):
        at = draw(st.integers(0, len(tree) - 1))
        kind = draw(st.sampled_from(["inside", "inside", "drop", "double"]))
        inside = [draw(one_wrong(tree[at]))] if kind == "inside" else [tree[at]] * (2 * (kind == "double"))
        return [*tree[:at], *inside, *tree[at + 1 :]]
    key = draw(st.sampled_from(list(tree)))
    kind = draw(st.sampled_from(["inside", "inside", "inside", "drop", "rename"]))
    changed = {other: value for other, value in tree.items() if other != key}
    if kind == "inside":
        return {**tree, key: draw(one_wrong(tree[key]))}
    return changed if kind == "drop" else {**changed, draw(ODD_TEXT): tree[key]}
