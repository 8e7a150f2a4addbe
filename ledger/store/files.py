"""All file I/O under `.ledger`: write whole, append, lock, list, read. Tests replace it to count, to fail, to crash.

A committed file is written under a temporary name, synced, renamed, and its folder synced; every folder made on the
way is synced into its parent. Nothing here follows a symbolic link in the last part of a path.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from ledger.errors import DamagedFile, StorageFault

TEMPORARY = ".tmp-"
_BLOCK = 1 << 20  # bytes that are read at once where a file need not be held whole
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # which a fifo would make us wait without


class Item(NamedTuple):
    """One name in a folder."""

    name: str
    is_folder: bool
    mtime: int  # ns
    size: int


class Thing(NamedTuple):
    """Anything in a folder, links and temporary files among them: its type as `stat` has it, size and time (ns)."""

    name: str
    mode: int
    size: int
    mtime: int


def read(path: str) -> bytes:
    """Return the bytes of a file; raises FileNotFoundError, and DamagedFile for a link or a folder."""
    fd, found = _open_file(path)
    try:
        return _read_all(fd, found)
    finally:
        os.close(fd)


def _open_file(path: str) -> tuple[int, int]:
    """Open a regular file; return it with its size."""
    try:
        fd = os.open(path, _READ)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR):
            raise DamagedFile(f"{path} is not a regular file") from None
        raise
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        os.close(fd)
        raise DamagedFile(f"{path} is not a regular file")
    return fd, found.st_size


def read_head(path: str, count: int) -> bytes:
    """Return the first bytes of a file; raises FileNotFoundError."""
    fd = os.open(path, _READ)
    try:
        return read_at(fd, 0, count)
    finally:
        os.close(fd)


def read_tail(path: str, count: int) -> bytes:
    """Return the last bytes of a file; raises FileNotFoundError."""
    fd = os.open(path, _READ)
    try:
        return read_at(fd, max(0, os.fstat(fd).st_size - count), count)
    finally:
        os.close(fd)


def _read_all(fd: int, size: int) -> bytes:
    parts = []
    while chunk := os.read(fd, max(size + 1, 4096)):
        parts.append(chunk)
        size = max(size - len(chunk), 0)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def names(folder: str) -> list[str]:
    """Return the names in a folder, sorted, temporary ones left out; none if there is no such folder."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith(TEMPORARY))
    except (FileNotFoundError, NotADirectoryError):
        return []


def scan(folder: str) -> list[Item]:
    """Return what is in a folder with times and sizes, in no order; none if there is no such folder."""
    items = []
    try:
        with os.scandir(folder) as found:
            for entry in found:
                if not entry.name.startswith(TEMPORARY):
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    items.append(Item(entry.name, stat.S_ISDIR(status.st_mode), status.st_mtime_ns, status.st_size))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return items


def everything(folder: str) -> list[Thing]:
    """Return whatever is in a folder, by name; raises OSError where it cannot be listed."""
    things = []
    with os.scandir(folder) as found:
        for entry in found:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            things.append(Thing(entry.name, status.st_mode, status.st_size, status.st_mtime_ns))
    return sorted(things)


def sha256(path: str) -> str:
    """Return the sha256 of a file, read block by block; raises OSError, and DamagedFile for what is no file."""
    import hashlib  # most calls hash nothing

    fd, found = _open_file(path)
    try:
        digest, block = hashlib.sha256(), min(found + 1, _BLOCK)
        while chunk := os.read(fd, block):
            digest.update(chunk)
        return digest.hexdigest()
    finally:
        os.close(fd)


def times(folder: str) -> dict[str, int]:
    """Return when each thing in a folder was last changed (ns), by name; none if there is no such folder."""
    found = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    found[entry.name] = entry.stat(follow_symlinks=False).st_mtime_ns
                except FileNotFoundError:
                    continue
    except (FileNotFoundError, NotADirectoryError):
        pass
    return found


