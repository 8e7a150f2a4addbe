"""The globs that name metrics in `.ledger-schema`: `*` stays within a `/` part, `**` does not.

A name is matched in time linear in its length, since schemas come from pull requests too.
"""

from fnmatch import fnmatchcase


class Glob:
    """A pattern, ready to match; `literals` counts the characters it fixes, `wild` says whether it has a wildcard."""

    def __init__(self, text: str) -> None:
        self.steps = _steps(text)
        self.wild = any(kind != "literal" for kind, _ in self.steps)
        self.literals = sum(kind in ("literal", "parts") for kind, _ in self.steps)
        plain = [text if kind == "literal" else "\0" for kind, text in self.steps]
        self.prefix = "".join(plain).partition("\0")[0]
        self.suffix = "".join(plain).rpartition("\0")[2]

    def fits(self, name: str) -> bool:
        """Say whether the whole name matches."""
        if not (name.startswith(self.prefix) and name.endswith(self.suffix)):
            return False
        reached: set[int] = set()
        self._enter(0, reached)
        for character in name:
            after: set[int] = set()
            for at in reached:
                kind, text = self.steps[at] if at < len(self.steps) else ("end", "")
                if kind == "parts":
                    after.add(at)
                    if character == "/":
                        self._enter(at + 1, after)
                elif kind == "**" or (kind == "*" and character != "/"):
                    self._enter(at, after)
                elif (kind == "literal" and character == text) or (
                    kind == "class" and character != "/" and fnmatchcase(character, text)
                ):
                    self._enter(at + 1, after)
            reached = after
        return len(self.steps) in reached

    def _enter(self, at: int, reached: set[int]) -> None:
        """Add a step, and those behind it as far as nothing need be matched."""
        reached.add(at)
        while at < len(self.steps) and self.steps[at][0] in ("*", "**", "parts"):
            at += 1
            reached.add(at)


def _steps(glob: str) -> list[tuple[str, str]]:
    """Split a glob into literal characters, classes, `*`, `**`, and `**/` at the start of a part ("parts")."""
    steps: list[tuple[str, str]] = []
    at = 0
    while at < len(glob):
        end = at + 1
        if glob[at] == "*":
            while glob[end : end + 1] == "*":
                end += 1
            several = end - at > 1
            if several and glob[end : end + 1] == "/" and (at == 0 or glob[at - 1] == "/"):
                steps.append(("parts", "/"))
                end += 1
            else:
                steps.append(("**" if several else "*", ""))
        elif glob[at] == "?":
            steps.append(("class", "?"))
        elif glob[at] == "[" and (close := glob.find("]", at + 2 + (glob[at + 1 : at + 2] == "!"))) > 0:
            end = close + 1
            steps.append(("class", glob[at:end]))
        else:
            steps.append(("literal", glob[at]))
        at = end
    return steps
