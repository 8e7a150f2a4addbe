"""The filter language of `-F`: `val/auc > 0.9 and params.lr < 0.01 and not tag = 'draft'`.

`parse` turns the text into a Filter over the columns of `columns.py`; `select` applies it to runs. The rules:
- A comparison with an absent or undefined value is false, `!=` and `not in` too: ask `is absent`, `is undefined`.
- NaN compares false, except with the literal: `= nan` is `is nan`. Numbers, text and bools never equal one another.
- `tag = 'cv'` means that the run has that tag, `!=` that it has not. Times without an offset are UTC; a date or time
  stands for all of its day, minute or second. `created > 7d` means younger than 7 days (s, m(inutes), h, d, w).
"""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from ledger.errors import InvalidFilter
from ledger.format.values import Undefined
from ledger.store.state import RunState
from ledger.table import columns, literals
from ledger.table.columns import Column
from ledger.table.literals import EXPECTED, Literal

if TYPE_CHECKING:
    from ledger.schema import Schema

    Node = Callable[[RunState, Schema], bool]

DEPTH_MAX = 100
_KEYWORDS = frozenset({"and", "or", "not", "in", "is", "contains"})
_STATES = ("absent", "undefined", "nan", "inf", "none")
_INSTEAD = {
    "&": "and", "&&": "and", "|": "or", "||": "or", "!": "not", "<>": "!=", "=>": ">=", "=<": "<=", "===": "=",
    "=~": "~", "~=": "~", "!~": "not (COLUMN ~ 'PATTERN')", "!==": "!=", "=!": "!=",
}  # fmt: skip
_OPERATORS = ("=", "==", "!=", "<", "<=", ">", ">=", "~")
_TOKEN = re.compile(r"[=!<>~&|]+|[(),]|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`")
# A word goes on through a quoted part after `:` or `.`, and through a context in braces.
_WORD = re.compile(
    r"""[\w/.\-:%@+#$*?]+|(?<=[:.])(?:"(?:[^"]|"")*"|`(?:[^`]|``)*`)|\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}"""
)


class Token(NamedTuple):
    """A piece of the text: its kind (word, text, name, column, op, `(`, `)`, `,`, end), what it says, where it begins.

    `text` is single-quoted, `name` double-quoted (a column on the left, text on the right), `column` in backticks.
    """

    kind: str
    value: str
    at: int


class _Use(NamedTuple):
    """A column in the text, for the check against real runs; `excused` where only its absence is asked for."""

    column: Column
    at: int
    right: bool
    excused: bool


class Filter:
    """A filter that parsed; `columns` are those it reads."""

    def __init__(self, text: str, root: "Node", uses: Sequence[_Use]) -> None:
        self.text = text
        self.columns = tuple(dict.fromkeys(use.column for use in uses))
        self._root = root
        self._uses = uses

    def matches(self, state: RunState, schema: "Schema") -> bool:
        """Say whether the run passes; raises InvalidFilter for best: and worst: of a metric without a goal."""
        return self._root(state, schema)

    def select(self, states: Sequence[RunState], schema: "Schema") -> list[RunState]:
        """Return the runs that pass, in their order, after `check`."""
        self.check(states, schema)
        return [state for state in states if self._root(state, schema)]

    def fits(self, state: RunState, schema: "Schema") -> bool:
        """Say whether a run passes, without `check`."""
        return bool(self._root(state, schema))

    def check(self, states: Sequence[RunState], schema: "Schema") -> None:
        """Raise InvalidFilter for a metric or parameter that no run has.

        A column whose absence is asked for (`X is absent`) may be missing everywhere. Nothing is raised without runs.
        """
        excused = {use.column for use in self._uses if use.excused}
        for use in self._uses if states else ():
            if use.column in excused:
                continue
            if not any(columns.has(use.column, state, schema) for state in states):
                error = columns.unknown(use.column, states)
                hint = error.hint
                if use.right and use.column.kind == "metric":
                    hint = f"text stands in quotes: '{use.column.name}'"
                _fault(self.text, use.at, error.message, hint)


def parse(text: str, now_us: int | None = None) -> Filter:
    """Read a filter; ages count back from `now_us` (microseconds since 1970 UTC; the clock unless given).

    Raises InvalidFilter with the text, a caret under the fault, and what was expected there.
    """
    if now_us is None:
        now_us = time.time_ns() // 1000
    return _Parser(text, now_us).parse()


def _fault(text: str, at: int, message: str, hint: str | None = None) -> NoReturn:
    """Raise InvalidFilter that shows the text, or the part of a long one around the fault, with a caret under it."""
    start = max(0, at - 60)
    shown = "".join(c if c.isprintable() else " " for c in text[start : at + 60])
    raise InvalidFilter(f"{message}\n  {shown}\n  {' ' * (at - start)}^", hint=hint)


