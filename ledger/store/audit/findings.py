"""What a check of a ledger finds: a `Finding` a place, the `Report` of them all; each kind with what to type next.

Damage is a file that cannot be trusted, or one that no honest writer puts there. All else that a person should know
(copied in part, left over, not taken up yet) is a notice.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

DAMAGE, NOTICE = "damage", "notice"
_MESSAGE_MAX = 400  # characters: it may quote what a stranger wrote

_REPAIR = "ledger repair   (brings it back from git where git has it whole)"
_UPGRADE = "pip install --upgrade ledger-ml"
_SEE = "see who added it: git log -- .ledger"


class Kind(NamedTuple):
    """What a kind of finding weighs, and what to type next; `{path}` and `{run}` are filled in."""

    severity: str
    hint: str


KINDS = {
    # A committed file is not what its name says.
    "hash-mismatch": Kind(DAMAGE, _REPAIR),
    "invalid-entry": Kind(DAMAGE, _SEE),
    "duplicate-key": Kind(DAMAGE, _SEE),
    "misnamed": Kind(DAMAGE, _SEE),
    "newer-format": Kind(DAMAGE, _UPGRADE),
    "unreadable": Kind(DAMAGE, "look at its permissions: ls -la .ledger"),
    # An entry is not what the files it names say.
    "invalid-reference": Kind(DAMAGE, _SEE),
    "reference-mismatch": Kind(DAMAGE, _SEE),
    "range-mismatch": Kind(DAMAGE, _SEE),
    "summary-mismatch": Kind(DAMAGE, "the rows count, not the summary; see who wrote it: git log -- .ledger"),
    "invalid-segment": Kind(DAMAGE, _SEE),
    # What no honest writer puts there.
    "planted": Kind(DAMAGE, "look at it, then delete it, and commit that"),
    "link": Kind(DAMAGE, "delete it, and commit that: nothing in a ledger is a link"),
    "journal-tracked": Kind(DAMAGE, "git rm -r --cached .ledger/journal"),
    # Rows in flight.
    "journal-damaged": Kind(DAMAGE, "ledger repair   (seals what can be read, and says what is gone)"),
    "journal-gap": Kind(DAMAGE, "ledger repair   (seals what can be read, and says what is gone)"),
    "journal-torn": Kind(NOTICE, "nothing to do: no call that returned is lost"),
    "abandoned-journal": Kind(NOTICE, "ledger finish --stale"),
    "set-aside": Kind(NOTICE, "ledger repair   (looks for whole copies again)"),
    # Not all of it is here.
    "absent": Kind(NOTICE, "if git has it: git checkout -- .ledger"),
    "lfs-pointer": Kind(NOTICE, "git lfs pull"),
    "incomplete-history": Kind(NOTICE, "if git has them: git checkout -- .ledger"),
    "unknown-target": Kind(NOTICE, "if git has it: git checkout -- .ledger"),
    "unknown-kind": Kind(NOTICE, _UPGRADE),
    # A machine that was copied as it ran went on twice.
    "row-conflict": Kind(NOTICE, "nothing to do: both count; see both: ledger export {run}"),
    # Left over, or out of place.
    "unreferenced": Kind(NOTICE, "nothing to do: no reader looks at it"),
    "misplaced": Kind(NOTICE, "put it where it belongs: git mv"),
    "case-collision": Kind(NOTICE, "on a disk that ignores case only one of them can be there: delete the foreign one"),
    "foreign": Kind(NOTICE, "keep other files beside .ledger, not in it"),
    "temporary": Kind(NOTICE, "a write was cut off: delete it"),
    "constant-file": Kind(NOTICE, "ledger repair   (writes it again)"),
    "unsorted-rows": Kind(NOTICE, "nothing to do: it only costs readers time"),
    "repeated-rows": Kind(NOTICE, "nothing to do: a row that is there twice counts once"),
    "future-time": Kind(NOTICE, "set the clock of the machine that wrote it: later corrections must outdo it"),
    "large-file": Kind(NOTICE, "forges warn above 50 MB"),
    "too-large": Kind(NOTICE, "forges refuse it: keep it out of the commit that is to be pushed"),
    "secret": Kind(NOTICE, "revoke the credential: whoever can read the repository has it"),
}


class Finding(msgspec.Struct, frozen=True):
    """One thing that a check found, and what to type next. `path` is relative to `.ledger`."""

    kind: str
    severity: str
    path: str
    message: str
    hint: str
    run: str | None = None


class Report(msgspec.Struct):
    """What a check looked at, and what it found: damage first, then by path. `rows` is None unless they were decoded.

    `files` and `bytes` count what is under `.ledger`; journals, temporary and planted files left out.
    """

    path: str
    files: int
    bytes: int
    runs: int
    entries: int
    rows: int | None
    findings: list[Finding]

    @property
    def damage(self) -> int:
        """How many findings are damage."""
        return sum(finding.severity == DAMAGE for finding in self.findings)

    @property
    def notices(self) -> int:
        """How many findings are notices."""
        return len(self.findings) - self.damage


def finding(kind: str, path: str, message: str, run: str | None = None) -> Finding:
    """Return a finding of one of `KINDS`, with its severity and what to type next."""
    severity, hint = KINDS[kind]
    if len(message) > _MESSAGE_MAX:
        message = message[:_MESSAGE_MAX] + "…"
    return Finding(kind, severity, path, message, hint.format(path=path, run=run), run or None)


def in_order(findings: list[Finding]) -> list[Finding]:
    """Return each finding once: damage first, then by path, kind and message."""
    return sorted(set(findings), key=lambda f: (f.severity != DAMAGE, f.path, f.kind, f.message))
