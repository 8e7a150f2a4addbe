"""What git keeps of a ledger: the files of any ref, stash, reflog or index, and their bytes.

Where git cannot tell, the answer is None or nothing; nothing is fetched from elsewhere.
"""

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ledger.git import place, process


class Kept(NamedTuple):
    """What git keeps of a folder: (object, path from that folder) of each file; whether that is all of it."""

    files: list[tuple[str, str]]
    whole: bool  # not so in a shallow or partial clone


def kept(folder: str) -> Kept | None:
    """Return every file of `folder` in any ref, stash, reflog, index or linked HEAD; None where git cannot tell."""
    root = place.top(folder)
    inside = place.inside(root, os.path.realpath(folder)) if root else None
    if root is None or inside is None:
        return None
    walk = ("rev-list", "--all", "--reflog", "--indexed-objects", "--objects", "--full-history", "--missing=print")
    listing = process.run(
        root, "--no-replace-objects", *walk, "--", f":(top,literal){inside}", timeout=process.WALK_TIMEOUT
    )
    shallow = process.run(root, "rev-parse", "--is-shallow-repository")
    if listing is None or shallow is None:
        return None
    lines = os.fsdecode(listing).split("\n")
    found = (line.partition(f" {inside}/") for line in lines)
    whole = shallow == b"false\n" and not any(line.startswith("?") for line in lines)
    return Kept([(name, path) for name, _, path in found if path], whole)


def contents(folder: str, objects: Iterable[str], *, limit: int) -> Iterator[tuple[str, bytes]]:
    """Yield (object, bytes) of those of `objects` that are here, whole, files, and of at most `limit` bytes."""
    root, asked = place.top(folder), "\n".join(objects).encode("ascii") + b"\n"
    sizes = process.run(root, "cat-file", "--batch-check", stdin=asked, timeout=process.WALK_TIMEOUT) if root else None
    batches: list[list[str]] = [[]]
    room = limit
    for words in map(str.split, (sizes or b"").decode("ascii").splitlines()):
        if words[1:2] == ["blob"] and int(words[2]) <= limit:
            if int(words[2]) > room or len(batches[-1]) == 10_000:
                batches, room = [*batches, []], limit
            batches[-1].append(words[0])
            room -= int(words[2])
    for batch in filter(None, batches):
        read = process.run(
            root or "", "--no-replace-objects", "cat-file", "--batch", stdin="\n".join([*batch, ""]).encode()
        )
        start = 0
        while read and start < len(read):
            head = read.index(b"\n", start)
            name, _, size = read[start:head].decode("ascii").split()
            yield name, read[head + 1 : head + 1 + int(size)]
            start = head + 2 + int(size)
