"""The vectors in tests/data/vectors: this implementation writes and reads exactly them, and the docs quote them."""

import hashlib
import json
import re
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.errors import InvalidName, InvalidValue, NewerFormat
from ledger.format import columns, entries, frame, ids, layout, names, predictions, values
from ledger.format.rows import NO_STEP, Rows, decode_journal

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "data" / "vectors"
TYPES = dict(
    zip(
        layout.KINDS,
        (entries.Open, entries.Rows, entries.Close, entries.Annotate, entries.Retract, entries.Resume),
        strict=True,
    )
)


def read(name: str) -> Any:
    """Return the JSON of a vector file."""
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


ENTRIES, JOURNAL, SEGMENT, IDS, KEYS = (read(f"{n}.json") for n in ("entries", "journal", "segment", "ids", "keys"))
PREDICTIONS, PREDICTED = read("predictions.json"), VECTORS / "predictions"
LABELS, LABELLED = read("labels.json"), VECTORS / "labels"
RUN = SEGMENT["run"]
BIN = (VECTORS / "journal.bin").read_bytes()


def entry_of(fields: dict[str, Any]) -> entries.Entry:
    """Return the entry that plain JSON fields describe."""
    return msgspec.convert(values.unwrap(fields), TYPES[fields["kind"]])


def rows_of(rows: Rows) -> list[dict[str, Any]]:
    """Return rows as the vectors write them."""
    result = []
    for i in range(len(rows)):
        metric, context = rows.keys[rows.key[i]]
        undefined = bool(rows.undefined[i])
        result.append(
            {
                "metric": metric,
                "context": context,
                "step": None if rows.step[i] == NO_STEP else int(rows.step[i]),
                "time": int(rows.time[i]),
                "value": None if undefined else values.wrap(float(rows.value[i])),
                "bits": None if undefined else struct.pack(">d", rows.value[i]).hex(),
                "attempt": int(rows.attempt[i]),
                "writer": rows.writers[rows.writer[i]],
                "seq": int(rows.seq[i]),
            }
        )
    return result


def test_every_kind_and_every_file_has_a_vector() -> None:
    """There is an entry of each kind, and the folder holds what the list names and nothing else."""
    assert sorted({f["kind"] for f in ENTRIES["entries"].values()}) == sorted(layout.KINDS)
    listed = {*ENTRIES["entries"], *ENTRIES["unknown"]}
    assert listed == {path.name for path in (VECTORS / "entries").iterdir()}


@pytest.mark.parametrize("name", ENTRIES["entries"])
def test_entry_is_written_byte_for_byte(name: str) -> None:
    """Fields give the file's name, its id and its bytes."""
    encoded = entries.encode(entry_of(ENTRIES["entries"][name]))
    assert encoded.name == name
    assert encoded.data == (VECTORS / "entries" / name).read_bytes()
    assert encoded.id == hashlib.sha256(encoded.data).hexdigest()[:16]


@pytest.mark.parametrize("name", ENTRIES["entries"])
def test_entry_is_read(name: str) -> None:
    """The file gives the fields."""
    found = entries.decode((VECTORS / "entries" / name).read_bytes(), name)
    # NaN is unlike itself, so the bytes are compared, and the text of what was read.
    assert found is not None
    assert repr(found) == repr(entry_of(ENTRIES["entries"][name]))
    assert entries.encode(found).name == name


@pytest.mark.parametrize("name", ENTRIES["unknown"])
def test_unknown_kind_is_skipped_unless_it_must_be_understood(name: str) -> None:
    """An unknown kind reads as None; with `must_understand` it is refused; its name is that of its bytes."""
    data = (VECTORS / "entries" / name).read_bytes()
    parts = layout.parse_entry_name(name)
    assert parts is not None
    assert (parts.kind, parts.id) == (ENTRIES["unknown"][name]["kind"], hashlib.sha256(data).hexdigest()[:16])
    if ENTRIES["unknown"][name].get("must_understand"):
        with pytest.raises(NewerFormat):
            entries.decode(data, name)
    else:
        assert entries.decode(data, name) is None


def test_journal_is_written_byte_for_byte() -> None:
    """Salt and payloads give the file's bytes; one byte is damaged then, and the tail cut off."""
    data = bytearray(frame.encode_prefix(JOURNAL["salt"]))
    assert data.hex() == JOURNAL["prefix"]
    for item in JOURNAL["frames"]:
        assert len(data) == item["start"]
        kind, *rest = item["payload"]
        if kind == frame.HEADER:
            header = msgspec.convert(rest[0], frame.Header)
            header.open_data = (VECTORS / "entries" / rest[0]["open_name"]).read_bytes()
            data += frame.encode_header(header, JOURNAL["salt"])
        else:
            data += frame.encode_frame(frame.encode_payload(values.unwrap(item["payload"])), JOURNAL["salt"])
        assert len(data) == item["end"]
    damage = JOURNAL["damage"]
    assert data[damage["at"]] == damage["from"]
    data[damage["at"]] = damage["to"]
    assert data[: JOURNAL["size"]] == BIN


