"""What hostile ledgers are made of: a sound ledger, ways to put a stranger's files into it, and what must hold then."""

import contextlib
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger.view.rows import is_unsafe

Cli = Callable[..., Any]
LIMIT = 4 << 30  # bytes of address space: what is held in memory, and about 1.5 GB that libraries reserve
SECONDS = 60  # far more than any takes: a machine may be busy
DRIVER = r"""
import contextlib, io, json, re, sys, warnings
from ledger.errors import LedgerWarning
from ledger import cli
warnings.simplefilter("always", LedgerWarning)
warnings.showwarning = cli._show_warning
said = []
for arguments in json.loads(sys.argv[1]):
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli._run(arguments)
    said.append([code, err.getvalue()[:3000]])
most = re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1]
print(json.dumps([said, int(most) << 10]))
"""


class Site:
    """A folder with a ledger of two runs: `run`, called "victim", is attacked; "good" must not mind."""

    def __init__(self, top: Path, cli: Cli) -> None:
        self.top, self.cli, self.root = top, cli, top / ".ledger"
        (self.folder,) = (path for path in self.root.glob("runs/*/*") if "-victim-" in path.name)
        self.run = self.folder.name
        self.day = self.run[:4] + "-" + self.run[4:6] + "-" + self.run[6:8]

    def fields(self, kind: str, **more: Any) -> dict[str, Any]:
        """Return the fields of an entry of the victim, from a minute after its last one."""
        header = {"format": 0, "kind": kind, "run": self.run, "time": "2040-01-01T00:00:00.000000Z", "author": "Eve"}
        return {**header, **more}

    def put(self, content: dict[str, Any] | bytes, kind: str | None = None, stamp: str | None = None) -> Path:
        """Write an entry of any content under the name that its bytes and its time ask for."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        given = {} if isinstance(content, bytes) else content
        time = str(given.get("time", "2040-01-01T00:00:00.000000Z"))
        found = time[:4] + time[5:7] + time[8:10] + "-" + time[11:13] + time[14:16] + time[17:19] + "-" + time[20:26]
        name = f"{stamp or found}-{kind or given['kind']}-{hashlib.sha256(data).hexdigest()[:16]}.json"
        (self.folder / name).write_bytes(data)
        return self.folder / name

    def put_segment(self, data: bytes, rows: int) -> Path:
        """Write a segment and an entry that names it with so many rows."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.folder / f"{sha256[:16]}.parquet"
        path.write_bytes(data)
        self.put(self.fields("rows", segments=[{"sha256": sha256, "rows": rows, "bytes": len(data)}]))
        return path

    def put_blob(self, data: bytes, extension: str) -> str:
        """Write a blob; return its sha256."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.root / "blobs" / sha256[:2] / f"{sha256}.{extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return sha256

    def chart(self, name: str, **more: Any) -> dict[str, Any]:
        """Return a chart as an entry has it, of a blob that is there."""
        sha256 = self.put_blob(b"\x89PNG\r\n\x1a\nplanted", "png")
        shape = {"blob": sha256, "extension": "png", "media_type": "image/png", "bytes": 15, "time": 1, "writer": "w"}
        return {"name": name, **shape, "seq": 1, "attempt": 1, **more}

    @property
    def reads(self) -> list[list[str]]:
        """The verbs that read, each with what it takes."""
        run = self.run
        return [
            ["ls"], ["ls", "--json"], ["ls", "--csv"], ["show", run], ["show", run, "--json"], ["compare", "--all"],
            ["diff", run, "good", "--all"], ["charts", run], ["export"], ["export", run, "--format", "csv"],
            ["status"], ["verify", "--rows", "--secrets"],
        ]  # fmt: skip

    @property
    def writes(self) -> list[list[str]]:
        """The verbs that write, each with what it takes."""
        run = self.run
        return [
            ["log", "--run", run, "q=1"], ["tag", run, "z"], ["rm", run], ["restore", run], ["finish", "--stale"],
            ["repair"], ["gc", "-n"],
        ]  # fmt: skip

    def attack(self, verbs: list[list[str]] | None = None) -> dict[str, Any]:
        """Run verbs; each ends with a documented code and clean notices, the good run answers as ever, and nothing
        beside the ledger is changed. Return the results by verb; `verify --rows` is by "verify".
        """
        before = self.around()
        results = {}
        for verb in self.reads + self.writes if verbs is None else verbs:
            result = self.cli(*verb)
            check(result.code, result.err, verb)
            results[verb[0] if verb[-1] != "--json" else f"{verb[0]} --json"] = result
        good = self.cli("show", "good", "--json")
        assert (good.code, json.loads(good.out)["metrics"]["val/auc"]["last"]) == (0, 2.0)
        assert self.around() == before
        return results

    def around(self) -> dict[str, tuple[int, bytes]]:
        """Return all that lies around the ledger: mode and bytes by path."""
        found = {}
        for folder, folders, files in os.walk(self.top.parent):
            for name in [*folders, *files]:
                path = Path(folder, name)
                if self.root not in path.parents:
                    content = os.readlink(path).encode() if path.is_symlink() else b""
                    found[str(path)] = (path.lstat().st_mode, path.read_bytes() if path.is_file() else content)
            folders[:] = [name for name in folders if name != ".ledger"]
        return found

    def bounded(self, verbs: list[list[str]], memory: int, env: dict[str, str] | None = None) -> list[int]:
        """Run verbs in a process of limited memory and time; return their codes. `memory`: bytes it may have held."""
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, json.dumps(verbs)],
            cwd=self.top, env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})}, timeout=SECONDS, check=False,
            capture_output=True, text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT)),
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        said, most = json.loads(done.stdout)
        for (code, err), verb in zip(said, verbs, strict=True):
            check(code, err, verb)
        assert most < memory, f"{most >> 20} MiB"
        return [code for code, _ in said]


def check(code: int, err: str, verb: object) -> None:
    """Hold the end of a command against what is promised of every one."""
    assert code in (0, 1, 2, 3, 4, 5), (verb, code, err)
    assert "Traceback" not in err
    assert not [c for c in err if is_unsafe(c) and c != "\n"], (verb, err)
    assert len(err) < 20_000, (verb, len(err))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the ledger that is copied for each test."""
    folder = tmp_path_factory.mktemp("template")
    with contextlib.chdir(folder):
        for name, value in (("victim", 1.0), ("good", 2.0)):
            with ledger.start(name, params={"lr": 0.1}, tags=["cv"]) as run:
                run.log({"val/auc": value}, step=1)
                run.log_chart("roc", b"\x89PNG\r\n\x1a\n", step=1)
    shutil.rmtree(folder / ".ledger" / "journal", ignore_errors=True)
    return folder / ".ledger"


@pytest.fixture
def site(template: Path, workdir: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Work beside a ledger of two runs, and look at nothing of another test's."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    shutil.copytree(template, workdir / ".ledger", symlinks=True)
    return Site(workdir, cli)