def _tokens(text: str) -> list[Token]:
    tokens, at = [], 0
    quotes = {"'": "text", '"': "name", "`": "column"}
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif found := _TOKEN.match(text, at):
            word, mark = found[0], found[0][0]
            if mark in quotes:
                tokens.append(Token(quotes[mark], word[1:-1].replace(mark * 2, mark), at))
            else:
                if mark not in "()," and word not in _OPERATORS:
                    better = _INSTEAD.get(word)
                    _fault(text, at, f"{word!r} is no operator", f"write {better}" if better else _expected_operator())
                tokens.append(Token(word if mark in "()," else "op", "=" if word == "==" else word, at))
            at = found.end()
        elif text[at] in quotes:
            _fault(text, at, "a quote does not end", f"write {text[at]}...{text[at]}; a quote inside is doubled")
        else:
            end = at
            while found := _WORD.match(text, end):
                end = found.end()
            if end < len(text) and text[end] in "{}":
                _fault(text, end, "a brace does not match", "a context reads val/auc{fold=1}")
            if end == at:
                _fault(text, at, f"unexpected {text[at]!r}", "a name with such characters stands in double quotes")
            tokens.append(Token("word", text[at:end], at))
            at = end
    return [*tokens, Token("end", "", len(text))]


def _expected_operator() -> str:
    return f"expected one of {' '.join(_OPERATORS)}, contains, in (...), is absent"


