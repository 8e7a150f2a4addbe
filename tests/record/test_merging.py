"""Merging: what another ledger or a commit has comes here, whole and checked; what cannot come is listed."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.errors import DamagedFile, NoLedger, NoSuchRevision, NotFound, StorageFault, Undecided, UsageError
from ledger.git.repository import Repository
from ledger.record import merging, sources
from ledger.store import files

Cli = Callable[..., Any]
Stored = dict[str, bytes]


def git(*arguments: str, stdin: bytes | None = None) -> str:
    """Run git as a user would, and return what it said."""
    done = subprocess.run(["git", *arguments], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def stored(folder: Path) -> Stored:
    """Return the files of a ledger by path, journals left out."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return {path: data for path, data in found.items() if not path.startswith("journal/")}


def commit(message: str) -> str:
    """Commit the ledger; return the commit."""
    git("add", "-A", ".ledger")
    git("commit", "-q", "--allow-empty", "-m", message)
    return git("rev-parse", "HEAD").strip()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a ledger of two runs with rows, charts, a late row and a tag; nobody changes it."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("a", "b"):
        with ledger.start(name, params={"lr": 0.5}, directory=str(folder)) as run:
            run.log({"val/auc": 0.5}, step=1)
            run.log_text("notes", f"text of {name}\n")
    led = ledger.open(str(folder))
    led.run("a").log({"test/auc": 0.75}, reason="late")
    led.tag("a", "star")
    return folder / ".ledger"


@pytest.fixture
def other(repo: Path, made: Path) -> Path:
    """Put a copy of that ledger into a folder of the work tree, which has none of its own."""
    shutil.copytree(made, "other/.ledger", ignore=shutil.ignore_patterns("journal"))
    return repo / "other" / ".ledger"


def one(folder: Path, glob: str) -> Path:
    """Return the first path that fits."""
    return sorted(folder.glob(glob))[0]


def merge(source: Path | str, **given: Any) -> merging.Merged:
    """Merge into the ledger of the work tree, made if there is none."""
    return ledger.api.writable_ledger().merge(str(source), **given)


@pytest.fixture(params=["folder", "commit"])
def merged(request: pytest.FixtureRequest, other: Path) -> Callable[..., merging.Merged]:
    """Return a function that merges the other ledger: from its folder, or from a commit that has it as it is then."""

    def do(**given: Any) -> merging.Merged:
        if request.param == "folder":
            return merge(other, **given)
        if not any(Path(".ledger").rglob("*.json")):
            shutil.rmtree(".ledger", ignore_errors=True)
        index = {**os.environ, "GIT_INDEX_FILE": str(other.parent / "index"), "GIT_DIR": str(Path(".git").resolve())}
        for command in (["add", "-f", ".ledger"], ["write-tree"]):
            done = subprocess.run(
                ["git", "--work-tree=.", *command], cwd=other.parent, env=index, capture_output=True, check=True
            )
        rev = git("commit-tree", "-m", "other", done.stdout.decode().strip()).strip()
        return merge(rev, **given)

    return do


def test_everything_comes(merged: Callable[..., merging.Merged], other: Path) -> None:
    """Into nothing, all runs come, byte for byte; a dry run says the same and makes nothing; nothing is staged."""
    size = sum(len(data) for path, data in stored(other).items() if "/" in path)
    tried = merged(dry_run=True)
    assert not Path(".ledger").exists()
    done = merged()
    assert done == tried._replace(dry_run=False)
    assert [run.split("-")[2] for run in done.new] == ["a", "b"]
    assert (done.changed, done.files, done.bytes) == ([], len(stored(other)) - 3, size)
    assert (done.left_out, done.absent, done.damaged, done.unsealed) == ([], [], [], [])
    assert stored(Path(".ledger")) == stored(other)
    assert git("diff", "--cached", "--name-only") == ""
    assert ledger.open().verify(rows=True).findings == []


