"""All file I/O under `.ledger`: files appear whole or not at all, and nothing is followed, overwritten or left over."""

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from ledger.errors import DamagedFile, StorageFault
from ledger.store import files


def test_a_file_is_written_whole_into_new_folders(workdir: Path) -> None:
    """The folders on the way are made, the bytes are there, and no temporary file is left."""
    path = workdir / "a" / "b" / "x.json"
    files.write_whole(str(path), b"hello")
    assert path.read_bytes() == b"hello"
    assert os.listdir(path.parent) == ["x.json"]


def test_the_umask_decides_who_may_read(workdir: Path) -> None:
    """Files are 0666 less the umask, so that a shared folder stays shared."""
    old = os.umask(0o027)
    try:
        files.write_whole(str(workdir / "x"), b"1")
    finally:
        os.umask(old)
    assert stat.S_IMODE((workdir / "x").stat().st_mode) == 0o640


def test_a_file_that_is_there_is_left_alone(workdir: Path) -> None:
    """Names carry hashes: a file of the name and size is not written again; one of another size is damaged and is."""
    path = workdir / "x"
    files.write_whole(str(path), b"hello")
    before = path.stat()
    files.write_whole(str(path), b"hello")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    path.write_bytes(b"hel")
    files.write_whole(str(path), b"hello")
    assert path.read_bytes() == b"hello"


