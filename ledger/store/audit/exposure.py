"""What looks like a credential in committed files: the texts of entries and small text blobs, held against redaction.

A text that redaction would change holds something it takes for a secret. What is said of it is where it stands, never
the text. The functions that redact are given by the caller: the store does not know how runs are recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

TEXT_MAX = 1_000_000  # bytes of a text blob that is looked into
TEXT_EXTENSIONS = frozenset(
    ("txt", "log", "md", "csv", "tsv", "json", "jsonl", "toml", "yaml", "yml", "html", "svg", "bin")
)
_PLAIN = frozenset({"format", "kind", "run", "time", "after", "writers", "segments", "predictions"})
_PATH_MAX = 200


class Redaction(NamedTuple):
    """How secrets are taken out: of a text, of a command's arguments, of a URL; `hides`: its name tells a value."""

    text: Callable[[str], str]
    argv: Callable[[Sequence[str]], list[str]]
    url: Callable[[str], str]
    hides: Callable[[str, str | int | float], bool]


def in_entry(entry: dict[str, Any], redact: Redaction) -> Iterator[str]:
    """Yield the JSON paths of an entry at which something looks like a credential."""
    for name, value in entry.items():
        if name in _PLAIN:
            continue
        if name == "operations" and isinstance(value, list):
            yield from _operations(value, redact)
        else:
            yield from _inside(value, name, name, redact)


def in_text(data: bytes, redact: Redaction) -> int | None:
    """Return the line of a text, counted from 1, at which something looks like a credential; None if nothing does."""
    if b"\0" in data:
        return None
    text = data.decode("utf-8", "replace")
    redacted = redact.text(text)
    if redacted == text:
        return None
    same = next(
        (i for i, (a, b) in enumerate(zip(text, redacted, strict=False)) if a != b), min(len(text), len(redacted))
    )
    return text.count("\n", 0, same) + 1


def _operations(operations: list[Any], redact: Redaction) -> Iterator[str]:
    for i, operation in enumerate(operations):
        if isinstance(operation, dict):
            name = str(operation.get("key", ""))
            if redact.text(name) != name:
                yield f"operations[{i}].key"
            yield from _inside(operation.get("value"), f"operations[{i}].value", name.rpartition(".")[2], redact)


def _inside(value: Any, path: str, name: str, redact: Redaction) -> Iterator[str]:
    """Look at a value and all in it; `name` is what it is called, since a secret may show by its name alone."""
    waiting: list[tuple[Any, str, str]] = [(value, path, name)]
    while waiting:
        value, path, name = waiting.pop()
        if isinstance(value, str):
            if redact.text(value) != value or redact.hides(name, value):
                yield path
        elif isinstance(value, (int, float)):
            if redact.hides(name, value):
                yield path
        elif isinstance(value, list):
            texts = [item if isinstance(item, str) else "" for item in value]
            if path == "program.argv":
                yield from (
                    f"{path}[{i}]" for i, (a, b) in enumerate(zip(texts, redact.argv(texts), strict=True)) if a != b
                )
            else:
                waiting += [(item, f"{path}[{i}]", name) for i, item in reversed(list(enumerate(value)))]
        elif isinstance(value, dict):
            for key, inner in value.items():
                hidden = redact.text(key)
                inner_path = f"{path}.{hidden}"[:_PATH_MAX]
                if hidden != key:
                    yield inner_path
                if path == "git.remotes" and isinstance(inner, str) and redact.url(inner) != inner:
                    yield inner_path
                else:
                    waiting.append((inner, inner_path, key))