def test_what_is_missing_comes(merged: Callable[..., merging.Merged], other: Path) -> None:
    """A run that lacks files and one that is gone: those files come, no other is written; what is here alone stays."""
    shutil.copytree(other, ".ledger")
    ledger.open().run("a").log({"test/auc": 1.0}, reason="here alone")
    late, gone = one(Path(".ledger"), "runs/*/*-a-*/*-rows-*.json"), one(Path(".ledger"), "runs/*/*-b-*")
    late.unlink()
    shutil.rmtree(gone)
    before = {path: path.stat().st_mtime_ns for path in Path(".ledger").rglob("*") if path.is_file()}
    done = merged()
    assert ([run.split("-")[2] for run in done.new], [run.split("-")[2] for run in done.changed]) == (["b"], ["a"])
    assert done.files == 1 + len(list(gone.iterdir()))
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert stored(other).items() < stored(Path(".ledger")).items()
    assert ledger.open().state("a").metrics["test/auc"].last == 1.0


def test_a_ledger_merged_with_itself_stays(merged: Callable[..., merging.Merged], other: Path) -> None:
    """Nothing is written, not even in time; the same from its own folder, and from one of which it has all."""
    shutil.copytree(other, ".ledger")
    before = {path: path.stat().st_mtime_ns for path in Path(".ledger").rglob("*")}
    for done in (merged(), merge("./.ledger"), merge(str(Path.cwd()))):
        assert (done.files, done.new, done.changed, done.left_out, done.damaged) == (0, [], [], [], [])
    assert {path: path.stat().st_mtime_ns for path in Path(".ledger").rglob("*")} == before


def swap(path: Path, data: bytes) -> str:
    """Put other bytes under the name of a file."""
    path.write_bytes(data)
    return path.name


def linked(path: Path) -> str:
    """Put a link in the place of a file or folder, to what has the right bytes."""
    path.symlink_to(path.rename(Path.cwd() / "moved"))
    return path.name


def renamed(path: Path, old: str, new: str) -> str:
    """Give a file another name."""
    path.rename(path.with_name(path.name.replace(old, new)))
    return path.name.replace(old, new)


def with_right_hash(path: Path, data: bytes) -> str:
    """Put an entry beside another whose bytes have the hash in its name, which yet is none."""
    name = path.name[:-21] + hashlib.sha256(data).hexdigest()[:16] + ".json"
    path.with_name(name).write_bytes(data)
    return name


def added(folder: Path, name: str) -> str:
    """Put a file where none belongs."""
    (folder / name).write_bytes(b"x")
    return name


def of_another_run(other: Path) -> str:
    """Put a run's entry into the folder of another."""
    entry = one(other, "runs/*/*-a-*/*-open-*")
    shutil.copy(entry, one(other, "runs/*/*-b-*"))
    return entry.name


HARM: dict[str, tuple[Callable[[Path], str], str]] = {
    "entry altered": (lambda o: swap(one(o, "runs/*/*-a-*/*-close-*"), b"{}"), "another sha256"),
    "segment cut off": (lambda o: swap(one(o, "runs/*/*-a-*/*.parquet"), b"PAR1"), "another sha256"),
    "blob empty": (lambda o: swap(one(o, "blobs/*/*.txt"), b""), "another sha256"),
    "entry a link": (lambda o: linked(one(o, "runs/*/*-a-*/*-close-*")), "a symbolic link"),
    "blob a link": (lambda o: linked(one(o, "blobs/*/*.txt")), "a symbolic link"),
    "run a link": (lambda o: linked(one(o, "runs/*/*-a-*")), "a symbolic link"),
    "day a link": (lambda o: linked(one(o, "runs/*")), "a symbolic link"),
    "runs a link": (lambda o: linked(o / "runs"), "a symbolic link"),
    "blobs a link": (lambda o: linked(o / "blobs"), "a symbolic link"),
    "unknown name": (lambda o: added(one(o, "runs/*/*-a-*"), "weights.pt"), "no file of a ledger"),
    "unknown in runs": (lambda o: added(o / "runs", "x.json"), "no file of a ledger"),
    "unknown at the top": (lambda o: added(o, "config"), "no file of a ledger"),
    "folder that is no run": (
        lambda o: renamed(one(o, "runs/*/*-a-*"), one(o, "runs/*/*-a-*").name, "a"),
        "no folder of a ledger",
    ),
    "unknown in blobs": (lambda o: added(one(o, "blobs/*"), "x.txt"), "no file of a ledger"),
    "steers the terminal": (lambda o: added(o, "\x1b[2Jx"), "no file of a ledger"),
    "misnamed": (lambda o: renamed(one(o, "runs/*/*-a-*/*-close-*"), "-close-", "-retract-"), "misnamed"),
    "no entry": (lambda o: with_right_hash(one(o, "runs/*/*-a-*/*-close-*"), b"[]"), "is not an entry"),
    "of another run": (of_another_run, "an entry of the run"),
}


