"""Take secrets out of text before it is written to a ledger, where a push would publish it. Pure: text in, text out.

Every secret becomes `[redacted]`; names of options, variables and headers stay. What counts as a secret: the value of a
name that means one (`--api-key`, `DB_PASSWORD`), the login in a URL, and texts of a well-known shape (`ghp_...`).
Redacting twice changes nothing more. Patterns are compiled on first use and take time linear in the text's length.
"""

import functools
import re
from collections.abc import Sequence
from typing import Any

REDACTED = "[redacted]"

_HEADER_WORDS = frozenset({"authorization", "cookie"})  # their values have several words
_NO_SECRETS = frozenset({"", "true", "false", "none", "null", REDACTED})
_NAME_MAX = 128  # of a longer name the end is looked at


def redact_text(text: str) -> str:
    """Return `text` with each secret replaced by `[redacted]`."""
    # What one replacement leaves may be read anew as a secret; each round shortens what is left, so this ends.
    while (after := _once(text)) != text:
        text = after
    return text


def redact_argv(argv: Sequence[str]) -> list[str]:
    """Return a command's arguments with secrets replaced; a secret option's value may be an argument of its own."""
    redacted: list[str] = []
    awaited = False
    for argument in map(_redact_argument, argv):
        hidden = awaited and not argument.startswith("-") and argument.lower() not in _NO_SECRETS
        redacted.append(REDACTED if hidden else argument)
        awaited = not hidden and bool(_pattern("option").fullmatch(argument)) and _is_secret(argument)
    return redacted


def redact_url(url: str) -> str:
    """Return a URL, or a git remote, without login, signatures and tokens; a bare user name such as `git@` stays."""
    while (after := redact_text(_pattern("bare_login").sub(f"{REDACTED}@", url))) != url:
        url = after
    return url