def subfolders(folder: str) -> list[str]:
    """Return the names of the folders in a folder, links left out, in no order."""
    try:
        with os.scandir(folder) as found:
            return [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def modified(path: str) -> int | None:
    """Return when a file or folder was last changed (ns since 1970), or None if it is not there."""
    try:
        return os.stat(path, follow_symlinks=False).st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_folder(path: str) -> bool:
    """Say whether there is a folder of this name, and no link to one."""
    try:
        return stat.S_ISDIR(os.stat(path, follow_symlinks=False).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def is_link(path: str) -> bool:
    """Say whether there is a symbolic link of this name."""
    return os.path.islink(path)


def exists(path: str) -> bool:
    """Say whether there is something of this name."""
    return os.path.lexists(path)


def make_folder(path: str) -> None:
    """Make a folder and its parents; each one made is synced into its parent."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    make_folder(parent)
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise StorageFault(f"{path} is in the way: it is not a folder") from None
        return
    sync_folder(parent)


def write_whole(path: str, data: bytes, *, settle: bool = True) -> None:
    """Write a file that appears whole or not at all, and is on the disk when this returns: see `write_all`."""
    folder, name = os.path.split(path)
    write_all(folder, [(name, data)], settle=settle)


def write_all(folder: str, named: Sequence[tuple[str, bytes]], *, settle: bool = True) -> None:
    """Write files of one folder that appear whole, in their order, and are on the disk when this returns.

    All are written before the first is synced, so that the disk has one piece of work rather than several. A file of
    the same name that is there already holds the same bytes, since names carry the sha256: it is left alone, unless
    its size says that it is damaged. Without `settle` the names reach the disk with the next file of the folder.
    """
    write_each([(folder, named)], settle=settle)


def write_each(folders: Sequence[tuple[str, Sequence[tuple[str, bytes]]]], *, settle: bool = True) -> None:
    """Write files of several folders, each as `write_all` does: many syncs, one after another, cost little more."""
    wanted = [(os.path.join(folder, name), data) for folder, named in folders for name, data in named]
    missing = [(path, data) for path, data in wanted if _size(path) != len(data)]
    places = list(dict.fromkeys(os.path.dirname(path) for path, _ in missing))
    for folder in places:
        make_folder(folder)
    temporaries = [os.path.join(os.path.dirname(p), f"{TEMPORARY}{os.urandom(6).hex()}") for p, _ in missing]
    begun: list[int] = []
    try:
        for (_, data), temporary in zip(missing, temporaries, strict=True):
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            begun.append(fd)
            _write_bytes(fd, data)
            if len(missing) > 1:  # begins to write it out, so that one commit serves all
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        for fd in begun:
            os.fsync(fd)
        for (path, _), temporary in zip(missing, temporaries, strict=True):
            os.rename(temporary, path)
    except BaseException:
        for temporary in temporaries:  # also one that Ctrl-C came upon as it was made
            remove(temporary)
        raise
    finally:
        for fd in begun:
            os.close(fd)
    for folder in places if settle else ():
        sync_folder(folder)


def _size(path: str) -> int:
    try:
        return os.stat(path, follow_symlinks=False).st_size
    except FileNotFoundError:
        return -1


def _write_bytes(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_folder(path: str) -> None:
    """Bring a folder's list of names to the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def touch(path: str) -> None:
    """Set a file's time to now, if it is there and ours to touch."""
    with suppress(FileNotFoundError, PermissionError):
        os.utime(path)


def remove(path: str) -> None:
    """Remove a file if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def remove_folder_if_empty(path: str) -> None:
    """Remove a folder if it is there and holds nothing."""
    with suppress(OSError):
        os.rmdir(path)


def move(path: str, target: str) -> None:
    """Put a journal aside under another name; none of that name is there."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.rename(path, target)
    os.utime(target)  # what is put aside is kept for a day from now on


# An open journal: append is one write, of one call of log().


def open_append(path: str, *, create: bool) -> int:
    """Open a journal for appending and reading; with `create`, one that is not there yet."""
    flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    if not create:
        return os.open(path, flags)
    for last in (False, False, True):
        os.makedirs(os.path.dirname(path), exist_ok=True)  # local and not synced: see `writer.Writer`
        try:
            return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
        except FileNotFoundError:  # a sealer removed the empty folder in between
            if last:
                raise
    raise AssertionError


append = os.write
duplicate = os.dup
truncate = os.ftruncate
sync_data = os.fdatasync
close = os.close


def size(fd: int) -> int:
    """Return the size of an open file."""
    return os.fstat(fd).st_size


def read_at(fd: int, start: int, count: int) -> bytes:
    """Return up to `count` bytes of an open file from `start` on."""
    parts = []
    while count > 0 and (chunk := os.pread(fd, count, start)):
        parts.append(chunk)
        start, count = start + len(chunk), count - len(chunk)
    return b"".join(parts)


def lock(fd: int, *, wait: bool) -> bool:
    """Take the exclusive lock of an open file; say whether it was had."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def unlock(fd: int) -> None:
    """Give the lock of an open file back."""
    fcntl.flock(fd, fcntl.LOCK_UN)


def is_locked(path: str) -> bool:
    """Say whether some process holds the lock of a file."""
    try:
        fd = os.open(path, _READ)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def is_same(fd: int, path: str) -> bool:
    """Say whether `path` still names the open file."""
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def is_removed(fd: int) -> bool:
    """Say whether an open file has no name any more."""
    return os.fstat(fd).st_nlink == 0


@contextmanager
def faults(what: str) -> Iterator[None]:
    """Turn an operating system's refusal into a StorageFault that says what was being done."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        hint = {
            errno.ENOSPC: "free some space on the disk and run the command again",
            errno.EDQUOT: "free some space in your quota and run the command again",
            errno.EACCES: "check the permissions of the .ledger folder",
            errno.EROFS: "the file system is mounted read-only",
        }.get(error.errno or 0)
        raise StorageFault(f"cannot {what}: {error.strerror or error}{where}", hint=hint) from error
