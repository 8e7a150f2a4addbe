"""A check of the ledger finds every kind of damage, says nothing of a sound ledger, and fails at nothing."""

import hashlib
import json
import os
import shutil
import subprocess
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ledger
from ledger.errors import UsageError
from ledger.format import entries as form
from ledger.format import frame, layout
from ledger.record import redact
from ledger.store import blobs, entries, files
from ledger.store.audit import exposure, inventory, journals
from ledger.store.audit.findings import DAMAGE, KINDS, NOTICE, Finding, Report
from ledger.store.audit.verify import verify
from ledger.store.tree import Tree

RUN = "20261122-031501-baseline-7f3a9c2e1b0d"
VECTORS = Path(__file__).parents[1] / "data" / "vectors"
WRITER = "0a1b2c3d4e5f"
REDACTION = exposure.Redaction(redact.redact_text, redact.redact_argv, redact.redact_url, redact.hides)
TOKEN = "ghp_" + "a1B2c3D4" * 5


def check(tree: Tree, **options: Any) -> Report:
    """Check a ledger an hour from now, so that nothing counts as just written."""
    return verify(tree, now=options.pop("now", time.time_ns() // 1000 + 3_600_000_000), **options)


def kinds(report: Report) -> dict[str, int]:
    """Return how many findings there are of each kind."""
    found: dict[str, int] = {}
    for finding in report.findings:
        found[finding.kind] = found.get(finding.kind, 0) + 1
    return found


class Whole(NamedTuple):
    """A ledger with every kind of file, and what a test needs to damage it."""

    tree: Tree
    author: Any  # see conftest.py, as for what makes rows
    make: Callable[..., Any]
    folder: Path  # of the run
    rows: str  # id of an entry with rows, charts and a blob of further charts
    segment: str  # its segment's file name
    chart: Path
    listed: Path  # the blob of further charts

    def entry(self, kind: str) -> Path:
        """Return the first entry of a kind."""
        return sorted(self.folder.glob(f"*-{kind}-*.json"))[0]

    def put(
        self, content: dict[str, Any] | bytes, kind: str = "annotate", stamp: str = "19700101-000000-000900"
    ) -> str:
        """Write an entry of any content under the name that its bytes ask for; return its path under .ledger."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        name = f"{stamp}-{kind}-{hashlib.sha256(data).hexdigest()[:16]}.json"
        (self.folder / name).write_bytes(data)
        return str((self.folder / name).relative_to(self.tree.root))

    def fields(self, kind: str = "annotate", **more: Any) -> dict[str, Any]:
        """Return the fields of an entry that fits the name that `put` gives it."""
        header = {"format": 0, "kind": kind, "run": RUN, "time": "1970-01-01T00:00:00.000900Z", "author": "Eve"}
        return {**header, **more}

    def rename(self, path: Path) -> Path:
        """Give an altered segment the name of its bytes."""
        return path.rename(path.with_name(layout.segment_name(hashlib.sha256(path.read_bytes()).hexdigest())))


def chart(tree: Tree, data: bytes, seq: int, name: str = "roc", extension: str = "png") -> form.ChartRef:
    """Store a blob and return the chart that names it."""
    sha256 = blobs.put(tree, data, extension)
    return form.ChartRef(name, sha256, extension, "image/png", len(data), 100, "w", seq, 1, step=seq)


@pytest.fixture
def whole(tree: Tree, author: Any, rows: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Whole:
    """Make a ledger with entries of every kind, three segments, charts, and a list of further charts."""
    make = rows
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(form, "CHARTS_MAX", 2)
    author.open(params={"lr": 0.1, "clip": float("inf")}, note="first", tags=["cv"])
    table = [("loss", 1, 0.5, 10), ("loss", 2, float("nan"), 20), ("acc", 1, 0.25, 10), ("acc", None, 0.75, 30)]
    charts = [chart(tree, b"picture %d" % seq, seq) for seq in range(4, 8)]
    undefined = make("w", [("f1", 1, float("nan"), 40)], first=8)
    undefined.undefined[:] = True
    id = author.rows(make("w", table), 100, charts=charts, ranges=[form.Range("w", 0, 7)])
    reasons = [form.UndefinedValue("w", 8, "one class")]
    author.rows(undefined, 110, undefined=reasons)
    author.write("close", 120, status="finished")
    author.write("resume", 130, attempt=2, step=2)
    author.write("close", 140, status="failed", error="ValueError: x")
    author.rows(make("late", [("auc", None, 0.9, 150)], attempt=0), 150, late=True, reason="labels")
    author.say(160, ("add", "star", None), ("set", "params.lr", 0.2))
    author.write("retract", 170, target=id)
    author.write("retract", 180, target=RUN)
    folder = Path(tree.path(f"runs/2026-11-22/{RUN}"))
    entry = next(
        read.entry for read in entries.read_all(tree, str(folder.relative_to(tree.root)), RUN).read if read.id == id
    )
    assert isinstance(entry, form.Rows)
    assert entry.more_charts is not None
    listed = Path(tree.path(layout.blob_path(entry.more_charts.blob, "json")))
    first = Path(tree.path(layout.blob_path(charts[0].blob, "png")))
    return Whole(tree, author, make, folder, id, layout.segment_name(entry.segments[0].sha256), first, listed)


def flip(path: Path, bit: int) -> None:
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def write(path: Path, data: bytes = b"x") -> Path:
    """Write a file, and the folders to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def sparse(path: Path, size: int) -> None:
    """Make a file of a size without using the disk."""
    with path.open("wb") as file:
        file.truncate(size)


def journal(whole: Whole, data: bytes | None = None, writer: str = WRITER) -> Path:
    """Put the journal of the format pages, or one of other bytes, into the ledger; it was not touched for two days."""
    data = (VECTORS / "journal.bin").read_bytes() if data is None else data
    path = write(Path(whole.tree.path(f"journal/{RUN}/{writer}.journal")), data)
    write(Path(whole.tree.path("journal/.gitignore")), b"*\n")
    os.utime(path, (time.time() - 2 * 86_400,) * 2)
    return path


def rewrite(whole: Whole, change: Callable[[dict[str, Any]], None], kind: str = "rows") -> None:
    """Change the content of an entry and give it the name it then has."""
    path = whole.entry(kind)
    content = json.loads(path.read_bytes())
    change(content)
    stamp = path.name[:22]
    path.unlink()
    whole.put(content, kind, stamp)


def reference(**fields: Any) -> Callable[[Whole], None]:
    """Return what changes what the first rows entry says of its segment."""
    return lambda whole: rewrite(whole, lambda content: content["segments"][0].update(fields))


def predicted(blob: str, seq: int = 7) -> dict[str, Any]:
    """Return predictions of one column in this blob."""
    column = {"blob": blob, "digest": "0" * 64, "dtype": "float64"}
    return {"rows": 1, "columns": {"y_true": column}, "time": 100, "writer": "w", "seq": seq, "attempt": 1}


def segment(whole: Whole, change: Callable[[Any], Any], **stated: Any) -> None:
    """Replace the first segment by another that its entry names."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = whole.folder / whole.segment
    table = change(pq.read_table(pa.BufferReader(path.read_bytes())))
    path.unlink()
    pq.write_table(table, path)
    data = path.read_bytes()
    whole.rename(path)
    sha256 = hashlib.sha256(data).hexdigest()
    fields = {"sha256": sha256, "bytes": len(data), "rows": table.num_rows, **stated}
    rewrite(whole, lambda content: content["segments"][0].update(fields))


def set_column(table: Any, name: str, values: Any) -> Any:
    """Return a table with other values in one column."""
    return table.set_column(table.schema.get_field_index(name), name, [values])


def twice(whole: Whole, value: float) -> None:
    """Write a row that is there already, with a value."""
    whole.author.rows(whole.make("w", [("loss", 1, value, 10)]), 300)


def rival_chart(whole: Whole) -> None:
    """Write a chart with the writer and seq of another."""
    other = chart(whole.tree, b"another picture", 4)
    whole.author.rows(None, 300, charts=[other], ranges=[form.Range("w", 4, 4)])


def pointer(path: Path, sha256: str) -> None:
    """Put a pointer of git-LFS in the place of a file."""
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize 9\n")


def old_temporary(whole: Whole) -> None:
    """Leave a temporary file of two days ago."""
    path = write(whole.folder / ".tmp-0123")
    os.utime(path, (time.time() - 2 * 86_400,) * 2)


def root(whole: Whole, name: str) -> Path:
    """Return a path under .ledger."""
    return Path(whole.tree.path(name))


def move(whole: Whole, name: str) -> None:
    """Move the run's folder."""
    target = root(whole, name)
    target.parent.mkdir(parents=True)
    shutil.move(whole.folder, target)


def cut(whole: Whole) -> None:
    """Put a journal there whose last frame is cut, and that has no gap."""
    data = (VECTORS / "journal.bin").read_bytes()
    journal(whole, data[:1650])


def collide(whole: Whole) -> None:
    """Put a file beside an entry whose name differs by case."""
    path = whole.entry("open")
    write(path.with_name(path.name.upper()))


# kind: what brings it about, and the end of the path at which it is found
CASES: dict[str, list[tuple[Callable[[Whole], Any], str]]] = {
    "hash-mismatch": [
        (lambda w: flip(w.entry("close"), 77), ".json"),
        (lambda w: flip(w.folder / w.segment, 77), ".parquet"),
        (lambda w: flip(w.chart, 3), ".png"),
        (lambda w: w.chart.write_bytes(b""), ".png"),
        (lambda w: pointer(w.chart, "0" * 64), ".png"),
    ],
    "invalid-entry": [
        (lambda w: w.put(b"{"), ".json"),
        (lambda w: w.put(b"[]"), ".json"),
        (lambda w: w.put(b"\xff\xfe"), ".json"),
        (lambda w: w.put(b"[" * 100_000), ".json"),
        (lambda w: w.put(w.fields("close")), ".json"),
        (lambda w: w.put(w.fields(time="1970-02-30T00:00:00.000900Z")), ".json"),
        (
            lambda w: w.put(json.dumps(w.fields())[:-1].encode() + b', "x": ' + b'{"a":' * 9000 + b"1" + b"}" * 9001),
            ".json",
        ),
        (lambda w: sparse(w.folder / f"19700101-000000-000900-open-{'0' * 16}.json", 70_000_000), ".json"),
    ],
    "duplicate-key": [
        (lambda w: w.put(b'{"author": "Bob", ' + json.dumps(w.fields()).encode()[1:]), ".json"),
        (lambda w: w.put(b'{"x": {"a": ":", "\\u0061": 1}, ' + json.dumps(w.fields()).encode()[1:]), ".json"),
    ],
    "misnamed": [
        (lambda w: w.put(w.fields(), stamp="19700101-000000-000901"), ".json"),
        (lambda w: w.put(w.fields("replace"), kind="swap"), ".json"),
        (lambda w: w.put(w.fields("replace", time="soon"), kind="replace"), ".json"),
    ],
    "newer-format": [
        (lambda w: w.put(w.fields(format=9)), ".json"),
        (lambda w: w.put(w.fields("replace", must_understand=True), "replace"), ".json"),
        (lambda w: journal(w, (b := b"LDGJRNL9" + b"\0" * 4) + zlib.crc32(b).to_bytes(4, "little") + b"x"), ".journal"),
    ],
    "unreadable": [
        (lambda w: (w.chart.chmod(0), os.getuid() or pytest.skip("root may read everything")), ".png"),
    ],
    "invalid-reference": [
        (reference(sha256="../../../etc/passwd"), ".json"),
        (lambda w: rewrite(w, lambda c: c["charts"][0].update(blob="../x")), ".json"),
        (lambda w: rewrite(w, lambda c: c["charts"][0].update(extension="/../x")), ".json"),
        (lambda w: rewrite(w, lambda c: c.update(predictions=[predicted("../x")])), ".json"),
    ],
    "reference-mismatch": [
        (reference(bytes=7), ".json"),
        (lambda w: reference(sha256=w.segment[:16] + "0" * 48)(w), ".json"),
        (reference(rows=5), ".json"),
        (lambda w: rewrite(w, lambda c: c["charts"][0].update(bytes=1)), ".json"),
        (lambda w: rewrite(w, lambda c: c["more_charts"].update(count=9)), ".json"),
        (lambda w: rewrite(w, lambda c: c["more_charts"].update(blob=blobs.put(w.tree, b"{}", "json"))), ".json"),
        (lambda w: segment(w, lambda t: set_column(t, "run", [RUN[:-1] + "0"] * 4)), ".parquet"),
    ],
    "range-mismatch": [
        (lambda w: rewrite(w, lambda c: c["writers"][0].update(first=1)), ".json"),
        (lambda w: rewrite(w, lambda c: c["writers"][0].update(last=5)), ".json"),
        (lambda w: rewrite(w, lambda c: c.update(predictions=[predicted("0" * 64, seq=900)])), ".json"),
    ],
    "summary-mismatch": [
        (lambda w: rewrite(w, lambda c: c["summary"]["acc"].update(last=0.99)), ".json"),
        (lambda w: rewrite(w, lambda c: c["summary"].update(f2={"last": 1.0})), ".json"),
        (lambda w: rewrite(w, lambda c: c["summary"].update(acc=1)), ".json"),
        (lambda w: rewrite(w, lambda c: c["summary"]["acc"].update(last=[[]])), ".json"),
    ],
    "invalid-segment": [
        (lambda w: segment(w, lambda t: t.drop_columns(["seq"])), ".parquet"),
        (lambda w: segment(w, lambda t: set_column(t, "value", ["x"] * 4)), ".parquet"),
        (lambda w: segment(w, lambda t: set_column(t, "context", ["x"] * 4)), ".parquet"),
    ],
    "row-conflict": [
        (lambda w: twice(w, 9.0), RUN),
        (rival_chart, RUN),
        (lambda w: rewrite(w, lambda c: c.update(predictions=[predicted("0" * 64, seq=4)])), RUN),
    ],
    "planted": [
        (lambda w: write(root(w, "HEAD")), "HEAD"),
        (lambda w: write(root(w, "config")), "config"),
        (lambda w: root(w, "objects").mkdir(), "objects"),
        (lambda w: root(w, "refs").mkdir(), "refs"),
        (lambda w: root(w, "Hooks").mkdir(), "Hooks"),
        (lambda w: write(w.folder / ".git"), ".git"),
        (lambda w: write(root(w, "runs/.gitattributes")), "runs/.gitattributes"),
        (lambda w: write(root(w, "a/b/c/HEAD")), "a/b/c/HEAD"),
        (lambda w: write(root(w, "refs/" * 400 + "x")), "refs/refs"),
    ],
    "link": [
        (lambda w: root(w, "x").symlink_to("/etc/passwd"), "x"),
        (lambda w: (w.folder / f"{'0' * 16}.parquet").symlink_to("/etc/passwd"), ".parquet"),
        (lambda w: (w.folder.parent / (RUN[:-1] + "0")).symlink_to(w.folder), RUN[:-1] + "0"),
        (lambda w: (root(w, "README.md").unlink(), root(w, "README.md").symlink_to("x")), "README.md"),
    ],
    "journal-tracked": [],  # see test_a_journal_that_git_tracks_is_damage
    "journal-damaged": [
        (lambda w: journal(w, b"y" * 100), ".journal"),
        (lambda w: journal(w, writer="somebody"), ".journal"),
    ],
    "journal-gap": [(journal, ".journal")],
    "journal-torn": [(cut, ".journal")],
    "abandoned-journal": [(journal, ".journal")],
    "set-aside": [(lambda w: write(root(w, "journal/set-aside/2026-11-22/blobs/ab/x.png")), "set-aside")],
    "absent": [
        (lambda w: (w.folder / w.segment).unlink(), ".parquet"),
        (lambda w: w.chart.unlink(), ".png"),
        (lambda w: w.listed.unlink(), ".json"),
        (lambda w: rewrite(w, lambda c: c.update(predictions=[predicted("0" * 64)])), "0" * 64),
    ],
    "lfs-pointer": [
        (lambda w: pointer(w.chart, w.chart.stem), ".png"),
        (
            lambda w: pointer(w.folder / w.segment, hashlib.sha256((w.folder / w.segment).read_bytes()).hexdigest()),
            ".parquet",
        ),
    ],
    "incomplete-history": [(lambda w: w.entry("close").unlink(), RUN), (lambda w: w.entry("open").unlink(), RUN)],
    "unknown-target": [(lambda w: w.author.write("retract", 400, target="0" * 16), ".json")],
    "unknown-kind": [(lambda w: w.put(w.fields("replace"), "replace"), ".json")],
    "unreferenced": [
        (lambda w: write(w.folder / f"{hashlib.sha256(b'x').hexdigest()[:16]}.parquet"), ".parquet"),
        (lambda w: blobs.put(w.tree, b"nobody's", "txt"), ".txt"),
    ],
    "misplaced": [
        (lambda w: move(w, f"runs/2020-01-01/{RUN}"), RUN),
        (lambda w: w.put(w.fields(run=RUN[:-1] + "0")), ".json"),
        (lambda w: write(root(w, f"blobs/00/{'1' * 64}.png")), ".png"),
    ],
    "case-collision": [(collide, ".json")],
    "foreign": [
        (lambda w: write(root(w, "notes.txt")), "notes.txt"),
        (lambda w: write(root(w, "packs/a.parquet")), "packs"),
        (lambda w: write(root(w, "runs/notes.txt")), "runs/notes.txt"),
        (lambda w: write(root(w, "runs/new/a")), "runs/new"),
        (lambda w: write(root(w, "runs/2026-11-22/my-run/a")), "my-run"),
        (lambda w: write(w.folder / "model.pt"), "model.pt"),
        (lambda w: write(w.folder / "sub/a"), "sub"),
        (lambda w: write(root(w, "blobs/a.png")), "blobs/a.png"),
        (lambda w: write(root(w, "blobs/zz/a.png")), "blobs/zz"),
        (lambda w: write(root(w, "blobs/aa/a.png")), "blobs/aa/a.png"),
        (lambda w: write(root(w, "journal/a")), "journal/a"),
        (lambda w: write(root(w, f"journal/{RUN}/a.txt")), "a.txt"),
        (lambda w: os.mkfifo(w.folder / "pipe"), "pipe"),
        (lambda w: write(root(w, os.fsdecode(b"\xff\n"))), os.fsdecode(b"\xff\n")),
    ],
    "temporary": [(old_temporary, ".tmp-0123")],
    "constant-file": [
        (lambda w: root(w, ".gitignore").unlink(), ".gitignore"),
        (lambda w: root(w, ".gitattributes").write_text("* filter=evil\n"), ".gitattributes"),
        (lambda w: flip(root(w, "README.md"), 5), "README.md"),
    ],
    "unsorted-rows": [(lambda w: segment(w, lambda t: t.take([3, 2, 1, 0])), ".parquet")],
    "repeated-rows": [(lambda w: twice(w, 0.5), RUN)],
    "future-time": [
        (lambda w: w.author.say(5_000_000_000_000_000, ("add", "x", None)), ".json"),
        (lambda w: segment(w, lambda t: set_column(t, "time", np.full(4, 5 * 10**15, "datetime64[us]"))), ".parquet"),
    ],
    "large-file": [(lambda w: sparse(w.folder / "model.pt", 60_000_000), "model.pt")],
    "too-large": [(lambda w: sparse(w.folder / "model.pt", 100_000_001), "model.pt")],
    "secret": [
        (lambda w: w.put(w.fields("open", name="x", params={"deep": [{"api_key": "hunter2!"}]}), "open"), ".json"),
        (lambda w: w.put(w.fields("open", name="x", params={TOKEN: 1}), "open"), ".json"),
        (
            lambda w: w.put(w.fields("open", name="x", program={"argv": ["a", "--password", "hunter2!"]}), "open"),
            ".json",
        ),
        (lambda w: w.put(w.fields("open", name="x", note=f"use {TOKEN}"), "open"), ".json"),
        (
            lambda w: w.put(w.fields("open", name="x", git={"remotes": {"o": "https://a:hunter2!@x.org"}}), "open"),
            ".json",
        ),
        (lambda w: w.put(w.fields(operations=[{"op": "set", "key": "params.api_key", "value": "hunter2!"}])), ".json"),
        (lambda w: w.put(w.fields(operations=[{"op": "add", "key": TOKEN}])), ".json"),
        (lambda w: blobs.put(w.tree, f"fine\npassword=hunter2!\n{TOKEN}".encode(), "log"), ".log"),
    ],
}


def test_every_kind_of_finding_has_its_case() -> None:
    """No kind of finding is without a case here, and the guide has a row for each with its severity."""
    assert set(CASES) == set(KINDS)
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "verify.md").read_text("utf-8")
    rows = {kind: severity for kind, kind_of in KINDS.items() for severity in [kind_of.severity]}
    assert [kind for kind, severity in rows.items() if f"| `{kind}` | {severity} |" not in guide] == []


@pytest.mark.parametrize(
    ("kind", "number"), [(kind, i) for kind, cases in CASES.items() for i in range(len(cases))], ids=lambda v: str(v)
)
def test_what_is_wrong_is_found(whole: Whole, kind: str, number: int) -> None:
    """Each kind of damage and each oddity is found, where it is, with its severity and something to type."""
    bring_about, where = CASES[kind][number]
    bring_about(whole)
    report = check(whole.tree, rows=True, redact=REDACTION)
    found = [finding for finding in report.findings if finding.kind == kind]
    assert found, kinds(report)
    assert any(where in finding.path for finding in found), found
    assert all(finding.severity == KINDS[kind].severity and finding.hint for finding in found)
    assert not any(word in finding.message + finding.path for finding in report.findings for word in (TOKEN, "hunter2"))


@pytest.mark.parametrize("options", [{}, {"fast": True}, {"rows": True, "redact": REDACTION}], ids="-".join)
def test_a_sound_ledger_has_no_findings(whole: Whole, options: dict[str, Any]) -> None:
    """Nothing is said of a ledger with every kind of file; what was looked at is counted."""
    report = check(whole.tree, **options)
    assert report.findings == []
    local = root(whole, "journal")
    files = [path for path in Path(whole.tree.root).rglob("*") if path.is_file() and local not in path.parents]
    assert (report.files, report.bytes) == (len(files), sum(path.stat().st_size for path in files))
    assert (report.runs, report.entries, report.damage, report.notices) == (1, 10, 0, 0)
    assert report.rows == (6 if "rows" in options else None)


def test_a_clone_has_no_findings(whole: Whole) -> None:
    """What git brings, which is all but the folder of journals, is complete."""
    shutil.rmtree(root(whole, "journal"), ignore_errors=True)
    assert check(whole.tree).findings == []


def test_a_constant_file_of_a_folder_is_missed_where_the_folder_is(whole: Whole) -> None:
    """What keeps git from journals is no planted file, and is wanted only if there is a folder of journals."""
    path = root(whole, "journal/.gitignore")
    shutil.rmtree(path.parent, ignore_errors=True)
    assert check(whole.tree).findings == []
    write(path, b"*\n")
    assert check(whole.tree, tracked=["journal/.gitignore"]).findings == []
    write(path, b"!*\n")
    assert kinds(check(whole.tree)) == {"constant-file": 1}
    path.unlink()
    assert kinds(check(whole.tree)) == {"constant-file": 1}


def test_a_run_that_goes_on_has_no_findings(workdir: Path) -> None:
    """A run in progress, with a chart and rows in its journal, gives no finding, nor does it once it has ended."""
    with ledger.start("baseline") as run:
        run.log({"loss": 0.5}, step=1)
        run.log_text("log/epoch", "epoch 1 done\n", step=1)
        found = ledger.open()
        for options in ({}, {"fast": True}, {"rows": True, "secrets": True}):
            assert found.verify(**options).findings == []
        assert check(found.tree).findings == []
    assert check(found.tree, rows=True).findings == []


def test_a_fast_check_opens_no_committed_file(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and sizes are enough to find an empty file, a link and a planted name."""
    write(root(whole, "HEAD"))
    whole.entry("close").write_bytes(b"")
    whole.chart.write_bytes(b"")
    root(whole, "README.md").write_bytes(b"")
    blobs.put(whole.tree, b"", "txt")

    def refuse(*_: Any) -> bytes:
        raise AssertionError("opened")

    for name in ("read", "read_head"):
        monkeypatch.setattr(Tree, name, refuse)
    assert kinds(check(whole.tree, fast=True)) == {"hash-mismatch": 2, "planted": 1, "constant-file": 1}


def test_a_fast_check_sees_no_rows() -> None:
    """To ask for names only and for rows or secrets too is an error of the call."""
    made = ledger.Ledger(Tree("nowhere"))
    with pytest.raises(UsageError, match="opens no file"):
        made.verify(fast=True, rows=True)


FILES: dict[str, Callable[[Whole], Path]] = {
    "entry": lambda whole: whole.entry("close"),
    "segment": lambda whole: whole.folder / whole.segment,
    "chart": lambda whole: whole.chart,
    "list of charts": lambda whole: whole.listed,
    "constant": lambda whole: root(whole, ".gitattributes"),
}
GONE = {"entry": "incomplete-history", "segment": "absent", "chart": "absent", "list of charts": "absent"}
HARMS: dict[str, Callable[[Path], Any]] = {
    "deleted": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "first half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "all but one byte": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "one byte more": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
    "first bit": lambda path: flip(path, 0),
    "last bit": lambda path: flip(path, 8 * path.stat().st_size - 1),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("file", FILES)
def test_damage_matrix(whole: Whole, file: str, harm: str) -> None:
    """Whatever happens to whichever file, the check says so of that file, and of nothing that is whole."""
    path = FILES[file](whole)
    HARMS[harm](path)
    report = check(whole.tree, rows=True)
    if file == "constant":
        expected = {"constant-file"}
    elif harm in ("deleted", "a folder"):
        expected = {GONE[file]}
    else:
        expected = {"hash-mismatch"}
    found = set(kinds(report))
    assert expected <= found
    # What only a list of charts names is named by nobody once it is gone; a folder in a file's place stops readers.
    in_the_way = {"unreadable", "foreign"} if harm == "a folder" and file != "constant" else {"foreign"}
    assert found - expected <= {"unreferenced", *in_the_way}
    assert bool(report.damage) == (expected == {"hash-mismatch"} or "unreadable" in in_the_way)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bit_is_found(whole: Whole, data: st.DataObject) -> None:
    """One flipped bit in any committed file is found by the default check, and the file is named."""
    path = data.draw(st.sampled_from(sorted(p for p in Path(whole.tree.root).rglob("*") if p.is_file())))
    bit = data.draw(st.integers(0, 8 * path.stat().st_size - 1))
    flip(path, bit)
    try:
        report = check(whole.tree)
        assert str(path.relative_to(whole.tree.root)) in {finding.path for finding in report.findings}
    finally:
        flip(path, bit)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("0" * 64) | st.just(RUN),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ENTRY_FIELDS = sorted({name for kind in form._TYPES.values() for name in kind.__struct_fields__})


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kind=st.sampled_from(layout.KINDS))
def test_no_entry_stops_the_check(whole: Whole, data: st.DataObject, kind: str) -> None:
    """Entries of any content under a name that fits are reported or taken, with never another exception."""
    content: dict[str, Any] = json.loads(whole.entry(kind).read_bytes()) | whole.fields(kind)
    content |= data.draw(st.dictionaries(st.sampled_from(ENTRY_FIELDS), json_values, max_size=3))
    path = root(whole, whole.put(content, kind))
    try:
        report = check(whole.tree, rows=True, redact=REDACTION)
        assert report.entries == 11
    finally:
        path.unlink()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_journal_stops_the_check(whole: Whole, data: st.DataObject) -> None:
    """Journals of any bytes, and valid frames of any content, are reported or taken."""
    start = (VECTORS / "journal.bin").read_bytes()[: data.draw(st.sampled_from([0, 16, 1288, 1352]))]
    small = json_values.filter(lambda value: _fits(value))
    rows = st.tuples(st.just(2), small, small, small, small, small | st.dictionaries(st.text(max_size=8), small))
    charts = st.tuples(st.just(3), small, small, small | st.dictionaries(st.sampled_from(["name", "blob"]), small))
    payloads = data.draw(st.lists(rows | charts | st.lists(st.integers(0, 4) | small, max_size=7), max_size=4))
    frames = b"".join(frame.encode_frame(frame.encode_payload(payload), 0x5EED1234) for payload in payloads)
    journal(whole, start + frames + data.draw(st.binary(max_size=40)))
    assert set(kinds(check(whole.tree, rows=True))) <= {
        *("journal-damaged", "journal-gap", "journal-torn", "abandoned-journal", "newer-format", "row-conflict"),
        *("repeated-rows", "future-time"),
    }


def _fits(value: Any) -> bool:
    try:
        frame.encode_payload(value)
    except OverflowError:
        return False
    return True


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_segment_stops_the_check(whole: Whole, data: st.DataObject) -> None:
    """A segment of damaged bytes whose entry names just these is reported or taken."""
    original = (whole.folder / whole.segment).read_bytes()
    damaged = bytearray(original)
    for at in data.draw(st.lists(st.integers(0, len(original) - 1), min_size=1, max_size=5)):
        damaged[at] = data.draw(st.integers(0, 255))
    sha256 = hashlib.sha256(damaged).hexdigest()
    named = whole.folder / layout.segment_name(sha256)
    named.write_bytes(damaged)
    fields = {"segments": [{"sha256": sha256, "rows": 4, "bytes": len(damaged)}]}
    entry = root(whole, whole.put(whole.fields("rows", **fields), "rows"))
    try:
        check(whole.tree, rows=True)
    finally:
        entry.unlink()
        if named.name != whole.segment:
            named.unlink()


def test_large_files_are_hashed_in_threads(whole: Whole) -> None:
    """Of many large blobs the damaged one is found, and the bytes done add up."""
    paths = []
    for i in range(40):
        sha256 = blobs.put(whole.tree, bytes([i]) * 200_000, "bin")
        paths.append(Path(whole.tree.path(layout.blob_path(sha256, "bin"))))
    flip(paths[17], 1_000_000)
    said: list[tuple[int, int]] = []
    report = check(whole.tree, now=time.time_ns() // 1000, progress=lambda done, total: said.append((done, total)))
    assert [Path(whole.tree.path(finding.path)) for finding in report.findings] == [paths[17]]
    assert [done for done, _ in said] == sorted(done for done, _ in said)
    assert {total for _, total in said} == {report.bytes}
    constants = sum(len(text.encode()) for text in layout.CONSTANT_FILES.values())
    assert said[-1] == (report.bytes - constants, report.bytes)


def test_a_file_that_was_just_written_is_not_called_unreferenced(whole: Whole) -> None:
    """A blob or segment that nobody names yet may be of a writer that is about to."""
    blobs.put(whole.tree, b"soon", "txt")
    assert check(whole.tree, now=time.time_ns() // 1000).findings == []


def test_a_file_that_comes_after_the_inventory_is_not_called_absent(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a writer adds while the check goes on is looked for again."""
    taken = inventory.Inventory.take_runs

    def take_early(self: inventory.Inventory) -> None:
        taken(self)
        self.blobs.clear()
        for folder in self.runs:
            folder.segments.clear()

    monkeypatch.setattr(inventory.Inventory, "take_runs", take_early)
    assert check(whole.tree).findings == []


def test_a_run_that_is_sealed_while_it_is_checked_has_no_findings(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that goes while the check is at it is missed neither as rows nor as what names its blobs."""
    run = ledger.start("baseline")
    run.log_text("a", "b")
    checked = journals.Journals.check

    def check_late(self: journals.Journals, **options: Any) -> None:
        run.finish()
        checked(self, **options)

    monkeypatch.setattr(journals.Journals, "check", check_late)
    report = check(ledger.open().tree)
    assert report.findings == []
    assert report.entries == 3


def test_a_pointer_to_other_bytes_is_damage(whole: Whole) -> None:
    """A git-LFS pointer is no excuse for bytes that do not belong there."""
    pointer(whole.chart, "0" * 64)
    assert kinds(check(whole.tree)) == {"hash-mismatch": 1}


def test_a_journal_keeps_the_open_entry_and_names_blobs(whole: Whole) -> None:
    """A run whose open entry only its journal has is complete, and the blob of a chart in a journal is wanted."""
    with ledger.start("other", directory=str(Path(whole.tree.top))) as run:
        run.log_text("a", "b")
        next(Path(whole.tree.path(layout.run_folder(run.id))).glob("*-open-*")).unlink()
        assert check(whole.tree).findings == []
        assert check(whole.tree).runs == 2


def test_findings_are_in_order_and_each_is_there_once(whole: Whole) -> None:
    """Damage comes first, then by path; the same ledger gives the same report."""
    write(root(whole, "notes.txt"))
    write(root(whole, "HEAD"))
    flip(whole.chart, 1)
    report = check(whole.tree)
    assert [finding.severity for finding in report.findings] == [DAMAGE, DAMAGE, NOTICE]
    assert report.findings == check(whole.tree).findings
    assert len(set(report.findings)) == 3


def test_a_message_that_quotes_a_stranger_is_short(whole: Whole) -> None:
    """What a file says is quoted in part."""
    whole.put(whole.fields(run="x" * 100_000))
    found: list[Finding] = check(whole.tree).findings
    assert found
    assert all(len(finding.message) < 500 for finding in found)


def test_nothing_is_changed(whole: Whole) -> None:
    """A check leaves every byte and every time of modification as it was."""
    journal(whole)
    flip(whole.chart, 1)
    before = {
        p: (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"") for p in Path(whole.tree.root).rglob("*")
    }
    check(whole.tree, rows=True, redact=REDACTION)
    after = {
        p: (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"") for p in Path(whole.tree.root).rglob("*")
    }
    assert before == after


def test_a_folder_that_cannot_be_listed_is_said(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that the disk refuses to list is damage, and the rest is checked."""
    listed = files.everything

    def refuse(folder: str) -> list[files.Thing]:
        if folder.endswith("blobs"):
            raise PermissionError(13, "Permission denied", folder)
        return listed(folder)

    monkeypatch.setattr(files, "everything", refuse)
    report = check(whole.tree)
    assert [finding.path for finding in report.findings if finding.kind == "unreadable"] == ["blobs"]
    assert report.entries == 10


def test_a_file_that_the_disk_refuses_is_said(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be read is damage, and the rest is checked."""

    def refuse(path: str) -> Any:
        raise OSError(5, "Input/output error", path)

    monkeypatch.setattr(files, "sha256", refuse)
    report = check(whole.tree)
    assert set(kinds(report)) == {"unreadable"}
    monkeypatch.setattr(files, "read", refuse)
    assert len(check(whole.tree).findings) > report.entries


def test_a_journal_that_git_tracks_is_damage(repo: Path) -> None:
    """A journal in git's index is reported, whether it is here or not."""
    with ledger.start("baseline") as run:
        run.log({"loss": 1.0})
        subprocess.run(["git", "add", "-f", ".ledger"], cwd=repo, check=True)
    report = ledger.open().verify()
    assert [(f.kind, f.severity) for f in report.findings] == [("journal-tracked", DAMAGE)]
    assert report.findings[0].path.startswith(f"journal/{run.id}/")