@pytest.mark.parametrize("harm", HARM)
def test_what_is_no_file_of_a_ledger_is_left_out(
    merged: Callable[..., merging.Merged], other: Path, harm: str, cli: Cli
) -> None:
    """One file or folder is not what its name says: it is listed with the reason, all else comes, and no link does."""
    whole = stored(other)
    do, reason = HARM[harm]
    name = do(other)
    done = merged()
    (problem,) = done.left_out
    assert problem.path.endswith(name)
    assert reason in problem.reason
    assert (done.absent, done.damaged) == ([], [])
    here = stored(Path(".ledger"))
    assert here.items() <= whole.items()
    missing = {path for path in whole if path not in here}
    moved = ("misnamed", "no entry", "of another run", "folder that is no run")
    assert all(problem.path in path or harm in moved for path in missing)
    assert not any(path.is_symlink() for path in Path(".ledger").rglob("*"))
    result = cli("merge", str(other))
    assert (result.code, "left out" in result.out, "\x1b" in result.out) == (1, True, False)


def test_names_that_git_would_not_take(repo: Path) -> None:
    """A tree made by hand with `..`, `.git`, names with a slash and a submodule for a run writes nothing outside."""
    ledger.start("a").finish()
    head = commit("a")
    blob = git("hash-object", "-w", "--stdin", stdin=b"x").strip()
    run = git("rev-parse", "HEAD:.ledger/runs").strip()

    def tree(*items: tuple[bytes, bytes, str]) -> str:
        data = b"".join(mode + b" " + name + b"\0" + bytes.fromhex(object) for mode, name, object in items)
        return git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", stdin=data).strip()

    id = "20261122-031501-x-0123456789ab"
    entry = one(repo / ".ledger", "runs/*/*/*-close-*").read_bytes().replace(b'"close"', b'"' + b"x" * 300 + b'"')
    named = f"20261122-031501-000000-{'x' * 300}-{hashlib.sha256(entry).hexdigest()[:16]}.json"
    long = tree((b"100644", named.encode(), git("hash-object", "-w", "--stdin", stdin=entry).strip()))
    day = tree(
        (b"160000", id.encode(), head),
        (b"40000", b"..", run),
        (b"100644", b"../../x", blob),
        (b"40000", id.replace("-x-", "-y-").encode(), long),
    )
    runs = tree((b"40000", b"..", run), (b"40000", b".git", day), (b"40000", b"2026-11-22", day))
    top = tree(
        (b"40000", b"../x", run), (b"40000", b".git", run), (b"40000", b"journal", run), (b"40000", b"runs", runs)
    )
    rev = git("commit-tree", "-m", "x", tree((b"40000", b".ledger", top))).strip()
    before = sorted(path for path in repo.parent.rglob("*") if ".git" not in path.parts)
    done = merge(rev)
    assert (done.files, {problem.path for problem in done.left_out} >= {"../x", ".git", "journal"}) == (0, True)
    assert f"runs/2026-11-22/{id}" in {problem.path for problem in done.left_out}
    assert any(problem.path.endswith(named) for problem in done.left_out)
    assert sorted(path for path in repo.parent.rglob("*") if ".git" not in path.parts) == before


