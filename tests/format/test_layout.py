"""Paths and file names under `.ledger`, and the constant texts that protect it."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import DamagedFile
from ledger.format import layout

RUN = "20261122-031501-baseline-7f3a9c2e1b0d"
SHA = hashlib.sha256(b"").hexdigest()


@given(st.integers(0, 253_402_300_799_999_998), st.sampled_from(layout.KINDS), st.binary(max_size=8))
def test_entry_names_read_back(time: int, kind: str, data: bytes) -> None:
    """The name of an entry says its kind and id, and sorts by its time."""
    sha256 = hashlib.sha256(data).hexdigest()
    found = layout.parse_entry_name(layout.entry_name(time, kind, sha256))
    assert found is not None
    assert (found.kind, found.id) == (kind, sha256[:16])
    assert found.stamp <= layout.entry_name(time + 1, kind, sha256)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "README.md",
        "20261122-031501-123456-open-8a1deea5626bd213",
        "20261122-031501-123456-open-8a1deea5626bd213.json.tmp",
        "20261122-031501-123456-Open-8a1deea5626bd213.json",
        "20261122-031501-123456-open-8A1DEEA5626BD213.json",
        "../20261122-031501-123456-open-8a1deea5626bd213.json",
        "٢٠٢٦١١٢٢-031501-123456-open-8a1deea5626bd213.json",
        "8a1deea5626bd213.parquet",
    ],
)
def test_what_is_no_entry_name(name: str) -> None:
    """Other files of a run's folder are not taken for entries."""
    assert layout.parse_entry_name(name) is None


def test_segment_names() -> None:
    """A segment is named by the head of its sha256; nothing else is a segment."""
    assert layout.parse_segment_name(layout.segment_name(SHA)) == SHA[:16]
    for name in ("x.parquet", f"{SHA}.parquet", f"{SHA[:16]}.json", f"../{SHA[:16]}.parquet"):
        assert layout.parse_segment_name(name) is None


@pytest.mark.parametrize("sha256", ["", SHA[:63], SHA.upper(), "../../../../etc/passwd", f"{SHA}\n", f"{SHA[:61]}/.."])
def test_paths_do_not_leave_the_folder(sha256: str) -> None:
    """What an entry names as sha256 and is none raises DamagedFile, before it becomes a path."""
    with pytest.raises(DamagedFile, match="sha256"):
        layout.segment_name(sha256)
    with pytest.raises(DamagedFile, match="sha256"):
        layout.blob_path(sha256, "png")


@pytest.mark.parametrize("extension", ["", "../png", "p/ng", "PNG", "a" * 17, "png\n", "."])
def test_extensions_do_not_leave_the_folder(extension: str) -> None:
    """What an entry names as a blob's extension and cannot be one raises DamagedFile."""
    with pytest.raises(DamagedFile, match="extension"):
        layout.blob_path(SHA, extension)


def test_paths() -> None:
    """Every path is where docs/format/index.md draws it."""
    assert layout.run_folder(RUN) == f"runs/2026-11-22/{RUN}"
    assert layout.blob_path(SHA, "png") == f"blobs/{SHA[:2]}/{SHA}.png"
    assert layout.journal_path(RUN, "0a1b2c3d4e5f") == f"journal/{RUN}/0a1b2c3d4e5f.journal"
    assert layout.journal_path(RUN, "0a1b2c3d4e5f").startswith(layout.journal_folder(RUN) + "/")
    assert layout.is_run_folder(RUN)
    assert not layout.is_run_folder("sealed")


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("roc.PNG", "png"),
        ("a.tar.gz", "bin"),
        ("model.pt", "bin"),
        ("noext", "bin"),
        ("dir.json/file", "bin"),
        (".json", "json"),
        ("a.", "bin"),
        ("x.JSONL", "jsonl"),
    ],
)
def test_blob_extensions(name: str, extension: str) -> None:
    """A file keeps a known extension in lower case; any other becomes `bin`."""
    assert layout.blob_extension(name) == extension


def test_every_listed_extension_makes_a_path() -> None:
    """The list and the check of extensions agree."""
    assert all(layout.blob_path(SHA, e).endswith(f".{e}") for e in layout.MEDIA_TYPES)


def test_constant_files() -> None:
    """The texts that git acts on are exactly these; the journal is ignored, nothing else is, nothing is converted."""
    assert set(layout.CONSTANT_FILES) == {"README.md", ".gitignore", ".gitattributes"}
    assert layout.LOCAL_FILES == {"journal/.gitignore": "*\n"}
    assert layout.GITIGNORE.splitlines() == ["!*", "!*/", "/journal/", ".tmp-*"]
    off = "text eol filter ident working-tree-encoding merge export-subst export-ignore"
    expected = " ".join(["*", *(f"-{name}" for name in off.split())]) + "\n"
    assert expected == layout.GITATTRIBUTES
    assert all(text.endswith("\n") and text.isascii() for text in layout.CONSTANT_FILES.values())
