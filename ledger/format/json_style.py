"""JSON made to be read in a diff: the style of entries, of lists of charts, of what is said of data and models."""

from __future__ import annotations

from typing import Any

import msgspec

_LINE_MAX = 110


def render(value: Any) -> bytes:
    """Return JSON made to be read in a diff: two-space indent, LF, a container of scalars on one line where it fits."""
    lines: list[str] = []
    _render(value, "", "", "", lines)
    return ("\n".join(lines) + "\n").encode()


def _render(value: Any, indent: str, lead: str, tail: str, lines: list[str]) -> None:
    flat = not isinstance(value, (dict, list)) or not value
    inner = value.values() if isinstance(value, dict) else value
    if not flat and not any(isinstance(v, (dict, list)) and v for v in inner):
        text = _one_line(value)
        flat = bool(indent) and len(indent) + len(lead) + len(text) <= _LINE_MAX
    if flat:
        lines.append(f"{indent}{lead}{_one_line(value)}{tail}")
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    lines.append(indent + lead + opening)
    last = len(value) - 1
    for i, item in enumerate(value.items() if isinstance(value, dict) else value):
        comma = "," if i < last else ""
        if isinstance(value, dict):
            _render(item[1], indent + "  ", f"{_scalar(item[0])}: ", comma, lines)
        else:
            _render(item, indent + "  ", "", comma, lines)
    lines.append(indent + closing + tail)


def _one_line(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(k)}: {_one_line(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_one_line(v) for v in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    return msgspec.json.encode(value).decode()
