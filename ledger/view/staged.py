"""What a look at staged files found, for the terminal of whoever commits."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

from ledger.view.numbers import plural

if TYPE_CHECKING:
    from ledger.record.staged import Place, Staged
    from ledger.store.audit.findings import Finding

_SHOWN = 10  # of a kind


def render_staged(staged: Staged) -> list[str]:
    """Return a text for each kind of thing that was found, with what to type next; those that stop a commit last."""
    texts = [*_findings(staged.notices), *_findings(staged.stopping)]
    for folder, files in _by_folder(staged.constants):
        texts.append(f"{_listed(f'{folder}/{file}' for file in files)}: not staged with the rest\ngit add {folder}")
    for folder, runs in _by_folder(staged.unstaged):
        texts.append(f"{_ended(runs)} not staged: {_listed(runs)}\ngit add {folder}")
    for folder, runs in _by_folder(staged.unsealed):
        top = folder.rpartition("/")[0]
        command = f"ledger -C {top} finish --stale" if top else "ledger finish --stale"
        texts.append(f"{_ended(runs)} not sealed: {_listed(runs)}\n{command} && git add {folder}")
    return texts


def _ended(runs: list[str]) -> str:
    return f"{plural(len(runs), 'run')} {'has ended and is' if len(runs) == 1 else 'have ended and are'}"


def _by_folder(places: list[Place]) -> list[tuple[str, list[str]]]:
    return [(folder, [word for _, word in group]) for folder, group in groupby(places, key=lambda place: place[0])]


def _findings(found: list[Finding]) -> list[str]:
    texts = []
    for kind, group in groupby(sorted(found, key=lambda f: f.kind), key=lambda f: f.kind):
        alike = list(group)
        lines = [f"{kind}: {finding.path}: {finding.message}" for finding in alike[:_SHOWN]]
        if len(alike) > _SHOWN:
            lines.append(f"and {len(alike) - _SHOWN:,} more")
        texts.append("\n".join([*lines, *dict.fromkeys(finding.hint for finding in alike[:_SHOWN])]))
    return texts


def _listed(words: Iterable[str]) -> str:
    words = list(words)
    return ", ".join(words[:_SHOWN]) + (f" and {len(words) - _SHOWN:,} more" if len(words) > _SHOWN else "")