@pytest.mark.parametrize("call", ["open", "write", "fsync", "rename"])
def test_a_fault_at_any_call_leaves_nothing(workdir: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Whichever system call fails, the file is not there, nor a temporary one; the next try succeeds."""
    folder = workdir / "d"
    folder.mkdir()
    with monkeypatch.context() as patch:

        def fail(*_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(os, call, fail)
        with pytest.raises(OSError, match="No space left"):
            files.write_whole(str(folder / "x"), b"hello")
    assert os.listdir(folder) == []
    files.write_whole(str(folder / "x"), b"hello")
    assert (folder / "x").read_bytes() == b"hello"


def test_bytes_are_synced_before_the_name_and_the_name_before_the_return(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this order: write, fsync of the file, rename, fsync of the folder; a new folder is synced into its parent."""
    done: list[str] = []
    for name in ("write", "fsync", "rename", "mkdir"):
        real = getattr(os, name)

        def spy(first: object, *rest: object, name: str = name, real: object = real) -> object:
            what = stat.S_ISDIR(os.fstat(first).st_mode) if name == "fsync" else None  # type: ignore[call-overload]
            done.append(f"{name} folder" if what else name)
            return real(first, *rest)  # type: ignore[operator]

        monkeypatch.setattr(os, name, spy)
    files.write_whole(str(workdir / "a" / "x"), b"hello")
    assert done == ["mkdir", "fsync folder", "write", "fsync", "rename", "fsync folder"]


def test_files_of_several_folders_appear_together(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are on the disk before the first has its name; then each folder is synced, once."""
    done: list[str] = []
    for name in ("fsync", "rename"):
        real = getattr(os, name)

        def spy(first: object, *rest: object, name: str = name, real: object = real) -> object:
            done.append(name)
            return real(first, *rest)  # type: ignore[operator]

        monkeypatch.setattr(os, name, spy)
    (workdir / "a").mkdir()
    (workdir / "b").mkdir()
    both = [(str(workdir / name), [("x", b"1"), ("y", b"2")]) for name in "ab"]
    files.write_each(both)
    assert done == ["fsync"] * 4 + ["rename"] * 4 + ["fsync"] * 2
    assert sorted(str(path.relative_to(workdir)) for path in workdir.rglob("*")) == [
        "a", "a/x", "a/y", "b", "b/x", "b/y"
    ]  # fmt: skip
    files.write_each(both)  # what is there is left alone
    assert len(done) == 10


@pytest.mark.parametrize("call", ["open", "write", "fsync"])
def test_a_fault_leaves_nothing_in_any_folder(workdir: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """A refusal before any file has its name: neither folder has anything, and writing again is possible."""
    real, calls = getattr(os, call), 0

    def full(*arguments: object, **keywords: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **keywords)

    folders = [workdir / "a", workdir / "b"]
    for folder in folders:
        folder.mkdir()
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(os, call, full)
        files.write_each([(str(folder), [("x", b"1")]) for folder in folders])
    assert [list(folder.iterdir()) for folder in folders] == [[], []]
    files.write_each([(str(folder), [("x", b"1")]) for folder in folders])
    assert [(folder / "x").read_bytes() for folder in folders] == [b"1", b"1"]


def test_a_short_write_is_gone_on_with(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that takes a part only is followed by another, until all bytes are there."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data[:2])))
    files.write_whole(str(workdir / "x"), b"hello")
    assert (workdir / "x").read_bytes() == b"hello"


@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_only_regular_files_are_read(workdir: Path, kind: str) -> None:
    """A link, a folder or a fifo in place of a file is damage, never followed and never waited for."""
    path = workdir / "x"
    if kind == "link":
        path.symlink_to("/etc/hostname")
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(DamagedFile, match="not a regular file"):
        files.read(str(path))


def test_names_and_scans_leave_out_temporary_files(workdir: Path) -> None:
    """Names come sorted; what is being written is not seen; a folder that is not there is empty."""
    for name in ("b", "a", ".tmp-123"):
        (workdir / name).write_text("x")
    (workdir / "sub").mkdir()
    (workdir / "link").symlink_to("sub")
    assert files.names(str(workdir)) == ["a", "b", "link", "sub"]
    assert {item.name: item.is_folder for item in files.scan(str(workdir))} == {
        "a": False,
        "b": False,
        "link": False,
        "sub": True,
    }
    assert files.subfolders(str(workdir)) == ["sub"]
    for empty in (workdir / "nowhere", workdir / "a"):
        assert (files.names(str(empty)), files.scan(str(empty)), files.subfolders(str(empty))) == ([], [], [])


def test_a_file_in_the_way_of_a_folder_is_said(workdir: Path) -> None:
    """Where a folder is needed and a file lies, the error names it."""
    (workdir / "a").write_text("x")
    with pytest.raises(StorageFault, match="not a folder"):
        files.make_folder(str(workdir / "a"))


def test_a_journal_is_made_once_and_never_through_a_link(workdir: Path) -> None:
    """Creating one that is there fails; a link in its place is not followed."""
    path = str(workdir / "j" / "x.journal")
    fd = files.open_append(path, create=True)
    files.close(fd)
    with pytest.raises(FileExistsError):
        files.open_append(path, create=True)
    os.symlink(path, str(workdir / "link"))
    with pytest.raises(OSError, match="symbolic links"):
        files.open_append(str(workdir / "link"), create=False)


def test_a_folder_that_a_sealer_removes_is_made_again(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sealer removes a run's empty journal folder at any moment; whoever opens a journal then makes it again."""
    path = workdir / "j" / "x.journal"
    real, tries = os.makedirs, []

    def make_and_lose(folder: str, **given: bool) -> None:
        real(folder, **given)
        tries.append(folder)
        if len(tries) == 1:
            os.rmdir(folder)

    monkeypatch.setattr(os, "makedirs", make_and_lose)
    files.close(files.open_append(str(path), create=True))
    assert path.exists()
    assert len(tries) == 2


def test_a_lock_is_held_until_it_is_let_go(workdir: Path) -> None:
    """Nobody else gets a lock that is held; asking does not take it, and closing the file gives it back."""
    path = str(workdir / "x")
    first = files.open_append(path, create=True)
    second = files.open_append(path, create=False)
    assert not files.is_locked(path)
    assert files.lock(first, wait=False)
    assert files.is_locked(path)
    assert not files.lock(second, wait=False)
    files.unlock(first)
    assert files.lock(second, wait=False)
    files.close(second)
    assert not files.is_locked(path)
    files.close(first)
    assert not files.is_locked(str(workdir / "nowhere"))


def test_a_second_descriptor_keeps_the_lock(workdir: Path) -> None:
    """A lock is held until the last descriptor of its open file is closed."""
    path = str(workdir / "x")
    first = files.open_append(path, create=True)
    files.lock(first, wait=False)
    second = files.duplicate(first)
    files.close(second)
    assert files.is_locked(path)
    files.close(first)
    assert not files.is_locked(path)


def test_a_moved_file_is_no_longer_the_same(workdir: Path) -> None:
    """An open file is told from what its path names by now."""
    path = str(workdir / "x")
    fd = files.open_append(path, create=True)
    assert files.is_same(fd, path)
    files.move(path, str(workdir / "sealed" / "x"))
    assert not files.is_same(fd, path)
    files.close(files.open_append(path, create=True))
    assert not files.is_same(fd, path)
    files.close(fd)


def test_reading_a_part_stops_at_the_end(workdir: Path) -> None:
    """A part is read from where it begins, and as much of it as is there."""
    fd = files.open_append(str(workdir / "x"), create=True)
    files.append(fd, b"0123456789")
    assert files.read_at(fd, 3, 4) == b"3456"
    assert files.read_at(fd, 8, 100) == b"89"
    assert files.size(fd) == 10
    files.close(fd)


def test_removing_what_is_not_there_does_nothing(workdir: Path) -> None:
    """A file may be gone already; a folder that holds something stays."""
    files.remove(str(workdir / "x"))
    (workdir / "d").mkdir()
    (workdir / "d" / "x").write_text("x")
    files.remove_folder_if_empty(str(workdir / "d"))
    assert (workdir / "d" / "x").exists()
    files.remove(str(workdir / "d" / "x"))
    files.remove_folder_if_empty(str(workdir / "d"))
    assert not (workdir / "d").exists()


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some space on the disk"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "permissions"),
        (errno.EROFS, "read-only"),
        (errno.EIO, None),
    ],
)
def test_a_refusal_says_what_was_being_done(number: int, hint: str | None) -> None:
    """An operating system's error becomes a StorageFault with the deed, the file, and what to do about it."""
    with pytest.raises(StorageFault, match="cannot write x: ") as caught, files.faults("write x"):
        raise OSError(number, os.strerror(number), "/d/x")
    assert "/d/x" in caught.value.message
    assert (caught.value.hint is None) == (hint is None)
    assert hint is None or hint in str(caught.value)
    assert caught.value.exit_code == 74


def test_two_threads_write_one_file(workdir: Path) -> None:
    """The same bytes written by many at once are there once, whole."""
    path = workdir / "x"
    threads = [threading.Thread(target=files.write_whole, args=(str(path), b"z" * 100_000)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() == b"z" * 100_000
    assert os.listdir(workdir) == ["x"]
