"""The commits that runs came from: which code a run stands for, also where its commit was rebased or squashed away."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ledger.errors import NoSuchRevision
from ledger.format import layout
from ledger.table.diff import Change, FileChange, RunDiff

if TYPE_CHECKING:
    from ledger.api.reading import Reading
    from ledger.store.state import RunState


class Origin(NamedTuple):
    """The commit that a run stands for; `lost` is the one it recorded, where no branch or tag has that any more."""

    commit: str | None
    lost: str | None = None

    @property
    def notice(self) -> str | None:
        """What to say of a commit that was replaced."""
        if self.lost is None:
            return None
        text = f"no branch has its commit {self.lost[:12]} any more (rebased or squashed?)"
        return f"{text}; the commit {self.commit[:12]} added the run" if self.commit else text


def origin(here: Reading, state: RunState) -> Origin:
    """Return the commit that a run recorded, else the one that first added the run to the history of HEAD."""
    recorded = (state.git or {}).get("commit")
    try:
        repository = here.revisions.repository
    except NoSuchRevision:
        return Origin(recorded)
    if recorded and repository.is_kept(recorded):
        return Origin(recorded)
    id = state.id.rpartition(":")[2]
    return Origin(repository.first_with(here.revisions.inside(f"{layout.FOLDER}/{layout.run_folder(id)}")), recorded)


def with_code(here: Reading, found: RunDiff) -> RunDiff:
    """Add to the difference of two runs what changed in the code between their commits, the ledger itself left out."""
    a, b = origin(here, found.a), origin(here, found.b)
    notices = [f"{state.id}: {end.notice}" for state, end in ((found.a, a), (found.b, b)) if end.notice]
    if not (a.commit and b.commit) or a.commit == b.commit:
        if a.lost or b.lost:
            found = msgspec.structs.replace(found, code=_change(a, b))
        return msgspec.structs.replace(found, notices=notices)
    changed = here.revisions.repository.changed_files(a.commit, b.commit, here.revisions.inside(layout.FOLDER))
    if changed is None:
        notices.append("git does not have both commits here, so what changed in the code is not known")
    files = [FileChange(*change) for change in changed or ()]
    return msgspec.structs.replace(found, code=_change(a, b), files=files, notices=notices)


def _change(a: Origin, b: Origin) -> Change | None:
    if a.commit == b.commit:
        return None
    return Change(*(msgspec.UNSET if end.commit is None else end.commit for end in (a, b)))
