"""Blobs: stored once under the hash of their bytes, and never given out when they are something else."""

import hashlib
import os
from pathlib import Path

import pytest

from ledger.errors import DamagedFile, StorageFault
from ledger.store import blobs, files
from ledger.store.tree import Tree


def test_a_blob_is_stored_once_and_read_back(tree: Tree) -> None:
    """The name is the sha256 of the bytes; the same bytes again cost no write."""
    sha256 = blobs.put(tree, b"picture", "png")
    assert sha256 == hashlib.sha256(b"picture").hexdigest()
    path = Path(blobs.path(tree, sha256, "png"))
    assert path == Path(tree.root, "blobs", sha256[:2], f"{sha256}.png")
    before = path.stat().st_ino
    assert blobs.put(tree, b"picture", "png") == sha256
    assert path.stat().st_ino == before
    assert blobs.get(tree, sha256, "png") == b"picture"


def test_a_blob_that_is_absent_or_altered_is_damage(tree: Tree) -> None:
    """Other bytes under the name, a link, or none at all: exit 5 and what to type, never the wrong picture."""
    sha256 = blobs.put(tree, b"picture", "png")
    path = Path(blobs.path(tree, sha256, "png"))
    path.write_bytes(b"Picture")
    with pytest.raises(DamagedFile, match="is damaged"):
        blobs.get(tree, sha256, "png")
    path.unlink()
    path.symlink_to("/etc/hostname")
    with pytest.raises(DamagedFile, match="not a regular file"):
        blobs.get(tree, sha256, "png")
    path.unlink()
    with pytest.raises(DamagedFile, match="is not here") as caught:
        blobs.get(tree, sha256, "png")
    assert "git checkout" in str(caught.value)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("sha256", "extension"), [("../../../etc/passwd", "png"), ("0" * 63, "png"), ("0" * 64, "../x"), ("0" * 64, "")]
)
def test_a_name_from_an_entry_never_leads_out_of_the_folder(tree: Tree, sha256: str, extension: str) -> None:
    """What is no hash or no extension is refused before a path is made of it."""
    with pytest.raises(DamagedFile):
        blobs.get(tree, sha256, extension)


def test_a_full_disk_is_said(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blob that cannot be written raises StorageFault, and nothing of it stays."""

    def fail(path: str, data: bytes, **_: bool) -> None:
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(files, "write_all", fail)
    with pytest.raises(StorageFault, match="cannot write the blob .* \\(7 bytes\\): No space left"):
        blobs.put(tree, b"picture", "png")
    assert not os.path.exists(os.path.join(tree.root, "blobs"))
