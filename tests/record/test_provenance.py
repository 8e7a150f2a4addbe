"""Provenance: what a run says of its origin, without secrets, and cheaply however many runs a process opens."""

import json
import os
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.git import worktree
from ledger.record import provenance


@pytest.fixture(autouse=True)
def plain_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the settings of whoever runs the tests out of them, and what an earlier test left in memory."""
    empty = tmp_path / "empty"
    empty.touch()
    for name in [name for name in os.environ if name.startswith(("GIT_", "LEDGER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(empty))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    provenance.forget()
    yield
    provenance.forget()


def run(folder: Path, *arguments: str) -> None:
    """Run git in a test's repository."""
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """Make a repository with one commit and a ledger folder."""
    folder = tmp_path / "repo"
    (folder / ".ledger").mkdir(parents=True)
    run(folder, "init", "-q", "-b", "main")
    run(folder, "config", "user.name", "Ada Lovelace")
    run(folder, "config", "user.email", "ada@example.org")
    (folder / "train.py").touch()
    run(folder, "add", "train.py")
    run(folder, "commit", "-q", "-m", "first")
    return folder


def collect(folder: Path) -> provenance.Provenance:
    """Collect for a folder whose ledger lies in it."""
    return provenance.collect(str(folder), str(folder / ".ledger"))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count the git processes by their first words."""
    calls: list[str] = []
    real = worktree.snapshot

    def snapshot(folder: str, **options: Any) -> dict[str, Any] | None:
        calls.append(folder)
        return real(folder, **options)

    monkeypatch.setattr(worktree, "snapshot", snapshot)
    return calls


def test_what_is_collected(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git, program and author are there, the ledger's own files count for nothing, and all has a JSON form."""
    monkeypatch.setattr(sys, "argv", [str(repo / "train.py"), "--lr", "0.1"])
    (repo / ".ledger" / "x.json").touch()
    found = collect(repo)
    assert found.git is not None
    assert {key: found.git[key] for key in ("branch", "dirty")} == {"branch": "main", "dirty": False}
    assert found.author == "Ada Lovelace <ada@example.org>"
    assert list(found.program) == ["argv", "python", "host", "platform", "versions"]
    assert found.program["argv"] == ["train.py", "--lr", "0.1"]
    assert found.program["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found.program["host"] == os.uname().nodename
    assert found.program["platform"].startswith(f"{os.uname().sysname}-")
    assert found.program["platform"].endswith(f"-{os.uname().machine}")
    assert json.loads(msgspec.json.encode(found))["program"] == found.program


def test_no_secret_gets_in(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets in arguments and remotes are redacted, and arguments that are no text are escaped."""
    run(repo, "remote", "add", "origin", "https://ada:hunter2@example.org/x.git")
    monkeypatch.setattr(sys, "argv", ["train.py", "--api-key", "hunter2", "\udcff", 5])
    found = collect(repo)
    assert found.git is not None
    assert found.git["remotes"] == {"origin": "https://[redacted]@example.org/x.git"}
    assert found.program["argv"] == ["train.py", "--api-key", "[redacted]", "\\udcff", "5"]
    assert b"hunter2" not in msgspec.json.encode(found)


def test_the_script_is_named_as_the_repository_sees_it(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative to the top in the repository, the name alone elsewhere at home, in full otherwise."""
    (repo / "exp").mkdir()
    monkeypatch.chdir(repo / "exp")
    outside = tmp_path.parent / "tool.py"
    for given, expected in [
        ("a.py", "exp/a.py"),
        ("../a.py", "a.py"),
        (str(tmp_path / "bin" / "tool"), "tool"),
        (str(outside), str(outside)),
        ("-c", "-c"),
        ("", ""),
    ]:
        monkeypatch.setattr(sys, "argv", [given, "x"])
        assert collect(repo / "exp").program["argv"] == [expected, "x"]
    monkeypatch.setattr(sys, "argv", [])
    assert collect(repo).program["argv"] == []


def test_the_script_is_found_after_a_change_of_folder(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program started by a relative path that has changed its folder since still names its script right."""
    main = types.ModuleType("__main__")
    main.__file__ = str(repo / "exp" / "run.py")
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(sys, "argv", ["run.py"])
    monkeypatch.chdir(repo.parent)
    assert collect(repo).program["argv"] == ["exp/run.py"]


def test_outside_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a repository git is None, the script is relative to the folder, and the author is the system's user."""
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "a.py")])
    monkeypatch.setenv("LOGNAME", "lovelace")
    found = collect(tmp_path)
    assert (found.git, found.program["argv"], found.author) == (None, ["a.py"], "lovelace")


def test_what_the_user_leaves_out(repo: Path, monkeypatch: pytest.MonkeyPatch, counted: list[str]) -> None:
    """LEDGER_NO_GIT runs no git and LEDGER_NO_ARGV keeps the arguments out; 0 and nothing mean no."""
    for value in ("", "0"):
        monkeypatch.setenv("LEDGER_NO_GIT", value)
        monkeypatch.setenv("LEDGER_NO_ARGV", value)
        found = collect(repo)
        assert (found.git is None, "argv" in found.program) == (False, True)
    calls = len(counted)
    monkeypatch.setenv("LEDGER_NO_GIT", "1")
    monkeypatch.setenv("LEDGER_NO_ARGV", "1")
    monkeypatch.setenv("LOGNAME", "lovelace")
    found = collect(repo)
    assert (found.git, "argv" in found.program, found.author) == (None, False, "lovelace")
    assert len(counted) == calls


