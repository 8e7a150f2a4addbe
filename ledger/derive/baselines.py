"""What a run or a group of repeats is held against: a run, or what a revision has of the same experiment."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from ledger.derive import repeats
from ledger.store.state import RunState


class Baseline:
    """What a word stands for: `run`, or a revision (then None); `known` are the runs of the same ledger or revision."""

    def __init__(self, word: str, run: RunState | None, known: Sequence[RunState]) -> None:
        self.word, self.run = word, run
        self.known = repeats.newest_first(known)

    @cached_property
    def finished(self) -> "Baseline":
        """The same without the runs that did not finish, but for the one that was named."""
        return Baseline(self.word, self.run, [run for run in self.known if run.status == "finished"])

    @cached_property
    def _ids(self) -> dict[str, RunState]:
        return {_bare(run.id): run for run in self.known}

    @cached_property
    def _called(self) -> dict[str, list[RunState]]:
        """The runs by their names, and by these less the seed at the end."""
        found: dict[str, list[RunState]] = {}
        for run in self.known:
            for name in {run.name, repeats.stem(run)}:
                found.setdefault(name, []).append(run)
        return found

    @cached_property
    def _experiments(self) -> dict[tuple[str, ...], list[RunState]]:
        found: dict[tuple[str, ...], list[RunState]] = {}
        for run in self.known:
            found.setdefault(repeats.experiment(run), []).append(run)
        return found

    def match(self, group: Sequence[RunState], *, each: bool = False) -> list[RunState]:
        """Return the runs that a group is held against, newest first: a run and its repeats; none where nothing fits.

        A run that is named stands for its repeats of the same name too, less what is being checked. Of a revision it
        is the run as that has it; else the newest of the same name; else of the same params; else of the same group.
        """
        if self.run is not None:
            checked = {run.id for run in group}
            return _with_repeats(self.run, [run for run in self._alike([self.run]) if run.id not in checked], each)
        own = {_bare(run.id): self._ids[_bare(run.id)] for run in group if _bare(run.id) in self._ids}
        same = repeats.newest_first(list(own.values()))
        found = [*same, *(run for run in self._alike(group) if _bare(run.id) not in own)]
        if not found:
            alike = {repeats.experiment(run) for run in group}
            found = repeats.newest_first([run for key in alike for run in self._experiments.get(key, [])])
        if not found:
            labels = {run.group for run in group} - {None}
            found = [run for run in self.known if run.group in labels] if labels else []
        return _with_repeats(found[0], found, each) if found else []

    def _alike(self, group: Iterable[RunState]) -> list[RunState]:
        """Return the runs that are called like one of a group."""
        names = {name for run in group for name in (run.name, repeats.stem(run))}
        return repeats.newest_first(
            list({run.id: run for name in names for run in self._called.get(name, [])}.values())
        )


def _bare(id: str) -> str:
    return id.rpartition(":")[2]


def _with_repeats(anchor: RunState, runs: Sequence[RunState], each: bool) -> list[RunState]:
    """Return a run and the newest of each other seed among `runs`."""
    own = repeats.seed(anchor)
    if each or own is None:
        return [anchor]
    found, alike = {own: anchor}, repeats.experiment(anchor)
    for run in repeats.newest_first(runs):
        other = repeats.seed(run)
        if other is not None and other not in found and repeats.experiment(run) == alike:
            found[other] = run
    return repeats.newest_first(list(found.values()))