def redact_params(params: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return params (plain JSON values) with secrets replaced, and the dotted names of those that were.

    A secret shows by its name (`db.password`) or by its shape; bool and None keep none.
    """
    found: list[str] = []
    return {key: _redact_param(value, key, key, found) for key, value in params.items()}, found


def hides(name: str, value: str | int | float) -> bool:
    """Say whether a value is a secret because of the name it has; a number, only under a password's or a key's."""
    if isinstance(value, bool) or not _is_secret(name):
        return False
    if isinstance(value, str):
        return _redact_value(value) != value
    return not _pattern("number_word").fullmatch(_words(name[-_NAME_MAX:])[-1])


def _redact_param(value: Any, name: str, path: str, found: list[str]) -> Any:
    """Redact what stands under one name: what a list holds has that name, as has what stands under `credentials`."""
    redacted: Any = value
    if isinstance(value, dict):
        inherited = _pattern("secrets").search(name)
        return {
            key: _redact_param(inner, name if inherited else key, f"{path}.{key}", found)
            for key, inner in value.items()
        }
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value) and not _is_secret(name):
        redacted = redact_argv(value)  # a list of words may be a command line
    elif isinstance(value, list):
        return [_redact_param(inner, name, f"{path}[{i}]", found) for i, inner in enumerate(value)]
    elif value is not None and not isinstance(value, bool):
        redacted = REDACTED if hides(name, value) else redact_text(value) if isinstance(value, str) else value
    if redacted is not value and redacted != value:
        found.append(path)
    return redacted


def _redact_argument(argument: str) -> str:
    """Redact one argument; where it reads NAME=VALUE, perhaps several deep, the value is all that follows."""
    start = 0
    while found := _pattern("setting").match(argument, start):
        start = found.end()
        if _is_secret(found[1]):
            return argument[:start] + _redact_value(argument[start:])
    return argument[:start] + redact_text(argument[start:])


def _once(text: str) -> str:
    text = _pattern("private_key").sub(REDACTED, text)
    if "://" in text:
        text = _pattern("login").sub(_redact_login, text)
    text = _redact_named(text)
    text = _pattern("bearer").sub(rf"\1{REDACTED}", text)
    return _pattern("shape").sub(REDACTED, text)


def _redact_login(found: re.Match[str]) -> str:
    """Redact `user:password@`, and a user that looks like a token; `git@` and `alice@` stay."""
    login = found[1]
    if ":" in login or _pattern("token_like").fullmatch(login):
        return f"://{REDACTED}@"
    return found[0]


def _redact_named(text: str) -> str:
    """Redact the values of names that mean secrets: `NAME=VALUE`, `"name": "value"`, `--name value`."""
    parts: list[str] = []
    done = position = 0
    head = _pattern("head")
    while found := head.search(text, position):
        position = found.end()
        name = found[1] or found[2]
        query = text[found.start() - 1 : found.start()] in ("?", "&")
        if not _is_secret(name, query):
            continue
        following = _pattern("label").match(text, position)
        if following and _is_secret(following[1]):
            continue  # "invalid token: password: hunter2": the value comes later
        header = _words(name[-_NAME_MAX:])[-1] in _HEADER_WORDS
        value = _pattern("line_value" if header else "value").match(text, position)
        if value is None:
            continue
        kind = value.lastgroup or ""
        start, position = value.span(kind)
        parts += (text[done:start], _redact_value(value[kind]))
        done = position
    return "".join((*parts, text[done:]))


def _redact_value(value: str) -> str:
    """Replace a value, unless it is a word that keeps no secret."""
    return value if value.strip(" \t,;)}]").lower() in _NO_SECRETS or value == REDACTED else REDACTED


@functools.lru_cache(maxsize=1024)
def _words(name: str) -> tuple[str, ...]:
    """Split a name at `_`, `-`, `.`, digits and where camelCase goes up, into lower-case words."""
    return tuple(word.lower() for word in _pattern("word").findall(name))


def _is_secret(name: str, query: bool = False) -> bool:
    """Say whether the name's value is a secret; `query`: the name stands in a URL's query."""
    words = _words(name[-_NAME_MAX:])
    if not words or name in ("PWD", "OLDPWD"):  # the shell's working folder
        return False
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if _pattern("secret_word").fullmatch(last):
        return True
    if last == "token":
        return not _pattern("text_token_word").fullmatch(before)
    if last == "key":
        return bool(_pattern("key_word").fullmatch(before))
    if last == "pass":
        return bool(_pattern("pass_word").fullmatch(before)) or (name.startswith("-") and len(words) == 1)
    if last in ("sig", "signature"):
        return query or before in ("amz", "goog")
    return words[-3:] == ("access", "key", "id")


@functools.cache
def _pattern(name: str) -> re.Pattern[str]:
    """Compile one pattern on its first use. Possessive and bounded repeats keep each linear."""
    return re.compile(_PATTERNS[name], re.ASCII)


# What parts a name from its value: closing quotes, perhaps a type, then `=`, `:`, `=>`; not the `:` of `::` and `://`.
_SEPARATOR = (
    r"[\"'\\\]]{0,4}+[ \t]*+(?::[ \t]*+(?:str|bytes|Optional\[str\]|str \| None)[ \t]*+(?==))?"
    r"(?:=>|:=|={1,3}+|:(?!:|//))[ \t]*+"
)
_KEY_NAME = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_KEY_BODY = r"[A-Za-z0-9+/=\s\\:,()]*+"
_SHAPES = (
    r"(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)",  # Amazon
    r"gh[opsur]_[A-Za-z0-9]{20,}+",  # GitHub
    r"github_pat_\w{20,}+",
    r"gl[a-z]{2,5}-[\w-]{20,}+",  # GitLab
    r"hf_[A-Za-z0-9]{20,}+",  # Hugging Face
    r"sk-(?=[A-Za-z_-]{0,80}[0-9])[\w-]{20,}+",  # OpenAI, Anthropic; without a digit it is a name
    r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,}+",  # Stripe
    r"xox[a-z]-[A-Za-z0-9-]{10,}+",  # Slack
    r"AIza[\w-]{35}",  # Google
    r"ya29\.[\w-]{20,}+",
    r"npm_[A-Za-z0-9]{36}",
    r"pypi-[\w-]{50,}+",
    r"SG\.[\w-]{16,64}\.[\w-]{16,}+",  # SendGrid
    r"(?<!-)eyJ[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+)?",  # JSON web token
)
_PATTERNS = {
    "secret_word": r"auth|authorization|bearer|cookie|credentials?|creds|jwt|oauth|passwords|pwd|secrets|"
    r"(?:access|api|auth|private|refresh|session)token|(?:access|private|secret)key|"
    r"[a-z]*(?:password|passwd|passphrase|secret|apikey)",
    # A key is a secret only by what it opens; a token, in machine learning, may be a piece of text.
    "key_word": "access|account|admin|anthropic|api|app|auth|aws|azure|client|comet|consumer|datadog|encryption|gcp|"
    "gemini|github|gitlab|google|groq|hf|huggingface|license|master|mistral|neptune|openai|private|secret|sendgrid|"
    "service|session|shared|signing|ssh|storage|stripe|subscription|wandb",
    "text_token_word": "begin|bos|class|cls|decoder|end|eos|first|forced|image|last|mask|max|min|new|next|num|pad|per|"
    "sep|special|start|stop|text|unk",
    "pass_word": "admin|db|email|ftp|http|imap|ldap|mail|mongo|mysql|pg|postgres|proxy|redis|root|sftp|smtp|ssh|sudo|"
    "user",
    # A count, a version or a position is a number under such a name; a password or a key may be one.
    "number_word": "auth|authorization|bearer|cookie|jwt|oauth|sig|signature|[a-z]*token",
    "secrets": "(?i:(?:credentials?|creds|passwords|secrets))$",
    "word": r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+",
    "option": r"-{1,2}[A-Za-z][\w.-]*",
    "setting": r"([-+~]{0,2}[A-Za-z_][\w.\-/]*+)=",
    # Only an option's value may also stand after a space, or in the next quotes of a printed list.
    "head": rf"(?<![\w.-])(?:(-{{1,2}}[A-Za-z][\w.-]*+)(?:{_SEPARATOR}|[\"'],[ \t]*+(?=[\"'])|[ \t]++(?![-\s]))"
    rf"|([\w.-]++){_SEPARATOR})",
    "label": r"([\w.-]++):(?=\s)",
    "value": r"(?:[A-Za-z_.]{0,40}\()?[A-Za-z]{0,2}"
    r"(?:\"(?P<double>(?:[^\"\\\n]|\\.)+)|'(?P<single>(?:[^'\\\n]|\\.)+)|\\++[\"'](?P<escaped>[^\"'\n\\]++))"
    r"|(?P<bare>(?:(?:[Bb]earer|[Bb]asic|[Tt]oken)[ \t]++)?[^\s\"'&<>]++)",
    "line_value": r"(?:[A-Za-z]{0,2}[\"'])?(?P<line>[^\r\n\"']++)",
    "login": r"://([^/\s\"'<>]*)@",
    "bare_login": r"\A[^/\s@:]++:[^/\s@]++@",
    "token_like": r"(?=[A-Za-z_-]*[0-9])(?=[0-9_-]*[A-Za-z])[\w-]{16,}|[A-Za-z]{24,}",
    "bearer": r"((?<!\w)[Bb](?:earer|EARER)[ \t]{1,3}+)"
    r"(?:(?=[A-Za-z._~+/=-]{0,100}[0-9])[\w.~+/=-]{8,}+|[\w.~+/=-]{20,}+)",
    # A text cut at either end may hold a part of a key only.
    "private_key": rf"-----BEGIN {_KEY_NAME}{_KEY_BODY}(?:-(?!----){_KEY_BODY})*(?:-----END {_KEY_NAME})?"
    rf"|\A[A-Za-z0-9+/=\s]*+-----END {_KEY_NAME}",
    "shape": rf"(?<!\w)(?:{'|'.join(_SHAPES)})",
}