def test_author(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LEDGER_AUTHOR comes first, on one line; blank it counts as not given; nobody at all is `unknown`."""
    assert provenance.author(str(repo)) == "Ada Lovelace <ada@example.org>"
    monkeypatch.setenv("LEDGER_AUTHOR", " Grace\x1b[31m\nHopper ")
    assert provenance.author(str(repo)) == "Grace[31mHopper"
    monkeypatch.setenv("LEDGER_AUTHOR", " ")
    assert provenance.author(str(repo)) == "Ada Lovelace <ada@example.org>"

    def nobody() -> str:
        raise KeyError("uid")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert provenance.author(str(repo.parent)) == "unknown"


def test_a_snapshot_is_reused_while_it_is_true(repo: Path, monkeypatch: pytest.MonkeyPatch, counted: list[str]) -> None:
    """Git runs once for many runs, and again after a commit, after 30 s, and after `forget`."""
    first = collect(repo)
    for _ in range(3):
        assert collect(repo) == first
    assert len(counted) == 1
    run(repo, "commit", "-q", "--allow-empty", "-m", "second")
    second = collect(repo)
    assert len(counted) == 2
    assert first.git is not None
    assert second.git is not None
    assert second.git["commit"] != first.git["commit"]
    (repo / "new.py").touch()
    assert collect(repo).git == second.git
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + provenance.GIT_AGE_MAX + 1)
    assert collect(repo).git == second.git | {"dirty": True, "untracked": 1}
    assert len(counted) == 3
    provenance.forget()
    collect(repo)
    assert len(counted) == 4


def test_a_failing_git_is_asked_once(repo: Path, monkeypatch: pytest.MonkeyPatch, counted: list[str]) -> None:
    """That git cannot answer is remembered as well."""
    monkeypatch.setenv("PATH", str(repo))
    assert [collect(repo).git, collect(repo).git] == [None, None]
    assert len(counted) == 1


def test_what_is_handed_out_is_the_callers(repo: Path) -> None:
    """Changing one answer changes no later one."""
    run(repo, "remote", "add", "origin", "x")
    first = collect(repo)
    expected = msgspec.json.encode(first)
    assert first.git is not None
    first.git["remotes"]["origin"] = first.git["commit"] = "changed"
    first.program["versions"].clear()
    first.program["argv"].append("changed")
    assert msgspec.json.encode(collect(repo)) == expected


def module(name: str, file: Path | None, version: object = None) -> types.ModuleType:
    """Make a module that says it was loaded from `file`."""
    made = types.ModuleType(name)
    if file is not None:
        made.__file__ = str(file)
    if version is not None:
        made.__dict__["__version__"] = version
    return made


def test_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed top-level modules are listed by name with their own or their distribution's version, no others."""
    packages = tmp_path / "lib" / "site-packages"
    for name in ("Quiet_One-2.0+cu118.dist-info", "old-1.5-py3.11.egg-info", "bare.egg-info", "ledger_ml-9.dist-info"):
        (packages / name).mkdir(parents=True)
    made = {
        "zz_stated": module("zz_stated", packages / "zz_stated" / "__init__.py", "3.1"),
        "quiet_one": module("quiet_one", packages / "quiet_one.so", 7),
        "old": module("old", tmp_path / "dist-packages" / "x" / "site-packages" / "old.py", "\n1"),
        "bare": module("bare", packages / "bare.py"),
        "own_code": module("own_code", tmp_path / "own_code.py", "1"),
        "namespace": module("namespace", None, "1"),
        "_private": module("_private", packages / "_private.py", "1"),
        "zz_stated.sub": module("zz_stated.sub", packages / "zz_stated" / "sub.py", "4"),
        "tomllib": module("tomllib", packages / "tomllib.py", "1"),
        "ledger": module("ledger", packages / "ledger" / "__init__.py", "9"),
        "absent": None,
    }
    for name, found in made.items():
        monkeypatch.setitem(sys.modules, name, found)
    monkeypatch.delitem(sys.modules, "zz_later", raising=False)
    versions = collect(tmp_path).program["versions"]
    assert list(versions) == sorted(versions)
    listed = {name: version for name, version in versions.items() if name in made}
    assert listed == {"old": "1", "quiet_one": "2.0+cu118", "zz_stated": "3.1"}
    assert {name.partition(".")[0] for name in versions} & {"ledger", "pytest"} == {"pytest"}
    monkeypatch.setitem(sys.modules, "zz_later", module("zz_later", packages / "zz_later.py", "8"))
    assert collect(tmp_path).program["versions"] == versions | {"zz_later": "8"}
    monkeypatch.delitem(sys.modules, "zz_later")
    assert collect(tmp_path).program["versions"] == versions


def test_lazy_modules_are_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that loads itself when touched is not touched."""
    touched: list[str] = []

    class Lazy(types.ModuleType):
        def __getattribute__(self, name: str) -> Any:
            touched.append(name)
            return super().__getattribute__(name)

    monkeypatch.setitem(sys.modules, "zz_lazy", Lazy("zz_lazy"))
    collect(tmp_path)
    assert touched == []


def test_many_runs_pay_once(repo: Path) -> None:
    """After the first, a call costs far below a millisecond (some 40 us)."""
    collect(repo)
    costs = []
    for _ in range(50):
        began = time.perf_counter()
        collect(repo)
        costs.append(time.perf_counter() - began)
    assert sorted(costs)[25] < 0.001


def test_the_import_is_light() -> None:
    """Importing loads nothing heavy beyond what msgspec itself loads."""
    code = (
        "import sys, msgspec; before = set(sys.modules); import ledger.record.provenance; "
        "print(*({'subprocess', 'socket', 'platform', 'importlib.metadata', 'getpass'}"
        " & (set(sys.modules) - before)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"\n"
