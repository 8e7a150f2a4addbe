"""Blobs: charts, texts and files, content-addressed: named by the sha256 of their bytes, stored once."""

import hashlib
import os
from typing import NamedTuple

from ledger.errors import RESTORE, DamagedFile
from ledger.format import layout
from ledger.store import files
from ledger.store.tree import Tree


class Blob(NamedTuple):
    """Bytes to be stored, their sha256 (64 hex digits), and the extension that says what they are."""

    sha256: str
    data: bytes
    extension: str


def of(data: bytes, extension: str) -> Blob:
    """Return bytes with their name; nothing is written."""
    return Blob(hashlib.sha256(data).hexdigest(), data, extension)


def put(tree: Tree, data: bytes, extension: str) -> str:
    """Store bytes and return their sha256 (64 hex digits); bytes that are there already cost no write."""
    blob = of(data, extension)
    write(tree, blob)
    return blob.sha256


def write(tree: Tree, blob: Blob) -> None:
    """Store a blob unless its bytes are there already; raises StorageFault."""
    sha256, data, extension = blob
    with files.faults(f"write the blob {sha256[:16]} ({len(data)} bytes)"):
        target = tree.path(layout.blob_path(sha256, extension))
        if files.exists(target):
            if not _holds(target, data):
                files.remove(target)  # damaged: what is logged again heals it
            files.touch(target)  # young again, so that no `ledger gc` under way takes what is being named anew
        files.write_whole(target, data)


def _holds(path: str, data: bytes) -> bool:
    try:
        return files.read(path) == data
    except (OSError, DamagedFile):
        return False


def get(tree: Tree, sha256: str, extension: str) -> bytes:
    """Return the bytes of a blob; raises DamagedFile where it is absent or its bytes are not what its name says."""
    path = layout.blob_path(sha256, extension)
    try:
        data = tree.read(path)
    except FileNotFoundError:
        raise DamagedFile(
            f"the blob {path} is not here", hint=f"if git has it: git checkout -- .ledger/{path}"
        ) from None
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise DamagedFile(f"the blob {path} is damaged: its bytes have the sha256 {found[:16]}...", hint=RESTORE)
    return data


def path(tree: Tree, sha256: str, extension: str) -> str:
    """Return the absolute path of a blob."""
    return os.path.join(tree.root, layout.blob_path(sha256, extension))