class _Parser:
    def __init__(self, text: str, now_us: int) -> None:
        self.text, self.now = text, now_us
        self.tokens, self.position = _tokens(text), 0
        self.uses: list[_Use] = []

    def parse(self) -> Filter:
        if self.token.kind == "end":
            raise InvalidFilter("the filter is empty", hint="for instance: val/auc > 0.9 and params.lr < 0.01")
        root = self.any_of(0)
        if self.token.kind != "end":
            message = "')' without a '(' before it" if self.token.kind == ")" else "expected 'and', 'or' or the end"
            self.fail(message, self.meant(("and", "or")))
        return Filter(self.text, root, self.uses)

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def fail(self, message: str, hint: str | None = None, at: Token | None = None) -> NoReturn:
        _fault(self.text, (at or self.token).at, message, hint)

    def take(self) -> Token:
        token = self.token
        self.position += token.kind != "end"
        return token

    def meant(self, words: Iterable[str]) -> str | None:
        """Return a hint with the word of these that stands nearest to the next token."""
        near = columns.nearest(self.token.value.lower(), sorted(words), 1) if self.token.kind == "word" else []
        return f"did you mean {near[0]!r}?" if near else None

    def accept(self, *words: str) -> str | None:
        """Take the next token if it is one of these keywords or marks."""
        token = self.token
        word = token.value.lower() if token.kind == "word" else token.kind
        if word not in words:
            return None
        self.position += 1
        return word

    def any_of(self, depth: int) -> "Node":
        parts = [self.all_of(depth)]
        while self.accept("or"):
            parts.append(self.all_of(depth))
        return parts[0] if len(parts) == 1 else lambda state, schema: any(part(state, schema) for part in parts)

    def all_of(self, depth: int) -> "Node":
        parts = [self.negation(depth)]
        while self.accept("and"):
            parts.append(self.negation(depth))
        return parts[0] if len(parts) == 1 else lambda state, schema: all(part(state, schema) for part in parts)

    def negation(self, depth: int) -> "Node":
        if depth > DEPTH_MAX:
            self.fail(f"the filter is nested deeper than {DEPTH_MAX} levels")
        if self.accept("not"):
            part = self.negation(depth + 1)
            return lambda state, schema: not part(state, schema)
        if self.token.kind == "(":
            opened = self.take()
            inner = self.any_of(depth + 1)
            if not self.accept(")"):
                if self.token.kind == "end":
                    self.fail("'(' is never closed", "add ')'", opened)
                self.fail("expected 'and', 'or' or ')'")
            return inner
        return self.comparison()

    def comparison(self) -> "Node":
        token = self.token
        column = self.left()
        if self.accept("is"):
            return self.state_of(column, token)
        negated = self.accept("not") is not None
        if self.accept("in"):
            node = self.membership(column, token, negated)
        elif negated:
            self.fail("expected 'in' after 'not'", "write COLUMN not in ('a', 'b'), or not (COLUMN contains 'a')")
        elif self.accept("contains"):
            node = self.binary(column, token, "contains")
        elif self.token.kind == "op":
            node = self.binary(column, token, self.take().value)
        else:
            if column.kind == "field" and column.name == "dirty":
                self.fail(f"expected a comparison after {column.text!r}", "write dirty = true")
            self.fail(f"expected a comparison after {column.text!r}", self.meant(_KEYWORDS) or _expected_operator())
        if self.token.kind == "op":
            self.fail("comparisons cannot be chained", f"write {column.text} > LOW and {column.text} < HIGH")
        return node

    def left(self) -> Column:
        token = self.take()
        if token.kind == "word" and literals.NUMBER.fullmatch(token.value) and token.value[-1] not in "nNfFyY":
            self.fail("a number stands where a column was expected", "the column comes first: val/auc > 0.9", token)
        if token.kind == "text":
            hint = "a name stands in double quotes; a value comes second, as in status = 'failed'"
            self.fail("text stands where a column was expected", hint, token)
        if token.kind not in ("word", "name", "column") or (token.kind == "word" and token.value.lower() in _KEYWORDS):
            what = f", not {token.value or token.kind!r}" if token.kind != "end" else ""
            self.fail(f"expected a column{what}", "such as val/auc, best:val/auc, params.lr, tag or status", token)
        return self.column(token)

    def column(self, token: Token) -> Column:
        try:
            return columns.parse(token.value, heading=False)
        except InvalidFilter as error:
            self.fail(error.message, error.hint, token)

    def state_of(self, column: Column, token: Token) -> "Node":
        negated = self.accept("not") is not None
        word = self.token.value.lower() if self.token.kind == "word" else ""
        word = {"null": "none", "missing": "absent", "infinite": "inf"}.get(word, word)
        if word not in _STATES:
            self.fail(f"expected one of {', '.join(_STATES)} after 'is'", self.meant(_STATES))
        if word == "undefined" and (column.kind != "metric" or column.statistic != "last"):
            self.fail(f"only the last value of a metric can be undefined, not {column.text}", "write is absent")
        if word in ("nan", "inf") and _type_of(column) not in ("number", "any"):
            self.fail(f"{column.text} is never {word}", "write is absent")
        self.take()
        absent = word in ("absent", "none")
        self.uses.append(_Use(column, token.at, False, absent and not negated))
        return _state(column, word, negated)

    def membership(self, column: Column, token: Token, negated: bool) -> "Node":
        if not self.accept("("):
            self.fail("expected '(' after 'in'", f"write {column.text} in ('a', 'b')")
        self.uses.append(_Use(column, token.at, False, False))
        tests = []
        while True:
            right = self.take()
            literal = self.literal(right)
            if literal is None or literal.type == "none":
                self.fail("expected a number, text in quotes, true or false, or a date", None, right)
            tests.append(self.test(column, "!=" if negated else "=", literal, right))
            if self.accept(")"):
                break
            if not self.accept(","):
                self.fail("expected ',' or ')'")
        every = all if negated else any
        return _present(column, lambda value: every(test(value) for test in tests))

    def binary(self, column: Column, token: Token, op: str) -> "Node":
        right = self.take()
        literal = self.literal(right)
        use = _Use(column, token.at, False, False)
        if literal is None:
            return self.pair(use, op, right)
        if literal.type == "none":
            if op not in ("=", "!="):
                self.fail("none has no order", f"write {column.text} is absent", right)
            self.uses.append(use._replace(excused=op == "="))
            return _state(column, "absent", op == "!=")
        self.uses.append(use)
        return _present(column, self.test(column, op, literal, right))

    def pair(self, use: _Use, op: str, right: Token) -> "Node":
        """Compare two columns of one run."""
        left = use.column
        if right.kind not in ("word", "column") or right.value.lower() in _KEYWORDS:
            self.fail(f"expected a value after {op!r}", f"{left.text} {op} {EXPECTED[_type_of(left)]}", right)
        other = self.column(right)
        kinds = {_type_of(left).replace("duration", "number"), _type_of(other).replace("duration", "number")}
        textual = op in ("~", "contains")
        if textual or (len(kinds - {"any"}) > 1 and kinds != {"tags", "text"}):
            hint = f"text stands in quotes: '{right.value}'" if textual or kinds & {"text", "tags"} else None
            self.fail(f"expected {EXPECTED[_type_of(left)]} after {left.text} {op}", hint, right)
        self.uses.extend((use, _Use(other, right.at, True, False)))

        def compare(state: RunState, schema: "Schema") -> bool:
            old, new = columns.value(left, state, schema), columns.value(other, state, schema)
            if any(
                value is None or isinstance(value, Undefined) or literals.is_state(value, "nan") for value in (old, new)
            ):
                return False
            return literals.holds(op, old, new)

        return compare

    def literal(self, token: Token) -> Literal | None:
        """Read a value; None where the token is none, and may name a column."""
        if token.kind in ("text", "name"):
            return Literal("text", token.value, token.value, bare=False)
        if token.kind != "word":
            return None
        try:
            return literals.read(token.value)
        except InvalidFilter as error:
            self.fail(error.message, error.hint, token)

    def test(self, column: Column, op: str, literal: Literal, token: Token) -> "Callable[[Any], bool]":
        """Return the test of a present value against a literal; fails where their types can never meet."""
        try:
            return literals.test(_type_of(column), column.text, op, literal, self.now)
        except InvalidFilter as error:
            self.fail(error.message, error.hint, token)


def _type_of(column: Column) -> str:
    fixed = {"metric": "number", "param": "any", "tag": "tags"}
    return fixed.get(column.kind) or columns.FIELDS[column.name]


def _present(column: Column, test: "Callable[[Any], bool]") -> "Node":
    def node(state: RunState, schema: "Schema") -> bool:
        value = columns.value(column, state, schema)
        return value is not None and not isinstance(value, Undefined) and test(value)

    return node


def _state(column: Column, word: str, negated: bool) -> "Node":
    def node(state: RunState, schema: "Schema") -> bool:
        value = columns.value(column, state, schema)
        return literals.is_state(None if column.kind == "tag" and not value else value, word) != negated

    return node
