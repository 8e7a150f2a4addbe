"""On which line of a TOML text each table and key stands, so that an error in `.ledger-schema` can name it."""

import re


def lines(text: str) -> dict[tuple[str, ...], int]:
    """Find the line on which each table and key of a valid TOML text first stands; tomllib does not say."""
    tokens = re.compile(
        r'''"""(?:\\.|[^\\])*?"""(?!")|\'{3}.*?\'{3}(?!\')'''
        r"""|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|\#[^\n]*|\n|[][{}=.,]|[^][{}=.,"\'\#\s]+""",
        re.DOTALL,
    )
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    # The brackets open in a value: an inline table has its path, an array None. `key` is None inside a value.
    brackets: list[tuple[str, ...] | None] = []
    key: list[str] | None = []
    header, line = False, 1
    path: tuple[str, ...] = ()
    for match in tokens.finditer(text):
        token = match[0]
        if token == "\n":
            if not brackets:
                key, header = [], False
        elif token[0] == "#":
            pass
        elif key is None:
            if token in "{[":
                brackets.append(path if token == "{" else None)
            elif token in "}]":
                brackets.pop()
            key = [] if token == "{" or (token == "," and brackets and brackets[-1] is not None) else None
        elif token == "[" and not key:
            header = True
        elif token == "]" and header:
            table = _note(found, (), key, line) if key else table
            key = []
        elif token == "=":
            path = _note(found, (brackets[-1] or ()) if brackets else table, key, line)
            key = None
        elif token == "}":
            brackets.pop()
            key = None
        elif token != "." and token != ",":
            key.append(_key_text(token))
        line += token.count("\n")
    return found


def _note(found: dict[tuple[str, ...], int], table: tuple[str, ...], key: list[str], line: int) -> tuple[str, ...]:
    """Note the line of a path and of the tables it implies; return the path."""
    path = (*table, *key)
    for length in range(1, len(path) + 1):
        found.setdefault(path[:length], line)
    return path


def _key_text(token: str) -> str:
    """Return a key as TOML reads it: bare, or in quotes of either kind."""
    import tomllib

    return str(tomllib.loads(f"key = {token}")["key"]) if token[0] in "\"'" else token