def test_a_fifo_is_left_out(other: Path) -> None:
    """What is neither a file nor a folder is not opened, so nothing waits for it."""
    os.mkfifo(one(other, "runs/*/*-a-*") / "0123456789abcdef.parquet")
    assert [problem.reason for problem in merge(other).left_out] == ["neither a file nor a folder"]


def test_files_being_written_there_are_passed_over(other: Path) -> None:
    """A temporary file of the source is nothing to speak of, wherever it lies."""
    for folder in (other, one(other, "runs/*/*-a-*"), one(other, "blobs/*")):
        (folder / ".tmp-0123456789ab").write_bytes(b"x")
    assert merge(other).left_out == []
    assert not list(Path(".ledger").rglob(".tmp-*"))


def test_journals_are_not_taken(repo: Path, cli: Cli) -> None:
    """The rows in flight of another folder stay there, and it is said what to type there."""
    run = cli("start", "slow").out.strip()
    cli("log", "--run", run, "loss=1", "--step", "1")
    Path(".ledger").rename("other")
    done = cli("merge", "./other")
    assert done.code == 0
    assert "1 run with rows that are not sealed; there: ledger finish --stale" in done.err
    assert not Path(".ledger/journal").exists()
    assert json.loads(cli("merge", "./other", "--json").out)["unsealed"] == [run]


def test_a_run_in_flight_is_no_new_one(repo: Path, cli: Cli) -> None:
    """Where git took the files of a running run and left its journal, the run is here: it gets more."""
    run = cli("start", "slow").out.strip()
    shutil.copytree(".ledger", "other", ignore=shutil.ignore_patterns("journal"))
    shutil.rmtree(".ledger/runs")
    done = merge("./other")
    assert (done.new, done.changed, done.files) == ([], [run], 1)


def test_constant_files_are_made(merged: Callable[..., merging.Merged], other: Path) -> None:
    """One that is missing here is written again, as every writing command does, also where nothing else is."""
    shutil.copytree(other, ".ledger")
    Path(".ledger/.gitattributes").unlink()
    merged(dry_run=True)
    assert not Path(".ledger/.gitattributes").exists()
    merged()
    assert stored(Path(".ledger")) == stored(other)


def test_a_newer_format_comes_too(merged: Callable[..., merging.Merged], other: Path) -> None:
    """Entries of a later version are whole files: they come, here as there unread, for a newer ledger."""
    entry = one(other, "runs/*/*-a-*/*-close-*")
    data = entry.read_bytes().replace(b'"format": 0', b'"format": 99')
    name = with_right_hash(entry, data)
    unknown = data.replace(b'"format": 99', b'"format": 0').replace(b'"close"', b'"later"')
    later = with_right_hash(entry, unknown).replace("-close-", "-later-")
    entry.with_name(with_right_hash(entry, unknown)).rename(entry.with_name(later))
    assert merged().left_out == []
    here = (Path(".ledger") / entry.relative_to(other)).parent
    assert (here / name).exists()
    assert (here / later).exists()


def test_a_run_under_another_day(merged: Callable[..., merging.Merged], other: Path) -> None:
    """A run that lies elsewhere in the source comes to where it belongs, or to where it is here; one run, not two."""
    entry = one(other, "runs/*/*-a-*/*-close-*")
    (other / "runs" / "2020-01-01").mkdir()
    entry.parent.rename(other / "runs" / "2020-01-01" / entry.parent.name)
    assert merged().left_out == []
    assert (Path(".ledger") / entry.relative_to(other)).exists()
    assert merged().files == 0
    moved = Path(".ledger/runs/2021-01-01")
    moved.mkdir()
    (Path(".ledger") / entry.relative_to(other)).parent.rename(moved / entry.parent.name)
    (moved / entry.parent.name / entry.name).unlink()
    assert merged().files == 1
    assert (moved / entry.parent.name / entry.name).exists()
    assert not (Path(".ledger") / entry.relative_to(other)).exists()


