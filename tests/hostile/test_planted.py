"""Planted in a ledger: repositories, catalogs, links, journals, names that lead out. Nothing runs, nothing leaks."""

import itertools
import json
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ledger.format import frame
from ledger.store import catalog
from ledger.store.tree import Tree
from tests.conftest import run_cli

TRAPS = ("core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "diff.external", "filter.x.clean")
FOLDERS = ("", "journal", "runs", "blobs", "runs/2020-01-01")
SECRET = "what lies outside"


def plant(folder: Path, marker: Path) -> None:
    """Make a folder a repository whose settings name a command that leaves a mark, and have it log when used."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    for name in ("objects", "refs"):
        (folder / name).mkdir()
    script = folder / "trap"
    script.write_text(f"#!/bin/sh\ntouch '{marker}'\n")
    script.chmod(0o755)
    lines = {"core.repositoryformatversion": "0", "core.bare": "false", "core.worktree": str(folder)}
    lines.update(dict.fromkeys(TRAPS, str(script)))
    for name, value in lines.items():
        subprocess.run(["git", "config", "-f", folder / "config", name, value], check=True)
    hooks = folder / "hooks"
    hooks.mkdir()
    for hook in ("pre-commit", "post-checkout", "reference-transaction", "post-index-change", "fsmonitor-watchman"):
        shutil.copy(script, hooks / hook)
    (folder / ".gitattributes").write_text("* filter=x diff=x\n")


@pytest.mark.parametrize("inside", FOLDERS, ids=lambda folder: folder or "top")
def test_a_planted_repository_runs_nothing(site: Any, repo: Path, tmp_path: Path, inside: str) -> None:
    """No verb obeys it, started beside the ledger or where it lies; `verify` calls it damage."""
    marker = tmp_path / "marker"
    place = site.root / inside
    plant(place, marker)
    before = site.around()
    for folder in (repo, place):
        os.chdir(folder)
        for verb in [*site.reads, *site.writes, ["schema"], ["init"], ["start", "new"], ["finish", "new"]]:
            result = site.cli(*verb)
            assert result.code in (0, 5) or (verb[0] == "init" and result.code == 2), (verb, result)
            assert not marker.exists(), (folder, verb)
            assert result.code == (5 if verb[0] == "verify" else result.code)
    os.chdir(repo)
    found = json.loads(site.cli("verify", "--json").out)["findings"]
    assert {"HEAD", "config", "objects", "refs", "hooks"} <= {
        finding["path"].rpartition("/")[2] for finding in found if finding["kind"] == "planted"
    }
    subprocess.run(["git", "status"], cwd=place, capture_output=True, check=False)
    assert marker.exists(), "the trap must work where nobody looks out for it"
    marker.unlink()
    ours = {path: value for path, value in site.around().items() if not path.startswith(str(repo / ".git"))}
    assert ours == {path: value for path, value in before.items() if not path.startswith(str(repo / ".git"))}


def test_a_planted_catalog_is_not_read(site: Any) -> None:
    """A catalog that a stranger puts into the ledger, or garbage in the cache folder, changes no answer."""
    told = [site.cli("ls", "--json").out, site.cli("show", "good", "--json").out]
    cached = Path(catalog.path_for(Tree(str(site.root))))
    planted = site.root / cached.name
    shutil.copy(cached, planted)
    cached.unlink()
    lie = site.cli("rename", "good", "lie", "-n")
    assert lie.code == 0
    for garbage in (b"", b"\0" * 4096, b"SQLite format 3\0" + os.urandom(4080), planted.read_bytes()[:5000], b"\xff"):
        cached.write_bytes(garbage)
        site.attack([["ls"], ["status"]])
        assert [site.cli("ls", "--json").out, site.cli("show", "good", "--json").out] == told
    cached.unlink()
    cached.mkdir()
    assert [site.cli("ls", "--json").out, site.cli("show", "good", "--json").out] == told
    cached.rmdir()
    cached.symlink_to(site.top / "elsewhere")
    assert [site.cli("ls", "--json").out, site.cli("show", "good", "--json").out] == told
    cached.unlink()


def outside_of(site: Any) -> Path:
    """Make a folder outside that looks like part of a ledger, with a secret in each of its files."""
    outside: Path = site.top / "outside"
    shutil.copytree(site.root, outside)
    for path in outside.rglob("*.json"):
        path.write_text(path.read_text().replace("victim", SECRET).replace("val/auc", SECRET))
    (outside / "secret.txt").write_text(SECRET)
    return outside


# What is replaced by a link to its like outside, and what the readers of the victim and of the list then end with.
LINKS = {
    "entry": ("runs/{day}/{run}/*-rows-*.json", 5, 5),
    "segment": ("runs/{day}/{run}/*.parquet", 5, 5),
    "run": ("runs/{day}/{run}", 5, 5),
    "day": ("runs/{day}", 4, 0),
    "runs": ("runs", 5, 5),
    "blobs": ("blobs", 0, 0),
    "blob folder": ("blobs/??", 0, 0),
    "blob": ("blobs/??/*.png", 0, 0),
}


@pytest.mark.parametrize("place", LINKS)
def test_no_link_is_followed(site: Any, place: str) -> None:
    """What a link leads to is neither read nor written: exit 5, or a notice; `verify` finds the link."""
    outside = outside_of(site)
    glob, one, listed = LINKS[place]
    (target, *_) = sorted(site.root.glob(glob.format(day=site.day, run=site.run)))
    relative = target.relative_to(site.root)
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink()
    target.symlink_to(outside / relative)
    findings = json.loads(site.cli("verify", "--json").out)["findings"]
    assert ("link", str(relative)) in {(f["kind"], f["path"]) for f in findings}
    verbs = [*site.reads, *site.writes, ["start", "new"], ["log", "--run", "fresh", "a=1", "--chart", "c=train.png"]]
    (site.top / "train.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    before, codes = site.around(), {}
    if place.startswith("blob"):
        assert site.cli("charts", site.run, "roc", "-o", "-").code == 5
    for verb in verbs:
        result = site.cli(*verb)
        codes.setdefault(verb[0], result.code)
        assert result.code in (0, 1, 2, 3, 4, 5, 74), (verb, result)
        assert SECRET not in result.out + result.err, verb
        assert "Traceback" not in result.err
        if verb[0] in ("ls", "show") and place in ("run", "day", "runs"):
            assert "symbolic link" in result.err or verb == ["show", site.run], (verb, result)
    assert (codes["show"], codes["ls"]) == (one, listed)
    assert site.around() == before


@pytest.mark.parametrize("place", ["journal", "journal/{run}", "journal/{run}/aaaaaaaaaaaa.journal", "journal/sealed"])
def test_no_journal_is_reached_through_a_link(site: Any, place: str) -> None:
    """Rows are not written through a link either: not when a run starts, and not when it is sealed."""
    outside = site.top / "outside"
    outside.mkdir()
    (outside / "old.journal").write_text(SECRET)
    started = site.cli("start", "open").out.strip()
    path = site.root / place.format(run=started)
    if path.is_dir():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(outside / "old.journal" if place.endswith(".journal") else outside)
    verbs = [["log", "--run", started, "a=1"], ["finish", started], ["finish", "--stale"], ["start", "more"]]
    for verb in [*verbs, ["ls"], ["show", started], ["export"], ["status"], ["repair"], ["gc"], ["verify"]]:
        before = site.around()
        result = site.cli(*verb)
        assert result.code in (0, 1, 2, 3, 4, 5, 74), (verb, result)
        assert SECRET not in result.out + result.err
        assert site.around() == before, verb
    findings = json.loads(site.cli("verify", "--json").out)["findings"]
    assert ("link", str(path.relative_to(site.root))) in {(f["kind"], f["path"]) for f in findings}


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_a_schema_that_is_no_file_is_not_read(site: Any, kind: str) -> None:
    """A link to /etc/passwd, a fifo that never ends, a folder: one clear error, and nothing of them is shown."""
    path = site.top / ".ledger-schema"
    if kind == "link":
        (site.top.parent / "secret").write_text(SECRET)
        path.symlink_to(site.top.parent / "secret")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    for verb in (["ls"], ["show", "good"], ["schema"], ["compare", "--all"]):
        result = site.cli(*verb)
        assert result.code == 5, (verb, result)
        assert "is not a regular file" in result.err
        assert SECRET not in result.out + result.err


def test_strange_files_among_those_of_a_run_stop_nothing(site: Any) -> None:
    """Names that are no UTF-8, fifos, sockets and folders named like entries cost the run at most."""
    for name in (b"\xff\xfe.json", b"a\nb.json", b"\x1b[31m.parquet", b"x" * 255, b"-rf", b".hidden"):
        (Path(os.fsdecode(os.path.join(os.fsencode(site.folder), name)))).write_bytes(b"{}")
    found = site.attack()
    assert found["show"].code == 0
    os.mkfifo(site.folder / "20400101-000000-000000-annotate-0123456789abcdef.json")
    found = site.attack()
    assert (found["show"].code, found["ls"].code) == (5, 5)
    (site.folder / "20400101-000000-000000-annotate-0123456789abcdef.json").unlink(missing_ok=True)
    (site.folder / "20400101-000000-000000-annotate-0123456789abcdef.json").mkdir()
    found = site.attack()
    assert (found["show"].code, found["ls"].code, found["verify"].code) == (5, 5, 5)


OUTWARD = ["../../evil", "/etc/evil", "..", ".", ".bashrc", "a/../../b", "C:\\evil", "~/evil", "-rf", "con", "é" * 200]


def test_charts_are_written_where_they_were_asked_for(site: Any) -> None:
    """`ledger charts RUN -o DIR` writes plain files into DIR alone, whatever the charts are called."""
    charts = [site.chart(name, step=step, seq=step) for step, name in enumerate(OUTWARD)]
    site.put(site.fields("rows", charts=charts))
    result = site.cli("charts", site.run, "-o", "out")
    assert result.code == 0, result
    written = sorted((site.top / "out").iterdir())
    assert len(written) == len(OUTWARD) + 1
    assert all(stat.S_ISREG(path.lstat().st_mode) and path.name[0] not in ".-" for path in written)
    assert sorted(path.name for path in site.top.iterdir()) == [".ledger", "out"]


@pytest.mark.parametrize(
    "change",
    [
        {"blob": "../../../../etc/passwd"}, {"blob": "/etc/passwd" + "0" * 53}, {"blob": "a" * 63 + "\0"},
        {"extension": "/../../x"}, {"extension": "png\0"}, {"extension": "x" * 100_000}, {"blob": "a" * 1_000_000},
        {"name": "a\0b"}, {"name": "n" * 1_000_000},
    ],
    ids=lambda change: f"{next(iter(change))} {str(next(iter(change.values())))[:20]!r}",
)  # fmt: skip
def test_a_name_in_an_entry_does_not_lead_out(site: Any, change: dict[str, str]) -> None:
    """A chart whose blob, extension or name no writer gives: its run is damaged, or its chart cannot be read."""
    site.put(site.fields("rows", charts=[{**site.chart("planted"), **change}]))
    found = site.attack()
    assert found["verify"].code == 5
    asked = [site.cli("charts", site.run, "planted", "-o", "-"), site.cli("charts", site.run, "-o", "out")]
    assert {result.code for result in asked} <= {4, 5}
    assert not any((site.top / "out").iterdir()) if (site.top / "out").exists() else True


@pytest.mark.parametrize("sha256", ["../" * 21 + "x", "/" * 64, "A" * 64, "a" * 63 + "\0", "a" * 10**6, ""])
def test_a_segment_is_named_by_its_hash_alone(site: Any, sha256: str) -> None:
    """A segment of any other name is damage, and no such file is looked for."""
    site.put(site.fields("rows", segments=[{"sha256": sha256, "rows": 1, "bytes": 1}]))
    found = site.attack()
    assert (found["ls"].code, found["show"].code, found["export"].code, found["verify"].code) == (5, 5, 5, 5)


T = 1_700_000_000_000_000
EVIL = "a\x1b[31m\u202e\nb\r\x07"
ROWS: dict[str, list[Any]] = {
    "short": [[2, 0]], "kind alone": [[2]], "seq is text": [[2, "x", T, 1, None, {"a": 1.0}]],
    "seq too large": [[2, 2**63, T, 1, None, {"a": 1.0}]], "step too large": [[2, 0, T, 2**64 - 1, None, {"a": 1.0}]],
    "values are a list": [[2, 0, T, 1, None, [1.0]]], "name is a number": [[2, 0, T, 1, None, {5: 1.0}]],
    "name is hostile": [[2, 0, T, 1, None, {EVIL: 1.0}]], "reason is hostile": [[2, 0, T, 1, None, {"a": EVIL}]],
    "context is deep": [[2, 0, T, 1, '{"a":' * 5000 + "1" + "}" * 5000, {"a": 1.0}]],
    "context is NaN": [[2, 0, T, 1, '{"a":NaN}', {"a": 1.0}]],
    "time is negative": [[2, 0, -(10**18), 1, None, {"a": 1.0}]],
    "time too large": [[2, 0, 2**64 - 1, 1, None, {"a": 1.0}]], "chart is empty": [[3, 0, T, {}]],
    "chart leads out": [[3, 0, T, {"name": "c", "blob": "../" * 21 + "x", "extension": "png", "bytes": 1}]],
    "unknown kinds": [[9, 1, 2], [[1]], ["x"]], "a second header": [[1, None]], "header that is a number": [[1, 5]],
    "seq is negative": [[2, -5, T, 1, None, {"a": 1.0}]], "seq twice": [[2, 0, T, 1, None, {"a": 1.0}]] * 2,
    "chart's numbers": [[3, 0, T, {"name": "c", "blob": "a" * 64, "extension": "png", "media_type": "x",
                                   "bytes": 2**64 - 1, "step": 2**64 - 1}]],
}  # fmt: skip


@pytest.mark.parametrize("case", ROWS)
def test_a_planted_journal_stops_nothing(site: Any, case: str) -> None:
    """Frames that no writer makes, with sound checksums, are damage or left out; a row that is logged after is kept."""
    run, writer = "20261122-000000-x-0123456789ab", "aaaaaaaaaaaa"
    header = frame.Header(
        format=0, run=run, writer=writer, attempt=1, host=os.uname().nodename, boot="", pid=1, time=T, shared=True,
        owner=True,
    )  # fmt: skip
    data = frame.encode_prefix(7) + frame.encode_header(header, 7)
    for payload in itertools.chain(ROWS[case]):
        data += frame.encode_frame(frame.encode_payload(payload), 7)
    path = site.root / "journal" / run / f"{writer}.journal"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    reads = [["ls"], ["show", run], ["show", run, "--json"], ["export"], ["status"], ["verify", "--rows"]]
    site.attack([*reads, ["log", "--run", run, "q=1"], ["export", run], ["finish", run]])
    exported = site.cli("export", run)
    assert '"metric":"q"' in exported.out, exported


def test_a_ledger_that_is_itself_a_link(repo: Path) -> None:
    """A commit may bring `.ledger` as a link to a folder of somebody's: nothing is written or read through it."""
    victim = repo.parent / "victim"
    (victim / "runs").mkdir(parents=True)
    (victim / "README.md").write_text("mine\n")
    before = sorted(victim.rglob("*"))
    (repo / ".ledger").symlink_to(victim)
    for words in (("log", "--run", "a", "x=1"), ("start", "a"), ("ls",), ("verify",), ("repair",), ("init",)):
        done = run_cli(*words)
        assert done.code == 5, (words, done)
        assert "is a symbolic link" in done.err, words
    assert run_cli("gc").code == 3  # git keeps nothing of such a ledger, so nothing is removed
    assert sorted(victim.rglob("*")) == before
    assert (victim / "README.md").read_text() == "mine\n"