def test_journal_is_read() -> None:
    """The file gives its header, its rows, reasons, charts, the gap, and where the torn tail begins."""
    salt = frame.decode_prefix(BIN, "journal.bin")
    first = frame.frame_at(BIN, frame.PREFIX_SIZE, salt)
    assert (salt, first is not None) == (JOURNAL["salt"], True)
    assert first is not None
    header = frame.decode_header(first.payload, "journal.bin")
    assert header.open_data == (VECTORS / "entries" / str(header.open_name)).read_bytes()
    content = decode_journal(BIN, salt, header.writer, header.attempt, first.end)
    assert rows_of(content.rows.sorted()) == JOURNAL["rows"]
    assert {str(seq): reason for seq, reason in content.reasons.items()} == JOURNAL["reasons"]
    assert [chart._asdict() for chart in content.charts] == JOURNAL["charts"]
    assert [list(gap) for gap in content.gaps] == JOURNAL["gaps"]
    assert (content.end, content.last_seq, content.last_time) == (
        JOURNAL["end"],
        JOURNAL["last_seq"],
        JOURNAL["last_time"],
    )
    states = [item for item in JOURNAL["frames"] if item["state"] == "valid"]
    read_back = [item for item in frame.frames(BIN, salt) if isinstance(item, frame.Frame)]
    assert [(f.start, f.end) for f in read_back] == [(item["start"], item["end"]) for item in states]
    assert repr([f.payload for f in read_back[1:]]) == repr([values.unwrap(item["payload"]) for item in states[1:]])


def test_segment_is_read() -> None:
    """The Parquet file gives its run and rows, and is the one that the `rows` entry names."""
    data = (VECTORS / "segment.parquet").read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    assert (sha256, layout.segment_name(sha256)) == (SEGMENT["sha256"], SEGMENT["file"])
    runs, rows = columns.decode(data, "segment.parquet")
    assert runs == [RUN]
    assert rows_of(rows) == SEGMENT["rows"] == JOURNAL["rows"]
    (entry,) = (f for f in ENTRIES["entries"].values() if f["kind"] == "rows")
    assert entry["segments"] == [{"sha256": sha256, "rows": len(rows), "bytes": len(data)}]


def test_segment_written_anew_holds_the_same() -> None:
    """Rows written by the Arrow at hand read back as the vector's rows."""
    _, rows = columns.decode((VECTORS / "segment.parquet").read_bytes(), "segment.parquet")
    runs, again = columns.decode(columns.encode(RUN, rows), "again")
    assert (runs, rows_of(again)) == ([RUN], SEGMENT["rows"])


@pytest.mark.parametrize(
    ("folder", "case"),
    [(folder, case) for folder, cases in ((PREDICTED, PREDICTIONS), (LABELLED, LABELS)) for case in cases["columns"]],
    ids=lambda value: value["name"] if isinstance(value, dict) else value.name,
)
def test_columns_of_predictions_and_labels(folder: Path, case: dict[str, Any]) -> None:
    """Values give the bytes that are hashed and the digest; the Parquet file gives the values, and has its name."""
    data = (folder / f"{case['name']}.parquet").read_bytes()
    assert hashlib.sha256(data).hexdigest() == case["blob"]
    assert hashlib.sha256(bytes.fromhex(case["hashed"])).hexdigest() == case["digest"]
    found = predictions.decode(data, case["name"], case["dtype"], case["digest"], len(case["values"]))
    cells = found.values.astype(object)
    if found.null is not None:
        cells[found.null] = None
    assert repr(cells.tolist()) == repr(values.unwrap(case["values"]))
    assert predictions.digest(found) == case["digest"]
    again = predictions.encode(found)
    assert predictions.digest(predictions.decode(again, "again", case["dtype"], case["digest"], 3)) == case["digest"]


def test_predictions_in_a_journal_and_in_an_entry() -> None:
    """The payload gives the frame's bytes and is sound; the entry has the same, and is written byte for byte."""
    data = (PREDICTED / "frame.bin").read_bytes()
    payload = PREDICTIONS["frame"]
    assert frame.encode_frame(frame.encode_payload(payload), PREDICTIONS["salt"]) == data
    content = decode_journal(frame.encode_prefix(PREDICTIONS["salt"]) + data, PREDICTIONS["salt"], "0a1b2c3d4e5f", 1)
    assert [list(found) for found in content.predictions] == [payload[1:]]
    written = (PREDICTED / PREDICTIONS["entry"]).read_bytes()
    entry = entries.decode(written, PREDICTIONS["entry"])
    assert isinstance(entry, entries.Rows)
    encoded = entries.encode(entry)
    assert (encoded.name, encoded.data) == (PREDICTIONS["entry"], written)
    ours = {"time": payload[2], "writer": "0a1b2c3d4e5f", "seq": payload[1], "attempt": 1}
    assert [msgspec.to_builtins(found) for found in entry.predictions] == [payload[3] | ours]
    assert {name: c["blob"] for name, c in payload[3]["columns"].items()} == {
        case["name"]: case["blob"] for case in PREDICTIONS["columns"]
    }