def test_a_blob_in_the_wrong_folder(merged: Callable[..., merging.Merged], other: Path) -> None:
    """It comes to where its name says."""
    blob = one(other, "blobs/*/*.txt")
    (other / "blobs" / "00").mkdir()
    blob.rename(other / "blobs" / "00" / blob.name)
    assert merged().left_out == []
    assert (Path(".ledger") / blob.relative_to(other)).exists()


def test_packs_and_entries_of_no_run(merged: Callable[..., merging.Merged], other: Path) -> None:
    """What later formats keep in `packs` and `log` comes too, by its hash; what has another name there does not."""
    kept = {}
    for folder, name in (("packs", "{}.parquet"), ("log/2026-11-22", "20261122-031501-000000-label-{}.json")):
        path = other / folder / name.format(hashlib.sha256(folder.encode()).hexdigest()[:16])
        path.parent.mkdir(parents=True)
        path.write_text(folder)
        path.with_name("x").touch()
        kept[path.relative_to(other)] = folder
    assert [problem.path for problem in merged().left_out] == ["log/2026-11-22/x", "packs/x"]
    assert {path: (Path(".ledger") / path).read_text() for path in kept} == kept
    assert merged().files == 0


def pointer(path: Path) -> None:
    """Put what git-LFS puts in the place of a blob."""
    sha256, size = path.name.partition(".")[0], path.stat().st_size
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n")


def test_a_file_of_git_lfs_is_absent(merged: Callable[..., merging.Merged], other: Path) -> None:
    """A pointer in the source is a file that is not there; a pointer here, or there where we have it, is no matter."""
    blob = one(other, "blobs/*/*.txt")
    pointer(blob)
    done = merged()
    assert ([problem.path for problem in done.absent], done.left_out) == ([str(blob.relative_to(other))], [])
    data = b"text of a\n" if hashlib.sha256(b"text of a\n").hexdigest() in blob.name else b"text of b\n"
    here = Path(".ledger") / blob.relative_to(other)
    here.parent.mkdir(exist_ok=True)
    here.write_bytes(data)
    assert merged().absent == []
    pointer(here)
    blob.write_bytes(data)
    assert merged().damaged == []


@pytest.mark.parametrize("kind", ["runs/*/*-a-*/*-close-*", "runs/*/*-a-*/*.parquet", "blobs/*/*.txt"])
@pytest.mark.parametrize("how", ["other bytes", "a folder", "a link"])
def test_damage_here_is_said_and_left(
    merged: Callable[..., merging.Merged], other: Path, kind: str, how: str, cli: Cli
) -> None:
    """A file here that is not what its name says stays as it is, for `ledger repair`; the rest comes; exit code 5."""
    shutil.copytree(other, ".ledger")
    path = one(Path(".ledger"), kind)
    shutil.rmtree(one(Path(".ledger"), "runs/*/*-b-*"))
    path.unlink()
    if how == "a folder":
        path.mkdir()
    elif how == "a link":
        path.symlink_to(one(other, kind))
    else:
        path.write_bytes(b"broken")
    done = merged()
    assert [problem.path for problem in done.damaged] == [str(path.relative_to(".ledger"))]
    assert ([run.split("-")[2] for run in done.new], done.left_out) == (["b"], [])
    assert how != "other bytes" or path.read_bytes() == b"broken"
    result = cli("merge", str(other))
    assert (result.code, "see: ledger repair" in result.out) == (5, True)


def test_a_file_that_is_whole_here_and_not_there(merged: Callable[..., merging.Merged], other: Path) -> None:
    """Nothing is missing and nothing here is damaged, so nothing is said."""
    shutil.copytree(other, ".ledger")
    one(other, "runs/*/*-a-*/*.parquet").write_bytes(b"broken")
    done = merged()
    assert (done.files, done.left_out, done.damaged) == (0, [], [])


