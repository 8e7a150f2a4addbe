"""Names and keys: what a metric, chart, run or tag may be called, and how a metric with its context is written.

A context is a flat mapping of text to text, number or bool that tells series of one metric apart (`{"fold": 1}`).
It is stored as canonical JSON (sorted keys, no spaces, whole floats as integers) and shown in a key:
`val/auc{fold=1}`. `metric_key` and `parse_key` are each other's inverse.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ledger.errors import InvalidName, InvalidValue, UsageError

NAME_MAX = 512
SPLITS = frozenset({"train", "val", "valid", "validation", "test", "eval", "dev", "prod"})

# What may stand before a colon where a run is named, and is no revision.
_RUN_SELECTORS = frozenset({"run", "tag", "best", "worst"})

# What would be read back as something other than text, or would end the value, is quoted in a key.
_BARE = r"[^\s,{}=\"'][^,{}=\"']*"
_JSON_WORDS = frozenset({"true", "false", "null"})


def check_text(kind: str, text: object) -> str:
    """Return `text` if it can be a name of this kind (metric, chart, tag, run); otherwise raise InvalidName."""
    if not isinstance(text, str):
        raise InvalidName(f"a {kind} name must be text, not {type(text).__name__}: {text!r}")
    if not text or text != text.strip():
        what = "is empty" if not text.strip() else "begins or ends with a space"
        raise InvalidName(f"the {kind} name {text!r} {what}", hint=f"give the {kind} a name such as 'baseline'")
    if len(text) > NAME_MAX:
        raise InvalidName(f"the {kind} name {text[:40]!r}... has {len(text)} characters; {NAME_MAX} is the limit")
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            raise InvalidName(f"the {kind} name {text!r} has the control character {character!r}")
    return text


def check_metric(name: object) -> str:
    """Return `name` if it can name a metric: free text without `{`, `}` and control characters."""
    text = check_text("metric", name)
    if "{" in text or "}" in text:
        raise InvalidName(
            f"the metric name {text!r} has a brace; braces are kept for contexts",
            hint='give the context apart: log({"auc": 0.9}, context={"fold": 1}) or --context fold=1',
        )
    return text


def check_run_name(name: object) -> str:
    """Return `name` if it can name a run: no `:` or `..`, no `@` in front, since selectors use them."""
    text = check_text("run", name)
    for bad in (":", ".."):
        if bad in text:
            raise InvalidName(f"the run name {text!r} has {bad!r}, which selectors use", hint="use '-' or '_' instead")
    if text.startswith("@"):
        raise InvalidName(f"the run name {text!r} begins with '@', which selectors use")
    return text


def canonical_context(context: Mapping[str, Any] | None) -> str | None:
    """Return the context as canonical JSON, or None where there is none.

    Raises InvalidValue for a nested or non-finite value and InvalidName for a key that cannot be one.
    """
    if not context:
        return None
    if not isinstance(context, Mapping):
        raise InvalidValue(f"a context must be a mapping such as {{'fold': 1}}, not {type(context).__name__}")
    plain: dict[str, Any] = {}
    for key in context:
        name = check_text("context", key)
        if any(c in name for c in '{},="'):
            raise InvalidName(f'the context name {name!r} has one of the characters {{ }} , = "')
        plain[name] = _context_value(name, context[key])
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _context_value(name: str, value: Any) -> Any:
    if not isinstance(value, (str, bool, int, float)) and hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise InvalidValue(f"the context value {name} is a whole number beyond 64 bits", hint="give it as text")
    if isinstance(value, (str, bool, int)):
        if isinstance(value, str) and any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in value):
            raise InvalidValue(f"the context value {name}={value!r} has a control character")
        return value
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    raise InvalidValue(f"the context value {name}={value!r} must be text, a finite number or a bool")


# What was read from a file names the same few metrics over and over.


@lru_cache(4096)
def is_metric(name: str) -> bool:
    """Say whether text that was read from a file can name a metric."""
    try:
        check_metric(name)
    except InvalidName:
        return False
    return True


@lru_cache(4096)
def is_context(text: str) -> bool:
    """Say whether text that was read from a file is a context, written as `canonical_context` writes it."""
    try:
        context = json.loads(text)
        return isinstance(context, dict) and canonical_context(context) == text
    except (InvalidName, InvalidValue, ValueError, RecursionError):
        return False


def metric_key(name: str, context: str | None) -> str:
    """Write a metric and its canonical context as a key: `val/auc` or `val/auc{fold=1}`."""
    if not context:
        return name
    parts = []
    for key, value in json.loads(context).items():
        bare = isinstance(value, str) and re.fullmatch(_BARE, value) and value == value.strip() and not _is_json(value)
        parts.append(f"{key}={value if bare else json.dumps(value, ensure_ascii=False)}")
    return f"{name}{{{','.join(parts)}}}"


def parse_key(key: str) -> tuple[str, str | None]:
    """Read a key as written by `metric_key`; return the metric's name and its canonical context."""
    if not key.endswith("}") or "{" not in key:
        return key, None
    name, _, inside = key[:-1].partition("{")
    context: dict[str, Any] = {}
    for part in _split_parts(inside):
        left, equals, right = (text.strip() for text in part.partition("="))
        if not equals:
            raise InvalidName(f"the metric key {key!r} has {part!r} where name=value was expected")
        if left in context:
            raise InvalidName(f"the metric key {key!r} gives {left!r} twice")
        context[left] = _read_value(key, right)
    return name, canonical_context(context)


def _read_value(key: str, text: str) -> Any:
    if not _is_json(text) and not any(c in text for c in '"{}'):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidName(
            f"the metric key {key!r} does not parse: the value {text!r} is neither bare text nor JSON",
            hint='quote it as JSON does: "..."',
        ) from None


def _is_json(text: str) -> bool:
    """Say whether the text would be read as something other than bare text."""
    if text in _JSON_WORDS or text[:1] == '"':
        return True
    try:
        return isinstance(json.loads(text), (int, float))
    except (ValueError, RecursionError):
        return False


def _split_parts(inside: str) -> list[str]:
    """Split at the commas that do not stand inside a quoted value."""
    parts, start, quoted, i = [], 0, False, 0
    while i < len(inside):
        if quoted and inside[i] == "\\":
            i += 1
        elif inside[i] == '"':
            quoted = not quoted
        elif inside[i] == "," and not quoted:
            parts.append(inside[start:i])
            start = i + 1
        i += 1
    parts.append(inside[start:])
    return parts


def split_of(name: str) -> str | None:
    """Return the split a metric name stands for (`val` of `val/auc` or `val_auc`), or None."""
    first, separator, _ = name.partition("/")
    if separator and first in SPLITS:
        return first
    first, separator, _ = name.partition("_")
    return first if separator and first in SPLITS else None


def split_revision(word: str) -> tuple[str | None, str]:
    """Return the revision and the run of `main:baseline`; None and the word itself where it names no revision.

    Raises UsageError where one of the two is empty.
    """
    rev, colon, rest = word.partition(":")
    if not colon or rev in _RUN_SELECTORS:
        return None, word
    if not rev or not rest:
        raise UsageError(f"{word!r} names no run", hint="a run of a revision is REV:RUN, such as main:baseline")
    return rev, rest