def test_entries_of_the_log() -> None:
    """Labels, and what takes them out of view, are written byte for byte; they name no run, and those columns."""
    for name, kind in ((LABELS["entry"], entries.Labels), (LABELS["retract"], entries.Retract)):
        data = (LABELLED / name).read_bytes()
        entry = entries.decode(data, name)
        assert isinstance(entry, kind)
        encoded = entries.encode(entry)
        assert (encoded.name, encoded.data, entry.run) == (name, data, "")
        assert layout.log_folder(name) == "log/2026-11-22"
    labels = entries.decode((LABELLED / LABELS["entry"]).read_bytes(), LABELS["entry"])
    assert isinstance(labels, entries.Labels)
    assert {name: (ref.blob, ref.digest, ref.dtype) for name, ref in labels.columns.items()} == {
        case["name"]: (case["blob"], case["digest"], case["dtype"]) for case in LABELS["columns"]
    }


def test_every_kind_of_the_log_has_a_vector() -> None:
    """The folder holds an entry of each kind of the log, and the columns."""
    kinds = {parts.kind for path in LABELLED.iterdir() if (parts := layout.parse_entry_name(path.name))}
    assert kinds == set(layout.LOG_KINDS)


@pytest.mark.parametrize("case", IDS["runs"], ids=lambda c: c["id"])
def test_run_ids(case: dict[str, Any]) -> None:
    """Time, name and random bytes give the id; time and RFC 3339 give each other; the id gives the folder."""
    assert ids.make_run_id(case["time"], case["name"], bytes.fromhex(case["random"])) == case["id"]
    assert ids.rfc3339(case["time"]) == case["rfc3339"]
    assert ids.parse_rfc3339(case["rfc3339"]) == case["time"]
    assert ids.stamp(case["time"]) == case["stamp"]
    assert layout.run_folder(case["id"]) == case["folder"]
    assert ids.is_run_id(case["id"])


def test_slugs_and_blobs() -> None:
    """Names give slugs; bytes give a blob's path."""
    assert [(c["name"], ids.slug(c["name"])) for c in IDS["slugs"]] == [(c["name"], c["slug"]) for c in IDS["slugs"]]
    for case in IDS["blobs"]:
        sha256 = hashlib.sha256(case["text"].encode()).hexdigest()
        assert (sha256, layout.blob_path(sha256, case["extension"])) == (case["sha256"], case["path"])


@pytest.mark.parametrize("case", KEYS["keys"], ids=lambda c: c["key"])
def test_keys_both_ways(case: dict[str, Any]) -> None:
    """A context gives its canonical form and its key; the key gives name and canonical form."""
    assert names.canonical_context(case["context"]) == case["canonical"]
    assert names.metric_key(case["name"], case["canonical"]) == case["key"]
    assert names.parse_key(case["key"]) == (case["name"], case["canonical"])


def test_other_spellings_are_read_and_wrong_ones_refused() -> None:
    """Keys that people type read as they mean; what does not parse is refused with an error of ours."""
    for case in KEYS["also_read"]:
        assert names.parse_key(case["key"]) == (case["name"], case["canonical"])
    for key in KEYS["refused"]:
        with pytest.raises((InvalidName, InvalidValue)):
            names.parse_key(key)


BLOCK = re.compile(r"^```\w* file=(\S+?)(?: bytes=(\d+):(\d+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUOTES = [
    (page.name, *match.groups())
    for page in sorted((ROOT / "docs" / "format").glob("*.md"))
    for match in BLOCK.finditer(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("page", "name", "start", "end", "text"), QUOTES, ids=lambda v: None)
def test_docs_quote_the_vectors(page: str, name: str, start: str | None, end: str | None, text: str) -> None:
    """A code block of a page that names a file of the vectors holds that file, or those of its bytes, word for word."""
    data = (ROOT / name).read_bytes()
    if start is None:
        assert text == data.decode()
    else:
        assert bytes.fromhex(re.sub(r"#.*", "", text)) == data[int(start) : int(str(end))]


def test_docs_quote_every_kind() -> None:
    """The page on entries shows an entry of every kind."""
    quoted = {Path(name).name for page, name, *_ in QUOTES if page == "entries.md"}
    assert quoted >= set(ENTRIES["entries"])


def test_documented_queries_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SQL in the docs finds the rows of a segment that lies where a ledger has it."""
    duckdb = pytest.importorskip("duckdb")
    folder = tmp_path / ".ledger" / layout.run_folder(RUN)
    folder.mkdir(parents=True)
    (folder / SEGMENT["file"]).write_bytes((VECTORS / "segment.parquet").read_bytes())
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "format" / "index.md").read_text(encoding="utf-8")
    queries = re.findall(r"^```sql\n(.*?);\n```$", page, re.MULTILINE | re.DOTALL)
    assert len(queries) == 2
    for query in queries:
        found = duckdb.sql(
            f"SELECT metric, step, value FROM ({query}) ORDER BY metric, step NULLS LAST, value"
        ).fetchall()
        assert len(found) == len(SEGMENT["rows"])
        assert found[0] == ("test/auc", None, 0.91)