@pytest.mark.parametrize("folder", ["runs", "blobs", "runs/*", "blobs/*", "runs/*/*-a-*"])
def test_links_here_are_not_written_through(other: Path, tmp_path: Path, folder: str) -> None:
    """Where a link stands here in the place of a folder, nothing at all is written."""
    shutil.copytree(other, ".ledger")
    for path in [*Path(".ledger").rglob("*.json"), *Path(".ledger").rglob("*.txt")]:
        path.unlink()
    place = one(Path(".ledger"), folder)
    place.rename(tmp_path / "outside")
    place.symlink_to(tmp_path / "outside")
    before = stored(Path(".ledger"))
    with pytest.raises(DamagedFile, match="symbolic link"):
        merge(other)
    assert stored(Path(".ledger")) == before
    assert not list((tmp_path / "outside").rglob("*.json"))


def test_a_merge_that_is_cut_off_is_completed(other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk at any point: no entry is there before what it names, no file in part; the next does the rest."""
    rename = os.rename
    whole, count = stored(other), 0

    def refuse(*names: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(28, "No space left on device")
        rename(*names)

    while True:
        left, count = count, count + 1
        shutil.rmtree(".ledger", ignore_errors=True)
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "rename", refuse)
            try:
                merge(other)
                break
            except StorageFault:
                pass
        here = stored(Path(".ledger"))
        assert here.items() < whole.items()
        assert {f.kind for f in ledger.open().verify().findings} <= {
            "unreferenced",
            "incomplete-history",
            "constant-file",
        }
        assert merge(other).files + len([path for path in here if "/" in path]) == len(whole) - 3
        assert stored(Path(".ledger")) == whole
    assert count == len(whole) + 1


def test_only_what_is_missing_is_read(other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a commit with many files the trees are read, and of the files those that are not here."""
    other.rename(".ledger")
    commit("all")
    gone = one(Path(".ledger"), "runs/*/*-a-*/*-rows-*.json")
    gone.unlink()
    read: list[str] = []
    whole = Repository.read_many

    def counted(self: Repository, objects: Sequence[str]) -> Iterator[bytes | None]:
        read.extend(objects)
        return whole(self, objects)

    monkeypatch.setattr(Repository, "read_many", counted)
    assert merge("HEAD").files == 1
    kinds = [git("cat-file", "-t", object).strip() for object in read]
    assert kinds.count("blob") == 1


@pytest.mark.parametrize(("count", "size"), [(2, 1 << 20), (500, 700)])
def test_many_files_come_in_parts(
    merged: Callable[..., merging.Merged], other: Path, monkeypatch: pytest.MonkeyPatch, count: int, size: int
) -> None:
    """No more files, and no more bytes, are held at once than fit; the same comes."""
    monkeypatch.setattr(merging, "_MOST_FILES", count)
    monkeypatch.setattr(merging, "_MOST_BYTES", size)
    parts: list[list[int]] = []
    for kind in (sources.InFolder, sources.InCommit):

        def noted(self: Any, found: Sequence[sources.File], read: Any = kind.read) -> Iterator[bytes | None]:
            parts.append([file.item.size for file in found])
            return read(self, found)  # type: ignore[no-any-return]

        monkeypatch.setattr(kind, "read", noted)
    merged()
    assert stored(Path(".ledger")) == stored(other)
    assert len(parts) > 3
    assert all(len(part) <= count and (len(part) == 1 or sum(part) <= size) for part in parts)


def test_a_partial_clone_says_what_is_absent(other: Path, tmp_path: Path, cli: Cli, monkeypatch: Any) -> None:
    """What git does not have here is listed, nothing is fetched, the rest comes: exit code 3. Once git has it, 0."""
    other.rename(".ledger")
    source = commit("all")
    shutil.rmtree(one(Path(".ledger"), "runs/*/*-b-*"))
    commit("without b")
    git("config", "uploadpack.allowFilter", "true")
    git("config", "uploadpack.allowAnySHA1InWant", "true")
    git("clone", "-q", "--filter=blob:none", f"file://{Path.cwd()}", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    shutil.rmtree(one(Path(".ledger"), "blobs/*"))
    result = cli("merge", source, "--json")
    done = json.loads(result.out)
    assert (result.code, done["files"], done["left_out"]) == (3, 1, [])
    assert {path["path"].split("/")[2].split("-")[2] for path in done["absent"]} == {"b"}
    git("archive", "-o", os.devnull, source, ".ledger")
    result = cli("merge", source)
    assert (result.code, result.out.split()[0]) == (0, "new")


def test_a_folder_whose_name_could_be_a_commit(other: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """In a shallow clone nobody knows whether a word of hex digits is a commit: a folder of that name is one."""
    git("clone", "-q", "--depth=1", f"file://{Path.cwd()}", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    with pytest.raises(Undecided, match="the clone is not whole"):
        merge("abcdef1")
    shutil.copytree(other, "abcdef1/.ledger")
    assert len(merge("abcdef1").new) == 2


def test_a_word_that_means_two_things(other: Path, cli: Cli) -> None:
    """A word that is a revision and a folder with a ledger is refused with both; a prefix or a slash decides."""
    ledger.start("c").finish()
    commit("c")
    other.parent.rename("main")
    result = cli("merge", "main")
    assert (result.code, "ledger merge rev:main   or: ledger merge ./main" in result.err) == (4, True)
    assert merge("rev:main").files == 0
    assert len(merge("./main", dry_run=True).new) == len(merge("main/", dry_run=True).new) == 2
    assert len(merge("main/.ledger").new) == 2
    Path("HEAD").mkdir()
    assert merge("HEAD").source == "HEAD", "a folder without a ledger stands in nobody's way"


def test_a_word_that_means_nothing(other: Path, cli: Cli, tmp_path: Path) -> None:
    """Exit code 4, with what was looked for."""
    ledger.start("here").finish()
    for word, error, message in [
        ("nowhere", NoSuchRevision, "git knows no commit"),
        ("./nowhere", NoLedger, "there is no ledger in ./nowhere"),
        (str(tmp_path), NoLedger, "there is no ledger in"),
        ("HEAD", NoSuchRevision, "HEAD has no ledger"),
        ("", NotFound, "git knows no"),
        ("rev:", NotFound, "git knows no"),
        ("rev:other", NotFound, "git knows no"),
        ("caf\udce9\n", NotFound, "git knows no"),
    ]:
        with pytest.raises(error, match=message):
            merge(word)
        assert cli("merge", word).code == 4
    Path("empty").mkdir()
    with pytest.raises(NoLedger, match="no ledger in the folder empty; git knows"):
        merge("empty")


def test_a_folder_beside_which_runs_lie(other: Path) -> None:
    """A project may have a folder `runs` of its own: its ledger is the one in `.ledger`; a ledger may be renamed."""
    (other.parent / "runs").mkdir()
    assert len(merge("other", dry_run=True).new) == 2
    other.rename("backup")
    assert len(merge("backup").new) == 2


def test_outside_git_folders_merge(workdir: Path, cli: Cli) -> None:
    """No repository is needed for a folder; a revision is answered with what is missing."""
    cli("log", "--run", "a", "x=1")
    Path(".ledger").rename("other")
    assert cli("merge", "other").code == 0
    assert [state.name for state in ledger.open().select()] == ["a"]
    result = cli("merge", "main")
    assert (result.code, "is in no git repository" in result.err) == (4, True)


def test_a_ledger_in_a_subfolder_and_a_linked_work_tree(other: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """The revision is read where the ledger lies, from whichever work tree, and with git's variables of a hook set."""
    whole = stored(other)
    git("add", "-f", "other")
    git("commit", "-q", "-m", "a ledger in other")
    git("worktree", "add", "-q", str(tmp_path / "linked"))
    monkeypatch.chdir(tmp_path / "linked" / "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "elsewhere" / "index"))
    shutil.rmtree(".ledger/runs")
    shutil.rmtree(".ledger/blobs")
    assert len(merge("main").new) == 2
    assert stored(Path(".ledger")) == whole


def test_a_revision_cannot_be_merged_into(repo: Path) -> None:
    """What a commit has stays as it is."""
    ledger.start("a").finish()
    commit("a")
    with pytest.raises(UsageError, match="HEAD is a revision"):
        ledger.open(rev="HEAD").merge("HEAD")
