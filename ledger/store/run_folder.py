"""One run as some commit has it, by the git object of its folder: the trees of days, which are large, are not read."""

from typing import TYPE_CHECKING, NoReturn

from ledger.errors import Undecided
from ledger.store.revision import Revision

if TYPE_CHECKING:
    from ledger.git.repository import Commit, Node, Repository

# What brings all states of all runs to a partial clone.
FETCH = "in a partial clone git fetches all of it with: git log -m -p --first-parent -- .ledger > /dev/null"


class RunFolder(Revision):
    """The files of one run: its id, the path of its folder under `.ledger`, and the object of that folder (hex).

    Whatever else it needs, such as a blob, is read from the commit.
    """

    def __init__(
        self, repository: "Repository", commit: "Commit", prefix: str, *, run: str, folder: str, object: str
    ) -> None:
        super().__init__(repository, commit, commit.object[:12], prefix)
        self.run, self.folder, self.object = run, folder, object

    def folder_of(self, run: str) -> str:
        """Return the path of the folder."""
        return self.folder

    def _node(self, path: str) -> "Node | None":
        if not path.startswith(f"{self.folder}/"):
            return super()._node(path)
        return self._list(self.object, self.folder).get(path.removeprefix(f"{self.folder}/"))

    def _folder_of(self, path: str) -> "dict[str, Node]":
        return self._list(self.object, path) if path == self.folder else super()._folder_of(path)

    def _absent(self, object: str, path: str) -> NoReturn:
        raise Undecided(f"git does not have all of the run {self.run} at {self.rev} here", hint=FETCH)
